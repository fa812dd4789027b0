"""MNIST: ten handwritten digits of 28 by 28 pixels.

Lecture 001, "TensorFlow implementation (more accurate)": 784-25-15-10, a linear output
and `from_logits=True`. The data (11 MB) are downloaded on the first run and kept.
"""

import numpy as np

from onefit import Input, Sequential, activations, datasets
from onefit.layers import Dense, Flatten, Rescaling
from onefit.losses import SparseCategoricalCrossentropy
from onefit.utils import set_random_seed


def main(epochs=20, verbose=0, **source):
    """Trains and tests; `source` is what `load_mnist` takes, to read another file."""
    set_random_seed(0)
    (x, y), (x_test, y_test) = datasets.load_mnist(**source)
    model = Sequential(
        [
            Input((28, 28)),
            Rescaling(1 / 255),
            Flatten(),
            Dense(25, activation="relu"),
            Dense(15, activation="relu"),
            Dense(10, activation="linear"),
        ]
    )
    model.compile(
        optimizer="adam",
        loss=SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x, y, epochs=epochs, validation_split=0.1, verbose=verbose)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")

    f_x = np.array(activations.softmax(model(x_test[:5])))
    print("digit   said   P(y = digit | x)")
    for digit, p in zip(y_test, f_x, strict=False):
        print(f"{digit:5d} {p.argmax():6d} {p[digit]:12.4f}")
    return {"loss": loss, "accuracy": accuracy, "probabilities": f_x}


if __name__ == "__main__":
    main(verbose=1)
