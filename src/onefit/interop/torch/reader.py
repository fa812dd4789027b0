"""A torch module as a model: a Sequential is walked, any other module is traced."""

from typing import Any

from onefit.interop.torch.reading import Reading, chained, refuse_hidden, walk
from onefit.interop.torch.tracing import traced

__all__ = ["read"]


def read(module: Any, shape: Any, exact: bool) -> Reading:
    """A module as a model.

    Args:
        module: The module.
        shape: The shape of an example, or of one of each input; None to find it out.
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
