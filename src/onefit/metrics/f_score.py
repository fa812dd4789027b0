"""F-scores: one number for precision and recall."""

from typing import Any, ClassVar

import jax.numpy as jnp

from onefit.description import number, setting
from onefit.errors import invalid, unknown
from onefit.metrics.base import ABSENT, Metric, MetricState, ratio, same_shape, spread
from onefit.types import Array, Shape

__all__ = ["F1Score", "FBetaScore"]

_AVERAGES = (None, "micro", "macro", "weighted")


def _average(where: str, name: str, value: Any) -> None:
    if value not in _AVERAGES:
        raise unknown(f"{name} of {where}", value, map(str, _AVERAGES))


class _FScore(Metric, abstract=True):
    """Base: counts for each class, or for all together."""

    direction: ClassVar[str | None] = "max"

    average = ABSENT
    threshold = ABSENT
    beta = 1.0
    num_classes = ABSENT

    def sized(self, output_shape: Shape) -> Metric:
        return self.replace(num_classes=output_shape[-1])

    def init(self) -> MetricState:
        each = self.num_classes and self.average != "micro"
        zero = jnp.zeros((self.num_classes,) if each else (), self.own_dtype or float)
        return dict.fromkeys(
            ("true_positives", "false_positives", "false_negatives"), zero
        )

    def update(
        self,
        state: MetricState,
        y_true: Array,
        y_pred: Array,
        sample_weight: Any = None,
    ) -> MetricState:
        dtype = state["true_positives"].dtype
        y, a = same_shape(type(self).__name__, y_true, y_pred)
        if y.ndim != 2:
            raise invalid(
                type(self).__name__,
                f"arrays of shape {y.shape}",
                "(batch, classes)",
                "reshape one output to (n, 1), or times to the batch",
            )
        y = y.astype(dtype)
        positive = self._positive(a).astype(dtype)
        weight = spread(1 if sample_weight is None else sample_weight, y.shape, dtype)
        axis = None if self.average == "micro" else 0
        batch = {
            "true_positives": positive * y,
            "false_positives": positive * (1 - y),
            "false_negatives": (1 - positive) * y,
        }
        return {k: state[k] + jnp.sum(weight * v, axis) for k, v in batch.items()}

    def _positive(self, a: Array) -> Array:
        if self.threshold is not None:
            return a > self.threshold
        if a.shape[-1] == 1:
            return a > 0.5
        return (a >= jnp.max(a, -1, keepdims=True)) & (jnp.abs(a) > 1e-9)

    def compute(self, state: MetricState) -> Any:
        tp, fp, fn = (
            state[k] for k in ("true_positives", "false_positives", "false_negatives")
        )
        square = self.beta**2
        score = ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average == "weighted":
            return ratio(jnp.sum(score * (tp + fn)), jnp.sum(tp + fn))
        return score if self.average is None else jnp.mean(score)


class FBetaScore(_FScore):
    """F = (1 + β²) P R / (β² P + R), the mean of precision P and recall R.

    Args:
        average: How the classes' scores become one: None not at all (one number per
            class), 'macro' their mean, 'weighted' by the number of positives, 'micro'
            all classes counted together.
        beta: How many times as important as precision recall is.
        threshold: Above which an output is a positive prediction, in (0, 1]; None takes
            the largest output of each example.
        num_classes: How many classes there are; None learns it.
        name, dtype: As in every metric.

    Input: y_true (one-hot or multi-hot) and y_pred, both (batch, classes).

    0 for a class that neither is nor is predicted.

    Differs from Keras: with one output, None is a threshold of 0.5, where the largest
    of one would make every prediction positive; no epsilon lowers the score.

    Example:
        >>> metric = FBetaScore(beta=2.0, threshold=0.5)
        >>> y_true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> metric(y_true, [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        Array([0.3846, 0.9091, 0.8333], dtype=float32)
    """

    name: str | None = setting(default="fbeta_score", kw_only=True, identity=False)
    average: str | None = setting(default=None, check=_average)
    beta: Any = number(default=1.0, above=0)
    threshold: Any = number(default=None, above=0, maximum=1, optional=True)
    num_classes: int | None = setting(default=None, kw_only=True)


class F1Score(_FScore):
    """F₁ = 2 P R / (P + R), the harmonic mean of precision P and recall R.

    Args:
        average: How the classes' scores become one: None not at all (one number per
            class), 'macro' their mean, 'weighted' by the number of positives, 'micro'
            all classes counted together.
        threshold: Above which an output is a positive prediction, in (0, 1]; None takes
            the largest output of each example.
        num_classes: How many classes there are; None learns it.
        name, dtype: As in every metric.

    Input: y_true (one-hot or multi-hot) and y_pred, both (batch, classes).

    0 for a class that neither is nor is predicted.

    Differs from Keras: with one output, None is a threshold of 0.5, where the largest
    of one would make every prediction positive; no epsilon lowers the score.

    Example:
        >>> metric = F1Score(threshold=0.5)
        >>> y_true = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> metric(y_true, [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0.0]])
        Array([0.5   , 0.8   , 0.6667], dtype=float32)
    """

    name: str | None = setting(default="f1_score", kw_only=True, identity=False)
    average: str | None = setting(default=None, check=_average)
    threshold: Any = number(default=None, above=0, maximum=1, optional=True)
    num_classes: int | None = setting(default=None, kw_only=True)
