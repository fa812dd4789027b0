"""True and false positives at thresholds, and everything that is made of them."""

# ruff: noqa: D102
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.checks import between, whole
from onefit.description import number, setting
from onefit.errors import invalid, unknown
from onefit.metrics.base import ABSENT, MetricState, Paired, ratio
from onefit.types import Array, Shape

__all__ = [
    "AUC",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "PrecisionAtRecall",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
]

_FEW = 16
"""Up to this many thresholds, comparing with each is faster than buckets."""


def _histogram(scores: Array, values: Array, thresholds: np.ndarray) -> Array:
    """The sums of the values whose scores lie between neighbouring thresholds.

    (n, labels) scores and (k, n, labels) values to (k, thresholds + 1, labels); bucket
    b holds the scores that are above b of the sorted thresholds.
    """
    labels, size = scores.shape[1], len(thresholds) + 1
    steps = jnp.asarray(thresholds, scores.dtype)
    if size <= _FEW:
        bucket = jnp.sum(scores > steps[:, None, None], 0)
        here = bucket == jnp.arange(size)[:, None, None]
        return jnp.sum(jnp.where(here, values[:, None], 0.0), axis=2)
    scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)  # NaN is above nothing
    bucket = jnp.searchsorted(steps, scores) * labels + jnp.arange(labels)
    columns = values.reshape(len(values), -1).T
    sums = jax.ops.segment_sum(columns, bucket.reshape(-1), size * labels)
    return jnp.moveaxis(sums.reshape(size, labels, -1), -1, 0)


def _numbers(value: Any) -> float | tuple[float, ...] | None:
    """None, a number, or a tuple of them: what a program can be found again by."""
    if value is None:
        return None
    return tuple(map(float, value)) if np.ndim(value) else float(value)


_PROBABILITIES = between(0, 1, optional=True)


class Cells(NamedTuple):
    """The weights of right and of wrong predictions at each threshold, and rates.

    A metric has those that it keeps.
    """

    tp: Array = ABSENT
    fp: Array = ABSENT
    tn: Array = ABSENT
    fn: Array = ABSENT

    @property
    def precision(self) -> Array:
        """TP / (TP + FP)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> Array:
        """TP / (TP + FN), by another name sensitivity."""
        return ratio(self.tp, self.tp + self.fn)

    sensitivity = recall

    @property
    def specificity(self) -> Array:
        """TN / (TN + FP)."""
        return ratio(self.tn, self.tn + self.fp)


class _Confusion(Paired, abstract=True):
    """Base: the weights of right and of wrong predictions at each threshold.

    A prediction is positive when it is above the threshold. How the scores of positives
    and of negatives lie between the thresholds are two histograms of a batch; TP is the
    first one's sum from a threshold on.
    """

    keeps: ClassVar[dict[str, str]] = {
        "true_positives": "tp",
        "false_positives": "fp",
        "true_negatives": "tn",
        "false_negatives": "fn",
    }
    """Which of `Cells` the state has, by their names in it."""

    top_k = ABSENT
    class_id = ABSENT
    label_weights = ABSENT
    multi_label = False
    num_labels = ABSENT

    def grid(self) -> tuple[float, ...]:
        """The thresholds."""
        raise NotImplementedError

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, as `metric.thresholds` of Keras."""
        return list(self.grid())

    def init(self) -> MetricState:
        width = (self.num_labels or 1,) if self.multi_label else ()
        zeros = jnp.zeros((len(self.grid()), *width), self.own_dtype or float)
        return dict.fromkeys(self.keeps, zeros)

    def scores(self, y_pred: Array) -> Array:
        """What is compared with the thresholds."""
        return y_pred

    def add(self, state: MetricState, y: Array, a: Array, weight: Array) -> MetricState:
        dtype = weight.dtype
        y, a = (y != 0).astype(dtype), self.scores(a.astype(dtype))
        if self.top_k is not None:
            best = jax.nn.one_hot(jax.lax.top_k(a, self.top_k)[1], a.shape[-1])
            a = jnp.where(jnp.sum(best, -2) > 0, a, -jnp.inf)
        if self.label_weights is not None and not self.multi_label:
            weight = weight * jnp.asarray(self.label_weights, dtype)
        if self.class_id is not None:
            y, a, weight = self._of_class(y, a, weight)
        labels = a.shape[-1] if self.multi_label else 1
        y, a, weight = (v.reshape(-1, labels) for v in (y, a, weight))
        kinds = jnp.stack([weight * y, weight * (1 - y)])
        sums = _histogram(a, kinds, np.sort(self.grid()))
        sums = sums if self.multi_label else sums[..., 0]
        rank = np.argsort(np.argsort(self.grid(), kind="stable"))
        above = jnp.cumsum(sums[:, ::-1], 1)[:, ::-1][:, 1:][:, rank]
        below = jnp.cumsum(sums, 1)[:, :-1][:, rank]
        new = Cells(above[0], above[1], below[1], below[0])
        return {n: state[n] + getattr(new, c) for n, c in self.keeps.items()}

    def _of_class(self, *arrays: Array) -> tuple[Array, ...]:
        classes = arrays[0].shape[-1] if arrays[0].ndim > 1 else 1
        if not -classes <= self.class_id < classes:
            raise invalid(
                type(self).__name__,
                f"class_id={self.class_id} for shape {arrays[0].shape}",
                "(batch, classes) with that class among the classes",
            )
        return tuple(v[..., self.class_id] for v in arrays)

    def cells(self, state: MetricState) -> Cells:
        """What the state has of TP, FP, TN and FN at each threshold."""
        return Cells(**{c: state[name] for name, c in self.keeps.items()})


