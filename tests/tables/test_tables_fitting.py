"""Fitting: each problem from columns to a file, what stands beside it, bad input."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pandas as pd
import pytest
import sklearn.linear_model
from quick_fits import equally, untrained

from onefit import tables
from onefit.tables import fitting, networks, training
from onefit.tables.baselines import constant
from onefit.tables.ensembling import crossed, greedy
from onefit.tables.fitting import Fitted, fitted
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.linear import DOUBLE, solved
from onefit.tables.networks import KINDS, Shape, network, settled, shape_of
from onefit.tables.rounds import Rounds
from onefit.tables.training import Clock, Rows, Watch, batch_of, epochs_for, train

RNG = np.random.default_rng(0)
N = 90
X = RNG.normal(size=(N, 2)).astype("f4")
CODES = np.column_stack([RNG.integers(0, 3, N), RNG.integers(0, 13, N)]).astype("i4")
INPUTS = Inputs(X, CODES, (2, 12))
SIDE = X[:, 0] + 2.0 * (CODES[:, 0] == 1)
GOALS = {
    "binary": Goal("binary", (SIDE > 0.5).astype("i4"), ("no", "yes")),
    "multiclass": Goal(
        "multiclass", np.digitize(SIDE, [0, 1]).astype("i4"), ("a", "b", "c")
    ),
    "ordered": Goal(
        "ordered", np.digitize(SIDE, [0, 1]).astype("i4"), ("low", "mid", "high")
    ),
    "count": Goal("count", RNG.poisson(np.exp(SIDE / 2 + 1)).astype(float), None),
    "skewed": Goal("skewed", np.exp(2 * SIDE + 4), None),
    "regression": Goal(
        "regression", 1000 + 50 * SIDE, None, RNG.uniform(0.5, 2, N).astype("f4")
    ),
}
FOLDS = [
    (np.setdiff1d(np.arange(N), held), held) for held in np.array_split(np.arange(N), 3)
]


@pytest.fixture
def small(monkeypatch):
    """RealMLP's place taken by what compiles faster, with few epochs."""
    monkeypatch.setitem(KINDS, "realmlp", KINDS["mlp"])
    monkeypatch.setattr(training, "EPOCHS", 60)


@pytest.fixture
def no_training(small, monkeypatch):
    """Networks as they begin, each with its share."""
    monkeypatch.setattr(fitting, "train", untrained)
    monkeypatch.setattr(fitting._Fit, "_epochs", lambda *_: 60)
    monkeypatch.setattr(fitting, "greedy", equally)


def fit(problem, **told):
    return fitted(lambda train: INPUTS, GOALS[problem], FOLDS, time=None, **told)


def copied(made):
    config, arrays = made.state()
    return Fitted.from_state(json.loads(json.dumps(config)), arrays)


