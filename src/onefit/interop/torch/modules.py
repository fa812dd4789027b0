"""torch's modules as layers: one small function a family, in one table by class name.

Arrays keep torch's layout, channels first, so that inputs are the same arrays, and a
Flatten sees the numbers in the same order. What a module does and its layer does not
(such as padding) becomes a layer before or after it.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

import jax.numpy as jnp
import numpy as np

from onefit import activations, layers
from onefit.interop.torch.exact import EXACT
from onefit.interop.torch.weights import Way, as_is, moved, refusal, reshaped
from onefit.layers.base import Layer
from onefit.layers.operation import GetItem, as_key
from onefit.types import Array, Function

if TYPE_CHECKING:
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm
    from torch.nn.modules.conv import _ConvNd
    from torch.nn.modules.dropout import _DropoutNd
    from torch.nn.modules.instancenorm import _InstanceNorm
    from torch.nn.modules.pooling import (
        _AdaptiveAvgPoolNd,
        _AdaptiveMaxPoolNd,
        _MaxPoolNd,
    )

__all__ = [
    "ACTIVATIONS",
    "MODES",
    "MODULES",
    "Named",
    "Pairs",
    "Part",
    "Place",
    "bordered",
    "only",
    "parts",
    "repeated",
    "softplus_to",
]

Number = TypeVar("Number")

CHANNELS_FIRST = {"data_format": "channels_first"}

Pairs: TypeAlias = Sequence[tuple[int, int]]
"""How many cells (before, after) along each axis of a grid."""

Named = dict[str, tuple[Way, tuple[str, ...]]]
"""A layer's weights by name: how, and of which of the module's tensors, they are."""


class Part(NamedTuple):
    """A layer that a module becomes, or a part of one."""

    layer: Layer
    params: Named = {}  # noqa: RUF012
    state: Named = {}  # noqa: RUF012


class Place(NamedTuple):
    """Where a module is, and what it is for.

    Attributes:
        path: Its name in the whole: "features.0".
        shape: The shape of its input, the batch first, as None.
        exact: Whether its layers are to train as torch trains it.
    """

    path: str
    shape: tuple[Any, ...]
    exact: bool


# Each takes the modules that its own annotation names; Any where torch's annotations
# allow more than the attributes can be.
Reader = Callable[[Any, Place], list[Part]]
MODULES: dict[str, Reader] = {}
"""The readers by the names of torch's classes."""


def reads(*names: str) -> Callable[[Reader], Reader]:
    """Says of which modules a function makes layers."""

    def add(reader: Reader) -> Reader:
        MODULES.update(dict.fromkeys(names, reader))
        return reader

    return add


def parts(module: "nn.Module", place: Place) -> list[Part]:
    """The layers that a module becomes, one after another.

    Raises:
        ValueError: A module, or a setting of one, that no layer has.
    """
    kind = type(module).__name__
    known = type(module).__module__.startswith("torch.nn.")
    if not known or kind not in MODULES:
        raise refusal(
            place.path,
            module,
            received="a module that onefit has no layer for",
            expected="a module that both have: those of the table in docs/torch.md",
            fix="convert the parts before and after it, or write it in these",
        )
    return MODULES[kind](module, place) or [Part(layers.Identity())]


def only(module: "nn.Module", place: Place, **values: Any) -> None:
    """Refuses settings of a module other than these."""
    for name, value in values.items():
        given = getattr(module, name, value)
        if given != value:
            raise refusal(
                place.path,
                module,
                received=f"{name}={given!r}",
                expected=f"{name}={value!r}",
                fix="onefit has no layer that does it",
            )


def rank_of(module: "nn.Module") -> int:
    """1, 2 or 3, by the name of a class: Conv2d."""
    return int(next(c for c in type(module).__name__ if c in "123"))


