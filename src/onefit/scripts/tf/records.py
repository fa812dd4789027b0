"""TFRecord files, and the examples in them as tensors.

A record is its length, a checksum of that, its bytes, and a checksum of those (CRC-32C,
turned and added to, as TensorFlow writes them). Read are lengths with their checksums;
the one of the bytes is written only, since Python needs long for it.
"""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from jax.typing import DTypeLike

from onefit.data import Dataset
from onefit.errors import invalid
from onefit.scripts.tf.arrays import Text, convert_to_tensor
from onefit.scripts.tf.dtypes import as_dtype, narrow, string
from onefit.scripts.tf.examples import Example
from onefit.scripts.tf.files import name_of
from onefit.scripts.tf.sparse import SparseTensor

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "TFRecordDataset",
    "TFRecordOptions",
    "TFRecordWriter",
    "VarLenFeature",
    "parse_example",
    "parse_single_example",
    "parse_tensor",
    "serialize_tensor",
]


def _table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _table()


def _checksum(data: bytes) -> int:
    """CRC-32C, turned by 15 bits and added to.

    >>> hex(_checksum(b"123456789"))
    '0xc78ab0e5'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


class TFRecordOptions(NamedTuple):
    """How records are packed: "GZIP", "ZLIB" or not at all.

    >>> TFRecordOptions("GZIP").compression_type
    'GZIP'
    """

    compression_type: str | None = None


class TFRecordWriter:
    """Writes records to a file.

    Args:
        path: The file.
        options: How they are packed, `TFRecordOptions` or its name.
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        packed = getattr(options, "compression_type", options)
        _known(packed)
        self._file: Any = Path(name_of(path)).open("wb")  # noqa: SIM115 - see close
        self._out: Any = self._file
        if packed == "GZIP":
            self._out = gzip.GzipFile(fileobj=self._file, mode="wb")
        self._zlib = zlib.compressobj() if packed == "ZLIB" else None

    def write(self, record: Any) -> None:
        """Adds a record, bytes."""
        data = bytes(record) if isinstance(record, Text) else record
        length = struct.pack("<Q", len(data))
        ends = [struct.pack("<I", _checksum(part)) for part in (length, data)]
        whole = b"".join((length, ends[0], data, ends[1]))
        self._out.write(self._zlib.compress(whole) if self._zlib else whole)

    def flush(self) -> None:
        """Writes what waits."""
        self._out.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._file.closed:
            return
        if self._zlib:
            self._out.write(self._zlib.flush())
        if self._out is not self._file:
            self._out.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _known(packed: str | None) -> None:
    if packed not in (None, "", "GZIP", "ZLIB"):
        raise invalid("compression_type", repr(packed), "'GZIP', 'ZLIB' or None")


def _unpacked(name: str, packed: str | None) -> Any:
    """An open file, of what is in the packed one."""
    if packed == "GZIP":
        return gzip.open(name)
    if packed == "ZLIB":
        return io.BytesIO(zlib.decompress(Path(name).read_bytes()))
    return Path(name).open("rb")


def _records(name: str, packed: str | None) -> Iterator[bytes]:
    with _unpacked(name, packed) as file:
        while head := file.read(12):
            whole = len(head) == 12
            sound = whole and _checksum(head[:8]) == struct.unpack("<I", head[8:])[0]
            size = struct.unpack("<Q", head[:8])[0] if sound else 0
            record = file.read(size + 4) if sound else b""
            if not sound or len(record) != size + 4:
                raise invalid(
                    name,
                    "a file that is no TFRecord file, or is cut off",
                    "records as TFRecordWriter writes them",
                    "give compression_type='GZIP' for a packed one",
                )
            yield record[:-4]


def TFRecordDataset(
    filenames: Any,
    compression_type: str | None = None,
    buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    name: str | None = None,
) -> Dataset:
    """The records of files, one after another, as text tensors of bytes.

    Args:
        filenames: The files.
        compression_type: "GZIP" or "ZLIB" for such files.
        buffer_size, num_parallel_reads, name: Do nothing.
    """
    from onefit.scripts.tf.data import names_of

    _known(compression_type)
    files = names_of(filenames)

    def records() -> Iterator[Any]:
        for file in files:
            for record in _records(file, compression_type):
                yield np.array(record, object)

    return Dataset.from_generator(records)


# Examples as tensors ------------------------------------------------------------------


