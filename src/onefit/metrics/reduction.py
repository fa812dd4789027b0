"""Metrics that average or add up: the base of every "mean of a value per example"."""

# ruff: noqa: D102
import math
from typing import Any, ClassVar

import jax.numpy as jnp

from onefit.description import fields, setting
from onefit.losses import Loss, losses
from onefit.metrics.base import Metric, MetricState, computed, functions, ratio, spread
from onefit.types import Array, ArrayLike, Function

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


class Sum(Metric):
    """The weighted sum of values: Σ wᵢ vᵢ.

    Args:
        name: The key in logs.
        dtype: The type of the sum; None is the float type.

    `update_state(values, sample_weight=None)`: values (batch, ...).

    Example:
        >>> metric = Sum()
        >>> metric.update_state([1.0, 3.0, 5.0, 7.0], sample_weight=[1, 1, 0, 0])
        >>> float(metric.result())
        4.0
    """

    name: str | None = setting(default=None, identity=False)
    own_dtype: Any = setting(default=None, convert=computed, alias="dtype")

    def init(self) -> MetricState:
        return {"total": jnp.zeros((), self.own_dtype or float)}

    def update(
        self, state: MetricState, values: Array, sample_weight: ArrayLike | None = None
    ) -> MetricState:
        dtype = state["total"].dtype
        values = jnp.asarray(values, dtype)
        if sample_weight is not None:
            values = values * spread(sample_weight, values.shape, dtype)
        return {"total": state["total"] + jnp.sum(values)}

    def compute(self, state: MetricState) -> Array:
        return state["total"]


class Mean(Metric):
    """The weighted mean of values over all batches: Σ wᵢ vᵢ / Σ wᵢ.

    What stands behind an example (times, outputs) is averaged first, so that every
    example counts once, or by its weight. The mean of nothing is 0.

    Args:
        name: The key in logs.
        dtype: The type of the sums; None is the float type.

    `update_state(values, sample_weight=None)`: values (batch, ...), weights that
    broadcast to them from the left.

    Differs from Keras: one weight for all, a scalar, weighs each example by it, where
    Keras counts the batch as one example.

    Example:
        >>> metric = Mean()
        >>> metric.update_state([1.0, 3.0, 5.0, 7.0], sample_weight=[1, 1, 0, 0])
        >>> float(metric.result())
        2.0
    """

    name: str | None = setting(default=None, identity=False)
    own_dtype: Any = setting(default=None, convert=computed, alias="dtype")

    def init(self) -> MetricState:
        zero = jnp.zeros((), self.own_dtype or float)
        return {"total": zero, "count": zero}

    def update(
        self, state: MetricState, values: Array, sample_weight: ArrayLike | None = None
    ) -> MetricState:
        dtype = state["total"].dtype
        values = jnp.asarray(values, dtype)
        each = max(math.prod(values.shape[1:]), 1)
        count: Any = values.shape[0] if values.ndim else 1
        if sample_weight is not None:
            weight = spread(sample_weight, values.shape, dtype)
            values, count = values * weight, jnp.sum(weight) / each
        return {
            "total": state["total"] + jnp.sum(values) / each,
            "count": state["count"] + count,
        }

    def compute(self, state: MetricState) -> Array:
        return ratio(state["total"], state["count"])


class MeanOfValues(Mean, abstract=True):
    """Base of the means of `values(y_true, y_pred)`, which a subclass writes."""

    def values(self, y_true: Array, y_pred: Array) -> Array:
        """One value per example, (batch, ...)."""
        raise NotImplementedError(f"{type(self).__name__} has no values method")

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        """Which values there are, in the shape of `values`; None for all."""
        del y_true, y_pred

    def update(  # pyright: ignore[reportIncompatibleMethodOverride] - pairs, not values
        self,
        state: MetricState,
        y_true: Array,
        y_pred: Array,
        sample_weight: ArrayLike | None = None,
    ) -> MetricState:
        values = jnp.asarray(self.values(y_true, y_pred))
        if values.ndim == 0 and jnp.ndim(y_pred) > 0:
            # The value of a whole batch: each of its examples has that value.
            values = jnp.broadcast_to(values, jnp.shape(y_pred)[:1])
            # Of steps: an example counts by its steps.
            if sample_weight is not None:
                weight = jnp.asarray(sample_weight, values.dtype)
                if weight.ndim > 1:
                    sample_weight = weight.reshape(len(weight), -1).sum(-1)
        mask = self.mask(y_true, y_pred)
        if mask is not None:
            given = 1 if sample_weight is None else sample_weight
            sample_weight = mask * spread(given, values.shape, state["total"].dtype)
        return super().update(state, values, sample_weight)


