"""TableModel: what was learned of a table, and how to ask it."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from onefit.errors import OnefitWarning, invalid
from onefit.tables.explaining import Shapley, shapley
from onefit.tables.facts import FEW, facts_of
from onefit.tables.file import read as read_file
from onefit.tables.file import save
from onefit.tables.fitting import Fitted, fitted
from onefit.tables.framing import CHUNK
from onefit.tables.inputs import Goal, Inputs
from onefit.tables.options import Options, Said
from onefit.tables.preparation import Cells, Preparation
from onefit.tables.reading import called, parts, read
from onefit.tables.report import write
from onefit.tables.roles import INPUTS, Column, column_named, columns_of, leaks
from onefit.tables.scores import METRICS
from onefit.tables.targets import Split, Target, folds_of, target_of
from onefit.tables.values import Frame, Series, numbers, words

if TYPE_CHECKING:
    from onefit.files import Limits

__all__ = ["Answer", "TableModel", "fit", "load"]

FOLDS = 5
"""Into so many parts the rows are dealt, each asked of networks of the others."""

Progress = Callable[[str, float | None], None]


@dataclass(frozen=True)
class Answer:
    """Predictions of one part of a table.

    Args:
        rows: Names of the rows: lines of a file, or the index of a frame.
        prediction: A class, or a number, a row.
        probabilities: (rows, classes), or None for numbers.
        lower, upper: Of the interval around a number, or None for classes.
        ids: The column that names the rows, if there is one.
    """

    rows: np.ndarray
    prediction: np.ndarray
    probabilities: np.ndarray | None
    lower: np.ndarray | None
    upper: np.ndarray | None
    ids: Series | None


@dataclass
class TableModel:
    """Networks of a table, with all that is needed to ask them about other rows.

    Made by `onefit.tables.fit`, kept by `save`, opened by `onefit.load_model`.

    Attributes:
        columns: Each column of the training table with its role, and why.
        target: What is predicted: kind, reason, classes.
        notes: What was assumed and noticed, in sentences.
        facts: What the report tells, as JSON has it: rows, scores, importance.
    """

    columns: list[Column]
    target: Target
    preparations: list[Preparation]
    fitted: Fitted
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    # Asking --------------------------------------------------------------------------

    def predict(self, source: Any, **options: Any) -> np.ndarray:
        """The class of each row, as the table writes it, or the number.

        Args:
            source: A path or a table, as in `onefit.tables.read`. Columns may come in
                any order. What is odd about them is warned of.
            options: Of reading.

        Raises:
            ValueError: Most of the columns are not there.
        """
        return np.concatenate([a.prediction for a in self._warned(source, options)])

    def predict_proba(self, source: Any, **options: Any) -> np.ndarray:
        """The probability of each class, (rows, classes), in the order of `classes`.

        Raises:
            ValueError: The target is a number.
        """
        if self.target.classes is None:
            raise invalid(
                "predict_proba",
                f"a model of the number {self.target.name!r}",
                "a model of classes",
                "write predict_interval for how sure it is",
            )
        answers = self._warned(source, options)
        return np.concatenate([a.probabilities for a in answers])  # type: ignore

    def predict_interval(
        self, source: Any, coverage: float = 0.9, **options: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers between which the target lies, in so many of all rows.

        Raises:
            ValueError: The target is a class, or a coverage that is no share.
        """
        if self.target.classes is not None:
            raise invalid(
                "predict_interval",
                f"a model of the classes of {self.target.name!r}",
                "a model of numbers",
                "write predict_proba for how sure it is",
            )
        if not 0 < coverage < 1:
            raise invalid("coverage", repr(coverage), "a share between 0 and 1")
        answers = list(self._warned(source, options, coverage))
        return tuple(  # type: ignore
            np.concatenate([getattr(a, side) for a in answers])
            for side in ("lower", "upper")
        )

    @property
    def classes(self) -> list[str | int | float] | None:
        """The classes in the order of `predict_proba`; None for numbers."""
        return self.target.classes

    def evaluate(self, source: Any, **options: Any) -> dict[str, float]:
        """Scores on rows whose target is known; rows with an empty one are left out.

        Raises:
            ValueError: No column of the target, or classes that are unknown.
        """
        frame = read(source, **{**self.facts.get("reading", {}), **options})
        name = column_named(self.target.name, list(frame.columns), called(source))
        y = self.target.encoded(frame[name])
        known = frame[name].notna().to_numpy()
        if self.target.classes is not None and (y[known] < 0).any():
            strange = frame[name][known & (y < 0)].iloc[0]
            raise invalid(
                f"column {name!r}",
                f"the class {strange!r}",
                f"one of {self.target.classes[:20]}",
            )
        known = known & ~np.isnan(y.astype(float))
        if not known.any():
            raise invalid(f"column {name!r}", "no target in any row", "some")
        asked = self._values(frame[known])
        ones = np.ones(len(asked))
        return {
            metric.name: metric.score(y[known], asked, ones)
            for metric in METRICS.values()
            if self.target.problem in metric.problems
        }

    def answers(
        self,
        source: Any,
        say: Callable[[str], None],
        coverage: float = 0.9,
        rows: int | None = CHUNK,
        **options: Any,
    ) -> Iterator[Answer]:
        """The predictions part by part, so that a file may be larger than memory.

        Args:
            source, options: As in `predict`.
            say: Is told, once each, what is odd about the rows.
            coverage: Of the intervals around numbers.
            rows: Of a part.
        """
        formats = {c.name: c.format for c in self.columns if c.format}
        given = Options.of({**self.facts.get("reading", {}), **options})
        known = Said(called(source), given, formats=formats)
        told: set[str] = set()
        for frame in parts(source, known, rows):
            self._refuse_others(frame, known.where)
            for note in self._odd(frame):
                if note not in told:
                    told.add(note)
                    say(note)
            yield self._answer(frame, coverage)

    def _warned(
        self, source: Any, options: Mapping[str, Any], coverage: float = 0.9
    ) -> Iterator[Answer]:
        said: list[str] = []
        yield from self.answers(source, said.append, coverage, None, **options)
        if said:
            message = f"{called(source)}: {'; '.join(said)}."
            warnings.warn(message, OnefitWarning, stacklevel=4)

    def _answer(self, frame: Frame, coverage: float) -> Answer:
        values = self._values(frame)
        ids = next(
            (c.name for c in self.columns if _is_id(c) and c.name in frame), None
        )
        cells = None if ids is None else frame[ids]
        rows = frame.index.to_numpy()
        if self.target.classes is None:
            lower, upper = self.fitted.lower_upper(values, coverage)
            return Answer(rows, values, None, lower, upper, cells)
        named = self.target.named(values.argmax(axis=1))
        return Answer(rows, named, values, None, None, cells)

    def _values(self, frame: Frame) -> np.ndarray:
        cells = Cells.of(frame, self.columns, frame.attrs.get("decimal", "."))
        return self.fitted.predict([prepared(cells) for prepared in self.preparations])

    def asked(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """What is said of columns by name: probabilities, or numbers; no warnings."""
        import pandas as pd

        return self._values(pd.DataFrame(dict(table)))

    def explain(self, row: Any, background: Any, **options: Any) -> Shapley:
        """What each column of one row adds to its prediction, by Shapley's values.

        Args:
            row: A table of one row.
            background: Rows that stand for "not known", such as the training table.
            options: Of `onefit.tables.explaining.shapley`: `orders`, `rows`, `seed`.

        Raises:
            ValueError: More than one row.
        """
        one, others = read(row), read(background)
        if len(one) != 1:
            raise invalid("explain", f"{len(one)} rows", "one row", "write frame[:1]")
        names = [c.name for c in self.columns if c.role in INPUTS]
        table = {name: others[name].to_numpy() for name in names}
        return shapley(self.asked, table, {n: one[n].iloc[0] for n in names}, **options)

    # What is odd about rows ----------------------------------------------------------

    def _refuse_others(self, frame: Frame, where: str) -> None:
        """Refuses a table without most of the columns."""
        wanted = [c.name for c in self.columns if c.role in INPUTS]
        absent = [name for name in wanted if name not in frame]
        if 2 * len(absent) > len(wanted):
            raise invalid(
                where,
                f"no column {_listed(absent)}; it has {_listed(list(frame.columns))}",
                f"the columns that the model was trained on: {_listed(wanted)}",
                "name the columns in the first line as in the training table",
            )

    def _odd(self, frame: Frame) -> Iterator[str]:
        """Sentences about what the training rows had not."""
        known = {c.name for c in self.columns}
        wanted = [c.name for c in self.columns if c.role in INPUTS]
        if absent := [name for name in wanted if name not in frame]:
            yield f"no column {_listed(absent)}: taken as missing in every row"
        if more := [name for name in frame.columns if name not in known]:
            yield f"{_listed(more)}: not in the training table, so left aside"
        for column in self.columns:
            if column.role in INPUTS and column.name in frame:
                yield from _odd_cells(
                    column, frame[column.name], frame.attrs.get("decimal", ".")
                )

    # Keeping -------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes all to one file: JSON and arrays in a zip, and no code.

        Raises:
            ValueError: No such folder, or a file that may not be replaced.
        """
        save(self, filepath, overwrite)

    def report(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes a page (.html) that needs nothing else, or the same as .json.

        Raises:
            ValueError: As for `save`.
        """
        write(self, filepath, overwrite)

    def __repr__(self) -> str:
        kind = self.target.problem
        return (
            f"<TableModel of {self.target.name!r}, {kind}, {len(self.columns)} columns>"
        )


def _is_id(column: Column) -> bool:
    return column.role == "drop" and column.reason.startswith("an id")


def _listed(names: Sequence[str], most: int = 5) -> str:
    shown = ", ".join(map(repr, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _odd_cells(column: Column, cells: Series, decimal: str) -> Iterator[str]:
    """Words that are new, numbers beyond those of training, cells that say nothing."""
    name = column.name
    if column.role in ("category", "ordered"):
        codes, found = words(cells)
        new = [word for word in found if word not in set(column.values)]
        if new:
            count = int(np.isin(codes, [found.index(word) for word in new]).sum())
            yield (
                f"column {name!r}: {_listed(new, 3)} was never seen in training "
                f"({count:,} {_rows(count)}): taken as unknown"
            )
    if column.role == "number" and column.lowest is not None:
        values, wrong = numbers(cells, decimal)
        if wrong.any():
            yield (
                f"column {name!r}: {cells[wrong].iloc[0]!r} in "
                f"{cells.index.name or 'row'} {cells.index[wrong][0]} is no number: "
                f"taken as missing ({int(wrong.sum()):,} {_rows(int(wrong.sum()))})"
            )
        beyond = (values < column.lowest) | (values > (column.highest or 0.0))
        if beyond.any():
            count = int(beyond.sum())
            odd = values[beyond][np.abs(values[beyond] - column.lowest).argmax()]
            yield (
                f"column {name!r}: {odd:.6g} is outside of {column.lowest:.6g} to "
                f"{column.highest:.6g}, where training was ({count:,} {_rows(count)})"
            )
    if not column.missing and column.role in INPUTS and cells.isna().any():
        count = int(cells.isna().sum())
        yield (
            f"column {name!r}: missing in {count:,} {_rows(count)}, as in no row of "
            "training: taken as the middle value"
        )


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def load(filepath: str | os.PathLike, limits: "Limits | None" = None) -> TableModel:
    """The model in a file of `TableModel.save`; `onefit.load_model` opens it too.

    Args:
        filepath: The file.
        limits: How much it may ask for, if it is more than the usual.

    Raises:
        ValueError: A file that is not there, is damaged, or is no model of a table.
    """
    return TableModel(**read_file(filepath, limits))


# Fitting ------------------------------------------------------------------------------


def fit(
    source: Any,
    target: str | None = None,
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
    **options: Any,
) -> TableModel:
    """Networks that predict one column of a table from the others.

    Args:
        source: A path or a table, as in `onefit.tables.read`.
        target: The column to predict; the last one if it is not given.
        roles: What columns are for, by name, where it is not what is found: 'number',
            'category', 'date', 'text', 'drop'; a list of words for a category with an
            order; 'weight' for how much a row counts, 'group' for rows that belong
            together, 'time' for what came first.
        problem: 'binary', 'multiclass', 'regression', or 'auto' to find it.
        quality: 'quick' for one split, 'default', or 'best'.
        time: Seconds that fitting may take; None for as long as it needs.
        metric: What is chosen by: 'auc', 'log_loss', 'rmse', ...
        folds: Into how many parts the rows are dealt.
        seed: Of all that is random.
        progress: Is told what is being fitted, and the best score so far.
        say: Is told what was found, a sentence each, before any time is spent.
        options: Of reading: `delimiter`, `decimal`, `missing`, ...

    Returns:
        A `TableModel`.

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
    notes = list(frame.attrs["notes"])
    where = frame.attrs["source"]
    names = list(frame.columns)
    last = str(names[-1])
    if target is None:
        notes.append(f"no target is given: the last column, {last!r}, is predicted")
    target = column_named(last if target is None else target, names, where)
    told = target_of(frame[target], problem, where)
    y = told.encoded(frame[target])
    known = frame[target].notna().to_numpy() & ~np.isnan(y.astype(float))
    if not known.all():
        empty = int((~known).sum())
        notes.append(f"{empty:,} {_rows(empty)} with an empty target are left out")
    attrs, frame, y = frame.attrs, frame[known], y[known]
    columns = columns_of(frame, roles, {"target": target}, attrs["formats"])
    inputs = [c for c in columns if c.role in INPUTS]
    if not inputs:
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
    notes += leaks(frame, columns, y)
    cells = Cells.of(frame, columns, attrs["decimal"])
    weights = _weights(frame, columns)
    pairs = _folds(frame, columns, told, y, folds, seed, quality)
    notes += _said_of(columns, told, y, pairs)
    if say is not None:
        for note in notes:
            say(note)
    goal = Goal(told.problem, y, _names(told), weights)
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
    )
    if found.folds < len(pairs):
        notes.append(
            f"there was time for {found.folds} of the {len(pairs)} folds: a longer "
            "time gives better predictions, and scores of more rows"
        )
        pairs = pairs[: found.folds]
    preparations = [kept[train.tobytes()] for train, _ in pairs]
    model = TableModel(columns, told, preparations, found, notes)
    facts = {"source": os.path.basename(where), "quality": quality, "seed": seed}
    # What means missing, and which number is the day, are the same in other files.
    lasting = ("missing", "dayfirst")
    facts["reading"] = {name: options[name] for name in lasting if name in options}
    model.facts = facts_of(model, frame, goal, pairs, facts)
    return model


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
