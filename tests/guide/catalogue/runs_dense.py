"""Faults of dense networks that a run shows."""

import jax.numpy as jnp
import numpy as np

from catalogue.base import (
    circles,
    digits,
    fault,
    one_hot,
    prices,
    ready,
    split,
    standard,
    table,
)
from onefit import Input, Model, Sequential, datasets
from onefit.initializers import Constant, RandomNormal, RandomUniform
from onefit.layers import Activation, Dense, Lambda, ReLU
from onefit.optimizers import SGD, Adam

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


# NaN ----------------------------------------------------------------------------------


@fault(
    "loss-not-a-number",
    layer=("root", "lambda"),
    by="run",
    source="forum: the square root of a negative number",
)
def the_root_of_what_may_be_negative(faulty):
    x, y = prices()

    def root(z):
        return jnp.sqrt(z if faulty else jnp.abs(z) + 1e-3)

    model = Sequential(
        [Input((4,)), Dense(16, "tanh"), Lambda(root, name="root"), Dense(1)]
    )
    return ready(model, Adam(0.01), "mse", x, y, epochs=80)


@fault(
    "loss-not-a-number",
    by="run",
    hurts=False,
    source="forum: own loss with log(y_pred)",
)
def a_loss_with_the_logarithm_of_zero(faulty):
    x, y = table("breast_cancer")

    def likelihood(y_true, y_pred):
        p = jnp.clip(y_pred, 0.0 if faulty else 1e-6, 1.0 if faulty else 1 - 1e-6)
        return -(y_true * jnp.log(p) + (1 - y_true) * jnp.log(1 - p))

    g = "hard_sigmoid"
    model = Sequential([Input((30,)), Dense(16, "relu"), Dense(1, activation=g)])
    y = y.astype("float32")[:, None]
    return ready(model, Adam(0.01), likelihood, x, y, epochs=40)


@fault(
    "loss-not-a-number",
    "output-cannot-reach-targets",
    "head-does-not-fit-loss",
    source="forum: loss='poisson' with a linear unit",
)
def counts_under_poisson_without_exp(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3)).astype("float32")
    y = rng.poisson(np.exp(1 + x @ [0.6, -0.4, 0.2]))[:, None].astype("float32")
    model = Sequential([Input((3,)), Dense(16, "tanh")])
    model.add(Dense(1, activation=None if faulty else "exponential"))

    def r2(program):
        p = program.model.predict(x, verbose=0)
        truth = np.exp(1 + x @ [0.6, -0.4, 0.2])[:, None]
        return 1 - np.mean((p - truth) ** 2) / np.var(truth)

    return ready(model, Adam(0.01), "poisson", x, y, score=r2, epochs=60)


# Gradients ----------------------------------------------------------------------------


@fault(
    "vanishing-gradients",
    "deep-saturating-stack",
    layer=None,
    source="lecture 003: the factors multiply, layer by layer",
)
def twelve_sigmoid_layers_for_iris(faulty):
    x, y = table("iris")
    end = pixels = Input((4,))
    for _ in range(12):
        z = Dense(16)(end)
        end = Activation("sigmoid" if faulty else "elu")(z)
    model = Model(pixels, Dense(3, activation="softmax")(end))
    return ready(model, Adam(0.002), SPARSE, x, y, ["accuracy"], epochs=60)


@fault(
    "exploding-gradients",
    "initializer-does-not-fit",
    layer=tuple(range(10)),
    source="AutoTrainer: exploding gradients",
)
def ten_layers_of_weights_too_large(faulty):
    x, y = prices()
    w = RandomNormal(stddev=0.8) if faulty else "he_normal"
    layers = [Dense(32, "relu", kernel_initializer=w) for _ in range(10)]
    model = Sequential([Input((4,)), *layers, Dense(1)])
    return ready(model, Adam(1e-3), "mse", x, y, epochs=60)


@fault(
    "exploding-gradients",
    "diverging",
    "learning-rate-too-high",
    "loss-not-a-number",
    "target-not-scaled",
    by="run",
    source="StackOverflow: regression, loss inf after some steps",
)
def gradient_descent_on_a_target_in_hundreds(faulty):
    x, y = prices()
    y = 300 * y if faulty else y
    model = Sequential([Input((4,)), Dense(32, "relu"), Dense(1)])
    return ready(model, SGD(0.01), "mse", x, y, epochs=60)


# Units --------------------------------------------------------------------------------


