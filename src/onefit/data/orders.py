"""The order of rows in each epoch, the same however a fit is cut into calls."""

import numpy as np

from onefit import config

__all__ = ["orders"]

BLOCK = 1 << 16
"""Row numbers drawn from one generator, so that drawing few at a time stays cheap."""


def orders(
    seed: int,
    first: int,
    epochs: int,
    rows: int,
    length: int,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The order of rows in each epoch: (epochs, length), the same however it is cut.

    Epochs are drawn in blocks, each from its own generator, so any epoch's order can be
    had without those before it. Where `length` is not the number of rows, the epochs
    are cut from one endless stream of permutations.

    Args:
        seed, first, epochs: Of the fit, and which epochs.
        rows, length: How many rows there are, and how many an epoch takes.
        out: Where to write them, (at least epochs, length) of int32.
    """
    if out is None:
        out = np.empty((epochs, length), np.int32)
    if length != rows:
        start = first * length
        passes = range(start // rows, (start + epochs * length - 1) // rows + 1)
        stream = orders(seed, passes[0], len(passes), rows, rows).ravel()
        offset = start - passes[0] * rows
        cut = stream[offset : offset + epochs * length]
        out[:epochs] = cut.reshape(epochs, length)
        return out[:epochs]
    size = max(1, BLOCK // rows)
    for block in range(first // size, (first + epochs - 1) // size + 1):
        rng = config.generator(seed, block)
        start = block * size - first
        wanted = range(max(start, 0), min(start + size, epochs))
        if rows < 64:  # a call of numpy costs more than the drawing
            drawn = rng.permuted(np.tile(np.arange(rows), (size, 1)), axis=1)
            out[wanted.start : wanted.stop] = drawn[wanted.start - start :][
                : len(wanted)
            ]
        else:
            for epoch in range(start, wanted.stop):
                order = rng.permutation(rows)
                if epoch >= 0:
                    out[epoch] = order
    return out[:epochs]
