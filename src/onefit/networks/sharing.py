"""Layers that stand in two places of a network, and have one set of weights.

Params are a tree with a place for each layer of each layer. A layer that two of a
network's layers have inside them (a decoder that uses its encoder's kernel) is in that
tree twice. Training is to see its weights once: the free weights have them where they
stand first, and every other place is given the same arrays.
"""

from dataclasses import dataclass
from typing import Any

import jax

from onefit.errors import invalid
from onefit.layers.base import Layer, where
from onefit.types import Tree
from onefit.variables import Variable

__all__ = ["Named", "everywhere", "first_places", "once"]


@dataclass(frozen=True)
class Named:
    """A variable as a leaf: JAX takes variables themselves apart."""

    variable: Variable


def first_places(named: Tree, holders: list[object]) -> tuple[int, ...] | None:
    """For each leaf the number of the first one that is the same variable.

    None where no holder of weights is there twice.

    Args:
        named: The free weights, a `Named` each.
        holders: What holds weights, as often as it stands somewhere.

    Raises:
        ValueError: A layer that stands twice and has a penalty, which would count
            twice.
    """
    seen: set[int] = set()
    twice = [h for h in holders if id(h) in seen or seen.add(id(h))]
    if not twice:
        return None
    weights = [w for holder in twice for w in _weights_of(holder)]
    for weight in weights:
        if weight.regularizer is not None:
            raise invalid(
                _place(weight),
                "a regularizer, and a place in two layers of the model",
                "one of the two, as its penalty would count twice",
                "leave the regularizer out, or write add_loss in one of the layers",
            )
    first: dict[int, int] = {}
    variables = [leaf.variable for leaf in jax.tree.leaves(named)]
    return tuple(first.setdefault(id(v), i) for i, v in enumerate(variables))


def _weights_of(holder: object) -> list[Variable]:
    if isinstance(holder, Variable):
        return [holder]
    return list(holder.by_name().values()) if isinstance(holder, Layer) else []


def _place(weight: Variable) -> str:
    """How an error names a weight: by its layer, where one has it."""
    layer = getattr(weight, "layer", None)
    return where(layer) if isinstance(layer, Layer) else f"Variable {weight.path!r}"


def once(free: Tree, first: tuple[int, ...] | None) -> Tree:
    """The free weights without what stands before; all of them for None."""
    if first is None:
        return free
    leaves, nest = jax.tree.flatten(free)
    pairs: Any = enumerate(zip(leaves, first, strict=True))
    return nest.unflatten([leaf if at == i else None for i, (leaf, at) in pairs])


def everywhere(own: Tree, free: Tree, first: tuple[int, ...]) -> Tree:
    """The free weights in each place, from those that `once` has left."""
    rest, found = iter(jax.tree.leaves(own)), []
    for i, at in enumerate(first):
        found.append(next(rest) if at == i else found[at])
    return jax.tree.structure(free).unflatten(found)
