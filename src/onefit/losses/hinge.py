# ruff: noqa: D102
"""Losses of margins: a score should pass its target's side by 1."""

import jax.numpy as jnp

from onefit.losses.base import Loss
from onefit.losses.functions import per_example
from onefit.losses.shapes import Losses, Values, same
from onefit.types import Array

__all__ = [
    "CategoricalHinge",
    "Hinge",
    "SquaredHinge",
    "categorical_hinge",
    "hinge",
    "squared_hinge",
]


def _gap(y: Array, a: Array) -> Array:
    """max(0, 1 - y ŷ), where a target 0 means -1.

    Keras turns 0 into -1 only in a batch of nothing but 0 and 1. Here it is a rule for
    each target, so that no example's loss depends on the others.
    """
    return jnp.maximum(1 - jnp.where(y == 0, -1.0, y) * a, 0.0)


class Hinge(Loss):
    """L = (1/n) Σᵢ max(0, 1 - yᵢ ŷᵢ), for targets -1 and 1 (or 0 and 1).

    Differs from Keras: 0 means -1 in every batch, also beside other targets than 1.

    Example:
        >>> hinge([[1.0, -1.0]], [[0.5, 2.0]])  # (0.5 + 3) / 2
        Array([1.75], dtype=float32)
    """

    compares = "hinge"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return jnp.mean(_gap(y, a), axis=-1)


class SquaredHinge(Loss):
    """L = (1/n) Σᵢ max(0, 1 - yᵢ ŷᵢ)², for targets as in `Hinge`.

    Example:
        >>> squared_hinge([[1.0, -1.0]], [[0.5, 2.0]])  # (0.25 + 9) / 2
        Array([4.625], dtype=float32)
    """

    compares = "hinge"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        return jnp.mean(jnp.square(_gap(y, a)), axis=-1)


class CategoricalHinge(Loss):
    """L = max(0, 1 + maxⱼ (1 - yⱼ) ŷⱼ - Σⱼ yⱼ ŷⱼ), for one-hot targets.

    The true class takes part in the maximum with 0, as in Keras.

    Example:
        >>> categorical_hinge([[0, 1, 0]], [[0.5, 0.75, 0.25]])  # 1 + 0.5 - 0.75
        Array([0.75], dtype=float32)
    """

    compares = "scores"

    pair = same

    def formula(self, y: Values, a: Values) -> Losses:
        rival = jnp.max((1 - y) * a, axis=-1)
        return jnp.maximum(1 + rival - jnp.sum(y * a, axis=-1), 0.0)


hinge = per_example(Hinge)
squared_hinge = per_example(SquaredHinge)
categorical_hinge = per_example(CategoricalHinge)
