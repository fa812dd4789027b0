# ruff: noqa: D102
"""Convolutions: units that see a window of their input, the same at each place.

What is the same for sequences, images and volumes stands once; a class adds its rank.
"""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import jax.numpy as jnp

from onefit import initializers
from onefit.checks import whole
from onefit.description import Description, setting
from onefit.errors import invalid, unknown
from onefit.initializers import Initializer
from onefit.layers.convolving import convolve
from onefit.layers.grids import Grid, by_axis, lowered
from onefit.layers.low_rank import LowRank
from onefit.layers.reshaping import data_format
from onefit.layers.settings import Activated, KernelAndBias
from onefit.layers.taps import Geometry, Taps
from onefit.layers.windows import window_count
from onefit.types import Array, Float, Generator, Params, Shape, State

__all__ = [
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "Convolution",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "Filters",
    "Windows",
]


# Shared parts -------------------------------------------------------------------------


def padding_name(place: str, name: str, value: object) -> None:
    """Refuses all but "valid" and "same", and "causal" for `Conv1D`."""
    if value == "causal" and place != "Conv1D":
        one = place.endswith("1D")
        raise invalid(
            place,
            "padding='causal'",
            "'valid' or 'same': only Conv1D looks at the past alone",
            "pad the past: ZeroPadding1D((dilation_rate * (kernel_size - 1), 0)) "
            "before it"
            if one
            else "write padding='same'",
        )
    known = ("valid", "same", "causal")[: 3 if place == "Conv1D" else 2]
    if value not in known:
        raise unknown(f"padding of {place}", value, known)


class Windows(Description):
    """How the windows of a convolution lie."""

    kernel_size: Any
    strides: Any = 1
    padding: str = setting(default="valid", convert=lowered, check=padding_name)
    data_format: Any = setting(default=None, convert=data_format)
    dilation_rate: Any = 1


class Filters(Description):
    """How many filters there are, the channels of the output."""

    filters: int = setting(check=whole(1, fix="write filters=1 for one"))


