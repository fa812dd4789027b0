"""A program as the lines that make it: models, settings and fits, written in Python."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from onefit import activations, losses
from onefit.description import REQUIRED, Description, Field, fields
from onefit.layers.base import Layer
from onefit.layers.core import InputLayer
from onefit.losses.base import Loss
from onefit.networks.graph import Graph
from onefit.networks.network import Network
from onefit.networks.sequential import SequentialNetwork
from onefit.optimizers.base import Optimizer
from onefit.training.compiled import Compiled

__all__ = ["compiling", "fitting", "model_lines", "written"]


def written(value: Any, spelled: Mapping[str, str] | None = None) -> str:
    """A setting, or a description with its settings, as Python.

    Args:
        value: What is to be written.
        spelled: How layers are written that their settings do not say, by name.

    >>> from onefit.layers import Dense
    >>> written(Dense(3, activation="relu"))
    "layers.Dense(3, activation='relu')"
    """
    if isinstance(value, Description):
        if isinstance(value, Layer) and spelled and value.name in spelled:
            return spelled[str(value.name)]
        return _description(value, spelled)
    if isinstance(value, list | tuple):
        inside = ", ".join(written(one, spelled) for one in value)
        ends = "[]" if isinstance(value, list) else "()"
        alone = "," if len(value) == 1 and ends == "()" else ""
        return f"{ends[0]}{inside}{alone}{ends[1]}"
    if isinstance(value, dict):
        pairs = (f"{k!r}: {written(v, spelled)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, np.generic):
        return written(value.item())
    if isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        return (
            written(array.item()) if not array.ndim else f"np.array({array.tolist()})"
        )
    if isinstance(value, float):
        return f"{value:.6g}"
    name = getattr(value, "__name__", None)
    if callable(value) and name:
        return repr(name) if getattr(activations, name, None) is value else name
    return repr(value)


def _description(thing: Any, spelled: Mapping[str, str] | None) -> str:
    """An object by its class, its settings by place as long as they have no default."""
    thing = thing.replace() if isinstance(thing, Optimizer) else thing
    cls = type(thing)
    if thing.in_keras_style:
        args, named = thing._made_with
        given = [*map(written, args), *(f"{k}={written(v)}" for k, v in named.items())]
        return f"{cls.__name__}({', '.join(given)})"
    placed, named = [], []
    for field in fields(cls):
        value = vars(thing)[field.name]
        if _default(field, value) or (field.name == "name" and _unnamed(thing)):
            continue
        text = written(value, spelled)
        if field.default is REQUIRED and not field.kw_only:
            placed.append(text)
        else:
            named.append(f"{field.alias}={text}")
    return f"{_called(cls)}({', '.join([*placed, *named])})"


def _called(cls: type) -> str:
    """A class by the room that shows it; one of a program by its name alone."""
    package, *rest = cls.__module__.split(".")
    if package != "onefit":
        return cls.__name__
    shown = getattr(importlib.import_module(f"onefit.{rest[0]}"), cls.__name__, None)
    where = rest[0] if shown is cls else cls.__module__
    return f"{where}.{cls.__name__}"


def _default(field: Field, value: Any) -> bool:
    """Whether a setting is what it is when nobody gives it."""
    if field.default is REQUIRED:
        return False
    usual = field.convert(field.default) if field.convert else field.default
    alike = isinstance(value, tuple) and set(value) == {usual}  # strides=1 is (1, 1)
    return alike or written(usual) == written(value)


def _unnamed(thing: Any) -> bool:
    return not isinstance(thing, Layer) or not thing._named


# The model ----------------------------------------------------------------------------


def model_lines(model: Network, spelled: Mapping[str, str]) -> list[str]:
    """The lines that make a model. One of a class of one's own is made by its class."""
    if model.is_own():
        args, named = model._made_with
        given = [*map(written, args), *(f"{k}={written(v)}" for k, v in named.items())]
        return [f"model = {type(model).__name__}({', '.join(given)})"]
    frozen = [
        f"model.get_layer({str(layer.name)!r}).trainable = False"
        for layer in model.graph.plain_layers()
        if not layer.trainable and layer._named
    ]
    if isinstance(model, SequentialNetwork):
        entrance = model.entrance_layer
        lines = [] if entrance is None else [f"    {_entrance(entrance.batch_shape)},"]
        lines += [f"    {_layer(layer, spelled)}," for layer in model.whole.layers]
        return ["model = onefit.Sequential([", *lines, "])", *frozen]
    return [*_graph(model, spelled), *frozen]


