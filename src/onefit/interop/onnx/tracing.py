"""Any function of JAX as operations of ONNX, whatever the number of rows.

The function is traced three times, with other numbers for each size that is open. What
is the same each time is fixed; what differs is a size that the graph itself computes.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var

from onefit.errors import invalid
from onefit.interop.onnx.builder import Builder, Value
from onefit.types import ArrayLike, Config, Function, Tree

__all__ = ["Conversion", "Operand", "Size", "Sizes", "Step", "call", "full"]

ROWS = 97, 89, 89
"""The number of rows in each trace: what differs in the last follows another axis."""

TRACED = (
    (53, 59, 64),
    (43, 47, 58),
    (37, 41, 50),
    (71, 73, 88),
    (79, 83, 70),
    (61, 67, 76),
    (101, 103, 94),
    (107, 109, 98),
    (113, 127, 110),
    (131, 137, 122),
    (139, 149, 134),
    (151, 157, 142),
)
"""The numbers of other open sizes in each trace, odd and even."""

OTHER = "a program that is another one for other sizes"

MOST = 6
"""The most open sizes of which each choice is tried that makes some the same."""


class Size(NamedTuple):
    """A size that is open: what it was in each trace."""

    one: int
    other: int
    last: int


Sizes: TypeAlias = tuple[int | Size, ...]
"""The shape of a value on its way through a program."""

Opens: TypeAlias = dict[tuple[int, int], Size]
"""The open sizes by place: (number of the input, axis)."""

Traces: TypeAlias = list[tuple[ClosedJaxpr, Tree]]
"""Of each trace, the program and what it gives."""


class Open(NamedTuple):
    """Where an open size is found when the graph runs: axis `axis` of a value.

    The value has the shape `shape`.
    """

    size: Size
    value: str
    axis: int
    shape: tuple[int | None, ...]


class Operand(NamedTuple):
    """A value on its way through a program.

    Attributes:
        name: The value in the graph.
        actual: Its shape in the graph, where an axis along which all numbers are the
            same may still have size 1, or be missing at the front.
        shape: The shape that the program takes it to have.
        dtype: The type of its numbers.
    """

    name: str
    actual: Sizes
    shape: Sizes
    dtype: np.dtype


class Lazy(NamedTuple):
    """A value that is repeated along axes only where it has to be."""

    name: str
    actual: Sizes


class Program(NamedTuple):
    """The same program from all traces."""

    traces: tuple[Jaxpr, ...]
    consts: list[Operand]


class Step:
    """One equation of a program, and what it needs to become operations.

    Attributes:
        b: Where operations go.
        inputs: The values it takes.
        params: Its settings, open sizes in them as `Size`.
        shapes, dtypes: Of what it gives.
    """

    def __init__(
        self,
        walk: "Walk",
        name: str,
        inputs: list[Operand],
        params: Config,
        outs: list[tuple[Sizes, np.dtype]],
    ) -> None:
        self.walk, self.b, self.inputs, self.params = walk, walk.b, inputs, params
        self.primitive = name
        self.shapes = [shape for shape, _ in outs]
        self.dtypes = [dtype for _, dtype in outs]

    @property
    def shape(self) -> Sizes:
        """The shape of the first output."""
        return self.shapes[0]

    def full(self, index: int = 0) -> str:
        """An input in its full shape."""
        return full(self.walk, self.inputs[index])

    def sizes(self, sizes: Sequence[int | Size]) -> str:
        """Sizes as an array of the graph."""
        return self.walk.sizes(sizes)

    def refuse(self, what: str, fix: str = "") -> Exception:
        """The error for what ONNX cannot have."""
        return self.walk.refuse(f"{self.primitive} {what}".rstrip(), fix)


Conversion: TypeAlias = Callable[
    [Step], str | Operand | Lazy | list[str] | list[Operand]
]
"""How an equation is written: it gives the values that the equation makes."""

PRIMITIVES: dict[str, Conversion] = {}
"""How each operation of jax is written: `primitives.py` fills it."""


class Walk:
    """A walk through a program that was traced three times."""

    def __init__(self, b: Builder, opens: list[Open]) -> None:
        self.b, self.opens = b, opens

    def inside(self, b: Builder) -> "Walk":
        """The walk through a program inside an operation."""
        return Walk(b, self.opens)

    def refuse(self, received: str, fix: str = "") -> Exception:
        """The error for what ONNX cannot have."""
        return invalid(
            f"export, {self.b.scope}",
            received,
            "what ONNX can express, for any number of rows",
            fix or "leave that layer to the program that calls the exported model",
        )

    # Sizes ----------------------------------------------------------------------------

    def sizes(self, sizes: Sequence[int | Size]) -> str:
        """Sizes as an array of whole numbers in the graph."""
        fixed = [n for n in sizes if not isinstance(n, Size)]
        if len(fixed) == len(sizes):
            return self.b.whole(*fixed)
        parts = [self._size(n) for n in sizes]
        return parts[0] if len(parts) == 1 else self.b.op("Concat", *parts, axis=0)

    def _size(self, size: int | Size) -> str:
        """One size: factor · (a product or sum of open sizes) + offset."""
        b = self.b
        if not isinstance(size, Size):
            return b.whole(size)
        known = {o.size: o for o in reversed(self.opens)}
        kinds = [("Mul", math.prod), ("Add", sum)]
        for count in range(1, min(len(known), 4) + 1):
            for some, (kind, joined) in itertools.product(
                itertools.combinations(known, count), kinds[:count]
            ):
                line = _line([joined(n) for n in zip(*some, strict=True)], size)
                if not line:
                    continue
                factor, offset = line
                parts = [
                    b.op("Shape", o.value, start=o.axis, end=o.axis + 1)
                    for o in map(known.__getitem__, some)
                ]
                name = parts[0]
                for more in parts[1:]:
                    name = b.op(kind, name, more)
                name = name if factor == 1 else b.op("Mul", name, b.whole(factor))
                return name if not offset else b.op("Add", name, b.whole(offset))
        what = "a size that is no sum or product of the input's sizes"
        raise self.known(what) if size.other != size.last else self.refuse(what)

    def number(self, values: list[np.ndarray]) -> str | None:
        """A number that is a size of the input, or one over a size; else None."""
        if values[1] == values[2] or values[0].dtype.kind not in "iuf":
            return None  # it follows the number of rows, or not a size
        for over in (False, True):
            with np.errstate(all="ignore"):
                sizes = [np.round(1 / v if over else v) for v in values]
            if not all(np.isfinite(n) and 0 < n < 1 << 31 for n in sizes):
                continue
            near = [(1 / n if over else n).astype(values[0].dtype) for n in sizes]
            if any(a != v for a, v in zip(near, values, strict=True)):
                continue
            try:
                name = self._size(Size(*map(int, sizes)))
            except ValueError:
                continue
            name = self.b.op("Squeeze", name, self.b.whole(0))
            name = self.b.op("Cast", name, to=values[0].dtype.name)
            return self.b.op("Reciprocal", name) if over else name
        return None

    def follows(self, values: list[np.ndarray], what: str) -> Exception:
        """The error for numbers that are not the same in all traces."""
        if not np.array_equal(values[1], values[2]):
            return self.known(f"{what} that follow the length of an open axis")
        return self.refuse(f"{what} that follow the number of rows")

    def known(self, received: str) -> Exception:
        """The error for what needs an axis of a known size."""
        given = [o.shape for o in self.opens if o.axis]
        if not given:
            return self.refuse(received)
        shape = given[0][1:]
        fixed = tuple(5 if n is None else n for n in shape)
        return invalid(
            f"export, {self.b.scope}",
            received,
            "what ONNX can express, for any length of it",
            f"the size of the axis has to be known: write Input({fixed}), with "
            f"your sizes, in place of Input({tuple(shape)})",
        )

    # Programs -------------------------------------------------------------------------

    def run(self, program: Program, given: list[Operand]) -> list[Operand]:
        """The outputs of a program for these inputs."""
        one = program.traces[0]
        values: dict[Var, Operand] = dict(zip(one.invars, given, strict=True))
        values |= dict(zip(one.constvars, program.consts, strict=True))

        def read(atoms: tuple[Any, ...]) -> Operand:
            if not isinstance(atoms[0], Literal):
                return values[atoms[0]]
            first: Any = atoms[0].aval
            return self.constant([a.val for a in atoms], first.dtype)

        needed = _needed(one)
        for i, same in enumerate(self.along(*(t.eqns for t in program.traces))):
            if i not in needed:
                continue
            e = same[0]
            if len({f.primitive.name for f in same}) > 1:
                raise self.known(OTHER)
            inputs = [read(atoms) for atoms in self.along(*(f.invars for f in same))]
            outputs = [
                (self._merged(*(v.aval.shape for v in vs)), vs[0].aval.dtype)
                for vs in self.along(*(f.outvars for f in same))
            ]
            params = {
                k: self._merged(v, *(f.params.get(k) for f in same[1:]))
                for k, v in e.params.items()
            }
            step = Step(self, e.primitive.name, inputs, params, outputs)
            values |= dict(zip(e.outvars, self.one(step), strict=True))
        return [
            read(atoms) for atoms in self.along(*(t.outvars for t in program.traces))
        ]

    def along(self, *lists: Sequence[Any]) -> list[Any]:
        """The parts of all traces side by side; these are JAX' own objects."""
        if len({len(each) for each in lists}) > 1:
            raise self.known(OTHER)
        return list(zip(*lists, strict=True))

    def one(self, step: Step) -> list[Operand]:
        """What one equation gives."""
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
        if isinstance(made, str | Operand | Lazy):
            made = [made]
        return [
            m
            if isinstance(m, Operand)
            else Operand(m.name, m.actual, shape, dtype)
            if isinstance(m, Lazy)
            else Operand(m, shape, shape, dtype)
            for m, shape, dtype in zip(made, step.shapes, step.dtypes, strict=True)
        ]

    def constant(self, values: Sequence[ArrayLike], dtype: npt.DTypeLike) -> Operand:
        """A constant of all traces; one that has a row for each row is one number."""
        values = [np.asarray(v, dtype) for v in values]
        one, kind = values[0], values[0].dtype
        if len({v.ndim for v in values}) > 1:
            raise self.known("an array of other axes for other sizes")
        shape = merged(*(v.shape for v in values))
        if len({v.shape for v in values}) > 1:
            if any(np.any(v != one.flat[0]) for v in values):
                raise self.follows(values, "arrays")
            return Operand(self.b.constant(one.flat[0]), (), shape, kind)
        if all(np.array_equal(one, v, equal_nan=kind.kind == "f") for v in values):
            return Operand(self.b.constant(one), shape, shape, kind)
        name = self.number(values) if not one.ndim else None
        if name is None:
            raise self.follows(values, "numbers")
        return Operand(name, shape, shape, kind)

    def _merged(self, *same: Any) -> Any:
        a = same[0]
        if isinstance(a, ClosedJaxpr):
            consts = [
                self.constant(list(each), np.asarray(each[0]).dtype)
                for each in self.along(*(c.consts for c in same))
            ]
            return Program(tuple(c.jaxpr for c in same), consts)
        if isinstance(a, Jaxpr):
            return Program(same, [])
        if type(a) is tuple and all(isinstance(c, tuple) for c in same):
            return tuple(self._merged(*each) for each in self.along(*same))
        return merged(*same)


