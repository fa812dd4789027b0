"""One image turned, shifted, sheared, zoomed or made lighter, on the host.

The layers of the same names (`onefit.layers.RandomRotation`) do it inside the program.
"""

from typing import Any

import numpy as np

from onefit import config
from onefit.errors import invalid, mistyped, unknown
from onefit.preprocessing.pictures import array_to_img, img_to_array, pillow
from onefit.types import ArrayLike

__all__ = [
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
]

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def apply_affine_transform(
    x: ArrayLike,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """An image whose pixel at p comes from R·T·S·Z·p, p = (x, y) from the middle.

    R turns by θ, T shifts, S shears by φ, Z zooms::

        R = cos θ  −sin θ    S = 1  −sin φ    Z = zx  0     T p = p + (tx, ty)
            sin θ   cos θ        0   cos φ         0  zy

    Args:
        x: The image, of three axes.
        theta, shear: θ and φ, in degrees.
        tx, ty: The shift along the columns' axis and the rows', in pixels.
        zx, zy: The zooms; below 1 it is larger.
        row_axis, col_axis, channel_axis: Which axis is which.
        fill_mode: What lies beyond the edge: "nearest", "constant", "reflect", "wrap".
        cval: The value for "constant".
        order: Of the spline between pixels: 0 is the nearest pixel, 1 linear.

    Raises:
        ValueError: No image, axes that are not 0, 1 and 2, or an unknown fill_mode.

    Differs from Keras: the middle is the image's own where it is not a square.

    Example:
        >>> x = np.array([[[1.0, 2.0, 3.0]]])
        >>> apply_affine_transform(x, tx=1).tolist()
        [[[2.0, 3.0, 3.0]]]

    Source: Keras, `keras._legacy.preprocessing.image.apply_affine_transform`.
    """
    from scipy.ndimage import affine_transform

    where = "apply_affine_transform"
    x = np.asarray(x)
    axes = [row_axis, col_axis, channel_axis]
    if x.ndim != 3 or sorted(axes) != [0, 1, 2]:
        raise invalid(
            where,
            f"an array of shape {x.shape} with the axes {axes}",
            "an image, with the axes 0, 1 and 2 in some order",
        )
    if fill_mode not in FILL_MODES:
        raise unknown(f"fill_mode of {where}", fill_mode, FILL_MODES)
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    turn, slant = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(turn), np.sin(turn)
    turned = np.array([[cos, -sin], [sin, cos]])
    matrix = turned @ np.array([[1, -np.sin(slant)], [0, np.cos(slant)]])
    matrix = matrix @ np.diag([zx, zy])
    middle = (np.array([x.shape[col_axis], x.shape[row_axis]]) - 1) / 2
    offset = turned @ np.array([tx, ty]) + middle - matrix @ middle
    if row_axis < col_axis:  # (x, y) in the order of the array's axes
        matrix, offset = matrix[::-1, ::-1], offset[::-1]
    how: Any = {"offset": offset, "order": order, "mode": fill_mode, "cval": cval}
    planes = [
        affine_transform(plane, matrix, **how)
        for plane in np.moveaxis(x, channel_axis, 0)
    ]
    return np.moveaxis(np.stack(planes), 0, channel_axis)


def apply_channel_shift(
    x: ArrayLike, intensity: float, channel_axis: int = 0
) -> np.ndarray:
    """Each number plus `intensity`, clipped to the image's lowest and highest."""
    x = np.asarray(x)
    return np.clip(x + intensity, x.min(), x.max())


def apply_brightness_shift(
    x: ArrayLike, brightness: float, scale: bool = True
) -> np.ndarray:
    """An image `brightness` times as light, by Pillow, in steps of a byte.

    Args:
        x: (height, width, channels).
        brightness: 0 is black, 1 leaves it as it is.
        scale: Whether the image's lowest number is 0 and its highest 255; where it has
            numbers outside 0 to 255 it is brought there and back.
    """
    pillow("apply_brightness_shift")
    from PIL import ImageEnhance

    x = np.asarray(x)
    low, high = x.min(), x.max()
    beyond = bool(low < 0 or high > 255)
    image = ImageEnhance.Brightness(array_to_img(x, scale=beyond or scale))
    y = img_to_array(image.enhance(brightness))
    return y / 255 * (high - low) + low if beyond and not scale else y


# At random ----------------------------------------------------------------------------


def _draw(low: float, high: float, size: int | None = None) -> Any:
    return config.generator(None).uniform(low, high, size)


def random_rotation(x: ArrayLike, rg: float, *args: Any, **kwargs: Any) -> np.ndarray:
    """An image turned by at most `rg` degrees.

    Args:
        x: The image.
        rg: The highest angle either way.
        args, kwargs: row_axis, col_axis, channel_axis, fill_mode, cval and
            interpolation_order, as in `apply_affine_transform`.
    """
    return _moved(x, {"theta": _draw(-rg, rg)}, args, kwargs)


def random_shift(
    x: ArrayLike, wrg: float, hrg: float, *args: Any, **kwargs: Any
) -> np.ndarray:
    """An image shifted by at most these shares of its width and its height.

    Args:
        x: The image.
        wrg, hrg: The highest share either way, of the width and of the height.
        args, kwargs: As in `random_rotation`.
    """
    x, axes = np.asarray(x), dict(zip(_NAMES, args, strict=False)) | kwargs
    height = x.shape[axes.get("row_axis", 1)]
    width = x.shape[axes.get("col_axis", 2)]
    moves = {"tx": _draw(-wrg, wrg) * width, "ty": _draw(-hrg, hrg) * height}
    return _moved(x, moves, args, kwargs)


def random_shear(
    x: ArrayLike, intensity: float, *args: Any, **kwargs: Any
) -> np.ndarray:
    """An image sheared by at most `intensity` degrees; otherwise `random_rotation`."""
    return _moved(x, {"shear": _draw(-intensity, intensity)}, args, kwargs)


def random_zoom(
    x: ArrayLike, zoom_range: tuple[float, float], *args: Any, **kwargs: Any
) -> np.ndarray:
    """An image zoomed along each axis by a factor in `zoom_range`, two numbers.

    Otherwise as `random_rotation`.
    """
    low, high = _pair("random_zoom", "zoom_range", zoom_range)
    zooms = (1, 1) if low == high == 1 else _draw(low, high, 2)
    return _moved(x, dict(zip(("zx", "zy"), zooms, strict=True)), args, kwargs)


def random_channel_shift(
    x: ArrayLike, intensity_range: float, channel_axis: int = 0
) -> np.ndarray:
    """`apply_channel_shift` by at most `intensity_range` either way."""
    drawn = _draw(-intensity_range, intensity_range)
    return apply_channel_shift(x, drawn, channel_axis)


def random_brightness(
    x: ArrayLike, brightness_range: tuple[float, float], scale: bool = True
) -> np.ndarray:
    """`apply_brightness_shift` by a factor in `brightness_range`, two numbers."""
    low, high = _pair("random_brightness", "brightness_range", brightness_range)
    return apply_brightness_shift(x, _draw(low, high), scale)


_NAMES = (
    *("row_axis", "col_axis", "channel_axis"),
    *("fill_mode", "cval", "interpolation_order"),
)


def _moved(x: ArrayLike, moves: dict, args: tuple, kwargs: dict) -> np.ndarray:
    given = dict(zip(_NAMES, args, strict=False)) | kwargs
    for name in given:
        if name not in _NAMES:
            raise unknown("argument", name, _NAMES)
    if "interpolation_order" in given:
        given["order"] = given.pop("interpolation_order")
    return apply_affine_transform(x, **moves, **given)


def _pair(where: str, name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple | np.ndarray) or len(value) != 2:
        raise mistyped(
            where, f"{name}={value!r}", "two numbers: the lowest and the highest"
        )
    return value[0], value[1]
