"""Faults of the network: activations, initial weights, layers in the wrong place."""

import jax
import numpy as np

from catalogue.base import (
    circles,
    digits,
    fault,
    images,
    one_hot,
    prices,
    ready,
    signs,
    table,
    waves,
)
from onefit import Input, Model, Sequential
from onefit.initializers import Constant, RandomNormal, RandomUniform, Zeros
from onefit.layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    MaxPooling2D,
    ReLU,
    SimpleRNN,
    Softmax,
)
from onefit.optimizers import SGD, Adam
from onefit.regularizers import L1, L2

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


# No activation, or two ----------------------------------------------------------------


@fault(
    "linear-stack",
    layer=(0, 1),
    source="lectures 000 and 001: linear layers are one linear layer",
)
def linear_layers_for_a_circle(faulty):
    x, y = circles()
    g = None if faulty else "relu"
    model = Sequential(
        [
            Input((2,)),
            Dense(16, activation=g),
            Dense(16, activation=g),
            Dense(1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.01), BINARY, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "linear-stack",
    layer=(0, 1),
    hurts=False,
    source="lecture 004, 2.2: Dense(9), Dense(4) as printed",
)
def digits_by_layers_without_activation(faulty):
    x, y = digits()
    g = "linear" if faulty else "relu"
    model = Sequential(
        [Input((64,)), Dense(25, g), Dense(15, g), Dense(10, activation="softmax")]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault(
    "linear-stack",
    layer=("hidden", "features"),
    source="UMLAUT: dropout is no activation",
)
def linear_layers_with_dropout_and_normalisation_between(faulty):
    x, y = circles()
    g = "linear" if faulty else "tanh"
    points = Input((2,))
    a = Dense(16, activation=g, name="features")(points)
    a = Dropout(0.1)(BatchNormalization()(a))
    a = Activation("linear")(Dense(16, activation=g, name="hidden")(a))
    model = Model(points, Dense(1, activation="sigmoid")(a))
    return ready(model, Adam(0.01), BINARY, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "linear-stack",
    layer=(0, 1, "conv2d", "conv2d_1"),
    hurts=False,
    source="forum: Conv2D without activation",
)
def convolutions_without_activation(faulty):
    x, y = images()
    g = None if faulty else "relu"
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation=g),
            Conv2D(16, 3, activation=g),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "double-activation",
    layer=(-1, -2),
    source="StackOverflow: the loss stays above 0.3",
)
def sigmoid_of_a_sigmoid(faulty):
    x, y = table("breast_cancer")
    model = Sequential(
        [Input((30,)), Dense(16, activation="relu"), Dense(1, activation="sigmoid")]
    )
    if faulty:
        model.add(Activation("sigmoid"))
    return ready(model, Adam(0.003), BINARY, x, y, metrics=["accuracy"], epochs=40)


@fault(
    "double-activation",
    layer=("scores", "classes"),
    hurts=False,
    source="PyTorch forum: softmax twice",
)
def softmax_of_a_softmax(faulty):
    x, y = digits()
    pixels = Input((64,))
    hidden = Dense(32, activation="relu")(pixels)
    g = "softmax" if faulty else None
    scores = Dense(10, activation=g, name="scores")(hidden)
    model = Model(pixels, Softmax(name="classes")(scores))
    loss = "categorical_crossentropy"
    return ready(model, "adam", loss, x, one_hot(y, 10), epochs=40)


