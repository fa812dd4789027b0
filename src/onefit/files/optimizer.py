"""An optimizer's state as Keras' list of variables, both ways.

Keras has: iterations, the learning rate (unless it is a schedule), the moving average
of the weights, the gathered gradients, then the slots. Where it makes several slots at
once they alternate, weight by weight.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit.files.refusal import refusal
from onefit.files.weights import plain_in_order
from onefit.layers.base import Layer
from onefit.networks.architecture import Architecture
from onefit.optimizers import Adafactor, LossScaleOptimizer, MultiOptimizer, Muon
from onefit.optimizers.base import Optimizer, optimizers
from onefit.optimizers.stepped import Stepped
from onefit.registry import computes_like, snake_case
from onefit.training.task import Task
from onefit.types import Array, Tree

if TYPE_CHECKING:
    from h5py import Dataset

__all__ = ["from_variables", "to_variables"]

Columns = dict[str, list[Any]]
"""Slots by name; of each, an array for each free weight in Keras' order, or None."""


Saved = dict[str, tuple[str, list[np.ndarray]]]
"""Names and variables of optimizers by their places in a file, the outermost first."""


def to_variables(graph: Architecture, optimizer: Optimizer, state: Tree) -> Saved:
    """An optimizer's state as Keras' variables; None is the state before any step.

    Those of optimizers inside it are among its own, and again in places of their own.

    Raises:
        ValueError: An optimizer that Keras has not, or a state of other weights.
    """
    layout = _layout(graph, optimizer)
    state = layout.fresh if state is None else jax.tree.map(np.asarray, state)
    if _shapes(state) != _shapes(layout.fresh):
        raise refusal(
            type(optimizer).__name__,
            received="a state of other weights than those free now",
            expected="the state of this model's free weights",
            fix="call compile again after freezing or adding layers",
        )
    return dict(layout.saved("optimizer", state))


def from_variables(
    graph: Architecture,
    optimizer: Optimizer,
    arrays: Sequence["Dataset | np.ndarray"],
    layers: list[Layer] | None = None,
) -> Tree:
    """The state that Keras' variables mean; they are read only if their shapes fit.

    Args:
        graph, optimizer: What they are for.
        arrays: Keras' variables.
        layers: The layers in the order that they have; Keras' if not given.

    Raises:
        ValueError: Variables of another optimizer, or of other weights.
    """
    layout = _layout(graph, optimizer, layers)
    expected = layout.variables(layout.fresh)
    shapes = [tuple(array.shape) for array in arrays]
    if shapes != [old.shape for old in expected[: len(arrays)]] or len(arrays) not in (
        layout.head,  # of an optimizer that has made no step
        len(expected),
    ):
        raise refusal(
            type(optimizer).__name__,
            received=f"{len(arrays)} variables of an optimizer",
            expected=f"{len(expected)}, as this one has for these weights",
            fix="load with compile=False, and call compile yourself",
        )
    values = [np.asarray(array) for array in arrays] + expected[len(arrays) :]
    return layout.state(values)


def _layout(
    graph: Architecture, optimizer: Optimizer, layers: list[Layer] | None = None
) -> "_Layout | _Scaled | _Several":
    if isinstance(optimizer, MultiOptimizer):
        return _Several(graph, optimizer, layers)
    if isinstance(optimizer, LossScaleOptimizer):
        return _Scaled(graph, optimizer, layers)
    return _Layout(graph, optimizer, layers)


def _shapes(state: Tree) -> tuple[object, list[tuple[int, ...]]]:
    """The structure and shapes of a state, to compare."""
    return jax.tree.structure(state), [np.shape(a) for a in jax.tree.leaves(state)]