@fault(
    "dead-units",
    "initializer-does-not-fit",
    layer=(0, 1),
    by="run",
    source="lecture 002: a ReLU that always gets negative values",
)
def relus_pushed_below_zero_by_their_bias(faulty):
    x, y = digits()
    b = Constant(-20.0) if faulty else "zeros"
    model = Sequential([Input((64,)), Dense(32, "relu", bias_initializer=b)])
    model.add(Dense(10, activation="softmax"))
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "dead-units",
    "initializer-does-not-fit",
    layer=("dense", "relu", "re_lu"),
    by="run",
    source="lecture 003: dying ReLU",
)
def negative_weights_on_bright_pixels(faulty):
    x, y = digits()
    w = RandomUniform(-0.2, 0.0 if faulty else 0.2)
    model = Sequential(
        [
            Input((64,)),
            Dense(24, kernel_initializer=w),
            ReLU(name="re_lu"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault(
    "dead-units",
    "one-class-predictor",
    layer=0,
    by="run",
    source="lecture 004, 2.1: a neuron whose ReLU died",
)
def a_house_price_neuron_that_starts_below_zero(faulty):
    size, price = datasets.houses(200)
    w = Constant(-1.0 if faulty else 1.0)
    model = Sequential([Input((1,)), Dense(1, "relu", kernel_initializer=w)])
    return ready(model, Adam(0.01), "mse", size, price, epochs=200)


@fault(
    "dead-units",
    "learning-rate-too-high",
    by="run",
    layer=(0, 1, None),
    source="keras#7057: ReLUs killed by a large step",
)
def relus_killed_by_the_first_steps(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(32, "relu"), Dense(32, "relu"), Dense(1)])
    return ready(model, Adam(0.8 if faulty else 0.005), "mse", x, y, epochs=60)


@fault(
    "saturated-units",
    "initializer-does-not-fit",
    layer=("hidden",),
    source="lecture 003: at large |z| the sigmoid's slope is 0",
)
def sigmoids_at_their_flat_ends(faulty):
    x, y = circles()
    w = RandomNormal(stddev=100.0) if faulty else RandomNormal(stddev=1.0)
    points = Input((2,))
    hidden = Dense(8, "sigmoid", kernel_initializer=w, name="hidden")(points)
    model = Model(points, Dense(1, activation="sigmoid")(hidden))
    return ready(model, Adam(0.02), BINARY, x, y, ["accuracy"], epochs=120)


@fault(
    "saturated-units",
    "inputs-not-scaled",
    layer=(0, None),
    by="run",
    hurts=False,
    source="forum: tanh on raw numbers",
)
def tanh_units_on_raw_sizes(faulty):
    x, y = prices()
    x = 400 * x if faulty else x
    model = Sequential([Input((4,)), Dense(16, "tanh"), Dense(1)])
    return ready(model, Adam(0.005), "mse", x, y, epochs=100)


@fault(
    "symmetric-units",
    "symmetric-weights",
    layer=(0, 1),
    source="lecture 002, XOR: two neurons that do the same",
)
def xor_from_equal_weights(faulty):
    x, y = datasets.xor()
    w = {"kernel_initializer": Constant(0.5) if faulty else "glorot_uniform"}
    model = Sequential([Input((2,)), Dense(4, "tanh", **w), Dense(1, "sigmoid", **w)])
    return ready(
        model, Adam(0.05), BINARY, x, y, metrics=["accuracy"], batch_size=4, epochs=500
    )


@fault(
    "frozen-weights",
    "nothing-to-train",
    layer=(0, 1),
    by="run",
    source="forum: layers frozen before they had learned anything",
)
def all_but_the_head_frozen_from_the_start(faulty):
    x, y = circles()
    model = Sequential(
        [Input((2,)), Dense(6, "tanh"), Dense(3, "tanh"), Dense(1, "sigmoid")]
    )
    for layer in model.layers[:-1]:
        layer.trainable = not faulty
    return ready(model, Adam(0.02), BINARY, x, y, ["accuracy"], epochs=80)


# Stuck, unstable ----------------------------------------------------------------------


@fault(
    "stuck-at-chance",
    "underfitting",
    by="run",
    source="lecture 002: no line separates XOR; loss 0.6931",
)
def xor_without_a_hidden_layer(faulty):
    x, y = datasets.xor()
    hidden = [] if faulty else [Dense(8, activation="tanh")]
    model = Sequential([Input((2,)), *hidden, Dense(1, activation="sigmoid")])
    return ready(
        model, Adam(0.05), BINARY, x, y, metrics=["accuracy"], batch_size=4, epochs=5000
    )


@fault(
    "stuck-at-chance",
    "target-unrelated",
    "underfitting",
    by="run",
    source="StackOverflow: x shuffled, y not",
)
def inputs_shuffled_without_their_labels(faulty):
    x, y = digits()
    x = np.random.default_rng(0).permutation(x) if faulty else x
    model = Sequential([Input((64,)), Dense(16, "relu"), Dense(10, "softmax")])
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "stuck-at-chance",
    "underfitting",
    by="run",
    source="lecture 002: a linear classifier on a circle",
)
def logistic_regression_of_a_circle(faulty):
    x, y = circles()
    x = x if faulty else np.hstack([x, x**2])
    model = Sequential([Input((x.shape[1],)), Dense(1, activation="sigmoid")])
    return ready(model, Adam(0.05), BINARY, x, y, metrics=["accuracy"], epochs=100)


@fault(
    "oscillating",
    "learning-rate-too-high",
    "diverging",
    by="run",
    source="lecture 000: steps across the valley",
)
def momentum_that_overshoots(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), Dense(16, "relu"), Dense(3, "softmax")])
    rate = SGD(1.0 if faulty else 0.01, momentum=0.9)
    return ready(
        model,
        rate,
        "categorical_crossentropy",
        x,
        one_hot(y, 3),
        ["accuracy"],
        epochs=60,
    )


