"""Callbacks of a loop that is written by hand: all of them told at once."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.errors import mistyped
from onefit.training.callback import Callback, listed
from onefit.training.history import History, Logs
from onefit.training.hooked import HOOKS, Hooked
from onefit.training.progress import ProgbarLogger
from onefit.types import Config

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled

__all__ = ["CallbackList"]


class CallbackList(Callback):
    """Tells many callbacks what happens in a loop of one's own, hook by hook.

    `fit` tells its callbacks itself, and takes such a list as it takes others.

    Args:
        callbacks: Rules and callbacks, or one.
        add_history: Whether `model.history` is to keep the logs of the epochs.
        add_progbar: Whether a ProgbarLogger is to show them.
        model: The model that the loop trains.
        **params: What the loop says of itself, such as `epochs=3, steps=10`.

    Raises:
        TypeError: What is no callback.

    Example:
        >>> from onefit.callbacks import LambdaCallback
        >>> show = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
        >>> every = CallbackList([show], epochs=2)
        >>> every.on_train_begin()
        >>> for epoch in range(2):
        ...     every.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1)})
        0 {'loss': 1.0}
        1 {'loss': 0.5}

    Source: Keras, `keras.callbacks.CallbackList`.
    """

    def __init__(
        self,
        callbacks: Any = None,  # rules and callbacks, or one
        add_history: bool = False,
        add_progbar: bool = False,
        model: "Compiled | None" = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = listed(callbacks)
        for one in self.callbacks:
            if not isinstance(one, Callback | Hooked):
                raise mistyped("CallbackList", repr(one), "rules and callbacks")
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self):
            self.callbacks.append(ProgbarLogger())
        self._keeps = add_history
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.callbacks)

    def append(self, callback: "Callback | Hooked") -> None:
        """Adds a callback, the last to be told."""
        self.callbacks.append(callback)

    def set_model(self, model: "Compiled") -> None:
        """Says which model the loop trains."""
        super().set_model(model)
        if self._keeps:
            model.history = History(model)
        for callback in self:
            callback.set_model(model)

    def set_params(self, params: Config) -> None:
        """Says what the loop says of itself."""
        self.params = params
        for callback in self:
            callback.set_params(params)


def _telling(name: str) -> Callable[..., None]:
    """A hook that tells each callback."""

    def hook(self: CallbackList, *args: Any, logs: Any = None) -> None:
        # Logs come by name, or by place, behind the number of an epoch or a batch.
        if len(args) > ("epoch" in name or "batch" in name):
            args, logs = args[:-1], args[-1]
        logs = {} if logs is None else logs
        if name == "on_epoch_end":
            _note(self, args[0], logs)
        for callback in self:
            getattr(callback, name)(*args, logs)

    hook.__name__, hook.__doc__ = name, f"`{name}` of each callback."
    return hook


for _name in HOOKS:
    setattr(CallbackList, _name, _telling(_name))


def _note(every: CallbackList, epoch: int, logs: dict[str, Any]) -> None:
    """Gives an epoch's numbers to those that read many epochs at once."""
    numbers = {n: float(v) for n, v in logs.items() if np.ndim(v) == 0}
    table = np.asarray([list(numbers.values())])
    read = Logs(range(epoch, epoch + 1), tuple(numbers), table, [True])
    if every._keeps and every.model is not None:
        every.model.history.extend(read)
    for callback in every:
        if isinstance(callback, Callback):
            callback.on_stretch_end(range(epoch, epoch + 1), read)
