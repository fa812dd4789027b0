"""EfficientNet: one small network made wider, deeper and finer together."""

import functools
import math
from typing import Any

from onefit import layers
from onefit.applications.building import Known, channels, divisible, network, padding
from onefit.initializers import VarianceScaling
from onefit.layers.symbolic import Tensor

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
]

BASE = "https://storage.googleapis.com/keras-applications/"
DEVIATIONS = (0.229, 0.224, 0.225)

STACKS = (
    *((3, 1, 16, 1, 1), (3, 2, 24, 6, 2), (5, 2, 40, 6, 2), (3, 3, 80, 6, 2)),
    *((5, 3, 112, 6, 1), (5, 4, 192, 6, 2), (3, 1, 320, 6, 1)),
)
"""The kernel, how many blocks, the filters, how much wider inside, the first stride."""

KINDS = {
    "B0": (1.0, 1.0, 224, 0.2),
    "B1": (1.0, 1.1, 240, 0.2),
    "B2": (1.1, 1.2, 260, 0.3),
    "B3": (1.2, 1.4, 300, 0.3),
    "B4": (1.4, 1.8, 380, 0.4),
    "B5": (1.6, 2.2, 456, 0.4),
    "B6": (1.8, 2.6, 528, 0.5),
    "B7": (2.0, 3.1, 600, 0.5),
}
"""How much wider and deeper than B0, the size of the images, the rate of dropout."""

MD5 = {
    "B0": ("902e53a9f72be733fc0bcb005b3ebbac", "50bc09e76180e00e4465e1a485ddc09d"),
    "B1": ("1d254153d4ab51201f1646940f018540", "74c4e6b3e1f6a1eea24c589628592432"),
    "B2": ("b15cce36ff4dcbd00b6dd88e7857a6ad", "111f8e2ac8aa800a7a99e3239f7bfb39"),
    "B3": ("ffd1fdc53d0ce67064dc6a9c7960ede0", "af6d107764bb5b1abb91932881670226"),
    "B4": ("18c95ad55216b8f92d7e70b3a046e2fc", "ebc24e6d6c33eaebbd558eafbeedf1ba"),
    "B5": ("ace28f2a6363774853a83a0b21b9421a", "38879255a25d3c92d5e44e04ae6cec6f"),
    "B6": ("165f6e37dce68623721b423839de8be5", "9ecce42647a20130c1f39a5d4cb75743"),
    "B7": ("8c03f828fec3ef71311cd463b6759d99", "cbcfe4450ddf6f3ad90b1b398090fe4a"),
}


def _start() -> VarianceScaling:
    return VarianceScaling(2.0, "fan_out", "truncated_normal")


def _conv(filters: int, kernel: int, **given: Any) -> Any:
    return layers.Conv2D(filters, kernel, kernel_initializer=_start(), **given)


def _normed(x: Tensor, name: str, activation: str | None = None) -> Tensor:
    x = layers.BatchNormalization(name=name)(x)
    return x if activation is None else layers.Activation("swish", name=activation)(x)


def _block(
    x: Tensor,
    kernel: int,
    filters: int,
    wider: int,
    stride: int,
    rate: float,
    name: str,
) -> Tensor:
    """Widened, filtered in each channel, weighed by channel, narrowed; a shortcut."""
    before, narrow = x, channels(x)
    if wider != 1:
        x = _conv(
            narrow * wider, 1, padding="same", use_bias=False, name=f"{name}expand_conv"
        )(x)
        x = _normed(x, f"{name}expand_bn", f"{name}expand_activation")
    if stride == 2:
        x = layers.ZeroPadding2D(padding(x, kernel), name=f"{name}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=stride,
        padding="valid" if stride == 2 else "same",
        use_bias=False,
        depthwise_initializer=_start(),
        name=f"{name}dwconv",
    )(x)
    x = _normed(x, f"{name}bn", f"{name}activation")
    wide = channels(x)
    weight = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    weight = layers.Reshape((1, 1, wide), name=f"{name}se_reshape")(weight)
    weight = _conv(
        max(1, int(narrow * 0.25)),
        1,
        padding="same",
        activation="swish",
        name=f"{name}se_reduce",
    )(weight)
    weight = _conv(
        wide, 1, padding="same", activation="sigmoid", name=f"{name}se_expand"
    )(weight)
    x = layers.Multiply(name=f"{name}se_excite")([x, weight])
    x = _conv(filters, 1, padding="same", use_bias=False, name=f"{name}project_conv")(x)
    x = _normed(x, f"{name}project_bn")
    if stride != 1 or narrow != filters:
        return x
    if rate > 0:
        x = layers.Dropout(rate, (None, 1, 1, 1), name=f"{name}drop")(x)
    return layers.Add(name=f"{name}add")([x, before])


def _known(kind: str) -> Known:
    width, depth, size, rate = KINDS[kind]

    def body(x: Tensor, published: bool = False) -> Tensor:
        x = layers.Rescaling(1 / 255)(x)
        x = layers.Normalization()(x)
        if published:  # Keras' weights were trained with σ in place of its root
            x = layers.Rescaling([1 / math.sqrt(d) for d in DEVIATIONS])(x)
        x = layers.ZeroPadding2D(padding(x, 3), name="stem_conv_pad")(x)
        stem = _conv(
            divisible(32 * width), 3, strides=2, use_bias=False, name="stem_conv"
        )
        x = _normed(stem(x), "stem_bn", "stem_activation")
        counts = [math.ceil(depth * stack[1]) for stack in STACKS]
        number = 0
        for i, (kernel, _, filters, wider, stride) in enumerate(STACKS):
            for j in range(counts[i]):
                name = f"block{i + 1}{chr(97 + j)}_"
                wide, first = divisible(filters * width), stride if j == 0 else 1
                share = 0.2 * number / sum(counts)
                x = _block(x, kernel, wide, wider, first, share, name)
                number += 1
        x = _conv(
            divisible(1280 * width), 1, padding="same", use_bias=False, name="top_conv"
        )(x)
        return _normed(x, "top_bn", "top_activation")

    def top(x: Tensor, classes: int, activation: Any) -> Tensor:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(rate, name="top_dropout")(x)
        start = VarianceScaling(1 / 3, "fan_out", "uniform")
        return layers.Dense(
            classes, activation, kernel_initializer=start, name="predictions"
        )(x)

    url = f"{BASE}efficientnet{kind.lower()}"
    files = (f"{url}.h5", MD5[kind][0]), (f"{url}_notop.h5", MD5[kind][1])
    trained = functools.partial(body, published=True)
    return Known(f"EfficientNet{kind}", body, top, files, size, published=trained)


EfficientNetB0 = network(_known("B0"))
EfficientNetB1 = network(_known("B1"))
EfficientNetB2 = network(_known("B2"))
EfficientNetB3 = network(_known("B3"))
EfficientNetB4 = network(_known("B4"))
EfficientNetB5 = network(_known("B5"))
EfficientNetB6 = network(_known("B6"))
EfficientNetB7 = network(_known("B7"))
