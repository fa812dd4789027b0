"""tf.train: checkpoints of whatever has variables."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from onefit.errors import invalid
from onefit.optimizers import Optimizer
from onefit.scripts.tf.files import name_of
from onefit.variables import Variable

__all__ = ["Checkpoint", "CheckpointManager", "latest_checkpoint"]

_FILE = ".npz"
_LATEST = "checkpoint"


def is_checkpoint(path: Any) -> bool:
    """Whether there is a checkpoint of this name."""
    return os.path.isfile(name_of(path) + _FILE)


def mark_latest(path: str) -> None:
    """Writes down, in its folder, which checkpoint is the last one."""
    folder, name = os.path.split(path)
    mark = Path(folder) / _LATEST
    mark.write_text(f'model_checkpoint_path: "{name}"\n', "utf-8")


def latest_checkpoint(
    checkpoint_dir: Any, latest_filename: str | None = None
) -> str | None:
    """The name of the checkpoint last written in a folder; None if there is none."""
    folder = name_of(checkpoint_dir)
    mark = Path(folder) / (latest_filename or _LATEST)
    if not mark.is_file():
        return None
    return os.path.join(folder, mark.read_text("utf-8").split('"')[1])


class Checkpoint:
    """Objects whose variables are written to a file, and read from it, together.

    Args:
        root: An object whose own variables and parts are taken.
        objects: Variables, models, layers, metrics, optimizers, modules, other
            checkpoints, and lists and dicts of them, by name.

    Differs from TensorFlow: what is restored must have its variables (a model has them
    once it was called); one that has them later is refused. The file is one `.npz`.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> step = Variable(1)
    >>> checkpoint = Checkpoint(step=step)
    >>> path = checkpoint.save(f"{folder}/ckpt")
    >>> _ = step.assign(5)
    >>> _ = checkpoint.restore(path)
    >>> os.path.basename(path), int(step)
    ('ckpt-1', 1)
    """

    def __init__(self, root: Any = None, **objects: Any) -> None:
        self._objects = ({} if root is None else {"root": root}) | objects
        self.save_counter = Variable(0, trainable=False, name="save_counter")
        vars(self).update(objects)

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Writes the variables to this path; returns it."""
        path = name_of(file_prefix)
        arrays = {name: np.asarray(v) for name, v in self._arrays().items()}
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with open(path + _FILE, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        return path

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Writes the variables to this path and a number after it; returns it."""
        self.save_counter.assign_add(1)
        number = int(np.asarray(self.save_counter))
        path = self.write(f"{name_of(file_prefix)}-{number}")
        mark_latest(path)
        return path

    def read(self, save_path: Any, options: Any = None) -> "Restored":
        """Gives the variables what is in the file; nothing if the path is None.

        Raises:
            FileNotFoundError: No checkpoint of this name.
            ValueError: One of other variables (which).
        """
        if save_path is None:
            return Restored()
        with np.load(name_of(save_path) + _FILE) as file:
            arrays = {name: file[name] for name in file.files}
        for name, thing in self._objects.items():
            begun = any(True for _ in _parts(name, thing))
            if not begun and any(key.startswith(f"{name}/") for key in arrays):
                raise invalid(
                    "Checkpoint.restore",
                    f"{name!r}, which has no variables yet",
                    "one that has them",
                    "call the model on a batch before its weights are restored",
                )
        for name, thing in _parts("", self._objects):
            if isinstance(thing, Optimizer):
                self._restore_optimizer(name, thing, arrays)
            else:
                thing.assign(_fitting(name, thing.shape, arrays))
        self.save_counter.assign(arrays["save_counter"])
        return Restored()

    restore = read

    def _arrays(self) -> dict[str, Any]:
        found: dict[str, Any] = {"save_counter": self.save_counter.value}
        for name, thing in _parts("", self._objects):
            if isinstance(thing, Optimizer):
                found |= _named(name, thing.state)
            else:
                found[name] = thing.value
        return found

    def _restore_optimizer(
        self, name: str, optimizer: Optimizer, arrays: dict[str, np.ndarray]
    ) -> None:
        """The state of an optimizer; one that has made no step gets one that fits."""
        wanted = {k: np.shape(v) for k, v in arrays.items() if k.startswith(f"{name}/")}
        for state in self._states(optimizer):
            known = _named(name, state)
            if {k: np.shape(v) for k, v in known.items()} == wanted:
                values = [
                    arrays[k].astype(np.asarray(v).dtype) for k, v in known.items()
                ]
                nest = jax.tree.structure(state)
                optimizer.remember(jax.tree.unflatten(nest, values), optimizer.made_for)
                return
        if wanted:
            raise invalid(
                "Checkpoint.restore",
                f"an optimizer {name!r} for weights that nothing here has",
                "the model that it trains beside it",
                "build the model first: call it on a batch",
            )

    def _states(self, optimizer: Optimizer) -> Iterator[Any]:
        yield optimizer.state
        for thing in jax.tree.leaves(self._objects, is_leaf=_is_part):
            weights = getattr(thing, "trainable_variables", None)
            if weights:
                yield optimizer.init([w.value for w in weights])


class Restored:
    """What restoring gives: all of it was restored, whatever is asked."""

    def assert_consumed(self) -> "Restored":
        """Does nothing: what is not here was refused."""
        return self

    expect_partial = assert_existing_objects_matched = assert_consumed
    assert_nontrivial_match = run_restore_ops = initialize_or_restore = assert_consumed


class CheckpointManager:
    """Keeps the last checkpoints in a folder.

    Args:
        checkpoint: What is written.
        directory: The folder.
        max_to_keep: How many are kept; None for all.
        checkpoint_name: What their names begin with.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Variable | None = None,
        checkpoint_interval: int | None = None,
        init_fn: Any = None,
    ) -> None:
        self.checkpoint, self.directory = checkpoint, os.fspath(directory)
        self._keep, self._prefix = max_to_keep, checkpoint_name

    @property
    def checkpoints(self) -> list[str]:
        """The names of those that are kept, the oldest first."""
        folder = Path(self.directory)
        names = [p.stem for p in folder.glob(f"{self._prefix}-*{_FILE}")]
        names.sort(key=lambda name: int(re.sub(r".*-", "", name)))
        return [os.path.join(self.directory, name) for name in names]

    @property
    def latest_checkpoint(self) -> str | None:
        """The name of the last one; None if there is none."""
        return latest_checkpoint(self.directory)

    def save(self, checkpoint_number: Any = None, **options: Any) -> str:
        """Writes one and removes the oldest of too many; returns its name."""
        prefix = os.path.join(self.directory, self._prefix)
        if checkpoint_number is None:
            path = self.checkpoint.save(prefix)
        else:
            path = self.checkpoint.write(f"{prefix}-{int(checkpoint_number)}")
            mark_latest(path)
        for old in self.checkpoints[: -self._keep] if self._keep else ():
            Path(old + _FILE).unlink()
        return path

    def restore_or_initialize(self) -> str | None:
        """Restores the last one; returns its name, or None if there is none."""
        self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


def _is_part(thing: Any) -> bool:
    return not isinstance(thing, list | tuple | dict)


def _parts(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """The variables and optimizers in an object, each with its path."""
    if isinstance(thing, Variable | Optimizer):
        yield name, thing
        return
    if isinstance(thing, Checkpoint):
        thing = thing._objects
    elif not isinstance(thing, list | tuple | dict):
        thing = list(getattr(thing, "variables", ()))
    pairs = thing.items() if isinstance(thing, dict) else enumerate(thing)
    for key, part in pairs:
        yield from _parts(f"{name}/{key}" if name else str(key), part)


def _named(name: str, state: Any) -> dict[str, Any]:
    """The arrays of an optimizer's state by their paths."""
    return {
        name + "/" + jax.tree_util.keystr(path): value
        for path, value in jax.tree_util.tree_leaves_with_path(state)
    }


def _fitting(name: str, shape: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    found = arrays.get(name)
    if found is None or found.shape != tuple(shape):
        raise invalid(
            "Checkpoint.restore",
            f"no {name!r} of shape {tuple(shape)} in the checkpoint",
            "one of the same objects",
            "restore into objects like those that were saved",
        )
    return found
