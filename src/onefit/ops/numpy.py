# ruff: noqa: PLE0605
# pyright: reportUnsupportedDunderAll=false
"""`keras.ops.numpy`: the functions of jax.numpy by Keras' names and arguments.

What is jax.numpy's own is a row of a table; only what differs is a function.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid
from onefit.faces import own as _own
from onefit.ops.table import Arrays, as_array, operation, rows
from onefit.types import Array, ArrayLike, Function

# Each number by itself ----------------------------------------------------------------

_EACH = """
abs(x)
absolute(x)
arccos(x)
arccosh(x)
arcsin(x)
arcsinh(x)
arctan(x)
arctanh(x)
bitwise_invert = invert(x)
bitwise_not = invert(x)
cbrt(x)
conj(x)
conjugate(x)
copy(x)
cos(x)
cosh(x)
deg2rad(x)
exp(x)
exp2(x)
expm1(x)
fabs(x)
i0(x)
imag(x)
isfinite(x)
isinf(x)
isnan(x)
isneginf(x)
isposinf(x)
isreal(x)
log(x)
log10(x)
log1p(x)
log2(x)
logical_not(x)
nan_to_num(x; nan=0.0, posinf=None, neginf=None)
negative(x)
ones_like(x; dtype=None)
rad2deg(x)
real(x)
reciprocal(x)
round(x; decimals=0)
sign(x)
signbit(x)
sin(x)
sinc(x)
sinh(x)
sqrt(x)
square(x)
tan(x)
tanh(x)
zeros_like(x; dtype=None)
"""

# Two that broadcast -------------------------------------------------------------------

_PAIRS = """
add(x1, x2)
arctan2(x1, x2)
bitwise_and(x, y)
bitwise_left_shift = left_shift(x, y)
bitwise_or(x, y)
bitwise_right_shift = right_shift(x, y)
bitwise_xor(x, y)
divide(x1, x2)
equal(x1, x2)
floor_divide(x1, x2)
fmax(x1, x2)
fmin(x1, x2)
fmod(x1, x2)
gcd(x1, x2)
greater(x1, x2)
greater_equal(x1, x2)
heaviside(x1, x2)
hypot(x1, x2)
isclose(x1, x2; rtol=1e-05, atol=1e-08, equal_nan=False)
lcm(x1, x2)
ldexp(x1, x2)
left_shift(x, y)
less(x1, x2)
less_equal(x1, x2)
logaddexp(x1, x2)
logaddexp2(x1, x2)
logical_and(x1, x2)
logical_or(x1, x2)
logical_xor(x1, x2)
maximum(x1, x2)
minimum(x1, x2)
mod(x1, x2)
multiply(x1, x2)
nextafter(x1, x2)
not_equal(x1, x2)
power(x1, x2)
right_shift(x, y)
subtract(x1, x2)
true_divide(x1, x2)
"""

# Along axes ---------------------------------------------------------------------------

_AXES = """
all(x; axis=None, keepdims=False)
allclose(x1, x2; rtol=1e-05, atol=1e-08, equal_nan=False)
amax(x; axis=None, keepdims=False)
amin(x; axis=None, keepdims=False)
any(x; axis=None, keepdims=False)
append(x1, x2; axis=None)
argmax(x; axis=None, keepdims=False)
argmin(x; axis=None, keepdims=False)
argpartition(x; kth, axis=-1)
array_split(x; indices_or_sections, axis=0)
concatenate(xs; axis=0)
corrcoef(x)
correlate(x1, x2; mode="valid")
cross(x1, x2; axisa=-1, axisb=-1, axisc=-1, axis=None)
cumprod(x; axis=None, dtype=None)
cumsum(x; axis=None, dtype=None)
diag(x; k=0)
diagflat(x; k=0)
diagonal(x; offset=0, axis1=0, axis2=1)
diff(a; n=1, axis=-1)
digitize(x, bins)
dot(x1, x2)
dsplit(x; indices_or_sections)
dstack(xs)
empty_like(x; dtype=None)
expand_dims(x; axis)
flip(x; axis=None)
fliplr(x)
flipud(x)
full_like(x; fill_value, dtype=None)
histogram(x; bins=10, range=None)
hsplit(x; indices_or_sections)
hstack(xs)
inner(x1, x2)
isin(x1, x2; assume_unique=False, invert=False)
kron(x1, x2)
matmul(x1, x2)
max(x; axis=None, keepdims=False, initial=None)
median(x; axis=None, keepdims=False)
min(x; axis=None, keepdims=False, initial=None)
moveaxis(x; source, destination)
nanargmax(x; axis=None, keepdims=False)
nanargmin(x; axis=None, keepdims=False)
nancumprod(x; axis=None, dtype=None)
nancumsum(x; axis=None, dtype=None)
nanmax(x; axis=None, keepdims=False)
nanmean(x; axis=None, keepdims=False)
nanmedian(x; axis=None, keepdims=False)
nanmin(x; axis=None, keepdims=False)
nanpercentile(x, q; axis=None, method="linear", keepdims=False)
nanprod(x; axis=None, keepdims=False)
nanquantile(x, q; axis=None, method="linear", keepdims=False)
nanstd(x; axis=None, keepdims=False)
nansum(x; axis=None, keepdims=False)
nanvar(x; axis=None, keepdims=False)
nonzero(x)
outer(x1, x2)
percentile(x, q; axis=None, method="linear", keepdims=False)
prod(x; axis=None, keepdims=False, dtype=None)
ptp(x; axis=None, keepdims=False)
quantile(x, q; axis=None, method="linear", keepdims=False)
ravel(x)
roll(x; shift, axis=None)
rot90(array; k=1, axes=(0, 1))
searchsorted(sorted_sequence, values; side="left")
split(x; indices_or_sections, axis=0)
squeeze(x; axis=None)
stack(x: xs; axis=0)
sum(x; axis=None, keepdims=False)
swapaxes(x; axis1, axis2)
take(x, indices; axis=None)
tensordot(x1, x2; axes=2)
tile(x; repeats: reps)
trace(x; offset=0, axis1=0, axis2=1)
transpose(x; axes=None)
tril(x; k=0)
triu(x; k=0)
unravel_index(indices; shape)
vander(x; N=None, increasing=False)
vdot(x1, x2)
vsplit(x; indices_or_sections)
vstack(xs)
"""

# Made from numbers --------------------------------------------------------------------

_MADE = """
geomspace(start, stop; num=50, endpoint=True, dtype=None, axis=0)
linspace(start, stop; num=50, endpoint=True, retstep=False, dtype=None, axis=0)
logspace(start, stop; num=50, endpoint=True, base=10, dtype=None, axis=0)
"""

_rows = rows(_EACH, [jnp], __name__, by_row=True) | rows(_PAIRS, [jnp], __name__)
_rows |= rows(_AXES, [jnp], __name__) | rows(_MADE, [jnp], __name__)
globals().update(_rows)


# What differs -------------------------------------------------------------------------


def _floats(x: Array) -> Array:
    whole = not jnp.issubdtype(x.dtype, jnp.inexact)
    return x.astype(config.floatx()) if whole else x


@operation
def angle(x: Array) -> Array:
    """The angles of complex numbers."""
    return jnp.angle(_floats(x))


@operation
def argsort(x: Array, axis: int | None = -1) -> Array:
    """The places of the numbers in their order."""
    return jnp.argsort(x, axis=axis if x.ndim else None)


@operation
def array(x: Array, dtype: DTypeLike | None = None) -> Array:
    """An array, of another type if one is given."""
    return x if dtype is None else x.astype(dtype)


@operation
def average(
    x: Array, axis: int | Sequence[int] | None = None, weights: Array | None = None
) -> Array:
    """The mean, weighed by weights."""
    return jnp.average(_floats(x), axis=axis, weights=weights)


@operation
def bincount(
    x: Array, weights: Array | None = None, minlength: int = 0, sparse: bool = False
) -> Array:
    """How often each whole number from 0 is there, in x or in each of its rows."""
    if sparse:
        raise invalid("bincount", "sparse=True", "sparse=False: arrays are dense")
    if x.ndim == 1:
        return jnp.bincount(x, weights=weights, minlength=minlength)
    most = max(int(jnp.max(x)) + 1, minlength) if x.size else minlength
    each = [None] * len(x) if weights is None else weights
    counts = [
        jnp.bincount(row, weights=weight, length=most)
        for row, weight in zip(x, each, strict=True)
    ]
    return jnp.stack(counts)


@operation
def broadcast_to(x: Array, shape: Sequence[int | None]) -> Array:
    """The array repeated to a shape; None is the size that an axis has."""
    return jnp.broadcast_to(x, _sizes(x, shape))


def _sizes(x: Array, shape: int | Sequence[int | None]) -> Any:
    """A new shape; None is the size that this axis has: that of an open batch."""
    if not isinstance(shape, list | tuple):
        return shape
    return tuple(x.shape[i] if n is None else n for i, n in enumerate(shape))


@operation(by_row=True)
def ceil(x: Array) -> Array:
    """The whole numbers above."""
    return jnp.ceil(_floats(x))


@operation(by_row=True)
def floor(x: Array) -> Array:
    """The whole numbers below."""
    return jnp.floor(_floats(x))


@operation(by_row=True)
def trunc(x: Array) -> Array:
    """The whole numbers next to it on the side of 0."""
    return jnp.trunc(x)


@operation
def clip(x: Array, x_min: Array | None, x_max: Array | None) -> Array:
    """The numbers, of those outside the nearest end."""
    x = x.astype("int32") if x.dtype == bool else x
    return jnp.clip(x, x_min, x_max)


@operation
def count_nonzero(x: Array, axis: int | Sequence[int] | None = None) -> Array:
    """How many numbers are not 0."""
    return jnp.count_nonzero(x, axis=axis).astype("int32")


@operation
def divide_no_nan(x1: Array, x2: Array) -> Array:
    """The quotients; 0 where x2 is 0."""
    none = x2 == 0
    return jnp.where(none, 0, jnp.divide(x1, jnp.where(none, 1, x2)))


@operation
def einsum(subscripts: str, *operands: Array, **kwargs: Any) -> Array:
    """Einstein's sums, as `jax.numpy.einsum`."""
    return jnp.einsum(subscripts, *operands, **kwargs)


