"""Faults of the head: last activation, loss, targets and metrics."""

import numpy as np

from catalogue.base import (
    circles,
    digits,
    fault,
    images,
    one_hot,
    prices,
    ready,
    reviews,
    signs,
    standard,
    table,
    waves,
)
from onefit import Input, Model, Sequential
from onefit.layers import (
    GRU,
    LSTM,
    Activation,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling1D,
    MaxPooling2D,
    Reshape,
)
from onefit.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from onefit.optimizers import Adam

SPARSE = "sparse_categorical_crossentropy"
HEAD_TABLE = "lecture 004, 2.3.3, table of heads and losses"


# Logits and probabilities -------------------------------------------------------------


@fault(
    "logits-as-probabilities",
    "head-does-not-fit-loss",
    layer=-1,
    source="lecture 001, 'more accurate', without from_logits=True",
)
def digits_with_a_linear_head_and_no_from_logits(faulty):
    x, y = digits()
    model = Sequential(
        [
            Input((64,)),
            Dense(25, activation="relu"),
            Dense(15, activation="relu"),
            Dense(10, activation="linear"),
        ]
    )
    loss = SparseCategoricalCrossentropy(from_logits=not faulty)
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "logits-as-probabilities",
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source="StackOverflow: binary classification, loss nan or stuck",
)
def tumours_with_a_linear_unit_and_binary_crossentropy(faulty):
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), Dense(16, activation="relu")])
    model.add(Dense(1) if faulty else Dense(1, activation="sigmoid"))
    loss = "binary_crossentropy"
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "logits-as-probabilities",
    "head-does-not-fit-loss",
    layer="classes",
    source="forum: functional model, last activation forgotten",
)
def a_nested_backbone_and_a_linear_one_hot_head(faulty):
    x, y = images()
    pixels = Input((8, 8, 1))
    maps = Conv2D(8, 3, activation="relu")(pixels)
    backbone = Model(pixels, Flatten()(MaxPooling2D()(maps)), name="backbone")
    picture = Input((8, 8, 1))
    head = Dense(10, activation=None if faulty else "softmax", name="classes")
    model = Model(picture, head(backbone(picture)))
    loss = "categorical_crossentropy"
    return ready(model, Adam(0.005), loss, x, one_hot(y, 10), epochs=20)


@fault(
    "logits-as-probabilities",
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source="forum: LSTM sentiment, accuracy stuck at 0.5",
)
def reviews_by_a_recurrent_net_with_a_linear_unit(faulty):
    x, y = reviews()
    model = Sequential(
        [
            Input((12,)),
            Embedding(200, 8, mask_zero=True),
            GRU(16),
            Dense(1, activation=None if faulty else "sigmoid"),
        ]
    )
    loss = "binary_crossentropy"
    return ready(model, Adam(0.01), loss, x, y, metrics=["accuracy"], epochs=15)


@fault(
    "probabilities-as-logits",
    layer=-1,
    hurts=False,
    source="keras-hub#1008, 'one of the larger pain points'",
)
def softmax_under_a_loss_from_logits(faulty):
    x, y = digits()
    model = Sequential(
        [Input((64,)), Dense(32, activation="relu"), Dense(10, activation="softmax")]
    )
    loss = SparseCategoricalCrossentropy(from_logits=faulty)
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "probabilities-as-logits",
    layer=(-1, -2),
    source="keras#15271: sigmoid and from_logits=True",
)
def sigmoid_layer_under_a_loss_from_logits(faulty):
    x, y = table("breast_cancer")
    model = Sequential(
        [Input((30,)), Dense(16, activation="relu"), Dense(1), Activation("sigmoid")]
    )
    loss = BinaryCrossentropy(from_logits=faulty)
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "probabilities-as-logits",
    "sigmoid-for-exclusive-classes",
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source="UMLAUT: sigmoid squashes what the loss takes for logits",
)
def sigmoids_under_a_softmax_loss_from_logits(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), Dense(16, activation="relu")])
    model.add(Dense(3, activation="sigmoid" if faulty else None))
    loss = CategoricalCrossentropy(from_logits=True)
    return ready(model, Adam(0.01), loss, x, one_hot(y, 3), epochs=40)


