# ruff: noqa: D102
"""Losses of numbers: how far predictions ŷ are from targets y."""

import math

import jax.numpy as jnp
from jax import lax

from onefit.config import epsilon
from onefit.description import number, setting
from onefit.losses.base import Loss, losses
from onefit.losses.functions import per_example
from onefit.losses.shapes import Losses, Values, same
from onefit.types import Array

__all__ = [
    "CosineSimilarity",
    "Huber",
    "LogCosh",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "cosine_similarity",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
]


class MeanSquaredError(Loss):
    """L = (1/n) Σᵢ (yᵢ - ŷᵢ)², the mean over the last axis.

    Input: y_true and y_pred of one shape, (batch, ..., n), to (batch, ...).

    Example:
        >>> mean_squared_error([3, -0.5, 2, 7], [2.5, 0, 2, 8])
        Array(0.375, dtype=float32)

    Source: lecture 003, "Implementation of MSE".
    """

    compares = "regression"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return jnp.mean(jnp.square(a - y), axis=-1)


class MeanAbsoluteError(Loss):
    """L = (1/n) Σᵢ |yᵢ - ŷᵢ|.

    Example:
        >>> mean_absolute_error([3, -0.5, 2, 7], [2.5, 0, 2, 8])
        Array(0.5, dtype=float32)
    """

    compares = "regression"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return jnp.mean(jnp.abs(a - y), axis=-1)


class MeanAbsolutePercentageError(Loss):
    """L = (100/n) Σᵢ |yᵢ - ŷᵢ| / max(|yᵢ|, 1e-7), in per cent of the targets.

    Example:
        >>> mean_absolute_percentage_error([2.0, 4.0], [1.0, 5.0])  # 50 % and 25 %
        Array(37.5, dtype=float32)
    """

    compares = "regression"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return 100 * jnp.mean(
            jnp.abs((a - y) / jnp.maximum(jnp.abs(y), epsilon())), axis=-1
        )


class MeanSquaredLogarithmicError(Loss):
    """L = (1/n) Σᵢ (log(1 + yᵢ) - log(1 + ŷᵢ))²; both count from 1e-7 up.

    A negative prediction is taken as 1e-7, so it has no gradient.

    Example:
        >>> e = math.e
        >>> float(mean_squared_logarithmic_error([e - 1], [e**3 - 1])) # (1 - 3)²
        4.0
    """

    compares = "regression"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        y, a = (jnp.log1p(jnp.maximum(v, epsilon())) for v in (y, a))
        return jnp.mean(jnp.square(a - y), axis=-1)


class CosineSimilarity(Loss):
    """L = -y·ŷ / (‖y‖ ‖ŷ‖): -1 for one direction, 0 for a right angle, 1 for opposite.

    Args:
        axis: The axis along which y and ŷ are vectors.

    A vector of zeros has the similarity 0 to all, and (unlike in Keras) gradient 0
    rather than NaN.

    Example:
        >>> cosine_similarity([3.0, 4.0], [1.0, 0.0])
        Array(-0.6, dtype=float32)
    """

    compares = "directions"

    axis: int = -1

    pair = same

    def formula(self, y: Array, a: Array) -> Array:
        y, a = (self._unit(v) for v in (y, a))
        return -jnp.sum(y * a, axis=self.axis)

    def _unit(self, v: Array) -> Array:
        square = jnp.sum(jnp.square(v), axis=self.axis, keepdims=True)
        return v * lax.rsqrt(jnp.maximum(square, epsilon() ** 2))


class Huber(Loss):
    """L = (1/n) Σᵢ { ½e² if |e| ≤ δ, else δ|e| - ½δ² }, e = ŷᵢ - yᵢ.

    Squared near the target, absolute far from it, so outliers pull less.

    Args:
        delta: δ, above 0: the error at which the one turns into the other.

    Example:
        >>> huber([0.0, 0.0], [0.5, 3.0])  # (0.125 + 2.5) / 2
        Array(1.3125, dtype=float32)

    Source: Huber, "Robust estimation of a location parameter", 1964.
    """

    compares = "regression"

    delta: float = number(default=1.0, above=0)
    name: str | None = setting(default="huber_loss", kw_only=True, identity=False)

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        e, d = jnp.abs(a - y), self.delta
        return jnp.mean(
            jnp.where(e <= d, 0.5 * jnp.square(e), d * e - 0.5 * d * d), axis=-1
        )


class LogCosh(Loss):
    """L = (1/n) Σᵢ log cosh(ŷᵢ - yᵢ): near ½e² for small errors, |e| - log 2 for large.

    Example:
        >>> e = math.log(2)  # cosh(log 2) = (2 + 1/2) / 2 = 1.25
        >>> round(float(log_cosh([0.0], [e])), 4), round(math.log(1.25), 4)
        (0.2231, 0.2231)
    """

    compares = "regression"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        e = a - y
        return jnp.mean(jnp.logaddexp(e, -e) - math.log(2), axis=-1)


mean_squared_error = per_example(MeanSquaredError)
mean_absolute_error = per_example(MeanAbsoluteError)
mean_absolute_percentage_error = per_example(MeanAbsolutePercentageError)
mean_squared_logarithmic_error = per_example(MeanSquaredLogarithmicError)
cosine_similarity = per_example(CosineSimilarity)
huber = per_example(Huber)
log_cosh = per_example(LogCosh)

losses.add(
    mse=MeanSquaredError,
    MSE=MeanSquaredError,
    mae=MeanAbsoluteError,
    MAE=MeanAbsoluteError,
    mape=MeanAbsolutePercentageError,
    MAPE=MeanAbsolutePercentageError,
    msle=MeanSquaredLogarithmicError,
    MSLE=MeanSquaredLogarithmicError,
    huber_loss=Huber,
    logcosh=LogCosh,
)
