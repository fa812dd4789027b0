"""Many networks in one program: `vmap` of the program that trains one.

A member is what a fit of the network alone would be: its own initial weights, order of
rows, random numbers in layers, and settings. The program is that of a lone fit
(`training/program.py`) with one axis more, run by stretches of epochs as a lone fit is.
"""

import dataclasses
import functools
import math
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import config
from onefit.layers.base import is_shape
from onefit.population.axes import Place, with_numbers
from onefit.training import data as rows
from onefit.training import program
from onefit.training.job import Fit
from onefit.training.loop import Interrupt
from onefit.training.program import Plan, Stretch
from onefit.training.task import Batch, Task, Train
from onefit.types import Tree

__all__ = ["Members", "Trained", "bytes_a_member", "train"]

SECONDS = 0.3
"""How long a call of the program may take: the bar moves and Ctrl-C answers."""

TABLE = 1 << 22
"""The most numbers of logs, or of rows' order, that one call is given room for."""

WORTH = 3.0
"""Seconds that fewer members have to save before a program is made for them."""


@dataclasses.dataclass
class Members:
    """What differs between the members of one program.

    Attributes:
        seeds: Of each member: its initial weights, order of rows, random layers.
        numbers: Settings that are numbers in the program, (member,) each.
        weights: Sample weights of each member, (member, rows), or None.
        rows: The numbers of the rows that each member trains on, or None for all.
        held: The numbers of the rows that each is validated on, or None for all.
    """

    seeds: list[int]
    numbers: list[tuple[Place, np.ndarray]] = dataclasses.field(default_factory=list)
    weights: np.ndarray | None = None
    rows: np.ndarray | None = None
    held: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, at: Any) -> "Members":
        """Some of the members."""

        def part(a: np.ndarray | None) -> np.ndarray | None:
            return None if a is None else a[at]

        return Members(
            [self.seeds[i] for i in at],
            [(place, values[at]) for place, values in self.numbers],
            part(self.weights),
            part(self.rows),
            part(self.held),
        )


class Trained(NamedTuple):
    """What a training leaves of each member.

    Attributes:
        params, state: The weights, (member, ...).
        logs: (member, epoch, name), NaN where a member did not run.
        epochs: How many epochs each ran.
        stopped: Which rule stopped each, as its place among the rules, or -1.
        seconds: Wall time, compiling included.
        interrupted: Whether Ctrl-C ended it.
    """

    params: Tree
    state: Tree
    logs: np.ndarray
    epochs: np.ndarray
    stopped: np.ndarray
    seconds: float
    interrupted: bool


class Batched(NamedTuple):
    """The members' own part of a program's arguments, a member along the first axis."""

    params: Tree
    train: Train
    memories: tuple[Tree, ...]


@functools.partial(
    jax.jit,
    static_argnames=("plan", "capacity", "names", "axes"),
    donate_argnames=("members",),
)
def _run(
    task: Task,
    numbers: tuple[Any, ...],
    rules: tuple[Any, ...],
    members: Batched,
    data: Batch,
    weights: Any,
    validation: Batch | None,
    stretch: Stretch,
    plan: Plan,
    capacity: int,
    names: tuple[str, ...],
    axes: tuple[Any, ...],
) -> tuple[Batched, Any, Any, Any]:
    """`program.run` of every member: (what moves, logs, epochs run, stops)."""
    places, count_axis = axes

    def one(numbers: Any, member: Batched, weight: Any, stretch: Stretch) -> Any:
        own = task
        for place, value in zip(places, numbers, strict=True):
            own = _replaced(own, place, value)
        batch = data if weight is None else data._replace(w=weight)
        params, train, memories, *rest = program.run(
            own, rules, member.params, member.train, member.memories, batch,
            validation, stretch, plan, capacity, names,
        )  # fmt: skip
        return Batched(params, train, memories), *rest

    told = Stretch(
        order=None if stretch.order is None else 0,
        validate=None, first=None, count=count_axis, last=None, seed=0,
        held=None if stretch.held is None else 0,
    )  # fmt: skip
    in_axes = (0, 0, None if weights is None else 0, told)
    return jax.vmap(one, in_axes=in_axes)(numbers, members, weights, stretch)


