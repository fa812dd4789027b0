"""The network as the rules see it: calls of plain layers, and what joins them."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import jax

from onefit import activations
from onefit.activations import Facts
from onefit.layers.activation import Softmax
from onefit.layers.base import Layer, Role
from onefit.layers.core import InputLayer
from onefit.networks.called import Body, layers_of
from onefit.networks.functional import Nest, graph_of
from onefit.networks.graph import Graph, Node, as_graph
from onefit.networks.network import Network as Model
from onefit.slots import holding
from onefit.types import Function, Params, Shape, Shapes, Tree, is_shape

__all__ = ["PASSING", "SHAPING", "Call", "Network", "activation_of", "laid_open"]

SHAPING = frozenset({"shape", "dropout"})
"""Layers that leave the values as they are, but for their order and what is dropped."""

PASSING = SHAPING | {"batch normalization", "scaling", "average pooling"}
"""Layers that are linear: they keep two linear layers around them one linear layer."""


def activation_of(layer: Layer) -> str | None:
    """The name of a layer's activation; '?' for one that is not of the library.

    >>> activation_of(onefit.layers.Dense(1)), activation_of(onefit.layers.ReLU())
    ('linear', 'relu')
    >>> activation_of(onefit.layers.Dense(1, lambda z: z)), activation_of(
    ...     onefit.layers.Flatten())
    ('?', None)
    """
    if isinstance(layer, Softmax) and layer.axis != -1:
        return "?"
    fn = layer.ends_in
    return None if fn is None else _name_of(fn)


def _name_of(fn: Function) -> str:
    plain = getattr(fn, "func", fn)  # what a functools.partial binds
    name = getattr(plain, "__name__", "?")
    return name if getattr(activations, name, None) is plain else "?"


def laid_open(model: Model) -> Graph:
    """The calls that a model is made of; of one written as a `call`, those it makes.

    The `call` is run once on symbols, as layers are when a Model of inputs and outputs
    is made. One that computes otherwise, or has no weights yet, stays a single layer.
    """
    whole = as_graph(model.graph, "check")
    sight, body = model._sight, model.as_layer
    written = isinstance(body, Body) and model.built and model.before is None
    if sight is None or not isinstance(body, Body) or not written:
        return whole
    known = [(layer, layer._calls) for layer in layers_of(body)]
    try:
        inputs, now = sight.entrances(), body.slot
        with holding(body.pairs(now.params, now.state)):  # what call assigns is no step
            ends = Nest(inputs, "inputs"), Nest(model.call(inputs), "outputs")
        return graph_of(ends[0].tensors, ends[1], str(model.name))
    except Exception:  # whatever a user's own code says to symbols
        return whole
    finally:
        for layer, calls in known:
            object.__setattr__(layer, "_calls", calls)


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a plain layer.

    Attributes:
        layer: The layer; `core` is what a wrapper (TimeDistributed, Bidirectional,
            SpectralNormalization) holds, else the layer itself.
        activation: The name of its activation, '?' if unknown, None without one.
        sources, outputs: The numbers of the values it takes and makes.
        shapes: The shapes of its inputs; `shape` is that of its first output. None
            where they are not known.
    """

    layer: Any
    core: Any
    activation: str | None
    sources: tuple[int, ...]
    outputs: tuple[int, ...]
    shapes: tuple[Shape | None, ...]
    shape: Shape | None

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    @property
    def kind(self) -> str:
        """The class of the core, such as 'Dense'."""
        return type(self.core).__name__

    @property
    def role(self) -> Role:
        """What the core is in the network: 'dense', 'convolution', 'shape', ..."""
        return self.core.role

    @property
    def facts(self) -> Facts | None:
        """What is known of its activation, also of a user's own; None for nothing."""
        return activations.facts_of(self.core.ends_in)

    @property
    def variant(self) -> str:
        """'depthwise', 'separable' or 'transposed' of such a convolution, else ''."""
        return getattr(self.core, "variant", "")

    @property
    def ends_in(self) -> str | None:
        """The name of its activation, also of a user's own; None without one."""
        fn = self.core.ends_in
        return fn and getattr(fn, "__name__", self.activation)

    @property
    def saturates(self) -> bool:
        """Whether its activation is flat at both ends, for z not far from 0."""
        return self.facts is not None and self.facts.saturates

    @property
    def weighted(self) -> bool:
        """Whether it is a sum of inputs times weights, z = w·x + b, then g(z)."""
        return self.role in ("dense", "convolution")

    @property
    def units(self) -> int | None:
        """The size of the last axis of its output."""
        return self.shape[-1] if self.shape and len(self.shape) > 1 else None

    @property
    def features(self) -> int | None:
        """The size of the last axis of its input."""
        shape = self.shapes[0] if self.shapes else None
        return shape[-1] if shape and len(shape) > 1 else None

    @functools.cached_property
    def params(self) -> Params:
        """The core's weights by name; none before they are made."""
        if not self.layer.ready:
            return {}
        layer, params = self.layer, self.layer.slot.params
        while layer is not self.core:
            part, inner = next(iter(layer.parts().items()))
            layer, params = inner, layer.of(part, params)
        return params


