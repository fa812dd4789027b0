"""Faults as people ask about them, written by someone who had not seen the rules."""

import numpy as np

from catalogue.base import (
    circles,
    clean,
    digits,
    fault,
    images,
    one_hot,
    ready,
    reviews,
    rooms,
    standard,
    table,
)
from onefit import Input, Model, Sequential, callbacks
from onefit import layers as nn
from onefit.optimizers import SGD, Adadelta, Adagrad, Adam, RMSprop
from onefit.optimizers.schedules import ExponentialDecay, PiecewiseConstantDecay

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"
SLOW = ("crawling", "learning-rate-too-low", "too-few-steps", "stopped-too-early")


def _series(n, seed=0):
    """A noisy wave of two periods, standardised."""
    rng, t = np.random.default_rng(seed), np.arange(n)
    wave = np.sin(t / 5) + 0.6 * np.sin(t / 17 + 1) + 0.1 * rng.normal(size=n)
    return standard(wave).astype("float32")


def _windows(series, steps):
    """Windows (steps, 1) and the value after each."""
    view = np.lib.stride_tricks.sliding_window_view(series[:-1], steps)
    return view[..., None].copy(), series[steps:, None].copy()


def _first_step_counts(n, steps, seed=0):
    """Noise, whose first step says the class."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.normal(size=(n, steps, 1))
    y = rng.integers(0, 2, n)
    x[:, 0, 0] = 2 * y - 1
    return x.astype("float32"), y


def _rare(n, share, seed=0):
    """Eight columns, three of which tell a rare class."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8)).astype("float32")
    z = x[:, 0] * x[:, 1] + x[:, 2] + 0.2 * rng.normal(size=n)
    return x, (z > np.quantile(z, 1 - share)).astype(int)


def _tags(n=300, steps=30, seed=0):
    """Sentences of words 1 to 59, filled up by 0; a tag 1 to 3 for each word."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 60, (n, steps))
    before = np.concatenate([np.zeros((n, 1), int), x[:, :-1]], axis=1)
    y = 1 + (x + before) % 3
    empty = np.arange(steps) >= rng.integers(3, 8, n)[:, None]
    x[empty], y[empty] = 0, 0
    return x, y, ~empty


def _sensors(n=300, seed=0):
    """Three sensors over 40 steps (n, 40, 3); the class is which one swings."""
    rng = np.random.default_rng(seed)
    x = 0.3 * rng.normal(size=(n, 40, 3))
    y = rng.integers(0, 3, n)
    phase = rng.uniform(0, 6, n)
    x[np.arange(n), :, y] += np.sin(np.arange(40) / 2 + phase[:, None])
    return x.astype("float32"), y


def _bars(n=400, height=12, width=20, channels=3, seed=0):
    """Pictures with one bar, lying (0) or standing (1), in one of the channels."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 0.3, (n, height, width, channels))
    y = rng.integers(0, 2, n)
    for i in range(n):
        c = rng.integers(channels)
        if y[i]:
            x[i, :, rng.integers(width), c] = 1
        else:
            x[i, rng.integers(height), :, c] = 1
    return x.astype("float32"), y


# "The loss decreases very slowly", "accuracy does not get better" ---------------------


@fault(*SLOW, by="run", source="SO: my regression loss barely decreases")
def so_diabetes_by_tiny_steps(faulty):
    x, y = table("diabetes")
    model = Sequential([Input((10,)), nn.Dense(32, "relu"), nn.Dense(1)])
    rate = 1e-5 if faulty else 1e-2
    return ready(model, SGD(rate), "mse", x, y, ["mae"], epochs=100, batch_size=16)


@fault(*SLOW, by="run", source="SO: Adam 1e-6 copied from a fine-tuning tutorial")
def so_fine_tuning_rate_from_scratch(faulty):
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), nn.Dense(16, "relu"), nn.Dense(16, "relu")])
    model.add(nn.Dense(1, "sigmoid"))
    rate = Adam(1e-6 if faulty else 1e-3)
    return ready(model, rate, BINARY, x, y, ["accuracy"], epochs=30, batch_size=32)


@fault(*SLOW, by="run", source="SO: my CNN has an accuracy of 20 %, one epoch")
def so_one_epoch_of_a_small_cnn(faulty):
    x, y = images(600)
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    epochs = 1 if faulty else 40
    return ready(model, "adam", SPARSE, x, y, ["accuracy"], epochs=epochs)


@fault(*SLOW, by="run", source="SO: MNIST MLP with SGD stuck at 30 %")
def so_digits_by_sgd_of_a_thousandth(faulty):
    x, y = digits(1200)
    model = Sequential([Input((64,)), nn.Dense(64, "sigmoid"), nn.Dense(10, "softmax")])
    rate = SGD(0.001 if faulty else 0.5)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=15, batch_size=32)


@fault(*SLOW, by="run", source="SO: Keras cannot learn XOR")
def so_xor_in_two_hundred_epochs(faulty):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    y = np.array([[0], [1], [1], [0]])
    model = Sequential([Input((2,)), nn.Dense(8, "tanh"), nn.Dense(1, "sigmoid")])
    rate = SGD(0.01) if faulty else Adam(0.05)
    return ready(model, rate, BINARY, x, y, ["accuracy"], epochs=200, batch_size=1)


