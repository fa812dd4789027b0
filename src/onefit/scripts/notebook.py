"""Notebooks: their cells as Python, run one after another, with outputs written."""

import ast
import base64
import contextlib
import io
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from onefit.errors import invalid
from onefit.files.atomic import replaced

__all__ = ["Cell", "as_python", "cells_of", "run_cells"]


class Cell(NamedTuple):
    """A cell of code.

    Attributes:
        place: Its place among all cells.
        name: How it is called in messages: "nb.ipynb, cell 3".
        code: Its text as Python; what is none of it is a comment.
        skipped: The lines that are not run, such as `!pip install`.
    """

    place: int
    name: str
    code: str
    skipped: list[str]


_BODY_RUNS = {"%%time", "%%timeit", "%%capture", "%%prun"}
_LINE = re.compile(r"^\s*([!%]{1,2}\s*[A-Za-z./]|\?|.*\?{1,2}\s*$)")
_ASKED = re.compile(r"^\s*[\w, ]+=\s*[!%]\s*[A-Za-z]")


def as_python(source: str, name: str) -> tuple[str, list[str]]:
    """The Python in a cell, line by line where it was, and the lines that are none.

    Raises:
        SyntaxError: A line that takes what the shell answers.

    >>> as_python("!pip install keras\\nx = 1", "cell 1")
    ('pass  # !pip install keras\\nx = 1', ['!pip install keras'])
    """
    first, _, rest = source.partition("\n")
    if first.startswith("%%"):
        if first.split()[0] in _BODY_RUNS:
            code, skipped = as_python(rest, name)
            return f"# {first}\n{code}", [first, *skipped]
        return "\n".join(f"# {line}" for line in source.split("\n")), [first]
    try:
        ast.parse(source)
    except SyntaxError:
        pass
    else:
        return source, []
    lines, skipped, going_on = [], [], False
    for number, line in enumerate(source.split("\n"), 1):
        if _ASKED.match(line):
            raise SyntaxError(
                f"{name}, line {number}: `{line.strip()}` asks the shell or IPython, "
                "which is not there. Write it in Python, such as os.listdir()"
            )
        if going_on or _LINE.match(line):
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(f"{indent}pass  # {line.strip()}")
            if not going_on:
                skipped.append(line.strip())
            going_on = line.endswith("\\")
        else:
            lines.append(line)
    return "\n".join(lines), skipped


def cells_of(path: Path) -> list[Cell]:
    """The cells of code of a notebook.

    Raises:
        ValueError: A file that is no notebook.
        SyntaxError: A cell that takes what the shell answers.
    """
    cells = []
    for index, cell in enumerate(_loaded(path)["cells"]):
        if cell.get("cell_type") == "code":
            name = f"{path.name}, cell {len(cells) + 1}"
            code, skipped = as_python("".join(cell.get("source", "")), name)
            cells.append(Cell(index, name, code, skipped))
    return cells


def _loaded(path: Path) -> dict[str, Any]:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        notebook = None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook is None:
        raise invalid(
            str(path), "a file that is no notebook", "a notebook of format 4, .ipynb"
        )
    return notebook


# Running them -------------------------------------------------------------------------


class _Tee(io.TextIOBase):
    """Writes to a stream, and to the outputs of the cell that runs."""

    def __init__(self, name: str, stream: Any, outputs: list[dict[str, Any]]) -> None:
        self._name, self._stream, self._outputs = name, stream, outputs

    def write(self, text: str) -> int:
        self._stream.write(text)
        last = self._outputs[-1] if self._outputs else {}
        if last.get("name") == self._name:
            last["text"] += text
        elif text:
            self._outputs.append(
                {"output_type": "stream", "name": self._name, "text": text}
            )
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return False


def run_cells(
    path: Path,
    trees: list[tuple[str, ast.Module]],
    names: dict[str, Any],
    output: Path,
    stripped: Callable[[BaseException], BaseException],
) -> BaseException | None:
    """Runs the cells of a notebook and writes it with their outputs.

    Args:
        path: The notebook.
        trees: The trees of its cells of code, with their names.
        names: The globals in which they run.
        output: The notebook to write.
        stripped: Takes our own frames off an error.

    Returns:
        The error that ended it, if one did.
    """
    notebook, error = _loaded(path), None
    cells = cells_of(path)
    for count, (cell, (name, tree)) in enumerate(zip(cells, trees, strict=True), 1):
        outputs: list[dict[str, Any]] = []
        names["display"] = lambda *things, o=outputs: o.extend(map(_display, things))
        with (
            contextlib.redirect_stdout(_Tee("stdout", sys.stdout, outputs)),
            contextlib.redirect_stderr(_Tee("stderr", sys.stderr, outputs)),
        ):
            try:
                value = _run_cell(tree, name, names)
                if value is not None:
                    said = _display(value, "execute_result")
                    outputs.append(said | {"execution_count": count})
                    print(said["data"]["text/plain"], file=sys.__stdout__)
                outputs.extend(_figures())
            except BaseException as raised:
                error = stripped(raised)
                outputs.append(_error(error))
        notebook["cells"][cell.place]["outputs"] = outputs
        notebook["cells"][cell.place]["execution_count"] = count
        if error is not None:
            break
    with replaced(output) as file:
        file.write(json.dumps(notebook, ensure_ascii=False, indent=1).encode())
    return error


def _run_cell(tree: ast.Module, name: str, names: dict[str, Any]) -> Any:
    """Runs a cell; the value of its last line, if that is an expression."""
    *before, last = tree.body or [ast.Pass(lineno=1, col_offset=0)]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, name, "exec"), names)
        return None
    exec(compile(ast.Module(before, []), name, "exec"), names)
    return eval(compile(ast.Expression(last.value), name, "eval"), names)


def _display(value: Any, kind: str = "display_data") -> dict[str, Any]:
    data = {"text/plain": repr(value)}
    for method, mime in (("_repr_html_", "text/html"), ("_repr_png_", "image/png")):
        show: Any = None if isinstance(value, type) else getattr(value, method, None)
        found = show() if callable(show) else None
        if isinstance(found, bytes):
            found = base64.b64encode(found).decode()
        if isinstance(found, str):
            data[mime] = found
    return {"output_type": kind, "data": data, "metadata": {}}


def _figures() -> Iterator[dict[str, Any]]:
    """The pictures that a cell has drawn, which are then closed."""
    plt: Any = sys.modules.get("matplotlib.pyplot")
    for number in plt.get_fignums() if plt else ():
        out = io.BytesIO()
        plt.figure(number).savefig(out, format="png", bbox_inches="tight")
        data = {"image/png": base64.b64encode(out.getvalue()).decode()}
        data["text/plain"] = "<Figure>"
        yield {"output_type": "display_data", "data": data, "metadata": {}}
    if plt:
        plt.close("all")


def _error(error: BaseException) -> dict[str, Any]:
    return {
        "output_type": "error",
        "ename": type(error).__name__,
        "evalue": str(error),
        "traceback": traceback.format_exception(error),
    }
