"""Values of a graph before there are numbers: what `Input` gives and calls return.

A layer called on a `Tensor` computes nothing. It finds the shape of its output, makes
its weights, and returns Tensors that remember the call; `Model(inputs, outputs)` walks
back along them.
"""

import weakref
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn

import jax
import jax.numpy as jnp

from onefit import config
from onefit.errors import mistyped
from onefit.types import Mask, Operators, Shape, Shapes, Tree, is_shape

__all__ = ["Call", "Tensor", "is_symbolic", "way_to"]


class Tensor(Operators):
    """What stands for an array that a graph will compute.

    Arithmetic and slices of it are layers of the graph: `x + y`, `2 * x`, `x[:, -1]`
    (`operation.py` gives it these operators).

    One that is made by its shape alone is an input: `KerasTensor((None, 3))`.

    Args:
        shape: Its shape, the batch first, as None.
        dtype: The type of its numbers.
        sparse, ragged: False: values are arrays.
        record_history: Accepted: a graph remembers its calls.
        name: The name of the input.

    Attributes:
        shape, dtype: As above.
        call: The call of a layer that gives it.
        index: Which of the call's outputs it is.

    >>> onefit.KerasTensor((None, 3), name="table")
    <Tensor of shape (None, 3) from 'table'>
    """

    __array_priority__ = 1000  # so that array + tensor asks the tensor
    sparse = ragged = False
    entrance: ClassVar[Callable[..., "Call"]]
    """What gives the call of an input layer, which stands in a file above."""

    def __init__(
        self,
        shape: Shape,
        dtype: str = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        del record_history
        if sparse or ragged:
            raise mistyped(
                "KerasTensor",
                "sparse=True" if sparse else "ragged=True",
                "values that are arrays",
                "leave it out, and give arrays: x.toarray() of a sparse one",
            )
        self.shape = tuple(shape)
        self.call, self.index = Tensor.entrance(self.shape, dtype, name), 0
        own: list[Tensor] = [self]
        self.call.tensors, self.call.outputs = own, self
        self.dtype = str(jnp.dtype(dtype)) if dtype != "string" else dtype

    @classmethod
    def of_call(
        cls, shape: Shape, dtype: str, call: "Call", index: int, new: Any = None
    ) -> "Tensor":
        """One of the outputs of a call."""
        tensor = object.__new__(cls) if new is None else new
        tensor.shape, tensor.dtype = tuple(shape), str(dtype)
        tensor.call, tensor.index = call, index
        return tensor

    @property
    def ndim(self) -> int:
        """How many axes it has, the batch among them."""
        return len(self.shape)

    @property
    def name(self) -> str:
        """The name of the layer that gives it."""
        return str(self.call.layer.name)

    def __reduce__(self) -> tuple[Callable, tuple]:
        record = Record.of(self.call)
        return Record.tensor, (record, record.numbers[id(self)])

    def __repr__(self) -> str:
        return f"<Tensor of shape {self.shape} from {self.name!r}>"

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise self._no_numbers("a numpy function")

    def __bool__(self) -> bool:
        raise self._no_numbers("a condition")

    def __iter__(self) -> NoReturn:
        raise self._no_numbers("a loop")

    def __len__(self) -> int:
        raise self._no_numbers("len()")

    def _no_numbers(self, use: str) -> TypeError:
        return mistyped(
            f"output of {self.name!r}",
            f"{use} on a value that has no numbers yet",
            "layers, arithmetic and slices, which become part of the graph",
            "write Lambda(f)(x) for a function f of jax.numpy, or a function of "
            "onefit.ops",
        )


class Call:
    """One call of a layer in a graph.

    Attributes:
        layer: The layer.
        sources: What it was called on: a Tensor, or a tuple of them.
        mask: The mask that the call gave, if any: a Tensor, or a tuple.
        options: The call's static options, as (name, value).
        outputs: What stands for its output: a Tensor, or a tuple of them.
    """

    def __init__(
        self, layer: Any, sources: Tree, mask: Mask, options: Any, output_shape: Shapes
    ) -> None:
        self.layer, self.sources, self.mask = layer, sources, mask
        self.options = options
        shapes, nest = jax.tree.flatten(output_shape, is_leaf=is_shape)
        own = getattr(layer, "output_dtype", None) or layer.compute_dtype
        dtype = own or config.floatx()
        self.tensors = [Tensor.of_call(s, dtype, self, i) for i, s in enumerate(shapes)]
        self.outputs = jax.tree.unflatten(nest, self.tensors)

    def __reduce__(self) -> tuple[Callable, tuple]:
        record = Record.of(self)
        return Record.call, (record, record.places[id(self)])


class Record:
    """Calls in a table, in which numbers stand for Tensors.

    A copy or a pickle of a call goes by it: a network may be deeper than Python's stack
    lets `copy` and `pickle` follow calls from one to the next.
    """

    def __init__(self, calls: list[Call]) -> None:
        self.calls: dict[int, Call] = dict(enumerate(calls))
        tensors = [tensor for call in calls for tensor in call.tensors]
        self.tensors: dict[int, Tensor] = dict(enumerate(tensors))
        self.places = {id(call): i for i, call in self.calls.items()}
        self.numbers = {id(tensor): i for i, tensor in self.tensors.items()}

    @classmethod
    def of(cls, call: Call) -> "Record":
        """The record that a call is in while something copies it, or a new one.

        A new one has all calls from which one comes to this one. Only what copies it
        keeps it: it is gone with that copy.
        """
        known = _record(call)
        if known is not None:
            return known
        found, rest = dict[int, Call](), [call]
        while rest:
            one = rest.pop()
            if id(one) not in found and _record(one) is None:
                found[id(one)] = one
                before = jax.tree.leaves((one.sources, one.mask))
                rest += [*one.layer._calls, *(tensor.call for tensor in before)]
        record = cls(list(found.values()))
        for one in found.values():
            one.__dict__["record"] = weakref.ref(record)
        return record

    def call(self, place: int) -> Call:
        """A call of the table; of a copy that is not filled yet, its empty shell."""
        calls = self.__dict__.setdefault("calls", {})
        return calls.setdefault(place, object.__new__(Call))

    def tensor(self, number: int) -> Tensor:
        """A Tensor of the table, as `call`."""
        tensors = self.__dict__.setdefault("tensors", {})
        return tensors.setdefault(number, object.__new__(Tensor))

    def __getstate__(self) -> list[Any]:
        def number(tensor: Tensor) -> Any:  # one of another record stays a Tensor
            return self.numbers.get(id(tensor), tensor)

        return [
            (
                call.layer,
                call.options,
                jax.tree.map(number, (call.sources, call.mask, call.outputs)),
                [(number(t), t.shape, t.dtype) for t in call.tensors],
            )
            for call in self.calls.values()
        ]

    def __setstate__(self, table: list[Any]) -> None:
        def tensor(value: Any) -> Tensor:
            return value if isinstance(value, Tensor) else self.tensor(value)

        for place, (layer, options, nests, made) in enumerate(table):
            call = self.call(place)
            call.layer, call.options = layer, options
            call.sources, call.mask, call.outputs = jax.tree.map(tensor, nests)
            call.tensors = [self.tensor(number) for number, *_ in made]
            for index, (number, shape, dtype) in enumerate(made):
                Tensor.of_call(shape, dtype, call, index, self.tensor(number))
        self.places = {id(call): i for i, call in self.calls.items()}
        self.numbers = {id(t): i for i, t in self.tensors.items()}


def _record(call: Call) -> Record | None:
    return call.__dict__.get("record", lambda: None)()


def is_symbolic(x: Tree) -> bool:
    """Whether any of these values has no numbers yet."""
    return any(isinstance(leaf, Tensor) for leaf in jax.tree.leaves(x))


def way_to(tensor: Tensor) -> list[str]:
    """The names of the layers on the way to a value, from an input on; at most five.

    Where a layer has several inputs, the first of them is followed.
    """
    names: list[str] = []
    while True:
        names.insert(0, tensor.name)
        before = jax.tree.leaves(tensor.call.sources)
        if not before:
            return names if len(names) < 6 else [names[0], "...", *names[-4:]]
        tensor = before[0]
