# ruff: noqa: D102
"""Pooling: the largest, or the mean, of the cells in a window, or of all.

What is the same for sequences, images and volumes stands once; a class adds its rank.
"""

import functools
import math
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import lax

from onefit.checks import one_of
from onefit.description import setting
from onefit.layers.grids import Grid, by_axis, lowered
from onefit.layers.reshaping import data_format
from onefit.layers.two_way import TwoWay
from onefit.layers.windows import Slide, adapted, maxima, means, window_count
from onefit.types import Array, Mask, Params, Shape, Tree

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


# Shared parts -------------------------------------------------------------------------


class _Pooling(Grid, abstract=True):
    """Windows of one size, at one stride."""

    take: ClassVar[Any]

    pool_size: Any
    strides: Any = None
    padding: str = setting(
        default="valid", convert=lowered, check=one_of("valid", "same")
    )
    data_format: Any = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "pool_size", by_axis(self, "pool_size"))
        if self.strides is None:
            object.__setattr__(self, "strides", self.pool_size)
        object.__setattr__(self, "strides", by_axis(self, "strides"))

    def compute(self, params: Params, x: Array) -> Array:
        windows = zip(self.axes(x.shape), self.pool_size, self.strides, strict=True)
        for axis, size, stride in reversed([*windows]):
            slide = Slide.along(axis, x.shape[axis], size, stride, self.padding)
            x = self.take(x, slide)
        return x

    def output_shape(self, input_shape: Shape) -> Shape:
        axes = self.axes(input_shape)
        windows = zip(axes, self.pool_size, self.strides, strict=True)
        counts = {
            axis: None
            if length is None
            else max(window_count(length, size, stride, self.padding), 0)
            for axis, size, stride in windows
            for length in [input_shape[axis]]
        }
        shape = tuple(counts.get(a, size) for a, size in enumerate(input_shape))
        if 0 in counts.values():
            self._refuse(axes, input_shape, shape)
        return shape

    def _refuse(self, axes: tuple[int, ...], given: Shape, shape: Shape) -> None:
        """Refuses windows that are larger than the input."""
        axis = next(a for a in axes if shape[a] == 0)
        size, length = self.pool_size[axes.index(axis)], given[axis]
        same = [
            n
            if n is None or a not in axes
            else window_count(n, 1, self.strides[axes.index(a)], "same")
            for a, n in enumerate(given)
        ]
        raise self.misfit(
            f"input of shape {given}: axis {axis} has size {length}, and "
            f"pool_size={self.pool_size} takes {size}, which makes it {shape}",
            f"a size of at least {size} along axis {axis}",
            f'write padding="same", which makes it {tuple(same)}, or a pool_size '
            f"of at most {length} there, or shrink less in the layers before",
        )


class _MaxPooling(_Pooling, abstract=True):
    role = "max pooling"
    take = staticmethod(maxima)


class _AveragePooling(_Pooling, abstract=True):
    role = "average pooling"
    take = staticmethod(means)


class _GlobalPooling(Grid, abstract=True):
    """One window that is the whole grid."""

    take: ClassVar[Any]

    data_format: Any = setting(default=None, convert=data_format)
    keepdims: bool = False

    def compute(self, params: Params, x: Array) -> Array:
        return self.take(x, self.axes(x.shape), keepdims=self.keepdims)

    def output_shape(self, input_shape: Shape) -> Shape:
        axes = self.axes(input_shape)
        if self.keepdims:
            return self.resized(input_shape, [1] * self.rank)
        return tuple(n for axis, n in enumerate(input_shape) if axis not in axes)


