"""Callbacks on the host: which hooks are called when, and what they can change."""

import csv
import struct
import sys

import numpy as np
import pytest

import onefit
from onefit.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    RemoteMonitor,
    SwapEMAWeights,
    TensorBoard,
    TerminateOnNaN,
)
from onefit.layers import Dense, Dropout
from onefit.training.from_functions import HOOKS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 3)).astype("float32")
Y = (X @ [[1.0], [2.0], [-1.0]] + 0.5).astype("float32")
HELD = (X[:10], Y[:10])


def made(*extra, rate=0.05, optimizer=None, metrics=None):
    onefit.config.set_random_seed(7)
    model = onefit.Sequential([Dense(4, activation="tanh"), *extra, Dense(1)])
    optimizer = optimizer or onefit.optimizers.SGD(rate)
    model.compile(optimizer, "mse", metrics=metrics)
    return model.build((None, 3))


def fitted(model, *callbacks, epochs=4, **settings):
    settings = {"batch_size": 8, "verbose": 0, "validation_data": HELD} | settings
    return model.fit(X, Y, epochs=epochs, callbacks=list(callbacks), **settings)


def flat(model):
    return [w.ravel() for w in model.get_weights()]


def adam():
    return onefit.optimizers.Adam(0.03)


def tracer(base, hooks):
    """A callback of a library that notes each call of these hooks."""

    def note(hook):
        def call(self, *args, **kwargs):
            args = (*args, *kwargs.values())
            numbers = [a for a in args if isinstance(a, int)]
            logs = [sorted(a) for a in args if isinstance(a, dict) and a]
            self.trace.append((hook, *numbers, *logs))

        return call

    cls = type("Tracer", (base,), {hook: note(hook) for hook in hooks})
    made = cls()
    made.trace = []
    return made


# Hooks --------------------------------------------------------------------------------

BY_EPOCH = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_test_begin",
    "on_test_end",
)
BY_BATCH = (*BY_EPOCH, "on_train_batch_begin", "on_train_batch_end")


@pytest.fixture(scope="module")
def keras():
    """Keras, and one model for all tests: it compiles once."""
    import keras

    keras.tested = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])  # pyright: ignore[reportAttributeAccessIssue]
    keras.tested.compile("sgd", "mse", metrics=["mae"])  # pyright: ignore[reportAttributeAccessIssue]
    return keras


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"validation_data": HELD},
        {"validation_data": HELD, "validation_freq": 2, "initial_epoch": 1},
    ],
    ids=["plain", "validation", "sometimes"],
)
def test_hooks_are_called_as_in_keras(settings, keras):
    settings = {"batch_size": 8, "epochs": 3, "verbose": 0} | settings
    theirs = tracer(keras.callbacks.Callback, BY_BATCH)
    keras.tested.fit(X, Y, callbacks=[theirs], **settings)
    for hooks in (BY_BATCH, BY_EPOCH):
        ours = tracer(Callback, hooks)
        made(metrics=["mae"]).fit(X, Y, callbacks=[ours], **settings)
        assert ours.trace == [call for call in theirs.trace if call[0] in hooks]


def test_callbacks_are_called_in_their_order():
    calls = []
    pair = [
        LambdaCallback(
            on_epoch_end=lambda *_, n=n: calls.append(("epoch", n)),
            on_train_end=lambda *_, n=n: calls.append(("end", n)),
        )
        for n in (1, 2)
    ]
    fitted(made(), *pair, epochs=1)
    assert calls == [("epoch", 1), ("epoch", 2), ("end", 1), ("end", 2)]


def test_a_stretch_has_many_epochs_unless_a_hook_is_in_between():
    class Stretches(Callback):
        def __init__(self):
            super().__init__()
            self.sizes = []

        def on_stretch_end(self, epochs, logs):
            assert len(epochs) == len(logs)
            self.sizes.append(len(epochs))

    alone, watched = Stretches(), Stretches()
    fitted(made(), alone, LambdaCallback(on_train_end=print), epochs=40)
    fitted(made(), watched, LambdaCallback(on_epoch_end=lambda *_: 0), epochs=40)
    assert sum(alone.sizes) == 40
    assert len(alone.sizes) < 20
    assert watched.sizes == [1] * 40


