"""What the pictures ask of a model: its answers, its layers' outputs, true classes."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, cast

import jax
import numpy as np

from onefit import activations
from onefit.data import rows
from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer
from onefit.layers.tapping import Tap
from onefit.losses.base import Loss
from onefit.networks.graph import Graph, as_graph
from onefit.programs import Program
from onefit.training.compiled import Compiled, flat
from onefit.training.prepare import as_columns
from onefit.types import Array, ArrayLike, Data, Tree, is_shape

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


class Predicts(Protocol):
    """A model that predicts: `Compiled` models do, by a class of a room above."""

    def predict(self, x: Data, *, verbose: int) -> Tree:
        """The outputs for these rows."""
        ...


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
        threshold: Above which a single output means class 1, None for a regression.
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
    def class_count(self) -> int:
        """How many classes there are."""
        return max(2, self.values.shape[1])


def inputs(where: str, model: Compiled, x: Data) -> Tree:
    """The rows of x as the graph of a model takes them; the model is built then."""
    if not hasattr(model, "graph"):
        raise mistyped(
            where,
            f"a {type(model).__name__} for the model",
            "a model",
            f"write {where}(model, ...)",
        )
    x = model.numbers(x)
    x = rows.as_batch(x, finite=False, inputs=model.entry_names).x
    x = as_columns(model, x)
    model.ready_for(x)
    return x


def answers(
    where: str, model: Compiled, x: Data, threshold: float | None = None
) -> Answers:
    """What a model with one output answers; logits become probabilities.

    A single output is a class where its activation is a sigmoid, or its loss one for
    classes; else it is a number, unless a threshold is given.
    """
    x = inputs(where, model, x)
    asked = cast(Predicts, model)
    y = asked.predict(list(x) if isinstance(x, tuple) else x, verbose=0)
    if not isinstance(y, np.ndarray) or y.ndim != 2:
        shown = f"shape {y.shape}" if isinstance(y, np.ndarray) else f"{len(y)} arrays"
        raise invalid(
            where,
            f"a model whose output is {shown}",
            "one output of shape (rows, classes) or (rows, 1)",
            "make a model of that output: Model(model.input, model.outputs[0])",
        )
    loss = loss_of(model)
    link = activation_of(as_graph(model.graph, where))
    if link is None and loss is not None and getattr(loss, "from_logits", False):
        link = loss.link
        y = np.asarray(activations.get(link)(y))
    if threshold is None and y.shape[1] == 1:
        hinge = getattr(loss, "compares", None) in ("hinge", "scores")
        threshold = 0.5 if link else 0.0 if hinge else None
    return Answers(y, link, threshold)


def loss_of(model: object) -> Loss | None:
    """The loss of a model with one output, or None."""
    losses = list(flat(getattr(model, "loss", None)))
    return losses[0] if len(losses) == 1 else None


def activation_of(graph: Graph) -> str | None:
    """The last activation, if it makes probabilities: 'sigmoid' or 'softmax'."""
    last = graph.makers().get(jax.tree.leaves(graph.outputs)[0])
    layer: Any = last and graph.layers[last.layer]
    if isinstance(layer, Graph):
        return activation_of(layer)
    made = layer.ends_in if layer else None
    names = ("sigmoid", "softmax")
    return next((name for name in names if made is activations.get(name)), None)


# Layer by layer -----------------------------------------------------------------------


def readings(
    where: str, model: Compiled, x: Data, most: int | None = None
) -> list[Reading]:
    """The output of every call in the graph, in order; of models inside, too.

    Of at most `most` rows, spread over all.
    """
    x = inputs(where, model, x)
    x = x if most is None else spread_rows(x, most)
    slot = model.graph.slot
    graph = as_graph(model.graph, where)
    values = _values(graph, slot.params, slot.state, x)
    return [
        Reading(name, layer, np.asarray(value))
        for (name, layer), given in zip(_named(graph), values, strict=True)
        for value in given
    ]


@Program
def _values(graph: Graph, params: Tree, state: Tree, x: Tree) -> list[list[Array]]:
    """The outputs of each call, in order."""
    tap = Tap({"a"})
    key = jax.random.key(0) if graph.always_random else None
    graph.forward(params, state, x, training=False, key=key, tap=tap)
    return [jax.tree.leaves(tap.seen["a"][path]) for path, _ in graph.calls()]


def _named(graph: Graph, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The name and layer of each call in `Graph.calls`, in the same order."""
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        name = f"{prefix}{layer.name}"
        if isinstance(layer, Graph):
            yield from _named(layer, f"{name} > ")
        else:
            yield name, layer


def spread_rows(x: Tree, most: int) -> Tree:
    """At most `most` rows, evenly spread over all."""
    count = len(jax.tree.leaves(x)[0])
    kept = np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))
    return jax.tree.map(lambda a: a[kept], x)


# Classes ------------------------------------------------------------------------------


def classes(where: str, y: ArrayLike, count: int | None = None) -> np.ndarray:
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
    where: str, features: tuple[int, ...], shape: Sequence[int] | None = None
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
