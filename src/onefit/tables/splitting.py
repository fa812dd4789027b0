"""Text becomes rows of cells, or of objects: encoding and delimiter are found.

It is split by Python's own `csv`, since of the readers that were compared it is the
only one that says in which line a row is too short or a quote is never closed.
"""

import codecs
import csv
import io
import itertools
import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import IO, Any

from onefit.errors import invalid
from onefit.tables.framing import HEAD, Rows
from onefit.tables.options import Said
from onefit.tables.values import Frame

__all__ = ["cells_of", "damaged", "decoded", "encoding_of", "of_json", "start_of"]

DELIMITERS = (",", ";", "\t", "|", ":")

DOUBLED = re.compile(r'(?<![\\,;\t|\n])""')
"""A quote inside of a cell, as two; an empty cell is none."""


def encoding_of(path: str, unpacked: Callable[[str], IO[bytes]], said: Said) -> str:
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


def decoded(raw: IO[bytes], encoding: str, path: str) -> io.TextIOWrapper:
    """The text of these bytes."""
    try:
        errors = "replace" if encoding == "cp1252" else "strict"
        return io.TextIOWrapper(raw, encoding, errors, newline="")
    except LookupError:
        raise invalid(
            path, f"encoding={encoding!r}", "one that Python knows, such as 'cp1252'"
        ) from None


def start_of(file: IO[str], path: str) -> list[str]:
    """The first lines."""
    try:
        return list(itertools.islice(file, HEAD))
    except (UnicodeError, EOFError, OSError, lzma.LZMAError) as error:
        raise damaged(path, error) from None


def damaged(path: str, error: Exception) -> ValueError:
    """The error for a file that cannot be read to its end."""
    if isinstance(error, UnicodeError):
        return invalid(path, str(error), "text", "write another encoding")
    return invalid(
        path, f"a damaged file ({error})", "a whole one", "copy or pack it again"
    )


def cells_of(lines: Iterable[str], start: list[str], said: Said) -> Rows:
    """The rows of a text, each with the line in which it begins."""
    csv.field_size_limit(1 << 30)  # a cell may hold a whole text
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
        raise damaged(said.where, error) from None


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


def of_json(lines: Iterable[str], said: Said) -> Iterator[Frame]:
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
