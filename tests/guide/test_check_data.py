"""Rows that networks learn badly from: each fault, and its sound twin."""

import numpy as np
import pytest

from onefit import Input, Sequential
from onefit.guide.check import check
from onefit.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Normalization,
    Rescaling,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 6)).astype("float32")
Y = X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0, 1.0]) + 0.1 * rng.normal(size=200)
TWO = (Y > 0).astype(int)
THREE = np.digitize(Y, [-2, 2])


def model(loss="mse", optimizer="adam", hidden="relu", first=(), features=6):
    last = {"mse": Dense(1), "binary_crossentropy": Dense(1, "sigmoid")}
    end = last.get(loss, Dense(3, "softmax"))
    layers = [Input((features,)), *first, Dense(8, hidden, name="first"), end]
    made = Sequential(layers)
    made.compile(optimizer, loss)
    return made


def found(made, x=X, y=Y, **told):
    return [(f.code, f.severity) for f in check(made, x, y, **told)]


@pytest.mark.parametrize(
    ("scale", "settings", "severity"),
    [
        (1, {}, None),
        (10, {}, None),
        (40, {}, "hint"),
        (5000, {}, "error"),
        (80, {"optimizer": "sgd"}, "error"),
        (80, {"hidden": "sigmoid"}, "error"),
        (1e-3, {}, "hint"),
        (1e-4, {"optimizer": "sgd"}, "error"),
    ],
)
def test_the_size_of_inputs(scale, settings, severity):
    expected = [("inputs-not-scaled", severity)] if severity else []
    assert found(model(**settings), scale * X) == expected


def test_inputs_that_the_network_scales_itself():
    normal = Normalization()
    normal.adapt(100 * X)
    for first in (normal, BatchNormalization(), Rescaling(0.01)):
        assert found(model(first=[first]), 100 * X) == []
    assert found(model(first=[Rescaling(0.9)]), 100 * X) == [
        ("inputs-not-scaled", "hint")
    ]
    apart = X * np.array([1, 1, 1, 1e-5, 1, 1])
    assert found(model(), apart) == [("inputs-not-scaled", "hint")]
    pixels = rng.integers(0, 256, (200, 6, 6, 1))
    layers = [Input((6, 6, 1)), Conv2D(4, 3, activation="relu"), Flatten(), Dense(1)]
    raw = Sequential(layers)
    raw.compile("adam", "mse")
    report = check(raw, pixels, Y)
    assert report.codes == ["inputs-not-scaled"]
    assert report[0].instead.startswith(
        "write x = x / 255, or begin the model with Resc"
    )


def test_words_are_no_sizes():
    words = rng.integers(100, 900, (200, 6))
    words[:, 0] = 7
    layers = [Input((6,)), Embedding(900, 4), Flatten(), Dense(1, "sigmoid")]
    made = Sequential(layers)
    made.compile("adam", "binary_crossentropy")
    assert found(made, words, TWO) == []


def test_columns_that_never_change():
    x = X.copy()
    x[:, 4] = 3
    report = check(model(), x, Y)
    assert [(f.code, f.severity) for f in report] == [("constant-column", "hint")]
    assert report[0].seen == "the same number in every row of x: column 4"
    assert found(model(), np.ones_like(X)) == [("constant-column", "error")]
    wide = np.c_[rng.normal(size=(200, 40)), np.zeros((200, 24))]  # a blank border
    assert found(model(features=64), wide) == []


def test_a_column_that_is_the_target_in_other_words():
    for y, loss in (
        (Y, "mse"),
        (TWO, "binary_crossentropy"),
        (THREE, "sparse_categorical_crossentropy"),
    ):
        x = X.copy()
        x[:, 2] = 2 - 3 * y
        report = check(model(loss), x, y)
        assert report.codes == ["column-tells-target"]
        assert report[0].seen.startswith("column 2 of x tells y")
    x[:, 2] = Y + 0.02 * rng.normal(size=200)
    assert found(model(), x) == [("column-tells-target", "hint")]
    line = rng.normal(size=(200, 1))
    assert found(model(features=1), line, 2 * line - 1) == []  # a toy
    waves = np.sin(0.05 * np.arange(206))
    windows = np.lib.stride_tricks.sliding_window_view(waves, 6)[:200]
    assert found(model(), windows, waves[6:]) == []  # yesterday nearly tells today


