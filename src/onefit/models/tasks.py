"""From what `compile` was told, and the shapes of the data, to a task."""

import functools
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from onefit import metrics
from onefit.errors import invalid, unknown
from onefit.layers.base import batch_shape, is_shape
from onefit.training.task import Batch, Head, Task, head

__all__ = ["build_task", "check_metric", "each", "flat", "is_many"]


def build_task(model: Any, batch: Batch) -> Task:
    """The network of a model with the losses and metrics of each output."""
    if model._compiled is None:
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
    weights = _spread(model._compiled["loss_weights"], names, "loss_weights", 1.0)
    plain = _lists(model._compiled["metrics"], names, "metrics")
    weighted = _lists(model._compiled["weighted_metrics"], names, "weighted_metrics")
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


def is_many(value: Any) -> bool:
    """Whether this is a list of things, or nothing, rather than one thing."""
    return value is None or isinstance(value, tuple | list)


def flat(value: Any) -> Iterable[Any]:
    """All things in a nest of lists and dicts."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [m for v in value.values() for m in flat(v)]
    return [m for v in value for m in flat(v)] if is_many(value) else [value]


def each(value: Any, convert: Any) -> Any:
    """What one thing, or each of several, converts to."""
    if isinstance(value, dict) and "class_name" not in value:
        return {k: convert(v) for k, v in value.items()}
    return (
        [convert(v) for v in value]
        if isinstance(value, list | tuple)
        else convert(value)
    )


def check_metric(identifier: Any) -> None:
    """Refuses an unknown name at compile time; what it means is found out in fit."""
    metrics.resolve(
        identifier, loss=None, output_shape=(None, 1), target_shape=(None, 1)
    )


def _spread(value: Any, names: list[str], what: str, default: Any = None) -> list[Any]:
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


def _lists(value: Any, names: list[str], what: str) -> list[list[Any]]:
    """The metrics of each output."""
    if isinstance(value, dict):
        return [list(flat(v)) for v in _spread(value, names, what)]
    if len(names) == 1:
        return [list(flat(value))]
    nested = isinstance(value, list | tuple) and len(value) == len(names)
    if nested and any(is_many(v) for v in value):
        return [list(flat(v)) for v in value]
    return [list(flat(value)) for _ in names]
