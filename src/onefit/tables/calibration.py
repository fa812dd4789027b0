"""Probabilities that can be relied on: temperature, thresholds, coverage, intervals."""

from collections.abc import Sequence

import numpy as np

from onefit.errors import invalid
from onefit.tables.scores import METRICS, TINY

__all__ = [
    "coverage",
    "half_width",
    "kept_temperature",
    "margin",
    "temperature",
    "tempered",
    "threshold",
]

Folds = Sequence[np.ndarray]


# Temperature --------------------------------------------------------------------------


def tempered(p: np.ndarray, by: float) -> np.ndarray:
    """Probabilities at another temperature: p_k^(1/T), divided by their sum.

    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    if by == 1:
        return p
    z = np.log(np.clip(p, TINY, 1)) / by
    grown = np.exp(z - z.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)


def temperature(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> float:
    """The T from 1/5 to 5 whose probabilities have the least logarithmic loss.

    Each class is taken to be right with probability (n + 1)/(n + 2) for n rows, not 1:
    rows without a mistake are no reason to be sure of all others. The loss is convex in
    1/T, so the golden section finds it.

    Sources: Guo et al. 2017, "On calibration of modern neural networks"; Platt 1999,
    "Probabilistic outputs for support vector machines", for the targets.

    >>> y, p = np.array([0, 0, 1, 0] * 99), np.tile([0.99, 0.01], (396, 1))
    >>> tempered(p, temperature(y, p, np.ones(396)))[0].round(2)
    array([0.75, 0.25])
    """
    n, classes = p.shape
    wanted = np.full(p.shape, 1 / (n + 2) / max(classes - 1, 1))
    wanted[np.arange(n), y] = (n + 1) / (n + 2)

    def loss(by: float) -> float:
        lost = -(wanted * np.log(np.clip(tempered(p, by), TINY, 1))).sum(axis=1)
        return float(np.average(lost, weights=w))

    low, high, golden = 0.2, 5.0, (5**0.5 - 1) / 2
    while high - low > 1e-3:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(1 / left) < loss(1 / right):
            high = right
        else:
            low = left
    return 2 / (low + high)


def kept_temperature(
    y: np.ndarray, p: np.ndarray, w: np.ndarray, parts: Folds
) -> tuple[float, np.ndarray]:
    """The temperature, or 1 where the Brier score of other rows is no better by it.

    That of each part is found on the other parts.

    Args:
        y, p, w: Classes, probabilities and weights of the rows.
        parts: The rows of each part, by their places in y.

    Returns:
        The temperature by all rows; the probabilities, each by that of other rows.
    """
    if len(parts) < 2 or len(np.unique(y)) < 2:
        return 1.0, p
    brier, after = METRICS["brier"].score, p.copy()
    for part in parts:
        rest = np.setdiff1d(np.concatenate(parts), part)
        after[part] = tempered(p[part], temperature(y[rest], p[rest], w[rest]))
    better = brier(y, after, w) < brier(y, p, w)
    return (temperature(y, p, w), after) if better else (1.0, p)


# Thresholds ---------------------------------------------------------------------------


def threshold(
    y: np.ndarray, p: np.ndarray, w: np.ndarray, metric: str | np.ndarray
) -> float:
    """The probability from which on to say the second class.

    It is found exactly: every one that changes an answer is tried, by one sort.

    Args:
        y: Classes, 0 or 1.
        p: Probabilities of class 1.
        w: Weights.
        metric: "accuracy", "balanced_accuracy" or "f1"; or what answers cost, a
            row for each true class and a column for each answer.

    Raises:
        ValueError: A metric that no threshold changes, a matrix of another shape.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.3, 0.4])
    >>> threshold(y, p, np.ones(4), "accuracy")
    0.25
    """
    order = np.argsort(p, kind="stable")
    values, first = np.unique(p[order], return_index=True)
    ones = np.add.reduceat(w[order] * (y[order] == 1), first)
    zeros = np.add.reduceat(w[order] * (y[order] == 0), first)
    # From value i on it says 1; the last says it never.
    missed = np.concatenate([[0], np.cumsum(ones)])
    hit = ones.sum() - missed
    right = np.concatenate([[0], np.cumsum(zeros)])
    false = zeros.sum() - right
    gain = _gain(metric, right, false, missed, hit)
    best = np.flatnonzero(np.isclose(gain, gain.max(), rtol=1e-12, atol=0))
    ends = np.concatenate([[0.0], (values[:-1] + values[1:]) / 2, [1.0]])
    return float(ends[best[np.argmin(np.abs(ends[best] - 0.5))]])


def _gain(
    metric: str | np.ndarray,
    right: np.ndarray,
    false: np.ndarray,
    missed: np.ndarray,
    hit: np.ndarray,
) -> np.ndarray:
    """How good each threshold is."""
    if not isinstance(metric, str):
        cost = np.asarray(metric, float)
        if cost.shape != (2, 2) or not np.isfinite(cost).all():
            raise invalid(
                "threshold",
                f"costs of shape {cost.shape}",
                "a matrix of two rows (what is true) and two columns (what is said)",
                "write [[0, 1], [5, 0]] where a missed case costs five false alarms",
            )
        of = np.stack([right, false, missed, hit])
        return -(cost.ravel()[:, None] * of).sum(axis=0)
    with np.errstate(invalid="ignore"):
        gains = {
            "accuracy": right + hit,
            "balanced_accuracy": np.nan_to_num(right / (right + false))
            + np.nan_to_num(hit / (hit + missed)),
            "f1": np.nan_to_num(2 * hit / (2 * hit + false + missed)),
        }
    if metric not in gains:
        raise invalid(
            "threshold",
            f"metric={metric!r}",
            "one that a threshold changes: " + ", ".join(map(repr, gains)),
            "or what answers cost, [[0, 1], [5, 0]]",
        )
    return gains[metric]


# Answers only where sure --------------------------------------------------------------


def coverage(y: np.ndarray, p: np.ndarray, w: np.ndarray) -> list[dict[str, float]]:
    """How often the likeliest class is right where its probability is high enough.

    Returns:
        From all rows to few: 'least' (the probability from which on there is an
        answer), 'answered' (the share of rows), 'accuracy' of these.

    >>> y, p = np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> coverage(y, p, np.ones(2))[-1]
    {'least': 0.9, 'answered': 0.5, 'accuracy': 1.0}
    """
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    order = np.argsort(-sure, kind="stable")
    weight = np.cumsum(w[order])
    share, hit = weight / weight[-1], np.cumsum((w * right)[order]) / weight
    at = np.searchsorted(share, np.linspace(1, 0.05, 20) - 1e-12)
    return [
        {
            "least": float(sure[order][i]),
            "answered": float(share[i]),
            "accuracy": float(hit[i]),
        }
        for i in np.unique(np.minimum(at, len(y) - 1))[::-1]
    ]


# Intervals of numbers -----------------------------------------------------------------


def half_width(residuals: np.ndarray, share: float = 0.9) -> float:
    """How far from a prediction the truth is, `share` of the time.

    The ⌈(n + 1)·share⌉-th smallest of |y - p| over n rows that were not trained on: a
    new row is as likely to have any place among them. Infinite where n is too small.

    Args:
        residuals: y - p of such rows.
        share: From 0 to 1.

    Raises:
        ValueError: A share outside 0 to 1.

    Source: Vovk, Gammerman and Shafer 2005, "Algorithmic learning in a random world";
    Barber et al. 2021, "Predictive inference with the jackknife+", for folds.

    >>> half_width(np.arange(1, 10.0), 0.9)
    9.0
    """
    return margin(np.abs(residuals), share)


def margin(short: np.ndarray, share: float = 0.9) -> float:
    """By how much intervals have to grow so that `share` of new rows lie in them.

    Args:
        short: By how much each row's interval falls short of it, below 0 within.
        share: From 0 to 1.

    Raises:
        ValueError: A share outside 0 to 1.

    Source: Romano, Patterson and Candès 2019, "Conformalized quantile regression".

    >>> margin(np.array([-2.0, -1.0, 0.5]), 0.75)
    0.5
    """
    if not 0 < share < 1:
        raise invalid(
            "coverage", f"{share!r}", "a number between 0 and 1", "write coverage=0.9"
        )
    sizes = np.sort(short[~np.isnan(short)])
    place = int(np.ceil((len(sizes) + 1) * share - 1e-9))
    return float(sizes[place - 1]) if 0 < place <= len(sizes) else float("inf")
