"""Files, and pictures in files: what tf.io and tf.image share."""

import io
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid, mistyped
from onefit.packages import package
from onefit.scripts.tf.arrays import Text, convert_to_tensor
from onefit.scripts.tf.dtypes import as_dtype, narrow, uint8
from onefit.types import Array, ArrayLike

__all__ = [
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "encode_jpeg",
    "encode_png",
    "name_of",
    "read_file",
    "write_file",
]

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def name_of(filename: Any) -> str:
    """A path as Python has it, from text of any kind."""
    if isinstance(filename, Text):
        filename = filename.numpy()
    if isinstance(filename, np.ndarray):
        filename = filename[()]
    return filename.decode() if isinstance(filename, bytes) else str(filename)


def read_file(filename: Any, name: str | None = None) -> Text:
    """The bytes of a file.

    Raises:
        FileNotFoundError: A file that is not there.
    """
    return Text(Path(name_of(filename)).read_bytes())


def write_file(filename: Any, contents: Any, name: str | None = None) -> None:
    """Writes bytes to a file; the folder is made."""
    path = Path(name_of(filename))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(contents) if isinstance(contents, Text) else contents)


def decode_image(
    contents: Any,
    channels: int | None = None,
    dtype: DTypeLike = uint8,
    name: str | None = None,
    expand_animations: bool = True,
) -> Array:
    """The picture in these bytes: (height, width, channels) of whole numbers.

    Args:
        contents: What `tf.io.read_file` gave.
        channels: 1, 3 or 4; 0 or None for those of the file.
        dtype: uint8, or float32 for numbers from 0 to 1.
        expand_animations: Does nothing: the first picture of several is taken.

    Raises:
        ValueError: Bytes that are no picture.
    """
    data = contents.numpy() if isinstance(contents, Text) else contents
    if not isinstance(data, bytes):
        raise mistyped("decode_image", repr(data), "the bytes of one picture")
    pillow = package("PIL.Image", "decode_image")
    try:
        picture = pillow.open(io.BytesIO(data))
    except pillow.UnidentifiedImageError:
        raise invalid(
            "decode_image", f"{len(data)} bytes that are no picture", "JPEG, PNG or GIF"
        ) from None
    if channels:
        picture = picture.convert(_MODES[channels])
    elif picture.mode not in _MODES.values():
        picture = picture.convert("RGB")
    array = np.asarray(picture)
    array = array if array.ndim == 3 else array[..., None]
    if as_dtype(dtype).is_floating:
        return jnp.asarray(array / 255, narrow(dtype))
    return jnp.asarray(array, narrow(dtype))


def decode_jpeg(contents: Any, channels: int = 0, name: str | None = None) -> Any:
    """The picture in the bytes of a JPEG file."""
    return decode_image(contents, channels)


def decode_png(
    contents: Any, channels: int = 0, dtype: DTypeLike = uint8, name: str | None = None
) -> Any:
    """The picture in the bytes of a PNG file."""
    return decode_image(contents, channels, dtype)


def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Any:
    """The picture in the bytes of a BMP file."""
    return decode_image(contents, channels)


def decode_gif(contents: Any, name: str | None = None) -> Any:
    """The first picture in the bytes of a GIF file."""
    return decode_image(contents, 3)[None]


def _encoded(image: ArrayLike, kind: str, **options: Any) -> Text:
    pillow = package("PIL.Image", kind)
    array = np.asarray(convert_to_tensor(image), np.uint8)
    array = array[..., 0] if array.shape[-1] == 1 else array
    out = io.BytesIO()
    pillow.fromarray(array).save(out, kind, **options)
    return Text(out.getvalue())


def encode_png(
    image: ArrayLike, compression: int = -1, name: str | None = None
) -> Text:
    """The bytes of a PNG file with this picture."""
    return _encoded(image, "PNG")


def encode_jpeg(
    image: ArrayLike, format: str = "", quality: int = 95, name: str | None = None
) -> Text:
    """The bytes of a JPEG file with this picture."""
    return _encoded(image, "JPEG", quality=quality)
