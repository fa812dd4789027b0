"""Layers outside programs, as in Keras: tensors by shape, masks, arguments by place."""

import numpy as np
import pytest

import onefit
from onefit import layers

rng = np.random.default_rng(0)
X = rng.normal(size=(2, 5, 4)).astype("float32")


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


def test_all_layers_inside_by_keras_own_name():
    inner = onefit.Sequential([onefit.Input((3,)), layers.Dense(2)])
    x = onefit.Input((3,), name="x")
    model = onefit.Model(x, layers.ReLU()(inner(x)))
    names = [layer.name for layer in model._flatten_layers()]
    assert names == [model.name, "x", "sequential", "dense", "re_lu"]
    assert len(model._flatten_layers(include_self=False, recursive=False)) == 3
    assert layers.Dense(2)._flatten_layers(include_self=False) == []
