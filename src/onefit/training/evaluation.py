"""Using a network as it is: the loss and metrics of rows, the outputs for rows.

`train_on_batch` is here too: it is one step, and gives the numbers of its batch.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import OnefitWarning
from onefit.networks.architecture import Architecture
from onefit.training.callback import TEST_BATCH, Callback, overrides
from onefit.training.compiled import Compiled
from onefit.training.compiling import compiled
from onefit.training.job import Job
from onefit.training.options import Callbacks, whole
from onefit.training.prepare import (
    as_columns,
    chunk,
    read_rows,
    rows_at_once,
    task_of,
    whole_batches,
)
from onefit.training.state import State
from onefit.training.targets import fit_targets
from onefit.types import Array, Data, Scalar, Tree, batch_shape

__all__ = ["evaluate", "evaluate_batch", "predict", "train_on_batch"]

Answer: TypeAlias = float | list[float] | dict[str, float]
"""The loss, or [loss, metric, ...] where there are metrics, or a dict by name."""


def train_on_batch(
    model: Compiled,
    x: Data,
    y: Data,
    sample_weight: Data = None,
    class_weight: dict[int, float] | None = None,
    return_dict: bool = False,
) -> Answer:
    """One step on these rows; the loss and metrics before it."""
    batch = read_rows(model, x, y, sample_weight, "train_on_batch")
    model.ready_for(batch.x)
    task = task_of(model, batch)
    if model.weights and not model.trainable_weights:
        warnings.warn(
            f"train_on_batch: all layers of {model.name!r} are frozen, so nothing is "
            "trained. Write layer.trainable = True for those that shall learn.",
            OnefitWarning,
            stacklevel=4,
        )
    batch = rows.weigh(fit_targets(task, batch), class_weight)
    n = rows.count(batch)
    names = tuple(task.names(model.output_names))
    job = Job(model, task, batch, None, n, 1, names, config.new_seed())
    state = State(job)
    tally = compiled("start", False)(task)
    with model.eagerly():
        state.params, state.train, _, results = compiled("part", state.is_small)(
            task,
            state.params,
            state.train,
            tally,
            batch,
            None,
            np.int32(0),
            np.int32(1),
            np.uint32(job.seed),
            size=n,
            batch=n,
        )
    state.write()
    return _answer(names, results, return_dict)


def evaluate(
    model: Compiled,
    x: Data,
    y: Data,
    batch_size: int | None = None,
    verbose: int | bool | str = "auto",
    sample_weight: Data = None,
    steps: int | None = None,
    callbacks: Callbacks = None,
    return_dict: bool = False,
) -> Answer:
    """The loss and metrics of these rows; `Model.evaluate` explains the arguments."""
    batch = read_rows(model, x, y, sample_weight, "evaluate", finite=False)
    model.ready_for(batch.x)
    task = task_of(model, batch)
    batch = fit_targets(task, batch)
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is not None:
            whole(name, value, 1)
    size = chunk(model, task, batch_size or 32)
    if steps is not None:
        size = batch_size or 32
        batch = jax.tree.map(lambda a: a[: steps * size], batch)
    n = rows.count(batch)
    if model.graph.stateful:
        size = batch_size or 32
        whole_batches(model, batch, size)
    hooks = _hooks(model, callbacks)
    watching = [c for c in hooks if overrides(c, *TEST_BATCH)]
    if watching:  # they count the batches of the size that the user gave
        size = batch_size or 32
    params = {"verbose": verbose, "epochs": 1, "steps": -(-n // size)}
    names = task.names(model.output_names, training=False)
    _tell(hooks, "set_params", params)
    _tell(hooks, "on_test_begin", {})
    slot = model.graph.slot
    with model.eagerly():
        tally = compiled("start", False)(task, training=False)
        state = slot.state
        for number, (_, piece) in enumerate(_pieces(batch, n, min(size, n))):
            _tell(watching, "on_test_batch_begin", number, {})
            tally, state = compiled("count", False)(
                task, slot.params, state, tally, piece
            )
            if watching:
                so_far = _numbers(compiled("results", False)(task, tally))
                logs = dict(zip(names, so_far, strict=True))
                _tell(watching, "on_test_batch_end", number, logs)
        values = compiled("results", False)(task, tally)
    if model.graph.stateful:
        model.graph.store(slot.params, state)
    logs = dict(zip(names, _numbers(values), strict=True))
    if not np.isfinite(list(logs.values())).all():
        for name, tree in (("x", batch.x), ("y", batch.y)):
            for array in jax.tree.leaves(tree):
                rows.refuse_nan(array, name)
    _tell(hooks, "on_test_end", logs)
    if verbose:
        shown = " - ".join(f"{k}: {v:.4f}" for k, v in logs.items())
        print(f"{n} rows - {shown}")
    return _answer(names, values, return_dict)


def evaluate_batch(
    model: Compiled,
    x: Data,
    y: Data,
    sample_weight: Data = None,
    return_dict: bool = False,
) -> Answer:
    """The loss and metrics of one batch."""
    n = rows.count(read_rows(model, x, y, sample_weight, "test_on_batch"))
    return evaluate(model, x, y, n, 0, sample_weight, return_dict=return_dict)


def predict(
    model: Compiled,
    x: Data,
    batch_size: int | None = None,
    steps: int | None = None,
    callbacks: Callbacks = None,
) -> Tree:
    """The outputs for these rows; `Model.predict` explains the arguments."""
    model.meet(x)
    x = rows.as_batch(x, finite=False, inputs=model.input_names).x
    x = as_columns(model, x)
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is not None:
            whole(name, value, 1)
    if steps is not None:
        x = jax.tree.map(lambda a: a[: steps * (batch_size or 32)], x)
    model.ready_for(x)
    graph = model.graph
    if batch_shape(x) != graph.slot.input_shape:
        graph.output_shape(batch_shape(x))
    hooks = _hooks(model, callbacks)
    n = len(jax.tree.leaves(x)[0])
    size = batch_size or 32
    exact = not graph.by_row
    if graph.stateful:
        size = batch_size or graph.batch_size or size
        whole_batches(model, Batch(x, None), size)
    elif n > size and not hooks and not exact:
        # Hooks count the batches of the size that the user gave.
        size = rows_at_once(model, batch_size)
    params = {"verbose": 0, "epochs": 1, "steps": -(-n // size)}
    _tell(hooks, "set_params", params)
    _tell(hooks, "on_predict_begin", {})
    slot, parts = graph.slot, []
    for number, (count, piece) in enumerate(_pieces(x, n, size)):
        _tell(hooks, "on_predict_batch_begin", number, {})
        y, state = _forward(
            graph,
            slot.params,
            slot.state,
            piece if exact else _padded(piece, count, size),
            np.uint32(config.new_seed() if graph.always_random else 0),
        )
        if graph.stateful:
            graph.store(slot.params, state)
            slot = graph.slot
        parts.append((y, count))
        _tell(hooks, "on_predict_batch_end", number, {"outputs": _first_rows(y, count)})
    gathered = [_first_rows(y, count) for y, count in parts]
    _tell(hooks, "on_predict_end", {})
    y = gathered[0]
    if len(gathered) > 1:
        y = jax.tree.map(lambda *a: np.concatenate(a), *gathered)
    return model.output_nest.arrange(y) if model.output_nest else y


@jax.jit
def _forward(
    graph: Architecture, params: Tree, state: Tree, x: Tree, seed: Scalar
) -> Tree:
    key = jax.random.key(seed) if graph.always_random else None
    return graph.apply(params, state, x, training=False, key=key)


def _pieces(tree: Tree, n: int, size: int) -> Iterator[tuple[int, Tree]]:
    """The rows in pieces: how many, and their arrays."""
    for start in range(0, n, size):
        count = min(size, n - start)
        yield count, jax.tree.map(lambda a, at=start: a[at : at + size], tree)


def _first_rows(y: Tree, count: int) -> Tree:
    return jax.tree.map(lambda a: np.asarray(a)[:count], y)


def _padded(x: Tree, count: int, size: int) -> Tree:
    """Rows filled up with zeros to a power of two, so that few programs serve all."""
    if count == size or count & (count - 1) == 0:
        return x
    wanted = min(size, 1 << (count - 1).bit_length())

    def pad(a: Array) -> np.ndarray:
        filled = np.zeros((wanted, *a.shape[1:]), a.dtype)
        filled[:count] = a
        return filled

    return jax.tree.map(pad, x)


def _hooks(model: Compiled, callbacks: Callbacks) -> list[Callback]:
    """The callbacks of an evaluation or a prediction, which know the model then."""
    given = callbacks if isinstance(callbacks, Sequence) else [callbacks]
    hooks = [c for c in given if isinstance(c, Callback)]
    _tell(hooks, "set_model", model)
    return hooks


def _tell(hooks: Sequence[Callback], name: str, *args: object) -> None:
    for callback in hooks:
        getattr(callback, name)(*args)


def _numbers(values: Sequence[Array]) -> list[float]:
    return [float(v) for v in jax.device_get(values)]


def _answer(names: Sequence[str], values: Sequence[Array], as_dict: bool) -> Answer:
    numbers = _numbers(values)
    if as_dict:
        return dict(zip(names, numbers, strict=True))
    return numbers[0] if len(numbers) == 1 else numbers
