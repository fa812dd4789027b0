"""Optimizers around others: against Keras, in files, and what they refuse."""

import numpy as np
import pytest

import onefit
from onefit.optimizers import (
    SGD,
    Adam,
    LossScaleOptimizer,
    MultiOptimizer,
    OptimizerMap,
)

DRAWN = np.random.default_rng(0)
X = DRAWN.normal(size=(48, 3)).astype("float32")
Y = (X @ [1.0, -2.0, 0.5]).astype("float32")[:, None]
W = [DRAWN.normal(size=s).astype("float32") for s in ((3, 4), (4,), (4, 1), (1,))]


def made(library, optimizer):
    x = library.Input((3,))
    h = library.layers.Dense(4, activation="tanh", name="enc")(x)
    model = library.Model(x, library.layers.Dense(1, name="head")(h))
    model.set_weights(W)
    model.compile(optimizer, "mse")
    return model


def by_map(library):
    o = library.optimizers
    return o.MultiOptimizer(
        o.OptimizerMap(
            o.SGD(0.05, momentum=0.9, name="one"), {"enc/.*": o.Adam(0.01, name="two")}
        )
    )


def by_function(library):
    o = library.optimizers
    return o.MultiOptimizer(lambda v: o.Adam(0.01) if "bias" in v.path else o.SGD(0.1))


def averaged(library):
    o = library.optimizers
    chosen = {"enc/kernel": o.Adam(0.01, use_ema=True, ema_momentum=0.8)}
    return o.MultiOptimizer(o.OptimizerMap(o.SGD(0.05), chosen), loss_scale_factor=8.0)


def scaled(library):
    o = library.optimizers
    return o.LossScaleOptimizer(o.Adam(0.01), 16.0, dynamic_growth_steps=5)


def both(library):
    o = library.optimizers
    return o.LossScaleOptimizer(by_map(library), 4.0)


ROWS = [by_map, by_function, averaged, scaled, both]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_a_fit_is_that_of_keras_and_a_file_goes_on(row, tmp_path):
    import keras

    fits, how = [], {"batch_size": 16, "shuffle": False, "verbose": 0}
    for library in (keras, onefit):
        model = made(library, row(library))
        model.fit(X, Y, epochs=2, **how)
        fits.append(model)
    for a, b in zip(*(model.get_weights() for model in fits), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    if row in (by_function, averaged):
        return  # no file can hold a lambda; Keras cannot fit again after an average
    for library, model in zip((onefit, keras), fits, strict=True):
        path = tmp_path / f"{library.__name__}.keras"
        model.save(path)  # each by the other
        again = library.saving.load_model(path)
        again.fit(X, Y, epochs=1, **how)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
        model.fit(X, Y, epochs=1, **how)
        for a, b in zip(again.get_weights(), model.get_weights(), strict=True):  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("what", ["LearningRateScheduler", "ReduceLROnPlateau"])
def test_each_of_several_optimizers_has_its_rate_changed(what):
    import keras

    logs = []
    for library in (keras, onefit):
        make = getattr(library.callbacks, what)
        callback = {
            "LearningRateScheduler": lambda make=make: make(
                lambda epoch, rate: rate / 2
            ),
            "ReduceLROnPlateau": lambda make=make: make("loss", 0.5, 1, min_delta=99.0),
        }[what]()
        history = made(library, by_map(library)).fit(
            X, Y, epochs=4, verbose=0, shuffle=False, callbacks=[callback]
        )
        logs.append(history.history)
    for name in ("learning_rate_one", "learning_rate_two", "loss"):
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=1e-4)


def test_a_step_that_is_not_finite_is_left_out():
    # 4 -> 2 after the infinite one; then 3 - 0.5 · 4/2 = 2, and after two steps s = 4.
    optimizer = LossScaleOptimizer(SGD(0.5), initial_scale=4.0, dynamic_growth_steps=2)
    w = onefit.Variable(np.array([3.0]), name="w")
    for gradient, after, scale in (
        (np.inf, 3, 2),
        (np.nan, 3, 1),
        (2, 2, 1),
        (2, 1, 2),
    ):
        optimizer.apply([np.array([gradient], "float32")], [w])
        assert w.numpy().item() == after
        assert float(optimizer.scale_loss(1.0)) == scale
    optimizer.learning_rate = 0.25
    assert float(optimizer.inner_optimizer.learning_rate) == 0.25
    optimizer.apply([np.array([4.0], "float32")], [w])
    assert w.numpy().item() == 0.5  # 1 - 0.25 · 4/2


