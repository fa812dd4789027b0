"""The metrics that `compile` named, as the one entry of `model.metrics`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from onefit.metrics.base import Metric
from onefit.slots import holding
from onefit.types import Array, Tree
from onefit.variables import Variable

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled

__all__ = ["CompileMetrics", "each_metric"]


class CompileMetrics:
    """The metrics that `compile` named, as one: for train steps of one's own.

    Args:
        model: The model that was compiled.

    Example:
        >>> model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=[onefit.metrics.MeanAbsoluteError()])
        >>> model.metrics_names
        ['loss', 'compile_metrics']
        >>> model.metrics[1].update_state(np.ones((3, 1)), np.zeros((3, 1)))
        >>> {name: float(value) for name, value in model.metrics[1].result().items()}
        {'mean_absolute_error': 1.0}

    Source: Keras, the entry of this name in `model.metrics`.
    """

    name = "compile_metrics"

    def __init__(self, model: "Compiled") -> None:
        self._model = model

    @property
    def metrics(self) -> list[Metric]:
        """The metrics: those made of names follow once the shapes of rows are known."""
        return self._model.named_metrics()

    @property
    def variables(self) -> list[Variable]:
        """The variables of all of them."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def update_state(
        self, y_true: Tree, y_pred: Tree, sample_weight: Tree = None
    ) -> None:
        """Takes a batch into each."""
        self._model.take_in(y_true, y_pred, sample_weight)

    def result(self) -> dict[str, Array]:
        """The number of each, by name."""
        return {self._model._name_of(m): m.result() for m in self.metrics}

    def reset_state(self) -> None:
        """Lets each forget what it has seen."""
        for metric in self.metrics:
            metric.reset_state()

    def stateless_update_state(
        self, metric_variables: Sequence[Array], *batch: Tree, **named: Tree
    ) -> list[Array]:
        """The variables' values after a batch, from these before it. Pure."""
        with self._holding(metric_variables):
            self.update_state(*batch, **named)
            return [variable.value for variable in self.variables]

    def stateless_result(self, metric_variables: Sequence[Array]) -> dict[str, Array]:
        """The numbers for these values of the variables. Pure."""
        with self._holding(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Array]:
        """The variables' values before any batch. Pure."""
        return [v for metric in self.metrics for v in metric.stateless_reset_state()]

    def _holding(self, values: Sequence[Array]) -> AbstractContextManager[object]:
        """Inside, the metrics have these values."""
        rest, pairs = iter(values), []
        for metric in self.metrics:
            pairs += metric.pairs({name: next(rest) for name in metric.state})
        return holding(pairs)


def each_metric(metrics: list[Any]) -> list[Metric]:
    """The metrics of a list, those of `CompileMetrics` one by one."""
    return [
        one
        for metric in metrics
        for one in (metric.metrics if isinstance(metric, CompileMetrics) else [metric])
    ]
