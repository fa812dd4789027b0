"""History: what a fit leaves behind."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from onefit.networks.network import Network
from onefit.types import ArrayLike, Config

__all__ = ["History", "Logs"]


class Logs(Sequence[dict[str, float]]):
    """The logs of some epochs: a table, read as one dict of numbers an epoch.

    Thousands of epochs can come out of one call, so the dicts are made when asked for.

    Attributes:
        epochs: The numbers of the epochs.
        names: The columns: losses and metrics, then those of the validation.
        table: (epochs, names).
        validated: Which epochs have a validation.
    """

    def __init__(
        self,
        epochs: range,
        names: Sequence[str],
        table: np.ndarray,
        validated: ArrayLike,
    ) -> None:
        self.epochs, self.names, self.table = epochs, tuple(names), table
        self.validated = np.asarray(validated, bool)

    def __len__(self) -> int:
        return len(self.epochs)

    def __getitem__(self, index: int | slice) -> Any:  # a dict; of a slice, a list
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        pairs = zip(self.names, self.table[index].tolist(), strict=True)
        has = self.validated[index]
        return {k: v for k, v in pairs if has or not k.startswith("val_")}

    def amend(self, log: dict[str, float]) -> None:
        """Replaces the log of a single epoch by what callbacks have made of it."""
        self.names, self.validated = tuple(log), np.ones(1, bool)
        self.table = np.empty((1, len(log)), object)
        self.table[0] = list(log.values())

    def column(self, name: str) -> list[float]:
        """One number over the epochs that have it."""
        values = self.table[:, self.names.index(name)]
        values = values[self.validated] if name.startswith("val_") else values
        return values.tolist()


class History:
    """The logs of a fit, epoch by epoch.

    Attributes:
        history: Each log's name and its list of numbers, one an epoch.
        epoch: The numbers of the epochs that ran, from 0.
        validated: Those of them that a validation followed.
        params: The fit's settings: epochs, steps.
        model: The model that was trained.
        stopped: Why it ended before its last epoch: None, 'rule', 'callback' or
            'interrupted'.
        seconds: Wall time, compiling included.
        evidence: What the guide keeps for `diagnose`, None where it did not watch.
    """

    def __init__(self, model: Network) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.validated: list[int] = []
        self.params: Config = {}
        self.model: Any = model  # what its user holds: a Model, or one of Keras
        self.stopped: str | None = None
        self.seconds = 0.0
        self.evidence: Any = None

    def extend(self, logs: Logs) -> None:
        """Adds the logs of further epochs."""
        self.epoch += logs.epochs
        if any(name.startswith("val_") for name in logs.names):
            marks = zip(logs.epochs, logs.validated, strict=True)
            self.validated += [epoch for epoch, validated in marks if validated]
        for name in logs.names:
            self.history.setdefault(name, []).extend(logs.column(name))

    def __repr__(self) -> str:
        if not self.epoch:
            return "History(no epochs)"
        last = ", ".join(f"{k}={v[-1]:.4g}" for k, v in self.history.items() if v)
        why = f", stopped by {self.stopped}" if self.stopped else ""
        return f"History({len(self.epoch)} epochs{why}; last: {last})"
