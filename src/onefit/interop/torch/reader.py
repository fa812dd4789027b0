"""A module of torch as a model: a Sequential is read in order, others are traced."""

from typing import TYPE_CHECKING

from onefit.interop.torch.reading import Reading, chained, refuse_hidden, walk
from onefit.interop.torch.tracing import traced
from onefit.types import Shapes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["read"]


def read(module: "nn.Module", shape: Shapes, exact: bool) -> Reading:
    """A module as a model.

    Args:
        module: The module.
        shape: The shape of an example, or of one of each input; None if the
            first module says it.
        exact: Whether the model is to train as torch trains the module.
    """
    refuse_hidden(module, exact)
    reading, chain = Reading(exact), list(walk(module))
    if any(path is None for path, _ in chain):
        reading.model = traced(reading, module, shape)
    else:
        reading.model = chained(reading, chain, module, shape)
    if exact:
        reading.move()
    return reading
