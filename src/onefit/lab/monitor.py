"""A page on a fit that runs elsewhere, and one that compares fits that are over."""

import csv
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.callbacks import Callback
from onefit.errors import invalid, unknown
from onefit.types import Config

if TYPE_CHECKING:
    from onefit.lab.running import Page

__all__ = ["Monitor", "Runs"]

CURVE = 240
"""Points of a curve that are sent."""

PAUSE = 0.1
"""Seconds between two states, at least."""

MOST = 100
"""Fits that are compared at once."""


class Monitor(Callback):
    """Opens the lab on a fit that runs: its curves, its layers, what the guide says.

    It looks between two calls of the program, about five times a second, so it does not
    slow a fit down. The page can end the fit after the stretch that runs.

    Args:
        folder: Where the logs of the fit are written at its end, as JSON, for
            `onefit lab runs FOLDER`; None for nowhere.
        name: What the fit is called there; the time unless given.
        page: Whether a page is opened at all.
        port: Of the page; 0 for any that is free.

    Attributes:
        page: The Page once the fit has begun, with its address.

    Raises:
        ImportError: starlette or uvicorn is not installed.

    Example:
        >>> import tempfile
        >>> from onefit.layers import Dense
        >>> x, y = onefit.datasets.xor()
        >>> model = onefit.Sequential([onefit.Input((2,)), Dense(1, "sigmoid")])
        >>> model.compile("sgd", "binary_crossentropy")
        >>> folder = tempfile.mkdtemp()
        >>> watch = onefit.lab.Monitor(folder, name="one", page=False)
        >>> _ = model.fit(x, y, epochs=3, callbacks=[watch], verbose=0)
        >>> [run["name"] for run in Runs(folder).about["runs"]]
        ['one']
    """

    def __init__(
        self,
        folder: str | os.PathLike | None = None,
        name: str | None = None,
        page: bool = True,
        port: int = 0,
    ) -> None:
        super().__init__()
        self.folder, self.name, self.wanted, self.port = folder, name, page, port
        self.page: Page | None = None
        self.about: Config = {}
        self.frame: Config = {}
        self.watched = 0.0
        self._logs: list[dict[str, float]] = []
        self._epochs: list[int] = []
        self._shown = self._began = 0.0
        self._stop, self._versions = False, 0
        self._health: list[Config] = []

    def on_train_begin(self, logs: Config | None = None) -> None:
        """Opens the page, the first time."""
        del logs
        self._logs, self._epochs, self._stop = [], [], False
        self._began = time.time()
        self._health = []
        try:
            self._tell(list(self.model.check()))
        except (ValueError, TypeError):
            self._tell([])  # a network that the guide does not know
        self._show(True)
        if self.wanted and self.page is None:
            from onefit.lab.running import opened

            self.page = opened(self, self.port)
            print(self.page)

    def set_state(self, state: Any) -> None:
        """Takes what the probes look at."""
        self.state = state

    def on_stretch_end(self, epochs: range, logs: Sequence[dict[str, float]]) -> None:
        """What the stretch has logged."""
        step = max(1, len(epochs) // CURVE)
        self._logs += [logs[i] for i in range(len(logs) - 1, -1, -step)][::-1]
        self._epochs += [epochs[i] + 1 for i in range(len(epochs) - 1, -1, -step)][::-1]
        if len(self._epochs) > 4 * CURVE:
            self._logs, self._epochs = self._logs[1::2], self._epochs[1::2]
        if self._stop:
            self.model.stop_training = True
        if time.monotonic() - self._shown > PAUSE:
            self._show(True)

    def on_train_end(self, logs: Config | None = None) -> None:
        """The guide's word on the whole, and the file."""
        from onefit.guide.evidence import Snapshot

        history = self.model.history
        evidence = getattr(history, "evidence", None)
        if evidence is not None and history.epoch:  # the guide's own turn comes later
            state = self.state
            evidence.end = Snapshot(history.epoch[-1] + 1, state.params, state.train)
        try:
            found = list(history.diagnose())
        except (ValueError, TypeError):
            found = []  # a fit that nobody watched has no diagnosis
        self._tell(found)
        self._show(False)
        if self.folder is None:
            return
        name = self.name or time.strftime("%Y-%m-%d_%H-%M-%S")
        folder = Path(self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        run = {
            "onefit": "run",
            "name": name,
            "seconds": round(time.time() - self._began, 3),
            "parameters": int(self.model.count_params()),
            "findings": [finding.code for finding in found],
            "history": {
                key: [_number(v) for v in values]
                for key, values in history.history.items()
            },
            "epochs": [epoch + 1 for epoch in history.epoch],
        }
        del logs
        (folder / f"{name}.run.json").write_text(json.dumps(run), "utf-8")

    def ask(self, command: Any) -> "Future[Config]":
        """'pause' ends the fit after its stretch; nothing else can be asked."""
        future: Future[Config] = Future()
        name = command.get("do") if isinstance(command, dict) else None
        if name == "pause":
            self._stop = True
            future.set_result({})
        else:
            future.set_exception(
                unknown(
                    "command for a fit that runs elsewhere", str(name)[:40], ["pause"]
                )
            )
        return future

    def _tell(self, found: Sequence[Any]) -> None:
        from onefit.guide.finding import Report
        from onefit.lab.advice import told

        self._versions += 1
        layers = [
            {
                "name": str(layer.name),
                "kind": type(layer).__name__,
                "units": int(getattr(layer, "units", 0) or 0),
                "shape": [],
                "activation": None,
            }
            for layer in self.model.layers
        ]
        self.about = {
            "version": self._versions,
            "monitor": True,
            "design": None,
            "data": None,
            "layers": layers,
            "findings": told(Report(found), None),
            "lesson": None,
            "lessons": {},
            "choices": {},
        }

    def _show(self, playing: bool) -> None:
        self._shown = time.monotonic()
        names = list(self._logs[-1]) if self._logs else []
        step = max(1, -(-len(self._epochs) // CURVE))
        logs, epochs = self._logs[::-1][::step][::-1], self._epochs[::-1][::step][::-1]
        seconds = time.time() - self._began
        self._measure()
        self._versions += 1
        self.frame = {
            "version": self._versions,
            "epoch": epochs[-1] if epochs else 0,
            "playing": playing,
            "pace": round(epochs[-1] / seconds) if epochs and seconds > 0 else 0,
            "last": {name: _number(self._logs[-1][name]) for name in names},
            "curves": {
                "epoch": epochs,
                **{name: [_number(log.get(name)) for log in logs] for name in names},
            },
            "health": self._health,
            "note": "",
        }

    def _measure(self) -> None:
        """What units answer, where the guide watches the fit."""
        from onefit.guide.evidence import Snapshot
        from onefit.lab.pictures import health

        evidence = getattr(self.model.history, "evidence", None)
        if evidence is None or not self._epochs or not self.wanted:
            return
        import jax

        try:
            params, train = jax.tree.map(
                np.array, (self.state.params, self.state.train)
            )
            moment = Snapshot(self._epochs[-1], params, train)
            self._health = health(evidence.measure(moment))
        except (ValueError, TypeError, RuntimeError):
            self._health = []  # a network whose step the probe does not know


class Runs:
    """Fits that are over, from a folder: what `Monitor` and `CSVLogger` wrote.

    Args:
        folder: Where the files are: .run.json, .csv.

    Raises:
        ValueError: A folder without such files.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        files = sorted(Path(folder).glob("*.run.json"))
        files += sorted(Path(folder).glob("*.csv"))
        runs = [run for run in map(_read, files[:MOST]) if run is not None]
        if not runs:
            raise invalid(
                "runs",
                f"{os.fspath(folder)!r}, where no fit was written",
                "a folder of .run.json or .csv files",
                f"write callbacks=[onefit.lab.Monitor({os.fspath(folder)!r})]",
            )
        self.about: Config = {"version": 1, "runs": runs}
        self.frame: Config = {}
        self.watched = 0.0

    def ask(self, command: Any) -> "Future[Config]":
        """Nothing can be asked of what is over."""
        future: Future[Config] = Future()
        future.set_exception(invalid("runs", repr(command)[:40], "nothing"))
        return future


def _read(path: Path) -> Config | None:
    """A fit of a file, None where it is another file."""
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
            names = [n for n in (rows[0] if rows else {}) if n != "epoch"]
            logs = {n: [_number(row[n]) for row in rows] for n in names}
            if "loss" not in logs:
                return None
            epochs = list(range(1, len(rows) + 1))
            run: Config = {"name": path.stem}
        else:
            run = json.loads(path.read_text("utf-8"))
            if run.get("onefit") != "run":
                return None
            logs, epochs = run["history"], run["epochs"]
            logs = {str(n): [_number(v) for v in values] for n, values in logs.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    step = max(1, -(-len(epochs) // CURVE))
    logs = {name: values for name, values in logs.items() if len(values) == len(epochs)}
    return {
        "name": str(run.get("name", path.stem))[:80],
        "seconds": _number(run.get("seconds")),
        "parameters": _number(run.get("parameters")),
        "findings": [str(code)[:60] for code in run.get("findings", [])],
        "epochs": len(epochs),
        "last": {name: values[-1] for name, values in logs.items() if values},
        "best": {
            name: min((v for v in values if v is not None), default=None)
            for name, values in logs.items()
            if name.endswith("loss")
        },
        "curves": {"epoch": epochs[::-1][::step][::-1]}
        | {name: values[::-1][::step][::-1] for name, values in logs.items()},
    }


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return float(f"{number:.6g}") if np.isfinite(number) else None
