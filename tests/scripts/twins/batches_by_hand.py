# train_on_batch, and a generator of batches.
import numpy as np
import tensorflow as tf

rng = np.random.default_rng(0)
x = rng.normal(size=(64, 3)).astype("float32")
y = x.sum(1)
model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="mse", metrics=["mae"])
for step in range(10):
    loss, mae = model.train_on_batch(x, y)
print(model.test_on_batch(x, y), model.predict_on_batch(x[:2]))
assert loss < 1.0
