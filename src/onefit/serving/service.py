"""What a service says: answers to rows, and what makes up one of them."""

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.tables import Several, TableModel
from onefit.tables.explaining import shapley
from onefit.tables.inputs import Inputs
from onefit.tables.odd import others
from onefit.tables.options import Options, Said
from onefit.tables.reading import parts
from onefit.tables.records import Record, Records
from onefit.tables.roles import INPUTS
from onefit.tables.typical import typical
from onefit.tables.values import Frame
from onefit.web import Refused

__all__ = ["Service"]

SIZES = (64, 512, 4096)
"""Rows that a program answers at once: a batch is filled up to the next of these, so
that there are three programs, all compiled before the first client comes."""

KEPT, LETTERS = 32, 100_000
"""Sets of columns of which is remembered what is odd about them, and the letters of the
names of a set, at most.
"""

BESIDE = 32
"""Typical rows that contributions are measured against."""


class Service:
    """A model of a table, ready to be asked by many.

    Args:
        model: A model, or those of several targets.
        coverage: Of the intervals around numbers.
        threshold: Of two classes, as in `TableModel.answers`.
        sure: The least probability of an answer.

    Raises:
        ValueError: Settings that do not suit the target.

    Example:
        >>> from onefit import tables
        >>> x = np.arange(60.0)
        >>> rows = {"x": x, "y": 2 * x + 1}
        >>> service = Service(tables.fit(rows, "y", time=3, quality="quick"))
        >>> said = service.answer([{"x": 30}, {"x": 400, "z": 1}])
        >>> sorted(said[0]), said[0]["warnings"]
        (['lower', 'prediction', 'upper', 'warnings'], [])
        >>> said[1]["warnings"]
        ["'z': not in the training table, so left aside", "column 'x': 400 is outside \
of 0 to 59, where training was"]
    """

    def __init__(
        self,
        model: TableModel | Several,
        *,
        coverage: float = 0.9,
        threshold: float | str | Sequence | None = None,
        sure: float | None = None,
    ) -> None:
        several = isinstance(model, Several)
        self.models = dict(model) if several else {model.target.name: model}
        self.several, self.coverage, self.sure = several, coverage, sure
        if not 0 < coverage < 1:
            raise invalid("coverage", repr(coverage), "a share between 0 and 1")
        self.thresholds: dict[str, float | None] = {}
        self.records: dict[str, Records] = {}
        for name, one in self.models.items():
            one.check_sure(sure)
            self.thresholds[name] = one.threshold(threshold)
            options = Options.of(one.facts.get("reading", {}))
            self.records[name] = Records(one.columns, options.missing)
        self.asked = threading.Lock()
        # Most rows have the same columns: what is said of these is said once.
        kept = functools.lru_cache(KEPT)
        self._check_names = kept(self._refuse_others)
        self._odd = kept(self._columns_odd)

    @property
    def first(self) -> TableModel:
        """The model of the first target: all have the same columns."""
        return next(iter(self.models.values()))

    def frame(self, text: bytes) -> Frame:
        """A text with delimiters as a frame, dates read as in the training table."""
        columns = [c for one in self.models.values() for c in one.columns]
        formats = {c.name: c.format for c in columns if c.format}
        options = Options.of(self.first.facts.get("reading", {}))
        return next(parts(text, Said("the body", options, formats=formats), None))

    def check(self, rows: Sequence[Record]) -> None:
        """Refuses rows without most of the columns.

        Raises:
            Refused: They are rows of another table (422).
        """
        names = dict.fromkeys(name for row in rows for name in row)
        letters = sum(map(len, names))
        if letters > LETTERS:
            raise Refused(
                422,
                f"the rows: received {len(names):,} columns whose names have "
                f"{letters:,} letters; expected {LETTERS:,} at most.",
            )
        try:
            self._check_names(tuple(names))
        except ValueError as error:
            raise Refused(422, str(error)) from None

    def _refuse_others(self, names: tuple[str, ...]) -> None:
        for model in self.models.values():
            model.refuse_others(names, "the rows")

    def _columns_odd(self, name: str, names: tuple[str, ...]) -> list[str]:
        """Sentences about columns that are not in the training table.

        One that is missing has a sentence of its own, cell by cell.
        """
        known = {column.name for column in self.models[name].columns}
        return others([], known, names)

    def answer(self, rows: Sequence[Record]) -> list[dict[str, Any]]:
        """The answer to each row, as JSON has it.

        A prediction, its `probabilities` by class, or `lower` and `upper`; and
        `warnings` of what is odd about the row. Of several targets, that by target.
        """
        every = {name: self._said(name, rows) for name in self.models}
        if not self.several:
            return every[self.first.target.name]
        turned = zip(*every.values(), strict=True)
        return [dict(zip(every, each, strict=True)) for each in turned]

    def _said(self, name: str, rows: Sequence[Record]) -> list[dict[str, Any]]:
        model = self.models[name]
        cells, notes = self.records[name](rows)
        size = next((size for size in SIZES if size >= len(rows)), len(rows))
        filled = np.resize(np.arange(len(rows)), size)
        inputs: list[Inputs] = [made(cells)[filled] for made in model.preparations]
        said = model.answer(
            inputs, filled, None, self.coverage, self.thresholds[name], self.sure
        )
        found = []
        for i, row in enumerate(rows):
            told: dict[str, Any] = {}
            if model.id is not None and model.id in row:
                told["id"] = row[model.id]
            told["prediction"] = _plain(said.prediction[i])
            if said.probabilities is not None:
                told["probabilities"] = {
                    str(label): round(p, 6)
                    for label, p in zip(
                        model.classes or (), said.probabilities[i].tolist(), strict=True
                    )
                }
            elif said.lower is not None and said.upper is not None:
                told["lower"] = _plain(said.lower[i])
                told["upper"] = _plain(said.upper[i])
            told["warnings"] = [*self._odd(name, tuple(row)), *notes[i]]
            found.append(told)
        return found

    def warm(self) -> None:
        """Compiles what is needed, before the first client comes."""
        for size in SIZES:
            self.answer([{}] * size)

    def explain(self, row: Record) -> dict[str, Any]:
        """What each column of a row adds to its prediction, by target.

        Beside typical rows: cells drawn from how each column was in training, since
        the model keeps no rows. Of classes, what is added to the probability of the one
        that is said.

        Raises:
            Refused: An explanation is being made already (503).
        """
        if not self.asked.acquire(blocking=False):
            raise Refused(
                503, "the service: another explanation is being made. Come again.",
                {"retry-after": "2"},
            )  # fmt: skip
        try:
            every = {name: self._made_up(name, row) for name in self.models}
        finally:
            self.asked.release()
        return every if self.several else every[self.first.target.name]

    def _made_up(self, name: str, row: Record) -> dict[str, Any]:
        model = self.models[name]
        background, one = typical(model.columns, BESIDE, row)
        told = shapley(model.asked, background, one, rows=BESIDE, orders=16)
        at: Any = ...
        said: dict[str, Any] = {}
        if model.classes is not None:
            label = self.answer([row])[0]
            label = label[name] if self.several else label
            shares = label["probabilities"]
            word = label["prediction"]
            said["of"] = max(shares, key=shares.get) if word is None else word
            at = list(shares).index(str(said["of"]))
        found = {c: float(np.asarray(part)[at]) for c, part in told.parts.items()}
        order = sorted(found, key=lambda c: -abs(found[c]))
        return said | {
            "typical": float(np.asarray(told.base)[at]),
            "prediction": float(np.asarray(told.prediction)[at]),
            "contributions": [{"column": c, "adds": found[c]} for c in order],
        }

    def schema(self) -> Mapping[str, Any]:
        """What a row has, and what is answered, as JSON has it."""
        columns: dict[str, dict[str, Any]] = {}
        for model in self.models.values():
            for column in model.columns:
                if column.role in INPUTS:
                    columns.setdefault(column.name, _described(column))
        targets = [
            {
                "name": model.target.name,
                "problem": model.target.problem,
                "classes": model.classes,
                "threshold": self.thresholds[name],
            }
            for name, model in self.models.items()
        ]
        return {
            "columns": list(columns.values()),
            "id": self.first.id,
            "targets": targets,
            "coverage": self.coverage,
            "sure": self.sure,
        }


def _described(column: Any) -> dict[str, Any]:
    """A column for clients and forms."""
    told = {"name": column.name, "role": column.role, "missing": column.missing > 0}
    if column.role == "number":
        told |= {"lowest": column.lowest, "highest": column.highest}
    elif column.role == "date":
        told |= {
            "lowest": _day(column.lowest),
            "highest": _day(column.highest),
            "format": column.format or "ISO8601",
        }
    elif column.role != "text":
        told["values"] = column.values
    return told


def _day(days: float | None) -> str | None:
    if days is None:
        return None
    return str(np.datetime64("1970-01-01") + np.timedelta64(int(days), "D"))


def _plain(value: Any) -> Any:  # a number or a word, of numpy or of Python
    """As JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
