"""CIFAR-10: small photographs of ten kinds of things."""

import numpy as np

from onefit.datasets.cifar import read
from onefit.datasets.published import Pair, unpacked

__all__ = ["load_data"]


def load_data() -> tuple[Pair, Pair]:
    """60,000 colour photographs of 32 by 32 pixels in ten classes.

    The classes from 0 on: airplane, automobile, bird, cat, deer, dog, frog, horse,
    ship, truck. The archive is
    `datasets/cifar-10-batches-py-target_archive` in the cache folder, `$KERAS_HOME` or
    `~/.keras`, and is unpacked beside it.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8, images (50000, 32, 32, 3) and
        (10000, 32, 32, 3), classes (rows, 1).

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: The archive has another checksum, or a file is missing in it.

    Differs from Keras: the channels are always last.

    Example:
        >>> (x, y), _ = onefit.datasets.cifar10.load_data()  # doctest: +SKIP

    Source: A. Krizhevsky 2009, "Learning multiple layers of features from tiny
    images"; Keras, `keras.datasets.cifar10`.
    """
    where = "cifar10.load_data"
    folder = unpacked(where, "cifar-10-batches-py-target") / "cifar-10-batches-py"
    names = [f"data_batch_{i}" for i in range(1, 6)]
    parts = [read(where, folder / name, "labels") for name in names]
    x_train, y_train = map(np.concatenate, zip(*parts, strict=True))
    return (x_train, y_train), read(where, folder / "test_batch", "labels")
