"""Faults of slow and short fits, and of what the first rules did not see."""

import numpy as np

from catalogue.base import (
    circles,
    clean,
    digits,
    fault,
    images,
    one_hot,
    prices,
    ready,
    signs,
    split,
    standard,
    table,
    waves,
)
from onefit import Input, Sequential
from onefit.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    SimpleRNN,
)
from onefit.optimizers import SGD, Adam, RMSprop
from onefit.optimizers.schedules import ExponentialDecay

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
SLOW = ("crawling", "learning-rate-too-low", "too-few-steps", "stopped-too-early")


# Slow and short -----------------------------------------------------------------------


@fault(*SLOW, by="run", source="StackOverflow: loss decreases very slowly")
def wine_at_a_hundredth_of_its_rate(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), Dense(12, "relu"), Dense(3, "softmax")])
    rate = SGD(1e-4 if faulty else 0.1)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=60)


@fault(*SLOW, by="run", source="forum: three epochs of a tutorial, accuracy 0.1")
def digits_in_forty_steps(faulty):
    x, y = digits(640)
    model = Sequential([Input((64,)), Dense(24, "tanh"), Dense(10, "softmax")])
    epochs = 2 if faulty else 60
    return ready(model, RMSprop(1e-3), SPARSE, x, y, ["accuracy"], epochs=epochs)


@fault(*SLOW, by="run", source="forum: the loss is 30 where guessing would give 2")
def prices_that_are_still_far_away(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(1e-4 if faulty else 1e-2), "mse", x, y, epochs=20)


@fault(*SLOW, by="run", source="StackOverflow: Keras SGD with decay stops learning")
def waves_by_a_network_that_hardly_moves(faulty):
    x, y = waves(400, 12)
    model = Sequential([Input((12, 1)), Flatten(), Dense(16, "tanh"), Dense(1)])
    return ready(model, SGD(1e-5 if faulty else 0.05), "mse", x, y, epochs=60)


@fault(
    *SLOW,
    "batch-too-large",
    by="run",
    source="forum: batches of 512 for a thousand rows",
)
def pictures_in_large_batches_for_ten_epochs(faulty):
    x, y = images()
    model = Sequential([Input((8, 8, 1)), Conv2D(8, 3, activation="relu"), Flatten()])
    model.add(Dense(10, activation="softmax"))
    size, rate = (500, 3e-4) if faulty else (32, 3e-3)
    return ready(
        model, Adam(rate), SPARSE, x, y, ["accuracy"], batch_size=size, epochs=12
    )


@fault(*SLOW, by="run", source="StackOverflow: LSTM loss not decreasing, 5 epochs")
def sums_of_signs_in_few_steps(faulty):
    x, y = signs(300, 10)
    model = Sequential([Input((10, 2)), LSTM(12), Dense(1, activation="sigmoid")])
    epochs = 5 if faulty else 80
    return ready(model, Adam(3e-4 if faulty else 5e-3), BINARY, x, y, epochs=epochs)


# Settings -----------------------------------------------------------------------------


