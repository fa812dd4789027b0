"""Files in folders: their names, their labels, and which are to train with.

Files come in the order of their paths, those of one class after those of another; the
draws of the shuffle are Keras', so that a seed and a share give the same two parts.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from onefit import config
from onefit.errors import OnefitWarning, invalid, is_whole, mistyped, unknown

__all__ = ["Found", "check", "found", "listed", "parts"]

LABEL_MODES = ("int", "categorical", "binary", None)
SUBSETS = ("training", "validation", "both", None)


class Found(NamedTuple):
    """Files with their labels.

    Attributes:
        paths: The files.
        labels: A whole number for each; None for none.
        names: The classes, by their numbers; None without labels.
    """

    paths: list[str]
    labels: list[int] | None
    names: list[str] | None


def check(
    where: str,
    labels: Any,
    label_mode: str | None,
    class_names: Any,
    validation_split: float | None,
    subset: str | None,
    shuffle: bool,
    seed: int | None,
    format: str = "tf",
) -> None:
    """Refuses what does not go together, before a file is looked for."""
    if isinstance(labels, str) and labels != "inferred":
        raise unknown(f"labels of {where}", labels, ["inferred"])
    if not isinstance(labels, str | list | tuple | None):
        raise mistyped(
            where,
            f"labels of type {type(labels).__name__}",
            "'inferred', None, or a list of whole numbers, one for each file",
            "write labels=list(labels)" if isinstance(labels, np.ndarray) else "",
        )
    if class_names is not None and labels != "inferred":
        raise invalid(
            where,
            "class_names with labels of your own",
            "class_names with labels='inferred' alone",
            "leave out one of the two",
        )
    if label_mode not in LABEL_MODES:
        raise unknown(f"label_mode of {where}", label_mode, map(str, LABEL_MODES))
    if subset not in SUBSETS:
        raise unknown(f"subset of {where}", subset, map(str, SUBSETS))
    if format not in ("tf", "grain"):
        raise unknown(f"format of {where}", format, ["tf", "grain"])
    if validation_split and not 0 < validation_split < 1:
        raise invalid(
            where, f"validation_split={validation_split!r}", "a share between 0 and 1"
        )
    if bool(validation_split) != bool(subset):
        given = "validation_split without subset"
        raise invalid(
            where,
            given if validation_split else "subset without validation_split",
            "both, or neither",
            "write validation_split=0.2, subset='both', seed=0",
        )
    if validation_split and shuffle and seed is None:
        raise invalid(
            where,
            "validation_split and shuffle without seed",
            "a seed, so that both parts share no file",
            "write seed=0",
        )


def listed(folder: Path, formats: Sequence[str], links: bool) -> Iterator[Path]:
    """The files of these kinds in a folder and those in it, in order."""
    for root, _, names in sorted(os.walk(folder, followlinks=links)):
        for name in sorted(names):
            if name.lower().endswith(tuple(formats)):
                yield Path(root) / name


def found(
    where: str,
    directory: str | os.PathLike,
    labels: Any,
    label_mode: str | None,
    class_names: Sequence[str] | None,
    formats: Sequence[str],
    shuffle: bool,
    seed: int | None,
    follow_links: bool,
    verbose: bool,
) -> Found:
    """The files of a directory with their labels, in Keras' order for this seed."""
    base = Path(directory)
    if not base.is_dir():
        raise invalid(where, repr(str(directory)), "a folder that is there")
    plain = labels is None or label_mode is None
    if labels == "inferred":
        names = _classes(where, base, class_names)
        files = [list(listed(base / name, formats, follow_links)) for name in names]
        numbers = [i for i, some in enumerate(files) for _ in some]
        paths = [str(path) for some in files for path in some]
    else:
        paths = [str(path) for path in listed(base, formats, follow_links)]
        numbers = [] if labels is None else _given(where, labels, len(paths), base)
        names = [str(label) for label in sorted(set(numbers))]
    if not paths:
        raise _empty(where, base, formats)
    result = Found(paths, None if plain else numbers, None if labels is None else names)
    _check_classes(where, result, label_mode)
    if labels == "inferred" and class_names is None and len(names) == 1:
        _warn_of_one(where, names[0], base)
    if verbose:
        classes = "" if plain else f" belonging to {len(names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    if not shuffle:
        return result
    seed = config.new_seed() if seed is None else seed
    for rows in filter(None, (result.paths, result.labels)):
        np.random.RandomState(seed).shuffle(rows)
    return result


def _classes(where: str, base: Path, class_names: Sequence[str] | None) -> list[str]:
    """The names of the folders, a class each."""
    folders = sorted(p.name for p in base.iterdir() if p.is_dir() and p.name[0] != ".")
    if class_names is None:
        return folders
    for name in class_names:
        if name not in folders:
            raise unknown(f"class_names of {where}", name, folders)
    return list(class_names)


def _given(where: str, labels: Sequence[Any], count: int, base: Path) -> list[int]:
    if len(labels) != count:
        raise invalid(
            where,
            f"{len(labels)} labels for {count} files in {str(base)!r}",
            "a label for each file, in the order of their paths",
        )
    for label in labels:
        if not is_whole(label, None):
            raise mistyped(where, f"the label {label!r}", "whole numbers")
    return [int(label) for label in labels]


def _check_classes(where: str, files: Found, label_mode: str | None) -> None:
    """Refuses labels that cannot be coded so."""
    if files.labels is None or files.names is None:
        return
    count = len(files.names)
    if label_mode == "binary" and count != 2:
        shown = ", ".join(files.names[:5]) + (", ..." if count > 5 else "")
        raise invalid(
            where,
            f"label_mode='binary' for {count} classes ({shown})",
            "two classes",
            "write label_mode='int', or name two: class_names=['a', 'b']",
        )
    highest = max(files.labels)
    if label_mode == "categorical" and not 0 <= min(files.labels) <= highest < count:
        raise invalid(
            where,
            f"label_mode='categorical' with labels from {min(files.labels)} to "
            f"{highest} for {count} classes",
            f"labels from 0 to {count - 1}",
            "number them: names, labels = np.unique(labels, return_inverse=True)",
        )


def _warn_of_one(where: str, name: str, base: Path) -> None:
    import warnings

    text = (
        f"{where}: all files have the label {name!r}, since {base} holds one folder; a "
        "classifier needs two. Did you mean the folder inside?"
    )
    warnings.warn(text, OnefitWarning, stacklevel=4)


def _empty(where: str, base: Path, formats: Sequence[str]) -> ValueError:
    loose = next(listed(base, formats, False), None)
    return invalid(
        where,
        f"{str(base)!r} without a file of {', '.join(formats)}"
        + (" in a folder of its class" if loose else ""),
        "a folder for each class, with files in it",
        "write labels=None for files without labels" if loose else "",
    )


def parts(
    where: str, files: Found, validation_split: float | None, subset: str | None
) -> list[tuple[str | None, Found]]:
    """All the files, or one part or both, each by its name: the last to validate."""
    if not validation_split:
        return [(None, files)]
    held = int(validation_split * len(files.paths))
    cut = len(files.paths) - held
    if not held:
        raise invalid(
            where,
            f"validation_split={validation_split} of {len(files.paths)} files",
            "a share that is one file at least",
        )
    sides = {"training": slice(cut), "validation": slice(cut, None)}
    names = sides if subset == "both" else [subset]
    return [(name, _rows(files, sides[str(name)])) for name in names]


def _rows(files: Found, rows: slice) -> Found:
    labels = files.labels
    return Found(files.paths[rows], labels and labels[rows], files.names)
