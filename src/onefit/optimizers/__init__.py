"""Optimizers: how weights move, by Keras' names, defaults and numbers."""

from typing import Any

from onefit.errors import mistyped
from onefit.optimizers import schedules
from onefit.optimizers.adam import Adam, Adamax, AdamW, Nadam
from onefit.optimizers.adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from onefit.optimizers.base import Optimizer, optimizers
from onefit.optimizers.gradient_descent import SGD, Lion
from onefit.optimizers.layerwise import Adafactor, Lamb, Muon

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "get",
    "schedules",
]


def get(identifier: Any) -> Optimizer | None:
    """The optimizer that a name, a config, a class or an object means.

    Names are Keras', in any case.

    >>> get("adam"), get({"class_name": "SGD", "config": {"momentum": 0.9}})
    (Adam(name='adam'), SGD(name='sgd', momentum=0.9))

    Raises:
        ValueError: An unknown name, with the nearest ones.
        TypeError: Anything else that is not an optimizer.
    """
    if isinstance(identifier, str):
        identifier = identifier.lower()
    found = optimizers.get(identifier)
    if found is not None and not isinstance(found, Optimizer):
        raise mistyped(
            "optimizer",
            repr(identifier),
            "a name such as 'adam', a config or an optimizer of onefit",
            "write `onefit.optimizers.Adam(0.001)`",
        )
    return found
