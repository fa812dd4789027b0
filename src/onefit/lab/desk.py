"""The lab itself: one network, one thread that trains it, and what it was told to do.

Whoever serves it puts commands in with `ask`, and reads `about` (what is built) and
`frame` (how it is) as they are: the latest is the only one that is kept.
"""

import base64
import dataclasses
import itertools
import queue
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from onefit.errors import invalid, unknown
from onefit.guide.finding import Report
from onefit.guide.program import Program
from onefit.lab import advice, glass, pictures
from onefit.lab.axes import axes
from onefit.lab.data import MADE, Rows, made, of_table, split
from onefit.lab.design import CHOICES, LOSS_OF, Design, features
from onefit.lab.engine import Engine
from onefit.lab.lessons import Lesson, judge, lessons
from onefit.models import Model
from onefit.types import Config

__all__ = ["Lab"]

FRAME, STRETCH = 0.033, 0.027
"""Seconds between two pictures, and of them those that a stretch takes."""

ALONE = 20.0
"""Seconds that training goes on without anyone who looks."""

CURVE = 240
"""Points of a curve that are sent."""

POINTS = 1500
"""Points of the data that are drawn."""

SPEEDS = (1, 10, 100, 1000, 0)
"""Epochs a second; 0 for as many as there are."""

SAME = {
    "rate", "optimizer", "optimizer_settings", "batch", "penalty", "penalty_rate",
    "loss", "loss_settings",
}  # fmt: skip
"""Settings that leave the weights as they are."""


