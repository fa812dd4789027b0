"""Files of models under any name that a script gives them.

What is written is what `.keras`, `.h5` and `.weights.h5` files hold; only the name is
the script's. A model under a name without such an ending is a folder, as TensorFlow's
SavedModel is, and weights are a checkpoint, as `tf.train` writes them.
"""

import os
from pathlib import Path
from typing import Any

from onefit import callbacks, models
from onefit.models import Model
from onefit.scripts.tf.files import name_of
from onefit.scripts.tf.train import Checkpoint, Restored, is_checkpoint, mark_latest

__all__ = ["FACES", "ModelCheckpoint", "load_model", "save_model"]

_WHOLE = (".keras", ".h5", ".hdf5")
_WEIGHTS = (".weights.h5", ".safetensors")

_save, _save_weights = Model.save, Model.save_weights
_load_weights, _load_model = Model.load_weights, models.load_model


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
    name = name_of(filepath)
    path = _folder(Path(name))
    if name.endswith(_WEIGHTS):
        _save_weights(self, path, overwrite)
    elif name.endswith(_WHOLE):
        aside = f"{name}{_WEIGHTS[0]}"
        _save_weights(self, aside)
        os.replace(aside, path)
    else:
        mark_latest(Checkpoint(model=self).write(name))


def _load_weights_of(self: Any, filepath: Any) -> Any:
    """Takes the weights in a file that was written under this name."""
    name = name_of(filepath)
    if is_checkpoint(name):
        return Checkpoint(model=self).read(name)
    _load_weights(self, name)
    return Restored()


FACES: dict[type, dict[str, Any]] = {
    Model: {
        "save": save_model,
        "save_weights": _save_weights_as,
        "load_weights": _load_weights_of,
    }
}
"""How models write files while a script runs."""


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