class _AtThresholds(_Confusion, abstract=True):
    """Base: one number per threshold, or one number for one threshold."""

    direction: ClassVar[str | None] = "max"
    shows: ClassVar[str]
    """The number of `Cells` that it is."""

    given_thresholds: Any = setting(
        default=None,
        convert=_numbers,
        check=between(0, 1, optional=True),
        alias="thresholds",
    )

    def grid(self) -> tuple[float, ...]:
        given = self.given_thresholds
        if given is None:
            # Among the k best, every score is a positive prediction.
            return (0.5,) if self.top_k is None else (-1e10,)
        return given if isinstance(given, tuple) else (given,)

    def compute(self, state: MetricState) -> Array:
        values = getattr(self.cells(state), self.shows)
        return values[0] if len(self.grid()) == 1 else values


class _AmongClasses(_AtThresholds, abstract=True):
    """Base: of the k largest outputs of an example, or of one class, if asked."""

    top_k: int | None = setting(default=None, check=whole(optional=True))
    class_id: int | None = setting(default=None, check=whole(optional=True))


class TruePositives(_AtThresholds):
    """How many positives are found: Σ w 1{a > threshold} 1{y = 1}.

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [0.0, 0.9, 0.8, 0.2]))
        2.0
    """

    shows = "tp"
    keeps: ClassVar[dict[str, str]] = {"accumulator": "tp"}


class FalsePositives(_AtThresholds):
    """How many negatives are taken for positives: Σ w 1{a > threshold} 1{y = 0}.

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape.

    Example:
        >>> float(FalsePositives()([0, 1, 0, 0], [0.6, 0.9, 0.8, 0.2]))
        2.0
    """

    direction: ClassVar[str | None] = "min"
    shows = "fp"
    keeps: ClassVar[dict[str, str]] = {"accumulator": "fp"}


class TrueNegatives(_AtThresholds):
    """How many negatives are left out: Σ w 1{a ≤ threshold} 1{y = 0}.

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape.

    Example:
        >>> float(TrueNegatives()([0, 1, 0, 0], [0.6, 0.9, 0.8, 0.2]))
        1.0
    """

    shows = "tn"
    keeps: ClassVar[dict[str, str]] = {"accumulator": "tn"}


class FalseNegatives(_AtThresholds):
    """How many positives are missed: Σ w 1{a ≤ threshold} 1{y = 1}.

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [0.0, 0.9, 0.8, 0.2]))
        1.0
    """

    direction: ClassVar[str | None] = "min"
    shows = "fn"
    keeps: ClassVar[dict[str, str]] = {"accumulator": "fn"}


class Precision(_AmongClasses):
    """How many of the positive predictions are right: TP / (TP + FP).

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.
        top_k: Takes the k largest outputs of an example for positive predictions (and
            without thresholds, all of them).
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape. All outputs count
    together.

    0 when nothing is predicted positive.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [0.6, 0.9, 0.8, 0.2])), 4)
        0.6667
    """

    shows = "precision"
    keeps: ClassVar[dict[str, str]] = {"true_positives": "tp", "false_positives": "fp"}


class Recall(_AmongClasses):
    """How many of the positives are found: TP / (TP + FN).

    Args:
        thresholds: One in [0, 1] or several; None is 0.5. Several give several numbers.
        top_k: Takes the k largest outputs of an example for positive predictions (and
            without thresholds, all of them).
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape. All outputs count
    together.

    0 when there are no positives.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [0.6, 0.9, 0.8, 0.2])), 4)
        0.6667
    """

    shows = "recall"
    keeps: ClassVar[dict[str, str]] = {"true_positives": "tp", "false_negatives": "fn"}


def _evenly(count: int) -> tuple[float, ...]:
    return tuple(i / (count - 1) for i in range(count))


