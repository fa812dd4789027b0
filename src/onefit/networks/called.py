# ruff: noqa: D102
"""Networks in Keras' style: a subclass of Model with a `call` of its own.

Such a network is one layer, its `Body`, whose `call` is the network's. When it first
sees how its inputs come, it becomes a graph of that one layer.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import config
from onefit.errors import mistyped
from onefit.layers.base import Layer
from onefit.layers.called import Called
from onefit.layers.core import Input
from onefit.layers.face import as_shape
from onefit.layers.symbolic import Tensor
from onefit.members import contents
from onefit.types import Config, Data, Shape, Shapes, Tree, is_shape

if TYPE_CHECKING:
    from onefit.networks.network import Network

__all__ = ["Body", "Sight", "own_call"]


def own_call(model: "Network", base: type) -> bool:
    """Whether the class of a network writes a `call` of its own."""
    return getattr(type(model), "call", None) is not getattr(base, "call", None)


class Body(Called, abstract=True):
    """The one layer of a network that is written as a `call`.

    Args:
        model: The network, whose attributes are its parts.
        name: The network's name.
    """

    def __init__(self, model: "Network", name: str) -> None:
        self._model = model
        super().__init__(name=name)

    unfit = False
    """Whether the rows of its training are no inputs of its call."""
    _unseen = Called._unseen | {"unfit"}

    @property
    def _class_name(self) -> str:
        return type(self._model).__name__

    @property
    def model(self) -> "Network":
        """The network."""
        return self._model

    def _contents(self) -> Iterator[tuple[str, Any]]:
        return contents(self._model, self._model._unseen)

    @property
    def _function(self) -> Callable[..., Tree]:
        return self._model.call

    def replace(self, **changes: Any) -> Layer:
        """The body of another network with the same settings."""
        config = self._model.get_config() | changes
        return type(self._model).from_config(config).as_layer

    def build(self, *shapes: Any, **named: Any) -> None:
        own = type(self._model).build
        if not own.__module__.startswith("onefit."):
            own(self._model, *shapes, **named)

    def _fit(self, input_shape: Shapes, options: Config | None = None) -> Shapes:
        if self.silent or self.unfit:  # its own steps say what it computes
            return input_shape
        return super()._fit(input_shape, options)

    def _shapes(self, *given: Any, **named: Any) -> Shapes:
        with self._model.eagerly():
            return super()._shapes(*given, **named)

    @property
    def silent(self) -> bool:
        """Whether the network has no call, only steps of its own."""
        return type(self._model).call.__module__.startswith("onefit.")

    def settle(self) -> None:
        """Says that a network without a call has the weights that its parts have."""
        if (self.silent or self.unfit) and not self.built:
            self._shape, self._complete = (), True

    def call(self, *inputs: Any, **options: Any) -> Tree:
        return self._model.call(*inputs, **options)

    def parameters_of_build(self) -> set[str]:
        return set(inspect.signature(type(self._model).build).parameters)


class Sight:
    """How the inputs of a network come: one array, a list, a dict; their shapes.

    Args:
        x: The inputs, as a method of the network was given them.
    """

    def __init__(self, x: Data) -> None:
        self.keys = [str(key) for key in x] if isinstance(x, dict) else None
        several = isinstance(x, list | tuple) and any(
            hasattr(leaf, "shape") for leaf in x
        )
        given: Iterable[Any] = [x]
        if several or isinstance(x, dict):
            given = x.values() if isinstance(x, dict) else x
        self.single = self.keys is None and not several
        self.is_tuple = isinstance(x, tuple)
        arrays = [a if hasattr(a, "shape") else np.asarray(a) for a in given]
        self.shapes: list[Shape] = [tuple(a.shape[1:]) for a in arrays]
        self.kinds = [_kind(a) for a in arrays]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sight) and vars(self) == vars(other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it is only compared

    def names(self) -> list[str]:
        """What the inputs are called."""
        if self.keys is not None:
            return self.keys
        return ["x"] if self.single else [f"x{i}" for i in range(len(self.shapes))]

    def arrange(self, arrays: Tree) -> Tree:
        """The arrays of a batch (one, or a tuple) as the inputs came."""
        values = arrays if isinstance(arrays, tuple) else (arrays,)
        if self.keys is not None:
            return dict(zip(self.keys, values, strict=True))
        if self.single:
            return arrays
        return values if self.is_tuple else list(values)

    def entrances(self) -> Tree:
        """What Input gives for each, arranged as they are."""
        names = self.keys or [None] * len(self.shapes)
        tensors = [
            Input(shape, dtype=kind, name=name)
            for shape, kind, name in zip(self.shapes, self.kinds, names, strict=True)
        ]
        if self.keys is not None:
            return dict(zip(self.keys, tensors, strict=True))
        if self.single:
            return tensors[0]
        return tuple(tensors) if self.is_tuple else tensors

    def config(self) -> Config:
        """The shapes and types of the inputs, arranged, as JSON can hold them."""
        shapes = [[None, *shape] for shape in self.shapes]
        arrange = lambda values: self.arrange(tuple(values))  # noqa: E731
        if self.single:
            return {"input_shape": shapes[0], "dtypes": self.kinds[0]}
        return {"input_shape": arrange(shapes), "dtypes": arrange(self.kinds)}

    @classmethod
    def from_config(cls, config: Config) -> "Sight":
        """The reverse of `config`."""
        shapes, kinds = config["input_shape"], config.get("dtypes")
        if isinstance(shapes, dict):
            kinds = kinds or dict.fromkeys(shapes)
            return cls({n: _blank(s, kinds[n]) for n, s in shapes.items()})
        if shapes and isinstance(shapes[0], list | tuple):
            kinds = kinds or [None] * len(shapes)
            return cls([_blank(*pair) for pair in zip(shapes, kinds, strict=True)])
        return cls(_blank(shapes, kinds))

    @classmethod
    def of_shapes(cls, shapes: Any) -> "Sight":
        """How inputs of these shapes come, the batch first."""
        return cls(jax.tree.map(_blank, as_shape(shapes), is_leaf=is_shape))


def _blank(shape: Shape, kind: str | None = None) -> np.ndarray:
    """Something of a shape to look at, without memory behind it."""
    return np.broadcast_to(
        np.zeros((), "U1" if kind == "string" else kind or config.floatx()),
        [n or 1 for n in shape],
    )


def _kind(array: Any) -> str | None:
    """The type of an input: None for floats."""
    kind = str(getattr(array, "dtype", "float32"))
    if kind.startswith(("int", "uint", "torch.int")):
        return "int32"
    return "string" if kind.startswith(("<U", "|S", "object", "str")) else None


def outputs_of(name: str, y: Tree) -> Tree:
    """The outputs of a call, as a network can have them: one, in lists and dicts."""
    leaves = jax.tree.leaves(y)
    if leaves and all(isinstance(leaf, Tensor) for leaf in leaves):
        return list(y) if type(y) is tuple else y
    raise mistyped(
        name,
        f"a call that returns {type(y).__name__} of {type(leaves[0] if leaves else y)}",
        "one value, or values in lists and dicts",
        "return {'a': a, 'b': b}",
    )


def layers_of(body: Body) -> list[Layer]:
    """The layers in the network's attributes."""
    return [layer for _, layer in body._inner()]