def numbers(value: Number | tuple[Number, ...], rank: int) -> tuple[Number, ...]:
    """One number an axis, from one for all or a tuple."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * rank


def of_rank(name: str, rank: int) -> Callable[..., Layer]:
    """A class of the catalogue by its rank: Conv2D."""
    return getattr(layers, name.replace("#", f"{rank}D"))


def gain(names: tuple[str, str], module: "nn.Module", way: Way = as_is) -> Named:
    """A module's weight and bias, those it has, by onefit's names."""
    pairs = zip(names, ("weight", "bias"), (way, as_is), strict=True)
    return {
        mine: (how, (name,))
        for mine, name, how in pairs
        if getattr(module, name) is not None
    }


# Borders ------------------------------------------------------------------------------


def bordered(x: Array, widths: Pairs, mode: str, value: float = 0.0) -> Array:
    """The array with more cells around its grid."""
    more = {"constant_values": value} if mode == "constant" else {}
    return jnp.pad(x, ((0, 0), (0, 0), *widths), mode=mode, **more)


MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def borders(pairs: Pairs, mode: str = "zeros", value: float = 0.0) -> list[Part]:
    """A layer that adds cells around the grid, (before, after) along each axis."""
    pairs = tuple((int(a), int(b)) for a, b in pairs)
    if not any(map(any, pairs)):
        return []
    if any(n < 0 for pair in pairs for n in pair):  # cells that are cut off
        cut = tuple((max(-a, 0), max(-b, 0)) for a, b in pairs)
        added = tuple((max(a, 0), max(b, 0)) for a, b in pairs)
        return [Part(cropping(cut)), *borders(added, mode, value)]
    rank = len(pairs)
    if mode == "zeros" and not value:
        padding = pairs[0] if rank == 1 else pairs
        return [Part(of_rank("ZeroPadding#", rank)(padding, **CHANNELS_FIRST))]
    how = {"widths": pairs, "mode": MODES.get(mode, "constant"), "value": value}
    return [Part(layers.Lambda(bordered, arguments=how))]


def cropping(pairs: Pairs) -> Layer:
    """A layer that cuts cells off the ends of each axis of the grid."""
    cuts = (slice(a or None, -b or None) for a, b in pairs)
    return GetItem(as_key((slice(None), slice(None), *cuts)))


@reads(
    *(
        f"{kind}Pad{n}d"
        for kind in ("Zero", "Constant", "Reflection", "Replication", "Circular")
        for n in (1, 2, 3)
    )
)
def padding(m: Any, place: Place) -> list[Part]:
    """Cells around the grid; torch counts from the last axis."""
    flat = numbers(m.padding, 2 * rank_of(m))
    pairs = [*zip(flat[::2], flat[1::2], strict=True)][::-1]
    kind = type(m).__name__.partition("Pad")[0].lower()
    mode = {"reflection": "reflect", "replication": "replicate"}.get(kind, kind)
    mode = "zeros" if mode in ("zero", "constant") else mode
    return borders(pairs, mode, getattr(m, "value", 0.0))


# Layers with a kernel -----------------------------------------------------------------


@reads("Linear")
def linear(m: "nn.Linear", place: Place) -> list[Part]:
    """X · Wᵀ + b."""
    layer = layers.Dense(m.out_features, use_bias=m.bias is not None)
    return [Part(layer, gain(("kernel", "bias"), m, moved(1, 0)))]


@reads("Conv1d", "Conv2d", "Conv3d")
def convolution(m: "_ConvNd", place: Place) -> list[Part]:
    """A convolution, after a layer that pads where its own padding cannot."""
    rank = rank_of(m)
    reach = [d * (k - 1) for d, k in zip(m.dilation, m.kernel_size, strict=True)]
    if isinstance(m.padding, str):
        width = reach if m.padding == "same" else [0] * rank
        pairs = [(n // 2, n - n // 2) for n in width]
    else:
        pairs = [(n, n) for n in numbers(m.padding, rank)]
    # With padding="same" no layer before it has to pad.
    same = all(a + b == n and a <= b for (a, b), n in zip(pairs, reach, strict=True))
    same = same and set(m.stride) == {1} and m.padding_mode == "zeros"
    layer = of_rank("Conv#", rank)(
        m.out_channels,
        m.kernel_size,
        strides=m.stride,
        padding="same" if same else "valid",
        dilation_rate=m.dilation,
        groups=m.groups,
        use_bias=m.bias is not None,
        **CHANNELS_FIRST,
    )
    way = moved(*range(2, 2 + rank), 1, 0)
    before = [] if same else borders(pairs, m.padding_mode)
    return [*before, Part(layer, gain(("kernel", "bias"), m, way))]


@reads("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def transposed(m: Any, place: Place) -> list[Part]:
    """A transposed convolution; its padding is what is cut off after it."""
    only(m, place, groups=1, padding_mode="zeros")
    rank = rank_of(m)
    layer = of_rank("Conv#Transpose", rank)(
        m.out_channels,
        m.kernel_size,
        strides=m.stride,
        output_padding=m.output_padding,
        dilation_rate=m.dilation,
        use_bias=m.bias is not None,
        **CHANNELS_FIRST,
    )
    way = moved(*range(2, 2 + rank), 1, 0)
    cut = [(n, n) for n in numbers(m.padding, rank)]
    after = [Part(cropping(cut))] if any(map(any, cut)) else []
    return [Part(layer, gain(("kernel", "bias"), m, way)), *after]


@reads("Embedding")
def embedding(m: "nn.Embedding", place: Place) -> list[Part]:
    """A table; while training, no gradient reaches the row of padding_idx."""
    only(m, place, max_norm=None, scale_grad_by_freq=False)
    if place.exact:
        only(m, place, sparse=False)
    frozen = m.padding_idx is not None and place.exact
    more: Any = {"padding": m.padding_idx} if frozen else {}
    kind = EXACT["Embedding"] if frozen else layers.Embedding
    layer = kind(m.num_embeddings, m.embedding_dim, **more)
    return [Part(layer, {"embeddings": (as_is, ("weight",))})]


# Normalization ------------------------------------------------------------------------

GAIN = ("gamma", "beta")


@reads("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")
def batch_norm(m: "_BatchNorm", place: Place) -> list[Part]:
    """A BatchNormalization; its momentum is one minus torch's."""
    only(m, place, track_running_stats=True)
    if m.momentum is None:
        raise refusal(
            place.path,
            m,
            received="momentum=None, a plain average of all batches",
            expected="a number",
            fix=f"write {type(m).__name__}({m.num_features}, momentum=0.1)",
        )
    kind = EXACT["BatchNorm"] if place.exact else layers.BatchNormalization
    layer = kind(
        axis=1, momentum=1 - m.momentum, epsilon=m.eps, center=m.affine, scale=m.affine
    )
    moving = {
        "moving_mean": (as_is, ("running_mean",)),
        "moving_variance": (as_is, ("running_var",)),
    }
    return [Part(layer, gain(GAIN, m), moving)]


