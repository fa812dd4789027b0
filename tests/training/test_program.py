"""The program: the last batch, the ways to cut a fit, seeds, freezing, rules."""

import os
import signal

import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.callbacks import Callback, EarlyStopping, ReduceLROnPlateau, TerminateOnNaN
from onefit.data.orders import orders
from onefit.programs import compilations
from onefit.training import stretches

RNG = np.random.default_rng(3)
X = RNG.normal(size=(21, 4)).astype("float32")
Y = (X @ RNG.normal(size=(4, 1)) + 0.1).astype("float32")


def network(seed=1, dropout=0.2, **compiling):
    onefit.config.set_random_seed(seed)
    model = onefit.Sequential(
        [
            onefit.Input((4,)),
            layers.Dense(5, activation="tanh"),
            layers.Dropout(dropout),
            layers.BatchNormalization(),
            layers.Dense(1),
        ]
    )
    model.compile(**({"optimizer": "adam", "loss": "mse"} | compiling))
    return model


def test_a_step_of_the_smaller_last_batch_by_hand():
    """Three rows in batches of two: w moves by the mean over 2 rows, then over 1."""
    model = onefit.Sequential([onefit.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0]])])
    model.compile(onefit.optimizers.SGD(0.1), "mse")
    x = np.array([[1.0], [2.0], [3.0]])
    history = model.fit(x, 2 * x, batch_size=2, epochs=1, shuffle=False, verbose=0)
    # J = mean (w x - 2x)^2, dJ/dw = mean 2 x^2 (w - 2).
    w = 1.0
    first = ((w - 2) ** 2 * (1 + 4)) / 2
    w -= 0.1 * 2 * (w - 2) * (1 + 4) / 2
    last = (w - 2) ** 2 * 9
    w -= 0.1 * 2 * (w - 2) * 9
    np.testing.assert_allclose(model.get_weights()[0], [[w]], rtol=1e-6)
    # The loss it reports counts rows: two of the first batch, one of the last.
    np.testing.assert_allclose(history.history["loss"], [(2 * first + last) / 3])


class EachEpoch(Callback):
    def on_epoch_end(self, epoch, logs=None):
        pass


class EachBatch(Callback):
    def on_train_batch_end(self, batch, logs=None):
        pass


def test_the_ways_to_cut_a_fit_give_the_same_bits(monkeypatch):
    """Many epochs a call, one a call, part of an epoch, one batch: the same weights."""
    results = []
    for callbacks, slow in [((), 1), ([EachEpoch()], 1), ((), -1), ([EachBatch()], 1)]:
        monkeypatch.setattr(stretches, "SLOW", slow)
        model = network()
        history = model.fit(
            X,
            Y,
            batch_size=4,
            epochs=6,
            verbose=0,
            callbacks=callbacks,
            validation_split=0.2,
        )
        results.append((model.get_weights(), history.history))
    weights, logs = results[0]
    for other_weights, other_logs in results[1:]:
        for a, b in zip(weights, other_weights, strict=True):
            np.testing.assert_array_equal(a, b)
        assert other_logs["loss"] == logs["loss"]
        # Validation reads the weights: another program may round its sums otherwise.
        np.testing.assert_allclose(other_logs["val_loss"], logs["val_loss"], rtol=1e-6)


