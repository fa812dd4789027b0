# A tf.Module with variables, trained by a tape.
import tensorflow as tf


class Linear(tf.Module):
    def __init__(self, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(5.0, name="w")
        self.b = tf.Variable(0.0)
        self.fixed = tf.Variable(1.0, trainable=False)

    def __call__(self, x):
        return self.w * x + self.b


model = Linear("line")
x = tf.linspace(-1.0, 1.0, 21)
y = 2.0 * x - 1.0
assert len(model.trainable_variables) == 2 and len(model.variables) == 3
for epoch in range(40):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((model(x) - y) ** 2)
    grads = tape.gradient(loss, [model.w, model.b])
    model.w.assign_sub(0.3 * grads[0])
    model.b.assign_sub(0.3 * grads[1])
final = loss.numpy()
assert abs(float(model.w) - 2) < 0.1
print(model.name, model.w)
