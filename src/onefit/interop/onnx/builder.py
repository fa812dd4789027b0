"""An ONNX graph while it is made: nodes, weights, constants and their names."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from onefit.interop.onnx.operators import OPERATORS
from onefit.types import ArrayLike, Config, Shape

__all__ = ["Arrays", "Body", "Builder", "Node", "Outputs", "Row", "Value"]

FOLDED = 1 << 16
"""The most numbers that a constant which is computed here may have."""


class Node(NamedTuple):
    """One operation.

    Attributes:
        kind: Which, by ONNX' name.
        inputs: The names of what it takes; "" for what is left out.
        outputs: The names of what it gives.
        attributes: Its settings; a `Body` among them is a graph inside.
        name: Its own name.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Config
    name: str

    def reads(self) -> set[str]:
        """The values that it takes, those that graphs inside it take too."""
        bodies = [v for v in self.attributes.values() if isinstance(v, Body)]
        inside = [node.reads() for body in bodies for node in body.nodes]
        ends = [body.outputs for body in bodies]
        return set(self.inputs).union(*inside, *ends)


class Body(NamedTuple):
    """The graph inside a node; it also sees the values of the graph around it."""

    nodes: list[Node]
    inputs: dict[str, np.dtype]
    outputs: dict[str, np.dtype]


class Value:
    """A value of the graph.

    Attributes:
        name: What it is called.
        shape: Its shape; None for a size that is known when it runs.
        dtype: The type of its numbers.
        mask: The value that says which of its steps there are, or None.
    """

    def __init__(
        self,
        name: str,
        shape: Sequence[int | None],
        dtype: npt.DTypeLike,
        mask: "Value | None" = None,
    ) -> None:
        self.name, self.mask = name, mask
        self.shape: Shape = tuple(shape)
        self.dtype = np.dtype(dtype)

    def masked(self, mask: "Value | None") -> "Value":
        """The same value with this mask."""
        return Value(self.name, self.shape, self.dtype, mask)


class Builder:
    """Takes operations one after another, each with a name that no other has.

    Attributes:
        nodes: The operations, in an order in which they can run.
        weights: The arrays of the layers, by name.
        constants: Other arrays, by name.
        scope: What the names of new operations begin with: the layer's name.
    """

    def __init__(self, outer: "Builder | None" = None) -> None:
        self.outer = outer
        self.root: Builder = outer.root if outer else self
        self.nodes: list[Node] = []
        self.weights: dict[str, np.ndarray] = {}
        self.constants: dict[str, np.ndarray] = {}
        self._taken: set[str] = set()
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._makers: dict[str, Node] = {}
        self.scope = outer.scope if outer else ""

    # Names ----------------------------------------------------------------------------

    def name(self, wanted: str) -> str:
        """A name that nothing else has: this, or with a number behind it."""
        taken, name, number = self.root._taken, wanted, 0
        while name in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name)
        return name

    @contextmanager
    def within(self, scope: str) -> Iterator[None]:
        """Names of operations and weights begin with this, too, until the end."""
        before = self.scope
        self.scope = f"{before}/{scope}" if before else scope
        try:
            yield
        finally:
            self.scope = before

    # Weights and constants ------------------------------------------------------------

    def weight(self, name: str, array: ArrayLike) -> str:
        """A weight of the layer; the same again is the same weight."""
        name, array = f"{self.scope}/{name}", np.asarray(array)
        known = self.root.weights.get(name)
        if known is not None and np.array_equal(known, array, equal_nan=True):
            return name
        name = self.name(name)
        self.root.weights[name] = array
        return name

    def constant(self, array: ArrayLike, dtype: npt.DTypeLike | None = None) -> str:
        """An array that is no weight; equal ones are one."""
        array = np.asarray(array, dtype)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self.root._known:
            shown = f"{array}" if not array.ndim else "x".join(map(str, array.shape))
            name = self.root.name(f"constant/{shown}")
            self.root._known[key] = name
            self.root.constants[name] = array
        return self.root._known[key]

    def whole(self, *numbers: int) -> str:
        """Sizes, axes or places as an array."""
        return self.constant(numbers, "int64")

    def array(self, name: str) -> np.ndarray | None:
        """The numbers of a constant; None for what is no constant."""
        return self.root.constants.get(name)

    def maker(self, name: str) -> Node | None:
        """The operation that makes a value."""
        return self._makers.get(name)

    # Operations -----------------------------------------------------------------------

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        """The value that an operation gives."""
        folded = self._folded(kind, inputs, attributes)
        return folded or self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(
        self, kind: str, count: int, *inputs: str, **attributes: object
    ) -> list[str]:
        """The values of an operation that gives `count` of them."""
        name = self.name(f"{self.scope}/{kind}" if self.scope else kind)
        outputs = [name, *(self.name(f"{name}.{i}") for i in range(1, count))]
        given = {k: v for k, v in attributes.items() if v is not None}
        node = Node(kind, inputs, tuple(outputs), given, name)
        self.nodes.append(node)
        self._makers |= dict.fromkeys(outputs, node)
        return outputs

    def _folded(
        self, kind: str, inputs: Sequence[str], attributes: Config
    ) -> str | None:
        """What an operation on small constants gives, computed here."""
        arrays = [self.array(name) for name in inputs]
        if not arrays or kind not in OPERATORS or any(a is None for a in arrays):
            return None
        if kind in ("Expand", "Range", "Scan"):  # their results may be large
            return None
        with np.errstate(all="ignore"):
            result = np.asarray(OPERATORS[kind](*arrays, **attributes))
        return self.constant(result) if result.size <= FOLDED else None

    def transpose(self, x: str, order: Sequence[int]) -> str:
        """The value with its axes in another order; an order and its reverse cancel."""
        order = [int(axis) for axis in order]
        maker = self.maker(x)
        if maker is not None and maker.kind == "Transpose":
            x, order = maker.inputs[0], [maker.attributes["perm"][a] for a in order]
        if order == sorted(order):
            return x
        return self.op("Transpose", x, perm=tuple(order))

    def inner(self) -> "Builder":
        """What makes the graph inside an operation."""
        return Builder(self)

    def needed(self, ends: Sequence[str]) -> list[Node]:
        """The nodes that these values are made with."""
        wanted, kept = set(ends), []
        for node in reversed(self.nodes):
            if wanted & set(node.outputs):
                kept.append(node)
                wanted |= node.reads()
        return kept[::-1]


Arrays: TypeAlias = dict[str, np.ndarray]
"""Arrays by name, such as the weights of a layer."""

Outputs: TypeAlias = str | Value | tuple[str, ...] | tuple[Value, ...] | None
"""What a layer gives: values, or their names; None where ONNX has not this layer."""

Row: TypeAlias = Callable[[Builder, Any, Arrays, Any], Outputs]
"""How a kind of layer is written: of (builder, layer, weights, x).

Each takes its own class of layer, and a Value or a tuple of them."""
