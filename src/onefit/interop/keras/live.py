"""Live models of Keras: as models here and back, and trained here in place.

They go by a file in a temporary folder, the same that `model.save` writes: what is true
of files (`file.py`) is true of them, whatever backend Keras has.
"""

import contextlib
import inspect
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onefit import callbacks as ours
from onefit.errors import invalid, mistyped
from onefit.interop.keras.archive import CONFIG
from onefit.interop.keras.file import load_model, save_weights
from onefit.interop.refusal import BadFile
from onefit.models.model import Model
from onefit.models.tasks import flat, is_many
from onefit.training.callback import Callback, overrides
from onefit.training.history import History
from onefit.training.rules import Rule

__all__ = ["fit", "from_keras", "to_keras"]


def from_keras(model: Any, custom_objects: dict[str, Any] | None = None) -> Model:
    """A model that computes what a `keras.Model` computes, ready to go on.

    It has the weights, what `compile` said and the optimizer's state.

    Args:
        model: A Sequential or functional model of Keras, on any backend.
        custom_objects: Your own classes (subclasses of onefit's) and functions, by the
            names that the model's config has.

    Raises:
        ValueError: A subclassed model, or what onefit has not (which layer).
        ImportError: keras is not installed.

    Example:
        >>> import keras
        >>> theirs = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model = from_keras(theirs)
        >>> bool(np.allclose(model.get_weights()[0], theirs.get_weights()[0]))
        True
    """
    _check(model, "from_keras")
    return _taken(model, custom_objects, "from_keras")


def to_keras(model: Model, custom_objects: dict[str, Any] | None = None) -> Any:
    """The `keras.Model` that computes what a model computes, ready to go on.

    It has the weights, what `compile` said and the optimizer's state.

    Args:
        model: A model that has its weights.
        custom_objects: Keras' classes and functions for your own, by name.

    Raises:
        ValueError: A model without weights, a layer that Keras has not.
        ImportError: keras is not installed.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> theirs = to_keras(Sequential([Input((2,)), Dense(1)], name="line"))
        >>> theirs.name, theirs.count_params()
        ('line', 3)
    """
    keras = package()
    with _folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        return keras.models.load_model(path, custom_objects=custom_objects)


def fit(
    model: Any,
    x: Any = None,
    y: Any = None,
    batch_size: int | None = None,
    epochs: int = 1,
    verbose: Any = "auto",
    callbacks: Any = None,
    validation_split: float = 0.0,
    validation_data: Any = None,
    shuffle: bool = True,
    class_weight: dict[int, float] | None = None,
    sample_weight: Any = None,
    initial_epoch: int = 0,
    steps_per_epoch: int | None = None,
    validation_steps: int | None = None,
    validation_batch_size: int | None = None,
    validation_freq: Any = 1,
    *,
    custom_objects: dict[str, Any] | None = None,
) -> History:
    """Trains a compiled `keras.Model` by one compiled program, and gives it what it
    learned: `fit(model, x, y, epochs=9)` in the place of `model.fit(x, y, epochs=9)`.

    The model's weights, and its optimizer's state and rate, are read before and written
    after it, in place, also when it is interrupted. So training can go on by either
    way.

    Args:
        model: A Sequential or functional model of Keras that `compile` was called on.
        callbacks: Keras' callbacks that onefit has, too, and onefit's own. Those of
            Keras know afterwards what they know in Keras (`stopped_epoch`, `best`).
        x, y, batch_size, epochs, verbose, validation_split, validation_data, shuffle,
            class_weight, sample_weight, initial_epoch, steps_per_epoch,
            validation_steps, validation_batch_size, validation_freq: As in Keras, with
            arrays that fit in memory.
        custom_objects: As in `from_keras`.

    Returns:
        The History: `.history["loss"]` and so on, as Keras', and `model.history`, too.

    Raises:
        ValueError, TypeError: A model, a callback or data that onefit has not (which),
            before anything is trained.

    Differs from Keras: the order of rows and what dropout drops are other draws,
    repeatable by `onefit.utils.set_random_seed`.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> x, y = onefit.datasets.xor()
        >>> history = fit(model, x, y, epochs=3, verbose=0)
        >>> len(history.history["loss"]), int(model.optimizer.iterations)
        (3, 3)
    """
    _check(model, "fit")
    if not model.compiled:
        raise invalid(
            f"fit, {model.name!r}",
            "a model without compile",
            "a loss and an optimizer first",
            "write model.compile(optimizer='adam', loss='mse')",
        )
    given = list(callbacks or []) if is_many(callbacks) else [callbacks]
    pairs = [(callback, translated(callback)) for callback in given]
    if not model.built and hasattr(x, "shape"):
        model.build((None, *x.shape[1:]))
    mine = _taken(model, custom_objects, "fit")
    _name_as_keras(mine)
    mirror = _Mirror(mine, model)
    hosts = [own for _, own in pairs if own is not None]
    if any(_looks(theirs, own) for theirs, own in pairs):
        hosts.insert(0, mirror)
    with mirror.writing():
        history = mine.fit(
            x,
            y,
            batch_size,
            epochs,
            verbose,
            hosts,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
        )
    for theirs, own in pairs:
        _tell(theirs, own, history)
    model.history, history.model = history, model
    return history


