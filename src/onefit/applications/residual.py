"""ResNet: y = x + F(x), so that a deep network learns what to add to x."""

import functools

from onefit import layers
from onefit.applications.building import BASE, KERNELS, Known, dense_top, network
from onefit.layers.symbolic import Tensor

__all__ = [
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
]

DEPTHS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}
FILTERS = (64, 128, 256, 512)

MD5 = {  # with the top, and without
    "50": ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    "101": ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    "152": ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    "50V2": ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    "101V2": ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    "152V2": ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
}


def _normed(x: Tensor, name: str, relu: str | None = None) -> Tensor:
    """Normalised by batch, and through ReLU if that has a name."""
    x = layers.BatchNormalization(epsilon=1.001e-5, name=name)(x)
    return x if relu is None else layers.Activation("relu", name=relu)(x)


def _block(x: Tensor, filters: int, stride: int, first: bool, name: str) -> Tensor:
    """1 × 1, 3 × 3 and 1 × 1 convolutions beside a shortcut; normalised after each."""
    shortcut = x
    if first:
        wide = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")
        shortcut = _normed(wide(x), f"{name}_0_bn")
    x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
    x = _normed(x, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
    x = _normed(x, f"{name}_2_bn", f"{name}_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    x = _normed(x, f"{name}_3_bn")
    x = layers.Add(name=f"{name}_add")([shortcut, x])
    return layers.Activation("relu", name=f"{name}_out")(x)


def _block_v2(x: Tensor, filters: int, stride: int, first: bool, name: str) -> Tensor:
    """The same with normalisation and ReLU before each convolution."""
    before = _normed(x, f"{name}_preact_bn", f"{name}_preact_relu")
    shortcut = x
    if first:
        wide = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")
        shortcut = wide(before)
    elif stride > 1:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x)
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_1_conv")(before)
    x = _normed(x, f"{name}_1_bn", f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = layers.Conv2D(
        filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv"
    )(x)
    x = _normed(x, f"{name}_2_bn", f"{name}_2_relu")
    x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
    return layers.Add(name=f"{name}_out")([shortcut, x])


def _known(kind: str) -> Known:
    """The network of DEPTHS, in its first or second version."""
    second = kind.endswith("V2")
    depths = DEPTHS[kind.removesuffix("V2")]

    def body(x: Tensor) -> Tensor:
        x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        if not second:
            x = _normed(x, "conv1_bn", "conv1_relu")
        x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for i, (depth, filters) in enumerate(zip(depths, FILTERS, strict=True)):
            for j in range(depth):
                # Halved by the first block of a stack, or in version 2 by the last.
                here, not_this = (depth - 1, 3) if second else (0, 0)
                stride = 2 if j == here and i != not_this else 1
                block = _block_v2 if second else _block
                x = block(x, filters, stride, j == 0, f"conv{i + 2}_block{j + 1}")
        return _normed(x, "post_bn", "post_relu") if second else x

    url = f"{BASE}resnet/resnet{kind.lower()}{KERNELS}"
    top, bare = MD5[kind]
    return Known(
        f"ResNet{kind}",
        body,
        functools.partial(dense_top, pool="avg_pool"),
        ((f"{url}.h5", top), (f"{url}_notop.h5", bare)),
    )


ResNet50, ResNet101, ResNet152 = (network(_known(n)) for n in ("50", "101", "152"))
ResNet50V2, ResNet101V2, ResNet152V2 = (
    network(_known(n)) for n in ("50V2", "101V2", "152V2")
)
