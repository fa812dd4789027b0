"""Random numbers by the names of `keras.random`, and where their streams begin.

`seed` is an integer, which gives the same numbers at each call; a `SeedGenerator`,
which goes on from call to call; or None, for the next numbers of `set_random_seed`'s
stream, or of the program that runs. For a seed the numbers are those of Keras on JAX;
Keras on TensorFlow and torch has others.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid, is_whole, mistyped
from onefit.types import Array, ArrayLike, Config, Shape
from onefit.variables import Variable

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]


class SeedGenerator:
    """A stream of seeds: each draw takes the next one.

    Args:
        seed: Where it begins; None is the next seed of `set_random_seed`'s stream.
        name: Its name.

    Attributes:
        state: The seed and how many were taken, a `Variable` (2,) of uint32.

    Raises:
        ValueError: A seed that is no whole number.

    Example:
        >>> seeds = SeedGenerator(7)
        >>> one, two = (float(uniform((), seed=seeds)) for _ in range(2))
        >>> one == two, one == float(uniform((), seed=7))
        (False, True)

    Source: Keras, `keras.random.SeedGenerator`.
    """

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        if seed is not None and not is_whole(seed):
            raise invalid("SeedGenerator", f"seed={seed!r}", "a whole number, or None")
        self.name, self._first = name or "seed_generator", seed
        start = config.new_seed() if seed is None else int(seed)
        self.state = Variable(
            np.array([start % 2**32, 0], "uint32"),
            trainable=False,
            name="seed_generator_state",
        )
        self.state.is_seed = True

    def next(self, ordered: bool = True) -> Array:
        """The next seed, two numbers that `jax.random` takes as a key.

        Args:
            ordered: Whether seeds are counted; otherwise they jump.
        """
        state = self.state
        now = jnp.asarray(state.value)
        one = jnp.array([0, 1], "uint32")
        state.assign(now + one if ordered else (now + 1) * 5387 % 933199)
        return now

    def get_config(self) -> Config:
        """The seed and the name."""
        return {"seed": self._first, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> "SeedGenerator":
        """The generator with this config, at its beginning."""
        return cls(**config)


Seed: TypeAlias = int | SeedGenerator | jax.Array | None
"""What names a draw."""


def key_of(seed: Seed) -> Any:
    """The key of `jax.random` that a seed means.

    Raises:
        TypeError: What is no seed.
    """
    if seed is None:
        return config.new_key()
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, jax.Array):
        return seed
    if is_whole(seed):
        return jnp.array([int(seed) % 2**32, 0], "uint32")
    raise mistyped(
        "seed", repr(seed), "a whole number, a SeedGenerator or None", "write seed=0"
    )


def _shape(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if np.ndim(shape) == 0 else tuple(map(int, shape))


def normal(
    shape: Shape,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Array:
    """Numbers of a normal distribution.

    >>> normal((2,), seed=1)
    Array([-1.0975,  0.475 ], dtype=float32)
    """
    dtype = dtype or config.floatx()
    drawn = jax.random.normal(key_of(seed), _shape(shape), dtype)
    return drawn * jnp.asarray(stddev) + jnp.asarray(mean)


def truncated_normal(
    shape: Shape,
    mean: ArrayLike = 0.0,
    stddev: ArrayLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Array:
    """As `normal`, of those at most two standard deviations from the mean.

    >>> bool(jnp.all(jnp.abs(truncated_normal((99,), seed=1)) <= 2))
    True
    """
    dtype = dtype or config.floatx()
    drawn = jax.random.truncated_normal(key_of(seed), -2.0, 2.0, _shape(shape), dtype)
    return drawn * jnp.asarray(stddev) + jnp.asarray(mean)


def uniform(
    shape: Shape,
    minval: ArrayLike = 0.0,
    maxval: ArrayLike = 1.0,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Array:
    """Numbers from minval to below maxval; floats, or whole ones for such a dtype.

    >>> uniform((2,), seed=1)
    Array([0.1362, 0.6826], dtype=float32)
    """
    dtype = jnp.dtype(dtype or config.floatx())
    if jnp.issubdtype(dtype, jnp.integer):
        return randint(shape, minval, maxval, dtype, seed)
    low, high = jnp.asarray(minval), jnp.asarray(maxval)
    return jax.random.uniform(key_of(seed), _shape(shape), dtype, low, high)


def randint(
    shape: Shape,
    minval: ArrayLike,
    maxval: ArrayLike,
    dtype: DTypeLike = "int32",
    seed: Seed = None,
) -> Array:
    """Whole numbers from minval to below maxval.

    >>> randint((3,), 0, 10, seed=1).dtype
    dtype('int32')
    """
    if not jnp.issubdtype(jnp.dtype(dtype), jnp.integer):
        raise invalid("randint", f"dtype={dtype!r}", "a type of whole numbers")
    low, high = jnp.asarray(minval), jnp.asarray(maxval)
    return jax.random.randint(key_of(seed), _shape(shape), low, high, dtype)


def categorical(
    logits: ArrayLike, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None
) -> Array:
    """Classes by their logits: (batch, classes) to (batch, num_samples).

    >>> categorical([[0.0, 99.0]], 3, seed=1)
    Array([[1, 1, 1]], dtype=int32)
    """
    logits = jnp.asarray(logits)
    if logits.ndim != 2:
        raise invalid(
            "categorical", f"logits of shape {logits.shape}", "(batch, classes)"
        )
    shape = (len(logits), int(num_samples))
    drawn = jax.random.categorical(key_of(seed), logits[..., None], axis=1, shape=shape)
    return drawn.astype(dtype)


def gamma(
    shape: Shape, alpha: ArrayLike, dtype: DTypeLike | None = None, seed: Seed = None
) -> Array:
    """Numbers of a gamma distribution of scale 1.

    >>> bool(jnp.all(gamma((9,), 0.5, seed=1) > 0))
    True
    """
    dtype = dtype or config.floatx()
    return jax.random.gamma(key_of(seed), jnp.asarray(alpha), _shape(shape), dtype)


def beta(
    shape: Shape,
    alpha: ArrayLike,
    beta: ArrayLike,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Array:
    """Numbers of a beta distribution, from 0 to 1.

    >>> bool(jnp.all(beta((9,), 2.0, 3.0, seed=1) < 1))
    True
    """
    dtype = dtype or config.floatx()
    both = jnp.asarray(alpha), jnp.asarray(beta)
    return jax.random.beta(key_of(seed), *both, _shape(shape), dtype)


def binomial(
    shape: Shape,
    counts: ArrayLike,
    probabilities: ArrayLike,
    dtype: DTypeLike | None = None,
    seed: Seed = None,
) -> Array:
    """How many of `counts` trials succeed, each with a probability.

    >>> bool(jnp.all(binomial((9,), 5, 0.5, seed=1) <= 5))
    True
    """
    dtype = dtype or config.floatx()
    both = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(key_of(seed), *both, _shape(shape), dtype)


def dropout(
    inputs: ArrayLike,
    rate: float,
    noise_shape: Sequence[int | None] | None = None,
    seed: Seed = None,
) -> Array:
    """Sets a share of the numbers to 0, and divides the others by the share kept.

    Args:
        inputs: The numbers.
        rate: The share, from 0 to 1.
        noise_shape: Where it is 1, one draw holds along the axis; None is the
            inputs' own size.
        seed: Names the draw.

    >>> sorted(set(dropout(np.ones(99), 0.5, seed=1).tolist()))
    [0.0, 2.0]
    """
    x = jnp.asarray(inputs)
    if not 0 <= rate <= 1:
        raise invalid("dropout", f"rate={rate!r}", "a number from 0 to 1")
    if rate in (0, 1):
        return x if rate == 0 else jnp.zeros_like(x)
    sizes = [None] * x.ndim if noise_shape is None else noise_shape
    shape = [n if m is None else m for n, m in zip(x.shape, sizes, strict=True)]
    kept = jax.random.bernoulli(key_of(seed), 1 - rate, shape)
    return jnp.where(kept, x / (1 - rate), jnp.zeros_like(x))


def shuffle(x: ArrayLike, axis: int = 0, seed: Seed = None) -> Array:
    """The parts along an axis in a random order; each stays as it is.

    Differs from Keras on JAX, which shuffles the columns of a matrix apart.

    >>> shuffle(np.arange(4), seed=3)
    Array([1, 3, 2, 0], dtype=int32)
    """
    return jax.random.permutation(key_of(seed), jnp.asarray(x), axis)
