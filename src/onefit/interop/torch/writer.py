"""Models as modules: the graph that a model's layers are written into.

A model whose layers are one after another becomes an `nn.Sequential`; any other becomes
a `torch.fx.GraphModule`, plain torch with a `forward` that can be read (`.code`).

Arrays keep the model's layout. Where a layer has channels last and torch's module takes
them first, they are moved, and moved back where a layer needs the model's layout.
"""

import dataclasses
import re
import warnings
from collections.abc import Callable, Sequence
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

import jax
import numpy as np

from onefit import activations, config
from onefit.errors import OnefitWarning, invalid
from onefit.interop.torch.modules import ACTIVATIONS
from onefit.interop.torch.weights import put
from onefit.layers.activation import Activation
from onefit.layers.base import Layer, where
from onefit.layers.grids import Grid
from onefit.models.model import Model
from onefit.networks.graph import Graph, as_graph
from onefit.registry import nearest_formula
from onefit.types import Function, Mask, Params, Shape, is_shape

if TYPE_CHECKING:
    from torch import fx, nn

__all__ = ["Module", "Value", "Values", "Writer", "fill", "writes"]

Module = TypeVar("Module", bound="nn.Module")


@dataclasses.dataclass(frozen=True)
class Value:
    """A value of the graph.

    Attributes:
        node: What gives it, in torch.fx's graph.
        shape: Its shape in the model, the batch first, as None.
        first: Whether torch has its last axis as the second.
    """

    node: "fx.Node"
    shape: Shape
    first: bool = False


Values: TypeAlias = Value | Sequence[Value]
"""What passes between layers: a value, or several."""

# Each takes the layers, one value or several, that its own annotations name.
Write = Callable[["Writer", Any, Any], Values]
WRITERS: dict[type[Layer], Write] = {}
"""The functions that write the layers of a class: (writer, layer, values) to values."""


def writes(*kinds: type[Layer] | UnionType) -> Callable[[Write], Write]:
    """Registers a function as the writer of layers: of classes, or unions of them."""

    def add(write: Write) -> Write:
        for kind in kinds:
            classes = get_args(kind) if isinstance(kind, UnionType) else (kind,)
            WRITERS.update(dict.fromkeys(classes, write))
        return write

    return add


