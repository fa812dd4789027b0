"""What a report tells, gathered once when a model was fitted; as JSON has it.

All of it is of rows that the networks were not trained on.
"""

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import config
from onefit.tables.explaining import importance, response
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.preparation import Cells
from onefit.tables.roles import INPUTS
from onefit.tables.scores import METRICS, losses_of, weights_of
from onefit.tables.targets import Split
from onefit.tables.values import Frame, words

if TYPE_CHECKING:
    from onefit.tables.fitting import Fitted
    from onefit.tables.model import TableModel

__all__ = ["FEW", "facts_of", "versions"]

ASKED = 1000
"""Rows of all folds that importance is measured on, at most."""

MANY, GROUPS = 50, 8
"""Columns whose importance is measured, at most, and groups to choose them by."""

CURVES, POINTS, ROWS = 3, 12, 200
"""Columns whose values are varied, values of each, and rows that are asked."""

WORST = 10
"""Rows that are shown as the most wrong."""

FEW = 50
"""With fewer rows, scores of other rows say little."""

BINS = 10
"""Groups of equal size of a calibration."""


def facts_of(
    model: "TableModel",
    frame: Frame,
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
        "versions": versions(),
        "problem": goal.problem,
        "rows": len(goal.values),
        "scored_rows": len(at),
        "folds": len(folds),
        "metric": fitted.metric,
        "interrupted": fitted.interrupted,
        "leaderboard": fitted.leaderboard,
        "scores": _scores(goal.problem, y, p, w),
        "importance": lines,
        "responses": _responses(model, frame, lines),
        "worst": _worst(model, goal, at, frame.index.to_numpy()),
    }
    if len(frame) < FEW:
        inputs = [c.name for c in model.columns if c.role in INPUTS]
        again = model.asked({name: frame[name].to_numpy() for name in inputs})
        weights = weights_of(goal)
        facts["trained"] = _scores(goal.problem, goal.values, again, weights)
    if goal.classes is not None:
        facts["temperature"] = fitted.temperature
        facts["confusion"] = _confusion(y, p).tolist()
        facts["calibration"] = _calibration(y, p)
        facts["coverage"] = fitted.coverage()
        if goal.problem == "binary":
            facts["thresholds"] = _thresholds(fitted, y, p, w)
    else:
        facts["interval"] = _interval(fitted, folds)
    return facts


def _scores(
    problem: str, y: np.ndarray, p: np.ndarray, w: np.ndarray
) -> dict[str, float]:
    """All scores that are for this problem, by name; without those that no row tells.

    Where all rows are of one class there is no area under a curve.
    """
    own = [m for m in METRICS.values() if problem in m.problems]
    scores = {metric.name: metric.score(y, p, w) for metric in own}
    return {name: score for name, score in scores.items() if not np.isnan(score)}


def _interval(fitted: "Fitted", folds: Sequence[Split]) -> dict[str, float]:
    """How many rows the intervals hold, each as wide as the other folds say."""
    parts = [held for _, held in folds]
    if len(parts) < 2:
        parts = [parts[0][::2], parts[0][1::2]]
    hits, widths = [], []
    for k, part in enumerate(parts):
        others = [other for j, other in enumerate(parts) if j != k]
        rest = np.concatenate(others) if len(part) else part
        if len(part) and len(rest):
            said, y = fitted.out_of_fold[part], fitted.goal.values[part]
            ends = fitted.ends_out_of_fold
            own = None if ends is None else ends[part]
            lower, upper = fitted.lower_upper(said, 0.9, rest, own)
            hits.append((lower <= y) & (y <= upper))
            widths.append(upper - lower)
    held = np.concatenate(hits).mean() if hits else np.nan
    width = np.concatenate(widths).mean() if widths else np.inf
    told = {"coverage": 0.9, "measured": float(held), "width": float(width)}
    return told | {"by_quantiles": float(fitted.ends is not None)}


