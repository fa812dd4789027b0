# ruff: noqa: D102
"""Activations as layers of their own."""

from typing import Any

import jax.numpy as jnp

from onefit import activations
from onefit.description import number, off, setting
from onefit.layers.base import Layer
from onefit.layers.settings import constraint, initial, regularizer
from onefit.layers.shapes import Same, SameShape, from_front, having, whole_axes
from onefit.layers.symbolic import Tensor
from onefit.types import Function, Generator, Mask, Params, Shape, State

__all__ = ["ELU", "Activation", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class Activation(SameShape, Layer):
    """An activation as a layer: a = g(z).

    Args:
        activation: g, a name or a function.

    Input and output: any shape, the same.

    Raises:
        ValueError: An unknown name.

    Example:
        >>> Activation("relu")(np.array([-1.0, 2.0]))
        Array([0., 2.], dtype=float32)

    Source: lecture 002, "Activation functions".
    """

    role = "activation"

    activation: Any = setting(convert=activations.get)

    def compute(self, params: Params, x: Same) -> Same:
        return self.activation(x)

    def before(self, link: str) -> Layer | None:
        linked = self.activation is activations.get(link)
        return self.replace(activation=activations.linear) if linked else None


def _activated(self: Tensor, activation: Function) -> Any:
    """An activation of a value of a graph, as a layer of it."""
    return Activation(activation)(self)


Tensor.activated = _activated  # pyright: ignore[reportAttributeAccessIssue] - given here


class ReLU(SameShape, Layer):
    """The rectified linear unit: g(z) = max(0, z), and its variants.

    g(z) = max_value where z ≥ max_value, z where threshold ≤ z < max_value, and
    negative_slope · (z − threshold) below.

    Args:
        max_value: The largest output; None is no limit.
        negative_slope: The slope below the threshold.
        threshold: Where the unit starts.

    Input and output: any shape, the same.

    Raises:
        ValueError: A negative number.

    Example:
        >>> ReLU(max_value=6)(np.array([-1.0, 2.0, 9.0]))
        Array([0., 2., 6.], dtype=float32)

    Source: lecture 002, "ReLU".
    """

    role = "activation"

    max_value: float | None = number(default=None, minimum=0, optional=True)
    negative_slope: float = number(default=0.0, minimum=0)
    threshold: float = number(default=0.0, minimum=0)

    @property
    def ends_in(self) -> Function:
        if not (off(self.negative_slope) and off(self.threshold)):
            return activations.leaky_relu
        return activations.relu if self.max_value is None else activations.relu6

    def compute(self, params: Params, x: Same) -> Same:
        return activations.relu(
            x,
            negative_slope=self.negative_slope,
            max_value=self.max_value,
            threshold=self.threshold,
        )


class LeakyReLU(SameShape, Layer):
    """A ReLU that still learns below zero: g(z) = z where z ≥ 0, else slope · z.

    Args:
        negative_slope: The slope below zero, Keras' 0.3. The lectures use 0.01, and
            the activation "leaky_relu" has 0.2.

    Input and output: any shape, the same.

    Raises:
        ValueError: A negative slope.

    Example:
        >>> LeakyReLU(0.01)(np.array([-1.0, 2.0]))
        Array([-0.01,  2.  ], dtype=float32)

    Source: lecture 002, "Leaky ReLU".
    """

    role = "activation"

    negative_slope: float = number(default=0.3, minimum=0)

    @property
    def ends_in(self) -> Function:
        return activations.leaky_relu

    def compute(self, params: Params, x: Same) -> Same:
        return activations.leaky_relu(x, negative_slope=self.negative_slope)


class PReLU(SameShape, Layer):
    """A leaky ReLU that learns its slopes: g(z) = z where z > 0, else alpha · z.

    Args:
        alpha_initializer: How the slopes start.
        alpha_regularizer: Penalty on the slopes, added to the loss.
        alpha_constraint: What the slopes are put through after a step.
        shared_axes: Axes along which one slope serves all, the batch being axis 0:
            [1, 2] gives an image one slope a channel.

    Input and output: (batch, ...), the same.

    Weights: alpha, of the input's shape without the batch, 1 along shared axes.

    Raises:
        ValueError: A shared axis that is not there, or an axis of unknown size that is
            not shared.

    Example:
        >>> PReLU(alpha_initializer="ones")(np.array([[-1.0, 2.0]]))
        Array([[-1.,  2.]], dtype=float32)

    Source: He et al. 2015, "Delving deep into rectifiers", arXiv:1502.01852.
    """

    role = "activation"

    alpha_initializer: Any = initial("zeros")
    alpha_regularizer: Any = regularizer()
    alpha_constraint: Any = constraint()
    shared_axes: Any = setting(
        default=None, convert=lambda axes: (axes,) if isinstance(axes, int) else axes
    )

    @property
    def ends_in(self) -> Function:
        return activations.leaky_relu

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        shape = self._slopes(input_shape)
        return {"alpha": self.alpha_initializer.draw(rng, shape)}, {}

    def compute(self, params: Params, x: Same) -> Same:
        return jnp.where(x > 0, x, params["alpha"] * x)

    def output_shape(self, input_shape: Shape) -> Shape:
        shape = self._slopes(input_shape)
        known = self.slot.params["alpha"].shape if self.built else shape
        if None in shape or shape != tuple(known):
            sizes = "known sizes" if None in shape else f"slopes of shape {known}"
            raise self.misfit(
                f"input of shape {input_shape}",
                f"{sizes} along the axes that are not shared",
                "share an axis that varies: PReLU(shared_axes=[1])",
            )
        return input_shape

    def _slopes(self, input_shape: Shape) -> Shape:
        """The shape of alpha for this input."""
        ndim, shared = len(input_shape), tuple(self.shared_axes or ())
        if any(not 1 <= a < ndim for a in shared):
            raise self.misfit(
                f"shared_axes={shared} and input of shape {input_shape}",
                f"axes from 1 to {ndim - 1}",
                "count from the batch, which is axis 0",
            )
        sizes = enumerate(input_shape[1:], start=1)
        return tuple(1 if a in shared else size for a, size in sizes)


class ELU(SameShape, Layer):
    """The exponential linear unit: g(z) = z where z > 0, else alpha · (eᶻ − 1).

    Args:
        alpha: The output approached as z falls is −alpha.

    Input and output: any shape, the same.

    Example:
        >>> ELU()(np.array([-1.0, 2.0]))
        Array([-0.6321,  2.    ], dtype=float32)

    Source: Clevert et al. 2016, arXiv:1511.07289; lecture 004.
    """

    role = "activation"

    alpha: float = number(default=1.0)

    @property
    def ends_in(self) -> Function:
        return activations.elu

    def compute(self, params: Params, x: Same) -> Same:
        return activations.elu(x, alpha=self.alpha)


class Softmax(SameShape, Layer):
    """Probabilities that sum to one: a_j = e^z_j / Σ_k e^z_k.

    Args:
        axis: The axis, or axes, along which they sum to one.

    A call takes a mask that broadcasts to the input: where it is False, a is 0.

    Input and output: any shape, the same.

    Raises:
        ValueError: An axis that the input does not have.

    Example:
        >>> Softmax()(np.array([[0.0, np.log(3.0)]]))
        Array([[0.25, 0.75]], dtype=float32)
        >>> Softmax()(np.array([[1.0, 5.0]]), mask=np.array([[True, False]]))
        Array([[1., 0.]], dtype=float32)

    Source: lecture 002, "Softmax".
    """

    role = "activation"
    then_mask = True

    axis: Any = setting(default=-1, check=whole_axes)

    @property
    def ends_in(self) -> Function:
        return activations.softmax

    def compute(self, params: Params, x: Same, mask: Mask = None) -> Same:
        axis = from_front(self.axis, x.ndim)
        if mask is None or (mask.ndim == 2 < x.ndim and mask.shape == x.shape[:2]):
            # One of steps alone is handed on.
            return activations.softmax(x, axis=axis)
        pairs = zip(mask.shape[::-1], x.shape[::-1], strict=False)
        if mask.ndim > x.ndim or any(m not in (1, n) for m, n in pairs):
            raise self.misfit(
                f"a mask of shape {mask.shape} for an input of shape {x.shape}",
                "one that broadcasts to the input",
                "give it the shape of the input",
            )
        mask = mask.astype(bool)
        a = activations.softmax(jnp.where(mask, x, jnp.finfo(x.dtype).min), axis=axis)
        return jnp.where(mask, a, 0.0)

    def before(self, link: str) -> Layer | None:
        linked = link == "softmax" and self.axis == -1
        return Activation(activations.linear, name=self.name) if linked else None

    def output_shape(self, input_shape: Shape) -> Shape:
        return having(self, self.axis, input_shape)
