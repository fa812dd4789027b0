"""Initializers: how weights start.

The numbers are drawn on the host, by numpy: compiling a draw for the device costs more
than a whole fit of a small network. They are drawn in float64 and rounded, so that the
same seed starts a float32 and a float64 network at the same place.
"""
# ruff: noqa: D102

import inspect
import math
from collections.abc import Callable
from typing import Any, Self, overload

import jax
import numpy as np
from jax.typing import DTypeLike

from onefit import config
from onefit.checks import one_of
from onefit.description import Description, attribute, number, setting
from onefit.errors import invalid, is_whole
from onefit.registry import Registry
from onefit.types import ArrayLike, Config, Function, Generator, Shape
from onefit.variables import Variable

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "compute_fans",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

initializers: Registry = Registry("initializer", "onefit.initializers")


class Initializer(Description):
    """Base of initializers. A subclass writes `sample(rng, shape)`.

    `draw(rng, shape)` gives the numbers of a weight. An initializer with a seed of its
    own draws from that, whatever stream it is given. Called by itself, it draws as
    Keras' do: `GlorotUniform(seed=1)((2, 3))` is the same array at every call. Without
    a seed every call differs.

    Any function `f(shape, dtype=None)` or `f(shape)` is as good, and so is a subclass
    with a `__call__(self, shape, dtype=None)` of its own, as in Keras.

    >>> class Coin(Initializer):
    ...     def sample(self, rng, shape):
    ...         return rng.choice([-1.0, 1.0], shape)
    >>> Coin()((2, 3)).shape
    (2, 3)
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("_"):
            initializers.add(cls)

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        """Numbers of this shape from this stream."""
        raise NotImplementedError(f"{type(self).__name__} has no sample method")

    def clone(self) -> Self:
        """Another one with the same settings."""
        return self.replace()

    def draw(self, rng: Generator, shape: Shape) -> np.ndarray:
        """Numbers of this shape in the library's float type.

        Args:
            rng: The stream to draw from, unless the initializer has its own seed.
            shape: Whole numbers.

        Raises:
            ValueError: A size that is not known, or a `sample` of another shape.
        """
        seed = getattr(self, "seed", None)
        return self._drawn(rng if seed is None else _stream(seed), shape)

    def _drawn(self, rng: Generator, shape: Shape, own: bool = True) -> np.ndarray:
        """Numbers from a stream, by a `__call__` of a subclass if it has one."""
        sizes = _sizes(shape)
        if own and type(self).__call__ is not Initializer.__call__:  # Keras' style
            values = _of_function(self, sizes)
        else:
            values = self.sample(rng, sizes)
        values = np.asarray(values, config.floatx())
        if values.shape != sizes:
            raise invalid(
                repr(self),
                f"values of shape {values.shape} from the initializer",
                f"the shape {sizes} of the weight",
                "return an array of the shape that the initializer is given",
            )
        return values

    def __call__(self, shape: Shape, dtype: DTypeLike | None = None) -> np.ndarray:
        """Numbers of this shape, from the initializer's own seed or a fresh one."""
        values = self._drawn(_stream(getattr(self, "seed", None)), shape, own=False)
        return values if dtype is None else values.astype(dtype)


def _sizes(shape: Any) -> tuple[int, ...]:
    """The sizes of a weight, all of which must be known."""
    shape = (shape,) if isinstance(shape, int | np.integer) else tuple(shape)
    if any(size is None for size in shape):
        raise invalid(
            "initializer",
            f"shape {shape}",
            "sizes that are all known",
            "fix that size of the input, as in Input((4,))",
        )
    return tuple(int(size) for size in shape)


def _stream(seed: Any) -> Generator:
    """The stream of a seed; of a `SeedGenerator`, that of the next of its seeds."""
    if hasattr(seed, "next"):
        return np.random.default_rng(np.asarray(seed.next()))
    return config.generator(seed)


def _seed(seed: Any) -> Any:
    """A seed that is None, a whole number, or a `SeedGenerator`, which stays itself."""
    if hasattr(seed, "next"):
        return seed
    if isinstance(seed, dict):  # a Keras file may hold the config of a seed generator
        seed = seed.get("config", {}).get("seed")
    if seed is None:
        return None
    if not is_whole(seed):
        raise invalid(
            "initializer",
            f"seed={seed!r}",
            "a whole number, 0 or more, a SeedGenerator, or None",
        )
    return int(seed)


