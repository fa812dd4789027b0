"""Models as Keras' JSON has them, written: layers, and the calls between them.

Keras writes a Sequential as the list of its layers, and a model of inputs and outputs
as layers that each know their calls ("inbound_nodes"). A value is given as the name of
its layer, the number of the call, and which of the call's outputs it is.
"""

import itertools
import re
import warnings
from typing import Any

import jax
import numpy as np

from onefit import layers
from onefit.errors import OnefitWarning
from onefit.files import calls as keras_calls
from onefit.files.calls import MODULE, OURS
from onefit.files.config import Node, node_of, own_node, policy, wrapped
from onefit.files.masks import Masks, Op, Value, mask_arguments
from onefit.files.operations import in_keras
from onefit.layers.base import Layer, where
from onefit.networks.functional import unwrap_single
from onefit.networks.graph import Graph
from onefit.networks.graph import Node as Call
from onefit.networks.network import Network
from onefit.ops.table import Operation
from onefit.types import Shape, is_shape

__all__ = ["write_graph", "write_model"]


def write_model(model: Network) -> Node:
    """A model as Keras writes it, without what `compile` said.

    Raises:
        ValueError: A layer that settings do not describe, or that Keras has not.
    """
    if model.is_own():
        return own_node(model)
    node = write_graph(model.whole)
    node["config"]["name"] = model.name
    return node


@wrapped.register
def write_graph(graph: Graph) -> Node:
    """A model inside another, or inside a layer, as Keras writes it."""
    if keras_calls.is_sequential(graph):
        return _write_sequential(graph)
    return _write_functional(keras_calls.entered(graph))


def _write_layer(layer: Layer) -> Node:
    if isinstance(layer, Graph):
        return write_graph(layer)
    if operation := keras_calls.operator(layer):
        if isinstance(layer, Operation):
            config, found = layer.get_config(), in_keras(layer)  # functions are refused
            if found is None:
                return node_of(OURS, operation, config)
            known, settings = found
            settings["name"] = str(layer.name)
            return node_of(known.module, known.name, settings, known.name)
        node = node_of(MODULE, operation, {"name": str(layer.name)}, operation)
        return node | {"keep_mask": getattr(layer, "keep_mask", False)}
    return wrapped(layer)


def _write_sequential(graph: Graph) -> Node:
    entrance = getattr(graph.face, "entrance_layer", None)
    shape = graph.slot.input_shape if graph.layers and graph.built else None
    if entrance is None and shape is not None:
        entrance = layers.InputLayer(batch_shape=shape)
    settings: Node = {"name": str(graph.name), "trainable": True, "dtype": policy()}
    settings["layers"] = [wrapped(entrance)] if entrance is not None else []
    for layer in graph.layers:
        node = _write_layer(layer)
        if layer.ready and not isinstance(layer, Graph):
            node["build_config"] = {"input_shape": list(layer.slot.input_shape)}
        settings["layers"].append(node)
    node = node_of("keras", "Sequential", settings)
    if entrance is not None:
        settings["build_input_shape"] = list(entrance.batch_shape)
        node["build_config"] = {"input_shape": list(entrance.batch_shape)}
    return node


def _write_functional(graph: Graph) -> Node:
    return _Writer(graph).model()


