"""One rule for shapes: which targets may meet which predictions. None is broadcast.

A loss says what it takes by its `pair`: targets of the same shape (`same`), a class
number for each row (`labelled`), or a sequence of them (`sequences`).
"""

from typing import TYPE_CHECKING, TypeAlias

import jax.numpy as jnp
import numpy as np

from onefit.errors import invalid
from onefit.types import Array, ArrayLike, Float, Int, Shape

if TYPE_CHECKING:
    from onefit.losses.base import Loss

Values: TypeAlias = Float[Array, "*rows values"]
Labels: TypeAlias = Int[Array, "*rows"]
Losses: TypeAlias = Float[Array, "*rows"]

__all__ = [
    "Labels",
    "Losses",
    "Values",
    "floats",
    "hits",
    "labelled",
    "refuse_labels",
    "same",
    "sequences",
    "squeezed",
]


def floats(loss: "Loss", y_pred: Array) -> Array:
    """The predictions in the loss's dtype, or in float32 where they have less."""
    known = jnp.promote_types(jnp.result_type(y_pred, 1.0), jnp.float32)
    return jnp.asarray(y_pred, loss.dtype or known)


def squeezed(y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Both at one rank, where one has a last axis of size 1 that the other lacks.

    A vector gains the axis; from more than a vector it is dropped. As in Keras.
    """

    def fit(longer: Array, shorter: Array) -> tuple[Array, Array]:
        if longer.ndim != shorter.ndim + 1 or longer.shape[-1] != 1:
            return longer, shorter
        if shorter.ndim == 1:
            return longer, jnp.expand_dims(shorter, -1)
        return jnp.squeeze(longer, -1), shorter

    y_true, y_pred = fit(y_true, y_pred)
    y_pred, y_true = fit(y_pred, y_true)
    return y_true, y_pred


def same(self: "Loss", y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Targets of the shape of the predictions."""
    if y_true.ndim == 0 and y_pred.ndim > 0:  # one target for all, as in a penalty
        y_true = jnp.broadcast_to(y_true, y_pred.shape)
    y, a = squeezed(y_true, y_pred)
    if y.shape != a.shape or a.ndim == 0:
        raise _mismatch(self, y_true.shape, y_pred.shape, "one shape for both", _fix)
    a = floats(self, a)
    return y.astype(a.dtype), a


def labelled(self: "Loss", y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Class numbers (batch, ...) or (batch, ..., 1) for outputs (batch, ..., k)."""
    axis = getattr(self, "axis", -1)
    if not -y_pred.ndim <= axis < y_pred.ndim:
        raise invalid(
            type(self).__name__,
            f"y_pred of shape {y_pred.shape}",
            f"an axis {axis}, which holds the classes",
        )
    axis %= y_pred.ndim
    rest = y_pred.shape[:axis] + y_pred.shape[axis + 1 :]
    y = y_true
    if y.ndim == y_pred.ndim:
        y = jnp.squeeze(y, next((i for i in (axis, -1) if y.shape[i] == 1), ()))
    if y.shape != rest:
        expected = f"y_true of shape {rest}, a class number for each row"
        raise _mismatch(self, y_true.shape, y_pred.shape, expected, _one_hot_fix)
    return y.astype(jnp.int32), floats(self, y_pred)


def sequences(self: "Loss", y_true: Array, y_pred: Array) -> tuple[Array, Array]:
    """Class numbers (batch, length) for outputs (batch, time, classes)."""
    fits = y_true.ndim == 2 and y_pred.ndim == 3 and y_true.shape[0] == y_pred.shape[0]
    if not fits:
        expected = "(batch, length) and (batch, time, classes)"
        raise _mismatch(self, y_true.shape, y_pred.shape, expected)
    return y_true.astype(jnp.int32), floats(self, y_pred)


def hits(labels: Array, classes: int, axis: int = -1) -> Array:
    """Where the class on this axis is the label: a one-hot array of booleans.

    A loss picks its class by comparing, since the gradient of an index is a scatter,
    and a scatter keeps XLA from making one kernel of a small training loop.
    """
    numbers = jnp.expand_dims(jnp.arange(classes), tuple(range(labels.ndim)))
    return jnp.expand_dims(labels, axis) == jnp.moveaxis(numbers, -1, axis)


def refuse_labels(
    loss: "Loss",
    y_true: ArrayLike,
    shape: Shape,
    axis: int = -1,
    ignored: int | None = None,
) -> None:
    """Refuses labels, on the host, that are no class of this y_pred shape's."""
    y, known = np.asarray(y_true), -len(shape) <= axis < len(shape)
    if not known or y.shape == shape or y.dtype.kind not in "iuf":
        return  # what else is wrong is said elsewhere
    classes = shape[axis] or 0
    wrong = y[((y < 0) | (y >= classes) | (y != np.floor(y))) & (y != ignored)]
    if wrong.size:
        raise invalid(
            type(loss).__name__,
            f"the label {wrong[0]} for {classes} classes",
            f"whole numbers from 0 to {classes - 1}",
            "number the classes from 0, or end the network in as many units",
        )


def _mismatch(loss, y: Shape, a: Shape, expected: str, fix=None) -> ValueError:
    return invalid(
        type(loss).__name__,
        f"y_true of shape {y} and y_pred of shape {a}",
        expected,
        fix(loss, y, a) if fix else "",
    )


def _fix(loss: "Loss", y: Shape, a: Shape) -> str:
    if not a:
        return "write [1.0], not 1.0, for a single example"
    if y[:1] != a[:1]:
        return "give as many targets as predictions"
    if loss.link == "softmax" and y in (a[:-1], (*a[:-1], 1)):
        return "write SparseCategoricalCrossentropy(), which takes class numbers"
    if a[:-1] in (y, y[:-1]):
        units = 1 if y == a[:-1] else y[-1]
        return f"end the network in Dense({units}), or give y {a[-1]} columns"
    return f"reshape y_true to {a}"


def _one_hot_fix(loss: "Loss", y: Shape, a: Shape) -> str:
    if y == a:
        return "write CategoricalCrossentropy(), which takes one-hot rows"
    return "give as many targets as predictions" if y[:1] != a[:1] else ""
