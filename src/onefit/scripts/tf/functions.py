"""What stands in tf itself: functions of functions, blocks, printing, modules."""

import contextlib
import functools
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.noops import noop
from onefit.scripts.tf.arrays import Text, convert_to_tensor, tensors
from onefit.scripts.tf.basic import stack
from onefit.scripts.tf.compiled import Function
from onefit.scripts.tf.debugging import Assert, assert_rank
from onefit.types import Array
from onefit.variables import Variable

__all__ = [
    "Assert",
    "Module",
    "TensorArray",
    "assert_rank",
    "case",
    "cond",
    "control_dependencies",
    "custom_gradient",
    "device",
    "executing_eagerly",
    "foldl",
    "foldr",
    "function",
    "get_logger",
    "group",
    "identity_n",
    "init_scope",
    "map_fn",
    "name_scope",
    "no_op",
    "numpy_function",
    "print",
    "py_function",
    "scan",
    "stop_gradient",
    "switch_case",
    "timestamp",
    "vectorized_map",
    "while_loop",
]

_Function = Callable[..., Any]


def function(
    func: _Function | None = None,
    input_signature: Any = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    experimental_relax_shapes: bool | None = None,
    experimental_compile: bool | None = None,
) -> Any:
    """A function that becomes one program after its first call, where it can.

    The first call runs it as it stands. From the second on it is compiled by jax,
    together with what it reads and assigns: variables, weights, optimizers, metrics. A
    function that asks for the numbers of a tensor (`if loss < 1`, `.numpy()`) cannot be
    compiled, and runs as it stands.

    Args:
        func: The function; without it, `function` gives a decorator.
        input_signature: Specs of the arguments, which are made tensors of these types.
        autograph, jit_compile, reduce_retracing, experimental_relax_shapes,
            experimental_compile: Accepted for TensorFlow's scripts, and do nothing.
    """
    if func is None:
        return lambda f: Function(f, input_signature)
    return Function(func, input_signature)


