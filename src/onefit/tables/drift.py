"""Whether other rows look like those of training, column by column.

Of each column the model keeps in how many parts of the training rows its cells lay:
between quantiles for numbers and dates, by word for categories. Other rows are counted
in the same parts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onefit.tables.roles import Column
from onefit.tables.values import Frame, Series, dates, numbers, words

__all__ = ["Counts", "shares_of"]

PARTS, WORDS = 10, 30
"""Parts that numbers are cut into by quantiles, and words that count by themselves."""

FEW, SMALL, CHANCE = 50, 0.1, 1e-3
"""Rows below which nothing is said; the least share of rows that has to have moved;
how seldom chance may move as much."""


def shares_of(column: Column, cells: Series) -> tuple[list, list[float]]:
    """The parts of a column of training, and the share of rows in each.

    Returns:
        Edges of numbers, or words; shares of each part, then of all else, then missing.
    """
    if column.role in ("number", "date"):
        values = _values(column, cells)
        known = values[~np.isnan(values)]
        parts = np.linspace(0, 1, PARTS + 1)[1:-1]
        edges = np.unique(np.quantile(known, parts)).tolist() if len(known) else []
    elif column.role in ("category", "ordered"):
        codes, found = words(cells)
        times = np.bincount(codes[codes >= 0], minlength=len(found))
        edges = [found[i] for i in np.argsort(-times, kind="stable")[:WORDS]]
    else:
        return [], []
    counts = _counted(column, edges, cells)
    return edges, (counts / max(counts.sum(), 1)).tolist()


def _values(column: Column, cells: Series, decimal: str = ".") -> np.ndarray:
    if column.role == "date":
        return dates(cells)[0]
    return numbers(cells, decimal)[0]


def _counted(
    column: Column, edges: Sequence[Any], cells: Series, decimal: str = "."
) -> np.ndarray:
    """How many cells lie in each part, then missing ones."""
    if column.role in ("number", "date"):
        values = _values(column, cells, decimal)
        places = np.searchsorted(np.array(edges, float), values, side="left")
        places[np.isnan(values)] = len(edges) + 1
        return np.bincount(places, minlength=len(edges) + 2)
    codes, found = words(cells)
    known = {word: i for i, word in enumerate(edges)}
    of_word = [known.get(word, len(edges)) for word in found]
    places = np.array([*of_word, len(edges) + 1])[codes]
    return np.bincount(places, minlength=len(edges) + 2)


@dataclass
class Counts:
    """Other rows, counted in the parts of the training rows; of any number of frames.

    Attributes:
        columns: Those with shares.
        counts: By the names of columns.
        trained: How many rows the shares are of.
    """

    columns: Sequence[Column]
    trained: int
    counts: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, frame: Frame) -> None:
        """Counts the rows of a frame."""
        decimal = frame.attrs.get("decimal", ".")
        for column in self.columns:
            if column.shares and column.name in frame:
                more = _counted(column, column.parts, frame[column.name], decimal)
                self.counts[column.name] = self.counts.get(column.name, 0) + more

    def found(self) -> list[dict[str, Any]]:
        """The columns whose rows are others, the most moved first.

        Returns:
            For each its name, the share of rows that would have to change for it to be
            as in training (`moved`), and where it changed most: (`part`, `trained`,
            `now`).
        """
        lines = []
        for column in self.columns:
            counts = self.counts.get(column.name)
            if counts is None or counts.sum() < FEW:
                continue
            share, before = counts / counts.sum(), np.array(column.shares)
            moved = float(np.abs(share - before).sum() / 2)
            if moved >= SMALL and _chance(before, counts, self.trained) < CHANCE:
                at = int(np.abs(share - before).argmax())
                lines.append({
                    "column": column.name,
                    "moved": moved,
                    "part": _part(column, at),
                    "trained": float(before[at]),
                    "now": float(share[at]),
                })  # fmt: skip
        return sorted(lines, key=lambda line: -line["moved"])

    def sentences(self, most: int = 5) -> list[str]:
        """What `found` has, for people."""
        return [
            f"column {line['column']!r} is not as in training: {line['part']} in "
            f"{100 * line['now']:.3g} % of rows, {100 * line['trained']:.3g} % there "
            f"({100 * line['moved']:.2g} % of rows have moved)"
            for line in self.found()[:most]
        ]


def _chance(before: np.ndarray, counts: np.ndarray, trained: int) -> float:
    """How often chance alone moves as much: the χ² test of two tables of counts."""
    from scipy.stats import chi2

    both = np.stack([before * trained, counts])
    both = both[:, both.sum(axis=0) > 0]
    wanted = both.sum(axis=1, keepdims=True) * both.sum(axis=0) / both.sum()
    far = float((np.square(both - wanted) / wanted).sum())
    return float(chi2.sf(far, max(both.shape[1] - 1, 1)))


def _part(column: Column, at: int) -> str:
    """A part in words."""
    edges = column.parts
    if at > len(edges):
        return "missing"
    if column.role not in ("number", "date"):
        return repr(edges[at]) if at < len(edges) else "words that are rare or new"
    if not edges:
        return "a number"
    shown = [_shown(column, edge) for edge in edges]
    if at == 0:
        return f"up to {shown[0]}"
    if at == len(edges):
        return f"above {shown[-1]}"
    return f"above {shown[at - 1]} up to {shown[at]}"


def _shown(column: Column, edge: float) -> str:
    if column.role == "date":
        return str(np.datetime64("1970-01-01") + np.timedelta64(int(edge), "D"))
    return f"{edge:.6g}"
