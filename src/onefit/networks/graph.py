# ruff: noqa: D102
"""Graphs: layers and the order in which they are called, as one pure function."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from onefit import config
from onefit.description import setting
from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer, Outcome, Weights
from onefit.layers.composite import Composite
from onefit.layers.core import InputLayer
from onefit.layers.face import in_full
from onefit.layers.tapping import Path, Tap
from onefit.networks.architecture import Architecture
from onefit.types import Array, Config, Generator, Key, Mask, Shapes, Tree, is_shape

__all__ = ["Graph", "Node", "as_graph", "chain", "with_parts"]


class Node(NamedTuple):
    """One call of a layer.

    Attributes:
        layer: Which layer.
        sources: On which values, in a nest of numbers.
        mask: The values that are the call's own mask, where it gives one.
        options: The call's static options, as (name, value).
        outputs: How many values it makes.
    """

    layer: int
    sources: Tree
    mask: Tree = None
    options: tuple[tuple[str, Any], ...] = ()
    outputs: int = 1


class Flow:
    """An array on its way through a graph, and which of its steps there are."""

    def __init__(self, value: Array, mask: Mask = None) -> None:
        self.value, self.mask = value, mask


class Graph(Architecture):
    """Layers joined into one: values are numbered, inputs first, then nodes' outputs.

    Args:
        layers: Each layer once.
        nodes: The calls, in an order in which every value exists before it is used.
        inputs: How many inputs.
        outputs: A nest of value numbers; a plain number where there is one output.
        entrance: The shapes of the inputs, once they are known. The layers that take
            them may have been built for others.
    """

    layers: tuple[Layer, ...] = ()  # pyright: ignore[reportIncompatibleMethodOverride] - a setting here
    nodes: tuple[Node, ...] = ()
    inputs: int = 1
    outputs: Any = None
    entrance: Any = setting(default=None, kw_only=True, identity=False)

    _mutable: ClassVar[frozenset[str]] = Layer._mutable | {"entrance"}

    # What follows from the layers, which stay: asked at every call, found once.

    @functools.cached_property
    def by_row(self) -> bool:  # pyright: ignore - found once
        """Whether the output of a row cannot depend on the rows beside it.

        It may in a layer that was called with training=True.
        """
        trains = any(dict(node.options).get("training") for node in self.nodes)
        return not trains and all(
            part.by_row for layer in self.layers for part in with_parts(layer)
        )

    @functools.cached_property
    def always_random(self) -> bool:  # type: ignore[override]
        """Whether any call draws random numbers even when the model does not train."""
        return any(
            (layer.random and dict(node.options).get("training", False))
            or layer.always_random
            for node in self.nodes
            for layer in (self.layers[node.layer],)
        )

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Tree, Tree]:
        shapes = self.input_shapes(input_shape)
        pairs = [
            layer.fresh(stream, shape)
            for layer, shape, stream in zip(
                self.layers, shapes, rng.spawn(len(self.layers)), strict=True
            )
        ]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def forward(
        self,
        params: Tree,
        state: Tree,
        x: Tree,
        *,
        training: bool,
        key: Key | None,
        mask: Mask = None,
        tap: Tap | None = None,
        path: Path = (),
        **options: Any,
    ) -> Outcome:
        """As `Layer.forward`; a tap makes the calls of plain layers, and sees them.

        The calls are those of `calls`, in this order; path is that of this graph.
        """
        states, penalties, tap = list(state), [], tap or Tap()

        def call(node: Node, number: int, flow: Tree, mask: Tree) -> Tree:
            index, layer = node.layer, self.layers[node.layer]
            value = jax.tree.map(lambda f: _numbers(layer, f.value), flow)
            options: dict[str, Any] = {"training": training} | dict(node.options)
            options["key"] = None
            draws = (layer.random and options["training"]) or layer.always_random
            if draws and key is not None:
                options["key"] = jax.random.fold_in(key, number)
            given = flow if mask is None else mask
            options["mask"] = jax.tree.map(
                lambda f: f.mask if mask is None else f.value, given
            )
            here = (*path, number)
            if isinstance(layer, Graph):
                run = functools.partial(layer.forward, tap=tap, path=here)
            else:
                run = functools.partial(tap.call, here, layer)
            try:
                # The place is seen in profiles, and when a NaN is looked for.
                with jax.named_scope(f"call{number}"):
                    outcome = run(params[index], states[index], value, **options)
            except jax.errors.TracerArrayConversionError:
                raise mistyped(
                    # Names do not travel into a program; the place does.
                    f"{type(layer).__name__}, layer {index}",
                    "a function that computes with numpy",
                    "jax.numpy, whose functions can be compiled",
                    "write `import jax.numpy as jnp` and jnp.exp for np.exp",
                ) from None
            states[index] = outcome.state
            penalties.append(outcome.penalty)
            return _flows(outcome.output, outcome.mask)

        y = self.thread(_flows(x, mask), call)
        return Outcome(
            jax.tree.map(lambda f: f.value, y),
            tuple(states),
            sum(penalties, start=0.0),
            jax.tree.map(lambda f: f.mask, y),
        )

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        return self.forward(params, state, x, training=training, key=key, mask=mask)[:2]

    def output_shape(self, input_shape: Shapes) -> Shapes:
        return self.thread(input_shape, self._shape)

    def _shape(self, node: Node, number: int, shape: Shapes, mask: Tree) -> Shapes:
        del number, mask
        layer = self.layers[node.layer]
        try:
            return layer.call_shape(shape, **dict(node.options))
        except ValueError as error:
            if not isinstance(layer, Graph):
                raise
            raise ValueError(f"{layer.name} > {error}") from None

    def thread(self, x: Tree, call: Callable[[Node, int, Tree, Tree], Tree]) -> Tree:
        """Carries values through: `call(node, number, value, mask) -> value`.

        What flows may be arrays (the forward pass), shapes, or anything else.
        """
        values = [x] if self.inputs == 1 else list(x)
        at = values.__getitem__
        for number, node in enumerate(self.nodes):
            value = jax.tree.map(at, node.sources)
            y = call(node, number, value, jax.tree.map(at, node.mask))
            values.extend(jax.tree.leaves(y, is_leaf=_is_value))
        return jax.tree.map(at, self.outputs)

    def input_shapes(self, input_shape: Shapes) -> list[Shapes]:
        """The input shape of each layer, at its first call."""
        shapes: dict[int, Shapes] = {}

        def call(node: Node, number: int, shape: Shapes, mask: Tree) -> Shapes:
            shapes.setdefault(node.layer, shape)
            return self._shape(node, number, shape, mask)

        self.thread(input_shape, call)
        return [shapes[i] for i in range(len(self.layers))]

    def multiplications(self, input_shape: Shapes) -> int:
        """About how many multiplications the forward pass of one example takes."""
        total = 0

        def call(node: Node, number: int, shape: Shapes, mask: Tree) -> Shapes:
            nonlocal total
            total += self.layers[node.layer].multiplications(shape)
            return self._shape(node, number, shape, mask)

        self.thread(input_shape, call)
        return total

    @functools.cached_property
    def row_cost(self) -> int:
        """`multiplications`, for inputs of the shape that it was built for."""
        return self.multiplications(self.slot.input_shape)

    def before(self, link: str, output: int = 0) -> "Graph | None":
        """The graph in which a layer stops before its activation, if it can.

        That is the layer which makes the output of this number, and nothing else.
        """
        wanted = jax.tree.leaves(self.outputs)[output]
        used = [v for node in self.nodes for v in jax.tree.leaves(node[1:3])]
        if [*used, *jax.tree.leaves(self.outputs)].count(wanted) > 1:
            return None
        maker = self.makers().get(wanted)
        if maker is None or maker.outputs > 1 or maker.mask is not None:
            return None
        index = maker.layer
        called = [node.layer for node in self.nodes]
        if called.count(index) > 1:
            return None
        last = self.layers[index]
        regularized = getattr(last, "activity_regularizer", None) is not None
        shorter = None if regularized else last.before(link)
        if shorter is None:
            return None
        layers = (*self.layers[:index], shorter, *self.layers[index + 1 :])
        return self.replace(layers=layers)

    def makers(self) -> dict[int, Node]:
        """The node that makes each value, the inputs aside."""
        nodes = [node for node in self.nodes for _ in range(node.outputs)]
        return dict(enumerate(nodes, start=self.inputs))

    def calls(self) -> list[tuple[Path, Layer]]:
        """Each call of a plain layer, in order: its path (node numbers), the layer."""
        calls: list[tuple[Path, Layer]] = []
        for number, node in enumerate(self.nodes):
            layer = self.layers[node.layer]
            inner = layer.calls() if isinstance(layer, Graph) else [((), layer)]
            calls += [((number, *path), one) for path, one in inner]
        return calls

    # The face -----------------------------------------------------------------------

    @property
    def slot(self) -> Weights:
        """The weights of all layers, gathered from their slots."""
        slots = [layer.slot for layer in self.layers]
        shape = self.entrance
        if shape is None:
            shapes = [self._built_for(value) for value in range(self.inputs)]
            shape = tuple(shapes) if self.inputs > 1 else shapes[0]
        params: Tree = tuple(s.params for s in slots)
        state: Tree = tuple(s.state for s in slots)
        return Weights(params, state, shape)

    def _fit(self, input_shape: Shapes, options: Config | None = None) -> Shapes:
        known, shape = self.__dict__.get("_fitted", ((), None))
        if options or known != input_shape or not self.ready:
            shape = super()._fit(input_shape, options)
            self.entrance = self.entrance or input_shape
        if not options:  # those like them need not be threaded through the layers
            object.__setattr__(self, "_fitted", (input_shape, shape))
        return shape

    def _built_for(self, value: int) -> Shapes:
        """The shape that the first layer which takes an input was built for."""
        for node in self.nodes:
            leaves, nest = jax.tree.flatten(node.sources)
            if value in leaves:
                shape = self.layers[node.layer].slot.input_shape
                return nest.flatten_up_to(shape)[leaves.index(value)]
        return None

    def build(self, input_shape: Shapes, rng: Generator | None = None) -> "Graph":
        """Makes the weights of those layers that have none yet."""
        rng = rng or config.generator(None)
        shapes = self.input_shapes(input_shape)
        self.entrance = self.entrance or input_shape
        streams = rng.spawn(len(self.layers))
        for layer, shape, stream in zip(self.layers, shapes, streams, strict=True):
            if not layer.ready:
                layer.build(shape, stream)
        return self

    def check_input(self, x: Tree) -> None:
        values = (x,) if self.inputs == 1 else x
        for layer, sources in self._met:
            layer.check_input(jax.tree.map(values.__getitem__, sources))

    @functools.cached_property
    def _met(self) -> list[tuple[Layer, Tree]]:
        """The layers that inputs lead to directly, and the numbers of those inputs."""
        known, number = {i: i for i in range(self.inputs)}, self.inputs
        found: list[tuple[Layer, Tree]] = []
        for node in self.nodes:
            layer = self.layers[node.layer]
            if all(value in known for value in jax.tree.leaves(node.sources)):
                sources = jax.tree.map(known.__getitem__, node.sources)
                found.append((layer, sources))
                if isinstance(layer, InputLayer):
                    known[number] = sources
            number += node.outputs
        return found


def as_graph(architecture: Architecture, where: str) -> Graph:
    """An architecture whose calls are known as nodes; refuses one that is a program.

    Raises:
        ValueError: An architecture of another kind.
    """
    if not isinstance(architecture, Graph):
        raise invalid(
            where,
            f"a {type(architecture).__name__}, whose calls are written in Python",
            "a graph of layers",
            "write it as a Sequential, or as Model(inputs, outputs)",
        )
    return architecture


def chain(layers: tuple[Layer, ...], name: str) -> Graph:
    """The graph of layers called one after another."""
    nodes = tuple(Node(i, i) for i in range(len(layers)))
    return Graph(layers=layers, nodes=nodes, outputs=len(layers), name=name)


def _is_value(value: Any) -> bool:
    """Whether this is what flows from an output; an optional input gives None."""
    return value is None or is_shape(value)


def _flows(value: Tree, mask: Mask) -> Tree:
    """Arrays with their masks: one, or a nest of each."""
    if mask is None:
        return jax.tree.map(Flow, value)
    leaves, nest = jax.tree.flatten(value)
    pairs = zip(leaves, nest.flatten_up_to(mask), strict=True)
    return nest.unflatten([Flow(*pair) for pair in pairs])


def _numbers(layer: Layer, a: Array) -> Array:
    """Numbers as a layer takes them: floats, but for layers that look them up.

    A layer without a type of its own computes in the library's.
    """
    whole = not layer.integers and not jnp.issubdtype(a.dtype, jnp.inexact)
    if whole:
        return a.astype(config.floatx())
    return in_full(a) if layer.own_dtype is None else a


def with_parts(layer: Layer) -> Iterator[Layer]:
    """A layer, and the layers that it is made of."""
    yield layer
    for part in layer.parts().values() if isinstance(layer, Composite) else ():
        yield from with_parts(part)
