"""What each column is for: found from its cells, said with the reason, changeable."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from onefit.errors import invalid, unknown
from onefit.tables.values import (
    MISSING,
    UNITS,
    Frame,
    Series,
    Words,
    dates,
    numbers,
    words,
)

__all__ = [
    "CIRCLES",
    "INPUTS",
    "MOST_WORDS",
    "ROLES",
    "Column",
    "column_named",
    "columns_of",
    "fingerprint",
    "has_tails",
    "leaks",
    "levels",
    "middle_and_step",
]

INPUTS = ("number", "category", "ordered", "date", "text")
"""Roles of columns that a network is given."""

ROLES = (*INPUTS, "drop", "weight", "group", "time")

ID = re.compile(
    r"(?i:(^|[\s_.-])(id|ids|uuid|guid|index|idx|key|rownum|row|rownames|nr|no)$)|"
    r"[a-z](Id|ID)$|^Unnamed: 0$|^column1$"
)
"""Names of columns that count rows."""

NAMED = re.compile(r"(^|[\s_.-])(code|zip|postcode|plz|type|class|category)$")
"""Names of columns whose numbers are names."""

CIRCLES = {
    "month of the year": 365.2425,
    "day of the week": 7.0,
    "hour of the day": 1.0,
}
"""Days after which a part of a date begins anew."""

FEW = 20
"""With fewer rows, words that never come again may be so by chance."""

LONG = 4
"""So many words in a cell, on average, are a text."""

AGAIN, COVERED, LEVELS = 10, 0.9, 256
"""A number that so many rows have is known by itself, where so large a share of rows
has one of these, and there are so many at most."""

TAIL, TAIL_VALUES = 5.0, 20
"""So many times as far from the middle as quartiles are from each other is far; with
fewer different numbers there are no tails."""

MOST_WORDS = 50_000
"""Words of a category that are known, at most: the commonest."""

SHOWN = 2000
"""Rows that are looked at to find a leak."""


@dataclass
class Column:
    """One column of a table: its role, why, and what is known of its cells.

    Args:
        name: As in the table.
        role: Of `ROLES`.
        reason: Why, in a few words.
        values: The known words of a category, in their order if it has one.
        lowest, highest: Of numbers, and of dates in days since 1970.
        missing: The share of cells that are missing.
        circles: The parts of a date that vary, by their names in `CIRCLES`.
        format: How a date is written, where it was text; of numbers 'in ' and their
            unit, where they had one.
        repeats: Whether the numbers come again and again, so that each is known by
            itself beside its size: hours of the day, sums that many rows have.
        tails: Whether some of its numbers are so far from the others that their sizes
            are given a second time, those far away drawn together: sums of money.
        parts, shares: Edges of numbers, or words, and the share of training rows in
            each part (`drift`).
    """

    name: str
    role: str
    reason: str
    values: list[str] = field(default_factory=list)
    lowest: float | None = None
    highest: float | None = None
    missing: float = 0.0
    circles: list[str] = field(default_factory=list)
    format: str | None = None
    repeats: bool = False
    tails: bool = False
    parts: list = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @property
    def unit(self) -> str:
        """What stands behind its numbers, '' for nothing."""
        told = self.format or ""
        return told.removeprefix(UNITS) if told.startswith(UNITS) else ""

    def state(self) -> dict[str, Any]:
        """The column for a file."""
        return asdict(self)

    def ranks(self, found: Sequence[str]) -> np.ndarray:
        """The places of words in the order of the values; NaN where there is none.

        The last is of what is missing.
        """
        places = {word: float(i) for i, word in enumerate(self.values)}
        return np.array([*(places.get(word, np.nan) for word in found), np.nan])

    def words(self, cells: Series, absent: Sequence[str] = ()) -> Words:
        """The cells as words; `absent` are those that mean missing."""
        return words(cells, absent or MISSING)


def column_named(name: str, names: Sequence[str], where: str) -> str:
    """The column of this name.

    Raises:
        ValueError: There is none; the three nearest are named.
    """
    if name in names:
        return name
    import difflib

    spelled = {n.lower(): n for n in reversed(names)}
    near = difflib.get_close_matches(name.lower(), list(spelled), 3, 0.0)
    shown = ", ".join(repr(spelled[n]) for n in near)
    raise invalid(
        where,
        f"no column {name!r} in the table",
        f"one of its {len(names)} columns",
        f"the nearest are {shown}",
    )


def columns_of(
    frame: Frame,
    given: Mapping[str, str | Sequence[str]] | None = None,
    fixed: Mapping[str, str] | None = None,
    formats: Mapping[str, str] | None = None,
) -> list[Column]:
    """A column for each of the frame, with the role that was given or is found.

    Args:
        frame: The training rows.
        given: Roles by name; a list of words is the order of a category.
        fixed: Names by role, of what is no input: 'target', 'weight', ...
        formats: Of dates, by name.

    Raises:
        ValueError: A role or a column that is none.
    """
    given, fixed = dict(given or {}), dict(fixed or {})
    names = list(frame.columns)
    for name, role in given.items():
        column_named(name, names, "roles")
        if isinstance(role, str) and role not in ROLES:
            raise unknown("role", role, ROLES)
    others = {name: role for role, name in fixed.items()}
    columns: list[Column] = []
    seen: dict[bytes, str] = {}
    for name in names:
        cells = frame[name]
        if name in others:
            columns.append(Column(name, others[name], f"given as {others[name]}"))
            continue
        column = _found(cells, name)
        twin = seen.setdefault(fingerprint(cells), name)
        if twin != name and column.role != "drop":
            column = Column(name, "drop", f"the same in each row as {twin!r}")
        if name in given:
            column = _as_given(column, given[name], cells)
        column.format = dict(formats or {}).get(name)
        columns.append(_described(column, cells))
    return columns


def fingerprint(cells: Series) -> bytes:
    """What is the same for columns that are the same in each row."""
    import hashlib

    from pandas.util import hash_pandas_object

    plain = cells if cells.dtype.kind in "biufM" else cells.astype(object).map(str)
    made: Any = hash_pandas_object(plain, index=False)  # type: ignore[operator]
    return hashlib.blake2b(made.to_numpy().tobytes(), digest_size=16).digest()


def _as_given(column: Column, role: str | Sequence[str], cells: Series) -> Column:
    column.reason = "given"
    if isinstance(role, str):
        column.role = role
    else:
        column.role, column.values = "ordered", [str(word) for word in role]
    if column.role == "number":
        _refuse_words(cells, column.name)
    return column


def _refuse_words(cells: Series, name: str) -> None:
    values, wrong = numbers(cells)
    if wrong.all() or (wrong.any() and np.isnan(values).all()):
        first = cells[wrong].iloc[0]
        where = f"{cells.index.name or 'row'} {cells.index[wrong][0]}"
        raise invalid(
            f"column {name!r}, {where}",
            repr(first),
            "a number, as roles say",
            f"leave the role of {name!r} out, or write 'category'",
        )


def _found(cells: Series, name: str) -> Column:
    from pandas.api import types

    known = cells.dropna()
    different = int(known.nunique())
    if different == 0:
        return Column(name, "drop", "empty")
    if different == 1 and len(known) == len(cells):
        return Column(name, "drop", f"{known.iloc[0]!s:.40} in every row")
    if types.is_datetime64_any_dtype(cells.dtype):
        return Column(name, "date", "dates")
    if isinstance(getattr(cells.dtype, "ordered", None), bool):
        role = "ordered" if cells.dtype.ordered else "category"  # type: ignore
        kept = [str(word) for word in cells.dtype.categories]  # type: ignore
        return Column(name, role, "a category of pandas", values=kept)
    if types.is_bool_dtype(cells.dtype):
        return Column(name, "category", "true or false")
    if types.is_numeric_dtype(cells.dtype):
        return _of_numbers(known, name, different)
    return _of_words(known, name, different)


def _of_numbers(known: Series, name: str, different: int) -> Column:
    whole = bool((known.astype(float) % 1 == 0).all())
    if ID.search(name) and whole and different == len(known) and len(known) > 2:
        return Column(name, "drop", "an id: another whole number in each row")
    if NAMED.search(name.lower()) and whole and 2 < different <= 1000:
        return Column(name, "category", f"{different} numbers that are names")
    return Column(name, "number", f"{different} different numbers")


def _of_words(known: Series, name: str, different: int) -> Column:
    texts = known.astype(str)
    length = float(texts.str.count(r"\S+").mean())
    fresh = different / len(texts)
    if length >= LONG and fresh > 0.3:
        return Column(name, "text", f"{length:.0f} words in a cell")
    if fresh > 0.95 and len(texts) >= FEW:
        if length < 1.5:
            return Column(name, "drop", "an id: another word in each row")
        return Column(name, "text", "words that hardly ever come again")
    return Column(name, "category", f"{different} different words")


def _described(column: Column, cells: Series) -> Column:
    """The column with what is known of its cells."""
    column.missing = float(cells.isna().mean())
    values = None
    if column.role in ("number", "time", "weight"):
        values, _ = numbers(cells)
    if column.role == "date":
        values, _ = dates(cells)
        column.circles = _varying(values[~np.isnan(values)])
    if values is not None and not np.isnan(values).all():
        column.lowest, column.highest = (
            float(np.nanmin(values)),
            float(np.nanmax(values)),
        )
        column.repeats = column.role == "number" and len(levels(values)) > 0
        column.tails = column.role == "number" and has_tails(values)
    if column.role in ("category", "ordered") and not column.values:
        codes, found = words(cells)
        if len(found) > MOST_WORDS and column.role == "category":
            column.reason += f", of which the {MOST_WORDS:,} commonest are known"
            often = np.argsort(-np.bincount(codes[codes >= 0]), kind="stable")
            found = [found[i] for i in often[:MOST_WORDS]]
        column.values = sorted(found)
    return column


def levels(values: np.ndarray) -> np.ndarray:
    """The numbers that come again and again, if nearly all rows have one; else none.

    >>> levels(np.repeat([1.0, 2.0, 4.0], 20)).tolist()
    [1.0, 2.0, 4.0]
    """
    known = values[~np.isnan(values)]
    found, times = np.unique(known, return_counts=True)
    often = times >= AGAIN
    covered = times[often].sum() >= COVERED * max(len(known), 1)
    return found[often] if covered and 2 < often.sum() <= LEVELS else found[:0]


def middle_and_step(values: np.ndarray) -> tuple[float, float]:
    """The middle of the numbers, and how far from it those are that are near.

    That is the distance of the quartiles; where half of the numbers are the same, the
    middle distance of the others. 0 where all are the same.

    >>> middle_and_step(np.arange(5.0)), middle_and_step(np.array([0.0] * 8 + [4, 9]))
    ((2.0, 2.0), (0.0, 6.5))
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 0.0
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    if high > low:
        return float(middle), float(high - low)
    off = np.abs(known - middle)
    return float(middle), float(np.median(off[off > 0])) if off.any() else 0.0


