"""What the lab does when it is told to, and what it refuses."""

import base64
import importlib.util
import json
import re

import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, population
from onefit.lab import lessons
from onefit.lab.data import made
from onefit.lab.design import CHOICES, Design
from onefit.lab.desk import Lab
from onefit.lab.monitor import Monitor, Runs
from onefit.layers import Dense, Embedding, Flatten

SMALL = Design(data="gauss", rows=40, layers=({"kind": "dense", "units": 3},))


@pytest.fixture(scope="module")
def lab():
    with Lab(SMALL) as made:
        yield made


@pytest.fixture(autouse=True)
def _begin(request):
    """Each test begins with the same small network."""
    if "lab" in request.fixturenames:
        lab = request.getfixturevalue("lab")
        do(lab, "teach", lesson=None)
        do(lab, "change", design=SMALL.config())
        do(lab, "rewind", epoch=0)


def do(lab, name, /, **arguments):
    answer = lab.ask({"do": name, **arguments}).result(120)
    json.dumps([answer, lab.about, lab.frame], allow_nan=False)  # all of it is JSON
    return answer


def test_a_rate_that_changes_keeps_the_weights_and_units_begin_anew(lab):
    do(lab, "step")
    before = lab.frame["weights"]
    do(lab, "change", design={"rate": 0.5, "optimizer": "adam"})
    assert lab.frame["weights"] == before
    assert lab.frame["epoch"] == 1
    do(lab, "change", design={"layers": [{"kind": "dense", "units": 2}]})
    assert lab.frame["epoch"] == 0
    assert len(lab.frame["weights"][0]["bias"]) == 2


@pytest.mark.parametrize("optimizer", CHOICES["optimizer"])
def test_each_number_of_an_optimizer_is_offered_and_reaches_the_model(optimizer):
    rows = made("gauss", 20, 0.0, 0)
    design = Design(optimizer=optimizer, layers=())
    found = {one["name"]: one for one in design.offered(rows)["optimizer"]}
    model = design.model(rows)
    kinds = {"number": float, "whole": int, "switch": bool}
    for name, one in found.items():
        assert getattr(model.optimizer, name) == one["default"]
        value = {"number": 0.5, "whole": 3, "switch": not one["default"]}[one["kind"]]
        other = design.changed({"optimizer_settings": {name: value}})
        set_ = getattr(other.model(rows).optimizer, name)
        assert set_ == value
        assert type(set_) is kinds[one["kind"]]
        assert design.of(other.model(rows)).optimizer_settings == {name: value}
        assert other.changed({"optimizer_settings": {name: None}}) == design
        for bound, beyond in [(one["least"], -1), (one["most"], 1)]:
            if bound is not None:
                wrong = {"optimizer_settings": {name: bound + beyond}}
                with pytest.raises(ValueError, match=name):
                    design.changed(wrong).model(rows)
    assert {"learning_rate", "name"}.isdisjoint(found)
    assert found["weight_decay"]["bounds"] == "0 ≤ ·"


def test_losses_and_initializers_have_their_settings(lab):
    do(lab, "change", design={"loss": "huber", "end": "linear"})
    assert [one["name"] for one in lab.about["settings"]["loss"]] == ["delta"]
    do(lab, "change", design={"loss_settings": {"delta": 0.25}})
    assert lab.engine.model.loss.delta == 0.25
    assert "Huber(delta=0.25" in lab.code()
    number = lab.about["layers"][0]["number"]
    do(lab, "layer", number=number, changes={"initializer": "random_normal"})
    (first,) = lab.about["settings"]["layers"]
    assert [one["name"] for one in first] == ["mean", "stddev"]
    own = {"initializer_settings": {"stddev": 7.0}}
    do(lab, "layer", number=number, changes=own)
    assert np.std(lab.frame["weights"][0]["kernel"]) > 1
    (again,) = lab.design.of(lab.engine.model).layers
    assert again.items() >= own.items()
    do(lab, "change", design={"loss": "mean_squared_error"})
    assert lab.design.loss_settings == {}


