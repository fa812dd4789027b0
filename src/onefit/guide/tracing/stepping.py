"""One step of an optimizer, from the gradients of a trace to the new weights."""

from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from onefit import config, optimizers
from onefit.description import off
from onefit.errors import invalid
from onefit.guide.tracing.calls import Call
from onefit.guide.tracing.formulas import formula_of
from onefit.guide.tracing.notation import D, Equation, S, Words, number, product, signed
from onefit.guide.tracing.pages import Section, worth
from onefit.guide.tracing.program import cast
from onefit.guide.tracing.text import as_text
from onefit.guide.tracing.updates import One, worked
from onefit.layers import Dense
from onefit.networks.architecture import Architecture
from onefit.optimizers.base import Optimizer
from onefit.programs import Program
from onefit.registry import computes_like
from onefit.training.task import Task
from onefit.types import Identifier, Tree

if TYPE_CHECKING:
    from onefit.guide.trace import Trace

__all__ = ["Step", "step"]

SHOWN = 12
"""Weights in the table; of larger networks the two with the largest gradients each."""


@Program
def _update(
    task: Task, params: Tree, grads: Tree, state: Tree
) -> tuple[Tree, Tree, Tree, Tree, Tree]:
    """The weights before and after constraints, the new state, and what led there."""
    optimizer = task.optimizer
    moved, new = task.moved(params, grads, state)
    slopes = task.pack(grads)
    if every := optimizer.gradient_accumulation_steps:
        before = state["accumulated"]
        slopes = jax.tree.map(lambda s, g: (s + g) / every, before, slopes)
    decayed = optimizer._decayed(task.pack(params), new["learning_rate"])
    after = task.graph.constrain(moved)
    return moved, after, new, optimizer._clip_gradients(slopes), decayed


Slots: TypeAlias = dict[str, np.ndarray | dict[str, np.ndarray]]
"""What an optimizer remembers by name: a number, or an array for each weight's path."""


