"""What a metric's name in `compile` means for a model."""

from collections.abc import Callable
from typing import Any

from onefit import losses
from onefit.errors import invalid, unknown
from onefit.losses.resolving import as_loss
from onefit.metrics import accuracy, f_score, probabilistic, regression
from onefit.metrics.base import Metric, metrics
from onefit.metrics.reduction import MeanMetricWrapper
from onefit.registry import snake_case
from onefit.types import Config, Identifier, Shape

__all__ = ["deserialize", "get", "resolve", "serialize"]

_SHORT = {
    "acc": accuracy.Accuracy,
    "bce": probabilistic.BinaryCrossentropy,
    "kld": probabilistic.KLDivergence,
    "mae": regression.MeanAbsoluteError,
    "mape": regression.MeanAbsolutePercentageError,
    "mse": regression.MeanSquaredError,
    "msle": regression.MeanSquaredLogarithmicError,
    "rmse": regression.RootMeanSquaredError,
}
metrics.add(**_SHORT, **{name.upper(): found for name, found in _SHORT.items()})
metrics.add(
    f1_score=f_score.F1Score,
    fbeta_score=f_score.FBetaScore,
    r2_score=regression.R2Score,
)
metrics.add(logcosh=regression.LogCoshError)

_ACCURACIES: dict[str, Callable[..., Metric]] = {
    "binary": accuracy.BinaryAccuracy,
    "hinge": lambda name: accuracy.BinaryAccuracy(threshold=0.0, name=name),
    "sparse": accuracy.SparseCategoricalAccuracy,
    "categorical": accuracy.CategoricalAccuracy,
}

_CROSSENTROPIES: dict[str, Callable[..., Metric]] = {
    "binary": probabilistic.BinaryCrossentropy,
    "hinge": probabilistic.BinaryCrossentropy,
    "sparse": probabilistic.SparseCategoricalCrossentropy,
    "categorical": probabilistic.CategoricalCrossentropy,
}

_AUTOMATIC = {
    "accuracy": _ACCURACIES,
    "acc": _ACCURACIES,
    "crossentropy": _CROSSENTROPIES,
    "ce": _CROSSENTROPIES,
}


def get(identifier: object) -> Any:
    """The metric that a name, a config, a class or an object means.

    >>> get("AUC").name, get({"class_name": "Mean", "config": {"name": "m"}}).name
    ('auc', 'm')
    """
    return metrics.get(identifier)


def serialize(metric: Metric) -> Config:
    """A metric as JSON can hold it; `deserialize` makes it again."""
    return {"class_name": type(metric).__name__, "config": metric.get_config()}


def deserialize(config: Config) -> Metric:
    """The metric that `serialize` wrote down."""
    return get(config)


def _task(loss: Identifier, output_shape: Shape, target_shape: Shape) -> str:
    """The kind of answer that a model gives: by its loss, else by the shapes."""
    if isinstance(loss, str) and loss.lower() in _AUTOMATIC:
        loss = None
    loss = as_loss(loss)
    if getattr(loss, "compares", None) == "hinge":
        return "hinge"
    if getattr(loss, "link", None) == "sigmoid" or output_shape[-1] == 1:
        return "binary"
    fewer = len(target_shape) < len(output_shape) or target_shape[-1] == 1
    sparse = fewer or getattr(loss, "compares", None) == "sparse"
    return "sparse" if sparse else "categorical"


def _named(identifier: str) -> Metric:
    if metrics.knows(identifier) and isinstance(found := get(identifier), Metric):
        return found.replace(name=identifier)
    if losses.losses.knows(identifier):
        return MeanMetricWrapper(identifier, name=identifier)
    names = (*metrics.names(), *losses.losses.names(), *_AUTOMATIC)
    raise unknown("metric", identifier, names)


def _wrap(fn: Identifier) -> Metric:
    inner = getattr(fn, "func", fn)  # what a functools.partial binds
    named = snake_case(getattr(inner, "__name__", "metric")).strip("<>")
    return MeanMetricWrapper(fn, name=getattr(fn, "name", None) or named)


def _made(
    identifier: object, loss: Identifier, output_shape: Shape, target_shape: Shape
) -> Metric | None:
    if isinstance(identifier, str):
        if choice := _AUTOMATIC.get(identifier.lower()):
            return choice[_task(loss, output_shape, target_shape)](name=identifier)
        return _named(identifier)
    named = isinstance(identifier, dict) and identifier.get("class_name")
    if named and not metrics.knows(named):
        return _wrap(as_loss(identifier))
    found = get(identifier)
    return _wrap(found) if callable(found) and not isinstance(found, Metric) else found


def resolve(
    identifier: object, *, loss: Identifier, output_shape: Shape, target_shape: Shape
) -> Metric:
    """The metric that something in `compile(metrics=[...])` means for a model.

    * "accuracy" ("acc") and "crossentropy" ("ce") are the ones that fit the model:
      binary for one output or a binary loss (also of many outputs), sparse for integer
      targets, else categorical. With a hinge loss the accuracy's threshold is 0.
    * Any other name is that of a metric, or of a loss, which is averaged.
    * A loss or a function f(y_true, y_pred) is averaged.

    The metric is called what the user wrote: "mse" stays the key "mse" in logs. It
    knows the number of outputs, so that its `init` serves a scan.

    Args:
        identifier: A name, a config, a metric, a loss or a function.
        loss: The model's loss, by name or as an object.
        output_shape: The shape of y_pred, with the batch.
        target_shape: The shape of y_true, with the batch.

    Raises:
        ValueError: An unknown name, with the nearest ones.

    Differs from Keras, which looks at the shapes alone: many sigmoids under a binary
    loss are not one class among many.

    Example:
        >>> shapes = {"output_shape": (None, 10), "target_shape": (None,)}
        >>> resolve("accuracy", loss=None, **shapes)
        SparseCategoricalAccuracy(name='accuracy')
    """
    metric = _made(identifier, loss, output_shape, target_shape)
    if metric is None:
        raise invalid(
            "metrics",
            "None",
            "a name, a metric, a loss or a function f(y_true, y_pred)",
        )
    return metric.sized(output_shape)
