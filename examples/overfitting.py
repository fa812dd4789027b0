"""Overfitting and its remedies: a large network on 25 noisy rows.

Lecture 003, "Overfitting Solutions" and "Regularization": more data, fewer parameters,
L2 and L1; dropout and early stopping beside them. Each remedy lets the training error
rise a little and makes the error on unseen rows smaller.
"""

import numpy as np

from onefit import Input, Sequential
from onefit.callbacks import EarlyStopping
from onefit.layers import Dense, Dropout
from onefit.optimizers import Adam
from onefit.regularizers import L1, L2
from onefit.utils import set_random_seed


def noisy_sine(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (n, 1))
    return x, np.sin(3 * x) + 0.3 * rng.normal(size=(n, 1))


def run(rows=25, units=64, penalty=None, dropout=0.0, patience=0):
    set_random_seed(0)
    (x, y), held_out = noisy_sine(rows, seed=0), noisy_sine(200, seed=1)
    model = Sequential([Input((1,))])
    for _ in range(2):
        model.add(Dense(units, activation="relu", kernel_regularizer=penalty))
        model.add(Dropout(dropout))
    model.add(Dense(1))
    # The loss holds the penalty as well; the metric is the error alone.
    model.compile(optimizer=Adam(0.01), loss="mse", metrics=["mse"])
    stop = EarlyStopping(patience=patience, restore_best_weights=True)
    history = model.fit(
        x, y, epochs=1000, validation_data=held_out, verbose=0,
        callbacks=[stop] if patience else [],
    ).history  # fmt: skip
    kept = int(np.argmin(history["val_loss"])) if patience else -1
    errors = history["mse"][kept], history["val_mse"][kept]
    return model.count_params(), len(history["loss"]), *errors


REMEDIES = {
    "none": {},
    "more data": {"rows": 400},
    "fewer parameters": {"units": 8},
    "L2, λ = 0.003": {"penalty": L2(0.003)},
    "L1, λ = 0.003": {"penalty": L1(0.003)},
    "dropout, rate 0.2": {"dropout": 0.2},
    "early stopping": {"patience": 50},
}


def main():
    print(f"{'remedy':17s}   parameters   epochs   training   validation")
    results = {}
    for name, settings in REMEDIES.items():
        count, epochs, training, validation = results[name] = run(**settings)
        print(f"{name:17s} {count:12d} {epochs:8d} {training:10.4f} {validation:12.4f}")
    print("\nThe noise alone has the mean square 0.09.")
    return results


if __name__ == "__main__":
    main()
