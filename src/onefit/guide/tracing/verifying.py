"""Every gradient against central finite differences, in float64."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from onefit import config
from onefit.data.batch import Batch
from onefit.guide.tracing.program import ZTap, cast
from onefit.layers.tapping import Places
from onefit.networks.graph import Graph
from onefit.programs import Program
from onefit.training.task import Gradients, Task
from onefit.types import Array, Scalar, Tree

if TYPE_CHECKING:
    from onefit.guide.trace import Trace

__all__ = ["Check", "Verification", "verify"]

NAMES = ("x", "z", "a")
"""What is moved beside the weights: the places that a trace looks in."""

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


@Program
def _differences(
    task: Task,
    full: Graph,
    params: Tree,
    zeros: Places,
    state: Tree,
    batch: Batch,
    seed: Scalar,
    iterations: Scalar,
    at: Array,
    *,
    training: bool,
) -> tuple[Array, Array, Array, Array]:
    """The gradient, J, and at some numbers (J(w + h), J(w - h)) and h's unit."""
    options: Any = {
        "training": training,
        "key": task.key(seed, iterations, training=training),
    }
    look = functools.partial(ZTap, full, NAMES)
    found = task.gradients(params, params, state, batch, **options, tap=look)
    vector, back = ravel_pytree((params, zeros))

    def J(vector: jax.Array) -> Array:
        params, nudges = back(vector)
        return task.cost(params, state, batch, **options, tap=look(nudges=nudges))[0]

    def beside(i: Array) -> Array:
        # No scatter: a mask, so that a model of any size is one plain program.
        mask = (jnp.arange(vector.size) == i).astype(vector.dtype)
        scale = jnp.maximum(1.0, jnp.abs(vector[i]))
        return jnp.stack(
            [
                jnp.stack([J(vector + h * scale * mask), J(vector - h * scale * mask)])
                for h in STEPS
            ]
        )

    scales = jnp.maximum(1.0, jnp.abs(vector[at]))
    gradient = ravel_pytree((found.weights, found.slopes))[0]
    return gradient, found.loss, jax.lax.map(beside, at), scales


def verify(trace: "Trace", tolerance: float, sample: int, seed: int) -> Verification:
    """See `Trace.verify`."""
    inside = trace.inside
    task, full, training = inside.bare, inside.full, trace.training
    with config.precision("float64"):
        params, state, batch = cast(
            (inside.params, inside.state, inside.batch), "float64"
        )
        drawn = np.uint32(inside.seed), inside.iterations
        key = task.key(*drawn, training=training)
        shapes = task.places(
            params,
            state,
            batch,
            training=training,
            key=key,
            tap=functools.partial(ZTap, full, NAMES),
        )
        zeros = jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), shapes)
        sizes = [a.size for a in jax.tree.leaves((params, zeros))]
        picks = _picks(sizes, sample, seed)
        at = np.concatenate(picks) if picks else np.zeros(0, int)
        gradient, middle, sides, scales = jax.device_get(
            _differences(
                task, full, params, zeros, state, batch, *drawn, at, training=training
            )
        )
    names = _names(trace, params, zeros)
    # What is drawn differs between float types.
    comparable = trace.dtype == "float32" and key is None
    start, place, checks = 0, 0, []
    for (name, shape, own), size, pick in zip(names, sizes, picks, strict=True):
        part = slice(place, place + len(pick))
        whole = gradient[start : start + size]
        checks.append(
            _check(
                name,
                shape,
                own if comparable else None,
                whole,
                pick - start,
                float(middle),
                sides[part],
                scales[part],
                tolerance,
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


def _names(
    trace: "Trace", params: Tree, zeros: Places
) -> list[tuple[str, tuple[int, ...], Array]]:
    """(name, shape, the trace's own gradient) of each array, as a pytree has them."""
    view: Gradients = trace.gradients
    layers: dict[tuple, str] = {
        call.path: call.name.partition(":")[0] for call in trace.calls
    }
    calls = dict(zip(sorted(view.seen["call"]), trace.calls, strict=True))
    named = []
    for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]:
        *steps, weight = (getattr(p, "idx", getattr(p, "key", None)) for p in path)
        named.append((f"{layers[tuple(steps)]}.{weight}", leaf.shape))
    for name, by_path in sorted(zeros.items()):
        for path, value in sorted(by_path.items()):
            leaves = jax.tree.leaves(value)
            for i, leaf in enumerate(leaves):
                which = f"[{i}]" * (len(leaves) > 1)
                call = f"{calls[path].name}{which}.{name}" if path else f"x{which}"
                named.append((call, leaf.shape))
    own = jax.tree.leaves((view.weights, {name: view.slopes[name] for name in zeros}))
    return [(*one, slope) for one, slope in zip(named, own, strict=True)]


def _check(
    name: str,
    shape: tuple[int, ...],
    own: Array | None,
    whole: np.ndarray,
    pick: np.ndarray,
    middle: float,
    sides: np.ndarray,
    scales: np.ndarray,
    tolerance: float,
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
    if own is not None:
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
