"""Losses over outputs in nests, also of a `call`, and losses of several outputs."""

import numpy as np
import pytest

import onefit
from onefit import layers, ops

draw = np.random.default_rng(0)
X = draw.normal(size=(16, 3)).astype("float32")
A, B = X[:, :1], np.tanh(X[:, :2])
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


def weights_of(model):
    """The same weights for each network of two Dense layers."""
    rng = np.random.default_rng(1)
    for weight in sorted(model.weights, key=lambda w: (w.ndim, w.shape[-1])):
        weight.assign(rng.normal(size=weight.shape))


class Two(onefit.Model):
    """Two outputs, arranged as a function says."""

    def __init__(self, order, **kwargs):
        super().__init__(**kwargs)
        self.a, self.b = layers.Dense(1), layers.Dense(2)
        self.order = order

    def call(self, inputs):
        return self.order(self.a(inputs), self.b(inputs))


def fitted(model, loss, y, **settings):
    model.build((None, 3))
    weights_of(model)
    model.compile("sgd", loss, **settings)
    return model.fit(X, y, **FIT).history


@pytest.fixture(scope="module")
def wanted():
    """The plain way: a graph with a list of outputs, as Keras' numbers are held to."""
    inputs = onefit.Input((3,))
    outputs = [layers.Dense(1, name="a")(inputs), layers.Dense(2, name="b")(inputs)]
    return fitted(onefit.Model(inputs, outputs), ["mse", "mae"], [A, B])


def test_a_call_may_give_its_outputs_in_a_nest(wanted):
    model = Two(lambda a, b: {"o": [a, b], "c": {"b": b}})
    loss = {"o": ["mse", None], "c": {"b": "mae"}}
    logs = fitted(model, loss, {"o": [A, B], "c": {"b": B}})
    # The names are Keras': an output in a list of a call is called after its loss.
    assert list(logs) == ["loss", "c/b_loss", "o/mse_loss"] or set(logs) == {
        *("loss", "o/mse_loss", "c/b_loss")
    }
    assert np.allclose(logs["loss"], wanted["loss"])
    assert np.allclose(logs["o/mse_loss"], wanted["a_loss"])
    assert np.allclose(logs["c/b_loss"], wanted["b_loss"])
    assert model.predict(X, verbose=0)["o"][1].shape == (16, 2)


def test_outputs_of_a_call_in_a_tuple_are_called_after_their_losses(wanted):
    logs = fitted(
        Two(lambda a, b: (a, b)), ["mse", "mae"], (A, B), metrics=[["mae"], []]
    )
    assert set(logs) == {"loss", "mse_loss", "mae_loss", "mae"}
    assert np.allclose(logs["mse_loss"], wanted["a_loss"])


def both(y, p):
    """Both losses in one function."""
    return ops.mean(ops.square(y[0] - p[0])) + ops.mean(ops.abs(y[1] - p[1]))


class Both(onefit.losses.Loss):
    def call(self, y_true, y_pred):
        return both(y_true, y_pred)


@pytest.mark.parametrize("loss", [both, Both()], ids=["function", "class"])
def test_a_loss_may_take_several_outputs_at_once(wanted, loss):
    inputs = onefit.Input((3,))
    a, b = layers.Dense(1, name="a")(inputs), layers.Dense(2, name="b")(inputs)
    model = onefit.Model(inputs, {"o": [a, b], "c": b})
    logs = fitted(model, {"o": loss, "c": None}, {"o": [A, B], "c": B})
    assert list(logs) == ["loss"]
    assert np.allclose(logs["loss"], wanted["loss"])
    scores = model.evaluate(X, {"o": [A, B], "c": B}, verbose=0)
    assert scores < logs["loss"][0]


class Own(Two):
    """A loss of its own, and that of compile beside it."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **_):
        return super().compute_loss(x, y, y_pred, sample_weight) * 1.0


def test_super_compute_loss_logs_the_loss_and_metrics_of_each_output(wanted):
    own = Own(lambda a, b: {"a": a, "b": b})
    settings = {"metrics": {"a": ["mae"]}, "loss_weights": {"a": 1.0, "b": 1.0}}
    logs = fitted(own, {"a": "mse", "b": "mae"}, {"a": A, "b": B}, **settings)
    assert set(logs) == {"loss", "a_loss", "b_loss", "a_mae"}
    for name in wanted:
        assert np.allclose(logs[name], wanted[name])
    assert [metric.name for metric in own.metrics] == [
        *("loss", "compile_metrics", "a_loss", "b_loss")
    ]


def test_one_loss_of_several_outputs_is_the_loss_alone():
    inputs = onefit.Input((3,))
    a, b = layers.Dense(1, name="a")(inputs), layers.Dense(2, name="b")(inputs)
    logs = fitted(onefit.Model(inputs, [a, b]), ["mse", None], [A, B])
    assert list(logs) == ["loss"]  # as Keras has it
