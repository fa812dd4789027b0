"""What stands in tf itself: making tensors, their shapes, parts and order."""
# pyright: reportUnsupportedDunderAll=false

import builtins
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.initializers import Constant, Ones, RandomNormal, RandomUniform, Zeros
from onefit.scripts.tf import linalg, math, sparse
from onefit.scripts.tf.arrays import Text, convert_to_tensor, tensors
from onefit.scripts.tf.dtypes import as_dtype, float32, int32, narrow, string
from onefit.scripts.tf.dtypes import bool as bool_
from onefit.scripts.tf.making import axes, pair
from onefit.scripts.tf.ragged import RaggedTensor, joined
from onefit.scripts.tf.shapes import TensorShape
from onefit.types import Array, ArrayLike

# What tf shows of its own modules.
_OF_MATH = [
    "abs",
    "acos",
    "acosh",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "complex",
    "cos",
    "cosh",
    "cumsum",
    "divide",
    "equal",
    "exp",
    "floor",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "round",
    "scalar_mul",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "truediv",
]
_OF_LINALG = ["eig", "eigvals", "einsum", "eye", "matmul", "norm", "tensordot"]
for _name in _OF_MATH:
    globals()[_name] = getattr(math, _name)
for _name in _OF_LINALG:
    globals()[_name] = getattr(linalg, _name)

newaxis = None
SparseTensor = sparse.SparseTensor
_slice = builtins.slice
constant_initializer, ones_initializer, zeros_initializer = Constant, Ones, Zeros
random_normal_initializer, random_uniform_initializer = RandomNormal, RandomUniform


def sizes(shape: Any) -> tuple[int, ...]:
    """A shape as jax takes it, from a list, a tensor or one number."""
    if isinstance(shape, jax.Array | np.ndarray):
        shape = np.asarray(shape).tolist()
    found = tuple(TensorShape(shape))
    return tuple(-1 if n is None else n for n in found)


# Making them ------------------------------------------------------------------------


def zeros(shape: Any, dtype: DTypeLike = float32, name: str | None = None) -> Any:
    """A tensor of zeros; of empty strings for tf.string."""
    if as_dtype(dtype) == string:
        return Text(np.full(sizes(shape), b"", object))
    return jnp.zeros(sizes(shape), narrow(dtype))


def ones(shape: Any, dtype: DTypeLike = float32, name: str | None = None) -> Array:
    """A tensor of ones."""
    return jnp.ones(sizes(shape), narrow(dtype))


@tensors
def zeros_like(
    input: ArrayLike, dtype: DTypeLike | None = None, name: str | None = None
) -> Array:
    """Zeros in the shape of another tensor."""
    x = convert_to_tensor(input)
    return jnp.zeros(x.shape, x.dtype if dtype is None else narrow(dtype))


@tensors
def ones_like(
    input: ArrayLike, dtype: DTypeLike | None = None, name: str | None = None
) -> Array:
    """Ones in the shape of another tensor."""
    x = convert_to_tensor(input)
    return jnp.ones(x.shape, x.dtype if dtype is None else narrow(dtype))


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """One value in every place."""
    value = convert_to_tensor(value)
    if isinstance(value, Text):
        return Text(np.full(sizes(dims), value.numpy(), object))
    return jnp.full(sizes(dims), value)


def range(
    start: Any,
    limit: Any = None,
    delta: Any = 1,
    dtype: Any = None,
    name: str | None = "range",
) -> Any:
    """Numbers from start to before limit, in steps of delta.

    >>> range(3).tolist(), range(1, 6, 2).tolist()
    ([0, 1, 2], [1, 3, 5])
    """
    ends: list[Any] = [0, start] if limit is None else [start, limit]
    parts = [v.item() if hasattr(v, "item") else v for v in (*ends, delta)]
    kind = None if dtype is None else narrow(dtype)
    return jnp.arange(*parts, dtype=kind)


def linspace(
    start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0
) -> Array:
    """So many numbers at equal distances, both ends among them."""
    return jnp.linspace(start, stop, int(num), axis=axis)


