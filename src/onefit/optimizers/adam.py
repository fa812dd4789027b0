# ruff: noqa: D102
"""Adam and its family: an average of gradients over the root of one of squares."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.description import Description, number
from onefit.optimizers.base import Optimizer, rate
from onefit.optimizers.rules import (
    Rule,
    Slots,
    correction,
    each,
    full_like,
    is_traced,
    leafwise,
)
from onefit.types import Array, Tree

__all__ = ["Adam", "AdamW", "Adamax", "Nadam", "ScheduleFreeAdamW"]


def scale_by_adam(
    beta_1: float, beta_2: float, epsilon: float, amsgrad: bool = False
) -> Rule:
    """Adam's step, with ε beside √v itself: see `Adam`.

    The part of optax of this name has ε beside √(v / (1 - β₂ᵗ)).
    """

    def leaf_at(alpha: Array, step: Array) -> Callable:
        alpha = alpha * jnp.sqrt(correction(beta_2, step)) / correction(beta_1, step)

        def leaf(g: Array, w: Array, m: Array, v: Array, *highest: Array) -> tuple:
            m = m + (g - m) * (1 - beta_1)
            v = v + (g * g - v) * (1 - beta_2)
            highest = tuple(jnp.maximum(h, v) for h in highest)
            return -alpha * m / (jnp.sqrt((v, *highest)[-1]) + epsilon), m, v, *highest

        return leaf

    names = ["momentum", "velocity", *(["velocity_hat"] if amsgrad else [])]
    return leafwise(leaf_at, **dict.fromkeys(names, 0.0))


class Averages(Description):
    """The settings of what averages gradients and their size."""

    beta_1: float = number(default=0.9, minimum=0, below=1)
    beta_2: float = number(default=0.999, minimum=0, below=1)
    epsilon: float = number(default=1e-7, minimum=0)


class Adam(Averages, Optimizer):
    """Adam: a learning rate for each weight, by how steadily its gradient points.

    At step t, with g = dJ/dw:

    * m := β₁·m + (1 - β₁)·g, the mean of the gradients,
    * v := β₂·v + (1 - β₂)·g², the mean of their squares,
    * w := w - αₜ·m / (√v + ε), where αₜ = α·√(1 - β₂ᵗ) / (1 - β₁ᵗ) makes up for m and v
      starting at 0.

    A weight that keeps moving in one direction has |m| near √v and moves by α; one that
    oscillates has m near 0.

    Args:
        learning_rate: α.
        beta_1: β₁, from 0 to below 1.
        beta_2: β₂, likewise.
        epsilon: ε.
        amsgrad: Whether to divide by the largest v so far.

    The settings that all optimizers share are described at `Optimizer`.

    Differs from Keras in digits: in float32 the factors 1 - βᵗ keep all of theirs, so
    the first steps are right to 1e-7 where Keras' are to 2e-5.

    Example:
        >>> Adam(0.1).apply(jnp.array([2.0, -0.01]), jnp.array([1.0, 1.0]))
        Array([0.9, 1.1], dtype=float32)

    Source: Kingma and Ba, 2015; lecture 000, "Adam Algorithm Intuition"; Reddi et al.,
    2018, for amsgrad.
    """

    step_size = "rate"
    slots = (("momentum", "velocity"), ("velocity_hat",))

    amsgrad: bool = False

    def rule(self) -> Rule:
        return scale_by_adam(self.beta_1, self.beta_2, self.epsilon, self.amsgrad)


class AdamW(Adam):
    """Adam with weight decay: first w := w - α·λ·w, then Adam's step.

    Args:
        learning_rate: α.
        weight_decay: λ.
        beta_1: β₁, from 0 to below 1.
        beta_2: β₂, likewise.
        epsilon: ε.
        amsgrad: Whether to divide by the largest v so far.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> AdamW(0.1, weight_decay=0.5).apply([0.0], [1.0])
        [Array(0.95, dtype=float32)]

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    weight_decay: float | None = number(default=0.004, minimum=0)


class Adamax(Averages, Optimizer):
    """Adam by the largest gradient: w := w - α·m / ((1 - β₁ᵗ)·(u + ε)).

    Here m := β₁·m + (1 - β₁)·g and u := max(β₂·u, |g|), with g = dJ/dw at step t.

    Args:
        learning_rate: α.
        beta_1: β₁, from 0 to below 1.
        beta_2: β₂, likewise.
        epsilon: ε.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Adamax(0.5).apply(jnp.array([2.0, -4.0]), jnp.array([1.0, 1.0]))
        Array([0.5, 1.5], dtype=float32)

    Source: Kingma and Ba, 2015, section 7.1.
    """

    step_size = "rate"
    slots = (("momentum", "norm"),)

    def rule(self) -> Rule:
        def leaf_at(alpha: Array, step: Array) -> Callable:
            alpha = alpha / correction(self.beta_1, step)

            def leaf(g: Array, w: Array, m: Array, u: Array) -> tuple[Array, ...]:
                m = m + (g - m) * (1 - self.beta_1)
                u = jnp.maximum(self.beta_2 * u, jnp.abs(g))
                return -alpha * m / (u + self.epsilon), m, u

            return leaf

        return leafwise(leaf_at, momentum=0.0, norm=0.0)


