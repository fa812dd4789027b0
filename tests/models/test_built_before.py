"""Layers that were built for another input, first in a model."""

import numpy as np
import pytest

import onefit
from onefit import Input, Model, Sequential, layers

RNG = np.random.default_rng(0)


def tokens():
    return RNG.integers(0, 20, (12, 6))


def embedding(**settings):
    table = RNG.random((20, 4)).astype("float32")
    return layers.Embedding(20, 4, weights=[table], **settings)


def dense():
    layer = layers.Dense(3)
    layer(np.zeros((2, 5), "float32"))
    return layer


def flatten():
    layer = layers.Flatten()
    layer(np.zeros((1, 2, 2), "float32"))
    return layer


def inner():
    return Sequential([dense(), layers.Activation("tanh")])


FIRST = {
    "embedding": (embedding, tokens, layers.Flatten),
    "embedding, pooled": (embedding, tokens, layers.GlobalAveragePooling1D),
    "embedding, masked": (lambda: embedding(mask_zero=True), tokens, layers.LSTM),
    "dense": (dense, lambda: RNG.random((12, 4, 5)), layers.Flatten),
    "flatten": (flatten, lambda: RNG.random((12, 3, 2)), layers.Flatten),
    "model": (inner, lambda: RNG.random((12, 4, 5)), layers.Flatten),
}


def network(way, first, x, tail):
    last = layers.Dense(1, "sigmoid")
    tail = tail(3) if tail is layers.LSTM else tail()
    if way == "graph":
        entrance = Input(x.shape[1:])
        return Model(entrance, last(tail(first()(entrance))))
    begin = [Input(x.shape[1:])] if way == "input first" else []
    return Sequential([*begin, first(), tail, last])


@pytest.mark.parametrize("way", ["input first", "no input", "graph"])
@pytest.mark.parametrize("name", FIRST)
def test_it_trains_predicts_and_is_saved(name, way, tmp_path):
    first, data, tail = FIRST[name]
    x = data()
    model = network(way, first, x, tail)
    model.compile("adam", "binary_crossentropy")
    model.fit(x, np.arange(12) % 2, epochs=1, verbose=0)
    before = model.predict(x, verbose=0)
    assert before.shape == (12, 1)
    assert model.input_shape == (None, *x.shape[1:])
    assert model.graph.slot.input_shape == (None, *x.shape[1:])
    model.save(tmp_path / "model.keras")
    again = onefit.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again.predict(x, verbose=0), before)
    again.fit(x, np.arange(12) % 2, epochs=1, verbose=0)


def test_the_summary_shows_the_shapes_of_this_model(capsys):
    Sequential([Input((4, 5)), dense(), layers.Flatten()]).summary()
    shown = capsys.readouterr().out
    assert "(None, 4, 3)" in shown
    assert "(None, 12)" in shown


def test_a_chain_of_built_layers_takes_its_shape_from_the_data():
    used = Sequential([Input((4,)), layers.Dense(3, "relu"), layers.Dense(2)])
    half = Sequential(used.layers[:1])
    x = RNG.random((5, 4)).astype("float32")
    assert half.predict(x, verbose=0).shape == (5, 3)
    assert half.output_shape == (None, 3)
