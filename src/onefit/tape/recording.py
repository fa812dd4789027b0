"""What a tape writes down, and the way back through it.

A compiled function that is called in the block, such as a layer, is one operation. One
on arrays keeps what went in, and is differentiated later by one compiled function for
each kind: about one more forward pass, and no memory for what lies inside it. Inside a
program it is differentiated where it stands, which compiles to what `jax.grad` does.

This joins the traces of JAX's series 0.10, which are no public interface.
"""

import functools
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun

from onefit.errors import invalid
from onefit.types import Array, Function

try:
    from jax._src.core import (
        ClosedJaxpr,
        Literal,
        Trace,
        eval_trace,
        set_current_trace,
        take_current_trace,
    )
except ImportError as error:
    raise ImportError(
        f"onefit.GradientTape: received jax {jax.__version__}; expected jax 0.10, the "
        "series that it can watch. Install jax>=0.10,<0.11, or write jax.grad."
    ) from error

__all__ = ["Record", "add", "is_float", "tracing"]


def tracing() -> bool:
    """Whether what is computed now is part of a program, and has no numbers yet."""
    with take_current_trace() as trace:
        return not getattr(trace, "eager", trace is eval_trace)


class Operation(NamedTuple):
    """One thing that was computed.

    Attributes:
        inputs, outputs: The arrays that went in, and those that came out.
        back: From the derivatives by the outputs (None where there is none) and which
            inputs are asked for, to the derivatives by these.
    """

    inputs: Sequence[Any]
    outputs: Sequence[Any]
    back: Callable[[list[Any], tuple[bool, ...]], Iterable[Any]]


class Record:
    """What was computed from watched arrays.

    Attributes:
        on: Whether it is written on.
        known: The watched arrays and what came of them, by identity.
        operations: What was computed, in order.
    """

    def __init__(self) -> None:
        self.on = False
        self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self.known: dict[int, Any] = {}
        self.operations: list[Operation] = []

    def watch(self, array: Any) -> None:
        """Writes down what is computed from this array from now on."""
        self.known[id(array)] = array

    def open(self) -> Any:
        """The block in which it is written."""
        with take_current_trace() as around:
            self.trace = _Recorder(self, around)
        return set_current_trace(self.trace)

    def alias(self, value: Any) -> Array:
        """The same numbers as another object, which is watched."""
        own = _same_numbers(value, self.trace.parent_trace)
        self.watch(own)
        return own

    def is_inside(self, value: Any) -> bool:
        """Whether a value is of a function that is traced inside the block."""
        trace = getattr(value, "_trace", None)
        while trace is not None and trace is not self.trace:
            trace = getattr(trace, "parent_trace", None)
        return trace is not None

    def backward(
        self, start: dict[int, Any], sources: list[tuple[Any, ...]]
    ) -> list[Array | None]:
        """The derivatives by the sources, from those by some arrays of the record.

        Args:
            start: The derivative by an array, by the array's identity.
            sources: The arrays that each source was; its derivatives are added.
        """
        kept = {id(place) for places in sources for place in places}
        needed, way = set(kept), []
        for operation in tuple(self.operations):
            if any(id(x) in needed for x in operation.inputs):
                needed.update(map(id, operation.outputs))
                way.append(operation)
        found = dict(start)
        for inputs, outputs, back in reversed(way):
            given = [found.get(id(y)) for y in outputs]
            for y in outputs:  # no longer needed, as all that it went into is done
                if id(y) not in kept:
                    found.pop(id(y), None)
            if all(g is None for g in given):
                continue
            asked = tuple(id(x) in needed and is_float(x) for x in inputs)
            parts = iter(back(given, asked))
            for x, is_asked in zip(inputs, asked, strict=True):
                if is_asked:
                    add(found, x, next(parts))
        parts = ([found[id(p)] for p in ps if id(p) in found] for ps in sources)
        return [functools.reduce(jax.lax.add, part) if part else None for part in parts]


