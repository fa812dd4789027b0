"""The command line: tables of every kind, and what is wrong with the others."""

import json
import subprocess
import sys

import numpy as np
import pytest

import onefit
from onefit.cli import main

RNG = np.random.default_rng(0)


def table(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def rows(target):
    """Forty rows of two inputs and a target that follows from them."""
    x = RNG.normal(size=(40, 2))
    return "a,b,goal\n" + "".join(f"{a:.3f},{b:.3f},{target(a, b)}\n" for a, b in x)


@pytest.mark.parametrize(
    ("target", "problem", "words"),
    [
        (
            lambda a, b: "yes" if a > b else "no",
            "binary",
            "loss: 'binary_crossentropy', since",
        ),
        (
            lambda a, b: int(a > 0) + int(b > 0),
            "multiclass",
            "activation='softmax'), since the target is one of 3",
        ),
        (
            lambda a, b: f"{3 * a - b:.4f}",
            "regression",
            "last layer: Dense(1), since the target is any number",
        ),
        (lambda a, b: 1234567 + int(a > b), "binary", "Dense(1, activation='sigmoid')"),
    ],
    ids=["words", "classes", "numbers", "large ids"],
)
def test_the_target_decides_the_head(tmp_path, capsys, target, problem, words):
    path = table(tmp_path, rows(target))
    out = tmp_path / "out"
    options = ["--target", "goal", "--epochs", "3", "--hidden", "4"]
    assert main(["train", path, *options, "--output", str(out)]) == 0
    said = capsys.readouterr().out
    assert f"{problem}: the target has" in said
    assert words in said
    assert "baseline" in said
    report = json.loads((out / "report.json").read_text())
    assert report["inputs"] == ["a", "b"]
    assert report["problem"] == problem
    assert len(set(report["classes"] or ["a", "b"])) >= 2
    model = onefit.load_model(out / "model.keras")
    assert model.predict(np.zeros((1, 2))).shape[0] == 1
    assert (out / "loss.png").stat().st_size > 5000


def test_the_same_seed_gives_the_same_result(tmp_path, capsys):
    path = table(tmp_path, rows(lambda a, b: int(a > b)))
    said = []
    for out in ("one", "two"):
        main(
            ["train", path, "--epochs", "2", "--output", str(tmp_path / out), "--quiet"]
        )
        said.append(capsys.readouterr().out.split("\n", 2)[2])
    assert said[0] == said[1]


REFUSED = {
    "no file": (None, [], r"no such file"),
    "empty": ("", [], r"an empty file; expected a header row and rows"),
    "header only": ("a,b\n", [], r"a header without rows"),
    "missing target": ("a,b\n1,2\n", ["--target", "bb"], r"Unknown column.*'b'"),
    "ragged": ("a,b\n1,2\n1,2,3\n", [], r"line 3: received 3 cells; expected 2"),
    "text": (
        "a,b\n1,0\nx,1\n",
        [],
        r"line 3, column 'a': received 'x'; expected a number. .*--drop a",
    ),
    "empty cell": (
        "a,b\n1,0\n ,1\n",
        [],
        r"line 3, column 'a': received an empty cell",
    ),
    "nan": ("a,b\n1,0\nnan,1\n", [], r"line 3, column 'a': received 'nan'"),
    "one value": ("a,b\n1,7\n2,7\n", [], r"column 'b'.*'7' in every row"),
    "two columns of a name": (
        "a,a\n1,2\n",
        [],
        r"line 1: received the column 'a' twice",
    ),
    "no inputs": ("a,b\n1,0\n2,1\n", ["--drop", "a"], r"no column beside the target"),
    "drop": ("a,b\n1,0\n2,1\n", ["--drop", "c"], r"Unknown column in --drop 'c'"),
    "hidden": (
        "a,b\n1,0\n2,1\n3,1\n",
        ["--hidden", "4,x"],
        r"--hidden: received '4,x'",
    ),
    "text as target": (
        "a,b\n1,0.5\n2,\n3,0.7\n",
        [],
        r"line 3, column 'b': received an empty cell.*remove the line\.$",
    ),
    "words, one a row": (
        "a,b\n1,rue A\n2,rue B\n3,rue C\n",
        [],
        r"3 different words in 3 rows.*choose another --target",
    ),
    "held out": ("a,b\n1,0\n2,1\n", ["--held-out", "1"], r"--held-out: received 1.0"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(tmp_path, capsys, name):
    text, options, words = REFUSED[name]
    path = str(tmp_path / "none.csv") if text is None else table(tmp_path, text)
    assert main(["train", path, *options, "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    import re

    assert re.search(words, captured.err.strip(), re.IGNORECASE), captured.err
    assert captured.err.startswith("onefit: ")
    assert not (tmp_path / "out").exists()


def test_version_and_usage():
    run = [sys.executable, "-c", "from onefit.cli import main; main(['--version'])"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"onefit {onefit.__version__}"
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_numbers_that_never_come_again_are_no_classes(tmp_path, capsys):
    line = "x,y\n" + "".join(f"{i},{3 * i - 2}\n" for i in range(12))
    out = str(tmp_path / "out")
    assert main(["train", table(tmp_path, line), "--epochs", "2", "--output", out]) == 0
    said = capsys.readouterr().out
    assert "regression: the target has 12 different numbers" in said
    assert "2 held out: too few rows for a test that says much" in said


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        (lambda v: f'"€ {v:,.2f}"', "1,024.00"),
        (lambda v: f'"${v:,.0f}"', "1,024"),
        (lambda v: f'"{v:,.0f} %"', "1,024"),
    ],
)
def test_signs_and_groups_of_digits_are_no_part_of_a_number(
    tmp_path, capsys, cells, number
):
    text = "a,price\n" + "".join(f"{i},{cells(1024 + 37 * i)}\n" for i in range(20))
    out = tmp_path / "out"
    assert (
        main(["train", table(tmp_path, text), "--epochs", "2", "--output", str(out)])
        == 0
    )
    said = capsys.readouterr().out
    assert "regression" in said
    assert f"is read as {number.replace(',', '')}" in said
    report = json.loads((out / "report.json").read_text())
    assert report["metrics"]["held out"]["mae"] > 100  # of thousands, not of ones


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kinds", [["x", "y", "rare"], ["1", "2", "3", "4"]])
def test_a_class_of_one_row_is_trained_on(tmp_path, capsys, kinds, seed):
    common = kinds[:2] * 15
    text = "a,b,kind\n" + "".join(
        f"{RNG.random():.3f},{i},{kind}\n" for i, kind in enumerate(common + kinds[2:])
    )
    options = ["--epochs", "2", "--seed", str(seed), "--output", str(tmp_path / "out")]
    assert main(["train", table(tmp_path, text), *options]) == 0
    assert f"the target has {len(kinds)} different" in capsys.readouterr().out


def test_digits_that_float32_cuts_off_are_said(tmp_path, capsys):
    text = "when,goal\n" + "".join(f"{1700000000 + 3 * i},{i / 7}\n" for i in range(40))
    options = ["--epochs", "2", "--output", str(tmp_path / "out")]
    assert main(["train", table(tmp_path, text), *options]) == 0
    told = capsys.readouterr().out
    assert "'when': numbers from 1700000000 to" in told
    assert "model.predict(x - subtract)" in told
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["subtract"] == {"when": 1700000000.0}
