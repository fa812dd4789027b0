"""Many networks in one program: `vmap` of the program that trains one.

A member is what a fit of the network alone would be: its own initial weights, order of
rows, random numbers in layers, and settings. The program is that of a lone fit
(`training/program.py`) with one axis more, run by stretches of epochs as a lone fit is.
"""

import contextlib
import dataclasses
import functools
import math
import time
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.data.orders import orders
from onefit.population.axes import Place, replaced_at, with_axes, with_numbers
from onefit.training import program
from onefit.training.compiling import QUICK, compiled, is_small
from onefit.training.job import Fit
from onefit.training.loop import Interrupt
from onefit.training.program import Plan, Stretch
from onefit.training.task import Task, Train
from onefit.types import Tree, is_shape

__all__ = ["Members", "Trained", "bytes_a_member", "train"]

SECONDS = 0.3
"""How long a call of the program may take: the bar moves and Ctrl-C answers."""

TABLE = 1 << 22
"""The most numbers of logs, or of rows' order, that one call is given room for."""

GUESS = 1e10
"""Multiplications and additions a second, a guess: small products, many of them."""

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
        own = replaced_at(task, places, numbers)
        batch = data if weight is None else data._replace(w=weight)
        params, train, memories, *rest = program.run(
            own,
            rules,
            member.params,
            member.train,
            member.memories,
            batch,
            validation,
            stretch,
            plan,
            capacity,
            names,
        )
        return Batched(params, train, memories), *rest

    order: Any = None if stretch.order is None else 0
    held: Any = None if stretch.held is None else 0
    told = Stretch(order, None, None, count_axis, None, 0, held, None)
    in_axes = (0, 0, None if weights is None else 0, told)
    return jax.vmap(one, in_axes=in_axes)(numbers, members, weights, stretch)


@functools.cache
def _compiled(small: bool) -> Any:
    """The compiled form of `_run`."""
    return jax.jit(
        _run,
        static_argnames=("plan", "capacity", "names", "axes"),
        donate_argnames=("members",),
        compiler_options=QUICK if small else None,
    )


def _run_one(
    task: Task,
    numbers: Any,
    rules: Any,
    members: Batched,
    data: Batch,
    weights: Any,
    validation: Any,
    stretch: Stretch,
    plan: Plan,
    capacity: int,
    names: Any,
    axes: Any,
    small: bool,
) -> tuple[Batched, Any, Any, Any]:
    """`_run` of one member: the program of a lone fit, hence the same bits."""

    def first(tree: Any) -> Any:
        return jax.tree.map(lambda a: np.asarray(a)[0], tree)

    task = replaced_at(task, axes[0], [value[0] for value in numbers])
    batch = data if weights is None else data._replace(w=weights[0])
    own = ("order", "seed", "held")
    told = stretch._replace(**{name: first(getattr(stretch, name)) for name in own})
    told = told._replace(count=np.int32(np.ravel(stretch.count)[0]))
    member = first(members)
    params, train_, memories, *rest = compiled("run", small)(
        task,
        rules,
        member.params,
        member.train,
        member.memories,
        batch,
        validation,
        told,
        plan=plan,
        capacity=capacity,
        names=names,
    )
    result = Batched(params, train_, memories), *rest
    return jax.tree.map(lambda a: np.asarray(a)[None], result)


