"""A task: a network with its losses, metrics and optimizer, as pure functions.

The task is what a program trains. It is a description, hence a pytree whose leaves are
the numbers of all its parts (rates, factors, deltas).
"""

import functools
import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from onefit import activations
from onefit.data.batch import Batch
from onefit.description import Description, number, setting
from onefit.layers.assembled import Assembled
from onefit.layers.base import Layer
from onefit.layers.face import in_full
from onefit.layers.metering import carrying, sums_of, without_sums
from onefit.layers.tapping import Places, Tap
from onefit.losses.base import Loss
from onefit.members import named_once
from onefit.metrics.base import Metric
from onefit.networks.architecture import Architecture
from onefit.networks.graph import with_parts
from onefit.networks.sharing import Named, everywhere, left, once
from onefit.optimizers.rules import is_traced
from onefit.types import (
    Array,
    Function,
    Key,
    Mask,
    Scalar,
    Shape,
    Shapes,
    Tree,
    is_shape,
)

__all__ = ["Details", "Gradients", "Head", "Task", "Train"]
__all__ += ["head", "rated", "rates", "with_rates"]

SMALL = 1 << 15
"""Up to this many weights, one vector of all of them is updated faster than each array.

Measured on a CPU: 64-25-15-10 takes 18.3 us a step as one vector and 21.5 as a tree;
784-128-10 takes 435 and 337, since the vector's gradients have to be copied together.
"""


class Train(NamedTuple):
    """What training changes: weights that are free, all other state, the optimizer's.

    `free` is the optimizer's view of the weights: one vector, or the tree of them.
    """

    free: Tree
    state: Tree
    optimizer: Tree


class Head(Description):
    """One output of a task: its loss, its metrics, and what makes logits probabilities.

    The network of a task ends before a final sigmoid or softmax, and the loss works on
    those logits. `link` names the activation that the metrics see through.
    """

    loss: Loss | None
    metrics: tuple[Metric, ...] = ()
    weighted_metrics: tuple[Metric, ...] = ()
    link: str | None = None
    weight: float = number(default=1.0)
    name: str | None = None

    @property
    def all_metrics(self) -> tuple[Metric, ...]:
        """The metrics, then those that heed sample weights."""
        return (*self.metrics, *self.weighted_metrics)

    @staticmethod
    def width(metric: Metric) -> int | None:
        """How many numbers a metric has, None for one without an axis."""
        leaves, kind = jax.tree.flatten(metric)
        return _width(kind, tuple(map(np.shape, leaves)))

    def predictions(self, metric: Metric, z: Array) -> Array:
        """What a metric sees: probabilities, unless it asks for logits itself."""
        asks = getattr(getattr(metric, "fn", metric), "from_logits", False)
        return z if self.link is None or asks else activations.get(self.link)(z)


Outputs: TypeAlias = tuple[tuple[Array, Array | None], ...]
"""Of each output its logits, and which of its steps there are (None for all)."""


class Details(NamedTuple):
    """What a forward pass gives beside J.

    Attributes:
        outputs: The logits of each output, and their masks.
        state: The layers' state after it.
        costs: The loss of each output that has one, without its weight.
    """

    outputs: Outputs
    state: Tree
    costs: tuple[Array, ...]


class Gradients(NamedTuple):
    """What `Task.gradients` returns.

    Attributes:
        loss: J.
        details: What the forward pass gives beside it.
        weights: dJ/dw, in the form of the free weights.
        slopes: dJ by what passes in each place; None for whole numbers.
        seen: What passes there.
    """

    loss: Array
    details: Details
    weights: Tree
    slopes: Places
    seen: Places


@functools.lru_cache
def _width(kind: Any, shapes: tuple[tuple[int, ...], ...]) -> int | None:
    """`Head.width` of metrics of one structure, a PyTreeDef, whatever their numbers."""
    metric = kind.unflatten([np.ones(shape) for shape in shapes])
    shape = jax.eval_shape(lambda: metric.compute(metric.init())).shape
    return math.prod(shape) if shape else None


