"""From the plan of a file's model to the model, with its weights."""

from collections.abc import Callable, Iterator, Sequence

import jax
import numpy as np

from onefit import layers
from onefit.files import words
from onefit.files.calls import OPERATIONS, OURS
from onefit.files.config import Node, Reader
from onefit.files.masks import CHAINS, makes_mask
from onefit.files.operations import KERAS
from onefit.files.plan import (
    Entry,
    Plan,
    Ref,
    in_place,
    plain_arguments,
    read_plan,
    refs,
)
from onefit.files.plan import Operation as KerasOperation
from onefit.files.refusal import BadFile, refusal, short
from onefit.files.weights import Drawn, plain_in_order
from onefit.layers.base import Layer
from onefit.layers.called import Called
from onefit.layers.operation import Absolute, Arithmetic, GetItem, as_key
from onefit.layers.symbolic import Tensor
from onefit.networks.graph import Graph, as_graph
from onefit.networks.network import FACES, Network
from onefit.ops.table import Operation, called
from onefit.types import Mask, Scalar, Shapes, Tree

__all__ = ["Loader"]


class Loader:
    """Makes the models of a file, with their weights.

    Args:
        reader: Makes the layers.
        build: Gives a layer its weights: `build(layer, shape, path=path)`.
    """

    def __init__(self, reader: Reader, build: Callable[..., None]) -> None:
        self.reader, self.build = reader, build
        self.graphs: dict[int, Graph] = {}
        self.sizes: dict[int, int] = {}
        self.calls = 0
        reader.network = self._setting

    def _setting(self, node: Node, where: str) -> Network:
        """A model that is a setting of a layer, which has its weights."""
        inner = Loader(self.reader, Drawn(where, self.reader.limits))
        return inner.model(node, where)[0]

    def model(self, node: object, where: str) -> tuple[Network, list[Layer]]:
        """A model and its plain layers, in the order that the file has.

        Raises:
            ValueError: What is no model, or has what onefit has not.
        """
        own = self.reader.own_model(node, where) if isinstance(node, dict) else None
        if own is not None:
            return own, [layer for layer in plain_in_order(own.graph) if layer.ready]
        plan = read_plan(node, self.reader, where)
        graph = self._graph(plan, None)
        assert graph.face is not None  # as `_graph` makes it
        return graph.face, list(self._plain(plan))

    def _plain(self, plan: Plan) -> Iterator[Layer]:
        for entry in plan.entries.values():
            if isinstance(entry.layer, Plan):
                yield from self._plain(entry.layer)
            elif isinstance(entry.layer, Layer) and entry.layer.ready:
                yield entry.layer

    def _graph(self, plan: Plan, shape: Shapes) -> Graph:
        """The graph of a plan, with its weights; `shape` is what a call gives it."""
        if id(plan) not in self.graphs:
            make = self._chained if plan.outputs is None else self._connected
            self.graphs[id(plan)] = as_graph(make(plan, shape).whole, plan.where)
        return self.graphs[id(plan)]

    def _built(self, entry: Entry, shape: Shapes, options: Node | None = None) -> Layer:
        """A layer with its weights."""
        layer = entry.layer
        if isinstance(layer, Plan):
            return self._graph(layer, shape)
        if isinstance(layer, Called):
            words.give(layer, entry.path, self.reader.vocabularies)
            layer._fit(shape, options)
        if not layer.ready or isinstance(layer, Called):
            self.build(layer, shape, path=entry.path)
        return layer

    def _chained(self, plan: Plan, shape: Shapes) -> Network:
        entrance = plan.entrance
        if entrance is None and shape is None:  # it is not built yet
            parts = (entry.layer for entry in plan.entries.values())
            made = [self._graph(p, None) if isinstance(p, Plan) else p for p in parts]
            return FACES["Sequential"](
                [getattr(m, "face", m) for m in made], name=plan.title
            )
        if entrance is None:
            settings = {"batch_shape": shape}
            entrance = self.reader.made(layers.InputLayer, settings, plan.where)
        shape, chained = entrance.batch_shape, []
        for entry in plan.entries.values():
            layer = self._built(entry, shape)
            shape = layer.output_shape(shape)
            chained.append(getattr(layer, "face", layer))
        return FACES["Sequential"]([entrance, *chained], name=plan.title)

    def _connected(self, plan: Plan, shape: Shapes) -> Network:
        del shape  # its InputLayers have theirs
        values: dict[tuple[str, int], list[Tensor]] = {}

        def at(ref: object) -> object:
            if not isinstance(ref, Ref):
                return ref
            made = values[ref.layer, ref.call]
            if not ref.output < len(made):
                raise refusal(
                    plan.where,
                    received=f"output {ref.output} of {ref.layer!r}",
                    expected=f"one of its {len(made)}",
                )
            return made[ref.output]

        for name, number in self._sorted(plan):
            entry = plan.entries[name]
            if isinstance(entry.layer, layers.InputLayer):
                entrance = entry.layer
                values[name, 0] = [entrance.build(entrance.batch_shape).entrance()]
                continue
            args, named = entry.calls[number]
            given = plain_arguments(plan.entries, named)
            args, given = jax.tree.map(at, (args, given))
            if len(given) < len(named) and not _masked((args, given)):
                raise refusal(
                    entry.where,
                    received="a mask that operations compute",
                    expected="those of Embedding and Masking, or an input",
                    fix="give the model the mask as an input",
                )
            try:
                if isinstance(entry.layer, KerasOperation):
                    title = f"{name}_{number}" if number else name
                    y = _operated(entry, title, args, given)
                else:
                    if _forgets(entry.layer, args, named):
                        given["use_mask"] = False
                    y = self._called(entry, args, **given)
            except BadFile:
                raise
            except (ValueError, TypeError) as error:
                raise refusal(
                    entry.where,
                    received=f"a call that it refuses ({error})",
                    expected="a call that it takes",
                ) from error
            values[name, number] = jax.tree.leaves(y)
        inputs, outputs = in_place(at, plan.inputs), in_place(at, plan.outputs)
        return FACES["Functional"](inputs, outputs, name=plan.title)

    def _called(
        self,
        entry: Entry,
        args: Sequence[Tree],
        training: bool | None = None,
        mask: Mask = None,
        **named: object,
    ) -> Tree:
        """What a layer gives for these arguments."""
        layer, use_mask = entry.layer, named.pop("use_mask", True)
        x, options = (
            (args[0], {}) if isinstance(layer, Plan) else layer.gather(*args, **named)
        )
        if not all(isinstance(value, Tensor) for value in jax.tree.leaves(x)):
            raise TypeError("numbers in place of values of the graph")
        x = _tuples(x)
        shapes = jax.tree.map(lambda tensor: tensor.shape, x)
        layer = self._built(entry, shapes, options)
        self.calls += self._size(layer)
        limits = self.reader.limits
        if self.calls > limits.calls:
            raise refusal(
                entry.where,
                received="a model whose calls, with those of models inside, are more "
                f"than {limits.calls:,}",
                expected="fewer",
                fix=limits.fix("calls"),
            )
        if not use_mask:
            return layer._record(x, None, options | {"use_mask": False})
        layer = getattr(layer, "face", layer)
        return layer(*args, training=training, mask=mask, **named)

    def _size(self, layer: Layer) -> int:
        """How many calls a call is, with those of a model inside."""
        if isinstance(layer, Graph) and id(layer) not in self.sizes:
            sizes = (self._size(layer.layers[node.layer]) for node in layer.nodes)
            self.sizes[id(layer)] = 1 + sum(sizes)
        return self.sizes.get(id(layer), 1)

    def _sorted(self, plan: Plan) -> list[tuple[str, int]]:
        """The calls that are needed, each after those that it needs."""
        done: dict[tuple[str, int], bool] = {}
        rest = [iter(refs((plan.inputs, plan.outputs)))]
        path: list[tuple[str, int]] = []
        while rest:
            ref = next(rest[-1], None)
            if ref is None:
                rest.pop()
                if path:
                    key = path.pop()
                    del done[key]  # to the end, after those that it needed
                    done[key] = True
                continue
            entry, key = plan.entries.get(ref.layer), (ref.layer, ref.call)
            if done.get(key):
                continue
            if key in done:
                names = [name for name, _ in path[path.index(key) :]]
                raise refusal(
                    plan.where,
                    received=f"a cycle: {' ← '.join([*names, ref.layer][-6:])}",
                    expected="calls in an order",
                )
            entrance = entry and isinstance(entry.layer, layers.InputLayer)
            if entry is None or not 0 <= ref.call < (
                1 if entrance else len(entry.calls)
            ):
                raise refusal(
                    plan.where,
                    received=f"a value of {ref.layer[:99]!r}, call {ref.call}",
                    expected="one of its layers, and of their calls",
                )
            args, named = ([], {}) if entrance else entry.calls[ref.call]
            done[key] = False
            path.append(key)
            rest.append(iter(refs((args, plain_arguments(plan.entries, named)))))
        return list(done)


