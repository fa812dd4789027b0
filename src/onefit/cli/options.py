"""Options that commands share: of reading a table, and of writing a file."""

import argparse
import os
from typing import Any

from onefit.errors import invalid

__all__ = ["add_reading", "reading_of", "refuse_existing", "roles_of"]

READING = {
    "delimiter": "what stands between cells, such as ';' or '\\t'",
    "decimal": "the decimal sign, '.' or ','",
    "encoding": "of the text, such as cp1252",
    "quote": "what stands around cells with a delimiter in them; '' for none",
    "comment": "how a line begins that is none of the table (default: #)",
    "sheet": "of an Excel file, by its name",
    "query": "of a database, in SQL",
}

READ_AS = {"encoding": "NAME", "sheet": "NAME", "query": "SQL"}
"""What is given for an option, where it is no mark."""


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds the options of reading to a command."""
    group = parser.add_argument_group(
        "how the table is written",
        "found from its first lines, and said; these overrule it",
    )
    for name, words in READING.items():
        kind = READ_AS.get(name, "MARK")
        group.add_argument(f"--{name}", metavar=kind, help=words)
    group.add_argument(
        "--missing",
        metavar="A,B",
        help="what is written where nothing is known (default: NA, ?, null, -, ...)",
    )
    group.add_argument(
        "--header",
        choices=("yes", "no"),
        help="whether the first row has the names of the columns",
    )
    group.add_argument(
        "--names", metavar="A,B", help="the names of the columns, in their order"
    )
    group.add_argument(
        "--dayfirst", action="store_true", help="1/2/2024 is in February"
    )
    group.add_argument(
        "--ragged",
        choices=("error", "skip"),
        default="error",
        help="lines of more or fewer cells: refuse the file, or leave them out "
        "(default: error)",
    )


def reading_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The options of `onefit.tables.read` that were given."""
    found: dict[str, Any] = {name: getattr(arguments, name) for name in READING}
    for name in ("missing", "names"):
        given = getattr(arguments, name)
        found[name] = None if given is None else given.split(",")
    if arguments.header is not None:
        found["header"] = arguments.header == "yes"
    if arguments.dayfirst:
        found["dayfirst"] = True
    found["ragged"] = arguments.ragged
    return {name: value for name, value in found.items() if value is not None}


def roles_of(text: str, dropped: str = "") -> dict[str, str | list[str]]:
    """What `--roles a=category,size=S<M<L` and `--drop b,c` say.

    >>> roles_of("a=category,size=S<M<L", "b")
    {'a': 'category', 'size': ['S', 'M', 'L'], 'b': 'drop'}
    """
    roles: dict[str, str | list[str]] = {}
    for pair in filter(None, text.split(",")):
        name, sign, role = pair.rpartition("=")
        if not sign or not name:
            raise invalid(
                "--roles", repr(pair), "name=role", "write --roles age=number,code=drop"
            )
        roles[name] = role.split("<") if "<" in role else role
    return roles | dict.fromkeys(filter(None, dropped.split(",")), "drop")


def refuse_existing(option: str, path: str | None, overwrite: bool) -> None:
    """Refuses a file that is there, unless it may be replaced; None is no file."""
    if path and os.path.exists(path) and not overwrite:
        raise invalid(
            option,
            f"{path!r}, which exists",
            "a new name",
            "write --overwrite to replace it",
        )
