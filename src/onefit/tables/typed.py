"""Columns of text become numbers and dates, where that is what they hold."""

from dataclasses import replace

import numpy as np

from onefit.errors import invalid
from onefit.tables.framing import HEAD
from onefit.tables.options import Options, Said
from onefit.tables.values import (
    CODE,
    MISSING,
    UNITS,
    Frame,
    Series,
    dates,
    decimal_of,
    format_of,
    numbers,
    plain,
    unit_of,
    without_unit,
    words,
)

__all__ = ["typed"]

MANY = 3
"""Different cells from which on a unit behind numbers is looked for."""

FEW_WRONG = 0.05
"""So many cells of a column of numbers may be something else."""


def typed(frame: Frame, said: Said | None = None) -> Frame:
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
    if texts and said.options.decimal is None:
        head = (cell for name in texts for cell in frame[name].head(HEAD))
        cells = (cell for cell in head if isinstance(cell, str))
        found = decimal_of(cells, said.options.delimiter or ",")
        said.options = replace(said.options, decimal=found)
        if found == ",":
            said.say("a comma is the decimal sign: 1,5 is one and a half (decimal=',')")
    for name in texts:
        frame[name] = _column(frame[name], said)
    return _without_missing(frame, said)


def _without_missing(frame: Frame, said: Said) -> Frame:
    """The frame without numbers that mean missing, such as 99."""
    import pandas as pd

    spelled: Series = pd.Series(list(said.options.missing), dtype=object)
    numbers: Series = pd.Series(pd.to_numeric(spelled, errors="coerce"))
    absent = numbers.dropna().tolist()
    for name in frame.columns if absent else ():
        if frame[name].dtype.kind in "fiu":
            frame[name] = frame[name].where(~frame[name].isin(absent))
    return frame


def _of_pandas(frame: Frame, said: Said) -> Frame:
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
        elif kind == "f":
            infinite = np.isinf(column.to_numpy(float, na_value=0))
            if infinite.any():
                count = int(infinite.sum())
                said.say(f"column {name!r}: {count:,} infinite cells are missing")
                frame[name] = column.where(~infinite)
    return frame


def _column(column: Series, said: Said) -> Series:
    """A column of text as what it holds; what was not plain to see is said."""
    import pandas as pd

    options, called = said.options, f"column {column.name!r}"
    values, spelled = _numbers_at_once(column, options)
    if values is not None:
        _say_missing(str(column.name), spelled, said)
        return values
    codes, names = words(column, options.missing, whole=True)
    index = column.index
    _say_missing(str(column.name), column[codes < 0], said)
    text = pd.Series(np.array([*names, None], object)[codes], index, object)
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
    text, unit = _without_units(text, names, said)
    values, wrong = numbers(text, options.decimal or ".", options.missing)
    different = np.unique(codes[wrong]) if wrong.any() else []
    some = len(different) <= FEW_WRONG * len(names) and wrong.mean() <= FEW_WRONG
    if not wrong.any() or (some and len(names) >= 20):
        _say_numbers(called, names, text[wrong], said)
        endless = np.isnan(values) & ~wrong & (codes >= 0)
        if endless.any():
            said.say(
                f"{called}: {text[endless].iloc[0]!r} in {_row(text[endless])} is "
                f"infinite: taken as missing ({int(endless.sum()):,} such cells)"
            )
        return pd.Series(values, index, name=named)
    known = None if unit else said.formats.get(str(named))
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


def _without_units(text: Series, names: list[str], said: Said) -> tuple[Series, bool]:
    """The cells without the unit that all of them have; whether there is one."""
    name, formats = str(text.name), said.formats
    known = formats.get(name, "")
    unit = known.removeprefix(UNITS) if known.startswith(UNITS) else None
    if unit is None and not formats.get(name) and len(names) >= MANY:
        unit = unit_of(names, said.options.decimal or ".")
    if unit is None:
        return text, False
    formats[name] = UNITS + unit
    if not known:
        said.say(f"column {name!r}: {names[0]!r} is read as the number before {unit!r}")
    return text.map(lambda c: c if c is None else without_unit(c, unit)), True


def _numbers_at_once(
    column: Series, options: Options
) -> tuple[Series | None, Series | None]:
    """A column that pandas reads as it is, and its cells that are missing; or None."""
    import pandas as pd

    if options.decimal == "," or options.missing is not MISSING:
        return None, None
    if pd.api.types.infer_dtype(column, skipna=True) == "boolean":
        return None, None
    found: Series = pd.to_numeric(column, errors="coerce")
    values = found.astype(float)
    rest = column[~np.isfinite(values.to_numpy())]
    coded = False
    if (values.dropna() % 1 == 0).all():
        coded = any(isinstance(c, str) and CODE.match(c.strip()) for c in column)
    if coded or len(rest) == len(column) or words(rest).words:
        return None, None
    return values, rest


def _say_missing(name: str, cells: Series | None, said: Said) -> None:
    known = [] if cells is None else cells.dropna().unique()
    if spelled := {str(cell).strip() for cell in known} - {""}:
        spelling = ", ".join(map(repr, sorted(spelled)[:3]))
        said.say_of(name, f"{spelling} is missing")


def _say_numbers(called: str, names: list[str], wrong: Series, said: Said) -> None:
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


def _row(cells: Series) -> str:
    """Where the first of these cells is, as people find it."""
    return f"{cells.index.name or 'row'} {cells.index[0]}"
