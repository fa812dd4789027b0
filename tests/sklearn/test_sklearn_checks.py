"""scikit-learn's own contract, `check_estimator`, check by check.

MLPClassifier and MLPRegressor are put through the same checks and pass them, the two of
`FLOAT32` among them, since scikit-learn computes in float64; so do ours there, below.
"""

import pytest
from sklearn.utils.estimator_checks import (
    check_sample_weight_equivalence_on_dense_data,
    parametrize_with_checks,
)

from onefit import config
from onefit.sklearn import NNClassifier, NNRegressor

pytestmark = [
    # Few epochs make the checks cheap: what is checked is not how good the fit is.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning"),
]

FLOAT32 = "two orders of adding differ by 1e-7 in float32, the check's tolerance"
EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": FLOAT32,
    "check_sample_weight_equivalence_on_sparse_data": FLOAT32,
}


@parametrize_with_checks(
    [NNClassifier(), NNRegressor()], expected_failed_checks=lambda _: EXPECTED
)
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [NNClassifier, NNRegressor])
def test_a_weight_of_k_is_a_row_k_times(kind):
    config.set_floatx("float64")
    try:
        check_sample_weight_equivalence_on_dense_data(
            kind.__name__, kind(max_iter=30, tol=0, n_iter_no_change=30)
        )
    finally:
        config.set_floatx("float32")
