"""The command line: a table in; a model, its report and predictions out."""

import csv
import json
import re
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import onefit
from onefit.cli import main

RNG = np.random.default_rng(0)
FAST = ["--quick", "--time", "1"]


def table(tmp_path, text, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def rows(target):
    """Sixty rows of an id, a number with gaps, a word, and a target."""
    lines = ["id,a,city,goal"]
    for i in range(60):
        a, city = RNG.normal(), "Rome" if i % 3 else "Oslo"
        shown = "" if i % 7 == 5 else f"{a:.3f}"
        lines.append(f"{i + 100},{shown},{city},{target(a, city)}")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A folder of a table of two classes, and of what `onefit train` made of it."""
    folder = tmp_path_factory.mktemp("shop")
    path = table(folder, rows(lambda a, city: "yes" if a > 0 else "no"))
    assert main(["train", path, *FAST, "--output", str(folder / "out")]) == 0
    return folder


def test_train_writes_a_model_and_what_was_found(shop, capsys):
    capsys.readouterr()
    told = json.loads((shop / "out" / "report.json").read_text())
    assert told["problem"] == "binary"
    assert "no target is given: the last column, 'goal', is predicted" in told["notes"]
    roles = {column["name"]: column["role"] for column in told["columns"]}
    assert roles == {"id": "drop", "a": "number", "city": "category", "goal": "target"}
    assert "<html" in (shop / "out" / "report.html").read_text()
    model = onefit.load_model(shop / "out" / "model.onefit")
    assert model.predict_proba(shop / "t.csv").shape == (60, 2)


def test_train_says_what_it_found_and_how_well_it_does(tmp_path, capsys):
    path = table(tmp_path, rows(lambda a, city: f"{3 * a:.2f}"))
    out = str(tmp_path / "out")
    assert (
        main(
            ["train", path, *FAST, "--target", "goal", "--test", path, "--output", out]
        )
        == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    assert "regression: the target 'goal' has" in said
    assert "'id' is left out: an id" in said
    assert re.search(r"mean +[\d.]+", said)
    assert "ensemble: rmse" in said
    assert f"onefit predict {out}/model.onefit rows.csv" in said
    assert main(["predict", f"{out}/model.onefit", path]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert lines[0] == ["id", "prediction", "lower", "upper"]
    assert all(float(low) <= float(y) <= float(high) for _, y, low, high in lines[1:])


def test_predict_writes_the_id_the_class_and_probabilities(shop, tmp_path, capsys):
    model, out = str(shop / "out" / "model.onefit"), str(tmp_path / "p.csv")
    other = table(tmp_path, "extra,city,id,a\n1,Paris,7,0.5\n2,Rome,8,99\n", "o.csv")
    assert main(["predict", model, other, "--output", out]) == 0
    captured = capsys.readouterr()
    assert "2 predictions of 'goal'" in captured.out
    assert "'Paris' was never seen in training (1 row)" in captured.err
    assert "99 is outside of" in captured.err
    assert "'extra': not in the training table" in captured.err
    with open(out, newline="") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == ["id", "prediction", "probability_no", "probability_yes"]
    assert [line["id"] for line in lines] == ["7", "8"]
    assert main(["predict", model, other, "--output", out]) == 1
    assert "which exists" in capsys.readouterr().err
    assert main(["predict", model, other, "--output", out, "--overwrite"]) == 0


def test_predict_refuses_other_columns_and_leaves_no_file(shop, tmp_path, capsys):
    model, out = str(shop / "out" / "model.onefit"), tmp_path / "p.csv"
    other = table(tmp_path, "u,v\n1,2\n3,4\n", "o.csv")
    assert main(["predict", model, other, "--output", str(out)]) == 1
    assert "the columns that the model was trained on" in capsys.readouterr().err
    assert not out.exists()
    assert main(["predict", other, other]) == 1
    assert "received no model of a table" in capsys.readouterr().err


def test_report_writes_a_page_or_json(shop, tmp_path, capsys):
    model = str(shop / "out" / "model.onefit")
    for name in ("r.html", "r.json"):
        assert main(["report", model, "--output", str(tmp_path / name)]) == 0
        assert main(["report", model, "--output", str(tmp_path / name)]) == 1
    assert "which exists" in capsys.readouterr().err


def test_nothing_is_overwritten_before_time_is_spent(shop, capsys):
    path, out = str(shop / "t.csv"), str(shop / "out")
    assert main(["train", path, "--output", out]) == 1
    assert "which exists; expected a folder without it" in capsys.readouterr().err
    # A mistyped target is the nearer mistake: it is named first.
    assert main(["train", path, "--target", "gaol", "--output", out]) == 1
    assert "no column 'gaol' in the table" in capsys.readouterr().err


REFUSED = {
    "no file": (None, [], r"no such file"),
    "empty": ("", [], r"an empty file; expected a header row and rows"),
    "header only": ("a,b\n", [], r"a header without rows"),
    "missing target": (
        "a,b\n1,2\n",
        ["--target", "bb"],
        r"no column 'bb'.*nearest are 'b', 'a'",
    ),
    "ragged": ("a,b\n1,2\n1,2,3\n", [], r"line 3: received 3 cells; expected 2"),
    "one value": ("a,b\n1,7\n2,7\n3,7\n", [], r"column 'b'.*'7' in every row"),
    "one row": ("a,b\n1,7\n", [], r"column 'b'.*one row"),
    "no inputs": (
        "a,b\n1,0\n2,1\n3,0\n",
        ["--drop", "a"],
        r"no column beside the target",
    ),
    "drop": ("a,b\n1,0\n2,1\n3,0\n", ["--drop", "c"], r"no column 'c'"),
    "roles": (
        "a,b\n1,0\n2,1\n3,0\n",
        ["--roles", "a:number"],
        r"--roles: received 'a:number'; expected name=role",
    ),
    "role": ("a,b\n1,0\n2,1\n3,0\n", ["--roles", "a=numbr"], r"Did you mean 'number'"),
    "metric": ("a,b\n" + "1,0\n2,1\n" * 9, ["--metric", "auk"], r"Did you mean 'auc'"),
    "decimal": ("a,b\n1,0\n2,1\n", ["--decimal", "x"], r"decimal: received 'x'"),
    "words, one a row": (
        "a,b\n1,rue A\n2,rue B\n3,rue C\n",
        [],
        r"3 different words in 3 rows.*choose another target",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(tmp_path, capsys, name):
    text, options, words = REFUSED[name]
    path = str(tmp_path / "none.csv") if text is None else table(tmp_path, text)
    assert main(["train", path, *options, "--output", str(tmp_path / "out")]) == 1
    captured = capsys.readouterr()
    assert re.search(words, captured.err.strip(), re.IGNORECASE), captured.err
    assert captured.err.startswith("onefit: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["train", "predict", "report", "run"])
def test_help_is_there(command, capsys):
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert command in capsys.readouterr().out


def test_version_and_usage():
    run = [sys.executable, "-c", "from onefit.cli import main; main(['--version'])"]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"onefit {onefit.__version__}"
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def test_several_targets_have_columns_of_their_own(tmp_path, capsys):
    path = table(tmp_path, rows(lambda a, city: f"{3 * a:.2f}"))
    out = tmp_path / "out"
    argv = ["train", path, *FAST, "--target", "goal,city", "--output", str(out)]
    assert main(argv) == 0
    made = str(tmp_path / "p.csv")
    assert main(["predict", str(out / "model.onefit"), path, "--output", made]) == 0
    with open(made) as file:
        head, *lines = csv.reader(file)
    assert head == [
        "id", "goal_prediction", "goal_lower", "goal_upper",
        "city_prediction", "city_probability_Oslo", "city_probability_Rome",
    ]  # fmt: skip
    assert len(lines) == 60


def test_predict_answers_by_a_threshold_and_only_where_sure(shop, capsys):
    model, path = str(shop / "out" / "model.onefit"), str(shop / "t.csv")

    def said(*more):
        capsys.readouterr()
        assert main(["predict", model, path, *more]) == 0
        return list(csv.DictReader(capsys.readouterr().out.splitlines()))

    for line in said("--threshold", "0.3"):
        assert (line["prediction"] == "yes") == (float(line["probability_yes"]) >= 0.3)
    for line in said("--sure", "0.9"):
        sure = max(float(line["probability_yes"]), float(line["probability_no"])) >= 0.9
        assert bool(line["prediction"]) == sure
    assert {line["prediction"] for line in said("--costs", "5,0;1,0")} == {"yes"}
    assert main(["predict", model, path, "--costs", "a"]) == 1
    assert "--costs: received 'a'" in capsys.readouterr().err


def test_export_writes_onnx(shop, capsys, tmp_path):
    pytest.importorskip("onnx")
    made = tmp_path / "m.onnx"
    model = str(shop / "out" / "model.onefit")
    assert main(["export", model, "--output", str(made)]) == 0
    assert made.stat().st_size > 1000
    assert main(["export", model, "--output", str(made)]) == 1
    assert "which exists" in capsys.readouterr().err


@pytest.mark.parametrize("goal", ["class", "number"])
def test_improve_prints_what_changes_bring_and_a_program_that_runs(
    goal, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    told = {"class": lambda a, city: "yes" if a > 0 else "no"}.get(
        goal, lambda a, city: f"{3 * a + (city == 'Oslo'):.2f}"
    )
    path = table(tmp_path, rows(told))
    out = ["--output", "out", "--improve", "2", "--quiet"]
    assert main(["train", "t.csv", *FAST, "--target", "goal", *out]) == 0
    said = capsys.readouterr().out
    assert "what would improve a plain network that predicts 'goal'" in said
    assert re.search(r"^remedy +(accuracy|R2) +gain", said, re.M)
    code = said.partition("the whole program:\n")[2].partition("\nwritten:")[0]
    names: dict[str, Any] = {}
    exec(textwrap.dedent(code).replace("epochs=", "verbose=0, epochs="), names)
    model: Any = onefit.load_model("out/model.onefit")
    x, y = model.arrays(path)
    assert x.shape == (60, names["model"].input_shape[1])
    assert set(np.unique(x[:, 1:])) <= {0, 1}  # a's gaps, the cities
    assert len(names["history"].epoch) >= 1
    assert (y.dtype == np.int32) == (goal == "class")


def test_improve_asks_for_some_time():
    with pytest.raises(SystemExit):
        main(["train", "t.csv", "--improve", "0"])


def test_arrays_want_the_target(shop):
    model = onefit.load_model(shop / "out" / "model.onefit")
    with pytest.raises(ValueError, match="no column 'goal'"):
        model.arrays({"a": [1.0, 2.0], "city": ["Rome", "Oslo"]})
