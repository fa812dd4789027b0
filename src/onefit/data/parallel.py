"""Work on elements in several threads or processes, the order kept."""

import collections
import concurrent.futures
import itertools
import multiprocessing
import pickle
from collections.abc import Iterable, Iterator
from typing import Any

from onefit.errors import mistyped
from onefit.types import Function

__all__ = ["in_order", "processes"]


def in_order(
    function: Function,
    elements: Iterable[Any],
    workers: int,
    ahead: int | None = None,
    pool: concurrent.futures.Executor | None = None,
) -> Iterator[Any]:
    """What a function gives for each element, made by several workers, in order.

    Args:
        function: Called with an element.
        elements: Taken one after another, in the caller's thread.
        workers: How many threads; 1 is the caller's own.
        ahead: How many elements are being made at most, twice the workers.
        pool: Who does the work, where it is not threads of its own.

    >>> list(in_order(lambda x: 2 * x, range(4), workers=2))
    [0, 2, 4, 6]
    """
    if workers <= 1 and pool is None:
        yield from map(function, elements)
        return
    own = pool or concurrent.futures.ThreadPoolExecutor(workers, "onefit-data")
    waiting: collections.deque[concurrent.futures.Future] = collections.deque()
    rest = iter(elements)
    try:
        for element in itertools.islice(rest, ahead or 2 * workers):
            waiting.append(own.submit(function, element))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(own.submit(function, e) for e in itertools.islice(rest, 1))
            yield made
    finally:
        for future in waiting:
            future.cancel()
        if pool is None:
            own.shutdown(wait=False)


def processes(
    dataset: Any, numbers: Iterable[int], workers: int, ahead: int, where: str
) -> Iterator[Any]:
    """The batches of these numbers, made by other processes, in order.

    Each process gets the data set as it is when the pass begins.

    Raises:
        TypeError: A data set that cannot be sent to another process.
    """
    try:
        sent = pickle.dumps(dataset)
    except Exception as error:
        raise mistyped(
            where,
            f"use_multiprocessing=True for a {type(dataset).__name__} that cannot be "
            f"sent to another process ({error})",
            "one that can be pickled",
            "write use_multiprocessing=False, which takes threads",
        ) from None
    context = multiprocessing.get_context("spawn")  # JAX has threads: no fork
    pool = concurrent.futures.ProcessPoolExecutor(
        max(1, workers), context, _receive, (sent,)
    )
    try:
        with pool:
            yield from in_order(_batch, numbers, workers, ahead, pool)
    except concurrent.futures.BrokenExecutor:
        raise mistyped(
            where,
            f"use_multiprocessing=True for a {type(dataset).__name__}, whose processes "
            "ended before they gave a batch",
            "a class and a script that another process can import",
            "write the class in a file of its own and call fit under "
            "`if __name__ == '__main__':`, or write use_multiprocessing=False",
        ) from None


_received: Any = None


def _receive(sent: bytes) -> None:
    """In another process: keeps the data set."""
    global _received  # noqa: PLW0603
    _received = pickle.loads(sent)


def _batch(number: int) -> Any:
    """In another process: a batch of it."""
    return _received[number]
