"""Feeding: the batches of a source, gathered into chunks while the program runs.

JAX runs a program while Python goes on, so the next batches are taken from the source
in the same thread: what a generator uses (files, databases, random numbers) stays where
it was made, and an error in it has its own traceback.
"""

import itertools
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.data.items import Kind, Reader
from onefit.data.source import Source
from onefit.errors import OnefitWarning, invalid
from onefit.training.compiling import compiled
from onefit.training.task import Task
from onefit.types import Array, Tree

__all__ = ["Chunk", "Feed", "tallied"]

BYTES = 1 << 22
"""Bytes of batches in a chunk (4 MiB): there are some in an epoch, so that the next one
is gathered while one runs, and few enough that their calls cost nothing."""

MOST = 1024
"""Batches in a chunk, at most."""

PATIENCE = 0.01
"""Seconds for which batches are gathered though nothing runs, so that calls of the
program, each of which costs some tenths of a millisecond, are few."""

SAMPLE = 256
"""Rows that are looked at before the first step, if there are so many soon."""

ENDLESS = 10_000
"""After so many batches of unknown number it is said that there may be no end."""

SOON = 0.05
"""Seconds in which these come."""

_END = object()


class Chunk(NamedTuple):
    """Batches of one shape, their rows one after another.

    Attributes:
        data: The rows, checked and converted.
        batches: How many batches.
        size: Rows in each.
        capacity: How many batches a chunk of them holds.
    """

    data: Batch
    batches: int
    size: int
    capacity: int

    @property
    def filled(self) -> Batch:
        """The rows, filled up with zeros to as many as it holds."""
        wanted = self.capacity * self.size

        def fill(a: Array) -> Array:
            if len(a) == wanted:
                return a
            out = np.zeros((wanted, *a.shape[1:]), a.dtype)
            out[: len(a)] = a
            return out

        return jax.tree.map(fill, self.data)


def never() -> bool:
    return False


Convert: TypeAlias = Callable[[Batch, int], Batch]
"""Checks and converts the rows of some batches, given how many rows are in each."""

Arrays: TypeAlias = Sequence[np.ndarray]
"""The arrays of a batch, flat."""

Piece: TypeAlias = tuple[Arrays, Kind]
"""A batch, and of what kind it is."""


