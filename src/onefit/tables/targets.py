"""What is predicted: which kind of problem, and why; folds that fit it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from onefit import config
from onefit.errors import invalid
from onefit.tables.heads import HEADS
from onefit.tables.roles import ID
from onefit.tables.values import Series, numbers, words

__all__ = ["PROBLEMS", "Split", "Target", "cut_off", "folds_of", "target_of"]

PROBLEMS = ("auto", *HEADS)

SKEW, SIZES = 2.0, 20.0
"""The skewness from which on the logarithm of a number is learned, if its 99th part of
a hundred is so many times the middle."""

COUNTED, LEANS = 100, 0.4
"""The greatest middle value of what is taken for a count, and its least skewness."""

CUT = 0.02
"""The share of rows with the greatest or the least number that looks cut off there."""

CLASSES = 20
"""Whole numbers that repeat, with at most this many values, are taken for classes."""

FEW_NUMBERS = 30
"""With fewer numbers their shape says nothing."""

FEW = 3
"""With fewer rows nothing is learned."""

Split = tuple[np.ndarray, np.ndarray]
"""Rows to train on, rows to ask."""


@dataclass
class Target:
    """The column that is predicted.

    Args:
        name: As in the table.
        problem: A name of `onefit.tables.heads.HEADS`.
        reason: Why, in a few words.
        classes: Their values, words or numbers; None for regression.
        lowest, highest: Of the numbers of a regression.
    """

    name: str
    problem: str
    reason: str
    classes: list[str | int | float] | None = None
    lowest: float | None = None
    highest: float | None = None

    def encoded(self, cells: Series) -> np.ndarray:
        """Class numbers, -1 where unknown or missing; or numbers, NaN where missing."""
        if self.classes is None:
            return numbers(cells)[0]
        known = {_spelled(value): i for i, value in enumerate(self.classes)}
        codes, found = words(cells, whole=True)
        places = [known.get(word, -1) for word in found]
        return np.array([*places, -1], np.int32)[codes]

    def named(self, codes: np.ndarray) -> np.ndarray:
        """The classes of these numbers, as the table writes them."""
        return np.array(self.classes)[codes]

    def state(self) -> dict[str, Any]:
        """The target for a file."""
        return asdict(self)


def _spelled(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.15g}"


def target_of(
    cells: Series,
    problem: str = "auto",
    where: str = "",
    order: Sequence[str] | None = None,
) -> Target:
    """What a column asks for, of its cells that are not empty.

    Two different values are two classes; words, and at most 20 whole numbers that
    repeat, are classes, with an order where one is given or pandas knows it; all else
    is numbers: a count, one of very different sizes, or any.

    Raises:
        ValueError: One value, dates, words that hardly ever repeat, an id.
    """
    from pandas.api import types

    name, known = str(cells.name), cells.dropna()
    called = f"{where}, column {name!r}" if where else f"column {name!r}"
    if problem not in PROBLEMS:
        raise invalid("problem", repr(problem), f"one of {', '.join(PROBLEMS)}")
    if not len(known):
        raise invalid(called, "an empty target", "a value in some rows")
    if types.is_datetime64_any_dtype(known.dtype):
        raise invalid(
            called, "dates as the target", "classes or numbers", "choose another target"
        )
    if len(known) < FEW:
        rows = "one row" if len(known) == 1 else f"{len(known)} rows"
        raise invalid(
            called, f"{rows} with a target", f"{FEW} at least, and better 100"
        )
    ordered = _order_of(known, order, called)
    found = words(known, whole=True)
    different, rows = len(found.words), len(known)
    values, wrong = numbers(known)
    are_numbers = not wrong.any() and not types.is_bool_dtype(known.dtype)
    if different < 2:
        raise invalid(
            called,
            f"the one value {found.words[0]!r} in every row",
            "a target with at least two values",
            "choose another target",
        )
    whole = are_numbers and bool((values % 1 == 0).all())
    repeats = different <= CLASSES and 2 * different <= rows
    if problem == "auto":
        if are_numbers and whole and ID.search(name) and different == rows:
            raise invalid(
                called,
                "an id: another whole number in each row",
                "what is to be predicted",
                "choose another target, or write problem='regression' (--problem)",
            )
        few = not are_numbers or (whole and repeats)
        many = "multiclass" if not ordered else "ordered"
        problem = "binary" if different == 2 else many if few or ordered else "number"
    if problem == "number" or not HEADS[problem].classes:
        return _number(called, name, problem, values, wrong, known, different)
    if not are_numbers and 2 * different > rows:
        raise invalid(
            called,
            f"{different} different words in {rows} rows, such as {found.words[0]!r}",
            "classes that come again and again, or numbers",
            "choose another target, or write its cells as plain numbers: 1234.5",
        )
    if problem == "binary" and different != 2:
        raise invalid(
            f"problem='binary' of {called}",
            f"{different} different values",
            "two",
            "write problem='multiclass' (--problem multiclass)",
        )
    if problem == "ordered" and different > 2:
        classes = ordered or _classes(
            found.words, values if are_numbers else None, whole
        )
        if not (ordered or are_numbers):
            raise invalid(
                f"problem='ordered' of {called}",
                "words without an order",
                "an order of the words",
                f"write roles={{{name!r}: ['low', 'high']}} "
                f"(--roles '{name}=low<high'), the least first",
            )
        listed = " < ".join(map(str, classes[:5])) + " ..." * (len(classes) > 5)
        return Target(
            name, problem, f"{different} classes with an order: {listed}", classes
        )
    kind = "words" if not are_numbers else "whole numbers" if whole else "numbers"
    classes = _classes(found.words, values if are_numbers else None, whole)
    return Target(name, problem, f"{different} different {kind}", classes)


def _classes(
    named: list[str], values: np.ndarray | None, whole: bool
) -> list[str | int | float]:
    if values is None:
        return sorted(named)
    return [int(v) if whole else float(v) for v in np.unique(values)]


def _order_of(
    known: Series, order: Sequence[str] | None, called: str
) -> list[str | int | float]:
    """The classes in the order that is given, or that pandas knows; [] for none."""
    if order is None:
        if not getattr(known.dtype, "ordered", False):
            return []
        there = {str(value) for value in known}
        return [str(v) for v in known.dtype.categories if str(v) in there]  # type: ignore
    found, wanted = words(known, whole=True).words, [str(word) for word in order]
    if strange := [word for word in found if word not in wanted]:
        raise invalid(
            f"the order of {called}",
            f"no place for {strange[0]!r}, which the table has",
            "all of its values",
            f"add {strange[0]!r} where it belongs",
        )
    return [word for word in wanted if word in found]


def _number(
    called: str,
    name: str,
    problem: str,
    values: np.ndarray,
    wrong: np.ndarray,
    known: Series,
    different: int,
) -> Target:
    """A target of numbers, of the head that is asked for or that suits them."""
    if wrong.any():
        first = known[wrong]
        raise invalid(
            f"{called}, {first.index.name or 'row'} {first.index[0]}",
            repr(first.iloc[0]),
            f"a number, as problem={problem!r} says",
            "correct the cell, or write problem='multiclass' (--problem multiclass)",
        )
    low, high = float(values.min()), float(values.max())
    reason = f"{different} different numbers"
    if problem == "number":
        problem, more = _kind_of_number(values)
        reason += more
    elif not HEADS[problem].signed and low < 0:
        raise invalid(
            f"problem={problem!r} of {called}",
            f"{low:g}",
            "numbers of 0 or more",
            "write problem='regression' (--problem regression)",
        )
    return Target(name, problem, reason, None, low, high)


def _kind_of_number(values: np.ndarray) -> tuple[str, str]:
    """Whether numbers are counts or of very different sizes, and why."""
    low, middle, high = np.quantile(values, [0, 0.5, 0.99])
    if low < 0 or len(values) < FEW_NUMBERS:
        return "regression", ""
    spread = values.std()
    skew = float((((values - values.mean()) / spread) ** 3).mean()) if spread else 0.0
    whole = bool((values % 1 == 0).all())
    if whole and low <= 1 and middle <= COUNTED and skew > LEANS:
        return "count", f", whole and from {low:g} on: a count"
    if skew > SKEW and high > SIZES * max(middle, np.finfo(float).tiny):
        return "skewed", f", a few of them {high / middle:.3g} times the middle one"
    return "regression", ""


def cut_off(target: Target, values: np.ndarray) -> list[str]:
    """Sentences about numbers that look cut off at their greatest or least value."""
    if target.classes is not None or len(np.unique(values)) <= CLASSES:
        return []
    notes = []
    for name, end in (("greatest", values.max()), ("least", values.min())):
        share = float((values == end).mean())
        others = np.unique(values[values != end], return_counts=True)[1].max()
        pile = share * len(values) > 5 * others and share >= CUT
        if pile and not (end == 0 and name == "least"):
            notes.append(
                f"{100 * share:.2g} % of the rows have the {name} target, {end:g}: it "
                "looks cut off there, and what lies beyond cannot be learned"
            )
        elif pile:
            notes.append(
                f"{100 * share:.2g} % of the rows have the target 0, and the others "
                "are spread: whether it is 0 at all may be worth a model of its own"
            )
    return notes


# Folds --------------------------------------------------------------------------------


def folds_of(
    values: np.ndarray,
    count: int,
    seed: int = 0,
    *,
    classes: bool = True,
    groups: np.ndarray | None = None,
    times: np.ndarray | None = None,
) -> list[Split]:
    """Rows to train on and rows to ask, for each fold.

    The rows are sorted by target and dealt like cards, so each fold has its share of
    each class and of small and large numbers. The rows of a group stay together. By
    time, each fold is asked about what came after all that it is trained on. A class of
    one row is always trained on.

    >>> folds = folds_of(np.arange(6), 3, classes=False)
    >>> [asked.tolist() for _, asked in folds]
    [[0, 3], [1, 4], [2, 5]]
    """
    rows, rng = np.arange(len(values)), config.generator(seed)
    if times is not None:
        parts = np.array_split(np.argsort(times, kind="stable"), count + 1)
        return [
            (np.sort(np.concatenate(parts[:k])), np.sort(parts[k]))
            for k in range(1, count + 1)
        ]
    if groups is not None:
        fold = _fold_of_groups(groups, count, rng)
    else:
        order = np.lexsort((rng.random(len(values)), values))
        fold = np.empty(len(values), int)
        fold[order] = np.arange(len(values)) % count
        if classes:
            _, place, times_of = np.unique(
                values, return_inverse=True, return_counts=True
            )
            fold[times_of[place] == 1] = count
    pairs = [(rows[fold != k], rows[fold == k]) for k in range(count)]
    return [pair for pair in pairs if len(pair[0]) and len(pair[1])]


def _fold_of_groups(
    groups: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """The fold of each row: the largest group to the fold of the fewest rows."""
    names, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(names) < 2:
        raise invalid("the column of groups", "one group", "two at least")
    filled, fold = np.zeros(min(count, len(names))), np.empty(len(names), int)
    for group in np.lexsort((rng.random(len(names)), -sizes)):
        fold[group] = int(filled.argmin())
        filled[fold[group]] += sizes[group]
    return fold[place]
