"""Fashion-MNIST: photographs of clothes, a harder set in MNIST's shape."""

import gzip

import numpy as np

from onefit.datasets.published import Pair, located
from onefit.errors import invalid

__all__ = ["load_data"]

_SIDE = 28


def load_data() -> tuple[Pair, Pair]:
    """70,000 grey photographs of clothes in ten classes, 28 by 28 pixels.

    The classes from 0 on: T-shirt, trouser, pullover, dress, coat, sandal, shirt,
    sneaker, bag, ankle boot. The four files lie in `datasets/fashion-mnist` of the
    cache folder, `$KERAS_HOME` or `~/.keras`.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8, (60000, 28, 28) and (10000, 28,
        28), and their classes.

    Raises:
        OSError: A file is not there and cannot be fetched.
        ValueError: A file that is cut off.

    Example:
        >>> (x, y), _ = onefit.datasets.fashion_mnist.load_data()  # doctest: +SKIP

    Source: H. Xiao, K. Rasul and R. Vollgraf 2017, Zalando SE, licence MIT; Keras,
    `keras.datasets.fashion_mnist`.
    """
    parts = []
    for part in ("train", "t10k"):
        y = _read(f"{part}-labels-idx1-ubyte.gz", 8, 1)
        x = _read(f"{part}-images-idx3-ubyte.gz", 16, _SIDE * _SIDE)
        if len(x) != len(y):
            raise invalid(
                "fashion_mnist.load_data",
                f"{len(x)} images and {len(y)} labels of '{part}'",
                "as many of each",
                "delete the four files to fetch them again",
            )
        parts.append((x.reshape(-1, _SIDE, _SIDE), y[:, 0]))
    return parts[0], parts[1]


def _read(name: str, header: int, size: int) -> np.ndarray:
    """The bytes after the header, (rows, size)."""
    where = "fashion_mnist.load_data"
    file = located(where, name, name, "fashion-mnist")
    try:
        with gzip.open(file) as stream:
            data = np.frombuffer(bytearray(stream.read()), np.uint8, offset=header)
        return data.reshape(-1, size)
    except (OSError, EOFError, ValueError) as error:
        raise invalid(
            where, f"{file} ({error})", "a whole file", "delete it to fetch it again"
        ) from error
