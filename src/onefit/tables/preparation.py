"""Columns become what a network takes, by what the training rows alone tell.

A number is centred and scaled in float64, so that no digit is lost in float32. What is
missing has the middle value, and a column of codes says so where the table has gaps.
Numbers of which some are very far have asinh of their distance from the middle beside
them: nearly the distance itself where it is small, its logarithm where it is great. A
date gives its time, and of month, day of the week and hour those that vary, as places
on circles. A category gives codes; where it has many values, one of a single training
row is unknown; a number that comes again and again is such a value too. A text gives
the leading directions of its hashed words.
"""

import functools
import itertools
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.tables.inputs import Inputs
from onefit.tables.roles import (
    AGAIN,
    CIRCLES,
    INPUTS,
    MOST_WORDS,
    Column,
    middle_and_step,
)
from onefit.tables.values import Frame, Series, dates, numbers, words

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Cells", "Preparation", "counted"]

BUCKETS = 2048
"""Places that words of a text are hashed to."""

DIRECTIONS = 12
"""Numbers that a text gives."""

RARE = 50
"""With more known values than these, one of a single training row is unknown."""

FAR = 1e6
"""Scaled numbers beyond are cut: a network has no use for how far they are."""

TOKEN = re.compile(r"\w+")

Arrays = dict[str, np.ndarray]


@dataclass
class Cells:
    """A frame's cells, read once: what folds have in common.

    Args:
        values: float64 numbers by the names of their columns; NaN is missing.
        codes: Positions in `words` by the names of their columns; -1 is missing.
        words: The words of these columns.
        counts: Hashed words of texts, (rows, BUCKETS), sparse.
        wrong: How many cells of a column could not be read, where there are some.
        rows: How many rows there are.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    words: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, "csr_matrix"] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    @classmethod
    def of(cls, frame: Frame, columns: Sequence[Column], decimal: str = ".") -> "Cells":
        """The cells of these columns; one that is not there is missing in each row."""
        cells = cls(rows=len(frame))
        for column in columns:
            if column.role not in INPUTS:
                continue
            name = column.name
            given = frame[name] if name in frame else _nothing(frame)
            if column.role in ("number", "date"):
                asked = (
                    numbers(given, decimal) if column.role == "number" else dates(given)
                )
                cells.values[name], wrong = asked
                if wrong.any():
                    cells.wrong[name] = int(wrong.sum())
                continue
            codes, known = words(given, whole=column.role == "text")
            if column.role == "ordered":
                cells.values[name] = column.ranks(known)[codes]
            elif column.role == "category":
                cells.codes[name], cells.words[name] = codes, known
            else:
                cells.counts[name] = counted(codes, known)
        return cells


def _nothing(frame: Frame) -> Series:
    import pandas as pd

    return pd.Series(np.nan, frame.index, dtype=object)


def counted(codes: np.ndarray, known: list[str]) -> "csr_matrix":
    """1 + log of how often each bucket's words are in a text, (rows, BUCKETS)."""
    from scipy.sparse import csr_matrix

    rows, places = [], []
    for i, text in enumerate(known):
        tokens = TOKEN.findall(text.lower())
        pairs = [f"{a} {b}" for a, b in itertools.pairwise(tokens)]
        hashed = [zlib.crc32(token.encode()) % BUCKETS for token in tokens + pairs]
        rows += [i] * len(hashed)
        places += hashed
    ones = np.ones(len(rows))
    counts = csr_matrix((ones, (rows, places)), (len(known) + 1, BUCKETS))
    counts.sum_duplicates()
    counts.data = 1.0 + np.log(counts.data)
    return counts[codes]  # -1 is the last row, which is empty


