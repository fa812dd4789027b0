"""How often a prediction is right."""

# ruff: noqa: D102
from typing import Any, ClassVar

import jax.numpy as jnp

from onefit.checks import whole
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.metrics.base import computed, functions, same_shape
from onefit.metrics.reduction import MeanOfValues
from onefit.types import Array, ArrayLike, Scalar

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def _labels(where: str, y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """Integer labels without a unit axis, one for each row of scores."""
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    rows = y_pred.shape[:-1]
    if y_true.shape not in (rows, (*rows, 1)):
        one_hot = y_true.shape == y_pred.shape
        instead = where.replace("sparse_", "")
        raise invalid(
            where,
            f"y_true of shape {y_true.shape}, y_pred of {y_pred.shape}",
            f"integer labels of shape {rows}",
            f"write {instead} for one-hot targets" if one_hot else "",
        )
    return y_true.reshape(rows)


def accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """1 where a = y, else 0.

    >>> accuracy(np.array([1, 2]), np.array([1, 3]))
    Array([1., 0.], dtype=float32)
    """
    y_true, y_pred = same_shape("accuracy", jnp.asarray(y_true), jnp.asarray(y_pred))
    return (y_true == y_pred).astype(float)


def binary_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, threshold: Scalar = 0.5
) -> Array:
    """1 where (a > threshold) is y, else 0; a target of −1 counts as 0.

    >>> binary_accuracy(np.array([1, 0]), np.array([0.6, 0.7]))
    Array([1., 0.], dtype=float32)
    """
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    y_true, y_pred = same_shape("binary_accuracy", y_true, y_pred)
    target = y_true if y_true.dtype == bool else jnp.where(y_true == -1, 0, y_true)
    return (target == (y_pred > threshold)).astype(float)


def categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """1 where the largest output is the target's class, else 0; targets one-hot.

    >>> categorical_accuracy(np.array([[0, 1], [1, 0]]), np.array([[1, 3], [2, 4]]))
    Array([1., 0.], dtype=float32)
    """
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    y_true, y_pred = same_shape("categorical_accuracy", y_true, y_pred)
    return (jnp.argmax(y_true, -1) == jnp.argmax(y_pred, -1)).astype(float)


def sparse_categorical_accuracy(y_true: ArrayLike, y_pred: ArrayLike) -> Array:
    """1 where the largest output is the target's class, else 0; targets integers.

    >>> sparse_categorical_accuracy(np.array([1, 0]), np.array([[1, 3], [2, 4]]))
    Array([1., 0.], dtype=float32)
    """
    labels = _labels("sparse_categorical_accuracy", y_true, y_pred)
    return (labels == jnp.argmax(jnp.asarray(y_pred), -1)).astype(float)


def _in_top_k(labels: Array, scores: Array, k: int) -> Array:
    """1 where fewer than k scores are above the label's own (no sort is needed)."""
    here = labels[..., None] == jnp.arange(scores.shape[-1])
    own = jnp.max(jnp.where(here, scores, -jnp.inf), -1, keepdims=True)
    # A NaN is never a large score; a label out of range is never found.
    own = jnp.where(jnp.isnan(own), -jnp.inf, own)
    found = (jnp.sum(scores > own, -1) < k) & jnp.any(here, -1)
    return found.astype(float)


