"""Scores of predictions by the names that people ask for, and how sure they are."""

import dataclasses
from collections.abc import Callable

import numpy as np

from onefit import config
from onefit.errors import unknown
from onefit.tables.heads import HEADS, TINY
from onefit.tables.inputs import Goal

__all__ = ["METRICS", "TINY", "Metric", "interval", "losses_of", "metric_of"]

DRAWS, MOST = 200, 20_000
"""How often rows are drawn again for an interval, and of how many at most."""


@dataclasses.dataclass(frozen=True)
class Metric:
    """A score of predictions.

    Attributes:
        name: What it is asked for by.
        score: Of true values, predictions and weights: a number.
        sign: 1 where more is better, -1 where less is.
        problems: What it is for.
    """

    name: str
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    sign: int
    problems: tuple[str, ...]

    def better(self, one: float, other: float) -> bool:
        """Whether a score is better than another."""
        return self.sign * (one - other) > 0


def losses_of(problem: str, y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """The loss of each row: the logarithmic loss, or that of the head for numbers.

    >>> losses_of("binary", np.array([1]), np.array([[0.5, 0.5]])).round(2)
    array([0.69])
    """
    return HEADS[problem].lost(y, p)


def _log_loss(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(losses_of("multiclass", y, p), weights=w))


def _accuracy(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(p.argmax(axis=1) == y, weights=w))


def _balanced(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    right = p.argmax(axis=1) == y
    each = [np.average(right[y == k], weights=w[y == k]) for k in np.unique(y)]
    return float(np.mean(each))


def _f1(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """Of the second class, or the mean over the classes where there are more."""
    said, found = p.argmax(axis=1), []
    for k in range(p.shape[1]):
        hit = w[(said == k) & (y == k)].sum()
        both = w[said == k].sum() + w[y == k].sum()
        found.append(2 * hit / both if both else 0.0)
    return float(found[1] if p.shape[1] == 2 else np.mean(found))


def _auc(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """The share of pairs in order; the mean of each class against the rest."""
    classes = [1] if p.shape[1] == 2 else range(p.shape[1])
    found = [_area(y == k, p[:, k], w) for k in classes]
    known = [area for area in found if not np.isnan(area)]
    return float(np.mean(known)) if known else float("nan")


def _area(true: np.ndarray, score: np.ndarray, w: np.ndarray) -> float:
    order = np.argsort(score, kind="stable")
    _, first = np.unique(score[order], return_index=True)
    ones = np.add.reduceat(w[order] * true[order], first)
    zeros = np.add.reduceat(w[order] * ~true[order], first)
    pairs = ones.sum() * zeros.sum()
    below = np.cumsum(zeros) - zeros / 2  # equal scores count half
    return float((ones * below).sum() / pairs) if pairs else float("nan")


def _brier(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    off = np.square(p).sum(axis=1) - 2 * p[np.arange(len(y)), y] + 1
    return float(np.average(off, weights=w))


def _rmse(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.sqrt(np.average(np.square(y - p), weights=w)))


def _mae(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(np.abs(y - p), weights=w))


def _r2(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    spread = np.average(np.square(y - np.average(y, weights=w)), weights=w)
    lost = np.average(np.square(y - p), weights=w)
    return float(1 - lost / spread) if spread else float("nan")


def _distance(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """How many classes the likeliest is from the true one, on average."""
    return float(np.average(np.abs(p.argmax(axis=1) - y), weights=w))


def _rmsle(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.sqrt(np.average(losses_of("skewed", y, p), weights=w)))


def _deviance(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    return float(np.average(losses_of("count", y, p), weights=w))


_CLASSES = tuple(name for name, head in HEADS.items() if head.classes)
_NUMBERS = tuple(name for name, head in HEADS.items() if not head.classes)

METRICS = {
    metric.name: metric
    for metric in (
        Metric("log_loss", _log_loss, -1, _CLASSES),
        Metric("accuracy", _accuracy, 1, _CLASSES),
        Metric("balanced_accuracy", _balanced, 1, _CLASSES),
        Metric("f1", _f1, 1, _CLASSES),
        Metric("auc", _auc, 1, _CLASSES),
        Metric("brier", _brier, -1, _CLASSES),
        Metric("rmse", _rmse, -1, _NUMBERS),
        Metric("mae", _mae, -1, _NUMBERS),
        Metric("r2", _r2, 1, _NUMBERS),
        Metric("class_distance", _distance, -1, ("ordered",)),
        Metric("rmsle", _rmsle, -1, ("skewed",)),
        Metric("poisson_deviance", _deviance, -1, ("count",)),
    )
}
"""The scores by name."""


def metric_of(name: str | None, problem: str) -> Metric:
    """The score of this name, for this kind of problem.

    Raises:
        ValueError: One that there is not for this problem.

    >>> metric_of(None, "regression").name
    'rmse'
    """
    known = {n: m for n, m in METRICS.items() if problem in m.problems}
    name = name or HEADS[problem].metric
    if name not in known:
        raise unknown(f"metric for a {problem} target", name, list(known))
    return known[name]


def weights_of(goal: Goal) -> np.ndarray:
    """The weight of each row: those given, or ones."""
    return np.ones(len(goal.values)) if goal.weights is None else goal.weights


def interval(
    metric: Metric, y: np.ndarray, p: np.ndarray, w: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Where the score of other rows of this kind lies, 95 times of 100.

    The rows are drawn again, with replacement; of many rows a part, and the interval of
    that part is narrowed by the root of the share.

    Source: Efron 1979, "Bootstrap methods: another look at the jackknife".

    >>> y = np.arange(50.0)
    >>> low, high = interval(METRICS["mae"], y, y + 1, np.ones(50))
    >>> low, high
    (1.0, 1.0)
    """
    rng, n = config.generator(seed), len(y)
    size = min(n, MOST)
    drawn = []
    for _ in range(DRAWS):
        at = rng.integers(0, n, size)
        drawn.append(metric.score(y[at], p[at], w[at]))
    whole = metric.score(y, p, w)
    low, high = np.nanquantile(drawn, [0.025, 0.975]) if n > 1 else (whole, whole)
    share = np.sqrt(size / n)
    return float(whole - (whole - low) * share), float(whole + (high - whole) * share)
