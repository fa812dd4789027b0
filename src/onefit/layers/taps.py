"""What the windows of a convolution see along the axes of an array.

Along an axis, tap i of window p sees the cell stride·p + dilation·i − before; there are
zeros before the first cell and after the last. `seen` takes from cells to windows, and
`sent`, the reverse, back: they are each other's derivatives.
"""

import functools
import itertools
import operator
from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jax import lax

from onefit.types import Array, Function

__all__ = ["Geometry", "Taps", "seen", "sent"]


class Taps(NamedTuple):
    """The taps of all windows along one axis.

    Attributes:
        size: The taps of a window, k.
        stride: How far a window is from the one before, s.
        dilation: How far a tap is from the one before, d.
        before: How many zeros there are before the first cell.
        length: The cells of the axis, n.
        windows: How many windows there are.
    """

    size: int
    stride: int
    dilation: int
    before: int
    length: int
    windows: int

    @property
    def after(self) -> int:
        """Zeros after the last cell; below zero, cells that no window sees."""
        reach = self.stride * (self.windows - 1) + self.dilation * (self.size - 1) + 1
        return reach - self.length - self.before

    @property
    def turned(self) -> "Taps":
        """Cells as windows and windows as cells, for a stride of 1."""
        return Taps(
            self.size, 1, -self.dilation, -self.before, self.windows, self.length
        )

    @property
    def idle(self) -> bool:
        """Whether each window sees the cell at its own place and nothing else."""
        return self.size == self.stride == 1 and not self.before and not self.after


class Geometry(NamedTuple):
    """A convolution without its arrays: the taps along each axis, and the groups."""

    taps: tuple[Taps, ...]
    groups: int = 1

    def kernel_shape(self, channels: int, filters: int) -> tuple[int, ...]:
        """(taps along each axis, channels of a group, filters)."""
        return (*(t.size for t in self.taps), channels // self.groups, filters)


def _padded(x: Array, widths: Mapping[int, tuple[int, int]]) -> Array:
    """The array with more zeros along some axes; below zero, with fewer cells."""
    known = [(*widths.get(axis, (0, 0)), 0) for axis in range(x.ndim)]
    return lax.pad(x, jnp.zeros((), x.dtype), known)


def seen(x: Array, taps: Mapping[int, Taps], at: tuple[int, ...]) -> Array:
    """The cells that one tap of all windows sees, for the taps along these axes.

    >>> seen(jnp.array([1, 2, 3]), {0: Taps(2, 1, 1, 1, length=3, windows=3)}, (0,))
    Array([0, 1, 2], dtype=int32)
    """
    widths, strides = {}, [1] * x.ndim
    for (axis, t), i in zip(taps.items(), at, strict=True):
        before = t.before - t.dilation * i
        widths[axis] = before, t.stride * (t.windows - 1) + 1 - t.length - before
        strides[axis] = t.stride
    x = _padded(x, widths)
    return lax.slice(x, [0] * x.ndim, x.shape, strides)


def sent(taps: Mapping[int, Taps], each: Function) -> Array:
    """The reverse of `seen`: the sum of what windows send to the cells they see.

    Along an axis the cells stride·b + r of one r are seen by the same taps. They are
    summed as one array over b, and the arrays of all r are stacked.

    Args:
        taps: The taps by axis.
        each: each(i, j, ...) is what the windows send through that tap.

    >>> two = Taps(2, 1, 1, 0, length=3, windows=2)
    >>> sent({0: two}, lambda i: jnp.array([[1, 2], [10, 20]][i]))
    Array([ 1, 12, 20], dtype=int32)
    """
    axes = list(taps)

    def phase(r: tuple[int, ...]) -> Array:
        if len(r) == len(axes):
            return _one_phase(taps, each, r)
        axis, t = axes[len(r)], taps[axes[len(r)]]
        parts = [phase((*r, i)) for i in range(t.stride)]
        if t.stride == 1:
            return parts[0]
        whole = jnp.stack(parts, axis + 1)
        whole = whole.reshape(*whole.shape[:axis], -1, *whole.shape[axis + 2 :])
        return lax.slice_in_dim(whole, 0, t.length, axis=axis)

    return phase(())


def _one_phase(
    taps: Mapping[int, Taps], each: Function, phase: tuple[int, ...]
) -> Array:
    """What is sent to the cells stride·b + r, over b, by axis."""
    blocks = [-(-t.length // t.stride) for t in taps.values()]
    shifts: list[dict[int, int]] = []  # tap i sends there from the window b + shift
    for t, r in zip(taps.values(), phase, strict=True):
        places = ((i, r + t.before - t.dilation * i) for i in range(t.size))
        shifts.append({i: n // t.stride for i, n in places if n % t.stride == 0})

    def moved(tap: tuple[int, ...]) -> Array:
        y, widths = each(*tap), {}
        for axis, shift, i, many in zip(taps, shifts, tap, blocks, strict=True):
            widths[axis] = -shift[i], many - y.shape[axis] + shift[i]
        return _padded(y, widths)

    terms = [moved(tap) for tap in itertools.product(*shifts)]
    if terms:
        return functools.reduce(operator.add, terms)
    like = each(*[0] * len(taps))
    sizes = dict(zip(taps, blocks, strict=True))
    shape = [sizes.get(axis, size) for axis, size in enumerate(like.shape)]
    return jnp.zeros(shape, like.dtype)
