"""Cells as people write them, as numbers, dates and words.

Every column goes through these, at `read`, at `fit` and at `predict`, so a cell means
the same everywhere. What many rows share is looked at once.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

__all__ = [
    "MISSING",
    "UNITS",
    "Frame",
    "Series",
    "Words",
    "dates",
    "decimal_of",
    "format_of",
    "numbers",
    "plain",
    "unit_of",
    "without_unit",
    "word",
    "words",
]

Frame: TypeAlias = Any
Series: TypeAlias = Any
"""A DataFrame and a Series of pandas: it types each index as all that it may give, so
a checker would see unions everywhere."""

MISSING = frozenset(
    {*("", "na", "n/a", "n.a.", "#n/a", "nan", "null", "none", "nil", "<na>", "nat")}
    | {*("?", "-", "--", ".", "missing", "#value!", "#ref!", "#div/0!", "#name?")}
)
"""What people write where nothing is known, in small letters."""

CURRENCY = re.compile(
    r"(?i)^([-+(]*)\s*(?:[€$£¥₹₩₽%]|eur|usd|gbp|chf|kr|zł|us\$)\s*|"
    r"\s*(?:[€$£¥₹₩₽%]|eur|usd|gbp|chf|kr|zł|us\$)\s*(\)?)$"
)
"""Signs and names of money, and per cent, beside a number."""

GROUPS = re.compile(r"(?<=\d)[\s'’\u00a0\u202f](?=\d{3}(?!\d))")
"""What stands between groups of three digits, beside the comma and the point."""

COMMAS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?")
POINTS = re.compile(r"[-+]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?")

COMMA_ONLY = re.compile(
    r"[-+]?(\d+,(\d{1,2}|\d{4,})|0,\d+|\d{4,},\d+|\d{1,3}(\.\d{3})+,\d+)"
)
"""A comma that can only be a decimal comma."""

POINT_ONLY = re.compile(
    r"[-+]?(\d*\.(\d{1,2}|\d{4,})|0?\.\d+|\d{4,}\.\d+|\d{1,3}(,\d{3})+\.\d+)"
)

CODE = re.compile(r"0\d+$")
"""A number that begins with 0, such as a postal code, is a name."""

FORMATS = (
    "ISO8601",
    *("%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%y"),
    *("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p"),
    *("%d/%m/%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y", "%m-%d-%Y"),
    *("%m/%d/%y", "%d/%m/%y", "%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%Y/%m/%d"),
    *("%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y"),
    *("%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b-%d-%Y", "%H:%M", "%H:%M:%S"),
)
"""How dates are written; of two that fit, the first is taken."""

UNIT = re.compile(r"\d\s*([^\W\d_][^\d\s]{0,11})$")
"""A unit behind a number: letters, and signs among them, as in km/h."""

UNITS = "in "
"""What stands before the unit of numbers where dates have their format."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
"""A number as Python writes it."""

LONGEST = 1000
"""Letters of a word; longer ones are told apart by a mark."""

LONG = 64
"""A cell of more letters is neither a number nor a date."""

LOOKED_AT = 2000
"""So many different cells show how a column is written."""


class Words(NamedTuple):
    """A column as words: of each row which word, -1 where nothing is known."""

    codes: np.ndarray
    words: list[str]


def plain(cell: str, decimal: str = ".") -> str:
    """A number without what is written around it, as Python writes it.

    Groups of three digits, signs and names of money, per cent and the brackets of a
    negative amount are taken away. What is no number stays as it is.

    >>> plain(" $1,234.50 "), plain("-12 %"), plain("(3.5)"), plain("1 234,5 €", ",")
    ('1234.50', '-12', '-3.5', '1234.5')
    """
    if len(cell) > LONG:
        return cell
    bare = GROUPS.sub("", CURRENCY.sub(r"\1\2", cell.strip()).strip())
    if bare.startswith("(") and bare.endswith(")"):
        bare = f"-{bare[1:-1].strip()}"
    if decimal == ",":
        bare = bare.replace(".", "") if POINTS.fullmatch(bare) else bare
        return bare.replace(",", ".") if bare.count(",") == 1 else bare
    return bare.replace(",", "") if COMMAS.fullmatch(bare) else bare


def decimal_of(cells: Iterable[str], delimiter: str = ",") -> str:
    """Whether these cells have a decimal point or a decimal comma.

    >>> decimal_of(["1,5", "2"]), decimal_of(["1,500", "2.5"]), decimal_of(["1,500"])
    (',', '.', '.')
    """
    short = (cell.strip() for cell in cells if len(cell) <= LONG)
    bare = [CURRENCY.sub(r"\1\2", cell) for cell in short]
    commas = sum(COMMA_ONLY.fullmatch(cell) is not None for cell in bare)
    points = sum(POINT_ONLY.fullmatch(cell) is not None for cell in bare)
    unsure = delimiter == ";" and not points
    if unsure and not commas:
        commas = sum(COMMAS.fullmatch(cell) is not None for cell in bare)
    return "," if commas > points else "."


