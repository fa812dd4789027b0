# ruff: noqa: D102
"""Gradient descent, with momentum or by the sign alone."""

from typing import Any

from onefit.description import number, off
from onefit.optimizers.base import Optimizer, rate
from onefit.optimizers.rules import Rule, by_rate, chain, from_optax

__all__ = ["SGD", "Lion"]


class SGD(Optimizer):
    """Gradient descent: w := w - α·dJ/dw, where J is the cost of the batch.

    With momentum β: v := β·v - α·dJ/dw and w := w + v; with Nesterov's,
    w := w + β·v - α·dJ/dw, for the v just made.

    Args:
        learning_rate: α.
        momentum: β, from 0 to 1.
        nesterov: Whether the momentum is Nesterov's.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> SGD(0.1).apply(jnp.array([2.0, -1.0]), jnp.array([1.0, 1.0]))
        Array([0.8, 1.1], dtype=float32)

    Source: lecture 000, "Gradient Descent"; lecture 004, "Stochastic gradient descent".
    """

    step_size = "gradient"
    slots = (("momentum.trace",),)

    learning_rate: Any = rate(0.01)
    momentum: float = number(default=0.0, minimum=0, maximum=1)
    nesterov: bool = False

    def rule(self) -> Rule:
        if off(self.momentum):
            return by_rate()
        import optax

        momentum = from_optax(optax.trace(self.momentum, self.nesterov))
        return chain(rate=by_rate(), momentum=momentum)


class Lion(Optimizer):
    """Steps of one size: w := w - α·sign(β₁·m + (1 - β₁)·dJ/dw).

    Then m := β₂·m + (1 - β₂)·dJ/dw. As every number of w moves by α, α is to be three
    to ten times smaller than Adam's, and the weight decay as many times larger.

    Args:
        learning_rate: α.
        beta_1: β₁, above 0 and at most 1.
        beta_2: β₂, from 0 to below 1.

    The settings that all optimizers share are described at `Optimizer`.

    Example:
        >>> Lion(0.1).apply(jnp.array([2.0, -1.0]), jnp.array([1.0, 1.0]))
        Array([0.9, 1.1], dtype=float32)

    Source: Chen et al., "Symbolic discovery of optimization algorithms", 2023.
    """

    step_size = "rate"
    slots = (("momentum.mu",),)

    beta_1: float = number(default=0.9, above=0, maximum=1)
    beta_2: float = number(default=0.99, minimum=0, below=1)

    def rule(self) -> Rule:
        import optax

        sign = from_optax(optax.scale_by_lion(self.beta_1, self.beta_2))
        return chain(momentum=sign, rate=by_rate())