def test_a_fit_in_two_goes_is_a_fit_in_one():
    """`initial_epoch` goes on where the first fit stopped, in the same orders."""
    once = network(dropout=0.0)
    once.fit(X, Y, batch_size=4, epochs=4, shuffle=False, verbose=0)
    twice = network(dropout=0.0)
    twice.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    history = twice.fit(
        X, Y, batch_size=4, epochs=4, initial_epoch=2, shuffle=False, verbose=0
    )
    assert history.epoch == [2, 3]
    for a, b in zip(once.get_weights(), twice.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_seed_gives_the_same_run_and_another_seed_another():
    runs = []
    for seed in (5, 5, 6):
        model = network(seed)
        model.fit(X, Y, epochs=2, batch_size=4, verbose=0)
        runs.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 1e-3


@pytest.mark.parametrize("rows", [3, 50, 70_000])
def test_orders_are_permutations_however_they_are_cut(rows):
    whole = orders(11, 0, 9, rows, rows)
    np.testing.assert_array_equal(np.sort(whole, axis=1), [np.arange(rows)] * 9)
    np.testing.assert_array_equal(whole[4:7], orders(11, 4, 3, rows, rows))
    assert (whole[0] != orders(12, 0, 1, rows, rows)[0]).any() or rows == 3


def test_steps_per_epoch_cut_one_endless_stream():
    stream = orders(2, 0, 5, 10, 6).ravel()
    passes = orders(2, 0, 3, 10, 10).ravel()
    np.testing.assert_array_equal(stream, passes)
    np.testing.assert_array_equal(stream[12:24], orders(2, 2, 2, 10, 6).ravel())
    model = network()
    model.fit(X, Y, batch_size=4, steps_per_epoch=7, epochs=2, verbose=0)
    assert int(model.optimizer_state["iterations"]) == 14


def test_frozen_layers_do_not_move_and_keep_their_statistics():
    model = network()
    model.layers[0].trainable = model.layers[2].trainable = False
    before = model.get_weights()
    model.fit(X, Y, epochs=3, verbose=0)
    moved = [
        not np.array_equal(a, b)
        for a, b in zip(before, model.get_weights(), strict=True)
    ]
    assert moved == [False] * 6 + [True] * 2
    assert len(model.trainable_weights) == 2
    assert len(model.non_trainable_weights) == 6


def test_a_learning_rate_may_change_without_compiling_again():
    model = network()
    model.fit(X, Y, epochs=2, verbose=0)
    known = compilations()
    model.optimizer.learning_rate = 0.5
    model.fit(X, Y, epochs=2, verbose=0)
    assert compilations() == known
    np.testing.assert_allclose(model.optimizer_state["learning_rate"], 0.5)


def test_a_step_that_runs_eagerly_is_the_same_step():
    runs = []
    for eager in (False, True):
        model = network(dropout=0.0, run_eagerly=eager)
        model.fit(X[:8], Y[:8], epochs=1, batch_size=8, verbose=0)
        runs.append(model.get_weights())
    for a, b in zip(*runs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_freezing_between_fits_starts_the_optimizer_anew():
    model = network()
    model.fit(X, Y, epochs=1, verbose=0)
    model.layers[0].trainable = False
    before = model.get_weights()
    model.fit(X, Y, epochs=1, verbose=0)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert not np.array_equal(before[-1], model.get_weights()[-1])


def test_a_metric_of_several_numbers_has_a_log_for_each():
    onefit.config.set_random_seed(0)
    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=["f1_score"])
    y = np.eye(3)[np.arange(21) % 3]
    history = model.fit(X, y, verbose=0, validation_split=0.3)
    names = [f"f1_score_{i}" for i in range(3)]
    assert [n for n in history.history if n.startswith("f1")] == names


def test_an_activation_in_numpy_is_refused_in_our_words():
    model = onefit.Sequential(
        [onefit.Input((4,)), layers.Dense(1, activation=lambda z: 1 / (1 + np.exp(-z)))]
    )
    model.compile("adam", "mse")
    with pytest.raises(
        TypeError, match=r"Dense, layer 0: received a function .*jnp.exp"
    ):
        model.fit(X, Y, verbose=0)


# Rules ------------------------------------------------------------------------------


def overfit(callbacks, epochs=60, **options):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 4)).astype("float32")
    model = network(dropout=0.0, optimizer=onefit.optimizers.Adam(0.05))
    history = model.fit(
        x,
        rng.normal(size=(16, 1)),
        epochs=epochs,
        batch_size=16,
        verbose=0,
        validation_data=(X, Y),
        callbacks=callbacks,
        shuffle=False,
        **options,
    )
    return model, history


def test_early_stopping_decides_as_its_definition_says():
    rule = EarlyStopping(patience=3, restore_best_weights=True)
    model, history = overfit([rule])
    losses = history.history["val_loss"]
    best = int(np.argmin(losses))
    assert history.stopped == "rule"
    assert rule.best_epoch == best
    assert rule.stopped_epoch == best + 3 == history.epoch[-1]
    np.testing.assert_allclose(rule.best, losses[best], rtol=1e-6)
    restored = model.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(restored, losses[best], rtol=1e-5)


