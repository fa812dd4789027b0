"""Softmax turns scores z into probabilities; with two classes it is the sigmoid.

Lecture 000, "Multiclass Classification": logistic regression with 0.71 and 0.29,
softmax regression with 0.30, 0.20, 0.15 and 0.35; lecture 001: 0.5, 0.2 and 0.3.
"""

import numpy as np

from onefit.activations import sigmoid, softmax
from onefit.losses import sparse_categorical_crossentropy


def main():
    z = np.log(0.71 / 0.29)
    a_1 = float(sigmoid(z))
    print(f"sigmoid({z:.4f}):  P(y = 1 | x) = {a_1:.2f}   P(y = 0 | x) = {1 - a_1:.2f}")
    two = np.array(softmax(np.array([z, 0.0])))
    print(f"softmax of ({z:.4f}, 0), the same: {two.round(2)}\n")

    results = {"logistic": (a_1, 1 - a_1), "two": two}
    for wanted in ([0.30, 0.20, 0.15, 0.35], [0.5, 0.2, 0.3]):
        # Scores are only worth their differences: adding 7 to all changes nothing.
        z = np.log(wanted) + 7
        a = np.array(softmax(z))
        classes = np.arange(len(z))
        losses = sparse_categorical_crossentropy(classes, np.tile(z, (len(z), 1)), True)
        print(" j      z_j      a_j    loss if y = j, -log a_j")
        for j in classes:
            print(f"{j + 1:2d} {z[j]:8.4f} {a[j]:8.2f} {losses[j]:12.4f}")
        print(f"   sum of a_j {a.sum():.2f}\n")
        results[len(z)] = (a, np.array(losses))
    return results


if __name__ == "__main__":
    main()
