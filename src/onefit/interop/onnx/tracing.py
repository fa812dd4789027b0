"""Any function of JAX as operations of ONNX, whatever the number of rows.

The function is traced twice, with two numbers for each size that is open. What is the
same both times is fixed; what differs is a size that is found when the graph runs.
"""

import itertools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from onefit.interop.onnx.builder import Builder, Value
from onefit.interop.refusal import refusal

__all__ = ["Held", "Size", "Step", "call", "full"]

TRACED = ((97, 89), (53, 59), (43, 47), (37, 41), (71, 73), (79, 83), (61, 67))
"""The two numbers of each open size: the batch's, then those of others."""


class Size(NamedTuple):
    """A size that is open: what it was in each trace."""

    one: int
    other: int


class Open(NamedTuple):
    """Where an open size is found when the graph runs: axis `axis` of a value."""

    size: Size
    value: str
    axis: int


class Held(NamedTuple):
    """A value on its way through a program.

    Attributes:
        name: The value in the graph.
        actual: Its shape there; what is repeated along an axis is not, until it has to.
        shape: The shape that the program takes it to have.
        dtype: The type of its numbers.
    """

    name: str
    actual: tuple[Any, ...]
    shape: tuple[Any, ...]
    dtype: Any


class Both(NamedTuple):
    """The same program from both traces."""

    one: Jaxpr
    other: Jaxpr
    consts: list[Any]


class Step:
    """One equation of a program, and what it needs to become operations.

    Attributes:
        b: Where operations go.
        inputs: The values it takes.
        params: Its settings, open sizes in them as `Size`.
        shapes, dtypes: Of what it gives.
    """

    def __init__(
        self, walk: "Walk", name: str, inputs: list[Held], params: Any, outs: Any
    ) -> None:
        self.walk, self.b, self.inputs, self.params = walk, walk.b, inputs, params
        self.primitive = name
        self.shapes, self.dtypes = ([o[i] for o in outs] for i in range(2))

    @property
    def shape(self) -> Any:
        """The shape of the first output."""
        return self.shapes[0]

    def full(self, index: int = 0) -> str:
        """An input with what is repeated in it repeated in fact."""
        return full(self.walk, self.inputs[index])

    def sizes(self, sizes: Any) -> str:
        """Sizes as an array of the graph."""
        return self.walk.sizes(sizes)

    def refuse(self, what: str, fix: str = "") -> Exception:
        """The error for what ONNX cannot have."""
        return self.walk.refuse(f"{self.primitive} {what}".rstrip(), fix)


