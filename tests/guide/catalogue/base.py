"""What the catalogue is made of: programs, planted faults, clean programs, their data.

A program is what a user wrote: a compiled model, rows, and what goes to `fit`. A fault
builds it twice: with the fault, and its twin, which differs in the fault alone.
"""

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import datasets as sk

from onefit import datasets
from onefit.utils import set_random_seed

__all__ = [
    "CLEAN",
    "FAULTS",
    "Clean",
    "Fault",
    "Program",
    "circles",
    "clean",
    "digits",
    "fault",
    "images",
    "one_hot",
    "prices",
    "ready",
    "reviews",
    "rooms",
    "score",
    "signs",
    "split",
    "standard",
    "table",
    "waves",
]


@dataclasses.dataclass
class Program:
    """What a user wrote.

    Attributes:
        model: Compiled.
        x, y: The rows.
        fit: What else goes to `fit`: epochs, batch_size, validation_data, ...
        score: What says how well it has learned, where that is not seen from y.
    """

    model: Any
    x: Any
    y: Any
    fit: dict[str, Any] = dataclasses.field(default_factory=dict)
    score: Callable[["Program"], float] | None = None


@dataclasses.dataclass(frozen=True)
class Fault:
    """A planted fault, beside its corrected twin.

    Attributes:
        name: In words.
        build: The program; with the fault, or without.
        codes: The findings that name the cause.
        layer: Where it is: a layer's name or index, several of them, or None.
        by: What can see it: 'check' before training, or a 'run'.
        severity: What the finding should be: 'error', 'hint', or either.
        refused: `fit` raises; a pattern of the message that names the cause.
        hurts: Whether the fault's score is worse than the twin's by 0.1 or more.
        learns: The score that the twin reaches.
        source: The lecture, or where people ask about it.
    """

    name: str
    build: Callable[[bool], Program]
    codes: frozenset[str]
    layer: Any = None
    by: str = "check"
    severity: str | None = None
    refused: str | None = None
    hurts: bool = True
    learns: float = 0.9
    seed: int = 0
    source: str = ""

    def names(self, message: str) -> bool:
        """Whether the message of a refusal names the cause."""
        return self.refused is not None and re.search(self.refused, message) is not None

    def program(self, faulty: bool) -> Program:
        """The program, from the same draws each time."""
        set_random_seed(self.seed)
        return self.build(faulty)

    def layers(self, model: Any) -> set[str | None]:
        """The names that are right, empty where any is."""
        if self.layer is None:
            return set()
        places = self.layer if isinstance(self.layer, tuple) else (self.layer,)
        return {model.layers[p].name if isinstance(p, int) else p for p in places}


@dataclasses.dataclass(frozen=True)
class Clean:
    """A program about which there is nothing to say."""

    name: str
    build: Callable[[], Program]
    learns: float = 0.9
    seed: int = 0
    source: str = ""

    def program(self) -> Program:
        """The program, from the same draws each time."""
        set_random_seed(self.seed)
        return self.build()


FAULTS: list[Fault] = []
CLEAN: list[Clean] = []


def _words(function: Callable) -> str:
    return function.__name__.replace("_", " ")


def fault(*codes: str, **settings: Any) -> Callable:
    """Enters a function of `faulty` in the catalogue."""

    def enter(build: Callable) -> Callable:
        FAULTS.append(Fault(_words(build), build, frozenset(codes), **settings))
        return build

    return enter


def clean(learns: float = 0.9, **settings: Any) -> Callable:
    """Enters a function without arguments among the clean programs."""

    def enter(build: Callable) -> Callable:
        CLEAN.append(Clean(_words(build), build, learns, **settings))
        return build

    return enter


def ready(
    model: Any,
    optimizer: Any,
    loss: Any,
    x: Any,
    y: Any,
    metrics: Any = None,
    score: Any = None,
    loss_weights: Any = None,
    **fit: Any,
) -> Program:
    """compile, and what fit will be given."""
    model.compile(optimizer, loss, metrics=metrics, loss_weights=loss_weights)
    return Program(model, x, y, fit, score)


# How well a program has learned -------------------------------------------------------


def held_out(program: Program) -> tuple[Any, Any]:
    """The rows to judge by: those held out, else those trained on."""
    if "validation_data" in program.fit:
        return program.fit["validation_data"][:2]
    if share := program.fit.get("validation_split"):
        start = int(len(program.x) * (1 - share))
        return program.x[start:], program.y[start:]
    return program.x, program.y


