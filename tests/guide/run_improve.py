"""Measures `model.improve` on the catalogue: does it reach the fault's twin?

    python tests/guide/run_improve.py
    python tests/guide/run_improve.py --faults 10 --sound 0 --seconds 60

Of so many faulty programs, evenly from the catalogue, each is improved within so many
seconds (of the processor with --cpu, where the machine does other things too). Then its
best program and the fault's corrected twin are trained from three other seeds on the
same rows, and judged on the same fifth of them that neither has seen. It counts those
that come within the twin's spread, or 0.03; and of sound programs, those that what is
recommended makes worse than they were.
"""

import argparse
import itertools
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from catalogue import CLEAN, FAULTS

from onefit.guide import improve as improving
from onefit.guide.improve import Judge
from onefit.guide.program import Program

SEEDS = (101, 102, 103)


def described(program):
    """A program of the catalogue as the guide's."""
    return Program(program.model, program.x, program.y, dict(program.fit))


def scores(program):
    """The scores of three seeds on rows held out, NaN where it does not train."""
    judge = Judge(program)
    part = judge.parted(program, 7)
    found = []
    for seed in SEEDS:
        model = part.fresh(seed)
        try:
            model.fit(part.x, part.y, **{"verbose": 0, **part.fit})  # pyright: ignore[reportAttributeAccessIssue]
            found.append(float(judge(part, model).mean()))
        except (ValueError, TypeError):
            found.append(np.nan)
    return np.array(found), judge.name


def improved(program, seconds):
    """The advice for a program of the catalogue."""
    return program.model.improve(
        program.x,
        program.y,
        seconds=seconds,
        **{k: v for k, v in program.fit.items() if k != "verbose"},
    )


class Measured(NamedTuple):
    """What came of one program: scores before, after, and of what it ought to reach."""

    name: str
    before: float
    after: float
    right: float
    spread: float
    best: str
    seconds: float

    @property
    def reached(self):
        """Whether the best program is as good as the twin; not, if it cannot tell."""
        return self.after >= self.right - self.spread

    @property
    def suffers(self):
        """Whether the program as it is falls short of its twin, or does not train."""
        return not self.before >= self.right - self.spread

    def __str__(self):
        mark = "ok  " if self.reached else "MISS"
        return (
            f"{mark} {self.name}: {self.before:.3f} -> {self.after:.3f}, twin "
            f"{self.right:.3f} by {self.best or 'none'} ({self.seconds:.0f} s)"
        )


def measured(one, sound, seconds):
    """Improves a program, and judges what it is told, itself and its twin."""
    begun = improving.time.perf_counter()
    first = one.program() if sound else one.program(True)
    twin = one.program() if sound else one.program(False)
    advice = improved(first, seconds)
    took = improving.time.perf_counter() - begun
    right, measure = scores(described(twin))
    before = right if sound else scores(described(first))[0]
    after, other = before, measure
    if advice.best:
        after, other = scores(advice.best.program)
    if measure != other:  # scores of two kinds: nothing can be said
        after = np.full(1, np.nan)
    spread = max(0.03, 2 * float(np.nanstd(right)))
    means = (float(np.mean(v)) for v in (before, after, right))
    best = advice.best.name if advice.best else ""
    return Measured(one.name, *means, spread, best, took)


def evenly(programs, count):
    """So many of them, from the first to the last."""
    at = np.linspace(0, len(programs) - 1, min(count, len(programs)))
    return [programs[int(i)] for i in np.unique(at.astype(int))]


def main():
    """A line for each program, and the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--faults", type=int, default=30)
    parser.add_argument("--sound", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.cpu:
        improving.time = SimpleNamespace(perf_counter=time.process_time)
    faults, sound = (
        evenly([p for p in programs if args.only in p.name], count)
        for programs, count in ((FAULTS, args.faults), (CLEAN, args.sound))
    )
    done = {False: list[Measured](), True: list[Measured]()}
    pairs = itertools.zip_longest(faults, sound)
    for one, is_sound in ((p, k == 1) for pair in pairs for k, p in enumerate(pair)):
        if one is None:
            continue
        try:
            found = measured(one, is_sound, args.seconds)
        except Exception as error:
            if "expected 20 or more" in str(error):  # too few rows to hold some out
                continue
            print(f"CRASH {one.name}: {type(error).__name__} {error}", flush=True)
            found = Measured(one.name, *3 * (np.nan,), 0.0, "", np.nan)
        done[is_sound].append(found)
        print("sound" if is_sound else "fault", found, flush=True)
    count = sum(m.reached for m in done[False])
    hurt = [m for m in done[False] if m.suffers]
    print(f"{count} of {len(done[False])} faulty programs reach their twin;")
    print(f"{sum(m.reached for m in hurt)} of the {len(hurt)} that fall short of it")
    told = [m for m in done[True] if m.best]
    worse = sum(not m.reached for m in told)
    print(
        f"of {len(done[True])} sound ones {len(told)} are told a change; worse: {worse}"
    )
    return worse


if __name__ == "__main__":
    sys.exit(main())
