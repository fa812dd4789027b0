"""Finished rounds of a fit in a folder: one that was killed goes on after them.

Each round is a file of its own, written whole or not at all. What was decided by the
time there was (folds, epochs) is kept too, so that the rounds that follow fit.
"""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.files.atomic import replaced
from onefit.files.safetensors import safetensors
from onefit.tables.members import Member
from onefit.tables.networks import Shape
from onefit.types import Config

__all__ = ["Rounds"]

DECIDED, FOLDER = "decided.json", "unfinished"


class Rounds:
    """What a fit has finished, in a folder; nothing is kept where there is none.

    Args:
        folder: Where; None keeps nothing.
        key: What the fit is of: table, settings, versions. Rounds of another are
            refused.

    Raises:
        ValueError: The folder has rounds of another fit.
    """

    def __init__(self, folder: str | os.PathLike | None = None, key: str = "") -> None:
        self.path = None if folder is None else os.path.join(folder, FOLDER)
        self.decided: dict[str, Any] = {"key": key}
        place = self._place(DECIDED)
        if place is None or not os.path.exists(place):
            return
        with open(place, encoding="utf-8") as file:
            told = json.load(file)
        if told.get("key") != key:
            raise invalid(
                os.fspath(folder or ""),
                "an unfinished run of another table or of other settings",
                "the same table and settings, to go on with it",
                f"remove {self.path!r} (--overwrite) to begin anew",
            )
        self.decided = told

    def _place(self, name: str) -> str | None:
        return None if self.path is None else os.path.join(self.path, name)

    @property
    def count(self) -> int:
        """How many rounds are there."""
        return sum(name.startswith("round ") for name in self.decided)

    def remember(self, name: str, decide: Callable[[], Any]) -> Any:
        """What was decided when this was begun, or what is decided now."""
        if name not in self.decided:
            self.decided[name] = decide()
            self._write()
        return self.decided[name]

    def _write(self) -> None:
        if self.path is not None:
            os.makedirs(self.path, exist_ok=True)
            with replaced(os.path.join(self.path, DECIDED)) as file:
                file.write(json.dumps(self.decided).encode())

    def find(
        self, name: str, every: Sequence[Config], shape: Shape
    ) -> tuple[list[Member], float] | None:
        """The members of a round that was finished, and the seconds that it took."""
        told = self.decided.get(_named(name, every))
        if told is None or self.path is None:
            return None
        with open(os.path.join(self.path, told["file"]), "rb") as file:
            arrays = safetensors().numpy.load(file.read())
        members = []
        for i, config in enumerate(told["members"]):
            start = f"{i}/"
            own = {k[len(start) :]: a for k, a in arrays.items() if k.startswith(start)}
            members.append(Member.read(config, shape, own))
        return members, told["seconds"]

    def put(
        self,
        name: str,
        every: Sequence[Config],
        members: Sequence[Member],
        seconds: float,
    ) -> None:
        """Keeps a finished round."""
        if self.path is None:
            return
        told, arrays = [], {}
        for i, member in enumerate(members):
            config, own = member.written()
            told.append(config)
            arrays |= {f"{i}/{k}": np.ascontiguousarray(a).reshape(np.shape(a))
                       for k, a in own.items()}  # fmt: skip
        file_name = f"{self.count:03}.safetensors"
        os.makedirs(self.path, exist_ok=True)
        with replaced(os.path.join(self.path, file_name)) as file:
            file.write(safetensors().numpy.save(arrays))
        self.decided[_named(name, every)] = {
            "file": file_name,
            "members": told,
            "seconds": seconds,
        }
        self._write()

    def clear(self) -> None:
        """Takes the rounds away: the fit is done, or begins anew."""
        if self.path is not None and os.path.isdir(self.path):
            shutil.rmtree(self.path)


def _named(name: str, every: Sequence[Config]) -> str:
    return f"round {name} {json.dumps(list(every), sort_keys=True)}"
