# A callback of the program's own ends the fit.
import numpy as np
import tensorflow as tf


class Stop(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs={}):
        if logs.get("loss") < 0.2:
            print("\nGood enough, stopping.")
            self.model.stop_training = True


rng = np.random.default_rng(0)
x = rng.normal(size=(200, 4)).astype("float32")
y = (x[:, 0] > 0).astype(int)
model = tf.keras.models.Sequential(
    [
        tf.keras.layers.Dense(16, activation=tf.nn.relu),
        tf.keras.layers.Dense(2, activation=tf.nn.softmax),
    ]
)
model.compile(
    optimizer=tf.optimizers.Adam(learning_rate=0.01),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
history = model.fit(x, y, epochs=100, callbacks=[Stop()], verbose=0)
assert len(history.epoch) < 100
final = history.history["loss"][-1]
