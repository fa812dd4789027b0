"""Programs about which there is nothing to say: the lectures' and other sound ones.

Many of them look like a fault to a rule that does not ask why it is one: a linear layer
that makes a code, softmax as a gate, zeros that start a head, a column that does give
the target, since the law is exact.
"""

import jax.numpy as jnp
import numpy as np
from sklearn.datasets import load_iris

from catalogue.base import (
    circles,
    clean,
    digits,
    images,
    one_hot,
    prices,
    ready,
    reviews,
    rooms,
    signs,
    split,
    standard,
    table,
    waves,
)
from onefit import Input, Model, Sequential, datasets
from onefit.callbacks import EarlyStopping, ReduceLROnPlateau
from onefit.layers import (
    GRU,
    LSTM,
    Activation,
    Add,
    AlphaDropout,
    BatchNormalization,
    Bidirectional,
    Concatenate,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Dense,
    Dot,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    LayerNormalization,
    LeakyReLU,
    MaxPooling2D,
    MultiHeadAttention,
    Multiply,
    Normalization,
    Rescaling,
    SeparableConv2D,
    SimpleRNN,
    TimeDistributed,
    UpSampling2D,
)
from onefit.losses import Huber, SparseCategoricalCrossentropy
from onefit.optimizers import SGD, Adam, AdamW, RMSprop
from onefit.optimizers.schedules import CosineDecay
from onefit.regularizers import L2

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


# The lectures' ------------------------------------------------------------------------


@clean(source="lecture 000, 'Train a Neural Network': 25-15-1, all sigmoid")
def zero_or_one_by_sigmoids():
    x, y = digits(classes=2)
    model = Sequential(
        [
            Dense(units=25, activation="sigmoid"),
            Dense(units=15, activation="sigmoid"),
            Dense(units=1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.003), BINARY, x, y, epochs=100)


@clean(source="lecture 001, TensorFlow implementation: 25-15-10")
def ten_digits_by_softmax():
    x, y = digits()
    model = Sequential(
        [
            Dense(units=25, activation="relu"),
            Dense(units=15, activation="relu"),
            Dense(units=10, activation="softmax"),
        ]
    )
    return ready(model, "adam", SPARSE, x, y, epochs=100)


@clean(source="lecture 001, 'more accurate'")
def ten_digits_by_logits():
    x, y = digits()
    model = Sequential(
        [
            Dense(25, activation="relu"),
            Dense(15, activation="relu"),
            Dense(10, activation="linear"),
        ]
    )
    loss = SparseCategoricalCrossentropy(from_logits=True)
    return ready(model, "adam", loss, x, y, metrics=["accuracy"], epochs=60)


@clean(source="lecture 001: regression, y >= 0, with a ReLU at the end", seed=1)
def prices_that_are_never_negative():
    x, y = prices()
    model = Sequential(
        [Input((4,)), Dense(25, "relu"), Dense(15, "relu"), Dense(1, "relu")]
    )
    return ready(model, Adam(0.003), "mse", x, y, epochs=60)


@clean(source="lecture 001: regression, y of both signs")
def changes_of_a_stock_price():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 6))
    y = (
        np.tanh(x[:, :1])
        - 0.5 * x[:, 1:2] * x[:, 2:3]
        + 0.1 * rng.normal(size=(500, 1))
    )
    model = Sequential([Input((6,)), Dense(25, "relu"), Dense(15, "relu"), Dense(1)])
    return ready(model, Adam(0.005), "mse", x, y, epochs=100)


@clean(source="lecture 002: XOR with a hidden layer, plain gradient descent", seed=3)
def xor_by_sigmoids():
    x, y = datasets.xor()
    model = Sequential()
    model.add(Dense(4, input_dim=2, activation="sigmoid"))
    model.add(Dense(1, activation="sigmoid"))
    return ready(
        model, SGD(1.0), BINARY, x, y, metrics=["accuracy"], batch_size=4, epochs=5000
    )


