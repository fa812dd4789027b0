# ruff: noqa: D102
"""Losses of sequences whose alignment is not known."""

import jax.numpy as jnp

from onefit.losses.base import Loss
from onefit.losses.functions import per_example
from onefit.losses.shapes import sequences
from onefit.types import Array, Float, Int

__all__ = ["CTC", "ctc"]


class CTC(Loss):
    """L = -log Σ P(alignment | x), over all alignments of the labels to the time steps.

    An alignment names a class at each step; dropping repeats, then blanks (class 0),
    must leave the labels.

    Input: y_true (batch, length) of class numbers from 1, filled up with 0 at the end,
    and y_pred (batch, time, classes) of logits, to (batch,). Where time is too short
    for the labels the loss is of the order of 1e5.

    Example:
        >>> even = np.zeros((1, 2, 3), "float32")  # 3 of 9 paths: 1 1, 1 0, 0 1
        >>> ctc([[1]], even)  # log 3
        Array([1.0986], dtype=float32)

    Source: Graves et al., "Connectionist temporal classification", 2006; optax.
    """

    compares = "sequences"

    pair = sequences

    def formula(
        self, y: Int[Array, "batch length"], a: Float[Array, "batch time classes"]
    ) -> Float[Array, " batch"]:
        import optax

        lengths = jnp.sum(y != 0, axis=-1, keepdims=True)
        filled = (jnp.arange(y.shape[1]) >= lengths).astype(a.dtype)
        return optax.ctc_loss(a, jnp.zeros(a.shape[:2], a.dtype), y, filled)


ctc = per_example(CTC)