@dataclass
class Preparation:
    """What training rows tell of each column; applied to any rows.

    Example:
        >>> import pandas as pd
        >>> from onefit.tables.roles import columns_of
        >>> frame = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", "y", "x"]})
        >>> columns = columns_of(frame)
        >>> cells = Cells.of(frame, columns)
        >>> made = Preparation.of(cells, columns, np.arange(3))(cells)
        >>> made.codes.tolist(), made.sizes  # of b, and whether a is missing
        ([[1, 1], [2, 2], [1, 1]], (2, 2))
    """

    columns: list[Column]
    arrays: Arrays
    vocabularies: dict[str, list[str]]

    @classmethod
    def of(
        cls,
        cells: Cells,
        columns: Sequence[Column],
        rows: np.ndarray,
        most: int = MOST_WORDS,
    ) -> "Preparation":
        """What these rows tell; so many values of a category are known, at most."""
        arrays: Arrays = {}
        vocabularies: dict[str, list[str]] = {}
        for c in (c for c in columns if c.role in INPUTS):
            if c.name in cells.values:
                values = _spread(c, cells.values[c.name][rows])
                arrays[f"{c.name}/scale"] = np.stack([_scale(v) for v in values])
                if c.tails:
                    middle, step = middle_and_step(values[0])
                    inverse = 1.0 / step if step and np.isfinite(1.0 / step) else 0.0
                    arrays[f"{c.name}/tails"] = np.array([middle, inverse])
                if c.repeats:
                    found, times = np.unique(values[0], return_counts=True)
                    again = (times >= AGAIN) & ~np.isnan(found)
                    arrays[f"{c.name}/levels"] = found[again]
            elif c.name in cells.codes:
                vocabularies[c.name] = _vocabulary(
                    cells.codes[c.name][rows], cells.words[c.name], most
                )
            else:
                directions, weights = _directions(cells.counts[c.name][rows])
                arrays[f"{c.name}/directions"] = directions
                arrays[f"{c.name}/weights"] = weights
        return cls([c for c in columns if c.role in INPUTS], arrays, vocabularies)

    def __call__(self, cells: Cells) -> Inputs:
        """These cells as numbers and codes."""
        found: list[np.ndarray] = []
        codes: list[np.ndarray] = []
        gaps: list[np.ndarray] = []
        again: list[np.ndarray] = []
        levels: list[int] = []
        for column in self.columns:
            name = column.name
            if name in self.vocabularies:
                known = self.places[name]
                places = [known.get(word, 0) for word in cells.words[name]]
                codes.append(np.array([*places, 0], np.int32)[cells.codes[name]])
                continue
            if f"{name}/directions" in self.arrays:
                found += list(self._text(cells.counts[name], name).T)
                continue
            values = _spread(column, cells.values[name])
            for v, (middle, scale) in zip(
                values, self.arrays[f"{name}/scale"], strict=True
            ):
                with np.errstate(over="ignore"):  # it ends at FAR
                    z = (v - middle) * scale
                z = np.where(np.isnan(z), 0.0, np.minimum(np.maximum(z, -FAR), FAR))
                found.append(z.astype(np.float32))
            if column.tails:
                middle, inverse = self.arrays[f"{name}/tails"]
                with np.errstate(over="ignore"):
                    z = np.nan_to_num(np.arcsinh((values[0] - middle) * inverse))
                found.append(z.astype(np.float32))
            if column.missing:
                gaps.append(np.isnan(values[0]).astype(np.int32) + 1)
            if column.repeats:
                known = self.arrays[f"{name}/levels"]
                again.append(_codes_of(values[0], known))
                levels.append(len(known))
        rows = cells.rows
        sizes = tuple(
            len(self.vocabularies[c.name])
            for c in self.columns
            if c.name in self.vocabularies
        )
        return Inputs(
            np.stack(found, 1) if found else np.zeros((rows, 0), np.float32),
            np.stack([*codes, *gaps, *again], 1)
            if codes or gaps or again
            else np.zeros((rows, 0), np.int32),
            (*sizes, *(2,) * len(gaps), *levels),
            len(again),
        )

    @functools.cached_property
    def places(self) -> dict[str, dict[str, int]]:
        """The codes of words, by the names of columns."""
        return {
            name: {word: i + 1 for i, word in enumerate(known)}
            for name, known in self.vocabularies.items()
        }

    def names(self) -> list[str]:
        """The column that each of the numbers, then each of the codes, comes from."""
        named, coded, gaps, again = [], [], [], []
        for c in self.columns:
            if c.name in self.vocabularies:
                coded.append(c.name)
            elif f"{c.name}/directions" in self.arrays:
                named += [c.name] * self.arrays[f"{c.name}/directions"].shape[1]
            else:
                named += [c.name] * (len(self.arrays[f"{c.name}/scale"]) + c.tails)
                gaps += [c.name] * bool(c.missing)
                again += [c.name] * c.repeats
        return [*named, *coded, *gaps, *again]

    def _text(self, counts: "csr_matrix", name: str) -> np.ndarray:
        weights = self.arrays[f"{name}/weights"]
        told = (
            _unit(counts.multiply(weights).tocsr()) @ self.arrays[f"{name}/directions"]
        )
        return np.asarray(told, np.float32)

    def state(self) -> tuple[dict[str, Any], Arrays]:
        """The preparation for a file: JSON, and arrays by name.

        Words that stand among the values of their column are places there: each is
        written once, however many folds know it.
        """
        arrays, rest = dict(self.arrays), dict[str, list[str]]()
        for column in self.columns:
            if (known := self.vocabularies.get(column.name)) is None:
                continue
            places = {word: i for i, word in enumerate(column.values)}
            if all(word in places for word in known):
                own = np.array([places[word] for word in known], np.int32)
                arrays[f"{column.name}/known"] = own
            else:
                rest[column.name] = known
        return {"vocabularies": rest}, arrays

    @classmethod
    def from_state(
        cls, columns: Sequence[Column], config: dict[str, Any], arrays: Arrays
    ) -> "Preparation":
        """The preparation that `state` gave."""
        inputs = [column for column in columns if column.role in INPUTS]
        arrays, vocabularies = dict(arrays), dict(config["vocabularies"])
        for column in inputs:
            places = arrays.pop(f"{column.name}/known", None)
            if places is not None:
                vocabularies[column.name] = [column.values[i] for i in places]
        return cls(inputs, arrays, vocabularies)


