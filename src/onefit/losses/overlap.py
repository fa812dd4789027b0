# ruff: noqa: D102
"""Losses of regions: how little a predicted region overlaps the true one."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from onefit.config import epsilon
from onefit.description import number
from onefit.losses.base import Loss
from onefit.losses.functions import per_example
from onefit.losses.shapes import same
from onefit.types import Array

__all__ = ["Dice", "Tversky", "dice", "tversky"]


def _by_row(loss: Any) -> bool:
    """Whether the sums leave the rows apart."""
    axes = np.atleast_1d(0 if loss.axis is None else loss.axis)
    return bool((axes > 0).all())


class Dice(Loss):
    """L = 1 - 2 Σ y a / (Σ y + Σ a), for regions y of 0 and 1 and probabilities a.

    Args:
        axis: The axes summed over, such as (1, 2, 3) for a value per image; None for
            all of them, which makes one value of the whole batch.

    Example:
        >>> dice([1.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.0, 1.0])  # 1 - 2 · 1 / (2 + 2)
        Array(0.5, dtype=float32)

    Source: Milletari et al., "V-Net", 2016.
    """

    compares = "probabilities"

    axis: Any = None

    pair = same
    by_row = property(_by_row)  # type: ignore[assignment]

    def formula(self, y: Array, a: Array) -> Array:
        both = jnp.sum(y * a, axis=self.axis)
        total = jnp.sum(y, axis=self.axis) + jnp.sum(a, axis=self.axis)
        return 1 - 2 * both / (total + epsilon())


class Tversky(Loss):
    """L = 1 - TP / (TP + α FP + β FN), TP = Σ y a, FP = Σ (1 - y) a, FN = Σ y (1 - a).

    With α = β = ½ it is `Dice`.

    Args:
        alpha: α, the weight of what is predicted but not there.
        beta: β, the weight of what is there but not predicted.
        axis: As in `Dice`.

    Differs from Keras: Keras 3.15 gives α to FN and β to FP, against its own words and
    the paper; later versions do as written here.

    Example:
        >>> tversky([1.0, 1.0, 0.0], [1.0, 0.5, 0.5], alpha=1.0, beta=0.0)
        Array(0.25, dtype=float32)

    Source: Salehi et al., "Tversky loss function for image segmentation", 2017.
    """

    compares = "probabilities"

    alpha: float = number(default=0.5)
    beta: float = number(default=0.5)
    axis: Any = None

    pair = same
    by_row = property(_by_row)  # type: ignore[assignment]

    def formula(self, y: Array, a: Array) -> Array:
        both = jnp.sum(y * a, axis=self.axis)
        extra = jnp.sum((1 - y) * a, axis=self.axis)
        missed = jnp.sum(y * (1 - a), axis=self.axis)
        wrong = self.alpha * extra + self.beta * missed
        return 1 - both / (both + wrong + epsilon())


dice = per_example(Dice)
tversky = per_example(Tversky)
