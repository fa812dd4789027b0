"""The loop around the program: stretches of epochs, callbacks, Ctrl-C."""

import contextlib
import functools
import signal
import threading
import time
import warnings
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from onefit.data import rows
from onefit.errors import OnefitWarning
from onefit.programs import spread
from onefit.training import stretches
from onefit.training.callback import TEST_BATCH, overrides
from onefit.training.history import History, Logs
from onefit.training.job import Job, hook
from onefit.training.program import Plan
from onefit.training.state import State
from onefit.training.stretches import (
    InFeed,
    InRows,
    Part,
    Pieces,
    Whole,
    capacity,
    guess,
)
from onefit.types import Tree

if TYPE_CHECKING:
    from onefit.training.feeding import Feed

__all__ = ["fit"]


class Interrupt:
    """Ctrl-C ends a fit after this stretch; pressed twice, the script after the fit.

    It never strikes between a call of the program and the taking of its results, which
    would lose the weights that the call has consumed. Pressed twice while a stream is
    making a batch, it ends both at once.
    """

    def __init__(self, *feeds: "Feed | None") -> None:
        self.presses, self._feeds = 0, [f for f in feeds if f is not None]

    @property
    def asked(self) -> bool:
        """Whether the fit should end."""
        return self.presses > 0

    def __enter__(self) -> "Interrupt":
        self._old: Any = None
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGINT, self._press)
        return self

    def _press(self, *_: object) -> None:
        self.presses += 1
        if self.presses > 1 and any(feed.waiting for feed in self._feeds):
            raise KeyboardInterrupt  # in the user's own code: no call is under way

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)
        if self.presses > 1 and error is None:
            raise KeyboardInterrupt


H = TypeVar("H", bound=History)


def fit(job: Job, history: H) -> H:
    """Runs a fit and leaves the model with its weights, whatever happens on the way.

    Args:
        job: What the fit is asked to do.
        history: A new History, to which its numbers are added, and which it returns.
    """
    begin = time.perf_counter()
    params = {
        "epochs": job.epochs,
        "steps": job.plan().steps or None,
        "directions": job.directions,
    }
    history.params = params
    job.model.history, job.model.stop_training = history, False
    _agree(job)
    state = State(job)
    for callback in job.callbacks:
        callback.set_model(job.model)
        callback.set_params(params)
        callback.set_state(state)
    with (
        Interrupt(job.feed, job.held) as interrupt,
        job.model.eagerly(),
        _aborting(job),
    ):
        hook(job, "on_train_begin", {})
        state.pull_changes()
        last: dict[str, float] = {}
        try:
            for logs in _epochs(job, state, history, interrupt):
                if len(logs):
                    history.extend(logs)
                    last = logs[-1]
                    hook(job, "on_stretch_end", logs.epochs, logs)
                if job.model.stop_training:
                    history.stopped = history.stopped or "callback"
                if interrupt.asked:
                    history.stopped = "interrupted"
                if history.stopped:
                    break
            if history.stopped in ("callback", "interrupted"):
                state.finish(done=True)
        finally:
            state.show_average(False)
            state.write()
            for feed in filter(None, (job.feed, job.held)):
                feed.close()
            if (over := spread()) is not None:
                over.ended()
        for rule, memory, stop in zip(
            job.given_rules, state.memories, state.stops, strict=True
        ):
            stopped = history.epoch[-1] if stop else None
            for line in rule.report(memory, stopped):
                print(line)
        hook(job, "on_train_end", last)
    history.seconds = time.perf_counter() - begin
    return history