def _tuples(x: Tree) -> Tree:
    return tuple(map(_tuples, x)) if isinstance(x, list | tuple) else x


def _forgets(layer: object, args: Sequence[Tree], named: Node) -> bool:
    """Whether Keras does not look for a mask, though ours would find one."""
    states = isinstance(layer, CHAINS) and (len(args) > 1 or "initial_state" in named)
    return states and "mask" not in named and _masked(args[0])


def _masked(args: Tree) -> bool:
    """Whether any layer on the way to these values makes a mask."""
    rest = [t for t in jax.tree.leaves(args) if isinstance(t, Tensor)]
    seen = set()
    while rest:
        call = rest.pop().call
        if id(call) in seen:
            continue
        seen.add(id(call))
        rest += jax.tree.leaves((call.sources, call.mask))
        if makes_mask(call.layer) or call.mask is not None:
            return True
    return False


def _operated(entry: Entry, name: str, args: Sequence[object], named: Node) -> Tree:
    """What an operation of Keras gives, by the layer that stands for it."""
    both = len(args) == 2 and all(isinstance(arg, Tensor) for arg in args)
    module, operation, keep, given = entry.layer
    if module == OURS:
        layer = Operation.from_config(_ours(given))
        object.__setattr__(layer, "_named", False)
        return layer(args[0] if len(args) == 1 else tuple(args))
    settings = {"name": name, "keep_mask": keep}
    ours = OPERATIONS.get(operation, "")
    layer: Layer
    match operation, args:
        case (("Absolute" | "Abs"), [Tensor() as x]):
            layer = Absolute(**settings)
        case "Negative", [Tensor() as x]:
            layer = Arithmetic("multiply", -1, **settings)
        case "GetItem", [Tensor() as x, list() as keys] if any(
            isinstance(key, list) for key in keys
        ):  # the places along an axis, for which there is no slice
            return _by_table(entry, name, [x, tuple(keys)], named)
        case "GetItem", [Tensor() as x, key]:
            key = tuple(key) if isinstance(key, list) else key
            layer = GetItem(as_key(key), name=name)
        case _, [first, second] if ours and both:
            layer, x = Arithmetic(ours, **settings), [first, second]
        case _, [Tensor() as x, constant] if ours:
            layer = Arithmetic(ours, _constant(constant), **settings)
        case _, [constant, Tensor() as x] if ours:
            layer = Arithmetic(ours, _constant(constant), True, **settings)
        case _:
            return _by_table(entry, name, args, named)
    # Operations are numbered anew where names meet, as Keras does it.
    object.__setattr__(layer, "_named", False)
    return layer(x)


def _ours(settings: Node) -> Node:
    """The settings of one of our own operations."""
    known = {"name", "operation", "arguments", "constants", "kinds"}
    return {key: value for key, value in settings.items() if key in known}


def _by_table(entry: Entry, name: str, args: Sequence[object], named: Node) -> Tree:
    """What an operation of Keras gives, by the function of its name in `onefit.ops`.

    What its class was made with are the function's arguments, too.
    """
    _, operation, _, settings = entry.layer
    if operation not in KERAS:
        raise refusal(
            entry.where,
            received=f"the operation {operation!r}",
            expected="one that onefit.ops has",
            fix="write it as a layer in the model, and save it again",
        )
    known = KERAS[operation]
    args, given = known.arguments(settings, args)
    y = called(known.operation, *args, **(given | named))
    for tensor in jax.tree.leaves(y)[:1]:
        tensor.call.layer.name = name
    return y


def _constant(value: object) -> Scalar | np.ndarray:
    """A number or an array of a file; refuses all else."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"received {short(value)}; expected a number or an array")
    return array.item() if isinstance(value, int | float) else array
