# ruff: noqa: D102
"""Layers that mix images with others, or with noise, at random while training."""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.description import number, setting
from onefit.layers.augmentation import drawn_share, factor_of, range_of, uniform
from onefit.layers.coloring import Colors
from onefit.layers.reshaping import data_format
from onefit.layers.settings import seed
from onefit.types import Array, Key

__all__ = ["CutMix", "MixUp", "RandomErasing"]


def _widened(weight: Array, ndim: int) -> Array:
    """A number a row, to multiply rows of so many axes by."""
    return weight.reshape(-1, *(1,) * (ndim - 1))


class _Mixed(Colors, abstract=True):
    """What layers share that mix images with one another."""

    def output_shape(self, input_shape: Any) -> Any:
        shape = super().output_shape(input_shape)
        if isinstance(shape, dict) and len(shape.get("labels", (None, 1))) < 2:
            raise self.misfit(
                f"labels of shape {shape['labels']}",
                "one-hot labels, (batch, classes), which can be mixed",
                "write onefit.utils.to_categorical(y, classes)",
            )
        return shape

    def change_masks(self, masks: Array, *drawn: Any) -> Array:
        return self.change(masks, *drawn)


def _mixed(x: Array, weight: Array, order: Array) -> Array:
    """Each row, and the one that the order names in its place, by their weights."""
    weight = _widened(weight, x.ndim)
    return weight * x + (1.0 - weight) * x[order]


class MixUp(_Mixed):
    """Mixes each image with another: a = w · x + (1 − w) · x', w ~ Beta(α, α).

    Labels of the input {"images": x, "labels": y} are mixed alike; so are
    "segmentation_masks". An image has the "bounding_boxes" of both, its own first.

    Args:
        alpha: α: the smaller, the more one of the two prevails.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        seed: A stream of its own, as in `Dropout`.

    Input and output: images, (batch, height, width, channels), or a dict of them and
    their one-hot labels, the same shapes.

    Raises:
        ValueError: α not above 0, labels that are no rows, or an input that is no batch
            of images.

    Differs from Keras: masks are mixed image by image, and the labels of boxes stand
    beside their boxes, where Keras puts them under the batch.

    Example:
        >>> data = {"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)}
        >>> y = MixUp()(data, training=True)["labels"]
        >>> print(np.round(y.sum(1), 3))
        [1. 1.]

    Source: Zhang et al. 2017, "mixup: beyond empirical risk minimization"; Keras,
    `keras.layers.MixUp`.
    """

    alpha: float = number(default=0.2, above=0)
    data_format: str = setting(default=None, convert=data_format)
    seed: int | None = seed()

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        first, second = jax.random.split(key)
        order = jax.random.permutation(first, x.shape[0])
        alpha = jnp.asarray(self.alpha, x.dtype)
        weight = jax.random.beta(second, alpha, alpha, x.shape[:1], x.dtype)
        return weight, order

    def change(self, x: Array, *drawn: Any) -> Array:
        return _mixed(x, *drawn)

    def change_labels(self, labels: Array, *drawn: Any) -> Array:
        return _mixed(labels, *drawn)

    def change_boxes(
        self, boxes: dict[str, Array], size: tuple[int, int], *drawn: Any
    ) -> dict[str, Array]:
        _, order = drawn
        return {n: jnp.concatenate([a, a[order]], 1) for n, a in boxes.items()}

    def boxes_shape(self, shapes: Any) -> Any:
        known = super().boxes_shape(shapes)  # as many, or twice as many while training
        return {name: (shape[0], None, *shape[2:]) for name, shape in known.items()}


def _box(key: Key, ratios: tuple[Array, Array], x: Array) -> tuple[Array, Array]:
    """Which pixels lie in a box of these shares of each image, and the box's area."""
    inside, area = jnp.ones((), bool), jnp.ones((), x.dtype)
    keys = jax.random.split(key)
    for axis, (k, ratio) in enumerate(zip(keys, ratios, strict=True)):
        size = x.shape[1 + axis]
        start = jax.random.uniform(k, x.shape[:1], x.dtype) * (size - ratio * size)
        shape = (1, -1, 1, 1) if axis == 0 else (1, 1, -1, 1)
        at = jnp.arange(size, dtype=x.dtype).reshape(shape)
        low = _widened(start, 4)
        inside = inside & (at >= low) & (at < low + _widened(ratio * size, 4))
        area = area * ratio
    return inside, area