@fault(*SLOW, by="run", source="SO: neural network does not fit a sine")
def so_a_sine_in_twenty_epochs(faulty):
    x = np.linspace(-3, 3, 200)[:, None].astype("float32")
    y = np.sin(2 * x)
    model = Sequential([Input((1,)), nn.Dense(32, "tanh"), nn.Dense(32, "tanh")])
    model.add(nn.Dense(1))
    epochs = 20 if faulty else 600
    return ready(model, Adam(1e-3), "mse", x, y, epochs=epochs)


@fault(*SLOW, by="run", source="SO: LSTM predicts the mean of the series")
def so_lstm_forecast_with_plain_sgd(faulty):
    x, y = _windows(_series(500), 16)
    model = Sequential([Input((16, 1)), nn.LSTM(12), nn.Dense(1)])
    rate = SGD(1e-3) if faulty else Adam(1e-2)
    return ready(model, rate, "mse", x, y, epochs=20, batch_size=32)


@fault(*SLOW, "batch-too-large", by="run", source="SO: iris accuracy 0.33")
def so_iris_in_one_batch(faulty):
    x, y = table("iris")
    model = Sequential([Input((4,)), nn.Dense(8, "relu"), nn.Dense(3, "softmax")])
    more = {"epochs": 10, "batch_size": 150} if faulty else {"epochs": 150}
    return ready(model, SGD(0.01), "categorical_crossentropy", x, one_hot(y, 3), **more)


@fault(*SLOW, by="run", hurts=False, source="SO: ReduceLROnPlateau lowers at once")
def so_plateau_without_patience(faulty):
    x, y = digits(800)
    model = Sequential([Input((64,)), nn.Dense(24, "relu"), nn.Dense(10, "softmax")])
    lower = callbacks.ReduceLROnPlateau(
        monitor="loss",
        factor=0.1,
        patience=1 if faulty else 10,
        min_delta=0.5 if faulty else 1e-4,
    )
    return ready(
        model, SGD(0.05), SPARSE, x, y, ["accuracy"], epochs=40, callbacks=[lower]
    )


@fault(*SLOW, by="run", source="SO: ExponentialDecay, decay_steps in epochs")
def so_decay_steps_counted_in_epochs(faulty):
    x, y = digits(1000)
    model = Sequential([Input((64,)), nn.Dense(32, "tanh"), nn.Dense(10, "softmax")])
    rate = ExponentialDecay(0.05, 1 if faulty else 1000, 0.8)
    return ready(model, SGD(rate), SPARSE, x, y, ["accuracy"], epochs=30)


@fault(*SLOW, by="run", source="SO: EarlyStopping stops after two epochs")
def so_stopped_by_an_impatient_callback(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), nn.Dense(16, "relu"), nn.Dense(3, "softmax")])
    stop = callbacks.EarlyStopping(
        monitor="loss", patience=0, min_delta=0.2 if faulty else 0.0
    )
    return ready(model, SGD(0.01), SPARSE, x, y, epochs=200, callbacks=[stop])


@fault(*SLOW, by="run", source="SO: Adadelta autoencoder only gives grey")
def so_autoencoder_by_the_default_adadelta(faulty):
    x, _ = digits(900)
    model = Sequential([Input((64,)), nn.Dense(16, "relu"), nn.Dense(64, "sigmoid")])
    rate = Adadelta() if faulty else Adam(0.003)
    return ready(model, rate, "mse", x, x, epochs=40, batch_size=64)


@fault(
    *SLOW, by="run", source="SO: Keras example with Adadelta does not learn any more"
)
def so_cnn_by_the_default_adadelta(faulty):
    x, y = images(800)
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.MaxPooling2D())
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    rate = Adadelta(0.001 if faulty else 1.0)
    loss = "categorical_crossentropy"
    return ready(model, rate, loss, x, one_hot(y, 10), ["accuracy"], epochs=15)


@fault(
    *SLOW,
    "target-not-scaled",
    source="SO: house prices, the loss is 10 to the power 10",
)
def so_prices_in_euros(faulty):
    x, y = rooms()
    model = Sequential([Input((4,)), nn.Dense(32, "relu"), nn.Dense(1)])
    y = y if faulty else standard(y)
    return ready(model, "adam", "mse", standard(x), y, ["mae"], epochs=60)


@fault(*SLOW, by="run", source="SO: sentiment stays at 50 %")
def so_reviews_by_a_tiny_rate(faulty):
    x, y = reviews()
    model = Sequential([Input((12,)), nn.Embedding(200, 8)])
    model.add(nn.GlobalAveragePooling1D())
    model.add(nn.Dense(1, activation="sigmoid"))
    rate = Adam(1e-5 if faulty else 2e-2)
    return ready(model, rate, BINARY, x, y, ["accuracy"], epochs=30)


