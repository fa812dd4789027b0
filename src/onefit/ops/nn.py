# ruff: noqa: PLE0605
# pyright: reportUnsupportedDunderAll=false
"""`keras.ops.nn`: activations, convolutions, pooling and cross-entropies.

Convolutions and pooling are those of the layers, with the kernel given.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import activations, config, layers
from onefit.errors import invalid, is_whole, unknown
from onefit.faces import own as _own
from onefit.layers.attention import past
from onefit.layers.reshaping import data_format as _format
from onefit.ops.table import operation, rows
from onefit.types import Array, Params

# Activations --------------------------------------------------------------------------

_EACH = """
celu(x; alpha=1.0)
elu(x; alpha=1.0)
gelu(x; approximate=True)
hard_sigmoid(x)
hard_silu(x)
hard_swish = hard_silu(x)
hard_tanh(x)
leaky_relu(x; negative_slope=0.2)
log_sigmoid(x)
relu(x)
relu6(x)
selu(x)
sigmoid(x)
silu(x)
softplus(x)
softsign = soft_sign(x)
sparse_plus(x)
sparse_sigmoid(x)
squareplus(x; b=4)
swish = silu(x)
hard_shrink(x; threshold=0.5)
soft_shrink(x; threshold=0.5)
tanh_shrink(x)
threshold(x; threshold, default_value)
"""

_ALONG = """
glu(x; axis=-1)
log_softmax(x; axis=-1)
softmax(x; axis=-1)
sparsemax(x; axis=-1)
"""

globals().update(rows(_EACH, [jax.nn, activations], __name__, by_row=True))
globals().update(rows(_ALONG, [jax.nn, activations], __name__))


# Convolutions and pooling -------------------------------------------------------------


def _sized(name: str, x: Array, **settings: Any) -> Any:
    """The layer of this name for the axes of x."""
    rank = x.ndim - 2
    cls = getattr(layers, name.format(rank), None)
    if cls is None or rank < 1:
        raise invalid(
            name.format("", ""),
            f"an array of {x.ndim} axes",
            "3 for sequences, 4 for images, 5 for volumes where there is a layer",
        )
    return cls(**settings)


def _convolved(
    name: str, x: Array, params: Params, sizes: Sequence[int], **settings: Any
) -> Array:
    """What a layer without bias gives, with these kernels."""
    layer = _sized(name, x, kernel_size=tuple(sizes), use_bias=False, **settings)
    return layer.compute(params, x)


def _channels(x: Array, data_format: str | None) -> int:
    return x.shape[1 if _format(data_format) == "channels_first" else -1]


@operation
def conv(
    inputs: Array,
    kernel: Array,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """The sums of windows times a kernel (taps, channels of a group, filters)."""
    *sizes, width, filters = kernel.shape
    return _convolved(
        "Conv{}D",
        inputs,
        {"kernel": kernel},
        sizes,
        filters=filters,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
        groups=_channels(inputs, data_format) // width,
    )


@operation
def depthwise_conv(
    inputs: Array,
    kernel: Array,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """As `conv`, each channel by itself: kernel (taps, channels, filters of each)."""
    *sizes, _, many = kernel.shape
    return _convolved(
        "DepthwiseConv{}D",
        inputs,
        {"kernel": kernel},
        sizes,
        depth_multiplier=many,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


@operation
def separable_conv(
    inputs: Array,
    depthwise_kernel: Array,
    pointwise_kernel: Array,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """As `depthwise_conv`, then a product over the channels."""
    *sizes, _, many = depthwise_kernel.shape
    return _convolved(
        "SeparableConv{}D",
        inputs,
        {"depthwise_kernel": depthwise_kernel, "pointwise_kernel": pointwise_kernel},
        sizes,
        filters=pointwise_kernel.shape[-1],
        depth_multiplier=many,
        strides=strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


@operation
def conv_transpose(
    inputs: Array,
    kernel: Array,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """The reverse of `conv`: each cell sends itself to a window; kernel (taps,
    filters, channels).
    """
    *sizes, filters, _ = kernel.shape
    return _convolved(
        "Conv{}DTranspose",
        inputs,
        {"kernel": kernel},
        sizes,
        filters=filters,
        strides=strides,
        padding=padding,
        output_padding=output_padding,
        data_format=data_format,
        dilation_rate=dilation_rate,
    )


def _pooling(name: str, kind: str) -> Any:
    def pool(
        inputs: Array,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Array:
        layer = _sized(
            f"{kind}Pooling{{}}D",
            inputs,
            pool_size=pool_size,
            strides=strides,
            padding=padding,
            data_format=data_format,
        )
        return layer.compute({}, inputs)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"The layer {kind}Pooling1D, 2D or 3D, by the axes of the inputs."
    return operation(pool)


def _adaptive(name: str, kind: str) -> Any:
    def pool(
        inputs: Array, output_size: int | Sequence[int], data_format: str | None = None
    ) -> Array:
        layer = _sized(
            f"Adaptive{kind}Pooling{{}}D",
            inputs,
            output_size=output_size,
            data_format=data_format,
        )
        return layer.compute({}, inputs)

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = f"The layer Adaptive{kind}Pooling1D, 2D or 3D, by the axes."
    return operation(pool)


max_pool, average_pool = (
    _pooling("max_pool", "Max"),
    _pooling("average_pool", "Average"),
)
adaptive_max_pool = _adaptive("adaptive_max_pool", "Max")
adaptive_average_pool = _adaptive("adaptive_average_pool", "Average")


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


@operation
def unfold(
    x: Array,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: Any = 0,
    stride: int | Sequence[int] = 1,
) -> Array:
    """The windows of images (batch, channels, height, width), each as a column.

    Returns:
        (batch, channels · cells of a window, windows).
    """
    k, d, p, s = map(_pair, (kernel_size, dilation, padding, stride))
    x = jnp.pad(x, [(0, 0), (0, 0), (p[0], p[0]), (p[1], p[1])])
    cells = _cells(x.shape[2:], k, d, s)
    seen = x[:, :, cells[0][:, None, :, None], cells[1][None, :, None, :]]
    batch, channels, *rest = seen.shape
    return seen.reshape(batch, channels * rest[0] * rest[1], rest[2] * rest[3])


@operation
def fold(
    x: Array,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: Any = 0,
    stride: int | Sequence[int] = 1,
) -> Array:
    """The reverse of `unfold`: windows summed where they meet."""
    size, k = _pair(output_size), _pair(kernel_size)
    d, p, s = map(_pair, (dilation, padding, stride))
    wide = tuple(n + 2 * more for n, more in zip(size, p, strict=True))
    rows, columns = _cells(wide, k, d, s)
    batch, channels = x.shape[0], x.shape[1] // (k[0] * k[1])
    shape = (batch, channels, *rows.shape[:1], *columns.shape[:1])
    parts = x.reshape(*shape, rows.shape[1], columns.shape[1])
    zeros = jnp.zeros((batch, channels, *wide), x.dtype)
    at = zeros.at[:, :, rows[:, None, :, None], columns[None, :, None, :]]
    whole = at.add(parts)
    return whole[:, :, p[0] : p[0] + size[0], p[1] : p[1] + size[1]]


def _cells(sizes: Any, k: Any, d: Any, s: Any) -> list[np.ndarray]:
    """By axis, the cell that each tap of each window sees: (taps, windows)."""
    found = []
    for n, taps, apart, step in zip(sizes, k, d, s, strict=True):
        count = (n - apart * (taps - 1) - 1) // step + 1
        found.append(np.arange(taps)[:, None] * apart + np.arange(count) * step)
    return found


@operation
def depth_to_space(
    x: Array, block_size: int, data_format: str = "channels_last"
) -> Array:
    """Channels as blocks of cells: each block_size² of them make a larger image."""
    _block("depth_to_space", block_size)
    x = _last(x, data_format)
    batch, height, width, channels = x.shape
    depth = channels // block_size**2
    x = x.reshape(batch, height, width, block_size, block_size, depth)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(batch, height * block_size, width * block_size, depth)
    return _back(x, data_format)


@operation
def space_to_depth(
    x: Array, block_size: int, data_format: str = "channels_last"
) -> Array:
    """The reverse of `depth_to_space`: blocks of cells become channels."""
    _block("space_to_depth", block_size)
    x = _last(x, data_format)
    batch, height, width, channels = x.shape
    high, wide = height // block_size, width // block_size
    x = x.reshape(batch, high, block_size, wide, block_size, channels)
    x = x.transpose(0, 1, 3, 2, 4, 5)
    return _back(x.reshape(batch, high, wide, -1), data_format)


def _block(where: str, size: object) -> None:
    if not is_whole(size, 2):
        raise invalid(where, f"block_size={size!r}", "a whole number, 2 or more")


def _last(x: Array, data_format: str | None) -> Array:
    return jnp.moveaxis(x, 1, -1) if _format(data_format) == "channels_first" else x


def _back(x: Array, data_format: str | None) -> Array:
    return jnp.moveaxis(x, -1, 1) if _format(data_format) == "channels_first" else x


# Normalization ------------------------------------------------------------------------


@operation
def moments(
    x: Array,
    axes: int | Sequence[int],
    keepdims: bool = False,
    synchronized: bool = False,
) -> tuple[Array, Array]:
    """The mean and the variance along axes."""
    if synchronized:
        raise invalid("moments", "synchronized=True", "synchronized=False")
    inner = jnp.promote_types(x.dtype, "float32")
    axes = tuple(axes) if isinstance(axes, list) else axes
    mean = jnp.mean(x, axes, keepdims=keepdims, dtype=inner)
    variance = jnp.var(x, axes, keepdims=keepdims, dtype=inner)
    outer = x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else inner
    most = float(jnp.finfo(outer).max)  # halves have the nearest number they know
    mean, variance = (jnp.clip(a, -most, most) for a in (mean, variance))
    return mean.astype(outer), variance.astype(outer)


@operation
def batch_normalization(
    x: Array,
    mean: Array,
    variance: Array,
    axis: int,
    offset: Array | None = None,
    scale: Array | None = None,
    epsilon: float = 1e-3,
) -> Array:
    """(x - mean) / √(variance + ε) · scale + offset, with these along an axis."""
    shape = [1] * x.ndim
    shape[axis] = mean.shape[0]
    gain = jax.lax.rsqrt(variance + epsilon)
    gain = gain if scale is None else gain * scale
    shift = -mean * gain
    shift = shift if offset is None else shift + offset
    return x * gain.reshape(shape).astype(x.dtype) + shift.reshape(shape).astype(
        x.dtype
    )


@operation
def layer_normalization(
    x: Array,
    gamma: Array | None = None,
    beta: Array | None = None,
    axis: Any = -1,
    epsilon: float | None = None,
) -> Array:
    """(x - μ) / √(σ² + ε) · γ + β, with μ and σ² along the axes."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    inner = x.astype(jnp.promote_types(x.dtype, "float32"))
    mean = jnp.mean(inner, axes, keepdims=True)
    scale = jax.lax.rsqrt(jnp.var(inner, axes, keepdims=True) + epsilon)
    z = (inner - mean) * scale
    shape = [n if a in {b % x.ndim for b in axes} else 1 for a, n in enumerate(x.shape)]
    z = z if gamma is None else z * gamma.reshape(shape)
    z = z if beta is None else z + beta.reshape(shape)
    return z.astype(x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else z.dtype)


