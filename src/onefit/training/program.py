"""The program: step, epoch, program. A whole fit is calls of one compiled function.

* `step`: forward, loss, gradients, update, metrics, on one batch.
* `epoch`: a loop of steps over the batches, the smaller last batch exact.
* `run`: epochs with a traced count, validation, logs in a buffer, rules applied.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from onefit.data.batch import Batch
from onefit.programs import spread
from onefit.training.rules import Rule
from onefit.training.task import Task, Train, rates
from onefit.types import Array, Scalar, Tree

__all__ = [
    "Plan",
    "Stretch",
    "close",
    "count",
    "count_all",
    "epoch",
    "evaluate",
    "finish",
    "judge",
    "part",
    "results",
    "run",
    "single",
    "start",
    "step",
]


class Plan(NamedTuple):
    """The shape of a program, all that is static in it beside the task.

    Attributes:
        batch: Rows in a batch.
        full: Full batches in an epoch.
        rest: Rows of the smaller last batch, 0 for none.
        ordered: Whether rows are taken by the order given, rather than as they lie.
        validation: (batch, full, rest) of the validation rows, or None.
        sometimes: Whether validation runs only in the epochs marked for it.
        padded: For how many rows the arrays are made, where their number is an input of
            the program (`Stretch.rows`); 0 where it shapes the program.
        held_padded: The same of the validation rows.
    """

    batch: int
    full: int
    rest: int
    ordered: bool
    validation: tuple[int, int, int] | None = None
    sometimes: bool = False
    padded: int = 0
    held_padded: int = 0

    @property
    def width(self) -> int:
        """Row numbers of an epoch, with those that only fill its last batch."""
        return self.padded or self.rows

    def shape(self) -> "Plan":
        """What of it shapes the program."""
        plan = self._replace(full=0, rest=0) if self.padded else self
        if plan.held_padded and plan.validation:
            plan = plan._replace(validation=(plan.validation[0], 0, 0))
        return plan

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.full + bool(self.rest)

    @property
    def rows(self) -> int:
        """Rows in an epoch."""
        return self.full * self.batch + self.rest


class Stretch(NamedTuple):
    """The inputs of one call of the program that may change from call to call.

    Attributes:
        order: (capacity, rows) row numbers for each epoch, or None.
        validate: (capacity,) whether to validate after each epoch, or None.
        first: The number of the first epoch.
        count: How many epochs to run, at most the capacity.
        last: The number of the fit's final epoch.
        seed: The seed of what is random inside the program.
        held: The numbers of the rows to validate on, None for all as they lie.
        rows, held_rows: How many rows there are to train and to validate on, where the
            arrays are padded.
        ends: Whether the fit's end (the best weights, the average) is dealt with here,
            rather than after the callbacks have seen the last epoch.
    """

    order: Array | None
    validate: Array | None
    first: Any  # numbers; in the `in_axes` of a vmap they are axes
    count: Any
    last: Any
    seed: Any
    held: Array | None = None
    rows: Any = None
    held_rows: Any = None
    ends: Any = True


def step(
    task: Task, train: Train, fixed: Tree, tally: Tree, batch: Batch, seed: Scalar
) -> tuple[Train, Tree]:
    """One step: w := w - alpha * d, d the optimizer's direction from dJ/dw."""
    train, tally = task.step(train, fixed, tally, batch, seed)
    over = spread()
    return (train if over is None else over.kept(train)), tally


def rows_at(data: Batch, order: Array | None, start: Scalar, size: int) -> Batch:
    """`size` rows from `start` on, as they lie or in the order given."""
    if order is None:
        found = jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, start, size), data)
    else:
        at = lax.dynamic_slice_in_dim(order, start, size)
        found = jax.tree.map(lambda a: a.at[at].get(mode="promise_in_bounds"), data)
    over = spread()
    return found if over is None else over.shared(found)


def padded_rows(data: Batch, order: Array | None) -> int:
    """How many rows the arrays of an epoch have, padding with them."""
    return len(jax.tree.leaves(data.x)[0] if order is None else order)


def batch_at(
    data: Batch, order: Array | None, start: Scalar, size: int, rows: Scalar | None
) -> Batch:
    """The batch that begins at this row; of its rows those count that there are."""
    batch = rows_at(data, order, start, size)
    return (
        batch if rows is None else batch._replace(count=jnp.minimum(size, rows - start))
    )


