"""Sentences about cells that are unlike those of training, for a row or for many."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from onefit.tables.roles import MOST_WORDS, Column
from onefit.tables.values import Series, numbers, words

__all__ = [
    "beyond",
    "listed",
    "new_words",
    "no_such_cell",
    "now_missing",
    "odd_cells",
    "others",
]


def odd_cells(column: Column, cells: Series, decimal: str) -> Iterator[str]:
    """Words that are new, numbers beyond those of training, cells that say nothing."""
    if column.role in ("category", "ordered"):
        codes, found = words(cells)
        known = set(column.values)
        new = [i for i, word in enumerate(found) if word not in known]
        if new and len(known) < MOST_WORDS:  # else rare ones were seen, and not kept
            count = int(np.isin(codes, new).sum())
            yield new_words(column, [found[i] for i in new], count)
    if column.role == "number" and column.lowest is not None:
        values, wrong = numbers(cells, decimal)
        if wrong.any():
            place = f" in {cells.index.name or 'row'} {cells.index[wrong][0]}"
            yield no_such_cell(column, cells[wrong].iloc[0], place, int(wrong.sum()))
        outside = (values < column.lowest) | (values > (column.highest or 0.0))
        if outside.any():
            odd = values[outside]
            most = odd[np.abs(odd - column.lowest).argmax()]
            yield beyond(column, most, int(outside.sum()))
    if not column.missing and cells.isna().any():
        yield now_missing(column, int(cells.isna().sum()))


def others(
    wanted: Sequence[str], known: Iterable[str], names: Iterable[str]
) -> list[str]:
    """What is odd about the columns that there are: `wanted`, and all of training."""
    names, known = list(names), set(known)
    found = []
    if absent := [name for name in wanted if name not in names]:
        found.append(f"no column {listed(absent)}: taken as missing in every row")
    if more := [name for name in names if name not in known]:
        found.append(f"{listed(more)}: not in the training table, so left aside")
    return found


def new_words(column: Column, found: Sequence[str], rows: int | None = None) -> str:
    """Of words of a category that are new."""
    return (
        f"column {column.name!r}: {listed(found, 3)} was never seen in training"
        f"{_of(rows)}: taken as unknown"
    )


def no_such_cell(
    column: Column, cell: object, place: str = "", rows: int | None = None
) -> str:
    """Of a cell that is no number, or no date."""
    shown = repr(cell) if len(repr(cell)) < 60 else f"{repr(cell)[:56]}..."
    return (
        f"column {column.name!r}: {shown}{place} is no {column.role}: taken as missing"
        f"{_of(rows)}"
    )


def beyond(column: Column, value: float, rows: int | None = None) -> str:
    """Of a number where training had none."""
    return (
        f"column {column.name!r}: {value:.6g} is outside of {column.lowest:.6g} to "
        f"{column.highest:.6g}, where training was{_of(rows)}"
    )


def now_missing(column: Column, rows: int | None = None) -> str:
    """Of a cell that is missing, where none was in training."""
    place = "" if rows is None else f" in {rows:,} {_rows(rows)}"
    words = column.role in ("category", "text")
    return (
        f"column {column.name!r}: missing{place}, as in no row of training: taken as "
        + ("unknown" if words else "the middle value")
    )


def listed(names: Sequence[str], most: int = 5) -> str:
    """Names in a sentence.

    >>> listed(["a", "b", "c"], 2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _of(rows: int | None) -> str:
    return "" if rows is None else f" ({rows:,} {_rows(rows)})"


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