class MeanOfLoss(MeanOfValues, abstract=True):
    """Base of the metrics that are a loss, averaged: one formula for both.

    A row that the loss leaves out (`ignore_class`) does not count. A batch (n,) without
    an axis of outputs is n examples of one output.

    Differs from Keras: there an ignored row counts as 0 where there are no weights, and
    a batch (n,) is one example of n outputs (the same number, for one batch without
    weights).
    """

    loss: ClassVar[str]
    """The loss by name; the metric's settings are the loss's."""

    sign: ClassVar[float] = 1.0

    direction: ClassVar[str | None] = "min"

    by_output: ClassVar[bool] = True
    """Whether the loss averages over outputs that mean something one by one."""

    def values(self, y_true: Array, y_pred: Array) -> Array:
        loss = self._loss()
        y_true, y_pred = loss.pair(y_true, y_pred)
        if self.by_output and y_pred.ndim == 1:
            y_true, y_pred = y_true[:, None], y_pred[:, None]
        return self.sign * loss.call(y_true, y_pred)

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        loss = self._loss()
        return loss.mask(*loss.pair(y_true, y_pred))

    def _loss(self) -> Loss:
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        config = {k: v for k, v in given.items() if k not in ("name", "own_dtype")}
        return losses.get({"class_name": self.loss, "config": config})


def _function(identifier: object) -> Function:
    if isinstance(identifier, str) and identifier in functions.names():
        return functions.get(identifier)
    return losses.get(getattr(identifier, "loss_class", identifier))


class MeanMetricWrapper(MeanOfValues):
    """The mean of any function f(y_true, y_pred) or loss.

    Args:
        fn: The function, which gives a value per example, or a loss or the name of
            one. A function that gives one number per batch counts by the batch's size.
        name: The key in logs.
        dtype: The type of the sums; None is the float type.

    Differs from Keras: name and dtype are given by name, and further arguments of fn
    are bound by `functools.partial(fn, ...)`. A number per batch is weighed by the
    batch's size, so that a smaller last batch does not count as much as a full one.

    Example:
        >>> def worst(y_true, y_pred):
        ...     return jnp.max(jnp.abs(y_true - y_pred), axis=-1)
        >>> metric = MeanMetricWrapper(worst, name="worst")
        >>> float(metric([[0.0, 0.0], [1.0, 1.0]], [[1.0, 3.0], [1.0, 2.0]]))
        2.0
    """

    name: str | None = setting(default=None, kw_only=True, identity=False)
    own_dtype: Any = setting(
        default=None, convert=computed, kw_only=True, alias="dtype"
    )
    fn: Any = setting(convert=_function)

    @property
    def direction(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride] - of its function
        """'min' for a loss; what is better for another function, nobody knows."""
        return "min" if isinstance(self.fn, Loss) else None

    @property
    def by_row(self) -> bool:  # type: ignore[override]
        """Whether it is a loss of each row by itself."""
        return isinstance(self.fn, Loss) and self.fn.by_row

    def values(self, y_true: Array, y_pred: Array) -> Array:
        if isinstance(self.fn, Loss):
            return self.fn.call(*self.fn.pair(y_true, y_pred))
        return self.fn(y_true, y_pred)

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        if isinstance(self.fn, Loss):
            return self.fn.mask(*self.fn.pair(y_true, y_pred))
        return None