@operation
def rms_normalization(
    x: Array, scale: Array | None = None, axis: Any = -1, epsilon: float | None = None
) -> Array:
    """The quotient x / √(mean of x² + ε) · scale along the axes."""
    epsilon = config.epsilon() if epsilon is None else epsilon
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    inner = x.astype(jnp.promote_types(x.dtype, "float32"))
    z = inner * jax.lax.rsqrt(jnp.mean(inner**2, axes, keepdims=True) + epsilon)
    if scale is not None:
        taken = {b % x.ndim for b in axes}
        z = z * scale.reshape([n if a in taken else 1 for a, n in enumerate(x.shape)])
    return z.astype(x.dtype if jnp.issubdtype(x.dtype, jnp.inexact) else z.dtype)


@operation
def normalize(
    x: Array,
    axis: int | Sequence[int] | None = -1,
    order: Any = 2,
    epsilon: float | None = None,
) -> Array:
    """The quotient x / max(‖x‖, ε) along an axis."""
    x = x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(config.floatx())
    epsilon = config.epsilon() if epsilon is None else epsilon
    if not isinstance(order, int) or order < 1:
        raise invalid("normalize", f"order={order!r}", "a whole number from 1")
    total = jnp.sum(jnp.abs(x) ** order, axis, keepdims=True)
    if order == 2:
        return x * jax.lax.rsqrt(jnp.maximum(total, epsilon**2))
    return x / jnp.maximum(total ** (1 / order), epsilon)


