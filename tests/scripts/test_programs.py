"""Longer programs in the style of courses: all are read, a few run through.

`python tests/scripts/run_programs.py` runs all; programs.md is what it found.
"""

import importlib.util
from pathlib import Path

import pytest

from onefit.scripts.checking import check_text

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("run", HERE / "run_programs.py")
assert spec is not None
assert spec.loader is not None
runner = importlib.util.module_from_spec(spec)
spec.loader.exec_module(runner)

TEXTS = {name: text for name, _, text in runner.programs()}


@pytest.mark.parametrize("name", TEXTS)
def test_all_that_a_program_uses_is_here(name):
    assert check_text(TEXTS[name]).problems == []


@pytest.mark.parametrize(
    "name", ["warmup", "first_cell", "tensors_tour", "tensor_loop"]
)
def test_a_program_runs_through(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    end, said = runner.ran(TEXTS[name])
    assert end == "runs", said


def test_the_table_has_each():
    rows = (HERE / "programs.md").read_text("utf-8").splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == list(TEXTS)
    assert all("| runs |" in row for row in rows)
