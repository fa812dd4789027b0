"""A graph that remembers what passes through it, and can be nudged anywhere.

Every layer is put into a spy. At each call the spy adds a tap to z and to a, zeros that
change nothing; the derivative of J by a tap is dJ/dz or dJ/da. Weights are given once
for each call, so that a layer that is called twice tells which call gave what. All else
is the graph's own forward pass, the one that trains.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from onefit import activations
from onefit.layers import Activation, InputLayer
from onefit.layers.base import Layer, Outcome
from onefit.models.graph import Graph

__all__ = ["Place", "TappedLoss", "activation_of", "mapped", "places", "spied"]


def _bends(layer: Layer) -> bool:
    """Whether a layer is an activation of its own: what comes in is its z."""
    return layer.role == "activation" and not isinstance(layer, Activation)


def _add(x: Any, taps: Any) -> Any:
    """What passes, plus its taps: one for each array of numbers, None for others."""
    if taps is None:
        return x
    leaves, nest = jax.tree.flatten(x)
    added = [a if t is None else a + t for a, t in zip(leaves, taps, strict=True)]
    return nest.unflatten(added)


class _Spy(Layer, abstract=True):
    """A layer whose calls are recorded in its state.

    Args:
        inner: The layer, without its last activation if it has one.
        after: That activation.
        activity: Its penalty on a.
        logits: Whether the loss takes z, so that a is only looked at.
    """

    inner: Any
    after: Any = None
    activity: Any = None
    logits: bool = False

    @property
    def random(self) -> bool:  # type: ignore[override]
        return self.inner.random

    @property
    def integers(self) -> bool:  # type: ignore[override]
        return self.inner.integers

    @property
    def bends(self) -> bool:
        return _bends(self.inner)

    def forward(
        self,
        params: Any,
        state: Any,
        x: Any,
        *,
        training: bool,
        key: Any,
        mask: Any = None,
        use_mask: bool = True,
        **options: Any,
    ) -> Outcome:
        number = len(state["calls"])
        weights, taps = params["weights"], {"z": None, "a": None}
        if params["taps"] is not None:
            weights, taps = weights[number], params["taps"][number]
        given = _add(x, taps["z"]) if self.bends else x
        y, new, penalty, there = self.inner.forward(
            weights,
            state["own"],
            given,
            training=training,
            key=key,
            mask=mask,
            use_mask=use_mask,
            **options,
        )
        z, slope = (given if self.bends else y), None
        if self.after is not None:
            z = _add(y, taps["z"])
            y = self.after(z)
            facts = activations.facts_of(self.after)
            if facts is None or not facts.across:
                slope = jax.jvp(self.after, (z,), (jnp.ones_like(z),))[1]
        a = y if self.logits else _add(y, taps["a"])
        if self.activity is not None:
            penalty = penalty + self.activity(a) / max(a.shape[0], 1)
        record = {"input": x, "z": z, "a": a, "slope": slope, "mask": there}
        state = {"own": new, "calls": (*state["calls"], record)}
        return Outcome(z if self.logits else a, state, penalty, there)

    def penalty(self, params: Any) -> Any:
        """None: the weights' penalties are told apart from the rest of J."""
        return 0.0


def activation_of(layer: Any) -> Any:
    """The activation that a layer ends in, or that of the layer it wraps."""
    own = layer.ends_in
    inner = getattr(layer, "layer", None)
    return own if own is not None or inner is None else activation_of(inner)


def _spy(layer: Any, full: Any) -> Any:
    """The spy of a layer; `full` is the layer before it was cut back to its logits."""
    if layer is not full:
        return _Spy(inner=layer, after=activation_of(full), logits=True)
    after = activation_of(layer)
    if after in (None, activations.linear) or _bends(layer):
        return _Spy(inner=layer)
    shorter = layer.before(after)
    if shorter is None:  # the activation is not the last thing it does
        return _Spy(inner=layer)
    activity = getattr(shorter, "activity_regularizer", None)
    if activity is not None:
        shorter = shorter.replace(activity_regularizer=None)
    return _Spy(inner=shorter, after=after, activity=activity)


def spied(graph: Graph, full: Graph) -> Graph:
    """The graph with every layer in a spy, those of graphs inside it too."""

    def one(layer: Any, whole: Any) -> Any:
        if isinstance(layer, InputLayer):
            return layer
        isgraph = isinstance(layer, Graph)
        return spied(layer, whole) if isgraph else _spy(layer, whole)

    pairs = zip(graph.layers, full.layers, strict=True)
    return graph.replace(layers=tuple(one(*pair) for pair in pairs))


def mapped(graph: Graph, f: Callable[..., Any], *trees: Any) -> tuple[Any, ...]:
    """f(spy, ...) for every spy, in the nest that a graph's weights have."""

    def one(layer: Any, *parts: Any) -> Any:
        if isinstance(layer, Graph):
            return mapped(layer, f, *parts)
        return f(layer, *parts) if isinstance(layer, _Spy) else parts[0]

    rows = zip(graph.layers, *trees, strict=True)
    return tuple(one(*row) for row in rows)


class Place(NamedTuple):
    """Where in a model a call is.

    Attributes:
        layer: The layer.
        path: The numbers that lead to it: of a graph's layer, of a layer within that.
        number: Which call of the layer, from 0.
        name: The layer's name, behind those of the models that it is in.
        sources: What it is called on: places, and names of inputs.
    """

    layer: Any
    path: tuple[int, ...]
    number: int
    name: str
    sources: tuple[Any, ...]


def places(graph: Graph, inputs: list[str]) -> tuple[list[Place], list[Any]]:
    """Every call in its order, and the places that make the outputs."""
    found: list[Place] = []
    counts: dict[tuple[int, ...], int] = {}

    def thread(graph: Graph, x: Any, path: tuple[int, ...], names: tuple) -> Any:
        def call(node: Any, number: int, flow: Any, mask: Any) -> Any:
            del number, mask
            layer, here = graph.layers[node.layer], (*path, node.layer)
            if isinstance(layer, InputLayer):
                return flow
            if isinstance(layer, Graph):
                return thread(layer, flow, here, (*names, layer.name))
            count = counts.get(here, 0)
            counts[here] = count + 1
            name = "/".join(map(str, (*names, layer.name)))
            sources = tuple(_leaves(flow))
            found.append(Place(layer, here, count, name, sources))
            values = (_Value(found[-1]),) * node.outputs
            return values if node.outputs > 1 else values[0]

        return graph.thread(x, call)

    names = [_Value(name) for name in inputs]
    ends = thread(graph, names[0] if graph.inputs == 1 else tuple(names), (), ())
    return found, list(_leaves(ends))


class _Value:
    """What flows: where it was made. No pytree, so that it is never taken apart."""

    def __init__(self, maker: Any) -> None:
        self.maker = maker


def _leaves(flow: Any) -> Iterator[Any]:
    return (value.maker for value in jax.tree.leaves(flow))


class TappedLoss:
    """A loss that keeps the value of each example, and adds a tap to it.

    The derivative of J by the tap is what one example's loss counts in J: w⁽ⁱ⁾/m.
    """

    def __init__(self, loss: Any, tap: Any) -> None:
        self.loss, self.tap, self.values = loss, tap, None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loss, name)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each example, and the tap."""
        self.values = self.loss.call(y_true, y_pred)
        return self.values if self.tap is None else self.values + self.tap

    def cost(self, *args: Any) -> Any:
        """The loss's own weighing and reduction."""
        return type(self.loss).cost(self, *args)  # type: ignore[arg-type]