class Feed:
    """The batches of a source, epoch after epoch.

    Args:
        source: Where they come from.
        reader: Reads the items of the source.
        where: What the source is called in errors: 'x', 'validation_data'.
        steps: Batches in an epoch; None for a whole pass.
        convert: Checks and converts the rows of some batches.

    Attributes:
        short: Whether the source came to its end before the last epoch did.
        seen: How many batches the last epoch had, None before.
        size: The most rows in one of the first batches.
        waiting: Whether the source is making a batch now.
    """

    def __init__(
        self,
        source: Source,
        reader: Reader,
        where: str,
        steps: int | None,
        convert: Convert,
    ) -> None:
        self.source, self.reader, self.where, self.steps = source, reader, where, steps
        self.short, self.waiting = False, False
        self.seen: int | None = None
        self.size = 1
        self._convert = convert
        self._ahead: list[Piece | None] = []  # None for the end of a pass
        self._open: Iterator[Any] | None = None
        self._passes = self._number = 0
        self._begun = False
        self._failed: Exception | None = None

    def _warn_of_no_end(self) -> None:
        """Says that an epoch may have no end."""
        known = self.steps is not None or self.source.length is not None
        if not known:
            warnings.warn(
                f"{self.source.kind} has given {ENDLESS:,} batches and has not come to "
                "an end, so the first epoch goes on. If it has none, stop the fit, and "
                "say how many batches make an epoch: fit(..., steps_per_epoch=100).",
                OnefitWarning,
                stacklevel=2,
            )

    def then(self, convert: Convert) -> None:
        """Converts what has been converted once more."""
        before = self._convert
        self._convert = lambda batch, size: convert(before(batch, size), size)

    @property
    def length(self) -> int | None:
        """How many batches an epoch has, where that is known."""
        if self.steps is not None:
            return self.steps
        return self.seen if self.source.length is None else self.source.length

    # Batches -------------------------------------------------------------------------

    def sample(self) -> Batch:
        """Rows of the first batches, which come again in the first epoch.

        Raises:
            ValueError: A source that gives nothing.
        """
        begin, n = time.perf_counter(), 0
        self._begin()
        most = MOST if self.length is None else self.length
        while len(self._ahead) < most and n < SAMPLE:
            batch = self._next()
            if batch is None:
                self._ahead += [None] if self._ahead else []
                break
            self._ahead.append(_copied(batch))
            n += batch[1].size
            if time.perf_counter() - begin > SOON:
                break
        if not self._ahead:
            self._raise()
            self.refuse_nothing()
        pieces = [piece for piece in self._ahead if piece is not None]
        self.size = max(kind.size for _, kind in pieces)
        kind = pieces[0][1]
        group = _Group(kind, len(pieces))
        for arrays, _ in itertools.takewhile(lambda piece: piece[1] == kind, pieces):
            group.add(arrays)
        return self._converted(group, 0)

    def refuse_nothing(self) -> NoReturn:
        """Raises the error for a source that gives nothing."""
        once = "" if self.source.again else ", perhaps because it was read before"
        raise invalid(
            self.where,
            f"{self.source.kind} that gives nothing{once}",
            "at least one batch",
        )

    def more(self) -> bool:
        """Whether there is another batch; asked of what can be read once."""
        if self.source.again or self._ahead:
            return True
        batch = None if self._passes and self._open is None else self._next()
        self._ahead += [] if batch is None else [_copied(batch)]
        return batch is not None

    def close(self) -> None:
        """Ends a pass that is open, with the threads or processes that work for it."""
        close = getattr(self._open, "close", None)
        if self.source.again and close is not None:
            close()
        self._open = None

    def _raise(self) -> None:
        """Raises what the source itself has raised."""
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self.source.before()

    def _next(self) -> Piece | None:
        """The next batch of the pass that is open; None at its end."""
        if self._open is None:
            self._open = iter(self.source.begin(self._passes))
            self._passes, self._number = self._passes + 1, 0
        self.waiting = True
        try:
            item = next(self._open, _END)
        except Exception as error:
            error.add_note(
                f"{self.where}: {self.source.kind} raised this in place of batch "
                f"{self._number + 1}."
            )
            self._failed, item = error, _END
        finally:
            self.waiting = False
        if item is _END:
            self._open = None
            return None
        try:
            batch = self.reader(item)
        except (TypeError, ValueError) as error:
            raise self._placed(error, self._number) from None
        self._number += 1
        return batch

    def _batches(self) -> Iterator[Piece]:
        """The batches of an epoch."""
        self.short, given, fresh = False, 0, False
        while self.steps is None or given < self.steps:
            batch = self._ahead.pop(0) if self._ahead else self._next()
            if batch is not None:
                given, fresh = given + 1, False
                yield batch
                continue
            if self._failed is not None or (self.steps is None and given):
                break
            if not self.source.again or fresh:
                self.short = True
                break
            fresh = True  # now another pass; an empty one is the end
        self.seen = given

    def _placed(self, error: Exception, number: int) -> Exception:
        """An error that says in which batch it arose."""
        kind = TypeError if isinstance(error, TypeError) else ValueError
        return kind(f"{self.where}, batch {number + 1} > {error}")

    # Chunks --------------------------------------------------------------------------

    def go_to(self, epoch: int, seed: int) -> None:
        """Which epoch comes, of a fit with which seed: most sources only go on."""

    def chunks(
        self,
        idle: Callable[[], bool] = never,
        ended: Callable[[], bool] = never,
        most: int = MOST,
    ) -> Iterator[Chunk]:
        """The batches of an epoch in chunks.

        Args:
            idle: Whether the program waits: then few batches are a chunk.
            ended: Whether no more are wanted.
            most: How many batches are a chunk at most.
        """
        self._begin()
        group: _Group | None = None
        first, since = 0, time.perf_counter()
        for number, (arrays, kind) in enumerate(self._batches()):
            if ended():
                return
            if number == ENDLESS:
                self._warn_of_no_end()
            if group is not None:
                full = group.count >= group.capacity or group.kind != kind
                late = not full and time.perf_counter() - since > PATIENCE
                if full or (late and idle()):
                    yield self._chunk(group, first)
                    group, since = None, time.perf_counter()
            if group is None:
                group, first = _Group(kind, self._capacity(kind, most)), number
            group.add(arrays)
        if group is not None and not ended():
            yield self._chunk(group, first)
        self._raise()  # after what came before it was used
        self._begun = False
        self.source.after()

    def _capacity(self, kind: Kind, most: int) -> int:
        """How many batches like this one are a chunk."""
        return max(1, min(most, self.length or MOST, BYTES // max(kind.bytes, 1)))

    def _chunk(self, group: "_Group", first: int) -> Chunk:
        data = self._converted(group, first)
        return Chunk(data, group.count, group.kind.size, group.capacity)

    def _converted(self, group: "_Group", first: int) -> Batch:
        """The rows of some batches, checked and converted.

        Raises:
            ValueError, TypeError: What the model does not take, with the batch.
        """
        try:
            return self._convert(group.rows(0, group.count), group.kind.size)
        except (TypeError, ValueError) as error:
            for i in range(group.count):  # which of them was it?
                try:
                    self._convert(group.rows(i, i + 1), group.kind.size)
                except (TypeError, ValueError) as its:
                    raise self._placed(its, first + i) from None
            raise self._placed(error, first) from None


def _copied(piece: Piece) -> Piece:
    return [np.array(a) for a in piece[0]], piece[1]


class _Group:
    """Batches of one kind, copied one after another: who made them may use their
    arrays again for the next one.
    """

    def __init__(self, kind: Kind, capacity: int) -> None:
        self.kind, self.capacity, self.count = kind, capacity, 0
        self._arrays = [
            np.empty((capacity * kind.size, *shape[1:]), dtype)
            for shape, dtype in kind.specs
        ]

    def add(self, arrays: Arrays) -> None:
        """Takes in a batch."""
        size = self.kind.size
        at = self.count * size
        for mine, array in zip(self._arrays, arrays, strict=True):
            mine[at : at + size] = array
        self.count += 1

    def rows(self, start: int, stop: int) -> Batch:
        """The rows from one batch to another."""
        size = self.kind.size
        some = slice(start * size, stop * size)
        return self.kind.nest.unflatten([a[some] for a in self._arrays])


def tallied(
    task: Task, params: Tree, state: Tree, chunks: Iterator[Chunk]
) -> tuple[list[Array], Tree, int]:
    """The losses and metrics of chunks, the state after them, and their rows."""
    tally, seen = compiled("start", False)(task, training=False), 0
    for chunk in chunks:
        alone = chunk.batches == 1
        tally, state = compiled("count_all", False)(
            task,
            params,
            state,
            tally,
            chunk.data if alone else chunk.filled,
            np.int32(chunk.batches),
            size=chunk.size,
        )
        seen += chunk.batches * chunk.size
    return compiled("results", False)(task, tally), state, seen
