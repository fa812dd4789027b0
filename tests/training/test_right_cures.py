"""What people hand over by mistake, and that the message says what to write instead."""

import warnings

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import Input, Model, Sequential, layers
from onefit.errors import OnefitWarning

RNG = np.random.default_rng(0)
X, Y = RNG.random((12, 2)).astype("float32"), np.arange(12) % 2


def compiled(*stack, loss="binary_crossentropy"):
    model = Sequential([Input((2,)), *(stack or [layers.Dense(1, "sigmoid")])])
    model.compile("adam", loss)
    return model


def masked(where):
    array = np.ma.masked_array(X.copy())
    array[where] = np.ma.masked
    return array


def frame(**columns):
    return pd.DataFrame({"a": np.arange(12.0)} | columns)


HANDED = {
    "masked": masked((3, 1)),
    "masked row": masked(5),
    "numbers as objects": frame(b=pd.Series(list(range(12)), dtype=object)),
    "numbers as text": frame(b=[str(i) for i in range(12)]),
    "words": frame(b=["x", "y"] * 6),
    "dates": frame(b=pd.date_range("2020-01-01", periods=12)),
    "missing": frame(b=[np.nan, *range(11)]),
}
CURES = {
    "masked": (ValueError, "1 numbers masked, the first in row 3.*x.filled"),
    "masked row": (ValueError, "2 numbers masked, the first in row 5"),
    "numbers as objects": (TypeError, r"column 'b'.*x.astype\({'b': float}\)"),
    "numbers as text": (TypeError, r"column 'b'.*x.astype\({'b': float}\)"),
    "words": (TypeError, "column 'b'.*get_dummies"),
    "dates": (TypeError, "column 'b'.*dayofyear"),
    "missing": (ValueError, r"nan at row 0, column 'b'.*x\['b'\].fillna"),
}


@pytest.mark.parametrize("name", HANDED)
def test_what_is_handed_over_is_named_with_its_cure(name):
    error, words = CURES[name]
    x = HANDED[name]
    with pytest.raises(error, match=words):
        compiled().fit(x, Y, verbose=0)


@pytest.mark.parametrize("batches", [iter([(X, Y)]), zip([X], [Y], strict=True)])
def test_what_gives_batches_is_collected_where_arrays_are_needed(batches):
    with pytest.raises(TypeError, match=r"x, y = map.*islice.*model.fit"):
        compiled().trace(batches)


def test_a_masked_array_of_which_nothing_is_masked_is_taken():
    compiled().fit(np.ma.masked_array(X), Y, verbose=0)


@pytest.mark.parametrize("given", ["balanced", [1.0, 3.0], 2.0])
def test_class_weights_that_are_no_dict(given):
    with pytest.raises(TypeError, match=r"class_weight: received .*np.unique"):
        compiled().fit(X, Y, class_weight=given, verbose=0)


ONE_UNIT = {
    "binary": ([layers.Dense(1, "softmax")], "binary_crossentropy"),
    "squares": ([layers.Dense(1, "softmax")], "mse"),
    "a layer of its own": ([layers.Dense(1), layers.Softmax()], "binary_crossentropy"),
    "an activation": ([layers.Dense(1), layers.Activation("softmax")], "mae"),
    "sparse": ([layers.Dense(1, "softmax")], "sparse_categorical_crossentropy"),
}


@pytest.mark.parametrize("method", ["fit", "train_on_batch", "evaluate"])
@pytest.mark.parametrize("name", ONE_UNIT)
def test_softmax_of_one_unit_is_refused(name, method):
    stack, loss = ONE_UNIT[name]
    stack = [type(layer).from_config(layer.get_config()) for layer in stack]
    with pytest.raises(ValueError, match=r"one unit under a softmax.*'sigmoid'"):
        getattr(compiled(*stack, loss=loss), method)(X, Y)


def test_softmax_over_one_of_several_axes_is_no_mistake():
    x = Input((2,))
    steps = layers.Reshape((2, 1))(x)
    weights = layers.Softmax(axis=1)(steps)
    model = Model(x, layers.Dense(1, "sigmoid")(layers.Flatten()(weights * steps)))
    model.compile("adam", "binary_crossentropy")
    model.fit(X, Y, verbose=0)


def test_training_frozen_layers_is_said():
    model = compiled()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.warns(OnefitWarning, match="all layers of 'sequential' are frozen"):
        model.train_on_batch(X, Y)
    model.trainable = True
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        model.train_on_batch(X, Y)


def step(model):
    model.train_on_batch(X, Y)


def epoch(model):
    model.fit(X, Y, batch_size=len(X), shuffle=False, verbose=0)


