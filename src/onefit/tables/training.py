"""Networks of all folds trained in one program, within a budget of time."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from onefit import population
from onefit.population.result import Population
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.members import Member
from onefit.tables.networks import KINDS, Kind, Shape, network, settled
from onefit.types import Config

__all__ = ["Clock", "Rows", "Watch", "batch_of", "epochs_for", "pace", "train"]

EPOCHS = 256
"""Epochs of a network, where there is time for them."""

FEWEST = 8
"""Epochs below which a network is not worth its time."""

SIDE, LOOKS, SHARE = 512, 8, 0.4
"""The side of the matrices whose product shows how fast the machine is, how often it
is taken, and the share of that speed which training reaches.
"""

COMPILING, BUSY = 5.0, 15.0
"""Seconds of a processor that compiling takes, about; and of the clock, that it may
take whatever the budget is.
"""

CYCLES = 4
"""Waves of the rate, each twice as long as the one before; after each the rate is 0,
and the weights are those of a network of its own.
"""


def ends(epochs: int) -> list[int]:
    """The epochs at which the waves of the rate end, but for the last.

    >>> ends(256)
    [17, 51, 119]
    """
    whole = 2**CYCLES - 1
    found = [round(epochs * (2**i - 1) / whole) for i in range(1, CYCLES)]
    return [epoch for epoch in found if epoch > 0]


class Clock:
    """How much time is left, and whether the user wants an end.

    Args:
        seconds: The whole budget; None is no limit.
        asked: Whether the user has pressed Ctrl-C.
        progress: Told what is done, and which part of the time.
    """

    def __init__(
        self,
        seconds: float | None,
        asked: Callable[[], bool],
        progress: Callable[[str, float | None], None] | None,
    ) -> None:
        self.begin, self.asked = time.perf_counter(), asked
        self.worked = time.process_time()
        self.seconds = math.inf if seconds is None else float(seconds)
        self._progress, self.best = progress, ""
        self.speed = measured_speed()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self.begin

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - self.spent

    @property
    def room(self) -> bool:
        """Whether a program that is not compiled yet is likely to be, in the time left.

        Compiling takes as long as others leave the machine to it, and cannot be cut
        short; so it is not begun where they leave little. A machine that is not busy
        always has room: with a budget of a second there are networks too.
        """
        worked = max(time.process_time() - self.worked, 0.1)
        return COMPILING * max(self.spent / worked, 1.0) <= max(self.left, BUSY)

    @property
    def watched(self) -> bool:
        """Whether somebody is told what is done."""
        return self._progress is not None

    @property
    def over(self) -> bool:
        """Whether to end now."""
        return self.asked() or self.left <= 0

    def tell(self, what: str) -> None:
        """Says what is being done."""
        if self._progress is not None:
            part = min(self.spent / self.seconds, 1.0)
            self._progress(what + self.best, part if self.seconds < math.inf else None)


class Watch:
    """Stops all members when the time is over; tells the epoch in between.

    Attributes:
        seen: The seconds on the clock at each look, the first when all is compiled.
    """

    def __init__(
        self, clock: Clock, title: str, epochs: int, until: float, looks: int = 64
    ) -> None:
        self.clock, self.title, self.epochs, self.until = clock, title, epochs, until
        self.each, self.seen = max(1, epochs // looks), list[float]()

    def next(self, epoch: int) -> int:
        """The first epoch after this one at which it looks."""
        return epoch + self.each

    def __call__(
        self, epoch: int, logs: np.ndarray, names: Sequence[str], active: np.ndarray
    ) -> np.ndarray:
        """The members to stop."""
        del logs, names
        self.seen.append(self.clock.spent)
        self.clock.tell(f"{self.title}, epoch {epoch} of {self.epochs}")
        running = np.flatnonzero(active)
        late = self.clock.spent > self.until or self.clock.asked()
        return running if late else running[:0]


class Pilot(Watch):
    """Stops after the second epoch: how long it took is the pace."""

    def __init__(self, clock: Clock, title: str) -> None:
        super().__init__(clock, title, EPOCHS, math.inf, EPOCHS)

    def __call__(
        self, epoch: int, logs: np.ndarray, names: Sequence[str], active: np.ndarray
    ) -> np.ndarray:
        """All members, after the second epoch."""
        late = super().__call__(epoch, logs, names, active)
        return np.flatnonzero(active) if epoch >= 2 else late


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """The rows of all folds behind one another, each prepared by its own fold.

    Attributes:
        shape: What shapes the networks.
        x: Columns by name, (fold · rows, ...).
        y: Targets: class numbers, or numbers as the head learns them.
        w: Weights, or None.
        folds: The rows that each fold trains on, and those that it is validated on:
            as many in each, so that one program can train them; a shorter fold has
            some of its rows twice, or as often as it takes.
        scale: The mean and deviation of each fold's targets, (fold, 2).
        classes: How many there are; 0 for numbers.
    """

    shape: Shape
    x: dict[str, np.ndarray]
    y: np.ndarray
    w: np.ndarray | None
    folds: list[tuple[np.ndarray, np.ndarray]]
    scale: np.ndarray
    classes: int

    @classmethod
    def of(
        cls,
        shape: Shape,
        prepared: Sequence[Inputs],
        goal: Goal,
        folds: Sequence[tuple[np.ndarray, np.ndarray]],
        rng: np.random.Generator,
    ) -> "Rows":
        """The rows of these folds."""
        n = len(goal.values)
        columns = [shape.columns(inputs) for inputs in prepared]
        x = {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
        lengths = [max(len(fold[i]) for fold in folds) for i in range(2)]
        even, scale = [], np.tile([0.0, 1.0], (len(folds), 1))
        for k, fold in enumerate(folds):
            parts = [
                np.resize(rng.permutation(part), length) + k * n
                for part, length in zip(fold, lengths, strict=True)
            ]
            even.append((parts[0], parts[1]))
            scale[k] = shape.head.scale(goal.values[fold[0]])
        values = np.tile(goal.values, len(folds))
        if not shape.head.classes:
            each = np.repeat(scale, n, axis=0)
            values = (shape.head.into(values) - each[:, 0]) / each[:, 1]
        w = None if goal.weights is None else np.tile(goal.weights, len(folds))
        return cls(shape, x, values, w, even, scale, len(goal.classes or ()))

    def targets(self, kind: Kind) -> np.ndarray:
        """What the networks of a kind are to say."""
        made = self.shape.head.targets(self.y, self.classes)
        if not kind.members:
            return made
        if made.ndim > 1 and made.shape[1] == 1:
            made = made[:, 0]
        return np.repeat(made[:, None], kind.members, axis=1)


def batch_of(rows: int) -> int:
    """Rows in a step: more where there are more."""
    for most, size in ((1024, 64), (8192, 128), (30_000, 256), (100_000, 512)):
        if rows <= most:
            return min(size, rows)
    return 1024


def measured_speed() -> float:
    """Operations a second that training will about do, by the fastest of some looks.

    The fastest, since what else runs may take any of them; a `pace` that is measured
    on the program itself comes later.
    """
    a, least = np.ones((SIDE, SIDE), "float32"), math.inf
    for _ in range(LOOKS):
        begin = time.perf_counter()
        np.matmul(a, a)
        least = min(least, time.perf_counter() - begin)
    return SHARE * 2 * SIDE**3 / max(least, 1e-6)


def work(kind: Kind, shape: Shape, settings: Config, rows: int) -> float:
    """About how many operations an epoch of one network takes."""
    graph = network(kind, shape, settled(kind, shape, settings | {"steps": 1})).graph
    size = batch_of(rows)
    each = graph.multiplications(graph.slot.input_shape)
    return math.ceil(rows / size) * each * (6 * size + 200)


def epochs_for(operations: float, clock: Clock, share: float) -> int:
    """The epochs that a share of the time left is enough for, EPOCHS at most."""
    if clock.left == math.inf:
        return EPOCHS
    seconds = operations / clock.speed
    return int(min(EPOCHS, max(clock.left * share / seconds, 0)))


def train(
    name: str, rows: Rows, every: Sequence[Config], epochs: int, watch: Watch
) -> list[Member]:
    """Networks of one kind, of each of these settings for each fold, at once.

    Args:
        name: The kind.
        rows: What they are trained on.
        every: Settings that are numbers, the seed among them, for each member.
        epochs: How many epochs there are.
        watch: Which stops them when the time is over.

    Returns:
        A member for each of the settings and each wave of the rate; none where Ctrl-C
        came before all folds had begun.
    """
    kind, shape = KINDS[name], rows.shape
    own, _ = rows.folds[0]
    size = batch_of(len(own))
    steps = math.ceil(len(own) / size) * epochs
    first = settled(kind, shape, dict(every[0]) | {"steps": steps})
    model = network(kind, shape, first)
    # The guide has nothing to say to people about a recipe that they did not write.
    model.compile(kind.optimizer(first, steps), shape.head.loss, check=False)
    many = population.fit(
        model,
        rows.x,
        rows.targets(kind),
        sample_weight=rows.w,
        folds=rows.folds,
        vary=_varied(model, every),
        batch_size=size,
        epochs=epochs,
        drop=watch,
        from_data=True,
        keep=ends(epochs),
        verbose=0,
    )
    return _members(name, rows, every, steps, many)


def pace(name: str, rows: Rows, every: Sequence[Config], clock: Clock) -> float:
    """The seconds of an epoch of all folds, by two of them.

    The first compiles the program, which is that of the training that follows.
    """
    pilot = Pilot(clock, KINDS[name].title)
    train(name, rows, every, EPOCHS, pilot)
    return pilot.seen[1] - pilot.seen[0] if len(pilot.seen) > 1 else math.inf


def _varied(model: Any, every: Sequence[Config]) -> dict[str, list[Any]]:
    """Settings as a population knows them, by path."""
    varied: dict[str, list[Any]] = {}
    layers = [str(layer.name) for layer in model.graph.plain_layers()]
    for name in every[0]:
        values = [settings[name] for settings in every]
        if name == "dropout":
            paths = [f"{n}.rate" for n in layers if n.startswith("dropout_")]
        elif name == "sigma":
            paths = [f"{n}.sigma" for n in layers if n.startswith("periodic")]
        elif name == "rate":
            paths = ["learning_rate.initial_learning_rate"]
        else:
            paths = [name]
        varied |= dict.fromkeys(paths, values)
    return varied


def _members(
    name: str, rows: Rows, every: Sequence[Config], steps: int, many: Population
) -> list[Member]:
    """The networks of a population by settings, those of all folds together.

    Of each there are several: as it was after each wave of the rate.
    """
    at = np.argsort(np.concatenate([group.at for group in many.groups]))
    if len(at) < len(every) * len(rows.folds) or not many.epochs.all():
        return []
    last = int(many.epochs.max())
    moments = [*(e for e in many.groups[0].kept if e < last), last]
    found = []
    for epoch in moments:
        trees = [g.kept.get(epoch, (g.params, g.state)) for g in many.groups]
        whole = jax.tree.map(lambda *a: np.concatenate(a)[at], *trees)
        for i, settings in enumerate(every):
            params, state = jax.tree.map(lambda a, i=i: a[i :: len(every)], whole)
            if all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)):
                told = dict(settings) | {"steps": steps}
                full = settled(KINDS[name], rows.shape, told) | {"epoch": epoch}
                found.append(Member(name, full, rows.shape, params, state, rows.scale))
    return found
