"""What is measured: the list, its data, and the loss that must come out.

Only numpy is imported here, so that a worker loads its peer and nothing else.
"""

import dataclasses
import math
import sys
from pathlib import Path

import numpy as np

from benchmarks import nets


@dataclasses.dataclass(frozen=True)
class Work:
    """One row of the list: a network, its data, and what is done with them.

    kind is "train"; "extras" (training with validation, accuracy, early stopping and a
    progress bar); "script" (a whole fresh process that trains); or one call of
    "evaluate", "predict" (all rows) or "row" (predict on one row).

    net is a network's name in `nets.NETS`, and sizes are its own: the layers of
    "dense"; (side, filters, filters, outputs) of "cnn"; of the others, whose rows are
    `length` tokens, (vocabulary, width of its embedding, units, outputs).
    """

    name: str
    data: str
    rows: int
    sizes: tuple[int, ...]
    kind: str = "train"
    net: str = "dense"
    length: int = 0
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
IMAGES = Work(
    "cnn",
    data="images",
    rows=3_000,
    sizes=(28, 32, 64, 10),
    net="cnn",
    batch_size=64,
    epochs=10,
)


def _text(
    name: str,
    net: str,
    rows: int,
    sizes: tuple[int, ...],
    length: int,
    rate: float = 0.001,
) -> Work:
    return Work(name, "text", rows, sizes, net=net, length=length, epochs=10, rate=rate)


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
        IMAGES,
        _text("lstm-small", "lstm", 5_000, (5_000, 32, 64, 1), 80),
        _text("lstm-large", "lstm", 1_500, (20_000, 128, 128, 1), 80),
        _text("gru", "gru", 3_000, (5_000, 32, 64, 1), 80),
        _text("conv1d-text", "conv1d", 2_500, (20_000, 64, 128, 1), 200),
        _text("transformer", "transformer", 1_000, (1_000, 128, 256, 10), 64, 3e-4),
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
    elif work.data == "images":
        x, y = images(work, rng)
    elif work.data == "text":
        x, y = text(work, rng)
    else:  # Of MNIST's shape, and learnable: the label is a linear rule of the pixels.
        x = rng.random((work.rows, 784), np.float32)
        y = ((x - 0.5) @ rng.standard_normal((784, 10))).argmax(axis=1)
    weights = nets.starting_weights(work, rng)
    x = x.astype(np.int32 if work.length else np.float32)
    y = y.astype(np.float32 if work.binary else np.int32)
    np.savez(file, x, y, *weights)


def images(work: Work, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each class has its own blocks of 4 by 4 pixels, under as much noise."""
    side, classes = work.sizes[0], work.sizes[-1]
    y = rng.integers(classes, size=work.rows)
    blocks = rng.random((classes, side // 4, side // 4))
    shapes = blocks.repeat(4, axis=1).repeat(4, axis=2)
    x = (shapes[y] + rng.random((work.rows, side, side))) / 2
    return x[..., None], blur(y, classes, rng)


def text(work: Work, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tokens as frequent as words are; each class has its own, thrice as frequent."""
    words, classes = work.sizes[0], max(2, work.sizes[-1])
    y = rng.integers(classes, size=work.rows)
    frequency = 1 / (10 + np.arange(words))  # Zipf's law
    x = np.empty((work.rows, work.length))
    for k in range(classes):
        weights = frequency * np.where(np.arange(words) % classes == k, 3, 1)
        mine = y == k
        size = (mine.sum(), work.length)
        x[mine] = rng.choice(words, size, p=weights / weights.sum())
    y = blur(y, classes, rng)
    return x, y[:, None] if work.binary else y


def blur(y: np.ndarray, classes: int, rng: np.random.Generator) -> np.ndarray:
    """A fifth drawn anew: else the loss nears 0 at once, where nothing compares."""
    return np.where(rng.random(len(y)) < 0.2, rng.integers(classes, size=len(y)), y)


def load(file: Path) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """x, y and the starting weights."""
    with np.load(file) as arrays:
        x, y, *weights = arrays.values()
        return x, y, weights


def loss(z: np.ndarray, y: np.ndarray) -> float:
    """The mean cross-entropy of logits: what everyone minimises, from one formula."""
    if z.shape[1] == 1:
        return float(np.mean(np.logaddexp(0, z) - y * z))
    true = z[np.arange(len(y)), y]
    return float(np.mean(np.logaddexp.reduce(z, axis=1) - true))


if __name__ == "__main__":  # python -m benchmarks.works NAME FILE
    make(WORKS[sys.argv[1]], Path(sys.argv[2]))
