"""Watching a fit: from its logs, between two calls of the program.

A fit that learns costs a look at some logs. One that does not is measured (`probe`): at
a tenth of its epochs, and at its end. A long fit is measured at a tenth anyway, where
that is less than 3 % of what it has taken. Nothing of it changes the fit's numbers.
"""

import sys
import time
import warnings
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from onefit.errors import OnefitWarning, invalid
from onefit.guide.by_layer import moments
from onefit.guide.check import cheap
from onefit.guide.diagnose import by_curves, by_probes, root_causes
from onefit.guide.evidence import Evidence, Snapshot
from onefit.guide.finding import Finding, TrainingWarning
from onefit.guide.many import Member, shown_by_all
from onefit.guide.program import Program
from onefit.guide.remedies import cured
from onefit.guide.replay import locate
from onefit.guide.run import Run
from onefit.training.callback import Callback
from onefit.training.job import Job
from onefit.training.state import State

__all__ = ["Watch", "begin", "wanted", "warn_of_all", "warn_once"]

TENTH = 10
SHORT = 2e9
"""Multiplications in a fit below which it is over before a tenth of it (about
20 ms); such a fit is looked at when it ends."""

LONG = 20.0
"""Seconds after which measuring a step, half a second with its compiling, is less than
3 % of a fit."""

SOON = 0.1
"""Seconds in which a fit is run again as a whole, rather than from a copy."""

COPYING = 0.01
"""The share of a fit's time that copies of its weights, for a NaN to be found, take."""


def begin(job: Job, program: Program, told: bool, check: bool, layers: bool) -> None:
    """Lets the guide look at a fit; its errors are warnings, once each.

    Args:
        job: The fit, about to begin.
        program: The model, the rows and the arguments of fit, for remedies.
        told: Whether what is found is said.
        check: Whether the design and the data are checked, too, before it.
        layers: Whether numbers by layer are kept over the epochs.
    """
    watcher = Watch(job, program, told, layers)
    if told and check:
        watcher.tell(cheap(job, program), "model.check(x, y)")
    job.callbacks = [*job.callbacks, watcher]


def wanted(job: Job, watch: str | None) -> bool:
    """Whether numbers by layer are wanted, as `fit` was told.

    Raises:
        ValueError: Another word, or a step of the user's own, which has no layers here.
    """
    if watch == "layers" and not job.task.heads:
        raise invalid(
            "fit",
            "watch='layers' with a train_step of your own",
            "a step that the library takes",
            "leave watch out, or write compile(loss=...) in place of train_step",
        )
    if watch not in (None, "layers"):
        raise invalid(
            "fit",
            f"watch={watch!r}",
            "None or 'layers'",
            "write watch='layers' for numbers by layer in history.layers",
        )
    return watch == "layers"


def warn_once(jobs: Iterable[Job], more: str, beside: Container[str] = ()) -> None:
    """Warns of the errors in the design and the data of fits, each once.

    Args:
        jobs: The fits, about to begin.
        more: What tells all.
        beside: The codes of findings that are not looked for.
    """
    known = set[str]()
    for job in jobs:
        watcher = Watch(job)
        watcher.warned = known
        found = _harmless(cheap, job)
        watcher.tell([f for f in found if f.code not in beside], more)


def warn_of_all(members: Callable[[], Iterable[Member]], count: int) -> None:
    """Warns of the errors that the curves of every member of a population show.

    What only some show is what populations are for: `Population.diagnose` tells it.
    """
    for finding in _harmless(lambda: shown_by_all(members())):
        warning = TrainingWarning(
            f"{finding}\n  So it is with all {count} networks; diagnose() of the "
            "population tells all."
        )
        warning.finding = finding
        warnings.warn(warning, stacklevel=_outside())


