"""One neuron as linear and as logistic regression, beside the plain numpy loop.

Lecture 000, "Model Training Steps", and lecture 004, section 2.1: both regressions are
a neuron, a = g(w·x + b), with g linear or sigmoid. `fit` with all rows in one batch
takes the very steps w := w - α·dJ/dw and b := b - α·dJ/db of the loop.
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Dense
from onefit.optimizers import SGD

ALPHA = 0.1


def linear(z):
    return z


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def compare(name, g, loss, x, y, factor, rounds=5, steps=40):
    model = Sequential(
        [Input((1,)), Dense(1, activation=g.__name__, kernel_initializer="zeros")]
    )
    model.compile(optimizer=SGD(ALPHA), loss=loss)
    w = b = 0.0
    pairs = []
    print(f"\n{name}: {loss}")
    print("steps    w by hand     w onefit    b by hand     b onefit")
    for number in range(1, rounds + 1):
        for _ in range(steps):
            f_x = g(w * x + b)
            dj_dw = factor * np.mean((f_x - y) * x)
            dj_db = factor * np.mean(f_x - y)
            w = w - ALPHA * dj_dw
            b = b - ALPHA * dj_db
        model.fit(x, y, batch_size=len(x), epochs=steps, verbose=0)
        W, B = (weight.item() for weight in model.get_weights())
        print(f"{number * steps:5d} {w:12.6f} {W:12.6f} {b:12.6f} {B:12.6f}")
        pairs.append((w, W, b, B))
    return np.array(pairs)


def main():
    size, price = datasets.houses(100)
    # d/dw of (f - y)² has the factor 2; that of the logistic loss has the factor 1.
    regression = compare("Linear regression", linear, "mse", size, price, factor=2)
    expensive = (price > 3).astype("float32")
    loss = "binary_crossentropy"
    decision = compare("Logistic regression", sigmoid, loss, size, expensive, factor=1)
    return {"linear": regression, "logistic": decision}


if __name__ == "__main__":
    main()
