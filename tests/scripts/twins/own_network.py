# A network from variables, matmul and a tape: two layers by hand.
import numpy as np
import tensorflow as tf

tf.random.set_seed(0)
rng = np.random.default_rng(0)
x_train = rng.normal(size=(200, 4)).astype("float32")
y_train = (x_train[:, 0] * x_train[:, 1] > 0).astype("int64")
random_normal = tf.initializers.RandomNormal(stddev=0.5)
weights = {
    "h1": tf.Variable(random_normal([4, 32])),
    "out": tf.Variable(random_normal([32, 2])),
}
biases = {"b1": tf.Variable(tf.zeros([32])), "out": tf.Variable(tf.zeros([2]))}
optimizer = tf.optimizers.Adam(0.02)


def neural_net(x):
    layer_1 = tf.nn.tanh(tf.add(tf.matmul(x, weights["h1"]), biases["b1"]))
    return tf.matmul(layer_1, weights["out"]) + biases["out"]


def cross_entropy(logits, y):
    y = tf.cast(y, tf.int64)
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits)
    return tf.reduce_mean(loss)


@tf.function
def run_optimization(x, y):
    with tf.GradientTape() as g:
        loss = cross_entropy(neural_net(x), y)
    trainable = list(weights.values()) + list(biases.values())
    gradients = g.gradient(loss, trainable)
    optimizer.apply_gradients(zip(gradients, trainable))
    return loss


for step in range(150):
    loss = run_optimization(x_train, y_train)
final = float(loss)
assert final < 0.4
