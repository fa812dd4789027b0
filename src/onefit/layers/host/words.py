"""From texts to words: what is cleaned, where a text is cut, which words are joined.

Words are bytes, as bytes are cleaned and cut fastest: many texts as one, with a byte
between them that no text has. Letters and blanks are those of ASCII, as TensorFlow's.
"""

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.types import Function

__all__ = ["CLEANING", "END", "cleaned", "cut", "joined", "run_together"]

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


def cleaned(texts: list[str], standardize: Any) -> list[str]:
    """Each text after its cleaning, by name or by a function."""
    if callable(standardize):
        return [_text(t) for t in np.ravel(_applied(standardize, texts)).tolist()]
    whole = run_together(texts, standardize)
    return [part.decode() for part in whole.split(b" " + END + b" ")]


def cut(texts: list[str], split: Any) -> list[list[bytes]]:
    """The words of each text: by blanks, by characters, by a function, or all of it."""
    if split is None:
        return [[text.encode()] for text in texts]
    if split == "whitespace":
        return [text.encode().split() for text in texts]
    if split == "character":
        return [[letter.encode() for letter in text] for text in texts]
    made = _applied(split, texts)
    made = made.to_list() if hasattr(made, "to_list") else made
    return [[_text(word).encode() for word in words] for words in made]


def joined(rows: list[list[bytes]], widths: Sequence[int]) -> list[list[bytes]]:
    """Neighbouring words as one, for each width; in place of single ones.

    >>> joined([[b"a", b"b", b"c"]], (1, 2))
    [[b'a', b'b', b'c', b'a b', b'b c']]
    """
    return [
        [
            b" ".join(words[i : i + width])
            for width in widths
            for i in range(len(words) - width + 1)
        ]
        for words in rows
    ]


def _applied(function: Function, texts: list[str]) -> Any:
    """What a function gives for texts: one of an array of them, or of one text."""
    try:
        made = function(np.array(texts))
    except (AttributeError, TypeError) as error:
        try:
            made = [function(text) for text in texts]
        except Exception:
            raise error from None
    if np.ndim(made) == 0 or len(made) != len(texts):
        raise invalid(
            getattr(function, "__name__", "the function"),
            f"{np.shape(made)} from {len(texts)} texts",
            "one result for each text of an array of them",
            "write a function of a numpy array of strings",
        )
    return made


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
