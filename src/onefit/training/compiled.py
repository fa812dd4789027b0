"""From what `compile` is given, and the shapes of the data, to a task."""

import contextlib
import copy
import functools
import weakref
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

import jax
import numpy as np

from onefit import losses, metrics, optimizers
from onefit.data.batch import Batch
from onefit.errors import invalid, unknown
from onefit.metrics.base import Metric
from onefit.networks.network import Network
from onefit.optimizers import Optimizer
from onefit.spellings import keras_keywords
from onefit.training.task import Head, Task, head
from onefit.types import Identifier, Tree, batch_shape, is_shape
from onefit.variables import Variable

__all__ = ["Compiled", "build_task", "check_metric", "each", "flat", "is_many"]

T = TypeVar("T")

Identifiers: TypeAlias = Identifier | list[Identifier] | dict[str, Identifier] | None
"""One for all outputs; or one for each, in a list or by the outputs' names."""


class Compiled(Network):
    """A network with what `compile` said: a loss, an optimizer, what to report.

    Attributes:
        optimizer, loss: What `compile` was given, as objects.
        compile_settings: What else `compile` was given, None before.
        history: The History of the last fit.
        stop_training: A callback sets it to end the fit.
        watched: Whether the guide looks at fits.
        checked: Whether it has looked at the design already.
    """

    def _start(self) -> None:
        super()._start()
        self.optimizer: Optimizer | None = None
        self.loss: Any = None
        self.history: Any = None
        self.stop_training = False
        self.run_eagerly = False
        self.watched, self.checked = True, False
        self.compile_settings: dict[str, Any] | None = None

    @property
    def optimizer_state(self) -> dict[str, Tree] | None:
        """The optimizer's own state; set to None, the optimizer begins anew."""
        return None if self.optimizer is None else self.optimizer.state

    @optimizer_state.setter
    def optimizer_state(self, state: dict[str, Tree] | None) -> None:
        if self.optimizer is not None:
            self.optimizer.forget()
            self.optimizer.remember(state)

    def _forget_training(self) -> None:
        self.optimizer_state = None

    @keras_keywords
    def compile(
        self,
        optimizer: Identifier = "rmsprop",
        loss: Identifiers = None,
        loss_weights: list[float] | dict[str, float] | float | None = None,
        metrics: Identifiers = None,
        weighted_metrics: Identifiers = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        check: bool = True,
    ) -> None:
        """Says what to minimise, how, and what to report.

        Args:
            optimizer: A name or an optimizer.
            loss: A name, a loss, or a function f(y_true, y_pred); a list or a dict by
                output's name for several outputs.
            loss_weights: A factor for each output's loss.
            metrics: Names, metrics or functions, without sample weights.
            weighted_metrics: The same, with sample weights.
            run_eagerly: Run operation by operation, to look inside with a debugger.
            steps_per_execution, jit_compile: Accepted for Keras' scripts; a whole fit
                is one compiled program as it is.
            check: Whether `fit` warns of what keeps a network from learning: before
                the first epoch (`Model.check`) and while it trains
                (`History.diagnose`). It costs less than 3 % of a fit.

        Raises:
            ValueError: An unknown name, with the nearest ones.
        """
        del steps_per_execution, jit_compile
        if optimizer is None:
            raise invalid(
                "compile",
                "optimizer=None",
                "a name or an optimizer",
                "write optimizer='adam'",
            )
        rule, costs = optimizers.get(optimizer), each(loss, losses.get)
        for one in flat(list(costs.values()) if isinstance(costs, dict) else costs):
            if one is not None and one.reduction == "none":
                raise invalid(
                    "compile",
                    f"{one.name} with reduction='none'",
                    "a loss that is one number",
                    "leave the reduction out; each row's loss is loss.values(y, p)",
                )
        for identifier in [*flat(metrics), *flat(weighted_metrics)]:
            check_metric(identifier)
        # From here on nothing is refused: a model stays as it was until then.
        self.optimizer, self.loss = _owned(rule, self), costs
        self.optimizer_state = None
        self.run_eagerly = run_eagerly
        self.watched, self.checked = check, False
        self.compile_settings = {
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }

    @property
    def optimizer_variables(self) -> list[Variable]:
        """What the optimizer remembers, once `compile` has named one."""
        return [] if self.optimizer is None else self.optimizer.variables

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that `compile` was given as objects."""
        given = self.compile_settings or {}
        named = [*flat(given.get("metrics")), *flat(given.get("weighted_metrics"))]
        return [metric for metric in named if isinstance(metric, Metric)]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of those metrics."""
        return [v for metric in self.metrics for v in metric.variables]

    def task(self, batch: Batch) -> Task:
        """What is trained, for rows of these shapes."""
        return build_task(self, batch)

    def eagerly(self) -> contextlib.AbstractContextManager[object]:
        """Operation by operation, where `run_eagerly` asks for it."""
        return jax.disable_jit() if self.run_eagerly else contextlib.nullcontext()