@clean(source="lecture 002: XOR in PyTorch, Adam(0.01), 1000 steps", seed=2)
def xor_by_adam():
    x, y = datasets.xor()
    model = Sequential([Input((2,)), Dense(8, "sigmoid"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.05), BINARY, x, y, batch_size=4, epochs=1000)


@clean(source="lecture 003, coffee roasting with its normalisation layer", seed=2)
def coffee_roasting():
    x, y = datasets.coffee(4000)
    scale = Normalization(axis=-1)
    scale.adapt(x)
    model = Sequential(
        [
            Input((2,)),
            scale,
            Dense(3, "sigmoid", name="layer1"),
            Dense(1, "sigmoid", name="layer2"),
        ]
    )
    return ready(model, Adam(0.02), BINARY, x, y, epochs=60)


@clean(source="lecture 004, 2.1: linear regression is one neuron")
def linear_regression_by_all_rows_at_once():
    size, price = datasets.houses(100)
    model = Sequential([Input((1,)), Dense(1, kernel_initializer="zeros")])
    return ready(model, SGD(0.1), "mse", size, price, batch_size=100, epochs=300)


@clean(source="lecture 004, 2.1: logistic regression is one neuron")
def logistic_regression():
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), Dense(1, "sigmoid", kernel_initializer="zeros")])
    return ready(model, Adam(0.01), BINARY, x, y, metrics=["accuracy"], epochs=60)


@clean(source="lecture 004: 0 to 1 by a sigmoid and mse")
def shares_between_zero_and_one():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    y = 1 / (1 + np.exp(-(x @ [[1.0], [-1.5], [0.5]])))
    model = Sequential([Input((3,)), Dense(9, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.01), "mse", x, y, epochs=80)


@clean(source="lecture 004: several labels, sigmoid and binary_crossentropy")
def several_labels_at_once():
    x = np.random.default_rng(0).normal(size=(600, 6))
    y = (x @ np.random.default_rng(1).normal(size=(6, 3)) > 0).astype("float32")
    model = Sequential([Input((6,)), Dense(16, "relu"), Dense(3, "sigmoid")])
    return ready(model, Adam(0.01), BINARY, x, y, ["binary_accuracy"], epochs=40)


@clean(source="lecture 003, regularisation: a little L2, the best epoch kept")
def a_small_penalty_and_early_stopping():
    x, y = digits()
    r = {"kernel_regularizer": L2(1e-4)}
    train, test = split(x, y, 1400)
    model = Sequential([Input((64,)), Dense(32, "relu", **r), Dense(10, "softmax")])
    stop = EarlyStopping(patience=5, restore_best_weights=True)
    return ready(
        model,
        "adam",
        SPARSE,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        callbacks=[stop],
        epochs=150,
    )


# First programs of courses ------------------------------------------------------------


@clean(source="TensorFlow's first codelab: y = 2x - 1, six rows")
def hello_world():
    x = np.array([-1.0, 0.0, 1.0, 2.0, 3.0, 4.0])
    y = np.array([-3.0, -1.0, 1.0, 3.0, 5.0, 7.0])
    model = Sequential([Dense(units=1, input_shape=[1])])
    return ready(model, "sgd", "mean_squared_error", x, y, epochs=500)


@clean(source="Udacity's first program: Celsius to Fahrenheit, seven rows")
def celsius_to_fahrenheit():
    x = np.array([-40, -10, 0, 8, 15, 22, 38], dtype=float)
    y = np.array([-40, 14, 32, 46, 59, 72, 100], dtype=float)
    model = Sequential([Dense(units=1, input_shape=[1])])
    return ready(model, Adam(0.1), "mean_squared_error", x, y, epochs=1000)


@clean(source="sklearn's blobs: so far apart that all is right at once")
def two_clouds_far_apart():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    x = rng.normal(size=(400, 2)) * 0.5 + 2.5 * (2 * y[:, None] - 1)
    model = Sequential([Input((2,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.01),
        BINARY,
        x,
        y,
        metrics=["accuracy"],
        validation_split=0.25,
        epochs=30,
    )


@clean(source="iris in the order of its file, which fit shuffles")
def iris_sorted_but_shuffled():
    x, y = load_iris(return_X_y=True)
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, standard(x), y, ["accuracy"], epochs=60)


@clean(source="mnist_mlp: pixels 0..255 divided within the model, dropout")
def bright_pixels_rescaled_in_the_model():
    x, y = digits()
    model = Sequential(
        [
            Input((64,)),
            Rescaling(1 / 255),
            Dense(128, activation="relu"),
            Dropout(0.2),
            Dense(128, activation="relu"),
            Dropout(0.2),
            Dense(10, activation="softmax"),
        ]
    )
    x = np.round(255 * x).astype("uint8")
    return ready(
        model,
        RMSprop(),
        "categorical_crossentropy",
        x,
        one_hot(y, 10),
        ["accuracy"],
        validation_split=0.2,
        epochs=20,
    )


# Dense networks -----------------------------------------------------------------------


@clean(source="He 2015: ten ReLU layers with He's weights")
def ten_relu_layers():
    x, y = digits()
    hidden = [Dense(48, "relu", kernel_initializer="he_normal") for _ in range(10)]
    model = Sequential([Input((64,)), *hidden, Dense(10, "softmax")])
    return ready(model, Adam(0.0007), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="Klambauer 2017: SELU, LeCun's weights, alpha dropout")
def a_self_normalising_net():
    x, y = table("breast_cancer")
    w = {"activation": "selu", "kernel_initializer": "lecun_normal"}
    model = Sequential([Input((30,))])
    for _ in range(4):
        model.add(Dense(24, **w))
        model.add(AlphaDropout(0.05))
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.002), BINARY, x, y, ["accuracy"], epochs=40)


