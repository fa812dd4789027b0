"""Keras' files: `.keras`, a model as a zip of JSON and HDF5, `.weights.h5`, and `.h5`.

What is written opens in Keras, and Keras' files open here. A file is not trusted: it
names classes of onefit or those that the caller hands over, and nothing of it is
run. Writes are atomic: a file is the old one or the new one, never a part.
"""

import datetime
import functools
import inspect
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from onefit.errors import OnefitWarning, invalid, mistyped
from onefit.files import archive, legacy, safetensors, words
from onefit.files import config as keras_config
from onefit.files import weights as keras_weights
from onefit.files.archive import CONFIG, METADATA, WEIGHTS
from onefit.files.atomic import replaced
from onefit.files.limits import Limits
from onefit.files.loader import Loader
from onefit.files.optimizer import Saved, from_variables, to_variables
from onefit.files.refusal import BadFile, refusal
from onefit.files.writer import write_model
from onefit.layers.base import Layer
from onefit.networks.network import FACES, Network
from onefit.training.compiled import Compiled
from onefit.training.own_steps import is_own
from onefit.types import Config, Identifier

if TYPE_CHECKING:
    import numpy as np
    from h5py import Dataset

__all__ = [
    "config_of",
    "load_model",
    "load_weights",
    "model_from_json",
    "save_model",
    "save_weights",
]

KERAS = "3.15.1"
"""The version of Keras whose files these are like."""


# Writing ------------------------------------------------------------------------------


