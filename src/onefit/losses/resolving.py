"""What names and configs of losses mean, and how a loss is written down."""

from onefit.losses.base import Loss, losses
from onefit.losses.functions import LossFunctionWrapper
from onefit.types import Config

__all__ = ["deserialize", "get", "serialize"]


def get(identifier: object) -> Loss | None:
    """The loss that a name, a config, a class, a function or a loss means.

    >>> from onefit.losses import mean_squared_error
    >>> type(get("mse")).__name__, type(get(mean_squared_error)).__name__
    ('MeanSquaredError', 'MeanSquaredError')
    >>> get(lambda y_true, y_pred: abs(y_true - y_pred)).name
    'lambda'
    """
    found = losses.get(getattr(identifier, "loss_class", identifier))
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found)


def serialize(loss: Loss) -> Config:
    """A loss as JSON can hold it: its class's name and its settings.

    >>> serialize(get("poisson"))["class_name"]
    'Poisson'
    """
    return {"class_name": type(loss).__name__, "config": loss.get_config()}


deserialize = get
