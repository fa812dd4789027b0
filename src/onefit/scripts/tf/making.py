"""How many small functions of one form are made from a table."""

from collections.abc import Callable
from typing import Any

import numpy as np

from onefit.scripts.tf.arrays import convert_to_tensor, tensors
from onefit.scripts.tf.ragged import RaggedTensor
from onefit.types import ArrayLike

__all__ = ["axes", "family", "named", "one", "pair", "reduction", "two"]

Function = Callable[..., Any]


def named(function: Function, name: str, about: str, module: str) -> Function:
    """The function under another name, with what it says of itself."""
    made = tensors(function)
    made.__name__ = made.__qualname__ = name
    made.__doc__, made.__module__ = about, module
    return made


def one(function: Function) -> Function:
    """A function of one tensor."""

    def made(x: ArrayLike, name: str | None = None) -> Any:
        if isinstance(x, RaggedTensor):
            return x.map(function)
        return function(convert_to_tensor(x))

    return made


def two(function: Function) -> Function:
    """A function of two tensors, the second of the first one's type."""

    def made(x: ArrayLike, y: ArrayLike, name: str | None = None) -> Any:
        if isinstance(x, RaggedTensor):
            return x.combined(y, function)
        return function(*pair(x, y))

    return made


def reduction(function: Function) -> Function:
    """A function of the numbers along some axes."""

    def made(
        input_tensor: Any,
        axis: Any = None,
        keepdims: Any = False,
        name: str | None = None,
    ) -> Any:
        if isinstance(input_tensor, RaggedTensor):
            return input_tensor.along(function, axes(axis), bool(keepdims))
        x = convert_to_tensor(input_tensor)
        return function(x, axis=axes(axis), keepdims=bool(keepdims))

    return made


def pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Two tensors; a plain number takes the type of the other one."""
    plain = (int, float, bool)
    if isinstance(x, plain) and not isinstance(y, plain):
        return x, convert_to_tensor(y)
    if isinstance(y, plain) and not isinstance(x, plain):
        return convert_to_tensor(x), y
    return convert_to_tensor(x), convert_to_tensor(y)


def axes(axis: Any) -> Any:
    """An axis, or several, as numpy takes them."""
    if axis is None or isinstance(axis, int):
        return axis
    numbers = np.asarray(axis)
    return tuple(int(n) for n in numbers) if numbers.ndim else int(numbers)


def family(
    form: Callable[[Function], Function],
    module: str,
    table: dict[str, tuple[Function, str]],
) -> dict[str, Function]:
    """Functions of one form, by their names."""
    return {
        name: named(form(function), name, about, module)
        for name, (function, about) in table.items()
    }
