"""search gives what GridSearchCV gives, from networks trained at once."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.stats import loguniform
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold, RandomizedSearchCV
from sklearn.pipeline import make_pipeline

import onefit
from onefit import OnefitWarning
from onefit.sklearn import NNClassifier, NNRegressor, search

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:NN.* has learned nothing"),
]

X, Y = load_iris(return_X_y=True)
# 15 rows of each class: three folds of one size, hence one program.
rows = np.r_[0:15, 50:65, 100:115]
X, Y = X[rows], Y[rows]
LOG = {"scoring": "neg_log_loss", "cv": 3}


def quick(**settings):
    told = {"max_iter": 12, "random_state": 0, "alpha": 3.0} | settings
    return NNClassifier((6,), **told)


def agree(ours, theirs):
    """The same table of results but for rounding, and the times."""
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for name, values in ours.cv_results_.items():
        if name.endswith("score") and "rank" not in name and "time" not in name:
            np.testing.assert_allclose(
                values, theirs.cv_results_[name], atol=2e-6, err_msg=name
            )
    assert ours.best_params_ == theirs.best_params_


CASES = [
    ({"learning_rate": [0.003, 0.03], "alpha": [0.0, 0.5, 5.0]}, {}),
    ({"dropout": [0.0, 0.2, 0.4], "random_state": [0, 1]}, {"alpha": 0.0}),
    ([{"hidden_layers": [(3,), (4, 3)]}, {"batch_size": [8]}], {}),
    ({"alpha": [0.5, 5.0]}, {"early_stopping": True, "validation_fraction": 0.3}),
    ({"alpha": [0.5, 5.0], "class_weight": [None, {2: 3.0}]}, {}),
    ({"learning_rate": [0.003, 0.03]}, {"n_members": 2}),
    ({"learning_rate": [0.003, 0.03]}, {"alpha": "auto"}),
]


@pytest.mark.parametrize(("grid", "settings"), CASES)
def test_the_same_results_as_one_after_another(grid, settings):
    ours = search(quick(**settings), grid, X, Y, **LOG)
    agree(ours, GridSearchCV(quick(**settings), grid, **LOG).fit(X, Y))


def test_what_comes_back_is_a_fitted_search():
    grid = {"learning_rate": [0.003, 0.03]}
    ours = search(quick(), grid, X, Y, return_train_score=True, **LOG)
    theirs = GridSearchCV(quick(), grid, return_train_score=True, **LOG).fit(X, Y)
    agree(ours, theirs)
    assert type(ours) is GridSearchCV
    assert type(ours.best_estimator_) is type(ours.estimator) is NNClassifier
    assert isinstance(ours.best_estimator_.model_, onefit.Model)
    np.testing.assert_array_equal(ours.predict_proba(X), theirs.predict_proba(X))
    assert ours.best_score_ == pytest.approx(theirs.best_score_, abs=2e-6)
    assert ours.cv == 3
    assert not hasattr(search(quick(), grid, X, Y, refit=False), "best_estimator_")


def test_regressors_weights_and_splitters():
    x, y = (a[:60] for a in load_diabetes(return_X_y=True))
    weight = np.linspace(0.5, 2.0, 60)
    model = NNRegressor((6,), max_iter=12, random_state=0)
    told = {"cv": KFold(3, shuffle=True, random_state=1)}
    grid = {"alpha": [0.5, 5.0]}
    ours = search(model, grid, x, y, sample_weight=weight, **told)
    agree(ours, GridSearchCV(model, grid, **told).fit(x, y, sample_weight=weight))


def test_settings_at_random():
    space = {"learning_rate": loguniform(1e-3, 1e-1)}
    told = {"n_iter": 3, "random_state": 4, **LOG, "cv": 2}  # folds of 22 and 23
    ours = search(quick(), space, X, Y, **told)
    assert type(ours) is RandomizedSearchCV
    agree(ours, RandomizedSearchCV(quick(), space, **told).fit(X, Y))


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_a_setting_that_fit_refuses_counts_as_failed():
    with pytest.warns(FitFailedWarning, match="received alpha=-1"):
        found = search(quick(), {"alpha": [-1, 1.0]}, X, Y, **LOG)
    assert np.isnan(found.cv_results_["mean_test_score"][0])
    assert found.best_params_ == {"alpha": 1.0}
    with pytest.raises(ValueError, match="Did you mean"):
        search(quick(), {"activation": ["rleu"]}, X, Y, error_score="raise", **LOG)


def test_the_networks_are_trained_once(monkeypatch):
    fits = []
    fit = NNClassifier.fit
    monkeypatch.setattr(
        NNClassifier, "fit", lambda *a, **k: (fits.append(1), fit(*a, **k))[1]
    )
    search(quick(random_state=None), {"alpha": [0.5, 5.0]}, X, Y, **LOG)
    assert len(fits) == 1  # the refit


def test_what_is_no_network_is_trained_by_scikit_learn():
    with pytest.warns(OnefitWarning, match="Pipeline is neither NNClassifier nor"):
        found = search(
            make_pipeline(quick()), {"nnclassifier__alpha": [1.0]}, X, Y, **LOG
        )
    assert found.best_params_ == {"nnclassifier__alpha": 1.0}
    forest = RandomForestClassifier(2, random_state=0)
    with pytest.warns(OnefitWarning, match="RandomForestClassifier is neither"):
        search(forest, {"max_depth": [1]}, X, Y, cv=2)
    with pytest.warns(OnefitWarning, match="warm_start=True goes on"):
        search(quick(warm_start=True), {"alpha": [1.0]}, X, Y, cv=2)


def test_the_refit_still_says_that_it_did_not_converge():
    with pytest.warns(ConvergenceWarning, match="max_iter=12"):
        search(quick(tol=0), {"alpha": [1.0]}, X, Y, **LOG)


@pytest.mark.filterwarnings("ignore:One or more of the test scores:UserWarning")
def test_a_network_that_diverges_counts_as_failed():
    grid = {"learning_rate": [1e200, 0.01]}
    with pytest.warns(FitFailedWarning, match="a loss of"):
        ours = search(quick(), grid, X, Y, **LOG)
    assert np.isnan(ours.cv_results_["mean_test_score"][0])
    assert ours.best_params_ == {"learning_rate": 0.01}


def test_tables_of_any_kind():
    want = search(quick(), {"alpha": [0.5, 5.0]}, X, Y, **LOG).cv_results_
    frame = pd.DataFrame(X, columns=list("abcd"))
    for x, y in ((frame, pd.Series(Y)), (sparse.csr_array(X), Y), (X.tolist(), [*Y])):
        found = search(quick(), {"alpha": [0.5, 5.0]}, x, y, **LOG)
        np.testing.assert_allclose(
            found.cv_results_["mean_test_score"], want["mean_test_score"], atol=1e-6
        )