def test_commands_sent_before_anything_is_drawn_anew_all_count(lab):
    layers = [{"kind": "dense", "units": units} for units in (2, 3, 4)]
    do(lab, "change", design={"layers": layers})
    first, second, third = [one["number"] for one in lab.about["layers"][:3]]
    asked = [
        {"do": "layer", "number": third, "more": 1},
        {"do": "layer", "number": third, "more": 1},
        {"do": "remove", "number": first},
        {"do": "layer", "number": third, "changes": {"activation": "relu"}},
        {"do": "add", "layer": {"kind": "dropout", "rate": 0.5}},
        {"do": "layer", "number": second, "changes": {"units": 9}},
        {"do": "feature", "name": "x1²", "seen": True},
        {"do": "feature", "name": "x2", "seen": False},
        {"do": "renew", "seed": "seed"},
        {"do": "renew", "seed": "seed"},
        {"do": "change", "design": {"rate": 0.5}},
    ]
    for future in [lab.ask(command) for command in asked]:  # sent without a look
        future.result(60)
    assert lab.design.layers == (
        {"kind": "dense", "units": 9},
        {"kind": "dense", "units": 6, "activation": "relu"},
        {"kind": "dropout", "rate": 0.5},
    )
    assert lab.design.features == ("x1", "x1²")
    assert (lab.design.seed, lab.design.rate) == (2, 0.5)
    with pytest.raises(ValueError, match="one that is there still"):
        do(lab, "layer", number=first, changes={"units": 1})
    with pytest.raises(ValueError, match="units"):
        do(lab, "layer", number=second, changes={"units": 0})
    again = [one["number"] for one in lab.about["layers"][:2]]
    assert again == [second, third]


def test_commands_wait_for_a_lab_that_is_being_built():
    with Lab(SMALL, wait=False) as later:
        do(later, "step")
        assert later.frame["epoch"] == 1
    with pytest.raises(ValueError, match="conv on columns"):
        Lab(Design(layers=({"kind": "conv"},)))


def test_the_numbers_of_an_example_are_those_of_the_trace(lab):
    do(lab, "step")
    do(lab, "view", example=7)
    seen = do(lab, "trace")
    x = lab.rows.x[7:8]
    (answer,) = lab.engine.write().predict(x, verbose=0)[0]
    assert seen["layers"][-1]["a"][0] == pytest.approx(float(answer), rel=1e-3)
    told = do(lab, "formula", layer="output", unit=0, weight="kernel", place=[1, 0])
    assert any("σ(z₁[²])" in line for line in told["forward"])
    assert any("dJ/dw₁₂[²]" in line for line in told["backward"])
    assert any("w := w - α·g" in line for line in told["step"])


def test_a_finding_has_a_button_that_mends_it(lab):
    linear = [{"kind": "dense", "units": 3, "activation": "linear"}] * 2
    do(lab, "change", design={"layers": linear})
    found = [one for one in lab.about["findings"] if one["code"] == "linear-stack"]
    assert found
    assert found[0]["fix"]
    assert found[0]["title"]["ko"] != found[0]["title"]["en"]
    do(lab, "fix", code="linear-stack", layer=found[0]["layer"])
    assert "linear-stack" not in [one["code"] for one in lab.about["findings"]]


def test_what_did_not_learn_is_diagnosed(lab):
    deep = [{"kind": "dense", "units": 3, "activation": "sigmoid"}] * 6
    do(lab, "change", design={"layers": deep, "data": "circle"})
    do(lab, "view", speed=0)
    for _ in range(30):
        do(lab, "step")
    assert do(lab, "diagnose")["findings"]
    assert lab.frame["health"]


def test_the_code_that_is_copied_makes_the_same_network(lab):
    do(lab, "change", design={"features": ["x1", "x1x2"], "noise": 0.1})
    do(lab, "step")
    told = do(lab, "out", kind="python")
    code = base64.b64decode(told["data"]).decode()
    space = {}
    exec(code.replace("validation_data", "verbose=0, validation_data"), space)
    assert space["x"].shape == (20, 2)
    shapes = [w.shape for w in space["model"].get_weights()]
    assert shapes == [w.shape for w in lab.engine.model.get_weights()]
    changes = {"data": "digits", "loss": "mean_squared_error", "rows": 60}
    do(lab, "change", design=changes)
    code = base64.b64decode(do(lab, "out", kind="python")["data"]).decode()
    exec(code.replace("validation_data", "verbose=0, validation_data"), space)
    assert space["y"].shape == (30, 10)


