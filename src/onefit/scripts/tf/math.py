"""tf.math: functions of numbers, by number or along axes."""
# pyright: reportUnsupportedDunderAll=false

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy import special
from jax.typing import DTypeLike

from onefit.scripts.tf.arrays import Text, convert_to_tensor, tensors
from onefit.scripts.tf.dtypes import int32, int64, narrow
from onefit.scripts.tf.making import axes, family, named, one, pair, reduction, two
from onefit.types import Array, ArrayLike


def _mean(x: Array, axis: Any, keepdims: bool) -> Array:
    """The mean; of whole numbers a whole number, as TensorFlow has it."""
    mean = jnp.mean(x, axis, keepdims=keepdims)
    whole = jnp.issubdtype(x.dtype, jnp.integer)
    return jnp.trunc(mean).astype(x.dtype) if whole else mean


def _no_nan(x: Array, y: Array) -> Array:
    safe = jnp.where(y == 0, 1, y)
    return jnp.where(y == 0, 0, x / safe)


_ONE = {
    "abs": (jnp.abs, "|x|."),
    "acos": (jnp.arccos, "arccos x."),
    "acosh": (jnp.arccosh, "arcosh x."),
    "angle": (jnp.angle, "The angle of a complex number."),
    "asin": (jnp.arcsin, "arcsin x."),
    "asinh": (jnp.arcsinh, "arsinh x."),
    "atan": (jnp.arctan, "arctan x."),
    "atanh": (jnp.arctanh, "artanh x."),
    "ceil": (jnp.ceil, "The next whole number upwards."),
    "conj": (jnp.conj, "The conjugate of a complex number."),
    "cos": (jnp.cos, "cos x."),
    "cosh": (jnp.cosh, "cosh x."),
    "digamma": (special.digamma, "The derivative of log Γ(x)."),
    "erf": (special.erf, "The error function."),
    "erfc": (special.erfc, "1 - erf x."),
    "erfinv": (special.erfinv, "The inverse of erf."),
    "exp": (jnp.exp, "eˣ."),
    "expm1": (jnp.expm1, "eˣ - 1."),
    "floor": (jnp.floor, "The next whole number downwards."),
    "imag": (jnp.imag, "The imaginary part."),
    "is_finite": (jnp.isfinite, "Whether it is a finite number."),
    "is_inf": (jnp.isinf, "Whether it is infinite."),
    "is_nan": (jnp.isnan, "Whether it is not a number."),
    "lgamma": (special.gammaln, "log |Γ(x)|."),
    "log": (jnp.log, "The natural logarithm."),
    "log1p": (jnp.log1p, "log(1 + x)."),
    "log_sigmoid": (jax.nn.log_sigmoid, "log σ(x)."),
    "logical_not": (jnp.logical_not, "Whether it is not so."),
    "negative": (jnp.negative, "-x."),
    "real": (jnp.real, "The real part."),
    "reciprocal": (lambda x: 1 / x, "1 / x."),
    "rint": (jnp.rint, "The nearest whole number, of two the even one."),
    "round": (jnp.round, "The nearest whole number, of two the even one."),
    "rsqrt": (jax.lax.rsqrt, "1 / √x."),
    "sigmoid": (jax.nn.sigmoid, "σ(x) = 1 / (1 + e⁻ˣ)."),
    "sign": (jnp.sign, "-1, 0 or 1."),
    "sin": (jnp.sin, "sin x."),
    "sinh": (jnp.sinh, "sinh x."),
    "softplus": (jax.nn.softplus, "log(1 + eˣ)."),
    "softsign": (jax.nn.soft_sign, "x / (1 + |x|)."),
    "sqrt": (jnp.sqrt, "√x."),
    "square": (jnp.square, "x²."),
    "tan": (jnp.tan, "tan x."),
    "tanh": (jnp.tanh, "tanh x."),
}


