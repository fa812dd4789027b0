# Loops and choices as functions.
import tensorflow as tf

i, total = tf.while_loop(
    lambda i, s: tf.less(i, 5), lambda i, s: (i + 1, s + i), [tf.constant(0), tf.constant(0)]
)
assert int(total) == 10
x = tf.constant(2.0)
assert tf.cond(x > 1.0, lambda: x * 2, lambda: x / 2).numpy() == 4.0
squares = tf.map_fn(lambda v: v * v, tf.constant([1.0, 2.0, 3.0]))
assert squares.numpy().tolist() == [1.0, 4.0, 9.0]
sums = tf.scan(lambda a, b: a + b, tf.constant([1, 2, 3]))
assert sums.numpy().tolist() == [1, 3, 6]
array = tf.TensorArray(tf.float32, size=3)
for k in range(3):
    array = array.write(k, float(k))
assert array.stack().numpy().tolist() == [0.0, 1.0, 2.0]
if tf.constant(3) > 2:
    tf.print("three is more than", 2)
