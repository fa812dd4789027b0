"""Bad input: one sentence (received, expected, fix) before anything is compiled."""

import numpy as np
import pandas as pd
import pytest

import onefit
from onefit import layers
from onefit.training import program

X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
LABELS = np.arange(12) % 3


@pytest.fixture(autouse=True)
def _nothing_is_compiled(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a program was traced")

    for name in ("run", "part", "evaluate"):
        monkeypatch.setattr(program, name, refuse)
    from onefit.training import compiling

    compiling.compiled.cache_clear()
    yield
    compiling.compiled.cache_clear()


def network(units=3, activation="softmax", loss="sparse_categorical_crossentropy"):
    model = onefit.Sequential(
        [onefit.Input((4,)), layers.Dense(units, activation=activation, name="out")]
    )
    model.compile("adam", loss)
    return model


def with_nan(x, row, column, value=np.nan):
    x = x.copy()
    x[row, column] = value
    return x


FITS = {
    "feature count": (
        lambda: network().fit(X[:, :3], LABELS),
        r"Dense 'out': received 3 features .* expected 4, as it was built for. Give x",
    ),
    "lengths": (
        lambda: network().fit(X, LABELS[:5]),
        r"data: received 12 rows in x and 5 in y; expected equally many",
    ),
    "three outputs, one target": (
        lambda: network(3, None, "mse").fit(X, X[:, :1]),
        r"targets of shape \(12, 1\) for an output of shape \(None, 3\).*"
        r"number by number. Give the last layer 1 unit, or",
    ),
    "text": (
        lambda: network().fit(X, np.array(["cat", "dog", "eel"] * 4)),
        r"y: received text such as 'cat'; expected numbers. .*np.unique\(y",
    ),
    "objects": (
        lambda: network().fit(np.array([[1, "a"], [2, "b"]], object), [0, 1]),
        r"x: received text such as 'a'; expected numbers",
    ),
    "a column of words": (
        lambda: network().fit(pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), [0, 1]),
        r"x: received column 'b' of type .*get_dummies",
    ),
    "NaN in x": (
        lambda: network().fit(with_nan(X, 7, 2), LABELS),
        r"x: received nan at row 7, column 2 \(1 in all\); expected finite",
    ),
    "infinity in y": (
        lambda: network(4, None, "mse").fit(X, with_nan(X, 3, 0, np.inf)),
        r"y: received inf at row 3, column 0",
    ),
    "no rows": (
        lambda: network().fit(X[:0], LABELS[:0]),
        r"x: received no rows; expected at least one row",
    ),
    "no y": (lambda: network().fit(X), r"fit: received no y; .*model.fit\(x, y\)"),
    "a lone number": (lambda: network().fit(3.0, [1]), r"x: received the number 3.0"),
    "ragged rows": (
        lambda: network().fit([[1.0, 2.0], [3.0]], [0, 1]),
        r"x: received rows of different lengths; .*pad_sequences",
    ),
    "a generator": (
        lambda: onefit.population.fit(network(), iter([X]), LABELS, seeds=2),
        r"x: received batches one after another .a list_iterator.; expected arrays",
    ),
    "batch size": (
        lambda: network().fit(X, LABELS, batch_size=0),
        r"batch_size: received batch_size=0; expected a whole number, 1 or more",
    ),
    "epochs": (
        lambda: network().fit(X, LABELS, epochs=-2),
        r"received epochs=-2; expected a whole number, 0 or more",
    ),
    "verbose": (
        lambda: network().fit(X, LABELS, verbose=7),
        r"verbose: received 7; expected 0, 1, 2 or 'auto'",
    ),
    "labels from 1": (
        lambda: network().fit(X, LABELS + 1),
        r"y: received labels from 1 to 3; expected labels from 0 to 2, since the last "
        r"layer has 3 units. .*subtract 1",
    ),
    "labels below 0": (
        lambda: network().fit(X, LABELS - 1),
        r"y: received labels from -1 to 1; expected labels from 0 to 2",
    ),
    "fractions as labels": (
        lambda: network().fit(X, LABELS + 0.5),
        r"y: received fractions, from .*; expected whole class labels",
    ),
    "one-hot under a sparse loss": (
        lambda: network().fit(X, np.eye(3)[LABELS]),
        r"look one-hot; expected class labels .*loss='categorical_crossentropy'",
    ),
    "labels under a categorical loss": (
        lambda: network(loss="categorical_crossentropy").fit(X, LABELS),
        r"class labels of shape \(12,\); expected one-hot rows of shape \(n, 3\).*"
        r"loss='sparse_categorical_crossentropy', or onefit.utils.to_categorical\(y, 3",
    ),
    "softmax on one unit": (
        lambda: network(1).fit(X, LABELS % 2),
        r"one unit under a softmax or its cross-entropy.*activation='sigmoid'",
    ),
    "classes 1 and 2 under a sigmoid": (
        lambda: network(1, "sigmoid", "binary_crossentropy").fit(X, 1 + LABELS % 2),
        r"targets from 1 to 2; expected numbers from 0 to 1 for binary_crossentropy",
    ),
    "validation split": (
        lambda: network().fit(X, LABELS, validation_split=0.99),
        r"validation_split: received 0.99 of 12 rows; expected a share",
    ),
    "validation data": (
        lambda: network().fit(X, LABELS, validation_data=X),
        r"validation_data: received one ndarray; expected \(x, y\)",
    ),
    "class weights": (
        lambda: network().fit(X, LABELS, class_weight={0: 1.0, 1: 2.0}),
        r"class_weight: received weights for \[0, 1\]; .*none for \[2\]",
    ),
    "callbacks": (
        lambda: network().fit(X, LABELS, callbacks=[print]),
        r"callbacks: received <built-in function print>; expected rules and callbacks",
    ),
    "before compile": (
        lambda: onefit.Sequential([layers.Dense(1)]).fit(X, LABELS),
        r"before compile; .*model.compile\(optimizer='adam', loss='mse'\)",
    ),
    "evaluate before compile": (
        lambda: onefit.Sequential([layers.Dense(1)]).evaluate(X, LABELS),
        r"before compile",
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_fit_refuses(name):
    call, words = FITS[name]
    with pytest.raises((ValueError, TypeError), match=words):
        call()


MODELS = {
    "activation": (
        lambda: layers.Dense(3, activation="rleu"),
        r"Unknown activation 'rleu'. Did you mean 'relu'",
    ),
    "loss": (
        lambda: network(loss="sparse_crossentropy"),
        r"Unknown loss 'sparse_crossentropy'. Did you mean",
    ),
    "optimizer": (
        lambda: network().compile("adm", "mse"),
        r"Unknown optimizer 'adm'. Did you mean 'adam'",
    ),
    "metric": (
        lambda: network().compile("adam", "mse", metrics=["acuracy"]),
        r"Unknown metric 'acuracy'. Did you mean 'accuracy'",
    ),
    "units": (
        lambda: layers.Dense(0),
        r"Dense: received units=0; expected a whole number, 1 or more",
    ),
    "set_weights": (
        lambda: network().set_weights([np.ones((4, 2)), np.ones(3)]),
        r"Dense 'out'.set_weights: received kernel of shape \(4, 2\); expected shape "
        r"\(4, 3\)",
    ),
    "too few weights": (
        lambda: network().set_weights([np.ones((4, 3))]),
        r"set_weights: received 1 arrays; expected 2 \(out 2\)",
    ),
    "two names": (
        lambda: onefit.Sequential(
            [layers.Dense(2, name="a"), layers.Dense(3, name="a")]
        ),
        r"two layers named 'a'; expected names that differ",
    ),
    "a class for a layer": (
        lambda: onefit.Sequential([layers.Flatten]),
        r"received the class Flatten; expected a layer. Write Flatten\(...\)",
    ),
    "no layer": (
        lambda: onefit.Sequential([]).predict(X),
        r"a model without layers; .*model.add\(Dense\(1\)\)",
    ),
    "get_layer": (
        lambda: network().get_layer("uot"),
        r"Unknown layer 'uot'. Did you mean 'out'",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_refuses(name):
    call, words = MODELS[name]
    with pytest.raises((ValueError, TypeError), match=words):
        call()


def test_a_layer_that_does_not_fit_is_not_kept():
    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="Reshape"):
        model.add(layers.Reshape((5,)))
    assert [layer.name for layer in model.layers] == ["dense"]


def test_weights_that_do_not_fit_leave_all_as_they_were():
    model = onefit.Sequential([onefit.Input((4,)), layers.Dense(3), layers.Dense(2)])
    before = model.get_weights()
    bad = [np.zeros_like(w) for w in before[:3]] + [np.zeros(9)]
    with pytest.raises(ValueError, match=r"'dense_1'.set_weights: received bias"):
        model.set_weights(bad)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
