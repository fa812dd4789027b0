# ruff: noqa: D102
"""Layers that look categories up: the place of a value in a vocabulary."""

from typing import Any, ClassVar

import numpy as np

from onefit.checks import one_of
from onefit.description import setting
from onefit.errors import invalid, mistyped
from onefit.layers.host.hashes import fingerprints, sip_hashes
from onefit.layers.host.texts import as_texts, as_wholes
from onefit.layers.host.vocabulary import DROPPED, UNKNOWN, Lookup, Tally
from onefit.types import Data, Tree

__all__ = ["IntegerLookup", "StringLookup"]


def salted(value: Any) -> Any:
    """A salt as two whole numbers; one stands for both."""
    pair = (value, value) if type(value) is int else value
    if pair is None or (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(type(part) is int for part in pair)
    ):
        return None if pair is None else tuple(pair)
    raise invalid("salt", repr(value), "a whole number, or two of them")


def buckets(strings: list[bytes], count: int, salt: Any) -> np.ndarray:
    """The bin of each string, by FarmHash, or by SipHash where there is a salt."""
    hashed = fingerprints(strings) if salt is None else sip_hashes(strings, salt)
    return (hashed % np.uint64(count)).astype(np.int64)


class _Categories(Lookup, abstract=True):
    """What both lookups share: all values at once, each row by itself."""

    def look(self, x: Tree) -> np.ndarray:
        if self.invert:
            return self._inverse(as_wholes(x, self.place()))
        values = self._values(x)
        ids = self._places(values.ravel())
        return self.rows(ids.reshape(values.shape).astype(np.int32))

    def _values(self, x: Data) -> np.ndarray:
        raise NotImplementedError

    def _places(self, flat: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _inverse(self, ids: np.ndarray) -> np.ndarray:
        """The tokens of numbers; those outside the vocabulary are unknown tokens."""
        tokens = self._array([*self._specials, *self.words, self.oov_token])
        last = len(tokens) - 1
        return tokens[np.where((ids >= 0) & (ids < last), ids, last)]

    def _array(self, tokens: list) -> np.ndarray:
        raise NotImplementedError

    def tally(self, data: Data, tally: Tally) -> None:
        values = self._values(data)
        count = len(values) if values.ndim else 1
        rows = np.repeat(np.arange(count), values.size // max(count, 1))
        tally.add(values.ravel().tolist(), rows, count)


class StringLookup(_Categories):
    """The number of a category: its place in a vocabulary of strings.

    The vocabulary is given, or learned by `adapt`. It runs on the host, before the
    program.

    Args:
        max_tokens: At most so many tokens, special ones among them.
        num_oov_indices: So many numbers for categories that are not in the
            vocabulary; by a hash where there are several. With 0 they are refused.
        mask_token: The token of number 0, for padding; None for none.
        oov_token: What stands for unknown ones where numbers become strings.
        vocabulary: The categories, in the order of their numbers, or the name of a
            file with one a line.
        idf_weights: For 'tf_idf', the weight of each.
        invert: The way back, from numbers to strings.
        output_mode: 'int' for the number; 'one_hot', or 'multi_hot', 'count' and
            'tf_idf' of a row of several.
        pad_to_max_tokens: Whether rows are max_tokens wide.
        sparse: False; there are no sparse arrays here.
        encoding: Of strings that are given as bytes, and of the file.
        salt: A number, or two, for a hash that nobody foresees (SipHash).

    Input and output: strings (batch, ...) to numbers of that shape, or rows of
    vocabulary_size() numbers in place of the last axis.

    Raises:
        ValueError: No vocabulary yet, a missing value (which row), words twice.
        TypeError: Numbers.

    Differs from Keras: TensorFlow is not needed; a value that is missing is refused,
    and so is a call before there is a vocabulary; `adapt` may learn another one.

    Example:
        >>> layer = StringLookup()
        >>> layer.adapt(["blue", "red", "red"])
        >>> layer.get_vocabulary()
        ['[UNK]', 'red', 'blue']
        >>> layer(["red", "green", "blue"])
        Array([1, 0, 2], dtype=int32)

    Source: Keras, `keras.layers.StringLookup`.
    """

    takes_text = True

    oov_token: Any = "[UNK]"
    encoding: str = "utf-8"
    oov_method: str = setting(
        default="floormod", check=one_of("floormod", "farmhash"), kw_only=True
    )
    salt: Any = setting(default=None, convert=salted, kw_only=True)

    _order: ClassVar[str] = (
        "max_tokens num_oov_indices mask_token oov_token vocabulary idf_weights "
        "invert output_mode pad_to_max_tokens sparse encoding"
    )

    def as_token(self, value: Any) -> str:
        if isinstance(value, bytes):
            return value.decode(self.encoding)
        if not isinstance(value, str):
            raise mistyped(
                self.place(),
                f"{value!r} in the vocabulary",
                "strings",
                "write str(...)",
            )
        return str(value)

    def _values(self, x: Data) -> np.ndarray:
        return as_texts(x, self.place(), self.encoding)

    def _places(self, flat: np.ndarray) -> np.ndarray:
        known = self.numbers
        if self.mask_token is not None:
            code = 0 if self.output_mode == "int" else DROPPED
            known = known | {self.mask_token: code}
        values = flat.tolist()
        ids = np.fromiter(
            (known.get(v, UNKNOWN) for v in values), np.int64, len(values)
        )

        def hashed(at: np.ndarray) -> np.ndarray:
            strings = [values[i].encode(self.encoding) for i in at]
            return buckets(strings, self.num_oov_indices, self.salt)

        return self.unknown(values, ids, hashed)

    def _array(self, tokens: list) -> np.ndarray:
        return np.array(tokens)


class IntegerLookup(_Categories):
    """The number of a category: its place in a vocabulary of whole numbers.

    For ids with gaps, such as postal codes. It runs on the host, before the program.

    Args:
        max_tokens: At most so many tokens, special ones among them.
        num_oov_indices: So many numbers for values that are not in the vocabulary: by
            the rest of a division where there are several. With 0 they are refused.
        mask_token: The value of number 0, for padding; None for none.
        oov_token: What stands for unknown ones where numbers become values.
        vocabulary: The values, in the order of their numbers, or the name of a file
            with one a line.
        vocabulary_dtype: 'int64'.
        idf_weights: For 'tf_idf', the weight of each.
        invert: The way back, from numbers to values.
        output_mode: 'int' for the number; 'one_hot', or 'multi_hot', 'count' and
            'tf_idf' of a row of several.
        sparse: False; there are no sparse arrays here.
        pad_to_max_tokens: Whether rows are max_tokens wide.
        oov_method: 'farmhash' to hash unknown values instead.
        salt: A number, or two, for a hash that nobody foresees (SipHash).

    Input and output: whole numbers (batch, ...) to numbers of that shape, or rows of
    vocabulary_size() numbers in place of the last axis.

    Raises:
        ValueError: No vocabulary yet, NaN or 1.5 (which row), a value twice in it.
        TypeError: Text.

    Differs from Keras: as StringLookup does; 1.5 is refused instead of cut.

    Example:
        >>> layer = IntegerLookup(vocabulary=[10115, 80331])
        >>> layer([80331, 10115, 20095])
        Array([2, 1, 0], dtype=int32)

    Source: Keras, `keras.layers.IntegerLookup`.
    """

    oov_token: Any = -1
    vocabulary_dtype: str = setting(default="int64", check=one_of("int64"))
    oov_method: str = setting(default="floormod", check=one_of("floormod", "farmhash"))
    salt: Any = setting(default=None, convert=salted)

    _order: ClassVar[str] = (
        "max_tokens num_oov_indices mask_token oov_token vocabulary vocabulary_dtype "
        "idf_weights invert output_mode sparse pad_to_max_tokens oov_method salt"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.salt is not None and self.oov_method != "farmhash":
            raise self.misfit(
                f"salt={self.salt} with oov_method={self.oov_method!r}",
                "a salt for a hash",
                "write oov_method='farmhash'",
            )

    def as_token(self, value: Any) -> int:
        try:
            whole = int(value)
            if whole == float(value):
                return whole
        except (TypeError, ValueError):
            pass
        raise invalid(self.place(), f"{value!r} in the vocabulary", "whole numbers")

    def _values(self, x: Data) -> np.ndarray:
        return as_wholes(x, self.place())

    def _places(self, flat: np.ndarray) -> np.ndarray:
        words = np.array(self.words, np.int64)
        order = np.argsort(words)
        at = np.minimum(np.searchsorted(words, flat, sorter=order), len(words) - 1)
        there = words[order[at]] == flat
        ids = np.where(there, order[at] + sum(self.special), UNKNOWN)
        if self.mask_token is not None:
            code = 0 if self.output_mode == "int" else DROPPED
            ids = np.where(flat == self.mask_token, code, ids)

        def hashed(at: np.ndarray) -> np.ndarray:
            if self.oov_method == "floormod":
                return flat[at] % self.num_oov_indices
            strings = [str(v).encode() for v in flat[at].tolist()]
            return buckets(strings, self.num_oov_indices, self.salt)

        return self.unknown(flat.tolist(), ids, hashed)

    def _array(self, tokens: list) -> np.ndarray:
        return np.array(tokens, np.int64)
