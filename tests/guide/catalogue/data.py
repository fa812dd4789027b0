"""Faults of the data: scales, leaks, gaps, labels, the rows held out."""

import numpy as np

from catalogue.base import (
    circles,
    digits,
    fault,
    images,
    prices,
    ready,
    rooms,
    split,
    standard,
    table,
    waves,
)
from onefit import Input, Model, Sequential, datasets
from onefit.layers import (
    GRU,
    LSTM,
    Conv1D,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
)
from onefit.optimizers import SGD, Adam

SPARSE, BINARY = "sparse_categorical_crossentropy", "binary_crossentropy"


# Scales -------------------------------------------------------------------------------


@fault("inputs-not-scaled", source="StackOverflow: wine, accuracy 0.4; UMLAUT")
def wine_as_it_comes(faulty):
    x, y = table("wine", raw=faulty)
    model = Sequential([Input((13,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(model, SGD(0.05), SPARSE, x, y, metrics=["accuracy"], epochs=60)


@fault("inputs-not-scaled", source="lecture 003, coffee roasting: normalise T and D")
def coffee_in_degrees_and_minutes(faulty):
    x, y = datasets.coffee(2000)
    x = x if faulty else standard(x)
    model = Sequential([Input((2,)), Dense(3, "sigmoid", name="layer1")])
    model.add(Dense(1, activation="sigmoid", name="layer2"))
    return ready(model, Adam(0.01), BINARY, x, y, epochs=200)


@fault(
    "inputs-not-scaled",
    "saturated-units",
    source="forum: pixels from 0 to 255 into sigmoids",
)
def bright_pixels_into_sigmoids(faulty):
    x, y = digits()
    x = 255 * x if faulty else x
    model = Sequential([Input((64,)), Dense(25, "sigmoid"), Dense(10, "softmax")])
    return ready(model, SGD(0.3), SPARSE, x, y, metrics=["accuracy"], epochs=60)


@fault("inputs-not-scaled", source="StackOverflow: LSTM on raw prices")
def a_recurrent_net_on_large_numbers(faulty):
    x, y = waves()
    x = 3000 + 500 * x if faulty else x
    model = Sequential([Input((24, 1)), LSTM(16), Dense(1)])
    return ready(model, Adam(0.005), "mse", x, y, epochs=30)


@fault("inputs-not-scaled", source="forum: one column in metres")
def one_of_two_inputs_in_large_units(faulty):
    x, y = prices()
    x, z = x[:, :2], x[:, 2:]
    z = 50_000 + 20_000 * z if faulty else z
    house, place = Input((2,), name="house"), Input((2,), name="place")
    from_house = Dense(8, activation="relu")(house)
    from_place = Dense(8, activation="relu")(place)
    model = Model([house, place], Dense(1)(from_house + from_place))

    def r2(program):
        p = program.model.predict([x, z], verbose=0)
        return 1 - np.mean((p - y) ** 2) / np.var(y)

    return ready(model, Adam(0.01), "mse", [x, z], y, score=r2, epochs=60)


@fault("target-not-scaled", source="StackOverflow: house prices, loss 1e10")
def prices_in_won(faulty):
    x, y = rooms()
    y = y if faulty else y / 100_000
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(0.01), "mse", standard(x), y, metrics=["mae"], epochs=60)


@fault("target-not-scaled", learns=0.7, source="forum: a forecast in raw units")
def a_series_in_thousands(faulty):
    x, y = waves()
    y = 50_000 + 8000 * y if faulty else y
    model = Sequential([Input((24, 1)), GRU(12), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=30)


# Columns ------------------------------------------------------------------------------


@fault("constant-column", hurts=False, severity="hint", source="TheDeepChecker")
def a_column_that_is_always_seven(faulty):
    x, y = table("breast_cancer")
    x[:, 3] = 7.0 if faulty else x[:, 3]
    model = Sequential([Input((30,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.003), BINARY, x, y, metrics=["accuracy"], epochs=30)


@fault(
    "constant-column",
    "inputs-not-scaled",
    learns=0.35,
    source="forum: a year that is the same in all rows",
)
def a_year_that_never_changes(faulty):
    x, y = table("diabetes")
    year = np.full((len(x), 1), 2024.0) if faulty else x[:, :1] ** 2
    x = np.hstack([x, year]).astype("float32")
    model = Sequential([Input((11,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=60)


@fault("not-a-number", refused="nan", learns=0.35, source="keras#2627: loss nan")
def an_empty_cell(faulty):
    x, y = table("diabetes")
    if faulty:
        x[17, 4] = np.nan
    model = Sequential([Input((10,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=60)


@fault("not-a-number", refused="inf", source="forum: the logarithm of 0")
def the_logarithm_of_zero_among_the_targets(faulty):
    x, y = prices()
    y[3] = 0.0 if faulty else y[3]
    with np.errstate(divide="ignore"):
        y = np.log(y)
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=60)


@fault(
    "column-tells-target",
    "too-good-to-be-true",
    hurts=False,
    source="Kaggle: the target left among the columns",
)
def the_diagnosis_among_the_columns(faulty):
    x, y = table("breast_cancer")
    more = y if faulty else np.random.default_rng(0).normal(size=len(y))
    x = np.column_stack([x, standard(more.astype("float32"))]).astype("float32")
    model = Sequential([Input((31,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.003),
        BINARY,
        x,
        y,
        metrics=["accuracy"],
        validation_split=0.2,
        epochs=15,
    )


@fault(
    "column-tells-target",
    "too-good-to-be-true",
    hurts=False,
    learns=0.35,
    source="Kaggle: the target in other units",
)
def the_target_in_other_units(faulty):
    x, y = table("diabetes")
    more = 1.8 * y if faulty else x[:, :1] ** 2
    x = np.hstack([x, more]).astype("float32")
    model = Sequential([Input((11,)), Dense(16, "relu"), Dense(1)])
    return ready(model, Adam(0.003), "mse", x, y, epochs=60)


@fault(
    "column-tells-target",
    "too-good-to-be-true",
    hurts=False,
    learns=0.85,
    source="forum: the window contains tomorrow",
)
def a_window_that_holds_the_answer(faulty):
    x, y = waves()
    if faulty:
        x = np.concatenate([x[:, 1:], y[:, :, None]], axis=1)
    model = Sequential([Input((24, 1)), Conv1D(8, 5, activation="relu"), Flatten()])
    model.add(Dense(1))
    return ready(model, Adam(0.005), "mse", x, y, epochs=40)


@fault(
    "column-tells-target",
    "too-good-to-be-true",
    hurts=False,
    source="forum: a stamp in the corner of each picture",
)
def a_corner_that_tells_the_class(faulty):
    x, y = images(classes=2)
    if faulty:
        x[:, 0, 0, 0] = y
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            Flatten(),
            Dense(1, activation="sigmoid"),
        ]
    )
    return ready(model, Adam(0.002), BINARY, x, y, metrics=["accuracy"], epochs=20)


# Labels -------------------------------------------------------------------------------


@fault(
    "labels-out-of-range",
    "units-do-not-fit-classes",
    refused="labels from",
    source="StackOverflow: labels that start at 1",
)
def labels_that_start_at_one(faulty):
    x, y = table("iris")
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y + faulty, epochs=60)


@fault("labels-out-of-range", refused="divided by 255", source="forum: y / 255 too")
def labels_divided_as_pixels_are(faulty):
    x, y = table("iris")
    y = y / np.float32(255) if faulty else y
    model = Sequential([Input((4,)), Dense(16, "relu"), Dense(3, "softmax")])
    return ready(model, Adam(0.01), SPARSE, x, y, epochs=60)


@fault(
    "labels-out-of-range",
    "output-cannot-reach-targets",
    "head-does-not-fit-loss",
    refused="numbers from 0 to 1",
    source="forum: labels -1 and 1",
)
def minus_one_and_one_under_binary_crossentropy(faulty):
    x, y = table("breast_cancer")
    y = 2 * y - 1 if faulty else y
    model = Sequential([Input((30,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.003), BINARY, x, y, epochs=30)


def _rare(n=2000, share=0.02):
    rng = np.random.default_rng(0)
    y = (rng.uniform(size=n) < share).astype(int)
    x = rng.normal(size=(n, 6)) + 1.2 * y[:, None] * np.array([1, 1, 0, 0, 1, 0])
    return x.astype("float32"), y


def balanced(program):
    """The mean of the shares found of each class."""
    p = program.model.predict(program.x, verbose=0)[:, 0] > 0.5
    return np.mean([np.mean(p[program.y == k] == k) for k in (0, 1)])


@fault(
    "labels-unbalanced",
    "one-class-predictor",
    learns=0.8,
    source="StackOverflow: 98 % accuracy, always 'no'",
)
def two_percent_of_one_class(faulty):
    x, y = _rare()
    weights = {} if faulty else {"class_weight": {0: 1.0, 1: 49.0}}
    model = Sequential([Input((6,)), Dense(4, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.003),
        BINARY,
        x,
        y,
        metrics=["accuracy"],
        score=balanced,
        epochs=20,
        **weights,
    )


@fault(
    "one-class-predictor",
    "labels-unbalanced",
    "class-weights-reversed",
    by="run",
    learns=0.8,
    source="forum: class weights the wrong way round",
)
def class_weights_the_wrong_way_round(faulty):
    x, y = _rare(share=0.15)
    weights = {0: 6.0, 1: 1.0} if faulty else {0: 1.0, 1: 6.0}
    model = Sequential([Input((6,)), Dense(4, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.003),
        BINARY,
        x,
        y,
        metrics=["accuracy"],
        score=balanced,
        class_weight=weights,
        epochs=20,
    )


@fault(
    "labels-unbalanced",
    learns=0.9,
    hurts=False,
    source="SageMaker debugger: class imbalance",
)
def one_digit_in_nearly_all_pictures(faulty):
    x, y = images(1797)
    rare = np.flatnonzero(y != 3)[:: 100 if faulty else 1]
    keep = np.sort(np.concatenate([np.flatnonzero(y == 3), rare]))
    model = Sequential([Input((8, 8, 1)), Conv2D(8, 3, activation="relu"), Flatten()])
    model.add(Dense(10, activation="softmax"))
    return ready(model, Adam(0.003), SPARSE, x[keep], y[keep], ["accuracy"], epochs=20)


@fault("constant-target", hurts=False, learns=0.75, source="forum: y > 5 where no y is")
def a_threshold_that_no_row_passes(faulty):
    x, y = table("diabetes", raw=True)
    y = (y[:, 0] > (1000 if faulty else 150)).astype(int)
    model = Sequential([Input((10,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.003), BINARY, standard(x), y, ["accuracy"], epochs=60)


@fault("constant-target", learns=0.7, source="forum: the wrong column as target")
def a_series_that_does_not_move(faulty):
    x, y = waves()
    y = np.full_like(y, 0.7) if faulty else y
    model = Sequential([Input((24, 1)), GRU(12), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=30)


# Axes ---------------------------------------------------------------------------------


@fault(
    "channels-misplaced",
    layer=0,
    hurts=False,
    source="PyTorch's (n, channels, rows, columns) in Keras",
)
def channels_before_rows_and_columns(faulty):
    x, y = images()
    x = np.repeat(x, 3, axis=-1)
    x = x.transpose(0, 3, 1, 2) if faulty else x
    model = Sequential(
        [
            Input(x.shape[1:]),
            Conv2D(8, 3, padding="same", activation="relu"),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=20)


@fault(
    "channels-misplaced",
    layer=0,
    hurts=False,
    source="forum: data_format copied from a Theano script",
)
def channels_first_for_pictures_with_channels_last(faulty):
    x, y = images()
    order = "channels_first" if faulty else "channels_last"
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, padding="same", activation="relu", data_format=order),
            Flatten(),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(model, Adam(0.003), SPARSE, x, y, ["accuracy"], epochs=30)


@fault(
    "channels-misplaced",
    layer=0,
    hurts=False,
    source="StackOverflow 44583254: (n, 1, steps) for an LSTM",
)
def steps_as_features_of_one_step(faulty):
    x, y = waves()
    x = x.transpose(0, 2, 1) if faulty else x
    model = Sequential([Input(x.shape[1:]), LSTM(16), Dense(1)])
    return ready(model, Adam(0.01), "mse", x, y, epochs=30)


# The rows held out --------------------------------------------------------------------


@fault("rows-in-both", hurts=False, source="forum: validated on the training data")
def validation_rows_taken_from_the_training_rows(faulty):
    x, y = digits()
    train, test = split(x, y, 1400)
    test = (x[:400], y[:400]) if faulty else test
    model = Sequential([Input((64,)), Dense(32, "relu"), Dense(10, "softmax")])
    return ready(
        model,
        "adam",
        SPARSE,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        epochs=25,
    )


@fault(
    "rows-in-both",
    hurts=False,
    learns=0.8,
    source="forum: the rare class repeated before the split",
)
def rows_repeated_before_the_split(faulty):
    x, y = table("breast_cancer")
    train, test = split(x, y, 420)
    if faulty:
        order = np.random.default_rng(0).permutation(2 * len(x)) % len(x)
        train, test = split(x[order], y[order], 840)
    model = Sequential([Input((30,)), Dense(16, "relu"), Dropout(0.3)])
    model.add(Dense(1, activation="sigmoid"))
    return ready(
        model,
        Adam(0.003),
        BINARY,
        *train,
        metrics=["accuracy"],
        validation_data=test,
        epochs=20,
    )


@fault(
    "validation-looks-different",
    hurts=False,
    source="forum: x_test forgotten when scaling",
)
def validation_pictures_not_divided(faulty):
    x, y = images(1797)
    train, (x_test, y_test) = split(x, y, 1400)
    x_test = 255 * x_test if faulty else x_test
    model = Sequential(
        [
            Input((8, 8, 1)),
            Conv2D(8, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dense(32, activation="relu"),
            Dropout(0.3),
            Dense(10, activation="softmax"),
        ]
    )
    return ready(
        model,
        Adam(0.003),
        SPARSE,
        *train,
        metrics=["accuracy"],
        validation_data=(x_test, y_test),
        epochs=25,
    )


@fault("validation-looks-different", source="forum: the scaler fitted on x_train only")
def validation_rows_without_the_scaler(faulty):
    x, y = table("breast_cancer", raw=True)
    (x_train, y_train), (x_test, y_test) = split(x, y, 420)
    mean, deviation = x_train.mean(axis=0), x_train.std(axis=0)
    x_train = (x_train - mean) / deviation
    x_test = x_test if faulty else (x_test - mean) / deviation
    model = Sequential([Input((30,)), Dense(8, "relu"), Dense(1, "sigmoid")])
    return ready(
        model,
        Adam(0.003),
        BINARY,
        x_train,
        y_train,
        metrics=["accuracy"],
        validation_data=(x_test, y_test),
        epochs=15,
    )


@fault("inputs-not-scaled", source="lecture 003; forum: raw pixels, Adam")
def a_circle_in_millimetres(faulty):
    x, y = circles()
    x = 1000 * x if faulty else x
    model = Sequential([Input((2,)), Dense(16, "relu"), Dense(1, "sigmoid")])
    return ready(model, Adam(0.02), BINARY, x, y, ["accuracy"], epochs=60)
