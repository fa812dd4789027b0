"""Parts of a population, trained by processes that know of no other."""

import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import onefit
from onefit import layers, population
from onefit.cli import main
from onefit.population import parts

X = np.random.default_rng(0).normal(size=(24, 3))
Y = 2 * X[:, :1]
OPTIONS = {
    "seeds": 4,
    "vary": {"learning_rate": [0.01, 0.1], "dense.units": [4, 5]},
    "epochs": 3,
    "verbose": 0,
}

STUDY = """
import numpy as np
import onefit
from onefit import population

x = np.random.default_rng(0).normal(size=(24, 3))
dense = onefit.layers.Dense(1)
model = onefit.Sequential([onefit.Input((3,)), dense])
model.compile("sgd", "mse", check=False)
many = population.fit(model, x, 2 * x[:, :1], seeds=6, epochs=2, verbose=0)
print("members", len(many))
"""


def model() -> onefit.Sequential:
    chain = [layers.Dense(4, "tanh", name="dense"), layers.Dense(1)]
    one = onefit.Sequential([onefit.Input((3,)), *chain])
    one.compile("adam", "mse", check=False)
    return one


def part(number: int, of: int, folder, **changes) -> population.Population:
    options = OPTIONS | changes
    y = options.pop("y", Y)
    return population.fit(model(), X, y, part=(number, of), output=folder, **options)


@pytest.fixture(scope="module")
def whole() -> population.Population:
    return population.fit(model(), X, Y, **OPTIONS)


def test_the_parts_together_are_the_whole(whole, tmp_path) -> None:
    numbers = [part(i, 4, tmp_path).numbers.tolist() for i in (3, 1, 4, 2)]
    assert numbers == [[4, 5], [0, 1], [6, 7], [2, 3]]
    many = population.gather(tmp_path)
    assert (len(many.groups), many.settings) == (len(whole.groups), whole.settings)
    close = {"rtol": 1e-5, "atol": 1e-6}  # small groups differ in their last digit
    np.testing.assert_allclose(many.history["loss"], whole.history["loss"], **close)
    np.testing.assert_allclose(many.predict(X), whole.predict(X), **close)
    assert many.scores()[0]["setting"] == whole.scores()[0]["setting"]
    mine, theirs = (one.best().evaluate(X, Y, verbose=0) for one in (many, whole))
    np.testing.assert_allclose(mine, theirs, **close)


def test_a_part_that_is_there_is_not_trained_again(tmp_path, monkeypatch) -> None:
    first = part(1, 4, tmp_path)

    def train(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr("onefit.population.fitting.engine.train", train)
    again = part(1, 4, tmp_path)
    np.testing.assert_array_equal(again.history["loss"], first.history["loss"])


def test_what_is_missing_is_said(tmp_path) -> None:
    with pytest.raises(ValueError, match="without parts"):
        population.gather(tmp_path)
    part(2, 4, tmp_path)
    with pytest.raises(ValueError, match=r"1 of 4 parts .*; missing: 1, 3, 4"):
        population.gather(tmp_path)


def test_other_rows_and_settings_are_another_study(tmp_path) -> None:
    part(1, 4, tmp_path)
    with pytest.raises(ValueError, match="another study"):
        part(1, 4, tmp_path, y=Y + 1)
    for i in (2, 3):
        part(i, 4, tmp_path)
    part(4, 4, tmp_path, vary={"learning_rate": [0.01, 0.2], "dense.units": [4, 5]})
    with pytest.raises(ValueError, match=r"part-4-of-4.population' of another study"):
        population.gather(tmp_path)


def test_two_counts_in_one_folder(tmp_path) -> None:
    part(1, 4, tmp_path)
    part(1, 2, tmp_path)
    with pytest.raises(ValueError, match="parts of 2 and of 4"):
        population.gather(tmp_path)


@pytest.mark.parametrize("given", [(0, 4), (5, 4), (1,), 3, "1/4", (1.0, 2.0)])
def test_a_part_that_is_none(given) -> None:
    with pytest.raises((ValueError, TypeError), match="part"):
        population.fit(model(), X, Y, part=given, **OPTIONS)


def test_more_parts_than_members_and_what_needs_all_of_them(tmp_path) -> None:
    with pytest.raises(ValueError, match="9 parts of 8 networks"):
        part(1, 9, tmp_path)
    with pytest.raises(ValueError, match="drop beside part"):
        part(1, 4, tmp_path, drop=population.halving())
    optimizers = [onefit.optimizers.Adam(), onefit.optimizers.SGD()]
    with pytest.raises(ValueError, match="Write 'adam'"):
        part(1, 4, tmp_path, vary={"optimizer": optimizers})
    assert not os.listdir(tmp_path)


def test_an_interrupted_part_is_not_there(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(
        "onefit.population.parts.replaced", lambda _: (_ for _ in ()).throw(OSError(28))
    )
    with pytest.raises(OSError, match="28"):
        part(1, 4, tmp_path)
    assert not os.listdir(tmp_path)


def test_a_file_from_elsewhere_is_read_with_care(tmp_path) -> None:
    part(1, 1, tmp_path)
    path = tmp_path / "part-1-of-1.population"
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    with pytest.raises(ValueError, match="zip"):
        population.gather(tmp_path)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("population.json", json.dumps({}))
        file.writestr("../arrays.npz", b"")
    with pytest.raises(ValueError, match="members"):
        population.gather(tmp_path)


def test_folds_in_parts(tmp_path) -> None:
    options = {"cv": 3, "epochs": 2, "verbose": 0, "seeds": 2}
    whole = population.cross_validate(model(), X, Y, **options)
    for i in (1, 2, 3):
        population.cross_validate(
            model(), X, Y, part=(i, 3), output=tmp_path, **options
        )
    many = population.gather(tmp_path)
    assert many.scores() == whole.scores()


def test_the_part_of_slurms_array() -> None:
    names = ("ID", "MIN", "COUNT")
    environment = dict(
        zip([f"SLURM_ARRAY_TASK_{n}" for n in names], "052", strict=True)
    )
    assert parts.slurm({}) is None
    assert parts.slurm(environment | {"SLURM_ARRAY_TASK_ID": "6"}) == (2, 2)


def test_sweep_and_gather_at_the_command_line(tmp_path, capsys, monkeypatch) -> None:
    script, folder = tmp_path / "study.py", str(tmp_path / "out")
    script.write_text(STUDY)
    sweep = ["sweep", str(script), "--output", folder]
    assert main([*sweep, "--part", "1/2"]) == 0
    assert main(["gather", folder]) == 1
    assert "missing: 2" in capsys.readouterr().err
    for name, value in (("ID", "2"), ("MIN", "1"), ("COUNT", "2")):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", value)
    code = "import sys; from onefit.cli import main; sys.exit(main())"
    run = [sys.executable, "-c", code, *sweep]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert "part 2 of 2: written" in done.stdout, done.stderr
    assert main([*sweep]) == 0
    assert "was there" in capsys.readouterr().out
    best = str(tmp_path / "best.keras")
    assert main(["gather", folder, "--best", best]) == 0
    assert "6" in capsys.readouterr().out
    assert onefit.load_model(best).predict(X, verbose=0).shape == (24, 1)
    assert main(["gather", folder, "--best", best]) == 1
    assert main([*sweep, "--part", "one"]) == 1
    script.write_text("print('nothing')")
    assert main([*sweep, "--part", "1/3"]) == 1
    assert "without a population.fit" in capsys.readouterr().err