@clean(source="He 2016: dense residual blocks")
def a_residual_net():
    x, y = digits()
    pixels = Input((64,))
    a = Dense(48)(pixels)
    for _ in range(3):
        f = Dense(48, activation="relu")(a)
        a = Add()([a, Dense(48)(f)])
    a = Activation("relu")(a)
    model = Model(pixels, Dense(10, activation="softmax")(a))
    return ready(model, Adam(0.001), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="batch normalisation between the layer and its ReLU, no bias")
def batch_normalisation_without_bias():
    x, y = digits()
    model = Sequential([Input((64,))])
    for units in (64, 32):
        model.add(Dense(units, use_bias=False))
        model.add(BatchNormalization())
        model.add(Activation("relu"))
    model.add(Dense(10, activation="softmax"))
    return ready(model, "adam", SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="batch normalisation after the ReLU, where the bias has a meaning")
def batch_normalisation_after_relu():
    x, y = table("wine")
    model = Sequential(
        [Input((13,)), Dense(24, "relu"), BatchNormalization(), Dense(3, "softmax")]
    )
    return ready(model, Adam(0.005), SPARSE, x, y, ["accuracy"], epochs=40)


@clean(source="raw columns behind a batch normalisation of their own")
def raw_columns_normalised_first():
    x, y = table("breast_cancer", raw=True)
    model = Sequential(
        [Input((30,)), BatchNormalization(), Dense(16, "relu"), Dense(1, "sigmoid")]
    )
    return ready(model, Adam(0.003), BINARY, x, y, ["accuracy"], epochs=50)