class Walk:
    """A walk through a program that was traced twice."""

    def __init__(self, b: Builder, opens: list[Open]) -> None:
        self.b, self.opens = b, opens

    def inside(self, b: Builder) -> "Walk":
        """The walk through a program inside an operation."""
        return Walk(b, self.opens)

    def refuse(self, received: str, fix: str = "") -> Exception:
        """The error for what ONNX cannot have."""
        return refusal(
            f"export, {self.b.scope}",
            received=received,
            expected="what ONNX can express, for any number of rows",
            fix=fix or "leave that layer to the program that calls the exported model",
        )

    # Sizes ----------------------------------------------------------------------------

    def sizes(self, sizes: Any) -> str:
        """Sizes as an array of whole numbers in the graph."""
        if not any(isinstance(n, Size) for n in sizes):
            return self.b.whole(*sizes)
        parts = [self._size(n) for n in sizes]
        return parts[0] if len(parts) == 1 else self.b.op("Concat", *parts, axis=0)

    def _size(self, size: Any) -> str:
        """One size: factor · (a product of open sizes) + offset."""
        b = self.b
        if not isinstance(size, Size):
            return b.whole(size)
        known = {o.size: o for o in reversed(self.opens)}
        for count in range(1, len(known) + 1):
            for some in itertools.combinations(known, count):
                one, other = (math.prod(s[i] for s in some) for i in range(2))
                factor, rest = divmod(size.one - size.other, one - other)
                offset = size.one - factor * one
                if rest or factor == 0 or (count > 1 and offset):
                    continue
                found = [
                    b.op("Shape", o.value, start=o.axis, end=o.axis + 1)
                    for o in map(known.__getitem__, some)
                ]
                name = found[0]
                for more in found[1:]:
                    name = b.op("Mul", name, more)
                name = name if factor == 1 else b.op("Mul", name, b.whole(factor))
                return name if not offset else b.op("Add", name, b.whole(offset))
        raise self.refuse("a size that is no sum or product of the input's sizes")

    # Programs -------------------------------------------------------------------------

    def run(self, both: Both, given: list[Held]) -> list[Held]:
        """The outputs of a program for these inputs."""
        one, other = both.one, both.other
        held: dict[Any, Held] = dict(zip(one.invars, given, strict=True))
        held |= dict(zip(one.constvars, both.consts, strict=True))

        def aval(v: Any) -> Any:
            return v.aval

        def read(a: Any, c: Any) -> Held:
            if not isinstance(a, Literal):
                return held[a]
            if np.any(a.val != c.val) and not (np.isnan(a.val) and np.isnan(c.val)):
                raise self.refuse("numbers that follow the number of rows")
            return self.constant(a.val, c.val, aval(a).dtype)

        outs = list(zip(one.outvars, other.outvars, strict=True))
        needed = _needed(one)
        for i, (e, f) in enumerate(zip(one.eqns, other.eqns, strict=True)):
            if i not in needed:
                continue
            pairs = zip(e.invars, f.invars, strict=True)
            inputs = [read(a, c) for a, c in pairs]
            outputs = [
                (merged(aval(a).shape, aval(c).shape), aval(a).dtype)
                for a, c in zip(e.outvars, f.outvars, strict=True)
            ]
            params = {k: self._merged(v, f.params.get(k)) for k, v in e.params.items()}
            step = Step(self, e.primitive.name, inputs, params, outputs)
            held |= dict(zip(e.outvars, self.one(step), strict=True))
        return [read(a, c) for a, c in outs]

    def one(self, step: Step) -> list[Held]:
        """What one equation gives."""
        from onefit.interop.onnx.primitives import PRIMITIVES, Lazy

        convert = PRIMITIVES.get(step.primitive)
        if convert is None:
            random = "random" in step.primitive or "rng" in step.primitive
            raise self.refuse(
                f"the operation {step.primitive!r} of jax",
                "call it without training=True: an ONNX graph draws nothing"
                if random
                else "",
            )
        made = convert(step)
        if isinstance(made, str | Held | Lazy):
            made = [made]
        return [
            m if isinstance(m, Held)
            else Held(m.name, m.actual, shape, dtype) if isinstance(m, Lazy)
            else Held(m, shape, shape, dtype)
            for m, shape, dtype in zip(made, step.shapes, step.dtypes, strict=True)
        ]  # fmt: skip

    def constant(self, one: Any, other: Any, dtype: Any) -> Held:
        """A constant of both traces; one that has a row for each row is one number."""
        one, other = np.asarray(one, dtype), np.asarray(other, dtype)
        shape = merged(one.shape, other.shape)
        if one.shape != other.shape:
            if np.any(one != one.flat[0]) or np.any(other != one.flat[0]):
                raise self.refuse("an array with other numbers for each row")
            return Held(self.b.constant(one.flat[0]), (), shape, one.dtype)
        if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            raise self.refuse("numbers that follow the number of rows")
        return Held(self.b.constant(one), shape, shape, one.dtype)

    def _merged(self, a: Any, c: Any) -> Any:
        if isinstance(a, ClosedJaxpr):
            pairs = zip(a.consts, c.consts, strict=True)
            consts = [self.constant(x, y, np.asarray(x).dtype) for x, y in pairs]
            return Both(a.jaxpr, c.jaxpr, consts)
        if isinstance(a, Jaxpr):
            return Both(a, c, [])
        if type(a) is tuple and isinstance(c, tuple) and len(a) == len(c):
            return tuple(self._merged(x, y) for x, y in zip(a, c, strict=True))
        return merged(a, c)