def one_hot(
    indices: ArrayLike,
    depth: Any,
    on_value: ArrayLike | None = None,
    off_value: ArrayLike | None = None,
    axis: int | None = None,
    dtype: DTypeLike | None = None,
    name: str | None = None,
) -> Any:
    """Class numbers as rows with a one in the place of the class.

    >>> one_hot([0, 2], 3).tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    return _one_hot(indices, depth, on_value, off_value, axis, dtype)


@tensors
def _one_hot(
    indices: ArrayLike,
    depth: Any,
    on: Any,
    off: Any,
    axis: int | None,
    dtype: DTypeLike,
) -> Array:
    hot = jax.nn.one_hot(
        convert_to_tensor(indices), int(depth), axis=-1 if axis is None else axis
    )
    if on is not None or off is not None:
        hot = jnp.where(hot > 0, 1 if on is None else on, 0 if off is None else off)
    return hot if dtype is None else hot.astype(narrow(dtype))


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: DTypeLike = bool_, name: str | None = None
) -> Array:
    """Whether each step is before the length of its row."""
    lengths = convert_to_tensor(lengths)
    most = int(lengths.max()) if maxlen is None else int(maxlen)
    return (jnp.arange(most) < lengths[..., None]).astype(narrow(dtype))


def meshgrid(*args: Any, indexing: str = "xy", name: str | None = None) -> list[Any]:
    """A grid of points, one tensor of coordinates for each axis."""
    return jnp.meshgrid(*map(convert_to_tensor, args), indexing=indexing)


# Shapes -----------------------------------------------------------------------------


def shape(
    input: Any, out_type: DTypeLike | None = None, name: str | None = None
) -> Any:
    """The sizes, as a tensor of whole numbers."""
    found = np.shape(input) if not hasattr(input, "shape") else input.shape
    if None in found:
        return found  # of a value of a graph: the batch has no size yet
    kind = narrow(int32 if out_type is None else out_type)
    if isinstance(input, Tracer):  # a program has no numbers yet, but knows all sizes
        return np.asarray(tuple(found), kind)
    return jnp.asarray(tuple(found), kind)


def size(
    input: ArrayLike, out_type: DTypeLike | None = None, name: str | None = None
) -> Array:
    """How many numbers there are."""
    x = convert_to_tensor(input)
    count = int(np.prod(x.shape))
    return jnp.asarray(count, narrow(int32 if out_type is None else out_type))


def rank(input: ArrayLike, name: str | None = None) -> Array:
    """How many axes there are."""
    return jnp.asarray(convert_to_tensor(input).ndim, jnp.int32)


@tensors
def reshape(tensor: ArrayLike, shape: Any, name: str | None = None) -> Any:
    """The same numbers in another shape; -1 is the size that is left."""
    x = convert_to_tensor(tensor)
    if isinstance(x, Text):
        return Text(np.asarray(x).reshape(sizes(shape)))
    return jnp.reshape(x, sizes(shape))


@tensors
def expand_dims(input: ArrayLike, axis: Any, name: str | None = None) -> Any:
    """One more axis, of size 1."""
    x = convert_to_tensor(input)
    if isinstance(x, Text):
        return Text(np.expand_dims(np.asarray(x), int(axis)))
    return jnp.expand_dims(x, int(axis))


@tensors
def squeeze(input: ArrayLike, axis: Any = None, name: str | None = None) -> Any:
    """Without the axes of size 1, or without those named."""
    x = convert_to_tensor(input)
    if isinstance(x, Text):
        return Text(np.squeeze(np.asarray(x), axes(axis)))
    return jnp.squeeze(x, axes(axis))


@tensors
def transpose(
    a: ArrayLike, perm: Any = None, conjugate: bool = False, name: str | None = None
) -> Array:
    """The axes in another order, by default turned round."""
    x = jnp.transpose(convert_to_tensor(a), None if perm is None else axes(perm))
    return jnp.conj(x) if conjugate else x


@tensors
def broadcast_to(input: ArrayLike, shape: Any, name: str | None = None) -> Array:
    """The tensor, repeated to a shape."""
    return jnp.broadcast_to(convert_to_tensor(input), sizes(shape))


@tensors
def identity(input: ArrayLike, name: str | None = None) -> Any:
    """The tensor itself."""
    return convert_to_tensor(input)


# Parts and wholes -------------------------------------------------------------------


@tensors
def concat(values: Array, axis: Any, name: str | None = None) -> Any:
    """Tensors one after another along an axis.

    >>> concat([[1, 2], [3]], 0).tolist()
    [1, 2, 3]
    """
    if any(isinstance(v, RaggedTensor) for v in values):
        return joined(list(values), int(axis))
    parts = [convert_to_tensor(v) for v in values]
    if any(isinstance(p, Text) for p in parts):
        return Text(np.concatenate([np.asarray(p) for p in parts], int(axis)))
    return jnp.concatenate(parts, int(axis))


@tensors
def stack(values: Array, axis: int = 0, name: str | None = None) -> Any:
    """Tensors of one shape along a new axis."""
    parts = [convert_to_tensor(v) for v in values]
    if any(isinstance(p, Text) for p in parts):
        return Text(np.stack([np.asarray(p) for p in parts], axis))
    return jnp.stack(parts, axis)


@tensors
def unstack(
    value: ArrayLike, num: int | None = None, axis: int = 0, name: str | None = None
) -> list[Any]:
    """The parts along an axis, which is gone from them."""
    x = convert_to_tensor(value)
    if isinstance(x, Text):
        return list(x)
    return [jnp.take(x, i, axis) for i in np.arange(x.shape[axis])]


@tensors
def split(
    value: ArrayLike,
    num_or_size_splits: Any,
    axis: Any = 0,
    num: Any = None,
    name: str | None = None,
) -> list[Any]:
    """So many equal parts along an axis, or parts of these sizes.

    >>> [part.tolist() for part in split([1, 2, 3, 4], [1, 3])]
    [[1], [2, 3, 4]]
    """
    x, parts = convert_to_tensor(value), num_or_size_splits
    if np.ndim(parts):
        known = np.asarray(parts).copy()
        known[known < 0] = x.shape[axis] + (known < 0).sum() - known.sum() - 1
        parts = list(itertools.accumulate(int(n) for n in known))[:-1]
    elif x.shape[axis] % int(parts):
        raise invalid(
            "tf.split", f"{x.shape[axis]} numbers in {parts} parts", "equal parts"
        )
    return jnp.split(x, parts, axis)


@tensors
def tile(input: ArrayLike, multiples: ArrayLike, name: str | None = None) -> Array:
    """The tensor, so many times along each axis."""
    return jnp.tile(convert_to_tensor(input), sizes(multiples))


@tensors
def repeat(
    input: ArrayLike, repeats: Any, axis: Any = None, name: str | None = None
) -> Array:
    """Each number so many times."""
    times = int(repeats) if np.ndim(repeats) == 0 else np.asarray(repeats)
    return jnp.repeat(convert_to_tensor(input), times, axis)


@tensors
def pad(
    tensor: ArrayLike,
    paddings: ArrayLike,
    mode: str = "CONSTANT",
    constant_values: Any = 0,
    name: str | None = None,
) -> Array:
    """More numbers before and after, along each axis: (before, after) for each."""
    pairs = [(int(a), int(b)) for a, b in np.asarray(paddings)]
    x, kind = convert_to_tensor(tensor), mode.lower()
    if kind == "constant":
        return jnp.pad(x, pairs, constant_values=constant_values)
    return jnp.pad(x, pairs, mode=kind)


@tensors
def slice(input_: ArrayLike, begin: Any, size: Any, name: str | None = None) -> Any:
    """The part that begins at a place and has these sizes; -1 is all that is left."""
    x = convert_to_tensor(input_)
    starts, lengths = sizes(begin), sizes(size)
    ends = [
        n if length < 0 else start + length
        for n, start, length in zip(x.shape, starts, lengths, strict=True)
    ]
    return x[tuple(map(_slice, starts, ends))]


@tensors
def strided_slice(
    input_: ArrayLike,
    begin: Any,
    end: Any,
    strides: Any = None,
    name: str | None = None,
) -> Any:
    """x[begin:end:strides], with a number for each axis."""
    steps = sizes([1] * len(sizes(begin)) if strides is None else strides)
    keys = map(_slice, sizes(begin), sizes(end), steps)
    return convert_to_tensor(input_)[tuple(keys)]


@tensors
def gather(
    params: Array,
    indices: Array,
    validate_indices: Any = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """The parts at these places of an axis, by default the first.

    >>> gather([10, 20, 30], [2, 0]).tolist()
    [30, 10]
    """
    x, places = convert_to_tensor(params), convert_to_tensor(indices)
    along = batch_dims if axis is None else int(axis)
    if isinstance(x, Text):
        return Text(np.take(np.asarray(x), np.asarray(places), along))
    along = along if along >= 0 else along + x.ndim

    def take(x: Array, places: Any) -> Array:
        return jnp.take(x, places, along - batch_dims)

    for _ in np.arange(batch_dims):
        take = jax.vmap(take)
    return take(x, places)


@tensors
def gather_nd(
    params: Array, indices: Array, batch_dims: int = 0, name: str | None = None
) -> Any:
    """The parts at these places, each a row of numbers, one for each axis."""

    def take(x: Array, places: Any) -> Array:
        return x[tuple(jnp.moveaxis(places, -1, 0))]

    for _ in np.arange(batch_dims):
        take = jax.vmap(take)
    return take(convert_to_tensor(params), convert_to_tensor(indices))


@tensors
def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """X where the condition holds and y elsewhere; alone, the places where it holds.

    >>> where([True, False], 1, 2).tolist(), where([False, True]).tolist()
    ([1, 2], [[1]])
    """
    holds = convert_to_tensor(condition)
    if x is None and y is None:
        return jnp.argwhere(holds)
    return jnp.where(holds, *pair(x, y))


@tensors
def boolean_mask(
    tensor: ArrayLike, mask: Any, axis: int | None = None, name: str | None = None
) -> Any:
    """The parts where the mask is true."""
    x, keep = convert_to_tensor(tensor), np.asarray(mask)
    key = (_slice(None),) * (axis or 0) + (keep,)
    return x[key]


@tensors
def reverse(tensor: ArrayLike, axis: Any, name: str | None = None) -> Array:
    """Turned round along axes."""
    return jnp.flip(convert_to_tensor(tensor), axes(axis))


@tensors
def roll(
    input: ArrayLike, shift: ArrayLike, axis: Any, name: str | None = None
) -> Array:
    """Moved along axes; what leaves at one end comes in at the other."""
    return jnp.roll(convert_to_tensor(input), axes(shift), axes(axis))


@tensors
def sort(
    values: ArrayLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    name: str | None = None,
) -> Array:
    """In order along an axis."""
    return jnp.sort(
        convert_to_tensor(values), axis, descending=direction.upper() == "DESCENDING"
    )


@tensors
def argsort(
    values: ArrayLike,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Array:
    """The places that put the numbers in order."""
    down = direction.upper() == "DESCENDING"
    return jnp.argsort(convert_to_tensor(values), axis, descending=down)


class Unique(NamedTuple):
    """What `unique` gives: the values, and for each number which it is."""

    y: Any
    idx: Any


class UniqueCounts(NamedTuple):
    """What `unique_with_counts` gives: values, places and how often."""

    y: Any
    idx: Any
    count: Any


def unique_with_counts(
    x: ArrayLike, out_idx: Any = int32, name: str | None = None
) -> Any:
    """The different values in the order in which they come, and how often each does."""
    x = convert_to_tensor(x)
    host = np.asarray(x)
    _, first, index, count = np.unique(
        host, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first)
    rank_ = np.argsort(order)
    values = host[first[order]]
    kind = narrow(out_idx)
    return UniqueCounts(
        Text(values) if isinstance(x, Text) else jnp.asarray(values),
        jnp.asarray(rank_[index], kind),
        jnp.asarray(count[order], kind),
    )


def unique(x: ArrayLike, out_idx: Any = int32, name: str | None = None) -> Unique:
    """The different values in the order in which they come.

    >>> unique([3, 1, 3]).y.tolist(), unique([3, 1, 3]).idx.tolist()
    ([3, 1], [0, 1, 0])
    """
    return Unique(*unique_with_counts(x, out_idx)[:2])


@tensors
def searchsorted(
    sorted_sequence: Any,
    values: ArrayLike,
    side: Any = "left",
    out_type: DTypeLike = int32,
    name: str | None = None,
) -> Array:
    """Where each value would stand in a sequence that is in order."""
    found = jnp.searchsorted(
        convert_to_tensor(sorted_sequence), convert_to_tensor(values), side=side
    )
    return found.astype(narrow(out_type))


@tensors
def scatter_nd(
    indices: Array, updates: Array, shape: Any, name: str | None = None
) -> Any:
    """Zeros, with these numbers added at these places."""
    values = convert_to_tensor(updates)
    return _at(jnp.zeros(sizes(shape), values.dtype), indices).add(values)


@tensors
def tensor_scatter_nd_update(
    tensor: Array, indices: Array, updates: Array, name: str | None = None
) -> Any:
    """The tensor, with other numbers at these places."""
    return _at(convert_to_tensor(tensor), indices).set(convert_to_tensor(updates))


@tensors
def tensor_scatter_nd_add(
    tensor: Array, indices: Array, updates: Array, name: str | None = None
) -> Any:
    """The tensor, with numbers added at these places."""
    return _at(convert_to_tensor(tensor), indices).add(convert_to_tensor(updates))


def _at(x: Any, indices: Any) -> Any:
    return x.at[tuple(jnp.moveaxis(convert_to_tensor(indices), -1, 0))]


# Bounds -----------------------------------------------------------------------------


@tensors
def clip_by_value(
    t: ArrayLike, clip_value_min: Any, clip_value_max: Any, name: str | None = None
) -> Array:
    """Numbers outside two bounds put to the bound."""
    return jnp.clip(convert_to_tensor(t), clip_value_min, clip_value_max)


@tensors
def clip_by_norm(
    t: Array, clip_norm: Array, axes: Any = None, name: str | None = None
) -> Array:
    """The tensor, made shorter where √Σx² is greater than a bound."""
    x = convert_to_tensor(t)
    norm = jnp.sqrt(jnp.sum(x * x, axes, keepdims=True))
    return x * clip_norm / jnp.maximum(norm, clip_norm)


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Several tensors, made shorter together; and how long they were."""
    norm = linalg.global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / jnp.maximum(norm, clip_norm)
    return [None if t is None else t * scale for t in t_list], norm


