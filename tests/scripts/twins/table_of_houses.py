# A pandas table, columns scaled, a regression with a held-out part.
import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow.keras import layers

rng = np.random.default_rng(0)
frame = pd.DataFrame({"area": rng.uniform(50, 200, 150), "rooms": rng.integers(1, 6, 150)})
frame["price"] = 2.0 * frame.area + 10 * frame.rooms + rng.normal(size=150)
train = frame.sample(frac=0.8, random_state=0)
test = frame.drop(train.index)
train_labels, test_labels = train.pop("price"), test.pop("price")
normalizer = layers.Normalization(axis=-1)
normalizer.adapt(np.array(train))
model = tf.keras.Sequential([normalizer, layers.Dense(units=1)])
model.compile(
    optimizer=tf.keras.optimizers.Adam(learning_rate=5.0), loss="mean_absolute_error"
)
history = model.fit(train, train_labels, epochs=60, verbose=0, validation_split=0.2)
final = float(model.evaluate(test, test_labels, verbose=0))
assert final < 60