@fault(
    "probabilities-as-logits",
    layer=(-1, -2),
    hurts=False,
    source="forum: softmax hidden behind a reshape",
)
def softmax_then_reshape_under_a_loss_from_logits(faulty):
    x, y = digits()
    model = Sequential(
        [
            Input((64,)),
            Dense(32, activation="relu"),
            Dense(10, activation="softmax" if faulty else None),
            Reshape((10,)),
        ]
    )
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return ready(model, "adam", loss, x, y, epochs=30)


# The wrong activation, the wrong number of units --------------------------------------


@fault("head-does-not-fit-loss", "logits-as-probabilities", layer=-1, source=HEAD_TABLE)
def relu_on_the_classes(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, activation="relu")])
    model.add(Dense(10, activation="relu" if faulty else "softmax"))
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "head-does-not-fit-loss",
    "logits-as-probabilities",
    "output-cannot-reach-targets",
    layer=-1,
    hurts=False,
    source="StackOverflow: tanh output for yes and no",
)
def tanh_on_a_yes_or_no(faulty):
    x, y = circles()
    model = Sequential([Input((2,)), Dense(16, activation="relu")])
    model.add(Dense(1, activation="tanh" if faulty else "sigmoid"))
    loss = "binary_crossentropy"
    return ready(model, Adam(0.01), loss, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source="StackOverflow 42081257: binary against categorical crossentropy",
)
def softmax_under_binary_crossentropy(faulty):
    x, y = table("wine")
    model = Sequential(
        [Input((13,)), Dense(16, activation="relu"), Dense(3, activation="softmax")]
    )
    loss = f"{'binary' if faulty else 'categorical'}_crossentropy"
    return ready(model, Adam(0.01), loss, x, one_hot(y, 3), epochs=40)


@fault(
    "softmax-on-one-unit",
    layer=-1,
    refused="always 1",
    source="UMLAUT, NeuraLint; lecture 000",
)
def softmax_of_one_unit(faulty):
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), Dense(16, activation="relu")])
    model.add(Dense(1, activation="softmax" if faulty else "sigmoid"))
    loss = "binary_crossentropy"
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "softmax-on-one-unit",
    layer=(-1, -2),
    refused="always 1",
    source="forum: CNN for cats and dogs, accuracy 50 %",
)
def conv_net_with_a_softmax_layer_on_one_unit(faulty):
    x, y = images(classes=2)
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(1),
            Activation("softmax" if faulty else "sigmoid"),
        ]
    )
    loss = "binary_crossentropy"
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=60)


@fault(
    "softmax-on-one-unit",
    "output-cannot-reach-targets",
    "head-does-not-fit-loss",
    layer=-1,
    refused="always 1",
    source="forum: softmax kept from another script, for a price",
)
def softmax_of_one_unit_for_a_number(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(1, activation="softmax" if faulty else None))
    return ready(model, Adam(0.01), "mse", x, y, epochs=60)


@fault(
    "units-do-not-fit-classes",
    layer=-1,
    hurts=False,
    source="NeuraLint: units against classes",
)
def a_hundred_units_for_three_classes(faulty):
    x, y = table("wine")
    model = Sequential([Input((13,)), Dense(16, activation="relu")])
    model.add(Dense(100 if faulty else 3, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, metrics=["accuracy"], epochs=40)


@fault(
    "units-do-not-fit-classes",
    "labels-out-of-range",
    layer=-1,
    refused="labels from 0 to 9",
    source="forum: label out of range",
)
def five_units_for_ten_digits(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, activation="relu")])
    model.add(Dense(5 if faulty else 10, activation="softmax"))
    return ready(model, "adam", SPARSE, x, y, epochs=30)


