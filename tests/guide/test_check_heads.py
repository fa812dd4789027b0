"""Last activation, loss, target and metric: each fault, and its sound twin."""

import numpy as np
import pytest

from onefit import Input, Model, Sequential
from onefit.guide.check import check
from onefit.layers import (
    LSTM,
    Activation,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    Rescaling,
    Softmax,
)
from onefit.losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)

N = 120
rng = np.random.default_rng(0)
X = rng.normal(size=(N, 5)).astype("float32")
REAL = X @ np.array([1.0, -2.0, 0.5, 0.0, 3.0]) + 0.1 * rng.normal(size=N)
TWO = (REAL > 0).astype("int32")
THREE = np.digitize(REAL, [-2, 2])
SEVERAL = (X[:, :3] > 0.2).astype("int32")
PRICE = np.exp(REAL / 4)
SHARE = 1 / (1 + np.exp(-REAL))
ONE_HOT = np.eye(3)[THREE]

BINARY, SPARSE = "binary_crossentropy", "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"


def net(*last):
    return Sequential([Input((5,)), Dense(8, "relu"), *last])


def codes(model, y=None, loss="mse", metrics=None, x=X):
    model.compile(optimizer="adam", loss=loss, metrics=metrics)
    return check(model, None if y is None else x, y).codes


