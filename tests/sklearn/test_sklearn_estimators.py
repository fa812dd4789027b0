# pyright: reportAttributeAccessIssue=false
# (what scikit-learn gives has no types.)
"""NNClassifier and NNRegressor beyond scikit-learn's contract."""

import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import onefit
from onefit.layers import Dense, Layer
from onefit.optimizers import SGD
from onefit.population import Ensemble
from onefit.sklearn import NNClassifier, NNRegressor
from onefit.sklearn.tables import Scaler

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:NN.* has learned nothing"),
]

X, Y = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)


def quick(**settings):
    """The same program for most tests: 4-8-3, whole batches."""
    return NNClassifier(
        (8,), **({"max_iter": 20, "alpha": 1.0, "random_state": 0} | settings)
    )


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X, Y)


# What it computes ---------------------------------------------------------------------


def test_the_scaler_by_hand():
    # Column (1, 3): mean 2, deviation 1. With weights (3, 1): mean 6/4 = 1.5,
    # variance (3 * 0.25 + 1 * 2.25) / 4 = 0.75. A constant column is only shifted.
    x = np.array([[1.0, 7.0], [3.0, 7.0]])
    np.testing.assert_allclose(Scaler.of(x, None)(x), [[-1, 0], [1, 0]])
    own = Scaler.of(x, np.array([3.0, 1.0]))
    np.testing.assert_allclose(own.mean, [1.5, 7])
    np.testing.assert_allclose(own.scale, [np.sqrt(0.75), 1])
    np.testing.assert_allclose(own.back(own(x)), x, rtol=1e-6)


def test_the_scaler_sees_what_float32_has_no_digits_for():
    x = 1e9 + np.array([[0.0], [1.0], [2.0]])
    np.testing.assert_allclose(Scaler.of(x, None)(x)[:, 0], [-1.2247449, 0, 1.2247449])


def test_without_hidden_layers_it_is_ridge():
    # A rate of 0.03 leaves Adam a step of 0.1 at its end: rounding alone moves it.
    # Ridge minimises Σ (y - wx)² + alpha Σ w²; ours is the same divided by n, and the
    # targets' deviation divides w and errors alike.
    x, y = DIABETES
    ours = NNRegressor(
        (),
        alpha=10.0,
        learning_rate=0.01,
        max_iter=2000,
        tol=0,
        batch_size=len(x),
        n_iter_no_change=2000,
        random_state=0,
    )
    z = (x - x.mean(0)) / x.std(0)
    theirs = Ridge(alpha=10.0).fit(z, y).predict(z)
    np.testing.assert_allclose(ours.fit(x, y).predict(x), theirs, atol=0.05)


def test_a_learned_table(fitted):
    better = quick(max_iter=100, learning_rate=0.02).fit(X, Y)
    assert better.score(X, Y) > 0.95
    assert better.loss_curve_[-1] < 0.2 * better.loss_curve_[0]
    assert better.n_iter_ == len(better.loss_curve_) <= 100
    p = fitted.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-14)
    np.testing.assert_array_equal(fitted.predict(X), p.argmax(axis=1))
    np.testing.assert_allclose(fitted.predict_log_proba(X), np.log(p))


def test_answers_are_the_same_to_the_bit_for_any_rows_beside_them(fitted):
    every = fitted.predict_proba(X)
    assert isinstance(every, np.ndarray)
    np.testing.assert_array_equal(every[::-1], fitted.predict_proba(X[::-1]))
    lone = np.vstack([fitted.predict_proba(X[i : i + 1]) for i in range(0, 150, 10)])
    np.testing.assert_array_equal(every[::10], lone)
    many = np.tile(X, (40, 1))  # several blocks
    np.testing.assert_array_equal(np.tile(every, (40, 1)), fitted.predict_proba(many))


