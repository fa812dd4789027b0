"""What a trace holds: calls of layers, losses of outputs, as numpy arrays."""

import collections
import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.guide.tracing.program import Parts, parts
from onefit.layers import InputLayer
from onefit.layers.base import Layer
from onefit.layers.tapping import Path
from onefit.losses import BinaryCrossentropy
from onefit.losses.base import Loss
from onefit.networks.graph import Graph, Node
from onefit.training.task import Gradients, Head, Task
from onefit.types import Mask, Tree

__all__ = ["Call", "Output", "Place", "at", "calls_of", "outputs_of", "places", "plain"]


@dataclasses.dataclass(eq=False)
class Call:
    """One call of a layer: what came in, z, a, and the derivatives of J by them.

    Attributes:
        name: The layer's name; behind it the number of the call, as in 'dense:2', if it
            is called more than once, and before it the names of models it is in.
        layer: The layer.
        number: l, the layer's number: those with weights count from 1, others are None.
        label: The l of a^[l], what the output is called in formulas; a name where a
            layer joins several.
        inputs: The labels of what the layer is called on.
        sources: The names of the calls, or of the model's inputs, that it is called on.
        input: a^[l-1], what came in, (batch, ...); a tuple of several.
        z: z^[l], before the activation; a, where the layer has none at its end.
        a: a^[l], what came out; a tuple of several.
        dz, da: dJ/dz^[l] and dJ/da^[l]; None without targets. Where the loss is
            computed from z, da is made of dz, and not finite where a is exactly 0 or 1.
        weights: The layer's weights by name.
        gradients: dJ/dw by name: over all examples, all calls of the layer, penalties.
        shares: What this call alone gives to it, without penalties.
        pulls: What the weights' penalties give to it.
        penalty: What the weights' penalties add to J.
        slope: g'(z), None for an activation across units, or where there is none.
        activation: The name of g, None without one.
        head: Whether the loss takes z of this call.
        mask: Which steps of the output there are, None for all.
        path: Where the layer is in the model.
    """

    name: str
    layer: Layer
    number: int | None
    label: int | str
    inputs: tuple[int | str, ...]
    sources: tuple[str, ...]
    input: Any
    z: Any
    a: Any
    weights: dict[str, np.ndarray]
    dz: Any = None
    da: Any = None
    gradients: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    shares: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    pulls: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    penalty: float = 0.0
    slope: np.ndarray | None = None
    activation: str | None = None
    head: bool = False
    mask: Any = None
    path: Path = ()

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return self.layer._class_name

    @property
    def W(self) -> np.ndarray:
        """The kernel: its columns are the vectors w_j of a dense layer."""
        return self.weights["kernel"]

    @property
    def b(self) -> np.ndarray | None:
        """The bias; None for a layer without."""
        return self.weights.get("bias")

    @property
    def dW(self) -> np.ndarray:
        """dJ/dW."""
        return self.gradients["kernel"]

    @property
    def db(self) -> np.ndarray | None:
        """dJ/db."""
        return self.gradients.get("bias")

    def __repr__(self) -> str:
        shape = jax.tree.map(np.shape, self.a)
        return f"<Call {self.name!r} of a {self.kind}: a {shape}>"


@dataclasses.dataclass(eq=False)
class Output:
    """One output of the model, and what it cost.

    Attributes:
        name: The output's name.
        loss: The loss; None for an output without.
        link: The activation between z, which the loss takes, and a; None for none.
        y: The targets.
        a: What the model says; of a model that ends in logits, those.
        values: L, the loss of each example, (batch, ...).
        shares: dJ/dL: what each example counts in J, w⁽ⁱ⁾/m.
        cost: This output's part of J, without its weight.
        weight: What it is multiplied by.
        call: The name of the call that makes it.
    """

    name: str
    loss: Loss | None
    link: str | None
    y: Any
    a: Any
    values: np.ndarray | None
    shares: np.ndarray | None
    cost: float
    weight: float
    call: str


def plain(name: str) -> str:
    """A call's name without the models that it is in.

    >>> plain("encoder/dense:2")
    'dense:2'
    """
    return name.rpartition("/")[2]


class Place(NamedTuple):
    """Where in a model a call is.

    Attributes:
        layer: The layer.
        call: Which call, as in `Graph.calls`.
        path: The numbers that lead to it: of a graph's layer, of a layer within that.
        number: Which call of the layer, from 0.
        name: The layer's name, behind those of the models that it is in.
        sources: What it is called on: places, and names of inputs.
    """

    layer: Layer
    call: Path
    path: Path
    number: int
    name: str
    sources: tuple["Place | str", ...]


class _Value:
    """What flows: where it was made. No pytree, so that it is never taken apart."""

    def __init__(self, maker: "Place | str") -> None:
        self.maker = maker


def places(graph: Graph, inputs: list[str]) -> tuple[list[Place], list["Place | str"]]:
    """Every call in its order, and the places that make the outputs."""
    found: list[Place] = []
    counts: collections.Counter[Path] = collections.Counter()

    def thread(graph: Graph, x: Tree, at: Path, path: Path, names: tuple) -> Tree:
        def call(node: Node, number: int, flow: Tree, mask: Mask) -> Tree:
            del mask
            layer, here = graph.layers[node.layer], (*path, node.layer)
            if isinstance(layer, InputLayer):
                return flow
            if isinstance(layer, Graph):
                inner = (*names, layer.name)
                return thread(layer, flow, (*at, number), here, inner)
            name = "/".join(map(str, (*names, layer.name)))
            place = Place(
                layer, (*at, number), here, counts[here], name, tuple(_makers(flow))
            )
            counts[here] += 1
            found.append(place)
            values = (_Value(place),) * node.outputs
            return values if node.outputs > 1 else values[0]

        return graph.thread(x, call)

    values = [_Value(name) for name in inputs]
    ends = thread(graph, values[0] if graph.inputs == 1 else tuple(values), (), (), ())
    return found, _makers(ends)