def _entrance(shape: Any) -> str:
    return f"onefit.Input({written(tuple(shape[1:]))})"


def _layer(layer: Layer, spelled: Mapping[str, str]) -> str:
    """A layer, or a model inside as the layers it has."""
    if isinstance(layer, Graph):
        inside = ", ".join(_layer(one, spelled) for one in layer.layers)
        return f"onefit.Sequential([{inside}])"
    return written(layer, spelled)


def _graph(model: Network, spelled: Mapping[str, str]) -> Iterator[str]:
    """The calls of a model of inputs and outputs, a line each."""
    graph: Any = model.whole
    shared = {n.layer for n in graph.nodes}
    shared = {i for i in shared if sum(n.layer == i for n in graph.nodes) > 1}
    for i in sorted(shared):
        yield f"layer_{i} = {_layer(graph.layers[i], spelled)}"
    tensors = model.known_nest(model.input_nest).tensors
    for i, tensor in enumerate(tensors):
        yield f"v{i} = {_entrance(tensor.shape)}"
    names = {i: f"v{i}" for i in range(len(tensors))}
    for node in graph.nodes:
        if isinstance(graph.layers[node.layer], InputLayer):
            names[len(names)] = names[node.sources]
            continue
        given = jax.tree.map(names.__getitem__, node.sources)
        of = (
            given
            if isinstance(given, str)
            else f"[{', '.join(jax.tree.leaves(given))}]"
        )
        layer = graph.layers[node.layer]
        made = f"layer_{node.layer}" if node.layer in shared else _layer(layer, spelled)
        here = len(names)
        yield f"v{here} = {made}({of})"
        names |= {here + k: f"v{here}" for k in range(node.outputs)}
    ends = jax.tree.leaves(graph.outputs)
    listed = [", ".join(f"v{i}" for i in range(len(tensors)))]
    listed += [", ".join(names[end] for end in ends)]
    both = [f"[{one}]" if "," in one else one for one in listed]
    yield f"model = onefit.Model({both[0]}, {both[1]})"


# compile and fit ----------------------------------------------------------------------


def compiling(model: Compiled) -> str:
    """The line that compiles a model as it is."""
    given: dict[str, Any] = {"optimizer": model.optimizer, "loss": model.loss}
    more = model.compile_settings or {}
    given |= {k: v for k, v in more.items() if v not in (None, [], {})}
    parts = [
        f"{name}={_loss(value) if name == 'loss' else written(value)}"
        for name, value in given.items()
    ]
    return f"model.compile({', '.join(parts)})"


def _loss(value: Any) -> str:
    """A loss: by its name, where that says it all."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_loss, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k!r}: {_loss(v)}' for k, v in value.items())}}}"
    plain = isinstance(value, Loss) and written(value).endswith("()")
    known = getattr(losses, str(getattr(value, "name", "")), None)
    return repr(str(value.name)) if plain and known is not None else written(value)


def fitting(fit: Mapping[str, Any]) -> str:
    """The line that trains: what is no number is named as the program names it."""
    named = {"validation_data": "(x_val, y_val)", "sample_weight": "sample_weight"}
    parts = ["x", "y"]
    for name, value in fit.items():
        if value is None or name == "verbose":
            continue
        parts.append(f"{name}={named.get(name) or written(value)}")
    return f"history = model.fit({', '.join(parts)})"
