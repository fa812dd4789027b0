"""Transposed convolutions: each cell sends itself, times w, to a window of the output.

They take from the output's size of a convolution back to its input's: the pass that
gives a convolution's δx.
"""

from collections.abc import Sequence
from typing import Any

from onefit.errors import invalid, is_whole
from onefit.initializers import Initializer
from onefit.layers.convolution import Convolution, Filters
from onefit.layers.convolving import convolve_back
from onefit.layers.settings import KernelAndBias
from onefit.layers.taps import Taps
from onefit.types import Array, Params, Shape

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "Convolution1DTranspose",
    "Convolution2DTranspose",
    "Convolution3DTranspose",
]


class _Transposed(KernelAndBias, Convolution, Filters, abstract=True):
    """The sizes of a transposed convolution: here the windows are the input's cells."""

    variant = "transposed"

    _order = "filters kernel_size strides padding output_padding"

    output_padding: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        more = self.output_padding
        if more is None:
            return
        more = more if isinstance(more, tuple) else (more,) * self.rank
        whole = len(more) == self.rank and all(is_whole(n) for n in more)
        if not whole or any(n >= s for n, s in zip(more, self.strides, strict=True)):
            raise invalid(
                type(self).__name__,
                f"output_padding={self.output_padding!r} and strides={self.strides}",
                "whole numbers from 0 to below the strides",
                "leave it out for the usual size",
            )
        object.__setattr__(self, "output_padding", more)

    def kernels(self, channels: int) -> dict[str, tuple[Initializer, Shape]]:
        shape = (*self.kernel_size, self.filters, channels)
        return {"kernel": (self.kernel_initializer, shape)}

    def filters_of(self, channels: int) -> int:
        return self.filters

    def convolved(self, params: Params, x: Array) -> Array:
        return convolve_back(x, params["kernel"], self.geometry(x))

    def output_size(self, length: int, along: int) -> int:
        stride, reach = self.strides[along], self.reach(along)
        if self.output_padding is None:
            valid = self.padding == "valid"
            return (
                stride * (length - 1) + max(reach, stride)
                if valid
                else (stride * length)
            )
        least = reach if self.padding == "valid" else reach % 2
        return stride * (length - 1) + least + self.output_padding[along]

    def taps(self, length: int, along: int) -> Taps:
        stride, reach = self.strides[along], self.reach(along)
        size = self.output_size(length, along)
        outside = stride * (length - 1) + reach - size  # that is cut off on both sides
        # Of an odd number the cell more is cut off at the end, and never below zero.
        before = 0 if self.padding == "valid" else max(outside // 2, 0)
        kernel, dilation = self.kernel_size[along], self.dilation_rate[along]
        return Taps(kernel, stride, dilation, before, size, length)

    def refuse(
        self, given: Shape, axes: Sequence[int], sizes: Sequence[int | None]
    ) -> None:
        along = next(i for i, n in enumerate(sizes) if n is not None and n < 1)
        raise self.misfit(
            f"input of shape {given}: axis {axes[along]} would become "
            f"{sizes[along]} with output_padding={self.output_padding}",
            "a size of at least 1",
            "leave output_padding out",
        )


class Conv1DTranspose(_Transposed):
    """Sends sequences through a kernel: z_m = Σ x_p · w_i + b over s·p + d·i = m.

    Args:
        filters, kernel_size, strides, padding, output_padding, data_format,
            dilation_rate: As in `Conv2DTranspose`, with one number.
        activation, use_bias, kernel_initializer, bias_initializer: As in `Conv2D`.
        kernel_regularizer, bias_regularizer, activity_regularizer: As in `Conv2D`.
        kernel_constraint, bias_constraint: As in `Conv2D`.

    Input and output: (batch, steps, channels) to (batch, new_steps, filters), or
    (batch, channels, steps) and so on; new_steps as in `Conv2DTranspose`.

    Weights: kernel (kernel_size, filters, channels), bias (filters,).

    Raises:
        ValueError: As in `Conv2DTranspose`.

    Example:
        >>> layer = Conv1DTranspose(1, 3, strides=2, kernel_initializer="ones")
        >>> layer(np.array([[[1.0], [10.0]]]))[0, :, 0]
        Array([ 1.,  1., 11., 10., 10.], dtype=float32)

    Source: as `Conv2DTranspose`.
    """

    rank = 1


class Conv2DTranspose(_Transposed):
    """Sends images through a kernel: z_mn = Σ x_pq · w_ij + b, and a = g(z).

    The sum is over what a convolution of the same sizes has in the window p, q at the
    cell m, n: s·p + d·i = m and s·q + d·j = n. So images grow by the stride.

    Args:
        filters: The output's channels.
        kernel_size: The cells that each cell sends to, k: one number, or (height,
            width).
        strides: How far they are from those of the cell before, s.
        padding: "valid" keeps all the cells that are sent to, "same" cuts them so that
            a size grows s times.
        output_padding: How many cells there are beyond the least: from 0 to s − 1.
        data_format: "channels_last" or "channels_first".
        dilation_rate: d, as in `Conv2D`; not together with strides above 1.
        activation, use_bias, kernel_initializer, bias_initializer: As in `Conv2D`.
        kernel_regularizer, bias_regularizer, activity_regularizer: As in `Conv2D`.
        kernel_constraint, bias_constraint: As in `Conv2D`.

    Input and output: (batch, height, width, channels) to (batch, new_height,
    new_width, filters), or (batch, channels, height, width) and so on. A size n becomes
    s·(n − 1) + max(k, s) with "valid" and s·n with "same", where k counts the cells
    reached over; with an output_padding o, s·(n − 1) + k + o and s·(n − 1) + k mod 2
    + o.

    Weights: kernel (height, width, filters, channels), bias (filters,).

    Raises:
        ValueError: An output_padding that is not below the strides; otherwise as in
            `Conv2D`.

    Example:
        >>> layer = Conv2DTranspose(1, 2, strides=2, kernel_initializer="ones")
        >>> layer(np.array([[[[1.0], [2.0]]]]))[0, :, :, 0]
        Array([[1., 1., 2., 2.],
               [1., 1., 2., 2.]], dtype=float32)

    Source: Dumoulin and Visin 2016, arXiv:1603.07285, chapter 4.
    """

    rank = 2


class Conv3DTranspose(_Transposed):
    """Sends volumes through a kernel: `Conv2DTranspose` with three axes.

    Args:
        filters, kernel_size, strides, padding, output_padding, data_format,
            dilation_rate: As in `Conv2DTranspose`, with one number or (depth, height,
            width).
        activation, use_bias, kernel_initializer, bias_initializer: As in `Conv2D`.
        kernel_regularizer, bias_regularizer, activity_regularizer: As in `Conv2D`.
        kernel_constraint, bias_constraint: As in `Conv2D`.

    Input and output: (batch, depth, height, width, channels) to (batch, new_depth,
    new_height, new_width, filters), or (batch, channels, depth, height, width) and so
    on; the new sizes as in `Conv2DTranspose`.

    Weights: kernel (depth, height, width, filters, channels), bias (filters,).

    Raises:
        ValueError: As in `Conv2DTranspose`.

    Example:
        >>> Conv3DTranspose(4, 3, strides=2, padding="same")(
        ...     np.zeros((1, 2, 3, 3, 1))
        ... ).shape
        (1, 4, 6, 6, 4)

    Source: as `Conv2DTranspose`.
    """

    rank = 3


# Keras' older names
Convolution1DTranspose, Convolution2DTranspose, Convolution3DTranspose = (
    Conv1DTranspose,
    Conv2DTranspose,
    Conv3DTranspose,
)
