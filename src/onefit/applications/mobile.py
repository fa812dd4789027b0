"""MobileNet: a convolution as one in each channel, then one over the channels."""

import functools
import os
from typing import Any

from onefit import layers
from onefit.applications.building import (
    BASE,
    KERNELS,
    Known,
    built,
    channels,
    dense_top,
    divisible,
    padding,
)
from onefit.errors import invalid, is_whole
from onefit.layers.symbolic import Tensor
from onefit.models import Model

__all__ = ["MobileNet", "MobileNetV2"]

STRIDES_AND_FILTERS = (
    *((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)),
    *((1, 512),) * 5,
    *((2, 1024), (1, 1024)),
)
"""Of the 13 blocks of MobileNet."""

STACKS = (
    *((1, 16, 1), (2, 24, 2), (2, 32, 3), (2, 64, 4)),
    *((1, 96, 3), (2, 160, 3), (1, 320, 1)),
)
"""Of MobileNetV2: the first stride, the filters, how many blocks."""


def MobileNet(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNet: a model with Keras' layers and names.

    Args:
        alpha: How wide it is: what the filters are multiplied by.
        depth_multiplier: Filters for each channel of a depthwise convolution.
        dropout: The rate before the classes.
        include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation: As in `VGG16`.
        name: The model's name; None tells alpha and the size.

    Raises:
        ValueError, OSError: As in `VGG16`; an alpha that Keras has no weights of.
    """

    def body(x: Tensor) -> Tensor:
        x = layers.Conv2D(
            int(32 * alpha), 3, strides=2, padding="same", use_bias=False, name="conv1"
        )(x)
        x = _normed(x, "conv1_bn", "conv1_relu")
        for i, (stride, filters) in enumerate(STRIDES_AND_FILTERS):
            if stride == 2:
                pad = f"conv_pad_{i + 1}"
                x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=pad)(x)
            x = layers.DepthwiseConv2D(
                3,
                strides=stride,
                padding="same" if stride == 1 else "valid",
                depth_multiplier=depth_multiplier,
                use_bias=False,
                name=f"conv_dw_{i + 1}",
            )(x)
            x = _normed(x, f"conv_dw_{i + 1}_bn", f"conv_dw_{i + 1}_relu")
            x = layers.Conv2D(
                int(filters * alpha),
                1,
                padding="same",
                use_bias=False,
                name=f"conv_pw_{i + 1}",
            )(x)
            x = _normed(x, f"conv_pw_{i + 1}_bn", f"conv_pw_{i + 1}_relu")
        return x

    def top(x: Tensor, classes: int, activation: Any) -> Tensor:
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(dropout, name="dropout")(x)
        x = layers.Conv2D(classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((classes,), name="reshape_2")(x)
        return layers.Activation(activation or "linear", name="predictions")(x)

    _check("MobileNet", alpha, weights, (0.25, 0.5, 0.75, 1.0))
    if not is_whole(depth_multiplier, 1) or (
        weights == "imagenet" and depth_multiplier != 1
    ):
        raise invalid(
            "MobileNet", f"depth_multiplier={depth_multiplier!r}", "1, or more"
        )
    rows = _rows(input_tensor, input_shape, (128, 160, 192, 224))
    text = f"{alpha:.2f}".rstrip("0").replace(".", "_") if alpha < 1 else "1_0"
    text = {"0_75": "7_5", "0_5": "5_0", "0_25": "2_5"}.get(text, text)
    url = f"{BASE}mobilenet/mobilenet_{text}_{rows}_tf"
    files = ((f"{url}.h5", None), (f"{url}_no_top.h5", None))
    known = Known("MobileNet", body, top, files, rows, pools=(None, None))
    size = _shown(input_shape, known, include_top)
    name = name or f"mobilenet_{alpha:0.2f}_{size}"
    return built(
        known, include_top, weights, input_tensor, input_shape, pooling, classes,
        classifier_activation, name,
    )  # fmt: skip


def MobileNetV2(
    input_shape: tuple[int | None, ...] | None = None,
    alpha: float = 1.0,
    include_top: bool = True,
    weights: str | os.PathLike | None = "imagenet",
    input_tensor: Tensor | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str | None = None,
) -> Model:
    """MobileNetV2: a model with Keras' layers and names.

    A block widens the channels, filters each, and narrows them again, beside a
    shortcut.

    Args:
        alpha: How wide it is: what the filters are multiplied by.
        include_top, weights, input_tensor, input_shape, pooling, classes,
            classifier_activation: As in `VGG16`.
        name: The model's name; None tells alpha and the size.

    Raises:
        ValueError, OSError: As in `VGG16`; an alpha that Keras has no weights of.
    """

    def body(x: Tensor) -> Tensor:
        conv = functools.partial(layers.Conv2D, use_bias=False)
        x = conv(divisible(32 * alpha), 3, strides=2, padding="same", name="Conv1")(x)
        x = _normed(x, "bn_Conv1", "Conv1_relu", 0.999)
        number = 0
        for stride, filters, count in STACKS:
            for i in range(count):
                wide = divisible(int(filters * alpha))
                x = _inverted(x, wide, stride if i == 0 else 1, number)
                number += 1
        x = conv(divisible(1280 * max(alpha, 1.0)), 1, name="Conv_1")(x)
        return _normed(x, "Conv_1_bn", "out_relu", 0.999)

    _check("MobileNetV2", alpha, weights, (0.35, 0.5, 0.75, 1.0, 1.3, 1.4))
    rows = _rows(input_tensor, input_shape, (96, 128, 160, 192, 224))
    url = f"{BASE}mobilenet_v2/mobilenet_v2{KERNELS}_{float(alpha)}_{rows}"
    files = ((f"{url}.h5", None), (f"{url}_no_top.h5", None))
    top = functools.partial(dense_top, pool=None)
    known = Known("MobileNetV2", body, top, files, rows, pools=(None, None))
    size = _shown(input_shape, known, include_top)
    name = name or f"mobilenetv2_{alpha:0.2f}_{size}"
    return built(
        known, include_top, weights, input_tensor, input_shape, pooling, classes,
        classifier_activation, name,
    )  # fmt: skip


def _inverted(x: Tensor, filters: int, stride: int, number: int) -> Tensor:
    """A block of MobileNetV2."""
    before, prefix = x, f"block_{number}_" if number else "expanded_conv_"
    conv = functools.partial(layers.Conv2D, padding="same", use_bias=False)
    if number:
        x = conv(6 * channels(before), 1, name=f"{prefix}expand")(x)
        x = _normed(x, f"{prefix}expand_BN", f"{prefix}expand_relu", 0.999)
    if stride == 2:
        x = layers.ZeroPadding2D(padding(x, 3), name=f"{prefix}pad")(x)
    x = layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        name=f"{prefix}depthwise",
    )(x)
    x = _normed(x, f"{prefix}depthwise_BN", f"{prefix}depthwise_relu", 0.999)
    x = conv(filters, 1, name=f"{prefix}project")(x)
    x = _normed(x, f"{prefix}project_BN", None, 0.999)
    if stride == 1 and channels(before) == filters:
        return layers.Add(name=f"{prefix}add")([before, x])
    return x


def _normed(x: Tensor, name: str, relu: str | None, momentum: float = 0.99) -> Tensor:
    """Normalised by batch, and through ReLU up to 6 if that has a name."""
    x = layers.BatchNormalization(momentum=momentum, name=name)(x)
    return x if relu is None else layers.ReLU(6.0, name=relu)(x)


def _check(where: str, alpha: float, weights: Any, known: tuple[float, ...]) -> None:
    if not alpha > 0 or (weights == "imagenet" and alpha not in known):
        raise invalid(
            where,
            f"alpha={alpha!r}",
            f"one of {known}, of which Keras has weights"
            if weights == "imagenet"
            else "a number above 0",
        )


def _rows(tensor: Any, shape: Any, known: tuple[int, ...]) -> int:
    """The size of the images that the network is made for: the square that is given."""
    given = tensor.shape[1:] if isinstance(tensor, Tensor) else ()
    sizes: Any = tuple(shape or given)
    square = len(sizes) == 3 and sizes[0] == sizes[1] and sizes[0] in known
    return sizes[0] if square else 224


def _shown(shape: Any, known: Known, top: bool) -> int | None:
    """The rows that Keras writes into the name."""
    return shape[0] if shape else (known.size if top else None)
