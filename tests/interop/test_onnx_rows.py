"""Every layer of the library as ONNX: run, read again, and said in the docs."""

import functools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from layer_rows import ROWS, Row
from layer_rows.row import over

from onefit import Input, Model
from onefit.interop.onnx import load
from onefit.interop.onnx.writer import ROWS as OWN
from onefit.interop.onnx.writer import proto
from onefit.types import is_shape

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

DOCS = Path(__file__).parents[2] / "docs" / "onnx.md"

# What only brings arrays into shape, and says nothing about a layer.
PLUMBING = {
    "Cast",
    "Concat",
    "Constant",
    "Expand",
    "Gather",
    "Identity",
    "Pad",
    "Reshape",
    "Shape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}

# An Input is the graph's own; nothing is called for it. The others are refused: ONNX
# has no such transform, no search in a list, no counts by place, and no angle.
WITHOUT = {"InputLayer", "Discretization", "MelSpectrogram"}
WITHOUT |= {"ContrastLimitedAdaptiveHistogramEqualization"}
rows = [
    row
    for row in ROWS
    if row.layer not in WITHOUT and row.settings.get("mode") not in ("angle", "phase")
]


@pytest.mark.parametrize("name", sorted(WITHOUT - {"InputLayer"}))
def test_what_onnx_has_not_is_refused(name):
    row = next(row for row in ROWS if row.layer == name)
    with pytest.raises(ValueError, match="expected what ONNX can express"):
        case(row)


firsts = list({row.layer: row for row in reversed(rows)}.values())[::-1]
groups = [rows[i : i + 24] for i in range(0, len(rows), 24)]
first_groups = [firsts[i : i + 24] for i in range(0, len(firsts), 24)]

jit_once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


class Case(NamedTuple):
    """A model of one layer, what it is given, and its file."""

    layer: Any
    arrays: list[Any]
    file: Any


@functools.cache
def case(row: Row) -> Case:
    rng = np.random.default_rng(3)
    layer = row.make().build(row.open_shape(), rng)
    layer.set_weights(
        [
            rng.uniform(0.5, 1.5, w.shape).astype("f4") if w.dtype.kind == "f" else w
            for w in layer.get_weights()
        ]
    )
    x = over(lambda s: None if s is None else Input(s[1:]), row.shape)
    inputs, arrays, mask = jax.tree.leaves(x), jax.tree.leaves(row.inputs()), None
    if row.mask:
        first = row.shape if is_shape(row.shape) else row.shape[0]
        mask = Input((first[1],), dtype="bool")
        inputs.append(mask)
        arrays += jax.tree.leaves(row.masks())
        if not is_shape(row.shape):
            mask = (mask, *(None for _ in row.shape[1:]))
    y = layer._record(x, mask, row.options)  # as a graph has it, several inputs a tuple
    model = Model(inputs, jax.tree.leaves(y))
    return Case(layer, arrays, proto(model))


def ran(file: Any, arrays: list[Any]) -> tuple[list[Any], list[Any]]:
    """The outputs for all rows, and for the first alone."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(file.SerializeToString(), options)
    ids = {"tensor(int64)": "int64"}
    feed = {
        i.name: a.astype(ids.get(i.type, a.dtype))
        for i, a in zip(session.get_inputs(), arrays, strict=True)
    }
    return session.run(None, feed), session.run(
        None, {k: a[:1] for k, a in feed.items()}
    )


@pytest.mark.parametrize("group", groups, ids=lambda group: group[0].layer)
def test_onnxruntime_gives_the_same_numbers(group):
    cases = [case(row) for row in group]

    @jit_once
    def all_of(weights, xs, masks):
        return [
            c.layer.forward(
                *own, x, training=False, key=None, mask=mask, **row.options
            ).output
            for row, c, own, x, mask in zip(
                group, cases, weights, xs, masks, strict=True
            )
        ]

    weights = [(c.layer.slot.params, c.layer.slot.state) for c in cases]
    expected = all_of(weights, [r.inputs() for r in group], [r.masks() for r in group])
    for row, c, y in zip(group, cases, expected, strict=True):
        whole, first = ran(c.file, c.arrays)
        for one, other, a in zip(whole, first, jax.tree.leaves(y), strict=True):
            assert one.shape == a.shape
            assert one.dtype == a.dtype
            np.testing.assert_allclose(one, a, 1e-5, 1e-5, err_msg=str(row))
            # Another number of rows.
            np.testing.assert_allclose(other, a[:1], 1e-5, 1e-5, err_msg=str(row))


@pytest.mark.parametrize("group", first_groups, ids=lambda group: group[0].layer)
def test_files_come_back_as_models(group, tmp_path):
    cases = [case(row) for row in group]
    models = []
    for c in cases:
        path = tmp_path / "layer.onnx"
        path.write_bytes(c.file.SerializeToString())
        models.append(load(path))

    @jit_once
    def all_of(weights, xs):
        return [
            model.graph.apply(*own, x if len(x) > 1 else x[0])[0]
            for model, own, x in zip(models, weights, xs, strict=True)
        ]

    names = [[i.name for i in c.file.graph.input] for c in cases]
    xs = [
        tuple(
            a
            for name, a in zip(own, c.arrays, strict=True)
            if name in model.input_names
        )
        for own, c, model in zip(names, cases, models, strict=True)
    ]
    weights = [(m.graph.slot.params, m.graph.slot.state) for m in models]
    for row, c, y in zip(group, cases, all_of(weights, xs), strict=True):
        expected, _ = ran(c.file, c.arrays)
        for one, other in zip(jax.tree.leaves(y), expected, strict=True):
            np.testing.assert_allclose(one, other, 1e-5, 1e-5, err_msg=str(row))


def operations(graph: Any) -> set[str]:
    found = set()
    for node in graph.node:
        found.add(node.op_type)
        for attribute in node.attribute:
            found |= operations(attribute.g)
    return found


def table() -> str:
    """The table of the docs."""
    lines = ["| layer | as | operations |", "|---|---|---|"]
    own = {cls.__name__ for cls in OWN}
    for layer in sorted({row.layer for row in rows}):
        kinds = [operations(case(r).file.graph) for r in rows if r.layer == layer]
        kinds = set().union(*kinds) - {"Constant", "Identity"}
        computed = kinds - PLUMBING
        way = "program" if computed else "shapes" if kinds else "nothing"
        way = "operation" if layer in own else way
        lines.append(f"| {layer} | {way} | {', '.join(sorted(computed or kinds))} |")
    return "\n".join(lines)


def test_the_docs_say_which_layers_there_are():
    assert table() in DOCS.read_text(encoding="utf-8"), f"docs/onnx.md needs\n{table()}"
