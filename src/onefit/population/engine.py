"""Many networks in one program: `vmap` of the program that trains one.

A member is what a fit of the network alone would be: its own initial weights, order of
rows, random numbers in layers, and settings. The program is that of a single fit
(`training/program.py`) with one axis more, run by the same stretches
(`training/stretches.py`).
"""

import contextlib
import dataclasses
import functools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from onefit import config, programs
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.networks.architecture import Architecture
from onefit.networks.starting import SAMPLE, started
from onefit.population.axes import KeyPath, Place, keys, put, replaced_at, with_axes
from onefit.training import program
from onefit.training.compiling import compiled, is_small
from onefit.training.job import Job
from onefit.training.loop import Interrupt
from onefit.training.program import Plan, Stretch
from onefit.training.rules import Rule
from onefit.training.stretches import Whole, capacity
from onefit.training.task import Task, Train
from onefit.types import Array, Device, Tree, is_shape

__all__ = ["Drop", "Members", "Show", "Trained", "bytes_a_member", "train"]

Show: TypeAlias = Callable[[int, np.ndarray, np.ndarray], None]
"""Called with (epochs done, logs so far, who still runs)."""

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
        from_data: Whether layers that can start from the member's rows do so.
    """

    seeds: list[int]
    numbers: list[tuple[Place, np.ndarray]] = dataclasses.field(default_factory=list)
    weights: np.ndarray | None = None
    rows: np.ndarray | None = None
    held: np.ndarray | None = None
    from_data: bool = False

    def __len__(self) -> int:
        return len(self.seeds)

    def take(self, at: np.ndarray) -> "Members":
        """Some of the members."""

        def part(a: np.ndarray | None) -> np.ndarray | None:
            return None if a is None else a[at]

        return Members(
            [self.seeds[i] for i in at],
            [(place, values[at]) for place, values in self.numbers],
            part(self.weights),
            part(self.rows),
            part(self.held),
            self.from_data,
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
        kept: By epoch, the (params, state) that members had after it, where asked.
    """

    params: Tree
    state: Tree
    logs: np.ndarray
    epochs: np.ndarray
    stopped: np.ndarray
    seconds: float
    interrupted: bool
    kept: dict[int, tuple[Tree, Tree]] = {}  # noqa: RUF012 (never written)


class Moving(NamedTuple):
    """What moves through a fit, of each member along the first axis."""

    params: Tree
    train: Train
    memories: tuple[Tree, ...]


def _run(
    task: Task,
    numbers: tuple[Array, ...],
    rules: tuple[Rule, ...],
    params: Tree,
    train: Train,
    memories: tuple[Tree, ...],
    data: Batch,
    weights: Array | None,
    validation: Batch | None,
    stretch: Stretch,
    *,
    paths: tuple[tuple[KeyPath, ...], ...],
    plan: Plan,
    capacity: int,
    names: tuple[str, ...],
) -> tuple[Tree, Train, tuple[Tree, ...], Array, Array, Array]:
    """`program.run` of every member, each with its own numbers, weights and rows."""

    def one(
        numbers: tuple[Array, ...],
        moving: Moving,
        weight: Array | None,
        stretch: Stretch,
    ) -> tuple[Tree, Train, tuple[Tree, ...], Array, Array, Array]:
        own = replaced_at(task, paths, numbers)
        batch = data if weight is None else data._replace(w=weight)
        return program.run(
            own,
            rules,
            *moving,
            batch,
            validation,
            stretch,
            plan=plan,
            capacity=capacity,
            names=names,
        )

    counted = 0 if np.ndim(stretch.count) else None
    order: Any = None if stretch.order is None else 0
    held: Any = None if stretch.held is None else 0
    stretches = Stretch(order, None, None, counted, None, 0, held, None, None, None)
    in_axes = (0, 0, None if weights is None else 0, stretches)
    moving = Moving(params, train, memories)
    return jax.vmap(one, in_axes=in_axes)(numbers, moving, weights, stretch)


