"""The parts that update rules are made of: pairs of pure functions, as in optax.

A rule turns gradients into changes, w := w + change. Parts of optax are used where its
maths is Keras' (`from_optax`); the others are written beside their optimizer.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit.types import Array, Tree

if TYPE_CHECKING:
    from optax import GradientTransformation

__all__ = [
    "Rule",
    "Slots",
    "by_rate",
    "chain",
    "correction",
    "each",
    "from_optax",
    "full_like",
    "is_traced",
    "leafwise",
]


Slots: TypeAlias = dict[str, Any]
"""What a rule remembers from step to step, by Keras' names."""


class Rule(NamedTuple):
    """What an optimizer does with gradients, as two pure functions.

    `init(params) -> slots` and `update(grads, slots, params, alpha, step) -> (changes,
    slots)`, where alpha is the learning rate and step counts from 1.
    """

    init: Callable[[Tree], Any]
    update: Callable[[Tree, Any, Tree, Array, Array], tuple[Tree, Tree]]


def full_like(tree: Tree, value: float = 0.0, *, traced: bool | None = None) -> Tree:
    """Arrays like those of the tree, filled with one value.

    Outside a program they are made by numpy: there, each operation of jax would be
    compiled by itself.
    """
    if traced is None:
        traced = is_traced([tree, value])
    full = jnp.full if traced else np.full
    return jax.tree.map(lambda a: full(a.shape, value, jnp.result_type(a.dtype)), tree)


def is_traced(tree: Tree) -> bool:
    """Whether some of these numbers are only known inside a program."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def each(f: Callable[..., tuple], tree: Tree, *others: Tree) -> tuple[Tree, ...]:
    """Calls f at every leaf of the tree; each value that it returns becomes a tree.

    >>> each(lambda g, m: (g + m, g * m), {"w": 2.0}, {"w": 3.0})
    ({'w': 5.0}, {'w': 6.0})
    """
    leaves, structure = jax.tree.flatten(tree)
    columns = [leaves, *(structure.flatten_up_to(other) for other in others)]
    results = [f(*row) for row in zip(*columns, strict=True)]
    return tuple(structure.unflatten(r) for r in zip(*results, strict=True))


def correction(beta: float, step: Array) -> Array:
    """1 - βᵗ: the weight that an average of rate β has gathered after t steps.

    Written so that it keeps its digits in float32, where 0.999² has lost half of
    those of 1 - 0.999².
    """
    return -jnp.expm1(step * jnp.log1p(beta - 1.0))


def leafwise(leaf_at: Callable[[Array, Array], Callable], **starts: Any) -> Rule:
    """A rule for each weight by itself, from the slots that are named and their starts.

    `leaf_at(alpha, step)` is a function of a gradient, its weight and the slots, in
    order; it returns the weight's change and the new slots.
    """

    def init(params: Tree) -> Slots:
        return {name: full_like(params, start) for name, start in starts.items()}

    def update(
        grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
    ) -> tuple[Tree, Slots]:
        old = (slots[name] for name in starts)
        change, *new = each(leaf_at(alpha, step), grads, params, *old)
        return change, dict(zip(starts, new, strict=True))

    return Rule(init, update)


def chain(**parts: Rule) -> Rule:
    """The parts one after another; each one's slots under its name, if it has any."""

    def init(params: Tree) -> Slots:
        slots = {name: part.init(params) for name, part in parts.items()}
        return {name: slot for name, slot in slots.items() if jax.tree.leaves(slot)}

    def update(
        grads: Tree, slots: Slots, params: Tree, alpha: Array, step: Array
    ) -> tuple[Tree, Slots]:
        new = {}
        for name, part in parts.items():
            grads, new[name] = part.update(
                grads, slots.get(name, ()), params, alpha, step
            )
        return grads, {name: new[name] for name in slots}

    return Rule(init, update)


def by_rate() -> Rule:
    """From a direction d to the change -α·d."""

    def update(
        grads: Tree, slots: Tree, params: Tree, alpha: Array, step: Array
    ) -> tuple[Tree, Tree]:
        del params, step
        return jax.tree.map(lambda d: -alpha * d, grads), slots

    return Rule(lambda params: (), update)


def from_optax(transform: "GradientTransformation", start: float = 0.0) -> Rule:
    """A transformation of optax as a rule; all its slots begin at `start`."""

    def init(params: Tree) -> Tree:
        slots = jax.eval_shape(transform.init, params)
        return full_like(slots, start, traced=is_traced([params, start]))

    def update(
        grads: Tree, slots: Tree, params: Tree, alpha: Array, step: Array
    ) -> tuple[Tree, Tree]:
        del alpha, step
        return transform.update(grads, slots, params)

    return Rule(init, update)