@reads("LayerNorm")
def layer_norm(m: "nn.LayerNorm", place: Place) -> list[Part]:
    """A LayerNormalization over the last axes."""
    axes = tuple(range(-len(m.normalized_shape), 0))
    center, scale = m.bias is not None, m.weight is not None
    layer = layers.LayerNormalization(axes, m.eps, center=center, scale=scale)
    return [Part(layer, gain(GAIN, m))]


@reads("RMSNorm")
def rms_norm(m: "nn.RMSNorm", place: Place) -> list[Part]:
    """An RMSNormalization over the last axes."""
    only(m, place, elementwise_affine=True)
    axes = tuple(range(-len(m.normalized_shape), 0))
    epsilon = float(np.finfo("float32").eps) if m.eps is None else m.eps
    layer = layers.RMSNormalization(axes, epsilon)
    return [Part(layer, {"scale": (as_is, ("weight",))})]


@reads("GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d")
def group_norm(m: "nn.GroupNorm | _InstanceNorm", place: Place) -> list[Part]:
    """A GroupNormalization, over groups of channels or over each channel."""
    only(m, place, track_running_stats=False)
    groups = getattr(m, "num_groups", -1)
    layer = layers.GroupNormalization(
        groups=groups, axis=1, epsilon=m.eps, center=m.affine, scale=m.affine
    )
    return [Part(layer, gain(GAIN, m))]


