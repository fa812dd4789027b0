"""Arrays and weights, as scikit-learn's users hand them over, to train on."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_sample_weight

from onefit import config
from onefit.errors import invalid
from onefit.types import ArrayLike, Data

__all__ = ["ClassWeight", "Scaler", "Table", "folds_of", "held_out", "weights_of"]


ClassWeight: TypeAlias = str | Mapping | list | None
"""'balanced', a factor for each class, or a list of these for each label."""


class Scaler(NamedTuple):
    """What makes columns of mean 0 and deviation 1: z = (x - mean) / scale.

    The statistics are float64 and so is the subtraction: what a column of large numbers
    has in its last digits is not lost when z is cut to float32.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, weights: np.ndarray | None) -> "Scaler":
        """The scaler of these rows; a column that is constant is only shifted."""
        x = x.astype(np.float64, copy=False)
        # Two passes: the square of a large mean would swallow the deviations.
        mean = np.average(x, axis=0, weights=weights)
        variance = np.average((x - mean) ** 2, axis=0, weights=weights)
        scale = np.sqrt(variance)
        flat = scale <= 1e-14 * np.abs(mean)
        return cls(mean, np.where(flat, 1.0, scale))

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The columns, scaled: z = (x - mean) / scale."""
        return ((x - self.mean) / self.scale).astype(config.floatx())

    def back(self, z: np.ndarray) -> np.ndarray:
        """What was scaled, in float64: x = z · scale + mean."""
        return z.astype(np.float64) * self.scale + self.mean


class Table(NamedTuple):
    """What a network trains on.

    Attributes:
        x, y: Scaled inputs, encoded targets.
        w: Sample weights of mean 1, or None.
        total: The sum of the weights as they were given, or the number of rows.
        held: (x, y, w) to stop early by, or None.
    """

    x: np.ndarray
    y: np.ndarray
    w: np.ndarray | None
    total: float
    held: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None


def weights_of(
    x: Data,
    y: np.ndarray,
    sample_weight: ArrayLike | None,
    class_weight: ClassWeight = None,
    classes: ArrayLike | None = None,
) -> np.ndarray | None:
    """A weight for each row, of the row and its class; None where all are one.

    `classes` are all that there will be, where y need not have each.

    Raises:
        ValueError: Another number of weights, a negative one, all of them zero.
    """
    weights = None
    if sample_weight is not None:
        weights = np.asarray(sample_weight)
        if weights.ndim == 0:
            weights = np.full(x.shape[0], weights)
        checked: Any = check_array(
            weights, ensure_2d=False, dtype="float64", input_name="sample_weight"
        )
        weights = checked
        if weights.shape != (x.shape[0],):
            raise invalid(
                "sample_weight",
                f"weights of shape {weights.shape}",
                f"one for each of {x.shape[0]} rows",
            )
        if (weights < 0).any():
            raise invalid(
                "sample_weight", f"the weight {weights.min():g}", "numbers of 0 or more"
            )
    if class_weight is not None:
        _check_class_weight(class_weight, y, classes)
        of_class = compute_sample_weight(class_weight, y)
        weights = of_class if weights is None else weights * of_class
    if weights is not None and not weights.any():
        raise invalid(
            "sample_weight",
            "zero for every row",
            "at least one weight that is not zero",
        )
    return weights


def _check_class_weight(
    weights: ClassWeight, y: np.ndarray, known: ArrayLike | None
) -> None:
    """Refuses all but 'balanced' and a factor for some of the classes."""
    classes = np.unique(y if known is None else known).tolist()
    if isinstance(weights, str):
        if weights != "balanced":
            raise invalid(
                "class_weight",
                repr(weights),
                "'balanced', or a factor for each class",
                "write class_weight='balanced'",
            )
    elif not isinstance(weights, Mapping):
        if y.ndim == 2 and isinstance(weights, list):
            return  # a dict for each label
        pairs = ", ".join(f"{c!r}: {i + 1.0}" for i, c in enumerate(classes[:3]))
        raise invalid(
            "class_weight",
            repr(weights),
            "'balanced', or a dict",
            f"write class_weight={{{pairs}{', ...' if len(classes) > 3 else ''}}}",
        )
    elif strange := [name for name in weights if name not in classes]:
        raise invalid(
            "class_weight", f"the class {strange[0]!r}", f"some of {classes[:20]}"
        )


def folds_of(table: Table, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows to train on and rows to ask, for each fold; none if there are too few.

    The different rows, sorted by target, then by column, are dealt to the folds as
    cards are. So every fold has its share of every class and of all sizes of a target,
    no row is on both sides, and the order of the rows changes nothing.

    >>> table = Table(np.eye(16), np.arange(16.0), None, 16.0, None)
    >>> [held.tolist() for _, held in folds_of(table, 4)][0]
    [0, 4, 8, 12]
    """
    x, y, w = table[:3]
    rows = np.arange(len(x)) if w is None else np.flatnonzero(w)
    keys = np.column_stack([y[rows].reshape(len(rows), -1), x[rows]])
    different, own = np.unique(keys, axis=0, return_inverse=True)
    own, size = own.ravel(), len(different) // count
    if size < count:
        return []
    fold = np.where(own < size * count, own % count, count)  # what is left: trained on
    pairs = [(rows[fold != k], rows[fold == k]) for k in range(count)]
    most = [min(len(pair[i]) for pair in pairs) for i in range(2)]  # of one program
    return [(train[: most[0]], held[: most[1]]) for train, held in pairs]


def held_out(
    y: np.ndarray, fraction: float, seed: int, by_class: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The rows to train on, and those to stop early by, classes in equal shares."""
    rows = np.arange(len(y))
    strata = y if by_class and y.ndim == 1 else None
    try:
        parts = train_test_split(
            rows, test_size=fraction, random_state=seed, stratify=strata
        )
    except ValueError:  # a class with one row, or fewer held rows than classes
        parts = train_test_split(rows, test_size=fraction, random_state=seed)
    return np.sort(parts[0]), np.sort(parts[1])