@fault(
    "class-weights-reversed",
    severity="error",
    hurts=False,
    learns=0.8,
    source="forum: weights proportional to the counts",
)
def weights_by_the_counts_of_three_classes(faulty):
    x, y = table("wine")
    keep = np.flatnonzero((y != 2) | (np.arange(len(y)) % 4 == 0))
    x, y = x[keep], y[keep]
    counts = np.bincount(y)
    share = counts / counts.mean()
    weights = {c: float(w if faulty else 1 / w) for c, w in enumerate(share)}
    model = Sequential([Input((13,)), Dense(8, "relu"), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y, class_weight=weights, epochs=30)


@fault(
    "statistics-not-settled",
    hurts=False,
    learns=0.85,
    layer=1,
    source="GitHub: validation accuracy stuck with BatchNormalization",
)
def averages_that_have_not_arrived(faulty):
    x, y = digits()
    (x, y), held = split(3 * x + 2, y, 1200)
    hidden = [Dense(24, use_bias=False), BatchNormalization(), Activation("relu")]
    model = Sequential([Input((64,)), *hidden])
    model.add(Dense(10, activation="softmax"))
    size = 128 if faulty else 16
    return ready(
        model,
        Adam(0.01),
        SPARSE,
        x,
        y,
        ["accuracy"],
        batch_size=size,
        epochs=8 if faulty else 12,
        validation_data=held,
    )


# Data ---------------------------------------------------------------------------------


@fault(
    "digits-lost",
    "constant-column",
    "inputs-not-scaled",
    hurts=False,
    learns=0.5,
    source="forum: unix time as an input",
)
def seconds_since_1970(faulty):
    rng = np.random.default_rng(0)
    t = rng.uniform(0, 600, 400)
    y = np.sin(t / 60)[:, None].astype("float32")
    column = t + 1.7e9 if faulty else standard(t)
    other = rng.normal(size=400)
    x = np.column_stack([column, other])
    model = Sequential([Input((2,)), Dense(32, "tanh"), Dense(32, "tanh"), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=100)


def _tagged(n=300, steps=12, seed=0):
    """Words by number, and the class of each; rows of different length, 0 behind."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 60, (n, steps))
    y = 1 + x % 4
    length = rng.integers(3, 9, n)
    gone = np.arange(steps) >= length[:, None]
    x[gone], y[gone] = 0, 0
    return x, y


@fault(
    "padding-counted",
    severity="hint",
    hurts=False,
    learns=0.3,
    source="StackOverflow: POS tagging, accuracy 0.9 from padding",
)
def tags_of_words_that_are_not_there(faulty):
    x, y = _tagged()
    model = Sequential([Input((12,)), Embedding(60, 8, mask_zero=not faulty)])
    model.add(Dense(5, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, epochs=20)


@fault(
    "channels-misplaced",
    layer=0,
    hurts=False,
    learns=0.5,
    source="PyTorch users: (n, channels, height, width)",
)
def wide_pictures_with_channels_first(faulty):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    x = rng.normal(0, 0.3, (200, 20, 36, 3)).astype("float32")
    x[..., 0] += y[:, None, None]
    x = np.moveaxis(x, -1, 1) if faulty else x
    model = Sequential(
        [
            Input(x.shape[1:]),
            Conv2D(4, 3, activation="relu", padding="same"),
            GlobalAveragePooling2D(),
            Dense(1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.01), BINARY, x, y, epochs=10)


@fault(
    "target-unrelated",
    "overfitting",
    "stuck-at-chance",
    by="run",
    hurts=False,
    source="forum: y sorted by pandas, x not",
)
def wine_whose_labels_were_sorted_apart(faulty):
    x, y = table("wine")
    rng = np.random.default_rng(3)
    y = y[rng.permutation(len(y))] if faulty else y
    model = Sequential([Input((13,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(
        model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=60, validation_split=0.25
    )


@fault(
    "target-unrelated",
    "overfitting",
    "stuck-at-chance",
    by="run",
    hurts=False,
    source="forum: train_test_split given x and y one by one",
)
def prices_of_other_houses(faulty):
    x, y = prices()
    y = y[np.random.default_rng(1).permutation(len(y))] if faulty else y
    model = Sequential([Input((4,)), Dense(32, "relu"), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=60, validation_split=0.25)


# Networks -----------------------------------------------------------------------------


@fault(
    "softmax-in-hidden-layer",
    "unstable-recurrence",
    layer=0,
    hurts=False,
    learns=0.8,
    source="GitHub: LSTM(activation='softmax')",
)
def a_memory_that_sums_to_one(faulty):
    x, y = signs(400, 10)
    g = "softmax" if faulty else "tanh"
    model = Sequential([Input((10, 2)), LSTM(12, activation=g)])
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.01), BINARY, x, y, epochs=40)


@fault(
    "unstable-recurrence",
    layer=0,
    hurts=False,
    learns=0.8,
    source="GitHub: recurrent_activation='relu'",
)
def gates_without_an_upper_end(faulty):
    x, y = signs(400, 10)
    g = "relu" if faulty else "sigmoid"
    model = Sequential([Input((10, 2)), GRU(12, recurrent_activation=g)])
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.01), BINARY, x, y, epochs=40)


@fault(
    "softmax-in-hidden-layer",
    "unstable-recurrence",
    layer=0,
    hurts=False,
    learns=0.8,
    source="StackOverflow: SimpleRNN with softmax",
)
def a_simple_memory_that_sums_to_one(faulty):
    x, y = waves(300, 10)
    g = "softmax" if faulty else "tanh"
    model = Sequential([Input((10, 1)), SimpleRNN(12, activation=g), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=40)


@fault(
    "dropout-too-high",
    severity="hint",
    hurts=False,
    source="StackOverflow: four dropouts of a half",
)
def four_halves_behind_each_other(faulty):
    x, y = digits(600)
    rate = 0.5 if faulty else 0.1
    model = Sequential([Input((64,))])
    for _ in range(4):
        model.add(Dense(24, activation="relu"))
        model.add(Dropout(rate))
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=60)


@fault(
    "narrow-layer",
    layer=1,
    hurts=False,
    learns=0.8,
    source="forum: Conv2D(1, ...) in the middle",
)
def one_filter_in_the_middle(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            Conv2D(1 if faulty else 12, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(12, 2, activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=30)


@fault(
    "regression-loss-on-classes",
    severity="hint",
    hurts=False,
    source="forum: mse with tanh and labels of -1 and 1",
)
def signs_under_squared_errors(faulty):
    x, y = table("breast_cancer")
    y = 2 * y - 1 if faulty else y
    last = Dense(1, activation="tanh" if faulty else "sigmoid")
    model = Sequential([Input((30,)), Dense(8, "relu"), last])
    return ready(model, Adam(0.003), "mse" if faulty else BINARY, x, y, epochs=30)


@fault(
    "diverging",
    "oscillating",
    "learning-rate-too-high",
    "loss-not-a-number",
    by="run",
    hurts=False,
    source="forum: the loss rises at last",
)
def a_loss_that_grows_late(faulty):
    x, y = prices()
    # A rate that grows: the sign of the exponent is wrong.
    rate = ExponentialDecay(3e-3, 100, 1.5 if faulty else 0.8)
    model = Sequential([Input((4,)), Dense(16, "tanh"), Dense(16, "tanh"), Dense(1)])
    return ready(model, Adam(rate), "mse", x, y, epochs=100)


# Nothing to say -----------------------------------------------------------------------


@clean()
def circles_by_momentum():
    x, y = circles()
    model = Sequential([Input((2,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    return ready(model, SGD(0.05, momentum=0.9), BINARY, x, y, epochs=60)


@clean()
def celsius_in_seven_rows():
    c = np.array([-40, -10, 0, 8, 15, 22, 38], "float32")[:, None]
    model = Sequential([Input((1,)), Dense(1)])
    return ready(model, Adam(0.1), "mse", c, 1.8 * c + 32, epochs=1500)


@clean(learns=0.5)
def weights_as_they_ought_to_be():
    x, y = table("wine")
    counts = np.bincount(y)
    weights = {c: float(counts.sum() / (3 * n)) for c, n in enumerate(counts)}
    model = Sequential([Input((13,)), Dense(8, "relu"), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y, class_weight=weights, epochs=40)


@clean(learns=0.4)
def a_noisy_target_that_x_tells_a_little():
    x, y = table("diabetes")
    model = Sequential([Input((10,)), Dense(8, "relu"), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=40, validation_split=0.2)


@clean()
def years_as_they_are_beside_others():
    rng = np.random.default_rng(0)
    year = rng.integers(1950, 2020, 400).astype("float32")
    x = np.column_stack([(year - 1985) / 20, rng.normal(size=400)])
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    model = Sequential([Input((2,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.01), BINARY, x.astype("float32"), y, epochs=40)


@clean()
def rows_with_zeros_that_are_answers():
    rng = np.random.default_rng(0)
    x = rng.integers(1, 40, (300, 8))
    model = Sequential([Input((8,)), Embedding(40, 8), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, x % 3, epochs=40)


@clean()
def a_spectrum_with_one_row():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    x = rng.normal(0, 0.3, (200, 12, 20, 1)).astype("float32")
    x += y[:, None, None, None]
    model = Sequential([Input((12, 20, 1)), Conv2D(4, 3, activation="relu")])
    model.add(Flatten())
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.003), BINARY, x, y, epochs=10)


@clean()
def three_small_dropouts():
    x, y = digits(600)
    model = Sequential([Input((64,))])
    for _ in range(3):
        model.add(Dense(48, activation="relu"))
        model.add(Dropout(0.2))
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=60)


@clean()
def one_hot_digits_with_averages_that_arrive():
    x, y = digits()
    hidden = [Dense(32, use_bias=False), BatchNormalization(), Activation("relu")]
    model = Sequential([Input((64,)), *hidden])
    model.add(Dense(10, activation="softmax"))
    loss = "categorical_crossentropy"
    return ready(model, Adam(0.003), loss, x, one_hot(y, 10), epochs=15)
