# Variables: assigned, added to, mixed with tensors.
import numpy as np
import tensorflow as tf

v = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="v")
v.assign(2 * v)
v.assign_add(tf.ones((2, 2)))
v.assign_sub([[1.0, 1.0], [1.0, 1.0]])
assert v.numpy().tolist() == [[2.0, 4.0], [6.0, 8.0]]
print(v, v.shape, v.dtype, v.name, v.trainable)
assert v.shape == (2, 2)
assert (v + 1.0).numpy()[0, 0] == 3.0 and tf.reduce_sum(v).numpy() == 20.0
assert tf.matmul(v, v).shape == (2, 2) and np.sum(v) == 20.0
assert isinstance(v, tf.Variable) and tf.convert_to_tensor(v)[1, 1] == 8.0
whole = tf.Variable([10, 7])
assert whole[0] == 10 and whole.dtype == tf.int32
layer = tf.keras.layers.Dense(1)
layer.build((None, 2))
assert isinstance(layer.kernel, tf.Variable) or hasattr(layer.kernel, "assign")
