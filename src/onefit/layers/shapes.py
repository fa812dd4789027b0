"""What layers share about shapes: axes, and outputs shaped as their inputs."""

from typing import Any, TypeAlias

import numpy as np

from onefit.errors import is_whole, mistyped
from onefit.layers.base import Layer
from onefit.types import Array, Float, Shape, Shapes

__all__ = [
    "Same",
    "SameShape",
    "along",
    "from_front",
    "having",
    "known_axes",
    "whole_axes",
]


Same: TypeAlias = Float[Array, "*sizes"]
"""An input, and the output of its shape."""

Axis: TypeAlias = int | tuple[int, ...]
"""An axis, or several; a negative one counts from the last."""


class SameShape:
    """Mixed into layers whose output has the input's shape, so that none is traced.

    The output's steps are the input's, so a mask holds for both.
    """

    supports_masking = True

    def output_shape(self, input_shape: Shapes) -> Shapes:
        """The input's shape."""
        return input_shape


def whole_axes(place: str, name: str, value: object) -> None:
    """Refuses all but an axis or several; for `setting(check=whole_axes)`."""
    axes = value if isinstance(value, tuple) else (value,)
    if not all(is_whole(a, -(2**31)) for a in axes):
        raise mistyped(
            place,
            f"{name}={value!r}",
            "a whole number, or several",
            f"write {name}=-1 for the last axis",
        )


def from_front(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Axes counted from the first, each once, in order.

    >>> from_front(-1, 3), from_front((-1, 1), 3)
    ((2,), (1, 2))
    """
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted({int(a) % ndim for a in axes}))


def having(layer: Layer, axis: Axis, input_shape: Shape) -> Shape:
    """The input's shape, if it has these axes; refused otherwise."""
    ndim = len(input_shape)
    for a in axis if isinstance(axis, tuple) else (axis,):
        if not -ndim <= a < ndim:
            raise layer.misfit(
                f"axis {a} and input of shape {input_shape}",
                f"an axis from {-ndim} to {ndim - 1}",
                "write axis=-1 for the last axis",
            )
    return input_shape


def known_axes(layer: Layer, axis: Axis, input_shape: Shape) -> tuple[int, ...]:
    """The axes of the input that a layer has weights for, counted from the first.

    Raises:
        ValueError: An axis that the input does not have, one whose size is not known,
            or another size than the layer was built for.
    """
    axes = from_front(axis, len(having(layer, axis, input_shape)))
    sizes = tuple(input_shape[a] for a in axes)
    if None in sizes:
        raise layer.misfit(
            f"input of shape {input_shape}",
            f"a known size along axis {axes[sizes.index(None)]}",
            "reshape x to (n, 1) where each row is one number, or choose another axis",
        )
    if layer.built:
        built = layer.slot.input_shape
        known = tuple(built[a] for a in from_front(axis, len(built)))
        fix = "give x the same columns, or make a new layer"
        layer.as_built(sizes, known, f"along axis {axes}", input_shape, fix)
    return axes


def along(weight: Any, ndim: int, axes: tuple[int, ...]) -> Any:
    """A weight laid along these axes of an array with `ndim` axes, to be broadcast.

    A weight with fewer axes is laid along the last of them, a number stays a number.

    >>> along(np.zeros(3), 4, (1,)).shape
    (1, 3, 1, 1)
    """
    shape = [1] * ndim
    sizes = np.shape(weight)
    for a, size in zip(axes[len(axes) - len(sizes) :], sizes, strict=True):
        shape[a] = size
    return weight.reshape(shape) if sizes else weight
