# ruff: noqa: D102
"""Layers along the axes of sequences, images and volumes: borders, sizes, dropout.

What is the same for every rank stands once; a class adds its rank.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from onefit.checks import one_of
from onefit.description import attribute, number, setting
from onefit.errors import invalid, is_whole
from onefit.layers.dropout import Dropout, Noise
from onefit.layers.grids import Grid, by_axis, lowered
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.types import Array, Key, Params, Shape

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


# Shared parts -------------------------------------------------------------------------


def _pairs(layer: Grid, name: str) -> Any:
    """What is put before and after each axis, or taken off, as Keras writes it.

    A number is for both ends of each axis, a number an axis for both its ends. With one
    axis it is one pair.
    """
    value, rank = getattr(layer, name), layer.rank
    given = value if isinstance(value, tuple) else (value,) * (2 if rank == 1 else rank)
    pairs = tuple(
        tuple(pair) if isinstance(pair, tuple | list) else (pair, pair)
        for pair in ([given] if rank == 1 else given)
    )
    if len(pairs) != rank or not all(
        len(pair) == 2 and is_whole(pair[0], 0) and is_whole(pair[1], 0)
        for pair in pairs
    ):
        example = ((1, 2),) * rank
        raise invalid(
            type(layer).__name__,
            f"{name}={value!r}",
            "a whole number, 0 or more, or two for the two ends"
            if rank == 1
            else f"a whole number, 0 or more, or {rank}, or {rank} pairs",
            f"write {name}=1 or {name}={example[0] if rank == 1 else example}",
        )
    pairs = tuple((int(before), int(after)) for before, after in pairs)
    return pairs[0] if rank == 1 else pairs


class _Borders(Grid, abstract=True):
    """Cells that are added to the ends of the axes, or taken off where negative."""

    def borders(self) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis."""
        raise NotImplementedError(f"{type(self).__name__} has no borders method")

    def compute(self, params: Params, x: Array) -> Array:
        new = dict(zip(self.axes(x.shape), self.borders(), strict=True))
        widths = [(*new.get(axis, (0, 0)), 0) for axis in range(x.ndim)]
        return lax.pad(x, jnp.zeros((), x.dtype), widths)

    def output_shape(self, input_shape: Shape) -> Shape:
        sizes: list[int | None] = []
        for axis, border in zip(self.axes(input_shape), self.borders(), strict=True):
            size, more = input_shape[axis], sum(border)
            if size is not None and size + more < 1:
                raise self.misfit(
                    f"input of shape {input_shape}, of which it takes "
                    f"{-more} cells off axis {axis}",
                    f"more than {-more} cells along axis {axis}",
                    "crop less, or give it larger inputs",
                )
            sizes.append(None if size is None else size + more)
        return self.resized(input_shape, sizes)


class _ZeroPadding(_Borders, abstract=True):
    role = "shape"
    padding: Any
    data_format: Any = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "padding", _pairs(self, "padding"))

    def borders(self) -> tuple[tuple[int, int], ...]:
        return (self.padding,) if self.rank == 1 else self.padding


class _Cropping(_Borders, abstract=True):
    role = "shape"
    cropping: Any
    data_format: Any = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cropping", _pairs(self, "cropping"))

    def borders(self) -> tuple[tuple[int, int], ...]:
        pairs = (self.cropping,) if self.rank == 1 else self.cropping
        return tuple((-before, -after) for before, after in pairs)


class _UpSampling(Grid, abstract=True):
    role = "shape"
    size: Any
    data_format: Any = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = by_axis(self, "size")
        object.__setattr__(self, "size", sizes[0] if self.rank == 1 else sizes)

    def factors(self) -> tuple[int, ...]:
        """By how much each axis grows."""
        return (self.size,) if self.rank == 1 else self.size

    def compute(self, params: Params, x: Array) -> Array:
        for axis, factor in zip(self.axes(x.shape), self.factors(), strict=True):
            x = jnp.repeat(x, factor, axis)
        return x

    def output_shape(self, input_shape: Shape) -> Shape:
        sizes = [input_shape[axis] for axis in self.axes(input_shape)]
        grown = zip(sizes, self.factors(), strict=True)
        return self.resized(input_shape, [n and n * factor for n, factor in grown])


class _SpatialDropout(Noise, Grid, abstract=True):
    rate: float = number(minimum=0, maximum=1)
    data_format: Any = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def noisy(self, x: Array, key: Key) -> Array:
        axes = self.axes(x.shape)
        drawn = tuple(1 if axis in axes else None for axis in range(x.ndim))
        return Dropout(self.rate, drawn).noisy(x, key)

    def output_shape(self, input_shape: Shape) -> Shape:
        self.axes(input_shape)
        return input_shape


# Borders ------------------------------------------------------------------------------


