"""tf.ragged: rows of different lengths."""

import itertools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np

from onefit import layers
from onefit.errors import invalid, mistyped
from onefit.layers.host.base import HostLayer
from onefit.layers.symbolic import is_symbolic
from onefit.scripts.tf.arrays import Text, convert_to_tensor, is_text
from onefit.scripts.tf.dtypes import narrow
from onefit.scripts.tf.shapes import TensorShape

__all__ = ["RaggedTensor", "constant", "map_flat_values", "stack"]


class RaggedTensor:
    """Rows of different lengths: the numbers of all, and where each row begins.

    Operators, and functions of tf that take each number for itself, give rows of the
    same lengths; sums, means and the like are along the rows (axis=1) or of all.

    >>> rows = constant([[1, 2], [], [3]])
    >>> rows + 1, rows.to_tensor().tolist()
    (<tf.RaggedTensor [[2, 3], [], [4]]>, [[1, 2], [0, 0], [3, 0]])
    """

    __array_priority__ = 100

    def __init__(self, values: Any, row_splits: Any) -> None:
        self.values, self.row_splits = values, np.asarray(row_splits)

    @classmethod
    def from_row_splits(cls, values: Any, row_splits: Any, **ignored: Any) -> Any:
        """Rows that begin and end at these places."""
        return cls(_tensor(values), row_splits)

    @classmethod
    def from_row_lengths(cls, values: Any, row_lengths: Any, **ignored: Any) -> Any:
        """Rows of these lengths."""
        return cls(_tensor(values), np.cumsum([0, *np.asarray(row_lengths)]))

    @classmethod
    def from_value_rowids(
        cls, values: Any, value_rowids: Any, nrows: Any = None, **ignored: Any
    ) -> Any:
        """Rows of the values that have the same number, in order."""
        numbers = np.asarray(value_rowids)
        count = int(numbers.max(initial=-1)) + 1 if nrows is None else int(nrows)
        return cls.from_row_lengths(values, np.bincount(numbers, minlength=count))

    @classmethod
    def from_tensor(
        cls, tensor: Any, lengths: Any = None, padding: Any = None, **ignored: Any
    ) -> Any:
        """The rows of a table, without what fills them up at their ends."""
        rows = _host(_tensor(tensor))
        if lengths is None and padding is not None:
            real = rows != (_host(_tensor(padding)))
            lengths = [np.flatnonzero(row).max(initial=-1) + 1 for row in real]
        ends = [len(row) for row in rows] if lengths is None else np.asarray(lengths)
        return constant([list(row[:end]) for row, end in zip(rows, ends, strict=True)])

    # What it is -----------------------------------------------------------------------

    @property
    def shape(self) -> TensorShape:
        """The sizes; None for rows of different lengths."""
        return TensorShape([len(self), None, *self.values.shape[1:]])

    def get_shape(self) -> TensorShape:
        """The sizes."""
        return self.shape

    @property
    def dtype(self) -> Any:
        """The type of the numbers."""
        return self.values.dtype

    @property
    def flat_values(self) -> Any:
        """The numbers of all rows, one after another."""
        inner = self.values
        return inner.flat_values if isinstance(inner, RaggedTensor) else inner

    @property
    def ragged_rank(self) -> int:
        """How many axes have rows of different lengths."""
        inner = self.values
        return 1 + (inner.ragged_rank if isinstance(inner, RaggedTensor) else 0)

    def with_flat_values(self, new_values: Any) -> "RaggedTensor":
        """Rows of the same lengths with other numbers."""
        inner = self.values
        if isinstance(inner, RaggedTensor):
            new_values = inner.with_flat_values(new_values)
        return RaggedTensor(new_values, self.row_splits)

    def nrows(self) -> Any:
        """How many rows."""
        return jnp.asarray(len(self))

    def row_lengths(self, axis: int = 1) -> Any:
        """The length of each row."""
        return jnp.asarray(np.diff(self.row_splits))

    def row_starts(self) -> Any:
        """Where each row begins."""
        return jnp.asarray(self.row_splits[:-1])

    def value_rowids(self) -> Any:
        """The row of each value."""
        return jnp.asarray(np.repeat(np.arange(len(self)), np.diff(self.row_splits)))

    def bounding_shape(self, axis: Any = None) -> Any:
        """The sizes of the table that holds all rows."""
        longest = int(np.diff(self.row_splits).max(initial=0))
        sizes = jnp.asarray([len(self), longest, *self.values.shape[1:]])
        return sizes if axis is None else sizes[axis]

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """All rows as one."""
        if (outer_axis, inner_axis) != (0, 1):
            raise invalid(
                "merge_dims", f"axes {outer_axis} and {inner_axis}", "axes 0 and 1"
            )
        return self.values

    # As other things ------------------------------------------------------------------

    def to_list(self) -> list[Any]:
        """A nest of lists."""
        return [_listed(row) for row in self]

    def to_tensor(self, default_value: Any = None, shape: Any = None, **_: Any) -> Any:
        """A table of the rows, filled up at their ends."""
        rows = [_host(_rectangular(row)) for row in self]
        sizes = [row.shape for row in rows] or [(0,)]
        whole = tuple(map(max, zip(*sizes, strict=True)))
        asked = list(shape)[1:] if shape is not None else []
        whole = tuple(
            size if i >= len(asked) or asked[i] is None else int(asked[i])
            for i, size in enumerate(whole)
        )
        flat = self.flat_values
        text = isinstance(flat, Text)
        filling = (b"" if text else 0) if default_value is None else default_value
        kind = object if text else np.asarray(flat).dtype
        table = np.full((len(rows), *whole), filling, kind)
        for i, row in enumerate(rows):
            place = tuple(
                slice(min(n, m)) for n, m in zip(row.shape, whole, strict=True)
            )
            table[(i, *place)] = row[place]
        return Text(table) if text else jnp.asarray(table)

    def numpy(self) -> np.ndarray:
        """An array of the rows; a table, if they have one length."""
        rows = [np.asarray(row.numpy() if _is_ragged(row) else row) for row in self]
        if len({row.shape for row in rows}) == 1:
            return np.stack(rows)
        array = np.empty(len(rows), object)
        array[:] = rows
        return array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.numpy().astype(dtype) if dtype else self.numpy()

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __iter__(self) -> Iterator[Any]:
        ends = self.row_splits
        return (self.values[a:b] for a, b in itertools.pairwise(ends))

    def __getitem__(self, key: Any) -> Any:
        """A row; some rows; or a part of each of some rows."""
        first, *rest = key if isinstance(key, tuple) else (key,)
        if not isinstance(first, slice):
            row = list(self)[int(first)]
            return row[tuple(rest)] if rest else row
        rows = list(self)[first]
        if rest:
            rows = [row[tuple(rest)] for row in rows]
        if rest and not isinstance(rest[0], slice):
            return _joined([row[None] for row in rows])
        return _of_rows(rows, self.flat_values)

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"

    # Computed with --------------------------------------------------------------------

    def map(self, function: Callable[[Any], Any]) -> "RaggedTensor":
        """A function of all numbers, in rows of the same lengths."""
        return self.with_flat_values(function(self.flat_values))

    def along(self, function: Callable[..., Any], axis: Any, keepdims: bool) -> Any:
        """What a function gives for each row (axis 1), or for all numbers (None)."""
        if axis is None:
            return function(self.flat_values, axis=None, keepdims=False)
        if axis not in (1, -1) or _is_ragged(self.values):
            raise invalid("a sum or mean of rows", f"axis={axis}", "axis=1, or none")
        rows = [function(row, axis=0, keepdims=keepdims) for row in self]
        return jnp.stack(rows)

    def combined(self, other: Any, function: Callable[[Any, Any], Any]) -> Any:
        """A function of these numbers and others, in rows of the same lengths."""
        if _is_ragged(other):
            if not np.array_equal(other.row_splits, self.row_splits):
                raise invalid("two RaggedTensors", "rows of other lengths", "the same")
            return self.with_flat_values(function(self.flat_values, other.flat_values))
        other = _tensor(other)
        if other.ndim == 0:
            return self.map(lambda values: function(values, other))
        if other.ndim == 2 and other.shape[1] == 1:  # a number for each row
            each = other[:, 0][np.asarray(self.value_rowids())]
            return self.map(lambda values: function(values, each))
        raise mistyped(
            "a RaggedTensor", f"a tensor of shape {tuple(other.shape)}", "one number"
        )


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
    _function = getattr(operator, f"__{_name}__")
    setattr(
        RaggedTensor,
        f"__{_name}__",
        lambda self, other, f=_function: self.combined(other, f),
    )
    setattr(
        RaggedTensor,
        f"__r{_name}__",
        lambda self, other, f=_function: self.combined(other, lambda a, b: f(b, a)),
    )
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    _function = getattr(operator, _name)
    setattr(
        RaggedTensor,
        f"__{_name}__",
        lambda self, other, f=_function: self.combined(other, f),
    )
