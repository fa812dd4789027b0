"""Reviews of films, and whether they are kind."""

import os

import numpy as np

from onefit.datasets.published import Pair, located, orders, read_npz, shuffled
from onefit.datasets.words import encoded, limited, ragged, word_index

__all__ = ["get_word_index", "load_data"]


def load_data(
    path: str | os.PathLike = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int | None = 3,
) -> tuple[Pair, Pair]:
    """50,000 reviews of films as lists of ranks of words, and whether they are kind.

    A word is the number of its rank, index_from higher: 1 + 3 for the most common one.
    0 stands for no word, so that texts can be filled up with it.

    Args:
        path: The file in `datasets` of the cache folder, `$KERAS_HOME` or `~/.keras`;
            a path from the root is taken as it is.
        num_words: Words with this number or above are replaced by oov_char; None
            replaces the rarest word alone, as Keras does.
        skip_top: Words below this number are replaced too.
        maxlen: Texts of this length or above are left out.
        seed: Names the order of the rows, the same as Keras'.
        start_char: What a text begins with; None for nothing.
        oov_char: What stands for a replaced word; None leaves such words out.
        index_from: How much ranks are moved up.

    Returns:
        (x_train, y_train), (x_test, y_test): arrays of lists, and int64, 1 for a kind
        review; 25,000 of each.

    Raises:
        OSError: The file is not there and cannot be fetched.
        ValueError: Another checksum, or a maxlen that leaves no text.

    Example:
        >>> (x, y), _ = onefit.datasets.imdb.load_data(
        ...     num_words=10_000)  # doctest: +SKIP
        >>> x = onefit.utils.pad_sequences(x, maxlen=200)  # doctest: +SKIP

    Source: A. Maas et al. 2011, "Learning word vectors for sentiment analysis"; Keras,
    `keras.datasets.imdb`.
    """
    where = "imdb.load_data"
    file = located(where, "imdb.npz", path)
    names = ("x_train", "y_train", "x_test", "y_test")
    x_train, y_train, x_test, y_test = read_npz(where, file, names)
    rng = orders(seed)
    train, y_train = shuffled(rng, x_train, y_train)
    test, y_test = shuffled(rng, x_test, y_test)
    given = start_char, index_from, maxlen
    train, y_train = encoded(where, train, y_train, *given)
    test, y_test = encoded(where, test, y_test, *given)
    texts = ragged(limited(where, train + test, num_words, skip_top, oov_char))
    x_train, x_test = np.split(texts, [len(train)])
    return (x_train, y_train), (x_test, y_test)


def get_word_index(path: str | os.PathLike = "imdb_word_index.json") -> dict[str, int]:
    """The rank of each word in the reviews: `load_data` moves it up by index_from.

    Args:
        path: The file in `datasets` of the cache folder, as in `load_data`.
    """
    return word_index("imdb.get_word_index", "imdb_word_index.json", path)
