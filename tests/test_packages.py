"""Without a package that it needs, each door says in one sentence how to get it."""

import importlib
import inspect
import re
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import onefit
import onefit.interop.keras
import onefit.interop.onnx
import onefit.interop.torch
import onefit.lab.application
from onefit import (
    Input,
    Sequential,
    interop,
    lab,
    plots,
    population,
    serving,
    tables,
    utils,
)
from onefit.callbacks import TensorBoard
from onefit.cli.main import _parser as parser
from onefit.layers import Dense
from onefit.packages import _INSTALLED_AS, EXTRAS, package

X, Y = onefit.datasets.xor()
ROOT = Path(__file__).parent.parent


def model():
    made = Sequential([Input((2,)), Dense(1)])
    made.compile("sgd", "mse")
    return made


def file(tmp_path, content):
    path = tmp_path / "given"
    path.write_bytes(content)
    return path


def imported(room):
    """Imports a room anew, as in a process that has not done so."""
    for name in [*sys.modules]:
        if name == room or name.startswith(f"{room}."):
            sys.modules.pop(name)
    importlib.import_module(room)


# What needs a package: the package, and a call with a folder for files.
DOORS = {
    "export": ("onnx", lambda at: interop.onnx.export(model(), at / "a.onnx")),
    "load onnx": ("onnx", lambda at: interop.onnx.load(at / "a.onnx")),
    "from_torch": ("torch", lambda at: interop.torch.from_torch(None)),
    "to_torch": ("torch", lambda at: interop.torch.to_torch(model())),
    "fit torch": (
        "torch",
        lambda at: interop.torch.fit(None, X, Y, loss=None, optimizer=None),
    ),
    "from_keras": ("keras", lambda at: interop.keras.from_keras(None)),
    "to_keras": ("keras", lambda at: interop.keras.to_keras(model())),
    "fit keras": ("keras", lambda at: interop.keras.fit(None, X, Y)),
    "completion": (
        "shtab",
        lambda at: parser().parse_args(["--print-completion", "zsh"]),
    ),
    "save": ("h5py", lambda at: model().save(at / "a.keras")),
    "save h5": ("h5py", lambda at: model().save_weights(at / "a.weights.h5")),
    "save_weights": (
        "safetensors",
        lambda at: model().save_weights(at / "a.safetensors"),
    ),
    "TensorBoard": (
        "tensorboardX",
        lambda at: model().fit(X, Y, callbacks=[TensorBoard(at)], verbose=0),
    ),
    "read": ("pandas", lambda at: tables.read(file(at, b"a,b\n1,2\n"))),
    "read dict": ("pandas", lambda at: tables.read({"a": [1, 2]})),
    "fit table": ("pandas", lambda at: tables.fit({"a": [1], "b": [2]}, "b")),
    "to_frame": (
        "pandas",
        lambda at: population.fit(model(), X, Y, seeds=2, verbose=0).to_frame(),
    ),
    "parquet": ("pyarrow", lambda at: tables.read(file(at, b"PAR1" * 4))),
    "arrow": ("pyarrow", lambda at: tables.read(file(at, b"ARROW1" * 4))),
    "duckdb": ("duckdb", lambda at: tables.read(file(at, b"0" * 8 + b"DUCK" * 4))),
    "application": ("starlette", lambda at: serving.application(None)),
    "serve": ("uvicorn", lambda at: serving.serve(None)),
    "lab": (
        "starlette",
        lambda at: importlib.import_module("onefit.lab.application").application(
            None, "t" * 16
        ),
    ),
    "show": ("uvicorn", lambda at: lab.show(model(), X, Y)),
    "tune": ("optuna", lambda at: population.tune(None, model(), X, Y, {}, 2)),
    "array_to_img": ("PIL", lambda at: utils.array_to_img(np.ones((2, 2, 1)))),
    "load_img": ("PIL", lambda at: utils.load_img(file(at, b""))),
    "onefit.sklearn": ("sklearn", lambda at: imported("onefit.sklearn")),
    "onefit.wrappers": ("sklearn", lambda at: imported("onefit.wrappers")),
    "keras.wrappers": ("sklearn", lambda at: imported("onefit.scripts.wrappers")),
    "groups": (
        "sklearn",
        lambda at: population.cross_validate(
            model(), X, Y, cv=2, groups=[0, 0, 1, 1], verbose=0
        ),
    ),
}


def plot(name):
    """A call of a plot with as many arguments as it must have."""
    given = inspect.signature(getattr(plots, name)).parameters.values()
    needed = [p for p in given if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
    return lambda at: getattr(plots, name)(*[None] * len(needed))


DRAWN = sorted(set(plots.__all__) - {"wilson_interval"})  # numbers
DOORS |= {name: ("matplotlib", plot(name)) for name in DRAWN}


@pytest.fixture
def without(monkeypatch):
    def block(name):
        known = {n for n in sys.modules if n == name or n.startswith(f"{name}.")}
        for one in known | {name}:
            monkeypatch.setitem(sys.modules, one, None)

    kept = dict(sys.modules)
    yield block
    sys.modules |= {n: m for n, m in kept.items() if n.startswith("onefit")}


@pytest.mark.parametrize("door", DOORS)
def test_each_door_says_what_to_install(door, without, tmp_path):
    name, call = DOORS[door]
    without(name)
    known = _INSTALLED_AS.get(name, name)
    line = f'"onefit[{EXTRAS[name]}]"' if name in EXTRAS else known
    said = f"needs {known}, which is not installed. Write `pip install {line}`."
    with pytest.raises(ImportError, match=re.escape(said)):
        call(tmp_path)


def test_the_doors_and_the_extras_are_complete():
    # openpyxl's door opens for files of Excel: tests/tables/test_tables_reading.py
    assert {name for name, _ in DOORS.values()} >= set(EXTRAS) - {"openpyxl"}
    with open(ROOT / "pyproject.toml", "rb") as project:
        extras = tomllib.load(project)["project"]["optional-dependencies"]
    for name, extra in EXTRAS.items():
        brought = [re.split(r"[<>=\[]", needed)[0] for needed in extras[extra]]
        assert _INSTALLED_AS.get(name, name) in brought


def test_a_package_that_lacks_something_itself_says_so(tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text("import what_it_stands_on")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="'what_it_stands_on'"):
        package("half", "A test")
