"""How layers follow each other and how they start: each fault, and its sound twin."""

import numpy as np
import pytest

from onefit import Input, Model, Sequential
from onefit.guide.check import check
from onefit.initializers import Constant, Identity, RandomNormal
from onefit.layers import (
    LSTM,
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Embedding,
    Flatten,
    GlobalAveragePooling2D,
    LayerNormalization,
    MaxPooling2D,
    Multiply,
    NTPDense,
    Permute,
    ReLU,
    RepeatVector,
    Reshape,
    SimpleRNN,
    Softmax,
    TimeDistributed,
)
from onefit.optimizers import SGD
from onefit.regularizers import L1, L1L2, L2


def codes(layers, *, loss="sparse_categorical_crossentropy", optimizer="adam"):
    model = layers if isinstance(layers, Model) else Sequential(layers)
    model.compile(optimizer=optimizer, loss=loss)
    return [(f.code, f.layer) for f in check(model)]


def dense(*layers):
    return [Input((16,)), *layers, Dense(10, "softmax", name="out")]


def image(*layers):
    return [Input((8, 8, 1)), *layers, Flatten(), Dense(10, "softmax", name="out")]


def words(*layers):
    return [Input((6,)), Embedding(50, 8), *layers, Dense(10, "softmax", name="out")]


def conv(activation="relu", filters=8, name=None, **more):
    return Conv2D(filters, 3, padding="same", activation=activation, name=name, **more)


def a(units=12, activation="relu", **more):
    return Dense(units, activation, name="a", **more)


def tall(activation, count, units=12):
    return [Dense(units, activation, name=f"h{i}") for i in range(count)]


