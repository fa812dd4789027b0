# ruff: noqa: D102
"""Layers that arrange numbers anew and compute nothing."""

import math
from typing import Any

import jax.numpy as jnp

from onefit import config
from onefit.checks import whole
from onefit.description import setting
from onefit.errors import invalid, mistyped, unknown
from onefit.layers.base import Layer
from onefit.types import Array, Params, Shape

__all__ = ["Flatten", "Permute", "RepeatVector", "Reshape"]

FORMATS = ("channels_last", "channels_first")


def data_format(name: str | None) -> str:
    """Where an image's channels are; None is as `set_image_data_format` says."""
    if name is not None and name not in FORMATS:
        raise unknown("data_format", name, FORMATS)
    return name or config.image_data_format()


def _sizes(place: str, name: str, value: object) -> None:
    """Refuses all but a tuple of whole numbers."""
    if not isinstance(value, tuple) or not all(type(size) is int for size in value):
        raise mistyped(
            place,
            f"{name}={value!r}",
            "a tuple of whole numbers",
            f"write {place}(({value},))" if isinstance(value, int) else "",
        )


def _target(place: str, name: str, value: Any) -> None:
    """Refuses all but sizes of which one at most is -1."""
    _sizes(place, name, value)
    if value.count(-1) > 1 or any(size < 1 and size != -1 for size in value):
        raise invalid(
            place,
            f"{name}={value}",
            "positive sizes, and -1 at most once",
            "leave the batch out: it stays as it is",
        )


def _permutation(place: str, name: str, value: Any) -> None:
    """Refuses all but the numbers from 1 on in some order."""
    _sizes(place, name, value)
    counted = tuple(range(1, len(value) + 1))
    if tuple(sorted(value)) != counted:
        raise invalid(
            place,
            f"{name}={value}",
            f"each of {counted} once",
            "count from 1 and leave the batch out: it stays first",
        )


class Flatten(Layer):
    """Makes each example a vector: (batch, h, w, c) to (batch, h·w·c).

    Args:
        data_format: "channels_last", or "channels_first" for inputs of (batch, c, h,
            w): their channels are moved last before flattening, so that both give the
            same vector.

    Input and output: (batch, ...) to (batch, features); (batch,) to (batch, 1).

    Raises:
        ValueError: An unknown data_format.

    Example:
        >>> Flatten()(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
        Array([[1., 2., 3., 4.]], dtype=float32)

    Source: lecture 004.
    """

    role = "shape"
    equation = "the same numbers in one row: (batch, h, w, c) to (batch, h·w·c)"

    data_format: str = setting(default=None, convert=data_format)

    def compute(self, params: Params, x: Array) -> Array:
        if self.data_format == "channels_first" and x.ndim > 1:
            x = jnp.moveaxis(x, 1, -1)
        return jnp.reshape(x, self.output_shape(x.shape))

    def output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes = input_shape
        return (batch, None if None in sizes else math.prod(n or 0 for n in sizes))


class Reshape(Layer):
    """Gives each example another shape: the same numbers in the same order.

    Args:
        target_shape: The new shape without the batch; -1 for the size that follows
            from the others.

    Input and output: (batch, ...) to (batch, *target_shape).

    Raises:
        TypeError: A target_shape that is no tuple of whole numbers.
        ValueError: Two or more -1, or an input with another number of elements.

    Example:
        >>> Reshape((2, -1))(np.array([[1.0, 2.0, 3.0, 4.0]]))
        Array([[[1., 2.],
                [3., 4.]]], dtype=float32)

    Source: numpy's reshape, in C order.
    """

    role = "shape"

    target_shape: tuple[int, ...] = setting(check=_target)

    def compute(self, params: Params, x: Array) -> Array:
        return jnp.reshape(x, self.output_shape(x.shape))

    def output_shape(self, input_shape: Shape) -> Shape:
        batch, *sizes = input_shape
        target = self.target_shape
        if None in sizes:
            return (batch, *(None if size == -1 else size for size in target))
        count = math.prod(n or 0 for n in sizes)
        known = math.prod(size for size in target if size != -1)
        if count % known or (-1 not in target and count != known):
            raise self.misfit(
                f"input of shape {input_shape}: {count} numbers an example",
                f"{known}{' or a multiple' if -1 in target else ''}, "
                f"for target_shape {target}",
                f"choose sizes whose product is {count}, or write -1 for one",
            )
        return (batch, *(count // known if size == -1 else size for size in target))


class Permute(Layer):
    """Puts the axes of each example in another order.

    Args:
        dims: The old axes in their new order, counted from 1; the batch stays first.

    Input and output: (batch, d_1, ..., d_n) to (batch, d_dims[0], d_dims[1], ...).

    Raises:
        ValueError: dims that are no permutation of 1 to n, or an input with another
            number of axes.

    Example:
        >>> Permute((2, 1))(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
        Array([[[1., 3.],
                [2., 4.]]], dtype=float32)

    Source: numpy's transpose.
    """

    role = "shape"

    dims: tuple[int, ...] = setting(check=_permutation)

    def compute(self, params: Params, x: Array) -> Array:
        return jnp.transpose(x, (0, *self.dims))

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != len(self.dims) + 1:
            raise self.misfit(
                f"input of shape {input_shape}",
                f"a batch and {len(self.dims)} axes, for dims {self.dims}",
                "name every axis but the batch in dims",
            )
        return (input_shape[0], *(input_shape[dim] for dim in self.dims))


class RepeatVector(Layer):
    """Repeats each vector n times: (batch, features) to (batch, n, features).

    Args:
        n: How many times.

    Input and output: (batch, features) to (batch, n, features).

    Raises:
        ValueError: n below 1, or an input that is no batch of vectors.

    Example:
        >>> RepeatVector(2)(np.array([[1.0, 2.0]]))
        Array([[[1., 2.],
                [1., 2.]]], dtype=float32)

    Source: Keras, `keras.layers.RepeatVector`.
    """

    role = "shape"

    n: int = setting(check=whole(1))

    def compute(self, params: Params, x: Array) -> Array:
        return jnp.broadcast_to(x[:, None, :], self.output_shape(x.shape))

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise self.misfit(
                f"input of shape {input_shape}",
                "(batch, features)",
                "put Flatten() before it",
            )
        return (input_shape[0], self.n, input_shape[1])
