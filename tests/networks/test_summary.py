"""The summary: the lectures' tables, Keras' numbers, every shape of model."""

import io
import re

import numpy as np
import pytest

from onefit import Input, Layer, Sequential
from onefit.layers import BatchNormalization, Dense, Dropout
from onefit.networks.graph import Graph, Node
from onefit.networks.summary import summary


def lines(model, **options):
    texts = []
    summary(model, print_fn=texts.append, **{"line_length": 80, **options})
    assert len(texts) == 1
    assert texts[0].endswith("\n")
    found = texts[0].splitlines()
    assert all(len(line) <= options.get("line_length", 80) for line in found)
    return found


def cells(model, **options):
    """The rows of the table, without the header."""
    rows = [line for line in lines(model, **options) if line.startswith("│")]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def dense(*sizes):
    return Sequential([Input((sizes[0],)), *map(Dense, sizes[1:])])


class Plus(Layer):
    def apply(self, params, state, x, *, training=False, key=None):
        return x[0] + x[1], state


# The lectures' tables -----------------------------------------------------------------


def test_lecture_004_first_network():
    assert lines(dense(6, 9, 4)) == [
        'Model: "sequential"',
        "┏━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓",
        "┃ Layer (type)    ┃ Output Shape ┃ Param # ┃",
        "┡━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩",
        "│ dense (Dense)   │ (None, 9)    │      63 │",
        "│ dense_1 (Dense) │ (None, 4)    │      40 │",
        "└─────────────────┴──────────────┴─────────┘",
        " Total params: 103 (412.00 B)",
        " Trainable params: 103 (412.00 B)",
        " Non-trainable params: 0 (0.00 B)",
    ]


def test_lecture_004_second_network_spelled_out():
    # 8*9 + 9 = 81, 9*9 + 9 = 90 twice, 9*4 + 4 = 40: 301 in all.
    model = dense(8, 9, 9, 9, 4)
    rows = cells(model, detail=True)
    assert [row[2:] for row in rows] == [
        ["81", "8*9 + 9"],
        ["90", "9*9 + 9"],
        ["90", "9*9 + 9"],
        ["40", "9*4 + 4"],
    ]
    assert " Total params: 81 + 90 + 90 + 40 = 301 (1.18 KB)" in lines(
        model, detail=True
    )


def test_numbers_are_those_of_keras():
    import keras

    def build(of, layers):
        model = of([layers.Input((8,)), layers.Dense(9), layers.BatchNormalization()])
        model.add(layers.Dropout(0.5))
        model.add(layers.Dense(1200, trainable=False))
        return model

    import onefit.layers

    ours, theirs = (
        build(Sequential, onefit.layers),
        build(keras.Sequential, keras.layers),
    )
    texts = []
    theirs.summary(print_fn=texts.append, line_length=120)
    expected = texts[0].splitlines()
    assert lines(ours)[-3:] == expected[-3:]
    counts = [row[2] for row in cells(ours)]
    assert counts == [f"{layer.count_params():,}" for layer in theirs.layers]
    assert counts == ["81", "36", "0", "12,000"]
    shapes = [row[1] for row in cells(ours)]
    assert shapes == [str(layer.output.shape) for layer in theirs.layers]  # pyright: ignore[reportAttributeAccessIssue]


# Frozen layers, layers with state, nothing built --------------------------------------


def test_state_is_not_trainable():
    model = Sequential([Input((9,)), BatchNormalization()])
    assert cells(model, detail=True)[0][2:] == ["36", "9 + 9 + 9 + 9"]
    assert lines(model)[-2:] == [
        " Trainable params: 18 (72.00 B)",
        " Non-trainable params: 18 (72.00 B)",
    ]


def test_frozen_layers():
    model = Sequential([Input((6,)), Dense(9), Dropout(0.5), Dense(4)])
    model.layers[0].trainable = False
    assert [row[-1] for row in cells(model, show_trainable=True)] == ["N", "-", "Y"]
    assert lines(model)[-3:] == [
        " Total params: 103 (412.00 B)",
        " Trainable params: 40 (160.00 B)",
        " Non-trainable params: 63 (252.00 B)",
    ]


def test_unbuilt():
    model = Sequential([Dense(9), Dense(4)])
    assert cells(model, detail=True) == [
        ["dense (Dense)", "?", "0 (unbuilt)", ""],
        ["dense_1 (Dense)", "?", "0 (unbuilt)", ""],
    ]
    assert " Total params: 0 (0.00 B)" in lines(model, detail=True)
    model.build((None, 6))
    assert " Total params: 103 (412.00 B)" in lines(model)
    assert " Total params: 0 (0.00 B)" in lines(Sequential())


def test_training_changes_no_total():
    # Keras adds the optimizer's state to the total; the lectures' total is the model's.
    model = dense(2, 1)
    before = lines(model)
    model.compile("adam", "mse")
    model.fit(np.zeros((4, 2)), np.zeros((4, 1)), verbose=0)
    assert lines(model) == before


# Models inside, graphs that branch ----------------------------------------------------


def nested():
    inner = Sequential([Input((6,)), Dense(9), BatchNormalization()], name="inner")
    return Sequential([Input((6,)), inner, Dense(4, name="out")])