def _same(x: Any, y: Any) -> Array:
    """Whether two are equal, place by place: numbers, or texts."""
    return x == y if isinstance(x, Text) or isinstance(y, Text) else jnp.equal(x, y)


_TWO = {
    "add": (lambda x, y: x + y, "x + y."),
    "atan2": (jnp.arctan2, "The angle of the point (y, x)."),
    "divide": (jnp.true_divide, "x / y."),
    "divide_no_nan": (_no_nan, "x / y, and 0 where y is 0."),
    "equal": (_same, "Whether x = y."),
    "floordiv": (jnp.floor_divide, "x / y, rounded downwards."),
    "floormod": (jnp.mod, "What is left of x by y, with the sign of y."),
    "greater": (jnp.greater, "Whether x > y."),
    "greater_equal": (jnp.greater_equal, "Whether x ≥ y."),
    "less": (jnp.less, "Whether x < y."),
    "less_equal": (jnp.less_equal, "Whether x ≤ y."),
    "logical_and": (jnp.logical_and, "Whether both are so."),
    "logical_or": (jnp.logical_or, "Whether one is so."),
    "logical_xor": (jnp.logical_xor, "Whether just one is so."),
    "maximum": (jnp.maximum, "The greater of x and y."),
    "minimum": (jnp.minimum, "The smaller of x and y."),
    "mod": (jnp.mod, "What is left of x by y, with the sign of y."),
    "multiply": (lambda x, y: x * y, "x · y."),
    "multiply_no_nan": (
        lambda x, y: jnp.where(y == 0, 0, x * y),
        "x · y, and 0 where y is 0.",
    ),
    "not_equal": (lambda x, y: ~_same(x, y), "Whether x ≠ y."),
    "pow": (jnp.power, "xʸ."),
    "squared_difference": (lambda x, y: jnp.square(x - y), "(x - y)²."),
    "subtract": (lambda x, y: x - y, "x - y."),
    "truediv": (jnp.true_divide, "x / y."),
    "xdivy": (lambda x, y: jnp.where(x == 0, 0, x / y), "x / y, and 0 where x is 0."),
    "xlogy": (special.xlogy, "x · log y, and 0 where x is 0."),
}
_ALONG = {
    "count_nonzero": (jnp.count_nonzero, "How many numbers are not 0."),
    "reduce_all": (jnp.all, "Whether all are so."),
    "reduce_any": (jnp.any, "Whether any is so."),
    "reduce_euclidean_norm": (
        lambda x, axis, keepdims: jnp.sqrt(jnp.sum(x * x, axis, keepdims=keepdims)),
        "√Σx².",
    ),
    "reduce_logsumexp": (special.logsumexp, "log Σeˣ."),
    "reduce_max": (jnp.max, "The greatest number."),
    "reduce_mean": (_mean, "The mean; of whole numbers a whole number."),
    "reduce_min": (jnp.min, "The smallest number."),
    "reduce_prod": (jnp.prod, "The product."),
    "reduce_std": (jnp.std, "The standard deviation."),
    "reduce_sum": (jnp.sum, "The sum."),
    "reduce_variance": (jnp.var, "The variance."),
}
globals().update(family(one, __name__, _ONE))
globals().update(family(two, __name__, _TWO))
globals().update(family(reduction, __name__, _ALONG))


@tensors
def argmax(
    input: ArrayLike,
    axis: Any = None,
    output_type: DTypeLike = int64,
    name: str | None = None,
) -> Array:
    """The place of the greatest number along an axis, by default the first."""
    place = jnp.argmax(convert_to_tensor(input), 0 if axis is None else int(axis))
    return place.astype(narrow(output_type))


@tensors
def argmin(
    input: ArrayLike,
    axis: Any = None,
    output_type: DTypeLike = int64,
    name: str | None = None,
) -> Array:
    """The place of the smallest number along an axis, by default the first."""
    place = jnp.argmin(convert_to_tensor(input), 0 if axis is None else int(axis))
    return place.astype(narrow(output_type))