def top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5
) -> Array:
    """1 where the target's class is among the k largest outputs; targets one-hot.

    >>> scores = np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    >>> top_k_categorical_accuracy(np.array([[0, 0, 1], [0, 0, 1]]), scores, k=2)
    Array([1., 0.], dtype=float32)
    """
    y_true, y_pred = jnp.asarray(y_true), jnp.asarray(y_pred)
    y_true, y_pred = same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(jnp.argmax(y_true, -1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: ArrayLike, y_pred: ArrayLike, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """1 where the target's class is among the k largest outputs; targets integers.

    With from_sorted_ids, y_pred holds classes from the best on instead of scores.

    >>> scores = np.array([[0.1, 0.9, 0.8], [0.05, 0.95, 0.0]])
    >>> sparse_top_k_categorical_accuracy(np.array([2, 2]), scores, k=2)
    Array([1., 0.], dtype=float32)
    """
    labels = _labels("sparse_top_k_categorical_accuracy", y_true, y_pred)
    y_pred = jnp.asarray(y_pred)
    if not from_sorted_ids:
        return _in_top_k(labels, y_pred, k)
    return jnp.any(labels[..., None] == y_pred[..., :k], -1).astype(float)


functions.add(
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)


class _Accuracy(MeanOfValues, abstract=True):
    """Base: a share of right answers, the more the better."""

    direction: ClassVar[str | None] = "max"


class Accuracy(_Accuracy):
    """How often predictions equal targets exactly: the mean of 1{a = y}.

    In `compile`, the word "accuracy" means the accuracy that fits the model instead:
    binary, categorical or sparse categorical.

    Input: y_true and y_pred (batch, ...), of one shape.

    Example:
        >>> float(Accuracy()([1, 2, 3, 4], [0, 2, 3, 4]))
        0.75
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return accuracy(y_true, y_pred)


class BinaryAccuracy(_Accuracy):
    """How often a > threshold is what the target says, over all outputs.

    Args:
        name, dtype: As in every metric.
        threshold: The probability above which the prediction is 1.

    Input: y_true of 0 and 1 and y_pred (batch, ...), of one shape.

    Differs from Keras: a target of −1, as the hinge losses take it, counts as 0.

    Example:
        >>> float(BinaryAccuracy()([[1], [1], [0], [0]], [[0.9], [1], [0], [0.6]]))
        0.75

    """

    threshold: Any = number(default=0.5)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return binary_accuracy(y_true, y_pred, self.threshold)


class CategoricalAccuracy(_Accuracy):
    """How often the largest output is the target's class; targets are one-hot.

    Input: y_true and y_pred (batch, ..., classes).

    Example:
        >>> metric = CategoricalAccuracy()
        >>> float(metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0, 0.9, 0]]))
        0.5
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return categorical_accuracy(y_true, y_pred)


class SparseCategoricalAccuracy(_Accuracy):
    """How often the largest output is the target's class; targets are integers.

    Input: y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes).

    Example:
        >>> metric = SparseCategoricalAccuracy()
        >>> float(metric([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]]))
        0.5
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return sparse_categorical_accuracy(y_true, y_pred)


class _Top(_Accuracy, abstract=True):
    """Base: of the k largest outputs; k comes first when given by place."""

    name: str | None = setting(default=None, kw_only=True, identity=False)
    own_dtype: Any = setting(
        default=None, convert=computed, kw_only=True, alias="dtype"
    )
    k: int = setting(default=5, check=whole(1))


class TopKCategoricalAccuracy(_Top):
    """How often the target's class is among the k largest outputs; one-hot targets.

    Args:
        k: How many of the largest outputs count.
        name, dtype: As in every metric.

    Input: y_true and y_pred (batch, ..., classes).

    Example:
        >>> metric = TopKCategoricalAccuracy(k=2)
        >>> float(metric([[0, 0, 1], [0, 0, 1]], [[0.1, 0.9, 0.8], [0.1, 0.9, 0]]))
        0.5
    """

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return top_k_categorical_accuracy(y_true, y_pred, self.k)


class SparseTopKCategoricalAccuracy(_Top):
    """How often the target's class is among the k largest outputs; integer targets.

    Args:
        k: How many of the largest outputs count.
        name, dtype: As in every metric.
        from_sorted_ids: Whether y_pred holds classes from the best on, not scores.

    Input: y_true (batch, ...) or (batch, ..., 1), y_pred (batch, ..., classes).

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> float(metric([2, 2], [[0.1, 0.9, 0.8], [0.1, 0.9, 0]]))
        0.5
    """

    from_sorted_ids: bool = setting(default=False, kw_only=True)

    def values(self, y_true: Array, y_pred: Array) -> Array:
        return sparse_top_k_categorical_accuracy(
            y_true, y_pred, self.k, self.from_sorted_ids
        )
