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

__all__ = ["Named", "everywhere", "first_places", "left", "once", "refuse_shared_state"]


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
    """
    if len(set(map(id, holders))) == len(holders):
        return None
    first: dict[int, int] = {}
    variables = [leaf.variable for leaf in jax.tree.leaves(named)]
    return tuple(first.setdefault(id(v), i) for i, v in enumerate(variables))


def refuse_shared_state(named: Tree) -> None:
    """Refuses what training updates in two places: the last one's numbers would stay.

    Args:
        named: The state, a `Named` each.

    Raises:
        ValueError: A layer with averages, or a variable that a `call` assigns.
    """
    seen: set[int] = set()
    for leaf in jax.tree.leaves(named):
        variable = leaf.variable
        layer = getattr(variable, "layer", None)
        known = isinstance(layer, Layer)
        if id(variable) in seen and (not known or layer.trainable):
            raise invalid(
                where(layer) if known else f"Variable {variable.path!r}",
                "a state that training updates, in two layers of the model",
                "one place, or a layer that is frozen",
                "make a second one, or call the layer in one class alone",
            )
        seen.add(id(variable))


def once(free: Tree, first: tuple[int, ...] | None) -> Tree:
    """The free weights without what stands before; all of them for None."""
    if first is None:
        return free
    leaves, nest = jax.tree.flatten(free)
    pairs: Any = enumerate(zip(leaves, first, strict=True))
    return nest.unflatten([leaf if at == i else None for i, (leaf, at) in pairs])


def left(params: Tree, first: tuple[int, ...] | None) -> Tree:
    """Weights without what stands before, as if no layer had it; all of them for None.

    So a penalty of a shared weight counts once.
    """
    return params if first is None else _without_none(once(params, first))


def _without_none(tree: Tree) -> Tree:
    if isinstance(tree, tuple):
        return tuple(map(_without_none, tree))
    if isinstance(tree, dict):
        return {k: _without_none(v) for k, v in tree.items() if v is not None}
    return tree


def everywhere(own: Tree, free: Tree, first: tuple[int, ...]) -> Tree:
    """The free weights in each place, from those that `once` has left."""
    rest, found = iter(jax.tree.leaves(own)), []
    for i, at in enumerate(first):
        found.append(next(rest) if at == i else found[at])
    return jax.tree.structure(free).unflatten(found)
