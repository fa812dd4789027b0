"""Rates, batches, epochs, the order of rows: each fault, and its sound twin."""

import numpy as np
import pytest

from onefit import Input, Sequential, callbacks, datasets
from onefit.guide.check import check
from onefit.layers import Dense
from onefit.optimizers import SGD, Adafactor, Adam, RMSprop
from onefit.optimizers.schedules import ExponentialDecay

rng = np.random.default_rng(0)
X = rng.normal(size=(600, 16)).astype("float32")
LABELS = rng.integers(0, 10, 600)
Y = X[:, :4] @ np.array([1.0, -2.0, 0.5, 3.0]) + rng.normal(size=600)
XOR = datasets.xor()


def classifier(optimizer="adam", units=(32, 16)):
    hidden = [Dense(n, "relu") for n in units]
    model = Sequential([Input((16,)), *hidden, Dense(10, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def regression(optimizer, units=(32,)):
    layers = [*(Dense(n, "relu") for n in units), Dense(1)]
    model = Sequential([Input((16,)), *layers])
    model.compile(optimizer, "mse")
    return model


def found(model, x=X, y=LABELS, **told):
    return [(f.code, f.severity) for f in check(model, x, y, **told)]


@pytest.mark.parametrize(
    ("optimizer", "severity"),
    [
        (Adam(1.0), "error"),
        (Adam(0.2), "error"),
        (RMSprop(0.15), "hint"),
        (Adam(0.01), None),
        (Adam(0.05), None),
        (Adafactor(1.0), None),
        (SGD(50.0), "error"),
        (SGD(3.0), "error"),
        (SGD(0.9, momentum=0.9), "error"),
        (SGD(0.5), None),
        (SGD(0.1, momentum=0.9), None),
        (SGD(3.0, clipnorm=1.0), None),
        (Adam(ExponentialDecay(5.0, 100, 0.9)), "error"),
    ],
)
def test_a_rate_that_is_too_high(optimizer, severity):
    expected = [("learning-rate-too-high", severity)] if severity else []
    assert found(classifier(optimizer)) == expected


def test_gradient_descent_on_the_squared_error_has_a_limit():
    # One linear layer on x = 1, 2, 3, 4 and b: J'' = 2·E[(x, 1)(x, 1)^T], whose largest
    # eigenvalue is 2·(7.5 + 1 + √(6.5² + 4·2.5²))/2 = 16.7, so α < 2/16.7 = 0.12.
    x = np.tile([[1.0], [2], [3], [4]], (10, 1))
    for rate, expected in ((0.13, "error"), (0.11, None)):
        model = Sequential([Input((1,)), Dense(1)])
        model.compile(SGD(rate), "mse")
        codes = [("learning-rate-too-high", expected)] if expected else []
        assert found(model, x, 2 * x - 1) == codes
        assert expected is None or "from α = 0.12 on" in str(check(model, x, 2 * x - 1))
        model.compile(SGD(rate), "mse", check=False)
        history = model.fit(x, 2 * x - 1, batch_size=40, epochs=300, verbose=0)
        grows = history.history["loss"][-1] > history.history["loss"][0]
        assert grows == (expected == "error")
    assert found(regression(SGD(0.01)), y=Y) == []
    assert found(regression(SGD(1.0)), y=Y) == [("learning-rate-too-high", "error")]


@pytest.mark.parametrize("rate", [SGD(0.1), SGD(1.0), Adam(0.1), Adam(0.01), RMSprop()])
def test_xor_bears_large_rates(rate):
    for activation in ("sigmoid", "tanh", "relu"):
        model = Sequential([Input((2,)), Dense(2, activation), Dense(1, "sigmoid")])
        model.compile(rate, "binary_crossentropy", metrics=["accuracy"])
        assert found(model, *XOR, batch_size=4, epochs=1000) == []


@pytest.mark.parametrize(
    ("optimizer", "severity"),
    [
        (Adam(1e-8), "error"),
        (Adam(0.0), "error"),
        (SGD(1e-7), "error"),
        (SGD(1e-5), "error"),
        (Adam(2e-5), "hint"),
        (Adam(1e-4), None),
        (SGD(0.01), None),
    ],
)
def test_a_rate_that_is_too_low(optimizer, severity):
    expected = [("learning-rate-too-low", severity)] if severity else []
    assert found(classifier(optimizer), epochs=20) == expected


def test_what_has_learned_already_may_take_small_steps():
    model = classifier(Adam(1e-5))
    model.layers[0].trainable = False
    assert found(model, epochs=20) == []


def test_batches_and_epochs():
    model = classifier()
    told = check(model, X, LABELS, batch_size=600, epochs=10)
    assert told.codes == ["batch-too-large"]
    assert told[0].seen == "batch_size=600 for 600 rows"
    assert "an epoch then has 19 steps" in told[0].why
    assert found(model, batch_size=600, epochs=500) == []
    assert found(model, batch_size=100, epochs=10) == []
    told = check(model, X[:100], LABELS[:100], epochs=2)
    assert told.codes == ["too-few-steps"]
    assert told[0].seen == (
        "8 steps in the whole fit (100 rows, batch_size=32, epochs=2)"
    )
    assert found(model, X[:100], LABELS[:100], epochs=20) == []
    assert found(model, *(a[:100] for a in (X, LABELS))) == []  # epochs are not known


def test_rows_in_the_order_of_their_targets():
    order = np.argsort(LABELS, kind="stable")
    x, y = X[order], LABELS[order]
    for target, loss in (
        (y, "sparse_categorical_crossentropy"),
        (np.eye(10)[y], "categorical_crossentropy"),
    ):
        model = classifier()
        model.compile("adam", loss)
        report = check(model, x, target, validation_split=0.2)
        assert [(f.code, f.severity) for f in report] == [("rows-in-order", "error")]
        assert "the classes 8, 9 of the rows held out" in report[0].seen
    model = classifier()
    assert found(model, validation_split=0.2) == []
    assert found(model, x, y) == []
    assert found(model, x, y, shuffle=False) == [("rows-in-order", "hint")]
    assert found(model, X, LABELS, shuffle=False) == []


def test_sorted_quantities_and_two_sorted_classes():
    order = np.argsort(Y)
    model = regression("adam")
    assert found(model, X[order], Y[order], validation_split=0.2) == [
        ("rows-in-order", "error")
    ]
    assert found(model, X, Y, validation_split=0.2) == []
    two = (Y > 0).astype(int)
    model = Sequential([Input((16,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    assert found(model, X[order], two[order], validation_split=0.2) == [
        ("rows-in-order", "error")
    ]
    # A series that grows is held out in the order of time, and not sorted.
    grows = np.arange(600) / 100 + rng.normal(size=600)
    assert found(regression("adam"), X, grows, validation_split=0.2) == []


def test_a_rate_that_a_callback_sets_is_not_judged():
    class Finder(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate *= 1.1

    class Other(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.last = epoch

    grow = callbacks.LearningRateScheduler(lambda epoch, rate: 2 * rate)
    low = ("learning-rate-too-low", "error")
    model = classifier(SGD(1e-9))
    assert low in found(model, epochs=50)
    assert low in found(model, epochs=50, callbacks=Other())
    for one in (Finder(), grow):
        assert low not in found(model, epochs=50, callbacks=[Other(), one])


def test_weights_of_rows_the_wrong_way_round():
    y = (np.arange(600) % 10 == 0).astype(int)
    model = classifier(units=(8,))
    often = {"sample_weight": np.where(y == 1, 0.1, 1.0)}
    rare = {"sample_weight": np.where(y == 1, 10.0, 1.0)}
    mixed = {"sample_weight": rng.uniform(0.5, 1.5, 600)}
    code = "class-weights-reversed"
    seen = [[c for c, _ in found(model, y=y, **w)] for w in (often, rare, mixed)]
    assert [code in codes for codes in seen] == [True, False, False]
