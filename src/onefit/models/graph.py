# ruff: noqa: D102
"""Graphs: layers and the order in which they are called, as one pure function."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer, Weights
from onefit.types import Shape

__all__ = ["Graph", "Node", "chain"]


class Node(NamedTuple):
    """One call of a layer: which layer, on which values, in a nest of numbers."""

    layer: int
    sources: Any


class Graph(Layer):
    """Layers joined into one: the values are numbered, inputs first, then nodes.

    A graph is a layer itself, so graphs nest. Its weights are a tuple with the weights
    of each layer, and they live in the layers' own slots: a layer that two graphs share
    has one set of weights.

    Args:
        layers: Each layer once.
        nodes: The calls, in an order in which every value exists before it is used.
        inputs: How many inputs.
        outputs: A nest of value numbers; a lone number is a lone output.
    """

    layers: tuple[Layer, ...] = ()
    nodes: tuple[Node, ...] = ()
    inputs: int = 1
    outputs: Any = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable" and hasattr(self, "_made"):
            for layer in self.layers:
                layer.trainable = value
        super().__setattr__(name, value)

    @property
    def random(self) -> bool:  # type: ignore[override]
        """Whether any layer draws random numbers while training."""
        return any(layer.random for layer in self.layers)

    @property
    def integers(self) -> bool:  # type: ignore[override]
        """Whether any layer looks whole numbers up."""
        return any(layer.integers for layer in self.layers)

    def init(self, rng: np.random.Generator, input_shape: Any) -> Any:
        shapes = self.input_shapes(input_shape)
        pairs = [
            layer.init(stream, shape)
            for layer, shape, stream in zip(
                self.layers, shapes, rng.spawn(len(self.layers)), strict=True
            )
        ]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def forward(
        self, params: Any, state: Any, x: Any, *, training: bool, key: Any
    ) -> Any:
        states, penalties = list(state), []

        def call(index: int, node: int, value: Any) -> Any:
            layer = self.layers[index]
            draws = layer.random and key is not None
            subkey = jax.random.fold_in(key, node) if draws else None
            try:
                y, states[index], penalty = layer.forward(
                    params[index], states[index], value, training=training, key=subkey
                )
            except jax.errors.TracerArrayConversionError:
                raise mistyped(
                    # Names do not travel into a program; the place does.
                    f"{type(layer).__name__}, layer {index}",
                    received="a function that computes with numpy",
                    expected="jax.numpy, whose functions can be compiled",
                    fix="write `import jax.numpy as jnp` and jnp.exp for np.exp",
                ) from None
            penalties.append(penalty)
            return y

        y = self.thread(self._as_floats(x), call)
        return y, tuple(states), sum(penalties, start=0.0)

    def apply(self, params, state, x, *, training=False, key=None):
        return self.forward(params, state, x, training=training, key=key)[:2]

    def output_shape(self, input_shape: Any) -> Any:
        return self.thread(
            input_shape, lambda i, _, shape: self.layers[i].output_shape(shape)
        )

    def thread(self, x: Any, call: Any) -> Any:
        """Carries values through the graph: `call(layer index, node, value) -> value`.

        What flows may be arrays (the forward pass), shapes, or anything else.
        """
        values = [x] if self.inputs == 1 else list(x)
        for number, node in enumerate(self.nodes):
            value = jax.tree.map(values.__getitem__, node.sources)
            values.append(call(node.layer, number, value))
        return jax.tree.map(values.__getitem__, self.outputs)

    def input_shapes(self, input_shape: Any) -> list[Any]:
        """The input shape of each layer, at its first call."""
        shapes: dict[int, Any] = {}

        def call(index: int, node: int, shape: Shape) -> Any:
            del node
            shapes.setdefault(index, shape)
            return self.layers[index].output_shape(shape)

        self.thread(input_shape, call)
        return [shapes[i] for i in range(len(self.layers))]

    def _as_floats(self, x: Any) -> Any:
        """Whole-number inputs as floats, but for layers that look numbers up."""

        def cast(a: Any) -> Any:
            whole = not jnp.issubdtype(a.dtype, jnp.inexact)
            return a.astype(config.floatx()) if whole else a

        keeps = any(self.layers[node.layer].integers for node in self.nodes)
        return x if keeps else jax.tree.map(cast, x)

    def free(self, params: Any) -> Any:
        """The weights that training may change: those of layers not frozen."""
        return tuple(
            layer.free(p) for layer, p in zip(self.layers, params, strict=True)
        )

    def merge(self, params: Any, free: Any) -> Any:
        """All weights, with the free ones replaced by these."""
        return tuple(
            layer.merge(p, f)
            for layer, p, f in zip(self.layers, params, free, strict=True)
        )

    def before(self, link: str) -> "Graph | None":
        """The graph whose last layer stops before its activation, if it can."""
        called = [node.layer for node in self.nodes]
        if not called or self.outputs != len(called) or called.count(called[-1]) > 1:
            return None
        index = called[-1]
        last = self.layers[index]
        regularized = getattr(last, "activity_regularizer", None) is not None
        shorter = None if regularized else last.before(link)
        if shorter is None:
            return None
        layers = (*self.layers[:index], shorter, *self.layers[index + 1 :])
        return self.replace(layers=layers)

    def plain_layers(self) -> list[Layer]:
        """The layers, those of graphs inside it in their place."""
        inner = [
            layer.plain_layers() if isinstance(layer, Graph) else [layer]
            for layer in self.layers
        ]
        return [layer for layers in inner for layer in layers]

    def penalty(self, params: Any) -> Any:
        terms = [layer.penalty(p) for layer, p in zip(self.layers, params, strict=True)]
        return sum(terms, start=0.0)

    def constrain(self, params: Any) -> Any:
        return tuple(
            layer.constrain(p) for layer, p in zip(self.layers, params, strict=True)
        )

    # The face -----------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether every layer has its weights."""
        return all(layer.built for layer in self.layers)

    @property
    def slot(self) -> Weights:
        """The weights of all layers, gathered from their slots."""
        slots = [layer.slot for layer in self.layers]
        return Weights(
            tuple(s.params for s in slots),  # type: ignore[arg-type]
            tuple(s.state for s in slots),  # type: ignore[arg-type]
            slots[0].input_shape if slots else None,
        )

    def build(
        self, input_shape: Any, rng: np.random.Generator | None = None
    ) -> "Graph":
        """Makes the weights of those layers that have none yet."""
        rng = rng or config.generator(None)
        shapes = self.input_shapes(input_shape)
        streams = rng.spawn(len(self.layers))
        for layer, shape, stream in zip(self.layers, shapes, streams, strict=True):
            if not layer.built:
                layer.build(shape, stream)
        return self

    def store(self, params: Any, state: Any) -> None:
        """Puts weights back into the layers' slots, in each slot's own order."""
        for layer, p, s in zip(self.layers, params, state, strict=True):
            if layer.built:
                layer.store(p, s)

    @property
    def weights(self) -> list[Any]:
        """All weights, layer by layer."""
        return [w for layer in self.layers for w in layer.weights]

    def set_weights(self, weights: list[Any]) -> None:
        """Replaces all weights, layer by layer.

        Raises:
            ValueError: A wrong number of arrays, or a wrong shape (which layer).
        """
        counts = [len(layer.weights) for layer in self.layers]
        if len(weights) != sum(counts):
            each = ", ".join(
                f"{layer.name} {n}"
                for layer, n in zip(self.layers, counts, strict=True)
            )
            raise invalid(
                "set_weights",
                received=f"{len(weights)} arrays",
                expected=f"{sum(counts)} ({each})",
                fix="see model.get_weights() for their order and shapes",
            )
        rest = list(weights)
        before = self.get_weights()
        try:
            for layer, n in zip(self.layers, counts, strict=True):
                layer.set_weights(rest[:n])
                rest = rest[n:]
        except ValueError:
            # Nothing is half done: what was set before the bad array is taken back.
            for layer, n in zip(self.layers, counts, strict=True):
                layer.set_weights(before[:n])
                before = before[n:]
            raise


def chain(layers: tuple[Layer, ...], name: str) -> Graph:
    """The graph of layers called one after another."""
    nodes = tuple(Node(i, i) for i in range(len(layers)))
    return Graph(layers=layers, nodes=nodes, outputs=len(layers), name=name)
