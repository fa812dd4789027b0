"""The loop around the program: stretches of epochs, callbacks, Ctrl-C."""

import contextlib
import dataclasses
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

from onefit.errors import invalid
from onefit.training import data as rows
from onefit.training.callback import overrides
from onefit.training.compiling import compiled, is_small
from onefit.training.history import History, Logs
from onefit.training.program import Plan, Stretch
from onefit.training.rules import Rule
from onefit.training.task import Batch, Task, Train

__all__ = ["Fit", "fit"]

SECONDS = 0.2
"""How long a stretch may take: the progress bar moves and Ctrl-C answers."""

EPOCHS = 1 << 14
"""The most epochs in one call: the length of the buffer of logs."""

SLOW = 1.0
"""Seconds an epoch may take before it is run in parts."""

ORDER = 1 << 18
"""Row numbers handed to one call (1 MiB), if that is enough for eight epochs."""

GUESS = 1e11
"""Multiplications and additions a second, a guess, before a pace is known."""


@dataclasses.dataclass
class Fit:
    """All that a fit is asked to do, checked and converted.

    Attributes:
        model: The face whose weights are trained.
        task: What is trained.
        train_data, validation_data: The rows.
        batch_size, validation_batch_size: Rows in a batch.
        epochs, first: Up to which epoch, from which.
        steps: Batches in an epoch, where not simply all of them.
        shuffle: Whether each epoch takes the rows in a new order.
        validation_freq: Every so many epochs a validation, or after these (1-based).
        callbacks: Host callbacks, in order.
        rules, given_rules: In-program callbacks, bound to the logs, and as given.
        names: The names of the logs.
        directions: Which way each of them is better: 'min', 'max' or None.
        seed: Of the shuffling and of what is random in layers.
    """

    model: Any
    task: Task
    train_data: Batch
    validation_data: Batch | None
    batch_size: int
    epochs: int
    names: tuple[str, ...]
    seed: int
    validation_batch_size: int = 1
    first: int = 0
    steps: int | None = None
    shuffle: bool = False
    validation_freq: int | frozenset[int] = 1
    callbacks: list[Any] = dataclasses.field(default_factory=list)
    rules: list[Rule] = dataclasses.field(default_factory=list)
    given_rules: list[Rule] = dataclasses.field(default_factory=list)
    directions: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def validates(self, epochs: range) -> np.ndarray:
        """For each of these epochs, whether a validation follows it."""
        numbers = np.arange(epochs.start + 1, epochs.stop + 1)
        if isinstance(self.validation_freq, int):
            return numbers % self.validation_freq == 0
        return np.isin(numbers, list(self.validation_freq))

    def plan(self) -> Plan:
        """The static shape of the program."""
        n = rows.count(self.train_data)
        if self.steps is None:
            full, rest = divmod(n, self.batch_size)
            # One batch holds every row: their order changes nothing but rounding.
            ordered = self.shuffle and (full, rest) not in ((1, 0), (0, n))
        else:
            full, rest, ordered = self.steps, 0, True
        validation = None
        if self.validation_data is not None:
            m, size = rows.count(self.validation_data), self.validation_batch_size
            validation = (size, *divmod(m, size))
        sometimes = validation is not None and self.validation_freq != 1
        return Plan(self.batch_size, full, rest, ordered, validation, sometimes)

    def order(self, plan: Plan, first: int, count: int) -> np.ndarray:
        """The rows of these epochs."""
        n = rows.count(self.train_data)
        length = plan.full * plan.batch + plan.rest
        if self.shuffle:
            return rows.orders(self.seed, first, count, n, length)
        start = first * length
        return (np.arange(start, start + count * length) % n).reshape(count, length)


