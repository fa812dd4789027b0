"""What a script asks for that is not here: all of it, before anything runs."""

import ast
import difflib
import importlib.util
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from onefit import (
    activations,
    constraints,
    initializers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
)
from onefit.scripts.absent import PACKAGES, reason
from onefit.scripts.notebook import cells_of
from onefit.scripts.reading import Reader, Use
from onefit.scripts.respelling import accepted, respell
from onefit.scripts.standin import find
from onefit.spellings import cure

__all__ = ["Checked", "Problem", "changed", "check_file", "check_text", "read_text"]


class Problem(NamedTuple):
    """Something that a script uses and that is not here.

    Attributes:
        where: The file, or the cell of a notebook.
        line: The line there.
        what: The name, as the script writes it.
        why: Why it is not here, and what to write.
    """

    where: str
    line: int
    what: str
    why: str


class Checked(NamedTuple):
    """A text that has been read.

    Attributes:
        trees: Its trees, a notebook's one for each cell; older spellings are put right.
        problems: What is not here.
        changes: The spellings that were put right, each with its place.
        uses: The names that it uses, as far as they are here.
        others: The other packages that it imports.
    """

    trees: list[tuple[str, ast.Module]]
    problems: list[Problem]
    changes: list[str]
    uses: list[str]
    others: set[str]


def read_text(path: str | Path) -> str:
    """The text of a script, by the encoding that it names, UTF-8 otherwise.

    Raises:
        SyntaxError: Bytes that are no text.
    """
    data = Path(path).read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (UnicodeDecodeError, LookupError, SyntaxError) as error:
        raise SyntaxError(
            f"{path} is not UTF-8 ({error}). Save it as UTF-8, or say its encoding in "
            "the first line: # -*- coding: latin-1 -*-"
        ) from None


def check_file(path: str | Path) -> Checked:
    """A script or a notebook, with the modules beside it that it imports.

    Raises:
        SyntaxError: What is no Python.
    """
    path = Path(path)
    if path.suffix == ".ipynb":
        parts = [
            (cell.name, ast.parse(cell.code, cell.name)) for cell in cells_of(path)
        ]
    else:
        parts = [(str(path), ast.parse(read_text(path), str(path)))]
    return _check(parts, path.parent, {path.resolve()})


def check_text(text: str, name: str = "<string>") -> Checked:
    """A text, as `-c` gives it.

    >>> checked = check_text("import keras; keras.layers.LSTN(1, activation='rulu')")
    >>> checked.problems[0].what, checked.problems[0].why
    ('keras.layers.LSTN', 'nearest: LSTM')
    """
    return _check([(name, ast.parse(text, name))], None, set())


def _check(
    parts: list[tuple[str, ast.Module]], folder: Path | None, seen: set[Path]
) -> Checked:
    reader = Reader()
    problems: dict[tuple[str, int, str], Problem] = {}
    changes, uses, beside, others = [], [], [], set()
    for where, tree in parts:
        reading = reader.read(tree)
        beside += reading.modules
        for line, module in reading.others:
            others.add(module.partition(".")[0])
            why = _not_installed(module, folder)
            if why:
                problem = Problem(where, line, f"import {module}", why)
                problems.setdefault((where, line, module), problem)
        for use in reading.uses:
            found, missing = _looked_up(use)
            if missing is None:
                changes += [f"{where}:{use.line}: {c}" for c in respell(use, found)]
                if use.kind == "name":
                    uses.append(use.path)
                for what, why in _arguments(use, found):
                    problem = Problem(where, use.line, what, why)
                    problems.setdefault((where, use.line, what), problem)
            else:
                problem = Problem(where, use.line, use.said, missing)
                problems.setdefault((where, use.line, missing), problem)
    found = sorted(problems.values(), key=lambda p: _order(parts, p))
    checked = Checked(parts, found, changes, uses, others)
    for module in beside if folder is not None else ():
        file = _file_of(module, folder)
        if file is not None and file.resolve() not in seen:
            seen.add(file.resolve())
            tree = ast.parse(read_text(file), str(file))
            inner = _check([(str(file), tree)], folder, seen)
            checked.problems.extend(inner.problems)
            checked.uses.extend(inner.uses)
            checked.others.update(inner.others)
    return checked


def changed(uses: list[Use]) -> Iterator[str]:
    """Puts older spellings right in the trees of these uses; says each."""
    for use in uses:
        found, missing = _looked_up(use)
        if missing is None:
            yield from (f"line {use.line}: {change}" for change in respell(use, found))


def _order(parts: list[tuple[str, ast.Module]], problem: Problem) -> tuple[int, int]:
    names = [where for where, _ in parts]
    return names.index(problem.where), problem.line


