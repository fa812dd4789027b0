"""The same numbers as before? `python benchmarks/same_numbers.py OLD_SRC NEW_SRC`.

Runs thirty short fits with two checkouts of onefit (the folders that hold the package
`onefit`), each in a fresh process without a compile cache, and compares every history,
weight and prediction, bit for bit. The fits use the public names alone, so that they
run on any version. It ends with 1 where anything differs.

    python benchmarks/same_numbers.py OLD_SRC NEW_SRC    # two checkouts
    python benchmarks/same_numbers.py --record old.npz OLD_SRC    # keep the numbers
    python benchmarks/same_numbers.py --against old.npz NEW_SRC   # hold against them
    python benchmarks/same_numbers.py OLD_SRC NEW_SRC --only gru,population

Bits are those of one machine: numbers that were recorded on another one may differ in
the last digits.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Numbers = dict[str, np.ndarray]
FITS: dict[str, Callable[[], Numbers]] = {}


def of_fits(make: Callable[[], Numbers]) -> Callable[[], Numbers]:
    """Takes a function into the thirty; its name is the fit's."""
    FITS[make.__name__] = make
    return make


# Data -------------------------------------------------------------------------------


def table(rows: int = 50, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table and a smooth target."""
    x = np.random.default_rng(1).normal(size=(rows, columns)).astype("float32")
    return x, np.sin(x[:, 0]) + 0.5 * x[:, 1]


def classes(rows: int = 50, count: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a table and the class of each."""
    x, y = table(rows)
    return x, np.digitize(y, np.quantile(y, np.arange(1, count) / count))


def images(rows: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Small pictures and the class of each."""
    rng = np.random.default_rng(2)
    x = rng.random((rows, 8, 8, 2)).astype("float32")
    return x, rng.integers(0, 3, rows)


def sequences(rows: int = 30, steps: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Series of three numbers a step, and a target."""
    x = np.random.default_rng(3).normal(size=(rows, steps, 3)).astype("float32")
    return x, x.sum((1, 2)) / 4


def words(rows: int = 40, steps: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Texts as numbers, zeros at their ends, and a yes or no."""
    rng = np.random.default_rng(4)
    x = rng.integers(1, 30, (rows, steps))
    x[np.arange(steps) >= rng.integers(3, steps + 1, rows)[:, None]] = 0
    return x, (x.sum(1) % 2).astype("float32")


# What a fit leaves -------------------------------------------------------------------


def left(model: Any, x: Any, history: Any = None, start: str = "") -> Numbers:
    """The history, the weights and the predictions, each by a name."""
    found: Numbers = {}
    if history is not None:
        for name, values in history.history.items():
            found[f"{start}history {name}"] = np.asarray(values)
    for i, weight in enumerate(model.get_weights()):
        found[f"{start}weight {i}"] = np.asarray(weight)
    answers = model.predict(x, verbose=0)
    if isinstance(answers, dict):
        answers = [answers[key] for key in sorted(answers)]
    for i, answer in enumerate(answers if isinstance(answers, list) else [answers]):
        found[f"{start}prediction {i}"] = np.asarray(answer)
    return found


def trained(model: Any, x: Any, y: Any, **settings: Any) -> Numbers:
    """Fits silently, and says what it left."""
    settings = {"epochs": 3, "batch_size": 16, "verbose": 0} | settings
    return left(model, x, model.fit(x, y, **settings))


def begun() -> Any:
    """The library, its random stream at the start."""
    import onefit

    onefit.utils.set_random_seed(7)
    return onefit


# The fits ---------------------------------------------------------------------------


@of_fits
def dense_sgd_last_smaller_batch() -> Numbers:
    """A table of 50 rows in batches of 16."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(8, "relu"), k.layers.Dense(1)])
    model.compile(
        k.optimizers.SGD(0.05, momentum=0.9, nesterov=True), "mse", metrics=["mae"]
    )
    return trained(model, x, y, epochs=5)


@of_fits
def dense_adam_three_classes() -> Numbers:
    """Softmax, sparse classes, validation_split and validation_freq."""
    k = begun()
    x, y = classes()
    model = k.Sequential([k.layers.Dense(8, "tanh"), k.layers.Dense(3, "softmax")])
    model.compile(
        "adam",
        "sparse_categorical_crossentropy",
        metrics=["accuracy", k.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    return trained(model, x, y, epochs=4, validation_split=0.3, validation_freq=2)


@of_fits
def conv_and_pooling_rmsprop() -> Numbers:
    """Convolutions plain, depthwise, separable and transposed, with pooling."""
    k = begun()
    x, y = images()
    model = k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.Conv2D(4, 3, padding="same", activation="relu"),
            k.layers.MaxPooling2D(),
            k.layers.SeparableConv2D(4, 3, padding="same"),
            k.layers.DepthwiseConv2D(2, activation="tanh"),
            k.layers.Conv2DTranspose(3, 2, strides=2),
            k.layers.AveragePooling2D(2),
            k.layers.Flatten(),
            k.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained(model, x, y, batch_size=8)


@of_fits
def batch_norm_and_dropout_nadam() -> Numbers:
    """What training and use do differently, and random draws while training."""
    k = begun()
    x, y = images()
    model = k.Sequential(
        [
            k.Input((8, 8, 2)),
            k.layers.GaussianNoise(0.1),
            k.layers.Conv2D(4, 3),
            k.layers.BatchNormalization(momentum=0.8),
            k.layers.Activation("relu"),
            k.layers.SpatialDropout2D(0.2),
            k.layers.GlobalAveragePooling2D(),
            k.layers.LayerNormalization(),
            k.layers.Dropout(0.3, seed=3),
            k.layers.Dense(3),
        ]
    )
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("nadam", loss, metrics=["accuracy"])
    return trained(model, x, y, batch_size=10, validation_data=(x[:6], y[:6]))


@of_fits
def embedding_lstm_masked() -> Numbers:
    """Texts of different lengths; zeros are no words."""
    k = begun()
    x, y = words()
    model = k.Sequential(
        [
            k.layers.Embedding(30, 5, mask_zero=True),
            k.layers.LSTM(6, return_sequences=True, dropout=0.1),
            k.layers.LSTM(4, recurrent_dropout=0.1),
            k.layers.Dense(1, "sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", k.metrics.AUC()])
    return trained(model, x, y)


@of_fits
def gru_bidirectional_masking_adamax() -> Numbers:
    """A Masking layer before a GRU in both directions."""
    k = begun()
    x, y = sequences()
    x[:10, 4:] = -1.0
    model = k.Sequential(
        [
            k.Input((7, 3)),
            k.layers.Masking(-1.0),
            k.layers.Bidirectional(k.layers.GRU(4)),
            k.layers.Dense(1),
        ]
    )
    model.compile(k.optimizers.Adamax(0.01), "mae", metrics=["mse"])
    return trained(model, x, y)


@of_fits
def simple_rnn_each_step() -> Numbers:
    """An answer at every step, and TimeDistributed."""
    k = begun()
    x, _ = sequences()
    y = np.cumsum(x[:, :, :1], axis=1)
    model = k.Sequential(
        [
            k.Input((7, 3)),
            k.layers.SimpleRNN(5, return_sequences=True),
            k.layers.TimeDistributed(k.layers.Dense(1)),
        ]
    )
    model.compile("adagrad", "huber")
    return trained(model, x, y)


@of_fits
def stateful_rnn() -> Numbers:
    """What a batch leaves is where the next one starts."""
    k = begun()
    x, y = sequences(24)
    model = k.Sequential(
        [
            k.Input(batch_shape=(8, 7, 3)),
            k.layers.GRU(4, stateful=True),
            k.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    settings = {"epochs": 3, "batch_size": 8, "verbose": 0, "shuffle": False}
    history = model.fit(x, y, **settings)
    found = {f"history {n}": np.asarray(v) for n, v in history.history.items()}
    found["states"] = np.asarray(model.predict(x, batch_size=8, verbose=0))
    model.layers[0].reset_states()
    found["anew"] = np.asarray(model.predict(x, batch_size=8, verbose=0))
    return found | {f"weight {i}": w for i, w in enumerate(model.get_weights())}


@of_fits
def attention_graph() -> Numbers:
    """Two heads that look at a series, and one that looks at a mask as well."""
    k = begun()
    x, y = words()
    text = k.Input((9,))
    vectors = k.layers.Embedding(30, 8, mask_zero=True)(text)
    heads = k.layers.MultiHeadAttention(2, 4)(vectors, vectors)
    mixed = k.layers.Add()([vectors, heads])
    mixed = k.layers.Attention(use_scale=True)([mixed, mixed])
    pooled = k.layers.GlobalAveragePooling1D()(mixed)
    model = k.Model(text, k.layers.Dense(1, "sigmoid")(pooled))
    model.compile(k.optimizers.AdamW(0.005), "binary_crossentropy")
    return trained(model, x, y)


@of_fits
def two_inputs_two_outputs() -> Numbers:
    """A graph with dicts, weights for its losses, and metrics by output."""
    k = begun()
    x, y = table()
    _, c = classes()
    numbers, word = k.Input((6,), name="numbers"), k.Input((4,), name="word")
    shared = k.layers.Dense(6, "elu", name="shared")
    rest = k.layers.Embedding(9, 6)(word)
    rest = shared(k.layers.Flatten()(rest)[:, :6])
    both = k.layers.Concatenate()([shared(numbers), rest])
    price = k.layers.Dense(1, name="price")(both)
    kind = k.layers.Dense(3, "softmax", name="kind")(both)
    model = k.Model({"numbers": numbers, "word": word}, {"price": price, "kind": kind})
    model.compile(
        "adam",
        {"price": "log_cosh", "kind": "sparse_categorical_crossentropy"},
        loss_weights={"price": 1.0, "kind": 0.4},
        metrics={"price": ["mae"], "kind": ["accuracy"]},
    )
    rng = np.random.default_rng(5)
    inputs = {"numbers": x, "word": rng.integers(0, 9, (len(x), 4))}
    weight = {"price": rng.random(len(x)), "kind": np.ones(len(x))}
    return trained(model, inputs, {"price": y, "kind": c}, sample_weight=weight)


@of_fits
def frozen_layers() -> Numbers:
    """A frozen layer and a frozen batch norm, thawed after a first fit."""
    k = begun()
    x, y = table()
    first, norm = k.layers.Dense(6, "relu"), k.layers.BatchNormalization()
    model = k.Sequential([k.Input((6,)), first, norm, k.layers.Dense(1)])
    first.trainable = norm.trainable = False
    model.compile("adam", "mse")
    found = trained(model, x, y)
    first.trainable = norm.trainable = True
    model.compile("adam", "mse")
    again = trained(model, x, y)
    return found | {f"thawed {name}": value for name, value in again.items()}


@of_fits
def regularizers_and_constraints() -> Numbers:
    """What is added to the loss, and what weights are held to."""
    k = begun()
    x, y = table()
    layers = [
        k.Input((6,)),
        k.layers.Dense(8, "relu", kernel_regularizer="l2", bias_regularizer="l1"),
        k.layers.Dense(
            8,
            "selu",
            kernel_regularizer=k.regularizers.L1L2(0.01, 0.02),
            kernel_constraint=k.constraints.MaxNorm(1.0),
            activity_regularizer=k.regularizers.L2(0.001),
        ),
        k.layers.Dense(4, kernel_constraint="unit_norm", bias_constraint="non_neg"),
        k.layers.Dense(1, kernel_regularizer="orthogonal_regularizer"),
    ]
    model = k.Sequential(layers)
    model.compile("ftrl", "mean_squared_error")
    return trained(model, x, y)


def with_loss(
    names: list[str], x: Any, y: Any, last: str | None, units: int
) -> Numbers:
    """The same small fit with each of these losses."""
    found: Numbers = {}
    for name in names:
        k = begun()
        hidden = k.layers.Dense(4, "tanh")
        model = k.Sequential([k.Input((6,)), hidden, k.layers.Dense(units, last)])
        model.compile(k.optimizers.SGD(0.01), name)
        history = model.fit(x, y, epochs=2, batch_size=25, verbose=0)
        found |= left(model, x, history, f"{name} ")
    return found


@of_fits
def losses_of_numbers() -> Numbers:
    """Losses that compare numbers."""
    x, y = table()
    names = ["mape", "msle", "poisson", "cosine_similarity", "log_cosh", "huber"]
    return with_loss(names, x, np.stack([y**2 + 0.1, abs(y) + 0.2], 1), "softplus", 2)


@of_fits
def losses_of_two_classes() -> Numbers:
    """Losses of yes and no."""
    x, y = classes(count=2)
    names = ["binary_crossentropy", "binary_focal_crossentropy", "dice", "tversky"]
    return with_loss(names, x, y, "sigmoid", 1)


@of_fits
def losses_of_margins() -> Numbers:
    """Hinges."""
    x, y = classes(count=2)
    return with_loss(["hinge", "squared_hinge"], x, 2 * y - 1, "tanh", 1)


@of_fits
def losses_of_many_classes() -> Numbers:
    """Losses of one-hot rows."""
    x, y = classes()
    names = [
        "categorical_crossentropy",
        "categorical_focal_crossentropy",
        "categorical_hinge",
        "kl_divergence",
    ]
    return with_loss(names, x, np.eye(3, dtype="float32")[y], "softmax", 3)


@of_fits
def every_optimizer() -> Numbers:
    """A few steps of each."""
    found: Numbers = {}
    x, y = table()
    names = ["SGD", "Adam", "AdamW", "Adamax", "Nadam", "RMSprop", "Adagrad"]
    names += ["Adadelta", "Ftrl", "Lion", "Lamb", "Adafactor", "Muon"]
    for name in names:
        k = begun()
        hidden = k.layers.Dense(4, "gelu")
        model = k.Sequential([k.Input((6,)), hidden, k.layers.Dense(1)])
        model.compile(getattr(k.optimizers, name)(0.02), "mse")
        history = model.fit(x, y, epochs=2, batch_size=20, verbose=0)
        found |= left(model, x, history, f"{name} ")
    return found


@of_fits
def schedule_and_weight_decay() -> Numbers:
    """A rate that falls with the steps."""
    k = begun()
    x, y = table()
    rate = k.optimizers.schedules.CosineDecay(
        0.05, 12, warmup_steps=3, warmup_target=0.1
    )
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "relu"), k.layers.Dense(1)])
    model.compile(k.optimizers.SGD(rate, weight_decay=0.01), "mse")
    return trained(model, x, y, epochs=4)


@of_fits
def ema_clipnorm_accumulation() -> Numbers:
    """What all optimizers share."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "relu"), k.layers.Dense(1)])
    optimizer = k.optimizers.Adam(
        0.02,
        clipnorm=0.5,
        use_ema=True,
        ema_momentum=0.8,
        gradient_accumulation_steps=3,
    )
    model.compile(optimizer, "mse", metrics=[k.metrics.RootMeanSquaredError()])
    return trained(model, x, y, epochs=4)


@of_fits
def ema_overwritten_clipvalue() -> Numbers:
    """A moving average that replaces the weights on the way."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "relu"), k.layers.Dense(1)])
    optimizer = k.optimizers.RMSprop(
        0.02, clipvalue=0.1, use_ema=True, ema_overwrite_frequency=4
    )
    model.compile(optimizer, "mse")
    return trained(model, x, y, epochs=4)


@of_fits
def class_and_sample_weights() -> Numbers:
    """Rows that count more than others."""
    k = begun()
    x, y = classes()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(3, "softmax")])
    model.compile(
        k.optimizers.Adam(0.03, global_clipnorm=1.0),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    weight = np.random.default_rng(6).random(len(x))
    return trained(
        model, x, y, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, sample_weight=weight
    )


@of_fits
def early_stopping_and_plateau() -> Numbers:
    """Rules that end the fit, give the best weights back, and lower the rate."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(16, "relu"), k.layers.Dense(1)])
    model.compile(k.optimizers.Adam(0.1), "mse")
    rules = [
        k.callbacks.EarlyStopping(patience=4, restore_best_weights=True),
        k.callbacks.ReduceLROnPlateau(factor=0.3, patience=1),
    ]
    return trained(model, x, y, epochs=60, validation_split=0.4, callbacks=rules)


@of_fits
def python_callbacks_with_early_stopping() -> Numbers:
    """A callback in Python sees every epoch, beside a rule."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(16, "relu"), k.layers.Dense(1)])
    model.compile(k.optimizers.Adam(0.1), "mse")
    seen: list[float] = []
    callbacks = [
        k.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.97),
        k.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: seen.append(float(logs["loss"]))
        ),
        k.callbacks.EarlyStopping(patience=3, restore_best_weights=True),
    ]
    found = trained(model, x, y, epochs=30, validation_split=0.4, callbacks=callbacks)
    return found | {"seen": np.asarray(seen)}


@of_fits
def steps_per_epoch_goes_on() -> Numbers:
    """An endless stream of full batches, and a fit that goes on at epoch 3."""
    k = begun()
    x, y = table()
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, "swish"), k.layers.Dense(1)])
    model.compile("adam", "mse")
    found = trained(model, x, y, steps_per_epoch=5, batch_size=8, epochs=3)
    again = trained(model, x, y, epochs=5, initial_epoch=3, shuffle=False)
    return found | {f"went on {name}": value for name, value in again.items()}