@clean(source="Srivastava 2014: half of the hidden units dropped")
def half_dropped():
    x, y = digits()
    train, test = split(x, y, 1400)
    model = Sequential(
        [
            Input((64,)),
            Dropout(0.1),
            Dense(128, activation="relu"),
            Dropout(0.5),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(
        model,
        "adam",
        SPARSE,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        epochs=40,
    )


@clean(learns=0.8, source="Hinton 2006: an autoencoder whose code is linear and narrow")
def an_autoencoder():
    x, _ = digits()
    pixels = Input((64,))
    code = Dense(16, name="code")(Dense(64, activation="relu")(pixels))
    again = Dense(64, activation="sigmoid")(Dense(64, activation="relu")(code))
    return ready(Model(pixels, again), Adam(0.002), "mse", x, x, epochs=80)


@clean(source="Jacobs 1991: softmax as a gate between experts")
def a_mixture_of_experts():
    x, y = circles()
    x = x.astype("float32")
    points = Input((2,))
    gate = Dense(4, activation="softmax", name="gate")(points)
    experts = Dense(4, activation="tanh", name="experts")(points)
    mixed = Multiply()([gate, experts])
    model = Model(points, Dense(1, activation="sigmoid")(mixed))
    return ready(model, Adam(0.03), BINARY, x, y, ["accuracy"], epochs=150)


@clean(source="a head that starts at 0, so that the first loss is ln C")
def a_head_that_starts_at_zero():
    x, y = digits()
    model = Sequential([Input((64,)), Dense(32, "relu")])
    model.add(Dense(10, activation="softmax", kernel_initializer="zeros"))
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="Cheng 2016: wide and deep")
def wide_and_deep():
    x, y = prices()
    columns = Input((4,))
    deep = Dense(16, activation="relu")(Dense(16, activation="relu")(columns))
    model = Model(columns, Dense(1)(Concatenate()([columns, deep])))
    return ready(model, Adam(0.005), "mse", x, y, epochs=60)


@clean(source="sklearn: a linear support vector machine, labels -1 and 1")
def hinge_and_labels_of_minus_one():
    x, y = table("breast_cancer")
    model = Sequential([Input((30,)), Dense(1, kernel_regularizer=L2(1e-3))])
    return ready(model, Adam(0.01), "hinge", x, 2.0 * y - 1, epochs=60)


@clean(source="class weights for a rare class", learns=0.8)
def a_rare_class_with_weights():
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=2000) < 0.08).astype(int)
    x = rng.normal(size=(2000, 6)) + 1.5 * y[:, None] * [1, 1, 0, 0, 1, 0]
    model = Sequential([Input((6,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.005),
        BINARY,
        x,
        y,
        metrics=["AUC"],
        class_weight={0: 1.0, 1: 11.0},
        epochs=30,
    )


@clean(source="a Poisson regression with its exponential")
def counts_by_poisson():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    rate = np.exp(2 + x @ [0.5, -0.4, 0.3])
    y = rng.poisson(rate)

    def r2(program):
        p = program.model.predict(x, verbose=0)[:, 0]
        return 1 - np.mean((p - rate) ** 2) / np.var(rate)

    model = Sequential([Input((3,)), Dense(16, "tanh"), Dense(1, "exponential")])
    return ready(model, Adam(0.01), "poisson", x, y, score=r2, epochs=60)


@clean(source="a quantile by a loss of one's own", learns=0.8)
def the_ninth_decile():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (800, 1))
    y = np.sin(3 * x) + 0.2 * rng.normal(size=x.shape)

    def pinball(y_true, y_pred):
        error = y_true - y_pred
        return jnp.mean(jnp.maximum(0.9 * error, -0.1 * error), axis=-1)

    def covered(program):
        below = np.mean(y <= program.model.predict(x, verbose=0))
        return 1 - abs(below - 0.9) / 0.1

    model = Sequential([Input((1,)), Dense(32, "tanh"), Dense(1)])
    return ready(model, Adam(0.01), pinball, x, y, score=covered, epochs=80)


@clean(source="Huber's loss for a few wild prices", learns=0.75)
def a_few_outliers_under_huber():
    x, y = prices()
    y = y.copy()
    y[::100] += 15
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])

    def r2(program):
        p, good = program.model.predict(x, verbose=0), np.arange(len(x)) % 100 != 0
        return 1 - np.mean((p - y)[good] ** 2) / np.var(y[good])

    return ready(model, Adam(0.01), Huber(), x, y, score=r2, epochs=60)