def _replaced(task: Task, leaf: int, value: Any) -> Task:
    """The task with one of its numbers, by its place among the leaves, replaced."""
    leaves, nest = jax.tree.flatten(task)
    return nest.unflatten([*leaves[:leaf], value, *leaves[leaf + 1 :]])


def with_axes(
    task: Task, numbers: list[tuple[Place, np.ndarray]]
) -> tuple[Task, tuple[int, ...]]:
    """The task with every varying number switched on, and which leaves they are."""
    for place, values in numbers:
        task = with_numbers(task, place, np.asarray(values[0], config.floatx()))
    marks = []
    for place, values in numbers:
        mark = np.asarray(values[0], config.floatx())
        marked = with_numbers(task, place, mark)
        before, after = jax.tree.leaves(task), jax.tree.leaves(marked)
        marks.append(
            next(i for i, (a, b) in enumerate(zip(before, after, strict=True))
                 if a is not b)
        )  # fmt: skip
    return task, tuple(marks)


def initial(job: Fit, members: Members, task: Task) -> tuple[Batched, np.ndarray]:
    """The members before the first epoch, and the seeds of their fits."""
    pairs = [config.first_seeds(seed, 2) for seed in members.seeds]
    graph = job.model.graph
    of_start = [
        (place, values) for place, values in members.numbers
        if place.room == "layer" and any("initializer" in f for f in place.fields)
    ]  # fmt: skip
    drawn = []
    for i, (start, _) in enumerate(pairs):
        own = graph
        if of_start:
            own = _with_slots(graph, of_start, i)
        drawn.append(own.redraw(config.generator(start)))
    params, state = jax.tree.map(lambda *a: np.stack(a), *drawn)
    first = jax.tree.map(lambda a: a[0], params)
    free = _stacked_pack(task, params)
    one = task.optimizer.init(task.pack(first))
    optimizer = jax.tree.map(lambda a: _repeated(a, len(members)), one)
    for place, values in members.numbers:
        if place.path == "learning_rate" and task.optimizer.constant_rate:
            optimizer["learning_rate"] = np.asarray(
                values, optimizer["learning_rate"].dtype
            )
    train = Train(free, state, optimizer)
    memories = tuple(jax.vmap(rule.init)(train) for rule in job.rules)
    memories = jax.tree.map(np.array, memories)
    return Batched(params, train, memories), np.array([s for _, s in pairs], np.uint32)


def _with_slots(graph: Any, numbers: list[tuple[Place, np.ndarray]], i: int) -> Any:
    """A graph that draws with the i-th member's initializers, for the same shapes."""
    own = graph
    for place, values in numbers:
        own = with_numbers(own, place, float(values[i]))
    for old, new in zip(graph.plain_layers(), own.plain_layers(), strict=True):
        object.__setattr__(new, "_weights", old._weights)
    return own


def _stacked_pack(task: Task, params: Tree) -> Tree:
    """The free weights of all members as the optimizer sees them."""
    count = len(jax.tree.leaves(params)[0])
    one = task.pack(jax.tree.map(lambda a: a[0], params))
    if not isinstance(one, np.ndarray):
        return task.graph.free(params)
    leaves = jax.tree.leaves(task.graph.free(params))
    return np.concatenate([a.reshape(count, -1) for a in leaves], axis=1)


def _repeated(a: Any, count: int) -> np.ndarray:
    return np.broadcast_to(np.asarray(a), (count, *np.shape(a))).copy()


