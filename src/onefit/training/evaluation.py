"""Using a network as it is: the loss and metrics of rows, the outputs for rows.

`train_on_batch` is here too: it is one step, and gives the numbers of its batch.
"""

import functools
import operator
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import OnefitWarning, invalid
from onefit.networks.architecture import Architecture
from onefit.networks.graph import Graph
from onefit.networks.network import Network
from onefit.training.callback import TEST_BATCH, Callback, listed, overrides
from onefit.training.compiled import Compiled
from onefit.training.compiling import compiled, is_brief, is_look, is_small, padded_size
from onefit.training.job import Job
from onefit.training.options import Callbacks, whole
from onefit.training.own_steps import Script, is_own, own_outputs
from onefit.training.prepare import (
    PADDED,
    as_columns,
    fitted,
    padded_sizes,
    read_rows,
    task_of,
    whole_batches,
)
from onefit.training.state import State
from onefit.training.targets import fit_targets
from onefit.training.task import Task
from onefit.types import Array, Data, Function, Scalar, Shape, Tree, batch_shape

if TYPE_CHECKING:
    from onefit.training.feeding import Chunk, Feed

__all__ = ["evaluate", "evaluate_batch", "predict", "train_on_batch"]

Answer: TypeAlias = Any
"""The loss, or [loss, metric, ...] where there are metrics, or a dict by name.

Which of them it is only `compile` and `return_dict` say, not a type.
"""


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
    batch = rows.weigh(fit_targets(task, batch), class_weight)
    state = _going_on(model, task, batch)
    size = rows.count(batch)
    if state.by_row:
        batch = batch._replace(count=np.int32(size))
        size = padded_size(size, state.multiplications)
        batch = Batch._make((*rows.filled(batch[:3], size), batch.count))
    program = compiled("single", is_small(state.multiplications, size))
    seed = np.uint32(config.new_seed())
    with model.eagerly():
        state.params, state.train, logs = program(
            task, state.params, state.train, batch, seed
        )
    state.write()
    return _answer(state.job.names, logs, return_dict)


def _going_on(model: Compiled, task: Task, batch: Batch) -> State:
    """The state of the last step on a batch, if nothing has changed but numbers."""
    state = model.stepping
    if state is not None and state.task is task:
        state.pull_changes()
        return state
    if model.weights and not model.trainable_weights:
        warnings.warn(
            f"train_on_batch: all layers of {model.name!r} are frozen, so nothing is "
            "trained. Write layer.trainable = True for those that shall learn.",
            OnefitWarning,
            stacklevel=5,
        )
    names = tuple(task.names(model.logged_names))
    model.stepping = State(Job(model, task, batch, None, 1, 1, names, 0))
    return model.stepping


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
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is not None:
            whole(name, value, 1)
    feed = None
    if rows.is_stream(x):
        from onefit.training import streams

        beside = {"y": y, "sample_weight": sample_weight}
        given = streams.opened(model, x, steps, beside, read_rows, batch_size)
        batch, batch_size, feed = given.batch, given.size, given.feed
        steps = steps if given.feed is None and not given.stream else None
    else:
        batch = read_rows(model, x, y, sample_weight, "evaluate", finite=False)
    model.ready_for(batch.x)
    task = task_of(model, batch)
    batch = fit_targets(task, batch)
    if feed is not None:
        feed.then(lambda part, size: fitted(model, task, part, size))
    hooks = _hooks(model, callbacks)
    names = task.names(model.logged_names, training=False)
    told = _Told(hooks, names)
    count = feed.steps if feed is not None else steps_of(batch, batch_size, steps)
    _tell(hooks, "set_params", {"verbose": verbose, "epochs": 1, "steps": count})
    _tell(hooks, "on_test_begin", {})
    with model.eagerly():
        if feed is not None:
            values, n = _evaluated_stream(model, task, feed, told)
        else:
            values, n = _evaluated(model, task, batch, batch_size, steps, told)
    logs = dict(zip(names, _numbers(values), strict=True))
    if not np.isfinite(list(logs.values())).all():
        _refuse_nan(batch)
    _tell(hooks, "on_test_end", logs)
    silent = verbose == "auto" and not config.is_interactive_logging_enabled()
    if verbose and not silent:
        shown = " - ".join(f"{k}: {v:.4f}" for k, v in logs.items())
        print(f"{n} rows - {shown}")
    return _answer(names, values, return_dict)


def _refuse_nan(batch: Batch) -> None:
    for name, tree in (("x", batch.x), ("y", batch.y)):
        for array in jax.tree.leaves(tree):
            rows.refuse_nan(array, name)


