"""What layers share about shapes: axes, and outputs shaped as their inputs."""

from typing import Any, TypeAlias

import jax
import numpy as np

from onefit.errors import invalid, is_whole, mistyped
from onefit.layers.base import Layer
from onefit.types import Array, Config, Float, Shape, Shapes, is_shape

__all__ = [
    "InputSpec",
    "Same",
    "SameShape",
    "along",
    "from_front",
    "having",
    "known_axes",
    "refuse_other",
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


# What a layer says of its inputs ------------------------------------------------------


class InputSpec:
    """What an input of a layer has to be; refused before any time is spent.

    Args:
        dtype: Accepted; inputs are brought to the layer's type.
        shape: Its shape, the batch first; None for a size that may be any.
        ndim: How many axes it has; or `min_ndim` and `max_ndim`.
        max_ndim, min_ndim: How many at most, and at least.
        axes: The sizes of some axes, by their numbers.
        allow_last_axis_squeeze: Whether a last axis of 1 may be there or not.
        name: What it is called, where a layer has several.
        optional: Accepted.

    Example:
        >>> class Pairs(onefit.Layer):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.input_spec = onefit.InputSpec(ndim=2, axes={-1: 2})
        ...     def call(self, inputs):
        ...         return inputs
        >>> Pairs()(np.ones((1, 3)))
        Traceback (most recent call last):
        ValueError: Pairs 'pairs': received input of shape (None, 3); expected 2 \
axes, size 2 along axis -1.

    Source: Keras, `keras.layers.InputSpec`.
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Shape | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype, self.name, self.optional = dtype, name, optional
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.min_ndim, self.max_ndim = min_ndim, max_ndim
        self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        self.allow_last_axis_squeeze = allow_last_axis_squeeze

    def get_config(self) -> Config:
        """What was given, by name."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Config) -> "InputSpec":
        """The reverse of `get_config`."""
        return cls(**config)

    def wanted(self) -> str:
        """What it asks for, in words."""
        parts = [f"shape {self.shape}" if self.shape else ""]
        parts += [f"{self.ndim} axes" if self.ndim and not self.shape else ""]
        parts += [f"at least {self.min_ndim} axes" if self.min_ndim else ""]
        parts += [f"at most {self.max_ndim} axes" if self.max_ndim else ""]
        parts += [f"size {n} along axis {a}" for a, n in self.axes.items() if n]
        return ", ".join(filter(None, parts)) or "any"

    def fits(self, shape: Shape) -> bool:
        """Whether an input of this shape is one."""
        if self._fits(shape):
            return True
        if not self.allow_last_axis_squeeze:
            return False
        return self._fits((*shape, 1)) or (
            shape[-1:] == (1,) and self._fits(shape[:-1])
        )

    def _fits(self, shape: Shape) -> bool:
        count = len(shape)
        if self.ndim is not None and count != self.ndim:
            return False
        if count < (self.min_ndim or 0) or count > (self.max_ndim or count):
            return False
        wanted = dict(enumerate(self.shape or ())) | self.axes
        return all(
            (-count <= axis < count and None in (n, shape[axis])) or n == shape[axis]
            for axis, n in wanted.items()
            if n is not None
        )


def refuse_other(layer: str, spec: Any, input_shape: Shapes) -> None:
    """Refuses inputs that are not as a layer's `input_spec` says."""
    specs = spec if isinstance(spec, list | tuple) else [spec]
    shapes = jax.tree.leaves(input_shape, is_leaf=is_shape)
    if len(specs) not in (1, len(shapes)):
        raise invalid(layer, f"{len(shapes)} inputs", f"{len(specs)}")
    specs = specs * len(shapes) if len(specs) == 1 else specs
    for one, shape in zip(specs, shapes, strict=True):
        if isinstance(one, InputSpec) and not one.fits(shape):
            raise invalid(layer, f"input of shape {shape}", one.wanted())
