"""How the files of CIFAR-10 and CIFAR-100 are read."""

from pathlib import Path

import numpy as np

from onefit.datasets.published import Pair, read_pickle
from onefit.errors import invalid

__all__ = ["read"]


def read(where: str, file: Path, labels: str) -> Pair:
    """The images, (rows, 32, 32, 3), and the labels, (rows, 1), as uint8."""
    if not file.is_file():
        raise invalid(
            where,
            f"{file.parent} without {file.name}",
            "the whole data set",
            f"delete {file.parents[1]} to unpack it again",
        )
    with file.open("rb") as stream:
        table = read_pickle(where, file, stream, encoding="bytes")
    x = np.asarray(table[b"data"], np.uint8).reshape(-1, 3, 32, 32)
    y = np.asarray(table[labels.encode()], np.uint8).reshape(-1, 1)
    return x.transpose(0, 2, 3, 1), y
