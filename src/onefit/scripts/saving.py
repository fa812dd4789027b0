"""Files of models under any name that a script gives them.

What is written is what `.keras`, `.h5` and `.weights.h5` files hold; only the name is
the script's. A model under a name without such an ending is a folder, as TensorFlow's
SavedModel is, and weights are a checkpoint, which `tf.train.latest_checkpoint` finds.
"""

import os
from pathlib import Path
from typing import Any

from onefit import callbacks, models
from onefit.metrics import Metric
from onefit.models import Model
from onefit.scripts.tf.files import name_of

__all__ = [
    "FACES",
    "ModelCheckpoint",
    "latest_checkpoint",
    "load_model",
    "mark_latest",
    "save_model",
]

_WHOLE = (".keras", ".h5", ".hdf5")
_WEIGHTS = (".weights.h5", ".safetensors")
_LATEST = "checkpoint"

_save, _save_weights = Model.save, Model.save_weights
_load_weights, _load_model = Model.load_weights, models.load_model


def mark_latest(path: Path) -> None:
    """Writes down, in its folder, which checkpoint is the last one."""
    text = f'model_checkpoint_path: "{path.name}"\n'
    (path.parent / _LATEST).write_text(text, "utf-8")


def latest_checkpoint(
    checkpoint_dir: Any, latest_filename: str | None = None
) -> str | None:
    """The name of the checkpoint last written in a folder; None if there is none."""
    folder = name_of(checkpoint_dir)
    mark = Path(folder) / (latest_filename or _LATEST)
    if not mark.is_file():
        return None
    return os.path.join(folder, mark.read_text("utf-8").split('"')[1])


def _folder(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def save_model(model: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes a model; see `onefit.models.save_model`. Any name will do."""
    path = Path(name_of(filepath))
    path = path if path.suffix in _WHOLE else path / "model.keras"
    _save(model, _folder(path), overwrite)


def load_model(filepath: Any, custom_objects: Any = None, compile: bool = True) -> Any:
    """The model in a file; see `onefit.models.load_model`."""
    path = Path(name_of(filepath))
    inside = path / "model.keras"
    return _load_model(inside if inside.is_file() else path, custom_objects, compile)


def _save_weights_as(self: Any, filepath: Any, overwrite: bool = True) -> None:
    """Writes the weights to a file; any name will do."""
    _settle(self)
    name = name_of(filepath)
    if name.endswith(_WEIGHTS):
        return _save_weights(self, _folder(Path(name)), overwrite)
    path = _folder(Path(f"{name}.weights.h5"))
    _save_weights(self, path, overwrite)
    if name.endswith(_WHOLE):
        os.replace(path, name)
    else:
        mark_latest(Path(name))
    return None


def _load_weights_of(self: Any, filepath: Any) -> Any:
    """Takes the weights in a file that was written under this name."""
    _settle(self)
    name = name_of(filepath)
    checkpoint = f"{name}.weights.h5"
    _load_weights(self, checkpoint if os.path.isfile(checkpoint) else name)
    return _Loaded()


def _settle(model: Any) -> None:
    """One that writes `__call__` anew has the weights that its layers have."""
    if model._body is not None:
        model._body.settle()


class _Loaded:
    """What loading gives: all of it was loaded, whatever is asked."""

    def expect_partial(self) -> "_Loaded":
        """Does nothing: what does not fit was refused."""
        return self

    assert_consumed = assert_existing_objects_matched = expect_partial


FACES: dict[type, dict[str, Any]] = {
    Model: {
        "save": save_model,
        "save_weights": _save_weights_as,
        "load_weights": _load_weights_of,
    },
    Metric: {"reset_states": Metric.reset_state},
}
"""What models and metrics have while a script runs."""


class ModelCheckpoint(callbacks.ModelCheckpoint):
    """Saves while a model is fitted; see `onefit.callbacks.ModelCheckpoint`.

    Any name will do; weights without an ending are a checkpoint.
    """

    def __init__(
        self,
        filepath: Any,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(
            "any" + (_WEIGHTS if save_weights_only else _WHOLE)[0],
            monitor,
            verbose,
            save_best_only,
            save_weights_only,
            mode,
            save_freq,
            initial_value_threshold,
        )
        self.filepath = name_of(filepath)
