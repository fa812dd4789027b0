"""What many networks of one structure answer, in one program."""

import functools
from typing import Any

import jax
import numpy as np

from onefit.models import Model
from onefit.training import data as rows
from onefit.types import Tree

__all__ = ["predictions"]

VALUES = 1 << 24
"""Numbers of input that one call takes, over all members."""


@functools.partial(jax.jit)
def _forward(graph: Any, params: Tree, state: Tree, x: Any) -> Any:
    def one(params: Tree, state: Tree) -> Any:
        return graph.apply(params, state, x, training=False)[0]

    return jax.vmap(one)(params, state)


def predictions(
    model: Model, params: Tree, state: Tree, x: Any, batch_size: int | None = None
) -> Any:
    """The outputs of every member for these rows, (member, rows, ...)."""
    x = rows.as_batch(x, finite=False, inputs=model.input_names).x
    leaves = jax.tree.leaves(x)
    n = len(leaves[0])
    members = len(jax.tree.leaves((params, state))[0])
    each = sum(int(np.prod(a.shape[1:])) for a in leaves) * members
    size = batch_size or max(1, min(n, VALUES // max(each, 1)))
    parts = []
    for start in range(0, n, size):
        piece = jax.tree.map(lambda a, at=start: a[at : at + size], x)
        y = _forward(model.graph, params, state, piece)
        parts.append(jax.tree.map(np.asarray, y))
    if len(parts) == 1:
        return parts[0]
    return jax.tree.map(lambda *a: np.concatenate(a, axis=1), *parts)
