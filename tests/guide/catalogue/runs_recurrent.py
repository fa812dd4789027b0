"""Faults of recurrent networks and embeddings that a run shows."""

import numpy as np

from catalogue.base import fault, ready, reviews, signs, split, waves
from onefit import Input, Sequential
from onefit.initializers import Orthogonal
from onefit.layers import GRU, LSTM, Bidirectional, Dense, Embedding, SimpleRNN
from onefit.optimizers import SGD, Adam

BINARY = "binary_crossentropy"


@fault(
    "exploding-gradients",
    "unstable-recurrence",
    "loss-not-a-number",
    "initializer-does-not-fit",
    layer=0,
    source="Pascanu 2013",
)
def a_recurrence_that_grows(faulty):
    x, y = signs(steps=40)
    u = Orthogonal(gain=2.0 if faulty else 1.0)
    model = Sequential(
        [
            Input((40, 2)),
            SimpleRNN(16, activation="relu", recurrent_initializer=u),
            Dense(1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=60)


@fault(
    "unstable-recurrence",
    "exploding-gradients",
    "loss-not-a-number",
    layer=0,
    by="check",
    source="forum: linear recurrent layer",
)
def a_linear_recurrence(faulty):
    x, y = waves(steps=50)
    g = "linear" if faulty else "tanh"
    u = Orthogonal(gain=1.3 if faulty else 1.0)
    model = Sequential(
        [Input((50, 1)), SimpleRNN(12, activation=g, recurrent_initializer=u)]
    )
    model.add(Dense(1))
    return ready(model, Adam(0.003), "mse", x, y, epochs=30)


@fault(
    "stuck-at-chance",
    "underfitting",
    "vanishing-gradients",
    by="run",
    source="Hochreiter 1997: what was seen long ago",
)
def the_first_of_eighty_steps(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 80, 1)).astype("float32")
    y = (x[:, 0 if faulty else -1, 0] > 0).astype(int)
    model = Sequential([Input((80, 1)), SimpleRNN(4), Dense(1, "sigmoid")])
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], epochs=30)


@fault("overfitting", by="run", learns=0.85, source="lecture 003: more data")
def eighty_reviews_learned_by_heart(faulty):
    x, y = reviews(4300)
    train, test = split(x, y, 80 if faulty else 4000)
    test = test[0][-300:], test[1][-300:]
    model = Sequential([Input((12,)), Embedding(200, 32), LSTM(16)])
    model.add(Dense(1, activation="sigmoid"))
    return ready(
        model,
        Adam(0.005),
        BINARY,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        epochs=100 if faulty else 5,
    )


@fault(
    "learning-rate-too-high",
    "oscillating",
    "diverging",
    by="check",
    source="forum: an LSTM with Adam(0.3)",
)
def a_recurrent_net_by_steps_too_large(faulty):
    x, y = signs()
    model = Sequential([Input((12, 2)), LSTM(12), Dense(1, activation="sigmoid")])
    rate = Adam(1.0 if faulty else 0.02)
    return ready(model, rate, BINARY, x, y, ["accuracy"], epochs=60)


@fault(
    "crawling",
    "learning-rate-too-low",
    by="run",
    source="forum: SGD for an LSTM, the loss stays",
)
def a_recurrent_net_by_tiny_steps(faulty):
    x, y = waves()
    model = Sequential([Input((24, 1)), GRU(12), Dense(1)])
    rate = SGD(1e-5) if faulty else Adam(0.01)
    return ready(model, rate, "mse", x, y, epochs=30)


@fault(
    "frozen-weights",
    "nothing-to-train",
    layer=(0, "embedding"),
    by="run",
    source="forum: an embedding frozen without vectors of its own",
)
def a_frozen_random_embedding(faulty):
    x, y = reviews()
    words = Embedding(200, 3, mask_zero=True, name="embedding")
    words.trainable = not faulty
    model = Sequential([Input((12,)), words, GRU(4), Dense(1, "sigmoid")])
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], epochs=40)


@fault(
    "stuck-at-chance",
    "underfitting",
    "constant-target",
    by="run",
    source="forum: forecasts of pure noise",
)
def a_series_without_a_memory(faulty):
    x, y = waves(1500)
    y = np.random.default_rng(3).normal(size=y.shape) if faulty else y
    model = Sequential([Input((24, 1)), Bidirectional(GRU(4)), Dense(1)])
    return ready(model, Adam(0.005), "mse", x, y.astype("float32"), epochs=30)
