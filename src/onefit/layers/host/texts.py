"""Reading text and categories: whatever holds strings, as one numpy array of them."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from onefit.errors import invalid, mistyped
from onefit.types import Data

__all__ = ["as_texts", "as_wholes", "batches", "rows_of"]


def rows_of(value: Data, where: str) -> np.ndarray:
    """A column or a table as a numpy array, of objects unless it holds numbers.

    Takes lists, numpy arrays, pandas and polars columns (categories, too), tensors.

    Raises:
        ValueError: Rows of different lengths.
    """
    if isinstance(value, np.ndarray):
        return value.astype(object) if value.dtype.kind in "SUT" else value
    if hasattr(value, "to_numpy"):  # pandas, polars
        value = value.to_numpy()
        return value.astype(object) if value.dtype.kind not in "biuf" else value
    if hasattr(value, "detach"):  # a torch tensor
        return value.detach().cpu().numpy()
    if hasattr(value, "__array__"):
        return rows_of(np.asarray(value), where)
    array = np.array(value, dtype=object)  # plain texts of Python take no copy each
    flat = array.ravel().tolist()
    if any(isinstance(one, list | tuple) for one in flat[:1] + flat[-1:]):
        raise invalid(
            where,
            "rows of different lengths",
            "equally many values in each row",
            "fill the short ones up with '': onefit.utils.pad_sequences(rows, "
            "dtype=object, value='')",
        )
    kinds = {type(one) for one in flat}
    plain = kinds <= {int, float, bool} or all(issubclass(k, np.number) for k in kinds)
    return np.array(flat).reshape(array.shape) if plain and flat else array


def as_texts(value: Data, where: str, encoding: str = "utf-8") -> np.ndarray:
    """An array of objects that are all `str`, of the shape of the value.

    Bytes are decoded.

    Raises:
        ValueError: A value that is missing, with its row.
        TypeError: Numbers, or anything else that is no text.
    """
    array = rows_of(value, where)
    if array.dtype != object:
        raise mistyped(
            where,
            f"numbers ({array.dtype})",
            "text",
            "take IntegerLookup, Hashing or Discretization for numbers, or write "
            "x.astype(str)",
        )
    flat = array.ravel().tolist()
    kinds = {type(one) for one in flat}
    if all(issubclass(kind, str) for kind in kinds):
        return array
    if all(issubclass(kind, str | bytes) for kind in kinds):
        decoded = [s.decode(encoding) if isinstance(s, bytes) else s for s in flat]
        made = np.empty(len(flat), object)
        made[:] = decoded
        return made.reshape(array.shape)
    at, bad = next((i, s) for i, s in enumerate(flat) if not isinstance(s, str | bytes))
    row = at // max(len(flat) // max(len(array), 1), 1) if array.ndim else 0
    if _is_missing(bad):
        count = sum(map(_is_missing, flat))
        raise invalid(
            where,
            f"{bad} in row {row} ({count} in all)",
            "text in every row",
            "fill them first: x.fillna('') in pandas, or ['' if s is None else s "
            "for s in x]",
        )
    raise mistyped(
        where, f"{bad!r} in row {row}", "text in every row", "write [str(s) for s in x]"
    )


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas writes for them."""
    named = type(value).__name__ in ("NAType", "NaTType")
    return value is None or named or (isinstance(value, float) and np.isnan(value))


def as_wholes(value: Data, where: str) -> np.ndarray:
    """An array of whole numbers, int64; whole floats and booleans pass.

    Raises:
        ValueError: NaN, or a number that is not whole, with its row.
        TypeError: Text.
    """
    array = rows_of(value, where)
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.dtype == object:
        missing = [i for i, one in enumerate(array.ravel()) if _is_missing(one)]
        if missing:
            raise _unwhole(where, array.ravel()[missing[0]], missing[0], array)
        text = next((s for s in array.ravel() if not isinstance(s, int)), None)
        raise mistyped(
            where, f"{text!r}", "whole numbers", "take StringLookup or Hashing for text"
        )
    with np.errstate(invalid="ignore"):
        odd = np.flatnonzero(~np.isfinite(array) | (np.floor(array) != array))
    if odd.size:
        raise _unwhole(where, array.ravel()[odd[0]], odd[0], array)
    return array.astype(np.int64)


def _unwhole(where: str, value: object, at: int, array: np.ndarray) -> ValueError:
    row = int(at) // max(array.size // max(len(array), 1), 1) if array.ndim else 0
    return invalid(
        where,
        f"{value} in row {row}",
        "whole numbers",
        "fill or drop what is missing first; for other numbers take Discretization",
    )


def batches(data: Data, steps: int | None = None) -> Iterator[Data]:
    """What `adapt` learns from: the data as one batch, or a stream's batches.

    Of batches that are (x, y) it is x. A list of arrays is a stream.

    Args:
        data: Rows, or anything that gives batches of rows one after another.
        steps: So many batches at most.
    """
    table = any(hasattr(data, name) for name in ("shape", "to_numpy", "__array__"))
    listed = isinstance(data, list | tuple | str | bytes)
    stream: Iterable = [data]
    if listed and len(data) and hasattr(data[0], "shape") and np.ndim(data[0]):
        stream = data
    elif not listed and not table:
        if hasattr(data, "__iter__"):
            stream = data
        elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
            stream = (data[i] for i in range(len(data)))
    for i, batch in enumerate(stream):
        if steps is not None and i >= steps:
            return
        streamed = stream is not data or not listed
        yield batch[0] if streamed and isinstance(batch, tuple) else batch
