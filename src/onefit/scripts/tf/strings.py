"""tf.strings: text of any shape, one function at a time."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.scripts.tf.arrays import Text, convert_to_tensor, over
from onefit.scripts.tf.dtypes import float32, narrow
from onefit.scripts.tf.making import axes
from onefit.scripts.tf.ragged import RaggedTensor
from onefit.types import Array, ArrayLike

__all__ = [
    "as_string",
    "bytes_split",
    "format",
    "join",
    "length",
    "lower",
    "ngrams",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "split",
    "strip",
    "substr",
    "to_hash_bucket",
    "to_hash_bucket_fast",
    "to_hash_bucket_strong",
    "to_number",
    "unicode_decode",
    "unicode_encode",
    "unicode_split",
    "upper",
]


def _each(text: Any, function: Callable[[str], Any]) -> np.ndarray:
    return over(function, Text(text).strings())


def _numbers(values: np.ndarray, kind: Any) -> Array:
    return jnp.asarray(np.asarray(values.tolist()), kind)


def lower(input: ArrayLike, encoding: str = "", name: str | None = None) -> Text:
    """The text in small letters.

    >>> lower(["Ab"]).numpy().tolist()
    [b'ab']
    """
    return Text(_each(input, str.lower))


def upper(input: ArrayLike, encoding: str = "", name: str | None = None) -> Text:
    """The text in capital letters."""
    return Text(_each(input, str.upper))


def strip(input: ArrayLike, name: str | None = None) -> Text:
    """The text without white space at its ends."""
    return Text(_each(input, str.strip))


def _pattern(pattern: Any) -> str:
    """A pattern of RE2 as Python's re takes it."""
    return str(Text(pattern).strings()[()])


def regex_replace(
    input: ArrayLike,
    pattern: Any,
    rewrite: Any,
    replace_global: bool = True,
    name: str | None = None,
) -> Text:
    r"""The text with what fits a pattern replaced; \1 is a group of it.

    >>> regex_replace("a<br />b", "<br />", " ").numpy()
    b'a b'
    """
    rule, new = re.compile(_pattern(pattern)), _pattern(rewrite)
    times = 0 if replace_global else 1
    return Text(_each(input, lambda text: rule.sub(new, text, count=times)))


def regex_full_match(input: ArrayLike, pattern: Any, name: str | None = None) -> Any:
    """Whether the whole text fits a pattern."""
    rule = re.compile(_pattern(pattern))
    return _numbers(_each(input, lambda text: bool(rule.fullmatch(text))), bool)


def length(input: ArrayLike, unit: str = "BYTE", name: str | None = None) -> Any:
    """How many bytes the text has, or characters for "UTF8_CHAR"."""
    count = len if unit.upper() == "UTF8_CHAR" else lambda text: len(text.encode())
    return _numbers(_each(input, count), jnp.int32)


def substr(
    input: ArrayLike, pos: Any, len: Any, unit: str = "BYTE", name: str | None = None
) -> Text:
    """The part that begins at a place and has this length."""
    start, size = int(pos), int(len)
    if unit.upper() == "UTF8_CHAR":
        return Text(_each(input, lambda text: text[start:][:size]))
    return Text(over(lambda v: v[start:][:size], np.asarray(Text(input))))


def to_number(
    input: ArrayLike, out_type: DTypeLike = float32, name: str | None = None
) -> Any:
    """The numbers that are written there.

    >>> to_number(["1.5", "2"]).tolist()
    [1.5, 2.0]
    """
    return _numbers(_each(input, float), narrow(out_type))


def as_string(input: ArrayLike, precision: int = -1, name: str | None = None) -> Text:
    """Numbers as text, with so many digits after the point."""
    tensor = convert_to_tensor(input)
    if isinstance(tensor, Text):
        return tensor
    array = np.asarray(tensor)
    whole = array.dtype.kind in "iub"
    digits = "" if whole else f".{6 if precision < 0 else precision}f"
    said = (
        str(v).lower() if array.dtype == bool else f"{v:{digits}}"
        for v in array.ravel()
    )
    out = np.empty(array.size, object)
    out[:] = list(said)
    return Text(out.reshape(array.shape))


def join(inputs: Any, separator: str = "", name: str | None = None) -> Text:
    """Several texts one after another, place by place.

    >>> join(["a", ["x", "y"]], "-").numpy().tolist()
    [b'a-x', b'a-y']
    """
    between = separator.encode()
    parts = np.broadcast_arrays(*[np.asarray(Text(v)) for v in inputs])
    total = parts[0]
    for part in parts[1:]:
        total = total + between + part
    return Text(total)


