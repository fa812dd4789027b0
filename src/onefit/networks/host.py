"""What a graph computes before its program: host layers, once over all rows.

A graph with host layers (text, categories) is cut in two. The first part is what inputs
and host layers alone lead to; numpy runs it, on rows in any form. The rest is a graph
of arrays like any other, which is all that training, the guide and populations see.

A Normalization whose differences need float64 is a host layer, too, where it takes an
input. Since a program can compute it, too, if less exactly, nothing is refused for it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer
from onefit.layers.base import where as named
from onefit.layers.core import InputLayer
from onefit.layers.preprocessing import Scaling
from onefit.networks.architecture import Architecture
from onefit.networks.functional import (
    by_name,
    each_once,
    in_a_list,
    inlined,
    several,
    unwrap_single,
)
from onefit.networks.graph import Graph, Node
from onefit.types import Data, Shape, Shapes, Tree, batch_shape, is_shape

__all__ = [
    "Before",
    "Ready",
    "begins_with_text",
    "may_be_on_host",
    "numbers_alone",
    "shape_of",
    "split",
]


def on_host(layer: Layer) -> bool:
    """Whether a layer, or one inside it, runs before the program."""
    if isinstance(layer, Graph):
        return any(map(on_host, layer.layers))
    return layer.on_host or bool(getattr(layer, "_questions", None) and _plans(layer))


def may_be_on_host(graph: Architecture) -> list[Layer]:
    """The layers that run before the program or in it, by their numbers."""
    return [layer for layer in graph.plain_layers() if isinstance(layer, Scaling)]


def begins_with_text(graph: Architecture) -> bool:
    """Whether the first layer of a chain makes numbers of text."""
    plain = [one for one in graph.plain_layers() if not isinstance(one, InputLayer)]
    return bool(plain) and on_host(plain[0]) and plain[0].takes_text


class Before(NamedTuple):
    """The part of a graph that runs before its program.

    Attributes:
        graph: The whole graph, models with host layers inside it in their calls' place.
        early: The numbers of the nodes of this part.
        handed: The numbers of the values that the rest is given.
    """

    graph: Graph
    early: tuple[int, ...]
    handed: tuple[int, ...]

    def asked(self) -> list[Layer]:
        """The host layers inside others, which a `call` asks."""
        layers = [self.graph.layers[self.graph.nodes[i].layer] for i in self.early]
        return [one for layer in layers for one in getattr(layer, "answering", ())]

    def hosts(self) -> list[str]:
        """The names of the layers that no program can compute."""
        layers = [self.graph.layers[self.graph.nodes[i].layer] for i in self.early]
        return [str(a.name) for a in layers if a.on_host and not isinstance(a, Scaling)]

    def names(self, inputs: Sequence[str]) -> list[str]:
        """The names of the values for the rest: of inputs, and of layers."""
        makers = self.graph.makers()
        found: list[str] = []
        for value in self.handed:
            maker = makers.get(value)
            if maker is None:
                name = inputs[value]
            else:
                name = str(self.graph.layers[maker.layer].name)
            numbered = (f"{name}_{i}" if i else name for i in range(len(found) + 1))
            found.append(next(n for n in numbered if n not in found))
        return found

    def shapes(self, input_shape: Shapes) -> list[Shape]:
        """The shapes of the values for the rest, for those of the inputs."""
        values = [input_shape] if self.graph.inputs == 1 else list(input_shape)
        for node in self.graph.nodes:
            shape = jax.tree.map(values.__getitem__, node.sources)
            made = self.graph.layers[node.layer].call_shape(shape, **dict(node.options))
            values += jax.tree.leaves(made, is_leaf=is_shape)
        return [values[number] for number in self.handed]

    def run(self, x: Data, inputs: Sequence[str], input_shape: Shapes) -> Tree:
        """The values for the rest, as a graph takes them, for rows in any form.

        Args:
            x: What a method of the model was given: rows, a list, a dict, a table.
            inputs: The names of the inputs.
            input_shape: Their shapes, the batch first, as None.
        """
        graph = self.graph
        shapes = [input_shape] if graph.inputs == 1 else list(input_shape)
        values: dict[int, Any] = {}
        pairs = zip(_arranged(x, inputs), shapes, strict=True)
        for i, (rows, shape) in enumerate(pairs):
            place = f"x[{inputs[i]!r}]" if len(inputs) > 1 else "x"
            values[i] = _fitted(rows, shape, place)
        number = graph.inputs
        for i, node in enumerate(graph.nodes):
            if i in self.early:
                layer = graph.layers[node.layer]
                given = jax.tree.map(values.__getitem__, node.sources)
                made = _looked(layer, given, dict(node.options))
                for k, one in enumerate(jax.tree.leaves(made)):
                    values[number + k] = one
            number += node.outputs
        return unwrap_single([values[number] for number in self.handed])


def _looked(layer: Layer, x: Tree, options: dict[str, Any]) -> Tree:
    if isinstance(layer, InputLayer):
        layer.output_shape(batch_shape(x))  # refuses what does not fit
        return x
    if layer.on_host or isinstance(layer, Scaling):
        return layer.look(x)
    return jax.tree.map(np.asarray, layer(x, **options))


def _arranged(x: Data, names: Sequence[str]) -> Sequence[Data]:
    """The rows of each input, in their order."""
    x = in_a_list(x, names)
    if len(names) > 1 and hasattr(x, "columns") and hasattr(x, "to_numpy"):
        x = {name: x[name] for name in names if name in x.columns}
    if isinstance(x, dict):
        return by_name(x, names, "x")
    if len(names) > 1:
        return several(x, names, "x")
    alone = isinstance(x, list | tuple) and len(x) == 1
    return [x[0] if alone and np.ndim(x[0]) and hasattr(x[0], "shape") else x]


def _fitted(rows: Data, shape: Shape, place: str) -> np.ndarray:
    """Rows as an array with as many axes as an input has; one of size 1 may differ."""
    array = _read(rows, place)
    if array.ndim == 0:
        raise mistyped(place, repr(array.item()), "rows", f"write [{array.item()!r}]")
    if not len(array):
        raise invalid(place, "no rows", "at least one row")
    if array.ndim == len(shape) - 1 and shape[-1] == 1:
        return array[..., None]
    if array.ndim == len(shape) + 1 and array.shape[-1] == 1:
        return array[..., 0]
    return array


class Ready:
    """Rows that host layers have looked at, where rows in any form are taken."""

    def __init__(self, values: Tree) -> None:
        self.values = values


def numbers_alone(before: Before | None, place: str) -> None:
    """Refuses a model with host layers, where text has no place; says what to take.

    Raises:
        ValueError: A part before the program that no program can compute.
    """
    names = [] if before is None else before.hosts()
    if before is None or not names:
        return
    asked = [str(one.name) for one in before.asked()]
    if asked:
        raise invalid(
            place,
            f"a model whose call asks {', '.join(map(repr, asked))}, which take text "
            "and categories",
            "a model of numbers",
            "take these layers out of the class, and call it on what they give",
        )
    outputs = [f"model.get_layer({name!r}).output" for name in names]
    given = outputs[0] if len(outputs) == 1 else f"[{', '.join(outputs)}]"
    raise invalid(
        place,
        f"a model with {', '.join(map(repr, names))}, which take text and categories",
        "a model of numbers",
        f"take what comes after them: onefit.Model({given}, model.output)",
    )


def shape_of(x: Data) -> Shape:
    """The shape of rows in any form, the batch as None."""
    return (None, *_read(_arranged(x, ["x"])[0], "x").shape[1:])


def _read(rows: Data, place: str) -> np.ndarray:
    from onefit.layers.host.texts import rows_of  # few programs need it

    return rows_of(rows, place)


def _sources(node: Node) -> list[int]:
    return jax.tree.leaves((node.sources, node.mask))


# Cutting a graph ----------------------------------------------------------------------


def split(
    graph: Architecture, entrance: InputLayer | None = None, exact: bool = True
) -> tuple[Before | None, Architecture]:
    """The part before the program, None where there is none; and the rest.

    Args:
        graph: The architecture. Only a graph has a part before.
        entrance: The input of a Sequential, which its graph has not.
        exact: Whether layers that a program can compute, too, run before it where it
            has not the digits.

    Raises:
        ValueError: A host layer behind layers with weights; text for another layer.
    """
    if not isinstance(graph, Graph):
        return None, graph
    texts = {0} if entrance is not None and entrance.dtype == "string" else set()
    texts |= {
        graph.inputs + i
        for i, node in enumerate(graph.nodes)
        if isinstance(layer := graph.layers[node.layer], InputLayer)
        and layer.dtype == "string"
    }
    hosted = any(map(on_host, graph.layers))
    flat = _asking_first(inlined(graph, on_host)) if hosted else graph
    early = _early(flat, exact)
    if not early:
        _refuse_text(graph, texts)
        return None, each_once(graph)
    starts = np.cumsum([flat.inputs, *(node.outputs for node in flat.nodes)])
    made = {
        int(starts[i]) + k: i
        for i, n in enumerate(flat.nodes)
        for k in range(n.outputs)
    }
    late = [i for i in range(len(flat.nodes)) if i not in early]
    wanted = [v for i in late for v in _sources(flat.nodes[i])]
    wanted += jax.tree.leaves(flat.outputs)
    handed = sorted({v for v in wanted if v not in made or made[v] in early})
    numbers = {value: i for i, value in enumerate(handed)}
    for i in late:
        for k in range(flat.nodes[i].outputs):
            numbers[int(starts[i]) + k] = len(numbers)
    places = sorted({flat.nodes[i].layer for i in late})
    at = numbers.__getitem__
    nodes = [
        flat.nodes[i]._replace(
            layer=places.index(flat.nodes[i].layer),
            sources=jax.tree.map(at, flat.nodes[i].sources),
            mask=jax.tree.map(at, flat.nodes[i].mask),
        )
        for i in late
    ]
    rest = Graph(
        layers=tuple(flat.layers[place] for place in places),
        nodes=tuple(nodes),
        inputs=len(handed),
        outputs=jax.tree.map(at, flat.outputs),
        name=graph.name,
    )
    _refuse_text(rest, {numbers[v] for v in _texts(flat, texts) if v in numbers})
    before = Before(flat, tuple(sorted(early)), tuple(handed))
    if graph.entrance is not None:
        rest.entrance = unwrap_single(before.shapes(graph.entrance))
    return before, rest


def _plans(layer: Any) -> bool:
    """Whether the `call` of a layer has asked host layers anything."""
    return any(map(layer.host_plan, layer._questions))


def _asking_first(graph: Graph) -> Graph:
    """The graph with what each `call` asks of host layers in a node before its own."""
    layers, nodes = list(graph.layers), list[Node]()
    at, count = list(range(graph.inputs)), graph.inputs
    for node in graph.nodes:
        layer: Any = graph.layers[node.layer]
        sources, mask, options = (
            jax.tree.map(at.__getitem__, node.sources),
            jax.tree.map(at.__getitem__, node.mask),
            dict(node.options),
        )
        plan = None
        if layer.in_keras_style and layer._questions:
            plan = layer.host_plan(options.get("arrangement"))
        if plan is not None:
            leaves, answers = jax.tree.leaves(sources), range(0)
            if plan.questions:
                from onefit.layers.host.answers import Answers  # few programs need it

                about = unwrap_single([leaves[number] for number in plan.about])
                answers = range(count, count + plan.handed)
                first = Answers(layer, plan, name=f"{layer.name}_asks")
                nodes.append(Node(len(layers), about, None, (), plan.handed))
                layers.append(first)
                count += plan.handed
            sources = unwrap_single([*plan.given(leaves, answers)])
            options["plan"] = plan
        new = Node(node.layer, sources, mask, tuple(options.items()), node.outputs)
        nodes.append(new)
        at.extend(range(count, count + node.outputs))
        count += node.outputs
    return graph.replace(
        layers=tuple(layers),
        nodes=tuple(nodes),
        outputs=jax.tree.map(at.__getitem__, graph.outputs),
    )


def _texts(graph: Graph, texts: set[int]) -> set[int]:
    """The numbers of values that are text, in a graph that may be another's inside."""
    found = {v for v in texts if v < graph.inputs}
    number = graph.inputs
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        if isinstance(layer, InputLayer) and layer.dtype == "string":
            found |= {number, *_sources(node)}
        if getattr(layer, "invert", False) and layer.takes_text:
            found.add(number)
        number += node.outputs
    return found


