"""Twenty twins of course programs, from start to end: onefit run against TensorFlow.

    python benchmarks/scripts.py --python-tf PATH [--seeds 3] [--only one_neuron,coffee]
    python benchmarks/scripts.py --report

Each program runs as a process of its own, once for each seed. Written to scripts.json,
beside this file, after each program: the seconds of every run, those of the processor,
and the loss at its end. On a machine that does other work too, the processor's seconds
are the ones to compare. onefit's first run has an empty compile cache, its later ones
have what it left.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
TWINS = ROOT / "tests" / "scripts" / "twins"
KEPT = Path(__file__).with_suffix(".json")

NAMES = [
    "one_neuron",
    "stop_when_good",
    "small_cnn",
    "two_inputs",
    "coffee",
    "softmax_lab",
    "choosing_models",
    "tape_line",
    "tape_optimizer",
    "tape_logistic",
    "tf_module",
    "train_step_function",
    "own_network",
    "keras_alone",
    "own_loss",
    "simple_rnn",
    "autoencoder",
    "digits_sklearn",
    "table_of_houses",
    "metrics_many",
]


def run(command: list[str], text: str, cache: str) -> dict[str, float]:
    """The seconds of a program by the clock and the processor, and its last loss."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_text(f"{text}\nprint('FINAL', float(final))\n", "utf-8")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "MPLBACKEND": "Agg"}
        environment = os.environ | quiet | {"ONEFIT_CACHE": cache}
        environment.pop("KERAS_BACKEND", None)
        begin, before = time.perf_counter(), spent()
        done = subprocess.run(
            [*command, str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            cwd=folder,
        )
        seconds, cpu = time.perf_counter() - begin, spent() - before
    found = re.search(r"^FINAL (\S+)$", done.stdout, re.M)
    if found is None:
        raise RuntimeError(f"{command}: {done.stderr[-2000:]}")
    loss = float(f"{float(found[1]):.5g}")
    return {"seconds": round(seconds, 2), "cpu": round(cpu, 2), "loss": loss}


def spent() -> float:
    """The processor's seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(name: str, peers: dict, seed: int, cache: str, row: dict) -> None:
    """Runs a program once with each, and adds what came of it to its row."""
    text = (TWINS / f"{name}.py").read_text("utf-8")
    seeded = re.sub(r"seed\(\d+\)", f"seed({seed})", text)
    for peer, command in peers.items():
        for what, number in run(command, seeded, cache).items():
            row.setdefault(peer, {}).setdefault(what, []).append(number)


def report(kept: dict) -> str:
    """A table of what is kept, by the processor's seconds."""
    lines = [
        "| program | onefit, first run | later | TensorFlow | times, first | later "
        "| loss | TensorFlow's |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    cold, warm = [], []
    for name, row in kept.items():
        ours, theirs = row["onefit"], row["tensorflow"]
        first, *later = ours["cpu"]
        again, peer = (
            statistics.median(later or [first]),
            statistics.median(theirs["cpu"]),
        )
        cold.append(peer / first)
        warm.append(peer / again)
        losses = [_span(p["loss"]) for p in (ours, theirs)]
        lines.append(
            f"| `{name}` | {first:.1f} | {again:.1f} | {peer:.1f} | {cold[-1]:.1f} | "
            f"{warm[-1]:.1f} | {losses[0]} | {losses[1]} |"
        )
    first, later = (
        f"{statistics.median(r):.1f} and {min(r):.1f}" for r in (cold, warm)
    )
    lines.append(
        f"\nTimes faster, in the median and at least: {first} with an empty compile "
        f"cache, {later} later."
    )
    return "\n".join(lines)


def _span(losses: list[float]) -> str:
    low, high = min(losses), max(losses)
    return f"{low:.3g}" if len(losses) == 1 else f"{low:.3g} to {high:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python-tf", help="the interpreter that has TensorFlow")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--report", action="store_true", help="only print what is kept")
    arguments = parser.parse_args()
    peers = {"onefit": [sys.executable, "-m", "onefit.scripts"]}
    if arguments.python_tf:
        peers["tensorflow"] = [arguments.python_tf]
    kept = json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {}
    with tempfile.TemporaryDirectory() as cache:
        for seed in range(1, arguments.seeds + 1) if not arguments.report else ():
            for name in arguments.only.split(","):
                row = kept.setdefault(name, {})
                measure(name, peers, seed, cache, row)
                lines = (f'"{k}": {json.dumps(v)}' for k, v in kept.items())
                KEPT.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")
                print(name, seed, row, flush=True)
    print(report(kept))


if __name__ == "__main__":
    main()