@tensors
def add_n(inputs: Array, name: str | None = None) -> Any:
    """The sum of several tensors of one shape."""
    first, *rest = map(convert_to_tensor, inputs)
    for x in rest:
        first = first + x
    return first


accumulate_n = add_n


@tensors
def scalar_mul(scalar: Any, x: ArrayLike, name: str | None = None) -> Any:
    """A number times a tensor."""
    return convert_to_tensor(x) * scalar


def _running(function: Any, x: Array, axis: Any, exclusive: bool, reverse: bool) -> Any:
    x = convert_to_tensor(x)
    x = jnp.flip(x, axis) if reverse else x
    out = function(x, axis=axis)
    if exclusive:
        start = 0 if function is jnp.cumsum else 1
        shape = [*x.shape]
        shape[axis] = 1
        first = jnp.full(shape, start, x.dtype)
        rest = jax.lax.slice_in_dim(out, 0, x.shape[axis] - 1, axis=axis)
        out = jnp.concatenate([first, rest], axis)
    return jnp.flip(out, axis) if reverse else out


@tensors
def cumsum(
    x: Array,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """The running sum along an axis.

    >>> cumsum([1, 2, 3], exclusive=True).tolist()
    [0, 1, 3]
    """
    return _running(jnp.cumsum, x, axis, exclusive, reverse)


@tensors
def cumprod(
    x: Array,
    axis: int = 0,
    exclusive: bool = False,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """The running product along an axis."""
    return _running(jnp.cumprod, x, axis, exclusive, reverse)


@tensors
def l2_normalize(
    x: Array, axis: Any = None, epsilon: float = 1e-12, name: str | None = None
) -> Array:
    """X / √max(Σx², ε) along axes."""
    x = convert_to_tensor(x)
    total = jnp.sum(x * x, axes(axis), keepdims=True)
    return x * jax.lax.rsqrt(jnp.maximum(total, epsilon))


@tensors
def softmax(logits: Array, axis: Any = None, name: str | None = None) -> Array:
    """eᶻ / Σeᶻ along an axis, by default the last.

    >>> softmax([[0.0, 0.0]]).tolist()
    [[0.5, 0.5]]
    """
    return jax.nn.softmax(_float(logits), -1 if axis is None else axis)


@tensors
def log_softmax(logits: Array, axis: Any = None, name: str | None = None) -> Array:
    """The logarithm of softmax."""
    return jax.nn.log_softmax(_float(logits), -1 if axis is None else axis)


def _float(x: Array) -> Any:
    x = convert_to_tensor(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.float32)


class TopK(NamedTuple):
    """What `top_k` gives: the greatest numbers, and their places."""

    values: Any
    indices: Any


@tensors
def top_k(
    input: ArrayLike,
    k: int = 1,
    sorted: bool = True,
    index_type: Any = int32,
    name: str | None = None,
) -> TopK:
    """The k greatest numbers of the last axis, the greatest first.

    >>> top_k([1.0, 3.0, 2.0], 2).indices.tolist()
    [1, 2]
    """
    values, places = jax.lax.top_k(convert_to_tensor(input), int(k))
    return TopK(values, places.astype(narrow(index_type)))


@tensors
def in_top_k(
    targets: Any, predictions: ArrayLike, k: int, name: str | None = None
) -> Array:
    """Whether each target is among the k most likely classes of its row."""
    p = convert_to_tensor(predictions)
    own = jnp.take_along_axis(p, convert_to_tensor(targets)[:, None], 1)
    return jnp.sum(p > own, 1) < k


@tensors
def confusion_matrix(
    labels: ArrayLike,
    predictions: ArrayLike,
    num_classes: int | None = None,
    weights: ArrayLike | None = None,
    dtype: DTypeLike = int32,
    name: str | None = None,
) -> Array:
    """How often class i (a row) was answered by class j (a column).

    >>> confusion_matrix([0, 1, 1], [0, 1, 0]).tolist()
    [[1, 0], [1, 1]]
    """
    y, p = (np.asarray(v).astype(int).ravel() for v in (labels, predictions))
    size = int(max(y.max(initial=0), p.max(initial=0))) + 1
    size = size if num_classes is None else int(num_classes)
    table = np.zeros((size, size))
    np.add.at(table, (y, p), 1 if weights is None else np.asarray(weights))
    return jnp.asarray(table, narrow(dtype))


@tensors
def bincount(
    arr: Any,
    weights: ArrayLike | None = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: DTypeLike = int32,
    name: str | None = None,
) -> Array:
    """How often each whole number from 0 on is there."""
    numbers = np.asarray(arr).ravel()
    if maxlength is not None:
        numbers = numbers[numbers < maxlength]
    given = None if weights is None else np.asarray(weights).ravel()
    counts = np.bincount(numbers, given, int(minlength or 0))
    return jnp.asarray(counts, narrow(dtype) if given is None else None)


def _segments(function: Any, about: str, name: str, in_order: bool) -> Any:
    def whole(data: Any, segment_ids: ArrayLike, name: str | None = None) -> Any:
        ids = convert_to_tensor(segment_ids)
        return function(convert_to_tensor(data), ids, int(ids.max()) + 1)

    def counted(
        data: Any, segment_ids: ArrayLike, num_segments: Any, name: str | None = None
    ) -> Any:
        ids = convert_to_tensor(segment_ids)
        return function(convert_to_tensor(data), ids, int(num_segments))

    return named(whole if in_order else counted, name, about, __name__)


def _segment_mean(data: Any, ids: Array, count: int) -> Array:
    total = jax.ops.segment_sum(data, ids, count)
    size = jax.ops.segment_sum(jnp.ones_like(data), ids, count)
    return total / jnp.maximum(size, 1)


_SEGMENTS = {
    "max": (jax.ops.segment_max, "The greatest number of each segment."),
    "mean": (_segment_mean, "The mean of each segment."),
    "min": (jax.ops.segment_min, "The smallest number of each segment."),
    "prod": (jax.ops.segment_prod, "The product of each segment."),
    "sum": (jax.ops.segment_sum, "The sum of each segment."),
}
for _name, (_function, _about) in _SEGMENTS.items():
    for _start, _sorted in (("segment", True), ("unsorted_segment", False)):
        _made = f"{_start}_{_name}"
        globals()[_made] = _segments(_function, _about, _made, _sorted)


@tensors
def zero_fraction(value: ArrayLike, name: str | None = None) -> Array:
    """The share of numbers that are 0."""
    return jnp.mean(convert_to_tensor(value) == 0)


@tensors
def polyval(coeffs: Any, x: Array, name: str | None = None) -> Any:
    """A polynomial at x; the first coefficient is that of the highest power."""
    x = convert_to_tensor(x)
    total = jnp.zeros_like(x)
    for c in coeffs:
        total = total * x + c
    return total


@tensors
def is_strictly_increasing(x: Array, name: str | None = None) -> Array:
    """Whether each number is greater than the one before."""
    x = convert_to_tensor(x).ravel()
    return jnp.all(x[1:] > x[:-1])


@tensors
def complex(real: ArrayLike, imag: ArrayLike, name: str | None = None) -> Array:
    """A complex number of its two parts."""
    return jax.lax.complex(*jnp.broadcast_arrays(*pair(real, imag)))


__all__ = [  # noqa: PLE0604 - the names of the tables above
    *_ONE,
    *_TWO,
    *_ALONG,
    *(
        f"{start}_{name}"
        for start in ("segment", "unsorted_segment")
        for name in _SEGMENTS
    ),
    *("accumulate_n", "add_n", "argmax", "argmin", "bincount", "complex"),
    *("confusion_matrix",),
    *("cumprod", "cumsum", "in_top_k", "is_strictly_increasing", "l2_normalize"),
    *("log_softmax", "polyval", "scalar_mul", "softmax", "top_k", "zero_fraction"),
]
