"""Digits by a convolutional network, whose training images are shifted at random.

Lecture 004, section 2.3.1, "Convolution layer" and "pooling". The dense network of
lecture 001 beside it learns where each pixel is: let the writer miss the middle of the
box by one pixel and it no longer reads. Augmentation is layers of the model: they work
while it trains, and pass images through when it predicts.
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Conv2D, Dense, Flatten, MaxPooling2D, RandomTranslation
from onefit.optimizers import Adam
from onefit.utils import set_random_seed, split_dataset


def dense():
    return [
        Flatten(),
        Dense(25, activation="relu"),
        Dense(15, activation="relu"),
        Dense(10, activation="softmax"),
    ]


def convolutional():
    return [
        Conv2D(16, 3, activation="relu", padding="same"),
        MaxPooling2D(2),
        Conv2D(32, 3, activation="relu"),
        Flatten(),
        Dense(32, activation="relu"),
        Dense(10, activation="softmax"),
    ]


def augmented():
    return [RandomTranslation(0.125, 0.125, fill_mode="constant"), *convolutional()]


def main(epochs=60):
    x, y = datasets.load_digits(images=True)
    (x, y), (x_test, y_test) = split_dataset((x / 16, y), 1440, shuffle=True, seed=0)
    shifted = np.roll(x_test, 1, axis=2)  # by one pixel to the right
    print(f"{'network':14s} parameters   accuracy   one pixel to the right")
    results = {}
    for layers in (dense, convolutional, augmented):
        set_random_seed(0)
        model = Sequential([Input((8, 8, 1)), *layers()])
        loss = "sparse_categorical_crossentropy"
        model.compile(optimizer=Adam(0.003), loss=loss, metrics=["accuracy"])
        model.fit(x, y, epochs=epochs, verbose=0)
        name = layers.__name__
        results[name] = [
            model.evaluate(images, y_test, verbose=0)[1] for images in (x_test, shifted)
        ]
        there, aside = results[name]
        print(f"{name:14s} {model.count_params():10,d} {there:10.3f} {aside:14.3f}")
    return results


if __name__ == "__main__":
    main()