def package() -> Any:
    """The package keras; asked for by its pip command."""
    try:
        import keras
    except ImportError as error:
        raise ImportError(
            "Live models of Keras need keras, which is not installed. Write "
            '`pip install "onefit[keras]"`.'
        ) from error
    return keras


def _check(model: Any, where: str) -> None:
    """Refuses what is no model of Keras, or one that only its code describes."""
    keras = package()
    if not isinstance(model, keras.Model):
        raise mistyped(
            where,
            repr(model),
            "a keras.Model",
            "a model of onefit has its own fit: model.fit(x, y)"
            if isinstance(model, Model)
            else "",
        )
    functional = keras.src.models.functional.Functional
    if not isinstance(model, keras.Sequential | functional):
        raise invalid(
            f"{where}, {model.name!r}",
            f"a {type(model).__name__}, a subclass that only code describes",
            "a Sequential or a functional model, of inputs and outputs: only "
            "those are taken",
            "write keras.Model(inputs, outputs) with the layers called in between",
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onefit-") as name:
        yield Path(name)


# Here ---------------------------------------------------------------------------------

WORDS = (
    (r" The file says that it is of .*?; nothing is imported for a file\.", ""),
    (r"a class of your own: ", "a class of your own, written for onefit: "),
    (r"load_model\(path, custom_objects", "{where}(model, custom_objects"),
    (r", or load with compile=False", ""),
    (r", and save (the model|it) again", ""),
    (r"Save the model without it", "Leave it out"),
)
"""What errors of files say, and what those of live models say."""


def _taken(model: Any, custom: dict[str, Any] | None, where: str) -> Model:
    """The model of a model of Keras; errors speak of it, and not of the file."""
    given = _given(model) if model.compiled else {}
    for part, value in given.items():
        _refuse_functions(value, custom or {}, f"{where}: {part}")
    with _folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        _complete(path, given, where)
        try:
            return load_model(path, custom, compile=model.compiled)
        except BadFile as error:
            text = str(error).removeprefix(f"load_model({os.fspath(path)!r}), ")
            text = f"{where}: {text.removeprefix('compile, ')}"
            for said, wanted in WORDS:
                text = re.sub(said, wanted.format(where=where), text)
            raise BadFile(text) from None


def _given(model: Any) -> dict[str, Any]:
    """The losses and metrics that `compile` was given, as they live."""
    told = model._compile_config.config
    return {part: told.get(part) for part in ("loss", "metrics", "weighted_metrics")}


def _refuse_functions(value: Any, custom: dict[str, Any], where: str) -> None:
    """Refuses functions that were not handed over, whatever name they have."""
    for one in flat(value):
        name = getattr(one, "__name__", "")
        keras = str(getattr(one, "__module__", "")).startswith("keras.")
        names = {name, package().saving.get_registered_name(one)} if name else set()
        if inspect.isfunction(one) and not keras and not names & custom.keys():
            known = name.isidentifier()
            title = name if known else "mine"
            raise invalid(
                where,
                f"the function {name!r}" if known else "a lambda",
                "what onefit has, or a function that is handed over, too",
                f"{'write' if known else 'make it a `def mine`, write'} the same "
                f"in jax.numpy, and hand that over: custom_objects={{{title!r}: ...}}",
            )


def _complete(path: Path, given: dict[str, Any], where: str) -> None:
    """Adds to a file the settings of losses and metrics that Keras leaves out."""
    with zipfile.ZipFile(path) as file:
        node = json.loads(file.read(CONFIG))
        before = json.dumps(node)
        for part, value in given.items():
            _add(node["compile_config"].get(part), value, f"{where}: {part}")
        if json.dumps(node) == before:
            return
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (parts | {CONFIG: json.dumps(node)}).items():
            file.writestr(name, content)


def _add(node: Any, live: Any, where: str) -> None:
    """Adds what an object was made with, and its config has not, to its node."""
    if isinstance(live, dict) and isinstance(node, dict):
        for name, value in live.items():
            _add(node.get(name), value, where)
    elif isinstance(live, list) and isinstance(node, list):
        for one, value in zip(node, live, strict=True):
            _add(one, value, where)
    elif isinstance(node, dict) and isinstance(node.get("config"), dict):
        usual = inspect.signature(type(live).__init__).parameters
        for name, value in getattr(live, "_fn_kwargs", {}).items():
            if name in node["config"]:
                continue
            if name in usual and value is usual[name].default:
                continue  # the same here
            if not isinstance(value, bool | int | float | str | None):
                raise invalid(
                    f"{where}, {type(live).__name__}",
                    f"{name} of type {type(value).__name__}, which Keras does "
                    "not tell of",
                    "a number or a string",
                    f"write {name} as a plain number",
                )
            node["config"][name] = value


def _name_as_keras(mine: Model) -> None:
    """Has a weighted metric beside its twin called `weighted_accuracy`, as in Keras."""
    build = mine._task

    def renamed(head: Any) -> Any:
        taken, weighted = {str(metric.name) for metric in head.metrics}, []
        for metric in head.weighted_metrics:
            if metric.name in taken:
                metric = metric.replace(name=f"weighted_{metric.name}")
            taken.add(str(metric.name))
            weighted.append(metric)
        return head.replace(weighted_metrics=tuple(weighted))

    def task(batch: Any) -> Any:
        made = build(batch)
        return made.replace(heads=tuple(map(renamed, made.heads)))

    object.__setattr__(mine, "_task", task)


class _Mirror(Callback):
    """Gives Keras' model, and its optimizer, what the model has come to."""

    def __init__(self, mine: Model, theirs: Any) -> None:
        super().__init__()
        self.mine, self.theirs = mine, theirs
        self.begun = self._steps()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Before the other callbacks look."""
        self.write()

    def _steps(self) -> int:
        state = self.mine.optimizer_state
        return 0 if state is None else int(np.asarray(state["iterations"]))

    def write(self) -> None:
        """Writes all that training has changed."""
        if self._steps() == self.begun:
            return
        optimizer = self.theirs.optimizer
        if not optimizer.built:
            optimizer.build(self.theirs.trainable_variables)
        with _folder() as folder:
            path = folder / "model.weights.h5"
            save_weights(self.mine, path)
            self.theirs.load_weights(path)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Writes at the end, whatever it is."""
        try:
            yield
        finally:  # the best weights may have come back since the last epoch
            self.write()


# Callbacks ----------------------------------------------------------------------------

MONITOR = ("monitor", "min_delta", "mode", "verbose")
SETTINGS: dict[str, tuple[str, ...]] = {
    "BackupAndRestore": (
        "backup_dir",
        "save_freq",
        "double_checkpoint",
        "delete_checkpoint",
    ),
    "CSVLogger": ("filename", "append"),
    "EarlyStopping": (
        *MONITOR,
        "patience",
        "baseline",
        "restore_best_weights",
        "start_from_epoch",
    ),
    "LearningRateScheduler": ("schedule", "verbose"),
    "ModelCheckpoint": (
        "filepath",
        "monitor",
        "mode",
        "verbose",
        "save_best_only",
        "save_weights_only",
        "save_freq",
    ),
    "ReduceLROnPlateau": (*MONITOR, "factor", "patience", "cooldown", "min_lr"),
    "TensorBoard": ("log_dir", "histogram_freq", "write_steps_per_second"),
    "TerminateOnNaN": (),
}
"""Callbacks of both names, and the settings that Keras' keep."""

KNOWN = ("stopped_epoch", "best", "best_epoch", "wait")
"""What a callback of Keras knows after a fit."""

HOOKS = (
    "on_epoch_begin",
    "on_epoch_end",
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
)


def translated(callback: Any) -> Any:
    """Onefit's callback for one of Keras'; None for what fit does itself.

    Raises:
        ValueError: A callback that onefit has not, or one of your own.
    """
    if isinstance(callback, Callback | Rule):
        return callback
    name = type(callback).__name__
    keras = type(callback).__module__.startswith("keras.")
    if keras and name in ("History", "ProgbarLogger"):
        return None
    if keras and name == "LambdaCallback":
        hooks = {k: v for k, v in vars(callback).items() if k.startswith("on_")}
        return ours.LambdaCallback(**hooks)
    if not keras or name not in SETTINGS:
        raise invalid(
            "callbacks",
            f"{type(callback).__module__}.{name}",
            f"one of {', '.join(sorted([*SETTINGS, 'LambdaCallback']))}, or "
            "callbacks of onefit",
            "derive yours from onefit.callbacks.Callback, which has Keras' hooks, "
            "or train with model.fit",
        )
    told = {setting: getattr(callback, setting) for setting in SETTINGS[name]}
    if "min_delta" in told:  # below zero once Keras has used it
        told["min_delta"] = abs(told["min_delta"])
    if name == "CSVLogger":
        told["separator"] = callback.sep
    if name == "ModelCheckpoint":
        told["initial_value_threshold"] = callback.best
    return getattr(ours, name)(**told)


def _looks(theirs: Any, own: Any) -> bool:
    """Whether a callback may look at Keras' model in the middle of a fit."""
    mine = theirs is own and not type(own).__module__.startswith("onefit.")
    functions = type(own).__name__ == "LambdaCallback"
    return (mine or functions) and isinstance(own, Callback) and overrides(own, *HOOKS)


def _tell(theirs: Any, own: Any, history: History) -> None:
    """Lets a callback of Keras know what it would know."""
    if type(theirs).__name__ == "History":
        theirs.history, theirs.epoch = history.history, history.epoch
    for name in KNOWN:
        if theirs is not own and hasattr(own, name):
            setattr(theirs, name, getattr(own, name))
