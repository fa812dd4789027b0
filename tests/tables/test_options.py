"""Each option of the commands for tables has an example in the docs, and it runs."""

import argparse
import re
import shlex
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

import onefit
from onefit.cli import main
from onefit.cli.main import _parser

ROOT = Path(__file__).parent.parent.parent
DOCS = (ROOT / "docs/tables.md").read_text("utf-8")
LINES = re.search(r"<!-- options -->\n```sh\n(.*?)```", DOCS, re.DOTALL)[1].splitlines()
ARGUMENTS = [shlex.split(line)[1:] for line in LINES]
COMMANDS = ("train", "predict", "report", "export", "serve")


def options(command):
    """The options of a command, by the parser itself."""
    (commands,) = (
        action
        for action in _parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    found = commands.choices[command]._actions
    return {name for action in found for name in action.option_strings} - {
        "-h",
        "--help",
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_has_an_example(command):
    shown = [word for own in ARGUMENTS if own[0] == command for word in own]
    once = options("train") & options("predict")  # of reading, shown with the first
    needed = options(command) - (once if command == "predict" else set())
    assert needed <= set(shown)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_fits_a_screen_and_its_examples_are_commands(
    command, monkeypatch, capsys
):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([command, "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines[0]) < 60  # a usage that is read at a glance
    shown = [line.split() for line in lines if line.startswith(f"  onefit {command}")]
    assert shown
    for words in shown:
        own = shlex.split(" ".join(words).split("   ")[0].split(" then ")[0])[1:]
        assert _parser().parse_args(own).command == command


@pytest.mark.usefixtures("quick")
def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    whole = pd.read_csv(Path(onefit.__file__).parent / "datasets/penguins.csv")
    names = ["Species", "Island", "Date Egg", "Body Mass (g)", "Sex", "Comments"]
    few = whole[names].iloc[::5]
    few.to_csv("penguins.csv", index=False)
    few.to_excel("penguins.xlsx", sheet_name="2009", index=False)
    with sqlite3.connect("penguins.db") as base:
        few.to_sql("penguins", base, index=False)
    base.close()
    lines = [f"{38 + i % 9},5;{17 + i % 4};{'MF'[i % 2]}" for i in range(40)]
    Path("eggs.txt").write_text("\n".join([*lines, "99;17;M"]) + "\n")
    for line, arguments in zip(LINES, ARGUMENTS, strict=True):
        if arguments[0] in ("serve", "export"):  # of networks: they have own tests
            assert _parser().parse_args(arguments).command == arguments[0]
        else:
            assert main(arguments) == 0, f"{line}: {capsys.readouterr().err}"