def _codes_of(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """1 + the place of each value among those that are known, 0 where it is none."""
    if not len(known):
        return np.zeros(len(values), np.int32)
    at = np.minimum(np.searchsorted(known, values), len(known) - 1)
    return np.where(known[at] == values, at + 1, 0).astype(np.int32)


def _spread(column: Column, values: np.ndarray) -> list[np.ndarray]:
    """A number as itself; a date as its time, and as places on circles."""
    if column.role != "date":
        return [values]
    periods = [CIRCLES[part] for part in column.circles]
    turns = [2 * np.pi * values / period for period in periods]
    return [values, *(f(turn) for turn in turns for f in (np.sin, np.cos))]


def _scale(values: np.ndarray) -> tuple[float, float]:
    """The middle of the values, and one over how far a half of them is spread."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 0.0
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    least = 1e-12 * max(abs(low), abs(high))
    for spread in (high - low, np.ptp(known) / 2):
        if spread > least and np.isfinite(1.0 / spread):
            return float(middle), float(1.0 / spread)
    return float(middle), 0.0


def _vocabulary(codes: np.ndarray, known: list[str], most: int) -> list[str]:
    """The words that are known, the commonest first."""
    times = np.bincount(codes[codes >= 0], minlength=len(known))
    least = 2 if (times > 0).sum() > RARE else 1
    order = np.argsort(-times, kind="stable")[:most]
    return [known[i] for i in order if times[i] >= least]


def _directions(counts: Any) -> tuple[np.ndarray, np.ndarray]:
    """The leading directions of texts, scaled, and the weights of the buckets."""
    from scipy.sparse.linalg import svds

    rows = counts.shape[0]
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    weights = np.log((1 + rows) / (1 + seen)) + 1.0
    unit: Any = _unit(counts.multiply(weights).tocsr())
    found = np.zeros((BUCKETS, DIRECTIONS))
    kept = min(DIRECTIONS, rows - 2)
    if kept < 1 or not unit.nnz:
        return found, weights
    made: Any = svds(unit, kept, v0=np.ones(min(unit.shape)))
    values, vectors = made[1], made[2].T
    # The sign of a direction is free: the largest part is positive, always.
    vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(kept)])
    spread = values / np.sqrt(rows)
    found[:, :kept] = vectors / np.where(spread > 1e-6, spread, np.inf)
    return found, weights


def _unit(counts: "csr_matrix") -> "csr_matrix":
    from scipy.sparse import diags

    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    scaled: Any = diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ counts
    return scaled.tocsr()
