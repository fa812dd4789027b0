"""Rows of recurrent layers, their cells, and what wraps them."""

from layer_rows.row import Row

SEQUENCE = (3, 4, 2)
IMAGES = (2, 3, 4, 5, 2)


def on_states(layer, x, **options):
    """How Keras is called with initial states."""
    x, *states = x
    if isinstance(options.get("mask"), tuple):
        options["mask"] = options["mask"][0]
    return layer(x, initial_state=list(states), **options)


def one_step(cell, x, **options):
    """How Keras calls a cell."""
    x, states = x
    return cell(x, [list(s) if isinstance(s, tuple) else s for s in states], **options)


def hard_lstm(lib):
    return lib.layers.LSTM(2, recurrent_activation="hard_sigmoid")


def sequences(lib):
    return lib.layers.GRU(2, return_sequences=True)


def with_state(lib):
    return lib.layers.LSTM(2, return_sequences=True, return_state=True)


def one_state(lib):
    return lib.layers.SimpleRNN(2, return_state=True)


def backwards(lib):
    return lib.layers.SimpleRNN(2, return_sequences=True, go_backwards=True)


def lstm_cell(lib):
    return lib.layers.LSTMCell(2)


def cells(lib):
    return [lib.layers.LSTMCell(2), lib.layers.GRUCell(3, reset_after=False)]


def dense(lib):
    return lib.layers.Dense(2, activation="tanh")


def batch_normalization(lib):
    return lib.layers.BatchNormalization()


def lstm(lib):
    return lib.layers.LSTM(2)


ROWS = [
    Row("SimpleRNN", {"units": 2}, SEQUENCE),
    Row(
        "SimpleRNN",
        {"units": 2, "activation": "relu", "use_bias": False, "unroll": True},
        (SEQUENCE, (3, 2)),
        mask=True,
        call=on_states,
    ),
    Row(
        "SimpleRNN",
        {"units": 2, "return_sequences": True, "zero_output_for_mask": True},
        SEQUENCE,
        mask=True,
    ),
    Row("SimpleRNN", {"units": 2, "activation": "softmax"}, SEQUENCE, mask=True),
    Row("SimpleRNN", {"units": 2, "dropout": 0.4, "recurrent_dropout": 0.3}, SEQUENCE),
    Row("LSTM", {"units": 2}, SEQUENCE),
    Row(
        "LSTM",
        {"units": 2, "return_sequences": True, "return_state": True},
        (SEQUENCE, (3, 2), (3, 2)),
        mask=True,
        call=on_states,
    ),
    Row(
        "LSTM",
        {"units": 2, "go_backwards": True, "return_sequences": True},
        SEQUENCE,
        mask=True,
    ),
    Row(
        "LSTM",
        {
            "units": 2,
            "activation": "softsign",
            "recurrent_activation": "hard_sigmoid",
            "use_bias": False,
            "unit_forget_bias": False,
        },
        SEQUENCE,
    ),
    Row(
        "LSTM",
        {"units": 2, "dropout": 0.4, "recurrent_dropout": 0.3, "seed": 3},
        SEQUENCE,
    ),
    Row("GRU", {"units": 2}, SEQUENCE),
    Row(
        "GRU",
        {"units": 2, "return_sequences": True, "return_state": True},
        (SEQUENCE, (3, 2)),
        mask=True,
        call=on_states,
    ),
    Row(
        "GRU",
        {"units": 2, "reset_after": False, "go_backwards": True},
        SEQUENCE,
        mask=True,
    ),
    Row("GRU", {"units": 2, "use_bias": False, "return_state": True}, SEQUENCE),
    Row("GRU", {"units": 2, "recurrent_dropout": 0.3, "reset_after": False}, SEQUENCE),
    Row("SimpleRNNCell", {"units": 2}, ((3, 2), ((3, 2),)), call=one_step),
    Row("LSTMCell", {"units": 2}, ((3, 2), ((3, 2), (3, 2))), call=one_step),
    Row("GRUCell", {"units": 2}, ((3, 2), ((3, 2),)), call=one_step),
    Row(
        "GRUCell",
        {"units": 2, "reset_after": False, "activation": "softmax"},
        ((3, 2), ((3, 2),)),
        call=one_step,
    ),
    Row(
        "StackedRNNCells",
        {"cells": cells},
        ((3, 2), (((3, 2), (3, 2)), ((3, 3),))),
        call=one_step,
    ),
    Row("RNN", {"cell": lstm_cell, "go_backwards": True}, SEQUENCE, mask=True),
    Row(
        "RNN",
        {"cell": cells, "return_sequences": True, "return_state": True},
        SEQUENCE,
        mask=True,
    ),
    Row("Bidirectional", {"layer": sequences}, SEQUENCE, mask=True),
    Row("Bidirectional", {"layer": hard_lstm, "merge_mode": "mul"}, SEQUENCE),
    Row(
        "Bidirectional",
        {"layer": with_state, "merge_mode": "sum"},
        (SEQUENCE, (3, 2), (3, 2), (3, 2), (3, 2)),
        call=on_states,
    ),
    Row("Bidirectional", {"layer": one_state, "merge_mode": "ave"}, SEQUENCE),
    Row("Bidirectional", {"layer": sequences, "merge_mode": None}, SEQUENCE, mask=True),
    Row("Bidirectional", {"layer": sequences, "backward_layer": backwards}, SEQUENCE),
    Row("TimeDistributed", {"layer": dense}, SEQUENCE, mask=True),
    Row("TimeDistributed", {"layer": lstm}, (2, 3, 4, 2)),
    Row("TimeDistributed", {"layer": batch_normalization}, SEQUENCE),
    Row("ConvLSTM1D", {"filters": 2, "kernel_size": 2}, (2, 3, 4, 2)),
    Row(
        "ConvLSTM2D",
        {
            "filters": 2,
            "kernel_size": [3, 2],
            "strides": [2, 1],
            "padding": "same",
            "return_sequences": True,
            "return_state": True,
            "go_backwards": True,
        },
        IMAGES,
    ),
    Row(
        "ConvLSTM2D",
        {
            "filters": 2,
            "kernel_size": 2,
            "dilation_rate": 2,
            "data_format": "channels_first",
            "return_state": True,
            "use_bias": False,
        },
        (2, 3, 2, 4, 5),
    ),
    Row(
        "ConvLSTM2D",
        {"filters": 2, "kernel_size": 2, "dropout": 0.4, "recurrent_dropout": 0.3},
        IMAGES,
    ),
    Row("ConvLSTM3D", {"filters": 2, "kernel_size": 1}, (2, 2, 2, 2, 2, 1)),
]