def initial(job: Fit, members: Members, task: Task) -> tuple[Batched, np.ndarray]:
    """The members before the first epoch, and the seeds of their fits."""
    pairs = [config.first_seeds(seed, 2) for seed in members.seeds]
    graph = job.model.graph
    of_start = [
        (place, values)
        for place, values in members.numbers
        if place.room == "layer" and any("initializer" in f for f in place.fields)
    ]
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
        show: Called with (epochs done, logs so far, who still runs) after each call of
            the program.
        drop: Who stops the worst on the way: `drop.next(epoch)` is the epoch at which
            it wants to be asked, `drop(epoch, logs, names, active)` the members to
            stop. None for nobody.
        interrupt: What ends it early, once `asked`.
    """
    begin = time.perf_counter()
    run = _Training(job, members, drop)
    with contextlib.nullcontext(interrupt) if interrupt else Interrupt() as press:
        while run.goes_on and not press.asked:
            run.stretch()
            show(run.epoch, run.logs, run.active)
        interrupted = press.asked and run.goes_on
    params, state = run.finish(interrupted)
    seconds = time.perf_counter() - begin
    return Trained(
        params, state, run.logs, run.epochs, run.stopped, seconds, interrupted
    )


class _Training:
    """The members of one program on their way.

    Attributes:
        epoch: How many epochs are done.
        at: Which members are in the program; others have been put aside.
        active: Which members still run.
        logs, epochs, stopped: As in `Trained`.
    """

    def __init__(self, job: Fit, members: Members, drop: Any) -> None:
        self.job, self.members, self.drop = job, members, drop
        self.task, self.leaves = with_axes(job.task, members.numbers)
        self.batched, self.seeds = initial(job, members, self.task)
        self.plan = _plan(job, members)
        count = len(members)
        self.at, self.active = np.arange(count), np.ones(count, bool)
        shape = (count, job.epochs, len(job.names))
        self.logs = np.full(shape, np.nan, np.float32)
        self.epochs, self.stopped = np.zeros(count, int), np.full(count, -1)
        self.numbers = tuple(np.asarray(v, config.floatx()) for _, v in members.numbers)
        self.data = jax.device_put((job.train_data, job.validation_data))
        graph = job.model.graph
        work = graph.multiplications(graph.slot.input_shape)
        self.small = is_small(work, self.plan.batch)
        self.may_stop = bool(job.rules) or drop is not None
        self.final: Any = None
        # Before a pace is known, seconds an epoch of all members may take.
        guess = 6 * work * self.plan.rows * count / GUESS
        self.pace, self.calls, self.epoch = max(guess, 1e-6), 0, 0

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to train."""
        return self.epoch < self.job.epochs and bool(self.active.any())

    def stretch(self) -> None:
        """One call of the program: some epochs of all members in it."""
        room = self._capacity()
        until = self.drop.next(self.epoch) if self.drop else self.job.epochs
        wanted = int(SECONDS / self.pace)
        n = max(1, min(room, min(until, self.job.epochs) - self.epoch, wanted))
        told, own = self._told(n, room)
        if not self.calls:  # no epoch: what takes its time is compiling
            self._run(told._replace(count=np.zeros_like(told.count)), own, room)
        started = time.perf_counter()
        table, ran, stops = map(np.asarray, self._run(told, own, room))
        self.calls, seconds = self.calls + 1, time.perf_counter() - started
        self.pace = max(seconds / n, 1e-7)
        self._take(table, ran, stops, n)
        self.epoch += n
        if self.drop is not None and self.goes_on:
            names = self.job.names
            self.active[self.drop(self.epoch, self.logs, names, self.active)] = False
        self._compact()

    def _run(self, told: Stretch, own: Members, room: int) -> Any:
        """What the program gives: (logs, epochs run, which rules stopped)."""
        data, validation = self.data
        run = _compiled(self.small)
        if len(own) == 1:
            run = functools.partial(_run_one, small=self.small)
        self.batched, *rest = run(
            self.task,
            tuple(v[self.at] for v in self.numbers),
            tuple(self.job.rules),
            self.batched,
            data,
            own.weights,
            validation,
            told,
            plan=self.plan,
            capacity=room,
            names=self.job.names,
            axes=(self.leaves, 0 if self.may_stop else None),
        )
        return rest

    def _capacity(self) -> int:
        """The most epochs of one call: what its tables have room for."""
        columns = max(len(self.job.names), self.plan.rows if self.plan.ordered else 0)
        room = min(TABLE // max(len(self.at) * columns, 1), self.job.epochs, 1 << 14)
        return 1 << (max(room, 1).bit_length() - 1)

    def _told(self, n: int, room: int) -> tuple[Stretch, Members]:
        """What the next call is told, and the members in it."""
        own, seeds, job = self.members.take(self.at), self.seeds[self.at], self.job
        order = _orders(job, self.plan, own, seeds, self.epoch, n, room)
        marks = None
        if self.plan.sometimes:
            marks = job.validates(range(self.epoch, self.epoch + room))
        count: Any = np.int32(n)
        if self.may_stop:  # one that has stopped runs no epoch more
            count = np.where(self.active[self.at], n, 0).astype(np.int32)
        told = Stretch(
            order,
            marks,
            np.int32(self.epoch),
            count,
            np.int32(job.epochs - 1),
            seeds,
            own.held,
        )
        return told, own

    def _take(self, table: Any, ran: Any, stops: Any, n: int) -> None:
        """Takes the logs of a call, and who has stopped in it."""
        ran = np.broadcast_to(ran, len(self.at))
        lines = np.where((np.arange(n) < ran[:, None])[..., None], table[:, :n], np.nan)
        self.logs[self.at, self.epoch : self.epoch + n] = lines
        self.epochs[self.at] += ran
        stops = np.broadcast_to(stops, (len(self.at), len(self.job.rules)))
        ended = stops.any(axis=1) & self.active[self.at]
        if ended.any():
            self.stopped[self.at[ended]] = stops[ended].argmax(axis=1)
            self.active[self.at[ended]] = False

    def _compact(self) -> None:
        """Goes on with those that still run, where that is worth a new program."""
        runs = self.active[self.at]
        left = (self.job.epochs - self.epoch) * self.pace
        if runs.any() and runs.mean() <= 0.5 and left * (1 - runs.mean()) > WORTH:
            self._set_aside()
            keep = np.flatnonzero(runs)
            self.batched = jax.tree.map(lambda a: np.asarray(a)[keep], self.batched)
            self.at, self.calls = self.at[keep], 0

    def _set_aside(self, interrupted: bool = False) -> None:
        """Keeps the weights that the members in the program end with."""
        batched = self.batched
        if interrupted or self.drop is not None:
            # The program has not seen their end: the best, or the average, come now.
            batched = _closed(
                self.task,
                tuple(v[self.at] for v in self.numbers),
                tuple(self.job.rules),
                batched,
                self.leaves,
            )
        now = jax.tree.map(np.asarray, (batched.params, batched.train.state))
        if self.final is None:
            count = len(self.members)
            self.final = jax.tree.map(
                lambda a: np.zeros((count, *a.shape[1:]), a.dtype), now
            )
        for whole, part in zip(*map(jax.tree.leaves, (self.final, now)), strict=True):
            whole[self.at] = part

    def finish(self, interrupted: bool) -> tuple[Tree, Tree]:
        """The weights of all members."""
        self._set_aside(interrupted)
        return self.final


@functools.partial(jax.jit, static_argnames="leaves")
def _closed(
    task: Task, numbers: Any, rules: Any, members: Batched, leaves: tuple[Any, ...]
) -> Batched:
    """What the members end with: the rules' best weights, the optimizer's average."""

    def one(numbers: Any, member: Batched) -> Batched:
        own = replaced_at(task, leaves, numbers)
        params, train_ = program.finish(
            own, rules, member.params, member.train, member.memories, True
        )
        return Batched(params, train_, member.memories)

    return jax.vmap(one)(numbers, members)


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
    job: Fit,
    plan: Plan,
    members: Members,
    seeds: Any,
    epoch: int,
    n: int,
    capacity: int,
) -> np.ndarray | None:
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
                np.tile(np.arange(plan.rows), (n, 1))
                if whole
                else orders(int(seed), epoch, n, count, plan.rows)
            )
        else:
            one = dataclasses.replace(job, seed=int(seed))
            drawn = (
                np.tile(np.arange(plan.rows), (n, 1))
                if members.rows is not None
                else one.order(plan, epoch, n)
            )
        order[i, :n] = drawn if members.rows is None else members.rows[i][drawn]
    return order
