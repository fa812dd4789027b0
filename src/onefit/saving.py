"""Objects as configs and files: the names of `keras.saving`.

Nothing that a config names is ever imported or run: it is one of onefit's public names,
one that was registered, or one that the caller hands over.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, NoReturn

import jax
import numpy as np

from onefit import activations, custom, losses, metrics
from onefit.custom import (
    CustomObjectScope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from onefit.description import Description
from onefit.errors import mistyped, unknown
from onefit.files.config import Reader, wrapped
from onefit.files.keras import config_of, model_from_json
from onefit.models.loading import load_model, save_model
from onefit.models.model import Model
from onefit.random import SeedGenerator
from onefit.spellings import absent, keras_keywords
from onefit.types import Identifier

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

custom_object_scope = CustomObjectScope


def serialize_keras_object(obj: Any) -> Any:
    """An object as JSON can hold it; `deserialize_keras_object` makes it again.

    Args:
        obj: A layer, a model, a loss or another of onefit's descriptions, a function,
            an object of a registered class, an array, or a nest of these.

    Raises:
        ValueError: A lambda, and what else no config can describe.

    Example:
        >>> config = serialize_keras_object(onefit.regularizers.L2(0.1))
        >>> config["class_name"], config["config"]
        ('L2', {'l2': 0.1})

    Source: Keras, `keras.saving.serialize_keras_object`.
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, list | tuple):
        return type(obj)(serialize_keras_object(v) for v in obj)
    if isinstance(obj, dict):
        return {key: serialize_keras_object(v) for key, v in obj.items()}
    if isinstance(obj, np.ndarray | jax.Array):
        kind = "__numpy__" if isinstance(obj, np.ndarray) else "__tensor__"
        array = np.asarray(obj)
        settings = {"value": array.tolist(), "dtype": str(array.dtype)}
        return {"class_name": kind, "config": settings}
    if isinstance(obj, slice):
        ends = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        return {"class_name": "__slice__", "config": ends}
    if isinstance(obj, Model):
        return config_of(obj)
    if isinstance(obj, Description):
        return wrapped(obj)
    if isinstance(obj, SeedGenerator):
        return _node("keras.random", "SeedGenerator", obj.get_config())
    name = getattr(obj, "__name__", "")
    if name and name != "<lambda>" and callable(obj) and not isinstance(obj, type):
        return _node("builtins", "function", get_registered_name(obj), "function")
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        title = get_registered_name(type(obj))
        return _node(type(obj).__module__, type(obj).__name__, obj.get_config(), title)
    raise mistyped(
        "serialize_keras_object",
        repr(obj),
        "what settings describe",
        "write a named function, or a class with get_config",
    )


def _node(module: str, name: str, settings: Any, registered: str | None = None) -> Any:
    return {
        "module": module,
        "class_name": name,
        "config": settings,
        "registered_name": registered,
    }


@keras_keywords
def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Identifier] | None = None,
    safe_mode: bool = True,
) -> Any:
    """The object that `serialize_keras_object`, of onefit or Keras, wrote down.

    Args:
        config: What was written.
        custom_objects: Your own classes and functions, by the names in it.
        safe_mode: Accepted: code in configs is never run.

    Raises:
        ValueError: A name that is neither onefit's nor registered nor handed over.

    Example:
        >>> config = serialize_keras_object(onefit.regularizers.L2(0.1))
        >>> deserialize_keras_object(config)
        L2(l2=0.1)

    Source: Keras, `keras.saving.deserialize_keras_object`.
    """
    del safe_mode
    if isinstance(config, list | tuple):
        return type(config)(deserialize_keras_object(v, custom_objects) for v in config)
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    settings: Any = config.get("config")
    if name is None:
        return {
            k: deserialize_keras_object(v, custom_objects) for k, v in config.items()
        }
    with CustomObjectScope(custom_objects):
        match name:
            case "__numpy__":
                return np.asarray(settings["value"], settings.get("dtype"))
            case "__tensor__":
                return jax.numpy.asarray(settings["value"], settings.get("dtype"))
            case "__slice__":
                return slice(*(settings[end] for end in ("start", "stop", "step")))
            case "SeedGenerator":
                return SeedGenerator.from_config(settings)
            case "Functional" | "Sequential" if "layers" in settings:
                return model_from_json(json.dumps(config), dict(custom.known()))
            case "function":
                return _function(str(settings))
        for title in (config.get("registered_name"), name):
            found = custom.lookup(str(title))
            own = isinstance(found, type) and not issubclass(found, Description)
            if own and hasattr(found, "from_config"):
                return found.from_config(settings)
        return Reader(custom.known()).value(config, "deserialize_keras_object")


def _function(name: str) -> Any:
    """The function of a name: registered, an activation, a loss, a metric."""
    found = custom.lookup(name)
    rooms = [room for room in (activations, losses, metrics) if name in room.__all__]
    if found is None and not rooms:
        names = {*custom.known(), *activations.__all__, *losses.__all__}
        raise unknown("function", name, names, "dir(onefit.activations)")
    return getattr(rooms[0], name) if found is None else found


@keras_keywords
def load_weights(
    model: Model, filepath: str | os.PathLike, skip_mismatch: bool = False
) -> None:
    """Gives a model the weights of a file, as `model.load_weights` does."""
    model.load_weights(filepath, skip_mismatch)


@keras_keywords
def save_weights(
    model: Model, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model's weights to a file, as `model.save_weights` does."""
    model.save_weights(filepath, overwrite)


def __getattr__(name: str) -> NoReturn:
    raise absent("onefit.saving", name)
