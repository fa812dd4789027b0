# Functions as layers, and functions of tf in a functional model.
import numpy as np
import tensorflow as tf

model = tf.keras.models.Sequential(
    [
        tf.keras.Input((6,)),
        tf.keras.layers.Lambda(lambda x: tf.expand_dims(x, axis=-1)),
        tf.keras.layers.Conv1D(4, 3, padding="causal", activation="relu"),
        tf.keras.layers.GlobalAveragePooling1D(),
        tf.keras.layers.Dense(1),
        tf.keras.layers.Lambda(lambda x: x * 100.0),
    ]
)
assert model.predict(np.ones((2, 6)), verbose=0).shape == (2, 1)
model.compile(loss="mse", optimizer="sgd")
model.fit(np.ones((8, 6)) / 100, np.zeros(8), epochs=1, verbose=0)