def _line(x: list[int], y: Size) -> tuple[int, int] | None:
    """The whole numbers (a, b) of y = a·x + b in all traces, a not 0."""
    pairs = list(zip(x, y, strict=True))
    i, j = max(
        itertools.combinations(range(len(x)), 2),
        key=lambda ij: abs(x[ij[0]] - x[ij[1]]),
    )
    factor, rest = divmod(y[i] - y[j], x[i] - x[j])
    offset = y[i] - factor * x[i]
    fits = not rest and factor and all(n == factor * m + offset for m, n in pairs)
    return (factor, offset) if fits else None


def merged(*same: Any) -> Any:
    """One value for all traces: the same in each, or an open size.

    Settings of JAX' operations come through here, which may be anything.
    """
    a = same[0]
    if isinstance(a, int | np.integer) and not isinstance(a, bool):
        return int(a) if len({*same}) == 1 else Size(*map(int, same))
    if type(a) is tuple:
        return tuple(merged(*each) for each in zip(*same, strict=True))
    return a


def _needed(jaxpr: Jaxpr) -> set[int]:
    """The equations that the outputs need."""
    wanted, needed = {v for v in jaxpr.outvars if not isinstance(v, Literal)}, set()
    for i in reversed(range(len(jaxpr.eqns))):
        if wanted & set(jaxpr.eqns[i].outvars):
            needed.add(i)
            wanted |= {v for v in jaxpr.eqns[i].invars if not isinstance(v, Literal)}
    return needed


