"""A transformer looks a letter up: attention finds the place that holds the answer.

Lecture 004, section 2.3.2: networks of other shapes than a stack, by the functional
API. A row is a question (a letter) and eight letters with a digit each: which digit
stands with the letter in question? An encoder block is attention and two dense layers,
the result of each added to what came in. What attention looks at can be read.
"""

import numpy as np

from onefit import Input, Model
from onefit.layers import (
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    LayerNormalization,
    MultiHeadAttention,
)
from onefit.optimizers import Adam
from onefit.utils import set_random_seed

LETTERS, PAIRS, WIDTH = 16, 8, 32
QUESTION = 10  # stands where the letter in question has no digit


def draw(n, seed):
    """The question first, then eight different letters; digits alike; the answers."""
    rng = np.random.default_rng(seed)
    every = np.tile(np.arange(LETTERS), (n, 1))
    letters = rng.permuted(every, axis=1)[:, :PAIRS]
    digits = rng.integers(0, QUESTION, (n, PAIRS))
    row, place = np.arange(n), rng.integers(0, PAIRS, n)
    letter = np.column_stack([letters[row, place], letters])
    digit = np.column_stack([np.full(n, QUESTION), digits])
    return {"letter": letter, "digit": digit}, digits[row, place]


def encoder_block(x):
    heads = MultiHeadAttention(num_heads=2, key_dim=WIDTH // 2)
    mixed, weights = heads(x, x, return_attention_scores=True)
    x = LayerNormalization()(x + mixed)
    hidden = Dense(2 * WIDTH, activation="relu")(x)
    return LayerNormalization()(x + Dense(WIDTH)(hidden)), weights


def network(attention):
    letter = Input((PAIRS + 1,), name="letter")
    digit = Input((PAIRS + 1,), name="digit")
    x = Embedding(LETTERS, WIDTH)(letter) + Embedding(QUESTION + 1, WIDTH)(digit)
    mixed, weights = encoder_block(x)
    end = mixed[:, 0] if attention else GlobalAveragePooling1D()(x)
    model = Model([letter, digit], Dense(10, activation="softmax")(end))
    loss = "sparse_categorical_crossentropy"
    model.compile(optimizer=Adam(0.003), loss=loss, metrics=["accuracy"])
    return model, weights


def main(rows=9600, epochs=8):
    (x, y), (x_test, y_test) = draw(rows, seed=0), draw(1000, seed=1)
    results = {}
    for name in ("average", "attention"):
        set_random_seed(0)
        model, weights = network(attention=name == "attention")
        model.fit(x, y, epochs=epochs, verbose=0)
        results[name] = model.evaluate(x_test, y_test, verbose=0)[1]
        print(f"{name:10s} test accuracy {results[name]:.3f}")

    looking = Model(model.inputs, weights).predict(x_test)[:, :, 0]  # the question's
    pairs = zip(x_test["letter"][0], x_test["digit"][0], strict=True)
    question, *names = (f"{chr(97 + a)}{b}" for a, b in pairs)
    print(f"\nWhere is {question[0]}?   ", "    ".join(names))
    for head, row in enumerate(looking[0]):
        print(f"head {head + 1} sees", *(f"{w:5.2f}" for w in row[1:]))
    return results | {"weights": looking}


if __name__ == "__main__":
    main()
