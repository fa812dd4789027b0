"""Looks at rows: what one prediction has found serves the next, but for changes."""

import numpy as np
import pytest

import onefit
from onefit.layers import (
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Normalization,
)
from onefit.training import evaluation
from onefit.training.compiling import LOOK, is_look

X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")


def network(*layers: onefit.layers.Layer, inputs: int = 3) -> onefit.Sequential:
    model = onefit.Sequential([onefit.Input((inputs,)), *layers])
    model.compile("sgd", "mse")
    return model


def anew(model: onefit.Sequential, x: np.ndarray) -> np.ndarray:
    """A prediction that knows nothing of the last one."""
    model.predicting = ()
    return model.predict(x)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_rows_like_the_last_are_predicted_by_what_those_needed(rows, monkeypatch):
    model = network(Dense(4, "relu"), BatchNormalization(), Dense(2))
    first = model.predict(X[:rows])
    monkeypatch.delattr(evaluation, "_inputs")  # what reads rows anew
    np.testing.assert_array_equal(model.predict(X[:rows]), first)
    with pytest.raises(NameError):
        model.predict(X[:rows].astype("float64"))
    with pytest.raises(NameError):
        model.predict(X[: rows + 1] if rows < 5 else X[:3])


def test_its_answer_is_the_callers_own():
    model = network(Dense(1))
    for _ in range(2):
        y = model.predict(X)
        y[:] = 0  # a view of what the program gave could not be written to
    assert (model.predict(X) != 0).all()


def double_weights(model):
    model.set_weights([2 * w for w in model.get_weights()])


def train(model):
    model.fit(X, np.ones((5, 2), "float32"), epochs=1, verbose=0)


def another_activation(model):
    model.layers[-1].activation = "sigmoid"


@pytest.mark.parametrize("change", [double_weights, train, another_activation])
def test_what_has_changed_is_seen(change):
    model = network(Dense(4, "relu"), Dense(2))
    before = [model.predict(X) for _ in range(2)][-1]
    change(model)
    now = model.predict(X)
    assert (now != before).any()
    np.testing.assert_array_equal(now, anew(model, X))


def test_a_layer_more_is_seen():
    model = network(Dense(2))
    assert [model.predict(X).shape for _ in range(2)][-1] == (5, 2)
    model.add(Dense(3))
    assert model.predict(X).shape == (5, 3)


def test_numbers_are_still_looked_at():
    model = network(Embedding(3, 2), Flatten(), Dense(1), inputs=2)
    for _ in range(2):
        model.predict(np.ones((1, 2), "float32"))
    with pytest.raises(ValueError, match="Embedding"):
        model.predict(np.full((1, 2), 7, "float32"))


def test_a_layer_on_the_host_is_not_left_out():
    scale = Normalization()
    scale.adapt(10 * X)
    model = network(scale, Dense(2))
    first = model.predict(X)
    np.testing.assert_array_equal(model.predict(X), first)
    np.testing.assert_allclose(first, anew(model, X), rtol=1e-6)


def test_a_network_that_computes_otherwise_each_time_is_asked_each_time():
    x = onefit.Input((3,))
    model = onefit.Model(x, Dropout(0.5)(x, training=True))
    model.compile("sgd", "mse")
    assert (model.predict(X) != model.predict(X)).any()


def test_a_call_sees_what_each_row_is():
    model = network(Dense(4, "relu"), Dense(2))
    for rows in (1, 5, 5):
        np.testing.assert_allclose(
            model(X[:rows]), model.predict(X[:rows]), rtol=1e-5, atol=1e-6
        )
    with pytest.raises(ValueError, match="3"):
        model(np.ones((5, 4), "float32"))
    with pytest.raises(ValueError, match="3"):
        model(np.ones((5, 4), "float32"))  # not what the last call has left


def test_a_look_is_little_work_of_several_rows():
    assert is_look(LOOK / 32, 32)
    assert not is_look(LOOK / 32 + 1, 32)
    assert not is_look(1, 1)
