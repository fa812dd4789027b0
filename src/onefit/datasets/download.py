"""Data fetched once into a cache folder, and read only when its checksum is right."""

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np

from onefit.errors import invalid

__all__ = ["load_mnist"]

_MNIST_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_MNIST_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_MNIST_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
_CHUNK = 1 << 20


def _cache_folder() -> Path:
    """`$ONEFIT_HOME`, or `~/.cache/onefit`."""
    return Path(os.environ.get("ONEFIT_HOME") or Path.home() / ".cache" / "onefit")


def _check(where: str, what: str, received: str, expected: str, fix: str) -> None:
    if received != expected.lower():
        raise invalid(
            where,
            f"{what} whose sha256 is {received}",
            f"sha256 {expected}",
            f"{fix}, or give sha256='{received}' if you trust this file",
        )


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _fetch(where: str, path: str | Path, url: str, sha256: str) -> Path:
    """The file at this path of the cache, downloaded if it is not there, checked."""
    target = _cache_folder() / path
    if target.exists():
        fix = "delete it to download it again"
        _check(where, f"the file {target}", _digest(target), sha256, fix)
        return target
    from urllib.request import urlopen

    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    # Written aside and renamed when right: nobody ever sees half a file.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=target.name)
    try:
        with os.fdopen(handle, "wb") as stream:
            try:
                with urlopen(url, timeout=60) as response:
                    while chunk := response.read(_CHUNK):
                        digest.update(chunk)
                        stream.write(chunk)
            except OSError as error:
                refused = invalid(
                    where,
                    f"'{error}' from {url}",
                    "the file",
                    f"try again, or download it by other means to {target}",
                )
                raise OSError(str(refused)) from error
        fix = "try again (a proxy or a broken connection may have changed it)"
        _check(where, f"a file from {url}", digest.hexdigest(), sha256, fix)
        os.replace(name, target)
    finally:
        Path(name).unlink(missing_ok=True)
    return target


def load_mnist(
    path: str | Path = "mnist.npz", url: str = _MNIST_URL, sha256: str = _MNIST_SHA256
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """70,000 handwritten digits of 28 by 28 pixels, downloaded on the first call.

    The file (11 MB) is kept in `$ONEFIT_HOME`, or `~/.cache/onefit`, and its checksum
    is verified at every call; nothing in it is ever executed.

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
    file = _fetch("load_mnist", path, url, sha256)
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
