"""Where NaN arises: the step, the layer and the operation.

A fit is the same again from the same weights and seed, so the epochs up to the NaN are
run once more, then the step that made it, operation by operation.
"""

import dataclasses
import re
from collections.abc import Sequence

import jax
import numpy as np
from jax.extend import core

from onefit.data.batch import Batch
from onefit.guide.evidence import Snapshot
from onefit.training.compiling import compiled
from onefit.training.job import Job
from onefit.training.task import Train
from onefit.types import Array, Tree

__all__ = ["Place", "locate"]

MOST = 20_000
"""Steps that are run again at most."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the first number that is not finite was made.

    Attributes:
        epoch, step: In which epoch and batch, both from 0.
        layer: The layer's name, None in the loss.
        part: 'forward', 'loss', 'backward' or 'update'; 'before' if the weights were
            not finite when the fit began.
        operation: What was computed, such as 'exp', 'log' or 'dot_general'.
        largest: The largest number among what went in.
        weights: The largest weight before the step.
    """

    epoch: int
    step: int
    layer: str | None
    part: str
    operation: str
    largest: float
    weights: float


def locate(job: Job, snapshot: Snapshot) -> Place | None:
    """The place where NaN arises from a snapshot on, or None where it does not."""
    if not _finite(snapshot.params):
        return Place(snapshot.epoch, 0, None, "before", "none", np.inf, np.inf)
    if job.feed is not None:
        return None  # its batches have gone by
    found = _failing_step(job, snapshot)
    if found is None:
        return None
    epoch, step, order, params, train = found
    plan = job.plan()
    size = plan.batch if step < plan.full else plan.rest
    at = np.arange(step * plan.batch, step * plan.batch + size)
    at = at if order is None else order[at]
    batch = jax.tree.map(lambda a: np.asarray(a)[at], job.train_data)
    where = _operation(job, params, train, batch)
    return Place(epoch, step, *where, _largest(params))


def _failing_step(
    job: Job, snapshot: Snapshot
) -> tuple[int, int, Array | None, Tree, Train] | None:
    """(epoch, step, order, params, train): all is finite before it, not after it."""
    plan, (begin, *weights) = job.plan(), snapshot
    data, *weights = jax.tree.map(jax.numpy.asarray, (job.train_data, *weights))
    tally = compiled("start", False)(job.task)
    pieces = [(0, plan.full, plan.batch)] if plan.full else []
    pieces += [(plan.full, 1, plan.rest)] if plan.rest else []

    def after(
        count: int, first: int, size: int, order: Array | None, weights: list[Tree]
    ) -> list[Tree]:
        """The weights after this many steps."""
        if not count:
            return weights
        return compiled("part", False)(
            job.task,
            *weights,
            tally,
            data,
            order,
            np.int32(first),
            np.int32(count),
            np.uint32(job.seed),
            size=size,
            batch=plan.batch,
        )[:2]

    for epoch in range(begin, min(job.epochs, begin + 1 + MOST // plan.steps)):
        order = job.order(plan, epoch, 1)[0] if plan.ordered else None
        for first, count, size in pieces:
            arguments = (first, size, order, weights)
            then = after(count, *arguments)
            if _finite(then):
                weights = then
                continue
            # After `fine` steps the weights are finite, after `broken` they are not.
            fine, broken = 0, count
            while broken - fine > 1:
                middle = (fine + broken) // 2
                if _finite(after(middle, *arguments)):
                    fine = middle
                else:
                    broken = middle
            return epoch, first + fine, order, *after(fine, *arguments)
    return None


def _operation(
    job: Job, params: Tree, train: Train, batch: Batch
) -> tuple[str | None, str, str, float]:
    """(layer, part, operation, largest input) of the first that is not finite."""
    task, names = job.task, dict(job.model.graph.calls())
    key = task.key(np.uint32(job.seed), train.optimizer["iterations"], training=True)

    def step(free: Tree, state: Tree, batch: Batch) -> tuple[Array, Tree]:
        found = task.gradients(free, params, state, batch, training=True, key=key)
        return found.loss, found.weights

    free = train.free
    program = jax.make_jaxpr(step)(free, train.state, batch)
    inputs = jax.tree.leaves((free, train.state, batch))
    try:
        _run(program.jaxpr, program.consts, inputs, "")
    except _Spoiled as found:
        operation, stack, largest = found.args
    else:  # the step itself was fine: the update was not
        return None, "update", "update", _largest(free)
    path = tuple(map(int, re.findall(r"call(\d+)", stack)))
    tries = [path[:n] for n in range(len(path), 0, -1)]
    layer = next((names[one] for one in tries if one in names), None)
    forward = "forward" if path else "loss"
    part = "backward" if "transpose" in stack else forward
    return layer and str(layer.name), part, operation, largest


class _Spoiled(Exception):
    """The first operation that makes what is not finite of what is."""


def _run(
    jaxpr: core.Jaxpr, consts: Sequence[Array], inputs: list[Array], outer: str
) -> list[Array]:
    """Runs a program operation by operation, up to the first that spoils numbers."""
    values = dict(zip(jaxpr.constvars, consts, strict=True))
    values |= dict(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: core.Literal | core.Var) -> Array:
        return atom.val if isinstance(atom, core.Literal) else values[atom]

    for eqn in jaxpr.eqns:
        given = [read(atom) for atom in eqn.invars]
        stack = f"{outer}/{eqn.source_info.name_stack}"
        inner = _inside(eqn)
        if inner is not None:
            made = _run(inner.jaxpr, inner.consts, given, stack)
        else:
            made = eqn.primitive.bind(*given, **eqn.params)
            made = made if eqn.primitive.multiple_results else [made]
        if not _finite(made) and _finite(given):
            raise _Spoiled(eqn.primitive.name, stack, _largest(given))
        values |= dict(zip(eqn.outvars, made, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _inside(eqn: core.JaxprEqn) -> core.ClosedJaxpr | None:
    """The program that an operation calls once, if it does."""
    for name in ("jaxpr", "call_jaxpr", "fun_jaxpr"):
        inner = eqn.params.get(name)
        if eqn.primitive.name not in ("scan", "while", "cond") and inner is not None:
            return inner if hasattr(inner, "consts") else core.ClosedJaxpr(inner, ())
    return None


def _finite(tree: Tree) -> bool:
    return all(
        bool(np.isfinite(np.asarray(a)).all())
        for a in jax.tree.leaves(tree)
        if jax.numpy.issubdtype(getattr(a, "dtype", np.int32), np.floating)
    )


def _largest(tree: Tree) -> float:
    sizes = [
        np.abs(np.asarray(a)).max()
        for a in jax.tree.leaves(tree)
        if jax.numpy.issubdtype(getattr(a, "dtype", np.int32), np.floating)
        and np.size(a)
    ]
    return float(max(sizes, default=0.0))
