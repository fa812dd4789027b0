"""Whole models as ONNX files: several inputs, nests, masks, names, refusals."""

import functools
import re
import sys

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jax import lax

import onefit
from onefit import Input, Model, Sequential, activations, layers
from onefit.interop.onnx import export, load
from onefit.interop.onnx import writer as onnx_writer
from onefit.interop.onnx.builder import Builder, Value
from onefit.interop.onnx.package import IR, MADE_FOR
from onefit.interop.onnx.tracing import call
from onefit.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    Lambda,
    LayerNormalization,
    MaxPooling2D,
    MultiHeadAttention,
    Rescaling,
)

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

rng = np.random.default_rng(0)


def floats(*shape):
    return rng.normal(size=shape).astype("float32")


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options)


def listed(y):
    if isinstance(y, dict):
        return list(y.values())
    return list(y) if isinstance(y, list) else [y]


def both_ways(model, path, *xs):
    """Checks a model's file, and what is read from it; returns the file and that."""
    export(model, path)
    run = session(path)
    y = run.run(None, {i.name: x for i, x in zip(run.get_inputs(), xs, strict=True)})
    x = xs[0] if len(xs) == 1 else list(xs)
    again = load(path)
    for ours, theirs, back in zip(
        listed(model.predict(x, verbose=0)),
        y,
        listed(again.predict(x, verbose=0)),
        strict=True,
    ):
        np.testing.assert_allclose(theirs, ours, 1e-5, 1e-5)
        np.testing.assert_allclose(back, ours, 1e-5, 1e-5)
    return onnx.load(path), again


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# What is in the file ------------------------------------------------------------------


def test_a_small_network_by_hand(path):
    model = Sequential([Input((2,), name="x"), Dense(1, "relu", name="out")])
    model.set_weights([np.array([[2.0], [3.0]]), np.array([1.0])])
    made, again = both_ways(model, path, floats(5, 2))
    run = session(path)
    # relu(2·1 + 3·2 + 1) = 9; relu(2·(−1) + 0 + 1) = 0
    (y,) = run.run(None, {"x": np.array([[1, 2], [-1, 0]], "float32")})
    assert y.tolist() == [[9.0], [0.0]]
    assert [n.op_type for n in made.graph.node] == ["Gemm", "Relu", "Identity"]
    assert [n.name for n in made.graph.node][:2] == ["out/Gemm", "out/Relu"]
    assert [w.name for w in made.graph.initializer] == ["out/kernel", "out/bias"]
    assert [v.name for v in (*made.graph.input, *made.graph.output)] == ["x", "out"]
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert (made.producer_name, made.producer_version) == ("onefit", onefit.__version__)
    assert (made.opset_import[0].version, made.ir_version) == (MADE_FOR, IR) == (18, 8)
    assert [w.tolist() for w in again.get_weights()] == [[[2.0], [3.0]], [1.0]]


def test_transpositions_between_layers_cancel(path):
    model = Sequential(
        [
            Input((8, 8, 3)),
            Conv2D(4, 3, activation="relu", padding="same"),
            BatchNormalization(),
            MaxPooling2D(),
            Conv2D(4, 3, strides=2, padding="same", activation="softmax"),
            Conv2DTranspose(2, 3, strides=2, output_padding=1),
            Dropout(0.5),
            Flatten(),
            Dense(3, "softmax"),
        ]
    )
    made, again = both_ways(model, path, floats(3, 8, 8, 3))
    kinds = [n.op_type for n in made.graph.node if n.op_type != "Constant"]
    assert kinds == [
        "Transpose",
        "Conv",
        "Relu",
        "BatchNormalization",
        "MaxPool",
        "Conv",
        "Transpose",
        "Softmax",
        "Transpose",
        "ConvTranspose",
        "Transpose",
        "Reshape",
        "Gemm",
        "Softmax",
        "Identity",
    ]
    names = [layer.name for layer in again.layers]
    assert names[1:4] == ["conv2d", "batch_normalization", "max_pooling2d"]
    # What training moves is what it moved before, the averages aside.
    count = [sum(w.size for w in m.trainable_weights) for m in (model, again)]
    assert count[0] == count[1] == model.count_params() - 8


