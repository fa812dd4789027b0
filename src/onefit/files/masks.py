"""Masks in Keras' files: which it finds by itself, and which have to be written.

Keras computes the masks of Embedding and Masking by operations, which become part of
the graph where a layer takes a mask: they count in the order of its layers. Its
operators (`x + y`) lose masks, and its recurrent layers do not look for one where they
are given states; where ours have one there, the file has to say it.
"""

from collections.abc import Sequence
from typing import TypeAlias

import jax

from onefit.layers.activation import Softmax
from onefit.layers.attention import AdditiveAttention, Attention
from onefit.layers.attention_heads import GroupQueryAttention, MultiHeadAttention
from onefit.layers.base import Layer
from onefit.layers.embedding import Masking
from onefit.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from onefit.layers.normalization import BatchNormalization
from onefit.layers.operation import Absolute, Arithmetic, GetItem
from onefit.layers.pooling import GlobalAveragePooling1D
from onefit.layers.recurrent import OverTime
from onefit.layers.wrappers import Bidirectional, TimeDistributed
from onefit.networks.graph import Graph, Node
from onefit.types import Config

__all__ = [
    "CHAINS",
    "HEADS",
    "MASKS",
    "Masks",
    "Op",
    "Value",
    "makes_mask",
    "mask_arguments",
]

MASKS = ("mask", "query_mask", "value_mask", "key_mask")
"""What Keras' calls name masks."""

MERGING = (Add, Average, Maximum, Minimum, Multiply, Subtract)
HEADS = (MultiHeadAttention, GroupQueryAttention)
ATTENTION = (Attention, AdditiveAttention)
CHAINS = (OverTime, Bidirectional)
TAKING = (
    *CHAINS,
    BatchNormalization,
    GlobalAveragePooling1D,
    Graph,
    Softmax,
    TimeDistributed,
)
"""Layers whose calls take the mask of their one input."""


class Value:
    """A value of a graph by its number, as an argument of a call."""

    def __init__(self, number: int) -> None:
        self.number = number


class Op:
    """An operation of Keras on values and other operations.

    Args:
        name: Its class.
        settings: What it is made with.
        args: What it is called on: `Value`s, `Op`s, numbers, a list of them.

    Attributes:
        depths: The values that it needs, and how many calls back from one that takes
            its output each of them is made.
        known: Whether Keras has operations for all of it.
    """

    def __init__(self, name: str, settings: Config, args: tuple) -> None:
        self.name, self.settings, self.args = name, settings, args
        self.depths: dict[int, int] = {}
        self.known = bool(name)
        for arg in jax.tree.leaves(args):
            if isinstance(arg, Value):
                self._needs(arg.number, 2)
            elif isinstance(arg, Op):
                self.known &= arg.known
                for number, depth in arg.depths.items():
                    self._needs(number, depth + 1)

    def _needs(self, number: int, depth: int) -> None:
        self.depths[number] = max(self.depths.get(number, 0), depth)


FileMask: TypeAlias = Value | Op | None
"""A mask as a file has it: a value, what computes it, or none."""

PASSED = Op("", {}, ())
"""A mask that Keras passes on while it runs, and has no operation for."""


def makes_mask(layer: Layer) -> bool:
    """Whether a layer finds out a mask from the numbers that it is given."""
    if isinstance(layer, Graph):
        return any(map(makes_mask, layer.plain_layers()))
    return isinstance(layer, Masking) or bool(getattr(layer, "mask_zero", False))


def mask_arguments(layer: Layer, masks: list[FileMask]) -> dict[str, object]:
    """The masks of a call's inputs as Keras' call names them."""
    if isinstance(layer, HEADS):
        pairs = zip(MASKS[1:], masks, strict=False)
        return {name: mask for name, mask in pairs if mask is not None}
    return {"mask": list(masks) if isinstance(layer, ATTENTION) else masks[0]}


