"""Trained networks, one for each fold: what a model of a table is made of."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Self

import jax
import numpy as np

from onefit.models import Model
from onefit.networks.architecture import Architecture
from onefit.programs import Program
from onefit.tables.heads import HEADS
from onefit.tables.inputs import Inputs
from onefit.tables.networks import KINDS, Shape, network
from onefit.types import Array, Config, Tree

__all__ = ["Member", "stacked"]

ROWS = 4096
"""Rows that one call answers, at most."""


@Program
def _answers(
    graph: Architecture,
    params: Tree,
    state: Tree,
    x: Tree,
    *,
    problem: str,
    ends: bool,
    members: bool,
) -> Array:
    """What each fold's network says to its rows, (fold, rows, ...)."""

    def one(params: Tree, state: Tree, x: Tree) -> Array:
        z = graph.apply(params, state, x, training=False)[0]
        if members and z.ndim < 3:  # one output of each
            z = z[..., None]
        head = HEADS[problem].ends if ends else HEADS[problem]
        said = head.answer(z)
        return said.mean(axis=1) if members else said

    return jax.vmap(one)(params, state, x)


def stacked(shape: Shape, folds: Sequence[Inputs]) -> dict[str, np.ndarray]:
    """The inputs of each fold's network, (fold, rows, columns)."""
    each = [shape.columns(inputs) for inputs in folds]
    return {name: np.stack([x[name] for x in each]) for name in each[0]}


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """Networks of one kind, settings and seed, one for each fold.

    Attributes:
        kind: Its name in KINDS.
        settings: What they were made and trained with, the seed among them.
        shape: What shapes the networks of this table.
        params, state: Their weights, (fold, ...).
        scale: The mean and deviation of the targets, (fold, 2); of classes (0, 1).
    """

    kind: str
    settings: Config
    shape: Shape
    params: Tree
    state: Tree
    scale: np.ndarray

    @functools.cached_property
    def model(self) -> Model:
        """The network, with other weights."""
        return network(KINDS[self.kind], self.shape, self.settings)

    def __call__(self, x: dict[str, np.ndarray]) -> np.ndarray:
        """What each fold's network says: probabilities (fold, rows, classes), or
        numbers (fold, rows).
        """
        n = next(iter(x.values())).shape[1]
        size = min(ROWS, 1 << max(n - 1, 0).bit_length())
        members = bool(KINDS[self.kind].members)
        told = {"problem": self.shape.problem, "ends": self.shape.ends}
        told["members"] = members
        graph, names = self.model.graph, self.model.input_names
        parts = []
        for start in range(0, n, size):
            piece = [_padded(x[name][:, start : start + size], size) for name in names]
            given = tuple(piece) if len(piece) > 1 else piece[0]
            said = _answers(graph, self.params, self.state, given, **told)
            parts.append(np.asarray(said)[:, : n - start])
        said = np.concatenate(parts, axis=1)
        head = self.shape.head
        if head.classes:
            return said
        middle, spread = self.scale.T.reshape(2, -1, *[1] * (said.ndim - 1))
        return head.back(said * spread + middle)

    def written(self) -> tuple[Config, dict[str, np.ndarray]]:
        """Settings as JSON can hold them, and arrays by name."""
        told = {"kind": self.kind, "settings": self.settings}
        leaves = jax.tree.leaves((self.params, self.state))
        arrays = {f"weights_{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        return told, arrays | {"scale": self.scale}

    @classmethod
    def read(cls, told: Config, shape: Shape, arrays: dict[str, np.ndarray]) -> Self:
        """What `written` gave, from a network that is made anew."""
        slot = network(KINDS[told["kind"]], shape, told["settings"]).graph.slot
        leaves, nest = jax.tree.flatten((slot.params, slot.state))
        own: list[Any] = [arrays[f"weights_{i}"] for i in range(len(leaves))]
        params, state = nest.unflatten(own)
        return cls(
            told["kind"], told["settings"], shape, params, state, arrays["scale"]
        )


def _padded(a: np.ndarray, size: int) -> np.ndarray:
    """With so many rows, zeros behind those there are."""
    return np.pad(a, [(0, 0), (0, size - a.shape[1]), (0, 0)])
