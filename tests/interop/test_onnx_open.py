"""Models as ONNX files where more axes than the batch are open."""

import functools
from typing import Any

import jax
import numpy as np
import pytest
from layer_rows import ROWS
from layer_rows.row import over

from onefit import Input, Model
from onefit.interop.onnx import export, load, tracing
from onefit.interop.onnx.writer import proto
from onefit.layers import (
    Conv1D,
    Dense,
    GroupNormalization,
    GroupQueryAttention,
    Lambda,
    MaxPooling1D,
    MultiHeadAttention,
    UpSampling2D,
)
from onefit.types import is_shape

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

rng = np.random.default_rng(0)

jit_once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


def floats(*shape):
    return rng.normal(size=shape).astype("float32")


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    return onnxruntime.InferenceSession(file, options)


def agree(model, path, *shapes):
    """Checks a file, and what is read from it, for inputs of other shapes."""
    export(model, path)
    run, again = session(str(path)), load(path)
    for given in shapes:
        xs = [floats(*shape) for shape in given]
        feed = {i.name: x for i, x in zip(run.get_inputs(), xs, strict=True)}
        x = xs[0] if len(xs) == 1 else xs
        expected = model.predict(x, verbose=0)
        np.testing.assert_allclose(run.run(None, feed)[0], expected, 1e-5, 1e-5)
        back = again.predict(x, verbose=0)
        np.testing.assert_allclose(back, expected, 1e-5, 1e-5)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# Sizes --------------------------------------------------------------------------------

HEADS = {
    "many": lambda: MultiHeadAttention(2, 4),
    "groups": lambda: GroupQueryAttention(4, 4, 2),
}


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", HEADS)
def test_attention_of_any_length(heads, causal, path):
    a, b = Input((None, 8)), Input((None, 8))
    own = HEADS[heads]()(a, a, use_causal_mask=causal)
    agree(Model(a, own), path, [(2, 5, 8)], [(3, 1, 8)])
    cross = HEADS[heads]()(a, b, use_causal_mask=causal)
    agree(Model([a, b], cross), path, [(2, 5, 8), (2, 7, 8)], [(3, 4, 8), (3, 1, 8)])


def test_only_the_sizes_that_have_to_be_are_the_same(path):
    a, b, c = (Input((None, n)) for n in (4, 5, 6))
    model = Model([a, b, c], MultiHeadAttention(2, 3)(a, b, c))
    agree(model, path, [(2, 3, 4), (2, 7, 5), (2, 7, 6)])
    groups = list(tracing._groups(3))
    assert groups == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]]


def test_a_line_through_three_sizes():
    # 2·53 − 1 = 105, 2·59 − 1 = 117, 2·64 − 1 = 127
    assert tracing._line([53, 59, 64], tracing.Size(105, 117, 127)) == (2, -1)
    # Two sizes fit a line by chance, the third says that it is none.
    assert tracing._line([53, 59, 64], tracing.Size(105, 117, 128)) is None
    assert tracing._line([53, 59, 64], tracing.Size(27, 30, 32)) is None  # ⌈n / 2⌉


def test_a_number_that_is_a_size_is_found_as_the_graph_runs(path):
    x = Input((None, 8))
    agree(Model(x, GroupNormalization(2)(x)), path, [(2, 5, 8)], [(3, 1, 8)])


