"""tf.function: a function and all that it reads and assigns, as one program.

The first call runs as it stands: optimizers and metrics make their variables there.
Then the objects that the function's names lead to are searched for variables, and the
function becomes a pure one: from the variables' arrays and its arguments to their new
arrays and its result. A function that cannot be traced runs as it stands for good.
"""

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.optimizers import Optimizer
from onefit.scripts.tf import config as settings
from onefit.scripts.tf.arrays import Text, convert_to_tensor
from onefit.scripts.tf.shapes import TensorSpec
from onefit.training.compiling import effort
from onefit.variables import READERS, Variable

__all__ = ["Function"]

_INSTALLED = re.compile(r"[-/]packages[/\\]|[/\\]lib[/\\]python|[/\\]onefit[/\\]")

_UNTRACEABLE = (
    jax.errors.JAXTypeError,
    jax.errors.JAXIndexError,
    TypeError,
    ValueError,
    AttributeError,
    NotImplementedError,
)


class Function:
    """What `tf.function` makes of a function; see there.

    Args:
        python_function: The function.
        input_signature: Specs of its arguments.
    """

    def __init__(
        self, python_function: Callable[..., Any], input_signature: Any = None
    ) -> None:
        self.python_function = python_function
        self.input_signature = input_signature
        self._programs: dict[Any, Any] = {}
        functools.update_wrapper(self, python_function)

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """The function of one object, where it is a method."""
        if owner is None:
            return self
        name = self.python_function.__name__
        bound = vars(owner).get(f"_function_{name}")
        if bound is None:
            method = MethodType(self.python_function, owner)
            bound = Function(method, self.input_signature)
            object.__setattr__(owner, f"_function_{name}", bound)
        return bound

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Runs it: as it stands the first time, then as one program."""
        args = self._signed(args)
        leaves, nest = jax.tree.flatten((args, kwargs), is_leaf=_is_whole)
        places = [i for i, leaf in enumerate(leaves) if _is_array(leaf)]
        if settings.functions_run_eagerly() or READERS.get() or _inside_a_program():
            return _plain(self.python_function(*args, **kwargs))
        rest = tuple(
            (i, _known(leaf)) for i, leaf in enumerate(leaves) if i not in set(places)
        )
        shapes = tuple((np.shape(leaves[i]), _kind(leaves[i])) for i in places)
        case = (nest, rest, shapes)
        if case not in self._programs:
            self._programs[case] = None
            return _plain(self.python_function(*args, **kwargs))
        if self._programs[case] is None:
            self._programs[case] = _Program(self.python_function, leaves, nest, places)
        return self._programs[case](leaves, args, kwargs)

    def _signed(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        specs = self.input_signature
        if specs is None:
            return args
        return tuple(
            convert_to_tensor(a, s.dtype) if isinstance(s, TensorSpec) else a
            for a, s in zip(args, specs, strict=True)
        )

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> "Function":
        """The function itself: it is made for the arguments of its calls."""
        return self

    def __repr__(self) -> str:
        return f"<tf.function {self.python_function.__name__}>"


class _Program:
    """A function for arguments of one form, compiled at its first call."""

    def __init__(
        self, function: Any, leaves: list[Any], nest: Any, places: list[int]
    ) -> None:
        self._function, self._places = function, places
        self._holders = list(holders_of(function, leaves))
        others = {i: leaf for i, leaf in enumerate(leaves) if i not in set(places)}
        count, self._outcome = len(leaves), None

        def program(values: list[Any], arrays: list[Any], key: Any) -> Any:
            before = self._read()
            given = [others.get(i) for i in range(count)]
            for place, array in zip(places, arrays, strict=True):
                given[place] = array
            args, kwargs = jax.tree.unflatten(nest, given)
            try:
                self._write(values)
                with config.drawing(key):
                    out = _plain(function(*args, **kwargs))
                after = self._read()
            finally:
                self._write(before)
            parts, self._outcome = jax.tree.flatten(out)
            return [jnp.asarray(part) for part in parts], after

        self._jitted: Any = jax.jit(program, compiler_options=effort())

    def _read(self) -> list[Any]:
        return [
            holder.state if isinstance(holder, Optimizer) else holder._read()
            for holder in self._holders
        ]

    def _write(self, values: list[Any]) -> None:
        for holder, value in zip(self._holders, values, strict=True):
            if isinstance(holder, Optimizer):
                holder.remember(value, holder.made_for)
            else:
                holder._write(value)

    def __call__(self, leaves: list[Any], args: Any, kwargs: Any) -> Any:
        if self._jitted is None:
            return _plain(self._function(*args, **kwargs))
        arrays = [_array(leaves[i]) for i in self._places]
        try:
            out, after = self._jitted(self._read(), arrays, config.new_key())
        except _UNTRACEABLE:
            self._jitted = None
            return _plain(self._function(*args, **kwargs))
        self._write(after)
        return jax.tree.unflatten(self._outcome, out)


def _plain(value: Any) -> Any:
    """What a function gives, as tensors: also variables, and Python's numbers."""

    def tensor(leaf: Any) -> Any:
        number = isinstance(leaf, Variable | bool | int | float)
        return convert_to_tensor(leaf) if number else leaf

    return jax.tree.map(tensor, value, is_leaf=lambda v: isinstance(v, Variable))