@clean(source="targets from -1 to 1 by a tanh")
def an_angle_by_tanh():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 2))
    y = np.sin(x[:, :1] + 0.5 * x[:, 1:])
    model = Sequential([Input((2,)), Dense(24, "tanh"), Dense(1, "tanh")])
    return ready(model, Adam(0.01), "mse", x, y, epochs=100)


@clean(source="a cosine schedule, momentum, Nesterov")
def a_schedule_with_momentum():
    x, y = digits()
    rate = CosineDecay(0.05, decay_steps=30 * 57, alpha=0.01)
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    optimizer = SGD(rate, momentum=0.9, nesterov=True)
    return ready(model, optimizer, SPARSE, x, y, ["accuracy"], epochs=30)


@clean(
    learns=0.75, source="inputs with few values: the same rows on both sides by nature"
)
def answers_of_a_questionnaire():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (600, 4)).astype("float32")
    y = (x.sum(axis=1) + rng.normal(size=600) > 4).astype(int)
    model = Sequential([Input((4,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.01),
        BINARY,
        x - 1,
        y,
        ["accuracy"],
        validation_split=0.25,
        epochs=25,
    )


@clean(source="noise added to the inputs, leaky units, AdamW")
def noise_and_leaky_units():
    x, y = table("wine")
    model = Sequential(
        [Input((13,)), GaussianNoise(0.1), Dense(16), LeakyReLU(), Dense(3, "softmax")]
    )
    return ready(model, AdamW(0.01), SPARSE, x, y, ["accuracy"], epochs=50)


@clean(source="rows that weigh differently, and raw units behind a normalisation")
def weighted_rows_and_a_normalisation():
    x, y = rooms()
    scale = Normalization()
    scale.adapt(x)
    w = np.random.default_rng(0).uniform(0.5, 1.5, len(x))
    model = Sequential([Input((4,)), scale, Dense(24, "relu"), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y / 100_000, sample_weight=w, epochs=60)


# Several inputs and outputs -----------------------------------------------------------


@clean(source="lecture 004, 2.3.2: two outputs")
def two_outputs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 4))
    zone = (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)
    cost = x[:, :1] + 0.5 * x[:, 2:3]
    parcel = Input((4,))
    hidden = Dense(32, activation="relu")(parcel)
    heads = [
        Dense(1, name="cost")(hidden),
        Dense(3, activation="softmax", name="zone")(hidden),
    ]

    def right(program):
        return np.mean(program.model.predict(x, verbose=0)[1].argmax(1) == zone)

    return ready(
        Model(parcel, heads),
        Adam(0.01),
        {"cost": "mse", "zone": SPARSE},
        x,
        {"cost": cost, "zone": zone},
        {"cost": ["mae"], "zone": ["accuracy"]},
        right,
        loss_weights={"cost": 0.5, "zone": 1.0},
        epochs=40,
    )


@clean(source="factors of users and films, their product as the rating", learns=0.8)
def ratings_by_embeddings():
    rng = np.random.default_rng(0)
    users, films = rng.integers(0, 40, 3000), rng.integers(0, 30, 3000)
    u, f = rng.normal(size=(40, 2)), rng.normal(size=(30, 2))
    y = (u[users] * f[films]).sum(axis=1) + 0.1 * rng.normal(size=3000)
    user, film = Input((1,), name="user"), Input((1,), name="film")
    a = Flatten()(Embedding(40, 4)(user))
    b = Flatten()(Embedding(30, 4)(film))
    model = Model([user, film], Dot(axes=1)([a, b]))

    def r2(program):
        p = program.model.predict([users, films], verbose=0)[:, 0]
        return 1 - np.mean((p - y) ** 2) / np.var(y)

    return ready(model, Adam(0.01), "mse", [users, films], y, score=r2, epochs=30)


@clean(source="Bromley 1993: two inputs through one network", learns=0.85)
def the_same_digit_or_not():
    x, y = digits(classes=3)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(x), (2, 1500))
    same = (y[i] == y[j]).astype("float32")[:, None]
    reader = Sequential([Input((64,)), Dense(32, "relu"), Dense(8)], name="reader")
    left, right = Input((64,), name="left"), Input((64,), name="right")
    gap = (reader(left) - reader(right)) ** 2
    model = Model([left, right], Dense(1, activation="sigmoid")(gap))
    rows = [x[i], x[j]]

    def correct(program):
        return np.mean((program.model.predict(rows, verbose=0) > 0.5) == same)

    return ready(model, Adam(0.003), BINARY, rows, same, score=correct, epochs=30)


