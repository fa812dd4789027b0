"""NNClassifier() and NNRegressor() as they are, on the tables that one tries first."""

import re
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_circles, make_moons

from onefit import OnefitWarning
from onefit.sklearn import NNClassifier, NNRegressor
from onefit.sklearn.tables import Table, folds_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 1, 1, 0])


def noisy_plane(rows, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 4))
    return x, x @ [0.9, -0.6, 0.4, 0.2] + 0.7 * draw.normal(size=rows)


def halves(load):
    x, y = load(return_X_y=True)
    return (x[::2], y[::2]), (x[1::2], y[1::2])


def drawn(maker, rows, **told):
    return maker(rows, random_state=0, **told), maker(500, random_state=1, **told)


CASES = {
    "xor": (XOR, XOR, 1.0),
    "circles": (*drawn(make_circles, 20, noise=0.02, factor=0.5), 0.95),
    "moons": (*drawn(make_moons, 50, noise=0.05), 0.97),
    "moons of large numbers": (
        *((1e6 + 1e-3 * x, y) for x, y in drawn(make_moons, 50, noise=0.05)),
        0.97,
    ),
    "iris": (*halves(load_iris), 0.93),
    "digits, 150 of them": (
        tuple(a[:150] for a in load_digits(return_X_y=True)),
        tuple(a[150:] for a in load_digits(return_X_y=True)),
        0.75,  # LogisticRegression has 0.79
    ),
    "sine": (
        (np.linspace(0, 1, 8)[:, None], np.sin(6 * np.linspace(0, 1, 8))),
        (np.linspace(0, 1, 99)[:, None], np.sin(6 * np.linspace(0, 1, 99))),
        0.95,
    ),
    "a noisy plane of 30 rows": (noisy_plane(30), noisy_plane(500, 1), 0.2),
    "targets of millions": (
        (noisy_plane(30)[0], 5e7 + 1e6 * noisy_plane(30)[1]),
        (noisy_plane(500, 1)[0], 5e7 + 1e6 * noisy_plane(500, 1)[1]),
        0.2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_defaults_learn(name):
    (x, y), (more, wanted), least = CASES[name]
    kind = NNRegressor if y.dtype.kind == "f" else NNClassifier
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        model = kind(random_state=0).fit(x, y)
    assert model.score(more, wanted) >= least


def test_a_line_of_five_rows_goes_on_beyond_them():
    x = np.arange(1, 6.0)[:, None]
    model = NNRegressor(random_state=0).fit(x, 2 * x[:, 0])
    assert model.predict([[6.0]])[0] == pytest.approx(12, abs=0.8)


def test_alpha_is_what_the_noise_asks_for():
    clear = NNClassifier(random_state=0).fit(*make_moons(50, noise=0.05))
    noisy = NNRegressor(random_state=0).fit(*noisy_plane(50))
    assert clear.alpha_ == 0.03
    assert noisy.alpha_ >= 1.5
    assert NNClassifier(random_state=0).fit(*XOR).alpha_ == 0.03
    assert NNClassifier(alpha=0.7, max_iter=9, random_state=0).fit(*XOR).alpha_ == 0.7


def test_folds_do_not_depend_on_the_order_and_keep_equal_rows_together():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(20, 3)), draw.integers(0, 2, 20).astype(float)
    twice = np.concatenate([x, x]), np.concatenate([y, y])
    order = draw.permutation(40)
    plain = folds_of(Table(*twice, None, 40.0, None), 4)
    other = folds_of(Table(*(a[order] for a in twice), None, 40.0, None), 4)
    for (train, held), (_, mixed) in zip(plain, other, strict=True):
        assert not set(train % 20) & set(held % 20)
        assert set(held % 20) == set(order[mixed] % 20)
    shares = [y[held % 20].mean() for _, held in plain]
    assert max(shares) - min(shares) <= 0.2 + 1e-9
    assert folds_of(Table(x[:15], y[:15], None, 15.0, None), 4) == []
    none = np.ones(20)
    none[:6] = 0  # rows of no weight are no rows
    assert folds_of(Table(x, y, none, 14.0, None), 4) == []


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"alpha": 30.0}, "a smaller alpha (it is 30)"),
        ({"learning_rate": 1e-9, "max_iter": 3}, "a larger learning_rate"),
        ({"max_iter": 1, "learning_rate": 1e-9}, "a larger max_iter (it is 1)"),
        ({"alpha": 30.0, "n_members": 2}, "a smaller alpha"),
    ],
)
def test_who_has_learned_nothing_says_so(settings, fix):
    with pytest.warns(OnefitWarning, match=r"4 rows of 2 columns its loss") as heard:
        NNClassifier(random_state=0, **settings).fit(*XOR)
    assert len(heard.list) >= 1
    assert any(fix in str(one.message) for one in heard)


def test_columns_that_say_nothing_of_y():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(300, 3)), draw.normal(size=300)
    with pytest.warns(OnefitWarning, match="these may say nothing of y"):
        NNRegressor(random_state=0).fit(x, y)


def test_what_is_constant_is_learned():
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        one = NNClassifier(random_state=0, max_iter=3).fit(XOR[0], np.zeros(4))
        flat = NNRegressor(random_state=0, max_iter=3).fit(XOR[0], np.full(4, 7.0))
    assert set(one.predict(XOR[0])) == {0}
    np.testing.assert_allclose(flat.predict(XOR[0]), 7, atol=1)


def test_the_docstring_names_the_alphas():
    from onefit.sklearn.estimator import ALPHAS

    said = re.search(r"'auto' tries ([^f]*)on four", NNClassifier.__doc__).group(1)
    numbers = [float(n) for n in re.findall(r"[\d.]*\d", said)]
    assert numbers == list(ALPHAS)
