"""tf.io.gfile: files and folders of this machine."""

import glob as _glob
import os
import shutil
from typing import Any

from onefit.scripts.tf.files import name_of

__all__ = [
    "GFile",
    "copy",
    "exists",
    "glob",
    "isdir",
    "join",
    "listdir",
    "makedirs",
    "mkdir",
    "remove",
    "rename",
    "rmtree",
]


def GFile(name: Any, mode: str = "r") -> Any:
    """A file, as `open` gives it."""
    return open(name_of(name), mode, encoding=None if "b" in mode else "utf-8")


def exists(path: Any) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(name_of(path))


def isdir(path: Any) -> bool:
    """Whether it is a folder."""
    return os.path.isdir(name_of(path))


def listdir(path: Any) -> list[str]:
    """The names in a folder."""
    return sorted(os.listdir(name_of(path)))


def glob(pattern: Any) -> list[str]:
    """The files whose names fit a pattern."""
    return _glob.glob(name_of(pattern))


def join(path: Any, *paths: Any) -> str:
    """One path of several parts."""
    return os.path.join(name_of(path), *map(name_of, paths))


def makedirs(path: Any) -> None:
    """Makes a folder and those around it."""
    os.makedirs(name_of(path), exist_ok=True)


def mkdir(path: Any) -> None:
    """Makes a folder."""
    os.mkdir(name_of(path))


def remove(path: Any) -> None:
    """Deletes a file."""
    os.remove(name_of(path))


def rename(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Gives a file another name.

    Raises:
        FileExistsError: One that is there, unless overwrite=True.
    """
    if exists(dst) and not overwrite:
        raise FileExistsError(name_of(dst))
    os.replace(name_of(src), name_of(dst))


def copy(src: Any, dst: Any, overwrite: bool = False) -> None:
    """Copies a file.

    Raises:
        FileExistsError: One that is there, unless overwrite=True.
    """
    if exists(dst) and not overwrite:
        raise FileExistsError(name_of(dst))
    shutil.copyfile(name_of(src), name_of(dst))


def rmtree(path: Any) -> None:
    """Deletes a folder with all that is in it."""
    shutil.rmtree(name_of(path))
