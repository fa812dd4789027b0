# A line fitted by a tape and plain subtraction.
import tensorflow as tf

tf.random.set_seed(0)
x = tf.random.normal(shape=[64])
y = 3.0 * x + 2.0 + 0.1 * tf.random.normal(shape=[64])
w, b = tf.Variable(5.0), tf.Variable(0.0)
for step in range(30):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(w * x + b - y))
    dw, db = tape.gradient(loss, [w, b])
    w.assign_sub(0.2 * dw)
    b.assign_sub(0.2 * db)
print(f"w = {w.numpy():.2f}, b = {b.numpy():.2f}")
final = loss.numpy()
assert abs(w.numpy() - 3) < 0.2
