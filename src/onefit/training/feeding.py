"""Feeding: the batches of a source, gathered into chunks while the program runs.

JAX runs a program while Python goes on, so the next batches are taken from the source
in the same thread: what a generator uses (files, databases, random numbers) stays where
it was made, and an error in it has its own traceback.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np

from onefit.data import rows
from onefit.data.batch import Batch
from onefit.data.items import Reader
from onefit.data.source import Source
from onefit.errors import invalid
from onefit.training.compiling import compiled
from onefit.training.task import Task
from onefit.types import Array, Tree

__all__ = ["Chunk", "Feed", "tallied"]

BYTES = 1 << 24
"""Bytes of batches in a chunk (16 MiB)."""

MOST = 1024
"""Batches in a chunk, at most."""

PATIENCE = 0.02
"""Seconds for which batches are gathered though nothing runs, so that calls of the
program, each of which costs some tenths of a millisecond, are few."""

SAMPLE = 256
"""Rows that are looked at before the first step, if there are so many soon."""

SOON = 0.05
"""Seconds in which these come."""

_END = object()


class Chunk(NamedTuple):
    """Batches of one shape, their rows one after another.

    Attributes:
        data: The rows, checked and converted.
        count: How many batches.
        size: Rows in each.
        room: How many batches a chunk of them has room for.
    """

    data: Batch
    count: int
    size: int
    room: int

    @property
    def filled(self) -> Batch:
        """The rows, filled up with zeros to as many as there is room for."""
        wanted = self.room * self.size

        def fill(a: Array) -> Array:
            if len(a) == wanted:
                return a
            out = np.zeros((wanted, *a.shape[1:]), a.dtype)
            out[: len(a)] = a
            return out

        return jax.tree.map(fill, self.data)


def _never() -> bool:
    return False


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
        waiting: Whether the source is making a batch now.
    """

    def __init__(
        self,
        source: Source,
        reader: Reader,
        where: str,
        steps: int | None,
        convert: Callable[[Batch], Batch],
    ) -> None:
        self.source, self.reader, self.where, self.steps = source, reader, where, steps
        self.short, self.waiting = False, False
        self.seen: int | None = None
        self._convert = convert
        self._ahead: list[Batch] = []
        self._open: Iterator[Any] | None = None
        self._passes = self._number = 0
        self._begun = False
        self._failed: Exception | None = None

    def then(self, convert: Callable[[Batch], Batch]) -> None:
        """Converts what has been converted once more."""
        before = self._convert
        self._convert = lambda batch: convert(before(batch))

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
                break
            self._ahead.append(batch)
            n += rows.count(batch)
            if time.perf_counter() - begin > SOON:
                break
        if not self._ahead:
            self._raise()
            self.refuse_nothing()
        kind = _kind(self._ahead[0])[1:]
        return self._converted([b for b in self._ahead if _kind(b)[1:] == kind], 0)

    def refuse_nothing(self) -> NoReturn:
        """Raises the error for a source that gives nothing."""
        once = "" if self.source.again else ", perhaps because it was read before"
        raise invalid(
            self.where,
            f"{self.source.kind} that gives nothing{once}",
            "at least one batch",
        )

    @property
    def size(self) -> int:
        """Rows in the first batch of the sample."""
        return rows.count(self._ahead[0])

    def more(self) -> bool:
        """Whether there is another batch; asked of what can be read once."""
        if self.source.again or self._ahead:
            return True
        batch = None if self._passes and self._open is None else self._next()
        self._ahead += [] if batch is None else [batch]
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

    def _next(self) -> Batch | None:
        """The next batch of the pass that is open; None at its end."""
        if self._open is None:
            self._open = iter(self.source.begin(self._passes))
            self._passes, self._number = self._passes + 1, 0
        self.waiting = True
        try:
            item = next(self._open, _END)
        except Exception as error:
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

    def _batches(self) -> Iterator[Batch]:
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

    def chunks(
        self,
        idle: Callable[[], bool] = _never,
        ended: Callable[[], bool] = _never,
        most: int = MOST,
    ) -> Iterator[Chunk]:
        """The batches of an epoch in chunks.

        Args:
            idle: Whether the program waits: then few batches are a chunk.
            ended: Whether no more are wanted.
            most: How many batches are a chunk at most.
        """
        self._begin()
        group: list[Batch] = []
        kind, room, first, since = None, 1, 0, time.perf_counter()
        for number, batch in enumerate(self._batches()):
            if ended():
                return
            now = time.perf_counter()
            here = _kind(batch)
            late = now - since > PATIENCE
            if group and (here != kind or len(group) >= room or (late and idle())):
                yield self._chunk(group, first, room)
                group, since = [], time.perf_counter()
            if not group:
                kind, first, room = here, number, self._room(batch, most)
            group.append(batch)
        if group and not ended():
            yield self._chunk(group, first, room)
        self._raise()  # after what came before it was used
        self._begun = False
        self.source.after()

    def _room(self, batch: Batch, most: int) -> int:
        """How many batches like this one are a chunk."""
        size = sum(a.nbytes for a in jax.tree.leaves(batch))
        return max(1, min(most, self.length or MOST, BYTES // max(size, 1)))

    def _chunk(self, group: list[Batch], first: int, room: int) -> Chunk:
        data = self._converted(group, first)
        return Chunk(data, len(group), rows.count(group[0]), room)

    def _converted(self, group: list[Batch], first: int) -> Batch:
        """The rows of some batches, checked and converted.

        Raises:
            ValueError, TypeError: What the model does not take, with the batch.
        """
        try:
            return self._convert(_joined(group))
        except (TypeError, ValueError) as error:
            for number, batch in enumerate(group):
                try:
                    self._convert(batch)
                except (TypeError, ValueError) as its:
                    raise self._placed(its, first + number) from None
            raise self._placed(error, first) from None


def _kind(batch: Batch) -> tuple[Any, ...]:
    """What batches of one chunk have in common: rows, then shapes and types."""
    leaves, nest = jax.tree.flatten(batch)
    return len(leaves[0]), nest, [(a.shape[1:], a.dtype) for a in leaves]


def _joined(group: list[Batch]) -> Batch:
    if len(group) == 1:
        return group[0]
    return jax.tree.map(lambda *a: np.concatenate(a), *group)


def tallied(
    task: Task, params: Tree, state: Tree, chunks: Iterator[Chunk]
) -> tuple[list[Array], Tree, int]:
    """The losses and metrics of chunks, the state after them, and their rows."""
    tally, seen = compiled("start", False)(task), 0
    for chunk in chunks:
        alone = chunk.count == 1
        tally, state = compiled("count_all", False)(
            task,
            params,
            state,
            tally,
            chunk.data if alone else chunk.filled,
            np.int32(chunk.count),
            size=chunk.size,
        )
        seen += chunk.count * chunk.size
    return compiled("results", False)(task, tally), state, seen
