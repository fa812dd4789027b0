# Functions of tf on what Input gives.
import numpy as np
import tensorflow as tf

x = tf.keras.Input(shape=(4,))
y = tf.reduce_mean(x, axis=1, keepdims=True)
z = tf.concat([tf.square(x), tf.nn.relu(x - y)], axis=-1)
model = tf.keras.Model(x, tf.keras.layers.Dense(1)(z)) if hasattr(z, "_keras_history") or True else None
assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 1)
