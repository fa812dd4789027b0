"""The networks in plain numpy: the weights that all start from, and what they answer.

Each function below is one network's output before its last activation, from x and its
weights in Keras' order and layouts; the names of `Work.net` are their keys in `NETS`.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

HEADS = 4
BLOCKS = 2
EPSILON = 1e-5  # of layer normalisation
WINDOW = 5  # of the convolution over tokens
_ROWS = 128  # computed at once: what is held meanwhile counts as a worker's memory


def starting_weights(work, rng: np.random.Generator) -> list[np.ndarray]:
    """As Keras starts: Glorot uniform, zero biases; see the recurrent ones below."""

    def matrix(n: int, units: int, *window: int) -> np.ndarray:
        bound = math.sqrt(6 / (math.prod(window) * (n + units)))
        return rng.uniform(-bound, bound, (*window, n, units))

    def dense(n: int, units: int, *window: int) -> list[np.ndarray]:
        return [matrix(n, units, *window), np.zeros(units)]

    def recurrent(n: int, units: int, gates: int) -> list[np.ndarray]:
        square = rng.standard_normal((gates * units, units))
        orthogonal = np.linalg.qr(square)[0].T
        return [matrix(n, gates * units), orthogonal]

    def norm() -> list[np.ndarray]:
        return [np.ones(width), np.zeros(width)]

    def block() -> Iterator[np.ndarray]:
        split = (HEADS, width // HEADS)
        for _ in range(3):  # query, key, value
            yield matrix(width, width).reshape(width, *split)
            yield np.zeros(split)
        yield matrix(width, width).reshape(*split, width)
        yield np.zeros(width)
        yield from (*norm(), *dense(width, inner), *dense(inner, width), *norm())

    if work.net == "dense":
        pairs = zip(work.sizes, work.sizes[1:], strict=False)
        weights = [w for n, units in pairs for w in dense(n, units)]
    elif work.net == "cnn":
        side, first, second, outputs = work.sizes
        side = ((side - 2) // 2 - 2) // 2
        weights = [*dense(1, first, 3, 3), *dense(first, second, 3, 3)]
        weights += dense(side * side * second, outputs)
    else:  # of tokens
        words, width, inner, outputs = work.sizes
        weights = [rng.uniform(-0.05, 0.05, (words, width))]
        last = inner
        if work.net == "lstm":
            forget = np.repeat([0.0, 1.0, 0.0, 0.0], inner)  # open, at first
            weights += [*recurrent(width, inner, 4), forget]
        elif work.net == "gru":
            weights += [*recurrent(width, inner, 3), np.zeros((2, 3 * inner))]
        elif work.net == "conv1d":
            weights += dense(width, inner, WINDOW)
        else:
            weights += [w for _ in range(BLOCKS) for w in block()]
            last = width
        weights += dense(last, outputs)
    return [w.astype(np.float32) for w in weights]


def logits(work, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """The network's output before its last activation, in float64."""
    forward = NETS[work.net]
    weights = [np.asarray(w, np.float64) for w in weights]
    parts = range(0, len(x), _ROWS)
    return np.concatenate([forward(work, weights, x[i : i + _ROWS]) for i in parts])


def _dense(work, weights, a):
    for w, b in zip(weights[::2], weights[1::2], strict=True):
        z = a @ w + b
        a = np.maximum(z, 0) if work.activation == "relu" else _sigmoid(z)
    return z


def _cnn(_, weights, x):
    k1, b1, k2, b2, w, b = weights
    a = _halve(np.maximum(_convolve(x, k1) + b1, 0))
    a = _halve(np.maximum(_convolve(a, k2) + b2, 0))
    return a.reshape(len(a), -1) @ w + b


def _lstm(_, weights, x):
    words, kernel, recurrent, bias, w, b = weights
    h = c = np.zeros((len(x), len(recurrent)))
    for t in range(x.shape[1]):
        z = words[x[:, t]] @ kernel + h @ recurrent + bias
        i, f, g, o = np.split(z, 4, axis=1)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
    return h @ w + b


def _gru(_, weights, x):
    words, kernel, recurrent, bias, w, b = weights
    h = np.zeros((len(x), len(recurrent)))
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(words[x[:, t]] @ kernel + bias[0], 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
        z = _sigmoid(xz + hz)
        h = z * h + (1 - z) * np.tanh(xh + _sigmoid(xr + hr) * hh)
    return h @ w + b


def _conv1d(_, weights, x):
    words, kernel, bias, w, b = weights
    a = np.maximum(_convolve(words[x], kernel) + bias, 0)
    return a.max(axis=1) @ w + b


def _transformer(_, weights, x):
    weights = iter(weights)

    def take(n):
        return [next(weights) for _ in range(n)]

    def normalize(x):
        gamma, beta = take(2)
        spread = np.sqrt(x.var(axis=-1, keepdims=True) + EPSILON)
        return (x - x.mean(axis=-1, keepdims=True)) / spread * gamma + beta

    def heads(x):  # (rows, heads, time, size of a head)
        kernel, bias = take(2)
        return (np.tensordot(x, kernel, 1) + bias).swapaxes(1, 2)

    x = next(weights)[x]
    for _ in range(BLOCKS):
        q, k, v = heads(x), heads(x), heads(x)
        scores = q @ k.swapaxes(2, 3) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = scores / scores.sum(axis=-1, keepdims=True) @ v
        kernel, bias = take(2)
        x = normalize(x + np.tensordot(mixed.swapaxes(1, 2), kernel, 2) + bias)
        w1, b1, w2, b2 = take(4)
        x = normalize(x + np.maximum(x @ w1 + b1, 0) @ w2 + b2)
    w, b = take(2)
    return x.mean(axis=1) @ w + b


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _convolve(x, kernel):
    """Over 1 or 2 axes, with no padding; x is (rows, ..., channels)."""
    d = kernel.ndim - 2
    windows = sliding_window_view(x, kernel.shape[:d], axis=tuple(range(1, d + 1)))
    axes = [*range(d + 2, 2 * d + 2), d + 1]  # the window's, then the channels
    return np.tensordot(windows, kernel, (axes, range(d + 1)))


def _halve(x):
    """The largest of each 2 by 2; an odd last row or column is left out."""
    n, h, w, channels = x.shape
    even = x[:, : h // 2 * 2, : w // 2 * 2]
    return even.reshape(n, h // 2, 2, w // 2, 2, channels).max(axis=(2, 4))


NETS = {
    "dense": _dense,
    "cnn": _cnn,
    "lstm": _lstm,
    "gru": _gru,
    "conv1d": _conv1d,
    "transformer": _transformer,
}
