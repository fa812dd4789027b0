"""Longer programs in the style of courses: read, then run through in two epochs.

`programs.txt` holds them one after another, each under a line "# == name: what it is".
They are programs for TensorFlow, and of our own.
"""

import re
import warnings
from pathlib import Path

import pytest

from onefit.scripts.checking import check_text
from onefit.scripts.report import following
from onefit.scripts.running import Program, run

TEXT = (Path(__file__).parent / "programs.txt").read_text("utf-8")
PARTS = re.findall(r"^# == (\w+): .*\n((?:(?!# == ).*\n)+)", TEXT, re.M)


@pytest.mark.parametrize(("name", "text"), PARTS, ids=[name for name, _ in PARTS])
def test_a_program_runs_through(name, text, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    checked = check_text(text)
    assert checked.problems == []
    with warnings.catch_warnings(), following(quick=True):
        warnings.simplefilter("ignore")  # the program's own affair
        code = run(Program("<string>", checked, ["-c"], ""))
    assert code == 0, capsys.readouterr().err