@fault(
    "double-activation",
    "head-does-not-fit-loss",
    layer=(-1, -2),
    hurts=False,
    source="forum: relu, then sigmoid, at the output",
)
def sigmoid_of_a_relu_at_the_head(faulty):
    x, y = circles()
    model = Sequential(
        [
            Input((2,)),
            Dense(16, activation="relu"),
            Dense(1, activation="relu" if faulty else None),
            Activation("sigmoid"),
        ]
    )
    return ready(model, Adam(0.01), BINARY, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "double-activation",
    layer=("conv2d", "re_lu", "activation"),
    hurts=False,
    severity="hint",
    source="NeuraLint: activation twice",
)
def relu_of_a_relu(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu" if faulty else None),
            ReLU(name="re_lu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "softmax-in-hidden-layer",
    layer=0,
    source="StackOverflow 37588632: softmax in a hidden layer",
)
def softmax_in_the_hidden_layer(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, "softmax" if faulty else "relu")])
    model.add(Dense(10, activation="softmax"))
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "softmax-in-hidden-layer",
    layer=("dense", "activation"),
    source="forum: softmax behind the features of a CNN",
)
def softmax_layer_after_the_features(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            Flatten(),
            Dense(32),
            Activation("softmax" if faulty else "relu"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, metrics=["accuracy"], epochs=30)


# Initial weights ----------------------------------------------------------------------


@fault(
    "symmetric-weights",
    "symmetric-units",
    layer=(0, 1),
    source="lecture series: w = 0 for a network; DeepLearning.AI week 3",
)
def all_weights_zero(faulty):
    x, y = circles()
    w = {"kernel_initializer": "zeros" if faulty else "glorot_uniform"}
    model = Sequential([Input((2,)), Dense(16, "tanh", **w), Dense(1, "sigmoid", **w)])
    return ready(model, Adam(0.02), BINARY, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "symmetric-weights",
    "symmetric-units",
    layer=0,
    source="NeuraLint: constant weights",
)
def all_weights_the_same_constant(faulty):
    x, y = digits()
    w = {"kernel_initializer": Constant(0.1) if faulty else "he_normal"}
    model = Sequential(
        [
            Input((64,)),
            Dense(32, activation="relu", **w),
            Dense(10, activation="softmax", **w),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "symmetric-weights",
    "symmetric-units",
    layer="features",
    hurts=False,
    source="forum: constant kernels",
)
def constant_kernels_of_a_convolution(faulty):
    x, y = images()
    w = Constant(0.05) if faulty else "glorot_uniform"
    picture = Input((8, 8, 1))
    maps = Conv2D(8, 3, activation="relu", kernel_initializer=w, name="features")
    pooled = GlobalAveragePooling2D()(Conv2D(16, 3, activation="relu")(maps(picture)))
    model = Model(picture, Dense(10, activation="softmax")(pooled))
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=50)


@fault(
    "symmetric-weights", "symmetric-units", layer=0, source="forum: weights set by hand"
)
def ones_set_by_hand(faulty):
    x, y = circles()
    model = Sequential([Input((2,)), Dense(8, "tanh"), Dense(1, "sigmoid")])
    if faulty:
        model.set_weights([np.ones_like(w) for w in model.get_weights()])
    return ready(model, Adam(0.02), BINARY, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "symmetric-weights",
    "symmetric-units",
    layer=0,
    hurts=False,
    source="forum: zeros for an LSTM",
)
def a_recurrent_layer_of_zeros(faulty):
    x, y = signs(features=1)
    w = Zeros() if faulty else "glorot_uniform"
    u = Zeros() if faulty else "orthogonal"
    model = Sequential(
        [
            Input((12, 1)),
            SimpleRNN(8, kernel_initializer=w, recurrent_initializer=u),
            Dense(1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.01), BINARY, x, y, metrics=["accuracy"], epochs=40)


@fault(
    "initializer-does-not-fit",
    "exploding-gradients",
    layer=(0, 1, 2, 3),
    hurts=False,
    source="TheDeepChecker: initial weights too large",
)
def normal_weights_of_deviation_one(faulty):
    x, y = digits()
    w = {"kernel_initializer": RandomNormal(stddev=1.0) if faulty else "he_normal"}
    layers = [Dense(128, activation="relu", **w) for _ in range(4)]
    head = Dense(10, activation="softmax")
    model = Sequential([Input((64,)), *layers, head])
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=8)


@fault(
    "initializer-does-not-fit",
    "vanishing-gradients",
    layer=tuple(range(8)),
    source="lecture 003: the gradient becomes smaller layer by layer",
)
def tiny_weights_in_a_deep_net(faulty):
    x, y = digits()
    w = RandomNormal(stddev=0.01) if faulty else "glorot_normal"
    layers = [Dense(32, "tanh", kernel_initializer=w) for _ in range(8)]
    model = Sequential([Input((64,)), *layers, Dense(10, activation="softmax")])
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=15)


