"""What a trace holds: calls of layers, losses of outputs, as numpy arrays."""

import dataclasses
from typing import Any

import jax
import numpy as np

from onefit.guide.tracing.spying import Place, activation_of
from onefit.losses import BinaryCrossentropy
from onefit.training.task import Head

__all__ = ["Call", "Output", "calls_of", "outputs_of", "plain"]


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
    layer: Any
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
    slope: Any = None
    activation: str | None = None
    head: bool = False
    mask: Any = None
    path: tuple[int, ...] = ()

    @property
    def kind(self) -> str:
        """The class of the layer."""
        return type(self.layer).__name__

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
    loss: Any
    link: str | None
    y: Any
    a: Any
    values: Any
    shares: Any
    cost: float
    weight: float
    call: str


def plain(name: str) -> str:
    """A call's name without the models that it is in.

    >>> plain("encoder/dense:2")
    'dense:2'
    """
    return name.rpartition("/")[2]


def _at(tree: Any, path: tuple[int, ...]) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def _like(taps: Any, value: Any) -> Any:
    """The derivatives by taps in the nest of what was tapped."""
    if taps is None:
        return None
    leaves, nest = jax.tree.flatten(value)
    given = list(taps)
    return given[0] if len(leaves) == 1 and given else nest.unflatten(given)


def calls_of(
    graph: Any, found: list[Place], params: Any, seen: dict[str, Any], lone_input: bool
) -> list[Call]:
    """The calls in their order, from what the program returned.

    Layers with weights are numbered. One without weights on one input (flattening,
    pooling, dropout) gives what it is given another form: a^[l] stays a^[l]. What joins
    several goes by its name.
    """
    labels: dict[int, int | str] = {}
    names: dict[int, str] = {}
    numbers: dict[tuple[int, ...], int] = {}
    paths = [place.path for place in found]
    calls = []
    for place in found:
        spy = _at_layer(graph, place.path)
        record = _at(seen["records"], place.path)["calls"][place.number]
        several = paths.count(place.path) > 1
        name = f"{place.name}:{place.number + 1}" if several else place.name
        sources = [(s, isinstance(s, Place)) for s in place.sources]
        inputs = tuple(
            labels[id(s)] if made else (0 if lone_input else str(s))
            for s, made in sources
        )
        number = None
        if place.layer.slot.params:
            number = numbers.setdefault(place.path, len(numbers) + 1)
        joins = len(set(inputs)) > 1
        label = plain(name) if joins and number is None else inputs[0]
        if number is not None:
            label = plain(name) if several else number
        labels[id(place)], names[id(place)] = label, name
        after = activation_of(place.layer)
        own = _at(params, place.path)
        call = Call(
            name=name,
            layer=place.layer,
            number=number,
            label=label,
            inputs=inputs,
            sources=tuple(names[id(s)] if made else str(s) for s, made in sources),
            input=record["input"],
            z=record["z"],
            a=record["a"],
            weights={weight: own[weight] for weight in place.layer.slot.params},
            slope=record["slope"],
            activation=_name_of(after) if spy.after is not None else None,
            head=spy.logits,
            mask=record["mask"],
            path=place.path,
        )
        if spy.bends:
            call.activation = type(place.layer).__name__
        if "slopes" in seen:
            _add_slopes(call, place, seen, spy.after is not None or spy.bends)
        calls.append(call)
    return calls


def _add_slopes(call: Call, place: Place, seen: dict[str, Any], split: bool) -> None:
    given = _at(seen["slopes"], place.path)
    taps = given["taps"][place.number]
    call.da = _like(taps["a"], call.a)
    call.dz = _like(taps["z"], call.z) if split else call.da
    pulls = _at(seen["pulls"], place.path)
    for name in call.weights:
        each = [weights[name] for weights in given["weights"]]
        call.shares[name] = each[place.number]
        call.pulls[name] = pulls[name]
        call.gradients[name] = np.asarray(sum(each, start=pulls[name]))
    call.penalty = float(_at(seen["penalties"], place.path))


def _at_layer(graph: Any, path: tuple[int, ...]) -> Any:
    for step in path:
        graph = graph.layers[step]
    return graph


def _name_of(activation: Any) -> str:
    return getattr(activation, "__name__", type(activation).__name__)


def outputs_of(
    task: Any, batch: Any, seen: dict[str, Any], ends: list[Any]
) -> list[Output]:
    """The outputs with their losses; completes dJ/da where the loss took z."""
    ys = batch.y if isinstance(batch.y, tuple) else (batch.y,)
    costs = iter(seen["costs"])
    result = []
    for i, (head, y) in enumerate(zip(task.heads, ys, strict=True)):
        call = ends[i]
        shares = seen["shares"][i]
        a = seen["outputs"][i][0]
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
                values=seen["values"][i],
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
