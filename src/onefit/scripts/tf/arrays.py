"""Tensors: arrays of jax with what scripts ask of a tensor, and text beside them."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit.errors import invalid, mistyped
from onefit.layers import Lambda
from onefit.layers.symbolic import Tensor as KerasTensor
from onefit.scripts.tf.dtypes import DType, as_dtype, narrow, string
from onefit.scripts.tf.shapes import TensorShape
from onefit.tape.recording import tracing
from onefit.variables import Variable

__all__ = [
    "Tensor",
    "cast",
    "constant",
    "convert_to_tensor",
    "ensure_shape",
    "is_symbolic_tensor",
    "is_tensor",
]


class Text:
    """A tensor of text: bytes, as TensorFlow holds them.

    >>> words = constant(["a", "bc"])
    >>> words.numpy().tolist(), words.shape, (words == "a").tolist()
    ([b'a', b'bc'], TensorShape([2]), [True, False])
    """

    __array_priority__ = 100

    def __init__(self, values: Any) -> None:
        self._values = _as_bytes(values)

    dtype: DType = string

    @property
    def shape(self) -> TensorShape:
        """The sizes."""
        return TensorShape(self._values.shape)

    @property
    def ndim(self) -> int:
        """How many axes."""
        return self._values.ndim

    def get_shape(self) -> TensorShape:
        """The sizes."""
        return self.shape

    def numpy(self) -> Any:
        """An array of bytes, or the bytes alone."""
        return self._values[()] if self._values.ndim == 0 else self._values.copy()

    def strings(self) -> np.ndarray:
        """The same as an array of Python's strings."""
        return over(lambda v: v.decode("utf-8", "replace"), self._values)

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> np.ndarray:
        del copy
        return np.array(self._values, dtype)

    def __getitem__(self, key: Any) -> "Text":
        return Text(self._values[key])

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator["Text"]:
        return map(Text, iter(self._values))

    def __eq__(self, other: Any) -> Any:
        return jnp.asarray(np.asarray(self._values == _as_bytes(other), bool))

    def __ne__(self, other: Any) -> Any:
        return jnp.asarray(np.asarray(self._values != _as_bytes(other), bool))

    def __hash__(self) -> int:
        return id(self)

    def __add__(self, other: Any) -> "Text":
        return Text(self._values + _as_bytes(other))

    def __radd__(self, other: Any) -> "Text":
        return Text(_as_bytes(other) + self._values)

    def __bytes__(self) -> bytes:
        return bytes(self._values[()])

    def __repr__(self) -> str:
        return long_form(self, self._values, "string")

    def __str__(self) -> str:
        return short_form(self, self._values, "string")


def over(function: Callable[[Any], Any], values: np.ndarray) -> np.ndarray:
    """A function of each of some objects."""
    out = np.empty(values.shape, object)
    for place in np.ndindex(values.shape):
        out[place] = function(values[place])
    return out


