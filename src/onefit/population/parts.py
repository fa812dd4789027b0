"""Parts of a population: each trained by a process that knows of no other.

Members need nothing from each other, so part 2 of 16 is a sixteenth of the members, and
its result a file of its own. Two shells, a loop over machines or Slurm's array of jobs
train the parts in any order; what is there already is not trained again, and `gather`
reads them as one population, or says which are missing.
"""

import contextlib
import contextvars
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import numpy as np

from onefit.errors import invalid, is_whole, mistyped
from onefit.files.archive import members, parsed
from onefit.files.atomic import replaced
from onefit.files.keras import config_of, model_from_json
from onefit.files.limits import Limits
from onefit.models import Model
from onefit.networks.host import numbers_alone
from onefit.population.result import Group, Population
from onefit.types import Config, Tree

__all__ = ["Part", "asked", "asking", "gather", "slurm"]

CONFIG, ARRAYS = "population.json", "arrays.npz"
FORMAT = 1
"""The number of the layout of these files; a later one may be another."""

NAME = re.compile(r"part-(\d+)-of-(\d+)\.population")


class Part(NamedTuple):
    """One part of several: the first is 1.

    >>> Part(2, 3).of_members(8).tolist()
    [3, 4, 5]
    """

    number: int
    of: int
    folder: Path | None = None

    @property
    def file(self) -> Path:
        """Where its result is."""
        wide = len(str(self.of))
        name = f"part-{self.number:0{wide}}-of-{self.of}.population"
        return (self.folder or Path()) / name

    def of_members(self, count: int) -> np.ndarray:
        """Which of so many members it trains: neighbours, as they share programs.

        Raises:
            ValueError: More parts than members.
        """
        if self.of > count:
            raise invalid(
                "part",
                f"{self.of} parts of {count} networks",
                "a network or more in each",
                f"write part=({self.number}, {count}), or fewer",
            )
        return np.array_split(np.arange(count), self.of)[self.number - 1]


def slurm(environment: Mapping[str, str] = os.environ) -> tuple[int, int] | None:
    """The part that this job of Slurm's array is; None outside of one.

    >>> slurm({"SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_MIN": "4",
    ...        "SLURM_ARRAY_TASK_COUNT": "8"})
    (2, 8)
    """
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT")
    if any(name not in environment for name in names):
        return None
    task, first, count = (int(environment[name]) for name in names)
    return task - first + 1, count


_asked: contextvars.ContextVar[Part | None] = contextvars.ContextVar(
    "part", default=None
)


@contextlib.contextmanager
def asking(part: tuple[int, int], folder: str | os.PathLike) -> Iterator[None]:
    """Lets the populations that are fitted inside train this part, into the folder."""
    token = _asked.set(_checked(part, folder))
    try:
        yield
    finally:
        _asked.reset(token)


def asked(
    part: tuple[int, int] | None,
    output: str | os.PathLike | None,
    need_all: Mapping[str, object],
) -> Part:
    """The part that `population.fit` is to train: part 1 of 1 is the whole.

    Args:
        part, output: What it was given.
        need_all: Arguments that need the members of all parts, where they are given.

    Raises:
        ValueError, TypeError: No part of one, or a part beside such an argument.
    """
    own = _asked.get() if part is None and output is None else None
    own = own or _checked((1, 1) if part is None else part, output)
    name = next((name for name, value in need_all.items() if value), None)
    if name is not None and own != Part(1, 1):
        raise invalid(
            "population.fit",
            f"{name} beside part and output",
            "members that need nothing from others, and keep their last weights alone",
            f"leave part and output out, or {name}",
        )
    return own


def _checked(part: Any, folder: str | os.PathLike | None) -> Part:
    pair = tuple(part) if isinstance(part, list | tuple) else ()
    if len(pair) != 2 or not all(is_whole(n, 1) for n in pair):
        raise mistyped(
            "part", repr(part), "two whole numbers", "write part=(1, 4) for the first"
        )
    if pair[0] > pair[1]:
        raise invalid(
            "part", f"part {pair[0]} of {pair[1]}", f"a number from 1 to {pair[1]}"
        )
    return Part(*pair, None if folder is None else Path(folder))