def bytes_a_member(job: Fit) -> int:
    """About how much memory one member takes: weights, slots, gradients, a batch."""
    graph = job.model.graph
    slot = graph.slot
    weights = sum(a.nbytes for a in jax.tree.leaves((slot.params, slot.state)))
    copies = 3 + len(job.rules)  # the weights, their gradients, a copy on the way
    slots = job.task.optimizer.init(job.task.pack(slot.params))
    slots_ = sum(np.asarray(a).nbytes for a in jax.tree.leaves(slots))
    shapes = jax.tree.leaves(graph.input_shapes(slot.input_shape), is_leaf=is_shape)
    values = sum(math.prod(n or 1 for n in shape) for shape in shapes)
    batch = job.batch_size * values * 4 * 3
    return int(copies * weights + 2 * slots_ + batch)


def train(
    job: Fit, members: Members, show: Any, drop: Any = None, interrupt: Any = None
) -> Trained:
    """Trains all members; what is finished is kept, whatever ends it.

    Args:
        job: What a fit of one of them is asked to do.
        members: What differs between them.
        show: Called with (epochs done, logs so far) after each stretch.
        drop: `drop(epoch, logs) -> members to stop`, asked after each stretch, and the
            next epoch at which it wants to be asked: a pair of functions, or None.
        interrupt: Whose `asked` ends it.
    """
    begin = time.perf_counter()
    task, leaves = with_axes(job.task, members.numbers)
    batched, seeds = initial(job, members, task)
    plan = _plan(job, members)
    count, names = len(members), job.names
    logs = np.full((count, job.epochs, len(names)), np.nan, np.float32)
    epochs = np.zeros(count, int)
    stopped = np.full(count, -1)
    active = np.ones(count, bool)
    final: Any = None  # the weights of members that have been put aside
    at = np.arange(count)  # which members are in the program
    numbers = tuple(np.asarray(v, config.floatx()) for _, v in members.numbers)
    data, validation = jax.device_put((job.train_data, job.validation_data))
    may_stop = bool(job.rules) or drop is not None
    pace, calls, epoch = _guess(job, plan, count), 0, 0
    with interrupt or Interrupt() as press:
        while epoch < job.epochs and active.any() and not press.asked:
            room = max(1, TABLE // max(len(at) * max(len(names), plan.rows
                                                     if plan.ordered else 1), 1))  # fmt: skip
            capacity = 1 << (min(room, job.epochs, 1 << 14).bit_length() - 1)
            limit = drop.next(epoch) if drop else job.epochs
            n = max(1, min(capacity, job.epochs - epoch, limit - epoch,
                           int(SECONDS / pace)))  # fmt: skip
            own = members.take(at)
            order = _orders(job, plan, own, seeds[at], epoch, n, capacity)
            told = Stretch(
                order, _marks(job, plan, epoch, capacity), np.int32(epoch),
                np.where(active[at], n, 0).astype(np.int32) if may_stop else np.int32(n),
                np.int32(job.epochs - 1), seeds[at], own.held,
            )  # fmt: skip
            started = time.perf_counter()
            batched, table, ran, stops = _run(
                task, tuple(v[at] for v in numbers), tuple(job.rules), batched, data,
                own.weights, validation, told, plan=plan, capacity=capacity,
                names=names, axes=(leaves, 0 if may_stop else None),
            )  # fmt: skip
            table, ran, stops = np.asarray(table), np.asarray(ran), np.asarray(stops)
            ran = np.broadcast_to(ran, len(at))
            seconds = time.perf_counter() - started
            calls += 1
            if calls > 1 or seconds > 5:
                pace = max(seconds / n, 1e-7)
            for k in range(min(n, job.epochs - epoch)):
                running = k < ran
                logs[at[running], epoch + k] = table[running, k]
            epochs[at] += ran
            ended = stops.reshape(len(at), -1).any(axis=1) & active[at]
            stopped[at[ended]] = stops[ended].argmax(axis=1) if ended.any() else 0
            active[at[ended]] = False
            epoch += n
            if drop is not None and epoch < job.epochs:
                gone = [m for m in drop(epoch, logs, names, active) if active[m]]
                active[gone] = False
            show(epoch, logs, active)
            left = (job.epochs - epoch) * pace
            share = active[at].mean()
            if share <= 0.5 and left * (1 - share) > WORTH and active.any():
                final = _set_aside(final, count, batched, at)
                keep = np.flatnonzero(active[at])
                batched = jax.tree.map(lambda a, k=keep: np.asarray(a)[k], batched)
                at, calls = at[keep], 0
        interrupted = press.asked
    final = _set_aside(final, count, _finished(job, task, leaves, numbers, batched, at,
                                               interrupted), at)  # fmt: skip
    params, state = final
    return Trained(
        params, state, logs, epochs, stopped, time.perf_counter() - begin, interrupted
    )