RaggedTensor.__neg__ = lambda self: self.map(operator.neg)  # type: ignore[attr-defined]
RaggedTensor.__hash__ = object.__hash__  # type: ignore[method-assign]


def constant(
    pylist: Any, dtype: Any = None, ragged_rank: int | None = None, **ignored: Any
) -> Any:
    """The rows of a nest of lists.

    >>> constant([["a", "b"], ["c"]])
    <tf.RaggedTensor [[b'a', b'b'], [b'c']]>
    """
    rows = [list(np.asarray(r)) if hasattr(r, "shape") else list(r) for r in pylist]
    deeper = any(isinstance(v, list | tuple) for row in rows for v in row)
    flat = [value for row in rows for value in row]
    if deeper:
        values = constant(flat, dtype)
    elif is_text(flat) or not flat:
        values = Text(flat) if flat else jnp.zeros(0, narrow(dtype or "float32"))
    else:
        values = convert_to_tensor(flat, dtype)
    return RaggedTensor.from_row_lengths(values, [len(row) for row in rows])


def map_flat_values(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """A function of the numbers of RaggedTensors, in rows of the same lengths."""
    given = [a.flat_values if _is_ragged(a) else a for a in args]
    named = {k: v.flat_values if _is_ragged(v) else v for k, v in kwargs.items()}
    first = next(a for a in (*args, *kwargs.values()) if _is_ragged(a))
    return first.with_flat_values(op(*given, **named))


def stack(values: Any, axis: int = 0, name: str | None = None) -> Any:
    """Tensors of different lengths, each as a row."""
    if axis != 0:
        raise invalid("tf.ragged.stack", f"axis={axis}", "axis=0")
    return _of_rows([_tensor(v) for v in values], None)


def joined(parts: list[Any], axis: int) -> RaggedTensor:
    """Rows below others (axis 0), or each row after another's (axis 1)."""
    ragged = [p if _is_ragged(p) else constant(_listed(_tensor(p))) for p in parts]
    if axis == 0:
        return _of_rows([row for part in ragged for row in part], None)
    return _of_rows([_joined(list(rows)) for rows in zip(*ragged, strict=True)], None)


def _is_ragged(value: Any) -> bool:
    return isinstance(value, RaggedTensor)


def _tensor(value: Any) -> Any:
    return value if _is_ragged(value) else convert_to_tensor(value)


def _host(value: Any) -> np.ndarray:
    return np.asarray(value)


def _rectangular(row: Any) -> Any:
    return row.to_tensor() if _is_ragged(row) else row


def _listed(value: Any) -> list[Any]:
    return value.to_list() if _is_ragged(value) else _host(value).tolist()


def _joined(parts: list[Any]) -> Any:
    if any(_is_ragged(p) for p in parts):
        return joined(parts, 0)
    whole = np.concatenate([_host(p) for p in parts])
    return Text(whole) if isinstance(parts[0], Text) else jnp.asarray(whole)


def _of_rows(rows: list[Any], like: Any) -> RaggedTensor:
    values = _joined(rows) if rows else like[:0]
    return RaggedTensor.from_row_lengths(values, [len(row) for row in rows])


# Layers -------------------------------------------------------------------------------

_look = HostLayer.__call__


def _called(self: Any, *inputs: Any, **options: Any) -> Any:
    """A layer of text or numbers; rows of different lengths stay rows of theirs."""
    if inputs and _is_ragged(inputs[0]):
        return inputs[0].map(lambda values: _called(self, values, **options))
    found = _look(self, *inputs, **options)
    return Text(found) if is_text(found) else found


FACES: dict[type, dict[str, Any]] = {HostLayer: {"__call__": _called}}
"""What such layers have while a script runs."""


class TextVectorization(layers.TextVectorization, abstract=True):
    """Texts as numbers; see `onefit.layers.TextVectorization`.

    With `ragged=True` it gives a RaggedTensor: the numbers of each text alone.
    """

    ragged: bool = False

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """The numbers of texts."""
        if not self.ragged or not inputs or is_symbolic(inputs[0]):
            return super().__call__(*inputs, **options)
        texts = self._rows(inputs[0])
        ids, rows = self._ids(texts)
        if np.ndim(inputs[0]) == 0:
            return jnp.asarray(ids)
        return RaggedTensor.from_value_rowids(ids, rows, len(texts))
