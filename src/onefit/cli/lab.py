"""`onefit lab`: a network to build, train and question in the browser."""

import argparse
import functools
import json
import os
from pathlib import Path

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
    if len(given) > 1:
        raise invalid("lab", f"{len(given)} files", "one, or none")
    from onefit.lab import lessons
    from onefit.lab.data import of_table
    from onefit.lab.design import Design
    from onefit.lab.desk import Lab

    lesson = arguments.lesson
    if lesson is not None and lesson.endswith(".md"):
        lesson = lessons.add(lesson)
    design, rows, saved = Design(), None, None
    if given and given[0].endswith(".json"):
        saved = json.loads(Path(given[0]).read_text("utf-8"))
    elif given:
        rows = of_table(given[0], arguments.target)
        design = Design(data="table", features=(), share=0.25)
    with Lab(design, rows, lesson=lesson) as made:
        if saved is not None:
            made.ask({"do": "restore", "lab": saved}).result()
        keep_up(made)
    return 0