@fault(*SLOW, by="run", source="SO: piecewise schedule by epoch numbers")
def so_boundaries_given_in_epochs(faulty):
    x, y = table("diabetes")
    model = Sequential([Input((10,)), nn.Dense(24, "tanh"), nn.Dense(1)])
    edges = [10, 20] if faulty else [1400, 2800]
    rate = PiecewiseConstantDecay(edges, [1e-2, 1e-4, 1e-6])
    return ready(model, SGD(rate), "mse", x, y, epochs=60, batch_size=32)


@fault(*SLOW, by="run", source="SO: LearningRateScheduler halves every epoch")
def so_rate_halved_every_epoch(faulty):
    x, y = circles()
    model = Sequential([Input((2,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    factor = 0.5 if faulty else 0.99
    halve = callbacks.LearningRateScheduler(lambda epoch, rate: rate * factor)
    return ready(
        model, SGD(0.1), BINARY, x, y, ["accuracy"], epochs=80, callbacks=[halve]
    )


@fault(*SLOW, by="run", source="SO: Celsius to Fahrenheit needs 500 epochs")
def so_celsius_in_fifty_epochs(faulty):
    x = np.array([[-40], [-10], [0], [8], [15], [22], [38]], "float32")
    y = x * 1.8 + 32
    model = Sequential([Input((1,)), nn.Dense(1)])
    rate, epochs = (1e-3, 50) if faulty else (0.1, 800)
    return ready(model, Adam(rate), "mse", x, y, epochs=epochs)


@fault(*SLOW, by="run", source="SO: Adagrad loss constant")
def so_adagrad_by_a_tiny_rate(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), nn.Dense(10, "tanh"), nn.Dense(3, "softmax")])
    rate = Adagrad(1e-4 if faulty else 0.1)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=50)


@fault(*SLOW, by="run", source="SO: deep net, loss is 2.30 for ever, RMSprop 1e-7")
def so_rmsprop_by_a_ten_millionth(faulty):
    x, y = digits(700)
    model = Sequential([Input((64,)), nn.Dense(32, "relu"), nn.Dense(32, "relu")])
    model.add(nn.Dense(10, "softmax"))
    rate = RMSprop(1e-7 if faulty else 1e-3)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=30)


# Padding, masks -----------------------------------------------------------------------


@fault("padding-counted", hurts=False, source="SO: NER, 95 % accuracy but no entity")
def so_tags_with_padding_as_a_class(faulty):
    x, y, _ = _tags()
    model = Sequential([Input((30,)), nn.Embedding(60, 16, mask_zero=not faulty)])
    model.add(nn.LSTM(16, return_sequences=True))
    model.add(nn.Dense(4, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=15)


@fault("padding-counted", hurts=False, source="SO: Bi-LSTM tagger, one-hot padding")
def so_one_hot_tags_with_padding(faulty):
    x, y, real = _tags(seed=1)
    model = Sequential([Input((30,)), nn.Embedding(60, 16)])
    model.add(nn.Bidirectional(nn.GRU(8, return_sequences=True)))
    model.add(nn.TimeDistributed(nn.Dense(4, activation="softmax")))
    more = {} if faulty else {"sample_weight": real.astype("float32")}
    return ready(
        model,
        Adam(0.01),
        "categorical_crossentropy",
        x,
        one_hot(y, 4),
        ["accuracy"],
        epochs=15,
        **more,
    )


@fault("padding-counted", hurts=False, source="forum: series of several lengths")
def so_padded_series_step_by_step(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 40, 1)).astype("float32")
    y = np.cumsum(x, axis=1) / 4
    empty = np.arange(40) >= rng.integers(4, 12, 300)[:, None]
    x[empty], y[empty] = 0, 0
    model = Sequential([Input((40, 1))])
    if not faulty:
        model.add(nn.Masking())
    model.add(nn.GRU(12, return_sequences=True))
    model.add(nn.Dense(1))
    return ready(model, Adam(0.01), "mse", x, y, epochs=15)


# Axes ---------------------------------------------------------------------------------


@fault("channels-misplaced", hurts=False, source="SO: PyTorch data in Keras, Conv2D")
def so_wide_pictures_channels_first(faulty):
    x, y = _bars()
    x = x.transpose(0, 3, 1, 2).copy() if faulty else x
    model = Sequential([Input(x.shape[1:]), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.Flatten())
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=15)


@fault("channels-misplaced", hurts=False, source="SO: spectrograms (1, 12, 30)")
def so_spectrograms_with_one_channel_first(faulty):
    x, y = _bars(channels=1, height=12, width=30)
    x = x.transpose(0, 3, 1, 2).copy() if faulty else x
    model = Sequential([Input(x.shape[1:])])
    model.add(nn.Conv2D(8, 3, padding="same", activation="relu"))
    model.add(nn.Flatten())
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=15)


