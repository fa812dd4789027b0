"""What names and configs of optimizers mean."""

from typing import overload

from onefit.custom import CustomObjectScope
from onefit.errors import mistyped
from onefit.optimizers.base import Optimizer, optimizers
from onefit.types import Config, Function, Identifier

__all__ = ["deserialize", "get", "serialize"]


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: str | Config | Function | Optimizer) -> Optimizer: ...
def get(identifier: object) -> Optimizer | None:
    """The optimizer that a name, a config, a class or an object means.

    Names are Keras', in any case.

    >>> get("adam"), get({"class_name": "SGD", "config": {"momentum": 0.9}})
    (Adam(name='adam'), SGD(name='sgd', momentum=0.9))

    Raises:
        ValueError: An unknown name, with the nearest ones.
        TypeError: Anything else that is not an optimizer.
    """
    if isinstance(identifier, str) and not optimizers.knows(identifier):
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


def serialize(optimizer: Optimizer) -> Config:
    """An optimizer as JSON can hold it: its class's name and its settings.

    >>> serialize(onefit.optimizers.SGD())["class_name"]
    'SGD'
    """
    return {"class_name": type(optimizer).__name__, "config": optimizer.get_config()}


def deserialize(
    config: Config, custom_objects: dict[str, Identifier] | None = None
) -> Optimizer | None:
    """The optimizer that `serialize`, of onefit or Keras, wrote down.

    >>> deserialize(serialize(onefit.optimizers.SGD(0.5)))
    SGD(learning_rate=0.5, name='sgd')
    """
    with CustomObjectScope(custom_objects):
        return get(config)
