"""Every gradient against central finite differences, in float64."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from onefit import config
from onefit.guide.tracing.program import cast, cost, key_of, layout, penalties
from onefit.guide.tracing.spying import mapped

__all__ = ["Check", "Verification", "verify"]

STEPS = (1e-4, 1e-5, 1e-6)
"""Half the distance of the two points, in units of the weight (1 at least).

The difference is off by about h² from the curve's bend and by 1e-16/h from rounding;
which h is best depends on the place. A wrong gradient agrees at none of them.
"""


@dataclasses.dataclass(frozen=True)
class Check:
    """What came of one array of weights, or of z, a or x.

    Attributes:
        name: Of what: 'dense.kernel', 'dense.z', 'x'.
        size: How many numbers it has.
        tested: How many of them were tested.
        error: The largest relative error.
        gradient, difference: dJ/dw and the finite difference, where that is.
        at: Where that is.
        kinks: At how many J has a corner, as with a ReLU at z = 0: the slope to the
            left is not the one to the right however small h is, so that there is no
            derivative to compare with. They count as no error.
        rounding: How far the gradient in the trace is from that in float64, in units
            of the largest of the array; None where they are not to be compared.
    """

    name: str
    size: int
    tested: int
    error: float
    gradient: float
    difference: float
    at: tuple[int, ...]
    kinks: int
    rounding: float | None


class Verification:
    """The report of `trace.verify()`: true in an `if` when every gradient is right.

    Attributes:
        checks: One of each array.
        tolerance: The relative error that is allowed.
    """

    def __init__(self, checks: list[Check], tolerance: float) -> None:
        self.checks, self.tolerance = checks, tolerance

    @property
    def ok(self) -> bool:
        """Whether every tested gradient is within the tolerance."""
        return not self.wrong

    @property
    def wrong(self) -> list[Check]:
        """The arrays with a gradient that is not."""
        # A NaN is not within anything.
        return [c for c in self.checks if not c.error <= self.tolerance]

    @property
    def error(self) -> float:
        """The largest relative error of all."""
        return max((c.error for c in self.checks), default=0.0)

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        tested = sum(c.tested for c in self.checks)
        kinks = sum(c.kinks for c in self.checks)
        word = "OK" if self.ok else "NOT OK"
        lines = [
            f"{word}: {tested} gradients, by (J(w + h) - J(w - h)) / 2h in float64;",
            f"largest relative error {self.error:.1e}, allowed {self.tolerance:.0e}",
        ]
        width = max((len(c.name) for c in self.checks), default=0)
        for c in self.checks:
            some = f"{c.tested} of {c.size}" if c.tested < c.size else f"all {c.size}"
            line = f"  {c.name:<{width}}  {some:>14}  {c.error:.1e}"
            if c.kinks:
                line += f"  ({c.kinks} at a kink)"
            if c in self.wrong:
                line += (
                    f"  WRONG at {list(c.at)}: {c.gradient:.6g}, not {c.difference:.6g}"
                )
            lines.append(line)
        if kinks:
            lines.append(
                f"At {kinks} of them J has a corner (a ReLU at z = 0, a tie of maxima):"
            )
            lines.append(
                "its slopes to the left and right differ, there is no derivative there."
            )
        known = [c.rounding for c in self.checks if c.rounding is not None]
        if known:
            lines.append(
                f"The trace's own, in float32, are off by at most {max(known):.0e} of "
                "the largest."
            )
        return "\n".join(lines)


@functools.partial(jax.jit, static_argnames=("training",))
def _differences(
    task: Any,
    weights: Any,
    params: Any,
    losses: Any,
    state: Any,
    batch: Any,
    seed: Any,
    iterations: Any,
    at: Any,
    training: bool,
) -> tuple[Any, Any]:
    """The gradient at some numbers, and (J, J(w + h), J(w - h)) for every h."""
    key = key_of(task.graph, seed, iterations, training)
    leaves, nest = jax.tree.flatten(batch.x)
    smooth = [i for i, a in enumerate(leaves) if jnp.issubdtype(a.dtype, jnp.inexact)]
    taps = mapped(task.graph, lambda spy, w: w["taps"], weights)
    vector, back = ravel_pytree((params, taps, [leaves[i] for i in smooth]))

    def J(vector: Any) -> Any:
        params, taps, xs = back(vector)

        def one(spy: Any, own: Any, taps: Any, given: Any) -> Any:
            return {"weights": (own,) * len(given["taps"]), "taps": taps}

        whole = mapped(task.graph, one, params, taps, weights)
        given = list(leaves)
        for i, x in zip(smooth, xs, strict=True):
            given[i] = x
        here = batch._replace(x=nest.unflatten(given))
        data, _ = cost(task, whole, losses, state, here, key, training)
        return data + sum(jax.tree.leaves(penalties(task.graph, params)), 0.0)

    middle, gradient = jax.value_and_grad(J)(vector)

    def beside(i: Any) -> Any:
        # No scatter: a mask, so that a model of any size is one plain program.
        mask = (jnp.arange(vector.size) == i).astype(vector.dtype)
        scale = jnp.maximum(1.0, jnp.abs(vector[i]))
        return jnp.stack(
            [
                jnp.stack([J(vector + h * scale * mask), J(vector - h * scale * mask)])
                for h in STEPS
            ]
        )

    sides = jax.lax.map(beside, at)
    scales = jnp.maximum(1.0, jnp.abs(vector[at]))
    return (gradient, middle), (sides, scales)


def verify(trace: Any, tolerance: float, sample: int, seed: int) -> Verification:
    """See `Trace.verify`."""
    inside = trace.inside
    task, graph = inside.task, inside.task.graph
    with config.precision("float64"):
        params, state, batch = cast(
            (inside.params, inside.state, inside.batch), "float64"
        )
        weights, losses = layout(task, params, state, batch, trace.training)
        taps = mapped(graph, lambda spy, w: w["taps"], weights)
        xs = [a for a in jax.tree.leaves(batch.x) if a.dtype.kind == "f"]
        sizes = [a.size for a in jax.tree.leaves((params, taps, xs))]
        picks = _picks(sizes, sample, seed)
        at = np.concatenate(picks) if picks else np.zeros(0, int)
        (gradient, middle), (sides, scales) = jax.device_get(
            _differences(
                task,
                weights,
                params,
                losses,
                state,
                batch,
                np.uint32(inside.seed),
                inside.iterations,
                at,
                trace.training,
            )
        )
    names = _names(trace, params, taps, xs)
    start, place, checks = 0, 0, []
    for (name, shape, own), size, pick in zip(names, sizes, picks, strict=True):
        part = slice(place, place + len(pick))
        whole = gradient[start : start + size]
        checks.append(
            _check(
                name,
                shape,
                own,
                whole,
                pick - start,
                float(middle),
                sides[part],
                scales[part],
                tolerance,
                trace,
            )
        )
        start, place = start + size, place + len(pick)
    order = {"z": 1, "a": 2}
    checks.sort(key=lambda c: order.get(c.name.rpartition(".")[2], 0))
    return Verification(checks, tolerance)


def _picks(sizes: list[int], sample: int, seed: int) -> list[np.ndarray]:
    """Which numbers of each array are tested: all of a small one."""
    rng, picks, start = np.random.default_rng(seed), [], 0
    for size in sizes:
        chosen = np.arange(size)
        if size > sample:
            chosen = np.sort(rng.choice(size, sample, replace=False))
        picks.append(chosen + start)
        start += size
    return picks


def _names(trace: Any, params: Any, taps: Any, xs: Any) -> list[Any]:
    """(name, shape, the trace's own gradient) of each array, as a pytree has them."""
    by_weights: dict[tuple[int, ...], list[Any]] = {}
    for call in trace.calls:
        by_weights.setdefault(call.path, []).append(call)
    named: list[Any] = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        steps = tuple(p.idx for p in path if hasattr(p, "idx"))
        call, weight = by_weights[steps][0], path[-1].key
        layer = call.name.partition(":")[0]
        named.append((f"{layer}.{weight}", leaf.shape, call.gradients[weight]))
    for path, leaf in jax.tree_util.tree_flatten_with_path(taps)[0]:
        # (..., layer, call, "z" or "a", which array of several)
        keys: list[Any] = [getattr(p, "idx", getattr(p, "key", None)) for p in path]
        *steps, number, kind, which = keys
        call = by_weights[tuple(steps)][number]
        value = jax.tree.leaves(call.dz if kind == "z" else call.da)
        several = len(value) > 1
        own = value[which] if which < len(value) else None
        named.append((f"{call.name}{f'[{which}]' * several}.{kind}", leaf.shape, own))
    slopes = jax.tree.leaves(trace.dx)
    for i, x in enumerate(xs):
        name = "x" if len(xs) == 1 else f"x[{i}]"
        named.append((name, x.shape, slopes[i] if i < len(slopes) else None))
    return named


def _check(
    name: str,
    shape: tuple[int, ...],
    own: Any,
    whole: np.ndarray,
    pick: np.ndarray,
    middle: float,
    sides: np.ndarray,
    scales: np.ndarray,
    tolerance: float,
    trace: Any,
) -> Check:
    """Compares some numbers of one array."""
    g = whole[pick]
    h = np.asarray(STEPS)[None] * scales[:, None]
    right, left = (sides[..., 0] - middle) / h, (middle - sides[..., 1]) / h
    central = (right + left) / 2
    # Below this a difference is rounding: 1e-16·J/h.
    floor = max(1e-3 * np.abs(whole).max(initial=0.0), 1e-4 * max(abs(middle), 1e-3))
    errors = np.abs(central - g[:, None])
    errors /= np.maximum(np.maximum(np.abs(central), np.abs(g[:, None])), floor)
    errors = np.where(np.isfinite(errors), errors, np.inf)
    best = errors.argmin(1)
    rows = np.arange(len(g))
    error, difference = errors[rows, best], central[rows, best]
    # At a corner the two sides stay apart however small h; on a bend they meet.
    gap = np.abs(right - left)
    apart = (gap[:, -1] > 0.5 * gap[:, 0]) & (gap[:, -1] > 10 * tolerance * floor)
    kinks = (error > tolerance) & apart
    error = np.where(kinks, 0.0, error)
    worst = int(error.argmax()) if len(error) else 0
    rounding = None
    if trace.dtype == "float32" and own is not None and not _random(trace):
        off = np.abs(np.ravel(own) - whole)
        size = np.abs(whole).max(initial=0.0)
        rounding = float(off.max(initial=0.0) / size) if size else 0.0
        rounding = rounding if np.isfinite(rounding) else None
    return Check(
        name=name,
        size=whole.size,
        tested=len(pick),
        error=float(error[worst]) if len(error) else 0.0,
        gradient=float(g[worst]) if len(g) else 0.0,
        difference=float(difference[worst]) if len(g) else 0.0,
        at=tuple(map(int, np.unravel_index(pick[worst], shape))) if len(pick) else (),
        kinks=int(kinks.sum()),
        rounding=rounding,
    )


def _random(trace: Any) -> bool:
    """Whether what is drawn differs between float types."""
    graph = trace.inside.task.graph
    return (trace.training and graph.random) or graph.always_random
