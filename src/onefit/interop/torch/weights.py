"""How a weight of onefit and tensors of torch are each other, both ways.

torch keeps a Linear's weight as (out, in) and a convolution's as (out, in, ...); onefit
keeps Keras' (in, out) and (..., in, out). Gates of a recurrent layer stand in another
order. What is true of weights is true of all that belongs to them number by number, so
the same ways carry an optimizer's averages.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from onefit.errors import invalid
from onefit.layers.base import Layer

__all__ = [
    "Bond",
    "Way",
    "array_of",
    "as_is",
    "moved",
    "package",
    "put",
    "refusal",
    "reshaped",
    "stacked",
    "summed",
]


class Way(NamedTuple):
    """From arrays of torch to one of onefit (`join`), and back (`split`)."""

    join: Callable[..., np.ndarray]
    split: Callable[[np.ndarray], tuple[np.ndarray, ...]]


class Bond(NamedTuple):
    """A weight of a layer, and the tensors of a module that it is.

    Attributes:
        layer: The layer.
        name: The weight's name in it.
        paths: The tensors' names in the module: "0.weight".
        tensors: The tensors.
        way: How they are each other.
    """

    layer: Layer
    name: str
    paths: tuple[str, ...]
    tensors: tuple[Any, ...]
    way: Way

    def read(self, arrays: Any = None) -> np.ndarray:
        """The weight, from the tensors or from arrays in their place."""
        given = map(array_of, self.tensors) if arrays is None else arrays
        return np.ascontiguousarray(self.way.join(*given))

    def write(self, array: Any) -> None:
        """Gives the tensors, in place, what the weight has become."""
        for tensor, part in zip(
            self.tensors, self.way.split(np.asarray(array)), strict=True
        ):
            put(tensor, part)


as_is = Way(np.array, lambda a: (a,))
"""The same array."""

stacked = Way(lambda *arrays: np.stack(arrays), tuple)
"""Several arrays as the rows of one."""

summed = Way(lambda *arrays: np.sum(arrays, axis=0), lambda a: (a, np.zeros_like(a)))
"""Several arrays that are only ever added: the first has all of it."""


def moved(*axes: int) -> Way:
    """The axes of torch's array in onefit's order.

    >>> moved(1, 0).join(np.zeros((2, 3))).shape
    (3, 2)
    """
    back = tuple(np.argsort(axes))
    return Way(lambda a: a.transpose(axes), lambda a: (a.transpose(back),))


def reshaped(shape: tuple[int, ...], before: tuple[int, ...]) -> Way:
    """The same numbers, in one shape here and in another there."""
    return Way(lambda a: a.reshape(shape), lambda a: (a.reshape(before),))


def array_of(tensor: Any) -> np.ndarray:
    """A tensor as an array on the host."""
    return tensor.detach().cpu().numpy()


def put(tensor: Any, array: Any) -> None:
    """Gives a tensor new numbers, in place."""
    import torch

    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(array)))


def package() -> Any:
    """The package torch; asked for by its pip command."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            "onefit.interop.torch needs torch, which is not installed. Write "
            '`pip install "onefit[torch]"`.'
        ) from error
    return torch


def refusal(path: str, module: Any, received: str, expected: str, fix: str = "") -> Any:
    """The error for a module that onefit cannot have; it names the module's path."""
    kind = type(module).__name__
    where = f"{path} ({kind})" if path else kind
    return invalid(where, received, expected, fix)
