# Learning rates that change from epoch to epoch, and the one that is best.
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 3)).astype("float32")
y = x.sum(1)
model = tf.keras.Sequential([tf.keras.layers.Dense(4, activation="relu"), tf.keras.layers.Dense(1)])
lr_schedule = tf.keras.callbacks.LearningRateScheduler(
    lambda epoch: 1e-3 * 10 ** (epoch / 10)
)
optimizer = tf.keras.optimizers.SGD(learning_rate=1e-3, momentum=0.9)
model.compile(loss=tf.keras.losses.Huber(), optimizer=optimizer, metrics=["mae"])
history = model.fit(x, y, epochs=6, callbacks=[lr_schedule], verbose=0)
print(history.history["mae"])
schedule = tf.keras.optimizers.schedules.InverseTimeDecay(0.1, 10, 1.0)
decay = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
print(schedule(10), decay(10))
assert abs(float(decay(10)) - 0.09) < 1e-6
model.compile(optimizer=tf.keras.optimizers.Adam(schedule), loss="mse")
model.fit(x, y, epochs=1, verbose=0)
