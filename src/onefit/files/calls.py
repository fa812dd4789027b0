"""Calls of a graph as Keras has them: their arguments, and the order of the layers.

Keras keeps no order of its own: it finds the layers anew from the calls, and names
their weights by their places among those of one class. So the order has to be found as
Keras finds it.
"""

from collections.abc import Callable, Iterator

import jax

from onefit.files.masks import HEADS, Masks, Op, Value
from onefit.files.operations import call_of, in_keras
from onefit.layers.attention_heads import INPUTS
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.layers.operation import Absolute, Arithmetic, GetItem
from onefit.layers.recurrent import OverTime
from onefit.layers.wrappers import Bidirectional
from onefit.networks.architecture import Architecture
from onefit.networks.functional import Nest
from onefit.networks.graph import Graph, Node
from onefit.networks.sequential import SequentialNetwork
from onefit.ops.table import Operation
from onefit.types import Tree

__all__ = [
    "MODULE",
    "OPERATIONS",
    "OPERATORS",
    "OURS",
    "arguments",
    "arrangement",
    "entered",
    "in_order",
    "is_sequential",
    "operator",
    "ranks",
]

MODULE = "keras.src.ops.numpy"
"""Where Keras has the operations that `x + y` makes."""

OURS = "onefit.ops"
"""Where we have those that are no layers; Keras does not open a file with these."""

OPERATIONS = {
    "Add": "add",
    "Subtract": "subtract",
    "Multiply": "multiply",
    "Divide": "divide",
    "TrueDivide": "divide",
    "FloorDivide": "floor_divide",
    "Mod": "mod",
    "Power": "power",
    "Matmul": "matmul",
    "Less": "less",
    "LessEqual": "less_equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Equal": "equal",
    "NotEqual": "not_equal",
    "LogicalAnd": "logical_and",
    "LogicalOr": "logical_or",
    "LogicalXor": "logical_xor",
}
"""Keras' operations of two values, and ours."""

OPERATORS = (Arithmetic, GetItem, Absolute, Operation)
"""The layers that are operations in Keras, which have no weights and no place."""


def operator(layer: Layer) -> str | None:
    """Keras' name of the operation that a layer is, or None for a layer of Keras."""
    if not isinstance(layer, OPERATORS):
        return None
    if isinstance(layer, Arithmetic):
        names = {ours: name for name, ours in OPERATIONS.items()}
        return names[layer.operation]
    return type(layer).__name__


def arguments(layer: Layer, node: Node) -> tuple[list[object], dict[str, object]]:
    """The arguments of a call in Keras, values of the graph in them as `Value`s."""
    x, mask = jax.tree.map(Value, (node.sources, node.mask))
    if isinstance(layer, Arithmetic):
        if isinstance(x, tuple):
            return list(x), {}
        pair = [x, layer.constant]
        return pair[::-1] if layer.constant_first else pair, {}
    if isinstance(layer, GetItem):
        return [x, list(layer.index)], {}
    if isinstance(layer, Operation):
        values = list(x) if isinstance(x, tuple) else [x]
        found = in_keras(layer)
        return (values if found is None else call_of(layer, found[0], values)), {}
    options = dict(node.options)
    if "arrangement" in options:  # of a layer in Keras' style
        args, named = options.pop("arrangement").fill(jax.tree.leaves(x))
        return list(args), named | _said(options, mask)
    named = _said(options, mask)
    if isinstance(layer, Graph):
        return [arrangement(layer)[0](x)], named
    if isinstance(layer, OverTime | Bidirectional) and isinstance(x, tuple):
        return [x[0]], {"initial_state": list(x[1:])} | named
    if hasattr(layer, "get_initial_state") and isinstance(x, tuple):  # a cell
        return [_listed(value) for value in x], named
    if isinstance(layer, HEADS):
        given = {k: v for k, v in zip(INPUTS, x, strict=False) if v is not None}
        return [], given | named
    return [_listed(x)], named


def _said(options: dict[str, object], mask: Tree) -> dict[str, object]:
    """What a call is given beside its inputs."""
    named = {k: v for k, v in options.items() if k not in ("training", "use_mask")}
    return named if mask is None else named | {"mask": _listed(mask)}


def _listed(x: Tree) -> Tree:
    return [_listed(v) for v in x] if isinstance(x, tuple) else x


def arrangement(graph: Graph) -> tuple[Callable[[Tree], Tree], Callable[[Tree], Tree]]:
    """How a graph's inputs and outputs are arranged: two functions of their values."""
    face = graph.face
    if face is None or face.whole is not graph:
        return _listed, _listed
    if face.input_nest is None or face.output_nest is None:
        return _listed, _listed
    return face.input_nest.arrange, face.output_nest.arrange


def ranks(graph: Graph) -> list[int]:
    """The place of each output among Keras', which has a dict in its keys' order."""
    count = len(jax.tree.leaves(graph.outputs))
    arranged = arrangement(graph)[1](tuple(range(count)) if count > 1 else 0)
    ordered = jax.tree.leaves(arranged)
    return [ordered.index(i) for i in range(count)]


