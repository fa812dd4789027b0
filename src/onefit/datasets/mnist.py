"""MNIST: handwritten digits."""

import os

from onefit.datasets.published import Pair, located, read_npz

__all__ = ["load_data"]


def load_data(path: str | os.PathLike = "mnist.npz") -> tuple[Pair, Pair]:
    """70,000 handwritten digits of 28 by 28 pixels, downloaded on the first call.

    Args:
        path: The file in `datasets` of the cache folder, `$KERAS_HOME` or `~/.keras`;
            a path from the root is taken as it is.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8, (60000, 28, 28) and (10000, 28,
        28) with pixels from 0 to 255, and their digits.

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: The file has another checksum.

    Example:
        >>> (x, y), test = onefit.datasets.mnist.load_data()  # doctest: +SKIP

    Source: Y. LeCun and C. Cortes, licence CC BY-SA 3.0; Keras,
    `keras.datasets.mnist`.
    """
    where = "mnist.load_data"
    file = located(where, "mnist.npz", path)
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(where, file, names)
    return (x_train, y_train), (x_test, y_test)
