"""Convolution as a pure function: the one place where the platform's way is chosen.

z[p] = Σ_i x[s·p + d·i − before] · w[i], summed over the channels: along each axis, i
counts the taps of the kernel, p the windows, s is the stride and d the dilation. It is
linear in x and in w, so that its derivatives are sums over the same triples (x, w, z),
and the derivatives of each of the three functions are the other two: `convolve` is
(x, w) to z; `convolve_back` is (z, w) to x, which is also the transposed convolution;
`correlate` is (x, z) to w.

On a GPU that is the library's convolution. XLA's own for a CPU is naive in a loop, 60
times too slow in a fit, so there it is one product of matrices. The taps along some
axes are laid side by side before it, k arrays in place of one, and those along the
others are summed after it, k products in place of one: whichever moves fewer numbers.
Of halves, the product alone is one of halves; what moves around it is in float32.
"""

import functools
import itertools
import math
import operator
from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike

from onefit.layers.face import in_full
from onefit.layers.products import multiplied
from onefit.layers.taps import Geometry, Taps, seen, sent
from onefit.layers.two_way import TwoWay
from onefit.types import Array, Function

__all__ = ["convolve", "convolve_back", "correlate"]

# Measured: 3x3, 32 channels to 64, on 64 images of 13x13, took 10.1 ms of a core with
# the taps of one axis side by side, 11.1 with those of both and 27 with none.
MOVING = 60
"""Multiplications in a product of matrices that cost as much as one number moved."""

# 3x3, 64 channels to 64, on 32 images of 32x32: 101 ms of a core and 101 MB of buffers
# as a whole, 81 ms and 8 MB in parts.
LARGE = 2**22
"""How many numbers side by side there may be; more are made part by part."""

PART = 2**20
"""How many of them there are in a part: they stay in a core's cache."""


# One product of matrices --------------------------------------------------------------


class Product(NamedTuple):
    """A convolution as Z = X · W, with X (rows, inner) and W (inner, outer).

    Attributes:
        taps: The taps along each axis.
        kernel: The kernel's shape.
        before: The axes whose taps are laid side by side before the product.
    """

    taps: tuple[Taps, ...]
    kernel: tuple[int, ...]
    before: tuple[int, ...]

    @classmethod
    def of(cls, taps: tuple[Taps, ...], kernel: tuple[int, ...]) -> "Product":
        """The cheapest: the fewest multiplications, and numbers that are moved."""
        axes = range(len(taps))
        ways = [
            cls(taps, kernel, before)
            for n in reversed(range(len(taps) + 1))
            for before in reversed(list(itertools.combinations(axes, n)))
            if all(a in before or taps[a].stride == 1 for a in axes)
        ]
        return min(ways, key=lambda way: way.cost())

    @property
    def after(self) -> tuple[int, ...]:
        """The axes whose taps are summed after the product."""
        return tuple(a for a in range(len(self.taps)) if a not in self.before)

    def rows(self) -> int:
        """The rows for one example."""
        sizes = (
            t.windows if a in self.before else t.length for a, t in enumerate(self.taps)
        )
        return math.prod(sizes)

    def width(self) -> tuple[int, int]:
        """(inner, outer)."""
        *taps, channels, filters = self.kernel
        inner = math.prod((taps[a] for a in self.before), start=channels)
        return inner, math.prod((taps[a] for a in self.after), start=filters)

    def cost(self) -> float:
        """Multiplications of the product, and numbers moved before and after it."""
        inner, outer = self.width()
        rows, moved = self.rows(), 0
        step = rows, inner
        for axis in self.before:
            moved += step[0] * step[1]
            t = self.taps[axis]
            step = step[0] // t.windows * t.length, step[1] // t.size
        step = rows, outer
        for axis in self.after:
            moved += step[0] * step[1]
            t = self.taps[axis]
            step = step[0] // t.length * t.windows, step[1] // t.size
        return MOVING * moved + rows * inner * outer

    # X and Z, and the reverse: taps lie behind the axes, in front of the channels.

    def x(self, x: Array) -> Array:
        """X: (batch, ..., channels) to (batch, ..., inner)."""
        for axis in reversed(self.before):
            x = self._laid(x, axis, self.taps[axis])
        return x.reshape(*x.shape[: len(self.taps) + 1], -1)

    def x_back(self, x: Array) -> Array:
        """The reverse of `x`, summed where cells meet."""
        x = x.reshape(*x.shape[:-1], *(self.kernel[a] for a in self.before), -1)
        for axis in self.before:
            x = self._summed(x, axis, self.taps[axis])
        return x

    def z(self, z: Array) -> Array:
        """Z: (batch, ..., outer) to (batch, ..., filters), summed over the taps."""
        z = z.reshape(*z.shape[:-1], *(self.kernel[a] for a in self.after), -1)
        for axis in self.after:
            z = self._summed(z, axis, self.taps[axis].turned)
        return z

    def z_back(self, z: Array) -> Array:
        """The reverse of `z`."""
        for axis in reversed(self.after):
            z = self._laid(z, axis, self.taps[axis].turned)
        return z.reshape(*z.shape[: len(self.taps) + 1], -1)

    def _laid(self, x: Array, axis: int, taps: Taps) -> Array:
        if taps.idle:
            return jnp.expand_dims(x, len(self.taps) + 1)
        each = [seen(x, {axis + 1: taps}, (i,)) for i in range(taps.size)]
        # Stacked, not joined: XLA makes one loop of it, in place of a copy a tap.
        return jnp.stack(each, len(self.taps) + 1)

    def _summed(self, x: Array, axis: int, taps: Taps) -> Array:
        behind = len(self.taps) + 1
        return sent(
            {axis + 1: taps}, lambda i: lax.index_in_dim(x, i, behind, keepdims=False)
        )

    def w(self, kernel: Array) -> Array:
        """W: the kernel as (inner, outer)."""
        return kernel.transpose(self._order()).reshape(self.width())

    def w_back(self, w: Array) -> Array:
        """The reverse of `w`."""
        order = self._order()
        back = sorted(range(len(order)), key=order.__getitem__)
        return w.reshape([self.kernel[a] for a in order]).transpose(back)

    def _order(self) -> tuple[int, ...]:
        rank = len(self.taps)
        return (*self.before, rank, *self.after, rank + 1)


