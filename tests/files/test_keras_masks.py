"""Masks in Keras' files: the same steps count in both libraries."""

import json
import random
import zipfile

import numpy as np
import pytest

import onefit
from onefit import Input, Model, OnefitWarning, Sequential, layers
from onefit.files.weights import plain_in_order

RNG = np.random.default_rng(2)
IDS = RNG.integers(0, 3, (5, 6)).astype("int32")
IDS[:, 0] = 1
X = RNG.normal(size=(5, 6, 3)).astype("float32")
X[:, 4:] = 0.0

MODELS = {
    "one": lambda L, ids, x, e, m: L.LSTM(2)(e),
    "both ways": lambda L, ids, x, e, m: L.Bidirectional(L.GRU(2))(L.Dropout(0.1)(e)),
    "added": lambda L, ids, x, e, m: L.SimpleRNN(2)(L.Add()([e, m])),
    "joined": lambda L, ids, x, e, m: L.SimpleRNN(2)(L.Concatenate()([e, m, x])),
    "averaged": lambda L, ids, x, e, m: L.GlobalAveragePooling1D()(
        L.TimeDistributed(L.Dense(2))(e)
    ),
    # An operator loses the mask in Keras; ours keeps it, and its file says so.
    "an operator": lambda L, ids, x, e, m: L.SimpleRNN(2)(abs(e * 2.0) + m),
    "a part": lambda L, ids, x, e, m: L.SimpleRNN(2)(e[:, 1:]),
    "heads": lambda L, ids, x, e, m: L.GlobalAveragePooling1D()(
        L.MultiHeadAttention(2, 2)(e * 2.0, m)
    ),
    "attention": lambda L, ids, x, e, m: L.GlobalAveragePooling1D()(
        L.Attention()([e * 2.0 + m, m])
    ),
    # Given states, Keras does not look for a mask, but passes it on.
    "states": lambda L, ids, x, e, m: L.GlobalAveragePooling1D()(
        L.SimpleRNN(2, return_sequences=True)(e, initial_state=[x[:, 0, :2]])
    ),
}


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


def model(lib, name):
    ids, x = lib.Input((6,), dtype="int32", name="ids"), lib.Input((6, 3), name="x")
    e, m = lib.layers.Embedding(3, 3, mask_zero=True)(ids), lib.layers.Masking()(x)
    y = MODELS[name](lib.layers, ids, x, e, m)
    return lib.Model([ids, x], [y, lib.layers.Dense(1)(lib.layers.Add()([e, m]))])


def close(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_the_same_steps_count(name, keras, tmp_path):
    ours = model(onefit, name)
    expected = ours.predict([IDS, X])
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    close(theirs.predict([IDS, X], verbose=0), expected)
    again = onefit.load_model(tmp_path / "a.keras")
    close(again.predict([IDS, X]), expected)
    # Back from Keras, and from a model that it made.
    theirs.save(tmp_path / "b.keras")
    close(onefit.load_model(tmp_path / "b.keras").predict([IDS, X]), expected)
    theirs = model(keras, name)
    theirs.save(tmp_path / "c.keras")
    back = onefit.load_model(tmp_path / "c.keras")
    close(back.predict([IDS, X]), theirs.predict([IDS, X], verbose=0))
    back.save(tmp_path / "d.keras")
    copy = keras.models.load_model(tmp_path / "d.keras")
    close(copy.predict([IDS, X], verbose=0), theirs.predict([IDS, X], verbose=0))


def test_a_mask_as_an_input(keras, tmp_path):
    x, there = Input((6, 3)), Input((6,), dtype="bool")
    ours = Model([x, there], layers.GRU(2)(x, mask=there))
    ours.save(tmp_path / "a.keras")
    expected = ours.predict([X, IDS > 0])
    theirs = keras.models.load_model(tmp_path / "a.keras")
    close([theirs.predict([X, IDS > 0], verbose=0)], [expected])
    theirs.save(tmp_path / "b.keras")
    back = onefit.load_model(tmp_path / "b.keras")
    close([back.predict([X, IDS > 0])], [expected])


def test_a_mask_that_keras_will_not_know_is_told(tmp_path):
    """One from inside a model, past an operator."""
    ids = Input((6,))
    inside = Sequential([layers.Embedding(3, 3, mask_zero=True)])
    ours = Model(ids, layers.LSTM(2)(inside(ids) * 2.0))
    with pytest.warns(OnefitWarning, match="LSTM 'lstm': received a mask that Keras"):
        ours.save(tmp_path / "a.keras")
    again = onefit.load_model(tmp_path / "a.keras")
    close([again.predict(IDS)], [ours.predict(IDS)])


def any_model(seed):
    """Layers of one shape by chance, some of which make, join and take masks."""
    rng = random.Random(seed)
    x = Input((4, 2))
    values = [x, layers.Dense(2)(x), layers.Dense(2)(x)]
    makes = (
        lambda x, _: layers.Dense(2)(x),
        lambda x, _: layers.Dropout(0.1)(x),
        lambda x, _: layers.Masking()(x),
        lambda x, _: layers.SimpleRNN(2, return_sequences=True)(x),
        lambda x, y: layers.Add()([x, y, values[0]]),
        lambda x, y: layers.Dense(2)(layers.Concatenate()([x, y])),
        lambda x, y: x + y,
        lambda x, y: layers.SimpleRNN(2, return_sequences=True)(
            x, initial_state=y[:, 0]
        ),
    )
    for _ in range(14):
        values.append(rng.choice(makes)(*rng.choices(values[1:], k=2)))
    return Model(x, [layers.GlobalAveragePooling1D()(v) for v in values[-4:]])


@pytest.mark.parametrize("seed", range(8))
def test_operations_of_masks_count_in_keras_order(seed, keras, tmp_path):
    ours = any_model(seed)
    ours.set_weights([RNG.normal(size=w.shape) for w in ours.get_weights()])
    ours.save(tmp_path / "a.keras")
    theirs = keras.models.load_model(tmp_path / "a.keras")
    theirs.save(tmp_path / "b.keras")
    assert names(tmp_path / "a.keras") == names(tmp_path / "b.keras")
    for found in (ours, onefit.load_model(tmp_path / "b.keras")):
        weights = [w for p in plain_in_order(found.graph) for w in p.get_weights()]
        expected = [np.asarray(w) for w in theirs.weights]
        for a, b in zip(weights, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def names(path):
    """The names of a file's layers in its order, without the operations."""
    with zipfile.ZipFile(path) as file:
        config = json.loads(file.read("config.json"))["config"]
    return [one["name"] for one in config["layers"] if one["module"] == "keras.layers"]
