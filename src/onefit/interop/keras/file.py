"""Keras' files: `.keras`, a model as a zip of JSON and HDF5, and `.weights.h5`.

What is written opens in Keras, and Keras' files open here. A file is not trusted: it
names classes of the house or those that the caller hands over, and nothing of it is
run. Writes are atomic: a file is the old one or the new one, never a part.
"""

import datetime
import difflib
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from onefit.errors import OnefitWarning, invalid
from onefit.interop.atomic import replaced
from onefit.interop.keras import config as keras_config
from onefit.interop.keras import weights as keras_weights
from onefit.interop.keras.loader import Loader
from onefit.interop.keras.optimizer import from_variables, to_variables
from onefit.interop.keras.writer import write_model
from onefit.interop.refusal import BadFile, refusal
from onefit.layers.base import Layer
from onefit.models.model import Model

__all__ = [
    "LIMIT",
    "config_of",
    "load_model",
    "load_weights",
    "save_model",
    "save_weights",
]

LIMIT = 1 << 32
"""The most bytes that a file may unpack to, and that its arrays may have: 4 GiB."""

CONFIG_LIMIT = 1 << 26
"""The most bytes of JSON: 64 MiB."""

KERAS = "3.15.1"
"""The version of Keras whose files these are like."""

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MEMBERS = {METADATA: CONFIG_LIMIT, CONFIG: CONFIG_LIMIT, WEIGHTS: LIMIT}


# Writing ------------------------------------------------------------------------------