def rated(optimizer: Any) -> dict[str, Any]:
    """The optimizers that have a learning rate, by the name that logs have for it."""
    several = getattr(optimizer, "optimizers", None)
    if several is None:
        return {"learning_rate": optimizer}
    return dict(named_once((f"learning_rate_{one.name}", one) for one in several))


def _drawing(layers: Iterable[Layer]) -> Iterator[Layer]:
    """The layers that draw while training, those inside others too."""
    for layer in layers:
        if isinstance(layer, Assembled):
            inside = (
                one for _, inner in layer._inner() for one in inner.plain_layers()
            )
            yield from _drawing(inside)
        elif layer.random:
            yield layer


def with_rates(state: Tree, change: Function) -> Tree:
    """An optimizer's state with other learning rates; one of several has several."""

    def leaf(path: tuple[Any, ...], value: Array) -> Array:
        names = [getattr(key, "key", None) for key in path]
        is_rate = names[-1] == "learning_rate" and names[0] != "others"
        return change(value) if is_rate else value

    return jax.tree_util.tree_map_with_path(leaf, state)


def rates(state: Tree) -> list[Array]:
    """The learning rates in an optimizer's state."""
    found: list[Array] = []

    def note(rate: Array) -> Array:
        found.append(rate)
        return rate

    with_rates(state, note)
    return found


