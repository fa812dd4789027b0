"""Faults of compile and fit: rates, batches, epochs, the order of the rows."""

import numpy as np
from sklearn.datasets import load_iris

from catalogue.base import (
    circles,
    digits,
    fault,
    images,
    prices,
    ready,
    reviews,
    signs,
    standard,
    table,
    waves,
)
from onefit import Input, Sequential
from onefit.callbacks import EarlyStopping
from onefit.layers import (
    LSTM,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    MaxPooling2D,
)
from onefit.optimizers import SGD, Adam, RMSprop
from onefit.optimizers.schedules import ExponentialDecay

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
TOO_HIGH = ("learning-rate-too-high", "diverging", "oscillating")
TOO_LOW = ("learning-rate-too-low", "crawling")


# The learning rate --------------------------------------------------------------------


@fault(*TOO_HIGH, source="lecture 000, learning rate; UMLAUT: Adam above 0.01")
def adam_with_rate_one(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(25, "relu"), Dense(15, "relu")])
    model.add(Dense(10, activation="softmax"))
    rate = Adam(1.0 if faulty else 0.003)
    return ready(model, rate, SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(*TOO_HIGH, source="StackOverflow: CNN stuck at chance with Adam(0.1)")
def a_conv_net_with_rate_a_half(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    rate = Adam(0.5 if faulty else 0.005)
    return ready(model, rate, SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(*TOO_HIGH, source="forum: RMSprop(0.1) with an LSTM")
def an_lstm_with_rate_a_half(faulty):
    x, y = waves()
    model = Sequential([Input((24, 1)), LSTM(16), Dense(1)])
    rate = RMSprop(0.5 if faulty else 0.003)
    return ready(model, rate, "mse", x, y, metrics=["mae"], epochs=30)


@fault(
    *TOO_HIGH,
    "exploding-gradients",
    "loss-not-a-number",
    learns=0.45,
    source="lecture 000: alpha too large, gradient descent diverges",
)
def gradient_descent_beyond_its_largest_step(faulty):
    x, y = table("diabetes")
    model = Sequential([Input((10,)), Dense(1)])
    rate = SGD(0.9 if faulty else 0.01)
    return ready(model, rate, "mse", x, y, batch_size=len(x), epochs=300)


@fault(
    *TOO_HIGH,
    "exploding-gradients",
    "loss-not-a-number",
    source="StackOverflow 37242013: loss nan with SGD",
)
def gradient_descent_of_a_network_at_rate_two(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(32, "relu"), Dense(32, "relu"), Dense(1)])
    rate = SGD(2.0 if faulty else 0.01)
    return ready(model, rate, "mse", x, y, epochs=60)


@fault(*TOO_LOW, source="UMLAUT: rate below 1e-5; StackOverflow: loss hardly falls")
def adam_with_a_rate_of_a_ten_millionth(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    rate = Adam(1e-7 if faulty else 1e-3)
    return ready(model, rate, SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault(*TOO_LOW, source="lecture 000: go faster, increase alpha")
def plain_gradient_descent_that_creeps(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    rate = SGD(1e-5 if faulty else 0.1)
    return ready(model, rate, SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(*TOO_LOW, by="run", source="forum: the schedule has reached 0 by epoch 3")
def a_schedule_that_dies_at_once(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    rate = ExponentialDecay(0.001, decay_steps=1 if faulty else 1000, decay_rate=0.9)
    return ready(model, Adam(rate), SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault(*TOO_LOW, source="forum: Adam(1e-6) for a text")
def an_embedding_with_a_tiny_rate(faulty):
    x, y = reviews()
    model = Sequential([Input((12,)), Embedding(200, 16), GlobalAveragePooling1D()])
    model.add(Dense(1, activation="sigmoid"))
    rate = Adam(1e-6 if faulty else 0.01)
    return ready(model, rate, BINARY, x, y, metrics=["accuracy"], epochs=40)


# Batches and epochs -------------------------------------------------------------------


@fault(
    "batch-too-large",
    "too-few-steps",
    "stopped-too-early",
    source="forum: batch_size larger than the data",
)
def all_rows_in_one_batch_for_ten_epochs(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    size = 4096 if faulty else 16
    return ready(
        model, "adam", SPARSE, x, y, metrics=["accuracy"], batch_size=size, epochs=10
    )


@fault(
    "batch-too-large",
    "too-few-steps",
    "stopped-too-early",
    source="TheDeepChecker: batch against rows",
)
def half_the_rows_in_a_batch(faulty):
    x, y = waves()
    model = Sequential([Input((24, 1)), Conv1D(8, 5, activation="relu"), Flatten()])
    model.add(Dense(1))
    size = 250 if faulty else 16
    return ready(model, "adam", "mse", x, y, batch_size=size, epochs=20)


@fault(
    "too-few-steps", "stopped-too-early", source="StackOverflow: epochs=1 by default"
)
def one_epoch_of_a_hundred_rows(faulty):
    x, y = circles(160)
    model = Sequential([Input((2,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    epochs = 1 if faulty else 60
    return ready(model, Adam(0.02), BINARY, x, y, metrics=["accuracy"], epochs=epochs)


@fault(
    "stopped-too-early",
    "too-few-steps",
    by="run",
    source="lecture 002: XOR takes thousands of steps",
)
def a_loss_that_still_falls(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(25, "sigmoid"), Dense(15, "sigmoid")])
    model.add(Dense(10, activation="softmax"))
    epochs = 5 if faulty else 120
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=epochs)


@fault(
    "stopped-too-early",
    "too-few-steps",
    by="run",
    source="StackOverflow: EarlyStopping stops at epoch 2",
)
def early_stopping_in_the_wrong_direction(faulty):
    x, y = images(1797)
    model = Sequential([Input((8, 8, 1)), Conv2D(8, 3, activation="relu"), Flatten()])
    model.add(Dense(10, activation="softmax"))
    stop = EarlyStopping("val_accuracy", mode="min" if faulty else "max", patience=5)
    return ready(
        model,
        SGD(0.01),
        SPARSE,
        x,
        y,
        metrics=["accuracy"],
        callbacks=[stop],
        validation_split=0.2,
        epochs=60,
    )


@fault(
    "stopped-too-early",
    "too-few-steps",
    by="run",
    hurts=False,
    source="forum: patience=0 and a large min_delta",
)
def early_stopping_that_asks_too_much(faulty):
    x, y = signs()
    model = Sequential([Input((12, 2)), LSTM(12), Dense(1, activation="sigmoid")])
    delta = 0.5 if faulty else 0.0
    stop = EarlyStopping("loss", min_delta=delta, patience=2)
    return ready(
        model,
        Adam(0.005),
        BINARY,
        x,
        y,
        metrics=["accuracy"],
        callbacks=[stop],
        epochs=60,
    )


# The order of the rows ----------------------------------------------------------------


@fault("rows-in-order", source="StackOverflow: val_accuracy 0 on iris")
def iris_as_it_comes_with_a_validation_split(faulty):
    x, y = load_iris(return_X_y=True)
    x = standard(x).astype("float32")
    if not faulty:
        order = np.random.default_rng(1).permutation(len(x))
        x, y = x[order], y[order]
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(
        model,
        Adam(0.01),
        SPARSE,
        x,
        y,
        metrics=["accuracy"],
        validation_split=0.2,
        epochs=40,
    )


@fault(
    "rows-in-order",
    by="check",
    source="forum: shuffle=False, the classes one after another",
)
def sorted_pictures_that_are_not_shuffled(faulty):
    x, y = images()
    order = np.argsort(y, kind="stable")
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(
        model,
        SGD(0.1),
        SPARSE,
        x[order],
        y[order],
        metrics=["accuracy"],
        shuffle=not faulty,
        epochs=20,
    )


@fault("rows-in-order", source="forum: houses sorted by price, the dearest held out")
def prices_in_order_with_a_validation_split(faulty):
    x, y = prices()
    order = np.argsort(y[:, 0]) if faulty else np.arange(len(x))
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    return ready(
        model, Adam(0.01), "mse", x[order], y[order], validation_split=0.25, epochs=60
    )
