"""What names and configs of losses mean, and how a loss is written down."""

from typing import Any

from onefit.losses.base import Loss, losses
from onefit.losses.functions import LossFunctionWrapper
from onefit.types import Config, Function

__all__ = ["deserialize", "get", "serialize"]


def as_loss(identifier: object) -> Loss | None:
    """The loss that a name, a config, a class, a function or a loss means.

    >>> from onefit.losses import mean_squared_error
    >>> type(as_loss("mse")).__name__, type(as_loss(mean_squared_error)).__name__
    ('MeanSquaredError', 'MeanSquaredError')
    >>> as_loss(lambda y_true, y_pred: abs(y_true - y_pred)).name
    'lambda'
    """
    found = losses.get(getattr(identifier, "loss_class", identifier))
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found)


def get(identifier: object) -> Any:  # a Loss, a function or None
    """The loss, or the function, that an identifier means, as Keras tells them apart.

    The name of a class, its config and the class itself give a loss; "mse" and the like
    give the function, whose values are not reduced; a function stays itself.

    >>> get("mse")([[0.0, 0.0]], [[1.0, 3.0]])
    Array([5.], dtype=float32)
    >>> get("Huber")
    Huber()
    """
    name = identifier
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":
        name = identifier["config"]
    if isinstance(name, str) and losses.knows(name):
        found = losses.named(name)
        function = vars(found).get("function") if name != found.__name__ else None
        return function or as_loss(name) if isinstance(found, type) else found
    if callable(identifier) and not isinstance(identifier, type | Loss):
        return identifier
    return as_loss(identifier)


def serialize(loss: Loss | Function) -> Config:
    """A loss or a function as JSON can hold it: its name, and a loss's settings.

    >>> serialize(get("Poisson"))["class_name"], serialize(get("mse"))["config"]
    ('Poisson', 'mean_squared_error')
    """
    if not isinstance(loss, Loss):
        name = getattr(loss, "__name__", repr(loss))
        return {"class_name": "function", "config": name}
    return {"class_name": type(loss).__name__, "config": loss.get_config()}


deserialize = get
