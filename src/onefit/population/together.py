"""The outputs of many networks, those of one structure in one program."""

from collections.abc import Iterator
from typing import TypeVar

import jax
import numpy as np

from onefit import config
from onefit.models import Model
from onefit.networks.architecture import Architecture
from onefit.programs import Program
from onefit.types import ArrayLike, Tree

__all__ = ["Stack", "outputs", "repeated", "stacks"]

A = TypeVar("A", bound=Architecture)

VALUES = 1 << 24
"""Numbers of input that one call takes, over all members."""

Stack = tuple[Architecture, Tree, Tree]
"""Members of one structure: graphs, weights and states, all (member, ...)."""


@Program
def _forward(graph: Architecture, params: Tree, state: Tree, x: Tree) -> Tree:
    def one(graph: Architecture, params: Tree, state: Tree) -> Tree:
        return graph.apply(params, state, x, training=False)[0]

    return jax.vmap(one)(graph, params, state)


def outputs(
    groups: list[Stack], x: Tree, batch_size: int | None = None
) -> Iterator[Tree]:
    """The outputs of all members, some rows at a time, (member, rows, ...).

    Args:
        groups: The members, in the order of the outputs.
        x: Rows of inputs, converted.
        batch_size: Rows at once; as many as are little memory unless given.
    """
    leaves = jax.tree.leaves(x)
    n = len(leaves[0])
    members = sum(len(jax.tree.leaves(group[1:])[0]) for group in groups)
    each = sum(int(np.prod(a.shape[1:])) for a in leaves) * members
    size = batch_size or max(1, min(n, VALUES // max(each, 1)))
    for start in range(0, n, size):
        piece = jax.tree.map(lambda a, at=start: a[at : at + size], x)
        parts = [_forward(*group, piece) for group in groups]
        yield jax.tree.map(lambda *a: np.concatenate([*map(np.asarray, a)]), *parts)


def repeated(graph: A, count: int) -> A:
    """A graph with each of its numbers repeated for every member, (member, ...)."""

    def each(value: ArrayLike) -> np.ndarray:
        array = _number(value)
        return np.broadcast_to(array, (count, *array.shape))

    return jax.tree.map(each, graph)


def stacks(models: list[Model]) -> tuple[list[Stack], np.ndarray]:
    """Models as stacks, one for each structure, and the order of models in them."""
    alike: dict[object, list[int]] = {}
    for i, model in enumerate(models):
        slot = model.graph.slot
        trees = model.graph, slot.params, slot.state
        key = jax.tree.structure(trees), tuple(map(np.shape, jax.tree.leaves(trees)))
        alike.setdefault(key, []).append(i)
    groups = []
    for at in alike.values():
        own = [models[i].graph for i in at]
        graph = jax.tree.map(lambda *a: np.stack([*map(_number, a)]), *own)
        slots = [(graph.slot.params, graph.slot.state) for graph in own]
        weights = jax.tree.map(lambda *a: np.stack([*map(np.asarray, a)]), *slots)
        groups.append((graph, *weights))
    return groups, np.argsort([i for at in alike.values() for i in at])


def _number(value: ArrayLike) -> np.ndarray:
    """A setting of a description as an array."""
    return np.asarray(value, None if hasattr(value, "dtype") else config.floatx())