def test_callbacks_do_not_change_the_numbers():
    plain = fitted(made(Dropout(0.5), optimizer=adam()))
    by_epoch = fitted(
        made(Dropout(0.5), optimizer=adam()), LambdaCallback(on_epoch_end=lambda *_: 0)
    )
    by_batch = fitted(
        made(Dropout(0.5), optimizer=adam()),
        LambdaCallback(on_train_batch_end=lambda *_: 0),
    )
    assert by_epoch.history == plain.history
    for name, values in plain.history.items():
        np.testing.assert_allclose(by_batch.history[name], values, rtol=1e-5)


def test_history():
    history = fitted(made(metrics=["mae"]), epochs=5, initial_epoch=2)
    assert history.epoch == [2, 3, 4]
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert {len(values) for values in history.history.values()} == {3}
    assert history.params["epochs"] == 5
    assert history.params["steps"] == 3
    assert history.stopped is None


def test_what_a_callback_adds_to_the_logs_is_in_the_history():
    def add(epoch, logs):
        logs["twice"] = 2 * logs["loss"]

    history = fitted(made(), LambdaCallback(on_epoch_end=add)).history
    assert history["twice"] == [2 * loss for loss in history["loss"]]


# What callbacks can change ------------------------------------------------------------


def test_stop_training():
    class Stop(Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    history = fitted(made(), Stop(), epochs=10)
    assert history.epoch == [0, 1, 2]
    assert history.stopped == "callback"


def test_stop_training_in_a_batch(keras):
    def stopper(base):
        stop = tracer(base, BY_BATCH)

        def on_train_batch_end(batch, logs=None):
            stop.trace.append(("on_train_batch_end", batch, sorted(logs)))
            stop.model.stop_training = batch == 1

        stop.on_train_batch_end = on_train_batch_end
        return stop

    theirs, ours = stopper(keras.callbacks.Callback), stopper(Callback)
    keras.tested.fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[theirs])
    made(metrics=["mae"]).fit(X, Y, batch_size=8, epochs=3, verbose=0, callbacks=[ours])
    assert ours.trace == theirs.trace


ALMOST_NO = 1e-12
"""A learning rate; exactly 0 would be another program."""


@pytest.mark.parametrize("hook", ["on_train_begin", "on_epoch_begin"])
def test_weights_set_in_a_callback_take_effect(hook):
    zeros = [np.zeros_like(w) for w in made().get_weights()]
    model = made(rate=ALMOST_NO)
    set_zeros = LambdaCallback(**{hook: lambda *_: model.set_weights(zeros)})
    history = fitted(model, set_zeros, epochs=2)
    np.testing.assert_allclose(history.history["loss"], np.mean(Y**2), rtol=1e-5)
    np.testing.assert_allclose(np.concatenate(flat(model)), 0, atol=1e-9)


def test_weights_set_after_a_batch_take_effect():
    zeros = [np.zeros_like(w) for w in made().get_weights()]
    model = made(rate=0.1)
    set_zeros = LambdaCallback(on_train_batch_end=lambda *_: model.set_weights(zeros))
    fitted(model, set_zeros, epochs=2)
    np.testing.assert_array_equal(np.concatenate(flat(model)), 0)


@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_train_batch_begin"]
)
def test_a_learning_rate_set_in_a_callback_takes_effect(hook):
    model = made(rate=0.5)
    before = np.concatenate(flat(model))

    def freeze(*_):
        model.optimizer.learning_rate = ALMOST_NO

    fitted(model, LambdaCallback(**{hook: freeze}), epochs=2)
    np.testing.assert_allclose(np.concatenate(flat(model)), before, atol=1e-9)
    assert model.optimizer.learning_rate == pytest.approx(ALMOST_NO)


