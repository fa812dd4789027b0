# ruff: noqa: D102
"""Rules: callbacks that live inside the program and cost nothing.

A rule sees the log of each epoch and decides: stop, change the learning rate, keep the
best weights. It is a description with pure functions, so it runs between two epochs
without a return to Python.
"""

from typing import Any, ClassVar, Self, TypeAlias

import jax
import jax.numpy as jnp

from onefit.description import Description, number, setting
from onefit.errors import invalid, unknown
from onefit.training.hooked import Hooked
from onefit.training.monitors import Monitored, direction
from onefit.training.task import Train, rates, with_rates
from onefit.types import Scalar, Tree

__all__ = [
    "EarlyStopping",
    "ReduceLROnPlateau",
    "Rule",
    "SwapEMAWeights",
    "TerminateOnNaN",
]

Log: TypeAlias = dict[str, jax.Array]
"""The numbers of one epoch by name, inside the program."""

After: TypeAlias = tuple[Tree, Train, jax.Array]
"""(memory, what training goes on with, whether to stop)."""


def _mode(value: str) -> str:
    if value not in ("auto", "min", "max"):
        raise unknown("mode", value, ("auto", "min", "max"))
    return value


class Rule(Hooked, Description):
    """Base of rules. A subclass writes `init` and `update`, and may write `finish`.

    Its hooks are for loops written by hand: `set_model`, `on_train_begin`,
    `on_epoch_end(epoch, logs)`, `on_train_end`. A subclass that writes hooks is run on
    the host, once an epoch.

    >>> class StopBelow(Rule):
    ...     loss: float = number(default=0.1)
    ...     def update(self, memory, epoch, logs, train):
    ...         return memory, train, logs["loss"] < self.loss
    >>> StopBelow(0.2)
    StopBelow(loss=0.2)
    """

    monitor = "loss"  # not annotated: a setting of some

    logs_learning_rate: ClassVar[bool] = False
    """Whether the rule adds the learning rate to the logs, as Keras' rule does."""
    averages: ClassVar[bool] = False
    """Whether validations are to see the optimizer's average of the weights."""

    @property
    def shows_average(self) -> bool:
        """Whether callbacks are to see that average between two epochs."""
        return False

    @property
    def needs_validation(self) -> bool:
        """Whether the rule waits for an epoch with validation."""
        return self.monitor.startswith("val_")

    def bind(self, directions: Monitored, written: bool = False) -> Self:
        """The rule for these logs, to which callbacks may add more if `written`."""
        # Only a `_Monitor` asks which way is better.
        direction(type(self).__name__, self.monitor, "min", directions, written)
        return self

    def init(self, train: Train) -> Tree:
        """The memory before the first epoch. Runs on the host."""
        del train
        return {}

    def update(self, memory: Tree, epoch: jax.Array, logs: Log, train: Train) -> After:
        """After an epoch: (memory, what training goes on with, whether to stop)."""
        raise NotImplementedError

    def step(
        self, memory: Tree, epoch: jax.Array, logs: Log, train: Train, present: Scalar
    ) -> After:
        """`update`, in the epochs whose logs have what the rule looks at."""
        new_memory, new_train, stop = self.update(memory, epoch, logs, train)
        if not self.needs_validation:
            return new_memory, new_train, jnp.asarray(stop)
        memory, train = jax.tree.map(
            lambda new, old: new if new is old else jnp.where(present, new, old),
            (new_memory, new_train),
            (memory, train),
        )
        return memory, train, jnp.asarray(stop) & present

    def finish(self, memory: Tree, train: Train, done: Scalar) -> Train:
        """What training ends with, when it is done."""
        del memory, done
        return train

    def report(self, memory: Tree, stopped: int | None) -> list[str]:
        """On the host, after the fit: sets what users read; returns lines to show."""
        del memory, stopped
        return []


class _Monitor(Rule):
    """A rule that follows one number of the logs and knows which way is better."""

    # Not annotated here: a subclass's settings take the places that Keras gives them.
    mode = "auto"
    verbose = 0

    def bind(self, directions: Monitored, written: bool = False) -> Self:
        name = type(self).__name__
        mode = direction(name, self.monitor, self.mode, directions, written)
        return self.replace(mode=mode)

    def better(self, new: jax.Array, old: Scalar, by: float) -> jax.Array:
        """Whether a number is better than another by more than this much."""
        if self.mode == "max":
            return new > old + by
        return new < old - by

    @property
    def worst(self) -> float:
        """The number than which every other is better."""
        return float("-inf") if self.mode == "max" else float("inf")


