# ruff: noqa: D102
"""Architecture: what a network computes, as one layer that is made of layers."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import jax

from onefit.errors import invalid
from onefit.layers.base import Layer, Weights
from onefit.layers.face import Face, Gathered
from onefit.layers.metering import Way
from onefit.metrics.base import Metric
from onefit.networks.sharing import Named, first_places, once, refuse_shared_state
from onefit.types import (
    Array,
    ArrayLike,
    Generator,
    Mask,
    Scalar,
    Shapes,
    Tree,
    is_shape,
)
from onefit.variables import Variable

if TYPE_CHECKING:
    from onefit.networks.network import Network

__all__ = ["Architecture"]


class Architecture(Layer, abstract=True):
    """The contract of what a network computes. Training asks for no more.

    It is a layer, so that networks nest. Its weights are a tuple with the weights of
    each of its layers, and they live in the layers' own slots: a layer that two
    networks share has one set of weights. A graph of layers is one architecture.

    A subclass says what its `layers` are, and how they are called: `forward`,
    `output_shape`, `input_shapes`, `calls`, `by_row`, `always_random`, `slot`, `build`.
    """

    is_network = True
    face: ClassVar["Network | None"] = None
    """The network that people hold, whose architecture this is."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Each layer once; an architecture inside is one of them."""
        raise NotImplementedError

    def calls(self) -> list[tuple[tuple[int, ...], Layer]]:
        """Each call of a plain layer, in order: its path (call numbers), the layer."""
        raise NotImplementedError

    def input_shapes(self, input_shape: Shapes) -> list[Shapes]:
        """The input shape of each layer, at its first call."""
        raise NotImplementedError

    @functools.cached_property
    def row_width(self) -> int:
        """The most numbers that a layer is given of one row."""
        shapes = self.input_shapes(self.slot.input_shape)
        return max(
            (
                math.prod(n or 1 for n in shape)
                for shape in jax.tree.leaves(shapes, is_leaf=is_shape)
            ),
            default=1,
        )

    @property
    def by_row(self) -> bool:
        """Whether the output of a row cannot depend on the rows beside it."""
        raise NotImplementedError

    @property
    def always_random(self) -> bool:
        """Whether a call draws random numbers even when the network does not train."""
        raise NotImplementedError

    def before(self, link: str, output: int = 0) -> "Architecture | None":
        """The architecture that stops before an output's activation, if it can."""
        del link, output

    # What follows from the layers -----------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable" and hasattr(self, "_made"):
            for layer in self.layers:
                layer.trainable = value
        super().__setattr__(name, value)

    @property
    def random(self) -> bool:
        """Whether any layer draws random numbers while training."""
        return any(layer.random for layer in self.layers)

    @property
    def trains_alone(self) -> bool:
        """Whether one of its layers does, and there is nothing that training moves."""
        layers = self.plain_layers()
        moved = any(jax.tree.leaves(n.slot.params) for n in layers if n.built)
        return not moved and any(layer.trains_alone for layer in layers)

    @property
    def integers(self) -> bool:
        """Whole numbers come in as they are; each layer then gets what it takes."""
        return True

    @property
    def stateful(self) -> bool:
        """Whether any layer goes on from its last call's state."""
        return any(layer.stateful for layer in self.layers)

    def plain_layers(self) -> list[Layer]:
        """The layers, those of graphs inside it in their place."""
        return [plain for layer in self.layers for plain in layer.plain_layers()]

    @property
    def batch_size(self) -> int | None:
        """The rows of a batch, where the inputs fix them."""
        shapes = jax.tree.leaves(self.slot.input_shape, is_leaf=is_shape)
        return shapes[0][0] if shapes and shapes[0] else None

    def free(self, params: Tree) -> Tree:
        """The weights that training may change: those of layers not frozen."""
        return tuple(
            layer.free(p) for layer, p in zip(self.layers, params, strict=True)
        )

    def merge(self, params: Tree, free: Tree) -> Tree:
        """All weights, with the free ones replaced by these."""
        return tuple(
            layer.merge(p, f)
            for layer, p, f in zip(self.layers, params, free, strict=True)
        )

    def first_places(self) -> tuple[int, ...] | None:
        """For each free weight the number of the first that is the same one.

        None where no weight stands in two layers; see `sharing`.
        """
        return self._first_places(self.free)

    def counted_places(self) -> tuple[int, ...] | None:
        """The same for each weight, frozen or not: whose penalty counts."""
        return self._first_places(lambda params: params)

    def _first_places(self, chosen: Callable[[Tree], Tree]) -> tuple[int, ...] | None:
        if not any(layer.is_network or layer.in_keras_style for layer in self.layers):
            return None  # each layer is there once
        return first_places(chosen(self.filled(Named)[0]), self.holders())

    def refuse_shared_state(self) -> None:
        """Refuses a state that training would update in two places."""
        refuse_shared_state(self.filled(Named)[1])

    def free_once(self, params: Tree) -> Tree:
        """The weights that training may change, each where it stands first."""
        return once(self.free(params), self.first_places())

    def penalty(self, params: Tree) -> Scalar:
        terms = [layer.penalty(p) for layer, p in zip(self.layers, params, strict=True)]
        return sum(terms, start=0.0)

    def constrain(self, params: Tree) -> Tree:
        return tuple(
            layer.constrain(p) for layer, p in zip(self.layers, params, strict=True)
        )

    def _layers_inside(self) -> list[Face]:
        return list(self.layers)

    def metered(self) -> list[tuple[Way, Metric]]:
        return [
            ((number, *way), metric)
            for number, layer in enumerate(self.layers)
            for way, metric in layer.metered()
        ]

    def inner_slot(self) -> Weights:
        slot = self.slot
        return Gathered(self, slot.params, slot.state, slot.input_shape)

    def filled(self, value: Callable[[Variable], Tree]) -> tuple[Tree, Tree]:
        pairs = [
            ({}, {}) if layer.weightless else layer.filled(value)
            for layer in self.layers
        ]
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def each_weight(
        self, params: Tree, state: Tree
    ) -> Iterator[tuple[Variable, Array]]:
        for layer, p, s in zip(self.layers, params, state, strict=True):
            if p or s:
                yield from layer.each_weight(p, s)

    def holders(self) -> list[object]:
        return [holder for layer in self.layers for holder in layer.holders()]

    def pairs(self, params: Tree, state: Tree) -> list[tuple[object, Any]]:
        parts = zip(self.layers, params, state, strict=True)
        return [pair for layer, p, s in parts for pair in layer.pairs(p, s)]

    def hold(self) -> None:
        for layer in self.layers:
            layer.hold()

    # The face -----------------------------------------------------------------------

    @property
    def built(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - that is read only
        """Whether every layer has its weights."""
        return self.ready

    @property
    def ready(self) -> bool:
        """The same: it has no shape of its own."""
        return all(layer.ready for layer in self.layers)

    def redraw(self, rng: Generator) -> tuple[Tree, Tree]:
        """Fresh weights: (params, state), those of the slot being left as they are.

        Frozen layers keep theirs, and so do those that have learned from data by
        `adapt`.
        """
        streams = rng.spawn(len(self.layers))
        pairs = []
        for layer, stream in zip(self.layers, streams, strict=True):
            slot = layer.slot
            if isinstance(layer, Architecture):
                pairs.append(layer.redraw(stream))
            elif not layer.trainable or hasattr(layer, "adapt") or not slot.params:
                pairs.append((slot.params, slot.state))
            else:
                pairs.append(layer.fresh(stream, slot.input_shape))
        return tuple(p for p, _ in pairs), tuple(s for _, s in pairs)

    def store(self, params: Tree, state: Tree) -> None:
        """Puts weights back into the layers' slots, in each slot's own order."""
        for layer, p, s in zip(self.layers, params, state, strict=True):
            if layer.ready:
                layer.store(p, s)

    def by_name(self) -> dict[str, Variable]:
        named = {
            f"{layer.name}/{name}": weight
            for layer in self.layers
            for name, weight in layer.by_name().items()
        }
        # A weight that two layers share is one of the network's weights.
        own = {id(weight): name for name, weight in reversed(named.items())}
        return {name: w for name, w in named.items() if own[id(w)] == name}

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        slot = self.slot
        return self.forward(
            slot.params, slot.state, inputs, training=False, key=None, mask=mask
        ).mask

    def _seeds(self) -> list[Variable]:
        return [seed for layer in self.layers for seed in layer._seeds()]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Replaces all weights, layer by layer.

        Raises:
            ValueError: A wrong number of arrays, or a wrong shape (which layer).
        """
        counts = [len(layer.by_name()) for layer in self.layers]
        if len(weights) < sum(counts):  # those of get_weights, without seeds
            counts = [len(layer.weights) for layer in self.layers]
        if len(weights) != sum(counts):
            each = ", ".join(
                f"{layer.name} {n}"
                for layer, n in zip(self.layers, counts, strict=True)
            )
            raise invalid(
                "set_weights",
                f"{len(weights)} arrays",
                f"{sum(counts)} ({each})",
                "see model.get_weights() for their order and shapes",
            )
        rest = list(weights)
        before = [[w.numpy() for w in one.by_name().values()] for one in self.layers]
        try:
            for layer, n in zip(self.layers, counts, strict=True):
                layer.set_weights(rest[:n])
                rest = rest[n:]
        except ValueError:
            # Nothing is half done: what was set before the bad array is taken back.
            for layer, old in zip(self.layers, before, strict=True):
                layer.set_weights(old)
            raise