@of_fits
def float64_by_precision() -> Numbers:
    """Twice the digits inside a block."""
    k = begun()
    x, y = table()
    with k.config.precision("float64"):
        hidden = k.layers.Dense(5, "softplus")
        model = k.Sequential([k.Input((6,)), hidden, k.layers.Dense(1)])
        model.compile("adam", "mse", metrics=[k.metrics.R2Score()])
        return trained(model, x.astype("float64"), y[:, None].astype("float64"))


@of_fits
def normalization_and_images() -> Numbers:
    """Layers that learn from rows before the fit, and that change pictures in it."""
    k = begun()
    x, y = images()
    norm = k.layers.Normalization()
    norm.adapt(x)
    model = k.Sequential(
        [
            k.Input((8, 8, 2)),
            norm,
            k.layers.RandomFlip(seed=1),
            k.layers.RandomTranslation(0.1, 0.1, seed=2),
            k.layers.ZeroPadding2D(1),
            k.layers.Conv2D(3, 3, strides=2, activation="leaky_relu"),
            k.layers.UpSampling2D(2),
            k.layers.GlobalMaxPooling2D(),
            k.layers.Dense(3, "softmax"),
        ]
    )
    model.compile("lion", "sparse_categorical_crossentropy")
    return trained(model, x, y, batch_size=8)


