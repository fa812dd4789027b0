"""Checkpoints: callbacks that keep weights on the disk."""

import contextlib
import json
import os
import string
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.errors import invalid, unknown
from onefit.programs import spread
from onefit.training.callback import Callback, Logs
from onefit.training.monitors import direction, missing, writable
from onefit.training.recorders import check_frequency
from onefit.training.state import State
from onefit.types import Config, Tree

__all__ = ["BackupAndRestore", "ModelCheckpoint"]


class ModelCheckpoint(Callback):
    """Saves the model, or its weights, after each epoch or every so many batches.

    Args:
        filepath: The file, '.keras' or '.h5', or for weights alone '.weights.h5'
            (with the optimizer's state) or '.safetensors' (without). It may hold
            `{epoch:02d}` (from 1), `{batch:03d}` and the logs, as in
            'run/{epoch:02d}-{val_loss:.2f}.keras'.
        monitor: The log that says which model is the best.
        verbose: 1 to print what is saved.
        save_best_only: Whether to save only when `monitor` is better than ever.
        save_weights_only: Whether to save weights alone.
        mode: 'min', 'max', or 'auto', by the metric.
        save_freq: 'epoch', or after how many batches.
        initial_value_threshold: What the first best must be better than.

    After fit: `best`, the best value; `path`, the file last saved.

    Raises:
        ValueError: An ending that is not of such a file, a name in `filepath` or a
            `monitor` that the logs do not have; before anything is compiled.

    Differs from Keras: with `save_best_only` an epoch without the monitored log (one
    that `validation_freq` leaves out) is not saved.

    Example:
        >>> keep = ModelCheckpoint("best.keras", save_best_only=True)
    """

    writes_for_all = True

    writes = ()

    def __init__(
        self,
        filepath: str | os.PathLike,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__()
        self.filepath = os.fspath(filepath)
        endings = (".keras", ".h5", ".hdf5")
        if save_weights_only:
            endings = (".weights.h5", ".safetensors")
        if not self.filepath.endswith(endings):
            raise invalid(
                "ModelCheckpoint",
                f"filepath={self.filepath!r}",
                f"a name that ends in {' or '.join(map(repr, endings))}",
                f"write {os.path.splitext(self.filepath)[0] + endings[0]!r}",
            )
        if mode not in ("auto", "min", "max"):
            raise unknown("mode", mode, ("auto", "min", "max"))
        check_frequency("ModelCheckpoint", "save_freq", save_freq)
        self.monitor, self.mode, self.verbose = monitor, mode, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self.path: str | None = None
        by_epoch = save_freq == "epoch"
        self.skips = {"on_train_batch_end"} if by_epoch else {"on_epoch_end"}
        if by_epoch:
            self.skips.add("on_epoch_begin")
        self._epoch, self._batches = 0, 0
        self._others: list[Callback] = []
        self._seen = False

    def set_state(self, state: State) -> None:
        """Called before the fit: who may write the log that it follows."""
        self._others = [c for c in state.job.callbacks if c is not self]

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self._epoch = self._batches = 0
        self._seen = False
        self._better = self._comparison()
        directions = self.params.get("directions")
        if directions is None:
            return
        known = [*directions, "epoch", "batch", "learning_rate"]
        for name in self._names():
            if name not in known and not writable(name, self._others):
                raise unknown("name in filepath", name, known)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:  # noqa: D102
        if self.save_freq == "epoch":
            self._save(epoch, (self.params["steps"] or 1) - 1, logs or {})

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:  # noqa: D102
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % int(self.save_freq) == 0:
            self._save(self._epoch, batch, logs or {})

    def _names(self) -> list[str]:
        """The names in the file's path."""
        parts = string.Formatter().parse(self.filepath)
        return [name for _, name, _, _ in parts if name is not None]

    def _comparison(self) -> np.ufunc:
        """Which of two values of the monitored log is better."""
        mode, known = self.mode, self.params.get("directions")
        if self.save_best_only and known:
            written = writable(self.monitor, self._others)
            mode = direction("ModelCheckpoint", self.monitor, mode, known, written)
        return np.greater if mode == "max" else np.less

    def _save(self, epoch: int, batch: int, logs: dict[str, float]) -> None:
        value, note = logs.get(self.monitor), ""
        if self.save_best_only:
            known = self.params.get("directions")
            absent = value is None and known and self.monitor not in known
            if absent and not self._seen:
                missing("ModelCheckpoint", self.monitor, logs, known or {})
            self._seen = True
            if value is None or np.isnan(value):
                return
            if self.best is not None and not self._better(value, self.best):
                return
            was = "" if self.best is None else f" from {self.best:.5g}"
            note = f"{self.monitor} improved{was} to {value:.5g}, "
            self.best = float(value)
        # What an epoch has no log for is written as nan.
        names = dict.fromkeys(self._names(), float("nan"))
        path = self.filepath.format(
            **names | logs | {"epoch": epoch + 1, "batch": batch + 1}
        )
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        self.path = path
        if self.verbose:
            print(f"Epoch {epoch + 1}: {note}saved to {path}")


class BackupAndRestore(Callback):
    """Lets a fit that was killed go on where it was, bit for bit.

    It writes all that changes in a fit after each stretch of epochs (each epoch, when
    other callbacks look at each): the weights, the optimizer's state, the rules'
    memories, the seed of the shuffling and how many epochs are done. The same fit,
    started again, goes on from there. The file is replaced as a whole, so that a kill
    while it is written leaves the one before.

    Args:
        backup_dir: A directory for this fit alone.
        save_freq: 'epoch', or at the first epoch's end after so many batches.
        double_checkpoint: Whether to keep the backup before the last one too, to fall
            back on.
        delete_checkpoint: Whether to delete the backup when the fit is done. One
            that Ctrl-C or an exception has ended is not done.

    Raises:
        ValueError: A backup of another model or other rules, or a damaged one.

    Differs from Keras: the rest of the fit is exactly what it would have been;
    early stopping and the like remember; nothing but its own files is deleted.

    Example:
        >>> backup = BackupAndRestore("backup")
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike,
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise invalid("BackupAndRestore", "backup_dir=''", "a directory")
        check_frequency("BackupAndRestore", "save_freq", save_freq)
        self.save_freq, self.double_checkpoint = save_freq, double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.directory = Path(backup_dir)
        self.latest = self.directory / "backup.npz"
        self.previous = self.directory / "backup.previous.npz"
        self._state: Any = None
        self._saved = 0

    def set_state(self, state: State) -> None:
        """Called before the fit, with what moves through it."""
        self._state = state

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self.directory.mkdir(parents=True, exist_ok=True)
        if backup := self._read():
            restore(self._state, *backup)
        self._saved = self._state.job.first

    def on_stretch_end(  # noqa: D102
        self, epochs: Sequence[int], logs: Sequence[dict[str, float]]
    ) -> None:
        if not len(epochs) or not _is_first():
            return
        done = epochs[-1] + 1
        batches = (done - self._saved) * (self.params["steps"] or 1)
        if self.save_freq == "epoch" or batches >= int(self.save_freq):
            if self.double_checkpoint and self.latest.exists():
                os.replace(self.latest, self.previous)
            _write(self.latest, *snapshot(self._state, done))
            self._saved = done

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: D102
        self._state = None
        if (
            not _is_first()
            or not self.delete_checkpoint
            or self.model.history.stopped == "interrupted"
        ):
            return
        for path in (self.latest, self.previous):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # someone else's files are in it
            self.directory.rmdir()

    def _read(self) -> tuple[Config, list[np.ndarray]] | None:
        """The last backup that can be read, or None."""
        problem: Exception | None = None
        for path in (self.latest, self.previous):
            if path.exists():
                try:
                    return _read(path)
                except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                    problem = error
        if problem is not None:
            raise invalid(
                "BackupAndRestore",
                f"a damaged backup in {self.directory} ({problem})",
                "one that a fit has written",
                "delete the directory to begin anew",
            ) from problem
        return None


def _is_first() -> bool:
    """Whether no other process that trains the same network writes the backup."""
    over = spread()
    return over is None or over.is_first


def snapshot(state: State, done: int) -> tuple[Config, list[np.ndarray]]:
    """All that changes in a fit, after `done` epochs: (facts, arrays)."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(_moving(state))]
    return {"version": 1, "epochs": done, "seed": state.job.seed}, leaves


def restore(state: State, facts: Config, leaves: list[np.ndarray]) -> None:
    """Sets a fit to a snapshot, so that it goes on from there.

    Raises:
        ValueError: A snapshot of another model or other rules.
    """
    old, structure = jax.tree.flatten(_moving(state))
    shapes = [
        [(np.shape(a), np.dtype(a.dtype)) for a in tree] for tree in (old, leaves)
    ]
    if shapes[0] != shapes[1]:
        differ = [
            i for i, pair in enumerate(zip(*shapes, strict=False)) if len({*pair}) > 1
        ]
        what = f"an array of shape {shapes[1][differ[0]][0]}" if differ else "others"
        raise invalid(
            "BackupAndRestore",
            f"a backup of {len(leaves)} arrays, with {what}",
            f"the {len(old)} arrays of this model, optimizer and rules",
            "delete the backup, or make the model that it was made of",
        )
    moving = jax.tree.unflatten(structure, leaves)
    state.params, state.train, state.memories = moving
    state.job.first, state.job.seed = facts["epochs"], facts["seed"]
    state.write()


def _moving(state: State) -> Tree:
    return state.params, state.train, state.memories


def _write(path: Path, facts: Config, leaves: list[np.ndarray]) -> None:
    """Writes arrays without pickle, then puts the file in its place in one move."""
    facts = facts | {"dtypes": [leaf.dtype.name for leaf in leaves]}
    arrays = [np.array(json.dumps(facts)), *map(_as_bits, leaves)]
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        np.savez(file, *arrays)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read(path: Path) -> tuple[Config, list[np.ndarray]]:
    with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
        facts = json.loads(str(file["arr_0"]))
        leaves = [file[f"arr_{i + 1}"] for i in range(len(facts["dtypes"]))]
    short = [name == "bfloat16" for name in facts["dtypes"]]
    leaves = [
        leaf.view(jnp.bfloat16) if is_short else leaf
        for leaf, is_short in zip(leaves, short, strict=True)
    ]
    return facts, leaves


def _as_bits(leaf: np.ndarray) -> np.ndarray:
    """The file knows no bfloat16: its bits travel as whole numbers."""
    return leaf.view(np.uint16) if leaf.dtype.name == "bfloat16" else leaf
