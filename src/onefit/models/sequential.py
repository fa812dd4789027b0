"""Sequential: layers one after another."""

from collections.abc import Iterable
from typing import Any, Self

import jax

from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer, batch_shape
from onefit.layers.core import InputLayer
from onefit.layers.symbolic import Tensor
from onefit.models.functional import Nest
from onefit.models.graph import Graph, chain
from onefit.models.model import Model
from onefit.spellings import keras_keywords

__all__ = ["Sequential"]


class Sequential(Model):
    """A model whose layers are called one after another.

    Args:
        layers: The layers, an `Input` first if the shape is known; more by `add`.
        name: The model's name.

    Raises:
        ValueError: Two layers of one name, an `Input` that is not first.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((6,)), Dense(9), Dense(4)])
        >>> model.count_params()
        103

    Source: lecture 000, "Train a neural network in TensorFlow"; lecture 004, 2.2.
    """

    @keras_keywords
    def __init__(self, layers: Iterable[Any] = (), name: str | None = None) -> None:
        self._start()
        self._chosen = name is not None
        self._input: InputLayer | None = None
        self.graph = chain((), name or "sequential")
        self._show_face()
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Any) -> None:
        """Adds a layer, or a model as a layer, at the end."""
        self._refuse_change("add")
        if isinstance(layer, Tensor):
            layer = layer.call.layer
        if isinstance(layer, InputLayer):
            if self.layers or self._input:
                raise invalid(
                    self.name,
                    f"an Input after {len(self.layers)} layers",
                    "an Input as the first entry only",
                )
            self._input = layer
            return
        if isinstance(layer, Model):
            if self._input is None and not self.layers:
                self._input = getattr(layer, "_input", None)
            layer = layer.graph
        if not isinstance(layer, Layer):
            given = f"the class {layer.__name__}" if isinstance(layer, type) else layer
            raise mistyped(
                self.name,
                repr(given) if not isinstance(given, str) else given,
                "a layer",
                f"write {layer.__name__}(...)" if isinstance(layer, type) else "",
            )
        shape = layer.told_shape
        if shape and not self.layers and self._input is None:
            self._input = InputLayer(tuple(shape))
        self._name(layer)
        # Before it is one of the layers: one that does not fit is not kept.
        outputs = None
        if self._input is not None:
            before = self._outputs.tensors[0] if self._outputs else self._entrance()
            outputs = self._lone(layer, layer(before))
        self._set((*self.graph.layers, layer), outputs)

    def _refuse_change(self, name: str) -> None:
        """Refuses to change what another model has as a layer."""
        if self.graph._calls:
            raise invalid(
                self.name,
                f"{name}() of a model that is a layer of another",
                "a model on its own",
                "change it before it is called, or a copy: "
                "onefit.models.clone_model(model)",
            )

    def _entrance(self) -> Tensor:
        assert self._input is not None
        self._input._fit(self._input.batch_shape)
        return self._input.entrance()

    def _lone(self, layer: Layer, y: Any) -> Tensor:
        """What a layer gave; refused if it is several."""
        if not isinstance(y, Tensor):
            raise invalid(
                self.name,
                f"{layer.name!r}, which has {len(jax.tree.leaves(y))} outputs",
                "layers with one output, one after another",
                "write a graph: x = Input(...), Model(x, layer(x))",
            )
        return y

    def pop(self) -> Layer:
        """Takes the last layer off and returns it."""
        self._refuse_change("pop")
        if not self.layers:
            raise invalid(self.name, "pop()", "a model with layers")
        *rest, last = self.graph.layers
        outputs = self._outputs and self._outputs.tensors[0].call.sources
        self._set(tuple(rest), outputs)
        return last

    def build(self, input_shape: Any = None) -> Self:
        """Makes the weights; without a shape, the `Input`'s is taken."""
        if input_shape is None:
            if self._input is None:
                raise invalid(
                    self.name,
                    "build() without a shape",
                    "the shape of the input, the batch first",
                    "write model.build((None, 4)), or begin with Input((4,))",
                )
            input_shape = self._input.batch_shape
        super().build(tuple(input_shape))
        if self._input is None:
            self._input = InputLayer(batch_shape=tuple(input_shape))
            y = self._entrance()
            for layer in self.graph.layers:
                y = self._lone(layer, layer(y))
            self._set(self.graph.layers, y)
        return self

    def _ready_for(self, x: Any) -> None:
        # Layers that were all built before say nothing of this model's input.
        if self._input is None and not self.graph.stateful:
            self.build(batch_shape(x))
        super()._ready_for(x)

    def _set(self, layers: tuple[Layer, ...], outputs: Tensor | None) -> None:
        self.graph: Graph = chain(layers, self.name)
        self.graph._named = self._chosen
        self._show_face()
        self.optimizer_state = None
        self._inputs = self._outputs = None
        if outputs is not None and layers:
            self._inputs = Nest(self._entrance(), "inputs")
            self.graph.entrance = self._inputs.tensors[0].shape
            self._outputs = Nest(outputs, "outputs")

    def _name(self, layer: Layer) -> None:
        """Gives an unnamed layer a name that no other has; refuses a name twice."""
        mine = {id(known) for known in self.graph.plain_layers()}
        new = layer.plain_layers() if isinstance(layer, Graph) else [layer]
        if any(id(plain) in mine for plain in new):
            raise invalid(
                self.name,
                f"the layer {layer.name!r} twice",
                "each layer once",
                "make a second layer",
            )
        names = {known.name for known in self.layers}
        if layer.name not in names:
            return
        if layer._named or (layer.built and not isinstance(layer, Graph)):
            raise invalid(
                self.name,
                f"two layers named {layer.name!r}",
                "names that differ",
                f"write name='{layer.name}_2' for the second",
            )
        number = 1
        while f"{layer.name}_{number}" in names:
            number += 1
        layer.name = f"{layer.name}_{number}"
