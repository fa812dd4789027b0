"""A trace for a notebook: one piece of HTML, without scripts or files beside it."""

import html

from onefit.guide.tracing.notation import Equation, Html
from onefit.guide.tracing.pages import Line, Section

__all__ = ["as_html"]

# Colours come from the page it is shown on, so that it can be read by day and night.
STYLE = """
.onefit-trace{font-family:system-ui,sans-serif;line-height:1.5;color:inherit}
.onefit-trace details{margin:.2em 0 .2em .2em;padding-left:.8em;
border-left:2px solid rgba(128,128,128,.4)}
.onefit-trace summary{cursor:pointer;font-weight:600}
.onefit-trace .row{display:grid;grid-template-columns:max-content 1fr;
column-gap:.5em;margin:.25em 0;font-family:Cambria,Georgia,serif;overflow-x:auto}
.onefit-trace .left{text-align:right;white-space:nowrap}
.onefit-trace .note{opacity:.75;font-family:system-ui,sans-serif;font-size:90%}
.onefit-trace table{border-collapse:collapse;margin:.4em 0}
.onefit-trace td,.onefit-trace th{padding:.1em .7em;text-align:left;
border-bottom:1px solid rgba(128,128,128,.4);color:inherit;background:none}
.onefit-trace .number{text-align:right;font-variant-numeric:tabular-nums}
""".strip()


def as_html(sections: list[Section]) -> str:
    """The sections, each of which can be folded."""
    body = "\n".join(_section(section) for section in sections)
    return f'<div class="onefit-trace"><style>{STYLE}</style>\n{body}\n</div>'


def _section(section: Section) -> str:
    inside = [_line(line) for line in section.lines]
    inside += [_section(part) for part in section.parts]
    opened = " open" if section.open else ""
    title = html.escape(section.title, quote=False)
    body = "\n".join(inside)
    return f"<details{opened}><summary>{title}</summary>\n{body}\n</details>"


def _line(line: Line) -> str:
    if isinstance(line, Equation):
        return _equation(line)
    if isinstance(line, list):
        return _table(line)
    return f'<div class="note">{html.escape(line, quote=False)}</div>'


def _equation(equation: Equation) -> str:
    writer = Html()
    rows = []
    for i, step in enumerate(equation.steps):
        left = writer.text(equation.left) if not i else ""
        sign = equation.sign if not i else "="
        note = ""
        if equation.note and i == len(equation.steps) - 1:
            text = html.escape(equation.note, quote=False)
            note = f' <span class="note">({text})</span>'
        rows.append(
            f'<span class="left">{left}</span><span>{sign} {writer.text(step)}{note}'
            "</span>"
        )
    return f'<div class="row">{"".join(rows)}</div>'


def _table(rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in rows[0])
    body = ""
    for row in rows[1:]:
        cells = "".join(
            f"<td{_class(cell)}>{html.escape(cell, quote=False)}</td>" for cell in row
        )
        body += f"<tr>{cells}</tr>"
    return f"<table><tr>{head}</tr>{body}</table>"


def _class(cell: str) -> str:
    plain = cell.replace(".", "").replace("-", "").replace("e", "").replace("+", "")
    return ' class="number"' if plain.isdigit() else ""
