"""tf.image: pictures (height, width, channels), one or a batch of them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.tf.arrays import convert_to_tensor, tensors
from onefit.scripts.tf.dtypes import as_dtype, narrow
from onefit.scripts.tf.files import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
)
from onefit.scripts.tf.random import key_of
from onefit.types import Array, ArrayLike

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "central_crop",
    "convert_image_dtype",
    "crop_to_bounding_box",
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "draw_bounding_boxes",
    "encode_jpeg",
    "encode_png",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "non_max_suppression",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rot90",
    "total_variation",
    "transpose",
]

_GREY = (0.2989, 0.5870, 0.1140)


class ResizeMethod:
    """The names of the ways to resize."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC = "bilinear", "nearest", "bicubic"
    LANCZOS3, LANCZOS5 = "lanczos3", "lanczos5"


_METHODS = {
    "bilinear": "linear",
    "nearest": "nearest",
    "bicubic": "cubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@tensors
def resize(
    images: ArrayLike,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Array:
    """Pictures of another size, (height, width).

    Raises:
        ValueError: A method that is not known.

    >>> resize(np.ones((2, 2, 1)), (4, 3)).shape
    (4, 3, 1)
    """
    if method not in _METHODS:
        raise invalid("tf.image.resize", f"method={method!r}", " or ".join(_METHODS))
    x = convert_to_tensor(images)
    high, wide = (int(n) for n in size)
    if preserve_aspect_ratio:
        scale = min(high / x.shape[-3], wide / x.shape[-2])
        high, wide = (round(n * scale) for n in x.shape[-3:-1])
    shape = (*x.shape[:-3], high, wide, x.shape[-1])
    if method == "nearest":
        rows = (jnp.arange(high) + 0.5) * (x.shape[-3] / high)
        columns = (jnp.arange(wide) + 0.5) * (x.shape[-2] / wide)
        x = jnp.take(x, jnp.floor(rows).astype(int), -3)
        return jnp.take(x, jnp.floor(columns).astype(int), -2)
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return jax.image.resize(x, shape, _METHODS[method], antialias=antialias)


@tensors
def flip_left_right(image: ArrayLike) -> Array:
    """Mirrored: left is right."""
    return jnp.flip(convert_to_tensor(image), -2)


@tensors
def flip_up_down(image: ArrayLike) -> Array:
    """Mirrored: up is down."""
    return jnp.flip(convert_to_tensor(image), -3)


@tensors
def rot90(image: ArrayLike, k: int = 1, name: str | None = None) -> Array:
    """Turned by k times 90 degrees, against the clock."""
    return jnp.rot90(convert_to_tensor(image), int(k), (-3, -2))


@tensors
def transpose(image: ArrayLike, name: str | None = None) -> Array:
    """Rows as columns."""
    return jnp.swapaxes(convert_to_tensor(image), -3, -2)


@tensors
def rgb_to_grayscale(images: ArrayLike, name: str | None = None) -> Array:
    """One channel: 0.2989·R + 0.587·G + 0.114·B."""
    x = convert_to_tensor(images)
    grey = jnp.sum(x * jnp.asarray(_GREY, jnp.float32), -1, keepdims=True)
    return grey.astype(x.dtype)


@tensors
def grayscale_to_rgb(images: ArrayLike, name: str | None = None) -> Array:
    """Three channels that are the same."""
    return jnp.repeat(convert_to_tensor(images), 3, -1)


@tensors
def rgb_to_hsv(images: ArrayLike, name: str | None = None) -> Array:
    """Hue, saturation and value, each from 0 to 1."""
    x = convert_to_tensor(images)
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    high, low = x.max(-1), x.min(-1)
    span = high - low
    safe = jnp.where(span == 0, 1, span)
    hue = jnp.where(
        high == red,
        (green - blue) / safe % 6,
        jnp.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    hue = jnp.where(span == 0, 0, hue / 6)
    return jnp.stack([hue, jnp.where(high == 0, 0, span / high), high], -1)


@tensors
def hsv_to_rgb(images: ArrayLike, name: str | None = None) -> Array:
    """Red, green and blue of hue, saturation and value."""
    x = convert_to_tensor(images)
    hue, saturation, value = x[..., 0], x[..., 1], x[..., 2]

    def channel(n: int) -> Array:
        k = (n + hue * 6) % 6
        return value - value * saturation * jnp.clip(jnp.minimum(k, 4 - k), 0, 1)

    return jnp.stack([channel(5), channel(3), channel(1)], -1)


@tensors
def convert_image_dtype(
    image: ArrayLike, dtype: DTypeLike, saturate: bool = False, name: str | None = None
) -> Any:
    """Another type of numbers, in its own range: 0 to 1 for fractions."""
    x, kind = convert_to_tensor(image), as_dtype(dtype)
    now = as_dtype(x.dtype)
    if now == kind:
        return x
    if now.is_integer and kind.is_floating:
        return x.astype(narrow(kind)) / now.max
    if now.is_floating and kind.is_integer:
        top = kind.max
        scaled = x * (top + 0.5)
        return jnp.clip(scaled, 0, top).astype(narrow(kind))
    if now.is_integer:
        return (x.astype(jnp.float32) / now.max * kind.max).astype(narrow(kind))
    return x.astype(narrow(kind))


def _in_fractions(image: ArrayLike, change: Any) -> Any:
    """A change of numbers from 0 to 1, for pictures of whole numbers too."""
    x = convert_to_tensor(image)
    kind = x.dtype
    y = change(convert_image_dtype(x, "float32"))
    return convert_image_dtype(y, kind) if as_dtype(kind).is_integer else y


@tensors
def adjust_brightness(image: ArrayLike, delta: ArrayLike) -> Any:
    """Every number greater by delta, on the scale from 0 to 1."""
    return _in_fractions(image, lambda x: x + delta)


@tensors
def adjust_contrast(images: Array, contrast_factor: Any) -> Any:
    """(x - mean) · factor + mean, for each channel."""

    def change(x: Array) -> Any:
        mean = x.mean((-3, -2), keepdims=True)
        return (x - mean) * contrast_factor + mean

    return _in_fractions(images, change)


@tensors
def adjust_gamma(image: ArrayLike, gamma: Any = 1, gain: Any = 1) -> Any:
    """Gain · x^gamma."""
    return _in_fractions(image, lambda x: gain * x**gamma)


@tensors
def adjust_saturation(
    image: ArrayLike, saturation_factor: Any, name: str | None = None
) -> Any:
    """The saturation of the colours times a factor."""

    def change(x: ArrayLike) -> Any:
        hsv = rgb_to_hsv(x)
        more = jnp.clip(hsv[..., 1] * saturation_factor, 0, 1)
        return hsv_to_rgb(hsv.at[..., 1].set(more))

    return _in_fractions(image, change)


@tensors
def adjust_hue(image: ArrayLike, delta: ArrayLike, name: str | None = None) -> Any:
    """The hue turned by delta, from -1 to 1."""

    def change(x: ArrayLike) -> Any:
        hsv = rgb_to_hsv(x)
        return hsv_to_rgb(hsv.at[..., 0].set((hsv[..., 0] + delta) % 1))

    return _in_fractions(image, change)


@tensors
def per_image_standardization(image: ArrayLike) -> Array:
    """Each picture with mean 0 and deviation 1."""
    x = convert_to_tensor(image).astype(jnp.float32)
    axes = (-3, -2, -1)
    count = np.prod(x.shape[-3:])
    deviation = jnp.maximum(x.std(axes, keepdims=True), 1 / np.sqrt(count))
    return (x - x.mean(axes, keepdims=True)) / deviation


@tensors
def central_crop(image: ArrayLike, central_fraction: float) -> Any:
    """The middle of a picture, so large a share of both sides."""
    x = convert_to_tensor(image)
    starts = [int((n - n * central_fraction) / 2) for n in x.shape[-3:-1]]
    (top, high), (left, wide) = zip(starts, x.shape[-3:-1], strict=True)
    return x[..., top : high - top, left : wide - left, :]


@tensors
def crop_to_bounding_box(
    image: ArrayLike,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Any:
    """The part of a picture from a corner on."""
    rows = slice(offset_height, offset_height + target_height)
    columns = slice(offset_width, offset_width + target_width)
    return convert_to_tensor(image)[..., rows, columns, :]


@tensors
def pad_to_bounding_box(
    image: ArrayLike,
    offset_height: int,
    offset_width: int,
    target_height: int,
    target_width: int,
) -> Array:
    """A picture with zeros around it."""
    x = convert_to_tensor(image)
    below = target_height - offset_height - x.shape[-3]
    right = target_width - offset_width - x.shape[-2]
    pairs = [(0, 0)] * (x.ndim - 3)
    return jnp.pad(x, [*pairs, (offset_height, below), (offset_width, right), (0, 0)])


@tensors
def resize_with_crop_or_pad(
    image: ArrayLike, target_height: int, target_width: int
) -> Any:
    """The middle of a picture, or the picture with zeros around it."""
    x = convert_to_tensor(image)
    for axis, target in ((-3, target_height), (-2, target_width)):
        size = x.shape[axis]
        if size > target:
            start = (size - target) // 2
            x = jax.lax.slice_in_dim(x, start, start + target, axis=axis % x.ndim)
        elif size < target:
            pairs = [(0, 0)] * x.ndim
            pairs[axis] = ((target - size) // 2, target - size - (target - size) // 2)
            x = jnp.pad(x, pairs)
    return x


@tensors
def resize_with_pad(
    image: ArrayLike,
    target_height: int,
    target_width: int,
    method: str = "bilinear",
    antialias: bool = False,
) -> Any:
    """As large as fits with its shape kept, and zeros around it."""
    small = resize(image, (target_height, target_width), method, True, antialias)
    return resize_with_crop_or_pad(small, target_height, target_width)


@tensors
def psnr(a: ArrayLike, b: ArrayLike, max_val: Any, name: str | None = None) -> Array:
    """How near two pictures are, in decibels."""
    x, y = convert_to_tensor(a), convert_to_tensor(b)
    error = jnp.mean(jnp.square(x - y), (-3, -2, -1))
    return 20 * jnp.log10(jnp.float32(max_val)) - 10 * jnp.log10(error)


@tensors
def total_variation(images: ArrayLike, name: str | None = None) -> Array:
    """The sum of the differences between neighbours."""
    x = convert_to_tensor(images)
    down = jnp.abs(x[..., 1:, :, :] - x[..., :-1, :, :]).sum((-3, -2, -1))
    return down + jnp.abs(x[..., 1:, :] - x[..., :-1, :]).sum((-3, -2, -1))


# At random ----------------------------------------------------------------------------


def _between(seed: Any, low: Any, high: Any) -> Array:
    return jax.random.uniform(key_of(seed), (), jnp.float32, low, high)


def _or_not(image: Any, flipped: Any, seed: Any) -> Any:
    x = convert_to_tensor(image)
    count = x.shape[0] if x.ndim == 4 else 1
    chance = jax.random.bernoulli(key_of(seed), 0.5, (count, 1, 1, 1))
    return jnp.where(chance if x.ndim == 4 else chance[0], flipped(x), x)


@tensors
def random_flip_left_right(image: Array, seed: Any = None) -> Any:
    """Mirrored or not, each picture by chance."""
    return _or_not(image, flip_left_right, seed)


@tensors
def random_flip_up_down(image: Array, seed: Any = None) -> Any:
    """Upside down or not, each picture by chance."""
    return _or_not(image, flip_up_down, seed)


@tensors
def random_brightness(image: Array, max_delta: float, seed: Any = None) -> Any:
    """Lighter or darker by at most max_delta."""
    return adjust_brightness(image, _between(seed, -max_delta, max_delta))


@tensors
def random_contrast(image: Array, lower: float, upper: float, seed: Any = None) -> Any:
    """The contrast times a factor between two bounds."""
    return adjust_contrast(image, _between(seed, lower, upper))


@tensors
def random_saturation(
    image: Array, lower: float, upper: float, seed: Any = None
) -> Any:
    """The saturation times a factor between two bounds."""
    return adjust_saturation(image, _between(seed, lower, upper))


@tensors
def random_hue(image: Array, max_delta: float, seed: Any = None) -> Any:
    """The hue turned by at most max_delta."""
    return adjust_hue(image, _between(seed, -max_delta, max_delta))


@tensors
def draw_bounding_boxes(
    images: ArrayLike, boxes: ArrayLike, colors: Any = None, name: str | None = None
) -> Array:
    """Pictures with boxes drawn on them, a line wide.

    Args:
        images: (pictures, height, width, channels).
        boxes: (pictures, boxes, 4): top, left, bottom, right, as parts of the sizes.
        colors: The colours, taken in turn; yellow, blue, red and green by default.
    """
    x = np.array(convert_to_tensor(images))
    height, width, channels = x.shape[1:]
    palette = _COLORS if colors is None else np.asarray(colors)
    for picture, some in zip(x, np.asarray(boxes), strict=True):
        for i, (top, left, bottom, right) in enumerate(some):
            color = palette[i % len(palette)][:channels]
            y0, y1 = _places((top, bottom), height)
            x0, x1 = _places((left, right), width)
            picture[[y0, y1], x0 : x1 + 1] = color
            picture[y0 : y1 + 1, [x0, x1]] = color
    return jnp.asarray(x)


def _places(parts: Any, size: int) -> list[int]:
    """Where parts of a size lie, by whole numbers inside it."""
    return [int(np.clip(part * (size - 1), 0, size - 1)) for part in parts]


_COLORS = np.array([(1, 1, 0, 1), (0, 0, 1, 1), (1, 0, 0, 1), (0, 1, 0, 1)], "float32")


def non_max_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    name: str | None = None,
) -> Array:
    """The boxes with the highest scores that do not overlap: their places.

    Args:
        boxes: (boxes, 4): two corners, y before x.
        scores: The score of each.
        max_output_size: How many to keep at most.
        iou_threshold: The share of two boxes' union that they may have in common.
        score_threshold: What a score must exceed.
    """
    corners, score = np.asarray(convert_to_tensor(boxes)), np.asarray(scores)
    low = np.minimum(corners[:, :2], corners[:, 2:])
    high = np.maximum(corners[:, :2], corners[:, 2:])
    area = np.prod(high - low, 1)
    kept: list[int] = []
    for i in np.argsort(-score, kind="stable"):
        if len(kept) >= int(max_output_size) or score[i] <= score_threshold:
            break
        sides = np.minimum(high[i], high[kept]) - np.maximum(low[i], low[kept])
        common = np.prod(np.maximum(sides, 0), 1)
        union = area[i] + area[kept] - common
        if np.all(common <= iou_threshold * np.maximum(union, 1e-12)):
            kept.append(int(i))
    return jnp.asarray(np.asarray(kept, np.int32))


@tensors
def random_crop(
    value: Any, size: Any, seed: Any = None, name: str | None = None
) -> Any:
    """A part of this size, at a place by chance."""
    x, wanted = convert_to_tensor(value), [int(n) for n in size]
    spare = jnp.asarray([n - w + 1 for n, w in zip(x.shape, wanted, strict=True)])
    start = jax.random.randint(key_of(seed), spare.shape, 0, spare)
    return jax.lax.dynamic_slice(x, list(start), wanted)


_BY_CHANCE = ("brightness", "contrast", "crop", "flip_left_right", "flip_up_down")
_BY_CHANCE += ("hue", "saturation")
for _name in _BY_CHANCE:  # their seed is two numbers, and always gives the same
    globals()[f"stateless_random_{_name}"] = globals()[f"random_{_name}"]
__all__ += [f"stateless_random_{name}" for name in _BY_CHANCE]
