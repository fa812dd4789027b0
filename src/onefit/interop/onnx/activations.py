"""Activations, as layers and inside them."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from onefit import activations, layers
from onefit.description import off
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value
from onefit.interop.onnx.tracing import call
from onefit.types import Function

__all__ = ["ROWS", "activated", "by_number"]

Formula: TypeAlias = Callable[[Builder, str], str]
"""Writes an activation: from the name of a value to that of its result."""


def _op(kind: str, **attributes: object) -> Formula:
    return lambda b, x: b.op(kind, x, **attributes)


# Those that act on each number by itself.
BY_NUMBER: dict[Function, Formula] = {
    activations.linear: lambda b, x: x,
    activations.relu: _op("Relu"),
    activations.sigmoid: _op("Sigmoid"),
    activations.tanh: _op("Tanh"),
    activations.elu: _op("Elu", alpha=1.0),
    activations.selu: _op("Selu"),
    activations.celu: _op("Celu", alpha=1.0),
    activations.softplus: _op("Softplus"),
    activations.softsign: _op("Softsign"),
    activations.mish: _op("Mish"),
    activations.exponential: _op("Exp"),
    activations.hard_sigmoid: _op("HardSigmoid", alpha=1 / 6, beta=0.5),
    activations.hard_silu: _op("HardSwish"),
    activations.leaky_relu: _op("LeakyRelu", alpha=0.2),
    activations.silu: lambda b, x: b.op("Mul", x, b.op("Sigmoid", x)),
}
# Those that act on a row of numbers, the last axis.
BY_ROW: dict[Function, Formula] = {
    activations.softmax: _op("Softmax", axis=-1),
    activations.log_softmax: _op("LogSoftmax", axis=-1),
}


def by_number(function: Function) -> bool:
    """Whether an activation has an operation that acts on each number by itself."""
    return function in BY_NUMBER


def activated(b: Builder, function: Function, x: Value) -> str:
    """g(x): one operation where ONNX has it, the formula of any other."""
    known = BY_NUMBER.get(function) or BY_ROW.get(function)
    return known(b, x.name) if known else call(b, function, x).name


# Layers -------------------------------------------------------------------------------


def activation(b: Builder, layer: layers.Activation, weights: Arrays, x: Value) -> str:
    """Activation."""
    return activated(b, layer.activation, x)


def relu(b: Builder, layer: layers.ReLU, weights: Arrays, x: Value) -> str | None:
    """ReLU with a slope or an upper bound; other kinds by their formula."""
    high, slope = layer.max_value, layer.negative_slope
    if not off(layer.threshold) or (high is not None and not off(slope)):
        return None
    if high is not None:
        bounds = (b.constant(v, x.dtype) for v in (0.0, high))
        return b.op("Clip", x.name, *bounds)
    return b.op("Relu", x.name) if off(slope) else leaky(b, layer, weights, x)


def leaky(
    b: Builder, layer: layers.LeakyReLU | layers.ReLU, weights: Arrays, x: Value
) -> str:
    """LeakyReLU."""
    return b.op("LeakyRelu", x.name, alpha=float(layer.negative_slope))


def elu(b: Builder, layer: layers.ELU, weights: Arrays, x: Value) -> str:
    """ELU."""
    return b.op("Elu", x.name, alpha=float(layer.alpha))


def prelu(b: Builder, layer: layers.PReLU, weights: Arrays, x: Value) -> str:
    """PReLU."""
    return b.op("PRelu", x.name, b.weight("alpha", weights["alpha"]))


def softmax(b: Builder, layer: layers.Softmax, weights: Arrays, x: Value) -> str | None:
    """Softmax along one axis."""
    if np.ndim(layer.axis):
        return None
    return b.op("Softmax", x.name, axis=layer.axis)


ROWS: dict[type, Row] = {
    layers.Activation: activation,
    layers.ELU: elu,
    layers.LeakyReLU: leaky,
    layers.PReLU: prelu,
    layers.ReLU: relu,
    layers.Softmax: softmax,
}