class CutMix(_Mixed):
    """Pastes a box of another image into each: its area is 1 − w, w ~ Beta(α, α).

    Labels of the input {"images": x, "labels": y} become w · y + (1 − w) · y';
    "segmentation_masks" get the box of the other's.

    Args:
        factor: The highest α, from 0 to 1; or the lowest and the highest, from which
            one α is drawn for a batch.
        seed: A stream of its own, as in `Dropout`.
        data_format: As in `MixUp`.

    Input and output: images, (batch, height, width, channels), or a dict of them and
    their one-hot labels, the same shapes.

    Raises:
        ValueError: A factor out of range, labels that are no rows, bounding boxes, or
            an input that is no batch of images.

    Example:
        >>> data = {"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)}
        >>> y = CutMix()(data, training=True)["labels"]
        >>> print(np.round(y.sum(1), 3))
        [1. 1.]

    Source: Yun et al. 2019, "CutMix"; Keras, `keras.layers.CutMix`.
    """

    limits = (0.0, 1.0)
    factors = ("factor",)

    factor: Any = number(default=1.0, convert=factor_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        keys = jax.random.split(key, 4)
        low, high = self.bounds("factor", x)
        alpha = low + (high - low) * jax.random.uniform(keys[0], (), x.dtype) + 1e-6
        weight = jax.random.beta(keys[1], alpha, alpha, x.shape[:1], x.dtype)
        side = jnp.sqrt(1.0 - weight)
        inside, area = _box(keys[2], (side, side), x)
        return inside, 1.0 - area, jax.random.permutation(keys[3], x.shape[0])

    def change(self, x: Array, *drawn: Any) -> Array:
        inside, _, order = drawn
        return jnp.where(inside, x[order], x)

    def change_labels(self, labels: Array, *drawn: Any) -> Array:
        return _mixed(labels, *drawn[1:])

    def boxes_shape(self, shapes: Any) -> Any:
        raise self.misfit(
            "'bounding_boxes'",
            "images, labels and segmentation_masks: a box of another image may hide "
            "any part of theirs",
            "leave this layer out where there are boxes, or write MixUp()",
        )


class RandomErasing(Colors):
    """Covers a box of an image with noise or one value, with probability p.

    The box has sides of √s and √s' of the image's, s, s' ~ U(low, high).

    Args:
        factor: The highest p, from 0 to 1; or the lowest and the highest.
        scale: low and high; one number is from 0 to it.
        fill_value: What covers it: a number, or one for each channel; None is normal
            noise times the highest value of a pixel.
        value_range: The lowest and highest value of a pixel, to which what covers it is
            clipped.
        seed, data_format: As in `CutMix`.

    Input and output: images, (batch, height, width, channels), the same shape.

    Raises:
        TypeError: A value_range that is not two numbers.
        ValueError: A factor or scale out of range, or an input that is no batch of
            images.

    Example:
        >>> layer = RandomErasing((1.0, 1.0), scale=(1.0, 1.0), fill_value=7)
        >>> layer(np.zeros((1, 2, 2, 1)), training=True).ravel().tolist()
        [7.0, 7.0, 7.0, 7.0]

    Source: Zhong et al. 2017, "Random erasing data augmentation"; Keras,
    `keras.layers.RandomErasing`.
    """

    limits = (0.0, 1.0)
    factors = ("factor", "scale")

    factor: Any = number(default=1.0, convert=factor_of)
    scale: Any = number(default=(0.02, 0.33), convert=factor_of)
    fill_value: Any = setting(
        default=None, convert=lambda v: tuple(v) if isinstance(v, list) else v
    )
    value_range: Any = setting(default=(0, 255), convert=range_of)
    seed: int | None = seed()
    data_format: str = setting(default=None, convert=data_format)

    def draw(self, key: Key, x: Array) -> tuple[Array | None, ...]:
        keys = jax.random.split(key, 5)
        limits = self.bounds("scale", x)
        sides = tuple(jnp.sqrt(uniform(k, *limits, x)) for k in keys[:2])
        inside, _ = _box(keys[2], (sides[0], sides[1]), x)
        erased = inside & _widened(drawn_share(self, keys[3], x), 4)
        if self.fill_value is None:
            cover = jax.random.normal(keys[4], x.shape, x.dtype) * self.value_range[1]
        else:
            cover = jnp.broadcast_to(jnp.asarray(self.fill_value, x.dtype), x.shape)
        return erased, jnp.clip(cover, *self.value_range)

    def change(self, x: Array, *drawn: Any) -> Array:
        erased, cover = drawn
        return jnp.where(erased, cover, x)
