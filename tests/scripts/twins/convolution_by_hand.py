# Convolutions and pooling as functions.
import numpy as np
import tensorflow as tf

image = tf.constant(np.arange(36.0).reshape(1, 6, 6, 1), dtype=tf.float32)
kernel = tf.ones((3, 3, 1, 2))
out = tf.nn.conv2d(image, kernel, strides=[1, 1, 1, 1], padding="SAME")
assert out.shape == (1, 6, 6, 2)
assert tf.nn.conv2d(image, kernel, strides=1, padding="VALID")[0, 0, 0, 0] == 63.0
assert tf.nn.max_pool2d(image, 2, 2, "VALID")[0, 0, 0, 0] == 7.0
assert tf.nn.avg_pool2d(image, 2, 2, "VALID")[0, 0, 0, 0] == 3.5
out = tf.nn.bias_add(out, [1.0, 2.0])
mean, variance = tf.nn.moments(out, axes=[0, 1, 2])
print(mean, variance, tf.nn.relu(out).shape)
logits, labels = tf.constant([[2.0, 1.0]]), tf.constant([0])
a = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
b = tf.nn.softmax_cross_entropy_with_logits(labels=tf.one_hot(labels, 2), logits=logits)
assert np.allclose(a, b)
c = tf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[0.0])
assert abs(c.numpy()[0] - np.log(2)) < 1e-6
print(tf.nn.dropout(tf.ones((2, 3)), rate=0.5).shape, tf.nn.l2_loss([3.0]).numpy())
