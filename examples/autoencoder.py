"""An autoencoder: a digit's 64 pixels through 8 numbers and back, against PCA.

Lecture 004, section 2.3.2: parts of one graph of layers are models of their own. The
encoder and the decoder share their weights with the network that is trained. PCA is the
best that linear layers can do with as many numbers.
"""

import numpy as np

from onefit import Input, Model, datasets
from onefit.layers import Dense
from onefit.utils import set_random_seed, split_dataset

SHADES = " .:-=+*#%@"


def draw(*images):
    """Digits side by side, dark where the ink is."""
    rows = (np.clip(image, 0, 1).reshape(8, 8) for image in images)
    for line in zip(*rows, strict=True):
        print(
            "   ".join("".join(2 * SHADES[int(9 * p)] for p in part) for part in line)
        )


def main(width=8, epochs=200):
    set_random_seed(0)
    x, _ = datasets.load_digits()
    x, test = split_dataset(x / 16, 1440, shuffle=True, seed=0)

    pixels = Input((64,), name="pixels")
    hidden = Dense(64, activation="relu")(pixels)
    code = Dense(width, name="code")(hidden)
    hidden = Dense(64, activation="relu")(code)
    again = Dense(64, activation="sigmoid", name="again")(hidden)
    autoencoder = Model(pixels, again)
    encoder, decoder = Model(pixels, code), Model(code, again)
    autoencoder.compile(optimizer="adam", loss="mse")
    autoencoder.fit(x, x, epochs=epochs, verbose=0)

    codes = encoder.predict(test)
    digits = decoder.predict(codes)
    mean = x.mean(axis=0)
    axes = np.linalg.svd(x - mean, full_matrices=False)[2][:width]
    pca = (test - mean) @ axes.T @ axes + mean
    errors = {
        "mean digit": np.mean((test - mean) ** 2),
        "PCA": np.mean((test - pca) ** 2),
        "autoencoder": autoencoder.evaluate(test, test, verbose=0),
    }
    print(f"Mean square error of a pixel, {width} numbers a digit, {len(test)} digits")
    for name, error in errors.items():
        print(f"{name:12s} {error:.4f}")
    print(f"\nthe code of the first: {np.round(codes[0], 1)}")
    print("A digit, by PCA, by the autoencoder, and half way to the next digit")
    draw(test[0], pca[0], digits[0], decoder.predict(codes[:2].mean(axis=0)[None])[0])
    return errors | {"codes": codes, "digits": digits}


if __name__ == "__main__":
    main()
