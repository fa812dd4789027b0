"""Live models of Keras: here and back, and trained here in place."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, callbacks, layers
from onefit.interop.keras import fit, from_keras, to_keras

keras = pytest.importorskip("keras")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype("float32")
Y = (X[:, :1] - X[:, 1:2] > 0).astype("float32")
QUIET = {"verbose": 0, "shuffle": False}


def network(optimizer=None, loss="binary_crossentropy", **told):
    keras.utils.set_random_seed(3)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation="tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ],
        name="small",
    )
    model.compile(optimizer or keras.optimizers.Adam(0.05), loss, **told)
    return model


def same(one, other, tolerance=2e-5):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)


def test_a_model_goes_there_and_back_with_its_optimizer():
    theirs = network(metrics=["accuracy"])
    theirs.fit(X, Y, epochs=2, **QUIET)
    model = from_keras(theirs)
    assert isinstance(model, Sequential)
    assert model.name == "small"
    np.testing.assert_allclose(
        model.predict(X), theirs.predict(X, verbose=0), atol=1e-6
    )
    again = to_keras(model)
    same(theirs, again, 0)
    assert int(again.optimizer.iterations) == 2
    for one in (theirs, again):
        one.fit(X, Y, epochs=1, **QUIET)
    same(theirs, again)
    model.fit(X, Y, epochs=1, **QUIET)
    same(theirs, model)


def test_a_graph_that_was_not_compiled():
    x = keras.Input((4,), name="table")
    hidden = keras.layers.Dense(3, activation="relu")(x)
    theirs = keras.Model(x, {"a": keras.layers.Dense(1)(hidden), "b": hidden + 1.0})
    model = from_keras(theirs)
    assert model.optimizer is None
    mine, wanted = model.predict(X), theirs.predict(X, verbose=0)
    for name in ("a", "b"):
        np.testing.assert_allclose(mine[name], wanted[name], atol=1e-6)
    back = to_keras(model).predict(X, verbose=0)
    np.testing.assert_allclose(back["a"], wanted["a"], atol=1e-6)


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
def test_training_goes_from_one_side_to_the_other(kind):
    settings = {"momentum": 0.9} if kind == "SGD" else {}
    mine, theirs = (
        network(getattr(keras.optimizers, kind)(0.02, **settings)) for _ in range(2)
    )
    for here in (True, False, True):
        if here:
            fit(mine, X, Y, epochs=2, batch_size=8, **QUIET)
        else:
            mine.fit(X, Y, epochs=2, batch_size=8, **QUIET)
    theirs.fit(X, Y, epochs=6, batch_size=8, **QUIET)
    same(mine, theirs)
    assert int(mine.optimizer.iterations) == 18
    pairs = zip(mine.optimizer.variables, theirs.optimizer.variables, strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=2e-5)


def test_the_history_is_that_of_keras():
    mine, theirs = (network(metrics=["mae"]) for _ in range(2))
    told = {"epochs": 3, "validation_split": 0.25, "class_weight": {0: 1.0, 1: 3.0}}
    found = fit(mine, X, Y, **told, **QUIET)
    wanted = theirs.fit(X, Y, **told, **QUIET)
    assert found.history.keys() == wanted.history.keys()
    for name, values in wanted.history.items():
        np.testing.assert_allclose(found.history[name], values, rtol=2e-4, atol=1e-5)
    assert found.epoch == wanted.epoch
    assert found.model is mine
    assert mine.history is found


def test_keras_callbacks(tmp_path):
    model, seen = network(metrics=["accuracy"]), []
    stop = keras.callbacks.EarlyStopping(
        "val_loss", patience=1, min_delta=10.0, restore_best_weights=True
    )
    drop = keras.callbacks.ReduceLROnPlateau("loss", 0.5, patience=0, min_delta=10.0)
    keep = keras.callbacks.ModelCheckpoint(
        tmp_path / "{epoch}.keras", save_freq="epoch"
    )
    rows = keras.callbacks.CSVLogger(tmp_path / "log.csv", separator=";")
    weights = model.get_weights()[0]
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(model.get_weights()[0])
    )
    past = keras.callbacks.History()
    history = fit(
        model,
        X,
        Y,
        epochs=9,
        verbose=0,
        validation_data=(X + 0.1, Y),
        callbacks=[
            stop,
            drop,
            keep,
            rows,
            look,
            past,
            keras.callbacks.TerminateOnNaN(),
        ],
    )
    assert history.stopped == "rule"
    assert (stop.stopped_epoch, stop.best_epoch) == (1, 0)
    assert past.history is history.history
    assert len(seen) == 2
    assert not np.allclose(seen[0], weights)  # the model as it was then
    np.testing.assert_allclose(model.get_weights()[0], seen[0])  # the best one's
    assert float(model.optimizer.learning_rate) < 0.05
    assert keras.models.load_model(tmp_path / "2.keras").count_params() == 61
    assert (tmp_path / "log.csv").read_text().startswith("epoch;accuracy")
    # Once more: min_delta of a callback that Keras has used is below zero.
    stop.min_delta = -10.0
    fit(model, X, Y, epochs=3, verbose=0, validation_data=(X + 0.1, Y), callbacks=stop)
    assert stop.stopped_epoch == 1


def test_a_schedule_by_a_callback_of_keras_and_rules_of_onefit():
    model = network()
    rates = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    rule = callbacks.EarlyStopping("loss", patience=5)
    history = fit(model, X, Y, epochs=2, verbose=0, callbacks=[rates, rule])
    np.testing.assert_allclose(history.history["learning_rate"], [0.025, 0.0125])
    np.testing.assert_allclose(float(model.optimizer.learning_rate), 0.0125)


def test_ctrl_c_and_exceptions_leave_what_was_learned():
    for event, error in ((signal.SIGINT, None), (None, RuntimeError)):
        model = network()
        first = model.get_weights()[0]

        def act(epoch, logs, event=event):
            if epoch == 2 and event:
                os.kill(os.getpid(), event)
            elif epoch == 2:
                raise RuntimeError("mine")

        told = {
            "epochs": 9,
            "verbose": 0,
            "callbacks": callbacks.LambdaCallback(on_epoch_end=act),
        }
        if error:
            with pytest.raises(error, match="mine"):
                fit(model, X, Y, **told)
        else:
            assert fit(model, X, Y, **told).stopped == "interrupted"
        assert int(model.optimizer.iterations) == 3
        assert not np.allclose(model.get_weights()[0], first)


def test_a_model_without_a_shape_is_built_by_the_data():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    fit(model, X, Y, epochs=1, verbose=0)
    assert model.built
    assert int(model.optimizer.iterations) == 1


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


class Mine(keras.callbacks.EarlyStopping):
    pass


class Unheard(keras.layers.Layer):
    pass


def test_what_is_refused():
    own = Own()
    own.compile("sgd", "mse")
    with pytest.raises(
        ValueError,
        match=r"received a Own, a subclass .*a functional model.*keras\.Model\(",
    ):
        fit(own, X, Y)
    with pytest.raises(ValueError, match=r"fit, 'bare': received a model without comp"):
        fit(keras.Sequential([keras.Input((4,))], name="bare"), X, Y)
    with pytest.raises(TypeError, match=r"from_keras: .*expected a keras\.Model"):
        from_keras("model.keras")
    with pytest.raises(TypeError, match=r"a model of onefit has its own|A model of"):
        fit(Sequential([Input((4,)), layers.Dense(1)]), X, Y)
    for callback in (Mine("loss"), keras.callbacks.RemoteMonitor()):
        name = type(callback).__name__
        with pytest.raises(
            ValueError, match=rf"received .*\.{name}; expected one of Ba"
        ):
            fit(network(), X, Y, callbacks=[callback], verbose=0)
    theirs = keras.Sequential([keras.Input((8,)), Unheard()])
    with pytest.raises(ValueError, match=r"Unknown layer 'Unheard'"):
        from_keras(theirs)
    with pytest.raises(ValueError, match=r"received the model 'sequential', which has"):
        to_keras(Sequential([layers.Dense(1)]))


@pytest.mark.parametrize(
    ("loss", "metric"),
    [
        (keras.losses.Huber(0.3), keras.metrics.CosineSimilarity(axis=0)),
        (keras.losses.CosineSimilarity(axis=0), "mae"),
        ([keras.losses.Huber(delta=0.1)], [[keras.metrics.CosineSimilarity(axis=0)]]),
    ],
)
def test_settings_that_configs_of_keras_leave_out(loss, metric):
    told = {"loss": loss, "metrics": metric if isinstance(metric, list) else [metric]}
    mine, theirs = network(**told), network(**told)
    for _ in range(2):
        found = fit(mine, X, Y, batch_size=24, **QUIET)
        wanted = theirs.fit(X, Y, batch_size=24, **QUIET)
        for name, values in wanted.history.items():
            np.testing.assert_allclose(found.history[name], values, rtol=2e-4)
    same(mine, theirs)


def test_settings_left_out_that_are_no_numbers_are_refused():
    model = network(loss=keras.losses.Huber(np.float32(0.3)))
    with pytest.raises(
        ValueError, match=r"fit: loss, Huber: received delta of type float32, which Ker"
    ):
        fit(model, X, Y, **QUIET)


def test_weighted_metrics_have_the_names_of_keras():
    told = {"metrics": ["accuracy"], "weighted_metrics": ["accuracy", "mae"]}
    mine, theirs = network(**told), network(**told)
    stop = keras.callbacks.EarlyStopping("val_weighted_accuracy", mode="max")
    more = {"validation_data": (X, Y), "sample_weight": 1 + Y[:, 0], **QUIET}
    found = fit(mine, X, Y, callbacks=[stop], **more).history
    wanted = theirs.fit(X, Y, **more).history
    assert found.keys() == wanted.keys()
    for name in ("weighted_accuracy", "val_weighted_accuracy", "accuracy"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4)


def mse(y_true, y_pred):
    """A name that onefit knows, and another formula."""
    return keras.ops.mean((y_pred - y_true) ** 4, axis=-1)


class Own4(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return mse(y_true, y_pred)


class Layer4(keras.layers.Layer):
    def call(self, x):
        return x


def test_errors_speak_of_the_model_and_of_no_file():
    for told, text in (
        ({"loss": mse}, r"^{}: loss: received the function 'mse'.*_objects=\{{'m"),
        ({"loss": lambda y, a: mse(a, y)}, r"^{}: loss: received a lambda; .*`def m"),
        ({"metrics": ["mae", mse]}, r"^{}: metrics: received the function 'mse'"),
        (
            {"loss": Own4()},
            r"^{}: loss: Unknown class 'Own4'\. Hand over a class of "
            r"your own, written for onefit: {}\(model, custom_objects=\{{'Own4': ",
        ),
    ):
        model = network(**told)
        with pytest.raises(ValueError, match=text.format("fit", "fit")):
            fit(model, X, Y, **QUIET)
        with pytest.raises(ValueError, match=text.format(*["from_keras"] * 2)):
            from_keras(model)
    model = keras.Sequential([keras.Input((4,)), Layer4(name="four")])
    with pytest.raises(
        ValueError, match=r"^from_keras: layer 'four': Unknown layer 'L"
    ):
        from_keras(model)


def test_custom_objects():
    def fourth(y_true, y_pred):
        return ((y_pred - y_true) ** 4).mean(axis=-1)

    def theirs_fourth(y_true, y_pred):
        return keras.ops.mean((y_pred - y_true) ** 4, axis=-1)

    theirs_fourth.__name__ = "fourth"
    mine, theirs = network(loss=theirs_fourth), network(loss=theirs_fourth)
    fit(mine, X, Y, custom_objects={"fourth": fourth}, **QUIET)
    theirs.fit(X, Y, **QUIET)
    same(mine, theirs)


def test_without_keras_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[keras\]"'):
        onefit.interop.keras.from_keras(None)


ON_TORCH = """
import keras, numpy as np
from onefit.interop.keras import fit, to_keras, from_keras
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.Adam(0.1), "mse")
x = np.ones((4, 2), "float32")
model.fit(x, x[:, :1], epochs=1, verbose=0)
fit(model, x, x[:, :1], epochs=2, verbose=0)
again = to_keras(from_keras(model))
print(int(again.optimizer.iterations), type(model.weights[0].value).__module__,
      np.allclose(again.get_weights()[0], model.get_weights()[0]))
"""


def test_any_backend():
    pytest.importorskip("torch")
    run = subprocess.run(
        [sys.executable, "-c", ON_TORCH],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"KERAS_BACKEND": "torch"},
    )
    assert run.stdout.split() == ["3", "torch.nn.parameter", "True"]
