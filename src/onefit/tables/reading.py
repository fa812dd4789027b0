"""A table from wherever it is: files of text, Excel, Parquet, databases, frames.

Text is split by Python's own `csv`, since of the readers that were compared it is the
only one that says in which line a row is too short or a quote is never closed; pandas
reads the rest, and holds the columns. What the file left open is found from its first
lines and said; an option overrules it.
"""

import bz2
import codecs
import csv
import gzip
import io
import itertools
import json
import lzma
import os
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from onefit.errors import invalid, mistyped, unknown
from onefit.tables.values import (
    CODE,
    MISSING,
    dates,
    decimal_of,
    format_of,
    numbers,
    plain,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Options", "Said", "called", "chunks", "parts", "read", "typed"]

CHUNK = 50_000
"""Rows that are held as text at once."""

HEAD = 1000
"""Rows that show how a file is written."""

FEW_WRONG = 0.05
"""So many cells of a column of numbers may be something else."""

DOUBLED = re.compile(r'(?<![\\,;\t|\n])""')
"""A quote inside of a cell, as two; an empty cell is none."""

PLAIN = partial(open, mode="rb")

DELIMITERS = (",", ";", "\t", "|", ":")

Row = list[Any]  # a cell is text, or what Excel has in it
Rows = Iterator[tuple[int, Row]]


@dataclass(frozen=True)
class Options:
    """How a table is written, where this is not to be found from its first lines.

    Args:
        delimiter: What stands between cells.
        decimal: '.' or ','.
        encoding: Of the text, such as 'cp1252'; UTF-8 unless it is none.
        header: Whether the first row has the names.
        names: The names of the columns, in place of those in the file.
        comment: How a line begins that is none of the table; '#'.
        quote: The mark around cells with a delimiter in them; '' for none.
        missing: What is written where nothing is known, beside an empty cell.
        dayfirst: Whether 1/2/2024 is in February.
        ragged: 'error', or 'skip' to leave out rows of more or fewer cells.
        sheet: Of an Excel file, by its name.
        query: Of a database, in SQL.
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    header: bool | None = None
    names: tuple[str, ...] | None = None
    comment: str = "#"
    quote: str = '"'
    missing: frozenset[str] = MISSING
    dayfirst: bool | None = None
    ragged: str = "error"
    sheet: str | None = None
    query: str | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Options":
        """The options of these keywords.

        Raises:
            ValueError: A keyword that is none, with the nearest.
        """
        known = [option.name for option in fields(cls)]
        for name in given:
            if name not in known:
                raise unknown("option of read", name, known)
        settled = {k: v for k, v in given.items() if v is not None}
        for name in ("delimiter", "quote", "comment", "decimal"):
            if len(settled.get(name, "x")) > 1:
                settled[name] = settled[name].encode().decode("unicode_escape")
        if settled.get("decimal", ".") not in (".", ","):
            raise invalid("decimal", repr(settled["decimal"]), "'.' or ','")
        if settled.get("ragged", "skip") not in ("error", "skip"):
            raise invalid("ragged", repr(settled["ragged"]), "'error' or 'skip'")
        if "names" in settled:
            settled["names"] = tuple(settled["names"])
        if "missing" in settled:
            more = {str(word).lower() for word in settled["missing"]}
            settled["missing"] = frozenset(more | {""})
        return cls(**settled)


@dataclass
class Said:
    """What was assumed of one source, in sentences, and the options that came of it.

    `formats` are those of dates, by column: known ones go first.
    """

    where: str
    options: Options
    notes: list[str] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)

    def say(self, note: str) -> None:
        """Keeps a sentence, once."""
        if note not in self.notes:
            self.notes.append(note)


# What people call ---------------------------------------------------------------------


def read(source: Any, **options: Any) -> "pd.DataFrame":
    """A table as a pandas DataFrame of numbers, dates and text.

    CSV of any dialect, gz, zip, bz2 or xz of it, JSON lines, Excel, Parquet, Arrow, a
    query of SQLite or DuckDB; a DataFrame of pandas or polars, an Arrow table, a dict
    of columns. What was assumed stands in `frame.attrs["notes"]`. Rows of text are
    named by the line of the file in which they begin.

    Args:
        source: A path, or a table in memory.
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


def chunks(
    source: Any, rows: int | None = CHUNK, **options: Any
) -> Iterator["pd.DataFrame"]:
    """The table of `read` in parts, so that a file may be larger than memory.

    Args:
        source, options: As in `read`.
        rows: Of each part; None for one part. Only text comes in parts.
    """
    yield from parts(source, Said(called(source), Options.of(options)), rows)


def parts(source: Any, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    """As `chunks`, for what is known already: options, and formats of dates."""
    _package("pandas", "Tables")
    for frame in _raw(source, said, rows):
        yield _named(typed(frame, said), said)


def called(source: Any) -> str:
    """What errors call a source."""
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    return f"the {type(source).__name__}"


def _named(frame: "pd.DataFrame", said: Said) -> "pd.DataFrame":
    frame.attrs = {
        "source": said.where,
        "notes": said.notes,
        "formats": said.formats,
        "decimal": said.options.decimal or ".",
    }
    return frame


def _raw(source: Any, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    """The table as it is written, in parts."""
    import pandas as pd

    if isinstance(source, pd.DataFrame):
        told = source.attrs if "notes" in source.attrs else {}  # of `read`
        said.where = told.get("source", said.where)
        said.notes += [note for note in told.get("notes", []) if note not in said.notes]
        said.formats |= told.get("formats", {})
        yield _without_doubles(source.copy(deep=False), said)
    elif isinstance(source, str | os.PathLike):
        yield from _of_file(os.fspath(source), said, rows)
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


def _without_doubles(frame: "pd.DataFrame", said: Said) -> "pd.DataFrame":
    frame.columns = _different([str(name) for name in frame.columns], said)
    return frame


# Cells become numbers, dates and words ------------------------------------------------


def typed(frame: "pd.DataFrame", said: Said | None = None) -> "pd.DataFrame":
    """A frame whose columns of text are numbers or dates, where they hold these."""
    from pandas.api import types

    said = said or Said("the table", Options())
    frame = _of_pandas(frame, said)
    texts = [
        name
        for name in frame.columns
        if types.is_object_dtype(frame[name].dtype)
        or types.is_string_dtype(frame[name].dtype)
    ]
    if not texts:
        return frame
    frame = frame.copy(deep=False)
    if said.options.decimal is None:
        head = (cell for name in texts for cell in frame[name].head(HEAD))
        cells = (cell for cell in head if isinstance(cell, str))
        found = decimal_of(cells, said.options.delimiter or ",")
        said.options = replace(said.options, decimal=found)
        if found == ",":
            said.say("a comma is the decimal sign: 1,5 is one and a half (decimal=',')")
    for name in texts:
        frame[name] = _column(frame[name], said)
    return frame


def _of_pandas(frame: "pd.DataFrame", said: Said) -> "pd.DataFrame":
    """The frame without the types that are for pandas alone.

    A period begins somewhere, a difference of times is a number of days, and infinite
    numbers are not known.
    """
    import pandas as pd

    if not frame.shape[1]:
        raise invalid(said.where, "no columns", "a table with columns")
    frame = frame.copy(deep=False)
    for name in frame.columns:
        column, kind = frame[name], getattr(frame[name].dtype, "kind", "O")
        if kind == "c":
            raise invalid(
                f"{said.where}, column {name!r}",
                "complex numbers",
                "real ones",
                f"write frame[{name!r}].abs() for their size",
            )
        if isinstance(column.dtype, pd.PeriodDtype):
            frame[name] = column.dt.to_timestamp()
        elif kind == "m":
            frame[name] = column.dt.total_seconds() / 86400
        elif (
            kind == "f"
            and (infinite := np.isinf(column.to_numpy(float, na_value=0))).any()
        ):
            count = int(infinite.sum())
            said.say(f"column {name!r}: {count:,} infinite cells are taken as missing")
            frame[name] = column.where(~infinite)
    return frame


def _column(column: "pd.Series", said: Said) -> "pd.Series":
    """A column of text as what it holds; what was not plain to see is said."""
    import pandas as pd

    options, called = said.options, f"column {column.name!r}"
    values, spelled = _numbers_at_once(column, options)
    if values is not None:
        _say_missing(called, spelled, said)
        return values
    codes, names = words(column, options.missing)
    index = column.index
    _say_missing(called, column[codes < 0], said)
    text = pd.Series(np.append(np.array(names, object), None)[codes], index, object)
    named = column.name
    text.name = named
    if not names:
        return pd.Series(np.nan, index, float, name=named)
    if any(CODE.fullmatch(name) for name in names):
        if all(plain(name).isdecimal() for name in names):
            said.say(
                f"{called}: {names[0]!r} and so on begin with 0, so they are names"
            )
        return text
    values, wrong = numbers(text, options.decimal or ".", options.missing)
    different = np.unique(codes[wrong]) if wrong.any() else []
    some = len(different) <= FEW_WRONG * len(names) and wrong.mean() <= FEW_WRONG
    if not wrong.any() or (some and len(names) >= 20):
        _say_numbers(called, names, text[wrong], said)
        return pd.Series(values, index, name=named)
    known = said.formats.get(str(named))
    of_known = known and not dates(text, known, options.missing)[1].any()
    kind = known if of_known else format_of(names, options.dayfirst)
    if kind:
        said.formats[str(named)] = kind
        _, wrong = dates(text, kind, options.missing)
        if kind not in ("ISO8601", known) and not wrong.any():
            said.say(f"{called}: {names[0]!r} is a date, read as {kind}")
        if not wrong.any():
            made = pd.to_datetime(text, format=kind, utc=True).dt.tz_localize(None)
            return made.astype("datetime64[us]")
    if sum(name.startswith("=") for name in names) > len(names) / 2:
        said.say(
            f"{called}: {names[0]!r} is a formula, taken as text: save the values of "
            "the sheet instead"
        )
    return text


def _numbers_at_once(
    column: "pd.Series", options: Options
) -> tuple["pd.Series | None", "pd.Series | None"]:
    """A column that pandas reads as it is, and its cells that are missing; or None."""
    import pandas as pd

    if options.decimal == "," or options.missing is not MISSING:
        return None, None
    if pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        return None, None
    values = pd.to_numeric(column, errors="coerce").astype(float)
    rest = column[~np.isfinite(values.to_numpy())]
    coded = False
    if (values.dropna() % 1 == 0).all():
        coded = any(isinstance(c, str) and CODE.match(c.strip()) for c in column)
    if coded or len(rest) == len(column) or words(rest).words:
        return None, None
    return values, rest


def _say_missing(called: str, cells: "pd.Series | None", said: Said) -> None:
    known = [] if cells is None else cells.dropna().unique()
    if spelled := {str(cell).strip() for cell in known} - {""}:
        said.say(f"{called}: {', '.join(map(repr, sorted(spelled)[:3]))} is missing")


def _say_numbers(called: str, names: list[str], wrong: "pd.Series", said: Said) -> None:
    decimal = said.options.decimal or "."
    as_it_is = [n.replace(",", ".") if decimal == "," else n for n in names]
    pairs = zip(names, as_it_is, strict=True)
    odd = next((n for n, same in pairs if plain(n, decimal) != same), None)
    if odd is not None:
        said.say(f"{called}: {odd!r} is read as {plain(odd, decimal)}")
    if len(wrong):
        more = f" (and {len(wrong) - 1} more such cells)" if len(wrong) > 1 else ""
        said.say(
            f"{called}: {wrong.iloc[0]!r} in {_row(wrong)} is no number{more}: taken "
            "as missing"
        )


def _row(cells: "pd.Series") -> str:
    """Where the first of these cells is, as people find it."""
    return f"{cells.index.name or 'row'} {cells.index[0]}"


# Rows of cells become a frame: of text, and of Excel ----------------------------------


def _framed(rows: Rows, said: Said, size: int | None) -> Iterator["pd.DataFrame"]:
    """Frames of these rows, once title, comments, header and width are found."""
    head = list(itertools.islice(rows, HEAD))
    head = [(line, row) for line, row in head if any(_full(cell) for cell in row)]
    if not head:
        raise invalid(said.where, "an empty file", "a header row and rows of data")
    width = _width(head)
    head = _without_title(head, width, said)
    (line, first), body = head[0], head[1:]
    names = said.options.names
    given = said.options.header
    if given if given is not None else _is_header(first, body):
        names = names or _names(first, width, said)
        head = body
    elif names is None:
        names = tuple(f"column{i + 1}" for i in range(width))
        if given is None:
            said.say(
                f"line {line} is data, not names: the columns are called column1 to "
                f"column{width} (header=True if it has the names)"
            )
    if len(names) != width:
        raise invalid("names", f"{len(names)} names", f"{width}, one for each column")
    if not head:
        raise invalid(said.where, "a header without rows", "rows of data below it")
    whole = _checked(itertools.chain(head, rows), width, said)
    yield from _gathered(whole, list(names), size)


def _full(cell: Any) -> bool:
    return cell is not None and (not isinstance(cell, str) or bool(cell.strip()))


def _width(head: list[tuple[int, Row]]) -> int:
    """The number of cells that most rows have; of two, that of the first."""
    counts = Counter(len(row) for _, row in head)
    most = max(counts.values())
    return next(len(row) for _, row in head if counts[len(row)] == most)


def _without_title(
    head: list[tuple[int, Row]], width: int, said: Said
) -> list[tuple[int, Row]]:
    """The rows from the header on: a title above has one cell that is filled."""
    at = 0
    while at < len(head) - 2 and width > 1 and sum(map(_full, head[at][1])) == 1:
        at += 1
    full = [len(row) == width and sum(map(_full, row)) > 1 for _, row in head[at:]]
    if not at or sum(full) < 2 or not full[0]:
        return head
    title = next(cell for cell in head[0][1] if _full(cell))
    said.say(f"line {head[0][0]}, {str(title)[:60]!r}, is above the table: left out")
    return head[at:]


def _is_header(first: Row, body: list[tuple[int, Row]]) -> bool:
    """Whether a row has names: no numbers, and not what stands below it again."""
    cells = [cell.strip() if isinstance(cell, str) else cell for cell in first]
    if not body:
        return all(isinstance(cell, str) for cell in cells)
    for cell in cells:
        if cell is not None and not isinstance(cell, str):
            return False
        bare = plain(cell or "").lstrip("+-").replace(".", "", 1)
        if (
            bare[:1].isdigit()
            and bare.replace("e", "", 1).isalnum()
            and _is_number(cell)
        ):
            return False
    if len(body) < 3:
        return True
    below = [{str(c).strip() for c in column} for column in _columns(body, len(cells))]
    return not all(c in seen for c, seen in zip(cells, below, strict=True))


def _is_number(cell: str | None) -> bool:
    try:
        float(plain(cell or "").replace(",", "."))
    except ValueError:
        return False
    return True


def _columns(body: list[tuple[int, Row]], width: int) -> list[tuple]:
    rows = [row for _, row in body if len(row) == width]
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _names(first: Row, width: int, said: Said) -> tuple[str, ...]:
    names = ["" if cell is None else str(cell).strip() for cell in first]
    while len(names) > width and not names[-1]:
        names.pop()
    if len(names) == width - 1:  # R writes the names of rows without one of their own
        names = ["", *names]
    if len(names) != width:
        return tuple(names)
    for i, name in enumerate(names):
        if not name:
            names[i] = f"column{i + 1}"
            said.say(f"column {i + 1} has no name; it is called {names[i]!r}")
    return tuple(_different(names, said))


def _different(names: list[str], said: Said) -> list[str]:
    """The names; one that comes again gets a number."""
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            numbered = (f"{name}_{k}" for k in itertools.count(2))
            names[i] = next(n for n in numbered if n not in seen and n not in names)
            said.say(f"two columns are called {name!r}; the second is {names[i]!r} now")
        seen.add(names[i])
    return names


def _checked(rows: Rows, width: int, said: Said) -> Rows:
    """The rows of this many cells; others are refused, or left out if asked."""
    comment, left_out = said.options.comment, 0
    last = (0, 0)
    for line, row in rows:
        if len(row) > width and not any(_full(cell) for cell in row[width:]):
            row = row[:width]
        if len(row) == width:
            if any(_full(cell) for cell in row):
                last = (line, len(row))
                yield line, row
            continue
        if not any(_full(cell) for cell in row):
            continue
        if comment and str(row[0]).startswith(comment):
            said.say(f"line {line} begins with {comment!r} and is left out")
        elif said.options.ragged == "skip":
            left_out += 1
        else:
            follows = next(rows, None)
            cut = follows is None and len(row) < width
            raise invalid(
                f"{said.where}, line {line}",
                f"{len(row)} cells" + (" where the file ends" if cut else ""),
                f"{width}, as in line {last[0]}" if last[0] else f"{width}",
                "copy the file again, it seems to be cut off; or write ragged='skip' "
                "(--ragged skip) to leave such lines out"
                if cut
                else 'put a cell that holds a delimiter in "quotes", or write '
                "ragged='skip' (--ragged skip) to leave such lines out",
            )
    if left_out:
        said.say(f"{left_out} lines of another number of cells are left out")


def _gathered(
    rows: Rows, names: list[str], size: int | None
) -> Iterator["pd.DataFrame"]:
    import pandas as pd

    while part := list(itertools.islice(rows, size or CHUNK)):
        lines = pd.Index([line for line, _ in part], name="line")
        cells = zip(*(row for _, row in part), strict=True)
        columns = [pd.Series(list(cell), lines, object) for cell in cells]
        frame = pd.concat(columns, axis=1)
        frame.columns = names
        if size is None:
            rest = list(_gathered(rows, names, CHUNK))
            frame = pd.concat([frame, *rest]) if rest else frame
        yield frame


# Files --------------------------------------------------------------------------------


def _of_file(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
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


def _of_text(
    path: str,
    said: Said,
    rows: int | None,
    unpacked: Callable[[str], IO[bytes]] = PLAIN,
) -> Iterator["pd.DataFrame"]:
    """A file of text, or one packed: JSON lines or cells between delimiters."""
    encoding = said.options.encoding or _encoding(path, unpacked, said)
    with unpacked(path) as raw, _decoded(raw, encoding, path) as file:
        start = _start_of(file, path)
        lines = itertools.chain(start, file)
        first = next((line.strip() for line in start if line.strip()), "")
        if first.startswith(("{", "[{")) or first == "[":
            yield from _of_json(lines, said)
        elif first.lower().startswith(("<html", "<!doctype", "<?xml")):
            raise invalid(path, "a web page or XML", "a table", "save it as CSV")
        else:
            yield from _framed(_cells(lines, start, said), said, rows)


def _encoding(path: str, unpacked: Callable[[str], IO[bytes]], said: Said) -> str:
    """UTF-8 where the bytes are that; else UTF-16 by its mark, or Western Europe's."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with unpacked(path) as raw:
        piece = raw.read(1 << 20)
        for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            if piece.startswith(mark):
                return "utf-16"
        if b"\0" in piece[:4096]:
            raise invalid(
                path,
                "zero bytes, so no plain text",
                "a table of text, Excel, Parquet, SQLite",
                "write encoding='utf-16' if it is a text of Windows; else save as CSV",
            )
        try:
            while piece:
                decoder.decode(piece)
                piece = raw.read(1 << 20)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            said.say("the text is no UTF-8; it is read as cp1252 (encoding='cp1252')")
            return "cp1252"
    return "utf-8-sig"


def _decoded(raw: IO[bytes], encoding: str, path: str) -> io.TextIOWrapper:
    try:
        errors = "replace" if encoding == "cp1252" else "strict"
        return io.TextIOWrapper(raw, encoding, errors, newline="")
    except LookupError:
        raise invalid(
            path, f"encoding={encoding!r}", "one that Python knows, such as 'cp1252'"
        ) from None


def _start_of(file: IO[str], path: str) -> list[str]:
    try:
        return list(itertools.islice(file, HEAD))
    except (UnicodeError, EOFError, OSError, lzma.LZMAError) as error:
        raise _damaged(path, error) from None


def _damaged(path: str, error: Exception) -> ValueError:
    if isinstance(error, UnicodeError):
        return invalid(path, str(error), "text", "write another encoding")
    return invalid(
        path, f"a damaged file ({error})", "a whole one", "copy or pack it again"
    )


def _cells(lines: Iterable[str], start: list[str], said: Said) -> Rows:
    """The rows of a text, each with the line in which it begins."""
    options = said.options
    kept = _comments_left_out(start, said)
    delimiter = options.delimiter or _delimiter(kept, options.quote)
    if options.delimiter is None:
        said.options = replace(options, delimiter=delimiter)
        if delimiter != ",":
            name = {"\t": "a tab", " ": "a space"}.get(delimiter, repr(delimiter))
            said.say(f"between cells stands {name} (delimiter={delimiter!r})")
    text = "".join(start)
    escaped = '\\"' in text and DOUBLED.search(text) is None
    skipped = len(start) - len(kept)
    rest = itertools.islice(iter(lines), skipped, None)
    reader = csv.reader(
        rest,
        delimiter=delimiter,
        quotechar=options.quote or None,
        quoting=csv.QUOTE_MINIMAL if options.quote else csv.QUOTE_NONE,
        escapechar="\\" if escaped else None,
        doublequote=not escaped,
        skipinitialspace=True,
        strict=True,
    )
    csv.field_size_limit(1 << 30)  # a cell may hold a whole text
    begins = 0
    try:
        for row in reader:
            yield begins + skipped + 1, row
            begins = reader.line_num
    except csv.Error as error:
        raise invalid(
            f"{said.where}, line {begins + skipped + 1}",
            "a quote that is never closed"
            if "unexpected end" in str(error)
            else f"a row that cannot be split ({error})",
            'each " closed by another, and "" for one inside a cell',
            "correct the line, or write quote='' (--quote '') if they are inches",
        ) from None
    except (UnicodeError, EOFError, OSError, lzma.LZMAError) as error:
        raise _damaged(said.where, error) from None


def _comments_left_out(start: list[str], said: Said) -> list[str]:
    """The first lines without the comments and the empty lines above the table."""
    comment, at = said.options.comment, 0
    while at < len(start) and (
        not start[at].strip() or (comment and start[at].startswith(comment))
    ):
        at += 1
    counted = sum(bool(line.strip()) for line in start[:at])
    if counted:
        said.say(f"{counted} lines that begin with {comment!r} are left out")
    return start[at:]


def _delimiter(start: list[str], quote: str) -> str:
    """The delimiter by which most rows have as many cells as the first.

    >>> _delimiter(["a;b", "1,5;2,5", "3;4"], '"')
    ';'
    """
    best = (0.0, 0, ",")
    for mark in DELIMITERS:
        share, width = _agreement(start, mark, quote)
        if width > 1 and (share, width) > best[:2]:
            best = (share, width, mark)
    if best[0] == 0.0:
        share, width = _agreement([line.strip() for line in start], " ", quote)
        if width > 1 and share == 1.0 and len(start) > 2:
            return " "
    return best[2]


def _agreement(start: list[str], mark: str, quote: str) -> tuple[float, int]:
    """The share of rows of the commonest width, and this width."""
    reader = csv.reader(
        start,
        delimiter=mark,
        quotechar=quote or None,
        skipinitialspace=True,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    widths = Counter(len(row) for row in reader if row)
    if not widths:
        return 0.0, 0
    width = max((w for w in widths), key=lambda w: (widths[w], w))
    share = widths[width] / widths.total()
    return (share, width) if share >= 0.3 else (0.0, 0)


def _of_json(lines: Iterable[str], said: Said) -> Iterator["pd.DataFrame"]:
    """An object a line, or a list of objects; what is inside one gets a dotted name."""
    import pandas as pd

    text = iter(lines)
    records, numbered = [], []
    first = next(line for line in text if line.strip())
    whole = first.lstrip().startswith("[")
    pairs = (
        [(1, "".join([first, *text]))]
        if whole
        else enumerate(itertools.chain([first], text), 1)
    )
    for line, cell in pairs:
        if not cell.strip():
            continue
        try:
            found = json.loads(cell)
        except ValueError as error:
            raise invalid(
                f"{said.where}, line {getattr(error, 'lineno', 1) - 1 + line}",
                f"no JSON ({error})",
                "a whole object a line",
                "copy the file again if it ends there",
            ) from None
        for record in found if isinstance(found, list) else [found]:
            if not isinstance(record, dict):
                raise invalid(
                    f"{said.where}, line {line}",
                    repr(record)[:60],
                    'an object {"a": 1}',
                )
            records.append(_flat(record))
            numbered.append(len(numbered) + 1 if whole else line)
    if not records:
        raise invalid(said.where, "no objects", "rows of data")
    yield pd.DataFrame(records, index=pd.Index(numbered, name="line"))


def _flat(record: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{front}{name}.")
        elif isinstance(value, list):
            flat[front + name] = ", ".join(map(str, value))
        else:
            flat[front + name] = value
    return flat


def _of_zip(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    """An Excel file, or a zip with one table in it."""
    try:
        zipped = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise _damaged(path, error) from None
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
            raise _damaged(path, error) from None


def _of_excel(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    openpyxl = _package("openpyxl", "Excel files")
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
    yield from _framed(filled, said, rows)


def _of_parquet(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    del rows
    _package("pyarrow", "Parquet files")
    import pandas as pd

    try:
        yield _without_doubles(pd.read_parquet(path), said)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None


def _of_arrow(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    del rows
    _package("pyarrow", "Arrow files")
    from pyarrow import feather

    yield _without_doubles(feather.read_feather(path), said)


def _of_sqlite(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    import sqlite3
    from contextlib import closing

    import pandas as pd

    del rows
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
        listed = "select name from sqlite_master where type in ('table', 'view')"
        try:
            tables = [name for (name,) in base.execute(listed)]
            query = _query(path, tables, said)
            yield _without_doubles(pd.read_sql_query(query, base), said)
        except (sqlite3.Error, pd.errors.DatabaseError) as error:
            raise _bad_query(path, error) from None


def _of_duckdb(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
    del rows
    duckdb = _package("duckdb", "DuckDB files")
    with duckdb.connect(path, read_only=True) as base:
        tables = [name for (name,) in base.execute("show tables").fetchall()]
        query = _query(path, tables, said)
        try:
            yield _without_doubles(base.execute(query).df(), said)
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


def _refused(kind: str) -> Callable[[str, Said, int | None], Iterator["pd.DataFrame"]]:
    def refuse(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
        del said, rows
        raise invalid(path, kind, "a table", "save it as .csv or .xlsx")

    return refuse


def _packed(
    opened: Callable[[str], IO[bytes]],
) -> Callable[[str, Said, int | None], Iterator["pd.DataFrame"]]:
    def unpack(path: str, said: Said, rows: int | None) -> Iterator["pd.DataFrame"]:
        try:
            yield from _of_text(path, said, rows, opened)
        except (EOFError, OSError, lzma.LZMAError) as error:
            raise _damaged(path, error) from None

    return unpack


SIGNS: dict[bytes, Callable[[str, Said, int | None], Iterator["pd.DataFrame"]]] = {
    b"PK\x03\x04": _of_zip,
    b"PAR1": _of_parquet,
    b"ARROW1": _of_arrow,
    b"SQLite format 3": _of_sqlite,
    b"DUCK": _of_duckdb,
    b"\x1f\x8b": _packed(partial(gzip.open, mode="rb")),
    b"BZh": _packed(partial(bz2.open, mode="rb")),
    b"\xfd7zXZ": _packed(partial(lzma.open, mode="rb")),
    b"\xd0\xcf\x11\xe0": _refused("an old Excel file (.xls)"),
    b"%PDF": _refused("a PDF"),
}
"""How files begin, and what reads them; all others are text."""


def _package(name: str, what: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        line = (
            "pip install duckdb" if name == "duckdb" else 'pip install "onefit[table]"'
        )
        raise ImportError(
            f"{what} need {name}, which is not installed. Write `{line}`."
        ) from error
