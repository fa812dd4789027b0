"""Spectrograms: pitches by hand, windows, errors in words."""

import numpy as np
import pytest

import onefit
from onefit.layers import MelSpectrogram, STFTSpectrogram


def tone(hertz, rate=8000, steps=1024):
    return np.sin(2 * np.pi * hertz * np.arange(steps) / rate).astype("float32")


def test_a_tone_is_one_frequency():
    # 1000 of 8000 hertz is frequency 8 of 64: its power is that of a sine, (1/2 · N)².
    layer = STFTSpectrogram("psd", frame_length=64, window=None, scaling=None)
    y = np.asarray(layer(tone(1000)[None, :, None]))[0, 0]
    assert y.argmax() == 8
    np.testing.assert_allclose(y[8], 2 * 32**2, rtol=1e-3)
    assert np.delete(y, 8).max() < 1e-3


def test_decibels_by_hand():
    # Half the loudness is a quarter of the power: 10 · log10(4) decibels less.
    told = {
        "fft_length": 128,
        "sequence_stride": 64,
        "num_mel_bins": 4,
        "top_db": 500.0,
    }
    layer = MelSpectrogram(**told, sampling_rate=8000, min_power=1e-30)
    loud, soft = (np.asarray(layer(k * tone(1000)[None])) for k in (1.0, 0.5))
    np.testing.assert_allclose(loud - soft, 10 * np.log10(4), rtol=1e-3)
    one = np.asarray(layer(tone(1000)))
    np.testing.assert_allclose(one, loud[0], rtol=1e-5)
    assert one.shape == (4, 17)


def test_triangles_overlap_by_half():
    m = MelSpectrogram().linear_to_mel_weight_matrix(8, 4097, 8000, 0.0, 4000.0)
    assert m.shape == (4097, 8)
    assert m.max() > 0.99
    inner = m[m[:, 0].argmax() : m[:, -1].argmax()]
    np.testing.assert_allclose(inner.sum(1), 1, atol=1e-5)


def test_kernels_may_be_trained():
    model = onefit.Sequential(
        [
            onefit.Input((64, 1)),
            STFTSpectrogram("magnitude", frame_length=16),
            onefit.layers.GlobalAveragePooling1D(),
            onefit.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    x = np.stack([tone(f, steps=64) for f in (500, 1000) * 8])[..., None]
    before = model.layers[0].get_weights()
    model.fit(x, np.tile([0.0, 1.0], 8), epochs=2, verbose=0)
    assert not np.array_equal(before[0], model.layers[0].get_weights()[0])


@pytest.mark.parametrize(
    ("match", "make"),
    [
        ("above fft_length=8", lambda: MelSpectrogram(8, sequence_length=9)),
        ("a window of 2 numbers", lambda: MelSpectrogram(8, window=[1.0, 1.0])),
        ("window='hat'", lambda: STFTSpectrogram(window="hat")),
        ("above frame_length=4", lambda: STFTSpectrogram(frame_length=4, frame_step=5)),
        ("below frame_length=9", lambda: STFTSpectrogram(frame_length=9, fft_length=8)),
        ("Did you mean 'log'", lambda: STFTSpectrogram("lgo")),
        ("sounds of 4 steps", lambda: MelSpectrogram(8)(np.ones((1, 4)))),
        ("one channel", lambda: MelSpectrogram(8)(np.ones((1, 40, 2)))),
        ("sounds of 9 steps", lambda: STFTSpectrogram()(np.ones((1, 9, 1)))),
        ("sounds with channels", lambda: STFTSpectrogram()(np.ones((1, 900)))),
    ],
)
def test_what_cannot_be_meant(match, make):
    with pytest.raises(ValueError, match=match):
        make()