@fault("channels-misplaced", hurts=False, source="SO: Conv1D input shape (3, 40)")
def so_sensors_before_time(faulty):
    x, y = _sensors()
    x = x.transpose(0, 2, 1).copy() if faulty else x
    model = Sequential([Input(x.shape[1:])])
    model.add(nn.Conv1D(12, 3, padding="same", activation="relu"))
    model.add(nn.GlobalAveragePooling1D())
    model.add(nn.Dense(3, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=30)


@fault("channels-misplaced", hurts=False, source="SO: reshape instead of transpose")
def so_reshaped_where_transposed_was_meant(faulty):
    x, y = _bars(seed=3)
    first = x.transpose(0, 3, 1, 2)
    x = first.reshape(x.shape) if faulty else first.transpose(0, 2, 3, 1)
    model = Sequential([Input(x.shape[1:]), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.GlobalMaxPooling2D())
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.01), BINARY, x.copy(), y, ["accuracy"], epochs=20)


@fault("channels-misplaced", hurts=False, source="SO: LSTM input (features, steps)")
def so_recurrent_layer_over_the_columns(faulty):
    x, y = _sensors(seed=2)
    x = x.transpose(0, 2, 1).copy() if faulty else x
    model = Sequential([Input(x.shape[1:]), nn.GRU(12), nn.Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=30)


# Inside recurrent layers --------------------------------------------------------------


@fault("softmax-in-hidden-layer", hurts=False, layer=0, source="SO: LSTM with softmax")
def so_lstm_with_softmax_inside(faulty):
    x, y = _windows(_series(400, 1), 12)
    inside = "softmax" if faulty else "tanh"
    model = Sequential([Input((12, 1)), nn.LSTM(16, activation=inside), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=20)


@fault(
    "unstable-recurrence",
    "exploding-gradients",
    "loss-not-a-number",
    hurts=False,
    source="SO: LSTM relu loss nan",
)
def so_lstm_with_relu_over_long_series(faulty):
    x, y = _windows(_series(500, 2), 60)
    inside = "relu" if faulty else "tanh"
    model = Sequential([Input((60, 1)), nn.LSTM(16, activation=inside), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=10)


@fault("unstable-recurrence", hurts=False, layer=0, source="SO: linear SimpleRNN")
def so_linear_recurrence(faulty):
    x, y = _windows(_series(400, 3), 40)
    inside = "linear" if faulty else "tanh"
    rnn = nn.SimpleRNN(12, activation=inside)
    model = Sequential([Input((40, 1)), rnn, nn.Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=15)


@fault(
    "softmax-in-hidden-layer", hurts=False, layer=1, source="SO: Bidirectional, softmax"
)
def so_softmax_gates(faulty):
    x, y = reviews(seed=1)
    gates = "softmax" if faulty else "sigmoid"
    model = Sequential([Input((12,)), nn.Embedding(200, 8)])
    model.add(nn.GRU(8, recurrent_activation=gates))
    model.add(nn.Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], epochs=20)


# Batch normalisation, dropout ---------------------------------------------------------


@fault("statistics-not-settled", source="SO: val accuracy 0.1 with BatchNormalization")
def so_normalisation_in_a_short_fit(faulty):
    x, y = images(640)
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(8, 3, use_bias=False)])
    model.add(nn.BatchNormalization(momentum=0.999 if faulty else 0.8))
    model.add(nn.Activation("relu"))
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    return ready(
        model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=4, validation_split=0.2
    )


@fault("statistics-not-settled", source="SO: model.predict is wrong with BatchNorm")
def so_normalised_rooms_with_slow_averages(faulty):
    x, y = rooms()
    model = Sequential([Input((4,)), nn.Dense(32, use_bias=False)])
    model.add(nn.BatchNormalization(momentum=0.99 if faulty else 0.5))
    model.add(nn.Activation("relu"))
    model.add(nn.Dense(1))
    more = {"epochs": 5, "batch_size": 50}
    return ready(model, Adam(0.03), "mse", standard(x), standard(y), **more)


@fault("statistics-not-settled", source="SO: BatchNorm with batch size 1")
def so_normalisation_over_one_row(faulty):
    x, y = table("iris")
    model = Sequential([Input((4,)), nn.Dense(12, use_bias=False)])
    model.add(nn.BatchNormalization())
    model.add(nn.Activation("relu"))
    model.add(nn.Dense(3, activation="softmax"))
    size = 1 if faulty else 16
    return ready(model, Adam(0.005), SPARSE, x, y, batch_size=size, epochs=25)


@fault("dropout-too-high", hurts=False, source="SO: dropout everywhere, stuck at 40 %")
def so_dropout_after_every_layer(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,))])
    for _ in range(4):
        model.add(nn.Dense(16, "relu"))
        model.add(nn.Dropout(0.6 if faulty else 0.1))
    model.add(nn.Dense(3, "softmax"))
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=50)


@fault("dropout-too-high", hurts=False, source="SO: Dropout(0.8) means keep 80 %")
def so_dropout_taken_for_what_is_kept(faulty):
    x, y = images(800)
    drop = 0.8 if faulty else 0.2
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(8, 3, activation="relu")])
    model.add(nn.Dropout(drop))
    model.add(nn.Flatten())
    model.add(nn.Dense(24, "relu"))
    model.add(nn.Dropout(drop))
    model.add(nn.Dense(10, activation="softmax"))
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=20)


