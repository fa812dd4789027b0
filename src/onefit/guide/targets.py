"""What a target asks for: classes, labels, shares, quantities."""

import dataclasses
from typing import Any, Literal

import numpy as np

from onefit.types import ArrayLike

__all__ = ["Kind", "Targets", "kind_of"]

Kind = Literal[
    "constant",
    "binary",
    "signs",
    "classes",
    "one-hot",
    "several labels",
    "distribution",
    "share",
    "counts",
    "positive",
    "real",
]

FEW = 20
"""The most distinct whole numbers that may be the numbers of classes.

More are read as classes only where there are at least as many rows of each: the square
root of all rows.
"""

FULL = 0.5
"""The share of the numbers from the lowest to the highest that are there in classes.

A part of the digits (0, 1 and 3) has gaps; counts of rides (0 to 977) nearly only gaps.
"""

LONG_TAIL = 2.0
"""The third moment from which on quantities count as skewed: that of an exponential."""

ROWS_TO_JUDGE = 20
"""Fewer rows say nothing about the shape of their distribution."""


@dataclasses.dataclass(frozen=True)
class Targets:
    """A target, described.

    Attributes:
        kind: What it asks for.

            * "binary": 0 or 1; "signs": -1 or 1
            * "classes": the number (or name) of one class among several
            * "one-hot": a row of zeros with a one at its class
            * "several labels": rows of zeros and ones, with any number of ones
            * "distribution": rows of shares that sum to 1
            * "share": numbers from 0 to 1
            * "counts": whole numbers from 0 on, too many for classes
            * "positive": quantities that are never negative; "real": any quantities
            * "constant": one value everywhere
        rows, width: How many rows there are, and numbers in a row (of a step, where
            rows are sequences).
        shape: The target's shape, without a last axis of size 1.
        classes: The classes: their numbers or names; with one-hot rows and labels,
            the columns.
        counts: How many rows (or steps) each of them has.
        whole: Whether all are whole numbers.
        text: Whether they are names, which have to be numbered first.
        low, high, mean, deviation: Of the finite numbers.
        sorted: Whether the rows stand in the order of their targets: classes in one
            piece each, quantities rising or falling.
        skewed: Whether quantities have a long tail to the right.
    """

    kind: Kind
    rows: int
    width: int
    shape: tuple[int, ...]
    classes: tuple[Any, ...] = ()
    counts: tuple[int, ...] = ()
    whole: bool = False
    text: bool = False
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    deviation: float = 0.0
    sorted: bool = False
    skewed: bool = False

    @property
    def exclusive(self) -> bool:
        """Whether each row has one class of several."""
        return self.kind in ("binary", "signs", "classes", "one-hot")

    @property
    def quantities(self) -> bool:
        """Whether the numbers are amounts rather than classes."""
        return self.kind in ("share", "counts", "positive", "real")

    @property
    def size(self) -> float:
        """Their usual size, the root of the mean square."""
        return float(np.hypot(self.mean, self.deviation))

    @property
    def major(self) -> float:
        """The share of the class that has most rows; 0 where there are no classes."""
        return max(self.counts) / sum(self.counts) if sum(self.counts) else 0.0