class Module:
    """A thing with variables, found in its attributes.

    >>> from onefit.scripts.tf.variables import Variable
    >>> class Line(Module):
    ...     def __init__(self):
    ...         super().__init__(name="line")
    ...         self.w = Variable(2.0)
    >>> float(Line().trainable_variables[0])
    2.0
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Its name, by default that of its class."""
        return getattr(self, "_name", None) or type(self).__name__.lower()

    @property
    def name_scope(self) -> Any:
        """A block that does nothing."""
        return name_scope(self.name)

    @classmethod
    def with_name_scope(cls, method: _Function) -> _Function:
        """The method itself."""
        return method

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables in its attributes, and in those of modules there."""
        found: dict[int, Variable] = {}
        for value in _inside(vars(self), set()):
            found[id(value)] = value
        return tuple(found.values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        """Those that training changes."""
        return tuple(v for v in self.variables if v.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Variable, ...]:
        """Those that it does not."""
        return tuple(v for v in self.variables if not v.trainable)

    @property
    def submodules(self) -> tuple["Module", ...]:
        """The modules among its attributes."""
        return tuple(v for v in vars(self).values() if isinstance(v, Module))


def _inside(value: Any, seen: set[int]) -> Iterator[Variable]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _inside(one, seen)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _inside(one, seen)
    elif hasattr(value, "variables") and not isinstance(value, type):
        yield from value.variables


# Blocks -----------------------------------------------------------------------------


class _Block(contextlib.ContextDecorator):
    """A block in which nothing is different."""

    def __init__(self, value: Any = None) -> None:
        self._value = value

    def __enter__(self) -> Any:
        return self._value

    def __exit__(self, *error: object) -> None:
        return None


@noop("tf.device", "jax chooses the device, by the environment: JAX_PLATFORMS=cpu")
def device(device_name: Any) -> _Block:
    """A block in which nothing is different: jax chooses the device."""
    return _Block(device_name)


@noop("tf.name_scope", "there is no graph of named operations")
def name_scope(name: str | None) -> _Block:
    """A block in which nothing is different: operations have no names."""
    return _Block(f"{name}/" if name else "")


@noop("tf.control_dependencies", "what is written is computed, in its order")
def control_dependencies(control_inputs: Any) -> _Block:
    """A block in which nothing is different: all is computed in order."""
    return _Block()


@noop("tf.init_scope", "there is no graph to leave")
def init_scope() -> _Block:
    """A block in which nothing is different: there is no graph to leave."""
    return _Block()


def executing_eagerly() -> bool:
    """Whether numbers are there at once, as they are outside compiled functions."""
    return not isinstance(jnp.zeros(()) + 0, Tracer)


def no_op(name: str | None = None) -> None:
    """Does nothing, as in TensorFlow."""


def group(*inputs: Any, name: str | None = None) -> None:
    """Nothing: its inputs have been computed."""


def identity_n(input: Any, name: str | None = None) -> list[Any]:
    """The tensors themselves."""
    return [convert_to_tensor(x) for x in input]


def get_logger() -> logging.Logger:
    """The logger called "tensorflow"."""
    return logging.getLogger("tensorflow")


def timestamp(name: str | None = None) -> Any:
    """The seconds since 1970."""
    return np.float64(time.time())


def print(*inputs: Any, **kwargs: Any) -> None:
    """Prints tensors and text; inside compiled functions when these run.

    Args:
        inputs: What to print.
        kwargs: output_stream, sep, end and summarize, as in TensorFlow.
    """
    stream = kwargs.get("output_stream") or sys.stderr
    sep, end = kwargs.get("sep", " "), kwargs.get("end", "\n")

    def show(*values: Any) -> None:
        rest = iter(values)
        parts = [_shown(next(rest) if told else v) for told, v in pairs]
        stream.write(sep.join(parts) + end)

    values = [v.value if isinstance(v, Variable) else v for v in inputs]
    pairs = [(isinstance(v, Tracer), v) for v in values]
    traced = [v for told, v in pairs if told]
    if traced:
        jax.debug.callback(show, *traced)
    else:
        show()


def _shown(value: Any) -> str:
    if isinstance(value, Text):
        inner = value.strings()
        return str(inner[()]) if inner.ndim == 0 else _quoted(inner)
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return np.array2string(np.asarray(value), threshold=6)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)


def _quoted(values: np.ndarray) -> str:
    return f"[{' '.join(map(repr, values.tolist()))}]".replace("'", '"')


@tensors
def stop_gradient(input: Any, name: str | None = None) -> Array:
    """The tensor, which counts as constant in derivatives."""
    return jax.lax.stop_gradient(convert_to_tensor(input))


# Choices and loops --------------------------------------------------------------------


def custom_gradient(f: _Function) -> _Function:
    """A function that says its own gradient: f(x) gives y and how dJ/dy becomes dJ/dx.

    >>> @custom_gradient
    ... def cut(x):
    ...     return x**2, lambda upstream: upstream * 100.0
    >>> float(jax.grad(cut)(1.0))
    100.0
    """

    @jax.custom_vjp
    def value(*args: Any) -> Any:
        return f(*args)[0]

    def forward(*args: Any) -> tuple[Any, Any]:
        return value(*args), args

    def backward(args: Any, upstream: Any) -> Any:
        several = isinstance(upstream, list | tuple)
        gradients = f(*args)[1](*(upstream if several else [upstream]))
        given = gradients if isinstance(gradients, list | tuple) else [gradients]
        return tuple(
            jnp.broadcast_to(g, jnp.shape(x)).astype(jnp.result_type(x))
            for g, x in zip(given, args, strict=True)
        )

    value.defvjp(forward, backward)

    @functools.wraps(f)
    def call(*args: Any) -> Any:
        return value(*map(convert_to_tensor, args))

    return call


def _known(value: Any) -> bool:
    return not any(isinstance(v, Tracer) for v in jax.tree.leaves(value))


def cond(pred: Any, true_fn: Any = None, false_fn: Any = None, name: Any = None) -> Any:
    """What the one function gives where a condition holds, else what the other does.

    >>> cond(True, lambda: 1, lambda: 2)
    1
    """
    if _known(pred):
        chosen = true_fn if np.asarray(pred) else false_fn
        return chosen() if chosen else None
    return jax.lax.cond(pred, true_fn, false_fn)


def case(
    pred_fn_pairs: Any,
    default: Any = None,
    exclusive: bool = False,
    strict: bool = False,
    name: str | None = None,
) -> Any:
    """What the function of the first condition that holds gives, else the default's."""
    for pred, fn in pred_fn_pairs:
        if bool(np.asarray(pred)):
            return fn()
    return default() if default else None


def switch_case(
    branch_index: Any, branch_fns: Any, default: Any = None, name: str | None = None
) -> Any:
    """What the function of this number gives."""
    table = dict(branch_fns) if not isinstance(branch_fns, list) else None
    fns = dict(enumerate(branch_fns)) if table is None else table
    if not _known(branch_index):
        return jax.lax.switch(branch_index, list(fns.values()))
    chosen = fns.get(int(branch_index), default or list(fns.values())[-1])
    return chosen()


def while_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    shape_invariants: Any = None,
    parallel_iterations: int = 10,
    back_prop: bool = True,
    swap_memory: bool = False,
    maximum_iterations: Any = None,
    name: str | None = None,
) -> Any:
    """Repeats `body` while `cond` holds, each of the loop's variables.

    >>> [int(v) for v in while_loop(lambda i: i < 3, lambda i: [i + 1], [0])]
    [3]
    """
    values = [convert_to_tensor(v) for v in loop_vars]
    if not _known(values):
        return list(
            jax.lax.while_loop(
                lambda s: cond(*s), lambda s: tuple(_several(body(*s))), tuple(values)
            )
        )
    turns = 0
    while np.asarray(cond(*values)) and turns != maximum_iterations:
        values = [convert_to_tensor(v) for v in _several(body(*values))]
        turns += 1
    return values


