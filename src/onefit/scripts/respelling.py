"""Older spellings that mean the same, put right in the tree of a script.

Only what keeps its meaning exactly: `Adam(lr=0.1)` is `Adam(learning_rate=0.1)`. Lines
and columns stay, so tracebacks point into the text as it was written.
"""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from onefit.metrics import Metric
from onefit.models import Model
from onefit.scripts.reading import Use
from onefit.spellings import RENAMED

__all__ = ["METHODS", "NOTHING", "NOT_THE_SAME", "accepted", "respell", "respell_files"]

NOT_THE_SAME = {"schedule_decay", "config", "name", "epsilon", "depth", "eps"}

NOTHING = {
    *("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker"),
    *("pickle_safe", "implementation", "consume_less", "dynamic", "autocast", "fused"),
    *("experimental_run_tf_function", "write_grads", "layout"),
}
"""Keywords that change no number, here as in Keras."""

METHODS = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
}


def accepted(function: Any) -> list[str] | None:
    """The keywords that a function takes; None for any.

    >>> accepted(len), accepted(dict) is None
    (['obj'], True)
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.name != "self"]


def respell(use: Use, function: Any) -> Iterator[str]:
    """Puts older spellings of one call right; says each that it has changed.

    Args:
        use: The call.
        function: What is called, None where it is not known.
    """
    call = use.call
    if call is None:
        return
    if use.kind == "method" and isinstance(call.func, ast.Attribute):
        yield from _method(use, call.func)
        yield from _shape(call, call.func)
    known = accepted(function) if function is not None else None
    if known is None:
        if use.kind == "method" and use.path in (*METHODS, *METHODS.values()):
            yield from _without(call, set())
        return
    yield from _without(call, set(known))
    for keyword in call.keywords:
        name = keyword.arg
        if name is None or name in known or name in NOT_THE_SAME:
            continue
        if name == "batch_input_shape" and "input_shape" in known:
            keyword.arg = "input_shape"
            rest = ast.Slice(ast.Constant(1))
            part = ast.Subscript(keyword.value, rest, ast.Load())
            keyword.value = _at(keyword.value, part)
            yield "batch_input_shape=s is read as input_shape=s[1:]"
        else:
            new = next((n for n in RENAMED.get(name, ()) if n in known), None)
            if new:
                keyword.arg = new
                yield f"{name}= is read as {new}="


def _method(use: Use, function: ast.Attribute) -> Iterator[str]:
    new = METHODS.get(function.attr)
    metric = isinstance(use.owner, type) and issubclass(use.owner, Metric)
    if metric and function.attr == "reset_states":
        new = "reset_state"
    if new:
        yield f".{function.attr}() is read as .{new}()"
        function.attr = new


def _shape(call: ast.Call, function: ast.Attribute) -> Iterator[str]:
    shape = function.value
    of_shape = isinstance(shape, ast.Attribute) and shape.attr == "shape"
    if function.attr == "as_list" and of_shape and not call.args:
        call.func = _at(function, ast.Name("list", ast.Load()))
        call.args = [shape]
        yield ".shape.as_list() is read as list(x.shape)"


def _without(call: ast.Call, known: set[str]) -> Iterator[str]:
    for keyword in list(call.keywords):
        if keyword.arg in NOTHING - known:
            call.keywords.remove(keyword)
            yield f"{keyword.arg}= does nothing here"


def _at(old: ast.expr, new: ast.expr) -> ast.expr:
    return ast.fix_missing_locations(ast.copy_location(new, old))


# Names of files -----------------------------------------------------------------------

_SAVING = ("save", "save_weights", "load_weights")
_OLDER = (".h5", ".hdf5", ".ckpt", ".tf", ".pb", ".weights")


def respell_files(uses: list[Use]) -> Iterator[str]:
    """Gives files of models and weights the endings that onefit writes.

    Only names that stand there as text, and only what the program writes itself: a
    model that it loads must be one that it has saved.
    """
    written: dict[str, str] = {}
    for use in uses:
        text, whole = _file(use)
        if text is None:
            continue
        known = (".keras",) if whole else (".weights.h5", ".safetensors")
        if not str(text.value).endswith(known):
            new = _stem(str(text.value)) + known[0]
            written[str(text.value)] = new
            yield f"line {use.line}: {text.value!r} is written as {new!r}"
            text.value = new
    for use in uses:
        if use.path.endswith("load_model") and use.call is not None:
            for node in use.call.args[:1]:
                if isinstance(node, ast.Constant) and node.value in written:
                    node.value = written[node.value]


def _stem(name: str) -> str:
    while name.endswith(_OLDER):
        name = name[: name.rindex(".")]
    return name


def _file(use: Use) -> tuple[ast.Constant | None, bool]:
    """The text that names a file in a call, and whether it is one of a whole model."""
    call = use.call
    if call is None:
        return None, False
    keywords = {k.arg: k.value for k in call.keywords}
    node = keywords.get("filepath", call.args[0] if call.args else None)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return None, False
    if use.path.endswith(".ModelCheckpoint"):
        only = keywords.get("save_weights_only")
        return node, not (isinstance(only, ast.Constant) and only.value)
    if use.kind != "method" or use.path not in _SAVING:
        return None, False
    model = isinstance(use.owner, type) and issubclass(use.owner, Model)
    if use.path == "save" and not model and not node.value.endswith((".h5", ".hdf5")):
        return None, False
    return node, use.path == "save"
