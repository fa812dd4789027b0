# ruff: noqa: D102
"""The table of operations: what makes a function one, and what a call in a graph makes.

An operation takes anything that becomes an array, a `Variable` too, where its
arguments are arrays. Called on values of a graph it becomes the layer `Operation`,
which holds its name and its other arguments; only names of this table are looked up.
"""

import ast
import functools
import inspect
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.activations import activations
from onefit.description import setting
from onefit.errors import mistyped, unknown
from onefit.layers.activation import Activation
from onefit.layers.base import Layer
from onefit.layers.operation import OPERATIONS, Absolute, combine, unnamed
from onefit.layers.symbolic import Tensor
from onefit.spellings import refuse_unknown
from onefit.types import Array, Config, Function, Params, Shapes, Tree, is_shape
from onefit.variables import Variable

__all__ = ["OPS", "Arrays", "Operation", "as_array", "called", "operation", "rows"]

Arrays = list[Any]
"""The annotation of an argument that is a list of arrays."""


class Op(NamedTuple):
    """One operation.

    Attributes:
        function: Computes it, of arrays.
        signature: Its arguments, by Keras' names.
        arrays: Those that are arrays; those that are lists of them are in `lists`.
        lists: The arguments that are lists of arrays.
        names, defaults: The arguments in their order, and their defaults; no names if
            there may be any number of them.
        by_row: Whether rows cannot mix, whatever the arguments are.
    """

    function: Function
    signature: inspect.Signature
    arrays: frozenset[str]
    lists: frozenset[str]
    names: tuple[str, ...]
    defaults: dict[str, Any]
    by_row: bool = False

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, with defaults.

        Raises:
            TypeError: Arguments that do not fit.
        """
        given = dict(zip(self.names, args, strict=False))
        if len(given) == len(args) and not kwargs.keys() & given:
            given = self.defaults | given | kwargs
            if given.keys() == set(self.names):  # what `bind` does, ten times faster
                return given
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments

    def run(self, arguments: dict[str, Any]) -> Tree:
        """The result for arguments without values of a graph."""
        given = {
            name: as_array(value)
            if name in self.arrays
            else _each(value)
            if name in self.lists
            else _plain(value)
            for name, value in arguments.items()
        }
        if self.names:
            return self.function(*map(given.__getitem__, self.names))
        bound = inspect.BoundArguments(self.signature, given)
        return self.function(*bound.args, **bound.kwargs)


OPS: dict[str, Op] = {}
"""Every operation by its name: "mean", "image.resize"."""


def as_array(x: Any) -> Any:
    """An array of what becomes one; None stays None.

    Raises:
        TypeError: What is no number.
    """
    if x is None or isinstance(x, jax.Array):
        return x
    given = x = _plain(x)
    known = isinstance(x, bool | int | float | complex | np.ndarray | np.generic)
    if not known and not any(isinstance(v, jax.Array) for v in jax.tree.leaves(x)):
        x = np.asarray(x)
        # Lists of Python's numbers have the library's types, as in Keras.
        kinds = {"float64": config.floatx(), "int64": "int32"}
        x = x.astype(kinds.get(x.dtype.name, x.dtype))
    try:
        return jnp.asarray(x)
    except TypeError as error:
        raise mistyped(
            "onefit.ops",
            f"{given!r} ({type(given).__name__})",
            "numbers",
            "write an array",
        ) from error


def _plain(x: Any) -> Any:
    """Variables as their arrays, alone and in lists."""
    if isinstance(x, Variable):
        return x.value
    if isinstance(x, list | tuple) and any(isinstance(v, Variable) for v in x):
        return type(x)(_plain(v) for v in x)
    return x


def _each(xs: Any) -> Any:
    return [as_array(x) for x in xs] if isinstance(xs, list | tuple) else as_array(xs)


def operation(function: Any = None, *, name: str = "", by_row: bool = False) -> Any:
    """A function of arrays as an operation: arguments annotated Array are arrays.

    Args:
        function: Computes it with jax.numpy; its arguments and defaults are Keras'.
        name: Its name in the table, if it is not the function's.
        by_row: Whether rows cannot mix, whatever the arguments are.
    """
    if function is None:
        return functools.partial(operation, name=name, by_row=by_row)
    signature = inspect.signature(function)
    given = signature.parameters.values()
    many = inspect.Parameter.VAR_POSITIONAL
    held = {p.name: p for p in given if p.annotation in (Array, Array | None, Arrays)}
    lists = frozenset(
        n for n, p in held.items() if p.annotation is Arrays or p.kind is many
    )
    arrays = held.keys() - lists
    name = name or function.__name__
    plain = all(p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for p in given)
    OPS[name] = Op(
        function,
        signature,
        frozenset(arrays),
        lists,
        tuple(signature.parameters) if plain else (),
        {p.name: p.default for p in given if plain and p.default is not p.empty},
        by_row,
    )

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return called(name, *args, **kwargs)

    return call


def called(name: str, *args: Any, **kwargs: Any) -> Any:
    """What the operation of this name gives, or what stands for it in a graph."""
    op = OPS[name]
    try:
        arguments = op.bound(args, kwargs)
    except TypeError as error:
        refuse_unknown(name, kwargs, op.signature.parameters, "argument")
        raise TypeError(f"{name}{op.signature}: {error}.") from None
    if _holds(arguments):
        return _recorded(name, arguments)
    return op.run(arguments)


def rows(table: str, sources: Iterable[Any], module: str, **facts: Any) -> Config:
    """The operations of a table, by name: one signature a line, arrays before `;`.

    `name = other(x; a: b = 1)` is the function `other` of the first of these sources
    that has it, whose argument b is called a here.
    """
    made = {}
    for line in filter(None, map(str.strip, table.splitlines())):
        head, _, inside = line.removesuffix(")").partition("(")
        name, _, target = (part.strip() for part in head.partition("="))
        target = target or name
        function = next(getattr(s, target) for s in sources if hasattr(s, target))
        made[name] = operation(_row(name, target, function, inside, module), **facts)
    return made


def _row(
    name: str, target: str, function: Function, inside: str, module: str
) -> Function:
    arrays, _, rest = (part.strip() for part in inside.partition(";"))
    body: Any = ast.parse(f"def f({arrays}{', ' * bool(arrays)}*, {rest or 'z'}): 0")
    arguments = body.body[0].args
    count = len(arguments.args)
    named = list(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    named = named if rest else []
    theirs = [a.annotation.id if a.annotation else a.arg for a, _ in named]

    def row(*values: Any) -> Any:
        given = dict(zip(theirs, values[count:], strict=True))
        return function(*values[:count], **given)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(a.arg, kind, annotation=Arrays if _lists(a) else Array)
        for a in arguments.args
    ]
    parameters += [
        inspect.Parameter(
            a.arg,
            kind,
            default=inspect.Parameter.empty if d is None else ast.literal_eval(d),
        )
        for a, d in named
    ]
    row.__signature__ = inspect.Signature(parameters)
    row.__name__ = row.__qualname__ = name
    row.__module__ = module
    row.__doc__ = f"`{function.__module__}.{target}`, with Keras' arguments."
    return row


def _lists(argument: ast.arg) -> bool:
    return "xs" in (argument.arg, getattr(argument.annotation, "id", ""))


# In a graph ---------------------------------------------------------------------------


def _holds(value: Any) -> bool:
    """Whether a value of a graph is in a nest of arguments."""
    if isinstance(value, Tensor):
        return True
    if value is None or isinstance(value, jax.Array):
        return False
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, slice):
        value = (value.start, value.stop, value.step)
    elif not isinstance(value, list | tuple):
        return False
    return any(map(_holds, value))


def _recorded(name: str, arguments: dict[str, Any]) -> Tree:
    """What stands for a call on values of a graph: a layer's output."""
    values = list(arguments.values())
    floats = all(_is_float(v) for v in values if isinstance(v, Tensor))
    if floats and name in OPERATIONS and len(values) == 2:
        return combine(name, *map(_plain, values))
    if floats and name in ("abs", "absolute"):
        return unnamed(Absolute(name=name))(values[0])
    if floats and len(values) == 1 and activations.knows(name):
        return unnamed(Activation(name, name=name))(values[0])
    op, tensors, constants = OPS[name], [], []

    def frozen(value: Any, array: bool) -> Any:
        value = _plain(value)
        if isinstance(value, Tensor):
            tensors.append(value)
            return ("tensor", len(tensors) - 1)
        if isinstance(value, list | tuple):
            if array and not _holds(value) and value:
                return frozen(as_array(value), array)
            inside = [frozen(v, array) for v in value]
            return (type(value).__name__ if type(value) is list else "tuple", *inside)
        if isinstance(value, dict):
            return ("dict", *((k, frozen(v, array)) for k, v in value.items()))
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return ("slice", *(frozen(end, False) for end in ends))
        if value is Ellipsis:
            return ("ellipsis",)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, np.ndarray | jax.Array):
            if array or isinstance(value, Tracer):
                constants.append(value)
                return ("array", len(constants) - 1)
            return ("numbers", str(value.dtype), _tuples(np.asarray(value).tolist()))
        if value is None or isinstance(value, bool | int | float | str):
            return value
        try:
            return str(jnp.dtype(value))
        except TypeError:
            return ("object", value)

    held = tuple(
        (key, frozen(value, key in op.arrays or key in op.lists))
        for key, value in arguments.items()
    )
    kinds = tuple("float" if _is_float(t) else t.dtype for t in tensors)
    layer = Operation(name, held, tuple(constants), kinds, name=name.rpartition(".")[2])
    return unnamed(layer)(tensors[0] if len(tensors) == 1 else tuple(tensors))


