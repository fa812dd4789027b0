# A metric as a class.
import numpy as np
import tensorflow as tf


class HuberMetric(tf.keras.metrics.Metric):
    def __init__(self, threshold=1.0, name="huber", **kwargs):
        super().__init__(name=name, **kwargs)
        self.threshold = threshold
        self.total = self.add_weight(name="total", initializer="zeros")
        self.count = self.add_weight(name="count", initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = tf.abs(y_true - y_pred)
        small = tf.square(error) / 2
        values = tf.where(error < self.threshold, small, error - 0.5)
        self.total.assign_add(tf.reduce_sum(values))
        self.count.assign_add(tf.cast(tf.size(y_true), tf.float32))

    def result(self):
        return self.total / self.count


m = HuberMetric()
m.update_state(tf.constant([[2.0]]), tf.constant([[10.0]]))
assert float(m.result()) == 7.5
x = np.ones((16, 2), "float32")
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile("sgd", "mse", metrics=[HuberMetric()])
history = model.fit(x, np.ones((16, 1), "float32"), epochs=2, verbose=0)
assert "huber" in history.history
