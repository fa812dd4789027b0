"""Work on elements in several threads or processes, the order kept."""

import collections
import concurrent.futures
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from onefit.types import Function

__all__ = ["in_order"]


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
