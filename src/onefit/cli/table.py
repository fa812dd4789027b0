"""Tables: a CSV file as columns of numbers, or a plain word of what is wrong."""

import csv
import os
import re
from typing import NamedTuple

import numpy as np

from onefit.errors import invalid, unknown

__all__ = ["Table", "Target", "read", "target"]

CLASSES = 20
"""Whole numbers that repeat, with at most this many values, are taken for classes."""

SIGNS = "€$£¥₹%"
"""Signs beside a number that are not part of it."""

THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
"""A number whose digits stand in groups of three."""


class Table(NamedTuple):
    """A header and rows of text."""

    path: str
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def index(self, column: str, option: str) -> int:
        """Where a column is; refuses one that is not there, with the nearest."""
        if column not in self.header:
            raise unknown(f"column in {option}", column, self.header)
        return self.header.index(column)

    def numbers(self, columns: list[int], target: bool = False) -> np.ndarray:
        """These columns as float64, (rows, columns).

        Raises:
            ValueError: Text, an empty cell or NaN: which line, which column.
        """
        try:
            wanted = [[plain(row[c]) for c in columns] for row in self.rows]
            array = np.array(wanted, dtype=np.float64)
        except ValueError:
            array = np.array([np.nan])
        if not np.isfinite(array.astype(np.float32)).all():
            raise self._first_bad(columns, target)
        return array

    def _first_bad(self, columns: list[int], target: bool) -> ValueError:
        for line, row in zip(self.lines, self.rows, strict=True):
            for c in columns:
                try:
                    ok = bool(np.isfinite(np.float32(plain(row[c]))))
                except ValueError:
                    ok = False
                if not ok:
                    name = self.header[c]
                    return invalid(
                        f"{self.path}, line {line}, column {name!r}",
                        repr(row[c]) if row[c].strip() else "an empty cell",
                        "a number",
                        "correct or remove the line"
                        + ("" if target else f", or write --drop {name}"),
                    )
        raise AssertionError("called for a table of numbers")


def plain(cell: str) -> str:
    """A cell without what is written around a number: signs, groups of three digits.

    >>> plain(" $1,234.50 "), plain("-12 %"), plain("0,125"), plain("red")
    ('1234.50', '-12', '0,125', 'red')
    """
    text = cell.strip()
    minus = "-" * text.startswith("-")
    bare = minus + text.removeprefix("-").strip(f"{SIGNS} ")
    return bare.replace(",", "") if THOUSANDS.fullmatch(bare) else bare


class Target(NamedTuple):
    """What is predicted: the kind of problem, why, the values, the classes if any."""

    problem: str
    reason: str
    y: np.ndarray
    classes: list[str] | None


def read(path: str) -> Table:
    """Reads a CSV file with a header row.

    Raises:
        ValueError: No such file, an empty one, a ragged line, a column name twice.
    """
    if not os.path.isfile(path):
        raise invalid(path, "no such file", "a CSV file with a header row")
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        try:
            header = [name.strip() for name in next(reader, [])]
            rows, lines = [], []
            for row in reader:
                if row:
                    rows.append(row)
                    lines.append(reader.line_num)
        except (csv.Error, UnicodeDecodeError) as error:
            raise invalid(path, str(error), "a CSV file in UTF-8") from None
    if not header or not rows:
        raise invalid(
            path,
            "an empty file" if not header else "a header without rows",
            "a header row and rows of data",
        )
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise invalid(
            f"{path}, line 1",
            f"the column {sorted(twice)[0]!r} twice",
            "a header row with different names",
            "name the columns in the first line",
        )
    for line, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise invalid(
                f"{path}, line {line}",
                f"{len(row)} cells",
                f"{len(header)}, as in the header",
                'put a cell that holds a comma in "quotes"',
            )
    return Table(path, header, rows, lines)


def target(table: Table, column: int, problem: str) -> Target:
    """What the target column asks for, by the table of lecture 004."""
    cells = [row[column].strip() for row in table.rows]
    if "" in cells:
        table.numbers([column], target=True)  # says which line
    try:
        values = np.array([plain(cell) for cell in cells], dtype=np.float64)
    except ValueError:
        values = None
    different = len(set(cells)) if values is None else len(np.unique(values))
    whole = values is not None and np.array_equal(values, np.rint(values))
    if problem == "auto":
        again = whole and different <= CLASSES and 2 * different <= len(cells)
        few = values is None or again
        problem = "binary" if different == 2 else "multiclass" if few else "regression"
    if different < 2:
        raise invalid(
            f"{table.path}, column {table.header[column]!r}",
            f"the one value {cells[0]!r} in every row",
            "a target with at least two values",
        )
    if values is None and 2 * different > len(cells):
        raise invalid(
            f"{table.path}, column {table.header[column]!r}",
            f"{different} different words in {len(cells)} rows, such as {cells[0]!r}",
            "classes that come again and again, or numbers",
            "choose another --target, or write its cells as plain numbers: 1234.5",
        )
    if problem == "regression":
        y = table.numbers([column], target=True).astype(np.float32)
        return Target(problem, f"{different} different numbers", y, None)
    if problem == "binary" and different != 2:
        raise invalid(
            "--problem binary",
            f"{different} different values",
            "two",
            "write --problem multiclass",
        )
    order, y = np.unique(cells if values is None else values, return_inverse=True)
    classes = [str(v) if values is None else f"{v:.15g}" for v in order]
    kind = "words" if values is None else "whole numbers" if whole else "numbers"
    return Target(problem, f"{different} different {kind}", y.astype(np.int32), classes)
