"""onefit: train neural networks as one compiled program, with Keras' vocabulary."""

import importlib
from typing import TYPE_CHECKING, Any

from onefit.training.compiling import prepare as _prepare

_prepare()

from onefit import (  # noqa: E402
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
from onefit.errors import OnefitWarning  # noqa: E402
from onefit.layers import Input, Layer  # noqa: E402
from onefit.models import Model, Sequential  # noqa: E402
from onefit.variables import Variable  # noqa: E402

if TYPE_CHECKING:
    from onefit import (
        applications,
        callbacks,
        datasets,
        guide,
        interop,
        ops,
        plots,
        population,
        preprocessing,
        random,
        utils,
    )
    from onefit.guide.suggest import suggest
    from onefit.models.loading import load_model
    from onefit.tape import GradientTape

__version__ = "0.1.0"

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
    "callbacks",
    "config",
    "constraints",
    "data",
    "datasets",
    "guide",
    "initializers",
    "interop",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plots",
    "population",
    "preprocessing",
    "random",
    "regularizers",
    "suggest",
    "utils",
]

# What many programs never use is imported when it is first asked for (PEP 562).
_HOMES = {
    "GradientTape": "onefit.tape",
    "load_model": "onefit.models",
    "suggest": "onefit.guide.suggest",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name in __all__:
        return importlib.import_module(f"onefit.{name}")
    raise AttributeError(f"module 'onefit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
