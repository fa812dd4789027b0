"""Types, conversions, loops and choices: `keras.ops`' own functions."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.layers.symbolic import Tensor
from onefit.ops.table import as_array, operation
from onefit.types import Array, ArrayLike, Function, Shape, Tree
from onefit.variables import Variable

__all__ = [
    "associative_scan",
    "cast",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "fori_loop",
    "is_tensor",
    "map",
    "rearrange",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "switch",
    "unstack",
    "vectorized_map",
    "while_loop",
]

# Types and conversions ----------------------------------------------------------------


def dtype(x: ArrayLike) -> str:
    """The type of the numbers by name.

    >>> dtype(np.ones(2, "int8")), dtype(1.5)
    ('int8', 'float32')
    """
    known = getattr(x, "dtype", None)
    return str(as_array(x).dtype if known is None else jnp.dtype(known))


def shape(x: Any) -> Shape:
    """The sizes of the axes; None for one of a graph that is open.

    >>> shape([[1, 2, 3]]), shape(onefit.Input((4,)))
    ((1, 3), (None, 4))
    """
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def is_tensor(x: object) -> bool:
    """Whether this is an array of JAX's.

    >>> is_tensor(jnp.ones(2)), is_tensor(np.ones(2))
    (True, False)
    """
    return isinstance(x, jax.Array)


@operation
def cast(x: Array, dtype: DTypeLike) -> Array:
    """The numbers as another type.

    >>> cast([1.9, -1.9], "int32")
    Array([ 1, -1], dtype=int32)
    """
    return x.astype(_type(dtype))


def _type(dtype: DTypeLike) -> Any:
    """A type as JAX takes it; Python's own are the library's."""
    named = {"float": config.floatx(), "int": "int32", float: config.floatx()}
    return named.get(dtype, dtype) if dtype is not int else "int32"


@operation
def saturate_cast(x: Array, dtype: DTypeLike) -> Array:
    """As `cast`, with the nearest number that the type has for one it has not.

    >>> saturate_cast([-3.0, 300.0], "uint8")
    Array([  0, 255], dtype=uint8)
    """
    new = jnp.dtype(_type(dtype))
    if not jnp.issubdtype(new, jnp.integer) or x.dtype == bool:
        return x.astype(new)
    ends = jnp.iinfo(new)
    least, most = float(ends.min), float(ends.max)
    if jnp.issubdtype(x.dtype, jnp.integer):
        own = jnp.iinfo(x.dtype)
        least, most = int(max(ends.min, own.min)), int(min(ends.max, own.max))
        return jnp.clip(x, least, most).astype(new)
    inside = jnp.clip(x, least, most).astype(new)
    # The largest whole number may not be a float: it is set where it is reached.
    return jnp.where(x >= most, ends.max, inside)


def convert_to_tensor(
    x: ArrayLike,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
) -> Any:
    """An array of JAX's, of what becomes one.

    Args:
        x: Numbers, an array, a `Variable`, or a value of a graph.
        dtype: The type of the numbers, if it is to be another.
        sparse, ragged: Refused if true.

    >>> convert_to_tensor([1, 2])
    Array([1, 2], dtype=int32)
    """
    for name, value in (("sparse", sparse), ("ragged", ragged)):
        if value:
            raise invalid(
                "convert_to_tensor",
                f"{name}={value}",
                "a dense array",
                "give x.toarray(), or pad the rows: onefit.utils.pad_sequences(rows)",
            )
    if dtype is None:
        return x if isinstance(x, Tensor) else as_array(x)
    if not isinstance(x, Tensor | jax.Array | Variable):
        return jnp.asarray(as_array(np.asarray(x)), _type(dtype))
    return cast(x, dtype)


def convert_to_numpy(x: ArrayLike) -> np.ndarray:
    """A numpy array of what becomes one.

    >>> convert_to_numpy(jnp.ones(2))
    array([1., 1.], dtype=float32)
    """
    return np.array(x if isinstance(x, Tensor) else as_array(x))


@operation
def stop_gradient(variable: Array) -> Array:
    """The numbers, through which no gradient flows.

    >>> stop_gradient(2.0)
    Array(2., dtype=float32, weak_type=True)
    """
    return lax.stop_gradient(variable)


def custom_gradient(f: Function) -> Function:
    """A function whose gradient is its own: it gives (output, gradient function).

    >>> @custom_gradient
    ... def bent(x):
    ...     return x**2, lambda upstream: 10 * upstream
    >>> float(jax.grad(bent)(3.0))
    10.0
    """
    return jax.custom_gradient(f)


# Choices and loops --------------------------------------------------------------------


@operation
def cond(pred: Array, true_fn: Function, false_fn: Function) -> Tree:
    """What `true_fn()` gives if the condition holds, or else `false_fn()`.

    >>> cond(1 > 2, lambda: "no", lambda: "yes")
    'yes'
    """
    if isinstance(pred, Tracer):
        return lax.cond(pred, lambda: _arrays(true_fn()), lambda: _arrays(false_fn()))
    return true_fn() if pred else false_fn()


@operation
def switch(index: Array, branches: Sequence[Function], *operands: Any) -> Tree:
    """What the branch of this number gives for the operands.

    >>> switch(1, [jnp.sin, jnp.negative], 2.0)
    Array(-2., dtype=float32, weak_type=True)
    """
    return lax.switch(index, branches, *_arrays(operands))


@operation
def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, Any]:
    """Carries a value along the first axis: (carry, y) = f(carry, x) for each x.

    Returns:
        The last carry, and all y as one array.

    >>> scan(lambda total, x: (total + x, total), 0, np.arange(4))
    (Array(6, dtype=int32), Array([0, 0, 1, 3], dtype=int32, weak_type=True))
    """
    return lax.scan(f, _arrays(init), _arrays(xs), length, reverse, unroll)


@operation
def associative_scan(
    f: Function, elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """Partial results of an associative function of two values, along an axis.

    >>> associative_scan(jnp.add, np.array([1, 2, 3]))
    Array([1, 3, 6], dtype=int32)
    """
    return lax.associative_scan(f, _arrays(elems), reverse, axis)


@operation
def map(f: Function, xs: Any) -> Any:
    """Each row put through f, one after another, as one array.

    >>> map(lambda x: x**2, np.array([1.0, 3.0]))
    Array([1., 9.], dtype=float32)
    """
    return lax.map(f, _arrays(xs))


@operation
def vectorized_map(function: Function, elements: Any) -> Any:
    """A function of each row, of all rows at once.

    >>> vectorized_map(jnp.sum, np.ones((2, 3)))
    Array([3., 3.], dtype=float32)
    """
    return jax.vmap(function)(_arrays(elements))


@operation
def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """Replaces a value by body_fun(i, value), for i from lower to upper - 1.

    >>> int(fori_loop(0, 4, lambda i, total: total + i, 0))
    6
    """
    return lax.fori_loop(lower, upper, body_fun, _arrays(init_val))


@operation
def while_loop(
    cond: Callable[..., Any],
    body: Function,
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """Replaces values by body(*values) as long as cond(*values) holds.

    >>> while_loop(lambda i: i < 10, lambda i: i * 2, 3)
    Array(12, dtype=int32, weak_type=True)
    """
    several = isinstance(loop_vars, list | tuple)
    values = tuple(loop_vars) if several else (loop_vars,)
    limit = jnp.inf if maximum_iterations is None else maximum_iterations

    def step(carried: tuple[Any, Any]) -> tuple[Any, Any]:
        made = _arrays(body(*carried[1]))
        made = tuple(made) if isinstance(made, list | tuple) else (made,)
        return carried[0] + 1, made

    start = (0, tuple(_arrays(values)))
    last = lax.while_loop(lambda c: (c[0] < limit) & cond(*c[1]), step, start)[1]
    return type(loop_vars)(last) if type(loop_vars) in (list, tuple) else last[0]


def _arrays(nest: Any) -> Any:
    """A nest with arrays in place of numbers and variables; None stays."""
    return jax.tree.map(as_array, nest)


# Parts --------------------------------------------------------------------------------


@operation
def scatter(indices: Array, values: Array, shape: Shape) -> Array:
    """Zeros of a shape, with values added at the indices.

    >>> scatter([[0], [2]], [5.0, 7.0], (4,))
    Array([5., 0., 7., 0.], dtype=float32)
    """
    zeros = jnp.zeros(tuple(shape), values.dtype)
    return zeros.at[tuple(jnp.moveaxis(indices, -1, 0))].add(values)


@operation
def scatter_update(
    inputs: Array, indices: Array, updates: Array, reduction: str | None = None
) -> Array:
    """The inputs with other numbers at the indices.

    Args:
        inputs: An array.
        indices: (n, axes): places in its first axes.
        updates: What stands there then, or is joined with what stands there.
        reduction: None to replace; "add", "max", "min" or "mul" to join.

    >>> scatter_update(np.zeros(3), [[1]], [5.0])
    Array([0., 5., 0.], dtype=float32)
    """
    ways = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}
    if reduction not in ways:
        raise invalid(
            "scatter_update",
            f"reduction={reduction!r}",
            "None, 'add', 'max', 'min' or 'mul'",
        )
    place = jnp.asarray(inputs).at[tuple(jnp.moveaxis(indices, -1, 0))]
    return getattr(place, ways[reduction])(updates.astype(inputs.dtype))


@operation
def slice(inputs: Array, start_indices: Any, shape: Shape) -> Array:
    """The part of a shape that begins at these indices; -1 is all that follows.

    >>> slice(np.arange(5), [1], [3])
    Array([1, 2, 3], dtype=int32)
    """
    starts, sizes = _indices(start_indices), list(shape)
    for axis, size in enumerate(sizes):
        if size == -1:
            start = start_indices[axis]
            if isinstance(start, Tracer):
                raise invalid(
                    "slice",
                    f"shape={tuple(shape)} for a start that is not known yet",
                    "sizes",
                    "write the sizes, in place of -1",
                )
            sizes[axis] = inputs.shape[axis] - int(start)
    return lax.dynamic_slice(inputs, starts, sizes)


@operation
def slice_update(inputs: Array, start_indices: ArrayLike, updates: Array) -> Array:
    """The inputs with another part, which begins at these indices.

    >>> slice_update(np.zeros(4), [1], [5.0, 6.0])
    Array([0., 5., 6., 0.], dtype=float32)
    """
    start = _indices(start_indices)
    return lax.dynamic_update_slice(inputs, updates.astype(inputs.dtype), start)


def _indices(indices: Any) -> list[Any]:
    return [as_array(i) for i in indices]


@operation
def unstack(x: Array, num: int | None = None, axis: int = 0) -> list[Array]:
    """The parts along an axis, which they lose.

    >>> unstack([[1, 2], [3, 4]], axis=1)
    [Array([1, 3], dtype=int32), Array([2, 4], dtype=int32)]
    """
    parts = x.shape[axis]
    if num is not None and num != parts:
        raise invalid(
            "unstack", f"num={num} for an axis of {parts}", "as many parts as it has"
        )
    return list(jnp.unstack(x, axis=axis))


@operation
def rearrange(tensor: Array, pattern: str, **axes_lengths: int) -> Array:
    """The axes in another order, joined and cut, by a pattern of names.

    Args:
        tensor: An array.
        pattern: As "b (h w) c -> b h w c": the axes before and after.
        **axes_lengths: The sizes that the pattern leaves open.

    >>> rearrange(np.zeros((2, 6, 3)), "b (h w) c -> b c h w", h=2).shape
    (2, 3, 2, 3)
    """
    left, arrow, right = pattern.partition("->")
    before, after = _groups(left), _groups(right)
    names = [name for group in before for name in group]
    if not arrow or sorted(names) != sorted(n for group in after for n in group):
        raise invalid(
            "rearrange",
            f"the pattern {pattern!r}",
            "the same names on both sides of ->",
            "write 'b h w c -> b (h w) c'",
        )
    if len(before) != tensor.ndim:
        raise mistyped(
            "rearrange",
            f"{tensor.ndim} axes for the pattern {pattern!r}",
            f"{len(before)} axes",
        )
    sizes: dict[str, int] = dict(axes_lengths)
    for group, size in zip(before, tensor.shape, strict=True):
        known = [sizes[n] for n in group if n in sizes]
        for name in group:
            if name not in sizes:
                sizes[name] = size // int(np.prod(known))
    apart = tensor.reshape([sizes[n] for n in names])
    order = [names.index(n) for group in after for n in group]
    joined = [int(np.prod([sizes[n] for n in group])) for group in after]
    return apart.transpose(order).reshape(joined)


def _groups(side: str) -> list[list[str]]:
    """The names of each axis of one side of a pattern."""
    groups: list[list[str]] = []
    inside = False
    for word in side.replace("(", " ( ").replace(")", " ) ").split():
        if word in "()":
            inside = word == "("
            groups += [[]] if inside else []
        elif inside:
            groups[-1].append(word)
        else:
            groups.append([] if word == "1" else [word])
    return groups
