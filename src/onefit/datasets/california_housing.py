"""Prices of houses in California in 1990."""

import os

from onefit.datasets.published import (
    Pair,
    check_split,
    located,
    orders,
    read_npz,
    shuffled,
    split,
)
from onefit.errors import unknown

__all__ = ["load_data"]


def load_data(
    version: str = "large",
    path: str | os.PathLike = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Pair, Pair]:
    """20,640 districts of California: eight facts, and the median price of a house.

    Args:
        version: "large" for all, "small" for the first 600.
        path: The file in `datasets` of the cache folder, `$KERAS_HOME` or `~/.keras`;
            a path from the root is taken as it is.
        test_split: The share of the rows to test with.
        seed: Names the order of the rows, the same as Keras'.

    Returns:
        (x_train, y_train), (x_test, y_test): float32, (rows, 8) and (rows,), in
        dollars.

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: An unknown version, a test_split that is no share, or another
            checksum.

    Example:
        >>> load = onefit.datasets.california_housing.load_data
        >>> (x, y), _ = load("small")  # doctest: +SKIP

    Source: R. Pace and R. Barry 1997, "Sparse spatial autoregressions"; Keras,
    `keras.datasets.california_housing`.
    """
    where = "california_housing.load_data"
    check_split(where, test_split)
    if version not in ("large", "small"):
        raise unknown(f"version of {where}", version, ["large", "small"])
    file = located(where, "california_housing.npz", path)
    x, y = read_npz(where, file, ("x", "y"))
    rows = slice(600 if version == "small" else None)
    x, y = shuffled(orders(seed), x[rows], y[rows])
    return split(x, y, test_split)
