"""Four readers of the same texts: an average of words, an LSTM, a GRU, and both ways.

Lecture 004, section 2.3.1, "Embedding layer" and "Recurrent layer". "Good but not
clever" and "not good but clever" have the same average: what is averaged has lost the
order of the words, and a recurrent layer has not.
"""

import time

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
)
from onefit.optimizers import Adam
from onefit.utils import pad_sequences, set_random_seed, split_dataset

READERS = {
    "average": GlobalAveragePooling1D,
    "LSTM": lambda: LSTM(32),
    "GRU": lambda: GRU(32),
    "Bidirectional LSTM": lambda: Bidirectional(LSTM(16)),
}


def main(rows=2000, epochs=8):
    texts, y = datasets.reviews(rows)
    words = sorted({word for text in texts for word in text.split()})
    number = {word: i for i, word in enumerate(words, start=1)}  # 0 fills up
    x = pad_sequences([[number[word] for word in text.split()] for text in texts], 20)
    train, test = split_dataset((x, y), 0.8, shuffle=True, seed=0)
    print(f"{'reader':18s}  parameters   test accuracy   right from epoch   seconds")
    results = {}
    for name, reader in READERS.items():
        set_random_seed(0)
        embedding = Embedding(len(words) + 1, 16, mask_zero=True)
        answer = Dense(1, activation="sigmoid")
        model = Sequential([Input(x.shape[1:]), embedding, reader(), answer])
        loss = "binary_crossentropy"
        model.compile(optimizer=Adam(0.01), loss=loss, metrics=["accuracy"])
        start = time.perf_counter()
        history = model.fit(*train, epochs=epochs, verbose=0).history
        seconds = time.perf_counter() - start
        accuracy = model.evaluate(*test, verbose=0)[1]
        right = np.array(history["accuracy"]) > 0.99
        first = int(right.argmax()) + 1 if right.any() else None
        results[name] = accuracy, first
        print(f"{name:18s} {model.count_params():11,d} {accuracy:15.3f}", end="")
        print(f" {first or '-':>18} {seconds:9.1f}")
    return results


if __name__ == "__main__":
    main()