class Task(Description):
    """What a program trains: a network, a head for each output, an optimizer."""

    graph: Architecture
    heads: tuple[Head, ...]
    optimizer: Any = None
    shared: tuple[int, ...] | None = setting(default=None)
    """Where each free weight stands first, if some stand in two layers: as found in
    the network itself, as a program has copies of its layers."""
    counted: tuple[int, ...] | None = setting(default=None)
    """The same for all weights: a penalty counts where a weight stands first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.graph, Architecture) and self.graph.built:
            object.__setattr__(self, "shared", self.graph.first_places())
            object.__setattr__(self, "counted", self.graph.counted_places())
            if self.shared is not None and self.optimizer is not None:
                self.graph.refuse_shared_state()

    # What follows from the parts, which stay: asked at every call, found once.

    @functools.cached_property
    def by_row(self) -> bool:
        """Whether J and the logs of an evaluation are means over rows that do not meet.

        Then rows that count nowhere may fill a batch, so that one program serves
        batches of any size.
        """
        judges = [part for h in self.heads for part in (h.loss, *h.all_metrics) if part]
        return (
            self.graph.by_row
            and not self.graph.metered()
            and not self.graph.stateful
            and not any(getattr(p, "activity_regularizer", None) for p in self._parts())
            and all(judge.by_row for judge in judges)
        )

    @functools.cached_property
    def learns_by_row(self) -> bool:
        """Whether they are while the network trains."""
        return self.by_row and all(part.learns_by_row for part in self._parts())

    def _parts(self) -> list[Layer]:
        return [p for layer in self.graph.plain_layers() for p in with_parts(layer)]

    @functools.cached_property
    def _shapes(self) -> dict[Shapes, list[Shape]]:
        return {}

    def output_shapes(self, shape: Shapes) -> list[Shape]:
        """The shape of each output for inputs of this shape."""
        if shape not in self._shapes:
            shapes = self.graph.output_shape(shape)
            self._shapes[shape] = jax.tree.leaves(shapes, is_leaf=is_shape)
        return self._shapes[shape]

    @functools.cached_property
    def ends_in_softmax(self) -> list[bool]:
        """Of each output, whether its last activation is a softmax."""
        return [
            head.link == "softmax" or self.graph.before("softmax", i) is not None
            for i, head in enumerate(self.heads)
        ]

    @functools.cached_property
    def blank(self) -> Tree:
        """Arrays like the sums of an evaluation."""
        shapes = jax.eval_shape(functools.partial(self.tally, False))
        return jax.tree.map(lambda a: np.zeros(a.shape, a.dtype), shapes)

    # The weights, as the optimizer sees them -----------------------------------------

    def free(self, params: Tree) -> Tree:
        """The weights that training may change, each once."""
        return once(self.graph.free(params), self.shared)

    def merge(self, params: Tree, free: Tree) -> Tree:
        """All weights, with the free ones replaced by these, in all their places."""
        if self.shared is not None:
            free = everywhere(free, self.graph.free(params), self.shared)
        return self.graph.merge(params, free)

    def pack(self, params: Tree) -> Tree:
        """The free weights as one vector, where that is faster, or as their tree."""
        free = self.free(params)
        if not self._as_vector(free):
            return free
        if is_traced(free):
            return ravel_pytree(free)[0]
        # Outside a program numpy does it, which compiles nothing.
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(free)])

    def unpack(self, params: Tree, free: Tree) -> Tree:
        """All weights, from the free ones as `pack` made them."""
        template = self.free(params)
        if self._as_vector(template):
            free = ravel_pytree(template)[1](free)
        return self.merge(params, free)

    def _as_vector(self, free: Tree) -> bool:
        leaves = jax.tree.leaves(free)
        same = len({leaf.dtype for leaf in leaves}) == 1
        small = sum(leaf.size for leaf in leaves) <= SMALL
        return bool(self.optimizer and self.optimizer.elementwise and same and small)

    def moved(self, params: Tree, gradient: Tree, state: Tree) -> tuple[Tree, Tree]:
        """All weights after the optimizer's step from dJ/dw, and its new state.

        The gradient is that of J itself; constraints are yet to come.
        """
        packed, scale = self.pack(gradient), self.optimizer.loss_scale(state)
        if scale is not None:
            packed = jax.tree.map(lambda g: g * scale, packed)
        free, state = self.optimizer.update(packed, state, self.pack(params))
        return self.unpack(params, free), state

    # Steps -------------------------------------------------------------------------

    def step(
        self, train: Train, fixed: Tree, tally: Tree, batch: Batch, seed: Scalar
    ) -> tuple[Train, Tree]:
        """What a step of training changes, and the epoch's sums after it."""
        gradients = self.gradients(
            train.free,
            fixed,
            carrying(self.graph, train.state, tally["layers"]),
            batch,
            training=True,
            key=self.key(seed, train.optimizer["iterations"], training=True),
            scale=self.optimizer.loss_scale(train.optimizer),
        )
        free, optimizer = self.optimizer.update(
            gradients.weights, train.optimizer, train.free
        )
        free = self._constrained(fixed, free)
        outputs, state, costs = gradients.details
        tally = self.count(tally, batch, gradients.loss, (outputs, costs), state)
        return Train(free, without_sums(state, train.state), optimizer), tally

    def _constrained(self, fixed: Tree, free: Tree) -> Tree:
        params = self.unpack(fixed, free)
        held = self.graph.constrain(params)
        same = all(
            a is b for a, b in zip(*map(jax.tree.leaves, (params, held)), strict=True)
        )
        return free if same else self.pack(held)

    def look(
        self, params: Tree, state: Tree, tally: Tree, batch: Batch
    ) -> tuple[Tree, Tree]:
        """The sums of an evaluation after a batch, and the layers' state."""
        key = self.key(0, 0, training=False)  # an evaluation draws the same each time
        cost, (outputs, new, costs) = self.cost(
            params,
            carrying(self.graph, state, tally["layers"]),
            batch,
            training=False,
            key=key,
        )
        tally = self.count(tally, batch, cost, (outputs, costs), new)
        return tally, without_sums(new, state)

    def resume(self, params: Tree) -> tuple[Tree, dict[str, Tree]]:
        """The free weights, and the state that the optimizer goes on with."""
        self.introduce()
        free = self.pack(params)
        return free, dict(self.optimizer.resume(free, self.free(params)))

    def finish(self, train: Train, fixed: Tree) -> Tree:
        """The free weights to keep when training ends: their average, if there is."""
        del fixed
        return self.optimizer.finish(train.optimizer, train.free)

    def swapped(self, train: Train, fixed: Tree) -> Train:
        """With the weights and their average each in the other's place."""
        del fixed
        free, optimizer = self.optimizer.swapped(train.optimizer, train.free)
        return train._replace(free=free, optimizer=optimizer)

    def introduce(self) -> None:
        """Shows the optimizer the variables of the free weights, if it asks."""
        if self.optimizer.asks_for_names:
            named = self.graph.filled(Named)[0]
            leaves = jax.tree.leaves(self.free(named))
            listed = self.graph.trainable_variables
            self.optimizer.meet([leaf.variable for leaf in leaves], listed)

    def remember(self, state: dict[str, Tree]) -> None:
        """Gives the optimizer its state."""
        self.optimizer.remember(dict(state), self.optimizer.made_for)

    # Loss --------------------------------------------------------------------------

    def cost(
        self,
        params: Tree,
        state: Tree,
        batch: Batch,
        *,
        training: bool,
        key: Key | None,
        tap: Tap | None = None,
    ) -> tuple[Array, Details]:
        """J, and what else the forward pass gives.

        A tap can look at "x", the inputs; at what the calls of layers give to it; at
        "values", the loss of each example, by the number of the output; at "data", J
        without the weights' penalties; and at "penalized", the weights in those.
        """
        tap = tap or Tap()
        z, state, penalty, mask = self.graph.forward(
            params,
            state,
            tap.place("x", (), batch.x),
            training=training,
            key=key,
            tap=tap,
        )
        # Losses and metrics are sums of many numbers: in all the digits.
        leaves, nest = jax.tree.flatten(jax.tree.map(in_full, z))
        masks = [None] * len(leaves) if mask is None else nest.flatten_up_to(mask)
        outputs = tuple(zip(leaves, masks, strict=True))
        costs = tuple(
            head.loss.cost(
                y, out, w, steps, functools.partial(tap.place, "values", (i,))
            )
            for i, (head, y, (out, steps), w) in enumerate(
                self._outputs(batch, outputs)
            )
            if head.loss is not None
        )
        heads = [head for head in self.heads if head.loss is not None]
        total = sum(
            (head.weight * c for head, c in zip(heads, costs, strict=True)), start=0.0
        )
        total = tap.place("data", (), total + penalty)
        total = total + self.penalty(tap.place("penalized", (), params))
        return total, Details(outputs, state, costs)

    def penalty(self, params: Tree) -> Scalar:
        """What the weights add to J by their regularizers, each weight once."""
        return self.graph.penalty(left(params, self.counted))

    def gradients(
        self,
        free: Tree,
        params: Tree,
        state: Tree,
        batch: Batch,
        *,
        training: bool,
        key: Key | None,
        tap: Callable[..., Tap] = Tap,
        scale: Scalar | None = None,
    ) -> Gradients:
        """J, dJ/dw of the free weights, and dJ by what passes in each place of a tap.

        This is the one place where the gradients of a task are taken. A step takes
        those of J times its optimizer's `loss_scale`; others those of J itself.

        Args:
            free: The weights to differentiate by, as `pack` makes them.
            params: All weights; those in `free` take the place of theirs.
            state, batch, training, key: As in `cost`.
            tap: `tap(nudges=...)` makes a tap; one that looks nowhere costs nothing.
            scale: What J is multiplied by, for the gradients alone.
        """

        def cost(
            free: Tree, nudges: Places
        ) -> tuple[Array, tuple[Array, Details, Places]]:
            eye = tap(nudges=nudges)
            weights = self.unpack(params, free)
            loss, details = self.cost(
                weights, state, batch, training=training, key=key, tap=eye
            )
            scaled = loss if scale is None else loss * scale
            return scaled, (loss, details, eye.seen)

        shapes = self.places(params, state, batch, training=training, key=key, tap=tap)
        nudges = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
        (_, (loss, details, seen)), (weights, by_place) = jax.value_and_grad(
            cost, (0, 1), has_aux=True
        )(free, nudges)
        return Gradients(loss, details, weights, by_place, seen)

    def places(
        self,
        params: Tree,
        state: Tree,
        batch: Batch,
        *,
        training: bool,
        key: Key | None,
        tap: Callable[..., Tap],
    ) -> Places:
        """The shape of what passes in each place of a tap; nothing is computed."""
        if not tap().names:
            return {}

        def look(params: Tree, state: Tree, batch: Batch, key: Key | None) -> Places:
            eye = tap()
            self.cost(params, state, batch, training=training, key=key, tap=eye)
            return eye.places()

        return jax.eval_shape(look, params, state, batch, key)

    def key(self, seed: Scalar, iterations: Scalar, *, training: bool) -> Key | None:
        """The key of what a step, or an evaluation, draws; None where nothing does."""
        if training and self.graph.random:
            return self.draws(seed, iterations)
        # A layer that was called with training=True draws in an evaluation too.
        return jax.random.key(seed) if self.graph.always_random else None

    def draws(self, seed: Scalar, iterations: Scalar) -> Key:
        """The key of a step: of its number and the fit's seed.

        Where all layers that draw have seeds of their own, only of its number: such a
        fit draws the same each time.
        """
        layers = list(_drawing(self.graph.plain_layers()))
        seeded = all(getattr(one, "seed", None) is not None for one in layers)
        first = jax.random.key(0 if layers and seeded else seed)
        return jax.random.fold_in(first, iterations)

    def _outputs(
        self, batch: Batch, outputs: Outputs
    ) -> Iterator[tuple[Head, Tree, tuple[Array, Mask], Array | None]]:
        ys = batch.y if isinstance(batch.y, tuple) else (batch.y,)
        ws = batch.w if isinstance(batch.w, tuple) else (batch.w,) * len(ys)
        if batch.count is not None:
            outputs = tuple((z, _there(batch, mask)) for z, mask in outputs)
        return zip(self.heads, ys, outputs, ws, strict=True)

    # Tallies: the running sums behind the logs ---------------------------------------

    def tally(self, training: bool = True) -> Tree:
        """The sums of an epoch, or of an evaluation, before the first batch."""
        del training
        losses = 1 + len(self._losses())
        return {
            "loss": (jnp.zeros(losses), jnp.zeros(())),
            "metrics": tuple(
                tuple(metric.init() for metric in head.all_metrics)
                for head in self.heads
            ),
            "layers": tuple(metric.init() for _, metric in self.graph.metered()),
        }

    def count(
        self,
        tally: Tree,
        batch: Batch,
        cost: Array,
        details: tuple[Outputs, tuple[Array, ...]],
        state: Tree,
    ) -> Tree:
        """The sums after a batch; its loss counts by its rows.

        Metrics that are in layers have counted it: their sums are in the state.
        """
        outputs, costs = details
        rows = (
            jax.tree.leaves(batch.x)[0].shape[0] if batch.count is None else batch.count
        )
        losses = (cost, *costs) if len(costs) > 1 else (cost,)
        total, seen = tally["loss"]
        total = total + rows * jnp.stack([jnp.asarray(c, total.dtype) for c in losses])
        metrics = []
        for (head, y, (z, steps), w), states in zip(
            self._outputs(batch, outputs), tally["metrics"], strict=True
        ):
            # What a mask leaves out counts nowhere (Keras counts it in the metrics).
            w = _within(w, steps)
            weights = [steps] * len(head.metrics) + [w] * len(head.weighted_metrics)
            metrics.append(
                tuple(
                    metric.update(s, y, head.predictions(metric, z), weight)
                    for metric, s, weight in zip(
                        head.all_metrics, states, weights, strict=True
                    )
                )
            )
        return {
            "loss": (total, seen + rows),
            "metrics": tuple(metrics),
            "layers": sums_of(self.graph, state),
        }

    def results(self, tally: Tree) -> list[jax.Array]:
        """The numbers of the logs, in the order of `names`."""
        total, seen = tally["loss"]
        values = list(total / jnp.maximum(seen, 1))
        for head, states in zip(self.heads, tally["metrics"], strict=True):
            for metric, state in zip(head.all_metrics, states, strict=True):
                values += list(jnp.ravel(metric.compute(state)))
        for (_, metric), state in zip(
            self.graph.metered(), tally["layers"], strict=True
        ):
            values += list(jnp.ravel(metric.compute(state)))
        return values

    def names(self, given: list[str], training: bool = True) -> list[str]:
        """The names of the logs; a metric of several numbers has one name for each."""
        del training
        several = len(self.heads) > 1
        names = ["loss"]
        names += [f"{head.name}_loss" for head in self._losses()]
        labels = zip(self.heads, given, strict=True)
        for head, label in labels:
            for i, metric in enumerate(head.all_metrics):
                start = f"{label}_" if several and label else ""
                name = f"{start}{metric.name}"
                if i >= len(head.metrics) and name in names:
                    name = f"{start}weighted_{metric.name}"
                names += _free_names(names, name, metric)
        for _, metric in self.graph.metered():
            names += _free_names(names, str(metric.name), metric)
        return names

    def _losses(self) -> list[Head]:
        """The outputs whose losses are in the logs, if several have one."""
        found = [head for head in self.heads if head.loss is not None]
        return found if len(found) > 1 else []


