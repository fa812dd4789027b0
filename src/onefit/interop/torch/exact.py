"""Layers that train as torch's do, where Keras' (and so onefit's) train otherwise.

They compute the same as the layers of the catalogue. Only `fit` uses them: a model that
`from_torch` returns is made of the layers of the catalogue.
"""

from typing import Any

import jax
import jax.numpy as jnp

from onefit.layers.embedding import Embedding
from onefit.layers.normalization import BatchNormalization
from onefit.layers.recurrent import LSTM, SimpleRNN
from onefit.types import Array, Generator, Params, State

__all__ = ["EXACT"]


class _BatchNorm(BatchNormalization):
    """Its moving variance follows Σ (x − μ)² / (n − 1), n being the numbers of a batch.

    And it normalizes by the batch also when its γ and β are frozen.
    """

    def apply(
        self,
        params: Params,
        state: State,
        x: Array,
        *,
        training=False,
        key=None,
        mask=None,
    ) -> tuple[Array, State]:
        free = BatchNormalization(
            axis=self.axis, momentum=self.momentum, epsilon=self.epsilon
        )
        y, new = free.apply(params, state, x, training=training, key=key, mask=mask)
        if training:
            n = x.size // x.shape[self.axis]
            name, kept = "moving_variance", self.momentum * state["moving_variance"]
            new = new | {name: kept + (new[name] - kept) * (n / max(n - 1, 1))}
        return y, new


class _TwoBiases:
    """A recurrent layer with a bias of x · W and one of h · R, which both train.

    It is mixed into a recurrent layer, whose settings `self` has.
    """

    def first_bias(self: Any, rng: Generator) -> Array:
        return self.bias_initializer.draw(rng, (2, self.gates * self.units))

    def biases(self, params: Params) -> tuple[Array | None, Array | None]:
        bias = params.get("bias")
        return (None, None) if bias is None else (bias[0], bias[1])


class _RNN(_TwoBiases, SimpleRNN):
    """h_t = g(x_t · W + b + h_{t−1} · R + r)."""


class _LSTM(_TwoBiases, LSTM):
    """Gates of x_t · W + b + h_{t−1} · R + r."""


class _Embedding(Embedding):
    """A table with one row, `padding`, that no gradient reaches."""

    padding: int = 0

    def apply(
        self, params: Params, state: State, x: Array, *, training=False, key=None
    ) -> tuple[Array, State]:
        table = params["embeddings"]
        frozen = jnp.arange(self.input_dim)[:, None] == self.padding
        table = jnp.where(frozen, jax.lax.stop_gradient(table), table)
        return self.look_up({"embeddings": table}, x), state


EXACT: dict[str, Any] = {
    "BatchNorm": _BatchNorm,
    "Embedding": _Embedding,
    "LSTM": _LSTM,
    "RNN": _RNN,
}
"""The layers by the names of torch's modules."""
