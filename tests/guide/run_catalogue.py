"""Measures the guide on the catalogue: found, right reason, right layer, false alarms.

    python tests/guide/run_catalogue.py
    python tests/guide/run_catalogue.py --stage check --only softmax --verbose

Every program is built three times from the same draws: for `model.check`, for a fit
that is stopped at a tenth of its epochs, and for the whole fit. Those with a fault
ought to be found, with the code that names the cause and at the layer where it is; of
their twins, of the clean programs and of the examples nothing ought to be said. It
exits with 1 where that falls short of what the guide promises.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import importlib.util
import inspect
import io
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
sys.path.insert(0, str(HERE))
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault(
    "ONEFIT_CACHE", os.path.join(tempfile.gettempdir(), f"onefit-tests-{os.getuid()}")
)

import numpy as np  # noqa: E402
from catalogue import CLEAN, FAULTS, Clean, Fault, Program, score  # noqa: E402

from onefit import Model, callbacks, datasets  # noqa: E402
from onefit.guide import TrainingWarning  # noqa: E402

STAGES = ("check", "watch 1/10", "diagnose 1/10", "watch", "diagnose")
EARLY = STAGES[:3]
REACH, HINTS = 0.9, 1 / 20

# What a rule may say of a fit that was stopped on purpose at a tenth.
TRUE_AT_A_TENTH = {"stopped-too-early"}

# Examples that show a fault, and say so: what may be said of them, by its reason.
STUCK = {"stuck-at-chance", "underfitting", "one-class-predictor"}
ON_PURPOSE = {
    "house_prices": {"dead-units", "one-class-predictor", "stuck-at-chance"},
    "xor_training": STUCK,  # without a hidden layer, and starts that get stuck
    "overfitting": {"overfitting", "penalty-too-strong"},
    "text_compared": STUCK,  # the average knows no order of words
    "transformer": STUCK,  # the average cannot look anything up
    "cnn_digits": {"overfitting", "validation-looks-different"},  # shifted digits
    "why_it_does_not_learn": {
        "dead-units",
        "deep-saturating-stack",
        "learning-rate-too-high",
        "overfitting",
        "vanishing-gradients",
    },
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "cnn_digits": {"epochs": 40},
    "cnn_mnist_shape": {"epochs": 2},
    "inception": {"epochs": 10},
    "two_inputs_two_outputs": {"epochs": 30},
    "text_lstm": {"epochs": 5},
    "text_compared": {"epochs": 5},
    "autoencoder": {"epochs": 100},
    "xor_populations": {"seeds": 3, "units": (2,), "activations": ("relu",)},
}


# What is said of a program ------------------------------------------------------------


@dataclasses.dataclass
class Said:
    """The findings about one program, by stage, and what went wrong on the way.

    `places` are the layers that are right for a fault.
    """

    findings: dict[str, list[Any]] = dataclasses.field(default_factory=dict)
    places: frozenset[str | None] = frozenset()
    refusal: str = ""
    crash: str = ""
    score: float | None = None

    def at(self, *stages: str) -> list[Any]:
        """All findings of these stages."""
        return [f for stage in stages for f in self.findings.get(stage, [])]


class StopAtATenth(callbacks.Callback):
    """Ends a fit after a tenth of its epochs, and after 1 at least."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops the fit where a tenth is over."""
        if epoch + 1 >= max(1, self.params["epochs"] // 10):
            self.model.stop_training = True


@contextlib.contextmanager
def heard() -> Iterator[list[Any]]:
    """The findings that are given as warnings."""
    found: list[Any] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [
        w.message.finding for w in caught if isinstance(w.message, TrainingWarning)
    ]


def checked(model: Any, x: Any, y: Any, fit: dict[str, Any]) -> list[Any]:
    """What check says, told all of fit's arguments that it takes."""
    taken = inspect.signature(model.check).parameters
    return list(model.check(x, y, **{k: v for k, v in fit.items() if k in taken}))


def said_of(build: Any, stages: tuple[str, ...]) -> Said:
    """What is said of a program at each stage."""
    said = Said()
    if "check" in stages:
        program: Program = build()
        try:
            args = program.x, program.y, program.fit
            said.findings["check"] = checked(program.model, *args)
        except Exception as error:
            said.crash = f"check: {type(error).__name__}: {error}"
    for part in (" 1/10", ""):
        watch, diagnose = f"watch{part}", f"diagnose{part}"
        if not {watch, diagnose} & set(stages):
            continue
        program = build()
        fit = {"verbose": 0, **program.fit}
        if part:
            fit["callbacks"] = [*fit.get("callbacks", []), StopAtATenth()]
        with heard() as found:
            try:
                history = program.model.fit(program.x, program.y, **fit)
            except (ValueError, TypeError) as error:
                said.refusal = str(error)
        said.findings[watch] = found
        if said.refusal:
            continue
        try:
            said.findings[diagnose] = list(history.diagnose())
        except Exception as error:
            said.crash = f"{diagnose}: {type(error).__name__}: {error}"
        if not part:
            said.score = score(program)
    return said


# The examples -------------------------------------------------------------------------


def _small_mnist(folder: str) -> dict[str, Any]:
    """The digits that are shipped, enlarged to MNIST's size, as a file of it."""
    x, y = datasets.load_digits()
    x = np.kron(x.reshape(-1, 8, 8) * (255 / 16), np.ones((3, 3)))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    file = Path(folder) / "small.npz"
    np.savez(file, x_train=x[:1200], y_train=y[:1200], x_test=x[1200:], y_test=y[1200:])
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"path": file, "sha256": sha256, "epochs": 20}


