# One neuron learns y = 2x - 1 from six numbers.
import numpy as np
import tensorflow as tf

xs = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0], dtype=float)
ys = np.array([-3.0, -1.0, 1.0, 3.0, 5.0, 7.0], dtype=float)
tf.random.set_seed(1)
model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=[1])])
model.compile(optimizer="sgd", loss="mean_squared_error")
model.fit(xs, ys, epochs=300, verbose=0)
print(model.predict(np.array([10.0]), verbose=0))
final = float(model.evaluate(xs, ys, verbose=0))
assert final < 0.05
