"""Prices of houses around Boston in the 1970s."""

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

__all__ = ["load_data"]


def load_data(
    path: str | os.PathLike = "boston_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Pair, Pair]:
    """506 places around Boston: 13 facts about each, and the median price of a house.

    One of the facts, "B", is built on the assumption that people prefer to live apart
    by race: use these data to teach about that, and `california_housing` otherwise.

    Args:
        path: The file in `datasets` of the cache folder, `$KERAS_HOME` or `~/.keras`;
            a path from the root is taken as it is.
        test_split: The share of the rows to test with.
        seed: Names the order of the rows, the same as Keras'.

    Returns:
        (x_train, y_train), (x_test, y_test): float64, (rows, 13) and (rows,), in
        thousands of dollars.

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: A test_split that is no share, or another checksum.

    Example:
        >>> (x, y), _ = onefit.datasets.boston_housing.load_data()  # doctest: +SKIP

    Source: D. Harrison and D. Rubinfeld 1978, StatLib; Keras,
    `keras.datasets.boston_housing`.
    """
    where = "boston_housing.load_data"
    check_split(where, test_split)
    file = located(where, "boston_housing.npz", path)
    x, y = shuffled(orders(seed), *read_npz(where, file, ("x", "y")))
    return split(x, y, test_split)
