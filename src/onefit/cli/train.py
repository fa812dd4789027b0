"""`onefit train`: a table in; a model, a page about it, and the same as JSON out."""

import argparse
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from onefit.cli.improve import improved
from onefit.cli.options import reading_of, roles_of
from onefit.errors import invalid

if TYPE_CHECKING:
    from onefit.tables import TableModel

__all__ = ["train"]

FILES = {
    "model.onefit": "the model: networks, preparation, columns",
    "report.html": "what was found, and how far it can be relied on",
    "report.json": "the same for programs",
}

WIDE = 88
"""Letters of a line of what is said, at most."""


def train(arguments: argparse.Namespace) -> int:
    """Trains on the table that the arguments name; returns the exit code."""
    say = (lambda *_: None) if arguments.quiet else _said
    folder = arguments.output or f"onefit-{_stem(arguments.table)}"
    paths = [os.path.join(folder, name) for name in FILES]
    from onefit import tables

    table = _table(arguments)
    targets = _targets(arguments.target, list(table.columns), arguments.table)
    _refuse_to_overwrite(paths, arguments.overwrite)
    if arguments.overwrite:
        shutil.rmtree(os.path.join(folder, "unfinished"), ignore_errors=True)
    if not arguments.quiet:
        print(f"\n{arguments.table}: {_count(len(table), 'row')}, "
              f"{_count(table.shape[1], 'column')}")  # fmt: skip
    quality = "quick" if arguments.quick else "best" if arguments.best else "default"
    begin = time.perf_counter()
    model = tables.fit(
        table,
        targets,
        roles=roles_of(arguments.roles, arguments.drop),
        problem=arguments.problem,
        quality=quality,
        time=arguments.time or None,
        metric=arguments.metric,
        folds=arguments.folds,
        seed=arguments.seed,
        say=say,
        folder=folder,
        progress=None if arguments.quiet else _shown(begin),
    )
    if not arguments.quiet:
        print(end="\r\033[K" if sys.stdout.isatty() else "")
    every = [model] if isinstance(model, tables.TableModel) else list(model.values())
    for one in every if arguments.test else ():
        _tested(one, arguments, say)
    os.makedirs(folder, exist_ok=True)
    model.save(paths[0], overwrite=arguments.overwrite)
    for path in paths[1:]:
        model.report(path, overwrite=arguments.overwrite)
    for one in every:
        _told(one, time.perf_counter() - begin)
        if arguments.improve is not None:
            where = "" if one is model else f"[{one.target.name!r}]"
            made_by = f"onefit.load_model({paths[0]!r}){where}"
            improved(one, arguments.table, made_by, arguments.improve)
    print("\nwritten:")
    for path, what in zip(paths, FILES.values(), strict=True):
        print(f"  {path:<34} {what}")
    print(f"\nuse it:\n  onefit predict {paths[0]} rows.csv --output predictions.csv")
    return 0


def _table(arguments: argparse.Namespace) -> Any:
    from onefit import tables

    return tables.read(arguments.table, **reading_of(arguments))


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' * (count != 1)}"


def _stem(path: str) -> str:
    return os.path.basename(path).split(".")[0]


def _refuse_to_overwrite(paths: list[str], asked: bool) -> None:
    """Refuses files that are there, before any time is spent."""
    there = [path for path in paths if os.path.exists(path)]
    if there and not asked:
        raise invalid(
            "--output",
            f"{there[0]!r}, which exists",
            "a folder without it",
            "write --output with another name, or --overwrite to replace it",
        )


def _said(note: str) -> None:
    screen = shutil.get_terminal_size().columns - 1 if sys.stdout.isatty() else WIDE
    wide = min(screen, WIDE)
    print(textwrap.fill(note, wide, initial_indent="  ", subsequent_indent="    "))


def _shown(begin: float) -> Callable[[str, float | None], None]:
    """Shows what is being fitted, on one line where there is a screen."""
    last = ""

    def show(what: str, share: float | None) -> None:
        nonlocal last
        done = "" if share is None else f" {min(share, 1.0):4.0%}"
        line = f"  {time.perf_counter() - begin:5.1f} s{done}  {what}"
        if sys.stdout.isatty():
            wide = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{line[:wide]}", end="", flush=True)
        elif (stage := re.split("[,;]", what)[0]) != last:
            print(line, flush=True)
            last = stage

    return show


def _targets(given: str | None, names: list[str], where: str) -> str | list[str] | None:
    """The target, or several that commas part; refused where they are no columns."""
    from onefit.tables.roles import column_named

    if given is None or given in names:
        return given
    asked = [column_named(name, names, where) for name in given.split(",")]
    return asked if len(asked) > 1 else asked[0]


def _tested(
    model: "TableModel", arguments: argparse.Namespace, say: Callable[[str], None]
) -> None:
    """Scores of the rows of another file, and which of its columns are others."""
    scores = model.evaluate(arguments.test, **reading_of(arguments))
    shown = "   ".join(f"{name} {value:.4g}" for name, value in scores.items())
    say(f"on {arguments.test}: {shown}")
    lines = model.drift(arguments.test, **reading_of(arguments))
    told = {"test": scores, "tested": os.path.basename(arguments.test), "drift": lines}
    model.facts |= told
    for line in lines[:5]:
        moved = f"{100 * line['moved']:.2g} % of rows"
        say(f"column {line['column']!r} is another there: {moved} have moved")


def _told(model: "TableModel", seconds: float) -> None:
    """Says what came of it, beside what needs no network."""
    from onefit.tables.report import verdict

    facts = model.facts
    target = model.target
    print(f"\n{target.problem}: the target {target.name!r} has {target.reason}")
    held = "one part held out" if facts["folds"] == 1 else f"{facts['folds']} folds"
    print(f"{facts['rows']:,} rows, {held}, {seconds:.1f} s\n")
    print(f"  {facts['metric']:<34} {'score':>10}   95 %")
    for line in facts["leaderboard"]:
        low, high = line["interval"]
        print(f"  {line['name']:<34} {line['score']:>10.4g}   {low:.4g} to {high:.4g}")
    shown = "   ".join(f"{name} {v:.4g}" for name, v in facts["scores"].items())
    print()
    _said(f"the ensemble: {shown}")
    if facts["interrupted"]:
        _said("Stopped by Ctrl-C: this is the best so far.")
    for sentence in verdict(model):
        _said(sentence)
