"""How Sphinx builds the site; docs/build.py calls it."""

import functools
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "src")]

import formulas
import mathml
import reference
from docutils import nodes

import onefit

project = "onefit"
author = "the authors of onefit"
project_copyright = author
release = version = onefit.__version__
language = "en"
needs_sphinx = "8.0"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
exclude_patterns = ["README.md"]
suppress_warnings = [
    "myst.header",  # findings begin with small headings
    "config.cache",  # functions in this file
    "ref.python",  # a History in a signature may be the callback or the result
]

html_theme = "furo"
html_title = f"onefit {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#00558a",
        "color-brand-content": "#00558a",
        "color-brand-visited": "#6a3d7c",
    },
    "dark_css_variables": {
        "color-brand-primary": "#6cb6ff",
        "color-brand-content": "#6cb6ff",
        "color-brand-visited": "#c9a1e0",
    },
    "top_of_page_buttons": [],
}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
html_math_renderer = "mathml"

myst_enable_extensions = ["dollarmath", "attrs_inline"]
myst_heading_anchors = 3
nb_execution_mode = os.environ.get("ONEFIT_DOCS_RUN", "off")
nb_execution_cache_path = str(HERE.parents[1] / "build" / "site" / "cache")
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_show_tb = True  # and a warning, which ends the build with an error
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", 0), ("html", "text/html", 20)]

autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

DIFFERS = re.compile(r"^( *)Differs from Keras: (.*?)(?=\n\s*\n|\Z)", re.M | re.S)
NAMES = re.compile(r"^( +[\w, *]+,)\n +(?=[\w, *]+[:,]$|[\w, *]+: )", re.M)
"""Names of arguments that go on in a second line."""


def marked(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]):
    """Makes reStructuredText of a docstring of ours, which is nearly that."""
    del app, what, name, obj, options
    text = "\n".join(lines)
    while text != (text := NAMES.sub(r"\1 ", text)):
        pass
    text = formulas.typeset(DIFFERS.sub(differing, text))
    lines[:] = [ln if is_program(ln) else plain(ln) for ln in text.split("\n")]


def differing(match: re.Match[str]) -> str:
    """What differs from Keras, in a box of its own."""
    inside = "".join(f"{line.strip()}\n   {match[1]}" for line in match[2].split("\n"))
    return (
        f"\n{match[1]}.. admonition:: Differs from Keras\n\n{match[1]}   "
        f"{inside.rstrip()}\n"
    )


def is_program(line: str) -> bool:
    """Whether a line of a docstring is an example's."""
    return line.lstrip().startswith((">>>", "..."))


def plain(line: str) -> str:
    r"""Bars and stars as they are: |x|, *layers.

    >>> plain("|x| of *rows, `a | b`")
    '\\|x\\| of \\*rows, ``a | b``'
    """
    bullet = re.match(r" *\* |", line)
    start = bullet[0] if bullet else ""
    parts = re.split(r"(`+[^`]*`+)", line[len(start) :])
    for number, part in enumerate(parts):
        if number % 2 and parts[number - 1].endswith(":math:"):
            continue
        if number % 2 and not part.startswith("``"):
            parts[number] = named(part.strip("`"))
        elif number % 2 == 0:
            emphasis = re.search(r"(?<!\S)\*[^*\s][^*]*\*(?!\S)", part)
            found = part if emphasis else part.replace("*", r"\*")
            parts[number] = found.replace("|", r"\|")
    return start + "".join(parts)


def named(words: str) -> str:
    """Code in a sentence; the name of something public leads there.

    >>> named("LSTM")
    ':py:obj:`LSTM <onefit.layers.LSTM>`'
    """
    found = index().get(words)
    return f":py:obj:`{words} <{found}>`" if found else f"``{words}``"


@functools.cache
def index() -> dict[str, str]:
    """Where each public name is described that is one thing's alone."""
    found: dict[str, set[str]] = {}
    for entry in reference.entries():
        for name in entry.names:
            found.setdefault(name, set()).add(entry.name)
            found.setdefault(name.rpartition(".")[2], set()).add(entry.name)
    return {name: min(where) for name, where in found.items() if len(where) == 1}


def foreign(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any):
    """Methods that another package made are described there."""
    del app, what, name, options
    home = getattr(obj, "__module__", None) or "onefit"
    return True if not home.startswith("onefit") else skip or None


def described(app: Any, doctree: nodes.document) -> None:
    """Words for the ear: a picture is called by the heading above it, a column too."""
    for entry in doctree.findall(nodes.thead):
        for cell in entry.findall(nodes.entry):
            if not cell.astext().strip():
                said = "설명" if app.env.docname.startswith("ko/") else "about"
                words = nodes.inline("", said, classes=["for-the-ear"])
                cell.children = []
                cell += nodes.paragraph("", "", words)
    for image in doctree.findall(nodes.image):
        if not image.get("alt"):
            section: Any = image
            while section is not None and not isinstance(section, nodes.section):
                section = section.parent
            heading = section[0].astext() if section is not None else ""
            image["alt"] = f"Picture: {heading}"


def spoken(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any):
    """Korean pages say that they are Korean."""
    del app, template, doctree
    if page.startswith("ko/"):
        context["language"] = "ko"


def returning(app: Any) -> list[Any]:
    """Source pages lead back to where their names are described.

    Sphinx takes the room of the first name that it meets, which may be that of an
    attribute that another file's class has.
    """
    rooms = {
        (getattr(entry.thing, "__module__", ""), entry.name.rpartition(".")[2]): entry
        for entry in reference.entries()
    }
    modules = getattr(app.env, "_viewcode_modules", {})
    for module, found in modules.items():
        if found:
            code, tags, used, _ = found
            for name in used:
                entry = rooms.get((module, name.partition(".")[0]))
                if entry is not None:
                    modules[module] = code, tags, used, entry.room
                    break
    return []


REACHED = {
    'role="heading"><span class="caption': 'role="heading" aria-level="2"><span '
    'class="caption',
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" '
    'aria-label="Contents of the site">',
    '<aside class="toc-drawer': '<aside aria-label="Contents of the page" '
    'class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}
"""What the theme leaves unsaid to readers by ear, or out of reach of the keyboard."""


HEAVY = re.compile(
    r'<code class="xref py py-obj docutils literal notranslate">'
    r'<span class="pre">([^<]*)</span></code>'
)
"""A link to a name, with classes that nothing uses: a third of the index's weight."""


def reached(app: Any, exception: Exception | None) -> None:
    """Names landmarks and headings, and lets what scrolls be scrolled by keys."""
    if exception is not None:
        return
    for file in Path(app.outdir).rglob("*.html"):
        before = text = file.read_text("utf-8")
        for old, new in REACHED.items():
            text = text.replace(old, new)
        text = HEAVY.sub(r'<code class="literal">\1</code>', text)
        if file.name == "search.html":
            article = re.search(r"<article[^>]*>", text)
            if article and "<h1" not in text:
                at = article.end()
                text = f'{text[:at]}<h1 class="for-the-ear">Search</h1>{text[at:]}'
        if text != before:
            file.write_text(text, "utf-8")


def setup(app: Any) -> None:
    """Adds what is ours."""
    app.connect("autodoc-process-docstring", marked, priority=400)
    app.connect("autodoc-skip-member", foreign)
    app.connect("doctree-read", described)
    app.connect("html-page-context", spoken)
    app.connect("html-collect-pages", returning, priority=400)
    app.connect("build-finished", reached)
    mathml.setup(app)
    # Each program's start is no news.
    logging.getLogger("traitlets").setLevel(logging.WARNING)
