"""What a run did: the fits, their time, and how often Python was in the loop."""

import contextlib
import functools
import inspect
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from onefit.callbacks import Callback
from onefit.data import Dataset
from onefit.models import Model
from onefit.scripts.noops import CALLED
from onefit.scripts.tf.tape import COUNTED

__all__ = ["Fits", "following"]

EPOCHS, BATCHES = 2, 20


class _Counter(Callback):
    """Counts epochs, and calls of the program: each is a turn of Python's."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = self.calls = 0

    def on_stretch_end(self, epochs: range, logs: Any) -> None:
        self.calls += 1
        self.epochs += len(epochs)


class Fits:
    """The fits of a run.

    Attributes:
        lines: What there is to say of each.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.begin = time.perf_counter()

    def add(self, model: Any, counter: _Counter, seconds: float) -> None:
        """Writes one fit down."""
        turns = f"Python {counter.calls} times in the loop"
        self.lines.append(
            f"fit of {model.name}: {counter.epochs} epochs in {seconds:.2f} s, {turns}"
        )

    def text(self, changes: list[str]) -> str:
        """The report.

        Args:
            changes: The spellings that were put right.
        """
        total = time.perf_counter() - self.begin
        lines = [*self.lines, *changes]
        if COUNTED["tapes"]:
            lines.append(f"{COUNTED['tapes']} tapes: Python was in each of those steps")
        if CALLED:
            named = ", ".join(f"{name} ({n})" for name, n in sorted(CALLED.items()))
            lines.append(f"did nothing: {named}")
        lines.append("random numbers are not TensorFlow's: the same seed gives others")
        lines.append(f"{total:.2f} s in all")
        return "\n".join(f"onefit: {line}" for line in lines)


@contextlib.contextmanager
def following(quick: bool = False) -> Iterator[Fits]:
    """Writes down the fits inside the block.

    Args:
        quick: Whether to cut each fit to two epochs of twenty batches.
    """
    fits, before = Fits(), Model.fit
    CALLED.clear()
    COUNTED.clear()
    signature = inspect.signature(before)

    @functools.wraps(before)
    def fit(*args: Any, **kwargs: Any) -> Any:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError:
            return before(*args, **kwargs)  # which says what is wrong
        counter, start = _Counter(), time.perf_counter()
        mine = given.get("callbacks") or []
        several = isinstance(mine, list | tuple)
        given["callbacks"] = [*(mine if several else [mine]), counter]
        if quick:
            _cut(given)
        model = given.pop("self")
        history = before(model, **given)
        fits.add(model, counter, time.perf_counter() - start)
        return history

    Model.fit = fit
    try:
        yield fits
    finally:
        Model.fit = before


def _cut(given: dict[str, Any]) -> None:
    """At most two epochs of twenty batches."""
    rows = BATCHES * (given.get("batch_size") or 32)
    given["epochs"] = min(
        given.get("epochs", 1), given.get("initial_epoch", 0) + EPOCHS
    )
    for name in ("steps_per_epoch", "validation_steps"):
        if given.get(name):
            given[name] = min(given[name], BATCHES)
    for name in ("x", "y", "sample_weight"):
        if given.get(name) is not None:
            given[name] = _first(given[name], rows)
    held_out = given.get("validation_data")
    if held_out is not None:
        parts = isinstance(held_out, list | tuple)
        cut = [_first(v, rows) for v in held_out] if parts else _first(held_out, rows)
        given["validation_data"] = tuple(cut) if parts else cut


def _first(value: Any, rows: int) -> Any:
    """The first rows of arrays in any nest, or the first batches of a data set."""
    if isinstance(value, Dataset):
        return value.take(BATCHES)
    if isinstance(value, dict):
        return {key: _first(part, rows) for key, part in value.items()}
    if isinstance(value, list | tuple) and value and hasattr(value[0], "shape"):
        return type(value)(_first(part, rows) for part in value)
    if isinstance(value, list) or hasattr(value, "shape"):
        return value[:rows] if np.ndim(value) or isinstance(value, list) else value
    return value
