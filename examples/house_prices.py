"""The price of a house by its size: one neuron whose ReLU keeps prices above zero.

Lecture 004, section 2.1, example 1: price = ReLU(w·size + b).
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Dense
from onefit.optimizers import Adam
from onefit.utils import set_random_seed


def neuron(kernel_initializer):
    model = Sequential(
        [Input((1,)), Dense(1, "relu", kernel_initializer=kernel_initializer)]
    )
    model.compile(optimizer=Adam(0.01), loss="mse")
    return model


def main():
    set_random_seed(2)
    size, price = datasets.houses(200)
    model = neuron("ones")
    history = model.fit(size, price, epochs=200, verbose=0)
    w, b = (weight.item() for weight in model.get_weights())
    slope, intercept = np.polyfit(size[:, 0], price[:, 0], 1)
    print(f"loss after 1 epoch   {history.history['loss'][0]:.4f}")
    print(f"loss after 200       {history.history['loss'][-1]:.4f}")
    print(f"the neuron           price = ReLU({w:.2f} size + {b:.2f})")
    print(f"linear regression    price = {slope:.2f} size + {intercept:.2f}\n")

    sizes = np.array([[-1.0], [0.5], [1.0], [1.5], [2.0], [2.5]])
    prices = model.predict(sizes)
    print("size (100 m²)   linear     ReLU   price in 100,000")
    for x, a in zip(sizes[:, 0], prices[:, 0], strict=True):
        print(f"{x:13.1f} {slope * x + intercept:8.2f} {a:8.2f}")

    # A negative w makes z < 0 for every house: the ReLU is 0, and so is its gradient.
    dead = 0
    for _ in range(10):
        model = neuron("glorot_uniform")
        model.fit(size, price, epochs=200, verbose=0)
        dead += bool((model.predict(size) == 0).all())
    print(f"\n{dead} of 10 random starts died: they say 0 for every house.")
    return {"w": w, "b": b, "line": (slope, intercept), "prices": prices, "dead": dead}


if __name__ == "__main__":
    main()
