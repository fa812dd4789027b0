"""`onefit predict`, `report` and `export`: what a model of a table says."""

import argparse
import csv
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from onefit.cli.options import reading_of, refuse_existing
from onefit.errors import invalid
from onefit.files.atomic import replaced

if TYPE_CHECKING:
    from onefit.tables import TableModel
    from onefit.tables.model import Answer

__all__ = ["export", "predict", "report", "threshold_of"]


def predict(arguments: argparse.Namespace) -> int:
    """Writes a prediction for each row; returns the exit code.

    The columns are the id, if the training table had one, else the line or row;
    `prediction`; and `probability_<class>` of each class, or `lower` and `upper`.
    """
    path = arguments.output
    refuse_existing("--output", path, arguments.overwrite)
    models = _models(arguments.model)
    told: set[str] = set()

    def say(note: str) -> None:
        if note not in told:
            told.add(note)
            print(f"onefit: {note}", file=sys.stderr)

    every = [
        model.answers(
            arguments.table,
            say,
            arguments.coverage,
            threshold=threshold_of(arguments),
            sure=arguments.sure,
            **reading_of(arguments),
        )
        for model in models
    ]
    if path is None:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows(_lines(models, every))
        return 0
    count = -1
    # Written whole or not at all, and part by part: the file may be larger than memory.
    with replaced(path, overwrite=arguments.overwrite) as file:
        for line in _lines(models, every):
            text = [_spelled(cell) for cell in line]
            file.write((",".join(text) + "\n").encode())
            count += 1
    names = ", ".join(repr(model.target.name) for model in models)
    print(f"{path}: {count:,} predictions of {names}")
    return 0


def threshold_of(arguments: argparse.Namespace) -> float | str | list | None:
    """What --threshold or --costs say."""
    given = arguments.threshold
    if arguments.costs is not None:
        try:
            rows = arguments.costs.split(";")
            return [[float(cell) for cell in row.split(",")] for row in rows]
        except ValueError:
            raise invalid(
                "--costs", repr(arguments.costs), "numbers, as 0,1;5,0"
            ) from None
    try:
        return None if given is None else float(given)
    except ValueError:
        return given


def _spelled(cell: object) -> str:
    """A cell of a CSV file."""
    text = "" if cell is None else str(cell)
    if any(mark in text for mark in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def _lines(
    models: Sequence["TableModel"], every: Sequence[Iterator["Answer"]]
) -> Iterator[list[object]]:
    """The header, then a line a row; of several targets the columns of each."""
    first = True
    for parts in zip(*every, strict=True):
        whole = parts[0]
        if first:
            name = "row" if whole.ids is None else whole.ids.name
            alone = len(models) == 1
            yield [name, *(h for model in models for h in _header(model, alone))]
            first = False
        names = whole.rows if whole.ids is None else whole.ids
        for i, name in enumerate(names):
            yield [_plain(name), *(cell for part in parts for cell in _cells(part, i))]


def _header(model: "TableModel", alone: bool) -> list[str]:
    name = model.target.name
    if model.classes is None:
        made = ["prediction", "lower", "upper"]
    else:
        made = ["prediction", *(f"probability_{c}" for c in model.classes)]
    return made if alone else [f"{name}_{head}" for head in made]


def _cells(part: "Answer", i: int) -> list[object]:
    cells: list[object] = [_plain(part.prediction[i])]
    if part.probabilities is not None:
        cells += [f"{p:.6g}" for p in part.probabilities[i]]
    elif part.lower is not None and part.upper is not None:
        cells += [f"{part.lower[i]:.6g}", f"{part.upper[i]:.6g}"]
    return cells


def _plain(value: object) -> object:
    """A whole number without its point."""
    if isinstance(value, float):
        return f"{value:.6g}" if value % 1 else f"{value:.0f}"
    return value


def report(arguments: argparse.Namespace) -> int:
    """Writes the report of a model; returns the exit code."""
    from onefit import tables

    model = tables.load(arguments.model)
    path = arguments.output or f"{os.path.splitext(arguments.model)[0]}-report.html"
    refuse_existing("--output", path, arguments.overwrite)
    model.report(path, overwrite=arguments.overwrite)
    names = ", ".join(repr(one.target.name) for one in _models(arguments.model))
    print(f"{path}: the report of {names}")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Writes a model for other runtimes; returns the exit code."""
    path = arguments.output or f"{os.path.splitext(arguments.model)[0]}.onnx"
    refuse_existing("--output", path, arguments.overwrite)
    models = _models(arguments.model)
    if len(models) > 1:
        raise invalid(
            arguments.model,
            f"models of {len(models)} targets",
            "a model of one",
            "write onefit.load_model(path)[target].export(...) for each",
        )
    models[0].export(path, overwrite=arguments.overwrite)
    print(f"{path}: the model of {models[0].target.name!r}, with its preparation")
    return 0


def _models(path: str) -> list["TableModel"]:
    """The models in a file, one for each target."""
    from onefit import tables

    model = tables.load(path)
    return [model] if isinstance(model, tables.TableModel) else list(model.values())
