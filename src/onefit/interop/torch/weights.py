"""Which tensors of torch a weight of onefit is, and how to convert each way.

torch keeps a Linear's weight as (out, in) and a convolution's as (out, in, ...); onefit
keeps Keras' (in, out) and (..., in, out). Gates of a recurrent layer stand in another
order. An optimizer's averages have the shapes of the weights, and are converted alike.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from onefit.errors import invalid
from onefit.layers.base import Layer
from onefit.types import Array

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = [
    "Bond",
    "Way",
    "array_of",
    "as_is",
    "moved",
    "put",
    "refusal",
    "reshaped",
    "stacked",
    "summed",
]


class Way(NamedTuple):
    """How to convert: arrays of torch to one of onefit (`join`), and back (`split`)."""

    join: Callable[..., np.ndarray]
    split: Callable[[np.ndarray], tuple[np.ndarray, ...]]


class Bond(NamedTuple):
    """A weight of a layer, and the tensors of a module that it is.

    Attributes:
        layer: The layer.
        name: The weight's name in it.
        paths: The tensors' names in the module: "0.weight".
        tensors: The tensors.
        way: How to convert between them.
    """

    layer: Layer
    name: str
    paths: tuple[str, ...]
    tensors: "tuple[torch.Tensor, ...]"
    way: Way

    def read(self, arrays: Iterable[np.ndarray] | None = None) -> np.ndarray:
        """The weight, from the tensors or from arrays in their place."""
        given = map(array_of, self.tensors) if arrays is None else arrays
        return np.ascontiguousarray(self.way.join(*given))

    def write(self, array: Array) -> None:
        """Writes the weight into the tensors, in place."""
        for tensor, part in zip(
            self.tensors, self.way.split(np.asarray(array)), strict=True
        ):
            put(tensor, part)


as_is = Way(np.array, lambda a: (a,))
"""The same array."""

stacked = Way(lambda *arrays: np.stack(arrays), tuple)
"""Several arrays as the rows of one."""

summed = Way(lambda *arrays: np.sum(arrays, axis=0), lambda a: (a, np.zeros_like(a)))
"""Several arrays that are only ever added; back, the first has the whole sum."""


def moved(*axes: int) -> Way:
    """The axes of torch's array in onefit's order.

    >>> moved(1, 0).join(np.zeros((2, 3))).shape
    (3, 2)
    """
    back = tuple(np.argsort(axes))
    return Way(lambda a: a.transpose(axes), lambda a: (a.transpose(back),))


def reshaped(shape: tuple[int, ...], before: tuple[int, ...]) -> Way:
    """The same numbers, in `shape` in onefit and in the shape `before` in torch."""
    return Way(lambda a: a.reshape(shape), lambda a: (a.reshape(before),))


def array_of(tensor: "torch.Tensor") -> np.ndarray:
    """A tensor as an array on the host."""
    return tensor.detach().cpu().numpy()


def put(tensor: "torch.Tensor", array: Array) -> None:
    """Writes an array into a tensor, in place."""
    import torch

    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.array(array)))


def refusal(
    path: str, module: "nn.Module", received: str, expected: str, fix: str = ""
) -> ValueError:
    """The error for a module that onefit does not have; it names the module's path."""
    kind = type(module).__name__
    where = f"{path} ({kind})" if path else kind
    return invalid(where, received, expected, fix)
