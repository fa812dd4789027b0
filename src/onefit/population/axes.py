"""What may vary over a population: settings of the model, by a path.

A path names a setting: "learning_rate" or "optimizer.learning_rate", "dropout.rate" or
"layers.dropout.rate" (a layer's, by its name), "dense.kernel_regularizer.l2",
"loss.label_smoothing". A setting that is a number in the program (a leaf of the task,
at a key path) becomes an axis of one program; one that shapes the program (units, an
activation, the batch size) makes several programs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import jax
import numpy as np
from jax.tree_util import GetAttrKey, SequenceKey

from onefit import config, losses, optimizers
from onefit.description import Description, Field, fields
from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.layers.base import Layer
from onefit.models import Model, clone_model
from onefit.networks.graph import Graph
from onefit.training.task import Task

__all__ = [
    "Place",
    "find",
    "key_of",
    "keys",
    "members_of",
    "put",
    "rebuilt",
    "replaced_at",
    "varies_inside",
    "with_axes",
]

KeyPath: TypeAlias = tuple[Any, ...]
"""JAX's path of a leaf in a tree: the names of fields, the numbers of tuples."""

FIT = ("batch_size", "class_weight", "seed")
"""What varies with the call of fit rather than with the model."""

COMPILE = ("optimizer", "loss")
"""What compile was told, as a whole."""


class Place(NamedTuple):
    """Where a path leads.

    Attributes:
        path: The path.
        room: 'fit', 'compile', 'optimizer', 'loss' or 'layer'.
        layer: The layer's name.
        fields: The settings to go through, the last one being what varies.
        is_number: Whether it is a number in the program.
    """

    path: str
    room: str
    layer: str | None
    fields: tuple[str, ...]
    is_number: bool


def find(model: Model, path: str) -> Place:
    """The place of a path in a compiled model.

    Raises:
        ValueError: A setting that the model does not have, with the nearest.
    """
    if path in FIT:
        return Place(path, "fit", None, (path,), path == "seed")
    if path in COMPILE:
        return Place(path, "compile", None, (path,), False)
    first, *rest = path.split(".")
    if rest and first in ("optimizer", "layers"):  # the tree's own names
        first, *rest = rest
    layers = {str(layer.name): layer for layer in model.graph.plain_layers()}
    if rest and first in layers:
        owner, room, fields = layers[first], "layer", tuple(rest)
    elif rest and first == "loss" and isinstance(model.loss, Description):
        owner, room, fields = model.loss, "loss", tuple(rest)
    elif not rest and first in _settings(model.optimizer):
        owner, room, fields = model.optimizer, "optimizer", (first,)
    else:
        raise unknown("setting to vary", path, paths(model))
    for name in fields[:-1]:
        owner = getattr(owner, name, None)
        if not isinstance(owner, Description):
            raise unknown("setting to vary", path, paths(model))
    field = _settings(owner).get(fields[-1])
    if field is None:
        raise unknown("setting to vary", path, paths(model))
    numeric = field.number
    layer = first if room == "layer" else None
    return Place(path, room, layer, fields, numeric)


def _settings(owner: Any) -> dict[str, Field]:
    hidden = {"name", "own_dtype", "input_shape", "input_dim"}
    found = fields(owner) if owner is not None else ()
    return {f.name: f for f in found if f.name not in hidden}


def paths(model: Model) -> list[str]:
    """Every path that this model has."""

    def inside(owner: Any, start: str) -> list[str]:
        found = []
        for name in _settings(owner):
            value = getattr(owner, name)
            found.append(f"{start}{name}")
            if isinstance(value, Description) and not isinstance(value, Layer):
                found += inside(value, f"{start}{name}.")
        return found

    known = [*FIT, *COMPILE, *_settings(model.optimizer)]
    if isinstance(model.loss, Description):
        known += inside(model.loss, "loss.")
    for layer in model.graph.plain_layers():
        known += inside(layer, f"{layer.name}.")
    return known


def members_of(
    model: Model, vary: Mapping[str, Sequence[Any]] | None
) -> tuple[list[Place], list[dict[str, Any]]]:
    """The places that vary, and the settings of each member, checked.

    Raises:
        TypeError: A single value in place of a list.
        ValueError: Lists of different lengths, a value that the setting refuses.
    """
    vary = dict(vary or {})
    places = [find(model, path) for path in vary]
    for path, values in vary.items():
        if isinstance(values, str) or not hasattr(values, "__len__"):
            raise mistyped(
                f"vary[{path!r}]",
                repr(values),
                "a list of values, one for each member",
                f"write vary={{{path!r}: [{values!r}]}}",
            )
    lengths = {path: len(values) for path, values in vary.items()}
    if len(set(lengths.values())) > 1 or 0 in lengths.values():
        shown = ", ".join(f"{n} for {path!r}" for path, n in lengths.items())
        raise invalid(
            "vary",
            f"{shown} values",
            "as many values for each setting, at least one",
            "write vary=onefit.population.grid(...) for every combination",
        )
    count = next(iter(lengths.values()), 1)
    columns = {path: [_plain(v) for v in values] for path, values in vary.items()}
    members = [{path: v[i] for path, v in columns.items()} for i in range(count)]
    for place in places:
        for value in {key_of(v): v for v in columns[place.path]}.values():
            _try(model, place, value)
    return places, members


def key_of(value: Any) -> str:
    """What tells one value of a setting from another, arrays in full."""
    if isinstance(value, Description):
        try:
            config = value.get_config()
        except ValueError:  # what holds a function
            return f"{type(value).__name__} {id(value)}"
        return f"{type(value).__name__} {json.dumps(config, default=repr)}"
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.tobytes().hex()}"
    return repr(value)