class Masks:
    """The masks of a graph's values, here and in Keras.

    Attributes:
        computed: What Keras finds by itself, by the number of the call that takes it.
        written: What it does not, so that a file has to say it: of a call's inputs.
        joined: The places of the layers that join masks.
    """

    def __init__(self, graph: Graph) -> None:
        self.computed: dict[int, Op] = {}
        self.written: dict[int, list[FileMask]] = {}
        self.joined: set[int] = set()
        ours: list[FileMask] = [None] * graph.inputs
        theirs: list[FileMask] = [None] * graph.inputs
        for number, node in enumerate(graph.nodes):
            layer = graph.layers[node.layer]
            values = jax.tree.leaves(node.sources)
            mine, known = ([masks[v] for v in values] for masks in (ours, theirs))
            if node.mask is not None:
                mine = known = [Value(v) for v in jax.tree.leaves(node.mask)]
            elif self._take(layer, node, number, mine, known):
                known = mine
            if isinstance(layer, Concatenate) and any(m is not None for m in mine):
                self.joined.add(node.layer)
            ours += _passed(layer, node, mine, operators=True)
            theirs += _passed(layer, node, known, operators=False)

    def _take(
        self,
        layer: Layer,
        node: Node,
        number: int,
        mine: list[FileMask],
        known: list[FileMask],
    ) -> bool:
        """Notes the masks that a call takes; whether its output has those then."""
        several = isinstance(layer, (*HEADS, *ATTENTION))
        if not several and (not isinstance(layer, TAKING) or mine[:1] == [None]):
            return False
        if not dict(node.options).get("use_mask", True):
            return False
        alone = several or len(mine) == 1 or isinstance(layer, Graph)
        if not alone or [m is None for m in mine] != [m is None for m in known]:
            self.written[number] = mine if several else mine[:1]
        elif not several and isinstance(known[0], Op):
            self.computed[number] = known[0]
        # Many heads pass on the mask that their query has, not the ones of the call.
        return not isinstance(layer, HEADS)


def _passed(
    layer: Layer, node: Node, masks: Sequence[FileMask], operators: bool
) -> list[FileMask]:
    """The masks of a call's outputs, given those of its inputs."""
    first, *more = masks or [None]
    x = [Value(v) for v in jax.tree.leaves(node.sources)]
    match layer:
        case Arithmetic() | Absolute():
            first = first if operators and layer.keep_mask else None
            if first is not None and more:
                first = None if more[0] is None else Op("LogicalOr", {}, (first, *more))
        case GetItem() | Dot():
            first = None
        case Graph():
            inside = makes_mask(layer) or any(m is not None for m in masks)
            return [PASSED if inside else None] * node.outputs
        case Masking():
            settings = {"axis": -1, "keepdims": False}
            first = Op("Any", settings, (Op("NotEqual", {}, (*x, layer.mask_value)),))
        case Concatenate():
            first = _joined(layer, x, masks)
        case _ if makes_mask(layer):
            first = Op("NotEqual", {}, (*x, 0))
        case _ if isinstance(layer, MERGING):
            first = None if None in masks else first
            for mask in more if first is not None else ():
                first = Op("LogicalOr", {}, (first, mask))
        case _ if isinstance(layer, CHAINS):
            inner = layer if isinstance(layer, OverTime) else layer.layer
            both = 2 if getattr(layer, "merge_mode", "") is None else 1
            first = first if inner.return_sequences else None
            return [first] * both + [None] * (node.outputs - both)
        case _ if not _keeps(layer):
            first = None
    return [first] + [None] * (node.outputs - 1)


def _keeps(layer: Layer) -> bool:
    """Whether the mask of a layer's input holds for its output."""
    return layer.supports_masking or isinstance(layer, (*HEADS, *ATTENTION))


def _joined(layer: Concatenate, x: list[Value], masks: Sequence[FileMask]) -> Op | None:
    """The mask of joined values, as Keras computes it for values of three axes."""
    if all(mask is None for mask in masks):
        return None
    parts = []
    for value, mask in zip(x, masks, strict=True):
        like = {"dtype": "bool"}
        if mask is None:
            parts.append(Op("OnesLike", like, (value,)))
        else:
            wide = Op("ExpandDims", {"axis": -1}, (mask,))
            parts.append(Op("LogicalOr", {}, (wide, Op("ZerosLike", like, (value,)))))
    joined = Op("Concatenate", {"axis": layer.axis}, (parts,))
    return Op("Any", {"axis": -1, "keepdims": False}, (joined,))
