"""Measures what watching a fit costs: XOR, the digits, a small CNN; processor time.

    python tests/guide/run_watch.py

Each fit runs as it is with compile(check=False), as it is watched by default, and with
watch="layers", in turns, from the same start; what is compiled is compiled before. A
line for each network: the median of the first, and what the others take more.
"""

import argparse
import statistics
import time
import warnings

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Conv2D, Dense, Flatten, MaxPooling2D
from onefit.optimizers import Adam
from onefit.utils import set_random_seed

WAYS = ("none", "watched", "layers")


def xor():
    """Four rows, nine weights, 1000 epochs."""
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    model = Sequential([Input((2,)), Dense(4, "tanh"), Dense(1, "sigmoid")])
    return model, x, np.array([0, 1, 1, 0]), "binary_crossentropy", 1000


def digits():
    """1,797 rows of 64 pixels, 30 epochs."""
    x, y = datasets.load_digits()
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    return model, x / 16, y, "sparse_categorical_crossentropy", 30


def cnn():
    """The same as images, 10 epochs."""
    x, y = datasets.load_digits()
    layers = [Conv2D(16, 3, activation="relu"), MaxPooling2D(), Flatten()]
    model = Sequential([Input((8, 8, 1)), *layers, Dense(10, activation="softmax")])
    loss = "sparse_categorical_crossentropy"
    return model, x.reshape(-1, 8, 8, 1) / 16, y, loss, 10


def seconds(build, way):
    """The processor time of one fit."""
    set_random_seed(0)
    model, x, y, loss, epochs = build()
    model.compile(Adam(0.01), loss, check=way != "none")
    begun = time.process_time()
    model.fit(
        x, y, epochs=epochs, verbose=0, watch="layers" if way == "layers" else None
    )
    return time.process_time() - begun


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("| network | a fit | watched, more | by layer, more |")
    print("|---|---:|---:|---:|")
    for build in (xor, digits, cnn):
        times = {way: [] for way in WAYS}
        for way in WAYS:
            seconds(build, way)
        for _ in range(args.rounds):
            for way in WAYS:
                times[way].append(seconds(build, way))
        plain, *others = (statistics.median(times[way]) for way in WAYS)
        more = " | ".join(
            f"{1e3 * (t - plain):.0f} ms ({(t - plain) / plain:.0%})" for t in others
        )
        print(f"| {build.__name__} | {1e3 * plain:.0f} ms | {more} |", flush=True)


if __name__ == "__main__":
    main()
