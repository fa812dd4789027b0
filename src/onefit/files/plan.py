"""A model's node in a file, read: its layers, and which values they are called on.

Nothing is made but layers without weights, and nothing that a file names is looked up
anywhere but in onefit and in what the caller hands over. Keras' operations (`x + y`)
are known by a table.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np

from onefit import config, layers
from onefit.files.calls import OURS
from onefit.files.config import NEUTRAL, Node, Reader, a_string
from onefit.files.masks import MASKS
from onefit.files.refusal import refusal, short
from onefit.files.weights import class_of, path_of
from onefit.layers.core import InputLayer

__all__ = [
    "Entry",
    "Operation",
    "Plan",
    "Ref",
    "in_place",
    "plain_arguments",
    "read_plan",
    "refs",
]


Placed = TypeVar("Placed")


@dataclasses.dataclass(frozen=True)
class Ref:
    """A value as a file names it.

    Attributes:
        layer: The name of the layer that makes it.
        call: The number of the layer's call.
        output: Which of the call's outputs.
    """

    layer: str
    call: int
    output: int


class Operation(NamedTuple):
    """An operation of Keras, as a file names it.

    Attributes:
        module, name: Its class.
        keep_mask: Whether the mask of what it is called on goes on: Keras loses it.
        settings: What its class was made with.
    """

    module: str
    name: str
    keep_mask: bool = False
    settings: Node = {}  # noqa: RUF012 - it is never changed


class Entry(NamedTuple):
    """A layer of a file's model.

    Attributes:
        where, path: What an error calls it, and where its weights are.
        layer: It, without weights; a `Plan` if it is a model, or an `Operation`.
        calls: The arguments of each of its calls: (args, kwargs).
    """

    where: str
    path: str
    layer: Any
    calls: list[tuple[list[object], Node]]


class Plan(NamedTuple):
    """A model as a file has it, read but not yet made.

    Attributes:
        where, title: What an error calls it, and its name.
        entries: Its layers by name, in the order of the file.
        entrance: Of a Sequential, the InputLayer, or None.
        inputs, outputs: Of any other model, values by `Ref`s, arranged.
    """

    where: str
    title: str
    entries: dict[str, Entry]
    entrance: InputLayer | None = None
    inputs: Any = None
    outputs: Any = None


def read_plan(node: object, reader: Reader, where: str) -> Plan:
    """The plan of a model, and of those inside it.

    Raises:
        ValueError: What is no model, or has what onefit has not.
    """
    return _Planner(reader).model(node, where, "")


class _Planner:
    """Reads models, and those inside them.

    `nodes` is the file's list of layers, not yet checked; `prefix` is where their
    weights are.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def model(self, node: object, where: str, prefix: str) -> Plan:
        """The plan of a model."""
        name = node.get("class_name") if isinstance(node, dict) else None
        settings = node.get("config") if isinstance(node, dict) else None
        if not _is_model(node) or not isinstance(settings, dict):
            raise refusal(
                where,
                received=f"a {name} model" if isinstance(name, str) else "no model",
                expected="a Sequential, or a Model of inputs and outputs",
                fix=f"hand over the class, if it is yours: load_model(path, "
                f"custom_objects={{{name!r}: ...}})"
                if isinstance(name, str)
                else "write the model as one of them, and save it again",
            )
        nodes = settings.get("layers")
        if not isinstance(nodes, list):
            raise refusal(
                where, received=f"a {name} without layers", expected="a list of them"
            )
        limits = self.reader.limits
        if len(nodes) > limits.layers:
            raise refusal(
                where,
                received=f"{len(nodes):,} layers",
                expected=f"{limits.layers:,} at most",
                fix=limits.fix("layers"),
            )
        usual = {"name", "layers", "trainable", "dtype"}
        usual |= (
            {"build_input_shape"}
            if name == "Sequential"
            else {"input_layers", "output_layers"}
        )
        for key, value in settings.items():
            if key not in usual and (key not in NEUTRAL or NEUTRAL[key] != value):
                raise refusal(
                    where,
                    received=f"{key[:99]}={short(value)}",
                    expected=f"settings among {', '.join(sorted(usual))}",
                )
        title = a_string(settings.get("name") or str(name).lower(), where)
        read = self.sequential if name == "Sequential" else self.functional
        return read(Plan(where, title, {}), settings, nodes, prefix)

    def entries(self, plan: Plan, nodes: list[Any], prefix: str) -> list[Entry]:
        """The layers of a model, each with its path; models inside are read too."""
        entries: list[Entry] = []
        counts: dict[str, int] = {}
        for node in nodes:
            settings = node.get("config") if isinstance(node, dict) else None
            name = settings.get("name") if isinstance(settings, dict) else None
            where = f"{plan.where}, layer {short(name)}"
            if not isinstance(node, dict):
                raise refusal(where, received=short(node), expected="a layer's config")
            if _is_model(node):
                path = path_of(str(node["class_name"]).lower(), counts, prefix)
                layer: Any = self.model(node, where, f"{path}/")
            elif str(node.get("module")).startswith(("keras.src.ops", OURS)):
                layer, path = self.operation(node, where), ""
            else:
                layer = self.reader.layer(node, where)
                path = path_of(class_of(layer), counts, prefix)
            entries.append(Entry(where, path, layer, []))
        return entries

    def operation(self, node: Node, where: str) -> Operation:
        """An operation, with what its class was made with."""
        module, name = (a_string(node.get(k), where) for k in ("module", "class_name"))
        settings = node.get("config")
        if not isinstance(settings, dict):
            raise refusal(where, received=short(settings), expected="settings by name")
        return Operation(module, name, node.get("keep_mask") is True, settings)

    def sequential(
        self, plan: Plan, settings: Node, nodes: list[Any], prefix: str
    ) -> Plan:
        """The plan of a Sequential: its layers, and the shape of its input."""
        rest = self.entries(plan, nodes, prefix)
        entrance = None
        if rest and isinstance(rest[0].layer, layers.InputLayer):
            entrance = rest.pop(0).layer
        elif shape := settings.get("build_input_shape"):
            given = {"batch_shape": shape}
            entrance = self.reader.made(layers.InputLayer, given, plan.where)
        for entry in rest:
            if isinstance(entry.layer, layers.InputLayer):
                raise refusal(
                    plan.where,
                    received="an InputLayer inside",
                    expected="one at the front",
                )
            if isinstance(entry.layer, Operation):
                raise refusal(
                    entry.where, received="an operation", expected="layers alone"
                )
        entries = {str(i): entry for i, entry in enumerate(rest)}
        return plan._replace(entries=entries, entrance=entrance)

    def functional(
        self, plan: Plan, settings: Node, nodes: list[Any], prefix: str
    ) -> Plan:
        """The plan of a model of inputs and outputs: its layers and their calls."""
        calls = [node.get("inbound_nodes") for node in nodes if isinstance(node, dict)]
        limits = self.reader.limits
        if sum(len(some) for some in calls if isinstance(some, list)) > limits.calls:
            raise refusal(
                plan.where,
                received="too many calls",
                expected=f"{limits.calls:,} at most",
                fix=limits.fix("calls"),
            )
        entries: dict[str, Entry] = {}
        for node, entry in zip(nodes, self.entries(plan, nodes, prefix), strict=True):
            name = a_string(node.get("name"), entry.where)
            if name in entries:
                raise refusal(
                    plan.where,
                    received=f"two layers named {name!r}",
                    expected="names that differ",
                )
            entries[name] = entry._replace(calls=_calls(node, entry.where))
        for name in _keeping(entries):
            layer = entries[name].layer._replace(keep_mask=True)
            entries[name] = entries[name]._replace(layer=layer)
        inputs, outputs = (
            _arranged(settings.get(name), name, plan.where)
            for name in ("input_layers", "output_layers")
        )

        def counted(ref: Ref) -> Ref:
            # Here, and only here, the calls of a model inside are counted from one.
            layer = entries[ref.layer].layer if ref.layer in entries else None
            inside = isinstance(layer, Plan) and layer.outputs is not None
            return dataclasses.replace(ref, call=ref.call - 1) if inside else ref

        outputs = in_place(counted, outputs)
        return plan._replace(entries=entries, inputs=inputs, outputs=outputs)


