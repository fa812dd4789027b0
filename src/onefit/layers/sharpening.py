# ruff: noqa: D102
"""Layers that make images sharper or softer at random while training."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.description import number, setting
from onefit.errors import invalid, is_whole
from onefit.layers.augmentation import drawn_share, factor_of, range_of
from onefit.layers.coloring import Colors
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.types import Array, Key

__all__ = ["RandomGaussianBlur", "RandomSharpness"]


def _along(x: Array, axis: int, kernel: Any) -> Any:
    """Each pixel as a weighted sum of those along an axis; 0 beyond the edge."""
    size, n = len(kernel), x.shape[axis]
    sides = [(0, 0)] * x.ndim
    sides[axis] = ((size - 1) // 2, size // 2)
    wide = jnp.pad(x, sides)
    return sum(
        kernel[k] * jax.lax.slice_in_dim(wide, k, k + n, axis=axis) for k in range(size)
    )


class RandomSharpness(Colors):
    """Makes images sharper or softer: a = clip(x + (1 − 2f) · (s(x) − x)), f uniform.

    s(x) is the mean of each pixel and its neighbours, itself counted five times.

    Args:
        factor: The highest f, from 0 to 1; or the lowest and the highest: 0 is soft,
            1/2 leaves an image as it is, 1 is sharp.
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        seed: A stream of its own, as in `Dropout`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor out of range, or an input that is no batch of images.

    Example:
        >>> x = np.zeros((1, 3, 3, 1))
        >>> x[0, 1, 1] = 13.0
        >>> print(np.round(RandomSharpness((0.0, 0.0))(x, training=True)[0, 1, :, 0]))
        [1. 5. 1.]

    Source: Keras, `keras.layers.RandomSharpness`.
    """

    within = ("factor",)
    limits = (0.0, 1.0)

    factor: Any = number(convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        return (self.drawn_factor(key, "factor", x),)

    def change(self, x: Array, *drawn: Any) -> Array:
        box = _along(_along(x, 1, (1.0,) * 3), 2, (1.0,) * 3)
        smooth = (box + 4.0 * x) / 13.0
        share = (1.0 - 2.0 * drawn[0])[:, None, None, None]
        return jnp.clip(x + share * (smooth - x), *self.value_range)


def _sizes(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(is_whole(n, 1) and n % 2 for n in pair):
        raise invalid(
            "RandomGaussianBlur",
            f"kernel_size={value!r}",
            "an odd whole number, or two",
            "write kernel_size=3",
        )
    return pair


class RandomGaussianBlur(Colors):
    """Blurs an image with probability p: each pixel is a mean of those around it.

    The weight of a pixel at distance d along an axis is exp(−d² / 2σ²), made to add up
    to 1; σ of each axis is drawn once for a batch.

    Args:
        factor: The highest p, from 0 to 1; or the lowest and the highest.
        kernel_size: How far a pixel counts along the width and the height, an odd
            number, or two.
        sigma: The highest σ, from 0 to 1; or the lowest and the highest.
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        data_format, seed: As in `RandomSharpness`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor or sigma out of range, an even kernel_size, or an input
            that is no batch of images.

    Example:
        >>> layer = RandomGaussianBlur((1.0, 1.0), sigma=(0.5, 0.5))
        >>> x = np.zeros((1, 3, 3, 1))
        >>> x[0, 1, 1] = 100.0
        >>> print(np.round(layer(x, training=True)[0, 1, :, 0]))
        [ 8. 62.  8.]

    Source: Keras, `keras.layers.RandomGaussianBlur`.
    """

    limits = (0.0, 1.0)
    factors = ("factor", "sigma")

    factor: Any = number(default=1.0, convert=factor_of)
    kernel_size: Any = setting(default=3, convert=_sizes)
    sigma: Any = number(default=1.0, convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        first, second = jax.random.split(key)
        low, high = self.bounds("sigma", x)
        sigma = low + (high - low) * jax.random.uniform(second, (2,), x.dtype)
        return drawn_share(self, first, x), sigma + 1e-6

    def change(self, x: Array, *drawn: Any) -> Array:
        blurred, sigma = drawn
        y = x
        for axis, size, width in zip((2, 1), self.kernel_size, sigma, strict=True):
            d = jnp.arange(size, dtype=x.dtype) - (size - 1) / 2
            kernel = jnp.exp(-0.5 * (d / width) ** 2)
            y = _along(y, axis, kernel / jnp.sum(kernel))
        y = jnp.where(blurred[:, None, None, None], y, x)
        return jnp.clip(y, *self.value_range)
