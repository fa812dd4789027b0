# ruff: noqa: D102
"""Layers that work only while training: dropout, noise, a penalty on activities."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from onefit import regularizers
from onefit.description import number, off, setting
from onefit.errors import invalid
from onefit.layers.base import Layer
from onefit.layers.settings import seed
from onefit.layers.shapes import Same, SameShape
from onefit.types import Array, Key, Params, Scalar, Shape

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
]


def _noise_shape(place: str, name: str, value: object) -> None:
    """Refuses what is neither None nor a shape."""
    if value is not None and not (
        isinstance(value, tuple)
        and all(size is None or (isinstance(size, int) and size > 0) for size in value)
    ):
        raise invalid(
            place,
            f"{name}={value!r}",
            "a tuple of positive whole numbers and None",
            "write (None, 1, None) to drop a feature at all times at once",
        )


class Noise(SameShape, Layer, abstract=True):
    """Does something at random while training, from a stream that a seed splits off."""

    role = "dropout"
    random = True
    seed = None  # not annotated: a setting of the subclasses

    @property
    def strength(self) -> Scalar:
        """How much it does; nothing where this is off."""
        return self.rate

    def noisy(self, x: Array, key: Key) -> Array:
        """X after what was drawn from the key."""
        raise NotImplementedError(f"{type(self).__name__} has no noisy method")

    def apply(self, params, state, x, *, training=False, key=None):
        key = self.stream(training, key)
        return (x if key is None else self.noisy(x, key)), state

    def stream(self, training: bool, key: Key | None) -> Key | None:
        """The layer's own key, or None where nothing is drawn."""
        if not training or key is None or off(self.strength):
            return None
        return key if self.seed is None else jax.random.fold_in(key, self.seed)


def chosen(key: Key, share: Scalar, shape: tuple[int, ...]) -> Array:
    """True with probability `share` at each place, drawn from a key.

    A counter, mixed with the key by multiplications and shifts (the finalizer of
    MurmurHash3 with the constants of Wellons' search, twice). JAX's own generator is
    made to be split without end, which a mask does not need, and takes a third to a
    half of a training step with dropout on a CPU, and more of its compiling.
    """
    first, second = jax.random.key_data(key)[..., :2]
    count = jax.lax.iota(jnp.uint32, math.prod(shape))
    bits = count * jnp.uint32(0x9E3779B9) + first
    for _ in range(2):
        bits = (bits ^ (bits >> 16)) * jnp.uint32(0x7FEB352D)
        bits = (bits ^ (bits >> 15)) * jnp.uint32(0x846CA68B)
        bits = (bits ^ (bits >> 16)) + second
    unit = (bits >> 8).astype(jnp.float32) / 2.0**24  # 24 bits: exact in float32
    return unit.reshape(shape) < share


class _Masked(Noise, abstract=True):
    """What layers with a rate and a noise_shape share."""

    rate: float = number(minimum=0, maximum=1)
    noise_shape: Any = setting(default=None, check=_noise_shape)
    seed: int | None = seed()

    def kept(self, key: Key, keep: Scalar, x: Array) -> Array:
        """A mask of x's shape, or noise_shape's: True with probability `keep`."""
        asked = self.noise_shape or (None,) * x.ndim
        sizes = zip(asked, x.shape, strict=True)
        shape = tuple(size if n is None else n for n, size in sizes)
        return chosen(key, keep, shape)

    def output_shape(self, input_shape: Shape) -> Shape:
        asked = self.noise_shape or (None,) * len(input_shape)
        if len(asked) != len(input_shape) or any(
            None not in (n, size) and n not in (1, size)
            for n, size in zip(asked, input_shape, strict=True)
        ):
            raise self.misfit(
                f"noise_shape={asked} and input of shape {input_shape}",
                "for each axis of the input its size, 1 or None",
                "write 1 where one draw serves the whole axis, None elsewhere",
            )
        return input_shape


class Dropout(_Masked):
    """Drops inputs at random while training: a = x · m / (1 − rate), m ~ Bernoulli.

    Each input is kept (m = 1) with probability 1 − rate. What is kept is scaled up,
    so the expected value stays, and nothing is done when not training.

    Args:
        rate: The share that is dropped, from 0 to 1.
        noise_shape: The shape of m, broadcast to the input's: 1 where one draw serves
            the whole axis, None for the input's size.
        seed: A stream of its own.

    Input and output: any shape, the same.

    Raises:
        ValueError: A rate out of range, or a noise_shape that does not fit the input.

    Differs from Keras: in a fit the seed is folded into the run's own, so two runs with
    two seeds differ; `onefit.config.set_random_seed` makes a run repeatable.

    Example:
        >>> layer = Dropout(0.5)
        >>> y = layer(np.ones((100, 10)), training=True)
        >>> sorted(set(y.ravel().tolist()))
        [0.0, 2.0]

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks
    from overfitting"; lecture 004.
    """

    equation = "a = x·m/(1 - rate), m drawn 0 or 1; a = x when not training"

    def noisy(self, x: Same, key: Key) -> Same:
        keep = jnp.asarray(1.0 - self.rate, x.dtype)
        # A rate of 1 keeps nothing; the bound keeps its gradient 0, not 0/0.
        scaled = x / jnp.maximum(keep, jnp.finfo(x.dtype).tiny)
        return jnp.where(self.kept(key, keep, x), scaled, 0.0)


