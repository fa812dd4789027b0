"""Why a model of a table says what it says: by columns, by values, for one row.

All are functions of a `predict` that takes columns by name, `{"age": array, ...}`, and
gives a number for each row, or a row of probabilities. They ask it, and look no further
inside.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from onefit import config
from onefit.errors import invalid, is_whole, unknown

__all__ = ["Importance", "Response", "Shapley", "importance", "response", "shapley"]

Columns: TypeAlias = Mapping[str, np.ndarray]
"""The columns of a table by name, (rows,) each."""

Predict: TypeAlias = Callable[[Columns], np.ndarray]
"""What a model says: (rows,), or (rows, classes)."""

EXACT = 8
"""Columns up to which all coalitions are asked: 2⁸ of them."""


def _rows(table: Columns) -> int:
    lengths = {len(column) for column in table.values()}
    if len(lengths) != 1 or 0 in lengths:
        raise invalid(
            "the table",
            f"columns of {sorted(lengths)} rows" if lengths else "no columns",
            "columns by name, all of one length, one row or more",
        )
    return lengths.pop()


def _taken(table: Columns, at: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.asarray(column)[at] for name, column in table.items()}


# By columns ---------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Importance:
    """What a column is worth.

    Attributes:
        name: The column.
        mean: By how much the score gets worse without it, over the repeats.
        low, high: Where the mean would lie in 95 of 100 such measurements.
        matters: Whether low is above 0: more than chance.
    """

    name: str
    mean: float
    low: float
    high: float

    @property
    def matters(self) -> bool:
        """Whether the column is worth more than chance."""
        return self.low > 0


def importance(
    predict: Predict,
    table: Columns,
    score: Callable[[np.ndarray], float],
    *,
    repeats: int = 5,
    seed: int = 0,
) -> list[Importance]:
    """By how much the score gets worse when a column is mixed among the rows.

    Args:
        predict: The model; of rows that it was not trained on, each by the networks of
            its own fold.
        table: The columns.
        score: Of predictions for these rows: how good they are, more being better.
        repeats: How often each column is mixed, 2 or more.
        seed: Of the mixing.

    Returns:
        A line a column, what matters most first. The interval is that of the mean of
        the repeats (Student's t).

    Source: Breiman 2001, "Random forests"; Fisher, Rudin and Dominici 2019, "All models
    are wrong, but many are useful".

    >>> table = {"a": np.arange(50.0), "b": np.ones(50)}
    >>> lines = importance(lambda t: t["a"], table,
    ...                    lambda p: -np.abs(p - table["a"]).mean())
    >>> [(line.name, line.matters) for line in lines]
    [('a', True), ('b', False)]
    """
    if not is_whole(repeats, 2):
        raise invalid("importance", f"repeats={repeats!r}", "a whole number, 2 or more")
    n, rng = _rows(table), config.generator(seed)
    whole = score(predict(table))
    mixes = [rng.permutation(n) for _ in range(repeats)]
    lines = []
    for name, column in table.items():
        lost = [
            whole - score(predict({**table, name: np.asarray(column)[mix]}))
            for mix in mixes
        ]
        mean = float(np.mean(lost))
        error = float(np.std(lost, ddof=1)) / math.sqrt(repeats) * _student(repeats - 1)
        lines.append(Importance(name, mean, mean - error, mean + error))
    return sorted(lines, key=lambda line: -line.mean)


def _student(freedom: int) -> float:
    """The 97.5 % point of Student's t, to a thousandth (Hill's expansion)."""
    exact = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447}
    z = 1.959964
    return exact.get(freedom, z + (z**3 + z) / (4 * freedom) + 1.2 / freedom**2)


# By values ----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Response:
    """What a model says, on the average, as one column takes other values.

    Attributes:
        name: The column.
        values: The values that it was given.
        mean: The mean prediction at each, (values,) or (values, classes).
        count: The rows of the table nearest to each value: how well it is known there.
    """

    name: str
    values: np.ndarray
    mean: np.ndarray
    count: np.ndarray


def response(
    predict: Predict,
    table: Columns,
    name: str,
    *,
    points: int = 20,
    rows: int = 500,
    seed: int = 0,
) -> Response:
    """The mean prediction with a column set to each of some values for all rows.

    Args:
        predict: The model.
        table: The columns.
        name: The column that is varied.
        points: How many values of a column of numbers, at its quantiles; of others the
            most frequent values.
        rows: Of how many rows, drawn at random, the mean is.
        seed: Of the draw.

    Raises:
        ValueError: A column that is not there.

    Source: Friedman 2001, "Greedy function approximation" (partial dependence).

    >>> table = {"a": np.array([0.0, 1.0, 2.0]), "b": np.array([5.0, 5.0, 8.0])}
    >>> found = response(lambda t: 2 * t["a"] + t["b"], table, "a", points=3)
    >>> found.values.tolist(), found.mean.tolist(), found.count.tolist()
    ([0.0, 1.0, 2.0], [6.0, 8.0, 10.0], [1, 1, 1])
    """
    if name not in table:
        raise unknown("column", name, list(table))
    n, rng = _rows(table), config.generator(seed)
    some = _taken(table, np.sort(rng.permutation(n)[:rows]))
    column = np.asarray(table[name])
    values, count = _values(column, points)
    means = []
    for value in values:
        given = np.full(_rows(some), value, column.dtype)
        means.append(np.asarray(predict({**some, name: given})).mean(axis=0))
    return Response(name, values, np.array(means), count)


def _missing(value: object) -> bool:
    """Whether a value of a column of texts or objects is not there."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _values(column: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """The values to ask for, and the rows nearest to each."""
    if column.dtype.kind not in "iuf":
        kept = [value for value in column.tolist() if not _missing(value)]
        found: dict[object, int] = {}
        for value in kept:
            found[value] = found.get(value, 0) + 1
        most = sorted(found, key=lambda v: (-found[v], str(v)))[:points]
        return np.array(most, column.dtype), np.array([found[v] for v in most])
    known = column[~np.isnan(column)] if column.dtype.kind == "f" else column
    values = np.unique(known)
    if len(values) > points:
        quantiles = np.quantile(known, np.linspace(0, 1, points), method="nearest")
        values = np.unique(quantiles)
    middles = (values[1:] + values[:-1]) / 2
    count = np.bincount(np.searchsorted(middles, known), minlength=len(values))
    return values, count


# For one row --------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Shapley:
    """What each column of one row adds to its prediction.

    Attributes:
        base: The mean prediction of the background, a number or (classes,).
        parts: What each column adds, by name; with the base they sum to `prediction`.
        prediction: What the model says to the row.
        error: The standard error of each part; 0 where all coalitions were asked.
    """

    base: np.ndarray
    parts: dict[str, np.ndarray]
    prediction: np.ndarray
    error: dict[str, np.ndarray]


def shapley(
    predict: Predict,
    background: Columns,
    row: Mapping[str, object],
    *,
    orders: int = 32,
    rows: int = 64,
    seed: int = 0,
) -> Shapley:
    """How the prediction for a row is made up: the mean gain of each column.

    A coalition of columns has the row's values, the others those of background rows;
    its value is the mean prediction. A column's part is what it adds to coalitions,
    over all orders in which columns may join: with up to eight columns exactly,
    otherwise over random orders, each with its reverse.

    Args:
        predict: The model.
        background: Rows that stand for "not known".
        row: The value of each column.
        orders: How many orders are tried, where there are more than eight columns.
        rows: How many rows of the background are taken.
        seed: Of the orders.

    Raises:
        ValueError: A row with other columns.

    Source: Shapley 1953; Štrumbelj and Kononenko 2014, "Explaining prediction models
    and individual predictions with feature contributions".

    >>> table = {"a": np.array([0.0, 2.0]), "b": np.array([0.0, 4.0])}
    >>> found = shapley(lambda t: t["a"] + 3 * t["b"], table, {"a": 5.0, "b": 1.0})
    >>> float(found.base), {k: float(v) for k, v in found.parts.items()}
    (7.0, {'a': 4.0, 'b': -3.0})
    """
    names = list(background)
    if set(row) != set(names):
        raise invalid(
            "shapley",
            f"a row with the columns {sorted(map(str, row))}",
            f"those of the background, {sorted(names)}",
        )
    rng = config.generator(seed)
    some = _taken(background, rng.permutation(_rows(background))[:rows])
    if len(names) <= EXACT:
        sets = [
            frozenset(chosen)
            for size in range(len(names) + 1)
            for chosen in itertools.combinations(names, size)
        ]
        ask = _Coalitions(predict, some, row, sets)
        gains = {name: _weighed(name, names, ask) for name in names}
        error = {name: np.zeros_like(gain) for name, gain in gains.items()}
    else:
        drawn = [list(rng.permutation(names)) for _ in range(max(orders // 2, 1))]
        tried = [one for order in drawn for one in (order, order[::-1])]
        sets = [frozenset(o[:i]) for o in tried for i in range(len(names) + 1)]
        ask = _Coalitions(predict, some, row, sets)
        each = {name: [] for name in names}
        for order in tried:
            for i, name in enumerate(order):
                gain = ask[frozenset(order[: i + 1])] - ask[frozenset(order[:i])]
                each[name].append(gain)
        gains = {name: np.mean(found, axis=0) for name, found in each.items()}
        # An order and its reverse are one draw.
        error = {name: _error(found) for name, found in each.items()}
    return Shapley(ask[frozenset()], gains, ask[frozenset(names)], error)


def _error(found: Sequence[np.ndarray]) -> np.ndarray:
    """The standard error of a mean of pairs."""
    pairs = (
        np.array(found).reshape(len(found) // 2, 2, *np.shape(found[0])).mean(axis=1)
    )
    if len(pairs) < 2:
        return np.full(np.shape(found[0]), np.inf)
    return pairs.std(axis=0, ddof=1) / math.sqrt(len(pairs))


def _weighed(name: str, names: list[str], ask: "_Coalitions") -> np.ndarray:
    """The mean gain of a column over all orders, by the sizes of coalitions."""
    others, d = [other for other in names if other != name], len(names)
    total: np.ndarray | float = 0.0
    for size in range(d):
        share = math.factorial(size) * math.factorial(d - size - 1) / math.factorial(d)
        for chosen in itertools.combinations(others, size):
            before = frozenset(chosen)
            total = total + share * (ask[before | {name}] - ask[before])
    return np.asarray(total)


class _Coalitions:
    """The value of each coalition, asked for in a few calls."""

    ROWS = 1 << 15

    def __init__(
        self,
        predict: Predict,
        some: dict[str, np.ndarray],
        row: Mapping[str, object],
        sets: Sequence[frozenset[str]],
    ) -> None:
        n, unique = _rows(some), list(dict.fromkeys(sets))
        self.values: dict[frozenset[str], np.ndarray] = {}
        size = max(1, self.ROWS // n)
        for start in range(0, len(unique), size):
            part = unique[start : start + size]
            table = {
                name: np.concatenate([
                    np.full(n, row[name], column.dtype) if name in one else column
                    for one in part
                ])
                for name, column in some.items()
            }  # fmt: skip
            said = np.asarray(predict(table), float)
            means = said.reshape(len(part), n, *said.shape[1:]).mean(axis=1)
            self.values |= dict(zip(part, means, strict=True))

    def __getitem__(self, one: frozenset[str]) -> np.ndarray:
        return self.values[one]
