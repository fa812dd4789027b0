"""The sums of metrics that are in layers, as a part of the state that calls carry.

A metric in an attribute of a layer is updated in the layer's `call`. Whoever runs the
layer gives its sums with the layer's state, and finds the new ones in the state after
it; in a state without them, what `call` adds to them is forgotten. So they are no
weights, and each epoch and each evaluation begins with sums of its own.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from onefit.metrics.base import Metric, MetricState
from onefit.types import Tree

if TYPE_CHECKING:
    from onefit.layers.base import Layer

__all__ = ["Way", "carried_sums", "carrying", "keep", "metered_below", "sums_of"]
__all__ += ["without_sums"]

Way = tuple[int | str, ...]
"""Where the sums of a metric are in a state: of which layers, and how names begin."""


def carrying(
    layer: "Layer", state: Tree, sums: Iterable[MetricState] | None = None
) -> Tree:
    """A state of the layer with sums of its metrics: these, or those they have now."""
    metered = layer.metered()
    if sums is None:
        sums = [metric.state for _, metric in metered]
    for (way, _), own in zip(metered, sums, strict=True):
        state = _put(state, way, own)
    return state


def _put(state: Tree, way: Way, own: MetricState) -> Tree:
    first, *rest = way
    if isinstance(first, str):
        return state | {first + name: value for name, value in own.items()}
    inner = _put(state[first], tuple(rest), own)
    return (*state[:first], inner, *state[first + 1 :])


def sums_of(layer: "Layer", state: Tree) -> tuple[MetricState, ...]:
    """The sums of each metric of the layer, in a state that carries them."""
    return tuple(_found(state, *pair) for pair in layer.metered())


def _found(state: Tree, way: Way, metric: Metric) -> MetricState:
    for step in way[:-1]:
        state = state[step]
    return {name: state[f"{way[-1]}{name}"] for name in metric.state}


def carried_sums(layer: "Layer", state: Tree) -> list[MetricState | None]:
    """The sums of each metric of the layer in a state; None where it carries none."""
    return [
        _found(state, way, metric)
        if all(f"{way[-1]}{name}" in state for name in metric.state)
        else None
        for way, metric in layer.metered()
    ]


def metered_below(name: str, layer: "Layer") -> list[tuple[Way, Metric]]:
    """The metrics of a layer whose weights are in another's flat dict by its name."""
    return [
        ((f"{name}/{number}/{way[0]}" if one is not layer else f"{name}/{way[0]}",), m)
        for number, one in enumerate(layer.plain_layers())
        for way, m in one.metered()
    ]


def without_sums(state: Tree, like: Tree) -> Tree:
    """The state without sums, as one that carries none."""
    if isinstance(like, tuple):
        return tuple(map(without_sums, state, like))
    return {name: state[name] for name in like}


def keep(layer: "Layer", state: Tree) -> None:
    """Gives the layer's metrics their sums out of a state that carries them."""
    metrics = [metric for _, metric in layer.metered()]
    for metric, own in zip(metrics, sums_of(layer, state), strict=True):
        metric.keep(own)
