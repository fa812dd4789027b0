"""A run: the logs of a fit and its evidence, as the rules of the diagnosis ask."""

import functools
from typing import Any

import numpy as np

from onefit.guide.evidence import Evidence
from onefit.guide.probe import Probe
from onefit.optimizers.base import Optimizer
from onefit.training.history import History

__all__ = ["Run"]

SWEPT = 100.0
"""How many times its first rate a callback has made a rate that it searches through."""


class Run:
    """What the rules of the diagnosis look at.

    Attributes:
        evidence: What the fit left behind.
        early: Whether only a part of the planned epochs has run.
        loss, val_loss: The losses of the epochs, the latter None without validation.
        logs: All numbers by name.
    """

    def __init__(self, history: History, early: bool = False) -> None:
        self.history, self.early = history, early
        self.evidence: Evidence = history.evidence
        self.logs = {
            name: np.array(values, float) for name, values in history.history.items()
        }
        self.loss = self.logs["loss"]
        held = self.logs.get("val_loss")
        self.val_loss = held if held is not None and len(held) else None

    # How far it has come ------------------------------------------------------------

    @property
    def epochs(self) -> int:
        """How many epochs have run."""
        return len(self.loss)

    @property
    def steps(self) -> int:
        """How many steps have run."""
        return self.epochs * self.evidence.steps

    @functools.cached_property
    def last(self) -> float:
        """The loss at the end: the median of the last tenth of the epochs."""
        return float(np.median(self.loss[-max(1, self.epochs // 10) :]))

    @functools.cached_property
    def base(self) -> float:
        """The loss of guessing, or where that is not known of the first epoch."""
        chance = self.evidence.chance
        return chance if chance is not None and chance > 0 else float(self.loss[0])

    @functools.cached_property
    def learned(self) -> float:
        """How much of the loss of guessing is gone: 0 nothing, 1 all of it.

        A penalty on the weights is part of the loss, so what a score says counts too.
        Of a fit that goes on where another ended, and whose loss says nothing by
        itself, it is 1: nothing is known against it. So it is of a loss that has no 0
        to fall to, if it falls.
        """
        if self.evidence.chance is None:
            if not self.evidence.fresh:
                return 1.0
            if self.loss.min() < 0:
                return float(self.last < self.loss[0])
        by_loss = 1 - self.last / max(self.base, 1e-30)
        score = self.score
        if score is None or self.evidence.spread is None:
            return by_loss
        majority = float(self.evidence.spread.max())
        return max(by_loss, (score - majority) / max(1 - majority, 1e-9))

    @functools.cached_property
    def falling(self) -> bool:
        """Whether the loss still falls: by 2 % of guessing's in the last third."""
        third = self.loss[-max(3, self.epochs // 3) :]
        before = float(np.median(third[: max(1, len(third) // 3)]))
        return before - self.last > 0.02 * abs(self.base)

    @property
    def score(self) -> float | None:
        """The accuracy at the end, if there is one among the metrics."""
        name = self.accuracy
        return None if name is None else float(self.logs[name][-1])

    @property
    def accuracy(self) -> str | None:
        """The name of the accuracy among the logs."""
        for name in self.logs:
            if "accuracy" in name and not name.startswith("val_"):
                return name
        return None

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer of the model that was trained."""
        return self.history.model.optimizer

    @functools.cached_property
    def pace(self) -> tuple[float, float] | None:
        """The learning rate of the first epoch and that of the last, where known.

        Callbacks may set it: a schedule, a search for a rate, a plateau.
        """
        logged = self.logs.get("learning_rate")
        if logged is not None and len(logged):
            return float(logged[0]), float(logged[-1])
        begun = self.evidence.start.train.optimizer.get("learning_rate")
        now = getattr(self.optimizer, "learning_rate", None)
        if begun is None or now is None or not self.optimizer.constant_rate:
            return None
        return float(begun), float(now)

    @property
    def swept(self) -> bool:
        """Whether a callback went through rates, as a search for one does."""
        return self.sped >= SWEPT

    @property
    def sped(self) -> float:
        """How many times the rate of the first epoch that of the last is."""
        begun, now = self.pace or (1.0, 1.0)
        return now / begun if begun > 0 else 1.0

    @property
    def rates(self) -> str:
        """The optimizer and its learning rate, as it is written."""
        rate = self._rate(1, "a schedule")
        return f"{type(self._mover).__name__}(learning_rate={rate})"

    def rate_times(self, factor: float) -> str:
        """The optimizer with this many times its learning rate, as it is written."""
        return f"{type(self._mover).__name__}({self._rate(factor, '...')})"

    @property
    def _mover(self) -> Optimizer:
        """The optimizer that moves the weights, which a wrapper has inside."""
        return getattr(self.optimizer, "inner_optimizer", self.optimizer)

    def _rate(self, factor: float, otherwise: str) -> str:
        """So many times the learning rate, where it is one number."""
        optimizer = self.optimizer
        rate = getattr(optimizer, "learning_rate", None)
        if rate is None or not optimizer.constant_rate:
            return otherwise
        return f"{float(rate) * factor:g}"

    # Measured steps -----------------------------------------------------------------

    @functools.cached_property
    def probes(self) -> list[Probe]:
        """The measured steps: before the fit, perhaps within it, after it."""
        if self.early:
            evidence = self.evidence
            evidence.probe(evidence.start)
            return [evidence.probes[epoch] for epoch in sorted(evidence.probes)]
        return self.evidence.measured()

    @property
    def now(self) -> Probe:
        """The latest measured step."""
        return self.probes[-1]

    def curve(self, **more: Any) -> dict[str, Any]:
        """The losses by epoch, as evidence."""
        found: dict[str, Any] = {"loss": self.loss}
        if self.val_loss is not None:
            found["val_loss"] = self.val_loss
        if self.evidence.chance is not None:
            found["loss of guessing"] = np.full(self.epochs, self.evidence.chance)
        return found | more
