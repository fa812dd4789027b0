"""Masks: carried through graphs to losses and metrics."""

import numpy as np
import pytest

import onefit
from onefit import Input, Layer, Model, Sequential
from onefit.layers import Add, BatchNormalization, Dense, Dropout, Flatten, Reshape

X = np.random.default_rng(0).normal(size=(6, 4, 3)).astype("f4")
LENGTHS = np.array([4, 3, 2, 1, 4, 2])
THERE = np.arange(4) < LENGTHS[:, None]
X[~THERE] = 0.0
Y = np.random.default_rng(1).normal(size=(6, 4, 1)).astype("f4")


class NotZero(Layer):
    """Masks the steps whose features are all 0."""

    supports_masking = True

    def compute_mask(self, x, mask):
        return (x != 0).any(axis=-1)

    def apply(self, params, state, x, *, training=False, key=None):
        return x, state


class Counts(Layer):
    """The number of steps that there are: a layer that is told of the mask."""

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        count = x.shape[1] if mask is None else mask.sum(axis=1, keepdims=True)
        return x[:, 0] * 0.0 + count, state


def test_a_mask_reaches_the_layers_behind():
    chain = [NotZero(), Dense(5), Dropout(0.1), BatchNormalization(), Counts()]
    model = Sequential([Input((4, 3)), *chain])
    np.testing.assert_array_equal(model.predict(X)[:, 0], LENGTHS)
    # One that does not keep the steps does not keep their mask either.
    lost = Sequential([Input((4, 3)), NotZero(), Reshape((4, 3)), Counts()])
    np.testing.assert_array_equal(lost.predict(X)[:, 0], 4)


def test_a_mask_goes_through_models_inside_and_several_inputs():
    inside = Sequential([Dense(3), Dropout(0.1)])
    x, other = Input((4, 3)), Input((4, 3))
    both = Add()([inside(NotZero()(x)), NotZero()(other)])
    both = 0.5 * both + both
    model = Model([x, other], [Counts()(both), both])
    np.testing.assert_array_equal(model.predict([X, X])[0][:, 0], LENGTHS)


def test_a_call_may_bring_its_own_mask():
    x, mask = Input((4, 3)), Input((4,), dtype="bool")
    model = Model([x, mask], Counts()(x, mask=mask))
    np.testing.assert_array_equal(model.predict([X, THERE])[:, 0], LENGTHS)
    np.testing.assert_array_equal(Counts()(X, mask=THERE)[:, 0], LENGTHS)


def masked():
    model = Sequential([Input((4, 3)), NotZero(), Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
    return model


def test_masked_steps_count_neither_in_loss_nor_in_metrics():
    model = masked()
    error = (model.predict(X) - Y)[THERE]
    found = model.evaluate(X, Y, verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], np.mean(error**2), rtol=1e-5)
    np.testing.assert_allclose(found["mae"], np.mean(abs(error)), rtol=1e-5)
    np.testing.assert_allclose(found["mse"], np.mean(error**2), rtol=1e-5)
    weights = np.arange(1.0, 7.0)
    found = model.evaluate(X, Y, verbose=0, sample_weight=weights, return_dict=True)
    spread = (weights[:, None] * THERE)[THERE]
    weighed = np.sum(error[:, 0] ** 2 * spread)
    np.testing.assert_allclose(found["loss"], weighed / THERE.sum(), rtol=1e-5)
    np.testing.assert_allclose(found["mse"], weighed / spread.sum(), rtol=1e-5)


def test_masked_steps_change_no_weight():
    one, other = masked(), masked()
    other.set_weights(one.get_weights())
    wild = np.where(THERE[..., None], Y, 1e6).astype("f4")
    for model, y in ((one, Y), (other, wild)):
        onefit.utils.set_random_seed(0)
        model.fit(X, y, batch_size=4, epochs=2, verbose=0)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_keras_trains_the_same_with_a_mask():
    import keras

    ours = Sequential([Input((4, 3)), onefit.layers.Masking(), Dense(2), Dense(1)])
    theirs = keras.Sequential(
        [
            keras.Input((4, 3)),
            keras.layers.Masking(),
            keras.layers.Dense(2),
            keras.layers.Dense(1),
        ]
    )
    ours.set_weights(theirs.get_weights())
    # Keras takes no weights (batch,) beside a mask: it cannot broadcast them.
    weights = np.arange(1.0, 7.0)[:, None] * np.ones((6, 4))
    losses = []
    for model, library in ((ours, onefit), (theirs, keras)):
        model.compile(library.optimizers.SGD(0.1), "mse")
        run = {"sample_weight": weights, "shuffle": False, "batch_size": 4}
        losses.append(model.fit(X, Y, epochs=2, verbose=0, **run).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("last", [Flatten(), Reshape((12,))], ids=repr)
def test_a_mask_that_is_lost_leaves_the_loss_alone(last):
    model = Sequential([Input((4, 3)), NotZero(), last.replace()])
    model.compile("sgd", "mse")
    expected = np.mean(X**2)
    found = model.evaluate(X, np.zeros((6, 12)), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
