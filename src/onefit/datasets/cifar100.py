"""CIFAR-100: small photographs of a hundred kinds of things."""

from onefit.datasets.cifar import read
from onefit.datasets.published import Pair, unpacked
from onefit.errors import unknown

__all__ = ["load_data"]


def load_data(label_mode: str = "fine") -> tuple[Pair, Pair]:
    """60,000 colour photographs of 32 by 32 pixels in a hundred classes.

    The archive is `datasets/cifar-100-python-target_archive` in the cache folder,
    `$KERAS_HOME` or `~/.keras`, and is unpacked beside it.

    Args:
        label_mode: "fine" for the 100 classes, "coarse" for their 20 groups.

    Returns:
        (x_train, y_train), (x_test, y_test): uint8, images (50000, 32, 32, 3) and
        (10000, 32, 32, 3), classes (rows, 1).

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: Another label_mode or checksum, or a file is missing in the archive.

    Differs from Keras: the channels are always last, and labels are uint8.

    Example:
        >>> (x, y), _ = onefit.datasets.cifar100.load_data()  # doctest: +SKIP

    Source: A. Krizhevsky 2009, "Learning multiple layers of features from tiny
    images"; Keras, `keras.datasets.cifar100`.
    """
    where = "cifar100.load_data"
    if label_mode not in ("fine", "coarse"):
        raise unknown(f"label_mode of {where}", label_mode, ["fine", "coarse"])
    folder = unpacked(where, "cifar-100-python-target") / "cifar-100-python"
    labels = f"{label_mode}_labels"
    return read(where, folder / "train", labels), read(where, folder / "test", labels)
