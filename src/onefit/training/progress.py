"""What a fit shows while it runs: a live bar where one can be, lines elsewhere."""

import math
import sys
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit import config
from onefit.errors import invalid
from onefit.training.callback import Callback, Logs

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.text import Text

__all__ = ["ProgbarLogger"]

Epochs = Sequence[int]
Table = Sequence[dict[str, float]]

PAUSE = 0.1
"""Seconds between two drawings of the bar."""

BAR = (12, 40)
"""The narrowest and the widest bar, in characters."""

TIMES = len("12.3 ms/epoch  0:12 left")
"""The space for the times, in characters."""


class ProgbarLogger(Callback):
    """Shows how far a fit is, with its latest logs. `fit(verbose=...)` makes it.

    It reads numbers after each stretch of epochs, so it does not slow a fit down.

    Args:
        verbose: 0 shows nothing.
            1: a live bar for the whole fit in a terminal or a notebook; elsewhere
            (a file, a pipe) about 20 evenly spaced lines, the first and last epoch
            among them.
            2: a line an epoch; about 100 evenly spaced lines when there are more than
            100 epochs, the first and last among them.
            'auto': as 1.

    Raises:
        ValueError: Any other `verbose`.

    Example:
        >>> logger = ProgbarLogger(2)
        >>> logger.set_params({"epochs": 3, "steps": 1})
        >>> logger.on_train_begin()
        >>> logger.on_stretch_end([0, 1], [{"loss": 0.5}, {"loss": 0.25}])
        Epoch 1/3  loss 0.5000
        Epoch 2/3  loss 0.2500

    Differs from Keras: one bar for the fit, not one an epoch, and no more lines than
    anyone reads.
    """

    writes_for_all = True

    def __init__(self, verbose: int | str = "auto") -> None:
        super().__init__()
        if verbose not in (0, 1, 2, "auto"):
            raise invalid("verbose", repr(verbose), "0, 1, 2 or 'auto'")
        self.verbose = verbose
        self._close: Any = None

    def on_train_begin(self, logs: Logs = None) -> None:  # noqa: D102
        self.on_train_abort()
        self._progress = Progress(self.params["epochs"])
        self._face = _face(self.verbose, self._progress)
        # Whatever becomes of the fit, the terminal is given back: by on_train_end or
        # on_train_abort, or when this object or the process ends.
        self._close = weakref.finalize(self, self._face.close)

    def on_stretch_end(self, epochs: Epochs, logs: Table) -> None:  # noqa: D102
        if len(epochs):
            self._progress.advance(epochs, logs)
            self._face.show(epochs, logs)

    def on_part_end(
        self, epoch: int, done: int, steps: int | None, logs: Logs = None
    ) -> None:
        """Within a long epoch: `done` of its `steps` are done, where they are known."""
        self._progress.within(epoch, done / steps if steps else 0.0, logs)
        self._face.show(range(0), [])

    def on_train_end(self, logs: Logs = None) -> None:  # noqa: D102
        history = getattr(self.model, "history", None)
        self._progress.end(getattr(history, "stopped", None))
        self._face.end()
        self.on_train_abort()

    def on_train_abort(self) -> None:
        """After an exception: leaves the terminal as it was."""
        if self._close is not None:
            self._close()


