"""Intersection over union, the measure of segmentation."""

# ruff: noqa: D102
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from onefit.checks import whole
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.metrics.base import ABSENT, MetricState, Paired, ratio
from onefit.types import Array
from onefit.variables import Variable

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class _IoU(Paired, abstract=True):
    """Base: the matrix of how often class i is predicted as class j."""

    direction: ClassVar[str | None] = "max"

    num_classes = 2
    class_ids = ABSENT
    ignore_class = ABSENT
    sparse_y_true = True
    sparse_y_pred = True
    axis = -1

    @classmethod
    def _today(cls, given: dict[str, Any]) -> dict[str, Any]:
        given = super()._today(given)
        if given.get("dtype") in ("int", "int32", "int64"):  # Keras' default
            del given["dtype"]  # sums are floats, so that weights may be fractions
        return given

    def __post_init__(self) -> None:
        super().__post_init__()
        wrong = [i for i in self._targets() if not 0 <= i < self.num_classes]
        if wrong:
            raise invalid(
                type(self).__name__,
                f"target_class_ids={list(self._targets())}",
                f"classes from 0 to {self.num_classes - 1}",
            )

    def _targets(self) -> tuple[int, ...]:
        every = range(self.num_classes)
        return tuple(every if self.class_ids is None else self.class_ids)

    @property
    def target_class_ids(self) -> list[int]:
        """The classes that are averaged."""
        return list(self._targets())

    def init(self) -> MetricState:
        shape = (self.num_classes, self.num_classes)
        return {"total_confusion_matrix": jnp.zeros(shape, self.own_dtype or float)}

    @property
    def total_cm(self) -> Variable:
        """The confusion matrix so far."""
        return self.variables[0]

    def labels(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        y = y_true if self.sparse_y_true else jnp.argmax(y_true, self.axis)
        a = y_pred if self.sparse_y_pred else jnp.argmax(y_pred, self.axis)
        return y.astype(int), a.astype(int)

    def add(self, state: MetricState, y: Array, a: Array, weight: Array) -> MetricState:
        matrix = state["total_confusion_matrix"]
        if self.ignore_class is not None:
            weight = jnp.where(y == self.ignore_class, 0, weight)
        # A label that is no class has a row of zeros and counts nowhere.
        of = jnp.arange(self.num_classes)
        rows = (y.reshape(-1, 1) == of) * weight.reshape(-1, 1)
        columns = (a.reshape(-1, 1) == of).astype(matrix.dtype)
        batch = jnp.matmul(rows.T, columns, precision="highest")
        return {"total_confusion_matrix": matrix + batch}

    def compute(self, state: MetricState) -> Array:
        matrix = state["total_confusion_matrix"]
        both = jnp.diagonal(matrix)
        either = jnp.sum(matrix, 0) + jnp.sum(matrix, 1) - both
        ids = np.array(self._targets())
        present = (either > 0)[ids]
        return ratio(jnp.sum(ratio(both, either)[ids]), jnp.sum(present))


class _OfClasses(_IoU, abstract=True):
    """Base: the classes are numbers, or the largest along an axis."""

    num_classes: int = setting(check=whole(1))
    ignore_class: int | None = setting(default=None, kw_only=True)
    sparse_y_pred: bool = setting(default=True, kw_only=True)
    axis: int = setting(default=-1, kw_only=True)


class _OneHot(_OfClasses, abstract=True):
    """Base: the class of a target is the largest along an axis."""

    sparse_y_true = False

    sparse_y_pred: bool = setting(default=False, kw_only=True)


class IoU(_OfClasses):
    """TP / (TP + FP + FN) of some classes, averaged over those that occur.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Which classes to average.
        ignore_class: A target class (even out of range, such as 255) to leave out.
        sparse_y_true, sparse_y_pred: Whether targets and predictions are classes; else
            the largest along an axis is the class.
        axis: That axis.
        name, dtype: As in every metric.

    Input: classes (batch, ...), or scores with an axis of classes. Weights broadcast
    from the left. Labels outside the classes do not count.

    Differs from Keras: weights may be fractions (Keras' sums are integers).

    Example:
        >>> metric = IoU(num_classes=2, target_class_ids=[0])
        >>> round(float(metric([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    class_ids: Any = setting(convert=tuple, alias="target_class_ids")
    sparse_y_true: bool = setting(default=True, kw_only=True)


class BinaryIoU(_IoU):
    """TP / (TP + FP + FN) of the classes a ≥ threshold and a < threshold.

    Args:
        target_class_ids: Which of the classes 0 and 1 to average.
        threshold: From which on the prediction is class 1.
        name, dtype: As in every metric.

    Input: y_true of 0 and 1 and y_pred, probabilities, of one shape (batch, ...).

    Example:
        >>> metric = BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
        >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.3333
    """

    class_ids: Any = setting(default=(0, 1), convert=tuple, alias="target_class_ids")
    threshold: Any = number(default=0.5)

    def labels(self, y_true: Array, y_pred: Array) -> tuple[Array, Array]:
        return y_true.astype(int), (y_pred >= self.threshold).astype(int)


class MeanIoU(_OfClasses):
    """TP / (TP + FP + FN) of every class, averaged over those that occur.

    Args:
        num_classes: How many classes there are.
        ignore_class: A target class (even out of range, such as 255) to leave out.
        sparse_y_true, sparse_y_pred: Whether targets and predictions are classes; else
            the largest along an axis is the class.
        axis: That axis.
        name, dtype: As in every metric.

    Input: classes (batch, ...), or scores with an axis of classes.

    Example:
        >>> round(float(MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    sparse_y_true: bool = setting(default=True, kw_only=True)


class OneHotIoU(_OneHot):
    """`IoU` for one-hot targets.

    Args:
        num_classes: How many classes there are.
        target_class_ids: Which classes to average.
        ignore_class: A target class to leave out.
        sparse_y_pred: Whether predictions are classes rather than scores.
        axis: The axis of the scores and of the one-hot targets.
        name, dtype: As in every metric.

    Example:
        >>> metric = OneHotIoU(num_classes=2, target_class_ids=[0])
        >>> y_true = [[1, 0], [1, 0], [0, 1]]
        >>> float(metric(y_true, [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]))
        0.5
    """

    class_ids: Any = setting(convert=tuple, alias="target_class_ids")


class OneHotMeanIoU(_OneHot):
    """`MeanIoU` for one-hot targets.

    Args:
        num_classes: How many classes there are.
        ignore_class: A target class to leave out.
        sparse_y_pred: Whether predictions are classes rather than scores.
        axis: The axis of the scores and of the one-hot targets.
        name, dtype: As in every metric.

    Example:
        >>> metric = OneHotMeanIoU(num_classes=2)
        >>> y_true = [[1, 0], [1, 0], [0, 1]]
        >>> float(metric(y_true, [[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]]))
        0.5
    """
