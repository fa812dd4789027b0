"""Losses: what training makes small, by Keras' names.

A class (`MeanSquaredError()`) weighs and reduces to the cost J; its function form
(`mean_squared_error`) gives the loss of each example.
"""

from typing import Any

from onefit.losses.base import Loss, losses, reduce
from onefit.losses.functions import LossFunctionWrapper
from onefit.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from onefit.losses.overlap import Dice, Tversky, dice, tversky
from onefit.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from onefit.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from onefit.losses.sequence import CTC, ctc
from onefit.losses.similarity import Circle, circle

__all__ = [
    "CTC",
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "deserialize",
    "dice",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "log_cosh",
    "losses",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
    "reduce",
    "serialize",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]


def get(identifier: Any) -> Loss | None:
    """The loss that a name, a config, a class, a function or a loss means.

    >>> type(get("mse")).__name__, type(get(mean_squared_error)).__name__
    ('MeanSquaredError', 'MeanSquaredError')
    >>> get(lambda y_true, y_pred: abs(y_true - y_pred)).name
    'lambda'
    """
    found = losses.get(getattr(identifier, "loss_class", identifier))
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found)


def serialize(loss: Loss) -> dict[str, Any]:
    """A loss as JSON can hold it: its class's name and its settings.

    >>> serialize(Poisson())["class_name"]
    'Poisson'
    """
    return {"class_name": type(loss).__name__, "config": loss.get_config()}


deserialize = get