def test_images_and_sequences_of_any_size(path):
    x = Input((None, None, 3))
    h = Conv2D(2, 3, strides=2, padding="same", activation="tanh")(x)
    h = MaxPooling2D(2, padding="same")(h)
    model = Model(x, Conv2DTranspose(2, 2, strides=2, padding="same")(h))
    both_ways(model, path, floats(2, 9, 7, 3))
    run = session(path)
    (y,) = run.run(None, {run.get_inputs()[0].name: floats(1, 16, 4, 3)})
    assert y.shape == (1, 8, 2, 2)

    words = Sequential(
        [
            Input((None,)),
            Embedding(9, 4, mask_zero=True),
            Bidirectional(GRU(3, return_sequences=True)),
            Conv1D(2, 2, padding="causal"),
            LSTM(3, return_sequences=True),
            GlobalAveragePooling1D(),
        ]
    )
    both_ways(words, path, rng.integers(0, 9, (4, 6)))
    run = session(path)
    ids = rng.integers(0, 9, (2, 11))
    (y,) = run.run(None, {run.get_inputs()[0].name: ids})
    np.testing.assert_allclose(y, words.predict(ids, verbose=0), 1e-5, 1e-5)


def test_masks_reach_the_layers_that_heed_them(path):
    x = Input((5,), dtype="int32", name="words")
    h = Embedding(6, 3, mask_zero=True)(x)
    h = LayerNormalization()(h)
    h = MultiHeadAttention(2, 2)(h, h)
    model = Model(x, LSTM(2)(h))
    ids = np.array([[1, 2, 0, 0, 0], [3, 0, 4, 5, 1], [0, 0, 0, 0, 1]], "int32")
    made, _ = both_ways(model, path, ids)
    kinds = {n.op_type for n in made.graph.node}
    assert {"Scan", "Softmax", "LayerNormalization", "Gather"} <= kinds
    assert made.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT32


def test_several_inputs_outputs_shared_layers_and_nests(path):
    tower = Sequential([Input((4,)), Dense(3, "tanh"), Dense(2)], name="tower")
    a, b = Input((4,), name="a"), Input((4,), name="b")
    one, other = tower(a), tower(b)
    gap = abs(one - other) * 2.0
    outputs = {"near": Dense(1, "sigmoid")(gap), "first": one[:, 0]}
    model = Model({"a": a, "b": b}, outputs)
    xs = floats(3, 4), floats(3, 4)
    made, again = both_ways(model, path, *xs)
    assert [v.name for v in made.graph.output] == ["near", "first"]
    assert [v.name for v in made.graph.input] == ["a", "b"]
    # The tower is there once, called twice.
    weights = {w.name for w in made.graph.initializer}
    assert "tower/dense/kernel" in weights
    assert len(weights) == 6
    assert set(again.predict({"a": xs[0], "b": xs[1]}, verbose=0)) == {"near", "first"}
    assert again.count_params() == model.count_params()


def test_functions_and_layers_of_ones_own(path):
    class Shifted(onefit.Layer):
        by: float = 1.0

        def init(self, rng, input_shape):
            return {"gain": np.full(input_shape[-1], 2.0, "float32")}, {}

        def apply(self, params, state, x, *, training=False, key=None):
            return jnp.cumsum(x * params["gain"], -1) + self.by, state

    x = Input((4,))
    h = Lambda(lambda x: jnp.argmax(x, -1, keepdims=True) + jnp.max(x, -1)[:, None])(x)
    made, _ = both_ways(Model(x, [Shifted()(x), h]), path, floats(3, 4))
    assert "shifted/gain" in {w.name for w in made.graph.initializer}


def test_a_file_can_be_trained_and_written_again(path):
    model = Sequential([Input((3,)), Dense(4, "tanh"), Dense(1)])
    x = floats(16, 3)
    y = x @ np.array([1.0, -1.0, 2.0], "float32")
    _, again = both_ways(model, path, x)
    for m in (model, again):
        m.compile("sgd", "mse")
        onefit.utils.set_random_seed(1)
        m.fit(x, y, epochs=3, verbose=0, shuffle=False)
    for ours, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, 1e-5, 1e-6)
    both_ways(again, path, x)


