"""Shapes as objects: TensorShape and TensorSpec."""

from collections.abc import Iterator
from typing import Any

from jax.typing import DTypeLike

from onefit.scripts.tf.dtypes import DType, as_dtype, float32

__all__ = ["TensorShape", "TensorSpec"]


class TensorShape(tuple):
    """The sizes of a tensor, None for one that is open: a tuple with a few methods.

    >>> shape = TensorShape([None, 2])
    >>> shape, shape.as_list(), shape.rank, shape == (None, 2)
    (TensorShape([None, 2]), [None, 2], 2, True)
    """

    def __new__(cls, dims: Any = ()) -> "TensorShape":
        """A shape of sizes, of one size, or of another shape."""
        sizes = dims if hasattr(dims, "__iter__") else [dims]
        return super().__new__(cls, (None if n is None else int(n) for n in sizes))

    @property
    def rank(self) -> int:
        """How many axes."""
        return len(self)

    ndims = rank

    @property
    def dims(self) -> list[Any]:
        """The sizes, as a list."""
        return list(self)

    def as_list(self) -> list[Any]:
        """The sizes, as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """How many numbers, None if a size is open."""
        count = 1
        for size in self:
            if size is None:
                return None
            count *= size
        return count

    def is_fully_defined(self) -> bool:
        """Whether no size is open."""
        return None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor can have both shapes."""
        other = TensorShape(other)
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(
            a is None or b is None or a == b for a, b in pairs
        )

    assert_is_fully_defined = is_fully_defined

    def concatenate(self, other: Any) -> "TensorShape":
        """This shape and another after it."""
        return TensorShape((*self, *TensorShape(other)))

    def __add__(self, other: Any) -> "TensorShape":
        return self.concatenate(other)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __iter__(self) -> Iterator[Any]:
        return super().__iter__()

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})"

    def __str__(self) -> str:
        return str(tuple(self))


class TensorSpec:
    """The shape and the type of a tensor, without its numbers.

    Args:
        shape: Its sizes, None for one that is open.
        dtype: The type of its numbers.
        name: A name, which does nothing.
    """

    def __init__(self, shape: Any, dtype: DTypeLike = float32, name: str | None = None):
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TensorSpec)
            and self.shape == other.shape
            and self.dtype == other.dtype
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name})"