# fault: its code, the last layers, target, loss, metrics; then the twin's.
PAIRS = [
    ("logits-as-probabilities", [Dense(1)], TWO, BINARY, None,
     [Dense(1, "sigmoid")], TWO, BINARY, None),
    ("logits-as-probabilities", [Dense(3)], THREE, SPARSE, None,
     [Dense(3)], THREE, SparseCategoricalCrossentropy(from_logits=True), None),
    ("logits-as-probabilities", [Dense(3)], ONE_HOT, CATEGORICAL, None,
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, None),
    ("logits-as-probabilities", [Dense(3)], ONE_HOT, "kl_divergence", None,
     [Dense(3, "softmax")], ONE_HOT, "kl_divergence", None),
    ("probabilities-as-logits", [Dense(1, "sigmoid")], TWO,
     BinaryCrossentropy(from_logits=True), None,
     [Dense(1)], TWO, BinaryCrossentropy(from_logits=True), None),
    ("probabilities-as-logits", [Dense(3, "sigmoid")], THREE,
     SparseCategoricalCrossentropy(from_logits=True), None,
     [Dense(3, "log_softmax")], THREE,
     SparseCategoricalCrossentropy(from_logits=True), None),
    ("probabilities-as-logits", [Dense(3), Softmax()], ONE_HOT,
     CategoricalCrossentropy(from_logits=True), None,
     [Dense(3), Softmax()], ONE_HOT, CategoricalCrossentropy(), None),
    ("head-does-not-fit-loss", [Dense(1, "relu")], TWO,
     BinaryCrossentropy(from_logits=True), None,
     [Dense(1, "linear")], TWO, BinaryCrossentropy(from_logits=True), None),
    ("head-does-not-fit-loss", [Dense(1, "tanh")], TWO, BINARY, None,
     [Dense(1), Activation("sigmoid")], TWO, BINARY, None),
    ("head-does-not-fit-loss", [Dense(3, "relu")], THREE, SPARSE, None,
     [Dense(3, "softmax")], THREE, SPARSE, ["accuracy"]),
    ("head-does-not-fit-loss", [Dense(2, "softmax")], TWO, BINARY, None,
     [Dense(2, "softmax")], TWO, SPARSE, None),
    ("head-does-not-fit-loss", [Dense(1, "sigmoid")], 2 * TWO - 1, "hinge", None,
     [Dense(1, "tanh")], 2 * TWO - 1, "hinge", None),
    ("head-does-not-fit-loss", [Dense(1)], np.rint(PRICE), "poisson", None,
     [Dense(1, "exponential")], np.rint(PRICE), "poisson", None),
    ("head-does-not-fit-loss", [Dense(1, "sigmoid")], TWO, SPARSE, None,
     [Dense(1, "sigmoid")], TWO, BINARY, ["accuracy"]),
    ("softmax-on-one-unit", [Dense(1, "softmax")], TWO, BINARY, None,
     [Dense(2, "softmax")], TWO, SPARSE, None),
    ("softmax-on-one-unit", [Dense(1), Softmax()], TWO, BINARY, None,
     [Dense(1), Activation("sigmoid")], TWO, BINARY, None),
    ("units-do-not-fit-classes", [Dense(2, "softmax")], THREE, SPARSE, None,
     [Dense(3, "softmax")], THREE, SPARSE, None),
    ("units-do-not-fit-classes", [Dense(10, "softmax")], THREE, SPARSE, None,
     [Dense(4, "softmax")], THREE + 1, SPARSE, None),
    ("units-do-not-fit-classes", [Dense(2, "softmax")], ONE_HOT, CATEGORICAL, None,
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, None),
    ("units-do-not-fit-classes", [Dense(1, "sigmoid")], THREE, BINARY, None,
     [Dense(1, "sigmoid")], TWO, BINARY, None),
    ("units-do-not-fit-classes", [Dense(2, "sigmoid")], SEVERAL, BINARY, None,
     [Dense(3, "sigmoid")], SEVERAL, BINARY, None),
    ("labels-out-of-range", [Dense(3, "softmax")], THREE + 1, SPARSE, None,
     [Dense(3, "softmax")], THREE, SPARSE, None),
    ("labels-out-of-range", [Dense(3, "softmax")], THREE - 1, SPARSE, None,
     [Dense(3, "softmax")], np.where(THREE > 1, -1, THREE),
     SparseCategoricalCrossentropy(ignore_class=-1), None),
    ("labels-out-of-range", [Dense(1, "sigmoid")], 2 * TWO - 1, BINARY, None,
     [Dense(1)], 2 * TWO - 1, "hinge", ["accuracy"]),
    ("labels-out-of-range", [Dense(1, "sigmoid")], TWO + 1, BINARY, None,
     [Dense(1, "sigmoid")], TWO.astype(bool), BINARY, None),
    ("regression-loss-on-classes", [Dense(1)], THREE, "mse", ["accuracy"],
     [Dense(1)], REAL, "mse", ["mae"]),
    ("regression-loss-on-classes", [Dense(3)], THREE, "mse", None,
     [Dense(3, "softmax")], THREE, SPARSE, None),
    ("regression-loss-on-classes", [Dense(3, "softmax")], ONE_HOT, "mse", None,
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, ["accuracy"]),
    ("regression-loss-on-classes", [Dense(1, "sigmoid")], TWO, "mse", None,
     [Dense(1, "sigmoid")], SHARE, "mse", None),
    ("regression-loss-on-classes", [Dense(1, "tanh")], 2 * TWO - 1, "mse", None,
     [Dense(1, "tanh")], 2 * SHARE - 1, "mse", None),
    ("classification-loss-on-numbers", [Dense(1, "sigmoid")], REAL, BINARY, None,
     [Dense(1, "sigmoid")], SHARE, BINARY, None),
    ("classification-loss-on-numbers", [Dense(3, "softmax")], REAL, SPARSE, None,
     [Dense(1)], REAL, "mae", None),
    ("classification-loss-on-numbers", [Dense(2, "softmax")], np.c_[REAL, PRICE],
     CATEGORICAL, None, [Dense(2)], np.c_[REAL, PRICE], "mse", None),
    ("output-cannot-reach-targets", [Dense(1, "sigmoid")], 5 * PRICE, "mse", None,
     [Dense(1, "relu")], 5 * PRICE, "mse", None),
    ("output-cannot-reach-targets", [Dense(1, "relu")], REAL, "mse", None,
     [Dense(1)], REAL, "huber", None),
    ("output-cannot-reach-targets", [Dense(1), Activation("tanh")], REAL, "mse", None,
     [Dense(1, "tanh"), Rescaling(20.0)], REAL, "mse", None),
    ("sigmoid-for-exclusive-classes", [Dense(3, "sigmoid")], THREE, SPARSE, None,
     [Dense(3, "softmax")], THREE, SPARSE, None),
    ("sigmoid-for-exclusive-classes", [Dense(3, "sigmoid")], ONE_HOT, CATEGORICAL,
     None, [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, None),
    ("sigmoid-for-exclusive-classes", [Dense(3, "sigmoid")], ONE_HOT, BINARY, None,
     [Dense(3, "sigmoid")], SEVERAL, BINARY, None),
    ("sigmoid-for-exclusive-classes", [Dense(3, "sigmoid")], THREE, BINARY, None,
     [Dense(3, "softmax")], THREE, SPARSE, None),
    ("softmax-for-several-labels", [Dense(3, "softmax")], SEVERAL, CATEGORICAL, None,
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, None),
    ("softmax-for-several-labels", [Dense(3, "softmax")], SEVERAL, BINARY, None,
     [Dense(3, "sigmoid")], SEVERAL, BINARY, None),
    ("shapes-broadcast", [Dense(3)], REAL, "mse", None,
     [Dense(1)], REAL[:, None], "mse", None),
    ("shapes-broadcast", [Dense(1)], np.c_[REAL, PRICE], "mse", None,
     [Dense(2)], np.c_[REAL, PRICE], "mse", None),
    ("shapes-broadcast", [Dense(3, "softmax")], THREE, CATEGORICAL, None,
     [Dense(3, "softmax")], THREE[:, None], SPARSE, None),
    ("shapes-broadcast", [Dense(3, "softmax")], ONE_HOT, SPARSE, None,
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, None),
    ("metric-does-not-fit", [Dense(1)], REAL, "mse", ["accuracy"],
     [Dense(1)], REAL, "mse", ["mae"]),
    ("metric-does-not-fit", [Dense(3, "softmax")], ONE_HOT, CATEGORICAL,
     ["binary_accuracy"],
     [Dense(3, "softmax")], ONE_HOT, CATEGORICAL, ["categorical_accuracy"]),
    ("metric-does-not-fit", [Dense(3, "softmax")], THREE, SPARSE, ["mae"],
     [Dense(3, "softmax")], THREE, SPARSE, ["accuracy"]),
    ("metric-does-not-fit", [Dense(3, "softmax")], THREE, SPARSE,
     ["categorical_accuracy"],
     [Dense(3, "softmax")], THREE, SPARSE, ["sparse_categorical_accuracy"]),
    ("metric-does-not-fit", [Dense(1, "sigmoid")], TWO, BINARY,
     ["categorical_accuracy"], [Dense(1, "sigmoid")], TWO, BINARY, ["AUC"]),
]  # fmt: skip


@pytest.mark.parametrize("row", PAIRS, ids=[f"{i}-{r[0]}" for i, r in enumerate(PAIRS)])
def test_a_fault_is_found_and_its_twin_is_silent(row):
    code, bad, *told, good, y, loss, metrics = row
    assert codes(net(*bad), *told) == [code]
    assert codes(net(*good), y, loss, metrics) == []


def test_the_static_table_needs_no_data():
    assert codes(net(Dense(1)), loss=BINARY) == ["logits-as-probabilities"]
    assert codes(net(Dense(3, "softmax")), loss=BINARY) == ["head-does-not-fit-loss"]
    assert codes(net(Dense(3, "softmax")), loss=SPARSE) == []
    assert codes(net(Dense(1), Rescaling(2.0)), loss=BINARY) == []  # anything may be


def test_what_is_told_names_the_layer_the_numbers_and_the_line_to_write():
    model = net(Dense(1, name="out"))
    model.compile("adam", BINARY)
    assert str(check(model, X, TWO)[0]) == (
        "error: logits-as-probabilities, layer 'out'\n"
        "  loss='binary_crossentropy' on a last layer without an activation.\n"
        "  Why: the loss takes the logarithm of a probability, and z = w·x + b may be "
        "any number:\n    what lies outside 0 to 1 is clipped, where there is no "
        "gradient.\n"
        "  Fix: write Dense(1, activation='sigmoid'), or keep the layer and write\n"
        "    loss=BinaryCrossentropy(from_logits=True)."
    )
    model = net(Dense(2, "softmax", name="out"))
    model.compile("adam", SPARSE)
    found = check(model, X, THREE)[0]
    assert found.seen == "labels from 0 to 2 for 2 units"
    assert found.instead == "write Dense(3, activation='softmax')"
    model = net(Dense(3, "softmax"))
    model.compile("adam", SPARSE)
    found = check(model, X, THREE + 1)[0]
    assert found.instead == "number the classes from 0: y = y - 1"


def test_probabilities_as_logits_is_a_hint_where_onefit_reads_it_as_meant():
    model = net(Dense(1, "sigmoid"))
    model.compile("adam", BinaryCrossentropy(from_logits=True))
    assert [f.severity for f in check(model)] == ["hint"]
    model = net(Dense(3, "sigmoid"))
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True))
    assert [f.severity for f in check(model)] == ["error"]


