"""tf.audio: waves in files of 16 bits."""

import io
import wave
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from onefit.errors import invalid
from onefit.scripts.tf.arrays import Text
from onefit.types import Array, ArrayLike

__all__ = ["decode_wav", "encode_wav"]


class _Wave(NamedTuple):
    audio: Any
    sample_rate: Any


def decode_wav(
    contents: Any,
    desired_channels: int = -1,
    desired_samples: int = -1,
    name: str | None = None,
) -> _Wave:
    """The wave in the bytes of a file, between -1 and 1, and its rate.

    Args:
        contents: The bytes.
        desired_channels: How many channels to give; more than there are repeats one.
        desired_samples: How many samples: cut off, or filled up with 0.

    Raises:
        ValueError: What is no wave of 16 bits.
    """
    data = bytes(contents) if isinstance(contents, Text) else contents
    try:
        with wave.open(io.BytesIO(data)) as file:
            channels, width = file.getnchannels(), file.getsampwidth()
            rate, raw = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise invalid(
            "tf.audio.decode_wav", str(error), "the bytes of a wave"
        ) from None
    if width != 2:
        raise invalid("tf.audio.decode_wav", f"{8 * width} bits", "16 bits")
    audio = np.frombuffer(raw, "<i2").reshape(-1, channels) / np.float32(32768)
    if desired_channels > channels:
        audio = np.repeat(audio[:, :1], desired_channels, 1)
    elif desired_channels > 0:
        audio = audio[:, :desired_channels]
    if desired_samples >= 0:
        rest = max(0, desired_samples - len(audio))
        audio = np.pad(audio[:desired_samples], [(0, rest), (0, 0)])
    return _Wave(jnp.asarray(audio), jnp.asarray(rate))


def encode_wav(audio: ArrayLike, sample_rate: Any, name: str | None = None) -> Text:
    """The bytes of a file with this wave, (samples, channels) between -1 and 1."""
    values: Array | np.ndarray = np.asarray(audio)
    if values.ndim != 2:
        raise invalid(
            "tf.audio.encode_wav", f"shape {values.shape}", "shape (samples, channels)"
        )
    whole = np.clip(np.round(values * 32767), -32768, 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(values.shape[1])
        file.setsampwidth(2)
        file.setframerate(int(sample_rate))
        file.writeframes(whole.tobytes())
    return Text(out.getvalue())
