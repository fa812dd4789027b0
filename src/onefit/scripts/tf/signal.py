"""tf.signal: Fourier transforms, frames of a wave, spectrograms."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit.errors import invalid
from onefit.scripts.tf.arrays import convert_to_tensor, tensors
from onefit.scripts.tf.dtypes import complex64, float32, narrow
from onefit.types import Array, ArrayLike

__all__ = [
    "dct",
    "fft",
    "fft2d",
    "fftshift",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "ifft",
    "ifft2d",
    "ifftshift",
    "inverse_stft",
    "inverse_stft_window_fn",
    "irfft",
    "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "rfft",
    "stft",
]

_Window = Callable[..., Any]


def _complex(input: ArrayLike) -> Array:
    return convert_to_tensor(input).astype(complex64.dtype)


@tensors
def fft(input: ArrayLike, name: str | None = None) -> Array:
    """The Fourier transform along the last axis."""
    return jnp.fft.fft(_complex(input))


@tensors
def ifft(input: ArrayLike, name: str | None = None) -> Array:
    """The inverse of `fft`."""
    return jnp.fft.ifft(_complex(input))


@tensors
def fft2d(input: ArrayLike, name: str | None = None) -> Array:
    """The Fourier transform along the last two axes."""
    return jnp.fft.fft2(_complex(input))


@tensors
def ifft2d(input: ArrayLike, name: str | None = None) -> Array:
    """The inverse of `fft2d`."""
    return jnp.fft.ifft2(_complex(input))


def _length(fft_length: Any) -> int | None:
    return None if fft_length is None else int(np.ravel(fft_length)[0])


@tensors
def rfft(input: ArrayLike, fft_length: Any = None, name: str | None = None) -> Array:
    """The Fourier transform of real numbers: its half of positive frequencies."""
    return jnp.fft.rfft(convert_to_tensor(input), _length(fft_length))


@tensors
def irfft(input: ArrayLike, fft_length: Any = None, name: str | None = None) -> Array:
    """The inverse of `rfft`."""
    return jnp.fft.irfft(_complex(input), _length(fft_length))


@tensors
def fftshift(x: ArrayLike, axes: Any = None, name: str | None = None) -> Array:
    """Frequency 0 in the middle."""
    return jnp.fft.fftshift(convert_to_tensor(x), axes)


@tensors
def ifftshift(x: ArrayLike, axes: Any = None, name: str | None = None) -> Array:
    """The inverse of `fftshift`."""
    return jnp.fft.ifftshift(convert_to_tensor(x), axes)


@tensors
def dct(
    input: ArrayLike,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Array:
    """The cosine transform of type 2.

    Raises:
        ValueError: Another type.
    """
    if type != 2:
        raise invalid("tf.signal.dct", f"type={type}", "type=2")
    return jax.scipy.fft.dct(convert_to_tensor(input), 2, n, axis, norm)


@tensors
def idct(
    input: ArrayLike,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    name: str | None = None,
) -> Array:
    """The inverse of `dct`; without norm="ortho" it is 2n times as large."""
    if type != 2:
        raise invalid("tf.signal.idct", f"type={type}", "type=2")
    x = convert_to_tensor(input)
    found = jax.scipy.fft.idct(x, 2, n, axis, norm)
    return found if norm else found * (2 * found.shape[axis])


# Windows ------------------------------------------------------------------------------


def _raised(length: int, periodic: bool, a: float, b: float, dtype: Any) -> Array:
    """A - b · cos(2πi/n); n is the length, or one less for an odd or symmetric one."""
    length = int(length)
    n = length + int(periodic) * (1 - length % 2) - 1
    angles = 2 * np.pi * np.arange(length) / max(n, 1)
    return jnp.asarray(a - b * np.cos(angles), narrow(dtype))


def hann_window(
    window_length: Any,
    periodic: bool = True,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Array:
    """A Hann window: 1/2 - 1/2 · cos(2πi/n).

    >>> hann_window(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _raised(window_length, periodic, 0.5, 0.5, dtype)


def hamming_window(
    window_length: Any,
    periodic: bool = True,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Array:
    """A Hamming window: 0.54 - 0.46 · cos(2πi/n)."""
    return _raised(window_length, periodic, 0.54, 0.46, dtype)


# Frames -------------------------------------------------------------------------------


@tensors
def frame(
    signal: ArrayLike,
    frame_length: Any,
    frame_step: Any,
    pad_end: bool = False,
    pad_value: Any = 0,
    axis: int = -1,
    name: str | None = None,
) -> Array:
    """A signal cut into frames, one every `frame_step` numbers.

    >>> frame([1, 2, 3, 4, 5], 3, 2).tolist()
    [[1, 2, 3], [3, 4, 5]]
    """
    x = jnp.moveaxis(convert_to_tensor(signal), axis, -1)
    length, step, size = int(frame_length), int(frame_step), x.shape[-1]
    if pad_end:
        count = -(-size // step)
        rest = max(0, (count - 1) * step + length - size)
        x = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, rest)], constant_values=pad_value)
    else:
        count = max(0, 1 + (size - length) // step)
    places = np.arange(count)[:, None] * step + np.arange(length)
    at = axis % x.ndim
    return jnp.moveaxis(x[..., places], (-2, -1), (at, at + 1))


@tensors
def overlap_and_add(signal: ArrayLike, frame_step: Any, name: Any = None) -> Array:
    """The sum of frames, each `frame_step` numbers after the one before."""
    x, step = convert_to_tensor(signal), int(frame_step)
    count, length = x.shape[-2:]
    out = jnp.zeros((*x.shape[:-2], (count - 1) * step + length), x.dtype)
    places = np.arange(count)[:, None] * step + np.arange(length)
    return out.at[..., places].add(x)


def _whole(frame_length: int, fft_length: Any) -> int:
    """The size of the transform: the next power of two unless it is given."""
    if fft_length is not None:
        return int(fft_length)
    return 1 << max(frame_length - 1, 0).bit_length()


@tensors
def stft(
    signals: ArrayLike,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: _Window | None = hann_window,
    pad_end: bool = False,
    name: str | None = None,
) -> Array:
    """The spectrum of each frame, (..., frames, fft_length // 2 + 1)."""
    x = frame(signals, frame_length, frame_step, pad_end)
    if window_fn is not None:
        x = x * window_fn(int(frame_length), dtype=x.dtype)
    return jnp.fft.rfft(x, _whole(int(frame_length), fft_length))


def inverse_stft_window_fn(
    frame_step: Any, forward_window_fn: _Window = hann_window, name: str | None = None
) -> _Window:
    """The window for `inverse_stft` that takes that of `stft` back."""

    def window(frame_length: Any, dtype: DTypeLike = float32) -> Array:
        length, step = int(frame_length), int(frame_step)
        forward = np.asarray(forward_window_fn(length, dtype=dtype))
        overlaps = -(-length // step)
        squares = np.pad(np.square(forward), (0, overlaps * step - length))
        sums = squares.reshape(overlaps, step).sum(0)
        return jnp.asarray(forward / np.tile(sums, overlaps)[:length])

    return window


@tensors
def inverse_stft(
    stfts: ArrayLike,
    frame_length: Any,
    frame_step: Any,
    fft_length: Any = None,
    window_fn: _Window | None = hann_window,
    name: str | None = None,
) -> Array:
    """A signal from the spectra of its frames."""
    length = int(frame_length)
    frames = jnp.fft.irfft(_complex(stfts), _whole(length, fft_length))[..., :length]
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return overlap_and_add(frames, frame_step)


# Mel ----------------------------------------------------------------------------------


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(hertz, float) / 700.0)


def linear_to_mel_weight_matrix(
    num_mel_bins: int = 20,
    num_spectrogram_bins: int = 129,
    sample_rate: Any = 8000,
    lower_edge_hertz: float = 125.0,
    upper_edge_hertz: float = 3800.0,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Array:
    """What turns a spectrum into bands of the mel scale: triangles that overlap.

    Returns:
        A matrix (num_spectrogram_bins, num_mel_bins), for `tf.matmul`.
    """
    nyquist = float(np.asarray(sample_rate)) / 2
    if not 0 <= lower_edge_hertz < upper_edge_hertz <= nyquist:
        raise invalid(
            "linear_to_mel_weight_matrix",
            f"edges {lower_edge_hertz} and {upper_edge_hertz}",
            f"0 ≤ lower < upper ≤ {nyquist}, half the sample rate",
        )
    bins = _mel(np.linspace(0.0, nyquist, int(num_spectrogram_bins))[1:])[:, None]
    low, high = _mel(lower_edge_hertz), _mel(upper_edge_hertz)
    edges = np.linspace(low, high, int(num_mel_bins) + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rises, falls = (bins - lower) / (center - lower), (upper - bins) / (upper - center)
    weights = np.maximum(0.0, np.minimum(rises, falls))
    return jnp.asarray(np.pad(weights, [(1, 0), (0, 0)]), narrow(dtype))


@tensors
def mfccs_from_log_mel_spectrograms(
    log_mel_spectrograms: ArrayLike, name: str | None = None
) -> Array:
    """Cepstral coefficients: the cosine transform of log-mel bands."""
    x = convert_to_tensor(log_mel_spectrograms)
    return dct(x) / np.sqrt(2.0 * x.shape[-1])
