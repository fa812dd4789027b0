"""What a result stands beside: a constant, and trees on the same rows."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from onefit.tables.heads import HEADS
from onefit.tables.inputs import Goal, Inputs

__all__ = ["boosting", "constant"]

FEW = 100_000
"""Rows below which trees are grown by one thread."""

Fold = tuple[np.ndarray, np.ndarray]


def empty(goal: Goal) -> np.ndarray:
    """Room for a prediction of each row: NaN."""
    n = len(goal.values)
    return np.full((n, len(goal.classes)) if goal.classes else n, np.nan)


def constant(goal: Goal, folds: Sequence[Fold]) -> np.ndarray:
    """The shares of classes, or the mean, of the rows trained on."""
    said = empty(goal)
    w = np.ones(len(said)) if goal.weights is None else goal.weights
    for train, held in folds:
        y, own = goal.values[train], w[train]
        if goal.classes:
            counts = np.bincount(y, own, len(goal.classes))
            said[held] = counts / counts.sum()
        else:
            head = HEADS[goal.problem]
            said[held] = head.back(np.average(head.into(y), weights=own))
    return said


def boosting(
    goal: Goal,
    folds: Sequence[Fold],
    inputs: Callable[[int], Inputs],
    until: float,
    asked: Callable[[], bool],
) -> tuple[np.ndarray, int] | None:
    """HistGradientBoosting's predictions, of the folds that there was time for.

    Args:
        goal, folds: The targets, and the rows of each fold.
        inputs: The columns of all rows, prepared for a fold.
        until: The moment of `time.perf_counter` after which no fold is begun.
        asked: Whether the user wants an end.

    Returns:
        Predictions, NaN where there are none, and how many folds they are of; None
        without scikit-learn.
    """
    try:
        from sklearn.ensemble import (
            HistGradientBoostingClassifier,
            HistGradientBoostingRegressor,
        )
        from threadpoolctl import threadpool_limits
    except ImportError:
        return None
    said, done, head = empty(goal), 0, HEADS[goal.problem]
    for k, (train, held) in enumerate(folds):
        if asked() or (done and time.perf_counter() > until):
            break
        own = inputs(k)
        once = own.codes.shape[1] - own.doubles  # trees need no number twice
        few = [i for i, size in enumerate(own.sizes[:once]) if size < 255]
        x = np.hstack([own.numbers, own.codes[:, :once]]).astype("float32")
        marked = [own.numbers.shape[1] + i for i in few]
        weights = None if goal.weights is None else goal.weights[train]
        if goal.classes and len(np.unique(goal.values[train])) < 2:
            said[held] = np.eye(len(goal.classes))[goal.values[train][0]]
        else:
            how: dict[str, Any] = {"categorical_features": marked or None}
            if goal.problem == "count":
                how["loss"] = "poisson"
            model = (
                HistGradientBoostingClassifier(**how, random_state=0)
                if goal.classes
                else HistGradientBoostingRegressor(**how, random_state=0)
            )
            # On few rows its threads mostly wait for one another, and busily.
            with threadpool_limits(1 if len(train) < FEW else None):
                model.fit(x[train], head.into(goal.values[train]), weights)
                if isinstance(model, HistGradientBoostingClassifier):
                    said[held] = 0
                    seen = np.asarray(model.classes_)
                    said[np.ix_(held, seen)] = model.predict_proba(x[held])
                else:
                    said[held] = head.back(model.predict(x[held]))
        done += 1
    return said, done