def save_model(
    model: Model, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model, what `compile` said and the optimizer's state to a `.keras` file.

    What has no name to be found again by, such as a lambda as a loss, leaves out all
    that `compile` said, with a warning.

    Args:
        model: A model that has its weights.
        filepath: The file, whose name ends in '.keras'.
        overwrite: Whether it may replace a file.

    Raises:
        ValueError: A model without weights, a layer that settings do not describe.
    """
    path = _path("save", filepath, ".keras")
    _built("save", model)
    node, optimizer = config_of(model, compiled=False), None
    try:
        told = _compiled(model)
        json.dumps(told)
    except (BadFile, TypeError, ValueError) as error:
        _warn(f"what compile said is not saved: {error}")
    else:
        node["compile_config"] = told
        optimizer = _variables(model) if told else None
    weights = keras_weights.written(model.graph, model.name, optimizer)
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": KERAS, "date_saved": now, "written_by": "onefit"}
    with (
        replaced(path, overwrite=overwrite) as file,
        zipfile.ZipFile(file, "w") as zip_,
    ):
        zip_.writestr(METADATA, json.dumps(metadata))
        zip_.writestr(CONFIG, _as_json(node, model.name))
        zip_.writestr(WEIGHTS, weights)


def save_weights(
    model: Model, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes the weights, and the optimizer's state, to a `.weights.h5` file.

    Raises:
        ValueError: A model without weights.
    """
    path = _path("save_weights", filepath, ".weights.h5")
    _built("save_weights", model)
    optimizer = _variables(model) if model.optimizer is not None else None
    weights = keras_weights.written(model.graph, model.name, optimizer)
    with replaced(path, overwrite=overwrite) as file:
        file.write(weights)


def config_of(model: Model, compiled: bool = True) -> dict[str, Any]:
    """A model as Keras' JSON has it, with what `compile` said if `compiled`."""
    node = write_model(model)
    return node | {"compile_config": _compiled(model)} if compiled else node


def _compiled(model: Model) -> dict[str, Any]:
    return {} if model.optimizer is None else keras_config.write_compile(model)


def _variables(model: Model) -> tuple[str, list[Any]] | None:
    try:
        state = model.optimizer_state
        found = to_variables(model.graph, model.optimizer, state)
    except ValueError as error:
        _warn(f"the optimizer's state is not saved: {error}")
        return None
    return str(model.optimizer.name), found


def _as_json(node: Any, name: str) -> str:
    try:
        return json.dumps(node)
    except TypeError as error:
        raise invalid(
            name,
            received=f"a layer's config that JSON cannot hold ({error})",
            expected="numbers, strings, lists and dicts",
            fix="write get_config so that it returns those",
        ) from error


def _built(where: str, model: Model) -> None:
    if not model.layers or not model.built:
        raise invalid(
            where,
            received=f"the model {model.name!r}, which has no weights yet",
            expected="a model that was built",
            fix="begin it with Input((4,)), or call model.build((None, 4)) or fit",
        )


def _warn(text: str) -> None:
    warnings.warn(text, OnefitWarning, stacklevel=4)


def _path(where: str, filepath: Any, *endings: str) -> Path:
    """A path with one of these endings."""
    name = os.fspath(filepath)
    if not name.endswith(endings):
        raise invalid(
            where,
            received=f"filepath={name!r}",
            expected=f"a name that ends in {' or '.join(endings)}",
            fix=f"write {name.split('.')[0] + endings[0]!r}",
        )
    return Path(name)


# Reading ------------------------------------------------------------------------------


def load_model(
    filepath: str | os.PathLike,
    custom_objects: dict[str, Any] | None = None,
    compile: bool = True,
) -> Model:
    """The model in a `.keras` file of onefit or Keras, ready to go on.

    It is a Sequential or a Model of inputs and outputs, as it was when it was saved.

    Args:
        filepath: The file.
        custom_objects: Your own classes (subclasses of Layer, Loss and so on) and
            functions, by the names that the file has.
        compile: Whether to take up what `compile` said and the optimizer's state.

    Raises:
        ValueError: A file that is not there, is damaged, or has what onefit has not.

    Example:
        >>> import tempfile
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.keras")
        ...     again = load_model(f"{folder}/model.keras")
        >>> x = np.ones((1, 2))
        >>> bool(np.all(again.predict(x) == model.predict(x)))
        True
    """
    path = _path("load_model", filepath, ".keras")
    where = f"load_model({os.fspath(filepath)!r})"
    custom_objects = _checked(custom_objects)
    with _refusing(where), _opened(path, where) as members:
        node = _json(members[CONFIG], where)
        with keras_weights.read(io.BytesIO(members[WEIGHTS]), where, LIMIT) as store:
            reader = keras_config.Reader(custom_objects)
            model, layers = Loader(reader, store).model(node, where)
            store.nothing_else()
            told = None
            if compile:
                told = keras_config.read_compile(node, custom_objects, where)
            if told is not None:
                _compile(model, told, where)
                _restore(model, store.arrays("optimizer"), layers)
    return model


def load_weights(model: Model, filepath: str | os.PathLike) -> None:
    """Gives a model the weights in a `.weights.h5` or `.keras` file.

    If the model is compiled with the optimizer that the file has the state of, that
    state is taken up too. A file that does not fit changes nothing.

    Raises:
        ValueError: A file that is damaged or of another model (which weight).
    """
    path = _path("load_weights", filepath, ".weights.h5", ".keras")
    where = f"load_weights({os.fspath(filepath)!r})"
    _built("load_weights", model)
    with _refusing(where):
        if path.name.endswith(".keras"):
            with _opened(path, where) as members:
                _fill(model, io.BytesIO(members[WEIGHTS]), where)
        else:
            _there(path, where)
            with open(path, "rb") as file:
                _fill(model, file, where)


def _fill(model: Model, file: Any, where: str) -> None:
    with keras_weights.read(file, where, LIMIT) as store:
        arrays = store.arrays("optimizer")
        keras_weights.put(model.graph, store)
        model.optimizer_state = None
        if model.optimizer is None or not arrays:
            return
        try:
            same = _kind(store.name("optimizer")) == _kind(model.optimizer.name)
            if not same:
                raise refusal(
                    where,
                    received=f"the state of {store.name('optimizer')!r}",
                    expected=f"that of {model.optimizer.name!r}",
                )
            _restore(model, arrays)
        except ValueError as error:
            _warn(f"only the weights are taken, and the optimizer begins anew: {error}")


def _kind(name: Any) -> str:
    """An optimizer's name without Keras' numbers: 'adam_w_1' is 'adamw'."""
    return re.sub(r"_(\d+$)?", "", str(name).lower())


def _compile(model: Model, told: dict[str, Any], where: str) -> None:
    try:
        model.compile(**told)
    except (ValueError, TypeError) as error:
        raise refusal(
            f"{where}, compile",
            received=f"what compile refuses ({error})",
            expected="a loss, metrics and an optimizer that onefit has",
            fix="hand over your own by custom_objects={'name': function}, or load "
            "with compile=False",
        ) from error


def _restore(
    model: Model, arrays: list[Any], layers: list[Layer] | None = None
) -> None:
    """Sets the optimizer to Keras' variables, if there are any."""
    if not arrays:
        return
    state = from_variables(model.graph, model.optimizer, arrays, layers)
    if model.optimizer.constant_rate:
        model.optimizer.learning_rate = float(state["learning_rate"])
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


@contextmanager
def _opened(path: Path, where: str) -> Iterator[dict[str, bytes]]:
    """The members of a `.keras` file, once their names and sizes are checked."""
    _there(path, where)
    with open(path, "rb") as file:
        start = file.read(8)
        if not zipfile.is_zipfile(file):
            kind = "an HDF5 file" if start[1:4] == b"HDF" else "no zip file, or a part"
            raise refusal(
                where,
                received=kind,
                expected="a whole .keras file",
                fix="copy or save it again, in Keras by model.save('name.keras')",
            )
        with zipfile.ZipFile(file) as zip_:
            infos = zip_.infolist()
            names = sorted(info.filename for info in infos)
            if names != sorted(MEMBERS):
                raise refusal(
                    where,
                    received=f"members {_some(names)}",
                    expected=f"{', '.join(sorted(MEMBERS))}, once each",
                    fix="files with other assets, such as vocabularies, do not open",
                )
            for info in infos:
                limit, packed = MEMBERS[info.filename], max(info.compress_size, 1)
                bomb = info.file_size > 1 << 20 and info.file_size > 100 * packed
                if info.file_size > limit or bomb:
                    raise refusal(
                        where,
                        received=f"{info.filename} of {info.file_size:,} bytes, packed "
                        f"in {info.compress_size:,}",
                        expected=f"{limit:,} bytes at most, no more than 100 times the "
                        "packed",
                        fix="ask where the file is from",
                    )
            yield {info.filename: zip_.read(info) for info in infos}


def _there(path: Path, where: str) -> None:
    if path.is_file():
        return
    others = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, others, 1)
    raise refusal(
        where,
        received="a path with no file" if not path.is_dir() else "a folder",
        expected="a file that exists",
        fix=f"did you mean {str(path.with_name(near[0]))!r}?" if near else "",
    )


def _json(data: bytes, where: str) -> dict[str, Any]:
    try:
        node = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise refusal(
            where,
            received=f"a {CONFIG} that is no JSON",
            expected="a model's config",
            fix="copy or save the file again",
        ) from error
    if not isinstance(node, dict):
        raise refusal(where, received=f"a {CONFIG} of no model", expected="one")
    return node


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:5])
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _checked(custom: dict[str, Any] | None) -> dict[str, Any]:
    """The caller's classes and functions by name."""
    for name, found in (custom or {}).items():
        if not callable(found):
            raise invalid(
                "custom_objects",
                received=f"{name!r}: {found!r}",
                expected="classes and functions by name",
                fix="write custom_objects={'Scale': Scale}",
            )
    return custom or {}
