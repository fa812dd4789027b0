"""The networks for tables: RealMLP, TabM, and two plain rows beside them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from onefit.layers import (
    CategoryOneHot,
    CategoryVectors,
    Concatenate,
    EinsumDense,
    EnsembleDense,
    FadingDropout,
    FeatureScale,
    Input,
    NTPDense,
    ParametricActivation,
    PeriodicEmbedding,
    Reshape,
    RobustScaling,
)
from onefit.layers.base import Layer
from onefit.layers.symbolic import Tensor
from onefit.models import Model
from onefit.optimizers import Adam, AdamW, Optimizer
from onefit.optimizers.schedules import CosineLogCycles, FlatCosineDecay
from onefit.tables.heads import HEADS, Head
from onefit.tables.inputs import Goal, Inputs
from onefit.types import Config

__all__ = ["KINDS", "Kind", "Shape", "network", "settled", "shape_of"]

ONE_HOT = 8
"""Known values up to which a category is columns; with more it is a vector."""

VECTOR = 8
"""The size of such a vector."""


@dataclasses.dataclass(frozen=True)
class Shape:
    """What shapes the networks of one table.

    Attributes:
        numbers: How many columns of numbers there are.
        sizes: The known values of each column of categories.
        outputs: What the head of the problem needs.
        problem: A name of `HEADS`.
        ends: Whether the ends of an interval are said, in place of the number.
        doubles: How many columns of categories, the last, are numbers once more.
    """

    numbers: int
    sizes: tuple[int, ...]
    outputs: int
    problem: str
    ends: bool = False
    doubles: int = 0

    @property
    def head(self) -> Head:
        """How the target is learned, or the ends of an interval around it."""
        head = HEADS[self.problem]
        return head.ends if self.ends else head

    def categories(self) -> list[tuple[str, list[int], type[Layer]]]:
        """Columns with few values, and with many: a name, which, and their layer."""
        known = [i for i, size in enumerate(self.sizes) if size]
        few = [i for i in known if self.sizes[i] <= ONE_HOT]
        many = [i for i in known if self.sizes[i] > ONE_HOT]
        both = [("few", few, CategoryOneHot), ("many", many, CategoryVectors)]
        return [one for one in both if one[1]]

    def columns(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """The inputs of a network by name."""
        made = {"numbers": inputs.numbers} if self.numbers else {}
        own = ((name, inputs.codes[:, at]) for name, at, _ in self.categories())
        return made | dict(own)


def shape_of(
    goal: Goal, numbers: int, sizes: tuple[int, ...], doubles: int = 0
) -> Shape:
    """The shape of networks for this target and these columns."""
    outputs = HEADS[goal.problem].outputs(len(goal.classes or ()))
    return Shape(numbers, sizes, outputs, goal.problem, doubles=doubles)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of network.

    Attributes:
        title: Its name on the leaderboard.
        body: From the prepared columns to what the last layer takes.
        settings: What it is made and trained with, unless told otherwise.
        members: Networks inside one, each with an output of its own; 0 for none.
        plain: Whether columns of numbers stay as they are, instead of being embedded.
    """

    title: str
    body: Callable[[Tensor, "Kind", Config], Tensor]
    settings: Config
    members: int = 0
    plain: bool = False

    def optimizer(self, settings: Config, steps: int) -> Optimizer:
        """What trains it for so many steps."""
        rate, decay = settings["rate"], settings["weight_decay"]
        if self.members:
            schedule: Any = FlatCosineDecay(rate, steps)
            return AdamW(schedule, weight_decay=decay, global_clipnorm=1.0)
        adam = {"beta_2": settings.get("beta_2", 0.95), "epsilon": 1e-8}
        schedule = CosineLogCycles(rate, steps)
        if not decay:
            return Adam(schedule, **adam)
        optimizer = AdamW(schedule, weight_decay=decay, **adam)
        optimizer.exclude_from_weight_decay(var_names=STILL)
        return optimizer


def _linear(x: Tensor, kind: Kind, settings: Config) -> Tensor:
    del kind, settings
    return x


def _mlp(x: Tensor, kind: Kind, settings: Config) -> Tensor:
    del kind
    for _ in range(settings["layers"]):
        x = NTPDense(settings["width"], settings["activation"])(x)
    return x


