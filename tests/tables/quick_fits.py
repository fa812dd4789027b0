"""Quick fits, for what is not about networks: least squares, or no training at all."""

from dataclasses import dataclass

import jax
import numpy as np

from onefit.tables import Goal, calibration
from onefit.tables.members import Member
from onefit.tables.networks import KINDS, network, settled
from onefit.tables.scores import interval, metric_of


def untrained(name, rows, every, epochs, watch):
    """In the place of `training.train`: networks as they begin, nothing is compiled."""
    watch.clock.tell(f"{KINDS[name].title}, epoch {epochs} of {epochs}")
    folds = len(rows.folds)

    def one(told):
        own = settled(KINDS[name], rows.shape, {**told, "steps": 1})
        slot = network(KINDS[name], rows.shape, own).graph.slot
        start = slot.params, slot.state
        params, state = jax.tree.map(lambda a: np.stack([np.asarray(a)] * folds), start)
        own |= {"epoch": epochs}
        return Member(name, own, rows.shape, params, state, rows.scale)

    return [one(told) for told in every]


def equally(said, cost):
    """In the place of `greedy`: each member counts as much."""
    return np.full(len(said), 1 / len(said))


def design(inputs, sizes):
    parts = [np.ones((len(inputs), 1)), inputs.numbers.clip(-3, 3)]
    for codes, size in zip(inputs.codes.T, sizes, strict=True):
        parts.append(np.eye(size + 1)[np.minimum(codes, size)])
    return np.concatenate(parts, axis=1)


@dataclass
class Quick:
    """What `onefit.tables.fitting.Fitted` has, by least squares."""

    goal: Goal
    out_of_fold: np.ndarray
    leaderboard: list
    metric: str
    weights: list
    sizes: tuple
    temperature: float = 1.0
    interrupted: bool = False
    ends: None = None
    ends_out_of_fold: None = None
    skipped: tuple = ()

    def said_ends(self, inputs):
        return None

    @property
    def folds(self):
        return len(self.weights)

    def one(self, inputs, k):
        z = design(inputs, self.sizes) @ self.weights[k]
        if self.goal.classes is None:
            return z[:, 0]
        e = np.exp(6 * (z - z.max(axis=1, keepdims=True)))
        return e / e.sum(axis=1, keepdims=True)

    def predict_by_fold(self, folds):
        return np.stack([self.one(inputs, k) for k, inputs in enumerate(folds)])

    def predict(self, folds):
        return self.predict_by_fold(folds).mean(axis=0)

    def lower_upper(self, values, coverage=0.9, rows=slice(None), ends=None):
        rest = np.abs(self.goal.values - self.out_of_fold)[rows]
        half = np.nanquantile(rest, coverage)
        return values - half, values + half

    def threshold(self, metric=None):
        at, asked = ~np.isnan(self.out_of_fold[:, 0]), metric or "balanced_accuracy"
        y, p = self.goal.values[at], self.out_of_fold[at, 1]
        return calibration.threshold(y, p, np.ones(len(y)), asked)

    def coverage(self):
        y = self.goal.values
        return calibration.coverage(y, self.out_of_fold, np.ones(len(y)))

    def state(self):
        told = {
            name: getattr(self, name) for name in ("leaderboard", "metric", "sizes")
        }
        told |= {"problem": self.goal.problem, "classes": self.goal.classes}
        arrays = {"said": self.out_of_fold, "values": self.goal.values}
        return told, arrays | {f"w{k}": w for k, w in enumerate(self.weights)}

    @classmethod
    def from_state(cls, told, arrays):
        classes = told["classes"] and tuple(told["classes"])
        goal = Goal(told["problem"], arrays["values"], classes)
        weights = [arrays[f"w{k}"] for k in range(len(arrays) - 2)]
        board, sizes = told["leaderboard"], tuple(told["sizes"])
        return cls(goal, arrays["said"], board, told["metric"], weights, sizes)


def quickly(inputs_of_fold, goal, folds, *, metric=None, progress=None, **_):
    chosen, n = metric_of(metric, goal.problem), len(goal.values)
    y = goal.values[:, None]
    if goal.classes:
        y = np.eye(len(goal.classes))[goal.values]
    every = [inputs_of_fold(train) for train, _ in folds]
    sizes = tuple(map(max, zip(*(inputs.sizes for inputs in every), strict=True)))
    said = np.full(y.shape if goal.classes else n, np.nan)
    made = Quick(goal, said, [], chosen.name, [], sizes)
    for k, ((train, asked), inputs) in enumerate(zip(folds, every, strict=True)):
        if progress:
            progress("least squares", k / len(folds))
        x = design(inputs, sizes)
        gram = x[train].T @ x[train] + 1e-3 * np.eye(x.shape[1])
        made.weights.append(np.linalg.solve(gram, x[train].T @ y[train]))
        said[asked] = made.one(inputs[asked], k)
    at = ~np.isnan(said.reshape(n, -1)[:, 0])
    mean = np.broadcast_to(y[at].mean(axis=0), y[at].shape)
    ones = np.ones(at.sum())
    for name, kind, p in (
        ("ensemble", "ensemble", said[at]),
        ("mean", "baseline", mean if goal.classes else mean[:, 0]),
    ):
        made.leaderboard.append(
            {
                "name": name,
                "kind": kind,
                "score": chosen.score(goal.values[at], p, ones),
                "interval": list(interval(chosen, goal.values[at], p, ones)),
                "seconds": 0.0,
                "folds": len(folds),
            }
        )
    made.leaderboard.sort(key=lambda line: -chosen.sign * line["score"])
    return made
