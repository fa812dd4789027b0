"""Cross-validation: the folds are scikit-learn's, the members lone fits of a fold."""

import numpy as np
import pytest
from sklearn import model_selection

import onefit
from onefit import Input, OnefitWarning, Sequential, population
from onefit.layers import Dense
from onefit.population import folds

RNG = np.random.default_rng(0)
X = RNG.normal(size=(23, 2))
Y = (X[:, 0] > 0.3).astype(int)


def net(loss="binary_crossentropy", units=1, **settings):
    model = Sequential([Input((2,)), Dense(units, "sigmoid", name="out")])
    optimizer = onefit.optimizers.SGD(**{"learning_rate": 0.5} | settings)
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model


def split(monkeypatch, *args, **kwargs):
    """The folds that a call would train on."""
    monkeypatch.setattr(folds, "fit", lambda *a, **k: k["folds"])
    return population.cross_validate(*args, **kwargs)


def agree(ours, theirs):
    theirs = list(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_each_member_is_a_lone_fit_of_its_fold():
    # 23 rows in 5 folds: folds of two sizes, hence two programs.
    weight = RNG.uniform(0.5, 2, 23)
    many = population.cross_validate(
        net(),
        X,
        Y,
        seeds=2,
        vary={"learning_rate": [0.5, 0.1]},
        epochs=3,
        batch_size=8,
        sample_weight=weight,
        verbose=0,
    )
    assert len(many) == 20
    assert len(many.groups) == 2
    assert many.settings["fold"] == [k for k in range(5) for _ in range(4)]
    pairs = list(model_selection.StratifiedKFold(5).split(X, Y))
    for i in (0, 3, 6, 13, 18):
        seed, rate, fold = (
            many.settings[n][i] for n in ("seed", "learning_rate", "fold")
        )
        train, test = pairs[fold]
        model = net(learning_rate=rate)
        onefit.config.set_random_seed(seed)
        model.initialize()
        model.fit(
            X[train],
            Y[train],
            epochs=3,
            batch_size=8,
            verbose=0,
            sample_weight=weight[train],
            validation_data=(X[test], Y[test], weight[test]),
        )
        for name, curve in model.history.history.items():
            np.testing.assert_allclose(many.history[name][i], curve, rtol=1e-5)
        for ours, lone in zip(
            many.member(i).get_weights(), model.get_weights(), strict=True
        ):
            np.testing.assert_allclose(ours, lone, rtol=1e-5, atol=1e-6)

    rows = many.scores("val_loss")
    assert [row["n"] for row in rows] == [10, 10]
    assert rows[0]["mean"]["val_loss"] < rows[1]["mean"]["val_loss"]
    rates = np.array(many.settings["learning_rate"])
    own = np.flatnonzero(rates == rows[0]["setting"]["learning_rate"])
    final = many.final("val_accuracy")[own]
    np.testing.assert_allclose(rows[0]["mean"]["val_accuracy"], final.mean())
    np.testing.assert_allclose(rows[0]["std"]["val_accuracy"], final.std(ddof=1))
    shown = []
    many.summary("val_accuracy", top=1, print_fn=shown.append)
    assert "val_accuracy" in shown[0]
    assert "±" in shown[0]
    assert shown[0].endswith("and 1 more settings")


@pytest.mark.parametrize("k", [2, 5, 7])
def test_folds_are_those_of_scikit_learn(monkeypatch, k):
    many = RNG.integers(0, 3, 50)
    x = np.zeros((50, 2))
    soft = Sequential([Input((2,)), Dense(3, "softmax")])
    soft.compile("sgd", "sparse_categorical_crossentropy")
    by_class = model_selection.StratifiedKFold(k)
    agree(split(monkeypatch, soft, x, many, k), by_class.split(x, many))
    soft.compile("sgd", "categorical_crossentropy")
    one_hot = np.eye(3)[many]
    agree(split(monkeypatch, soft, x, one_hot, k), by_class.split(x, many))
    plain = model_selection.KFold(k)
    agree(split(monkeypatch, net("mse"), x, many, k), plain.split(x))
    grouped = model_selection.GroupKFold(k)
    at = RNG.integers(0, 9, 50)
    agree(
        split(monkeypatch, net("mse"), x, many, k, groups=at),
        grouped.split(x, many, at),
    )


def test_splitters_and_pairs(monkeypatch):
    many = model_selection.RepeatedStratifiedKFold(
        n_splits=4, n_repeats=2, random_state=1
    )
    agree(split(monkeypatch, net(), X, Y, many), many.split(X, Y))
    ordered = model_selection.TimeSeriesSplit(3)
    agree(split(monkeypatch, net(), X, Y, ordered), ordered.split(X))
    pairs = [([0, 1], [2]), (np.arange(23) > 3, np.arange(23) < 2)]
    agree(
        split(monkeypatch, net(), X, Y, iter(pairs)),
        [([0, 1], [2]), (np.arange(4, 23), [0, 1])],
    )


@pytest.mark.parametrize("loss", ["mse", "binary_crossentropy"])
def test_repeats_hold_every_row_out_once_each(monkeypatch, loss):
    model = net(loss)
    first = split(monkeypatch, model, X, Y, 4, repeats=3)
    agree(split(monkeypatch, model, X, Y, 4, repeats=3), first)
    assert len(first) == 12
    for repeat in range(3):
        tests = [test for _, test in first[4 * repeat : 4 * repeat + 4]]
        np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(23))
        if loss != "mse":
            shares = [Y[test].sum() for test in tests]
            assert max(shares) - min(shares) <= 1
    assert not np.array_equal(first[0][1], first[4][1])