def test_best_weights_come_back_when_the_epochs_run_out_too():
    model, history = overfit(
        [EarlyStopping(patience=99, restore_best_weights=True)], 20
    )
    assert len(history.epoch) == 20
    best = min(history.history["val_loss"])
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), best, rtol=1e-5)


def test_early_stopping_and_reduction_agree_with_keras():
    import keras

    values = [5.0, 4.0, 4.2, 4.1, 4.3, 3.9, 3.95, 3.94, 3.93, 3.99, 3.98, 3.97]
    theirs = keras.callbacks.EarlyStopping(monitor="loss", patience=3, min_delta=0.05)
    theirs.set_model(type("M", (), {"stop_training": False, "get_weights": list})())
    theirs.on_train_begin()
    stopped = None
    for epoch, value in enumerate(values):
        theirs.on_epoch_end(epoch, {"loss": value})
        if theirs.model.stop_training:
            stopped = epoch
            break
    ours = EarlyStopping(monitor="loss", patience=3, min_delta=0.05, mode="min")
    memory = ours.init(None)
    for epoch, value in enumerate(values):
        memory, _, stop = ours.update(memory, epoch, {"loss": value}, None)
        if bool(stop):
            break
    assert epoch == stopped
    assert int(memory["wait"]) == theirs.wait


def test_the_rate_falls_on_a_plateau_and_is_logged():
    rule = ReduceLROnPlateau(monitor="loss", patience=2, factor=0.5, min_delta=10.0)
    model, history = overfit([rule], epochs=7)
    np.testing.assert_allclose(
        history.history["learning_rate"],
        [0.05, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125],
    )
    np.testing.assert_allclose(model.optimizer.learning_rate, 0.00625)


def test_a_loss_that_is_not_a_number_ends_the_fit():
    model = network(optimizer=onefit.optimizers.SGD(1e30))
    history = model.fit(X, Y, epochs=50, verbose=0, callbacks=[TerminateOnNaN()])
    assert history.stopped == "rule"
    assert len(history.epoch) < 5


def test_a_monitor_that_is_not_there_is_refused_before_anything_is_compiled():
    with pytest.raises(ValueError, match=r"'val_loss'.*Known: loss.*validation_data"):
        network().fit(X, Y, verbose=0, callbacks=[EarlyStopping()])


# Ctrl-C -----------------------------------------------------------------------------


