"""What a report tells, gathered once when a model was fitted; as JSON has it.

All of it is of rows that the networks were not trained on.
"""

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import config
from onefit.tables.explaining import importance, response
from onefit.tables.inputs import Goal
from onefit.tables.preparation import Cells
from onefit.tables.roles import INPUTS
from onefit.tables.scores import METRICS, losses_of, weights_of
from onefit.tables.targets import Split

if TYPE_CHECKING:
    import pandas as pd

    from onefit.tables.model import TableModel

__all__ = ["facts_of"]

ASKED = 1000
"""Rows of all folds that importance is measured on, at most."""

CURVES, POINTS, ROWS = 3, 12, 200
"""Columns whose values are varied, values of each, and rows that are asked."""

WORST = 10
"""Rows that are shown as the most wrong."""

BINS = 10
"""Groups of equal size of a calibration."""


def facts_of(
    model: "TableModel",
    frame: "pd.DataFrame",
    goal: Goal,
    folds: Sequence[Split],
    told: dict[str, Any],
) -> dict[str, Any]:
    """The facts of a model that was just fitted.

    Args:
        model: With its networks.
        frame: The training table.
        goal: What is predicted.
        folds: The rows of each.
        told: What is known besides: where the table is from, seed, quality.
    """
    fitted = model.fitted
    lines = _importance(model, frame, goal, folds)
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
        "importance": lines,
        "responses": _responses(model, frame, lines),
        "worst": _worst(model, goal, at, frame.index.to_numpy()),
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


# Explanations -------------------------------------------------------------------------


def _importance(
    model: "TableModel", frame: "pd.DataFrame", goal: Goal, folds: Sequence[Split]
) -> list[dict[str, Any]]:
    """How much larger the loss is when the cells of a column are mixed among the rows.

    Each row is asked of the networks that were not trained on it.
    """
    import pandas as pd

    rng = config.generator(0)
    share = min(1.0, ASKED / sum(len(asked) for _, asked in folds))
    own = [rng.permutation(r)[: max(1, round(share * len(r)))] for _, r in folds]
    most = max(map(len, own))
    starts = np.cumsum([0, *map(len, own)])
    spans = list(itertools.pairwise(starts))
    padded = [np.resize(np.arange(a, b), most) for a, b in spans]

    def out_of_fold(table: Mapping[str, np.ndarray]) -> np.ndarray:
        cells = Cells.of(pd.DataFrame(dict(table)), model.columns)
        pairs = zip(model.preparations, padded, strict=True)
        said = model.fitted.predict_by_fold([prep(cells)[at] for prep, at in pairs])
        return np.concatenate(
            [part[: b - a] for part, (a, b) in zip(said, spans, strict=True)]
        )

    rows = np.concatenate(own)
    y = goal.values[rows]
    lines = importance(
        out_of_fold,
        {name: frame[name].to_numpy()[rows] for name in _asked(model)},
        lambda said: -float(losses_of(goal.problem, y, said).mean()),
    )
    return [
        {"column": line.name, "worse": line.mean, "low": line.low, "high": line.high}
        for line in lines
    ]


def _asked(model: "TableModel") -> list[str]:
    return [column.name for column in model.columns if column.role in INPUTS]


def _responses(
    model: "TableModel", frame: "pd.DataFrame", lines: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is said on average as one of the most important columns varies."""
    table = {name: frame[name].to_numpy() for name in _asked(model)}
    found = []
    for line in lines[:CURVES]:
        if line["low"] <= 0:
            break
        name = line["column"]
        curve = response(model.asked, table, name, points=POINTS, rows=ROWS)
        found.append(
            {
                "column": name,
                "values": [_shown(value) for value in curve.values],
                "mean": np.asarray(curve.mean, float).tolist(),
                "rows": curve.count.tolist(),
            }
        )
    return found


def _shown(value: Any) -> float | str:
    if isinstance(value, int | float | np.number):
        return float(value)
    return str(value)[:19]
