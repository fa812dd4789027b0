"""One program for a whole trace: everything forward, everything backward, at once."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit.data.batch import Batch
from onefit.guide.tracing.spying import TappedLoss, mapped
from onefit.training.task import Task
from onefit.types import Tree

__all__ = ["cast", "cost", "key_of", "layout", "penalties", "run"]


def cast(tree: Tree, dtype: str) -> Tree:
    """The arrays on the host, floats in this type."""

    def one(a: Any) -> Any:
        a = np.asarray(a)
        return a.astype(dtype) if a.dtype.kind == "f" else a

    return jax.tree.map(one, tree)


def key_of(graph: Any, seed: Any, iterations: Any, training: bool) -> Any:
    """The key of a step, as in training; None where nothing is random."""
    if training and graph.random:
        return jax.random.fold_in(jax.random.key(seed), iterations)
    # A layer that was called with training=True draws in an evaluation too.
    return jax.random.key(seed) if graph.always_random else None


def _start(graph: Any, state: Tree) -> Tree:
    return mapped(graph, lambda spy, s: {"own": s, "calls": ()}, state)


def cost(
    task: Task,
    weights: Tree,
    losses: Any,
    state: Tree,
    batch: Batch,
    key: Any,
    training: bool,
) -> tuple[Any, Any]:
    """J without the weights' penalties; with it all that passed on the way.

    Args:
        task: With a graph of spies.
        weights: What the spies take: weights and taps.
        losses: A tap for each output's loss.
        state, batch, key, training: As in training.
    """
    tapped = [
        head.loss and TappedLoss(head.loss, tap)
        for head, tap in zip(task.heads, losses, strict=True)
    ]
    heads = tuple(
        head.replace(loss=loss) for head, loss in zip(task.heads, tapped, strict=True)
    )
    whole = task.replace(heads=heads)
    total, (outputs, records, costs) = whole.cost(
        weights, _start(task.graph, state), batch, training=training, key=key
    )
    values = tuple(loss and loss.values for loss in tapped)
    return total, (outputs, records, costs, values)


def penalties(graph: Any, params: Tree) -> Tree:
    """What each layer's weights add to J."""
    return mapped(graph, lambda spy, p: jnp.asarray(spy.inner.penalty(p)), params)


def _forward(
    graph: Any, weights: Tree, state: Tree, x: Any, key: Any, training: bool
) -> Any:
    outcome = graph.forward(
        weights, _start(graph, state), x, training=training, key=key
    )
    return outcome.output, outcome.state


def layout(
    task: Any, params: Tree, state: Tree, batch: Batch, training: bool
) -> tuple[Tree, Any]:
    """What the spies take: weights for each call, and taps of zeros for z and a.

    Found by tracing alone; nothing is computed.
    """
    graph = task.graph if isinstance(task, Task) else task
    bare = mapped(graph, lambda spy, p: {"weights": p, "taps": None}, params)
    key = jax.random.key(0) if graph.random or graph.always_random else None
    if isinstance(task, Task):
        none = (None,) * len(task.heads)
        look = lambda w: cost(task, w, none, state, batch, key, training)  # noqa: E731
        _, (_, records, _, values) = jax.eval_shape(look, bare)
    else:
        forward = lambda w: _forward(graph, w, state, batch.x, key, training)  # noqa: E731
        (_, records), values = jax.eval_shape(forward, bare), ()

    def zeros(shapes: Any) -> tuple[Any, ...]:
        return tuple(
            np.zeros(a.shape, a.dtype) if jnp.issubdtype(a.dtype, jnp.inexact) else None
            for a in jax.tree.leaves(shapes)
        )

    def one(spy: Any, own: Any, seen: Any) -> Any:
        split = spy.after is not None or spy.bends
        taps = tuple(
            {
                "z": zeros(call["z"]) if split else None,
                "a": None if spy.logits else zeros(call["a"]),
            }
            for call in seen["calls"]
        )
        return {"weights": (own["weights"],) * len(taps), "taps": taps}

    losses = tuple(None if v is None else np.zeros(v.shape, v.dtype) for v in values)
    return mapped(graph, one, bare, records), losses


@functools.partial(jax.jit, static_argnames=("training",))
def run(
    task: Any,
    params: Tree,
    weights: Tree,
    losses: Any,
    state: Tree,
    batch: Batch,
    seed: Any,
    iterations: Any,
    training: bool,
) -> dict[str, Any]:
    """Everything that a trace shows; without losses only what comes forward."""
    graph = task.graph if isinstance(task, Task) else task
    key = key_of(graph, seed, iterations, training)
    if not isinstance(task, Task):
        outputs, records = _forward(graph, weights, state, batch.x, key, training)
        return {"outputs": outputs, "records": records}
    leaves, nest = jax.tree.flatten(batch.x)
    smooth = [i for i, a in enumerate(leaves) if jnp.issubdtype(a.dtype, jnp.inexact)]

    def total(moved: Any) -> Any:
        weights, losses, xs = moved
        given = list(leaves)
        for i, x in zip(smooth, xs, strict=True):
            given[i] = x
        here = batch._replace(x=nest.unflatten(given))
        return cost(task, weights, losses, state, here, key, training)

    moved = weights, losses, [leaves[i] for i in smooth]
    (data, seen), slopes = jax.value_and_grad(total, has_aux=True)(moved)
    outputs, records, costs, values = seen
    terms = penalties(graph, params)
    pulls = jax.grad(lambda p: sum(jax.tree.leaves(penalties(graph, p)), 0.0))(params)
    by_weights, shares, by_x = slopes
    return {
        "data": data,
        "J": data + sum(jax.tree.leaves(terms), 0.0),
        "outputs": outputs,
        "records": records,
        "costs": costs,
        "values": values,
        "shares": shares,
        "slopes": by_weights,
        "penalties": terms,
        "pulls": pulls,
        "dx": dict(zip(smooth, by_x, strict=True)),
    }
