"""Several targets of one table: a model of each, asked together, kept in one file."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from onefit.errors import invalid
from onefit.tables.file import save
from onefit.tables.model import TableModel
from onefit.tables.report import write
from onefit.tables.values import Frame

__all__ = ["Several", "labelled"]

LIST = re.compile(r"\s*[;,|]\s*")
"""What stands between the labels of a cell."""

MOST = 50
"""Labels of one column, at most: the commonest."""


class Several(Mapping[str, TableModel]):
    """Models of several targets of one table, by their names.

    None of them sees another's target, since none is known when they are asked. All of
    `TableModel` that makes sense for many is here; `several["y"]` is one of them.

    Example:
        >>> import numpy as np
        >>> from onefit import tables
        >>> x = np.arange(60.0)
        >>> rows = {"x": x, "double": 2 * x + 0.5, "big": np.where(x > 30, "yes", "no")}
        >>> two = tables.fit(rows, ["double", "big"], time=5, quality="quick")
        >>> [model.target.problem for model in two.values()]
        ['regression', 'binary']
        >>> list(two.predict(rows).columns)
        ['double', 'big']
    """

    def __init__(self, models: Mapping[str, TableModel]) -> None:
        self._models = dict(models)

    def __getitem__(self, name: str) -> TableModel:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def predict(self, source: Any, **options: Any) -> Frame:
        """What each model says, a column a target."""
        import pandas as pd

        return pd.DataFrame(
            {name: model.predict(source, **options) for name, model in self.items()}
        )

    def predict_proba(self, source: Any, **options: Any) -> dict[str, np.ndarray]:
        """The probabilities of each target of classes."""
        return {
            name: model.predict_proba(source, **options)
            for name, model in self.items()
            if model.classes is not None
        }

    def save(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes all models to one file; `onefit.load_model` opens it."""
        save(self, filepath, overwrite)

    def report(self, filepath: str | os.PathLike, overwrite: bool = True) -> None:
        """Writes one page, target after target, or the same as .json."""
        write(self, filepath, overwrite)

    def __repr__(self) -> str:
        return f"<models of {', '.join(map(repr, self))}>"


def labelled(
    frame: Frame, asked: list[str], where: str
) -> tuple[Frame, list[str], list[str]]:
    """A column of lists as columns of yes and no, one for each label.

    Returns:
        The frame without the column and with these, their names, and what to say.
    """
    if len(asked) != 1:
        raise invalid(
            "problem='multilabel'", f"{len(asked)} targets", "one column of lists"
        )
    name, attrs = asked[0], frame.attrs
    cells = frame[name]
    lists = [
        set(filter(None, LIST.split(str(cell)))) if known else None
        for cell, known in zip(cells, cells.notna(), strict=True)
    ]
    full = [one for one in lists if one is not None]
    counts: dict[str, int] = {}
    for one in full:
        for label in one:
            counts[label] = counts.get(label, 0) + 1
    usable = {k: n for k, n in counts.items() if 2 <= n <= len(full) - 2}
    labels = sorted(usable, key=lambda label: (-usable[label], label))[:MOST]
    if not labels:
        raise invalid(
            f"{where}, column {name!r}",
            "no word that some cells list and others do not",
            "cells such as 'red; blue'",
            "write problem='multiclass' (--problem multiclass) if each has one class",
        )
    made = frame.drop(columns=name)
    for label in labels:
        column = [None if one is None else "yes" if label in one else "no"
                  for one in lists]  # fmt: skip
        made[f"{name}={label}"] = column
    made.attrs = attrs
    notes = [f"column {name!r} lists {len(counts)} labels; a model of each of "
             f"{len(labels)}: {', '.join(labels[:8])}"]  # fmt: skip
    return made, [f"{name}={label}" for label in labels], notes
