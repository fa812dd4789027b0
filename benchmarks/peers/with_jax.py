"""Plain JAX and optax: one jitted step, called once a batch from Python."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.peers.jax_nets import FORWARD


class Contestant:
    def __init__(self, work, x, y, weights, *, extras=False):
        self.work = work
        self.x, self.y = jnp.asarray(x), jnp.asarray(y)
        n, size = len(x), work.batch_size
        self.batches = [(x[i : i + size], y[i : i + size]) for i in range(0, n, size)]
        self.params = [jnp.asarray(w) for w in weights]
        optimizer = (
            optax.sgd(work.rate)
            if work.optimizer == "sgd"
            else optax.adam(work.rate, eps=1e-7)
        )
        self.state = optimizer.init(self.params)
        self.rng = np.random.default_rng(1)
        forward = functools.partial(FORWARD[work.net], work)

        def cost(params, x, y):
            z = forward(params, x)
            if work.binary:
                return optax.sigmoid_binary_cross_entropy(z, y).mean()
            return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()

        def step(params, state, x, y, rows):
            loss, grads = jax.value_and_grad(cost)(params, x[rows], y[rows])
            updates, state = optimizer.update(grads, state)
            return optax.apply_updates(params, updates), state, loss

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.cost, self.forward = jax.jit(cost), jax.jit(forward)

    def train(self, epochs: int) -> None:
        n, size = len(self.x), self.work.batch_size
        for _ in range(epochs):
            order = self.rng.permutation(n)
            losses, counts = [], []
            for start in range(0, n, size):
                rows = order[start : start + size]
                self.params, self.state, loss = self.step(
                    self.params, self.state, self.x, self.y, rows
                )
                losses.append(loss)
                counts.append(len(rows))
            # Read once an epoch, so that dispatch runs ahead of the device.
            self.mean_loss = np.average(jax.device_get(losses), weights=counts)
        jax.block_until_ready(self.params)

    def weights(self) -> list[np.ndarray]:
        return [np.asarray(w) for w in self.params]

    def evaluate(self) -> float:
        losses = [self.cost(self.params, x, y) for x, y in self.batches]
        counts = [len(x) for x, _ in self.batches]
        return float(np.average(jax.device_get(losses), weights=counts))

    def predict(self) -> np.ndarray:
        outputs = [self.forward(self.params, x) for x, _ in self.batches]
        return np.concatenate(jax.device_get(outputs))

    def predict_row(self) -> np.ndarray:
        return np.asarray(self.forward(self.params, self.batches[0][0][:1]))
