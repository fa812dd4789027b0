"""Convolutions: ONNX has the channels first, and so have the kernels in the file."""

import numpy as np

from onefit import layers
from onefit.interop.onnx.activations import activated, by_number
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value
from onefit.layers.convolution import Convolution
from onefit.layers.grids import Grid
from onefit.types import Config

__all__ = ["ROWS", "first", "last"]

LONG = 4096
"""An axis of open size, where its length changes no border."""


def first(b: Builder, layer: Grid, x: Value) -> str:
    """The value with its channels first."""
    if layer.data_format == "channels_first":
        return x.name
    rank = len(x.shape)
    return b.transpose(x.name, (0, rank - 1, *range(1, rank - 1)))


def last(b: Builder, layer: Grid, x: str, rank: int) -> str:
    """The reverse of `first`."""
    if layer.data_format == "channels_first":
        return x
    return b.transpose(x, (0, *range(2, rank), 1))


def oihw(kernel: np.ndarray) -> np.ndarray:
    """A kernel (..., channels, filters) as ONNX has it: (filters, channels, ...)."""
    rank = kernel.ndim - 2
    return np.asarray(kernel).transpose(rank + 1, rank, *range(rank))


def _lengths(layer: Grid, x: Value) -> list[int | None]:
    return [x.shape[axis] for axis in layer.axes(x.shape)]


def _borders(layer: Convolution, x: Value) -> Config:
    """Zeros around the input, which may follow sizes that are open."""
    lengths = _lengths(layer, x)
    if None in lengths and layer.padding == "same" and max(layer.strides) > 1:
        return {"auto_pad": "SAME_UPPER"}
    taps = [layer.taps(n or LONG, along) for along, n in enumerate(lengths)]
    ends = [max(t.after, 0) for t in taps]
    return {"pads": (*(t.before for t in taps), *ends)}


def _settings(layer: Convolution) -> Config:
    return {
        "kernel_shape": tuple(layer.kernel_size),
        "strides": tuple(layer.strides),
        "dilations": tuple(layer.dilation_rate),
    }


def _bias(b: Builder, layer: Convolution, weights: Arrays) -> list[str]:
    return [b.weight("bias", weights["bias"])] if layer.use_bias else []


def _activated(b: Builder, layer: Convolution, z: str, x: Value) -> str:
    """g(z), with the channels where the layer has them."""
    g, rank = layer.activation, len(x.shape)
    if by_number(g):  # then it does not matter where the channels are
        return last(b, layer, activated(b, g, Value(z, (), x.dtype)), rank)
    shape = layer.output_shape(x.shape)
    return activated(b, g, Value(last(b, layer, z, rank), shape, x.dtype))


def plain(
    b: Builder,
    layer: layers.Conv1D | layers.Conv2D | layers.Conv3D,
    weights: Arrays,
    x: Value,
) -> str:
    """Conv1D, Conv2D, Conv3D."""
    z = b.op(
        "Conv",
        first(b, layer, x),
        b.weight("kernel", oihw(weights["kernel"])),
        *_bias(b, layer, weights),
        group=layer.groups,
        **_settings(layer),
        **_borders(layer, x),
    )
    return _activated(b, layer, z, x)


def _channelwise(
    b: Builder,
    layer: Convolution,
    name: str,
    kernel: np.ndarray,
    bias: list[str],
    x: Value,
) -> str:
    """Each channel by its own filters: as many groups as channels."""
    *sizes, channels, many = kernel.shape
    kernel = oihw(np.asarray(kernel).reshape(*sizes, 1, channels * many))
    return b.op(
        "Conv",
        first(b, layer, x),
        b.weight(name, kernel),
        *bias,
        group=channels,
        **_settings(layer),
        **_borders(layer, x),
    )


def depthwise(b: Builder, layer: Convolution, weights: Arrays, x: Value) -> str:
    """DepthwiseConv1D, DepthwiseConv2D."""
    bias = _bias(b, layer, weights)
    z = _channelwise(b, layer, "kernel", weights["kernel"], bias, x)
    return _activated(b, layer, z, x)


def separable(b: Builder, layer: Convolution, weights: Arrays, x: Value) -> str:
    """SeparableConv1D, SeparableConv2D: channel by channel, then across channels."""
    name = "depthwise_kernel"
    between = _channelwise(b, layer, name, weights[name], [], x)
    kernel = b.weight("pointwise_kernel", oihw(weights["pointwise_kernel"]))
    z = b.op("Conv", between, kernel, *_bias(b, layer, weights))
    return _activated(b, layer, z, x)


def transposed(b: Builder, layer: Convolution, weights: Arrays, x: Value) -> str:
    """Conv1DTranspose, Conv2DTranspose, Conv3DTranspose."""
    lengths = [n or LONG for n in _lengths(layer, x)]
    taps = [layer.taps(n, along) for along, n in enumerate(lengths)]
    # What is sent to beyond the output is cut off; cells nobody sends to are added.
    z = b.op(
        "ConvTranspose",
        first(b, layer, x),
        b.weight("kernel", oihw(weights["kernel"])),
        *_bias(b, layer, weights),
        pads=(*(t.before for t in taps), *(max(t.after, 0) for t in taps)),
        output_padding=tuple(max(-t.after, 0) for t in taps),
        **_settings(layer),
    )
    return _activated(b, layer, z, x)


ROWS: dict[type, Row] = {
    layers.Conv1D: plain,
    layers.Conv1DTranspose: transposed,
    layers.Conv2D: plain,
    layers.Conv2DTranspose: transposed,
    layers.Conv3D: plain,
    layers.Conv3DTranspose: transposed,
    layers.DepthwiseConv1D: depthwise,
    layers.DepthwiseConv2D: depthwise,
    layers.SeparableConv1D: separable,
    layers.SeparableConv2D: separable,
}
