"""Fitting a table: what its columns are for, folds, networks, and what is known."""

import os
import time as clock
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.tables.drift import shares_of
from onefit.tables.facts import FEW, facts_of, versions
from onefit.tables.fitting import fitted
from onefit.tables.heads import HEADS
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.model import TableModel
from onefit.tables.preparation import Cells, Preparation
from onefit.tables.reading import read
from onefit.tables.roles import (
    INPUTS,
    MOST_WORDS,
    Column,
    column_named,
    columns_of,
    fingerprint,
    leaks,
)
from onefit.tables.rounds import Rounds
from onefit.tables.several import Several, labelled
from onefit.tables.targets import Split, Target, cut_off, folds_of, target_of
from onefit.tables.values import Frame, Series, numbers, words

__all__ = ["fit"]

FOLDS = 5
"""Into so many parts the rows are dealt, each asked of networks of the others."""

TELLING, LEAST = 0.08, 0.2
"""The share of the time that is kept for what is told afterwards; the share that
training has, however long preparing took."""

LASTING = ("missing", "dayfirst")
"""Options of reading that other files of the kind need too."""

Progress = Callable[[str, float | None], None]


def fit(
    source: Any,
    target: str | Sequence[str] | None = None,
    *,
    roles: Mapping[str, str | Sequence[str]] | None = None,
    problem: str = "auto",
    quality: str = "default",
    time: float | None = 60.0,
    metric: str | None = None,
    folds: int = FOLDS,
    seed: int = 0,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
    folder: str | os.PathLike | None = None,
    **options: Any,
) -> Any:  # a TableModel, or Several: the table says which
    """Networks that predict one column of a table, or several, from the others.

    Args:
        source: A path or a table, as in `onefit.tables.read`.
        target: The column to predict, the last one if it is not given; a list of
            columns for a model of each, which do not see one another.
        roles: What columns are for, by name, where it is not what is found: 'number',
            'category', 'date', 'text', 'drop'; a list of words for a category with an
            order; 'weight' for how much a row counts, 'group' for rows that belong
            together, 'time' for what came first.
        problem: 'binary', 'multiclass', 'ordered' (classes with an order, given in
            `roles`), 'regression', 'count', 'skewed' (0 or more, of very different
            sizes), 'multilabel' (cells that list words: 'red; blue'), or 'auto'.
        quality: 'quick' for one split, 'default', or 'best'.
        time: Seconds that fitting may take; None for as long as it needs.
        metric: What is chosen by: 'auc', 'log_loss', 'rmse', ...
        folds: Into how many parts the rows are dealt.
        seed: Of all that is random.
        progress: Is told what is being fitted, and the best score so far.
        say: Is told what was found, a sentence each, before any time is spent.
        folder: Where finished rounds of networks are kept while it fits. The same fit
            with this folder, after it was killed, goes on after them.
        options: Of reading: `delimiter`, `decimal`, `missing`, ...

    Returns:
        A `TableModel`; of several targets, or of labels, `Several` of them.

    Raises:
        ValueError: What cannot be meant, before any time is spent.

    Example:
        >>> import numpy as np
        >>> import onefit
        >>> x = np.arange(60.0)
        >>> rows = {"x": x, "colour": ["red", "blue"] * 30, "y": 2 * x + 1}
        >>> model = onefit.tables.fit(rows, "y", time=5, quality="quick")
        >>> model.target.problem
        'regression'
    """
    frame = read(source, **options)
    notes, names = list(frame.attrs["notes"]), [str(name) for name in frame.columns]
    if target is None:
        target = names[-1]
        notes.append(f"no target is given: the last column, {target!r}, is predicted")
    where = frame.attrs["source"]
    asked = [target] if isinstance(target, str) else list(target)
    asked = [column_named(name, names, where) for name in asked]
    several = len(asked) > 1
    if problem == "multilabel":
        frame, asked, more = labelled(frame, asked, where)
        several, problem = True, "binary"
        notes += more
    settings: dict[str, Any] = {
        "problem": problem,
        "quality": quality,
        "metric": metric,
        "folds": folds,
        "seed": seed,
        "progress": progress,
        "say": say,
        "reading": {name: options[name] for name in LASTING if name in options},
    }
    models = {}
    for i, name in enumerate(asked):
        if several and say is not None:
            say(f"the target {name!r}, {i + 1} of {len(asked)}:")
        others = dict.fromkeys((other for other in asked if other != name), "drop")
        own = {n: role for n, role in (roles or {}).items() if n not in others}
        part = None if time is None else time / len(asked)
        place = folder
        if several and folder is not None:
            place = os.path.join(folder, f"target{i + 1}")
        told = {"roles": own | others, "time": part, "folder": place, **settings}
        models[name] = _fit(frame, name, list(notes), **told)
        if models[name].facts["interrupted"]:
            break
    return Several(models) if several else models[asked[0]]


