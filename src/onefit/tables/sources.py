"""Files of each kind become frames, told apart by how they begin."""

import bz2
import gzip
import io
import itertools
import lzma
import os
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from onefit.errors import invalid, unknown
from onefit.packages import package
from onefit.tables.framing import framed, without_doubles
from onefit.tables.options import Said
from onefit.tables.splitting import (
    cells_of,
    damaged,
    decoded,
    encoding_of,
    of_json,
    start_of,
)
from onefit.tables.values import Frame

__all__ = ["of_bytes", "of_file"]

PLAIN = partial(open, mode="rb")


def of_file(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    """The table of a file as it is written, in parts of so many rows.

    Raises:
        ValueError: No such file, a damaged one, one that is no table.
    """
    if os.path.isdir(path) or not os.path.exists(path):
        kind = "a folder" if os.path.isdir(path) else "no such file"
        raise invalid(path, kind, "a table: CSV, Excel, Parquet, JSON lines, SQLite")
    with open(path, "rb") as file:
        start = file.read(512)
    if not start:
        raise invalid(path, "an empty file", "a header row and rows of data")
    for sign, opened in SIGNS.items():
        if start.startswith(sign) or (sign == b"DUCK" and start[8:12] == sign):
            yield from opened(path, said, rows)
            return
    yield from _of_text(path, said, rows)


def of_bytes(text: bytes, said: Said, rows: int | None) -> Iterator[Frame]:
    """The table of a text that is in memory, which is text whatever it begins with."""
    if not text.strip():
        raise invalid(said.where, "an empty text", "a header row and rows of data")
    yield from _of_text(said.where, said, rows, lambda _: io.BytesIO(text))


def _of_text(
    path: str,
    said: Said,
    rows: int | None,
    unpacked: Callable[[str], IO[bytes]] = PLAIN,
) -> Iterator[Frame]:
    """A file of text, or one packed: JSON lines or cells between delimiters."""
    encoding = said.options.encoding or encoding_of(path, unpacked, said)
    with unpacked(path) as raw, decoded(raw, encoding, path) as file:
        start = start_of(file, path)
        lines = itertools.chain(start, file)
        first = next((line.strip() for line in start if line.strip()), "")
        if first.startswith(("{", "[{")) or first == "[":
            yield from of_json(lines, said)
        elif first.lower().startswith(("<html", "<!doctype", "<?xml")):
            raise invalid(path, "a web page or XML", "a table", "save it as CSV")
        else:
            yield from framed(cells_of(lines, start, said), said, rows)


def _of_zip(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    """An Excel file, or a zip with one table in it."""
    try:
        zipped = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise damaged(path, error) from None
    with zipped:
        names = [
            n for n in zipped.namelist() if not n.endswith("/") and "__MACOSX" not in n
        ]
        if "xl/workbook.xml" in names:
            yield from _of_excel(path, said, rows)
            return
        if len(names) != 1:
            raise invalid(
                path,
                f"a zip of {len(names)} files ({', '.join(names[:4])})",
                "one table in it",
                "unpack it, and name the one to read",
            )
        try:
            yield from _of_text(path, said, rows, lambda _: zipped.open(names[0]))
        except (zipfile.BadZipFile, RuntimeError) as error:
            raise damaged(path, error) from None


def _of_excel(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    openpyxl = package("openpyxl", "An Excel file")
    with open(path, "rb") as file:  # whatever its name is
        whole = io.BytesIO(file.read())
    book = openpyxl.load_workbook(whole, read_only=True, data_only=True)
    sheet = said.options.sheet or book.sheetnames[0]
    if sheet not in book.sheetnames:
        raise unknown("sheet", sheet, book.sheetnames)
    if len(book.sheetnames) > 1 and said.options.sheet is None:
        said.say(
            f"of {len(book.sheetnames)} sheets the first, {sheet!r}, is read "
            "(sheet='...')"
        )
    found = enumerate(book[sheet].iter_rows(values_only=True), 1)
    filled = ((line, list(row)) for line, row in found)
    for frame in framed(filled, said, rows):
        empty = [name for name in frame.columns if not frame[name].notna().any()]
        if empty:
            _refuse_formulas(path, whole, sheet, frame, empty)
        yield frame


def _refuse_formulas(
    path: str, whole: IO[bytes], sheet: str, frame: Frame, empty: list[str]
) -> None:
    """Refuses columns that are formulas whose values are not in the file."""
    book = package("openpyxl", "An Excel file").load_workbook(whole, read_only=True)
    at, names = int(frame.index[0]), list(frame.columns)
    row = next(book[sheet].iter_rows(at, at, values_only=True), ())
    cells = dict(zip(names, row, strict=False))
    for name in empty:
        if str(cells.get(name)).startswith("="):
            raise invalid(
                f"{path}, column {name!r}",
                f"formulas without their values, such as {cells[name]}",
                "a sheet with values",
                "open it in Excel or LibreOffice and save it again, which computes "
                "them; or save the sheet as CSV",
            )


def _of_parquet(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    package("pyarrow", "A Parquet file")
    import pandas as pd
    from pyarrow import parquet

    try:
        if rows is None:
            yield without_doubles(pd.read_parquet(path), said)
            return
        begin = 0
        with parquet.ParquetFile(path) as file:
            for part in file.iter_batches(rows):
                frame = part.to_pandas()
                if isinstance(
                    frame.index, pd.RangeIndex
                ):  # which each part begins anew
                    frame.index = frame.index + begin
                begin += len(frame)
                yield without_doubles(frame, said)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None


def _of_arrow(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    del rows
    package("pyarrow", "An Arrow file")
    from pyarrow import feather

    yield without_doubles(feather.read_feather(path), said)


def _of_sqlite(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    import sqlite3
    from contextlib import closing

    import pandas as pd

    del rows
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        listed = "select name from sqlite_master where type in ('table', 'view')"
        try:
            tables = [name for (name,) in base.execute(listed)]
            query = _query(path, tables, said)
            yield without_doubles(pd.read_sql_query(query, base), said)
        except (sqlite3.Error, pd.errors.DatabaseError) as error:
            raise _bad_query(path, error) from None


def _of_duckdb(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
    del rows
    duckdb = package("duckdb", "A DuckDB file")
    with duckdb.connect(path, read_only=True) as base:
        tables = [name for (name,) in base.execute("show tables").fetchall()]
        query = _query(path, tables, said)
        try:
            yield without_doubles(base.execute(query).df(), said)
        except duckdb.Error as error:
            raise _bad_query(path, error) from None


def _bad_query(path: str, error: Exception) -> ValueError:
    return invalid(path, str(error).split("\n")[0], "a query that it can answer")


def _query(path: str, tables: list[str], said: Said) -> str:
    if said.options.query is not None:
        return said.options.query
    if len(tables) != 1:
        raise invalid(
            path,
            f"a database of {len(tables)} tables ({', '.join(tables[:8])})",
            "one table, or a query",
            "write query='select * from ...'",
        )
    said.say(f"the one table, {tables[0]!r}, is read (query='select ...')")
    return f'select * from "{tables[0]}"'


def _refused(kind: str) -> Callable[[str, Said, int | None], Iterator[Frame]]:
    def refuse(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
        del said, rows
        raise invalid(path, kind, "a table", "save it as .csv or .xlsx")

    return refuse


def _packed(
    opened: Callable[[str], IO[bytes]],
) -> Callable[[str, Said, int | None], Iterator[Frame]]:
    def unpack(path: str, said: Said, rows: int | None) -> Iterator[Frame]:
        try:
            yield from _of_text(path, said, rows, opened)
        except (EOFError, OSError, lzma.LZMAError) as error:
            raise damaged(path, error) from None

    return unpack


SIGNS: dict[bytes, Callable[[str, Said, int | None], Iterator[Frame]]] = {
    b"PK\x03\x04": _of_zip,
    b"PAR1": _of_parquet,
    b"ARROW1": _of_arrow,
    b"SQLite format 3": _of_sqlite,
    b"DUCK": _of_duckdb,
    b"\x1f\x8b": _packed(partial(gzip.open, mode="rb")),  # type: ignore[arg-type]
    b"BZh": _packed(partial(bz2.open, mode="rb")),
    b"\xfd7zXZ": _packed(partial(lzma.open, mode="rb")),
    b"\xd0\xcf\x11\xe0": _refused("an old Excel file (.xls)"),
    b"%PDF": _refused("a PDF"),
}
"""How files begin, and what reads them; all others are text."""
