"""Types of layers, mixed policies among them; tensors and masks outside programs."""

import numpy as np
import pytest

import onefit
from onefit import layers

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 5, 4)).astype("float32")
KINDS = {
    "Dense": {"units": 3},
    "Conv1D": {"filters": 2, "kernel_size": 2},
    "LSTM": {"units": 3},
    "GRU": {"units": 3, "return_sequences": True},
    "BatchNormalization": {},
    "LayerNormalization": {},
    "Flatten": {},
    "MaxPooling1D": {"pool_size": 2},
    "Dropout": {"rate": 0.5},
    "ReLU": {},
}


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("name", KINDS)
def test_a_mixed_layer_computes_in_halves_as_keras_does(name, policy):
    import keras

    ours = getattr(layers, name)(**KINDS[name], dtype=policy)
    theirs = getattr(keras.layers, name)(**KINDS[name], dtype=policy)
    y, expected = ours(X), theirs(X)
    assert str(y.dtype) == str(expected.dtype) == policy.removeprefix("mixed_")
    ours.set_weights(theirs.get_weights())
    for what in ("compute_dtype", "variable_dtype", "dtype", "input_dtype"):
        assert getattr(ours, what) == getattr(theirs, what), what
    assert ours.dtype_policy.name == theirs.dtype_policy.name
    assert {w.dtype for w in ours.weights} <= {"float32"}
    spec = ours.compute_output_spec(onefit.KerasTensor((2, 5, 4), ours.compute_dtype))
    assert spec.dtype == str(y.dtype)
    a, b = (np.asarray(v, "float32") for v in (ours(X), theirs(X)))
    # Of eight digits of bfloat16, sums of some products lose two.
    np.testing.assert_allclose(a, b, atol=0.05 if "bf" in policy else 0.01)


@pytest.fixture
def mixed():
    onefit.config.set_dtype_policy("mixed_bfloat16")
    yield
    onefit.config.set_dtype_policy("float32")


@pytest.mark.filterwarnings("ignore")
def test_a_policy_of_all_layers_trains_and_comes_back_from_a_file(mixed, tmp_path):
    model = onefit.Sequential(
        [onefit.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(1, dtype="float32")]
    )
    assert model.layers[0].compute_dtype == "bfloat16"
    assert model.inputs[0].dtype == "float32"
    model.compile(onefit.optimizers.Adam(0.05), "mse")
    x = X.reshape(-1, 4)
    history = model.fit(x, x[:, :1], epochs=60, verbose=0).history["loss"]
    assert history[-1] < 0.2 * history[0]
    assert {w.dtype for w in model.weights} == {"float32"}
    model.save(tmp_path / "m.keras")
    onefit.config.set_dtype_policy("float32")
    loaded = onefit.models.load_model(tmp_path / "m.keras")
    assert [layer.dtype_policy.name for layer in loaded.layers] == [
        "mixed_bfloat16",
        "float32",
    ]
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_an_unknown_policy_is_refused():
    with pytest.raises(ValueError, match="set_dtype_policy: received 'float8'"):
        onefit.config.set_dtype_policy("float8")
    with pytest.raises(ValueError, match="mixed_float16"):
        layers.Dense(2, dtype="mixed_float8")


def test_a_tensor_of_a_shape_alone_is_an_input():
    x = onefit.KerasTensor((None, 4), dtype="float32", name="x")
    assert (x.shape, x.dtype, x.name, x.sparse) == ((None, 4), "float32", "x", False)
    model = onefit.Model(x, layers.Dense(2)(x))
    assert model(X[0]).shape == (5, 2)
    with pytest.raises(TypeError, match="sparse=True"):
        onefit.KerasTensor((2, 3), sparse=True)


def test_layers_without_weights_are_built_from_the_start():
    import keras

    for name in ("ReLU", "Flatten", "Dropout", "GlobalAveragePooling1D", "Dense"):
        settings = {"Dropout": [0.5], "Dense": [2]}.get(name, [])
        ours = getattr(layers, name)(*settings)
        assert ours.built == (name != "Dense"), name
        assert ours.get_weights() == [] if ours.built else True
    assert keras.layers.ReLU().built

    class Mine(layers.ReLU):
        def build(self, shape):
            pass

    assert not Mine().built


def test_masks_go_from_call_to_call_outside_programs_as_in_keras():
    import keras

    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])
    embed, rnn = layers.Embedding(5, 3, mask_zero=True), layers.LSTM(4)
    their_embed = keras.layers.Embedding(5, 3, mask_zero=True)
    their_rnn = keras.layers.LSTM(4)
    theirs = their_rnn(their_embed(ids))
    rnn(layers.Dropout(0.5)(embed(ids)))
    embed.set_weights(their_embed.get_weights())
    rnn.set_weights(their_rnn.get_weights())
    embedded = embed(ids)
    np.testing.assert_array_equal(embedded._keras_mask, ids != 0)
    y = rnn(layers.Dropout(0.5)(embedded))
    np.testing.assert_allclose(y, theirs, atol=1e-6)
    plain = rnn(np.asarray(embedded))
    assert np.abs(np.asarray(y) - plain).max() > 1e-3


def test_a_mask_and_training_may_come_by_place():
    import keras

    mask = np.array([[True, True, False, True, True], [True] * 5])
    ours = layers.GlobalAveragePooling1D()(X, mask)
    theirs = keras.layers.GlobalAveragePooling1D()(X, mask)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert np.any(np.asarray(layers.Dropout(0.9)(X, True)) == 0)
    with pytest.raises(ValueError, match="one that broadcasts"):
        layers.Softmax()(X, mask=np.ones((3, 5, 4)))


def test_an_input_of_doubles_or_of_numpys_sizes():
    x = onefit.Input((np.int64(3),), dtype="float64", sparse=False)
    assert x.shape == (None, 3)
    assert onefit.Model(x, layers.Dense(2)(x))(np.ones((1, 3))).dtype == "float32"
    with pytest.raises(ValueError, match="ragged=True"):
        onefit.Input((3,), ragged=True)
