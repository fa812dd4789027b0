"""A design: all that the page lets one choose, as JSON and as a model."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from onefit import config, initializers, optimizers
from onefit.description import Description
from onefit.errors import invalid, unknown
from onefit.lab.data import Rows
from onefit.lab.settings import Settings, checked, differing, fitting, offered
from onefit.layers import (
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Input,
    Layer,
    MaxPooling2D,
)
from onefit.losses.resolving import as_loss
from onefit.models import Model, Sequential
from onefit.networks.network import Network
from onefit.types import Config

__all__ = ["CHOICES", "FEATURES", "LOSS_OF", "Design", "features"]

ACTIVATIONS = (
    "linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu",
    "silu", "softplus", "softsign", "softmax",
)  # fmt: skip
INITIALIZERS = (
    "glorot_uniform", "glorot_normal", "he_normal", "he_uniform", "lecun_normal",
    "random_normal", "random_uniform", "truncated_normal", "orthogonal", "constant",
    "zeros", "ones",
)  # fmt: skip
LOSSES = (
    "binary_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error",
    "mean_absolute_error", "huber", "hinge", "log_cosh",
)  # fmt: skip
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
PRESETS: dict[str, tuple[str, Settings]] = {
    "momentum": ("sgd", {"momentum": 0.9}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}),
}
"""Names of the page for an optimizer with settings of its own to begin with."""

PENALTIES = ("none", "l1", "l2")
KINDS = ("dense", "dropout", "batch_normalization", "conv", "pool", "flatten")

FEATURES: dict[str, Any] = {
    "x1": lambda a, b: a,
    "x2": lambda a, b: b,
    "x1²": lambda a, b: a * a,
    "x2²": lambda a, b: b * b,
    "x1x2": lambda a, b: a * b,
    "sin x1": lambda a, b: np.sin(a),
    "sin x2": lambda a, b: np.sin(b),
}
"""What two inputs can be made into, as functions of both."""

CHOICES: Config = {
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "penalty": PENALTIES,
    "kind": KINDS,
    "features": tuple(FEATURES),
}
"""What the page offers, by setting."""

WIDEST, DEEPEST = 256, 12

LOSS_OF = {
    "binary": "binary_crossentropy",
    "classes": "sparse_categorical_crossentropy",
    "regression": "mean_squared_error",
}
"""The loss that a kind of data asks for, unless another is chosen."""

END_OF = {"binary": "sigmoid", "classes": "softmax", "regression": "linear"}

NUMBERS: dict[str, tuple[float, float, bool]] = {
    "rows": (4, 20_000, True),
    "noise": (0, 0.5, False),
    "share": (0, 0.9, False),
    "data_seed": (0, 1 << 31, True),
    "seed": (0, 1 << 31, True),
    "rate": (1e-6, 100, False),
    "batch": (1, 20_000, True),
    "penalty_rate": (0, 10, False),
}
"""The least and the most of each number, and whether it is a whole one."""


@dataclasses.dataclass(frozen=True)
class Design:
    """What is trained in the lab, on what, and how.

    Attributes:
        data: A name of `data.made`; 'table' or 'yours' for what the lab was given.
        rows, noise, data_seed: Of data that is made.
        share: Of the rows that is held out, as test data.
        features: What of the inputs the network sees, by name; () for all columns.
        layers: The hidden layers, {"kind": "dense", "units": 4, "activation": "tanh"}.
        end: The activation of the last layer, None for the one the data asks for.
        loss: None for the one that the data asks for.
        optimizer, rate: How weights move.
        optimizer_settings, loss_settings: Those that differ from the defaults, such as
            {"beta_1": 0.8}; a layer has `initializer_settings`. See `settings`.
        batch: Rows in a step.
        penalty, penalty_rate: What the kernels are regularized by.
        seed: What the weights and the order of rows are drawn from.
    """

    data: str = "circle"
    rows: int = 500
    noise: float = 0.0
    data_seed: int = 0
    share: float = 0.5
    features: tuple[str, ...] = ("x1", "x2")
    layers: tuple[Mapping[str, Any], ...] = (
        {"kind": "dense", "units": 4, "activation": "tanh"},
        {"kind": "dense", "units": 2, "activation": "tanh"},
    )
    end: str | None = None
    loss: str | None = None
    optimizer: str = "sgd"
    optimizer_settings: Settings = dataclasses.field(default_factory=dict)
    loss_settings: Settings = dataclasses.field(default_factory=dict)
    rate: float = 0.03
    batch: int = 10
    penalty: str = "none"
    penalty_rate: float = 0.0
    seed: int = 0

    @classmethod
    def read(cls, given: Any) -> Self:
        """A design as JSON has it, checked: it comes from a link or a file.

        Raises:
            ValueError: What cannot be meant.

        >>> Design.read({"data": "xor", "batch": 0})
        Traceback (most recent call last):
        ValueError: batch: received 0; expected a whole number from 1 to 20000.
        """
        if not isinstance(given, dict):
            raise invalid("design", type(given).__name__, "an object of settings")
        known = {field.name for field in dataclasses.fields(cls)}
        for name in given:
            if name not in known:
                raise unknown("setting of a design", str(name)[:40], known)
        settings = {name: _read(name, value) for name, value in given.items()}
        return cls(**settings)

    def changed(self, changes: Any) -> Self:
        """The design with some settings changed, checked as in `read`.

        Of an optimizer's and a loss's own settings the others stay (None is the default
        again), but another optimizer or loss begins with its defaults. Another data set
        is seen as it is, through layers that it can pass.
        """
        if not isinstance(changes, dict):
            raise invalid("design", type(changes).__name__, "an object of settings")
        now = self.config() | changes
        for name in OWN:
            own = f"{name}_settings"
            if name in changes:
                now[own] = changes.get(own, {})
            elif isinstance(changes.get(own), dict):
                now[own] = self.config()[own] | changes[own]
        if changes.get("data", self.data) != self.data:
            fresh = {"features": ["x1", "x2"], "end": None}
            fresh |= {"loss": None, "loss_settings": {}}
            if changes["data"] != "images":
                fresh["layers"] = [one for one in now["layers"] if not _of_images(one)]
            now |= {name: v for name, v in fresh.items() if name not in changes}
        if changes.get("penalty", "none") != "none" and not now["penalty_rate"]:
            now["penalty_rate"] = 0.001
        return self.read(now)

    def config(self) -> Config:
        """The design as JSON can hold it."""
        return dataclasses.asdict(self) | {
            "features": list(self.features),
            "layers": [dict(layer) for layer in self.layers],
            "optimizer_settings": dict(self.optimizer_settings),
            "loss_settings": dict(self.loss_settings),
        }

    # Models ---------------------------------------------------------------------------

    def model(self, rows: Rows) -> Model:
        """The model, compiled, its weights drawn from the seed.

        Raises:
            ValueError: Layers that do not fit together or the data.
        """
        with config.aside(self.seed):
            return self._made(rows)

    def _made(self, rows: Rows) -> Model:
        inputs = rows.image or (len(self.columns(rows)),)
        layers: list[Any] = [Input(tuple(inputs))]
        flat = not rows.image
        for setting in self.layers:
            kind = setting["kind"]
            if kind in ("conv", "pool") and flat:
                raise invalid(
                    "layers",
                    f"{kind} on columns",
                    "images",
                    "choose the data set images, and convolutions before dense layers",
                )
            if kind in ("dense", "flatten") and not flat:
                layers.append(Flatten())
                flat = True
            if kind != "flatten":
                layers.append(self._layer(setting))
        if not flat:
            layers.append(Flatten())
        end = self.end or END_OF[rows.problem]
        kernel = {"kernel_regularizer": self._penalty()}
        layers.append(Dense(rows.outputs, activation=end, name="output", **kernel))
        model = Sequential(layers)
        loss = self.loss_on(rows)
        metrics = ["accuracy"] if rows.problem != "regression" else []
        model.compile(self._optimizer(), loss, metrics=metrics)
        return model

    def columns(self, rows: Rows) -> tuple[str, ...]:
        """The names of what the network sees, () for images."""
        if rows.image:
            return ()
        return _seen(self.features, rows.columns) or rows.columns

    def _layer(self, setting: Mapping[str, Any]) -> Layer:
        kind = setting["kind"]
        if kind == "dropout":
            return Dropout(setting.get("rate", 0.2))
        if kind == "batch_normalization":
            return BatchNormalization()
        if kind == "pool":
            return MaxPooling2D(2)
        shared = {
            "activation": setting.get("activation", "tanh"),
            "kernel_initializer": _initializer(setting),
            "kernel_regularizer": self._penalty(),
        }
        units = setting.get("units", 4)
        if kind == "conv":
            size = setting.get("size", 3)
            return Conv2D(units, size, padding="same", **shared)
        return Dense(units, **shared)

    def _penalty(self) -> Any:  # a name's config, as Keras takes it
        from onefit.regularizers import L1, L2

        if self.penalty == "none" or not self.penalty_rate:
            return None
        return {"l1": L1, "l2": L2}[self.penalty](self.penalty_rate)

    def _optimizer(self) -> optimizers.Optimizer:
        made, begun = self.begun()
        own = fitting(self.optimizer, made, self.optimizer_settings)
        given: dict[str, Any] = {**begun, **own}
        return made(self.rate, **given)

    def begun(self) -> tuple[type[optimizers.Optimizer], Settings]:
        """The class of the optimizer, and what it begins with here."""
        name, begun = PRESETS.get(self.optimizer, (self.optimizer, {}))
        return type(optimizers.get(name)), begun

    def loss_on(self, rows: Rows) -> Any:  # a Loss, which compile takes by any name
        """The loss, with its settings: that of the data, unless another is chosen."""
        name = self.loss or LOSS_OF[rows.problem]
        made = _class(as_loss(name))
        if not self.loss_settings:
            return name
        return made(**fitting(name, made, self.loss_settings))

    def offered(self, rows: Rows) -> Config:
        """What the page offers of the optimizer, the loss and the layers' initializers.

        >>> from onefit.lab.data import made
        >>> found = Design(optimizer="adam").offered(made("xor", 4, 0.0, 0))
        >>> [one["bounds"] for one in found["optimizer"] if one["name"] == "beta_1"]
        ['0 ≤ · < 1']
        """
        loss = _class(as_loss(self.loss or LOSS_OF[rows.problem]))
        made, begun = self.begun()
        return {
            "optimizer": offered(made, self.optimizer_settings, begun),
            "loss": offered(loss, self.loss_settings, {}),
            "layers": [_offered(layer) for layer in self.layers],
        }

    # Back from a model ----------------------------------------------------------------

    def of(self, model: Network) -> Self | None:
        """The design of a model's layers, loss and optimizer; None if it has none.

        What only a model says beside (names, biases, constraints) is not part of it.
        """
        layers: list[Config] = []
        found = [one for one in model.layers if type(one).__name__ != "InputLayer"]
        if not found or type(found[-1]) is not Dense:
            return None
        for layer in found[:-1]:
            setting = _setting(layer)
            if setting is None:
                return None
            layers.append(setting)
        said: Any = model
        held = as_loss(said.loss)
        loss = next((n for n in LOSSES if type(as_loss(n)) is type(held)), None)
        optimizer = str(getattr(said.optimizer, "name", ""))
        if held is None or loss is None or optimizer not in OPTIMIZERS:
            return None
        made, begun = self.begun()
        if type(said.optimizer) is made:
            optimizer = self.optimizer
        else:
            begun = {}
        rate = float(np.asarray(said.optimizer.learning_rate))
        try:
            return self.changed(
                {
                    "layers": [one for one in layers if one["kind"] != "flatten"],
                    "end": _name(found[-1]),
                    "loss": loss,
                    "loss_settings": differing(held, {}),
                    "optimizer": optimizer,
                    "optimizer_settings": differing(said.optimizer, begun),
                    "rate": float(f"{rate:.6g}"),
                }
            )
        except ValueError:
            return None


OWN = ("optimizer", "loss")
"""What has settings of its own, beside layers."""


def _class(made: object) -> type[Description]:
    assert isinstance(made, Description)
    return type(made)


def _of_images(layer: Mapping[str, Any]) -> bool:
    return layer.get("kind") in ("conv", "pool")


def _initializer(setting: Mapping[str, Any]) -> Any:  # as Keras takes it: an object
    name = setting.get("initializer", "glorot_uniform")
    made = _class(initializers.get(name))
    return made(**fitting(name, made, setting.get("initializer_settings", {})))


def _offered(layer: Mapping[str, Any]) -> list[Config]:
    """What of a layer's initializer is offered, [] where it has none."""
    if layer["kind"] not in ("dense", "conv"):
        return []
    made = _class(initializers.get(layer.get("initializer", "glorot_uniform")))
    return offered(made, layer.get("initializer_settings", {}), {})