def has_tails(values: np.ndarray) -> bool:
    """Whether one in a hundred numbers is far from the others, and they are not few.

    >>> has_tails(np.linspace(0, 1, 500)), has_tails(np.exp(np.linspace(-4, 4, 500)))
    (False, True)
    """
    middle, step = middle_and_step(values)
    off = np.abs(values[~np.isnan(values)] - middle)
    different = len(np.unique(off)) > TAIL_VALUES
    return bool(different and step > 0 and np.quantile(off, 0.99) > TAIL * step)


def _varying(days: np.ndarray) -> list[str]:
    """The parts of dates that tell rows apart."""
    spread = {
        "month of the year": np.ptp(days) if len(days) else 0.0,
        "day of the week": len(np.unique(np.floor(days) % 7)) - 1.0,
        "hour of the day": len(np.unique(np.floor(days % 1 * 24))) - 1.0,
    }
    least = {"month of the year": 60.0}
    return [part for part in CIRCLES if spread[part] > least.get(part, 0.0)]


def leaks(frame: Frame, columns: Sequence[Column], target: np.ndarray) -> list[str]:
    """Sentences about columns that say the target itself, for numbers and classes.

    A number that is a sum of columns to the last digit, and a category of which each
    word stands for one class, are seldom known when a prediction is wanted.
    """
    step = max(1, len(frame) // SHOWN)
    part, y = frame.iloc[::step], target[::step].astype(float)
    named = [c.name for c in columns if c.role == "number"]
    notes = []
    if named and len(y) > 4 * len(named):
        x = np.stack([numbers(part[name])[0] for name in named], axis=1)
        full = ~np.isnan(x).any(axis=1)
        if full.sum() > 4 * len(named) and np.ptp(y[full]) > 0:
            notes += _exact_sum(x[full], y[full], named)
    if len(np.unique(y)) <= 20:
        for column in columns:
            if column.role == "category" and 1 < len(column.values) <= 20:
                codes = words(part[column.name]).codes
                pairs = {
                    (int(c), float(v)) for c, v in zip(codes, y, strict=True) if c >= 0
                }
                kinds = {c for c, _ in pairs}
                if len(pairs) == len(kinds) > 1 and len(y) >= 4 * len(kinds):
                    notes.append(
                        f"each word of {column.name!r} stands for one value of the "
                        f"target: it tells the answer (--roles {column.name}=drop if "
                        "it is not known when you predict)"
                    )
    return notes


def _exact_sum(x: np.ndarray, y: np.ndarray, names: list[str]) -> list[str]:
    scale = np.abs(x - x.mean(0)).max(axis=0)
    of_use = scale > 0
    if not of_use.any():
        return []
    z = (x[:, of_use] - x[:, of_use].mean(0)) / scale[of_use]
    found, *_ = np.linalg.lstsq(z, y - y.mean(), rcond=None)
    rest = np.abs(z @ found - (y - y.mean())).max()
    if rest > 1e-6 * np.ptp(y):
        return []
    weights = found / scale[of_use]
    used = [
        (float(w), name)
        for w, name in zip(weights, np.array(names)[of_use], strict=True)
        if abs(w) * scale[names.index(name)] > 1e-4 * np.ptp(y)
    ]
    if not used:
        return []
    terms = " + ".join(
        f"{'' if abs(w - 1) < 1e-6 else f'{w:.6g} · '}{n}" for w, n in used
    )
    return [
        f"in every row the target is {terms.replace('+ -', '- ')}, plus a constant: "
        f"these columns tell the answer (--roles {used[0][1]}=drop if it is not known "
        "when you predict)"
    ]