def _realmlp(x: Tensor, kind: Kind, settings: Config) -> Tensor:
    del kind
    x = FeatureScale()(x)
    for i in range(settings["layers"]):
        x = NTPDense(settings["width"])(x)
        x = ParametricActivation(settings["activation"])(x)
        rate, steps = settings["dropout"], settings["steps"]
        x = FadingDropout(rate, steps, name=f"dropout_{i}")(x) if rate else x
    return x


def _tabm(x: Tensor, kind: Kind, settings: Config) -> Tensor:
    for i in range(settings["layers"]):
        start = "ones" if i else {"class_name": "RandomNormal", "config": {"stddev": 1}}
        layer = EnsembleDense(
            settings["width"], kind.members, "relu", input_initializer=start
        )
        x = FadingDropout(settings["dropout"], settings["steps"])(layer(x))
    return x


PLAIN = {"layers": 0, "width": 0, "dropout": 0.0, "weight_decay": 0.0, "last": "zeros"}

KINDS = {
    "linear": Kind("linear network", _linear, {**PLAIN, "limit": None}, plain=True),
    "mlp": Kind("small MLP", _mlp, {**PLAIN, "layers": 1, "width": 64}, plain=True),
    "realmlp": Kind(
        "RealMLP",
        _realmlp,
        {"layers": 3, "width": 256, "dropout": 0.15, "weight_decay": 0.02},
    ),
    "tabm": Kind(
        "TabM",
        _tabm,
        {"layers": 2, "width": 128, "dropout": 0.1, "weight_decay": 3e-4, "rate": 2e-3},
        members=8,
    ),
}
"""The kinds of networks by name. Rates and activations depend on the problem."""

STILL = ["bias", "strength", "frequency", "phase"]
"""Weights that do not decay: those whose rate is a tenth decay a hundredth in the
recipe, which is nothing."""


def settled(kind: Kind, shape: Shape, changes: Config) -> Config:
    """All settings of a network: those of the problem, the kind, and the changes."""
    own = {
        "rate": shape.head.rate,
        "activation": shape.head.activation,
        "last": {"class_name": "RandomNormal", "config": {"stddev": 1.0}},
    }
    return own | kind.settings | changes


def network(kind: Kind, shape: Shape, settings: Config) -> Model:
    """A network for a table, not trained and not compiled.

    Its inputs are those of `Shape.columns`; its output are logits, or
    target values whose training rows have mean 0 and deviation 1: (batch, outputs), or
    (batch, members) and (batch, members, outputs).

    >>> shape = Shape(3, (2, 40), 1, "binary")
    >>> network(KINDS["realmlp"], shape, settled(KINDS["realmlp"], shape, {"steps": 9})
    ...        ).output_shape
    (None, 1)
    """
    given, parts = [], []
    if shape.numbers:
        numbers = Input((shape.numbers,), name="numbers")
        scaled = RobustScaling(settings.get("limit", 3.0))(numbers)
        given.append(numbers)
        sigma = settings.get("sigma", 0.1)
        parts.append(scaled if kind.plain else PeriodicEmbedding(sigma=sigma)(scaled))
    for name, at, layer in shape.categories():
        codes = Input((len(at),), dtype="int32", name=name)
        given.append(codes)
        sizes = [shape.sizes[i] for i in at]
        if layer is CategoryVectors:
            width = shape.outputs if kind.body is _linear else VECTOR
            parts.append(CategoryVectors(sizes, units=width)(codes))
        else:
            made = CategoryOneHot(sizes)(codes)
            parts.append(made if kind.plain else RobustScaling()(made))
    x = Concatenate()(parts) if len(parts) > 1 else parts[0]
    x = kind.body(x, kind, settings)
    if not kind.members:
        said = shape.head.last
        last = NTPDense(shape.outputs, said, kernel_initializer=settings["last"])
        return Model(given, last(x))
    size = (kind.members, shape.outputs)
    y = EinsumDense("bmi,mio->bmo", size, shape.head.last, bias_axes="mo")(x)
    return Model(given, y if shape.outputs > 1 else Reshape(size[:1])(y))
