"""Keras' older files of whole models: HDF5 (`.h5`), both ways.

The config is JSON in an attribute of the file, `model_config`, and what `compile` was
told is in `training_config`. The weights of each layer are in a group of its name,
model_weights/<layer>, in the order of its attribute `weight_names`: the trainable ones,
then the others. A file of weights alone has those groups at its root.

Keras 2 wrote objects without their modules, and some settings in other words: `modern`
gives them Keras 3's. A file is read as strictly as a `.keras` file.
"""

import json
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from onefit.files.calls import in_order
from onefit.files.config import ROOMS, Node
from onefit.files.refusal import Misfit, refusal, short
from onefit.files.weights import Store, h5py, write_array
from onefit.layers.base import Layer, where
from onefit.networks.architecture import Architecture
from onefit.types import Array

if TYPE_CHECKING:
    from h5py import Dataset, Group

__all__ = [
    "ENDINGS",
    "is_legacy",
    "modern",
    "optimizer",
    "put",
    "text",
    "training",
    "weights",
    "write",
]

ENDINGS = (".h5", ".hdf5")
WEIGHTS, OPTIMIZER = "model_weights", "optimizer_weights"

LONGEST = 64_512
"""The most bytes of an attribute of names; of more there are several, numbered."""


# Reading the file ---------------------------------------------------------------------


def is_legacy(store: Store) -> bool:
    """Whether a file has Keras' older layout of weights."""
    group = store.group(WEIGHTS) or store.file
    return any(name.startswith("layer_names") for name in group.attrs)


def text(store: Store, name: str) -> str | None:
    """A text that the file has as an attribute, or None."""
    attrs = store.file.attrs
    if name not in attrs:
        return None
    if attrs.get_id(name).shape != ():
        raise refusal(store.where, received=f"{name} of many parts", expected="one")
    value: Any = attrs[name]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if not isinstance(value, str):
        raise refusal(store.where, received=f"{name}={short(value)}", expected="text")
    return value


def _names(group: "Group", name: str, store: Store) -> list[str]:
    """The names that a group lists in an attribute, or in several, numbered."""
    attrs = group.attrs
    parts = [name] if name in attrs else []
    while parts[:1] != [name] and f"{name}{len(parts)}" in attrs:
        parts.append(f"{name}{len(parts)}")
    found: list[str] = []
    for part in parts:
        if np.prod(attrs.get_id(part).shape) > store.limits.arrays:
            raise refusal(
                store.where,
                received=f"very many names in {part!r}",
                expected=f"{store.limits.arrays:,} at most",
                fix=store.limits.fix("arrays"),
            )
        values: Any = np.ravel(np.asarray(attrs[part]))
        for value in values:
            found.append(value.decode() if isinstance(value, bytes) else str(value))
    return found


def _listed(store: Store, path: str) -> list["Dataset | np.ndarray"]:
    """The arrays that a group lists as its weights, each checked."""
    group = store.group(path)
    if group is None:
        return []
    names = _names(group, "weight_names", store)
    return [store.array(f"{path}/{name}") for name in names]


def weights(store: Store) -> dict[str, list["Dataset | np.ndarray"]]:
    """The weights of the layers that have any, not yet read, but checked."""
    group, prefix = store.group(WEIGHTS), f"{WEIGHTS}/"
    if group is None:
        group, prefix = store.file, ""
    return {
        name: arrays
        for name in _names(group, "layer_names", store)
        if (arrays := _listed(store, f"{prefix}{name}"))
    }


