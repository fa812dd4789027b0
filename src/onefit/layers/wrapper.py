"""The base of layers in Keras' style that change what another layer does."""

from typing import Any

from onefit.custom import CustomObjectScope
from onefit.errors import mistyped
from onefit.layers.base import Layer
from onefit.layers.called import Called
from onefit.layers.resolving import deserialize, serialize
from onefit.types import Config, Shapes, Tree

__all__ = ["Wrapper"]


class Wrapper(Called):
    """A layer around another: a subclass writes `call`, which calls `self.layer`.

    Args:
        layer: The layer inside.
        **kwargs: name, trainable, dtype.

    Raises:
        TypeError: What is no layer.

    Example:
        >>> class Twice(onefit.layers.Wrapper):
        ...     def call(self, inputs):
        ...         return self.layer(self.layer(inputs))
        >>> Twice(onefit.layers.Rescaling(3.0))(np.ones(2))
        Array([9., 9.], dtype=float32)

    Source: Keras, `keras.layers.Wrapper`.
    """

    role = "other"

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise mistyped(
                type(self).__name__, repr(layer), "a layer", "write Dense(4) for one"
            )
        self.layer = layer

    def build(self, input_shape: Shapes = None) -> None:
        """Makes the weights of the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)

    def call(self, inputs: Tree) -> Tree:
        """What the layer inside gives."""
        return self.layer(inputs)

    def get_config(self) -> Config:
        """The settings, with those of the layer inside."""
        return super().get_config() | {"layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> "Wrapper":
        """The reverse of `get_config`."""
        layer = config["layer"]
        if isinstance(layer, dict):
            with CustomObjectScope(custom_objects):
                layer = deserialize(layer)
        return cls(**config | {"layer": layer})
