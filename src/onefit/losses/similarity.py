# ruff: noqa: D102
"""Losses of embeddings: rows of one class near each other, of others far apart."""

import jax
import jax.numpy as jnp

from onefit.description import number
from onefit.losses.base import Loss
from onefit.losses.shapes import labelled
from onefit.programs import Program
from onefit.types import Array, ArrayLike, Float, Int

__all__ = ["Circle", "circle"]

NEVER = -1e30
"""Takes a pair out of a log-sum-exp; minus infinity would make its gradient NaN."""


class Circle(Loss):
    """L = softplus(log Σ_p e^(-γ α_p (m - d_p)) + log Σ_n e^(γ α_n (1 - m - d_n))).

    d = 1 - u·v is the distance of a row u to the others: p of its class, n of another;
    α_p = m + d_p and α_n = 1 + m - d_n (at least 0) weigh pairs far from their goal.

    Args:
        gamma: γ, the scale.
        margin: m.
        remove_diagonal: Whether a row is no pair of itself.

    Input: y_true (batch,) or (batch, 1) of class numbers and y_pred (batch, d) of rows
    of length 1, to (batch,). A row without another of its class, or of another class,
    has the loss 0 and counts in no mean.

    As in Keras the gradient also goes through α; the paper holds it fixed.

    Example:
        >>> rows = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        >>> circle([0, 0, 1], rows, gamma=1.0)  # softplus(-0.16 - 0.16), the last alone
        Array([0.5459, 0.5459, 0.    ], dtype=float32)

    Source: Sun et al., "Circle loss: a unified perspective of pair similarity
    optimization", 2020.
    """

    compares = "embeddings"
    by_row = False

    gamma: float = number(default=80.0)
    margin: float = number(default=0.4)
    remove_diagonal: bool = True

    pair = labelled

    def formula(
        self, y: Int[Array, " batch"], a: Float[Array, "batch size"]
    ) -> Float[Array, " batch"]:
        return self.against(y, a, y, a)

    def mask(self, y_true: Array, y_pred: Array) -> Array | None:
        y, _ = self.pair(y_true, y_pred)
        positive, negative = self._pairs(y, y)
        return jnp.any(positive, axis=1) & jnp.any(negative, axis=1)

    def against(self, y: Array, a: Array, ref_y: Array, ref_a: Array) -> Array:
        """The loss of each row, with pairs taken from other rows than its own."""
        m, d = self.margin, jnp.maximum(1 - a @ ref_a.T, 0.0)
        positive, negative = self._pairs(y, ref_y)
        near = self.gamma * (m + d) * (d - m)
        far = self.gamma * jnp.maximum(1 + m - d, 0.0) * (1 - m - d)
        p, n = (
            jax.nn.logsumexp(jnp.where(mask, value, NEVER), axis=1)
            for mask, value in ((positive, near), (negative, far))
        )
        return jax.nn.softplus(p + n)

    def _pairs(self, y: Array, ref_y: Array) -> tuple[Array, Array]:
        alike = y[:, None] == ref_y[None, :]
        if self.remove_diagonal:
            return alike & ~jnp.eye(*alike.shape, dtype=bool), ~alike
        return alike, ~alike


@Program
def _against(loss: Circle, y: Array, a: Array, ref_y: Array, ref_a: Array) -> Array:
    return loss.against(*loss.pair(y, a), *loss.pair(ref_y, ref_a))


def circle(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    ref_labels: ArrayLike | None = None,
    ref_embeddings: ArrayLike | None = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Array:
    """The loss of each row, as in `Circle`, with pairs from reference rows if given."""
    loss = Circle(gamma=gamma, margin=margin, remove_diagonal=remove_diagonal)
    y, a = jnp.asarray(y_true), jnp.asarray(y_pred)
    ref_y = y if ref_labels is None else jnp.asarray(ref_labels)
    ref_a = a if ref_embeddings is None else jnp.asarray(ref_embeddings)
    return _against(loss, y, a, ref_y, ref_a)


vars(circle)["loss_class"] = Circle
