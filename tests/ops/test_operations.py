"""Operations: in files, in models, in programs; what is refused, in words."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import ops
from onefit.layers.symbolic import Tensor
from onefit.models import clone_model, load_model
from onefit.ops.table import OPS, Operation

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def outputs_of(x):
    """Operations of many kinds of arguments, on a value of a graph."""
    w = onefit.layers.Dense(4)(x)
    return [
        ops.mean(w, axis=-1, keepdims=True),
        ops.concatenate([x, w, ops.ones_like(x)], axis=-1),
        ops.add(ops.exp(w), np.arange(4.0)),
        ops.where(ops.greater(x, 0.2), x, 0.0),
        ops.take(w, np.array([0, 2]), axis=-1),
        ops.get_item(w, (slice(None), [1, 0])),
        ops.argmax(x, axis=-1),
        *ops.split(w, [1, 3], axis=-1),
        ops.einsum("bi,bj->bij", x, w),
        ops.clip(w, -0.5, None),
        ops.one_hot(ops.argmax(x, axis=-1), 3, dtype="int32"),
        ops.image.resize(ops.reshape(w, (-1, 2, 2, 1)), (3, 3)),
        ops.logical_and(ops.greater(x, 0), ops.less(x, 1)),
    ]


@pytest.fixture(scope="module")
def model():
    x = onefit.Input((3,))
    return onefit.Model(x, outputs_of(x))


def same(model, other):
    pairs = zip(model.predict(X, verbose=0), other.predict(X, verbose=0), strict=True)
    for one, two in pairs:
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype


def test_models_with_operations_are_saved_and_copied(model, tmp_path):
    path = tmp_path / "model.keras"
    model.save(path)
    same(model, load_model(path))
    again = onefit.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    same(model, again)
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    same(model, clone)
    same(model, copy.deepcopy(model))
    same(model, pickle.loads(pickle.dumps(model)))


def test_a_summary_and_names_are_keras_own(model, capsys):
    model.summary()
    shown = capsys.readouterr().out
    assert "mean (Operation)" in shown
    assert "(None, 1)" in shown
    assert "add (Arithmetic)" in shown


def test_files_of_keras_with_operations_open(tmp_path):
    keras = pytest.importorskip("keras")
    x = keras.Input((3,))
    w = keras.layers.Dense(4)(x)
    outputs = [
        keras.ops.mean(w, axis=-1),
        keras.ops.concatenate([x, w], axis=-1),
        keras.ops.relu(w) + 1,
        keras.ops.reshape(w, (-1, 2, 2)),
        keras.ops.take(w, [0, 1], axis=1),
        keras.ops.where(x > 0.5, x, 0.0),
        keras.ops.one_hot(keras.ops.argmax(x, -1), 3),
        keras.ops.logical_not(x > 0),
        keras.ops.softmax(w, axis=-1),
        keras.ops.expand_dims(x, 1),
        keras.ops.sqrt(keras.ops.square(w)),
        keras.ops.image.resize(keras.ops.reshape(w, (-1, 2, 2, 1)), (3, 3)),
    ]
    theirs = keras.Model(x, outputs)
    theirs.save(tmp_path / "model.keras")
    ours = load_model(tmp_path / "model.keras")
    pairs = zip(theirs.predict(X, verbose=0), ours.predict(X, verbose=0), strict=True)
    for one, other in pairs:
        np.testing.assert_allclose(one, other, 1e-5, 1e-5)


def test_a_file_names_only_operations_of_the_table(model, tmp_path):
    text = model.to_json()
    assert '"class_name": "Mean"' in text
    text = text.replace('"class_name": "Mean"', '"class_name": "os.system"')
    with pytest.raises(ValueError, match=r"the operation 'os.system'"):
        onefit.models.model_from_json(text)


def test_a_model_with_operations_trains():
    x = onefit.Input((3,))
    w = onefit.layers.Dense(8, activation="relu")(x)
    w = ops.multiply(w, ops.softmax(w, axis=-1))
    y = ops.sum(w, axis=-1, keepdims=True)
    model = onefit.Model(x, y)
    model.compile("adam", "mse")
    history = model.fit(X, X[:, :1], epochs=20, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_what_is_a_layer_here_is_that_layer():
    x = onefit.Input((3,))
    kinds = {
        "Activation": ops.relu(x),
        "Arithmetic": ops.add(x, 1.0),
        "Absolute": ops.abs(x),
        "Operation": ops.exp(x),
    }
    for kind, y in kinds.items():
        assert type(y.call.layer).__name__ == kind


def test_masks_and_types_of_the_values_of_a_graph():
    x = onefit.Input((3,))
    conditions = [x > 0, (x > 0) & (x < 1), (x > 0) | (x < -1), ~(x > 0), x != 0]
    conditions += [(x > 0) ^ (x > 1), ops.isfinite(x)]
    assert {c.dtype for c in conditions} == {"bool"}
    model = onefit.Model(x, conditions)
    found = model.predict(X, verbose=0)
    n = np.asarray(X)
    expected = [n > 0, (n > 0) & (n < 1), (n > 0) | (n < -1), ~(n > 0), n != 0]
    expected += [(n > 0) ^ (n > 1), np.isfinite(n)]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_whole_numbers_stay_whole():
    tokens = onefit.Input((4,), dtype="int32")
    y = ops.not_equal(tokens, 0)
    count = ops.sum(ops.cast(y, "int32"), axis=-1)
    model = onefit.Model(tokens, [count, tokens + 1])
    found = model.predict(np.array([[1, 2, 0, 0]]), verbose=0)
    assert found[0].tolist() == [2]
    assert count.dtype == "int32"


def test_an_open_size_of_a_shape_is_the_axis_own():
    x = onefit.Input((4,))
    y = ops.reshape(x, (ops.shape(x)[0], 2, 2))
    assert y.shape == (None, 2, 2)
    found = onefit.Model(x, y).predict(np.ones((3, 4)), verbose=0)
    assert found.shape == (3, 2, 2)


def test_every_operation_has_a_docstring_and_is_pickled_by_name():
    for name, op in OPS.items():
        function = getattr(ops, name, None) or getattr(ops.image, name[6:])
        assert function.__doc__, name
        assert pickle.loads(pickle.dumps(function)) is function
        assert op.signature.parameters


def test_loops_and_choices_in_programs_and_graphs():
    def run(x):
        doubled = ops.while_loop(lambda v: ops.sum(v) < 100, lambda v: v * 2, x)
        picked = ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)
        return doubled, picked

    x = np.array([1.0, 2.0], "float32")
    for one, other in zip(jax.jit(run)(x), run(x), strict=True):
        np.testing.assert_array_equal(one, other)
    entrance = onefit.Input((3,))
    rows = ops.map(ops.sum, entrance)
    model = onefit.Model(entrance, rows)
    np.testing.assert_allclose(model.predict(X, verbose=0), X.sum(1), 1e-5)
    with pytest.raises(ValueError, match="the config of a function among its arg"):
        model.to_json()


def test_gradients_go_through():
    grad = jax.grad(lambda x: ops.sum(ops.stop_gradient(x) * ops.square(x)))
    np.testing.assert_allclose(grad(jnp.array([1.0, 2.0])), [2.0, 8.0])


def test_a_variable_alone_and_in_lists():
    v = onefit.Variable([1.0, 2.0])
    assert ops.stack([v, v]).shape == (2, 2)
    assert ops.concatenate([v, [3.0]]).tolist() == [1, 2, 3]
    assert float(ops.sum(v)) == 3


def test_types_of_plain_numbers_and_lists():
    assert ops.convert_to_tensor([1, 2]).dtype == "int32"
    assert ops.convert_to_tensor([1.5]).dtype == "float32"
    assert ops.convert_to_tensor(np.ones(1)).dtype == "float32"
    half = jnp.ones(2, "float16")
    assert (ops.add(half, 1.0)).dtype == "float16"
    with onefit.config.precision("float64"):
        assert ops.exp([1.0]).dtype == "float64"
        assert ops.mean(np.ones(3)).dtype == "float64"


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: ops.add(1),
            TypeError,
            r"add\(x1: .*missing a required argument: 'x2'",
        ),
        (lambda: ops.mean([1], axes=0), TypeError, "received an argument 'axes'.*axis"),
        (lambda: ops.exp("text"), TypeError, "received 'text' .str.; expected numbers"),
        (
            lambda: ops.convert_to_tensor([1], sparse=True),
            ValueError,
            "sparse=True; expected a dense array",
        ),
        (
            lambda: ops.reshape(onefit.Input((3,)), (-1, 2)),
            ValueError,
            "Operation 'reshape': received reshape of shapes .None, 3., which fails",
        ),
        (
            lambda: ops.image.resize(np.ones((2, 2)), (3, 3)),
            TypeError,
            "image.resize: received an array of shape .2, 2.",
        ),
        (
            lambda: ops.image.resize(np.ones((2, 2, 1)), (3, 3), "cubical"),
            ValueError,
            "Unknown interpolation of image.resize 'cubical'",
        ),
        (lambda: ops.solve(np.ones((2, 3)), [1.0]), TypeError, "square matrices"),
        (lambda: ops.fft(np.ones(3)), TypeError, "a pair of arrays"),
        (lambda: ops.rearrange(np.ones((2, 3)), "a b"), ValueError, "both sides of"),
        (lambda: ops.unstack(np.ones((2, 3)), 3), ValueError, "num=3 for an axis of 2"),
        (lambda: Operation("nothing", ()), ValueError, "Unknown operation"),
        (
            lambda: ops.dot_product_attention(
                *[np.ones((1, 2, 1, 2))] * 3, flash_attention=True
            ),
            ValueError,
            "the compiler chooses",
        ),
        (
            lambda: ops.convert_to_numpy(onefit.Input((2,))),
            TypeError,
            "a value that has no numbers yet",
        ),
    ],
)
def test_what_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_what_keras_on_jax_has_not():
    # Its `num_segments` has to be said there; here it is found outside programs.
    assert ops.segment_sum([1.0, 2, 3], [0, 0, 1]).tolist() == [3, 3]
    # Rows of sparsemax sum to 1.
    np.testing.assert_allclose(ops.sum(ops.sparsemax(X), -1), 1, 1e-5)
    # Windows without strides are next to each other.
    assert ops.max_pool(np.ones((1, 4, 4, 1)), 2).shape == (1, 2, 2, 1)
    # A soft cap of the scores, by hand: one key, so its value comes out.
    heads = np.ones((1, 1, 1, 2), "float32")
    capped = ops.dot_product_attention(heads, heads, 3 * heads, attn_logits_soft_cap=1)
    np.testing.assert_allclose(capped, 3 * heads)


def test_a_value_of_a_graph_is_not_iterated_by_mistake():
    assert isinstance(ops.stack([onefit.Input((2,)), onefit.Input((2,))]), Tensor)


def test_a_slice_of_what_follows():
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(ops.slice(x, (1, 2), (-1, 2)), x[1:, 2:4])
    graph = onefit.Input((4,))
    assert ops.slice(graph, (0, 1), (2, -1)).shape == (2, 3)
    with pytest.raises(ValueError, match="not known yet; expected sizes"):
        jax.jit(lambda i: ops.slice(x, [i, 0], (-1, 2)))(1)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (
            lambda: ops.extract_sequences(X[0], 2, 0),
            "sequence_stride=0; expected a pos",
        ),
        (lambda: ops.stft(X, 2, 1.5, 4), "sequence_stride=1.5; expected a positive"),
        (lambda: ops.istft((X, X), 2, -5, 4), "istft: received sequence_stride=-5"),
        (lambda: ops.istft((X[0], X[0]), 2, 1, 4), r"parts of shape \(3,\)"),
        (lambda: ops.extract_sequences(1.0, 2, 1), "received one number"),
        (lambda: ops.cdist(X, X[:, :2]), "expected vectors of one size"),
        (lambda: ops.qr(X, mode="full"), "Unknown mode of qr 'full'"),
        (lambda: ops.segment_sum(X, [0, 1]), r"\(5,\) rows and segment_ids of shape"),
        (lambda: ops.depth_to_space(np.ones((1, 2, 2, 4)), 0), "block_size=0; ex"),
        (lambda: ops.space_to_depth(np.ones((1, 2, 2, 4)), 1.5), "block_size=1.5"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


@pytest.mark.parametrize("types", [("float16", "float32"), ("bfloat16", "float16")])
def test_attention_of_several_types_is_in_the_wider_one(types):
    x, y = (np.ones((2, 3, 2, 4), dtype) for dtype in map(jnp.dtype, types))
    assert ops.dot_product_attention(x, y, y).dtype == jnp.result_type(x, y)