def _fit(
    frame: Frame,
    target: str,
    notes: list[str],
    *,
    roles: Mapping[str, str | Sequence[str]],
    problem: str,
    quality: str,
    time: float | None,
    metric: str | None,
    folds: int,
    seed: int,
    progress: Progress | None,
    say: Callable[[str], None] | None,
    folder: str | os.PathLike | None,
    reading: dict[str, Any],
) -> TableModel:
    """The model of one target."""
    attrs, where, begin = frame.attrs, frame.attrs["source"], clock.perf_counter()
    roles = dict(roles)
    order = roles.pop(target, None)
    if isinstance(order, str):
        raise invalid(
            f"roles of {target!r}, the target",
            repr(order),
            "a list of its classes, the least first",
            "write problem= for what kind of target it is (--problem)",
        )
    told = target_of(frame[target], problem, where, order)
    y = told.encoded(frame[target])
    known = frame[target].notna().to_numpy() & ~np.isnan(y.astype(float))
    if not known.all():
        empty = int((~known).sum())
        notes.append(f"{empty:,} {_rows(empty)} with an empty target {_left(empty)}")
    frame, y = frame[known], y[known]
    columns = _columns(frame, roles, target, attrs["formats"], where)
    notes += leaks(frame, columns, y)
    notes += cut_off(told, y)
    if told.problem not in ("binary", "multiclass", "regression"):
        notes.append(f"the target has {told.reason}; {HEADS[told.problem].why}")
    cells = Cells.of(frame, columns, attrs["decimal"])
    weights = _weights(frame, columns)
    pairs = _folds(frame, columns, told, y, folds, seed, quality)
    notes += _said_of(columns, told, y, pairs)
    told_of = (target, roles, order, problem, quality, time, metric, folds, seed)
    rounds = Rounds(folder, _print_of(frame, *map(str, told_of)))
    if rounds.count:
        notes.append(f"goes on after {rounds.count} rounds of a run that was ended")
    if say is not None:
        for note in notes:
            say(note)
    goal = Goal(told.problem, y, _names(told), weights)
    if (
        time is not None
    ):  # what was read and prepared took some, what is told takes more
        spent = clock.perf_counter() - begin
        time = max((1 - TELLING) * (time - spent), LEAST * time)
    kept: dict[bytes, Preparation] = {}

    def inputs_of_fold(rows: np.ndarray) -> Inputs:
        prepared = Preparation.of(cells, columns, rows)
        kept[rows.tobytes()] = prepared
        return prepared(cells)

    found = fitted(
        inputs_of_fold,
        goal,
        pairs,
        quality=quality,
        time=time,
        metric=metric,
        seed=seed,
        progress=progress,
        rounds=rounds,
    )
    rounds.clear()
    told_before = len(notes)
    if found.skipped:
        notes.append(
            f"there was no time for {', '.join(found.skipped)}: a longer time gives "
            "better predictions (--time)"
        )
    if found.folds < len(pairs):
        notes.append(
            f"there was time for {found.folds} of the {len(pairs)} folds: a longer "
            "time gives better predictions, and scores of more rows"
        )
        pairs = pairs[: found.folds]
    if say is not None:
        for note in notes[told_before:]:
            say(note)
    preparations = [kept[train.tobytes()] for train, _ in pairs]
    model = TableModel(columns, told, preparations, found, notes)
    facts = {"source": os.path.basename(where), "quality": quality, "seed": seed}
    model.facts = facts_of(model, frame, goal, pairs, {**facts, "reading": reading})
    return model


def _columns(
    frame: Frame,
    roles: Mapping[str, str | Sequence[str]],
    target: str,
    formats: Mapping[str, str],
    where: str,
) -> list[Column]:
    """The columns with their roles, some of them of use."""
    columns = columns_of(frame, roles, {"target": target}, formats)
    if not any(c.role in INPUTS for c in columns):
        reasons = "; ".join(
            f"{c.name!r}: {c.reason}" for c in columns if c.role == "drop"
        )
        raise invalid(
            where,
            "no column beside the target that can be used"
            + (f" ({reasons})" if reasons else ""),
            "at least one",
            "write roles={'name': 'category'} (--roles name=category) to keep one",
        )
    for column in columns:
        column.parts, column.shares = shares_of(column, frame[column.name])
    return columns


