"""The networks in plain JAX, each a function of the work, the weights and x."""

import math

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.nets import BLOCKS, EPSILON


def dense(work, weights, x):
    activate = jax.nn.relu if work.activation == "relu" else jax.nn.sigmoid
    *hidden, last = zip(weights[::2], weights[1::2], strict=True)
    for w, b in hidden:
        x = activate(x @ w + b)
    return x @ last[0] + last[1]


def cnn(_, weights, x):
    k1, b1, k2, b2, w, b = weights
    for kernel, bias in ((k1, b1), (k2, b2)):
        axes = ("NHWC", "HWIO", "NHWC")
        x = lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=axes)
        x = jax.nn.relu(x + bias)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return x.reshape(len(x), -1) @ w + b


def lstm(_, weights, x):
    words, kernel, recurrent, bias, w, b = weights
    inputs = (words[x] @ kernel + bias).swapaxes(0, 1)  # for all steps at once
    nothing = jnp.zeros((len(x), len(recurrent)))

    def step(state, z):
        h, c = state
        i, f, g, o = jnp.split(z + h @ recurrent, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    (h, _), _ = lax.scan(step, (nothing, nothing), inputs)
    return h @ w + b


def gru(_, weights, x):
    words, kernel, recurrent, bias, w, b = weights
    inputs = (words[x] @ kernel + bias[0]).swapaxes(0, 1)

    def step(h, z):
        xz, xr, xh = jnp.split(z, 3, axis=1)
        hz, hr, hh = jnp.split(h @ recurrent + bias[1], 3, axis=1)
        z = jax.nn.sigmoid(xz + hz)
        return z * h + (1 - z) * jnp.tanh(xh + jax.nn.sigmoid(xr + hr) * hh), None

    h, _ = lax.scan(step, jnp.zeros((len(x), len(recurrent))), inputs)
    return h @ w + b


def conv1d(_, weights, x):
    words, kernel, bias, w, b = weights
    axes = ("NWC", "WIO", "NWC")
    x = lax.conv_general_dilated(
        words[x], kernel, (1,), "VALID", dimension_numbers=axes
    )
    return jax.nn.relu(x + bias).max(axis=1) @ w + b


def transformer(_, weights, x):
    weights = iter(weights)

    def take(n):
        return [next(weights) for _ in range(n)]

    def normalize(x):
        gamma, beta = take(2)
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = jnp.square(centred).mean(axis=-1, keepdims=True)
        return centred * lax.rsqrt(spread + EPSILON) * gamma + beta

    def heads(x):
        kernel, bias = take(2)
        return jnp.einsum("btw,whd->bthd", x, kernel) + bias

    x = next(weights)[x]
    for _ in range(BLOCKS):
        q, k, v = heads(x), heads(x), heads(x)
        scores = jnp.einsum("bthd,bshd->bhts", q, k) / math.sqrt(q.shape[-1])
        mixed = jnp.einsum("bhts,bshd->bthd", jax.nn.softmax(scores), v)
        kernel, bias = take(2)
        x = normalize(x + jnp.einsum("bthd,hdw->btw", mixed, kernel) + bias)
        w1, b1, w2, b2 = take(4)
        x = normalize(x + jax.nn.relu(x @ w1 + b1) @ w2 + b2)
    w, b = take(2)
    return x.mean(axis=1) @ w + b


FORWARD = {
    "dense": dense,
    "cnn": cnn,
    "lstm": lstm,
    "gru": gru,
    "conv1d": conv1d,
    "transformer": transformer,
}