class _Best(_Confusion, abstract=True):
    """Base: the best of one rate at the thresholds where another is high enough."""

    direction: ClassVar[str | None] = "max"
    shows: ClassVar[str]
    """The rate of `Cells` that it is."""
    bound: ClassVar[str]
    """The rate that has to be high enough, and the setting that says how high."""

    num_thresholds = 200

    def grid(self) -> tuple[float, ...]:
        return (0.5,) if self.num_thresholds == 1 else _evenly(self.num_thresholds)

    def scores(self, y_pred: Array) -> Array:
        return jnp.clip(y_pred, 0, 1)

    def compute(self, state: MetricState) -> Array:
        cells = self.cells(state)
        rate, wanted = getattr(cells, self.bound), getattr(cells, self.shows)
        enough = rate >= getattr(self, self.bound)
        return jnp.max(jnp.where(enough, wanted, 0.0), initial=0.0)


class SensitivityAtSpecificity(_Best):
    """The best sensitivity TP/(TP + FN) with TN/(TN + FP) ≥ specificity.

    Args:
        specificity: The bound, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1, to choose from.
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    0 where no threshold reaches the bound.

    Example:
        >>> metric = SensitivityAtSpecificity(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    shows, bound = "sensitivity", "specificity"

    specificity: Any = number(minimum=0, maximum=1)
    num_thresholds: int = setting(default=200, check=whole(1))
    class_id: int | None = setting(default=None, check=whole(optional=True))


class SpecificityAtSensitivity(_Best):
    """The best specificity TN/(TN + FP) with TP/(TP + FN) ≥ sensitivity.

    Args:
        sensitivity: The bound, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1, to choose from.
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    0 where no threshold reaches the bound.

    Example:
        >>> metric = SpecificityAtSensitivity(0.5)
        >>> round(float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8])), 4)
        0.6667
    """

    shows, bound = "specificity", "sensitivity"

    sensitivity: Any = number(minimum=0, maximum=1)
    num_thresholds: int = setting(default=200, check=whole(1))
    class_id: int | None = setting(default=None, check=whole(optional=True))


class PrecisionAtRecall(_Best):
    """The best precision TP/(TP + FP) with TP/(TP + FN) ≥ recall.

    Args:
        recall: The bound, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1, to choose from.
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    0 where no threshold reaches the bound.

    Example:
        >>> metric = PrecisionAtRecall(0.5)
        >>> float(metric([0, 0, 0, 1, 1], [0.0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    shows, bound = "precision", "recall"

    recall: Any = number(minimum=0, maximum=1)
    num_thresholds: int = setting(default=200, check=whole(1))
    class_id: int | None = setting(default=None, check=whole(optional=True))


class RecallAtPrecision(_Best):
    """The best recall TP/(TP + FN) with TP/(TP + FP) ≥ precision.

    Args:
        precision: The bound, in [0, 1].
        num_thresholds: How many thresholds, evenly from 0 to 1, to choose from.
        class_id: Looks at this class alone, of (batch, ..., classes).
        name, dtype: As in every metric.

    0 where no threshold reaches the bound.

    Example:
        >>> metric = RecallAtPrecision(0.8)
        >>> float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.5
    """

    shows, bound = "recall", "precision"

    precision: Any = number(minimum=0, maximum=1)
    num_thresholds: int = setting(default=200, check=whole(1))
    class_id: int | None = setting(default=None, check=whole(optional=True))


def _one_of(kind: str, *choices: str) -> Callable[[object], str]:
    spelled = {choice.lower(): choice for choice in choices}

    def convert(name: object) -> str:
        if str(name).lower() not in spelled:
            raise unknown(kind, name, choices)
        return spelled[str(name).lower()]

    return convert


class AUC(_Confusion):
    """The area under a curve, approximated by its points at the thresholds.

    Args:
        num_thresholds: How many thresholds, evenly from 0 to 1; the two ends lie just
            outside, so that every curve begins and ends where it should.
        curve: 'ROC', recall TP/P over FP/N: the chance that a positive has a higher
            score than a negative. 'PR', precision over recall. 'PRGAIN', both on the
            scale on which always guessing "positive" is 0.
        summation_method: 'interpolation' of neighbouring points (trapezoids; for PR,
            a straight line in TP over the predicted positives), 'minoring' or
            'majoring' their lower or higher one.
        thresholds: The thresholds between the ends, instead of num_thresholds.
        multi_label: Whether each column is a curve of its own, averaged in the end.
        num_labels: How many columns there are; None learns it.
        label_weights: A weight for each column.
        from_logits: Whether a is still to be put through a sigmoid. In `fit` it is
            not: metrics receive probabilities.
        name, dtype: As in every metric.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape; all outputs count
    together, unless multi_label.

    0 when there is only one kind of target.

    Raises:
        ValueError: An unknown curve or summation method, thresholds outside [0, 1],
            fewer than 2 of them, num_labels without multi_label.

    Example:
        >>> metric = AUC(num_thresholds=3)
        >>> float(metric([0, 0, 1, 1], [0.0, 0.5, 0.3, 0.9]))
        0.75

    Source: Davis and Goadrich 2006 (PR); Flach and Kull 2015 (PRGAIN).
    """

    direction: ClassVar[str | None] = "max"

    num_thresholds: int = setting(default=200, check=whole(2, optional=True))
    curve: str = setting(default="ROC", convert=_one_of("curve", "ROC", "PR", "PRGAIN"))
    summation_method: str = setting(
        default="interpolation",
        convert=_one_of("summation method", "interpolation", "majoring", "minoring"),
    )
    inner_thresholds: Any = setting(
        default=None,
        convert=_numbers,
        check=_PROBABILITIES,
        kw_only=True,
        alias="thresholds",
    )
    multi_label: bool = setting(default=False, kw_only=True)
    num_labels: int | None = setting(default=None, kw_only=True)
    label_weights: Any = setting(default=None, convert=_numbers, kw_only=True)
    from_logits: bool = setting(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_labels and not self.multi_label:
            raise invalid(
                "AUC",
                f"num_labels={self.num_labels} without multi_label",
                "num_labels only where each label has its own curve",
                "write multi_label=True",
            )
        inner = self.inner_thresholds
        if inner is None and self.num_thresholds is None:
            raise invalid(
                "AUC", "num_thresholds=None", "a whole number", "leave it out for 200"
            )
        if inner is not None:
            object.__setattr__(self, "num_thresholds", len(inner) + 2)

    def sized(self, output_shape: Shape) -> "AUC":
        return self.replace(num_labels=output_shape[-1]) if self.multi_label else self

    def grid(self) -> tuple[float, ...]:
        inner = self.inner_thresholds
        inner = _evenly(self.num_thresholds)[1:-1] if inner is None else sorted(inner)
        # No probability lies outside these ends: all are above one, none above the
        # other.
        return (-config.epsilon(), *inner, 1 + config.epsilon())

    def scores(self, y_pred: Array) -> Array:
        return jax.nn.sigmoid(y_pred) if self.from_logits else jnp.clip(y_pred, 0, 1)

    def compute(self, state: MetricState) -> Array:
        cells = self.cells(state)
        if self.curve == "PR" and self.summation_method == "interpolation":
            areas = _interpolated_precision(cells)
        else:
            x, y = _CURVES[self.curve](cells)
            low, high = jnp.minimum(y[:-1], y[1:]), jnp.maximum(y[:-1], y[1:])
            heights = {"minoring": low, "majoring": high}
            middle = (low + high) / 2
            areas = (x[:-1] - x[1:]) * heights.get(self.summation_method, middle)
        area = jnp.sum(areas, 0)
        if not self.multi_label:
            return area
        weights = jnp.ones_like(area)
        if self.label_weights is not None:
            weights = jnp.asarray(self.label_weights, area.dtype)
        return ratio(jnp.sum(area * weights), jnp.sum(weights))


def _gains(cells: Cells) -> tuple[Array, Array]:
    """Recall and precision gain, 1 − (P/N) FN/TP and 1 − (P/N) FP/TP."""
    tp, fp, tn, fn = cells
    odds = ratio(tp + fn, tn + fp)
    recall = jnp.where(tp == 0, 0.0, 1 - odds * ratio(fn, tp))
    precision = jnp.where(tp == 0, 1.0, 1 - odds * ratio(fp, tp))
    return jnp.maximum(recall, 0), precision


_CURVES: dict[str, Callable[[Cells], tuple[Array, Array]]] = {
    "ROC": lambda cells: (ratio(cells.fp, cells.fp + cells.tn), cells.recall),
    "PR": lambda cells: (cells.recall, cells.precision),
    "PRGAIN": _gains,
}


def _interpolated_precision(cells: Cells) -> Array:
    """The area under precision over recall between neighbouring thresholds.

    Between two points TP grows in a straight line with the predicted positives
    p = TP + FP, TP = c + s p; the integral of TP/p is then s (ΔTP + c log(p₀/p₁)) / P.
    """
    tp, fp, _, fn = cells
    p = tp + fp
    rise, run = tp[:-1] - tp[1:], p[:-1] - p[1:]
    slope = ratio(rise, jnp.maximum(run, 0))
    offset = tp[1:] - slope * p[1:]
    both = (p[:-1] > 0) & (p[1:] > 0)
    log = jnp.where(both, jnp.log(jnp.where(both, ratio(p[:-1], p[1:]), 1)), 0.0)
    return ratio(slope * (rise + offset * log), tp[1:] + fn[1:])