class ZeroPadding1D(_ZeroPadding):
    """Puts zeros before and after the steps.

    Args:
        padding: (before, after), or one number for both.
        data_format: "channels_last", or "channels_first" for (batch, channels, steps).

    Input and output: (batch, steps, channels) to (batch, before + steps + after,
    channels).

    Raises:
        ValueError: As `ZeroPadding2D`.

    Example:
        >>> ZeroPadding1D((0, 2))(np.ones((1, 2, 1)))[0, :, 0]
        Array([1., 1., 0., 0.], dtype=float32)

    Source: Keras, `keras.layers.ZeroPadding1D`.
    """

    rank = 1
    padding: Any = (1, 1)


class ZeroPadding2D(_ZeroPadding):
    """Puts rows and columns of zeros around images.

    Args:
        padding: ((top, bottom), (left, right)); or (rows, columns), each for both ends;
            or one number for all four.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: (batch, height, width, channels) to (batch, top + height + bottom,
    left + width + right, channels).

    Raises:
        ValueError: A padding that is negative or of another form, an unknown
            data_format, an input that is no batch of images, or one without cells.

    Example:
        >>> ZeroPadding2D(((1, 0), (0, 1)))(np.ones((1, 1, 2, 1)))[0, :, :, 0]
        Array([[0., 0., 0.],
               [1., 1., 0.]], dtype=float32)

    Source: Keras, `keras.layers.ZeroPadding2D`.
    """

    rank = 2
    padding: Any = ((1, 1), (1, 1))


class ZeroPadding3D(_ZeroPadding):
    """Puts zeros around volumes.

    Args:
        padding: Three pairs of (before, after), or three numbers, each for both ends of
            an axis, or one number for all.
        data_format: "channels_last", or "channels_first" for (batch, channels, depth,
            height, width).

    Input and output: (batch, depth, height, width, channels), with the axes between
    batch and channels longer by their padding.

    Raises:
        ValueError: As `ZeroPadding2D`.

    Example:
        >>> ZeroPadding3D((1, 0, 2)).output_shape((None, 4, 4, 4, 3))
        (None, 6, 4, 8, 3)

    Source: Keras, `keras.layers.ZeroPadding3D`.
    """

    rank = 3
    padding: Any = ((1, 1), (1, 1), (1, 1))


class Cropping1D(_Cropping):
    """Takes steps off the start and the end.

    Args:
        cropping: (start, end), or one number for both.

    Input and output: (batch, steps, channels) to (batch, steps - start - end,
    channels).

    Raises:
        ValueError: As `Cropping2D`.

    Example:
        >>> Cropping1D((1, 0))(np.arange(3.0).reshape(1, 3, 1))[0, :, 0]
        Array([1., 2.], dtype=float32)

    Source: Keras, `keras.layers.Cropping1D`.
    """

    rank = 1
    data_format: str = attribute("channels_last")
    cropping: Any = (1, 1)


class Cropping2D(_Cropping):
    """Takes rows and columns off the borders of images.

    Args:
        cropping: ((top, bottom), (left, right)); or (rows, columns), each for both
            ends; or one number for all four.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: (batch, height, width, channels) to (batch, height - top - bottom,
    width - left - right, channels).

    Raises:
        ValueError: A cropping that is negative or of another form, an unknown
            data_format, an input that is no batch of images, or one of which nothing
            would be left.

    Example:
        >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> Cropping2D(((1, 0), (0, 1)))(x)[0, :, :, 0]
        Array([[3., 4.],
               [6., 7.]], dtype=float32)

    Source: Keras, `keras.layers.Cropping2D`.
    """

    rank = 2
    cropping: Any = ((0, 0), (0, 0))


class Cropping3D(_Cropping):
    """Takes cells off the borders of volumes.

    Args:
        cropping: Three pairs of (before, after), or three numbers, each for both ends
            of an axis, or one number for all.
        data_format: "channels_last", or "channels_first" for (batch, channels, depth,
            height, width).

    Input and output: (batch, depth, height, width, channels), with the axes between
    batch and channels shorter by their cropping.

    Raises:
        ValueError: As `Cropping2D`.

    Example:
        >>> Cropping3D().output_shape((None, 4, 5, 6, 3))
        (None, 2, 3, 4, 3)

    Source: Keras, `keras.layers.Cropping3D`.
    """

    rank = 3
    cropping: Any = ((1, 1), (1, 1), (1, 1))


# Larger -------------------------------------------------------------------------------


class UpSampling1D(_UpSampling):
    """Repeats each step: a_p = x_{⌊p / size⌋}.

    Args:
        size: How often.

    Input and output: (batch, steps, channels) to (batch, size · steps, channels).

    Raises:
        ValueError: A size below 1, an input that is no batch of sequences.

    Example:
        >>> UpSampling1D(2)(np.array([[[1.0], [3.0]]]))[0, :, 0]
        Array([1., 1., 3., 3.], dtype=float32)

    Source: Keras, `keras.layers.UpSampling1D`.
    """

    rank = 1
    data_format: str = attribute("channels_last")
    size: Any = 2