def _several(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


def map_fn(
    fn: Any,
    elems: Any,
    dtype: DTypeLike | None = None,
    parallel_iterations: int | None = None,
    back_prop: bool = True,
    swap_memory: bool = False,
    infer_shape: bool = True,
    name: str | None = None,
    fn_output_signature: Any = None,
) -> Any:
    """A function of each row, and the results as rows."""
    elems = jax.tree.map(convert_to_tensor, elems)
    count = len(jax.tree.leaves(elems)[0])
    rows = [fn(jax.tree.map(lambda x, i=i: x[i], elems)) for i in range(count)]
    return jax.tree.map(_stacked, *rows)


def _stacked(*parts: Any) -> Any:
    return stack(list(parts))


def vectorized_map(fn: Any, elems: Any, fallback_to_while_loop: bool = True) -> Any:
    """A function of each row, of all rows at once."""
    return jax.vmap(fn)(jax.tree.map(convert_to_tensor, elems))


def foldl(fn: Any, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    """One value from all rows: fn(so far, row), from the first row on."""
    rows = list(convert_to_tensor(elems))
    total = rows.pop(0) if initializer is None else convert_to_tensor(initializer)
    for row in rows:
        total = fn(total, row)
    return total


def foldr(fn: Any, elems: Any, initializer: Any = None, name: Any = None) -> Any:
    """As `foldl`, from the last row on."""
    return foldl(fn, convert_to_tensor(elems)[::-1], initializer)


def scan(
    fn: Any,
    elems: Any,
    initializer: Any = None,
    reverse: bool = False,
    name: str | None = None,
) -> Any:
    """As `foldl`, and all that was there on the way, as rows.

    >>> scan(lambda total, x: total + x, [1, 2, 3]).tolist()
    [1, 3, 6]
    """
    rows = list(convert_to_tensor(elems))
    rows = rows[::-1] if reverse else rows
    total = rows.pop(0) if initializer is None else initializer
    found = [total] if initializer is None else []
    for row in rows:
        total = fn(total, row)
        found.append(total)
    return jax.tree.map(_stacked, *(found[::-1] if reverse else found))


def py_function(
    func: Any = None, inp: Any = None, Tout: Any = None, name: str | None = None
) -> Any:
    """A function of Python's, of tensors; without `func`, what makes one of one."""
    if func is None:
        return _decorator(py_function, Tout)
    return _outcome(func(*map(convert_to_tensor, inp)), Tout)


def numpy_function(
    func: Any = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: str | None = None,
) -> Any:
    """A function of numpy's, of arrays; without `func`, what makes one of one."""
    if func is None:
        return _decorator(numpy_function, Tout)
    return _outcome(func(*map(np.asarray, inp)), Tout)


def _decorator(call: _Function, Tout: Any) -> _Function:
    """`@tf.numpy_function(Tout=...)` above a function."""

    def decorate(func: _Function) -> _Function:
        return functools.wraps(func)(lambda *inp: call(func, inp, Tout))

    return decorate


def _outcome(value: Any, kinds: Any) -> Any:
    if isinstance(kinds, list | tuple):
        pairs = zip(_several(value), kinds, strict=True)
        return [convert_to_tensor(v, kind) for v, kind in pairs]
    return convert_to_tensor(value, kinds)


class TensorArray:
    """A list of tensors that is written place by place.

    >>> from onefit.scripts.tf.dtypes import float32
    >>> TensorArray(float32, size=2).write(0, 1.0).write(1, 2.0).stack().tolist()
    [1.0, 2.0]
    """

    def __init__(
        self,
        dtype: DTypeLike,
        size: Any = 0,
        dynamic_size: bool = False,
        clear_after_read: bool = True,
        element_shape: Any = None,
    ) -> None:
        self._dtype, self._grows = dtype, dynamic_size
        self._parts: list[Any] = [None] * int(size)

    def write(self, index: Any, value: Any, name: str | None = None) -> "TensorArray":
        """Puts a tensor at a place.

        Raises:
            ValueError: A place that is not there, in one of a fixed size.
        """
        place = int(index)
        if place >= len(self._parts):
            if not self._grows:
                raise invalid(
                    "TensorArray.write",
                    f"place {place} of {len(self._parts)}",
                    "a place that is there",
                    "write TensorArray(dtype, size=0, dynamic_size=True)",
                )
            self._parts += [None] * (place + 1 - len(self._parts))
        self._parts[place] = convert_to_tensor(value, self._dtype)
        return self

    def read(self, index: Any, name: str | None = None) -> Any:
        """The tensor at a place."""
        return self._parts[int(index)]

    def size(self, name: str | None = None) -> int:
        """How many places there are."""
        return len(self._parts)

    def stack(self, name: str | None = None) -> Any:
        """All tensors as one."""
        return _stacked(*self._parts)

    def concat(self, name: str | None = None) -> Any:
        """All tensors one after another."""
        return jnp.concatenate(self._parts)

    def unstack(self, value: Any, name: str | None = None) -> "TensorArray":
        """The parts of a tensor, in their order."""
        self._parts = list(convert_to_tensor(value))
        return self
