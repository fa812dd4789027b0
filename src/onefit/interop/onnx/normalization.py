"""Normalizations that ONNX has; the others are formulas."""

from typing import Any

import numpy as np

from onefit import layers
from onefit.interop.onnx.builder import Arrays, Builder, Row, Value
from onefit.layers.shapes import from_front

__all__ = ["ROWS"]


def _weight(
    b: Builder, weights: Arrays, name: str, like: np.ndarray, usual: float
) -> str:
    """A weight, or what stands for one that the layer does without."""
    if name in weights:
        return b.weight(name, weights[name])
    return b.constant(np.full(like.shape, usual, like.dtype))


def batch(
    b: Builder, layer: layers.BatchNormalization, weights: Arrays, x: Value
) -> str | None:
    """BatchNormalization, with the moving averages."""
    rank = len(x.shape)
    axes: Any = from_front(layer.axis, rank)
    if rank < 2 or len(axes) > 1 or axes == (0,):
        return None
    mean = weights["moving_mean"]
    order = (0, axes[0], *(a for a in range(1, rank) if a != axes[0]))
    y = b.op(
        "BatchNormalization",
        b.transpose(x.name, order),
        _weight(b, weights, "gamma", mean, 1.0),
        _weight(b, weights, "beta", mean, 0.0),
        b.weight("moving_mean", mean),
        b.weight("moving_variance", weights["moving_variance"]),
        epsilon=float(layer.epsilon),
    )
    return b.transpose(y, np.argsort(order).tolist())


def layer_(
    b: Builder, layer: layers.LayerNormalization, weights: Arrays, x: Value
) -> str | None:
    """LayerNormalization over the last axis."""
    rank = len(x.shape)
    if from_front(layer.axis, rank) != (rank - 1,) or layer.rms_scaling:
        return None
    like = np.empty(x.shape[-1] or 0, x.dtype)
    bias = [b.weight("beta", weights["beta"])] if "beta" in weights else []
    gamma = _weight(b, weights, "gamma", like, 1.0)
    settings = {"axis": -1, "epsilon": float(layer.epsilon)}
    return b.op("LayerNormalization", x.name, gamma, *bias, **settings)


ROWS: dict[type, Row] = {
    layers.BatchNormalization: batch,
    layers.LayerNormalization: layer_,
}
