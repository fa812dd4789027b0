"""Single images: from a file to Pillow's image, to an array, and back."""

import functools
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import OnefitWarning, invalid, mistyped, unknown
from onefit.layers.reshaping import data_format as layout
from onefit.packages import package

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
"""What Pillow calls the colours."""

DEEP_GREYS = ("L", "I;16", "I")

CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}


pillow = functools.partial(package, "PIL.Image")
"""Pillow's Image, or an error that says how to get it; to be given what needs it."""


def check_color_mode(where: str, color_mode: str) -> None:
    """Refuses all but the three."""
    if color_mode not in MODES:
        raise unknown(f"color_mode of {where}", color_mode, MODES)


def check_size(where: str, name: str, size: Any) -> tuple[int, int]:
    """(height, width), given as two whole numbers or one for both."""
    pair = (size, size) if isinstance(size, int | np.integer) else size
    whole = isinstance(pair, list | tuple) and len(pair) == 2
    if not whole or not all(isinstance(n, int | np.integer) and n > 0 for n in pair):
        raise invalid(
            where,
            f"{name}={size!r}",
            "(height, width), two positive whole numbers",
            f"write {name}=(256, 256)",
        )
    return int(pair[0]), int(pair[1])


def load_img(
    path: str | os.PathLike | bytes | io.BytesIO,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """An image of a file, as Pillow's.

    Args:
        path: The file, or its bytes in a BytesIO.
        color_mode: "rgb", "rgba" or "grayscale"; deep greys keep their depth.
        target_size: (height, width) to resize it to; None leaves its size.
        interpolation: Pillow's "nearest", "bilinear", "bicubic", "lanczos", "box" or
            "hamming".
        keep_aspect_ratio: Whether to cut the largest part in the middle that has the
            ratio of target_size, rather than distort.

    Raises:
        TypeError: What is no path.
        ValueError: A file that is no image, an unknown name, or no size.
        ImportError: Pillow is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "dot.png"
        >>> save_img(file, np.full((2, 4, 3), 255), scale=False)
        >>> load_img(file, "grayscale", target_size=(8, 8)).size
        (8, 8)

    Source: Keras, `keras.utils.load_img`.
    """
    where = "load_img"
    check_color_mode(where, color_mode)
    image = opened(where, path)
    image = colored(image, color_mode)
    if target_size is None:
        return image
    height, width = check_size(where, "target_size", target_size)
    if image.size == (width, height):
        return image
    names = [name.lower() for name in pillow(where).Resampling.__members__]
    if interpolation not in names:
        raise unknown(f"interpolation of {where}", interpolation, names)
    how = pillow(where).Resampling[interpolation.upper()]
    if not keep_aspect_ratio:
        return image.resize((width, height), how)
    wide, high = image.size
    h, w = min(high, wide * height // width), min(wide, high * width // height)
    left, top = (wide - w) // 2, (high - h) // 2
    return image.resize((width, height), how, box=(left, top, left + w, top + h))


def opened(where: str, path: Any) -> Any:
    """Pillow's image of a file, wholly read; names the file where that fails."""
    if not isinstance(path, str | bytes | os.PathLike | io.BytesIO):
        raise mistyped(
            where, f"a {type(path).__name__}", "the path of a file, or a BytesIO"
        )
    module = pillow(where)
    source = path
    if not isinstance(path, io.BytesIO):
        source = io.BytesIO(Path(os.fsdecode(path)).read_bytes())
    try:
        image = module.open(source)
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        name = "the bytes" if isinstance(path, io.BytesIO) else os.fsdecode(path)
        raise invalid(
            where,
            f"{name}, which is no whole image ({type(error).__name__})",
            "a BMP, GIF, JPEG or PNG file",
            "delete it, or replace it",
        ) from error
    return image


def colored(image: Any, color_mode: str) -> Any:
    """The image in these colours."""
    mode = MODES[color_mode]
    kept = DEEP_GREYS if color_mode == "grayscale" else (mode,)
    return image if image.mode in kept else image.convert(mode)


def img_to_array(
    img: Any, data_format: str | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """Pillow's image as an array of floats, (height, width, channels).

    Args:
        img: The image, or an array of two axes or three.
        data_format: "channels_last", or "channels_first".
        dtype: The type of the array; None is the library's float type.

    Raises:
        ValueError: Other than two axes or three.

    Source: Keras, `keras.utils.img_to_array`.
    """
    first = layout(data_format) == "channels_first"
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise invalid(
            "img_to_array",
            f"an array of shape {x.shape}",
            "an image, with two axes or three",
        )
    if x.ndim == 2:
        x = x[..., None]
    return x.transpose(2, 0, 1) if first else x


def array_to_img(
    x: Any,
    data_format: str | None = None,
    scale: bool = True,
    dtype: DTypeLike | None = None,
) -> Any:
    """An array as Pillow's image.

    Args:
        x: (height, width, channels), 1, 3 or 4 channels.
        data_format: "channels_last", or "channels_first" for (channels, height, width).
        scale: Whether the lowest number becomes 0 and the highest 255.
        dtype: The type to compute in; None is the library's float type.

    Raises:
        ValueError: Another shape.
        ImportError: Pillow is not installed.

    Example:
        >>> array_to_img([[[0.0], [1.0]]]).tobytes()
        b'\\x00\\xff'

    Source: Keras, `keras.utils.array_to_img`.
    """
    first = layout(data_format) == "channels_first"
    x = np.asarray(x, dtype or config.floatx())
    if x.ndim == 3 and first:
        x = x.transpose(1, 2, 0)
    if x.ndim != 3 or x.shape[2] not in CHANNELS:
        raise invalid(
            "array_to_img",
            f"an array of shape {x.shape}",
            "one image, (height, width, channels), with 1, 3 or 4 channels",
            "write x[0] for the first of several, x[..., None] for grey ones",
        )
    if scale:
        x = x - x.min()
        x = x / (x.max() or 1) * 255
    deep = x.shape[2] == 1 and x.max() > 255
    x = x.astype("int32" if deep else "uint8")
    return pillow("array_to_img").fromarray(x[..., 0] if x.shape[2] == 1 else x)


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Writes an array as an image.

    Args:
        path: The file, or an open one.
        x: As in `array_to_img`, and so are data_format and scale.
        file_format: "png", "jpeg", ...; None goes by the name of the file. JPEG drops
            how transparent a pixel is, with a warning.
        kwargs: What Pillow's `save` takes, such as quality.

    Raises:
        ValueError: An array that is no image, or a name that says no kind of file.

    Source: Keras, `keras.utils.save_img`.
    """
    if file_format is None and isinstance(path, str | os.PathLike):
        file_format = Path(path).suffix[1:]
        if not file_format:
            raise invalid(
                "save_img",
                f"{str(path)!r}, whose name does not say what kind of file it is",
                "a name such as 'picture.png'",
                "write save_img('picture.png', x), or file_format='png'",
            )
    kind = (file_format or "").lower().replace("jpg", "jpeg")
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and kind == "jpeg":
        import warnings

        text = "save_img: a JPEG file cannot be transparent; that channel is left out."
        warnings.warn(text, OnefitWarning, stacklevel=2)
        image = image.convert("RGB")
    image.save(path, format=kind or None, **kwargs)