class Watch(Callback):
    """Looks at a fit's logs, and at its weights when they give cause."""

    def __init__(
        self,
        job: Job,
        program: Program | None = None,
        told: bool = True,
        layers: bool = False,
    ) -> None:
        super().__init__()
        self.job, self.program, self.warned = job, program, set[str]()
        self.told = told
        self.moments = moments(job.first, job.epochs) if layers else ()
        self.begin = self.copied = 0.0
        self.tenth: int | None = None

    def set_state(self, state: State) -> None:
        """Takes the weights before the fit: arrays that no program consumes."""
        self.state = state
        self.evidence = Evidence(self.job, state.params, state.train, self.program)
        self.model.history.evidence = self.evidence
        self.last = self.evidence.start
        job = self.job
        epochs = job.epochs - job.first
        size = 3 * state.multiplications * job.plan().rows * epochs
        if epochs > 1 and size > SHORT:
            self.tenth = job.first + -(-epochs // TENTH)
            job.pauses = (*job.pauses, self.tenth)
        job.pauses = (*job.pauses, *self.moments[1:-1])
        self._record(self.evidence.start)
        self.begin = time.perf_counter()

    def _record(self, snapshot: Snapshot) -> None:
        """A measured step where someone asked for it."""
        if snapshot.epoch in self.moments:
            self.evidence.record[snapshot.epoch] = self.evidence.measure(snapshot)

    def on_stretch_end(self, epochs: range, logs: Sequence[dict[str, float]]) -> None:
        """A look at a tenth, and a copy of the weights for a NaN to come."""
        self._record(self._live(epochs[-1] + 1))
        if self.told:
            self.tell(_harmless(self._look, epochs, logs))

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """A look at the whole fit; warns of what kept it from learning."""
        del logs
        if self.told and self.model.history.epoch:
            self.tell(_harmless(self._look_back))

    def _look(self, epochs: range, logs: Sequence[dict[str, float]]) -> list[Finding]:
        if not np.isfinite(next(iter(logs[-1].values()))):
            return []
        now = time.perf_counter() - self.begin
        if now > SOON and self.copied < COPYING * now and not self._consumed():
            started = time.perf_counter()
            self.last = self._snapshot(epochs[-1] + 1)
            self.copied += time.perf_counter() - started
        if epochs[-1] + 1 != self.tenth:
            return []
        run = Run(self.model.history, early=True)
        found = by_curves(run)
        if found or now > LONG:
            self.evidence.probe(self._live(epochs[-1] + 1))
            found += by_probes(run)
        return found

    def _look_back(self) -> list[Finding]:
        history = self.model.history
        ended = history.epoch[-1] + 1
        self.evidence.end = self._live(ended)
        if not np.isfinite(history.history["loss"][-1]):
            self.evidence.broken = locate(self.job, self.evidence.whole(self.last))
        run = Run(history)
        found = by_curves(run)
        if any(finding.severity == "error" for finding in found):
            found += by_probes(run)
        return found

    def tell(self, found: list[Finding], more: str = "history.diagnose()") -> None:
        """Warns of errors, once each."""
        for finding in cured(root_causes(found), self.program):
            if finding.severity == "error" and finding.code not in self.warned:
                self.warned.add(finding.code)
                warning = TrainingWarning(f"{finding}\n  {more} tells all.")
                warning.finding = finding
                warnings.warn(warning, stacklevel=_outside())

    def _live(self, epoch: int) -> Snapshot:
        """The weights as they are, to be used before the next call consumes them."""
        return Snapshot(epoch, self.state.params, self.state.train)

    def _snapshot(self, epoch: int) -> Snapshot:
        return jax.tree.map(np.array, self._live(epoch))

    def _consumed(self) -> bool:
        leaves = jax.tree.leaves((self.state.params, self.state.train))
        return any(isinstance(a, jax.Array) and a.is_deleted() for a in leaves)


def _harmless(look: Callable[..., list[Finding]], *given: Any) -> list[Finding]:
    """What a look finds; an error of the guide itself is a warning and stops no fit."""
    try:
        return look(*given)
    except Exception as error:
        text = f"the guide could not look at this fit: {type(error).__name__}: {error}"
        warnings.warn(text, OnefitWarning, stacklevel=_outside())
        return []


def _outside() -> int:
    """How many calls up the user's own line is."""
    level, frame = 1, sys._getframe(1)
    package = __name__.partition(".")[0] + "."
    while frame and frame.f_globals.get("__name__", "").startswith(package):
        level, frame = level + 1, frame.f_back
    return level
