"""What configs of layers mean, and how a layer is written down."""

from typing import Any

from onefit.custom import CustomObjectScope
from onefit.layers.base import Layer, layers
from onefit.types import Config, Identifier

__all__ = ["deserialize", "serialize"]


def serialize(layer: Layer) -> Config:
    """A layer as JSON can hold it: its class's name and its settings.

    >>> serialize(onefit.layers.Dense(2))["class_name"]
    'Dense'
    """
    return {"class_name": type(layer).__name__, "config": layer.get_config()}


def deserialize(
    config: Config, custom_objects: dict[str, Identifier] | None = None
) -> Any:
    """The layer that `serialize`, of onefit or Keras, wrote down.

    >>> deserialize(serialize(onefit.layers.Dense(2))).units
    2
    """
    with CustomObjectScope(custom_objects):
        return layers.get(config)
