# Sounds in folders as spectrograms, a small network of them, mel bands.
import pathlib

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

tf.random.set_seed(1)
rng = np.random.default_rng(1)
folder = pathlib.Path("sounds")
for number, name in enumerate(["low", "high"]):
    for i in range(8):
        t = np.arange(1600) / 8000
        wave = 0.5 * np.sin(2 * np.pi * (300 + 1500 * number) * t)
        wave += 0.05 * rng.normal(size=1600)
        data = tf.audio.encode_wav(wave[:, None].astype("float32"), 8000)
        tf.io.write_file(str(folder / name / f"{i}.wav"), data)


def spectrogram(path):
    audio, rate = tf.audio.decode_wav(tf.io.read_file(path), desired_channels=1)
    waves = tf.signal.stft(tf.squeeze(audio, -1), frame_length=255, frame_step=128)
    return tf.abs(waves)[..., tf.newaxis]


paths = sorted(map(str, folder.glob("*/*.wav")))
x = tf.stack([spectrogram(path) for path in paths])
y = np.array(["low" in path for path in paths]).astype("float32")
assert x.shape == (16, 11, 129, 1)
model = tf.keras.Sequential(
    [layers.Flatten(), layers.Normalization(), layers.Dense(1, activation="sigmoid")]
)
model.layers[1].adapt(tf.reshape(x, (16, -1)))
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=10, verbose=0)
assert model.evaluate(x, y, verbose=0)[1] > 0.9

wave = tf.random.normal([2, 1024])
spectra = tf.signal.stft(wave, 256, 64, 256)
window = tf.signal.inverse_stft_window_fn(64)
back = tf.signal.inverse_stft(spectra, 256, 64, 256, window_fn=window)
assert np.allclose(back[:, 256:-256], wave[:, 256:-256], atol=1e-4)
mel = tf.signal.linear_to_mel_weight_matrix(20, spectra.shape[-1], 8000, 80.0, 3600.0)
bands = tf.math.log(tf.tensordot(tf.abs(spectra), mel, 1) + 1e-6)
assert tf.signal.mfccs_from_log_mel_spectrograms(bands)[..., :13].shape == (2, 13, 13)
assert tf.signal.frame(tf.range(10), 4, 2).numpy().tolist()[1] == [2, 3, 4, 5]
