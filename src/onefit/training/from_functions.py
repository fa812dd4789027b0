"""Callbacks made from a user's functions."""

import inspect
import math
from collections.abc import Callable
from typing import Any

from onefit.errors import invalid, mistyped, unknown
from onefit.training.callback import Callback, Logs
from onefit.training.task import rated

__all__ = ["LambdaCallback", "LearningRateScheduler"]

HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class LambdaCallback(Callback):
    """A callback from functions, one for each hook that is needed.

    The fit stops only where there is a function: with `on_train_end` alone it costs
    nothing.

    Args:
        on_epoch_begin, on_epoch_end: Functions of (epoch, logs).
        on_train_begin, on_train_end: Functions of (logs).
        on_train_batch_begin, on_train_batch_end: Functions of (batch, logs).
        **kwargs: Functions for the other hooks of `Callback`, by their names; others
            become attributes.

    Raises:
        ValueError: A hook that does not exist.
        TypeError: Something that cannot be called.

    Example:
        >>> show = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs))
        >>> show.on_epoch_end(0, {"loss": 0.5})
        0 {'loss': 0.5}
    """

    def __init__(
        self,
        on_epoch_begin: Callable | None = None,
        on_epoch_end: Callable | None = None,
        on_train_begin: Callable | None = None,
        on_train_end: Callable | None = None,
        on_train_batch_begin: Callable | None = None,
        on_train_batch_end: Callable | None = None,
        **kwargs: Callable | None,
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
        } | kwargs
        functions = {name: f for name, f in given.items() if f is not None}
        for name in [name for name in functions if not name.startswith("on_")]:
            setattr(self, name, functions.pop(name))
        for name, function in functions.items():
            if name not in HOOKS:
                raise unknown("hook", name, HOOKS)
            if not callable(function):
                raise mistyped("LambdaCallback", f"{name}={function!r}", "a function")
        # A fit asks an object's class which hooks it writes; so each object has a class
        # of its own, with its functions.
        hooks = {name: staticmethod(function) for name, function in functions.items()}
        object.__setattr__(
            self, "__class__", type("LambdaCallback", (type(self),), hooks)
        )


class LearningRateScheduler(Callback):
    """Sets the learning rate before each epoch: alpha := schedule(epoch, alpha).

    The logs have it as 'learning_rate'. A schedule of `onefit.optimizers.schedules`,
    given to the optimizer, does the same for every step and does not stop the program.

    Args:
        schedule: A function of the epoch, from 0, or of (epoch, learning rate), that
            returns the rate.
        verbose: 1 to print the rate of each epoch.

    Raises:
        TypeError: A schedule that is no function, or returns no number.
        ValueError: A rate below 0 or not finite, or an optimizer with a schedule.

    Example:
        >>> decay = LearningRateScheduler(lambda epoch, rate: rate * 0.95**epoch)
    """

    writes = ("learning_rate",)  # or one for each of several optimizers

    def __init__(self, schedule: Callable, verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise mistyped(
                "LearningRateScheduler",
                f"schedule={schedule!r}",
                "a function of the epoch, or of the epoch and the rate",
                "write LearningRateScheduler(lambda epoch, rate: rate * 0.9)",
            )
        self.schedule, self.verbose = schedule, verbose
        self._takes_rate = _takes_two(schedule)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        optimizer = self.model.optimizer
        if not getattr(optimizer, "constant_rate", True):
            raise invalid(
                "LearningRateScheduler",
                "an optimizer whose learning_rate is a schedule",
                "one schedule",
                "leave out the callback, or give the optimizer a number",
            )
        for name, one in rated(optimizer).items():
            args = (epoch, float(one.learning_rate)) if self._takes_rate else (epoch,)
            one.learning_rate = _as_rate(self.schedule(*args), epoch)
            if self.verbose:
                said = name.replace("_", " ")
                print(f"Epoch {epoch + 1}: {said} {float(one.learning_rate):.6g}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        if logs is not None:
            for name, one in rated(self.model.optimizer).items():
                logs[name] = float(one.learning_rate)


def _takes_two(function: Callable) -> bool:
    """Whether a function can be called with two arguments."""
    try:
        inspect.signature(function).bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # a builtin has no signature
        return True
    return True


def _as_rate(value: Any, epoch: int) -> float:
    """What a schedule returned, whatever that is, as a number."""
    call = f"schedule({epoch}, ...)"
    if isinstance(value, bool) or getattr(value, "shape", ()) != ():
        raise mistyped(call, repr(value), "a number")
    try:
        rate = float(value)
    except (TypeError, ValueError):
        fix = "return the rate" if value is None else ""
        raise mistyped(call, repr(value), "a number", fix) from None
    if not math.isfinite(rate) or rate < 0:
        raise invalid(call, str(rate), "a finite number, 0 or more")
    return rate
