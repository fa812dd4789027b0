"""Models as ONNX files."""

import itertools
import os
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import numpy.typing as npt

from onefit import config
from onefit.errors import invalid, mistyped
from onefit.files.atomic import replaced
from onefit.interop.onnx import (
    activations,
    convolution,
    dense,
    imported,
    normalization,
    pooling,
    recurrent,
)
from onefit.interop.onnx.builder import Body, Builder, Node, Row, Value
from onefit.interop.onnx.imported import Operations
from onefit.interop.onnx.package import IR, MADE_FOR, onnx
from onefit.interop.onnx.reader import read, shapes
from onefit.interop.onnx.tracing import call
from onefit.layers.base import Layer, where
from onefit.layers.called import Called
from onefit.layers.core import InputLayer
from onefit.layers.normalization import BatchNormalization
from onefit.models.model import Model
from onefit.networks.graph import Graph, as_graph
from onefit.networks.graph import Node as Call
from onefit.registry import nearest_formula
from onefit.types import Config, Mask, Tree

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, ValueInfoProto

__all__ = ["LIMIT", "ROWS", "export", "proto"]

LIMIT = 2**31 - 1
"""The most bytes that a file of this format may have."""

ROWS: dict[type[Layer], Row] = {
    **activations.ROWS,
    **convolution.ROWS,
    **dense.ROWS,
    **imported.ROWS,
    **normalization.ROWS,
    **pooling.ROWS,
    **recurrent.ROWS,
}
"""The layers that are operations of ONNX; all others go by their program.

Each is a function (builder, layer, weights, x) to the names of its outputs, or None
where these settings go by the program, too."""


def export(model: Model, path: str | os.PathLike, overwrite: bool = True) -> None:
    """Writes what `model.predict` computes to an ONNX file, for any number of rows.

    Dense layers, convolutions, pooling, recurrent layers and the like become the
    operation that ONNX has for them; every other layer, also one of your own, becomes
    the operations that its program is made of. Operations are called
    `layer/Operation`, weights `layer/weight`; the inputs and outputs have the model's
    names. Kernels of convolutions and recurrent layers are in ONNX' layout.

    Args:
        model: A model that has its weights.
        path: The file, whose name ends in '.onnx'.
        overwrite: Whether it may replace a file.

    Raises:
        ImportError: onnx is not installed.
        TypeError: A path that is none.
        ValueError: Another ending, a folder; a model without weights, one that draws
            random numbers or carries states from batch to batch, an operation that
            ONNX has not (which layer), an axis whose size has to be known; more than
            2 GB.

    Example:
        >>> import onnxruntime, tempfile
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((4,)), Dense(3, "relu"), Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(model, f"{folder}/model.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/model.onnx")
        >>> x = np.ones((5, 4), "float32")
        >>> (y,) = session.run(None, {session.get_inputs()[0].name: x})
        >>> bool(np.allclose(y, model.predict(x, verbose=0), atol=1e-5))
        True
    """
    target = _path(path)
    made = proto(model)
    with replaced(target, overwrite=overwrite) as file:
        file.write(made.SerializeToString())


def _path(path: object) -> Path:
    """The path of a file of this format, and of nothing else."""
    if not isinstance(path, str | os.PathLike):
        raise mistyped(
            "export", f"path={path!r}", "a path", "Write export(model, 'model.onnx')"
        )
    target = Path(os.fsdecode(path))
    if target.is_dir() or target.suffix != ".onnx":
        folder = target.is_dir()
        wanted = target / "model.onnx" if folder else target.with_suffix(".onnx")
        raise invalid(
            "export",
            f"path={os.fspath(path)!r}{', a folder' if folder else ''}",
            "a file whose name ends in '.onnx'",
            f"write {str(wanted)!r}",
        )
    return target


# The graph ----------------------------------------------------------------------------


