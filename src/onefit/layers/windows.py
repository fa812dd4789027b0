"""Windows that slide along an axis of an array: maxima and means over their cells.

The windows of an image are boxes, so one axis after the other gives the same in fewer
operations. Along an axis the i-th cells of all windows are one array: the axis is cut
into blocks as long as the stride, and cell i of window w is block w + i // stride at
place i % stride. XLA on a CPU makes plain loops of that, forward and backward, where
the derivative of `lax.reduce_window` with max takes five to twenty times as long.
"""

import functools
import operator
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from onefit.layers.shapes import along
from onefit.layers.two_way import TwoWay
from onefit.types import Array, Function

__all__ = ["Slide", "adapted", "maxima", "means", "window_count"]

T = TypeVar("T")

# As many cells at most are compared or added one by one, more by a reduction: measured.
FEW = 5


def window_count(length: int, size: int, stride: int, padding: str) -> int:
    """How many windows there are: those that fit, or with "same" one at each stride.

    >>> window_count(7, 3, 2, "valid"), window_count(7, 3, 2, "same")
    (3, 4)
    """
    return (length - size) // stride + 1 if padding == "valid" else -(-length // stride)


class Slide(NamedTuple):
    """Windows along one axis: `number` of `size` cells, `stride` apart.

    Attributes:
        axis: The axis of the array.
        length: The array's size along it.
        size: The cells of a window.
        stride: How far a window is from the one before.
        number: How many windows there are.
        before: How many cells the first window starts before the array.
    """

    axis: int
    length: int
    size: int
    stride: int
    number: int
    before: int = 0

    @classmethod
    def along(
        cls, axis: int, length: int, size: int, stride: int, padding: str
    ) -> "Slide":
        """The windows along an axis; with "same" they overhang both its ends."""
        count = window_count(length, size, stride, padding)
        if padding == "valid":
            return cls(axis, length, size, stride, count)
        missing = max((count - 1) * stride + size - length, 0)
        return cls(axis, length, size, stride, count, missing // 2)

    @property
    def apart(self) -> bool:
        """Whether no cell is in two windows."""
        return self.stride >= self.size

    @property
    def blocks(self) -> int:
        """How many blocks of one stride the windows reach over."""
        return self.number - 1 + -(-self.size // self.stride)

    def cell_counts(self) -> np.ndarray:
        """How many cells of each window are the array's own."""
        start = np.arange(self.number) * self.stride - self.before
        return np.minimum(start + self.size, self.length) - np.maximum(start, 0)


# The cells of all windows -------------------------------------------------------------


def _only(axis: int, ndim: int, value: T, other: T) -> list[T]:
    """One value for this axis, and another for the rest."""
    return [value if a == axis else other for a in range(ndim)]


def _padded(x: Array, axis: int, before: int, after: int, fill: float = 0) -> Array:
    """The array with more cells along an axis; negative numbers take cells away."""
    widths = _only(axis, x.ndim, (before, after, 0), (0, 0, 0))
    return lax.pad(x, jnp.asarray(fill, x.dtype), widths)


def _blocks(x: Array, slide: Slide, fill: float) -> Array:
    """The axis as two: (blocks, stride)."""
    axis, length = slide.axis, slide.blocks * slide.stride
    x = _padded(x, axis, slide.before, length - slide.before - slide.length, fill)
    return x.reshape(*x.shape[:axis], slide.blocks, slide.stride, *x.shape[axis + 1 :])


def _unblocked(x: Array, slide: Slide) -> Array:
    """The reverse of `_blocks`."""
    axis, length = slide.axis, slide.blocks * slide.stride
    x = x.reshape(*x.shape[:axis], length, *x.shape[axis + 2 :])
    return _padded(x, axis, -slide.before, slide.length - length + slide.before)


def _cells(x: Array, slide: Slide, fill: float) -> list[Array]:
    """The i-th cells of all windows, for each i."""
    blocks, axis = _blocks(x, slide, fill), slide.axis
    places = [divmod(i, slide.stride) for i in range(slide.size)]
    return [
        lax.index_in_dim(
            lax.slice_in_dim(blocks, block, block + slide.number, axis=axis),
            place,
            axis + 1,
            keepdims=False,
        )
        for block, place in places
    ]


def _numbers(slide: Slide, ndim: int) -> np.ndarray:
    """0 to size - 1 along the axis behind the windows' own."""
    shape = _only(slide.axis + 1, ndim + 1, slide.size, 1)
    kind = np.int8 if slide.size < 127 else np.int32
    return np.arange(slide.size, dtype=kind).reshape(shape)


def _spread(slide: Slide, g: Array, winner: Array | None = None) -> Array:
    """To each cell the sum over its windows of g, of those that it won, if asked.

    The derivative of `_sums`, where all cells win, and of `maxima`.
    """
    axis = slide.axis
    if slide.apart:
        shape = (*g.shape[: axis + 1], slide.size, *g.shape[axis + 1 :])
        cells = jnp.broadcast_to(jnp.expand_dims(g, axis + 1), shape)
        if winner is not None:
            won = jnp.expand_dims(winner, axis + 1) == _numbers(slide, g.ndim)
            cells = jnp.where(won, cells, 0)
        gaps = slide.stride - slide.size
        return _unblocked(_padded(cells, axis + 1, 0, gaps), slide)
    # Padded, then sliced: a sum of padded arrays asks at every cell where it is.
    first = (slide.size - 1) // slide.stride
    last = slide.blocks - slide.number
    g = _padded(g, axis, first, last)
    winner = None if winner is None else _padded(winner, axis, first, last, -1)

    def cell(i: int) -> Array:
        start = first - i // slide.stride
        near = functools.partial(
            lax.slice_in_dim,
            start_index=start,
            limit_index=start + slide.blocks,
            axis=axis,
        )
        return near(g) if winner is None else jnp.where(near(winner) == i, near(g), 0)

    places = [
        functools.reduce(
            operator.add, map(cell, range(place, slide.size, slide.stride))
        )
        for place in range(slide.stride)
    ]
    return _unblocked(jnp.stack(places, axis + 1), slide)


# Maxima and means ---------------------------------------------------------------------


def _windowed(x: Array, slide: Slide, fill: float) -> Array:
    """The axis as two, (windows, cells), of windows that are apart."""
    cells = slide.axis + 1
    return lax.slice_in_dim(_blocks(x, slide, fill), 0, slide.size, axis=cells)


def _winners(x: Array, slide: Slide) -> tuple[Array, Array]:
    """The largest of each window's cells, and the number of the first such cell."""
    numbers = _numbers(slide, x.ndim)
    if slide.apart and slide.size > FEW:
        cells = _windowed(x, slide, -np.inf)
        best = cells.max(slide.axis + 1, keepdims=True)
        winner = jnp.where(cells == best, numbers, numbers.dtype.type(slide.size))
        return best.squeeze(slide.axis + 1), winner.min(slide.axis + 1)
    best, *rest = _cells(x, slide, -np.inf)
    winner = jnp.zeros(best.shape, numbers.dtype)
    for i, cell in enumerate(rest, 1):
        winner = jnp.where(cell > best, numbers.dtype.type(i), winner)
        best = jnp.maximum(best, cell)  # NaN stays NaN
    return best, winner


@functools.partial(TwoWay, static=(1,))
def maxima(x: Array, slide: Slide) -> Array:
    """The largest cell of each window; the derivative is that of the first such cell.

    >>> maxima(jnp.array([1.0, 3.0, 2.0, 0.0, 5.0]), Slide.along(0, 5, 2, 2, "same"))
    Array([3., 2., 5.], dtype=float32)
    """
    return _winners(x, slide)[0]


def _of_winners(slide: Slide, winner: Array, tangents: tuple[Array]) -> Array:
    """The tangents of the winning cells: what `_spread` sends to, transposed."""
    (t,) = tangents
    g = jax.ShapeDtypeStruct(winner.shape, t.dtype)
    return jax.linear_transpose(lambda g: _spread(slide, g, winner), g)(t)[0]


maxima.defvjp(
    _winners, lambda slide, winner, g: (_spread(slide, g, winner),), _of_winners
)


@functools.partial(TwoWay, static=(1,))
def _sums(x: Array, slide: Slide) -> Array:
    """The sum of each window's cells."""
    if slide.size <= FEW:
        return functools.reduce(operator.add, _cells(x, slide, 0))
    if slide.apart:
        return _windowed(x, slide, 0).sum(slide.axis + 1)
    axis, last = slide.axis, (slide.number - 1) * slide.stride + slide.size
    after = max(last - slide.before - slide.length, 0)
    return lax.reduce_window(
        x,
        np.zeros((), x.dtype),
        lax.add,
        _only(axis, x.ndim, slide.size, 1),
        _only(axis, x.ndim, slide.stride, 1),
        _only(axis, x.ndim, (slide.before, after), (0, 0)),
    )


_sums.defvjp(
    lambda x, slide: (_sums(x, slide), None), lambda slide, _, g: (_spread(slide, g),)
)


def means(x: Array, slide: Slide) -> Array:
    """The mean of each window's cells, of those that are the array's own.

    >>> means(jnp.array([1.0, 3.0, 2.0, 0.0, 5.0]), Slide.along(0, 5, 2, 2, "same"))
    Array([2., 1., 5.], dtype=float32)
    """
    total: Any = _sums(x, slide)
    counts = slide.cell_counts()
    if np.all(counts == slide.size):
        return total / slide.size
    return total / along(counts.astype(x.dtype), x.ndim, (slide.axis,))


def adapted(x: Array, axis: int, count: int, take: Function) -> Array:
    """`maxima` or `means` of `count` windows that cover an axis as evenly as can be.

    Of n cells, window i has those from ⌊i·n/count⌋ to before ⌈(i+1)·n/count⌉.

    >>> adapted(jnp.arange(5.0), 0, 2, means)
    Array([1., 3.], dtype=float32)
    """
    length = x.shape[axis]
    if length % count == 0:
        size = length // count
        return take(x, Slide(axis, length, size, size, count))
    edges = [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]
    pieces = [lax.slice_in_dim(x, start, end, axis=axis) for start, end in edges]
    sizes = [piece.shape[axis] for piece in pieces]
    return jnp.concatenate(
        [take(p, Slide(axis, n, n, n, 1)) for p, n in zip(pieces, sizes, strict=True)],
        axis,
    )
