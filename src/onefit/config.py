"""Process-wide choices: the float type and the random stream."""

import contextlib
import contextvars
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from onefit.errors import invalid, is_whole

if TYPE_CHECKING:
    import jax

__all__ = [
    "epsilon",
    "floatx",
    "generator",
    "precision",
    "set_floatx",
    "set_random_seed",
]

_floatx = "float32"
_floatx_here: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "floatx", default=None
)
_stream = np.random.SeedSequence()


def floatx() -> str:
    """The float type of new weights and of data: 'float32' unless set."""
    return _floatx_here.get() or _floatx


def set_floatx(value: str) -> None:
    """Sets the float type; 'float64' also lets JAX compute in it.

    Raises:
        ValueError: Anything but 'float32' and 'float64'.
    """
    global _floatx  # noqa: PLW0603
    _known("set_floatx", value)
    import jax

    jax.config.update("jax_enable_x64", value == "float64")
    _floatx = value


@contextlib.contextmanager
def precision(value: str) -> Iterator[None]:
    """Computes in a float type inside the block, in this thread alone.

    Raises:
        ValueError: Anything but 'float32' and 'float64'.

    >>> with precision("float64"):
    ...     layer = onefit.layers.Dense(1)
    ...     _ = layer.build((None, 2))
    >>> layer.get_weights()[0].dtype, floatx()
    (dtype('float64'), 'float32')
    """
    _known("precision", value)
    import jax

    token = _floatx_here.set(value)
    try:
        with jax.enable_x64(value == "float64"):
            yield
    finally:
        _floatx_here.reset(token)


def _known(where: str, value: str) -> None:
    if value not in ("float32", "float64"):
        raise invalid(where, repr(value), "'float32' or 'float64'")


def epsilon() -> float:
    """Keras' fuzz factor, 1e-7: keeps logarithms and divisions finite."""
    return 1e-7


def set_random_seed(seed: int) -> None:
    """Makes everything after it repeatable: initial weights, shuffling, dropout.

    Args:
        seed: Any non-negative integer.
    """
    global _stream  # noqa: PLW0603
    if not is_whole(seed):
        raise invalid("set_random_seed", repr(seed), "an integer, 0 or more")
    _stream = np.random.SeedSequence(int(seed))


def new_seed() -> int:
    """The next seed of the stream that `set_random_seed` starts."""
    return int(_stream.spawn(1)[0].generate_state(1)[0])


_keys: contextvars.ContextVar["Iterator[jax.Array] | None"] = contextvars.ContextVar(
    "keys", default=None
)


@contextlib.contextmanager
def drawing(key: "jax.Array") -> Iterator["list[jax.Array]"]:
    """Lets `new_key` give keys made from this one inside: those of a program.

    Returns:
        The keys that were drawn so far.
    """
    import jax

    drawn: list[jax.Array] = []

    def keys() -> "Iterator[jax.Array]":
        for i in itertools.count():
            drawn.append(jax.random.fold_in(key, i))
            yield drawn[-1]

    token = _keys.set(keys())
    try:
        yield drawn
    finally:
        _keys.reset(token)


def new_key() -> "jax.Array":
    """The next key of the program that runs, or else of `set_random_seed`'s stream."""
    import jax

    keys = _keys.get()
    return jax.random.key(new_seed()) if keys is None else next(keys)


def seeds_drawn() -> int:
    """How many seeds the stream has given: another number after code that draws."""
    return _stream.n_children_spawned


def new_word() -> "jax.Array | np.uint32":
    """The next random number of 32 bits: traced in a program, else of the stream."""
    import jax

    keys = _keys.get()
    return np.uint32(new_seed()) if keys is None else jax.random.bits(next(keys))


def seed_state() -> np.ndarray:
    """Two numbers that name the stream; asking for them takes no seed from it."""
    return _stream.generate_state(2)


@contextlib.contextmanager
def aside(seed: int) -> Iterator[None]:
    """Draws from a stream of its own inside, and leaves the process's as it was."""
    global _stream  # noqa: PLW0603
    before, _stream = _stream, np.random.SeedSequence(seed)
    try:
        yield
    finally:
        _stream = before


def first_seeds(seed: int, count: int) -> list[int]:
    """The first seeds that `new_seed` gives after `set_random_seed(seed)`."""
    streams = np.random.SeedSequence(int(seed)).spawn(count)
    return [int(stream.generate_state(1)[0]) for stream in streams]


def generator(seed: int | None, *path: int) -> np.random.Generator:
    """The host's random numbers at a place named by a path of integers.

    Weights and permutations are drawn on the host: compiling the same draws for the
    device costs more than a whole fit of a small network, and the numbers are the same
    on every platform. SFC64 is numpy's fastest. None takes the next seed of the stream.
    """
    seed = new_seed() if seed is None else seed
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, *path))))
