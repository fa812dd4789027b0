"""What imdb and reuters share: texts as lists of ranks of words."""

import json
import os
from typing import Any

import numpy as np

from onefit.datasets.published import check_whole, located
from onefit.errors import invalid

__all__ = ["encoded", "ragged", "word_index"]


def encoded(
    where: str,
    x: Any,
    y: np.ndarray,
    start_char: int | None,
    index_from: int | None,
    maxlen: int | None,
) -> tuple[list[list[int]], np.ndarray]:
    """Texts with their ranks moved up, a start, and without the long ones."""
    check_whole(where, start_char=start_char, index_from=index_from, maxlen=maxlen)
    first = [] if start_char is None else [start_char]
    up = index_from or 0
    texts = [first + [word + up for word in text] for text in x]
    if not maxlen:
        return texts, y
    kept = [i for i, text in enumerate(texts) if len(text) < maxlen]
    if not kept:
        raise invalid(
            where,
            f"maxlen={maxlen}, which no text is shorter than",
            f"more than {min(map(len, texts), default=0)}",
            "leave it out to keep all",
        )
    return [texts[i] for i in kept], y[kept]


def limited(
    where: str,
    texts: list[list[int]],
    num_words: int | None,
    skip_top: int,
    oov_char: int | None,
) -> list[list[int]]:
    """Texts in which words that are too rare or too common are replaced, or left out.

    num_words=None keeps all but the very rarest word, as Keras does.
    """
    check_whole(where, num_words=num_words, skip_top=skip_top, oov_char=oov_char)
    top = num_words or max(max(text) for text in texts if text)
    if oov_char is None:
        return [[word for word in text if skip_top <= word < top] for text in texts]
    return [
        [word if skip_top <= word < top else oov_char for word in text]
        for text in texts
    ]


def ragged(texts: list[list[int]]) -> np.ndarray:
    """An array of lists; also where all are of one length."""
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def word_index(where: str, name: str, path: str | os.PathLike) -> dict[str, int]:
    """The rank of each word."""
    file = located(where, name, path)
    return json.loads(file.read_text(encoding="utf-8"))