class Zeros(Initializer):
    """All 0; for biases. A kernel of zeros never breaks the units' symmetry.

    Example:
        >>> Zeros()((2,))
        array([0., 0.], dtype=float32)
    """

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        return np.zeros(shape)


class Ones(Initializer):
    """All 1.

    Example:
        >>> Ones()((2,))
        array([1., 1.], dtype=float32)
    """

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        return np.ones(shape)


def _values(value: object) -> object:
    return np.asarray(value) if isinstance(value, list | tuple) else value


class Constant(Initializer):
    """One value everywhere, or the values of an array of the weight's shape.

    Args:
        value: A number, or an array of the very shape that is asked for.

    Differs from Keras: an array of another shape is refused, not broadcast.

    Raises:
        ValueError: An array of another shape.

    Example:
        >>> Constant(0.1)((2,)), Constant([[1, 2]])((1, 2))
        (array([0.1, 0.1], dtype=float32), array([[1., 2.]], dtype=float32))
    """

    value: Any = number(default=0.0, convert=_values)

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        given = np.shape(self.value)
        if given not in ((), shape):
            raise invalid(
                "Constant",
                f"values of shape {given}",
                f"one number, or values of the weight's shape {shape}",
                "transpose or reshape the values",
            )
        return np.broadcast_to(self.value, shape)


class Identity(Initializer):
    """gain · the identity matrix: 1 on the diagonal, 0 elsewhere.

    Args:
        gain: What the matrix is multiplied by, 1 unless given.

    Raises:
        ValueError: A shape that is not a matrix's.

    Example:
        >>> Identity(2.0)((2, 3))
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    gain: float = number(default=1.0)

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        if len(shape) != 2:
            raise invalid(
                "Identity",
                f"shape {shape}",
                "(rows, columns)",
                'for convolutions write "orthogonal" or "he_normal"',
            )
        return float(self.gain) * np.eye(*shape)


def _truncated(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers, those beyond ±2 drawn again."""
    x = rng.standard_normal(shape)
    far = np.abs(x) > 2
    while far.any():
        x[far] = rng.standard_normal(np.count_nonzero(far))
        far = np.abs(x) > 2
    return x


class _Normal(Initializer):
    mean: float = number(default=0.0)
    stddev: float = number(default=0.05, minimum=0)
    seed: Any = setting(default=None, convert=_seed)  # or a SeedGenerator


class RandomNormal(_Normal):
    """Normal numbers, N(mean, stddev²).

    Args:
        mean: Their mean, 0 unless given.
        stddev: Their standard deviation, 0.05 unless given.
        seed: None, a whole number that fixes the draw, or a `SeedGenerator`, of which
            each draw takes the next seed.

    Example:
        >>> RandomNormal(stddev=1.0, seed=1)((1000,)).std().round(1)
        np.float32(1.0)
    """

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        return float(self.mean) + float(self.stddev) * rng.standard_normal(shape)


class TruncatedNormal(_Normal):
    """Normal numbers, drawn again where they are beyond mean ± 2 stddev.

    Their own standard deviation is therefore 0.8796 · stddev.

    Args:
        mean: Their mean, 0 unless given.
        stddev: The standard deviation before truncation, 0.05 unless given.
        seed: None, a whole number that fixes the draw, or a `SeedGenerator`, of which
            each draw takes the next seed.

    Example:
        >>> bool(np.all(np.abs(TruncatedNormal(stddev=1.0)((1000,))) <= 2))
        True
    """

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        return float(self.mean) + float(self.stddev) * _truncated(rng, shape)


class RandomUniform(Initializer):
    """Uniform numbers, U(minval, maxval).

    Args:
        minval: The lower bound, -0.05 unless given.
        maxval: The upper bound, 0.05 unless given.
        seed: None, a whole number that fixes the draw, or a `SeedGenerator`, of which
            each draw takes the next seed.

    Raises:
        ValueError: minval above maxval.

    Example:
        >>> x = RandomUniform(0.0, 1.0)((1000,))
        >>> bool(np.all((0 <= x) & (x <= 1)))
        True
    """

    minval: float = number(default=-0.05)
    maxval: float = number(default=0.05)
    seed: Any = setting(default=None, convert=_seed)  # or a SeedGenerator

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        low, high = float(self.minval), float(self.maxval)
        if low > high:
            raise invalid(
                "RandomUniform",
                f"minval={low} and maxval={high}",
                "minval of at most maxval",
            )
        return rng.uniform(low, high, shape)