# Images -------------------------------------------------------------------------------


@clean(source="lecture 004: convolutions, pooling, dense layers")
def a_convolutional_net():
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Conv2D(16, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=25)


@clean(source="He 2016: a residual block of convolutions with batch normalisation")
def a_residual_conv_net():
    x, y = images()
    picture = Input((8, 8, 1))
    a = Conv2D(8, 3, padding="same", activation="relu")(picture)
    f = Conv2D(8, 3, padding="same", use_bias=False)(a)
    f = Activation("relu")(BatchNormalization()(f))
    f = BatchNormalization()(Conv2D(8, 3, padding="same", use_bias=False)(f))
    a = Activation("relu")(a + f)
    end = Dense(10, activation="softmax")(GlobalAveragePooling2D()(a))
    return ready(Model(picture, end), Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=30)


@clean(source="MobileNet: separable convolutions", learns=0.85)
def separable_convolutions():
    x, y = images()
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(12, 3, activation="relu"),
            SeparableConv2D(24, 3, activation="relu"),
            GlobalAveragePooling2D(),
            Dropout(0.2),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=40)


@clean(source="features learned on other digits, frozen, with a new head")
def transfer_learning():
    x, y = images(1797)
    old, new = y < 5, y >= 5
    base = Sequential(
        [Input((8, 8, 1)), Conv2D(12, 3, activation="relu"), Flatten()], name="base"
    )
    first = Sequential([Input((8, 8, 1)), base, Dense(5, activation="softmax")])
    first.compile(Adam(0.003), SPARSE)
    first.fit(x[old], y[old], epochs=10, verbose=0)
    base.trainable = False
    model = Sequential([Input((8, 8, 1)), base, Dense(5, activation="softmax")])
    return ready(
        model, Adam(0.003), SPARSE, x[new], y[new] - 5, ["accuracy"], epochs=20
    )


@clean(source="an autoencoder of pictures that takes noise away", learns=0.75)
def a_denoising_autoencoder():
    x, _ = images()
    noisy = x + 0.2 * np.random.default_rng(0).normal(size=x.shape).astype("float32")
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(16, 3, padding="same", activation="relu"),
            MaxPooling2D(),
            Conv2D(16, 3, padding="same", activation="relu"),
            UpSampling2D(),
            Conv2DTranspose(16, 3, padding="same", activation="relu"),
            Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )

    def r2(program):
        p = program.model.predict(noisy, verbose=0)
        return 1 - np.mean((p - x) ** 2) / np.var(x)

    return ready(model, Adam(0.003), "mse", noisy, x, score=r2, epochs=40)


@clean(source="Ronneberger 2015: each pixel is ink or paper")
def each_pixel_a_class():
    x, _ = images(600)
    y = (x > 0.5).astype("float32")
    x = x + 0.15 * np.random.default_rng(0).normal(size=x.shape).astype("float32")
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, padding="same", activation="relu"),
            Conv2D(8, 3, padding="same", activation="relu"),
            Conv2D(1, 1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.005), BINARY, x, y, ["accuracy"], epochs=20)