@of_fits
def nested_models_and_series() -> Numbers:
    """A model as a layer of another, convolution and pooling along time."""
    k = begun()
    x, y = sequences()
    inner = k.Sequential(
        [
            k.Input((7, 3)),
            k.layers.Conv1D(4, 3, padding="causal", activation="relu"),
            k.layers.MaxPooling1D(2),
            k.layers.Permute((2, 1)),
            k.layers.GlobalAveragePooling1D(),
        ],
        name="inner",
    )
    series = k.Input((7, 3))
    both = k.layers.Multiply()([inner(series), inner(series * 0.5)])
    answer = k.layers.Dense(1)(k.layers.Reshape((3,))(both))
    model = k.Model(series, answer)
    model.compile("adadelta", "mse")
    return trained(model, x, y)


@of_fits
def population_of_seeds_and_rates() -> Numbers:
    """Many networks in one program."""
    k = begun()
    x, y = table()
    dropout = k.layers.Dropout(0.1)
    hidden = k.layers.Dense(5, "relu")
    model = k.Sequential([k.Input((6,)), hidden, dropout, k.layers.Dense(1)])
    model.compile("adam", "mse")
    many = k.population.fit(
        model,
        x,
        y,
        seeds=2,
        vary={"learning_rate": [0.01, 0.03], "dropout.rate": [0.1, 0.4]},
        epochs=6,
        batch_size=16,
        validation_split=0.3,
        callbacks=[k.callbacks.EarlyStopping(patience=2, restore_best_weights=True)],
        verbose=0,
    )
    found = {f"history {name}": v for name, v in many.history.items()}
    found["predictions"] = np.asarray(many.predict(x))
    for i, member in enumerate(many.members()):
        found |= {
            f"member {i} weight {j}": w for j, w in enumerate(member.get_weights())
        }
    return found