def put(
    graph: Architecture,
    found: dict[str, list["Dataset | np.ndarray"]],
    store: Store,
    by_name: bool = False,
    skip: bool = False,
) -> list[str]:
    """Gives a built model the weights of a file: all, or none if one misfits.

    Layers are known by their names; if the file has others, by their order.

    Args:
        graph, found, store: The model, and the file's arrays by the layers' names.
        by_name: Whether only layers whose names the file has are given weights.
        skip: Whether a layer that misfits stays as it is.

    Returns:
        The names of the layers that were to be given weights and misfit.
    """
    layers = [(layer, slots) for layer in in_order(graph) if (slots := _slots(layer))]
    if by_name:
        layers = [(layer, slots) for layer, slots in layers if str(layer.name) in found]
    elif {str(layer.name) for layer, _ in layers} != set(found):
        if len(layers) != len(found):
            raise refusal(
                store.where,
                received=f"weights of {len(found)} layers ({_some(found)})",
                expected=f"those of {len(layers)} "
                f"({_some(str(layer.name) for layer, _ in layers)})",
                fix="the file is of another model: make the one that was saved",
            )
        names = (str(layer.name) for layer, _ in layers)
        found = dict(zip(names, found.values(), strict=True))
    new, left = [], []
    for layer, slots in layers:
        try:
            new += _fitting(layer, slots, found[str(layer.name)], store)
        except Misfit:
            if not skip:
                raise
            left.append(str(layer.name))
    for variable, array in [(slot, np.asarray(array)) for slot, array in new]:
        variable.assign(array)
    return left


def _fitting(
    layer: Layer,
    slots: Sequence[Any],
    arrays: Sequence["Dataset | np.ndarray"],
    store: Store,
) -> list[tuple[Any, "Dataset | np.ndarray"]]:
    """Each of a layer's weights with its array, if all have the right shapes."""
    place = f"{store.where}, {where(layer)}"
    fix = "the file is of another model: make the one that was saved"
    if len(slots) != len(arrays):
        raise refusal(
            place,
            received=f"{len(arrays)} arrays",
            expected=f"{len(slots)} ({_some(slot.name for slot in slots)})",
            fix=fix,
            kind=Misfit,
        )
    for slot, array in zip(slots, arrays, strict=True):
        if tuple(array.shape) != tuple(slot.shape):
            raise refusal(
                place,
                received=f"{slot.name} of shape {tuple(array.shape)}",
                expected=f"shape {tuple(slot.shape)}",
                fix=fix,
                kind=Misfit,
            )
    return list(zip(slots, arrays, strict=True))


def _slots(layer: Layer) -> list[Any]:
    """A layer's weights as the file lists them."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _some(names: Any) -> str:
    listed = [str(name) for name in names]
    return ", ".join(listed[:5]) + (", ..." if len(listed) > 5 else "")


def optimizer(store: Store) -> list["Dataset | np.ndarray"]:
    """The optimizer's variables."""
    return _listed(store, OPTIMIZER)


# Configs of Keras 2 -------------------------------------------------------------------

MODULES = {"Sequential": "keras", "Functional": "keras", "DTypePolicy": "keras"}

CLASSES = {"Model": "Functional", "Policy": "DTypePolicy"}
"""What Keras 2 called classes."""

