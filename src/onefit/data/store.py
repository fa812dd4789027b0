"""The store of a table on disk: its rows as plain arrays in a folder, written once.

Rows are appended to one file an array. What is done is noted in `table.json` after
every second or so, and a conversion that was killed goes on from there: files are cut
back to the rows that are noted. On the way the numbers of each column are summed up.
"""

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any  # Any: what JSON holds

import numpy as np

from onefit import config
from onefit.data.shards import Columns, Shard, Texts
from onefit.errors import invalid

__all__ = ["Spec", "Statistics", "Store", "converted"]

FORMAT = 1
"""The number of the layout of such a folder; a later one may be another."""

NOTES = "table.json"
SECONDS = 1.0
"""After so many seconds it is noted what is done."""

SAMPLE = 4096
"""Rows of which the quantiles are taken."""

BUCKETS = 16
MOST = 256
"""Parts that a shuffle sorts rows into where nobody knows how many rows there are; and
the most of them: each is an open file."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """One array of a store.

    Attributes:
        name: 'x', 'y' or 'w'; of several inputs or outputs 'x.name'.
        columns: The columns of the source in it.
        whole: Whether it holds whole numbers, codes of texts with them.
        flat: Whether a row is a number, rather than a row of numbers.
    """

    name: str
    columns: tuple[str, ...]
    whole: bool
    flat: bool

    @property
    def dtype(self) -> np.dtype:
        """The type of its numbers."""
        return np.dtype("int32" if self.whole else "float32")

    @property
    def bytes(self) -> int:
        """Bytes of a row."""
        return self.dtype.itemsize * len(self.columns)


@dataclasses.dataclass(frozen=True)
class Statistics:
    """The numbers of a column.

    Attributes:
        count: Of the rows that have one.
        missing: Rows without a finite number.
        mean, std, min, max: Of the others.
        quantiles: The 5th, 25th, 50th, 75th and 95th percentile, of a sample of rows.
    """

    count: int
    missing: int
    mean: float
    std: float
    min: float
    max: float
    quantiles: tuple[float, ...] = ()


class Sums:
    """Sums of the columns of an array, part after part.

    >>> sums = Sums(1)
    >>> sums.add(np.array([[1.0], [np.nan]])); sums.add(np.array([[3.0]]))
    >>> sums.of(0)
    Statistics(count=2, missing=1, mean=2.0, std=1.0, min=1.0, max=3.0, quantiles=())
    """

    def __init__(self, columns: int, state: Sequence[Sequence[float]] = ()) -> None:
        empty = np.zeros((6, columns))
        empty[4], empty[5] = np.inf, -np.inf
        self.state = np.array(state, float) if len(state) else empty

    def add(self, some: np.ndarray) -> None:
        """Takes in some rows, (rows, columns)."""
        known = np.isfinite(some)
        if known.all():
            n = np.full(some.shape[1], len(some))
            mean, var = some.mean(0, dtype=float), some.var(0, dtype=float)
            low, high = some.min(0), some.max(0)
        else:
            n = known.sum(0)
            each = np.maximum(n, 1)
            mean = np.where(known, some, 0).sum(0, dtype=float) / each
            var = np.where(known, some - mean, 0) ** 2
            var = var.sum(0, dtype=float) / each
            low = np.where(known, some, np.inf).min(0)
            high = np.where(known, some, -np.inf).max(0)
        count, missing, mean_, square, low_, high_ = self.state
        # Chan, Golub and LeVeque 1983: the sums about the mean of two parts join.
        whole = np.maximum(count + n, 1)
        step = mean - mean_
        square = square + n * var + step**2 * (count * n / whole)
        mean = mean_ + step * (n / whole)
        low, high = np.minimum(low, low_), np.maximum(high, high_)
        missing = missing + len(some) - n
        self.state = np.stack([count + n, missing, mean, square, low, high])

    def of(self, column: int, sample: np.ndarray | None = None) -> Statistics:
        """The statistics of one column, quantiles of a sample with them."""
        count, missing, mean, square, low, high = self.state[:, column].tolist()
        std = float(np.sqrt(square / max(count, 1)))
        known = () if sample is None else sample[np.isfinite(sample)]
        shares = (0.05, 0.25, 0.5, 0.75, 0.95)
        quantiles = tuple(np.quantile(known, shares).tolist()) if len(known) else ()
        return Statistics(int(count), int(missing), mean, std, low, high, quantiles)


class NotWhole(Exception):
    """A column of whole numbers has others further on: it is one of numbers."""


def ordered(notes: list[float] | None, values: np.ndarray) -> list[float]:
    """Whether values still rise, whether they fall, and the last and the first of them.

    >>> ordered(ordered(None, np.array([1, 2])), np.array([2, 5]))
    [1.0, 0.0, 5.0, 1.0]
    """
    rises, falls, last, first = notes or [1.0, 1.0, float(values[0]), float(values[0])]
    steps = np.diff(values, prepend=last)
    rises, falls = rises and np.all(steps >= 0), falls and np.all(steps <= 0)
    return [float(rises), float(falls), float(values[-1]), first]


@dataclasses.dataclass
class Store:
    """Rows in a folder.

    Attributes:
        folder: Where.
        specs: Its arrays.
        notes: What is known of it; all that `table.json` holds.
    """

    folder: Path
    specs: list[Spec]
    notes: dict[str, Any]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.notes["rows"]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, in all its arrays."""
        return sum(spec.bytes for spec in self.specs)

    def file(self, spec: Spec, bucket: int | None = None) -> Path:
        """Where an array is, or one part of it while rows are shuffled."""
        end = "" if bucket is None else f".{bucket}"
        return self.folder / f"{spec.name}.{spec.dtype.name}{end}"

    def read(
        self, spec: Spec, start: int, stop: int, bucket: int | None = None
    ) -> np.ndarray:
        """Some rows of an array, as an array of their own.

        They are read, not mapped: what is mapped counts as memory of the process.
        """
        width = len(spec.columns)
        found = np.fromfile(
            self.file(spec, bucket),
            spec.dtype,
            (stop - start) * width,
            offset=start * spec.bytes,
        )
        return found if spec.flat else found.reshape(-1, width)

    def statistics(self) -> dict[str, Statistics]:
        """The statistics of each column."""
        sample = _sample(self.folder)
        found = {}
        for spec in self.specs:
            sums = Sums(len(spec.columns), self.notes["sums"][spec.name])
            for i, column in enumerate(spec.columns):
                some = sample.get(spec.name)
                found[column] = sums.of(i, None if some is None else some[:, i])
        return found

    def note(self) -> None:
        """Writes what is done, whole or not at all."""
        path = self.folder / NOTES
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(self.notes, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


def _sample(folder: Path) -> dict[str, np.ndarray]:
    path = folder / "sample.npz"
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def converted(
    folder: Path,
    shards: list[Shard],
    specs: list[Spec],
    watched: Sequence[str],
    shuffle: int | None,
    memory: int,
    say: Callable[[str], None],
) -> Store:
    """The store of these shards: as it is, gone on with, or begun.

    Args:
        folder: Where it is kept.
        shards, specs: What is read, and the arrays to make of it.
        watched: Columns that are looked at for whether rows are sorted by them.
        shuffle: The seed of an order for all rows, None as they lie.
        memory: Bytes that the shuffle may take.
        say: Is told what happens.

    Raises:
        ValueError: Too little room on the disk, a shard that ends in the middle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        while True:
            store = _opened(folder, shards, specs, shuffle, memory, say)
            try:
                if not store.notes["complete"]:
                    _convert(store, shards, watched, say)
                return store
            except NotWhole as error:
                name = str(error)
                say(f"column {name!r} has numbers that are not whole: begun once more")
                specs = [
                    dataclasses.replace(s, whole=s.whole and name not in s.columns)
                    for s in store.specs
                ]
                (folder / NOTES).unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lets one process at a time convert into a folder, where the system can."""
    with open(folder / "lock", "w", encoding="utf-8") as file:
        try:
            import fcntl
        except ImportError:  # Windows
            yield
            return
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(
    folder: Path,
    shards: list[Shard],
    specs: list[Spec],
    shuffle: int | None,
    memory: int,
    say: Callable[[str], None],
) -> Store:
    """What the folder has of these shards; an empty store where it has nothing."""
    arrays = [(s.name, s.columns, s.flat) for s in specs]
    told = repr((FORMAT, [shard.stamp for shard in shards], arrays, shuffle))
    key = hashlib.sha256(told.encode()).hexdigest()
    path = folder / NOTES
    if path.is_file():
        notes = json.loads(path.read_text(encoding="utf-8"))
        if notes.get("key") == key:
            specs = [
                dataclasses.replace(s, whole=whole)
                for s, whole in zip(specs, notes["whole"], strict=True)
            ]
            return Store(folder, specs, notes)
        say("the source or what is wanted of it has changed: converted anew")
        path.unlink()
    notes = {
        "key": key,
        "whole": [spec.whole for spec in specs],
        "rows": 0,
        "shard": 0,
        "at": 0,  # rows of this shard that are done
        "parts": 0,
        "sums": {spec.name: [] for spec in specs},
        "ordered": {},
        "categories": {},
        "buckets": None,
        "gathered": 0,
        "complete": False,
    }
    store = Store(folder, specs, notes)
    total = store.row_bytes * _rows_about(shards)
    _refuse_full(folder, total * (1 + (shuffle is not None)))
    if shuffle is not None:
        count = -(-total // max(memory // 4, 1)) if total else BUCKETS
        notes["buckets"] = [0] * min(max(int(count), 1), MOST)
        notes["seed"] = shuffle
    return store


def _rows_about(shards: list[Shard]) -> float:
    """How many rows these shards have, about; 0 where nobody knows."""
    return sum(_lines(s) if s.rows is None else s.rows for s in shards)


def _lines(shard: Shard) -> float:
    """About how many lines a text has, by its first ones."""
    if not os.path.isfile(shard.name):
        return 0
    with open(shard.name, "rb") as file:
        start = file.read(1 << 16)
    unpacked = 4 if shard.name.endswith(".gz") else 1  # no more than a guess
    lines = max(start.count(b"\n"), 1)
    return unpacked * shard.size * lines / max(len(start), 1)


def _refuse_full(folder: Path, wanted: float) -> None:
    """Refuses to begin what the disk has no room for."""
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise invalid(
            "Table",
            f"rows that take about {size_in_words(wanted)}, and a disk with "
            f"{size_in_words(free)} free at {os.fspath(folder)!r}",
            "room for them",
            "write folder=... on a larger disk",
        )


def size_in_words(size: float) -> str:
    """Bytes in words.

    >>> size_in_words(4_800_000_000), size_in_words(20)
    ('4.8 GB', '20 bytes')
    """
    for power, name in ((9, "GB"), (6, "MB"), (3, "kB")):
        if size >= 10**power:
            return f"{size / 10**power:.3g} {name}"
    return f"{size:.0f} bytes"


def _convert(
    store: Store,
    shards: list[Shard],
    watched: Sequence[str],
    say: Callable[[str], None],
) -> None:
    """Reads what is not read yet; then gathers what was shuffled."""
    notes, begun = store.notes, time.perf_counter()
    if notes["rows"]:
        say(f"goes on after {notes['rows']:,} rows")
    try:
        if notes["shard"] < len(shards):
            _read_all(store, shards, watched)
        if notes["buckets"] is not None:
            _gather(store)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise invalid(
            "Table",
            f"a full disk at {os.fspath(store.folder)!r}, after {notes['rows']:,} rows",
            "room for all of them",
            "make room and write the same line again: it goes on where it stopped",
        ) from error
    if not notes["rows"]:
        raise invalid("Table", "no rows", "one row or more")
    notes["complete"] = True
    store.note()
    say(f"converted in {time.perf_counter() - begun:.1f} s")


def _read_all(store: Store, shards: list[Shard], watched: Sequence[str]) -> None:
    """Appends the rows of the shards that are not read yet."""
    notes = store.notes
    names = [c for spec in store.specs for c in spec.columns] + list(watched)
    names = list(dict.fromkeys(names))
    with contextlib.ExitStack() as stack:
        done = _Done(store, _files(store, stack))
        for number in range(notes["shard"], len(shards)):
            for part in shards[number].parts(notes["at"], names):
                done.take(part, watched)
            notes["shard"], notes["at"] = number + 1, 0
        done.note()


def _files(store: Store, stack: contextlib.ExitStack) -> dict[str, list[IO[bytes]]]:
    """The files of each array that rows are appended to, cut back to what is noted."""
    buckets, files = store.notes["buckets"], {}
    for spec in store.specs:
        counts = [store.rows] if buckets is None else buckets
        files[spec.name] = []
        for number, rows in enumerate(counts):
            path = store.file(spec, None if buckets is None else number)
            file = stack.enter_context(path.open("ab"))
            file.truncate(rows * spec.bytes)
            files[spec.name].append(file)
    return files


class _Done:
    """Takes in the parts of shards, and notes from time to time what is done."""

    def __init__(self, store: Store, files: dict[str, list[IO[bytes]]]) -> None:
        self.store, self.files = store, files
        notes = store.notes
        self.sums = {
            s.name: Sums(len(s.columns), notes["sums"][s.name]) for s in store.specs
        }
        self.sample = _sample(store.folder) if store.rows else {}
        self.codes = {
            name: {text: i for i, text in enumerate(texts)}
            for name, texts in notes["categories"].items()
        }
        self.noted = time.perf_counter()

    def take(self, part: Columns, watched: Sequence[str]) -> None:
        """Appends some rows."""
        notes, specs = self.store.notes, self.store.specs
        columns = {n: self._numbers(n, column) for n, column in part.items()}
        rows = len(next(iter(columns.values())))
        arrays = {spec.name: _array(spec, columns, rows) for spec in specs}
        for name in watched:
            known = notes["ordered"].get(name)
            notes["ordered"][name] = ordered(known, columns[name])
        rng = config.generator(0, notes["parts"])
        places = self._places(rows)
        self._keep_sample(arrays, rng.random(rows))
        for name, array in arrays.items():
            self.sums[name].add(array)
            if places is None:
                self.files[name][0].write(array.data)
                continue
            by_bucket = np.argsort(places, kind="stable")
            ends = np.searchsorted(places[by_bucket], range(len(self.files[name]) + 1))
            for number, file in enumerate(self.files[name]):
                file.write(array[by_bucket[ends[number] : ends[number + 1]]].data)
        if places is not None:
            counts = np.bincount(places, minlength=len(notes["buckets"]))
            notes["buckets"] = (counts + notes["buckets"]).tolist()
        notes["rows"] += rows
        notes["at"] += rows
        notes["parts"] += 1
        if time.perf_counter() - self.noted > SECONDS:
            self.note()

    def _places(self, rows: int) -> np.ndarray | None:
        """The bucket of each row, where rows are shuffled."""
        notes = self.store.notes
        if notes["buckets"] is None:
            return None
        rng = config.generator(notes["seed"], 0, notes["parts"])
        return rng.integers(len(notes["buckets"]), size=rows)

    def _numbers(self, name: str, column: np.ndarray | Texts) -> np.ndarray:
        """A column as numbers: texts by the order in which they first came."""
        if not isinstance(column, Texts):
            return column
        known = self.codes.setdefault(name, {})
        places = [known.setdefault(text, len(known)) for text in column.values]
        return np.array([*places, np.nan])[column.codes]

    def _keep_sample(self, arrays: dict[str, np.ndarray], keys: np.ndarray) -> None:
        """Keeps the rows with the smallest of random keys: all are as likely."""
        before = self.sample.get("", np.empty(0))
        every = np.concatenate([before, keys])
        kept = np.argsort(every)[:SAMPLE]
        new = kept[kept >= len(before)] - len(before)
        old = kept[kept < len(before)]
        for name, array in arrays.items():
            rows = array[new]
            if len(before):
                rows = np.concatenate([self.sample[name][old], rows])
            self.sample[name] = rows
        self.sample[""] = np.concatenate([before[old], keys[new]])

    def note(self) -> None:
        """Brings all to the disk, and notes it."""
        for files in self.files.values():
            for file in files:
                file.flush()
                os.fsync(file.fileno())
        notes = self.store.notes
        notes["sums"] = {name: sums.state.tolist() for name, sums in self.sums.items()}
        notes["categories"] = {name: list(known) for name, known in self.codes.items()}
        temporary = self.store.folder / "sample.tmp.npz"
        np.savez(temporary, allow_pickle=False, **self.sample)
        os.replace(temporary, self.store.folder / "sample.npz")
        self.store.note()
        self.noted = time.perf_counter()


def _array(spec: Spec, columns: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """Rows of an array: (rows, columns).

    Raises:
        NotWhole: Numbers that are not whole, or too large, in an array of whole ones.
    """
    array = np.empty((rows, len(spec.columns)), spec.dtype)
    for i, name in enumerate(spec.columns):
        column = np.asarray(columns[name])
        if spec.whole:
            with np.errstate(invalid="ignore"):
                array[:, i] = column
            if not np.array_equal(array[:, i], column):
                raise NotWhole(name)
        else:
            array[:, i] = column
    return array


def _gather(store: Store) -> None:
    """Puts the buckets one after another, the rows of each in a random order."""
    notes = store.notes
    buckets = notes["buckets"]
    for number in range(notes["gathered"], len(buckets)):
        rows = buckets[number]
        order = config.generator(notes["seed"], 1, number).permutation(rows)
        before = sum(buckets[:number])
        for spec in store.specs:
            with open(store.file(spec), "ab") as file:
                file.truncate(before * spec.bytes)
                file.write(store.read(spec, 0, rows, number)[order].data)
                file.flush()
                os.fsync(file.fileno())
        notes["gathered"] = number + 1
        store.note()
        for spec in store.specs:
            store.file(spec, number).unlink()
