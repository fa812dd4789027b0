"""Any piecewise linear function is a layer of ReLUs and a linear neuron.

Lecture 001, "Approximating any function", with its weights set by hand:
yhat = relu(x) + relu(x - 1) - relu(x - 2) - relu(x - 3).
"""

import numpy as np

from onefit import Input, Sequential
from onefit.layers import Dense


def relu(z):
    return np.maximum(0, z)


def main():
    model = Sequential([Input((1,)), Dense(4, activation="relu"), Dense(1)])
    hidden, output = model.layers
    hidden.set_weights([[[1, 1, 1, 1]], [0, -1, -2, -3]])
    output.set_weights([[[1], [1], [-1], [-1]], [0]])

    x = np.array([-1, 0, 0.5, 1, 1.5, 2, 2.5, 3, 4])
    a = model.predict(x[:, None])[:, 0]
    by_numpy = relu(x) + relu(x - 1) - relu(x - 2) - relu(x - 3)
    print("    x   model   numpy")
    for row in zip(x, a, by_numpy, strict=True):
        print("{:5.1f} {:7.2f} {:7.2f}".format(*row))
    return {"model": a, "numpy": by_numpy}


if __name__ == "__main__":
    main()