class Presses(Callback):
    """Presses Ctrl-C so many times after the first stretch."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def on_stretch_end(self, epochs, logs):
        while self.times:
            self.times -= 1
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_a_fit_with_a_usable_model():
    model = network()
    history = model.fit(X, Y, epochs=10**8, verbose=0, callbacks=[Presses(1)])
    assert history.stopped == "interrupted"
    assert 0 < len(history.epoch) < 10**8
    assert np.isfinite(model.predict(X)).all()
    model.fit(X, Y, epochs=1, verbose=0)


def test_ctrl_c_twice_ends_the_script_too_with_the_weights_kept():
    model = network()
    before = model.get_weights()[0]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=10**8, verbose=0, callbacks=[Presses(2)])
    assert not np.array_equal(before, model.get_weights()[0])
    assert model.history.epoch


def test_an_exception_in_a_callback_leaves_a_usable_model():
    class Breaks(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("mine")

    model = network()
    before = model.get_weights()[0]
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y, epochs=3, verbose=0, callbacks=[Breaks()])
    assert not np.array_equal(before, model.get_weights()[0])
    assert np.isfinite(model.predict(X)).all()


# What a reader of the code once found broken ------------------------------------------


def test_a_model_called_in_training_mode_updates_its_statistics():
    model = network()
    before = model.layers[2].get_weights()[2]
    model(X, training=True)
    assert not np.array_equal(before, model.layers[2].get_weights()[2])


def test_a_program_that_fails_late_leaves_the_weights_it_last_had():
    import jax

    calls = []

    def breaks(value):
        calls.append(1)
        if len(calls) > 300:
            raise RuntimeError("late")
        return value

    def metric(y, p):
        return jax.pure_callback(breaks, jax.ShapeDtypeStruct((), p.dtype), p.sum())

    model = network(dropout=0.0, metrics=[metric])
    before = model.get_weights()
    with pytest.raises(Exception, match="late"):
        model.fit(X, Y, epochs=10**6, verbose=0, batch_size=21)
    for weight in (*before, *model.get_weights()):
        assert np.isfinite(weight).all()


def test_moments_belong_to_the_layers_they_were_made_for():
    """Freezing one of two alike layers, then the other: the moments start anew."""
    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(4), layers.Dense(4)])
    model.compile(onefit.optimizers.SGD(0.1, momentum=0.9), "mse")
    a, b = model.layers
    a.trainable = False
    model.fit(X, X, epochs=3, verbose=0)
    a.trainable, b.trainable = True, False
    targets = model.predict(X)
    before = model.get_weights()
    model.fit(X, targets, epochs=1, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-5)


class StopsAt(Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        self.model.stop_training = epoch == self.epoch


def test_a_callback_that_stops_still_gets_the_best_weights_and_the_average():
    rule = EarlyStopping(patience=99, restore_best_weights=True, mode="max")
    model, history = overfit([rule, StopsAt(4)])
    best = max(history.history["val_loss"])
    np.testing.assert_allclose(model.evaluate(X, Y, verbose=0), best, rtol=1e-5)
    runs = []
    for callbacks, epochs in ([StopsAt(4)], 9), ([], 5):
        adam = onefit.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
        model = network(dropout=0.0, optimizer=adam)
        model.fit(X, Y, epochs=epochs, verbose=0, callbacks=callbacks)
        runs.append(model.get_weights()[0])
    np.testing.assert_allclose(*runs, rtol=1e-6)


def test_only_the_rule_that_stopped_says_so(capsys):
    rules = [
        EarlyStopping("loss", patience=1, min_delta=10.0, verbose=1),
        TerminateOnNaN(),
    ]
    network().fit(X, Y, epochs=9, verbose=0, callbacks=rules)
    assert capsys.readouterr().out == "Epoch 2: early stopping\n"


def test_one_layer_by_two_paths_has_one_set_of_weights():
    shared = layers.Dense(4)
    inner = onefit.Sequential([shared])
    model = onefit.Sequential([onefit.Input((4,)), shared, inner])
    x = np.ones((2, 4), "float32")
    assert len(model.weights) == 2
    np.testing.assert_allclose(model(x), shared(shared(x)), rtol=1e-5)
    with pytest.raises(ValueError, match=r"twice; expected each layer once"):
        onefit.Sequential([onefit.Input((4,)), shared, shared])


def test_nested_models_train_and_get_names():
    def inner():
        return onefit.Sequential([layers.Dense(4, "relu")])

    model = onefit.Sequential([onefit.Input((4,)), inner(), inner(), layers.Dense(1)])
    assert [layer.name for layer in model.layers] == [
        "sequential",
        "sequential_1",
        "dense",
    ]
    model.compile("adam", "mse")
    history = model.fit(X, Y, epochs=20, verbose=0).history["loss"]
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    "last", ["softmax", layers.Softmax(), layers.Activation("softmax")], ids=str
)
@pytest.mark.parametrize("from_logits", [False, True])
def test_a_final_softmax_is_seen_through_in_every_form(last, from_logits):
    """Logits of 200 and -200: the loss is their difference, not that of a clipped p."""
    wide = [layers.Dense(2)] if not isinstance(last, str) else []
    end = layers.Dense(2, last) if isinstance(last, str) else last.replace()
    model = onefit.Sequential([onefit.Input((1,)), *wide, end])
    model.set_weights([np.array([[200.0, -200.0]]), np.zeros(2)])
    model.compile("adam", onefit.losses.SparseCategoricalCrossentropy(from_logits))
    assert model.evaluate([[1.0]], [1], verbose=0) == 400.0


def test_a_metric_that_asks_for_logits_gets_them():
    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(3)])
    loss = onefit.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = onefit.metrics.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=[metric, "accuracy"])
    values = model.evaluate(X, np.arange(21) % 3, verbose=0)
    np.testing.assert_allclose(values[0], values[1], rtol=1e-6)


def test_a_layer_frozen_during_a_fit_is_refused():
    class Freezes(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.layers[0].trainable = False

    with pytest.raises(ValueError, match="frozen or unfrozen during the fit"):
        network().fit(X, Y, epochs=2, verbose=0, callbacks=[Freezes()])