def _name(layer: Layer) -> str:
    activation: Any = getattr(layer, "activation", None)
    return "linear" if activation is None else str(
        getattr(activation, "__name__", activation)
    )  # fmt: skip


def _setting(layer: Layer) -> Config | None:
    """A layer as the page has it, None where it has none such."""
    held: Any = layer
    if type(layer) is Dense:
        setting = {"kind": "dense", "units": held.units, "activation": _name(layer)}
        return setting | _drawn(held.kernel_initializer)
    if type(layer) is Dropout:
        return {"kind": "dropout", "rate": float(held.rate)}
    if type(layer) is BatchNormalization:
        return {"kind": "batch_normalization"}
    if type(layer) is Flatten:
        return {"kind": "flatten"}
    if type(layer) is MaxPooling2D:
        return {"kind": "pool"}
    if type(layer) is Conv2D:
        size = int(np.ravel(held.kernel_size)[0])
        name = _name(layer)
        setting = {"kind": "conv", "units": held.filters, "size": size}
        return setting | {"activation": name} | _drawn(held.kernel_initializer)
    return None


def _drawn(initializer: Any) -> Config:  # as Keras takes it: a name, an object
    """An initializer as a layer of the page has it; the default's is left out."""
    made = initializers.get(initializer)
    known = (n for n in INITIALIZERS if type(initializers.get(n)) is type(made))
    name = next(known, "glorot_uniform")
    if name == "glorot_uniform":
        return {}
    own = differing(made, {})
    return {"initializer": name} | ({"initializer_settings": own} if own else {})


