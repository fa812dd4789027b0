"""How far predicted numbers are from the targets."""

# ruff: noqa: D102
from typing import ClassVar

import jax.numpy as jnp

from onefit.checks import one_of, whole
from onefit.description import setting
from onefit.errors import invalid
from onefit.metrics.base import MetricState, Paired, ratio, same_shape
from onefit.metrics.reduction import MeanOfLoss, MeanOfValues
from onefit.types import Array, Shape

__all__ = [
    "CosineSimilarity",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "R2Score",
    "RootMeanSquaredError",
]


class MeanSquaredError(MeanOfLoss):
    """The mean of (a − y)².

    Example:
        >>> float(MeanSquaredError()([[0.0], [1.0]], [[1.0], [4.0]]))
        5.0
    """

    loss: ClassVar[str] = "mean_squared_error"


class MeanAbsoluteError(MeanOfLoss):
    """The mean of |a − y|, in the units of y.

    Example:
        >>> float(MeanAbsoluteError()([[0.0], [1.0]], [[1.0], [4.0]]))
        2.0
    """

    loss: ClassVar[str] = "mean_absolute_error"


class MeanAbsolutePercentageError(MeanOfLoss):
    """The mean of 100 |a − y| / |y|, in per cent.

    Example:
        >>> metric = MeanAbsolutePercentageError()
        >>> round(float(metric([[2.0], [4.0]], [[3.0], [4.0]])), 4)
        25.0
    """

    loss: ClassVar[str] = "mean_absolute_percentage_error"


class MeanSquaredLogarithmicError(MeanOfLoss):
    """The mean of (log(1 + a) − log(1 + y))², for numbers of many sizes.

    Example:
        >>> metric = MeanSquaredLogarithmicError()
        >>> round(float(metric([[0.0]], [[np.e - 1]])), 4)
        1.0
    """

    loss: ClassVar[str] = "mean_squared_logarithmic_error"


class LogCoshError(MeanOfLoss):
    """The mean of log cosh(a − y): half the square of small errors, |a − y| of large.

    Example:
        >>> round(float(LogCoshError()([[0.0]], [[1.0]])), 4)
        0.4338
    """

    loss: ClassVar[str] = "log_cosh"

    name: str | None = setting(default="logcosh", identity=False)


class CosineSimilarity(MeanOfLoss):
    """The mean of y·a / (‖y‖ ‖a‖), the cosine of the angle between y and a.

    Args:
        name, dtype: As in every metric.
        axis: The axis of the vectors.

    The sign is that of the cosine: 1 is best, where the loss of that name has −1.

    Example:
        >>> metric = CosineSimilarity()
        >>> round(float(metric([[3.0, 4.0]], [[1.0, 0.0]])), 4)
        0.6
    """

    loss: ClassVar[str] = "cosine_similarity"
    sign: ClassVar[float] = -1.0
    direction: ClassVar[str | None] = "max"
    by_output: ClassVar[bool] = False

    axis: int = -1


class RootMeanSquaredError(MeanOfValues):
    """√ of the mean of (a − y)², in the units of y.

    The root is taken once, of the mean over all batches. Weights may also be given for
    each output, (batch, ..., n).

    Example:
        >>> round(float(RootMeanSquaredError()([[0.0], [1.0]], [[1.0], [4.0]])), 4)
        2.2361
    """

    direction: ClassVar[str | None] = "min"

    def values(self, y_true: Array, y_pred: Array) -> Array:
        y_true, y_pred = same_shape(type(self).__name__, y_true, y_pred)
        return jnp.square(y_pred - y_true)

    def compute(self, state: MetricState) -> Array:
        return jnp.sqrt(super().compute(state))


_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Paired):
    """R² = 1 − Σ w (y − a)² / Σ w (y − ȳ)², the share of the variance explained.

    1 is perfect, 0 is no better than the mean ȳ of the targets.

    Args:
        class_aggregation: How the outputs' scores become one: 'uniform_average' their
            mean, 'variance_weighted_average' by the targets' variances, None not at
            all.
        num_regressors: p > 0 gives the adjusted R²,
            1 − (1 − R²)(n − 1)/(n − p − 1) for n numbers, where n > p + 1: of several
            outputs each counts, as in Keras.
        num_outputs: How many outputs there are; None learns it.
        name, dtype: As in every metric.

    Input: y_true and y_pred (batch,) or (batch, outputs), of one shape.

    Differs from Keras: the spread about the mean is gathered batch by batch (Chan,
    Golub and LeVeque 1979) instead of as Σ y² − (Σ y)²/n, which loses all digits when
    the mean is far from 0; constant targets score 1 when predicted exactly, else 0.

    Example:
        >>> round(float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
        0.5714
    """

    direction: ClassVar[str | None] = "max"

    name: str | None = setting(default="r2_score", kw_only=True, identity=False)
    class_aggregation: str | None = setting(
        default="uniform_average", check=one_of(*_AGGREGATIONS)
    )
    num_regressors: int = setting(default=0, check=whole(0))

    @property
    def by_row(self) -> bool:  # type: ignore[override]
        """Not the adjusted R², which counts the rows whatever they weigh."""
        return not self.num_regressors

    num_outputs: int | None = setting(default=None, kw_only=True)

    def sized(self, output_shape: Shape) -> "R2Score":
        return self.replace(num_outputs=output_shape[-1] if output_shape[1:] else 1)

    def init(self) -> MetricState:
        width = (self.num_outputs,) if self.num_outputs else ()
        zero = jnp.zeros(width, self.own_dtype or float)
        sums = dict.fromkeys(("count", "mean", "spread", "residual"), zero)
        return sums | {"num_samples": jnp.zeros((), zero.dtype)}

    def add(self, state: MetricState, y: Array, a: Array, weight: Array) -> MetricState:
        if y.ndim not in (1, 2):
            raise invalid(
                type(self).__name__,
                f"arrays of shape {y.shape}",
                "(batch,) or (batch, outputs)",
                "reshape the axes behind the batch to one",
            )
        n, dtype = len(y), weight.dtype
        y, a, weight = (v.reshape(n, -1).astype(dtype) for v in (y, a, weight))
        count = jnp.sum(weight, 0)
        mean = ratio(jnp.sum(weight * y, 0), count)
        own = jnp.sum(weight * jnp.square(y - mean), 0)
        total, gap = state["count"] + count, mean - state["mean"]
        share = ratio(count, total)
        return {
            "count": total,
            "mean": state["mean"] + gap * share,
            "spread": state["spread"] + own + jnp.square(gap) * state["count"] * share,
            "residual": state["residual"] + jnp.sum(weight * jnp.square(y - a), 0),
            "num_samples": state["num_samples"] + y.size,
        }

    def compute(self, state: MetricState) -> Array:
        spread, residual = state["spread"], state["residual"]
        exact = (residual == 0) & (state["count"] > 0)
        score = jnp.where(
            spread > 0, 1 - ratio(residual, spread), jnp.where(exact, 1.0, 0.0)
        )
        if self.class_aggregation == "variance_weighted_average":
            weight = jnp.where(jnp.sum(spread) > 0, spread, 1.0)
            score = ratio(jnp.sum(weight * score), jnp.sum(weight))
        elif self.class_aggregation == "uniform_average":
            score = jnp.mean(score)
        if self.num_regressors == 0:
            return score
        n = state["num_samples"]
        free = n - self.num_regressors - 1
        return jnp.where(free > 0, 1 - (1 - score) * ratio(n - 1, free), score)
