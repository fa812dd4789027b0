"""Searching for good settings: grids, random draws, halving, and Optuna's studies."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from onefit import config
from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.types import Generator

__all__ = [
    "Halving",
    "Range",
    "grid",
    "halving",
    "integers",
    "loguniform",
    "sample",
    "span",
    "uniform",
]


def grid(**axes: Sequence[object]) -> dict[str, list[object]]:
    """Every combination of these values, to vary: the last name changes fastest.

    A name with a dot, such as "dropout.rate", is written `**{"dropout.rate": [...]}`.

    >>> grid(learning_rate=[0.1, 0.01], batch_size=[32, 64])["learning_rate"]
    [0.1, 0.1, 0.01, 0.01]
    """
    for name, values in axes.items():
        if isinstance(values, str) or not hasattr(values, "__len__") or not len(values):
            raise mistyped(
                f"grid, {name!r}",
                repr(values),
                "a list of values, at least one",
                f"write {name}=[{values!r}]" if not hasattr(values, "__len__") else "",
            )
    columns = zip(*itertools.product(*axes.values()), strict=True)
    return dict(zip(axes, map(list, columns), strict=True))


# Random draws -------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Range:
    """Numbers from low to high, equally likely; or their logarithms, or whole ones.

    Attributes:
        low, high: The ends.
        log: Whether the logarithms are equally likely.
        whole: Whether they are whole numbers, both ends among them.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def __post_init__(self) -> None:
        least = 0 if self.log else -math.inf
        numbers = all(
            isinstance(v, int | float | np.number) for v in (self.low, self.high)
        )
        if not (numbers and least < self.low < self.high < math.inf):
            raise invalid(
                "loguniform" if self.log else "integers" if self.whole else "uniform",
                f"{self.low!r} to {self.high!r}",
                f"a low end{' above 0' if self.log else ''} and a higher one",
            )

    def rvs(self, size: int, random_state: Generator) -> np.ndarray:
        """So many draws, as scipy's distributions give them."""
        if self.whole:
            return random_state.integers(int(self.low), int(self.high) + 1, size)
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return np.exp(random_state.uniform(low, high, size))
        return random_state.uniform(self.low, self.high, size)


def uniform(low: float, high: float) -> Range:
    """Numbers between two ends, equally likely."""
    return Range(low, high)


def loguniform(low: float, high: float) -> Range:
    """Numbers between two ends whose logarithms are equally likely.

    What learning rates and regularisation factors are drawn from: 0.001 to 0.01 is as
    likely as 0.01 to 0.1.
    """
    return Range(low, high, log=True)


def integers(low: int, high: int) -> Range:
    """Whole numbers from low to high, both among them."""
    return Range(low, high, whole=True)


def sample(
    n: int, *, seed: int | None = None, **axes: object
) -> dict[str, list[object]]:
    """Settings drawn at random, to vary.

    Args:
        n: How many.
        seed: Of the draws; None takes the next of `set_random_seed`'s stream.
        **axes: For each setting a list to choose from, (low, high) for a number
            between, `loguniform(low, high)`, `integers(low, high)`, or a distribution
            of scipy.stats. A name with a dot is written `**{"dropout.rate": (0, 0.5)}`.

    Raises:
        ValueError, TypeError: What cannot be drawn from.

    Example:
        >>> drawn = sample(3, seed=0, learning_rate=loguniform(1e-4, 1e-1),
        ...                batch_size=[32, 64])
        >>> len(drawn["learning_rate"]), drawn["batch_size"]
        (3, [32, 32, 64])

    Source: Bergstra & Bengio, "Random search for hyper-parameter optimization" (2012).
    """
    if not is_whole(n, 1):
        raise invalid("sample", f"n={n!r}", "a whole number, 1 or more")
    rng = config.generator(seed)
    return {name: _drawn(name, axis, n, rng) for name, axis in axes.items()}


def _drawn(name: str, axis: object, n: int, rng: Generator) -> list[object]:
    drawn_from = span(name, axis)
    if hasattr(drawn_from, "rvs"):
        return np.asarray(drawn_from.rvs(size=n, random_state=rng)).tolist()
    return [drawn_from[i] for i in rng.integers(0, len(drawn_from), n)]


