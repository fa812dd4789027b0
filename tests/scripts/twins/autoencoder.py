# An autoencoder and its two halves.
import numpy as np
from tensorflow.keras.layers import Dense, Input
from tensorflow.keras.models import Model

rng = np.random.default_rng(0)
base = rng.normal(size=(120, 2))
x = base @ rng.normal(size=(2, 8))
input_img = Input(shape=(8,))
encoded = Dense(2, activation="linear")(input_img)
decoded = Dense(8, activation="linear")(encoded)
autoencoder = Model(input_img, decoded)
encoder = Model(input_img, encoded)
autoencoder.compile(optimizer="adam", loss="mse")
autoencoder.fit(x, x, epochs=60, batch_size=16, shuffle=True, verbose=0)
final = float(autoencoder.evaluate(x, x, verbose=0))
assert encoder.predict(x, verbose=0).shape == (120, 2)
assert final < 2.0
