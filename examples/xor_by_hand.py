"""XOR by weights that are set by hand: h1 is OR, h2 is NAND, the output is AND.

Lecture 002, "Solving XOR with a Neural Net".
"""

import numpy as np

from onefit import Input, Sequential, datasets
from onefit.layers import Dense


def main():
    x, y = datasets.xor()
    model = Sequential(
        [Input((2,)), Dense(2, activation="sigmoid"), Dense(1, activation="sigmoid")]
    )
    model.set_weights(
        [
            [[20, -20], [20, -20]],  # a column for each of h1 and h2
            [-10, 30],
            [[20], [20]],
            [-30],
        ]
    )
    h = np.array(model.layers[0](x))
    a = model.predict(x)
    print("x1 x2   h1 = σ(20 x1 + 20 x2 - 10)   h2 = σ(-20 x1 - 20 x2 + 30)", end="")
    print("   σ(20 h1 + 20 h2 - 30)   XOR")
    for (x1, x2), (h1, h2), (out,), (wanted,) in zip(x, h, a, y, strict=True):
        print(f"{x1:2.0f} {x2:2.0f} {h1:16.4f} {h2:28.4f} {out:30.4f} {wanted:14.0f}")
    return {"hidden": h, "output": a}


if __name__ == "__main__":
    main()
