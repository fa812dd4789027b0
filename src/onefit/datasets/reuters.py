"""News of Reuters of 1987, and their topics."""

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
from onefit.datasets.words import encoded, limited, ragged, word_index

__all__ = ["get_label_names", "get_word_index", "load_data"]

_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade "
    "reserves ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed "
    "alum oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber heat "
    "jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)


def load_data(
    path: str | os.PathLike = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[Pair, Pair]:
    """11,228 news as lists of ranks of words, and which of 46 topics they are about.

    Args:
        path: The file in `datasets` of the cache folder, `$KERAS_HOME` or `~/.keras`;
            a path from the root is taken as it is.
        num_words, skip_top, maxlen, start_char, oov_char, index_from: As in
            `imdb.load_data`.
        test_split: The share of the rows to test with.
        seed: Names the order of the rows, the same as Keras'.

    Returns:
        (x_train, y_train), (x_test, y_test): arrays of lists, and int64 topics.

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: Another checksum, a test_split that is no share, or a maxlen that
            leaves no text.

    Example:
        >>> (x, y), _ = onefit.datasets.reuters.load_data(
        ...     num_words=10_000)  # doctest: +SKIP

    Source: Reuters-21578, D. Lewis 1997; Keras, `keras.datasets.reuters`.
    """
    where = "reuters.load_data"
    check_split(where, test_split)
    file = located(where, "reuters.npz", path)
    x, y = shuffled(orders(seed), *read_npz(where, file, ("x", "y")))
    texts, y = encoded(where, x, y, start_char, index_from, maxlen)
    x = ragged(limited(where, texts, num_words, skip_top, oov_char))
    return split(x, y, test_split)


def get_word_index(
    path: str | os.PathLike = "reuters_word_index.json",
) -> dict[str, int]:
    """The rank of each word in the news: `load_data` moves it up by index_from.

    Args:
        path: The file in `datasets` of the cache folder, as in `load_data`.
    """
    return word_index("reuters.get_word_index", "reuters_word_index.json", path)


def get_label_names() -> tuple[str, ...]:
    """The names of the 46 topics, in the order of their numbers.

    >>> get_label_names()[3]
    'earn'
    """
    return tuple(_TOPICS.split())
