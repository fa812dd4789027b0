"""A row of the contract of layers."""

from typing import Any, NamedTuple

import numpy as np

import onefit
from onefit.types import is_shape


class Row(NamedTuple):
    """A layer to hold to the contract.

    Attributes:
        layer: Its name, here and in Keras.
        settings: What it is made with, here and in Keras. A value that is a function
            is called with `onefit` or `keras`, to make an inner layer:
            `{"layer": lambda lib: lib.layers.Dense(2)}`.
        shape: The input's shape, the batch first; a tuple of shapes for several inputs
            (None in it for an input that is left out).
        oracle: Whether Keras has the same layer, and its numbers are right.
        config: Whether its settings can be written down (and compared with Keras').
        ids: Where given, inputs are whole numbers from 0 to here, less one.
        mask: Whether the input (the first of several) has a mask, (batch, time).
        options: Static options of the call, here and in Keras.
        call: How Keras is called: `call(layer, x, **options)`. By default
            `layer(x, **options)`, x an array or a list of arrays.
        tolerance: Of the comparison with Keras.
        smooth: Whether finite differences make sense (not where the output jumps).
    """

    layer: str
    settings: dict[str, Any]
    shape: Any = (4, 3)
    oracle: bool = True
    config: bool = True
    ids: int | None = None
    mask: bool = False
    options: dict[str, Any] = {}  # noqa: RUF012
    call: Any = None
    tolerance: float = 2e-5
    smooth: bool = True

    def __str__(self) -> str:
        told = self.settings | self.options | ({"mask": True} if self.mask else {})
        named = {k: getattr(v, "__name__", v) for k, v in told.items()}
        settings = ", ".join(f"{k}={v}" for k, v in named.items())
        return f"{self.layer}({settings}){self.shape}".replace(" ", "")

    def __hash__(self) -> int:
        return hash(str(self))

    def make(self, library: Any = onefit) -> Any:
        """The layer, of onefit or of Keras."""
        settings = {
            name: value(library) if is_inner(value) else value
            for name, value in self.settings.items()
        }
        return getattr(library.layers, self.layer)(**settings)

    def inputs(self) -> Any:
        """An array, or a tuple of them, the same each time."""
        rng = np.random.default_rng(3)
        rng.normal(size=7)

        def one(shape: Any) -> Any:
            if shape is None:
                return None
            if self.ids is not None:
                return rng.integers(0, self.ids, shape).astype("int32")
            return rng.normal(size=shape).astype("float32")

        return over(one, self.shape)

    def masks(self) -> Any:
        """The mask of the inputs; with all steps, some, only the first, or none."""
        if not self.mask:
            return None
        first = self.shape if is_shape(self.shape) else self.shape[0]
        batch, time = first[:2]
        mask = (
            np.arange(time) < np.resize([time, time - 1, 1, time // 2], batch)[:, None]
        )
        if is_shape(self.shape):
            return mask
        return (mask, *(None for _ in self.shape[1:]))

    def open_shape(self) -> Any:
        """The input's shape with the batch open."""
        return over(lambda s: s if s is None else (None, *s[1:]), self.shape)


def over(function: Any, shapes: Any) -> Any:
    """A function of each shape of a nest; None is a shape that is left out."""
    if shapes is None or is_shape(shapes):
        return function(shapes)
    return tuple(over(function, s) for s in shapes)


def is_inner(value: Any) -> bool:
    """Whether a setting makes an inner layer of either library."""
    return callable(value) and value.__code__.co_varnames[:1] == ("lib",)
