# ruff: noqa: D102
"""Texts as numbers: words, their places in a vocabulary, rows of one length."""

import functools
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import numpy as np

from onefit import config
from onefit.checks import whole
from onefit.description import attribute, setting
from onefit.errors import is_whole, mistyped, unknown
from onefit.layers.host.base import encoded
from onefit.layers.host.texts import as_texts
from onefit.layers.host.vocabulary import DROPPED, Lookup, Tally
from onefit.layers.host.words import CLEANING, END, cut, ends_of, grams
from onefit.layers.settings import only
from onefit.types import Data, Shapes, Tree

__all__ = ["TextVectorization"]

CHUNK = 4096
"""Texts that are cut into words at once: all words of them are in memory."""

ENDED = -3
"""What stands among the numbers of words where a row ends."""


def _named(*names: str | None) -> Any:
    """Refuses all but these names, and functions."""

    def check(place: str, name: str, value: Any) -> None:
        if not callable(value) and value not in names:
            raise unknown(f"{name} of {place}", value, map(str, names))

    return check


def _widths(place: str, name: str, value: Any) -> None:
    each = value if isinstance(value, tuple) else (value,)
    if value is not None and not all(is_whole(width, 1) for width in each):
        fix = "write ngrams=2 for words and pairs of words"
        whole_numbers = "None, a positive whole number, or several"
        raise (
            mistyped(place, f"{name}={value!r}", whole_numbers, fix)
            if not isinstance(value, str)
            else unknown(f"{name} of {place}", value, ["None", "2", "(1, 2)"])
        )