def _is_model(node: object) -> bool:
    """Whether a node is a model; a class of the caller's own is not."""
    if not isinstance(node, dict):
        return False
    name, module = node.get("class_name"), str(node.get("module"))
    return (name == "Sequential" and module == "keras") or (
        name == "Functional" and module.partition(".")[0] == "keras"
    )


def _calls(node: Node, where: str) -> list[tuple[list[object], Node]]:
    """The arguments of each call of a layer."""
    calls = node.get("inbound_nodes")
    if not isinstance(calls, list) or not all(map(_is_call, calls)):
        raise refusal(
            where,
            received=f"inbound_nodes={short(calls)}",
            expected="a list of calls, each with args and kwargs",
            fix="open the file in Keras 3, and save it again",
        )
    arguments = []
    for call in calls:
        named = {name: _value(value, where) for name, value in call["kwargs"].items()}
        # Keras writes what a layer's call has as its default, too.
        training = named.pop("training", None)
        named = {name: value for name, value in named.items() if _given(value)}
        if call.get("said") == ["training"] and isinstance(training, bool):
            named["training"] = training
        arguments.append(([_value(value, where) for value in call["args"]], named))
    return arguments


def _is_call(call: object) -> bool:
    return (
        isinstance(call, dict)
        and isinstance(call.get("args"), list)
        and isinstance(call.get("kwargs"), dict)
    )