class AlphaDropout(_Masked):
    """Dropout that keeps mean 0 and variance 1, for networks with SELU.

    What is dropped becomes α' = −λα, where SELU saturates, and the whole is scaled and
    shifted: a = q · (x · m + α' · (1 − m) − α' · rate), with
    q = ((1 − rate) · (1 + rate · α'²))^(−1/2).

    Args:
        rate: The share that is dropped, from 0 to 1.
        noise_shape: As in `Dropout`.
        seed: A stream of its own, as in `Dropout`.

    Input and output: any shape, the same.

    Raises:
        ValueError: A rate out of range, or a noise_shape that does not fit the input.

    Differs from Keras: a rate of 1 gives zeros, not NaN.

    Example:
        >>> layer = AlphaDropout(0.5)
        >>> layer(np.ones((2, 3))).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]

    Source: Klambauer et al. 2017, "Self-normalizing neural networks",
    arXiv:1706.02515.
    """

    def noisy(self, x: Same, key: Key) -> Same:
        low = -1.6732632423543772 * 1.0507009873554805
        rate = jnp.asarray(self.rate, x.dtype)
        keep = jnp.maximum(1.0 - rate, jnp.finfo(x.dtype).tiny)
        q = jax.lax.rsqrt(keep * (1.0 + rate * low**2))
        mixed = jnp.where(self.kept(key, 1.0 - rate, x), x, low)
        return q * (mixed - low * rate)


class GaussianDropout(Noise):
    """Multiplies by noise around one while training: a = x · n.

    n ~ N(1, rate / (1 − rate)) has the mean and the variance of dropout's m.

    Args:
        rate: The dropout rate that it is like, from 0 to below 1.
        seed: A stream of its own, as in `Dropout`.

    Input and output: any shape, the same.

    Raises:
        ValueError: A rate out of range.

    Differs from Keras: a rate of 1, whose noise is infinite, is refused here rather
    than failing by a division in the call.

    Example:
        >>> layer = GaussianDropout(0.5)
        >>> layer(np.ones(3)).tolist()
        [1.0, 1.0, 1.0]

    Source: Srivastava et al. 2014, section 10.
    """

    rate: float = number(minimum=0, below=1)
    seed: int | None = seed()

    def noisy(self, x: Same, key: Key) -> Same:
        rate = jnp.asarray(self.rate, x.dtype)
        noise = jax.random.normal(key, x.shape, x.dtype)
        return x * (1.0 + jnp.sqrt(rate / (1.0 - rate)) * noise)


class GaussianNoise(Noise):
    """Adds noise while training: a = x + n, n ~ N(0, stddev²).

    Args:
        stddev: The noise's standard deviation, in the units of x.
        seed: A stream of its own, as in `Dropout`.

    Input and output: any shape, the same.

    Raises:
        ValueError: A negative stddev.

    Differs from Keras: stddev may exceed 1, as inputs may.

    Example:
        >>> layer = GaussianNoise(0.1)
        >>> layer(np.ones(3)).tolist()
        [1.0, 1.0, 1.0]

    Source: Bishop 1995, "Training with noise is equivalent to Tikhonov
    regularization".
    """

    stddev: float = number(minimum=0)
    seed: int | None = seed()

    @property
    def strength(self) -> Scalar:
        return self.stddev

    def noisy(self, x: Same, key: Key) -> Same:
        noise = jax.random.normal(key, x.shape, x.dtype)
        return x + jnp.asarray(self.stddev, x.dtype) * noise


class ActivityRegularization(SameShape, Layer):
    """Lets x pass and adds (l1 · Σ|x| + l2 · Σx²) / m to the loss, for m examples.

    Args:
        l1: Factor of the absolute values.
        l2: Factor of the squares.

    Input and output: any shape, the same.

    Raises:
        ValueError: A negative factor.

    Example:
        >>> layer = ActivityRegularization(l2=0.5)
        >>> x = np.array([[1.0, 2.0], [0.0, 3.0]])
        >>> float(layer.forward({}, {}, x, training=True, key=None).penalty)
        3.5

    Source: lecture 004, "Regularization".
    """

    role = "shape"

    l1: float = number(default=0.0, minimum=0)
    l2: float = number(default=0.0, minimum=0)

    @property
    def activity_regularizer(self) -> regularizers.L1L2 | None:
        """The penalty, where the base of layers looks for it."""
        if off(self.l1) and off(self.l2):
            return None
        return regularizers.L1L2(self.l1, self.l2)

    def compute(self, params: Params, x: Same) -> Same:
        return x