class _Layout:
    """Where each slot of an optimizer is, here and in Keras."""

    def __init__(
        self,
        graph: Architecture,
        optimizer: Optimizer,
        layers: list[Layer] | None = None,
    ) -> None:
        self._ask(optimizer)
        self.graph = graph
        self.layers = plain_in_order(graph) if layers is None else layers
        self.params = jax.tree.map(np.asarray, graph.slot.params)
        self.task = Task(graph=graph, heads=(), optimizer=optimizer)
        self.task.introduce()
        self.free = self.task.free(self.params)
        self.packed = self.task.pack(self.params)
        self.fresh = jax.tree.map(np.asarray, optimizer.init(self.packed))

    def _ask(self, optimizer: Optimizer) -> None:
        """Which slots an optimizer has."""
        kind = type(optimizer)
        says = next(base for base in kind.__mro__ if "slots" in vars(base))
        # What is written in Keras' style lists its variables itself.
        self.listed = isinstance(optimizer, Stepped)
        own = optimizer.slots is None or not computes_like(kind, says)
        if own and not self.listed:
            known = sorted(c.__name__ for c in optimizers.objects() if c.slots)
            raise refusal(
                kind.__name__,
                received="an optimizer of your own that does not say its slots",
                expected=f"one that Keras has ({', '.join(known)})",
                fix="write slots = ((...),) in its class, as Optimizer.slots says",
            )
        self.optimizer, self.groups = optimizer, optimizer.slots or ()
        self.head = 1 + optimizer.constant_rate

    def variables(self, state: Tree) -> list[np.ndarray]:
        """The state in Keras' order."""
        arrays = [state["iterations"]]
        if self.optimizer.constant_rate:
            arrays.append(state["learning_rate"])
        for name in ("average", "accumulated"):
            arrays += self._listed(state[name]) if name in state else []
        if self.listed:
            return [*arrays, *state["slots"]]
        columns = self._columns(state["slots"])
        for group in self.groups:
            rows = zip(
                *(columns[name] for name in group if name in columns), strict=True
            )
            arrays += [array for row in rows for array in row if array is not None]
        return arrays

    def state(self, variables: list[np.ndarray]) -> Tree:
        """The reverse of `variables`, in the types of a fresh state."""
        rest = iter(variables)
        state = dict(self.fresh) | {"iterations": next(rest)}
        if self.optimizer.constant_rate:
            state["learning_rate"] = next(rest)
        for name in ("average", "accumulated"):
            if name in state:
                count = len(jax.tree.leaves(self.free))
                state[name] = self._packed([next(rest) for _ in range(count)])
        if self.listed:
            state["slots"] = tuple(rest)
            return self._in_types(state)
        columns = {n: list(c) for n, c in self._columns(state["slots"]).items()}
        for group in self.groups:
            names = [name for name in group if name in columns]
            for i in range(len(columns[names[0]]) if names else 0):
                for name in names:
                    if columns[name][i] is not None:
                        columns[name][i] = next(rest)
        state["slots"] = self._slots(state["slots"], columns)
        steps = state["iterations"] // (self.optimizer.gradient_accumulation_steps or 1)
        state["slots"] = _counted(state["slots"], steps)
        return self._in_types(state)

    def _in_types(self, state: Tree) -> Tree:
        return jax.tree.map(
            lambda new, old: np.asarray(new, old.dtype), state, self.fresh
        )

    def saved(self, place: str, state: Tree) -> Iterator[tuple[str, Any]]:
        """What a file has of it, in which place."""
        yield place, (str(self.optimizer.name), self.variables(state))

    # Slots ---------------------------------------------------------------------------

    def _columns(self, slots: Tree) -> Columns:
        if isinstance(self.optimizer, Adafactor):
            rows = [_factors(slot) for slot in self._in_order(slots)]
            return {c: [row[c] for row in rows] for c in "rcv"}
        if isinstance(self.optimizer, Muon):
            kinds = [slots.get("muon", {}), slots.get("adam", {})]
            at = [
                {k: v for kind in kinds for k, v in kind.get(slot, {}).items()}
                for slot in ("momentum", "velocity")
            ]
            return {
                slot: [values.get(i) for i in self._places()]
                for slot, values in zip(("momentum", "velocity"), at, strict=True)
            }
        columns = {}
        for path in (path for group in self.groups for path in group):
            if (value := _get(slots, path)) is not None:
                listed = [value] if path[0] == "=" else self._listed(value)
                columns[path] = [-a for a in listed] if path[0] == "-" else listed
        return columns

    def _slots(self, slots: Tree, columns: Columns) -> Tree:
        """The slots with these columns: the reverse of `_columns`."""
        if isinstance(self.optimizer, Adafactor):
            rows = [
                dict(zip(columns, row, strict=True))
                for row in zip(*columns.values(), strict=True)
            ]
            old = self._in_order(slots)
            new = (
                {c: row[c] for c in slot} for row, slot in zip(rows, old, strict=True)
            )
            return self._planted(new)
        if isinstance(self.optimizer, Muon):
            value = {
                slot: dict(zip(self._places(), column, strict=True))
                for slot, column in columns.items()
            }
            return {
                kind: {
                    slot: {i: value[slot][i] for i in old} for slot, old in has.items()
                }
                for kind, has in slots.items()
            }
        for path, column in columns.items():
            signed = [-a for a in column] if path[0] == "-" else column
            value = signed[0] if path[0] == "=" else self._packed(signed)
            slots = _with(slots, path, value)
        return slots

    # Arrays --------------------------------------------------------------------------

    def _listed(self, packed: Tree) -> list[np.ndarray]:
        """An array for each free weight, in Keras' order, from the optimizer's view."""
        if isinstance(self.packed, np.ndarray):
            leaves, structure = jax.tree.flatten(self.free)
            cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
            parts = zip(np.split(np.asarray(packed), cuts), leaves, strict=True)
            packed = structure.unflatten([p.reshape(leaf.shape) for p, leaf in parts])
        return list(self._in_order(packed))

    def _packed(self, arrays: list[np.ndarray]) -> Tree:
        """The reverse of `_listed`."""
        tree = self._planted(iter(arrays))
        dtypes = jax.tree.map(lambda a, old: np.asarray(a, old.dtype), tree, self.free)
        return self.task.pack(self.task.merge(self.params, dtypes))

    def _places(self) -> list[int]:
        """The places of Keras' weights among the leaves of the free ones."""
        leaves, structure = jax.tree.flatten(self.free)
        return list(self._in_order(structure.unflatten(range(len(leaves)))))

    def _in_order(self, free: Tree) -> Iterator[Tree]:
        """The free weights, or what stands in their place, in Keras' order."""
        parts = dict(_parts(self.graph, free))
        for layer in self.layers:
            part = parts.get(id(layer), {})
            yield from (part[name] for name in layer.slot.params if name in part)

    def _planted(self, values: Iterator[Tree]) -> Tree:
        """A tree like that of the free weights, of values in Keras' order."""
        free = dict(_parts(self.graph, self.free))
        parts = {}
        for layer in self.layers:
            names = [n for n in layer.slot.params if n in free.get(id(layer), {})]
            parts[id(layer)] = {name: next(values) for name in names}
        return _tree(self.graph, parts)