class EarlyStopping(_Monitor):
    """Stops when a number has not become better for `patience` epochs.

    Args:
        monitor: The log's name.
        min_delta: By how much it must change to count as better.
        patience: How many epochs without a better one are endured.
        verbose: 1 to say when it stops.
        mode: 'min', 'max', or 'auto', by the metric.
        baseline: A value that has to be reached for an epoch to count as progress.
        restore_best_weights: Whether the model ends with the weights (and moving
            means) of its best epoch.
        start_from_epoch: Epochs before this one are not looked at.

    After fit: `stopped_epoch` (0 if it never stopped), `best`, `best_epoch`, `wait`.

    Raises:
        ValueError: A monitor that the logs do not have.

    Source: Keras' callback of this name.
    """

    best = best_epoch = None  # before any fit
    wait = stopped_epoch = 0

    monitor: str = setting(default="val_loss")
    min_delta: float = number(default=0, minimum=0)
    patience: int = number(default=0, minimum=0)
    verbose: int = setting(default=0, identity=False)
    mode: str = setting(default="auto", convert=_mode)
    baseline: float | None = number(default=None, optional=True)
    restore_best_weights: bool = False
    start_from_epoch: int = number(default=0, minimum=0)

    def init(self, train: Train) -> Tree:
        memory: dict[str, Any] = {"best": self.worst, "best_epoch": 0, "wait": 0}
        if self.restore_best_weights:
            memory["weights"] = (train.free, train.state)
        return jax.tree.map(jnp.asarray, memory)

    def update(self, memory: Tree, epoch: jax.Array, logs: Log, train: Train) -> After:
        value = logs[self.monitor]
        seen = epoch >= self.start_from_epoch
        better = seen & self.better(value, memory["best"], self.min_delta)
        progress = better
        if self.baseline is not None:
            progress = better & self.better(value, self.baseline, self.min_delta)
        wait = jnp.where(progress, 0, memory["wait"] + seen)
        new = {
            "best": jnp.where(better, value, memory["best"]),
            "best_epoch": jnp.where(better, epoch, memory["best_epoch"]),
            "wait": wait,
        }
        if self.restore_best_weights:
            # Before any epoch is better (all NaN, say) the first one seen counts.
            first = seen & (memory["wait"] == 0) & jnp.isinf(memory["best"])
            new["weights"] = jax.tree.map(
                lambda now, best: jnp.where(better | first, now, best),
                (train.free, train.state),
                memory["weights"],
            )
        stop = seen & ~better & (wait >= self.patience) & (epoch > 0)
        return new, train, stop

    def finish(self, memory: Tree, train: Train, done: Scalar) -> Train:
        if not self.restore_best_weights:
            return train
        free, state = jax.tree.map(
            lambda best, now: jnp.where(done, best, now),
            memory["weights"],
            (train.free, train.state),
        )
        return train._replace(free=free, state=state)

    def report(self, memory: Tree, stopped: int | None) -> list[str]:
        self.best = float(memory["best"])
        self.best_epoch = int(memory["best_epoch"])
        self.wait = int(memory["wait"])
        self.stopped_epoch = stopped or 0
        lines = []
        if self.verbose and stopped:
            lines.append(f"Epoch {stopped + 1}: early stopping")
        if self.verbose and self.restore_best_weights:
            lines.append(
                "Restoring the weights of the best epoch: "
                f"{self.best_epoch + 1} ({self.monitor} {self.best:.4g})"
            )
        return lines


