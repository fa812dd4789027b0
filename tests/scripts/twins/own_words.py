# Texts are cleaned by functions of tf; empty ones are left out; a Normalization's mean.
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers


def clean(texts):
    return tf.strings.regex_replace(tf.strings.lower(texts), "<br />", " ")


texts = tf.data.Dataset.from_tensor_slices(["A<br />b", "B b", ""])
kept = texts.filter(lambda text: text != "")
layer = layers.TextVectorization(standardize=clean, output_sequence_length=2)
layer.adapt(kept.batch(2))
assert layer.get_vocabulary() == ["", "[UNK]", "b", "a"]
assert [row.numpy().tolist() for row in kept.map(layer)] == [[3, 2], [2, 2]]

layer = layers.Normalization(axis=-1)
layer.adapt(np.array([[1.0, 2.0], [3.0, 6.0]]))
assert layer.mean.numpy().tolist() == [[2.0, 4.0]]
assert layer.variance.numpy().tolist() == [[1.0, 4.0]]


class Weighed(layers.Layer):
    def call(self, inputs, mask=None):
        return tf.reduce_sum(inputs * tf.cast(mask, "float32")[..., None], axis=1)


entrance = tf.keras.Input((3,), dtype="int32")
x = layers.Embedding(5, 2, mask_zero=True, embeddings_initializer="ones")(entrance)
model = tf.keras.Model(entrance, Weighed()(layers.Activation("linear")(x)))
assert model(np.array([[1, 2, 0]])).numpy().tolist() == [[2.0, 2.0]]


class Late(tf.keras.Model):
    def build(self, shape):
        self.inner = layers.Dense(shape[-1])
        self.built = True

    def call(self, inputs):
        return self.inner(inputs)


assert Late()(inputs=np.ones((2, 3))).shape == (2, 3)
