# ruff: noqa: PLE0605
# pyright: reportUnsupportedDunderAll=false
"""`keras.ops.image`: images sampled, cut, blurred and compared.

Images are (batch, height, width, channels), or without the batch; with
data_format="channels_first" the channels stand before the height.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates as sampled

from onefit import config, layers
from onefit.errors import invalid, mistyped, unknown
from onefit.faces import own as _own
from onefit.layers.images import resized, window
from onefit.layers.reshaping import data_format as _format
from onefit.layers.warping import projected, projection
from onefit.ops.table import operation
from onefit.random import key_of
from onefit.types import Array, ArrayLike, Function

_ORDERS = {"nearest": 0, "bilinear": 1}
_FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")


def _op(function: Function) -> Any:
    return operation(function, name=f"image.{function.__name__}")


def _batched(
    where: str, images: Array, data_format: str | None, change: Callable[[Array], Array]
) -> Array:
    """What a function of (batch, height, width, channels) makes of images."""
    if images.ndim not in (3, 4):
        raise mistyped(
            f"image.{where}",
            f"an array of shape {images.shape}",
            "one image, (height, width, channels), or a batch of them",
        )
    first = _format(data_format) == "channels_first"
    x = images if images.ndim == 4 else images[None]
    y = change(jnp.moveaxis(x, 1, -1) if first else x)
    y = jnp.moveaxis(y, -1, 1) if first and y.ndim == 4 else y
    return y if images.ndim == 4 else y[0]


def _float(x: Array) -> Array:
    floats = jnp.issubdtype(x.dtype, jnp.floating)
    return x if floats else x.astype(config.floatx())


# Colours ------------------------------------------------------------------------------


def _coloured(where: str, images: Array, data_format: str | None, change: Any) -> Array:
    axis = -3 if _format(data_format) == "channels_first" else -1
    if images.ndim not in (3, 4) or images.shape[axis] != 3:
        raise mistyped(
            f"image.{where}",
            f"an array of shape {images.shape}",
            "one image or a batch of them, with 3 channels",
        )
    return change(_float(images), axis).astype(images.dtype)


@_op
def rgb_to_grayscale(images: Array, data_format: str | None = None) -> Array:
    """0.2989·red + 0.5870·green + 0.1140·blue, with one channel."""

    def change(x: Array, axis: int) -> Array:
        shape = [1] * x.ndim
        shape[axis] = 3
        weights = jnp.array([0.2989, 0.5870, 0.1140], x.dtype).reshape(shape)
        return jnp.sum(x * weights, axis, keepdims=True)

    return _coloured("rgb_to_grayscale", images, data_format, change)


@_op
def rgb_to_hsv(images: Array, data_format: str | None = None) -> Array:
    """Hue, saturation and value of red, green and blue, all from 0 to 1."""

    def change(x: Array, axis: int) -> Array:
        red, green, blue = jnp.moveaxis(x, axis, 0)
        value = jnp.max(x, axis)
        spread = value - jnp.min(x, axis)
        some = spread > 0
        norm = 1 / (6 * jnp.where(some, spread, 1))
        hue = jnp.where(
            value == green, norm * (blue - red) + 2 / 6, norm * (red - green) + 4 / 6
        )
        hue = jnp.where(value == red, norm * (green - blue), hue)
        hue = jnp.where(some, jnp.where(hue < 0, hue + 1, hue), 0)
        saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1), 0)
        return jnp.stack([hue, saturation, value], axis)

    return _coloured("rgb_to_hsv", images, data_format, change)


@_op
def hsv_to_rgb(images: Array, data_format: str | None = None) -> Array:
    """The reverse of `rgb_to_hsv`."""

    def change(x: Array, axis: int) -> Array:
        hue, saturation, value = jnp.moveaxis(x, axis, 0)
        sixths = 6 * hue
        pure = jnp.stack(
            [jnp.abs(sixths - 3) - 1, 2 - jnp.abs(sixths - 2), 2 - jnp.abs(sixths - 4)],
            axis,
        )
        pure = jnp.clip(pure, 0, 1)
        saturation, value = (jnp.expand_dims(a, axis) for a in (saturation, value))
        return ((pure - 1) * saturation + 1) * value

    return _coloured("hsv_to_rgb", images, data_format, change)


# Other sizes --------------------------------------------------------------------------


@_op
def resize(
    images: Array,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Array:
    """Images of another size.

    Args:
        images: The images.
        size: (height, width).
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: Whether small images are made of averages.
        crop_to_aspect_ratio: Whether the largest part with the new ratio is taken.
        pad_to_aspect_ratio: Whether images are filled up to the new ratio.
        fill_mode, fill_value: "constant", and the number to fill up with.
        data_format: Where the channels stand.
    """
    known = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    if interpolation not in known:
        raise unknown("interpolation of image.resize", interpolation, known)
    if fill_mode != "constant":
        raise unknown("fill_mode of image.resize", fill_mode, ["constant"])
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise invalid(
            "image.resize",
            "crop_to_aspect_ratio and pad_to_aspect_ratio",
            "one of them",
        )
    height, width = size
    method = {"bicubic": "cubic"}.get(interpolation, interpolation)

    def change(x: Array) -> Array:
        if crop_to_aspect_ratio:
            x = window(x, height, width)
        if pad_to_aspect_ratio:
            h, w = x.shape[1:3]
            rows, columns = max(h, w * height // width), max(w, h * width // height)
            x = _padded(x, rows, columns, fill_value)
        y = resized(_float(x), height, width, method, antialias)
        if jnp.issubdtype(x.dtype, jnp.floating):
            return y
        ends = jnp.iinfo(x.dtype)
        y = y if interpolation == "nearest" else jnp.round(y)
        return jnp.clip(y, ends.min, ends.max).astype(x.dtype)

    return _batched("resize", images, data_format, change)


def _padded(x: Array, rows: int, columns: int, fill: float) -> Array:
    more = rows - x.shape[1], columns - x.shape[2]
    widths = [(0, 0), *((n // 2, n - n // 2) for n in more), (0, 0)]
    return jnp.pad(x, widths, constant_values=fill)


@_op
def scale_and_translate(
    images: Array,
    output_shape: Sequence[int],
    scale: Array,
    translation: Array,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Array:
    """Images moved and made larger or smaller, as `jax.image.scale_and_translate`."""
    return jax.image.scale_and_translate(
        images,
        tuple(output_shape),
        tuple(spatial_dims),
        scale,
        translation,
        method,
        antialias,
    )


def _borders(
    where: str, size: int, before: Any, after: Any, target: Any, sign: int, axis: str
) -> tuple[int, int]:
    """What is added (or cut off, sign -1) before and after, given two of three."""
    if (before, after, target).count(None) != 1:
        raise invalid(
            f"image.{where}",
            f"{3 - (before, after, target).count(None)} sizes for the {axis}",
            "two of these three: before, after, and the target's",
        )
    if target is None:
        target = size + sign * (before + after)
    missing = sign * (target - size)
    before = missing - after if before is None else before
    after = missing - before
    if min(before, after) < 0 or target < 1:
        raise invalid(
            f"image.{where}",
            f"{before} before and {after} after, of a {axis} of {size}",
            "numbers from 0 that leave at least 1",
        )
    return int(before), int(after)


@_op
def pad_images(
    images: Array,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images with zeros around; of each axis two of the three sizes are given."""

    def change(x: Array) -> Array:
        high, wide = x.shape[1:3]
        rows = top_padding, bottom_padding, target_height, 1, "height"
        columns = left_padding, right_padding, target_width, 1, "width"
        tall = _borders("pad_images", high, *rows)
        return jnp.pad(
            x, [(0, 0), tall, _borders("pad_images", wide, *columns), (0, 0)]
        )

    return _batched("pad_images", images, data_format, change)