class Writer:
    """Writes a model's layers into a graph of torch.fx."""

    def __init__(self) -> None:
        from torch import fx, nn

        self.graph, self.modules, self.nn = fx.Graph(), {}, nn
        self.made: dict[Any, str] = {}

    def module(self, model: Model) -> "nn.Module":
        """The module of a whole model."""
        from torch import fx

        model = model.undivided("to_torch")
        shapes = model.graph.slot.input_shape
        shapes = [shapes] if is_shape(shapes) else list(shapes)
        names = model.input_names
        names = [n if n.isidentifier() else f"x{i}" for i, n in enumerate(names)]
        names = ["x"] if len(names) == 1 else names
        given = [
            Value(self.graph.placeholder(n), s)
            for n, s in zip(names, shapes, strict=True)
        ]
        outputs = self.through(as_graph(model.graph, "to_torch"), given)
        ends = jax.tree.map(
            lambda v: self.last(v).node, outputs, is_leaf=lambda v: isinstance(v, Value)
        )
        ops = [node.op for node in self.graph.nodes]
        self.graph.output(ends)
        plain = set(ops[1:]) <= {"call_module"} and len(given) == 1
        chain = [node.target for node in self.graph.nodes if node.op == "call_module"]
        if plain and len(chain) == len(self.modules):
            whole = self.nn.Sequential(*(self.modules[name] for name in chain))
        else:
            root = self.nn.Module()
            for name, inner in self.modules.items():
                root.add_module(name, inner)
            whole = fx.GraphModule(root, self.graph)
        return whole.eval()

    def through(self, graph: Graph, given: list[Value]) -> Values:
        """The outputs of a graph of layers."""
        return graph.thread(
            given[0] if len(given) == 1 else given,
            lambda node, number, x, mask: self.layer(graph.layers[node.layer], x, mask),
        )

    def layer(self, layer: Layer, x: Values, mask: Mask = None) -> Values:
        """The output of a layer for values; writes its module."""
        if isinstance(layer, Graph):
            return self.through(layer, [x] if isinstance(x, Value) else list(x))
        write = nearest_formula(WRITERS, type(layer))
        if write is None or mask is not None:
            raise invalid(
                where(layer),
                "a call with a mask"
                if mask is not None
                else "a layer that torch has no module for",
                "a layer that both have: those of the table in docs/torch.md",
                "convert the parts before and after it",
            )
        lost = [
            setting
            for setting in (
                "kernel_regularizer",
                "bias_regularizer",
                "activity_regularizer",
                "kernel_constraint",
                "bias_constraint",
            )
            if getattr(layer, setting, None) is not None
        ]
        if lost:
            self.warn(layer, ", ".join(lost))
        return write(self, layer, x)

    def warn(self, layer: Layer, lost: str) -> None:
        """Warns that a setting which only training needs is left out."""
        warnings.warn(
            f"to_torch, {where(layer)}: {lost} stays behind, which torch has "
            "not; the outputs are the same, further training is not",
            OnefitWarning,
            stacklevel=2,
        )

    # Parts of the graph -------------------------------------------------------------

    def call(self, function: Function | str, *args: Any, **kwargs: Any) -> "fx.Node":
        """A call of a function, or of a method by its name."""
        args = tuple(a.node if isinstance(a, Value) else a for a in args)
        if isinstance(function, str):
            return self.graph.call_method(function, args, kwargs)
        return self.graph.call_function(function, args, kwargs)

    def add(
        self,
        layer: Layer,
        make: "Callable[[], nn.Module] | nn.Module",
        node: "fx.Node",
        more: str = "",
    ) -> "fx.Node":
        """A call of a module, which `make` makes at the layer's first call.

        Args:
            layer: Whose module it is.
            make: Makes the module.
            node: What it is called on.
            more: Which of a layer's several modules.
        """
        key = id(layer), more
        if key not in self.made:
            title = "".join(c if c.isalnum() else "_" for c in f"{layer.name}{more}")
            title = title if title[0].isalpha() else f"layer_{title}"
            taken = sum(
                re.fullmatch(rf"{title}(_\d+)?", n) is not None for n in self.modules
            )
            title = f"{title}_{taken}" if title in self.modules else title
            self.made[key] = title
            inner: Any = make if isinstance(make, self.nn.Module) else make()
            for parameter in inner.parameters():
                parameter.requires_grad_(bool(layer.trainable))
            self.modules[title] = inner
        return self.graph.call_module(self.made[key], (node,))

    def weighted(self, cls: Callable[..., Module], *args: Any, **kwargs: Any) -> Module:
        """A module whose weights are not drawn: torch's generator stays as it is."""
        import torch

        with torch.device("meta"):
            module = cls(*args, **kwargs)
        return module.to_empty(device="cpu").to(getattr(torch, config.floatx()))

    def last(self, x: Value) -> Value:
        """A value in the model's layout."""
        if not x.first:
            return x
        order = (0, *range(2, len(x.shape)), 1)
        return Value(self.call("permute", x, order), x.shape)

    def channels_first(self, x: Value) -> Value:
        """A value with the model's last axis as torch's second."""
        if x.first or len(x.shape) < 3:
            return x
        order = (0, len(x.shape) - 1, *range(1, len(x.shape) - 1))
        return Value(self.call("permute", x, order), x.shape, True)

    def grid(self, layer: Grid, x: Value) -> tuple[Value, bool]:
        """The value with channels first, and whether they were moved for that."""
        if layer.data_format == "channels_first":
            return self.last(x), False
        return self.channels_first(x), True

    def ended(self, layer: Layer, node: "fx.Node", shape: Shape, first: bool) -> Value:
        """The output of a layer: the node's value, after the layer's activation."""
        value = Value(node, shape, first)
        g = getattr(layer, "activation", activations.linear)
        return value if g is activations.linear else self.activated(layer, g, value)

    def activated(self, layer: Layer, g: Function, x: Value) -> Value:
        """An activation as a module."""
        nn, name = self.nn, activations.serialize(g)
        plain = {mine: theirs for theirs, mine in ACTIVATIONS.items()}
        others = {
            "celu": nn.CELU,
            "elu": nn.ELU,
            "gelu": nn.GELU,
            "hard_shrink": nn.Hardshrink,
            "hard_tanh": nn.Hardtanh,
            "leaky_relu": lambda: nn.LeakyReLU(0.2),
            "linear": nn.Identity,
            "log_softmax": lambda: nn.LogSoftmax(-1),
            "softmax": lambda: nn.Softmax(-1),
            "softplus": nn.Softplus,
            "soft_shrink": nn.Softshrink,
            "glu": lambda: nn.GLU(-1),
        }
        make = getattr(nn, plain[name]) if name in plain else others.get(name)
        if make is None or getattr(activations, name, None) is not g:
            raise invalid(
                where(layer),
                f"the activation {name!r}",
                f"one of {', '.join(sorted([*plain, *others]))}",
                "convert the part before it, and call torch's own function",
            )
        if name in ("log_softmax", "softmax", "glu"):
            x = self.last(x)
        shape = x.shape if name != "glu" else (*x.shape[:-1], (x.shape[-1] or 0) // 2)
        more = "" if isinstance(layer, Activation) else f"_{name}"
        return dataclasses.replace(
            x, node=self.add(layer, make, x.node, more), shape=shape
        )


def fill(module: Module, weights: Params, **names: Any) -> Module:
    """Writes weights into a module: torch's name=(onefit's name, way) for each."""
    for theirs, (mine, way) in names.items():
        if mine in weights:
            arrays = way.split(np.asarray(weights[mine]))
            for name, array in zip(theirs.split("__"), arrays, strict=True):
                put(getattr(module, name), array)
    return module
