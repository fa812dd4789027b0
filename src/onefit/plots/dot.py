"""The graph of a model in the DOT language, for Graphviz and whatever else reads it."""

import os
from pathlib import Path

import jax

from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.networks.graph import Graph, as_graph
from onefit.training.compiled import Compiled
from onefit.types import Shapes

__all__ = ["Dot", "model_to_dot"]


class Dot:
    """A graph in the DOT language."""

    def __init__(self, source: str) -> None:
        self.source = source

    def to_string(self) -> str:
        """The text."""
        return self.source

    __str__ = to_string

    def write(self, path: str | os.PathLike) -> None:
        """Writes the text to a file: `dot -Tpng model.dot` draws it."""
        Path(path).write_text(self.source, encoding="utf-8")


def model_to_dot(
    model: Compiled,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Dot:
    """A model as text in the DOT language.

    Args:
        model: A model that has its weights.
        show_shapes: Whether the shapes of the layers' outputs are shown.
        show_dtype: Whether the types of the layers are.
        show_layer_names: Whether their names are.
        rankdir: Where it runs: "TB" down, "LR" to the right.
        expand_nested: Whether models inside are drawn with their layers.
        dpi: The resolution that Graphviz draws with.
        show_layer_activations: Whether activations are shown.
        show_trainable: Whether it is shown which layers train.

    Differs from Keras: the result holds the text alone; `plot_model` draws without
    Graphviz.

    Example:
        >>> model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
        >>> print(model_to_dot(model, rankdir="LR"))
        digraph "sequential" {
          graph [rankdir=LR, dpi=200]
          node [shape=box, fontname=Helvetica]
          "in0" [label="Input"]
          "0" [label="dense\\nDense"]
          "in0" -> "0"
        }

    Source: Keras, `keras.utils.model_to_dot`.
    """
    lines: list[str] = []

    def label(layer: Layer, shape: Shapes) -> str:
        parts = [str(layer.name)] if show_layer_names else []
        parts.append(layer._class_name)
        activation = getattr(layer, "activation", None)
        if show_layer_activations and activation is not None:
            parts.append(f"activation: {getattr(activation, '__name__', activation)}")
        if show_dtype:
            parts.append(f"dtype: {getattr(layer, 'dtype', '')}")
        if show_trainable:
            parts.append(f"trainable: {getattr(layer, 'trainable', True)}")
        if show_shapes:
            parts.append(f"shape: {shape}")
        return "\\n".join(parts).replace('"', "'")

    def drawn(graph: Graph, shapes: Shapes, prefix: str, sources: list[str]) -> list:
        """Draws the calls of a graph; the names of the boxes of its outputs."""
        boxes = list(sources)
        values = [shapes] if graph.inputs == 1 else list(shapes)
        for number, node in enumerate(graph.nodes):
            layer, name = graph.layers[node.layer], f"{prefix}{number}"
            froms = jax.tree.leaves((node.sources, node.mask))
            given = jax.tree.map(values.__getitem__, node.sources)
            shape = layer.call_shape(given, **dict(node.options))
            leaves = [shape] if node.outputs == 1 else list(shape)
            values += leaves
            if isinstance(layer, InputLayer):
                boxes += [boxes[node.sources]]
                continue
            if isinstance(layer, Graph) and expand_nested:
                lines.append(f'  subgraph "cluster_{name}" {{ label="{layer.name}"')
                inner = [boxes[v] for v in jax.tree.leaves(node.sources)]
                boxes += drawn(layer, given, f"{name}.", inner)
                lines.append("  }")
                continue
            lines.append(f'  "{name}" [label="{label(layer, shape)}"]')
            lines.extend(f'  "{boxes[v]}" -> "{name}"' for v in froms)
            boxes += [name] * node.outputs
        return [boxes[v] for v in jax.tree.leaves(graph.outputs)]

    graph = as_graph(model.graph, "model_to_dot")
    shapes = graph.slot.input_shape
    entrances = [f"in{i}" for i in range(graph.inputs)]
    given = [shapes] if graph.inputs == 1 else list(shapes)
    for name, shape in zip(entrances, given, strict=True):
        more = f"\\nshape: {shape}" if show_shapes else ""
        lines.append(f'  "{name}" [label="Input{more}"]')
    drawn(graph, shapes, "", entrances)
    head = [
        f'digraph "{model.name}" {{',
        f"  graph [rankdir={rankdir}, dpi={dpi}]",
        "  node [shape=box, fontname=Helvetica]",
    ]
    return Dot("\n".join([*head, *lines, "}"]))