def test_the_seed_makes_the_network():
    same = [quick(random_state=seed).fit(X, Y).predict_proba(X) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(same[0], same[1])
    assert np.abs(same[0] - same[2]).max() > 1e-3
    stream = np.random.RandomState(3)
    draws = [quick(random_state=stream).fit(X, Y).predict_proba(X) for _ in range(2)]
    np.testing.assert_array_equal(draws[0], same[0])
    assert np.abs(draws[0] - draws[1]).max() > 1e-3


def test_a_fit_leaves_the_process_stream_alone():
    onefit.config.set_random_seed(5)
    before = onefit.config.first_seeds(5, 1)[0]
    quick().fit(X, Y)
    assert onefit.config.new_seed() == before


# Settings -----------------------------------------------------------------------------


def test_scikit_learns_names_of_activations():
    theirs = quick(activation="logistic").fit(X, Y).predict_proba(X)
    ours = quick(activation="sigmoid").fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(theirs, ours)


def build(n_features):
    return [Dense(n_features + 2, "tanh"), Dense(3, "relu")]


def skip(n_features):
    x = onefit.Input((n_features,))
    return onefit.Model(x, onefit.layers.Concatenate()([x, Dense(5, "relu")(x)]))


@pytest.mark.parametrize(("function", "width"), [(build, 3), (skip, 9)])
def test_hidden_layers_that_a_function_builds(function, width):
    model = NNClassifier(function, max_iter=30, learning_rate=0.02, random_state=0)
    model.fit(X, Y)
    assert model.model_.layers[-1].get_weights()[0].shape == (width, 3)
    assert model.score(X, Y) > 0.8
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_early_stopping_ends_with_the_best_weights():
    model = quick(
        early_stopping=True,
        max_iter=300,
        learning_rate=0.05,
        alpha=0,
        validation_fraction=0.3,
        n_iter_no_change=15,
    )
    model.fit(X, Y)
    held = model.validation_loss_curve_
    assert len(held) == model.n_iter_ < 300
    assert np.argmin(held) < model.n_iter_ - 10


def test_early_stopping_with_few_rows_of_a_class():
    rows = [0, 1, 50, 51, 52, 100]
    model = quick(early_stopping=True, max_iter=2).fit(X[rows], Y[rows])
    assert model.classes_.tolist() == [0, 1, 2]


def test_class_weight_is_a_sample_weight():
    weight = np.where(Y == 2, 5.0, 1.0)
    by_class = quick(class_weight={2: 5.0}).fit(X, Y)
    by_row = quick().fit(X, Y, sample_weight=weight)
    np.testing.assert_array_equal(by_class.predict_proba(X), by_row.predict_proba(X))
    few = np.r_[0:50, 50:60]
    plain, balanced = (
        NNClassifier(
            (8,),
            max_iter=20,
            alpha=3.0,
            learning_rate=0.005,
            random_state=0,
            class_weight=w,
        )
        .fit(X[few], Y[few])
        .predict_proba(X[few])[50:, 1]
        .mean()
        for w in (None, "balanced")
    )
    assert balanced > plain + 0.05


def test_an_optimizer_and_a_loss_of_ones_own():
    def cubed(y, p):
        return abs(y - p) ** 3

    model = NNRegressor(
        (8,), optimizer=SGD(0.01, momentum=0.9), loss=cubed, max_iter=10, random_state=0
    )
    x, y = DIABETES
    model.fit(x, y)
    assert model.model_.optimizer.learning_rate == pytest.approx(0.01)
    assert model.model_.optimizer is not model.optimizer
    one_hot = quick(loss="categorical_crossentropy").fit(X, Y).predict_proba(X)
    np.testing.assert_allclose(one_hot, quick().fit(X, Y).predict_proba(X), atol=1e-5)


def test_warnings_of_the_end():
    with pytest.warns(ConvergenceWarning, match="still falls after max_iter=20 epochs"):
        quick(tol=0).fit(X, Y)


# Going on -----------------------------------------------------------------------------


def test_warm_start_goes_on_from_the_weights():
    model = quick(warm_start=True, max_iter=60).fit(X, Y)
    scaler, last = model.scaler_, model.loss_curve_[-1]
    model.set_params(learning_rate=0.0005, alpha=1.1, max_iter=5).fit(X, Y)
    assert model.scaler_ is scaler
    assert model.loss_curve_[0] == pytest.approx(last, rel=0.1)
    assert model.model_.optimizer.learning_rate == pytest.approx(0.0005)
    with pytest.raises(ValueError, match="which the network knows"):
        model.fit(X, Y + 1)


def test_partial_fit_is_an_epoch_a_call():
    model = quick(learning_rate=0.02, batch_size=30)
    for _ in range(20):
        model.partial_fit(X, Y, classes=[0, 1, 2])
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.score(X, Y) > 0.9
    assert model.model_.optimizer_state["iterations"] == 100
    again = pickle.loads(pickle.dumps(model)).partial_fit(X, Y)  # where it stopped
    assert again.model_.optimizer_state["iterations"] == 105
    with pytest.raises(ValueError, match="expected those of the first call"):
        model.partial_fit(X, Y, classes=[0, 1])


def test_partial_fit_of_a_regressor():
    x, y = DIABETES
    model = NNRegressor((8,), random_state=0)
    for _ in range(3):
        model.partial_fit(x, y)
    assert model.n_iter_ == 3
    assert model.loss_curve_[2] < model.loss_curve_[0]


# Kinds of targets ---------------------------------------------------------------------


def test_several_labels():
    x, y = make_multilabel_classification(80, 6, n_classes=3, random_state=0)  # pyright: ignore[reportAssignmentType]
    model = NNClassifier(
        (16,), max_iter=80, learning_rate=0.02, alpha=1, random_state=0
    )
    model.fit(x, y)
    p = model.predict_proba(x)
    assert p.shape == (80, 3)
    np.testing.assert_array_equal(model.predict(x), p > 0.5)
    assert (model.predict(x) == y).mean() > 0.8
    of_sparse = clone(model).fit(x, sparse.csr_array(y))
    np.testing.assert_array_equal(of_sparse.predict_proba(x), p)


def test_several_outputs():
    x, y = DIABETES
    both = np.column_stack([y, -2 * y + 3])
    model = NNRegressor((8,), max_iter=40, learning_rate=0.02, random_state=0)
    predicted = model.fit(x, both).predict(x)
    assert predicted.shape == (442, 2)
    assert model.score(x, both) > 0.3
    assert clone(model).fit(x, both[:, 0]).predict(x).shape == (442,)


def test_two_classes_and_one():
    names = np.array(["no", "yes"])[(Y == 0).astype(int)]
    model = quick(learning_rate=0.02, max_iter=40).fit(X, names)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.score(X, names) == 1.0
    p = model.predict_proba(X)
    np.testing.assert_array_equal(p.sum(axis=1), 1)
    one = quick(max_iter=2).fit(X, np.full(150, "a"))
    assert set(one.predict(X)) == {"a"}
    assert one.predict_proba(X).shape == (150, 1)


def test_tables_of_any_kind():
    frame = pd.DataFrame(X, columns=list("abcd"))
    want = quick().fit(X, Y).predict_proba(X)
    model = quick().fit(frame, pd.Series(Y))
    assert model.feature_names_in_.tolist() == list("abcd")
    np.testing.assert_array_equal(model.predict_proba(frame), want)
    for kind in (sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        thin = quick().fit(kind(X), Y)
        np.testing.assert_array_equal(thin.predict_proba(kind(X)), want)


# Members ------------------------------------------------------------------------------


def test_members_answer_with_their_mean():
    model = quick(n_members=3).fit(X, Y)
    assert isinstance(model.model_, Ensemble)
    z = model.scaler_(X)
    each = np.stack([m.predict(z, verbose=0) for m in model.model_.members])
    np.testing.assert_allclose(model.predict_proba(X), each.mean(axis=0), atol=1e-6)
    first = quick().fit(X, Y).predict_proba(X)  # the same seed: the first of them
    assert min(np.abs(own - first).max() for own in each) < 1e-5
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(
        again.predict_proba(X), model.predict_proba(X), atol=1e-6
    )
    assert len(model.loss_curve_) == model.n_iter_ == 20


# The neighbours -----------------------------------------------------------------------


class Doubled(Layer):
    """Twice its input."""

    def apply(self, params, state, x, *, training=False, key=None):
        return 2 * x, state


def own_layer(n_features):
    return [Dense(3, "relu"), Doubled()]


def test_pickle_and_joblib(fitted):
    data = pickle.dumps(fitted)
    assert b"onefit.models" not in data  # the network is a file's bytes, not objects
    assert b"onefit.layers" not in data
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    for again in (pickle.loads(data), joblib.load(io.BytesIO(buffer.getvalue()))):
        np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
        assert again.get_params() == fitted.get_params()
    assert not hasattr(pickle.loads(pickle.dumps(quick())), "model_")


def test_pickle_with_a_layer_of_ones_own():
    model = NNClassifier(own_layer, max_iter=2, random_state=0).fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_pipelines_searches_and_folds():
    pipe = make_pipeline(FunctionTransformer(), quick(learning_rate=0.02, max_iter=60))
    assert cross_val_score(pipe, X, Y, cv=3).mean() > 0.9
    grid = {"nnclassifier__hidden_layers": [(2,), (8,)]}
    found = GridSearchCV(pipe, grid, cv=3).fit(X, Y)
    assert found.best_score_ > 0.9
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    scored = cross_val_score(quick(), X, Y == 1, cv=3, scoring="roc_auc")
    assert np.isfinite(scored).all()


def test_threads_give_what_one_gives():
    serial = cross_val_score(quick(), X, Y, cv=4, scoring="neg_log_loss")
    with joblib.parallel_config("threading", n_jobs=2):
        threaded = cross_val_score(quick(), X, Y, cv=4, scoring="neg_log_loss")
    np.testing.assert_array_equal(serial, threaded)


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"alpha": -1}, "received alpha=-1; expected a number, 0 or more"),
        ({"dropout": 1.0}, "received dropout=1.0; expected a number, from 0 to below"),
        ({"max_iter": 0}, "expected a whole number, 1 or more"),
        ({"batch_size": 2.5}, "received batch_size=2.5; expected a whole number"),
        ({"activation": "rleu"}, "Did you mean"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"loss": "crossentropie"}, "Unknown loss"),
        ({"learning_rate": "constant"}, "learning_rate"),
        ({"early_stopping": True, "validation_fraction": 2}, "a share between 0 and 1"),
        ({"n_members": 2, "warm_start": True}, "expected one network to go on with"),
        ({"hidden_layers": (10, 0)}, "the widths of the hidden layers"),
        ({"hidden_layers": "100"}, "Write hidden_layers=\\(100,\\)"),
        ({"hidden_layers": lambda n: [3]}, "a function that gave \\[3\\]"),
    ],
)
def test_settings_that_cannot_be_meant(settings, text):
    with pytest.raises((ValueError, TypeError), match=text):
        NNClassifier().set_params(**settings).fit(X, Y)