# Classes ------------------------------------------------------------------------------


@operation
def one_hot(
    x: Array,
    num_classes: int,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
) -> Array:
    """A 1 in the place of each class, and 0 elsewhere; a negative class is all 0."""
    _dense("one_hot", sparse)
    whole = x.astype("int32")
    return jax.nn.one_hot(whole, num_classes, axis=axis, dtype=dtype or config.floatx())


@operation
def multi_hot(
    inputs: Array,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: DTypeLike | None = None,
    sparse: bool = False,
) -> Array:
    """A 1 in the places of all classes of a row, and 0 elsewhere."""
    _dense("multi_hot", sparse)
    if num_classes is None:
        raise invalid("multi_hot", "no num_classes", "the number of classes")
    dtype = dtype or config.floatx()
    hot = jax.nn.one_hot(inputs.astype("int32"), num_classes, axis=axis, dtype=dtype)
    return jnp.max(hot, axis=1 if inputs.ndim > 1 else 0)


def _dense(where: str, sparse: bool) -> None:
    if sparse:
        raise invalid(where, "sparse=True", "sparse=False: arrays are dense")


def _probable(output: Array) -> Array:
    return jnp.clip(output, config.epsilon(), 1 - config.epsilon())


@operation
def binary_crossentropy(
    target: Array, output: Array, from_logits: bool = False
) -> Array:
    """-y·log a - (1 - y)·log(1 - a), number by number."""
    _alike("binary_crossentropy", target, output)
    if from_logits:
        return (
            jnp.maximum(output, 0)
            - output * target
            + jnp.log1p(jnp.exp(-jnp.abs(output)))
        )
    a = _probable(output)
    return -(target * jnp.log(a) + (1 - target) * jnp.log(1 - a))


