"""Sources: where batches come from that are no arrays, one after another.

A source opens passes: iterators of what somebody gives (`items.py` reads it). It knows
how many batches a pass has, if anybody does, and whether there can be another pass.
"""

import dataclasses
import dis
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from onefit import config
from onefit.data.parallel import in_order, processes
from onefit.data.rows import is_stream
from onefit.data.table import Path, Rows, Table
from onefit.errors import mistyped
from onefit.types import Data

__all__ = ["Source", "source_of"]


def _nothing() -> None:
    """What most sources do before and after an epoch."""


INFINITE = -1
"""How data sets say that they have no end."""


@dataclasses.dataclass
class Source:
    """Where batches come from, one after another.

    Attributes:
        kind: What it is called, 'a generator'.
        begin: Opens a pass, given its number.
        length: How many batches a pass has; None where nobody knows.
        again: Whether there can be another pass.
        endless: Whether a pass is known to have no end.
        before, after: Called around each epoch.
        table: Its rows as arrays, where they stay the same and can be kept.
    """

    kind: str
    begin: Callable[[int], Iterator[Any]]
    length: int | None = None
    again: bool = True
    endless: bool = False
    before: Callable[[], object] = _nothing
    after: Callable[[], object] = _nothing
    table: Table | None = None


def source_of(
    value: Data, where: str, shuffle: bool = False, batch_size: int | None = None
) -> Source | None:
    """Where the batches of a generator, a loader or a data set come from.

    Args:
        value: What a method of a model was given as x.
        where: Its name.
        shuffle: Whether batches that are asked by number come in a random order.
        batch_size: Rows in a batch, where single rows are asked for.

    Returns:
        None for arrays, and whatever else is no stream.

    Raises:
        TypeError: What gives rows rather than batches.
    """
    if not is_stream(value):
        return None
    if hasattr(value, "as_numpy_iterator") and hasattr(value, "element_spec"):
        return _data_set(value)
    if hasattr(value, "column_names") and hasattr(value, "features"):
        return _columns(value, batch_size or 32, shuffle)
    if _is_rows_of_torch(value):
        raise mistyped(
            where,
            f"a torch data set (a {type(value).__name__}), which gives single rows",
            "batches",
            "write torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True)",
        )
    if hasattr(value, "__next__") and not hasattr(value, "on_epoch_end"):
        endless = _has_no_end(value)
        return Source(_name(value), lambda number: value, again=False, endless=endless)
    by_number = hasattr(value, "__getitem__") and hasattr(value, "__len__")
    if by_number and (hasattr(value, "on_epoch_end") or not hasattr(value, "__iter__")):
        return _by_number(value, where, shuffle)
    return Source(_name(value), lambda number: iter(value), _length(value))


def _name(value: Data) -> str:
    """What a value is called in a sentence.

    >>> _name(n for n in range(3)), _name(iter([]))
    ('a generator', 'a list_iterator')
    """
    name = type(value).__name__
    return f"an {name}" if name[0] in "AEIOUaeiou" else f"a {name}"


def _length(value: Data) -> int | None:
    try:
        return len(value)
    except TypeError:
        return None


def _has_no_end(value: Data) -> bool:
    """Whether an iterator is known to go on for ever.

    A generator whose code has no `return`, not even the one at its end, and no `raise`
    is one.

    >>> def forever():
    ...     while True:
    ...         yield 1
    >>> _has_no_end(forever()), _has_no_end(n for n in range(3))
    (True, False)
    """
    if isinstance(value, itertools.cycle | itertools.count):
        return True
    if not isinstance(value, types.GeneratorType):
        return False
    names = {step.opname for step in dis.get_instructions(value.gi_code)}
    ends = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS"}
    return "JUMP_BACKWARD" in names and names.isdisjoint(ends)


def _data_set(value: Data) -> Source:
    """A data set of onefit or of TensorFlow."""
    table = getattr(value, "table", lambda: None)()
    if table is not None and not (table.rows.fits and table.length):
        table = None
    length = int(value.cardinality())
    return Source(
        _name(value),
        lambda number: value.as_numpy_iterator(),
        None if length < 0 else length,
        endless=length == INFINITE,
        table=table,
    )


def _is_rows_of_torch(value: Data) -> bool:
    return any(
        cls.__module__.startswith("torch.utils.data") and cls.__name__ == "Dataset"
        for cls in type(value).__mro__
    )


def _columns(value: Data, size: int, shuffle: bool) -> Source:
    """A data set of Hugging Face: named columns, whose rows come one after another."""
    kind, form = _name(value), getattr(value, "format", None) or {}
    if not hasattr(value, "__len__"):  # it is read as it goes
        return Source(kind, lambda number: iter(value))
    if form.get("type") != "custom":  # no function makes other rows each time
        whole = (
            value.with_format("numpy") if hasattr(value, "with_format") else value
        )[:]
        rows = Rows({name: np.asarray(column) for name, column in whole.items()})
        order = _permutations(rows.count) if shuffle else None
        table = Table(rows, order, rows.count, size, shuffles=shuffle, draws=shuffle)
        return Source(
            kind, lambda number: table.elements((number,)), table.size, table=table
        )

    def begin(number: int) -> Iterator[Any]:
        for at in range(0, len(value), size):
            rows = value[at : at + size]
            yield {name: np.asarray(column) for name, column in rows.items()}

    return Source(kind, begin, -(-len(value) // size))


def _permutations(count: int) -> Callable[[Path], np.ndarray]:
    """A random order of so many rows for each pass."""
    seed = config.new_seed()
    return lambda path: config.generator(seed, *path).permutation(count)


def _by_number(value: Data, where: str, shuffle: bool) -> Source:
    """A PyDataset, or what else gives its batches by number."""
    count = value.num_batches if hasattr(value, "num_batches") else len(value)
    workers = int(getattr(value, "workers", 1) or 1)
    ahead = max(1, int(getattr(value, "max_queue_size", 10) or 10))
    apart = bool(getattr(value, "use_multiprocessing", False))
    seed = config.new_seed() if shuffle else 0

    def numbers(number: int) -> Iterator[int]:
        if count is None:
            return itertools.count()
        if not shuffle:
            return iter(range(count))
        return iter(config.generator(seed, number).permutation(count).tolist())

    def begin(number: int) -> Iterator[Any]:
        if apart:
            return processes(value, numbers(number), workers, ahead, where)
        return in_order(value.__getitem__, numbers(number), workers, ahead)

    return Source(
        _name(value),
        begin,
        count,
        endless=count is None,
        before=getattr(value, "on_epoch_begin", _nothing),
        after=getattr(value, "on_epoch_end", _nothing),
    )
