"""The engine of the lab trains as `fit` does, and goes back to where it was."""

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential
from onefit.lab.data import MADE, made, of_arrays, of_table, split
from onefit.lab.design import Design, features
from onefit.lab.engine import Engine
from onefit.layers import Dense


def engine(batch=10, rows=40, seed=3):
    data = made("spiral", rows, 0.0, 0)
    with onefit.config.aside(1):
        model = Sequential([Input((2,)), Dense(4, "tanh"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return Engine(model, data.x, data.y, (data.x[:8], data.y[:8]), batch, seed)


def weights(engine):
    return [own[name].ravel() for own in engine.weights() for name in sorted(own)]


def test_epochs_by_stretches_by_batches_and_mixed_are_the_same_epochs():
    by_stretch, by_batch, mixed = engine(), engine(), engine()
    by_stretch.run(6)
    for _ in range(6 * 4):
        by_batch.step_batch()
    mixed.run(2)
    for _ in range(6):
        mixed.step_batch()
    assert (mixed.epoch, mixed.batch) == (3, 2)
    mixed.run()  # ends the epoch that was begun
    mixed.run(2)
    for other in (by_batch, mixed):
        assert other.epoch == 6
        for one, two in zip(weights(by_stretch), weights(other), strict=True):
            np.testing.assert_allclose(one, two, rtol=2e-5, atol=2e-6)
    assert by_batch.logs()[0].tolist() == [1, 2, 3, 4, 5, 6]


def test_going_back_and_on_gives_the_same_again():
    made_once = engine()
    start = weights(made_once)
    made_once.run(5)
    there = weights(made_once)
    made_once.rewind(0)
    for one, two in zip(start, weights(made_once), strict=True):
        np.testing.assert_array_equal(one, two)
    assert made_once.epoch == 0
    assert not len(made_once.logs()[0])
    made_once.run(5)
    for one, two in zip(there, weights(made_once), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_weight_that_is_set_stays_and_the_optimizer_goes_on():
    trained = engine()
    trained.run(2)
    trained.edit(0, "kernel", (1, 2), 7.5)
    assert trained.weights()[0]["kernel"][1, 2] == 7.5
    before = int(trained.state.train.optimizer["iterations"])
    trained.run(1)
    assert int(trained.state.train.optimizer["iterations"]) == before + 4
    assert abs(trained.weights()[0]["kernel"][1, 2] - 7.5) < 0.1
    for bad in [(9, "kernel", (0, 0)), (0, "kernel", (0,)), (0, "nothing", (0,))]:
        with pytest.raises(ValueError, match="edit"):
            trained.edit(*bad, 1.0)


def test_logs_of_a_long_run_are_thinned_and_moments_stay_few(monkeypatch):
    monkeypatch.setattr("onefit.lab.engine.LOGGED", 64)
    monkeypatch.setattr("onefit.lab.engine.KEPT", 8)
    trained = engine(batch=40)
    for _ in range(40):
        trained.run(5)
    epochs, logs = trained.logs()
    assert len(epochs) == len(logs) <= 64
    assert epochs[-1] > 190
    assert trained.moments[0] == 0
    assert trained.moments[-1] == 200
    assert len(trained.moments) <= 9


@pytest.mark.parametrize("name", [*MADE, "digits", "images"])
def test_every_data_set_trains_and_its_network_is_one_that_the_guide_passes(name):
    rows = made(name, 40, 0.1, 0)
    design = Design(data=name, layers=({"kind": "dense", "units": 3},))
    model = design.model(rows)
    seen = features(rows.x, rows.columns, design.columns(rows))
    report = model.check(seen, rows.y, batch_size=10)
    assert not [one for one in report.errors if one.severity == "error"], report
    train, test = split(rows, 0.25, 0)
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(rows.x)


def test_a_table_of_words_numbers_and_gaps_is_read(tmp_path):
    path = tmp_path / "t.csv"
    levels = ["low", "mid", "top"]
    lines = [
        f"{i};{'ab'[i % 2]};{'' if i == 3 else i / 2};{levels[i % 3]}"
        for i in range(30)
    ]
    path.write_text("\n".join(["n;kind;size;level", *lines]), "utf-8")
    rows = of_table(str(path))
    assert rows.columns == ("n", "kind=a", "kind=b", "size")
    assert rows.classes == ("low", "mid", "top")
    assert np.isfinite(rows.x).all()
    assert of_table(str(path), "size").problem == "regression"
    with pytest.raises(ValueError, match="Did you mean 'level'"):
        of_table(str(path), "levle")


def test_arrays_are_taken_as_people_have_them():
    x = np.random.default_rng(0).normal(size=(20, 3))
    assert of_arrays(x, np.eye(4)[np.arange(20) % 4]).problem == "classes"
    assert of_arrays(x, ["no", "yes"] * 10).classes == ("no", "yes")
    assert of_arrays(x, x[:, 0]).problem == "regression"
    assert of_arrays(x[:, 0], np.arange(20) % 2).columns == ("x1",)


BAD = [
    None, [], {"data": 3}, {"layers": "x"}, {"layers": [{"kind": "what"}]},
    {"layers": [{"kind": "dense", "units": 1e9}]}, {"rate": float("nan")},
    {"rate": True}, {"batch": 0.5}, {"nothing": 1}, {"optimizer": "__import__"},
    {"layers": [{"kind": "dense", "activation": "no"}]}, {"seed": -1},
    {"layers": [{"kind": "dense"}] * 99}, {"features": [1]}, {"end": []},
]  # fmt: skip


@pytest.mark.parametrize("given", BAD, ids=str)
def test_a_design_that_cannot_be_meant_is_refused(given):
    with pytest.raises(ValueError, match=r"received|Unknown"):
        Design.read(given)


def test_a_design_comes_back_from_its_model_and_from_json():
    design = Design.read(
        {
            "data": "images",
            "layers": [
                {"kind": "conv", "units": 2, "size": 3, "activation": "relu"},
                {"kind": "pool"},
                {"kind": "dropout", "rate": 0.25},
                {"kind": "dense", "units": 5, "activation": "elu"},
                {"kind": "batch_normalization"},
            ],
            "optimizer": "nesterov",
            "rate": 0.2,
        }
    )
    assert Design.read(design.config()) == design
    found = design.of(design.model(made("images", 20, 0.0, 0)))
    assert found is not None
    assert found.layers == design.layers
    assert (found.optimizer, found.rate) == ("nesterov", 0.2)
