"""Runs scripts, modules, texts and notebooks as Python itself does."""

import ast
import builtins
import contextlib
import importlib.util
import linecache
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

from onefit.scripts.checking import Checked, check_file, check_text
from onefit.scripts.hook import Hook
from onefit.scripts.notebook import run_cells

__all__ = ["Program", "found", "run"]

_PYTHON = str(Path(contextlib.__file__).parent)
_INSIDE = (str(Path(__file__).parents[1]), f"{os.sep}jax{os.sep}", "<frozen ")


class Program(NamedTuple):
    """What is to run.

    Attributes:
        name: Its file, or "-c".
        checked: Its text, read.
        argv: What `sys.argv` is.
        folder: What `sys.path` begins with.
        spec: Its spec, for one named by `-m`.
        notebook: The notebook, and the file to write, for one.
    """

    name: str
    checked: Checked
    argv: list[str]
    folder: str
    spec: Any = None
    notebook: tuple[Path, Path] | None = None


def found(
    target: str, kind: str, arguments: list[str], output: str | None = None
) -> Program:
    """The program that a command line names.

    Args:
        target: A file, the name of a module, or a text.
        kind: "file", "module" or "text".
        arguments: What comes after it.
        output: The notebook to write.

    Raises:
        FileNotFoundError, ModuleNotFoundError: Nothing of that name.
        SyntaxError: What is no Python.
    """
    if kind == "text":
        return Program("<string>", check_text(target), ["-c", *arguments], "")
    if kind == "module":
        spec = _spec(target)
        path = spec.origin
        return Program(path, check_file(path), [path, *arguments], os.getcwd(), spec)
    path = Path(target)
    if path.is_dir() and (path / "__main__.py").is_file():
        path = path / "__main__.py"
    if not path.is_file():
        raise FileNotFoundError(f"can't open file {str(path)!r}: no such file")
    folder = str(path.resolve().parent)
    program = Program(str(path), check_file(path), [target, *arguments], folder)
    if path.suffix != ".ipynb":
        return program
    out = Path(output) if output else path.with_suffix(".run.ipynb")
    return program._replace(notebook=(path.resolve(), out.resolve()))


def _spec(name: str) -> Any:
    sys.path.insert(0, os.getcwd())
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{name}.__main__")
    finally:
        sys.path.remove(os.getcwd())
    if spec is None or not spec.origin:
        raise ModuleNotFoundError(f"No module named {name}")
    return spec


def run(
    program: Program, debug: bool = False, names: dict[str, Any] | None = None
) -> int:
    """Runs a program; its exit code.

    Args:
        program: The program.
        debug: Whether an error keeps all its frames.
        names: What stands in its globals from the beginning.

    Raises:
        SystemExit, KeyboardInterrupt: What the program ends with.
    """
    main = _module(program)
    main.__dict__.update(names or {})
    with _as_python(program, main), Hook([program.folder or os.getcwd()]):
        if program.notebook is not None:
            source, output = program.notebook
            strip = (lambda error: error) if debug else _stripped
            error = run_cells(
                source, program.checked.trees, main.__dict__, output, strip
            )
            if error is None:
                return 0
            if isinstance(error, SystemExit):
                raise error
            return _report(error)
        [(name, tree)] = program.checked.trees
        code = compile(tree, name, "exec")
        try:
            exec(code, main.__dict__)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            return _report(error if debug else _stripped(error))
    return 0


def _module(program: Program) -> ModuleType:
    main = ModuleType("__main__")
    vars(main)["__builtins__"] = builtins
    if program.name != "<string>" and program.notebook is None:
        main.__file__ = program.name
    main.__spec__ = program.spec
    main.__package__ = program.spec.parent if program.spec else None
    for where, tree in program.checked.trees:
        if not os.path.exists(where):  # a cell, or a text: its lines for tracebacks
            lines = [f"{line}\n" for line in ast.unparse(tree).split("\n")]
            linecache.cache.setdefault(where, (0, None, lines, where))
    return main


@contextlib.contextmanager
def _as_python(program: Program, main: ModuleType) -> Iterator[None]:
    """What is Python's own for the time of a program: argv, path, the main module."""
    argv, path, before = sys.argv, list(sys.path), sys.modules["__main__"]
    here = os.getcwd()
    sys.argv = program.argv
    sys.path[:1] = [program.folder]
    sys.modules["__main__"] = main
    if program.notebook is not None:
        os.environ.setdefault("MPLBACKEND", "Agg")
        os.chdir(program.folder)
    try:
        yield
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = argv, path, before
        os.chdir(here)


def _report(error: BaseException) -> int:
    """Prints an error as Python does; 1."""
    sys.excepthook(type(error), error, error.__traceback__)
    return 1


def _stripped(error: BaseException) -> BaseException:
    """The error with the frames of the program alone, and of its causes."""
    known: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is not None and id(one) not in known:
            known.add(id(one))
            one.__traceback__ = _own_frames(one.__traceback__)
            if one is not error:
                rest += [one.__cause__, one.__context__]
            else:
                rest += [one.__cause__]
                one.__suppress_context__ = True
    return error


def _own_frames(tb: TracebackType | None) -> TracebackType | None:
    """The frames of the program, and of what it calls but for onefit and jax."""
    kept: list[TracebackType] = []
    first, ours = tb, True  # what is in front of the program is ours
    while tb is not None:
        file = tb.tb_frame.f_code.co_filename
        inside = file.startswith(_INSIDE[0]) or any(p in file for p in _INSIDE[1:])
        ours = inside or (ours and file.startswith(_PYTHON))  # contextlib, in between
        if not ours:
            kept.append(tb)
        tb = tb.tb_next
    made: TracebackType | None = None
    for part in reversed(kept):
        made = TracebackType(made, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return made or first
