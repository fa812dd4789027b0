"""Heads: for each kind of target, what a network says, its loss, and what it means.

A network gives numbers without bounds. A head turns them into probabilities of classes
or into a number, and the target into what the loss compares them with.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit import losses
from onefit.description import setting
from onefit.types import Array

__all__ = ["HEADS", "Head"]


TINY = 1e-7
"""The least probability, or mean of a count, that a loss takes the logarithm of."""


def _plain(y: np.ndarray) -> np.ndarray:
    return y


# The loss of each row -----------------------------------------------------------------


def _improbable(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(p[np.arange(len(y)), y], TINY, 1))


def _square(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.square(y - p)


def _square_of_logs(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.square(np.log1p(np.maximum(y, 0)) - np.log1p(np.maximum(p, 0)))


def _deviance(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.maximum(p, TINY)
    return 2 * (y * np.log(np.where(y > 0, y, 1) / p) * (y > 0) - y + p)


# Heads --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Head:
    """How one kind of target is learned.

    Attributes:
        title: What it is called in a report.
        why: The head and the loss, in a sentence's end.
        loss: What networks lower.
        lost: The loss of each row, of true values and what is said of them.
        answer: From what a network gives, (..., outputs), to probabilities (...,
            classes), or to a number (...,).
        targets: From class numbers and how many classes there are to what the loss
            compares; for numbers from those of mean 0 and deviation 1.
        signed: Whether a number may be below 0.
        classes: Whether the target has classes.
        outputs: How many outputs there are for so many classes.
        into, back: A number as the network learns it, before it is scaled; and back.
        centered: Whether the mean is taken away when it is scaled.
        last: The activation of the last layer.
        rate, activation: Of RealMLP.
        metric: What is chosen by, unless asked otherwise.
    """

    title: str
    why: str
    loss: losses.Loss
    lost: Callable[[np.ndarray, np.ndarray], np.ndarray]
    answer: Callable[[Array], Array]
    targets: Callable[[np.ndarray, int], np.ndarray]
    metric: str
    signed: bool = True
    classes: bool = True
    outputs: Callable[[int], int] = lambda classes: 1
    into: Callable[[np.ndarray], np.ndarray] = _plain
    back: Callable[[np.ndarray], np.ndarray] = _plain
    centered: bool = True
    last: str = "linear"
    rate: float = 0.04
    activation: str = "selu"

    @property
    def ends(self) -> "Head":
        """The head for the ends of an interval around a number: two quantiles."""
        return replace(
            self, loss=Quantiles(ENDS), lost=_off_ends, answer=_low_high,
            outputs=lambda classes: 2, last="linear", rate=0.04, activation="mish",
        )  # fmt: skip

    def scale(self, own: np.ndarray) -> tuple[float, float]:
        """The middle and the spread of the numbers trained on."""
        if self.classes:
            return 0.0, 1.0
        own = self.into(own).astype(float)
        if not self.centered:
            return 0.0, float(own.mean()) or 1.0
        return float(own.mean()), float(own.std()) or 1.0


def _two(z: Array) -> Array:
    a = jax.nn.sigmoid(z[..., 0])
    return jnp.stack([1 - a, a], axis=-1)


def _steps(z: Array) -> Array:
    """P(y > k) for each k but the last, as probabilities of the classes."""
    above = list(jnp.moveaxis(jax.nn.sigmoid(z), -1, 0))
    for k in range(1, len(above)):  # to be above more is never likelier
        above[k] = jnp.minimum(above[k], above[k - 1])
    edges = jnp.stack([jnp.ones_like(above[0]), *above, 0 * above[0]], axis=-1)
    return edges[..., :-1] - edges[..., 1:]


class Quantiles(losses.Loss):
    """L = (1/n) Σᵢ max(q·(y - ŷᵢ), (q - 1)·(y - ŷᵢ)), ŷᵢ being the quantile qᵢ of y.

    Args:
        levels: The q, one for each of the outputs.

    Example:
        >>> float(Quantiles((0.1, 0.9))(np.array([[1.0]]), np.array([[0.0, 0.0]])))
        0.5

    Source: Koenker and Bassett 1978, "Regression quantiles".
    """

    compares = "regression"

    levels: Any = setting(default=(0.05, 0.95), convert=tuple)

    def call(self, y_true: Array, y_pred: Array) -> Array:
        off = y_true - y_pred
        q = jnp.asarray(self.levels, off.dtype)
        return jnp.maximum(q * off, (q - 1) * off).mean(axis=-1)


ENDS = (0.05, 0.95)
"""The quantiles that are the ends of an interval."""


def _off_ends(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    off, q = y[:, None] - p, np.array(ENDS)
    return np.maximum(q * off, (q - 1) * off).mean(axis=1)


def _low_high(z: Array) -> Array:
    return jnp.sort(z, axis=-1)


def _first(z: Array) -> Array:
    return z[..., 0]


def _column(y: np.ndarray, classes: int) -> np.ndarray:
    del classes
    return y.astype("float32")[:, None]


def _above(y: np.ndarray, classes: int) -> np.ndarray:
    """Whether the class is above each but the last."""
    return (y[:, None] > np.arange(classes - 1)).astype("float32")


HEADS = {
    "binary": Head(
        "two classes",
        "one probability, the logarithmic loss",
        losses.BinaryCrossentropy(from_logits=True),
        _improbable,
        _two,
        _column,
        "log_loss",
    ),
    "multiclass": Head(
        "classes",
        "a probability for each class, the logarithmic loss",
        losses.SparseCategoricalCrossentropy(from_logits=True),
        _improbable,
        jax.nn.softmax,
        lambda y, classes: y,
        "log_loss",
        outputs=lambda classes: classes,
    ),
    "ordered": Head(
        "classes with an order",
        "the probability of being above each class, their logarithmic losses",
        losses.BinaryCrossentropy(from_logits=True),
        _improbable,
        _steps,
        _above,
        "log_loss",
        outputs=lambda classes: classes - 1,
    ),
    "regression": Head(
        "a number",
        "the number itself, the squared error",
        losses.MeanSquaredError(),
        _square,
        _first,
        _column,
        "rmse",
        classes=False,
        rate=0.2,
        activation="mish",
    ),
    "skewed": Head(
        "a number of very different sizes",
        "its logarithm, log(1 + y), the squared error of that",
        losses.MeanSquaredError(),
        _square_of_logs,
        _first,
        _column,
        "rmsle",
        signed=False,
        classes=False,
        into=np.log1p,
        back=np.expm1,
        rate=0.2,
        activation="mish",
    ),
    "count": Head(
        "a count",
        "the mean of a Poisson distribution, above 0, and its loss",
        losses.Poisson(),
        _deviance,
        _first,
        _column,
        "poisson_deviance",
        signed=False,
        classes=False,
        centered=False,
        last="exponential",
        activation="mish",
    ),
}
"""By the name of the problem.

Sources: Frank and Hall 2001, "A simple approach to ordinal classification", for the
order; McCullagh and Nelder 1989, "Generalized linear models", for counts.
"""
