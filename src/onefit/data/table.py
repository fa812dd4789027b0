"""Tables: rows that stay the same, and the order in which they come.

A Dataset made of arrays is a table as long as what is done to it moves whole rows
(shuffle, take, repeat, batch), or is a function of a row alone that draws nothing. Then
`fit` takes its arrays, and runs as it does for arrays: as one program.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import jax
import numpy as np

from onefit import config
from onefit.data.traced import Traced
from onefit.types import Generator, Tree

__all__ = ["Path", "Rows", "Table", "shuffled"]

Path: TypeAlias = tuple[int, ...]
"""Which pass over a data set: its number, and those of passes within it."""

BLOCK = 1 << 22
"""Numbers that are made at once (16 MiB), when rows are made as they are asked for."""

KEPT = 1 << 28
"""Numbers that a function of rows may make and keep (1 GiB); more is made anew."""


class Rows:
    """Arrays with a row each for every element.

    Attributes:
        count: How many rows there are.
    """

    def __init__(self, arrays: Tree) -> None:
        self._arrays = arrays
        self.count = len(jax.tree.leaves(arrays)[0])

    @property
    def arrays(self) -> Tree:
        """All of them."""
        return self._arrays

    @property
    def fits(self) -> bool:
        """Whether all of them may be kept."""
        return True

    def at(self, rows: np.ndarray | slice) -> Tree:
        """Some of them, by their numbers."""
        return jax.tree.map(lambda a: a[rows], self.arrays)


class Mapped(Rows):
    """What a traced function gives for each row of others, made once if it fits."""

    def __init__(self, rows: Rows, function: Traced) -> None:
        self.rows, self.function, self.count = rows, function, rows.count
        self._made: Tree = None
        self._row = max(
            1, sum(int(np.prod(s.shape)) for s in jax.tree.leaves(function.shapes))
        )

    @property
    def arrays(self) -> Tree:
        """All of them."""
        if self._made is None:
            size = min(self.count, max(1, BLOCK // self._row))
            size = 1 << max(size.bit_length() - 1, 0)
            parts = [
                self.function.rows(self.rows.at(slice(at, at + size)))
                for at in range(0, self.count, size)
            ]
            self._made = jax.tree.map(lambda *a: np.concatenate(a), *parts)
        return self._made

    @property
    def fits(self) -> bool:
        """Whether all of them may be kept."""
        return self.rows.fits and self.count * self._row <= KEPT

    def at(self, rows: np.ndarray | slice) -> Tree:
        """Some of them, by their numbers."""
        if self._made is not None:
            return super().at(rows)
        return self.function.rows(self.rows.at(rows))


Order: TypeAlias = Callable[[Path], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows, and how they come: in which order, one by one or in batches.

    Attributes:
        rows: The rows.
        order: The numbers of the rows of a pass; None as they lie.
        length: How many rows a pass has.
        batch: Rows in an element, None where an element is a row.
        drop: Whether a smaller last batch is left out.
        endless: Whether pass follows pass without an end; a batch goes over from one
            to the next.
        shuffles: Whether the order is that of a whole shuffle, another in each pass,
            whose seed nobody has named.
        draws: Whether the order is another in each pass.
        varies: Whether the rows are others in each pass.
    """

    rows: Rows
    order: Order | None
    length: int
    batch: int | None = None
    drop: bool = False
    endless: bool = False
    shuffles: bool = False
    draws: bool = False
    varies: bool = False

    @property
    def part(self) -> np.ndarray | None:
        """The numbers of the rows that come, where some never do; None for all."""
        if self.varies or self.endless or self.used >= self.rows.count:
            return None
        return np.sort(self.numbers((0,))[: self.used])

    # What it gives ------------------------------------------------------------------

    def numbers(self, path: Path) -> np.ndarray:
        """The numbers of the rows of a pass that has an end."""
        return np.arange(self.length) if self.order is None else self.order(path)

    @property
    def size(self) -> int:
        """Elements in a pass that has an end."""
        if self.batch is None:
            return self.length
        return self.length // self.batch if self.drop else -(-self.length // self.batch)

    @property
    def even(self) -> bool:
        """Whether all its batches are of one size."""
        return self.batch is None or self.drop or self.length % self.batch == 0

    @property
    def used(self) -> int:
        """The rows of a pass that come, the last batch left out where it is dropped."""
        return self.size * self.batch if self.batch and self.drop else self.length

    @property
    def plain_shuffle(self) -> bool:
        """Whether a pass is all rows in an order that nobody has named."""
        return self.shuffles and self.used == self.length == self.rows.count

    def elements(self, path: Path) -> Iterator[Tree]:
        """What comes in a pass, one after another."""
        for numbers in self._blocks(path):
            some = self.rows.at(numbers)
            size = self.batch
            if size is None:
                yield from (
                    jax.tree.map(lambda a, i=i: a[i], some) for i in range(len(numbers))
                )
                continue
            for at in range(0, len(numbers), size):
                piece = slice(at, at + size)
                yield jax.tree.map(lambda a, piece=piece: a[piece], some)

    def _blocks(self, path: Path) -> Iterator[np.ndarray]:
        """The numbers of a pass in blocks of whole elements, about 1,024 rows each."""
        size = self.batch or 1
        block = size * max(1, 1024 // size)
        rest = np.empty(0, int)
        for numbers in self._passes(path):
            rest = np.concatenate([rest, numbers]) if len(rest) else numbers
            while len(rest) >= block:
                yield rest[:block]
                rest = rest[block:]
        if self.drop:
            rest = rest[: len(rest) // size * size]
        if len(rest):
            yield rest

    def _passes(self, path: Path) -> Iterator[np.ndarray]:
        if not self.endless:
            yield self.numbers(path)
            return
        number = 0
        while self.length:
            yield self.numbers((*path, number))
            number += 1

    def orders(self, run: int, first: int, out: np.ndarray) -> None:
        """Writes the rows of epochs, the same however they are cut.

        Epochs of another length than a pass are cut from one pass after another.

        Args:
            run: The number that stands before those of the passes.
            first: The number of the first epoch.
            out: (epochs, rows in an epoch).
        """
        length, used = out.shape[1], self.used
        for i, line in enumerate(out):
            at = 0
            while at < length:
                number, offset = divmod((first + i) * length + at, used)
                some = self.numbers((run, number))[offset:used][: length - at]
                line[at : at + len(some)] = some
                at += len(some)

    # What is done to it; None where the result is no table --------------------------

    def _changed(self, order: Order, length: int, **more: Any) -> "Table":
        more = {"shuffles": False} | more
        return dataclasses.replace(self, order=order, length=length, **more)

    def shuffle(
        self, buffer: int, seed: int, named: bool, anew: bool
    ) -> "Table | None":
        """The elements in a random order."""
        if self.endless or not self.even:
            return None
        size, length = self.batch or 1, self.used

        def order(path: Path) -> np.ndarray:
            rng = config.generator(seed, *(path if anew else ()))
            groups = self.numbers(path)[:length].reshape(-1, size)
            return shuffled(groups, buffer, rng).reshape(-1)

        whole = buffer >= self.size and size == 1 and self.order is None
        plain = whole and anew and not named
        return self._changed(order, length, shuffles=plain, draws=anew or self.draws)

    def cut(self, chosen: slice) -> "Table | None":
        """Some of the elements, by their numbers in the pass."""
        if self.endless and chosen.stop is None:
            return None
        size = self.batch or 1
        if chosen.step not in (None, 1) and self.batch is not None:
            return None
        if self.endless:
            return self._first(chosen)
        at = slice(
            chosen.start and chosen.start * size,
            chosen.stop and chosen.stop * size if chosen.stop is not None else None,
            chosen.step,
        )
        length = len(range(self.used)[at])

        def order(path: Path) -> np.ndarray:
            return self.numbers(path)[: self.used][at]

        return self._changed(order, length, varies=self.varies or self.draws)

    def _first(self, chosen: slice) -> "Table | None":
        """The first elements of an endless table."""
        if chosen.start or chosen.step not in (None, 1):
            return None
        length = chosen.stop * (self.batch or 1)

        def order(path: Path) -> np.ndarray:
            passes = range(-(-length // max(self.length, 1)))
            every = [self.numbers((*path, i)) for i in passes]
            return np.concatenate([*every, np.empty(0, int)])[:length].astype(int)

        varies = self.varies or self.draws
        length = length if self.length else 0
        return self._changed(order, length, endless=False, varies=varies)

    def repeat(self, count: int | None) -> "Table | None":
        """Pass after pass: so many, or without an end."""
        if self.endless:
            return self
        if not self.even:
            return None
        length = self.used

        def one(path: Path) -> np.ndarray:
            return self.numbers(path)[:length]

        if count is None:
            plain = self.shuffles and length == self.length
            return self._changed(one, length, endless=True, shuffles=plain)

        def order(path: Path) -> np.ndarray:
            passes = [one((*path, i)) for i in range(count)]
            return np.concatenate([*passes, np.empty(0, int)]).astype(int)

        return self._changed(order, length * count)

    def followed_by(self, other: "Table") -> "Table | None":
        """The rows of this table, then those of another of the same kind."""
        plain = not (self.endless or other.endless or self.batch or other.batch)
        if not plain or not (self.rows.fits and other.rows.fits):
            return None
        one, two = self.rows.arrays, other.rows.arrays
        if jax.tree.map(_kind, one) != jax.tree.map(_kind, two):
            return None
        first = self.rows.count

        def order(path: Path) -> np.ndarray:
            return np.concatenate(
                [self.numbers((*path, 0)), first + other.numbers((*path, 1))]
            )

        joined = jax.tree.map(lambda a, b: np.concatenate([a, b]), one, two)
        return Table(
            Rows(joined),
            order,
            self.length + other.length,
            draws=self.draws or other.draws,
            varies=self.varies or other.varies,
        )

    def batched(self, size: int, drop: bool) -> "Table | None":
        """Rows in batches."""
        if self.batch is not None:
            return None
        return dataclasses.replace(self, batch=size, drop=drop)

    def unbatched(self) -> "Table | None":
        """Batches as the rows in them."""
        if self.batch is None:
            return None
        table = dataclasses.replace(self, batch=None, drop=False)
        return (
            table
            if self.endless or self.used == self.length
            else table.cut(slice(None, self.used))
        )

    def map(self, function: Traced) -> "Table | None":
        """What a function gives for each row."""
        if self.batch is not None:
            return None
        return dataclasses.replace(self, rows=Mapped(self.rows, function))

    def filter(self, function: Traced) -> "Table | None":
        """The rows for which a function says yes."""
        if self.endless or self.varies or self.batch is not None:
            return None
        yes = np.asarray(jax.tree.leaves(Mapped(self.rows, function).arrays)[0], bool)

        def order(path: Path) -> np.ndarray:
            numbers = self.numbers(path)
            return numbers[yes[numbers]]

        return self._changed(order, len(order((0,))))


def _kind(array: np.ndarray) -> tuple[Any, ...]:
    return array.shape[1:], array.dtype


def shuffled(groups: np.ndarray, buffer: int, rng: Generator) -> np.ndarray:
    """Lines in a random order, drawn from a buffer of so many, as tf.data does it.

    Each time one line of the buffer is drawn, and the next one takes its place.
    """
    n = len(groups)
    if buffer >= n:
        return groups[rng.permutation(n)]
    slots = list(range(buffer))
    drawn = []
    for pick, following in zip(
        rng.integers(buffer, size=n - buffer).tolist(), range(buffer, n), strict=True
    ):
        drawn.append(slots[pick])
        slots[pick] = following
    rest = np.array(slots)[rng.permutation(buffer)]
    return groups[np.concatenate([np.array(drawn, int), rest])]