# Activations --------------------------------------------------------------------------

ACTIVATIONS = {
    "Hardsigmoid": "hard_sigmoid",
    "Hardswish": "hard_silu",
    "LogSigmoid": "log_sigmoid",
    "Mish": "mish",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "SELU": "selu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "Softsign": "softsign",
    "Tanh": "tanh",
    "Tanhshrink": "tanh_shrink",
}
"""Functions without settings, by both names."""


@reads(*ACTIVATIONS)
def activation(m: "nn.Module", place: Place) -> list[Part]:
    """A function without settings."""
    return [Part(layers.Activation(ACTIVATIONS[type(m).__name__]))]


def softplus_to(x: Array, beta: float, threshold: float) -> Array:
    """log(1 + e^(βx)) / β, and x itself above a threshold of βx."""
    small = activations.softplus(jnp.minimum(beta * x, threshold)) / beta
    return jnp.where(beta * x > threshold, x, small)


def _function(function: Function, usual: str = "", **settings: Any) -> list[Part]:
    """A function as a Lambda, or as an Activation if it has the name `usual`."""
    if usual:
        return [Part(layers.Activation(usual))]
    return [Part(layers.Lambda(function, arguments=settings))]


@reads("ELU")
def elu(m: "nn.ELU", place: Place) -> list[Part]:
    """α (eᶻ − 1) below zero."""
    return [Part(layers.ELU(m.alpha))]


@reads("LeakyReLU")
def leaky_relu(m: "nn.LeakyReLU", place: Place) -> list[Part]:
    """A slope below zero."""
    return [Part(layers.LeakyReLU(m.negative_slope))]


@reads("CELU")
def celu(m: "nn.CELU", place: Place) -> list[Part]:
    """α (e^(z/α) − 1) below zero."""
    return _function(activations.celu, "celu" * (m.alpha == 1), alpha=m.alpha)


@reads("GELU")
def gelu(m: "nn.GELU", place: Place) -> list[Part]:
    """Z Φ(z), or its approximation by tanh."""
    plain = m.approximate == "none"
    return _function(activations.gelu, "gelu" * plain, approximate=True)


@reads("Softplus")
def softplus(m: "nn.Softplus", place: Place) -> list[Part]:
    """log(1 + e^(βz)) / β; at torch's threshold of 20 the rest is below 2.1e-9."""
    usual = (m.beta, m.threshold) == (1, 20)
    settings = {"beta": m.beta, "threshold": m.threshold}
    return _function(softplus_to, "softplus" * usual, **settings)


@reads("Softshrink", "Hardshrink")
def shrink(m: "nn.Softshrink | nn.Hardshrink", place: Place) -> list[Part]:
    """Zero within ± λ."""
    name = {"Softshrink": "soft_shrink", "Hardshrink": "hard_shrink"}[type(m).__name__]
    usual = name * (m.lambd == 0.5)
    return _function(getattr(activations, name), usual, threshold=m.lambd)


@reads("Hardtanh")
def hardtanh(m: "nn.Hardtanh", place: Place) -> list[Part]:
    """Z between two bounds."""
    usual = "hard_tanh" * ((m.min_val, m.max_val) == (-1, 1))
    return _function(jnp.clip, usual, min=m.min_val, max=m.max_val)