@_op
def crop_images(
    images: Array,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Array:
    """Images without their borders; of each axis two of the three sizes are given."""

    def change(x: Array) -> Array:
        high, wide = x.shape[1:3]
        rows = top_cropping, bottom_cropping, target_height, -1, "height"
        columns = left_cropping, right_cropping, target_width, -1, "width"
        top, bottom = _borders("crop_images", high, *rows)
        left, right = _borders("crop_images", wide, *columns)
        return x[:, top : high - bottom, left : wide - right]

    return _batched("crop_images", images, data_format, change)


# Patches ------------------------------------------------------------------------------


@_op
def extract_patches(
    images: Array,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """The windows of images, each as one row of numbers.

    Args:
        images: The images, or volumes where size has three numbers.
        size: The height and width of a window.
        strides: How far windows are apart; by default they do not meet.
        dilation_rate: How far the cells of a window are apart.
        padding: "valid" or "same".
        data_format: Where the channels stand.

    Returns:
        (batch, rows, columns, cells · channels).
    """
    rank = len(size) if isinstance(size, list | tuple) else 2
    return _patches(images, size, rank, strides, dilation_rate, padding, data_format)


@_op
def extract_patches_3d(
    volumes: Array,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Array:
    """As `extract_patches`, of volumes (batch, depth, height, width, channels)."""
    return _patches(volumes, size, 3, strides, dilation_rate, padding, data_format)


def _patches(
    x: Array,
    size: int | Sequence[int],
    rank: int,
    strides: int | Sequence[int],
    dilation: int | Sequence[int],
    padding: str,
    order: Any,
) -> Array:
    """A convolution whose filters each are 1 in one cell."""
    sizes = (size,) * rank if isinstance(size, int) else tuple(size)
    single = x.ndim == rank + 1
    x = x[None] if single else x
    first = _format(order) == "channels_first"
    channels = x.shape[1 if first else -1]
    cells = int(np.prod(sizes)) * channels
    kernel = jnp.eye(cells, dtype=x.dtype).reshape(*sizes, channels, cells)
    layer = getattr(layers, f"Conv{rank}D")(
        cells,
        sizes,
        strides=sizes if strides is None else strides,
        padding=padding,
        dilation_rate=dilation,
        data_format=order,
        use_bias=False,
    )
    y = layer.compute({"kernel": kernel}, x)
    return y[0] if single else y


# Samples ------------------------------------------------------------------------------


@_op
def map_coordinates(
    inputs: Array,
    coordinates: Array,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Array:
    """The values at coordinates between the cells, (axes, ...) to (...)."""
    if fill_mode not in _FILLS:
        raise unknown("fill_mode of image.map_coordinates", fill_mode, _FILLS)
    if order not in (0, 1):
        raise invalid("image.map_coordinates", f"order={order!r}", "0 or 1")
    return _sample(inputs, coordinates, order, fill_mode, fill_value)


def _sample(x: Array, at: Any, order: int, mode: str, fill: Any) -> Array:
    # What jax calls "mirror" is Keras' "mirror", and "reflect" its "reflect".
    return sampled(x, list(at), order=order, mode=mode, cval=fill)


def _moved(
    x: Array,
    rows: Array,
    columns: Array,
    interpolation: str,
    mode: str,
    fill: ArrayLike,
) -> Array:
    """Images (batch, height, width, channels) with other cells in their places."""
    if interpolation not in _ORDERS:
        raise unknown("interpolation", interpolation, _ORDERS)
    if mode not in _FILLS:
        raise unknown("fill_mode", mode, _FILLS)

    def one(image: Array, r: Array, c: Array) -> Array:
        def channel(plane: Array) -> Array:
            return _sample(plane, (r, c), _ORDERS[interpolation], mode, fill)

        return jax.vmap(channel, in_axes=-1, out_axes=-1)(image)

    shape = x.shape[:3]
    places = (jnp.broadcast_to(a, shape) for a in (rows, columns))
    return jax.vmap(one)(x, *places).astype(x.dtype)


def _grid(x: Array) -> tuple[Array, Array]:
    """The columns and the rows of the cells of images."""
    across, down = jnp.meshgrid(jnp.arange(x.shape[2]), jnp.arange(x.shape[1]))
    return across, down


def _projected(x: Array, transform: Array) -> tuple[Array, Array]:
    """The rows and columns that a transform of eight numbers names."""
    columns, rows = projected(transform[..., None, None, :], *_grid(x))
    return rows, columns


@_op
def affine_transform(
    images: Array,
    transform: Array,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images whose cell (x, y) is that of (a0·x + a1·y + a2, b0·x + b1·y + b2).

    Args:
        images: The images.
        transform: (8,) or (batch, 8): a0, a1, a2, b0, b1, b2, and two that count for
            nothing, as with Keras on JAX.
        interpolation: "nearest" or "bilinear".
        fill_mode, fill_value: What is outside: "constant", "nearest", "wrap",
            "mirror" or "reflect".
        data_format: Where the channels stand.
    """
    transform = _float(transform) * jnp.array([1, 1, 1, 1, 1, 1, 0, 0])

    def change(x: Array) -> Array:
        rows, columns = _projected(x, transform)
        return _moved(x, rows, columns, interpolation, fill_mode, fill_value)

    return _batched("affine_transform", images, data_format, change)


@_op
def perspective_transform(
    images: Array,
    start_points: Array,
    end_points: Array,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Array:
    """Images seen from elsewhere: what was at four points is at four others.

    Args:
        images: The images.
        start_points, end_points: (4, 2) or (batch, 4, 2), x before y.
        interpolation, fill_value, data_format: As in `affine_transform`.
    """
    transform = projection(_float(end_points), _float(start_points))

    def change(x: Array) -> Array:
        rows, columns = _projected(x, transform)
        return _moved(x, rows, columns, interpolation, "constant", fill_value)

    return _batched("perspective_transform", images, data_format, change)


@_op
def elastic_transform(
    images: Array,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Array:
    """Images whose cells are moved by smooth random distances.

    Args:
        images: The images.
        alpha: How far they are moved.
        sigma: How smooth that is: the width of a Gaussian blur.
        interpolation, fill_mode, fill_value, data_format: As in `affine_transform`.
        seed: An integer, a `SeedGenerator`, or None for the process's stream.
    """
    key = key_of(seed)
    size = int(6 * sigma) | 1

    def change(x: Array) -> Array:
        noise = jax.random.normal(key, (2, *x.shape[:3], 1), _float(x).dtype) * sigma
        rows, columns = (
            alpha * _blurred(n, (size, size), (sigma, sigma))[..., 0] for n in noise
        )
        across, down = _grid(x)
        places = down + rows, across + columns
        return _moved(x, *places, interpolation, fill_mode, fill_value)

    return _batched("elastic_transform", images, data_format, change)


# Filters ------------------------------------------------------------------------------


def _filtered(x: Array, kernel: Array, padding: str = "same") -> Array:
    """Each channel convolved with one kernel (height, width)."""
    channels = x.shape[-1]
    layer = layers.DepthwiseConv2D(kernel.shape, padding=padding, use_bias=False)
    whole = jnp.broadcast_to(kernel[..., None, None], (*kernel.shape, channels, 1))
    return layer.compute({"kernel": whole.astype(x.dtype)}, x)


def _bell(size: int, sigma: Any) -> Array:
    """A Gaussian of this many numbers, whose sum is 1."""
    x = jnp.arange(size) - (size - 1) / 2
    bell = jnp.exp(-(x**2) / (2 * sigma**2))
    return bell / jnp.sum(bell)


def _blurred(x: Array, kernel_size: Sequence[int], sigma: Sequence[Any]) -> Array:
    high, wide = (_bell(*pair) for pair in zip(kernel_size, sigma, strict=True))
    return _filtered(x, high[:, None] * wide)


@_op
def gaussian_blur(
    images: Array,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] = (1.0, 1.0),
    data_format: str | None = None,
) -> Array:
    """Averages of neighbours, weighed by a Gaussian; outside is 0.

    Args:
        images: The images.
        kernel_size, sigma: The Gaussian's cells and width: across, and down. (Keras
            calls them height and width, and computes this.)
        data_format: Where the channels stand.
    """

    def change(x: Array) -> Array:
        return _blurred(_float(x), kernel_size[::-1], sigma[::-1]).astype(x.dtype)

    return _batched("gaussian_blur", images, data_format, change)


@_op
def sobel_edges(images: Array, data_format: str | None = None) -> Array:
    """How images change downwards and to the right: the last axis is [dy, dx]."""
    down = jnp.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    edges = [
        _batched(
            "sobel_edges", images, data_format, lambda x, k=k: _filtered(_float(x), k)
        )
        for k in (down, down.T)
    ]
    return jnp.stack(edges, -1)


@_op
def ssim(
    image1: Array,
    image2: Array,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Array:
    """How alike two images are, from -1 to 1.

    (2·μ₁μ₂ + c₁)(2·σ₁₂ + c₂) / ((μ₁² + μ₂² + c₁)(σ₁² + σ₂² + c₂)), with μ and σ of
    windows weighed by a Gaussian, on average over windows and channels.

    Args:
        image1, image2: The images.
        max_val: The largest number that a cell may have.
        filter_size, filter_sigma: The Gaussian's size and width.
        k1, k2: c = (k · max_val)².
        data_format: Where the channels stand.

    Source: Wang et al., "Image quality assessment", 2004.
    """
    if image1.shape != image2.shape:
        raise invalid(
            "image.ssim",
            f"images of shapes {image1.shape} and {image2.shape}",
            "two of one shape",
        )
    bell = _bell(filter_size, filter_sigma)
    kernel = bell[:, None] * bell

    def change(both: Array) -> Array:
        one, other = jnp.split(both, 2, axis=-1)

        def mean(x: Array) -> Array:
            return _filtered(x, kernel, "valid")

        m1, m2 = mean(one), mean(other)
        v1, v2 = mean(one**2) - m1**2, mean(other**2) - m2**2
        together = mean(one * other) - m1 * m2
        c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
        index = (2 * m1 * m2 + c1) * (2 * together + c2)
        index = index / ((m1**2 + m2**2 + c1) * (v1 + v2 + c2))
        return jnp.mean(index, axis=(1, 2, 3))

    axis = -3 if _format(data_format) == "channels_first" else -1
    both = jnp.concatenate([_float(image1), _float(image2)], axis)
    return _batched("ssim", both, data_format, change).astype(image1.dtype)


__all__ = _own(globals())
