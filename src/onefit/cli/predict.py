"""`onefit predict` and `onefit report`: what a model of a table says."""

import argparse
import csv
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from onefit.cli.options import reading_of
from onefit.errors import invalid
from onefit.files.atomic import replaced

if TYPE_CHECKING:
    from onefit.tables import TableModel
    from onefit.tables.model import Answer

__all__ = ["predict", "report"]


def predict(arguments: argparse.Namespace) -> int:
    """Writes a prediction for each row; returns the exit code.

    The columns are the id, if the training table had one, else the line or row;
    `prediction`; and `probability_<class>` of each class, or `lower` and `upper`.
    """
    path = arguments.output
    if path and os.path.exists(path) and not arguments.overwrite:
        raise _exists(path)
    model = _model(arguments.model)
    answers = model.answers(
        arguments.table,
        lambda note: print(f"onefit: {note}", file=sys.stderr),
        arguments.coverage,
        **reading_of(arguments),
    )
    if path is None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows(_lines(model, answers))
        return 0
    count = -1
    # Written whole or not at all, and part by part: the file may be larger than memory.
    with replaced(path, overwrite=arguments.overwrite) as file:
        for line in _lines(model, answers):
            text = [_spelled(cell) for cell in line]
            file.write((",".join(text) + "\n").encode())
            count += 1
    print(f"{path}: {count:,} predictions of {model.target.name!r}")
    return 0


def _spelled(cell: object) -> str:
    """A cell of a CSV file."""
    text = str(cell)
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _lines(model: "TableModel", answers: Iterator["Answer"]) -> Iterator[list[object]]:
    """The header, then a line a row."""
    first = True
    for part in answers:
        if first:
            yield _header(model, part)
            first = False
        names = part.rows if part.ids is None else part.ids
        for i, name in enumerate(names):
            line: list[object] = [_plain(name), _plain(part.prediction[i])]
            if part.probabilities is not None:
                line += [f"{p:.6g}" for p in part.probabilities[i]]
            elif part.lower is not None and part.upper is not None:
                line += [f"{part.lower[i]:.6g}", f"{part.upper[i]:.6g}"]
            yield line


def _header(model: "TableModel", part: "Answer") -> list[object]:
    name = "row" if part.ids is None else part.ids.name
    if model.classes is None:
        return [name, "prediction", "lower", "upper"]
    return [name, "prediction", *(f"probability_{c}" for c in model.classes)]


def _plain(value: object) -> object:
    """A whole number without its point."""
    if isinstance(value, float):
        return f"{value:.6g}" if value % 1 else f"{value:.0f}"
    return value


def report(arguments: argparse.Namespace) -> int:
    """Writes the report of a model; returns the exit code."""
    model = _model(arguments.model)
    path = arguments.output or f"{os.path.splitext(arguments.model)[0]}-report.html"
    if os.path.exists(path) and not arguments.overwrite:
        raise _exists(path)
    model.report(path, overwrite=arguments.overwrite)
    print(f"{path}: the report of {model.target.name!r}")
    return 0


def _model(path: str) -> "TableModel":
    from onefit import tables

    return tables.load(path)


def _exists(path: str) -> ValueError:
    return invalid(
        "--output",
        f"{path!r}, which exists",
        "a new name",
        "write --overwrite to replace it",
    )
