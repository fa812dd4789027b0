"""Grids, random draws, halving, and Optuna's studies."""

import numpy as np
import pytest
import scipy.stats

import onefit
from onefit import Input, Sequential, population
from onefit.callbacks import EarlyStopping, TerminateOnNaN
from onefit.layers import Dense
from onefit.population import engine
from onefit.population.search import Halving

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 2))
Y = X @ [[1.0], [2.0]]


def net(rate=0.1):
    model = Sequential([Input((2,)), Dense(1, name="out")])
    model.compile(onefit.optimizers.SGD(rate), "mse", metrics=["mae"])
    return model


def test_grid():
    vary = population.grid(a=[1, 2], **{"b.c": ["x", "y", "z"]})
    assert vary == {"a": [1, 1, 1, 2, 2, 2], "b.c": ["x", "y", "z"] * 2}
    with pytest.raises(TypeError, match=r"grid, 'a': received 0\.1; .* a=\[0\.1\]"):
        population.grid(a=0.1)


def test_sample_draws_from_each_kind_of_axis():
    drawn = population.sample(
        400,
        seed=1,
        a=(0.0, 0.5),
        b=population.loguniform(1e-4, 1.0),
        c=population.integers(2, 4),
        d=["relu", "tanh"],
        e=scipy.stats.loguniform(1e-3, 1e-1),
        f=population.uniform(-1, 1),
    )
    assert all(len(values) == 400 for values in drawn.values())
    assert 0 <= min(drawn["a"]) < 0.05
    assert 0.45 < max(drawn["a"]) <= 0.5
    assert min(drawn["b"]) >= 1e-4
    assert 0.4 < np.mean(np.array(drawn["b"]) < 0.01) < 0.6
    assert set(drawn["c"]) == {2, 3, 4}
    assert type(drawn["c"][0]) is int
    assert set(drawn["d"]) == {"relu", "tanh"}
    assert 1e-3 <= min(drawn["e"]) <= max(drawn["e"]) <= 1e-1
    assert min(drawn["f"]) < 0 < max(drawn["f"])
    again = population.sample(400, seed=1, a=(0.0, 0.5))
    assert again["a"] == drawn["a"]
    onefit.config.set_random_seed(3)
    one = population.sample(5, a=(0.0, 0.5))
    assert population.sample(5, a=(0.0, 0.5)) != one
    onefit.config.set_random_seed(3)
    assert population.sample(5, a=(0.0, 0.5)) == one


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: population.sample(0), "received n=0"),
        (lambda: population.sample(2, a=0.1), "a: received 0.1; expected a list"),
        (lambda: population.sample(2, a=[]), "expected a list of choices"),
        (lambda: population.sample(2, a=(1.0, 0.5)), "received 1.0 to 0.5"),
        (lambda: population.loguniform(0, 1), "a low end above 0"),
        (lambda: population.integers(3, 3), "integers: received 3 to 3"),
        (lambda: population.uniform("a", 3), "uniform: received 'a' to 3"),
        (lambda: population.halving(factor=1), "received factor=1, least=1"),
        (lambda: population.halving(least=0), "received factor=3, least=0"),
        (lambda: Halving("los").bind({"loss": "min"}), "Did you mean 'loss'"),
        (lambda: Halving("m").bind({"m": None}), "a metric that says which way"),
    ],
)
def test_what_is_refused(make, text):
    with pytest.raises((ValueError, TypeError)) as error:
        make()
    assert text in str(error.value)


# Halving -----------------------------------------------------------------------------


