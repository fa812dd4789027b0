# Sums, means, places and orders of tensors.
import tensorflow as tf

x = tf.constant([[1.0, 5.0, 3.0], [4.0, 2.0, 6.0]])
assert tf.reduce_sum(x).numpy() == 21.0
assert tf.reduce_mean(x, axis=0).numpy().tolist() == [2.5, 3.5, 4.5]
assert tf.reduce_max(x, axis=1, keepdims=True).shape == (2, 1)
assert tf.argmax(x, axis=1).numpy().tolist() == [1, 2]
assert tf.reduce_min(x) == 1.0
print(tf.math.reduce_std(x), tf.math.reduce_variance(x))
assert tf.concat([x, x], axis=0).shape == (4, 3)
assert tf.stack([x, x]).shape == (2, 2, 3)
first, second = tf.split(x, 2, axis=0)
assert first.shape == (1, 3)
assert tf.sort(x, direction="DESCENDING").numpy()[0].tolist() == [5.0, 3.0, 1.0]
assert tf.where(x > 3.0, x, 0.0).numpy()[0].tolist() == [0.0, 5.0, 0.0]
assert tf.gather(x, [2, 0], axis=1).numpy()[0].tolist() == [3.0, 1.0]
assert tf.clip_by_value(x, 2.0, 4.0).numpy().min() == 2.0
assert tf.boolean_mask(x, x > 4.0).numpy().tolist() == [5.0, 6.0]
assert tf.unique([1, 2, 1]).y.numpy().tolist() == [1, 2]
assert tf.math.top_k([1.0, 3.0, 2.0], k=2).indices.numpy().tolist() == [1, 2]
assert tf.cumsum([1, 2, 3]).numpy().tolist() == [1, 3, 6]
assert tf.tile([1, 2], [2]).numpy().tolist() == [1, 2, 1, 2]
assert tf.pad([[1]], [[1, 0], [0, 1]]).shape == (2, 2)
assert tf.range(0, 10, 3).numpy().tolist() == [0, 3, 6, 9]
assert tf.tensordot(x, x, axes=[[1], [1]]).shape == (2, 2)
assert tf.einsum("ij,kj->ik", x, x).shape == (2, 2)
assert tf.math.confusion_matrix([0, 1], [1, 1]).numpy().tolist() == [[0, 1], [0, 1]]
print(tf.sqrt(x), tf.abs(-x), tf.square(x), tf.exp(x), tf.pow(x, 2), tf.math.log(x))
print(tf.add(1, 2), tf.subtract(3, 1), tf.multiply(2, 4), tf.divide(6, 3))
assert tf.reduce_all(tf.equal(x, x)) and not tf.reduce_any(x > 9.0)