FUNCTIONS = [
    lambda x: jnp.cumsum(x[..., ::-1], 1) + jnp.flip(lax.cumsum(x, 2, reverse=True), 1),
    lambda x: jnp.round(x * 3) + jnp.floor(x) - jnp.ceil(x) + jnp.trunc(x),
    lambda x: jnp.clip(x, -0.5, 0.5) + jnp.sign(x) * jnp.exp2(x) + jnp.log1p(abs(x)),
    lambda x: jnp.prod(x, 1) + jnp.min(x, 2, keepdims=True)[:, 0],
    lambda x: (jnp.all(x > -2, 1) | jnp.any(x > 1, 1) ^ ~(x[:, 0] < 0)) * 1.0,
    lambda x: jnp.fmod(x, 0.7) + jnp.abs(x) ** x + jnp.sqrt(abs(x)) + lax.erfc(x),
    lambda x: jnp.sin(x) * jnp.cos(x) + jnp.sinh(x) - jnp.cosh(x) + jnp.tan(x / 9),
    lambda x: jnp.arctan(x) + jnp.arcsin(x / 9) * jnp.arccos(x / 9) + jnp.expm1(x),
    lambda x: jnp.argmin(x, 1) + x[:, 0] * (jnp.argmax(x, 2)[:, :1] // 2),
    lambda x: x[:, jnp.array([2, 0])] + jnp.take(x, jnp.array([1, 2]), 1, mode="clip"),
    lambda x: lax.dynamic_slice(x, (0, jnp.argmax(x[0, :, 0]), 1), (len(x), 2, 2)),
    lambda x: lax.pad(x, 0.5, ((0, 0, 0), (-1, 2, 1), (1, -1, 0))),
    lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2), (1, 1, 2), "SAME"),
    lambda x: lax.reduce_window(x, 0.0, lax.add, (1, 2, 2), (1, 1, 2), "VALID"),
    lambda x: jnp.einsum("bij,bkj,bil->bkl", x, x, x) + jnp.tril(jnp.ones((3, 4))),
    lambda x: lax.scan(lambda c, _: (c * 0.5 + x, c.sum(1)), x, None, 3)[1].swapaxes(
        0, 1
    ),
    lambda x: jnp.where(x.sum(1, keepdims=True) > 0, x, jnp.arange(4.0)),
    lambda x: (
        jnp.roll(x, 1, 2) + jnp.repeat(x[:, :1], 3, 1) + jnp.tile(x[:, :1], (1, 3, 1))
    ),
    lambda x: jnp.linalg.norm(x, axis=1) + jnp.var(x, 1) + jnp.logaddexp(x, x).sum(1),
]


def test_functions_of_jax(path):
    x = Input((3, 4))
    model = Model(x, [Lambda(f, name=f"f{i}")(x) for i, f in enumerate(FUNCTIONS)])
    both_ways(model, path, floats(5, 3, 4))


ACTIVATIONS = sorted(
    {
        f
        for f in activations.activations.objects()
        if f not in (activations.threshold, activations.glu)
    },
    key=lambda f: f.__name__,
)


def test_every_activation(path):
    x = Input((6,))
    model = Model(x, [activations_layer(f)(x) for f in ACTIVATIONS])
    both_ways(model, path, floats(4, 6) * 3)


def activations_layer(function):
    return onefit.layers.Activation(function)


def test_double_precision(path):
    onefit.config.set_floatx("float64")
    try:
        x = rng.normal(size=(3, 5, 4))
        model = Sequential([Input((5, 4)), LSTM(3), Rescaling(0.5), Dense(2, "tanh")])
        export(model, path)
        run = session(path)
        (y,) = run.run(None, {run.get_inputs()[0].name: x})
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, model.predict(x, verbose=0), 1e-12)
        np.testing.assert_allclose(load(path).predict(x, verbose=0), y, 1e-12)
    finally:
        onefit.config.set_floatx("float32")
    with pytest.raises(ValueError, match=r"set_floatx\('float64'\)"):
        load(path)


def test_sizes_that_are_sums_and_products_of_open_ones():
    """(b, t, 3) and (b, s, 3): b·t rows, t + 1 steps; repeated only where needed."""
    b = Builder()
    x, y = (Value(n, (None, None, 3), "float32") for n in "xy")

    def function(x, y):
        rows = jnp.broadcast_to(x[:, :1], (x.shape[0], y.shape[1] + 1, 3))
        return x.reshape(-1, 3), rows, jnp.zeros((x.shape[0] * y.shape[1], 2))

    made = call(b, function, x, y)
    assert [v.shape for v in made] == [(None, 3), (None, None, 3), (None, 2)]


