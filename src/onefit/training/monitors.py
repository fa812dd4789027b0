"""Monitors: the logs that rules and callbacks follow, also those that callbacks write.

A rule runs inside the program, where only the program's own logs are. One that follows
a log which a callback writes in `on_epoch_end` is stepped on the host instead, after
the callbacks that stand before it.
"""

import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import OnefitWarning, invalid, unknown
from onefit.training.callback import Callback, Logs, overrides

if TYPE_CHECKING:
    from onefit.training.state import State

__all__ = ["HostRule", "Monitored", "direction", "missing", "writable"]

Monitored = Mapping[str, str | None]
"""The logs that can be followed: name to 'min', 'max' or None."""


def writable(name: str, callbacks: Iterable[object]) -> bool:
    """Whether one of these callbacks may write a log of this name."""
    hosts = (c for c in callbacks if isinstance(c, Callback))
    writers = (c for c in hosts if overrides(c, "on_epoch_end"))
    # A callback of the user's own says nothing about what it writes.
    return any(c.writes is None or name in c.writes for c in writers)


def direction(
    place: str, monitor: str, mode: str, known: Monitored, written: bool
) -> str:
    """Which way of a monitored log is better: 'min' or 'max'.

    Args:
        place: Who follows it, for the error.
        monitor: The log's name.
        mode: 'min', 'max', or 'auto', which asks the logs.
        known: The program's logs.
        written: Whether a callback may write further ones.

    Raises:
        ValueError: No such log, or one that does not say which way is better.
    """
    if monitor not in known and not written:
        raise ValueError(f"{place}: {_unknown(monitor, known)}")
    if mode != "auto":
        return mode
    found = known.get(monitor) or known.get(monitor.removeprefix("val_"))
    if found is None and monitor not in known:
        raise ValueError(
            f"{place}: {_unknown(monitor, known)} For a log that a callback before it "
            "writes, write mode='max' or mode='min'."
        )
    if found is None:
        raise invalid(
            place,
            f"mode='auto' for {monitor!r}",
            "a metric that says which way is better",
            "write mode='max' or mode='min'",
        )
    return found


def missing(place: str, monitor: str, logs: Iterable[str], known: Monitored) -> None:
    """Says that an epoch's logs lack what a callback should have written.

    Raises:
        ValueError: Callbacks write other logs, or it is one of a missing validation.
    """
    others = [name for name in logs if name not in known and name != "learning_rate"]
    if others or monitor.removeprefix("val_") in known:
        raise ValueError(f"{place}: {_unknown(monitor, [*known, *others])}")
    warnings.warn(
        f"{place}: no callback before it has written {monitor!r} into the logs of this "
        "epoch, so it does nothing.",
        OnefitWarning,
        stacklevel=2,
    )


def _unknown(monitor: str, known: Iterable[str]) -> str:
    known = [*known]
    lacks = monitor.startswith("val_") and monitor[4:] in known
    hint = " Give validation_data or validation_split to fit." if lacks else ""
    return f"{unknown('log to monitor', monitor, known)}{hint}"


class HostRule(Callback):
    """Steps a rule on the host, since a callback before it writes what it follows."""

    writes = ()

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index, self._seen = index, False

    def set_state(self, state: "State") -> None:  # noqa: D102
        self._state, self._seen = state, False

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        state, logs = self._state, logs or {}
        job = state.job
        rule = job.rules[self.index]
        if rule.monitor not in logs:
            if not self._seen and job.validates(range(epoch, epoch + 1))[0]:
                missing(type(rule).__name__, rule.monitor, logs, job.directions)
                self._seen = True
            return
        self._seen = True
        state.pull_changes()  # a callback before it may have set weights
        number = jnp.result_type(float)
        values = {
            name: jnp.asarray(logs[name], number)
            for name in (*job.names, rule.monitor)
            if name in logs
        }
        memories, stops = [*state.memories], np.array(state.stops)
        memory, train, stop = rule.step(
            memories[self.index], jnp.int32(epoch), values, state.train, True
        )
        memories[self.index] = jax.tree.map(np.asarray, memory)
        state.memories, state.train = tuple(memories), train
        stops[self.index] = bool(stop)
        state.stops = stops
        state.write()