@pytest.mark.parametrize("problem", GOALS)
@pytest.mark.usefixtures("small")
def test_each_problem_from_columns_to_a_file(problem):
    goal, heard = GOALS[problem], []
    made = fit(problem, quality="quick", progress=lambda what, part: heard.append(what))
    own = next(line for line in made.leaderboard if line["name"] == "ensemble")
    last = f"; ensemble so far: {made.metric} {own['score']:.4g}"
    assert heard[-1] == "the ensemble" + last  # the leaderboard says the same
    names = [line["name"] for line in made.leaderboard]
    baseline = "majority" if goal.classes else "mean"
    assert {baseline, "HistGradientBoosting", "linear network", "ensemble"} <= set(
        names
    )
    for line in made.leaderboard:
        low, high = line["interval"]
        assert low <= line["score"] <= high
    scores = {line["name"]: line["score"] for line in made.leaderboard}
    assert scores["ensemble"] <= scores["linear network"] * 1.15
    assert scores["ensemble"] < scores[baseline]
    said = made.predict([INPUTS] * 3)
    assert said.shape == made.out_of_fold.shape
    assert not np.isnan(made.out_of_fold).any()
    if goal.classes:
        np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-6)
        assert np.mean(said.argmax(1) == goal.values) > 0.75
        assert made.coverage()[0]["answered"] == 1
    else:
        assert np.corrcoef(said, goal.values)[0, 1] > (
            0.6 if problem == "count" else 0.9
        )
        low, high = made.lower_upper(made.out_of_fold, coverage=0.8)
        inside = (low <= goal.values) & (goal.values <= high)
        assert np.mean(inside) == pytest.approx(0.8, abs=0.02)
    if problem == "binary":
        assert 0 < made.threshold() < 1
        assert made.threshold([[0, 1], [99, 0]]) < 0.5
    each = made.predict_by_fold([INPUTS] * 3)
    for k, (_, held) in enumerate(FOLDS):
        # The mean for a row is chosen without it: nearly that of all rows.
        near = np.corrcoef(each[k, held].ravel(), made.out_of_fold[held].ravel())
        assert near[0, 1] > 0.95
    again = copied(made)
    np.testing.assert_array_equal(again.predict([INPUTS] * 3), said)
    assert again.leaderboard == made.leaderboard
    assert again.temperature == made.temperature
    part = again.predict([INPUTS[:1]] * 3)
    np.testing.assert_allclose(part, said[:1], rtol=1e-5)
    assert again.predict([INPUTS[:0]] * 3).shape == (0, *said.shape[1:])


@pytest.mark.usefixtures("small")
def test_ctrl_c_gives_the_best_so_far_and_rows_of_no_fold_have_no_prediction():
    def press(what, part):
        assert part is None
        if what.startswith("small MLP"):
            os.kill(os.getpid(), signal.SIGINT)

    made = fitted(
        lambda train: INPUTS, GOALS["binary"], FOLDS[:1], time=None, progress=press
    )
    assert made.interrupted
    assert len(made.members) >= 1
    assert np.isnan(made.out_of_fold[FOLDS[0][0]]).all()
    assert not np.isnan(made.out_of_fold[FOLDS[0][1]]).any()
    with pytest.raises(KeyboardInterrupt):
        fitted(
            lambda train: INPUTS,
            GOALS["binary"],
            FOLDS[:1],
            progress=lambda *_: os.kill(os.getpid(), signal.SIGINT),
        )


def test_time_is_kept_by_fewer_epochs():
    clock = Clock(10.0, lambda: False, None)
    each = clock.speed  # a second an epoch
    assert epochs_for(each, clock, 0.5) in (4, 5)
    assert epochs_for(each / 1e6, clock, 0.5) == training.EPOCHS
    assert epochs_for(each, Clock(None, lambda: False, None), 0.5) == training.EPOCHS
    assert [batch_of(n) for n in (3, 800, 5000, 20_000, 60_000, 10**6)] == [
        3,
        64,
        128,
        256,
        512,
        1024,
    ]


@pytest.mark.parametrize("kind", ["realmlp", "tabm"])
def test_networks_learn_with_weights_of_rows(kind, monkeypatch):
    goal = dataclasses.replace(GOALS["binary"], weights=np.ones(N, "f4"))
    small = {**KINDS[kind].settings, "width": 16, "layers": 1}
    monkeypatch.setitem(KINDS, kind, dataclasses.replace(KINDS[kind], settings=small))
    shape = Shape(2, (2, 12), 1, "binary")
    rows = Rows.of(shape, [INPUTS] * 3, goal, FOLDS, np.random.default_rng(0))
    clock = Clock(None, lambda: False, None)
    epochs = 40 if kind == "realmlp" else 150
    made = train(kind, rows, [{"seed": 0}], epochs, Watch(clock, "", epochs, 1e9))
    moments = [member.settings["epoch"] for member in made]
    assert moments == [*training.ends(epochs), epochs]  # one for each wave of the rate
    first, last = (jax.tree.leaves(made[i].params)[0] for i in (0, -1))
    assert not np.array_equal(first, last)
    member = made[-1]
    p = member({name: np.stack([a] * 3) for name, a in shape.columns(INPUTS).items()})
    held = np.concatenate([p[k, own] for k, (_, own) in enumerate(FOLDS)])
    assert np.mean(held.argmax(1) == goal.values) > 0.75
    assert p.shape == (3, N, 2)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression", "count"])