def _print_of(frame: Frame, *told: str) -> str:
    """What is the same for the same table and settings."""
    import hashlib

    made = hashlib.blake2b(repr((told, versions())).encode(), digest_size=16)
    for name in frame.columns:
        made.update(str(name).encode() + fingerprint(frame[name]))
    return made.hexdigest()


def _names(target: Target) -> tuple | None:
    return None if target.classes is None else tuple(map(str, target.classes))


def _weights(frame: Frame, columns: Sequence[Column]) -> np.ndarray | None:
    named = [c.name for c in columns if c.role == "weight"]
    if not named:
        return None
    values, _ = numbers(frame[named[0]])
    wrong = ~(values >= 0)
    if wrong.any() or not values.any():
        at = int(wrong.argmax()) if wrong.any() else 0
        cells = frame[named[0]]
        raise invalid(
            f"column {named[0]!r}, {cells.index.name or 'row'} {cells.index[at]}",
            f"the weight {values[at]:g}",
            "a number of 0 or more, not all of them 0",
        )
    return values.astype(np.float32)


def _folds(
    frame: Frame,
    columns: Sequence[Column],
    target: Target,
    y: np.ndarray,
    count: int,
    seed: int,
    quality: str,
) -> list[Split]:
    roles = {c.role: frame[c.name] for c in columns if c.role in ("group", "time")}
    if len(y) < FEW:  # each network is trained on nearly all of few rows
        count = max(count, min(len(y), 2 * FOLDS))
    count = max(2, min(count, len(y)))
    times = None
    if "time" in roles:
        times = _when(roles["time"])
    pairs = folds_of(
        y,
        count,
        seed,
        classes=target.classes is not None,
        groups=words(roles["group"]).codes if "group" in roles else None,
        times=times,
    )
    if quality == "quick":
        pairs = pairs[-1:]
    if not pairs or any(len(np.unique(y[train])) < 2 for train, _ in pairs):
        raise invalid(
            f"the target {target.name!r}",
            f"{len(y)} rows of which no part can be held out: a class of one row each, "
            "or one value in a part",
            "several rows of each class, in each group and time",
            "choose another target, or gather more rows",
        )
    return pairs


def _when(cells: Series) -> np.ndarray:
    from onefit.tables.values import dates

    values, wrong = numbers(cells)
    if wrong.any():
        values, wrong = dates(cells)
    if wrong.any() or np.isnan(values).any():
        at = int((wrong | np.isnan(values)).argmax())
        raise invalid(
            f"column {cells.name!r}, {cells.index.name or 'row'} {cells.index[at]}",
            repr(cells.iloc[at]),
            "a date or a number in each row, as its role is 'time'",
        )
    return values


def _said_of(
    columns: Sequence[Column], target: Target, y: np.ndarray, pairs: Sequence[Split]
) -> Iterator[str]:
    """Sentences about columns that are left out, rare classes and few rows."""
    for column in columns:
        if column.role == "drop" and column.reason != "given":
            yield f"column {column.name!r} is left out: {column.reason}"
        if column.role == "text":
            yield f"column {column.name!r} is a text: {column.reason}"
        if column.role == "category":
            yield from _capitals(f"column {column.name!r}", column.values)
            if len(column.values) >= MOST_WORDS:
                yield f"column {column.name!r}: {column.reason}"
    yield from _capitals(f"the target {target.name!r}", target.classes or ())
    width = sum(c.role in INPUTS for c in columns)
    if width > len(y):
        yield f"{width} columns of {len(y)} rows: what is found may be chance"
    if target.classes is not None:
        rare = np.bincount(y, minlength=len(target.classes))
        for k in np.flatnonzero(rare < FOLDS):
            count = int(rare[k])
            yield (
                f"the class {target.classes[k]!r} has {count} {_rows(count)}: too few "
                "to tell how well it is found"
            )
    asked = sum(len(rows) for _, rows in pairs)
    if asked < FEW:
        yield f"the scores are of {asked} rows: too few to say much"


def _capitals(called: str, named: Sequence[str | float]) -> Iterator[str]:
    """A sentence about words that differ in nothing but capitals and spaces."""
    same: dict[str, list[str]] = {}
    for word in map(str, named):
        same.setdefault(" ".join(word.casefold().split()), []).append(word)
    if doubled := [twins for twins in same.values() if len(twins) > 1]:
        first, more = doubled[0], len(doubled) - 1
        yield (
            f"{called}: {' and '.join(map(repr, first[:3]))} are different words"
            f"{f' (and {more} more such groups)' if more else ''}: "
            "write them alike if they mean the same"
        )


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _left(count: int) -> str:
    return "is left out" if count == 1 else "are left out"
