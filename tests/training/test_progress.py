"""The progress display: what it writes in a terminal, a notebook, a file."""

import gc
import io
import sys
import threading
import types

import numpy as np
import pytest

from onefit.training import progress
from onefit.training.history import Logs
from onefit.training.progress import ProgbarLogger, Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def in_terminal(monkeypatch):
    """Puts a terminal in the place of stdout, once the test runs."""

    def enter():
        for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "stdout", Terminal())
        return sys.stdout

    return enter


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves."""
    now = types.SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now.seconds)
    return now


def started(verbose, epochs):
    logger = ProgbarLogger(verbose)
    logger.set_model(types.SimpleNamespace(history=types.SimpleNamespace(stopped=None)))
    logger.set_params({"epochs": epochs, "steps": 4})
    logger.on_train_begin()
    return logger


def stretch(logger, first, count, **logs):
    logger.on_stretch_end(range(first, first + count), [logs or {"loss": 0.5}] * count)


def lines_of(verbose, epochs, sizes, capsys):
    logger, at = started(verbose, epochs), 0
    for size in sizes:
        stretch(logger, at, size)
        at += size
    logger.on_train_end()
    return capsys.readouterr().out.splitlines()


def numbers(lines):
    return [int(line.split()[1].split("/")[0]) for line in lines if "/" in line[:14]]


def test_a_file_gets_about_twenty_lines(capsys):
    lines = lines_of("auto", 1000, [1, 4, 95, 400, 500], capsys)
    assert numbers(lines) == [1, *range(50, 1001, 50)]
    assert lines[0] == "Epoch    1/1000  loss 0.5000"
    assert lines[-1].startswith("1000 epochs in ")


def test_few_epochs_get_a_line_each(capsys):
    assert numbers(lines_of(2, 3, [3], capsys)) == [1, 2, 3]
    assert numbers(lines_of(2, 1, [1], capsys)) == [1]


@pytest.mark.parametrize("epochs", [20, 21, 99, 100, 101, 137, 250, 4999])
@pytest.mark.parametrize(("verbose", "most"), [("auto", 22), (2, 102)])
def test_lines_have_first_and_last_and_a_limit(epochs, verbose, most, capsys):
    got = numbers(lines_of(verbose, epochs, [1] * epochs, capsys))
    assert got[0] == 1
    assert got[-1] == epochs
    assert len(got) == len(set(got)) <= most


def test_lines_do_not_depend_on_the_stretches(capsys):
    by_one = numbers(lines_of("auto", 730, [1] * 730, capsys))
    assert numbers(lines_of("auto", 730, [1, 4, 300, 425], capsys)) == by_one


def test_lines_of_a_fit_that_goes_on(capsys):
    logger = started(2, 6)
    stretch(logger, 4, 2)
    assert numbers(capsys.readouterr().out.splitlines()) == [5, 6]


@pytest.mark.parametrize(
    ("stopped", "words"),
    [
        ("interrupted", "stopped by Ctrl-C after epoch 7; the model is ready to use"),
        ("rule", "stopped by a rule after epoch 7"),
        ("callback", "stopped by a callback after epoch 7"),
    ],
)
def test_an_early_end_is_told(stopped, words, capsys):
    logger = started("auto", 100)
    stretch(logger, 0, 7)
    logger.model.history.stopped = stopped
    logger.on_train_end()
    lines = capsys.readouterr().out.splitlines()
    assert numbers(lines)[-1] == 7
    assert lines[-1].endswith(words)


def test_interrupted_before_an_epoch_was_done(capsys):
    logger = started(2, 100)
    logger.on_stretch_end(range(0), [])
    logger.model.history.stopped = "interrupted"
    logger.on_train_end()
    assert "before an epoch was done" in capsys.readouterr().out


def test_silence(capsys):
    lines_of(0, 5, [5], capsys)
    assert not capsys.readouterr().out


def test_bad_verbose():
    with pytest.raises(ValueError, match=r"received 3; expected 0, 1, 2 or 'auto'"):
        ProgbarLogger(3)


def test_a_stream_without_micro_signs(monkeypatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    progress._print("3 µs/epoch")
    assert raw.getvalue() == b"3 ?s/epoch\n"


def test_an_epoch_without_validation_shows_the_last_one():
    face = Progress(10)
    table = np.array([[0.5, 0.7], [0.4, np.nan]])
    face.advance(range(2), Logs(range(2), ("loss", "val_loss"), table, [True, False]))
    assert face.logs == {"loss": 0.4, "val_loss": 0.7}


def test_the_pace_leaves_out_compiling(clock):
    face = Progress(100)
    clock.seconds = 3.0  # compiling
    face.advance(range(1), [{"loss": 1.0}])
    assert face.pace is None
    clock.seconds = 3.2
    face.advance(range(1, 21), [{"loss": 1.0}] * 20)
    assert face.pace == pytest.approx(0.01)
    assert face.times() == ["10.0 ms/epoch", "0:01 left"]


def drawn(face, width):
    from rich.console import Console

    console = Console(
        file=io.StringIO(), width=width, force_terminal=True, color_system=None
    )
    console.print(face)
    return console.file.getvalue().splitlines()  # pyright: ignore[reportAttributeAccessIssue]


def filled(clock, **logs):
    face = Progress(100)
    clock.seconds = 1.0
    face.advance(range(1), [logs])
    clock.seconds = 2.0
    face.advance(range(1, 37), [logs] * 36)
    return face


FOUR = {"loss": 0.1234, "accuracy": 0.97, "val_loss": 0.2345, "val_accuracy": 0.95}


@pytest.mark.parametrize("width", [200, 120, 80, 60, 40, 24, 14])
def test_the_bar_fits_every_width(width, clock):
    rows = drawn(filled(clock, **FOUR), width)
    assert all(len(row) <= width for row in rows)
    words = " ".join(rows).split()
    wanted = [
        "Epoch",
        "37/100",
        "loss",
        "0.1234",
        "accuracy",
        "0.9700",
        "val_loss",
        "0.2345",
    ]
    assert not set(wanted) - set(words)
    assert "ms/epoch" in words


def test_a_wide_terminal_has_it_in_a_row(clock):
    (row,) = drawn(filled(clock, loss=0.1234), 100)
    assert row.startswith("Epoch  37/100  ━")
    assert row.rstrip().endswith("loss 0.1234  27.8 ms/epoch  0:02 left")


def test_a_live_bar_is_drawn_ten_times_a_second_at_most(in_terminal, clock):
    terminal = in_terminal()
    logger = started(1, 1000)
    assert "compiling ..." in terminal.getvalue()
    drawings = terminal.getvalue().count("Epoch")
    for epoch in range(1000):  # in half a second
        clock.seconds = epoch / 2000
        stretch(logger, epoch, 1)
    assert terminal.getvalue().count("Epoch") - drawings <= 5
    logger.on_train_end()
    assert "1000/1000" in terminal.getvalue().splitlines()[-2]


def test_the_terminal_is_given_back(in_terminal):
    terminal = in_terminal()
    before, threads = sys.stdout, threading.active_count()
    logger = started("auto", 10)
    assert sys.stdout is not before  # prints appear above the bar
    print("hello from a callback")
    assert threading.active_count() == threads
    stretch(logger, 0, 10)
    logger.on_train_end()
    assert sys.stdout is before
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count(
        "\x1b[?25h"
    )
    assert "hello from a callback" in terminal.getvalue()
    assert terminal.getvalue().rstrip("\x1b[?25h").endswith("\n")


@pytest.mark.parametrize("how", ["abort", "forget", "fit again"])
def test_the_terminal_is_given_back_after_an_exception(in_terminal, how):
    terminal = in_terminal()
    logger = started(1, 10)
    stretch(logger, 0, 3)
    if how == "abort":
        logger.on_train_abort()
    elif how == "forget":
        del logger
        gc.collect()
    else:
        logger.on_train_begin()
        logger.on_train_end()
    assert sys.stdout is terminal
    assert terminal.getvalue().count("\x1b[?25l") == terminal.getvalue().count(
        "\x1b[?25h"
    )


def test_an_early_end_is_told_below_the_bar(in_terminal):
    terminal = in_terminal()
    logger = started(1, 10)
    stretch(logger, 0, 3)
    logger.model.history.stopped = "interrupted"
    logger.on_train_end()
    text = terminal.getvalue()
    assert "Stopped by Ctrl-C after epoch 3; the model is ready to use." in text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(in_terminal, monkeypatch):
    terminal = in_terminal()
    monkeypatch.setenv("TERM", "dumb")
    logger = started(1, 1)
    stretch(logger, 0, 1)
    assert terminal.getvalue() == "Epoch 1/1  loss 0.5000\n"


def test_within_a_long_epoch_the_bar_moves(clock):
    face = Progress(3)
    clock.seconds = 10.0
    face.within(0, 0.5, {"loss": 0.25})
    rows = drawn(face, 100)
    assert rows[0].startswith("Epoch 1/3")
    assert "loss 0.2500" in rows[0]


def test_in_a_notebook(monkeypatch, clock):
    pictures = []

    class Handle:
        def update(self, picture, raw):
            assert raw
            pictures.append(picture)

    def display(picture, raw, display_id):
        assert raw and display_id  # noqa: PT018
        pictures.append(picture)
        return Handle()

    shell = types.SimpleNamespace(kernel=object())
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    place = types.SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython.display", place)
    logger = started("auto", 10)
    clock.seconds = 1.0
    stretch(logger, 0, 10)
    logger.on_train_end()
    assert [set(picture) for picture in pictures] == [{"text/html", "text/plain"}] * 3
    assert "compiling ..." in pictures[0]["text/plain"]
    assert pictures[-1]["text/plain"].startswith("Epoch 10/10")
    assert pictures[-1]["text/html"].startswith("<pre style=")
