"""Recurrent layers whose products are convolutions: for images that follow in time."""

from typing import Any, ClassVar, NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.checks import one_of
from onefit.description import setting
from onefit.errors import invalid
from onefit.layers.cells import LSTMFormula, LSTMRecurrence
from onefit.layers.convolution import Filters, Windows
from onefit.layers.convolving import convolve, convolve_back, correlate
from onefit.layers.grids import by_axis, lowered
from onefit.layers.recurrent import OwnCell
from onefit.layers.taps import Geometry, Taps
from onefit.layers.windows import window_count
from onefit.types import Array, Generator, Params, Shape, State, Tree

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


Sizes: TypeAlias = tuple[int, ...]


def _geometry(
    lengths: Sizes, sizes: Sizes, strides: Sizes, padding: str, dilation: Sizes
) -> Geometry:
    """What windows of these sizes see along axes of these lengths."""
    taps = []
    for n, size, stride, far in zip(lengths, sizes, strides, dilation, strict=True):
        reach = far * (size - 1) + 1
        count = window_count(n, reach, stride, padding)
        outside = max(stride * (count - 1) + reach - n, 0)
        taps.append(Taps(size, stride, far, outside // 2, n, count))
    return Geometry(tuple(taps))


class Convolution(NamedTuple):
    """h * R in place of h · R, with zeros around h, so that it keeps its size."""

    kernel_size: Sizes

    def _geometry(self, lengths: Sizes) -> Geometry:
        ones = (1,) * len(lengths)
        return _geometry(lengths, self.kernel_size, ones, "same", ones)

    def forward(self, h: Array, R: Array) -> Array:
        """The convolution h * R."""
        return convolve(h, R, self._geometry(h.shape[1:-1]))

    def turned(self, R: Array) -> Array:
        """R, as it is."""
        return R

    def back(self, dq: Array, R: Array) -> Array:
        """What δq sends back to h."""
        return convolve_back(dq, R, self._geometry(dq.shape[1:-1]))

    def weights(self, h: Array, dq: Array) -> Array:
        """δR, over all rows at all times."""
        h, dq = (a.reshape(-1, *a.shape[2:]) for a in (h, dq))
        return correlate(h, dq, self._geometry(h.shape[1:-1]))


class _ConvLSTM(OwnCell, LSTMFormula, Windows, Filters, abstract=True):
    """An LSTM whose x · W and h · R are convolutions."""

    role = "other"

    rank: ClassVar[int]

    padding: str = setting(
        default="valid", convert=lowered, check=one_of("valid", "same")
    )
    unroll: bool = setting(default=False, kw_only=True)
    units: ClassVar[Any] = property(lambda self: self.filters)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernel_size", "strides", "dilation_rate"):
            object.__setattr__(self, name, by_axis(self, name))
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise invalid(
                type(self).__name__,
                f"strides={self.strides} and dilation_rate={self.dilation_rate}",
                "one of them to be 1",
                "leave strides or dilation_rate out",
            )

    @property
    def drops_by_gate(self) -> bool:
        """Always, as in Keras."""
        return True

    @property
    def step_axes(self) -> int:
        """The axes of a step: the grid's, and the channels."""
        return self.rank + 1

    @property
    def sequences(self) -> str:
        """What the inputs are."""
        grid = ", ".join(
            ("depth", "height", "width")[-self.rank :] if self.rank > 1 else ("steps",)
        )
        first = self.data_format == "channels_first"
        order = f"channels, {grid}" if first else f"{grid}, channels"
        return f"(batch, time, {order})"

    @property
    def formula(self) -> LSTMRecurrence:
        how = super().formula
        return how._replace(product=Convolution(self.kernel_size))

    def first_weights(self, rng: Generator, step_shape: Shape) -> tuple[Params, State]:
        channels = step_shape[1 if self.data_format == "channels_first" else -1]
        size, wide = self.kernel_size, 4 * self.filters
        own = (*size, self.filters, wide)
        params = {
            "kernel": self.kernel_initializer.draw(rng, (*size, channels, wide)),
            "recurrent_kernel": self.recurrent_initializer.draw(rng, own),
        }
        if self.use_bias:
            params["bias"] = self.first_bias(rng)
        return params, {}

    def projected(self, params: Params, x: Array, noise: Array | None) -> Array:
        """The convolutions x * W of all times, with the noise of each gate on x."""
        steps = x.shape[:2]
        geometry = _geometry(
            x.shape[2:-1],
            self.kernel_size,
            self.strides,
            self.padding,
            self.dilation_rate,
        )

        def project(x: Array, W: Array) -> Array:
            z: Any = convolve(x.reshape(-1, *x.shape[2:]), W, geometry)
            return z.reshape(*steps, *z.shape[1:])

        if noise is None:
            return project(x, params["kernel"])
        pairs = zip(noise, jnp.split(params["kernel"], 4, -1), strict=True)
        return jnp.concatenate([project(x * m, W) for m, W in pairs], -1)

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        how = {"training": training, "key": key, "mask": mask}
        if self.data_format != "channels_first":
            return super().apply(params, state, x, **how)
        x, *given = x if isinstance(x, tuple) else (x,)
        last = (jnp.moveaxis(x, 2, -1), *(jnp.moveaxis(s, 1, -1) for s in given))
        state = {n: jnp.moveaxis(s, 1, -1) for n, s in state.items()}
        y, state = super().apply(params, state, last if given else last[0], **how)
        (y, *states) = y if self.return_state else (y,)
        y = jnp.moveaxis(y, -1, 2 if self.return_sequences else 1)
        states = (jnp.moveaxis(s, -1, 1) for s in states)
        state = {n: jnp.moveaxis(s, -1, 1) for n, s in state.items()}
        return ((y, *states) if self.return_state else y), state

    def zeros(self, x: Tree) -> tuple[Array, ...]:
        sizes = self._grid((x.shape[0], *x.shape[2:-1]))
        shape = (*sizes, self.filters)
        return tuple(np.zeros(shape, config.floatx()) for _ in range(2))

    def states_of(self, shape: Shape) -> tuple[Shape, ...]:
        return ((shape[0], *self.step_output(shape)),) * 2

    def step_output(self, shape: Shape) -> Shape:
        first = self.data_format == "channels_first"
        _, *sizes = self._grid((shape[0], *(shape[3:] if first else shape[2:-1])))
        return (self.filters, *sizes) if first else (*sizes, self.filters)

    def _grid(self, sizes: Any) -> Any:
        """The batch and the sizes of the windows' grid, from those of the input's."""
        batch, *lengths = sizes
        spans = [
            d * (k - 1) + 1
            for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)
        ]
        counts = [
            window_count(n, span, stride, self.padding)
            for n, span, stride in zip(lengths, spans, self.strides, strict=True)
        ]
        return (batch, *counts)

    def known(self, shape: Shape) -> None:
        first = self.data_format == "channels_first"
        channels, *lengths = shape[2:] if first else (shape[-1], *shape[2:-1])
        if None in (channels, *lengths):
            raise self.misfit(
                f"input of shape {shape}",
                "known sizes behind the time",
                "write Input((None, 8, 8, 3)) for sequences of any length",
            )
        _, *counts = self._grid((shape[0], *lengths))
        if min(counts) < 1:
            raise self.misfit(
                f"input of shape {shape}: kernel_size={self.kernel_size} and "
                f"dilation_rate={self.dilation_rate} leave {tuple(counts)} windows",
                "at least one window along each axis",
                'write padding="same", or a smaller kernel_size',
            )
        built = self.slot.params["kernel"].shape[-2] if self.built else channels
        fix = "give x that many channels, or make a new layer"
        self.as_built(channels, built, "channels", shape, fix)


class ConvLSTM1D(_ConvLSTM):
    """`ConvLSTM2D` for sequences of sequences, (batch, time, steps, channels).

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate: As in
            `ConvLSTM2D`, with one axis.
        activation, recurrent_activation, use_bias, unit_forget_bias: As in `LSTM`.
        kernel_initializer, recurrent_initializer, bias_initializer: As in `LSTM`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: As in `LSTM`.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: As in `LSTM`.
        dropout, recurrent_dropout, seed: As in `ConvLSTM2D`.
        return_sequences, return_state, go_backwards, stateful, unroll: As in `LSTM`.
        zero_output_for_mask: As in `LSTM`.

    Input and output: (batch, time, steps, channels) to (batch, new steps, filters), or
    with the time, too.

    Weights: as in `ConvLSTM2D`.

    Raises:
        ValueError: As in `ConvLSTM2D`.

    Example:
        >>> ConvLSTM1D(4, 3, padding="same")(np.ones((2, 5, 6, 1))).shape
        (2, 6, 4)

    Source: Shi et al. 2015, arXiv:1506.04214.
    """

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """Long short-term memory for sequences of images: an LSTM of convolutions.

    z = x_t * W + h_{t−1} * R + b, and from there on as in `LSTM`. The convolution of h
    has zeros around it and no strides, so that h keeps its size.

    Args:
        filters: How many filters, the channels of h and of c.
        kernel_size: The height and width of the windows, or one number for both.
        strides: How far windows of x are apart.
        padding: "valid", or "same" for zeros around x.
        data_format: "channels_last", or "channels_first".
        dilation_rate: How far the cells of a window of x are apart.
        activation, recurrent_activation, use_bias, unit_forget_bias: As in `LSTM`.
        kernel_initializer, recurrent_initializer, bias_initializer: As in `LSTM`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: As in `LSTM`.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: As in `LSTM`.
        dropout, recurrent_dropout: As in `LSTM`, with draws for each gate.
        seed: A stream of its own for what is dropped.
        return_sequences, return_state, go_backwards, stateful, unroll: As in `LSTM`.
        zero_output_for_mask: As in `LSTM`.

    Input and output: (batch, time, height, width, channels) to (batch, new height, new
    width, filters), or with the time, too.

    Weights: kernel (*kernel_size, channels, 4 · filters), recurrent_kernel
    (*kernel_size, filters, 4 · filters), bias (4 · filters,).

    Raises:
        ValueError: strides and dilation_rate both above 1, windows larger than the
            images, images of unknown size; otherwise as in `LSTM`.

    Differs from Keras: images of another size than before are taken, as the weights do
    not depend on it; a dropout of 1 drops everything, rather than nothing.

    Example:
        >>> layer = ConvLSTM2D(4, 3, padding="same", return_sequences=True)
        >>> layer(np.ones((1, 2, 6, 6, 1))).shape
        (1, 2, 6, 6, 4)

    Source: Shi et al. 2015, arXiv:1506.04214, without its peepholes.
    """

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """`ConvLSTM2D` for sequences of volumes, (batch, time, depth, height, width, c).

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate: As in
            `ConvLSTM2D`, with three axes.
        activation, recurrent_activation, use_bias, unit_forget_bias: As in `LSTM`.
        kernel_initializer, recurrent_initializer, bias_initializer: As in `LSTM`.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: As in `LSTM`.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: As in `LSTM`.
        dropout, recurrent_dropout, seed: As in `ConvLSTM2D`.
        return_sequences, return_state, go_backwards, stateful, unroll: As in `LSTM`.
        zero_output_for_mask: As in `LSTM`.

    Input and output: (batch, time, depth, height, width, channels) to (batch, new
    depth, new height, new width, filters), or with the time, too.

    Weights: as in `ConvLSTM2D`.

    Raises:
        ValueError: As in `ConvLSTM2D`.

    Example:
        >>> ConvLSTM3D(2, 1)(np.ones((1, 2, 2, 2, 2, 1))).shape
        (1, 2, 2, 2, 2)

    Source: Shi et al. 2015, arXiv:1506.04214.
    """

    rank = 3
