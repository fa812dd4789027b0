# ruff: noqa: D102
"""Arithmetic and slices of the values of a graph, as layers."""

from collections.abc import Iterable
from types import EllipsisType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.checks import one_of
from onefit.description import number, setting
from onefit.errors import mistyped
from onefit.layers.base import Layer
from onefit.layers.shapes import Same, SameShape
from onefit.layers.symbolic import Tensor
from onefit.types import Array, Mask, Params, Shape, Shapes, Tree

__all__ = ["Absolute", "Arithmetic", "GetItem"]

OPERATIONS = {
    name: getattr(jnp, name)
    for name in (
        "add",
        "subtract",
        "multiply",
        "divide",
        "floor_divide",
        "mod",
        "power",
        "matmul",
        "less",
        "less_equal",
        "greater",
        "greater_equal",
        "equal",
        "not_equal",
        "logical_and",
        "logical_or",
        "logical_xor",
    )
}


def _constant(value: object) -> object:
    return np.asarray(value) if isinstance(value, list | tuple) else value


class Arithmetic(Layer):
    """An operation of two values, or of one and a constant: a = x ∘ c, or c ∘ x.

    `x + y` and `2 * x` on the values of a graph make these.

    Args:
        operation: The name of the function in jax.numpy: add, subtract, multiply,
            divide, floor_divide, mod, power, matmul, or a comparison.
        constant: c, a number or an array; without one x is two values.
        constant_first: Whether c stands before x.
        keep_mask: Whether the mask of x holds for the output.

    Input: one array, or two that broadcast. Output: their broadcast shape.

    Raises:
        ValueError: An unknown operation, shapes that do not fit each other.

    Example:
        >>> Arithmetic("power", 2.0)(np.array([1.0, 3.0]))
        Array([1., 9.], dtype=float32)

    Differs from Keras: the mask of x is kept (of two, what is in either, as in Add),
    where Keras' operators lose it; those of its files have keep_mask=False.

    Source: Keras, operators on `KerasTensor`.
    """

    role = "product"

    operation: str = setting(check=one_of(*OPERATIONS))
    constant: Any = number(default=None, optional=True, convert=_constant)
    constant_first: bool = False
    keep_mask: bool = True

    @property
    def output_dtype(self) -> str | None:
        """The type of the output, where it is not the layer's own."""
        return "bool" if self.operation in _TRUTHS else None

    def compute(self, params: Params, x: Tree) -> Array:
        return OPERATIONS[self.operation](*self._operands(x))

    def _operands(self, x: Tree) -> tuple[Tree, Tree]:
        if isinstance(x, tuple):
            return x
        # A plain number does not change the type of x.
        constant = 0.0 if self.constant is None else self.constant
        if not isinstance(constant, int | float):
            constant = jnp.asarray(constant).astype(x.dtype)
        return (constant, x) if self.constant_first else (x, constant)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        if not isinstance(inputs, tuple):
            return mask if self.keep_mask else None
        one, other = (
            mask if isinstance(mask, tuple) and self.keep_mask else (None, None)
        )
        return None if one is None or other is None else one | other

    def output_shape(self, input_shape: Shapes) -> Shapes:
        one = isinstance(input_shape, tuple) and not (
            input_shape and isinstance(input_shape[0], tuple)
        )
        shapes = [input_shape] if one else list(input_shape)
        if one and np.ndim(self.constant):
            shapes.append(np.shape(self.constant))
        if self.constant_first:
            shapes.reverse()
        try:
            return _broadcast(self.operation, shapes)
        except ValueError:
            raise self.misfit(
                f"{self.operation} of shapes {' and '.join(str(s) for s in shapes)}",
                "shapes that fit each other",
                "reshape one of them, or bring both to one width with Dense",
            ) from None


def _broadcast(operation: str, shapes: list[Shape]) -> tuple[int | None, ...]:
    """The shape of the result; sizes that are open stay open."""
    if len(shapes) == 1:
        return tuple(shapes[0])

    def sizes(open_size: int) -> tuple[int, ...]:
        filled = [tuple(open_size if n is None else n for n in s) for s in shapes]
        structs = [jax.ShapeDtypeStruct(s, np.float32) for s in filled]
        try:
            return jax.eval_shape(OPERATIONS[operation], *structs).shape
        except TypeError as error:
            raise ValueError from error

    pairs = zip(sizes(97), sizes(89), strict=True)
    return tuple(a if a == b else None for a, b in pairs)


def combine(operation: str, x: Tree, y: Tree) -> Tree:
    """What stands for x ∘ y, where at least one of them is a value of a graph."""
    both = isinstance(x, Tensor) and isinstance(y, Tensor)
    if both:
        return unnamed(Arithmetic(operation, name=operation))((x, y))
    constant, first = (y, False) if isinstance(x, Tensor) else (x, True)
    if isinstance(constant, str) or not np.issubdtype(
        np.asarray(constant).dtype, np.number
    ):
        raise mistyped(
            operation,
            repr(constant),
            "a number, an array or another value of the graph",
        )
    constant = constant if np.ndim(constant) else np.asarray(constant).item()
    tensor = y if first else x
    return unnamed(Arithmetic(operation, constant, first, name=operation))(tensor)