def test_weights_are_the_epochs_own_when_a_hook_reads_them():
    model, seen = made(), []
    fitted(
        model, LambdaCallback(on_epoch_end=lambda *_: seen.append(model.get_weights()))
    )
    shorter = made()
    fitted(shorter, epochs=2)
    for got, wanted in zip(seen[1], shorter.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(
    "hook",
    [
        "on_train_begin",
        "on_epoch_begin",
        "on_epoch_end",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_end",
        "on_stretch_end",
        "on_train_end",
    ],
)
def test_an_exception_in_a_callback_leaves_a_usable_model(hook):
    class Failing(Callback):
        aborted = 0

        def on_train_abort(self):
            self.aborted += 1

    def fail(self, *_):
        raise RuntimeError("in a callback")

    setattr(Failing, hook, fail)
    model, failing = made(), Failing()
    with pytest.raises(RuntimeError, match="in a callback"):
        fitted(model, failing)
    assert failing.aborted == 1
    assert np.isfinite(model.predict(X)).all()
    assert np.isfinite(fitted(model, epochs=1).history["loss"]).all()


# LambdaCallback -----------------------------------------------------------------------


def test_lambda_callback_writes_only_the_hooks_it_is_given():
    from onefit.training.callback import overrides

    callback = LambdaCallback(on_train_end=print, on_test_end=None)
    assert [hook for hook in HOOKS if overrides(callback, hook)] == ["on_train_end"]
    assert isinstance(callback, LambdaCallback)


def test_lambda_callback_errors():
    with pytest.raises(ValueError, match="hook 'on_epoch_ends'"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(TypeError, match="received on_epoch_end=3; expected a function"):
        LambdaCallback(on_epoch_end=3)


# LearningRateScheduler ----------------------------------------------------------------


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 0.1 / (1 + epoch),
        lambda epoch, rate: rate if epoch < 2 else rate / 2,
    ],
    ids=["of epoch", "of epoch and rate"],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_learning_rate_scheduler_logs_as_keras_does(schedule, keras):
    keras.tested.optimizer.learning_rate = 0.05
    scheduler = keras.callbacks.LearningRateScheduler(schedule)
    fit = keras.tested.fit(
        X, Y, batch_size=8, epochs=4, verbose=0, callbacks=[scheduler]
    )
    got = fitted(made(), LearningRateScheduler(schedule)).history
    np.testing.assert_allclose(
        got["learning_rate"], fit.history["learning_rate"], rtol=1e-6
    )


def test_learning_rate_scheduler_changes_the_steps():
    model = made()
    before = np.concatenate(flat(model))
    fitted(model, LearningRateScheduler(lambda epoch: ALMOST_NO))
    np.testing.assert_allclose(np.concatenate(flat(model)), before, atol=1e-9)


def test_learning_rate_scheduler_says_what_it_does(capsys):
    fitted(made(), LearningRateScheduler(lambda epoch: 0.25, verbose=1), epochs=1)
    assert "Epoch 1: learning rate 0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("schedule", "error", "text"),
    [
        (
            lambda e: None,
            TypeError,
            "received None; expected a number. Return the rate.",
        ),
        (lambda e: "0.1x", TypeError, "received '0.1x'; expected a number"),
        (
            lambda e: -1.0,
            ValueError,
            "received -1.0; expected a finite number, 0 or more",
        ),
        (lambda e: float("nan"), ValueError, "received nan"),
        (lambda e: np.ones(2), TypeError, "expected a number"),
    ],
)
def test_learning_rate_scheduler_refuses(schedule, error, text):
    callback = LearningRateScheduler(schedule)
    callback.set_model(made())
    with pytest.raises(error, match=text):
        callback.on_epoch_begin(0)