def test_targets_that_never_change_or_hardly_ever():
    assert found(model(), y=np.full(200, 3.0)) == [("constant-target", "error")]
    assert found(model("binary_crossentropy"), y=np.zeros(200)) == [
        ("constant-target", "error")
    ]
    rare = np.zeros(200, int)
    rare[:4] = 1
    report = check(model("binary_crossentropy"), X, rare)
    assert [(f.code, f.severity) for f in report] == [("labels-unbalanced", "hint")]
    assert "class_weight={0: 0.51, 1: 25.0}" in report[0].instead
    weights = {"class_weight": {0: 0.5, 1: 25.0}}
    assert found(model("binary_crossentropy"), y=rare, **weights) == []
    rare[:40] = 1
    assert found(model("binary_crossentropy"), y=rare) == []


def test_the_size_of_targets():
    assert found(model(), y=1e5 * Y) == [("target-not-scaled", "error")]
    assert found(model(), y=100 * Y) == [("target-not-scaled", "hint")]
    assert found(model(optimizer="sgd"), y=100 * Y) == [("target-not-scaled", "error")]
    assert found(model(), y=5 * Y) == []
    alone = Sequential([Input((6,)), Dense(1)])
    alone.compile("sgd", "mse")
    assert found(alone, y=1e3 * Y) == []  # a linear regression does not mind


def test_numbers_that_are_none():
    x, y = X.copy(), Y.copy()
    x[3, 2] = np.nan
    report = check(model(), x, Y)
    assert report.codes == ["not-a-number"]
    assert "1 of 1200 numbers in x are NaN or infinite; the first is at row 3" in (
        report[0].seen
    )
    y[5] = np.inf
    assert found(model(), y=y) == [("not-a-number", "error")]
    names = np.array(["cat", "dog"])[TWO]
    report = check(model("binary_crossentropy"), X, names)
    assert report.codes == ["not-a-number"]
    assert "np.unique(y, return_inverse=True)" in report[0].instead


@pytest.mark.parametrize(
    ("shape", "data_format", "expected"),
    [
        ((3, 12, 12), None, True),
        ((12, 12, 3), None, False),
        ((1, 8, 8), None, True),
        ((3, 12, 12), "channels_first", False),
        ((12, 12, 3), "channels_first", True),
        ((4, 4, 8), None, False),
    ],
)
def test_colours_and_pixels(shape, data_format, expected):
    layers = [Conv2D(4, 3, padding="same", activation="relu", data_format=data_format)]
    made = Sequential([Input(shape), *layers, Flatten(), Dense(1)])
    made.compile("adam", "mse")
    assert check(made).codes == (["channels-misplaced"] if expected else [])
    if shape == (3, 12, 12) and expected:
        assert "(n, 12, 12, 3)" in check(made)[0].instead


def test_rows_for_training_and_for_validation():
    half = {"validation_data": (X[100:], Y[100:])}
    assert found(model(), X[:100], Y[:100], **half) == []
    assert found(model(), validation_data=(X, Y)) == [("rows-in-both", "error")]
    report = check(model(), X[:150], Y[:150], **half)
    assert report[0].seen == "50% of the 100 validation rows are training rows too"
    other = {"validation_data": (20 * X[100:], Y[100:])}
    report = check(model(), X[:100], Y[:100], **other)
    assert report.codes == ["validation-looks-different"]
    assert "times as large as the training x" in report[0].seen
    few = rng.integers(0, 2, (200, 6)).astype(float)  # rows come back by themselves
    assert found(model(), few, Y, validation_data=(few[:100], Y[:100])) == []
