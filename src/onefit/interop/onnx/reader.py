"""ONNX files as models.

A file is not trusted. Its operations are looked up in a table of onefit's, nothing of
it is run, no other file is opened for it, and what it declares is compared with what it
has before anything of that size is made.
"""

import os
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import jax
import numpy as np

from onefit import config
from onefit.files.refusal import BadFile, refusal
from onefit.interop.onnx.builder import Arrays, Body, Node
from onefit.interop.onnx.imported import KNOWN, Operations, Program
from onefit.interop.onnx.package import onnx
from onefit.layers.core import Input
from onefit.layers.symbolic import Tensor
from onefit.models.model import Model
from onefit.types import Array, Config, Params, Shape

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
        ValueInfoProto,
    )

__all__ = ["LIMIT", "load", "read", "shapes"]

LIMIT = 2**31 - 1
"""The most bytes that a file may have."""

NODES = 20_000
"""The most operations."""

DEPTH = 8
"""How deep graphs may lie in one another."""

OPSETS = range(13, 27)
"""The versions of ONNX' operations that mean what is here: since 13 axes are inputs."""

PLAIN = {"float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"}


def load(path: str | os.PathLike, limit: int = LIMIT) -> Model:
    """The model in an ONNX file: its graph, with its weights, ready to go on.

    Operations that stand together under one name (`dense/Gemm`, `dense/Relu`) are a
    layer of that name, with the weights that only they use; arrays of floats are
    weights that can be trained, those of batch normalizations aside. Where layers share
    weights or sizes, the whole file is one layer. Several inputs and outputs are taken
    and given by name; inputs that nothing needs are left out.

    Args:
        path: The file.
        limit: The most bytes that it may have.

    Raises:
        ImportError: onnx is not installed.
        ValueError: A file that is not there, is damaged or too large, keeps arrays in
            other files, or has operations that onefit has not: all of them, by name.

    Example:
        >>> import tempfile
        >>> from onefit import Input, Sequential
        >>> from onefit.interop.onnx import export, load
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((4,)), Dense(3, "relu"), Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(model, f"{folder}/model.onnx")
        ...     again = load(f"{folder}/model.onnx")
        >>> [layer.name for layer in again.layers]
        ['input_layer', 'dense', 'dense_1']
        >>> x = np.ones((2, 4))
        >>> bool(np.allclose(again.predict(x, verbose=0), model.predict(x, verbose=0)))
        True
    """
    where = f"load({os.fspath(path)!r})"
    package = onnx()
    try:
        made = _parsed(package, Path(path), limit, where)
        graph = read(package, made, where)
        return _model(graph, str(made.graph.name)[:99] or "onnx", where)
    except BadFile:
        raise
    except Exception as error:  # whatever a bad file makes fail is one kind of error
        lines = str(error).splitlines() or [""]
        raise refusal(
            where,
            received=f"a file that does not open ({type(error).__name__}: {lines[0]})",
            expected="an ONNX file whose parts fit together",
            fix="check it with onnx.checker.check_model",
        ) from error


def read(package: ModuleType, made: "ModelProto", where: str = "load") -> "_Graph":
    """The graph of a file that was opened."""
    graph = _Reader(package, where).graph(made)
    graph.opset = _opset(made)
    return graph


