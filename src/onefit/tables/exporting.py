"""A model of a table as ONNX, the preparation of its columns inside.

The file has an input for each column: numbers as doubles, NaN where there are none;
words as text, '' where there are none. Each fold's preparation and networks stand in
it, and it gives what `predict_proba` or `predict` gives. Dates and texts have no such
form.
"""

import os
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit.errors import invalid
from onefit.files.atomic import replaced
from onefit.interop.onnx.package import onnx
from onefit.interop.onnx.writer import proto
from onefit.layers import Lambda
from onefit.models import Model
from onefit.tables.heads import HEADS
from onefit.tables.members import Member
from onefit.tables.networks import KINDS, network
from onefit.tables.preparation import FAR, Preparation
from onefit.tables.roles import INPUTS, Column
from onefit.types import Array

if TYPE_CHECKING:
    from onnx import ModelProto

    from onefit.tables.model import TableModel

__all__ = ["export"]

CANNOT = {
    "date": "ONNX has no dates",
    "text": "ONNX cannot split and hash words as the preparation does",
}


def export(
    model: "TableModel", filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model; see `TableModel.export`."""
    columns = [c for c in model.columns if c.role in INPUTS]
    for column in columns:
        if column.role in CANNOT:
            raise invalid(
                "export",
                f"the column {column.name!r}, a {column.role}: {CANNOT[column.role]}",
                "columns of numbers and of categories",
                f"train with roles={{{column.name!r}: 'drop'}} "
                f"(--drop {column.name}), or ask with `onefit predict`",
            )
    made = _Graph(model, columns).whole()
    with replaced(filepath, overwrite=overwrite) as file:
        file.write(made.SerializeToString())


def _asked(member: Member, fold: int) -> Model:
    """One network with its weights, and its head on top."""
    shape = member.shape
    kind = KINDS[member.kind]
    net = network(kind, shape, member.settings)
    own = jax.tree.map(lambda a: np.asarray(a)[fold], (member.params, member.state))
    for layer, params, state in zip(net.graph.layers, *own, strict=True):
        layer.slot.params, layer.slot.state = params, state

    def answer(z: jax.Array) -> Array:
        if kind.members and z.ndim < 3:
            z = z[..., None]
        said = HEADS[shape.problem].answer(z)
        said = said.mean(axis=1) if kind.members else said
        return said if HEADS[shape.problem].classes else said[:, None]

    return Model(net.inputs, Lambda(answer)(net.outputs[0]))


def _at(column: int) -> str:
    """The name of a column's cells inside."""
    return f"onefit/column_{column}"


class _Graph:
    """Nodes and constants as they come, of all folds."""

    def __init__(self, model: "TableModel", columns: list[Column]) -> None:
        self.onnx, self.model, self.columns = onnx(), model, columns
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.opset: list[Any] = []
        self.version = 8

    def name(self) -> str:
        """A name that is not taken."""
        return f"onefit/v{len(self.nodes)}"

    def op(self, kind: str, *inputs: str, domain: str = "", **told: Any) -> str:
        """An operation; the name of what it gives."""
        out = self.name()
        make = self.onnx.helper.make_node
        self.nodes.append(make(kind, list(inputs), [out], domain=domain, **told))
        return out

    def constant(self, value: Any, dtype: Any) -> str:
        """An array in the file; its name."""
        name = f"onefit/c{len(self.constants)}"
        array = np.asarray(value, dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    # The preparation -----------------------------------------------------------------

    def number(
        self, prepared: Preparation, column: Column
    ) -> tuple[list[str], list[str]]:
        """A column as its numbers, and a code where it may be missing."""
        x, name = _at(self.columns.index(column)), column.name
        if column.role == "ordered":
            ranks = {word: float(i) for i, word in enumerate(column.values)}
            x = self.op(
                "LabelEncoder", x, domain="ai.onnx.ml",
                keys_strings=list(ranks), values_floats=list(ranks.values()),
                default_float=float("nan"),
            )  # fmt: skip
            x = self.op("Cast", x, to=11)
        [(middle, scale)] = prepared.arrays[f"{name}/scale"].tolist()
        gone = self.op("IsNaN", x)
        filled = self.op("Where", gone, self.constant(middle, "f8"), x)
        z = self.op("Sub", filled, self.constant(middle, "f8"))
        z = self.op("Mul", z, self.constant(scale, "f8"))
        ends = self.constant(-FAR, "f8"), self.constant(FAR, "f8")
        z = self.op("Cast", self.op("Clip", z, *ends), to=1)
        numbers, codes = [z], []
        if column.tails:
            middle, inverse = prepared.arrays[f"{name}/tails"].tolist()
            far = self.op("Where", gone, self.constant(middle, "f8"), x)
            far = self.op("Sub", far, self.constant(middle, "f8"))
            far = self.op("Mul", far, self.constant(inverse, "f8"))
            numbers.append(self.op("Asinh", self.op("Cast", far, to=1)))
        if column.missing:
            one = self.op("Cast", gone, to=6)
            codes.append(self.op("Add", one, self.constant(1, "i4")))
        return numbers, codes

    def level(self, prepared: Preparation, column: Column) -> str:
        """1 + the place of a number among those that come again, 0 for others."""
        known = prepared.arrays[f"{column.name}/levels"]
        x = _at(self.columns.index(column))
        same = self.op("Cast", self.op("Equal", x, self.constant(known[None], "f8")),
                       to=6)  # fmt: skip
        places = self.constant(np.arange(1, len(known) + 1)[None], "i4")
        axis = self.constant([1], "i8")
        return self.op("ReduceSum", self.op("Mul", same, places), axis, keepdims=1)

    def category(self, prepared: Preparation, column: Column) -> str:
        """The code of a word; 0 for one that is not known, or missing."""
        known = prepared.vocabularies[column.name]
        codes = self.op(
            "LabelEncoder", _at(self.columns.index(column)),
            domain="ai.onnx.ml", keys_strings=known or [""],
            values_int64s=list(range(1, len(known) + 1)) or [0], default_int64=0,
        )  # fmt: skip
        return self.op("Cast", codes, to=6)

    def prepared(self, prepared: Preparation) -> dict[str, str]:
        """What the networks of one fold take, by the names of their inputs."""
        shape = self.model.fitted.shape
        numbers, codes, gaps, levels = [], [], [], []
        for column in prepared.columns:
            if column.name in prepared.vocabularies:
                codes.append(self.category(prepared, column))
                continue
            found, more = self.number(prepared, column)
            numbers += found
            gaps += more
            if column.repeats:
                levels.append(self.level(prepared, column))
        whole = [*codes, *gaps, *levels]
        made = {}
        if numbers:
            made["numbers"] = self.op("Concat", *numbers, axis=1)
        for name, at, _ in shape.categories():
            made[name] = self.op("Concat", *(whole[i] for i in at), axis=1)
        return made

    # The networks --------------------------------------------------------------------

    def asked(self, member: Member, fold: int, given: dict[str, str]) -> str:
        """What one network says, in the units of the target."""
        net = _asked(member, fold)
        part: ModelProto = proto(net)
        self.opset = list(part.opset_import)
        self.version = part.ir_version
        part = self.onnx.compose.add_prefix(part, f"onefit/n{len(self.nodes)}/")
        for wanted, name in zip(part.graph.input, net.input_names, strict=True):
            node = self.onnx.helper.make_node("Identity", [given[name]], [wanted.name])
            self.nodes.append(node)
        self.nodes += part.graph.node
        self.constants += part.graph.initializer
        said = part.graph.output[0].name
        if HEADS[member.shape.problem].classes:
            return said
        middle, spread = (float(v) for v in member.scale[fold])
        said = self.op("Mul", said, self.constant(spread, "f4"))
        return self.op("Add", said, self.constant(middle, "f4"))

    def whole(self) -> "ModelProto":
        """The file."""
        fitted = self.model.fitted
        head = HEADS[fitted.goal.problem]
        said: list[str] = []
        for fold, prepared in enumerate(self.model.preparations):
            given = self.prepared(prepared)
            for share, member in zip(fitted.shares, fitted.members, strict=True):
                one = self.asked(member, fold, given)
                if fitted.goal.problem == "skewed":
                    one = self.op("Sub", self.op("Exp", one), self.constant(1, "f4"))
                weight = float(share) / fitted.folds
                said.append(self.op("Mul", one, self.constant(weight, "f4")))
        total = self.op("Sum", *said)
        width = 1
        if head.classes:
            width = len(fitted.goal.classes or ())
            if fitted.temperature != 1:
                low, high = self.constant(1e-7, "f4"), self.constant(1, "f4")
                z = self.op("Log", self.op("Clip", total, low, high))
                z = self.op("Div", z, self.constant(fitted.temperature, "f4"))
                total = self.op("Softmax", z, axis=1)
        elif np.isfinite(fitted.bounds).all():
            ends = [self.constant(end, "f4") for end in fitted.bounds]
            total = self.op("Clip", total, *ends)
        out = "probabilities" if head.classes else "prediction"
        self.nodes.append(self.onnx.helper.make_node("Identity", [total], [out]))
        kinds = self.onnx.TensorProto
        value = self.onnx.helper.make_tensor_value_info
        inputs = []
        for i, column in enumerate(self.columns):
            kind = kinds.DOUBLE if column.role == "number" else kinds.STRING
            inputs.append(value(column.name, kind, ["rows", 1]))
            # Names of columns may be those of other values.
            node = self.onnx.helper.make_node("Identity", [column.name], [_at(i)])
            self.nodes.insert(0, node)
        outputs = [value(out, kinds.FLOAT, ["rows", width])]
        graph = self.onnx.helper.make_graph(
            self.nodes, "onefit_table", inputs, outputs, self.constants
        )
        opset = [*self.opset, self.onnx.helper.make_opsetid("ai.onnx.ml", 3)]
        made = self.onnx.helper.make_model(
            graph, opset_imports=opset, ir_version=self.version
        )
        told = {"target": self.model.target.name, "missing": "NaN, ''"}
        if head.classes:
            told["classes"] = "\n".join(map(str, fitted.goal.classes or ()))
        self.onnx.helper.set_model_props(made, told)
        self.onnx.checker.check_model(made)
        return made
