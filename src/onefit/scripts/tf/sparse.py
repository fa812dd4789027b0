"""tf.sparse: tensors of which most numbers are zero, by their places."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from onefit.scripts.tf.arrays import convert_to_tensor

__all__ = [
    "SparseTensor",
    "from_dense",
    "reduce_sum",
    "reorder",
    "sparse_dense_matmul",
    "to_dense",
]


class SparseTensor:
    """The numbers that are not zero, and where they are.

    Args:
        indices: A place in each row.
        values: The number at each place.
        dense_shape: The sizes of the whole.

    >>> some = SparseTensor([[0, 1], [1, 0]], [2.0, 3.0], [2, 2])
    >>> to_dense(some * 2.0).tolist()
    [[0.0, 4.0], [6.0, 0.0]]
    """

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.indices = convert_to_tensor(np.asarray(indices))
        self.values = convert_to_tensor(values)
        self.dense_shape = convert_to_tensor(np.asarray(dense_shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of the whole."""
        return tuple(int(n) for n in np.asarray(self.dense_shape))

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self.values.dtype

    def __mul__(self, other: Any) -> "SparseTensor":
        return SparseTensor(self.indices, self.values * other, self.dense_shape)

    def __truediv__(self, other: Any) -> "SparseTensor":
        return SparseTensor(self.indices, self.values / other, self.dense_shape)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices}, values={self.values}, "
            f"dense_shape={self.dense_shape})"
        )


def to_dense(
    sp_input: SparseTensor,
    default_value: Any = None,
    validate_indices: bool = True,
    name: str | None = None,
) -> Any:
    """The whole, with zeros where nothing is."""
    whole = jnp.full(sp_input.shape, default_value or 0, sp_input.dtype)
    places = tuple(np.moveaxis(np.asarray(sp_input.indices, int), -1, 0))
    return whole.at[places].set(sp_input.values)


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The numbers of a tensor that are not zero."""
    values = np.asarray(convert_to_tensor(tensor))
    places = np.argwhere(values)
    return SparseTensor(places, values[tuple(places.T)], values.shape)


def reorder(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """The same, row by row."""
    places = np.asarray(sp_input.indices)
    order = np.lexsort(places.T[::-1])
    return SparseTensor(places[order], sp_input.values[order], sp_input.dense_shape)


def sparse_dense_matmul(
    sp_a: SparseTensor,
    b: Any,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: str | None = None,
) -> Any:
    """The product of a sparse matrix and one with all its numbers."""
    first, second = to_dense(sp_a), convert_to_tensor(b)
    return (first.T if adjoint_a else first) @ (second.T if adjoint_b else second)


def reduce_sum(sp_input: SparseTensor, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum of the numbers along an axis."""
    return to_dense(sp_input).sum(axis, keepdims=keepdims)
