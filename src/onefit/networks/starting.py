"""Weights that start from data: layer after layer, each by what reaches it."""

from typing import Any

import jax
import numpy as np

from onefit.layers.base import Layer, Outcome
from onefit.layers.tapping import Path, Tap
from onefit.networks.architecture import Architecture
from onefit.programs import Program
from onefit.types import Key, Params, State, Tree

__all__ = ["SAMPLE", "started"]

SAMPLE = 4096
"""Rows that weights start from, at most: medians and deviations need no more."""


class _Start(Tap):
    """Lets every layer that has a `start` begin by its inputs, and goes on from there.

    Attributes:
        made: Each such layer with its weights and state, by its call.
    """

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key
        self.made: dict[Path, tuple[Layer, tuple[Params, State]]] = {}

    def call(
        self,
        path: Path,
        layer: Layer,
        params: Params,
        state: State,
        x: Tree,
        **options: Any,
    ) -> Outcome:
        """One call of a layer, with the weights that it starts with."""
        start = getattr(layer, "start", None)
        if start is not None and path not in self.made:
            key = jax.random.fold_in(self.key, path[-1])
            params, state = start(params, state, x, key)
            self.made[path] = layer, (params, state)
        return super().call(path, layer, params, state, x, **options)


def _start_all(
    graph: Architecture, params: Tree, state: Tree, x: Tree, seed: np.ndarray
) -> tuple[Tree, Tree]:
    def one(params: Tree, state: Tree, x: Tree, seed: Any) -> tuple[Tree, Tree]:
        tap = _Start(jax.random.key(seed))
        graph.forward(params, state, x, training=False, key=None, tap=tap)
        pairs = list(zip(params, state, strict=True))
        places = {id(layer): i for i, layer in enumerate(graph.layers)}
        for layer, made in tap.made.values():
            if id(layer) in places:
                pairs[places[id(layer)]] = made
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    return jax.vmap(one)(params, state, x, seed)


# It runs once: what counts is how fast it compiles.
_started = Program(_start_all, options={"xla_backend_optimization_level": 0})


def started(
    graph: Architecture, params: Tree, state: Tree, x: Tree, seed: np.ndarray
) -> tuple[Tree, Tree]:
    """The weights of many networks, started from the rows of each.

    Args:
        graph: The network; layers that have a `start` (NTPDense, RobustScaling) take
            part, those inside other layers do not.
        params, state: Weights as they were drawn, (network, ...).
        x: Rows of inputs for each network, (network, rows, ...).
        seed: A whole number for each network, for what is random in a start.

    Returns:
        (params, state) to begin with.
    """
    return jax.tree.map(np.asarray, _started(graph, params, state, x, seed))