class _Writer:
    """Carries values through the layers of a graph."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def graph(self, graph: Graph, params: Tree, state: Tree, x: Tree) -> Tree:
        """The outputs of a graph."""

        def each(node: Call, number: int, value: Tree, mask: Mask) -> Tree:
            del number
            layer = graph.layers[node.layer]
            own = params[node.layer], state[node.layer]
            given = jax.tree.map(lambda v: v.mask, value) if mask is None else mask
            return self.layer(layer, *own, value, given, dict(node.options))

        return graph.thread(x, each)

    def layer(
        self,
        layer: Layer,
        params: Tree,
        state: Tree,
        x: Tree,
        mask: Mask,
        options: Config,
    ) -> Tree:
        """The outputs of one call of a layer, each with its mask."""
        training = bool(options.pop("training", False))
        _check(layer, training)
        if isinstance(layer, InputLayer):
            return x
        if not layer.integers:
            x = jax.tree.map(self._float, x)
        with self.b.within(str(layer.name)):
            if isinstance(layer, Graph) and not training:
                x = _masked(x, mask)
                return self.graph(layer, params, state, x)
            masks = jax.tree.leaves(mask) if options.get("use_mask", True) else []
            # A batch normalization asks for the mask only while it trains.
            asks = "mask" in layer.call_options
            asks = asks and not isinstance(layer, BatchNormalization)
            plain = not ((masks and asks) or training)
            y = None
            row = nearest_formula(ROWS, type(layer)) if plain else None
            if row and set(options) <= {"use_mask"}:
                y = self._row(row, layer, {**params, **state}, x)
            if y is None:
                options["training"] = training
                y, mask = self._program(layer, params, state, x, mask, options)
            else:
                mask = call(self.b, layer.compute_mask, x, mask)
                if isinstance(y, tuple) and not isinstance(mask, tuple):
                    mask = (mask, *[None] * (len(y) - 1))
            return _masked(y, mask)

    def _row(
        self, row: Row, layer: Layer, weights: Tree, x: Tree
    ) -> Value | tuple[Value, ...] | None:
        """The outputs by ONNX' own operation, or None."""
        weights = {name: np.asarray(w) for name, w in weights.items()}
        names: Any = row(self.b, layer, weights, x)  # values, or their names
        if names is None or isinstance(jax.tree.leaves(names)[0], Value):
            return names
        shapes = layer.call_shape(jax.tree.map(lambda v: v.shape, x))
        dtype = np.dtype(config.floatx())
        if isinstance(names, str):
            return Value(names, shapes, dtype)
        return tuple(Value(n, s, dtype) for n, s in zip(names, shapes, strict=True))

    def _program(
        self,
        layer: Layer,
        params: Tree,
        state: Tree,
        x: Tree,
        mask: Mask,
        options: Config,
    ) -> tuple[Tree, Mask]:
        """The outputs and their masks by the layer's program."""

        def forward(
            params: Tree, state: Tree, x: Tree, mask: Mask
        ) -> tuple[Tree, Mask]:
            outcome = layer.forward(params, state, x, key=None, mask=mask, **options)
            return outcome.output, outcome.mask

        own = self._weights(params, ""), self._weights(state, "")
        return call(self.b, forward, *own, x, mask)

    def _weights(self, weights: Tree, place: str) -> Tree:
        """The weights as values, in the same nest, called by their places in it."""
        if isinstance(weights, dict | tuple):
            items = weights.items() if isinstance(weights, dict) else enumerate(weights)
            made = {k: self._weights(w, f"{place}/{k}".strip("/")) for k, w in items}
            return made if isinstance(weights, dict) else tuple(made.values())
        array = np.asarray(weights)
        return Value(self.b.weight(place, array), array.shape, array.dtype)

    def _float(self, value: Value) -> Value:
        """Whole numbers as floats, for layers that do not look them up."""
        if value.dtype.kind == "f":
            return value
        to = np.dtype(config.floatx())
        name = self.b.op("Cast", value.name, to=to.name)
        return Value(name, value.shape, to, value.mask)


def _masked(x: Tree, mask: Mask) -> Tree:
    """Values with their masks: one, or a nest of each."""
    if mask is None:
        return jax.tree.map(lambda v: v.masked(None), x)
    leaves, nest = jax.tree.flatten(x)
    pairs = zip(leaves, nest.flatten_up_to(mask), strict=True)
    return nest.unflatten([value.masked(m) for value, m in pairs])


