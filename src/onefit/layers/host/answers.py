# ruff: noqa: D102
"""What a `call` asks of host layers, as a layer that stands before it in a graph."""

from typing import Any

import jax

from onefit.layers.base import Layer
from onefit.layers.host.base import HostLayer
from onefit.layers.questions import Plan, hosts_in
from onefit.types import Shapes, Tree, is_shape

__all__ = ["Answers"]


class Answers(HostLayer, abstract=True):
    """The answers of host layers inside a layer to what its `call` asks them.

    Its inputs are those of the layer that the questions are about.

    Args:
        layer: The layer that is written as a `call`.
        plan: What it asks.
    """

    layer: Any
    plan: Plan

    @property
    def answering(self) -> list[Layer]:
        """The layers that answer, each once."""
        found = [*hosts_in(self.layer)]
        asked = (q.host for q in self.plan.questions if q.host is not None)
        return [found[number] for number in dict.fromkeys(asked)]

    def look(self, x: Tree) -> Any:  # a tuple of arrays, one for each answer
        inputs = x if isinstance(x, tuple) else (x,)
        known = dict(zip(self.plan.about, inputs, strict=True))
        return tuple(self.plan.answers([*hosts_in(self.layer)], known))

    def output_shape(self, input_shape: Shapes) -> Shapes:
        shapes = jax.tree.leaves(input_shape, is_leaf=is_shape)
        known = dict(zip(self.plan.about, shapes, strict=True))
        found = self.plan.shapes([*hosts_in(self.layer)], known)
        return found[0] if len(found) == 1 else tuple(found)