def steps_of(batch: Tree, batch_size: int | None, steps: int | None) -> int:
    """How many batches of the size that the user gave the rows are."""
    n = len(jax.tree.leaves(batch)[0])
    return steps or -(-n // (batch_size or 32))


class _Told:
    """The callbacks that look at the batches of an evaluation."""

    def __init__(self, hooks: list[Callback], names: list[str]) -> None:
        self.hooks = [c for c in hooks if overrides(c, *TEST_BATCH)]
        self.names = names

    def begin(self, number: int) -> None:
        _tell(self.hooks, "on_test_batch_begin", number, {})

    def end(self, number: int, so_far: Array | None = None) -> None:
        """After a batch, with the logs so far, where they are known."""
        logs: dict[str, float] = {}
        if self.hooks and so_far is not None:
            logs = dict(zip(self.names, _numbers(so_far), strict=True))
        _tell(self.hooks, "on_test_batch_end", number, logs)


def _evaluated(
    model: Compiled,
    task: Task,
    batch: Batch,
    batch_size: int | None,
    steps: int | None,
    told: _Told,
) -> tuple[Array, int]:
    """The numbers of these rows, and how many rows they are."""
    size = batch_size or 32
    if steps is not None:
        batch = jax.tree.map(lambda a: a[: steps * size], batch)
    n = rows.count(batch)
    if model.graph.stateful:
        whole_batches(model, batch, size)
    apart = task.by_row
    # Callbacks count the batches of the size that the user gave.
    sizes = (
        padded_sizes(model, n, size) if apart and not told.hooks else (min(size, n),)
    )
    slot = model.graph.slot
    tally, state, logs = task.blank, slot.state, np.zeros(0)
    for number, (count, piece) in enumerate(_pieces(batch, n, sizes)):
        told.begin(number)
        if apart:
            filled = rows.filled(piece[:3], _padded(count, sizes))
            piece = Batch._make((*filled, np.int32(count)))
        judge = compiled("judge", **_kind(model.graph, piece.x))
        tally, state, logs = judge(
            task, slot.params, state, tally, piece, np.bool_(number == 0)
        )
        told.end(number, logs)
    if model.graph.stateful:
        model.graph.store(slot.params, state)
    return logs, n


def _evaluated_stream(
    model: Compiled, task: Task, feed: "Feed", told: _Told
) -> tuple[Sequence[Array], int]:
    """The numbers of batches that come one after another, and how many rows."""
    from onefit.training.feeding import tallied

    def chunks() -> Iterator["Chunk"]:
        number = 0
        for part in feed.chunks():
            numbers = range(number, number + part.batches)
            for i in numbers:
                told.begin(i)
            yield part
            for i in numbers:
                told.end(i)
            number += part.batches

    slot = model.graph.slot
    values, state, n = tallied(task, slot.params, slot.state, chunks())
    feed.close()
    _warn_if_short(feed, "evaluate")
    if model.graph.stateful:
        model.graph.store(slot.params, state)
    return values, n


def _warn_if_short(feed: "Feed", method: str) -> None:
    if feed.short and feed.seen:
        warnings.warn(
            f"{method}: {feed.source.kind} ended after {feed.seen} of the {feed.steps} "
            "batches that steps asks for; the answer is that of these batches.",
            OnefitWarning,
            stacklevel=5,
        )


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
    file: IO[bytes] | None = None,
) -> Tree:
    """The outputs for these rows; `Model.predict` explains the arguments.

    With a file they are written to it, as `.npy`, and are not given.
    """
    if batch_size is steps is callbacks is file is None:
        last = model.predicting
        if isinstance(last, _Again) and last.serves(model, x):
            return last.outputs(model, x)
    with model.eagerly():
        return _predict(model, x, batch_size, steps, callbacks, file)


class _Again(NamedTuple):
    """A prediction for floats that came as they have to: the next may come like them.

    Nothing of those has to be read, converted or built, so that an agent or a server,
    which asks for row after row, waits for the program alone.

    Attributes:
        graph, shape: What was asked, and the shape of the rows.
        size: For how many rows the program is.
    """

    graph: Graph
    shape: Shape
    size: int

    def serves(self, model: Compiled, x: Data) -> bool:
        """Whether these rows come like those."""
        return (
            type(x) is np.ndarray
            and x.shape == self.shape
            and x.dtype == config.floatx()
            and model.graph is self.graph
            and not model.run_eagerly
        )

    def outputs(self, model: Compiled, x: np.ndarray) -> Tree:
        """The outputs for these rows."""
        self.graph.check_input(x)
        slot, filled = self.graph.slot, rows.filled(x, self.size)
        y = _forward(self.graph, slot.params, slot.state, filled, _NO_SEED)[0]
        y = jax.tree.map(lambda a: np.array(np.asarray(a)[: len(x)]), y)
        return model.output_nest.arrange(y) if model.output_nest else y


