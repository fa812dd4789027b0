# A layer of one's own with add_weight, and one that holds layers.
import numpy as np
import tensorflow as tf


class SimpleDense(tf.keras.layers.Layer):
    def __init__(self, units=32, activation=None):
        super(SimpleDense, self).__init__()
        self.units = units
        self.activation = tf.keras.activations.get(activation)

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer="random_normal",
            trainable=True,
            name="kernel",
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        return self.activation(tf.matmul(inputs, self.w) + self.b)


class Block(tf.keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.first = tf.keras.layers.Dense(units, activation="relu")
        self.second = SimpleDense(units)

    def call(self, x):
        return tf.nn.relu(self.second(self.first(x)))


x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
model = tf.keras.Sequential([Block(8), tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.Adam(0.02), loss="mse")
model.fit(x, x.sum(1), epochs=30, verbose=0)
final = float(model.evaluate(x, x.sum(1), verbose=0))
layer = SimpleDense(4)
print(layer(tf.ones((2, 2))).shape, len(layer.trainable_weights))
assert final < 2.0
