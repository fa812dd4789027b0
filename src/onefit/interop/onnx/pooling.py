"""Pooling: windows and whole grids."""

from typing import Any

from onefit import layers
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value
from onefit.interop.onnx.convolution import first, last
from onefit.interop.onnx.primitives import END
from onefit.layers.windows import Slide
from onefit.types import Config

__all__ = ["ROWS"]


# The bases of pooling layers are private to their file, so layers are Any here.


def _windows(kind: str) -> Row:
    def windows(b: Builder, layer: Any, weights: Arrays, x: Value) -> str | None:
        lengths = [x.shape[axis] for axis in layer.axes(x.shape)]
        settings: Config = {"kernel_shape": layer.pool_size, "strides": layer.strides}
        if layer.padding == "same" and None in lengths:
            pairs = list(zip(layer.pool_size, layer.strides, strict=True))
            if any(1 < size < stride for size, stride in pairs):
                return None  # runtimes differ where windows leave gaps
            settings["auto_pad"] = "SAME_UPPER"
            axes = [
                a
                for a, (n, step) in zip(layer.axes(x.shape), pairs, strict=True)
                if n < step
            ]
            if axes:  # windows of one: each such number is a window
                settings["strides"] = tuple(
                    1 if n < step else step for n, step in pairs
                )
                steps = [step for n, step in pairs if n < step]
                zeros, ends = [0] * len(axes), [END] * len(axes)
                name = b.op(
                    "Slice", x.name, *(b.whole(*n) for n in (zeros, ends, axes, steps))
                )
                x = Value(name, x.shape, x.dtype)
        elif layer.padding == "same":
            slides = [
                Slide.along(0, n, size, stride, "same")
                for n, size, stride in zip(
                    lengths, layer.pool_size, layer.strides, strict=True
                )
            ]
            ends = [
                max((s.number - 1) * s.stride + s.size - s.length - s.before, 0)
                for s in slides
            ]
            settings["pads"] = (*(s.before for s in slides), *ends)
        y = b.op(kind, first(b, layer, x), **settings)
        return last(b, layer, y, len(x.shape))

    return windows


def _whole(kind: str) -> Row:
    def whole(b: Builder, layer: Any, weights: Arrays, x: Value) -> str:
        axes = b.whole(*layer.axes(x.shape))
        return b.op(kind, x.name, axes, keepdims=int(layer.keepdims))

    return whole


ROWS: dict[type, Row] = {
    getattr(layers, f"{name}{rank}D"): made(kind)
    for rank in (1, 2, 3)
    for name, made, kind in (
        ("MaxPooling", _windows, "MaxPool"),
        ("AveragePooling", _windows, "AveragePool"),
        ("GlobalMaxPooling", _whole, "ReduceMax"),
        ("GlobalAveragePooling", _whole, "ReduceMean"),
    )
}
