"""Older spellings that mean the same, put right in the tree of a script.

Only what keeps its meaning exactly: `Adam(lr=0.1)` is `Adam(learning_rate=0.1)`. Lines
and columns stay, so tracebacks point into the text as it was written.
"""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from onefit.scripts.reading import Use
from onefit.spellings import RENAMED

__all__ = ["METHODS", "NOTHING", "NOT_THE_SAME", "accepted", "respell"]

NOT_THE_SAME = {"schedule_decay", "config", "name", "epsilon", "depth", "eps"}

NOTHING = {
    *("workers", "use_multiprocessing", "max_queue_size", "max_q_size", "nb_worker"),
    *("pickle_safe", "implementation", "consume_less", "dynamic", "autocast", "fused"),
    *("experimental_run_tf_function", "write_grads", "layout", "save_format"),
    *("include_optimizer", "save_traces"),
}
"""Keywords that change no number, here as in Keras."""

NOTHING_IN = {"TensorBoard": {"batch_size"}, "Lambda": {"output_shape"}}
"""Such keywords of one class alone."""

METHODS = {
    "fit_generator": "fit",
    "evaluate_generator": "evaluate",
    "predict_generator": "predict",
}
_OF_MODELS = {*METHODS, *METHODS.values(), "save", "save_weights"}


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
        yield from _method(call.func)
        yield from _part(call.func)
        yield from _third(call, call.func)
        yield from _shape(call, call.func)
    known = accepted(function) if function is not None else None
    if known is None:
        if use.kind == "method" and use.path in _OF_MODELS:
            yield from _without(call, NOTHING)
        return
    own = NOTHING_IN.get(getattr(function, "__name__", ""), set())
    yield from _without(call, (NOTHING | own) - set(known))
    for keyword in call.keywords:
        name = keyword.arg
        if name is None or name in known or name in NOT_THE_SAME:
            continue
        new = next((n for n in RENAMED.get(name, ()) if n in known), None)
        if new:
            keyword.arg = new
            yield f"{name}= is read as {new}="
        elif name == "decay" and name in getattr(function, "older", ()):
            yield "decay= is read as learning_rate=InverseTimeDecay(rate, 1, decay)"


def _method(function: ast.Attribute) -> Iterator[str]:
    new = METHODS.get(function.attr)
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


def _part(function: ast.Attribute) -> Iterator[str]:
    """`v[0].assign(1)`: an index gives a tensor, which cannot be assigned to."""
    whole = function.value
    assigns = function.attr in ("assign", "assign_add", "assign_sub")
    if assigns and isinstance(whole, ast.Subscript):
        module = _written(
            "__import__('onefit.scripts.tf.variables', fromlist=['part'])"
        )
        part = ast.Attribute(module, "part", ast.Load())
        key = whole.slice
        if isinstance(key, ast.Slice | ast.Tuple):
            key = ast.Subscript(_written("__import__('numpy').s_"), key, ast.Load())
        function.value = _at(whole, ast.Call(part, [whole.value, key], []))
        yield f"[...].{function.attr}() changes a part of a variable"


def _third(call: ast.Call, function: ast.expr) -> Iterator[str]:
    """Keras 2's compile: the third by place are the metrics."""
    compiles = isinstance(function, ast.Attribute) and function.attr == "compile"
    if compiles and len(call.args) == 3 and isinstance(call.args[2], ast.List):
        metrics = call.args.pop()
        keyword = ast.keyword("metrics", metrics, lineno=0, col_offset=0)
        call.keywords.append(ast.copy_location(keyword, metrics))
        yield "the third argument of compile() is read as metrics="


def _written(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _without(call: ast.Call, nothing: set[str]) -> Iterator[str]:
    for keyword in list(call.keywords):
        if keyword.arg in nothing:
            call.keywords.remove(keyword)
            yield f"{keyword.arg}= does nothing here"


def _at(old: ast.expr, new: ast.expr) -> ast.expr:
    return ast.fix_missing_locations(ast.copy_location(new, old))
