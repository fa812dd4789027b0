# ruff: noqa: D102
"""Densely connected layers."""

import math

import jax.numpy as jnp

from onefit.layers.low_rank import LowRank
from onefit.layers.products import matmul
from onefit.layers.settings import Affine, Units
from onefit.types import Array, Float, Generator, Params, Shape, State

__all__ = ["Dense"]


def project(
    x: Float[Array, "*lead"], kernel: Float[Array, "*sizes"], axes: int = 1
) -> Array:
    """x·W over the last axes of x and as many first axes of W, as one flat product.

    XLA flattens the product of an array of many axes, but not its gradient by W, which
    is then slower on a CPU: a tenth of a transformer's step.

    >>> project(np.ones((2, 3, 4)), np.ones((4, 5, 6))).shape
    (2, 3, 5, 6)
    """
    lead, rest = x.shape[: x.ndim - axes], kernel.shape[axes:]
    inner = math.prod(kernel.shape[:axes])
    flat = matmul(jnp.reshape(x, (-1, inner)), jnp.reshape(kernel, (inner, -1)))
    return flat.reshape(*lead, *rest)


class Dense(Affine, Units, LowRank):
    """A layer of units that each see every input: a = g(x·W + b).

    Unit j of layer l computes z_j = w_j · a^[l-1] + b_j and a_j = g(z_j); the columns
    of W are the vectors w_j.

    Args:
        units: How many units, the size of the output's last axis.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        kernel_initializer: How W starts.
        bias_initializer: How b starts.
        kernel_regularizer, bias_regularizer: Penalties on W and b, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What W and b are put through after a step.

    Input and output: (batch, ..., features) to (batch, ..., units).

    Weights: kernel (features, units), bias (units,).

    Raises:
        ValueError: units below 1, an unknown name, an input without a features axis or
            with another number of features than the layer was built for.

    Example:
        >>> layer = Dense(2, activation="relu", kernel_initializer="ones")
        >>> layer(np.array([[1.0, 2.0], [3.0, -4.0]]))
        Array([[3., 3.],
               [0., 0.]], dtype=float32)

    Source: lecture 001, "Handwritten digit recognition"; lecture 004, section 2.2.
    """

    role = "dense"

    supports_masking = True

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        features = input_shape[-1]
        params = {"kernel": self.kernel_initializer.draw(rng, (features, self.units))}
        if self.use_bias:
            params["bias"] = self.bias_initializer.draw(rng, (self.units,))
        return params, {}

    def compute(
        self, params: Params, x: Float[Array, "batch *places features"]
    ) -> Float[Array, "batch *places units"]:
        z = project(x, params["kernel"])
        if self.use_bias:
            z = z + params["bias"]
        return self.activation(z)

    def output_shape(self, input_shape: Shape) -> Shape:
        features = input_shape[-1] if len(input_shape) > 1 else None
        if features is None:
            raise self.misfit(
                "input with one axis"
                if len(input_shape) < 2
                else f"input of shape {input_shape}",
                "rows of features, (batch, ..., features)",
                "write x[None] for one example, x.reshape(-1, 1) for many of one "
                "number each",
            )
        known = self.slot.params["kernel"].shape[0] if self.built else features
        fix = f"give x {known} columns, or make a new layer"
        self.as_built(features, known, "features", input_shape, fix)
        return (*input_shape[:-1], self.units)