def merged(a: Any, c: Any) -> Any:
    """What two traces have in common: the same, or sizes that are open."""
    if isinstance(a, int | np.integer) and not isinstance(a, bool):
        return int(a) if a == c else Size(int(a), int(c))
    if type(a) is tuple:
        return tuple(merged(x, y) for x, y in zip(a, c, strict=True))
    return a


def _needed(jaxpr: Jaxpr) -> set[int]:
    """The equations that the outputs need."""
    wanted, needed = {v for v in jaxpr.outvars if not isinstance(v, Literal)}, set()
    for i in reversed(range(len(jaxpr.eqns))):
        if wanted & set(jaxpr.eqns[i].outvars):
            needed.add(i)
            wanted |= {v for v in jaxpr.eqns[i].invars if not isinstance(v, Literal)}
    return needed


def full(walk: Walk, held: Held) -> str:
    """A value with what is repeated in it repeated in fact."""
    if held.actual == held.shape:
        return held.name
    lead = len(held.shape) - len(held.actual)
    padded = (1,) * lead + held.actual
    # Where the value has the size already, any size of one says so.
    pairs = zip(padded, held.shape, strict=True)
    sizes = [1 if a == s else s for a, s in pairs]
    return walk.b.op("Expand", held.name, walk.sizes(sizes))


# The entrance -------------------------------------------------------------------------


def call(b: Builder, function: Any, *args: Any) -> Any:
    """The values that a function of JAX gives: a nest, as the function's.

    Args:
        b: Where the operations go.
        function: Of arrays; pure.
        *args: Nests of Values.

    Raises:
        ValueError: What ONNX cannot express.
    """
    leaves, nest = jax.tree.flatten(args)
    values = [_canonical(b, value) for value in leaves]
    try:
        opens, traces = _opened(values, False), None
        traces = _traces(function, nest, values, opens)
    except (TypeError, ValueError):
        # Sizes that have to be the same, such as the lengths of two sequences.
        opens = _opened(values, True)
        traces = _traces(function, nest, values, opens)
    (one, out), (other, _) = traces
    places = [Open(size, values[i].name, axis) for (i, axis), size in opens.items()]
    walk = Walk(b, places)
    both = walk._merged(one, other)
    given = []
    for i, value in enumerate(values):
        pairs = enumerate(value.shape)
        shape = tuple(opens[i, a] if n is None else n for a, n in pairs)
        given.append(Held(value.name, shape, shape, value.dtype))
    made = [
        Value(full(walk, h), [None if isinstance(n, Size) else n for n in h.shape],
              h.dtype)
        for h in walk.run(both, given)
    ]  # fmt: skip
    return jax.tree.unflatten(jax.tree.structure(out), made)


def _canonical(b: Builder, value: Value) -> Value:
    """The value in a type that JAX has here: whole numbers of 32 bits."""
    wanted = jax.dtypes.canonicalize_dtype(value.dtype)
    if wanted == value.dtype:
        return value
    return Value(b.op("Cast", value.name, to=wanted.name), value.shape, wanted)


def _opened(values: list[Value], same: bool) -> dict[tuple[int, int], Size]:
    """The numbers for each open size; the first axis is the batch."""
    opens, rest = {}, iter(TRACED[1:])
    by_axis: dict[Any, Size] = {}
    for i, value in enumerate(values):
        for axis, size in enumerate(value.shape):
            if size is None:
                key = axis if same or axis == 0 else (i, axis)
                if key not in by_axis:
                    by_axis[key] = Size(*(TRACED[0] if axis == 0 else next(rest)))
                opens[i, axis] = by_axis[key]
    return opens


def _traces(function: Any, nest: Any, values: list[Value], opens: Any) -> Any:
    def trace(which: int) -> Any:
        def struct(i: int, value: Value) -> Any:
            sizes = enumerate(value.shape)
            shape = [opens[i, a][which] if n is None else n for a, n in sizes]
            return jax.ShapeDtypeStruct(tuple(shape), value.dtype)

        structs = [struct(i, value) for i, value in enumerate(values)]
        return jax.make_jaxpr(
            lambda *leaves: jax.tree.map(
                jnp.asarray, function(*jax.tree.unflatten(nest, leaves))
            ),
            return_shape=True,
        )(*structs)

    return trace(0), trace(1)
