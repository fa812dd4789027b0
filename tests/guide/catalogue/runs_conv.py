"""Faults of convolutional networks that a run shows."""

import jax
import numpy as np

from catalogue.base import fault, images, one_hot, ready, split
from onefit import Input, Model, Sequential
from onefit.initializers import Constant, RandomNormal
from onefit.layers import (
    Activation,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    Lambda,
    MaxPooling2D,
    UpSampling2D,
)
from onefit.optimizers import SGD, Adam

SPARSE = "sparse_categorical_crossentropy"


@fault(
    "dead-units",
    "initializer-does-not-fit",
    layer=("conv2d", "conv2d_1"),
    by="run",
    source="Stockfish#3274: dead filters",
)
def filters_that_are_dead_from_the_start(faulty):
    x, y = images()
    b = Constant(-10.0) if faulty else "zeros"
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu", bias_initializer=b),
            Conv2D(8, 3, activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=20)


@fault(
    "vanishing-gradients",
    "deep-saturating-stack",
    layer=None,
    by="run",
    source="lecture 002: vanishing gradients",
)
def ten_sigmoid_convolutions(faulty):
    x, y = images(500)
    g = "sigmoid" if faulty else "selu"
    w = "glorot_uniform" if faulty else "lecun_normal"
    maps = [
        Conv2D(6, 3, padding="same", activation=g, kernel_initializer=w)
        for _ in range(10)
    ]
    model = Sequential([Input((8, 8, 1)), *maps, MaxPooling2D(), Flatten()])
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.002), SPARSE, x, y, ["accuracy"], epochs=20)


@fault(
    "exploding-gradients",
    "initializer-does-not-fit",
    layer=None,
    source="forum: CNN, loss 1e6 at the first epoch",
)
def kernels_far_too_large(faulty):
    x, y = images()
    w = RandomNormal(stddev=1.5) if faulty else "he_normal"
    maps = [
        Conv2D(16, 3, padding="same", activation="relu", kernel_initializer=w)
        for _ in range(4)
    ]
    model = Sequential([Input((8, 8, 1)), *maps, MaxPooling2D(), Flatten()])
    model.add(Dense(10, activation="softmax"))
    return ready(model, SGD(0.03), SPARSE, x, y, ["accuracy"], epochs=30)


@fault(
    "frozen-weights",
    "vanishing-gradients",
    by="run",
    layer=("features", "blocked"),
    hurts=False,
    source="forum: stop_gradient left in",
)
def a_gradient_stopped_on_its_way(faulty):
    x, y = images()

    def blocked(a):
        return jax.lax.stop_gradient(a) if faulty else a

    picture = Input((8, 8, 1))
    maps = Conv2D(4, 3, activation="relu", name="features")(picture)
    maps = Lambda(blocked, name="blocked")(maps)
    pooled = GlobalAveragePooling2D()(Conv2D(16, 3, activation="relu")(maps))
    model = Model(picture, Dense(10, activation="softmax")(pooled))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=40)


@fault(
    "stuck-at-chance",
    "target-unrelated",
    "underfitting",
    by="run",
    source="StackOverflow: files and labels in another order",
)
def labels_of_other_pictures(faulty):
    x, y = images()
    y = np.roll(y, 1) if faulty else y
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(4, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=40)


@fault("overfitting", by="run", learns=0.9, source="lecture 003: more data")
def sixty_pictures_learned_by_heart(faulty):
    x, y = images(1797)
    train, test = split(x, y, 60 if faulty else 1400)
    test = test[0][-300:], test[1][-300:]
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(16, 3, activation="relu"),
            Flatten(),
            Dense(64, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(
        model,
        Adam(0.003),
        SPARSE,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        epochs=150 if faulty else 7,
    )


@fault(
    "learning-rate-too-high",
    "oscillating",
    "diverging",
    "dead-units",
    by="run",
    source="UMLAUT; forum: SGD(1.0) for pictures",
)
def a_conv_net_by_steps_too_large(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            Conv2D(8, 3, activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    rate = SGD(3.0 if faulty else 0.1)
    return ready(model, rate, SPARSE, x, y, ["accuracy"], epochs=20)


@fault(
    "output-cannot-reach-targets",
    layer=-1,
    learns=0.7,
    source="forum: an autoencoder that stays grey",
)
def an_autoencoder_of_standardised_pictures(faulty):
    x, _ = images()
    x = (x - x.mean()) / x.std()
    picture = Input((8, 8, 1))
    code = MaxPooling2D()(Conv2D(12, 3, padding="same", activation="relu")(picture))
    maps = Conv2D(12, 3, padding="same", activation="relu")(UpSampling2D()(code))
    g = "sigmoid" if faulty else None
    model = Model(picture, Conv2D(1, 3, padding="same", activation=g)(maps))
    return ready(model, Adam(0.005), "mse", x, x, epochs=30)


@fault(
    "saturated-units",
    "inputs-not-scaled",
    by="run",
    hurts=False,
    layer=("conv2d", "activation", None),
    source="forum: tanh on 0..255",
)
def raw_pixels_into_tanh_filters(faulty):
    x, y = images()
    x = 255 * x if faulty else x
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(4, 3),
            Activation("tanh"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    loss = "categorical_crossentropy"
    return ready(model, SGD(0.1), loss, x, one_hot(y, 10), ["accuracy"], epochs=25)
