"""Table: rows on disk, more than memory holds, read block after block.

A block is some runs of neighbouring rows, in another choice in each pass, and its rows
are shuffled: what is read is long stretches of the disk, and what is trained on comes
from all over it. While the program works on one block the next one is read.
"""

import concurrent.futures
import dataclasses
import hashlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any  # connections to databases; sources

import numpy as np

from onefit import config
from onefit.data.shards import Shard, shards_of
from onefit.data.store import Spec, Statistics, converted, size_in_words
from onefit.errors import OnefitWarning, invalid, unknown
from onefit.types import Tree

__all__ = ["Blocks", "Table", "arranged"]

RUNS, FEW = 64, 8
"""Runs of neighbouring rows in a block, at most, and where memory is little."""

RUN = 1 << 20
"""Bytes of a run, at least: so much is read as quickly as more."""

UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}

Names = str | int | Sequence[str | int]
"""One column, or several that are an array together."""


class Table:
    """Rows that may be more than memory holds, for `fit`, `evaluate` and `predict`.

    They are converted once, to arrays in a folder: float32, or int32 for whole numbers
    and for texts (whose numbers stand in `categories`). A conversion that was
    interrupted goes on; one whose source has changed is made anew. What fits into
    `memory` is then taken into memory, and a fit is that of arrays, to the bit. Else it
    goes block by block, and the next block is read while the program runs.

    Args:
        source: '.parquet', '.csv' ('.csv.gz') or '.npy' files: a path, which may hold *
            and ?, or a list of paths; an array mapped from a file; with `connection` a
            SQL query, whose answer is kept until the folder is deleted. Columns of
            arrays are called '0', '1' and so on.
        target: The column of the targets, or several: an array (rows, columns); a dict
            of them by output. None for inputs alone.
        weight: The column of the rows' weights.
        inputs: The inputs by name where there are several: {'numbers': ['a', 'b'],
            'city': 'city'}. None: all other columns, as one array (rows, columns).
        drop: Columns to leave out. Of one that holds times it is still seen whether the
            rows are sorted by it.
        shuffle: Whether to put all rows into a random order at conversion, once: for
            rows that are sorted. It takes twice the room on the disk meanwhile.
        connection: To a database, with `cursor()`: of sqlite3, duckdb and others.
        folder: Where the arrays are kept; None for one in ~/.cache/onefit/tables.
        memory: What rows may take in memory, bytes or '500 MB'. JAX and the program
            take some 0.4 GB beside it.
        verbose: 0 to say nothing of the conversion.

    Attributes:
        rows: How many rows there are.
        columns: The columns of each array.
        categories: The texts of each column of texts, in the order of their numbers.
        statistics: Of each column: count, missing, mean, std, min, max, quantiles (of a
            sample of 4,096 rows).
        folder: Where the arrays are.

    Raises:
        ValueError: Shards whose columns differ (which file, which column), a file that
            ends in the middle, too little room on the disk, no such column.
        TypeError: A column that is neither number nor text.

    Example:
        >>> import csv, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with open(f"{folder}/rows.csv", "w") as file:
        ...     csv.writer(file).writerows([["a", "b"], [1, 2], [3, 4], [5, 6]])
        >>> table = Table(f"{folder}/*.csv", "b", folder=f"{folder}/kept", verbose=0)
        >>> table.rows, table.statistics["a"].mean
        (3, 3.0)
    """

    def __init__(
        self,
        source: Any,
        target: Names | Mapping[str, Names] | None = None,
        *,
        weight: str | int | None = None,
        inputs: Mapping[str, Names] | None = None,
        drop: Sequence[str | int] = (),
        shuffle: bool = False,
        connection: Any = None,
        folder: str | os.PathLike | None = None,
        memory: int | str = "1 GB",
        verbose: int = 1,
    ) -> None:
        self.memory = _bytes(memory)
        shards = shards_of(source, connection)
        specs, watched = _specs(shards, target, weight, inputs, drop)
        if folder is None:
            folder = _usual_folder(shards, specs)
        self.folder = Path(folder)
        label = shards[0].name if len(shards) == 1 else f"{len(shards)} files"

        def say(text: str) -> None:
            if verbose:
                print(f"{label}: {text}", flush=True)

        seed = 0 if shuffle else None
        self._store = converted(
            self.folder, shards, specs, watched, seed, self.memory, say
        )
        self.rows = self._store.rows
        self._first = 0
        self.size = self.rows * self._store.row_bytes
        say(
            f"{self.rows:,} rows of {self._store.row_bytes} bytes, "
            f"{size_in_words(self.size)} in {os.fspath(self.folder)}"
        )
        self.columns = {s.name: list(s.columns) for s in self._store.specs}
        self.categories = dict(self._store.notes["categories"])
        self.shuffled = shuffle

    def __repr__(self) -> str:
        return f"<Table of {self.rows:,} rows in {os.fspath(self.folder)!r}>"

    @property
    def statistics(self) -> dict[str, Statistics]:
        """The numbers of each column, over all rows, also those split off."""
        return self._store.statistics()

    @property
    def fits(self) -> bool:
        """Whether its rows may be in memory all at once; a program has them twice."""
        return 2 * self.size <= self.memory

    def split(self, share: float) -> tuple["Table", "Table"]:
        """The first rows, and the last `share` of them to validate on.

        Raises:
            ValueError: A share that leaves nothing on one side.
        """
        at = int(self.rows * (1 - share)) if 0 < share < 1 else 0
        if not 0 < at < self.rows:
            raise invalid(
                "Table.split",
                f"{share!r} of {self.rows} rows",
                "a share between 0 and 1 that leaves rows on both sides",
                "write table.split(0.2)",
            )
        return self._part(0, at), self._part(at, self.rows)

    def _part(self, start: int, stop: int) -> "Table":
        part = object.__new__(Table)
        part.__dict__.update(self.__dict__)
        part._first, part.rows = self._first + start, stop - start
        part.size = part.rows * self._store.row_bytes
        return part

    def __iter__(self) -> Iterator[tuple[Tree, ...]]:
        """All rows as they lie, in batches: (x,), (x, y) or (x, y, weight)."""
        size = max(1, min(RUN, self.memory // 8) // self._store.row_bytes)
        for start in range(0, self.rows, size):
            yield self.read(start, min(start + size, self.rows))

    def read(self, start: int, stop: int) -> tuple[Tree, ...]:
        """Some rows as they lie: (x,), (x, y) or (x, y, weight)."""
        return arranged(self._arrays(range(start, stop)))

    def _arrays(self, rows: range) -> dict[str, np.ndarray]:
        first = self._first
        return {
            spec.name: self._store.read(spec, first + rows.start, first + rows.stop)
            for spec in self._store.specs
        }

    # Blocks ---------------------------------------------------------------------------

    def plan(self, batch_size: int) -> "Blocks":
        """How its rows are read for batches of this size."""
        row = self._store.row_bytes
        block = max(self.memory // 4 // row, batch_size)
        run = max(-(-block // RUNS), min(block // FEW, RUN // row))
        run = max(run // batch_size * batch_size, batch_size)
        return Blocks(self, run, max(1, block // run))

    def refuse_missing(self, where: str) -> None:
        """Refuses to train on rows of which some have no number in a column."""
        missing = {n: s.missing for n, s in self.statistics.items() if s.missing}
        if missing:
            name, count = next(iter(missing.items()))
            raise invalid(
                where,
                f"column {name!r} without a finite number in {count:,} of "
                f"{self._store.rows:,} rows",
                "numbers in all rows",
                f"fill it where the rows are made, leave those rows out, or write "
                f"drop=[{name!r}]",
            )

    def warn_if_sorted(self, blocks: int) -> None:
        """Says that rows are sorted, where blocks cannot hold rows of all kinds."""
        if self.shuffled or blocks == 1:
            return
        for name, known in self._store.notes["ordered"].items():
            rises, falls, last, first = known
            if (rises or falls) and last != first:
                warnings.warn(
                    f"Table: the rows are sorted by {name!r}. They are shuffled within "
                    f"{blocks} blocks of {RUNS} runs at most, so those of a block are "
                    "more alike than those of all. Write Table(..., shuffle=True) to "
                    "shuffle all rows once.",
                    OnefitWarning,
                    stacklevel=6,
                )
                return


@dataclasses.dataclass(frozen=True)
class Blocks:
    """How the rows of a table are read: some runs of neighbouring rows at a time.

    Attributes:
        table: The rows.
        run: Rows in a run.
        runs: Runs in a block.
    """

    table: Table
    run: int
    runs: int

    @property
    def count(self) -> int:
        """Blocks of a pass."""
        return -(-self.table.rows // (self.run * self.runs))

    def orders(
        self, seed: int | None, number: int
    ) -> Iterator[tuple[list[range], np.ndarray]]:
        """The runs of each block of a pass, and the order of the rows in it.

        Args:
            seed: Of the shuffling, None for rows as they lie.
            number: Which pass.
        """
        every = -(-self.table.rows // self.run)
        rng = None if seed is None else config.generator(seed, number)
        line = np.arange(every) if rng is None else rng.permutation(every)
        for start in range(0, every, self.runs):
            runs = np.sort(line[start : start + self.runs])
            ranges = [
                range(r * self.run, min((r + 1) * self.run, self.table.rows))
                for r in runs.tolist()
            ]
            rows = sum(map(len, ranges))
            yield ranges, np.arange(rows) if rng is None else rng.permutation(rows)

    def order(self, seed: int | None, number: int) -> np.ndarray:
        """The numbers of all rows of a pass, in its order."""
        return np.concatenate(
            [
                np.concatenate([np.arange(r.start, r.stop) for r in runs])[order]
                for runs, order in self.orders(seed, number)
            ]
        )

    def rows(
        self, seed: int | None, number: int, skip: int = 0
    ) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        """The rows of each block of a pass, and the order in which they come.

        The next block is read while one is used.

        Args:
            seed, number: As for `orders`.
            skip: So many rows are left out at the beginning, most of them unread.
        """
        wanted = []
        for ranges, order in self.orders(seed, number):
            if skip >= len(order):
                skip -= len(order)
                continue
            wanted.append((ranges, order[skip:]))
            skip = 0
        with concurrent.futures.ThreadPoolExecutor(1, "onefit-blocks") as reader:
            ahead = reader.submit(self._read, wanted[0][0]) if wanted else None
            for i, (_, order) in enumerate(wanted):
                assert ahead is not None
                arrays = ahead.result()
                if i + 1 < len(wanted):
                    ahead = reader.submit(self._read, wanted[i + 1][0])
                yield arrays, order
                del arrays  # before the next one is waited for

    def _read(self, ranges: list[range]) -> dict[str, np.ndarray]:
        """The rows of these runs; those that are neighbours are read at once."""
        joined = [ranges[0]]
        for one in ranges[1:]:
            if one.start == joined[-1].stop:
                joined[-1] = range(joined[-1].start, one.stop)
            else:
                joined.append(one)
        if len(joined) == 1:
            return self.table._arrays(joined[0])
        found: dict[str, np.ndarray] = {}
        at, rows = 0, sum(map(len, joined))
        for one in joined:
            for name, array in self.table._arrays(one).items():
                if name not in found:
                    found[name] = np.empty((rows, *array.shape[1:]), array.dtype)
                found[name][at : at + len(one)] = array
            at += len(one)
        return found


def arranged(arrays: Mapping[str, np.ndarray]) -> tuple[Tree, ...]:
    """The arrays of rows as a model takes them."""
    found = []
    for part in ("x", "y", "w"):
        if part in arrays:
            found.append(arrays[part])
        else:
            several = {
                name.partition(".")[2]: array
                for name, array in arrays.items()
                if name.startswith(f"{part}.")
            }
            found += [several] if several else []
    return tuple(found)


# What the arrays are ------------------------------------------------------------------


def _specs(
    shards: list[Shard],
    target: Names | Mapping[str, Names] | None,
    weight: str | int | None,
    inputs: Mapping[str, Names] | None,
    drop: Sequence[str | int],
) -> tuple[list[Spec], list[str]]:
    """The arrays to make, and the columns that tell whether rows are sorted."""
    kinds = shards[0].kinds
    names = list(kinds)

    def named(column: str | int) -> str:
        if isinstance(column, int) and -len(names) <= column < len(names):
            return names[column]
        if column not in kinds:
            raise unknown("column", column, names)
        return str(column)

    def columns(value: Names) -> tuple[str, ...]:
        several = [value] if isinstance(value, str | int) else value
        return tuple(map(named, several))

    def spec(name: str, value: Names) -> Spec:
        chosen = columns(value)
        whole = all(kinds[c] in ("whole", "text") for c in chosen)
        flat = isinstance(value, str | int)
        for column in chosen:
            if kinds[column] == "time":
                raise invalid(
                    "Table",
                    f"column {column!r} of times",
                    "numbers or texts",
                    f"write drop=[{column!r}], or make numbers of it, such as the hour",
                )
            if kinds[column] == "text" and len(chosen) > 1:
                raise invalid(
                    "Table",
                    f"column {column!r} of texts in an array with others",
                    "texts in an array of their own",
                    f"write drop=[{column!r}], or give it an input: "
                    f"inputs={{{column!r}: {column!r}, 'numbers': [...]}}",
                )
        return Spec(name, chosen, whole, flat)

    targets = (
        {"y": target}
        if not isinstance(target, Mapping)
        else {f"y.{name}": value for name, value in target.items()}
    )
    made = [spec(n, value) for n, value in targets.items() if value is not None]
    used = {c for s in made for c in s.columns} | {named(c) for c in drop}
    if weight is not None and not made:
        raise invalid("Table", "weight without target", "a target", "write target=...")
    weights = [] if weight is None else [spec("w", weight)]
    used |= {c for s in weights for c in s.columns}
    if inputs is None:
        others = [name for name in names if name not in used]
        if not others:
            raise invalid("Table", "no column for the inputs", "one or more")
        made_x = [spec("x", others)]
    else:
        made_x = [spec(f"x.{name}", value) for name, value in inputs.items()]
    times = [name for name in names if kinds[name] == "time"]
    watched = [c for s in made for c in s.columns] + times
    return [*made_x, *made, *weights], list(dict.fromkeys(watched))


def _usual_folder(shards: list[Shard], specs: list[Spec]) -> Path:
    """The folder of a table whose user has named none: by its source and arrays."""
    names = [shard.name for shard in shards]
    paths = [os.path.abspath(n) if os.path.exists(n) else n for n in names]
    told = repr((paths, [(s.name, s.columns) for s in specs]))
    mark = hashlib.sha256(told.encode()).hexdigest()[:12]
    stem = re.sub(r"\W+", "-", os.path.basename(names[0]))[:30]
    return Path("~/.cache/onefit/tables").expanduser() / f"{stem}-{mark}"


def _bytes(memory: int | str) -> int:
    """Bytes, of a number or of words.

    >>> _bytes("1.5 GB"), _bytes(200)
    (1500000000, 200)
    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([A-Za-z]*)\s*", str(memory))
    unit = UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None or float(match[1]) * unit < 1:
        raise invalid("memory", repr(memory), "bytes", "write memory='1 GB'")
    return int(float(match[1]) * unit)
