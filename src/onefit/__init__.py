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
        backend,
        callbacks,
        datasets,
        guide,
        interop,
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
    "saving",
    "suggest",
    "tables",
    "tree",
    "utils",
]

# What many programs never use is imported when it is first asked for (PEP 562).
_HOMES = {
    "DTypePolicy": "onefit.config",
    "Initializer": "onefit.initializers",
    "InputSpec": "onefit.layers",
    "Loss": "onefit.losses",
    "Metric": "onefit.metrics",
    "Optimizer": "onefit.optimizers",
    "Regularizer": "onefit.regularizers",
    "name_scope": "onefit.backend",
    "GradientTape": "onefit.tape",
    "load_model": "onefit.models",
    "suggest": "onefit.guide.suggest",
}


# Names of Keras that have no place here, with the reason.
_ABSENT = {
    "Function": "a graph of layers is a Model: write Model(inputs, outputs)",
    "Operation": "an operation of a graph is a Layer: write a class of that",
    "Quantizer": "weights are not quantised; export to ONNX and quantise the file",
    "RematScope": "memory is not traded for time; write smaller batches",
    "StatelessScope": "write layer.stateless_call(trainable, non_trainable, x)",
    "SymbolicScope": "write onefit.Input, which gives values of a graph",
    "device": "write `with jax.default_device(...)`",
    "distillation": "write a train_step of your own",
    "distribution": "give fit to jax.sharding; one machine is the usual",
    "dtype_policies": "write dtype='float32' for a layer",
    "export": "write onefit.interop.onnx.export(model, path)",
    "mixed_precision": "write dtype='bfloat16' for the layers that compute in it",
    "quantizers": "weights are not quantised; export to ONNX and quantise the file",
    "remat": "memory is not traded for time; write smaller batches",
    "visualization": "write onefit.plots",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    if name == "KerasTensor":  # what Input gives
        return importlib.import_module("onefit.layers.symbolic").Tensor
    if name in _ABSENT:
        raise AttributeError(f"onefit.{name}: {_ABSENT[name]}.")
    if name in __all__ or name == "wrappers":  # scikit-learn comes with it
        return importlib.import_module(f"onefit.{name}")
    raise AttributeError(f"module 'onefit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
