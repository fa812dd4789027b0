# ruff: noqa: D102
"""Optimizers that divide each gradient by a measure of its size so far."""

from collections.abc import Callable

import jax.numpy as jnp

from onefit.description import number, off
from onefit.optimizers.base import Optimizer
from onefit.optimizers.rules import Rule, by_rate, chain, from_optax, leafwise
from onefit.types import Array

__all__ = ["Adadelta", "Adagrad", "Ftrl", "RMSprop"]


class Adagrad(Optimizer):
    """w := w - α·g / √(s + ε), where g = dJ/dw and s is the sum of all g² so far.

    Args:
        learning_rate: α. It wants a larger one than others do; the paper has 1.
        initial_accumulator_value: Where s starts.
        epsilon: ε.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Adagrad(1.0, initial_accumulator_value=0).apply([-4.0], [1.0])
        [Array(2., dtype=float32)]

    Source: Duchi et al., 2011.
    """

    step_size = None
    slots = (("accumulator.sum_of_squares",),)

    initial_accumulator_value: float = number(default=0.1, minimum=0)
    epsilon: float = number(default=1e-7, minimum=0)

    def rule(self) -> Rule:
        import optax

        start = self.initial_accumulator_value
        squares = from_optax(optax.scale_by_rss(start, self.epsilon), start)
        return chain(accumulator=squares, rate=by_rate())


class RMSprop(Optimizer):
    """w := w - α·g / √(s + ε), where s := ρ·s + (1 - ρ)·g² and g = dJ/dw.

    Centered, the mean m := ρ·m + (1 - ρ)·g is taken off: √(s - m² + ε). With momentum
    β the step is collected first: v := β·v + α·g / √(...) and w := w - v.

    Args:
        learning_rate: α.
        rho: ρ, from 0 to below 1.
        momentum: β; 0 is none.
        epsilon: ε, inside the root.
        centered: Whether to divide by the deviation instead of the size.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> RMSprop(0.1).apply([10.0], [10.0])  # by 0.1·10 / √(0.1·10²)
        [Array(9.6838, dtype=float32)]

    Source: Hinton, "Neural networks for machine learning", lecture 6, 2012.
    """

    step_size = "rate"
    slots = (("velocity.nu",), ("-momentum.trace",), ("velocity.mu",))

    rho: float = number(default=0.9, minimum=0, below=1)
    momentum: float = number(default=0.0, minimum=0, maximum=1)
    epsilon: float = number(default=1e-7, minimum=0)
    centered: bool = False

    def rule(self) -> Rule:
        import optax

        scale = optax.scale_by_stddev if self.centered else optax.scale_by_rms
        parts = {
            "velocity": from_optax(scale(self.rho, self.epsilon)),
            "rate": by_rate(),
        }
        if not off(self.momentum):
            parts["momentum"] = from_optax(optax.trace(self.momentum))
        return chain(**parts)


class Adadelta(Optimizer):
    """w := w - α·d, where d = g·√(u + ε) / √(s + ε) and g = dJ/dw.

    Here s := ρ·s + (1 - ρ)·g², and after it u := ρ·u + (1 - ρ)·d².

    Args:
        learning_rate: α; the paper has 1.
        rho: ρ, from 0 to below 1.
        epsilon: ε.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Adadelta(1.0, rho=0.75, epsilon=1.0).apply([0.0, 2.0], [1.0, 1.0])
        [Array(1., dtype=float32), Array(-0.4142, dtype=float32)]

    Source: Zeiler, 2012.
    """

    step_size = None
    slots = (("delta.e_g", "delta.e_x"),)

    rho: float = number(default=0.95, minimum=0, below=1)
    epsilon: float = number(default=1e-7, minimum=0)

    def rule(self) -> Rule:
        import optax

        scale = from_optax(optax.scale_by_adadelta(self.rho, self.epsilon))
        return chain(delta=scale, rate=by_rate())


class Ftrl(Optimizer):
    """Follow the regularized leader: many weights become exactly 0.

    With g = dJ/dw and n the sum of all g² so far, a step makes

    * n' := n + g², σ = (n'^-p - n^-p) / α,
    * z := z + g + 2·λₛ·w - σ·w,
    * w := (clip(z, -λ₁, λ₁) - z) / (n'^-p / α + 2·λ₂ + β / α).

    Args:
        learning_rate: α.
        learning_rate_power: p, at most 0; 0 is a fixed learning rate.
        initial_accumulator_value: Where n starts.
        l1_regularization_strength: λ₁.
        l2_regularization_strength: λ₂.
        l2_shrinkage_regularization_strength: λₛ, a penalty on the size of w.
        beta: β.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Ftrl(0.5, initial_accumulator_value=0.25).apply([0.0], [1.0])
        [Array(0., dtype=float32)]

    Source: McMahan et al., "Ad click prediction", 2013.
    """

    step_size = None
    slots = (("accumulator", "linear"),)

    learning_rate_power: float = number(default=-0.5, maximum=0)
    initial_accumulator_value: float = number(default=0.1, minimum=0)
    l1_regularization_strength: float = number(default=0.0, minimum=0)
    l2_regularization_strength: float = number(default=0.0, minimum=0)
    l2_shrinkage_regularization_strength: float = number(default=0.0, minimum=0)
    beta: float = number(default=0.0, minimum=0)

    def rule(self) -> Rule:
        l1, l2 = self.l1_regularization_strength, self.l2_regularization_strength
        shrinkage = self.l2_shrinkage_regularization_strength

        def leaf_at(alpha: Array, step: Array) -> Callable:
            ridge = 2 * l2 + self.beta / alpha

            def leaf(g: Array, w: Array, n: Array, z: Array) -> tuple[Array, ...]:
                more = n + g * g
                before, after = (
                    jnp.power(x, -self.learning_rate_power) / alpha for x in (n, more)
                )
                z = z + g + 2 * shrinkage * w - (after - before) * w
                new = (jnp.clip(z, -l1, l1) - z) / (after + ridge)
                return new - w, more, z

            return leaf

        start = self.initial_accumulator_value
        return leafwise(leaf_at, accumulator=start, linear=0.0)
