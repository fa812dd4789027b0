"""What scripts ask of arrays beyond what jax's have, put on while a script runs.

A class cannot be made of jax's array class, and a wrapper around it would have to be
taken off and put on at every layer, loss and tape. So `numpy()` and its like are put on
the class itself, and the elements of a Dataset are made tensors, for as long as a
script runs. Nothing is changed that jax or onefit call.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit.data import Dataset, elements
from onefit.errors import mistyped
from onefit.scripts import older, saving
from onefit.scripts.tf import ragged
from onefit.scripts.tf.arrays import (
    Text,
    array_class,
    convert_to_tensor,
    ensure_shape,
    is_text,
    long_form,
    reference,
    short_form,
)
from onefit.scripts.tf.ragged import RaggedTensor
from onefit.scripts.tf.shapes import TensorShape
from onefit.scripts.tf.sparse import SparseTensor
from onefit.types import Array
from onefit.variables import Variable

__all__ = ["dress", "dressed"]


def _numpy(self: Any) -> Any:
    """The numbers as numpy has them; one alone is a number, no array."""
    return np.array(self)[()]


def _shape(self: jax.Array) -> TensorShape:
    """The sizes."""
    return TensorShape(self.shape)


def _set_shape(self: jax.Array, shape: Any) -> None:
    """Says what shape it has, which must be so."""
    ensure_shape(self, shape)


def _said(self: jax.Array) -> str:
    if jnp.issubdtype(self.dtype, jax.dtypes.prng_key):
        return f"<a key of jax.random, shape {self.shape}>"
    return long_form(self, np.asarray(self), str(self.dtype))


def _printed(self: jax.Array) -> str:
    if jnp.issubdtype(self.dtype, jax.dtypes.prng_key):
        return _said(self)
    return short_form(self, np.asarray(self), str(self.dtype))


def _formatted(self: jax.Array, spec: str) -> str:
    value = np.asarray(self)
    return format(value[()] if value.ndim == 0 else value, spec)


def _as_float(self: jax.Array) -> float:
    """One number, also from an array with one in it."""
    return float(np.asarray(self).item())


def _as_int(self: jax.Array) -> int:
    """One whole number, also from an array with one in it."""
    return int(np.asarray(self).item())


def _no_numbers(self: Tracer) -> Any:
    raise mistyped(
        "numpy()",
        "a tensor inside a compiled function, which has no numbers yet",
        "functions of tf",
        "write tf.print(x) to see it, or compile(run_eagerly=True)",
    )


def _tensor(leaf: Any) -> Any:
    if isinstance(leaf, Dataset | Text | RaggedTensor | SparseTensor):
        return leaf
    return Text(leaf) if is_text(leaf) else convert_to_tensor(leaf)


def _tensors(self: Dataset) -> Iterator[Any]:
    """A pass over the elements, as tensors."""
    return (jax.tree.map(_tensor, element) for element in _plain_elements(self))


def _shown(function: Any, element: Any) -> Any:
    """An element with text in it, as tensors; one of numbers is traced as it is."""
    own = str(getattr(function, "__module__", "")).startswith("onefit.")
    if not own and any(map(is_text, jax.tree.leaves(element))):
        return jax.tree.map(_tensor, element)
    return element


_plain_elements = Dataset.__iter__


def _hosts(self: Dataset) -> Iterator[Any]:
    """A pass over the elements, as numpy arrays; text is bytes."""

    def one(leaf: Any) -> Any:
        if isinstance(leaf, Dataset):
            return leaf
        return Text(leaf).numpy() if is_text(leaf) else np.array(leaf)[()]

    return (jax.tree.map(one, element) for element in _plain_elements(self))


def _cardinality(self: Dataset, name: str | None = None) -> Array:
    """How many elements, as a tensor: -1 without an end, -2 where nobody knows."""
    return jnp.asarray(_plain_cardinality(self))


_plain_cardinality = Dataset.cardinality


def _of_lists(name: str, cls: type) -> Any:
    """An operator that takes lists of numbers too, as in `x * [3.0, 4.0]`."""
    plain = getattr(cls, name)

    def operator(self: Any, other: Any) -> Any:
        several = type(other) is list or type(other) is tuple
        return plain(self, convert_to_tensor(other) if several else other)

    return operator


_OPERATORS = [
    f"__{start}{name}__"
    for name in ("add", "sub", "mul", "truediv", "floordiv", "pow", "mod", "matmul")
    for start in ("", "r")
] + [f"__{name}__" for name in ("lt", "le", "gt", "ge", "eq", "ne")]


@functools.cache
def _methods() -> dict[type, dict[str, Any]]:
    """What is put on each class."""
    array = array_class()
    return {
        array: {
            "numpy": _numpy,
            "get_shape": _shape,
            "set_shape": _set_shape,
            "ref": reference,
            "experimental_ref": reference,
            "__float__": _as_float,
            "__int__": _as_int,
            "__repr__": _said,
            "__str__": _printed,
            "__format__": _formatted,
        }
        | {name: _of_lists(name, array) for name in _OPERATORS},
        Variable: {"numpy": _numpy},
        Dataset: {
            "__iter__": _tensors,
            "as_numpy_iterator": _hosts,
            "cardinality": _cardinality,
        },
        Tracer: {
            "numpy": _no_numbers,
            "get_shape": _shape,
            "set_shape": _set_shape,
            "ref": reference,
        }
        | {name: _of_lists(name, Tracer) for name in _OPERATORS},
    }


def _faces() -> Iterator[tuple[type, str, Any]]:
    """Each method, and the class that it is put on."""
    for faces in (_methods(), saving.FACES, older.FACES, ragged.FACES):
        for cls, methods in faces.items():
            yield from ((cls, name, method) for name, method in methods.items())


def dress() -> Callable[[], None]:
    """Puts `numpy()` and its like on jax's arrays; returns what takes them off."""
    faces = list(_faces())
    before = [(cls, name, cls.__dict__.get(name)) for cls, name, _ in faces]
    for cls, name, method in faces:
        setattr(cls, name, method)
    elements.SHOWN.append(_shown)

    def undress() -> None:
        elements.SHOWN.remove(_shown)
        for cls, name, old in before:
            if old is None:
                delattr(cls, name)
            else:
                setattr(cls, name, old)

    return undress


@contextlib.contextmanager
def dressed() -> Iterator[None]:
    """While inside, jax's arrays have what TensorFlow's tensors have.

    >>> with dressed():
    ...     print(jnp.ones(2), jnp.float32(3).numpy())
    tf.Tensor([1. 1.], shape=(2,), dtype=float32) 3.0
    >>> hasattr(jnp.ones(2), "numpy")
    False
    """
    undress = dress()
    try:
        yield
    finally:
        undress()
