"""Cross-validation: each fold of the rows is a member of a population."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from onefit import config
from onefit.data import rows
from onefit.data.batch import Batch
from onefit.errors import OnefitWarning, invalid, is_whole, mistyped
from onefit.models import Model
from onefit.networks.host import Ready
from onefit.packages import package
from onefit.population.axes import Vary
from onefit.population.fitting import Fold, check, fit
from onefit.population.result import Population
from onefit.training.prepare import read_rows
from onefit.types import Data, Tree

if TYPE_CHECKING:
    from sklearn.model_selection import GroupKFold

__all__ = ["cross_validate"]


def cross_validate(
    model: Model,
    x: Data,
    y: Data,
    cv: Any = 5,  # a number, a splitter of scikit-learn, or pairs
    *,
    groups: Data = None,
    repeats: int = 1,
    seeds: int | Sequence[int] = 1,
    vary: Vary | None = None,
    **arguments: Any,
) -> Population:
    """Trains on all folds but one and validates on that one, for each fold, at once.

    Every member is what the model alone would be, trained on x[train], y[train] with
    validation_data=(x[test], y[test]). Sample weights weigh both. The members are
    folds x settings x seeds, seeds changing fastest; `settings["fold"]` numbers the
    folds from 0.

    Args:
        model: A compiled model that knows its input's shape.
        x, y: As in `Model.fit`.
        cv: How many folds, k: every row is held out once, by classes in equal shares
            where the loss is one of classes, otherwise as the rows lie; both without
            shuffling, as scikit-learn does. Or a splitter of scikit-learn
            (RepeatedStratifiedKFold, GroupKFold, TimeSeriesSplit, ...), or (train,
            test) pairs of row numbers.
        groups: A group for each row, which is not torn apart: for a splitter, or, with
            a number of folds, for scikit-learn's GroupKFold.
        repeats: How often the rows are cut into k folds, shuffled if more than once.
        seeds, vary: As in `fit`: every setting from every seed is trained on each fold.
        **arguments: As in `fit`: epochs, batch_size, callbacks, memory, verbose ...

    Returns:
        A Population; `scores()` has the mean and spread of every log by setting,
        `summary()` prints them.

    Raises:
        ValueError: Fewer than two folds, folds smaller than the batch that was asked
            for, rows on both sides of a fold, rows that are not there.

    Example:
        >>> from onefit import Input, Sequential, population
        >>> from onefit.layers import Dense
        >>> x = np.linspace(-1, 1, 40)[:, None]
        >>> model = Sequential([Input((1,)), Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> folds = population.cross_validate(model, x, 2 * x, cv=4, epochs=3,
        ...                                   vary={"learning_rate": [0.01, 0.1]},
        ...                                   verbose=0)
        >>> folds.scores()[0]["setting"], folds.scores()[0]["n"]
        ({'learning_rate': 0.1}, 4)

    Source: scikit-learn, `cross_validate`.
    """
    check(model, arguments)
    for name in ("validation_data", "validation_split", "validation_steps", "drop"):
        if arguments.get(name):
            raise invalid(
                "cross_validate",
                f"a {name} of its own",
                "nothing of the kind, since each fold is held out in turn",
                "leave it out, or use population.fit",
            )
    batch = read_rows(model, x, y, None, "cross_validate")
    pairs = _pairs(model, x, batch, cv, groups, repeats)
    folds = [
        _checked(k, pair, rows.count(batch), groups) for k, pair in enumerate(pairs)
    ]
    if not folds:
        raise invalid("cv", "no folds", "at least one")
    sizes = (vary or {}).get("batch_size", [arguments.get("batch_size")])
    for size in sizes if isinstance(sizes, list | tuple | range | np.ndarray) else ():
        _refuse_small(folds, size)
    weight = arguments.get("sample_weight")
    given = Ready(batch.x), batch.y
    held = given if weight is None else (*given, weight)
    return fit(
        model,
        *given,
        seeds=seeds,
        vary=vary,
        folds=folds,
        validation_data=held,
        **arguments,
    )


def _pairs(
    model: Model, x: Data, batch: Batch, cv: Any, groups: Data, repeats: int
) -> list[Fold]:
    """The (train, test) row numbers of each fold, not checked yet."""
    n, labels = rows.count(batch), _labels(model, batch.y)
    if groups is not None and len(groups) != n:
        raise invalid(
            "groups", f"{len(groups)} groups for {n} rows", "one for each row"
        )
    if not is_whole(repeats, 1):
        raise invalid("repeats", repr(repeats), "a whole number, 1 or more")
    numbered = is_whole(cv, -1 << 63)
    if repeats > 1 and (not numbered or groups is not None):
        raise invalid(
            "repeats",
            f"repeats={repeats} with folds that are made elsewhere",
            "a number of folds",
            "give a splitter that repeats, such as RepeatedStratifiedKFold()",
        )
    if numbered and not 2 <= cv <= n:
        raise invalid(
            "cv",
            f"cv={cv} for {n} rows",
            f"2 to {n} folds",
            "write cv=5, or use fit with validation_split=0.2",
        )
    if numbered and groups is None:
        return _folds(n, int(cv), labels, repeats)
    if numbered:
        cv = _group_folds(int(cv))
    if hasattr(cv, "split"):
        table = x if hasattr(x, "shape") else np.zeros((n, 1))
        target = labels if labels is not None else jax.tree.leaves(batch.y)[0]
        return list(cv.split(table, target, groups))
    try:
        return list(cv)
    except TypeError:
        raise mistyped(
            "cv",
            repr(cv),
            "a number of folds, a splitter of scikit-learn, or (train, test) "
            "pairs of row numbers",
            "write cv=5",
        ) from None


def _group_folds(count: int) -> "GroupKFold":
    return package("sklearn.model_selection", "cv by groups").GroupKFold(count)


def _labels(model: Model, y: Tree) -> np.ndarray | None:
    """The class of each row, where the loss is one of classes."""
    loss = model.loss
    compares = getattr(loss, "compares", None)
    of_classes = getattr(loss, "link", None) or compares in ("hinge", "scores")
    if isinstance(y, tuple) or not of_classes:
        return None
    y = np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    one_hot = y.ndim == 2 and np.array_equal(y.sum(axis=1), np.ones(len(y)))
    y = y.argmax(axis=1) if one_hot else y
    return y if y.ndim == 1 and np.array_equal(y, np.rint(y)) else None


# Folds of our own ---------------------------------------------------------------------


def _folds(n: int, k: int, labels: np.ndarray | None, repeats: int) -> list[Fold]:
    """The k folds of n rows, as scikit-learn cuts them; shuffled where they repeat."""
    if labels is not None:
        values, counts = np.unique(labels, return_counts=True)
        if counts.min() < k:
            warnings.warn(
                f"cross_validate: class {values[counts.argmin()]:g} has {counts.min()} "
                f"rows for {k} folds, so some folds are without it.",
                OnefitWarning,
                stacklevel=5,
            )
    folds = []
    for repeat in range(repeats):
        order = np.arange(n)
        if repeats > 1:
            order = config.generator(repeat).permutation(n)
        of_row = np.empty(n, int)
        of_row[order] = (
            _in_blocks(n, k) if labels is None else _by_class(labels[order], k)
        )
        folds += [
            (np.flatnonzero(of_row != f), np.flatnonzero(of_row == f)) for f in range(k)
        ]
    return folds


def _in_blocks(n: int, k: int) -> np.ndarray:
    """The fold of each row: k blocks of neighbours, the first ones a row larger."""
    blocks = np.array_split(np.arange(n), k)
    return np.repeat(np.arange(k), [len(block) for block in blocks])


def _by_class(labels: np.ndarray, k: int) -> np.ndarray:
    """The fold of each row, every class in as equal shares as can be.

    With the rows sorted by class (in the order in which classes appear), place i counts
    for fold i mod k. So many rows of each class every fold gets, as neighbours.
    """
    of_row = np.empty(len(labels), int)
    values, first = np.unique(labels, return_index=True)
    place = 0
    for value in values[np.argsort(first)]:
        own = np.flatnonzero(labels == value)
        turns = (place + np.arange(len(own))) % k
        of_row[own] = np.repeat(np.arange(k), np.bincount(turns, minlength=k))
        place += len(own)
    return of_row


# Checking -----------------------------------------------------------------------------


def _checked(
    k: int, pair: object, n: int, groups: Data
) -> tuple[np.ndarray, np.ndarray]:
    """A fold's (train, test) rows, refused where they cannot be meant."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise mistyped(
            f"cv, fold {k}",
            f"one {type(pair).__name__}",
            "a pair of row numbers: (train, test)",
        )
    parts = []
    for name, part in zip(("training", "held-out"), pair, strict=True):
        at = np.asarray(part)
        at = np.flatnonzero(at) if at.dtype == bool and len(at) == n else at
        if at.ndim != 1 or not len(at) or at.dtype.kind not in "iu":
            what = f"{name} rows of shape {at.shape} and type {at.dtype}"
            raise invalid(
                f"cv, fold {k}",
                f"no {name} rows" if not at.size else what,
                "row numbers, at least one",
            )
        if at.min() < 0 or at.max() >= n:
            raise invalid(
                f"cv, fold {k}",
                f"{name} rows from {at.min()} to {at.max()}",
                f"0 to {n - 1}, as there are {n} rows",
            )
        parts.append(at)
    train, test = parts
    both = np.intersect1d(train, test)
    if len(both):
        raise invalid(
            f"cv, fold {k}",
            f"{len(both)} rows both to train on and held out, such as row {both[0]}",
            "no row on both sides",
        )
    if groups is not None:
        groups = np.asarray(groups)
        torn = np.intersect1d(groups[train], groups[test])
        if len(torn):
            raise invalid(
                f"cv, fold {k}",
                f"group {torn.tolist()[0]!r} both to train on and held out",
                "folds that keep groups together",
                "give a splitter that does: GroupKFold(5), or cv=5",
            )
    return train, test


def _refuse_small(folds: list[Fold], size: Any) -> None:
    """Refuses folds smaller than the batch of the user, whatever that is.

    Without a batch_size the batch is at most the fold, as in `Model.fit`.
    """
    for k, (train, _) in enumerate(folds):
        if is_whole(size, 1) and len(train) < size:
            least = min(len(train) for train, _ in folds)
            raise invalid(
                f"cv, fold {k}",
                f"{len(train)} rows to train on, in batches of {size}",
                "folds no smaller than a batch",
                f"write batch_size={least}, or take fewer rows out of each fold",
            )
