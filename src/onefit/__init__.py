"""onefit: train neural networks as one compiled program, with Keras' vocabulary."""

import importlib
from typing import TYPE_CHECKING, Any

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
from onefit.layers import Input  # noqa: E402
from onefit.layers.base import Layer  # noqa: E402
from onefit.models import Model, Sequential, load_model  # noqa: E402

__version__ = "0.1.0"

if TYPE_CHECKING:
    from onefit import guide
    from onefit.guide.suggest import suggest


def __getattr__(name: str) -> Any:
    # The guide is imported when it is first asked.
    if name == "guide":
        return importlib.import_module("onefit.guide")
    if name == "suggest":
        return importlib.import_module("onefit.guide.suggest").suggest
    raise AttributeError(f"module 'onefit' has no attribute {name!r}")


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
    "guide",
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
    "suggest",
    "utils",
]