def _is_float(tensor: Tensor) -> bool:
    return tensor.dtype == config.floatx()


def _tuples(value: Any) -> Any:
    """Lists as tuples, at every depth."""
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def _constants(values: Iterable[Any]) -> tuple[Any, ...]:
    """Arrays, also as `get_config` writes them."""
    return tuple(
        np.asarray(v["value"], v["dtype"]) if isinstance(v, dict) else as_array(v)
        for v in values
    )


def _known(where: str, name: str, value: object) -> None:
    if value not in OPS:
        raise unknown(f"{name} of {where}", value, OPS, "dir(onefit.ops)")


class Operation(Layer):
    """An operation of `onefit.ops` as part of a graph: a = f(x).

    `ops.mean(x, axis=-1)` on a value of a graph makes this.

    Args:
        operation: The name of the operation.
        arguments: Its arguments as (name, value), with ("tensor", i) in the place of
            the input of that number and ("array", i) in that of a constant.
        constants: The arrays among its arguments.
        kinds: The type of each input's numbers; "float" is the library's float type.

    Input: one array, or several. Output: what the operation gives for them.

    Raises:
        ValueError: An unknown operation, shapes that it refuses.

    Differs from Keras: the operations of its own files that are layers here (`add`,
    `relu`) are those layers. As there, a mask ends here.

    Example:
        >>> x = onefit.Input((3,))
        >>> y = onefit.ops.mean(x, axis=-1, keepdims=True)
        >>> onefit.Model(x, y).predict(np.array([[1.0, 2.0, 6.0]]), verbose=0)
        array([[3.]], dtype=float32)

    Source: Keras, `keras.Operation`.
    """

    role = "other"
    integers = True

    operation: str = setting(check=_known)
    arguments: Any = setting(convert=_tuples)
    constants: Any = setting(default=(), convert=_constants)
    kinds: Any = setting(default=("float",), convert=tuple)

    @property
    def by_row(self) -> bool:
        """Whether rows cannot mix, whatever the arguments are."""
        return OPS[self.operation].by_row

    def compute(self, params: Params, x: Tree) -> Tree:
        tensors = x if len(self.kinds) > 1 else (x,)
        given = [_of_kind(*pair) for pair in zip(tensors, self.kinds, strict=True)]
        arguments = {name: self.argument(v, given) for name, v in self.arguments}
        return OPS[self.operation].run(arguments)

    def argument(self, value: Any, given: Sequence[Any]) -> Any:
        """An argument, with what stands for the inputs in their places."""
        if not isinstance(value, tuple):
            return value
        kind, *inside = value
        match kind:
            case "tensor":
                return given[inside[0]]
            case "array":
                return self.constants[inside[0]]
            case "numbers":
                return np.asarray(inside[1], inside[0])
            case "object":
                return inside[0]
            case "ellipsis":
                return ...
            case "dict":
                return {k: self.argument(v, given) for k, v in inside}
            case "slice":
                return slice(*(self.argument(end, given) for end in inside))
        made = [self.argument(v, given) for v in inside]
        return made if kind == "list" else tuple(made)

    def traced(self, input_shape: Shapes) -> Tree:
        """The outputs' shapes and types, with open sizes open."""
        shapes = input_shape if len(self.kinds) > 1 else (input_shape,)

        def sizes(open_size: int) -> Tree:
            structs = [
                jax.ShapeDtypeStruct(
                    tuple(open_size if n is None else n for n in shape),
                    config.floatx() if kind == "float" else kind,
                )
                for shape, kind in zip(shapes, self.kinds, strict=True)
            ]
            x = structs if len(structs) > 1 else structs[0]
            return jax.eval_shape(lambda x: self.compute({}, x), x)

        try:
            one, other = sizes(97), sizes(89)
        except Exception as error:
            if "no numbers yet" in str(error):
                raise self.misfit(
                    f"a function in {self.operation} that uses a value of the graph "
                    "which it is not given",
                    "functions of their own arguments",
                    "write it in the call of a layer: class Mine(onefit.Layer)",
                ) from error
            raise self.misfit(
                f"{self.operation} of shapes {' and '.join(map(str, shapes))}, which "
                f"fails ({type(error).__name__}: {str(error).splitlines()[0]})",
                "arguments that it takes",
            ) from error

        def both(a: Any, b: Any) -> tuple[tuple[int | None, ...], Any]:
            pairs = zip(a.shape, b.shape, strict=True)
            return tuple(n if n == m else None for n, m in pairs), a.dtype

        return jax.tree.map(both, one, other)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        traced = self.traced(input_shape)
        return jax.tree.map(lambda pair: pair[0], traced, is_leaf=_is_pair)

    def _record(self, x: Tree, mask: Any, options: Config) -> Tree:
        outputs = super()._record(x, mask, options)
        shapes = jax.tree.map(lambda a: a.shape, x)
        traced = jax.tree.leaves(self.traced(shapes), is_leaf=_is_pair)
        for tensor, (_, dtype) in zip(jax.tree.leaves(outputs), traced, strict=True):
            tensor.dtype = str(dtype)
        return outputs

    def get_config(self) -> Config:
        """The settings; refused where an argument is a function, which is code."""
        if _has_object(self.arguments):
            raise self.misfit(
                "a request for the config of a function among its arguments",
                "arguments that JSON can hold",
                "make it a class: class Mine(onefit.Layer), whose call does it",
            )
        constants = [
            {"dtype": str(c.dtype), "value": np.asarray(c).tolist()}
            for c in self.constants
        ]
        return super().get_config() | {"constants": constants}


def _is_pair(value: Any) -> bool:
    """Whether this is a shape with a type, as `Operation.traced` gives them."""
    return isinstance(value, tuple) and len(value) == 2 and is_shape(value[0])


def _has_object(value: Any) -> bool:
    if not isinstance(value, tuple):
        return False
    return (value[:1] == ("object",)) or any(map(_has_object, value))


def _of_kind(x: Array, kind: str) -> Array:
    """An input as the operation was given it: whole numbers, floats or booleans."""
    kind = config.floatx() if kind == "float" else kind
    groups = (jnp.inexact, jnp.integer, jnp.bool_)
    same = any(jnp.issubdtype(x.dtype, g) and jnp.issubdtype(kind, g) for g in groups)
    return x if same else x.astype(kind)
