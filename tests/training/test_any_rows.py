"""A row more or less compiles nothing, and programs that nobody uses are let go."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import onefit
from onefit import layers, programs
from onefit.callbacks import Callback
from onefit.data.batch import Batch
from onefit.programs import Program, compilations
from onefit.training.job import Job

rng = np.random.default_rng(1)
X = rng.normal(size=(90, 3)).astype("float32")
Y = np.sin(X[:, :1])
WORDS = np.where(np.arange(5) < rng.integers(2, 6, 90)[:, None], 3, 0)
WORDS += (WORDS > 0) * rng.integers(0, 4, (90, 5))


def network(*stack, optimizer="adam", loss="mse", **settings):
    onefit.utils.set_random_seed(0)
    stack = stack or (layers.Dense(4, "tanh"), layers.Dense(1))
    model = onefit.Sequential([onefit.Input((3,)), *stack])
    model.compile(optimizer, loss, **settings)
    return model


def test_fits_of_other_numbers_of_rows_share_a_program():
    network().fit(X[:65], Y[:65], verbose=0)
    known = compilations()
    for n in (66, 67, 70, 81, 90):
        network().fit(X[:n], Y[:n], verbose=0)
    assert compilations() == known
    held = {"validation_split": 0.2, "verbose": 0}
    network().fit(X[:82], Y[:82], **held)
    known = compilations()
    for n in (83, 86, 90):
        network().fit(X[:n], Y[:n], **held)
    assert compilations() == known


def test_batches_of_any_size_share_a_program():
    model = network()
    model.train_on_batch(X[:1], Y[:1])
    assert compilations() - (known := compilations()) == 0
    for n in range(1, 40, 3):
        model.train_on_batch(X[:n], Y[:n])
    model.test_on_batch(X[:7], Y[:7])
    model.predict(X[:2], verbose=0)
    model.predict(X[:1], verbose=0)
    assert compilations() - known == 3
    for n in range(1, 90, 11):
        model.evaluate(X[:n], Y[:n], verbose=0)
        model.test_on_batch(X[:n], Y[:n])
        model.predict(X[:n], verbose=0)
    assert compilations() - known == 3


FITS = {
    "plain": (lambda: network(metrics=["mae"]), X, Y, {}),
    "batches of 20": (network, X, Y, {"batch_size": 20}),
    "as they lie": (network, X, Y, {"shuffle": False}),
    "few rows": (network, X[:11], Y[:11], {}),
    "sum": (
        lambda: network(loss=onefit.losses.MeanSquaredError(reduction="sum")),
        X,
        Y,
        {},
    ),
    "weights": (network, X, Y, {"sample_weight": np.linspace(0, 2, 90)}),
    "held out": (lambda: network(metrics=["mae"]), X, Y, {"validation_split": 0.3}),
    "dropout": (
        lambda: network(layers.Dense(6), layers.Dropout(0.5), layers.Dense(1)),
        X,
        Y,
        {},
    ),
    "a mask": (
        lambda: words(layers.LSTM(2, return_sequences=True), layers.Dense(1)),
        WORDS,
        np.repeat(Y, 5, 1)[..., None],
        {},
    ),
    "batches seen": (network, X, Y, {"callbacks": [type("Seen", (Callback,), {})()]}),
}


def words(*stack):
    onefit.utils.set_random_seed(0)
    seen = layers.Embedding(9, 3, mask_zero=True)
    model = onefit.Sequential([onefit.Input((5,), dtype="int32"), seen, *stack])
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("name", FITS)
def test_a_filled_batch_trains_as_the_smaller_one(name, monkeypatch):
    make, x, y, settings = FITS[name]
    settings = {"epochs": 2, "verbose": 0} | settings
    model = make()
    history = model.fit(x, y, **settings).history
    monkeypatch.setattr(Job, "padded", lambda job, plan: plan)
    plain = make()
    known = plain.fit(x, y, **settings).history
    assert history.keys() == known.keys()
    for key in known:
        np.testing.assert_allclose(history[key], known[key], rtol=2e-6)
    for a, b in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=2e-6)


def meets(y_true, y_pred):
    return np.float32(1) * ((y_pred - y_true.mean(0)) ** 2).mean(-1)


@pytest.mark.parametrize(
    "model",
    [
        network(layers.BatchNormalization(), layers.Dense(1)),
        network(layers.Dense(1, activity_regularizer="l2")),
        network(loss=meets),
        network(metrics=[meets]),
    ],
    ids=["batch normalization", "a penalty of outputs", "a loss", "a metric"],
)
def test_where_rows_meet_batches_stay_as_they_are(model):
    task = model.task(Batch(X, Y))
    assert not task.learns_by_row


def test_a_step_on_a_batch_sees_what_has_changed():
    def both(change):
        """The weights after a change, by a model that goes on and by a copy anew."""
        change(model)
        again = copy.deepcopy(model)
        again.stepping = None
        onefit.utils.set_random_seed(1)
        model.train_on_batch(X, Y)
        onefit.utils.set_random_seed(1)
        again.train_on_batch(X, Y)
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        return [w.copy() for w in model.get_weights()]

    model = network()
    first = both(lambda m: m.train_on_batch(X, Y))
    assert np.all(both(lambda m: m.set_weights(first))[0] != first[0])
    both(lambda m: setattr(m.optimizer, "learning_rate", 0.5))
    frozen = both(lambda m: setattr(m.layers[0], "trainable", False))
    assert np.all(both(lambda m: m.fit(X, Y, verbose=0))[0] == frozen[0])
    both(lambda m: setattr(m.layers[0], "trainable", True))
    both(lambda m: m.compile("sgd", "mae"))
    both(lambda m: m.add(layers.Dense(1)))
    assert pickle.loads(pickle.dumps(model)).stepping is None


def test_programs_least_recently_used_are_let_go(monkeypatch):
    monkeypatch.setattr(programs, "BUDGET", 3)
    twice = Program(lambda x, *, by: x * by)
    gone = []
    for by in (1, 2, 3, 1, 4, 5):
        assert twice(np.ones(2), by=by).tolist() == [by, by]
        form = max(programs._kept.forms.values(), key=lambda form: form.used)
        gone.append(weakref.ref(form.call))
    del form
    gc.collect()
    # The second use of 1 made it younger than 2 and 3.
    assert [ref() is None for ref in gone] == [False, True, True, False, False, False]
    known = compilations()
    twice(np.ones(2), by=1)
    twice(np.ones(2), by=2)
    assert compilations() == known + 1


def test_all_is_compiled_anew_after_many_compilations(monkeypatch):
    double = Program(lambda x: x * 2)
    double(np.ones(3))
    known = compilations()
    double(np.ones(3))
    assert compilations() == known
    monkeypatch.setattr(programs, "CLEARED", 0)
    double(np.ones(4))  # which lets go of all, itself too
    double(np.ones(3))
    assert compilations() == known + 2


@pytest.mark.parametrize("n", [8, 10])
def test_weights_of_steps_count_in_metrics_whatever_the_last_batch_is(n):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n, 5, 2)), rng.integers(0, 2, (n, 5, 1))
    w = (rng.random((n, 5)) > 0.4).astype("float32")
    model = onefit.Sequential([onefit.Input((5, 2)), onefit.layers.Dense(1, "sigmoid")])
    model.compile(
        onefit.optimizers.SGD(0.0), "binary_crossentropy", weighted_metrics=["accuracy"]
    )
    said = model.predict(x, verbose=0) > 0.5
    right = ((said == y)[..., 0] * w).sum() / w.sum()
    history = model.fit(x, y, sample_weight=w, batch_size=4, verbose=0).history
    assert history["accuracy"][0] == pytest.approx(right, abs=1e-6)
