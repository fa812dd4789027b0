"""Images of any size brought to one, with numpy: no program is compiled for each size.

An axis at a time, a number of the output is a weighted mean of a few of the input:
those where the kernel, set at its place, is not zero.
"""

import functools
from collections.abc import Callable

import numpy as np

from onefit import config
from onefit.errors import invalid, unknown
from onefit.layers.reshaping import data_format as layout
from onefit.preprocessing.pictures import check_size
from onefit.types import ArrayLike

__all__ = ["smart_resize"]


def _cubic(x: np.ndarray, b: float, c: float) -> np.ndarray:
    """The cubics of Mitchell and Netravali: b = 0, c = 1/2 is Keys'."""
    near = (12 - 9 * b - 6 * c) * x**3 + (-18 + 12 * b + 6 * c) * x**2 + (6 - 2 * b)
    far = (
        (-b - 6 * c) * x**3
        + (6 * b + 30 * c) * x**2
        + (-12 * b - 48 * c) * x
        + (8 * b + 24 * c)
    )
    return np.where(x < 1, near, np.where(x < 2, far, 0)) / 6


def _lanczos(radius: int) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0)


KERNELS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1, lambda x: np.maximum(1 - x, 0)),
    "bicubic": (2, lambda x: _cubic(x, 0, 1 / 2)),
    "mitchellcubic": (2, lambda x: _cubic(x, 1 / 3, 1 / 3)),
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, lambda x: np.where(x < 1.5, np.exp(-2 * x**2), 0)),
}
"""How far each reaches, and what it gives for a distance."""

INTERPOLATIONS = (*KERNELS, "nearest", "area")


@functools.lru_cache(256)
def _taps(n: int, size: int, how: str) -> tuple[np.ndarray, np.ndarray]:
    """For each of `size` numbers, which of n count and how much: two (size, k)."""
    step = n / size
    middle = (np.arange(size) + 0.5) * step
    if how == "nearest":
        return np.minimum(middle.astype(int), n - 1)[:, None], np.ones((size, 1))
    if how == "area":
        low = np.arange(size) * step
        taps = np.floor(low).astype(int)[:, None] + np.arange(int(np.ceil(step)) + 1)
        ends = np.minimum(taps + 1, (low + step)[:, None])
        weights = np.maximum(ends - np.maximum(taps, low[:, None]), 0)
    else:
        reach, kernel = KERNELS[how]
        first = np.floor(middle - 0.5 - reach).astype(int) + 1
        taps = first[:, None] + np.arange(int(np.ceil(2 * reach)))
        weights = kernel(np.abs(taps + 0.5 - middle[:, None]))
    weights = np.where((taps >= 0) & (taps < n), weights, 0)
    return np.clip(taps, 0, n - 1), weights / weights.sum(1, keepdims=True)


def resized(x: np.ndarray, size: tuple[int, int], how: str) -> np.ndarray:
    """An image, (height, width, channels), of another size, in floats."""
    x = np.asarray(x, config.floatx())
    for axis, target in enumerate(size):
        if x.shape[axis] == target and how in ("nearest", "bilinear", "area"):
            continue
        taps, weights = _taps(x.shape[axis], target, how)
        shape = [1, 1, 1]
        shape[axis] = target
        y = np.zeros((*x.shape[:axis], target, *x.shape[axis + 1 :]), x.dtype)
        for tap, weight in zip(taps.T, weights.T, strict=True):
            y += x.take(tap, axis) * weight.reshape(shape).astype(x.dtype)
        x = y
    return x


def cut(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part in the middle with the ratio of this size."""
    h = max(min(x.shape[0], x.shape[1] * size[0] // size[1]), 1)
    w = max(min(x.shape[1], x.shape[0] * size[1] // size[0]), 1)
    top, left = (x.shape[0] - h) // 2, (x.shape[1] - w) // 2
    return x[top : top + h, left : left + w]


def fitted(x: np.ndarray, size: tuple[int, int], how: str) -> np.ndarray:
    """The whole image as large as it fits into this size, black around it."""
    (high, wide), whole = size, np.float32  # in TensorFlow's own type
    ratio = max(whole(x.shape[0]) / whole(high), whole(x.shape[1]) / whole(wide))
    h = min(max(int(whole(x.shape[0]) / ratio), 1), high)
    w = min(max(int(whole(x.shape[1]) / ratio), 1), wide)
    top, left = (high - h) // 2, (wide - w) // 2
    y = np.zeros((high, wide, x.shape[2]), config.floatx())
    y[top : top + h, left : left + w] = resized(x, (h, w), how)
    return y


def smart_resize(
    x: ArrayLike,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> np.ndarray:
    """Images of another size without distortion: what does not fit is cut off.

    The largest part in the middle that has the ratio of `size` is resized.

    Args:
        x: (height, width, channels), or a batch of them.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        data_format: "channels_last", or "channels_first".

    Raises:
        ValueError: No image, no size, or an unknown name.

    Example:
        >>> smart_resize(np.arange(6.0).reshape(1, 6, 1), (1, 2)).ravel().tolist()
        [2.0, 3.0]

    Source: Keras, `keras.preprocessing.image.smart_resize`.
    """
    where = "smart_resize"
    size = check_size(where, "size", size)
    check_interpolation(where, interpolation)
    x = np.asarray(x)
    if x.ndim not in (3, 4):
        raise invalid(
            where,
            f"an array of shape {x.shape}",
            "an image, (height, width, channels), or a batch of them",
            "write x[..., None] for grey ones",
        )
    if x.ndim == 4:
        return np.stack([smart_resize(y, size, interpolation, data_format) for y in x])
    if layout(data_format) == "channels_first":
        moved = smart_resize(np.moveaxis(x, 0, -1), size, interpolation)
        return np.moveaxis(moved, -1, 0)
    return resized(cut(x, size), size, interpolation)


def check_interpolation(where: str, name: str) -> None:
    """Refuses an unknown name."""
    if name not in INTERPOLATIONS:
        raise unknown(f"interpolation of {where}", name, INTERPOLATIONS)
