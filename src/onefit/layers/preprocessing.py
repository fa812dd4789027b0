# ruff: noqa: D102
"""Layers that bring raw numbers to a scale that trains well."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.description import number, setting
from onefit.errors import invalid
from onefit.layers.base import Layer, where
from onefit.layers.passing import current
from onefit.layers.shapes import SameShape, along, from_front, known_axes, whole_axes
from onefit.types import Data, Generator, Params, Shapes, State, Tree, batch_shape

__all__ = ["Normalization", "Rescaling"]


def _numbers(value: Any) -> Any:
    """A number as it is, several as an array in float64, which `look` computes in."""
    return np.asarray(value, "float64") if np.ndim(value) else value


def _axes(axis: int | list[int] | tuple[int, ...] | None) -> tuple[int, ...]:
    """None is no axis, one is a tuple of one: Keras' form."""
    if axis is None:
        return ()
    return tuple(axis) if isinstance(axis, list | tuple) else (axis,)


class Scaling(SameShape, Layer, abstract=True):
    """A layer that brings numbers near 0: it writes `scaled` and `narrow`.

    float32 has 7 digits, so of a time of 1,700,000,060 s it keeps no second. A layer
    that takes a difference where these matter computes it in float64: when it is called
    on numbers of the host, and before the program where it stands first in a model, as
    host layers do.
    """

    role = "scaling"
    _asked: ClassVar[tuple[State | None, bool] | None] = None
    _unseen = Layer._unseen | {"_asked"}

    def scaled(self, x: Any, state: State, xp: Any) -> Any:
        """The output for arrays of numpy or of jax.numpy, which is `xp`."""
        raise NotImplementedError(f"{type(self).__name__} has no scaled method")

    def narrow(self, state: State) -> bool:
        """Whether its input is farther from 0 than float32 has digits for."""
        raise NotImplementedError(f"{type(self).__name__} has no narrow method")

    @property
    def on_host(self) -> bool:  # pyright: ignore - of some, by their numbers
        """Whether it is computed before the program, where it stands first."""
        state = self.slot.state if self.ready else None
        known = self._asked  # predict asks often
        if known is None or known[0] is not state:
            narrow = self.compute_dtype == "float32" and self.narrow(state or {})
            object.__setattr__(self, "_asked", known := (state, narrow))
        return known[1]

    def look(self, x: Data) -> np.ndarray:
        """The output in float64, for rows on the host."""
        state = self.slot.state if self.ready else {}
        return self.scaled(np.asarray(x, "float64"), state, np)

    def apply(self, params, state, x, *, training=False, key=None):
        return self.scaled(x, state, jnp), state

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        x = inputs[0] if len(inputs) == 1 and not options else None
        plain = isinstance(x, np.ndarray) and x.dtype.kind in "fiu"
        if plain and current() is None and self.on_host:
            self.output_shape(batch_shape(x))
            return jnp.asarray(self.look(x), self.compute_dtype)
        return super().__call__(*inputs, **options)


