"""Live models of Keras: to models of onefit and back, and trained by onefit in place.

A model is passed on as a file in a temporary folder, the file that `model.save` writes.
So all that is true of `.keras` files is true of it, whatever backend Keras has.
"""

import contextlib
import functools
import inspect
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import callbacks as ours
from onefit.data.batch import Batch
from onefit.errors import invalid, mistyped
from onefit.files.archive import CONFIG
from onefit.files.keras import save_weights
from onefit.files.refusal import BadFile
from onefit.models.loading import load_model
from onefit.models.model import Model
from onefit.packages import package
from onefit.training.callback import Callback, listed, overrides
from onefit.training.compiled import flat
from onefit.training.history import History
from onefit.training.options import FitOptions
from onefit.training.rules import Rule
from onefit.training.task import Head, Task
from onefit.types import Config, Data, Function

if TYPE_CHECKING:
    import keras

__all__ = ["fit", "from_keras", "to_keras"]


_keras = functools.partial(package, "keras", "A live model of Keras")


def from_keras(
    model: "keras.Model", custom_objects: dict[str, Function] | None = None
) -> Model:
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


def to_keras(
    model: Model, custom_objects: dict[str, Function] | None = None
) -> "keras.Model":
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
    keras = _keras()
    with _folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        return keras.models.load_model(path, custom_objects=custom_objects)


def fit(
    model: "keras.Model",
    x: Data = None,
    y: Data = None,
    *settings: Any,
    custom_objects: dict[str, Function] | None = None,
    **options: Any,
) -> History:
    """Trains a compiled `keras.Model` by one compiled program, and gives it what it
    learned: `fit(model, x, y, epochs=9)` in the place of `model.fit(x, y, epochs=9)`.

    The model's weights, and its optimizer's state and rate, are read before and written
    after it, in place, also when it is interrupted. So training can go on by either
    way.

    Args:
        model: A Sequential or functional model of Keras that `compile` was called on.
        x, y: Arrays that fit in memory.
        *settings, **options: The other arguments of Keras' `fit`, in its order or by
            name: batch_size, epochs, verbose, callbacks, validation_split and so on.
            Callbacks are those of Keras that onefit has, too, and onefit's own. Those
            of Keras know afterwards what they know in Keras (`stopped_epoch`, `best`).
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
    asked = FitOptions.given("fit", *settings, **options)
    pairs = [(one, translated(one)) for one in listed(asked.callbacks)]
    if not model.built and hasattr(x, "shape"):
        model.build((None, *x.shape[1:]))
    mine = _taken(model, custom_objects, "fit")
    _name_as_keras(mine)
    mirror = _Mirror(mine, model)
    hosts = [own for _, own in pairs if own is not None]
    if any(_looks(theirs, own) for theirs, own in pairs):
        hosts.insert(0, mirror)
    job: Config = vars(asked) | {"callbacks": hosts}
    with mirror.writing():
        history = mine.fit(x, y, **job)
    for theirs, own in pairs:
        _tell(theirs, own, history)
    model.history, history.model = history, model
    return history


def _check(model: "keras.Model", where: str) -> None:
    """Refuses what is no model of Keras, and subclasses that only code describes."""
    keras = _keras()
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


# A model of Keras as a file -----------------------------------------------------------

WORDS = (
    (r" The file says that it is of .*?; nothing is imported for a file\.", ""),
    (r"a class of your own: ", "a class of your own, written for onefit: "),
    (r"load_model\(path, custom_objects", "{where}(model, custom_objects"),
    (r", or load with compile=False", ""),
    (r", and save (the model|it) again", ""),
    (r"Save the model without it", "Leave it out"),
)
"""What errors of files say, and what those of live models say."""


def _taken(
    model: "keras.Model", custom: dict[str, Function] | None, where: str
) -> Model:
    """Onefit's model for one of Keras; errors speak of the model, not of a file."""
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


def _given(model: Any) -> dict[str, object]:
    """The losses and metrics that `compile` was given, as objects."""
    given = model._compile_config.config  # which is not public
    return {part: given.get(part) for part in ("loss", "metrics", "weighted_metrics")}


def _refuse_functions(value: object, custom: dict[str, Function], where: str) -> None:
    """Refuses functions of the user's that are not in `custom_objects`."""
    for one in flat(value):
        name = getattr(one, "__name__", "")
        keras = str(getattr(one, "__module__", "")).startswith("keras.")
        names = {name, _keras().saving.get_registered_name(one)} if name else set()
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


def _complete(path: Path, given: dict[str, object], where: str) -> None:
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


def _add(node: object, live: object, where: str) -> None:
    """Adds to an object's config the settings that Keras leaves out of it."""
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
                continue  # onefit has the same default
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
    """Names a weighted metric `weighted_accuracy` if an unweighted one has its name."""
    build = mine.task

    def renamed(head: Head) -> Head:
        taken, weighted = {str(metric.name) for metric in head.metrics}, []
        for metric in head.weighted_metrics:
            if metric.name in taken:
                metric = metric.replace(name=f"weighted_{metric.name}")
            taken.add(str(metric.name))
            weighted.append(metric)
        return head.replace(weighted_metrics=tuple(weighted))

    def task(batch: Batch) -> Task:
        made = build(batch)
        return made.replace(heads=tuple(map(renamed, made.heads)))

    mine.task = task


class _Mirror(Callback):
    """Writes the model's weights, and the optimizer's state, back into Keras' model."""

    def __init__(self, mine: Model, theirs: "keras.Model") -> None:
        super().__init__()
        self.mine, self.theirs = mine, theirs
        self.begun = self._steps()

    def on_epoch_end(self, epoch: int, logs: Config | None = None) -> None:
        """Writes the weights before the other callbacks look at the model."""
        self.write()

    def _steps(self) -> int:
        state = self.mine.optimizer_state
        return 0 if state is None else int(np.asarray(state["iterations"]))

    def write(self) -> None:
        """Writes the weights and the optimizer's state, if any step was made."""
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
        """Writes once more at the end, also when an error or Ctrl+C ends the fit."""
        try:
            yield
        finally:  # a callback may have restored the best weights since the last epoch
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


def translated(callback: Any) -> Callback | Rule | None:
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
    settings = {setting: getattr(callback, setting) for setting in SETTINGS[name]}
    if "min_delta" in settings:  # below zero once Keras has used it
        settings["min_delta"] = abs(settings["min_delta"])
    if name == "CSVLogger":
        settings["separator"] = callback.sep
    if name == "ModelCheckpoint":
        settings["initial_value_threshold"] = callback.best
    return getattr(ours, name)(**settings)


def _looks(theirs: object, own: object) -> bool:
    """Whether a callback may look at Keras' model in the middle of a fit."""
    mine = theirs is own and not type(own).__module__.startswith("onefit.")
    functions = type(own).__name__ == "LambdaCallback"
    return (mine or functions) and isinstance(own, Callback) and overrides(own, *HOOKS)


def _tell(theirs: Any, own: object, history: History) -> None:
    """Gives a callback of Keras the attributes that it would have after a fit."""
    if type(theirs).__name__ == "History":
        theirs.history, theirs.epoch = history.history, history.epoch
    for name in KNOWN:
        if theirs is not own and hasattr(own, name):
            setattr(theirs, name, getattr(own, name))
