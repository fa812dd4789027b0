"""Memory of a long process: many structures, and many fits of one.

A search over networks compiles programs for each structure. What a process keeps of
them is bounded (`onefit.programs.BUDGET`); this says whether memory and the memory
maps, of which Linux grants 65,530, stay where they are.

    python -m benchmarks.memory --structures 2000 --fits 10000
"""

import argparse
import time
from pathlib import Path

import numpy as np

import onefit
from onefit.layers import Dense

ROWS = 200


def network(units: int, second: int) -> onefit.Sequential:
    """8-units-second-1."""
    layers = [Dense(units, "relu"), Dense(second, "relu"), Dense(1)]
    model = onefit.Sequential([onefit.Input((8,)), *layers])
    model.compile("adam", "mse")
    return model


def held() -> tuple[float, float, int]:
    """MB that the process holds now, the most it has held, and its memory maps."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    facts = {line.split(":")[0]: line.split()[1] for line in lines if "kB" in line}
    maps = len(Path("/proc/self/maps").read_text("utf-8").splitlines())
    return int(facts["VmRSS"]) / 1024, int(facts["VmHWM"]) / 1024, maps


def say(what: str, number: int, begun: float) -> None:
    """A line of the table."""
    now, most, maps = held()
    busy = time.process_time() - begun
    row = f"{what} | {number:,} | {now:,.0f} | {most:,.0f} | {maps:,} | {busy:,.0f}"
    print(f"| {row} |", flush=True)


def main() -> None:
    """Structures one after another, each put to every use; then fits of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--structures", type=int, default=2000)
    parser.add_argument("--fits", type=int, default=10_000)
    parser.add_argument("--plain", action="store_true", help="no check, no diagnosis")
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 8)).astype("float32")
    y = x[:, :1] * x[:, 1:2]
    print("| work | done | MB now | most MB | memory maps | seconds of the processor |")
    print("|---|---:|---:|---:|---:|---:|")
    begun = time.process_time()
    say("nothing yet", 0, begun)
    for number in range(asked.structures):
        model = network(2 + number % 50, 2 + number // 50)
        if not asked.plain:
            model.check(x, y)
        history = model.fit(x, y, epochs=3, verbose=0)
        model.evaluate(x, y, verbose=0)
        model.predict(x, verbose=0)
        if not asked.plain:
            history.diagnose()
        done = number + 1
        if done in (50, 100, asked.structures) or done % 250 == 0:
            say("structures", done, begun)
    begun = time.process_time()
    model = network(16, 8)
    for number in range(asked.fits):
        model.fit(x, y, epochs=3, verbose=0)
        done = number + 1
        if done in (100, 1000, asked.fits) or done % 5000 == 0:
            say("fits of one structure", done, begun)


if __name__ == "__main__":
    main()
