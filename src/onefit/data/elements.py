"""Elements: what a Dataset gives one after another, nests of arrays.

Tuples and dicts are structure; lists are arrays, as in tf.data.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.types import Function, Shape, Tree

__all__ = [
    "SHOWN",
    "Spec",
    "as_element",
    "called",
    "join",
    "padded",
    "same_rows",
    "spec_of",
    "stack",
]


class Spec(NamedTuple):
    """The shape and type of an array in an element; None is a size that is open."""

    shape: Shape
    dtype: np.dtype

    def __repr__(self) -> str:
        """As tf.data writes it, so that printed scripts look alike.

        >>> Spec((None, 2), np.dtype("float32"))
        TensorSpec(shape=(None, 2), dtype=float32)
        """
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype})"


def as_element(value: Any) -> Tree:
    """What a function or a generator gave, with arrays at its leaves.

    Lists become arrays; tensors of torch and TensorFlow become numpy's.
    """
    if isinstance(value, dict):
        return {key: as_element(part) for key, part in value.items()}
    if isinstance(value, tuple):
        parts = [as_element(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if value is None or isinstance(value, np.ndarray | np.generic | jax.Array):
        return value
    if hasattr(value, "as_numpy_iterator"):  # a data set: an element of a window
        return value
    if hasattr(value, "row_splits") or hasattr(value, "dense_shape"):
        return value  # a tensor of rows of different lengths, or of places
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    try:
        return _narrow(np.asarray(value))
    except ValueError:
        raise invalid(
            "Dataset",
            "an element with rows of different lengths",
            "a rectangular array",
            "write .padded_batch(size), or pad them: onefit.utils.pad_sequences(rows)",
        ) from None


def _narrow(array: np.ndarray) -> np.ndarray:
    """Python's own numbers in the library's types: float32 (or `floatx`), int32."""
    if array.dtype == np.float64:
        return array.astype(config.floatx())
    small = array.dtype == np.int64 and np.abs(array).max(initial=0) < 1 << 31
    return array.astype(np.int32) if small else array


SHOWN: list[Function] = []
"""What an element goes through, with the function, before that is called."""


def called(function: Function, element: Tree) -> Any:
    """A function of an element: the parts of a tuple are its arguments."""
    for show in SHOWN:
        element = show(function, element)
    plain = isinstance(element, tuple) and not hasattr(element, "_fields")
    return function(*element) if plain else function(element)


def stack(elements: Sequence[Tree], where: str = "batch") -> Tree:
    """Elements as one, with an axis of them in front.

    Raises:
        ValueError: Elements of different shapes or structures.
    """
    return _together(elements, np.stack, where)


def join(elements: Sequence[Tree], where: str = "rows") -> Tree:
    """Elements with rows as one, their rows one after another."""
    return _together(elements, np.concatenate, where)


def _together(elements: Sequence[Tree], how: Function, where: str) -> Tree:
    def one(*leaves: Any) -> np.ndarray:
        return how([np.asarray(leaf) for leaf in leaves])

    try:
        return jax.tree.map(one, *elements)
    except ValueError:
        specs = [spec_of(element) for element in elements]
        other = next((s for s in specs if s != specs[0]), specs[0])
        raise invalid(
            where,
            f"elements of different shapes: {specs[0]} and {other}",
            "elements of one shape",
            "write .padded_batch(size), or map a function that gives them one shape",
        ) from None


def padded(elements: Sequence[Tree], shapes: Any, values: Any) -> Tree:
    """Elements of different lengths as one, filled up at the end of each axis.

    Args:
        elements: The elements.
        shapes: The sizes of the axes, in the nest of an element or one for all; None
            for the largest of these elements.
        values: What to fill up with, in the nest of an element or one for all; None for
            0, and for an empty text.
    """
    leaves, nest = jax.tree.flatten(elements[0])
    columns = [
        [np.asarray(e) for e in column]
        for column in zip(*(nest.flatten_up_to(e) for e in elements), strict=True)
    ]
    wanted = _spread(shapes, nest, len(leaves), _is_sizes)
    fills = _spread(
        values, nest, len(leaves), lambda v: not isinstance(v, tuple | dict)
    )
    filled = [
        _filled(column, sizes, fill)
        for column, sizes, fill in zip(columns, wanted, fills, strict=True)
    ]
    return nest.unflatten(filled)


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(
        v is None or isinstance(v, int | np.integer) for v in value
    )


def _spread(value: Any, nest: Any, count: int, is_leaf: Function) -> list[Any]:
    """A setting for each leaf: one for all of them, or a nest as theirs."""
    if value is None or is_leaf(value):
        return [value] * count
    return list(jax.tree.flatten(value, is_leaf=lambda v: v is None or is_leaf(v))[0])


def _filled(column: list[np.ndarray], sizes: Any, fill: Any) -> np.ndarray:
    largest = np.max([a.shape for a in column], axis=0, initial=0)
    wanted = tuple(
        int(most if size is None or size < 0 else size)
        for size, most in zip(sizes or [None] * len(largest), largest, strict=True)
    )
    if any(most > size for most, size in zip(largest, wanted, strict=True)):
        raise invalid(
            "padded_batch",
            f"an element of shape {tuple(map(int, largest))}",
            f"no more than padded_shapes={wanted}",
            "write None for an axis that is as long as its longest element",
        )
    text = column[0].dtype.kind in "OUS"
    fill = ("" if text else 0) if fill is None else fill
    dtype = np.result_type(*column) if text else column[0].dtype
    out = np.full((len(column), *wanted), fill, dtype)
    for i, array in enumerate(column):
        out[(i, *map(slice, array.shape))] = array
    return out


def spec_of(element: Tree, rows: bool = False) -> Tree:
    """The shapes and types in an element; with `rows` the first axis is left open."""

    def spec(leaf: Any) -> Any:
        if hasattr(leaf, "element_spec"):
            return leaf  # a data set within a data set
        array = np.asarray(leaf) if not hasattr(leaf, "dtype") else leaf
        shape = tuple(map(int, np.shape(array)))
        if rows and shape:
            shape = (None, *shape[1:])
        return Spec(shape, np.dtype(array.dtype))

    return jax.tree.map(spec, element)


def same_rows(tree: Tree, where: str) -> int:
    """How many rows the arrays have, which has to be one number.

    Raises:
        ValueError: Different numbers of rows, a number instead of rows, no arrays.
    """
    arrays = jax.tree.leaves(tree)
    if not arrays:
        raise invalid(where, "no arrays", "an array, or a tuple or dict of arrays")
    if any(np.ndim(a) == 0 for a in arrays):
        raise mistyped(
            where, "a single number", "an array of rows", "write Dataset.from_tensors"
        )
    counts = sorted({len(a) for a in arrays})
    if len(counts) > 1:
        raise invalid(
            where,
            f"arrays of {' and '.join(map(str, counts))} rows",
            "equally many rows in each",
        )
    return counts[0]
