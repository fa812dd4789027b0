"""The contestants: one file each, with the same small interface.

A module has a class `Contestant(work, x, y, weights, *, extras=False, **options)`:

* `train(epochs)`: trains on, from where the weights are; returns when they are ready.
  Every epoch visits all rows once in a new order, in batches, the last smaller one
  included, and keeps the mean loss of the epoch, as a user would want to see it.
* `weights()`: the weights as numpy arrays, in Keras' order and layouts, as they came.
* `evaluate() -> float`: the mean loss over x, y.
* `predict() -> array`: the network's output for all rows of x, as a numpy array.
* `predict_row() -> array`: the same for the first row alone.
"""

import dataclasses
from typing import Any

from benchmarks.nets import NETS

ALL = ("train", "evaluate", "predict", "row", "script")


@dataclasses.dataclass(frozen=True)
class Peer:
    """How a contestant is started, and which kinds of work it takes part in."""

    module: str
    does: tuple[str, ...] = ALL
    nets: tuple[str, ...] = tuple(NETS)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


_ON_JAX = {"KERAS_BACKEND": "jax"}
_ON_TF = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

PEERS = {
    "onefit": Peer("with_onefit", (*ALL, "extras")),
    "torch": Peer("with_torch"),
    "torch-channels-last": Peer(
        "with_torch", nets=("cnn",), options={"channels_last": True}
    ),
    "torch-compile": Peer("with_torch", nets=("dense",), options={"compiled": True}),
    "keras-jax": Peer("with_keras", (*ALL, "extras"), environment=_ON_JAX),
    # Many batches a call helps training; the other kinds are as in keras-jax.
    "keras-jax-50": Peer(
        "with_keras",
        ("train",),
        options={"steps_per_execution": 50},
        environment=_ON_JAX,
    ),
    "keras-tf": Peer("with_keras", (*ALL, "extras"), environment=_ON_TF),
    "sklearn": Peer("with_sklearn", nets=("dense",)),
    "jax": Peer("with_jax"),
}
