"""Faults written down before a rule was looked at, and sound programs like them.

They vary what the catalogue had kept equal: sizes, activations, optimizers, data.
"""

import numpy as np

from catalogue.base import (
    clean,
    digits,
    fault,
    ready,
    rooms,
    split,
    standard,
    table,
    waves,
)
from onefit import Input, Sequential, callbacks
from onefit import layers as nn
from onefit.optimizers import SGD, Adagrad, Adam, AdamW, Nadam, RMSprop
from onefit.optimizers.schedules import CosineDecay, InverseTimeDecay, PolynomialDecay

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
SLOW = ("crawling", "learning-rate-too-low", "too-few-steps", "stopped-too-early")


def _friedman(n=600, seed=0):
    """Ten columns from 0 to 1, five of which count (Friedman 1991); standardised y."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(size=(n, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y = y + 10 * x[:, 3] + 5 * x[:, 4] + 0.3 * rng.normal(size=n)
    return x.astype("float32"), standard(y).astype("float32")[:, None]


def _moons(n=500, seed=0):
    """Two half moons, one within the other, noisy."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    t = rng.uniform(0, np.pi, n)
    x = np.where(
        y[:, None] == 0,
        np.column_stack([np.cos(t), np.sin(t)]),
        np.column_stack([1 - np.cos(t), 0.5 - np.sin(t)]),
    )
    return (x + 0.1 * rng.normal(size=x.shape)).astype("float32"), y


def _blobs(n, classes, features, spread=1.0, seed=0):
    """Clouds around random centres."""
    rng = np.random.default_rng(seed)
    centres = 2.5 * rng.normal(size=(classes, features))
    y = rng.integers(0, classes, n)
    x = centres[y] + spread * rng.normal(size=(n, features))
    return x.astype("float32"), y


def _heartbeats(n=360, steps=64, seed=0):
    """One channel (n, steps, 1); the class is how many bumps there are: 1, 2 or 3."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = 0.1 * rng.normal(size=(n, steps))
    t = np.arange(steps)
    for i in range(n):
        starts = rng.permutation(np.arange(6, steps - 6, 12))[: y[i] + 1]
        for at in starts:
            x[i] += np.exp(-0.5 * ((t - at) / 1.5) ** 2)
    return x[..., None].astype("float32"), y


def _stripes(n=500, height=10, width=16, channels=2, seed=0):
    """Pictures with stripes up, across or none; the phase by chance."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    x = rng.normal(0.5, 0.15, (n, height, width, channels))
    for i in range(n):
        phase, c = rng.uniform(0, 6), rng.integers(channels)
        along = rows if y[i] == 0 else columns
        if y[i] < 2:
            x[i, :, :, c] += 0.5 * np.sin(2 * along + phase)
    return np.clip(x, 0, 1).astype("float32"), y


def _recall(n=600, steps=60, seed=0):
    """Four symbols first, then noise: which symbol was it?"""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    x = 0.2 * rng.normal(size=(n, steps, 4))
    x[np.arange(n), 0, y] = 1.5
    return x.astype("float32"), y


