"""Hashes of strings, many at once: FarmHash's fingerprint, SipHash, and crosses.

They are TensorFlow's, so that bins are Keras' bins. All arithmetic is that of 64-bit
numbers that wrap around, which numpy's uint64 does. Strings of one length are hashed
together, as a matrix of bytes.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

__all__ = ["crossed", "fingerprints", "sip_hashes"]

Words: TypeAlias = np.ndarray
"""Unsigned 64-bit numbers, one for each string."""

K0, K1, K2, MIX, START = (
    np.uint64(k)
    for k in (
        0xC3A5C85C97CB3127,
        0xB492B66FBE98F273,
        0x9AE16A3B2F90404F,
        0xC6A4A7935BD1E995,
        0xDECAFCAFFE,
    )
)


def _number(value: int) -> np.uint64:
    return np.uint64(value & 0xFFFFFFFFFFFFFFFF)


def _by_length(strings: Sequence[bytes], hash_: Callable[[np.ndarray], Words]) -> Words:
    """A hash of each string; `hash_` takes a matrix of the bytes of equally long ones.

    Each string is hashed once, however often it comes.
    """
    places: dict[bytes, int] = {}
    numbers = np.fromiter(
        (places.setdefault(s, len(places)) for s in strings), np.int64, len(strings)
    )
    unique = list(places)
    lengths = np.fromiter(map(len, unique), np.int64, len(unique))
    hashes = np.zeros(len(unique), np.uint64)
    for length in np.unique(lengths):
        at = np.flatnonzero(lengths == length)
        joined = b"".join(unique[i] for i in at)
        hashes[at] = hash_(np.frombuffer(joined, np.uint8).reshape(len(at), length))
    return hashes[numbers]


def _fetch(data: np.ndarray, at: int, size: int = 8) -> Words:
    """The little-endian numbers of `size` bytes at a place of each row."""
    part = np.ascontiguousarray(data[:, at : at + size])
    return part.view(f"<u{size}")[:, 0].astype(np.uint64)


def _rotate(x: Words, by: int) -> Words:
    """Rotation to the right."""
    return (x >> np.uint64(by)) | (x << np.uint64(64 - by))


def _shift_mix(x: Words) -> Words:
    return x ^ (x >> np.uint64(47))


# FarmHash ---------------------------------------------------------------------------


def fingerprints(strings: Sequence[bytes]) -> Words:
    """FarmHash's Fingerprint64 of each string, the same on all machines.

    >>> fingerprints([b"", b"hello"]).tolist()
    [11160318154034397263, 13009744463427800296]

    Source: Pike and Alakuijala 2014, "FarmHash", farmhashna::Hash64.
    """
    return _by_length(strings, _farm)


def _farm(s: np.ndarray) -> Words:
    length = s.shape[1]
    if length <= 16:
        return _up_to_16(s)
    if length <= 32:
        return _up_to_32(s)
    return _up_to_64(s) if length <= 64 else _longer(s)


def _joined(u: Words, v: Words, factor: np.uint64 | Words) -> Words:
    """Two numbers as one: HashLen16 of FarmHash."""
    a = _shift_mix((u ^ v) * factor)
    return _shift_mix((v ^ a) * factor) * factor


def _up_to_16(s: np.ndarray) -> Words:
    n = s.shape[1]
    factor = _number(int(K2) + 2 * n)
    if n >= 8:
        a, b = _fetch(s, 0) + K2, _fetch(s, n - 8)
        c = _rotate(b, 37) * factor + a
        d = (_rotate(a, 25) + b) * factor
        return _joined(c, d, factor)
    if n >= 4:
        a = _fetch(s, 0, 4)
        return _joined(np.uint64(n) + (a << np.uint64(3)), _fetch(s, n - 4, 4), factor)
    if n == 0:
        return np.full(len(s), K2)
    a, b, c = (s[:, i].astype(np.uint64) for i in (0, n >> 1, n - 1))
    y, z = a + (b << np.uint64(8)), np.uint64(n) + (c << np.uint64(2))
    return _shift_mix((y * K2) ^ (z * K0)) * K2


def _up_to_32(s: np.ndarray) -> Words:
    n = s.shape[1]
    factor = _number(int(K2) + 2 * n)
    a, b = _fetch(s, 0) * K1, _fetch(s, 8)
    c, d = _fetch(s, n - 8) * factor, _fetch(s, n - 16) * K2
    return _joined(
        _rotate(a + b, 43) + _rotate(c, 30) + d, a + _rotate(b + K2, 18) + c, factor
    )


def _up_to_64(s: np.ndarray) -> Words:
    n = s.shape[1]
    factor = _number(int(K2) + 2 * n)
    a, b = _fetch(s, 0) * K2, _fetch(s, 8)
    c, d = _fetch(s, n - 8) * factor, _fetch(s, n - 16) * K2
    y = _rotate(a + b, 43) + _rotate(c, 30) + d
    z = _joined(y, a + _rotate(b + K2, 18) + c, factor)
    e, f = _fetch(s, 16) * factor, _fetch(s, 24)
    g, h = (y + _fetch(s, n - 32)) * factor, (z + _fetch(s, n - 24)) * factor
    return _joined(
        _rotate(e + f, 43) + _rotate(g, 30) + h, e + _rotate(f + a, 18) + g, factor
    )


def _weak(s: np.ndarray, at: int, a: Words, b: Words) -> tuple[Words, Words]:
    """32 bytes into two numbers: WeakHashLen32WithSeeds of FarmHash."""
    w, x, y, z = (_fetch(s, at + i) for i in (0, 8, 16, 24))
    a = a + w
    b = _rotate(b + a + z, 21)
    c = a
    a = a + x + y
    return a + z, b + _rotate(a, 44) + c


def _longer(s: np.ndarray) -> Words:
    """64 bytes at a time, and the last 64 once more."""
    rows, n = s.shape
    full = lambda value: np.full(rows, _number(value))  # noqa: E731
    seed = 81
    x, y = full(seed * int(K2)), full(seed * int(K1) + 113)
    z = _shift_mix(y * K2 + np.uint64(113)) * K2
    x = x + _fetch(s, 0)
    v = w = full(0), full(0)
    end = (n - 1) // 64 * 64
    for at in range(0, end, 64):
        x = _rotate(x + y + v[0] + _fetch(s, at + 8), 37) * K1
        y = _rotate(y + v[1] + _fetch(s, at + 48), 42) * K1
        x = x ^ w[1]
        y = y + v[0] + _fetch(s, at + 40)
        z = _rotate(z + w[0], 33) * K1
        v = _weak(s, at, v[1] * K1, x + w[0])
        w = _weak(s, at + 32, z + w[1], y + _fetch(s, at + 16))
        z, x = x, z
    factor = K1 + ((z & np.uint64(0xFF)) << np.uint64(1))
    at = n - 64
    w = w[0] + np.uint64((n - 1) & 63), w[1]
    v = v[0] + w[0], v[1]
    w = w[0] + v[0], w[1]
    x = _rotate(x + y + v[0] + _fetch(s, at + 8), 37) * factor
    y = _rotate(y + v[1] + _fetch(s, at + 48), 42) * factor
    x = x ^ (w[1] * np.uint64(9))
    y = y + v[0] * np.uint64(9) + _fetch(s, at + 40)
    z = _rotate(z + w[0], 33) * factor
    v = _weak(s, at, v[1] * factor, x + w[0])
    w = _weak(s, at + 32, z + w[1], y + _fetch(s, at + 16))
    z, x = x, z
    return _joined(
        _joined(v[0], w[0], factor) + _shift_mix(y) * K0 + z,
        _joined(v[1], w[1], factor) + x,
        factor,
    )


# SipHash ------------------------------------------------------------------------------


def sip_hashes(strings: Sequence[bytes], key: Sequence[int]) -> Words:
    """SipHash-2-4 of each string with a key of two numbers.

    >>> hex(int(sip_hashes([bytes(range(15))], [0x0706050403020100,
    ...                                         0x0F0E0D0C0B0A0908])[0]))
    '0xa129ca6149be45e5'

    Source: Aumasson and Bernstein 2012, "SipHash: a fast short-input PRF", whose
    example this is.
    """
    first, second = map(_number, key)

    def hash_(s: np.ndarray) -> Words:
        rows, n = s.shape
        padded = np.zeros((rows, n // 8 * 8 + 8), np.uint8)
        padded[:, :n], padded[:, -1] = s, n & 0xFF
        state: list[Words] = [
            np.full(rows, one ^ np.uint64(other))
            for one, other in (
                (first, 0x736F6D6570736575),
                (second, 0x646F72616E646F6D),
                (first, 0x6C7967656E657261),
                (second, 0x7465646279746573),
            )
        ]
        for at in range(0, padded.shape[1], 8):
            word = _fetch(padded, at)
            state[3] = state[3] ^ word
            state = _round(_round(state))
            state[0] = state[0] ^ word
        state[2] = state[2] ^ np.uint64(0xFF)
        for _ in range(4):
            state = _round(state)
        return state[0] ^ state[1] ^ state[2] ^ state[3]

    return _by_length(strings, hash_)


def _round(state: list[Words]) -> list[Words]:
    left = lambda x, by: _rotate(x, 64 - by)  # noqa: E731
    a, b, c, d = state
    a, c = a + b, c + d
    b, d = left(b, 13) ^ a, left(d, 16) ^ c
    a = left(a, 32)
    c, a = c + b, a + d
    b, d = left(b, 17) ^ c, left(d, 21) ^ a
    return [a, b, left(c, 32), d]


# Crosses ------------------------------------------------------------------------------


def crossed(columns: Sequence[Words], bins: int) -> np.ndarray:
    """One bin for each row of several columns of numbers.

    A column of strings is given as their fingerprints.

    Source: TensorFlow, `tf.sparse.cross_hashed`.
    """
    hashed = np.full(len(columns[0]), START)
    for column in columns:
        hashed = hashed ^ MIX ^ (_shift_mix(column * MIX) * MIX)
        hashed = _shift_mix(_shift_mix(hashed * MIX) * MIX)
    return (hashed % np.uint64(bins)).astype(np.int64)