_NO_SEED = np.uint32(0)


def _again(model: Compiled, given: Data, x: Tree) -> _Again | tuple[()]:
    """How rows like these are predicted next time, if they came as they have to."""
    graph = model.graph
    if not isinstance(graph, Graph) or graph.stateful or graph.always_random:
        return ()
    if given is not x or not isinstance(x, np.ndarray):
        return ()
    if len(x) > PADDED[-1] or not model.is_direct:
        return ()
    return _Again(graph, x.shape, len(x) if _exact(graph, len(x)) else PADDED[-1])


def _exact(graph: Architecture, n: int) -> bool:
    """Whether a program is for so many rows; the quickest answer is that to one."""
    return n == 1 or not graph.by_row


def _forward_of(model: Compiled) -> Function:
    """What computes outputs: the network, or the model's own `predict_step`."""
    if is_own(model, "predict_step"):
        script = Script(model)
        if model.predicting[:1] != (script,):  # the same as long as the model is
            program = jax.jit(functools.partial(own_outputs, script))
            model.predicting = script, program
        return model.predicting[1]
    return functools.partial(_forward, model.graph)


def _predict(
    model: Compiled,
    x: Data,
    batch_size: int | None,
    steps: int | None,
    callbacks: Callbacks,
    file: IO[bytes] | None,
) -> Tree:
    for name, value in (("batch_size", batch_size), ("steps", steps)):
        if value is not None:
            whole(name, value, 1)
    hooks = _hooks(model, callbacks)
    if rows.is_stream(x):
        from onefit.training import streams

        feed = streams.predicted(model, x, steps, _inputs, batch_size)
        parts, count = _predicted_stream(model, feed, hooks), feed.steps
    else:
        given, x = x, _inputs(model, x)
        if steps is not None:
            x = jax.tree.map(lambda a: a[: steps * (batch_size or 32)], x)
        _ready(model, x)
        parts = _predicted(model, _forward_of(model), x, batch_size, hooks)
        if not is_own(model, "predict_step"):
            model.predicting = _again(model, given, x)
        count = steps_of(x, batch_size, None)
    _tell(hooks, "set_params", {"verbose": 0, "epochs": 1, "steps": count})
    _tell(hooks, "on_predict_begin", {})
    if file is not None:
        _written(parts, file)
        _tell(hooks, "on_predict_end", {})
        return None
    gathered = list(parts)
    _tell(hooks, "on_predict_end", {})
    # The caller's own arrays, which may be written to; what jax gives may not.
    y = jax.tree.map(lambda *a: np.concatenate(a), *gathered)
    own = is_own(model, "predict_step")
    return model.output_nest.arrange(y) if model.output_nest and not own else y


def _written(parts: Iterator[Tree], file: IO[bytes]) -> None:
    """Writes the outputs of one head to a file as they come.

    Raises:
        ValueError: A model with several outputs.
    """
    rows_written, kind, shape = 0, np.dtype("float32"), ()

    def head() -> None:  # as long for any number of rows: numpy leaves room for it
        file.seek(0)
        facts = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False}
        facts["shape"] = (rows_written, *shape)
        np.lib.format.write_array_header_1_0(file, facts)

    for part in parts:
        leaves = jax.tree.leaves(part)
        if len(leaves) > 1:
            raise invalid(
                "predict",
                f"output=... of a model with {len(leaves)} outputs",
                "one output",
                "predict with a Model(inputs, output) of one of them",
            )
        array = np.ascontiguousarray(leaves[0])
        if not rows_written:
            kind, shape = array.dtype, array.shape[1:]
            head()
        file.write(array.data)
        rows_written += len(array)
    head()


def _inputs(model: Network, x: Data) -> Tree:
    """The inputs of a prediction as arrays."""
    model.meet(x)
    x = model.numbers(x)
    x = rows.as_batch(x, finite=False, inputs=model.entry_names).x
    return as_columns(model, x)


def _ready(model: Compiled, x: Tree) -> None:
    """Builds the layers when rows first come; refuses rows that no layer takes."""
    model.ready_for(x)
    graph = model.graph
    if batch_shape(x) != graph.slot.input_shape:
        graph.output_shape(batch_shape(x))