def refs(nest: object) -> list[Ref]:
    """The values that arguments refer to."""
    return [leaf for leaf in jax.tree.leaves(nest) if isinstance(leaf, Ref)]


def _given(value: object) -> bool:
    """Whether an argument was given: Keras writes None for those that were not."""
    return bool(jax.tree.leaves(value))


def in_place(f: Callable[[Ref], Placed], nest: Any) -> Any:
    """One value, or lists and dicts of them in their own order, each replaced."""
    if isinstance(nest, dict):
        return {name: in_place(f, value) for name, value in nest.items()}
    return [in_place(f, v) for v in nest] if isinstance(nest, list) else f(nest)


def plain_arguments(entries: dict[str, Entry], named: Node) -> Node:
    """Arguments without the masks that operations compute: layers pass those on."""

    def computed(mask: object) -> bool:
        makers = (entries.get(ref.layer) for ref in refs(mask))
        return any(entry and isinstance(entry.layer, Operation) for entry in makers)

    return {k: v for k, v in named.items() if k not in MASKS or not computed(v)}


def _keeping(entries: dict[str, Entry]) -> set[str]:
    """The operations that a mask comes through, as calls behind them have one."""
    kept: set[str] = set()
    calls = (call for entry in entries.values() for call in entry.calls)
    rest = [call for call in calls if any(refs(call[1].get(name)) for name in MASKS)]
    seen = set()
    while rest:
        args, named = rest.pop()
        named = {k: v for k, v in named.items() if k not in MASKS}
        for ref in refs((args, named)):
            entry = entries.get(ref.layer)
            if entry is None or ref in seen:
                continue
            seen.add(ref)
            kept |= {ref.layer} if isinstance(entry.layer, Operation) else set()
            rest += entry.calls[ref.call : ref.call + 1]
    return kept


def _arranged(value: object, name: str, where: str) -> Any:
    """Inputs or outputs of a model: one reference, or lists and dicts of them."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return _ref(value, where)
    if isinstance(value, list) and value:
        return [_arranged(v, name, where) for v in value]
    if isinstance(value, dict) and value:
        return {k: _arranged(v, name, where) for k, v in value.items()}
    raise refusal(
        where,
        received=f"{name}={short(value)}",
        expected="one value, a list or a dict of them",
    )


def _ref(value: object, where: str) -> Ref:
    match value:
        case [str() as layer, int() as call, int() as output] if output >= 0:
            return Ref(layer, call, output)
    raise refusal(
        where,
        received=f"the value {short(value)}",
        expected="a layer's name and two numbers",
    )


def _value(value: object, where: str) -> object:
    """An argument of a call, with references in place of Keras' tensors."""
    if isinstance(value, list):
        return [_value(v, where) for v in value]
    if not isinstance(value, dict):
        return value
    name, settings = value.get("class_name"), value.get("config")
    match name, settings:
        case None, _:
            return {k: _value(v, where) for k, v in value.items()}
        case "__keras_tensor__", {"keras_history": history}:
            return _ref(history, where)
        case "__slice__", dict():
            ends = [settings.get(end) for end in ("start", "stop", "step")]
            if all(end is None or isinstance(end, int) for end in ends):
                return slice(*ends)
        case "__ellipsis__", _:
            return ...
        case "__numpy__" | "__tensor__", {"value": list() | float() | int() as array}:
            array = np.asarray(array)
            return array.astype(config.floatx()) if array.dtype.kind == "f" else array
    raise refusal(
        where,
        received=f"an argument of the class {short(name)}",
        expected="values of the graph, numbers, slices and arrays",
    )
