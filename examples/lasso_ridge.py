"""L1 and L2 penalties on one neuron are the lasso and the ridge regression.

Lecture 003, "Regularization". scikit-learn scales its costs in other ways, so that its
α is another number than our factor λ of Σ|w| and Σw²:

    onefit          (1/n) ‖y - Xw‖² + λ Ω(w)
    Lasso(α)        (1/2n) ‖y - Xw‖² + α Σ|w|     the same optimum for λ = 2α
    Ridge(α)               ‖y - Xw‖² + α Σw²      the same optimum for λ = α/n

Needs scikit-learn.
"""

import numpy as np
from sklearn.linear_model import Lasso, Ridge

from onefit import Input, Sequential
from onefit.layers import Dense
from onefit.optimizers import SGD
from onefit.optimizers.schedules import ExponentialDecay
from onefit.regularizers import L1, L2


def neuron(penalty, x, y):
    model = Sequential([Input((x.shape[1],)), Dense(1, kernel_regularizer=penalty)])
    # |w| has a corner at 0, which a step of fixed size jumps over for ever: the steps
    # become smaller.
    rate = ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.1)
    model.compile(optimizer=SGD(rate), loss="mse")
    model.fit(x, y, batch_size=len(x), epochs=6000, verbose=0)
    return model.get_weights()[0][:, 0]


def main():
    rng = np.random.default_rng(0)
    n, true = 100, np.array([3.0, -2.0, 1.0, 0, 0, 0, 0, 0])
    x = rng.normal(size=(n, len(true)))
    y = x @ true + 1 + rng.normal(size=n)

    l1, l2 = 0.6, 0.6
    results = {
        "true": true,
        "none": neuron(None, x, y),
        "L1": neuron(L1(l1), x, y),
        "Lasso": Lasso(alpha=l1 / 2, tol=1e-8).fit(x, y).coef_,
        "L2": neuron(L2(l2), x, y),
        "Ridge": Ridge(alpha=l2 * n).fit(x, y).coef_,
    }
    for name, w in results.items():
        zeros = int((np.abs(w) < 1e-3).sum())
        print(f"{name:6s}", *(f"{v:8.4f}" for v in w), f"   {zeros} of 8 are 0")
    return results


if __name__ == "__main__":
    main()
