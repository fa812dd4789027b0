# ruff: noqa: D102
"""Layers that spread the values of images over their range."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.checks import whole
from onefit.description import number, setting
from onefit.errors import invalid, is_whole
from onefit.layers.augmentation import range_of
from onefit.layers.coloring import BYTE, Colors, rescaled
from onefit.layers.reshaping import data_format
from onefit.types import Array

__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
]


class AutoContrast(Colors):
    """Stretches each channel of each image over the whole range of values.

    a = (x − min x) / (max x − min x), brought to value_range; a channel of one value
    stays as it is.

    Args:
        value_range: The lowest and highest value of a pixel.
        data_format: As in `RandomHue`.

    Input and output: images, (batch, height, width, channels), the same shape; also
    when not training.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: An input that is no batch of images.

    Differs from Keras: with channels first each channel is one, too.

    Example:
        >>> x = np.array([[[[10.0], [20.0], [30.0]]]])
        >>> AutoContrast()(x).ravel().tolist()
        [0.0, 127.5, 255.0]

    Source: Keras, `keras.layers.AutoContrast`.
    """

    random = False

    value_range: Any = setting(default=(0, 255), convert=range_of)
    data_format: str = setting(default=None, convert=data_format, kw_only=True)

    def apply(self, params, state, x, *, training=False, key=None) -> tuple[Any, Any]:
        return self.together(x, None), state

    def change(self, x: Array, *drawn: Any) -> Array:
        low = jnp.min(x, (1, 2), keepdims=True)
        spread = jnp.max(x, (1, 2), keepdims=True) - low
        flat = spread == 0
        y = (x - low) / jnp.where(flat, 1.0, spread)
        return jnp.where(flat, x, rescaled(y, (0, 1), self.value_range))


class Equalization(Colors):
    """Spreads the values of each channel evenly over their range, while training.

    a = 255 · (F(x) − F(min x)) / (n − F(min x)) for bytes, F(x) the number of an
    image's n pixels up to x.

    Args:
        value_range: The lowest and highest value of a pixel: what 0 and 255 stand for.
        bins: How many values are told apart.
        data_format: As in `RandomHue`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: No bins, or an input that is no batch of images.

    Differs from Keras: each image has its own F; Keras counts over the whole batch.

    Example:
        >>> x = np.array([[[[10.0], [11.0], [12.0]]]])
        >>> print(np.round(Equalization()(x, training=True).ravel()))
        [  0. 128. 255.]

    Source: Keras, `keras.layers.Equalization`.
    """

    random = False

    value_range: Any = setting(default=(0, 255), convert=range_of)
    bins: int = setting(default=256, check=whole(1))
    data_format: str = setting(default=None, convert=data_format)

    def apply(self, params, state, x, *, training=False, key=None) -> tuple[Any, Any]:
        return (self.together(x, None) if training else x), state

    def change(self, x: Array, *drawn: Any) -> Array:
        byte = rescaled(x, self.value_range, (0, BYTE))
        planes = jnp.moveaxis(byte, -1, 1).reshape(-1, x.shape[1] * x.shape[2])
        y = jax.vmap(self._spread)(planes)
        y = y.reshape(x.shape[0], x.shape[3], *x.shape[1:3])
        return rescaled(jnp.moveaxis(y, 1, -1), (0, BYTE), self.value_range)

    def _spread(self, plane: Array) -> Array:
        """One channel of one image, its pixels in a row."""
        last = self.bins - 1
        place = jnp.clip((plane * (last / BYTE)).astype("int32"), 0, last)
        count = jnp.bincount(place, length=self.bins)
        below = jnp.cumsum(count)
        least = below[jnp.argmax(below > 0)]
        rest = below[-1] - least
        table = (below - least) * BYTE / jnp.where(rest == 0, 1, rest)
        table = jnp.clip(jnp.round(table), 0, BYTE).astype(plane.dtype)
        return jnp.where(jnp.sum(count > 0) <= 1, plane, table[place])


def _grid(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2 or not all(is_whole(n, 1) for n in pair):
        raise invalid(
            "ContrastLimitedAdaptiveHistogramEqualization",
            f"tile_grid_size={value!r}",
            "how many tiles stand below and beside one another",
            "write tile_grid_size=(8, 8)",
        )
    return pair


class ContrastLimitedAdaptiveHistogramEqualization(Colors):
    """Spreads values evenly over their range, tile by tile, and not too far.

    In a tile of n pixels, F(x) is the number of pixels up to x, of which a value counts
    for clip_limit · n / 256 at most; what is left over counts for all values alike.
    A pixel of a byte x becomes 255 · (F(x) − F(0)) / (n − F(0)), between the middles of
    four tiles that of all four, by bilinear interpolation.

    Args:
        value_range: The lowest and highest value of a pixel: what 0 and 255 stand for.
        clip_limit: How much more often than on average a value may count; 0 or less
            for no limit.
        tile_grid_size: How many tiles there are: below one another, beside one another.
            An image that they do not divide is mirrored at its ends first.
        data_format, bounding_box_format: As in `RandomFlip`.

    Input and output: images, (batch, height, width, channels), the same shape; also
    when not training. Also one image, or a dict, as in `RandomFlip`.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A tile_grid_size of other than two whole numbers, or an input that
            is no batch of images.

    Differs from Keras: the output is always in floats, and labels, masks and boxes pass
    as they are.

    Example:
        >>> x = np.array([[[[10.0], [11.0], [12.0]]]])
        >>> layer = ContrastLimitedAdaptiveHistogramEqualization((0, 255), 0, (1, 1))
        >>> layer(x).ravel().tolist()
        [85.0, 170.0, 255.0]

    Source: Zuiderveld 1994, "Contrast limited adaptive histogram equalization"; Keras,
    `keras.layers.ContrastLimitedAdaptiveHistogramEqualization`.
    """

    random = False

    value_range: Any = setting(default=(0, 255), convert=range_of)
    clip_limit: float = number(default=4.0)
    tile_grid_size: Any = setting(default=(8, 8), convert=_grid)
    data_format: str = setting(default=None, convert=data_format)

    def apply(self, params, state, x, *, training=False, key=None) -> tuple[Any, Any]:
        return self.together(x, None), state

    def change(self, x: Array, *drawn: Any) -> Array:
        byte = jnp.moveaxis(rescaled(x, self.value_range, (0, BYTE)), -1, 1)
        y = jax.vmap(jax.vmap(self._spread))(byte)
        return rescaled(jnp.moveaxis(y, 1, -1), (0, BYTE), self.value_range)

    def _spread(self, plane: Array) -> Array:
        """One channel of one image, (height, width)."""
        grid = self.tile_grid_size
        tile = tuple(-(-n // g) for n, g in zip(plane.shape, grid, strict=True))
        sizes = zip(plane.shape, grid, tile, strict=True)
        ends = [(0, g * t - n) for n, g, t in sizes]
        byte = jnp.pad(plane, ends, mode="symmetric").astype("int32")
        byte = jnp.clip(byte, 0, 255)
        tiles = byte.reshape(grid[0], tile[0], grid[1], tile[1]).swapaxes(1, 2)
        table = self._table(tiles.reshape(*grid, -1), plane.dtype)
        table = jnp.pad(table, ((1, 1), (1, 1), (0, 0)), mode="edge")
        rows, columns = (_between(*pair) for pair in zip(grid, tile, strict=True))
        parts = [
            table[i[:, None], j, byte] * (v[:, None] * w)
            for i, v in rows
            for j, w in columns
        ]
        y = sum(parts[1:], parts[0])
        return y[: plane.shape[0], : plane.shape[1]]

    def _table(self, tiles: Array, dtype: Any) -> Array:
        """What each of 256 values becomes in each tile: (rows, columns, 256)."""
        n = tiles.shape[-1]
        counted = jax.vmap(jax.vmap(lambda tile: jnp.bincount(tile, length=256)))
        count = counted(tiles).astype(dtype)
        limit = jnp.asarray(self.clip_limit, dtype) * n / 256.0
        kept = jnp.minimum(count, jnp.where(limit > 0, limit, jnp.inf))
        count = kept + jnp.sum(count - kept, -1, keepdims=True) / 256.0
        below = jnp.cumsum(count, -1)
        least = below[..., :1]
        rest = n - least
        return jnp.clip((below - least) * BYTE / jnp.where(rest == 0, 1, rest), 0, BYTE)


def _between(grid: int, tile: int) -> list[tuple[Array, Array]]:
    """The two tiles that count for each pixel along an axis: [(indices, weights), ...].

    Tiles are counted from 1: at either end stands one more, like the last.
    """
    at = (jnp.arange(grid * tile, dtype="float32") - tile / 2) / tile + 1.0
    low = jnp.floor(at).astype("int32")
    share = at - low
    ends = 0, grid + 1
    return [(jnp.clip(low, *ends), 1.0 - share), (jnp.clip(low + 1, *ends), share)]