@of_fits
def population_of_folds() -> Numbers:
    """Every member is held out from other rows."""
    k = begun()
    x, y = classes(count=2)
    model = k.Sequential([k.Input((6,)), k.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    many = k.population.cross_validate(
        model, x, y, 3, epochs=4, batch_size=16, verbose=0
    )
    found = {f"history {name}": v for name, v in many.history.items()}
    for i, member in enumerate(many.members()):
        found |= {
            f"member {i} weight {j}": w for j, w in enumerate(member.get_weights())
        }
    return found


@of_fits
def batches_by_hand() -> Numbers:
    """train_on_batch, test_on_batch, evaluate, predict_on_batch, and a call."""
    k = begun()
    x, y = classes()
    hidden = k.layers.Dense(5, "relu")
    model = k.Sequential([k.Input((6,)), hidden, k.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    steps = [model.train_on_batch(x[i : i + 16], y[i : i + 16]) for i in (0, 16, 32)]
    found = left(model, x)
    found["train_on_batch"] = np.asarray(steps)
    found["test_on_batch"] = np.asarray(model.test_on_batch(x[:9], y[:9]))
    found["evaluate"] = np.asarray(model.evaluate(x, y, batch_size=16, verbose=0))
    found["predict_on_batch"] = np.asarray(model.predict_on_batch(x[:9]))
    found["call"] = np.asarray(model(x[:9], training=True))
    return found


# Side by side -----------------------------------------------------------------------


def run_here(out: Path, names: list[str]) -> None:
    """Runs the fits with the onefit of this process, and keeps their numbers."""
    import onefit

    print(f"  {Path(onefit.__file__).parent}", flush=True)
    warnings.simplefilter("ignore")  # the guide's: some of these networks are odd
    found: Numbers = {}
    for name in names:
        try:
            numbers = FITS[name]()
        except Exception as error:  # the others are compared nevertheless
            traceback.print_exc()
            numbers = {f"{type(error).__name__}: {error}": np.zeros(0)}
        found |= {f"{name}: {what}": np.asarray(v) for what, v in numbers.items()}
    np.savez_compressed(out, **found)  # type: ignore[arg-type]


def run(source: Path, out: Path, names: list[str]) -> Numbers:
    """Runs the fits in a fresh process with the onefit of this folder."""
    if not (source / "onefit" / "__init__.py").is_file():
        sys.exit(f"{source} holds no package onefit; give the folder src.")
    with tempfile.TemporaryDirectory() as empty:
        told = {"PYTHONPATH": str(source.resolve()), "ONEFIT_CACHE": "off"}
        call = [sys.executable, str(Path(__file__).resolve())]
        call += ["--here", str(out.resolve()), "--only", ",".join(names)]
        done = subprocess.run(call, env=os.environ | told, cwd=empty, check=False)
    if done.returncode:
        sys.exit(f"The fits stopped with {source}: see above.")
    return read(out)


def read(file: Path) -> Numbers:
    """Recorded numbers."""
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files}


def difference(old: np.ndarray, new: np.ndarray) -> str:
    """Nothing where they are equal bit for bit, or how far they are apart."""
    if old.shape != new.shape or old.dtype != new.dtype:
        return f"{old.dtype} {old.shape} before, {new.dtype} {new.shape} now"
    if old.tobytes() == new.tobytes():
        return ""
    apart = float(np.abs(old.astype("float64") - new.astype("float64")).max())
    return f"{apart:.3g} apart at most"


def compared(old: Numbers, new: Numbers, names: list[str]) -> int:
    """Says for each fit what came of it; gives how many differ."""
    wrong = 0
    for name in names:
        mine = sorted(key for key in old | new if key.startswith(f"{name}: "))
        said = [
            f"{key.split(': ', 1)[1]}: only {'before' if key in old else 'now'}"
            for key in mine
            if (key in old) != (key in new)
        ]
        for key in (key for key in mine if key in old and key in new):
            apart = difference(old[key], new[key])
            said += [f"{key.split(': ', 1)[1]}: {apart}"] if apart else []
        if not mine:
            said = ["not recorded"]
        wrong += bool(said)
        print(f"{'DIFFERS' if said else 'equal  '} {name} ({len(mine)} arrays)")
        for line in said[:4]:
            print(f"          {line}")
        if len(said) > 4:
            print(f"          and {len(said) - 4} more")
    print(f"{len(names) - wrong} of {len(names)} equal, bit for bit")
    return wrong


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sources", nargs="*", type=Path, help="OLD_SRC NEW_SRC, or one")
    parser.add_argument("--record", type=Path, help="keep one checkout's numbers here")
    parser.add_argument("--against", type=Path, help="numbers that were recorded")
    parser.add_argument(
        "--only", default="", help="parts of names, with commas between"
    )
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    told = parser.parse_args()
    parts = told.only.split(",")
    names = [name for name in FITS if any(part in name for part in parts)]
    if told.here:
        run_here(told.here, names)
        return 0
    if len(told.sources) != (1 if told.record or told.against else 2):
        parser.error("give OLD_SRC NEW_SRC, or one of them with --record or --against")
    with tempfile.TemporaryDirectory() as folder:
        if told.record:
            run(told.sources[0], told.record, names)
            return 0
        new = run(told.sources[-1], Path(folder, "new.npz"), names)
        if told.against:
            old = read(told.against)
        else:
            old = run(told.sources[0], Path(folder, "old.npz"), names)
    return bool(compared(old, new, names))


if __name__ == "__main__":
    sys.exit(main())
