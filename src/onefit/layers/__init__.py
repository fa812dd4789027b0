"""Layers: descriptions with pure functions, by Keras' names."""

from onefit.layers.activation import (
    ELU,
    Activation,
    LeakyReLU,
    PReLU,
    ReLU,
    Softmax,
)
from onefit.layers.base import Layer
from onefit.layers.core import Identity, Input, InputLayer, Lambda
from onefit.layers.dense import Dense
from onefit.layers.dropout import (
    ActivityRegularization,
    AlphaDropout,
    Dropout,
    GaussianDropout,
    GaussianNoise,
)
from onefit.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
    UnitNormalization,
)
from onefit.layers.operation import Absolute, Arithmetic, GetItem
from onefit.layers.preprocessing import Normalization, Rescaling
from onefit.layers.reshaping import Flatten, Permute, RepeatVector, Reshape

__all__ = [
    "ELU",
    "Absolute",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "Arithmetic",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "GetItem",
    "GroupNormalization",
    "Identity",
    "Input",
    "InputLayer",
    "Lambda",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "Permute",
    "RMSNormalization",
    "ReLU",
    "RepeatVector",
    "Rescaling",
    "Reshape",
    "Softmax",
    "UnitNormalization",
]