def test_a_lab_file_brings_design_and_weights_back(lab, tmp_path):
    do(lab, "step")
    saved, weights = do(lab, "out", kind="lab")["lab"], lab.frame["weights"]
    do(lab, "change", design={"layers": []})
    do(lab, "restore", lab=saved)
    assert lab.frame["weights"] == weights
    broken = saved | {"weights": saved["weights"][:-1]}
    with pytest.raises(ValueError, match="other weights"):
        do(lab, "restore", lab=broken)
    if importlib.util.find_spec("onnx"):
        assert do(lab, "out", kind="onnx")["name"] == "lab.onnx"
    path = tmp_path / "lab.keras"
    path.write_bytes(base64.b64decode(do(lab, "out", kind="keras")["data"]))
    loaded = onefit.load_model(path)
    x = lab.rows.x[:5]
    np.testing.assert_allclose(
        loaded.predict(x, verbose=0),
        lab.engine.write().predict(x, verbose=0),
        rtol=1e-5,
    )


def test_many_seeds_and_the_map_open_as_the_network(lab):
    told = do(lab, "several", seeds=4, epochs=3)
    assert len(told["final"]) == len(told["pictures"]) == 4
    assert np.shape(told["quantiles"]) == (5, 3)
    do(lab, "open", member=2)
    found = do(lab, "trace")["layers"]
    assert len(found) == 2
    do(lab, "survey", epochs=2, side=2)
    for member, rate in [(1, 10.0), (0, 0.001)]:  # one after the other
        do(lab, "open", member=member)
        assert lab.design.rate == rate
        assert lab.about["layers"][0]["units"] == 1


@pytest.mark.parametrize(
    ("across", "upwards"),
    [("rate", "units"), ("layers", "dropout"), ("momentum", "batch"),
     ("clipnorm", "penalty_rate")],
)  # fmt: skip
def test_each_network_of_a_map_is_the_one_trained_alone(lab, across, upwards):
    told = do(lab, "survey", across=across, upwards=upwards, epochs=4, side=2)
    losses = np.array(told["losses"], float)
    assert losses.shape == tuple(len(own) for own in told["values"][::-1])
    design = lab.many.designs[2]
    value = {"layers": len([o for o in design.layers if o["kind"] == "dense"])}
    value |= {"clipnorm": design.optimizer_settings.get("clipnorm")}
    value |= {"momentum": design.optimizer_settings.get("momentum")}
    assert told["values"][0][0] == value.get(across, design.rate)
    x, y, held = lab._data()
    alone = population.fit(
        design.model(lab.rows), x, y, seeds=[design.seed], epochs=4,
        batch_size=design.batch, validation_data=held, verbose=0,
    )  # fmt: skip
    assert losses[1, 0] == pytest.approx(alone.final("val_loss")[0], rel=1e-3)


def test_a_table_of_eight_columns_and_five_classes(lab):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1000, 8)).round(3)
    y = (np.abs(x[:, 0]) * 2 + x[:, 1]).clip(0, 4).astype(int)
    lines = [
        ",".join([*map(str, row), "abcde"[k]]) for row, k in zip(x, y, strict=True)
    ]
    text = "\n".join(["c1,c2,c3,c4,c5,c6,c7,c8,y", *lines])
    do(lab, "load", text=text)
    assert lab.about["data"]["classes"] == list("abcde")
    do(lab, "view", axes=[2, 5], example=3)
    do(lab, "step")
    assert len(lab.frame["pictures"]["output"]) == 5
    do(lab, "step", by="batch")
    do(lab, "trace")
    do(lab, "several", seeds=2, epochs=2)
    with pytest.raises(ValueError, match="Unknown column"):
        do(lab, "load", text=text, target="z")
    assert lab.about["data"]["name"] == "table"


