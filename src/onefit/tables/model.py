"""TableModel: what was learned of a table, and how to ask it."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from onefit.errors import OnefitWarning, invalid
from onefit.tables.drift import Counts
from onefit.tables.explaining import Shapley, shapley
from onefit.tables.exporting import export
from onefit.tables.file import save
from onefit.tables.fitting import Fitted
from onefit.tables.framing import CHUNK
from onefit.tables.inputs import Inputs
from onefit.tables.odd import listed, odd_cells, others
from onefit.tables.options import Options, Said
from onefit.tables.preparation import Cells, Preparation
from onefit.tables.reading import called, parts, read
from onefit.tables.report import write
from onefit.tables.roles import INPUTS, Column, column_named
from onefit.tables.scores import METRICS
from onefit.tables.targets import Target
from onefit.tables.values import Frame, Series

__all__ = ["Answer", "TableModel"]


@dataclass(frozen=True)
class Answer:
    """Predictions of one part of a table.

    Args:
        rows: Names of the rows: lines of a file, or the index of a frame.
        prediction: A class, or a number, a row; None where it is not sure enough.
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
        threshold: float | str | Sequence | None = None,
        sure: float | None = None,
        **options: Any,
    ) -> Iterator[Answer]:
        """The predictions part by part, so that a file may be larger than memory.

        Args:
            source, options: As in `predict`.
            say: Is told, once each, what is odd about the rows.
            coverage: Of the intervals around numbers.
            rows: Of a part.
            threshold: Of two classes: the probability of the second from which on it
                is said; or the metric, or what answers cost, for which it is the best
                one (`Fitted.threshold`).
            sure: The least probability of an answer; others have none (None).

        Raises:
            ValueError: A threshold for another target, shares that are none.
        """
        least = self.threshold(threshold)
        self.check_sure(sure)
        formats = {c.name: c.format for c in self.columns if c.format}
        given = Options.of({**self.facts.get("reading", {}), **options})
        known = Said(called(source), given, formats=formats)
        told: set[str] = set()
        counts = Counts(self.columns, self.facts.get("rows", 0))
        for frame in parts(source, known, rows):
            self.refuse_others(list(frame.columns), known.where)
            for note in self._odd(frame):
                if note not in told:
                    told.add(note)
                    say(note)
            counts.add(frame)
            yield self._answer(frame, coverage, least, sure)
        for note in counts.sentences():
            say(note)

    def threshold(self, asked: float | str | Sequence | None) -> float | None:
        """The probability of the second class that is asked for, or is the best."""
        if asked is None:
            return None
        if isinstance(asked, int | float) and self.target.problem == "binary":
            if not 0 <= asked <= 1:
                raise invalid("threshold", repr(asked), "a probability, 0 to 1")
            return float(asked)
        return self.fitted.threshold(asked)

    def check_sure(self, sure: float | None) -> None:
        """Refuses a least probability that is none."""
        if sure is not None and (self.classes is None or not 0 < sure <= 1):
            raise invalid(
                "sure",
                f"{sure!r}" if self.classes else f"a model of numbers, sure={sure!r}",
                "a share between 0 and 1, for a model of classes",
                "" if self.classes else "numbers have intervals: coverage=",
            )

    def drift(self, source: Any, **options: Any) -> list[dict[str, Any]]:
        """The columns whose cells are not as in training, the most moved first.

        Args:
            source, options: As in `predict`.

        Returns:
            As `onefit.tables.drift.Counts.found`.
        """
        counts = Counts(self.columns, self.facts.get("rows", 0))
        given = Options.of({**self.facts.get("reading", {}), **options})
        formats = {c.name: c.format for c in self.columns if c.format}
        for frame in parts(source, Said(called(source), given, formats=formats), CHUNK):
            counts.add(frame)
        return counts.found()

    def _warned(
        self, source: Any, options: Mapping[str, Any], coverage: float = 0.9
    ) -> Iterator[Answer]:
        said: list[str] = []
        yield from self.answers(source, said.append, coverage, None, **options)
        if said:
            message = f"{called(source)}: {'; '.join(said)}."
            warnings.warn(message, OnefitWarning, stacklevel=4)

    def _answer(
        self,
        frame: Frame,
        coverage: float,
        threshold: float | None = None,
        sure: float | None = None,
    ) -> Answer:
        ids = None if self.id is None or self.id not in frame else frame[self.id]
        inputs = self._inputs(frame)
        return self.answer(
            inputs, frame.index.to_numpy(), ids, coverage, threshold, sure
        )

    def answer(
        self,
        inputs: list[Inputs],
        rows: np.ndarray,
        ids: Series | None = None,
        coverage: float = 0.9,
        threshold: float | None = None,
        sure: float | None = None,
    ) -> Answer:
        """What is said of rows that are prepared, by each fold; as `answers`."""
        values = self.fitted.predict(inputs)
        if self.target.classes is None:
            ends = self.fitted.said_ends(inputs)
            lower, upper = self.fitted.lower_upper(values, coverage, ends=ends)
            return Answer(rows, values, None, lower, upper, ids)
        likeliest = values.argmax(axis=1)
        if threshold is not None:
            likeliest = (values[:, 1] >= threshold).astype(int)
        named = self.target.named(likeliest)
        if sure is not None:
            unsure = values[np.arange(len(values)), likeliest] < sure
            named = named.astype(object)
            named[unsure] = None
        return Answer(rows, named, values, None, None, ids)

    @property
    def id(self) -> str | None:
        """The column that names the rows, if there is one."""
        return next((column.name for column in self.columns if _is_id(column)), None)

    def _values(self, frame: Frame) -> np.ndarray:
        return self.fitted.predict(self._inputs(frame))

    def _inputs(self, frame: Frame) -> list[Inputs]:
        """The rows as the networks of each fold take them."""
        cells = Cells.of(frame, self.columns, frame.attrs.get("decimal", "."))
        return [prepared(cells) for prepared in self.preparations]

    def asked(self, table: Mapping[str, np.ndarray]) -> np.ndarray:
        """What is said of columns by name: probabilities, or numbers; no warnings."""
        import pandas as pd

        return self._values(pd.DataFrame(dict(table)))

    def arrays(
        self, source: Any, most: int = 50, **options: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """A table's rows as plain arrays, for a network of your own.

        Numbers are scaled as by the first fold's training rows, and what is missing is
        their middle; each known value of a category is a column of 0 and 1; dates and
        texts are numbers as the model takes them. Rows without a target are left out.

        Args:
            source: A table with the target, as in `predict`.
            most: Columns that a category has at most, of its commonest values.
            options: As in `predict`.

        Returns:
            x, float32 (rows, columns), and y: class numbers, or numbers, (rows,).

        Raises:
            ValueError: A table without the target.
        """
        given = {**self.facts.get("reading", {}), **options}
        frame = read(source, **given)
        if self.target.name not in frame:
            raise invalid(
                called(source),
                f"no column {self.target.name!r}",
                "the target, which is y",
                "for rows without it write model.predict(rows)",
            )
        y = self.target.encoded(frame[self.target.name])
        known = frame[self.target.name].notna().to_numpy() & ~np.isnan(y.astype(float))
        if self.target.classes is not None:
            known &= y >= 0
        inputs = self._inputs(frame[known])[0]
        columns = [inputs.numbers]
        for codes, size in zip(inputs.codes.T, inputs.sizes, strict=True):
            columns.append(codes[:, None] == np.arange(1, min(size, most) + 1))
        numbers = np.float32 if self.target.classes is None else np.int32
        return np.hstack(columns).astype(np.float32), y[known].astype(numbers)

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

    def refuse_others(self, names: Sequence[str], where: str) -> None:
        """Refuses rows without most of the columns.

        Raises:
            ValueError: They are others than those of the training table.
        """
        wanted = [c.name for c in self.columns if c.role in INPUTS]
        absent = [name for name in wanted if name not in names]
        if 2 * len(absent) > len(wanted):
            raise invalid(
                where,
                f"no column {listed(absent)}; it has {listed(list(names))}",
                f"the columns that the model was trained on: {listed(wanted)}",
                "name the columns as in the training table",
            )

    def _odd(self, frame: Frame) -> Iterator[str]:
        """Sentences about what the training rows had not."""
        wanted = [c.name for c in self.columns if c.role in INPUTS]
        yield from others(wanted, (c.name for c in self.columns), frame.columns)
        for column in self.columns:
            if column.role in INPUTS and column.name in frame:
                decimal = frame.attrs.get("decimal", ".")
                yield from odd_cells(column, frame[column.name], decimal)

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

    def export(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes an ONNX file that has the preparation of the columns inside.

        It has an input for each column, (rows, 1): numbers as doubles, NaN where there
        are none; words as text, '' where there are none. Its output are `probabilities`
        (rows, classes), or `prediction` (rows, 1).

        Raises:
            ImportError: onnx is not installed.
            ValueError: A column that ONNX cannot prepare (a date, a text); as for
                `save`.
        """
        export(self, filepath, overwrite)

    def __repr__(self) -> str:
        kind = self.target.problem
        return (
            f"<TableModel of {self.target.name!r}, {kind}, {len(self.columns)} columns>"
        )


def _is_id(column: Column) -> bool:
    return column.role == "drop" and column.reason.startswith("an id")
