"""What is measured: networks, data, starting weights, and the loss that must come out.

Only numpy is imported here, so that a worker loads its peer and nothing else.
"""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np


@dataclasses.dataclass(frozen=True)
class Work:
    """One row of the list: a network, its data, and what is done with them.

    kind is "train"; "extras" (training with validation, accuracy, early stopping and a
    progress bar); "script" (a whole fresh process that trains); or one call of
    "evaluate", "predict" (all rows) or "row" (predict on one row).
    """

    name: str
    data: str
    rows: int
    sizes: tuple[int, ...]
    kind: str = "train"
    activation: str = "relu"
    batch_size: int = 32
    epochs: int = 1
    # The loss is compared after this many epochs, the same for everyone.
    check: int = 1
    optimizer: str = "adam"
    rate: float = 0.001

    @property
    def binary(self) -> bool:
        return self.sizes[-1] == 1

    @property
    def steps(self) -> int:
        """Steps of an epoch, the last, smaller batch included."""
        return math.ceil(self.rows / self.batch_size)


XOR = Work(
    "xor",
    data="xor",
    rows=4,
    sizes=(2, 2, 1),
    activation="sigmoid",
    batch_size=4,
    epochs=50_000,
    check=200,
    optimizer="sgd",
    rate=0.1,
)
COFFEE = Work(
    "coffee",
    data="coffee",
    rows=200_000,
    sizes=(2, 3, 1),
    activation="sigmoid",
    epochs=10,
)
DIGITS = Work(
    "digits", data="digits", rows=1_797, sizes=(64, 25, 15, 10), epochs=100, check=5
)
SMALL = Work(
    "mnist-128",
    data="mnist",
    rows=20_000,
    sizes=(784, 128, 10),
    batch_size=64,
    epochs=10,
)
MIDDLE = Work(
    "mnist-512",
    data="mnist",
    rows=20_000,
    sizes=(784, 512, 512, 10),
    batch_size=128,
    epochs=10,
)
LARGE = Work(
    "mnist-1024",
    data="mnist",
    rows=20_000,
    sizes=(784, 1024, 1024, 10),
    batch_size=256,
    epochs=10,
)


def _as(work: Work, kind: str, **changes: object) -> Work:
    name = f"{kind}-{work.name}"
    return dataclasses.replace(work, name=name, kind=kind, **changes)


WORKS = {
    work.name: work
    for work in (
        XOR,
        COFFEE,
        DIGITS,
        SMALL,
        MIDDLE,
        LARGE,
        *(_as(work, "extras") for work in (XOR, COFFEE, DIGITS, SMALL)),
        _as(SMALL, "evaluate", rows=60_000, batch_size=256),
        _as(SMALL, "predict", rows=60_000, batch_size=256),
        _as(SMALL, "row", rows=1_000, check=20),
        _as(XOR, "script"),
        _as(DIGITS, "script"),
    )
}


def make(work: Work, file: Path) -> None:
    """Writes the data and the starting weights that every contestant receives."""
    from onefit import datasets

    rng = np.random.default_rng(0)
    if work.data == "xor":
        x, y = datasets.xor()
    elif work.data == "coffee":
        x, y = datasets.coffee(work.rows)
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    elif work.data == "digits":
        x, y = datasets.load_digits()
        x = x / 16
    else:  # Of MNIST's shape, and learnable: the label is a linear rule of the pixels.
        x = rng.random((work.rows, 784), np.float32)
        y = ((x - 0.5) @ rng.standard_normal((784, 10))).argmax(axis=1)
    weights = {}
    for i, (n, units) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        bound = math.sqrt(6 / (n + units))  # Glorot and Bengio, as Keras starts
        weights[f"w{i}"] = rng.uniform(-bound, bound, (n, units)).astype(np.float32)
        weights[f"b{i}"] = np.zeros(units, np.float32)
    y = y.astype(np.float32 if work.binary else np.int32)
    np.savez(file, x=x.astype(np.float32), y=y, **weights)


def load(work: Work, file: Path) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """x, y and the starting weights [w0, b0, w1, b1, ...]."""
    with np.load(file) as arrays:
        layers = range(len(work.sizes) - 1)
        weights = [arrays[f"{kind}{i}"] for i in layers for kind in "wb"]
        return arrays["x"], arrays["y"], weights


def logits(work: Work, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The network's output before its last activation, in plain numpy."""
    a = x.astype(np.float64)
    for i in range(0, len(weights), 2):
        z = a @ weights[i] + weights[i + 1]
        a = np.maximum(z, 0) if work.activation == "relu" else 1 / (1 + np.exp(-z))
    return z


def loss(z: np.ndarray, y: np.ndarray) -> float:
    """The mean cross-entropy of logits: what everyone minimises, from one formula."""
    if z.shape[1] == 1:
        return float(np.mean(np.logaddexp(0, z) - y * z))
    true = z[np.arange(len(y)), y]
    return float(np.mean(np.logaddexp.reduce(z, axis=1) - true))


if __name__ == "__main__":  # python -m benchmarks.works NAME FILE
    make(WORKS[sys.argv[1]], Path(sys.argv[2]))