def _makers(flow: Tree) -> list["Place | str"]:
    return [value.maker for value in jax.tree.leaves(flow)]


def at(tree: Tree, path: Path) -> Tree:
    """The part of the weights that is a layer's."""
    for step in path:
        tree = tree[step]
    return tree


def calls_of(
    task: Task, found: list[Place], params: Tree, view: Gradients, lone_input: bool
) -> list[Call]:
    """The calls in their order, from what the program returned.

    Layers with weights are numbered. One without weights on one input (flattening,
    pooling, dropout) gives what it is given another form: a^[l] stays a^[l]. What joins
    several goes by its name.
    """
    labels: dict[int, int | str] = {}
    names: dict[int, str] = {}
    numbers: dict[Path, int] = {}
    paths = [place.path for place in found]
    layers = dict(task.graph.calls())
    calls = []
    for place in found:
        several = paths.count(place.path) > 1
        name = f"{place.name}:{place.number + 1}" if several else place.name
        inputs = tuple(
            labels[id(s)] if isinstance(s, Place) else (0 if lone_input else s)
            for s in place.sources
        )
        number = None
        if place.layer.slot.params:
            number = numbers.setdefault(place.path, len(numbers) + 1)
        joins = len(set(inputs)) > 1
        label = plain(name) if joins and number is None else inputs[0]
        if number is not None:
            label = plain(name) if several else number
        labels[id(place)], names[id(place)] = label, name
        part = parts(layers[place.call], place.layer)
        own = at(params, place.path)
        call = Call(
            name=name,
            layer=place.layer,
            number=number,
            label=label,
            inputs=inputs,
            sources=tuple(
                names[id(s)] if isinstance(s, Place) else s for s in place.sources
            ),
            weights={weight: own[weight] for weight in place.layer.slot.params},
            activation=_name_of(place.layer, part),
            head=part.head,
            path=place.path,
            **view.seen["call"][place.call],
        )
        if view.slopes:
            _add_slopes(call, place, view, part)
        calls.append(call)
    return calls


def _add_slopes(call: Call, place: Place, view: Gradients, part: Parts) -> None:
    slopes = view.slopes
    call.da = None if part.head else slopes["a"][place.call]
    call.dz = slopes["z"][place.call] if part.splits else call.da
    gradients, shares, pulls = (
        at(view.weights, place.path),
        slopes["weights"][place.call],
        at(slopes["penalized"][()], place.path),
    )
    for name in call.weights:
        call.gradients[name] = gradients[name]
        call.shares[name] = shares[name]
        call.pulls[name] = pulls[name]
    call.penalty = float(view.seen["penalty"][place.call])


def _name_of(layer: Layer, part: Parts) -> str | None:
    if part.bends:
        return layer._class_name
    g = part.activation
    return None if g is None else getattr(g, "__name__", type(g).__name__)


def outputs_of(
    task: Task, batch: Batch, view: Gradients, ends: list[Call | None]
) -> list[Output]:
    """The outputs with their losses; completes dJ/da where the loss took z."""
    ys = batch.y if isinstance(batch.y, tuple) else (batch.y,)
    costs = iter(view.details.costs)
    result = []
    for i, (head, y, call) in enumerate(zip(task.heads, ys, ends, strict=True)):
        shares = view.slopes["values"].get((i,))
        a = view.details.outputs[i][0]
        if call is not None and call.head:
            a = call.a
            _complete(call, head, np.asarray(shares))
        result.append(
            Output(
                name=str(head.name),
                loss=head.loss,
                link=head.link,
                y=y,
                a=a,
                values=view.seen["values"].get((i,)),
                shares=shares,
                cost=float(next(costs)) if head.loss is not None else 0.0,
                weight=float(head.weight),
                call=call.name if call is not None else "",
            )
        )
    return result


def _complete(call: Call, head: Head, shares: np.ndarray) -> None:
    """dJ/da from dJ/dz, where the loss was computed from z.

    By a sigmoid dJ/dz = dJ/da · a(1 - a). By a softmax many dJ/da give one dJ/dz, as
    only differences of z matter; the lectures' loss -log a_y has -1/a_y for the class y
    and 0 for the others: dJ/da_j = dJ/dz_j / a_j - w⁽ⁱ⁾/m.

    Where a is rounded to 0 or 1 and right, both sides are 0, and dJ/da is its limit:
    of -log a at a = 1, -1; of -log(1 - a) at a = 0, 1; each by w⁽ⁱ⁾/(m n).
    """
    s = shares[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        if head.link == "softmax":
            da = call.dz / call.a - s
            # What only rounding leaves of dJ/dz_j / a_j = w⁽ⁱ⁾/m is the lectures' 0.
            little = 8 * np.finfo(da.dtype).eps * np.abs(s)
            call.da = np.where(np.abs(da) <= little, np.zeros_like(da), da)
            limit = np.zeros_like(da)
        else:
            call.da = call.dz / (call.a * (1 - call.a))
            steep = type(head.loss) is BinaryCrossentropy
            limit = steep * np.where(call.a == 1, -s, s) / call.a.shape[-1]
        call.da = np.where(np.isnan(call.da) & (call.dz == 0), limit, call.da)
        call.da = call.da.astype(call.dz.dtype)