@fault("dropout-too-high", hurts=False, layer=0, source="SO: LSTM(dropout=0.9)")
def so_dropout_within_an_lstm(faulty):
    x, y = _sensors(seed=4)
    share = 0.9 if faulty else 0.1
    lstm = nn.LSTM(12, dropout=share, recurrent_dropout=share)
    model = Sequential([Input((40, 3)), lstm, nn.Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=25)


# A loss that grows late ---------------------------------------------------------------


@fault(
    "diverging", "learning-rate-too-high", by="run", source="SO: loss suddenly grows"
)
def so_rate_that_grows_every_epoch(faulty):
    x, y = table("diabetes")
    model = Sequential([Input((10,)), nn.Dense(16, "relu"), nn.Dense(1)])
    factor = 1.1 if faulty else 1.0
    grow = callbacks.LearningRateScheduler(lambda epoch: 0.005 * factor**epoch)
    more = {"epochs": 80, "callbacks": [grow]}
    return ready(model, SGD(0.005), "mse", x, y, **more)


@fault(
    "diverging", "learning-rate-too-high", by="run", source="SO: loss rises after 10"
)
def so_a_late_rise_by_momentum(faulty):
    x, y = rooms(300)
    model = Sequential([Input((4,)), nn.Dense(16, "relu"), nn.Dense(1)])
    rate = SGD(0.02, momentum=0.999 if faulty else 0.5)
    return ready(model, rate, "mse", standard(x), standard(y), epochs=60)


# Labels and losses --------------------------------------------------------------------


@fault(
    "regression-loss-on-classes", hurts=False, source="SO: tanh output, labels -1, 1"
)
def so_signs_by_squared_error(faulty):
    x, y = table("breast_cancer")
    if faulty:
        model = Sequential([Input((30,)), nn.Dense(12, "relu"), nn.Dense(1, "tanh")])
        return ready(model, Adam(0.005), "mse", x, 2 * y - 1, ["accuracy"], epochs=30)
    model = Sequential([Input((30,)), nn.Dense(12, "relu"), nn.Dense(1, "sigmoid")])
    return ready(model, Adam(0.005), BINARY, x, y, ["accuracy"], epochs=30)


@fault(
    "labels-out-of-range",
    "output-cannot-reach-targets",
    hurts=False,
    refused="-1",
    source="SO: negative loss with binary_crossentropy",
)
def so_cross_entropy_of_minus_one(faulty):
    x, y = circles(300, 1)
    model = Sequential([Input((2,)), nn.Dense(12, "relu"), nn.Dense(1, "sigmoid")])
    y = 2 * y - 1 if faulty else y
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], epochs=60)


@fault("target-unrelated", by="run", source="SO: np.random.shuffle(x), and y?")
def so_only_x_was_shuffled(faulty):
    x, y = table("breast_cancer")
    order = np.random.default_rng(5).permutation(len(x))
    model = Sequential([Input((30,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    y = y if faulty else y[order]
    more = {"epochs": 30, "validation_split": 0.25}
    return ready(model, Adam(0.005), BINARY, x[order], y, ["accuracy"], **more)


@fault(
    "target-unrelated", by="run", source="SO: pandas sorted the table, not the target"
)
def so_the_table_was_sorted_the_target_was_not(faulty):
    x, y = table("diabetes")
    order = np.argsort(x[:, 2])
    model = Sequential([Input((10,)), nn.Dense(16, "relu"), nn.Dense(1)])
    y = y if faulty else y[order]
    mix = np.random.default_rng(1).permutation(len(x))
    more = {"epochs": 30, "validation_split": 0.2}
    return ready(model, Adam(0.005), "mse", x[order][mix], y[mix], **more)


@fault("target-unrelated", by="run", source="forum: file names listed in another order")
def so_pictures_and_labels_listed_in_other_orders(faulty):
    x, y = images(800)
    if faulty:
        y = y[np.random.default_rng(2).permutation(len(y))]
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(12, 3, activation="relu")])
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    more = {"epochs": 20, "validation_split": 0.25}
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], **more)


@fault("labels-wrong", by="run", source="forum: labelled by a crowd")
def so_four_of_ten_labels_are_guessed(faulty):
    x, y = digits(1200)
    rng = np.random.default_rng(3)
    if faulty:
        wrong = rng.random(len(y)) < 0.4
        y[:900][wrong[:900]] = rng.integers(0, 10, wrong[:900].sum())
    model = Sequential([Input((64,)), nn.Dense(48, "relu"), nn.Dense(10, "softmax")])
    (xt, yt), held = (x[:900], y[:900]), (x[900:], y[900:])
    more = {"epochs": 40, "validation_data": held}
    return ready(model, Adam(0.003), SPARSE, xt, yt, ["accuracy"], **more)


@fault("labels-wrong", by="run", source="forum: two annotators who disagree")
def so_every_third_diagnosis_is_turned_round(faulty):
    x, y = table("breast_cancer")
    if faulty:
        wrong = np.random.default_rng(4).random(len(y)) < 0.3
        y = np.where(wrong, 1 - y, y)
    model = Sequential([Input((30,)), nn.Dense(32, "relu"), nn.Dense(1, "sigmoid")])
    more = {"epochs": 60, "validation_split": 0.3}
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], **more)