@fault(
    "oscillating",
    "learning-rate-too-high",
    "diverging",
    "loss-not-a-number",
    by="run",
    source="lecture 004: paths of gradient descent",
)
def single_rows_at_a_high_rate(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, "tanh"), Dense(1)])
    rate = SGD(0.18 if faulty else 0.005)
    return ready(model, rate, "mse", x, y, batch_size=1, epochs=40)


@fault(
    "diverging",
    "learning-rate-too-high",
    "exploding-gradients",
    "loss-not-a-number",
    source="lecture 000: alpha too large",
)
def a_line_whose_descent_climbs(faulty):
    size, price = datasets.houses(100)
    model = Sequential([Input((1,)), Dense(1)])
    rate = SGD(0.5 if faulty else 0.1)
    return ready(model, rate, "mse", size, price, batch_size=100, epochs=100)


@fault(
    "crawling", "learning-rate-too-low", by="run", source="lecture 000: alpha too small"
)
def gradient_descent_with_steps_too_small(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    rate = SGD(2e-6 if faulty else 0.01)
    return ready(model, rate, "mse", x, y, epochs=80)


# Learned by heart, not learned --------------------------------------------------------


@fault("overfitting", by="run", learns=0.8, source="lecture 003, Overfitting Solutions")
def a_large_net_on_twenty_five_noisy_rows(faulty):
    n = 25 if faulty else 1000  # as many steps of 32 rows
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n + 200, 1)).astype("float32")
    y = (np.sin(3 * x) + 0.3 * rng.normal(size=x.shape)).astype("float32")
    train, test = split(x, y, n)
    model = Sequential([Input((1,)), Dense(64, "relu"), Dense(64, "relu"), Dense(1)])
    return ready(
        model,
        Adam(0.01),
        "mse",
        *train,
        validation_data=test,
        epochs=1000 if faulty else 32,
    )


@fault("overfitting", by="run", learns=0.3, source="lecture 003: fewer parameters")
def diabetes_learned_by_heart(faulty):
    x, y = table("diabetes")
    train, test = split(x, y, 300)
    units = 256 if faulty else 2
    model = Sequential([Input((10,)), Dense(units, "relu"), Dense(1)])
    return ready(model, Adam(0.01), "mse", *train, validation_data=test, epochs=200)


@fault(
    "underfitting",
    "stuck-at-chance",
    by="run",
    learns=0.9,
    source="lecture 001, piecewise linear: enough neurons are needed",
)
def a_line_through_a_wave(faulty):
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, (400, 1)).astype("float32")
    y = (np.cos(4 * x) + 0.05 * rng.normal(size=x.shape)).astype("float32")
    hidden = [] if faulty else [Dense(32, "tanh"), Dense(32, "tanh")]
    model = Sequential([Input((1,)), *hidden, Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=150)


@fault("underfitting", "narrow-layer", by="run", source="lecture 003: model too small")
def two_units_for_a_spiral(faulty):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 600)
    t = np.sqrt(rng.uniform(0.02, 1, 600)) * 9
    angle = t + np.pi * y
    x = np.column_stack([t * np.cos(angle), t * np.sin(angle)]) / 5
    units = 2 if faulty else 48
    model = Sequential([Input((2,)), Dense(units, "tanh"), Dense(units, "tanh")])
    model.add(Dense(1, activation="sigmoid"))
    return ready(
        model, Adam(0.01), BINARY, x.astype("float32"), y, ["accuracy"], epochs=250
    )


@fault(
    "too-good-to-be-true",
    "column-tells-target",
    by="run",
    hurts=False,
    learns=0.25,
    source="Kaggle: a column made from the target",
)
def a_noisy_copy_of_the_target(faulty):
    x, y = table("diabetes")
    noise = np.random.default_rng(0).normal(size=y.shape)
    more = y + 0.02 * noise if faulty else noise
    x = np.hstack([x, more]).astype("float32")
    model = Sequential([Input((11,)), Dense(3, "tanh"), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, validation_split=0.25, epochs=40)


@fault(
    "dead-units",
    "learning-rate-too-high",
    "inputs-not-scaled",
    layer=(1, 0, None),
    by="run",
    source="forum: ReLU net says 0 for all",
)
def raw_wine_that_kills_the_relus(faulty):
    x, y = table("wine", raw=True)
    x = x if faulty else standard(x)
    model = Sequential([Input((13,)), Dense(16, "relu"), Dense(8, "relu")])
    model.add(Dense(3, activation="softmax"))
    return ready(model, SGD(0.05), SPARSE, x, y, ["accuracy"], epochs=60)
