"""What may vary over a population: settings of the model, by a path.

A path names a setting: "learning_rate" or "optimizer.learning_rate", "dropout.rate" or
"layers.dropout.rate" (a layer's, by its name), "dense.kernel_regularizer.l2",
"loss.label_smoothing". A setting that is a number in the program (a leaf of the task,
at a key path) becomes an axis of one program; one that shapes the program (units, an
activation, the batch size) makes several programs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import numpy as np
from jax.tree_util import GetAttrKey, SequenceKey

from onefit import config, optimizers
from onefit.description import Description, Field, fields
from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.layers.base import Layer
from onefit.losses.resolving import as_loss
from onefit.models import Model, clone_model
from onefit.networks.architecture import Architecture
from onefit.networks.graph import Graph
from onefit.training.task import Task
from onefit.types import Array, Identifier, Tree

__all__ = [
    "Change",
    "Place",
    "Settings",
    "Vary",
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

Vary: TypeAlias = Mapping[str, Sequence[object]]
"""What varies: settings by their paths, each with a value for every member."""

Settings: TypeAlias = dict[str, Any]
"""The settings of one member, by their paths."""

FIT = ("batch_size", "class_weight", "seed")
"""What varies with the call of fit rather than with the model."""

COMPILE = ("optimizer", "loss")
"""The arguments of compile that vary as a whole."""


class Place(NamedTuple):
    """Where a path leads.

    Attributes:
        path: The path.
        part: 'fit', 'compile', 'optimizer', 'loss' or 'layer'.
        layer: The layer's name.
        fields: The settings to go through, the last one being what varies.
        is_number: Whether it is a number in the program.
    """

    path: str
    part: str
    layer: str | None
    fields: tuple[str, ...]
    is_number: bool


Change: TypeAlias = tuple[Place, object]
"""A setting and its new value."""

T = TypeVar("T", bound=Task | Architecture)
D = TypeVar("D", bound=Description)


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
    layers = {str(layer.name): layer for layer in model.whole.plain_layers()}
    if rest and first in layers:
        owner, part, fields = layers[first], "layer", tuple(rest)
    elif rest and first == "loss" and isinstance(model.loss, Description):
        owner, part, fields = model.loss, "loss", tuple(rest)
    elif model.optimizer is not None and first in _settings(model.optimizer):
        owner, part, fields = model.optimizer, "optimizer", (first, *rest)
    else:
        raise unknown("setting to vary", path, paths(model))
    for name in fields[:-1]:
        owner = _setting(owner, name)
        if not isinstance(owner, Description):
            raise unknown("setting to vary", path, paths(model))
    field = _settings(owner).get(fields[-1])
    if field is None:
        raise unknown("setting to vary", path, paths(model))
    numeric = field.number
    layer = first if part == "layer" else None
    return Place(path, part, layer, fields, numeric)


def _setting(owner: Description, name: str) -> Any:
    """A setting as it was given: of an optimizer the schedule, not the rate now."""
    return vars(owner).get(name, getattr(owner, name, None))


def _settings(owner: Description) -> dict[str, Field]:
    hidden = {"name", "own_dtype", "input_shape", "input_dim", "batch_input_shape"}
    return {f.name: f for f in fields(owner) if f.name not in hidden}


def paths(model: Model) -> list[str]:
    """Every path that this model has."""

    def inside(owner: Description, start: str) -> list[str]:
        paths = []
        for name in _settings(owner):
            value = _setting(owner, name)
            paths.append(f"{start}{name}")
            if isinstance(value, Description) and not isinstance(value, Layer):
                paths += inside(value, f"{start}{name}.")
        return paths

    known = [*FIT, *COMPILE]
    if model.optimizer is not None:
        known += inside(model.optimizer, "")
    if isinstance(model.loss, Description):
        known += inside(model.loss, "loss.")
    for layer in model.whole.plain_layers():
        known += inside(layer, f"{layer.name}.")
    return known


def members_of(model: Model, vary: Vary | None) -> tuple[list[Place], list[Settings]]:
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


def key_of(value: object) -> str:
    """A text that differs between two values of a setting; arrays are in it in full."""
    if isinstance(value, Description):
        try:
            config = value.get_config()
        except ValueError:  # what holds a function
            return f"{type(value).__name__} {id(value)}"
        return f"{type(value).__name__} {json.dumps(config, default=repr)}"
    if isinstance(value, np.ndarray):
        return f"{value.shape} {value.tobytes().hex()}"
    return repr(value)


def _plain(value: object) -> object:
    """A value as Python has it, out of an array."""
    return value.item() if isinstance(value, np.generic) else value


def _try(model: Model, place: Place, value: object) -> None:
    """Lets the setting itself refuse a value."""
    try:
        if place.part in ("optimizer", "loss"):
            replaced(getattr(model, place.part), place.fields, value)
        elif place.part == "layer":
            layers = {str(layer.name): layer for layer in model.whole.plain_layers()}
            replaced(layers[str(place.layer)], place.fields, value)
        elif place.part == "compile":
            _got(place, value)
        elif place.path == "seed" and not is_whole(value):
            raise invalid("seed", repr(value), "a whole number, 0 or more")
    except (TypeError, ValueError) as error:
        raise type(error)(f"vary[{place.path!r}] > {error}") from None


def _got(place: Place, value: Identifier) -> Description | None:
    """An optimizer or a loss, as compile takes it."""
    return optimizers.get(value) if place.path == "optimizer" else as_loss(value)


def replaced(owner: D, fields: tuple[str, ...], value: object) -> D:
    """A description with a setting, its own or one further inside, changed."""
    return put(owner, tuple(map(GetAttrKey, fields)), value)


def _layers(graph: Architecture, at: KeyPath = ()) -> Iterator[tuple[KeyPath, Layer]]:
    """Every plain layer of a graph, models inside it among them, with its key path."""
    for i, layer in enumerate(graph.layers):
        path = (*at, GetAttrKey("layers"), SequenceKey(i))
        if isinstance(layer, Graph):
            yield from _layers(layer, path)
        else:
            yield path, layer


def keys(tree: Task | Architecture, place: Place) -> tuple[KeyPath, ...]:
    """Where a place is in a task, or a graph: JAX's key paths.

    There are several where layers of one name stand in several models, and where a loss
    is that of several outputs.
    """
    fields = tuple(map(GetAttrKey, place.fields))
    if isinstance(tree, Architecture):
        owners = [at for at, layer in _layers(tree) if layer.name == place.layer]
    elif place.part == "layer":
        graph = (GetAttrKey("graph"),)
        owners = [
            (*graph, *at)
            for at, layer in _layers(tree.graph)
            if layer.name == place.layer
        ]
    elif place.part == "loss":
        heads, loss = GetAttrKey("heads"), GetAttrKey("loss")
        owners = [(heads, SequenceKey(i), loss) for i in range(len(tree.heads))]
    else:
        owners = [(GetAttrKey("optimizer"),)]
    return tuple((*owner, *fields) for owner in owners)


def put(tree: Tree, path: KeyPath, value: object) -> Tree:
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
    return tree.replace(**{key.name: put(_setting(tree, key.name), tuple(rest), value)})


def varies_inside(place: Place, values: Sequence[object]) -> bool:
    """Whether a setting is a number in the program for every one of these values."""
    return place.is_number and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in values
    )


def with_axes(
    tree: T, numbers: Sequence[tuple[Place, np.ndarray]]
) -> tuple[T, tuple[tuple[KeyPath, ...], ...]]:
    """A task, or a graph, with every varying number switched on, and the key paths."""
    paths = tuple(keys(tree, place) for place, _ in numbers)
    for at, (_, values) in zip(paths, numbers, strict=True):
        for path in at:
            tree = put(tree, path, np.asarray(values[0], config.floatx()))
    return tree, paths


def replaced_at(
    tree: T, paths: Sequence[Sequence[KeyPath]], values: Sequence[Array]
) -> T:
    """A task, or a graph, with each value at its key paths, as of `with_axes`."""
    new = {path: value for at, value in zip(paths, values, strict=True) for path in at}
    return jax.tree_util.tree_map_with_path(new.get, tree)


def rebuilt(model: Model, changes: Sequence[Change]) -> Model:
    """The model with settings that shape it changed, fresh weights, compiled alike."""
    of_layers: dict[str, list[Change]] = {}
    compiled: Settings = {"optimizer": model.optimizer, "loss": model.loss}
    # A new optimizer or loss comes before settings of it.
    for place, value in sorted(changes, key=lambda change: change[0].part != "compile"):
        if place.part == "layer":
            of_layers.setdefault(str(place.layer), []).append((place, value))
        elif place.part == "compile":
            compiled[place.path] = _got(place, value)
        elif place.part in ("optimizer", "loss"):
            compiled[place.part] = replaced(compiled[place.part], place.fields, value)

    def copy(layer: Layer) -> Layer:
        new = layer.replace()
        for place, value in of_layers.get(str(layer.name), ()):
            new = replaced(new, place.fields, value)
        return new

    clone = clone_model(model, clone_function=copy)
    if not clone.built:
        clone.build(model.whole.slot.input_shape)
    optimizer = compiled["optimizer"]
    if isinstance(optimizer, optimizers.Optimizer):  # its state is not shared
        own = zip(model.trainable_variables, clone.trainable_variables, strict=False)
        optimizer = optimizer.copied_for({id(old): new for old, new in own})
    if model.compile_settings is not None:
        clone.compile(optimizer, compiled["loss"], **model.compile_settings)
    # What is not drawn anew (frozen layers, what `adapt` has learned) is as it was.
    pairs = zip(model.whole.plain_layers(), clone.whole.plain_layers(), strict=True)
    for old, new in pairs:
        if [w.shape for w in old.weights] == [w.shape for w in new.weights]:
            new.set_weights(old.get_weights())
            new.trainable = old.trainable
    return clone
