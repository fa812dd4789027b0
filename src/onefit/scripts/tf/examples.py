"""Examples in bytes: what tf.train.Example holds, in the format of protocol buffers.

An Example is a dict of features by name; a feature is a list of bytes, of float32 or
of int64 numbers. As messages: Example { features = 1 }, Features { a map = 1 of key = 1
and value = 2 }, Feature { one of bytes_list = 1, float_list = 2, int64_list = 3 }, and
each list { value = 1 }.
"""

import struct
from collections.abc import Iterator
from typing import Any, Self

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.scripts.tf.arrays import Text

__all__ = ["BytesList", "Example", "Feature", "Features", "FloatList", "Int64List"]

_WHOLE, _SIZED, _FOUR, _EIGHT = 0, 2, 5, 1


# The format ---------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _sized(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _SIZED) + _varint(len(data)) + data


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The numbers of the fields of a message, and what they hold.

    Raises:
        ValueError: Bytes that are no message.
    """
    at = 0
    try:
        while at < len(data):
            tag, at = _read_varint(data, at)
            number, kind = tag >> 3, tag & 7
            if kind == _WHOLE:
                value, at = _read_varint(data, at)
                yield number, value
                continue
            if kind == _SIZED:
                size, at = _read_varint(data, at)
            else:
                size = {_FOUR: 4, _EIGHT: 8}[kind]
            if at + size > len(data):
                raise IndexError
            yield number, data[at : at + size]
            at += size
    except (IndexError, KeyError):
        raise invalid(
            "tf.train.Example",
            "bytes that are no message",
            "what SerializeToString() gave",
        ) from None


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


# The messages -------------------------------------------------------------------------


class _Message:
    """What all messages can do."""

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        raise NotImplementedError

    @classmethod
    def FromString(cls, data: Any) -> Self:
        """The message in these bytes."""
        made = cls()
        made.ParseFromString(data)
        return made

    def ParseFromString(self, data: Any) -> int:
        """Takes what is in these bytes; how many they are."""
        data = bytes(data)
        self._take(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        raise NotImplementedError

    def _lines(self) -> Iterator[str]:
        raise NotImplementedError

    def __repr__(self) -> str:
        return "\n".join([*self._lines(), ""])

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, type(self))
        return same and self.SerializeToString() == other.SerializeToString()

    __hash__ = object.__hash__


def _inside(name: str, message: Any) -> Iterator[str]:
    yield f"{name} {{"
    yield from (f"  {line}" for line in message._lines())
    yield "}"


class _List(_Message):
    """A list of values of one kind."""

    def __init__(self, value: Any = ()) -> None:
        self.value = [self._one(v) for v in value]

    def _one(self, value: Any) -> Any:
        raise NotImplementedError

    def _lines(self) -> Iterator[str]:
        for value in self.value:
            yield f"value: {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        text = repr(value)[2:-1].replace('"', '\\"')
        return f'"{text}"'
    return f"{value:.9g}" if isinstance(value, float) else str(value)


class BytesList(_List):
    """A list of bytes.

    >>> BytesList(value=[b"a"])
    value: "a"
    <BLANKLINE>
    """

    def _one(self, value: Any) -> bytes:
        if isinstance(value, Text):
            value = value.numpy()
        if not isinstance(value, bytes):
            raise mistyped(
                "tf.train.BytesList",
                repr(value),
                "bytes",
                "write value=[text.encode()], or value=[tensor.numpy()]",
            )
        return value

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        return b"".join(_sized(1, value) for value in self.value)

    def _take(self, data: bytes) -> None:
        self.value = [bytes(value) for _, value in _fields(data)]


class FloatList(_List):
    """A list of float32 numbers."""

    def _one(self, value: Any) -> float:
        return float(np.float32(value))

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        packed = struct.pack(f"<{len(self.value)}f", *self.value)
        return _sized(1, packed) if packed else b""

    def _take(self, data: bytes) -> None:
        parts = [np.frombuffer(value, "<f4") for _, value in _fields(data)]
        self.value = np.concatenate(parts).tolist() if parts else []


class Int64List(_List):
    """A list of whole numbers."""

    def _one(self, value: Any) -> int:
        whole = isinstance(value, bool | int | np.integer | np.bool_)
        if not whole and np.asarray(value).dtype.kind not in "iub":
            raise mistyped("tf.train.Int64List", repr(value), "whole numbers")
        return int(value)

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        packed = b"".join(map(_varint, self.value))
        return _sized(1, packed) if packed else b""

    def _take(self, data: bytes) -> None:
        self.value = []
        for _, value in _fields(data):
            if isinstance(value, int):
                self.value.append(_signed(value))
                continue
            at = 0
            while at < len(value):
                one, at = _read_varint(value, at)
                self.value.append(_signed(one))


_KINDS: dict[str, tuple[int, type[_List]]] = {
    "bytes_list": (1, BytesList),
    "float_list": (2, FloatList),
    "int64_list": (3, Int64List),
}


class Feature(_Message):
    """One list of values: of bytes, float32 or int64 numbers."""

    def __init__(
        self,
        bytes_list: BytesList | None = None,
        float_list: FloatList | None = None,
        int64_list: Int64List | None = None,
    ) -> None:
        self.bytes_list = bytes_list or BytesList()
        self.float_list = float_list or FloatList()
        self.int64_list = int64_list or Int64List()
        given = (bytes_list, float_list, int64_list)
        named = zip(_KINDS, given, strict=True)
        self._kind = next((n for n, v in named if v is not None), None)

    def WhichOneof(self, name: str = "kind") -> str | None:
        """Which list it has: "bytes_list", "float_list" or "int64_list"."""
        if self._kind is not None:
            return self._kind
        return next((n for n in _KINDS if getattr(self, n).value), None)

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        kind = self.WhichOneof()
        if kind is None:
            return b""
        return _sized(_KINDS[kind][0], getattr(self, kind).SerializeToString())

    def _take(self, data: bytes) -> None:
        for number, value in _fields(data):
            for name, (other, cls) in _KINDS.items():
                if number == other:
                    setattr(self, name, cls.FromString(value))
                    self._kind = name

    def _lines(self) -> Iterator[str]:
        kind = self.WhichOneof()
        if kind is not None:
            yield from _inside(kind, getattr(self, kind))


class _Entry(_Message):
    """A name and its feature, as a map writes them."""

    def __init__(self, key: str, value: Feature) -> None:
        self.key, self.value = key, value

    def _lines(self) -> Iterator[str]:
        yield f'key: "{self.key}"'
        yield from _inside("value", self.value)


class _Map(dict[str, Feature]):
    """Features by name; one that is asked for is made."""

    def __missing__(self, key: str) -> Feature:
        self[key] = Feature()
        return self[key]


class Features(_Message):
    """Features by their names.

    Attributes:
        feature: The dict.
    """

    def __init__(self, feature: Any = ()) -> None:
        self.feature = _Map(feature)

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        return b"".join(
            _sized(1, _sized(1, key.encode()) + _sized(2, value.SerializeToString()))
            for key, value in sorted(self.feature.items())
        )

    def _take(self, data: bytes) -> None:
        for _, entry in _fields(data):
            parts = dict(_fields(entry))
            name = parts.get(1, b"").decode()
            self.feature[name] = Feature.FromString(parts.get(2, b""))

    def _lines(self) -> Iterator[str]:
        for key, value in sorted(self.feature.items()):
            yield from _inside("feature", _Entry(key, value))


class Example(_Message):
    """A row of a data set, as TFRecord files hold it.

    >>> small = Features(feature={"n": Feature(int64_list=Int64List(value=[3, -1]))})
    >>> data = Example(features=small).SerializeToString()
    >>> Example.FromString(data).features.feature["n"].int64_list.value
    [3, -1]
    """

    def __init__(self, features: Features | None = None) -> None:
        self.features = features or Features()

    def SerializeToString(self) -> bytes:
        """The message as bytes."""
        return _sized(1, self.features.SerializeToString())

    def _take(self, data: bytes) -> None:
        for number, value in _fields(data):
            if number == 1:
                self.features._take(value)

    def _lines(self) -> Iterator[str]:
        yield from _inside("features", self.features)