def test_learning_rate_scheduler_refuses_two_schedules():
    rate = onefit.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    callback = LearningRateScheduler(lambda epoch: 0.1)
    callback.set_model(made(optimizer=onefit.optimizers.SGD(rate)))
    with pytest.raises(ValueError, match="whose learning_rate is a schedule"):
        callback.on_epoch_begin(0)
    with pytest.raises(TypeError, match=r"schedule=0.1; expected a function"):
        LearningRateScheduler(0.1)


# CSVLogger ----------------------------------------------------------------------------


def table(path, separator=","):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=separator))


def test_csv_has_the_history(tmp_path):
    path = tmp_path / "logs" / "fit.csv"
    history = fitted(made(metrics=["mae"]), CSVLogger(path, separator=";"), epochs=30)
    head, *rows = table(path, ";")
    assert head == ["epoch", "loss", "mae", "val_loss", "val_mae"]
    assert [int(row[0]) for row in rows] == history.epoch
    for i, name in enumerate(head[1:], 1):
        assert [float(row[i]) for row in rows] == history.history[name]


def test_csv_is_as_keras_writes_it(tmp_path, keras):
    rows = [
        {"loss": 0.5, "acc": 1.0, "val_loss": 0.25, "val_acc": 0.5},
        {"loss": 0.125},
    ]
    theirs = keras.callbacks.CSVLogger(str(tmp_path / "keras.csv"))
    theirs.on_train_begin()
    for epoch, row in enumerate(rows):
        theirs.on_epoch_end(epoch, row)
    theirs.on_train_end()
    ours = CSVLogger(tmp_path / "ours.csv")
    ours.on_train_begin()
    ours.on_stretch_end(range(2), rows)
    assert table(tmp_path / "ours.csv") == table(tmp_path / "keras.csv")


def test_csv_goes_on_with_a_file(tmp_path):
    path = tmp_path / "fit.csv"
    model = made()
    fitted(model, CSVLogger(path), epochs=2, validation_data=None)
    fitted(model, CSVLogger(path, append=True), epochs=4, initial_epoch=2)
    head, *rows = table(path)
    assert head == ["epoch", "loss", "val_loss"]  # a column more, none out of place
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    assert [row[2] == "NA" for row in rows] == [True, True, False, False]
    fitted(model, CSVLogger(path), epochs=1)
    assert len(table(path)) == 2


# TensorBoard --------------------------------------------------------------------------