def said_of_example(file: Path, stages: tuple[str, ...]) -> Said:
    """What is said of the models that an example fits."""
    said = Said(findings={stage: [] for stage in stages})
    plain, fits = Model.fit, []

    def fit(model: Any, *args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(plain).bind(model, *args, **kwargs).arguments
        given = {k: v for k, v in given.items() if k not in ("self", "x", "y")}
        x, y = (*args, kwargs.get("x"), kwargs.get("y"))[:2]
        if "check" in stages:
            said.findings["check"] += checked(model, x, y, given)
        with heard() as found:
            history = plain(model, *args, **kwargs)
        fits.append(1)
        if "watch" in stages:
            said.findings["watch"] += found
        if "diagnose" in stages:
            said.findings["diagnose"] += history.diagnose()
        return history

    Model.fit = fit  # the examples call it as users do  # pyright: ignore[reportAttributeAccessIssue]
    try:
        spec = importlib.util.spec_from_file_location(file.stem, file)
        module = importlib.util.module_from_spec(spec)
        with (
            contextlib.redirect_stdout(io.StringIO()),
            tempfile.TemporaryDirectory() as folder,
        ):
            spec.loader.exec_module(module)
            given = ARGUMENTS.get(file.stem, {})
            module.main(**(_small_mnist(folder) if file.stem == "mnist" else given))
    except ImportError as error:
        said.refusal = str(error)
    except Exception as error:
        said.crash = f"{type(error).__name__}: {error}"
    finally:
        Model.fit = plain
    allowed = ON_PURPOSE.get(file.stem, set())
    for stage, found in said.findings.items():
        said.findings[stage] = [f for f in found if f.code not in allowed]
    return said


# Judging ------------------------------------------------------------------------------


def right(fault: Fault, said: Said, *stages: str) -> list[Any]:
    """The findings that name the cause."""
    return [f for f in said.at(*stages) if f.code in fault.codes]


def is_found(said: Said, *stages: str) -> bool:
    """Whether anything is said."""
    refused = bool(said.refusal) and any(s.startswith("watch") for s in stages)
    return refused or bool(said.at(*stages))


def is_right(fault: Fault, said: Said, *stages: str) -> bool:
    """Whether the cause is named, by a finding or by a refusal."""
    refused = any(s.startswith("watch") for s in stages) and fault.names(said.refusal)
    return refused or bool(right(fault, said, *stages))


def at_the_layer(fault: Fault, said: Said, *stages: str) -> bool:
    """Whether a finding that names the cause names a right layer too."""
    if fault.names(said.refusal) and not right(fault, said, *stages):
        return True
    names = [f.layer for f in right(fault, said, *stages)]
    return any(
        n in said.places or (n or "").split("/")[-1] in said.places for n in names
    )


def alarms(said: Said, severity: str, *stages: str) -> set[str]:
    """The codes of false alarms in a program that has no fault."""
    return {
        f.code
        for stage in stages
        for f in said.findings.get(stage, [])
        if f.severity == severity
        and not (stage.endswith("1/10") and f.code in TRUE_AT_A_TENTH)
    }


@dataclasses.dataclass
class Results:
    """What is said of all programs."""

    faults: list[tuple[Fault, Said]]
    twins: dict[str, Said]
    clean: dict[str, Said]
    examples: dict[str, Said]

    @property
    def sound(self) -> dict[str, Said]:
        """All programs without a fault."""
        return {
            **{f"twin of {name}": said for name, said in self.twins.items()},
            **{f"clean: {name}": said for name, said in self.clean.items()},
            **{f"example: {name}": said for name, said in self.examples.items()},
        }


def told(task: tuple[str, Any, tuple[str, ...]]) -> Said:
    """What is said of one program: of a fault, a twin, a clean one, an example."""
    kind, key, stages = task
    if kind == "example":
        said = said_of_example(EXAMPLES / f"{key}.py", stages)
    elif kind == "clean":
        said = said_of(CLEAN[key].program, stages)
    else:
        fault, faulty = FAULTS[key], kind == "fault"
        said = said_of(lambda: fault.program(faulty), stages)
        if faulty and fault.layer is not None:
            said.places = frozenset(fault.layers(fault.program(True).model))
    for stage, found in said.findings.items():
        # Only what is judged goes from process to process.
        said.findings[stage] = [
            dataclasses.replace(f, evidence={}, program=None, remedies=())
            for f in found
        ]
    return said


def asked_for(program: Fault | Clean, only: str) -> bool:
    """Whether a program's name or its file has `only` in it."""
    return only in program.name or only == program.build.__module__.split(".")[-1]


def measure(only: str, stages: tuple[str, ...], examples: bool) -> Results:
    """Runs all programs that are asked for.

    A process runs some tens of them: the memory of a compiled program is only given
    back with its process.
    """
    tasks: list[tuple[str, Any, str]] = []
    for i, fault in enumerate(FAULTS):
        if asked_for(fault, only) or only in fault.codes:
            tasks += [("fault", i, fault.name), ("twin", i, fault.name)]
    tasks += [("clean", i, p.name) for i, p in enumerate(CLEAN) if asked_for(p, only)]
    if examples:
        names = sorted(file.stem for file in EXAMPLES.glob("*.py"))
        tasks += [("example", name, name) for name in names if only in name]
    whole = tuple(stage for stage in stages if not stage.endswith("1/10"))
    results = Results([], {}, {}, {})
    groups = {
        "twin": results.twins,
        "clean": results.clean,
        "example": results.examples,
    }
    spawn, started = multiprocessing.get_context("spawn"), time.perf_counter()
    asked = [
        (kind, key, whole if kind == "example" else stages) for kind, key, _ in tasks
    ]
    with spawn.Pool(1, maxtasksperchild=40) as pool:
        answers = pool.imap(told, asked)
        for count, (kind, key, name) in enumerate(tasks, 1):
            if kind == "fault":
                results.faults.append((FAULTS[key], next(answers)))
            else:
                groups[kind][name] = next(answers)
            if sys.stderr.isatty():
                seconds = time.perf_counter() - started
                line = f"{seconds:5.0f} s, {count} of {len(tasks)}: {name:60.60s}"
                print(f"\r{line}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r" + 88 * " " + "\r", end="", file=sys.stderr)
    return results


# Printing -----------------------------------------------------------------------------


def table(results: Results, stages: tuple[str, ...]) -> str:
    """Found, right reason, right layer, false alarms: a line for each stage."""
    faults = results.faults
    placed = [(f, s) for f, s in faults if f.layer is not None]
    groups = results.twins, results.clean, results.examples
    head = [f"{len(faults)} faults", "found", "right reason", "right layer"]
    kinds = zip(("twins", "clean", "examples"), groups, strict=True)
    head += [f"{kind} ({len(group)})" for kind, group in kinds]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    early = tuple(stage for stage in EARLY if stage in stages)
    rows = {stage: (stage,) for stage in stages}
    rows |= {"before or within 1/10": early, "all": stages}
    for name, group in rows.items():
        found = sum(is_found(s, *group) for _, s in faults)
        named = sum(is_right(f, s, *group) for f, s in faults)
        sighted = [(f, s) for f, s in placed if is_right(f, s, *group)]
        layers = sum(at_the_layer(f, s, *group) for f, s in sighted)
        cells = [name, _share(found, len(faults)), _share(named, len(faults))]
        cells.append(_share(layers, len(sighted)))
        for programs in groups:
            counts = [
                sum(len(alarms(s, severity, *group)) for s in programs.values())
                for severity in ("error", "hint")
            ]
            cells.append("{} errors, {} hints".format(*counts))
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({100 * count / of:.0f} %)" if of else "-"


def complaints(results: Results, stages: tuple[str, ...], verbose: bool) -> list[str]:
    """What was missed, said wrongly, or said of a sound program."""
    lines = []
    early = tuple(stage for stage in EARLY if stage in stages)
    for fault, said in results.faults:
        codes = sorted({f.code for f in said.at(*stages)})
        if said.crash:
            lines.append(f"CRASH {fault.name}: {said.crash}")
        if said.refusal and not fault.names(said.refusal):
            lines.append(f"REFUSED {fault.name}: {said.refusal}")
        named = right(fault, said, *stages)
        where = f"wanted {sorted(fault.codes)}, said {codes}"
        if not is_right(fault, said, *stages):
            lines.append(f"missed: {fault.name}; {where}")
        elif not is_right(fault, said, *early):
            lines.append(f"late: {fault.name}; {where}")
        elif fault.layer is not None and not at_the_layer(fault, said, *stages):
            names = sorted({str(f.layer) for f in named})
            where = f"wanted {fault.layer}, said {names}"
            lines.append(f"other layer: {fault.name}; {where}")
        if fault.severity and any(f.severity != fault.severity for f in named):
            lines.append(f"severity: {fault.name} is a matter for a {fault.severity}")
        beside = sorted(set(codes) - fault.codes)
        if verbose and beside:
            lines.append(f"  also said of {fault.name}: {beside}")
    for name, said in results.sound.items():
        if said.crash or (said.refusal and not name.startswith("example")):
            lines.append(f"CRASH {name}: {said.crash or said.refusal}")
        for severity in ("error", "hint"):
            for code in sorted(alarms(said, severity, *stages)):
                at = [s for s in stages if code in alarms(said, severity, s)]
                first = next(f for f in said.at(*at) if f.code == code)
                seen = f" ({first.layer}: {first.seen})" if verbose else ""
                lines.append(f"false {severity}: {name}: {code} at {at}{seen}")
    return lines


def main() -> int:
    """Prints the table, the complaints, the totals; whether they are good enough."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="", help="in the name, or a file")
    parser.add_argument("--stage", choices=["check", "watch", "diagnose"])
    parser.add_argument("--no-examples", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    stages = tuple(s for s in STAGES if args.stage is None or s.startswith(args.stage))
    results = measure(args.only, stages, not args.no_examples)
    print(table(results, stages), "\n")
    lines = complaints(results, stages, args.verbose)
    print("\n".join(lines), "\n")

    sound = results.sound
    early = tuple(stage for stage in EARLY if stage in stages)
    total = len(results.faults)
    found = sum(is_right(f, s, *early) for f, s in results.faults)
    errors = sum(len(alarms(s, "error", *stages)) for s in sound.values())
    hints = sum(len(alarms(s, "hint", *stages)) for s in sound.values())
    broken = sum(line.startswith(("CRASH", "REFUSED")) for line in lines)
    print(
        "found with the right reason before or within the first tenth:",
        _share(found, total),
    )
    print(f"errors on the {len(sound)} clean programs: {errors}")
    print(f"hints on the {len(sound)} clean programs: {hints}")
    if broken:
        print(f"broken: {broken}")
    good = found >= REACH * total and not errors and hints <= HINTS * len(sound)
    return 0 if good and not broken else 1


if __name__ == "__main__":
    sys.exit(main())
