"""Sequences of different lengths, by the names of `keras.preprocessing.sequence`."""

from collections import abc
from typing import Any

import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid, mistyped, unknown
from onefit.preprocessing.windows import (
    TimeseriesGenerator,
    make_sampling_table,
    skipgrams,
)
from onefit.spellings import keras_keywords

__all__ = [
    "TimeseriesGenerator",
    "fractions",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
]


@keras_keywords
def pad_sequences(
    sequences: abc.Sequence[Any],
    maxlen: int | None = None,
    dtype: DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences of different lengths as one array, filled up and cut to one length.

    Args:
        sequences: n sequences; each is a list of numbers or an array (steps, ...).
        maxlen: The length; None is that of the longest.
        dtype: The type of the result; `object` for text.
        padding: Whether the filling stands before ('pre') or after ('post').
        truncating: Whether a long sequence loses its beginning or its end.
        value: What to fill up with.

    Returns:
        An array (n, maxlen, ...).

    Raises:
        TypeError: No list of sequences; a sequence that is a lone number; text to fill
            numbers up with.
        ValueError: Another word than 'pre' and 'post'; steps of different shapes.

    Differs from Keras: no sequences make an array (0, 0), maxlen=0 makes (n, 0), and
    numbers that the type cannot hold (1.5 in int32) are refused instead of cut.

    Example:
        >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
        array([[0, 1],
               [2, 3],
               [5, 6]], dtype=int32)
    """
    where = "pad_sequences"
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise unknown(f"{name} of {where}", side, ["pre", "post"])
    if isinstance(sequences, str) or not hasattr(sequences, "__len__"):
        raise mistyped(
            where,
            f"a {type(sequences).__name__}",
            "a list of sequences",
            "write list(sequences)",
        )
    kind = np.dtype(dtype).kind
    if isinstance(value, str) and kind not in "OUS":
        raise mistyped(
            where,
            f"value={value!r} for numbers of type {dtype}",
            "a number",
            "write dtype=object for text",
        )
    for i, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__"):
            raise mistyped(
                where,
                f"{sequence!r} as sequence {i}",
                "a list of numbers, or an array",
                f"write [{sequence!r}] for a sequence of one",
            )
    if maxlen is None:
        maxlen = max(map(len, sequences), default=0)
    step = next((np.asarray(s).shape[1:] for s in sequences if len(s)), ())
    out = np.full((len(sequences), maxlen, *step), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        steps = len(sequence)
        n = min(steps, maxlen)
        if not steps:
            continue
        array = np.asarray(sequence)
        if array.shape[1:] != step:
            raise invalid(
                where,
                f"steps of shape {array.shape[1:]} in sequence {i}",
                f"{step}, as in the sequences before it",
                "pad the steps themselves first",
            )
        kept = array[steps - n :] if truncating == "pre" else array[:n]
        odd = fractions(kept) if kind in "iu" and array.dtype.kind == "f" else kept[:0]
        if odd.size:
            raise invalid(
                where,
                f"{odd.ravel()[0]} for the type {dtype}",
                "whole numbers",
                "write dtype='float32'",
            )
        out[i, slice(maxlen - n, None) if padding == "pre" else slice(n)] = kept
    return out


def fractions(numbers: np.ndarray) -> np.ndarray:
    """Those that no whole-number type can hold."""
    return numbers[~np.isfinite(numbers) | (np.floor(numbers) != numbers)]