# On a CPU -----------------------------------------------------------------------------


def _parts(batch: int, way: Product) -> int:
    """In how many parts of the batch the product is made."""
    numbers = way.rows() * max(way.width())
    if batch * numbers <= LARGE:
        return 1
    fitting = (
        n for n in range(1, batch) if batch % n == 0 and batch * numbers <= n * PART
    )
    return next(fitting, batch)


def _cut(a: Array, parts: int) -> Array:
    return a.reshape(parts, -1, *a.shape[1:])


def _by_group(a: Array, groups: int) -> Array:
    """The channels (or filters, the last axis) as two, the groups in front."""
    return jnp.moveaxis(a.reshape(*a.shape[:-1], groups, -1), -2, 0)


def _ungrouped(a: Array) -> Array:
    """The reverse of `_by_group`."""
    a = jnp.moveaxis(a, 0, -2)
    return a.reshape(*a.shape[:-2], -1)


def _made(product: Function, a: Array, kernel: Array, geometry: Geometry) -> Array:
    """product(way, a, kernel), group by group, and of large arrays part by part."""
    taps, groups = geometry
    if groups > 1:
        both = _by_group(a, groups), _by_group(kernel, groups)
        return _ungrouped(
            lax.map(lambda g: _made(product, g[0], g[1], Geometry(taps)), both)
        )
    way = Product.of(taps, kernel.shape)
    parts = _parts(len(a), way)
    if parts == 1:
        return product(way, a, kernel)
    made = lax.map(lambda part: product(way, part, kernel), _cut(a, parts))
    return made.reshape(-1, *made.shape[2:])


def _multiplied(
    x: Array, kernel: Array, geometry: Geometry, kind: DTypeLike = "float32"
) -> Array:
    """`convolve` by a product of matrices: Z = X · W."""
    if geometry.groups > 1 and kernel.shape[-2] == 1:
        return _channelwise(x, kernel, geometry.taps)

    def product(way: Product, x: Array, w: Array) -> Array:
        return way.z(multiplied(way.x(x), way.w(w), kind))

    return _made(product, x, kernel, geometry)