def versions() -> dict[str, str]:
    """What the model was made with, of what is installed as a package."""
    found = {}
    for name in ("onefit", "jax", "numpy", "pandas"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


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


def _thresholds(
    fitted: "Fitted", y: np.ndarray, p: np.ndarray, w: np.ndarray
) -> list[dict[str, Any]]:
    """For each metric that a threshold changes: the best one, the score at it and ½."""
    found = []
    for name in ("accuracy", "balanced_accuracy", "f1"):
        at = fitted.threshold(name)
        said = np.eye(2)[(p[:, 1] >= at).astype(int)]
        usual, best = (METRICS[name].score(y, q, w) for q in (p, said))
        found.append({"metric": name, "threshold": at, "score": best, "at_half": usual})
    return found


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
    model: "TableModel", frame: Frame, goal: Goal, folds: Sequence[Split]
) -> list[dict[str, Any]]:
    """How much larger the loss is when the cells of a column are mixed among the rows.

    Each row is asked of the networks that were not trained on it.
    """
    rng = config.generator(0)
    share = min(1.0, ASKED / sum(len(asked) for _, asked in folds))
    own = [rng.permutation(r)[: max(1, round(share * len(r)))] for _, r in folds]
    rows = np.concatenate(own)
    ask = _out_of_fold(model, frame.iloc[rows], [len(part) for part in own])
    names = _telling(model, frame, model.fitted.out_of_fold)
    y = goal.values[rows]
    lines = importance(
        ask,
        {name: np.arange(len(rows)) for name in names},
        lambda said: -float(losses_of(goal.problem, y, said).mean()),
    )
    return [
        {"column": line.name, "worse": line.mean, "low": line.low, "high": line.high}
        for line in lines
    ]


def _out_of_fold(
    model: "TableModel", frame: Frame, sizes: Sequence[int]
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """What each fold's networks say to its own rows, some columns being mixed.

    The rows are prepared once: a column is handed over as the rows that its cells are
    of, and what came of those cells is taken from there.

    Args:
        model: With its networks.
        frame: The rows, those of the first fold first.
        sizes: How many there are of each fold.
    """
    cells = Cells.of(frame, model.columns)
    prepared = [preparation(cells) for preparation in model.preparations]
    names = np.array(model.preparations[0].names())
    spans = list(itertools.pairwise(np.cumsum([0, *sizes])))
    # All folds are asked at once, so the rows of a short one come again.
    at = [np.resize(np.arange(a, b), max(sizes)) for a, b in spans]

    def mixed(inputs: Inputs, rows: np.ndarray, table: Mapping) -> Inputs:
        found, width = inputs[rows], inputs.numbers.shape[1]
        for name, order in table.items():
            if (order != np.arange(len(order))).any():
                other, mine = order[rows], names == name
                found.numbers[:, mine[:width]] = inputs.numbers[other][:, mine[:width]]
                found.codes[:, mine[width:]] = inputs.codes[other][:, mine[width:]]
        return found

    def ask(table: Mapping[str, np.ndarray]) -> np.ndarray:
        every = [mixed(i, rows, table) for i, rows in zip(prepared, at, strict=True)]
        said = model.fitted.predict_by_fold(every)
        pairs = zip(said, sizes, strict=True)
        return np.concatenate([part[:size] for part, size in pairs])

    return ask


def _telling(model: "TableModel", frame: Frame, said: np.ndarray) -> list[str]:
    """The inputs; of very many, those that go most with what is said of the rows.

    How much of the variance of what is said (of its first class, or number) lies
    between groups of rows that have the like in a column.
    """
    names = [column.name for column in model.columns if column.role in INPUTS]
    if len(names) <= MANY:
        return names
    said = said.reshape(len(said), -1)[:, 0]
    known = ~np.isnan(said)
    said, shares = said[known] - said[known].mean(), {}
    for name in names:
        cells = frame[name][known]
        if cells.dtype.kind in "biufmM":
            cells = cells.rank(method="dense", pct=True).fillna(2.0) // (1 / GROUPS)
        codes = words(cells).codes + 1
        sums, counts = np.bincount(codes, said), np.bincount(codes)
        shares[name] = float((sums**2 / np.maximum(counts, 1)).sum() / len(counts))
    return sorted(names, key=lambda name: -shares[name])[:MANY]


def _responses(
    model: "TableModel", frame: Frame, lines: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is said on average as one of the most important columns varies."""
    inputs = [column.name for column in model.columns if column.role in INPUTS]
    table = {name: frame[name].to_numpy() for name in inputs}
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
