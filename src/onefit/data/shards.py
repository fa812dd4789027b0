"""Shards: the files, arrays or query that a table on disk is made of, read in parts.

A shard gives its columns in parts that fit in memory, from any row on. What its columns
are is known, and refused where it cannot be meant, before any row is converted.
"""

import dataclasses
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any  # what pyarrow and connections to databases give: no types

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.packages import package

__all__ = ["Columns", "Shard", "Texts", "shards_of"]

PART = 1 << 24
"""Bytes of a part, about (16 MiB)."""

FIRST = 1 << 20
"""Bytes of a text that say what its columns are."""


@dataclasses.dataclass(frozen=True)
class Texts:
    """A column of texts: its different values, and which of them each row has.

    Attributes:
        values: The different values.
        codes: (rows,) numbers of them; -1 where there is none.
    """

    values: list[str]
    codes: np.ndarray


Columns = dict[str, "np.ndarray | Texts"]
"""A part: some rows of each column, times as nanoseconds."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of several, or what else has rows.

    Attributes:
        name: What it is called in errors.
        kinds: 'whole', 'number', 'text' or 'time' for each column.
        size: Bytes, as they lie.
        stamp: What changes when it changes.
        parts: Its rows in parts, without the first so many.
        rows: How many there are, None where only reading tells.
    """

    name: str
    kinds: dict[str, str]
    size: int
    stamp: str
    parts: Callable[[int, Sequence[str]], Iterator[Columns]]
    rows: int | None = None


def shards_of(source: Any, connection: Any = None) -> list[Shard]:
    """The shards of a source.

    Args:
        source: A path with or without * and ?, a list of paths, a memory-mapped array,
            or with a connection a query.
        connection: To a database: what has `cursor()`, as sqlite3 and duckdb.

    Raises:
        ValueError: No such file, one that ends in the middle, columns of two shards
            that differ (which file, which column).
        TypeError: No such source, or a column of what is neither number nor text.
    """
    if connection is not None:
        return [_of_query(str(source), connection)]
    if isinstance(source, np.ndarray):
        return [_of_array(source)]
    paths = _paths(source)
    shards = [_of_path(path) for path in paths]
    for shard in shards[1:]:
        _alike(shards[0], shard)
    return shards


def _paths(source: Any) -> list[str]:
    several = source if isinstance(source, list | tuple) else [source]
    if not several or not all(isinstance(s, str | os.PathLike) for s in several):
        raise mistyped(
            "Table",
            f"a {type(source).__name__}",
            "a path such as 'rows/*.parquet', a list of paths, or a mapped array",
            "arrays that are in memory go into fit as they are: model.fit(x, y)",
        )
    found = []
    for one in map(os.fspath, several):
        paths = sorted(glob.glob(one)) if glob.has_magic(one) else [one]
        if not paths or not all(map(os.path.isfile, paths)):
            raise invalid(
                "Table",
                f"{one!r}, where there is no file",
                "files: .parquet, .csv or .npy",
                f"files are looked for from {os.getcwd()!r}",
            )
        found += paths
    return found


def _alike(first: Shard, other: Shard) -> None:
    """Refuses a shard whose columns are not those of the first."""
    for name in dict.fromkeys([*first.kinds, *other.kinds]):
        here, there = other.kinds.get(name), first.kinds.get(name)
        if here == there:
            continue
        if {here, there} == {"whole", "number"}:  # together they are numbers
            first.kinds[name] = other.kinds[name] = "number"
            continue
        what = f"column {name!r} of {here}s" if here else f"no column {name!r}"
        wanted = f"one of {there}s" if there else "none"
        raise invalid(
            other.name,
            what,
            f"{wanted}, as in {first.name}",
            "write the shards anew with the same columns, or leave this one out",
        )


def _stamp(path: str) -> tuple[int, str]:
    """The bytes of a file, and what changes when it changes."""
    stat = os.stat(path)
    return stat.st_size, f"{os.path.abspath(path)} {stat.st_size} {stat.st_mtime_ns}"


def _of_path(path: str) -> Shard:
    ending = path.lower().removesuffix(".gz").rpartition(".")[2]
    makers = {"parquet": _of_parquet, "pq": _of_parquet, "csv": _of_csv, "npy": _of_npy}
    if ending not in makers:
        raise invalid(
            path, f"a file that ends in {ending!r}", "a .parquet, .csv or .npy file"
        )
    return makers[ending](path)