class _Writer:
    """Writes a graph: the calls in their order, then the layers in Keras' order."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.masks = graph, Masks(graph)
        self.inbound: list[list[Node]] = [[] for _ in graph.layers]
        self.shapes = jax.tree.leaves(graph.slot.input_shape, is_leaf=is_shape)
        self.history: list[Any] = [None] * graph.inputs
        self.entrances: list[Any] = [None] * graph.inputs
        self.names = [
            # Keras calls an operation of its own "concatenate", too.
            f"{layer.name}_layer"
            if i in self.masks.joined
            and re.fullmatch(r"concatenate(_\d+)?", layer.name)
            else str(layer.name)
            for i, layer in enumerate(graph.layers)
        ]
        self.operations: dict[int, tuple[Op, Node]] = {}

    def model(self) -> Node:
        """The model's node."""
        for number, call in enumerate(self.graph.nodes):
            self._call(number, call)
        nodes = {
            name: _write_layer(layer) | {"name": name, "inbound_nodes": calls}
            for name, layer, calls in zip(
                self.names, self.graph.layers, self.inbound, strict=True
            )
        }
        for name, node in nodes.items():
            node["config"]["name"] = name
        places = {
            id(layer): name
            for name, layer in zip(self.names, self.graph.layers, strict=True)
        }
        ordered = [nodes[places[id(one)]] for one in keras_calls.in_order(self.graph)]
        ends = []
        for value in jax.tree.leaves(self.graph.outputs):
            name, call, place = self.history[value]
            # Here, and only here, the calls of a model inside are counted from one.
            inside = nodes[name]["class_name"] == "Functional"
            ends.append([name, call + inside, place])
        inputs, outputs = keras_calls.arrangement(self.graph)
        settings = {
            "name": str(self.graph.name),
            "trainable": True,
            "layers": ordered + [node for _, node in self.operations.values()],
            "input_layers": inputs(unwrap_single(self.entrances)),
            "output_layers": outputs(unwrap_single(ends)),
        }
        where = "keras.src.models.functional"
        return node_of(where, "Functional", settings, "Functional")

    def _call(self, number: int, call: Call) -> None:
        """Writes a call, and notes what Keras calls its outputs."""
        layer, name = self.graph.layers[call.layer], self.names[call.layer]
        before = self.inbound[call.layer]
        place = len(before)
        if isinstance(layer, layers.InputLayer):
            self.entrances[call.sources] = [name, 0, 0]
        else:
            args, named = keras_calls.arguments(layer, call)
            masks = self.masks.written.get(number, ())
            if all(mask is None or _known(mask) for mask in masks):
                named |= mask_arguments(layer, masks) if masks else {}
            else:
                _warn(layer)
            node: Node = {
                "args": self._plain(args, name),
                "kwargs": self._plain(named, name),
            }
            options = dict(call.options)
            if "training" in options:
                # Keras writes this for calls that never said it, so ours is marked.
                node["kwargs"]["training"] = options["training"]
                node["said"] = ["training"]
            before.append(node)
        given = jax.tree.map(self.shapes.__getitem__, call.sources)
        static = {k: v for k, v in call.options if k != "training"}
        shape = layer.call_shape(given, **static)
        self.shapes += jax.tree.leaves(shape, is_leaf=is_shape)
        inside = isinstance(layer, Graph)
        order = keras_calls.ranks(layer) if inside else range(call.outputs)
        self.history += [[name, place, output] for output in order]

    def _plain(self, value: object, name: str) -> object:
        """An argument, with references in place of values; operations are written."""
        match value:
            case Value():
                return _tensor(self.history[value.number], self.shapes[value.number])
            case Op():
                return _tensor([self._operation(value, name), 0, 0], ())
            case slice():
                ends = {"start": value.start, "stop": value.stop, "step": value.step}
                return {"class_name": "__slice__", "config": ends}
            case list() | tuple():
                return [self._plain(v, name) for v in value]
            case dict():
                return {key: self._plain(v, name) for key, v in value.items()}
        if value is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        if hasattr(value, "shape"):
            array = np.asarray(value)
            settings = {"value": array.tolist(), "dtype": str(array.dtype)}
            return {"class_name": "__numpy__", "config": settings}
        return value

    def _operation(self, op: Op, name: str) -> str:
        """The name of an operation that computes a mask; it is written once."""
        if id(op) not in self.operations:
            args = self._plain(op.args, name)
            taken = {
                *self.names,
                *(node["name"] for _, node in self.operations.values()),
            }
            free = (
                f"{name}_mask_{i}" if i else f"{name}_mask" for i in itertools.count()
            )
            name = next(title for title in free if title not in taken)
            node = node_of(MODULE, op.name, op.settings | {"name": name}, op.name)
            calls = [{"args": args, "kwargs": {}}]
            self.operations[id(op)] = op, node | {"name": name, "inbound_nodes": calls}
        return self.operations[id(op)][1]["name"]


def _known(mask: Value | Op) -> bool:
    return isinstance(mask, Value) or mask.known


def _tensor(history: list[str | int], shape: Shape) -> Node:
    """A value, by what makes it."""
    settings = {"shape": list(shape), "dtype": "float32", "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": settings}


def _warn(layer: Layer) -> None:
    warnings.warn(
        f"{where(layer)}: received a mask that Keras has no operation for; expected "
        "those of Embedding and Masking. onefit loads the file as it is, Keras without "
        "this mask.",
        OnefitWarning,
        stacklevel=2,
    )
