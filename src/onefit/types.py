"""The types that the rooms of the library pass to one another."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import numpy as np
import numpy.typing as npt

__all__ = [
    "Array",
    "ArrayLike",
    "Config",
    "Data",
    "Function",
    "Generator",
    "Identifier",
    "Key",
    "Mask",
    "Operators",
    "Params",
    "Scalar",
    "Shape",
    "Shapes",
    "State",
    "Tree",
    "batch_shape",
    "is_shape",
]

Array: TypeAlias = jax.Array | np.ndarray

Device: TypeAlias = Any
"""A `jax.Device`, which type checkers take for a variable."""
"""Numbers: a numpy array on the host, a jax array in a program."""

if TYPE_CHECKING or "jaxtyping" in sys.modules:  # the tests import it, and check shapes
    from jaxtyping import Float, Int, Shaped
else:

    class _Unchecked:
        """In `Float[Array, "batch units"]` what says that it is an array."""

        def __class_getitem__(cls, item: Any) -> Any:
            return item[0]

    Float = Int = Shaped = _Unchecked

if TYPE_CHECKING:

    class Operators:
        """The operators of arrays, which a class gets from a table at run time."""

        def _of_one(self) -> Any: ...
        def _of_two(self, other: Any, /) -> Any: ...

        __neg__ = __pos__ = __abs__ = __invert__ = _of_one
        __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = _of_two
        __pow__ = __matmul__ = __and__ = __or__ = __xor__ = __getitem__ = _of_two
        __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = _of_two
        __rmod__ = __rpow__ = __rmatmul__ = __rand__ = __ror__ = __rxor__ = _of_two
        __lt__ = __le__ = __gt__ = __ge__ = _of_two

else:
    Operators = object

Shape: TypeAlias = tuple[int | None, ...]
"""The sizes of an array; None is a size that is not fixed, such as the batch's."""

Params: TypeAlias = dict[str, Any]
"""A layer's trainable weights by name, in Keras' order."""

State: TypeAlias = dict[str, Any]
"""What a layer carries from step to step without a gradient (moving means)."""

Tree: TypeAlias = Any
"""Any nest of tuples, lists and dicts with arrays at its leaves."""

ArrayLike: TypeAlias = npt.ArrayLike
"""What becomes an array: an array, a number, or a nest of lists of numbers."""

Mask: TypeAlias = Any
"""Which steps there are: an array of booleans, None for all, or a tuple of these."""

Shapes: TypeAlias = Any
"""A shape, or a nest of tuples with shapes at its leaves: of several inputs."""

Key: TypeAlias = jax.Array
"""A key of `jax.random`, from which a program draws."""

Generator: TypeAlias = np.random.Generator
"""The stream from which weights are drawn on the host."""

Function: TypeAlias = Callable[..., Any]
"""A function whose arguments its user knows."""

Scalar: TypeAlias = float | int | np.number | jax.Array
"""One number; in a program it may not be known yet."""

Config: TypeAlias = dict[str, Any]
"""Settings by name, as JSON can hold them."""

Data: TypeAlias = Any
"""What users hand over as rows: arrays, lists, tables, tensors, a dict of them by name.

It stays unchecked, since pandas, torch and others may not be installed; `data.rows`
asks what it is.
"""

Identifier: TypeAlias = Any
"""What names one of a kind: its name, a config, a class, a function or an object."""


def batch_shape(x: Any) -> Any:
    """The shapes of arrays with the batch's size left open."""
    return jax.tree.map(lambda a: (None, *np.shape(a)[1:]), x)


def is_shape(value: Any) -> bool:
    """Whether this is one shape, rather than a nest of them."""
    return isinstance(value, tuple) and all(
        isinstance(v, int | type(None) | np.integer) for v in value
    )
