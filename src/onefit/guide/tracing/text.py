"""A trace for a terminal."""

import re
import textwrap

from onefit.guide.tracing.notation import Equation, Plain
from onefit.guide.tracing.pages import Line, Section

__all__ = ["WIDTH", "as_text", "lines_of"]

WIDTH = 88


def as_text(sections: list[Section]) -> str:
    """The sections, one below the other."""
    lines: list[str] = []
    for section in sections:
        lines += [*_section(section, 0), ""]
    return "\n".join(lines).rstrip() + "\n"


def _section(section: Section, depth: int) -> list[str]:
    pad = "  " * depth
    title = section.title
    lines = [*_wrapped(title, pad)]
    if not depth:
        lines.append("=" * max(map(len, lines)))
    for line in section.lines:
        lines += lines_of(line, pad + "  " * bool(depth))
    for part in section.parts:
        lines += [*_section(part, depth + 1), ""]
    return lines[:-1] if section.parts and not depth else lines


def lines_of(line: Line, pad: str) -> list[str]:
    """A sentence, a table or an equation as lines."""
    if isinstance(line, Equation):
        return _equation(line, pad)
    if isinstance(line, list):
        return _table(line, pad)
    return _wrapped(line, pad)


def _wrapped(text: str, pad: str) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=pad,
        subsequent_indent=pad + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    ) or [pad]


def _table(rows: list[list[str]], pad: str) -> list[str]:
    sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    room = WIDTH - len(pad) - 2 * (len(sizes) - 1)
    while sum(sizes) > room:
        sizes[sizes.index(max(sizes))] -= 1
    numbers = [i > 0 and _is_number(rows[-1][i]) for i in range(len(sizes))]
    lines = []
    for row in rows:
        cells = [
            _cut(cell, size).rjust(size) if right else _cut(cell, size).ljust(size)
            for cell, size, right in zip(row, sizes, numbers, strict=True)
        ]
        lines.append((pad + "  ".join(cells)).rstrip())
    return lines


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d.]+(e[-+]\d+)?|", text))


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else text[: size - 1] + "…"


def _equation(equation: Equation, pad: str) -> list[str]:
    """Its steps, each below the one before, or in one line where all fit."""
    plain = Plain()
    left = plain.text(equation.left)
    steps = [plain.text(step) for step in equation.steps]
    signs = [equation.sign, *["="] * (len(steps) - 1)]
    pairs = list(zip(signs, steps, strict=True))
    note = f"   ({equation.note})" if equation.note else ""
    whole = pad + left + "".join(f" {sign} {step}" for sign, step in pairs) + note
    if len(whole) <= WIDTH:
        return [whole]
    inner = pad + " " * len(left)
    lines, line = [], pad + left
    for sign, step in pairs:
        more = f" {sign} {step}"
        if len(line + more) <= WIDTH:
            line += more
            continue
        if line.strip() != left:
            lines.append(line)
            line = inner
        pieces = _broken(line + more, inner + "   ")
        lines += pieces[:-1]
        line = pieces[-1]
    if len(line + note) <= WIDTH:
        return [*lines, line + note]
    return [*lines, line, *_wrapped(note.strip(), inner + " ")]


def _broken(text: str, pad: str) -> list[str]:
    """A line that is too long, broken before its plus signs, or between numbers."""
    if len(text) <= WIDTH:
        return [text]
    lines, line = [], ""
    mark = " + " if " + " in text else ", "
    for i, term in enumerate(text.split(mark)):
        more = f"{mark}{term}" if i else term
        if line and len(line + more) > WIDTH:
            lines.append(line)
            line = pad + more.lstrip()
        else:
            line += more
    return [*lines, line]
