# Sentences about films through the old Tokenizer: sequences, padding, a small network.
import numpy as np
import tensorflow as tf
from tensorflow.keras.layers import Dense, Embedding, GlobalAveragePooling1D
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences
from tensorflow.keras.preprocessing.text import Tokenizer

tf.random.set_seed(1)
good = ["a lovely film", "what a lovely story", "I loved this film", "great story"]
bad = ["a dull film", "what a dull story", "I hated this film", "awful story"]
sentences = (good + bad) * 8
labels = np.array(([1] * 4 + [0] * 4) * 8)

tokenizer = Tokenizer(num_words=50, oov_token="<OOV>")
tokenizer.fit_on_texts(sentences)
assert tokenizer.word_index["<OOV>"] == 1
assert len(tokenizer.word_index) == 13
sequences = tokenizer.texts_to_sequences(sentences)
padded = pad_sequences(sequences, maxlen=5, padding="post", truncating="post")
print(padded[:2])
assert padded.shape == (64, 5)
assert padded[0].tolist()[3:] == [0, 0]
assert tokenizer.texts_to_sequences(["a boring film"])[0][1] == 1
assert tokenizer.sequences_to_texts([padded[0][:3]]) == ["a lovely film"]
matrix = tokenizer.texts_to_matrix(["a film a film"], mode="count")
assert matrix.shape == (1, 50)
assert matrix.sum() == 4

model = Sequential(
    [
        Embedding(50, 8),
        GlobalAveragePooling1D(),
        Dense(8, activation="relu"),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile(
    loss="binary_crossentropy",
    optimizer=tf.keras.optimizers.Adam(0.05),
    metrics=["accuracy"],
)
history = model.fit(padded, labels, epochs=12, verbose=0)
assert history.history["accuracy"][-1] > 0.9

new = pad_sequences(
    tokenizer.texts_to_sequences(["lovely lovely story", "a dull, awful film!"]),
    maxlen=5,
    padding="post",
)
chances = model.predict(new, verbose=0).ravel()
print(chances)
assert chances[0] > 0.5 > chances[1]