def _epochs(
    job: Job, state: State, history: History, interrupt: Interrupt
) -> Iterator[Logs]:
    """Runs the epochs by as few calls as callbacks and patience allow."""
    by_batch = job.model.run_eagerly or any(
        overrides(
            callback,
            "on_train_batch_begin",
            "on_train_batch_end",
            "on_batch_begin",
            "on_batch_end",
        )
        for callback in job.callbacks
    )
    each = by_batch or any(
        overrides(
            callback,
            "on_epoch_begin",
            "on_epoch_end",
            "on_test_begin",
            "on_test_end",
            *TEST_BATCH,
        )
        for callback in job.callbacks
    )
    plan = job.padded(job.plan())
    data, validation = _placed(job, state, plan)
    # Callbacks see the last epoch's own weights; the best ones come after them.
    if job.feed is None:
        pieces: Pieces = InRows(job, plan, data, by_batch)
        most = capacity(job, plan, each)
        whole = Whole(job, state, plan, data, validation, most, not each)
    else:
        pieces, whole = InFeed(job.feed, by_batch, guess(state, plan)), None
    part = Part(job, state, plan, pieces, validation, interrupt, by_batch, not each)
    in_parts = by_batch or job.held is not None
    epoch = job.first
    while epoch < job.epochs and not interrupt.asked:
        if each:
            hook(job, "on_epoch_begin", epoch, {})
            state.pull_changes()
            state.show_average(False)
        if whole is None or in_parts or whole.pace > stretches.SLOW:
            table, state.stops, _ = part(epoch)
        else:
            table, state.stops, _ = whole(epoch)
        epochs = range(epoch, epoch + len(table))
        logs = Logs(epochs, job.names, table, job.validates(epochs))
        epoch += len(table)
        history.stopped = "rule" if any(state.stops) else None
        if job.feed is not None:
            history.params["steps"] = job.feed.length
            ended = job.feed.short or (epoch < job.epochs and not job.feed.more())
            if ended and not interrupt.asked and history.stopped is None:
                history.stopped = "data"
                _warn_of_end(job.feed, epoch, job.epochs)
        if each and len(logs):
            _tell_of_epoch(job, state, logs)
            if any(state.stops) or epoch == job.epochs:
                state.finish(done=True)
        if any(state.stops):
            history.stopped = "rule"
        yield logs


def _agree(job: Job) -> None:
    """Has several processes that train together do the same; only the first writes."""
    over = spread()
    if over is None:
        return
    told = {"batch_size": job.batch_size, "number of epochs": job.epochs}
    weights = jax.tree.leaves(job.model.graph.slot.params)
    told["number of weights"] = sum(map(np.size, weights))
    for name, tree in (("x", job.train_data.x), ("y", job.train_data.y)):
        leaves = jax.tree.leaves(tree)
        told[name] = functools.reduce(
            lambda known, a: zlib.crc32(np.ascontiguousarray(a).tobytes(), known),
            leaves,
            0,
        )
    job.seed = over.agreed(job.seed, told)
    if not over.is_first:
        job.callbacks = [c for c in job.callbacks if not c.writes_for_all]


def _placed(job: Job, state: State, plan: Plan) -> tuple[Tree, Tree]:
    """The rows to train and to validate on, on the devices that will use them."""
    over = spread()
    if over is None:
        return jax.device_put(job.arrays(plan))
    over.check(plan.batch, state.exchanged, guess(state, plan))
    return over.whole(job.arrays(plan))


def _tell_of_epoch(job: Job, state: State, logs: Logs) -> None:
    """The hooks of an epoch that has run, and what they change."""
    state.write()
    log = logs[-1]
    held = job.validation_data is not None or job.held is not None
    if held and logs.validated[-1]:
        _tell_of_validation(job, _validation_logs(log))
    if any(rule.shows_average for rule in job.rules):
        state.show_average(True)
        state.write()
    hook(job, "on_epoch_end", logs.epochs[-1], log)
    logs.amend(log)
    state.pull_changes()


def _warn_of_end(feed: "Feed", epoch: int, epochs: int) -> None:
    """Says that a stream came to its end before the fit did."""
    done = f"after epoch {epoch} of {epochs}"
    if feed.short:
        done = f"after {feed.seen} of the {feed.steps} batches of epoch {epoch}"
    cure = "give a Dataset, a PyDataset or a DataLoader, which can be read again"
    if feed.source.kind == "a generator":
        cure = (
            "write onefit.data.Dataset.from_generator(f), where f is the function that "
            "makes the generator"
        )
    warnings.warn(
        f"fit: {feed.source.kind} came to its end {done}, and the fit stops there. It "
        f"can be read once: {cure}.",
        OnefitWarning,
        stacklevel=7,
    )


@contextlib.contextmanager
def _aborting(job: Job) -> Iterator[None]:
    """Tells callbacks when an exception ends the fit."""
    try:
        yield
    except BaseException:
        hook(job, "on_train_abort")
        raise


def _tell_of_validation(job: Job, logs: dict[str, float]) -> None:
    """The hooks of a validation that has run."""
    hook(job, "on_test_begin", {})
    if job.validation_data is None:  # a stream
        batches = (job.held.seen or 0) if job.held is not None else 0
    else:
        n, size = rows.count(job.validation_data), job.validation_batch_size
        batches = -(-n // size)
    for number in range(batches):
        hook(job, "on_test_batch_begin", number, {})
        hook(job, "on_test_batch_end", number, dict(logs))
    hook(job, "on_test_end", logs)


def _validation_logs(logs: dict[str, float]) -> dict[str, float]:
    return {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