def kind_of(y: ArrayLike) -> Targets:
    """What these targets, (n,), (n, 1), (n, k) or more axes, ask for.

    A guess where numbers alone do not say: 0, 1, 2, 2, 1 may be classes or counts.
    Whole numbers are classes when they are few, start at 0 or 1, leave few gaps and
    come back; rows of a target that is not finite are left out.

    >>> kind_of([0, 1, 1, 0]).kind, kind_of([[0.2], [0.5]]).kind
    ('binary', 'share')
    >>> digits = kind_of([3, 1, 2, 0] * 5)
    >>> digits.kind, digits.classes, digits.counts
    ('classes', (0, 1, 2, 3), (5, 5, 5, 5))
    >>> kind_of(np.eye(3)[[0, 1, 2, 2]]).kind, kind_of([1.5, -2.0, 0.3]).kind
    ('one-hot', 'real')
    """
    array = np.asarray(y)
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    rows, shape = len(array), array.shape
    width = shape[-1] if array.ndim > 1 else 1
    if array.dtype.kind in "OUS":
        return _names(array, rows, width, shape)
    if array.dtype.kind == "b":
        array = array.astype(np.int8)
    if array.dtype.kind == "f":
        good = np.isfinite(array)
        if not good.all():
            array = array[good.reshape(rows, -1).all(axis=1)]
    if not array.size:
        return Targets("constant", rows, width, shape)
    low, high = float(array.min()), float(array.max())
    mean, deviation = float(array.mean()), float(array.std(dtype=np.float64))
    # A test of all numbers is spared where the first ones tell.
    whole = array.dtype.kind in "iu" or (
        _is_whole(array.ravel()[:64]) and _is_whole(array)
    )
    facts: dict[str, Any] = {
        "rows": rows,
        "width": width,
        "shape": shape,
        "whole": whole,
        "low": low,
        "high": high,
        "mean": mean,
        "deviation": deviation,
    }
    if low == high:
        return Targets("constant", **facts)
    kind, ids, classes = _kind(array, whole, low, high)
    if kind in ("one-hot", "several labels"):
        axes = tuple(range(array.ndim - 1))
        counts = tuple(int(n) for n in array.sum(axis=axes))
    elif ids is not None:
        counts = tuple(int(n) for n in _counted(ids, classes))
    else:
        counts = ()
    single = ids if ids is not None and ids.ndim == 1 else None
    if single is not None:
        ordered = int((single[1:] != single[:-1]).sum()) == len(classes) - 1
    else:
        ordered = array.ndim == 1 and not classes and _monotone(array)
    return Targets(
        kind,
        **facts,
        classes=tuple(classes),
        counts=counts,
        sorted=bool(ordered and rows > 2),
        skewed=kind in ("counts", "positive") and _skewed(array, mean, deviation),
    )


def _names(array: np.ndarray, rows: int, width: int, shape: tuple[int, ...]) -> Targets:
    """Targets that are text: the names of classes."""
    labels, counts = np.unique(array.astype(str), return_counts=True)
    known: dict[int, Kind] = {1: "constant", 2: "binary"}
    kind = known.get(len(labels), "classes")
    flat = array.astype(str).ravel()
    return Targets(
        kind,
        rows,
        width,
        shape,
        classes=tuple(labels.tolist()),
        counts=tuple(counts.tolist()),
        text=True,
        sorted=rows > 2 and int((flat[1:] != flat[:-1]).sum()) == len(labels) - 1 > 0,
    )


def _kind(
    array: np.ndarray, whole: bool, low: float, high: float
) -> tuple[Kind, np.ndarray | None, list[int]]:
    """The kind, with the class of each row and the classes, where there are such."""
    several = array.ndim > 1
    if several and low >= 0 and high <= 1:
        ones = array.sum(axis=-1)
        if whole:
            if (ones == 1).all():
                ids = array.argmax(axis=-1)
                return "one-hot", ids, [*range(array.shape[-1])]
            return "several labels", None, [*range(array.shape[-1])]
        if np.allclose(ones, 1, atol=1e-3):
            return "distribution", None, []
    if whole and high - low < 2**20:
        found = np.flatnonzero(np.bincount((array - low).astype(np.int64).ravel()))
        classes = [int(n + low) for n in found]
        if classes in ([0, 1], [-1, 1]):
            return ("binary" if low == 0 else "signs"), array, classes
        if _class_like(classes, array):
            return "classes", array, classes
    if low < 0:
        return "real", None, []
    if whole:
        return "counts", None, []
    return ("share" if high <= 1 else "positive"), None, []


def _class_like(classes: list[int], array: np.ndarray) -> bool:
    """Whether these distinct whole numbers may number classes."""
    k, low, high = len(classes), classes[0], classes[-1]
    few = k <= max(FEW, array.size**0.5)
    full = k >= FULL * (high - low + 1) or (k == 2 and array.dtype.kind in "iu")
    return few and full and low in (-1, 0, 1) and array.size >= 2 * k


def _is_whole(array: np.ndarray) -> bool:
    return bool((array == np.rint(array)).all())


def _counted(ids: np.ndarray, classes: list[int]) -> np.ndarray:
    start = classes[0]
    counts = np.bincount((ids - start).astype(np.int64).ravel())
    return counts[[c - start for c in classes if c - start < len(counts)]]


def _monotone(array: np.ndarray) -> bool:
    steps = np.diff(array)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _skewed(array: np.ndarray, mean: float, deviation: float) -> bool:
    if len(array) < ROWS_TO_JUDGE or not deviation:
        return False
    return bool((((array - mean) / deviation) ** 3).mean() > LONG_TAIL)
