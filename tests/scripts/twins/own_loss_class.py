# A loss as a class with a setting.
import numpy as np
import tensorflow as tf
from tensorflow.keras.losses import Loss


class MyHuberLoss(Loss):
    def __init__(self, threshold=1.0):
        super().__init__()
        self.threshold = threshold

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        is_small = tf.abs(error) <= self.threshold
        small = tf.square(error) / 2
        big = self.threshold * (tf.abs(error) - 0.5 * self.threshold)
        return tf.where(is_small, small, big)


xs = np.array([[-1.0], [0.0], [1.0], [2.0]])
model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,))])
model.compile(optimizer="sgd", loss=MyHuberLoss(threshold=1.02))
history = model.fit(xs, 2 * xs - 1, epochs=50, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
