"""The files that Keras publishes: where they are, their checksums, how they are read.

What `np.save` wrote of lists is a pickle, a small program: it is run by an unpickler
that knows how an array is put together and no other function.
"""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from onefit.datasets.fetching import cache_folder, fetch, fetch_folder
from onefit.errors import invalid, is_whole, mistyped

__all__ = [
    "FILES",
    "Pair",
    "check_split",
    "check_whole",
    "located",
    "orders",
    "read_npz",
    "read_pickle",
    "shuffled",
    "split",
    "unpacked",
]

Pair = tuple[np.ndarray, np.ndarray]

_BASE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

FILES: dict[str, tuple[str, str | None]] = {
    "mnist.npz": (
        _BASE + "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
    "imdb.npz": (
        _BASE + "imdb.npz",
        "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    ),
    "imdb_word_index.json": (
        _BASE + "imdb_word_index.json",
        "bfafd718b763782e994055a2d397834f",
    ),
    "reuters.npz": (
        _BASE + "reuters.npz",
        "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    ),
    "reuters_word_index.json": (
        _BASE + "reuters_word_index.json",
        "4d44cc38712099c9e383dc6e5f11a921",
    ),
    "boston_housing.npz": (
        _BASE + "boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    ),
    "california_housing.npz": (
        _BASE + "california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    ),
    "cifar-10-batches-py-target": (
        _TORONTO + "cifar-10-python.tar.gz",
        "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    "cifar-100-python-target": (
        _TORONTO + "cifar-100-python.tar.gz",
        "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
}
_FASHION = [  # Keras gives no checksum for these
    *("train-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"),
    *("t10k-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz"),
]
FILES |= {name: (_BASE + name, None) for name in _FASHION}
"""Each file by Keras' name for it in the cache: its URL, and its sha256 or md5."""


def located(where: str, name: str, path: str | os.PathLike, folder: str = "") -> Path:
    """A file of FILES, at this path of the cache's `datasets`, fetched if not there."""
    url, checksum = FILES[name]
    target = cache_folder().expanduser() / "datasets" / folder / path
    fetch(where, target, url, checksum)
    return target


def unpacked(where: str, name: str) -> Path:
    """The folder of an archive of FILES in the cache."""
    folder = cache_folder().expanduser() / "datasets" / name
    archive = folder.with_name(f"{name}_archive")
    fetch_folder(where, archive, folder, ("tar",), *FILES[name])
    return folder


# Read ---------------------------------------------------------------------------------


class _Arrays(pickle.Unpickler):
    """Puts numpy arrays together, and refuses any other function."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        cores = ("numpy.core.multiarray", "numpy._core.multiarray")
        if module in cores and name == "_reconstruct":
            from numpy._core.multiarray import _reconstruct

            return _reconstruct
        raise pickle.UnpicklingError(f"{module}.{name}, which is no part of an array")


def read_pickle(where: str, file: Path, stream: Any, **options: Any) -> Any:
    """The arrays and plain values in a pickle."""
    try:
        return _Arrays(stream, **options).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError) as error:
        raise invalid(
            where, f"{file} with {error}", "arrays alone", "delete it to fetch it again"
        ) from error


def read_npz(where: str, file: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """The arrays of these names, also those that hold lists."""
    arrays = []
    with zipfile.ZipFile(file) as packed:
        have = packed.namelist()
        if missing := [name for name in names if f"{name}.npy" not in have]:
            raise invalid(
                where,
                f"{file} without {', '.join(missing)}",
                f"the arrays {', '.join(names)}",
                "delete it to fetch it again",
            )
        for name in names:
            stream = io.BytesIO(packed.read(f"{name}.npy"))
            version = np.lib.format.read_magic(stream)
            header = "1_0" if version[0] == 1 else "2_0"
            _, _, dtype = getattr(np.lib.format, f"read_array_header_{header}")(stream)
            if dtype.hasobject:
                arrays.append(read_pickle(where, file, stream))
            else:
                stream.seek(0)
                arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
    return arrays


# Arranged -----------------------------------------------------------------------------


def orders(seed: int) -> np.random.RandomState:
    """What Keras draws the orders of rows from."""
    return np.random.RandomState(seed)


def shuffled(rng: np.random.RandomState, *arrays: np.ndarray) -> list[np.ndarray]:
    """The rows of the arrays in the next order."""
    order = np.arange(len(arrays[0]))
    rng.shuffle(order)
    return [array[order] for array in arrays]


def split(x: Any, y: Any, test_split: float) -> tuple[Any, Any]:
    """The first rows to train with, and the last ones, this share, to test."""
    rows = int(len(x) * (1 - test_split))
    return (x[:rows], y[:rows]), (x[rows:], y[rows:])


def check_split(where: str, test_split: float) -> None:
    """Refuses what is no share of the rows."""
    if isinstance(test_split, bool) or not isinstance(test_split, int | float):
        raise mistyped(where, f"test_split={test_split!r}", "a number")
    if not 0 <= test_split < 1:
        raise invalid(
            where, f"test_split={test_split!r}", "a share, 0 or more and below 1"
        )


def check_whole(where: str, **values: Any) -> None:
    """Refuses what is neither None nor a whole number."""
    for name, value in values.items():
        if value is not None and not is_whole(value):
            raise invalid(
                where, f"{name}={value!r}", "None or a whole number, 0 or more"
            )