@reads("Threshold")
def threshold(m: "nn.Threshold", place: Place) -> list[Part]:
    """Z above a threshold, else a value."""
    return _function(
        activations.threshold, threshold=m.threshold, default_value=m.value
    )


@reads("GLU")
def glu(m: "nn.GLU", place: Place) -> list[Part]:
    """One half of the channels, times the sigmoid of the other."""
    return _function(activations.glu, axis=m.dim)


@reads("PReLU")
def prelu(m: "nn.PReLU", place: Place) -> list[Part]:
    """Slopes that are learned: one, or one a channel."""
    ndim = len(place.shape)
    shared = range(1 if m.num_parameters == 1 else 2, ndim)
    shape = (m.num_parameters, *[1] * (ndim - 2))
    way = reshaped(shape, (m.num_parameters,))
    return [
        Part(layers.PReLU(shared_axes=tuple(shared)), {"alpha": (way, ("weight",))})
    ]


@reads("Softmax", "Softmax2d", "LogSoftmax")
def softmax(m: "nn.Softmax | nn.Softmax2d | nn.LogSoftmax", place: Place) -> list[Part]:
    """Probabilities, or their logarithms, along an axis."""
    axis = getattr(m, "dim", 1)  # a Softmax2d has none
    if axis is None:
        raise refusal(
            place.path,
            m,
            received="dim=None",
            expected="the axis of the classes",
            fix=f"write {type(m).__name__}(dim=1)",
        )
    axis = -1 if axis == len(place.shape) - 1 else axis
    if type(m).__name__ != "LogSoftmax":
        return [Part(layers.Softmax(axis))]
    return _function(activations.log_softmax, "log_softmax" * (axis == -1), axis=axis)


# Dropout, shapes ----------------------------------------------------------------------


@reads("Dropout", "AlphaDropout")
def dropout(m: "_DropoutNd", place: Place) -> list[Part]:
    """A Dropout of the same rate, which draws other random numbers."""
    return [Part(getattr(layers, type(m).__name__)(m.p))]


@reads("Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout")
def channel_dropout(m: "_DropoutNd", place: Place) -> list[Part]:
    """A Dropout of whole channels."""
    name = type(m).__name__.removeprefix("Feature")
    kind = layers.Dropout if name != "AlphaDropout" else layers.AlphaDropout
    shape = (None, None, *[1] * (len(place.shape) - 2))
    return [Part(kind(m.p, shape))]


@reads("Identity")
def identity(m: "nn.Identity", place: Place) -> list[Part]:
    """An Identity."""
    return [Part(layers.Identity())]


@reads("Flatten")
def flatten(m: "nn.Flatten", place: Place) -> list[Part]:
    """A Flatten, in the order of torch's array, or a Reshape."""
    ndim = len(place.shape)
    start, end = m.start_dim % ndim, m.end_dim % ndim
    if start == 1 and end == ndim - 1:
        return [Part(layers.Flatten(data_format="channels_last"))]
    sizes = place.shape[1:]
    if start == 0 or None in sizes:
        raise refusal(
            place.path,
            m,
            received=f"start_dim={m.start_dim} for input of shape {place.shape}",
            expected="the batch left as it is, and known sizes",
            fix="write Flatten(1), or give input_shape",
        )
    joined = int(np.prod(sizes[start - 1 : end]))
    return [Part(layers.Reshape((*sizes[: start - 1], joined, *sizes[end:])))]


@reads("Unflatten")
def unflatten(m: Any, place: Place) -> list[Part]:
    """A Reshape of one axis into several."""
    axis = m.dim % len(place.shape)
    sizes = (*place.shape[1:axis], *m.unflattened_size, *place.shape[axis + 1 :])
    if axis == 0 or None in sizes:
        raise refusal(
            place.path,
            m,
            received=f"dim={m.dim!r} for input of shape {place.shape}",
            expected="an axis behind the batch, and known sizes",
            fix="give input_shape",
        )
    return [Part(layers.Reshape(sizes))]


