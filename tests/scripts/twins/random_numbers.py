# Random tensors, generators and seeds.
import tensorflow as tf

random_1 = tf.random.Generator.from_seed(42)
random_1 = random_1.normal(shape=(3, 2))
random_2 = tf.random.Generator.from_seed(42)
random_2 = random_2.normal(shape=(3, 2))
assert tf.reduce_all(random_1 == random_2)
tf.random.set_seed(42)
a = tf.random.uniform((2, 3), minval=0, maxval=10, dtype=tf.int32)
tf.random.set_seed(42)
b = tf.random.uniform((2, 3), minval=0, maxval=10, dtype=tf.int32)
assert tf.reduce_all(a == b) and tf.reduce_max(a) < 10
rows = tf.constant([[10, 7], [3, 4], [2, 5]])
mixed = tf.random.shuffle(rows, seed=42)
assert sorted(mixed.numpy()[:, 0].tolist()) == [2, 3, 10]
x = tf.random.normal([1000], mean=4.0, stddev=1.0)
assert abs(tf.reduce_mean(x).numpy() - 4) < 0.3
print(tf.random.truncated_normal([3]), tf.random.categorical([[0.0, 0.0]], 5))
print(tf.random.stateless_uniform([2], seed=(1, 2)))
