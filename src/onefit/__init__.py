"""onefit: train neural networks as one compiled program, with Keras' vocabulary."""

import importlib
from typing import TYPE_CHECKING, Any

from onefit.packages import quickly

with quickly():
    from onefit.training.compiling import prepare

    prepare()

    from onefit import (
        activations,
        config,
        constraints,
        data,
        initializers,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        regularizers,
    )
    from onefit.errors import OnefitWarning
    from onefit.layers import Input, Layer
    from onefit.models import Model, Sequential
    from onefit.variables import Variable

if TYPE_CHECKING:
    from onefit import (
        applications,
        backend,
        callbacks,
        datasets,
        distribution,
        dtype_policies,
        guide,
        interop,
        mixed_precision,
        ops,
        plots,
        population,
        preprocessing,
        random,
        saving,
        tables,
        tree,
        utils,
    )
    from onefit.guide.suggest import suggest
    from onefit.models.loading import load_model
    from onefit.tape import GradientTape

__version__ = "0.1.0"


def version() -> str:
    """The version of onefit, as `__version__`."""
    return __version__


__all__ = [
    "GradientTape",
    "Input",
    "Layer",
    "Model",
    "OnefitWarning",
    "Sequential",
    "Variable",
    "activations",
    "applications",
    "backend",
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "distribution",
    "dtype_policies",
    "guide",
    "initializers",
    "interop",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "plots",
    "population",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "suggest",
    "tables",
    "tree",
    "utils",
]

# What many programs never use is imported when it is first asked for (PEP 562).
_HOMES = {
    "DTypePolicy": "onefit.config",
    "FloatDTypePolicy": "onefit.dtype_policies",
    "Initializer": "onefit.initializers",
    "InputSpec": "onefit.layers",
    "Loss": "onefit.losses",
    "Metric": "onefit.metrics",
    "Optimizer": "onefit.optimizers",
    "Regularizer": "onefit.regularizers",
    "device": "onefit.backend",
    "name_scope": "onefit.backend",
    "GradientTape": "onefit.tape",
    "load_model": "onefit.models",
    "suggest": "onefit.guide.suggest",
}

# What is built on the whole library, and brings packages that not everyone has.
_ABOVE = ("lab", "scripts", "sklearn", "wrappers")


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "KerasTensor":  # what Input gives
        return importlib.import_module("onefit.layers.symbolic").Tensor
    if name in __all__ or name in _ABOVE:
        return importlib.import_module(f"onefit.{name}")
    raise importlib.import_module("onefit.spellings").absent("onefit", name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