def _set_aside(final: Any, count: int, batched: Batched, at: np.ndarray) -> Any:
    """The weights of all members, those in the program as they are now."""
    now = jax.tree.map(np.asarray, (batched.params, batched.train.state))
    if final is None and len(at) == count:
        return now
    if final is None:
        final = jax.tree.map(lambda a: np.zeros((count, *a.shape[1:]), a.dtype), now)
    final = jax.tree.map(np.array, final)
    jax.tree.map(lambda whole, part: whole.__setitem__(at, part), final, now)
    return final


def _finished(
    job: Fit, task: Task, leaves: Any, numbers: Any, batched: Batched, at: Any,
    interrupted: bool,
) -> Batched:  # fmt: skip
    """What an interrupted training ends with: the rules' best weights."""
    if not interrupted or not job.rules:
        return batched

    @jax.jit
    @jax.vmap
    def finish(numbers: Any, member: Batched) -> Any:
        own = task
        for place, value in zip(leaves, numbers, strict=True):
            own = _replaced(own, place, value)
        return program.finish(
            own, tuple(job.rules), member.params, member.train, member.memories, True
        )

    params, train_ = finish(tuple(v[at] for v in numbers), batched)
    return Batched(params, train_, batched.memories)


def _plan(job: Fit, members: Members) -> Plan:
    """The static shape of the program; members may have rows of their own."""
    plan = job.plan()
    if members.rows is not None:
        n = members.rows.shape[1]
        size = min(plan.batch, n)
        full, rest = divmod(n, size)
        plan = plan._replace(batch=size, full=full, rest=rest, ordered=True)
    if members.held is not None and plan.validation is not None:
        m = members.held.shape[1]
        size = min(plan.validation[0], m)
        plan = plan._replace(validation=(size, *divmod(m, size)))
    return plan


def _orders(
    job: Fit, plan: Plan, members: Members, seeds: Any, epoch: int, n: int,
    capacity: int,
) -> np.ndarray | None:  # fmt: skip
    """The rows of these epochs for each member, (member, capacity, rows)."""
    if not plan.ordered:
        return None
    order = np.zeros((len(members), capacity, plan.rows), np.int32)
    for i, seed in enumerate(seeds):
        if job.shuffle:
            count = (
                plan.rows if members.rows is not None else rows.count(job.train_data)
            )
            # A batch that holds every row is not shuffled, as in a lone fit.
            whole = (plan.full, plan.rest) in ((1, 0), (0, count))
            drawn = (
                np.tile(np.arange(plan.rows), (n, 1)) if whole
                else rows.orders(int(seed), epoch, n, count, plan.rows)
            )  # fmt: skip
        else:
            one = dataclasses.replace(job, seed=int(seed))
            drawn = (
                np.tile(np.arange(plan.rows), (n, 1)) if members.rows is not None
                else one.order(plan, epoch, n)
            )  # fmt: skip
        order[i, :n] = drawn if members.rows is None else members.rows[i][drawn]
    return order


def _marks(job: Fit, plan: Plan, epoch: int, capacity: int) -> Any:
    return job.validates(range(epoch, epoch + capacity)) if plan.sometimes else None


def _guess(job: Fit, plan: Plan, count: int) -> float:
    """Seconds an epoch of all members may take, before a pace is known."""
    graph = job.model.graph
    work = graph.multiplications(graph.slot.input_shape) * plan.rows * count
    return max(6 * work / 1e10, 1e-6)
