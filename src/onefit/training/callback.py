"""The base of callbacks: Keras' hooks, on the host between two calls of the program."""

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from onefit.spellings import refuse_unknown
from onefit.types import Config

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled
    from onefit.training.state import State

__all__ = ["TEST_BATCH", "Callback", "listed", "overrides"]

TEST_BATCH = "on_test_batch_begin", "on_test_batch_end"

Logs = dict[str, Any] | None


class Callback:
    """Base of callbacks that run on the host. Override the hooks you need.

    What a fit costs depends on the hooks: with only `on_train_*` and `on_stretch_end`
    many epochs run in one call; `on_epoch_*` makes it one call an epoch; `on_*_batch_*`
    one call a batch. Weights read or set in a hook are the fit's own.

    Attributes:
        model: The model being trained.
        params: epochs, steps, and which way each log is better (directions).
        writes: The logs that `on_epoch_end` may add; None if that is not known.
        writes_for_all: Whether it writes or shows what is the same in all processes
            that train one network: then only the first one has it.
    """

    params: Config
    writes: tuple[str, ...] | None = None
    writes_for_all = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuses arguments that it does not have, with what to write instead."""
        taken = inspect.signature(cls.__init__).parameters
        if all(p.kind is not p.VAR_KEYWORD for p in taken.values()):
            refuse_unknown(cls.__name__, kwargs, list(taken)[1:], "argument")
        return super().__new__(cls)

    def __init__(self) -> None:
        self._model: Any = None
        self.params = {}

    @property
    def model(self) -> Any:  # a user's own class, with methods of its own
        """The model being trained."""
        return getattr(self, "_model", None)

    def set_model(self, model: "Compiled") -> None:
        """Called before the fit, with the model."""
        self._model = model

    def set_params(self, params: Config) -> None:
        """Called before the fit, with epochs, steps and directions."""
        self.params = params

    def set_state(self, state: "State") -> None:
        """Called before the fit, with all that moves through it: see `state.State`."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs = None) -> None:
        """After the last epoch, with its logs."""

    def on_train_abort(self) -> None:
        """Instead of `on_train_end`, when an exception ends the fit: closes files."""

    def on_part_end(
        self, epoch: int, done: int, steps: int | None, logs: Logs = None
    ) -> None:
        """Within an epoch that takes seconds: `done` of its `steps` are done.

        Of a stream whose length nobody knows yet, `steps` is None.
        """

    def on_stretch_end(self, epochs: range, logs: Sequence[dict[str, float]]) -> None:
        """After each call of the program, with all epochs that it ran.

        For callbacks that only read numbers: it costs nothing.

        Args:
            epochs: The numbers of the epochs.
            logs: The logs of each; a `Logs`, whose dicts are made when asked for.
        """

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """After an epoch, with its logs."""

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch, counted from 0 in its epoch."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch, with the logs of the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Before an evaluation or a validation."""

    def on_test_end(self, logs: Logs = None) -> None:
        """After an evaluation or a validation, with its logs."""

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of an evaluation.

        A validation runs as one, inside the program: these hooks follow it.
        """

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of an evaluation, with its logs so far.

        After a validation each batch has the logs of the whole.
        """

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """After a prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Before a batch of a prediction."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """After a batch of a prediction, with its outputs."""


def overrides(callback: object, *hooks: str) -> bool:
    """Whether a callback's class has written any of these hooks.

    A callback that writes a hook but needs it only at times says so by an attribute
    `skips`, a set of hook names.
    """
    skipped = getattr(callback, "skips", ())
    return any(
        getattr(type(callback), hook, None) is not getattr(Callback, hook)
        for hook in hooks
        if hook not in skipped
    )


def listed(callbacks: Any) -> list[Any]:
    """What was given as callbacks, one by one; also those of a `CallbackList`.

    >>> listed(None), listed("a"), listed(("a", "b"))
    ([], ['a'], ['a', 'b'])
    """
    if callbacks is None:
        return []
    parts = getattr(callbacks, "callbacks", callbacks)
    return list(parts) if isinstance(parts, list | tuple) else [parts]
