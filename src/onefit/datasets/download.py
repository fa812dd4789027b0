"""Data fetched once into a cache folder, and read only when its checksum is right."""

import os
from pathlib import Path

import numpy as np

from onefit.datasets.fetching import fetch
from onefit.datasets.published import FILES
from onefit.errors import invalid

__all__ = ["load_mnist"]

_MNIST_URL, _MNIST_SHA256 = map(str, FILES["mnist.npz"])
_MNIST_ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def _cache_folder() -> Path:
    """`$ONEFIT_HOME`, or `~/.cache/onefit`."""
    return Path(os.environ.get("ONEFIT_HOME") or Path.home() / ".cache" / "onefit")


def load_mnist(
    path: str | Path = "mnist.npz", url: str = _MNIST_URL, sha256: str = _MNIST_SHA256
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """70,000 handwritten digits of 28 by 28 pixels, downloaded on the first call.

    The file (11 MB) is kept in `$ONEFIT_HOME`, or `~/.cache/onefit`, and its checksum
    is verified at every call; nothing in it is ever executed. Keras' own
    `datasets.mnist.load_data()` is here too, with Keras' cache folder.

    Args:
        path: The file, relative to the cache folder unless it is absolute.
        url: Where it comes from when it is not there yet.
        sha256: The checksum that it must have, in hexadecimal.

    Returns:
        (x_train, y_train), (x_test, y_test), as `keras.datasets.mnist.load_data`
        gives them: uint8, images of shapes (60000, 28, 28) and (10000, 28, 28) with
        pixels from 0 to 255, and their digits.

    Raises:
        ValueError: The checksum is another one, or an array is missing. A bad download
            is not kept; a bad file that was already there is left for you to judge.
        OSError: The file cannot be downloaded.

    Example:
        >>> (x, y), test = onefit.datasets.load_mnist()  # doctest: +SKIP
        >>> x = x.reshape(-1, 784) / 255.0  # doctest: +SKIP

    Source: Y. LeCun and C. Cortes, from NIST's data, licence CC BY-SA 3.0; the file
    that Keras publishes, with the checksum that Keras gives for it.
    """
    file = _cache_folder() / path

    def stale(received: str) -> ValueError:
        return invalid(
            "load_mnist",
            f"the file {file} whose sha256 is {received}",
            f"sha256 {sha256}",
            "delete it to download it again, or give sha256="
            f"'{received}' if you trust this file",
        )

    fetch("load_mnist", file, url, sha256, "sha256", stale=stale)
    with np.load(file, allow_pickle=False) as arrays:
        if missing := [name for name in _MNIST_ARRAYS if name not in arrays]:
            raise invalid(
                "load_mnist",
                f"{file} without {', '.join(missing)}",
                f"the arrays {', '.join(_MNIST_ARRAYS)}",
                "give another url and its sha256",
            )
        x_train, y_train, x_test, y_test = (arrays[name] for name in _MNIST_ARRAYS)
    return (x_train, y_train), (x_test, y_test)