@tensors
def histogram_fixed_width(
    values: ArrayLike,
    value_range: Any,
    nbins: int = 100,
    dtype: DTypeLike = int32,
    name: str | None = None,
) -> Any:
    """How many numbers lie in each of so many bins; the outer ones are open."""
    low, high = (float(v) for v in value_range)
    x = jnp.clip(convert_to_tensor(values), low, high)
    counts, _ = jnp.histogram(x, int(nbins), (low, high))
    return counts.astype(narrow(dtype))


def as_string(input: ArrayLike, precision: int = -1, name: str | None = None) -> Text:
    """Numbers as text."""
    from onefit.scripts.tf import strings

    return strings.as_string(input, precision)


def get_static_value(tensor: ArrayLike, partial: bool = False) -> Any:
    """The numbers of a tensor, None where they are not known yet."""
    from jax.core import Tracer

    return None if isinstance(tensor, Tracer) else np.asarray(tensor)


__all__ = [  # noqa: PLE0604 - names of other modules among them
    *_OF_MATH,
    *_OF_LINALG,
    *("RaggedTensor", "SparseTensor"),
    *("argsort", "as_string", "boolean_mask", "broadcast_to", "clip_by_global_norm"),
    *("clip_by_norm", "clip_by_value", "concat", "constant_initializer"),
    *("expand_dims", "fill", "gather", "gather_nd", "get_static_value"),
    *("histogram_fixed_width", "identity", "linspace", "meshgrid", "newaxis"),
    *("one_hot", "ones", "ones_initializer", "ones_like", "pad"),
    *("random_normal_initializer", "random_uniform_initializer", "range", "rank"),
    *("repeat", "reshape", "reverse", "roll", "scatter_nd", "searchsorted"),
    *("sequence_mask", "shape", "size", "slice", "sort", "split", "squeeze", "stack"),
    *("strided_slice", "tensor_scatter_nd_add", "tensor_scatter_nd_update", "tile"),
    *("transpose", "unique", "unique_with_counts", "unstack", "where", "zeros"),
    *("zeros_initializer", "zeros_like"),
]
