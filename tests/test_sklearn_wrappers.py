# pyright: reportAttributeAccessIssue=false
# (what scikit-learn gives has no types.)
"""Models as estimators of scikit-learn, by Keras' names."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import onefit
from onefit.layers import Dense
from onefit.wrappers import (
    KerasClassifier,
    KerasRegressor,
    SKLearnClassifier,
    SKLearnRegressor,
    SKLearnTransformer,
)

X, Y = load_iris(return_X_y=True)
X = StandardScaler().fit_transform(X).astype("float32")
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]


def classifier(X, y, hidden=8):
    model = onefit.Sequential(
        [
            onefit.Input(X.shape[1:]),
            Dense(hidden, activation="relu"),
            Dense(y.shape[1], activation="softmax"),
        ]
    )
    model.compile(onefit.optimizers.Adam(0.02), "categorical_crossentropy")
    return model


def regressor(X=None, y=None, hidden=8):
    model = onefit.Sequential([onefit.Input((4,)), Dense(hidden, "relu"), Dense(1)])
    model.compile(onefit.optimizers.Adam(0.05), "mse")
    return model


def old(hidden=8, loss="sparse_categorical_crossentropy"):
    model = onefit.Sequential([onefit.Input((4,)), Dense(hidden, "relu")])
    model.add(Dense(3, activation="softmax"))
    model.compile(onefit.optimizers.Adam(0.02), loss)
    return model


def test_a_classifier_of_a_function():
    estimator = SKLearnClassifier(
        classifier, model_kwargs={"hidden": 5}, fit_kwargs={"epochs": 40}
    )
    estimator.fit(X, NAMES)
    assert estimator.score(X, NAMES) > 0.9
    assert list(estimator.classes_) == ["setosa", "versicolor", "virginica"]
    assert estimator.model_.layers[0].units == 5
    assert len(estimator.history_.history["loss"]) == 40
    assert estimator.predict_proba(X).shape == (150, 3)
    before = estimator.model_
    estimator.fit(X, NAMES, epochs=1)
    assert estimator.model_ is not before


def test_a_classifier_of_a_model_trains_copies():
    model = classifier(X, np.eye(3)[Y])
    before = model.get_weights()
    estimator = SKLearnClassifier(model, warm_start=True, fit_kwargs={"epochs": 20})
    estimator.fit(X, Y)
    first = estimator.model_
    estimator.fit(X, Y)
    assert estimator.model_ is first
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    copied = clone(estimator)
    assert not hasattr(copied, "model_")


def test_regression_and_new_columns():
    y = X @ [1.0, 2.0, 0.0, -1.0]
    estimator = SKLearnRegressor(regressor, fit_kwargs={"epochs": 60})
    assert estimator.fit(X, y).score(X, y) > 0.9
    assert estimator.predict(X).shape == (150,)
    assert estimator.fit(X, y[:, None], epochs=1).predict(X).shape == (150, 1)
    columns = SKLearnTransformer(regressor, fit_kwargs={"epochs": 1})
    assert columns.fit_transform(X, y).shape == (150, 1)


def test_in_a_pipeline_and_a_search():
    estimator = SKLearnClassifier(classifier, fit_kwargs={"epochs": 20})
    pipe = make_pipeline(StandardScaler(), estimator)
    assert cross_val_score(pipe, X, NAMES, cv=2).mean() > 0.8
    search = GridSearchCV(
        KerasClassifier(old, epochs=15), {"hidden": [2, 8], "batch_size": [16]}, cv=2
    )
    search.fit(X, NAMES)
    assert set(search.best_params_) == {"hidden", "batch_size"}
    assert search.predict(X)[0] in NAMES


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"]
)
def test_the_old_classifier(loss):
    estimator = KerasClassifier(build_fn=old, epochs=30, model__loss=loss, verbose=0)
    assert estimator.fit(X, NAMES).score(X, NAMES) > 0.9
    assert clone(estimator).get_params() == estimator.get_params()


def test_the_old_regressor():
    y = X @ [1.0, 2.0, 0.0, -1.0]
    estimator = KerasRegressor(model=regressor, epochs=40, batch_size=16)
    assert estimator.fit(X, y).score(X, y) > 0.9
    assert estimator.set_params(epochs=1).fit(X, y).predict(X).shape == (150,)


def test_what_is_refused():
    with pytest.raises(ValueError, match="Unknown setting of KerasClassifier 'epoch'"):
        KerasClassifier(old, epoch=3)
    with pytest.raises(TypeError, match="received None; expected a function"):
        KerasClassifier()
    bare = onefit.Sequential([onefit.Input((4,)), Dense(1)])
    with pytest.raises(ValueError, match="a model that is not compiled"):
        SKLearnRegressor(bare).fit(X, Y)
    with pytest.raises(ValueError, match="one label a row"):
        SKLearnClassifier(classifier).fit(X, np.eye(3)[Y])
    with pytest.raises(TypeError, match="received None; expected a model"):
        SKLearnRegressor(lambda X, y: None).fit(X, Y)
    model = classifier(X, np.eye(3)[Y])
    with pytest.raises(ValueError, match="model_kwargs beside a model"):
        SKLearnClassifier(model, model_kwargs={"hidden": 3}).fit(X, Y)
    assert onefit.wrappers.SKLearnClassifier is SKLearnClassifier