def _run_over(
    task: Task,
    numbers: tuple[Array, ...],
    rules: tuple[Rule, ...],
    params: Tree,
    train: Train,
    memories: tuple[Tree, ...],
    data: Batch,
    weights: Array | None,
    validation: Batch | None,
    stretch: Stretch,
    *,
    devices: tuple[Device, ...],
    **static: Any,  # those of `_run`
) -> tuple[Tree, Train, tuple[Tree, ...], Array, Array, Array]:
    """`_run` with a share of the members on each device; none waits for another."""
    mesh = Mesh(np.array(devices), ("members",))
    share, whole = PartitionSpec("members"), PartitionSpec()
    of_each = {"order": share, "seed": share, "held": share}
    if np.ndim(stretch.count):
        of_each["count"] = share
    # Of specifications in place of arrays.
    fields: dict[str, Any] = dict.fromkeys(Stretch._fields, whole) | of_each
    stretches = Stretch(**fields)
    moving = (share, share, share)
    run = jax.shard_map(
        functools.partial(_run, **static),
        mesh=mesh,
        in_specs=(whole, share, whole, *moving, whole, share, whole, stretches),
        out_specs=share,
        check_vma=False,
    )
    return run(
        *(task, numbers, rules, params, train, memories),
        *(data, weights, validation, stretch),
    )


def _devices_for(members: int) -> tuple[Device, ...]:
    """The devices of this process that so many members can be shared over evenly."""
    devices = jax.local_devices()
    most = next(n for n in range(len(devices), 0, -1) if members % n == 0)
    return tuple(devices[:most])


def _finish(
    task: Task,
    numbers: tuple[Array, ...],
    rules: tuple[Rule, ...],
    moving: Moving,
    *,
    paths: tuple[tuple[KeyPath, ...], ...],
) -> tuple[Tree, Train]:
    """What members end with: the rules' best weights, the optimizer's average."""

    def one(numbers: tuple[Array, ...], moving: Moving) -> tuple[Tree, Train]:
        own = replaced_at(task, paths, numbers)
        return program.finish(own, rules, *moving, True)

    return jax.vmap(one)(numbers, moving)