def test_the_rate_of_an_inner_optimizer_is_what_trains():
    inner = SGD(0.5)
    model = made(onefit, MultiOptimizer(OptimizerMap(inner, {"enc/.*": SGD(0.0)})))
    model.fit(X, Y, verbose=0)
    before = model.get_weights()
    np.testing.assert_array_equal(before[0], W[0])
    inner.learning_rate = 0.0
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    assert (
        model.optimizer.get_config()["optimizer_map"]["config"]["default_optimizer"][
            "config"
        ]["learning_rate"]
        == 0.0
    )


REFUSED = {
    "Each of its optimizers has one": lambda: (
        MultiOptimizer(OptimizerMap(Adam())).learning_rate
    ),
    "which have no names": lambda: MultiOptimizer(OptimizerMap(Adam())).apply(
        [np.ones(1)], [np.ones(1)]
    ),
    "which the patterns": lambda: OptimizerMap(Adam(), {"a.*": SGD(), ".*b": SGD()})[
        "ab"
    ],
    "twice": lambda: OptimizerMap(Adam(), {"a": SGD()}).__setitem__("a", SGD()),
    "as an inner optimizer": lambda: OptimizerMap(LossScaleOptimizer(Adam())),
    "an OptimizerMap, or a function": lambda: MultiOptimizer({"a": Adam()}),
    "a dict of optimizers by patterns": lambda: OptimizerMap(Adam(), [SGD()]),
    "inner_optimizer": LossScaleOptimizer,
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_refused_is_said(words):
    with pytest.raises((AttributeError, TypeError, ValueError), match=words):
        REFUSED[words]()


def test_a_map_is_a_mapping():
    sgd, adam = SGD(), Adam()
    chosen = OptimizerMap(sgd)
    chosen["a/.*"] = adam
    assert list(chosen) == ["a/.*"]
    assert chosen["a/kernel"] is adam
    assert list(chosen.values()) == [adam]
    del chosen["a/.*"]
    assert not len(chosen)
    assert chosen["a/kernel"] is sgd
    with onefit.name_scope("a"):
        assert onefit.Variable(np.ones(1), name="w").path == "a/w"


def test_settings_of_older_files_that_ask_for_nothing_are_left_aside():
    shared = {"weight_decay": None, "clipnorm": None, "use_ema": False}
    shared |= {"ema_momentum": 0.99, "gradient_accumulation_steps": None}
    inner = onefit.optimizers.SGD(0.5)
    config = onefit.optimizers.LossScaleOptimizer(inner).get_config()
    again = onefit.optimizers.LossScaleOptimizer.from_config(config | shared)
    assert again.inner_optimizer.get_config() == inner.get_config()
    onefit.optimizers.LossScaleOptimizer(inner, dynamic=True)
    for name, value in {"dynamic": False, "use_ema": True, "clipnorm": 1.0}.items():
        with pytest.raises(TypeError, match=f"received a setting '{name}'"):
            onefit.optimizers.LossScaleOptimizer(inner, **{name: value})


@pytest.mark.parametrize(
    "callback",
    [
        onefit.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        onefit.callbacks.ReduceLROnPlateau("loss", 0.5, patience=1, min_delta=9.0),
    ],
    ids=lambda c: type(c).__name__,
)
def test_rates_of_optimizers_of_one_name_move_together(callback):
    fast, slow = onefit.optimizers.SGD(0.1), onefit.optimizers.SGD(0.01)
    chosen = onefit.optimizers.OptimizerMap(slow, {"first/.*": fast})
    model = onefit.Sequential(
        [onefit.layers.Dense(2, "relu", name="first"), onefit.layers.Dense(1)]
    )
    model.compile(onefit.optimizers.MultiOptimizer(chosen), "mse")
    x = np.ones((4, 2))
    history = model.fit(x, x[:, :1], epochs=3, verbose=0, callbacks=[callback])
    assert float(fast.learning_rate) < 0.06
    ratio = float(fast.learning_rate) / float(slow.learning_rate)
    np.testing.assert_allclose(ratio, 10, rtol=1e-5)
    assert {"learning_rate_sgd", "learning_rate_sgd_1"} <= history.history.keys()
