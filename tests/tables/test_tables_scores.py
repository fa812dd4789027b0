"""Scores, calibration, thresholds, intervals: scikit-learn's numbers, or by hand."""

import numpy as np
import pytest
import sklearn.metrics as sk

from onefit.tables import calibration
from onefit.tables.ensembling import greedy
from onefit.tables.scores import METRICS, interval, metric_of

RNG = np.random.default_rng(0)
N = 300
W = RNG.uniform(0.5, 2, N)
TWO = RNG.integers(0, 2, N)
P_TWO = np.round(
    np.clip(0.5 + 0.2 * (TWO - 0.5) + 0.2 * RNG.normal(size=N), 0.01, 0.99), 2
)
P_TWO = np.column_stack([1 - P_TWO, P_TWO])  # rounded: with ties
FOUR = RNG.integers(0, 4, N)
P_FOUR = RNG.dirichlet(np.ones(4), N) * 0.7 + 0.3 * np.eye(4)[FOUR]
NUMBERS, SAID = RNG.normal(size=N), RNG.normal(size=N)


def test_rows_without_a_mistake_make_no_model_sure_of_all_others():
    y = np.arange(300) % 3
    p = np.full((300, 3), 0.02)
    p[np.arange(300), y] = 0.96
    by = calibration.temperature(y, p, np.ones(300))
    sure = calibration.tempered(p, by).max()
    assert 1e-3 < 1 - sure < 1e-2  # not the least that there is


@pytest.mark.parametrize(
    ("name", "y", "p", "theirs"),
    [
        ("log_loss", TWO, P_TWO, lambda y, p: sk.log_loss(y, p, sample_weight=W)),
        ("log_loss", FOUR, P_FOUR, lambda y, p: sk.log_loss(y, p, sample_weight=W)),
        ("auc", TWO, P_TWO, lambda y, p: sk.roc_auc_score(y, p[:, 1], sample_weight=W)),
        (
            "auc",
            FOUR,
            P_FOUR,
            lambda y, p: sk.roc_auc_score(y, p, multi_class="ovr", sample_weight=W),
        ),
        (
            "accuracy",
            FOUR,
            P_FOUR,
            lambda y, p: sk.accuracy_score(y, p.argmax(1), sample_weight=W),
        ),
        (
            "balanced_accuracy",
            FOUR,
            P_FOUR,
            lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1), sample_weight=W),
        ),
        ("f1", TWO, P_TWO, lambda y, p: sk.f1_score(y, p.argmax(1), sample_weight=W)),
        (
            "f1",
            FOUR,
            P_FOUR,
            lambda y, p: sk.f1_score(y, p.argmax(1), average="macro", sample_weight=W),
        ),
        (
            "brier",
            TWO,
            P_TWO,
            lambda y, p: 2 * sk.brier_score_loss(y, p[:, 1], sample_weight=W),
        ),
        (
            "rmse",
            NUMBERS,
            SAID,
            lambda y, p: sk.root_mean_squared_error(y, p, sample_weight=W),
        ),
        (
            "mae",
            NUMBERS,
            SAID,
            lambda y, p: sk.mean_absolute_error(y, p, sample_weight=W),
        ),
        ("r2", NUMBERS, SAID, lambda y, p: sk.r2_score(y, p, sample_weight=W)),
    ],
)
def test_scores_are_those_of_sklearn(name, y, p, theirs):
    assert METRICS[name].score(y, p, W) == pytest.approx(theirs(y, p), rel=1e-6)


def test_an_interval_is_as_wide_as_the_mean_is_unsure():
    y = RNG.normal(size=400)
    low, high = interval(METRICS["mae"], y, np.zeros(400), np.ones(400))
    spread = np.abs(y).std() / 20
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.25)
    assert low < np.abs(y).mean() < high


def test_a_metric_is_of_its_problem():
    assert metric_of("auc", "binary").sign == 1
    with pytest.raises(ValueError, match="metric for a regression target"):
        metric_of("auc", "regression")


def test_temperature_is_found_and_kept_only_where_it_helps():
    p = RNG.uniform(0.02, 0.98, 4000)
    y = (RNG.uniform(size=4000) < p).astype(int)
    right = np.column_stack([1 - p, p])
    sharp = calibration.tempered(right, 0.5)
    w, parts = np.ones(4000), np.array_split(np.arange(4000), 4)
    assert calibration.temperature(y, sharp, w) == pytest.approx(2, rel=0.1)
    by, after = calibration.kept_temperature(y, sharp, w, parts)
    assert by == pytest.approx(2, rel=0.1)
    assert np.abs(after - right).max() < 0.02
    few = np.arange(40)
    noise = np.column_stack([1 - p[few], p[few]])
    kept, same = calibration.kept_temperature(
        np.arange(40) % 2, np.full_like(noise, 0.5), w[few], np.array_split(few, 4)
    )
    assert kept == 1  # what says nothing is not made better
    assert (same == 0.5).all()


@pytest.mark.parametrize(
    "metric", ["accuracy", "balanced_accuracy", "f1", [[0, 1], [5, 0]]]
)
def test_a_threshold_is_the_best_of_all(metric):
    def gain(at):
        said = P_TWO[:, 1] >= at
        if metric == "accuracy":
            return sk.accuracy_score(TWO, said, sample_weight=W)
        if metric == "balanced_accuracy":
            return sk.balanced_accuracy_score(TWO, said, sample_weight=W)
        if metric == "f1":
            return sk.f1_score(TWO, said, sample_weight=W)
        cost = np.array(metric)[TWO, said.astype(int)]
        return -(W * cost).sum()

    found = calibration.threshold(TWO, P_TWO[:, 1], W, metric)
    every = [gain(t) for t in np.linspace(0, 1.001, 1002)]
    assert gain(found) == pytest.approx(max(every))


@pytest.mark.parametrize(
    ("metric", "text"),
    [("log_loss", "one that a threshold changes"), ([1, 2], "a matrix of two rows")],
)
def test_what_has_no_threshold(metric, text):
    with pytest.raises(ValueError, match=text):
        calibration.threshold(TWO, P_TWO[:, 1], W, metric)


def test_coverage_falls_as_accuracy_rises():
    p = RNG.uniform(0.5, 1, 3000)
    y = (RNG.uniform(size=3000) > p).astype(int)
    lines = calibration.coverage(y, np.column_stack([p, 1 - p]), np.ones(3000))
    shares = [line["answered"] for line in lines]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1
    assert lines[0]["accuracy"] == pytest.approx(0.75, abs=0.03)
    assert lines[-1]["accuracy"] > 0.95
    for line in lines[::5]:
        assert np.mean(p >= line["least"]) == pytest.approx(line["answered"])


def test_conformal_intervals_hold_what_they_say():
    inside = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        half = calibration.half_width(rng.standard_t(3, 59), 0.9)
        inside.append(np.abs(rng.standard_t(3, 200)) <= half)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.01)
    assert calibration.half_width(np.ones(8), 0.9) == np.inf
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibration.half_width(np.ones(8), 90)


def test_greedy_takes_what_complements():
    y = RNG.normal(size=500)
    noise = RNG.normal(size=(3, 500))
    said = y + np.array([noise[0], -noise[0] + 0.1 * noise[1], 5 * noise[2]])
    shares = greedy(said, lambda p: float(np.square(p - y).mean()))
    assert shares.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares[:2], 0.5, atol=0.05)
    assert shares[2] == 0
