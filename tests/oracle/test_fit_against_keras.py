"""The same weights, the same unshuffled batches: the same losses and weights as Keras.

Every optimizer trains a small network for three epochs of full and partial batches.
"""

import numpy as np
import pytest

import onefit
from onefit import layers

OPTIMIZERS = {
    "SGD": {"learning_rate": 0.1},
    "SGD momentum": {"learning_rate": 0.05, "momentum": 0.9},
    "SGD nesterov": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "RMSprop": {},
    "RMSprop centered": {"centered": True, "momentum": 0.5},
    "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 1.0},
    "Adam": {},
    "Adam amsgrad": {"amsgrad": True, "clipnorm": 0.1},
    "AdamW": {"learning_rate": 0.01},
    "Adamax": {},
    "Nadam": {},
    "Ftrl": {"learning_rate": 0.1},
    "Lion": {"learning_rate": 0.001},
    "Lamb": {"learning_rate": 0.01},
    "Adafactor": {"learning_rate": 0.01},
    "Muon": {"learning_rate": 0.001},
    "Adam accumulation": {"gradient_accumulation_steps": 2},
    "Adam average": {"use_ema": True, "ema_momentum": 0.8},
}

RNG = np.random.default_rng(7)
X = RNG.normal(size=(22, 5)).astype("float32")
LABELS = RNG.integers(0, 3, 22)


@pytest.fixture(scope="module")
def start():
    """Starting weights for 5-6-3."""
    return [
        RNG.normal(size=shape).astype("float32") * 0.5
        for shape in [(5, 6), (6,), (6, 3), (3,)]
    ]


def ours(start, optimizer, loss, last, y, **options):
    model = onefit.Sequential(
        [
            onefit.Input((5,)),
            layers.Dense(6, activation="tanh"),
            layers.Dense(3, activation=last),
        ]
    )
    model.set_weights(start)
    model.compile(optimizer, loss, **options.pop("compile", {}))
    history = model.fit(
        X, y, batch_size=8, epochs=3, shuffle=False, verbose=0, **options
    )
    return history.history, model.get_weights()


def theirs(start, optimizer, loss, last, y, **options):
    import keras

    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(6, activation="tanh"),
            keras.layers.Dense(3, activation=last),
        ]
    )
    model.set_weights(start)
    model.compile(optimizer, loss, **options.pop("compile", {}))
    history = model.fit(
        X, y, batch_size=8, epochs=3, shuffle=False, verbose=0, **options
    )
    return history.history, model.get_weights()


def assert_same(ours, theirs, rtol=1e-5):
    (our_logs, our_weights), (their_logs, their_weights) = ours, theirs
    assert set(our_logs) == set(their_logs)
    for name, values in their_logs.items():
        np.testing.assert_allclose(our_logs[name], values, rtol=rtol, err_msg=name)
    for a, b in zip(our_weights, their_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=2e-6)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_as_in_keras(name, start):
    import keras

    kind, settings = name.split()[0], OPTIMIZERS[name]
    args = ("sparse_categorical_crossentropy", "softmax", LABELS)
    assert_same(
        ours(start, getattr(onefit.optimizers, kind)(**settings), *args),
        theirs(start, getattr(keras.optimizers, kind)(**settings), *args),
        # Muon's five rounds of matrix products in float32 part the last digits.
        rtol=1e-4 if kind == "Muon" else 1e-5,
    )


ONE_HOT = np.eye(3, dtype="float32")[LABELS]
WEIGHT = np.linspace(0.2, 2.0, 22).astype("float32")
CASES = {
    "sample weights": ("mse", "linear", ONE_HOT, {"sample_weight": WEIGHT}),
    "class weights": (
        "sparse_categorical_crossentropy",
        "softmax",
        LABELS,
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
    ),
    "validation split": (
        "categorical_crossentropy",
        "softmax",
        ONE_HOT,
        {"validation_split": 0.3, "compile": {"metrics": ["accuracy"]}},
    ),
    "weighted metrics": (
        "mse",
        "linear",
        ONE_HOT,
        {
            "sample_weight": WEIGHT,
            "compile": {"weighted_metrics": ["mae"], "metrics": ["mse"]},
        },
    ),
    "multi-label": (
        "binary_crossentropy",
        "sigmoid",
        ONE_HOT,
        # "accuracy" is a difference on purpose: Keras compares the largest of several
        # independent labels.
        {"compile": {"metrics": ["binary_accuracy", "AUC"]}},
    ),
    "validation now and then": (
        "mae",
        "linear",
        ONE_HOT,
        {"validation_data": (X[:9], ONE_HOT[:9]), "validation_freq": 2},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_fit_is_told_means_what_it_means_in_keras(name, start):
    loss, last, y, options = CASES[name]
    assert_same(
        ours(start, "adam", loss, last, y, **dict(options)),
        theirs(start, "adam", loss, last, y, **dict(options)),
    )


def test_regularizers_constraints_and_moving_means_train_as_in_keras():
    import keras

    def build(library):
        return library.Sequential(
            [
                library.Input((5,)),
                library.layers.Dense(
                    6,
                    activation="relu",
                    kernel_regularizer=library.regularizers.L1L2(0.01, 0.02),
                    activity_regularizer="l2",
                    kernel_constraint=library.constraints.MaxNorm(0.8),
                ),
                library.layers.BatchNormalization(momentum=0.9),
                # Not from 0, where the slope of |b| is 0 here and 1 in Keras on JAX.
                library.layers.Dense(
                    3,
                    bias_initializer="ones",
                    bias_regularizer="l1",
                    bias_constraint="non_neg",
                ),
            ]
        )

    mine, other = build(onefit), build(keras)
    mine.set_weights(other.get_weights())
    logs = []
    for model in (mine, other):
        model.compile("sgd", "mse", metrics=["mae"])
        history = model.fit(
            X,
            ONE_HOT,
            batch_size=8,
            epochs=3,
            shuffle=False,
            verbose=0,
            validation_data=(X, ONE_HOT),
        )
        logs.append((history.history, model.get_weights()))
    assert_same(*logs)