PAIRS = [
    ("linear-stack", "a", dense(a(activation=None)), dense(a())),
    ("linear-stack", "a", dense(Dense(12, "relu"), a(activation=None)),
     dense(Dense(12, "relu"), a(activation=None), ReLU())),
    ("linear-stack", "a", dense(a(activation=None, use_bias=False),
                                BatchNormalization(), Dropout(0.2)),
     dense(a(activation=None, use_bias=False), BatchNormalization(),
           Activation("relu"), Dropout(0.2))),
    ("linear-stack", "a", dense(a(8, None)),  # of rank 8, for ten classes
     dense(Dense(12, "relu"), a(8, None))),  # a linear bottleneck
    ("linear-stack", "a", dense(a(activation=None)),
     dense(a(activation=None), LayerNormalization())),
    ("linear-stack", "a", image(conv(), conv(None, name="a")), image(conv(), conv())),
    ("linear-stack", "a", image(conv(None, name="a"), conv()),
     image(conv(None, name="a"), MaxPooling2D(), conv())),
    ("linear-stack", "a", image(conv(None, name="a"), conv(None)),
     image(DepthwiseConv2D(3, name="a"), Conv2D(8, 1, activation="relu"))),
    ("double-activation", "b", dense(a(), Activation("tanh", name="b")),
     dense(a(activation=None), Activation("tanh", name="b"))),
    ("double-activation", "b", [Input((16,)), Dense(10, "relu"), Softmax(name="b")],
     [Input((16,)), Dense(10), Softmax(name="b")]),
    ("softmax-in-hidden-layer", "a", dense(a(activation="softmax")), dense(a())),
    ("softmax-in-hidden-layer", "b", dense(a(activation=None), Softmax(name="b")),
     dense(a(activation=None), ReLU(name="b"))),
    ("symmetric-weights", "a", dense(a(kernel_initializer="zeros")),
     dense(a(bias_initializer="zeros"))),
    ("symmetric-weights", "a", dense(a(activation="tanh", kernel_initializer="ones")),
     dense(a(kernel_initializer="ones", trainable=False), Dense(4, "relu"))),
    ("symmetric-weights", "a", image(conv(name="a", kernel_initializer=Constant(0.1))),
     image(conv(name="a"))),
    ("symmetric-weights", "a",
     words(LSTM(4, name="a", kernel_initializer="zeros",
                recurrent_initializer="zeros")),
     words(LSTM(4, name="a", kernel_initializer="zeros"))),
    ("initializer-does-not-fit", "a",
     dense(a(activation="sigmoid", kernel_initializer=RandomNormal(stddev=2.0))),
     dense(a(activation="sigmoid", kernel_initializer=RandomNormal(stddev=0.3)))),
    ("initializer-does-not-fit", "a", dense(a(kernel_initializer=RandomNormal(
        stddev=5.0))), dense(a(kernel_initializer="he_normal"))),
    ("initializer-does-not-fit", "a",
     dense(a(bias_initializer=Constant(-10.0))),
     dense(a(bias_initializer=Constant(0.1)))),
    ("bias-before-normalization", "a",
     dense(a(activation=None), BatchNormalization(), ReLU()),
     dense(a(activation=None), BatchNormalization(center=False), ReLU())),
    ("dropout-misplaced", "d",
     [Input((16,)), Dense(10, "softmax"), Dropout(0.2, name="d")],
     [Input((16,)), Dropout(0.2, name="d"), Dense(10, "softmax")]),
    ("dropout-misplaced", "d",
     [Input((16,)), Dense(10), Dropout(0.2, name="d"), Softmax()],
     [Input((16,)), Dense(10), Dropout(0.0, name="d"), Softmax()]),
    ("dropout-misplaced", "d",
     dense(a(), Dropout(0.5, name="d"), BatchNormalization()),
     dense(a(), BatchNormalization(), Dropout(0.5, name="d"))),
    ("dropout-misplaced", "d",
     [Input((6,)), Dropout(0.1, name="d"), Embedding(50, 8), Flatten(),
      Dense(10, "softmax")],
     [Input((6,)), Embedding(50, 8), Dropout(0.1, name="d"), Flatten(),
      Dense(10, "softmax")]),
    ("dropout-too-high", "d", dense(a(), Dropout(0.9, name="d")),
     dense(a(), Dropout(0.5, name="d"))),
    ("dropout-too-high", "l", words(LSTM(4, dropout=0.8, name="l")),
     words(LSTM(4, dropout=0.2, recurrent_dropout=0.2, name="l"))),
    ("narrow-layer", "n", dense(a(), Dense(1, "relu", name="n")),
     dense(a(), Dense(2, "relu", name="n"))),
    ("deep-saturating-stack", "h0", dense(*tall("sigmoid", 7)),
     dense(*tall("sigmoid", 2))),
    ("deep-saturating-stack", "h0", dense(*tall("sigmoid", 4)),
     dense(*tall("tanh", 6))),
    ("deep-saturating-stack", "h0", dense(*tall("sigmoid", 8)),
     dense(*[layer for one in tall("sigmoid", 8)
             for layer in (one, BatchNormalization())])),
    ("unstable-recurrence", "r", words(SimpleRNN(8, activation="relu", name="r")),
     words(SimpleRNN(8, activation="relu", recurrent_initializer=Identity()))),
    ("unstable-recurrence", "r",
     words(SimpleRNN(8, recurrent_initializer=RandomNormal(stddev=3.0), name="r")),
     words(SimpleRNN(8, name="r"))),
    ("shrinks-too-early", "p", image(conv(), MaxPooling2D(8, name="p"), conv()),
     image(conv(), MaxPooling2D(2, name="p"), conv())),
    ("shrinks-too-early", "c",
     image(conv(), MaxPooling2D(2), MaxPooling2D(2), MaxPooling2D(2), conv(name="c")),
     image(conv(), MaxPooling2D(2), MaxPooling2D(2), conv(name="c"))),
    ("missing-flatten", "a", image(conv(), a()),
     [Input((8, 8, 1)), conv(), Flatten(), a(), Dense(10, "softmax")]),
    ("nothing-to-train", None,
     [Input((16,)), Dense(10, "softmax", trainable=False)],
     [Input((16,)), Dense(4, "relu", trainable=False), Dense(10, "softmax")]),
    *(("penalty-too-strong", "a", dense(a(kernel_regularizer=rule)),
       dense(a(kernel_regularizer=mild)))
      for rule, mild in ((L2(1.0), L2(0.01)), (L1(0.5), L1(0.001)),
                         (L1L2(0.0, 3.0), L1L2(1e-4, 1e-3)))),
]  # fmt: skip


@pytest.mark.parametrize("row", PAIRS, ids=[f"{i}-{r[0]}" for i, r in enumerate(PAIRS)])
def test_a_fault_is_found_in_its_layer_and_its_twin_is_silent(row):
    code, layer, bad, good = row
    assert codes(bad) == [(code, layer)]
    assert codes(good) == []


def test_layers_without_a_shape_yet_are_judged_by_their_settings():
    end = Dense(10, "softmax")
    assert codes([Dense(12, name="a"), end]) == [("linear-stack", "a")]
    bad = Dense(12, "tanh", kernel_initializer="zeros", name="a")
    assert codes([bad, end]) == [("symmetric-weights", "a")]
    assert codes([Dense(12, "relu"), Dense(10, "softmax")]) == []


