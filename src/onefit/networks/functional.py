"""From what layers were called on to the graph of a model: back from the outputs."""

import itertools
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import jax

from onefit.errors import OnefitWarning, invalid, mistyped, unknown
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.layers.symbolic import Call, Tensor
from onefit.networks.graph import Graph, Node
from onefit.types import Config, Tree

__all__ = [
    "Names",
    "Nest",
    "Tensors",
    "by_name",
    "each_once",
    "graph_of",
    "in_a_list",
    "inlined",
    "name_layers",
    "several",
    "unwrap_single",
]

T = TypeVar("T")

Tensors: TypeAlias = Tensor | Sequence["Tensors"] | Mapping[str, "Tensors"]
"""The inputs or the outputs of a model: one, or several in lists and dicts."""


class Nest:
    """How the inputs or the outputs of a model are arranged: one, or lists and dicts.

    Attributes:
        tensors: The inputs or outputs, in the order of the graph.
        keys: What each is called in a dict, or None.
        places: The arrangement, with the numbers of the tensors in their places.
    """

    def __init__(self, value: Tensors, what: str) -> None:
        self.tensors: list[Tensor] = []
        self.places = self._placed(value, what)
        if not self.tensors:
            raise invalid("Model", f"no {what}", "at least one")
        self.keys = None
        if isinstance(value, dict) and len(value) == len(self.tensors):
            self.keys = [str(key) for key in value]
        if isinstance(self.places, list | tuple) and self.places in ([0], (0,)):
            self.places = 0

    def _placed(self, value: Any, what: str) -> Tree:
        """A nest with numbers in place of its tensors, which are noted."""
        if isinstance(value, dict):
            return {key: self._placed(v, what) for key, v in value.items()}
        if isinstance(value, list | tuple):
            return _alike(value, [self._placed(v, what) for v in value])
        if not isinstance(value, Tensor):
            raise mistyped(
                "Model",
                f"{what} {value!r}",
                "what Input gives, or a layer called on it",
                "write x = Input((4,)); Model(x, Dense(1)(x))",
            )
        self.tensors.append(value)
        return len(self.tensors) - 1

    @property
    def sorted_tensors(self) -> list[Tensor]:
        """The tensors as Keras walks over them: those of dicts in their keys' order."""
        return [self.tensors[number] for number in jax.tree.leaves(self.places)]

    @property
    def value(self) -> Tensors:
        """The tensors as the model was given them: one, or in lists and dicts."""
        return self.arrange(unwrap_single(self.tensors))

    def arrange(self, values: Tree) -> Tree:
        """The graph's values (one, or a tuple) as the model's user arranged them."""
        several = values if len(self.tensors) > 1 else (values,)

        def put(place: Tree) -> Tree:
            if isinstance(place, dict):
                return {key: put(own) for key, own in place.items()}
            if isinstance(place, list | tuple):
                return _alike(place, [put(p) for p in place])
            return several[place]

        return put(self.places)

    def names(self) -> "Names":
        """The names of inputs or outputs; a name that comes twice gets a number."""
        names = Names(self.places)
        for name in self.keys or [tensor.name for tensor in self.tensors]:
            free = (f"{name}_{i}" if i else name for i in itertools.count())
            names.append(next(n for n in free if n not in names))
        if not _is_flat(self.places):
            names.labels = list(_labels(self.places, names))
        return names


def _alike(nest: Any, values: list[Any]) -> Any:
    """Values in a list, a tuple or a named tuple, as this one is."""
    if hasattr(type(nest), "_fields"):
        return type(nest)(*values)
    return tuple(values) if isinstance(nest, tuple) else values


class Names(list[str]):
    """The names of inputs or outputs, which know how these are arranged.

    Args:
        places: As of a `Nest`.

    Attributes:
        labels: What logs call the losses: the names, or the ways to outputs in nests.
    """

    def __init__(self, places: Tree) -> None:
        super().__init__()
        self.places = places
        self.labels: list[str] = self

    def labelled(self, parts: list[str]) -> list[str]:
        """The labels, with these names in the place of those of outputs in lists."""
        found: list[str] = []
        for label in _labels(self.places, parts):
            free = (f"{label}_{i}" if i else label for i in itertools.count())
            found.append(next(name for name in free if name not in found))
        return found


def _is_flat(places: Tree) -> bool:
    """Whether there are no nests in a nest."""
    parts = places.values() if isinstance(places, dict) else places
    return isinstance(places, int | None) or all(isinstance(p, int) for p in parts)


def _labels(places: Tree, names: list[str], way: str = "") -> Iterator[str]:
    """The way to each place: the keys of dicts, and in lists the names."""
    if isinstance(places, int):
        yield way
        return
    listed = isinstance(places, list | tuple)
    pairs = enumerate(places) if listed else places.items()
    for key, place in pairs:
        here = names[place] if listed and isinstance(place, int) else str(key)
        yield from _labels(place, names, f"{way}/{here}" if way else here)


