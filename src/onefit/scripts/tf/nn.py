"""tf.nn: activations, losses of logits, convolutions and pooling as functions."""
# pyright: reportUnsupportedDunderAll=false

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from onefit import activations
from onefit.errors import invalid
from onefit.scripts.tf import math
from onefit.scripts.tf.arrays import convert_to_tensor, tensors
from onefit.scripts.tf.making import axes, family, named
from onefit.scripts.tf.random import key_of
from onefit.types import Array, ArrayLike, Function

_ACTIVATIONS = {
    "elu": (activations.elu, "x for x > 0, and eˣ - 1 below."),
    "relu": (activations.relu, "max(0, x)."),
    "relu6": (activations.relu6, "min(max(0, x), 6)."),
    "selu": (activations.selu, "elu with a scale that keeps the variance."),
}


def _feature(function: Function) -> Function:
    def made(features: ArrayLike, name: str | None = None) -> Any:
        return function(convert_to_tensor(features))

    return made


globals().update(family(_feature, __name__, _ACTIVATIONS))
sigmoid, tanh = math.__dict__["sigmoid"], math.__dict__["tanh"]
softplus, softsign = math.__dict__["softplus"], math.__dict__["softsign"]
softmax, log_softmax, l2_normalize = math.softmax, math.log_softmax, math.l2_normalize
in_top_k, top_k, zero_fraction = math.in_top_k, math.top_k, math.zero_fraction


@tensors
def leaky_relu(
    features: ArrayLike, alpha: float = 0.2, name: str | None = None
) -> Array:
    """X for x > 0, and α·x below."""
    x = convert_to_tensor(features)
    return jnp.where(x > 0, x, alpha * x)


@tensors
def gelu(
    features: ArrayLike, approximate: bool = False, name: str | None = None
) -> Array:
    """X times the chance that a normal number is below x."""
    return jax.nn.gelu(convert_to_tensor(features), approximate)


@tensors
def silu(features: ArrayLike, beta: float = 1.0) -> Array:
    """X · σ(β·x)."""
    x = convert_to_tensor(features)
    return x * jax.nn.sigmoid(beta * x)


swish = silu


@tensors
def crelu(features: ArrayLike, axis: int = -1, name: str | None = None) -> Array:
    """Relu of x and of -x, one after the other."""
    x = convert_to_tensor(features)
    return jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis)


# Losses -----------------------------------------------------------------------------


@tensors
def softmax_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, axis: int = -1, name: str | None = None
) -> Array:
    """-Σ y · log softmax(z), for each row."""
    return -jnp.sum(convert_to_tensor(labels) * log_softmax(logits, axis), axis)


@tensors
def sparse_softmax_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, name: str | None = None
) -> Array:
    """-log softmax(z) at the class of each row.

    >>> sparse_softmax_cross_entropy_with_logits([0], [[0.0, 0.0]]).round(4).tolist()
    [0.6930999755859375]
    """
    places = convert_to_tensor(labels).astype(jnp.int32)[..., None]
    return -jnp.take_along_axis(log_softmax(logits), places, -1)[..., 0]


@tensors
def sigmoid_cross_entropy_with_logits(
    labels: Array | None = None, logits: Array | None = None, name: str | None = None
) -> Array:
    """-y · log σ(z) - (1 - y) · log(1 - σ(z)), for each number."""
    y, z = convert_to_tensor(labels), convert_to_tensor(logits)
    return jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z)))


@tensors
def weighted_cross_entropy_with_logits(
    labels: ArrayLike, logits: ArrayLike, pos_weight: Any, name: str | None = None
) -> Array:
    """As above, with a factor for the ones."""
    y, z = convert_to_tensor(labels), convert_to_tensor(logits)
    return (1 - y) * z + (1 + (pos_weight - 1) * y) * jax.nn.softplus(-z)


@tensors
def l2_loss(t: ArrayLike, name: str | None = None) -> Array:
    """Σx² / 2."""
    return jnp.sum(jnp.square(convert_to_tensor(t))) / 2


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Array:
    """The sum of the rows' losses by the number of rows."""
    losses = convert_to_tensor(per_example_loss)
    if sample_weight is not None:
        losses = losses * convert_to_tensor(sample_weight)
    count = losses.shape[0] if global_batch_size is None else global_batch_size
    return jnp.sum(losses) / count


