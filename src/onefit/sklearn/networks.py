"""Networks of estimators: made, asked in blocks of rows, trained many at once."""

import contextlib
import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypedDict

import jax
import numpy as np

import onefit
from onefit import config, optimizers
from onefit.errors import OnefitWarning, invalid, is_whole, mistyped
from onefit.layers import Dense, Dropout
from onefit.layers.base import Layer
from onefit.models import Model
from onefit.networks.architecture import Architecture
from onefit.optimizers.base import Optimizer
from onefit.population.ensemble import Ensemble
from onefit.population.together import outputs, repeated
from onefit.regularizers import L2
from onefit.types import Array, Identifier, Tree

__all__ = [
    "ALPHA",
    "LOSSES",
    "HiddenLayers",
    "Members",
    "Packed",
    "answer",
    "drawing",
    "hidden",
    "network",
    "numbered",
    "optimizer_of",
    "packed",
    "unpacked",
]

# The names that scikit-learn has for Keras' activations and losses.
ACTIVATIONS = {"logistic": "sigmoid", "identity": "linear"}
LOSSES = {"squared_error": "mse", "absolute_error": "mae"}

ALPHA = 0.03
"""The strength of the penalty where no folds choose it.

With 0.3, the shape that 20 rows have is wiped out (moons, circles), and with 1 that of
four (XOR): the loss that a right answer saves grows with the rows, the penalty of the
weights that it takes does not. With 0.1 a line through five rows is too flat beside
them.
"""

RATE = 0.01
"""The learning rate of an optimizer that is given by name.

A table of few rows has one step an epoch. At 0.01, 200 of them bend a line of classes
around two half moons; at 0.005 it takes 400, and at 0.001 more than most would wait.
"""

WORK = 1 << 20
"""Multiplications of a block of rows in prediction."""

HiddenLayers: TypeAlias = int | Sequence[int] | np.ndarray | Callable[[int], object]
"""Widths, or a function of the number of features that builds the layers."""


class Packed(TypedDict):
    """A model as the bytes of a file, the user's own classes, whether it is several."""

    keras: bytes
    own: dict[str, type]
    ensemble: bool


_stream = threading.RLock()


@contextlib.contextmanager
def drawing(seed: int) -> Iterator[None]:
    """Draws from this seed inside; threads take turns, as there is one stream."""
    with _stream, config.aside(seed):
        yield


def hidden(
    layers: HiddenLayers,
    features: int,
    activation: Identifier,
    dropout: float,
    alpha: float,
) -> list[Layer | Model]:
    """The hidden layers, of widths or of what a function builds.

    Raises:
        ValueError, TypeError: Neither widths nor a function that gives layers.
    """
    if isinstance(layers, Callable):
        built = layers(features)
        made: list[Any] = list(built) if isinstance(built, list | tuple) else [built]
        if not all(isinstance(layer, onefit.Layer | Model) for layer in made):
            raise mistyped(
                "hidden_layers",
                f"a function that gave {made!r}",
                "one that gives layers, or a model that ends in features",
                "write def build(n_features): return [Dense(32, 'relu')]",
            )
        return made
    widths: Any = [layers] if is_whole(layers) else layers
    listed = isinstance(widths, list | tuple | np.ndarray)
    if not listed or not all(is_whole(width, 1) for width in widths):
        raise invalid(
            "hidden_layers",
            repr(layers),
            "the widths of the hidden layers, or a function that builds them",
            "write hidden_layers=(100,)",
        )
    activation = ACTIVATIONS.get(activation, activation)
    found: list[Layer | Model] = []
    for i, width in enumerate(widths):
        found.append(
            Dense(
                int(width),
                activation,
                kernel_regularizer=_l2(alpha),
                name=f"hidden_{i}",
            )
        )
        if dropout:
            found.append(Dropout(dropout, name=f"dropout_{i}"))
    return found


def network(
    layers: Sequence[Layer | Model],
    features: int,
    out: tuple[int, str | None],
    alpha: float,
) -> Model:
    """A model of hidden layers and an output layer: `out` is (units, activation)."""
    units, activation = out
    last = Dense(units, activation, kernel_regularizer=_l2(alpha), name="output")
    return onefit.Sequential([onefit.Input((features,)), *layers, last])