def score(program: Program) -> float:
    """Accuracy where y are classes, R² where they are numbers."""
    if program.score is not None:
        return float(program.score(program))
    x, y = held_out(program)
    p, y = np.asarray(program.model.predict(x, verbose=0)), np.asarray(y)
    if not np.isfinite(p).all():
        return -np.inf
    values = set(np.unique(y).tolist()) if y.size < 1e6 else set()
    if p.shape[-1] > 1 and y.ndim < p.ndim:
        return float(np.mean(p.argmax(-1) == y))
    if p.shape[-1] > 1 and p.shape == y.shape and np.all(y.sum(-1) == 1):
        return float(np.mean(p.argmax(-1) == y.argmax(-1)))
    y = y.reshape(p.shape)
    logits = getattr(program.model.loss, "from_logits", False)
    if values <= {0, 1}:
        return float(np.mean((p > (0 if logits else 0.5)) == (y > 0.5)))
    if values <= {-1, 1}:
        return float(np.mean((p > 0) == (y > 0)))
    p = p.astype("float64")  # what has diverged may be too large to be squared
    return float(1 - np.mean((p - y) ** 2) / np.var(y))


# Data ---------------------------------------------------------------------------------


def standard(x: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and standard deviation 1."""
    return (x - x.mean(axis=0)) / x.std(axis=0)


def one_hot(y: np.ndarray, classes: int) -> np.ndarray:
    """Class labels as rows of 0 and a 1."""
    return np.eye(classes, dtype="float32")[y]


def split(x: Any, y: Any, train: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The first rows, and those after them."""
    return (x[:train], y[:train]), (x[train:], y[train:])


@functools.cache
def _loaded(name: str) -> tuple[np.ndarray, np.ndarray]:
    bunch = getattr(sk, f"load_{name}")()
    order = np.random.default_rng(0).permutation(len(bunch.data))
    return bunch.data[order].astype("float32"), bunch.target[order]


def table(name: str, raw: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """iris, wine, breast_cancer or diabetes, in random order, standardised."""
    x, y = _loaded(name)
    if name == "diabetes":
        y = (y if raw else standard(y)).astype("float32")[:, None]
    return (x if raw else standard(x)).copy(), y.copy()


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    x, y = datasets.load_digits()
    # The file has one writer after another; whoever holds the last rows out mixes them.
    order = np.random.default_rng(0).permutation(len(x))
    return (x[order] / 16).astype("float32"), y[order].astype(int).ravel()


def digits(rows: int = 1797, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits as 64 pixels from 0 to 1, and their labels."""
    x, y = _digits()
    keep = np.flatnonzero(y < classes)[:rows]
    return x[keep].copy(), y[keep].copy()


def images(rows: int = 1000, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits as images (8, 8, 1)."""
    x, y = digits(rows, classes)
    return x.reshape(-1, 8, 8, 1), y


def circles(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points within a circle (1) and in a ring around it (0): no line parts them."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    radius = np.where(y == 1, rng.uniform(0, 0.8, n), rng.uniform(1.2, 2, n))
    angle = rng.uniform(0, 2 * np.pi, n)
    x = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    return x.astype("float32"), y


def rooms(n: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Size in m², rooms, age in years, metres to the station; the price in units."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(30, 200, n)
    age = rng.uniform(0, 80, n)
    count = np.round(size / 30 + rng.uniform(0, 2, n))
    way = rng.uniform(50, 3000, n)
    price = 300 + 2500 * size * (1 - 0.004 * age) + 9000 * count - 20 * way
    price = np.maximum(price * np.exp(0.05 * rng.normal(size=n)), 10_000)
    x = np.column_stack([size, count, age, way])
    return x.astype("float32"), price[:, None].astype("float32")


def prices(n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """The same, standardised, with prices in hundreds of thousands."""
    x, y = rooms(n)
    return standard(x), y / 100_000


def waves(
    n: int = 500, steps: int = 24, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Windows (steps, 1) of a noisy wave, and the next value."""
    rng = np.random.default_rng(seed)
    t = np.arange(n + steps)
    series = np.sin(t / 4) + 0.5 * np.sin(t / 11) + 0.1 * rng.normal(size=len(t))
    series = standard(series).astype("float32")
    windows = np.lib.stride_tricks.sliding_window_view(series[:-1], steps)
    return windows[..., None].copy(), series[steps:, None]


def signs(
    n: int = 400, steps: int = 12, features: int = 2, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences, and whether their first features sum up to more than 0."""
    x = np.random.default_rng(seed).normal(size=(n, steps, features)).astype("float32")
    return x, (x[:, :, 0].sum(axis=1) > 0).astype(int)


def reviews(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Twelve words by number (0 fills up), and whether more are good than bad."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 200, (n, 12))
    good, bad = (x <= 40).sum(axis=1), ((x > 40) & (x <= 80)).sum(axis=1)
    y = (good > bad).astype(int)
    x[np.arange(12) >= rng.integers(10, 13, n)[:, None]] = 0
    return x, y