# Layers as functions ----------------------------------------------------------------


@tensors
def bias_add(
    value: Any, bias: Any, data_format: Any = None, name: str | None = None
) -> Any:
    """X + b, with one number for each channel."""
    _channels_last("tf.nn.bias_add", data_format)
    return convert_to_tensor(value) + convert_to_tensor(bias)


@tensors
def dropout(
    x: Array,
    rate: Any,
    noise_shape: Any = None,
    seed: Array | None = None,
    name: str | None = None,
) -> Array:
    """Zeros for a share of the numbers; the others grow by 1 / (1 - rate)."""
    x = convert_to_tensor(x)
    shape = x.shape if noise_shape is None else tuple(noise_shape)
    keep = jax.random.bernoulli(key_of(seed), 1 - rate, shape)
    return jnp.where(keep, x / (1 - rate), 0)


@tensors
def embedding_lookup(
    params: ArrayLike, ids: ArrayLike, max_norm: Any = None, name: str | None = None
) -> Array:
    """The rows of a table by their numbers."""
    rows = jnp.take(convert_to_tensor(params), convert_to_tensor(ids), 0)
    if max_norm is None:
        return rows
    length = jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return rows * jnp.minimum(1, max_norm / length)


@tensors
def moments(
    x: Array,
    axes: Any,
    shift: Array | None = None,
    keepdims: bool = False,
    name: str | None = None,
) -> tuple[Any, Any]:
    """The mean and the variance along axes."""
    x, along = convert_to_tensor(x), _axes(axes)
    return jnp.mean(x, along, keepdims=keepdims), jnp.var(x, along, keepdims=keepdims)


_axes = axes


