"""Evidence: what a fit leaves behind for the diagnosis."""

import functools
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import losses
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.guide.probe import Probe, probe
from onefit.guide.program import Program
from onefit.registry import computes_like
from onefit.training.job import Job
from onefit.training.task import Train
from onefit.types import Tree

__all__ = ["Evidence", "Snapshot"]

SAMPLE = 256
"""Rows that probes look at, evenly spread; or a batch, where that is more."""


KEPT = 64 << 20
"""Bytes of rows that a history holds, so that remedies can be tried on them."""


class Snapshot(NamedTuple):
    """The weights and the optimizer's state after some epochs."""

    epoch: int
    params: Tree
    train: Train


class Evidence:
    """What a fit leaves behind for the diagnosis: little beside its logs.

    Attributes:
        task, graph: What was trained; the graph knows the layers' names.
        epochs, first, steps, batch_size, n: The fit's size; n rows in all.
        sample, held: Some training and validation rows, as the program had them.
        chance: The loss of the best answer that is the same for every row, for one
            output whose loss allows to say so, else None.
        spread: For whole-number labels, the share of each; else None.
        fresh: Whether the optimizer began anew, rather than going on.
        metrics: The logs that have a better way, and which: 'min' or 'max'.
        silent: The loss of an output of 0 for every row (of equal probabilities), where
            `chance` is known: what a network begins with, about.
        monitors: The logs that rules look at.
        start, end: The weights before and after.
        probes: The steps that were measured, by epoch.
        record: Those that were measured because someone asked for numbers by layer.
        program: What was trained, as a description that remedies can change; of rows
            beyond `KEPT` bytes, and of streams, some rows stand for all.
        kept: Whether the program has all its rows.
        broken: Where NaN arose, if it did and was looked for (`replay.Place`).
    """

    def __init__(
        self, job: Job, params: Tree, train: Train, program: Program | None = None
    ) -> None:
        self.task, self.graph = job.task, job.model.graph
        self.epochs, self.first = job.epochs, job.first
        self.steps, self.batch_size = job.plan().steps, job.batch_size
        self.n = rows.count(job.train_data)
        wanted = max(SAMPLE, job.batch_size)
        if self.graph.stateful:
            wanted = job.batch_size
        self.sample = _some(job.train_data, wanted)
        self.held = job.validation_data and _some(job.validation_data, wanted)
        self.metrics = {
            name: way for name, way in job.directions.items() if way is not None
        }
        self.monitors = [getattr(rule, "monitor", None) for rule in job.given_rules]
        # The first batches of a stream do not say how often each answer occurs.
        whole = job.feed is None
        self.chance, self.spread = _chance(job) if whole else (None, None)
        self.silent = _silent(job) if whole else None
        self.fresh = not int(train.optimizer["iterations"])
        if self.fresh:  # the rest of the optimizer's state is what `init` gives
            rate = {"learning_rate": train.optimizer.get("learning_rate")}
            train = Train(None, train.state, rate)
        self.start = Snapshot(job.first, params, train)
        self.end: Snapshot | None = None
        self.probes: dict[int, Probe] = {}
        self.record: dict[int, Probe] = {}
        self.broken: Any = None
        self.program = program
        self.kept = program is not None and _small(program)
        if program is not None and not self.kept:
            self.program = program.replace(x=self.sample.x, y=self.sample.y)

    def probe(self, snapshot: Snapshot) -> Probe:
        """A measured step from there; each epoch is measured once."""
        if snapshot.epoch not in self.probes:
            self.probes[snapshot.epoch] = self.measure(snapshot)
        return self.probes[snapshot.epoch]

    def measure(self, snapshot: Snapshot) -> Probe:
        """A measured step from there."""
        epoch, params, train = self.whole(snapshot)
        return probe(self.task, params, train, self.sample, epoch, self.graph)

    def whole(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot with all of the optimizer's state."""
        epoch, params, train = snapshot
        if train.free is not None:
            return snapshot
        free = self.task.pack(params)
        fresh = self.task.optimizer.init(free) | train.optimizer
        return Snapshot(epoch, params, Train(free, train.state, fresh))

    def measured(self) -> list[Probe]:
        """All measured steps, those of the start and the end among them."""
        for snapshot in filter(None, (self.start, self.end)):
            self.probe(snapshot)
        return [self.probes[epoch] for epoch in sorted(self.probes)]


def _small(program: Program) -> bool:
    """Whether a history may hold the rows: they are arrays, and not many bytes."""
    if rows.is_stream(program.x):
        return False
    leaves = jax.tree.leaves((program.x, program.y))
    return sum(getattr(leaf, "nbytes", 8) for leaf in leaves) <= KEPT


def _some(batch: Batch, wanted: int) -> Batch:
    n = rows.count(batch)
    if n <= wanted:
        return batch
    at = np.linspace(0, n - 1, wanted).round().astype(int)
    return jax.tree.map(lambda a: np.asarray(a[at]), batch)


def _chance(job: Job) -> tuple[float | None, np.ndarray | None]:
    """The loss of the best constant answer, and the share of each class."""
    targets, weights = jax.tree.leaves(job.train_data.y), job.train_data.w
    if len(targets) > 1 or jax.tree.leaves(weights):
        return None, None
    loss, y = job.task.heads[0].loss, np.asarray(targets[0])
    kind: Any = functools.partial(computes_like, type(loss))
    if getattr(loss, "label_smoothing", 0) or y.size == 0 or y.dtype == object:
        return None, None
    if kind(losses.SparseCategoricalCrossentropy):
        if getattr(loss, "ignore_class", None) is not None:
            return None, None
        share = np.bincount(y.astype(int).ravel()) / y.size
        return _entropy(share), share
    y = y.reshape(len(y), -1).astype(float)
    mean = y.mean(axis=0)
    if kind(losses.CategoricalCrossentropy):
        return _entropy(mean), mean
    if kind(losses.BinaryCrossentropy):
        share = np.array([1 - mean[0], mean[0]]) if len(mean) == 1 else None
        both = [_entropy(np.array([1 - p, p])) for p in np.clip(mean, 0, 1)]
        return float(np.mean(both)), share
    if kind(losses.MeanSquaredError):
        return float(y.var(axis=0).mean()), None
    if kind(losses.MeanAbsoluteError):
        return float(np.abs(y - np.median(y, axis=0)).mean()), None
    return None, None


def _silent(job: Job) -> float | None:
    """The loss of a network that gives 0 for every row."""
    targets = jax.tree.leaves(job.train_data.y)
    if len(targets) > 1:
        return None
    loss, y = job.task.heads[0].loss, np.asarray(targets[0])
    kind: Any = functools.partial(computes_like, type(loss))
    if kind(losses.MeanSquaredError):
        return float(np.mean(np.square(y, dtype=float)))
    if kind(losses.MeanAbsoluteError):
        return float(np.mean(np.abs(y), dtype=float))
    if getattr(loss, "link", None):
        return float(np.log(max(2, y.shape[-1] if y.ndim > 1 else 2, y.max() + 1)))
    return None


def _entropy(share: np.ndarray) -> float:
    some = share[share > 0]
    return float(-(some * np.log(some)).sum())
