"""Descriptions as Keras' JSON has them, both ways.

Keras writes an object as {"module", "class_name", "config", "registered_name"}. What a
file names is looked up in onefit's public names and in what the caller hands
over; nothing is ever imported for a file, or run.
"""

import functools
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from onefit import (
    activations,
    config,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
)
from onefit.custom import CustomObjectScope, get_registered_name, lookup
from onefit.description import Description
from onefit.description import settings as settings_of
from onefit.dtype_policies import serialize
from onefit.errors import unknown
from onefit.files import words
from onefit.files.limits import Limits
from onefit.files.refusal import BadFile, refusal, short
from onefit.files.weights import class_of, path_of
from onefit.layers import base
from onefit.layers.base import Layer, where
from onefit.layers.host.base import HostLayer
from onefit.layers.operation import Absolute, Arithmetic, GetItem
from onefit.networks.called import Body
from onefit.networks.graph import Graph
from onefit.networks.network import FACES, OWN_CLASSES, Network
from onefit.optimizers import base as by_name
from onefit.optimizers import schedules
from onefit.registry import Registry, nearest
from onefit.types import Config, Function, Identifier

if TYPE_CHECKING:
    from onefit.training.compiled import Compiled

__all__ = [
    "NEUTRAL",
    "ROOMS",
    "Node",
    "Reader",
    "a_string",
    "node_of",
    "policy",
    "read_compile",
    "wrapped",
    "write_compile",
]

Node = Config
"""An object as a file has it."""

Described = TypeVar("Described", bound=Description)


class Room(NamedTuple):
    """Where one of Keras' modules is here: its base class, public names, registry."""

    base: type[Description] | tuple[type[Description], ...]
    names: ModuleType
    registry: Registry

    def public(self) -> dict[str, type[Description]]:
        """The classes of onefit itself, without those that a program has registered."""
        named = {name: getattr(self.names, name) for name in self.names.__all__}
        return {name: cls for name, cls in named.items() if _is(cls, self.base)}

    def own(self) -> dict[str, type[Description]]:
        """The classes that the caller's program has defined itself."""
        classes = (cls for cls in self.registry.objects() if _is(cls, self.base))
        return {
            cls.__name__: cls
            for cls in classes
            if not cls.__module__.startswith("onefit.")
        }


def _is(cls: object, base: type | tuple[type, ...]) -> bool:
    return isinstance(cls, type) and issubclass(cls, base)


ROOMS = {
    "keras.layers": Room(Layer, layers, base.layers),
    "keras.initializers": Room(
        initializers.Initializer, initializers, initializers.initializers
    ),
    "keras.regularizers": Room(
        regularizers.Regularizer, regularizers, regularizers.regularizers
    ),
    "keras.constraints": Room(
        constraints.Constraint, constraints, constraints.constraints
    ),
    "keras.losses": Room(losses.Loss, losses, losses.losses),
    "keras.metrics": Room(metrics.Metric, metrics, metrics.metrics),
    "keras.optimizers": Room(
        (optimizers.Optimizer, optimizers.OptimizerMap), optimizers, by_name.optimizers
    ),
    "keras.optimizers.schedules": Room(
        schedules.LearningRateSchedule, schedules, schedules.schedules
    ),
}

# Settings that Keras has and we have not, with the one value that changes nothing.
NEUTRAL = {
    "autocast": True,
    "input_axes": None,
    "optional": False,
    "output_axes": None,
    "quantization_config": None,
    "ragged": False,
    "sparse": False,
}

# Settings that we have and Keras has not: it finds them out by itself, or they mean
# nothing to a layer without weights.
OWN: dict[type, set[str]] = {
    layers.Discretization: {"trainable"},
    layers.HashedCrossing: {"trainable"},
    layers.InputLayer: {"shape", "batch_size", "trainable"},
    layers.Pipeline: {"trainable", "dtype"},
    layers.SpatialDropout1D: {"trainable"},
    layers.SpatialDropout2D: {"trainable"},
    layers.SpatialDropout3D: {"trainable"},
    metrics.F1Score: {"num_classes"},
    metrics.FBetaScore: {"num_classes"},
    metrics.R2Score: {"num_outputs"},
}

