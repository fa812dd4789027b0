"""A weighted mean of predictions, chosen one by one."""

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["crossed", "greedy"]

ROUNDS = 25

MOST = 24
"""Predictions that a mean is made of, at most: the best ones by themselves."""


def greedy(
    said: np.ndarray, cost: Callable[[np.ndarray], float], rounds: int = ROUNDS
) -> np.ndarray:
    """Weights of predictions whose mean costs least, found greedily.

    Again and again the one is added, with replacement, that lowers the cost of the mean
    most; the weight of each is how often it was taken. The best of all these means is
    kept.

    Args:
        said: Predictions of each member, (member, rows, ...).
        cost: What is lowered, of a mean of predictions.
        rounds: How many are taken.

    Returns:
        (member,), of sum 1.

    Source: Caruana et al. 2004, "Ensemble selection from libraries of models".

    >>> y = np.array([1.0, 2.0])
    >>> greedy(np.array([y + 1, y - 1, y + 9]), lambda p: np.abs(p - y).sum()).tolist()
    [0.5, 0.5, 0.0]
    """
    taken, total = np.zeros(len(said)), np.zeros_like(said[0])
    best, least = taken, np.inf
    alone = np.argsort([cost(own) for own in said], kind="stable")[:MOST]
    for i in range(1, rounds + 1):
        costs = np.full(len(said), np.inf)
        costs[alone] = [cost((total + said[k]) / i) for k in alone]
        at = int(np.argmin(costs))
        taken, total = taken.copy(), total + said[at]
        taken[at] += 1
        if costs[at] < least:
            best, least = taken / i, costs[at]
    return best if best.any() else np.full(len(said), 1 / len(said))


def crossed(
    said: np.ndarray,
    parts: Sequence[np.ndarray],
    choose: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """The mean of predictions, for each part of the rows as the other parts choose it.

    A score of it is then of rows that had no say in the choice.

    Args:
        said: Predictions of each member, (member, rows, ...).
        parts: The rows of each part; with one alone, it chooses for itself.
        choose: Gives the weights of members by these rows.

    Returns:
        (rows, ...).
    """
    mixed = np.empty_like(said[0])
    for k, part in enumerate(parts):
        others = [other for j, other in enumerate(parts) if j != k] or [part]
        shares = choose(said, np.concatenate(others))
        mixed[part] = np.tensordot(shares, said[:, part], axes=1)
    return mixed