@fault(
    "initializer-does-not-fit",
    "saturated-units",
    layer=0,
    source="Glorot 2010: saturated from the start",
)
def wide_uniform_weights_under_a_sigmoid(faulty):
    x, y = digits()
    w = RandomUniform(-20, 20) if faulty else "glorot_uniform"
    model = Sequential([Input((64,)), Dense(16, "sigmoid", kernel_initializer=w)])
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=60)


@fault(
    "initializer-does-not-fit",
    layer=("conv2d", "conv2d_1", "conv2d_2"),
    source="forum: 0.0001 as in an old paper",
)
def tiny_kernels_of_convolutions(faulty):
    x, y = images()
    w = RandomNormal(stddev=1e-4) if faulty else "he_uniform"
    maps = [
        Conv2D(8, 3, activation="relu", padding="same", kernel_initializer=w)
        for _ in range(3)
    ]
    model = Sequential([Input((8, 8, 1)), *maps, MaxPooling2D(), Flatten()])
    model.add(Dense(10, activation="softmax"))
    return ready(model, SGD(0.1), SPARSE, x, y, metrics=["accuracy"], epochs=20)


# Normalisation and dropout ------------------------------------------------------------


@fault(
    "bias-before-normalization",
    layer=0,
    hurts=False,
    severity="hint",
    source="NeuraLint; Ioffe and Szegedy 2015",
)
def bias_before_batch_normalisation(faulty):
    x, y = digits()
    model = Sequential(
        [
            Input((64,)),
            Dense(32, use_bias=faulty),
            BatchNormalization(),
            Activation("relu"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "bias-before-normalization",
    layer="conv2d",
    hurts=False,
    severity="hint",
    source="NeuraLint",
)
def bias_of_a_convolution_before_batch_normalisation(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, use_bias=faulty, name="conv2d"),
            BatchNormalization(),
            ReLU(),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "dropout-misplaced",
    layer=-1,
    hurts=False,
    source="forum: dropout behind the softmax",
)
def dropout_of_the_answers(faulty):
    x, y = table("wine")
    drop, head = Dropout(0.3), Dense(3, activation="softmax")
    hidden = Dense(16, activation="relu")
    end = [head, drop] if faulty else [drop, head]
    model = Sequential([Input((13,)), hidden, *end])
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "dropout-misplaced",
    layer="dropout",
    hurts=False,
    source="Li 2018: variance shift between dropout and batch normalisation",
)
def dropout_before_batch_normalisation(faulty):
    x, y = digits()
    hidden = Dense(64, activation="relu")
    pair = [Dropout(0.4, name="dropout"), BatchNormalization()]
    pair = pair if faulty else pair[::-1]
    head = Dense(10, activation="softmax")
    model = Sequential([Input((64,)), hidden, *pair, head])
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "dropout-misplaced",
    layer=-1,
    source="forum: dropout as the last layer of a regression",
)
def dropout_of_a_predicted_price(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(32, "relu"), Dense(32, "relu"), Dense(1)])
    if faulty:
        model.add(Dropout(0.2))
    return ready(model, Adam(0.005), "mse", x, y, epochs=60)