class ReduceLROnPlateau(_Monitor):
    """Multiplies the learning rate by `factor` when a number stops becoming better.

    Args:
        monitor: The log's name.
        factor: alpha := alpha * factor, below 1.
        patience: How many epochs without a better one are endured.
        verbose: 1 to say at the end how often it did.
        mode: 'min', 'max', or 'auto', by the metric.
        min_delta: By how much the number must change to count as better.
        cooldown: Epochs to wait after a reduction before counting again.
        min_lr: The learning rate never falls below this.

    The logs have the rate of each epoch as 'learning_rate'.

    Source: Keras' callback of this name.
    """

    best, wait = None, 0  # before any fit

    monitor: str = setting(default="val_loss")
    factor: float = number(default=0.1, minimum=0, below=1)
    patience: int = number(default=10, minimum=0)
    verbose: int = setting(default=0, identity=False)
    mode: str = setting(default="auto", convert=_mode)
    min_delta: float = number(default=1e-4, minimum=0)
    cooldown: int = number(default=0, minimum=0)
    min_lr: float = number(default=0.0, minimum=0)

    logs_learning_rate: ClassVar[bool] = True

    def init(self, train: Train) -> Tree:
        del train
        memory = {"best": self.worst, "wait": 0, "cooldown": 0, "times": 0}
        return jax.tree.map(jnp.asarray, memory)

    def update(self, memory: Tree, epoch: jax.Array, logs: Log, train: Train) -> After:
        del epoch
        value, rate = logs[self.monitor], jnp.stack(rates(train.optimizer)).max()
        better = self.better(value, memory["best"], self.min_delta)
        cooldown = jnp.maximum(memory["cooldown"] - 1, 0)
        waits = ~better & (cooldown == 0)
        wait = jnp.where(memory["cooldown"] > 0, 0, memory["wait"])
        wait = jnp.where(better, 0, wait + waits)
        reduce = waits & (wait >= self.patience) & (rate > self.min_lr)
        memory = {
            "best": jnp.where(better, value, memory["best"]),
            "wait": jnp.where(reduce, 0, wait),
            "cooldown": jnp.where(reduce, self.cooldown, cooldown),
            "times": memory["times"] + reduce,
        }

        def lower(rate: jax.Array) -> jax.Array:
            low = jnp.maximum(rate * self.factor, self.min_lr).astype(rate.dtype)
            return jnp.where(reduce & (rate > self.min_lr), low, rate)

        optimizer = with_rates(train.optimizer, lower)
        return memory, train._replace(optimizer=optimizer), jnp.array(False)

    def report(self, memory: Tree, stopped: int | None) -> list[str]:
        self.best, times = float(memory["best"]), int(memory["times"])
        if self.verbose and times:
            return [f"ReduceLROnPlateau: reduced the learning rate {times} times"]
        return []


class SwapEMAWeights(Rule):
    """Validates with the moving average of the weights, `Adam(use_ema=True)`.

    Args:
        swap_on_epoch: Whether callbacks see the average, too: from the end of an epoch
            to the beginning of the next, the model has it as its weights.

    Raises:
        ValueError: An optimizer without `use_ema`.

    Source: Keras' callback of this name, which is to stand before those callbacks.
    """

    averages: ClassVar[bool] = True

    swap_on_epoch: bool = setting(default=False, identity=False)

    @property
    def shows_average(self) -> bool:
        return bool(self.swap_on_epoch)

    def init(self, train: Train) -> Tree:
        names = [
            getattr(key, "key", None)
            for path, _ in jax.tree_util.tree_leaves_with_path(train.optimizer)
            for key in path
        ]
        if "average" not in names:
            raise invalid(
                "SwapEMAWeights",
                "an optimizer without a moving average",
                "one that follows the weights",
                "compile with an optimizer like Adam(use_ema=True)",
            )
        return {}

    def update(self, memory: Tree, epoch: jax.Array, logs: Log, train: Train) -> After:
        del epoch, logs
        return memory, train, jnp.array(False)


class TerminateOnNaN(Rule):
    """Stops after the epoch whose loss is NaN or infinite.

    Args:
        raise_error: Whether the fit then ends with a RuntimeError. The model keeps the
            weights that it has by then.

    Source: Keras' callback of this name, which looks after each batch.
    """

    raise_error: bool = setting(default=False, identity=False)

    def update(self, memory: Tree, epoch: jax.Array, logs: Log, train: Train) -> After:
        del epoch
        return memory, train, ~jnp.isfinite(logs["loss"])

    def report(self, memory: Tree, stopped: int | None) -> list[str]:
        del memory
        if stopped is None:
            return []
        if self.raise_error:
            raise RuntimeError(
                f"TerminateOnNaN: the loss of epoch {stopped + 1} is NaN or infinite. "
                "Write a smaller learning_rate, or call model.check(x, y), which says "
                "what is wrong."
            )
        return [f"Epoch {stopped + 1}: the loss is not a number, terminating"]
