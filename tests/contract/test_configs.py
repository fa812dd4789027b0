"""Configs are those of Keras: the same settings by the same names, with like values.

Of each class that both libraries have, one is made with its defaults here and there.
What differs is in the lists below, each with its reason.
"""

import inspect
from typing import Any

import keras
import numpy as np
import pytest
from layer_rows import ROWS

import onefit

ROOMS = {
    "losses": ("losses",),
    "metrics": ("metrics",),
    "optimizers": ("optimizers",),
    "initializers": ("initializers",),
    "regularizers": ("regularizers",),
    "constraints": ("constraints",),
    "schedules": ("optimizers", "schedules"),
}
MADE_WITH: dict[str, dict[str, Any]] = {
    "CosineDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "CosineDecayRestarts": {"initial_learning_rate": 0.1, "first_decay_steps": 10},
    "PiecewiseConstantDecay": {"boundaries": [1], "values": [0.1, 0.2]},
    "PolynomialDecay": {"initial_learning_rate": 0.1, "decay_steps": 10},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 3, "target_class_ids": (0, 1)},
    "OneHotMeanIoU": {"num_classes": 3},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
for name in ("ExponentialDecay", "InverseTimeDecay"):
    MADE_WITH[name] = {
        "initial_learning_rate": 0.1,
        "decay_steps": 10,
        "decay_rate": 0.5,
    }
BASES = {"Loss", "Metric", "Optimizer", "Initializer", "Regularizer", "Constraint"}

KEPT = {  # settings that Keras' config forgets
    *("axis", "delta", "thresholds", "from_sorted_ids", "gain", "seed", "use_cudnn"),
    *("activity_regularizer", "trainable", "sparse", "fill_value"),
    *("num_classes", "num_outputs"),  # ours alone: what has been learned of the data
}
FREE = {"dtype"}  # what follows floatx, unless it is given: see the last test
LACKING = {"quantization_config"}  # weights are never quantized


def classes() -> list[Any]:
    found = []
    for room, path in ROOMS.items():
        ours, theirs = onefit, keras
        for part in path:
            ours, theirs = getattr(ours, part), getattr(theirs, part)
        for title, cls in vars(theirs).items():
            known = inspect.isclass(cls) and cls.__name__ == title
            if known and hasattr(ours, title) and title not in BASES:
                mine = getattr(ours, title)
                needs = inspect.signature(cls).parameters.values()
                lacking = [
                    p
                    for p in needs
                    if p.default is p.empty
                    and p.kind is p.POSITIONAL_OR_KEYWORD
                    and p.name not in MADE_WITH.get(title, {})
                ]
                if not lacking and "get_config" in dir(mine):
                    found.append(pytest.param(mine, cls, id=f"{room}-{title}"))
    return found


def like(mine: Any, theirs: Any) -> bool:
    """Whether two values of a config mean the same."""
    if isinstance(theirs, dict) and "class_name" in theirs:
        return mine["class_name"] == theirs["class_name"]
    if isinstance(theirs, list | tuple):
        return len(mine) == len(theirs) and all(map(like, mine, theirs))
    if isinstance(theirs, float | int) and not isinstance(theirs, bool):
        return isinstance(mine, int | float) and bool(np.isclose(mine, theirs))
    if callable(theirs):
        return mine == theirs.__name__
    return mine == theirs and isinstance(mine, type(theirs))


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert set(theirs) - set(ours) - FREE - LACKING == set()
    assert set(ours) - set(theirs) <= KEPT | FREE
    differ = {
        key: (ours[key], value)
        for key, value in theirs.items()
        if key not in FREE | LACKING and not like(ours[key], value)
    }
    name = differ.pop("name", None)
    if name is not None:  # Keras puts "_" before capitals and counts objects
        mine, other = (text.replace("_", "").rstrip("0123456789") for text in name)
        assert mine.rstrip("0123456789") == other
    assert differ == {}


@pytest.mark.parametrize(("ours", "theirs"), classes())
def test_configs_are_those_of_keras(ours, theirs):
    settings = MADE_WITH.get(theirs.__name__, {})
    try:
        expected = theirs(**settings).get_config()
    except NotImplementedError:
        pytest.skip("Keras has no config of it")
    mine = ours(**settings)
    compare(mine.get_config(), expected)
    again = ours.from_config(expected)
    assert type(again) is ours


LAYERS = {row.layer: row for row in reversed(ROWS) if row.oracle}
NO_CONFIG = {"Lambda"}  # a function, which no config has
OTHERWISE = {  # what a layer's config has in another form, or not
    "GroupQueryAttention": {"name"}  # Keras' own name of it is another
}


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - NO_CONFIG))
def test_configs_of_layers_are_those_of_keras(name):
    row = LAYERS[name]
    ours, theirs = row.make().get_config(), row.make(keras).get_config()
    for key in OTHERWISE.get(name, ()):
        del ours[key], theirs[key]
    compare(ours, theirs)


@pytest.mark.parametrize("dtype", [None, "float32", "mixed_bfloat16", "bfloat16"])
@pytest.mark.parametrize("name", ["Dense", "ReLU", "LSTM", "Reshape", "InputLayer"])
def test_the_policy_of_a_layer_is_written_as_keras_writes_it(name, dtype):
    given = {"LSTM": {"units": 2}, "Dense": {"units": 2}, "InputLayer": {"shape": (2,)}}
    settings = given.get(name, {}) | (
        {"target_shape": (2,)} if name == "Reshape" else {}
    )
    if name == "InputLayer" and dtype == "mixed_bfloat16":
        return  # data have a type, not a policy
    settings |= {} if dtype is None else {"dtype": dtype}
    ours = getattr(onefit.layers, name)(**settings)
    theirs = getattr(keras.layers, name)(**settings)
    assert ours.get_config()["dtype"] == theirs.get_config()["dtype"]
    again = type(ours).from_config(ours.get_config())
    assert again.dtype_policy == ours.dtype_policy
    # What all layers are is no layer's own: it does not make another program.
    if dtype in (None, "mixed_bfloat16", "bfloat16"):
        assert again.own_dtype == ours.own_dtype or name == "InputLayer"