def _alike(where: str, target: Array, output: Array) -> None:
    if target.shape != output.shape:
        raise invalid(
            where,
            f"a target of shape {target.shape} and an output of {output.shape}",
            "one shape",
        )


def _logs(output: Array, from_logits: bool, axis: int) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis)
    return jnp.log(_probable(output / jnp.sum(output, axis, keepdims=True)))


@operation
def categorical_crossentropy(
    target: Array, output: Array, from_logits: bool = False, axis: int = -1
) -> Array:
    """-Σ_k y_k·log a_k along an axis."""
    _alike("categorical_crossentropy", target, output)
    return -jnp.sum(target * _logs(output, from_logits, axis), axis)


@operation
def sparse_categorical_crossentropy(
    target: Array, output: Array, from_logits: bool = False, axis: int = -1
) -> Array:
    """-log a_y along an axis, for the class y."""
    y = target.astype("int32")
    if y.ndim == output.ndim and y.shape[-1] == 1:
        y = y[..., 0]
    shape = tuple(np.delete(output.shape, axis))
    if y.shape != shape:
        raise invalid(
            "sparse_categorical_crossentropy",
            f"a target of shape {target.shape} and an output of {output.shape}",
            f"a target of shape {shape}",
        )
    hot = jax.nn.one_hot(y, output.shape[axis], axis=axis, dtype=output.dtype)
    return -jnp.sum(hot * _logs(output, from_logits, axis), axis)


@operation
def ctc_loss(
    target: Array,
    output: Array,
    target_length: Array,
    output_length: Array,
    mask_index: int = 0,
) -> Array:
    """-log of the probability of all alignments of the target to the steps.

    Args:
        target: (batch, length), class numbers.
        output: (batch, steps, classes), logits.
        target_length, output_length: (batch,), how many there are of each.
        mask_index: The class that is blank.
    """
    import optax

    steps, length = jnp.arange(output.shape[1]), jnp.arange(target.shape[1])
    beyond = (steps >= output_length[:, None]).astype(output.dtype)
    filled = (length >= target_length[:, None]).astype(output.dtype)
    whole = target.astype("int32")
    return optax.ctc_loss(output, beyond, whole, filled, blank_id=mask_index)