class Many:
    """The members while they train: runs stretches, as `State` does for one network.

    Attributes:
        at: Which members are in the program; others have been put aside.
        active: Of all members, which still run.
    """

    def __init__(self, job: Job, members: Members, may_stop: bool) -> None:
        self.job, self.members, self.may_stop = job, members, may_stop
        count = len(members)
        self.at, self.active = np.arange(count), np.ones(count, bool)
        self.task, self.paths = with_axes(job.task, members.numbers)
        self.numbers = tuple(np.asarray(v, config.floatx()) for _, v in members.numbers)
        pairs = [config.first_seeds(seed, 2) for seed in members.seeds]
        self.seeds = np.array([of_fit for _, of_fit in pairs], np.uint32)
        self.moving = self._begin([of_start for of_start, _ in pairs])
        graph = job.model.graph
        self.multiplications = graph.multiplications(graph.slot.input_shape)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axis of the members in the program."""
        return (len(self.at),)

    def _begin(self, seeds: list[int]) -> Moving:
        """The members before the first epoch."""
        graphs = [self._graph(i) for i in range(len(seeds))]
        drawn = [
            jax.tree.map(np.asarray, graph.redraw(config.generator(seed)))
            for graph, seed in zip(graphs, seeds, strict=True)
        ]
        params, state = jax.tree.map(lambda *a: np.stack(a), *drawn)
        if self.members.from_data:
            params, state = self._started(params, state, seeds)
        free = jax.tree.map(
            lambda *a: np.stack(a),
            *(self.task.pack(_member(params, i)) for i in range(len(seeds))),
        )

        def begin(numbers: tuple[Array, ...], free: Tree) -> Tree:
            return replaced_at(self.task, self.paths, numbers).optimizer.init(free)

        optimizer = jax.tree.map(np.array, jax.vmap(begin)(self.numbers, free))
        train = Train(free, state, optimizer)
        memories = tuple(jax.vmap(rule.init)(train) for rule in self.job.rules)
        return Moving(params, train, jax.tree.map(np.array, memories))

    def _started(
        self, params: Tree, state: Tree, seeds: list[int]
    ) -> tuple[Tree, Tree]:
        """The weights after layers have started from some of each member's rows."""
        data = self.job.train_data
        own, n = self.members.rows, rows.count(data)
        some = np.stack([
            config.generator(seed).choice(
                n if own is None else own[i],
                min(SAMPLE, n if own is None else own.shape[1]),
                replace=False,
            )
            for i, seed in enumerate(seeds)
        ])  # fmt: skip
        x = jax.tree.map(lambda a: a[some], data.x)
        graph = self.job.model.graph
        return started(graph, params, state, x, np.array(seeds, np.uint32))

    def _graph(self, i: int) -> Architecture:
        """The graph that draws the i-th member's weights, by its own initializers."""
        graph = own = self.job.model.graph
        for place, values in self.members.numbers:
            for path in keys(graph, place) if place.part == "layer" else ():
                own = put(own, path, float(values[i]))
        if own is not graph:
            for old, new in zip(graph.plain_layers(), own.plain_layers(), strict=True):
                object.__setattr__(new, "_weights", old._weights)
        return own

    def order(self, plan: Plan, epoch: int, count: int, out: np.ndarray) -> None:
        """Writes the rows of these epochs of each member."""
        own = self.members.rows
        for place, i in enumerate(self.at):
            seed, which = int(self.seeds[i]), None if own is None else own[i]
            self.job.order(plan, epoch, count, out[place], seed, which)

    def run(
        self,
        data: Batch,
        validation: Batch | None,
        stretch: Stretch,
        plan: Plan,
        capacity: int,
        donate: bool,
    ) -> tuple[Array, Array, Array]:
        """One call of the program: (logs, epochs run, which rules stopped it)."""
        own, job = self.members.take(self.at), self.job
        inputs = stretch._replace(seed=self.seeds[self.at], held=own.held)
        if self.may_stop:  # one that has stopped runs no epoch more
            count = np.where(self.active[self.at], stretch.count, 0).astype(np.int32)
            inputs = inputs._replace(count=count)
        small = is_small(self.multiplications, plan.batch)
        static = {"plan": plan.shape(), "capacity": capacity, "names": job.names}
        numbers, rules = tuple(v[self.at] for v in self.numbers), tuple(job.rules)
        devices = _devices_for(len(own))
        if len(devices) > 1:
            static["devices"] = devices
        if len(own) > 1:
            run = _run if len(devices) == 1 else _run_over
            made = compiled(run, small, donate=True, many=True)(
                self.task,
                numbers,
                rules,
                *self.moving,
                data,
                own.weights,
                validation,
                inputs,
                paths=self.paths,
                **static,
            )
        else:  # the program of a fit of one network, hence the same bits
            numbers, moving, weights = _member((numbers, self.moving, own.weights), 0)
            each = {"order": inputs.order, "seed": inputs.seed, "held": inputs.held}
            count = np.int32(np.max(inputs.count))
            inputs = inputs._replace(**_member(each, 0), count=count)
            made = compiled("run", small)(
                replaced_at(self.task, self.paths, numbers),
                rules,
                *moving,
                data if weights is None else data._replace(w=weights),
                validation,
                inputs,
                **static,
            )
            made = jax.tree.map(lambda a: np.asarray(a)[None], made)
        self.moving = Moving(*made[:3])
        logs, ran, stops = made[3:]
        return logs, ran, stops

    def keep(self, places: np.ndarray) -> None:
        """Goes on with some of the members in the program."""
        self.moving = jax.tree.map(lambda a: np.asarray(a)[places], self.moving)
        self.at = self.at[places]

    def weights(self, ended: bool) -> tuple[Tree, Tree]:
        """The weights of the members in the program, and their layers' states.

        Args:
            ended: Whether the program has seen their end. Where it has not, the best
                weights, or the average, come now.
        """
        params, train, _ = self.moving
        if not ended:
            numbers = tuple(v[self.at] for v in self.numbers)
            finish = compiled(_finish, False)
            params, train = finish(
                self.task, numbers, tuple(self.job.rules), self.moving, paths=self.paths
            )
        return jax.tree.map(np.asarray, (params, train.state))


