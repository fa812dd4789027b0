"""Probes: what one step does in each layer, measured on a sample of the rows.

A probe runs the step that the fit itself would run next (forward, backward, update) on
some rows, and keeps sizes instead of arrays. It changes nothing.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit import activations
from onefit.activations import Facts, facts_of
from onefit.guide.network import activation_of
from onefit.layers.base import Layer
from onefit.training.task import Batch, Task, Train
from onefit.types import Tree

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
    """

    epoch: int
    loss: float
    penalty: float
    layers: list[Responses]
    weights: list[WeightSizes]
    outputs: list[np.ndarray]


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
    task: Task, params: Tree, train: Train, batch: Batch, epoch: int, graph: Any
) -> Probe:
    """Measures a step of a task on these rows; `graph` knows the layers' names."""
    raw = _measure(task, params, train, batch, np.uint32(0))
    loss, penalty, answers, signals, weights, outputs = jax.device_get(raw)
    layers = [
        Responses(
            str(layer.name),
            type(layer).__name__,
            _activation(shown),
            _facts(shown),
            *numbers,
            float(signal),
        )
        for (_, layer), (_, shown), numbers, signal in zip(
            graph.calls(), task.graph.calls(), answers, signals, strict=True
        )
    ]
    sizes = [
        WeightSizes(layer, name, shape, *map(float, numbers[:3]), numbers[3])
        for (layer, name, shape), numbers in zip(
            _named(graph, params), weights, strict=True
        )
    ]
    return Probe(epoch, float(loss), float(penalty), layers, sizes, list(outputs))


def _named(graph: Any, params: Tree) -> list[tuple[str, str, tuple[int, ...]]]:
    """The layer, name and shape of each trainable array, in the order of its tree."""
    found = []
    for layer, own in zip(graph.layers, params, strict=True):
        if isinstance(own, tuple):
            found += _named(layer, own)
            continue
        free = layer.free(own)
        found += [
            (str(layer.name), name, np.shape(free[name])) for name in sorted(free)
        ]
    return found


@jax.jit
def _measure(task: Task, params: Tree, train: Train, batch: Batch, seed: Any) -> Any:
    key = jax.random.key(seed) if task.graph.random else None
    free = task.graph.free(params)
    count = len(task.graph.calls())

    def cost(free: Tree, nudges: list[Any]) -> Any:
        answers, seen = [], iter(nudges)

        def tap(path: Any, layer: Any, outcome: Any) -> Any:
            del path
            leaves, nest = jax.tree.flatten(outcome.output)
            answers.append(_answers(leaves[0], _facts(layer)))
            # A zero added to what a layer gives: its derivative is dJ/da.
            leaves[0] = leaves[0] + next(seen).astype(leaves[0].dtype)
            return outcome._replace(output=nest.unflatten(leaves))

        every = task.graph.merge(params, free)
        loss, (outputs, *_) = task.cost(
            every, train.state, batch, training=True, key=key, tap=tap
        )
        return loss, (answers, [z for z, _ in outputs])

    shapes = _output_shapes(task, params, train, batch, key)
    assert len(shapes) == count
    nudges = [jnp.zeros(shape) for shape in shapes]
    (loss, (answers, outputs)), (gradient, signals) = jax.value_and_grad(
        cost, argnums=(0, 1), has_aux=True
    )(free, nudges)
    told = [
        z if head.link is None else activations.get(head.link)(z)
        for head, z in zip(task.heads, outputs, strict=True)
    ]
    packed = task.pack(task.graph.merge(params, gradient))
    moved, _ = task.optimizer.update(packed, train.optimizer, train.free)
    after = task.graph.free(task.unpack(params, moved))
    weights = [
        (_rms(w), _rms(g), _rms(v - w), _by_unit(g))
        for w, g, v in zip(*map(jax.tree.leaves, (free, gradient, after)), strict=True)
    ]
    penalty = jnp.asarray(task.graph.penalty(params))
    return loss, penalty, answers, [_rms(s) for s in signals], weights, told


def _output_shapes(
    task: Task, params: Tree, train: Train, batch: Batch, key: Any
) -> list[Any]:
    """The shape of what each call gives (the first of several)."""
    shapes: list[Any] = []

    def tap(path: Any, layer: Any, outcome: Any) -> Any:
        del path, layer
        shapes.append(jax.tree.leaves(outcome.output)[0].shape)
        return outcome

    jax.eval_shape(
        lambda params, state, batch: task.cost(
            params, state, batch, training=True, key=key, tap=tap
        )[0],
        params,
        train.state,
        batch,
    )
    return shapes


def _answers(a: Any, facts: Facts) -> tuple[Any, ...]:
    """Of each unit: the share of zeros, of ends, the mean, the standard deviation."""
    a = jnp.reshape(a, (-1, a.shape[-1])) if a.ndim > 1 else a[:, None]
    a = a.astype(jnp.result_type(float))
    ends = facts.range if facts.saturates else None
    low, high = ends or (-jnp.inf, jnp.inf)
    width = FLAT * (high - low) if np.isfinite(high) else 0.0
    ends = (a < low + width) | (a > high - width)
    return jnp.mean(a == 0, 0), jnp.mean(ends, 0), jnp.mean(a, 0), jnp.std(a, 0)


def _rms(a: Any) -> Any:
    return jnp.sqrt(jnp.mean(jnp.square(a))) if a.size else jnp.zeros(())


def _by_unit(g: Any) -> Any:
    return jnp.sqrt(jnp.mean(jnp.square(g), tuple(range(g.ndim - 1))))