def in_a_list(value: Any, names: Sequence[str]) -> Any:
    """What is arranged as inputs or outputs in lists in dicts are, in a list.

    Anything else is returned as it is: `by_name` and `several` take the plain forms.

    >>> x, y = onefit.Input((2,)), onefit.Input((3,))
    >>> in_a_list({"a": [1, 2]}, Nest({"a": [x, y]}, "inputs").names())
    [1, 2]
    """
    places = getattr(names, "places", None)
    if _is_flat(places):
        return value
    found: list[Any] = []
    return found if _taken(value, places, found) else value


def _taken(value: Any, places: Tree, found: list[Any]) -> bool:
    """Whether a value has these places; what is there is appended in their order."""
    if isinstance(places, int):
        found.append(value)
        return True
    if isinstance(places, dict):
        return (
            isinstance(value, dict)
            and value.keys() == places.keys()
            and all(_taken(value[key], own, found) for key, own in places.items())
        )
    return (
        isinstance(value, list | tuple)
        and len(value) == len(places)
        and all(_taken(v, own, found) for v, own in zip(value, places, strict=True))
    )


def unwrap_single(values: list[T]) -> T | tuple[T, ...]:
    """One value for a list of one, a tuple of several: as a graph has them."""
    return values[0] if len(values) == 1 else tuple(values)


def by_name(value: dict[str, T], names: Sequence[str], where: str) -> list[T | None]:
    """The values of a dict in the order of the names, one for each.

    What x has beside them is not used, and a warning says so.

    Raises:
        ValueError: A name that is missing; in other dicts than x, one too many.
    """
    more = [name for name in value if name not in names]
    if where == "x" and more and all(name in value for name in names):
        warnings.warn(
            f"x: the model does not take {', '.join(map(repr, more))}; it takes "
            f"{', '.join(map(repr, names))}, and leaves the rest unused.",
            OnefitWarning,
            stacklevel=4,
        )
        more = []
    for name in more:
        raise unknown(f"name in {where}", name, list(names))
    for name in names:
        if name not in value and where != "sample_weight":
            raise invalid(
                where,
                f"a dict with {', '.join(map(repr, value)) or 'nothing'}",
                f"one array each for {', '.join(map(repr, names))}",
                f"add {where}[{name!r}]",
            )
    return [value.get(name) for name in names]


def several(value: Tree, names: Sequence[str], where: str) -> Sequence[Tree]:
    """A list or tuple with one value for each name.

    Raises:
        ValueError: Another number of them.
    """
    listed = isinstance(value, list | tuple)
    if not listed or len(value) != len(names):
        raise invalid(
            where,
            f"{len(value)} arrays" if listed else "one array",
            f"{len(names)}, one each for {', '.join(map(repr, names))}",
            f"write {where}=[{', '.join(names)}], or a dict by these names",
        )
    return value


def graph_of(inputs: list[Tensor], outputs: Nest, name: str) -> Graph:
    """The graph from these inputs to these outputs, its layers in Keras' order.

    A layer comes the earlier the longer its way to an output; of those with equally
    long ways the one that is met first, going back from the outputs, comes first.
    Outputs in a dict are met in the order of their keys.

    Raises:
        ValueError: An output that needs another input, with the path from there; two
            inputs that are the same.
    """
    for i, tensor in enumerate(inputs):
        if tensor in inputs[:i]:
            raise invalid(
                f"Model {name!r}", f"the input {tensor.name!r} twice", "each input once"
            )
    walked = outputs.sorted_tensors
    calls = _calls(inputs, walked, name)
    needed = {id(t) for call in calls for t in _sources(call)}
    needed |= {id(t) for t in walked} | {id(t) for c in calls for t in c.tensors}
    unused = [tensor for tensor in inputs if id(tensor) not in needed]
    if unused:
        warnings.warn(
            f"Model {name!r}: no output depends on "
            f"{', '.join(repr(tensor.name) for tensor in unused)}, which is taken and "
            "not used. Leave it out of inputs, or connect it.",
            OnefitWarning,
            stacklevel=4,
        )
        calls = _calls(inputs, [*unused, *walked], name)
    layers = _in_order(calls, [*unused, *walked])
    index = {id(layer): i for i, layer in enumerate(layers)}
    numbers = {id(tensor): i for i, tensor in enumerate(inputs)}
    nodes, count = [], len(inputs)
    for call in calls:
        entrance = not _sources(call)  # an Input: its node checks the shape
        sources = call.tensors[0] if entrance else call.sources
        number = lambda t: numbers[id(t)]  # noqa: E731
        nodes.append(
            Node(
                index[id(call.layer)],
                jax.tree.map(number, sources),
                jax.tree.map(number, call.mask),
                call.options,
                len(call.tensors),
            )
        )
        for tensor in call.tensors:
            numbers[id(tensor)] = count
            count += 1
    ends = [numbers[id(tensor)] for tensor in outputs.tensors]
    graph = Graph(
        layers=tuple(layers),
        nodes=tuple(nodes),
        inputs=len(inputs),
        outputs=unwrap_single(ends),
        name=name,
    )
    return each_once(graph)