class State:
    """What moves through a fit: weights, optimizer, the rules' memories."""

    def __init__(self, fit: Fit) -> None:
        self.fit, self.task = fit, fit.task
        self.read()
        self.stops: Any = [False] * len(fit.rules)
        self.memories = tuple(
            jax.tree.map(np.array, rule.init(self.train)) for rule in fit.rules
        )

    def read(self) -> None:
        """Takes the weights from the model, as copies that the program may consume."""
        model = self.fit.model
        slot = model.graph.slot
        self.params = jax.tree.map(np.array, slot.params)
        free = self.task.pack(self.params)
        fresh = self.task.optimizer.init(free)
        view = model_view(model)
        kept = model.optimizer_state
        # Freezing a layer changes what the optimizer sees: it then starts anew.
        fits = jax.tree.map(np.shape, kept) == jax.tree.map(np.shape, fresh)
        if kept is None or not fits or model.optimizer_view not in (None, view):
            kept = model.optimizer_state = fresh
        model.optimizer_view = view
        optimizer = jax.tree.map(np.array, kept)
        self.train = Train(free, jax.tree.map(np.array, slot.state), optimizer)
        self.set_rate()
        self._written = jax.tree.leaves((slot.params, slot.state))

    def write(self) -> None:
        """Gives the weights and the optimizer's state to the model."""
        model = self.fit.model
        arrays = jax.tree.leaves((self.params, self.train))
        if any(isinstance(a, jax.Array) and a.is_deleted() for a in arrays):
            return  # a call that failed has consumed them: the model keeps its last
        model.graph.store(self.params, self.train.state)
        slot = model.graph.slot
        model.optimizer_state = self.train.optimizer
        if model.optimizer.constant_rate:
            model.optimizer.learning_rate = float(self.train.optimizer["learning_rate"])
        self._written = jax.tree.leaves((slot.params, slot.state))

    def heed(self) -> None:
        """Takes up what callbacks have changed: weights, the learning rate."""
        slot = self.fit.model.graph.slot
        now = jax.tree.leaves((slot.params, slot.state))
        if any(a is not b for a, b in zip(now, self._written, strict=True)):
            self.read()
        if model_view(self.fit.model) != self.fit.model.optimizer_view:
            raise invalid(
                "fit",
                received="a layer frozen or unfrozen during the fit",
                expected="the layers as they were at its start",
                fix="end the fit, change layer.trainable, and call fit again",
            )
        self.set_rate()

    def set_rate(self) -> None:
        """Gives the optimizer's rate, which users may have set, to its state."""
        optimizer = self.fit.model.optimizer
        if optimizer.constant_rate:
            rate = np.asarray(
                optimizer.learning_rate, self.train.optimizer["learning_rate"].dtype
            )
            self.train.optimizer["learning_rate"] = rate

    @property
    def is_small(self) -> bool:
        """Whether a step is bound by dispatch rather than arithmetic."""
        return is_small(self.params, self.fit.batch_size)

    def finish(self, done: bool) -> None:
        """The weights the fit ends with: the rules' best, the optimizer's average."""
        self.params, self.train = compiled("finish", self.is_small)(
            self.task, tuple(self.fit.rules), self.params, self.train, self.memories,
            np.bool_(done),
        )  # fmt: skip

    def run(
        self, data: Batch, validation: Any, stretch: Stretch, plan: Plan, capacity: int,
        donate: bool,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """One call of the program: (logs, epochs run, which rules stopped it)."""
        params, train, memories, logs, number, stops = compiled(
            "run", self.is_small, donate
        )(
            self.task, tuple(self.fit.rules), self.params, self.train, self.memories,
            data, validation, stretch, plan=plan, capacity=capacity,
            names=self.fit.names,
        )  # fmt: skip
        self.params, self.train, self.memories = params, train, memories
        return logs, number, stops


def model_view(model: Any) -> Any:
    """The shapes of the weights that training may change."""
    graph = model.graph
    return jax.tree.map(np.shape, graph.free(graph.slot.params))


class Interrupt:
    """Ctrl-C ends a fit after this stretch; pressed twice, the script after the fit.

    It never strikes between a call of the program and the taking of its results, which
    would lose the weights that the call has consumed.
    """

    def __init__(self) -> None:
        self.presses = 0

    @property
    def asked(self) -> bool:
        """Whether the fit should end."""
        return self.presses > 0

    def __enter__(self) -> "Interrupt":
        self._old: Any = None
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, *_: Any) -> None:
        self.presses += 1

    def __exit__(self, error: Any, *_: Any) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)
        if self.presses > 1 and error is None:
            raise KeyboardInterrupt


def fit(job: Fit) -> History:
    """Runs a fit and leaves the model with its weights, whatever happens on the way."""
    begin = time.perf_counter()
    params = {
        "epochs": job.epochs,
        "steps": steps(job),
        "directions": job.directions,
    }
    history = History(job.model, params)
    job.model.history, job.model.stop_training = history, False
    state = State(job)
    for callback in job.callbacks:
        callback.set_model(job.model)
        callback.set_params(params)
        callback.set_state(state)
    with (
        Interrupt() as interrupt,
        jax.disable_jit() if job.model.run_eagerly else contextlib.nullcontext(),
        _aborting(job),
    ):
        _hook(job, "on_train_begin", {})
        state.heed()
        last: dict[str, float] = {}
        try:
            for logs in _epochs(job, state, history, interrupt):
                if len(logs):
                    history.extend(logs)
                    last = logs[-1]
                    _hook(job, "on_stretch_end", logs.epochs, logs)
                if job.model.stop_training:
                    history.stopped = history.stopped or "callback"
                if interrupt.asked:
                    history.stopped = "interrupted"
                if history.stopped:
                    break
            if history.stopped in ("callback", "interrupted"):
                state.finish(done=True)
        finally:
            state.write()
        for rule, memory, stop in zip(
            job.given_rules, state.memories, state.stops, strict=True
        ):
            stopped = history.epoch[-1] if stop else None
            for line in rule.report(memory, stopped):
                print(line)
        _hook(job, "on_train_end", last)
    history.seconds = time.perf_counter() - begin
    return history


