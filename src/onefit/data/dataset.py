"""Dataset: elements one after another, with tf.data's words."""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import jax
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.data import passes
from onefit.data.elements import (
    Spec,
    as_element,
    called,
    join,
    padded,
    same_rows,
    spec_of,
    stack,
)
from onefit.data.parallel import in_order
from onefit.data.signatures import as_signed, dtype_of, signature_of
from onefit.data.table import Path, Rows, Table
from onefit.data.traced import Traced, traced
from onefit.errors import invalid, is_whole, mistyped
from onefit.types import Data, Function, Tree

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

AUTOTUNE = -1
"""As `num_parallel_calls` or `buffer_size`: onefit chooses."""

INFINITE_CARDINALITY = -1
"""The `cardinality()` of a data set without an end."""

UNKNOWN_CARDINALITY = -2
"""The `cardinality()` of a data set whose elements nobody has counted."""

Make = Callable[[Path], Iterator[Tree]]


class Dataset:
    """Elements one after another, made when they are asked for, as in tf.data.

    An element is an array, or a tuple or dict of arrays. Each method gives a new
    Dataset and leaves this one as it is. `fit`, `evaluate` and `predict` take a Dataset
    of batches: (x, y), (x, y, weight), x alone, or a dict.

    Rows that stay the same from epoch to epoch (`from_tensor_slices` with any of
    `shuffle`, `batch`, `take`, `skip`, `repeat`, `cache`, `prefetch`, and `map` of a
    function that jax can trace and that draws nothing) become arrays, and `fit` is then
    one program, as for arrays.

    Differs from tf.data: elements are numpy arrays; texts are str, not bytes; a
    function given to `map` sees arrays of jax, or of numpy where jax cannot trace it.

    Example:
        >>> data = Dataset.from_tensor_slices(([[1.0], [2.0], [3.0]], [0, 1, 0]))
        >>> for x, y in data.map(lambda x, y: (x / 2, y)).batch(2):
        ...     print(x.tolist(), y.tolist())
        [[0.5], [1.0]] [0, 1]
        [[1.5]] [0]

    Source: tensorflow.org, "tf.data: Build TensorFlow input pipelines".
    """

    def __init__(
        self,
        make: Make,
        length: int = UNKNOWN_CARDINALITY,
        spec: Callable[[], Tree] | None = None,
        table: Callable[[], Table | None] | None = None,
        rows: bool = False,
    ) -> None:
        """A Dataset of what `make` gives for a pass; users call `from_...` instead."""
        self._make, self._length, self._spec = make, length, spec
        self._find_table, self._found, self._rows = table, False, rows
        self._table: Table | None = None
        self._passes: Iterator[int] = itertools.count()
        self._costly = False
        self.class_names: list[str] = []
        self.file_paths: list[str] = []

    # Where elements come from --------------------------------------------------------

    @classmethod
    def from_tensor_slices(cls, tensors: Data, name: str | None = None) -> Self:
        """An element for each row of an array, or of the arrays of a tuple or dict.

        Example:
            >>> list(Dataset.from_tensor_slices({"a": [1, 2]}))
            [{'a': np.int32(1)}, {'a': np.int32(2)}]
        """
        arrays = as_element(tensors)
        count = same_rows(arrays, "from_tensor_slices")
        return cls._of_table(Table(Rows(arrays), None, count))

    @classmethod
    def from_tensors(cls, tensors: Data, name: str | None = None) -> Self:
        """A single element."""
        element = as_element(tensors)
        one = jax.tree.map(lambda a: np.asarray(a)[None], element)
        return cls._of_table(Table(Rows(one), None, 1))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Self:
        """What a generator function yields; it is called anew for each pass.

        Args:
            generator: A function without arguments, or with `args`, that gives an
                iterator.
            output_types, output_shapes: Types and shapes, in the nest of an element.
            output_signature: The same in one: a nest of what has `shape` and `dtype`.
            args: What the function is called with.

        Raises:
            TypeError: A generator instead of its function.
        """
        if not callable(generator):
            raise mistyped(
                "from_generator",
                f"a {type(generator).__name__}",
                "a function that gives an iterator, called once for each pass",
                "write from_generator(f) where f is the generator function, or "
                "from_generator(lambda: iter(thing))",
            )
        signature = signature_of(output_types, output_shapes, output_signature)

        def make(path: Path) -> Iterator[Tree]:
            for value in generator(*(args or ())):
                # Copied, since a generator may use its arrays again.
                yield jax.tree.map(np.copy, as_signed(value, signature))

        spec = None if signature is None else lambda: signature
        return cls(make, UNKNOWN_CARDINALITY, spec)

    @classmethod
    def range(
        cls, *args: int, output_type: DTypeLike = np.int64, **kwargs: Any
    ) -> Self:
        """Whole numbers, as Python's `range` counts them."""
        numbers = np.arange(*map(int, args), dtype=dtype_of(output_type))
        return cls._of_table(Table(Rows(numbers), None, len(numbers)))

    @classmethod
    def random(
        cls,
        seed: int | None = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """Whole numbers from 0 to 2³² - 1 at random, without an end."""
        own = config.new_seed() if seed is None else seed

        def make(path: Path) -> Iterator[Tree]:
            rng = config.generator(own, *(path if rerandomize_each_iteration else ()))
            while True:
                yield rng.integers(1 << 32, dtype=np.int64)

        return cls(make, INFINITE_CARDINALITY)

    @classmethod
    def list_files(
        cls,
        file_pattern: str | Sequence[str],
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Self:
        """The paths of the files that match a pattern, or several, as texts.

        Raises:
            ValueError: No file matches.
        """
        import glob

        several = isinstance(file_pattern, list | tuple)
        patterns = list(file_pattern) if several else [file_pattern]
        files = sorted({f for p in patterns for f in glob.glob(str(p))})
        if not files:
            raise invalid(
                "list_files", f"{file_pattern!r}", "a pattern of files that are there"
            )
        data = cls.from_tensor_slices(files)
        return data if shuffle is False else data.shuffle(len(files), seed)

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None, name: str | None = None) -> Self:
        """Elements of several data sets side by side; as long as the shortest.

        Example:
            >>> a, b = Dataset.range(3), Dataset.range(5, 8)
            >>> list(Dataset.zip(a, b))[2]
            (np.int64(2), np.int64(7))
        """
        nest = args if len(args) > 1 else (args[0] if args else datasets)
        parts, arranged = jax.tree.flatten(
            nest, is_leaf=lambda v: isinstance(v, Dataset)
        )

        def make(path: Path) -> Iterator[Tree]:
            for elements in zip(*(part.elements(path) for part in parts), strict=False):
                yield arranged.unflatten(elements)

        def table() -> Table | None:
            found = [part.table() for part in parts]
            plain = [
                t
                for t in found
                if t and t.order is None and t.batch is None and not t.endless
            ]
            if len(plain) < len(parts) or not all(t.rows.fits for t in plain):
                return None
            least = min(t.length for t in plain)
            arrays = [jax.tree.map(lambda a: a[:least], t.rows.arrays) for t in plain]
            return Table(Rows(arranged.unflatten(arrays)), None, least)

        lengths = [part._length for part in parts]
        finite = [n for n in lengths if n != INFINITE_CARDINALITY]
        length = min(finite, default=INFINITE_CARDINALITY)
        return cls(
            make,
            length,
            lambda: arranged.unflatten([part.element_spec for part in parts]),
            table,
            all(part._rows for part in parts),
        )

    @classmethod
    def choose_from_datasets(
        cls,
        datasets: Sequence["Dataset"],
        choice_dataset: "Dataset",
        stop_on_empty_dataset: bool = True,
    ) -> Self:
        """Elements of several data sets, by the numbers that a further one gives."""

        def make(path: Path) -> Iterator[Tree]:
            numbers = map(int, choice_dataset.elements(path))
            several = [data.elements(path) for data in datasets]
            return passes.chosen(several, numbers, stop_on_empty_dataset)

        return cls(make, rows=datasets[0]._rows)

    @classmethod
    def sample_from_datasets(
        cls,
        datasets: Sequence["Dataset"],
        weights: Sequence[float] | None = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Self:
        """Elements of several data sets, drawn at random by weights (equal ones).

        Args:
            datasets: The data sets.
            weights: How often each is drawn; they are made to add up to 1.
            seed: Of the drawing.
            stop_on_empty_dataset: Whether the end of one is the end.
            rerandomize_each_iteration: Whether each pass draws anew; so it is unless
                this is False.
        """
        own = config.new_seed() if seed is None else seed
        shares = np.ones(len(datasets)) if weights is None else np.array(weights, float)

        def make(path: Path) -> Iterator[Tree]:
            anew = rerandomize_each_iteration is not False
            rng = config.generator(own, *(path if anew else ()))
            several = [data.elements(path) for data in datasets]
            return passes.sampled(several, shares, rng, stop_on_empty_dataset)

        return cls(make, rows=datasets[0]._rows)

    @classmethod
    def _of_table(cls, table: Table) -> Self:
        length = INFINITE_CARDINALITY if table.endless else table.size
        return cls(table.elements, length, None, lambda: table, table.batch is not None)

    # Order and number ----------------------------------------------------------------

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Self:
        """The elements in a random order, drawn from a buffer of so many.

        A buffer as large as the data set gives every order alike; a smaller one only
        mixes neighbours.

        Args:
            buffer_size: How many elements there are to draw from.
            seed: Of the drawing; None takes the next of `set_random_seed`'s stream.
            reshuffle_each_iteration: Whether each pass has an order of its own.
        """
        buffer = self._count("shuffle", "buffer_size", buffer_size)
        named, anew = seed is not None, reshuffle_each_iteration is not False
        own = config.new_seed() if seed is None else int(seed)

        def make(path: Path) -> Iterator[Tree]:
            rng = config.generator(own, *(path if anew else ()))
            return passes.shuffled(self.elements(path), buffer, rng)

        return self._then(
            make, self._length, lambda t: t.shuffle(buffer, own, named, anew)
        )

    def take(self, count: int, name: str | None = None) -> Self:
        """The first elements, at most so many; all for -1."""
        count = self._count("take", "count", count, -1)
        if count == -1:
            return self

        def make(path: Path) -> Iterator[Tree]:
            return itertools.islice(self.elements(path), count)

        known = self._length != UNKNOWN_CARDINALITY
        endless = self._length == INFINITE_CARDINALITY
        length = (
            count if endless else min(count, self._length) if known else self._length
        )
        return self._then(make, length, lambda t: t.cut(slice(None, count)))

    def skip(self, count: int, name: str | None = None) -> Self:
        """All but the first elements; none for -1."""
        count = self._count("skip", "count", count, -1)

        def make(path: Path) -> Iterator[Tree]:
            if count == -1:
                return iter(())
            return itertools.islice(self.elements(path), count, None)

        length = self._length
        if length >= 0:
            length = max(0, length - count) if count >= 0 else 0
        return self._then(
            make, length, lambda t: t.cut(slice(count if count >= 0 else t.size, None))
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Self:
        """Every `num_shards`-th element, from the one with this number on."""
        if not 0 <= index < num_shards:
            raise invalid("shard", f"index={index}", f"0 to {num_shards - 1}")

        def make(path: Path) -> Iterator[Tree]:
            return itertools.islice(self.elements(path), index, None, num_shards)

        length = self._length
        if length >= 0:
            length = len(range(index, length, num_shards))
        return self._then(make, length, lambda t: t.cut(slice(index, None, num_shards)))

    def repeat(self, count: int | None = None, name: str | None = None) -> Self:
        """The elements so many times over; without an end for None or -1."""
        if count is not None:
            count = self._count("repeat", "count", count, -1)
        count = None if count == -1 else count

        def make(path: Path) -> Iterator[Tree]:
            for number in itertools.count() if count is None else range(count):
                some = False
                for element in self.elements((*path, number)):
                    some = True
                    yield element
                if not some:
                    return

        length = self._length
        if count is None:
            length = INFINITE_CARDINALITY
        elif length >= 0:
            length *= count
        return self._then(make, length, lambda t: t.repeat(count))

    def concatenate(self, dataset: "Dataset", name: str | None = None) -> Self:
        """These elements, then those of another data set."""

        def make(path: Path) -> Iterator[Tree]:
            yield from self.elements(path)
            yield from dataset.elements(path)

        def table() -> Table | None:
            one, two = self.table(), dataset.table()
            if one is None or two is None or one.batch or two.batch or one.endless:
                return None
            return one.followed_by(two)

        both = (self._length, dataset._length)
        length = sum(both)
        for special in (UNKNOWN_CARDINALITY, INFINITE_CARDINALITY):
            length = special if special in both else length
        return type(self)(make, length, self._spec, table, self._rows)

    # Elements ------------------------------------------------------------------------

    def map(
        self,
        map_func: Function,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Self:
        """What a function gives for each element; the parts of a tuple are its
        arguments.

        A function that jax can trace and that draws nothing runs over many rows at
        once, in one program. Another one runs in Python, once for each element of each
        pass.

        Args:
            map_func: The function.
            num_parallel_calls: How many threads call a function that runs in Python;
                `AUTOTUNE` and None are one.
            deterministic, synchronous, use_unbounded_threadpool: Accepted for
                TensorFlow's scripts; the order is always kept.
        """
        threads = max(1, int(num_parallel_calls or 1))
        known: list[Traced | None] = []

        def trace() -> Traced | None:
            if not known:
                first = next(self.elements((0,)), None)
                known.append(None if first is None else traced(map_func, first))
            return known[0]

        def one(element: Tree) -> Tree:
            return as_element(called(map_func, element))

        def make(path: Path) -> Iterator[Tree]:
            elements = self.elements(path)
            program = trace() if self._rows else None
            if program is None:
                return in_order(one, elements, threads)
            return map(program.single, elements)

        def table() -> Table | None:
            found = self.table()
            if found is None or found.batch is not None:
                return None
            program = trace()
            return None if program is None else found.map(program)

        return type(self)(make, self._length, None, table, self._rows)._like(self)

    def filter(self, predicate: Function, name: str | None = None) -> Self:
        """The elements for which a function says yes."""

        def make(path: Path) -> Iterator[Tree]:
            for element in self.elements(path):
                if bool(np.all(called(predicate, element))):
                    yield element

        def table() -> Table | None:
            found = self.table()
            if found is None or found.batch is not None or not found.length:
                return None
            program = traced(predicate, next(found.elements((0,))))
            return None if program is None else found.filter(program)

        endless = self._length == INFINITE_CARDINALITY
        length = INFINITE_CARDINALITY if endless else UNKNOWN_CARDINALITY
        return type(self)(make, length, self._spec, table, self._rows)._like(self)

    def enumerate(self, start: int = 0, name: str | None = None) -> Self:
        """(number, element), counted from `start`."""

        def make(path: Path) -> Iterator[Tree]:
            numbers = map(np.int64, itertools.count(start))
            return zip(numbers, self.elements(path), strict=False)

        def table() -> Table | None:
            found = self.table()
            if found is None or found.order is not None or found.batch is not None:
                return None
            if found.endless or not found.rows.fits:
                return None
            numbers = np.arange(start, start + found.length)
            arrays = (numbers, found.rows.arrays)
            return Table(Rows(arrays), None, found.length)

        spec = lambda: (Spec((), np.dtype("int64")), self.element_spec)  # noqa: E731
        return type(self)(make, self._length, spec, table)._like(self)

    def flat_map(self, map_func: Function, name: str | None = None) -> Self:
        """The elements of the data sets that a function gives, one after another."""

        def make(path: Path) -> Iterator[Tree]:
            for number, element in enumerate(self.elements(path)):
                yield from _inner(map_func, element, "flat_map").elements(
                    (*path, number)
                )

        return type(self)(make)._like(self)

    def interleave(
        self,
        map_func: Function,
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """The elements of several of the data sets that a function gives, in turns.

        Args:
            map_func: Gives a data set for an element.
            cycle_length: How many of them take turns; as many as there are calls, or
                the processor's cores.
            block_length: How many elements each gives in its turn, 1.
            num_parallel_calls, deterministic: Accepted for TensorFlow's scripts;
                the order is always kept.
        """
        calls = num_parallel_calls or 0
        width = cycle_length if cycle_length and cycle_length > 0 else 0
        width = width or (calls if calls > 0 else os.cpu_count() or 1)
        block = block_length or 1

        def make(path: Path) -> Iterator[Tree]:
            inner = (
                _inner(map_func, element, "interleave").elements((*path, number))
                for number, element in enumerate(self.elements(path))
            )
            return passes.interleaved(inner, width, block)

        return type(self)(make)._like(self)

    def scan(
        self, initial_state: Tree, scan_func: Function, name: str | None = None
    ) -> Self:
        """What a function of (state, element) gives: (state, element) again."""

        def make(path: Path) -> Iterator[Tree]:
            state = initial_state
            for element in self.elements(path):
                state, made = scan_func(state, element)
                yield as_element(made)

        return type(self)(make, self._length)._like(self)

    def take_while(self, predicate: Function, name: str | None = None) -> Self:
        """The elements before the first for which a function says no."""

        def make(path: Path) -> Iterator[Tree]:
            for element in self.elements(path):
                if not bool(np.all(called(predicate, element))):
                    return
                yield element

        return type(self)(
            make, UNKNOWN_CARDINALITY, self._spec, None, self._rows
        )._like(self)

    def unique(self, name: str | None = None) -> Self:
        """Each element once, where it comes first."""

        def make(path: Path) -> Iterator[Tree]:
            seen = set()
            for element in self.elements(path):
                key = np.asarray(element).tobytes()
                if key not in seen:
                    seen.add(key)
                    yield element

        return type(self)(make, UNKNOWN_CARDINALITY, self._spec)._like(self)

    def apply(self, transformation_func: Function) -> Any:
        """What a function of this data set gives."""
        return transformation_func(self)

    def reduce(
        self, initial_state: Tree, reduce_func: Function, name: str | None = None
    ) -> Tree:
        """All elements put together: state = f(state, element), from the first on.

        Example:
            >>> int(Dataset.range(4).reduce(0, lambda total, x: total + x))
            6
        """
        state = initial_state
        for element in self:
            state = reduce_func(state, element)
        return as_element(state)

    # Batches -------------------------------------------------------------------------

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Self:
        """So many elements as one; the last batch may be smaller.

        Args:
            batch_size: How many.
            drop_remainder: Whether to leave out a smaller last batch.
            num_parallel_calls, deterministic: Accepted for TensorFlow's scripts.
        """
        size = self._count("batch", "batch_size", batch_size)

        def make(path: Path) -> Iterator[Tree]:
            elements = self.elements(path)
            while some := list(itertools.islice(elements, size)):
                if len(some) == size or not drop_remainder:
                    yield stack(some)

        return self._batched(
            make, size, drop_remainder, lambda t: t.batched(size, bool(drop_remainder))
        )

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Self:
        """So many elements of different lengths as one, filled up at their ends.

        Args:
            batch_size: How many.
            padded_shapes: The sizes of an element's axes; None where the longest of the
                batch decides, which is so for all unless this is given.
            padding_values: What to fill up with: 0, or an empty text.
            drop_remainder: Whether to leave out a smaller last batch.

        Example:
            >>> rows = Dataset.range(1, 3).map(lambda n: np.arange(int(n)))
            >>> list(rows.padded_batch(2))
            [array([[0, 0],
                   [0, 1]])]
        """
        size = self._count("padded_batch", "batch_size", batch_size)

        def make(path: Path) -> Iterator[Tree]:
            elements = self.elements(path)
            while some := list(itertools.islice(elements, size)):
                if len(some) == size or not drop_remainder:
                    yield padded(some, padded_shapes, padding_values)

        return self._batched(make, size, drop_remainder, None)

    def bucket_by_sequence_length(
        self,
        element_length_func: Function,
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Self:
        """Batches of elements of like length, filled up at their ends.

        Args:
            element_length_func: Gives an element's length.
            bucket_boundaries: Where one range of lengths ends and the next begins.
            bucket_batch_sizes: The size of a batch in each, one more than boundaries.
            padded_shapes, padding_values, drop_remainder: As in `padded_batch`.
            pad_to_bucket_boundary: Whether to fill up to the range's end less 1.
            no_padding: Whether not to fill up.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise invalid(
                "bucket_by_sequence_length",
                f"{len(bucket_batch_sizes)} batch sizes",
                f"{len(bucket_boundaries) + 1}, one more than boundaries",
            )

        def together(bucket: int, some: list[Tree]) -> Tree:
            if no_padding:
                return stack(some)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                end = int(bucket_boundaries[bucket]) - 1
                shapes = jax.tree.map(
                    lambda a: [end, *np.shape(a)[1:]] if np.ndim(a) else [], some[0]
                )
            return padded(some, shapes, padding_values)

        def make(path: Path) -> Iterator[Tree]:
            def bucket(element: Tree) -> int:
                length = int(called(element_length_func, element))
                return int(np.searchsorted(bucket_boundaries, length, "right"))

            grouped = passes.bucketed(
                self.elements(path), bucket, bucket_batch_sizes, not drop_remainder
            )
            return itertools.starmap(together, grouped)

        return type(self)(make, rows=True)._like(self)

    def unbatch(self, name: str | None = None) -> Self:
        """The rows of each element as elements."""

        def make(path: Path) -> Iterator[Tree]:
            for element in self.elements(path):
                for i in range(same_rows(element, "unbatch")):
                    yield jax.tree.map(lambda a, i=i: a[i], element)

        return type(self)(
            make, UNKNOWN_CARDINALITY, None, lambda: _via(self, lambda t: t.unbatched())
        )._like(self)

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> Self:
        """The same rows in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Self:
        """Data sets of `size` neighbouring elements, each begun `shift` further on.

        Args:
            size: Elements in a window.
            shift: From the beginning of one window to that of the next; `size`.
            stride: From one element of a window to its next.
            drop_remainder: Whether to leave out windows that are shorter at the end.

        Example:
            >>> windows = Dataset.range(4).window(3, shift=1, drop_remainder=True)
            >>> [x.tolist() for x in windows.flat_map(lambda w: w.batch(3))]
            [[0, 1, 2], [1, 2, 3]]
        """
        size = self._count("window", "size", size)
        shift = size if shift is None else self._count("window", "shift", shift)
        stride = self._count("window", "stride", stride)
        reach = (size - 1) * stride + 1

        def make(path: Path) -> Iterator[Tree]:
            elements = self.elements(path)
            found = passes.windows(elements, reach, shift, drop_remainder)
            return (self._windows(some[::stride]) for some in found)

        length = self._length
        if length >= 0:
            starts = length - reach + 1 if drop_remainder else length
            length = max(0, -(-starts // shift))
        return type(self)(make, length)._like(self)

    def _windows(self, elements: list[Tree]) -> Tree:
        """A data set for each array of these elements, in their nest."""
        columns, nest = _columns_of(elements)
        return nest.unflatten([type(self)._of_list(column) for column in columns])

    @classmethod
    def _of_list(cls, elements: list[Tree]) -> Self:
        return cls(lambda path: iter(elements), len(elements))

    # Keeping -------------------------------------------------------------------------

    def cache(self, filename: str = "", name: str | None = None) -> Self:
        """The elements of the first whole pass, in every pass.

        Args:
            filename: Only "": they are kept in memory.
        """
        if filename:
            raise invalid(
                "cache",
                f"filename={filename!r}",
                "no file, since elements are kept in memory",
                "write .cache()",
            )
        kept: list[list[Tree]] = []

        def make(path: Path) -> Iterator[Tree]:
            if kept:
                return iter(kept[0])
            return keeping(path)

        def keeping(path: Path) -> Iterator[Tree]:
            seen = []
            for element in self.elements(path):
                seen.append(element)
                yield element
            if not kept:
                kept.append(seen)

        def table() -> Table | None:
            found = self.table()
            if found is not None and not found.draws:
                return found
            if self._length < 0 and not kept:
                return None  # perhaps without an end
            return _tabled(list(make((0,))), self._rows)

        made = type(self)(make, self._length, self._spec, table, self._rows)
        made._costly = True  # a table takes a whole pass: only a fit asks for it
        return made._like(self)

    def prefetch(self, buffer_size: int, name: str | None = None) -> Self:
        """This data set: `fit` makes the next batches while the program runs."""
        return self

    def with_options(self, options: Any, name: str | None = None) -> Self:
        """This data set; TensorFlow's options have no meaning here."""
        return self

    # Asking --------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        """A pass over the elements."""
        return self.elements((next(self._passes),))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """A pass over the elements, as numpy arrays."""

        def host(leaf: Any) -> Any:
            return np.asarray(leaf) if isinstance(leaf, jax.Array) else leaf

        return (jax.tree.map(host, element) for element in iter(self))

    def get_single_element(self, name: str | None = None) -> Any:
        """The element of a data set that has one.

        Raises:
            ValueError: None, or several.
        """
        some = list(itertools.islice(self, 2))
        if len(some) != 1:
            raise invalid(
                "get_single_element",
                "several elements" if some else "no element",
                "exactly one",
                "write next(iter(data)) for the first of several",
            )
        return some[0]

    def cardinality(self, name: str | None = None) -> np.int64:
        """How many elements there are: -1 without an end, -2 where nobody knows."""
        return np.int64(self._length)

    def __len__(self) -> int:
        """How many elements there are.

        Raises:
            TypeError: There is no end, or nobody knows.
        """
        if self._length < 0:
            endless = self._length == INFINITE_CARDINALITY
            raise mistyped(
                "len",
                "a data set without an end"
                if endless
                else "a data set of unknown length",
                "one whose elements are counted",
                "write .take(count)" if endless else "write sum(1 for _ in data)",
            )
        return self._length

    def __bool__(self) -> bool:
        """True, whatever its length."""
        return True

    @property
    def element_spec(self) -> Any:
        """The shapes and types of an element."""
        if self._spec is None:
            first = next(self.elements((0,)), None)
            spec = None if first is None else spec_of(first, self._rows)
            self._spec = lambda: spec
        return self._spec()

    def __repr__(self) -> str:
        """Its kind and its elements' shapes and types."""
        return f"<{type(self).__name__} element_spec={self.element_spec}>"

    def table(self) -> Table | None:
        """Its rows as arrays with their order, where they stay the same."""
        if not self._found:
            self._table = self._find_table() if self._find_table else None
            self._found = True
        return self._table

    def elements(self, path: Path) -> Iterator[Tree]:
        """The elements of a pass, which its path names."""
        known = self._table if self._found or self._costly else self.table()
        return self._make(path) if known is None else known.elements(path)

    def next_pass(self) -> int:
        """The number of a pass that nobody has had."""
        return next(self._passes)

    # Inside --------------------------------------------------------------------------

    def _then(
        self, make: Make, length: int, table: Callable[[Table], Table | None]
    ) -> Self:
        """A data set of the same kind of elements, of which `make` gives a pass."""
        return type(self)(
            make, length, self._spec, lambda: _via(self, table), self._rows
        )._like(self)

    def _batched(self, make: Make, size: int, drop: bool, table: Any) -> Self:
        length = self._length
        if length >= 0:
            length = length // size if drop else -(-length // size)
        made_of = self._then(make, length, table or _no_table)
        made_of._rows = True

        def spec() -> Tree:
            def wider(s: Any) -> Any:
                return Spec((size if drop else None, *s.shape), s.dtype)

            return jax.tree.map(
                wider, self.element_spec, is_leaf=lambda s: isinstance(s, Spec)
            )

        made_of._spec = spec if table else None
        return made_of

    def _like(self, other: "Dataset") -> Self:
        """This data set, which counts its passes with another."""
        self._passes = other._passes
        self._costly = self._costly or other._costly
        return self

    def _count(self, method: str, name: str, value: Any, least: int = 1) -> int:
        value = getattr(value, "item", lambda: value)()
        if not is_whole(value, least):
            raise invalid(
                f"Dataset.{method}",
                f"{name}={value!r}",
                f"a whole number, {least} or more",
            )
        return int(value)


def _via(data: Dataset, change: Callable[[Table], Table | None]) -> Table | None:
    found = data.table()
    return None if found is None else change(found)


def _no_table(table: Table) -> None:
    """Padding makes other rows for each batch."""


def _inner(function: Function, element: Tree, where: str) -> Dataset:
    """The data set that a function gives for an element."""
    given = called(function, element)
    if isinstance(given, Dataset):
        return given
    several = isinstance(given, tuple | dict)
    raise mistyped(
        where,
        f"a function that gives a {type(given).__name__}",
        "a function that gives a Dataset",
        "write Dataset.zip((a, b)) for several"
        if several
        else "write .map for one element each, or Dataset.from_tensor_slices(array)",
    )


def _columns_of(elements: list[Tree]) -> tuple[list[list[Any]], Any]:
    """The arrays of each place in the nest of these elements, and the nest."""
    nest = jax.tree.structure(elements[0])
    rows = [nest.flatten_up_to(element) for element in elements]
    return [list(column) for column in zip(*rows, strict=True)], nest


def _tabled(elements: list[Tree], rows: bool) -> Table | None:
    """These elements as a table; None where their shapes differ too much."""
    if not elements:
        return None
    try:
        if not rows:
            return Table(Rows(stack(elements)), None, len(elements))
        sizes = [same_rows(element, "cache") for element in elements]
        whole = all(size == sizes[0] for size in sizes[:-1]) and sizes[-1] <= sizes[0]
        if not whole or not sizes[0]:
            return None
        return Table(Rows(join(elements)), None, sum(sizes), sizes[0])
    except (TypeError, ValueError):
        return None
