# A loss and a metric of steps that count, masks of one's own, sizes computed with.
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers


class Causal(layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = layers.MultiHeadAttention(num_heads=1, key_dim=4)
        self.supports_masking = True

    def call(self, inputs, context, mask=None):
        size = tf.shape(inputs)
        i = tf.range(size[1])[:, tf.newaxis]
        allowed = tf.cast(i >= tf.range(size[1]), "int32")
        allowed = tf.reshape(allowed, (1, size[1], size[1]))
        times = tf.concat([tf.expand_dims(size[0], -1), tf.constant([1, 1])], axis=0)
        allowed = tf.tile(allowed, times)
        if mask is not None:
            steps = tf.cast(mask[:, tf.newaxis, :], "int32")
            allowed = tf.minimum(steps, allowed)
        return inputs + self.attention(inputs, context, attention_mask=allowed)


def masked_loss(label, pred):
    of = tf.keras.losses.SparseCategoricalCrossentropy(True, reduction="none")
    mask = tf.cast(label != 0, tf.float32)
    return tf.reduce_sum(of(label, pred) * mask) / tf.reduce_sum(mask)


def masked_accuracy(label, pred):
    found = tf.argmax(pred, axis=2)
    mask = label != 0
    right = tf.cast((tf.cast(label, found.dtype) == found) & mask, tf.float32)
    return tf.reduce_sum(right) / tf.reduce_sum(tf.cast(mask, tf.float32))


x = np.random.default_rng(0).integers(1, 9, (32, 5))
x[::2, 3:] = 0
inputs = tf.keras.Input((None,), dtype="int64")
embedded = layers.Embedding(9, 4, mask_zero=True)(inputs)
steps = tf.keras.activations.relu(Causal()(embedded, embedded))
model = tf.keras.Model(inputs, layers.Dense(9)(steps))
model.compile("adam", loss=masked_loss, metrics=[masked_accuracy])
history = model.fit(x, x, epochs=3, batch_size=8, verbose=0)
assert history.history["loss"][-1] < history.history["loss"][0]
