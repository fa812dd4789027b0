"""Passes over elements: iterators of iterators, for the methods of a Dataset."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from onefit.types import Generator, Tree

__all__ = ["bucketed", "chosen", "interleaved", "sampled", "shuffled", "windows"]

Elements = Iterator[Tree]


def shuffled(elements: Elements, buffer: int, rng: Generator) -> Elements:
    """Elements in a random order, drawn from a buffer of so many."""
    slots: list[Tree] = []
    for element in elements:
        if len(slots) < buffer:
            slots.append(element)
            continue
        pick = int(rng.integers(buffer))
        yield slots[pick]
        slots[pick] = element
    for pick in rng.permutation(len(slots)):
        yield slots[pick]


def chosen(several: Sequence[Elements], numbers: Iterator[int], stop: bool) -> Elements:
    """The next element of the iterator of each number; `stop` where one ends."""
    for number in numbers:
        try:
            yield next(several[number])
        except StopIteration:
            if stop:
                return


def sampled(
    several: Sequence[Elements], shares: np.ndarray, rng: Generator, stop: bool
) -> Elements:
    """The next element of an iterator drawn by shares; `stop` where one ends."""
    left = np.array(shares, float)
    while left.any():
        number = rng.choice(len(several), p=left / left.sum())
        try:
            yield next(several[number])
        except StopIteration:
            if stop:
                return
            left[number] = 0


def interleaved(inner: Iterator[Elements], width: int, block: int) -> Elements:
    """So many elements of each of `width` iterators, in turns; then of those after."""
    slots: list[Elements | None] = [next(inner, None) for _ in range(width)]
    while any(slot is not None for slot in slots):
        for i in range(width):
            slots[i] = slots[i] or next(inner, None)
            for _ in range(block):
                slot = slots[i]
                if slot is None:
                    break
                try:
                    yield next(slot)
                except StopIteration:
                    slots[i] = next(inner, None)
                    break


def bucketed(
    elements: Elements, bucket: Callable[[Tree], int], sizes: Sequence[int], rest: bool
) -> Iterator[tuple[int, list[Tree]]]:
    """Elements of one bucket together, as many as it takes; at the end the `rest`."""
    waiting: list[list[Tree]] = [[] for _ in sizes]
    for element in elements:
        number = bucket(element)
        waiting[number].append(element)
        if len(waiting[number]) == sizes[number]:
            yield number, waiting[number]
            waiting[number] = []
    if rest:
        yield from ((number, some) for number, some in enumerate(waiting) if some)


def windows(elements: Elements, reach: int, shift: int, whole: bool) -> Iterator[list]:
    """Neighbouring elements, `reach` of them, each begun `shift` further on."""
    held: list[Tree] = []
    while True:
        held += itertools.islice(elements, max(0, reach - len(held)))
        if not held or (whole and len(held) < reach):
            return
        yield held[:reach]
        beyond = shift - len(held)
        held = held[shift:]
        if beyond > 0 and sum(1 for _ in itertools.islice(elements, beyond)) < beyond:
            return