class Progress:
    """How far a fit is, and how it looks in one or two rows of a terminal.

    Attributes:
        epochs: The number of epochs when it is done.
        done: The epochs done, the running one as a fraction.
        logs: The latest value of each log.
        ending: Why it ended early, as a sentence, or ''.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs, self.done, self.ran = epochs, 0.0, 0
        self.logs: dict[str, float] = {}
        self.ending, self.seconds = "", 0.0
        self._began = time.perf_counter()
        self._steady: tuple[float, float] | None = None
        self._now = (self._began, 0.0)

    def advance(self, epochs: Epochs, logs: Table) -> None:
        """After a stretch. An epoch without validation shows the last one's."""
        self.ran += len(epochs)
        with_validation = np.flatnonzero(getattr(logs, "validated", ()))
        if len(with_validation):
            self.logs.update(logs[int(with_validation[-1])])
        self.within(epochs[-1] + 1, 0.0, logs[-1])
        # The first call compiles: the pace is counted from its end.
        self._steady = self._steady or self._now

    def within(self, epoch: int, share: float, logs: Logs = None) -> None:
        """Within an epoch, counted from 0."""
        self.done = epoch + share
        self.logs.update(logs or {})
        self._now = (time.perf_counter(), self.done)

    def end(self, stopped: str | None) -> None:
        """When it is over."""
        self.seconds = time.perf_counter() - self._began
        who = {"interrupted": "Ctrl-C", "rule": "a rule", "callback": "a callback"}
        who["data"] = "the end of the data"
        if stopped:
            last = int(self.done)
            place = f"after epoch {last}" if self.ran else "before an epoch was done"
            kept = "; the model is ready to use" if stopped == "interrupted" else ""
            self.ending = f"stopped by {who.get(stopped, stopped)} {place}{kept}"

    @property
    def pace(self) -> float | None:
        """Seconds an epoch takes, once it is known."""
        if self._steady is None or self._now[1] <= self._steady[1]:
            return None
        return (self._now[0] - self._steady[0]) / (self._now[1] - self._steady[1])

    def count(self, epoch: int | None = None) -> str:
        """`Epoch  7/100`, as wide for every epoch."""
        total = str(self.epochs)
        # An epoch counts from its first batch.
        number = max(1, math.ceil(self.done)) if epoch is None else epoch + 1
        return f"Epoch {number:>{len(total)}}/{total}"

    def times(self) -> list[str]:
        """The times to show: those of the whole, or the pace and what is left."""
        pace = self.pace
        each = [f"{duration(pace)}/epoch"] if pace is not None else []
        if self.seconds:
            return [f"in {duration(self.seconds)}", *each]
        if pace is None:
            return [] if self.ran else ["compiling ..."]
        left = clock(pace * (self.epochs - self.done))
        return [*each, f"{left} left"]

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> Iterator["RenderableType"]:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        head = Text(self.count(), style="bold")
        times = [Text(words, style="cyan") for words in self.times()]
        logs = [
            Text.assemble((f"{name} ", "dim"), shown(value))
            for name, value in self.logs.items()
        ]
        # The times take TIMES characters at least: the bar keeps its length.
        space = options.max_width - head.cell_len - max(_length(times), TIMES) - 4
        together = space - _length(logs) - 2 >= BAR[0]
        if together:
            space -= _length(logs) + 2
        if space >= BAR[0]:
            bar = ProgressBar(
                total=max(self.epochs, 1),
                completed=self.done,
                width=min(space, BAR[1]),
                complete_style="blue",
                finished_style="green",
            )
            grid = Table.grid(padding=(0, 2, 0, 0))
            grid.add_row(head, bar, *(logs if together else []), *times)
            yield grid
            yield from _rows([] if together else logs, options.max_width)
        else:
            yield from _rows([head, *times, *logs], options.max_width)
        if self.ending:
            yield Text(_capital(self.ending) + ".", style="yellow")


def _length(items: list["Text"]) -> int:
    """How many characters texts take side by side."""
    return sum(item.cell_len + 2 for item in items) - 2


def _rows(items: list["Text"], width: int) -> Iterator["Text"]:
    """Texts side by side, in as many rows as the width makes necessary."""
    from rich.text import Text

    row = Text()
    for item in items:
        if row and row.cell_len + 2 + item.cell_len > width:
            yield row
            row = Text()
        row = Text.assemble(row, "  " if row else "", item)
    if row:
        yield row


class _Silent:
    """Shows nothing; the methods that every display has."""

    def show(self, epochs: Epochs, logs: Table) -> None:
        """After some epochs, or a part of one."""

    def end(self) -> None:
        """When the fit is over."""

    def close(self) -> None:
        """Gives the terminal back. May be called twice."""


class _Lines(_Silent):
    """Writes a line after the first, the last, and every so many epochs."""

    def __init__(self, progress: Progress, lines: int) -> None:
        self.progress, self.every = progress, _every(progress.epochs, lines)
        self.next: int | None = None
        self.last: tuple[int, dict[str, float]] | None = None

    def show(self, epochs: Epochs, logs: Table) -> None:
        if not len(epochs):
            return
        self.last = (epochs[-1], logs[-1])
        due = epochs[0] if self.next is None else self.next
        while due <= epochs[-1]:
            self._write(due, logs[due - epochs[0]])
            # Epochs are counted from 1 for people: 1, 50, 100, ...
            due = min(
                (due + 1) // self.every * self.every + self.every - 1,
                max(self.progress.epochs - 1, due + 1),
            )
        self.next = due

    def end(self) -> None:
        ran, progress = self.progress.ran, self.progress
        if self.last is not None and self.next is not None:
            epoch, logs = self.last
            if epoch < progress.epochs - 1 and (epoch + 1) % self.every and ran > 1:
                self._write(epoch, logs)
        times = progress.times()
        pace = f" ({times[1]})" if len(times) > 1 else ""
        total = f"{ran} epoch{'s' * (ran != 1)} in {duration(progress.seconds)}{pace}"
        _print(f"{total}, {progress.ending}" if progress.ending else total)

    def _write(self, epoch: int, logs: dict[str, float]) -> None:
        numbers = (f"{name} {shown(value)}" for name, value in logs.items())
        _print("  ".join([self.progress.count(epoch), *numbers]))


