"""Texts as numbers without a layer, by the names of `keras.preprocessing.text`.

What new programs write is `onefit.layers.TextVectorization`, which is saved with a
model. These are the functions of older books and scripts.
"""

import collections
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid, mistyped, unknown
from onefit.types import Config, Function

__all__ = [
    "Tokenizer",
    "hashing_trick",
    "one_hot",
    "text_to_word_sequence",
    "tokenizer_from_json",
]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def text_to_word_sequence(
    input_text: str, filters: str = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text.

    Args:
        input_text: The text.
        filters: Characters that are no part of words.
        lower: Whether letters become small.
        split: What stands between words.

    Example:
        >>> text_to_word_sequence("Never say never!")
        ['never', 'say', 'never']
    """
    if not isinstance(input_text, str):
        raise mistyped("text_to_word_sequence", repr(input_text)[:60], "one text")
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def one_hot(
    input_text: str,
    n: int,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
) -> list[int]:
    """The words of a text as numbers from 1 to n − 1, by a hash: two may share one.

    It is no one-hot row, whatever its name. As in Keras it is `hashing_trick` with
    Python's hash, which differs from run to run; write `hashing_trick(text, n,
    hash_function="md5")` for one that does not.

    Example:
        >>> len(one_hot("never say never", n=50))
        3
    """
    return hashing_trick(input_text, n, hash, filters, lower, split)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: str = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 to n − 1, by a hash: two may share one.

    Args:
        text: The text.
        n: One more than the largest number.
        hash_function: From a word to a whole number: 'md5', which is the same in all
            runs, a function, or None for Python's, which is not.
        filters, lower, split: As in `text_to_word_sequence`.
        analyzer: What cuts the text into words instead.

    Raises:
        ValueError: n below 2, another name of a hash.

    Example:
        >>> hashing_trick("never say never", 50, "md5")
        [4, 44, 4]
    """
    if n < 2:
        raise invalid("hashing_trick", f"n={n}", "2 or more")
    if isinstance(hash_function, str) and hash_function != "md5":
        raise unknown("hash_function", hash_function, ["md5"])

    def by_md5(word: str) -> int:
        return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)

    known: Function = hash_function if callable(hash_function) else hash
    hashed = by_md5 if hash_function == "md5" else known
    words: Iterable[str]
    if analyzer is None:
        words = text_to_word_sequence(text, filters, lower, split)
    else:
        words = analyzer(text)
    return [hashed(word) % (n - 1) + 1 for word in words]


class Tokenizer:
    """Texts as the numbers of their words, the most frequent word being 1.

    Args:
        num_words: Only words below this number are used; None for all.
        filters: Characters that are no part of words.
        lower: Whether letters become small.
        split: What stands between words.
        char_level: Whether each character is a word.
        oov_token: The word in place of those that are unknown, number 1; None leaves
            them out.
        analyzer: A function that gives the words of a text, in place of these.

    Attributes:
        word_index: The number of each word; index_word: the word of each number.
        word_counts: How often each came; word_docs: in how many texts.
        document_count: How many texts there were.

    Example:
        >>> tokenizer = Tokenizer(oov_token="<unk>")
        >>> tokenizer.fit_on_texts(["I love my dog", "I love my cat"])
        >>> tokenizer.texts_to_sequences(["I love my hamster"])
        [[2, 3, 4, 1]]

    Source: Keras 2, `keras.preprocessing.text.Tokenizer`.
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Callable[[Any], list[str]] | None = None,
        document_count: int = 0,
    ) -> None:
        self.num_words, self.filters, self.lower = num_words, filters, lower
        self.split, self.char_level, self.oov_token = split, char_level, oov_token
        self.analyzer, self.document_count = analyzer, document_count
        self.word_counts: dict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    # Learning -----------------------------------------------------------------------

    def _words(self, text: str | Sequence[str]) -> Sequence[str]:
        if self.analyzer is not None:
            return self.analyzer(text)
        if not isinstance(text, str):
            if isinstance(text, list | tuple):  # its words, cut already
                return [w.lower() for w in text] if self.lower else list(text)
            raise mistyped(
                "Tokenizer",
                f"{text!r} as a text",
                "strings, or lists of words",
                "fill what is missing first: ['' if t is None else t for t in texts]",
            )
        if self.char_level:
            return text.lower() if self.lower else text
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[str | Sequence[str]]) -> None:
        """Counts the words of texts, beside those of earlier calls, and numbers them.

        Args:
            texts: A list of texts, or of lists of words; or what gives them.
        """
        if isinstance(texts, str):
            raise mistyped(
                "fit_on_texts", "one text", "a list of texts", "write [text]"
            )
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] += 1
        # Of equally frequent words, the one that came first: a sort keeps their order.
        ranked = sorted(self.word_counts, key=lambda w: -self.word_counts[w])
        first = [] if self.oov_token is None else [self.oov_token]
        known = [*first, *(w for w in ranked if w != self.oov_token or not first)]
        self.word_index = {word: i for i, word in enumerate(known, 1)}
        self.index_word = {i: word for word, i in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Counts the texts, and in how many each number is, for 'tfidf'."""
        for sequence in sequences:
            self.document_count += 1
            for number in set(sequence):
                self.index_docs[number] += 1

    # Numbers ------------------------------------------------------------------------

    def texts_to_sequences(
        self, texts: Iterable[str | Sequence[str]]
    ) -> list[list[int]]:
        """The numbers of the words of each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(
        self, texts: Iterable[str | Sequence[str]]
    ) -> Iterator[list[int]]:
        """The same, text by text."""
        if isinstance(texts, str):
            raise mistyped(
                "texts_to_sequences", "one text", "a list of texts", "write [text]"
            )
        oov = self.word_index.get(self.oov_token) if self.oov_token else None
        for text in texts:
            numbers = (
                self._known(self.word_index.get(w), oov) for w in self._words(text)
            )
            yield [number for number in numbers if number is not None]

    def _known(self, number: int | None, oov: int | None) -> int | None:
        """A number, or that of unknown words for one that is not used."""
        beyond = self.num_words and number is not None and number >= self.num_words
        return oov if number is None or beyond else number

    def sequences_to_texts(self, sequences: Iterable[Sequence[int]]) -> list[str]:
        """The words of numbers, with blanks between them."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(
        self, sequences: Iterable[Sequence[int]]
    ) -> Iterator[str]:
        """The same, text by text."""
        oov = self.word_index.get(self.oov_token) if self.oov_token else None
        for sequence in sequences:
            known = (
                n if int(n) in self.index_word else None for n in map(int, sequence)
            )
            numbers = (self._known(number, oov) for number in known)
            yield " ".join(self.index_word[n] for n in numbers if n is not None)

    def texts_to_matrix(
        self, texts: Iterable[str | Sequence[str]], mode: str = "binary"
    ) -> np.ndarray:
        """A row of numbers for each text, one for each word.

        Args:
            texts: The texts.
            mode: 'binary' for which words there are, 'count' for how often, 'freq' for
                their shares, 'tfidf' for how often, less for words of many texts.
        """
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """The same, for the numbers of words."""
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise unknown("mode", mode, ["binary", "count", "freq", "tfidf"])
        if not self.num_words and not self.word_index:
            raise invalid(
                "Tokenizer",
                "no num_words, and no texts yet",
                "the width of a row",
                "call fit_on_texts first, or write Tokenizer(num_words=1000)",
            )
        if mode == "tfidf" and not self.document_count:
            raise invalid(
                "Tokenizer",
                "mode='tfidf' before any text was counted",
                "texts",
                "call fit_on_texts or fit_on_sequences first",
            )
        width = self.num_words or len(self.word_index) + 1
        out = np.zeros((len(sequences), width))
        for row, sequence in zip(out, sequences, strict=True):
            inside = [n for n in sequence if n < width]
            numbers, counts = np.unique(np.array(inside, int), return_counts=True)
            if mode == "binary":
                row[numbers] = 1
            elif mode == "count":
                row[numbers] = counts
            elif mode == "freq":
                row[numbers] = counts / max(len(sequence), 1)
            else:
                seen = np.array([self.index_docs.get(n, 0) for n in numbers.tolist()])
                rarity = np.log1p(self.document_count / (1 + seen))
                row[numbers] = (1 + np.log(counts)) * rarity
        return out

    # Files --------------------------------------------------------------------------

    def get_config(self) -> Config:
        """The settings and what was learned, in Keras' form: JSON within."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            "word_counts": json.dumps(self.word_counts),
            "word_docs": json.dumps(self.word_docs),
            "index_docs": json.dumps(self.index_docs),
            "index_word": json.dumps(self.index_word),
            "word_index": json.dumps(self.word_index),
        }

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON; `tokenizer_from_json` reads it.

        Args:
            **kwargs: Of `json.dumps`.
        """
        made = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(made, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` wrote, of onefit's or of Keras'.

    Raises:
        ValueError: JSON of something else.

    Example:
        >>> first = Tokenizer()
        >>> first.fit_on_texts(["a b a"])
        >>> tokenizer_from_json(first.to_json()).word_index
        {'a': 1, 'b': 2}
    """
    node = json.loads(json_string)
    settings = dict(node.get("config") or {}) if isinstance(node, dict) else {}
    learned = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
    if not all(isinstance(settings.get(name), str) for name in learned):
        raise invalid(
            "tokenizer_from_json",
            "JSON without what a tokenizer has learned",
            "what Tokenizer.to_json wrote",
        )
    tables = {name: json.loads(settings.pop(name)) for name in learned}
    tokenizer = Tokenizer(**settings)
    tokenizer.word_counts = collections.OrderedDict(tables["word_counts"])
    tokenizer.word_docs = collections.defaultdict(int, tables["word_docs"])
    numbered = {int(n): count for n, count in tables["index_docs"].items()}
    tokenizer.index_docs = collections.defaultdict(int, numbered)
    tokenizer.index_word = {int(n): word for n, word in tables["index_word"].items()}
    tokenizer.word_index = tables["word_index"]
    return tokenizer