def shapes(graph: "_Graph", given: dict[str, tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The shapes of the outputs for inputs of these shapes."""
    values = _values(graph, given)
    return [tuple(values[name].shape) for name in graph.outputs.values()]


# The file -----------------------------------------------------------------------------


def _parsed(package: ModuleType, path: Path, limit: int, where: str) -> "ModelProto":
    """The file's content, of a kind that can be read."""
    if not path.is_file():
        raise refusal(
            where, received="a path with no file", expected="a file that exists"
        )
    size = path.stat().st_size
    if size > limit:
        raise refusal(
            where,
            received=f"a file of {size:,} bytes",
            expected=f"{limit:,} at most",
            fix="write load(path, limit=...) for more",
        )
    try:
        made = package.load_model_from_string(path.read_bytes())
    except Exception as error:  # whatever the parser of the format has
        raise refusal(
            where,
            received=f"a file that does not open ({type(error).__name__})",
            expected="an ONNX file",
            fix="copy it again",
        ) from error
    if not made.graph.node and not made.graph.output:
        raise refusal(where, received="no graph", expected="an ONNX file with one")
    version = _opset(made)
    used = {node.domain for node in made.graph.node} - {"", "ai.onnx"}
    if used or made.functions:
        names = ", ".join(sorted(map(repr, used)))[:200]
        raise refusal(
            where,
            received=f"operations of others ({names or 'functions of its own'})",
            expected="those of ONNX itself",
            fix="export it without a runtime's own operations",
        )
    if version not in OPSETS:
        raise refusal(
            where,
            received=f"opset {version}",
            expected=f"{OPSETS[0]} to {OPSETS[-1]}",
            fix="bring it to another by onnx.version_converter.convert_version",
        )
    return made


def _opset(made: "ModelProto") -> int:
    """The version of the operations."""
    versions = {entry.domain: entry.version for entry in made.opset_import}
    return versions.get("", versions.get("ai.onnx", 0))


class _Graph:
    """A graph out of a file: plain names, arrays and operations."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.inputs: dict[str, tuple[Shape, np.dtype]] = {}
        self.outputs: dict[str, str] = {}  # by the file's names, the values
        self.arrays: Arrays = {}
        self.constants: Arrays = {}
        self.opset = 0


class _Reader:
    """Takes a graph out of the format, refusing what does not fit together."""

    def __init__(self, package: ModuleType, where: str) -> None:
        self.package, self.where = package, where
        self.count = 0

    def refuse(self, received: str, expected: str, fix: str = "") -> Exception:
        """The error of this file."""
        return refusal(self.where, received=received, expected=expected, fix=fix)

    def graph(self, made: "ModelProto") -> _Graph:
        """The graph of a file."""
        given = made.graph
        missing = sorted({kind for kind in _kinds(given, 0) if kind not in KNOWN})
        if missing:
            raise self.refuse(
                f"the operations {', '.join(name[:60] for name in missing[:30])}",
                f"those that onefit has: {', '.join(sorted(KNOWN))}",
                "run such a file in onnxruntime",
            )
        if given.sparse_initializer or made.training_info:
            raise self.refuse("sparse arrays or steps of training", "a plain graph")
        graph = _Graph()
        for tensor in given.initializer:
            array = self.array(tensor)
            own = array.dtype.kind == "f" and array.ndim
            place = graph.arrays if own else graph.constants
            self._new(tensor.name, {**graph.arrays, **graph.constants})
            place[tensor.name] = array
        for value in given.input:
            if value.name not in graph.arrays and value.name not in graph.constants:
                self._new(value.name, graph.inputs)
                graph.inputs[value.name] = self.shape(value)
        known = {*graph.arrays, *graph.constants, *graph.inputs}
        graph.nodes = list(self.nodes(given.node, known, graph.constants, 0))
        graph.outputs = {value.name: value.name for value in given.output}
        for name in graph.outputs:
            if name not in _made(graph.nodes):
                raise self.refuse(
                    f"the output {name[:99]!r}, which no operation makes", "one of one"
                )
        if not graph.inputs or not graph.outputs:
            raise self.refuse("no inputs or no outputs", "some of both")
        _straight(graph)
        return graph

    def _new(self, name: str, known: Container[str]) -> None:
        if not name or name in known:
            raise self.refuse(f"the name {name[:99]!r} twice, or none", "one for each")

    def array(self, tensor: "TensorProto") -> np.ndarray:
        """The numbers of an array, once it is sure that the file has them."""
        external = self.package.TensorProto.EXTERNAL
        if tensor.data_location == external or tensor.external_data:
            raise self.refuse(
                f"the array {tensor.name[:99]!r} in another file",
                "all arrays in one file",
                "save it whole: onnx.save(onnx.load(path), new_path)",
            )
        self._known(tensor.data_type, tensor.name)
        if any(n < 0 for n in tensor.dims):
            raise self.refuse(
                f"the array {tensor.name[:99]!r} of shape {list(tensor.dims)[:9]}",
                "sizes from 0",
            )
        try:
            array = self.package.numpy_helper.to_array(tensor)
        except (ValueError, TypeError) as error:
            raise self.refuse(
                f"the array {tensor.name[:99]!r}, whose shape {list(tensor.dims)[:9]} "
                "its numbers do not have",
                "as many numbers as its shape has",
            ) from error
        return np.array(array)

    def type(self, value: "ValueInfoProto") -> np.dtype:
        """The type of an input's or an output's numbers."""
        return self._known(value.type.tensor_type.elem_type, value.name)

    def _known(self, number: object, name: str) -> np.dtype:
        """The type of this number in the format."""
        try:
            dtype = self.package.helper.tensor_dtype_to_np_dtype(number)
        except (KeyError, TypeError):
            dtype = np.dtype("O")
        if dtype.name not in PLAIN:
            raise self.refuse(
                f"{name[:99]!r} of type {dtype.name}",
                f"one of {', '.join(sorted(PLAIN))}",
            )
        return dtype

    def shape(self, value: "ValueInfoProto") -> tuple[Shape, np.dtype]:
        """The shape and the type of an input."""
        dims, dtype = value.type.tensor_type.shape.dim, self.type(value)
        if not dims:
            raise self.refuse(
                f"the input {value.name[:99]!r} without a shape",
                "an array of numbers with a first axis, the batch",
            )
        if dtype.kind == "f" and dtype.name != config.floatx():
            raise self.refuse(
                f"the input {value.name[:99]!r} of {dtype.name}",
                config.floatx(),
                f"write onefit.config.set_floatx({dtype.name!r}) first",
            )
        return tuple(d.dim_value if d.dim_value > 0 else None for d in dims), dtype

    def nodes(
        self,
        given: Iterable["NodeProto"],
        known: set[str],
        constants: Arrays,
        depth: int,
    ) -> Iterator[Node]:
        """The operations, each on values that were made before it."""
        for node in given:
            self.count += 1
            if self.count > NODES:
                raise self.refuse(f"more than {NODES:,} operations", "fewer")
            attributes = {
                a.name: self.attribute(a, known, depth) for a in node.attribute
            }
            kind, inputs, outputs = node.op_type, tuple(node.input), tuple(node.output)
            name = node.name or (outputs[0] if outputs else kind)
            for value in inputs:
                if value and value not in known:
                    raise self.refuse(
                        f"{kind} {name[:99]!r} on {value[:99]!r}, which nothing before "
                        "it makes",
                        "operations in an order",
                    )
            for value in outputs:
                if value:
                    self._new(value, known)
                    known.add(value)
            if kind == "Constant" and len(outputs) == 1:
                constants[outputs[0]] = self.constant(attributes, name)
                continue
            if kind == "Cast":
                attributes = {"to": self._known(attributes.get("to"), name).name}
            yield Node(kind, inputs, outputs, attributes, name)

    def constant(self, attributes: Config, name: str) -> np.ndarray:
        """The array of a Constant."""
        types = {
            "value_float": "float32",
            "value_floats": "float32",
            "value_int": "int64",
            "value_ints": "int64",
        }
        (key, value), *rest = (*attributes.items(), ("", None))
        if len(rest) != 1 or key not in {"value", *types}:
            raise self.refuse(f"the Constant {name[:99]!r} of {key!r}", "an array")
        return np.asarray(value, types.get(key))

    def attribute(
        self, given: "AttributeProto", known: set[str], depth: int
    ) -> float | int | str | tuple[float | int | str, ...] | np.ndarray | Body:
        """A setting of an operation."""
        kinds = self.package.AttributeProto
        match given.type:
            case kinds.FLOAT:
                return float(given.f)
            case kinds.INT:
                return int(given.i)
            case kinds.STRING:
                return given.s.decode(errors="replace")
            case kinds.FLOATS:
                return tuple(map(float, given.floats))
            case kinds.INTS:
                return tuple(map(int, given.ints))
            case kinds.STRINGS:
                return tuple(s.decode(errors="replace") for s in given.strings)
            case kinds.TENSOR:
                return self.array(given.t)
            case kinds.GRAPH if depth < DEPTH:
                return self.body(given.g, known, depth + 1)
        raise self.refuse(
            f"the attribute {given.name[:99]!r}", "numbers, text, arrays or graphs"
        )

    def body(self, given: "GraphProto", known: set[str], depth: int) -> Body:
        """The graph inside an operation, which sees the values around it."""
        if given.initializer or given.sparse_initializer:
            raise self.refuse("arrays of a graph inside another", "arrays of the file")
        inputs = {value.name: self.type(value) for value in given.input}
        for name in inputs:
            self._new(name, known)
        inside = known | set(inputs)
        constants: Arrays = {}
        nodes = list(self.nodes(given.node, inside, constants, depth))
        if constants:
            raise self.refuse("a Constant inside of a Scan", "one around it")
        outputs = {value.name: self.type(value) for value in given.output}
        if not set(outputs) <= inside:
            raise self.refuse("an output that nothing makes", "one that is made")
        return Body(nodes, inputs, outputs)


def _kinds(graph: "GraphProto", depth: int) -> Iterator[str]:
    """The operations of a graph and of those in it."""
    for node in graph.node:
        yield node.op_type
        for attribute in node.attribute:
            if depth < DEPTH and attribute.HasField("g"):
                yield from _kinds(attribute.g, depth + 1)


def _made(nodes: list[Node]) -> set[str]:
    return {name for node in nodes for name in node.outputs}


def _straight(graph: _Graph) -> None:
    """Leaves out operations that only give a value another name."""
    names: dict[str, str] = {}
    inside = {name for node in graph.nodes for name in node.reads() - set(node.inputs)}
    made: set[str] = set()
    kept = []
    for node in graph.nodes:
        inputs = tuple(names.get(name, name) for name in node.inputs)
        if (
            node.kind == "Identity"
            and {*inputs} <= made
            and not (inside & {*node.outputs})
        ):
            names[node.outputs[0]] = inputs[0]
            continue
        kept.append(node._replace(inputs=inputs))
        made |= {*node.outputs}
    graph.nodes = kept
    graph.outputs = {key: names.get(key, key) for key in graph.outputs}


# Layers -------------------------------------------------------------------------------


class _Part:
    """Operations that become a layer."""

    def __init__(self, name: str, nodes: list[Node]) -> None:
        self.name, self.nodes = name, nodes

    def reads(self) -> set[str]:
        """The values that it takes from outside."""
        return set().union(*(node.reads() for node in self.nodes)) - _made(self.nodes)


def _parts(graph: _Graph) -> list[_Part]:
    """The operations by the scopes of their names, each scope's as they follow."""
    parts: list[_Part] = []
    for node in graph.nodes:
        scope = node.name.strip("/").rpartition("/")[0] or node.name or node.kind
        if not parts or parts[-1].name != scope:
            parts.append(_Part(scope, []))
        parts[-1].nodes.append(node)
    return parts


def _apart(graph: _Graph, parts: list[_Part], values: dict[str, Array]) -> bool:
    """Whether the parts can be layers: they share no weight, and no size crosses."""
    reads = [part.reads() for part in parts]
    shared = [name for own in reads for name in own & {*graph.arrays}]
    if len(shared) != len(set(shared)):
        return False
    crossing = set().union(*reads, graph.outputs.values()) & _made(graph.nodes)
    return not any(isinstance(values[name], np.ndarray) for name in crossing)


def _values(
    graph: _Graph, given: dict[str, tuple[int, ...]] | None = None
) -> dict[str, Array]:
    """All values, abstractly; a size that is known is an array of numpy."""
    params = {name: (name, array) for name, array in graph.arrays.items()}
    inputs = {name: dtype for name, (_, dtype) in graph.inputs.items()}
    program = Program(graph.nodes, inputs, {}, graph.constants, params, {}, 0)
    structs = [
        jax.ShapeDtypeStruct(
            given[name] if given else tuple(97 if n is None else n for n in shape),
            jax.dtypes.canonicalize_dtype(dtype),
        )
        for name, (shape, dtype) in graph.inputs.items()
    ]
    values: dict[str, Array] = {}

    def run(weights: Params, *x: Array) -> None:
        values.update(program.run((weights, {}), list(x)))

    jax.eval_shape(run, graph.arrays, *structs)
    return values


def _program(
    graph: _Graph, part: _Part, types: dict[str, Array], later: set[str]
) -> Program:
    """What the layer of a part computes."""
    reads = part.reads()
    averages = {
        name
        for node in part.nodes
        if node.kind == "BatchNormalization"
        for name in node.inputs[3:5]
    }
    params, state = {}, {}
    for name in graph.arrays:
        if name in reads:
            own = state if name in averages else params
            own[name.removeprefix(f"{part.name}/")] = name, graph.arrays[name]
    constants = {n: a for n, a in graph.constants.items() if n in reads}
    values = [n for n in types if n in reads and n not in {**graph.arrays, **constants}]
    own_types = {n: dtype for n, (_, dtype) in graph.inputs.items()}
    inputs = {n: own_types.get(n, types[n].dtype) for n in values}
    outputs = {
        n: types[n].dtype for node in part.nodes for n in node.outputs if n in later
    }
    return Program(part.nodes, inputs, outputs, constants, params, state, graph.opset)


def _model(graph: _Graph, name: str, where: str) -> Model:
    """The model: a layer for each part, on the values that it takes."""
    types = _values(graph)
    parts = _parts(graph)
    if not _apart(graph, parts, types):
        parts = [_Part(name, graph.nodes)]
    taken: set[str] = set()
    values: dict[str, Tensor] = {}
    for key, (shape, dtype) in graph.inputs.items():
        whole = dtype.name if dtype.kind != "f" else None
        values[key] = Input(batch_shape=shape, dtype=whole, name=_free(key, taken))
    reads = [part.reads() for part in parts]
    used = set().union(*reads)
    inputs = {key: value for key, value in values.items() if key in used}
    for i, part in enumerate(parts):
        later = set().union(*reads[i + 1 :], graph.outputs.values())
        program = _program(graph, part, types, later)
        if not program.outputs:
            continue
        layer = Operations(program, name=_free(part.name, taken))
        takes = [values[key] for key in program.inputs]
        if not takes:
            raise refusal(
                where,
                received=f"{part.name[:99]!r}, which no input leads to",
                expected="operations on the inputs",
                fix="fold its constants first, as onnxruntime's offline optimizer does",
            )
        made = layer(takes[0] if len(takes) == 1 else takes)
        made = made if isinstance(made, tuple) else (made,)
        values |= dict(zip(program.outputs, made, strict=True))
    outputs = {key: values[value] for key, value in graph.outputs.items()}
    return Model(_one_or_named(inputs), _one_or_named(outputs), name=name)


def _one_or_named(values: dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
    return next(iter(values.values())) if len(values) == 1 else values


def _free(name: str, taken: set[str]) -> str:
    """A layer's name that no other has."""
    wanted, number = name, 0
    while name in taken:
        number += 1
        name = f"{wanted}_{number}"
    taken.add(name)
    return name
