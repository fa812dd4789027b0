"""What a population shows while it trains: one line for all of it."""

import sys
import time
from collections.abc import Sequence

import numpy as np

from onefit.population.axes import Change, Place
from onefit.population.engine import Show

__all__ = ["Progress"]

PAUSE = 0.1
"""Seconds between two drawings."""


class Progress:
    """One line for the whole population: networks, epochs, the losses' median.

    In a terminal the line is drawn over; elsewhere there is only the last one.

    Args:
        members: How many networks.
        epochs: How many epochs each.
        verbose: 0 shows nothing.
    """

    def __init__(self, members: int, epochs: int, verbose: int | str = "auto") -> None:
        self.count, self.epochs, self.on = members, epochs, bool(verbose)
        self.live = self.on and sys.stdout.isatty()
        self.begin = self.drawn = time.perf_counter()
        self.losses: list[np.ndarray] = []  # of the members seen so far, by part
        self.ended: list[int] = []
        self.line = ""

    def groups(
        self, groups: Sequence[tuple[np.ndarray, list[Change]]], places: list[Place]
    ) -> None:
        """Prints how many programs the members take, and which settings are why."""
        if not self.on or len(groups) < 2:
            return
        shapes = sorted({place.path for _, changes in groups for place, _ in changes})
        why = f" ({', '.join(shapes)} changes the shape)" if shapes else ""
        print(f"{self.count} networks in {len(groups)} programs{why}", flush=True)

    def of(self, part: np.ndarray) -> Show:
        """What the engine calls after each stretch of these members."""
        place = len(self.losses)
        self.losses.append(np.full(len(part), np.nan))
        self.ended.append(0)
        seen = sum(map(len, self.losses))
        some = f"{seen} of " if len(part) < self.count else ""

        def show(epoch: int, logs: np.ndarray, active: np.ndarray) -> None:
            table = logs[:, :epoch, 0]
            last = np.maximum((~np.isnan(table)).sum(axis=1) - 1, 0)
            self.losses[place] = table[np.arange(len(part)), last]
            self.ended[place] = int((~active).sum())
            loss = np.concatenate(self.losses)
            finite = loss[np.isfinite(loss)]
            middle = f"  loss {np.median(finite):.4g} (median)" if len(finite) else ""
            ended = f"  {sum(self.ended)} ended" if any(self.ended) else ""
            networks = f"{some}{self.count} networks"
            self.line = f"{networks}  epoch {epoch}/{self.epochs}{middle}{ended}"
            if self.live and time.perf_counter() - self.drawn > PAUSE:
                self.drawn = time.perf_counter()
                print(f"\r\x1b[K{self.line}", end="", flush=True)

        return show

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self.on and self.line:
            start = "\r\x1b[K" if self.live else ""
            seconds = time.perf_counter() - self.begin
            print(f"{start}{self.line}  in {seconds:.2f} s", flush=True)