@operation
def ctc_decode(
    inputs: Array,
    sequence_lengths: Array,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Array, Array]:
    """The classes that the steps name, without repeats and blanks.

    Args:
        inputs: (batch, steps, classes), logits or their logarithms.
        sequence_lengths: (batch,), how many steps there are.
        strategy: "greedy"; "beam_search" is refused.
        beam_width, top_paths: Of a beam search.
        merge_repeated: Whether repeats are one.
        mask_index: The class that is blank.

    Returns:
        (1, batch, steps) of classes, then -1; and (batch, 1), minus the sum of the
        largest logits.
    """
    del beam_width, top_paths
    if strategy != "greedy":
        raise unknown("strategy of ctc_decode", strategy, ["greedy"])
    steps = jnp.arange(inputs.shape[1])
    there = steps < sequence_lengths[:, None]
    best = jnp.argmax(inputs, -1)
    kept = there & (best != mask_index)
    if merge_repeated:
        kept &= jnp.pad(
            best[:, 1:] != best[:, :-1], [(0, 0), (1, 0)], constant_values=True
        )
    order = jnp.argsort(~kept, axis=1, stable=True)
    found = jnp.take_along_axis(jnp.where(kept, best, -1), order, axis=1)
    score = -jnp.sum(jnp.where(there, jnp.max(inputs, -1), 0), axis=1)
    return found[None].astype("int32"), score[:, None]


# Others -------------------------------------------------------------------------------


@operation
def dot_product_attention(
    query: Array,
    key: Array,
    value: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Array:
    """softmax(query · keyᵀ · scale) · value, for arrays (batch, steps, heads, units).

    Args:
        query, key, value: Of key and value there may be fewer heads.
        bias, mask: What is added to the scores, and which of them count:
            (batch, heads, query steps, key steps).
        scale: By default 1 / √units.
        is_causal: Whether no step sees those after it.
        flash_attention: Refused if True: the compiler chooses.
        attn_logits_soft_cap: c, for scores c·tanh(score / c).
    """
    if flash_attention:
        raise invalid(
            "dot_product_attention",
            "flash_attention=True",
            "None: the compiler chooses how it is computed",
        )
    dtype = jnp.result_type(query, key, value)
    query, key, value = (a.astype(dtype) for a in (query, key, value))
    if attn_logits_soft_cap is None:
        return jax.nn.dot_product_attention(
            query, key, value, bias, mask, scale=scale, is_causal=is_causal
        )
    groups = query.shape[2] // key.shape[2]
    key, value = (jnp.repeat(a, groups, axis=2) for a in (key, value))
    factor = float(query.shape[-1]) ** -0.5 if scale is None else scale
    scores = jnp.einsum("bqhd,bkhd->bhqk", query, key) * factor
    scores = scores if bias is None else scores + bias
    scores = attn_logits_soft_cap * jnp.tanh(scores / attn_logits_soft_cap)
    least = jnp.finfo(scores.dtype).min
    if is_causal:
        scores = jnp.where(past(*scores.shape[-2:]), scores, least)
    scores = scores if mask is None else jnp.where(mask, scores, least)
    return jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), value)


@operation
def polar(abs_: Array, angle: Array) -> Array:
    """The complex numbers abs · (cos angle + i·sin angle)."""
    return jax.lax.complex(abs_ * jnp.cos(angle), abs_ * jnp.sin(angle))


@operation
def psnr(x1: Array, x2: Array, max_val: float) -> Array:
    """20·log₁₀(max_val) - 10·log₁₀(mean of (x1 - x2)²)."""
    _alike("psnr", x1, x2)
    error = jnp.mean((x1 - x2) ** 2)
    return 20 * jnp.log10(jnp.asarray(max_val, error.dtype)) - 10 * jnp.log10(error)


__all__ = _own(globals())
