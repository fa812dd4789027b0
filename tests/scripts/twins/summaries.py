# Numbers, pictures and texts for TensorBoard, written by hand in a loop.
import os

import numpy as np
import tensorflow as tf

writer = tf.summary.create_file_writer("logs/train")
w = tf.Variable(1.0)
optimizer = tf.keras.optimizers.SGD(0.1)
mean = tf.keras.metrics.Mean("loss", dtype=tf.float32)
for epoch in range(3):
    with tf.GradientTape() as tape:
        loss = tf.square(w - 3.0)
    optimizer.apply_gradients(zip(tape.gradient(loss, [w]), [w]))
    mean(loss)
    with writer.as_default():
        tf.summary.scalar("loss", mean.result(), step=epoch)
        tf.summary.histogram("w", [w], step=epoch)
        tf.summary.image("pictures", np.zeros((1, 8, 8, 1)), step=epoch)
        tf.summary.text("note", "hello", step=epoch)
    mean.reset_state()
writer.flush()
assert os.listdir("logs/train")
