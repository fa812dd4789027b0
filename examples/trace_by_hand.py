"""XOR's network worked through, number by number: forward, backward, and one step.

Lecture 002 sets the weights 20, -20, -10, 30, -30 by hand and computes forward; lecture
004 goes back from the loss by the chain rule. Here are both, for a network that does
not yet know XOR, with every gradient checked, and then for the lecture's own weights,
where there is nothing left to learn.
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.guide.trace import trace
from onefit.layers import Dense


def main():
    x, y = datasets.xor()
    model = Sequential(
        [
            Input((2,)),
            Dense(2, activation="sigmoid", name="hidden"),
            Dense(1, activation="sigmoid", name="out"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    model.set_weights([[[1, -1], [1, -1]], [-0.5, 1.5], [[1], [1]], [-1.5]])
    seen = trace(model, x, y)
    print(seen.text(example=2))

    # The same by numpy: the lectures' formulas are the program.
    def sigma(z):
        return 1 / (1 + np.exp(-z))

    (W1, b1), (W2, b2) = (call.weights.values() for call in seen)
    a1 = sigma(x @ W1 + b1)
    a2 = sigma(a1 @ W2 + b2)
    dz2 = (a2 - y) / len(x)
    dz1 = (dz2 @ W2.T) * a1 * (1 - a1)
    np.testing.assert_allclose(seen["out"].dW, a1.T @ dz2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(seen["hidden"].dW, x.T @ dz1, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(seen["hidden"].db, dz1.sum(0), rtol=1e-4, atol=1e-6)

    checked = seen.verify()
    print(checked)
    print()
    step = seen.step()
    print(step)
    model.train_on_batch(x, y)
    trained = model.get_weights()[0]
    np.testing.assert_allclose(trained, step.weights["hidden"]["kernel"], rtol=1e-6)

    model.set_weights([[[20, -20], [20, -20]], [-10, 30], [[20], [20]], [-30]])
    solved = trace(model, x, y)
    size = np.abs(solved["out"].dW).max()
    print(f"\nWith the lecture's weights J = {solved.J:.2g}", end="")
    print(
        f", and no dJ/dw of the output is above {size:.1g}: nothing is left to learn."
    )
    return {"J": seen.J, "checked": checked.ok, "solved": solved.J}


if __name__ == "__main__":
    main()
