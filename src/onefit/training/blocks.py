"""Blocks: the feed of a table on disk, whose rows are taken from blocks.

It gives the same chunks as the feed of a source, so that a fit, an evaluation and a
prediction are those of streams. Which rows come in an epoch depends on the fit's seed
and the epoch's number alone: a fit that was killed goes on with the rows it would have
had.
"""

from collections.abc import Callable, Iterator

import numpy as np

from onefit.data.batch import Batch
from onefit.data.blocks import Table, arranged
from onefit.data.items import Reader
from onefit.data.source import Source
from onefit.training.feeding import BYTES, MOST, SAMPLE, Chunk, Convert, Feed, never

__all__ = ["BlockFeed"]


class BlockFeed(Feed):
    """The batches of a table on disk.

    Args:
        table: The rows.
        reader: Knows the model's inputs and outputs.
        where: What the table is called in errors.
        steps: Batches in an epoch; None for all rows.
        convert: Checks and converts the rows of some batches.
        batch_size: Rows in a batch.
        shuffle: Whether rows come in another order in each epoch.
    """

    def __init__(
        self,
        table: Table,
        reader: Reader,
        where: str,
        steps: int | None,
        convert: Convert,
        batch_size: int,
        shuffle: bool,
    ) -> None:
        self.table, self.shuffle = table, shuffle
        self.size = min(batch_size, table.rows)
        self.blocks = table.plan(self.size)
        source = Source("a table", lambda number: iter(table), self._batches_of_pass)
        super().__init__(source, reader, where, steps, convert)
        self.size = min(batch_size, table.rows)
        self._epoch, self._seed = 0, 0

    @property
    def _batches_of_pass(self) -> int:
        return -(-self.table.rows // self.size)

    def sample(self) -> Batch:
        """The first rows, as they lie."""
        some = self.table.read(0, min(SAMPLE, self.table.rows))
        return self._convert(self.reader.batch(some), self.size)

    def go_to(self, epoch: int, seed: int) -> None:
        """Which epoch comes, of a fit with which seed."""
        self._epoch, self._seed = epoch, seed

    def chunks(
        self,
        idle: Callable[[], bool] = never,
        ended: Callable[[], bool] = never,
        most: int = MOST,
    ) -> Iterator[Chunk]:
        """The batches of an epoch in chunks; the last one may have fewer rows."""
        del idle  # blocks are read by a thread, and nothing is gained by small chunks
        each = self._batches_of_pass
        wanted = each if self.steps is None else self.steps
        number, first = divmod(self._epoch * wanted, each)
        capacity = self._capacity_of(most, wanted)
        self.seen = 0
        while self.seen < wanted:
            for chunk in self._pass(number, first, wanted - self.seen, capacity):
                if ended():
                    return
                yield chunk
                self.seen += chunk.batches
            number, first = number + 1, 0
        self._epoch += 1

    def _capacity_of(self, most: int, wanted: int) -> int:
        """Batches in a chunk: some megabytes, and little of the memory to be used."""
        row = self.table.size / self.table.rows
        room = min(4 * BYTES, self.table.memory // 16)
        return max(1, min(most, wanted, int(room // (row * self.size))))

    def _pass(
        self, number: int, first: int, wanted: int, capacity: int
    ) -> Iterator[Chunk]:
        """So many batches of a pass, from one of them on.

        Rows that fill no batch at the end of a block are the first of the next one.
        """
        size = self.size
        seed = self._seed if self.shuffle else None
        left = wanted * size
        rest: dict[str, np.ndarray] = {}
        for arrays, order in self.blocks.rows(seed, number, first * size):
            at = 0
            while at < len(order) and left:
                held = len(next(iter(rest.values()))) if rest else 0
                rows = order[at : at + min(capacity * size, left) - held]
                at += len(rows)
                some = {name: array[rows] for name, array in arrays.items()}
                if held:
                    some = {n: np.concatenate([rest[n], a]) for n, a in some.items()}
                count = held + len(rows)
                whole = count // size * size
                rest = {n: a[whole:] for n, a in some.items()} if whole < count else {}
                if whole:
                    left -= whole
                    taken = {n: a[:whole] for n, a in some.items()}
                    yield self._chunk_of(taken, whole // size, size, capacity)
        if rest and left:
            rows = len(next(iter(rest.values())))
            yield self._chunk_of(rest, 1, rows, 1)

    def _chunk_of(
        self, arrays: dict[str, np.ndarray], batches: int, size: int, capacity: int
    ) -> Chunk:
        try:
            data = self._convert(self.reader.batch(arranged(arrays)), size)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{self.where}, rows of a table > {error}") from None
        return Chunk(data, batches, size, capacity)
