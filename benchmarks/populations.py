"""Many networks at once, side by side with peers: `python -m benchmarks.populations`.

Each contestant runs in a process of its own, warmed up by one small run of the same
shape, and is timed as a whole: from the call to trained networks with their losses. The
contestants of a work take turns; the figure is the median of the turns. Where training
one network after another would take minutes, a few of them are trained and the time is
multiplied; the table says how many.

Needs torch and scikit-learn beside onefit.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
XOR_Y = np.array([[0], [1], [1], [0]], "float32")
LAYERS = {"xor": (2, 2, 1), "digits": (64, 25, 15, 10)}
RATES, DECAYS = (0.0003, 0.001, 0.003, 0.01, 0.03), (1e-5, 1e-4, 1e-3, 1e-2)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 images of 8x8 and their classes."""
    import onefit

    x, y = onefit.datasets.load_digits()
    return (x / 16).astype("float32"), y


def table() -> tuple[np.ndarray, np.ndarray]:
    """20,000 rows of 50 columns in two classes, some of it noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 50)).astype("float32")
    z = x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.5 * x[:, 3] - x[:, 4] * x[:, 5]
    return x, (z + 0.5 * rng.normal(size=len(x)) > 0).astype("int32")


# onefit -------------------------------------------------------------------------------


def onefit_xor(members: int) -> dict[str, Any]:
    """1,000 networks 2-2-1 for 2,000 epochs, four rows, Adam."""
    import onefit
    from onefit.layers import Dense

    model = onefit.Sequential(
        [onefit.Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")]
    )
    model.compile(onefit.optimizers.Adam(0.05), "binary_crossentropy")
    many = onefit.population.fit(
        model, XOR_X, XOR_Y, seeds=members, epochs=2000, verbose=0
    )
    return {"score": many.share(below=0.1, monitor="loss")}


def onefit_digits(members: int) -> dict[str, Any]:
    """100 networks 64-25-15-10 for 20 epochs, batches of 32, Adam."""
    import onefit
    from onefit.layers import Dense

    x, y = digits()
    layers = [Dense(25, "relu"), Dense(15, "relu"), Dense(10, "softmax")]
    model = onefit.Sequential([onefit.Input((64,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy")
    many = onefit.population.fit(model, x, y, seeds=members, epochs=20, verbose=0)
    return {"score": float(np.median(many.final("loss")))}


def onefit_search(members: int) -> dict[str, Any]:
    """5 folds of 20 settings, 50-64-1, 10 epochs, batches of 200, Adam."""
    import onefit
    from onefit.layers import Dense
    from onefit.population import cross_validate, grid

    x, y = table()
    hidden = Dense(64, "relu", kernel_regularizer=onefit.regularizers.L2(1e-4),
                   name="hidden")  # fmt: skip
    model = onefit.Sequential([onefit.Input((50,)), hidden, Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    rates = RATES[: max(1, members // len(DECAYS))]
    # scikit-learn's alpha stands for alpha/2 · w² / (rows of a batch).
    decays = [a / 400 for a in DECAYS]
    found = cross_validate(
        model, x, y, cv=5, batch_size=200, epochs=10, verbose=0,
        vary=grid(**{"learning_rate": rates, "hidden.kernel_regularizer.l2": decays}),
    )  # fmt: skip
    best = max(row["mean"]["val_accuracy"] for row in found.scores())
    return {"score": float(best)}


# Peers --------------------------------------------------------------------------------


def torch_net(sizes: tuple[int, ...], hidden: Any, last: list[Any]) -> Any:
    """A network of torch, as people write it."""
    import torch

    layers: list[Any] = []
    for before, after in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(before, after), hidden()]
    return torch.nn.Sequential(*layers[:-1], *last)


def torch_xor(members: int) -> dict[str, Any]:
    """One after another."""
    import torch

    x, y = torch.tensor(XOR_X), torch.tensor(XOR_Y)
    works = 0
    for seed in range(members):
        torch.manual_seed(seed)
        net = torch_net(LAYERS["xor"], torch.nn.Tanh, [])
        optimizer = torch.optim.Adam(net.parameters(), 0.05)
        cost = torch.nn.BCEWithLogitsLoss()
        for _ in range(2000):
            optimizer.zero_grad()
            loss = cost(net(x), y)
            loss.backward()
            optimizer.step()
        works += float(loss.detach()) < 0.1
    return {"score": works / members}


def torch_func_xor(members: int) -> dict[str, Any]:
    """All at once, by torch.func.vmap, Adam written for the stacked weights."""
    import torch
    from torch.func import functional_call, grad_and_value, stack_module_state, vmap

    nets = []
    for seed in range(members):
        torch.manual_seed(seed)
        nets.append(torch_net(LAYERS["xor"], torch.nn.Tanh, []))
    params, buffers = stack_module_state(nets)
    params = {k: v.detach().requires_grad_(True) for k, v in params.items()}
    x, y = torch.tensor(XOR_X), torch.tensor(XOR_Y)

    def cost(own: Any, buffers: Any) -> Any:
        z = functional_call(nets[0], (own, buffers), (x,))
        return torch.nn.functional.binary_cross_entropy_with_logits(z, y)

    step = vmap(grad_and_value(cost))
    # Adam is elementwise: the stacked weights take torch's own.
    optimizer = torch.optim.Adam(params.values(), 0.05)
    for _ in range(2000):
        grads, losses = step(params, buffers)
        for name, p in params.items():
            p.grad = grads[name].detach()
        optimizer.step()
    return {"score": float((losses < 0.1).float().mean())}


def torch_digits(members: int) -> dict[str, Any]:
    """One after another."""
    import torch

    x, y = (torch.tensor(a) for a in digits())
    losses = []
    for seed in range(members):
        torch.manual_seed(seed)
        net = torch_net(LAYERS["digits"], torch.nn.ReLU, [])
        optimizer = torch.optim.Adam(net.parameters())
        cost = torch.nn.CrossEntropyLoss()
        for _ in range(20):
            total = 0.0
            for at in torch.randperm(len(x)).split(32):
                optimizer.zero_grad()
                loss = cost(net(x[at]), y[at].long())
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(at)
        losses.append(total / len(x))
    return {"score": float(np.median(losses))}


def sklearn_digits(members: int) -> dict[str, Any]:
    """Two at a time, by joblib."""
    from joblib import Parallel, delayed
    from sklearn.neural_network import MLPClassifier

    x, y = digits()

    def one(seed: int) -> float:
        net = MLPClassifier((25, 15), batch_size=32, max_iter=20, random_state=seed,
                            alpha=0.0, n_iter_no_change=100)  # fmt: skip
        return float(net.fit(x, y).loss_)

    losses = Parallel(n_jobs=2)(delayed(one)(seed) for seed in range(members))
    return {"score": float(np.median(losses))}


def sklearn_search(members: int) -> dict[str, Any]:
    """GridSearchCV over MLPClassifier, two at a time."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    x, y = table()
    net = MLPClassifier((64,), batch_size=200, max_iter=10, n_iter_no_change=100)
    rates = RATES[: max(1, members // len(DECAYS))]
    search = GridSearchCV(
        net, {"learning_rate_init": rates, "alpha": DECAYS}, cv=5, n_jobs=2, refit=False
    )
    return {"score": float(search.fit(x, y).best_score_)}


# Work: contestants, each with how many members it trains and how many are asked for.
WORKS: dict[str, tuple[int, dict[str, tuple[Any, int]]]] = {
    "xor-1000": (
        1000,
        {
            "onefit": (onefit_xor, 1000),
            "torch": (torch_xor, 4),
            "torch.func": (torch_func_xor, 1000),
        },
    ),
    "digits-100": (
        100,
        {
            "onefit": (onefit_digits, 100),
            "torch": (torch_digits, 4),
            "sklearn": (sklearn_digits, 20),
        },
    ),
    "search-5x20": (
        20,
        {"onefit": (onefit_search, 20), "sklearn": (sklearn_search, 20)},
    ),
    **{
        f"xor-{n}": (n, {"onefit": (onefit_xor, n)}) for n in (1, 10, 100)
    },
}  # fmt: skip


def worker(work: str, peer: str) -> None:
    """One contestant in a process of its own: a line for each turn that it is asked."""
    import warnings

    warnings.simplefilter("ignore")
    function, members = WORKS[work][1][peer]
    start = time.perf_counter()
    function(members if peer in ("onefit", "torch.func") else min(members, 4))
    print(json.dumps({"first": time.perf_counter() - start}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        result = function(members)
        result["seconds"] = time.perf_counter() - start
        print(json.dumps(result), flush=True)


def measure(work: str, turns: int) -> list[list[str]]:
    """The table of one work."""
    asked, peers = WORKS[work]
    started = {
        peer: subprocess.Popen(
            [sys.executable, "-m", "benchmarks.populations", "--worker", work, peer],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for peer in peers
    }  # fmt: skip
    first = {p: json.loads(process.stdout.readline()) for p, process in started.items()}
    found: dict[str, list[Any]] = {peer: [] for peer in peers}
    for _ in range(turns):
        for peer, process in started.items():
            process.stdin.write("\n")
            process.stdin.flush()
            found[peer].append(json.loads(process.stdout.readline()))
    for process in started.values():
        process.stdin.close()
        process.wait()
    rows, ours = [], 0.0
    for peer, (_, members) in peers.items():
        seconds = [r["seconds"] * asked / members for r in found[peer]]
        middle = statistics.median(seconds)
        ours = ours or middle
        rows.append([
            peer, f"{middle:.3g}", f"{min(seconds):.3g}..{max(seconds):.3g}",
            f"{middle / ours:.3g}", f"{1e6 * middle / asked:,.0f}",
            f"{first[peer]['first']:.3g}", f"{found[peer][-1]['score']:.4g}",
            f"{members} of {asked}",
        ])  # fmt: skip
    return rows


HEADER = ["contestant", "s", "least..most", "x onefit", "us a member", "first run s",
          "score", "trained"]  # fmt: skip


def main() -> None:
    """Measures the works that are asked for, and prints their tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(WORKS))
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--worker", nargs=2)
    options = parser.parse_args()
    if options.worker:
        worker(*options.worker)
        return
    for work in options.only.split(","):
        print(f"\n### {work}\n\n| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}")
        for row in measure(work, options.turns):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