def unnamed(layer: Layer) -> Layer:
    """The layer, whose name may be made another's when there are two."""
    object.__setattr__(layer, "_named", False)
    return layer


class Absolute(SameShape, Layer):
    """The absolute value: a = |x|.

    Args:
        keep_mask: Whether the mask of x holds for the output, as for `Arithmetic`.

    Input and output: any shape, the same.

    Example:
        >>> Absolute()(np.array([-1.0, 2.0]))
        Array([1., 2.], dtype=float32)

    Source: Keras, `keras.ops.absolute`.
    """

    role = "other"

    keep_mask: bool = True

    def compute(self, params: Params, x: Same) -> Same:
        return jnp.abs(x)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return mask if self.keep_mask else None


def as_key(key: object) -> tuple[object, ...]:
    """An index as settings can hold it: a slice becomes ("slice", start, stop, step).

    >>> as_key((slice(None), -1))
    (('slice', None, None, None), -1)
    """
    keys = key if isinstance(key, tuple) else (key,)
    plain = []
    for k in keys:
        if isinstance(k, slice):
            plain.append(("slice", k.start, k.stop, k.step))
        elif k is Ellipsis:
            plain.append(("ellipsis",))
        elif k is None or (isinstance(k, int | np.integer) and not isinstance(k, bool)):
            plain.append(None if k is None else int(k))
        else:
            raise mistyped(
                "index",
                repr(k),
                "whole numbers, slices, None and ...",
                "write Lambda(lambda x: x[index])(x) for another index",
            )
    return tuple(plain)


def _from_lists(key: Iterable[object]) -> tuple[object, ...]:
    """Keys as a file has them, with lists in place of tuples."""
    return tuple(tuple(k) if isinstance(k, list | tuple) else k for k in key)


class GetItem(Layer):
    """A part of an array: a = x[key].

    `x[:, -1]` on a value of a graph makes this.

    Args:
        key: The index of each axis, the batch first, as `as_key` writes it.

    Input: any shape. Output: that of x[key].

    Raises:
        ValueError: More indices than axes, or an index out of range.

    Example:
        >>> GetItem(as_key((slice(None), -1)))(np.array([[1.0, 2.0], [3.0, 4.0]]))
        Array([2., 4.], dtype=float32)

    Source: Keras, `keras.KerasTensor.__getitem__`.
    """

    role = "shape"

    key: Any = setting(convert=_from_lists)

    def compute(self, params: Params, x: Array) -> Array:
        return x[self.index]

    @property
    def index(self) -> tuple[int | slice | EllipsisType | None, ...]:
        """The key as Python writes it."""
        return tuple(
            k
            if not isinstance(k, tuple)
            else Ellipsis
            if k[0] == "ellipsis"
            else slice(*k[1:])
            for k in self.key
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        # An axis whose size is not known yet is taken as long enough for any index.
        sizes = [
            [10**6 + step if n is None else n for n in input_shape] for step in (0, 1)
        ]
        try:
            one, two = (
                np.broadcast_to(np.int8(0), shape)[self.index].shape for shape in sizes
            )
        except IndexError as error:
            raise self.misfit(
                f"an index that {input_shape} does not have ({error})",
                "at most one index an axis, in its range",
            ) from None
        return tuple(a if a == b else None for a, b in zip(one, two, strict=True))


# The operators of a value of a graph --------------------------------------------------

_OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "mod",
    "pow": "power",
    "matmul": "matmul",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "ne": "not_equal",
}
# Of conditions; == stays Python's own, as values of a graph are keys.
_CHOICES = {"and": "logical_and", "or": "logical_or", "xor": "logical_xor"}

_TRUTHS = {*_COMPARISONS.values(), *_CHOICES.values(), "equal"}


for _python, _ours in (_OPERATORS | _COMPARISONS | _CHOICES).items():
    setattr(Tensor, f"__{_python}__", lambda x, y, o=_ours: combine(o, x, y))
for _python, _ours in (_OPERATORS | _CHOICES).items():
    setattr(Tensor, f"__r{_python}__", lambda x, y, o=_ours: combine(o, y, x))
for _python, _function in {
    "neg": lambda x: combine("multiply", x, -1),
    "abs": lambda x: Absolute()(x),  # noqa: PLW0108 - a new layer each time
    "invert": lambda x: combine("logical_xor", x, 1),
    "getitem": lambda x, key: GetItem(as_key(key))(x),
}.items():
    setattr(Tensor, f"__{_python}__", _function)