# Short names of metrics that Keras does not know.
OUR_METRICS = {"KLD", "RMSE", "fbeta_score", "kld", "logcosh", "rmse"}


def node_of(
    module: str | None, name: str, settings: object, registered: str | None = None
) -> Node:
    """An object as Keras writes it."""
    return {
        "module": module,
        "class_name": name,
        "config": settings,
        "registered_name": registered,
    }


# Writing ------------------------------------------------------------------------------


def policy(dtype: str | None = None) -> Node:
    """A layer's type of numbers as Keras writes it."""
    return serialize(config.DTypePolicy(dtype or config.floatx()))


@functools.singledispatch
def wrapped(obj: Description) -> Node:
    """A description with Keras' wrapping, and so all descriptions in its settings.

    A graph is written by `writer.write_graph`.
    """
    cls = type(obj)
    if isinstance(obj, Arithmetic | GetItem | Absolute):
        raise refusal(
            where(obj),
            received="an operation that a layer has as a part",
            expected="layers, as Keras' layers have",
            fix="call it on the layer's output, or make it a class of your own",
        )
    if "function_in" in vars(cls):
        return _function(getattr(obj, vars(cls)["function_in"]))
    settings, attributes = obj.get_config(), settings_of(cls)
    own = nearest(OWN, cls) or ()
    for name, value in list(settings.items()):
        if name in own:
            del settings[name]
        else:
            mine = vars(obj).get(attributes.get(name, name), value)
            settings[name] = _plain(mine, value)
    if isinstance(obj, layers.Lambda):
        settings["function"] = _function(obj.function, brief=False)
    if isinstance(obj, Layer) and "dtype" not in own:
        settings.setdefault("dtype", policy())
    if isinstance(obj, Body):
        return own_node(obj.model)
    for module, room in ROOMS.items():
        if room.public().get(cls.__name__) is cls:
            return node_of(module, cls.__name__, settings)
    module = None if cls.__module__ == "__main__" else cls.__module__
    return node_of(module, cls.__name__, settings, get_registered_name(cls))


def own_node(model: Network) -> Node:
    """A model of a class of the user's own, as Keras writes it."""
    cls = type(model)
    settings = {name: _plain(v, v) for name, v in model.get_config().items()}
    module = None if cls.__module__ == "__main__" else cls.__module__
    node = node_of(module, cls.__name__, settings, get_registered_name(cls))
    return node | {"build_config": model.get_build_config()}


def _plain(value: object, otherwise: Any) -> object:
    """A setting with its descriptions wrapped; what else it is, `get_config` says.

    `otherwise` is that setting in `get_config`, of whatever kind it is.
    """
    if isinstance(value, Network):
        return wrapped(value.as_layer)
    if isinstance(value, Description):
        return wrapped(value)
    if isinstance(value, tuple | list) and any(
        isinstance(v, Description | Network) for v in value
    ):
        return [_plain(v, w) for v, w in zip(value, otherwise, strict=True)]
    if isinstance(value, dict) and value:
        return {name: _plain(v, otherwise[name]) for name, v in value.items()}
    if callable(value) and not isinstance(value, type):
        return _function(value)
    return otherwise


def _function(value: Function, brief: bool = True) -> Any:
    """A function as a file has it: a node, or in short an activation's name."""
    name = getattr(value, "__name__", "<lambda>")
    if brief and getattr(activations, name, None) is value:
        return name
    if name == "<lambda>":
        raise refusal(
            "save",
            received="a function without a name",
            expected="functions that can be found again by their name",
            fix="write it as `def name(...)`",
        )
    registered = get_registered_name(value)
    return node_of("builtins", "function", name, registered)


def _names_a_function(node: Node) -> bool:
    """Whether the function of a Lambda is one that the caller has by its name."""
    settings = node.get("config")
    function = settings.get("function") if isinstance(settings, dict) else None
    if isinstance(function, dict) and function.get("class_name") == "function":
        function = function.get("config")
    return isinstance(function, str)


