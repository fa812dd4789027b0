# ruff: noqa: D102
"""The vocabulary of a host layer: what it holds, and how it is learned from data."""

import collections
import functools
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from onefit import config
from onefit.checks import one_of, whole
from onefit.description import setting
from onefit.errors import invalid
from onefit.layers.host.base import HostLayer, encoded, encoded_shape
from onefit.layers.host.texts import batches, rows_of
from onefit.layers.settings import only
from onefit.types import Data, Shapes

__all__ = ["DROPPED", "UNKNOWN", "Lookup", "Tally", "mode"]

OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")

DROPPED = -2
"""The number of a token that leaves no trace: that of padding, in rows of counts."""

UNKNOWN = -1
"""The number of a token that is not in the vocabulary, until it gets one."""

dense = only(False, fix="leave it out: an array of zeros and ones serves as well")


def mode(value: Any) -> Any:
    """A mode of the output by its present name."""
    return OLD_MODES.get(value, value) if isinstance(value, str) else value


def _size(place: str, name: str, value: Any) -> None:
    whole(2, optional=True)(place, name, value)


class Tally:
    """What `adapt` counts: how often each token comes, and in how many documents.

    Args:
        documents: Whether documents are counted.
    """

    def __init__(self, documents: bool) -> None:
        # A token that is new gets the next number.
        self.numbers: dict[Any, int] = collections.defaultdict(
            itertools.count().__next__
        )
        self.counts = np.zeros(0, np.int64)
        self.documents = np.zeros(0, np.int64) if documents else None
        self.rows = 0

    def add(self, tokens: Iterable, rows: np.ndarray, count: int) -> None:
        """Counts some tokens.

        Args:
            tokens: The tokens.
            rows: The document of each; of those below 0 it is none that counts.
            count: How many documents there are.
        """
        ids = np.fromiter(map(self.numbers.__getitem__, tokens), np.int64, len(rows))
        ids, rows, known = ids[rows >= 0], rows[rows >= 0], len(self.numbers)
        self.counts = _sum(self.counts, np.bincount(ids, minlength=known))
        if self.documents is not None:
            once = np.unique(rows * known + ids) % max(known, 1)
            self.documents = _sum(self.documents, np.bincount(once, minlength=known))
            self.rows += count


def _sum(short: np.ndarray, long: np.ndarray) -> np.ndarray:
    long[: len(short)] += short
    return long


class Special(NamedTuple):
    """The tokens that are no words, at the beginning of a vocabulary.

    Attributes:
        mask: How many there are for padding: one or none.
        oov: How many for words that are not in the vocabulary.
    """

    mask: int
    oov: int