class Lab:
    """A network to build, train and question.

    Attributes:
        about: What is built: design, data, findings; a new dict when it changes.
        frame: How it is: epoch, losses, pictures; likewise.
        watched: When someone last looked, by `time.monotonic`.

    Args:
        design: What to begin with; None where the model is what someone else made.
        given: A table or arrays to train on; None for data that is made.
        model: A model, with `given`.
        raw: The rows as the model takes them, where those of `given` are for pictures.
        lesson: The name of a lesson to begin with.
        wait: Whether it is built when this returns. If not, `about` and `frame` are
            empty until it is, and commands wait: for what is known to be sound.

    Raises:
        ValueError: A lesson that there is not; with `wait`, layers that do not fit
            together or the data.

    Example:
        >>> with Lab(Design(data="gauss", layers=())) as lab:
        ...     done = lab.ask({"do": "step"}).result(60)
        ...     lab.frame["epoch"]
        1
    """

    def __init__(
        self,
        design: Design | None = None,
        given: Rows | None = None,
        model: Model | None = None,
        raw: tuple[Any, Any] | None = None,
        lesson: str | None = None,
        wait: bool = True,
    ) -> None:
        self.given, self.raw = given, raw
        self.model: Model | None = model
        self.design: Design | None = design
        self.playing, self.speed, self.stop_at = False, 100, None
        self.example, self.axes = 0, (0, 1)
        self.lesson: Lesson | None = None
        self.findings: Report | None = None
        self.note = ""
        self.many: Any = None  # `many.Many`, once there is one
        self.about: Config = {}
        self.frame: Config = {}
        self.watched = time.monotonic()
        self._commands: queue.Queue[tuple[Config, Future] | None] = queue.Queue()
        self._health: list[Config] = []
        self._path: list[np.ndarray] = []
        self._times = [0.0, 0.0]  # of the last picture, of the last look at health
        self._versions = 0
        self._marks: list[tuple[float, int]] = []
        self._counter = itertools.count()
        self._numbers: list[int] = []  # of the design's layers, as long as they live
        self._kinds: tuple[str, ...] = ()
        if lesson is not None:
            self._teach(lesson)
        built: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(built,), name="lab", daemon=True
        )
        self._thread.start()
        if wait:
            built.result()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the thread, after the stretch that runs."""
        self._commands.put(None)
        self._thread.join()

    def ask(self, command: Any) -> "Future[Config]":
        """Has a command done between two stretches; its answer comes in the future.

        Args:
            command: {"do": name, ...}, as JSON had it.
        """
        future: Future[Config] = Future()
        self._commands.put((command, future))
        return future

    # The thread -----------------------------------------------------------------------

    def _work(self, built: "Future[None]") -> None:
        self._learned = time.monotonic()
        try:
            self._build()
        except Exception as error:  # for who made it, whatever it is
            built.set_exception(error)
            return
        built.set_result(None)
        self._warm()
        while True:
            wait = 0.5
            if self.playing:
                wait = self._advance()
            try:
                one = self._commands.get(wait > 0, wait or None)
            except queue.Empty:
                continue
            if one is None:
                return
            command, future = one
            if not future.set_running_or_notify_cancel():
                continue
            try:
                answer = self._do(command)
            except Exception as error:  # for who asked, whatever it is
                future.set_exception(error)
            else:
                future.set_result(answer)

    def _warm(self) -> None:
        """Compiles the program while nobody has asked for anything: nothing changes."""
        if not self._commands.empty():
            return
        try:
            self.engine.run(1)
            self.engine.rewind(0)
        except Exception as error:  # the thread goes on; the page says so
            self.note = str(error)
            self._show()

    def _advance(self) -> float:
        """Trains a stretch; returns the seconds to wait before the next."""
        now = time.monotonic()
        if now - self.watched > ALONE:
            self.playing = False
            self._show()
            return 0.5
        wanted = None
        if self.speed:
            wanted = int((now - self._learned) * self.speed)
            if wanted < 1:
                return min(1 / self.speed, 0.05)
            wanted = min(wanted, max(1, self.speed))
        self._learned = now
        try:
            self.engine.run(wanted, STRETCH)
            self._followed()
        except Exception as error:  # the thread goes on; the page says so
            self.playing, self.note = False, str(error)
        if not self.speed or now - self._times[0] >= FRAME or not self.playing:
            self._show()
        return 0.0 if not self.speed else 0.005

    def _followed(self) -> None:
        """What a stretch leaves to look at: where to stop, the path of two weights."""
        _, logs = self.engine.logs()
        loss = float(logs[-1][0]) if len(logs) else np.inf
        if not np.isfinite(loss):
            self.playing = False
        if self.stop_at is not None and loss <= self.stop_at:
            self.playing = False
        if self._two:
            self._path.append(self._point())

    # Commands -------------------------------------------------------------------------

    def _do(self, command: Any) -> Config:
        if not isinstance(command, dict):
            raise invalid("command", type(command).__name__, 'an object, {"do": name}')
        given = dict(command)
        name = given.pop("do", None)
        if not isinstance(name, str) or name not in COMMANDS:
            raise unknown("command", str(name)[:40], COMMANDS)
        try:
            answer = COMMANDS[name](self, **given)
        except TypeError as error:
            if "argument" in str(error):
                text = str(error).partition(") ")[2] or str(error)
                raise invalid(str(name), text, "its own arguments") from None
            raise
        return answer or {}

    def play(self) -> None:
        """Trains until someone says pause."""
        self.playing, self.note = True, ""
        self._learned = self.watched = time.monotonic()
        self._show()

    def pause(self) -> None:
        """Ends after the stretch."""
        self.playing = False
        self._measure()
        self._show()

    def step(self, by: str = "epoch") -> None:
        """One epoch, one batch, or one step on the chosen example."""
        self.playing = False
        if by == "epoch":
            self.engine.run(1)
        elif by == "batch":
            self.engine.step_batch()
        elif by == "example":
            self.engine.step_example(self._trained_example())
        else:
            raise unknown("step", by[:40], ["epoch", "batch", "example"])
        self._followed()
        self._measure()
        self._show()

    def rewind(self, epoch: float = 0) -> None:
        """Goes back to where it was at an epoch, or just before."""
        self.playing = False
        self.engine.rewind(int(_number("epoch", epoch)))
        self._path = [self._point()] if self._two else []
        self._measure()
        self._show()

    def change(self, design: Any) -> None:
        """Other settings: the network is built anew, where they shape it."""
        self._turn(self._mine("a change").changed(design))

    # What follows changes a part, so that two commands sent one after the other both
    # count, whatever the page had drawn when they were.

    def layer(self, number: float, changes: Any = None, more: float = 0) -> None:
        """Other settings of one layer, by its number in `about`; or more units."""
        at, design = self._place(number), self._mine("a layer")
        layers = [dict(one) for one in design.layers]
        own = "initializer_settings"
        given = dict(changes) if isinstance(changes, dict) else {}
        if changes is not None and not isinstance(changes, dict):
            raise invalid("layer", f"{changes!r}"[:40], "an object of settings")
        if "initializer" in given:
            layers[at].pop(own, None)
        if isinstance(given.get(own), dict):
            given[own] = dict(layers[at].get(own, {})) | given[own]
        layers[at] |= given
        if more:
            units = layers[at].get("units", 1) + int(_number("more", more))
            layers[at]["units"] = max(units, 1)
        self._turn(design.changed({"layers": layers}), self._numbers)

    def add(self, layer: Any) -> None:
        """One more layer: at the end, of images behind the others of images."""
        design = self._mine("a layer")
        layers, numbers = list(design.layers), list(self._numbers)
        kinds, at = ("conv", "pool"), len(layers)
        if isinstance(layer, dict) and layer.get("kind") in kinds:
            at = sum(one["kind"] in kinds for one in layers)
        layers.insert(at, layer)
        numbers.insert(at, next(self._counter))
        self._turn(design.changed({"layers": layers}), numbers)

    def remove(self, number: float) -> None:
        """One layer less, by its number in `about`."""
        at, design = self._place(number), self._mine("a layer")
        layers, numbers = list(design.layers), list(self._numbers)
        del layers[at], numbers[at]
        self._turn(design.changed({"layers": layers}), numbers)

    def feature(self, name: str, seen: bool) -> None:
        """Has the network see a column, or no more."""
        design, rows = self._mine("a column"), self.rows
        plain = rows.columns == ("x1", "x2")
        known = tuple(CHOICES["features"]) if plain else rows.columns
        if name not in known or not isinstance(seen, bool):
            raise unknown("column", str(name)[:40], known)
        now = {*design.columns(rows)} - {name} | ({name} if seen else set())
        if not now:
            raise invalid("columns", "none", "one at least")
        self._turn(design.changed({"features": [n for n in known if n in now]}))

    def renew(self, seed: str) -> None:
        """Draws anew: `seed` for the weights, `data_seed` for the points."""
        design = self._mine("a seed")
        if seed not in ("seed", "data_seed"):
            raise unknown("seed", str(seed)[:40], ["seed", "data_seed"])
        self._turn(design.changed({seed: (getattr(design, seed) + 1) % 1_000_000}))

    def _mine(self, what: str) -> Design:
        """The design, where it is the page's to change."""
        if self.design is None:
            raise invalid(
                "design",
                f"{what} of a model that Python made",
                "one that is made here",
                "change it in Python, and show it again",
            )
        return self.design

    def _place(self, number: float) -> int:
        """Where in the design the layer of this number is now."""
        wanted = _number("layer", number)
        if wanted not in self._numbers:
            raise invalid("layer", f"number {number!r}"[:40], "one that is there still")
        return self._numbers.index(int(wanted))

    def _turn(self, now: Design, numbers: list[int] | None = None) -> None:
        """Builds what a design says; one that cannot be built changes nothing."""
        before, known = self._mine("a change"), self._numbers
        if now.data in ("table", "yours") and self.given is None:
            raise invalid("data", now.data, "a file", "choose one")
        if now.data != before.data and now.data == "cases":  # four rows: all of them
            now = dataclasses.replace(now, share=0.0, batch=min(now.batch, 4))
        old, new = before.config(), now.config()
        changed = {name for name in new if new[name] != old[name]}
        kept = self.engine if changed <= SAME else None
        self.design = now
        if numbers is not None:
            self._numbers, self._kinds = numbers, _kinds(now)
        try:
            self._build(kept)
        except (ValueError, TypeError):
            self.design, self._numbers, self._kinds = before, known, _kinds(before)
            self._build()
            raise
        if kept is None:
            self.playing = False

    def edit(self, layer: float, weight: str, place: Any, value: float) -> None:
        """Sets one number of the weights."""
        if not isinstance(place, list):
            raise invalid("place", f"{place!r}"[:40], "a list of numbers")
        at = tuple(int(_number("place", i)) for i in place)
        index = int(_number("layer", layer))
        self.engine.edit(index, str(weight), at, _number("value", value))
        if self._two:
            self._path.append(self._point())
        self._show()

    def view(
        self,
        speed: float | None = None,
        example: float | None = None,
        axes: Any = None,
        stop: Any = None,
    ) -> None:
        """How it is looked at: speed, the example, the columns of the plane."""
        if speed is not None:
            if speed not in SPEEDS:
                raise invalid("speed", f"{speed!r}"[:40], f"one of {SPEEDS}")
            self.speed, self._learned = int(speed), time.monotonic()
        if example is not None:
            number = int(_number("example", example))
            if not 0 <= number < len(self.rows.x):
                raise invalid("example", str(number), f"0 to {len(self.rows.x) - 1}")
            self.example = self.pictures.example = number
        if axes is not None:
            n = len(self.rows.columns)
            whole = isinstance(axes, list) and len(axes) == 2
            if not whole or not all(isinstance(i, int) and 0 <= i < n for i in axes):
                raise invalid("axes", f"{axes!r}"[:40], f"two numbers of {n} columns")
            self.axes = self.pictures.axes = (axes[0], axes[1])
            self._tell()
        if stop is not None:
            self.stop_at = _number("stop", stop) if stop != "" else None
        self._show()

    def trace(self) -> Config:
        """The numbers of the chosen example."""
        return glass.numbers(self._traced()) | {"y": _list(self.rows.y[self.example])}

    def formula(
        self, layer: str, unit: float, weight: str | None = None, place: Any = ()
    ) -> Config:
        """How a unit's numbers come about, or a weight's next one."""
        at = tuple(int(_number("place", i)) for i in place)
        number = int(_number("unit", unit))
        return glass.formula(self._traced(), str(layer), number, weight, at)

    def diagnose(self) -> Config:
        """What kept it from learning so far."""
        self.findings = self.engine.diagnose()
        return {"findings": advice.told(self.findings, self.design)}

    def fix(self, code: str, layer: str | None = None) -> Config:
        """The design that mends a finding."""
        for finding in self.findings or ():
            if (finding.code, finding.layer) == (code, layer) and self.design:
                found = advice.mended(finding, self.design)
                if found is not None:
                    self.change(found.config())
                    return {}
        raise unknown("finding with a fix", str(code)[:40], [
            finding.code for finding in self.findings or ()
        ])  # fmt: skip

    def load(self, text: str, target: str | None = None) -> Config:
        """A table as text takes the place of the data."""
        if not isinstance(text, str):
            raise invalid("table", type(text).__name__, "a text")
        rows = of_table(text.encode(), target)
        before = self.given
        self.given, self.raw = rows, None
        begun = self.design or Design()
        try:
            self.design = begun.changed(
                {"data": "table", "features": [], "end": None, "loss": None}
            )
            self.model = None
            self._build()
        except (ValueError, TypeError):
            self.given, self.design = before, begun
            self._build()
            raise
        return {"columns": list(rows.columns), "note": rows.note}

    def teach(self, lesson: str | None = None) -> Config:
        """Begins a lesson, or ends the one that there is."""
        self.playing = False
        if not lesson:
            self.lesson = None
            self._tell()
            self._show()
            return {}
        self._teach(lesson)
        self.model = None
        self._build()
        return {}

    def answer(self, question: float, value: Any) -> Config:
        """Whether the answer to a lesson's question is right."""
        if self.lesson is None:
            raise invalid("answer", "no lesson", "one", "choose a lesson first")
        number = int(_number("question", question))
        if not 0 <= number < len(self.lesson.questions):
            raise invalid("question", str(number), "one of the lesson's")
        _, logs = self.engine.logs()
        layers = (self.design or Design()).layers
        facts = {
            "epoch": float(self.engine.epoch),
            "units": float(sum(one.get("units", 0) for one in layers)),
            "layers": float(len(layers)),
        }
        if len(logs):
            facts |= dict(zip(self.engine.names, logs[-1].tolist(), strict=True))
        return {"right": judge(self.lesson.questions[number], value, facts)}

    def several(self, seeds: float = 100, epochs: float = 200) -> Config:
        """The same network from many seeds."""
        from onefit.lab.many import Many

        self.playing = False
        count, length = int(_number("seeds", seeds)), int(_number("epochs", epochs))
        if not 1 <= count <= 400 or not 1 <= length <= 20_000:
            raise invalid(
                "several",
                f"{count} seeds, {length} epochs",
                "1 to 400 seeds, 1 to 20000 epochs",
            )
        batch = self.engine.job.batch_size
        self.many = Many(
            self._fresh(), *self._data(), seeds=count, epochs=length, batch=batch
        )
        return self.many.told(self.pictures)

    def survey(
        self,
        across: str = "rate",
        upwards: str = "units",
        epochs: float = 100,
        side: float = 8,
    ) -> Config:
        """A map of two settings, by the names in `about`'s axes."""
        from onefit.lab.many import Survey

        self.playing = False
        length, steps = int(_number("epochs", epochs)), int(_number("side", side))
        if not 2 <= steps <= 12 or not 1 <= length <= 20_000:
            raise invalid(
                "survey",
                f"a side of {steps}, {length} epochs",
                "2 to 12, 1 to 20000 epochs",
            )
        design, names = self._mine("a map"), (str(across), str(upwards))
        self.many = Survey(design, self.rows, *self._data(), names, length, steps)
        return self.many.told(self.pictures)

    def open(self, member: float) -> None:
        """One of many takes the place of the network."""
        if self.many is None:
            raise invalid("open", "a member of none", "one of many", "train many first")
        many = self.many
        model, design = many.member(int(_number("member", member)))
        if self.design is not None and design is not None:
            self.design = design
        self.playing = False
        self._build()
        self.many = many  # another of them may be opened after it
        self.engine.model.set_weights(model.get_weights())
        self.engine.state.pull_changes()
        self.engine.keep()
        self._show()

    # Out ------------------------------------------------------------------------------

    def out(self, kind: str) -> Config:
        """What was built, to take away: {"name", "type", "data" in base64}."""
        if kind == "python":
            return _file("lab.py", "text/x-python", self.code().encode())
        if kind == "keras":
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "lab.keras")
                self.engine.write().save(path)
                return _file("lab.keras", "application/zip", path.read_bytes())
        if kind == "onnx":
            from onefit.interop import onnx

            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "lab.onnx")
                onnx.export(self.engine.write(), path)
                return _file("lab.onnx", "application/octet-stream", path.read_bytes())
        if kind == "lab":
            return {"lab": self.saved()}
        raise unknown("file", kind[:40], ["python", "keras", "onnx", "lab"])

    def code(self) -> str:
        """The program that trains this network, in Python."""
        rows, (x, y, held) = self.rows, self._data()
        lines = list(rows.lines)
        if np.shape(y) != np.shape(rows.y[self.train]) and self.raw is None:
            lines += [
                "import numpy as np",
                f"y = np.eye({len(rows.classes)})[y.ravel()]",
            ]
        if self.design is not None and self.pictures.seen != rows.columns:
            lines += [
                "from onefit.lab.design import features",
                f"x = features(x, rows.columns, {self.pictures.seen!r})",
            ]
        fit: dict[str, Any] = {"epochs": max(self.engine.epoch, 1)}
        fit["batch_size"] = self.engine.job.batch_size
        if held is not None:
            assert self.design is not None
            lines += [
                "from onefit.lab.data import split",
                f"train, test = split(rows, {self.design.share!r}, "
                f"{self.design.data_seed})",
                "x_val, y_val, x, y = x[test], y[test], x[train], y[train]",
            ]
            fit["validation_data"] = held
        program = Program(self.engine.model, x, y, fit, lines=tuple(lines))
        return program.code

    def saved(self) -> Config:
        """The lab as a file has it: the design, and the weights."""
        if self.design is None:
            raise invalid("lab file", "a model that Python made", "one made here",
                          "save it as .keras")  # fmt: skip
        weights = [np.asarray(w) for w in self.engine.write().get_weights()]
        held = [
            {
                "shape": list(w.shape),
                "data": base64.b64encode(w.astype("<f4").tobytes()).decode(),
            }
            for w in weights
        ]
        return {
            "onefit": "lab",
            "version": 1,
            "design": self.design.config(),
            "weights": held,
            "epoch": self.engine.epoch,
        }

    def restore(self, lab: Any) -> None:
        """Takes up what a lab file has."""
        if not isinstance(lab, dict) or lab.get("onefit") != "lab":
            raise invalid("lab file", "another file", "one that the lab wrote")
        design = Design.read(lab.get("design"))
        if design.data in ("table", "yours") and self.given is None:
            raise invalid("lab file", "one of a table", "the table", "open it first")
        before, self.design, self.model = self.design, design, None
        try:
            self._build()
            kept = lab.get("weights")
            shapes = [np.shape(w) for w in self.engine.model.get_weights()]
            if kept is not None:
                if not isinstance(kept, list) or len(kept) != len(shapes):
                    raise invalid("lab file", "other weights", f"{len(shapes)} arrays")
                arrays = [_array(one, s) for one, s in zip(kept, shapes, strict=True)]
                self.engine.model.set_weights(arrays)
                self.engine.state.pull_changes()
                self.engine.keep()
        except (ValueError, TypeError, KeyError):
            self.design = before
            self._build()
            raise
        self._show()

    # Building -------------------------------------------------------------------------

    def _teach(self, name: str) -> None:
        found = lessons()
        if not isinstance(name, str) or name not in found:
            raise unknown("lesson", str(name)[:40], found)
        self.lesson = found[name]
        self.design = Design.read(dict(self.lesson.design))
        self.speed = int(self.lesson.view.get("speed", 100))

    def _build(self, kept: Engine | None = None) -> None:
        """The network that the design says, on its rows, and what the guide says."""
        design = self.design
        if design is not None and design.data not in ("table", "yours"):
            self.rows = made(design.data, design.rows, design.noise, design.data_seed)
        elif self.given is not None:
            self.rows = self.given
        else:
            self.design = design = Design()
            self.rows = made(design.data, design.rows, 0.0, 0)
        if _kinds(design) != self._kinds:  # other layers than before
            self._kinds = _kinds(design)
            self._numbers = [next(self._counter) for _ in self._kinds]
        rows = self.rows
        self.train, self.test = split(
            rows, design.share if design else 0.0, design.data_seed if design else 0
        )
        model = self.model
        if model is None:
            assert design is not None
            model = design.model(rows)
        self.model = None  # it was given once; from now on the design says it
        if kept is not None:
            model.set_weights(kept.write().get_weights())
        x, y, held = self._data()
        batch = design.batch if design else 32
        seed = design.seed if design else 0
        self.engine = Engine(model, x, y, held, batch, seed)
        if kept is not None:
            self.engine.follow(kept)
        seen = design.columns(rows) if design else rows.columns
        self.pictures = pictures.Pictures(model.graph, rows, seen)
        self.example = min(self.example, len(rows.x) - 1)
        if len(rows.columns) <= max(self.axes):
            self.axes = (0, min(1, max(len(rows.columns) - 1, 0)))
        self.pictures.axes, self.pictures.example = self.axes, self.example
        self._health, self.many = [], None
        self._path = [self._point()] if self._two else []
        self.findings = model.check(x, y, batch_size=batch)
        self._tell()
        self._show()

    def _data(self) -> tuple[Any, Any, tuple[Any, Any] | None]:
        """The rows to train on, as the network takes them, and those to test on."""
        if self.raw is not None:
            return (*self.raw, None)
        rows = self.rows
        seen = self.design.columns(rows) if self.design else rows.columns
        x = features(rows.x, rows.columns, seen)
        y = self._targets()
        held = (x[self.test], y[self.test]) if len(self.test) else None
        return x[self.train], y[self.train], held

    def _targets(self) -> np.ndarray:
        """The targets as the loss takes them: of classes a row of 0 and 1 for some."""
        rows = self.rows
        loss = self.design.loss if self.design else None
        if rows.problem != "classes" or loss in (None, LOSS_OF["classes"]):
            return rows.y
        return np.eye(len(rows.classes), dtype=np.float32)[rows.y[:, 0]]

    def _fresh(self) -> Model:
        """A model as the one that trains, with new weights."""
        if self.design is not None:
            return self.design.model(self.rows)
        return self.engine.write()

    def _trained_example(self) -> int:
        """The number of the chosen example among those to train on."""
        at = int(np.searchsorted(self.train, self.example))
        inside = at < len(self.train) and self.train[at] == self.example
        if not inside:
            raise invalid("step", "an example of the test data", "one to train on")
        return at

    def _traced(self) -> Any:
        model = self.engine.write()
        if self.raw is not None:
            return glass.looked_at(model, *self.raw, self.example)
        seen = self.pictures.seen
        x = features(self.rows.x, self.rows.columns, seen)
        return glass.looked_at(model, x, self._targets(), self.example)

    # Telling --------------------------------------------------------------------------

    @property
    def _two(self) -> bool:
        """Whether J is a surface over two weights, which can be drawn."""
        shapes = [np.shape(w) for w in self.engine.model.get_weights()]
        return shapes == [(1, 1), (1,)]

    def _point(self) -> np.ndarray:
        (own,) = filter(None, self.engine.weights())
        return np.concatenate([np.ravel(own["kernel"]), own["bias"]])

    def _measure(self) -> None:
        """Looks at units and gradients, where a loss says that there are any."""
        self._times[1] = time.monotonic()
        try:
            self._health = pictures.health(self.engine.probe())
        except (ValueError, TypeError, FloatingPointError):
            self._health = []  # a network whose loss the probe does not know

    def _tell(self) -> None:
        """Publishes what is built."""
        rows = self.rows
        shown = [
            part[:: -(-len(part) // POINTS)] if len(part) > POINTS else part
            for part in (self.train, self.test)
        ]
        first, second = self.axes
        at = np.concatenate(shown)
        flat = self.pictures.flat
        xy = rows.x[at][:, [first, second]] if flat else np.zeros((0, 2))
        self._versions += 1
        self.about = {
            "version": self._versions,
            "design": None if self.design is None else self.design.config(),
            "data": {
                "name": rows.name,
                "problem": rows.problem,
                "columns": list(rows.columns),
                "seen": list(self.pictures.seen),
                "classes": list(rows.classes),
                "rows": len(rows.x),
                "train": len(self.train),
                "extent": list(rows.extent),
                "note": rows.note,
                "image": list(rows.image),
                "axes": list(self.axes),
                "x": _list(xy),
                "y": _list(rows.y[at]),
                "numbers": at.tolist(),
                "held": len(shown[1]),
            },
            "layers": self._layers(),
            "findings": advice.told(self.findings or Report([]), self.design),
            "settings": self.design.offered(rows) if self.design else None,
            "axes": list(axes(self.design)) if self.design else [],
            "choices": CHOICES | {"data": [*MADE, "digits", "images"]},
            "lesson": None if self.lesson is None else self.lesson.told(),
            "lessons": {
                name: {"en": one.title["en"], "ko": one.title.get("ko")}
                for name, one in lessons().items()
            },
        }

    def _layers(self) -> list[Config]:
        """The layers as the page draws them, and which of the design each is."""
        graph = self.engine.model.graph
        shape: Any = graph.slot.input_shape
        settings = self.design.layers if self.design else ()
        rest = [i for i, one in enumerate(settings) if one["kind"] != "flatten"]
        told = []
        for layer in graph.layers:
            shape = layer.output_shape(shape)
            activation = getattr(layer, "activation", None)
            name = getattr(activation, "__name__", activation)
            plain = layer is not graph.layers[-1] and type(layer).__name__ != "Flatten"
            told.append(
                {
                    "name": str(layer.name),
                    "kind": type(layer).__name__,
                    "units": int(shape[-1]),
                    "shape": [int(n) for n in shape[1:]],
                    "activation": None if name is None else str(name),
                    "design": (at := rest.pop(0) if plain and rest else None),
                    "number": None if at is None else self._numbers[at],
                }
            )
        return told

    def _show(self) -> None:
        """Publishes how it is."""
        engine = self.engine
        now = time.monotonic()
        self._times[0] = now
        if self.playing and now - self._times[1] > 1.0:
            if self._times[1]:
                self._measure()
            self._times[1] = now
        epochs, logs = engine.logs()
        step = max(1, -(-len(epochs) // CURVE))
        chosen = np.arange(len(epochs) - 1, -1, -step)[::-1]
        last = logs[-1].tolist() if len(logs) else []
        params, state = engine.state.params, engine.state.train.state
        self._versions += 1
        self.frame = {
            "version": self._versions,
            "built": self.about["version"],
            "epoch": engine.epoch,
            "batch": engine.batch,
            "batches": engine.plan.steps,
            "playing": self.playing,
            "speed": self.speed,
            "stop": self.stop_at,
            "pace": self._paced(now),
            "note": self.note,
            "example": self.example,
            "last": dict(zip(engine.names, _list(last), strict=False)),
            "curves": {
                "epoch": epochs[chosen].tolist(),
                **{
                    name: _list(logs[chosen, i])
                    for i, name in enumerate(engine.names)
                },
            },
            "moments": engine.moments,
            "weights": [
                {
                    name: _list(w) if w.size <= 4096 else []
                    for name, w in own.items()
                    if name in ("kernel", "bias", "gamma", "beta")
                }
                for own in engine.weights()
            ],
            "pictures": self.pictures.draw(params, state),
            "health": self._health,
            "valley": pictures.valley(
                engine.model, np.asarray(engine.x), np.asarray(engine.y),
                np.array(self._path),
            ) if self._two and self._path else None,
        }  # fmt: skip

    def _paced(self, now: float) -> int:
        """Epochs a second, pictures and all, of the last second or so."""
        if not self.playing:
            self._marks = []
            return 0
        self._marks = [*self._marks, (now, self.engine.epoch)]
        while len(self._marks) > 2 and now - self._marks[1][0] > 1.0:
            self._marks.pop(0)
        began, first = self._marks[0]
        seconds = now - began
        return round((self.engine.epoch - first) / seconds) if seconds > 0.2 else 0


def _list(array: Any) -> list[float | None]:  # numpy, or a list
    return pictures.floats(array)


def _number(name: str, value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not np.isfinite(value):
        raise invalid(name, f"{value!r}"[:40], "a number")
    return float(value)


def _kinds(design: Design | None) -> tuple[str, ...]:
    return tuple(one["kind"] for one in design.layers) if design else ()


def _file(name: str, kind: str, data: bytes) -> Config:
    return {"name": name, "type": kind, "data": base64.b64encode(data).decode()}


def _array(held: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of a lab file."""
    data = base64.b64decode(str(held["data"]), validate=True)
    array = np.frombuffer(data, "<f4")
    if list(held["shape"]) != list(shape) or array.size != np.prod(shape, dtype=int):
        raise invalid("lab file", f"weights of shape {held['shape']}", f"{shape}")
    return array.reshape(shape).astype(np.float32)


COMMANDS: dict[str, Callable[..., Config | None]] = {
    "play": Lab.play,
    "pause": Lab.pause,
    "step": Lab.step,
    "rewind": Lab.rewind,
    "change": Lab.change,
    "layer": Lab.layer,
    "add": Lab.add,
    "remove": Lab.remove,
    "feature": Lab.feature,
    "renew": Lab.renew,
    "edit": Lab.edit,
    "view": Lab.view,
    "trace": Lab.trace,
    "formula": Lab.formula,
    "diagnose": Lab.diagnose,
    "fix": Lab.fix,
    "load": Lab.load,
    "teach": Lab.teach,
    "answer": Lab.answer,
    "several": Lab.several,
    "survey": Lab.survey,
    "open": Lab.open,
    "out": Lab.out,
    "restore": Lab.restore,
}
"""What the page may have done, by name."""
