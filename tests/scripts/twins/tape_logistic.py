# Logistic regression of many classes from the formulas.
import numpy as np
import tensorflow as tf

num_classes, num_features = 3, 4
rng = np.random.default_rng(0)
y_train = rng.integers(0, 3, 150)
x_train = rng.normal(size=(150, 4)) + 2.0 * np.eye(4)[y_train]
x_train = np.array(x_train, np.float32)
train_data = tf.data.Dataset.from_tensor_slices((x_train, y_train))
train_data = train_data.repeat().shuffle(150).batch(32).prefetch(1)
W = tf.Variable(tf.ones([num_features, num_classes]), name="weight")
b = tf.Variable(tf.zeros([num_classes]), name="bias")


def logistic_regression(x):
    return tf.nn.softmax(tf.matmul(x, W) + b)


def cross_entropy(y_pred, y_true):
    y_true = tf.one_hot(y_true, depth=num_classes)
    y_pred = tf.clip_by_value(y_pred, 1e-9, 1.0)
    return tf.reduce_mean(-tf.reduce_sum(y_true * tf.math.log(y_pred), 1))


def accuracy(y_pred, y_true):
    correct_prediction = tf.equal(tf.argmax(y_pred, 1), tf.cast(y_true, tf.int64))
    return tf.reduce_mean(tf.cast(correct_prediction, tf.float32))


optimizer = tf.optimizers.SGD(0.1)
for step, (batch_x, batch_y) in enumerate(train_data.take(80), 1):
    with tf.GradientTape() as g:
        pred = logistic_regression(batch_x)
        loss = cross_entropy(pred, batch_y)
    gradients = g.gradient(loss, [W, b])
    optimizer.apply_gradients(zip(gradients, [W, b]))
pred = logistic_regression(x_train)
final = float(cross_entropy(pred, y_train))
print("Accuracy: %f" % accuracy(pred, y_train))
assert accuracy(pred, y_train) > 0.7