def _plain(value: Any) -> Any:
    """A value as Python has it, out of an array."""
    return value.item() if isinstance(value, np.generic) else value


def _try(model: Model, place: Place, value: Any) -> None:
    """Lets the setting itself refuse a value."""
    try:
        if place.room in ("optimizer", "loss"):
            replaced(getattr(model, place.room), place.fields, value)
        elif place.room == "layer":
            layers = {str(layer.name): layer for layer in model.graph.plain_layers()}
            replaced(layers[str(place.layer)], place.fields, value)
        elif place.room == "compile":
            _got(place, value)
        elif place.path == "seed" and not is_whole(value):
            raise invalid("seed", repr(value), "a whole number, 0 or more")
    except (TypeError, ValueError) as error:
        raise type(error)(f"vary[{place.path!r}] > {error}") from None


def _got(place: Place, value: Any) -> Any:
    """An optimizer or a loss, as compile takes it."""
    return optimizers.get(value) if place.path == "optimizer" else losses.get(value)


def replaced(owner: Any, fields: tuple[str, ...], value: Any) -> Any:
    """A description with a setting, its own or one further inside, changed."""
    return put(owner, tuple(map(GetAttrKey, fields)), value)


def _layers(graph: Graph, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Layer]]:
    """Every plain layer of a graph, models inside it among them, with its key path."""
    for i, layer in enumerate(graph.layers):
        path = (*at, GetAttrKey("layers"), SequenceKey(i))
        if isinstance(layer, Graph):
            yield from _layers(layer, path)
        else:
            yield path, layer


def keys(tree: Task | Graph, place: Place) -> tuple[KeyPath, ...]:
    """Where a place is in a task, or a graph: JAX's key paths.

    There are several where layers of one name stand in several models, and where a loss
    is that of several outputs.
    """
    fields = tuple(map(GetAttrKey, place.fields))
    if isinstance(tree, Graph):
        owners = [at for at, layer in _layers(tree) if layer.name == place.layer]
    elif place.room == "layer":
        graph = (GetAttrKey("graph"),)
        owners = [
            (*graph, *at)
            for at, layer in _layers(tree.graph)
            if layer.name == place.layer
        ]
    elif place.room == "loss":
        heads, loss = GetAttrKey("heads"), GetAttrKey("loss")
        owners = [(heads, SequenceKey(i), loss) for i in range(len(tree.heads))]
    else:
        owners = [(GetAttrKey("optimizer"),)]
    return tuple((*owner, *fields) for owner in owners)


def put(tree: Any, path: KeyPath, value: Any) -> Any:
    """A description, or a tuple of them, with what is at a key path replaced.

    >>> from onefit.layers import Dropout
    >>> path = (SequenceKey(1), GetAttrKey("rate"))
    >>> [layer.rate for layer in put((Dropout(0.1), Dropout(0.2)), path, 0.5)]
    [0.1, 0.5]
    """
    if not path:
        return value
    key, *rest = path
    if isinstance(key, SequenceKey):
        new = put(tree[key.idx], tuple(rest), value)
        return (*tree[: key.idx], new, *tree[key.idx + 1 :])
    return tree.replace(**{key.name: put(getattr(tree, key.name), tuple(rest), value)})


def varies_inside(place: Place, values: Sequence[Any]) -> bool:
    """Whether a setting is a number in the program for every one of these values."""
    return place.is_number and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def with_axes(
    tree: Any, numbers: Sequence[tuple[Place, np.ndarray]]
) -> tuple[Any, tuple[tuple[KeyPath, ...], ...]]:
    """A task, or a graph, with every varying number switched on, and the key paths."""
    paths = tuple(keys(tree, place) for place, _ in numbers)
    for at, (_, values) in zip(paths, numbers, strict=True):
        for path in at:
            tree = put(tree, path, np.asarray(values[0], config.floatx()))
    return tree, paths


def replaced_at(tree: Any, paths: Sequence[Sequence[KeyPath]], values: Any) -> Any:
    """A task, or a graph, with each value at its key paths, as of `with_axes`."""
    new = {path: value for at, value in zip(paths, values, strict=True) for path in at}
    return jax.tree_util.tree_map_with_path(new.get, tree)


def rebuilt(model: Model, changes: list[tuple[Place, Any]]) -> Model:
    """The model with settings that shape it changed, fresh weights, compiled alike."""
    of_layers: dict[str, Any] = {}
    told = {"optimizer": model.optimizer, "loss": model.loss}
    # What compile was told as a whole comes before settings of it.
    for place, value in sorted(changes, key=lambda change: change[0].room != "compile"):
        if place.room == "layer":
            of_layers.setdefault(str(place.layer), []).append((place, value))
        elif place.room == "compile":
            told[place.path] = _got(place, value)
        elif place.room in ("optimizer", "loss"):
            told[place.room] = replaced(told[place.room], place.fields, value)

    def copy(layer: Layer) -> Layer:
        new = layer.replace()
        for place, value in of_layers.get(str(layer.name), ()):
            new = replaced(new, place.fields, value)
        return new

    clone = clone_model(model, clone_function=copy)
    if not clone.built:
        clone.build(model.graph.slot.input_shape)
    optimizer = told["optimizer"]
    if isinstance(optimizer, Description):
        optimizer = optimizer.replace()  # its state is not shared
    if model.compile_settings is not None:
        clone.compile(optimizer, told["loss"], **model.compile_settings)
    # What is not drawn anew (frozen layers, what `adapt` has learned) is as it was.
    pairs = zip(model.graph.plain_layers(), clone.graph.plain_layers(), strict=True)
    for old, new in pairs:
        if [w.shape for w in old.weights] == [w.shape for w in new.weights]:
            new.set_weights(old.get_weights())
            new.trainable = old.trainable
    return clone
