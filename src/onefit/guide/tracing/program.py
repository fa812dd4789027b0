"""One program for a whole trace: everything forward, everything backward, at once."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from onefit import activations
from onefit.data.batch import Batch
from onefit.layers import Activation, InputLayer
from onefit.layers.base import Layer, Outcome
from onefit.layers.tapping import Path, Places, Tap
from onefit.networks.graph import Graph
from onefit.programs import Program
from onefit.training.task import Gradients, Task
from onefit.types import Array, ArrayLike, Function, Params, Scalar, State, Tree

__all__ = ["Parts", "ZTap", "cast", "parts", "run"]

NAMES = ("x", "weights", "z", "a", "values", "data", "penalized")
"""Where a trace looks, in the words of `Task.cost` and `ZTap`."""


class Parts(NamedTuple):
    """A layer in two parts: what makes z, and what makes a of it.

    Attributes:
        layer: The layer without its last activation, if that can be taken off.
        activation: That activation, None for none.
        activity: The layer's penalty on a.
        bends: Whether the layer is an activation: z is what comes in.
        head: Whether the loss takes z, so that a is only looked at.
    """

    layer: Layer
    activation: Function | None = None
    activity: Function | None = None
    bends: bool = False
    head: bool = False

    @property
    def splits(self) -> bool:
        """Whether z is not a."""
        return self.bends or self.activation is not None


def _activation_of(layer: Layer) -> Function | None:
    """The activation that a layer ends in, or that of the layer it wraps."""
    own = layer.ends_in
    inner = getattr(layer, "layer", None)
    return own if own is not None or inner is None else _activation_of(inner)


def parts(layer: Layer, full: Layer) -> Parts:
    """The parts of a task's layer; `full` is that layer of the model.

    They differ where the task ends before an activation, as its loss works on z.
    """
    after = _activation_of(full)
    if jax.tree.structure(layer) != jax.tree.structure(full):
        return Parts(layer, after, head=True)
    if layer.role == "activation" and not isinstance(layer, Activation):
        return Parts(layer, bends=True)
    plain = after in (None, activations.linear)
    link: Any = after  # its name, or the function itself
    shorter: Any = None if plain else layer.before(link)
    if shorter is None:  # no activation, or it is not the last thing the layer does
        return Parts(layer)
    activity = getattr(shorter, "activity_regularizer", None)
    if activity is not None:
        shorter = shorter.replace(activity_regularizer=None)
    return Parts(shorter, after, activity)


class ZTap(Tap):
    """A tap that makes each call in two parts, to look between them.

    Its places are "weights", the layer's for this call, "z" and "a". Under "call" it
    keeps what comes in, z, a, the slope g'(z) and the mask, under "penalty" what the
    weights' penalties add to J.

    Args:
        full: The network with all its activations.
        names, nudges: As in `Tap`.
    """

    def __init__(
        self, full: Graph, names: Iterable[str], nudges: Places | None = None
    ) -> None:
        super().__init__(names, nudges)
        self.full = dict(full.calls())

    def call(
        self,
        path: Path,
        layer: Layer,
        params: Params,
        state: State,
        x: Tree,
        **options: Any,
    ) -> Outcome:
        """A call of a layer: z, then a."""
        if isinstance(layer, InputLayer):
            return layer.forward(params, state, x, **options)
        part = parts(layer, self.full[path])
        params = self.place("weights", path, params)
        given = self.place("z", path, x) if part.bends else x
        y, state, penalty, mask = part.layer.forward(params, state, given, **options)
        z, slope = (given if part.bends else y), None
        if part.activation is not None:
            z = self.place("z", path, y)
            y = part.activation(z)
            facts = activations.facts_of(part.activation)
            if facts is None or not facts.across:
                slope = jax.jvp(part.activation, (z,), (jnp.ones_like(z),))[1]
        a = y if part.head else self.place("a", path, y)
        if part.activity is not None:
            penalty = penalty + part.activity(a) / max(a.shape[0], 1)
        record = {"input": x, "z": z, "a": a, "slope": slope, "mask": mask}
        self.keep("call", path, record)
        self.keep("penalty", path, jnp.asarray(part.layer.penalty(params)))
        return Outcome(z if part.head else a, state, penalty, mask)


def cast(tree: Tree, dtype: str) -> Tree:
    """The arrays on the host, floats in this type."""

    def one(a: ArrayLike) -> Array:
        a = np.asarray(a)
        return a.astype(dtype) if a.dtype.kind == "f" else a

    return jax.tree.map(one, tree)


@Program
def run(
    task: Task,
    full: Graph,
    params: Tree,
    state: Tree,
    batch: Batch,
    seed: Scalar,
    iterations: Scalar,
    *,
    training: bool,
) -> Gradients:
    """Everything that a trace shows; without losses only what comes forward."""
    options: Any = {
        "training": training,
        "key": task.key(seed, iterations, training=training),
    }
    look = functools.partial(ZTap, full, NAMES)
    if any(head.loss is not None for head in task.heads):
        return task.gradients(params, params, state, batch, **options, tap=look)
    tap = look()
    loss, details = task.cost(params, state, batch, **options, tap=tap)
    return Gradients(loss, details, (), {}, tap.seen)
