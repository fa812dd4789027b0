"""What models, metrics and optimizers had in Keras 2, and have while a script runs."""

from typing import Any

from onefit.metrics import Metric
from onefit.models import Model
from onefit.optimizers import Optimizer

__all__ = ["FACES"]


class _CompiledLoss:
    """The loss that compile was told, as a step of one's own calls it."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        sample_weight: Any = None,
        regularization_losses: Any = None,
    ) -> Any:
        """The loss, with the penalties of the layers; it is written down as "loss"."""
        del regularization_losses  # they are the model's own
        given = {"y": y_true, "y_pred": y_pred, "sample_weight": sample_weight}
        loss = self._model.compute_loss(**given)
        for metric in self._model.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
        return loss


class _CompiledMetrics:
    """The metrics that compile was told."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch to all of them."""
        for metric in self._model.metrics:
            if metric.name != "loss":
                metric.update_state(y_true, y_pred, sample_weight)


def _rate(self: Any) -> Any:
    """The learning rate."""
    return self.learning_rate


def _set_rate(self: Any, value: Any) -> None:
    self.learning_rate = value


FACES: dict[type, dict[str, Any]] = {
    Model: {
        "compiled_loss": property(_CompiledLoss),
        "compiled_metrics": property(_CompiledMetrics),
    },
    Metric: {"reset_states": Metric.reset_state},
    Optimizer: {"lr": property(_rate, _set_rate)},
}
