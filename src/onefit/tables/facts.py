"""What a report tells, gathered once when a model was fitted; as JSON has it.

All of it is of rows that the networks were not trained on.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import config
from onefit.tables.calibration import tempered
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.members import stacked
from onefit.tables.preparation import Cells
from onefit.tables.roles import INPUTS, Column
from onefit.tables.scores import METRICS, losses_of, weights_of
from onefit.tables.targets import Split

if TYPE_CHECKING:
    from onefit.tables.fitting import Fitted
    from onefit.tables.model import TableModel

__all__ = ["each_fold", "facts_of"]

ASKED = 1000
"""Rows of all folds that importance is measured on, at most."""

REPEATS = 3
"""How often the cells of a column are shuffled."""

MANY = 60
"""Columns whose importance is measured, at most: the first ones."""

WORST = 10
"""Rows that are shown as the most wrong."""

BINS = 10
"""Groups of equal size of a calibration."""


def facts_of(
    model: "TableModel",
    cells: Cells,
    goal: Goal,
    folds: Sequence[Split],
    rows: np.ndarray,
    told: dict[str, Any],
) -> dict[str, Any]:
    """The facts of a model that was just fitted.

    Args:
        model: With its networks.
        cells: Of the training table.
        goal: What is predicted.
        folds: The rows of each.
        rows: The names of the rows.
        told: What is known besides: where the table is from, seed, quality.
    """
    fitted = model.fitted
    said = fitted.out_of_fold
    at = np.flatnonzero(~np.isnan(said.reshape(len(said), -1)[:, 0]))
    y, p, w = goal.values[at], said[at], weights_of(goal)[at]
    facts = {
        **told,
        "problem": goal.problem,
        "rows": len(goal.values),
        "scored_rows": len(at),
        "folds": len(folds),
        "metric": fitted.metric,
        "leaderboard": fitted.leaderboard,
        "scores": {
            name: metric.score(y, p, w)
            for name, metric in METRICS.items()
            if goal.problem in metric.problems
        },
        "importance": _importance(model, cells, goal, folds),
        "worst": _worst(model, goal, at, rows),
    }
    if goal.classes is not None:
        facts["temperature"] = fitted.temperature
        facts["confusion"] = _confusion(y, p).tolist()
        facts["calibration"] = _calibration(y, p)
    else:
        lower, upper = fitted.lower_upper(p, 0.9)
        facts["interval"] = {
            "coverage": 0.9,
            "measured": float(((lower <= y) & (y <= upper)).mean()),
            "width": float((upper - lower).mean()),
        }
    return facts


def _confusion(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """How often each class, down, was called each class, across."""
    found = np.zeros((p.shape[1], p.shape[1]), int)
    np.add.at(found, (y, p.argmax(axis=1)), 1)
    return found


def _calibration(y: np.ndarray, p: np.ndarray) -> list[dict[str, float]]:
    """How sure the answers were, and how often they were right, in equal groups."""
    sure, right = p.max(axis=1), p.argmax(axis=1) == y
    groups = np.array_split(np.argsort(sure, kind="stable"), min(BINS, len(y)))
    return [
        {
            "said": float(sure[group].mean()),
            "right": float(right[group].mean()),
            "rows": len(group),
        }
        for group in groups
    ]


def _worst(
    model: "TableModel", goal: Goal, at: np.ndarray, rows: np.ndarray
) -> list[dict[str, Any]]:
    """The rows that are furthest from what was said of them."""
    said = model.fitted.out_of_fold[at]
    lost = losses_of(goal.problem, goal.values[at], said)
    order = np.argsort(-lost, kind="stable")[:WORST]
    shown = []
    for i in order:
        true, answer = goal.values[at[i]], said[i]
        if goal.classes is None:
            pair = {"true": float(true), "predicted": float(answer)}
        else:
            pair = {
                "true": goal.classes[true],
                "predicted": goal.classes[answer.argmax()],
                "probability": float(answer[true]),
            }
        shown.append({"row": str(rows[at[i]]), **pair})
    return shown


# Importance ---------------------------------------------------------------------------


def _importance(
    model: "TableModel", cells: Cells, goal: Goal, folds: Sequence[Split]
) -> list[dict[str, Any]]:
    """How much worse the loss is when the cells of a column are shuffled.

    Each fold's networks are asked about rows that they were not trained on. `error` is
    the standard error of the mean over rows: a column that says nothing is within two.

    Source: Breiman 2001, "Random forests", section 10; Fisher et al. 2019.
    """
    rng = config.generator(0)
    share = min(1.0, ASKED / max(1, sum(len(asked) for _, asked in folds)))
    asked = [
        np.sort(rng.permutation(rows)[: max(1, round(share * len(rows)))])
        for _, rows in folds
    ]
    columns = [c for c in model.columns if c.role in INPUTS][:MANY]
    whole = [prepared(cells) for prepared in model.preparations]
    own = [inputs[rows] for inputs, rows in zip(whole, asked, strict=True)]
    before = _loss(model, own, asked, goal)
    found = []
    for column in columns:
        worse = np.mean(
            [
                _loss(model, _shuffled(own, model, column, rng), asked, goal) - before
                for _ in range(REPEATS)
            ],
            axis=0,
        )
        found.append(
            {
                "column": column.name,
                "worse": float(worse.mean()),
                "error": float(worse.std() / np.sqrt(len(worse))),
            }
        )
    return sorted(found, key=lambda line: -line["worse"])


def _shuffled(
    own: Sequence[Inputs], model: "TableModel", column: Column, rng: np.random.Generator
) -> list[Inputs]:
    """The inputs with the cells of one column in another order, all parts together."""
    found = []
    for inputs, prepared in zip(own, model.preparations, strict=True):
        mine = np.array([name == column.name for name in prepared.names()])
        width, order = inputs.numbers.shape[1], rng.permutation(len(inputs))
        numbers, codes = inputs.numbers.copy(), inputs.codes.copy()
        numbers[:, mine[:width]] = numbers[order][:, mine[:width]]
        codes[:, mine[width:]] = codes[order][:, mine[width:]]
        found.append(Inputs(numbers, codes, inputs.sizes))
    return found


def _loss(
    model: "TableModel", own: Sequence[Inputs], asked: Sequence[np.ndarray], goal: Goal
) -> np.ndarray:
    """The loss of each row, by the networks that were not trained on it."""
    said = each_fold(model.fitted, own)
    parts = [
        losses_of(goal.problem, goal.values[rows], part)
        for rows, part in zip(asked, said, strict=True)
    ]
    return np.concatenate(parts)


def each_fold(fitted: "Fitted", own: Sequence[Inputs]) -> list[np.ndarray]:
    """What the networks of each fold say to its own rows."""
    most = max(map(len, own))
    padded = [inputs[np.resize(np.arange(len(inputs)), most)] for inputs in own]
    x = stacked(fitted.shape, padded)
    pairs = zip(fitted.shares, fitted.members, strict=True)
    said = np.sum([share * member(x) for share, member in pairs], axis=0)
    parts = [part[: len(inputs)] for part, inputs in zip(said, own, strict=True)]
    if fitted.goal.classes is None:
        return parts
    return [tempered(part, fitted.temperature) for part in parts]