SETTINGS: dict[str, dict[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "InputLayer": {"batch_input_shape": "batch_shape"},
    "Adam": {"lr": "learning_rate"},
    "SGD": {"lr": "learning_rate"},
    "RMSprop": {"lr": "learning_rate"},
    "Adagrad": {"lr": "learning_rate"},
    "Adadelta": {"lr": "learning_rate"},
    "Adamax": {"lr": "learning_rate"},
    "Nadam": {"lr": "learning_rate"},
}
"""What Keras 2 called settings, by class."""

DROPPED = {
    "batch_input_shape", "consume_less", "fused", "implementation", "input_dtype",
    "input_length", "is_legacy_optimizer", "jit_compile",
}  # fmt: skip
"""Settings of Keras 2 that change nothing that is computed."""

USUAL: dict[str, object] = {
    "adjustment": None,
    "decay": 0.0,
    "initial_decay": 0.0,
    "ragged": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "sparse": False,
    "time_major": False,
    "virtual_batch_size": None,
}
"""Settings of Keras 2 that we have not, with the value that changes nothing."""

RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional", "ConvLSTM2D"}


def modern(node: object) -> Any:
    """A config as Keras 3 writes it: each object with its module and its settings."""
    if isinstance(node, list):
        return [modern(one) for one in node]
    if not isinstance(node, dict):
        return node
    name, settings = node.get("class_name"), node.get("config")
    if not isinstance(name, str):
        return {key: modern(value) for key, value in node.items()}
    name = CLASSES.get(name, name)
    if name in ("Sequential", "Functional"):
        settings = _model(name, settings)
    elif isinstance(settings, dict):
        settings = _settings(name, settings)
    module = node.get("module")
    if not str(module).startswith("keras."):
        module = _module(name, node) or module
    return node | {"module": module, "class_name": name, "config": settings}


def _module(name: str, node: Node) -> str | None:
    """Where Keras 3 has a class that Keras 2 names alone."""
    if "inbound_nodes" in node and {*(node.get("config") or "?")} == {"name"}:
        return "keras.src.ops.numpy"  # a layer has more settings
    found = (module for module, room in ROOMS.items() if name in room.public())
    return MODULES.get(name) or next(found, None)


def _settings(name: str, settings: Node) -> Node:
    """An object's settings in Keras 3's words."""
    names = SETTINGS.get(name, {})
    new = {
        names.get(key, key): modern(value)
        for key, value in settings.items()
        if (key not in DROPPED or key in names)
        and (key not in USUAL or USUAL[key] != value)
    }
    if name == "BatchNormalization" and isinstance(new.get("axis"), list):
        axes = new["axis"]
        new["axis"] = axes[0] if len(axes) == 1 else axes
    if name == "GRU" and "reset_after" not in new and "trainable" in new:
        new["reset_after"] = False  # what it was before there was a choice
    if name == "VarianceScaling" and new.get("distribution") == "normal":
        new["distribution"] = "truncated_normal"
    if new.get("reduction") == "auto":
        new["reduction"] = "sum_over_batch_size"
    if name in ROOMS["keras.initializers"].public():
        new.pop("dtype", None)
    return new


def _model(name: str, settings: object) -> object:
    """A model's settings: its layers, an InputLayer first, and their calls."""
    if isinstance(settings, list):  # as the first versions wrote a Sequential
        settings = {"layers": settings}
    if not isinstance(settings, dict) or not isinstance(settings.get("layers"), list):
        return settings
    nodes = [node for node in settings["layers"] if isinstance(node, dict)]
    names: set[object] = {node.get("name") for node in nodes}
    recurrent = {n.get("name") for n in nodes if n.get("class_name") in RECURRENT}
    layers = [modern(node) for node in settings["layers"]]
    for layer in layers:
        if isinstance(layer, dict) and isinstance(layer.get("inbound_nodes"), list):
            calls = layer["inbound_nodes"]
            own = layer.get("name") in recurrent
            layer["inbound_nodes"] = [_call(call, names, own) for call in calls]
    first = nodes[0] if nodes else {}
    inside = first.get("config")
    shape = inside.get("batch_input_shape") if isinstance(inside, dict) else None
    if name == "Sequential" and shape and first.get("class_name") != "InputLayer":
        entrance = {"batch_shape": shape, "name": "input"}
        layers.insert(
            0,
            {"module": "keras.layers", "class_name": "InputLayer", "config": entrance},
        )
    return settings | {"layers": layers}


def _call(call: object, names: set[object], recurrent: bool) -> object:
    """A call of a layer, as Keras 2 writes it: a list of [layer, call, output, {}]."""
    if not isinstance(call, list):
        return call
    is_ref = lambda v: _is_ref(v, names)  # noqa: E731
    given = [call] if is_ref(call) else call
    if not given or not all(map(is_ref, given)):
        return call  # what it is, the plan says
    last: Any = given[-1]
    named = {k: _tensors(v, names) for k, v in (last[3:] or [{}])[0].items()}
    tensors = [_tensor(ref) for ref in given]
    if recurrent and len(tensors) > 1:
        named["initial_state"] = tensors[1:]
        tensors = tensors[:1]
    extra = {"said": ["training"]} if "training" in named else {}
    args = [tensors[0] if len(tensors) == 1 else tensors]
    return {"args": args, "kwargs": named} | extra


def _is_ref(value: object, names: set[object]) -> bool:
    match value:
        case [str() as name, int(), int()] | [str() as name, int(), int(), dict()]:
            return name in names
    return False


def _tensors(value: Any, names: set[object]) -> Any:
    if _is_ref(value, names):
        return _tensor(value)
    return [_tensors(v, names) for v in value] if isinstance(value, list) else value


def _tensor(ref: Any) -> Node:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": ref[:3]}}


def training(settings: object) -> object:
    """What `compile` was told, as a `.keras` file has it."""
    if not isinstance(settings, dict):
        return settings
    new = modern({k: v for k, v in settings.items() if k != "sample_weight_mode"})
    told = new.pop("optimizer_config", None)
    metrics = {key: _metrics(new.get(key)) for key in ("metrics", "weighted_metrics")}
    return new | metrics | {"optimizer": told}


def _metrics(value: Any) -> Any:
    """Metrics; Keras 2 writes a name as a wrapper of its function."""
    if isinstance(value, dict) and value.get("class_name") == "MeanMetricWrapper":
        inside = value.get("config") or {}
        name, function = inside.get("name"), inside.get("fn")
        return name if name in ("accuracy", "acc") else function
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _metrics(v) for name, v in value.items()} or None
    if isinstance(value, list):
        return [_metrics(v) for v in value] or None
    return value