def reduce_join(
    inputs: ArrayLike,
    axis: Any = None,
    keepdims: bool = False,
    separator: str = "",
    name: str | None = None,
) -> Text:
    """All texts along axes as one."""
    if isinstance(inputs, RaggedTensor):
        rows = [reduce_join(row, None, False, separator).numpy() for row in inputs]
        return Text(rows) if axis is not None else reduce_join(rows, 0)
    values, along = Text(inputs).strings(), axes(axis)
    if along is None:
        whole = np.asarray(separator.join(values.ravel()), object)
        return Text(whole.reshape((1,) * values.ndim) if keepdims else whole)
    moved = np.moveaxis(values, along, -1)
    out = np.empty(moved.shape[:-1], object)
    for place in np.ndindex(out.shape):
        out[place] = separator.join(moved[place])
    return Text(np.expand_dims(out, along) if keepdims else out)


def split(
    input: ArrayLike, sep: Any = None, maxsplit: int = -1, name: str | None = None
) -> Any:
    """The words of a text; a row of words for each of several texts.

    >>> split("a b").numpy().tolist()
    [b'a', b'b']
    """
    by = None if sep is None else _pattern(sep)
    by = by or None
    return _rows(input, lambda text: text.split(by, maxsplit))


def _rows(input: ArrayLike, function: Callable[[str], list[Any]]) -> Any:
    """What a function gives for a text, or a row of it for each of several texts."""
    if isinstance(input, RaggedTensor):
        return RaggedTensor(_rows(input.values, function), input.row_splits)
    values = Text(input).strings()
    if values.ndim == 0:
        return convert_to_tensor(function(str(values)) or np.zeros(0, object))
    if values.ndim > 1:
        inner = _rows(values.ravel(), function)
        return RaggedTensor.from_row_lengths(
            inner, [values[0].size] * len(values) if len(values) else []
        )
    found = [function(str(text)) for text in values]
    flat = [part for parts in found for part in parts]
    whole = convert_to_tensor(flat) if flat else Text(np.zeros(0, object))
    return RaggedTensor.from_row_lengths(whole, [len(parts) for parts in found])


def bytes_split(input: ArrayLike, name: str | None = None) -> Any:
    """The bytes of a text, each for itself."""
    return _rows(input, list)


def unicode_split(
    input: ArrayLike, input_encoding: str = "UTF-8", name: str | None = None
) -> Any:
    """The characters of a text, each for itself."""
    return _rows(input, list)


def unicode_decode(
    input: ArrayLike, input_encoding: str = "UTF-8", name: str | None = None
) -> Any:
    """The numbers of a text's characters; a row for each of several texts."""
    return _rows(input, lambda text: [ord(c) for c in text])


def unicode_encode(
    input: ArrayLike, output_encoding: str = "UTF-8", name: str | None = None
) -> Text:
    """The text of the numbers of its characters."""
    return Text("".join(chr(int(n)) for n in np.asarray(input)))


def format(
    template: str,
    inputs: ArrayLike,
    placeholder: str = "{}",
    summarize: int = 3,
    name: str | None = None,
) -> Text:
    """A text with tensors in the places of {}."""
    values = inputs if isinstance(inputs, list | tuple) else [inputs]
    text = template
    for value in values:
        shown = np.asarray(convert_to_tensor(value))
        said = np.array2string(shown, threshold=2 * summarize, edgeitems=summarize)
        text = text.replace(placeholder, said, 1)
    return Text(text)


def ngrams(
    data: Any, ngram_width: Any, separator: str = " ", name: str | None = None
) -> Text:
    """So many words in a row as one text, for each place."""
    words = [str(w) for w in Text(data).strings()]
    widths = [ngram_width] if isinstance(ngram_width, int) else ngram_width
    return Text(
        [
            separator.join(words[i : i + n])
            for n in widths
            for i in range(max(len(words) - n + 1, 0))
        ]
    )


def to_hash_bucket_fast(
    input: ArrayLike, num_buckets: int, name: str | None = None
) -> Any:
    """A number below num_buckets for each text, always the same for the same text.

    Differs from TensorFlow: other numbers than there.
    """

    def bucket(text: str) -> int:
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") % num_buckets

    return _numbers(_each(input, bucket), jnp.int32)


to_hash_bucket = to_hash_bucket_fast


def to_hash_bucket_strong(
    input: Any, num_buckets: int, key: Any, name: str | None = None
) -> Any:
    """As `to_hash_bucket_fast`, by a key of two numbers."""
    prefix = "-".join(str(int(k)) for k in key)
    return to_hash_bucket_fast(join([prefix, input]), num_buckets)
