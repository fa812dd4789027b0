"""Rules and checkpoints on logs that other callbacks write, beside Keras' own."""

import warnings

import numpy as np
import pytest

import onefit
from onefit.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    Rule,
)
from onefit.description import number
from onefit.errors import OnefitWarning

RNG = np.random.default_rng(0)
X, Y = RNG.random((12, 2)).astype("float32"), np.arange(12) % 2
SCORES = [0.1, 0.5, 0.4, 0.45, 0.2, 0.6, 0.1]


def compiled(library=onefit):
    model = library.Sequential(
        [library.Input((2,)), library.layers.Dense(1, "sigmoid")]
    )
    model.compile(library.optimizers.SGD(0.1), "binary_crossentropy")
    return model


def writer(library=onefit, name="val_f1", scores=SCORES):
    class Writes(library.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.weights = []

        def on_epoch_end(self, epoch, logs=None):
            logs[name] = scores[epoch]
            self.weights.append(self.model.get_weights())

    return Writes()


@pytest.fixture
def keras():
    return pytest.importorskip("keras")


def fit(callbacks, model=None, epochs=7, **options):
    model = model or compiled()
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, verbose=0, **options)


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("patience", [0, 1, 2, 3])
def test_early_stopping_is_stepped_as_keras_does(keras, mode, patience):
    seen = []
    for library in (onefit, keras):
        scores = [s if mode == "max" else -s for s in SCORES]
        rule = library.callbacks.EarlyStopping(
            "val_f1", mode=mode, patience=patience, restore_best_weights=True
        )
        written = writer(library, scores=scores)
        model = compiled(library)
        history = fit([written, rule], model)
        best = written.weights[rule.best_epoch]
        for ours, theirs in zip(model.get_weights(), best, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        seen.append(
            (
                history.history["val_f1"],
                rule.stopped_epoch,
                rule.best_epoch,
                pytest.approx(float(rule.best)),
                rule.wait,
            )
        )
    assert seen[0] == seen[1]


@pytest.mark.parametrize(("patience", "cooldown"), [(1, 0), (1, 1), (2, 0)])
def test_reduce_lr_on_plateau_is_stepped_as_keras_does(keras, patience, cooldown):
    rates = []
    for library in (onefit, keras):
        rule = library.callbacks.ReduceLROnPlateau(
            "val_f1", mode="max", patience=patience, cooldown=cooldown, factor=0.5
        )
        model = compiled(library)
        history = fit([writer(library), rule], model)
        rates.append(
            [*history.history["learning_rate"], float(model.optimizer.learning_rate)]
        )
    np.testing.assert_allclose(*rates, rtol=1e-6)


def test_a_rule_of_a_callbacks_log_and_one_of_the_programs_work_together():
    ends = []
    for monitor, mode in (("loss", "min"), ("copy", "min")):

        class Copies(Callback):
            def on_epoch_end(self, epoch, logs=None):
                logs["copy"] = logs["loss"]

        model = compiled()
        model.set_weights([np.ones((2, 1)), np.ones(1)])
        slower = ReduceLROnPlateau("loss", patience=0, min_delta=0.01)
        onefit.utils.set_random_seed(0)
        rule = EarlyStopping(monitor, mode=mode, min_delta=0.002, patience=1)
        history = fit([Copies(), slower, rule], model, epochs=40)
        ends.append((len(history.epoch), history.stopped, rule.best, rule.wait))
    assert ends[0] == ends[1]
    assert ends[0][1] == "rule"


def test_several_callbacks_watch_in_the_order_of_the_list(tmp_path):
    stop = EarlyStopping("val_f1", mode="max", patience=3)
    slow = ReduceLROnPlateau("val_f1", mode="max", patience=2)
    path = tmp_path / "{epoch}-{val_f1:.1f}.keras"
    best = ModelCheckpoint(path, "val_f1", mode="max", save_best_only=True)
    rate = LearningRateScheduler(lambda epoch: 0.1)
    history = fit([rate, writer(), slow, stop, best])
    assert len(history.epoch) == 5
    assert best.best == 0.5
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-0.1.keras", "2-0.5.keras"]


def test_weights_that_a_callback_sets_are_kept():
    class Sets(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.set_weights([np.full((2, 1), 7.0), np.ones(1)])
            logs["score"] = 1.0

    model = compiled()
    rule = EarlyStopping("score", mode="max", patience=0, restore_best_weights=True)
    fit([Sets(), rule], model)
    np.testing.assert_array_equal(model.get_weights()[0], np.full((2, 1), 7.0))


def test_a_validation_loss_that_a_callback_computes_needs_no_mode():
    rule = EarlyStopping(patience=1)
    history = fit([writer(name="val_loss"), rule])
    assert len(history.epoch) == 2
    assert rule.best == pytest.approx(0.1)


def test_a_rule_of_ones_own_sees_what_callbacks_write():
    class StopAbove(Rule):
        monitor = "val_f1"
        limit: float = number(default=0.42)

        def update(self, memory, epoch, logs, train):
            return memory, train, logs["val_f1"] > self.limit

    assert len(fit([writer(), StopAbove()]).epoch) == 2


def test_functions_may_write_logs_too():
    def write(epoch, logs):
        logs["score"] = SCORES[epoch]

    rule = EarlyStopping("score", mode="max", patience=1)
    assert len(fit([LambdaCallback(on_epoch_end=write), rule]).epoch) == 3


def test_batches_by_parts_step_the_rule_too():
    class Looks(Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    rule = EarlyStopping("val_f1", mode="max", patience=1)
    assert len(fit([Looks(), writer(), rule], batch_size=4).epoch) == 3


WATCHERS = {
    "EarlyStopping": EarlyStopping,
    "ReduceLROnPlateau": ReduceLROnPlateau,
    "ModelCheckpoint": lambda name, **more: ModelCheckpoint(
        "never.keras", name, save_best_only=True, **more
    ),
}


@pytest.fixture(params=list(WATCHERS))
def watcher(request):
    return WATCHERS[request.param]


class Prints(Callback):
    def on_epoch_end(self, epoch, logs=None):
        del logs


@pytest.mark.parametrize("others", [[], [LearningRateScheduler(lambda epoch: 0.1)]])
def test_nobody_could_write_it_so_it_is_refused_at_once(watcher, others):
    model = compiled()
    before = model.get_weights()
    with pytest.raises(ValueError, match="Unknown log to monitor 'val_f1'"):
        fit([*others, watcher("val_f1", mode="max")], model)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_a_mistyped_log_of_a_callback_is_told_after_one_epoch(watcher):
    written = writer()
    with pytest.raises(ValueError, match=r"'val_f2'\. Did you mean 'val_f1'"):
        fit([written, watcher("val_f2", mode="max")])
    assert len(written.weights) == 1


def test_a_log_that_nobody_wrote_is_warned_of_once(watcher):
    with pytest.warns(OnefitWarning, match="no callback before it has written") as told:
        fit([Prints(), watcher("val_f1", mode="max")], epochs=3)
    assert len([one for one in told if "val_f1" in str(one.message)]) == 1


def test_a_callback_that_writes_it_after_the_one_that_watches_is_too_late(watcher):
    with pytest.warns(OnefitWarning, match="no callback before it has written 'val_f1"):
        fit([watcher("val_f1", mode="max"), writer()])


def test_a_log_without_a_direction_needs_a_mode(watcher):
    with pytest.raises(ValueError, match="write mode='max' or mode='min'"):
        fit([writer(), watcher("val_f1")])


def test_a_validation_that_is_missing_is_told_beside_other_callbacks(watcher):
    with pytest.raises(ValueError, match="Give validation_data or validation_split"):
        fit([Prints(), watcher("val_loss")])


def test_epochs_without_a_validation_write_no_log_of_it(watcher):
    class Every(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch % 2:
                logs["val_f1"] = 0.5

    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        rule = EarlyStopping("val_f1", mode="max", patience=1)
        history = fit([Every(), rule], validation_data=(X, Y), validation_freq=2)
    assert len(history.epoch) == 4


def test_a_population_has_no_callbacks_that_write():
    with pytest.raises(ValueError, match="Unknown log to monitor 'val_f1'"):
        onefit.population.fit(
            compiled(), X, Y, seeds=2, callbacks=[EarlyStopping("val_f1", mode="max")]
        )


# Rules on the host --------------------------------------------------------------------

LOSSES = [1.0, 0.5, 0.6, 0.4, 0.45, 0.44, 0.43, 0.2]


def small(library):
    model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
    model.compile(library.optimizers.SGD(0.5), "mse")
    return model


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("EarlyStopping", {"patience": 2, "restore_best_weights": True}),
        ("EarlyStopping", {"patience": 1, "baseline": 0.55, "start_from_epoch": 1}),
        ("EarlyStopping", {"mode": "max", "patience": 3}),
        ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "cooldown": 1}),
        ("ReduceLROnPlateau", {"patience": 1, "factor": 0.1, "min_lr": 0.02}),
    ],
)
def test_a_loop_by_hand_may_call_the_hooks_of_a_rule(keras, name, settings):
    """Epoch for epoch as Keras: the stop, the rate, the weights at the end."""
    found = []
    for library in (onefit, keras):
        model = small(library)
        rule = getattr(library.callbacks, name)("loss", **settings)
        rule.set_model(model)
        rule.on_train_begin()
        seen = []
        for epoch, loss in enumerate(LOSSES):
            rule.on_epoch_begin(epoch)
            model.layers[-1].set_weights([np.full((2, 1), loss), np.zeros(1)])
            logs = {"loss": loss}
            rule.on_epoch_end(epoch, logs)
            rate = float(model.optimizer.learning_rate)
            seen.append((round(rate, 6), *map(float, logs.values())))
            if model.stop_training:
                break
        rule.on_train_end()
        found.append((seen, model.get_weights()[0].ravel().tolist()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_a_subclass_of_a_rule_with_hooks_runs_once_an_epoch():
    class Late(onefit.callbacks.EarlyStopping):
        def on_epoch_end(self, epoch, logs=None):
            if epoch >= 2:
                super().on_epoch_end(epoch, logs)

    class Told(onefit.callbacks.ReduceLROnPlateau):
        def on_epoch_begin(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.learning_rate))

    model, rates = small(onefit), []
    model.optimizer.learning_rate = 0.01
    late = Late("loss", patience=1, min_delta=100, restore_best_weights=True)
    told = Told("loss", patience=1, min_delta=100, factor=0.5)
    x = np.ones((4, 2), "f4")
    log = model.fit(x, x[:, :1], epochs=9, verbose=0, callbacks=[late, told]).history
    assert len(log["loss"]) == 4  # epochs 0 and 1 unseen, 2 the best, 3 no better
    assert late.stopped_epoch == 3
    assert late.best == pytest.approx(log["loss"][2])
    assert rates == pytest.approx([0.01, 0.01, 0.005, 0.0025])
    with pytest.raises(TypeError, match="Late, which runs in Python"):
        onefit.population.fit(model, x, x[:, :1], n=2, epochs=1, callbacks=[late])
