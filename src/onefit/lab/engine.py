"""The engine of the lab: one network that trains in stretches, and goes back.

A stretch is one call of the compiled program that `fit` runs too, so a network trains
here at the speed of a fit. It belongs to the thread that made it.
"""

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.errors import invalid
from onefit.guide.diagnose import diagnose
from onefit.guide.evidence import Evidence, Snapshot
from onefit.guide.finding import Report
from onefit.guide.probe import Probe
from onefit.guide.program import Program
from onefit.models import History, Model
from onefit.training.compiling import compiled
from onefit.training.options import FitOptions
from onefit.training.prepare import build_job
from onefit.training.state import State
from onefit.training.stretches import Whole, capacity
from onefit.types import Tree

__all__ = ["Engine"]

ENDLESS = 2_000_000_000
"""Epochs of a fit that somebody else ends."""

LOGGED = 1 << 16
"""Epochs whose logs are kept; of more, every second, fourth, ... one."""

KEPT, BYTES = 256, 64 << 20
"""Moments that one can go back to, and the bytes that they may take."""


@dataclasses.dataclass(frozen=True)
class Moment:
    """Where a network was.

    Attributes:
        epoch, batch: How far it had come.
        params, train: Its weights and the optimizer's state, as copies.
    """

    epoch: int
    batch: int
    params: Tree
    train: Tree