@functools.partial(TwoWay, static=(1, 2))
def _largest(x: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
    """The maximum over neighbouring axes; the derivative is that of the first one.

    JAX's own asks which x equal the maximum. XLA may compute x anew for that, rounded
    otherwise, and then none does: no gradient would come through.
    """
    return jnp.max(x, axes, keepdims=keepdims)


def _largest_forward(x: Array, axes: tuple[int, ...], keepdims: bool) -> Tree:
    shape, first = x.shape, axes[0]
    line = x.reshape(*shape[:first], -1, *shape[first + len(axes) :])
    winner = jnp.argmax(line, first)
    return _largest(x, axes, keepdims), (winner, shape)


def _largest_backward(
    axes: tuple[int, ...], keepdims: bool, kept: Tree, g: Array
) -> tuple[Array]:
    (winner, shape), first = kept, axes[0]
    g = jnp.expand_dims(g.reshape(winner.shape), first)
    cells = lax.broadcasted_iota(
        winner.dtype,
        (
            *shape[:first],
            math.prod(shape[a] for a in axes),
            *shape[first + len(axes) :],
        ),
        first,
    )
    won = cells == jnp.expand_dims(winner, first)
    return (jnp.where(won, g, 0).reshape(shape),)


def _largest_pushed(
    axes: tuple[int, ...], keepdims: bool, kept: Tree, tangents: tuple[Array]
) -> Array:
    (winner, _), (t,), first = kept, tangents, axes[0]
    shape = t.shape
    line = t.reshape(*shape[:first], -1, *shape[first + len(axes) :])
    won = jnp.take_along_axis(line, jnp.expand_dims(winner, first), first)
    return jnp.expand_dims(won.squeeze(first), axes) if keepdims else won.squeeze(first)


_largest.defvjp(_largest_forward, _largest_backward, _largest_pushed)


class _GlobalMaxPooling(_GlobalPooling, abstract=True):
    role = "max pooling"
    take = staticmethod(_largest)


class _GlobalAveragePooling(_GlobalPooling, abstract=True):
    role = "average pooling"
    take = staticmethod(jnp.mean)


class _AdaptivePooling(Grid, abstract=True):
    """As many windows as asked for, of the sizes that cover the input."""

    take: ClassVar[Any]

    output_size: Any
    data_format: Any = setting(default=None, convert=data_format)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "output_size", by_axis(self, "output_size"))

    def compute(self, params: Params, x: Array) -> Array:
        axes = self.axes(x.shape)
        for axis, count in reversed([*zip(axes, self.output_size, strict=True)]):
            x = adapted(x, axis, count, self.take)
        return x

    def output_shape(self, input_shape: Shape) -> Shape:
        return self.resized(input_shape, self.output_size)


class _AdaptiveMaxPooling(_AdaptivePooling, abstract=True):
    role = "max pooling"
    take = staticmethod(maxima)


class _AdaptiveAveragePooling(_AdaptivePooling, abstract=True):
    role = "average pooling"
    take = staticmethod(means)


# The largest of a window --------------------------------------------------------------


class MaxPooling1D(_MaxPooling):
    """The largest of each window of steps: a_p = max_i x_{s·p + i}.

    Args:
        pool_size: The steps of a window, k.
        strides: How far a window is from the one before, s; pool_size by default.
        padding, data_format: As in `MaxPooling2D`.

    Input and output: (batch, steps, channels) to (batch, new_steps, channels), or
    (batch, channels, steps) and so on; new_steps as in `MaxPooling2D`.

    Raises:
        ValueError: As `MaxPooling2D`.

    Example:
        >>> MaxPooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
        Array([3., 2.], dtype=float32)

    Source: Zhou and Chellappa 1988, "Computation of optical flow using a neural
    network".
    """

    rank = 1
    pool_size: Any = (2,)


class MaxPooling2D(_MaxPooling):
    """The largest of each window of an image, by channel: what a filter found there.

    a_{pq} = max_{i<k, j<l} x_{s·p + i, t·q + j} for windows of k · l cells that are s
    and t apart. The derivative is that of the largest cell, of the first such cell of
    the window where several are equal.

    Args:
        pool_size: The size of a window, (k, l), or one number for both.
        strides: How far a window is from the one before, (s, t), or one number for
            both; pool_size by default.
        padding: "valid": windows that fit into the input. "same": one at each stride,
            those at the borders with the cells that there are.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: (batch, height, width, channels) to (batch, new_height, new_width,
    channels), where n cells become ⌊(n − k) / s⌋ + 1 with "valid", ⌈n / s⌉ with "same".

    Raises:
        ValueError: A size or stride below 1, an unknown name, an input that is no batch
            of images, or a window larger than the input with "valid".

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> MaxPooling2D()(x)[0, :, :, 0]
        Array([[ 5.,  7.],
               [13., 15.]], dtype=float32)

    Source: Riesenhuber and Poggio 1999, "Hierarchical models of object recognition in
    cortex"; lecture 004.
    """

    equation = "the largest of each window, by channel"

    rank = 2
    pool_size: Any = (2, 2)


