"""DenseNet: each layer sees what all layers before it in its block gave."""

import functools

from onefit import layers
from onefit.applications.building import (
    BASE,
    KERNELS,
    Known,
    channels,
    dense_top,
    network,
)
from onefit.layers.symbolic import Tensor

__all__ = ["DenseNet121", "DenseNet169", "DenseNet201"]

GROWTH = 32


def _normed(x: Tensor, bn: str, relu: str) -> Tensor:
    x = layers.BatchNormalization(epsilon=1.001e-5, name=bn)(x)
    return layers.Activation("relu", name=relu)(x)


def _known(name: str, depths: tuple[int, ...], top: str, bare: str) -> Known:
    conv = functools.partial(layers.Conv2D, use_bias=False)

    def body(x: Tensor) -> Tensor:
        x = layers.ZeroPadding2D(3)(x)
        x = conv(64, 7, strides=2, name="conv1_conv")(x)
        x = _normed(x, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1)(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for i, depth in enumerate(depths):
            for j in range(depth):
                at = f"conv{i + 2}_block{j + 1}"
                y = _normed(x, f"{at}_0_bn", f"{at}_0_relu")
                y = conv(4 * GROWTH, 1, name=f"{at}_1_conv")(y)
                y = _normed(y, f"{at}_1_bn", f"{at}_1_relu")
                y = conv(GROWTH, 3, padding="same", name=f"{at}_2_conv")(y)
                x = layers.Concatenate(name=f"{at}_concat")([x, y])
            if i < len(depths) - 1:
                at = f"pool{i + 2}"
                x = _normed(x, f"{at}_bn", f"{at}_relu")
                x = conv(channels(x) // 2, 1, name=f"{at}_conv")(x)
                x = layers.AveragePooling2D(2, strides=2, name=f"{at}_pool")(x)
        return _normed(x, "bn", "relu")

    url = f"{BASE}densenet/{name.lower()}{KERNELS}"
    files = ((f"{url}.h5", top), (f"{url}_notop.h5", bare))
    return Known(name, body, functools.partial(dense_top, pool="avg_pool"), files)


DenseNet121 = network(
    _known(
        "DenseNet121",
        (6, 12, 24, 16),
        "9d60b8095a5708f2dcce2bca79d332c7",
        "30ee3e1110167f948a6b9946edeeb738",
    )
)
DenseNet169 = network(
    _known(
        "DenseNet169",
        (6, 12, 32, 32),
        "d699b8f76981ab1b30698df4c175e90b",
        "b8c4d4c20dd625c148057b9ff1c1176b",
    )
)
DenseNet201 = network(
    _known(
        "DenseNet201",
        (6, 12, 48, 32),
        "1ceb130c1ea1b78c3bf6114dbdfd8807",
        "c13680b51ded0fb44dff2d8f86ac8bb1",
    )
)