def test_commands_that_cannot_be_meant_are_refused_and_change_nothing(lab):
    before = lab.about["design"], lab.frame["weights"], lab.frame["epoch"]
    odd = ["x", "../x", [1], {"a": 1}, -3, 1e300, float("nan")]
    asked = {
        "view": ["example", "axes", "speed"],
        "formula": ["unit", "place"],
        "answer": ["question"],
        "several": ["seeds", "epochs"],
        "survey": ["side", "epochs", "across", "upwards"],
        "open": ["member"],
        "fix": ["code"],
        "out": ["kind"],
        "teach": ["lesson"],
        "restore": ["lab"],
        "change": ["design"],
        "layer": ["number"],
        "add": ["layer"],
        "remove": ["number"],
        "renew": ["seed"],
        "step": ["by"],
    }
    needed = {
        "answer": {"value": 1},
        "formula": {"layer": "output", "unit": 0, "weight": "kernel"},
    }
    wrong = [
        {"do": name, **needed.get(name, {}), argument: value}
        for name, arguments in asked.items()
        for argument in arguments
        for value in odd
    ]
    wrong += [
        {"do": "edit", "layer": layer, "weight": weight, "place": place, "value": value}
        for layer, weight, place, value in [
            (9, "kernel", [0, 0], 1),
            (-1, "kernel", [0, 0], 1),
            (0, "__class__", [0, 0], 1),
            (0, "kernel", [0], 1),
            (0, "kernel", [-1, 0], 1),
            (0, "kernel", [0, 0], "1"),
            (0, "kernel", [0, 0], float("inf")),
            ("0", "kernel", [0, 0], 1),
        ]
    ]
    wrong += [None, [], "play", {}, {"do": "no"}, {"do": ["play"]}, {"do": "__class__"}]
    wrong += [{"do": "play", "x": 1}, {"do": "edit"}, {"do": "load", "text": 3}]
    wrong += [{"do": "load", "text": "a"}, {"do": "rewind", "epoch": "x"}]
    for command in wrong:
        with pytest.raises((ValueError, TypeError)):
            lab.ask(command).result(60)
    after = lab.about["design"], lab.frame["weights"], lab.frame["epoch"]
    assert after == before


@pytest.mark.parametrize("data", ["hills", "line", "gauss", "three", "wave", "digits"])
def test_a_network_that_became_nan_is_shown_and_rests(lab, data):
    layers = [] if data == "line" else [{"kind": "dense", "units": 2}]
    layers = [one | {"activation": "relu"} for one in layers]
    changes = {"data": data, "layers": layers, "loss": "mean_squared_error"}
    changes |= {"end": "linear", "rate": 100.0, "rows": 30}
    do(lab, "change", design=changes)
    for _ in range(30):
        do(lab, "step")  # all that is said is JSON
    assert not np.isfinite(lab.engine.logs()[1][-1][0])
    assert lab.frame["last"]["loss"] is None
    do(lab, "play")
    lab._thread.join(0.3)
    assert not lab.frame["playing"]
    assert do(lab, "diagnose")["findings"]
    do(lab, "trace")
    with pytest.raises(ValueError, match="Go back"):
        do(lab, "formula", layer="output", unit=0)
    do(lab, "rewind", epoch=0)
    assert np.isfinite(lab.frame["weights"][-1]["bias"]).all()


def test_training_rests_when_nobody_looks(lab, monkeypatch):
    monkeypatch.setattr("onefit.lab.desk.ALONE", 0.2)
    do(lab, "view", speed=1000)
    do(lab, "play")
    thread = lab._thread
    for _ in range(100):
        if not lab.frame["playing"]:
            break
        thread.join(0.05)
    assert not lab.frame["playing"]
    assert lab.frame["epoch"] > 0


def test_it_stops_at_a_loss(lab):
    lab.watched = float("inf")
    do(lab, "view", speed=0, stop=0.3)
    do(lab, "play")
    for _ in range(400):
        if not lab.frame["playing"]:
            break
        lab._thread.join(0.05)
    assert not lab.frame["playing"]
    assert lab.frame["last"]["loss"] <= 0.3
    do(lab, "view", stop="")


