"""What the pictures ask of a model: its answers, its layers' outputs, true classes."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit import activations
from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer, is_shape
from onefit.models.graph import Graph
from onefit.models.tasks import flat
from onefit.training import data as rows

__all__ = [
    "Answers",
    "Reading",
    "activation_of",
    "answers",
    "classes",
    "image_shape",
    "inputs",
    "loss_of",
    "readings",
    "spread_rows",
    "whole_classes",
]


class Reading(NamedTuple):
    """The output of one call of a layer.

    Attributes:
        name: The layer's name; of a layer in a model inside, with that model's.
        layer: The layer.
        value: What it gave, as a numpy array, the batch first.
    """

    name: str
    layer: Layer
    value: np.ndarray


class Answers(NamedTuple):
    """What a model answers, as a classifier means it.

    Attributes:
        values: Its outputs, (n, k): probabilities where it has any.
        link: 'sigmoid' or 'softmax' if they are probabilities, else None.
        threshold: Above which a lone output means class 1, None for a regression.
    """

    values: np.ndarray
    link: str | None
    threshold: float | None

    @property
    def is_classifier(self) -> bool:
        """Whether the answers are classes rather than numbers."""
        return self.threshold is not None or self.values.shape[1] > 1

    @property
    def classes(self) -> np.ndarray:
        """The class of each row, (n,)."""
        if self.values.shape[1] > 1:
            return self.values.argmax(axis=1)
        limit = 0.5 if self.threshold is None else self.threshold
        return (self.values[:, 0] > limit).astype(int)

    @property
    def count(self) -> int:
        """How many classes there are."""
        return max(2, self.values.shape[1])


def inputs(where: str, model: Any, x: Any) -> Any:
    """The rows of x as the graph of a model takes them; the model is built then."""
    if not hasattr(model, "graph"):
        raise mistyped(
            where,
            f"a {type(model).__name__} for the model",
            "a model",
            f"write {where}(model, ...)",
        )
    x = rows.as_batch(x, finite=False, inputs=model.input_names).x
    x = model._columns(x)
    model._ready_for(x)
    return x


def answers(where: str, model: Any, x: Any, threshold: float | None = None) -> Answers:
    """What a model with one output answers; logits become probabilities.

    A lone output is a class where its activation is a sigmoid, or its loss one for
    classes; else it is a number, unless a threshold is given.
    """
    x = inputs(where, model, x)
    y = model.predict(list(x) if isinstance(x, tuple) else x, verbose=0)
    if not isinstance(y, np.ndarray) or y.ndim != 2:
        shown = f"shape {y.shape}" if isinstance(y, np.ndarray) else f"{len(y)} arrays"
        raise invalid(
            where,
            f"a model whose output is {shown}",
            "one output of shape (rows, classes) or (rows, 1)",
            "make a model of that output: Model(model.input, model.outputs[0])",
        )
    loss = loss_of(model)
    link = activation_of(model.graph)
    if link is None and getattr(loss, "from_logits", False):
        link = loss.link
        y = np.asarray(activations.get(link)(y))
    if threshold is None and y.shape[1] == 1:
        hinge = getattr(loss, "compares", None) in ("hinge", "scores")
        threshold = 0.5 if link else 0.0 if hinge else None
    return Answers(y, link, threshold)


def loss_of(model: Any) -> Any:
    """The loss of a model with one output, or None."""
    losses = list(flat(getattr(model, "loss", None)))
    return losses[0] if len(losses) == 1 else None


def activation_of(graph: Any) -> str | None:
    """The last activation, if it makes probabilities: 'sigmoid' or 'softmax'."""
    last = graph.makers().get(jax.tree.leaves(graph.outputs)[0])
    layer: Any = last and graph.layers[last.layer]
    if isinstance(layer, Graph):
        return activation_of(layer)
    made = layer.ends_in if layer else None
    names = ("sigmoid", "softmax")
    return next((name for name in names if made is activations.get(name)), None)


# Layer by layer -----------------------------------------------------------------------


def readings(where: str, model: Any, x: Any, most: int | None = None) -> list[Reading]:
    """The output of every call in the graph, in order; of models inside, too.

    Of at most so many rows, spread over all.
    """
    x = inputs(where, model, x)
    x = x if most is None else spread_rows(x, most)
    slot = model.graph.slot
    values = _values(model.graph, slot.params, slot.state, x)
    return [
        Reading(name, layer, np.asarray(value))
        for (name, layer), value in zip(_places(model.graph), values, strict=True)
    ]


@jax.jit
def _values(graph: Graph, params: Any, state: Any, x: Any) -> list[Any]:
    return _within(graph, params, state, x, None)


def _within(graph: Graph, params: Any, state: Any, x: Any, mask: Any) -> list[Any]:
    """The outputs of all calls: the graph with every value as an output."""
    every = graph.inputs + sum(node.outputs for node in graph.nodes)
    key = jax.random.key(0) if graph.always_random else None
    open_graph = graph.replace(outputs=tuple(range(every)))
    outcome = open_graph.forward(params, state, x, training=False, key=key, mask=mask)
    masks = outcome.mask or (None,) * every
    found, number = [], graph.inputs
    for node in graph.nodes:
        inner = graph.layers[node.layer]
        if isinstance(inner, Graph):
            given, there = (
                jax.tree.map(values.__getitem__, node.sources)
                for values in (outcome.output, masks)
            )
            at = node.layer
            found += _within(inner, params[at], state[at], given, there)
        else:
            found += outcome.output[number : number + node.outputs]
        number += node.outputs
    return found


def _places(graph: Graph, prefix: str = "") -> list[tuple[str, Layer]]:
    """The names and layers of what `_within` finds, in the same order."""
    found = []
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        name = f"{prefix}{layer.name}"
        if isinstance(layer, Graph):
            found += _places(layer, f"{name} > ")
        else:
            found += [(name, layer)] * node.outputs
    return found


def spread_rows(x: Any, most: int) -> Any:
    """At most so many rows, evenly spread over all."""
    count = len(jax.tree.leaves(x)[0])
    kept = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
    return jax.tree.map(lambda a: a[kept], x)


# Classes ------------------------------------------------------------------------------


def classes(where: str, y: Any, count: int | None = None) -> np.ndarray:
    """The class of each row, (n,), from labels (n,) or (n, 1), or one-hot rows.

    Of two classes the labels may be -1 and 1.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        hot = np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all()
        if not hot:
            raise invalid(
                where,
                f"y of shape {labels.shape} with several classes in a row",
                "one class a row: its number, or a one-hot row",
                f"draw one label at a time: {where}(y[:, 0], predicted[:, 0])",
            )
        labels = labels.argmax(axis=1)
    if labels.ndim == 2:
        labels = labels[:, 0]
    labels = whole_classes(where, labels)
    if count == 2 and np.isin(labels, (-1, 1)).all():
        return (labels > 0).astype(int)
    if labels.size and (labels.min() < 0 or (count and labels.max() >= count)):
        worst = labels.min() if labels.min() < 0 else labels.max()
        raise invalid(
            where,
            f"the label {worst}",
            f"classes from 0 to {count - 1}" if count else "classes from 0",
            "number the classes from 0",
        )
    return labels


