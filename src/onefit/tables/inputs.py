"""What preparation hands to fitting: inputs of a network, and what is predicted."""

from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Goal", "Inputs"]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Columns as a network takes them: numbers and codes of categories, rows first.

    Args:
        numbers: float32, (rows, d), no NaN: what is missing has the mean of the
            training rows.
        codes: int32, (rows, c): 0 is missing or unknown, 1 to k the known values.
        sizes: The known values of each column of codes, without 0.
        doubles: How many columns of codes, the last, are numbers once more.

    Example:
        >>> inputs = Inputs(np.zeros((3, 2), "float32"), np.ones((3, 1), "int32"), (4,))
        >>> len(inputs), len(inputs[:2])
        (3, 2)
    """

    numbers: np.ndarray
    codes: np.ndarray
    sizes: tuple[int, ...]
    doubles: int = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: np.ndarray | slice) -> "Inputs":
        return replace(self, numbers=self.numbers[rows], codes=self.codes[rows])


@dataclass(frozen=True, eq=False)
class Goal:
    """What is predicted: its kind, its values, its names.

    Args:
        problem: A name of `onefit.tables.heads.HEADS`: 'binary', 'regression', ...
        values: int32 class numbers, or float64 numbers; (rows,).
        classes: The names of the classes, by number; None for numbers.
        weights: float32, (rows,), or None where all rows count the same.
    """

    problem: str
    values: np.ndarray
    classes: tuple | None
    weights: np.ndarray | None = None
