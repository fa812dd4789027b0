"""Formulas as MathML, made in the build: drawn without a script or a font."""

import re
from typing import Any  # Sphinx' writers and nodes

from latex2mathml.converter import convert

LONG = 25
"""Signs of a formula from which on it may be wider than the page of a telephone."""


def written(latex: str, display: str) -> str:
    """The MathML of a formula.

    >>> written("a", "inline").startswith("<math")
    True
    """
    latex = re.sub(r"(?<!\\)%.*", "", latex).strip()
    try:
        return convert(latex, display=display)
    except Exception as error:  # the converter's own are of many kinds
        raise ValueError(f"formula: {latex!r} cannot be read: {error!r}") from error


def visit_inline(self: Any, node: Any) -> None:
    """A formula in a sentence; a long one is scrolled where the page is narrow."""
    from docutils import nodes  # noqa: PLC0415

    made = written(node.astext(), "inline")
    if len(re.sub(r"&[^;]*;", "x", re.sub(r"<[^>]*>", "", made))) > LONG:
        made = f'<span class="long" tabindex="0" role="group">{made}</span>'
    self.body.append(made)
    raise nodes.SkipNode


def visit_block(self: Any, node: Any) -> None:
    """A formula by itself; a wide one is scrolled, from the keyboard too."""
    from docutils import nodes  # noqa: PLC0415

    self.body.append('<div class="math" tabindex="0" role="group">')
    self.body.append(written(node.astext(), "block"))
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Registers the renderer."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
