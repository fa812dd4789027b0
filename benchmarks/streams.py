"""Streams, subclasses and text against their limits: `python -m benchmarks.streams`.

Each row is a pair of contestants that take turns in one process (text against Keras on
TensorFlow: in two, `--python-tf PATH`), after one untimed run of each, and their ratio;
the medians of `--samples` turns.

| row | contestant | limit, and how many times it may take |
|---|---|---|
| dataset | fit(from_tensor_slices((x, y)).shuffle(n).batch(32)) | fit(x, y), 1.2 |
| generator | fit(generator) | the generator alone plus fit(x, y), 1.1 |
| loader | fit(DataLoader) | torch's own loop over the loader, 1.0 |
| subclass | a model whose class writes `call` | the same graph, 1.1 |
| text | TextVectorization: adapt, then 100,000 texts | Keras on TensorFlow, 1.0 |
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

ROWS, FEATURES, BATCH, EPOCHS = 20_000, 20, 32, 3
LIMITS = {"dataset": 1.2, "generator": 1.1, "loader": 1.0, "subclass": 1.1, "text": 1.0}

TEXT = """
import json, sys, time
import numpy as np
{imports}
rng = np.random.default_rng(0)
words = np.array(["w%d" % i for i in range(20_000)])
ids = np.minimum(rng.zipf(1.3, (100_000, 30)), len(words)) - 1
texts = [" ".join(row) for row in words[ids]]
for _ in range({samples}):
    begin = time.perf_counter()
    layer = layers.TextVectorization(10_000, output_sequence_length=30)
    layer.adapt({adapted})
    adapt, begin = time.perf_counter() - begin, time.perf_counter()
    out = np.asarray(layer({called}))
    print(json.dumps([adapt, time.perf_counter() - begin, int(out.sum())]), flush=True)
"""


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, FEATURES)).astype("float32")
    return x, np.sin(x @ rng.normal(size=(FEATURES, 1))).astype("float32")


def timed(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def turns(samples: int, *contestants: Callable[[], object]) -> list[float]:
    """The median seconds of each, which take turns after one untimed run."""
    for run in contestants:
        run()
    seconds = [[timed(run) for run in contestants] for _ in range(samples)]
    return [statistics.median(each) for each in zip(*seconds, strict=True)]


def made(own: bool = False):
    import onefit
    from onefit import layers

    class Own(onefit.Model):
        def __init__(self):
            super().__init__()
            self.first = layers.Dense(64, "relu")
            self.second = layers.Dense(32, "relu")
            self.last = layers.Dense(1)

        def call(self, x):
            return self.last(self.second(self.first(x)))

    graph = [layers.Dense(64, "relu"), layers.Dense(32, "relu"), layers.Dense(1)]
    model = Own() if own else onefit.Sequential([onefit.Input((FEATURES,)), *graph])
    model.compile("adam", "mse")
    return model


def compare(samples: int) -> Iterator[tuple[str, float, float]]:
    """(name, seconds of the contestant, seconds of its limit)."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    from onefit.data import Dataset

    x, y = rows()
    quiet = {"epochs": EPOCHS, "verbose": 0}
    model = made()

    def plain():
        model.fit(x, y, batch_size=BATCH, **quiet)

    def dataset():
        data = Dataset.from_tensor_slices((x, y)).shuffle(ROWS).batch(BATCH)
        model.fit(data, **quiet)

    yield "dataset", *turns(samples, dataset, plain)

    def batches():
        """Batches as people write them: rows picked by a fresh order."""
        order = np.random.default_rng(1).permutation(ROWS)
        for start in range(0, ROWS, BATCH):
            picked = order[start : start + BATCH]
            yield x[picked], y[picked]

    def alone():
        for _ in range(EPOCHS):
            for _ in batches():
                pass

    def generator():
        # One generator of all epochs, each of so many batches.
        endless = (batch for _ in range(EPOCHS) for batch in batches())
        model.fit(endless, steps_per_epoch=-(-ROWS // BATCH), **quiet)

    seconds, cost, program = turns(samples, generator, alone, plain)
    yield "generator", seconds, cost + program

    loader = DataLoader(
        TensorDataset(torch.as_tensor(x), torch.as_tensor(y)), BATCH, shuffle=True
    )
    net = torch.nn.Sequential(
        torch.nn.Linear(FEATURES, 64),
        torch.nn.ReLU(),
        torch.nn.Linear(64, 32),
        torch.nn.ReLU(),
        torch.nn.Linear(32, 1),
    )
    adam = torch.optim.Adam(net.parameters())

    def torchs():
        for _ in range(EPOCHS):
            for a, b in loader:
                adam.zero_grad()
                torch.nn.functional.mse_loss(net(a), b).backward()
                adam.step()

    yield "loader", *turns(samples, lambda: model.fit(loader, **quiet), torchs)

    own = made(own=True)
    yield (
        "subclass",
        *turns(samples, lambda: own.fit(x, y, batch_size=BATCH, **quiet), plain),
    )


def text(samples: int, python_tf: str) -> tuple[float, float]:
    """The seconds of adapt and of 100,000 texts, here and with Keras on TensorFlow."""
    ours = {"imports": "from onefit import layers", "adapted": "texts"}
    theirs = {
        "imports": "import tensorflow as tf; from keras import layers",
        "adapted": "tf.data.Dataset.from_tensor_slices(texts).batch(1024)",
    }
    called = {"called": "np.array(texts)"}, {"called": "tf.constant(texts)"}
    found = []
    for python, words, how in zip(
        (sys.executable, python_tf), (ours, theirs), called, strict=True
    ):
        program = TEXT.format(samples=samples + 1, **words, **how)
        done = subprocess.run(
            [python, "-c", program], capture_output=True, text=True, check=True
        )
        runs = [json.loads(line) for line in done.stdout.splitlines() if line[0] == "["]
        found.append((statistics.median(a + b for a, b, _ in runs[1:]), runs[-1][2]))
    if found[0][1] != found[1][1]:
        raise RuntimeError(f"other numbers: {found}")
    return found[0][0], found[1][0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--python-tf", help="the interpreter that has TensorFlow")
    options = parser.parse_args()
    print("| row | seconds | its limit's | ratio | asked, at most |")
    print("|---|---:|---:|---:|---:|")

    def show(name: str, seconds: float, limit: float) -> None:
        ratio = seconds / limit
        print(
            f"| {name} | {seconds:.3f} | {limit:.3f} | {ratio:.2f} | {LIMITS[name]} |",
            flush=True,
        )

    for found in compare(options.samples):
        show(*found)
    if options.python_tf:
        show("text", *text(options.samples, options.python_tf))


if __name__ == "__main__":
    main()