def test_the_linear_network_is_the_best_line(problem):
    goal, own = GOALS[problem], FOLDS[0][0]

    def solve(penalty, doubles=0):
        shape = shape_of(goal, 2, (2, 12), doubles)
        rows = Rows.of(shape, [INPUTS] * 3, goal, FOLDS, np.random.default_rng(0))
        x = {n: np.stack([a] * 3) for n, a in shape.columns(INPUTS).items()}
        return solved(rows, penalty)(x)

    said = solve(1e-6 if problem == "regression" else 1.0)
    two = (CODES[:, :1] == 2) * 1.0 - (CODES[:, :1] == 1)
    x = np.hstack([X, two, np.eye(13)[CODES[:, 1]][:, 1:]])
    if problem == "regression":
        line = sklearn.linear_model.LinearRegression()
        line.fit(x[own], goal.values[own], goal.weights[own])
        np.testing.assert_allclose(said[0], line.predict(x), rtol=1e-3)
        # Damped; a number that is known by itself too, the last column, counts less.
        z, y, w = x[own], goal.values[own], goal.weights[own]
        spread = y.std()  # the penalty is on targets of deviation 1: the same line
        for doubles, share in ((0, 1.0), (1, DOUBLE)):
            each = np.array([1.0] * 3 + [share] * 12)
            line = sklearn.linear_model.Ridge(alpha=10.0).fit(z * each, y / spread, w)
            wanted = spread * line.predict(x * each)
            np.testing.assert_allclose(solve(10.0, doubles)[0], wanted, rtol=2e-3)
    elif problem == "count":
        line = sklearn.linear_model.PoissonRegressor(alpha=1 / len(own), max_iter=500)
        line.fit(x[own], goal.values[own])
        np.testing.assert_allclose(said[0], line.predict(x), rtol=0.2)
    else:
        line = sklearn.linear_model.LogisticRegression(max_iter=500)
        line.fit(x[own], goal.values[own])
        np.testing.assert_allclose(said[0], line.predict_proba(x), atol=0.01)


def test_a_mean_that_other_rows_choose_is_not_ahead_on_noise():
    rng = np.random.default_rng(0)
    y, said = rng.integers(0, 2, 60) * 1.0, rng.normal(0.5, 0.3, (300, 60))
    parts = np.array_split(np.arange(60), 5)

    def choose(said, some):
        return greedy(said[:, some], lambda p: np.square(p - y[some]).mean())

    flattered = np.tensordot(choose(said, np.arange(60)), said, axes=1)
    assert np.square(flattered - y).mean() < 0.23
    assert np.square(crossed(said, parts, choose) - y).mean() > 0.24


def test_a_network_of_each_kind_and_problem_has_its_output():
    for kind in KINDS.values():
        for problem, outputs in (("binary", 1), ("multiclass", 3), ("count", 1)):
            for numbers, sizes in ((2, ()), (0, (2, 40)), (2, (0, 3))):
                shape = Shape(numbers, sizes, outputs, problem)
                own = settled(kind, shape, {"steps": 9, "width": 8})
                got = network(kind, shape, own).output_shape
                each = (kind.members,) if kind.members else ()
                last = (outputs,) if outputs > 1 or not each else ()
                assert got == (None, *each, *last)
    assert networks.ONE_HOT == 8