class Convolution(Activated, Windows, Grid, abstract=True):
    """Base of layers with a kernel that slides: sizes by axis, bias, activation.

    A subclass writes `kernels`, `filters_of` and `convolved`.
    """

    role = "convolution"
    variant: ClassVar[Literal["", "depthwise", "separable", "transposed"]] = ""
    """How a kernel meets the channels, if not all at once."""

    bias_initializer = initializers.Zeros()  # not annotated: a setting of subclasses

    together: ClassVar[bool] = False
    """Whether strides and dilation_rate may both be above 1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernel_size", "strides", "dilation_rate"):
            object.__setattr__(self, name, by_axis(self, name))
        if not self.together and max(self.strides) > 1 < max(self.dilation_rate):
            raise invalid(
                type(self).__name__,
                f"strides={self.strides} and dilation_rate={self.dilation_rate}",
                "1 for one of the two",
                "write strides=1 and take each second step of the output, or "
                "dilation_rate=1",
            )

    def kernels(self, channels: int) -> dict[str, tuple[Initializer, Shape]]:
        """The kernels by name: how each starts, and its shape."""
        raise NotImplementedError(f"{type(self).__name__} has no kernels method")

    def filters_of(self, channels: int) -> int:
        """The channels of the output."""
        raise NotImplementedError(f"{type(self).__name__} has no filters_of method")

    def convolved(self, params: Params, x: Array) -> Array:
        """The z without b, of an input with channels last."""
        raise NotImplementedError(f"{type(self).__name__} has no convolved method")

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        channels = self.channels(input_shape)
        params = {
            name: start.draw(rng, shape)
            for name, (start, shape) in self.kernels(channels).items()
        }
        if self.use_bias:
            filters = self.filters_of(channels)
            params["bias"] = self.bias_initializer.draw(rng, (filters,))
        return params, {}

    def compute(
        self, params: Params, x: Float[Array, " batch *cells"]
    ) -> Float[Array, " batch *windows"]:
        first = self.data_format == "channels_first"
        z = self.convolved(params, jnp.moveaxis(x, 1, -1) if first else x)
        if self.use_bias:
            z = z + params["bias"]
        return self.activation(jnp.moveaxis(z, -1, 1) if first else z)

    def channels(self, input_shape: Shape) -> int:
        """The input's channels; refused when they are open, or others than before."""
        axes = self.axes(input_shape)
        axis = 1 if axes[0] == 2 else len(input_shape) - 1
        channels = input_shape[axis]
        if channels is None:
            raise self.misfit(
                f"input of shape {input_shape}",
                f"a known number of channels along axis {axis}",
                "write it in Input(shape=...), or data_format='channels_first' if "
                "channels come first",
            )
        known = self.slot.input_shape[axis] if self.built else channels
        fix = f"give x {known} channels along axis {axis}, or make a new layer"
        self.as_built(channels, known, "channels", input_shape, fix)
        return channels

    def multiplications(self, input_shape: Shape) -> int:
        # Each weight of a kernel is met once a window.
        kernels = self.kernels(self.channels(input_shape)).values()
        windows = min(
            math.prod(shape[a] or 1 for a in self.axes(shape))
            for shape in (input_shape, self.output_shape(input_shape))
        )
        return windows * sum(math.prod(n or 1 for n in shape) for _, shape in kernels)

    def output_shape(self, input_shape: Shape) -> Shape:
        channels, axes = self.channels(input_shape), self.axes(input_shape)
        sizes = [
            None if n is None else self.output_size(n, along)
            for along, n in enumerate(input_shape[a] for a in axes)
        ]
        if any(size is not None and size < 1 for size in sizes):
            self.refuse(input_shape, axes, sizes)
        shape = [*self.resized(input_shape, sizes)]
        shape[1 if axes[0] == 2 else -1] = self.filters_of(channels)
        return tuple(shape)

    # How the windows lie: overridden where the windows are the input's cells ----------

    def reach(self, along: int) -> int:
        """How many cells a window reaches over along an axis: d·(k − 1) + 1."""
        return self.dilation_rate[along] * (self.kernel_size[along] - 1) + 1

    def output_size(self, length: int, along: int) -> int:
        """The windows along an axis of this length."""
        counted = "valid" if self.padding == "valid" else "same"
        return window_count(length, self.reach(along), self.strides[along], counted)

    def taps(self, length: int, along: int) -> Taps:
        """What the windows see along an axis of this length."""
        stride, count = self.strides[along], self.output_size(length, along)
        outside = max(stride * (count - 1) + self.reach(along) - length, 0)
        if self.padding == "causal":  # all zeros are in the past
            outside = 2 * (self.reach(along) - 1)
        dilation, size = self.dilation_rate[along], self.kernel_size[along]
        return Taps(size, stride, dilation, outside // 2, length, count)

    def geometry(self, x: Array, groups: int = 1) -> Geometry:
        """What the windows see of this input, the channels last."""
        lengths = enumerate(x.shape[1:-1])
        return Geometry(tuple(self.taps(n, along) for along, n in lengths), groups)

    def refuse(
        self, given: Shape, axes: Sequence[int], sizes: Sequence[int | None]
    ) -> None:
        """Refuses an input that is smaller than the windows."""
        along = next(i for i, n in enumerate(sizes) if n is not None and n < 1)
        axis, reach, length = axes[along], self.reach(along), given[axes[along]] or 0
        far, size = self.dilation_rate[along], self.kernel_size[along]
        dilated = f" with dilation_rate={self.dilation_rate}" if far > 1 else ""
        same = [
            n if n is None else window_count(n, 1, self.strides[i], "same")
            for i, n in enumerate(given[a] for a in axes)
        ]
        raise self.misfit(
            f"input of shape {given}: axis {axis} has size {length}, and "
            f"kernel_size={self.kernel_size}{dilated} reaches over {reach} there",
            f"a size of at least {reach} along axis {axis}",
            "write padding='same', which makes the sizes "
            f"{tuple(same)}, or a kernel_size of at most "
            f"{min((length - 1) // far + 1, size)} there, or shrink less in the layers "
            "before",
        )


class _Conv(KernelAndBias, Convolution, Filters, LowRank, abstract=True):
    _order = "filters kernel_size strides padding data_format dilation_rate groups"

    groups: int = setting(default=1, check=whole(1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filters % self.groups:
            raise invalid(
                type(self).__name__,
                f"filters={self.filters} and groups={self.groups}",
                "as many filters in each group",
                f"write filters={-(-self.filters // self.groups) * self.groups}",
            )

    def kernels(self, channels: int) -> dict[str, tuple[Initializer, Shape]]:
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        return {"kernel": (self.kernel_initializer, shape)}

    def filters_of(self, channels: int) -> int:
        if channels % self.groups:
            raise self.misfit(
                f"{channels} channels and groups={self.groups}",
                "as many channels in each group",
                f"write groups={math.gcd(channels, self.groups)}",
            )
        return self.filters

    def convolved(self, params: Params, x: Array) -> Array:
        return convolve(x, params["kernel"], self.geometry(x, self.groups))


# The layers ---------------------------------------------------------------------------


class Conv1D(_Conv):
    """Convolves sequences: z_p = Σ_i x_{s·p + d·i} · w_i + b, and a = g(z).

    Args:
        filters: How many units see each window, the output's channels.
        kernel_size: The steps of a window, k.
        strides: How far a window is from the one before, s.
        padding: "valid" for windows inside the input; "same" for zeros around it, so
            that the size stays (at stride 1); "causal" for zeros before it, so that no
            unit sees a later step than its own.
        data_format: "channels_last" or "channels_first".
        dilation_rate: d, so that a window reaches over d·(k − 1) + 1 steps.
        groups: In how many groups the channels are seen, each by its own filters.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        kernel_initializer, bias_initializer: How w and b start.
        kernel_regularizer, bias_regularizer: Penalties, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What w and b are put through after a step.

    Input and output: (batch, steps, channels) to (batch, new_steps, filters), or
    (batch, channels, steps) and so on; new_steps as in `Conv2D`.

    Weights: kernel (kernel_size, channels / groups, filters), bias (filters,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> layer = Conv1D(1, 2, padding="causal", kernel_initializer="ones")
        >>> layer(np.array([[[1.0], [2.0], [3.0]]]))[0, :, 0]
        Array([1., 3., 5.], dtype=float32)

    Source: lecture 004, section 2.3.1; van den Oord et al. 2016, arXiv:1609.03499,
    for causal padding.
    """

    rank = 1


class Conv2D(_Conv):
    """Convolves images: z_pq = Σ_ij x_{s·p + d·i, s·q + d·j} · w_ij + b, and a = g(z).

    A unit of a dense layer sees the whole image with weights of its own. A unit here
    sees a window of kernel_size cells, and the units of a filter share w and b: they
    look for the same thing, each at its own place. x · w sums over the channels.

    Args:
        filters: How many units see each window, the output's channels.
        kernel_size: The cells of a window, k: one number, or (height, width).
        strides: How far a window is from the one before, s.
        padding: "valid" for windows inside the image, "same" for zeros around it so
            that the size stays (at stride 1): half of them, rounded down, before it.
        data_format: "channels_last" or "channels_first".
        dilation_rate: d, so that a window reaches over d·(k − 1) + 1 cells; not
            together with strides above 1.
        groups: In how many groups the channels are seen, each by its own filters.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        kernel_initializer, bias_initializer: How w and b start.
        kernel_regularizer, bias_regularizer: Penalties, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What w and b are put through after a step.

    Input and output: (batch, height, width, channels) to (batch, new_height,
    new_width, filters), or (batch, channels, height, width) and so on. A size n becomes
    ⌊(n + 2p − k) / s⌋ + 1 with p zeros on each side and k the cells reached over: with
    "valid" p is 0, with "same" it is what makes the size ⌈n / s⌉.

    Weights: kernel (height, width, channels / groups, filters), bias (filters,).

    Raises:
        ValueError: A size that is no positive whole number, strides and dilation_rate
            both above 1, filters or channels that groups do not divide, an unknown
            name, an input that is no batch of images, is smaller than a window, or has
            other channels than the layer was built for.

    Example:
        >>> layer = Conv2D(1, 2, kernel_initializer="ones", activation="relu")
        >>> layer(np.arange(9.0).reshape(1, 3, 3, 1))[0, :, :, 0]
        Array([[ 8., 12.],
               [20., 24.]], dtype=float32)

    Source: lecture 004, section 2.3.1; Dumoulin and Visin 2016, arXiv:1603.07285.
    """

    equation = "z_pq = Σ_ij x_{p+i, q+j}·w_ij + b, for each filter, and a = g(z)"

    rank = 2


class Conv3D(_Conv):
    """Convolves volumes: z_p = Σ_i x_{s·p + d·i} · w_i + b, p and i of three numbers.

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate, groups: As
            in `Conv2D`, with one number or (depth, height, width).
        activation, use_bias, kernel_initializer, bias_initializer: As in `Conv2D`.
        kernel_regularizer, bias_regularizer, activity_regularizer: As in `Conv2D`.
        kernel_constraint, bias_constraint: As in `Conv2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, filters), or (batch, channels, depth, height, width) and so
    on; the new sizes as in `Conv2D`.

    Weights: kernel (depth, height, width, channels / groups, filters), bias (filters,).

    Raises:
        ValueError: As in `Conv2D`.

    Example:
        >>> Conv3D(4, 3, padding="same")(np.zeros((1, 2, 5, 5, 1))).shape
        (1, 2, 5, 5, 4)

    Source: lecture 004, section 2.3.1.
    """

    rank = 3


# Keras' older names
Convolution1D, Convolution2D, Convolution3D = Conv1D, Conv2D, Conv3D
