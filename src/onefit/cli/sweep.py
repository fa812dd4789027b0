"""`onefit sweep` and `onefit gather`: a population trained in parts."""

import argparse
import os
import runpy
import sys
from pathlib import Path

from onefit.cli.options import refuse_existing
from onefit.errors import invalid
from onefit.population.parts import Part, asking, gather, slurm

__all__ = ["gathered", "sweep"]


def sweep(arguments: argparse.Namespace) -> int:
    """Runs a study so that its population trains one part; the exit code."""
    part = _part(arguments.part)
    script = os.fspath(arguments.script)
    if not os.path.isfile(script):
        raise invalid("sweep", f"{script!r}", "a Python script that exists")
    file = Part(*part, Path(arguments.output)).file
    there = file.is_file()
    before, sys.argv = sys.argv, [script]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    try:
        with asking(part, arguments.output):
            runpy.run_path(script, run_name="__main__")
    finally:
        sys.argv = before
        sys.path.pop(0)
    if not file.is_file():
        raise invalid(
            "sweep",
            f"{script!r}, which ended without a population.fit of its own",
            "one call of population.fit or cross_validate",
            "call it in the script, without part and output",
        )
    print(f"part {part[0]} of {part[1]}: {'was there' if there else 'written'}: {file}")
    return 0


def _part(given: str | None) -> tuple[int, int]:
    """The part of '2/16'; else that of Slurm's array; else all."""
    if given is None:
        return slurm() or (1, 1)
    number, _, of = given.partition("/")
    if not (number.isdecimal() and of.isdecimal()):
        raise invalid("--part", repr(given), "two whole numbers", "write --part 1/4")
    return int(number), int(of)


def gathered(arguments: argparse.Namespace) -> int:
    """Prints the population of which a folder has all parts; the exit code."""
    refuse_existing("--best", arguments.best, arguments.overwrite)
    population = gather(arguments.folder)
    population.summary(arguments.monitor, arguments.top)
    if arguments.best is not None:
        population.best(arguments.monitor).save(arguments.best)
        print(f"the best network: {arguments.best}")
    return 0