class Lookup(HostLayer, abstract=True):
    """Base of the layers with a vocabulary: the number of a token is its place there.

    At its beginning stand the token of padding, if there is one and the numbers are
    given as such, and those of unknown tokens. A subclass says how a token is read:
    `as_token`; and `tally`, `look`.
    """

    max_tokens: int | None = setting(default=None, check=_size)
    num_oov_indices: int = setting(default=1, check=whole(0))
    mask_token: Any = None
    oov_token: Any = None
    vocabulary: Any = setting(default=None, identity=False)
    idf_weights: Any = setting(default=None, identity=False)
    invert: bool = False
    output_mode: str = setting(default="int", convert=mode, check=one_of(*MODES))
    sparse: bool = setting(default=False, check=dense)
    pad_to_max_tokens: bool = False
    told_size: Any = setting(
        default=None, identity=False, alias="vocabulary_size", kw_only=True
    )

    _mutable: ClassVar[frozenset[str]] = HostLayer._mutable | {
        *("vocabulary", "idf_weights", "told_size")
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.invert and self.output_mode != "int":
            raise self.misfit(
                f"output_mode={self.output_mode!r} beside invert=True",
                "output_mode='int', as a token is one value",
                "leave output_mode out",
            )
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise self.misfit(
                "pad_to_max_tokens=True without max_tokens",
                "the number to pad to",
                "write max_tokens=10000",
            )
        if self.idf_weights is not None and self.output_mode != "tf_idf":
            raise self.misfit(
                f"idf_weights with output_mode={self.output_mode!r}",
                "them for 'tf_idf' alone",
                "write output_mode='tf_idf'",
            )
        if self.vocabulary is not None:
            self.set_vocabulary(self.vocabulary, self.idf_weights)

    def __repr__(self) -> str:
        text = super().__repr__()
        for long in (self.vocabulary, self.idf_weights):
            if long is not None and len(long) > 6:
                text = text.replace(repr(long), f"({long[0]!r}, ..., {long[-1]!r})")
        return text

    # What a subclass says -----------------------------------------------------------

    def as_token(self, value: Any) -> Any:
        """A token of a vocabulary in the form in which it is kept."""
        raise NotImplementedError

    def tally(self, data: Data, tally: Tally) -> None:
        """Counts the tokens of one batch."""
        raise NotImplementedError

    # The vocabulary -------------------------------------------------------------------

    @property
    def special(self) -> Special:
        """How many tokens come before the words."""
        mask = self.mask_token is not None and self.output_mode == "int"
        return Special(int(mask), self.num_oov_indices)

    @property
    def _specials(self) -> list:
        mask, oov = self.special
        return [self.mask_token] * mask + [self.oov_token] * oov

    @functools.cached_property
    def words(self) -> tuple:
        """The tokens of the vocabulary, without the special ones."""
        if self.vocabulary is None:
            raise self.misfit(
                "rows to look up before there is a vocabulary",
                "a layer that has seen data, or was given its words",
                "write layer.adapt(x) on the training rows first, or "
                f"{type(self).__name__}(vocabulary=[...])",
            )
        told = sum(self.special)
        given = self.vocabulary
        return given[told:] if list(given[:told]) == self._specials else given

    @functools.cached_property
    def numbers(self) -> dict:
        """The number of each word."""
        return {word: i for i, word in enumerate(self.words, sum(self.special))}

    @functools.cached_property
    def idf(self) -> np.ndarray:
        """The weight of each number in 'tf_idf': of unknown words the mean."""
        weights = np.asarray(self.idf_weights, "float64")
        missing = sum(self.special) + len(self.words) - len(weights)
        front = np.full(missing, weights.mean())
        return np.concatenate([front, weights]).astype(config.floatx())

    def _renew(self, vocabulary: tuple | None, weights: tuple | None) -> None:
        for name in ("words", "numbers", "idf", *self.forgets):
            vars(self).pop(name, None)
        self.vocabulary, self.idf_weights = vocabulary, weights
        self.told_size = None if vocabulary is None else self.vocabulary_size()

    forgets: ClassVar[tuple[str, ...]] = ()
    """What else is kept of the vocabulary until the next one."""

    def get_vocabulary(self, include_special_tokens: bool = True) -> list:
        """The tokens in the order of their numbers.

        Args:
            include_special_tokens: Whether the tokens of padding and of unknown words
                are among them. Those that the layer does not know yet are all it has.
        """
        words = [] if self.vocabulary is None else list(self.words)
        return [*(self._specials if include_special_tokens else []), *words]

    def vocabulary_size(self) -> int:
        """How many numbers there are, those of the special tokens among them."""
        words = 0 if self.vocabulary is None else len(self.words)
        return sum(self.special) + words

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Gives the layer its words, in place of `adapt`.

        Args:
            vocabulary: The words, in the order of their numbers, or the name of a file
                with one a line. The special tokens may stand first, all of them.
            idf_weights: For 'tf_idf', the weight of each.

        Raises:
            ValueError: No words, a word twice, a special token among them, more than
                max_tokens, a file that is not there, weights that do not fit.
        """
        place = self.place(".set_vocabulary")
        tokens = self._read(vocabulary, place)
        if not tokens:
            raise invalid(place, "no words", "one word or more")
        if (idf_weights is None) == (self.output_mode == "tf_idf"):
            raise invalid(
                place,
                f"{'no ' if idf_weights is None else ''}idf_weights with "
                f"output_mode={self.output_mode!r}",
                "them for 'tf_idf' alone, and there always",
                "write layer.adapt(x), which measures them",
            )
        told = sum(self.special)
        words = tokens[told:] if list(tokens[:told]) == self._specials else tokens
        self._check(words, place)
        weights = None
        if idf_weights is not None:
            weights = tuple(np.asarray(idf_weights, "float64").ravel().tolist())
            if len(weights) != len(tokens):
                raise invalid(
                    place,
                    f"{len(weights)} idf_weights for {len(tokens)} words",
                    "one for each word",
                )
        self._renew(tokens, weights)

    def _read(self, vocabulary: Any, place: str) -> tuple:
        if isinstance(vocabulary, str | Path):
            path = Path(vocabulary)
            if not path.is_file():
                raise invalid(
                    place,
                    f"the file {str(vocabulary)!r}, which is not there",
                    "a list of words, or a file with one a line",
                )
            lines = path.read_text(getattr(self, "encoding", "utf-8")).split("\n")
            lines = [line.removesuffix("\r") for line in lines]
            while lines and not lines[-1]:
                lines.pop()
            return tuple(map(self.as_token, lines))
        flat = rows_of(vocabulary, place).ravel().tolist()
        return tuple(map(self.as_token, flat))

    def _check(self, words: Sequence, place: str) -> None:
        twice = [w for w, n in collections.Counter(words).items() if n > 1]
        if twice:
            raise invalid(
                place,
                f"{', '.join(map(repr, twice[:5]))} more than once",
                "each word once",
                "write list(dict.fromkeys(words))",
            )
        reserved = [self.mask_token, *([self.oov_token] if self.invert else [])]
        for token in reserved:
            if token is not None and token in words:
                raise invalid(
                    place,
                    f"the special token {token!r} at place {words.index(token)}",
                    f"words alone, or all special tokens first: {[*self._specials]}",
                    "leave it out",
                )
        size = sum(self.special) + len(words)
        if self.max_tokens is not None and size > self.max_tokens:
            raise invalid(
                place,
                f"{size} tokens, {sum(self.special)} of them special",
                f"at most max_tokens={self.max_tokens}",
                f"write max_tokens={size}",
            )

    # Learning it ----------------------------------------------------------------------

    def adapt(
        self, data: Data, batch_size: int | None = None, steps: int | None = None
    ) -> None:
        """Learns the vocabulary: the tokens in the data, the most frequent first.

        Of equally frequent ones, the last in the alphabet comes first. With max_tokens
        the rare ones are left out. For 'tf_idf' it measures their weights, too:
        log(1 + rows / (1 + rows with the token)).

        Args:
            data: Rows, or a stream of batches of them. Of (x, y) it is x.
            batch_size: Accepted for Keras' scripts; the order of work is no matter.
            steps: So many batches at most.

        Raises:
            ValueError, TypeError: Data that are empty, or not what the layer takes.
        """
        del batch_size
        self.reset_state()
        for batch in batches(data, steps):
            self.update_state(batch)
        self.finalize_state()

    def reset_state(self) -> None:
        """Forgets the counts of `update_state`; the vocabulary stays."""
        counted = Tally(documents=self.output_mode == "tf_idf")
        object.__setattr__(self, "_tally", counted)

    def update_state(self, data: Data) -> None:
        """Counts the tokens of one batch."""
        if "_tally" not in self.__dict__:
            self.reset_state()
        self.tally(data, self.__dict__["_tally"])

    def finalize_state(self) -> None:
        """Makes the vocabulary of what was counted, and forgets the counts."""
        tally = vars(self).pop("_tally", None) or Tally(documents=False)
        special = {self.mask_token, self.oov_token}
        counts = tally.counts.tolist()
        found = [
            (counts[i], word, i)
            for token, i in tally.numbers.items()
            if counts[i] and (word := self.as_token(token)) not in special
        ]
        found.sort(reverse=True)
        if not found:
            raise invalid(
                self.place(".adapt"), "data without a token", "one token or more"
            )
        if self.max_tokens is not None:
            found = found[: max(self.max_tokens - sum(self.special), 0)]
        weights = None
        if tally.documents is not None:
            seen = tally.documents[[i for *_, i in found]].astype("float64")
            weights = tuple(np.log1p(tally.rows / (1 + seen)).tolist())
        self._renew(tuple(word for _, word, _ in found), weights)

    # What comes out -------------------------------------------------------------------

    @property
    def depth(self) -> int | None:
        """The width of rows in modes other than 'int'; None before it is known."""
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self.told_size

    def output_shape(self, input_shape: Shapes) -> Shapes:
        if self.output_mode == "int":
            return input_shape
        if self.depth is None:
            raise self.misfit(
                f"output_mode={self.output_mode!r} in a network, before the vocabulary "
                "is known",
                "a known width of its rows",
                "call layer.adapt(x) before the model is made, or write "
                "max_tokens=10000, pad_to_max_tokens=True",
            )
        mode = "multi_hot" if self.output_mode == "tf_idf" else self.output_mode
        return encoded_shape(input_shape, mode, self.depth)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Numbers of tokens in the layer's mode; `DROPPED` is no token."""
        if self.output_mode == "int":
            return ids
        depth, mode = self.depth or self.vocabulary_size(), self.output_mode
        if mode != "tf_idf":
            return encoded(ids, mode, depth, config.floatx())
        return encoded(ids, "count", depth, config.floatx()) * self.padded_idf(depth)

    def padded_idf(self, depth: int) -> np.ndarray:
        """The weights of 'tf_idf', with zeros up to the width."""
        return np.pad(self.idf, (0, depth - len(self.idf)))

    def unknown(self, values: Iterable, ids: np.ndarray, buckets: Any) -> np.ndarray:
        """The ids, with numbers in place of `UNKNOWN`.

        Args:
            values: The tokens, for the error.
            ids: Their numbers, one axis.
            buckets: A function that gives for places in `ids` which of several
                numbers of unknown tokens each has.
        """
        away = np.flatnonzero(ids == UNKNOWN)
        if not away.size:
            return ids
        if self.num_oov_indices == 0:
            odd = [v for v, i in zip(values, ids, strict=True) if i == UNKNOWN]
            known = list(dict.fromkeys(odd))
            raise self.misfit(
                f"{', '.join(map(repr, known[:5]))}, which the vocabulary has not",
                "its words alone, as num_oov_indices=0",
                "write num_oov_indices=1",
            )
        ids = ids.copy()
        several = self.num_oov_indices > 1
        ids[away] = self.special.mask + (buckets(away) if several else 0)
        return ids
