"""Inception: several convolutions side by side; Xception: one in each channel."""

import functools

from onefit import layers
from onefit.applications.building import BASE, KERNELS, Known, dense_top, network
from onefit.layers.symbolic import Tensor

__all__ = ["InceptionV3", "Xception"]


# InceptionV3 --------------------------------------------------------------------------


class _Inception:
    """The body, whose layers are numbered as they are made, as Keras does it."""

    count = 0

    def conv(
        self,
        x: Tensor,
        filters: int,
        rows: int,
        columns: int,
        stride: int = 1,
        pad: str = "same",
    ) -> Tensor:
        number = f"_{self.count}" if self.count else ""
        self.count += 1
        x = layers.Conv2D(
            filters,
            (rows, columns),
            strides=stride,
            padding=pad,
            use_bias=False,
            name=f"conv2d{number}",
        )(x)
        x = layers.BatchNormalization(scale=False, name=f"batch_normalization{number}")(
            x
        )
        return layers.Activation("relu", name=f"activation{number}")(x)

    def chain(self, x: Tensor, *steps: tuple) -> Tensor:
        """Convolutions one after another, each (filters, rows, columns, ...)."""
        return functools.reduce(lambda x, step: self.conv(x, *step), steps, x)

    def pooled(self, x: Tensor, filters: int) -> Tensor:
        x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
        return self.conv(x, filters, 1, 1)

    def wide(self, x: Tensor, pooled: int, name: str) -> Tensor:
        """1 × 1, 5 × 5, two of 3 × 3, and pooling, side by side."""
        branches = [
            self.conv(x, 64, 1, 1),
            self.chain(x, (48, 1, 1), (64, 5, 5)),
            self.chain(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
            self.pooled(x, pooled),
        ]
        return layers.Concatenate(name=name)(branches)

    def long(self, x: Tensor, n: int, name: str) -> Tensor:
        """7 × 7 as 1 × 7 and 7 × 1, once and twice."""
        branches = [
            self.conv(x, 192, 1, 1),
            self.chain(x, (n, 1, 1), (n, 1, 7), (192, 7, 1)),
            self.chain(x, (n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)),
            self.pooled(x, 192),
        ]
        return layers.Concatenate(name=name)(branches)

    def split(self, x: Tensor, number: int) -> Tensor:
        """Where 1 × 3 and 3 × 1 stand side by side too."""

        def fork(x: Tensor, name: str | None) -> Tensor:
            parts = [self.conv(x, 384, 1, 3), self.conv(x, 384, 3, 1)]
            return layers.Concatenate(name=name)(parts)

        branches = [
            self.conv(x, 320, 1, 1),
            fork(self.conv(x, 384, 1, 1), f"mixed9_{number}"),
            fork(self.chain(x, (448, 1, 1), (384, 3, 3)), None),
            self.pooled(x, 192),
        ]
        return layers.Concatenate(name=f"mixed{9 + number}")(branches)

    def halved(self, x: Tensor, name: str, *chains: tuple) -> Tensor:
        """Chains that end in stride 2, beside pooling."""
        branches = [self.chain(x, *steps) for steps in chains]
        return layers.Concatenate(name=name)([*branches, layers.MaxPooling2D(3, 2)(x)])

    def body(self, x: Tensor) -> Tensor:
        x = self.chain(x, (32, 3, 3, 2, "valid"), (32, 3, 3, 1, "valid"), (64, 3, 3))
        x = layers.MaxPooling2D(3, strides=2)(x)
        x = self.chain(x, (80, 1, 1, 1, "valid"), (192, 3, 3, 1, "valid"))
        x = layers.MaxPooling2D(3, strides=2)(x)
        for i, pooled in enumerate((32, 64, 64)):
            x = self.wide(x, pooled, f"mixed{i}")
        last = (96, 3, 3, 2, "valid")
        x = self.halved(
            x, "mixed3", ((384, 3, 3, 2, "valid"),), ((64, 1, 1), (96, 3, 3), last)
        )
        for i, filters in enumerate((128, 160, 160, 192)):
            x = self.long(x, filters, f"mixed{4 + i}")
        x = self.halved(
            x,
            "mixed8",
            ((192, 1, 1), (320, 3, 3, 2, "valid")),
            ((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3, 2, "valid")),
        )
        return self.split(self.split(x, 0), 1)


def _inception(x: Tensor) -> Tensor:
    return _Inception().body(x)


# Xception -----------------------------------------------------------------------------


def _normed(x: Tensor, name: str | None = None, act: str | None = None) -> Tensor:
    x = layers.BatchNormalization(name=name)(x)
    return x if act is None else layers.Activation("relu", name=act)(x)


def _separable(x: Tensor, filters: int, name: str) -> Tensor:
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return _normed(x, f"{name}_bn")


def _narrowing(x: Tensor, block: int, first: int, second: int) -> Tensor:
    """Two separable convolutions and pooling, beside a convolution of stride 2."""
    beside = layers.Conv2D(second, 1, strides=2, padding="same", use_bias=False)(x)
    beside = _normed(beside)
    name = f"block{block}_sepconv"
    if block > 2:
        x = layers.Activation("relu", name=f"{name}1_act")(x)
    x = _separable(x, first, f"{name}1")
    x = layers.Activation("relu", name=f"{name}2_act")(x)
    x = _separable(x, second, f"{name}2")
    x = layers.MaxPooling2D(3, 2, padding="same", name=f"block{block}_pool")(x)
    return layers.Add()([x, beside])


def _xception(x: Tensor) -> Tensor:
    for i, (filters, stride) in enumerate(((32, 2), (64, 1))):
        name = f"block1_conv{i + 1}"
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=name)(x)
        x = _normed(x, f"{name}_bn", f"{name}_act")
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _narrowing(x, block, filters, filters)
    for block in range(5, 13):
        before = x
        for j in range(1, 4):
            name = f"block{block}_sepconv{j}"
            x = layers.Activation("relu", name=f"{name}_act")(x)
            x = _separable(x, 728, name)
        x = layers.Add()([x, before])
    x = _narrowing(x, 13, 728, 1024)
    for j, filters in ((1, 1536), (2, 2048)):
        name = f"block14_sepconv{j}"
        x = _separable(x, filters, name)
        x = layers.Activation("relu", name=f"{name}_act")(x)
    return x


def _known(name: str, folder: str, body, least: int, top: str, bare: str) -> Known:
    url = f"{BASE}{folder}/{folder}{KERNELS}"
    files = ((f"{url}.h5", top), (f"{url}_notop.h5", bare))
    head = functools.partial(dense_top, pool="avg_pool")
    return Known(name, body, head, files, 299, least, pools=(None, None))


InceptionV3 = network(
    _known(
        "InceptionV3",
        "inception_v3",
        _inception,
        75,
        "9a0d58056eeedaa3f26cb7ebd46da564",
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "inception_v3",
)
Xception = network(
    _known(
        "Xception",
        "xception",
        _xception,
        71,
        "0a58e3b7378bc2990ea3b43d5981f1f6",
        "b0042744bf5b25fce3cb969f33bebb97",
    )
)