def _multiplied_back(
    z: Array, kernel: Array, geometry: Geometry, kind: DTypeLike = "float32"
) -> Array:
    """`convolve_back` by a product of matrices: X̄ = Z̄ · Wᵀ."""
    if geometry.groups > 1 and kernel.shape[-2] == 1:
        return _channelwise_back(z, kernel, *geometry)

    def product(way: Product, z: Array, w: Array) -> Array:
        return way.x_back(multiplied(way.z_back(z), way.w(w), kind, turned=True))

    return _made(product, z, kernel, geometry)


def _multiplied_both(
    x: Array,
    z: Array,
    geometry: Geometry,
    kind: DTypeLike = "float32",
    looped: bool = False,
) -> Array:
    """`correlate` by a product of matrices: W̄ = Xᵀ · Z̄; `looped` when in a loop."""
    taps, groups = geometry
    kernel = geometry.kernel_shape(x.shape[-1], z.shape[-1])
    if groups > 1:
        if kernel[-2] == 1:
            return _channelwise_both(x, z, taps)
        both = _by_group(x, groups), _by_group(z, groups)

        def one(pair: tuple[Array, Array]) -> Array:
            return _multiplied_both(*pair, Geometry(taps), kind, looped=True)

        return _ungrouped(lax.map(one, both))
    way = Product.of(taps, kernel)
    parts = _parts(len(x), way)

    def product(x: Array, z: Array) -> Array:
        x, z = (a.reshape(-1, a.shape[-1]) for a in (way.x(x), way.z_back(z)))
        # A loop without a product that XLA leaves to its library becomes one slow
        # function; it takes those that are not turned, and the barrier makes it one.
        turned = lax.optimization_barrier(x.T) if looped or parts > 1 else x.T
        return multiplied(turned, z, kind)

    if parts == 1:
        return way.w_back(product(x, z))
    zero = jnp.zeros(way.width(), x.dtype)
    both = _cut(x, parts), _cut(z, parts)
    return way.w_back(lax.scan(lambda w, a: (w + product(*a), None), zero, both)[0])


# On a CPU, one channel a group: no product of matrices is left ------------------------


def _by_channel(
    taps: tuple[Taps, ...],
) -> tuple[dict[int, Taps], Iterator[tuple[int, ...]]]:
    """The taps by axis, and the numbers of all taps."""
    numbers = itertools.product(*(range(t.size) for t in taps))
    return dict(enumerate(taps, 1)), numbers


def _each_filter(a: Array, channels: int) -> list[Array]:
    """What belongs to the channels' first filters, to their second ones, ..."""
    many = a.shape[-1] // channels
    a = a.reshape(*a.shape[:-1], channels, many)
    return [a[..., j] for j in range(many)]


def _all_filters(each: list[Array]) -> Array:
    """The reverse of `_each_filter`."""
    if len(each) == 1:
        return each[0]
    return jnp.stack(each, -1).reshape(*each[0].shape[:-1], -1)


def _channelwise(x: Array, kernel: Array, taps: tuple[Taps, ...]) -> Array:
    def one(w: Array) -> Array:
        axes, numbers = _by_channel(taps)
        terms = (seen(x, axes, i) * w[i][0] for i in numbers)
        return functools.reduce(operator.add, terms)

    return _all_filters([one(w) for w in _each_filter(kernel, x.shape[-1])])


def _channelwise_back(
    z: Array, kernel: Array, taps: tuple[Taps, ...], channels: int
) -> Array:
    def one(z: Array, w: Array) -> Array:
        return sent(_by_channel(taps)[0], lambda *i: z * w[i][0])

    pairs = zip(_each_filter(z, channels), _each_filter(kernel, channels), strict=True)
    return functools.reduce(operator.add, (one(*pair) for pair in pairs))


