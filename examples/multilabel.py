"""Multi-label against multi-class: the same inputs, sigmoids against a softmax.

Lecture 000, learning objectives, and the table of lecture 004, 2.3.3. A point of the
plane lies in any number of three discs (multi-label: three yes-or-no questions, sigmoid
and binary cross-entropy), and has one nearest centre (multi-class: one question with
three answers, softmax and categorical cross-entropy).
"""

import numpy as np

from onefit import Input, Sequential
from onefit.layers import Dense
from onefit.utils import set_random_seed, to_categorical

CENTRES = np.array([[-0.5, 0.0], [0.5, 0.0], [0.0, 0.8]])


def network(activation, loss, metric):
    model = Sequential(
        [Input((2,)), Dense(16, activation="relu"), Dense(3, activation=activation)]
    )
    model.compile(optimizer="adam", loss=loss, metrics=[metric])
    return model


def main():
    set_random_seed(0)
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (1000, 2))
    distance = np.linalg.norm(x[:, None] - CENTRES, axis=-1)
    inside = (distance < 0.8).astype("float32")
    nearest = to_categorical(distance.argmin(axis=1), 3)

    many = network("sigmoid", "binary_crossentropy", "binary_accuracy")
    one = network("softmax", "categorical_crossentropy", "categorical_accuracy")
    many.fit(x, inside, epochs=150, verbose=0)
    one.fit(x, nearest, epochs=150, verbose=0)
    results = {
        "multilabel": many.evaluate(x, inside, verbose=0)[1],
        "multiclass": one.evaluate(x, nearest, verbose=0)[1],
    }
    print(f"accuracy, multi-label {results['multilabel']:.3f}")
    print(f"accuracy, multi-class {results['multiclass']:.3f}\n")

    points = np.array([[0.0, 0.25], [-0.9, -0.2], [1.4, -1.4]])
    labels, classes = many.predict(points), one.predict(points)
    print("  point          multi-label: sigmoid, sum       multi-class: softmax, sum")
    for (x1, x2), a, p in zip(points, labels, classes, strict=True):
        print(f"({x1:4.1f}, {x2:5.2f})   {a.round(2)!s:20s} {a.sum():5.2f}", end="")
        print(f"       {p.round(2)!s:20s} {p.sum():5.2f}")
    return results | {"labels": labels, "classes": classes}


if __name__ == "__main__":
    main()