def study(
    part: Part, model: Model, members: Sequence[Mapping[str, Any]], data: Tree
) -> str:
    """What tells one study from another: its model, settings and rows."""
    told = hashlib.sha256()
    if part.folder is None:
        return ""
    told.update(_json(config_of(model)).encode())
    told.update(_json(list(members)).encode())
    for array in jax.tree.leaves(data):
        array = np.ascontiguousarray(array)
        told.update(f"{array.dtype}{array.shape}".encode())
        told.update(array.tobytes())
    return told.hexdigest()


def _json(value: object) -> str:
    return json.dumps(value, default=_plain, sort_keys=True)


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise invalid(
        "part",
        f"a setting that is {value!r}",
        "settings of numbers and names, which a file can hold",
        "write 'adam' for an optimizer, and what varies in it as "
        "vary={'learning_rate': [...]}",
    )


# Files --------------------------------------------------------------------------------


def save(population: Population, part: Part, known: str) -> None:
    """Writes the result of a part, whole or not at all; nothing without a folder."""
    if part.folder is None or population.interrupted:
        return
    arrays = {f"history/{k}": v for k, v in population.history.items()}
    arrays |= {"epochs": population.epochs, "numbers": population.numbers}
    models = []
    for k, group in enumerate(population.groups):
        numbers_alone(group.model.before, "part")
        models.append(config_of(group.model))
        arrays[f"{k}/at"] = group.at
        trees = {"own": group.model.get_weights(), "params": group.params}
        for name, tree in (trees | {"state": group.state}).items():
            leaves = jax.tree.leaves(tree)
            arrays |= {f"{k}/{name}/{i}": np.asarray(a) for i, a in enumerate(leaves)}
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # pyright: ignore[reportArgumentType] - no settings of it
    config = {
        "format": FORMAT,
        "study": known,
        "models": models,
        "logs": list(population.history),
        "settings": population.settings,
        "stopped": population.stopped,
        "directions": population.directions,
        "seconds": population.seconds,
    }
    part.file.parent.mkdir(parents=True, exist_ok=True)
    with replaced(part.file) as file, zipfile.ZipFile(file, "w") as zip_:
        zip_.writestr(CONFIG, _json(config))
        zip_.writestr(ARRAYS, packed.getbuffer())


