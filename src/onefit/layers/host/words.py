"""From texts to words: what is cleaned, where a text is cut, which words are joined.

Words are bytes, as bytes are cleaned and cut fastest: many texts as one, with a byte
between them that no text has. Letters and blanks are those of ASCII, as TensorFlow's.
"""

import contextlib
import string
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.types import Function

__all__ = ["CLEANING", "END", "cut", "ends_of", "grams", "run_together"]

END = b"\xff"
"""What stands between two texts; no text has it in UTF-8."""

_LOWER = bytes.maketrans(
    string.ascii_uppercase.encode(), string.ascii_lowercase.encode()
)
_PUNCTUATION = string.punctuation.encode()

CLEANING: dict[str | None, tuple[bytes | None, bytes]] = {
    None: (None, b""),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, _PUNCTUATION),
    "lower_and_strip_punctuation": (_LOWER, _PUNCTUATION),
}
"""By name: the table of letters, and the bytes that are left out."""


def run_together(texts: Sequence[str], standardize: str | None) -> bytes:
    r"""Many texts as one, cleaned, with `END` as a word between two.

    >>> run_together(["One, two!", "Three"], "lower_and_strip_punctuation")
    b'one two \xff three'
    """
    whole = " \udcff ".join(texts).encode("utf-8", "surrogateescape")
    return whole.translate(*CLEANING[standardize])


def _cleaned(texts: list[str], standardize: Any) -> list[str]:
    """Each text after its cleaning, by name or by a function."""
    if callable(standardize):
        return [_text(t) for t in np.ravel(_applied(standardize, texts)).tolist()]
    whole = run_together(texts, standardize)
    return [part.decode() for part in whole.split(b" " + END + b" ")]


def cut(texts: list[str], standardize: Any, split: Any) -> list[bytes]:
    """The words of many texts, one after another, with `END` after each text.

    Args:
        texts: The texts.
        standardize: How they are cleaned: by name, or by a function.
        split: Where they are cut: by name, by a function, or nowhere.
    """
    if split == "whitespace" and not callable(standardize):
        return run_together(texts, standardize).split()
    texts = _cleaned(texts, standardize)
    if split is None:
        rows: Iterable[Iterable] = [[text] for text in texts]
    elif split == "whitespace":
        rows = [text.encode().split() for text in texts]
    elif split == "character":
        rows = texts
    else:
        rows = _applied(split, texts)
    words: list[bytes] = []
    for row in rows:
        words.extend(w if isinstance(w, bytes) else str(w).encode() for w in row)
        words.append(END)
    return words


def ends_of(words: list[bytes]) -> list[int]:
    """The places of `END`."""
    ends: list[int] = []
    with contextlib.suppress(ValueError):
        while True:
            ends.append(words.index(END, ends[-1] + 1 if ends else 0))
    return ends


def grams(
    words: list[bytes], widths: Sequence[int]
) -> Iterator[tuple[Iterable[bytes], np.ndarray]]:
    """So many neighbouring words as one, for each width; and which text each is of.

    Args:
        words: The words of many texts, one after another, with `END` between two.
        widths: How many words make one; 1 is the words themselves.

    Returns:
        For each width the words, and the number of each one's text; it is −1 where a
        word would reach from one text to the next.

    >>> [(pairs, rows)] = grams([b"a", b"b", END, b"c"], (2,))
    >>> next(iter(pairs)), rows.tolist()
    (b'a b', [0, -1, -1])
    """
    ends = ends_of(words)
    counts = np.diff([-1, *ends, len(words)])
    rows = np.repeat(np.arange(len(counts)), counts)[: len(words)]
    rows[ends] = -1
    for width in widths:
        if width == 1:
            yield words, rows
            continue
        last = rows[width - 1 :]
        neighbours = zip(*(words[k:] for k in range(width)), strict=False)
        first = rows[: len(last)]
        yield map(b" ".join, neighbours), np.where(first == last, first, -1)


def _applied(function: Function, texts: list[str]) -> Any:
    """What a function gives for texts: one of an array of them, or of one text."""
    made: Any
    try:
        made = function(np.array(texts))
    except (AttributeError, TypeError) as error:
        try:
            made = [function(text) for text in texts]
        except Exception:
            raise error from None
    if hasattr(made, "__array__"):  # a tensor of text
        made = made.to_list() if hasattr(made, "to_list") else np.asarray(made)
    listed = isinstance(made, list) or (isinstance(made, np.ndarray) and made.ndim)
    if not listed or len(made) != len(texts):
        raise invalid(
            getattr(function, "__name__", "the function"),
            f"{type(made).__name__} of {len(made) if listed else 1} from {len(texts)} "
            "texts",
            "one result for each text of an array of them",
            "write a function of a numpy array of strings",
        )
    return made


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