def _part_of_speech(n=400, steps=24, seed=0):
    """Words 1 to 79, a tag 1 to 4 for each by the word alone, 0 where it is padding."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 80, (n, steps))
    y = 1 + (x * 7) % 4
    real = np.arange(steps) < rng.integers(3, 9, n)[:, None]
    return np.where(real, x, 0), np.where(real, y, 0), real


# Slow and short -----------------------------------------------------------------------


@fault(*SLOW, by="run")
def friedman_by_a_rate_from_fine_tuning(faulty):
    x, y = _friedman()
    model = Sequential([Input((10,)), nn.Dense(48, "gelu"), nn.Dense(48, "gelu")])
    model.add(nn.Dense(1))
    rate = AdamW(3e-6 if faulty else 3e-3)
    return ready(model, rate, "mse", x, y, epochs=50, batch_size=32)


@fault(*SLOW, by="run")
def moons_in_three_epochs(faulty):
    x, y = _moons()
    model = Sequential([Input((2,)), nn.Dense(24, "silu"), nn.Dense(1, "sigmoid")])
    epochs = 3 if faulty else 120
    return ready(model, Nadam(2e-3), BINARY, x, y, ["accuracy"], epochs=epochs)


@fault(*SLOW, by="run")
def eight_clouds_by_sgd_of_a_ten_thousandth(faulty):
    x, y = _blobs(800, 8, 12)
    model = Sequential([Input((12,)), nn.Dense(40, "elu"), nn.Dense(8, "softmax")])
    rate = SGD(1e-4 if faulty else 0.05, momentum=0.0)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=40, batch_size=64)


@fault(*SLOW, by="run")
def stripes_by_adagrad_of_a_thousandth(faulty):
    x, y = _stripes()
    model = Sequential([Input((10, 16, 2)), nn.Conv2D(12, 3, activation="relu")])
    model.add(nn.GlobalAveragePooling2D())
    model.add(nn.Dense(3, activation="softmax"))
    rate = Adagrad(1e-4) if faulty else Adam(1e-2)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=60, batch_size=32)


@fault(*SLOW, by="run")
def a_wave_by_a_gru_for_two_epochs(faulty):
    x, y = waves(400, 20, seed=3)
    model = Sequential([Input((20, 1)), nn.GRU(16), nn.Dense(1)])
    rate, epochs = (2e-4, 2) if faulty else (5e-3, 40)
    return ready(model, Adam(rate), "mse", x, y, epochs=epochs)


@fault(*SLOW, by="run")
def a_polynomial_schedule_over_one_epoch(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), nn.Dense(20, "selu"), nn.Dense(3, "softmax")])
    steps = 6 if faulty else 600
    rate = PolynomialDecay(0.05, steps, 1e-6)
    return ready(model, SGD(rate), SPARSE, x, y, ["accuracy"], epochs=80)


@fault(*SLOW, by="run", learns=0.7)
def an_inverse_decay_that_is_over_at_once(faulty):
    x, y = _friedman(400, seed=2)
    model = Sequential([Input((10,)), nn.Dense(32, "tanh"), nn.Dense(1)])
    rate = InverseTimeDecay(0.05, 1, 1.0 if faulty else 1e-4)
    return ready(model, SGD(rate), "mae", x, y, epochs=60, batch_size=20)


@fault(*SLOW, by="run")
def thousands_of_households_by_a_rate_for_one(faulty):
    x, y = rooms(900, seed=5)
    x, y = standard(x), standard(y)
    model = Sequential([Input((4,)), nn.Dense(16, "softplus"), nn.Dense(1)])
    rate = RMSprop(1e-6 if faulty else 3e-3)
    return ready(model, rate, "huber", x, y, epochs=40, batch_size=64)


# What grows late, and what holds a network --------------------------------------------


@fault("diverging", "learning-rate-too-high", "oscillating", by="run", learns=0.7)
def a_rate_that_climbs_until_it_is_too_much(faulty):
    x, y = _friedman(400, seed=4)
    model = Sequential([Input((10,)), nn.Dense(32, "relu"), nn.Dense(1)])
    climb = callbacks.LearningRateScheduler(
        lambda epoch, rate: 0.02 * (1.12**epoch if faulty else 0.98**epoch)
    )
    return ready(
        model, SGD(0.02), "mse", x, y, epochs=45, batch_size=32, callbacks=[climb]
    )


@fault("dropout-too-high", hurts=False)
def three_dropouts_of_eight_tenths(faulty):
    x, y = digits(900)
    rate = 0.8 if faulty else 0.1
    model = Sequential([Input((64,))])
    for units in (32, 24, 16):
        model.add(nn.Dense(units, "relu"))
        model.add(nn.Dropout(rate))
    model.add(nn.Dense(10, "softmax"))
    return ready(model, Adam(2e-3), SPARSE, x, y, ["accuracy"], epochs=60)


@fault("dropout-too-high", hurts=False)
def spatial_dropout_that_leaves_one_map(faulty):
    x, y = _stripes(400, seed=2)
    rate = 0.9 if faulty else 0.1
    model = Sequential([Input((10, 16, 2)), nn.Conv2D(12, 3, activation="relu")])
    model.add(nn.SpatialDropout2D(rate))
    model.add(nn.Conv2D(12, 3, activation="relu"))
    model.add(nn.SpatialDropout2D(rate))
    model.add(nn.GlobalAveragePooling2D())
    model.add(nn.Dense(3, activation="softmax"))
    return ready(model, Adam(1e-2), SPARSE, x, y, epochs=40)


@fault("statistics-not-settled", "too-few-steps", hurts=False, learns=0.8)
def wine_normalised_by_averages_of_a_tenth_of_the_way(faulty):
    x, y = table("wine", raw=True)
    (x, y), held = split(x, y, 128)
    model = Sequential([Input((13,)), nn.BatchNormalization(momentum=0.99)])
    if not faulty:
        model = Sequential([Input((13,)), nn.BatchNormalization(momentum=0.8)])
    model.add(nn.Dense(16, "relu"))
    model.add(nn.Dense(3, "softmax"))
    return ready(
        model,
        Adam(0.02),
        SPARSE,
        x,
        y,
        ["accuracy"],
        epochs=10,
        batch_size=32,
        validation_data=held,
    )


# Pictures and series ------------------------------------------------------------------


@fault("channels-misplaced", layer=0, hurts=False)
def stripes_with_the_channels_first(faulty):
    x, y = _stripes()
    x = x.transpose(0, 3, 1, 2) if faulty else x
    model = Sequential([Input(x.shape[1:])])
    model.add(nn.Conv2D(16, 3, padding="same", activation="relu"))
    model.add(nn.GlobalMaxPooling2D())
    model.add(nn.Dense(3, activation="softmax"))
    return ready(model, Adam(1e-2), SPARSE, x, y, epochs=40)


@fault("channels-misplaced", layer=0, hurts=False, learns=0.8)
def a_series_with_its_channels_before_its_steps(faulty):
    rng = np.random.default_rng(4)
    x = np.cumsum(rng.normal(size=(400, 50, 3)), axis=1) / 7
    y = (x[:, -10:, 1].mean(1) > x[:, :10, 1].mean(1)).astype(int)
    x = x.astype("float32")
    x = x.transpose(0, 2, 1).copy() if faulty else x
    model = Sequential([Input(x.shape[1:])])
    model.add(nn.Conv1D(16, 3, padding="same", activation="relu"))
    model.add(nn.Flatten())
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, "adam", BINARY, x, y, epochs=40)


@fault("narrow-layer", layer=0, learns=0.75)
def stripes_through_a_single_map(faulty):
    x, y = _stripes(600)
    model = Sequential([Input((10, 16, 2))])
    model.add(nn.Conv2D(1 if faulty else 12, 3, activation="relu"))
    model.add(nn.Conv2D(24, 3, activation="relu"))
    model.add(nn.GlobalMaxPooling2D())
    model.add(nn.Dense(3, activation="softmax"))
    return ready(model, Adam(1e-2), SPARSE, x, y, epochs=40)


@fault("shrinks-too-early", learns=0.8)
def bumps_pooled_away(faulty):
    x, y = _heartbeats()
    model = Sequential([Input((64, 1)), nn.Conv1D(12, 5, activation="relu")])
    model.add(nn.MaxPooling1D(30 if faulty else 2))
    model.add(nn.Conv1D(12, 2 if faulty else 3, activation="relu"))
    if faulty:
        model.add(nn.GlobalAveragePooling1D())
    else:
        model.add(nn.Flatten())
    model.add(nn.Dense(3, activation="softmax"))
    return ready(model, Adam(5e-3), SPARSE, x, y, epochs=60)


@fault("softmax-in-hidden-layer", "head-does-not-fit-loss", layer=0)
def an_lstm_whose_units_share_one(faulty):
    x, y = waves(400, 16, seed=6)
    model = Sequential([Input((16, 1))])
    model.add(nn.LSTM(16, activation="softmax" if faulty else "tanh"))
    model.add(nn.Dense(1))
    return ready(model, Adam(1e-2), "mse", x, y, epochs=30)


@fault("unstable-recurrence", layer=0, hurts=False)
def a_gru_with_exponential_units(faulty):
    x, y = waves(400, 16, seed=7)
    model = Sequential([Input((16, 1))])
    model.add(nn.GRU(16, activation="exponential" if faulty else "tanh"))
    model.add(nn.Dense(1))
    return ready(model, Adam(1e-2), "mse", x, y, epochs=30)


@fault("unstable-recurrence", layer=0, hurts=False, learns=0.8)
def a_linear_simple_rnn_over_forty_steps(faulty):
    x, y = waves(400, 40, seed=8)
    model = Sequential([Input((40, 1))])
    model.add(nn.SimpleRNN(24, activation="linear" if faulty else "tanh"))
    model.add(nn.Dense(1))
    return ready(model, Adam(3e-3), "mse", x, y, epochs=30)


@fault("vanishing-gradients", "deep-saturating-stack", "stuck-at-chance", by="run")
def a_symbol_recalled_over_sixty_steps(faulty):
    x, y = _recall()
    recurrent = nn.SimpleRNN(16, activation="sigmoid") if faulty else nn.GRU(16)
    x = x if faulty else x[:, ::-1].copy()
    model = Sequential([Input((60, 4)), recurrent, nn.Dense(4, "softmax")])
    return ready(model, Adam(5e-3), SPARSE, x, y, ["accuracy"], epochs=25)


@fault("padding-counted", severity="hint", hurts=False)
def tags_of_words_and_of_nothing(faulty):
    x, y, real = _part_of_speech()
    model = Sequential([Input((24,)), nn.Embedding(80, 12, mask_zero=not faulty)])
    model.add(nn.Bidirectional(nn.GRU(12, return_sequences=True)))
    model.add(nn.Dense(5, activation="softmax"))
    more = {} if faulty else {"sample_weight": real.astype("float32")}
    return ready(model, Adam(1e-2), SPARSE, x, y, ["accuracy"], epochs=25, **more)


# Targets ------------------------------------------------------------------------------


@fault("regression-loss-on-classes", "head-does-not-fit-loss", hurts=False)
def moons_of_minus_one_and_one_by_squares(faulty):
    x, y = _moons(seed=3)
    model = Sequential([Input((2,)), nn.Dense(16, "tanh")])
    if faulty:
        model.add(nn.Dense(1, "tanh"))
        return ready(model, Adam(1e-2), "mse", x, 2 * y - 1, epochs=60)
    model.add(nn.Dense(1, "sigmoid"))
    return ready(model, Adam(1e-2), BINARY, x, y, epochs=60)


@fault("target-unrelated", by="run")
def clouds_shuffled_apart_from_their_labels(faulty):
    x, y = _blobs(700, 4, 6, seed=5)
    y = np.random.default_rng(1).permutation(y) if faulty else y
    model = Sequential([Input((6,)), nn.Dense(24, "relu"), nn.Dense(4, "softmax")])
    return ready(
        model, Adam(5e-3), SPARSE, x, y, ["accuracy"], epochs=40, validation_split=0.2
    )


@fault("target-unrelated", by="run")
def friedman_whose_target_was_sorted(faulty):
    x, y = _friedman(500, seed=6)
    y = np.random.default_rng(3).permutation(np.sort(y, axis=0)) if faulty else y
    model = Sequential([Input((10,)), nn.Dense(32, "relu"), nn.Dense(1)])
    return ready(model, Adam(5e-3), "mse", x, y, epochs=60, validation_split=0.25)


@fault("labels-wrong", severity="hint", by="check", hurts=False)
def a_fifth_of_the_clouds_is_mislabelled(faulty):
    x, y = _blobs(900, 5, 8, seed=7)
    if faulty:
        rng = np.random.default_rng(2)
        wrong = rng.uniform(size=len(y)) < 0.2
        y = np.where(wrong, rng.integers(0, 5, len(y)), y)
    model = Sequential([Input((8,)), nn.Dense(24, "relu"), nn.Dense(5, "softmax")])
    return ready(
        model, Adam(5e-3), SPARSE, x, y, ["accuracy"], epochs=30, validation_split=0.2
    )


@fault("class-weights-reversed", severity="error", hurts=False)
def a_rare_disease_that_weighs_little(faulty):
    rng = np.random.default_rng(9)
    x = rng.normal(size=(1200, 6)).astype("float32")
    y = ((x[:, 0] + x[:, 1] - 0.5 * x[:, 2]) > 2.2).astype(int)
    share = float(y.mean())
    weights = (
        {0: 1 / share / 2, 1: 0.5 / (1 - share)}
        if faulty
        else {0: 0.5 / (1 - share), 1: 0.5 / share}
    )
    model = Sequential([Input((6,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    return ready(model, Adam(1e-2), BINARY, x, y, class_weight=weights, epochs=30)


@fault("metric-does-not-fit", "labels-unbalanced", hurts=False)
def accuracy_where_one_row_in_a_hundred_counts(faulty):
    rng = np.random.default_rng(10)
    x = rng.normal(size=(4000, 5)).astype("float32")
    z = x[:, 0] * x[:, 1] + x[:, 2]
    y = (z > np.quantile(z, 0.99 if faulty else 0.6)).astype(int)
    model = Sequential([Input((5,)), nn.Dense(24, "relu"), nn.Dense(1, "sigmoid")])
    return ready(model, Adam(5e-3), BINARY, x, y, ["accuracy"], epochs=20)


# Data ---------------------------------------------------------------------------------


@fault("digits-lost", "inputs-not-scaled")
def a_clock_of_a_whole_day(faulty):
    rng = np.random.default_rng(11)
    t = np.sort(rng.uniform(0, 86400, 600))
    y = np.sin(2 * np.pi * t / 3600)[:, None].astype("float32")
    second = t % 3600 / 3600
    x = np.column_stack([t + 1.7e9, rng.normal(size=600)])
    if not faulty:
        x = np.column_stack([second, rng.normal(size=600)])
    model = Sequential([Input((2,)), nn.Dense(32, "tanh"), nn.Dense(32, "tanh")])
    model.add(nn.Dense(1))
    return ready(model, Adam(1e-2), "mse", x, y, epochs=150)


@fault("column-tells-target", hurts=False, learns=0.8)
def the_price_is_in_two_columns(faulty):
    x, y = _friedman(500, seed=12)
    rng = np.random.default_rng(13)
    a = rng.normal(size=len(y))
    pair = np.column_stack([a, y[:, 0] - a])
    x = np.column_stack([x, pair if faulty else rng.normal(size=(len(y), 2))])
    model = Sequential([Input((12,)), nn.Dense(32, "relu"), nn.Dense(1)])
    return ready(
        model,
        Adam(5e-3),
        "mse",
        x.astype("float32"),
        y,
        epochs=80,
        validation_split=0.2,
    )


@fault("column-tells-target", hurts=False)
def the_class_is_a_ratio_of_two_columns(faulty):
    x, y = table("breast_cancer")
    rng = np.random.default_rng(14)
    total = rng.uniform(5, 50, len(y))
    paid = total * np.where(y == 1, 1.0, 0.0)
    more = np.column_stack([total, paid if faulty else rng.uniform(0, 50, len(y))])
    x = np.column_stack([x[:, 3:9], standard(more)])
    model = Sequential([Input((8,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(5e-3),
        BINARY,
        x.astype("float32"),
        y,
        ["accuracy"],
        epochs=40,
        validation_split=0.2,
    )


@fault("time-order-broken", hurts=False)
def overlapping_windows_held_out_by_chance(faulty):
    x, y = waves(600, 30, seed=15)
    order = np.random.default_rng(0).permutation(len(x)) if faulty else slice(None)
    x, y = x[order], y[order]
    model = Sequential([Input((30, 1)), nn.Flatten(), nn.Dense(32, "relu")])
    model.add(nn.Dense(1))
    return ready(model, Adam(3e-3), "mse", x, y, epochs=40, validation_split=0.2)


@fault("validation-looks-different", hurts=False)
def validation_rows_scaled_by_themselves(faulty):
    x, y = rooms(600, seed=16)
    y = standard(y)
    train, held = x[:450], x[450:]
    mean, std = train.mean(0), train.std(0)
    hx = held / held.max(0) if faulty else (held - mean) / std
    model = Sequential([Input((4,)), nn.Dense(24, "relu"), nn.Dense(1)])
    return ready(
        model,
        Adam(5e-3),
        "mse",
        (train - mean) / std,
        y[:450],
        epochs=60,
        validation_data=(hx, y[450:]),
    )


@fault("rows-in-order", hurts=False)
def the_last_classes_are_held_out(faulty):
    x, y = _blobs(600, 6, 10, seed=17)
    order = np.argsort(y, kind="stable") if faulty else slice(None)
    model = Sequential([Input((10,)), nn.Dense(24, "relu"), nn.Dense(6, "softmax")])
    return ready(
        model,
        Adam(5e-3),
        SPARSE,
        x[order],
        y[order],
        ["accuracy"],
        epochs=30,
        validation_split=0.25,
    )


# Sound programs that resemble them ----------------------------------------------------


@clean(source="a cosine to zero over the whole fit: the end is flat on purpose")
def a_cosine_that_ends_at_zero():
    x, y = digits(1000)
    model = Sequential([Input((64,)), nn.Dense(32, "gelu"), nn.Dense(10, "softmax")])
    rate = AdamW(CosineDecay(5e-3, 32 * 30))
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=30, batch_size=32)


@clean(source="few epochs, but many rows: each step counts", learns=0.85)
def two_epochs_of_many_rows():
    x, y = _blobs(20000, 5, 6, seed=20)
    model = Sequential([Input((6,)), nn.Dense(24, "relu"), nn.Dense(5, "softmax")])
    return ready(model, "adam", SPARSE, x, y, ["accuracy"], epochs=2, batch_size=32)


@clean(source="two columns that only together tell a noisy target", learns=0.6)
def a_product_with_noise():
    rng = np.random.default_rng(21)
    x = rng.normal(size=(1500, 6))
    y = x[:, 0] * x[:, 1] + 0.5 * rng.normal(size=1500)
    model = Sequential([Input((6,)), nn.Dense(32, "relu"), nn.Dense(1)])
    x, y = x.astype("float32"), y[:, None].astype("float32")
    return ready(model, Adam(3e-3), "mse", x, y, epochs=40)


@clean(
    source="classes that overlap: no labels are wrong, they are uncertain", learns=0.6
)
def clouds_that_overlap():
    x, y = _blobs(900, 4, 3, spread=2.0, seed=22)
    model = Sequential([Input((3,)), nn.Dense(16, "relu"), nn.Dense(4, "softmax")])
    return ready(model, Adam(5e-3), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(
    source="a weak signal: a little better than guessing is all there is", learns=0.55
)
def a_coin_that_is_a_little_loaded():
    rng = np.random.default_rng(23)
    x = rng.normal(size=(3000, 4)).astype("float32")
    y = (0.4 * x[:, 0] + rng.normal(size=3000) > 0).astype(int)
    model = Sequential([Input((4,)), nn.Dense(8, "relu"), nn.Dense(1, "sigmoid")])
    return ready(
        model, Adam(3e-3), BINARY, x, y, ["accuracy"], epochs=15, validation_split=0.2
    )


@clean(source="a picture that is as high as it has channels: 8 of 8, channels last")
def square_pictures_with_many_channels():
    rng = np.random.default_rng(24)
    y = rng.integers(0, 2, 400)
    x = rng.normal(size=(400, 8, 8, 8))
    x[:, 2:6, 2:6, 3] += 1.5 * y[:, None, None]
    model = Sequential([Input((8, 8, 8)), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.Flatten())
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, "adam", BINARY, x.astype("float32"), y, epochs=20)


@clean(source="Srivastava 2014: two dropouts of a half in a wide network")
def two_halves_dropped_from_a_wide_net():
    x, y = digits(1200)
    model = Sequential([Input((64,))])
    for _ in range(2):
        model.add(nn.Dense(256, "relu"))
        model.add(nn.Dropout(0.5))
    model.add(nn.Dense(10, "softmax"))
    return ready(model, Adam(2e-3), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="warm-up, then down: the first epochs hardly learn", learns=0.9)
def a_warm_up():
    x, y = digits(1000)
    model = Sequential([Input((64,)), nn.Dense(48, "relu"), nn.Dense(10, "softmax")])
    climb = callbacks.LearningRateScheduler(
        lambda epoch, rate: 0.005 * min(1.0, (epoch + 1) / 10)
    )
    return ready(
        model, Adam(5e-4), SPARSE, x, y, ["accuracy"], epochs=40, callbacks=[climb]
    )


@clean(source="a language of words and their tags, none of it padding")
def tags_where_zero_is_a_word():
    rng = np.random.default_rng(25)
    x = rng.integers(0, 40, (300, 12))
    y = (x * 3 + 1) % 4
    model = Sequential([Input((12,)), nn.Embedding(40, 8)])
    model.add(nn.Dense(4, activation="softmax"))
    return ready(model, Adam(1e-2), SPARSE, x, y, ["accuracy"], epochs=20)


@clean(source="rare, but told: class weights by the inverse, AUC beside accuracy")
def one_in_twenty_with_weights_and_auc():
    rng = np.random.default_rng(26)
    x = rng.normal(size=(2000, 5)).astype("float32")
    z = x[:, 0] + x[:, 1]
    y = (z > np.quantile(z, 0.95)).astype(int)
    model = Sequential([Input((5,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(5e-3),
        BINARY,
        x,
        y,
        ["AUC"],
        epochs=30,
        class_weight={0: 0.53, 1: 10.0},
    )
