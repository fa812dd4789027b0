# What a tensor is: its shape, its type, its parts.
import numpy as np
import tensorflow as tf

scalar = tf.constant(7)
vector = tf.constant([10, 10])
matrix = tf.constant([[10.0, 7.0], [3.0, 2.0], [8.0, 9.0]], dtype=tf.float16)
print(scalar, scalar.ndim, vector, matrix.dtype)
assert matrix.shape == (3, 2) and matrix.dtype == tf.float16
assert tf.rank(matrix).numpy() == 2 and tf.size(matrix).numpy() == 6
rank_4 = tf.zeros([2, 3, 4, 5])
print(rank_4.shape[0], rank_4.shape[-1], rank_4[:2, :2, :2, :2].shape)
assert tf.expand_dims(vector, axis=-1).shape == (2, 1)
assert vector[..., tf.newaxis].shape == (2, 1)
b = tf.cast(tf.constant([1.7, 7.4]), dtype=tf.int32)
assert b.numpy().tolist() == [1, 7]
numpy_t = tf.constant(np.arange(1, 25, dtype=np.int32), shape=(2, 3, 4))
assert numpy_t[1, 2, 3].numpy() == 24
assert np.array(numpy_t).shape == (2, 3, 4)
t = tf.constant([[1, 2], [3, 4]])
assert (t + 10).numpy().tolist() == [[11, 12], [13, 14]]
assert (t * t).numpy()[1, 1] == 16 and (t @ t).numpy()[0, 0] == 7
assert tf.transpose(t).numpy().tolist() == [[1, 3], [2, 4]]
assert tf.reshape(t, shape=(4, 1)).shape == (4, 1)
assert tf.squeeze(tf.constant([[[1, 2]]])).shape == (2,)
assert isinstance(t, tf.Tensor) and tf.is_tensor(t)
for row in t:
    print(row.numpy())
print(tf.one_hot([0, 1, 2], depth=3), t.numpy() + np.ones((2, 2)))
print(repr(tf.constant([1.5])), f"{tf.constant(1.234):.2f}")
