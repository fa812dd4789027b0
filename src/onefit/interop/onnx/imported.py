# ruff: noqa: D102
"""The operations of an ONNX file as a layer."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from onefit.description import setting
from onefit.errors import invalid
from onefit.files.refusal import BadFile, refusal
from onefit.interop.onnx.builder import Arrays, Body, Builder, Node, Row, Value
from onefit.interop.onnx.operators import OPERATORS, SMALL
from onefit.interop.onnx.package import MADE_FOR
from onefit.layers.base import Layer, where
from onefit.types import Array, Config, Generator, Params, Shapes, State, Tree, is_shape

__all__ = ["KNOWN", "ROWS", "Operations", "Program"]

KNOWN = {*OPERATORS, "Constant", "Scan"}
"""The operations that can be read."""

MOST = 1 << 31
"""The most numbers of a value, for a hundred rows."""

SIZES = {
    "Abs",
    "Add",
    "And",
    "Cast",
    "Ceil",
    "Concat",
    "ConstantOfShape",
    "Div",
    "Equal",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Greater",
    "GreaterOrEqual",
    "Identity",
    "Less",
    "LessOrEqual",
    "Mod",
    "Mul",
    "Neg",
    "Not",
    "Or",
    "Range",
    "ReduceMax",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "Reshape",
    "Shape",
    "Slice",
    "Split",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
    "Where",
}
"""What sizes are computed with."""

NUMBERS = {
    "ConstantOfShape": (0,),
    "CumSum": (1,),
    "Expand": (1,),
    "Pad": (1, 3),
    "Range": (0, 1, 2),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceMin": (1,),
    "ReduceProd": (1,),
    "ReduceSum": (1,),
    "Reshape": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "Unsqueeze": (1,),
}
"""The inputs that have to be known while a program is made: sizes, axes, places."""


class Program:
    """What a layer computes: operations, from some values to some others.

    Attributes:
        nodes: The operations, in an order in which they can run.
        inputs, outputs: The values it takes and gives, with the types of their numbers.
        constants: Arrays by name.
        params, state: The weights that training changes, and those it does not: the
            name of the value, and the array. The layer's names for them are the keys.
        opset: The version of ONNX' operations that these are of.
    """

    def __init__(
        self,
        nodes: list[Node],
        inputs: dict[str, np.dtype],
        outputs: dict[str, np.dtype],
        constants: dict[str, np.ndarray],
        params: dict[str, tuple[str, np.ndarray]],
        state: dict[str, tuple[str, np.ndarray]],
        opset: int,
    ) -> None:
        self.nodes, self.inputs, self.outputs = nodes, inputs, outputs
        self.constants, self.params, self.state = constants, params, state
        self.opset = opset

    def __repr__(self) -> str:
        return f"<{len(self.nodes)} operations>"

    def run(
        self, weights: tuple[Params, State], x: Sequence[Array]
    ) -> dict[str, Array]:
        """All values, for these inputs and weights."""
        values: dict[str, Array] = dict(self.constants)
        for own, arrays in ((self.params, weights[0]), (self.state, weights[1])):
            values |= {value: arrays[name] for name, (value, _) in own.items()}
        values |= dict(zip(self.inputs, x, strict=True))
        _run(self.nodes, values)
        return values


def _run(nodes: list[Node], values: dict[str, Array]) -> None:
    """Adds what the operations give to the values."""
    for node in nodes:
        where = f"load, {node.kind} {node.name[:99]!r}"
        try:
            made = _scan(node, values) if node.kind == "Scan" else _one(node, values)
        except BadFile:
            raise
        except Exception as error:  # whatever settings that do not fit make fail
            raise refusal(
                where,
                received=(str(error).splitlines() or [""])[0][:200] or repr(error),
                expected="inputs and settings as ONNX has them for this operation, "
                "and as onefit has it",
                fix="check the file with onnx.checker.check_model",
            ) from None
        made = made if isinstance(made, tuple) else (made,)
        for name, value in zip(node.outputs, made, strict=False):
            if np.size(value) > MOST:
                raise refusal(
                    where,
                    received=f"a value of shape {np.shape(value)}",
                    expected=f"at most {MOST:,} numbers",
                )
            values[name] = value


def _one(node: Node, values: dict[str, Array]) -> Array | tuple[Array, ...]:
    """What one operation gives: at once where it is about sizes."""
    given = [values[name] if name else None for name in node.inputs]
    while given and given[-1] is None:
        given.pop()
    known = [a for a in given if isinstance(a, np.ndarray | np.generic)]
    if node.kind == "Shape":
        return OPERATORS["Shape"](*given, **node.attributes)
    sizes = node.kind in SIZES and len(known) == len(given)
    if not sizes or sum(a.size for a in known) > SMALL:
        # Part of the program: nothing is computed yet, however large it is.
        fixed = NUMBERS.get(node.kind, ())
        given = [
            a if a is None or i in fixed else jnp.asarray(a)
            for i, a in enumerate(given)
        ]
        for i in fixed:
            if i < len(given) and isinstance(given[i], jax.Array):
                raise TypeError("sizes, axes or places that the data choose")
    attributes = dict(node.attributes)
    for name in ("kernel_shape", "strides", "dilations"):
        if min(attributes.get(name, (1,)), default=1) < 1:
            raise ValueError(f"{name}={attributes[name]}")
    if node.kind == "Split":
        attributes.setdefault("num_outputs", len(node.outputs))
    return OPERATORS[node.kind](*given, **attributes)


def _scan(node: Node, values: dict[str, Array]) -> tuple[Array, ...]:
    """A loop over the first axis of some values."""
    attributes = dict(node.attributes)
    body: Body = attributes.pop("body")
    count = attributes.pop("num_scan_inputs")
    backwards = {
        n
        for name in ("scan_input_directions", "scan_output_directions")
        for n in attributes.pop(name, ()) or (0,)
    }
    if attributes or len(backwards) > 1:
        raise TypeError("axes of a Scan, or both directions in one")
    given = [jnp.asarray(values[name]) for name in node.inputs]
    first, steps = given[: len(given) - count], given[len(given) - count :]

    def step(
        states: tuple[Array, ...], at: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        inside = values | dict(zip(body.inputs, (*states, *at), strict=True))
        _run(body.nodes, inside)
        ends = [jnp.asarray(inside[name]) for name in body.outputs]
        return tuple(ends[: len(states)]), tuple(ends[len(states) :])

    reverse = backwards == {1}
    states, outputs = lax.scan(step, tuple(first), tuple(steps), reverse=reverse)
    return (*states, *outputs)


class Operations(Layer, abstract=True):
    """Operations of an ONNX file, as `onefit.interop.onnx.load` makes them.

    Args:
        program: What it computes; made from a file, never written by hand.

    Input and output: as the file has them; several as a tuple.

    Weights: the file's arrays of numbers, with the file's names for them. To draw them
    anew takes those of the file again: it does not say how they started.

    Raises:
        ValueError: A request for its config, which would be code.
    """

    integers = True

    program: Program = setting()

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        del rng, input_shape
        params, state = (
            {name: np.array(array) for name, (_, array) in own.items()}
            for own in (self.program.params, self.program.state)
        )
        return params, state

    def apply(
        self, params: Params, state: State, x: Tree, *, training=False, key=None
    ) -> tuple[Tree, State]:
        inputs = list(x) if isinstance(x, tuple) else [x]
        types = self.program.inputs.values()
        given = [
            jnp.asarray(a, jax.dtypes.canonicalize_dtype(dtype))
            for a, dtype in zip(inputs, types, strict=True)
        ]
        values = self.program.run((params, state), given)
        ends: Any = tuple(jnp.asarray(values[name]) for name in self.program.outputs)
        return (ends if len(ends) > 1 else ends[0]), state

    def output_shape(self, input_shape: Shapes) -> Shapes:
        shapes = [input_shape] if is_shape(input_shape) else list(input_shape)
        params, state = (
            {name: array for name, (_, array) in own.items()}
            for own in (self.program.params, self.program.state)
        )

        def traced(size: int) -> Tree:
            structs = [
                jax.ShapeDtypeStruct(
                    tuple(size if n is None else n for n in shape),
                    jax.dtypes.canonicalize_dtype(dtype),
                )
                for shape, dtype in zip(
                    shapes, self.program.inputs.values(), strict=True
                )
            ]

            def run(*x: Array) -> Tree:
                given: Any = x
                return self.apply(params, state, given if len(x) > 1 else given[0])[0]

            return jax.eval_shape(run, *structs)

        return jax.tree.map(
            lambda a, b: tuple(
                n if n == m else None for n, m in zip(a.shape, b.shape, strict=True)
            ),
            traced(97),
            traced(89),
        )

    def get_config(self) -> Config:
        """Refused: what a file computes cannot be written as settings."""
        raise invalid(
            where(self),
            "a request for the config of operations of an ONNX file",
            "a layer that settings describe",
            "keep the model by onefit.interop.onnx.export, and its weights by "
            "model.save_weights",
        )


# Back into a file ---------------------------------------------------------------------


def written(
    b: Builder, layer: Operations, weights: Arrays, x: Value | tuple[Value, ...]
) -> Value | tuple[Value, ...] | None:
    """The operations as they were read; those of another opset by their program."""
    program = layer.program
    if program.opset != MADE_FOR:
        return None
    inputs = x if isinstance(x, tuple) else (x,)
    pairs = zip(program.inputs, inputs, strict=True)
    names = {name: value.name for name, value in pairs}
    # Whole numbers that are not the file's inputs have another length here.
    types = zip(inputs, program.inputs.values(), strict=True)
    whole = any(np.dtype(t).kind in "iu" for t in program.outputs.values())
    if whole or any(value.dtype != dtype for value, dtype in types):
        return None
    names |= {n: b.constant(array) for n, array in program.constants.items()}
    for name, (value, _) in (*program.params.items(), *program.state.items()):
        names[value] = b.weight(name, weights[name])
    for node in program.nodes:
        inputs, attributes = _renamed(b, node, names)
        made = b.ops(node.kind, len(node.outputs), *inputs, **attributes)
        names |= dict(zip(node.outputs, made, strict=True))
    shapes = layer.output_shape(jax.tree.map(lambda v: v.shape, x))
    shapes = [shapes] if is_shape(shapes) else shapes
    ends: Any = tuple(
        Value(names[name], shape, dtype)
        for (name, dtype), shape in zip(program.outputs.items(), shapes, strict=True)
    )
    return ends if len(ends) > 1 else ends[0]


def _renamed(
    b: Builder, node: Node, names: dict[str, str]
) -> tuple[tuple[str, ...], Config]:
    """The inputs and the settings of an operation, with these names for values."""
    attributes = {
        key: _body(b, value, names) if isinstance(value, Body) else value
        for key, value in node.attributes.items()
    }
    return tuple(names.get(name, name) for name in node.inputs), attributes


def _body(b: Builder, body: Body, names: dict[str, str]) -> Body:
    """The graph inside an operation, its own values with new names."""
    own = {name: b.name(f"{b.scope}/step") for name in body.inputs}
    names, nodes = names | own, []
    for node in body.nodes:
        inputs, attributes = _renamed(b, node, names)
        made = {name: b.name(f"{b.scope}/{node.kind}") for name in node.outputs}
        names |= made
        own_name = next(iter(made.values()))
        nodes.append(
            Node(node.kind, inputs, tuple(made.values()), attributes, own_name)
        )
    sides = ({names[n]: t for n, t in side.items()} for side in body[1:])
    return Body(nodes, *sides)


ROWS: dict[type, Row] = {Operations: written}
