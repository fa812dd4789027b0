"""The types that the rooms of the library pass to one another."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import numpy as np

__all__ = ["Array", "Params", "Shape", "State", "Tree", "batch_shape", "is_shape"]

Array: TypeAlias = jax.Array | np.ndarray
"""Numbers: a numpy array on the host, a jax array in a program."""

Shape: TypeAlias = tuple[int | None, ...]
"""The sizes of an array; None is a size that is not fixed, such as the batch's."""

Params: TypeAlias = dict[str, Any]
"""A layer's trainable weights by name, in Keras' order."""

State: TypeAlias = dict[str, Any]
"""What a layer carries from step to step without a gradient (moving means)."""

Tree: TypeAlias = Any
"""Any nest of tuples, lists and dicts with arrays at its leaves."""

Function: TypeAlias = Callable[..., Any]


def batch_shape(x: Any) -> Any:
    """The shapes of arrays with the batch's size left open."""
    return jax.tree.map(lambda a: (None, *np.shape(a)[1:]), x)


def is_shape(value: Any) -> bool:
    """Whether this is one shape, rather than a nest of them."""
    return isinstance(value, tuple) and all(
        isinstance(v, int | type(None) | np.integer) for v in value
    )
