"""Files that are written whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from onefit.errors import invalid

__all__ = ["replaced"]


@contextlib.contextmanager
def replaced(path: str | os.PathLike, *, overwrite: bool = True) -> Iterator[IO[bytes]]:
    """A file to write to; it takes its place when all is written.

    Until then the old file stays as it was, whatever happens: the new one is written
    beside it, brought to the disk, and moved over it.

    Raises:
        ValueError: No such folder, or a file that `overwrite` does not give away.
    """
    target = Path(os.path.realpath(path))
    if not overwrite and target.exists():
        raise invalid(
            "save",
            f"{os.fspath(path)!r}, which exists",
            "a new name",
            "write overwrite=True to replace it",
        )
    if not target.parent.is_dir():
        raise invalid(
            "save",
            f"{os.fspath(path)!r} in a folder that does not exist",
            "a folder that does",
            f"write os.makedirs({os.fspath(Path(path).parent)!r}) first",
        )
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # The move itself is brought to the disk where folders can be opened.
    with contextlib.suppress(OSError):
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
