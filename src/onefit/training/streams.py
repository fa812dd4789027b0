"""Streams as x: what a fit, an evaluation or a prediction gets its batches from."""

import copy
import dataclasses
import itertools
import warnings
from collections.abc import Callable
from typing import TypeAlias

import jax
import numpy as np

from onefit.data.batch import Batch
from onefit.data.blocks import Table
from onefit.data.items import Reader, single_row
from onefit.data.source import Source, source_of
from onefit.errors import OnefitWarning, invalid, mistyped
from onefit.networks.network import Network
from onefit.training.blocks import BlockFeed
from onefit.training.compiled import Compiled
from onefit.training.feeding import Convert, Feed
from onefit.training.job import Given, needs_targets
from onefit.training.options import FitOptions
from onefit.types import Data, Tree

__all__ = ["given", "held", "opened", "predicted"]


Read: TypeAlias = Callable[[Network, Data, Data, Data, str], Batch]
"""Reads rows for a method of a model: (model, x, y, sample_weight, method)."""


def given(model: Compiled, x: Data, y: Data, options: FitOptions, read: Read) -> Given:
    """The batches to train on.

    Raises:
        ValueError, TypeError: What cannot be meant, before anything is compiled.
    """
    _alone("fit", y=y, sample_weight=options.sample_weight)
    if isinstance(x, Table):
        x.refuse_missing("fit")
        return _of_table(
            model,
            x,
            "x",
            options.steps_per_epoch,
            "fit",
            read,
            options.rows_in_a_batch,
            bool(options.shuffle),
        )
    source = _source(x, "x", bool(options.shuffle), options.batch_size)
    steps = options.steps_per_epoch
    found = _given(model, source, "x", steps, "steps_per_epoch", "fit", read)
    asked = options.batch_size
    if asked is not None and asked != found.size:
        warnings.warn(
            f"fit: batch_size={asked} changes nothing, since {source.kind} gives "
            f"batches of its own, here of {found.size} rows.",
            OnefitWarning,
            stacklevel=4,
        )
    return found._replace(run=getattr(x, "next_pass", int)())


def split(x: Data, options: FitOptions) -> tuple[Data, FitOptions]:
    """The rows of a table to train on, and those to validate on in the options.

    Raises:
        ValueError: A stream of batches, of which nobody knows the last ones.
    """
    if not isinstance(x, Table):
        raise invalid(
            "validation_split",
            f"{options.validation_split} of a stream",
            "rows that are all there",
            "write validation_data=..., such as data.take(n), and fit data.skip(n)",
        )
    train, last = x.split(options.validation_split)
    data = last if options.validation_data is None else options.validation_data
    change = {"validation_split": 0.0, "validation_data": data}
    return train, dataclasses.replace(options, **change)


def held(
    model: Compiled, data: Data, steps: int | None, read: Read, size: int = 32
) -> Given:
    """The batches to validate on; an iterator's are kept, for the next epochs.

    Args:
        model, data, steps, read: As for `given`.
        size: Rows in a batch, where the data say nothing of it.
    """
    where = "validation_data"
    if isinstance(data, Table):
        data.refuse_missing(where)
        return _of_table(model, data, where, steps, "fit", read, size)
    source = _source(data, where, False, None)
    kept = None
    if not source.again:
        if source.endless and steps is None:
            raise _endless(where, source, "validation_steps")
        # Copied, since who makes a batch may use its arrays again for the next one.
        kept = [copy.deepcopy(b) for b in itertools.islice(source.begin(0), steps)]
        if steps is not None and 0 < len(kept) < steps:
            warnings.warn(
                f"validation_data: {source.kind} ended after {len(kept)} of the "
                f"{steps} batches that validation_steps asks for; each epoch is "
                "validated on these.",
                OnefitWarning,
                stacklevel=6,
            )
        source = Source(source.kind, lambda number: iter(kept), len(kept))
        steps = None
    found = _given(model, source, where, steps, "validation_steps", "fit", read)
    found = _rows_of(found, steps)
    if found.feed is None or kept is None:
        return found
    chunks = [chunk.data for chunk in found.feed.chunks()]
    if not _alike(chunks):
        return found
    whole = jax.tree.map(lambda *a: np.concatenate(a), *chunks)
    return found._replace(batch=whole, feed=None)


def opened(
    model: Compiled,
    x: Data,
    steps: int | None,
    beside: dict[str, Data],
    read: Read,
    size: int | None = None,
) -> Given:
    """The batches to evaluate; `size` rows in each, where x says nothing of it."""
    _alone("evaluate", **beside)
    if isinstance(x, Table):
        return _of_table(model, x, "x", steps, "evaluate", read, size or 32)
    source = _source(x, "x", False, None)
    return _rows_of(_given(model, source, "x", steps, "steps", "evaluate", read), steps)


