# Numbers of words, an Embedding and a GRU.
import numpy as np
from tensorflow.keras import layers, models, preprocessing

rng = np.random.default_rng(0)
rows = [list(rng.integers(1, 30, rng.integers(3, 8))) for _ in range(80)]
labels = np.array([int(15 in row or 3 in row) for row in rows])
padded = preprocessing.sequence.pad_sequences(rows, maxlen=8, padding="post", truncating="post")
model = models.Sequential(
    [
        layers.Embedding(30, 8, mask_zero=True),
        layers.GRU(8),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
history = model.fit(padded, labels, epochs=4, verbose=0)
assert padded.shape == (80, 8)