def span(name: str, axis: object) -> Any:  # a list, a Range, or one of scipy's
    """What a setting is drawn from: a list of choices, or what has `rvs`.

    Raises:
        TypeError: Anything else.
    """
    if (
        isinstance(axis, tuple)
        and len(axis) == 2
        and all(isinstance(v, int | float) for v in axis)
    ):
        return Range(*axis)
    if hasattr(axis, "rvs"):
        return axis
    if isinstance(axis, np.ndarray | range):
        axis = list(axis)
    if isinstance(axis, list) and axis:
        return axis
    raise mistyped(
        name,
        repr(axis),
        "a list of choices, (low, high), or a distribution",
        "write [0.1, 0.01], or population.loguniform(1e-4, 1e-1)",
    )


# Halving ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Halving:
    """Successive halving; `halving` explains it."""

    monitor: str | None = None
    factor: int = 3
    least: int = 1

    def bind(self, directions: dict[str, str | None]) -> "Rungs":
        """The rule for a population with these logs, with nothing seen yet."""
        monitor = self.monitor or ("val_loss" if "val_loss" in directions else "loss")
        if monitor not in directions:
            raise unknown("log to monitor", monitor, directions)
        if directions[monitor] is None:
            raise invalid(
                "halving",
                f"monitor={monitor!r}",
                "a metric that says which way is better",
                "monitor 'val_loss'",
            )
        sign = -1.0 if directions[monitor] == "max" else 1.0
        return Rungs(self, monitor, sign)


def halving(monitor: str | None = None, *, factor: int = 3, least: int = 1) -> Halving:
    """Stops the worst on the way: `fit(..., drop=halving())`.

    After `least`, `least * factor`, `least * factor**2` ... epochs only the best
    1/factor of the members that still run go on; they go on as if they were alone. With
    n members and these epochs, the whole costs about as much as n members of
    `least * (1 + log n / log factor)` epochs.

    Where members are trained one group after another (settings that change shapes, or
    little memory), a member goes on if it is among the best 1/factor of all that came
    to this epoch so far, those of earlier groups among them.

    Args:
        monitor: The log to compare by; 'val_loss' or 'loss' unless given.
        factor: How many compete for one place, 2 or more.
        least: The epochs that every member gets.

    Raises:
        ValueError: A monitor that the logs do not have.

    Example:
        >>> from onefit import Input, Sequential, population
        >>> from onefit.layers import Dense
        >>> x = np.linspace(-1, 1, 16)[:, None]
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> many = population.fit(model, x, x, seeds=9, epochs=9, verbose=0,
        ...                       drop=population.halving(factor=3))
        >>> sorted(many.epochs.tolist())
        [1, 1, 1, 1, 1, 1, 3, 3, 9]

    Source: Jamieson & Talwalkar, "Non-stochastic best arm identification and
    hyperparameter optimization" (2016); for groups Li et al., "A system for massively
    parallel hyperparameter tuning" (2020).
    """
    if not is_whole(factor, 2) or not is_whole(least, 1):
        raise invalid(
            "halving",
            f"factor={factor!r}, least={least!r}",
            "whole numbers, 2 or more and 1 or more",
        )
    return Halving(monitor, factor, least)


class Rungs:
    """Halving while members train: the numbers seen at each of its epochs."""

    def __init__(self, rule: Halving, monitor: str, sign: float) -> None:
        self.rule, self.monitor, self.sign = rule, monitor, sign
        self.seen: dict[int, list[float]] = {}

    def next(self, epoch: int) -> int:
        """The first epoch after this one at which the worst are stopped."""
        rung = self.rule.least
        while rung <= epoch:
            rung *= self.rule.factor
        return rung

    def __call__(
        self, epoch: int, logs: np.ndarray, names: Sequence[str], active: np.ndarray
    ) -> np.ndarray:
        """The members to stop after this epoch."""
        running = np.flatnonzero(active)
        if epoch != self.next(epoch - 1):
            return running[:0]
        values = self.sign * _latest(logs[running, :epoch, names.index(self.monitor)])
        if np.isnan(values).all() and np.isfinite(logs[running, epoch - 1, 0]).any():
            return running[:0]  # no validation yet
        lost = ~np.isfinite(values) | ~np.isfinite(logs[running, epoch - 1, 0])
        values[lost] = np.inf
        before = self.seen.setdefault(epoch, [])
        every = np.array([*before, *values])
        places = math.ceil(len(every) / self.rule.factor)
        best = np.argsort(every, kind="stable")[:places]
        stays = np.isin(np.arange(len(before), len(every)), best)
        before.extend(values.tolist())
        return running[~stays]


def _latest(table: np.ndarray) -> np.ndarray:
    """The last number of each row that is not NaN, (member, epoch) -> (member,)."""
    has = ~np.isnan(table)
    last = table.shape[1] - 1 - has[:, ::-1].argmax(axis=1)
    return table[np.arange(len(table)), last].astype(float)
