"""tf.random: random numbers, from the library's one stream or from a seed."""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.errors import invalid
from onefit.scripts.tf.arrays import convert_to_tensor
from onefit.scripts.tf.dtypes import as_dtype, float32, int64, narrow
from onefit.types import Array

__all__ = [
    "Generator",
    "categorical",
    "gamma",
    "get_global_generator",
    "log_uniform_candidate_sampler",
    "normal",
    "poisson",
    "set_seed",
    "shuffle",
    "stateless_normal",
    "stateless_truncated_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
    "uniform_candidate_sampler",
]

_drawn: dict[int, int] = {}


def set_seed(seed: int) -> None:
    """Makes what follows repeatable: weights, orders, dropout, random tensors.

    Differs from TensorFlow: the same seed gives other numbers than there.
    """
    _drawn.clear()
    config.set_random_seed(abs(int(seed)))


def key_of(seed: Any = None) -> Any:
    """A key: of the stream, or that of a seed and of how often it was asked for.

    Two numbers are a seed that always gives the same.
    """
    if seed is None:
        return config.new_key()
    if np.ndim(seed) == 1:
        return _pair(seed)
    count = _drawn.get(int(seed), 0)
    _drawn[int(seed)] = count + 1
    return jax.random.fold_in(jax.random.key(int(seed)), count)


def _sizes(shape: Any) -> tuple[int, ...]:
    shape = np.asarray(shape).ravel() if not isinstance(shape, tuple) else shape
    return tuple(int(n) for n in shape)


def _normal(key: Any, shape: Any, mean: Any, stddev: Any, dtype: DTypeLike) -> Array:
    return jax.random.normal(key, _sizes(shape), narrow(dtype)) * stddev + mean


def _cut(key: Any, shape: Any, mean: Any, stddev: Any, dtype: DTypeLike) -> Array:
    cut = jax.random.truncated_normal(key, -2.0, 2.0, _sizes(shape), narrow(dtype))
    return cut * stddev + mean


def _uniform(key: Any, shape: Any, low: Any, high: Any, dtype: DTypeLike) -> Any:
    if as_dtype(dtype).is_integer:
        return jax.random.randint(key, _sizes(shape), low, high, narrow(dtype))
    high = 1.0 if high is None else high
    return jax.random.uniform(key, _sizes(shape), narrow(dtype), low, high)


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Numbers from a normal distribution."""
    return _normal(key_of(seed), shape, mean, stddev, dtype)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Numbers from a normal distribution, none beyond two deviations."""
    return _cut(key_of(seed), shape, mean, stddev, dtype)


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: DTypeLike = float32,
    seed: Any = None,
    name: str | None = None,
) -> Any:
    """Numbers that are equally likely between two bounds; the second is left out."""
    return _uniform(key_of(seed), shape, minval, maxval, dtype)


def shuffle(value: Any, seed: Any = None, name: str | None = None) -> Array:
    """The rows in a random order."""
    return jax.random.permutation(key_of(seed), convert_to_tensor(value))


def categorical(
    logits: Any,
    num_samples: Any,
    dtype: DTypeLike | None = None,
    seed: Any = None,
    name: str | None = None,
) -> Array:
    """Classes drawn with the chances softmax(logits): (rows, num_samples)."""
    z = convert_to_tensor(logits)
    drawn = jax.random.categorical(
        key_of(seed), z[:, None], axis=-1, shape=(z.shape[0], int(num_samples))
    )
    return drawn.astype(narrow(int64 if dtype is None else dtype))


def poisson(
    shape: Any,
    lam: Any,
    dtype: DTypeLike = float32,
    seed: Any = None,
    name: str | None = None,
) -> Array:
    """Counts of a Poisson distribution."""
    lam = convert_to_tensor(lam)
    return jax.random.poisson(key_of(seed), lam, (*_sizes(shape), *lam.shape)).astype(
        narrow(dtype)
    )


def gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: DTypeLike = float32,
    seed: Any = None,
    name: str | None = None,
) -> Array:
    """Numbers of a gamma distribution."""
    alpha = convert_to_tensor(alpha)
    drawn = jax.random.gamma(key_of(seed), alpha, (*_sizes(shape), *alpha.shape))
    return (drawn if beta is None else drawn / beta).astype(narrow(dtype))


# From a seed of two numbers -----------------------------------------------------------


def _pair(seed: Any) -> Any:
    first, second = jnp.asarray(seed)
    return jax.random.fold_in(jax.random.key(first), second)


