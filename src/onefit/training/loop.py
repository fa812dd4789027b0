"""The loop around the program: stretches of epochs, callbacks, Ctrl-C."""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import jax

from onefit.data import rows
from onefit.training import stretches
from onefit.training.callback import TEST_BATCH, overrides
from onefit.training.history import History, Logs
from onefit.training.job import Job, hook
from onefit.training.state import State
from onefit.training.stretches import Part, Whole, capacity

__all__ = ["fit"]


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

    def _press(self, *_: object) -> None:
        self.presses += 1

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
        "steps": job.plan().steps,
        "directions": job.directions,
    }
    history.params = params
    job.model.history, job.model.stop_training = history, False
    state = State(job)
    for callback in job.callbacks:
        callback.set_model(job.model)
        callback.set_params(params)
        callback.set_state(state)
    with Interrupt() as interrupt, job.model.eagerly(), _aborting(job):
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
            state.write()
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
    plan = job.plan()
    data, validation = jax.device_put((job.train_data, job.validation_data))
    # Callbacks see the last epoch's own weights; the best ones come after them.
    whole = Whole(
        job, state, plan, data, validation, capacity(job, plan, each), not each
    )
    part = Part(job, state, plan, data, validation, interrupt, by_batch, not each)
    epoch = job.first
    while epoch < job.epochs and not interrupt.asked:
        if each:
            hook(job, "on_epoch_begin", epoch, {})
            state.pull_changes()
        runner = part if by_batch or whole.pace > stretches.SLOW else whole
        table, state.stops, _ = runner(epoch)
        epochs = range(epoch, epoch + len(table))
        logs = Logs(epochs, job.names, table, job.validates(epochs))
        epoch += len(table)
        history.stopped = "rule" if any(state.stops) else None
        if each and len(logs):
            state.write()
            log = logs[-1]
            if job.validation_data is not None and logs.validated[-1]:
                _tell_of_validation(job, _validation_logs(log))
            hook(job, "on_epoch_end", epochs[-1], log)
            logs.amend(log)
            state.pull_changes()
            if any(state.stops) or epoch == job.epochs:
                state.finish(done=True)
        yield logs


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
    n, size = rows.count(job.validation_data), job.validation_batch_size
    for number in range(-(-n // size)):
        hook(job, "on_test_batch_begin", number, {})
        hook(job, "on_test_batch_end", number, dict(logs))
    hook(job, "on_test_end", logs)


def _validation_logs(logs: dict[str, float]) -> dict[str, float]:
    return {k.removeprefix("val_"): v for k, v in logs.items() if k.startswith("val_")}