def each_once(graph: Graph) -> Graph:
    """The graph with each layer at one place in it.

    Where two models inside it share a layer (or the graph shares one with a model
    inside), those models' own calls take the place of the calls of the models: the
    shared layer has one set of weights, hence one place.
    """
    plain = [id(p) for layer in graph.layers for p in layer.plain_layers()]
    twice = {p for p in plain if plain.count(p) > 1}
    if not twice:
        return graph

    def shares(layer: Graph) -> bool:
        return bool(twice & {id(p) for p in layer.plain_layers()})

    return each_once(inlined(graph, shares))


def inlined(graph: Graph, apart: Callable[[Graph], bool]) -> Graph:
    """The graph with the calls of some graphs inside it in place of their own."""
    layers: list[Layer] = []
    nodes: list[Node] = []
    count = graph.inputs

    def place(layer: Layer) -> int:
        if not any(known is layer for known in layers):
            layers.append(layer)
        return next(i for i, known in enumerate(layers) if known is layer)

    def thread(inner: Graph, values: list[int], given: Config) -> list[int]:
        """Adds the nodes of a graph on these values; the numbers of its outputs."""
        nonlocal count
        at = values.__getitem__
        for node in inner.nodes:
            layer = inner.layers[node.layer]
            sources = jax.tree.map(at, node.sources)
            if isinstance(layer, InputLayer) and inner is not graph:
                values.append(sources)
                continue
            options = given | dict(node.options)
            if isinstance(layer, Graph) and apart(layer):
                values.extend(thread(layer, jax.tree.leaves(sources), options))
                continue
            mask = jax.tree.map(at, node.mask)
            new = Node(
                place(layer), sources, mask, tuple(options.items()), node.outputs
            )
            nodes.append(new)
            values.extend(range(count, count + node.outputs))
            count += node.outputs
        return [at(number) for number in jax.tree.leaves(inner.outputs)]

    ends = thread(graph, list(range(graph.inputs)), {})
    return graph.replace(
        layers=tuple(layers), nodes=tuple(nodes), outputs=unwrap_single(ends)
    )


def _sources(call: Call) -> list[Tensor]:
    return jax.tree.leaves((call.sources, call.mask))


def _calls(inputs: list[Tensor], outputs: list[Tensor], name: str) -> list[Call]:
    """The calls between inputs and outputs, each after those that it needs."""
    known = {id(tensor) for tensor in inputs}
    done: dict[int, Call] = {}
    # Going back by hand: a network may be deeper than Python's stack.
    for output in outputs:
        path: list[tuple[Call, list[Tensor]]] = []

        def visit(tensor: Tensor, path: list[tuple[Call, list[Tensor]]] = path) -> None:
            call = tensor.call
            if id(call) in done:
                return
            entrance = isinstance(call.layer, InputLayer)
            if id(tensor) in known and not entrance:
                return
            if entrance and id(tensor) not in known:
                way = [call, *(c for c, _ in reversed(path))]
                raise invalid(
                    f"Model {name!r}",
                    f"an output that needs the input {tensor.name!r} "
                    f"({' → '.join(str(c.layer.name) for c in way)})",
                    "inputs from which every output can be computed",
                    f"add it: Model([..., {tensor.name}], outputs)",
                )
            path.append((call, list(reversed(_sources(call)))))

        visit(output)
        while path:
            call, rest = path[-1]
            if rest:
                visit(rest.pop())
            else:
                path.pop()
                done[id(call)] = call
    return list(done.values())


def _in_order(calls: list[Call], outputs: list[Tensor]) -> list[Layer]:
    """The layers, those far from the outputs first."""
    made = {id(t): call for call in calls for t in call.tensors}
    depth = {id(call): 0 for call in calls}
    deepest: dict[int, int] = {}
    for call in reversed(calls):
        key = id(call.layer)
        depth[id(call)] = max(depth[id(call)], deepest.get(key, 0))
        deepest[key] = depth[id(call)]
        for tensor in _sources(call):
            before = made.get(id(tensor))
            if before is not None:
                depth[id(before)] = max(depth[id(before)], depth[id(call)] + 1)
    # In the order in which they are met going back from the outputs.
    met: dict[int, Layer] = {}
    rest, seen = [made.get(id(t)) for t in reversed(outputs)], set()
    while rest:
        call = rest.pop()
        if call is not None and id(call) not in seen:
            seen.add(id(call))
            met.setdefault(id(call.layer), call.layer)
            rest.extend(made.get(id(t)) for t in reversed(_sources(call)))
    return sorted(met.values(), key=lambda layer: -deepest[id(layer)])


def name_layers(layers: list[Layer], where: str) -> None:
    """Gives layers of one name names that differ; refuses two that were named alike."""
    taken: set[str] = set()
    for layer in sorted(layers, key=lambda layer: not layer._named):
        name, number = str(layer.name), 1
        if name in taken and layer._named:
            raise invalid(
                where,
                f"two layers named {name!r}",
                "names that differ",
                f"write name='{name}_2' for the second",
            )
        if name in taken:
            plain = re.sub(r"(_\d+)+$", "", name)
            while f"{plain}_{number}" in taken:
                number += 1
            layer.name = f"{plain}_{number}"
        taken.add(str(layer.name))