def test_data_that_cannot_be_meant(fitted):
    with pytest.raises(NotFittedError):
        quick().predict(X)
    with pytest.raises(ValueError, match="no classes in the first call"):
        quick().partial_fit(X, Y)
    with pytest.raises(ValueError, match="zero for every row"):
        quick().fit(X, Y, sample_weight=np.zeros(150))
    with pytest.raises(ValueError, match="received the weight -1"):
        quick().fit(X, Y, sample_weight=-np.ones(150))
    with pytest.raises(ValueError, match="4 features"):
        fitted.predict(X[:, :2])
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        quick().fit(X, np.column_stack([Y, Y]))
    with pytest.raises(ValueError, match="one network that sees all of the rows"):
        quick(n_members=2).partial_fit(X, Y, classes=[0, 1, 2])


def test_a_fit_that_fails_leaves_what_was():
    model = quick().fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(
        ValueError, match="at the end of training; expected a finite one"
    ):
        model.set_params(learning_rate=1e30).fit(10 * X[:, :3], Y == 0)
    assert model.n_features_in_ == 4
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_settings_that_do_not_go_together():
    warm = quick(warm_start=True).fit(X, Y).set_params(hidden_layers=(4,))
    with pytest.raises(ValueError, match=r"hidden_layers=\(4,\).*warm_start=True goes"):
        warm.fit(X, Y)
    with pytest.raises(
        ValueError, match="received shuffle='x'; expected True or False"
    ):
        quick(shuffle="x").fit(X, Y)
    with pytest.raises(ValueError, match="received y of text"):
        NNRegressor().fit(X, np.array(["a"] * len(X)))
