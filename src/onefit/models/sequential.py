"""Sequential: a model of layers one after another."""

from onefit.models.model import Model
from onefit.networks.sequential import SequentialNetwork

__all__ = ["Sequential"]


class Sequential(SequentialNetwork, Model, face="Sequential"):
    """A model whose layers are called one after another.

    Args:
        layers: The layers, an `Input` first if the shape is known; more by `add`.
        name: The model's name.

    Raises:
        ValueError: Two layers of one name, an `Input` that is not first.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((6,)), Dense(9), Dense(4)])
        >>> model.count_params()
        103

    Source: lecture 000, "Train a neural network in TensorFlow"; lecture 004, 2.2.
    """
