"""Files, side by side with Keras: `python -m benchmarks.files`.

A dense network of 100 MB, trained a step with Adam, is written and read by both in
turn, in one process and from one disk; the figures are the medians of the turns.
Reading is timed twice: as it is, and with the first prediction of a row after it.
onefit brings what it writes to the disk before it takes the old file's place.

Needs keras (with JAX) beside onefit.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np


def network(megabytes: int):
    """A compiled network whose file, with Adam's state, has about this size."""
    import onefit
    from onefit.layers import Dense

    width = 1024
    layers = max(1, round(megabytes * 1e6 / (3 * 4 * width * width)))
    rest = [Dense(width, "relu") for _ in range(layers)]
    model = onefit.Sequential([onefit.Input((width,)), *rest])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, width)).astype("float32")
    model.fit(x, x, epochs=1, verbose=0)
    return model, x[:1]


def measured(turns: int, megabytes: int) -> tuple[float, dict[str, list[float]]]:
    """The file's size in MB, and the seconds of each piece of work, turn by turn."""
    import keras

    import onefit

    model, row = network(megabytes)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        path = folder / "model.keras"
        model.save(path)
        theirs = keras.saving.load_model(path)
        works = {
            "load onefit": lambda: onefit.load_model(path),
            "load keras": lambda: keras.saving.load_model(path),
            "load and predict onefit": lambda: onefit.load_model(path).predict(row),
            "load and predict keras": lambda: np.asarray(
                keras.saving.load_model(path)(row)
            ),
            "save onefit": lambda: model.save(folder / "ours.keras"),
            "save keras": lambda: theirs.save(folder / "theirs.keras"),
            "save weights onefit": lambda: model.save_weights(
                folder / "ours.weights.h5"
            ),
            "save weights keras": lambda: theirs.save_weights(
                folder / "theirs.weights.h5"
            ),
            "save safetensors onefit": lambda: model.save_weights(
                folder / "ours.safetensors"
            ),
            "load safetensors onefit": lambda: model.load_weights(
                folder / "ours.safetensors"
            ),
        }
        for turn in range(turns + 1):  # the first is to warm up
            for name, work in works.items():
                begin = time.perf_counter()
                work()
                if turn:
                    took = time.perf_counter() - begin
                    seconds.setdefault(name, []).append(took)
        return path.stat().st_size / 1e6, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--megabytes", type=int, default=100)
    told = parser.parse_args()
    size, seconds = measured(told.turns, told.megabytes)
    print(
        f"a file of {size:.0f} MB, {told.turns} turns, load {os.getloadavg()[0]:.1f}\n"
    )
    print("| work | onefit ms | keras ms | keras / onefit |")
    print("|---|---|---|---|")
    for name, ours in seconds.items():
        work, _, who = name.rpartition(" ")
        if who == "keras":
            continue
        one = 1e3 * statistics.median(ours)
        other = seconds.get(f"{work} keras")
        two = 1e3 * statistics.median(other) if other else None
        last = f"{two:.0f} | {two / one:.1f}" if two else "- | -"
        print(f"| {work} | {one:.0f} | {last} |")


if __name__ == "__main__":
    main()
