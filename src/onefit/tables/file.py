"""One file for a model of a table: JSON and arrays in a zip, and no code.

A file may come from a stranger. It is read as strictly as a `.keras` file: names, sizes
and places are checked before anything is unpacked, nothing that it names is imported,
and arrays are numbers only.
"""

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.errors import invalid
from onefit.files.archive import members, parsed
from onefit.files.atomic import replaced
from onefit.files.limits import Limits
from onefit.files.refusal import BadFile, refusal
from onefit.files.safetensors import safetensors
from onefit.tables.fitting import Fitted
from onefit.tables.preparation import Preparation
from onefit.tables.roles import ROLES, Column
from onefit.tables.targets import Target

if TYPE_CHECKING:
    from onefit.tables.model import TableModel
    from onefit.tables.several import Several

__all__ = ["read", "save"]

CONFIG, ARRAYS = "table.json", "arrays.safetensors"

FORMAT = 1
"""The number of this layout; a later one may be another."""


def save(
    model: "TableModel | Several", filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model, or those of several targets; see `TableModel.save`."""
    many = list(model.values()) if isinstance(model, Mapping) else [model]
    told, whole = [], {}
    for i, one in enumerate(many):
        config, arrays = _told(one)
        told.append(config)
        whole |= {f"{i}/{name}": array for name, array in arrays.items()}
    # Names of columns may be anything at all: in the file arrays are numbered.
    names = list(whole)
    numbered = {
        str(i): np.ascontiguousarray(whole[name]).reshape(np.shape(whole[name]))
        for i, name in enumerate(names)
    }
    packed = safetensors().numpy.save(numbered)
    config = {"format": FORMAT, "models": told, "arrays": names}
    text = json.dumps(config, default=_plain, ensure_ascii=False)
    with (
        replaced(filepath, overwrite=overwrite) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zip_,
    ):
        zip_.writestr(CONFIG, text)
        zip_.writestr(ARRAYS, packed, zipfile.ZIP_STORED)


def _told(model: "TableModel") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A model as JSON has it, and its arrays by name."""
    fitted, arrays = model.fitted.state()
    whole = {f"fitted/{name}": array for name, array in arrays.items()}
    preparations = []
    for k, prepared in enumerate(model.preparations):
        told, own = prepared.state()
        preparations.append(told)
        whole |= {f"preparation/{k}/{name}": array for name, array in own.items()}
    config = {
        "columns": [column.state() for column in model.columns],
        "target": model.target.state(),
        "notes": model.notes,
        "facts": model.facts,
        "preparations": preparations,
        "fitted": fitted,
    }
    return config, whole


def _plain(value: Any) -> Any:
    """Numbers of numpy as Python's."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no place in a file")


def read(
    filepath: str | os.PathLike, limits: Limits | None = None
) -> list[dict[str, Any]]:
    """The parts of each model in a file; see `onefit.tables.load`."""
    limits, where = limits or Limits(), os.fspath(filepath)
    names = (CONFIG, ARRAYS)
    if os.path.isfile(filepath) and not zipfile.is_zipfile(filepath):
        raise refusal(
            where,
            received="no model of a table, or a part of one",
            expected="a file that `onefit train` or TableModel.save wrote",
            fix="copy it again, or train anew",
        )
    with members(Path(filepath), where, limits, names, frozenset(names)) as (found, _):
        text, packed = (member.getvalue() for member in found)
    config = parsed(text, where, limits, CONFIG)
    try:
        made = safetensors().numpy.load(packed)
        arrays = {name: made[str(i)] for i, name in enumerate(config["arrays"])}
        if not config["models"]:
            raise BadFile("no model")
        return [
            _parts(told, _below(arrays, f"{i}/"))
            for i, told in enumerate(config["models"])
        ]
    except (
        *(KeyError, TypeError, AttributeError, ValueError, IndexError),
        safetensors().SafetensorError,
    ) as error:
        raise refusal(
            where,
            received=f"a damaged model of a table ({type(error).__name__}: {error})",
            expected="a file that TableModel.save wrote",
            fix="copy it again, or train anew",
        ) from error


def _parts(config: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a model is made of."""
    columns = [_made(Column, told) for told in config["columns"]]
    if any(column.role not in (*ROLES, "target") for column in columns):
        raise BadFile("a role that there is not")
    preparations = [
        Preparation.from_state(columns, told, _below(arrays, f"preparation/{k}/"))
        for k, told in enumerate(config["preparations"])
    ]
    return {
        "columns": columns,
        "target": _made(Target, config["target"]),
        "preparations": preparations,
        "fitted": Fitted.from_state(config["fitted"], _below(arrays, "fitted/")),
        "notes": [str(note) for note in config["notes"]],
        "facts": dict(config["facts"]),
    }


def _below(arrays: dict[str, np.ndarray], front: str) -> dict[str, np.ndarray]:
    return {n.removeprefix(front): a for n, a in arrays.items() if n.startswith(front)}


def _made(cls: type, told: dict[str, Any]) -> Any:
    """A dataclass of these values, if they are its fields."""
    known = {field.name for field in fields(cls)}
    later = {"tails"}  # what files of before have not
    if not known - later <= set(told) <= known:
        raise invalid(cls.__name__, repr(sorted(told))[:200], f"{sorted(known)}")
    return cls(**told)
