"""Style: the linter and the formatter have nothing to say.

Types are checked before a commit (.pre-commit-config.yaml): pyright takes half a minute
on the library, longer than everything else that this directory does on one file.
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_ruff(command):
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