def write_compile(model: "Compiled") -> Node:
    """What `compile` was given, as Keras writes it.

    Raises:
        ValueError: A part that has no name to be found again by.
    """
    settings: Config = model.compile_settings or {}
    return {
        "optimizer": wrapped(model.optimizer),
        "loss": _each(model.loss, wrapped),
        "loss_weights": settings["loss_weights"],
        "metrics": _each(settings["metrics"], _write_metric),
        "weighted_metrics": _each(settings["weighted_metrics"], _write_metric),
        "run_eagerly": bool(model.run_eagerly),
        "steps_per_execution": 1,
        "jit_compile": "auto",
    }


def _each(value: Identifier, write: Callable[[Identifier], object]) -> object:
    if value is None:
        return None
    if isinstance(value, dict) and "class_name" not in value:
        return {name: _each(v, write) for name, v in value.items()}
    if isinstance(value, tuple | list):
        return [_each(v, write) for v in value]
    return write(value)


def _write_metric(metric: Identifier) -> str | Node:
    if isinstance(metric, str):
        if metric not in OUR_METRICS:
            return metric
        metric = metrics.get(metric).replace(name=metric)
    if isinstance(metric, type | dict):
        metric = metrics.get(metric)
    if isinstance(metric, Description):
        return wrapped(metric)
    if hasattr(metric, "loss_class"):
        return str(metric.__name__)
    return _function(metric)


# Reading ------------------------------------------------------------------------------