def _predicted(
    model: Compiled,
    forward: Function,
    x: Tree,
    batch_size: int | None,
    hooks: list[Callback],
    first: int = 0,
) -> Iterator[Tree]:
    """The outputs for these rows, in parts; `first` is the first batch's number."""
    graph = model.graph
    n = len(jax.tree.leaves(x)[0])
    size = batch_size or 32
    exact = _exact(graph, n)
    own = is_own(model, "predict_step")
    if graph.stateful:
        size = batch_size or graph.batch_size or size
        whole_batches(model, Batch(x, None), size)
    # Hooks count the batches of the size that the user gave.
    sizes = (
        (size,) if exact or hooks or graph.stateful else padded_sizes(model, n, size)
    )
    slot, parts = graph.slot, []
    for number, (count, piece) in enumerate(_pieces(x, n, sizes), first):
        _tell(hooks, "on_predict_batch_begin", number, {})
        rows_in = piece if exact else rows.filled(piece, _padded(count, sizes))
        seed = np.uint32(config.new_seed() if own or graph.always_random else 0)
        y, state = forward(slot.params, slot.state, rows_in, seed)
        if graph.stateful:
            graph.store(slot.params, state)
            slot = graph.slot
        parts.append((y, count))
        _tell(hooks, "on_predict_batch_end", number, {"outputs": _first_rows(y, count)})
    yield from (_first_rows(y, count) for y, count in parts)


def _predicted_stream(
    model: Compiled, feed: "Feed", hooks: list[Callback]
) -> Iterator[Tree]:
    """The outputs for batches that come one after another, in parts."""
    number, forward = 0, None
    for part in feed.chunks():
        x = part.data.x
        _ready(model, x)
        forward = forward or _forward_of(model)
        yield from _predicted(model, forward, x, part.size, hooks, number)
        number += part.batches
    feed.close()
    _warn_if_short(feed, "predict")
    if not number:
        feed.refuse_nothing()


def _forward(
    graph: Architecture, params: Tree, state: Tree, x: Tree, seed: Scalar
) -> Tree:
    """The outputs for rows, and the state after them, by a program."""
    run = compiled(_outputs, **_kind(graph, x))
    return run(graph, params, state, x, seed)


def _kind(graph: Architecture, x: Tree) -> dict[str, bool]:
    """What bounds a look at so many rows: dispatch, arithmetic, or compiling."""
    if not isinstance(graph, Graph):
        return {"small": False, "many": True}
    n, cost = len(jax.tree.leaves(x)[0]), graph.row_cost
    brief = is_look(max(cost, graph.row_width), n) or is_brief(cost, n)
    return {"small": is_small(cost, n), "many": True, "brief": brief}


def _outputs(
    graph: Architecture, params: Tree, state: Tree, x: Tree, seed: Scalar
) -> Tree:
    key = jax.random.key(seed) if graph.always_random else None
    return graph.apply(params, state, x, training=False, key=key)


def _pieces(tree: Tree, n: int, sizes: Sequence[int]) -> Iterator[tuple[int, Tree]]:
    """The rows in pieces that fit the sizes: how many, and their arrays."""
    start = 0
    while start < n:
        count = min(_padded(n - start, sizes), n - start)
        rows_of = slice(start, start + count)
        yield count, jax.tree.map(operator.itemgetter(rows_of), tree)
        start += count


def _padded(rows: int, sizes: Sequence[int]) -> int:
    """The largest of the sizes that so many rows fill by half, else the smallest."""
    return next((size for size in sizes if 2 * rows >= size), sizes[-1])


def _first_rows(y: Tree, count: int) -> Tree:
    return jax.tree.map(lambda a: np.asarray(a)[:count], y)


def _hooks(model: Compiled, callbacks: Callbacks) -> list[Callback]:
    """The callbacks of an evaluation or a prediction, which know the model then."""
    hooks = [c for c in listed(callbacks) if isinstance(c, Callback)]
    _tell(hooks, "set_model", model)
    return hooks


def _tell(hooks: Sequence[Callback], name: str, *args: object) -> None:
    for callback in hooks:
        getattr(callback, name)(*args)


def _numbers(values: Array | Sequence[Array]) -> list[float]:
    return np.asarray(values).tolist()


def _answer(
    names: Sequence[str], values: Array | Sequence[Array], as_dict: bool
) -> Answer:
    numbers = _numbers(values)
    if as_dict:
        return dict(zip(names, numbers, strict=True))
    return numbers[0] if len(numbers) == 1 else numbers
