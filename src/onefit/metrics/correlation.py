"""How predictions move together with targets."""

# ruff: noqa: D102
from typing import ClassVar

import jax.numpy as jnp

from onefit import config
from onefit.errors import invalid
from onefit.metrics.base import functions, ratio, same_shape
from onefit.metrics.reduction import MeanOfValues
from onefit.types import Array, ArrayLike

__all__ = [
    "ConcordanceCorrelation",
    "PearsonCorrelation",
    "concordance_correlation",
    "pearson_correlation",
]


def _moments(
    where: str, y_true: ArrayLike, y_pred: ArrayLike, axis: int
) -> tuple[Array, ...]:
    """The gap of the means, both variances and the covariance along an axis."""
    y_true, y_pred = same_shape(where, jnp.asarray(y_true), jnp.asarray(y_pred))
    dtype = jnp.promote_types(y_pred.dtype, jnp.float32)
    y, a = y_true.astype(dtype), y_pred.astype(dtype)
    # A batch may be one example by chance; one output is so by design.
    if a.shape[axis] == 1 and axis % a.ndim != 0:
        raise invalid(
            where,
            f"one value along axis {axis} (shape {a.shape})",
            "two or more to correlate",
            "write axis=0 to correlate over the examples of a batch",
        )
    mean_y, mean_a = (jnp.mean(v, axis, keepdims=True) for v in (y, a))
    y, a = y - mean_y, a - mean_a
    gap = jnp.squeeze(mean_y - mean_a, axis)
    return gap, jnp.mean(y * y, axis), jnp.mean(a * a, axis), jnp.mean(y * a, axis)


def pearson_correlation(y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1) -> Array:
    """R = cov(y, a) / √(var(y) var(a)) along an axis; 0 where one is constant.

    >>> pearson_correlation(np.array([[0.0, 1.0, 2.0]]), np.array([[2.0, 4.0, 6.0]]))
    Array([1.], dtype=float32)
    """
    _, var_y, var_a, cov = _moments("pearson_correlation", y_true, y_pred, axis)
    return ratio(cov, jnp.sqrt(var_y) * jnp.sqrt(var_a))


def concordance_correlation(
    y_true: ArrayLike, y_pred: ArrayLike, axis: int = -1
) -> Array:
    """ρ = 2 cov(y, a) / (var(y) + var(a) + (mean(y) − mean(a))²) along an axis.

    >>> y = np.array([[0.0, 1.0, 2.0]])
    >>> concordance_correlation(y, y + 1)
    Array([0.5714], dtype=float32)
    """
    gap, var_y, var_a, cov = _moments("concordance_correlation", y_true, y_pred, axis)
    return 2 * cov / (var_y + var_a + gap * gap + config.epsilon())


functions.add(concordance_correlation, pearson_correlation)


class PearsonCorrelation(MeanOfValues):
    """The mean of Pearson's r = cov(y, a) / √(var(y) var(a)), from −1 to 1.

    Args:
        name, dtype: As in every metric.
        axis: Along which axis to correlate: −1 within each example, 0 over the examples
            of each batch (the batches' r are averaged).

    Input: y_true and y_pred of one shape, (batch, ..., n).

    Raises:
        ValueError: One value along the axis: write axis=0 for a single output.

    Differs from Keras: 0 where targets or predictions are constant, not NaN.

    Example:
        >>> metric = PearsonCorrelation()
        >>> round(float(metric([[0.0, 1.0, 2.0]], [[2.0, 4.0, 6.0]])), 4)
        1.0
    """

    direction: ClassVar[str | None] = "max"

    axis: int = -1

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return pearson_correlation(y_true, y_pred, self.axis)


class ConcordanceCorrelation(MeanOfValues):
    """The mean of Lin's ρ: Pearson's r, lowered by a shift or a change of scale.

    ρ = 2 cov(y, a) / (var(y) + var(a) + (mean(y) − mean(a))²).

    Args:
        name, dtype: As in every metric.
        axis: Along which axis to correlate: −1 within each example, 0 over the examples
            of each batch (the batches' ρ are averaged).

    Input: y_true and y_pred of one shape, (batch, ..., n).

    Raises:
        ValueError: One value along the axis: write axis=0 for a single output.

    Example:
        >>> metric = ConcordanceCorrelation()
        >>> round(float(metric([[0.0, 1.0, 2.0]], [[1.0, 2.0, 3.0]])), 4)
        0.5714
    """

    direction: ClassVar[str | None] = "max"

    axis: int = -1

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return concordance_correlation(y_true, y_pred, self.axis)
