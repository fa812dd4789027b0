"""What Keras has is here, or is left out on purpose: names, arguments, attributes.

The table of what is left out is `docs/keras_names.py`'s, and a page shows it.
"""

import importlib
import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

import onefit
from onefit.spellings import ABSENT, ATTRIBUTES, METHODS

keras = pytest.importorskip("keras")

DOCS = Path(__file__).parents[2] / "docs"
SPEC = importlib.util.spec_from_file_location("keras_names", DOCS / "keras_names.py")
PAGE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(PAGE)

LEFT_OUT = {name for names in PAGE.LEFT_OUT for name in names.split()}
SAID = {*ABSENT, *ATTRIBUTES, *METHODS}
WHOLE = {name for name in ABSENT if hasattr(keras, name)} | {"quantizers"}
ROOMS = [
    *PAGE.ROOMS,
    *(r for r in sorted(WHOLE) if inspect.ismodule(getattr(keras, r))),
]


def test_the_page_is_what_the_code_has():
    kept = (DOCS / "coming_from_keras.md").read_text("utf-8")
    assert kept == PAGE.whole(), "run `python docs/keras_names.py`"


def names_of(room):
    module = importlib.import_module(f"keras.{room}")
    return [
        name
        for name in dir(module)
        if not name.startswith("_") and not inspect.ismodule(getattr(module, name))
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_here_or_left_out(room):
    if room in ABSENT:
        with pytest.raises(AttributeError, match=f"has no {room}"):
            getattr(onefit, room)
        return
    module = importlib.import_module(f"onefit.{room}")
    for name in names_of(room):
        if hasattr(module, name):
            continue
        starts = any(name.startswith(one) for one in LEFT_OUT)
        assert f"{room}.{name}" in ABSENT or starts, f"onefit.{room}.{name}"


L, WAYS = "layers", {"layers.Dense": (2,), "layers.Dropout": (0.5,)}
WAYS |= {"layers.LSTM": (2,), "layers.Conv2D": (2, 2), "layers.Embedding": (4, 2)}
WAYS |= {"layers.BatchNormalization": (), "layers.MultiHeadAttention": (2, 2)}
WAYS |= {
    "layers.Bidirectional": "lstm",
    "layers.Lambda": (abs,),
    "layers.Reshape": ((3,),),
}
WAYS |= {"layers.RandomFlip": (), "layers.GRUCell": (2,), "layers.MaxPooling2D": ()}
WAYS |= {"losses.Huber": (), "losses.BinaryCrossentropy": (), "metrics.AUC": ()}
WAYS |= {"metrics.Mean": (), "metrics.Precision": (), "metrics.MeanIoU": (2,)}
WAYS |= {"metrics.F1Score": (), "metrics.MeanSquaredError": (), "optimizers.Adam": ()}
WAYS |= {"optimizers.SGD": (), "optimizers.Muon": (), "initializers.HeNormal": ()}
WAYS |= {"optimizers.MultiOptimizer": "map", "optimizers.LossScaleOptimizer": "adam"}
WAYS |= {
    "regularizers.L2": (),
    "constraints.MaxNorm": (),
    "callbacks.EarlyStopping": (),
}
WAYS |= {"callbacks.ReduceLROnPlateau": (), "callbacks.CSVLogger": ("log.csv",)}
WAYS |= {"callbacks.ModelCheckpoint": ("m.keras",), "random.SeedGenerator": (1,)}
WAYS |= {
    "Sequential": "model",
    "Variable": (np.zeros(2),),
    "layers.InputLayer": ((2,),),
}
WAYS |= {"optimizers.schedules.ExponentialDecay": (0.1, 9, 0.9)}


def made(library, way):
    thing = library
    for part in way.split("."):
        thing = getattr(thing, part)
    args = WAYS[way]
    if args == "lstm":
        return thing(library.layers.LSTM(2))
    if args == "adam":
        return thing(library.optimizers.Adam())
    if args == "map":
        return thing(library.optimizers.OptimizerMap(library.optimizers.Adam()))
    if args == "model":
        return thing([library.Input((2,)), library.layers.Dense(1)])
    return thing(*args)


def has(thing, name):
    try:
        getattr(thing, name)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("way", WAYS)
def test_every_public_attribute_is_here_or_left_out(way):
    theirs, ours = made(keras, way), made(onefit, way)
    lacking = [
        name
        for name in dir(theirs)
        if not name.startswith("_") and has(theirs, name) and not has(ours, name)
    ]
    assert set(lacking) <= LEFT_OUT | SAID


def test_what_is_left_out_is_a_name_of_keras():
    """A table that keeps what is there by now would hide what is not."""
    text = "\n".join(
        path.read_text("utf-8") for path in Path(keras.__path__[0]).rglob("*.py")
    )
    for name in LEFT_OUT | set(ATTRIBUTES):
        assert name in text, name


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_absent_is_said_where_it_is_asked(name):
    room, _, own = f"onefit.{name}".rpartition(".")
    with pytest.raises(AttributeError, match=rf"has no {own}\. [A-Z].*\.$"):
        getattr(importlib.import_module(room), own)


@pytest.mark.parametrize("name", sorted(set(ATTRIBUTES) - {"learning_rate"}))
def test_an_attribute_that_is_absent_is_said(name):
    for obj in (onefit.layers.Dense(1), onefit.optimizers.SGD(), onefit.metrics.Mean()):
        with pytest.raises(
            AttributeError, match=rf"no attribute {name!r}\. [A-Z].*\.$"
        ):
            getattr(obj, name)