class _Part(_Layout):
    """The layout of one of several optimizers: its weights alone, by their numbers."""

    def __init__(
        self, optimizer: Optimizer, free: dict[int, Any], order: list[int]
    ) -> None:
        self._ask(optimizer)
        self.free, self.packed, self.order = free, free, order
        self.fresh = jax.tree.map(np.asarray, optimizer.init(free))

    def _packed(self, arrays: list[np.ndarray]) -> Tree:
        tree = self._planted(iter(arrays))
        return jax.tree.map(lambda a, old: np.asarray(a, old.dtype), tree, self.free)

    def _places(self) -> list[int]:
        return [sorted(self.order).index(i) for i in self.order]

    def _in_order(self, free: Tree) -> Iterator[Tree]:
        return (free[i] for i in self.order)

    def _planted(self, values: Iterator[Tree]) -> Tree:
        return dict(zip(self.order, values, strict=False))


class _Several:
    """The layout of a `MultiOptimizer`: those of its optimizers, one after another."""

    head = 2

    def __init__(
        self,
        graph: Architecture,
        optimizer: MultiOptimizer,
        layers: list[Layer] | None = None,
    ) -> None:
        self.optimizer = optimizer
        whole = _Layout.__new__(_Layout)
        whole.graph = graph
        whole.layers = plain_in_order(graph) if layers is None else layers
        task = Task(graph=graph, heads=(), optimizer=optimizer)
        whole.free = task.free(jax.tree.map(np.asarray, graph.slot.params))
        task.introduce()
        order, split = whole._places(), optimizer._split(whole.free)
        self.parts = [
            _Part(inner, free, [i for i in order if i in free])
            for inner, free in zip(optimizer.optimizers, split, strict=True)
        ]
        self.fresh = self._joined(0, [part.fresh for part in self.parts])

    @staticmethod
    def _joined(iterations: Array | int, slots: list[Tree]) -> Tree:
        return {
            "iterations": np.asarray(iterations, np.int32),
            "slots": {"inner": tuple(slots)},
        }

    def variables(self, state: Tree) -> list[np.ndarray]:
        """The state in Keras' order."""
        arrays = [state["iterations"], np.zeros((), "float32")]
        for part, own in zip(self.parts, state["slots"]["inner"], strict=True):
            arrays += part.variables(own)
        return arrays

    def state(self, variables: list[np.ndarray]) -> Tree:
        """The reverse of `variables`."""
        rest, states = iter(variables[self.head :]), []
        for part in self.parts:
            count = len(part.variables(part.fresh))
            states.append(part.state([next(rest) for _ in range(count)]))
        return self._joined(variables[0], states)

    def saved(self, place: str, state: Tree) -> Iterator[tuple[str, Any]]:
        """What a file has of it, in which place, and of those inside it."""
        yield place, (str(self.optimizer.name), self.variables(state))
        seen: dict[str, int] = {}
        for part, own in zip(self.parts, state["slots"]["inner"], strict=True):
            kind = snake_case(type(part.optimizer).__name__)
            number = seen[kind] = seen.get(kind, -1) + 1
            kind = f"{kind}_{number}" if number else kind
            if part.free:
                yield from part.saved(f"{place}/optimizers/{kind}", own)


