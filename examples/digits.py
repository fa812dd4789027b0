"""Handwritten digits: 0 or 1, and all ten, by softmax the plain and the accurate way.

Lecture 001, "Handwritten digit recognition": 64-25-15-1 and 64-25-15-10. Its "more
accurate" way (a linear output and `from_logits=True`) avoids the logarithm of rounded
probabilities. onefit computes the plain way from the logits as well, so both train to
the same numbers.
"""

import numpy as np

from onefit import Input, Sequential, activations, datasets
from onefit.layers import Dense
from onefit.losses import BinaryCrossentropy, SparseCategoricalCrossentropy
from onefit.utils import set_random_seed, split_dataset


def train(units, activation, loss, rows, test):
    """The same start for everyone; what is left after 50 epochs."""
    set_random_seed(1)
    hidden = [Dense(25, activation="relu"), Dense(15, activation="relu")]
    model = Sequential([Input((64,)), *hidden, Dense(units, activation=activation)])
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    history = model.fit(*rows, epochs=50, verbose=0).history
    accuracy = model.evaluate(*test, verbose=0)[1]
    name = f"64-25-15-{units} {activation}"
    print(f"{name:20s} loss {history['loss'][-1]:.6f}  test accuracy {accuracy:.4f}")
    return model, history["loss"], accuracy


def rounding():
    """The loss of the unlikely one of two classes with the logits z and -z: 2z."""
    print("\nlogits  -log(softmax)   clipped at 1e-7   onefit, plain   from_logits")
    table = []
    for z in (5, 25, 50, 100):
        logits, label = np.array([[z, -z]], np.float32), np.array([1])
        with np.errstate(divide="ignore"):
            e = np.exp(logits - logits.max())
            p = (e / e.sum())[0, 1]
            row = [-np.log(p), -np.log(max(p, np.float32(1e-7)))]
        for activation, from_logits in (("softmax", False), ("linear", True)):
            passing = Dense(2, activation=activation, kernel_initializer="identity")
            model = Sequential([Input((2,)), passing])
            model.compile(loss=SparseCategoricalCrossentropy(from_logits=from_logits))
            row.append(model.evaluate(logits, label, verbose=0))
        print(f"±{z:<3d} {row[0]:17.4f} {row[1]:17.4f} {row[2]:15.4f} {row[3]:13.4f}")
        table.append([float(value) for value in row])
    return table


def main():
    x, y = datasets.load_digits()
    rows, test = split_dataset((x / 16, y), 0.8, shuffle=True, seed=0)
    two = [(x[y < 2], y[y < 2]) for x, y in (rows, test)]
    results = {}
    for from_logits in (False, True):
        loss = BinaryCrossentropy(from_logits=from_logits)
        activation = "linear" if from_logits else "sigmoid"
        results[2, from_logits] = train(1, activation, loss, *two)[1:]
    for from_logits in (False, True):
        loss = SparseCategoricalCrossentropy(from_logits=from_logits)
        activation = "linear" if from_logits else "softmax"
        model, *results[10, from_logits] = train(10, activation, loss, rows, test)
    f_x = activations.softmax(model(test[0][:1]))
    print("\nP(y = j) of the first test digit:", np.round(f_x[0], 3))
    print(f"its label: {test[1][0]}")
    return results | {"probabilities": f_x, "rounding": rounding()}


if __name__ == "__main__":
    main()