# Pooling ------------------------------------------------------------------------------


@reads("MaxPool1d", "MaxPool2d", "MaxPool3d")
def max_pool(m: "_MaxPoolNd", place: Place) -> list[Part]:
    """A MaxPooling; padding is −∞, which is never the maximum."""
    rank = rank_of(m)
    only(m, place, ceil_mode=False, return_indices=False)
    if set(numbers(m.dilation, rank)) != {1}:
        only(m, place, dilation=1)
    pool = of_rank("MaxPooling#", rank)
    layer = pool(m.kernel_size, m.stride or m.kernel_size, **CHANNELS_FIRST)
    around = [(n, n) for n in numbers(m.padding, rank)]
    return [*borders(around, value=-float("inf")), Part(layer)]


@reads("AvgPool1d", "AvgPool2d", "AvgPool3d")
def average_pool(m: Any, place: Place) -> list[Part]:
    """An AveragePooling; the zeros around the input count."""
    rank = rank_of(m)
    around = [(n, n) for n in numbers(m.padding, rank)]
    only(m, place, ceil_mode=False, divisor_override=None)
    if any(map(any, around)):
        only(m, place, count_include_pad=True)
    pool = of_rank("AveragePooling#", rank)
    layer = pool(m.kernel_size, m.stride or m.kernel_size, **CHANNELS_FIRST)
    return [*borders(around), Part(layer)]


@reads(*(f"Adaptive{kind}Pool{n}d" for kind in ("Avg", "Max") for n in (1, 2, 3)))
def adaptive_pool(
    m: "_AdaptiveAvgPoolNd | _AdaptiveMaxPoolNd", place: Place
) -> list[Part]:
    """An adaptive pool; with one window, a global one."""
    only(m, place, return_indices=False)
    rank = rank_of(m)
    asked = zip(numbers(m.output_size, rank), place.shape[2:], strict=True)
    sizes = tuple(size if n is None else n for n, size in asked)
    kind = "Average" if "Avg" in type(m).__name__ else "Max"
    if set(sizes) == {1}:
        pool = of_rank(f"Global{kind}Pooling#", rank)
        return [Part(pool(keepdims=True, **CHANNELS_FIRST))]
    pool = of_rank(f"Adaptive{kind}Pooling#", rank)
    return [Part(pool(sizes[0] if rank == 1 else sizes, **CHANNELS_FIRST))]


def repeated(x: Array, factors: tuple[int, ...]) -> Array:
    """The array with each cell of its grid repeated."""
    for axis, factor in enumerate(factors, start=2):
        x = jnp.repeat(x, factor, axis)
    return x


@reads("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d")
def upsample(m: Any, place: Place) -> list[Part]:
    """An UpSampling by whole factors."""
    rank, sizes = len(place.shape) - 2, place.shape[2:]
    if m.size is None:
        factors = numbers(m.scale_factor, rank)
    else:
        pairs = [*zip(numbers(m.size, rank), sizes, strict=True)]
        factors = tuple(n / size if size else 0.5 for n, size in pairs)
    plain = m.mode == "nearest" or (
        m.mode == "bilinear" and rank == 2 and not m.align_corners
    )
    if not plain or any(f != int(f) for f in factors):
        raise refusal(
            place.path,
            m,
            received=f"mode={m.mode!r}, align_corners={m.align_corners!r} and factors "
            f"{factors}",
            expected="'nearest', or 'bilinear' for images with align_corners=False, by "
            "whole factors",
            fix="write Upsample(scale_factor=2)",
        )
    whole = tuple(int(f) for f in factors)
    if rank != 2:
        return _function(repeated, factors=whole)
    layer = of_rank("UpSampling#", 2)(whole, interpolation=m.mode, **CHANNELS_FIRST)
    return [Part(layer)]