def _check(layer: Layer, training: bool) -> None:
    """Refuses layers whose output is no function of the input alone."""
    random = (training and layer.random) or getattr(layer, "always_random", False)
    if random:
        raise invalid(
            f"export, {where(layer)}",
            "a layer that draws random numbers also when the model predicts",
            "a layer whose output the input decides",
            "call it without training=True",
        )
    if layer.stateful and not isinstance(layer, Graph):
        raise invalid(
            f"export, {where(layer)}",
            "stateful=True, which carries states from batch to batch",
            "stateful=False",
            "make it with return_state=True, and give and take the states as "
            "inputs and outputs of the model",
        )


# The file -----------------------------------------------------------------------------


def proto(model: Model) -> "ModelProto":
    """The model as ONNX' own object, checked.

    Raises:
        ValueError: As `export`.
    """
    package = onnx()
    if not isinstance(model, Model):
        raise mistyped(
            "export",
            repr(model),
            "a model",
            "Write export(Sequential([Input((4,)), layer]), path) for one layer",
        )
    if not model.layers or not model.built:
        raise invalid(
            "export",
            f"the model {model.name!r}, which has no weights yet",
            "a model that was built",
            "begin it with Input((4,)), or call model.build((None, 4)) or fit",
        )
    model = model.undivided("export")
    b = Builder()
    slot = model.graph.slot
    inputs = _inputs(b, model)
    given = inputs[0] if len(inputs) == 1 else tuple(inputs)
    made = jax.tree.leaves(
        _Writer(b).graph(
            as_graph(model.graph, "export"), slot.params, slot.state, given
        )
    )
    names = model.output_names
    if len(names) != len(made):
        names = [f"output_{i}" for i in range(len(made))]
    outputs = []
    for name, value in zip(names, made, strict=True):
        end = b.name(name)
        b.nodes.append(Node("Identity", (value.name,), (end,), {}, f"{end}/Identity"))
        outputs.append(Value(end, value.shape, value.dtype))
    file = _checked(package, _proto(package, b, inputs, outputs, str(model.name)))
    if any(None in value.shape[1:] for value in inputs):
        _tried(package, model, file)
    return file


def _tried(package: ModuleType, model: Model, file: "ModelProto") -> None:
    """Refuses a file that has not the model's shapes for sizes not traced with."""
    try:
        graph = read(package, file)
    except ValueError:  # it is not of the kind that is read here
        return
    slot = model.graph.slot
    for rows, size, more in ((3, 24, 0), (2, 35, 0), (3, 24, 7)):
        given, sizes = [], itertools.count(size, more)
        for tensor in model.inputs:
            own = tensor.call.layer.dtype or config.floatx()
            shape = [
                n or (rows if a == 0 else next(sizes))
                for a, n in enumerate(tensor.shape)
            ]
            dtype = jax.dtypes.canonicalize_dtype(own)
            given.append(jax.ShapeDtypeStruct(tuple(shape), dtype))
        try:
            x = given[0] if len(given) == 1 else tuple(given)
            y = jax.eval_shape(
                lambda x: model.graph.apply(slot.params, slot.state, x)[0], x
            )
        except (TypeError, ValueError):  # sizes that the model does not take
            continue
        expected = [a.shape for a in jax.tree.leaves(y)]
        named = zip((i.name for i in file.graph.input), given, strict=True)
        try:
            made = shapes(graph, {name: a.shape for name, a in named})
        except ValueError as error:
            made = str(error)
        if made != expected:
            raise invalid(
                "export",
                f"a graph that gives {made} for inputs of shapes "
                f"{[a.shape for a in given]}",
                f"{expected}, as the model has it",
                "write the sizes of all axes but the batch into Input(shape), "
                "and please report it, with the model's summary",
            )


def _inputs(b: Builder, model: Model) -> list[Value]:
    """The inputs, by the model's names for them."""
    inputs = []
    for i, (name, tensor) in enumerate(
        zip(model.input_names, model.inputs, strict=True)
    ):
        dtype = tensor.call.layer.dtype or config.floatx()
        if np.dtype(dtype).kind == "f" and all(
            _looked_up(as_graph(model.graph, "export"), i)
        ):
            dtype = "int64"  # as numpy and other runtimes have token ids
        inputs.append(Value(b.name(name), tensor.shape, dtype))
    return inputs