def _core(layer: Layer) -> Layer:
    while layer.role == "wrapper":
        layer = layer.layer
    return layer


def _known_shapes(layer: Layer, known: list[Shape | None]) -> list[Shape]:
    """The output shapes of a call on these shapes, if the layer was called so before.

    Found again by tracing, those of attention cost milliseconds.
    """
    for call in layer._calls:
        if [tensor.shape for tensor in jax.tree.leaves(call.sources)] == known:
            return [tensor.shape for tensor in call.tensors]
    return []


class Network:
    """A graph with the graphs inside it laid open.

    Args:
        graph: The graph.
        input_shape: The shape of its input, a tuple of several, or None.

    Attributes:
        calls: The calls of plain layers, in order.
        inputs, ends: The numbers of the values that come in, and that go out.
        shapes: The shape of each value, None where it is not known.
        error: Why the shapes do not fit each other, if they do not.
    """

    def __init__(self, graph: Graph, input_shape: Shapes = None) -> None:
        self.calls: list[Call] = []
        self.shapes: dict[int, Shape | None] = {}
        self.error: str | None = None
        shapes = jax.tree.leaves(input_shape, is_leaf=is_shape) or [None] * graph.inputs
        if len(shapes) != graph.inputs:
            shapes = [None] * graph.inputs
        self.inputs = tuple(self._value(shape) for shape in shapes)
        self.ends = tuple(self._walk(graph, list(self.inputs)))
        self.maker = {value: call for call in self.calls for value in call.outputs}
        self.readers: dict[int, list[Call]] = {}
        for call in self.calls:
            for value in dict.fromkeys(call.sources):
                self.readers.setdefault(value, []).append(call)

    def _value(self, shape: Shape | None) -> int:
        self.shapes[len(self.shapes)] = shape
        return len(self.shapes) - 1

    def _walk(self, graph: Graph, values: list[int]) -> list[int]:
        """Adds the calls of a graph on these values; the numbers of its outputs."""
        for node in graph.nodes:
            layer: Any = graph.layers[node.layer]
            nest = jax.tree.map(values.__getitem__, node.sources)
            sources = jax.tree.leaves(nest)
            if isinstance(layer, InputLayer):
                values += sources
            elif isinstance(layer, Graph):
                values += self._walk(layer, list(sources))
            else:
                values += self._call(layer, node, nest, sources)
        return [values[end] for end in jax.tree.leaves(graph.outputs)]

    def _call(
        self, layer: Layer, node: Node, nest: Tree, sources: list[int]
    ) -> list[int]:
        known = [self.shapes[value] for value in sources]
        shapes: list[Any] = [None] * node.outputs
        if all(known) and self.error is None:
            try:
                shapes = _known_shapes(layer, known) or jax.tree.leaves(
                    layer.call_shape(
                        jax.tree.map(self.shapes.__getitem__, nest),
                        **dict(node.options),
                    ),
                    is_leaf=is_shape,
                )
            except (ValueError, TypeError) as error:
                self.error = str(error)
        core = _core(layer)
        outputs = [self._value(shape) for shape in shapes]
        self.calls.append(
            Call(
                layer,
                core,
                activation_of(core),
                tuple(sources),
                tuple(outputs),
                tuple(known),
                shapes[0],
            )
        )
        return outputs

    # Ways through the network -------------------------------------------------------

    def after(
        self, value: int, through: Iterable[str] = SHAPING
    ) -> Iterator[Call | None]:
        """What takes a value, behind layers of these roles; None for the model's end.

        Follows every branch.
        """
        if value in self.ends:
            yield None
        for call in self.readers.get(value, []):
            if call.role in through:
                for output in call.outputs:
                    yield from self.after(output, through)
            else:
                yield call

    def before(self, value: int, through: Iterable[str] = SHAPING) -> Call | None:
        """What makes a value, before layers of these roles; None for the input."""
        call = self.maker.get(value)
        while call is not None and call.role in through and len(call.sources) == 1:
            call = self.maker.get(call.sources[0])
        return call

    def reaches(self, call: Call, roles: Iterable[str]) -> bool:
        """Whether a call's output comes to a call of one of these roles later on."""
        rest, seen = list(call.outputs), set()
        while rest:
            value = rest.pop()
            if value in seen:
                continue
            seen.add(value)
            for reader in self.readers.get(value, []):
                if reader.role in roles:
                    return True
                rest += reader.outputs
        return False
