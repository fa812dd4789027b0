"""tf.data: the library's Dataset, whose elements are tensors."""

import csv
import gzip
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from onefit.data import Dataset
from onefit.data.dataset import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from onefit.scripts.tf.arrays import Text
from onefit.scripts.tf.files import name_of
from onefit.scripts.tf.io import decode_csv

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "CsvDataset",
    "Dataset",
    "Options",
    "TextLineDataset",
    "cardinality",
    "make_csv_dataset",
]


class Options:
    """How a data set is read; none of it changes what is read, so it does nothing."""

    def __init__(self) -> None:
        self.deterministic = True
        self.autotune = self.threading = self.experimental_optimization = _Anything()
        self.experimental_distribute = _Anything()


class _Anything:
    """A place for settings."""


def cardinality(dataset: Dataset) -> Any:
    """How many elements: -1 without an end, -2 where nobody knows."""
    return dataset.cardinality()


def names_of(filenames: Any) -> list[str]:
    """The names of files, however they are given."""
    if isinstance(filenames, Dataset):
        return [name_of(element) for element in filenames]
    if isinstance(filenames, list | tuple | np.ndarray | Text) and np.ndim(filenames):
        return [name_of(one) for one in filenames]
    return [name_of(filenames)]


def _lines(name: str, compression: str | None) -> Iterator[str]:
    if compression == "GZIP":
        with gzip.open(name, "rt", encoding="utf-8") as file:
            yield from (line.rstrip("\r\n") for line in file)
        return
    with open(name, encoding="utf-8") as file:
        yield from (line.rstrip("\r\n") for line in file)


def TextLineDataset(
    filenames: Any,
    compression_type: str | None = None,
    buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """The lines of text files, one after another.

    Args:
        filenames: The files.
        compression_type: "GZIP" for such files.
        buffer_size, num_parallel_reads, name: Do nothing.
    """
    files = names_of(filenames)

    def lines() -> Iterator[str]:
        for file in files:
            yield from _lines(file, compression_type)

    return Dataset.from_generator(lines, output_types=str, output_shapes=())


def CsvDataset(
    filenames: Any,
    record_defaults: Any,
    compression_type: str | None = None,
    buffer_size: int | None = None,
    header: bool = False,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Any = None,
) -> Dataset:
    """The rows of CSV files, a tuple of fields each; see `tf.io.decode_csv`."""
    files = names_of(filenames)

    def rows() -> Iterator[tuple[Any, ...]]:
        for file in files:
            for i, line in enumerate(_lines(file, compression_type)):
                if line and not (header and i == 0):
                    fields = decode_csv(
                        line,
                        record_defaults,
                        field_delim,
                        use_quote_delim,
                        na_value,
                        select_cols,
                    )
                    yield tuple(map(_plain, fields))

    return Dataset.from_generator(rows)


def _plain(field: Any) -> Any:
    return field.strings()[()] if isinstance(field, Text) else np.asarray(field)


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Any = None,
    column_defaults: Any = None,
    label_name: str | None = None,
    select_columns: Any = None,
    field_delim: str = ",",
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    num_rows_for_inference: int = 100,
    ignore_errors: bool = False,
) -> Dataset:
    """Batches of a CSV table: a dict of columns, and the label if one is named.

    Args:
        file_pattern: The files.
        batch_size: Rows at once.
        column_names: The names of the columns; by default the first line.
        column_defaults: What stands for an empty field of each column.
        label_name: The column that is the target.
        select_columns: The names of the columns to keep.
        field_delim, na_value: What stands between fields; what means an empty one.
        header: Whether the first line has the names.
        num_epochs: How often the rows come; None for without an end.
        shuffle, shuffle_buffer_size, shuffle_seed: As in `Dataset.shuffle`.
        num_rows_for_inference, ignore_errors: Do nothing: types are those of all rows.
    """
    if ignore_errors:
        warnings.warn("make_csv_dataset: ignore_errors does nothing here", stacklevel=2)
    table: dict[str, list[str]] = {}
    for file in names_of(file_pattern):
        rows = list(csv.reader(_lines(file, None), delimiter=field_delim))
        names = list(column_names or rows[0])
        for row in rows[1:] if header else rows:
            for name, field in zip(names, row, strict=True):
                table.setdefault(name, []).append(field)
    defaults = dict(zip(table, column_defaults or [None] * len(table), strict=False))
    columns = {
        name: _column(values, na_value, defaults.get(name))
        for name, values in table.items()
        if select_columns is None or name in select_columns
    }
    label = None if label_name is None else columns.pop(label_name)
    data: Any = columns if label is None else (columns, label)
    found = Dataset.from_tensor_slices(data)
    if shuffle:
        found = found.shuffle(shuffle_buffer_size, seed=shuffle_seed)
    return found.repeat(num_epochs).batch(batch_size)


def _column(values: list[str], na_value: str, default: Any) -> np.ndarray:
    empty = "" if default is None else str(np.asarray(default).ravel()[0])
    filled = [empty if v in ("", na_value) else v for v in values]
    for kind in (np.int32, np.float32):
        try:
            return np.asarray([kind(v or 0) if v else kind(0) for v in filled])
        except ValueError:
            continue
    return np.asarray(filled)
