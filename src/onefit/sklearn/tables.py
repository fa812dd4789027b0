"""Tables: from what scikit-learn's users hand over to what a network trains on."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_sample_weight

from onefit import config
from onefit.errors import invalid

__all__ = ["Scaler", "Table", "held_out", "weights_of"]


class Scaler(NamedTuple):
    """What makes columns of mean 0 and deviation 1: z = (x - mean) / scale.

    The statistics are float64 and so is the subtraction: what a column of large numbers
    has in its last digits is not lost when z is cut to float32.
    """

    mean: Any
    scale: Any

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
    x: Any, y: np.ndarray, sample_weight: Any, class_weight: Any = None
) -> np.ndarray | None:
    """A weight for each row, of the row and its class; None where all are one.

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
        of_class = compute_sample_weight(class_weight, y)
        weights = of_class if weights is None else weights * of_class
    if weights is not None and not weights.any():
        raise invalid(
            "sample_weight",
            "zero for every row",
            "at least one weight that is not zero",
        )
    return weights


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
