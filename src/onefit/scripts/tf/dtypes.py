"""Types of numbers: `tf.float32` and its like, which numpy and jax take for theirs."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import unknown

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "complex64",
    "complex128",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int8",
    "int16",
    "int32",
    "int64",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


class DType:
    """The type of a tensor's numbers.

    Equal to the same type of numpy and to its name. Types of 64 bits are computed in 32
    unless `onefit.config.set_floatx("float64")` is written first.

    >>> float32 == np.dtype("float32"), float32 == "float32", float32.is_floating
    (True, True, True)
    >>> np.zeros(2, float32).dtype
    dtype('float32')
    """

    def __init__(self, name: str, numpy_type: Any) -> None:
        self.name, self.as_numpy_dtype = name, numpy_type

    @property
    def dtype(self) -> np.dtype:
        """The type as numpy has it: numpy asks for this."""
        return np.dtype(self.as_numpy_dtype)

    @property
    def as_datatype_enum(self) -> int:
        """Its number among numpy's types."""
        return self.dtype.num

    @property
    def is_floating(self) -> Any:
        """Whether it has fractions."""
        return jnp.issubdtype(self.dtype, jnp.floating)

    @property
    def is_integer(self) -> Any:
        """Whether it has whole numbers."""
        return jnp.issubdtype(self.dtype, jnp.integer)

    @property
    def is_complex(self) -> Any:
        """Whether it has complex numbers."""
        return jnp.issubdtype(self.dtype, jnp.complexfloating)

    @property
    def is_bool(self) -> Any:
        """Whether it has truth values."""
        return self.name == "bool"

    @property
    def size(self) -> int:
        """How many bytes a number takes."""
        return self.dtype.itemsize

    @property
    def min(self) -> Any:
        """The smallest number."""
        return self._limits.min

    @property
    def max(self) -> Any:
        """The greatest number."""
        return self._limits.max

    @property
    def _limits(self) -> Any:
        return (jnp.finfo if self.is_floating else jnp.iinfo)(self.dtype)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, DType):
            return self.name == other.name
        try:
            return as_dtype(other).name == self.name
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


string = DType("string", object)
bool = DType("bool", np.bool_)
float16, float32, float64 = (DType(f"float{n}", f"float{n}") for n in (16, 32, 64))
bfloat16 = DType("bfloat16", jnp.bfloat16)
int8, int16, int32, int64 = (DType(f"int{n}", f"int{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (DType(f"uint{n}", f"uint{n}") for n in (8, 16, 32, 64))
complex64, complex128 = (DType(f"complex{n}", f"complex{n}") for n in (64, 128))
half, double = float16, float64

_KNOWN = {
    t.name: t
    for t in (
        *(string, bool, float16, float32, float64, bfloat16, complex64, complex128),
        *(int8, int16, int32, int64, uint8, uint16, uint32, uint64),
    )
}
for _type in _KNOWN.values():
    if _type not in (string, bfloat16):
        _type.as_numpy_dtype = np.dtype(_type.as_numpy_dtype).type


def as_dtype(type_value: Any) -> DType:
    """The DType that a name, a type of numpy or a Python type means.

    >>> as_dtype("float32"), as_dtype(int), as_dtype(np.array(["a"]).dtype)
    (tf.float32, tf.int64, tf.string)
    """
    if isinstance(type_value, DType):
        return type_value
    if isinstance(type_value, str) and type_value in _KNOWN:
        return _KNOWN[type_value]
    if type_value is float:
        return float32
    kind = np.dtype(type_value)
    name = "string" if kind.kind in "OSU" else kind.name
    if name not in _KNOWN:
        raise unknown("type of numbers", type_value, _KNOWN)
    return _KNOWN[name]


def narrow(dtype: Any) -> np.dtype:
    """The type that jax computes in for this one: 32 bits unless 64 are switched on.

    >>> narrow(int64), narrow("float64")
    (dtype('int32'), dtype('float32'))
    """
    return jax.dtypes.canonicalize_dtype(as_dtype(dtype).dtype)