class Nadam(Averages, Optimizer):
    """Adam with Nesterov's momentum.

    At step t, with g = dJ/dw, μₜ = β₁·(1 - ½·0.96ᵗ) and Πₜ = μ₁·μ₂ ... μₜ:

    * m := β₁·m + (1 - β₁)·g and v := β₂·v + (1 - β₂)·g²,
    * m̂ = μₜ₊₁·m / (1 - Πₜ₊₁) + (1 - μₜ)·g / (1 - Πₜ) and v̂ = v / (1 - β₂ᵗ),
    * w := w - α·m̂ / (√v̂ + ε).

    Args:
        learning_rate: α.
        beta_1: β₁, from 0 to below 1.
        beta_2: β₂, likewise.
        epsilon: ε.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Nadam(0.1, beta_1=0.0).apply(jnp.array([2.0]), jnp.array([1.0]))
        Array([0.9], dtype=float32)

    Source: Dozat, 2015.
    """

    step_size = "rate"
    slots = (("momentum", "velocity"), ("=product",))

    def rule(self) -> Rule:
        def init(params: Tree) -> Slots:
            dtype = jnp.result_type(*jax.tree.leaves(params))
            one = full_like(np.empty((), dtype), 1.0)
            slots = {name: full_like(params) for name in ("momentum", "velocity")}
            return slots | {"product": one}

        def update(
            grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
        ) -> tuple[Tree, Slots]:
            del params
            now, then = (
                self.beta_1 * (1 - 0.5 * jnp.power(0.96, t)) for t in (step, step + 1)
            )
            product = slots["product"] * now
            by_m = alpha * then / (1 - product * then)
            by_g = alpha * (1 - now) / (1 - product)
            weight = correction(self.beta_2, step)

            def leaf(g: Array, m: Array, v: Array) -> tuple[Array, ...]:
                m = m + (g - m) * (1 - self.beta_1)
                v = v + (g * g - v) * (1 - self.beta_2)
                size = jnp.sqrt(v / weight) + self.epsilon
                return -(by_m * m + by_g * g) / size, m, v

            change, m, v = each(leaf, grads, slots["momentum"], slots["velocity"])
            return change, {"momentum": m, "velocity": v, "product": product}

        return Rule(init, update)


class ScheduleFreeAdamW(Averages, Optimizer):
    """AdamW with a mean of its steps in the place of a schedule.

    At step t, with g = dJ/dw, αₜ = α·min(t / warmup, 1) and z, which starts at w:

    * v := β₂·v + (1 - β₂)·g², and z' := z - αₜ·g / (√(v / (1 - β₂ᵗ)) + ε),
    * x = (w - (1 - β₁)·z) / β₁, the mean so far, and x' = (1 - 1/t)·x + z' / t,
    * w := (1 - β₁)·z' + β₁·x'.

    Args:
        learning_rate: α.
        beta_1: β₁, above 0.
        beta_2: β₂, from 0 to below 1.
        epsilon: ε.
        warmup_steps: How many steps α rises for.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> ScheduleFreeAdamW(0.5).apply(jnp.array([2.0, -4.0]), jnp.array([1.0, 1.0]))
        Array([0.5, 1.5], dtype=float32)

    Source: Defazio et al., "The road less scheduled", 2024.
    """

    step_size = "rate"
    slots = (("momentum", "velocity"),)

    learning_rate: Any = rate(0.0025)
    beta_1: float = number(default=0.9, above=0, maximum=1)
    epsilon: float = number(default=1e-8, minimum=0)
    warmup_steps: int = number(default=0, minimum=0)

    def rule(self) -> Rule:
        keep = self.beta_1

        def init(params: Tree) -> Slots:
            copies = jax.tree.map(jnp.array if is_traced(params) else np.array, params)
            return {"momentum": copies, "velocity": full_like(params)}

        def update(
            grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
        ) -> tuple[Tree, Slots]:
            rises = jnp.minimum(step / jnp.maximum(self.warmup_steps, 1), 1)
            alpha = alpha * rises.astype(alpha.dtype)
            weight = correction(self.beta_2, step)

            def leaf(g: Array, w: Array, z: Array, v: Array) -> tuple[Array, ...]:
                v = v + (g * g - v) * (1 - self.beta_2)
                new = z - alpha * g / (jnp.sqrt(v / weight) + self.epsilon)
                x = (w - (1 - keep) * z) / keep
                x = (1 - 1 / step) * x + new / step
                return (1 - keep) * new + keep * x - w, new, v

            old = slots["momentum"], slots["velocity"]
            change, z, v = each(leaf, grads, params, *old)
            return change, {"momentum": z, "velocity": v}

        return Rule(init, update)