def _member(tree: Tree, i: int) -> Tree:
    """What the i-th member has."""
    return jax.tree.map(lambda a: np.asarray(a)[i], tree)


def bytes_a_member(job: Job) -> int:
    """About how much memory one member takes: weights, slots, gradients, a batch."""
    graph = job.model.graph
    slot = graph.slot
    weights = sum(a.nbytes for a in jax.tree.leaves((slot.params, slot.state)))
    copies = 3 + len(job.rules)  # the weights, their gradients, a copy on the way
    job.task.introduce()
    slots = job.task.optimizer.init(job.task.pack(slot.params))
    slots_ = sum(np.asarray(a).nbytes for a in jax.tree.leaves(slots))
    shapes = jax.tree.leaves(graph.input_shapes(slot.input_shape), is_leaf=is_shape)
    values = sum(math.prod(n or 1 for n in shape) for shape in shapes)
    batch = job.batch_size * values * 4 * 3
    return int(copies * weights + 2 * slots_ + batch)


def train(
    job: Job,
    members: Members,
    show: Show,
    drop: "Drop | None" = None,
    interrupt: Interrupt | None = None,
    keep: Sequence[int] = (),
) -> Trained:
    """Trains all members; what is finished is kept, whatever ends it.

    Args:
        job: What a fit of one of them is asked to do.
        members: What differs between them.
        show: What is called after each call of the program.
        drop: What stops the worst before the end, None for nothing.
        interrupt: What ends it early, once `asked`.
        keep: Epochs after which the weights are kept, beside those of the end.
    """
    begin = time.perf_counter()
    with programs.spreading(None):  # members need nothing from each other
        return _trained(job, members, show, drop, interrupt, keep, begin)


def _trained(
    job: Job,
    members: Members,
    show: Show,
    drop: "Drop | None",
    interrupt: Interrupt | None,
    keep: Sequence[int],
    begin: float,
) -> Trained:
    """As `train`, begun at this time."""
    run = _Training(job, members, drop, keep)
    with contextlib.nullcontext(interrupt) if interrupt else Interrupt() as press:
        while run.goes_on and not press.asked:
            run.stretch()
            show(run.epoch, run.logs, run.active)
        interrupted = press.asked and run.goes_on
    params, state = run.finish(interrupted)
    seconds = time.perf_counter() - begin
    return Trained(
        params, state, run.logs, run.epochs, run.stopped, seconds, interrupted, run.kept
    )


class Drop(Protocol):
    """What stops the worst members before the end."""

    def next(self, epoch: int) -> int:
        """The first epoch after this one at which it is to be called."""
        ...

    def __call__(
        self, epoch: int, logs: np.ndarray, names: Sequence[str], active: np.ndarray
    ) -> np.ndarray:
        """The members to stop after this epoch."""
        ...