def _as_bytes(values: Any) -> np.ndarray:
    if isinstance(values, Text):
        return values._values
    if isinstance(values, list | tuple):
        values = [v._values if isinstance(v, Text) else v for v in values]
    array = np.asarray(values, object)

    def encoded(value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode()
        raise mistyped("a tensor of text", repr(value), "text alone")

    return over(encoded, array)


class _AnyTensor(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, jax.Array | Text)


class Tensor(metaclass=_AnyTensor):
    """What every tensor is an instance of: arrays of jax, and text.

    >>> isinstance(jnp.ones(2), Tensor), isinstance(np.ones(2), Tensor)
    (True, False)
    """


@functools.cache
def array_class() -> type:
    """The class of tensors that have numbers; asking wakes JAX up."""
    return type(jnp.zeros(()))


def __getattr__(name: str) -> Any:
    if name == "EagerTensor":
        return array_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def is_tensor(x: Any) -> bool:
    """Whether this is a tensor or a variable."""
    return isinstance(x, Tensor | Variable | KerasTensor)


def is_symbolic_tensor(x: Any) -> bool:
    """Whether this is a tensor that has no numbers yet."""
    return isinstance(x, Tracer | KerasTensor)


def is_text(value: Any) -> bool:
    """Whether these are strings or bytes, alone or in an array or nest of lists."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "SUO" and value.size > 0
    return isinstance(value, str | bytes | Text)


def constant(
    value: Any, dtype: DTypeLike | None = None, shape: Any = None, name: str = "Const"
) -> Any:
    """A tensor of numbers or text.

    Args:
        value: A number, text, an array or a nest of lists.
        dtype: The type; by default that of the value, float32 for Python's fractions
            and int32 for its whole numbers.
        shape: The shape, to which one number is repeated.
        name: Does nothing.

    Differs from TensorFlow: float64 and int64 become float32 and int32, unless
    `onefit.config.set_floatx("float64")` is written first.
    """
    del name
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    sizes = TensorShape(shape)
    if isinstance(tensor, Text):
        values = np.asarray(tensor)
        whole = values.reshape(sizes) if values.ndim else np.full(sizes, values)
        return Text(whole)
    return tensor.reshape(sizes) if tensor.ndim else jnp.broadcast_to(tensor, sizes)


def convert_to_tensor(
    value: Any,
    dtype: DTypeLike | None = None,
    dtype_hint: Any = None,
    name: str | None = None,
) -> Any:
    """A tensor of what is one already, or can become one.

    Raises:
        TypeError: Fractions where whole numbers are asked for; text and numbers mixed.
        ValueError: Rows of different lengths.
    """
    del name, dtype_hint
    if isinstance(value, KerasTensor):
        return value if dtype is None else cast(value, dtype)
    if is_text(value) or (dtype is not None and as_dtype(dtype) == string):
        if dtype is not None and as_dtype(dtype) != string:
            raise mistyped(
                "convert_to_tensor",
                f"text such as {value!r}",
                f"numbers, {as_dtype(dtype).name}",
                "write tf.strings.to_number(value)",
            )
        return Text(value)
    if isinstance(value, Variable):
        value = value.value
    if isinstance(value, jax.Array):
        return value if dtype is None else value.astype(narrow(dtype))
    if isinstance(value, list | tuple) and any(
        isinstance(v, Tracer) for v in jax.tree.leaves(value)
    ):
        array: Any = jnp.stack([convert_to_tensor(v) for v in value])
        return array if dtype is None else array.astype(narrow(dtype))
    to_numpy = getattr(value, "to_numpy", None)  # a pandas table or column
    value = value if to_numpy is None else to_numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise invalid(
            "tf.constant",
            "rows of different lengths",
            "a rectangular table of numbers",
            "pad them: keras.utils.pad_sequences(rows)",
        ) from None
    if array.dtype.kind in "OmM":
        raise mistyped("tf.constant", f"{array.dtype} values", "numbers or text")
    whole = dtype is not None and as_dtype(dtype).is_integer
    if whole and array.dtype.kind == "f" and not isinstance(value, np.ndarray):
        raise mistyped(
            "tf.constant",
            f"fractions for {as_dtype(dtype).name}",
            "whole numbers",
            "write tf.cast(value, tf.int32)",
        )
    with _sizes_known(array):
        return jnp.asarray(array, narrow(array.dtype if dtype is None else dtype))


def cast(x: Any, dtype: DTypeLike, name: str | None = None) -> Any:
    """The same numbers in another type; fractions are cut off for whole ones."""
    del name
    if isinstance(x, KerasTensor):
        return in_graph(cast, (x, dtype), {})
    if hasattr(x, "with_flat_values"):  # rows of different lengths
        return x.map(lambda values: cast(values, dtype))
    value = convert_to_tensor(x)
    if isinstance(value, Text):
        raise mistyped(
            "tf.cast", "text", "numbers", "write tf.strings.to_number(x, tf.float32)"
        )
    return value.astype(narrow(dtype))


def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Any:
    """The tensor, if it has this shape.

    Raises:
        ValueError: Another shape.
    """
    del name
    if not TensorShape(x.shape).is_compatible_with(shape):
        raise invalid(
            "tf.ensure_shape", f"shape {tuple(x.shape)}", f"shape {tuple(shape)}"
        )
    return x


# Functions of tensors -----------------------------------------------------------------


def tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function of arrays take whatever is one, also values of a graph.

    Variables and lists become arrays; on what `keras.Input` gave, the function becomes
    a layer of the graph.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        flat = [*args, *kwargs.values()]
        if any(isinstance(v, KerasTensor) for v in _leaves(flat)):
            return in_graph(call, args, kwargs)
        given = tuple(map(_plain, args))
        named = {k: _plain(v) for k, v in kwargs.items()}
        with _sizes_known(given, named):
            return function(*given, **named)

    return call


def _sizes_known(*given: Any) -> Any:
    """Inside a program: a block in which whole numbers that are known stay known.

    So sizes can be computed with, as in `tf.tile(x, tf.concat([n, [1]], 0))`.
    """
    leaves = jax.tree.leaves(given) if tracing() else [None]
    return jax.ensure_compile_time_eval() if all(map(_is_size, leaves)) else _NOTHING


def _is_size(value: Any) -> bool:
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return not isinstance(value, Tracer) and value.dtype.kind in "iub"
    return isinstance(value, bool | int | str)


_NOTHING = contextlib.nullcontext()


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


def _plain(value: Any) -> Any:
    """A variable as its array; nests of them too."""
    if isinstance(value, Variable):
        return value.value
    if isinstance(value, list) and any(isinstance(v, Variable) for v in value):
        return [_plain(v) for v in value]
    return value


def in_graph(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A call on values of a graph, as a layer of it."""
    leaves, nest = jax.tree.flatten(
        (args, kwargs), is_leaf=lambda v: isinstance(v, KerasTensor)
    )
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, KerasTensor)]

    def compute(x: Any) -> Any:
        values = list(leaves)
        for place, value in zip(places, x if len(places) > 1 else [x], strict=True):
            values[place] = value
        given, named = jax.tree.unflatten(nest, values)
        return function(*given, **named)

    given = [leaves[i] for i in places]
    layer = Lambda(compute, name=getattr(function, "__name__", "function"))
    object.__setattr__(layer, "_named", False)
    return layer(given if len(given) > 1 else given[0])


# How they are shown -------------------------------------------------------------------


def long_form(tensor: Any, values: Any, kind: str) -> str:
    text = repr(values[()] if np.ndim(values) == 0 else values)
    shape = tuple(tensor.shape)
    if np.ndim(values) > 0:
        start = "\n" if "\n" in text else ""
        return f"<tf.Tensor: shape={shape}, dtype={kind}, numpy={start}{text}>"
    number = values[()]
    shown = repr(number) if isinstance(number, bytes) else str(number)
    return f"<tf.Tensor: shape={shape}, dtype={kind}, numpy={shown}>"


def short_form(tensor: Any, values: Any, kind: str) -> str:
    text = str(values[()] if np.ndim(values) == 0 else values)
    start = "\n" if "\n" in text else ""
    return f"tf.Tensor({start}{text}, shape={tuple(tensor.shape)}, dtype={kind})"


def reference(self: Any) -> Any:
    """Something to put into sets and dicts in place of the tensor."""
    return _Reference(self)


class _Reference:
    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def deref(self) -> Any:
        return self._tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reference) and other._tensor is self._tensor

    def __hash__(self) -> int:
        return id(self._tensor)