def test_a_constant_is_that_of_the_rows_trained_on():
    said = constant(GOALS["binary"], FOLDS)
    train, held = FOLDS[0]
    share = GOALS["binary"].values[train].mean()
    np.testing.assert_allclose(said[held], [[1 - share, share]] * len(held))


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"quality": "high"}, "'quick' or 'default' or 'best'"),
        ({"time": 0}, "seconds, above 0"),
        ({"metric": "acc"}, "metric for a binary target"),
        ({"folds": []}, "no folds"),
        ({"folds": [(np.arange(5), np.arange(0))]}, "a fold without rows"),
        ({"inputs": Inputs(X[:, :0], CODES[:, :0], ())}, "none that says anything"),
    ],
)
def test_what_cannot_be_fitted_is_refused(told, text):
    inputs = told.pop("inputs", INPUTS)
    folds = told.pop("folds", FOLDS)
    with pytest.raises(ValueError, match=text):
        fitted(lambda train: inputs, GOALS["binary"], folds, **told)


@pytest.mark.usefixtures("no_training")
def test_what_a_target_has_not_is_refused():
    made = fit("regression", quality="quick")
    for call in (made.threshold, made.coverage):
        with pytest.raises(ValueError, match="target"):
            call()
    with pytest.raises(ValueError, match="each of the 3 folds"):
        made.predict([INPUTS])


@pytest.mark.usefixtures("no_training")
def test_a_run_that_was_killed_goes_on_after_its_rounds(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(what, part):
        if what.startswith("the ensemble"):
            raise Killed

    def again(key="this", **told):
        return fit("binary", quality="quick", rounds=Rounds(tmp_path, key), **told)

    with pytest.raises(Killed):
        again(progress=kill)
    assert Rounds(tmp_path, "this").count == 1
    with pytest.raises(ValueError, match="of another table or of other settings"):
        again("another")
    monkeypatch.setattr(fitting, "train", None)  # nothing is trained twice
    rounds = Rounds(tmp_path, "this")
    made = fit("binary", quality="quick", rounds=rounds)
    assert {member.kind for member in made.members} <= {"linear", "realmlp"}
    whole = fit("binary", quality="quick", rounds=Rounds(tmp_path, "this"))
    np.testing.assert_array_equal(whole.out_of_fold, made.out_of_fold)
    rounds.clear()
    assert not list(tmp_path.iterdir())


SCRIPT = """
import sys, time
from pathlib import Path
sys.path.append(str(Path(sys.argv[2]).parent))
from quick_fits import untrained
from onefit.tables import fit, fitting
from onefit.tables.networks import KINDS
KINDS["realmlp"], fitting.train = KINDS["mlp"], untrained
fitting._Fit._epochs = lambda *_: 60
folder = Path(sys.argv[1])
def wait(what, part):
    while (folder / "unfinished" / "000.safetensors").exists():
        time.sleep(1)
x = list(range(60))
fit({"x": x, "y": [i * i for i in x]}, "y", time=None, quality="quick", folder=folder,
    progress=wait)
"""


@pytest.mark.usefixtures("no_training")
def test_a_process_that_is_killed_leaves_its_rounds(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), __file__])
    deadline = time.monotonic() + 240
    while not (tmp_path / "unfinished" / "000.safetensors").exists():
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while "round realmlp" not in (tmp_path / "unfinished/decided.json").read_text():
        time.sleep(0.1)
    child.kill()
    child.wait()
    x = list(range(60))
    model = tables.fit({"x": x, "y": [i * i for i in x]}, "y", time=None,
                       quality="quick", folder=tmp_path)  # fmt: skip
    assert "goes on after 1 rounds of a run that was ended" in model.notes
    assert not (tmp_path / "unfinished").exists()


@pytest.mark.usefixtures("no_training")
def test_short_of_time_fewer_folds_are_trained(monkeypatch):
    monkeypatch.setattr(fitting, "epochs_for", lambda work, clock, share: 3)
    made = fit("binary", quality="quick")
    assert made.folds == 1
    asked = np.flatnonzero(~np.isnan(made.out_of_fold[:, 0]))
    np.testing.assert_array_equal(asked, FOLDS[0][1])
    assert made.predict([INPUTS]).shape == (N, 2)
    assert {line["folds"] for line in made.leaderboard} == {1}


