# ruff: noqa: D102
"""Layers that bring images to one size."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from onefit.checks import one_of, whole
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.layers.base import Layer
from onefit.layers.reshaping import data_format
from onefit.types import Array, Function, Params, Shape

__all__ = ["CenterCrop", "Resizing", "channels_last", "image_axes", "resized", "window"]


def image_axes(layer: Layer, input_shape: Shape) -> tuple[int, int]:
    """The axes of height and width; refuses what is no batch of images."""
    first = layer.data_format == "channels_first"
    if len(input_shape) != 4:
        sizes = "channels, height, width" if first else "height, width, channels"
        raise layer.misfit(
            f"input of shape {input_shape}",
            f"images, (batch, {sizes})",
            "write x[None] for one image, x[..., None] for grey ones",
        )
    return (2, 3) if first else (1, 2)


def channels_last(
    layer: Layer, x: Array, change: Callable[..., Array], *args: Any
) -> Array:
    """What a function of images with channels last makes of the layer's images."""
    if layer.data_format == "channels_first":
        return jnp.moveaxis(change(jnp.moveaxis(x, 1, -1), *args), -1, 1)
    return change(x, *args)


def resized(
    x: Array,
    height: int,
    width: int,
    interpolation: str = "bilinear",
    antialias: bool = False,
) -> Array:
    """Images of another size: two matrix products, one an axis."""
    shape = (x.shape[0], height, width, x.shape[3])
    return jax.image.resize(x, shape, interpolation, antialias=antialias)


def _of_ratio(x: Array, height: int, width: int, choose: Function) -> tuple[int, int]:
    """The larger (max) or smaller (min) height and width with the target's ratio."""
    h, w = x.shape[1:3]
    return choose(h, w * height // width), choose(w, h * width // height)


def window(x: Array, height: int, width: int) -> Array:
    """The largest part, in the middle of the images, with the ratio height : width."""
    h, w = (max(size, 1) for size in _of_ratio(x, height, width, min))
    top, left = (x.shape[1] - h) // 2, (x.shape[2] - w) // 2
    return x[:, top : top + h, left : left + w]


class _Sized(Layer, abstract=True):
    """What layers share whose output has a height and a width of its own."""

    role = "other"

    height: int = setting(check=whole(1))
    width: int = setting(check=whole(1))
    data_format = "channels_last"  # not annotated: a setting of the subclasses

    def sized(self, x: Array) -> Array:
        """The images, (batch, height, width, channels), at the size."""
        raise NotImplementedError(f"{type(self).__name__} has no sized method")

    def compute(self, params: Params, x: Array) -> Array:
        return channels_last(self, x, self.sized)

    def output_shape(self, input_shape: Shape) -> Shape:
        axes = image_axes(self, input_shape)
        sizes: Iterable[int] = (self.height, self.width)
        new = dict(zip(axes, sizes, strict=True))
        return tuple(new.get(axis, size) for axis, size in enumerate(input_shape))


class Resizing(_Sized):
    """Brings images to one size, by interpolation between their pixels.

    Each axis is a matrix product with fixed weights: a = A x Bᵀ for each channel, where
    a row of A (and of B) holds how much each pixel counts.

    Args:
        height, width: The size of the output.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: Whether to take the largest part in the middle that has
            the output's ratio, rather than distort.
        pad_to_aspect_ratio: Whether to pad to the output's ratio, rather than distort.
        fill_mode: Only "constant": padding has one value.
        fill_value: The value of the padding.
        antialias: Whether to blur where the output is smaller, so that no pixel is left
            out.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input: images, (batch, h, w, channels). Output: (batch, height, width, channels).

    Raises:
        ValueError: A size below 1, an unknown name, both ways to keep the ratio, or an
            input that is no batch of images.

    Differs from Keras: one image without a batch is refused, since a batch of grey
    images (batch, h, w) looks the same; the output is always in floats.

    Example:
        >>> x = np.array([[[[1.0], [3.0]]]])
        >>> Resizing(1, 4)(x)[0, 0, :, 0].tolist()
        [1.0, 1.5, 2.5, 3.0]

    Source: Keys 1981, "Cubic convolution interpolation"; Keras,
    `keras.layers.Resizing`.
    """

    interpolation: str = setting(
        default="bilinear",
        check=one_of("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"),
    )
    crop_to_aspect_ratio: bool = False
    pad_to_aspect_ratio: bool = False
    fill_mode: str = setting(default="constant", check=one_of("constant"))
    fill_value: float = number(default=0.0)
    antialias: bool = False
    data_format: str = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise invalid(
                "Resizing",
                "crop_to_aspect_ratio=True and pad_to_aspect_ratio=True",
                "one of them at most",
                "write pad_to_aspect_ratio=True to keep the whole image",
            )

    def sized(self, x: Array) -> Array:
        if self.crop_to_aspect_ratio:
            x = window(x, self.height, self.width)
        if self.pad_to_aspect_ratio:
            x = self._padded(x)
        return resized(x, self.height, self.width, self.interpolation, self.antialias)

    def _padded(self, x: Array) -> Array:
        """The images with as much on either side as brings them to the ratio."""
        h, w = _of_ratio(x, self.height, self.width, max)
        top, left = (h - x.shape[1]) // 2, (w - x.shape[2]) // 2
        sides = ((0, 0), (top, top), (left, left), (0, 0))
        return jnp.pad(x, sides, constant_values=self.fill_value)


class CenterCrop(_Sized):
    """Cuts the middle out of images: a_{ij} = x_{i+t, j+l}, t = ⌊(h − height) / 2⌋.

    Images that are smaller than that are resized instead: the largest part in their
    middle with the output's ratio, by bilinear interpolation.

    Args:
        height, width: The size of the output.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input: images, (batch, h, w, channels). Output: (batch, height, width, channels).

    Raises:
        ValueError: A size below 1, or an input that is no batch of images.

    Differs from Keras: as in `Resizing`.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> CenterCrop(2, 2)(x)[0, :, :, 0].tolist()
        [[5.0, 6.0], [9.0, 10.0]]

    Source: Keras, `keras.layers.CenterCrop`.
    """

    data_format: str = setting(default=None, convert=data_format)

    def sized(self, x: Array) -> Array:
        top, left = x.shape[1] - self.height, x.shape[2] - self.width
        if top < 0 or left < 0:
            return resized(window(x, self.height, self.width), self.height, self.width)
        top, left = top // 2, left // 2
        return x[:, top : top + self.height, left : left + self.width]
