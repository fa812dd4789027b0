# ruff: noqa: D102
"""Sounds as pictures: which frequencies there are, window by window in time."""

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from onefit import config
from onefit.checks import between, one_of, whole
from onefit.description import setting
from onefit.errors import invalid
from onefit.layers.base import Layer
from onefit.types import Array, Generator, Params, Shape, Shapes, State

__all__ = ["MelSpectrogram", "STFTSpectrogram"]


def _window(value: Any) -> Any:
    """The name of a window, or its numbers."""
    return (
        value if value is None or isinstance(value, str) else tuple(map(float, value))
    )


def _weights(window: Any, length: int, periodic: bool, place: str) -> np.ndarray | None:
    """The numbers of a window; None for none.

    Raises:
        ValueError: An unknown name, another number of numbers.
    """
    if window is None:
        return None
    if isinstance(window, str):
        from scipy.signal import get_window  # JAX brings scipy

        try:
            return np.asarray(get_window(window, length, periodic))
        except ValueError as error:
            raise invalid(
                place, f"window={window!r} ({error})", "'hann', 'hamming', or numbers"
            ) from None
    if len(window) != length:
        raise invalid(
            place, f"a window of {len(window)} numbers", f"{length}, one for each step"
        )
    return np.array(window)


class MelSpectrogram(Layer):
    """How loud each pitch is, window by window: a = 10·log₁₀(Σ_k m_k |F_k|^p / r).

    F is the Fourier transform of a window of the sound, m are triangles that stand
    evenly on the mel scale, 2595·log₁₀(1 + f/700), on which people hear.

    Args:
        fft_length: The length of a transform.
        sequence_stride: So many steps from one window to the next.
        sequence_length: The length of a window, fft_length unless given.
        window: 'hann', 'hamming', its numbers, or None for none.
        sampling_rate: Steps in a second.
        num_mel_bins: How many pitches.
        min_freq, max_freq: The lowest and the highest in hertz; None is half of
            sampling_rate.
        power_to_db: Whether loudness is in decibels.
        top_db: So many below the loudest of the batch, and no less.
        mag_exp: p, 2 for power and 1 for magnitude.
        min_power: The least power that counts.
        ref_power: r, the power of 0 decibels.

    Input and output: (batch, steps) to (batch, num_mel_bins, windows); of one sound
    without the batch axis. The sound is mirrored at both ends, so there are
    steps // sequence_stride + 1 windows.

    Raises:
        ValueError: A window longer than the transform, a sound shorter than half of it.

    Example:
        >>> layer = MelSpectrogram(256, 128, num_mel_bins=8, sampling_rate=8000)
        >>> t = np.arange(1024) / 8000
        >>> y = layer(np.sin(2 * np.pi * 1000 * t)[None])
        >>> y.shape, int(y[0, :, 4].argmax())
        ((1, 8, 9), 3)

    Source: Stevens, Volkmann and Newman 1937; Keras, `keras.layers.MelSpectrogram`.
    """

    role = "other"
    by_row = False  # the loudest of the batch says where decibels are cut

    fft_length: int = setting(default=2048, check=whole(2))
    sequence_stride: int = setting(default=512, check=whole(1))
    sequence_length: int | None = setting(default=None, check=whole(1, optional=True))
    window: Any = setting(default="hann", convert=_window)
    sampling_rate: int = setting(default=16000, check=whole(1))
    num_mel_bins: int = setting(default=128, check=whole(1))
    min_freq: float = setting(default=20.0, check=between(0))
    max_freq: float | None = setting(default=None, check=between(0, optional=True))
    power_to_db: bool = True
    top_db: float = setting(default=80.0, check=between(0))
    mag_exp: float = setting(default=2.0, check=between(0))
    min_power: float = setting(default=1e-10, check=between(above=0))
    ref_power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        length, highest = self.sequence_length, self.max_freq
        window = length or self.fft_length
        object.__setattr__(self, "sequence_length", window)
        object.__setattr__(self, "max_freq", highest or self.sampling_rate // 2)
        if window > self.fft_length:
            raise self.misfit(
                f"sequence_length={length} above fft_length={self.fft_length}",
                "a window that the transform can hold",
                f"write fft_length={1 << (window - 1).bit_length()}",
            )
        self._numbers()

    def _numbers(self) -> np.ndarray:
        """The window, in the middle of a transform's length."""
        length = self.sequence_length or self.fft_length
        own = _weights(self.window, length, True, type(self).__name__)
        before = (self.fft_length - length) // 2
        after = self.fft_length - length - before
        if own is None:
            return np.ones(self.fft_length)
        return np.pad(own, (before, after))

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> np.ndarray:
        """The triangles m for these numbers, whatever the layer's own are.

        Returns:
            (num_spectrogram_bins, num_mel_bins); frequency 0 is in none of them.
        """

        def mel(hertz: Any) -> Any:
            return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)

        hertz = np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)
        heard = mel(hertz[1:, None])
        lowest, highest = mel(lower_edge_hertz), mel(upper_edge_hertz)
        edges = np.linspace(lowest, highest, num_mel_bins + 2)
        low, middle, high = edges[:-2], edges[1:-1], edges[2:]
        rising, falling = (
            (heard - low) / (middle - low),
            (high - heard) / (high - middle),
        )
        triangles = np.maximum(0.0, np.minimum(rising, falling))
        return np.pad(triangles, ((1, 0), (0, 0))).astype(dtype)

    def compute(self, params: Params, x: Array) -> Array:
        kind = x.dtype if x.dtype == "float64" else "float32"
        half, length = self.fft_length // 2, self.fft_length
        pads = [(0, 0)] * (x.ndim - 1) + [(half, half)]
        x = jnp.pad(x.astype(kind), pads, mode="reflect")
        starts = np.arange(0, x.shape[-1] - length + 1, self.sequence_stride)
        frames = x[..., starts[:, None] + np.arange(length)]
        spectrum = jnp.fft.rfft(frames * jnp.asarray(self._numbers(), kind))
        power = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
        power = power ** (self.mag_exp / 2) if self.mag_exp != 2 else power
        y = power @ self.linear_to_mel_weight_matrix(
            self.num_mel_bins,
            self.fft_length // 2 + 1,
            self.sampling_rate,
            self.min_freq,
            self.max_freq or 0.0,
            kind,
        )
        if self.power_to_db:
            y = 10.0 * jnp.log10(jnp.maximum(y, self.min_power))
            y = y - 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
            y = jnp.maximum(y, y.max() - self.top_db)
        return jnp.swapaxes(y, -1, -2)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        *batch, steps = input_shape
        if len(batch) > 1:
            raise self.misfit(
                f"input of shape {input_shape}",
                "sounds of one channel, (batch, steps)",
                "write x[..., 0] for the first channel",
            )
        half = self.fft_length // 2
        if steps is not None and steps <= half:
            raise self.misfit(
                f"sounds of {steps} steps",
                f"more than {half}, half of fft_length={self.fft_length}",
                "write fft_length=256, or fill them up with zeros",
            )
        windows = None if steps is None else steps // self.sequence_stride + 1
        if self.fft_length % 2 and steps is not None:
            windows = (steps - 1) // self.sequence_stride + 1
        return (*batch, self.num_mel_bins, windows)


MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """The Fourier transform of each window of a sound, by kernels that may be trained.

    z_k = Σ_t x_t w_t e^(−2πi·kt/n), for windows w that follow each other.

    Args:
        mode: What comes out of z: 'log' and 'magnitude' of |z|, 'psd' for |z|², 'real',
            'imag', 'angle', or 'stft' for the real and the imaginary part.
        frame_length: The length of a window.
        frame_step: So many steps from one window to the next, half a window unless
            given.
        fft_length: n; the power of two that holds a window unless given.
        window: 'hann', 'hamming', another of scipy's, its numbers, or None.
        periodic: Whether the window is one of a period.
        scaling: 'density' divides by √Σw², 'spectrum' by Σ|w|, None by nothing.
        padding: 'valid', or 'same' for zeros at both ends.
        expand_dims: Whether the frequencies get an axis of their own, as of a picture.
        data_format: Whether the channels are last or first.

    Input and output: (batch, steps, channels) to (batch, windows, channels ·
    frequencies), or with expand_dims to (batch, windows, frequencies, channels).

    Weights: real_kernel and imag_kernel, (frame_length, 1, n // 2 + 1); one of them
    for the modes 'real' and 'imag'.

    Raises:
        ValueError: A step longer than a window, a transform shorter than it.

    Example:
        >>> layer = STFTSpectrogram("magnitude", frame_length=16, trainable=False)
        >>> layer(np.sin(np.arange(64.0) * np.pi / 4)[None, :, None])[0, 0].argmax()
        Array(2, dtype=int32)

    Source: Allen and Rabiner 1977; Keras, `keras.layers.STFTSpectrogram`.
    """

    role = "other"

    mode: str = setting(default="log", check=one_of(*MODES))
    frame_length: int = setting(default=256, check=whole(1))
    frame_step: int | None = setting(default=None, check=whole(1, optional=True))
    fft_length: int | None = setting(default=None, check=whole(1, optional=True))
    window: Any = setting(default="hann", convert=_window)
    periodic: bool = False
    scaling: str | None = setting(
        default="density", check=one_of("density", "spectrum", None)
    )
    padding: str = setting(default="valid", check=one_of("valid", "same"))
    expand_dims: bool = False
    data_format: str = setting(
        default="channels_last",
        convert=lambda value: value or "channels_last",
        check=one_of("channels_last", "channels_first"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        length = self.frame_length
        if self.frame_step is not None and self.frame_step > length:
            raise self.misfit(
                f"frame_step={self.frame_step} above frame_length={length}",
                "windows that leave nothing out",
                f"write frame_step={length // 2}",
            )
        if self.fft_length is not None and self.fft_length < length:
            raise self.misfit(
                f"fft_length={self.fft_length} below frame_length={length}",
                "a transform that holds a window",
                f"write fft_length={1 << (length - 1).bit_length()}",
            )
        _weights(self.window, length, self.periodic, type(self).__name__)

    @property
    def step(self) -> int:
        """The steps from one window to the next."""
        return self.frame_step or self.frame_length // 2 or 1

    @property
    def bins(self) -> int:
        """How many frequencies there are."""
        length = self.fft_length or 1 << (self.frame_length - 1).bit_length()
        return length // 2 + 1

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        length, n = self.frame_length, 2 * (self.bins - 1)
        angle = -2 * np.pi * np.arange(length)[:, None, None] / max(n, 1)
        angle = angle * np.arange(self.bins)
        window = _weights(self.window, length, self.periodic, type(self).__name__)
        scale = np.ones((1, 1, 1))
        if window is not None:
            size = {
                "density": np.sqrt(np.square(window).sum()),
                "spectrum": np.abs(window).sum(),
                None: 1.0,
            }[self.scaling]
            scale = window[:, None, None] / size
        kernels = {"real_kernel": np.cos(angle), "imag_kernel": np.sin(angle)}
        left_out = {"real": "imag_kernel", "imag": "real_kernel"}.get(self.mode)
        return {
            name: (kernel * scale).astype(config.floatx())
            for name, kernel in kernels.items()
            if name != left_out
        }, {}

    def compute(self, params: Params, x: Array) -> Array:
        first = self.data_format == "channels_first"
        sounds: Any = x if first else jnp.swapaxes(x, 1, 2)
        batch, channels, steps = sounds.shape

        def transformed(name: str) -> Array:
            y = lax.conv_general_dilated(
                sounds.reshape(-1, steps, 1),
                params[name].astype(x.dtype),
                (self.step,),
                self.padding.upper(),
                dimension_numbers=("NWC", "WIO", "NWC"),
            )
            return y.reshape(batch, channels, *y.shape[1:])

        y = self._of_parts(functools.cache(transformed))
        if self.expand_dims:  # (batch, channels, windows, frequencies) as yet
            return y if first else jnp.moveaxis(y, 1, 3)
        windows, bins = y.shape[2:]
        y = jnp.swapaxes(y, 2, 3).reshape(batch, channels * bins, windows)
        return y if first else jnp.swapaxes(y, 1, 2)

    def _of_parts(self, part: Any) -> Array:
        """What the mode asks for, of the real and the imaginary part."""
        match self.mode:
            case "real" | "imag":
                return part(f"{self.mode}_kernel")
            case "angle":
                return jnp.arctan2(part("imag_kernel"), part("real_kernel"))
            case "stft":
                return jnp.concatenate([part("real_kernel"), part("imag_kernel")], -1)
        power = jnp.square(part("real_kernel")) + jnp.square(part("imag_kernel"))
        if self.mode == "psd":  # what is at negative frequencies is added
            inner = [(0, 0)] * 3 + [(1, 1)]
            return power + jnp.pad(power[..., 1:-1], inner)
        size = jnp.sqrt(jnp.maximum(power, config.epsilon()))
        if self.mode == "magnitude":
            return size
        return jnp.log(jnp.maximum(size, config.epsilon()))

    def output_shape(self, input_shape: Shapes) -> Shapes:
        first = self.data_format == "channels_first"
        if len(input_shape) != 3:
            raise self.misfit(
                f"input of shape {input_shape}",
                "sounds with channels, (batch, steps, channels)",
                "write x[..., None] for one channel",
            )
        batch, steps, channels = input_shape
        if first:
            channels, steps = steps, channels
        if steps is not None and self.padding == "valid" and steps < self.frame_length:
            raise self.misfit(
                f"sounds of {steps} steps",
                f"at least {self.frame_length}, the length of a window",
                "write padding='same', or a smaller frame_length",
            )
        windows = None
        if steps is not None and self.padding == "same":
            windows = -(-steps // self.step)
        elif steps is not None:
            windows = (steps - self.frame_length) // self.step + 1
        bins = self.bins * (2 if self.mode == "stft" else 1)
        if self.expand_dims:
            return (
                (batch, channels, windows, bins)
                if first
                else (batch, windows, bins, channels)
            )
        wide = None if channels is None else channels * bins
        return (batch, wide, windows) if first else (batch, windows, wide)