def _is_whole(value: Any) -> bool:
    return isinstance(value, Variable | Text) or value is None


def _is_array(value: Any) -> bool:
    return isinstance(value, jax.Array | np.ndarray)


def _array(value: Any) -> Any:
    return convert_to_tensor(value)


def _kind(value: Any) -> str:
    return str(value.dtype)


def _known(value: Any) -> Any:
    """What stands for an argument that is no array: itself, or that very object."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    plain = isinstance(value, int | float | str | bytes | bool | type(None))
    return (type(value), value) if plain else id(value)


def _inside_a_program() -> bool:
    return isinstance(jnp.zeros(()) + 0, Tracer)


# What a function's names lead to ------------------------------------------------------


def holders_of(function: Any, arguments: list[Any]) -> Iterator[Any]:
    """What a function can read or assign: variables, and optimizers as a whole."""
    seen: set[int] = set()
    given: set[tuple[Any, ...]] = set()
    for value in (function, *arguments):
        for holder in _from(value, seen, 0):
            if _identity(holder) not in given:
                given.add(_identity(holder))
                yield holder


def _identity(holder: Any) -> tuple[Any, ...]:
    """One for all views of one array of a layer's."""
    layer = getattr(holder, "layer", None)
    if layer is not None and hasattr(holder, "key"):
        return id(layer.slot), holder.key
    return (id(holder),)


def _from(value: Any, seen: set[int], depth: int) -> Iterator[Any]:
    if id(value) in seen or depth > 6 or isinstance(value, ModuleType | type | str):
        return
    seen.add(id(value))
    inner: Any = ()
    if isinstance(value, Variable | Optimizer):
        yield value
    elif isinstance(value, Function):
        inner = (value.python_function,)
    elif isinstance(value, MethodType):
        inner = (value.__self__, value.__func__)
    elif isinstance(value, FunctionType):
        inner = _named(value) if _is_users(value) else ()
    elif isinstance(value, list | tuple | set):
        inner = value
    elif isinstance(value, dict):
        inner = value.values()
    elif hasattr(value, "variables"):
        yield from value.variables
        own = vars(value).values() if _is_users(type(value)) else ()
        inner = (getattr(value, "optimizer", None), *own)
    elif _is_users(type(value)) and hasattr(value, "__dict__"):
        inner = vars(value).values()
    for one in inner:
        yield from _from(one, seen, depth + 1)


def _is_users(thing: Any) -> bool:
    """Whether a function or a class is the script's own."""
    home = getattr(thing, "__module__", None) or ""
    if home == "__main__":
        return True
    file = getattr(sys.modules.get(home), "__file__", None) or ""
    return bool(file) and not _INSTALLED.search(file)


def _named(function: FunctionType) -> Iterator[Any]:
    """The objects that a function's code names, outside itself."""
    names = set(_names(function.__code__))
    yield from (function.__globals__[n] for n in names if n in function.__globals__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            continue
    yield from inspect.unwrap(function).__defaults__ or ()


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
