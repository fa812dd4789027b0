r"""A trace as LaTeX, to be put into a document with \usepackage{amsmath}."""

from onefit.guide.tracing.notation import Equation, Latex, escaped
from onefit.guide.tracing.pages import Section

__all__ = ["as_latex"]


def as_latex(sections: list[Section]) -> str:
    """Sections as paragraphs; equations in `align*`, one below the other."""
    lines = ["% needs \\usepackage{amsmath}"]
    for section in sections:
        lines += _section(section, 0)
    return "\n".join(lines) + "\n"


def _section(section: Section, depth: int) -> list[str]:
    command = "subsection*" if not depth else "paragraph"
    lines = [f"\\{command}{{{escaped(section.title)}}}"]
    run: list[Equation] = []
    for line in [*section.lines, None]:
        if isinstance(line, Equation):
            run.append(line)
            continue
        if run:
            lines += _align(run)
            run = []
        if line is not None:
            lines += _table(line) if isinstance(line, list) else [escaped(line), ""]
    for part in section.parts:
        lines += _section(part, depth + 1)
    return lines


def _align(equations: list[Equation]) -> list[str]:
    writer = Latex()
    rows = []
    for equation in equations:
        left = writer.text(equation.left)
        for i, step in enumerate(equation.steps):
            sign = ":=" if equation.sign == ":=" and not i else "="
            note = ""
            if equation.note and i == len(equation.steps) - 1:
                note = rf" && \text{{({escaped(equation.note)})}}"
            rows.append(f"{left} &{sign} {writer.text(step)}{note}")
            left = ""
    body = [f"  {row} \\\\" for row in rows[:-1]] + [f"  {rows[-1]}"]
    return ["\\begin{align*}", *body, "\\end{align*}"]


def _table(rows: list[list[str]]) -> list[str]:
    columns = "l" * len(rows[0])
    body = [" & ".join(escaped(cell) for cell in row) + r" \\" for row in rows]
    start = [f"\\begin{{tabular}}{{{columns}}}", body[0], "\\hline"]
    return [*start, *body[1:], "\\end{tabular}", ""]
