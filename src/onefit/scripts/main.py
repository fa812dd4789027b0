"""Arguments of `onefit run`, and what it says before and after."""

import argparse
import gc
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from onefit.packages import quickly
from onefit.scripts.checking import Problem, check_file
from onefit.scripts.report import following
from onefit.scripts.running import Program, found, run
from onefit.training.compiling import compiles_little

__all__ = ["main", "table"]

MISSING = 3
"""The exit code of a script that asks for what is not here."""

_ABOUT = """Run a program that was written for TensorFlow or Keras, without either.

The program is read first. What it uses and onefit has not is listed, with what to write
instead, and nothing is run. Everything after the program's name is the program's own.
"""


def main(argv: Sequence[str] | None = None, alone: bool = False) -> int:
    """Runs `onefit run ...`; the exit code.

    Args:
        argv: The arguments, `sys.argv`'s unless given.
        alone: Whether this process is there for nothing else: it may then compile as
            little as serves one program.

    0: done. 1: the program raised an error, or is no Python. 2: usage. 3: the program
    uses what is not here. Otherwise what the program ends with.
    """
    options, kind, target, rest = _split(list(sys.argv[1:] if argv is None else argv))
    arguments = _parser().parse_args(options)
    if target is None:
        _parser().error("no program; write onefit run script.py")
    if kind == "file" and arguments.check and Path(target).is_dir():
        return _check_folder(Path(target))
    try:
        with quickly():
            program = found(target, kind, rest, arguments.output)
    except SyntaxError as error:
        _say_syntax(error)
        return 1
    except (OSError, ImportError, ValueError) as error:
        print(f"onefit: {error}", file=sys.stderr)
        return 2 if isinstance(error, OSError) else 1
    beside = _beside(program)
    if beside:
        print(f"onefit: {beside}", file=sys.stderr)
        return MISSING
    problems = program.checked.problems
    if problems:
        print(_listed(program.name, problems, arguments.force), file=sys.stderr)
    elif arguments.check:
        print(f"{program.name}: everything that it uses is here")
    if arguments.check or (problems and not arguments.force):
        return MISSING if problems else 0
    real = importlib.util.find_spec("tensorflow")
    if real is not None and "tensorflow" in program.checked.uses:
        print(
            f"onefit: TensorFlow is installed ({real.origin}); this program gets "
            "onefit's stand-in instead",
            file=sys.stderr,
        )
    if alone:
        _settle(program)
    with following(arguments.quick) as fits:
        try:
            return run(program, arguments.debug)
        finally:
            if arguments.verbose:
                print(fits.text(program.checked.changes), file=sys.stderr)


def _settle(program: Program) -> None:
    """Makes this process one that runs a program, and does so soon."""
    gc.freeze()  # the modules are no garbage, and looking at them takes its time
    if "jax" not in program.checked.others:  # which it may want compiled well
        compiles_little()


_WITH_VALUE = {"--output"}


def _split(argv: list[str]) -> tuple[list[str], str, str | None, list[str]]:
    """Our own options, what is to run, and the arguments that it is given."""
    options: list[str] = []
    rest = list(argv)
    while rest:
        one = rest.pop(0)
        if one in ("-m", "-c") and rest:
            target = rest.pop(0)
            return options, "module" if one == "-m" else "text", target, rest
        if not one.startswith("-"):
            return options, "file", one, rest
        options.append(one)
        if one in _WITH_VALUE and rest:
            options.append(rest.pop(0))
    return options, "file", None, []


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="onefit run",
        usage="onefit run [options] (script.py | notebook.ipynb | -m module | -c text) "
        "[arguments]",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only say what is not here; for a folder, a table of its programs",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="run it all the same: what is not here raises where it is used",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="cut each fit to two epochs of twenty batches, to see that it runs",
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say at the end what was done"
    )
    parser.add_argument(
        "--debug", action="store_true", help="show all frames of an error"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="the notebook to write (default: NAME.run.ipynb)",
    )
    return parser


def _listed(name: str, problems: list[Problem], force: bool) -> str:
    count = f"{len(problems)} thing{'s' if len(problems) > 1 else ''}"
    lines = [f"onefit: {name} uses {count} that onefit has not:"]
    for problem in problems:
        place = f"line {problem.line}"
        if problem.where != name:
            place = f"{problem.where}, {place}"
        lines.append(f"  {place}: {problem.what}")
        lines.append(f"      {problem.why}")
    if not force:
        lines.append("Nothing was run. --force runs it up to the first of them.")
    return "\n".join(lines)


def _say_syntax(error: SyntaxError) -> None:
    if error.lineno is None:  # not about one line: in words
        print(f"onefit: {error}", file=sys.stderr)
        return
    print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)


def _beside(program: Program) -> str:
    """Whether a module of the user's own has the name of what it imports."""
    if not program.folder:
        return ""
    roots = {use.partition(".")[0] for use in program.checked.uses}
    for root in sorted(roots):
        for file in (f"{root}.py", f"{root}/__init__.py"):
            path = Path(program.folder) / file
            if path.is_file():
                return (
                    f"{path} has the name of the package {root!r}, which "
                    f"{Path(program.name).name} imports: Python would take yours. "
                    f"Rename it, such as my_{root}.py"
                )
    return ""


def _check_folder(folder: Path) -> int:
    rows = table(folder)
    width = max((len(name) for name, _, _ in rows), default=0)
    for name, count, first in rows:
        said = "runs" if not count else f"{count} not here: {first}"
        print(f"{name:{width}}  {said}")
    whole = sum(not count for _, count, _ in rows)
    print(f"{whole} of {len(rows)} programs use only what is here")
    return MISSING if whole < len(rows) else 0


def table(folder: Path) -> list[tuple[str, int, str]]:
    """The programs in a folder, each with how much it lacks, and the first of that."""
    rows = []
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.ipynb")]):
        if any(part.startswith(".") or "-packages" in part for part in path.parts):
            continue
        name = str(path.relative_to(folder))
        try:
            problems = check_file(path).problems
        except (SyntaxError, ValueError) as error:
            rows.append((name, 1, f"no Python: {str(error).splitlines()[0]}"))
            continue
        rows.append((name, len(problems), problems[0].what if problems else ""))
    return rows