@fault(
    "units-do-not-fit-classes",
    "softmax-on-one-unit",
    layer=-1,
    refused="one unit",
    source="StackOverflow: three classes, Dense(1)",
)
def one_unit_for_three_classes(faulty):
    x, y = table("iris")
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(1 if faulty else 3, activation="softmax"))
    return ready(model, Adam(0.01), SPARSE, x, y, epochs=40)


# Numbers and classes ------------------------------------------------------------------


@fault(
    "regression-loss-on-classes",
    "metric-does-not-fit",
    layer=None,
    source="StackOverflow: accuracy stuck at 0.1 with mse",
)
def digits_as_a_quantity(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, activation="relu")])
    model.add(Dense(1) if faulty else Dense(10, activation="softmax"))
    loss = "mse" if faulty else SPARSE

    def right(program):
        p = program.model.predict(x, verbose=0)
        return np.mean((np.round(p[:, 0]) if faulty else p.argmax(1)) == y)

    return ready(model, "adam", loss, x, y, ["accuracy"], right, epochs=30)


@fault(
    "regression-loss-on-classes",
    "head-does-not-fit-loss",
    layer=None,
    hurts=False,
    source="lecture 003: cross-entropy for classes",
)
def softmax_and_mean_squares(faulty):
    x, y = digits()
    model = Sequential(
        [Input((64,)), Dense(32, activation="relu"), Dense(10, activation="softmax")]
    )
    loss = "mse" if faulty else "categorical_crossentropy"
    y = one_hot(y, 10)
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "regression-loss-on-classes",
    "head-does-not-fit-loss",
    layer=None,
    hurts=False,
    source="forum: yes and no by a linear unit and mae",
)
def yes_and_no_by_mean_absolute_error(faulty):
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), Dense(16, activation="relu")])
    model.add(Dense(1) if faulty else Dense(1, activation="sigmoid"))
    loss = "mae" if faulty else "binary_crossentropy"
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=30)


def _near(program):
    """R² of the most probable number, or of the number itself."""
    p = program.model.predict(program.x, verbose=0)
    p = p.argmax(1)[:, None] if p.shape[1] > 1 else p
    return 1 - np.mean((p - program.y) ** 2) / np.var(program.y)


@fault(
    "classification-loss-on-numbers",
    layer=None,
    hurts=False,
    learns=0.35,
    source="StackOverflow: regression with softmax over the values",
)
def each_value_of_a_measure_as_a_class(faulty):
    x, y = table("diabetes", raw=True)
    x, y = standard(x), np.round(y) if faulty else standard(y)
    model = Sequential([Input((10,)), Dense(16, activation="relu")])
    if not faulty:
        model.add(Dense(1))
        return ready(model, Adam(0.003), "mse", x, y, score=_near, epochs=60)
    model.add(Dense(347, activation="softmax"))
    y = y.astype(int)
    return ready(model, Adam(0.003), SPARSE, x, y, score=_near, epochs=60)


@fault(
    "classification-loss-on-numbers",
    "output-cannot-reach-targets",
    "head-does-not-fit-loss",
    layer=None,
    refused="numbers from 0 to 1",
    source=HEAD_TABLE,
)
def prices_under_binary_crossentropy(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(1, activation="sigmoid" if faulty else None))
    loss = "binary_crossentropy" if faulty else "mse"
    return ready(model, Adam(0.01), loss, x, y, epochs=60)


@fault(
    "classification-loss-on-numbers",
    "softmax-on-one-unit",
    "head-does-not-fit-loss",
    "logits-as-probabilities",
    layer=None,
    refused="one unit|one-hot",
    learns=0.7,
    source="StackOverflow: forecast with categorical_crossentropy",
)
def a_forecast_under_categorical_crossentropy(faulty):
    x, y = waves()
    model = Sequential([Input((24, 1)), LSTM(12), Dense(1)])
    loss = "categorical_crossentropy" if faulty else "mse"
    return ready(model, Adam(0.01), loss, x, y, epochs=20)