class _Scaled:
    """The layout of a `LossScaleOptimizer`: its two numbers, then its optimizer's."""

    head = 2
    own = "step_counter", "dynamic_scale"

    def __init__(
        self,
        graph: Architecture,
        optimizer: LossScaleOptimizer,
        layers: list[Layer] | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.inner = _layout(graph, optimizer.inner_optimizer, layers)
        task = Task(graph=graph, heads=(), optimizer=optimizer)
        packed = task.pack(jax.tree.map(np.asarray, graph.slot.params))
        self.fresh = jax.tree.map(np.asarray, optimizer.init(packed))

    def variables(self, state: Tree) -> list[np.ndarray]:
        """The state in Keras' order."""
        slots = state["slots"]
        head = [state["iterations"], np.zeros((), "float32")]
        own = [slots[name] for name in self.own]
        return [*head, *own, *self.inner.variables(slots["inner"][0])]

    def state(self, variables: list[np.ndarray]) -> Tree:
        """The reverse of `variables`."""
        old, pairs = self.fresh["slots"], zip(self.own, variables[2:4], strict=True)
        own = {name: np.asarray(value, old[name].dtype) for name, value in pairs}
        slots = own | {"inner": (self.inner.state(variables[4:]),)}
        return {"iterations": np.asarray(variables[0], np.int32), "slots": slots}

    def saved(self, place: str, state: Tree) -> Iterator[tuple[str, Any]]:
        """What a file has of it, in which place, and of the one inside it."""
        yield place, (str(self.optimizer.name), self.variables(state))
        yield from self.inner.saved(
            f"{place}/inner_optimizer", state["slots"]["inner"][0]
        )


def _parts(graph: Architecture, tree: Tree) -> Iterator[tuple[int, Tree]]:
    """Each layer's part of a tree like that of the weights, by the layer's id."""
    for layer, part in zip(graph.layers, tree, strict=True):
        if isinstance(layer, Architecture):
            yield from _parts(layer, part)
        else:
            yield id(layer), part


def _tree(graph: Architecture, parts: dict[int, Tree]) -> Tree:
    """The reverse of `_parts`."""
    return tuple(
        _tree(layer, parts)
        if isinstance(layer, Architecture)
        else parts.get(id(layer), {})
        for layer in graph.layers
    )


def _factors(slot: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adafactor's slots of a weight as Keras has them: all three, some of no use."""
    if "v" in slot:
        return {"r": np.zeros((), "float32"), "c": np.zeros((), "float32"), **slot}
    r, c = slot["r"], slot["c"]
    mean = np.mean(r, axis=-1, keepdims=True)
    share = np.divide(r, mean, out=np.zeros_like(r), where=mean != 0)
    return {"r": r, "c": c, "v": share[..., :, None] * c[..., None, :]}


def _get(slots: Tree, path: str) -> Tree:
    for part in path.lstrip("-=").split("."):
        if isinstance(slots, dict):
            slots = slots.get(part)
        else:
            slots = getattr(slots, part, None)
    return slots


def _with(slots: Tree, path: str, value: Tree) -> Tree:
    """The slots with another value at a path."""
    part, _, rest = path.lstrip("-=").partition(".")
    new = _with(_get(slots, part), rest, value) if rest else value
    return (
        slots | {part: new}
        if isinstance(slots, dict)
        else slots._replace(**{part: new})
    )


def _counted(slots: Tree, steps: Array) -> Tree:
    """The slots with the counts of optax's parts at this number of steps."""
    if isinstance(slots, dict):
        return {name: _counted(slot, steps) for name, slot in slots.items()}
    has_count = "count" in getattr(slots, "_fields", ())
    return slots._replace(count=steps) if has_count else slots
