"""Starts the contestants, lets them take turns, and keeps what they answer."""

import contextlib
import dataclasses
import functools
import json
import os
import pty
import select
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS
from benchmarks.works import Work

ROOT = Path(__file__).parent.parent
MOST_CALLS = 100_000
DATA = "data.npz"


@dataclasses.dataclass(frozen=True)
class Settings:
    samples: int = 5
    # What one sample may last: slow contestants run fewer epochs. A single epoch may
    # take longer; a whole script is given ten times as much.
    seconds: float = 2.0
    # When a worker that has not answered counts as failed.
    patience: float = 300.0
    python_tf: str = sys.executable


@dataclasses.dataclass
class Row:
    """What one contestant did in one work; times are in seconds a unit of work."""

    name: str
    samples: list[float] = dataclasses.field(default_factory=list)
    warm: list[float] = dataclasses.field(default_factory=list)
    import_s: float = 0.0
    compile_s: float = 0.0
    unit_s: float = 0.0
    peak_mb: float = 0.0
    loss: float = float("nan")
    units: int = 0
    estimated: bool = False
    extras: bool = False
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    error: str = ""

    @property
    def label(self) -> str:
        return self.name + (" + extras" if self.extras else "")

    @property
    def median(self) -> float:
        return statistics.median(self.samples)


def environment(peer: str, folder: Path) -> dict[str, str]:
    """The same for all: on the CPU, a compile cache of its own, a common terminal."""
    return {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        "ONEFIT_HOME": str(folder / "onefit"),
        "TERM": "xterm-256color",
        **PEERS[peer].environment,
    }


def command(settings: Settings, work: Work, peer: str, **spec) -> list[str]:
    python = settings.python_tf if peer == "keras-tf" else sys.executable
    spec |= {"work": work.name, "peer": peer}
    return [python, "-m", "benchmarks.worker", json.dumps(spec)]


class Worker:
    """A contestant's process. Its stdout is a terminal, so that progress bars draw."""

    def __init__(self, settings, work, peer, folder, *, extras=False) -> None:
        self.patience = settings.patience
        self.log = (folder / "stderr").open("w+")
        self.screen, terminal = pty.openpty()
        answers, replies = os.pipe()
        self.answers = os.fdopen(answers)
        spec = {"file": str(folder.parent / DATA), "replies": replies, "extras": extras}
        self.process = subprocess.Popen(
            command(settings, work, peer, **spec),
            cwd=ROOT,
            env=environment(peer, folder),
            stdin=subprocess.PIPE,
            stdout=terminal,
            stderr=self.log,
            pass_fds=[replies],
            text=True,
        )
        os.close(replies)
        os.close(terminal)
        self.reader = threading.Thread(target=self._drain, daemon=True)
        self.reader.start()

    def _drain(self) -> None:
        with contextlib.suppress(OSError):  # the terminal's end
            while os.read(self.screen, 1 << 16):
                pass

    def answer(self) -> dict[str, Any]:
        """The next reply; RuntimeError says why there is none."""
        if not select.select([self.answers], [], [], self.patience)[0]:
            raise RuntimeError(f"no answer in {self.patience:.0f} s")
        line = self.answers.readline()
        if not line:
            self.log.seek(0)
            text = last_line(self.log.read())
            raise RuntimeError(f"ended with code {self.process.wait()}: {text}")
        reply = json.loads(line)
        if "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def ask(self, n: int, check: bool = False) -> dict[str, Any]:
        """Does n units of work."""
        self.process.stdin.write(json.dumps({"n": n, "check": check}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        if self.log.closed:
            return
        with contextlib.suppress(OSError):
            self.process.stdin.close()  # the worker then ends by itself
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(timeout=1)
        self.answers.close()
        self.log.close()
        os.close(self.screen)


def contestants(work: Work, peers: list[str]) -> Iterator[Row]:
    """Who takes part; with extras, each also runs bare, to be compared with itself."""
    for name in peers:
        if work.kind in PEERS[name].does and work.net in PEERS[name].nets:
            yield Row(name)
            if work.kind == "extras":
                yield Row(name, extras=True)


def calibrate(settings: Settings, work: Work, row: Row, worker: Worker) -> None:
    """The first call, which compiles; its loss; and the units that a sample has."""
    ready = worker.answer()
    row.import_s, row.versions = ready["import_s"], ready["versions"]
    first = worker.ask(work.check, check=True)
    second = worker.ask(work.check)["seconds"]
    row.loss = first["loss"]
    row.compile_s = max(0.0, first["seconds"] - second)
    most = work.epochs if work.kind in ("train", "extras", "script") else MOST_CALLS
    seconds = settings.seconds * (10 if work.kind == "script" else 1)
    n, took = work.check, second
    while n < most and took < seconds / 10:  # mostly the cost of the call: try more
        n = min(most, 10 * n)
        took = worker.ask(n)["seconds"]
    row.units = max(1, min(most, int(seconds * n / took)))
    row.unit_s = took / n


def compete(settings: Settings, work: Work, peers: list[str]) -> list[Row]:
    """All contestants of one work, in turns."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file = folder / DATA
        # In a process of its own: a worker's peak memory starts from its parent's.
        make = [sys.executable, "-m", "benchmarks.works", work.name, str(file)]
        subprocess.run(make, cwd=ROOT, check=True, env=environment("jax", folder))
        rows = list(contestants(work, peers))
        turns = []
        for row in rows:
            home = folder / row.label
            home.mkdir()
            with trouble(row):
                worker = Worker(settings, work, row.name, home, extras=row.extras)
                stack.callback(worker.close)
                calibrate(settings, work, row, worker)
                if work.kind == "script":
                    worker.close()  # it only told how long an epoch takes
                    turns.append((row, functools.partial(whole_script, settings, work)))
                else:
                    turns.append((row, functools.partial(sample, worker)))
        for i in range(settings.samples):
            for row, turn in turns:
                if not row.error:
                    with trouble(row):
                        turn(row, folder / row.label / str(i))
        return rows


def sample(worker: Worker, row: Row, _: Path) -> None:
    """One more time of a worker that is ready."""
    reply = worker.ask(row.units)
    row.samples.append(reply["seconds"] / row.units)
    row.peak_mb = reply["peak_mb"]


def whole_script(settings: Settings, work: Work, row: Row, home: Path) -> None:
    """A fresh process, cold (an empty compile cache), and another one, warm.

    A peer that would need too long trains for fewer epochs; the others are added from
    its time an epoch, and the row is marked as estimated.
    """
    row.estimated = row.units < work.epochs
    spec = {"file": str(home.parent.parent / DATA), "script": row.units}
    line = command(settings, work, row.name, **spec)
    env = environment(row.name, home)
    for times in (row.samples, row.warm):
        start = time.perf_counter()
        done = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            raise RuntimeError(last_line(done.stderr.decode()))
        times.append(seconds + (work.epochs - row.units) * row.unit_s)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:200]


@contextlib.contextmanager
def trouble(row: Row) -> Iterator[None]:
    """Keeps one contestant's failure in its row."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        row.error = str(error) or type(error).__name__