@fault(
    "output-cannot-reach-targets",
    layer=-1,
    source="lecture 001, 'Choosing activation function': a price is no share",
)
def sigmoid_for_prices(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(1, activation="sigmoid" if faulty else "linear"))
    return ready(model, Adam(0.01), "mse", x, y, epochs=60)


@fault(
    "output-cannot-reach-targets",
    layer=-1,
    source="lecture 001: changes of stock prices are + and -",
)
def relu_for_changes_of_both_signs(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 5)).astype("float32")
    y = x @ [[1.0], [-2.0], [0.5], [0.0], [1.5]] + 0.1 * rng.normal(size=(500, 1))
    model = Sequential([Input((5,)), Dense(25, "relu"), Dense(15, "relu")])
    model.add(Dense(1, activation="relu" if faulty else "linear"))
    return ready(model, Adam(0.003), "mse", x, y.astype("float32"), epochs=40)


@fault(
    "output-cannot-reach-targets", layer=-1, source="forum: LSTM forecasts stay below 1"
)
def tanh_for_a_series_of_larger_values(faulty):
    x, y = waves()
    model = Sequential(
        [Input((24, 1)), LSTM(12), Dense(1, activation="tanh" if faulty else None)]
    )
    return ready(model, Adam(0.01), "mse", x, 4 * y + 3, epochs=60)


@fault(
    "sigmoid-for-exclusive-classes",
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source=HEAD_TABLE,
)
def sigmoids_for_digits_under_a_softmax_loss(faulty):
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, activation="relu")])
    model.add(Dense(10, activation="sigmoid" if faulty else "softmax"))
    return ready(model, "adam", SPARSE, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "sigmoid-for-exclusive-classes",
    "head-does-not-fit-loss",
    layer=-1,
    hurts=False,
    source=HEAD_TABLE,
)
def sigmoids_and_binary_crossentropy_for_one_hot_rows(faulty):
    x, y = table("iris")
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(3, activation="sigmoid" if faulty else "softmax"))
    loss = f"{'binary' if faulty else 'categorical'}_crossentropy"
    return ready(model, Adam(0.01), loss, x, one_hot(y, 3), epochs=60)


def _labels(seed=0):
    """Car, bus and pedestrian: rows with none, one or several of them."""
    x = np.random.default_rng(seed).normal(size=(500, 6)).astype("float32")
    w = np.random.default_rng(1).normal(size=(6, 3))
    return x, (x @ w > 0).astype("float32")


@fault("softmax-for-several-labels", layer=-1, source=HEAD_TABLE)
def softmax_for_several_labels(faulty):
    x, y = _labels()
    model = Sequential([Input((6,)), Dense(16, activation="relu")])
    model.add(Dense(3, activation="softmax" if faulty else "sigmoid"))
    return ready(model, Adam(0.01), "binary_crossentropy", x, y, epochs=40)


@fault(
    "softmax-for-several-labels",
    "head-does-not-fit-loss",
    layer=-1,
    source="StackOverflow: multi-label with categorical_crossentropy",
)
def softmax_and_its_loss_for_several_labels(faulty):
    x, y = _labels()
    model = Sequential([Input((6,)), Dense(16, activation="relu")])
    model.add(Dense(3, activation="softmax" if faulty else "sigmoid"))
    loss = f"{'categorical' if faulty else 'binary'}_crossentropy"
    return ready(model, Adam(0.01), loss, x, y, epochs=40)


# Shapes and metrics -------------------------------------------------------------------


@fault(
    "shapes-broadcast",
    "units-do-not-fit-classes",
    layer=-1,
    refused="shape",
    source="keras#14627",
)
def three_outputs_against_one_target(faulty):
    x, y = prices()
    model = Sequential([Input((4,)), Dense(16, activation="relu")])
    model.add(Dense(3 if faulty else 1))
    return ready(model, Adam(0.01), "mse", x, y, epochs=60)