class Reader:
    """Makes descriptions of a file's nodes.

    Args:
        custom: The caller's own classes and functions, by the names in the file.
        limits: How much the file may ask for.

    Attributes:
        vocabularies: The words that the file has for layers, by their paths.
        network: Makes a functional model that is a setting, or None; `Loader` gives it.
    """

    network: "Callable[[Node, str], Network] | None" = None

    def __init__(
        self, custom: dict[str, Identifier] | None = None, limits: Limits | None = None
    ) -> None:
        self.custom, self.limits = custom or {}, limits or Limits()
        self.vocabularies: Mapping[str, str] = {}

    def find(
        self, node: Node, modules: tuple[str, ...], where: str
    ) -> type[Description]:
        """The class that a node names, in these modules or among the caller's own."""
        module, name = node.get("module"), a_string(node.get("class_name"), where)
        if str(module).startswith("keras.src.backend.torch.optimizers."):
            module = "keras.optimizers"  # Keras on torch has its own of the same name
        rooms = [ROOMS[m] for m in modules]
        public = ROOMS[module].public() if module in modules else {}
        own: dict[str, type[Description]] = {}
        if not public or name not in public:
            own = {name: cls for room in rooms for name, cls in room.own().items()}
        registered = str(node.get("registered_name"))
        for key in (registered, registered.rpartition(">")[2], name):
            here = [room.registry.defined(module, key) for room in rooms if not public]
            cls = self.custom.get(key) or next(filter(None, here), own.get(key))
            if cls is not None and any(_is(cls, room.base) for room in rooms):
                return cls
        if name == "Lambda" and not _names_a_function(node):
            raise refusal(
                where,
                received="a Lambda layer, which holds code",
                expected="layers that settings describe",
                fix="give its function a name, def double(x): return 2 * x, save the "
                "model again with Lambda(double), and load it with "
                "custom_objects={'double': double}",
            )
        if name in public:
            return public[name]
        if len(rooms) == 1:
            kind, names = rooms[0].registry.kind, rooms[0].public().keys() - {"Lambda"}
            text = str(unknown(kind, name, names | own.keys()))
            text = text if len(text) < 900 else text.partition(" Known: ")[0]
        else:
            text = f"Unknown class {short(name)}."
        nothing = f"The file says that it is of {short(module)}; nothing"
        raise BadFile(
            f"{where}: {text} {nothing if module is not None else 'Nothing'} is "
            "imported for a file. Hand over a class of your own: "
            f"load_model(path, custom_objects={{{name!r}: ...}})."
        )

    def value(self, value: object, where: str) -> Any:
        """A setting, with the objects in it made; it may be of any kind."""
        if isinstance(value, list):
            return [self.value(v, where) for v in value]
        if not isinstance(value, dict):
            return value
        name = value.get("class_name")
        if name is None:
            return {k: self.value(v, where) for k, v in value.items()}
        inner = value.get("config")
        if value.get("module") == "keras" and name == "Sequential":
            return self.chain(inner, where)
        if self.network and name in ("Functional", "Model"):
            return self.network(value, where)
        match name:
            case "function":
                called = a_string(inner, where)
                registered = str(value.get("registered_name"))
                known = lookup(registered, self.custom) or self.custom.get(called)
                return called if known is None else known
            case "__numpy__" | "__tensor__" if isinstance(inner, dict):
                return np.asarray(inner.get("value"), config.floatx())
            case "DTypePolicy" | "SeedGenerator" if isinstance(inner, dict):
                return inner.get("name" if name == "DTypePolicy" else "seed")
            case "__lambda__":
                raise refusal(
                    where,
                    received="a lambda, which is code",
                    expected="names of functions",
                    fix="save the model with a named function, or load it with "
                    "compile=False if the loss or a metric is the lambda",
                )
        return self.made(self.find(value, tuple(ROOMS), where), inner, where)

    def made(self, cls: type[Described], settings: object, where: str) -> Described:
        """An object of a class, with the settings of a file."""
        where = f"{where}, {cls.__name__}"
        if not isinstance(settings, dict):
            raise refusal(
                where, received=f"config={short(settings)}", expected="settings by name"
            )
        if cls.in_keras_style:  # its own __init__ or from_config reads them
            return self._of_own(cls, dict(settings), where)
        names = settings_of(cls)
        given = {}
        for name, value in settings.items():
            if name in names:
                given[name] = self.value(value, where)
            elif name not in NEUTRAL or NEUTRAL[name] != value:
                raise refusal(
                    where,
                    received=f"{name[:99]}={short(value)}",
                    expected=f"settings among {', '.join(sorted(names))}",
                    fix="save the model without it",
                )
        if given.get("name") is not None:
            a_string(given["name"], where)
        for name in given.keys() & getattr(cls, "own_files", set()):
            if isinstance(given[name], str):
                raise refusal(
                    where,
                    received=f"{name}={short(given[name])}, another file",
                    expected="the words themselves",
                    fix="save the model again, which writes them into its file",
                )
        if "dtype" in given:
            given["dtype"] = _dtype(cls, given["dtype"], where)
        try:
            made = cls.from_config(given)
        except BadFile:
            raise
        except Exception as error:
            raise refusal(
                where,
                received=f"settings that it refuses ({_said(error)})",
                expected="settings that it takes",
                fix="if it names a function of yours, hand that over: "
                "load_model(path, custom_objects={'name': function})",
            ) from error
        shape = getattr(made, "told_shape", None)
        if shape:  # it would be built before its time
            raise refusal(
                where,
                received=f"an input shape of its own, {short(shape)}",
                expected="the model's InputLayer alone",
                fix="save the model again",
            )
        return made

    def _of_own(self, cls: Any, settings: Node, where: str) -> Any:
        """An object of a class that the caller's program has written."""
        if cls.from_config.__module__.startswith("onefit."):  # it knows of no nodes
            settings = {k: self._inside(v, where) for k, v in settings.items()}
        try:
            with CustomObjectScope(self.custom):
                return cls.from_config(settings)
        except Exception as error:
            raise refusal(
                where,
                received=f"settings that {cls.__name__} refuses ({_said(error)})",
                expected="what its __init__ takes",
                fix="write get_config(self), which returns the arguments of __init__, "
                "and from_config for objects among them",
            ) from error

    def _inside(self, value: object, where: str) -> Any:
        """A setting of such an object, with the layers and losses in it made."""
        if isinstance(value, list):
            return [self._inside(v, where) for v in value]
        if not isinstance(value, dict):
            return value
        if value.keys() >= {"module", "class_name", "config"}:
            return self.value(value, where)
        return {k: self._inside(v, where) for k, v in value.items()}

    def own_model(self, node: Node, where: str) -> Network | None:
        """The model of a class of the caller's program that a node names, if any.

        Raises:
            BadFile: A class that is not known, or settings that it refuses.
        """
        name, settings = node.get("class_name"), node.get("config")
        if not isinstance(name, str):
            return None
        registered = str(node.get("registered_name") or name)
        for key in (registered, name):
            cls = lookup(key, self.custom) or OWN_CLASSES.get(
                (node.get("module") or "__main__", key), OWN_CLASSES.get(("", key))
            )
            known = isinstance(cls, type) and issubclass(cls, Network)
            if known and isinstance(settings, dict):
                model = self._of_own(cls, dict(settings), f"{where}, {name}")
                path = path_of(class_of(model.as_layer), {}, "")
                words.give(model.as_layer, path, self.vocabularies)
                model.build_from_config(node.get("build_config"))
                return model
        return None

    def chain(self, settings: Any, where: str) -> Network:
        """A Sequential that a layer has as a part; its weights are the layer's.

        Its settings are the file's JSON, not yet checked.
        """
        nodes = settings.get("layers") if isinstance(settings, dict) else None
        if not isinstance(nodes, list):
            raise refusal(where, received="no layers", expected="a list of them")
        parts = [self.value(node, where) for node in nodes]
        parts = [part for part in parts if not isinstance(part, layers.InputLayer)]
        if not all(isinstance(part, Layer | Network) for part in parts):
            raise refusal(where, received="no layer", expected="layers alone")
        name = settings.get("name")
        return FACES["Sequential"](
            parts, name=None if name is None else a_string(name, where)
        )

    def layer(self, node: Node, where: str) -> Layer:
        """A layer, without weights."""
        if (model := self.own_model(node, where)) is not None:
            return model.as_layer
        cls = self.find(node, ("keras.layers",), where)
        if not issubclass(cls, Layer) or issubclass(cls, Graph):
            raise refusal(
                where, received=f"the class {cls.__name__}", expected="a layer"
            )
        return self.made(cls, node.get("config"), where)


