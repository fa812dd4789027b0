# ruff: noqa: D102
"""Categories without a vocabulary: a hash says which bin each falls into."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from onefit.checks import one_of, whole
from onefit.description import setting
from onefit.errors import mistyped
from onefit.layers.host.base import HostLayer, encoded, encoded_shape
from onefit.layers.host.hashes import crossed, fingerprints
from onefit.layers.host.lookup import buckets, salted
from onefit.layers.host.texts import as_texts, as_wholes, rows_of
from onefit.layers.host.vocabulary import dense, mode
from onefit.types import Config, Data, Shapes, Tree

__all__ = ["HashedCrossing", "Hashing"]


class _Bins(HostLayer, abstract=True):
    """What both hashing layers share: how many bins there are, and what comes out."""

    takes_text = True

    num_bins: int = setting(check=whole(1))
    sparse: bool = setting(default=False, check=dense)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_dtype != "int32":
            return
        if self.own_dtype not in (None, "int32", "int64"):
            raise self.misfit(
                f"dtype={self.own_dtype!r} with output_mode='int'",
                "a type of whole numbers",
                "leave it out",
            )
        if self.own_dtype is None:  # as Keras has it
            object.__setattr__(self, "own_dtype", "int64")


class Hashing(_Bins):
    """Categories as numbers of bins: a = hash(x) mod num_bins.

    There is no vocabulary; two categories may share a bin. It runs on the host, before
    the program.

    Args:
        num_bins: How many bins, that of mask_value among them.
        mask_value: The value that gets bin 0 for itself; None for none.
        salt: A number, or two, for a hash that nobody foresees (SipHash in place of
            FarmHash).
        output_mode: 'int' for the bin's number; 'one_hot', or 'multi_hot' and 'count'
            of a row of several.
        sparse: False; there are no sparse arrays here.

    Input and output: strings or whole numbers (batch, ...) to numbers of that shape, or
    rows of num_bins numbers in place of the last axis.

    Raises:
        ValueError: A missing value (which row).

    Differs from Keras: TensorFlow is not needed; 1.5 is refused instead of cut.

    Example:
        >>> Hashing(num_bins=3)([["A"], ["B"], ["C"], ["D"], ["E"]]).ravel()
        Array([1, 0, 1, 1, 2], dtype=int32)

    Source: Keras, `keras.layers.Hashing`.
    """

    mask_value: Any = None
    salt: Any = setting(default=None, convert=salted)
    output_mode: str = setting(
        default="int",
        convert=mode,
        check=one_of("int", "one_hot", "multi_hot", "count"),
    )

    _order: ClassVar[str] = "num_bins mask_value salt output_mode sparse"

    def look(self, x: Tree) -> np.ndarray:
        values = _categories(x, self.place())
        flat = values.ravel().tolist()
        masked = self.mask_value is not None and self.num_bins > 1
        strings = [str(v).encode() for v in flat]
        ids = buckets(strings, self.num_bins - masked, self.salt)
        if masked:
            same = np.array([v == self.mask_value for v in flat], bool)
            ids = np.where(same, 0, ids + 1)
        ids = ids.reshape(values.shape).astype(np.int32)
        if self.output_mode == "int":
            return ids
        return encoded(ids, self.output_mode, self.num_bins, self.output_dtype)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        if self.output_mode == "int":
            return input_shape
        return encoded_shape(input_shape, self.output_mode, self.num_bins)


def _categories(x: Data, place: str) -> np.ndarray:
    """Text as such, numbers as whole ones."""
    values = rows_of(x, place)
    if values.dtype == object:
        return as_texts(values, place)
    return as_wholes(values, place)


class HashedCrossing(_Bins):
    """Combinations of categories as numbers of bins: a = hash(x₁, x₂) mod num_bins.

    What two features mean only together (a latitude and a longitude) gets a number of
    its own. It runs on the host, before the program.

    Args:
        num_bins: How many bins.
        output_mode: 'int' for the bin's number, or 'one_hot'.
        sparse: False; there are no sparse arrays here.

    Input and output: two columns or more of strings or whole numbers, (batch,) or
    (batch, 1), to numbers of that shape, or rows (batch, num_bins).

    Raises:
        ValueError: One column, columns of different shapes, a missing value.

    Differs from Keras: TensorFlow is not needed.

    Example:
        >>> HashedCrossing(num_bins=5)((["A", "B", "A"], [101, 101, 102]))
        Array([1, 4, 3], dtype=int32)

    Source: Keras, `keras.layers.HashedCrossing`.
    """

    output_mode: str = setting(
        default="int", convert=mode, check=one_of("int", "one_hot")
    )

    _order: ClassVar[str] = "num_bins output_mode sparse"

    def gather(self, *inputs: Any, **options: Any) -> tuple[Tree, Config]:
        x, options = super().gather(*inputs, **options)
        if not isinstance(x, list | tuple) or len(x) < 2:
            raise self.misfit(
                "one column"
                if not isinstance(x, list | tuple)
                else f"{len(x)} columns",
                "two columns or more",
                "write layer((a, b))",
            )
        return tuple(x), options

    def look(self, x: Sequence[Data]) -> np.ndarray:
        columns = [_crossable(self, one) for one in x]
        shape = columns[0].shape
        if any(one.shape != shape for one in columns) or len(shape) > 2:
            raise self._shapes([one.shape for one in columns])
        if len(shape) == 2 and shape[1] != 1:
            raise self._shapes([shape])
        ids = crossed([_as_words(one.ravel()) for one in columns], self.num_bins)
        ids = ids.reshape(shape).astype(np.int32)
        if self.output_mode == "int":
            return ids
        return encoded(ids, "one_hot", self.num_bins, self.output_dtype)

    def _shapes(self, shapes: list[tuple]) -> ValueError:
        return self.misfit(
            f"columns of shape {' and '.join(map(str, shapes))}",
            "columns of one shape, (rows,) or (rows, 1)",
        )

    def output_shape(self, input_shape: Shapes) -> Shapes:
        first = input_shape[0]
        if any(one != first for one in input_shape) or len(first) > 2:
            raise self._shapes(list(input_shape))
        if self.output_mode == "int":
            return first
        return encoded_shape(first, "one_hot", self.num_bins)


def _crossable(layer: HostLayer, x: Data) -> np.ndarray:
    values = rows_of(x, layer.place())
    if values.dtype.kind == "f":
        raise mistyped(
            layer.place(),
            f"numbers of type {values.dtype}",
            "strings or whole numbers",
            "make bins of them first: Discretization(num_bins=10)",
        )
    return _categories(values, layer.place())


def _as_words(column: np.ndarray) -> np.ndarray:
    """A column of 64-bit numbers: strings by their fingerprints."""
    if column.dtype == object:
        return fingerprints([text.encode() for text in column.tolist()])
    return column.view(np.uint64)