@pytest.mark.parametrize("train", [step, epoch])
def test_what_is_frozen_after_compile_trains_by_itself_and_not_in_others(train):
    onefit.utils.set_random_seed(3)
    inner, alone = compiled(), compiled()
    alone.set_weights(inner.get_weights())
    x = onefit.Input((2,))
    inner.trainable = False
    other = onefit.Model(x, inner(layers.Dense(2)(x)))
    other.compile("sgd", "mse", check=False)
    for model in (inner, alone):
        train(model)
    after = inner.get_weights()
    for one, two in zip(after, alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not inner.trainable
    train(other)
    for one, two in zip(after, inner.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_optimizer_goes_on_when_layers_are_frozen_and_thawed():
    onefit.utils.set_random_seed(3)
    one, two = compiled(), compiled()
    two.set_weights(one.get_weights())
    for model in (one, two):
        model.compile(onefit.optimizers.Adam(0.1), "mse", check=False)
    for _ in range(3):
        one.train_on_batch(X, Y)
        two.trainable = True
        two.train_on_batch(X, Y)
        two.trainable = False
    assert int(two.optimizer.iterations) == 3
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "x",
    [
        1.7e9 + 3.0 * np.arange(12.0)[:, None] * [1, 2],
        np.stack([np.arange(12.0), 5_812_345.0 + np.arange(12.0) / 10], 1),
    ],
    ids=["unix time", "map grid"],
)
def test_digits_that_float32_cuts_off_are_said(x):
    with pytest.warns(OnefitWarning, match="float32 cuts off"):
        compiled().predict(x, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        compiled().predict(x - x.mean(0), verbose=0)
        compiled().predict(x[:, :2] * 0 + 1e9, verbose=0)


@pytest.mark.parametrize("monitor", ["val_los", "acuracy", "val_nothing"])
def test_a_mistyped_monitor_is_not_told_to_give_validation_data(monitor):
    rule = onefit.callbacks.EarlyStopping(monitor)
    with pytest.raises(ValueError, match="Unknown log to monitor") as refused:
        compiled().fit(X, Y, callbacks=[rule], verbose=0)
    assert "Give validation_data" not in str(refused.value)


@pytest.mark.parametrize("name", ["weights.weights.h5", "folder"])
def test_older_files_are_named_with_the_call_that_converts_them(name, tmp_path):
    if name == "folder":
        (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match="load_model") as refused:
        onefit.load_model(tmp_path / name)
    cure = "load_weights" if "weights" in name else ".save("
    assert cure in str(refused.value)
    assert name in str(refused.value)


class WritesF1(onefit.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs["f1"] = [0.2, 0.6, 0.4][epoch]


def test_a_checkpoint_follows_a_log_that_a_callback_writes(tmp_path):
    best = onefit.callbacks.ModelCheckpoint(
        str(tmp_path / "{epoch}.keras"), monitor="f1", mode="max", save_best_only=True
    )
    compiled().fit(X, Y, epochs=3, callbacks=[WritesF1(), best], verbose=0)
    assert best.best == 0.6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.keras", "2.keras"]


@pytest.mark.parametrize("mode", ["auto", "max"])
def test_a_checkpoint_of_a_log_that_nobody_writes_is_refused(mode, tmp_path):
    best = onefit.callbacks.ModelCheckpoint(
        str(tmp_path / "a.keras"), monitor="f1", mode=mode, save_best_only=True
    )
    with pytest.raises(ValueError, match="Unknown log to monitor 'f1'"):
        compiled().fit(X, Y, epochs=2, callbacks=[best], verbose=0)


SEQUENCE = [layers.Reshape((2, 1)), layers.Dense(3, "softmax")]
ONE_HOT = np.eye(3, dtype="float32")[np.arange(12) % 3]
TARGETS = {
    "one-hot rows, an answer for each place": (
        lambda: compiled(*SEQUENCE, loss="categorical_crossentropy"),
        ONE_HOT,
        r"targets of shape \(12, 3\).*Flatten before the last layer",
    ),
    "three classes, one sigmoid unit": (
        compiled,
        np.arange(12) % 3,
        r"Write Dense\(3, activation='softmax'\) with loss='sparse_categorical",
    ),
    "classes -1 and 1": (compiled, Y * 2 - 1, r"y = \(y == 1\)\.astype\(int\)"),
    "classes 1 and 2": (compiled, Y + 1, r"y = \(y == 2\)\.astype\(int\)"),
    "quantities": (compiled, 7.5 * X[:, 0], "use loss='mse' for quantities"),
    "labels over 255": (
        lambda: compiled(
            layers.Dense(3, "softmax"), loss="sparse_categorical_crossentropy"
        ),
        (np.arange(12) % 3) / 255,
        r"y = \(y \* 255\)\.round\(\)\.astype\(int\): they were divided by 255",
    ),
    "fractions": (
        lambda: compiled(
            layers.Dense(3, "softmax"), loss="sparse_categorical_crossentropy"
        ),
        X[:, 0],
        "Use loss='mse' for quantities",
    ),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets_that_do_not_fit_are_told_what_they_are(name):
    make, y, words = TARGETS[name]
    with pytest.raises(ValueError, match=words):
        make().fit(X, y, verbose=0)