def full(walk: Walk, value: Operand) -> str:
    """A value in its full shape: repeated along the axes where it was not yet."""
    if value.actual == value.shape:
        return value.name
    lead = len(value.shape) - len(value.actual)
    padded = (1,) * lead + value.actual
    # Where the value has the size already, any size of one says so.
    pairs = zip(padded, value.shape, strict=True)
    sizes = [1 if a == s else s for a, s in pairs]
    return walk.b.op("Expand", value.name, walk.sizes(sizes))


# The entrance -------------------------------------------------------------------------


def call(b: Builder, function: Function, *args: Tree) -> Tree:
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
    opens, traces = _traced(b, function, nest.unflatten, values)
    out = traces[0][1]
    walk = Walk(b, _places(values, opens))
    program = walk._merged(*(closed for closed, _ in traces))
    given = []
    for i, value in enumerate(values):
        pairs = enumerate(value.shape)
        shape = tuple(opens[i, a] if n is None else n for a, n in pairs)
        given.append(Operand(value.name, shape, shape, value.dtype))
    made = [
        Value(
            full(walk, h),
            [None if isinstance(n, Size) else n for n in h.shape],
            h.dtype,
        )
        for h in walk.run(program, given)
    ]
    return jax.tree.unflatten(jax.tree.structure(out), made)


