"""Measures `model.improve` on the catalogue: does it reach the fault's twin?

    python tests/guide/run_improve.py --every 6 --seconds 30
    python tests/guide/run_improve.py --clean

Each faulty program is improved within so many seconds (of the processor with --cpu,
where the machine does other things too). Then its best program and the
fault's corrected twin are trained from three other seeds on the same rows, and judged
on the same fifth of them that neither has seen. It counts those that come within the
twin's spread, or 0.03. Of sound programs (--clean) it counts those that what is
recommended makes worse than the program was.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

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


def main():
    """A line for each program, and the count."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--clean", action="store_true")
    parser.add_argument("--cpu", action="store_true")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.cpu:
        improving.time = SimpleNamespace(perf_counter=time.process_time)
    programs = [p for p in (CLEAN if args.clean else FAULTS) if args.only in p.name]
    reached = count = 0
    for one in programs[args.start :: args.every]:
        begun = time.perf_counter()
        before = one.program() if args.clean else one.program(True)
        twin = one.program() if args.clean else one.program(False)
        try:
            advice = improved(before, args.seconds)
        except Exception as error:
            print(f"CRASH {one.name}: {type(error).__name__} {error}", flush=True)
            count += 1
            continue
        best = advice.best.program if advice.best else described(before)
        after, name = scores(best)
        right, other = scores(described(twin))
        spread = max(0.03, 2 * float(np.nanstd(right)))
        good = name == other and np.nanmean(after) >= np.nanmean(right) - spread
        count, reached = count + 1, reached + good
        print(
            f"{'ok  ' if good else 'MISS'} {one.name}: {name} "
            f"{advice.base.score:.3f} -> {np.nanmean(after):.3f}, twin {other} "
            f"{np.nanmean(right):.3f} by {advice.best.name if advice.best else 'none'}"
            f" ({time.perf_counter() - begun:.0f} s)",
            flush=True,
        )
    print(f"{reached} of {count}")


if __name__ == "__main__":
    main()