# Parquet and CSV: pyarrow reads them --------------------------------------------------


def _kind(path: str, name: str, kind: Any) -> str:
    """What a column of this type of Arrow is."""
    types = package("pyarrow", "Table").types
    while types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_integer(kind):
        return "whole"
    if types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind):
        return "number"
    if types.is_string(kind) or types.is_large_string(kind):
        return "text"
    if types.is_temporal(kind):
        return "time"
    if types.is_null(kind):
        return "number"
    raise mistyped(
        path,
        f"column {name!r} of type {kind}",
        "numbers or texts",
        f"write drop=[{name!r}] to leave it out",
    )


def _of_parquet(path: str) -> Shard:
    arrow = package("pyarrow", "Table('*.parquet')")
    parquet = package("pyarrow.parquet", "Table('*.parquet')")
    try:
        with parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
    except (arrow.ArrowException, OSError) as error:
        raise _broken(path, error) from error
    # The index that pandas writes with rows it has sorted is no column of theirs.
    fields = [f for f in schema if not re.fullmatch(r"__index_level_\d+__", f.name)]
    kinds = {f.name: _kind(path, f.name, f.type) for f in fields}

    def parts(skip: int, names: Sequence[str]) -> Iterator[Columns]:
        size = max(1, PART // (8 * len(names)))
        with parquet.ParquetFile(path) as file:
            groups, before = [], 0
            for group in range(file.num_row_groups):  # those before are not read
                count = file.metadata.row_group(group).num_rows
                if before + count <= skip and not groups:
                    before += count
                else:
                    groups.append(group)
            batches = file.iter_batches(size, groups, list(names))
            yield from _converted(path, batches, skip - before, kinds)

    return Shard(path, kinds, *_stamp(path), parts, rows)


def _of_csv(path: str) -> Shard:
    arrow = package("pyarrow", "Table('*.csv')")
    csv = package("pyarrow.csv", "Table('*.csv')")
    try:
        with csv.open_csv(path, csv.ReadOptions(block_size=FIRST)) as reader:
            schema = reader.schema
    except (arrow.ArrowException, OSError) as error:
        raise _broken(path, error) from error
    kinds = {f.name: _kind(path, f.name, f.type) for f in schema}
    # What the first rows are says little of the others: whole numbers may end.
    types = {"whole": arrow.float64(), "number": arrow.float64()}
    types["text"] = arrow.dictionary(arrow.int32(), arrow.string())

    def parts(skip: int, names: Sequence[str]) -> Iterator[Columns]:
        convert = csv.ConvertOptions(
            column_types={n: types[k] for n, k in kinds.items() if k in types},
            include_columns=list(names),
        )
        with csv.open_csv(
            path, csv.ReadOptions(block_size=PART // 2), convert_options=convert
        ) as reader:
            yield from _converted(path, iter(reader), skip, kinds)

    return Shard(path, kinds, *_stamp(path), parts)


def _broken(path: str, error: Exception) -> ValueError:
    """The error for a file that cannot be read, or not to its end."""
    said = " ".join(str(error).split())[:200]
    return invalid(
        path,
        f"a file that cannot be read ({said})",
        "a whole one",
        "write it again, or leave it out; what was converted before it is kept",
    )


def _converted(
    path: str, batches: Iterator[Any], skip: int, kinds: dict[str, str]
) -> Iterator[Columns]:
    """Batches of Arrow as columns of numpy, without the first so many rows."""
    arrow = package("pyarrow", "Table")
    while True:
        try:
            batch = next(batches, None)
        except (arrow.ArrowException, OSError) as error:
            raise _broken(path, error) from error
        if batch is None:
            return
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        batch, skip = batch.slice(skip), 0
        yield {
            name: _column(batch.column(name), kinds[name])
            for name in batch.schema.names
        }


def _column(column: Any, kind: str) -> "np.ndarray | Texts":
    """A column of Arrow: numbers with NaN for what is missing, or texts."""
    arrow = package("pyarrow", "Table")
    types = arrow.types
    if kind == "text":
        if not types.is_dictionary(column.type):
            column = column.dictionary_encode()
        codes = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return Texts(column.dictionary.to_pylist(), codes)
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if kind == "time":
        if types.is_timestamp(column.type) or types.is_date(column.type):
            column = column.cast(arrow.timestamp("ns"), safe=False)
        column = column.cast(arrow.int64(), safe=False)
    elif types.is_decimal(column.type) or types.is_boolean(column.type):
        column = column.cast(arrow.float64())
    elif types.is_null(column.type):
        return np.full(len(column), np.nan)
    return column.to_numpy(zero_copy_only=False)


# Arrays and queries -------------------------------------------------------------------


def _of_npy(path: str) -> Shard:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise _broken(path, error) from error
    return _of_array(array, path)


def _of_array(array: np.ndarray, name: str | None = None) -> Shard:
    """The columns '0', '1', ... of an array that is mapped from a file."""
    path = name or getattr(array, "filename", None)
    if path is None:
        raise mistyped(
            "Table",
            "an array in memory",
            "a file, or an array that is mapped from one",
            "arrays that are in memory go into fit as they are: model.fit(x, y)",
        )
    path = os.fspath(path)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub":
        raise mistyped(
            path,
            f"an array of shape {array.shape} and type {array.dtype}",
            "numbers in rows and columns",
        )
    table = array if array.ndim == 2 else array[:, None]
    kind = "whole" if array.dtype.kind in "iu" else "number"
    names = [str(i) for i in range(table.shape[1])]

    def parts(skip: int, names: Sequence[str]) -> Iterator[Columns]:
        size = max(1, PART // (table.dtype.itemsize * table.shape[1]))
        at = [int(name) for name in names]
        for start in range(skip, len(table), size):
            some = np.asarray(table[start : start + size])
            yield {n: some[:, i] for n, i in zip(names, at, strict=True)}

    size, stamp = _stamp(path)
    stamp += f" {array.dtype} {array.shape}"
    kinds = dict.fromkeys(names, kind)
    return Shard(path, kinds, size, stamp, parts, len(table))


def _of_query(query: str, connection: Any) -> Shard:
    """The rows that a database answers; it is asked for its first ones now."""
    if not hasattr(connection, "cursor"):
        raise mistyped(
            "Table",
            f"connection={connection!r}",
            "a connection to a database",
            "write connection=sqlite3.connect('rows.sqlite')",
        )

    def answer() -> tuple[Any, list[str]]:
        cursor = connection.cursor()
        cursor.execute(query)
        return cursor, [column[0] for column in cursor.description]

    cursor, names = answer()
    some = cursor.fetchmany(1000)
    columns = list(zip(*some, strict=True)) or [() for _ in names]
    kinds = {
        name: _kind_of_values(name, values)
        for name, values in zip(names, columns, strict=True)
    }

    def parts(skip: int, wanted: Sequence[str]) -> Iterator[Columns]:
        cursor, names = answer()
        size = max(1, PART // (32 * len(names)))
        while rows := cursor.fetchmany(size):
            rows, skip = rows[skip:], max(0, skip - len(rows))
            if rows:
                every = dict(zip(names, zip(*rows, strict=True), strict=True))
                yield {n: _of_values(n, every[n], kinds[n]) for n in wanted}

    return Shard(f"the query {query[:60]!r}", kinds, 0, query, parts)


def _kind_of_values(name: str, values: Sequence[Any]) -> str:
    known = [v for v in values if v is not None]
    if all(isinstance(v, int) for v in known):
        return "whole"
    if all(isinstance(v, int | float) or hasattr(v, "as_tuple") for v in known):
        return "number"
    if all(isinstance(v, str) for v in known):
        return "text"
    if all(hasattr(v, "isoformat") for v in known):
        return "time"
    raise mistyped(
        f"column {name!r} of the query",
        f"a {type(known[0]).__name__}",
        "numbers, texts or times",
        "leave it out of the query, or CAST it to a number",
    )


def _of_values(name: str, values: Sequence[Any], kind: str) -> "np.ndarray | Texts":
    """A column of a query's answer."""
    try:
        if kind == "text":
            known = dict.fromkeys(v for v in values if v is not None)
            place = {v: i for i, v in enumerate(known)} | {None: -1}
            return Texts(list(map(str, known)), np.array([place[v] for v in values]))
        if kind == "time":
            return np.array(values, "datetime64[ns]").astype(np.int64)
        return np.array([np.nan if v is None else v for v in values], "float64")
    except (TypeError, ValueError) as error:
        raise mistyped(
            f"column {name!r} of the query",
            f"values that are no {kind}s ({error})",
            f"{kind}s, as in its first rows",
            f"write CAST({name} AS ...) in the query",
        ) from error
