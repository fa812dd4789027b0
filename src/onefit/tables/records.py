"""Rows that come one by one, as a service gets them, become cells without a frame.

A frame of pandas costs milliseconds; a service has many small requests. Cells mean here
what they mean in a frame: what is not plain goes through the same functions.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from onefit.tables.odd import beyond, new_words, no_such_cell, now_missing
from onefit.tables.preparation import Cells, counted
from onefit.tables.roles import INPUTS, Column
from onefit.tables.values import MISSING, dates, numbers, without_unit, word

__all__ = ["Record", "Records"]

Record: TypeAlias = Mapping[str, Any]
"""A row by the names of its columns: text, numbers, true, false, or None."""

Notes: TypeAlias = list[list[str]]
"""What is odd about each row, in sentences."""


class Records:
    """Turns rows into cells, and says what is odd about each.

    Args:
        columns: Those of the training table.
        missing: What is written where nothing is known.

    Example:
        >>> age = Column("age", "number", "", lowest=0.0, highest=90.0, missing=0.1)
        >>> cells, notes = Records([age])([{"age": "1,200"}, {"age": None}])
        >>> cells.values["age"].tolist(), notes[1]
        ([1200.0, nan], [])
        >>> notes[0]
        ["column 'age': 1200 is outside of 0 to 90, where training was"]
    """

    def __init__(
        self, columns: Sequence[Column], missing: Iterable[str] = MISSING
    ) -> None:
        self.columns = [column for column in columns if column.role in INPUTS]
        self.missing = frozenset(name.lower() for name in missing) | {""}
        self.absent = {float(w) for w in self.missing if _is_number(w)}
        self.known = {c.name: frozenset(c.values) for c in self.columns}
        spelled = {c.name: {v.lower(): v for v in c.values} for c in self.columns}
        self.flags = {  # JSON has true where the table may have TRUE
            name: {
                flag: words.get(str(flag).lower(), str(flag)) for flag in (False, True)
            }
            for name, words in spelled.items()
        }

    def __call__(self, rows: Sequence[Record]) -> tuple[Cells, Notes]:
        """The cells of these rows, and what is odd about each of them."""
        cells, notes = Cells(rows=len(rows)), [[] for _ in rows]
        for column in self.columns:
            given = [row.get(column.name) for row in rows]
            _READERS[column.role](self, column, given, cells, notes)
        return cells, notes

    def numbers(
        self, column: Column, given: list[Any], cells: Cells, notes: Notes
    ) -> None:
        """A column of numbers; numbers of JSON as they are."""
        if all(type(cell) in (float, int, type(None)) for cell in given):
            found = [math.nan if cell is None else _float(cell) for cell in given]
            values, wrong = np.array(found), None
        else:
            bare = _series([_bare(cell, column.unit) for cell in given])
            values, wrong = numbers(bare, missing=self.missing)
        if self.absent:
            values[np.isin(values, list(self.absent))] = np.nan
        self._keep(column, given, values, wrong, cells, notes)
        if column.lowest is None or column.highest is None:
            return
        outside = (values < column.lowest) | (values > column.highest)
        for i in np.flatnonzero(outside):
            notes[i].append(beyond(column, values[i]))

    def dates(
        self, column: Column, given: list[Any], cells: Cells, notes: Notes
    ) -> None:
        """A column of dates: as the training table writes them, or as ISO 8601 does."""
        text = _series([None if cell is None else str(cell) for cell in given])
        values, wrong = dates(text, column.format, self.missing)
        if wrong.any() and column.format not in (None, "ISO8601"):
            again, wrong = dates(text.where(wrong), "ISO8601", self.missing)
            values = np.where(np.isnan(values), again, values)
        self._keep(column, given, values, wrong, cells, notes)

    def _keep(
        self,
        column: Column,
        given: list[Any],
        values: np.ndarray,
        wrong: np.ndarray | None,
        cells: Cells,
        notes: Notes,
    ) -> None:
        """Keeps the values of a column, and says where there are none."""
        cells.values[column.name] = values
        bad: set[int] = set()
        if wrong is not None and wrong.any():
            bad = set(np.flatnonzero(wrong).tolist())
            cells.wrong[column.name] = len(bad)
        for i in bad:
            notes[i].append(no_such_cell(column, given[i]))
        if not column.missing:
            for i in set(np.flatnonzero(np.isnan(values)).tolist()) - bad:
                notes[i].append(now_missing(column))

    def words(
        self, column: Column, given: list[Any], cells: Cells, notes: Notes
    ) -> None:
        """A column of words: a category, with an order or none, or a text."""
        places = dict[str, int]()
        codes = np.empty(len(given), np.int64)
        for i, cell in enumerate(given):
            name = self.spelled(column, cell)
            if name is None:
                codes[i] = -1
                if not column.missing:
                    notes[i].append(now_missing(column))
                continue
            codes[i] = places.setdefault(name, len(places))
            if column.role != "text" and name not in self.known[column.name]:
                notes[i].append(new_words(column, [name]))
        found = list(places)
        if column.role == "category":
            cells.codes[column.name], cells.words[column.name] = codes, found
        elif column.role == "text":
            cells.counts[column.name] = counted(codes, found)
        else:
            cells.values[column.name] = column.ranks(found)[codes]

    def spelled(self, column: Column, cell: object) -> str | None:
        """A cell as a word of its column; None is missing."""
        if cell is None:
            return None
        name = self.flags[column.name][cell] if isinstance(cell, bool) else word(cell)
        return None if name.lower() in self.missing else name


_READERS: dict[str, Callable[[Records, Column, list, Cells, Notes], None]] = {
    "number": Records.numbers,
    "date": Records.dates,
    "category": Records.words,
    "ordered": Records.words,
    "text": Records.words,
}


def _bare(cell: Any, unit: str) -> Any:
    """A cell without the unit that the column has."""
    return without_unit(cell.strip(), unit) if unit and isinstance(cell, str) else cell


def _series(cells: list[Any]) -> Any:  # a Series of pandas
    import pandas as pd

    return pd.Series(cells, dtype=object)


def _float(cell: float) -> float:
    """A number; one that is too large for float64, or infinite, is not known."""
    try:
        value = float(cell)
    except OverflowError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
