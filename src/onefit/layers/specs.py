"""What a layer says of its inputs: `self.input_spec = InputSpec(ndim=4)`."""

from typing import Any

import jax

from onefit.errors import invalid
from onefit.types import Config, Shape, Shapes, is_shape

__all__ = ["InputSpec"]


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
