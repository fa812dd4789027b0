# A model as a layer of another, called twice.
import numpy as np
import tensorflow as tf

shared = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(4, activation="relu")])
a, b = tf.keras.Input((3,)), tf.keras.Input((3,))
difference = tf.keras.layers.Subtract()([shared(a), shared(b)])
distance = tf.keras.layers.Dense(1)(difference)
model = tf.keras.Model([a, b], distance)
model.compile("adam", "mse")
left, right = np.ones((8, 3)), np.zeros((8, 3))
model.fit([left, right], np.ones(8), epochs=2, verbose=0)
assert model.predict([left, right], verbose=0).shape == (8, 1)
merged = tf.keras.layers.add([a, b])
assert tf.keras.Model([a, b], merged).predict([left, right], verbose=0)[0, 0] == 1.0