def events(directory):
    """{tag: {step: value}} of the files in a directory; histograms as their counts."""
    from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]

    found = {}
    for path in sorted(directory.iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                number = (
                    value.histo.num if value.HasField("histo") else value.simple_value
                )
                found.setdefault(value.tag, {})[event.step] = number
    return found


def test_tensorboard_scalars(tmp_path):
    board = TensorBoard(tmp_path, write_steps_per_second=True)
    history = fitted(made(), board, epochs=6).history
    train, held = events(tmp_path / "train"), events(tmp_path / "validation")
    wanted = dict(enumerate(history["loss"]))
    assert train["epoch_loss"] == pytest.approx(wanted)
    assert held["epoch_loss"] == pytest.approx(dict(enumerate(history["val_loss"])))
    assert min(train["epoch_steps_per_second"].values()) > 0


def test_tensorboard_batches_and_histograms(tmp_path):
    board = TensorBoard(tmp_path, histogram_freq=2, update_freq=2)
    model = made()
    fitted(model, board, epochs=3)
    train = events(tmp_path / "train")
    assert set(train["batch_loss"]) == {1, 3, 5, 7}
    name = model.layers[0].name
    assert train[f"{name}/kernel/histogram"] == {0: 12, 2: 12}
    assert f"{name}/bias/histogram" in train


def test_tensorboard_stops_the_program_only_where_it_must():
    from onefit.training.callback import overrides

    hooks = ("on_train_batch_end", "on_epoch_end")
    needs = [
        [overrides(board, hook) for hook in hooks]
        for board in (
            TensorBoard(),
            TensorBoard(update_freq="batch"),
            TensorBoard(histogram_freq=1),
        )
    ]
    assert needs == [[False, False], [True, False], [False, True]]


def test_tensorboard_errors(monkeypatch):
    with pytest.raises(ValueError, match=r"profile_batch=\(4, 2\); expected the"):
        TensorBoard(profile_batch=(4, 2))
    with pytest.raises(ValueError, match="update_freq=0; expected 'epoch' or a number"):
        TensorBoard(update_freq=0)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[tensorboard\]"'):
        fitted(made(), TensorBoard())


# ModelCheckpoint ----------------------------------------------------------------------


class Saved(list):
    """What a model was asked to save: (path, weights)."""


@pytest.fixture
def saved(monkeypatch):
    files = Saved()

    def save(self, path, **_):
        files.append((str(path), self.get_weights()))

    monkeypatch.setattr(onefit.Model, "save", save, raising=False)
    monkeypatch.setattr(onefit.Model, "save_weights", save, raising=False)
    return files


def test_checkpoint_of_each_epoch(saved, tmp_path):
    keep = ModelCheckpoint(tmp_path / "new" / "{epoch:02d}-{val_loss:.2f}.keras")
    history = fitted(made(), keep, epochs=3).history["val_loss"]
    names = [f"{i:02d}-{loss:.2f}.keras" for i, loss in enumerate(history, 1)]
    assert [path.rsplit("/", 1)[1] for path, _ in saved] == names
    assert (tmp_path / "new").is_dir()
    shorter = made()
    fitted(shorter, epochs=2)
    for got, wanted in zip(saved[1][1], shorter.get_weights(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_checkpoint_of_the_best(saved, capsys):
    losses = iter([0.5, 0.4, 0.45, float("nan"), 0.3])

    def script(epoch, logs):
        logs["val_loss"] = next(losses)

    keep = ModelCheckpoint("{epoch}.keras", save_best_only=True, verbose=1)
    fitted(made(), LambdaCallback(on_epoch_end=script), keep, epochs=5)
    assert [path for path, _ in saved] == ["1.keras", "2.keras", "5.keras"]
    assert keep.best == 0.3
    assert keep.path == "5.keras"
    out = capsys.readouterr().out
    assert "Epoch 2: val_loss improved from 0.5 to 0.4, saved to 2.keras" in out


def test_checkpoint_knows_which_way_is_better(saved):
    settings = {"save_best_only": True, "save_weights_only": True}
    keep = ModelCheckpoint("a.weights.h5", "val_r2_score", **settings)
    scores = iter([0.1, 0.3, 0.2])

    def script(epoch, logs):
        logs["val_r2_score"] = next(scores)

    model = made(metrics=[onefit.metrics.R2Score()])
    fitted(model, LambdaCallback(on_epoch_end=script), keep, epochs=3)
    assert keep.best == 0.3
    least = ModelCheckpoint("a.keras", "val_r2_score", mode="min", save_best_only=True)
    scores = iter([0.1, 0.3, 0.05])
    fitted(model, LambdaCallback(on_epoch_end=script), least, epochs=3)
    assert least.best == 0.05


def test_checkpoint_threshold(saved):
    keep = ModelCheckpoint("a.keras", save_best_only=True, initial_value_threshold=0.0)
    fitted(made(), keep)
    assert not saved


def test_checkpoint_by_batches(saved):
    seen = []
    model = made()
    spy = LambdaCallback(on_train_batch_end=lambda *_: seen.append(model.get_weights()))
    keep = ModelCheckpoint("{epoch}-{batch}.keras", save_freq=2)
    fitted(model, spy, keep, epochs=2)
    assert [path for path, _ in saved] == ["1-2.keras", "2-1.keras", "2-3.keras"]
    for (_, got), wanted in zip(saved, seen[1::2], strict=True):
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_checkpoint_errors(saved):
    with pytest.raises(ValueError, match=r"ends in '.keras' or .*Write 'model.keras'"):
        ModelCheckpoint("model.pt")
    with pytest.raises(ValueError, match=r"ends in '.weights.h5'"):
        ModelCheckpoint("model.keras", save_weights_only=True)
    with pytest.raises(ValueError, match="Unknown mode 'least'"):
        ModelCheckpoint("model.keras", mode="least")
    with pytest.raises(ValueError, match=r"save_freq=0.5"):
        ModelCheckpoint("model.keras", save_freq=0.5)
    keep = ModelCheckpoint("a.keras", "val_los", save_best_only=True)
    with pytest.raises(ValueError, match=r"'val_los'. Did you mean 'val_loss'"):
        fitted(made(), keep)
    with pytest.raises(ValueError, match="name in filepath 'val_acc'"):
        fitted(made(), ModelCheckpoint("{val_acc:.2f}.keras"))
    assert not saved


# BackupAndRestore ---------------------------------------------------------------------


class Killed(Exception):
    """Stands for a kill in the middle of a fit."""


def killer(epoch):
    def kill(now, logs):
        if now == epoch:
            raise Killed

    return LambdaCallback(on_epoch_begin=kill)


def rules():
    return [
        EarlyStopping(patience=3, restore_best_weights=True),
        ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05),
    ]


@pytest.mark.parametrize("with_rules", [False, True])
def test_a_killed_fit_goes_on_to_the_bit(tmp_path, with_rules):
    given = rules if with_rules else list
    whole = made(Dropout(0.3), optimizer=adam())
    wanted = fitted(whole, *given(), epochs=12)
    with pytest.raises(Killed):
        fitted(
            made(Dropout(0.3), optimizer=adam()),
            *given(),
            BackupAndRestore(tmp_path / "backup"),
            killer(5),
            epochs=12,
        )
    # Another process: other weights, another seed.
    model = made(Dropout(0.3), optimizer=adam())
    onefit.config.set_random_seed(99)
    model.set_weights([w + 1 for w in model.get_weights()])
    history = fitted(model, *given(), BackupAndRestore(tmp_path / "backup"), epochs=12)
    assert history.epoch == wanted.epoch[5:]
    for name, values in wanted.history.items():
        assert history.history[name] == values[5:]
    for got, weight in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(got, weight)
    assert not (tmp_path / "backup").exists()


def test_a_backup_costs_no_stretches():
    from onefit.training.callback import overrides

    assert not overrides(BackupAndRestore("x"), "on_epoch_end", "on_train_batch_end")


def interrupted(epochs):
    class Interrupt(Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch + 1 >= epochs:
                self.model.stop_training = True
                self.model.history.stopped = "interrupted"

    return Interrupt()


def test_a_backup_stays_when_the_fit_is_not_done(tmp_path):
    fitted(made(), BackupAndRestore(tmp_path), interrupted(1), epochs=9)
    assert (tmp_path / "backup.npz").exists()
    keep = BackupAndRestore(tmp_path, delete_checkpoint=False)
    assert fitted(made(), keep, epochs=9).epoch[0] > 0
    assert (tmp_path / "backup.npz").exists()
    assert fitted(made(), keep, epochs=9).epoch == []


def test_a_backup_deletes_nothing_but_its_own(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    fitted(made(), BackupAndRestore(tmp_path), epochs=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_backup_falls_back_on_the_one_before(tmp_path):
    backup = BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    with pytest.raises(Killed):
        fitted(made(), backup, killer(3), epochs=6)
    backup.latest.write_bytes(backup.latest.read_bytes()[:200])
    assert fitted(made(), backup, epochs=6).epoch == [2, 3, 4, 5]
    for path in tmp_path.iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(
        ValueError, match=r"a damaged backup in .* Delete the directory"
    ):
        fitted(made(), backup, epochs=6)


def test_a_backup_after_so_many_batches(tmp_path):
    backup = BackupAndRestore(tmp_path, save_freq=5)  # 3 batches an epoch
    with pytest.raises(Killed):
        fitted(made(), backup, killer(3), epochs=6)
    assert fitted(made(), backup, epochs=6).epoch == [2, 3, 4, 5]


def test_a_backup_of_another_model_is_refused(tmp_path):
    fitted(made(), BackupAndRestore(tmp_path), interrupted(1), epochs=9)
    with pytest.raises(ValueError, match=r"expected the .* arrays of this model"):
        fitted(made(optimizer=adam()), BackupAndRestore(tmp_path), epochs=9)
    with pytest.raises(ValueError, match="backup_dir=''"):
        BackupAndRestore("")
    with pytest.raises(ValueError, match="save_freq=False"):
        BackupAndRestore(tmp_path, save_freq=False)


def test_short_floats_survive_a_backup(tmp_path):
    import jax.numpy as jnp

    from onefit.training.checkpoints import _read, _write

    leaves = [
        np.asarray(jnp.arange(3, dtype=jnp.bfloat16)),
        np.float32(2),
        np.arange(2),
    ]
    _write(tmp_path / "a.npz", {"epochs": 3}, [np.asarray(a) for a in leaves])
    facts, read = _read(tmp_path / "a.npz")
    assert facts["epochs"] == 3
    for got, wanted in zip(read, leaves, strict=True):
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)


def test_a_checkpoint_saves_a_model_that_loads(tmp_path):
    """The real files, once: the best epoch's model, and weights alone."""
    onefit.utils.set_random_seed(0)
    model = onefit.Sequential([onefit.Input((2,)), onefit.layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")
    best = ModelCheckpoint(tmp_path / "best.keras", "loss", save_best_only=True)
    light = ModelCheckpoint(
        tmp_path / "{epoch:02d}.weights.h5", "loss", save_weights_only=True
    )
    model.fit(x, y, epochs=2, verbose=0, callbacks=[best, light])
    loaded = onefit.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert (tmp_path / "01.weights.h5").exists()
    loaded.load_weights(tmp_path / "02.weights.h5")
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))


def test_a_checkpoint_with_another_ending_is_refused():
    with pytest.raises(ValueError, match=r"Write './runs/best.keras'"):
        ModelCheckpoint("./runs/best.ckpt")


# Evaluations and predictions ----------------------------------------------------------


def told(library, model, what):
    """The hooks that an evaluation or a prediction calls, with batch numbers."""
    seen = []

    class Note(library.callbacks.Callback):
        pass

    def note(hook):
        def call(self, *args, **kwargs):
            args = (*args, *kwargs.values())
            numbers = [a for a in args if isinstance(a, int)]
            logs = [sorted(a) for a in args if isinstance(a, dict) and a]
            seen.append((hook, *numbers, *logs))

        return call

    for kind in ("test", "predict"):
        for end in ("begin", "end", "batch_begin", "batch_end"):
            hook = f"on_{kind}_{end}"
            setattr(Note, hook, note(hook))
    callback = Note()
    what(model, callback)
    return seen, {k: v for k, v in callback.params.items() if k in ("epochs", "steps")}


WHAT = {
    "evaluate": lambda model, c: model.evaluate(
        X, Y, batch_size=10, verbose=0, callbacks=[c]
    ),
    "predict": lambda model, c: model.predict(
        X, batch_size=10, verbose=0, callbacks=[c]
    ),
    "fit": lambda model, c: model.fit(
        X, Y, batch_size=12, verbose=0, callbacks=[c], validation_data=HELD
    ),
}


@pytest.mark.parametrize("what", WHAT.values(), ids=list(WHAT))
def test_hooks_of_evaluations_come_in_keras_order(what):
    import keras

    theirs = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    theirs.compile("sgd", "mse")
    ours = made()
    assert told(onefit, ours, what) == told(keras, theirs, what)


def test_logs_of_an_evaluation_so_far():
    model, losses = made(), []

    class Note(Callback):
        def on_test_batch_end(self, batch, logs=None):
            losses.append(logs["loss"])

    value = model.evaluate(X, Y, batch_size=8, verbose=0, callbacks=[Note()])
    assert losses[-1] == value
    assert losses[0] == pytest.approx(model.evaluate(X[:8], Y[:8], verbose=0), rel=1e-5)


# Other callbacks of Keras -------------------------------------------------------------


def test_an_average_is_validated():
    def run(*callbacks):
        model = made(optimizer=onefit.optimizers.SGD(0.1, use_ema=True))
        history = fitted(model, *callbacks, shuffle=False)
        return history.history["val_loss"], model.evaluate(*HELD, verbose=0)

    (plain, end), (swapped, last) = run(), run(SwapEMAWeights())
    assert plain != swapped
    assert end == last
    assert swapped[-1] == pytest.approx(last, rel=1e-5)
    held = [(HELD[0][:5], HELD[1][:5]), (HELD[0][5:], HELD[1][5:])]
    model = made(optimizer=onefit.optimizers.SGD(0.1, use_ema=True))
    history = fitted(
        model,
        SwapEMAWeights(),
        shuffle=False,
        validation_data=(pair for pair in held * 9),
        validation_steps=2,
    )
    np.testing.assert_allclose(history.history["val_loss"], swapped, rtol=1e-5)
    with pytest.raises(ValueError, match="without a moving average"):
        fitted(made(), SwapEMAWeights())


@pytest.mark.parametrize("epochs", [2, 5])
def test_callbacks_may_see_an_average(epochs):
    # What they see is what was validated; what trains stays as it was.
    def run(*callbacks, swap):
        model = made(optimizer=onefit.optimizers.SGD(0.1, use_ema=True))
        rule = SwapEMAWeights(swap_on_epoch=swap)
        history = fitted(model, rule, *callbacks, epochs=5, shuffle=False)
        return history.history["val_loss"], model.get_weights()

    class Look(Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.evaluate(*HELD, verbose=0))
            self.model.stop_training = epoch + 1 == epochs

    seen = []
    validated, end = run(Look(), swap=True)
    np.testing.assert_allclose(seen, validated, rtol=1e-5)
    plain, last = run(swap=False)
    np.testing.assert_allclose(validated, plain[:epochs], rtol=1e-5)
    if epochs == 5:
        np.testing.assert_allclose(end[0], last[0], rtol=1e-5)


def test_a_loss_that_is_no_number_raises_if_asked():
    model = made(rate=1e30)
    with pytest.raises(RuntimeError, match="the loss of epoch 1 is NaN or infinite"):
        fitted(model, TerminateOnNaN(raise_error=True))
    assert TerminateOnNaN().raise_error is False


@pytest.mark.parametrize("as_json", [False, True])
def test_logs_are_sent_to_a_server(as_json):
    import http.server
    import json
    import threading
    import urllib.parse

    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, self.headers["X-Mine"], text))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    try:
        monitor = RemoteMonitor(root, headers={"X-Mine": "1"}, send_as_json=as_json)
        history = fitted(made(), monitor, epochs=2)
    finally:
        server.shutdown()
        server.server_close()
    assert [(path, mine) for path, mine, _ in received] == [
        ("/publish/epoch/end/", "1")
    ] * 2
    rows = [
        json.loads(text if as_json else urllib.parse.parse_qs(text)["data"][0])
        for _, _, text in received
    ]
    assert [row["epoch"] for row in rows] == [0, 1]
    assert [row["val_loss"] for row in rows] == history.history["val_loss"]
    with pytest.warns(onefit.OnefitWarning, match="was not reached"):
        fitted(made(), RemoteMonitor(root), epochs=2)


def test_a_profile_of_some_batches(tmp_path):
    fitted(made(), TensorBoard(tmp_path, profile_batch="2,3"), epochs=2)
    assert list(tmp_path.glob("train/plugins/profile/*/*"))