def _canonical(b: Builder, value: Value) -> Value:
    """The value in a type that JAX has here: whole numbers of 32 bits."""
    wanted = jax.dtypes.canonicalize_dtype(value.dtype)
    if wanted == value.dtype:
        return value
    return Value(b.op("Cast", value.name, to=wanted.name), value.shape, wanted)


def _places(values: list[Value], opens: Opens) -> list[Open]:
    return [
        Open(size, values[i].name, axis, tuple(values[i].shape))
        for (i, axis), size in opens.items()
    ]


def _traced(
    b: Builder, function: Function, unflatten: Function, values: list[Value]
) -> tuple[Opens, Traces]:
    """The numbers for each open size, and the traces with them.

    Sizes are all other numbers, unless the function needs some to be the same, such as
    the lengths of two sequences.
    """
    error: Exception | None = None
    for opens in _opened(values):
        try:
            return opens, _traces(function, unflatten, values, opens)
        except (TypeError, ValueError) as failed:
            error = error or failed
    walk = Walk(b, _places(values, next(_opened(values))))
    if all(o.axis == 0 for o in walk.opens):
        raise walk.refuse(f"a program that fails ({error})") from error
    raise walk.known(f"a program that fails for open sizes ({error})") from error


def _opened(values: list[Value]) -> Iterator[Opens]:
    """Numbers for the open sizes: all others, then ever more of them the same."""
    places = [
        (i, a) for i, v in enumerate(values) for a, n in enumerate(v.shape) if n is None
    ]
    free = [place for place in places if place[1]]
    rows = {place: Size(*ROWS) for place in places if not place[1]}

    def crossing(groups: list[int]) -> int:
        pairs = zip(groups, free, strict=True)
        return len({(group, axis) for group, (_, axis) in pairs}) - len({*groups})

    if len(free) <= MOST:
        groupings = sorted(_groups(len(free)), key=lambda g: (-len({*g}), crossing(g)))
    else:
        axes = sorted({axis for _, axis in free})
        groupings = [list(range(len(free))), [axes.index(axis) for _, axis in free]]
    for groups in groupings:
        if max(groups, default=0) >= len(TRACED):
            continue  # more than there are numbers for
        pairs = zip(free, groups, strict=True)
        yield rows | {place: Size(*TRACED[g]) for place, g in pairs}


def _groups(count: int) -> Iterator[list[int]]:
    """Each way to put `count` things into groups: of each thing, its group's number."""
    if not count:
        yield []
        return
    for before in _groups(count - 1):
        for group in range(max(before, default=-1) + 2):
            yield [*before, group]


def _traces(
    function: Function, unflatten: Function, values: list[Value], opens: Opens
) -> Traces:
    def trace(which: int) -> tuple[ClosedJaxpr, Tree]:
        def struct(i: int, value: Value) -> jax.ShapeDtypeStruct:
            sizes = enumerate(value.shape)
            shape = [opens[i, a][which] if n is None else n for a, n in sizes]
            return jax.ShapeDtypeStruct(tuple(shape), value.dtype)

        structs = [struct(i, value) for i, value in enumerate(values)]
        return jax.make_jaxpr(
            lambda *leaves: jax.tree.map(jnp.asarray, function(*unflatten(leaves))),
            return_shape=True,
        )(*structs)

    return [trace(i) for i in range(len(ROWS))]