def test_a_model_of_python_is_shown_and_one_that_the_page_cannot_make_is_locked():
    x, y = onefit.datasets.xor()
    model = Sequential([Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    page = onefit.lab.show(model, x, y)
    assert page.address in page._repr_html_()
    words = Sequential([Input((2,)), Embedding(5, 2), Flatten(), Dense(1, "sigmoid")])
    words.compile("sgd", "binary_crossentropy")
    from onefit.lab.data import of_arrays

    with Lab(None, of_arrays(x, y), words, (x.astype(int), y)) as locked:
        do(locked, "step")
        assert locked.about["design"] is None
        with pytest.raises(ValueError, match="Change it in Python"):
            do(locked, "change", design={"rate": 1.0})


def test_a_model_of_a_file_comes_with_its_table(tmp_path, monkeypatch, capsys):
    from onefit.cli import main

    table, file = tmp_path / "t.csv", tmp_path / "m.keras"
    table.write_text("a,b,c\n" + "1,2,x\n2,1,y\n3,5,x\n4,4,y\n" * 5)
    model = Sequential([Input((2,)), Dense(3, "relu"), Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.save(file)
    opened = []

    def keep(lab, **options):
        opened.append((lab.about["design"]["layers"], lab.frame["weights"]))

    monkeypatch.setattr("onefit.lab.running.serve", keep)
    assert main(["lab", str(file), str(table), "--target", "c"]) == 0
    (layers, weights), *_ = opened
    assert [one["units"] for one in layers] == [3]
    np.testing.assert_allclose(
        np.reshape(weights[0]["kernel"], (2, 3)), model.get_weights()[0], rtol=1e-3
    )
    (tmp_path / "log.csv").write_text("epoch,loss\n0,1\n")
    opened.clear()
    monkeypatch.setattr(
        "onefit.lab.running.serve", lambda runs, **_: opened.append(runs)
    )
    assert main(["lab", "runs", str(tmp_path)]) == 0
    assert opened[0].about["runs"][0]["name"] == "log"
    assert main(["lab", str(file)]) == 1
    assert "with the table that it is for" in capsys.readouterr().err


def test_monitors_write_what_runs_compare(tmp_path):
    x, y = onefit.datasets.xor()
    for units in (1, 3):
        model = Sequential([Input((2,)), Dense(units, "tanh"), Dense(1, "sigmoid")])
        model.compile("sgd", "binary_crossentropy")
        watch = Monitor(tmp_path, name=f"units-{units}", page=False)
        log = onefit.callbacks.CSVLogger(tmp_path / f"log-{units}.csv")
        history = model.fit(x, y, epochs=300, callbacks=[watch, log], verbose=0)
        assert watch.frame["epoch"] == 300
        assert not watch.frame["playing"]
        json.dumps([watch.about, watch.frame], allow_nan=False)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    runs = Runs(tmp_path).about["runs"]
    assert [run["name"] for run in runs] == ["units-1", "units-3", "log-1", "log-3"]
    assert runs[1]["last"]["loss"] == pytest.approx(history.history["loss"][-1], 1e-4)
    assert runs[1]["epochs"] == 300
    with pytest.raises(ValueError, match="no fit was written"):
        Runs(tmp_path / "nothing")


def test_a_monitor_says_of_the_end_what_the_guide_says_afterwards():
    x = np.linspace(-1, 1, 64, dtype="float32")[:, None]
    model = Sequential(
        [Input((1,)), Dense(1, "sigmoid", kernel_initializer="zeros")]
    )  # which gives every row one answer at the start
    model.compile(onefit.optimizers.SGD(5.0), "binary_crossentropy")
    watch = Monitor(page=False)
    history = model.fit(x, x > 0, epochs=300, callbacks=[watch], verbose=0)
    after = [finding.code for finding in history.diagnose()]
    assert [finding["code"] for finding in watch.about["findings"]] == after == []


def test_a_page_ends_a_fit_that_runs_elsewhere():
    x, y = onefit.datasets.xor()
    model = Sequential([Input((2,)), Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    watch = Monitor(page=False)

    class Press(onefit.callbacks.Callback):
        def on_stretch_end(self, epochs, logs):
            watch.ask({"do": "pause"}).result()

    history = model.fit(x, y, epochs=500_000, callbacks=[Press(), watch], verbose=0)
    assert len(history.epoch) < 500_000
    with pytest.raises(ValueError, match="pause"):
        watch.ask({"do": "play"}).result()


# Lessons ------------------------------------------------------------------------------


def dense(units, activation, **more):
    return {"kind": "dense", "units": units, "activation": activation, **more}


# What a student does to reach the goal, and for how many epochs.
SOLVED = {
    "neuron": ({}, 30),
    "activations": ({"layers": [dense(4, "tanh"), dense(3, "tanh")]}, 40),
    "xor": ({}, 300),
    "softmax": ({}, 20),
    "coffee": ({}, 400),
    "digits": ({}, 15),
    "vanishing": ({"layers": [dense(4, "tanh")] * 5}, 60),
    "optimizers": ({"optimizer": "momentum"}, 100),
    "overfitting": ({"penalty": "l2", "penalty_rate": 0.01}, 100),
    "piecewise": ({"layers": [dense(10, "relu", initializer="he_normal")]}, 100),
}


@pytest.mark.parametrize("name", lessons.ORDER)
def test_each_lesson_can_be_solved_and_is_not_solved_at_its_start(name):
    lesson = lessons.lessons()[name]
    assert set(lesson.text) == {"en", "ko"}
    assert set(lesson.title) == {"en", "ko"}
    assert all(text.count("{question}") == len(lesson.questions)
               for text in lesson.text.values())  # fmt: skip
    goals = [i for i, one in enumerate(lesson.questions) if one.kind == "lab"]
    assert goals
    with Lab(lesson=name) as lab:
        told = json.dumps(lab.about["lesson"])
        assert "[x]" not in told
        assert not any(
            do(lab, "answer", question=i, value=None)["right"] for i in goals
        )
        changes, epochs = SOLVED[name]
        if changes:
            do(lab, "change", design=changes)
        lab.engine.run(epochs)
        assert all(do(lab, "answer", question=i, value=None)["right"] for i in goals)
    for one in lesson.questions:
        if one.kind == "choice":
            right = [lessons.judge(one, i, {}) for i in range(len(one.answers))]
            assert right.count(True) == 1
            assert [r for _, r in one.answers] == right
        if one.kind == "number":
            assert lessons.judge(one, one.number, {})
            assert not lessons.judge(one, one.number + 1, {})
        assert not lessons.judge(one, "x", {})


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("no title", "# Title"),
        ("# T\nhide data\n<!-- en -->\n", "design:, hide: or view:"),
        ("# T\ndesign: {\n<!-- en -->\n", "no JSON"),
        ('# T\ndesign: {"rate": 0}\n<!-- en -->\n', "rate"),
        ("# T\n<!-- en -->\n```question\nWhat?\n```\n", "one of: answers"),
        ("# T\n<!-- en -->\n```question\nA?\n[ ] a\n```\n", "one of: answers"),
        ("# T\n<!-- en -->\n```question\nA?\nlab: loss\n```\n", "a goal as"),
        ("# T\n<!-- en -->\n<!-- ko -->\n```question\n= 1\n```\n", "other questions"),
    ],
)  # fmt: skip
def test_a_lesson_that_is_none_says_what_is_missing(text, match):
    with pytest.raises(ValueError, match=match):
        lessons.read(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], r"--host, --port: received 127.0.0.1:99999"),
        (["--token", "short"], r"token: received 5 letters; expected 16 or more"),
        (["--lesson", "nothing"], r"Unknown lesson 'nothing'"),
        (["one.csv", "two.csv"], r"lab: received one.csv two.csv"),
        (["runs"], r"write onefit lab runs DIR"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_at_once(capsys, options, words):
    from onefit.cli import main

    assert main(["lab", *options]) == 1
    assert re.search(words, capsys.readouterr().err, re.I)