def test_the_best_of_each_rung_go_on_as_if_alone():
    rates = [0.001, 0.3, 0.03, 0.01, 0.1, 0.002, 0.02, 0.2, 0.05]
    arguments = {"vary": {"learning_rate": rates}, "epochs": 7, "verbose": 0}
    halved = population.fit(
        net(), X, Y, drop=population.halving("mae", factor=2, least=1), **arguments
    )
    whole = population.fit(net(), X, Y, **arguments)
    running = np.arange(9)
    for rung in (1, 2, 4):  # 9, then 5, then 3, then 2
        best = np.argsort(whole.history["mae"][running, rung - 1], kind="stable")
        stays = np.sort(running[best[: -(-len(running) // 2)]])
        gone = np.setdiff1d(running, stays)
        assert (halved.epochs[gone] == rung).all()
        assert [halved.stopped[i] for i in gone] == ["dropped"] * len(gone)
        running = stays
    assert len(running) == 2
    assert (halved.epochs[running] == 7).all()
    for name in ("loss", "mae"):
        ours, theirs = halved.history[name][running], whole.history[name][running]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)


def test_metrics_that_grow_and_members_that_diverge():
    rule = Halving("acc", factor=2, least=2).bind({"loss": "min", "acc": "max"})
    assert [rule.next(e) for e in (0, 1, 2, 3, 4)] == [2, 2, 4, 4, 8]
    logs = np.full((5, 4, 2), np.nan)
    logs[:, :2, 0] = 1.0
    logs[:, 1, 1] = [0.1, 0.9, 0.5, 0.7, 1.0]
    logs[4, 1, 0] = np.inf  # its accuracy says nothing
    names, active = ("loss", "acc"), np.array([True, True, True, True, True])
    assert rule(1, logs, names, active).tolist() == []
    assert rule(2, logs, names, active).tolist() == [0, 4]


def test_an_epoch_without_validation_takes_the_last_one():
    rule = Halving("val", factor=2).bind({"loss": "min", "val": "min"})
    logs = np.ones((2, 4, 2))
    logs[:, :, 1] = np.nan
    names, active = ("loss", "val"), np.array([True, True])
    assert rule(1, logs, names, active).tolist() == []
    logs[:, 2, 1] = [2.0, 1.0]
    assert rule(4, logs, names, active).tolist() == [0]


def test_later_groups_have_to_be_better_than_earlier_ones():
    rule = Halving("loss", factor=2).bind({"loss": "min"})
    active = np.array([True, True])

    def table(*losses):
        return np.array(losses)[:, None, None]

    assert rule(1, table(1.0, 3.0), ("loss",), active).tolist() == [1]
    assert rule(1, table(4.0, 5.0), ("loss",), active).tolist() == [0, 1]
    assert rule(1, table(0.5, 6.0), ("loss",), active).tolist() == [1]


def test_a_halving_can_be_used_again():
    drop = population.halving(factor=3)
    for _ in range(2):
        many = population.fit(net(), X, Y, seeds=3, epochs=3, verbose=0, drop=drop)
        assert sorted(many.epochs) == [1, 1, 3]


# Optuna ------------------------------------------------------------------------------


@pytest.fixture
def optuna():
    module = pytest.importorskip("optuna")
    module.logging.set_verbosity(module.logging.ERROR)
    return module


def test_a_study_asks_and_is_told(optuna):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    many = population.tune(
        study,
        net(),
        X,
        Y,
        {
            "learning_rate": population.loguniform(0.01, 10.0),
            "out.kernel_initializer": [onefit.initializers.Zeros(), "ones"],
            "batch_size": [8, 16],
        },
        trials=5,
        together=3,
        monitor="mae",
        seeds=2,
        epochs=30,
        verbose=0,
        callbacks=[TerminateOnNaN()],
    )
    assert len(many) == 10
    assert len(study.trials) == 5
    states = set()
    for trial in study.trials:
        own = [2 * trial.number, 2 * trial.number + 1]
        states.add(trial.state.name)
        assert many.settings["learning_rate"][own[0]] == trial.params["learning_rate"]
        assert many.settings["batch_size"][own[0]] == trial.params["batch_size"]
        lost = many.diverged()[own].any()
        assert (trial.state.name == "FAIL") == lost
        if not lost:
            np.testing.assert_allclose(trial.value, many.final("mae")[own].mean())
    assert states == {"COMPLETE", "FAIL"}
    best = many.best("mae").evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(best[1], study.best_value, rtol=0.2, atol=1e-3)


def test_what_halving_stops_is_told_as_pruned(optuna):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    population.tune(
        study,
        net(),
        X,
        Y,
        {"learning_rate": (0.01, 0.1)},
        trials=4,
        together=4,
        epochs=3,
        verbose=0,
        drop=population.halving(factor=2),
    )
    told = sorted(trial.state.name for trial in study.trials)
    assert told == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert {
        max(t.intermediate_values) for t in study.trials if t.state.name == "PRUNED"
    } == {1, 2}


def test_studies_that_cannot_be_meant_are_refused(optuna):
    space = {"learning_rate": (0.01, 0.1)}
    up = optuna.create_study(direction="maximize")
    with pytest.raises(ValueError, match="expected one that means to minimize 'loss'"):
        population.tune(up, net(), X, Y, space, 2, verbose=0)
    study = optuna.create_study()
    with pytest.raises(ValueError, match="Did you mean 'mae'"):
        population.tune(study, net(), X, Y, space, 2, monitor="may", verbose=0)
    with pytest.raises(ValueError, match="received trials=0"):
        population.tune(study, net(), X, Y, space, 0, verbose=0)
    with pytest.raises(TypeError, match="a distribution that a study knows"):
        population.tune(
            study, net(), X, Y, {"learning_rate": scipy.stats.uniform(0, 1)}, 2
        )
    assert not study.trials
    with pytest.raises(ValueError, match="Did you mean 'learning_rate'"):
        population.tune(study, net(), X, Y, {"learning_rat": (0, 1)}, 2, verbose=0)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL"]


def test_ctrl_c_tells_what_is_finished(optuna, monkeypatch):
    study = optuna.create_study()
    train = engine.train

    def pressed(job, members, show, drop, interrupt, keep):
        interrupt.presses = 1
        return train(job, members, show, drop, interrupt, keep)

    monkeypatch.setattr(engine, "train", pressed)
    tried = population.tune(
        study,
        net(),
        X,
        Y,
        {"learning_rate": (0.01, 0.1)},
        4,
        together=2,
        verbose=0,
        callbacks=[EarlyStopping("loss")],
    )
    assert tried.interrupted
    assert len(tried) == 2
    assert [trial.state.name for trial in study.trials] == ["FAIL", "FAIL"]
