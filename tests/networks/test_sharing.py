"""A layer in two places of a network trains once: as in Keras."""

import keras
import numpy as np
import pytest

import onefit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype("float32")
KERNEL = RNG.normal(size=(6, 4)).astype("float32") * 0.3


def tied(lib, optimizer, regularizer=None):
    """An autoencoder whose decoder uses its encoder's kernel, in nested models."""

    class Tied(lib.layers.Layer):
        def __init__(self, dense, **kwargs):
            super().__init__(**kwargs)
            self.dense = dense

        def build(self, input_shape):
            self.b = self.add_weight(shape=(6,), initializer="zeros", name="b")

        def call(self, inputs):
            turned = lib.ops.transpose(self.dense.kernel)
            return lib.ops.matmul(inputs, turned) + self.b

    dense = lib.layers.Dense(4, "tanh", kernel_regularizer=regularizer)
    dense.build((None, 6))
    dense.set_weights([KERNEL, np.zeros(4, "float32")])
    model = lib.Sequential(
        [
            lib.Sequential([lib.Input((6,)), dense]),
            lib.Sequential([lib.Input((4,)), Tied(dense)]),
        ]
    )
    model.build((None, 6))
    model.compile(optimizer, "mse")
    return model, dense


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adafactor"])
def test_the_weights_go_where_those_of_keras_go(optimizer):
    found = []
    for lib in (onefit, keras):
        model, dense = tied(lib, optimizer)
        shapes = [tuple(w.shape) for w in model.trainable_weights]
        assert shapes == [(6, 4), (4,), (6,)]
        assert model.count_params() == 34
        model.fit(X, X, epochs=2, batch_size=16, shuffle=False, verbose=0)
        model.train_on_batch(X, X)
        found.append([*map(np.asarray, dense.get_weights()), *model.get_weights()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)


def test_what_is_shared_stays_so_when_frozen_and_in_files(tmp_path):
    model, dense = tied(onefit, "adam")
    model.fit(X, X, epochs=1, verbose=0)
    model.save_weights(tmp_path / "a.weights.h5")
    other, _ = tied(onefit, "adam")
    other.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    before = dense.get_weights()[0]
    dense.trainable = False
    model.fit(X, X, epochs=1, verbose=0)
    np.testing.assert_array_equal(dense.get_weights()[0], before)


def test_a_penalty_of_what_is_shared_counts_once_as_in_keras():
    found = []
    for lib in (onefit, keras):
        model, dense = tied(lib, "sgd", regularizer="l2")
        before = model.evaluate(X, X, verbose=0)
        model.fit(X, X, epochs=2, batch_size=16, shuffle=False, verbose=0)
        found.append([np.asarray(before), *map(np.asarray, dense.get_weights())])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2e-5)


class Weighed(onefit.Layer):
    """A layer whose weight has a penalty of its own."""

    def build(self, input_shape):
        self.k = self.add_weight(shape=(6, 4), regularizer="l2", name="k")

    def call(self, inputs):
        return onefit.ops.matmul(inputs, self.k)


class Turned(onefit.Layer):
    """The same weight, turned."""

    def __init__(self, other, **kwargs):
        super().__init__(**kwargs)
        self.other = other

    def call(self, inputs):
        return onefit.ops.matmul(inputs, onefit.ops.transpose(self.other.k))


def test_so_does_that_of_a_weight_that_a_class_adds():
    layer = Weighed()
    layer.build((None, 6))
    parts = ([onefit.Input((6,)), layer], [onefit.Input((4,)), Turned(layer)])
    model = onefit.Sequential([onefit.Sequential(part) for part in parts])
    model.compile("sgd", "mse")
    k = np.asarray(layer.k.value)
    # The mean square of X − X k kᵀ, and 0.01 Σ k², once.
    wanted = np.mean((X - X @ k @ k.T) ** 2) + 0.01 * np.sum(k**2)
    assert np.isclose(model.evaluate(X, X, verbose=0), wanted, rtol=1e-5)
    assert np.isclose(float(sum(model.losses)), 0.01 * np.sum(k**2), rtol=1e-5)


class Around(onefit.Layer):
    """A layer of another's."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs, training=False):
        return self.inner(inputs, training=training)


def normalized(lib, around=None):
    """One BatchNormalization in two models, and a Dense layer between."""
    norm = lib.layers.BatchNormalization(momentum=0.5)
    norm.build((None, 6))
    dense = lib.layers.Dense(6, use_bias=False, kernel_initializer="ones")
    if around:
        parts = [around(norm), dense, around(norm)]
    else:
        parts = [
            lib.Sequential([lib.Input((6,)), norm, dense]),
            lib.Sequential([lib.Input((6,)), norm]),
        ]
    model = lib.Sequential([lib.Input((6,)), *parts])
    model.compile("sgd", "mse")
    return model, norm


def test_averages_in_two_models_go_on_from_call_to_call_as_in_keras():
    found = []
    for lib in (onefit, keras):
        model, norm = normalized(lib)
        model.fit(X, X, batch_size=32, shuffle=False, verbose=0)
        found.append([np.asarray(w) for w in norm.get_weights()])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_averages_in_two_classes_are_refused():
    model, norm = normalized(onefit, Around)
    with pytest.raises(ValueError, match=r"BatchNormalization .* in two layers"):
        model.fit(X, X, verbose=0)
    norm.trainable = False
    model.fit(X, X, verbose=0)