def test_a_network_is_judged_before_compile():
    model = Sequential(dense(a(activation=None)))
    assert check(model).codes == ["linear-stack"]
    assert check(Sequential()).codes == []


def test_weights_that_are_set_decide_rather_than_how_they_were_drawn():
    model = Sequential(dense(a(kernel_initializer="zeros")))
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = model.get_weights()
    weights[0] = np.random.default_rng(0).normal(size=weights[0].shape)
    model.set_weights(weights)
    assert check(model).codes == []
    weights[0][:] = 0.3
    model.set_weights(weights)
    assert check(model).codes == ["symmetric-weights"]
    # Lecture 001's relu(x) + relu(x - 1) - ...: columns are equal, biases are not.
    model = Sequential([Input((1,)), Dense(4, "relu"), Dense(1)])
    hidden = [[[1, 1, 1, 1]], [0, -1, -2, -3]]
    model.set_weights([*hidden, [[1], [1], [-1], [-1]], [0]])
    assert check(model).codes == []


def test_weights_so_small_that_nothing_passes():
    start = {"kernel_initializer": RandomNormal(stddev=1e-4)}
    small = dense(a(12, "tanh", **start), Dense(12, "tanh", **start))
    assert codes(small, optimizer=SGD(0.1)) == [("initializer-does-not-fit", "a")]


def test_graphs_of_other_shapes_are_sound():
    x = Input((8, 8, 1))
    h = conv()(x)
    h = ReLU()(Add()([h, conv(None)(conv()(h))]))  # a residual block
    e = ReLU(max_value=6)(BatchNormalization()(Conv2D(32, 1, use_bias=False)(h)))
    e = DepthwiseConv2D(3, padding="same", use_bias=False)(e)
    e = ReLU(max_value=6)(BatchNormalization()(e))
    e = BatchNormalization()(Conv2D(8, 1, use_bias=False)(e))
    h = h + e  # MobileNet's linear bottleneck
    gate = Dense(8, "sigmoid")(Dense(1, "relu")(GlobalAveragePooling2D()(h)))
    h = Multiply()([h, Reshape((1, 1, 8))(gate)])  # squeeze and excite
    model = Model(x, Dense(10, "softmax")(GlobalAveragePooling2D()(h)))
    assert codes(model) == []

    steps = Input((6,))
    h = LSTM(8, return_sequences=True)(Embedding(50, 8)(steps))
    weights = Softmax()(Flatten()(Dense(1, "tanh")(h)))  # attention over the steps
    h = Multiply()([h, Permute((2, 1))(RepeatVector(8)(weights))])
    assert codes(Model(steps, Dense(10, "softmax")(Flatten()(h)))) == []


def test_weights_of_size_one_fit_a_layer_that_divides_by_the_root_of_its_inputs():
    hidden = [NTPDense(64, "selu") for _ in range(2)]
    assert codes([Input((256,)), *hidden, Dense(10, "softmax")]) == []
    plain = [Dense(64, "selu", kernel_initializer=RandomNormal(stddev=1.0))]
    found = codes([Input((256,)), *plain, Dense(10, "softmax")])
    assert [code for code, _ in found] == ["initializer-does-not-fit"]


def test_autoencoders_may_be_narrow_and_linear():
    x = np.random.default_rng(0).normal(size=(40, 16))
    deep = [Dense(8, "relu"), Dense(1), Dense(8, "relu"), Dense(16)]
    for layers in ([Dense(2), Dense(16)], deep):
        model = Sequential([Input((16,)), *layers])
        model.compile("adam", "mse")
        assert check(model).codes == check(model, x, x).codes == []


def test_models_inside_and_wrappers_are_looked_into():
    inner = Sequential([Input((16,)), Dense(12, "relu"), Dense(12, name="deep")])
    model = [Input((16,)), inner, Dense(10, "softmax")]
    assert codes(model) == [("linear-stack", "deep")]
    steps = TimeDistributed(Dense(12), name="t"), TimeDistributed(Dense(12, "relu"))
    assert codes(words(*steps, LSTM(4))) == [("linear-stack", "t")]
    shared = Dense(16, name="shared")
    x = Input((16,))
    twice = Model(x, Dense(10, "softmax")(shared(shared(x))))
    assert codes(twice)[0] == ("linear-stack", "shared")


def test_frozen_layers_are_left_alone():
    fixed = a(activation=None, trainable=False, kernel_initializer="ones")
    assert codes(dense(fixed)) == []