def _refuse_text(graph: Graph, texts: set[int]) -> None:
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        if not isinstance(layer, InputLayer) and texts & set(_sources(node)):
            raise layer.takes_no_text()


def _early(graph: Graph, exact: bool) -> set[int]:
    """The numbers of the nodes that host layers are, or need."""
    number, makers = graph.inputs, {}
    for i, node in enumerate(graph.nodes):
        makers |= dict.fromkeys(range(number, number + node.outputs), i)
        number += node.outputs
    early: set[int] = set()
    for i, node in enumerate(graph.nodes):
        host = graph.layers[node.layer]
        if not host.on_host:
            continue
        needed, rest = {i}, [i]
        while rest:
            sources = _sources(graph.nodes[rest.pop()])
            rest += {makers[v] for v in sources if v in makers} - needed
            needed.update(rest)
        needed_layers = [graph.layers[graph.nodes[one].layer] for one in needed - {i}]
        if isinstance(host, Scaling):  # a program can compute it, too
            early |= needed if exact and all(map(_exact, needed_layers)) else set()
            continue
        learned = next((one for one in needed_layers if not _fixed(one)), None)
        if learned is not None:
            raise host.misfit(
                f"the output of {named(learned)}, which training changes",
                "what an Input gives, as the layer runs before the program",
                "let it stand first in the model",
            )
        early |= needed
    return early


def _fixed(layer: Layer) -> bool:
    """Whether a layer computes the same before training as after it."""
    if isinstance(layer, Graph) or layer.random:
        return False
    return isinstance(layer, InputLayer) or layer.on_host or layer.weightless


def _exact(layer: Layer) -> bool:
    """Whether a layer hands numbers on in float64, when it runs before the program."""
    return isinstance(layer, InputLayer | Scaling)