class TextVectorization(Lookup):
    """Texts as the numbers of their words: x = places of the words in a vocabulary.

    Each text is cleaned, cut into words and looked up. 0 is padding, 1 a word that the
    vocabulary has not. It runs on the host, before the program.

    Args:
        max_tokens: At most so many words in the vocabulary, with those two.
        standardize: What is cleaned: 'lower_and_strip_punctuation', 'lower',
            'strip_punctuation', None, or a function of an array of strings.
        split: Where a text is cut: at 'whitespace', into 'character's, None for
            nowhere, or a function of an array of strings that gives a list for each.
        ngrams: 2 for words and pairs of neighbouring words, (2, 3) for pairs and
            triples alone.
        output_mode: 'int' for the words' numbers, in their order; 'multi_hot' for
            which words there are, 'count' for how often, 'tf_idf' for how often, less
            for words that many texts have; 'one_hot' for each word.
        output_sequence_length: So many numbers for each text, with 'int': it is cut,
            or filled up with 0. None is as many as the longest text has.
        pad_to_max_tokens: Whether rows of the other modes are max_tokens wide.
        vocabulary: The words, in the order of their numbers, or the name of a file with
            one a line.
        idf_weights: For 'tf_idf', the weight of each.
        sparse, ragged: False; rows have one length here.
        encoding: Of texts that are given as bytes, and of the file.

    Input and output: texts (batch,) or (batch, 1) to (batch, steps), or to
    (batch, vocabulary_size()) in the other modes.

    Raises:
        ValueError: No vocabulary yet, a missing text (which row), another shape.
        TypeError: Numbers.

    Differs from Keras: TensorFlow is not needed; without output_sequence_length, the
    longest text is that of all rows that are given, not of a batch; with split=None
    each of (batch,) texts is still a row of its own; a missing text and a call before
    there is a vocabulary are refused; `adapt` may learn another one.

    Example:
        >>> layer = TextVectorization(output_sequence_length=4)
        >>> layer.adapt(["a good film", "A bad film!"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'film', 'a', 'good', 'bad']
        >>> layer(["a good, good book"])
        Array([[3, 4, 4, 1]], dtype=int32)

    Source: Keras, `keras.layers.TextVectorization`.
    """

    takes_text = True
    mask_token: str = attribute("")
    oov_token: str = attribute("[UNK]")
    num_oov_indices: int = attribute(1)
    invert: bool = attribute(False)

    standardize: Any = setting(
        default="lower_and_strip_punctuation", check=_named(*CLEANING)
    )
    split: Any = setting(
        default="whitespace", check=_named("whitespace", "character", None)
    )
    ngrams: Any = setting(default=None, check=_widths)
    output_sequence_length: int | None = setting(
        default=None, check=whole(1, optional=True)
    )
    ragged: bool = setting(
        default=False, check=only(False, fix="leave it out: rows are filled up with 0")
    )
    encoding: str = "utf-8"

    _order: ClassVar[str] = (
        "max_tokens standardize split ngrams output_mode output_sequence_length "
        "pad_to_max_tokens vocabulary idf_weights sparse ragged encoding"
    )
    forgets = ("codes",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_mode != "int" and self.output_sequence_length is not None:
            raise self.misfit(
                f"output_sequence_length with output_mode={self.output_mode!r}",
                "it for 'int' alone, as other rows have a number for each word of the "
                "vocabulary",
                "leave it out",
            )

    def as_token(self, value: Any) -> str:
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        if not isinstance(value, str):
            raise mistyped(self.place(), f"{value!r} in the vocabulary", "strings")
        return str(value)

    # Words ----------------------------------------------------------------------------

    def _rows(self, x: Data) -> np.ndarray:
        """The texts as (batch,), or (batch, words) where they are words already."""
        texts = as_texts(x, self.place(), self.encoding)
        texts = texts[None] if texts.ndim == 0 else texts
        if self.split is None and texts.ndim == 2:
            return texts
        if texts.ndim == 2 and texts.shape[1] == 1:
            return texts[:, 0]
        if texts.ndim != 1:
            raise self.misfit(
                f"texts of shape {texts.shape}",
                "one text in each row: (rows,) or (rows, 1)",
                "give each column of texts to a layer of its own, or write "
                "split=None for words that are cut already",
            )
        return texts

    def _words(self, texts: np.ndarray) -> list[bytes]:
        """The words of some rows, one row after another, with `END` between two."""
        words = cut(texts.ravel().tolist(), self.standardize, self.split)
        if texts.ndim == 2 and texts.shape[1] > 1:  # each of them is a word
            ends, width = ends_of(words), texts.shape[1]
            inner = {end for i, end in enumerate(ends) if (i + 1) % width}
            words = [word for i, word in enumerate(words) if i not in inner]
        return words

    def _grams(self, texts: np.ndarray) -> Iterator[tuple[Iterable, np.ndarray]]:
        """The words of some rows, and which row each is of; pairs of words next."""
        several = self.ngrams or (1,)
        widths = several if isinstance(several, tuple) else range(1, several + 1)
        return grams(self._words(texts), tuple(widths))

    def tally(self, data: Data, tally: Tally) -> None:
        texts = self._rows(data)
        for at in range(0, len(texts), CHUNK):
            part, count = texts[at : at + CHUNK], len(texts[at : at + CHUNK])
            made = list(self._grams(part))
            # A document may have a word alone and in pairs: all are counted at once.
            tokens = itertools.chain.from_iterable(tokens for tokens, _ in made)
            tally.add(tokens, np.concatenate([rows for _, rows in made]), count)

    # Numbers --------------------------------------------------------------------------

    @functools.cached_property
    def codes(self) -> dict[bytes, int]:
        """The number of each word, as bytes, and of the end of a row."""
        padding = 0 if self.output_mode == "int" else DROPPED
        words = {word.encode(): number for word, number in self.numbers.items()}
        return words | {b"": padding, END: ENDED}

    def _ids(self, texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of all words of some rows, and the row of each."""
        oov, parts = itertools.repeat(self.special.mask), []
        if not self.ngrams:  # the numbers tell by themselves where rows end
            words = self._words(texts)
            ids = np.fromiter(map(self.codes.get, words, oov), np.int32, len(words))
            ended = ids == ENDED
            return ids[~ended], np.cumsum(ended)[~ended]
        for tokens, rows in self._grams(texts):
            ids = np.fromiter(map(self.codes.get, tokens, oov), np.int32, len(rows))
            parts.append((ids[rows >= 0], rows[rows >= 0]))
        ids, rows = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        if len(parts) > 1:
            order = np.argsort(rows, kind="stable")
            ids, rows = ids[order], rows[order]
        return ids, rows

    def look(self, x: Tree) -> np.ndarray:
        single = np.ndim(x) == 0 or isinstance(x, str | bytes)
        texts = self._rows(x)
        pieces = [texts[at : at + CHUNK] for at in range(0, len(texts), CHUNK)]
        if self.output_mode in ("int", "one_hot"):
            y = self._in_order([(len(piece), *self._ids(piece)) for piece in pieces])
        else:
            y = np.zeros((len(texts), self._depth), config.floatx())
            for i, piece in enumerate(pieces):
                self._count(y[i * CHUNK : (i + 1) * CHUNK], *self._ids(piece))
        return y[0] if single else y

    def _in_order(self, parts: list[tuple[int, np.ndarray, np.ndarray]]) -> np.ndarray:
        """Rows of one length: the numbers in their order, then padding."""
        counts = [np.bincount(rows, minlength=n) for n, _, rows in parts]
        longest = max((int(c.max(initial=0)) for c in counts), default=0)
        width = self.output_sequence_length or longest
        padding = 0 if self.output_mode == "int" else DROPPED
        out = np.full((sum(n for n, *_ in parts), width), padding, np.int32)
        at = 0
        for (n, ids, rows), count in zip(parts, counts, strict=True):
            steps = np.arange(len(ids)) - (np.cumsum(count) - count)[rows]
            there = np.arange(width) < count[:, None]
            out[at : at + n][there] = ids[steps < width]
            at += n
        if self.output_mode == "int":
            return out
        return encoded(out[..., None], "one_hot", self._depth, config.floatx())

    @property
    def _depth(self) -> int:
        return self.depth or self.vocabulary_size()

    def _count(self, out: np.ndarray, ids: np.ndarray, rows: np.ndarray) -> None:
        """Puts into rows of zeros how often each word of the vocabulary comes."""
        rows, ids = rows[ids != DROPPED], ids[ids != DROPPED]
        if self.output_mode == "multi_hot":
            out[rows, ids] = 1
            return
        cells, n = np.unique(rows * out.shape[1] + ids, return_counts=True)
        counts = n.astype(out.dtype)
        if self.output_mode == "tf_idf":
            counts *= self.padded_idf(out.shape[1])[cells % out.shape[1]]
        out.reshape(-1)[cells] = counts

    def output_shape(self, input_shape: Shapes) -> Shapes:
        batch, *rest = input_shape
        if rest not in ([], [1]) and not (self.split is None and len(rest) == 1):
            raise self.misfit(
                f"input of shape {input_shape}",
                "one text in each row",
                "write Input(shape=(1,), dtype='string')",
            )
        if self.output_mode == "int":
            return (batch, self.output_sequence_length)
        if self.output_mode == "one_hot":
            return (batch, None, super().output_shape((batch,))[-1])
        return super().output_shape((batch, None))
