"""Probes: what one step does in each layer, measured on a sample of the rows.

A probe runs the step that the fit itself would run next (forward, backward, update) on
some rows, and keeps sizes instead of arrays. It changes nothing.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit import activations
from onefit.activations import Facts, facts_of
from onefit.data.batch import Batch
from onefit.guide.network import activation_of
from onefit.layers.base import Layer
from onefit.layers.tapping import Tap
from onefit.networks.architecture import Architecture
from onefit.networks.graph import Graph
from onefit.programs import Program
from onefit.training.task import Task, Train
from onefit.types import Array, Tree

__all__ = ["Probe", "Responses", "WeightSizes", "probe"]

FLAT = 0.02
"""How near to its ends a sigmoid (0, 1) or tanh (-1, 1) counts as saturated.

There the slope is below 0.02 and 0.04: less than a tenth of its largest value.
"""

ZEROING = ("relu", "relu6")


@dataclasses.dataclass(frozen=True)
class Responses:
    """What the units of a layer's call answer to the sampled rows.

    Attributes:
        layer: The layer's name.
        kind: Its class, such as 'Dense'.
        activation: The activation's name, None where there is none to speak of.
        facts: What is known of that activation.
        zero: For each unit (the last axis), the share of answers that are exactly 0.
        flat: For each unit, the share within `FLAT` of its activation's ends.
        mean, std: Of each unit's answers.
        signal: The size (root mean square) of the gradient dJ/da that arrives there.
        along: The same by step, where the answers are sequences, else empty.
    """

    layer: str
    kind: str
    activation: str | None
    facts: Facts
    zero: np.ndarray
    flat: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    signal: float
    along: np.ndarray


@dataclasses.dataclass(frozen=True)
class WeightSizes:
    """The sizes (root mean square) of a weight array, its gradient and its next update.

    Attributes:
        layer, name: Whose it is, and which, such as 'kernel'.
        shape: Its shape.
        weight, gradient, update: The sizes.
        units: The size of the gradient of each unit (the last axis).
    """

    layer: str
    name: str
    shape: tuple[int, ...]
    weight: float
    gradient: float
    update: float
    units: np.ndarray

    @property
    def ratio(self) -> float:
        """The update in terms of the weight: about 0.001 is a usual step."""
        return self.update / max(self.weight, 1e-30)


@dataclasses.dataclass(frozen=True)
class Probe:
    """One step, measured.

    Attributes:
        epoch: After how many epochs.
        loss: J of the sampled rows, in training.
        penalty: The part of it that regularizers of weights add.
        layers: Each layer's call, in order.
        weights: Each trainable array, in order.
        outputs: For each output, what it answers to the sampled rows.
        along: The size of dJ/dx by step, where x are sequences, else empty.
    """

    epoch: int
    loss: float
    penalty: float
    layers: list[Responses]
    weights: list[WeightSizes]
    outputs: list[np.ndarray]
    along: np.ndarray


def _activation(layer: Layer) -> str | None:
    """The activation a layer's answers have gone through last.

    Those of recurrent layers are gates times states: their ends are no sign.
    """
    return None if layer.role == "recurrent" else activation_of(layer)


def _facts(layer: Layer) -> Facts:
    """What is known of that activation."""
    own = None if layer.role == "recurrent" else facts_of(layer.ends_in)
    return own or Facts()


def probe(
    task: Task,
    params: Tree,
    train: Train,
    batch: Batch,
    epoch: int,
    graph: Architecture,
) -> Probe:
    """Measures a step of a task on these rows; `graph` knows the layers' names."""
    raw: Any = _measure(task, params, train, batch, np.uint32(0))
    loss, penalty, answers, signals, along, weights, outputs = jax.device_get(raw)
    layers = [
        Responses(
            str(layer.name),
            layer._class_name,
            _activation(shown),
            _facts(shown),
            *numbers,
            signal=float(signal),
            along=steps,
        )
        for (_, layer), (_, shown), numbers, signal, steps in zip(
            graph.calls(), task.graph.calls(), answers, signals, along[1:], strict=True
        )
    ]
    sizes = [
        WeightSizes(layer, name, shape, *map(float, numbers[:3]), units=numbers[3])
        for (layer, name, shape), numbers in zip(
            _named(graph, params), weights, strict=True
        )
    ]
    return Probe(
        epoch, float(loss), float(penalty), layers, sizes, list(outputs), along[0]
    )