def batches(
    carry: Tree,
    data: Batch,
    order: Array | None,
    plan: tuple[int, int, int],
    body: Callable[[Tree, Batch], Tree],
    rows: Scalar | None = None,
) -> Tree:
    """Passes a carry through all batches: `body(carry, batch) -> carry`.

    The plan is (size, full, rest): full batches, then one of the rest of the rows.
    Where the number of rows is given, the last batch is a full one of which not all
    rows count.
    """
    size, full, rest = plan

    def one(index: Scalar, carry: Tree) -> Tree:
        return body(carry, batch_at(data, order, index * size, size, rows))

    if rows is not None and padded_rows(data, order) > size:
        return lax.fori_loop(0, (rows + size - 1) // size, one, carry)
    if rows is not None:
        return one(0, carry)
    if full == 1:
        carry = one(0, carry)
    elif full:
        carry = lax.fori_loop(0, full, one, carry)
    if rest:
        carry = body(carry, rows_at(data, order, full * size, rest))
    return carry


def epoch(
    task: Task,
    train: Train,
    fixed: Tree,
    data: Batch,
    order: Array | None,
    plan: Plan,
    seed: Scalar,
    rows: Scalar | None = None,
) -> tuple[Train, list[jax.Array]]:
    """One pass over the data: the state after it, and the numbers of its log."""

    def body(carry: Tree, batch: Batch) -> Tree:
        return step(task, carry[0], fixed, carry[1], batch, seed)

    carry = (train, task.tally())
    train, tally = batches(carry, data, order, plan[:3], body, rows)
    return train, task.results(tally)


def evaluate(
    task: Task,
    params: Tree,
    state: Tree,
    data: Batch,
    order: Array | None,
    plan: tuple[int, int, int],
    rows: Scalar | None = None,
) -> list[jax.Array]:
    """The losses and metrics of the data, the weights as they are."""

    def body(carry: Tree, batch: Batch) -> Tree:
        tally, state = carry
        return count(task, params, state, tally, batch)

    carry = (task.tally(False), state)
    return task.results(batches(carry, data, order, plan, body, rows)[0])


def run(
    task: Task,
    rules: tuple[Rule, ...],
    params: Tree,
    train: Train,
    memories: tuple[Tree, ...],
    data: Batch,
    validation: Batch | None,
    stretch: Stretch,
    *,
    plan: Plan,
    capacity: int,
    names: tuple[str, ...],
) -> tuple[Tree, Train, tuple[Tree, ...], Array, Array, Array]:
    """A stretch of epochs.

    Returns:
        The weights, what else training changes, the rules' memories, the log of each
        epoch (capacity, names), how many epochs ran, and which rules stopped it.
    """

    def more(carry: Tree) -> Array:
        number, *_, stops = carry
        return (number < stretch.count) & ~jnp.any(stops)

    def body(carry: Tree) -> Tree:
        number, train, memories, logs, _ = carry
        order = None if stretch.order is None else stretch.order[number]
        train, row = epoch(
            task, train, params, data, order, plan, stretch.seed, stretch.rows
        )
        train, memories, row, stops = close(
            task,
            rules,
            params,
            train,
            memories,
            row,
            validation,
            stretch,
            number,
            plan=plan,
            names=names,
        )
        logs = lax.dynamic_update_index_in_dim(logs, row, number, 0)
        return number + 1, train, memories, logs, stops

    logs = jnp.zeros((capacity, len(names)))
    stops = jnp.zeros(len(rules), bool)
    number, train, memories, logs, stops = lax.while_loop(
        more, body, (jnp.int32(0), train, memories, logs, stops)
    )
    done = jnp.any(stops) | (stretch.first + number > stretch.last)
    done = done & stretch.ends
    params, train = finish(task, rules, params, train, memories, done)
    return params, train, memories, logs, number, stops


def close(
    task: Task,
    rules: tuple[Rule, ...],
    fixed: Tree,
    train: Train,
    memories: tuple[Tree, ...],
    row: list[jax.Array],
    validation: Batch | None,
    stretch: Stretch,
    number: Array,
    *,
    plan: Plan,
    names: tuple[str, ...],
) -> tuple[Train, tuple[Tree, ...], Array, Array]:
    """What follows an epoch's steps: validation, the log's row, the rules."""
    validated: Scalar = True
    if stretch.validate is not None:
        validated = stretch.validate[number]
    if validation is not None:
        seen = train
        if any(rule.averages for rule in rules):
            average = task.finish(train, fixed)
            seen = train._replace(free=average)
        row = row + _validate(task, seen, fixed, validation, stretch, plan, validated)
    if len(row) < len(names):
        row = [*row, *map(jnp.asarray, rates(train.optimizer))]
    logs, stops, kept = dict(zip(names, row, strict=True)), [], []
    for rule, memory in zip(rules, memories, strict=True):
        wish = jnp.asarray(False)
        if rule.monitor in logs:  # a callback's log comes later, on the host
            memory, train, wish = rule.step(
                memory, stretch.first + number, logs, train, validated
            )
        kept.append(memory)
        stops.append(wish)
    stopped = jnp.stack(stops) if stops else jnp.zeros(0, bool)
    return train, tuple(kept), _stacked(row), stopped


def _validate(
    task: Task,
    train: Train,
    fixed: Tree,
    data: Batch,
    stretch: Stretch,
    plan: Plan,
    wanted: Scalar,
) -> list[jax.Array]:
    """The validation's numbers, or NaNs in an epoch without one."""
    shape = plan.validation
    assert shape is not None

    def numbers() -> Array:
        params = task.unpack(fixed, train.free)
        held, rows = stretch.held, stretch.held_rows
        return _stacked(evaluate(task, params, train.state, data, held, shape, rows))

    if not plan.sometimes:
        return list(numbers())
    missing = jnp.full(jax.eval_shape(numbers).shape, jnp.nan)
    return list(lax.cond(wanted, numbers, lambda: missing))


def _stacked(values: list[jax.Array]) -> Array:
    return jnp.stack([jnp.asarray(v, jnp.result_type(float)) for v in values])


def finish(
    task: Task,
    rules: tuple[Rule, ...],
    fixed: Tree,
    train: Train,
    memories: tuple[Tree, ...],
    done: Scalar,
) -> tuple[Tree, Train]:
    """The weights a stretch ends with: at the fit's end the average or the best."""
    kept = task.finish(train, fixed)
    if kept is not train.free:
        kept = jax.tree.map(lambda a, w: jnp.where(done, a, w), kept, train.free)
    train = train._replace(free=kept)
    for rule, memory in zip(rules, memories, strict=True):
        train = rule.finish(memory, train, done)
    return task.unpack(fixed, train.free), train


# A batch of an evaluation, where the rows need not be on the device all at once.


def judge(
    task: Task, params: Tree, state: Tree, tally: Tree, batch: Batch, first: Scalar
) -> tuple[Tree, Tree, Array]:
    """The sums of an evaluation after a batch, the state, and the logs so far.

    With the first batch the sums begin; what is given for them is not read.
    """
    begun = task.tally(False)
    tally = jax.tree.map(lambda a, b: jnp.where(first, b, a), tally, begun)
    tally, state = count(task, params, state, tally, batch)
    return tally, state, _stacked(task.results(tally))


def count(
    task: Task, params: Tree, state: Tree, tally: Tree, batch: Batch
) -> tuple[Tree, Tree]:
    """The sums of an evaluation after a batch, and the state of stateful layers."""
    return task.look(params, state, tally, batch)


def count_all(
    task: Task,
    params: Tree,
    state: Tree,
    tally: Tree,
    data: Batch,
    number: Scalar,
    *,
    size: int,
) -> tuple[Tree, Tree]:
    """The sums of an evaluation after so many batches of this size, and the state."""

    def body(index: Scalar, carry: Tree) -> Tree:
        tally, state = carry
        return count(
            task, params, state, tally, rows_at(data, None, index * size, size)
        )

    return lax.fori_loop(0, number, body, (tally, state))


def results(task: Task, tally: Tree) -> list[jax.Array]:
    """The losses and metrics that the sums make."""
    return task.results(tally)


# Part of an epoch: for long epochs, for callbacks that look at every batch, and for
# train_on_batch.


def single(
    task: Task, params: Tree, train: Train, batch: Batch, seed: Scalar
) -> tuple[Tree, Train, Array]:
    """One step on one batch: the weights, what else changes, the logs."""
    train, tally = step(task, train, params, task.tally(), batch, seed)
    logs = _stacked(task.results(tally))
    return task.unpack(params, train.free), train, logs


def start(task: Task, *, training: bool = True) -> Tree:
    """The sums of an epoch, or of an evaluation, before the first batch."""
    return task.tally(training)


def part(
    task: Task,
    params: Tree,
    train: Train,
    tally: Tree,
    data: Batch,
    order: Array | None,
    first: Scalar,
    count: Scalar,
    seed: Scalar,
    rows: Scalar | None = None,
    *,
    size: int,
    batch: int,
) -> tuple[Tree, Train, Tree, list[jax.Array]]:
    """Some batches of an epoch: the weights, what else changes, the sums, the logs.

    Args:
        task, params, train, tally, data, order, seed: As in `run` and `step`.
        first, count: Which batches; batch i begins at row `i * batch`.
        rows: How many rows there are, where the arrays are padded.
        size: Rows in each of them: `batch`, or those of the smaller last one.
        batch: Rows in a full batch.
    """

    def body(index: Scalar, carry: Tree) -> Tree:
        rows_of = batch_at(data, order, index * batch, size, rows)
        return step(task, carry[0], params, carry[1], rows_of, seed)

    train, tally = lax.fori_loop(first, first + count, body, (train, tally))
    return task.unpack(params, train.free), train, tally, task.results(tally)