# Writing ------------------------------------------------------------------------------


def write(
    raw: IO[bytes],
    graph: Architecture,
    node: Node,
    keras: str,
    optimizer: tuple[str, Sequence[Array]] | None,
) -> None:
    """Writes a model as Keras' older HDF5.

    Args:
        raw: The open file.
        graph: The layers and their weights.
        node: The model as Keras' JSON has it, with what `compile` said.
        keras: The version of Keras that the file is like.
        optimizer: The optimizer's name and its variables.
    """
    said = dict(node.get("compile_config") or {})
    model = {key: node[key] for key in ("class_name", "config")}
    with h5py().File(raw, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = keras, "jax"
        file.attrs["model_config"] = json.dumps(model)
        if said:
            told = said.pop("optimizer")
            said["optimizer_config"] = {k: told[k] for k in ("class_name", "config")}
            file.attrs["training_config"] = json.dumps(said)
        group = file.create_group(WEIGHTS)
        group.attrs["keras_version"], group.attrs["backend"] = keras, "jax"
        layers = in_order(graph)
        _write_names(group, "layer_names", [str(layer.name) for layer in layers])
        for layer in layers:
            slots = _slots(layer)
            names = [f"{layer.name}/{i}_{s.name}" for i, s in enumerate(slots)]
            _write(group.create_group(str(layer.name)), names, slots)
        _write(group.create_group("top_level_model_weights"), [], [])
        if optimizer is not None:
            name, arrays = optimizer
            names = [f"{name}/{i}" for i in range(len(arrays))]
            _write(file.create_group(OPTIMIZER), names, arrays)


def _write(group: "Group", names: list[str], arrays: Sequence[Any]) -> None:
    _write_names(group, "weight_names", names)
    for name, array in zip(names, arrays, strict=True):
        write_array(group, name, array)


def _write_names(group: "Group", name: str, names: list[str]) -> None:
    """Writes names as an attribute, or as several where they are too long for one."""
    array = np.array([n.encode() for n in names], "S" if names else "S1")
    count = -(-array.nbytes // LONGEST) or 1
    if count == 1:
        group.attrs[name] = array
        return
    for number, part in enumerate(np.array_split(array, count + 1)):
        group.attrs[f"{name}{number}"] = part