class _Recorder(Trace):
    """The trace of a block: lets the one before it compute, and writes it down."""

    def __init__(self, record: Record, parent: Any) -> None:
        super().__init__()
        self.record, self.parent_trace = record, parent
        self.requires_low = parent.requires_low
        self.eager = getattr(parent, "eager", parent is eval_trace)

    def stage_value(self, val: Any) -> Any:
        return self.parent_trace.stage_value(val)

    def cur_qdd(self, x: Any) -> Any:
        return self.parent_trace.cur_qdd(x)

    def process_primitive(self, primitive: Any, args: Any, params: Any, /) -> Any:
        args = list(args)
        known = self.known(args)
        if any(self.known(_held(params.get("jaxpr")))):
            raise _closed_over("a compiled function")
        if not any(known):
            return self.parent_trace.process_primitive(primitive, args, params)
        if primitive.name == "jit" and _shows_inside(params["jaxpr"]):
            with set_current_trace(self):
                return jaxpr_as_fun(params["jaxpr"])(*args)
        compute = functools.partial(_bound, primitive, params)
        if self.eager:
            outputs = self.parent_trace.process_primitive(primitive, args, params)
            outputs = list(outputs) if primitive.multiple_results else [outputs]
            rest = tuple(sorted(params.items()))
            back = functools.partial(_compiled_back, primitive, rest, args)
        else:
            outputs, back = _differentiated(compute, args, known, self.parent_trace)
        outputs = self.write(args, outputs, back)
        return outputs if primitive.multiple_results else outputs[0]

    def process_custom_jvp_call(
        self, primitive: Any, fun: Any, jvp: Any, tracers: Any, /, **params: Any
    ) -> Any:
        return self.call(
            "process_custom_jvp_call", (primitive, fun, jvp), tracers, params
        )

    def process_custom_vjp_call(
        self, primitive: Any, fun: Any, fwd: Any, bwd: Any, tracers: Any, /, **rest: Any
    ) -> Any:
        return self.call(
            "process_custom_vjp_call", (primitive, fun, fwd, bwd), tracers, rest
        )

    def process_call(self, primitive: Any, f: Any, tracers: Any, params: Any, /) -> Any:
        del primitive, params
        with set_current_trace(self):
            return f.call_wrapped(*tracers)

    def call(self, method: str, what: Sequence[Any], args: Any, params: Any) -> Any:
        """A function with a derivative of its own, by its name among a trace's methods.

        It may be called once only, so it is differentiated where it stands.
        """
        args = list(args)
        known = self.known(args)
        guard = self if isinstance(self, _Guard) else _Guard(self, args)
        if not any(known):
            if not self.eager:
                return getattr(self.parent_trace, method)(*what, args, **params)
            with set_current_trace(guard):
                return what[1].call_wrapped(*args)  # as evaluation does

        def compute(*inputs: Any) -> list[Any]:
            with take_current_trace() as trace:
                return list(getattr(trace, method)(*what, inputs, **params))

        return self.write(args, *_differentiated(compute, args, known, guard))

    def known(self, args: Iterable[Any]) -> list[bool]:
        """Which of these arrays are watched, or came of such."""
        return [self.record.on and id(x) in self.record.known for x in args]

    def write(self, args: list[Any], outputs: list[Any], back: Any) -> list[Any]:
        """Writes an operation down; gives its outputs, as objects of their own."""
        taken = set(map(id, args))
        for i, value in enumerate(outputs):
            if id(value) in taken:  # an output that is an input, or comes twice
                outputs[i] = _same_numbers(value, self.parent_trace)
            taken.add(id(outputs[i]))
        floats = [y for y in outputs if is_float(y)]
        for y in floats:
            self.record.watch(y)
        if floats:
            self.record.operations.append(Operation(args, tuple(outputs), back))
        return outputs


@functools.lru_cache(512)
def _shows_inside(program: ClosedJaxpr) -> bool:
    """Whether a compiled function gives something that it goes on computing with.

    One output then has a derivative by another, as that of a model by a layer's inside
    it, which is written down only where its operations are.
    """
    jaxpr = program.jaxpr
    given = {id(v) for v in jaxpr.outvars} - {id(v) for v in jaxpr.invars}
    return any(id(v) in given for equation in jaxpr.eqns for v in equation.invars)


class _Guard(_Recorder):
    """Runs a function with a derivative of its own, on its arguments alone."""

    def __init__(self, recorder: _Recorder, args: list[Any]) -> None:
        super().__init__(recorder.record, recorder.parent_trace)
        self.own = set(map(id, args))

    def known(self, args: Iterable[Any]) -> list[bool]:
        args = list(args)
        if any(super().known(x for x in args if id(x) not in self.own)):
            raise _closed_over("a function with a derivative of its own")
        return [False] * len(args)


# Arrays -------------------------------------------------------------------------------


