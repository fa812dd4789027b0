"""What models must not do: found by trying them."""

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import Input, Model, Sequential
from onefit.callbacks import EarlyStopping, ModelCheckpoint
from onefit.layers import GRU, BatchNormalization, Concatenate, Dense, Lambda

X = np.random.default_rng(0).normal(size=(40, 3)).astype("f4")
Y = X[:, :1]


def test_callbacks_see_the_last_epoch_before_the_best_weights_return(tmp_path):
    model = Sequential([Input((3,)), Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    stop = EarlyStopping("val_mae", mode="max", patience=2, restore_best_weights=True)
    file = tmp_path / "best.keras"
    keep = ModelCheckpoint(str(file), monitor="val_loss", save_best_only=True)
    run = {"epochs": 8, "shuffle": False, "verbose": 0, "validation_data": (X, Y)}
    history = model.fit(X, Y, callbacks=[stop, keep], **run).history
    assert len(history["loss"]) == 3
    saved = onefit.load_model(file).evaluate(X, Y, verbose=0)[0]
    np.testing.assert_allclose(saved, history["val_loss"][-1], rtol=1e-5)
    ended = model.evaluate(X, Y, verbose=0)[0]
    np.testing.assert_allclose(ended, history["val_loss"][0], rtol=1e-5)


def test_rows_that_a_network_mixes_are_not_mixed_with_others():
    x = Input((3,))
    normed = Model(x, BatchNormalization()(x, training=True))
    np.testing.assert_allclose(normed.predict(X[:5]), normed(X[:5]), atol=1e-5)
    centred = Model(x, Lambda(lambda a: a - jnp.mean(a, 0, keepdims=True))(x))
    expected = X[:5] - X[:5].mean(0)
    np.testing.assert_allclose(centred.predict(X[:5]), expected, atol=1e-5)
    halves = [X[at] - X[at].mean(0) for at in (slice(32), slice(32, 40))]
    np.testing.assert_allclose(centred.predict(X), np.concatenate(halves), atol=1e-5)


def test_nested_lists_of_one_row_are_one_row():
    model = Sequential([Input((2, 3)), Dense(1)])
    row = [[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]
    assert model(row).shape == model.predict(row).shape == (1, 2, 1)


def test_a_stateful_model_predicts_its_own_batch():
    x = Input(batch_shape=(4, 3, 2))
    model = Model(x, Dense(1)(GRU(2, stateful=True)(x)))
    rows = np.ones((4, 3, 2), "f4")
    first, second = model.predict_on_batch(rows), model.predict(rows)
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_allclose(model.predict(rows), first, rtol=1e-6)


def test_columns_of_a_table_are_inputs():
    a, b = Input((1,), name="a"), Input((1,), name="b")
    model = Model({"a": a, "b": b}, Dense(1)(Concatenate()([a, b])))
    model.compile("sgd", "mse")
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    model.fit(dict(table), Y, verbose=0)
    expected = model.predict({"a": X[:, :1], "b": X[:, 1:2]})
    np.testing.assert_allclose(model.predict(dict(table)), expected, rtol=1e-6)


def test_lists_of_one_array():
    model = Sequential([Input((3,)), Dense(1)])
    model.compile("sgd", "mse")
    weights = np.arange(40.0)
    expected = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    found = model.evaluate([X], [Y], sample_weight=[weights], verbose=0)
    assert found == expected
    assert model.evaluate(X, [Y[:, 0]], sample_weight=weights, verbose=0) == expected


def test_what_is_a_layer_of_another_stays_as_it_is():
    inside = Sequential([Input((3,)), Dense(4), Dense(2)])
    x = Input((3,))
    Model(x, Dense(1)(inside(x)))
    with pytest.raises(ValueError, match="pop\\(\\) of a model that is a layer"):
        inside.pop()
    with pytest.raises(ValueError, match="add\\(\\) of a model that is a layer"):
        inside.add(Dense(1))
    inside.trainable = False
    assert not inside.trainable


def test_rows_that_do_not_match_are_named():
    a, b = Input((3,)), Input((3,))
    model = Model([a, b], a + b)
    with pytest.raises(ValueError, match=r"40 rows in x\[0\] and 5 in x\[1\]"):
        model.predict([X, X[:5]])
