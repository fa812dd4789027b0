"""Small twins of course programs, one a kind: each passes its check and runs through.

They are programs for TensorFlow, valid there too (benchmarks/scripts.py runs them), and
end with assertions of their own. All run in this one process.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest

from onefit.scripts.running import found, run

TWINS = Path(__file__).parent / "twins"
PROGRAMS = sorted(TWINS.glob("*.py"))


def digits():
    """Pictures of the shape of MNIST's."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (60, 28, 28)).astype(np.uint8)
    return (x[:40], np.arange(40) % 10), (x[40:], np.arange(20) % 10)


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_a_twin_runs_through(path, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("onefit.datasets.mnist.load_data", digits)
    program = found(str(path), "file", [])
    assert program.checked.problems == []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the program's own affair
        code = run(program)
    assert code == 0, capsys.readouterr().err


def test_there_are_enough():
    assert len(PROGRAMS) >= 60
    for path in PROGRAMS:
        assert path.read_text("utf-8").startswith("# "), path  # says what it is
