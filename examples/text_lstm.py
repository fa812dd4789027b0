"""The sense of a text, word by word: an embedding and an LSTM.

Lecture 004, section 2.3.1, "Embedding layer" and "Recurrent layer", on its example of
2.3.3: does a text say yes or no? Words become numbers, and 0 fills short texts up;
`mask_zero=True` has the layers that follow pass over those steps.
"""

from onefit import Input, Sequential, datasets
from onefit.layers import LSTM, Dense, Embedding
from onefit.optimizers import Adam
from onefit.utils import pad_sequences, set_random_seed, split_dataset

QUESTIONS = (
    "the plot was good but the music was bad",
    "the plot was bad but the music was good",
    "the plot was good and the music was not bad",
    "the plot was not bad but the music was not very good",
)


def main(rows=2000, epochs=8):
    set_random_seed(0)
    texts, y = datasets.reviews(rows)
    words = sorted({word for text in texts for word in text.split()})
    number = {word: i for i, word in enumerate(words, start=1)}  # 0 fills up

    def numbers(texts):
        return pad_sequences([[number[word] for word in t.split()] for t in texts], 20)

    train, test = split_dataset((numbers(texts), y), 0.8, shuffle=True, seed=0)
    model = Sequential(
        [
            Input((20,)),
            Embedding(len(words) + 1, 16, mask_zero=True),
            LSTM(32),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.summary()
    loss = "binary_crossentropy"
    model.compile(optimizer=Adam(0.01), loss=loss, metrics=["accuracy"])
    history = model.fit(*train, epochs=epochs, verbose=0).history
    accuracy = model.evaluate(*test, verbose=0)[1]
    print("accuracy after each epoch:", *(f"{a:.3f}" for a in history["accuracy"]))
    print(f"test accuracy {accuracy:.3f}\n")
    answers = model.predict(numbers(QUESTIONS))[:, 0]
    for text, p in zip(QUESTIONS, answers, strict=True):
        print(f"P(yes) = {p:.2f}  {text}")
    return {"accuracy": accuracy, "answers": answers}


if __name__ == "__main__":
    main()