@operation
def get_item(x: Array, key: Any) -> Array:
    """The part x[key]."""
    return x[key]


@operation
def mean(
    x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """The mean along axes."""
    # Of half the digits the sum is taken in float32.
    inner = jnp.promote_types(x.dtype, "float32")
    outer = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else config.floatx()
    return jnp.mean(x, axis=axis, keepdims=keepdims, dtype=inner).astype(outer)


@operation
def meshgrid(*x: Array, indexing: str = "xy") -> Any:
    """Vectors as the coordinates of a grid."""
    return jnp.meshgrid(*x, indexing=indexing)


def ndim(x: Any) -> int:
    """How many axes there are.

    >>> ndim([[1, 2]])
    2
    """
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


@operation
def pad(
    x: Array,
    pad_width: Any,
    mode: str = "constant",
    constant_values: ArrayLike | None = None,
) -> Array:
    """The array with more numbers around."""
    more = {}
    if constant_values is not None:
        if mode != "constant":
            raise invalid(
                "pad",
                f"constant_values={constant_values!r} with mode={mode!r}",
                "constant_values for mode='constant' alone",
            )
        more = {"constant_values": constant_values}
    return jnp.pad(x, pad_width, mode=mode, **more)


@operation
def repeat(x: Array, repeats: int | Sequence[int], axis: int | None = None) -> Array:
    """Each part along an axis several times, one after another."""
    return jnp.repeat(x, np.asarray(repeats), axis=axis)


@operation
def reshape(x: Array, newshape: int | Sequence[int]) -> Array:
    """The numbers in another shape; None is the size that an axis has."""
    return jnp.reshape(x, _sizes(x, newshape))


@operation
def select(condlist: Arrays, choicelist: Arrays, default: Any = 0) -> Array:
    """Of several arrays, the number where the first condition holds."""
    return jnp.select(condlist, choicelist, default)


@operation
def size(x: Array) -> Any:
    """How many numbers there are."""
    return x.size


@operation
def slogdet(x: Array) -> tuple[Array, Array]:
    """The sign of the determinant, and the logarithm of its absolute value."""
    return tuple(jnp.linalg.slogdet(x))


@operation
def sort(x: Array, axis: int | None = -1) -> Array:
    """The numbers in order."""
    return jnp.sort(x, axis=axis) if x.ndim else x


@operation
def std(
    x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """The standard deviation along axes."""
    return jnp.std(_floats(x), axis=axis, keepdims=keepdims)


@operation
def take_along_axis(x: Array, indices: Array, axis: int | None = None) -> Array:
    """The numbers at places along an axis, for each place of the others."""
    return jnp.take_along_axis(x, indices, axis=axis)


@operation
def trapezoid(
    y: Array, x: Array | None = None, dx: float = 1.0, axis: int = -1
) -> Array:
    """The area under the points, by trapezoids."""
    return jnp.trapezoid(y, x, dx=dx, axis=axis)


@operation
def unique(
    x: Array,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Each number once, in order."""
    del sorted  # they always are
    return jnp.unique(
        x,
        return_index=return_index,
        return_inverse=return_inverse,
        return_counts=return_counts,
        axis=axis,
        size=size,
        fill_value=fill_value,
    )


@operation
def var(
    x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """The variance along axes."""
    # Of half the digits the sum is taken in float32.
    inner = jnp.promote_types(x.dtype, "float32")
    outer = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else config.floatx()
    return jnp.var(x, axis=axis, keepdims=keepdims, dtype=inner).astype(outer)


def vectorize(
    pyfunc: Function, *, excluded: Any = None, signature: str | None = None
) -> Function:
    """A function of numbers as one of arrays, which broadcast.

    >>> vectorize(lambda a, b: a + b)(jnp.ones(2), 1.0)
    Array([2., 2.], dtype=float32)
    """
    function = jnp.vectorize(
        pyfunc, excluded=frozenset(excluded or ()), signature=signature
    )
    return lambda *args: function(*map(as_array, args))


@operation
def view(x: Array, dtype: Any = None) -> Array:
    """The same bytes as numbers of another type."""
    return x.view(dtype)


@operation
def where(condition: Array, x1: Array | None = None, x2: Array | None = None) -> Any:
    """Of two arrays, x1 where the condition holds; or the places where it holds."""
    if x1 is None or x2 is None:
        return jnp.where(condition)
    return jnp.where(condition, x1, x2)


# Made from sizes ----------------------------------------------------------------------


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Array:
    """Numbers from start to below stop.

    >>> arange(3), arange(0.0, 1.0, 0.5)
    (Array([0, 1, 2], dtype=int32), Array([0. , 0.5], dtype=float32))
    """
    given = [as_array(v) for v in (start, stop, step) if v is not None]
    dtype = dtype or jnp.result_type(*given)
    # Inside a program an array would be one of its values; plain numbers stay plain.
    plain = (v is None or isinstance(v, int | float) for v in (start, stop, step))
    values = [
        v if stays else np.asarray(as_array(v))
        for v, stays in zip((start, stop, step), plain, strict=True)
    ]
    return jnp.arange(*values, dtype=dtype)


def empty(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Array:
    """An array of this shape, filled with zeros.

    >>> empty((2,))
    Array([0., 0.], dtype=float32)
    """
    return jnp.empty(shape, dtype or config.floatx())


def eye(
    N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None
) -> Array:
    """Ones on a diagonal.

    >>> eye(2)
    Array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    return jnp.eye(int(N), M and int(M), k, dtype=dtype or config.floatx())


def full(
    shape: int | Sequence[int], fill_value: ArrayLike, dtype: DTypeLike | None = None
) -> Array:
    """One number everywhere.

    >>> full((2,), 3.0)
    Array([3., 3.], dtype=float32)
    """
    return jnp.full(shape, as_array(fill_value), dtype or config.floatx())


def identity(n: int, dtype: DTypeLike | None = None) -> Array:
    """The matrix that changes nothing.

    >>> identity(1)
    Array([[1.]], dtype=float32)
    """
    return jnp.identity(int(n), dtype=dtype or config.floatx())


def ones(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Array:
    """Ones.

    >>> ones((2,))
    Array([1., 1.], dtype=float32)
    """
    return jnp.ones(shape, dtype or config.floatx())


def tri(
    N: int, M: int | None = None, k: int = 0, dtype: DTypeLike | None = None
) -> Array:
    """Ones on a diagonal and below it.

    >>> tri(2)
    Array([[1., 0.],
           [1., 1.]], dtype=float32)
    """
    return jnp.tri(int(N), M and int(M), k, dtype=dtype or config.floatx())


def zeros(shape: int | Sequence[int], dtype: DTypeLike | None = None) -> Array:
    """Zeros.

    >>> zeros((2,))
    Array([0., 0.], dtype=float32)
    """
    return jnp.zeros(shape, dtype or config.floatx())


def _window(function: Function, name: str) -> Function:
    def window(x: Any) -> Array:
        return function(int(x)).astype(config.floatx())

    window.__name__ = window.__qualname__ = name
    window.__doc__ = f"The window `jax.numpy.{name}` of this many numbers."
    return window


bartlett = _window(jnp.bartlett, "bartlett")
blackman = _window(jnp.blackman, "blackman")
hamming = _window(jnp.hamming, "hamming")
hanning = _window(jnp.hanning, "hanning")


def kaiser(x: Any, beta: Any) -> Array:
    """The window `jax.numpy.kaiser` of this many numbers.

    >>> kaiser(3, 0.0)
    Array([1., 1., 1.], dtype=float32)
    """
    return jnp.kaiser(int(x), as_array(beta)).astype(config.floatx())


__all__ = _own(globals())
