# Older spellings that mean the same today.
import numpy as np
from keras.layers import Dense, Embedding, Flatten
from keras.models import Sequential
from keras.optimizers import Adam
from keras.utils.np_utils import to_categorical

rng = np.random.default_rng(0)
docs = rng.integers(0, 20, (64, 4))
labels = (docs[:, 0] > 10).astype(int)
print(to_categorical(labels)[:2])
model = Sequential()
model.add(Embedding(20, 4, input_length=4))
model.add(Flatten())
model.add(Dense(1, activation="sigmoid"))
model.compile(optimizer=Adam(lr=0.05), loss="binary_crossentropy", metrics=["acc"])
model.summary()


def batches():
    while True:
        for i in range(0, 64, 16):
            yield docs[i : i + 16], labels[i : i + 16]


model.fit(docs, labels, epochs=8, verbose=0)
loss, accuracy = model.evaluate(docs, labels, verbose=0)
final = loss
assert accuracy > 0.7