class Step:
    """One step of an optimizer: see `Trace.step`.

    Attributes:
        optimizer: The optimizer.
        alpha: α, the learning rate.
        t: The number of the step, the first being 1.
        weights: The new weights, by the layer's name and the weight's.
        before: The weights before it, likewise.
        gradients: dJ/dw, likewise.
    """

    def __init__(
        self,
        trace: "Trace",
        optimizer: Optimizer,
        alpha: float,
        t: int,
        arrays: dict[str, dict[str, np.ndarray]],
        slots: tuple[Slots, Slots],
        notes: list[str],
    ) -> None:
        self.trace, self.optimizer, self.alpha, self.t = trace, optimizer, alpha, t
        self._arrays, self._slots, self._notes = arrays, slots, notes
        self._calls: dict[str, Call] = {}
        for call in trace.calls:
            self._calls.setdefault(call.name.partition(":")[0], call)
        self.weights = self._by_layer("after")
        self.before = self._by_layer("before")
        self.gradients = self._by_layer("gradient")

    def _by_layer(self, kind: str) -> dict[str, dict[str, np.ndarray]]:
        return {
            name: {
                weight: self._arrays[kind][_path(call, weight)]
                for weight in call.weights
            }
            for name, call in self._calls.items()
            if call.weights
        }

    def get_weights(self) -> list[np.ndarray]:
        """The new weights that are trained, layer by layer."""
        return [w for layer in self.weights.values() for w in layer.values()]

    # Showing -------------------------------------------------------------------------

    def text(
        self,
        layer: str | int | None = None,
        weight: str | None = None,
        index: int | tuple[int, ...] | None = None,
    ) -> str:
        """The step for a terminal: one weight worked through, then a table.

        Args:
            layer: A layer's name or number l; the first layer's unless given.
            weight: The name of its weight, 'kernel' or 'bias', the first unless given.
            index: Which number of it, as numpy counts: (0, 1). The one with the largest
                gradient unless given.
        """
        return as_text(self.sections(layer, weight, index))

    def __str__(self) -> str:
        return self.text().rstrip()

    def __repr__(self) -> str:
        return f"<Step {self.t} of {type(self.optimizer).__name__}>"

    def _repr_html_(self) -> str:
        from onefit.guide.tracing.html import as_html

        return as_html(self.sections())

    def to_latex(
        self,
        layer: str | int | None = None,
        weight: str | None = None,
        index: int | tuple[int, ...] | None = None,
    ) -> str:
        """The step as LaTeX (packages amsmath and amssymb)."""
        from onefit.guide.tracing.latex import as_latex

        return as_latex(self.sections(layer, weight, index))

    def sections(
        self,
        layer: str | int | None = None,
        weight: str | None = None,
        index: int | tuple[int, ...] | None = None,
    ) -> list[Section]:
        """What the faces show."""
        name = type(self.optimizer).__name__
        first = Section(
            f"Step {self.t} of {name}", [f"{formula_of(self.optimizer)}.", *self._notes]
        )
        first.lines.append(self._settings())
        if not self._calls or not any(c.weights for c in self._calls.values()):
            return [first]
        chosen = self._choose(layer, weight, index)
        return [first, self._worked(*chosen), self._table(layer)]

    def _settings(self) -> str:
        said = [f"α = {number(self.alpha)}"]
        names = {
            "momentum": "β",
            "beta_1": "β₁",
            "beta_2": "β₂",
            "rho": "ρ",
            "epsilon": "ε",
            "weight_decay": "λ",
        }
        for name, sign in names.items():
            value: Any = getattr(self.optimizer, name, None)
            if not off(value) and np.ndim(value) == 0:
                said.append(f"{sign} = {number(value)}")
        return ", ".join(said)

    def _choose(
        self,
        layer: str | int | None,
        weight: str | None,
        index: int | tuple[int, ...] | None,
    ) -> tuple[Call, str, tuple[int, ...]]:
        calls = [c for c in self._calls.values() if c.weights and c.layer.trainable]
        if layer is not None:
            name = self.trace[layer].name.partition(":")[0]
            calls = [self._calls[name]] if self._calls[name].weights else []
        if not calls:
            raise invalid(
                "step.text",
                f"layer={layer!r}, which has nothing to train",
                "a layer with weights",
                f"write one of {', '.join(map(repr, self.weights))}",
            )
        call = calls[0]
        weight = weight or next(iter(call.weights))
        if weight not in call.weights:
            raise invalid(
                "step.text",
                f"weight={weight!r}",
                f"one of {', '.join(map(repr, call.weights))}",
            )
        g = self._arrays["gradient"][_path(call, weight)]
        largest = np.unravel_index(int(np.argmax(np.abs(g))), g.shape)
        at = tuple(int(i) for i in np.atleast_1d(largest if index is None else index))
        if len(at) != g.ndim or any(
            not 0 <= i < n for i, n in zip(at, g.shape, strict=True)
        ):
            raise invalid(
                "step.text",
                f"index={at}",
                f"a place in {weight} of shape {g.shape}, counted from 0",
            )
        return call, weight, at

    def _worked(self, call: Call, weight: str, index: tuple[int, ...]) -> Section:
        path, symbol = _path(call, weight), _symbol(call, weight, index)
        values = {
            kind: float(arrays[path][index]) if path in arrays else float("nan")
            for kind, arrays in self._arrays.items()
        }
        place = f"{weight}[{', '.join(map(str, index))}]"
        section = Section(f"One weight: {place} of {call.kind} {call.name!r}")
        w, g = values["before"], values["gradient"]
        section.lines += [
            Equation(("w",), ((symbol,), (number(w),))),
            Equation(("g",), ((D(S("w")),), (number(g),))),
        ]
        if path not in self._arrays["clipped"]:
            section.lines.append("frozen: w stays as it is.")
            return section
        if not worth(values["clipped"], g):
            many = self.optimizer.gradient_accumulation_steps
            what = f"mean of {many} gradients" if many else "clipped"
            steps = ((Words(what),), (number(values["clipped"]),))
            section.lines.append(Equation(("g",), steps, sign=":="))
        if not worth(values["decayed"], w):
            rate = float(self.optimizer.weight_decay or 0.0)
            section.lines.append(
                Equation(
                    ("w",),
                    (
                        ("w - α·λ·w",),
                        (f"{number(w)} - {product(self.alpha, rate, w)[0]}",),
                        (number(values["decayed"]),),
                    ),
                    "weight decay",
                    ":=",
                )
            )
        one = One(
            self.optimizer,
            values["decayed"],
            values["clipped"],
            self.alpha,
            self.t,
            *(
                {
                    k: float(v[path][index]) if isinstance(v, dict) else float(v)
                    for k, v in slots.items()
                    if not isinstance(v, dict) or path in v
                }
                for slots in self._slots
            ),
            moved=values["moved"],
        )
        try:
            found = worked(one)
        except (KeyError, ZeroDivisionError, OverflowError):
            found = None
        if found is not None and _comes_to(found[1], one):
            section.lines += found[0]
        else:
            change = signed(one.moved - w)
            steps = ((f"w + {change}",), (number(one.moved),))
            section.lines.append(Equation(("w",), steps, sign=":="))
        if not worth(values["after"], one.moved):
            steps = ((Words("held by its constraint"),), (number(values["after"]),))
            section.lines.append(Equation(("w",), steps, sign=":="))
        return section

    def _table(self, layer: str | int | None) -> Section:
        arrays = self._arrays
        calls = [c for c in self._calls.values() if c.weights]
        if layer is not None:
            calls = [self._calls[self.trace[layer].name.partition(":")[0]]]
        paths = [
            (c, w, arrays["before"][_path(c, w)]) for c in calls for w in c.weights
        ]
        small = sum(a.size for _, _, a in paths) <= SHOWN
        rows = [["weight", "w", "dJ/dw", "change", "new w"]]
        for call, weight, w in paths:
            g = np.abs(arrays["gradient"][_path(call, weight)]).ravel()
            best = np.sort(np.argsort(-g, kind="stable")[: w.size if small else 2])
            for flat in best:
                at = np.unravel_index(int(flat), w.shape)
                old, new = float(w[at]), float(arrays["after"][_path(call, weight)][at])
                place = f"{call.name}.{weight}[{', '.join(map(str, map(int, at)))}]"
                slope = float(arrays["gradient"][_path(call, weight)][at])
                rows.append([place, *map(number, (old, slope, new - old, new))])
        title = "All weights" if small else "The weights with the largest gradients"
        return Section(title, [rows])


