"""A search over settings and folds, as scikit-learn does it, in one program."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.model_selection import (
    BaseCrossValidator,
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.utils import _safe_indexing, check_random_state

from onefit import config, population
from onefit.errors import OnefitWarning
from onefit.networks.architecture import Architecture
from onefit.population.axes import key_of
from onefit.sklearn.classifier import NNClassifier
from onefit.sklearn.estimator import NNEstimator, curves_of, refuse_diverged
from onefit.sklearn.networks import Members, drawing, numbered, optimizer_of
from onefit.sklearn.regressor import NNRegressor
from onefit.sklearn.tables import Table
from onefit.types import ArrayLike, Data, Tree

__all__ = ["search"]

NUMBERS = ("learning_rate", "alpha", "dropout")
"""Parameters that are numbers in the program: any values of them share one."""

OF_ROWS = (
    "class_weight",
    "early_stopping",
    "validation_fraction",
    "standardize",
    "loss",
)
"""Parameters that change what a network trains on."""

Row = dict[str, Any]

Key: TypeAlias = tuple[tuple[tuple[str, str], ...], bytes]
"""The parameters of an estimator, and the rows of a fold."""


def search(
    estimator: BaseEstimator,
    params: Mapping[str, object] | Iterable[Mapping[str, object]],
    X: Data,
    y: Data,
    *,
    n_iter: int | None = None,
    scoring: str
    | Callable[..., object]
    | Iterable[str]
    | Mapping[str, object]
    | None = None,
    cv: int
    | BaseCrossValidator
    | Iterable[tuple[np.ndarray, np.ndarray]]
    | None = None,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    refit: bool | str | Callable[[dict], int] = True,
    random_state: int | np.random.RandomState | None = None,
    return_train_score: bool = False,
    error_score: float | str = np.nan,
    verbose: int = 0,
) -> GridSearchCV | RandomizedSearchCV:
    """GridSearchCV(...).fit(X, y), with all folds of all settings trained at once.

    The networks of one structure are one population: any learning rates, alphas,
    dropouts and seeds, each on its own fold of the rows, scaled by that fold. Settings
    that shape the network (widths, activation, optimizer, batch size) make a program
    each. Then scikit-learn's own search runs, with the networks trained already: its
    scorers, ranks and refit are what they always are, and with a number as the
    estimator's `random_state` so are its scores, but for rounding.

    An estimator of alpha='auto' chooses an alpha for each candidate and fold, on folds
    of their own, one after another: write a number, or search over alpha.

    Args:
        estimator: An NNClassifier or NNRegressor. For another, such as a Pipeline,
            scikit-learn trains one setting after another, and a warning says so.
        params: As in GridSearchCV: values by parameter, or several such dicts.
        X, y, sample_weight: As in `NNClassifier.fit`.
        n_iter: How many settings to draw at random, as in RandomizedSearchCV, whose
            distributions `params` may then have; every one, unless given.
        scoring, cv, refit, return_train_score, error_score, verbose: As in
            GridSearchCV.
        groups: For the splitter.
        random_state: Which settings `n_iter` draws.

    Returns:
        The fitted GridSearchCV, or RandomizedSearchCV: `best_params_`, `best_score_`,
        `best_estimator_`, `cv_results_`. `mean_fit_time` is the program's time divided
        by the networks.

    Raises:
        ValueError: What GridSearchCV refuses.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from onefit.sklearn import NNClassifier, search
        >>> x, y = load_iris(return_X_y=True)
        >>> model = NNClassifier((8,), alpha=1.0, max_iter=30, tol=0, random_state=0,
        ...                      n_iter_no_change=30)
        >>> found = search(model, {"learning_rate": [0.0001, 0.03]}, x, y)
        >>> found.best_params_
        {'learning_rate': 0.03}

    Source: scikit-learn, `GridSearchCV`.
    """
    ways: Any = cv
    splitter: Any = check_cv(ways, y, classifier=is_classifier(estimator))
    splits = list(splitter.split(X, y, groups))
    draw = random_state
    if n_iter is not None and not isinstance(random_state, int | np.integer):
        draw = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    options: Row = {
        "scoring": scoring,
        "cv": splits,
        "refit": refit,
        "verbose": verbose,
        "return_train_score": return_train_score,
        "error_score": error_score,
        "n_jobs": 1,
    }
    weighed = {} if sample_weight is None else {"sample_weight": sample_weight}

    def searched(one: BaseEstimator) -> GridSearchCV | RandomizedSearchCV:
        if n_iter is None:
            return GridSearchCV(one, params, **options)
        return RandomizedSearchCV(
            one, params, n_iter=n_iter, random_state=draw, **options
        )

    why = _why_not(estimator)
    if why:
        warnings.warn(
            f"search: {why}, so scikit-learn trains one setting after another.",
            OnefitWarning,
            stacklevel=2,
        )
        return searched(estimator).fit(X, y, **weighed)
    settings = (
        list(ParameterGrid(params))
        if n_iter is None
        else list(ParameterSampler(params, n_iter, random_state=draw))
    )
    started = time.perf_counter()
    own = cast(NNEstimator, estimator)
    trained = _trained(own, settings, splits, X, y, sample_weight)
    seconds = time.perf_counter() - started
    found = searched(_knowing(own, trained))
    found.fit(X, y, **weighed, rows=np.arange(len(_first(X))))
    found.estimator, found.cv = estimator, cv
    if hasattr(found, "best_estimator_"):
        found.best_estimator_.__class__ = type(estimator)
    if len(trained) == len(settings) * len(splits):
        found.cv_results_["mean_fit_time"][:] = seconds / len(trained)
    return found


def _first(X: Data) -> Data:
    """Something as long as X; a sparse matrix has no length."""
    return range(X.shape[0]) if hasattr(X, "shape") else X


def _why_not(estimator: Any) -> str:  # any estimator at all
    """Why this cannot be trained in one program, or nothing."""
    if type(estimator) not in (NNClassifier, NNRegressor):
        return f"{type(estimator).__name__} is neither NNClassifier nor NNRegressor"
    if estimator.warm_start:
        return "warm_start=True goes on from fit to fit"
    if sklearn.get_config()["enable_metadata_routing"]:
        return "metadata routing is on"
    return ""


def _knowing(
    estimator: NNEstimator, trained: dict[Key, Row | ValueError]
) -> NNEstimator:
    """The estimator, whose fit finds what is trained already.

    scikit-learn hands to fit the rows' part of what it was given of their length: the
    numbers of the rows tell the folds.
    """
    kind: Any = type(estimator)

    def fit(
        self: NNEstimator,
        X: Data,
        y: Data,
        sample_weight: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> NNEstimator:
        known = trained.get((_key(self), _key_of_rows(rows)))
        if known is None:  # all rows, or settings that were refused: let it say why
            return kind.fit(self, X, y, sample_weight)
        if isinstance(known, ValueError):
            raise known
        vars(self).update(known)
        return self

    made = type(kind.__name__, (kind,), {"fit": fit})
    fresh: Any = clone(estimator)
    return made(**fresh.get_params())


# Keys ---------------------------------------------------------------------------------


def _key(estimator: NNEstimator) -> tuple[tuple[str, str], ...]:
    """The parameters of an estimator, so that others have another key."""
    params = estimator.get_params(deep=False)
    return tuple((name, _value_key(params[name])) for name in sorted(params))


def _value_key(value: object) -> str:
    if isinstance(value, np.random.RandomState):  # a clone has the same numbers ahead
        _, numbers, at, *_ = value.get_state()
        return f"{at} {np.asarray(numbers).tobytes().hex()}"
    return key_of(value)


def _key_of_rows(rows: ArrayLike | None) -> bytes:
    return np.asarray(rows, np.int64).tobytes()


# Training -----------------------------------------------------------------------------


class Setting(NamedTuple):
    """One candidate: its key, the estimator, and the seeds of its members."""

    key: dict[str, str]
    estimator: NNEstimator
    seeds: list[int]


class Case(NamedTuple):
    """A setting on a fold: what `fit` learns of the rows, and what it trains on."""

    setting: Setting
    rows: bytes
    learned: Row
    table: Table

    @property
    def estimator(self) -> NNEstimator:
        """The estimator as it is just before training."""
        one: Any = clone(self.setting.estimator)
        vars(one).update(self.learned)
        return one

    @property
    def numbers(self) -> Row:
        """What is a number in the program, as the network has it."""
        own = self.setting.estimator
        return {
            "learning_rate": own.learning_rate,
            "alpha": self.learned["alpha_"] / self.table.total,
            "dropout": own.dropout,
        }

    @property
    def group(self) -> str:
        """What cases of one program have in common."""
        own, t = self.setting.estimator, self.table
        free = (*NUMBERS, "random_state", "class_weight")
        shape = [item for item in self.setting.key.items() if item[0] not in free]
        present = [bool(own.alpha), bool(own.dropout), own.learning_rate is None]
        sizes = [None if a is None else np.shape(a) for a in (t.x, t.y, t.w)]
        held = None if t.held is None else len(t.held[0])
        classes = len(self.learned.get("classes_", ()))
        return repr((shape, present, sizes, held, classes))


def _trained(
    estimator: NNEstimator,
    settings: list[Row],
    splits: list[tuple[np.ndarray, np.ndarray]],
    X: Data,
    y: Data,
    sample_weight: ArrayLike | None,
) -> dict[Key, Row | ValueError]:
    """What fit would leave, for each setting on each fold that fit would accept."""
    accepted = [one for one in map(partial(_setting, estimator), settings) if one]
    groups: dict[str, list[Case]] = {}
    for train, _ in splits:
        for case in _cases(accepted, train, X, y, sample_weight):
            groups.setdefault(case.group, []).append(case)
    found: dict[Key, Row | ValueError] = {}
    for cases in groups.values():
        first = cases[0]
        try:
            first.estimator._model(first.table, None)
        except (TypeError, ValueError):
            continue  # no network can be made of this: the fit itself will say so
        for part in _products(cases):
            found |= _train(part)
    return found


def _setting(estimator: NNEstimator, setting: Row) -> Setting | None:
    """A candidate; None for one that fit refuses, which the search then hears of."""
    own: Any = clone(estimator)
    own.set_params(**{k: clone(v, safe=False) for k, v in setting.items()})
    try:
        own._check()
        optimizer_of(own.optimizer, own.learning_rate)
        asked: Any = clone(own)  # a RandomState that is drawn from is another
        return Setting(dict(_key(own)), own, asked._seeds())
    except (TypeError, ValueError):
        return None


def _cases(
    settings: list[Setting],
    train: np.ndarray,
    X: Data,
    y: Data,
    sample_weight: ArrayLike | None,
) -> Iterator[Case]:
    """Every setting on a fold; its rows are checked and scaled once for all alike."""
    train = np.flatnonzero(train) if np.asarray(train).dtype == bool else train
    x_own, y_own = _safe_indexing(X, train), _safe_indexing(y, train)
    w_own = None if sample_weight is None else np.asarray(sample_weight)[train]
    rows = _key_of_rows(train)
    tables: dict[Any, tuple[Row, Table]] = {}
    for setting in settings:
        held_by = setting.estimator.early_stopping and setting.seeds[0]
        alike = held_by, *(setting.key.get(name) for name in OF_ROWS)
        if alike not in tables:
            own: Any = clone(setting.estimator)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the search's own fit gives them
                    with own._learning(x_own, False):
                        seed = setting.seeds[0]
                        table = own._table(x_own, y_own, w_own, seed, False)
            except (TypeError, ValueError):
                continue
            tables[alike] = _learned(own), table
        learned, table = tables[alike]
        own = clone(setting.estimator)
        vars(own).update(learned)
        try:
            with config.precision(learned["_floatx"]):
                strength = own._strength(table, setting.seeds[0])
        except (TypeError, ValueError):
            continue  # no network can be made of this: the fit itself will say so
        yield Case(setting, rows, learned | {"alpha_": strength}, table)


def _learned(estimator: NNEstimator) -> Row:
    """What fitting has added."""
    params = estimator.get_params(deep=False)
    return {k: v for k, v in vars(estimator).items() if k not in params}


def _products(cases: list[Case]) -> list[list[list[Case]]]:
    """Cases as (tables, the same settings on each), as few of these as there can be."""
    by_table: dict[int, list[Case]] = {}
    for case in cases:
        by_table.setdefault(id(case.table), []).append(case)
    found: dict[str, list[list[Case]]] = {}
    for own in by_table.values():
        same = repr([(case.numbers, case.setting.seeds) for case in own])
        same += own[0].learned["_floatx"]
        found.setdefault(same, []).append(own)
    return list(found.values())


def _train(tables: list[list[Case]]) -> dict[Key, Row | ValueError]:
    """Trains the same settings on several tables, one beneath the other, at once."""
    settings, first = tables[0], tables[0][0]
    estimator, table = first.estimator, first.table
    own = len(table.x)
    size = own + (len(table.held[0]) if table.held else 0)
    # Rows to train on, then those held out; without any, the second part is not used.
    parts = np.arange(own), np.arange(own, size) if table.held else np.arange(1)
    folds = [tuple(part + i * size for part in parts) for i in range(len(tables))]
    x, y, w = (_beneath([cases[0].table for cases in tables], i) for i in range(3))
    seeds = [case.setting.seeds for case in settings]
    widths = not callable(estimator.hidden_layers)
    with config.precision(first.learned["_floatx"]):
        model = estimator._model(table, None)
    vary: dict[str, list[Any]] = {"seed": [seed for own in seeds for seed in own]}
    for name in NUMBERS:
        values = [case.numbers[name] for case in settings for _ in case.setting.seeds]
        if len(set(values)) > 1:
            vary |= dict.fromkeys(numbered(model, name, widths), values)
    held = (x, y) if w is None else (x, y, w)
    with config.precision(first.learned["_floatx"]), drawing(0):
        many = population.fit(
            model,
            x,
            y,
            vary=vary,
            folds=folds,
            sample_weight=w,
            verbose=0,
            validation_data=held if table.held else None,
            **estimator._options(table),
        )
    if many.interrupted:
        raise KeyboardInterrupt
    networks, found, start = _networks(many), {}, 0
    loss = many.final("loss")
    for case in (case for cases in tables for case in cases):
        at = np.arange(start, start := start + len(case.setting.seeds))
        key = tuple(case.setting.key.items()), case.rows
        try:
            refuse_diverged(type(estimator).__name__, loss[at])
        except ValueError as error:
            found[key] = error
            continue
        left = [networks[i] for i in at if np.isfinite(loss[i])]
        stack = jax.tree.map(lambda *a: np.stack(a), *(pick for _, pick in left))
        curves = {name: values[at] for name, values in many.history.items()}
        found[key] = {
            **case.learned,
            **curves_of(curves, many.epochs[at]),
            "model_": Members(left[0][0], *stack),
        }
    return found


def _beneath(tables: list[Table], i: int) -> np.ndarray | None:
    """Rows, targets or weights of all tables, those held out after each one's own."""
    if tables[0][i] is None:
        return None
    parts = [part for t in tables for part in ((t.x, t.y, t.w), t.held) if part]
    return np.concatenate([np.asarray(part[i]) for part in parts])


def _networks(
    many: population.Population,
) -> list[tuple[Architecture, tuple[Tree, Tree]]]:
    """Each member's graph, weights and state."""
    found: list[Any] = [None] * len(many)
    for group in many.groups:
        for own, at in enumerate(group.at):
            pick = jax.tree.map(lambda a, i=own: a[i], (group.params, group.state))
            found[int(at)] = group.model.graph, pick
    return found