def test_a_class_with_too_few_rows_is_said(monkeypatch):
    y = np.zeros(23)
    y[:2] = 1
    with pytest.warns(OnefitWarning, match="class 1 has 2 rows for 5 folds"):
        split(monkeypatch, net(), X, y)


PAIR = (np.arange(20), np.arange(20, 23))


@pytest.mark.parametrize(
    ("cv", "arguments", "text"),
    [
        (1, {}, "cv: received cv=1 for 23 rows; expected 2 to 23 folds."),
        (24, {}, "received cv=24 for 23 rows"),
        (0.2, {}, "cv: received 0.2; expected a number of folds, a splitter"),
        ([], {}, "received no folds"),
        ([np.arange(3)], {}, "cv, fold 0: received one ndarray"),
        (
            [PAIR, ([0, 1], [1, 2])],
            {},
            "fold 1: received 1 rows both to train on and held out, such as row 1",
        ),
        ([([0, 23], [1])], {}, "received training rows from 0 to 23; expected 0 to 22"),
        ([([0, 2], [-1])], {}, "received held-out rows from -1 to -1"),
        ([([0, 2], [])], {}, "received no held-out rows"),
        ([([0.5], [1])], {}, "received training rows of shape (1,) and type float64"),
        (
            5,
            {"batch_size": 23},
            "cv, fold 0: received 18 rows to train on, in batches "
            "of 23; expected folds no smaller than a batch. Write batch_size=18",
        ),
        (
            [PAIR],
            {"vary": {"batch_size": [8, 21]}},
            "20 rows to train on, in batches of 21",
        ),
        (
            5,
            {"validation_split": 0.2},
            "received a validation_split of its own; expected nothing of the kind",
        ),
        (5, {"validation_data": (X, Y)}, "received a validation_data of its own"),
        (5, {"groups": [1, 2]}, "received 2 groups for 23 rows"),
        (5, {"repeats": 0}, "received 0; expected a whole number"),
        ([PAIR], {"repeats": 2}, "give a splitter that repeats"),
        ([PAIR], {"groups": np.arange(23) // 7}, "group 2 both to train on and held"),
        (5, {"vary": {"learning_rat": [1]}}, "Did you mean 'learning_rate'?"),
    ],
)
def test_what_is_refused(cv, arguments, text):
    with pytest.raises((ValueError, TypeError)) as error:
        population.cross_validate(net(), X, Y, cv, verbose=0, **arguments)
    assert text.lower() in str(error.value).lower()


def test_a_batch_that_nobody_asked_for_is_cut_to_the_fold():
    short = population.cross_validate(
        net(), X, Y, [(np.arange(4), np.arange(4, 6))], verbose=0
    )  # 32 rows a batch by default, as in Model.fit
    assert short.epochs.tolist() == [1]
