# Checks that hold, and one that does not.
import tensorflow as tf

tf.debugging.assert_equal(tf.constant([1, 2]), tf.constant([1, 2]))
tf.debugging.assert_near(1.0, 1.0 + 1e-7)
tf.debugging.assert_shapes([(tf.ones((2, 3)), ("N", 3))])
try:
    tf.debugging.assert_greater(tf.constant(1), tf.constant(2))
except tf.errors.InvalidArgumentError as error:
    print("caught", type(error).__name__)
else:
    raise AssertionError
