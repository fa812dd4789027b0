"""Live models of Keras: as models here and back, and trained here in place.

They go by a file in a temporary folder, the same that `model.save` writes: what is true
of files (`file.py`) is true of them, whatever backend Keras has.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from onefit import callbacks as ours
from onefit.errors import invalid, mistyped
from onefit.interop.keras.file import load_model, save_weights
from onefit.models.model import Model
from onefit.models.tasks import is_many
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
    with _folder() as folder:
        path = folder / "model.keras"
        model.save(path)
        return load_model(path, custom_objects, compile=model.compiled)


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
            received="a model without compile",
            expected="a loss and an optimizer first",
            fix="write model.compile(optimizer='adam', loss='mse')",
        )
    given = list(callbacks or []) if is_many(callbacks) else [callbacks]
    pairs = [(callback, translated(callback)) for callback in given]
    if not model.built and hasattr(x, "shape"):
        model.build((None, *x.shape[1:]))
    mine = from_keras(model, custom_objects)
    mirror = _Mirror(mine, model)
    hosts = [own for _, own in pairs if own is not None]
    if any(_looks(theirs, own) for theirs, own in pairs):
        hosts.insert(0, mirror)
    with mirror.writing():
        history = mine.fit(
            x, y, batch_size, epochs, verbose, hosts, validation_split,
            validation_data, shuffle, class_weight, sample_weight, initial_epoch,
            steps_per_epoch, validation_steps, validation_batch_size, validation_freq,
        )  # fmt: skip
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
            received=repr(model),
            expected="a keras.Model",
            fix="a model of onefit has its own fit: model.fit(x, y)"
            if isinstance(model, Model)
            else "",
        )
    functional = keras.src.models.functional.Functional
    if not isinstance(model, keras.Sequential | functional):
        raise invalid(
            f"{where}, {model.name!r}",
            received=f"a {type(model).__name__}, a subclass that only code describes",
            expected="a Sequential, or a model of inputs and outputs",
            fix="write keras.Model(inputs, outputs) with the layers called in between",
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="onefit-") as name:
        yield Path(name)


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
        "backup_dir", "save_freq", "double_checkpoint", "delete_checkpoint",
    ),
    "CSVLogger": ("filename", "append"),
    "EarlyStopping": (
        *MONITOR, "patience", "baseline", "restore_best_weights", "start_from_epoch",
    ),
    "LearningRateScheduler": ("schedule", "verbose"),
    "ModelCheckpoint": (
        "filepath", "monitor", "mode", "verbose", "save_best_only",
        "save_weights_only", "save_freq",
    ),
    "ReduceLROnPlateau": (*MONITOR, "factor", "patience", "cooldown", "min_lr"),
    "TensorBoard": ("log_dir", "histogram_freq", "write_steps_per_second"),
    "TerminateOnNaN": (),
}  # fmt: skip
"""Callbacks of both names, and the settings that Keras' keep."""

KNOWN = ("stopped_epoch", "best", "best_epoch", "wait")
"""What a callback of Keras knows after a fit."""

HOOKS = (
    "on_epoch_begin", "on_epoch_end", "on_batch_begin", "on_batch_end",
    "on_train_batch_begin", "on_train_batch_end",
)  # fmt: skip


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
            received=f"{type(callback).__module__}.{name}",
            expected=f"one of {', '.join(sorted([*SETTINGS, 'LambdaCallback']))}, or "
            "callbacks of onefit",
            fix="derive yours from onefit.callbacks.Callback, which has Keras' hooks, "
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