def test_halved_and_doubled_is_not_the_same_size(path):
    x = Input((None, 2))
    halves = Lambda(lambda x: x[:, : x.shape[1] // 2 * 2].reshape(-1, 2), name="even")
    with pytest.raises(ValueError, match=r"export, even.* size of the axis has to be"):
        export(Model(x, halves(x)), path)


def test_windows_of_one_with_gaps(path):
    x = Input((None, 3))
    lengths = [(2, 5, 3)], [(1, 6, 3)]
    agree(Model(x, MaxPooling1D(1, 2, "same")(x)), path, *lengths)
    agree(Model(x, Conv1D(2, 2, strides=3, padding="same")(x)), path, *lengths)


# Refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "layer", "said"),
    [
        ((None, None, 3), UpSampling2D(interpolation="bilinear"), r"\(5, 5, 3\)"),
        ((None, 3), MaxPooling1D(2, 3, "same"), r"\(5, 3\)"),
        ((None, 3), Lambda(lambda x: x + (x.shape[1] % 7)), r"\(5, 3\)"),
    ],
)
def test_what_needs_the_size_says_so(shape, layer, said, path):
    x = Input(shape)
    with pytest.raises(ValueError, match=f"has to be known: write Input.{said}") as e:
        export(Model(x, layer(x)), path)
    assert type(e.value) is ValueError
    assert "number of rows" not in str(e.value)


def test_a_wrong_file_is_not_written(path, monkeypatch):
    honest = tracing._line

    def wrong(x, y):
        found = honest(x, y)
        return found and (found[0], found[1] + 1)

    monkeypatch.setattr(tracing, "_line", wrong)
    x = Input((None, 2))
    model = Model(x, Lambda(lambda x: x[:, : x.shape[1] - 2])(x))
    with pytest.raises(ValueError, match=r"a graph that gives \[\(3, 23, 2\)\]"):
        export(model, path)
    assert not path.exists()


# Every layer --------------------------------------------------------------------------

KNOWN_SIZE = {
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling3D",
    "CenterCrop",
    "Dot",
    "EinsumDense",
    "MaxPooling2D",
    "RandomCrop",
    "Resizing",
    "STFTSpectrogram",
    "UpSampling2D",
}

OF_COLUMNS = {"CategoryOneHot", "CategoryVectors"}
"""Layers whose settings say how many columns there are."""


def axes(row, shape):
    """How many axes from the first are open."""
    return len(shape) - (row.ids is None)


rows = [
    row
    for row in ROWS
    if row.layer not in ("InputLayer", "ContrastLimitedAdaptiveHistogramEqualization")
    and any(axes(row, s) > 1 for s in jax.tree.leaves(row.shape, is_leaf=is_shape))
]
seen = {row.layer: row for row in reversed(rows)}
attention = [row for row in rows if "Attention" in row.layer]
rows = list(dict.fromkeys([*seen.values(), *attention]))
groups = [rows[i : i + 20] for i in range(0, len(rows), 20)]


def opened(row: Any) -> Any:
    """The row's layer, built with open axes, and its file; None if it is not made."""

    def shape(s: Any) -> Any:
        k = s and axes(row, s)
        return s and ((None,) * k + s[k:] if k > 1 else (None, *s[1:]))

    shapes = over(shape, row.shape)
    try:
        layer = row.make().build(shapes, np.random.default_rng(3))
        dtype = "int32" if row.ids is not None else None
        x = over(lambda s: s and Input(s[1:], dtype=dtype), shapes)
        inputs, mask = jax.tree.leaves(x), None
        if row.mask:
            mask = Input((None,), dtype="bool")
            inputs.append(mask)
            if not is_shape(row.shape):
                mask = (mask, *(None for _ in row.shape[1:]))
        y = layer._record(x, mask, row.options)
    except ValueError as error:
        assert "known" in str(error) or row.layer in OF_COLUMNS  # noqa: PT017
        return None
    try:
        return layer, proto(Model(inputs, jax.tree.leaves(y)))
    except ValueError as error:
        assert "has to be known: write Input(" in str(error)  # noqa: PT017
        assert row.layer in KNOWN_SIZE, str(error)  # noqa: PT017
        return None


def longer(row: Any, more: int) -> Any:
    """The row with longer axes; one of 1 stays, which others repeat."""

    def shape(s: Any) -> Any:
        k = s and axes(row, s)
        return s and (s[0], *(n + more * (n > 1) for n in s[1:k]), *s[max(k, 1) :])

    return row._replace(shape=over(shape, row.shape))


@pytest.mark.parametrize("group", groups, ids=lambda group: group[0].layer)
def test_every_layer_of_other_lengths(group):
    made = [(row, *found) for row in group if (found := opened(row))]
    given = [[longer(row, more) for more in (3, 6)] for row, _, _ in made]

    @jit_once
    def all_of(weights, xs, masks):
        return [
            [
                layer.forward(
                    *own, x, training=False, key=None, mask=mask, **row.options
                ).output
                for x, mask in zip(*each, strict=True)
            ]
            for (row, layer, _), own, *each in zip(
                made, weights, xs, masks, strict=True
            )
        ]

    weights = [(layer.slot.params, layer.slot.state) for _, layer, _ in made]
    xs, masks = (
        [[getattr(r, name)() for r in each] for each in given]
        for name in ("inputs", "masks")
    )
    expected = all_of(weights, xs, masks)
    for (row, _, file), *lists in zip(made, xs, masks, expected, strict=True):
        run = session(file.SerializeToString())
        for x, mask, y in zip(*lists, strict=True):
            first = mask[:1] if isinstance(mask, tuple) else mask
            arrays = jax.tree.leaves(x) + jax.tree.leaves(first)
            names = [i.name for i in run.get_inputs()]
            out = run.run(None, dict(zip(names, arrays, strict=True)))
            for one, a in zip(out, jax.tree.leaves(y), strict=True):
                np.testing.assert_allclose(one, a, 2e-5, 2e-5, err_msg=str(row))


def test_a_model_exports_itself_as_kerass_do(tmp_path, capsys):
    import onnxruntime

    entrance = Input((3,))
    model = Model(entrance, Dense(2)(entrance))
    path = tmp_path / "model.onnx"
    model.export(path)
    model.export(path, format="onnx", verbose=True)
    assert str(path) in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(path))
    x = np.ones((2, 3), "float32")
    y = session.run(None, {session.get_inputs()[0].name: x})[0]
    np.testing.assert_allclose(y, model(x), atol=1e-6)
    for asked in ({}, {"format": "tf_saved_model"}):
        with pytest.raises(ValueError, match=r"Write model\.export\('model\.onnx'\)"):
            model.export(tmp_path / "folder", **asked)