def steps(job: Fit) -> int:
    """Batches in an epoch."""
    plan = job.plan()
    return plan.full + bool(plan.rest)


def _epochs(
    job: Fit, state: State, history: History, interrupt: Interrupt
) -> Iterator[Logs]:
    """Runs the epochs by as few calls as callbacks and patience allow."""
    by_batch = job.model.run_eagerly or any(
        overrides(callback, "on_train_batch_begin", "on_train_batch_end",
                  "on_batch_begin", "on_batch_end")
        for callback in job.callbacks
    )  # fmt: skip
    each = by_batch or any(
        overrides(callback, "on_epoch_begin", "on_epoch_end", "on_test_begin",
                  "on_test_end")
        for callback in job.callbacks
    )  # fmt: skip
    plan = job.plan()
    data, validation = jax.device_put((job.train_data, job.validation_data))
    whole = _Whole(job, state, plan, data, validation, capacity(job, plan, each))
    part = _Part(job, state, plan, data, validation, interrupt, by_batch)
    epoch = job.first
    while epoch < job.epochs and not interrupt.asked:
        if each:
            _hook(job, "on_epoch_begin", epoch, {})
            state.heed()
        runner = part if by_batch or whole.pace > SLOW else whole
        table, state.stops = runner(epoch)
        epochs = range(epoch, epoch + len(table))
        logs = Logs(epochs, job.names, table, job.validates(epochs))
        epoch += len(table)
        history.stopped = "rule" if any(state.stops) else None
        if each and len(logs):
            state.write()
            log = logs[-1]
            if job.validation_data is not None and logs.validated[-1]:
                _hook(job, "on_test_begin", {})
                _hook(job, "on_test_end", _validation_logs(log))
            _hook(job, "on_epoch_end", epochs[-1], log)
            logs.amend(log)
            state.heed()
        yield logs