# Sequences ----------------------------------------------------------------------------


@clean(source="a text by an embedding and the mean of its words")
def the_mean_of_the_words():
    x, y = reviews(1000)
    model = Sequential([Input((12,)), Embedding(200, 16), GlobalAveragePooling1D()])
    model.add(Dense(16, activation="relu"))
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.005), BINARY, x, y, ["accuracy"], epochs=20)


@clean(source="lecture 004: embedding and LSTM, padding masked")
def a_text_by_an_lstm():
    x, y = reviews(1000)
    model = Sequential([Input((12,)), Embedding(200, 16, mask_zero=True), LSTM(16)])
    model.add(Dense(1, activation="sigmoid"))
    return ready(model, Adam(0.005), BINARY, x, y, ["accuracy"], epochs=15)


@clean(source="sequences both ways")
def a_bidirectional_gru():
    x, y = signs(800)
    model = Sequential([Input((12, 2)), Bidirectional(GRU(8)), Dense(1, "sigmoid")])
    return ready(model, Adam(0.01), BINARY, x, y, ["accuracy"], epochs=40)


@clean(source="two recurrent layers, the first gives its sequence")
def stacked_recurrent_layers():
    x, y = waves()
    model = Sequential(
        [Input((24, 1)), LSTM(12, return_sequences=True), LSTM(12), Dense(1)]
    )
    return ready(model, Adam(0.005), "mse", x, y, epochs=30)


@clean(source="lecture 004: the last days held out, in order of time")
def a_forecast_split_by_time():
    x, y = waves(700)
    train, test = split(x, y, 550)
    model = Sequential([Input((24, 1)), Conv1D(8, 5, activation="relu"), Flatten()])
    model.add(Dense(1))
    rules = [ReduceLROnPlateau(patience=5), EarlyStopping(patience=12)]
    return ready(
        model,
        Adam(0.005),
        "mse",
        *train,
        validation_data=test,
        callbacks=rules,
        epochs=60,
    )


@clean(source="Elman 1990: tanh and orthogonal weights")
def a_simple_recurrent_net():
    x, y = waves()
    model = Sequential([Input((24, 1)), SimpleRNN(16), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=40)


@clean(source="a tag for each step of a sequence")
def a_tag_for_each_step():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 10, 2)).astype("float32")
    y = (np.cumsum(x[:, :, 0], axis=1) > 0).astype(int) + (x[:, :, 1] > 1)
    model = Sequential([Input((10, 2)), GRU(16, return_sequences=True)])
    model.add(TimeDistributed(Dense(3, activation="softmax")))
    return ready(model, Adam(0.01), SPARSE, x, y, ["accuracy"], epochs=40)


@clean(source="Vaswani 2017: one encoder block")
def a_small_transformer():
    rng = np.random.default_rng(0)
    ids = rng.integers(1, 12, (1200, 8))
    y = ((ids == 3).sum(axis=1) > (ids == 5).sum(axis=1)).astype(int)
    places = np.tile(np.arange(8), (1200, 1))
    word, place = Input((8,), name="word"), Input((8,), name="place")
    a = Embedding(12, 16)(word) + Embedding(8, 16)(place)
    a = LayerNormalization()(a + MultiHeadAttention(2, 8)(a, a))
    f = Dense(16)(Dense(32, activation="relu")(a))
    a = GlobalAveragePooling1D()(LayerNormalization()(a + f))
    model = Model([word, place], Dense(1, activation="sigmoid")(a))

    def right(program):
        p = program.model.predict([ids, places], verbose=0)[:, 0] > 0.5
        return np.mean(p == y)

    return ready(
        model, Adam(0.003), BINARY, [ids, places], y, ["accuracy"], right, epochs=15
    )
