"""What newcomers ask first: `onefit --help`, and completion in a shell."""

import re
import shutil
import subprocess
import sys

import pytest

from onefit.cli import main
from onefit.cli.main import BEGIN, SHELLS, _parser


def said(capsys, *given):
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 0
    return capsys.readouterr().out


def test_help_names_each_command_and_how_to_begin(capsys):
    text = said(capsys, "--help")
    for command in _parser()._subparsers._group_actions[0].choices:
        assert f"\n    {command} " in text
    begins = [line for line in text.splitlines() if line.startswith("  onefit ")]
    assert len(begins) >= 4


def test_the_lines_to_begin_with_are_commands():
    lines = re.findall(r"^  onefit (.*?)(?:   .*)?$", BEGIN, re.M)
    assert len(lines) >= 4
    for line in lines:
        if not line.startswith("run "):  # whose arguments are the program's own
            _parser().parse_args(line.split())


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_commands_and_options(shell, capsys):
    pytest.importorskip("shtab")
    text = said(capsys, "--print-completion", shell)
    for word in ("train", "doctor", "target"):
        assert word in text
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=text, text=True, check=True)


def test_without_the_package_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 1
    assert 'pip install "onefit[completion]"' in capsys.readouterr().err
