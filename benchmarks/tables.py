"""NNClassifier beside scikit-learn's MLPClassifier: `python -m benchmarks.tables`.

Five real tables that scikit-learn ships, every estimator with its own defaults, 5 folds
as `cross_val_score` cuts them. `sklearn` is the MLP on the table as it is,
`sklearn-scaled` the same behind a StandardScaler, which NNClassifier has inside. Each
contestant lives in a process of its own; they take turns, and turn i has the seed i.

The first process of a contestant starts with an empty compile cache (cold), the second
finds what the first has compiled (cached), and is the one that takes the turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

TABLES = {
    "iris": "load_iris",
    "wine": "load_wine",
    "cancer": "load_breast_cancer",
    "digits": "load_digits",
    "diabetes": "load_diabetes",
}
PEERS = ("onefit", "sklearn", "sklearn-scaled")
HEADER = ["table", "contestant", "ms a fit", "least..most", "x onefit", "cold 5 fits s",
          "cached 5 fits s", "score", "epochs"]  # fmt: skip


def contestant(peer: str, regression: bool, seed: int) -> Any:
    """An estimator as its documentation's first example writes it."""
    if peer == "onefit":
        from onefit.sklearn import NNClassifier, NNRegressor

        return (NNRegressor if regression else NNClassifier)(random_state=seed)
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    mlp = (MLPRegressor if regression else MLPClassifier)(random_state=seed)
    return mlp if peer == "sklearn" else make_pipeline(StandardScaler(), mlp)


def turn(table: str, peer: str, seed: int) -> dict[str, Any]:
    """A 5-fold cross-validation: seconds of each fit, the mean score, epochs."""
    from sklearn import datasets
    from sklearn.model_selection import check_cv

    x, y = getattr(datasets, TABLES[table])(return_X_y=True)
    regression = table == "diabetes"
    seconds, scores, epochs = [], [], []
    for train, test in check_cv(5, y, classifier=not regression).split(x, y):
        model = contestant(peer, regression, seed)
        start = time.perf_counter()
        model.fit(x[train], y[train])
        seconds.append(time.perf_counter() - start)
        scores.append(model.score(x[test], y[test]))
        last = model[-1] if peer == "sklearn-scaled" else model
        epochs.append(last.n_iter_)
    return {
        "seconds": seconds,
        "score": float(np.mean(scores)),
        "epochs": statistics.median(epochs),
    }


def worker(table: str, peer: str) -> None:
    """A contestant in a process of its own: a line for each seed that it is asked."""
    import warnings

    warnings.simplefilter("ignore")
    contestant(peer, False, 0)  # the imports
    for line in sys.stdin:
        print(json.dumps(turn(table, peer, int(line))), flush=True)


class Worker:
    """The other end of such a process."""

    def __init__(self, table: str, peer: str, cache: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.tables", "--worker", table, peer],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "ONEFIT_CACHE": cache, "JAX_PLATFORMS": "cpu"},
        )  # fmt: skip

    def ask(self, seed: int) -> dict[str, Any]:
        """A turn with this seed."""
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """Ends it."""
        self.process.stdin.close()
        self.process.wait()


def measure(table: str, turns: int, cache: str) -> list[list[str]]:
    """The rows of one table."""
    first: dict[str, list[float]] = {peer: [] for peer in PEERS}
    workers: dict[str, Worker] = {}
    for _ in ("cold", "cached"):
        for peer in PEERS:
            if peer in workers:
                workers[peer].close()
            workers[peer] = Worker(table, peer, cache)
            first[peer].append(sum(workers[peer].ask(0)["seconds"]))
    found: dict[str, list[Any]] = {peer: [] for peer in PEERS}
    for seed in range(turns):
        for peer, one in workers.items():
            found[peer].append(one.ask(seed))
    rows, ours = [], 0.0
    for peer, own in found.items():
        workers[peer].close()
        times = [1e3 * s for result in own for s in result["seconds"]]
        middle = statistics.median(times)
        ours = ours or middle
        score = statistics.mean(result["score"] for result in own)
        rows.append([
            table, peer, f"{middle:.1f}", f"{min(times):.1f}..{max(times):.1f}",
            f"{middle / ours:.1f}", *(f"{s:.2f}" for s in first[peer]), f"{score:.4f}",
            f"{statistics.median(result['epochs'] for result in own):.0f}",
        ])  # fmt: skip
    return rows


def main() -> None:
    """Measures the tables that are asked for, and prints them as one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--worker", nargs=2)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
        return
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before {load}; {options.turns} turns\n")
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
    with tempfile.TemporaryDirectory() as folder:
        for table in options.only.split(","):
            for row in measure(table, options.turns, os.path.join(folder, table)):
                print(f"| {' | '.join(row)} |", flush=True)
    print(f"\nload after {', '.join(f'{v:.2f}' for v in os.getloadavg())}")


if __name__ == "__main__":
    main()
