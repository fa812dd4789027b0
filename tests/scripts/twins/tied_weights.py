# A decoder with the encoder's weights turned round; a penalty on activities.
import numpy as np
import tensorflow as tf


class DenseTranspose(tf.keras.layers.Layer):
    def __init__(self, dense, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.dense = dense
        self.activation = tf.keras.activations.get(activation)

    def build(self, batch_input_shape):
        size = self.dense.kernel.shape[0]
        self.biases = self.add_weight(name="bias", shape=[size], initializer="zeros")
        super().build(batch_input_shape)

    def call(self, inputs):
        z = tf.matmul(inputs, self.dense.weights[0], transpose_b=True)
        return self.activation(z + self.biases)


class Sparse(tf.keras.regularizers.Regularizer):
    def __call__(self, inputs):
        mean = tf.reduce_mean(inputs, axis=0)
        return 0.01 * tf.keras.losses.kl_divergence(0.1, mean)


x = np.random.default_rng(0).random((40, 6)).astype("float32")
first = tf.keras.layers.Dense(4, activation="sigmoid", activity_regularizer=Sparse())
second = tf.keras.layers.Dense(2)
encoder = tf.keras.Sequential([first, second])
decoder = tf.keras.Sequential([DenseTranspose(second), DenseTranspose(first)])
tied = tf.keras.Sequential([encoder, decoder])
tied.compile(loss="mse", optimizer="nadam")
history = tied.fit(x, x, epochs=5, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
assert len(tied.trainable_weights) == 6
