# Words and their neighbours: skip-grams, candidates by rank, a model of dot products.
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers
from tensorflow.keras.preprocessing.sequence import make_sampling_table, skipgrams

sequences = np.random.default_rng(0).integers(1, 12, (30, 8))
table = make_sampling_table(12)
targets, contexts, labels = [], [], []
for sequence in sequences:
    pairs, _ = skipgrams(
        sequence, 12, sampling_table=table, window_size=2, negative_samples=0
    )
    for target, context in pairs:
        true = tf.expand_dims(tf.constant([context], dtype="int64"), 1)
        drawn, _, _ = tf.random.log_uniform_candidate_sampler(
            true_classes=true, num_true=1, num_sampled=4, unique=True, range_max=12
        )
        assert len(set(drawn.numpy().tolist())) == 4
        targets.append(target)
        contexts.append(tf.concat([tf.squeeze(true, 1), drawn], 0))
        labels.append([1, 0, 0, 0, 0])
data = ((np.array(targets), np.array(contexts)), np.array(labels))


class Pairs(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.target = layers.Embedding(12, 4, name="target")
        self.context = layers.Embedding(12, 4)

    def call(self, pair):
        target, context = pair
        return tf.einsum("be,bce->bc", self.target(target), self.context(context))


model = Pairs()
loss = tf.keras.losses.CategoricalCrossentropy(from_logits=True)
model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
rows = tf.data.Dataset.from_tensor_slices(data).shuffle(100).batch(8).prefetch(1)
model.fit(rows, epochs=2, verbose=0)
assert model.get_layer("target").get_weights()[0].shape == (12, 4)
