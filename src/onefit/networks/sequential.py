"""Sequential: layers one after another."""

from collections.abc import Iterable
from typing import Self

import jax

from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.layers.symbolic import Tensor
from onefit.networks.functional import Nest
from onefit.networks.graph import Graph, chain
from onefit.networks.host import begins_with_text
from onefit.networks.network import Network
from onefit.spellings import keras_keywords
from onefit.types import Shapes, Tree, batch_shape

__all__ = ["SequentialNetwork"]


class SequentialNetwork(Network):
    """A network whose layers are called one after another; see `models.Sequential`."""

    @keras_keywords
    def __init__(
        self, layers: Iterable[Layer | Network | Tensor] = (), name: str | None = None
    ) -> None:
        self._start()
        self._chosen = name is not None
        self.entrance_layer: InputLayer | None = None
        self.graph = chain((), name or "sequential")
        self._hold()
        for layer in layers or ():
            self.add(layer)

    def add(self, layer: Layer | Network | Tensor) -> None:
        """Adds a layer, or a model as a layer, at the end."""
        self._refuse_change("add")
        if isinstance(layer, Tensor):
            layer = layer.call.layer
        if isinstance(layer, InputLayer):
            if self.layers or self.entrance_layer:
                raise invalid(
                    self.name,
                    f"an Input after {len(self.layers)} layers",
                    "an Input as the first entry only",
                )
            self.entrance_layer = layer
            return
        if isinstance(layer, Network):
            if self.entrance_layer is None and not self.layers:
                self.entrance_layer = getattr(layer, "entrance_layer", None)
            layer = layer.as_layer
        if not isinstance(layer, Layer):
            given = f"the class {layer.__name__}" if isinstance(layer, type) else layer
            raise mistyped(
                self.name,
                repr(given) if not isinstance(given, str) else given,
                "a layer",
                f"write {layer.__name__}(...)" if isinstance(layer, type) else "",
            )
        shape = layer.told_shape
        if shape and not self.layers and self.entrance_layer is None:
            self.entrance_layer = InputLayer(tuple(shape), layer.told_batch)
        self._name(layer)
        # Before it is one of the layers: one that does not fit is not kept.
        outputs = None
        if self.entrance_layer is not None:
            before = (
                self.output_nest.tensors[0] if self.output_nest else self._entrance()
            )
            outputs = self._single(layer, layer(before))
        self._set((*self.whole.layers, layer), outputs)

    def _refuse_change(self, name: str) -> None:
        """Refuses to change what another model has as a layer."""
        if self.whole._calls:
            raise invalid(
                self.name,
                f"{name}() of a model that is a layer of another",
                "a model on its own",
                "change it before it is called, or a copy: "
                "onefit.models.clone_model(model)",
            )

    def _entrance(self) -> Tensor:
        assert self.entrance_layer is not None
        self.entrance_layer._fit(self.entrance_layer.batch_shape)
        return self.entrance_layer.entrance()

    def _single(self, layer: Layer, y: object) -> Tensor:
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
        *rest, last = self.whole.layers
        outputs = self.output_nest and self.output_nest.tensors[0].call.sources
        self._set(tuple(rest), outputs)
        return last

    def build(self, input_shape: Shapes = None) -> Self:
        """Makes the weights; without a shape, the `Input`'s is taken."""
        if input_shape is None:
            if self.entrance_layer is None:
                raise invalid(
                    self.name,
                    "build() without a shape",
                    "the shape of the input, the batch first",
                    "write model.build((None, 4)), or begin with Input((4,))",
                )
            input_shape = self.entrance_layer.batch_shape
        super().build(tuple(input_shape))
        if self.entrance_layer is None:
            self.entrance_layer = InputLayer(
                batch_shape=tuple(input_shape),
                dtype="string" if begins_with_text(self.whole) else None,
            )
            y = self._entrance()
            for layer in self.whole.layers:
                y = self._single(layer, layer(y))
            self._set(self.whole.layers, y)
        return self

    def ready_for(self, x: Tree) -> None:
        """Builds the layers for this input, also where they were built before."""
        if self.entrance_layer is None and not self.graph.stateful:
            self.build(batch_shape(x))
        super().ready_for(x)

    def _set(self, layers: tuple[Layer, ...], outputs: Tensor | None) -> None:
        graph = chain(layers, self.name)
        graph._named = self._chosen
        input_nest = output_nest = None
        if outputs is not None and layers:
            input_nest = Nest(self._entrance(), "inputs")
            graph.entrance = input_nest.tensors[0].shape
            output_nest = Nest(outputs, "outputs")
        self.graph = graph  # refuses what cannot be one, before anything is changed
        self.input_nest, self.output_nest = input_nest, output_nest
        self._hold()
        self._forget_training()

    def _name(self, layer: Layer) -> None:
        """Gives a layer without a name of its own a new one; refuses a name twice."""
        if any(known is layer for known in self.whole.layers):
            raise invalid(
                self.name,
                f"the layer {layer.name!r} twice",
                "each layer once",
                "make a second layer",
            )
        names = {known.name for known in self.layers}
        if layer.name not in names:
            return
        if layer._named or (layer.ready and not isinstance(layer, Graph)):
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