@fault(
    "shapes-broadcast",
    "missing-flatten",
    layer=None,
    refused="shape",
    source="keras#16836: an LSTM that returns its sequences",
)
def every_step_against_one_target(faulty):
    x, y = signs()
    model = Sequential(
        [Input((12, 2)), LSTM(8, return_sequences=faulty), Dense(1, "sigmoid")]
    )
    return ready(model, Adam(0.02), "binary_crossentropy", x, y, epochs=60)


@fault(
    "metric-does-not-fit",
    layer=None,
    hurts=False,
    source="StackOverflow 45632549: accuracy 0 in a regression",
    learns=0.4,
)
def accuracy_of_a_regression(faulty):
    x, y = table("diabetes")
    model = Sequential([Input((10,)), Dense(16, activation="relu"), Dense(1)])
    metrics = ["accuracy" if faulty else "mae"]
    return ready(model, Adam(0.003), "mse", x, y, metrics, epochs=60)


@fault(
    "metric-does-not-fit",
    layer=None,
    hurts=False,
    learns=0.7,
    source="forum: accuracy of a forecast",
)
def accuracy_of_a_forecast(faulty):
    x, y = waves()
    model = Sequential([Input((24, 1)), GRU(12), Dense(1)])
    metrics = ["accuracy"] if faulty else ["mae"]
    return ready(model, Adam(0.01), "mae", x, y, metrics, epochs=30)


# Several outputs ----------------------------------------------------------------------


def _second(program):
    """The accuracy of the second output."""
    p = program.model.predict(program.x, verbose=0)[1]
    return np.mean(p.argmax(1) == program.y["zone"])


@fault(
    "logits-as-probabilities",
    "head-does-not-fit-loss",
    layer="zone",
    source="lecture 004, 2.3.2: several outputs",
)
def one_of_two_heads_without_its_softmax(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).astype("float32")
    zone = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)
    cost = (x[:, :1] + 0.5 * x[:, 2:3] ** 2).astype("float32")
    parcel = Input((4,))
    hidden = Dense(32, activation="relu")(parcel)
    heads = [
        Dense(1, name="cost")(hidden),
        Dense(3, activation=None if faulty else "softmax", name="zone")(hidden),
    ]
    model, losses = Model(parcel, heads), {"cost": "mse", "zone": SPARSE}
    y = {"cost": cost, "zone": zone}
    return ready(model, Adam(0.01), losses, x, y, score=_second, epochs=40)


@fault(
    "output-cannot-reach-targets",
    layer="cost",
    source="lecture 001: the head follows the targets",
)
def one_of_two_heads_that_cannot_reach_its_targets(faulty):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4)).astype("float32")
    zone = (x[:, 0] > 0).astype("float32")[:, None]
    cost = (2 * x[:, :1] + x[:, 2:3]).astype("float32")
    parcel = Input((4,))
    hidden = Dense(32, activation="relu")(parcel)
    heads = [
        Dense(1, activation="sigmoid" if faulty else None, name="cost")(hidden),
        Dense(1, activation="sigmoid", name="zone")(hidden),
    ]
    model = Model(parcel, heads)

    def fit_of_costs(program):
        p = program.model.predict(x, verbose=0)[0]
        return 1 - np.mean((p - cost) ** 2) / np.var(cost)

    return ready(
        model,
        Adam(0.01),
        ["mse", "binary_crossentropy"],
        x,
        [cost, zone],
        score=fit_of_costs,
        epochs=40,
    )


@fault(
    "sigmoid-for-exclusive-classes",
    "head-does-not-fit-loss",
    layer=(-1, -2),
    hurts=False,
    source="forum: text into topics",
)
def topics_by_sigmoids_in_a_layer_of_their_own(faulty):
    x, _ = reviews()
    y = np.stack([(x // 67 == k).sum(1) for k in range(3)], 1).argmax(1)
    words = Input((12,))
    hidden = GlobalAveragePooling1D()(Embedding(200, 16)(words))
    scores = Dense(3)(hidden)
    model = Model(words, Activation("sigmoid" if faulty else "softmax")(scores))
    return ready(model, Adam(0.02), SPARSE, x, y, metrics=["accuracy"], epochs=40)
