"""F-scores: one number for precision and recall."""

from typing import Any, ClassVar

import jax.numpy as jnp

from onefit.checks import one_of
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.metrics.base import Metric, MetricState, Paired, ratio
from onefit.types import Array, Shape

__all__ = ["F1Score", "FBetaScore"]

_COUNTS = ("true_positives", "false_positives", "false_negatives")
_AVERAGES = (None, "micro", "macro", "weighted")


class _FScore(Paired, abstract=True):
    """Base: counts for each class, or for all together."""

    direction: ClassVar[str | None] = "max"

    average: str | None = setting(default=None, check=one_of(*_AVERAGES))
    threshold: Any = number(default=None, above=0, maximum=1, optional=True)
    num_classes: int | None = setting(default=None, kw_only=True)
    beta = 1.0

    def sized(self, output_shape: Shape) -> Metric:
        return self.replace(num_classes=output_shape[-1])

    def init(self) -> MetricState:
        each = self.num_classes and self.average != "micro"
        zero = jnp.zeros((self.num_classes,) if each else (), self.own_dtype or float)
        return dict.fromkeys(_COUNTS, zero)

    def add(self, state: MetricState, y: Array, a: Array, weight: Array) -> MetricState:
        if y.ndim != 2:
            raise invalid(
                type(self).__name__,
                f"arrays of shape {y.shape}",
                "(batch, classes)",
                "reshape one output to (n, 1), or times to the batch",
            )
        y, positive = (v.astype(weight.dtype) for v in (y, self._positive(a)))
        axis = None if self.average == "micro" else 0
        batch = positive * y, positive * (1 - y), (1 - positive) * y
        sums = (jnp.sum(weight * v, axis) for v in batch)
        return {k: state[k] + v for k, v in zip(_COUNTS, sums, strict=True)}

    def _positive(self, a: Array) -> Array:
        if self.threshold is not None:
            return a > self.threshold
        if a.shape[-1] == 1:
            return a > 0.5
        return (a >= jnp.max(a, -1, keepdims=True)) & (jnp.abs(a) > 1e-9)

    def compute(self, state: MetricState) -> Array:
        tp, fp, fn = (state[k] for k in _COUNTS)
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

    _order = "average beta"

    name: str | None = setting(default="fbeta_score", kw_only=True, identity=False)
    beta: Any = number(default=1.0, above=0)


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