@fault(
    "dropout-too-high",
    layer=("dropout", "dropout_1"),
    source="TF1's keep_prob taken for Keras' rate",
)
def keep_probability_as_rate(faulty):
    x, y = digits()
    rate = 0.95 if faulty else 0.05
    model = Sequential(
        [
            Input((64,)),
            Dense(32, activation="relu"),
            Dropout(rate),
            Dense(32, activation="relu"),
            Dropout(rate),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "dropout-too-high",
    layer="dropout",
    hurts=False,
    severity="hint",
    source="UMLAUT: more than half is dropped",
)
def two_thirds_dropped(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.66 if faulty else 0.33, name="dropout"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault("dropout-too-high", layer=0, source="forum: dropout=0.9 in an LSTM")
def a_recurrent_layer_with_high_dropout(faulty):
    x, y = signs()
    rate = 0.9 if faulty else 0.0
    model = Sequential([Input((12, 2)), LSTM(12, dropout=rate), Dense(1, "sigmoid")])
    return ready(model, Adam(0.02), BINARY, x, y, metrics=["accuracy"], epochs=60)


# Shape of the network -----------------------------------------------------------------


@fault("narrow-layer", layer=1, source="UMLAUT; forum: Dense(1) by mistake")
def one_unit_before_ten_classes(faulty):
    x, y = digits()
    model = Sequential(
        [
            Input((64,)),
            Dense(32, activation="relu"),
            Dense(1 if faulty else 16, activation="relu"),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault("narrow-layer", layer="squeeze", source="forum: too small a layer in a CNN")
def two_filters_before_ten_classes(faulty):
    x, y = images()
    picture = Input((8, 8, 1))
    maps = Conv2D(16, 3, activation="relu")(picture)
    maps = Conv2D(2 if faulty else 24, 3, activation="relu", name="squeeze")(maps)
    pooled = GlobalAveragePooling2D()(maps)
    model = Model(picture, Dense(10, activation="softmax")(pooled))
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=50)


@fault(
    "deep-saturating-stack",
    "vanishing-gradients",
    layer=tuple(range(8)),
    source="lecture 003, back propagation: sigmoid's factor in each layer",
)
def eight_sigmoid_layers(faulty):
    x, y = digits()
    g = "sigmoid" if faulty else "relu"
    layers = [Dense(32, activation=g) for _ in range(8)]
    model = Sequential([Input((64,)), *layers, Dense(10, activation="softmax")])
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=15)


@fault(
    "deep-saturating-stack",
    "vanishing-gradients",
    layer=None,
    source="lecture 002: vanishing gradients with depth",
)
def six_sigmoid_convolutions(faulty):
    x, y = images()
    maps = picture = Input((8, 8, 1))
    for _ in range(6):
        maps = Conv2D(8, 3, padding="same")(maps)
        maps = Activation("sigmoid" if faulty else "relu")(maps)
    maps = Flatten()(MaxPooling2D()(maps))
    model = Model(picture, Dense(10, activation="softmax")(maps))
    return ready(model, Adam(0.002), SPARSE, x, y, metrics=["accuracy"], epochs=15)


@fault(
    "unstable-recurrence",
    "exploding-gradients",
    "loss-not-a-number",
    "diverging",
    layer=0,
    source="StackOverflow 37232782: LSTM with relu, loss nan",
)
def relu_in_a_recurrent_layer(faulty):
    x, y = waves(steps=60)
    u = {"recurrent_initializer": RandomNormal(stddev=0.4)} if faulty else {}
    g = "relu" if faulty else "tanh"
    model = Sequential([Input((60, 1)), SimpleRNN(24, activation=g, **u), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=20)


@fault(
    "unstable-recurrence",
    layer=0,
    hurts=False,
    source="StackOverflow 48714407: LSTM(activation='relu') for a series",
)
def relu_in_an_lstm(faulty):
    x, y = waves(steps=40)
    g = "relu" if faulty else "tanh"
    model = Sequential([Input((40, 1)), LSTM(24, activation=g), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=15)


@fault("shrinks-too-early", layer=0, source="NeuraLint: too much pooling")
def pooling_away_the_picture(faulty):
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            MaxPooling2D(8 if faulty else 2),
            Conv2D(24, 3, padding="same", activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault("shrinks-too-early", layer=(0, 1, 2), source="NeuraLint: strides too large")
def strides_that_leave_one_pixel(faulty):
    x, y = images()
    s = 4 if faulty else 1
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(4, 2, strides=s, activation="relu"),
            MaxPooling2D(2),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "missing-flatten",
    "shapes-broadcast",
    layer=None,
    refused="Flatten",
    source="StackOverflow: Dense after Conv2D",
)
def a_picture_without_flatten(faulty):
    x, y = images()
    model = Sequential([Input((8, 8, 1)), Conv2D(8, 3, activation="relu")])
    if not faulty:
        model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.005), SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "missing-flatten",
    "shapes-broadcast",
    layer=None,
    refused="Flatten",
    source="StackOverflow: Dense layers on pictures",
)
def dense_layers_on_pictures(faulty):
    x, y = images()
    layers = [Dense(32, activation="relu"), Dense(10, activation="softmax")]
    flat = [] if faulty else [Flatten()]
    model = Sequential([Input((8, 8)), *flat, *layers])
    return ready(model, "adam", SPARSE, x[..., 0], y, ["accuracy"], epochs=40)


# Weights that cannot move, or may not -------------------------------------------------


@fault(
    "nothing-to-train",
    "frozen-weights",
    layer=None,
    source="forum: transfer learning, the loss stays the same",
)
def a_whole_model_frozen(faulty):
    x, y = digits()
    model = Sequential(
        [Input((64,)), Dense(32, activation="relu"), Dense(10, activation="softmax")]
    )
    for layer in model.layers:
        layer.trainable = not faulty
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "nothing-to-train",
    "frozen-weights",
    layer=None,
    source="forum: the head is inside the frozen base",
)
def a_frozen_model_within_a_model(faulty):
    x, y = images()
    base = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ],
        name="base",
    )
    base.trainable = not faulty
    model = Sequential([Input((8, 8, 1)), base])
    return ready(model, Adam(0.005), SPARSE, x, y, metrics=["accuracy"], epochs=20)