def test_nested_model_is_one_row():
    assert cells(nested(), detail=True) == [
        ["inner (Sequential)", "(None, 9)", "99", "63 + 36"],
        ["out (Dense)", "(None, 4)", "40", "9*4 + 4"],
    ]


def test_expanded():
    model = nested()
    model.layers[0].layers[0].trainable = False
    rows = cells(model, expand_nested=True, show_trainable=True, line_length=100)
    assert rows == [
        ["inner (Sequential)", "(None, 9)", "99", "partly"],
        ["└ dense (Dense)", "(None, 9)", "63", "N"],
        ["└ batch_normalization (BatchNormalization)", "(None, 9)", "36", "Y"],
        ["out (Dense)", "(None, 4)", "40", "Y"],
    ]
    text = lines(model, expand_nested=True)
    assert any(line.startswith("│    └ dense") for line in text)
    assert " Total params: 139 (556.00 B)" in text


def test_branches_say_what_they_are_connected_to():
    graph = Graph(
        layers=(Dense(3, name="a"), Dense(3, name="b"), Plus(name="sum")),
        nodes=(Node(0, 0), Node(1, 0), Node(2, (1, 2))),
        outputs=(1, 3),
        name="branched",
    )
    assert [row[-1] for row in cells(graph)] == ["input", "input", "a, b"]
    graph.build((None, 2))
    assert [row[1:] for row in cells(graph)] == [
        ["(None, 3)", "9", "input"],
        ["(None, 3)", "9", "input"],
        ["(None, 3)", "0", "a, b"],
    ]
    outer = Graph(layers=(graph,), nodes=(Node(0, 0),), outputs=1, name="outer")
    assert cells(outer)[0][:2] == ["branched (Model)", "(None, 3), (None, 3)"]


def test_shared_layer_counts_once():
    shared = Dense(3, name="shared").build((None, 3))
    graph = Graph(layers=(shared,), nodes=(Node(0, 0), Node(0, 1)), outputs=2, name="g")
    twice = Graph(
        layers=(graph, graph.replace(name="h")),
        nodes=(Node(0, 0), Node(1, 1)),
        outputs=2,
        name="twice",
    )
    assert cells(graph) == [["shared (Dense)", "(None, 3)", "12", "input, shared"]]
    assert " Total params: 12 (48.00 B)" in lines(twice, detail=True)


# Layout -------------------------------------------------------------------------------


def test_printed_unless_told_otherwise(capsys):
    model = dense(6, 9, 4)
    assert model.summary() is None
    out = capsys.readouterr().out
    assert out == "\n".join(lines(model)) + "\n"
    assert "\x1b" not in out


def test_old_consoles_get_ascii(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    summary(nested(), expand_nested=True)
    stream.seek(0)
    text = stream.read()
    assert "|    - dense (Dense)" in text
    assert text.isascii()


def test_long_lines_wrap_within_the_width():
    model = Sequential([Input((6,)), Dense(9, name="a_name_that_is_rather_long" * 2)])
    for width in (40, 60, 80):
        lines(model, line_length=width, detail=True)


def test_positions_as_shares_and_as_characters():
    model = dense(6, 9, 4)
    shares = lines(model, line_length=60, positions=[0.5, 0.8, 1.0])
    assert shares == lines(model, line_length=60, positions=[30, 48, 60])
    bars = [i for i, char in enumerate(shares[4]) if char == "│"]
    assert bars == [0, 30, 48, 59]
    assert max(map(len, shares)) <= 60


@pytest.mark.parametrize(
    ("layer_range", "names"),
    [
        (("dense_1", "dense_3"), ["dense_1", "dense_2", "dense_3"]),
        (("dense", "dense"), ["dense"]),
        (("dense_2", "dense_1"), ["dense_1", "dense_2"]),
        ((r"dense_\d", ".*"), ["dense_1", "dense_2", "dense_3"]),
    ],
)
def test_layer_range(layer_range, names):
    model = dense(8, 9, 9, 9, 4)
    rows = cells(model, layer_range=layer_range)
    assert [row[0] for row in rows] == [f"{name} (Dense)" for name in names]
    assert " Total params: 301 (1.18 KB)" in lines(model, layer_range=layer_range)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"layer_range": ("dens", "out")},
            "summary: received layer_range=('dens', 'out'); expected the names of two "
            "layers, of dense, dense_1. Write layer_range=('dense', 'dense_1').",
        ),
        (
            {"layer_range": ["dense"]},
            "summary: received layer_range=['dense']; expected the names of two "
            "layers, of dense, dense_1. Write layer_range=('dense', 'dense_1').",
        ),
        (
            {"line_length": 20},
            "summary: received line_length=20; expected room for 3 columns. Write "
            "line_length=60.",
        ),
        (
            {"line_length": 80, "positions": [0.01, 0.5, 1.0]},
            "summary: received line_length=80 and positions=[0.01, 0.5, 1.0]; expected "
            "room for 3 columns. Write line_length=60.",
        ),
    ],
)
def test_errors(options, text):
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        dense(6, 9, 4).summary(**options)
