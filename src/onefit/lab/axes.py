"""What varies in a map of two settings: each as changes of a design, and in a program.

Beside the settings that every network has, each number of the optimizer's own is one.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from onefit.checks import Between
from onefit.description import Field
from onefit.lab.design import Design
from onefit.lab.settings import kind, numeric
from onefit.models import Model

__all__ = ["Axis", "axes"]

Put = Callable[[Design, Any], Design]
Paths = Callable[[Model], list[str]]


@dataclasses.dataclass(frozen=True)
class Axis:
    """A setting that varies.

    Attributes:
        low, high: Between which values.
        scale: Values 'even', by equal factors, or near 'one'.
        put: A design with another value.
        paths: Where the value is in a model, as `population.fit` names it; [] where
            each value is a network of its own.
        whole: Whether values are whole numbers.
    """

    low: float
    high: float
    scale: Literal["even", "factor", "one"]
    put: Put
    paths: Paths
    whole: bool = False

    def values(self, count: int, rows: int) -> list[float]:
        """So many values, of whole numbers perhaps fewer.

        Args:
            count: How many.
            rows: More than these no whole number is.
        """
        low, high = self.low, self.high
        if self.whole:
            high = min(high, max(rows, low + 1))
        if self.scale == "factor":
            found = np.geomspace(low, high, count)
        elif self.scale == "one":
            found = 1 - np.geomspace(1 - low, 1 - high, count)
        else:
            found = np.linspace(low, high, count)
        if self.whole:
            return sorted({int(v) for v in np.rint(found)})
        return [float(f"{v:.3g}") for v in found]


def axes(design: Design) -> dict[str, Axis]:
    """What of a design can vary, by name.

    >>> list(axes(Design(optimizer="adagrad", layers=())))[:3]
    ['rate', 'batch', 'penalty_rate']
    >>> axes(Design())["units"].values(6, 500)
    [1, 2, 4, 8, 16, 32]
    """
    found = {"rate": Axis(1e-3, 10, "factor", _plain("rate"), _at("learning_rate"))}
    if any(one["kind"] == "dense" for one in design.layers):
        found["units"] = Axis(1, 32, "factor", _units, _hidden("units"), True)
        found["layers"] = Axis(1, 6, "even", _layers, lambda model: [], True)
        found["dropout"] = Axis(0, 0.8, "even", _dropout, _of("Dropout", "rate"))
    found["batch"] = Axis(1, 256, "factor", _plain("batch"), _at("batch_size"), True)
    found["penalty_rate"] = Axis(1e-5, 1, "factor", _penalty, _penalties)
    made, begun = design.begun()
    for name, field in numeric(made).items():
        if kind(field) == "number" and field.number:
            put, default = _own(name), begun.get(name, field.default)
            found[name] = Axis(*_span(field, default), put, _at(field.name))
    return found


def _span(field: Field, default: Any) -> tuple[float, float, Any]:
    """Where values of a setting of the optimizer lie, by its bounds and default."""
    check = field.check
    assert isinstance(check, Between)
    most = check.maximum if check.maximum is not None else check.below
    if most == 1:
        return 0.0, 0.999, "one"
    if default:
        return default / 1000, default * 1000, "factor"
    return 1e-4, 10.0, "factor"


def _plain(name: str) -> Put:
    return lambda design, value: design.changed({name: value})


def _own(name: str) -> Put:
    return lambda design, value: design.changed({"optimizer_settings": {name: value}})


def _at(path: str) -> Paths:
    return lambda model: [path]


def _hidden(setting: str) -> Paths:
    """A setting of every dense layer but the last."""
    return lambda model: _of("Dense", setting)(model)[:-1]


def _of(kind: str, setting: str) -> Paths:
    """A setting of every layer of a kind."""
    return lambda model: [
        f"{layer.name}.{setting}"
        for layer in model.layers
        if type(layer).__name__ == kind
    ]


def _penalties(model: Model) -> list[str]:
    """The factors of all penalties of kernels."""
    found = []
    for layer in model.layers:
        penalty = getattr(layer, "kernel_regularizer", None)
        if penalty is not None:
            name = type(penalty).__name__.lower()
            found.append(f"{layer.name}.kernel_regularizer.{name}")
    return found


def _units(design: Design, value: int) -> Design:
    return design.changed(
        {
            "layers": [
                {**one, **({"units": value} if one["kind"] == "dense" else {})}
                for one in design.layers
            ]
        }
    )


def _layers(design: Design, value: int) -> Design:
    """As many hidden dense layers: the last ones go, or the last one is repeated."""
    layers = [dict(one) for one in design.layers]
    dense = [i for i, one in enumerate(layers) if one["kind"] == "dense"]
    for at in reversed(dense[value:]):
        del layers[at]
    last = dense[min(value, len(dense)) - 1]
    more = [dict(layers[last]) for _ in range(value - len(dense))]
    return design.changed({"layers": [*layers[: last + 1], *more, *layers[last + 1 :]]})


def _dropout(design: Design, value: float) -> Design:
    """Every dropout at this rate; one before the last layer, where there is none."""
    layers = [dict(one) for one in design.layers]
    if not any(one["kind"] == "dropout" for one in layers):
        layers.append({"kind": "dropout"})
    for one in layers:
        if one["kind"] == "dropout":
            one["rate"] = value
    return design.changed({"layers": layers})


def _penalty(design: Design, value: float) -> Design:
    kind = "l2" if design.penalty == "none" else design.penalty
    return design.changed({"penalty": kind, "penalty_rate": value})
