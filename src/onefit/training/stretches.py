"""Stretches: how much of a fit one call of the program does.

`Whole` runs many epochs by a call, `Part` runs one epoch by several: a long one, one
whose batches callbacks look at, or one whose batches come one after another. Both run
the same step.
"""

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.programs import in_step, spread
from onefit.training.compiling import compiled
from onefit.training.job import Job, hook
from onefit.training.program import Plan, Stretch
from onefit.training.state import State
from onefit.types import Array

if TYPE_CHECKING:
    from onefit.training.feeding import Feed
    from onefit.training.loop import Interrupt

__all__ = [
    "SLOW",
    "InFeed",
    "InRows",
    "Part",
    "Pieces",
    "Runner",
    "Whole",
    "capacity",
    "guess",
]

SECONDS = 0.2
"""How long a stretch may take: the progress bar moves and Ctrl-C answers."""

EPOCHS = 1 << 14
"""The most epochs in one call: the length of the buffer of logs."""

SLOW = 1.0
"""Seconds an epoch may take before it is run in parts."""

ORDER = 1 << 18
"""Row numbers handed to one call (1 MiB), if that is enough for eight epochs.

Many networks have as many for each, up to sixteen.
"""

TABLE = 1 << 22
"""The most numbers of logs that one call may make, where networks are many."""

FIRST = 1 << 16
"""Row numbers drawn before the first call; the later ones while a call runs."""

GUESS = 1e11
"""Multiplications and additions a second, a guess, before a pace is known."""


class Runner(Protocol):
    """What runs stretches: one network (`State`), or many (`population.engine.Many`).

    Attributes:
        multiplications: Of one row's forward pass.
    """

    multiplications: int

    @property
    def axes(self) -> tuple[int, ...]:
        """None, or one of members, in front of the order and of what `run` gives."""
        ...

    def order(self, plan: Plan, epoch: int, count: int, out: np.ndarray) -> None:
        """Writes the rows of these epochs, (*axes, count or more, rows)."""

    def run(
        self,
        data: Batch,
        validation: Batch | None,
        stretch: Stretch,
        plan: Plan,
        capacity: int,
        donate: bool,
    ) -> tuple[Array, Array, Array]:
        """One call of the program: (logs, epochs run, which rules stopped it)."""
        ...