def _comes_to(value: float, one: One) -> bool:
    """Whether the formula gives the step that was made, but for rounding."""
    room = 1e-3 * abs(one.moved - one.w) + 3e-7 * abs(one.w) + 1e-12
    return abs(value - one.moved) <= room


def _path(call: Call, weight: str) -> str:
    return "/".join((*map(str, call.path), weight))


def _symbol(call: Call, weight: str, index: tuple[int, ...]) -> S:
    """w_jk of a dense layer is kernel[k - 1, j - 1]."""
    if computes_like(type(call.layer), Dense) and weight in ("kernel", "bias"):
        base = "w" if weight == "kernel" else "b"
        return S(base, tuple(i + 1 for i in reversed(index)), call.number)
    return S(weight, tuple(i + 1 for i in index), call.number)


def _flat(tree: Tree) -> dict[str, np.ndarray]:
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in found
    }


def _slots(slots: Tree, free: Tree) -> Slots:
    """What the optimizer remembers, by its name and the weight's path.

    It has one vector for all weights, or an array for each; single numbers stay as
    they are.
    """
    weights = _flat(free)
    size = sum(w.size for w in weights.values())
    back = ravel_pytree(free)[1]
    result: dict[str, Any] = {}
    for path, value in _flat(slots).items():
        if not value.ndim:
            result[path] = value
        elif value.shape == (size,) and path not in weights:
            result[path] = _flat(back(jnp.asarray(value)))
        else:
            ends = [w for w in weights if path.endswith(f"/{w}")]
            if ends:
                end = max(ends, key=len)
                part = result.setdefault(path.removesuffix(f"/{end}"), {})
                part[end] = value
    return result


def step(trace: "Trace", optimizer: Identifier) -> Step:
    """See `Trace.step`."""
    inside = trace.inside
    plain, notes = inside.task, []
    state: Any = inside.optimizer
    if optimizer is not None:
        plain = plain.replace(optimizer=optimizers.get(optimizer))
        state = None
    grads = trace.gradients.weights
    with config.precision(trace.dtype):
        free = plain.pack(inside.params)
        fresh: Any = cast(plain.optimizer.init(free), trace.dtype)
        fits = jax.tree.map(np.shape, state) == jax.tree.map(np.shape, fresh)
        view = jax.tree.map(np.shape, plain.free(inside.params))
        state = state if fits and inside.view in (None, view) else fresh
        if plain.optimizer.constant_rate:
            rate = np.asarray(plain.optimizer.learning_rate, trace.dtype)
            state = state | {"learning_rate": rate}
        moved, after, new, clipped, decayed = jax.device_get(
            _update(plain, inside.params, grads, state)
        )
        own = plain.free(inside.params)
        back = ravel_pytree(own)[1] if plain._as_vector(own) else (lambda tree: tree)
        arrays = {
            "before": _flat(inside.params),
            "gradient": _flat(grads),
            "after": _flat(after),
            "moved": _flat(moved),
            "clipped": _flat(back(clipped)),
            "decayed": _flat(back(decayed)),
        }
        slots = _slots(state["slots"], own), _slots(new["slots"], own)
    every = plain.optimizer.gradient_accumulation_steps or 1
    count = int(state["iterations"])
    if every > 1 and (count + 1) % every:
        notes.append(
            f"Gradients are averaged over {every} calls; this is number "
            f"{count % every + 1}, so the weights stay."
        )
    if not trace.training and _differs(inside.task.graph):
        notes.append(
            "The gradients are those of the layers as in predict; training drops units "
            "or takes the batch's own mean: trace(..., training=True)."
        )
    return Step(
        trace,
        plain.optimizer,
        float(new["learning_rate"]),
        count // every + 1,
        arrays,
        slots,
        notes,
    )


def _differs(graph: Architecture) -> bool:
    """Whether training does something else than predicting."""
    layers = graph.plain_layers()
    return graph.random or any(one.role == "batch normalization" for one in layers)
