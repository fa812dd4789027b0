# Small things that programs write: lists in sums, None for an initializer, names guarded.
import numpy as np
import tensorflow as tf
from tensorflow import keras

w = tf.Variable(tf.ones((3, 2)))
with tf.GradientTape(persistent=True) as tape:
    y = [[1.0, 2.0, 3.0]] @ w + [1.0, 2.0]
assert tape.gradient(y, {"w": w})["w"].shape == (3, 2)
assert (tf.constant(2.0) * [3.0, 4.0]).numpy().tolist() == [6.0, 8.0]
n = tf.constant(10)
with tf.GradientTape() as tape:
    tape.watch(n)
    z = n * n
assert tape.gradient(z, n) is None
one, other = tf.Variable([2.0]), tf.Variable(3.0)
with tf.GradientTape() as tape:
    z = other * other
zero = tf.UnconnectedGradients.ZERO
assert tape.gradient(z, one, unconnected_gradients=zero).numpy().tolist() == [0.0]
assert bool(tf.not_equal(tf.strings.substr("0,1", 0, 1), "1"))


@tf.numpy_function(Tout=[tf.float32, tf.int32])
def both(x):
    return np.float32(x + 1), np.int32(x)


assert [float(v) for v in both(tf.constant(2))] == [3.0, 2.0]
metric = keras.metrics.Mean()
metric.reset_states() if hasattr(metric, "reset_states") else metric.reset_state()
keras.backend.set_learning_phase(0) if hasattr(
    keras.backend, "set_learning_phase"
) else None

shared = keras.layers.Dense(2, bias_initializer=None)
a, b = keras.Input((3,)), keras.Input((3,))
model = keras.Model([a, b], shared(a) + shared(b))
assert keras.Model(a, shared.output)(tf.Variable(tf.ones((1, 3)))).shape == (1, 2)
rows = {"a": np.zeros((8, 1)), "target": np.zeros(8)}
named = keras.Input((1,), name="a")
table = keras.Model({"a": named}, keras.layers.Dense(1)(named))
table.compile("adam", "mse")
table.fit(tf.data.Dataset.from_tensor_slices((rows, rows["target"])).batch(4), verbose=0)
lookup = tf.lookup.StaticHashTable(
    tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([0, 1])), -1
)
assert lookup.lookup(tf.constant(["b", "z"])).numpy().tolist() == [1, -1]
assert tf.bitwise.bitwise_and(6, 3).numpy() == 2
assert tf.complex(1.0, 2.0).numpy() == 1 + 2j