def _free_names(names: list[str], name: str, metric: Metric) -> list[str]:
    """The names of a metric's numbers, with a number behind one that is taken."""
    taken = re.compile(rf"{re.escape(name)}(_\d+)?")
    copies = sum(taken.fullmatch(n) is not None for n in names)
    name = f"{name}_{copies}" if copies else name
    size = Head.width(metric)
    return [name] if size is None else [f"{name}_{i}" for i in range(size)]


def _there(batch: Batch, mask: Mask) -> Array:
    """Which rows of a batch there are, and which of their steps."""
    rows = jnp.arange(jax.tree.leaves(batch.x)[0].shape[0]) < batch.count
    if mask is None:
        return rows
    return (mask != 0) & rows.reshape(-1, *(1,) * (mask.ndim - 1))


def _within(weight: Array | None, mask: Array | None) -> Array | None:
    """Sample weights, and none where the mask is False."""
    if weight is None or mask is None:
        return mask if weight is None else weight
    rank = max(weight.ndim, mask.ndim)  # of rows, or of their steps too
    weight, mask = (
        jnp.reshape(a, (*a.shape, *(1,) * (rank - a.ndim))) for a in (weight, mask)
    )
    return weight * mask


def head(
    graph: Architecture, loss: Loss | None, output: int = 0
) -> tuple[Architecture, Loss | None, str | None]:
    """The network up to its logits, the loss on logits, and the link to probabilities.

    When a final sigmoid or softmax meets its cross-entropy, the loss is computed from
    the values before it: log(softmax(z)) by way of probabilities loses all digits where
    the probabilities round to 0 or 1. So the plain and the "more accurate" way of the
    lectures are the same way here, whatever `from_logits` says.
    """
    if loss is None or loss.link is None:
        return graph, loss, None
    last = getattr(loss, "axis", -1) == -1
    shorter = graph.before(loss.link, output) if last else None
    if shorter is None:
        asked = getattr(loss, "from_logits", False)
        return graph, loss, loss.link if asked else None
    return shorter, loss.replace(from_logits=True), loss.link
