"""DataFrames with text, categories, dates and empty cells, as a table of numbers.

The columns are prepared as `onefit.tables` prepares them, by the rows that `fit` is
given.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from onefit.errors import invalid
from onefit.packages import package
from onefit.tables.preparation import Cells, Preparation
from onefit.tables.reading import read
from onefit.tables.roles import INPUTS, Column, columns_of
from onefit.tables.values import numbers
from onefit.types import Data

__all__ = ["Frames", "refuse_odd"]

MOST = 255
"""So many values of a category have a column of their own: the most frequent."""


class Frames(NamedTuple):
    """What the rows of `fit` told of the columns of a DataFrame.

    Attributes:
        columns: Each with its role, and why.
        preparation: How they become numbers.
    """

    columns: list[Column]
    preparation: Preparation

    @classmethod
    def of(cls, where: str, x: Data) -> "Frames | None":
        """What these rows tell; None where all are numbers already.

        Raises:
            ValueError: No column that says anything.
        """
        if next(_odd(x), None) is None:
            return None
        frame = read(x)
        columns = columns_of(frame, formats=frame.attrs["formats"])
        if not any(column.role in INPUTS for column in columns):
            reasons = "; ".join(f"{c.name!r}: {c.reason}" for c in columns)
            raise invalid(where, f"no column to learn from ({reasons})", "at least one")
        cells = Cells.of(frame, columns, frame.attrs["decimal"])
        rows = np.arange(len(frame))
        return cls(columns, Preparation.of(cells, columns, rows, most=MOST))

    def __call__(self, x: Any) -> np.ndarray:
        """The rows as numbers, (rows, features): a column for each known value."""
        pd = package("pandas", "An estimator of a table")
        names = [column.name for column in self.columns]
        frame = x if hasattr(x, "columns") else pd.DataFrame(x, columns=names)
        frame = read(frame)
        cells = Cells.of(frame, self.columns, frame.attrs["decimal"])
        inputs = self.preparation(cells)
        parts = [
            np.eye(size + 1, dtype=np.float32)[codes][:, 1:]
            for codes, size in zip(inputs.codes.T, inputs.sizes, strict=True)
        ]
        return np.concatenate([inputs.numbers, *parts], axis=1).astype(np.float64)


def _odd(x: Data) -> Iterator[tuple[str, Any]]:
    """The columns of a DataFrame that are no numbers or have gaps, with such a cell."""
    if not hasattr(x, "iloc") or not hasattr(x, "columns"):
        return
    for i, name in enumerate(x.columns):
        column = x.iloc[:, i]
        values, wrong = numbers(column)
        gaps = np.isnan(values) & ~np.isin(column, [np.inf, -np.inf])
        if (wrong | gaps).any():
            yield str(name), column[wrong | gaps].iloc[0]


def refuse_odd(where: str, x: Data) -> None:
    """Refuses a DataFrame with other than numbers, where fit was given numbers alone.

    Raises:
        ValueError: Text, dates or gaps, by the name of the column.
    """
    for name, cell in _odd(x):
        raise invalid(
            where,
            f"{cell!r} in the column {name!r}",
            "numbers, as it was fitted with",
            "fit it with such cells too, or fill them",
        )
