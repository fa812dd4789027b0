"""A job: all that a fit is asked to do, checked and converted."""

import dataclasses
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from onefit.data import rows
from onefit.data.batch import Batch
from onefit.data.orders import orders
from onefit.networks.network import Network
from onefit.training.callback import Callback
from onefit.training.compiled import Compiled
from onefit.training.own_steps import has_own_steps
from onefit.training.program import Plan
from onefit.training.rules import Rule
from onefit.training.task import Task
from onefit.types import Tree

if TYPE_CHECKING:
    from onefit.data.table import Table
    from onefit.training.feeding import Feed

__all__ = ["Given", "Job", "hook", "needs_targets"]


FEW = 1 << 24
"""Bytes of arrays that are copied to pad them."""

SHARED = 480_000
"""Bytes of arrays up to which XLA:CPU takes a batch from them by one thread.

Measured: the digits step takes 20.8 us padded to 1,920 rows and 40 with 2,016.
"""

ALONE = 64
"""Rows of a lone batch that is padded."""


class Given(NamedTuple):
    """The rows that a method was given, or the stream that they come from.

    Attributes:
        batch: The rows, or those of the first batches of a stream.
        size: Rows in a batch.
        stream: Whether they were given as batches.
        feed: Where the batches come from, None where the rows are all there are.
        table: The order of the rows, where a data set has one.
        run: The number of this fit's pass over it.
    """

    batch: Batch
    size: int
    stream: bool = False
    feed: "Feed | None" = None
    table: "Table | None" = None
    run: int = 0