def _channelwise_both(x: Array, z: Array, taps: tuple[Taps, ...]) -> Array:
    over = tuple(range(x.ndim - 1))
    # Else XLA keeps what the forward pass saw, an array a tap, in place of a loop.
    x = lax.optimization_barrier(x)

    def one(z: Array) -> Array:
        axes, numbers = _by_channel(taps)
        each = jnp.stack([jnp.sum(seen(x, axes, i) * z, over) for i in numbers])
        return each.reshape(*(t.size for t in taps), 1, -1)

    return _all_filters([one(z) for z in _each_filter(z, x.shape[-1])])


# By the library -----------------------------------------------------------------------


def _library(x: jax.Array, kernel: jax.Array, geometry: Geometry) -> Array:
    taps, groups = geometry
    last = len(taps) + 1
    image = (0, last, *range(1, last))
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=[t.stride for t in taps],
        padding=[(t.before, t.after) for t in taps],
        rhs_dilation=[t.dilation for t in taps],
        dimension_numbers=lax.ConvDimensionNumbers(
            image, (last, last - 1, *range(last - 1)), image
        ),
        feature_group_count=groups,
    )


def _library_back(z: Array, kernel: jax.Array, geometry: Geometry) -> Array:
    taps, groups = geometry
    sizes = (t.length for t in taps)
    x = jax.ShapeDtypeStruct((len(z), *sizes, kernel.shape[-2] * groups), z.dtype)
    return jax.linear_transpose(lambda x: _library(x, kernel, geometry), x)(z)[0]


def _library_both(x: jax.Array, z: Array, geometry: Geometry) -> Array:
    shape = geometry.kernel_shape(x.shape[-1], z.shape[-1])
    kernel = jax.ShapeDtypeStruct(shape, x.dtype)
    return jax.linear_transpose(lambda w: _library(x, w, geometry), kernel)(z)[0]


# The three ----------------------------------------------------------------------------


def _chosen(
    ours: Function, library: Function, a: Array, b: Array, geometry: Geometry
) -> Array:
    """The platform's way, chosen when the program is lowered for it."""
    kind = jnp.promote_types(a.dtype, b.dtype)

    def on_cpu(a: Array, b: Array) -> Array:
        return ours(in_full(a), in_full(b), geometry, kind).astype(kind)

    return lax.platform_dependent(
        a.astype(kind),
        b.astype(kind),
        cpu=on_cpu,
        default=functools.partial(library, geometry=geometry),
    )


@functools.partial(TwoWay, static=(2,))
def convolve(x: Array, kernel: Array, geometry: Geometry) -> Array:
    """The z of x and w: (batch, ..., channels) to (batch, ..., filters).

    Args:
        x: The input, the channels last.
        kernel: (taps along each axis, channels of a group, filters).
        geometry: The taps along each axis, and the groups.
    """
    return _chosen(_multiplied, _library, x, kernel, geometry)


@functools.partial(TwoWay, static=(2,))
def convolve_back(z: Array, kernel: Array, geometry: Geometry) -> Array:
    """The x̄ of z̄ and w: each window sends its value times w to what it sees."""
    return _chosen(_multiplied_back, _library_back, z, kernel, geometry)


@functools.partial(TwoWay, static=(2,))
def correlate(x: Array, z: Array, geometry: Geometry) -> Array:
    """The w̄ of x and z̄: how each tap's cells and its windows go together."""
    return _chosen(_multiplied_both, _library_both, x, z, geometry)


def _derivatives(function: TwoWay, first: Function, second: Function) -> None:
    """Sets the derivatives of a function of (a, b), linear in each, for a then b."""
    function.defvjp(
        lambda a, b, geometry: (function(a, b, geometry), (a, b)),
        lambda geometry, both, g: (first(both, g, geometry), second(both, g, geometry)),
    )


_derivatives(
    convolve,
    lambda xw, g, geometry: convolve_back(g, xw[1], geometry),
    lambda xw, g, geometry: correlate(xw[0], g, geometry),
)
_derivatives(
    convolve_back,
    lambda zw, g, geometry: convolve(g, zw[1], geometry),
    lambda zw, g, geometry: correlate(g, zw[0], geometry),
)
_derivatives(
    correlate,
    lambda xz, g, geometry: convolve_back(xz[1], g, geometry),
    lambda xz, g, geometry: convolve(xz[0], g, geometry),
)