def whole_classes(where: str, labels: np.ndarray) -> np.ndarray:
    """Labels as whole numbers, one a row; refused if they are none."""
    numbers = labels.dtype.kind in "iufb"
    if labels.ndim != 1 or not numbers or (labels != np.round(labels)).any():
        received = f"labels of shape {labels.shape} and dtype {labels.dtype}"
        if labels.ndim == 1 and numbers:
            received = f"the label {labels[labels != np.round(labels)][0]:g}"
        raise invalid(
            where,
            received,
            "a whole number a row",
            "give the number of each row's class; of probabilities, p > 0.5",
        )
    return labels.astype(int)


# Images -------------------------------------------------------------------------------


def image_shape(
    where: str, features: tuple[int, ...], shape: Any = None
) -> tuple[int, int, int]:
    """(height, width, channels) of an example with these axes.

    Flat features are a square image unless a shape says otherwise.
    """
    given: Any = tuple(shape) if shape is not None else features
    if len(given) == 1 and math.isqrt(given[0]) ** 2 == given[0] > 3:
        given = (math.isqrt(given[0]),) * 2
    if not is_shape(given) or len(given) not in (2, 3):
        raise invalid(
            where,
            f"examples of shape {features}",
            "images: (height, width), or (height, width, channels)",
            "write shape=(8, 8), with the height and width of yours",
        )
    if math.prod(given) != math.prod(features):
        raise invalid(
            where,
            f"shape={given} for {math.prod(features)} numbers",
            f"a shape of {math.prod(features)} numbers",
            "write shape=(height, width) with that product",
        )
    height, width, *channels = given
    return height, width, channels[0] if channels else 1