def _read(name: str, value: Any) -> Any:
    """A setting, checked."""
    if name in NUMBERS:
        low, high, whole = NUMBERS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number and math.isfinite(value) and low <= value <= high
        if not fits or (whole and value != int(value)):
            kind = "a whole number" if whole else "a number"
            raise invalid(
                name,
                f"{value!r}"[:60],
                f"{kind} from {low:g} to {high:{'d' if whole else 'g'}}",
            )
        return int(value) if whole else float(value)
    if name in ("optimizer_settings", "loss_settings"):
        return checked(name, value)
    if name == "layers":
        if not isinstance(value, list) or len(value) > DEEPEST:
            raise invalid("layers", f"{value!r}"[:60], f"a list of up to {DEEPEST}")
        return tuple(_read_layer(layer) for layer in value)
    if name == "features":
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise invalid("features", f"{value!r}"[:60], "a list of names")
        return tuple(v[:80] for v in value[:1000])
    if value is None and name in ("end", "loss"):
        return None
    if not isinstance(value, str):
        raise invalid(name, f"{value!r}"[:60], "a name")
    names = CHOICES["activation"] if name == "end" else CHOICES.get(name)
    if names is not None and value not in names:
        raise unknown(name, value[:40], names)
    return value[:80]


def _read_layer(given: Any) -> Config:
    """A layer's settings, checked."""
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        raise invalid("layers", f"{given!r}"[:60], f"a kind of {', '.join(KINDS)}")
    layer: Config = {"kind": given["kind"]}
    for name, value in given.items():
        if name in ("activation", "initializer"):
            layer[name] = _read("end" if name == "activation" else name, value)
        elif name == "initializer_settings":
            layer[name] = checked(name, value)
        elif name in ("units", "size"):
            most = WIDEST if name == "units" else 8
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not 1 <= value <= most:
                raise invalid(name, f"{value!r}"[:60], f"a whole number, 1 to {most}")
            layer[name] = value
        elif name == "rate":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 <= value < 1:
                raise invalid("rate", f"{value!r}"[:60], "a share, 0 or more, below 1")
            layer[name] = float(value)
        elif name != "kind":
            raise unknown("setting of a layer", str(name)[:40], ["activation", "units"])
    return layer


def _seen(chosen: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Which of the chosen features these columns have."""
    made = tuple(FEATURES) if tuple(columns) == ("x1", "x2") else ()
    return tuple(name for name in chosen if name in columns or name in made)


def features(
    x: np.ndarray, columns: Sequence[str], chosen: Sequence[str]
) -> np.ndarray:
    """What the network sees of the columns of x.

    >>> features(np.array([[2.0, 3.0]]), ("x1", "x2"), ("x1x2", "x2"))
    array([[6., 3.]], dtype=float32)
    """
    if x.ndim != 2 or tuple(chosen) == tuple(columns):
        return x
    seen = []
    for name in chosen:
        if name in columns:
            seen.append(x[:, list(columns).index(name)])
        else:
            seen.append(FEATURES[name](x[:, 0], x[:, 1]))
    return np.stack(seen, 1).astype(np.float32)