class _Training:
    """The members of one program, stretch by stretch.

    Attributes:
        epoch: How many epochs are done.
        logs, epochs, stopped, kept: As in `Trained`.
    """

    def __init__(
        self, job: Job, members: Members, drop: Drop | None, keep: Sequence[int] = ()
    ) -> None:
        self.names, self.drop, count = job.names, drop, len(members)
        pauses = {e for e in keep if e < job.epochs}
        self.keep, self.kept = frozenset(pauses), {}
        if drop is not None:
            pauses |= set(_pauses(drop, job.epochs))
        if pauses:
            job = dataclasses.replace(job, pauses=tuple(sorted(pauses)))
        self.job = job
        self.runner = Many(job, members, may_stop=bool(job.rules) or drop is not None)
        self.plan = _plan(job, members)
        shape = (count, job.epochs, len(job.names))
        self.logs = np.full(shape, np.nan, np.float32)
        self.epochs, self.stopped = np.zeros(count, int), np.full(count, -1)
        self.data = jax.device_put(job.arrays(self.plan))
        self.final: Tree = None
        self.epoch = 0
        self._prepare()

    def _prepare(self) -> None:
        """Makes the stretches of the members that are in the program."""
        most = capacity(self.job, self.plan, False, len(self.runner.at))
        data, validation = self.data
        self.whole = Whole(
            self.job, self.runner, self.plan, data, validation, most, True
        )

    @property
    def active(self) -> np.ndarray:
        """Which members still run."""
        return self.runner.active

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to train."""
        return self.epoch < self.job.epochs and bool(self.active.any())

    def stretch(self) -> None:
        """One call of the program: some epochs of all members in it."""
        table, stops, ran = self.whole(self.epoch)
        n, at = table.shape[1], self.runner.at
        lines = np.where((np.arange(n) < ran[:, None])[..., None], table, np.nan)
        self.logs[at, self.epoch : self.epoch + n] = lines
        self.epochs[at] += ran
        ended = stops.any(axis=1) & self.active[at]
        if ended.any():
            self.stopped[at[ended]] = stops[ended].argmax(axis=1)
            self.active[at[ended]] = False
        self.epoch += n
        if self.epoch in self.keep:
            now, whole = self.runner.weights(ended=False), self.final
            self.kept[self.epoch] = self._put(now, jax.tree.map(np.copy, whole))
        if self.drop is not None and self.goes_on:
            lost = self.drop(self.epoch, self.logs, self.names, self.active)
            self.active[lost] = False
        self._compact()

    def _compact(self) -> None:
        """Makes a new program for the members that still run, where that saves time."""
        runs = self.active[self.runner.at]
        left = (self.job.epochs - self.epoch) * self.whole.pace
        if runs.any() and runs.mean() <= 0.5 and left * (1 - runs.mean()) > WORTH:
            self._set_aside()
            self.runner.keep(np.flatnonzero(runs))
            self._prepare()

    def _set_aside(self, interrupted: bool = False) -> None:
        """Keeps the weights that the members in the program end with."""
        now = self.runner.weights(ended=not interrupted and self.drop is None)
        self.final = self._put(now, self.final)

    def _put(self, now: Tree, whole: Tree) -> Tree:
        """The weights of all members, those in the program as they are now."""
        if whole is None:
            count = len(self.active)
            whole = jax.tree.map(
                lambda a: np.zeros((count, *a.shape[1:]), a.dtype), now
            )
        for each, part in zip(*map(jax.tree.leaves, (whole, now)), strict=True):
            each[self.runner.at] = part
        return whole

    def finish(self, interrupted: bool) -> tuple[Tree, Tree]:
        """The weights of all members."""
        self._set_aside(interrupted)
        return self.final


def _pauses(drop: Drop, epochs: int) -> tuple[int, ...]:
    """The epochs after which members may be stopped."""
    pauses = [drop.next(0)]
    while pauses[-1] < epochs:
        pauses.append(drop.next(pauses[-1]))
    return tuple(pauses)


def _plan(job: Job, members: Members) -> Plan:
    """The static shape of the program; members may have rows of their own."""
    plan = job.plan()
    own = (members.weights, members.rows, members.held)
    if len(members) == 1 and all(part is None for part in own):
        return job.padded(plan)  # a lone fit's plan, hence its bits
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