@dataclasses.dataclass
class Job:
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
        pauses: After these numbers of epochs a call of the program ends, for callbacks
            that look at the weights then.
        feed, held: Where the batches for training and for validation come from, where
            they are no arrays; the rows above are then those of the first batches.
        table: The order of the rows, where they are those of a data set.
        run: The number of its pass that is this fit's.
    """

    model: Compiled
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
    callbacks: list[Callback] = dataclasses.field(default_factory=list)
    rules: list[Rule] = dataclasses.field(default_factory=list)
    given_rules: list[Rule] = dataclasses.field(default_factory=list)
    directions: dict[str, str | None] = dataclasses.field(default_factory=dict)
    pauses: tuple[int, ...] = ()
    feed: "Feed | None" = None
    held: "Feed | None" = None
    table: "Table | None" = None
    run: int = 0

    @property
    def batches(self) -> int:
        """How many batches the fit has, at most."""
        each = self.steps or -(-rows.count(self.train_data) // self.batch_size)
        return each * (self.epochs - self.first)

    def until(self, epoch: int) -> int:
        """The epoch at which a call that begins at this one has to end."""
        return min(p for p in (*self.pauses, self.epochs) if p > epoch)

    def validates(self, epochs: range) -> np.ndarray:
        """For each of these epochs, whether a validation follows it."""
        numbers = np.arange(epochs.start + 1, epochs.stop + 1)
        if isinstance(self.validation_freq, int):
            return numbers % self.validation_freq == 0
        return np.isin(numbers, list(self.validation_freq))

    def plan(self) -> Plan:
        """The static shape of the program."""
        table = self.table
        n = rows.count(self.train_data) if table is None else table.used
        if self.feed is not None:
            full, rest, ordered = self.feed.length or 0, 0, False
        elif self.steps is None:
            full, rest = divmod(n, self.batch_size)
            # One batch holds every row: their order changes nothing but rounding.
            ordered = self.shuffle and (full, rest) not in ((1, 0), (0, n))
            ordered = ordered or (table is not None and table.order is not None)
        else:
            full, rest, ordered = self.steps, 0, True
        validation = None
        if self.validation_data is not None:
            m, size = rows.count(self.validation_data), self.validation_batch_size
            validation = (size, *divmod(m, size))
        validates = validation is not None or self.held is not None
        sometimes = validates and self.validation_freq != 1
        return Plan(self.batch_size, full, rest, ordered, validation, sometimes)

    def padded(self, plan: Plan) -> Plan:
        """The plan of a program for any number of rows up to some, where it may be.

        It may where rows do not meet: the last batch is filled up. Not where all
        batches are full as they are, nor where the one batch is large, nor where it
        would copy large arrays.
        """
        if _bytes((self.train_data, self.validation_data)) > FEW:
            return plan
        if self.table or self.feed or self.steps:
            return plan
        n, size = plan.rows, plan.batch
        if self.task.learns_by_row and plan.rest:
            rows_padded = _padded(n, _bytes(self.train_data))
            plan = plan._replace(padded=_up_to(rows_padded, size))
        elif self.task.learns_by_row and n == size < _power(n) <= ALONE:
            plan = plan._replace(batch=_power(n), full=0, rest=n, padded=_power(n))
        if self.validation_data is not None and self.task.by_row:
            m = rows.count(self.validation_data)
            size = min(_power(m), max(32, _power(m) // 8))
            if self.validation_batch_size < m:
                size = min(size, self.validation_batch_size)
            plan = plan._replace(validation=(size, *divmod(m, size)))
            rows_padded = _padded(m, _bytes(self.validation_data))
            plan = plan._replace(held_padded=_up_to(rows_padded, size))
        return plan

    def arrays(self, plan: Plan) -> tuple[Batch | None, Batch | None]:
        """The rows to train and to validate on, with the plan's padding."""
        train = self.train_data if self.feed is None else None
        held = self.validation_data
        return (
            rows.filled(train, plan.padded) if plan.padded else train,
            rows.filled(held, plan.held_padded) if plan.held_padded else held,
        )

    def order(
        self,
        plan: Plan,
        first: int,
        count: int,
        out: np.ndarray | None = None,
        seed: int | None = None,
        own: np.ndarray | None = None,
    ) -> np.ndarray:
        """The rows of these epochs, written to `out` if it is given.

        Args:
            plan: The program's shape.
            first, count: Which epochs.
            out: An array of at least `count` lines of `plan.rows` numbers.
            seed: That of the shuffling, where it is not the fit's.
            own: The numbers of the rows to train on, where they are not all.
        """
        n = rows.count(self.train_data) if own is None else len(own)
        length = plan.rows
        out = np.zeros((count, plan.width), np.int32) if out is None else out
        out = out[:, :length]
        drawn = out[:count]
        if self.table is not None:
            self.table.orders(self.run, first, drawn)
            return drawn
        # One batch that holds all of its own rows is not shuffled, see `plan`.
        unshuffled = own is not None and (plan.full, plan.rest) in ((1, 0), (0, n))
        if self.shuffle and not unshuffled:
            seed = self.seed if seed is None else seed
            orders(seed, first, count, n, length, out)
        else:
            lines = np.arange(first * length, (first + count) * length) % n
            drawn[:] = lines.reshape(count, length)
        if own is not None:
            drawn[:] = own[drawn]
        return drawn


def _bytes(arrays: Tree) -> int:
    return sum(array.nbytes for array in jax.tree.leaves(arrays))


def _padded(n: int, size: int) -> int:
    """For how many rows a program is made that shall serve n, of so many bytes.

    A power of two, where the arrays stay small; else a little more than n.
    """
    power = _power(n)
    return power if power * size <= SHARED * n else _up_to(n, max(power // 16, 1))


def _power(n: int) -> int:
    """The next power of two."""
    return 1 << (n - 1).bit_length()


def _up_to(n: int, size: int) -> int:
    """The next multiple of a size."""
    return -(-n // size) * size


def hook(job: Job, name: str, *args: object) -> None:
    """Calls a hook of every callback, in order."""
    for callback in job.callbacks:
        getattr(callback, name)(*args)


def needs_targets(model: Network) -> bool:
    """Whether a model's loss compares targets; one may make its own loss."""
    if not isinstance(model, Compiled):
        return True
    if has_own_steps(model):
        return False
    return model.compile_settings is None or model.loss is not None
