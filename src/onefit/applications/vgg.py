"""VGG: blocks of small convolutions, each followed by pooling."""

from typing import Any

from onefit import layers
from onefit.applications.building import BASE, KERNELS, Known, network
from onefit.layers.symbolic import Tensor

__all__ = ["VGG16", "VGG19"]

FILTERS = (64, 128, 256, 512, 512)


def _known(name: str, convolutions: tuple[int, ...], top: str, bare: str) -> Known:
    def body(x: Tensor) -> Tensor:
        for i, (count, filters) in enumerate(zip(convolutions, FILTERS, strict=True)):
            for j in range(count):
                named = f"block{i + 1}_conv{j + 1}"
                x = layers.Conv2D(
                    filters, 3, padding="same", activation="relu", name=named
                )(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{i + 1}_pool")(x)
        return x

    url = f"{BASE}{name.lower()}/{name.lower()}{KERNELS}"
    files = ((f"{url}.h5", top), (f"{url}_notop.h5", bare))
    return Known(name, body, _top, files, pools=(None, None))


def _top(x: Tensor, classes: int, activation: Any) -> Tensor:
    x = layers.Flatten(name="flatten")(x)
    for name in ("fc1", "fc2"):
        x = layers.Dense(4096, "relu", name=name)(x)
    return layers.Dense(classes, activation, name="predictions")(x)


VGG16 = network(
    _known(
        "VGG16",
        (2, 2, 3, 3, 3),
        "64373286793e3c8b2b4e3219cbf3544b",
        "6d6bbae143d832006294945121d1f1fc",
    )
)
VGG19 = network(
    _known(
        "VGG19",
        (2, 2, 4, 4, 4),
        "cbe5617147190e668d6c5d5026f83318",
        "253f8cb515780f3b799900260a226db6",
    )
)
