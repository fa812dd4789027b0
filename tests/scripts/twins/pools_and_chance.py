# tf.nn.pool, pictures changed by a seed of two numbers, tensors with one number in them.
import tensorflow as tf

picture = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
most = tf.nn.pool(picture, window_shape=(2, 2), pooling_type="MAX", strides=(2, 2))
assert tf.squeeze(most).numpy().tolist() == [[5.0, 7.0], [13.0, 15.0]]
mean = tf.nn.pool(
    picture, window_shape=(2, 2), pooling_type="AVG", strides=(2, 2), padding="SAME"
)
assert tf.squeeze(mean).numpy().tolist() == [[2.5, 4.5], [10.5, 12.5]]
one, other = (
    tf.image.stateless_random_brightness(picture, max_delta=0.5, seed=(1, n)) for n in (2, 3)
)
again = tf.image.stateless_random_brightness(picture, max_delta=0.5, seed=(1, 2))
assert bool(tf.reduce_all(one == again))
assert not bool(tf.reduce_all(one == other))
assert float(tf.constant([2.5])) == 2.5
assert "ab"[int(tf.argmax([[0.1, 0.9]], axis=1))] == "b"
