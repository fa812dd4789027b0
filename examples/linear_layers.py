"""Layers without an activation collapse into one: W = W1 W2 and b = b1 W2 + b2.

Lecture 000, "Why do we need activation functions?", and lecture 001, "Using linear
activation in neural network".
"""

import numpy as np

from onefit import Input, Sequential
from onefit.layers import Dense
from onefit.utils import set_random_seed


def two_layers(activation):
    b = {"bias_initializer": "random_normal"}
    return Sequential([Input((3,)), Dense(8, activation, **b), Dense(2, **b)])


def main():
    set_random_seed(0)
    deep, flat = two_layers("linear"), Sequential([Input((3,)), Dense(2)])
    W1, b1, W2, b2 = deep.get_weights()
    flat.set_weights([W1 @ W2, b1 @ W2 + b2])
    x = np.random.default_rng(0).normal(size=(5, 3))
    two, one = deep.predict(x), flat.predict(x)
    print(f"two linear layers, {deep.count_params()} numbers:\n{two.round(4)}")
    print(f"one layer, {flat.count_params()} numbers:\n{one.round(4)}")
    linear = float(np.abs(two - one).max())
    print(f"largest difference {linear:.1e}\n")

    bent = two_layers("relu")
    bent.set_weights([W1, b1, W2, b2])
    relu = float(np.abs(bent.predict(x) - one).max())
    print(f"with ReLU in the hidden layer it is {relu:.2f}: another function")
    return {"linear": linear, "relu": relu}


if __name__ == "__main__":
    main()
