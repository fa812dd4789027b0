"""Convolutions of each channel by itself, and with a product over channels behind."""

from typing import Any

from onefit.checks import whole
from onefit.description import setting
from onefit.initializers import Initializer
from onefit.layers.convolution import Convolution, Filters
from onefit.layers.convolving import convolve
from onefit.layers.dense import project
from onefit.layers.settings import constraint, initial, regularizer
from onefit.types import Array, Function, Params, Shape

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


class _Channelwise(Convolution, abstract=True):
    """A convolution with depth_multiplier filters for each channel."""

    together = True
    depth_multiplier: int = setting(default=1, check=whole(1))
    depthwise_initializer: Any = initial("glorot_uniform")

    def start_of_channels(self, channels: int) -> tuple[Initializer, Shape]:
        """How the kernel of the channels starts, and its shape."""
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        return self.depthwise_initializer, shape

    def channelwise(self, kernel: Array, x: Array) -> Array:
        """Each channel convolved with its own filters."""
        *sizes, channels, many = kernel.shape
        kernel = kernel.reshape(*sizes, 1, channels * many)
        return convolve(x, kernel, self.geometry(x, channels))


# One kernel ---------------------------------------------------------------------------


class _Depthwise(_Channelwise, abstract=True):
    variant = "depthwise"

    _order = "kernel_size strides padding depth_multiplier"

    bias_initializer: Any = initial("zeros")
    depthwise_regularizer: Any = regularizer()
    bias_regularizer: Any = regularizer()
    activity_regularizer: Any = regularizer()
    depthwise_constraint: Any = constraint()
    bias_constraint: Any = constraint()

    # The weight is called kernel, and its rules depthwise, as in Keras.

    @property
    def kernel_regularizer(self) -> Function | None:
        """The penalty on the weight that is called kernel."""
        return self.depthwise_regularizer

    @property
    def kernel_constraint(self) -> Function | None:
        """What the weight that is called kernel is put through after a step."""
        return self.depthwise_constraint

    def kernels(self, channels: int) -> dict[str, tuple[Initializer, Shape]]:
        return {"kernel": self.start_of_channels(channels)}

    def filters_of(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def convolved(self, params: Params, x: Array) -> Array:
        return self.channelwise(params["kernel"], x)


class DepthwiseConv1D(_Depthwise):
    """Convolves each channel of sequences by itself.

    Args:
        kernel_size, strides, padding, depth_multiplier, data_format, dilation_rate: As
            in `DepthwiseConv2D`, with one number.
        activation, use_bias, depthwise_initializer, bias_initializer: As there.
        depthwise_regularizer, bias_regularizer, activity_regularizer: As there.
        depthwise_constraint, bias_constraint: As there.

    Input and output: (batch, steps, channels) to (batch, new_steps, channels ·
    depth_multiplier), or (batch, channels, steps) and so on; new_steps as in `Conv2D`.

    Weights: kernel (kernel_size, channels, depth_multiplier), bias (channels ·
    depth_multiplier,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> layer = DepthwiseConv1D(2, depthwise_initializer="ones")
        >>> layer(np.array([[[1.0, 10.0], [2.0, 20.0]]]))
        Array([[[ 3., 30.]]], dtype=float32)

    Source: as `DepthwiseConv2D`.
    """

    rank = 1


class DepthwiseConv2D(_Depthwise):
    """Convolves each channel of images by itself, with filters of its own.

    z_pqc = Σ_ij x_{s·p + d·i, s·q + d·j, c} · w_ijc + b_c, and a = g(z).

    Args:
        kernel_size, strides, padding, data_format, dilation_rate: As in `Conv2D`; here
            strides and dilation_rate may both be above 1.
        depth_multiplier: How many filters each channel has.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        depthwise_initializer, bias_initializer: How w and b start.
        depthwise_regularizer, bias_regularizer: Penalties, added to the loss.
        activity_regularizer: Penalty on a.
        depthwise_constraint, bias_constraint: What w and b are put through after a
            step.

    Input and output: (batch, height, width, channels) to (batch, new_height,
    new_width, channels · depth_multiplier), or (batch, channels, height, width) and so
    on; the new sizes as in `Conv2D`. Channel c's filters are neighbours.

    Weights: kernel (height, width, channels, depth_multiplier), bias (channels ·
    depth_multiplier,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> layer = DepthwiseConv2D((1, 2), depthwise_initializer="ones")
        >>> layer(np.array([[[[1.0, 10.0], [2.0, 20.0]]]]))
        Array([[[[ 3., 30.]]]], dtype=float32)

    Source: Howard et al. 2017, arXiv:1704.04861.
    """

    rank = 2


# Two kernels --------------------------------------------------------------------------


class _Separable(_Channelwise, Filters, abstract=True):
    variant = "separable"

    _order = (
        "filters kernel_size strides padding data_format dilation_rate depth_multiplier"
    )

    pointwise_initializer: Any = initial("glorot_uniform")
    bias_initializer: Any = initial("zeros")
    depthwise_regularizer: Any = regularizer()
    pointwise_regularizer: Any = regularizer()
    bias_regularizer: Any = regularizer()
    activity_regularizer: Any = regularizer()
    depthwise_constraint: Any = constraint()
    pointwise_constraint: Any = constraint()
    bias_constraint: Any = constraint()

    def kernels(self, channels: int) -> dict[str, tuple[Initializer, Shape]]:
        between = channels * self.depth_multiplier
        shape = (*(1,) * self.rank, between, self.filters)
        return {
            "depthwise_kernel": self.start_of_channels(channels),
            "pointwise_kernel": (self.pointwise_initializer, shape),
        }

    def filters_of(self, channels: int) -> int:
        return self.filters

    def convolved(self, params: Params, x: Array) -> Array:
        between = self.channelwise(params["depthwise_kernel"], x)
        pointwise = params["pointwise_kernel"]
        return project(between, pointwise.reshape(pointwise.shape[-2:]))


class SeparableConv1D(_Separable):
    """Convolves each channel of sequences by itself, then mixes the channels.

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate,
            depth_multiplier: As in `SeparableConv2D`, with one number.
        activation, use_bias: As there.
        depthwise_initializer, pointwise_initializer, bias_initializer: As there.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer,
            activity_regularizer: As there.
        depthwise_constraint, pointwise_constraint, bias_constraint: As there.

    Input and output: (batch, steps, channels) to (batch, new_steps, filters), or
    (batch, channels, steps) and so on; new_steps as in `Conv2D`.

    Weights: depthwise_kernel (kernel_size, channels, depth_multiplier),
    pointwise_kernel (1, channels · depth_multiplier, filters), bias (filters,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> SeparableConv1D(3, 2)(np.zeros((1, 5, 2))).shape
        (1, 4, 3)

    Source: as `SeparableConv2D`.
    """

    rank = 1


class SeparableConv2D(_Separable):
    """Convolves each channel of images by itself, then mixes them: z = (x * w) · v + b.

    A convolution with filters · channels · height · width weights, made of two with
    far fewer: w is a `DepthwiseConv2D`'s, v a `Dense` layer's on the channels.

    Args:
        filters: The output's channels.
        kernel_size, strides, padding, data_format, dilation_rate: As in `Conv2D`; here
            strides and dilation_rate may both be above 1.
        depth_multiplier: How many filters each channel has before they are mixed.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        depthwise_initializer, pointwise_initializer, bias_initializer: How w, v and b
            start.
        depthwise_regularizer, pointwise_regularizer, bias_regularizer: Penalties, added
            to the loss.
        activity_regularizer: Penalty on a.
        depthwise_constraint, pointwise_constraint, bias_constraint: What w, v and b are
            put through after a step.

    Input and output: (batch, height, width, channels) to (batch, new_height,
    new_width, filters), or (batch, channels, height, width) and so on; the new sizes as
    in `Conv2D`.

    Weights: depthwise_kernel (height, width, channels, depth_multiplier),
    pointwise_kernel (1, 1, channels · depth_multiplier, filters), bias (filters,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> layer = SeparableConv2D(
        ...     1, 2, depthwise_initializer="ones", pointwise_initializer="ones"
        ... )
        >>> layer(np.ones((1, 2, 2, 3)))
        Array([[[[12.]]]], dtype=float32)

    Source: Chollet 2016, arXiv:1610.02357.
    """

    rank = 2


# Keras' older names
SeparableConvolution1D, SeparableConvolution2D = SeparableConv1D, SeparableConv2D