@fault("class-weights-reversed", hurts=False, source="SO: class_weight={0: 10, 1: 1}")
def so_the_frequent_class_weighs_ten_times(faulty):
    x, y = _rare(800, 0.1)
    weights = {0: 10.0, 1: 1.0} if faulty else {0: 1.0, 1: 9.0}
    model = Sequential([Input((8,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    more = {"epochs": 40, "class_weight": weights}
    return ready(model, Adam(0.005), BINARY, x, y, ["AUC"], **more)


@fault(
    "class-weights-reversed", hurts=False, source="SO: compute_sample_weight by hand"
)
def so_sample_weights_by_how_frequent_a_class_is(faulty):
    x, y = _rare(800, 0.1, 1)
    share = np.bincount(y)[y] / len(y)
    weights = (share if faulty else 1 / share).astype("float32")
    model = Sequential([Input((8,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    more = {"epochs": 40, "sample_weight": weights}
    return ready(model, Adam(0.005), BINARY, x, y, ["AUC"], **more)


# Along time ---------------------------------------------------------------------------


@fault("vanishing-gradients", by="run", layer=0, source="SO: RNN forgets the beginning")
def so_the_first_of_eighty_steps_counts(faulty):
    x, y = _first_step_counts(300, 80)
    x = x if faulty else x[:, :10]
    model = Sequential([Input(x.shape[1:]), nn.SimpleRNN(12), nn.Dense(1, "sigmoid")])
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=30)


@fault(
    "vanishing-gradients",
    "deep-saturating-stack",
    by="run",
    layer=0,
    source="SO: SimpleRNN with sigmoid",
)
def so_sigmoid_along_sixty_steps(faulty):
    x, y = _first_step_counts(300, 60, 1)
    x = x if faulty else x[:, :8]
    inside = "sigmoid" if faulty else "tanh"
    rnn = nn.SimpleRNN(12, activation=inside)
    model = Sequential([Input(x.shape[1:]), rnn, nn.Dense(1, "sigmoid")])
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=30)


# Narrow convolutions ------------------------------------------------------------------


@fault("narrow-layer", hurts=False, layer=0, source="SO: CNN with one filter")
def so_one_filter_for_ten_digits(faulty):
    x, y = images(1000)
    filters = 1 if faulty else 16
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(filters, 3, activation="relu")])
    model.add(nn.MaxPooling2D())
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=25)


@fault("narrow-layer", hurts=False, layer=1, source="forum: a 1x1 bottleneck")
def so_one_by_one_convolution_to_one_channel(faulty):
    x, y = images(1000)
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(16, 3, activation="relu")])
    model.add(nn.Conv2D(1 if faulty else 8, 1, activation="relu"))
    model.add(nn.Conv2D(16, 3, activation="relu"))
    model.add(nn.GlobalAveragePooling2D())
    model.add(nn.Dense(10, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=25)


# Numbers in float32 -------------------------------------------------------------------


@fault("digits-lost", hurts=False, source="SO: unix timestamps as a feature")
def so_hour_of_day_from_unix_time(faulty):
    rng = np.random.default_rng(0)
    seconds = 1.7e9 + np.sort(rng.uniform(0, 3600, 500))
    phase = 2 * np.pi * (seconds % 600) / 600
    y = (np.sin(phase) * (1 + np.cos(phase))).astype("float32")[:, None]
    x = np.stack([seconds, rng.normal(size=500)], axis=1)
    if not faulty:
        x = np.stack([np.sin(phase), np.cos(phase)], axis=1).astype("float32")
    model = Sequential([Input((2,)), nn.Dense(16, "relu"), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=40)


@fault("digits-lost", hurts=False, source="forum: coordinates of a map grid in metres")
def so_plots_of_land_by_map_coordinates(faulty):
    rng = np.random.default_rng(1)
    place = rng.uniform(0, 3, (500, 2))
    y = (place[:, :1] * place[:, 1:] / 3).astype("float32")
    far = np.array([4.5e7, 5.5e8])
    x = place + far if faulty else standard(place).astype("float32")
    model = Sequential([Input((2,)), nn.Dense(16, "relu"), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=60)


# What flatters ------------------------------------------------------------------------


@fault(
    "labels-unbalanced",
    "metric-does-not-fit",
    "one-class-predictor",
    hurts=False,
    learns=0.8,
    source="SO: 99 % accuracy for fraud, finds none",
)
def so_accuracy_for_one_fraud_in_a_hundred(faulty):
    x, y = _rare(2000, 0.01, 2)
    model = Sequential([Input((8,)), nn.Dense(16, "relu"), nn.Dense(1, "sigmoid")])
    more = {} if faulty else {"class_weight": {0: 1.0, 1: 50.0}}
    metrics = ["accuracy"] if faulty else ["AUC"]
    return ready(model, Adam(0.003), BINARY, x, y, metrics, epochs=15, **more)


@fault(
    "labels-unbalanced",
    "metric-does-not-fit",
    "one-class-predictor",
    hurts=False,
    learns=0.8,
    source="SO: two units, one class is 2 %",
)
def so_accuracy_for_two_rare_defects(faulty):
    x, y = _rare(1500, 0.02, 3)
    model = Sequential([Input((8,)), nn.Dense(16, "relu"), nn.Dense(2, "softmax")])
    more = {} if faulty else {"class_weight": {0: 1.0, 1: 30.0}}
    metrics = ["accuracy"] if faulty else ["AUC"]
    loss = "categorical_crossentropy"
    return ready(model, Adam(0.003), loss, x, one_hot(y, 2), metrics, epochs=15, **more)


@fault("column-tells-target", hurts=False, learns=0.5, source="Kaggle: too good, why?")
def so_two_columns_whose_sum_is_the_target(faulty):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(500, 6)).astype("float32")
    y = (x[:, 0] + 0.5 * x[:, 1] + 1.0 * rng.normal(size=500)).astype("float32")
    part = rng.uniform(0.2, 0.8, 500).astype("float32") * 3
    extra = np.stack([y - part, part], axis=1)  # net price, and tax
    x = np.concatenate([x, extra], axis=1) if faulty else x
    model = Sequential([Input((x.shape[1],)), nn.Dense(16, "relu"), nn.Dense(1)])
    return ready(model, Adam(0.005), "mse", x, y[:, None], epochs=40)


@fault("column-tells-target", hurts=False, learns=0.7, source="Kaggle: end minus start")
def so_two_dates_whose_difference_is_the_class(faulty):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(600, 5)).astype("float32")
    y = (x[:, 0] + x[:, 1] + rng.normal(size=600) > 0).astype(int)
    start = rng.uniform(0, 1, 600)
    end = start + np.where(y == 1, 1, -1) * rng.uniform(0.05, 0.3, 600)
    dates = standard(np.stack([start, end], axis=1)).astype("float32")
    x = np.concatenate([x, dates], axis=1) if faulty else x
    model = Sequential([Input((x.shape[1],)), nn.Dense(16, "relu")])
    model.add(nn.Dense(1, "sigmoid"))
    more = {"epochs": 60, "validation_split": 0.25}
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], **more)