# Images of (8, 6, 3), or their channels first, through any of these in any order.
STEPS = [
    lambda: Conv2D(3, 3, padding="same", activation="relu"),
    lambda: Conv2D(4, 2, padding="same", activation="softmax"),
    lambda: Conv2D(2, 3, padding="same", data_format="channels_first"),
    lambda: Conv2DTranspose(2, 2, padding="same", activation="gelu"),
    lambda: layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2),
    lambda: MaxPooling2D(2, strides=1, padding="same"),
    lambda: layers.AveragePooling2D(2, strides=1, padding="same"),
    BatchNormalization,
    lambda: BatchNormalization(axis=1),
    LayerNormalization,
    lambda: layers.GroupNormalization(1),
    lambda: layers.Permute((2, 1, 3)),
    lambda: layers.Permute((3, 1, 2)),
    lambda: layers.UpSampling2D((1, 2)),
    lambda: layers.ZeroPadding2D(1),
    lambda: Dense(3, "tanh"),
    lambda: Dropout(0.5),
    lambda: Rescaling(2.0, 0.5),
    lambda: layers.TimeDistributed(layers.Conv1D(2, 2)),
    lambda: layers.TimeDistributed(LSTM(3, return_sequences=True)),
]


@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(chain=st.lists(st.sampled_from(STEPS), min_size=2, max_size=6))
def test_layers_in_any_order(chain, path):
    model = Sequential([Input((8, 6, 3)), *(make() for make in chain)])
    both_ways(model, path, floats(2, 8, 6, 3))


# Refusals -----------------------------------------------------------------------------


def refused(model, path, *words):
    with pytest.raises(ValueError, match=r".*".join(words)) as error:
        export(model, path)
    assert type(error.value) is ValueError  # about the model, not about a file
    assert not list(path.parent.iterdir())


def test_what_is_no_function_of_the_input_is_refused(path):
    x = Input((3,))
    refused(
        Model(x, Dropout(0.5, name="drop")(x, training=True)),
        path,
        "export, Dropout 'drop'",
        "random numbers",
        "without training=True",
    )
    states = LSTM(2, stateful=True, name="memory")
    sequence = Input(batch_shape=(2, 4, 3))
    refused(
        Model(sequence, states(sequence)), path, "'memory'", "stateful", "return_state"
    )
    sorted_ = Lambda(lambda x: jnp.sort(x, -1), name="sorting")
    refused(Model(x, sorted_(x)), path, "sorting: .*'sort' of jax", "Leave that layer")
    mean = Lambda(lambda x: x - jnp.mean(x, 0), name="centred")
    refused(Model(x, mean(x)), path, "centred", "follow the number of rows")


def test_a_model_has_to_be_there_and_built(path):
    refused(Sequential([Dense(2)]), path, "no weights yet", "Begin it with Input")
    with pytest.raises(TypeError, match="Write export"):
        export(Dense(2), path)


def test_the_path_is_a_file_of_this_format(path, tmp_path):
    model = Sequential([Input((2,)), Dense(1)])
    kept = tmp_path / "a.keras"
    for wrong, fix in (
        (kept, r"a\.onnx"),
        (tmp_path / "a", r"a\.onnx"),
        (tmp_path, r"a folder.*model\.onnx"),
    ):
        with pytest.raises(ValueError, match=f"ends in '.onnx'|{fix}") as error:
            export(model, wrong)
        assert re.search(fix, str(error.value))
    with pytest.raises(TypeError, match="path=5"):
        export(model, 5)
    assert not list(tmp_path.iterdir())
    export(model, str(path))
    assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]


def test_more_than_two_gigabytes(path, monkeypatch):
    monkeypatch.setattr(onnx_writer, "LIMIT", (1 << 20) + 100)
    model = Sequential([Input((6,)), Dense(6)])
    refused(model, path, "168 bytes", "2 GB", "in parts.*Model.x, layer.output.")


def test_a_file_is_the_old_one_or_the_new_one(path, monkeypatch):
    model = Sequential([Input((2,)), Dense(1)])
    export(model, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="overwrite=True"):
        export(model, path, overwrite=False)
    monkeypatch.setattr(onnx_writer, "_info", functools.partial(lambda *_: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        export(model, path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_without_the_package(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[onnx\]"'):
        export(Sequential([Input((2,)), Dense(1)]), path)
    with pytest.raises(ImportError, match="onnx"):
        load(path)
