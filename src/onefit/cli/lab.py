"""`onefit lab`: a network to build, train and question in the browser."""

import argparse
import functools
import json
import os
from pathlib import Path

from onefit.packages import quickly

__all__ = ["lab"]


def lab(arguments: argparse.Namespace) -> int:
    """Keeps the page up until it is told to end; returns the exit code."""
    from onefit.errors import invalid
    from onefit.lab.running import serve

    given: list[str] = arguments.given
    keep_up = functools.partial(
        serve,
        host=arguments.host,
        port=arguments.port,
        names=tuple(filter(None, arguments.name.split(","))),
        token=arguments.token or os.environ.get("ONEFIT_TOKEN"),
        browser=arguments.browser,
        say=lambda note: print(f"onefit: {note}", flush=True),
    )
    if given[:1] == ["runs"]:
        from onefit.lab.monitor import Runs

        if len(given) != 2:
            raise invalid(
                "lab runs",
                f"{len(given) - 1} folders",
                "one",
                "write onefit lab runs DIR",
            )
        keep_up(Runs(given[1]))
        return 0
    models = [path for path in given if path.endswith(".keras")]
    files = [path for path in given if path not in models]
    if len(files) > 1 or len(models) > 1 or (models and not files):
        raise invalid(
            "lab",
            " ".join(given),
            "a table, a lab file, or none; a model with the table that it is for",
            "write onefit lab model.keras data.csv",
        )
    with quickly():
        from onefit.lab import lessons
        from onefit.lab.data import of_table
        from onefit.lab.design import Design
        from onefit.lab.desk import Lab

    lesson, ours = arguments.lesson, not given  # what is ours can be built
    if lesson is not None and lesson.endswith(".md"):
        lesson, ours = lessons.add(lesson), False
    design, rows, saved, model = Design(), None, None, None
    if files and files[0].endswith(".json"):
        saved = json.loads(Path(files[0]).read_text("utf-8"))
    elif files:
        rows = of_table(files[0], arguments.target)
        design = Design(data="table", features=(), share=0.25)
    if models and rows is not None:
        from onefit.models.loading import load_model

        model = load_model(models[0])
        model.ready_for(rows.x)
        design = design.of(model)
    # The browser loads the page while the network is built and compiled.
    with Lab(design, rows, model, lesson=lesson, wait=not ours) as made:
        if saved is not None:
            made.ask({"do": "restore", "lab": saved}).result()
        keep_up(made)
    return 0