def _named(graph: Architecture, params: Tree) -> list[tuple[str, str, tuple[int, ...]]]:
    """The layer, name and shape of each trainable array, in the order of its tree."""
    found = []
    for layer, own in zip(graph.layers, params, strict=True):
        if isinstance(layer, Graph):
            found += _named(layer, own)
            continue
        free = layer.free(own)
        found += [
            (str(layer.name), name, np.shape(free[name])) for name in sorted(free)
        ]
    return found


@Program
def _measure(
    task: Task, params: Tree, train: Train, batch: Batch, seed: Array
) -> tuple[Tree, ...]:
    key = jax.random.key(seed) if task.graph.random else None
    free = task.free(params)
    bare = task.replace(optimizer=None)  # whose J is not scaled for its optimizer
    look = functools.partial(Tap, {"a", "x"})
    found = bare.gradients(
        free, params, train.state, batch, training=True, key=key, tap=look
    )
    seen, slopes = found.seen["a"], found.slopes["a"]
    answers = [
        _answers(jax.tree.leaves(seen[path])[0], _facts(layer))
        for path, layer in task.graph.calls()
    ]
    arriving = [_first(slopes[path]) for path, _ in task.graph.calls()]
    signals = [_rms(slope) for slope in arriving]
    along = [_by_step(slope) for slope in (_first(found.slopes["x"][()]), *arriving)]
    outputs = [
        z if head.link is None else activations.get(head.link)(z)
        for head, (z, _) in zip(task.heads, found.details.outputs, strict=True)
    ]
    gradient = task.merge(params, found.weights)
    moved, _ = task.moved(params, gradient, train.optimizer)
    after = task.free(moved)
    weights = [
        (_rms(w), _rms(g), _rms(v - w), _by_unit(g))
        for w, g, v in zip(
            *map(jax.tree.leaves, (free, found.weights, after)), strict=True
        )
    ]
    penalty = jnp.asarray(task.penalty(params))
    return found.loss, penalty, answers, signals, along, weights, outputs


def _first(slopes: Tree) -> Array:
    """Of several outputs the first, dJ by it; 0 where that is whole numbers."""
    first = jax.tree.leaves(slopes, is_leaf=lambda leaf: leaf is None)[0]
    return jnp.zeros(()) if first is None else first


def _answers(a: Array, facts: Facts) -> tuple[Array, ...]:
    """Of each unit: the share of zeros, of ends, the mean, the standard deviation."""
    a = jnp.reshape(a, (-1, a.shape[-1])) if a.ndim > 1 else a[:, None]
    a = a.astype(jnp.result_type(float))
    ends = facts.range if facts.saturates else None
    low, high = ends or (-jnp.inf, jnp.inf)
    width = FLAT * (high - low) if np.isfinite(high) else 0.0
    ends = (a < low + width) | (a > high - width)
    return jnp.mean(a == 0, 0), jnp.mean(ends, 0), jnp.mean(a, 0), jnp.std(a, 0)


def _rms(a: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(a))) if a.size else jnp.zeros(())


def _by_step(slope: Array) -> Array:
    """The size of the gradient at each step of sequences; nothing for what is none."""
    if slope.ndim != 3:
        return jnp.zeros(0)
    return jnp.sqrt(jnp.mean(jnp.square(slope), (0, 2)))


def _by_unit(g: Array) -> Array:
    return jnp.sqrt(jnp.mean(jnp.square(g), tuple(range(g.ndim - 1))))
