"""tf.io: files, tables of text, and bytes as numbers."""

import csv
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.tf.arrays import Text, constant, convert_to_tensor
from onefit.scripts.tf.dtypes import as_dtype, narrow, string
from onefit.scripts.tf.files import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
    read_file,
    write_file,
)
from onefit.scripts.tf.gfile import glob

__all__ = [
    "decode_bmp",
    "decode_csv",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "decode_raw",
    "encode_jpeg",
    "encode_png",
    "matching_files",
    "read_file",
    "write_file",
]


def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Any = None,
    name: str | None = None,
) -> list[Any]:
    """The fields of lines of a table, one tensor for each column.

    Args:
        records: Lines of text.
        record_defaults: For each column its type, or what stands for an empty field.
        field_delim, use_quote_delim: What stands between fields; whether quotes count.
        na_value: What means an empty field.
        select_cols: The numbers of the columns to keep.

    Raises:
        ValueError: A line with another number of fields; an empty one without default.

    >>> [column.tolist() for column in decode_csv(["1,2.5"], [0, 0.0])]
    [[1], [2.5]]
    """
    lines = Text(records).strings()
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    rows = list(
        csv.reader(
            (str(v) for v in lines.ravel()), delimiter=field_delim, quoting=quoting
        )
    )
    if select_cols is not None:
        rows = [[row[i] for i in select_cols] for row in rows]
    columns = []
    for row in rows:
        if len(row) != len(record_defaults):
            raise invalid(
                "tf.io.decode_csv",
                f"a line of {len(row)} fields",
                f"{len(record_defaults)}, as in record_defaults",
            )
    for i, default in enumerate(record_defaults):
        kind, start = _kind_of(default)
        values = [row[i] for row in rows]
        if any(v in ("", na_value) for v in values) and start is None:
            raise invalid(
                "tf.io.decode_csv",
                f"an empty field in column {i}",
                "a value in each",
                f"give a default: record_defaults[{i}] = [0.0]",
            )
        values = [start if v in ("", na_value) else v for v in values]
        shaped = np.asarray(values, object).reshape(lines.shape)
        if kind == string:
            columns.append(Text(shaped))
        else:
            numbers = shaped.astype(float)
            columns.append(jnp.asarray(numbers, narrow(kind)))
    return columns


def _kind_of(default: Any) -> tuple[Any, Any]:
    try:
        return as_dtype(default), None
    except (TypeError, ValueError):
        pass
    tensor = constant(default)
    if isinstance(tensor, Text):
        values = np.asarray(tensor).ravel()
        return string, values[0] if len(values) else None
    values = np.asarray(tensor).ravel()
    return as_dtype(tensor.dtype), values[0] if len(values) else None


def decode_raw(
    input_bytes: Any,
    out_type: DTypeLike,
    little_endian: bool = True,
    fixed_length: int | None = None,
    name: str | None = None,
) -> Any:
    """Bytes as numbers of a type."""
    data = bytes(input_bytes) if isinstance(input_bytes, Text) else input_bytes
    kind = as_dtype(out_type).dtype.newbyteorder("<" if little_endian else ">")
    return convert_to_tensor(np.frombuffer(data, kind).astype(kind.newbyteorder("=")))


def matching_files(pattern: Any, name: str | None = None) -> Text:
    """The files whose names fit a pattern such as "data/*.png", in order."""
    return Text(sorted(glob(pattern)))