@tensors
def batch_normalization(
    x: Array,
    mean: Array,
    variance: Array,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """(x - mean) / √(variance + ε) · scale + offset."""
    y = (convert_to_tensor(x) - mean) * lax.rsqrt(variance + variance_epsilon)
    y = y if scale is None else y * scale
    return y if offset is None else y + offset


def _channels_last(where: str, data_format: str) -> None:
    if data_format not in (None, "NWC", "NHWC", "NDHWC"):
        raise invalid(
            where,
            f"data_format={data_format!r}",
            "channels last, 'NHWC'",
            "write x = tf.transpose(x, [0, 2, 3, 1])",
        )


def _steps(value: Array, rank: int) -> tuple[int, ...]:
    """Strides, or the like, for each place of a picture."""
    if value is None:
        return (1,) * rank
    if isinstance(value, int):
        return (value,) * rank
    numbers = tuple(int(v) for v in value)
    if len(numbers) == 1:
        return numbers * rank
    return numbers[1:-1] if len(numbers) == rank + 2 else numbers


def _padding(padding: Any) -> Any:
    if isinstance(padding, str):
        return padding.upper()
    return [tuple(map(int, pair)) for pair in padding][1:-1]


def _convolved(
    x: Any, w: Any, strides: Any, padding: Any, dilations: Any, groups: int = 1
) -> Any:
    x, w = convert_to_tensor(x), convert_to_tensor(w)
    rank = x.ndim - 2
    letters = "DHW"[3 - rank :]
    order = (f"N{letters}C", f"{letters}IO", f"N{letters}C")
    return lax.conv_general_dilated(
        x,
        w,
        _steps(strides, rank),
        _padding(padding),
        rhs_dilation=_steps(dilations, rank),
        dimension_numbers=order,
        feature_group_count=groups,
    )


@tensors
def conv1d(
    input: Array,
    filters: Array,
    stride: Any,
    padding: Any,
    data_format: str = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """A convolution of (batch, steps, channels) with (width, in, out)."""
    _channels_last("tf.nn.conv1d", data_format)
    return _convolved(input, filters, stride, padding, dilations)


@tensors
def conv2d(
    input: Array,
    filters: Array,
    strides: Any,
    padding: Any,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """A convolution of (batch, height, width, in) with (height, width, in, out)."""
    _channels_last("tf.nn.conv2d", data_format)
    return _convolved(input, filters, strides, padding, dilations)


@tensors
def conv3d(
    input: Array,
    filters: Array,
    strides: Any,
    padding: Any,
    data_format: str = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """A convolution over three axes."""
    _channels_last("tf.nn.conv3d", data_format)
    return _convolved(input, filters, strides, padding, dilations)


@tensors
def convolution(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """A convolution over as many axes as there are."""
    _channels_last("tf.nn.convolution", data_format)
    return _convolved(input, filters, strides, padding, dilations)


@tensors
def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: Any = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Each channel with filters of its own: (height, width, in, multiplier)."""
    _channels_last("tf.nn.depthwise_conv2d", data_format)
    w = convert_to_tensor(filter)
    high, wide, channels, times = w.shape
    w = w.reshape(high, wide, 1, channels * times)
    return _convolved(input, w, strides, padding, dilations, channels)


def _pooled(x: Array, ksize: Any, strides: Any, padding: Any, mean: bool) -> Array:
    x = convert_to_tensor(x)
    rank = x.ndim - 2
    window = (1, *_steps(ksize, rank), 1)
    step = (1, *_steps(strides, rank), 1)
    how = _padding(padding)
    if not isinstance(how, str):
        how = [(0, 0), *how, (0, 0)]
    if not mean:
        low = (
            -jnp.inf if jnp.issubdtype(x.dtype, jnp.inexact) else jnp.iinfo(x.dtype).min
        )
        return lax.reduce_window(
            x, jnp.asarray(low, x.dtype), lax.max, window, step, how
        )
    zero = jnp.zeros((), x.dtype)
    total = lax.reduce_window(x, zero, lax.add, window, step, how)
    count = lax.reduce_window(jnp.ones_like(x), zero, lax.add, window, step, how)
    return total / count


def _pooling(mean: bool, where: str, about: str) -> Function:
    def made(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: Any,
        data_format: Any = None,
        name: str | None = None,
    ) -> Any:
        _channels_last(f"tf.nn.{where}", data_format)
        return _pooled(input, ksize, strides, padding, mean)

    return named(made, where, about, __name__)


_POOLING = {
    f"{kind}_pool{rank}": _pooling(
        kind == "avg",
        f"{kind}_pool{rank}",
        f"The {'mean' if kind == 'avg' else 'greatest number'} of each window.",
    )
    for kind in ("avg", "max")
    for rank in ("", "1d", "2d", "3d")
}
globals().update(_POOLING)


def pool(
    input: Any,
    window_shape: Any,
    pooling_type: str,
    strides: Any = None,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """The mean ("AVG") or the greatest number ("MAX") of each window."""
    if dilations is not None and np.any(np.asarray(dilations) != 1):
        raise invalid("tf.nn.pool", f"dilations={dilations!r}", "none")
    function = _POOLING[f"{pooling_type.lower()}_pool"]
    given = window_shape, strides or [1] * len(window_shape), padding
    return function(input, *map(_listed, given))


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@tensors
def space_to_depth(
    input: ArrayLike,
    block_size: int,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Blocks of a picture as channels."""
    _channels_last("tf.nn.space_to_depth", data_format)
    x = convert_to_tensor(input)
    batch, high, wide, channels = x.shape
    b = block_size
    x = x.reshape(batch, high // b, b, wide // b, b, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(
        batch, high // b, wide // b, b * b * channels
    )


@tensors
def depth_to_space(
    input: ArrayLike,
    block_size: int,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Channels as blocks of a picture."""
    _channels_last("tf.nn.depth_to_space", data_format)
    x = convert_to_tensor(input)
    batch, high, wide, channels = x.shape
    b = block_size
    x = x.reshape(batch, high, wide, b, b, channels // (b * b))
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(
        batch, high * b, wide * b, channels // (b * b)
    )


__all__ = [  # noqa: PLE0604 - the names of the tables above
    *_ACTIVATIONS,
    *_POOLING,
    *("batch_normalization", "bias_add", "compute_average_loss", "conv1d", "conv2d"),
    *("conv3d", "convolution", "crelu", "depth_to_space", "depthwise_conv2d"),
    *("dropout", "embedding_lookup", "gelu", "in_top_k", "l2_loss", "l2_normalize"),
    *("leaky_relu", "log_softmax", "moments", "pool", "sigmoid"),
    *("sigmoid_cross_entropy_with_logits", "silu", "softmax"),
    *("softmax_cross_entropy_with_logits", "softplus", "softsign", "space_to_depth"),
    *("sparse_softmax_cross_entropy_with_logits", "swish", "tanh", "top_k"),
    *("weighted_cross_entropy_with_logits", "zero_fraction"),
]