class FixedLenFeature(NamedTuple):
    """A feature with the same number of values in each example."""

    shape: Any
    dtype: DTypeLike
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """A feature with as many values as there are, in rows of a shape."""

    shape: Any
    dtype: DTypeLike
    allow_missing: bool = False
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature with any number of values: a SparseTensor."""

    dtype: DTypeLike


def _values(example: Example, name: str) -> list[Any]:
    feature = example.features.feature.get(name)
    kind = feature.WhichOneof() if feature is not None else None
    return [] if feature is None or kind is None else getattr(feature, kind).value


def _tensor(values: Any, dtype: DTypeLike, shape: Any) -> Any:
    if as_dtype(dtype) == string:
        objects = np.empty(len(values), object)
        objects[:] = values
        return Text(objects.reshape(shape))
    return convert_to_tensor(np.reshape(values, shape), narrow(dtype))


def _one(name: str, spec: Any, examples: list[Example], batch: tuple[int, ...]) -> Any:
    rows = [_values(example, name) for example in examples]
    if isinstance(spec, VarLenFeature):
        places = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
        flat = [v for row in rows for v in row]
        size = max(map(len, rows), default=0)
        keys, shape = (
            (places, (*batch, size)) if batch else ([p[1:] for p in places], (size,))
        )
        values = _tensor(flat, spec.dtype, (len(flat),))
        return SparseTensor(np.reshape(keys, (len(flat), len(shape))), values, shape)
    sizes = tuple(int(n) for n in np.ravel(np.asarray(spec.shape, int)))
    if isinstance(spec, FixedLenSequenceFeature):
        sizes = (-1, *sizes)
        count = max(map(len, rows), default=0)
        fill = b"" if as_dtype(spec.dtype) == string else 0
        fill = fill if spec.default_value is None else spec.default_value
        rows = [[*row, *[fill] * (count - len(row))] for row in rows]
    else:
        rows = [_filled(name, spec, row, int(np.prod(sizes))) for row in rows]
    flat = [v for row in rows for v in row]
    return _tensor(flat, spec.dtype, (*batch, *sizes))


def _filled(name: str, spec: Any, row: list[Any], count: int) -> list[Any]:
    if not row and spec.default_value is not None:
        default = spec.default_value
        default = default.encode() if isinstance(default, str) else default
        row = np.broadcast_to(np.asarray(default, object), (count,)).tolist()
    if len(row) != count:
        raise invalid(
            "parse_example",
            f"{len(row)} values of {name!r}",
            f"{count}, as FixedLenFeature({list(spec.shape)}) says",
            "give a default_value, or write VarLenFeature",
        )
    return row


def parse_single_example(
    serialized: Any,
    features: dict[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The features of an example in bytes, by name.

    Args:
        serialized: What `Example.SerializeToString()` gave.
        features: What each feature is: FixedLenFeature, VarLenFeature.
        example_names, name: Do nothing.

    Raises:
        ValueError: Another number of values than a FixedLenFeature says.
    """
    example = Example.FromString(_bytes(serialized))
    return {key: _one(key, spec, [example], ()) for key, spec in features.items()}


def parse_example(
    serialized: Any,
    features: dict[str, Any],
    example_names: Any = None,
    name: str | None = None,
) -> dict[str, Any]:
    """The features of a batch of examples in bytes; see `parse_single_example`."""
    rows = [Example.FromString(one) for one in Text(serialized).numpy().ravel()]
    batch = (len(rows),)
    return {key: _one(key, spec, rows, batch) for key, spec in features.items()}


def _bytes(value: Any) -> bytes:
    if isinstance(value, np.ndarray):
        value = value[()]
    return bytes(value)


def serialize_tensor(tensor: Any, name: str | None = None) -> Text:
    """A tensor as bytes, which `parse_tensor` reads; TensorFlow has another format."""
    value = convert_to_tensor(tensor)
    out = io.BytesIO()
    numbers = value.strings().astype(str) if isinstance(value, Text) else value
    np.save(out, np.asarray(numbers), allow_pickle=False)
    return Text(out.getvalue())


def parse_tensor(serialized: Any, out_type: DTypeLike, name: str | None = None) -> Any:
    """The tensor in bytes that `serialize_tensor` gave."""
    found = convert_to_tensor(np.load(io.BytesIO(_bytes(serialized))))
    kind = string if isinstance(found, Text) else as_dtype(found.dtype)
    if narrow(kind) != narrow(out_type):
        raise invalid(
            "tf.io.parse_tensor", f"a tensor of {kind.name}", as_dtype(out_type).name
        )
    return found
