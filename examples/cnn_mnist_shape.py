"""Images of MNIST's shape, 28 by 28 pixels, by the convolutional network of textbooks.

Lecture 004, section 2.3.1, "Convolution layer" and "pooling". Nothing is downloaded:
the images are the shipped digits, enlarged. With MNIST itself (11 MB, downloaded on the
first run): python cnn_mnist_shape.py mnist
"""

import sys

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Rescaling
from onefit.losses import SparseCategoricalCrossentropy
from onefit.utils import set_random_seed, split_dataset


def enlarged_digits():
    """The 1,797 digits of 8 by 8 pixels as MNIST has them: 28 by 28, 0 to 255."""
    x, y = datasets.load_digits()
    x = np.kron(x.reshape(-1, 8, 8) * (255 / 16), np.ones((3, 3)))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2))).astype("uint8")
    return split_dataset((x, y), 1440, shuffle=True, seed=0)


def main(epochs=5, mnist=False, verbose=0):
    set_random_seed(0)
    (x, y), test = datasets.load_mnist() if mnist else enlarged_digits()
    model = Sequential(
        [
            Input((28, 28, 1)),
            Rescaling(1 / 255),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(64, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.5),
            Dense(10),
        ]
    )
    model.summary()
    model.compile(
        optimizer="adam",
        loss=SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.fit(x[..., None], y, epochs=epochs, verbose=verbose)
    loss, accuracy = model.evaluate(test[0][..., None], test[1], verbose=0)
    print(f"test loss {loss:.4f}, test accuracy {accuracy:.4f}")
    return {"loss": loss, "accuracy": accuracy}


if __name__ == "__main__":
    main(mnist="mnist" in sys.argv[1:], verbose=1)
