# Two LSTM layers, and one that reads both ways.
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import LSTM, Bidirectional, Dense, Dropout

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 6, 2)).astype("float32")
y = X[:, :, 0].mean(1)
model = tf.keras.Sequential()
model.add(LSTM(units=6, return_sequences=True, input_shape=(X.shape[1], 2)))
model.add(Dropout(0.1))
model.add(Bidirectional(LSTM(units=4)))
model.add(Dense(units=1))
model.compile(optimizer="adam", loss="mean_squared_error")
history = model.fit(X, y, epochs=4, batch_size=20, verbose=0)
assert history.history["loss"][-1] < 1.0
