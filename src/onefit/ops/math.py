# ruff: noqa: PLE0605
# pyright: reportUnsupportedDunderAll=false
"""Fourier transforms, segments and special functions of `keras.ops`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid, is_whole, mistyped, unknown
from onefit.faces import own as _own
from onefit.ops.table import operation, rows
from onefit.types import Array, ArrayLike

_EACH = """
erf(x)
erfc(x)
erfinv(x)
rsqrt(x)
"""
globals().update(rows(_EACH, [lax, jax.scipy.special], __name__, by_row=True))


@operation
def cdist(x: Array, y: Array) -> Array:
    """The distances of the vectors of x from those of y: (..., n, m)."""
    if x.shape[-1:] != y.shape[-1:]:
        raise invalid(
            "cdist", f"vectors of shapes {x.shape} and {y.shape}", "vectors of one size"
        )
    return jnp.sqrt(jnp.sum((x[..., :, None, :] - y[..., None, :, :]) ** 2, -1))


@operation
def logdet(x: Array) -> Array:
    """The logarithm of the determinant's absolute value."""
    return jnp.linalg.slogdet(x)[1]


@operation
def logsumexp(
    x: Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Array:
    """The sum log Σ exp(x) along axes."""
    return jax.scipy.special.logsumexp(x, axis=axis, keepdims=keepdims)


@operation
def top_k(x: Array, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """The k largest numbers of the last axis, and their places."""
    del sorted  # they always are
    values, places = lax.top_k(x, k)
    return values, places.astype("int32")


@operation
def in_top_k(targets: Array, predictions: Array, k: int) -> Array:
    """Whether the score of the target class is among the k largest of its row."""
    own = jnp.take_along_axis(predictions, targets.astype("int32")[:, None], axis=-1)
    finite = jnp.isfinite(own[:, 0])
    return (jnp.sum(predictions > own, -1) < k) & finite


# Segments -----------------------------------------------------------------------------


def _segments(name: str) -> Any:
    reduce = getattr(jax.ops, name)

    def segment(
        data: Array,
        segment_ids: Array,
        num_segments: int | None = None,
        sorted: bool = False,
    ) -> Array:
        if data.shape[:1] != segment_ids.shape:
            raise invalid(
                name,
                f"{data.shape[:1]} rows and segment_ids of shape {segment_ids.shape}",
                "one number for each row",
            )
        if num_segments is None and isinstance(segment_ids, Tracer):
            raise invalid(
                name, "no num_segments inside a program", "num_segments, the number"
            )
        count = num_segments
        count = int(jnp.max(segment_ids)) + 1 if count is None else count
        return reduce(data, segment_ids, count, indices_are_sorted=sorted)

    segment.__name__ = segment.__qualname__ = name
    segment.__doc__ = f"`jax.ops.{name}`: joins the rows that have one number."
    return operation(segment)


segment_sum, segment_max = _segments("segment_sum"), _segments("segment_max")
segment_min, segment_prod = _segments("segment_min"), _segments("segment_prod")


# Fourier transforms -------------------------------------------------------------------


def _complex(where: str, x: ArrayLike) -> Array:
    """The complex numbers of a pair of real and imaginary parts."""
    if not isinstance(x, list | tuple) or len(x) != 2:
        raise mistyped(
            where,
            f"{type(x).__name__}",
            "a pair of arrays, the real and the imaginary parts",
            "write (x, ops.zeros_like(x)) for real numbers",
        )
    return lax.complex(*(_float(part) for part in x))


def _float(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    floats = jnp.issubdtype(x.dtype, jnp.floating)
    return x if floats else x.astype(config.floatx())


def _parts(x: Array) -> tuple[Array, Array]:
    return jnp.real(x), jnp.imag(x)


@operation
def fft(x: ArrayLike) -> tuple[Array, Array]:
    """The Fourier transform along the last axis, of (real, imaginary) parts.

    >>> fft(([1.0, 1.0], [0.0, 0.0]))
    (Array([2., 0.], dtype=float32), Array([0., 0.], dtype=float32))
    """
    return _parts(jnp.fft.fft(_complex("fft", x)))


@operation
def fft2(x: ArrayLike) -> tuple[Array, Array]:
    """The Fourier transform along the last two axes, of (real, imaginary) parts."""
    return _parts(jnp.fft.fft2(_complex("fft2", x)))


@operation
def ifft2(x: ArrayLike) -> tuple[Array, Array]:
    """The reverse of `fft2`."""
    return _parts(jnp.fft.ifft2(_complex("ifft2", x)))


@operation
def rfft(x: Array, fft_length: int | None = None) -> tuple[Array, Array]:
    """The Fourier transform of real numbers along the last axis."""
    return _parts(jnp.fft.rfft(_float(x), fft_length))


@operation
def irfft(x: ArrayLike, fft_length: int | None = None) -> Array:
    """The reverse of `rfft`."""
    return jnp.fft.irfft(_complex("irfft", x), fft_length)


@operation
def extract_sequences(x: Array, sequence_length: int, sequence_stride: int) -> Array:
    """The pieces of a length along the last axis, a stride apart.

    >>> extract_sequences([1, 2, 3, 4], 2, 1)
    Array([[1, 2],
           [2, 3],
           [3, 4]], dtype=int32)
    """
    if not x.ndim:
        raise invalid("extract_sequences", "one number", "an array (..., samples)")
    _whole("extract_sequences", sequence_length=sequence_length)
    _whole("extract_sequences", sequence_stride=sequence_stride)
    count = (x.shape[-1] - sequence_length) // sequence_stride + 1
    starts = np.arange(count) * sequence_stride
    return x[..., starts[:, None] + np.arange(sequence_length)]


def _whole(where: str, **given: object) -> None:
    """Refuses what is no positive whole number."""
    for name, value in given.items():
        if not is_whole(value, 1):
            raise invalid(where, f"{name}={value!r}", "a positive whole number")


def _window(window: ArrayLike, length: int, size: int, dtype: DTypeLike) -> Array:
    """A window of a length, with zeros on both sides up to a size."""
    if isinstance(window, str):
        # Periodic ones, as for spectra: one more, without the last.
        named = {"hann": np.hanning, "hamming": np.hamming, "blackman": np.blackman}
        if window not in named:
            raise unknown("window", window, named)
        window = named[window](length + 1)[:-1]
    window = np.ones(length) if window is None else window
    window = jnp.asarray(window, dtype)
    if window.shape != (length,):
        raise invalid("window", f"shape {window.shape}", f"shape {(length,)}")
    before = (size - length) // 2
    return jnp.pad(window, (before, size - length - before))


@operation
def stft(
    x: Array,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: ArrayLike = "hann",
    center: bool = True,
) -> tuple[Array, Array]:
    """Fourier transforms of the windows of a signal, along the last axis.

    Args:
        x: (..., samples), real.
        sequence_length, sequence_stride: The length of a window, and how far apart
            they are.
        fft_length: How many numbers are transformed: zeros fill the window up.
        window: "hann", "hamming", "blackman", an array, or None for ones.
        center: Whether the signal is mirrored at both ends by half a length.

    Returns:
        The real and the imaginary parts, (..., windows, fft_length // 2 + 1).
    """
    x = _float(x)
    if center:
        more = fft_length // 2
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(more, more)], mode="reflect")
    shape = _window(window, sequence_length, fft_length, x.dtype)
    pieces = extract_sequences(x, fft_length, sequence_stride)
    return _parts(jnp.fft.rfft(pieces * shape, fft_length))


@operation
def istft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: ArrayLike = "hann",
    center: bool = True,
) -> Array:
    """The reverse of `stft`: windows weighed, summed, and divided by their weights.

    Args:
        x: The real and the imaginary parts, (..., windows, fft_length // 2 + 1).
        length: How many samples there are to be.
        sequence_length, sequence_stride, fft_length, window, center: As in `stft`.
    """
    _whole("istft", sequence_length=sequence_length, sequence_stride=sequence_stride)
    x = _complex("istft", x)
    if x.ndim < 2:
        raise invalid("istft", f"parts of shape {x.shape}", "(..., windows, numbers)")
    pieces = jnp.fft.irfft(x, fft_length)
    shape = _window(window, sequence_length, fft_length, pieces.dtype)
    count = pieces.shape[-2]
    total = fft_length + sequence_stride * (count - 1)
    places = np.arange(count)[:, None] * sequence_stride + np.arange(fft_length)
    zeros = jnp.zeros((*pieces.shape[:-2], total), pieces.dtype)
    summed = zeros.at[..., places].add(pieces * shape)
    weights = (
        jnp.zeros(total, pieces.dtype)
        .at[places]
        .add(jnp.broadcast_to(shape**2, places.shape))
    )
    signal = summed / jnp.where(weights > 1e-10, weights, 1)
    start = fft_length // 2 if center else 0
    end = total - start if length is None else start + length
    return signal[..., start:end]


# Complex numbers as pairs -------------------------------------------------------------


@operation
def view_as_complex(x: Array) -> Array:
    """The complex numbers of pairs (..., 2)."""
    if x.shape[-1:] != (2,):
        raise invalid("view_as_complex", f"shape {x.shape}", "shape (..., 2)")
    return lax.complex(x[..., 0], x[..., 1])


@operation
def view_as_real(x: Array) -> Array:
    """Complex numbers as pairs (..., 2)."""
    return jnp.stack(_parts(x), -1)


__all__ = _own(globals())