@fault(
    "time-order-broken", hurts=False, learns=-9, source="forum: 0.99 on a random walk"
)
def so_windows_of_a_walk_split_by_chance(faulty):
    rng = np.random.default_rng(8)
    walk = standard(np.cumsum(rng.normal(size=700))).astype("float32")
    x, y = _windows(walk, 20)
    order = rng.permutation(len(x)) if faulty else np.arange(len(x))
    (xt, yt), held = (x[order[:500]], y[order[:500]]), (x[order[520:]], y[order[520:]])
    model = Sequential([Input((20, 1)), nn.Flatten(), nn.Dense(16, "relu")])
    model.add(nn.Dense(1))
    return ready(model, Adam(0.003), "mse", xt, yt, epochs=20, validation_data=held)


@fault(
    "time-order-broken",
    "rows-in-both",
    hurts=False,
    learns=-9,
    source="Kaggle: train_test_split of hourly data",
)
def so_hours_of_a_year_split_by_chance(faulty):
    rng = np.random.default_rng(9)
    t = np.arange(1000)
    level = np.cumsum(rng.normal(size=1000)) / 10
    y = standard(level + np.sin(t / 12)).astype("float32")[:, None]
    x = np.stack([t / 1000, np.sin(t / 12), np.cos(t / 12)], 1).astype("float32")
    order = rng.permutation(1000) if faulty else t
    (xt, yt), held = (x[order[:800]], y[order[:800]]), (x[order[800:]], y[order[800:]])
    model = Sequential([Input((3,)), nn.Dense(32, "relu"), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", xt, yt, epochs=30, validation_data=held)


# Sound programs that look like a fault ------------------------------------------------


@clean(-np.inf, source="Smith 2015: the rate grows by itself to find where it bends")
def sound_a_learning_rate_finder():
    x, y = digits(600)
    model = Sequential([Input((64,)), nn.Dense(24, "relu"), nn.Dense(10, "softmax")])
    steps = 40
    grow = callbacks.LearningRateScheduler(lambda e: 1e-5 * (1e6 ** (e / steps)))
    more = {"epochs": steps, "batch_size": 64, "callbacks": [grow]}
    return ready(model, SGD(1e-5), SPARSE, x, y, **more)


@clean(source="the lectures' rate with momentum")
def sound_sgd_of_a_twentieth_with_momentum():
    x, y = digits()
    model = Sequential([Input((64,)), nn.Dense(32, "relu"), nn.Dense(10, "softmax")])
    rate = SGD(0.05, momentum=0.9)
    more = {"epochs": 30, "validation_split": 0.2}
    return ready(model, rate, SPARSE, x, y, ["accuracy"], **more)


@clean(source="a regression by the same")
def sound_diabetes_by_momentum():
    x, y = rooms()
    model = Sequential([Input((4,)), nn.Dense(16, "relu"), nn.Dense(1)])
    rate = SGD(0.05, momentum=0.9)
    return ready(model, rate, "mse", standard(x), standard(y), epochs=60)


@clean(source="sales that grow year by year, split by time")
def sound_a_clean_trend_over_time():
    t = np.arange(400)
    x = np.stack([t / 400, np.sin(t / 6), np.cos(t / 6)], axis=1).astype("float32")
    y = (3 * x[:, :1] + 0.5 * x[:, 1:2]).astype("float32")
    model = Sequential([Input((3,)), nn.Dense(16, "relu"), nn.Dense(1)])
    more = {"epochs": 100, "validation_split": 0.2}
    return ready(model, Adam(0.01), "mse", x, y, **more)


@clean(source="a first program: y = 3 a - 2 b + 1, without noise")
def sound_an_exact_line_of_two_columns():
    x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
    y = (3 * x[:, :1] - 2 * x[:, 1:] + 1).astype("float32")
    model = Sequential([Input((2,)), nn.Dense(1)])
    return ready(model, Adam(0.05), "mse", x, y, epochs=100)


@clean(source="the same with a hidden layer, and with columns that say nothing")
def sound_an_exact_line_of_one_column_of_five():
    x = np.random.default_rng(1).normal(size=(300, 5)).astype("float32")
    y = (2 * x[:, :1] - 1 + 1.5 * x[:, 3:4]).astype("float32")
    model = Sequential([Input((5,)), nn.Dense(16, "relu"), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=80, validation_split=0.2)


@clean(source="insurance: two thirds of the claims are 0")
def sound_claims_most_of_which_are_zero():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 4)).astype("float32")
    y = np.where(x[:, 0] > 0.5, np.exp(0.8 * x[:, 1]) + 0.1 * rng.random(600), 0)
    model = Sequential([Input((4,)), nn.Dense(32, "relu"), nn.Dense(1)])
    y = y[:, None].astype("float32")
    return ready(model, Adam(0.01), "mse", x, y, epochs=80)


@clean(source="rain: three hours of four are dry, an output that ends in relu")
def sound_rain_that_is_mostly_none():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 3)).astype("float32")
    y = np.maximum(x[:, :1] + 0.5 * x[:, 1:2] - 0.9, 0)
    model = Sequential([Input((3,)), nn.Dense(32, "relu"), nn.Dense(1, "softplus")])
    return ready(model, Adam(0.01), "mse", x, y, epochs=80)