_RESIZED = ("bicubic", "bilinear", "lanczos3", "lanczos5")


class UpSampling2D(_UpSampling):
    """Makes images larger: by repeating pixels, or by interpolation between them.

    "nearest": a_{pq} = x_{⌊p / s⌋, ⌊q / t⌋}. The others place pixel p of the new image
    at (p + 1/2) / s - 1/2 of the old one, between whose pixels they interpolate.

    Args:
        size: (s, t), by how much height and width grow, or one number for both.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".

    Input and output: (batch, height, width, channels) to (batch, s · height, t · width,
    channels).

    Raises:
        ValueError: A size below 1, an unknown name, an input that is no batch of
            images.

    Example:
        >>> UpSampling2D((1, 2))(np.array([[[[1.0], [3.0]]]]))[0, :, :, 0]
        Array([[1., 1., 3., 3.]], dtype=float32)
        >>> layer = UpSampling2D((1, 2), interpolation="bilinear")
        >>> layer(np.array([[[[1.0], [3.0]]]]))[0, :, :, 0]
        Array([[1. , 1.5, 2.5, 3. ]], dtype=float32)

    Source: Keras, `keras.layers.UpSampling2D`; Keys 1981, "Cubic convolution
    interpolation for digital image processing".
    """

    rank = 2
    size: Any = (2, 2)
    interpolation: str = setting(
        default="nearest", convert=lowered, check=one_of("nearest", *_RESIZED)
    )

    def compute(self, params: Params, x: Array) -> Array:
        if self.interpolation == "nearest":
            return super().compute(params, x)
        shape = self.output_shape(x.shape)
        return jax.image.resize(x, shape, self.interpolation, antialias=False)


class UpSampling3D(_UpSampling):
    """Makes volumes larger by repeating their cells.

    Args:
        size: By how much depth, height and width grow, or one number for all.
        data_format: "channels_last", or "channels_first" for (batch, channels, depth,
            height, width).

    Input and output: (batch, depth, height, width, channels), with the axes between
    batch and channels longer by their size.

    Raises:
        ValueError: A size below 1, an unknown data_format, an input that is no batch of
            volumes.

    Example:
        >>> UpSampling3D((1, 2, 3)).output_shape((None, 4, 4, 4, 3))
        (None, 4, 8, 12, 3)

    Source: Keras, `keras.layers.UpSampling3D`.
    """

    rank = 3
    size: Any = (2, 2, 2)


# Dropout ------------------------------------------------------------------------------


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of sequences at random while training.

    Args:
        rate: The share of channels that is dropped, from 0 to 1.
        seed: A stream of its own, as in `Dropout`.

    Input and output: (batch, steps, channels), the same.

    Raises:
        ValueError: A rate out of range, an input that is no batch of sequences.

    Example:
        >>> y = SpatialDropout1D(0.5)(np.ones((2, 5, 3)), training=True)
        >>> bool((y == y[:, :1]).all())
        True

    Source: as `SpatialDropout2D`.
    """

    rank = 1
    data_format: str = attribute("channels_last")


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images at random while training: a = x · m / (1 − rate).

    As `Dropout`, with one m for all the pixels of a channel: neighbours are so much
    alike that dropping some of them alone takes little away.

    Args:
        rate: The share of channels that is dropped, from 0 to 1.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        seed: A stream of its own, as in `Dropout`.

    Input and output: (batch, height, width, channels), the same.

    Raises:
        ValueError: A rate out of range, an unknown data_format, an input that is no
            batch of images.

    Example:
        >>> y = SpatialDropout2D(0.5)(np.ones((2, 4, 4, 3)), training=True)
        >>> bool((y == y[:, :1, :1]).all())
        True

    Source: Tompson et al. 2015, "Efficient object localization using convolutional
    networks", arXiv:1411.4280.
    """

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Drops whole channels of volumes at random while training.

    Args:
        rate: The share of channels that is dropped, from 0 to 1.
        data_format: "channels_last", or "channels_first" for (batch, channels, depth,
            height, width).
        seed: A stream of its own, as in `Dropout`.

    Input and output: (batch, depth, height, width, channels), the same.

    Raises:
        ValueError: A rate out of range, an unknown data_format, an input that is no
            batch of volumes.

    Example:
        >>> y = SpatialDropout3D(0.5)(np.ones((2, 4, 4, 4, 3)), training=True)
        >>> bool((y == y[:, :1, :1, :1]).all())
        True

    Source: as `SpatialDropout2D`.
    """

    rank = 3