def _file_of(module: str, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    place = folder / module.lstrip(".").replace(".", "/")
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None


_CALLED = {"cv2": "opencv-python", "PIL": "pillow", "skimage": "scikit-image"}
_CALLED |= {"sklearn": "scikit-learn", "yaml": "pyyaml", "bs4": "beautifulsoup4"}


def _not_installed(module: str, folder: Path | None) -> str:
    """What to install for a module that is neither Python's, here, nor beside."""
    root = module.partition(".")[0]
    if not root or root in sys.stdlib_module_names or root in sys.modules:
        return ""
    if folder is not None and _file_of(root, folder) is not None:
        return ""
    if folder is not None and (folder / root).is_dir():
        return ""
    try:
        there = importlib.util.find_spec(root) is not None
    except (ImportError, ValueError):
        there = False
    return (
        "" if there else f"it is not installed: pip install {_CALLED.get(root, root)}"
    )


def _looked_up(use: Use) -> tuple[Any, str | None]:
    """What a use means, and why it is not here."""
    if use.kind == "method":
        return _method(use)
    root = use.path.partition(".")[0]
    if root in PACKAGES:
        return None, PACKAGES[root]
    try:
        found, rest = find(use.path)
    except (AttributeError, ImportError) as error:
        return None, _why(use.path, error)
    return (None if rest else found), None


def _why(path: str, error: Exception) -> str:
    said = reason(path)
    if said:
        return said
    _, nearest, names = str(error).partition(" Nearest: ")
    return f"nearest: {names.rstrip('.')}" if nearest else "there is nothing like it"


_GONE = {
    "predict_classes": "write np.argmax(model.predict(x), axis=-1)",
    "predict_proba": "write model.predict(x)",
}


def _method(use: Use) -> tuple[Any, str | None]:
    owner, name = use.owner, use.path
    if not isinstance(owner, type) or not owner.__module__.startswith("onefit"):
        return None, _GONE.get(name) if owner is None else None
    found = getattr(owner, name, None)
    if found is not None:
        return found, None
    if issubclass(owner, models.Model) and name in _GONE:
        return None, _GONE[name]
    respelled = name in ("fit_generator", "evaluate_generator", "predict_generator")
    asks_itself = hasattr(owner, "__getattr__") and not issubclass(owner, models.Model)
    if respelled or name == "reset_states" or asks_itself:
        return None, None
    near = difflib.get_close_matches(name, dir(owner), n=2)
    return None, f"nearest: {', '.join(near)}" if near else "there is nothing like it"


# Keywords and what they name ----------------------------------------------------------

_NAMED = {
    "activation": activations,
    "recurrent_activation": activations,
    "initializer": initializers,
    "regularizer": regularizers,
    "constraint": constraints,
    "optimizer": optimizers,
    "loss": losses,
    "metrics": metrics,
    "weighted_metrics": metrics,
}
_SHORT_METRICS = {"accuracy", "acc", "crossentropy", "ce"}


def _arguments(use: Use, function: Any) -> Iterator[tuple[str, str]]:
    """Keywords that a call has and the function has not, and names it does not know."""
    if use.call is None:
        return
    known = accepted(function) if callable(function) else None
    for keyword in use.call.keywords:
        name, older = keyword.arg, getattr(function, "older", ())
        if name is None:
            continue
        if known is not None and name not in known and name not in older:
            instead = cure(name, _value(keyword.value), known)
            short = use.said.rpartition(".")[2]
            near = ", ".join(known[:6])
            yield f"{short}({name}=)", instead or f"it has {near}"
        else:
            yield from _strings(use, name, keyword.value)


def _value(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return _Written(ast.unparse(node))


class _Written:
    """An expression, shown as it is written."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _strings(use: Use, name: str, value: ast.expr) -> Iterator[tuple[str, str]]:
    kind = name if name in _NAMED else name.rpartition("_")[2]
    home = _NAMED.get(kind)
    if home is None or not (
        use.path.startswith("keras") or use.kind == "method" or ".keras." in use.path
    ):
        return
    if use.kind == "method" and use.path != "compile":
        return
    nodes = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) else None
        if not isinstance(text, str) or (kind == "metrics" and text in _SHORT_METRICS):
            continue
        if kind == "metrics" and _known(losses, text) is None:
            continue
        said = _known(home, text)
        if said:
            yield f"{name}={text!r}", said


def _known(home: Any, text: str) -> str | None:
    """Why a home does not know a name."""
    try:
        home.get(text)
    except (ValueError, TypeError) as error:
        words = str(error)
        if not words.startswith("Unknown"):
            return None  # it is known, and needs settings
        return words.partition(". ")[2] or words
    return None