def capacity(job: Fit, plan: Plan, each: bool) -> int:
    """The most epochs in one call: a static size, so it depends on the shapes alone."""
    if each:
        return 1
    if not plan.ordered:
        return EPOCHS
    length = plan.full * plan.batch + plan.rest
    some = max(ORDER // length, min(8, (ORDER << 6) // length))
    return max(1, min(EPOCHS, some))


class _Whole:
    """Runs many epochs by one call of the program."""

    def __init__(
        self, job: Fit, state: State, plan: Plan, data: Batch, validation: Any,
        capacity: int,
    ) -> None:  # fmt: skip
        self.job, self.state, self.plan, self.capacity = job, state, plan, capacity
        self.data, self.validation = data, validation
        self.pace = self._first_guess()
        self.count, self.calls = max(1, int(SECONDS / self.pace)), 0
        self.drawn: tuple[int, int, np.ndarray] | None = None
        # Two, since one is read by the program while the other is filled.
        rows_an_epoch = plan.full * plan.batch + plan.rest
        shape = (2, capacity, rows_an_epoch) if plan.ordered else (0, 0, 0)
        self.buffers = list(np.zeros(shape, np.int32))

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        job, plan = self.job, self.plan
        count = min(self.count, self.capacity, job.epochs - epoch)
        order = self._order(epoch, count)
        started = time.perf_counter()
        logs, number, stop = self.state.run(
            self.data, self.validation, stretch(job, plan, epoch, count, order,
                                                self.capacity),
            plan, self.capacity, donate=self.capacity > 1,
        )  # fmt: skip
        following = epoch + count
        if plan.ordered and following < job.epochs:  # drawn while the program runs
            ahead = min(self.capacity, job.epochs - following, 2 * count)
            self.drawn = self._draw(following, ahead)
        table, number, stop = np.asarray(logs), int(number), np.asarray(stop)
        self._learn_pace((time.perf_counter() - started) / max(number, 1))
        return table[:number], stop

    def _order(self, epoch: int, count: int) -> np.ndarray | None:
        """The rows of these epochs, in a buffer of fixed size."""
        if not self.plan.ordered:
            return None
        if self.drawn and self.drawn[0] == epoch and self.drawn[1] >= count:
            return self.drawn[2]
        return self._draw(epoch, count)[2]

    def _draw(self, epoch: int, count: int) -> tuple[int, int, np.ndarray]:
        buffer = self.buffers.pop(0)
        self.buffers.append(buffer)
        buffer[:count] = self.job.order(self.plan, epoch, count)
        return epoch, count, buffer

    def _first_guess(self) -> float:
        """Seconds an epoch may take, before a pace is known."""
        weights = sum(leaf.size for leaf in jax.tree.leaves(self.state.params))
        plan = self.plan
        steps = plan.full + bool(plan.rest)
        return steps * max(1e-6, 6 * weights * plan.batch / GUESS)

    def _learn_pace(self, seconds: float) -> None:
        """How many epochs come next; the first call compiles and tells little."""
        self.calls += 1
        if self.calls > 1 or seconds > 5 * SLOW:
            self.pace = seconds
            self.count = max(1, int(SECONDS / max(seconds, 1e-7)))


class _Part:
    """Runs one epoch by several calls: for long epochs, and for callbacks by batch."""

    def __init__(
        self, job: Fit, state: State, plan: Plan, data: Batch, validation: Any,
        interrupt: Interrupt, by_batch: bool,
    ) -> None:  # fmt: skip
        self.job, self.state, self.plan = job, state, plan
        self.data, self.validation = data, validation
        self.interrupt, self.by_batch = interrupt, by_batch
        self.count = 1

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        job, plan, state = self.job, self.plan, self.state
        order = job.order(plan, epoch, 1)[0] if plan.ordered else None
        told = stretch(job, plan, epoch, 1, None, 1)
        tally = compiled("start", False)(state.task)
        at, total = 0, plan.full + bool(plan.rest)
        results: list[Any] = []
        while at < total:
            if self.by_batch:
                _hook(job, "on_train_batch_begin", at, {})
                state.heed()
            started = time.perf_counter()
            size = plan.batch if at < plan.full else plan.rest
            count = min(self.count, plan.full - at) if at < plan.full else 1
            state.params, state.train, tally, results = compiled(
                "part", state.is_small
            )(
                state.task, state.params, state.train, tally, self.data, order,
                np.int32(at), np.int32(count), told.seed, size=size, batch=plan.batch,
            )  # fmt: skip
            at += count
            numbers = [float(v) for v in jax.device_get(results)]
            so_far = dict(zip(job.names, numbers, strict=False))
            if self.by_batch:
                state.write()
                _hook(job, "on_train_batch_end", at - 1, so_far)
                state.heed()
                if job.model.stop_training:
                    break
            else:
                _hook(job, "on_part_end", epoch, at, total, so_far)
                pace = (time.perf_counter() - started) / count
                self.count = max(1, int(SECONDS / max(pace, 1e-7))) if at > 1 else 1
            if self.interrupt.asked:
                return np.empty((0, len(job.names))), np.zeros(len(job.rules), bool)
        state.train, state.memories, row, stop = compiled("close", state.is_small)(
            state.task, tuple(job.rules), state.params, state.train, state.memories,
            results, self.validation, told, np.int32(0), plan=plan, names=job.names,
        )  # fmt: skip
        stop = np.asarray(stop)
        state.finish(done=bool(stop.any()) or epoch + 1 == job.epochs)
        return np.asarray(row)[None], stop


def stretch(
    job: Fit,
    plan: Plan,
    epoch: int,
    count: int,
    order: np.ndarray | None,
    capacity: int,
) -> Stretch:
    """What a call of the program is told about its epochs, in arrays of fixed size."""
    marks = None
    if plan.sometimes:
        marks = job.validates(range(epoch, epoch + capacity))
    return Stretch(
        order, marks, np.int32(epoch), np.int32(count), np.int32(job.epochs - 1),
        np.uint32(job.seed),
    )  # fmt: skip


@contextlib.contextmanager
def _aborting(job: Fit) -> Iterator[None]:
    """Tells callbacks when an exception ends the fit."""
    try:
        yield
    except BaseException:
        _hook(job, "on_train_abort")
        raise


def _hook(job: Fit, hook: str, *args: Any) -> None:
    for callback in job.callbacks:
        getattr(callback, hook)(*args)


def _validation_logs(logs: dict[str, float]) -> dict[str, float]:
    return {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
