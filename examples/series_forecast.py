"""Tomorrow's rides of a bicycle rental, by Conv1D and by LSTM, against naive forecasts.

Lecture 004, section 2.3.1, "Convolution layer" and "Recurrent layer". A forecast is
worth what it adds to "as today" and "as a week ago", on days after all it has learned
from: the series is split by time, never at random. The networks see four weeks, as
differences from the last day, and say the difference of the next: the rental grows, and
a network knows no numbers beyond those it has seen.
"""

import numpy as np

from onefit import Input, Model, datasets
from onefit.callbacks import EarlyStopping
from onefit.layers import LSTM, Conv1D, Dense, Flatten
from onefit.optimizers import Adam
from onefit.utils import set_random_seed

DAYS, NOISE = 28, 8.0
TRAINING, VALIDATION = 960, 240  # days; those after them are for the test


def convolutional(x):
    return Flatten()(Conv1D(16, 7, activation="relu")(x))


def recurrent(x):
    return LSTM(24)(x)


def network(reader):
    past = Input((DAYS, 1), name="past")
    last = past[:, -1:]
    change = Dense(1)(reader((past - last) / 10.0))
    model = Model(past, 10.0 * change + last[:, 0])
    model.compile(optimizer=Adam(0.003), loss="mse")
    return model


def rmse(forecast, truth):
    return float(np.sqrt(np.mean((forecast - truth) ** 2)))


def main(epochs=100):
    y = datasets.rides(1461, noise=NOISE)
    x = np.lib.stride_tricks.sliding_window_view(y[:-1], DAYS)[..., None]
    y = y[DAYS:, None]  # the day after each window
    now, soon = TRAINING, TRAINING + VALIDATION
    test, truth = x[soon:], y[soon:]
    results = {"as today": rmse(test[:, -1], truth)}
    results["as a week ago"] = rmse(test[:, -7], truth)
    for reader in (convolutional, recurrent):
        set_random_seed(0)
        model = network(reader)
        stop = EarlyStopping(patience=10, restore_best_weights=True)
        model.fit(
            x[:now], y[:now], epochs=epochs, verbose=0, callbacks=[stop],
            validation_data=(x[now:soon], y[now:soon]),
        )  # fmt: skip
        results[reader.__name__] = rmse(model.predict(test), truth)
    results["the noise"] = NOISE
    print(f"{len(truth)} days after {soon} days: root of the mean square error")
    for name, error in results.items():
        print(f"{name:14s} {error:6.2f}")
    return results


if __name__ == "__main__":
    main()
