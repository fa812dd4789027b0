# pyright: reportAttributeAccessIssue=false
# (what scikit-learn gives has no types.)
"""Other libraries' settings, and tables of pandas: taken, or refused by name."""

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from onefit.sklearn import NNClassifier, NNRegressor
from onefit.sklearn.spoken import THEIRS

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:NN.* has learned nothing"),
]

X, Y = load_iris(return_X_y=True)
FRAME = pd.DataFrame(X, columns=["length", "width", "petal", "other"])


def quick(**settings):
    return NNClassifier((4,), **({"max_iter": 2, "alpha": 0.1} | settings))


def lacking():
    for ours, theirs in ((NNClassifier, MLPClassifier), (NNRegressor, MLPRegressor)):
        own = inspect.signature(ours).parameters
        for name, parameter in inspect.signature(theirs).parameters.items():
            if name not in own:
                yield ours, name, parameter.default


@pytest.mark.parametrize(("kind", "name", "value"), list(lacking()))
def test_every_setting_of_mlp_that_we_lack_has_an_answer(kind, name, value):
    for make in (kind, kind().set_params):
        with pytest.raises(TypeError, match=f"the setting {name}=") as caught:
            make(**{name: value})
        written = str(caught.value).split("Write ")[1]
        assert written.split("=")[0] in inspect.signature(kind).parameters


@pytest.mark.parametrize("name", list(THEIRS))
def test_others_names_are_not_ours(name):
    with pytest.raises(TypeError, match=f"NNRegressor: received the setting {name}=7"):
        NNRegressor(**{name: 7})


def test_names_that_nobody_has():
    with pytest.raises(TypeError, match="Write max_iter=9"):
        NNClassifier(max_itr=9)
    with pytest.raises(TypeError, match=r"one of its 20 settings"):
        NNClassifier(zzz=1)
    with pytest.raises(TypeError, match="Write hidden_layers="):
        make_pipeline(quick()).set_params(nnclassifier__hidden_layer_sizes=(3,))


def test_values_of_mlp():
    with pytest.raises(TypeError, match=r"'adaptive'.*Write learning_rate=0.001"):
        quick(learning_rate="adaptive").fit(X, Y)
    with pytest.raises(ValueError, match=r"'lbfgs'.*Write optimizer='adam'"):
        quick(optimizer="lbfgs").fit(X, Y)
    told = {"max_iter": 2, "random_state": 0, "alpha": 0.1}
    theirs = NNRegressor((4,), loss="squared_error", **told).fit(X, 1.0 * Y)
    ours = NNRegressor((4,), **told).fit(X, 1.0 * Y)
    np.testing.assert_array_equal(theirs.predict(X), ours.predict(X))


def test_the_signature_is_still_there():
    for kind in (NNClassifier, NNRegressor):
        assert "hidden_layers" in inspect.signature(kind).parameters
        assert clone(kind((3,))).hidden_layers == (3,)


# Columns ------------------------------------------------------------------------------

NUMBERS = {
    "booleans": Y > 0,
    "nullable booleans": pd.array(Y > 0, dtype="boolean"),
    "nullable whole numbers": pd.array(Y, dtype="Int64"),
    "nullable numbers": pd.array(1.0 * Y, dtype="Float64"),
    "categories of numbers": pd.Categorical(Y),
    "categories of digits": pd.Categorical(Y.astype(str)),
    "objects that are numbers": Y.astype(object),
}


@pytest.mark.parametrize("kind", list(NUMBERS))
def test_columns_that_are_numbers(kind):
    frame = FRAME.assign(kind=NUMBERS[kind])
    plain = np.column_stack([X, np.asarray(NUMBERS[kind]).astype(float)])
    want = quick(random_state=0).fit(plain, Y).predict_proba(plain)
    found = quick(random_state=0).fit(frame, Y).predict_proba(frame)
    np.testing.assert_array_equal(found, want)


OTHERS = {
    "text": np.where(Y > 0, "red", "blue"),
    "categories": pd.Categorical(np.where(Y > 0, "red", "blue")),
    "text with gaps": [None, *np.where(Y[1:] > 0, "red", "blue")],
    "a decimal comma": [f"{y},5" for y in Y],
    "dates": pd.to_datetime("2020-01-01") + pd.to_timedelta(Y, "D"),
    "dates in text": [f"0{y + 1}.12.2020" for y in Y],
    "gaps": [None, *(1.0 * Y[1:])],
    "nullable gaps": pd.array([None, *Y[1:]], dtype="Int64"),
}


@pytest.mark.parametrize("kind", list(OTHERS))
def test_columns_that_are_none_are_prepared(kind):
    # The column alone tells the class, so it has to be read for what it is.
    frame = pd.DataFrame({"other": X[:, 1], "a colour": OTHERS[kind]})
    told = (Y > 0) if "red" in map(str, OTHERS[kind]) else Y
    model = quick(random_state=0, max_iter=300).fit(frame, told)
    assert model.score(frame, told) > 0.95
    assert list(model.feature_names_in_) == ["other", "a colour"]
    assert model.n_features_in_ == 2
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[["a colour"]])
    numbers = quick().fit(FRAME.rename(columns={"other": "a colour"}), Y)
    with pytest.raises(ValueError, match="'a colour'; expected numbers, as it was"):
        numbers.predict(
            FRAME.drop(columns="other").assign(**{"a colour": OTHERS[kind]})
        )


def test_a_frame_whose_columns_say_nothing_is_refused():
    with pytest.raises(ValueError, match=r"no column to learn from .*'a': empty"):
        quick().fit(pd.DataFrame({"a": [None] * 150}), Y)


@pytest.mark.parametrize(
    "y",
    [
        pd.Series(pd.Categorical(Y)),
        pd.Series(pd.array(Y, dtype="Int64")),
        pd.Series(np.array(["a", "b", "c"])[Y], dtype="category"),
        pd.Series(Y == 1, dtype="boolean"),
    ],
    ids=["category", "Int64", "category of text", "boolean"],
)
def test_targets_of_pandas(y):
    model = quick(random_state=0).fit(FRAME, y)
    assert set(model.predict(FRAME)) <= set(y)
    assert len(model.classes_) == y.nunique()


def test_class_weights():
    by_name = quick(random_state=0, class_weight="balanced").fit(X[40:], Y[40:])
    weights = {c: 110 / (3 * n) for c, n in enumerate(np.bincount(Y[40:]))}
    by_hand = quick(random_state=0, class_weight=weights).fit(X[40:], Y[40:])
    np.testing.assert_array_equal(by_name.predict_proba(X), by_hand.predict_proba(X))
    with pytest.raises(ValueError, match="Write class_weight='balanced'"):
        quick(class_weight="balance").fit(X, Y)
    with pytest.raises(ValueError, match=r"the class 7; expected some of \[0, 1, 2\]"):
        quick(class_weight={0: 2.0, 7: 3.0}).fit(X, Y)
    with pytest.raises(ValueError, match=r"Write class_weight=\{0: 1.0, 1: 2.0"):
        quick(class_weight=[1.0, 2.0, 3.0]).fit(X, Y)
