# A gradient of one's own, parts of variables that are assigned, sizes inside programs.
import tensorflow as tf


@tf.custom_gradient
def cut(x):
    return tf.math.log1p(tf.exp(x)), lambda upstream: upstream * tf.sigmoid(x)


x = tf.Variable([0.0, 1000.0])
with tf.GradientTape() as tape:
    y = tf.reduce_sum(cut(x)[:1]) + cut(x)[1]
assert tape.gradient(y, x).numpy().tolist() == [0.5, 1.0]

v = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
v[0, 1].assign(20.0)
v[:, 0].assign_add([1.0, 1.0])
assert v.numpy().tolist() == [[2.0, 20.0], [4.0, 4.0]]
v.scatter_nd_update(indices=[[1, 1]], updates=[5.0])
v.scatter_update(tf.IndexedSlices(values=[[0.0, 0.0]], indices=[0]))
assert v.numpy().tolist() == [[0.0, 0.0], [4.0, 5.0]]


@tf.function
def noisy(x):
    noise = tf.random.normal(tf.shape(x)) * 0.0
    return tf.reshape(x + noise, [tf.shape(x)[0], -1]), tf.zeros((tf.shape(x)[0], 3))


for rows in (2, 2, 3):
    flat, zeros = noisy(tf.ones((rows, 2, 2)))
    assert flat.shape == (rows, 4)
    assert zeros.shape == (rows, 3)
