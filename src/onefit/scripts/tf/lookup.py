"""tf.lookup: tables from keys to values."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.tf.arrays import Text, convert_to_tensor
from onefit.scripts.tf.dtypes import as_dtype, int64, string
from onefit.scripts.tf.files import name_of

__all__ = [
    "KeyValueTensorInitializer",
    "StaticHashTable",
    "StaticVocabularyTable",
    "TextFileIndex",
    "TextFileInitializer",
]


class KeyValueTensorInitializer:
    """Keys, and the value of each."""

    def __init__(
        self,
        keys: Any,
        values: Any,
        key_dtype: DTypeLike | None = None,
        value_dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        self.keys = convert_to_tensor(keys, key_dtype)
        self.values = convert_to_tensor(values, value_dtype)
        if len(self.keys) != len(self.values):
            raise invalid(
                "KeyValueTensorInitializer",
                f"{len(self.keys)} keys and {len(self.values)} values",
                "a value for each key",
            )


class TextFileIndex:
    """What of a line is a key or a value: the whole line, or its number."""

    WHOLE_LINE = -2
    LINE_NUMBER = -1


class TextFileInitializer:
    """Keys and values from the lines of a file."""

    def __init__(
        self,
        filename: Any,
        key_dtype: DTypeLike,
        key_index: int,
        value_dtype: DTypeLike,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
        value_index_offset: int = 0,
    ) -> None:
        with open(name_of(filename), encoding="utf-8") as file:
            lines = [line.rstrip("\r\n") for line in file][:vocab_size]

        def column(index: int, dtype: DTypeLike, offset: int = 0) -> Any:
            if index == TextFileIndex.LINE_NUMBER:
                return convert_to_tensor([i + offset for i in range(len(lines))])
            whole = index == TextFileIndex.WHOLE_LINE
            parts = [line if whole else line.split(delimiter)[index] for line in lines]
            text = as_dtype(dtype) == string
            return Text(parts) if text else convert_to_tensor([float(p) for p in parts])

        self.keys = column(key_index, key_dtype)
        self.values = column(value_index, value_dtype, value_index_offset)


class StaticHashTable:
    """A table that does not change.

    >>> table = StaticHashTable(KeyValueTensorInitializer(["a", "b"], [0, 1]), -1)
    >>> table.lookup(["b", "z"]).tolist()
    [1, -1]
    """

    def __init__(
        self,
        initializer: Any,
        default_value: Any,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ) -> None:
        values = initializer.values
        self._text = isinstance(values, Text)
        self._default = _plain(convert_to_tensor(default_value))
        self._table = dict(
            zip(_flat(initializer.keys), _flat(initializer.values), strict=True)
        )

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The value of each key; the default where there is none."""
        tensor = convert_to_tensor(keys)
        found = [self._table.get(key, self._default) for key in _flat(tensor)]
        shape = tuple(tensor.shape)
        if self._text:
            objects = np.empty(len(found), object)
            objects[:] = found
            return Text(objects.reshape(shape))
        return jnp.asarray(np.reshape(found, shape))

    __getitem__ = lookup

    def size(self, name: str | None = None) -> Any:
        """How many keys it has."""
        return jnp.asarray(len(self._table))

    def __len__(self) -> int:
        return len(self._table)


class StaticVocabularyTable(StaticHashTable):
    """A table of words; one that is not in it gets a place behind them by its bytes."""

    def __init__(
        self,
        initializer: Any,
        num_oov_buckets: int,
        lookup_key_dtype: DTypeLike | None = None,
        name: str | None = None,
        experimental_is_anonymous: bool = False,
    ) -> None:
        super().__init__(initializer, 0)
        self._buckets = num_oov_buckets

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The number of each word."""
        import zlib

        tensor = convert_to_tensor(keys)
        known = len(self._table)
        found = [
            self._table.get(key, known + zlib.crc32(repr(key).encode()) % self._buckets)
            for key in _flat(tensor)
        ]
        kind = as_dtype(int64)
        return convert_to_tensor(np.reshape(found, tuple(tensor.shape)), kind)

    __getitem__ = lookup


def _flat(tensor: Any) -> list[Any]:
    return np.asarray(tensor).ravel().tolist()


def _plain(tensor: Any) -> Any:
    return np.asarray(tensor)[()]