@pytest.mark.usefixtures("small")
def test_intervals_by_networks_of_their_ends_are_wide_where_rows_are(monkeypatch):
    monkeypatch.setattr(fitting, "NARROWER", 2.0)  # kept, however wide they are
    monkeypatch.setattr(fitting, "TOGETHER", 1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1)).astype("f4")
    noise = rng.normal(size=600) * np.where(x[:, 0] > 0, 2.0, 0.1)
    goal, given = (
        Goal("regression", noise, None),
        Inputs(x, np.zeros((600, 0), int), ()),
    )
    folds = [
        (np.arange(300), np.arange(300, 600)),
        (np.arange(300, 600), np.arange(300)),
    ]
    made = fitted(lambda train: given, goal, folds, time=None)
    inputs = [given] * 2
    said, ends = made.predict(inputs), made.said_ends(inputs)
    for coverage in (0.7, 0.9):
        own = made.ends_out_of_fold
        lower, upper = made.lower_upper(made.out_of_fold, coverage, ends=own)
        assert (lower <= upper).all()
        inside = (lower <= goal.values) & (goal.values <= upper)
        assert inside.mean() == pytest.approx(coverage, abs=0.02)
    wide = upper - lower
    assert wide[x[:, 0] > 0.5].mean() > 1.5 * wide[x[:, 0] < -0.5].mean()
    again = copied(made)
    np.testing.assert_array_equal(again.said_ends(inputs), ends)
    both = (one.lower_upper(said, 0.9, ends=ends) for one in (again, made))
    np.testing.assert_array_equal(*both)


@pytest.mark.parametrize("problem", ["binary", "multiclass", "skewed", "ordered"])
@pytest.mark.usefixtures("no_training")
def test_a_model_as_onnx_takes_the_columns_as_they_are(problem, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    goal = GOALS[problem]
    names = goal.classes and np.array(goal.classes)[goal.values]
    hour = np.arange(N) % 3 * 1.0  # numbers that come again
    table = pd.DataFrame({
        "a": np.where(np.arange(N) % 9, X[:, 0], np.nan).astype(float),
        "hour": hour,
        "money": np.where(np.arange(N) % 7, np.exp(3 * X[:, 1]), np.nan).astype(float),
        "city": [None if not code else f"c{code}" for code in CODES[:, 1]],
        "y": goal.values if names is None else names,
    })  # fmt: skip
    roles = {"y": list(goal.classes)} if problem == "ordered" else {}
    model = tables.fit(table, "y", problem=problem, time=None, quality="quick",
                       roles=roles)  # fmt: skip
    assert [c.repeats for c in model.columns] == [False, True, False, False, False]
    assert [c.tails for c in model.columns] == [False, False, True, False, False]
    model.export(tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    given = {
        "a": table[["a"]].to_numpy(),
        "hour": table[["hour"]].to_numpy(),
        "money": table[["money"]].to_numpy(),
        "city": table[["city"]].fillna("").to_numpy(str),
    }
    (said,) = session.run(None, given)
    if goal.classes is None:
        np.testing.assert_allclose(said[:, 0], model.predict(table), rtol=1e-3)
    else:
        np.testing.assert_allclose(said, model.predict_proba(table), atol=1e-4)


@pytest.mark.usefixtures("no_training")
def test_what_onnx_cannot_prepare_is_refused(tmp_path):
    days = pd.date_range("2024-01-01", periods=N).astype(str)
    model = tables.fit({"x": X[:, 0], "day": days, "y": SIDE}, "y", time=None,
                       quality="quick")  # fmt: skip
    with pytest.raises(ValueError, match="column 'day', a date: ONNX has no dates"):
        model.export(tmp_path / "m.onnx")
