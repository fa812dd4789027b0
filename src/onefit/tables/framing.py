"""Rows of cells become a frame: title, header and width are found, rows are checked."""

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from onefit.errors import invalid
from onefit.tables.options import Said
from onefit.tables.values import Frame, plain

__all__ = ["CHUNK", "HEAD", "Row", "Rows", "framed", "without_doubles"]

CHUNK, CELLS = 50_000, 2_000_000
"""Rows that are held as text at once, of wide tables so few that they have so many
cells."""

HEAD = 1000
"""Rows that show how a file is written."""

Row: TypeAlias = list[Any]
"""Cells: text, or what Excel has in them."""

Rows: TypeAlias = Iterator[tuple[int, Row]]
"""Rows, each with the line in which it begins."""


def framed(rows: Rows, said: Said, size: int | None) -> Iterator[Frame]:
    """Frames of these rows, once title, comments, header and width are found."""
    head = list(itertools.islice(rows, HEAD))
    head = [(line, row) for line, row in head if any(_full(cell) for cell in row)]
    if not head:
        raise invalid(said.where, "an empty file", "a header row and rows of data")
    width = _width(head)
    head = _without_title(head, width, said)
    (line, first), body = head[0], head[1:]
    names = said.options.names
    given = said.options.header
    if given if given is not None else _is_header(first, body):
        names = names or _names(first, width, said)
        head = body
    elif names is None:
        names = tuple(f"column{i + 1}" for i in range(width))
        if given is None:
            said.say(
                f"line {line} is data, not names: the columns are called column1 to "
                f"column{width} (header=True if it has the names)"
            )
    if len(names) != width:
        raise invalid("names", f"{len(names)} names", f"{width}, one for each column")
    if not head:
        raise invalid(said.where, "a header without rows", "rows of data below it")
    whole = _checked(itertools.chain(head, rows), width, said)
    yield from _gathered(whole, list(names), size)


def _full(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _width(head: list[tuple[int, Row]]) -> int:
    """The number of cells that most rows have; of two, that of the first."""
    counts = Counter(len(row) for _, row in head)
    most = max(counts.values())
    return next(len(row) for _, row in head if counts[len(row)] == most)


def _without_title(
    head: list[tuple[int, Row]], width: int, said: Said
) -> list[tuple[int, Row]]:
    """The rows from the header on: a title above has one cell that is filled."""
    at = 0
    while at < len(head) - 2 and width > 1 and sum(map(_full, head[at][1])) == 1:
        at += 1
    full = [len(row) == width and sum(map(_full, row)) > 1 for _, row in head[at:]]
    if not at or sum(full) < 2 or not full[0]:
        return head
    title = next(cell for cell in head[0][1] if _full(cell))
    said.say(f"line {head[0][0]}, {str(title)[:60]!r}, is above the table: left out")
    return head[at:]


def _is_header(first: Row, body: list[tuple[int, Row]]) -> bool:
    """Whether a row has names: no numbers, and not what stands below it again."""
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in first]
    if not body:
        return all(isinstance(cell, str) for cell in cells)
    for cell in cells:
        if cell is not None and not isinstance(cell, str):
            return False
        bare = plain(cell or "").lstrip("+-").replace(".", "", 1)
        if (
            bare[:1].isdigit()
            and bare.replace("e", "", 1).isalnum()
            and _is_number(cell)
        ):
            return False
    if len(body) < 3:
        return True
    below = [{str(c).strip() for c in column} for column in _columns(body, len(cells))]
    return not all(c in seen for c, seen in zip(cells, below, strict=True))


def _is_number(cell: str | None) -> bool:
    try:
        float(plain(cell or "").replace(",", "."))
    except ValueError:
        return False
    return True


def _columns(body: list[tuple[int, Row]], width: int) -> list[tuple]:
    rows = [row for _, row in body if len(row) == width]
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _names(first: Row, width: int, said: Said) -> tuple[str, ...]:
    names = ["" if cell is None else str(cell).strip() for cell in first]
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) == width - 1:  # R writes the names of rows without one of their own
        names = ["", *names]
    if len(names) != width:
        return tuple(names)
    for i, name in enumerate(names):
        if not name:
            names[i] = f"column{i + 1}"
            said.say(f"column {i + 1} has no name; it is called {names[i]!r}")
    return tuple(_different(names, said))


def _different(names: list[str], said: Said) -> list[str]:
    """The names; one that comes again gets a number."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            numbered = (f"{name}_{k}" for k in itertools.count(2))
            names[i] = next(n for n in numbered if n not in seen and n not in names)
            said.say(f"two columns are called {name!r}; the second is {names[i]!r} now")
        seen.add(names[i])
    return names


def _checked(rows: Rows, width: int, said: Said) -> Rows:
    """The rows of this many cells; others are refused, or left out if asked."""
    comment, left_out = said.options.comment, 0
    last = (0, 0)
    for line, row in rows:
        if len(row) > width and not any(_full(cell) for cell in row[width:]):
            row = row[:width]
        if len(row) == width:
            if any(_full(cell) for cell in row):
                last = (line, len(row))
                yield line, row
            continue
        if not any(_full(cell) for cell in row):
            continue
        if comment and str(row[0]).startswith(comment):
            said.say(f"line {line} begins with {comment!r} and is left out")
        elif said.options.ragged == "skip":
            left_out += 1
        else:
            follows = next(rows, None)
            cut = follows is None and len(row) < width
            raise invalid(
                f"{said.where}, line {line}",
                f"{len(row)} cells" + (" where the file ends" if cut else ""),
                f"{width}, as in line {last[0]}" if last[0] else f"{width}",
                "copy the file again, it seems to be cut off; or write ragged='skip' "
                "(--ragged skip) to leave such lines out"
                if cut
                else 'put a cell that holds a delimiter in "quotes", or write '
                "ragged='skip' (--ragged skip) to leave such lines out",
            )
    if left_out:
        said.say(f"{left_out} lines of another number of cells are left out")


def _gathered(rows: Rows, names: list[str], size: int | None) -> Iterator[Frame]:
    import pandas as pd

    most = max(min(size or CHUNK, CELLS // len(names)), 1)
    while part := list(itertools.islice(rows, most)):
        lines = pd.Index([line for line, _ in part], name="line")
        cells = zip(*(row for _, row in part), strict=True)
        columns = [pd.Series(list(cell), lines, object) for cell in cells]
        frame = pd.concat(columns, axis=1)
        frame.columns = names
        if size is None:
            rest = list(_gathered(rows, names, CHUNK))
            frame = pd.concat([frame, *rest]) if rest else frame
        yield frame


def without_doubles(frame: Frame, said: Said) -> Frame:
    """A frame whose columns have different names, all of them text."""
    frame.columns = _different([str(name) for name in frame.columns], said)
    return frame