def capacity(job: Job, plan: Plan, each: bool, networks: int = 1) -> int:
    """The most epochs in one call: a static size, so it depends on the shapes alone.

    Many networks have large tables, which are no longer than their fit.
    """
    if each:
        return 1
    most = EPOCHS
    if networks > 1:
        epochs = min(EPOCHS, job.epochs, TABLE // (networks * len(job.names)))
        most = 1 << (max(epochs, 1).bit_length() - 1)
    if not plan.ordered:
        return most
    numbers, orders = plan.width * networks, ORDER * min(networks, 16)
    some = max(orders // numbers, min(8, (ORDER << 6) // numbers), 1)
    if networks > 1:  # fits of other lengths share a program
        some = 1 << (some.bit_length() - 1)
    return min(most, some)


def guess(runner: Runner, plan: Plan) -> float:
    """Seconds a step of one network may take, before a pace is known."""
    return max(1e-6, 6 * runner.multiplications * plan.batch / GUESS)


class Whole:
    """Runs many epochs by one call of the program."""

    def __init__(
        self,
        job: Job,
        runner: Runner,
        plan: Plan,
        data: Batch,
        validation: Batch | None,
        capacity: int,
        ends: bool,
    ) -> None:
        self.job, self.runner, self.plan, self.capacity = job, runner, plan, capacity
        self.networks = math.prod(runner.axes)
        self.ends = ends
        self.data, self.validation = data, validation
        self.pace = self._first_guess()
        self.count, self.calls = max(1, int(SECONDS / self.pace)), 0
        if plan.ordered:  # few at first: nothing runs while they are drawn
            numbers = self.networks * plan.rows
            self.count = min(self.count, max(1, FIRST // numbers))
        self.drawn: tuple[int, np.ndarray] | None = None
        # Two, since one is read by the program while the other is filled.
        shape = (2, *runner.axes, capacity, plan.width) if plan.ordered else (0,)
        self.buffers = list(np.zeros(shape, np.int32))

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs epochs from this one on: their logs, which rules stopped it, how many.

        Of many networks each is an array with a row for each of them.
        """
        job, plan = self.job, self.plan
        count = min(self.count, self.capacity, job.until(epoch) - epoch)
        if self.drawn:  # no waiting: what is drawn already is enough
            count = min(count, self.drawn[0])
        order = self._order(epoch, count)
        if not self.calls:  # no epoch: what takes its time is compiling
            self._run(epoch, 0, order)
        started = time.perf_counter()
        logs, ran, stop = self._run(epoch, count, order)
        following = epoch + count
        if plan.ordered and following < job.epochs:  # drawn while the program runs
            ahead = min(self.capacity, job.until(following) - following, 2 * count)
            self.drawn = self._draw(following, ahead)
        table, ran, stop = np.asarray(logs), np.asarray(ran), np.asarray(stop)
        number = int(ran.max())
        self._learn_pace((time.perf_counter() - started) / max(number, 1))
        return table[..., :number, :], stop, ran

    def _run(
        self, epoch: int, count: int, order: np.ndarray | None
    ) -> tuple[Array, Array, Array]:
        inputs = stretch(self.job, self.plan, epoch, count, order, self.capacity)
        inputs = inputs._replace(ends=np.bool_(self.ends))
        return self.runner.run(
            self.data,
            self.validation,
            inputs,
            self.plan,
            self.capacity,
            donate=self.capacity > 1,
        )

    def _order(self, epoch: int, count: int) -> np.ndarray | None:
        """The rows of these epochs, in a buffer of fixed size."""
        if not self.plan.ordered:
            return None
        if self.drawn:
            return self.drawn[1]
        return self._draw(epoch, count)[1]

    def _draw(self, epoch: int, count: int) -> tuple[int, np.ndarray]:
        buffer = self.buffers.pop(0)
        self.buffers.append(buffer)
        self.runner.order(self.plan, epoch, count, buffer)
        return count, buffer

    def _first_guess(self) -> float:
        """Seconds an epoch may take, before a pace is known."""
        step = guess(self.runner, self.plan)
        return self.networks * self.plan.steps * step

    def _learn_pace(self, seconds: float) -> None:
        """How many epochs come next."""
        self.calls += 1
        if in_step():
            return
        self.pace = seconds
        self.count = max(1, int(SECONDS / max(seconds, 1e-7)))


class Piece(NamedTuple):
    """Some batches of an epoch, for one call of the program.

    Attributes:
        data, order: The rows that they are in, and their order, None as they lie.
        first, batches: The first of them, and how many.
        size: Rows in each.
    """

    data: Batch
    order: Array | None
    first: int
    batches: int
    size: int


class Pieces(Protocol):
    """What the batches of an epoch come from, in pieces.

    Attributes:
        total: Batches in an epoch, None where nobody knows yet.
    """

    @property
    def total(self) -> int | None:
        """Batches in an epoch, None where nobody knows yet."""
        ...

    def epoch(self, epoch: int, part: "Part") -> Iterator[Piece]:
        """The pieces of an epoch.

        Before it gives one it calls `part.settle()`, and the sooner it does the less it
        knows of the pace; `part.idle()` says whether the program waits.
        """
        ...


class InRows:
    """The batches of rows that are all there, about `SECONDS` of them at a time."""

    def __init__(self, job: Job, plan: Plan, data: Batch, by_batch: bool) -> None:
        self.job, self.plan, self.data, self.by_batch = job, plan, data, by_batch
        self.count = 1

    @property
    def total(self) -> int:
        """Batches in an epoch."""
        return self.plan.steps

    def epoch(self, epoch: int, part: "Part") -> Iterator[Piece]:
        """The pieces of an epoch."""
        plan, order, at = self.plan, None, 0
        if plan.ordered:
            order = jax.device_put(self.job.order(plan, epoch, 1)[0])
        alike = plan.steps if plan.padded else plan.full
        while at < plan.steps:
            size = plan.batch if at < alike else plan.rest
            count = min(self.count, alike - at) if at < alike else 1
            yield Piece(self.data, order, at, count, size)
            at += count
            part.settle()
            if not self.by_batch and at > 1:
                self.count = max(1, int(SECONDS / max(part.pace, 1e-7)))


class InFeed:
    """The batches of a source, gathered while the program runs those before."""

    def __init__(self, feed: "Feed", by_batch: bool, step: float) -> None:
        self.feed, self.most = feed, 1 if by_batch else max(1, int(SECONDS / step))

    @property
    def total(self) -> int | None:
        """Batches in an epoch, None where nobody knows yet."""
        return self.feed.length

    def epoch(self, epoch: int, part: "Part") -> Iterator[Piece]:
        """The pieces of an epoch."""
        self.feed.go_to(epoch, part.job.seed)
        for chunk in self.feed.chunks(part.idle, part.asked, self.most):
            # Chunks of one size make one program; odd batches come alone.
            alone = chunk.batches == 1 and chunk.size != self.feed.size
            data = chunk.data if alone else chunk.filled
            part.settle()
            yield Piece(data, None, 0, chunk.batches, chunk.size)


class Part:
    """Runs one epoch by several calls.

    For long epochs, callbacks by batch, and batches that come one after another.

    Attributes:
        pace: Seconds a step took in the last call.
    """

    def __init__(
        self,
        job: Job,
        state: State,
        plan: Plan,
        pieces: Pieces,
        validation: Batch | None,
        interrupt: "Interrupt",
        by_batch: bool,
        ends: bool,
    ) -> None:
        self.job, self.state, self.plan, self.ends = job, state, plan, ends
        self.pieces, self.validation = pieces, validation
        self.interrupt, self.by_batch = interrupt, by_batch
        self.pace, self._running = 1.0, False

    def idle(self) -> bool:
        """Whether the program waits for batches."""
        if in_step():
            return False
        return not self._running or all(a.is_ready() for a in self._results)

    def asked(self) -> bool:
        """Whether the epoch should end."""
        return self.interrupt.asked or self._stopped

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs this epoch: its log, which rules stopped the fit after it, and 1.

        Of an epoch that Ctrl-C has ended, or that has no batch, there is no log.
        """
        job, plan, state = self.job, self.plan, self.state
        inputs = stretch(job, plan, epoch, 1, None, 1)
        state.place()
        self._tally = compiled("start", False)(state.task)
        self._results: list[Any] = []  # arrays of jax
        self._epoch, self._at, self._stopped = epoch, 0, False
        run = compiled("part", state.is_small)
        for piece in self.pieces.epoch(epoch, self):
            if self.asked():
                break
            if self.by_batch:
                hook(job, "on_train_batch_begin", self._at, {})
                state.pull_changes()
            self._started = time.perf_counter()
            state.params, state.train, self._tally, self._results = run(
                state.task,
                state.params,
                state.train,
                self._tally,
                piece.data,
                piece.order,
                np.int32(piece.first),
                np.int32(piece.batches),
                inputs.seed,
                inputs.rows,
                size=piece.size,
                batch=piece.size if piece.order is None else plan.batch,
            )
            self._running, self._count = True, piece.batches
        self.settle()
        if self.interrupt.asked or not self._at:
            stop = np.zeros(len(job.rules), bool)
            return np.empty((0, len(job.names))), stop, np.array(0)
        results = self._results
        if job.held is not None:
            results = [*results, *self._held_out(epoch)]
        state.train, state.memories, row, stop = compiled("close", state.is_small)(
            state.task,
            tuple(job.rules),
            state.params,
            state.train,
            state.memories,
            results,
            self.validation,
            inputs,
            np.int32(0),
            plan=plan.shape(),
            names=job.names,
        )
        stop = np.asarray(stop)
        last = bool(stop.any()) or epoch + 1 == job.epochs
        state.finish(done=self.ends and last)
        return np.asarray(row)[None], stop, np.array(1)

    def settle(self) -> None:
        """Waits for the call of the program that runs, and tells callbacks of it."""
        if not self._running:
            return
        job, state = self.job, self.state
        numbers = [v.item() for v in self._results]
        self._running = False
        self.pace = (time.perf_counter() - self._started) / self._count
        if in_step():
            self.pace = guess(state, self.plan)
        self._at += self._count
        so_far = dict(zip(job.names, numbers, strict=False))
        if self.by_batch:
            state.write()
            hook(job, "on_train_batch_end", self._at - 1, so_far)
            state.pull_changes()
            self._stopped = job.model.stop_training
        else:
            total = self.pieces.total
            hook(job, "on_part_end", self._epoch, self._at, total, so_far)

    def _held_out(self, epoch: int) -> list[Any]:
        """The validation's numbers, of batches that come one after another."""
        from onefit.training.feeding import tallied

        job, state = self.job, self.state
        assert job.held is not None
        wanted = sum(name.startswith("val_") for name in job.names)
        if not job.validates(range(epoch, epoch + 1))[0]:
            return [np.float32(np.nan)] * wanted
        task, train, params = state.task, state.train, state.params
        if any(rule.averages for rule in job.rules):
            average = task.finish(train, params)
            params = task.unpack(params, average)
        return tallied(task, params, train.state, job.held.chunks(ended=self.asked))[0]


def stretch(
    job: Job,
    plan: Plan,
    epoch: int,
    count: int,
    order: np.ndarray | None,
    capacity: int,
) -> Stretch:
    """The inputs of a call of the program, in arrays of fixed size."""
    marks = None
    if plan.sometimes:
        marks = job.validates(range(epoch, epoch + capacity))
    inputs = Stretch(
        order,
        marks,
        np.int32(epoch),
        np.int32(count),
        np.int32(job.epochs - 1),
        np.uint32(job.seed),
        rows=np.int32(plan.rows) if plan.padded else None,
        held_rows=_held_rows(plan),
    )
    over = spread()
    return inputs if over is None else over.whole(inputs)


def _held_rows(plan: Plan) -> np.int32 | None:
    """How many rows to validate on, where that is an input of the program."""
    if plan.validation is None or not plan.held_padded:
        return None
    size, full, rest = plan.validation
    return np.int32(size * full + rest)