def load(path: Path, limits: Limits | None = None) -> tuple[Population, Config]:
    """The population of a file, and what it says of its study.

    Raises:
        ValueError: No such file, one that is damaged, or more than the limits let in.
    """
    where, limits, names = os.fspath(path), limits or Limits(), (CONFIG, ARRAYS)
    with members(path, where, limits, names, frozenset(names)) as ((text, packed), _):
        told = parsed(text.getvalue(), where, limits, CONFIG)
        packed.seek(0)
        with np.load(packed, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    groups = []
    for k, node in enumerate(told["models"]):
        model = model_from_json(json.dumps(node), None)
        model.set_weights(_listed(arrays, f"{k}/own"))
        slot = model.graph.slot
        params, state = (
            jax.tree.unflatten(jax.tree.structure(tree), _listed(arrays, f"{k}/{name}"))
            for name, tree in (("params", slot.params), ("state", slot.state))
        )
        groups.append(Group(cast("Model", model), params, state, arrays[f"{k}/at"]))
    population = Population(
        groups,
        {name: arrays[f"history/{name}"] for name in told["logs"]},
        told["settings"],
        arrays["epochs"],
        told["stopped"],
        told["directions"],
        told["seconds"],
        False,
        arrays["numbers"],
    )
    return population, told


def _listed(arrays: Mapping[str, np.ndarray], place: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{place}/") for name in arrays)
    return [arrays[f"{place}/{i}"] for i in range(count)]


def done(part: Part, known: str) -> Population | None:
    """The result of a part that was trained before; None if it was not.

    Raises:
        ValueError: A file of another study in its place.
    """
    if part.folder is None or not part.file.is_file():
        return None
    population, told = load(part.file)
    if told["study"] != known:
        raise invalid(
            "output",
            f"{os.fspath(part.file)!r}, a part of another study: other rows, settings "
            "or another model",
            "a folder of its own for each study",
            "write another output",
        )
    return population


def gather(folder: str | os.PathLike) -> Population:
    """The population of which a folder has all the parts.

    Args:
        folder: The `output` that the parts were trained into.

    Returns:
        What `population.fit` would have given without `part`; `seconds` is the sum.

    Raises:
        ValueError: No parts, some that are missing (which), parts of two studies.
    """
    where, found = os.fspath(folder), {}
    for path in sorted(Path(folder).glob("part-*.population")):
        if match := NAME.fullmatch(path.name):
            found.setdefault(int(match[2]), {})[int(match[1])] = path
    if not found:
        raise invalid(
            "gather",
            f"{where!r} without parts",
            "a folder that parts were trained into",
            f"write population.fit(..., part=(1, 4), output={where!r})",
        )
    if len(found) > 1:
        raise invalid(
            "gather",
            f"parts of {' and of '.join(map(str, sorted(found)))} in {where!r}",
            "all of one number",
            "put each study into a folder of its own",
        )
    [(of, files)] = found.items()
    missing = [n for n in range(1, of + 1) if n not in files]
    if missing:
        shown = ", ".join(map(str, missing[:20])) + ", ..." * (len(missing) > 20)
        raise invalid(
            "gather",
            f"{len(files)} of {of} parts in {where!r}; missing: {shown}",
            "all of them",
            f"train part {missing[0]} of {of}, and gather again",
        )
    parts = [load(files[n]) for n in range(1, of + 1)]
    first = files[1]
    for number, (_, told) in enumerate(parts, 1):
        if told["study"] != parts[0][1]["study"]:
            raise invalid(
                "gather",
                f"{files[number].name!r} of another study than {first.name!r}: other "
                "rows, settings or another model",
                "parts of one study",
                f"train part {number} again, from the same script and data",
            )
    return _joined([population for population, _ in parts])


def _joined(parts: list[Population]) -> Population:
    longest = max(int(p.epochs.max(initial=0)) for p in parts)
    starts = np.cumsum([0, *map(len, parts)])
    groups: dict[str, list[Group]] = {}  # those of one structure become one again
    for part, start in zip(parts, starts, strict=False):
        for group in part.groups:
            group.at = group.at + start
            groups.setdefault(_json(config_of(group.model)), []).append(group)
    history = {
        name: np.concatenate([_as_long(p.history[name], longest) for p in parts])
        for name in parts[0].history
    }
    settings = {
        name: [value for part in parts for value in part.settings[name]]
        for name in parts[0].settings
    }
    return Population(
        [_one(each) for each in groups.values()],
        history,
        settings,
        np.concatenate([part.epochs for part in parts]),
        [why for part in parts for why in part.stopped],
        parts[0].directions,
        sum(part.seconds for part in parts),
        False,
        np.concatenate([part.numbers for part in parts]),
    )


def _one(groups: list[Group]) -> Group:
    """Groups of one structure as one."""
    params, state = (
        jax.tree.map(lambda *a: np.concatenate(a), *trees)
        for trees in zip(*((g.params, g.state) for g in groups), strict=True)
    )
    at = np.concatenate([group.at for group in groups])
    return Group(groups[0].model, params, state, at)


def _as_long(table: np.ndarray, epochs: int) -> np.ndarray:
    """A log's table with so many epochs; what was not run is NaN."""
    more = max(epochs - table.shape[1], 0)
    return np.pad(table, ((0, 0), (0, more)), constant_values=np.nan)