_OWNERS: weakref.WeakKeyDictionary[Optimizer, weakref.ref[Compiled]] = (
    weakref.WeakKeyDictionary()
)


def _owned(optimizer: Optimizer, model: Compiled) -> Optimizer:
    """An optimizer for this model alone; one that had it goes on with a copy."""
    owner = _OWNERS.get(optimizer, lambda: None)()
    if owner is not None and owner is not model and owner.optimizer is optimizer:
        owner.optimizer = copy.copy(optimizer)
    _OWNERS[optimizer] = weakref.ref(model)
    return optimizer


def build_task(model: Compiled, batch: Batch) -> Task:
    """The network of a model with the losses and metrics of each output."""
    if model.compile_settings is None:
        raise invalid(
            model.name,
            "a call of fit or evaluate before compile",
            "a loss and an optimizer first",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    names = model.output_names
    shapes = model.graph.output_shape(batch_shape(batch.x))
    outputs = jax.tree.leaves(shapes, is_leaf=is_shape)
    targets = batch.y if isinstance(batch.y, tuple) else (batch.y,) * len(names)
    losses_ = _spread(model.loss, names, "loss")
    weights = _spread(
        model.compile_settings["loss_weights"], names, "loss_weights", 1.0
    )
    plain = _lists(model.compile_settings["metrics"], names, "metrics")
    weighted = _lists(
        model.compile_settings["weighted_metrics"], names, "weighted_metrics"
    )
    graph, heads = model.graph, []
    for i, name in enumerate(names):
        graph, loss, link = head(graph, losses_[i], i)
        resolve = functools.partial(
            metrics.resolve,
            loss=losses_[i],
            output_shape=outputs[i],
            target_shape=np.shape(targets[i]),
        )
        heads.append(
            Head(
                loss=loss,
                metrics=tuple(resolve(m) for m in plain[i]),
                weighted_metrics=tuple(resolve(m) for m in weighted[i]),
                link=link,
                weight=float(1.0 if weights[i] is None else weights[i]),
                name=name,
            )
        )
    if not any(head_.loss for head_ in heads):
        raise invalid(
            model.name,
            "a compile without a loss",
            "something to minimise",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    return Task(graph=graph, heads=tuple(heads), optimizer=model.optimizer)


def is_many(value: object) -> bool:
    """Whether this is a list or None, rather than one thing."""
    return value is None or isinstance(value, tuple | list)


def flat(value: Identifiers) -> Iterable[Identifier]:
    """All things in a nest of lists and dicts."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [m for v in value.values() for m in flat(v)]
    return [m for v in value for m in flat(v)] if is_many(value) else [value]


def each(
    value: Identifiers, convert: Callable[[Identifier], T]
) -> T | list[T] | dict[str, T]:
    """What one thing, or each of several, converts to."""
    if isinstance(value, dict) and "class_name" not in value:
        return {k: convert(v) for k, v in value.items()}
    return (
        [convert(v) for v in value]
        if isinstance(value, list | tuple)
        else convert(value)
    )


def check_metric(identifier: Identifier) -> None:
    """Refuses an unknown name at compile time; what it means depends on fit's rows."""
    metrics.resolve(
        identifier, loss=None, output_shape=(None, 1), target_shape=(None, 1)
    )


def _spread(
    value: Identifiers, names: list[str], what: str, default: float | None = None
) -> list[Identifier]:
    """One value for each output, from one for all, a list, or a dict by name."""
    if isinstance(value, dict):
        for name in value:
            if name not in names:
                raise unknown(f"output in {what}", name, names)
        return [value.get(name, default) for name in names]
    if isinstance(value, list | tuple):
        if len(value) != len(names):
            raise invalid(what, f"{len(value)} values", f"{len(names)}")
        return list(value)
    return [default if value is None else value] * len(names)


def _lists(value: Identifiers, names: list[str], what: str) -> list[list[Identifier]]:
    """The metrics of each output."""
    if isinstance(value, dict):
        return [list(flat(v)) for v in _spread(value, names, what)]
    if len(names) == 1:
        return [list(flat(value))]
    listed = value if isinstance(value, list | tuple) else []
    if len(listed) == len(names) and any(map(is_many, listed)):
        return [list(flat(v)) for v in listed]
    return [list(flat(value)) for _ in names]