def words(
    column: Series, missing: Iterable[str] = MISSING, whole: bool = False
) -> Words:
    """A column as words: 3.0 and 3 and ' 3' are '3'; what is missing has code -1.

    Unless they are to be `whole`, very long ones are their beginning and a mark of
    their own, so that a cell of megabytes does not go wherever words are kept.
    """
    import pandas as pd

    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and dicts, which are told apart by how they are written
        told = column.map(
            lambda cell: str(cell) if isinstance(cell, list | dict | set) else cell
        )
        codes, values = pd.factorize(told)
    names = [word(value) for value in values]
    if not whole:
        names = [_short(name) for name in names]
    known, again = {}, np.empty(len(names) + 1, np.int64)
    for i, name in enumerate(names):
        absent = name.lower() in missing
        again[i] = -1 if absent else known.setdefault(name, len(known))
    again[-1] = -1
    return Words(again[codes], list(known))


def word(value: object) -> str:
    """A cell as a word: 3.0 and 3 and ' 3' are '3'."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float | np.floating):
        return f"{value:.15g}"
    return str(value)


def _short(name: str) -> str:
    if len(name) <= LONGEST:
        return name
    mark = hashlib.blake2b(name.encode(errors="replace"), digest_size=8).hexdigest()
    return f"{name[:LONGEST]}... ({mark})"


def unit_of(names: list[str], decimal: str = ".") -> str | None:
    """The unit that all of these cells have behind a number, or None.

    >>> unit_of(["60 kg", "72.5 kg"]), unit_of(["60 kg", "7 lb"]), unit_of(["4", "5"])
    ('kg', None, None)
    """
    found = UNIT.search(names[0])
    unit = found[1] if found else ""
    if not unit or not all(name.endswith(unit) for name in names):
        return None
    cells = (plain(without_unit(name, unit), decimal) for name in names)
    return unit if all(NUMBER.fullmatch(cell) for cell in cells) else None


def without_unit(cell: str, unit: str) -> str:
    """A cell without the unit behind it, if it has one."""
    return cell.removesuffix(unit).rstrip()


def numbers(
    column: Series, decimal: str = ".", missing: Iterable[str] = MISSING
) -> tuple[np.ndarray, np.ndarray]:
    """A column as float64, NaN where nothing is known, and which cells are no numbers.

    Infinite numbers count as not known.
    """
    import pandas as pd
    from pandas.api import types

    if types.is_numeric_dtype(column.dtype) and not types.is_complex_dtype(column):
        values = column.to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(values), values, np.nan), np.zeros(
            len(values), bool
        )
    if types.is_datetime64_any_dtype(column.dtype):
        return np.full(len(column), np.nan), column.notna().to_numpy()
    codes, names = words(column, missing)
    cells = [plain(name, decimal) for name in names]
    found: Series = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
    known = np.append(found.to_numpy(np.float64), np.nan)
    values = np.where(np.isfinite(known), known, np.nan)[codes]
    return values, (codes >= 0) & np.isnan(known[codes])


def format_of(names: list[str], dayfirst: bool | None = None) -> str | None:
    """How these words write dates, or None if some of them are none.

    >>> format_of(["2024-01-31", "2024-02-01"]), format_of(["31.1.2024"])
    ('ISO8601', '%d.%m.%Y')
    """
    import pandas as pd

    asked = pd.Series(names[:LOOKED_AT], dtype=object)
    if not len(asked) or asked.str.len().max() > LONG:
        return None
    if not asked.str.fullmatch(r".*\d.*[-/.: ,].*\d.*").all():
        return None
    kinds = (
        sorted(FORMATS, key=lambda kind: kind.startswith("%m")) if dayfirst else FORMATS
    )
    for kind in kinds:
        if pd.to_datetime(asked, format=kind, errors="coerce", utc=True).notna().all():
            return kind
    return None


def dates(
    column: Series, kind: str | None = None, missing: Iterable[str] = MISSING
) -> tuple[np.ndarray, np.ndarray]:
    """A column as days since 1970 in float64, and which cells are no dates.

    Times with a zone are in UTC.
    """
    import pandas as pd
    from pandas.api import types

    day = np.timedelta64(1, "D")
    if types.is_datetime64_any_dtype(column.dtype):
        if getattr(column.dtype, "tz", None) is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        values = column.to_numpy("datetime64[us]")
        bad = np.zeros(len(values), bool)
        return _days(values, day), bad
    codes, names = words(column, missing)
    found = pd.to_datetime(
        pd.Series(names, dtype=object),
        format=kind or format_of(names) or "ISO8601",
        errors="coerce",
        utc=True,
    ).dt.tz_localize(None)
    known = np.append(_days(found.to_numpy("datetime64[us]"), day), np.nan)
    return known[codes], (codes >= 0) & np.isnan(known[codes])


def _days(values: np.ndarray, day: np.timedelta64) -> np.ndarray:
    return np.where(np.isnat(values), np.nan, (values - np.datetime64(0, "D")) / day)
