"""Who imports TensorFlow, and what they get.

While it is installed, `import tensorflow` in a user's own file gives the stand-in, and
everywhere else what is really installed. The file that imports decides: `__import__`
is told its globals. Nothing is put into `sys.modules`, so other packages, which look
there for a TensorFlow to work with, do not find one.
"""

import builtins
import importlib
import multiprocessing.spawn
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from onefit.scripts.names import ROOTS
from onefit.scripts.standin import standin

__all__ = ["Hook", "current"]

_OWN = str(Path(__file__).parents[1])
_INSTALLED = {"site-packages", "dist-packages"}
_MAIN = {"__main__", "__mp_main__"}

_current: list["Hook"] = []


def current() -> "Hook | None":
    """What is installed now."""
    return _current[-1] if _current else None


class Hook:
    """Gives the stand-in to the files of some folders.

    Args:
        folders: The user's own folders; packages installed inside them are not.
    """

    def __init__(self, folders: list[str]) -> None:
        self.folders = [str(Path(folder).resolve()) for folder in folders]
        self._undo: list[Callable[[], None]] = []

    def is_users(self, names: Mapping[str, Any] | None) -> bool:
        """Whether these are the globals of a file of the user's own.

        >>> hook = Hook(["/home/me/course"])
        >>> hook.is_users({"__name__": "__main__"})
        True
        >>> hook.is_users({"__file__": "/home/me/course/helper.py"})
        True
        >>> hook.is_users({"__file__": "/home/me/course/.venv/site-packages/a.py"})
        False
        """
        if names is None:
            return False
        if names.get("__name__") in _MAIN:
            return True
        file = names.get("__file__")
        if not file or str(file).startswith(_OWN):
            return False
        path = Path(file)
        inside = any(path.is_relative_to(folder) for folder in self.folders)
        return inside and _INSTALLED.isdisjoint(path.parts)

    def install(self) -> None:
        """Begins; `uninstall` ends it."""
        from onefit.scripts.tf.dressing import dress

        self._put(builtins, "__import__", self._import_of(builtins.__import__))
        self._put(importlib, "import_module", self._by_name(importlib.import_module))
        prepare = multiprocessing.spawn.get_preparation_data
        self._put(multiprocessing.spawn, "get_preparation_data", self._told(prepare))
        self._undo.append(dress())
        _current.append(self)

    def uninstall(self) -> None:
        """Leaves everything as it was before `install`."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()
        if self in _current:
            _current.remove(self)

    def __enter__(self) -> "Hook":
        self.install()
        return self

    def __exit__(self, *error: object) -> None:
        self.uninstall()

    def _put(self, place: Any, name: str, value: Any) -> None:
        before = getattr(place, name)
        setattr(place, name, value)
        self._undo.append(lambda: setattr(place, name, before))

    def _import_of(self, before: Any) -> Any:
        def import_(
            name: str,
            globals: Mapping[str, Any] | None = None,
            locals: Mapping[str, Any] | None = None,
            fromlist: Any = (),
            level: int = 0,
        ) -> ModuleType:
            root = name.partition(".")[0]
            if level or root not in ROOTS or not self.is_users(globals):
                return before(name, globals, locals, fromlist, level)
            module = standin(name)
            if not fromlist:
                return standin(root)
            for part in fromlist:
                if part != "*" and not hasattr(module, part):
                    words = _missing(module, part)
                    raise ImportError(words, name=name, path=module.__file__)
            return module

        return import_

    def _by_name(self, before: Any) -> Any:
        def import_module(name: str, package: str | None = None) -> ModuleType:
            caller = sys._getframe(1).f_globals
            if name.partition(".")[0] in ROOTS and self.is_users(caller):
                return standin(name)
            return before(name, package)

        return import_module

    def _told(self, before: Any) -> Any:
        def get_preparation_data(name: str) -> dict[Any, Any]:
            # Read first by a new process: what is unpickled there installs the hook.
            return {"onefit": _Child(self.folders)} | before(name)

        return get_preparation_data


def _missing(module: ModuleType, name: str) -> str:
    said = getattr(module, "missing", None)
    return said(name) if said else f"cannot import {name!r} from {module.__name__!r}"


class _Child:
    """In a process that multiprocessing starts: installs the hook when it is read."""

    def __init__(self, folders: list[str]) -> None:
        self.folders = folders

    def __reduce__(self) -> tuple[Any, ...]:
        return _begin, (self.folders,)


def _begin(folders: list[str]) -> None:
    Hook(folders).install()