class MaxPooling3D(_MaxPooling):
    """The largest of each window of a volume: a_p = max_i x_{s·p + i} along three axes.

    Args:
        pool_size: The size of a window, three numbers or one for all.
        strides: How far a window is from the one before; pool_size by default.
        padding, data_format: As in `MaxPooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, channels), with sizes as in `MaxPooling2D`.

    Raises:
        ValueError: As `MaxPooling2D`.

    Example:
        >>> MaxPooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[[[[7.0]]]]]

    Source: as `MaxPooling2D`.
    """

    rank = 3
    pool_size: Any = (2, 2, 2)


# The mean of a window -----------------------------------------------------------------


class AveragePooling1D(_AveragePooling):
    """The mean of each window of steps: a_p = 1/k Σ_{i<k} x_{s·p + i}.

    Args:
        pool_size: The steps of a window, k.
        strides: How far a window is from the one before, s; pool_size by default.
        padding, data_format: As in `AveragePooling2D`.

    Input and output: (batch, steps, channels) to (batch, new_steps, channels), with
    new_steps as in `MaxPooling2D`.

    Raises:
        ValueError: As `MaxPooling2D`.

    Example:
        >>> AveragePooling1D(2)(np.array([[[1.0], [3.0], [2.0], [0.0]]]))[0, :, 0]
        Array([2., 1.], dtype=float32)

    Source: as `AveragePooling2D`.
    """

    rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window of an image, by channel.

    a_{pq} = 1/(k·l) Σ_{i<k, j<l} x_{s·p + i, t·q + j}, for windows as in
    `MaxPooling2D`.

    Args:
        pool_size: The size of a window, (k, l), or one number for both.
        strides: How far a window is from the one before, (s, t), or one number for
            both; pool_size by default.
        padding: As in `MaxPooling2D`; with "same" a window at the border is the mean of
            the cells that there are, without zeros.
        data_format: As in `MaxPooling2D`.

    Input and output: (batch, height, width, channels) to (batch, new_height, new_width,
    channels), with sizes as in `MaxPooling2D`.

    Raises:
        ValueError: As `MaxPooling2D`.

    Example:
        >>> x = np.arange(16.0).reshape(1, 4, 4, 1)
        >>> AveragePooling2D(2)(x)[0, :, :, 0]
        Array([[ 2.5,  4.5],
               [10.5, 12.5]], dtype=float32)

    Source: LeCun et al. 1998, "Gradient-based learning applied to document
    recognition".
    """

    equation = "the mean of each window, by channel"

    rank = 2


class AveragePooling3D(_AveragePooling):
    """The mean of each window of a volume, by channel.

    Args:
        pool_size: The size of a window, three numbers or one for all.
        strides: How far a window is from the one before; pool_size by default.
        padding, data_format: As in `AveragePooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, channels), with sizes as in `MaxPooling2D`.

    Raises:
        ValueError: As `MaxPooling2D`.

    Example:
        >>> AveragePooling3D(2)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[[[[3.5]]]]]

    Source: as `AveragePooling2D`.
    """

    rank = 3


# The whole grid -----------------------------------------------------------------------


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest over all steps, by channel: a = max_t x_t.

    Args:
        data_format, keepdims: As in `GlobalMaxPooling2D`.

    Input and output: (batch, steps, channels) to (batch, channels), or (batch, 1,
    channels) with keepdims.

    Raises:
        ValueError: As `GlobalMaxPooling2D`.

    A mask does not reach it, as in Keras: steps that are not there count too.

    Example:
        >>> GlobalMaxPooling1D()(np.array([[[1.0, 4.0], [3.0, 2.0]]]))
        Array([[3., 4.]], dtype=float32)

    Source: Collobert et al. 2011, "Natural language processing (almost) from scratch".
    """

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest of a whole image, by channel: a = max_{ij} x_{ij}.

    Differs from Keras: of cells that are the largest together the first has the
    derivative, as in `MaxPooling2D` (Keras shares it among them).

    Args:
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).
        keepdims: Whether height and width stay, with size 1.

    Input and output: (batch, height, width, channels) to (batch, channels); with
    keepdims (batch, 1, 1, channels), or (batch, channels, 1, 1) for "channels_first".

    Raises:
        ValueError: An unknown data_format, an input that is no batch of images, or one
            without cells.

    Example:
        >>> GlobalMaxPooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
        Array([[6., 7.]], dtype=float32)

    Source: Oquab et al. 2015, "Is object localization for free?".
    """

    equation = "the largest of each channel"

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPooling):
    """The largest of a whole volume, by channel.

    Args:
        data_format, keepdims: As in `GlobalMaxPooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, channels), or
    (batch, 1, 1, 1, channels) with keepdims.

    Raises:
        ValueError: As `GlobalMaxPooling2D`.

    Example:
        >>> GlobalMaxPooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1))
        Array([[7.]], dtype=float32)

    Source: as `GlobalMaxPooling2D`.
    """

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean over the steps that there are: a = Σ_t m_t · x_t / Σ_t m_t.

    m is the mask of the input, 1 where it has none.

    Args:
        data_format, keepdims: As in `GlobalMaxPooling2D`.

    Input and output: (batch, steps, channels) to (batch, channels), or (batch, 1,
    channels) with keepdims. The output has no mask.

    Raises:
        ValueError: As `GlobalMaxPooling2D`.

    Differs from Keras: the mean of a sequence without steps is 0, not NaN.

    Example:
        >>> layer, x = GlobalAveragePooling1D(), np.array([[[1.0], [3.0], [8.0]]])
        >>> layer(x).tolist(), layer(x, mask=np.array([[True, True, False]])).tolist()
        ([[4.0]], [[2.0]])

    Source: as `GlobalAveragePooling2D`.
    """

    rank = 1
    supports_masking = True
    then_mask = True

    def compute(self, params: Params, x: Array, *, mask: Array | None = None) -> Array:
        if mask is None:
            return super().compute(params, x)
        axes = self.axes(x.shape)
        there = jnp.expand_dims(mask, 3 - axes[0])
        total = jnp.sum(jnp.where(there, x, 0), axes, keepdims=self.keepdims)
        count = jnp.sum(there, axes, keepdims=self.keepdims)
        return total / jnp.maximum(count, 1).astype(x.dtype)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> None:
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean of a whole image, by channel: a = 1/(h·w) Σ_{ij} x_{ij}.

    Args:
        data_format, keepdims: As in `GlobalMaxPooling2D`.

    Input and output: (batch, height, width, channels) to (batch, channels); with
    keepdims (batch, 1, 1, channels), or (batch, channels, 1, 1) for "channels_first".

    Raises:
        ValueError: As `GlobalMaxPooling2D`.

    Example:
        >>> GlobalAveragePooling2D()(np.arange(8.0).reshape(1, 2, 2, 2))
        Array([[3., 4.]], dtype=float32)

    Source: Lin et al. 2014, "Network in network", arXiv:1312.4400.
    """

    equation = "the mean of each channel"

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePooling):
    """The mean of a whole volume, by channel.

    Args:
        data_format, keepdims: As in `GlobalMaxPooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, channels), or
    (batch, 1, 1, 1, channels) with keepdims.

    Raises:
        ValueError: As `GlobalMaxPooling2D`.

    Example:
        >>> GlobalAveragePooling3D()(np.arange(8.0).reshape(1, 2, 2, 2, 1))
        Array([[3.5]], dtype=float32)

    Source: as `GlobalAveragePooling2D`.
    """

    rank = 3


# To a size ----------------------------------------------------------------------------


class AdaptiveMaxPooling1D(_AdaptiveMaxPooling):
    """The largest of each of `output_size` windows of steps, whatever the length.

    Args:
        output_size: How many windows.
        data_format: As in `AdaptiveMaxPooling2D`.

    Input and output: (batch, steps, channels) to (batch, output_size, channels).

    Raises:
        ValueError: As `AdaptiveMaxPooling2D`.

    Example:
        >>> AdaptiveMaxPooling1D(2)(np.arange(5.0).reshape(1, 5, 1))[0, :, 0]
        Array([2., 4.], dtype=float32)

    Source: as `AdaptiveMaxPooling2D`.
    """

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPooling):
    """The largest of each of `output_size` windows of an image, whatever its size.

    Along an axis of n cells that becomes m, window p has the cells from ⌊p·n / m⌋ to
    before ⌈(p + 1)·n / m⌉: neighbours share a cell where m does not divide n. The
    derivative is as in `MaxPooling2D`.

    Args:
        output_size: (new_height, new_width), or one number for both. One above the
            input's size repeats cells.
        data_format: "channels_last", or "channels_first" for (batch, channels, height,
            width).

    Input and output: (batch, height, width, channels) to (batch, new_height, new_width,
    channels), or (batch, channels, new_height, new_width).

    Raises:
        ValueError: A size below 1, an unknown data_format, an input that is no batch of
            images, or one without cells.

    Example:
        >>> AdaptiveMaxPooling2D((1, 2))(np.arange(9.0).reshape(1, 3, 3, 1)).tolist()
        [[[[7.0], [8.0]]]]

    Source: He et al. 2014, "Spatial pyramid pooling in deep convolutional networks",
    arXiv:1406.4729; PyTorch's `AdaptiveMaxPool2d`.
    """

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPooling):
    """The largest of each of `output_size` windows of a volume, whatever its size.

    Args:
        output_size: (new_depth, new_height, new_width), or one number for all.
        data_format: As in `AdaptiveMaxPooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, channels).

    Raises:
        ValueError: As `AdaptiveMaxPooling2D`.

    Example:
        >>> AdaptiveMaxPooling3D(1)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[[[[7.0]]]]]

    Source: as `AdaptiveMaxPooling2D`.
    """

    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of steps, whatever the length.

    Args:
        output_size: How many windows.
        data_format: As in `AdaptiveMaxPooling2D`.

    Input and output: (batch, steps, channels) to (batch, output_size, channels).

    Raises:
        ValueError: As `AdaptiveMaxPooling2D`.

    Example:
        >>> AdaptiveAveragePooling1D(2)(np.arange(5.0).reshape(1, 5, 1))[0, :, 0]
        Array([1., 3.], dtype=float32)

    Source: as `AdaptiveMaxPooling2D`.
    """

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of an image, whatever its size.

    The windows are those of `AdaptiveMaxPooling2D`.

    Args:
        output_size: (new_height, new_width), or one number for both. One above the
            input's size repeats cells.
        data_format: As in `AdaptiveMaxPooling2D`.

    Input and output: (batch, height, width, channels) to (batch, new_height, new_width,
    channels), or (batch, channels, new_height, new_width).

    Raises:
        ValueError: As `AdaptiveMaxPooling2D`.

    Example:
        >>> x = np.arange(9.0).reshape(1, 3, 3, 1)
        >>> AdaptiveAveragePooling2D((1, 2))(x).tolist()
        [[[[3.5], [4.5]]]]

    Source: as `AdaptiveMaxPooling2D`.
    """

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePooling):
    """The mean of each of `output_size` windows of a volume, whatever its size.

    Args:
        output_size: (new_depth, new_height, new_width), or one number for all.
        data_format: As in `AdaptiveMaxPooling2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, channels).

    Raises:
        ValueError: As `AdaptiveMaxPooling2D`.

    Example:
        >>> AdaptiveAveragePooling3D(1)(np.arange(8.0).reshape(1, 2, 2, 2, 1)).tolist()
        [[[[[3.5]]]]]

    Source: as `AdaptiveMaxPooling2D`.
    """

    rank = 3


# Keras' short names -------------------------------------------------------------------

MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