def read_compile(
    node: Node, custom: dict[str, Identifier] | None, where: str
) -> Node | None:
    """The arguments of `compile` in a model's node, or None if it was not compiled.

    Raises:
        ValueError: Something unknown, with what to do.
    """
    settings = node.get("compile_config")
    if not settings:
        return None
    names = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics")
    if not isinstance(settings, dict) or not {"optimizer", "loss"} & {*settings}:
        raise refusal(
            where, received=short(settings), expected="an optimizer and a loss by name"
        )
    read = Reader(custom)
    given = {
        name: read.value(settings.get(name), f"{where}, compile, {name}")
        for name in names
        if name in settings  # Keras' to_json may lack the optimizer
    }
    return given | {"run_eagerly": bool(settings.get("run_eagerly", False))}


def _dtype(cls: type, value: object, where: str) -> object:
    """A layer's policy; None where that is the library's float type for all."""
    if value in (None, config.floatx()):
        # A policy that was set for new layers is none of those in a file.
        return config.floatx() if config.own_policy() else None
    if cls is layers.InputLayer:
        kept = ("int", "uint", "bool", "string")
        return value if str(value).startswith(kept) else None
    if issubclass(cls, HostLayer) and value in ("int32", "int64", "string"):
        return None
    if not issubclass(cls, Layer):
        return value
    if str(value).removeprefix("mixed_") in config.HALVES:
        return value
    raise refusal(
        where,
        received=f"dtype={short(value)}",
        expected=f"{config.floatx()!r}, the library's float type, or half its digits",
        fix="save the model in float32, or write onefit.config.set_floatx('float64') "
        "for one in float64",
    )


def a_string(value: object, where: str) -> str:
    """A name in a file, refused if it is none."""
    if not isinstance(value, str) or len(value) > 999:
        raise refusal(where, received=short(value), expected="a name")
    return value


def _said(error: Exception) -> str:
    lines = str(error).splitlines()
    text = lines[0] if lines else type(error).__name__
    return text if len(text) < 400 else f"{text[:396]}..."