def compute_fans(
    shape: Shape, input_axes: Any = None, output_axes: Any = None
) -> tuple[int, int]:
    """How many inputs a unit sees, and how many units see an input: (fan in, fan out).

    A kernel is (inputs, units), or (*window, channels, filters) for a convolution,
    where both counts take the window's size along. The axes may be named instead.

    >>> compute_fans((4, 3)), compute_fans((5, 5, 3, 16))
    ((4, 3), (75, 400))
    >>> compute_fans((8, 2, 4), input_axes=(0,), output_axes=(1, 2))
    (8, 8)
    """
    sizes = _sizes(shape)
    if (input_axes is None) != (output_axes is None):
        raise invalid(
            "initializer",
            f"input_axes={input_axes} and output_axes={output_axes}",
            "both or neither",
        )
    if input_axes is not None:
        ins, outs = (np.ravel(axes) for axes in (input_axes, output_axes))
        return math.prod(sizes[a] for a in ins), math.prod(sizes[a] for a in outs)
    if len(sizes) < 2:
        return math.prod(sizes), math.prod(sizes)
    *window, inputs, outputs = sizes
    return inputs * math.prod(window), outputs * math.prod(window)


MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

TRUNCATED = 0.8796256610342398
"""The standard deviation of a standard normal number that is kept within ±2."""


def _distribution(distribution: object) -> str:
    name = str(distribution).lower()
    return "truncated_normal" if name == "normal" else name


class VarianceScaling(Initializer):
    """Numbers of mean 0 and variance scale / n, where n is the kernel's fan.

    Signals and gradients then neither grow nor fade from layer to layer. The uniform
    bounds are ±√(3 scale / n).

    Args:
        scale: The variance times n, 1 unless given.
        mode: What n is: 'fan_in' (the inputs of a unit), 'fan_out' (the units that see
            an input) or 'fan_avg' (their mean).
        distribution: 'truncated_normal' (also 'normal'; cut at ±2 standard deviations,
            and widened to have the variance all the same), 'untruncated_normal' or
            'uniform'.
        seed: None, a whole number that fixes the draw, or a `SeedGenerator`, of which
            each draw takes the next seed.
        input_axes, output_axes: The axes of the shape that count as inputs and as
            units, for kernels of another layout.

    Raises:
        ValueError: A scale that is not above 0, an unknown mode or distribution.

    Example:
        >>> VarianceScaling(2.0, "fan_out", seed=1)((50, 400)).std().round(3)
        np.float32(0.071)

    Source: Glorot and Bengio, 2010; He et al., 2015, arXiv:1502.01852.
    """

    scale: float = number(default=1.0, above=0)
    mode: str = setting(default="fan_in", check=one_of(*MODES))
    distribution: str = setting(
        default="truncated_normal", convert=_distribution, check=one_of(*DISTRIBUTIONS)
    )
    seed: Any = setting(default=None, convert=_seed)  # or a SeedGenerator
    input_axes: Any = None
    output_axes: Any = None

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        stddev = math.sqrt(float(self.scale) / max(1.0, fans[self.mode]))
        if self.distribution == "uniform":
            limit = math.sqrt(3.0) * stddev
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "truncated_normal":
            return stddev / TRUNCATED * _truncated(rng, shape)
        return stddev * rng.standard_normal(shape)


class GlorotUniform(VarianceScaling):
    """U(-l, l) with l = √(6 / (fan in + fan out)): the default of kernels.

    Example:
        >>> x = GlorotUniform(seed=1)((100, 50))
        >>> bool(np.abs(x).max() <= np.sqrt(6 / 150))
        True
    """

    scale: float = attribute(1.0)
    mode: str = attribute("fan_avg")
    distribution: str = attribute("uniform")


class GlorotNormal(VarianceScaling):
    """Truncated normal of variance 2 / (fan in + fan out).

    Example:
        >>> GlorotNormal(seed=1)((100, 300)).std().round(2)
        np.float32(0.07)
    """

    scale: float = attribute(1.0)
    mode: str = attribute("fan_avg")
    distribution: str = attribute("truncated_normal")


class HeUniform(VarianceScaling):
    """U(-l, l) with l = √(6 / fan in): for relu.

    Example:
        >>> HeUniform(seed=1)((200, 100)).std().round(2)
        np.float32(0.1)
    """

    scale: float = attribute(2.0)
    mode: str = attribute("fan_in")
    distribution: str = attribute("uniform")