def stateless_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Any:
    """As `normal`, always the same for a seed of two numbers."""
    return _normal(_pair(seed), shape, mean, stddev, dtype)


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Any:
    """As `truncated_normal`, always the same for a seed of two numbers."""
    return _cut(_pair(seed), shape, mean, stddev, dtype)


def stateless_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: DTypeLike = float32,
    name: str | None = None,
) -> Any:
    """As `uniform`, always the same for a seed of two numbers."""
    return _uniform(_pair(seed), shape, minval, maxval, dtype)


class Candidates(NamedTuple):
    """Classes that were drawn, and how often each and the true ones are expected."""

    sampled_candidates: Any
    true_expected_count: Any
    sampled_expected_count: Any


def _candidates(
    chances: Callable[[np.ndarray, int], np.ndarray],
) -> Callable[..., Candidates]:
    """A sampler of classes with these chances."""

    def sampler(
        true_classes: Any,
        num_true: int,
        num_sampled: int,
        unique: bool,
        range_max: int,
        seed: Any = None,
        name: str | None = None,
    ) -> Candidates:
        count, classes = int(num_sampled), int(range_max)
        if unique and count > classes:
            raise invalid(
                "tf.random",
                f"num_sampled={count} of {classes} classes, unique",
                "at most as many as there are classes",
            )
        share = chances(np.arange(classes), classes)
        logits = jnp.log(jnp.asarray(share))
        key = key_of(seed)
        if unique:  # the greatest of logits and Gumbel's noise are drawn without return
            noise = jax.random.gumbel(key, (classes,))
            drawn = jax.lax.top_k(logits + noise, count)[1]
        else:
            drawn = jax.random.categorical(key, logits, shape=(count,))

        def expected(of: Any) -> Array:
            p = jnp.exp(logits)[of]
            return 1 - (1 - p) ** count if unique else p * count

        kind = narrow(int64)
        true = expected(convert_to_tensor(true_classes))
        return Candidates(drawn.astype(kind), true, expected(drawn))

    return sampler


def _log_uniform(k: np.ndarray, classes: int) -> np.ndarray:
    return (np.log(k + 2) - np.log(k + 1)) / np.log(classes + 1)


log_uniform_candidate_sampler = _candidates(_log_uniform)
log_uniform_candidate_sampler.__doc__ = (
    "Classes drawn as words by their rank: log((k + 2) / (k + 1)) / log(classes + 1)."
)
uniform_candidate_sampler = _candidates(lambda k, n: np.full(n, 1 / n))
uniform_candidate_sampler.__doc__ = "Classes drawn, each with the same chance."


class Generator:
    """A stream of random numbers of its own.

    >>> one, other = Generator.from_seed(1), Generator.from_seed(1)
    >>> bool((one.normal([2]) == other.normal([2])).all())
    True
    """

    def __init__(self, key: Any) -> None:
        self._key, self._count = key, 0

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> Self:
        """The stream of a seed."""
        return cls(jax.random.key(abs(int(seed))))

    @classmethod
    def from_non_deterministic_state(cls, alg: Any = None) -> Self:
        """A stream that is another each time."""
        return cls(config.new_key())

    def _next(self) -> Any:
        self._count += 1
        return jax.random.fold_in(self._key, self._count)

    def reset_from_seed(self, seed: int) -> None:
        """Begins the stream of a seed."""
        self._key, self._count = jax.random.key(abs(int(seed))), 0

    def normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Any:
        """As `tf.random.normal`."""
        return _normal(self._next(), shape, mean, stddev, dtype)

    def truncated_normal(
        self,
        shape: Any,
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Any:
        """As `tf.random.truncated_normal`."""
        return _cut(self._next(), shape, mean, stddev, dtype)

    def uniform(
        self,
        shape: Any,
        minval: Any = 0,
        maxval: Any = None,
        dtype: DTypeLike = float32,
        name: str | None = None,
    ) -> Any:
        """As `tf.random.uniform`."""
        return _uniform(self._next(), shape, minval, maxval, dtype)

    def make_seeds(self, count: int = 1) -> Any:
        """Seeds of two numbers, for the functions that take one: (2, count)."""
        return jax.random.randint(self._next(), (2, count), 0, 2**31 - 1, jnp.int32)

    def split(self, count: int = 1) -> list["Generator"]:
        """So many streams of their own."""
        return [Generator(key) for key in jax.random.split(self._next(), count)]


def get_global_generator() -> Generator:
    """A stream that begins at the library's own."""
    return Generator.from_non_deterministic_state()