def is_float(x: Any) -> bool:
    """Whether numbers can have a derivative."""
    return jnp.issubdtype(getattr(x, "dtype", None) or np.result_type(x), jnp.inexact)


def _same_numbers(value: Any, trace: Any) -> Array:
    """The same numbers as another object, over the same memory where that can be."""
    with set_current_trace(trace):
        if trace is eval_trace and isinstance(value, np.ndarray):
            return jnp.asarray(value)
        if trace is eval_trace and not value.weak_type and len(value.devices()) == 1:
            return value.addressable_data(0)
        return jnp.copy(value)


def add(found: dict[int, Any], x: Any, part: Any) -> None:
    """Adds a derivative by x to what others have found."""
    before = found.get(id(x))
    found[id(x)] = part if before is None else jax.lax.add(before, part)


# Derivatives of an operation ----------------------------------------------------------


def _bound(primitive: Any, params: Any, *args: Any) -> list[Any]:
    outputs = primitive.bind(*args, **params)
    return list(outputs) if primitive.multiple_results else [outputs]


def _merged(free: Iterable[bool], args: list[Any], values: Iterable[Any]) -> list[Any]:
    """The arguments with the free ones replaced by these."""
    rest = iter(values)
    return [next(rest) if f else x for f, x in zip(free, args, strict=True)]


def _differentiated(
    compute: Function, args: list[Any], known: list[bool], trace: Any
) -> tuple[list[Any], Function]:
    """The outputs of a function, computed by this trace, and the way back from them."""
    free = tuple(k and is_float(x) for k, x in zip(known, args, strict=True))

    def split(*values: Any) -> tuple[dict[int, Any], list[Any]]:
        outputs = compute(*_merged(free, args, values))
        floats = {i: y for i, y in enumerate(outputs) if is_float(y)}
        return floats, [None if i in floats else y for i, y in enumerate(outputs)]

    with set_current_trace(trace):
        values = (x for x, f in zip(args, free, strict=True) if f)
        floats, vjp, others = jax.vjp(split, *values, has_aux=True)

    def back(given: list[Any], asked: tuple[bool, ...]) -> Iterable[Any]:
        known = {
            i: jnp.zeros_like(y) if given[i] is None else given[i]
            for i, y in floats.items()
        }
        parts = _merged(free, [None] * len(free), vjp(known))
        return (part for part, is_asked in zip(parts, asked, strict=True) if is_asked)

    return [floats.get(i, y) for i, y in enumerate(others)], back


def _compiled_back(
    primitive: Any,
    params: tuple[tuple[str, Any], ...],
    args: list[Any],
    given: list[Any],
    asked: tuple[bool, ...],
) -> Iterable[Any]:
    """The way back of an operation on arrays."""
    have = tuple(g is not None for g in given)
    run = _way_back(primitive, params, asked, have)
    return run(args, [g for g in given if g is not None])


@functools.lru_cache(maxsize=4096)
def _way_back(
    primitive: Any,
    params: tuple[tuple[str, Any], ...],
    asked: tuple[bool, ...],
    have: tuple[bool, ...],
) -> Function:
    def run(args: list[Any], given: list[Any]) -> Iterable[Any]:
        def compute(*values: Any) -> list[Any]:
            outputs = _bound(primitive, dict(params), *_merged(asked, args, values))
            return [y for y, h in zip(outputs, have, strict=True) if h]

        free = (x for x, a in zip(args, asked, strict=True) if a)
        return jax.vjp(compute, *free)[1](given)

    return jax.jit(run)


# What a compiled function closes over -------------------------------------------------

_HELD: "weakref.WeakKeyDictionary[Any, list[Any]]" = weakref.WeakKeyDictionary()


def _held(closed: Any) -> list[Any]:
    """The arrays that a compiled function, and those inside it, closed over."""
    if not isinstance(closed, ClosedJaxpr):
        return []
    if closed not in _HELD:
        held = list(closed.consts)
        for equation in closed.jaxpr.eqns:
            held += [x.val for x in equation.invars if isinstance(x, Literal)]
            for part in equation.params.values():
                held += _held(part)
        _HELD[closed] = [x for x in held if isinstance(x, jax.Array)]
    return _HELD[closed]


def _closed_over(what: str) -> ValueError:
    return invalid(
        "GradientTape",
        f"{what} that closes over a watched array or variable",
        "one that is given it as an argument, as it keeps the numbers it closed over",
        "write jax.jit(lambda x, w: x * w)(x, w), or put the tape inside it",
    )
