"""What Keras has beside onefit's own names: merges as functions, pictures of models."""

from typing import Any

import numpy as np

from onefit import layers, plots
from onefit.scripts.names import KERAS_VERSION

__all__ = [
    "Input",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "plot_model",
    "subtract",
    "version",
]


def version() -> str:
    """The version of Keras whose names these are."""
    return KERAS_VERSION


def Input(shape: Any = None, *args: Any, **kwargs: Any) -> Any:
    """The place where data go in: `onefit.Input`; one size alone is a shape too."""
    if isinstance(shape, int | np.integer):
        shape = (int(shape),)
    return layers.Input(shape, *args, **kwargs)


def add(inputs: Any, **kwargs: Any) -> Any:
    """The sum of several: `layers.Add()(inputs)`."""
    return layers.Add(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """The mean of several: `layers.Average()(inputs)`."""
    return layers.Average(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Several one after another: `layers.Concatenate(axis)(inputs)`."""
    return layers.Concatenate(axis, **kwargs)(inputs)


def dot(inputs: Any, axes: Any = -1, **kwargs: Any) -> Any:
    """The products of two: `layers.Dot(axes)(inputs)`."""
    return layers.Dot(axes, **kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """The greatest of several: `layers.Maximum()(inputs)`."""
    return layers.Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """The smallest of several: `layers.Minimum()(inputs)`."""
    return layers.Minimum(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """The product of several: `layers.Multiply()(inputs)`."""
    return layers.Multiply(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """The first less the second: `layers.Subtract()(inputs)`."""
    return layers.Subtract(**kwargs)(inputs)


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """A picture of a model, written to a file; see `onefit.plots.plot_model`.

    Args:
        model: The model.
        to_file: The file, "model.png" unless given.
        splines: Does nothing: arrows are straight.
    """
    return plots.plot_model(
        model,
        to_file,
        show_shapes,
        show_dtype,
        show_layer_names,
        rankdir,
        expand_nested,
        dpi,
        show_layer_activations,
        show_trainable,
    )
