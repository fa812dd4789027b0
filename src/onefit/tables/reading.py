"""A table from wherever it is: files of text, Excel, Parquet, databases, frames.

What a file left open is found from its first lines and said; an option overrules it.
`sources` tells the kinds of files apart, `splitting` makes rows of text, `framing` a
frame of rows, and `typed` numbers and dates of text; pandas reads the rest.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from onefit.errors import mistyped
from onefit.packages import package
from onefit.tables.framing import CHUNK, without_doubles
from onefit.tables.options import Options, Said
from onefit.tables.sources import of_bytes, of_file
from onefit.tables.typed import typed
from onefit.tables.values import Frame

__all__ = ["called", "chunks", "parts", "read"]


def read(source: Any, **options: Any) -> Frame:
    """A table as a pandas DataFrame of numbers, dates and text.

    CSV of any dialect, gz, zip, bz2 or xz of it, JSON lines, Excel, Parquet, Arrow, a
    query of SQLite or DuckDB; a DataFrame of pandas or polars, an Arrow table, a dict
    of columns. What was assumed stands in `frame.attrs["notes"]`. Rows of text are
    named by the line of the file in which they begin.

    Args:
        source: A path, a table in memory, or the bytes of a text.
        options: Those of `Options`: `delimiter`, `decimal`, `encoding`, `header`,
            `names`, `comment`, `quote`, `missing`, `dayfirst`, `ragged`, `sheet`,
            `query`.

    Raises:
        ValueError: What is no table, or is damaged: which line, which column.
        ImportError: What a package is missing for.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "t.csv")
        ...     _ = path.write_text(
        ...         "day;price\\n2024-01-31;1.234,50 €\\n2024-02-01;-\\n"
        ...     )
        ...     frame = read(path)
        >>> frame["price"].tolist()
        [1234.5, nan]
    """
    frames = list(chunks(source, rows=None, **options))
    import pandas as pd  # which `chunks` has asked for

    frame = pd.concat(frames) if len(frames) > 1 else frames[0]
    frame.attrs = frames[0].attrs
    return frame


def chunks(source: Any, rows: int | None = CHUNK, **options: Any) -> Iterator[Frame]:
    """The table of `read` in parts, so that a file may be larger than memory.

    Args:
        source, options: As in `read`.
        rows: Of each part; None for one part. Only text comes in parts.
    """
    yield from parts(source, Said(called(source), Options.of(options)), rows)


def parts(source: Any, said: Said, rows: int | None) -> Iterator[Frame]:
    """As `chunks`, for what is known already: options, and formats of dates."""
    package("pandas", "A table")
    for frame in _raw(source, said, rows):
        yield _named(typed(frame, said), said)


def called(source: Any) -> str:
    """What errors call a source."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return "the text" if isinstance(source, bytes) else f"the {type(source).__name__}"


def _named(frame: Frame, said: Said) -> Frame:
    frame.attrs = {
        "source": said.where,
        "notes": said.notes,
        "formats": said.formats,
        "decimal": said.options.decimal or ".",
    }
    return frame


def _raw(source: Any, said: Said, rows: int | None) -> Iterator[Frame]:
    """The table as it is written, in parts."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        told = source.attrs if "notes" in source.attrs else {}  # of `read`
        said.where = told.get("source", said.where)
        said.notes += [note for note in told.get("notes", []) if note not in said.notes]
        said.formats |= told.get("formats", {})
        yield without_doubles(source.copy(deep=False), said)
    elif isinstance(source, str | os.PathLike):
        yield from of_file(os.fspath(source), said, rows)
    elif isinstance(source, bytes):
        yield from of_bytes(source, said, rows)
    elif isinstance(source, Mapping):
        yield pd.DataFrame(dict(source))
    elif isinstance(source, np.ndarray | list) and np.ndim(source) == 2:
        width = np.shape(source)[1]
        names = said.options.names or [f"column{i + 1}" for i in range(width)]
        yield pd.DataFrame(source, columns=list(names))
    else:  # polars, pyarrow, duckdb, by what they have in common
        for method in ("to_pandas", "df", "to_dict"):
            if hasattr(source, method):
                made = _other(source, method)
                yield from _raw(made, said, rows)
                return
        raise mistyped(
            "read",
            said.where,
            "a path, a DataFrame, an Arrow table or a dict of columns",
        )


def _other(source: Any, method: str) -> Any:
    try:
        return getattr(source, method)()
    except (ImportError, ModuleNotFoundError):  # polars without pyarrow
        return {name: source[name].to_list() for name in source.columns}
