"""onefit: train neural networks as one compiled program, with Keras' vocabulary."""

from onefit.training.compiling import prepare as _prepare

_prepare()

from onefit import (  # noqa: E402
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    plots,
    population,
    regularizers,
    utils,
)
from onefit.errors import OnefitWarning  # noqa: E402
from onefit.interop.keras.file import load_model  # noqa: E402
from onefit.layers import Input  # noqa: E402
from onefit.layers.base import Layer  # noqa: E402
from onefit.models import Model, Sequential  # noqa: E402

__version__ = "0.1.0"

__all__ = [
    "Input",
    "Layer",
    "Model",
    "OnefitWarning",
    "Sequential",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "plots",
    "population",
    "regularizers",
    "utils",
]