@clean(source="LeNet as some write it: the maximum is what bends")
def sound_linear_convolutions_with_maxima_between():
    x, y = images(1000)
    model = Sequential([Input((8, 8, 1)), nn.Conv2D(12, 3), nn.MaxPooling2D()])
    model.add(nn.Conv2D(16, 2))
    model.add(nn.MaxPooling2D())
    model.add(nn.Flatten())
    model.add(nn.Dense(10, activation="softmax"))
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=25)


@clean(source="maxout: linear layers, and the larger of two")
def sound_a_maximum_after_a_linear_layer():
    x, y = digits(1000)
    inputs = Input((64,))
    h = nn.Maximum()([nn.Dense(24)(inputs), nn.Dense(24)(inputs)])
    model = Model(inputs, nn.Dense(10, "softmax")(h))
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=25)


@clean(source="coordinates of towns, in degrees")
def sound_towns_by_latitude_and_longitude():
    rng = np.random.default_rng(4)
    x = rng.uniform([36, 28], [46, 44], (500, 2)).astype("float32")
    y = np.sin(x[:, :1] / 2) + 0.2 * (x[:, 1:] - 36)
    n = nn.Normalization()
    n.adapt(x)
    model = Sequential([Input((2,)), n, nn.Dense(32, "tanh"), nn.Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=100)


@clean(source="a slow start that ends well")
def sound_a_deep_net_that_starts_slowly():
    x, y = digits(1000)
    model = Sequential([Input((64,))])
    for _ in range(3):
        model.add(nn.Dense(32, "tanh", kernel_initializer="lecun_normal"))
    model.add(nn.Dense(10, "softmax"))
    rate = SGD(0.02, momentum=0.5)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=60)


@clean(learns=0.7, source="labels that are noisy by nature, and known to be")
def sound_a_coin_that_leans():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(800, 4)).astype("float32")
    p = 1 / (1 + np.exp(-2.0 * x[:, 0]))
    y = (rng.random(800) < p).astype(int)
    model = Sequential([Input((4,)), nn.Dense(8, "relu"), nn.Dense(1, "sigmoid")])
    more = {"epochs": 20, "validation_split": 0.25}
    return ready(model, Adam(0.005), BINARY, x, y, ["accuracy"], **more)


@clean(source="hours shuffled, but no order of time in what is asked")
def sound_rows_of_a_table_in_random_order():
    x, y = table("wine")
    (xt, yt), held = (x[:140], y[:140]), (x[140:], y[140:])
    model = Sequential([Input((13,)), nn.Dense(16, "relu"), nn.Dense(3, "softmax")])
    more = {"epochs": 40, "validation_data": held}
    return ready(model, Adam(0.01), SPARSE, xt, yt, ["accuracy"], **more)
