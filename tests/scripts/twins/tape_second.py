# A derivative of a derivative, and a tape that stays.
import tensorflow as tf

x = tf.Variable(3.0)
with tf.GradientTape() as outer:
    with tf.GradientTape() as inner:
        y = x**3
    first = inner.gradient(y, x)
second = outer.gradient(first, x)
assert first.numpy() == 27.0 and second.numpy() == 18.0
c = tf.constant(3.0)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(c)
    u = c * c
    v = u * u
print(tape.gradient(v, c).numpy(), tape.gradient(u, c).numpy())
assert tape.gradient(v, c).numpy() == 108.0
del tape
v0 = tf.constant([1.0, 2.0])
with tf.GradientTape() as tape:
    tape.watch(v0)
    y = tf.math.sin(v0) * 2.0
print(tape.jacobian(y, v0))
with tf.GradientTape() as tape:
    y = x * 2
assert tape.gradient(y, tf.Variable(1.0)) is None
