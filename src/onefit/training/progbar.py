"""A bar for loops of one's own."""

import sys
import time
from collections.abc import Sequence

import numpy as np

from onefit.errors import invalid
from onefit.types import Scalar

__all__ = ["Progbar"]


class Progbar:
    """A line that shows how far a loop of one's own is.

    Args:
        target: How many steps there are, or None if nobody knows.
        width: How many letters the bar has.
        verbose: 0 for nothing, 1 for a bar, 2 for one line at the end.
        interval: How many seconds there are at least between two pictures.
        stateful_metrics: Names of values that are shown as they are; others are shown
            as their mean over the steps.
        stateless_metrics: Names of values that are means; the others are shown as they
            are.
        unit_name: What is counted.

    Example:
        >>> bar = Progbar(2, width=4, interval=0)
        >>> bar.update(2, [("loss", 0.5)])
        2/2 ━━━━ loss: 0.5000

    Source: Keras, `keras.utils.Progbar`.
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Sequence[str] | None = None,
        stateless_metrics: Sequence[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise invalid(
                "Progbar", "stateful_metrics and stateless_metrics", "one of them"
            )
        if verbose not in (0, 1, 2):
            raise invalid("Progbar", f"verbose={verbose!r}", "0, 1 or 2")
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self._stateful, self._stateless = stateful_metrics, stateless_metrics
        self._sums: dict[str, tuple[float, float]] = {}
        self._seen, self._shown, self._length = 0, 0.0, 0

    def _as_it_is(self, name: str) -> bool:
        if self._stateless is not None:
            return name not in self._stateless
        return name in (self._stateful or ())

    def update(
        self,
        current: int,
        values: Sequence[tuple[str, Scalar]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Shows that `current` steps are done, with values by name.

        Args:
            current: How many are done.
            values: Pairs (name, value); of an array its mean is shown.
            finalize: Whether these are all; by default when the target is reached.
        """
        done = current == self.target if finalize is None else finalize
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0.0))
            if self._as_it_is(name):
                total, count, times = 0.0, 0.0, 1
            else:
                times = steps
            self._sums[name] = total + float(np.mean(value)) * times, count + times
        self._seen = current
        now = time.perf_counter()
        if self.verbose == 0 or (self.verbose == 2 and not done):
            return
        if not done and now - self._shown < self.interval:
            return
        self._shown = now
        line = self._line(current)
        back = "\r" if self._length else ""
        sys.stdout.write(back + line.ljust(self._length))
        self._length = 0 if done else len(line)
        sys.stdout.write("\n" if done else "")
        sys.stdout.flush()

    def _line(self, current: int) -> str:
        parts = [f"{current}/{self.target or 'Unknown'}"]
        if self.verbose == 1 and self.target:
            full = min(self.width * current // self.target, self.width)
            parts.append("━" * full + "─" * (self.width - full))
        shown = [f"{name}: {total / n:.4f}" for name, (total, n) in self._sums.items()]
        return " ".join([*parts, " - ".join(shown)]).rstrip()

    def add(self, n: int, values: Sequence[tuple[str, Scalar]] | None = None) -> None:
        """Shows that n more steps are done."""
        self.update(self._seen + n, values)