class Engine:
    """A network that trains as long as someone calls `run`.

    Attributes:
        model: The compiled model.
        epoch: Epochs that are done.
        batch: Batches of the next one that are done already.
        step: Steps in all.
        names: What is logged of an epoch.
        pace: Seconds an epoch took in the last stretch.

    Args:
        model: A compiled model with its weights.
        x, y: The rows to train on.
        held: Those to test on, (x, y), or None.
        batch: Rows in a step.
        seed: Of the order of rows.

    >>> from onefit.layers import Dense
    >>> x, y = onefit.datasets.xor()
    >>> model = onefit.Sequential([onefit.Input((2,)), Dense(1, "sigmoid")])
    >>> model.compile("sgd", "binary_crossentropy")
    >>> engine = Engine(model, x, y, batch=1)
    >>> engine.run(10)
    >>> rows = engine.step_batch()
    >>> engine.epoch, engine.batch
    (10, 1)
    >>> engine.rewind(0)
    >>> engine.epoch
    0
    """

    def __init__(
        self,
        model: Model,
        x: Any,  # arrays, or nests of them
        y: Any,
        held: tuple[Any, Any] | None = None,
        batch: int = 32,
        seed: int = 0,
    ) -> None:
        self.model, self.x, self.y = model, x, y
        options = FitOptions(
            batch, ENDLESS, 0, validation_data=held, validation_batch_size=None
        )
        with model.as_compiled():
            job = build_job(model, x, y, options)
        self.job = dataclasses.replace(job, seed=seed)
        self.names = self.job.names
        self.state = State(self.job)
        program = Program.of(model, x, y, {"batch_size": batch})
        self.evidence = Evidence(self.job, self.state.params, self.state.train, program)
        self.plan = self.job.padded(self.job.plan())
        data, validation = jax.device_put(self.job.arrays(self.plan))
        most = capacity(self.job, self.plan, False)
        self.whole = Whole(
            self.job, self.state, self.plan, data, validation, most, False
        )
        self.epoch = self.batch = self.steps = 0
        self.pace = 0.0
        self._every = 1
        self._epochs: list[np.ndarray] = [np.zeros(0, int)]
        self._logs: list[np.ndarray] = [np.zeros((0, len(self.names)), np.float32)]
        self._kept: list[Moment] = []
        self._order: np.ndarray | None = None
        self.keep()

    # Training -------------------------------------------------------------------------

    def run(self, epochs: int | None = None, seconds: float = 0.04) -> None:
        """A stretch: so many epochs, or as many as fit into some seconds.

        An epoch that was begun by batches is ended first, and is the first of them.
        """
        if self.batch:
            while self.batch:
                self.step_batch()
            return
        whole = self.whole
        wanted = epochs or max(1, int(seconds / max(whole.pace, 1e-7)))
        whole.count = wanted if whole.calls else min(wanted, whole.count)
        started = time.perf_counter()
        table, _, _ = whole(self.epoch)
        done = len(table)
        self.pace = (time.perf_counter() - started) / max(done, 1)
        self._log(np.arange(self.epoch + 1, self.epoch + 1 + done), table)
        self.epoch += done
        self.steps += done * self.plan.steps
        self.keep()
        if epochs and done < epochs:
            self.run(epochs - done)

    def step_batch(self) -> np.ndarray:
        """One step; returns the numbers of the rows that it was made of."""
        plan = self.job.plan()
        if not self.batch or self._order is None:
            self._order = self.job.order(plan, self.epoch, 1)[0][: plan.rows].copy()
        first = self.batch * plan.batch
        order: Any = self._order  # it is there now
        rows = order[first : first + plan.batch]
        logs = self._single(rows)
        self.batch += 1
        if self.batch >= plan.steps:
            self.batch = 0
            self.epoch += 1
            row = np.full(len(self.names), np.nan, np.float32)
            row[: len(logs)] = logs
            self._log(np.array([self.epoch]), self._judged(row)[None])
        self.keep()
        return rows

    def step_example(self, number: int) -> None:
        """One step on one example alone; it counts as no batch of the epoch."""
        self._single(np.array([number]))
        self.keep()

    def _single(self, rows: np.ndarray) -> np.ndarray:
        """A step of the optimizer on these rows; the losses and metrics before it."""
        state = self.state
        batch: Batch = jax.tree.map(lambda a: np.asarray(a)[rows], self.job.train_data)
        state.params, state.train, logs = compiled("single", state.is_small)(
            state.task, state.params, state.train, batch, np.uint32(self.job.seed)
        )
        self.whole.drawn = None
        self.steps += 1
        return np.asarray(logs)

    def _judged(self, row: np.ndarray) -> np.ndarray:
        """A row of logs with the numbers of the test data, after steps by batches."""
        held = self.job.validation_data
        if held is None:
            return row
        model: Any = self.write()
        found = model.evaluate(held.x, held.y, verbose=0, return_dict=True)
        for i, name in enumerate(self.names):
            if name.startswith("val_"):
                row[i] = found.get(name.removeprefix("val_"), np.nan)
        return row

    def follow(self, other: "Engine") -> None:
        """Goes on where another engine of as many logs is: its epoch, its curves."""
        self.epoch, self.steps = other.epoch, other.epoch * self.plan.steps
        if other.names == self.names:
            epochs, logs = other.logs()
            self._epochs, self._logs, self._every = [epochs], [logs], other._every
        first = other._kept[0]
        self._kept = []
        if first.epoch < self.epoch:
            fresh = self.state.train.optimizer
            free = self.state.task.pack(first.params)
            train = first.train._replace(free=free, optimizer=fresh)
            copied = jax.tree.map(np.array, (first.params, train))
            self._kept.append(Moment(first.epoch, 0, *copied))
        self.keep()

    # Weights --------------------------------------------------------------------------

    def write(self) -> Model:
        """The model, with the weights as they are now."""
        self.state.write()
        return self.model

    def weights(self) -> list[dict[str, np.ndarray]]:
        """The weights of each layer by name, as copies."""
        return [
            {name: np.array(w) for name, w in own.items()}
            if isinstance(own, dict)
            else {}
            for own in self.state.params
        ]

    def edit(self, layer: int, name: str, place: tuple[int, ...], value: float) -> None:
        """Sets one number of a layer's weights.

        Raises:
            ValueError: A weight that there is not.
        """
        known = self.weights()
        if not 0 <= layer < len(known) or name not in known[layer]:
            raise invalid("edit", f"weight {name!r} of layer {layer}", "one there is")
        array = known[layer][name]
        inside = len(place) == array.ndim and all(
            0 <= i < n for i, n in zip(place, array.shape, strict=True)
        )
        if not inside or not np.isfinite(value):
            raise invalid(
                "edit",
                f"{list(place)} = {value}",
                f"a place in {array.shape}, a number",
            )
        array[place] = value
        model = self.write()
        getattr(model.graph.layers[layer], name).assign(array)
        self.state.pull_changes()
        self.keep()

    # Going back -----------------------------------------------------------------------

    def keep(self) -> None:
        """Keeps where it is, to go back to."""
        params, train = jax.tree.map(np.array, (self.state.params, self.state.train))
        moment = Moment(self.epoch, self.batch, params, train)
        if self._kept and (self._kept[-1].epoch, self._kept[-1].batch) == (
            self.epoch,
            self.batch,
        ):
            self._kept.pop()
        self._kept.append(moment)
        size = sum(a.nbytes for a in jax.tree.leaves((params, train)))
        most = max(2, min(KEPT, BYTES // max(size, 1)))
        if len(self._kept) > most:
            self._kept = [*self._kept[:-1][::2], self._kept[-1]]

    @property
    def moments(self) -> list[int]:
        """The epochs that one can go back to."""
        return sorted({moment.epoch for moment in self._kept})

    def rewind(self, epoch: int) -> None:
        """Goes back to the last moment kept at this epoch or before it."""
        kept = [m for m in self._kept if m.epoch <= epoch] or self._kept[:1]
        moment = kept[-1]
        self._kept = self._kept[: self._kept.index(moment) + 1]
        self.epoch, self.batch = moment.epoch, moment.batch
        self.steps = self.epoch * self.plan.steps + self.batch
        copied = jax.tree.map(np.array, (moment.params, moment.train))
        self.state.params, self.state.train = copied
        self.whole.drawn, self._order = None, None
        epochs, logs = self.logs()
        until = int(np.searchsorted(epochs, self.epoch, "right"))
        self._epochs, self._logs = [epochs[:until]], [logs[:until]]

    # Logs -----------------------------------------------------------------------------

    def _log(self, epochs: np.ndarray, table: np.ndarray) -> None:
        if self._every > 1:
            chosen = epochs % self._every == 0
            epochs, table = epochs[chosen], table[chosen]
        self._epochs.append(epochs)
        self._logs.append(np.array(table, np.float32))
        if sum(map(len, self._epochs)) > LOGGED:
            epochs, logs = self.logs()
            self._every *= 2
            chosen = epochs % self._every == 0
            self._epochs, self._logs = [epochs[chosen]], [logs[chosen]]

    def logs(self) -> tuple[np.ndarray, np.ndarray]:
        """The epochs, and their logs: (epochs, names)."""
        if len(self._logs) > 1:
            self._epochs = [np.concatenate(self._epochs)]
            self._logs = [np.concatenate(self._logs)]
        return self._epochs[0], self._logs[0]

    # The guide ------------------------------------------------------------------------

    def probe(self) -> Probe:
        """A measured step from here: what units answer, how large gradients are."""
        state = self.state
        params, train = jax.tree.map(np.array, (state.params, state.train))
        return self.evidence.measure(Snapshot(self.epoch, params, train))

    def diagnose(self) -> Report:
        """What kept the network from learning so far.

        Raises:
            ValueError: No epoch has run.
        """
        epochs, logs = self.logs()
        if not len(epochs):
            raise invalid("diagnose", "no epoch", "one or more", "press Play first")
        history = History(self.write())
        history.epoch = [int(e) - 1 for e in epochs]
        history.validated = list(history.epoch)
        history.history = {
            name: logs[:, i].astype(float).tolist() for i, name in enumerate(self.names)
        }
        evidence = self.evidence
        evidence.epochs, evidence.probes = self.epoch, {}
        params, train = jax.tree.map(np.array, (self.state.params, self.state.train))
        evidence.end = Snapshot(self.epoch, params, train)
        history.evidence = evidence
        return diagnose(history)