class Normalization(Scaling):
    """Brings each feature to mean 0 and deviation 1: y = (x − μ) / σ.

    μ and σ² are given, or measured once by `adapt` on the training inputs. Training
    does not change them.

    Args:
        axis: The axis, or axes, whose every index has its own μ and σ; None is one μ
            and σ for all numbers.
        mean, variance: μ and σ², both or neither: numbers, or one for each index.
        invert: The way back: y = x · σ + μ.

    Input and output: any shape, the same.

    Weights: mean, variance (of the sizes along `axis`) and count, unless they are
    given as arguments. count is always 0; it is there for Keras' files.

    Raises:
        ValueError: Only one of mean and variance, or shapes that do not fit the axes.

    Differs from Keras: `adapt` measures in float64 and refuses NaN, and an axis of
    unknown size, such as the batch of plain numbers, is refused; write axis=None. Where
    μ is so far from 0 that float32 does not keep what is left of σ (unix time, metres
    of a map), both are float64 and x − μ is taken on the host, also first in a model.

    Example:
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[200.0, 1.0], [240.0, 3.0]]))
        >>> layer(np.array([[220.0, 3.0]]))
        Array([[0., 1.]], dtype=float32)

    Source: lecture 001, "Normalization"; Keras, `keras.layers.Normalization`.
    """

    axis: Any = setting(default=-1, convert=_axes, check=whole_axes)
    mean: Any = number(default=None, optional=True, convert=_numbers)
    variance: Any = number(default=None, optional=True, convert=_numbers)
    invert: bool = False

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in ("mean", "variance") or found is not None or not self.built:
            return found
        # What adapt has measured, in the shape that spreads over an input, as in Keras.
        axes = from_front(self.axis, count := len(self.slot.input_shape))
        return along(jnp.asarray(self.slot.state[name]), count, axes)

    @property
    def _given(self) -> tuple[Any, Any]:
        """The mean and the variance that are settings."""
        return vars(self)["mean"], vars(self)["variance"]

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if self._given[0] is not None:
            return {}, {}
        shape = tuple(input_shape[a] for a in from_front(self.axis, len(input_shape)))
        return {}, {
            "mean": np.zeros(shape, config.floatx()),
            "variance": np.ones(shape, config.floatx()),
            "count": np.zeros((), "int32"),
        }

    def scaled(self, x: Any, state: State, xp: Any) -> Any:
        axes = from_front(self.axis, x.ndim)
        given = (state["mean"], state["variance"]) if state else self._given
        kind = "float64" if xp is np else config.floatx()
        mean, variance = (along(xp.asarray(v, kind), x.ndim, axes) for v in given)
        deviation = xp.maximum(xp.sqrt(variance), config.epsilon())
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def narrow(self, state: State) -> bool:
        mean, variance = (state["mean"], state["variance"]) if state else self._given
        if mean is None or self.invert:
            return False
        return bool(np.any(config.cut(mean, np.sqrt(np.asarray(variance)))))

    def store(self, params: Params, state: State) -> None:
        """Nothing: training does not change μ and σ², and has them in float32."""

    def set_weights(self, weights: Sequence[Tree]) -> None:
        """As of every layer; μ and σ² stay in float64 where float32 is too narrow."""
        super().set_weights(weights)
        if state := self.slot.state:
            pairs = zip(("mean", "variance"), weights, strict=False)
            wide = {name: np.array(v, "float64") for name, v in pairs}
            kind = "float64" if self.narrow(wide) else config.floatx()
            self.slot.state = state | {name: v.astype(kind) for name, v in wide.items()}

    def output_shape(self, input_shape: Shapes) -> Shapes:
        axes = known_axes(self, self.axis, input_shape)
        sizes = tuple(input_shape[a] for a in axes)
        mean, variance = (None if v is None else np.shape(v) for v in self._given)
        if mean != variance:
            raise self.misfit(
                f"mean of shape {mean} and variance of shape {variance}",
                "both, of one shape, or neither",
                "give both, or neither and call adapt(x)",
            )
        last = sizes[len(sizes) - len(mean or ()) :]
        if len(mean or ()) > len(sizes) or any(
            m not in (1, size) for m, size in zip(mean or (), last, strict=True)
        ):
            raise self.misfit(
                f"mean of shape {mean} for input of shape {input_shape}",
                f"a number, or shape {sizes}, for axis {self.axis}",
                "give one mean and one variance for each index along the axis",
            )
        return input_shape

    def adapt(self, data: Data) -> None:
        """Measures μ and σ² of the data and keeps them as weights.

        Args:
            data: Inputs: an array, or a list, generator or data set of arrays, one
                batch each.

        Raises:
            ValueError: mean and variance are given already, the data are empty or not
                finite (where), or have other axes than the layer was built for.
        """
        if self._given[0] is not None:
            raise self.misfit(
                "adapt(data) beside a given mean and variance",
                "one or the other",
                "write Normalization() to measure them",
            )
        rows, mean, square = 0, np.zeros(()), np.zeros(())
        for batch in _batches(data):
            x = np.asarray(batch, "float64")
            if self.built:
                self.output_shape(batch_shape(x))
            else:
                self.build(batch_shape(x))
            axes = from_front(self.axis, x.ndim)
            others = tuple(i for i in range(x.ndim) if i not in axes)
            # Chan, Golub and LeVeque 1983: the sums about the mean of two parts join.
            n = x.size // max(int(np.prod([x.shape[a] for a in axes])), 1)
            if n == 0:
                continue
            own = np.mean(x, others)
            step = own - mean
            square = square + n * np.var(x, others) + step**2 * (rows * n / (rows + n))
            mean = mean + step * (n / (rows + n))
            rows += n
        if rows == 0 or not np.all(np.isfinite(square)):
            at = np.argwhere(~np.isfinite(np.atleast_1d(square))).tolist()
            raise invalid(
                f"{where(self)}.adapt",
                f"NaN or infinity at index {at[0]} along axis {self.axis}"
                if rows
                else "no data",
                "finite numbers, one row or more",
                "fill or drop the missing values first" if rows else "",
            )
        self.set_weights([mean, square / rows, 0])


def _batches(data: Data) -> Iterable[Data]:
    """The arrays in the data: itself, or those of a list, a generator, a data set."""
    if isinstance(data, list | tuple):
        streamed = bool(len(data)) and hasattr(data[0], "shape")
    else:
        array = hasattr(data, "__array__") or hasattr(data, "detach")
        streamed = isinstance(data, Iterable) and not array
    if streamed:
        return (batch[0] if isinstance(batch, tuple) else batch for batch in data)
    return [data]


class Rescaling(Scaling):
    """Scales and shifts: y = scale · x + offset.

    Args:
        scale: A number, or several, one for each index of the last axis: 1/255 brings
            bytes to [0, 1].
        offset: As scale; scale=1/127.5, offset=-1 brings bytes to [-1, 1].

    Input and output: any shape, the same.

    Example:
        >>> Rescaling(1 / 255)(np.array([[0, 255]]))
        Array([[0., 1.]], dtype=float32)

    Differs from Keras: where the offset is farther from 0 than float32 has digits for,
    it is added in float64 on the host, also first in a model.

    Source: Keras, `keras.layers.Rescaling`.
    """

    scale: Any = number(convert=_numbers)
    offset: Any = number(default=0.0, convert=_numbers)

    def scaled(self, x: Any, state: State, xp: Any) -> Any:
        return x * self.scale + self.offset

    def narrow(self, state: State) -> bool:
        return bool(np.any(config.cut(self.offset, 1.0)))