def predicted(
    model: Network,
    x: Data,
    steps: int | None,
    read: Callable[[Network, Data], Tree],
    size: int | None = None,
) -> Feed:
    """The batches to predict; `size` rows in each, where x says nothing of it."""

    def convert(raw: Batch, size: int) -> Batch:
        return Batch(read(model, _arranged(model, raw.x)), None)

    if isinstance(x, Table):
        reader = Reader("a table", model, "left")
        return BlockFeed(x, reader, "x", steps, convert, size or 32, False)
    source = _source(x, "x", False, None)
    if source.endless and steps is None:
        raise _endless("x", source, "steps")
    reader = Reader(source.kind, model, "left")
    return Feed(source, reader, "x", steps, convert)


def _of_table(
    model: Compiled,
    table: Table,
    where: str,
    steps: int | None,
    method: str,
    read: Read,
    size: int,
    shuffle: bool = False,
) -> Given:
    """The rows of a table on disk: in memory where they fit, else block by block."""
    reader, convert = _reading(model, "a table", method, read)
    if table.fits:
        rows = table.read(0, table.rows)
        return Given(_told(where, convert, reader.batch(rows), size), size)
    feed = BlockFeed(table, reader, where, steps, convert, size, shuffle)
    if shuffle:
        table.warn_if_sorted(feed.blocks.count)
    return Given(_told(where, feed.sample), feed.size, True, feed)


def _reading(
    model: Compiled, kind: str, method: str, read: Read
) -> tuple[Reader, Convert]:
    """What reads the batches of a source of this kind, and what makes rows of them."""

    def convert(raw: Batch, size: int) -> Batch:
        return read(model, _arranged(model, raw.x), raw.y, raw.w, method)

    targets = "needed" if needs_targets(model) else "taken"
    return Reader(kind, model, targets), convert


def _told(where: str, function: Callable[..., Batch], *args: object) -> Batch:
    """What a function gives; its errors say where."""
    try:
        return function(*args)
    except (TypeError, ValueError) as error:
        raise _named(where, error) from None


def _source(x: Data, where: str, shuffle: bool, batch_size: int | None) -> Source:
    source = source_of(x, where, shuffle, batch_size)
    if source is None:
        raise mistyped(where, f"a {type(x).__name__}", "arrays, or batches of them")
    return source


def _alone(method: str, **others: Data) -> None:
    """Refuses y and weights beside a stream, which brings its own."""
    for name, value in others.items():
        if value is not None:
            raise invalid(
                method,
                f"{name} beside a stream of batches",
                "a stream that gives them too",
                "let it give (x, y), or (x, y, sample_weight)",
            )


def _given(
    model: Compiled,
    source: Source,
    where: str,
    steps: int | None,
    argument: str,
    method: str,
    read: Read,
) -> Given:
    """The rows of a source where they stay the same, or else its feed."""
    reader, convert = _reading(model, source.kind, method, read)
    if source.endless and steps is None:
        raise _endless(where, source, argument)
    table = source.table
    if table is not None and table.batch is None:
        raise _named(where, single_row(source.kind))
    if table is not None and (steps is None or table.endless or table.even):
        size = table.batch or 1
        batch = _told(where, convert, reader.batch(table.rows.arrays), size)
        return Given(batch, size, True, None, table)
    feed = Feed(source, reader, where, steps, convert)
    batch = feed.sample()
    return Given(batch, feed.size, True, feed)


def _named(where: str, error: Exception) -> Exception:
    kind = TypeError if isinstance(error, TypeError) else ValueError
    text = str(error)
    return kind(f"{where}: {text}" if text.startswith("received") else text)


def _endless(where: str, source: Source, argument: str) -> ValueError:
    return invalid(
        where,
        f"{source.kind} without an end",
        f"how many batches to take of it, {argument}",
        f"write {argument}=100",
    )


def _arranged(model: Network, x: Tree) -> Data:
    """The arrays of the inputs as the model's user arranges them."""
    return x if model.input_nest is None else model.input_nest.arrange(x)


def _alike(chunks: list[Batch]) -> bool:
    """Whether the rows of all of these are of one shape and type."""

    def kind(chunk: Batch) -> object:
        leaves, nest = jax.tree.flatten(chunk)
        return nest, [(a.shape[1:], a.dtype) for a in leaves]

    return all(kind(chunk) == kind(chunks[0]) for chunk in chunks)


def _rows_of(found: Given, steps: int | None) -> Given:
    """A table's rows in the order in which its batches have them."""
    table = found.table
    if table is None:
        return found
    wanted = table.used
    if steps is not None:
        wanted = steps * found.size
        wanted = wanted if table.endless else min(wanted, table.used)
    batch = found.batch
    if table.order is not None or wanted > table.length:
        line = np.empty((1, wanted), np.int64)
        table.orders(0, 0, line)
        batch = jax.tree.map(lambda a: a[line[0]], batch)
    batch = jax.tree.map(lambda a: a[:wanted], batch)
    return found._replace(batch=batch, table=None)
