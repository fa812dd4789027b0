"""`.safetensors`: arrays by name, which other libraries read, and no code.

The format is a length, a JSON of names, types, shapes and places, and the numbers. The
package refuses places outside the file or over one another; what it would give is
compared with what is wanted before any of it is read.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from onefit.files.atomic import replaced
from onefit.files.limits import Limits
from onefit.files.refusal import refusal
from onefit.packages import package
from onefit.types import Array

__all__ = ["read", "write"]

KINDS = ("F", "BF", "I", "U", "BOOL")
"""How the names of those types begin that weights may have."""


def safetensors() -> ModuleType:
    """The package that knows the format, or an error that says how to get it."""
    package("safetensors.numpy", what := "A file of safetensors")
    return package("safetensors", what)


def write(
    path: str | os.PathLike,
    arrays: Mapping[str, Array],
    metadata: dict[str, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Writes arrays to a file, of any type of numbers, bfloat16 among them.

    Args:
        path: The file, replaced as a whole.
        arrays: By name.
        metadata: Words about them, by name.
        overwrite: Whether it may replace a file.

    Raises:
        ValueError: An array of a type that the format has not.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    plain = {name: a.reshape(np.shape(arrays[name])) for name, a in plain.items()}
    try:
        whole = safetensors().numpy.save(plain, metadata=metadata)
    except (KeyError, TypeError, safetensors().SafetensorError) as error:
        kinds = sorted({str(array.dtype) for array in plain.values()})
        raise refusal(
            "safetensors",
            received=f"arrays of {', '.join(kinds)}",
            expected="plain numbers",
        ) from error
    with replaced(path, overwrite=overwrite) as file:
        file.write(whole)


def read(
    path: str | os.PathLike,
    where: str,
    wanted: Mapping[str, Array],
    limits: Limits | None = None,
) -> dict[str, np.ndarray]:
    """The arrays of a file, if it has those that are wanted, of their shapes.

    Args:
        path: The file.
        where: What an error calls it.
        wanted: What is to be in it: arrays of those shapes, by name.
        limits: How much it may ask for.

    Raises:
        ValueError: A file that is damaged, or has others.
    """
    library, limits = safetensors(), limits or Limits()
    with open(path, "rb") as raw:
        header = int.from_bytes(raw.read(8), "little")
    if header > limits.config:
        raise refusal(
            where,
            received=f"a list of arrays of {header:,} bytes, or no safetensors file",
            expected=f"{limits.config:,} at most",
            fix=limits.fix("config"),
        )
    try:
        opened = library.safe_open(os.fspath(Path(path)), framework="np")
    except (library.SafetensorError, OSError, ValueError) as error:
        raise refusal(
            where,
            received=f"no safetensors file, or a part of one ({str(error)[:200]})",
            expected="a whole file",
            fix="copy or save it again",
        ) from error
    with opened as file:
        present = set(file.keys())
        for names, what in (
            (wanted.keys() - present, "no weights named"),
            (present - wanted.keys(), "weights named"),
        ):
            if names:
                first = sorted(names)[0][:99]
                raise refusal(
                    where,
                    received=f"{what} {first!r}",
                    expected=f"the {len(wanted)} of this model",
                    fix="the file is of another model: make the one that was saved",
                )
        for name, array in wanted.items():
            entry = file.get_slice(name)
            shape, kind = tuple(entry.get_shape()), str(entry.get_dtype())
            if shape != tuple(array.shape) or not kind.startswith(KINDS):
                raise refusal(
                    where,
                    received=f"{name} of shape {shape}, {kind}",
                    expected=f"numbers of shape {tuple(array.shape)}",
                    fix="the file is of another model: make the one that was saved",
                )
        return {name: file.get_tensor(name) for name in wanted}