def test_ratings_and_counts_may_be_quantities():
    ratings = np.clip(np.rint(3 + REAL / 2), 1, 5)
    assert codes(net(Dense(1)), ratings) == []
    counts = np.random.default_rng(0).poisson(1.0, N)  # few are large
    assert codes(net(Dense(1)), counts) == []


def test_four_rows_may_be_learned_by_the_squared_error():
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]]), np.array([0, 1, 1, 0])
    model = Sequential([Input((2,)), Dense(2, "tanh"), Dense(1, "sigmoid")])
    assert codes(model, y, "mse", ["accuracy"], x=x) == []


def test_answers_for_each_step_or_pixel_where_the_row_has_one_target():
    words = np.random.default_rng(0).integers(1, 50, (N, 6))
    layers = [Input((6,)), Embedding(50, 4), LSTM(4, return_sequences=True, name="r")]
    model = Sequential([*layers, Dense(1, "sigmoid")])
    model.compile("adam", BINARY)
    found = check(model, words, TWO)
    assert found.codes == ["missing-flatten"]
    assert found[0].instead == "write return_sequences=False in 'r'"
    # A class for each step is meant.
    model = Sequential(
        [*layers[:2], LSTM(4, return_sequences=True), Dense(3, "softmax")]
    )
    assert codes(model, words % 3, SPARSE, x=words) == []

    images = np.random.default_rng(0).normal(size=(N, 6, 6, 1))
    convolution = [Input((6, 6, 1)), Conv2D(4, 3, activation="relu")]
    end = Dense(3, "softmax")
    assert codes(Sequential([*convolution, end]), THREE, SPARSE, x=images) == [
        "missing-flatten"
    ]
    for between in (Flatten(), GlobalAveragePooling2D()):
        layers = [Input((6, 6, 1)), Conv2D(4, 3, activation="relu")]
        model = Sequential([*layers, between, Dense(3, "softmax")])
        assert codes(model, THREE, SPARSE, x=images) == []
    masks = (images > 0).astype(int)
    model = Sequential([Input((6, 6, 1)), Conv2D(1, 3, padding="same",
                                                 activation="sigmoid")])  # fmt: skip
    assert codes(model, masks, BINARY, x=images) == []


def test_each_output_is_judged_by_its_own_loss():
    x = Input((5,), name="x")
    hidden = Dense(8, "relu")(x)
    kind, price = Dense(3, name="kind")(hidden), Dense(1, "relu", name="price")(hidden)
    model = Model(x, [kind, price])
    losses = {"kind": SPARSE, "price": "mse"}
    model.compile("adam", losses, metrics={"kind": ["accuracy"], "price": ["mae"]})
    found = check(model, X, {"kind": THREE, "price": PRICE})
    assert [(f.code, f.layer) for f in found] == [("logits-as-probabilities", "kind")]
    assert found[0].seen.startswith("output 'kind': loss=")
    losses["kind"] = SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", losses)
    assert check(model, X, {"kind": THREE, "price": PRICE}).codes == []


def test_an_autoencoder_has_its_inputs_as_targets():
    x = (X > 0).astype("float32")
    x[:, 0] = 1 - x[:, 1:].max(axis=1)
    model = Sequential([Input((5,)), Dense(3, "relu"), Dense(5, "sigmoid")])
    for loss in (BINARY, "mse"):
        assert codes(model, x, loss, x=x) == []