def is_sequential(graph: Architecture) -> bool:
    """Whether Keras can have a graph as a Sequential: a chain of layers."""
    face = graph.face
    steps = (InputLayer, *OPERATORS)
    if not isinstance(graph, Graph) or any(isinstance(x, steps) for x in graph.layers):
        return False
    if face is not None and face.whole is graph:
        return isinstance(face, SequentialNetwork)
    nodes = tuple(Node(i, i) for i in range(len(graph.layers)))
    return (graph.nodes, graph.outputs) == (nodes, len(nodes))


def entered(graph: Graph) -> Graph:
    """The graph with an InputLayer for each of its inputs, as Keras has to have it."""
    known = {
        node.sources
        for node in graph.nodes
        if isinstance(graph.layers[node.layer], InputLayer)
    }
    missing = [i for i in range(graph.inputs) if i not in known]
    if not missing:
        return graph
    shapes = graph.slot.input_shape
    shapes = shapes if graph.inputs > 1 else (shapes,)
    names, number = {str(layer.name) for layer in graph.layers}, 0
    layers = list(graph.layers)
    for i in missing:
        while f"input_{number}" in names:
            number += 1
        new = InputLayer(batch_shape=shapes[i], name=f"input_{number}")
        names.add(str(new.name))
        layers.append(new.build(shapes[i]))

    def at(value: int) -> int:
        if value in missing:
            return graph.inputs + missing.index(value)
        return value if value < graph.inputs else value + len(missing)

    nodes = [Node(len(graph.layers) + j, i) for j, i in enumerate(missing)]
    for node in graph.nodes:
        moved = jax.tree.map(at, (node.sources, node.mask))
        nodes.append(node._replace(sources=moved[0], mask=moved[1]))
    new = graph.replace(
        layers=tuple(layers),
        nodes=tuple(nodes),
        outputs=jax.tree.map(at, graph.outputs),
    )
    # It stays the graph of its model, whose inputs and outputs are arranged.
    face = graph.face
    if face is not None and face.whole is graph:
        object.__setattr__(new, "face", _Face(new, face.input_nest, face.output_nest))
    return new


class _Face:
    """What `arrangement` asks of a model, for a graph that was changed."""

    def __init__(self, graph: Graph, inputs: Nest | None, outputs: Nest | None) -> None:
        self.whole, self.input_nest, self.output_nest = graph, inputs, outputs


def in_order(graph: Architecture) -> list[Layer]:
    """The layers in the order in which Keras finds them.

    Those far from the outputs come first; of those equally far, the one that is met
    first, going back from the outputs along the calls' arguments. The operations that
    compute masks are steps on the way, too.
    """
    if not isinstance(graph, Graph) or is_sequential(graph):
        return list(graph.layers)
    graph = entered(graph)
    maker = {}
    count = graph.inputs
    for number, node in enumerate(graph.nodes):
        maker |= dict.fromkeys(range(count, count + node.outputs), number)
        count += node.outputs
    masks = Masks(graph)
    before = [
        []
        if isinstance(graph.layers[node.layer], InputLayer)
        else [maker[v] for v in _values(arguments(graph.layers[node.layer], node))]
        for node in graph.nodes
    ]
    ends, places = jax.tree.leaves(graph.outputs), ranks(graph)
    ends = [maker[ends[places.index(i)]] for i in range(len(ends))]
    met, done = _back(ends, before, [node.layer for node in graph.nodes])
    depth = dict.fromkeys(done, 0)
    deepest: dict[int, int] = {}
    for number in reversed(done):
        layer = graph.nodes[number].layer
        depth[number] = max(depth[number], deepest.get(layer, 0))
        deepest[layer] = depth[number]
        steps = [(other, 1) for other in before[number]]
        for mask in (masks.computed.get(number), *masks.written.get(number, ())):
            if isinstance(mask, Op) and mask.known:
                steps += [(maker[v], step) for v, step in mask.depths.items()]
        for other, step in steps:
            depth[other] = max(depth[other], depth[number] + step)
    for node in graph.nodes:  # inputs that no output depends on
        if node.layer not in deepest:
            deepest[node.layer], met[node.layer] = 0, -1
    order = sorted(deepest, key=lambda layer: (-deepest[layer], met[layer]))
    return [graph.layers[layer] for layer in order]


def _values(arguments: object) -> Iterator[int]:
    for value in jax.tree.leaves(arguments):
        if isinstance(value, Value):
            yield value.number


def _back(
    ends: list[int], before: list[list[int]], layer_of: list[int]
) -> tuple[dict[int, int], list[int]]:
    """Going back from the ends: when a layer is met, and calls as they are done."""
    met: dict[int, int] = {}
    done: dict[int, None] = {}
    for end in ends:
        path = []
        rest = [end]
        while rest or path:
            while rest and rest[-1] in done:
                rest.pop()
            if rest:
                number = rest.pop()
                met.setdefault(layer_of[number], len(met))
                path.append((number, rest))
                rest = before[number][::-1]
            elif path:
                number, rest = path.pop()
                done.setdefault(number)
    return met, list(done)
