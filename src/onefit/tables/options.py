"""How a table is written: what was given, and what was found and said."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from onefit.errors import invalid, unknown
from onefit.tables.values import MISSING

__all__ = ["Options", "Said"]


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

    `formats` are those of dates, by column: known ones go first. `shared` has the
    columns that share a fact, by the fact.
    """

    where: str
    options: Options
    notes: list[str] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    shared: dict[str, list[str]] = field(default_factory=dict)

    def say_of(self, column: str, fact: str) -> None:
        """Keeps a sentence of a column; columns with one fact share a sentence."""
        columns = self.shared.setdefault(fact, [])
        if column in columns:
            return
        old = _of_columns(columns, fact)
        columns.append(column)
        new = _of_columns(columns, fact)
        self.notes = [new if note == old else note for note in self.notes]
        self.say(new)

    def say(self, note: str) -> None:
        """Keeps a sentence, once."""
        if note not in self.notes:
            self.notes.append(note)


def _of_columns(columns: list[str], fact: str) -> str:
    """A fact of some columns in one sentence.

    >>> _of_columns(["a", "b"], "'NA' is missing")
    "columns 'a', 'b': 'NA' is missing"
    """
    names = ", ".join(map(repr, columns))
    return f"column{'s' * (len(columns) > 1)} {names}: {fact}"
