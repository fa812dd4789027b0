"""What a client sent, as rows: JSON, or text with delimiters."""

import json
from collections.abc import Callable
from typing import Any, Never

from onefit.errors import invalid
from onefit.tables.reading import read
from onefit.tables.records import Record
from onefit.web import Refused

__all__ = ["JSON", "rows_of"]

JSON, CSV = "application/json", "text/csv"

FORM = (
    'write {"rows": [{"column": value, ...}, ...]}, or one row {"column": value, ...}'
)


def rows_of(
    body: bytes, kind: str, most: int, read: Callable[[bytes], Any] = read
) -> list[Record]:
    """The rows of a request.

    Args:
        body: What was sent.
        kind: Its content type.
        most: Rows that there may be.
        read: A frame of a text with delimiters.

    Raises:
        Refused: What is no table, and why: 400, 413 or 415.

    >>> rows_of(b'{"a": 1.5, "b": null}', "application/json", 10)
    [{'a': 1.5, 'b': None}]
    >>> [dict(row) for row in rows_of(b"a;b\\n1,5;x\\n", "text/csv", 10)]
    [{'a': 1.5, 'b': 'x'}]
    """
    kind = kind.partition(";")[0].strip().lower()
    if kind not in (JSON, CSV):
        raise Refused(
            415,
            f"content-type: received {kind[:60]!r}; expected {JSON} or {CSV}.",
            {"accept": f"{JSON}, {CSV}"},
        )
    rows = _of_json(body) if kind == JSON else _of_csv(body, read)
    if not rows:
        raise _refused("the body", "no rows", "one or more")
    if len(rows) > most:
        raise Refused(
            413,
            f"the body: received {len(rows):,} rows; expected {most:,} at most. Send "
            "them in parts, or write `onefit predict` for a whole file.",
        )
    return rows


def _of_json(body: bytes) -> list[Record]:
    try:
        told = json.loads(body, parse_constant=_no_number)
    except RecursionError:
        deep = "values too deep in one another"
        raise _refused("the body", deep, "JSON", FORM) from None
    except ValueError as error:
        plain = isinstance(error, json.JSONDecodeError)
        why = f"no JSON ({error})" if plain else "no plain JSON"
        raise _refused("the body", why, "JSON", FORM) from None
    if isinstance(told, dict) and isinstance(told.get("rows"), list):
        told = told["rows"]
    rows: Any = [told] if isinstance(told, dict) else told
    if not isinstance(rows, list):
        raise _other("the body", rows)
    unsure = not body.isascii() or b"\\u" in body
    for i, row in enumerate(rows):
        _check(row, i, unsure)
    return rows


def _check(row: Any, i: int, unsure: bool) -> None:
    """Refuses a row that is no object of plain values, or has half a letter."""
    if not isinstance(row, dict):
        raise _other(f"row {i + 1}", row)
    for name, cell in row.items():
        if isinstance(cell, list | dict):
            where = f"row {i + 1}, column {_shown(name)}"
            raise _refused(where, _kind(cell), "a text, a number, true, false or null")
        if unsure and not (_whole(name) and _whole(cell)):
            half = "half a letter (a lone surrogate)"
            raise _refused(f"row {i + 1}", half, "Unicode")


def _whole(cell: object) -> bool:
    """Whether a text has no half of a pair of surrogates."""
    try:
        return not isinstance(cell, str) or bool(cell.encode() or True)
    except UnicodeEncodeError:
        return False


def _other(where: str, value: object) -> Refused:
    return _refused(where, _kind(value), "an object", FORM)


def _refused(where: str, received: str, expected: str, fix: str = "") -> Refused:
    return Refused(400, str(invalid(where, received, expected, fix)))


def _kind(value: object) -> str:
    kinds = {list: "a list", dict: "an object", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def _shown(name: str) -> str:
    return ascii(name if len(name) < 60 else f"{name[:56]}...")


def _no_number(name: str) -> Never:
    raise ValueError(name)


def _of_csv(body: bytes, read: Callable[[bytes], Any]) -> list[Record]:
    try:
        frame = read(body)
    except ValueError as error:
        raise Refused(400, str(error)) from None
    cells = {name: _plain(frame[name]) for name in frame.columns}
    names = list(cells)
    return [
        dict(zip(names, row, strict=True)) for row in zip(*cells.values(), strict=True)
    ]


def _plain(column: Any) -> list[Any]:  # a Series of pandas
    """Cells as JSON has them; dates in ISO 8601."""
    if column.dtype.kind == "M":
        column = column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f")
    cells = column.astype(object)
    return cells.where(column.notna(), None).tolist()
