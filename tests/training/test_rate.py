"""The learning rate and the count of steps have one home: the optimizer's state."""

import copy
import pickle

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential
from onefit.callbacks import Callback, LearningRateScheduler, ReduceLROnPlateau
from onefit.layers import Dense
from onefit.optimizers import SGD, Adam, schedules
from onefit.programs import compilations

X = np.linspace(-1, 1, 12, dtype="float32")[:, None]


def line(optimizer):
    model = Sequential([Input((1,)), Dense(1, kernel_initializer="ones")])
    model.compile(optimizer, "mse")
    return model


def rate(model):
    return float(model.optimizer.learning_rate)


def test_iterations_count_the_steps_of_every_way_to_train():
    model = line(adam := Adam(0.1))
    assert int(adam.iterations) == 0
    model.fit(X, X, batch_size=4, epochs=2, verbose=0)
    assert int(adam.iterations) == 6
    model.train_on_batch(X, X)
    assert adam.iterations == 7
    model.compile(adam, "mse")
    assert adam.iterations == 0, "compile begins anew"
    adam = Adam(0.1, gradient_accumulation_steps=2)
    line(adam).fit(X, X, batch_size=4, epochs=2, verbose=0)
    assert adam.iterations == 3


@pytest.mark.parametrize(
    "change",
    [
        lambda sgd: setattr(sgd, "learning_rate", 0.25),
        lambda sgd: sgd.learning_rate.assign(0.25),
        lambda sgd: sgd.learning_rate.assign(np.float64(0.25)),
        lambda sgd: setattr(sgd, "learning_rate", Adam(0.25).learning_rate),
        lambda sgd: sgd.learning_rate.assign_sub(0.25),
    ],
)
@pytest.mark.parametrize("steps", [0, 1])
def test_a_rate_is_set_before_and_after_steps(change, steps):
    model = line(sgd := SGD(0.5))
    for _ in range(steps):
        model.train_on_batch(X, X + 1)
    change(sgd)
    assert float(sgd.learning_rate) == sgd.get_config()["learning_rate"] == 0.25
    assert float(sgd.replace().learning_rate) == 0.25
    before = model.get_weights()[1]
    model.train_on_batch(X, before + X + 1)  # dJ/db = -2
    gradient = 2 * float(np.mean(model.layers[0].get_weights()[0] * 0 + 1))
    np.testing.assert_allclose(model.get_weights()[1], before + 0.25 * gradient, 0.3)


def test_changing_a_rate_compiles_nothing():
    model = line(SGD(0.5))
    model.train_on_batch(X, X)
    known = compilations()
    for value in (0.1, 1e-6, 0.0, 3.0):
        model.optimizer.learning_rate = value
        model.train_on_batch(X, X)
    assert compilations() == known


def test_a_rate_set_in_a_callback_is_that_of_the_next_step():
    class Half(Callback):
        def on_train_batch_end(self, batch, logs=None):
            optimizer = self.model.optimizer
            optimizer.learning_rate = float(optimizer.learning_rate) / 2

    one, other = line(SGD(0.5)), line(SGD(0.5))
    one.fit(X, X + 1, batch_size=4, shuffle=False, verbose=0, callbacks=[Half()])
    for i in range(3):
        other.optimizer.learning_rate = 0.5 / 2**i
        other.train_on_batch(X[4 * i : 4 * i + 4], X[4 * i : 4 * i + 4] + 1)
    assert rate(one) == 0.0625
    np.testing.assert_array_equal(one.get_weights()[1], other.get_weights()[1])


def test_a_schedule_gives_the_rate_of_the_next_step():
    decay = schedules.ExponentialDecay(0.5, 1, 0.5)
    model = line(SGD(decay))
    assert rate(model) == 0.5
    model.fit(X, X, batch_size=4, verbose=0)
    assert rate(model) == 0.0625
    assert model.optimizer.schedule is decay
    assert "ExponentialDecay" in repr(model.optimizer)
    model.optimizer.learning_rate = 0.25
    assert rate(model) == 0.25
    assert model.optimizer.schedule is None


def test_the_rate_stays_where_the_rest_begins_anew():
    model = line(Adam(0.5))
    model.fit(X, X, verbose=0, callbacks=[LearningRateScheduler(lambda e: 0.25)])
    for anew in (
        lambda: model.compile(model.optimizer, "mse"),
        model.initialize,
        lambda: setattr(model, "trainable", True),
    ):
        anew()
        assert rate(model) == 0.25
        assert model.optimizer.iterations == 0


def test_a_plateau_lowers_the_rate_that_is_read():
    model = line(SGD(0.5))
    rule = ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=9.0)
    history = model.fit(X, X, epochs=4, verbose=0, callbacks=[rule])
    assert history.history["learning_rate"][-1] > rate(model) == 0.5**4


def test_copies_of_a_model_have_states_of_their_own():
    model = line(Adam(0.5))
    model.fit(X, X, verbose=0)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        again.optimizer.learning_rate = 0.25
        again.fit(X, X, verbose=0)
        assert rate(model) == 0.5
        assert (model.optimizer.iterations, again.optimizer.iterations) == (1, 2)


def test_an_optimizer_serves_one_model_at_a_time():
    """The model that had it goes on, with a copy of it as it was."""
    adam = Adam(0.5)
    first, second = line(adam), line("sgd")
    first.fit(X, X, verbose=0)
    second.compile(adam, "mse")
    assert second.optimizer is adam
    assert first.optimizer is not adam
    second.fit(X, X, epochs=2, verbose=0)
    assert (first.optimizer.iterations, adam.iterations) == (1, 2)
    first.fit(X, X, verbose=0)
    assert (first.optimizer.iterations, adam.iterations) == (2, 2)


def test_a_file_keeps_the_rate_and_the_steps(tmp_path):
    model = line(Adam(0.5))
    model.fit(X, X, epochs=3, verbose=0)
    model.optimizer.learning_rate = 0.25
    model.save(tmp_path / "m.keras")
    again = onefit.load_model(tmp_path / "m.keras")
    assert rate(again) == 0.25
    assert again.optimizer.iterations == 3


def test_a_loop_of_ones_own_may_follow_a_fit():
    model = line(sgd := SGD(0.5, momentum=0.5))
    model.fit(X, X, verbose=0)
    sgd.learning_rate = 0.25
    (w,) = sgd.apply([np.ones(2)], [np.zeros(2)])
    np.testing.assert_array_equal(w, [-0.25, -0.25])
    model.fit(X, X, epochs=2, verbose=0)
    assert (rate(model), int(sgd.iterations)) == (0.25, 2)
