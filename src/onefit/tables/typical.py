"""Rows that are typical of a table, from what a model keeps of its columns."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onefit import config
from onefit.tables.records import Records
from onefit.tables.roles import Column

__all__ = ["typical"]


def typical(
    columns: Sequence[Column], rows: int, row: Mapping[str, Any], seed: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Typical rows, column by column, and the cells of one more row, written as theirs.

    A model keeps no rows of its training table, but deciles of numbers and dates and
    the commonest words, each with its share (`drift`). Every column is drawn from its
    own, by itself; a text is missing.

    Args:
        columns: Those of the training table.
        rows: How many.
        row: The one more.
        seed: Of the draw.

    Example:
        >>> age = Column("age", "number", "", lowest=1.0, highest=9.0)
        >>> age.parts, age.shares = [3.0, 5.0], [0.5, 0.5, 0.0, 0.0]
        >>> many, one = typical([age], 100, {"age": "7"})
        >>> sorted(set(many["age"].tolist())), float(one["age"])
        ([3.0, 5.0], 7.0)
    """
    rng, records = config.generator(seed), Records(columns)
    cells, _ = records([row])
    many: dict[str, np.ndarray] = {}
    one: dict[str, Any] = {}
    for column in records.columns:
        name, drawn = column.name, _drawn(column, rows, rng)
        if column.role in ("number", "date"):
            values = np.array([*drawn, cells.values[name][0]], float)
            if column.role == "date":
                values = _times(values)
            many[name], one[name] = values[:-1], values[-1]
        else:
            many[name] = np.array(drawn, object)
            one[name] = records.spelled(column, row.get(name))
    return many, one


def _drawn(column: Column, rows: int, rng: np.random.Generator) -> list[Any]:
    """Cells as they were in training: numbers, days, words; None is missing."""
    if not column.shares:
        return [None] * rows
    numeric = column.role in ("number", "date")
    last: list[Any] = [column.highest]
    if not numeric:
        last = sorted(set(column.values) - set(column.parts))
    shares = np.array(column.shares)
    at = rng.choice(len(shares), rows, p=shares / shares.sum())
    rest = last or [None]
    return [
        column.parts[i]
        if i < len(column.parts)
        else rest[int(rng.integers(len(rest)))]
        if i == len(column.parts)
        else None
        for i in at
    ]


def _times(days: np.ndarray) -> np.ndarray:
    """Days since 1970 as times."""
    known = np.nan_to_num(days)
    times = np.datetime64(0, "us") + (known * 86_400_000_000).astype("timedelta64[us]")
    return np.where(np.isnan(days), np.datetime64("NaT"), times)