def _l2(alpha: float) -> L2 | None:
    return L2(alpha) if alpha else None


def optimizer_of(optimizer: Identifier, learning_rate: float | None) -> Optimizer:
    """An optimizer of its own for each fit, with this rate."""
    if isinstance(learning_rate, str):
        raise mistyped(
            "learning_rate",
            repr(learning_rate),
            "a number",
            "write learning_rate=0.001; a schedule belongs to an optimizer, "
            "optimizer=onefit.optimizers.Adam(schedule)",
        )
    if isinstance(optimizer, str) and optimizer.lower() in ("lbfgs", "l-bfgs"):
        raise invalid(
            "optimizer",
            repr(optimizer),
            "one that takes steps along gradients",
            "write optimizer='adam'",
        )
    rate = (
        RATE
        if learning_rate is None and isinstance(optimizer, str)
        else (learning_rate)
    )
    one: Any = optimizers.get(optimizer)
    return one.replace() if rate is None else one.replace(learning_rate=rate)


def numbered(model: Model, setting: str, widths: bool) -> list[str]:
    """The paths, in a population, of a number of the estimator.

    Args:
        model: The network.
        setting: 'alpha', 'dropout' or 'learning_rate'.
        widths: Whether the hidden layers are ours, rather than a function's.
    """
    names = [str(layer.name) for layer in model.graph.plain_layers() if widths]
    if setting == "alpha":
        own = [n for n in names if n.startswith("hidden_")] + ["output"]
        return [f"{name}.kernel_regularizer.l2" for name in own]
    if setting == "dropout":
        return [f"{n}.rate" for n in names if n.startswith("dropout_")]
    return [setting]


# Asking -------------------------------------------------------------------------------


class Members:
    """Networks of a population that stand for a model: they answer with their mean."""

    def __init__(self, graph: Architecture, params: Tree, state: Tree) -> None:
        self.graph = graph
        self.stack = repeated(graph, len(jax.tree.leaves(params)[0])), params, state

    def predict(
        self, x: Array, batch_size: int | None = None, verbose: int = 0
    ) -> np.ndarray:
        """The mean of the outputs, for rows that fit in one block."""
        del verbose
        return np.concatenate(
            [piece.mean(axis=0) for piece in outputs([self.stack], x, batch_size)]
        )


def answer(model: "Model | Members", x: np.ndarray) -> np.ndarray:
    """The outputs for scaled rows, the same to the bit for any rows beside them.

    A product of matrices adds in an order that depends on its shape. So every row is
    asked in a block of a size that depends on the network alone.
    """
    graph = model.graph
    if not graph.by_row:
        return np.asarray(model.predict(x, verbose=0))
    work = max(1, graph.multiplications((None, *x.shape[1:])))
    size = 1 << min(max((WORK // work).bit_length() - 1, 5), 12)
    parts = []
    for start in range(0, len(x), size):
        piece = x[start : start + size]
        block = np.zeros((size, *x.shape[1:]), x.dtype)
        block[: len(piece)] = piece
        parts.append(model.predict(block, batch_size=size, verbose=0)[: len(piece)])
    return np.concatenate(parts)


# Packing ------------------------------------------------------------------------------


def packed(model: Model) -> Packed:
    """A model as the bytes of a `.keras` file, which hold no code.

    Classes of the user's own are named as pickle does, by where they are defined.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The estimator compiles the model anew, from its own parameters.
        warnings.simplefilter("ignore", OnefitWarning)
        path = os.path.join(folder, "model.keras")
        model.save(path)
        with open(path, "rb") as file:
            data = file.read()
    own = {
        type(layer).__name__: type(layer)
        for layer in model.graph.plain_layers()
        if not type(layer).__module__.startswith("onefit.")
    }
    return {"keras": data, "own": own, "ensemble": isinstance(model, Ensemble)}


def unpacked(state: Packed) -> Model:
    """The model of such bytes."""
    with tempfile.TemporaryDirectory() as folder, drawing(0):
        path = os.path.join(folder, "model.keras")
        with open(path, "wb") as file:
            file.write(state["keras"])
        if state["ensemble"]:
            return Ensemble.load(path)
        return onefit.load_model(path, custom_objects=state["own"])
