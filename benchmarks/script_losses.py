"""Whether twins of course programs end where TensorFlow's end, over seeds.

    PYTHON_TF benchmarks/script_losses.py tensorflow [--seeds 8] [--only coffee]
    onefit run benchmarks/script_losses.py onefit [--seeds 8] [--only coffee]
    python benchmarks/script_losses.py --report

One program for both: it runs each twin once for each seed, all in one process, and
keeps its final loss, and its final metric where it has one, in script_losses.json
beside this file. The report says which twins lie within the spread: onefit's median
between the least and the greatest of TensorFlow's, and a two-sided rank-sum test that
does not tell the two apart at 1 in 100.
"""

import argparse
import contextlib
import io
import json
import math
import re
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TWINS = HERE.parent / "tests" / "scripts" / "twins"
KEPT = HERE / "script_losses.json"

METRICS = {
    "one_neuron": None,
    "stop_when_good": "history.history['accuracy'][-1]",
    "small_cnn": "accuracy",
    "two_inputs": None,
    "coffee": None,
    "softmax_lab": "np.mean(np.argmax(sm_preferred, 1) == y_train)",
    "choosing_models": "min(errors)",
    "tape_line": "w.numpy()",
    "tape_optimizer": "W.numpy()",
    "tape_logistic": "accuracy(pred, y_train)",
    "tf_module": "model.w.numpy()",
    "train_step_function": "train_accuracy.result()",
    "own_network": "np.mean(np.argmax(neural_net(x_train), 1) == y_train)",
    "keras_alone": "history.history['sparse_categorical_accuracy'][-1]",
    "own_loss": "history.history['rmse'][-1]",
    "simple_rnn": None,
    "autoencoder": None,
    "digits_sklearn": "accuracy_score(y_test, y_pred)",
    "table_of_houses": None,
    "metrics_many": "results['auc']",
}


def ending(name: str, seed: int) -> dict[str, float]:
    """The loss and the metric that a twin ends with."""
    import numpy as np

    text = (TWINS / f"{name}.py").read_text("utf-8")
    text = re.sub(r"seed\(\d+\)", f"seed({seed})", text)
    text = re.sub(r"^( *)assert .*", r"\1pass", text, flags=re.M)  # chance may fail it
    begin = f"import keras; keras.utils.set_random_seed({seed})\n"
    names: dict[str, object] = {"__name__": "__main__"}
    np.random.seed(seed)  # noqa: NPY002 - the twins draw from it
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(begin + text, str(TWINS / f"{name}.py"), "exec"), names)
    found = {"loss": float(names["final"])}  # pyright: ignore[reportArgumentType]
    if METRICS[name]:
        found["metric"] = float(eval(METRICS[name], names))
    return {key: float(f"{value:.5g}") for key, value in found.items()}


def ranks_differ(a: list[float], b: list[float]) -> float:
    """The chance that two samples of one distribution differ so in their ranks."""
    pairs = [(x > y) + 0.5 * (x == y) for x in a for y in b]
    values, n = a + b, len(a) + len(b)
    ties = sum(values.count(v) ** 2 - 1 for v in values)  # the sum of t^3 - t over ties
    spread = len(pairs) / 12 * (n + 1 - ties / (n * (n - 1)))
    if spread <= 0:
        return 1.0
    away = max(0.0, abs(sum(pairs) - len(pairs) / 2) - 0.5)
    return math.erfc(away / math.sqrt(2 * spread))


def report(kept: dict) -> str:
    """A table of what is kept."""
    lines = [
        "| program | what | seeds | onefit | TensorFlow | chance | within |",
        "|---|---|---|---|---|---:|---|",
    ]
    for name, row in kept.items():
        if len(row) < 2:
            continue
        for what in ("loss", "metric"):
            ours, theirs = (
                [r[what] for r in row[peer].values() if what in r]
                for peer in ("onefit", "tensorflow")
            )
            if not ours or not theirs:
                continue
            chance = ranks_differ(ours, theirs)
            median, slack = statistics.median(ours), 1e-4 * abs(max(theirs))
            inside = min(theirs) - slack <= median <= max(theirs) + slack
            said = "yes" if inside and chance > 0.01 else "no"
            lines.append(
                f"| `{name}` | {what} | {len(ours)}, {len(theirs)} | {_span(ours)} | "
                f"{_span(theirs)} | {chance:.2f} | {said} |"
            )
    return "\n".join(lines)


def _span(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:.3g} ({min(values):.3g} to {max(values):.3g})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", nargs="?", choices=["onefit", "tensorflow"])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--only", default=",".join(METRICS))
    parser.add_argument("--report", action="store_true", help="only print what is kept")
    arguments = parser.parse_args()
    for name in arguments.only.split(",") if arguments.peer else ():
        rows = {str(s): ending(name, s) for s in range(1, arguments.seeds + 1)}
        kept = json.loads(KEPT.read_text("utf-8")) if KEPT.is_file() else {}
        kept.setdefault(name, {})[arguments.peer] = rows
        lines = (f'"{k}": {json.dumps(v)}' for k, v in sorted(kept.items()))
        KEPT.write_text("{" + ",\n".join(lines) + "}\n", "utf-8")
        print(name, rows, file=sys.stderr, flush=True)
    print(report(json.loads(KEPT.read_text("utf-8"))))


if __name__ == "__main__":
    main()
