"""Batching: what many clients ask at once is answered by one call."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from onefit.tables.records import Record
from onefit.web import Refused

__all__ = ["Batches"]

Said = list[dict[str, Any]]
"""The answer to each row, as JSON has it."""

Ask = tuple[Sequence[Record], "asyncio.Future[Said]"]


class Batches:
    """Gathers the rows that come while a call runs into the next call.

    Nobody waits for others to come: an idle service answers at once, and the busier it
    is, the more rows a call has. One call runs at a time, in a thread of its own.

    Args:
        answer: Rows to answers, one for each.
        most: Rows of a call; one request that has more is a call by itself.
        waiting: Rows that may wait.
        heard: Told how many rows each call had.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Record]], Said],
        most: int,
        waiting: int,
        heard: Callable[[int], None] = lambda rows: None,
    ) -> None:
        self.answer, self.most, self.limit, self.heard = answer, most, waiting, heard
        self.waiting, self.rows = deque[Ask](), 0
        self.pool = ThreadPoolExecutor(1, "onefit-answers")
        self.task: asyncio.Task[None] | None = None

    async def ask(self, rows: Sequence[Record]) -> Said:
        """The answers to these rows.

        Raises:
            Refused: Too many wait already (503).
        """
        if self.rows and self.rows + len(rows) > self.limit:
            raise Refused(
                503,
                f"the service: {self.rows:,} rows wait already. Come again later.",
                {"retry-after": "1"},
            )
        future: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        self.waiting.append((rows, future))
        self.rows += len(rows)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Answers until nobody waits."""
        while batch := self._next():
            rows = [row for asked, _ in batch for row in asked]
            self.heard(len(rows))
            try:
                said = await self._called(rows)
            except Exception as error:  # of the model, whatever it is: all are told
                if len(batch) == 1:
                    _tell(batch[0][1], error)
                    continue
                for asked, future in batch:  # one of them may be to blame
                    try:
                        _tell(future, await self._called(asked))
                    except Exception as own:
                        _tell(future, own)
                continue
            begin = 0
            for asked, future in batch:
                _tell(future, said[begin : begin + len(asked)])
                begin += len(asked)

    async def _called(self, rows: Sequence[Record]) -> Said:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, self.answer, rows)

    def _next(self) -> list[Ask]:
        """The requests of the next call; those that were given up are left out."""
        batch, count = list[Ask](), 0
        while self.waiting:
            rows, future = self.waiting[0]
            if batch and count + len(rows) > self.most:
                break
            self.waiting.popleft()
            self.rows -= len(rows)
            if not future.done():
                batch.append((rows, future))
                count += len(rows)
        return batch

    async def close(self) -> None:
        """Answers who waits, and ends."""
        if self.task is not None:
            await self.task
        self.pool.shutdown()


def _tell(future: "asyncio.Future[Said]", said: Said | Exception) -> None:
    if future.done():  # who asked has gone
        return
    if isinstance(said, Exception):
        future.set_exception(said)
    else:
        future.set_result(said)
