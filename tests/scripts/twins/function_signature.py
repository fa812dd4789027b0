# tf.function: bare, called, with a signature, with a condition inside.
import tensorflow as tf


@tf.function
def area(r):
    return 3.0 * r * r


@tf.function(input_signature=[tf.TensorSpec(shape=[None], dtype=tf.float32)])
def double(x):
    return x * 2.0


@tf.function
def clipped(x):
    if tf.reduce_sum(x) > 10.0:
        return x / 10.0
    return x


counter = tf.Variable(0)


@tf.function
def count():
    counter.assign_add(1)
    return counter


for _ in range(3):
    count()
assert counter.numpy() == 3
assert [area(tf.constant(r)).numpy() for r in (1.0, 2.0, 3.0)] == [3.0, 12.0, 27.0]
assert double(tf.constant([1.0, 2.0])).numpy().tolist() == [2.0, 4.0]
assert clipped(tf.constant([20.0, 20.0])).numpy().tolist() == [2.0, 2.0]
assert clipped(tf.constant([1.0, 2.0])).numpy().tolist() == [1.0, 2.0]
fast = tf.function(lambda a, b: tf.matmul(a, b))
print(fast(tf.ones([2, 3]), tf.ones([3, 2])))