def _looked_up(graph: Graph, value: int) -> list[bool]:
    """Of each layer that takes a value: whether it looks whole numbers up."""
    lookups: list[bool] = []
    number = graph.inputs
    for node in graph.nodes:
        layer = graph.layers[node.layer]
        sources = jax.tree.leaves(node.sources)
        if value in sources and isinstance(layer, Graph):
            lookups += _looked_up(layer, sources.index(value))
        elif value in sources and isinstance(layer, InputLayer):
            lookups += _looked_up(graph, number)
        elif value in sources:
            looks = layer.integers and not dict(node.options).get("reverse")
            if isinstance(layer, Called):
                looks = layer.takes_whole(sources.index(value))
            if isinstance(layer, Operations):  # their file says what they take
                types = list(layer.program.inputs.values())
                looks = types[sources.index(value)].kind != "f"
            lookups.append(looks)
        if value in jax.tree.leaves(node.mask):
            lookups.append(False)
        number += node.outputs
    return lookups or [False]


def _proto(
    package: ModuleType,
    b: Builder,
    inputs: list[Value],
    outputs: list[Value],
    name: str,
) -> "ModelProto":
    """The graph as ONNX' own object."""
    nodes = b.needed([value.name for value in outputs])
    read = set().union(*(node.reads() for node in nodes))
    weights = {k: w for k, w in b.weights.items() if k in read}
    size = sum(w.nbytes for w in weights.values())
    if size > LIMIT - (1 << 20):
        raise invalid(
            "export",
            f"weights of {size:,} bytes",
            "less than 2 GB, the most that such a file may have",
            "export it in parts, each a model of its own: Model(x, layer.output) "
            "and the layers behind it",
        )
    numpy_helper = package.numpy_helper
    constants = [
        package.helper.make_node(
            "Constant", [], [k], name=k, value=numpy_helper.from_array(array, k)
        )
        for k, array in b.constants.items()
        if k in read
    ]
    graph = package.helper.make_graph(
        constants + [_node(package, node) for node in nodes],
        name,
        [_info(package, value) for value in inputs],
        [_info(package, value) for value in outputs],
        [
            numpy_helper.from_array(np.ascontiguousarray(w), k)
            for k, w in weights.items()
        ],
    )
    return package.helper.make_model(
        graph,
        producer_name="onefit",
        producer_version=version("onefit"),
        opset_imports=[package.helper.make_opsetid("", MADE_FOR)],
        ir_version=IR,
    )


def _type(package: ModuleType, dtype: npt.DTypeLike) -> int:
    return package.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def _info(package: ModuleType, value: Value) -> "ValueInfoProto":
    """An input or an output: its type and shape, the batch's size open."""
    shape = [
        ("batch" if axis == 0 else f"{value.name}_{axis}") if n is None else n
        for axis, n in enumerate(value.shape)
    ]
    return package.helper.make_tensor_value_info(
        value.name, _type(package, value.dtype), shape
    )


def _node(package: ModuleType, node: Node) -> "NodeProto":
    """An operation as ONNX' own object."""
    helper = package.helper
    attributes = dict(node.attributes)
    if node.kind == "Cast":
        attributes["to"] = _type(package, attributes["to"])
    for key, value in attributes.items():
        if isinstance(value, Body):
            ends = [
                [
                    helper.make_tensor_value_info(n, _type(package, dtype), None)
                    for n, dtype in side.items()
                ]
                for side in (value.inputs, value.outputs)
            ]
            inside = [_node(package, inner) for inner in value.nodes]
            attributes[key] = helper.make_graph(inside, f"{node.name}/{key}", *ends)
    return helper.make_node(
        node.kind, list(node.inputs), list(node.outputs), name=node.name, **attributes
    )


def _checked(package: ModuleType, made: "ModelProto") -> "ModelProto":
    """The file's content, once ONNX' own checker has looked at all of it."""
    refusals = package.checker.ValidationError, package.shape_inference.InferenceError
    try:
        package.checker.check_model(made, full_check=True)
    except refusals as error:
        raise invalid(
            "export",
            f"a graph that ONNX refuses ({str(error).splitlines()[0]})",
            "a valid one",
            "please report it, with the model's summary",
        ) from error
    return made