def save_model(
    model: Compiled, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model, what `compile` said and the optimizer's state to a `.keras` file.

    What has no name to be found again by, such as a lambda as a loss, leaves out all
    that `compile` said, with a warning.

    Args:
        model: A model that has its weights.
        filepath: The file, whose name ends in '.keras', or in '.h5' for Keras' older
            form.
        overwrite: Whether it may replace a file.

    Raises:
        ValueError: A model without weights, a layer that settings do not describe.
    """
    path = _path("save", filepath, ".keras", *legacy.ENDINGS)
    _built("save", model)
    node, optimizer = config_of(model, compiled=False), Saved()
    try:
        settings = _compiled(model)
        json.dumps(settings)
    except (BadFile, TypeError, ValueError) as error:
        _warn(f"what compile said is not saved: {error}")
    else:
        node["compile_config"] = settings
        optimizer = _variables(model) if settings else {}
    if path.suffix in legacy.ENDINGS:
        _as_json(node, model.name)
        with replaced(path, overwrite=overwrite) as file:
            legacy.write(file, model.whole, node, KERAS, optimizer.get("optimizer"))
        return
    weights, vocabularies = io.BytesIO(), words.words_of(model.whole)
    keras_weights.write(weights, model.whole, model.name, optimizer)
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS, "date_saved": now, "written_by": "onefit"}
    with (
        replaced(path, overwrite=overwrite) as file,
        zipfile.ZipFile(file, "w") as zip_,
    ):
        zip_.writestr(METADATA, json.dumps(metadata))
        zip_.writestr(CONFIG, _as_json(node, model.name))
        zip_.writestr(WEIGHTS, weights.getbuffer())
        for at, lines in vocabularies.items():
            zip_.writestr(f"assets/{at}/vocabulary.txt", lines)


def save_weights(
    model: Compiled, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes the weights to a `.weights.h5` or `.safetensors` file.

    The optimizer's state is in the first alone; the second has each weight by a name
    such as "dense/kernel", for whatever else reads the format.

    Raises:
        ValueError: A model without weights.
    """
    path = _path("save_weights", filepath, ".weights.h5", ".safetensors")
    _built("save_weights", model)
    if path.name.endswith(".safetensors"):
        metadata = {"written_by": "onefit", "model": model.name}
        named = keras_weights.named(model.whole)
        safetensors.write(path, named, metadata, overwrite=overwrite)
        return
    optimizer = _variables(model) if model.optimizer is not None else {}
    with replaced(path, overwrite=overwrite) as file:
        keras_weights.write(file, model.whole, model.name, optimizer)


def config_of(model: Compiled, compiled: bool = True) -> Config:
    """A model as Keras' JSON has it, with what `compile` said if `compiled`."""
    node = write_model(model)
    return node | {"compile_config": _compiled(model)} if compiled else node


def _compiled(model: Compiled) -> Config:
    """What `compile` said, or what the model's class says of it."""
    held: Any = model  # a Model, whose room stands below
    return held.get_compile_config()


def _variables(model: Compiled) -> Saved:
    if not model.trainable_weights:
        return {}
    assert model.optimizer is not None  # as the callers have asked
    try:
        state = model.optimizer_state
        return to_variables(model.graph, model.optimizer, state)
    except ValueError as error:
        _warn(f"the optimizer's state is not saved: {error}")
        return {}


def _as_json(node: Config, name: str) -> str:
    try:
        return json.dumps(node)
    except TypeError as error:
        raise invalid(
            name,
            f"a layer's config that JSON cannot hold ({error})",
            "numbers, strings, lists and dicts",
            "write get_config so that it returns those",
        ) from error


def _built(where: str, model: Compiled) -> None:
    if not model.built or not (model.layers or model.weights):
        raise invalid(
            where,
            f"the model {model.name!r}, which has no weights yet",
            "a model that was built",
            "begin it with Input((4,)), or call model.build((None, 4)) or fit",
        )


def _warn(text: str) -> None:
    warnings.warn(text, OnefitWarning, stacklevel=4)


def _path(where: str, filepath: str | os.PathLike, *endings: str) -> Path:
    """A path with one of these endings."""
    name = os.fspath(filepath)
    if not name.endswith(endings):
        raise invalid(
            where,
            f"filepath={name!r}",
            f"a name that ends in {' or '.join(endings)}",
            f"write {name.split('.')[0] + endings[0]!r}",
        )
    return Path(name)


def _refuse_other(where: str, path: Path) -> None:
    """Says what to do with files that hold no model in a form that is read."""
    new = f"{path.name.removesuffix('.weights.h5').split('.')[0]}.keras"
    if path.name.endswith(".weights.h5"):
        raise _no_layers(where, path)
    if path.is_dir():
        raise invalid(
            where,
            f"the folder {path.name!r}, as TensorFlow's SavedModel is",
            "a .keras file",
            f"convert it with the Keras that wrote it: "
            f"tf.keras.models.load_model({path.name!r}).save({new!r})",
        )


def _no_layers(where: str, path: Path) -> ValueError:
    return invalid(
        where,
        f"{path.name!r}, which holds weights and no layers",
        "a file of a whole model",
        f"make the model, then write model.load_weights({path.name!r})",
    )


# Reading ------------------------------------------------------------------------------


def load_model(
    filepath: str | os.PathLike,
    custom_objects: dict[str, Identifier] | None = None,
    compile: bool = True,
    limits: Limits | None = None,
) -> Compiled:
    """The model in a `.keras` or `.h5` file; `models.load_model` explains it."""
    _refuse_other("load_model", Path(filepath))
    path = _path("load_model", filepath, ".keras", *legacy.ENDINGS)
    where = f"load_model({os.fspath(filepath)!r})"
    custom_objects, limits = _checked(custom_objects), limits or Limits()
    if path.suffix in legacy.ENDINGS:
        return _load_legacy(path, where, custom_objects, compile, limits)
    with (
        _refusing(where),
        archive.members(path, where, limits, (CONFIG, WEIGHTS)) as (
            (text, weights),
            vocabularies,
        ),
    ):
        node = archive.parsed(text.getvalue(), where, limits, f"a {CONFIG}")
        with keras_weights.read(weights, where, limits) as store:
            reader = keras_config.Reader(custom_objects, limits)
            store.vocabularies = reader.vocabularies = vocabularies
            build = functools.partial(keras_weights.build, store=store)
            model, layers = Loader(reader, build).model(node, where)
            assert isinstance(model, Compiled)  # as all of FACES are
            if model.is_own() and model.built:
                keras_weights.put(model.whole, store)
            if not model.built:
                raise refusal(
                    where,
                    received="a model that was not built",
                    expected="one with weights",
                    fix="save it after fit, or begin it with an Input",
                )
            store.nothing_else()
            if compile and _compiled_as(model, node, custom_objects, where):
                _restore(model, store.arrays("optimizer"), layers)
    return model


def _load_legacy(
    path: Path, where: str, custom: dict[str, Identifier], compile: bool, limits: Limits
) -> Compiled:
    """The model in a file of Keras' older format."""
    archive.refuse_missing(path, where)
    with (
        _refusing(where),
        open(path, "rb") as file,
        keras_weights.read(file, where, limits) as store,
    ):
        text = legacy.text(store, "model_config")
        if text is None:
            raise BadFile(str(_no_layers(where, path)))
        node = archive.parsed(text, where, limits, "a model_config")
        reader = keras_config.Reader(custom, limits)
        found = legacy.weights(store)
        numbers = sum(array.size or 0 for arrays in found.values() for array in arrays)
        drawn = keras_weights.Drawn(where, limits, numbers)
        model, layers = Loader(reader, drawn).model(legacy.modern(node), where)
        assert isinstance(model, Compiled)
        if not model.built:
            raise refusal(
                where, received="a model that was not built", expected="weights"
            )
        legacy.put(model.whole, found, store)
        said = legacy.text(store, "training_config") if compile else None
        if said is not None:
            told = archive.parsed(said, where, limits, "a training_config")
            settings = {"compile_config": legacy.training(told)}
            try:
                if _compiled_as(model, settings, custom, where):
                    _restore(model, legacy.optimizer(store), layers)
            except ValueError as error:
                _warn(f"what compile said is not taken up: {error}")
    return model


def model_from_json(
    json_string: str,
    custom_objects: dict[str, Identifier] | None = None,
    limits: Limits | None = None,
) -> Compiled:
    """The model that `to_json` wrote; see `models.model_from_json`."""
    where, limits = "model_from_json", limits or Limits()
    if not isinstance(json_string, str | bytes):
        raise mistyped(
            where,
            type(json_string).__name__,
            "text",
            "write model_from_json(model.to_json())",
        )
    custom_objects = _checked(custom_objects)
    with _refusing(where):
        node = archive.parsed(json_string, where, limits, "text")
        reader = keras_config.Reader(custom_objects, limits)
        model, _ = Loader(reader, keras_weights.Drawn(where, limits)).model(node, where)
        assert isinstance(model, Compiled)
        _compiled_as(model, node, custom_objects, where)
    return model


def model_from_config(
    cls: type[Network], config: Config, custom_objects: dict[str, Identifier] | None
) -> Network:
    """The model of a class of FACES with these settings; see `Model.from_config`."""
    name = next(name for name, face in FACES.items() if face is cls)
    node = {"module": "keras", "class_name": name, "config": dict(config)}
    text = json.dumps({"registered_name": name} | node)
    return model_from_json(text, custom_objects)


def load_weights(
    model: Compiled,
    filepath: str | os.PathLike,
    limits: Limits | None = None,
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> None:
    """Gives a model the weights in a file: HDF5, `.safetensors` or `.keras`.

    If the model is compiled with the optimizer that the file has the state of, that
    state is taken up too. A file that does not fit changes nothing.

    Args:
        model: A model that has its weights.
        filepath: The file.
        limits: How much the file may ask for, if it is more than the usual.
        skip_mismatch: Whether a layer stays as it is where the file's arrays misfit.
        by_name: Of a file of Keras' old format: whether only the layers whose names it
            has are given weights.

    Raises:
        ValueError: A file that is damaged or of another model (which weight); a
            setting that this kind of file does not have.
    """
    endings = (".weights.h5", ".safetensors", ".keras", *legacy.ENDINGS)
    path = _path("load_weights", filepath, *endings)
    where, limits = f"load_weights({os.fspath(filepath)!r})", limits or Limits()
    _built("load_weights", model)
    left: list[str] = []
    with _refusing(where):
        if path.name.endswith(".keras"):
            with archive.members(path, where, limits, (WEIGHTS,)) as ((weights,), _):
                left = _fill(model, weights, where, limits, skip_mismatch, by_name)
            _say_left(where, left)
            return
        archive.refuse_missing(path, where)
        if path.name.endswith(".safetensors"):
            for name, given in (("skip_mismatch", skip_mismatch), ("by_name", by_name)):
                if given:
                    raise _of_other_files(where, name)
            wanted = keras_weights.named(model.whole)
            arrays = safetensors.read(path, where, wanted, limits)
            keras_weights.put_named(model.whole, arrays)
            model.optimizer_state = None
            return
        with open(path, "rb") as file:
            left = _fill(model, file, where, limits, skip_mismatch, by_name)
    _say_left(where, left)


def _of_other_files(where: str, name: str) -> BadFile:
    return refusal(
        where,
        received=f"{name}=True",
        expected="an .h5 file of Keras' old format for by_name, .keras, .weights.h5 or "
        "such a one for skip_mismatch",
        fix="leave it out",
    )


def _say_left(where: str, left: list[str]) -> None:
    if left:
        names = ", ".join(map(repr, left))
        _warn(f"{where}: the file's arrays do not fit {names}, which stay as they are.")


def _fill(
    model: Compiled,
    file: IO[bytes],
    where: str,
    limits: Limits,
    skip: bool = False,
    by_name: bool = False,
) -> list[str]:
    """Gives a model what is in a file; returns the layers that it does not fit."""
    with keras_weights.read(file, where, limits) as store:
        if legacy.is_legacy(store):
            found = legacy.weights(store)
            left = legacy.put(model.whole, found, store, by_name, skip)
            model.optimizer_state = None
            return left
        if by_name:
            raise _of_other_files(where, "by_name")
        arrays = store.arrays("optimizer")
        left = keras_weights.put(model.whole, store, skip)
        model.optimizer_state = None
        if model.optimizer is None or not arrays or left:
            return left
        try:
            name = store.name("optimizer")  # Keras' files are known by their arrays
            if name and _kind(name) != _kind(model.optimizer.name):
                raise refusal(
                    where,
                    received=f"the state of {name!r}",
                    expected=f"that of {model.optimizer.name!r}",
                )
            _restore(model, arrays)
        except ValueError as error:
            _warn(f"only the weights are taken, and the optimizer begins anew: {error}")
        return left


def _kind(name: str | None) -> str:
    """An optimizer's name without Keras' numbers: 'adam_w_1' is 'adamw'."""
    return re.sub(r"_(\d+$)?", "", str(name).lower())


def _compiled_as(
    model: Compiled, node: Config, custom: dict[str, Identifier], where: str
) -> bool:
    """Compiles a model as its node says; whether it says so.

    A class that writes `compile_from_config` is given what its `get_compile_config`
    said; a `compile` that takes other arguments is not called, as in Keras.
    """
    if is_own(model, "compile_from_config"):
        settings: Config | None = {"config": node.get("compile_config")}
        held: Any = model  # a Model, whose room stands below
        function: Callable[..., object] = held.compile_from_config
        if not settings["config"]:
            return False
    else:
        settings, function = (
            keras_config.read_compile(node, custom, where),
            model.compile,
        )
        if settings is None:
            return False
    if is_own(model, "compile") and not _takes(function, settings):
        name = type(model).__name__
        _warn(
            f"{where}: the compile of {name} takes other arguments than onefit's and "
            f"was not called. Write compile_from_config(self, config) in {name}, or "
            "call model.compile(...)"
        )
        return False
    try:
        function(**settings)
    except (ValueError, TypeError) as error:
        raise refusal(
            f"{where}, compile",
            received=f"what compile refuses ({error})",
            expected="a loss, metrics and an optimizer that onefit has",
            fix="hand over your own by custom_objects={'name': function}, or load "
            "with compile=False",
        ) from error
    return True


def _takes(function: Callable[..., object], settings: Config) -> bool:
    try:
        inspect.signature(function).bind(**settings)
    except TypeError:
        return False
    return True


def _restore(
    model: Compiled,
    arrays: Sequence["Dataset | np.ndarray"],
    layers: list[Layer] | None = None,
) -> None:
    """Sets the optimizer to Keras' variables, if there is anything to train."""
    if not arrays or not model.trainable_weights:
        return
    assert model.optimizer is not None  # as the callers have asked
    state = from_variables(model.graph, model.optimizer, arrays, layers)
    model.optimizer_state = state


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Whatever a bad file makes fail is one kind of error, in one form."""
    try:
        yield
    except (BadFile, ImportError):
        raise
    except Exception as error:
        lines = str(error).splitlines() or [""]
        raise refusal(
            where,
            received=f"a file that does not open ({type(error).__name__}: {lines[0]})",
            expected="a file that onefit or Keras has written",
            fix="copy it again; load_model(path, compile=False) leaves out what "
            "compile said",
        ) from error


def _checked(custom: dict[str, Identifier] | None) -> dict[str, Identifier]:
    """The caller's classes and functions by name."""
    for name, value in (custom or {}).items():
        if not callable(value):
            raise invalid(
                "custom_objects",
                f"{name!r}: {value!r}",
                "classes and functions by name",
                "write custom_objects={'Scale': Scale}",
            )
    return custom or {}
