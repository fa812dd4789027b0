"""Activations, as layers and inside them."""

from typing import Any

import numpy as np

from onefit import activations, layers
from onefit.description import off
from onefit.interop.onnx.builder import Builder, Value
from onefit.interop.onnx.tracing import call

__all__ = ["ROWS", "activated", "by_number"]


def _op(kind: str, **attributes: Any) -> Any:
    return lambda b, x: b.op(kind, x, **attributes)


# Those that act on each number by itself.
BY_NUMBER: dict[Any, Any] = {
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
BY_ROW: dict[Any, Any] = {
    activations.softmax: _op("Softmax", axis=-1),
    activations.log_softmax: _op("LogSoftmax", axis=-1),
}


def by_number(function: Any) -> bool:
    """Whether an activation has an operation that acts on each number by itself."""
    return function in BY_NUMBER


def activated(b: Builder, function: Any, x: Value) -> str:
    """g(x): one operation where ONNX has it, the formula of any other."""
    known = BY_NUMBER.get(function) or BY_ROW.get(function)
    return known(b, x.name) if known else call(b, function, x).name


# Layers -------------------------------------------------------------------------------


def activation(b: Builder, layer: Any, weights: Any, x: Value) -> str:
    """Activation."""
    return activated(b, layer.activation, x)


def relu(b: Builder, layer: Any, weights: Any, x: Value) -> str | None:
    """ReLU with a slope or an upper bound; other kinds by their formula."""
    bounded, slope = layer.max_value is not None, layer.negative_slope
    if not off(layer.threshold) or (bounded and not off(slope)):
        return None
    if bounded:
        bounds = (b.constant(v, x.dtype) for v in (0.0, layer.max_value))
        return b.op("Clip", x.name, *bounds)
    return b.op("Relu", x.name) if off(slope) else leaky(b, layer, weights, x)


def leaky(b: Builder, layer: Any, weights: Any, x: Value) -> str:
    """LeakyReLU."""
    return b.op("LeakyRelu", x.name, alpha=float(layer.negative_slope))


def elu(b: Builder, layer: Any, weights: Any, x: Value) -> str:
    """ELU."""
    return b.op("Elu", x.name, alpha=float(layer.alpha))


def prelu(b: Builder, layer: Any, weights: Any, x: Value) -> str:
    """PReLU."""
    return b.op("PRelu", x.name, b.weight("alpha", weights["alpha"]))


def softmax(b: Builder, layer: Any, weights: Any, x: Value) -> str | None:
    """Softmax along one axis."""
    if np.ndim(layer.axis):
        return None
    return b.op("Softmax", x.name, axis=layer.axis)


ROWS: dict[type, Any] = {
    layers.Activation: activation,
    layers.ELU: elu,
    layers.LeakyReLU: leaky,
    layers.PReLU: prelu,
    layers.ReLU: relu,
    layers.Softmax: softmax,
}
