# ruff: noqa: D102
"""Layers that bend images at random while training."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.description import attribute, number, setting
from onefit.layers.augmentation import Moved, drawn_share, factor_of, range_of
from onefit.layers.images import size_of
from onefit.types import Array, Key

__all__ = ["RandomElasticTransform", "RandomPerspective", "projected", "projection"]


# Seen from elsewhere ------------------------------------------------------------------


def projection(points: Array, images: Array) -> Array:
    """The eight numbers of the projection that takes four points to four others.

    u · k = a0·x + a1·y + a2 and v · k = b0·x + b1·y + b2, with k = c0·x + c1·y + 1, at
    the four points (x, y) and their images (u, v): eight equations of eight numbers.

    Args:
        points, images: (..., 4, 2), x before y.
    """
    (x, y), (u, v) = (jnp.moveaxis(p, -1, 0) for p in (points, images))
    one, none = jnp.ones_like(x), jnp.zeros_like(x)
    across = [x, y, one, none, none, none, -u * x, -u * y]
    down = [none, none, none, x, y, one, -v * x, -v * y]
    matrix = jnp.concatenate([jnp.stack(across, -1), jnp.stack(down, -1)], axis=-2)
    known = jnp.concatenate([u, v], axis=-1)[..., None]
    return jnp.linalg.solve(matrix, known)[..., 0]


def projected(numbers: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Where a projection takes points: u and v."""
    a0, a1, a2, b0, b1, b2, c0, c1 = jnp.moveaxis(numbers, -1, 0)
    k = c0 * x + c1 * y + 1
    return (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k


class RandomPerspective(Moved):
    """Shows an image from elsewhere, with probability p, p ~ U(least, most).

    Its corners (x, y) go to (x · (1 + f), y · (1 + f')), f, f' ~ U(−scale/2, scale/2),
    and the rest by the projection that takes the four corners there.

    Args:
        factor: The highest p, from 0 to 1; or the lowest and the highest.
        scale: How far corners go at most, from 0 to 1.
        interpolation: "bilinear" or "nearest".
        fill_value: What lies beyond the edge.
        seed: A stream of its own, as in `Dropout`.
        data_format, bounding_box_format: As in `RandomFlip`.

    Input and output: images, (batch, height, width, channels), the same shape. Also one
    image, or a dict, as in `RandomFlip`.

    Raises:
        ValueError: A factor or scale out of range, an unknown name, or an input that is
            no batch of images.

    Differs from Keras: boxes come back in the format they were given in.

    Example:
        >>> layer = RandomPerspective((1.0, 1.0), scale=0.0)  # corners stay
        >>> x = np.arange(6.0).reshape(1, 2, 3, 1)
        >>> print(np.round(layer(x, training=True).ravel(), 3))
        [0. 1. 2. 3. 4. 5.]

    Source: Keras, `keras.layers.RandomPerspective`.
    """

    _order = "factor scale interpolation fill_value seed data_format"
    factors = ("factor",)
    within = ("scale",)
    limits = (0.0, 1.0)
    fill_mode: str = attribute("constant")

    factor: Any = number(default=1.0, convert=factor_of)
    scale: float = number(default=1.0)

    def draw(self, key: Key, x: Array) -> tuple[Any, ...]:
        first, second = jax.random.split(key)
        shape = x.shape[0], 4, 2
        far = jax.random.uniform(first, shape, x.dtype, -0.5, 0.5) * self.scale
        return drawn_share(self, second, x), _corners(size_of(x), x) * (1.0 + far)

    def change(self, x: Array, *drawn: Any) -> Array:
        chosen, ends = drawn
        corners = jnp.broadcast_to(_corners(size_of(x), x), ends.shape)
        numbers = projection(ends, corners)[:, None, None]
        i, j = (jnp.arange(n, dtype=x.dtype) for n in x.shape[1:3])
        columns, rows = projected(numbers, j, i[:, None])
        return jnp.where(chosen[:, None, None, None], self.look_up(x, rows, columns), x)

    def move(self, points: Array, size: tuple[int, int], *drawn: Any) -> Array:
        chosen, ends = drawn
        corners = jnp.broadcast_to(_corners(size, points), ends.shape)
        numbers = projection(corners, ends)[:, None]
        moved = jnp.stack(projected(numbers, points[..., 0], points[..., 1]), -1)
        return jnp.where(chosen[:, None, None], moved, points)


def _corners(size: tuple[int, int], like: Array) -> Array:
    """The middles of the four pixels in the corners: (4, x and y)."""
    y, x = (n - 1 for n in size)
    return jnp.asarray([[0, 0], [x, 0], [0, y], [x, y]], like.dtype)


# Like rubber --------------------------------------------------------------------------


class RandomElasticTransform(Moved):
    """Bends an image like rubber, with probability p, p ~ U(least, most).

    The pixel (i, j) comes from (i + α · d, j + α · d'), where d and d' are normal noise
    of deviation σ, blurred by a Gaussian of width σ; α = 0.1 · f · max(height, width),
    σ = 0.05 · f · min(height, width), f ~ U(low, high) once for a batch.

    Args:
        factor: The highest p, from 0 to 1; or the lowest and the highest.
        scale: The highest f, from 0 to 1; or the lowest and the highest.
        interpolation, fill_mode, fill_value: As in `RandomRotation`.
        value_range: The lowest and highest value of a pixel, to which the output is
            clipped.
        seed: A stream of its own, as in `Dropout`.
        data_format: As in `RandomFlip`.

    Input and output: images, (batch, height, width, channels), the same shape. Also one
    image, or a dict without boxes, as in `RandomFlip`.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor or scale out of range, an unknown name, bounding boxes, or
            an input that is no batch of images.

    Differs from Keras: masks are bent as their images are; Keras draws anew for them.

    Example:
        >>> layer = RandomElasticTransform(scale=0.5)
        >>> print(np.round(layer(np.full((1, 4, 4, 1), 7.0)).ravel()[:3], 3))
        [7. 7. 7.]

    Source: Simard et al. 2003, "Best practices for convolutional neural networks
    applied to visual document analysis"; Keras, `keras.layers.RandomElasticTransform`.
    """

    _order = (
        "factor scale interpolation fill_mode fill_value value_range seed data_format"
    )
    factors = ("factor", "scale")
    limits = (0.0, 1.0)

    factor: Any = number(default=1.0, convert=factor_of)
    scale: Any = number(default=1.0, convert=factor_of)
    value_range: Any = setting(default=(0, 255), convert=range_of)

    def draw(self, key: Key, x: Array) -> tuple[Any, ...]:
        keys = jax.random.split(key, 3)
        low, high = self.bounds("scale", x)
        far = low + (high - low) * jax.random.uniform(keys[1], (), x.dtype)
        n, *sizes = x.shape[:3]
        noise = jax.random.normal(keys[2], (n, 2, *sizes), x.dtype)  # a row's own
        return drawn_share(self, keys[0], x), far, jnp.moveaxis(noise, 1, 0)

    def change(self, x: Array, *drawn: Any) -> Array:
        return jnp.clip(self._bent(x, *drawn), *self.value_range)

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self.replace(interpolation="nearest")._bent(masks, *drawn)

    def _bent(self, x: Array, chosen: Array, far: Array, noise: Array) -> Array:
        size = x.shape[1:3]
        sigma = 0.05 * far * min(size)
        high, wide = (_blur(n, sigma) for n in size)
        smooth = jnp.einsum("ij,dbjk,lk->dbil", high, noise * sigma, wide)
        across, down = 0.1 * far * max(size) * smooth
        i, j = (jnp.arange(n, dtype=x.dtype) for n in size)
        y = self.look_up(x, i[:, None] + down, j + across)
        return jnp.where(chosen[:, None, None, None], y, x)


def _blur(n: int, sigma: Array) -> Array:
    """The matrix that blurs n numbers, those beyond the ends being 0.

    A Gaussian is cut off at about 3σ, and made to add up to 1 where it is whole.
    """
    reach = (6 * sigma).astype("int32") // 2

    def bell(d: Array) -> Array:
        share = jnp.exp(-0.5 * (d / jnp.maximum(sigma, 1e-6)) ** 2)
        return jnp.where(jnp.abs(d) <= reach, share, 0.0)

    at = jnp.arange(n)
    return bell(at[:, None] - at) / jnp.sum(bell(jnp.arange(1 - n, n)))