class HeNormal(VarianceScaling):
    """Truncated normal of variance 2 / fan in: for relu.

    Example:
        >>> HeNormal(seed=1)((200, 100)).std().round(2)
        np.float32(0.1)
    """

    scale: float = attribute(2.0)
    mode: str = attribute("fan_in")
    distribution: str = attribute("truncated_normal")


class LecunUniform(VarianceScaling):
    """U(-l, l) with l = √(3 / fan in).

    Example:
        >>> LecunUniform(seed=1)((100, 200)).std().round(2)
        np.float32(0.1)
    """

    scale: float = attribute(1.0)
    mode: str = attribute("fan_in")
    distribution: str = attribute("uniform")


class LecunNormal(VarianceScaling):
    """Truncated normal of variance 1 / fan in: for selu.

    Example:
        >>> LecunNormal(seed=1)((100, 200)).std().round(2)
        np.float32(0.1)
    """

    scale: float = attribute(1.0)
    mode: str = attribute("fan_in")
    distribution: str = attribute("truncated_normal")


class Orthogonal(Initializer):
    """gain · a random matrix whose columns (or rows) are at right angles, of length 1.

    A kernel of more axes is taken as the matrix (all axes but the last, the last).

    Args:
        gain: What the matrix is multiplied by, 1 unless given.
        seed: None, a whole number that fixes the draw, or a `SeedGenerator`, of which
            each draw takes the next seed.

    Raises:
        ValueError: A shape with fewer than two axes.

    Example:
        >>> w = Orthogonal(seed=1)((4, 2))
        >>> bool(np.allclose(w.T @ w, np.eye(2), atol=1e-6))
        True

    Source: Saxe et al., 2014, arXiv:1312.6120.
    """

    gain: float = number(default=1.0)
    seed: Any = setting(default=None, convert=_seed)  # or a SeedGenerator

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        if len(shape) < 2:
            raise invalid(
                "Orthogonal",
                f"shape {shape}",
                "two axes or more",
                'for a bias write "zeros"',
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(
            rng.standard_normal((max(rows, columns), min(rows, columns)))
        )
        # QR leaves each column's sign to the algorithm; a positive diagonal of R makes
        # every orthogonal matrix as likely as every other.
        q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return float(self.gain) * (q if rows >= columns else q.T).reshape(shape)


class _FromFunction(Initializer):
    """A function f(shape, dtype=None) or f(shape) as an initializer."""

    function_in = "function"
    """The setting that it stands for: files have the function alone."""

    function: Callable[..., Any]

    def sample(self, rng: Generator, shape: tuple[int, ...]) -> ArrayLike:
        return _of_function(self.function, shape)


def _of_function(function: Callable[..., Any], shape: tuple[int, ...]) -> ArrayLike:
    """What f(shape, dtype=None) or f(shape) gives."""
    try:
        takes_dtype = "dtype" in inspect.signature(function).parameters
    except ValueError:  # a function of C that does not say what it takes
        takes_dtype = False
    settings = {"dtype": config.floatx()} if takes_dtype else {}
    return function(shape, **settings)


zeros, ones, constant, identity = Zeros, Ones, Constant, Identity
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform
orthogonal = Orthogonal

initializers.add(
    zero=Zeros,
    one=Ones,
    normal=RandomNormal,
    uniform=RandomUniform,
    IdentityInitializer=Identity,
    OrthogonalInitializer=Orthogonal,
)


@overload
def get(identifier: None) -> None: ...
@overload
def get(identifier: str | Config | ArrayLike | Function) -> Initializer: ...
def get(identifier: object) -> Initializer | None:
    """The initializer that a name, a config, an array or a function means.

    >>> get("he_normal"), get(lambda shape: np.ones(shape)).draw(None, (2,))
    (HeNormal(), array([1., 1.], dtype=float32))
    """
    if isinstance(identifier, np.ndarray | np.number | jax.Array):
        return Constant(identifier)
    found = initializers.get(identifier)
    if found is None or isinstance(found, Initializer):
        return found
    return _FromFunction(found)


deserialize = get
Variable.rule_of = staticmethod(get)


def serialize(initializer: Initializer) -> Config:
    """What a file says of an initializer; the reverse of `get`.

    >>> serialize(RandomNormal(stddev=0.1))["config"]
    {'mean': 0.0, 'stddev': 0.1, 'seed': None}
    """
    name = type(initializer).__name__
    return {"class_name": name, "config": initializer.get_config()}


IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal
