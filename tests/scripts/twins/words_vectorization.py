# Texts straight into a model: TextVectorization, in tf.data's map and first in a model.
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers

keras.utils.set_random_seed(3)
good = ["a lovely film", "what a lovely story", "I loved this film", "great story"]
bad = ["a dull film", "what a dull story", "I hated this film", "awful story"]
texts = np.array((good + bad) * 8)
labels = np.array(([1] * 4 + [0] * 4) * 8)

vectorize = layers.TextVectorization(
    max_tokens=40, output_mode="int", output_sequence_length=6
)
train = tf.data.Dataset.from_tensor_slices((texts, labels)).batch(16)
vectorize.adapt(train.map(lambda text, label: text))
vocabulary = vectorize.get_vocabulary()
assert vocabulary[:2] == ["", "[UNK]"]
assert len(vocabulary) == 14
numbers = train.map(lambda text, label: (vectorize(text), label))
for x, y in numbers.take(1):
    assert x.shape == (16, 6)
    assert int(x[0, 3]) == 0

inside = keras.Sequential(
    [
        keras.Input(shape=(6,), dtype="int64"),
        layers.Embedding(len(vocabulary), 8),
        layers.Dropout(0.1),
        layers.GlobalAveragePooling1D(),
        layers.Dense(1, activation="sigmoid"),
    ]
)
inside.compile(
    optimizer=keras.optimizers.Adam(0.1),
    loss=keras.losses.BinaryCrossentropy(),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.5)],
)
history = inside.fit(numbers, epochs=15, validation_data=numbers, verbose=0)
assert history.history["val_binary_accuracy"][-1] > 0.9

whole = keras.Sequential([keras.Input(shape=(1,), dtype="string"), vectorize, inside])
new = tf.constant([["a lovely great story"], ["dull and awful"]])
chances = np.asarray(whole.predict(new, verbose=0)).ravel()
print(chances)
assert chances[0] > 0.5 > chances[1]

bags = layers.TextVectorization(output_mode="tf_idf", ngrams=2, standardize="lower")
bags.adapt(texts)
rows = np.asarray(bags(texts[:3]))
assert rows.shape == (3, len(bags.get_vocabulary()))
assert (rows > 0).sum(1).tolist() == [5, 7, 7]
