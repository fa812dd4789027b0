"""scikit-learn's own contract, `check_estimator`, check by check: none is left out."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from onefit.sklearn import NNClassifier, NNRegressor

pytestmark = [
    # Few epochs make the checks cheap: what is checked is not how good the fit is.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:NN.* has learned nothing"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]


@parametrize_with_checks([NNClassifier(), NNRegressor()])
def test_scikit_learns_contract(estimator, check):
    check(estimator)