class _Terminal(_Silent):
    """A bar that is drawn again and again in its place; prints appear above it."""

    def __init__(self, progress: Progress, console: "Console") -> None:
        from rich.live import Live

        # Drawn when there is news, hence no thread.
        stderr = bool(sys.stderr and sys.stderr.isatty())
        self.live = Live(
            progress, console=console, auto_refresh=False, redirect_stderr=stderr
        )
        self.live.start(refresh=True)
        self.drawn = time.perf_counter()

    def show(self, epochs: Epochs, logs: Table) -> None:
        del epochs, logs
        now = time.perf_counter()
        if now - self.drawn >= PAUSE:
            self.drawn = now
            self.live.refresh()

    def close(self) -> None:
        self.live.stop()


class _Notebook(_Silent):
    """The same bar as an output of a notebook's cell."""

    def __init__(self, progress: Progress) -> None:
        from IPython.display import display

        self.progress = progress
        self.handle: Any = display(self._pictures(), raw=True, display_id=True)
        self.drawn = time.perf_counter()

    def show(self, epochs: Epochs, logs: Table) -> None:
        del epochs, logs
        now = time.perf_counter()
        if now - self.drawn >= PAUSE:
            self.drawn = now
            self.handle.update(self._pictures(), raw=True)

    def end(self) -> None:
        self.handle.update(self._pictures(), raw=True)

    def _pictures(self) -> dict[str, str]:
        import io

        from rich.console import Console

        console = Console(
            file=io.StringIO(),
            record=True,
            width=110,
            force_terminal=True,
            force_jupyter=False,
            color_system="truecolor",
            legacy_windows=False,
        )
        console.print(self.progress)
        style = "white-space:pre;line-height:normal;font-family:monospace"
        return {
            "text/html": console.export_html(
                inline_styles=True,
                clear=False,
                code_format=f'<pre style="{style}">{{code}}</pre>',
            ),
            "text/plain": console.export_text().rstrip(),
        }


def _face(verbose: int | str, progress: Progress) -> _Silent:
    """The display for a terminal, a notebook or a file, wherever the fit runs."""
    silent = verbose == "auto" and not config.is_interactive_logging_enabled()
    if silent or not verbose or not progress.epochs:
        return _Silent()
    if verbose == 2:
        return _Lines(progress, 100)
    if _in_notebook():
        return _Notebook(progress)
    if sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console

        console = Console(force_jupyter=False)
        if console.is_terminal and not console.is_dumb_terminal:
            return _Terminal(progress, console)
    return _Lines(progress, 20)


def _in_notebook() -> bool:
    """Whether a kernel runs this, which shows outputs below its cell."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _every(epochs: int, lines: int) -> int:
    """The least of 1, 2, 5, 10, 20, 50, ... that makes no more lines than these."""
    step, scale = 1, 1
    while step * lines < epochs:
        leading = {1: 2, 2: 5, 5: 10}[step // scale]
        step, scale = leading * scale, scale * (10 if leading == 10 else 1)
    return step


def _print(line: str) -> None:
    """Prints a line at once, in the letters that the stream has."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def shown(value: float) -> str:
    """A number in four digits, about as wide for every epoch.

    >>> [shown(v) for v in (0.5, 0.012345, 12.3456, 4321.0, 54321.0, 0.00012345, 0.0)]
    ['0.5000', '0.01235', '12.35', '4321', '54321', '1.23e-04', '0']
    """
    size = abs(value)
    if value == 0:
        return "0"
    if 1e-3 <= size < 1e6:
        return f"{value:#.4g}".rstrip(".") if size < 9999.5 else f"{value:.0f}"
    return f"{value:.2e}"


def duration(seconds: float) -> str:
    """How long something takes, in a unit that suits it.

    >>> [duration(s) for s in (2.5e-5, 0.0123, 1.5, 75, 3725)]
    ['25.0 µs', '12.3 ms', '1.50 s', '1:15 min', '1:02:05 h']
    """
    if seconds >= 59.95:
        return f"{clock(seconds)} {'h' if seconds >= 3600 else 'min'}"
    unit, size = ("s", 1.0) if seconds >= 0.9995 else ("ms", 1e-3)
    if seconds < 0.9995e-3:
        unit, size = "µs", 1e-6
    return f"{seconds / size:#.3g}".rstrip(".") + f" {unit}"


def clock(seconds: float) -> str:
    """Time as a clock shows it: `0:07`, `1:02:05`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