@fault(
    "frozen-weights",
    "vanishing-gradients",
    by="run",
    layer=(0, "steps", "dense"),
    source="lecture 003: the perceptron's step has no slope",
)
def a_step_as_activation(faulty):
    x, y = circles()

    def step(z):
        return jax.numpy.where(z > 0, 1.0, 0.0)

    g = step if faulty else "sigmoid"
    model = Sequential(
        [Input((2,)), Dense(4, activation=g, name="steps"), Dense(1, "sigmoid")]
    )
    return ready(model, Adam(0.05), BINARY, x, y, metrics=["accuracy"], epochs=150)


@fault("penalty-too-strong", layer=(0, 1), source="TheDeepChecker; lecture 003")
def l2_as_strong_as_the_loss(faulty):
    x, y = digits()
    r = {"kernel_regularizer": L2(1.0 if faulty else 1e-4)}
    model = Sequential(
        [Input((64,)), Dense(32, "relu", **r), Dense(10, "softmax", **r)]
    )
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "penalty-too-strong",
    layer=("conv1d", "dense"),
    source="lecture 003, L1: every weight becomes 0",
)
def l1_that_empties_a_convolution(faulty):
    x, y = waves()
    r = {"kernel_regularizer": L1(1.0 if faulty else 1e-4)}
    model = Sequential(
        [
            Input((24, 1)),
            Conv1D(8, 5, activation="relu", name="conv1d", **r),
            Flatten(),
            Dense(1, name="dense", **r),
        ]
    )
    return ready(model, Adam(0.003), "mse", x, y, epochs=40)


@fault(
    "symmetric-weights",
    "symmetric-units",
    layer=0,
    hurts=False,
    source="forum: ones in a GRU",
)
def a_gru_of_ones(faulty):
    x, y = signs(features=1)
    w = "ones" if faulty else "glorot_uniform"
    u = "zeros" if faulty else "orthogonal"
    model = Sequential(
        [
            Input((12, 1)),
            GRU(8, kernel_initializer=w, recurrent_initializer=u),
            Dense(1, "sigmoid", kernel_initializer=w),
        ]
    )
    return ready(model, Adam(0.005), BINARY, x, y, metrics=["accuracy"], epochs=40)
