"""Activations: the functions g of a = g(z).

They are plain functions of an array. Inside a program they are part of it; called by
themselves they are one compiled program each. Whole numbers become floats first.
"""

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from onefit import config
from onefit.description import Description, off
from onefit.errors import invalid, mistyped
from onefit.programs import Program
from onefit.registry import Registry
from onefit.types import Array, ArrayLike, Function, Scalar

__all__ = [
    "Facts",
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "facts_of",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "states",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

activations: Registry = Registry("activation", "onefit.activations")

F = TypeVar("F", bound=Function)
P = ParamSpec("P")

Axes: TypeAlias = int | tuple[int, ...]


def _floats(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(config.floatx())


INF = math.inf
ANY = (-INF, INF)


class Facts(NamedTuple):
    """What is known of an activation g, for those who cannot read its formula.

    Attributes:
        range: The least and the greatest a = g(z); None if nobody says.
        slope: The greatest |g'(z)|; None if it has no bound, or nobody says.
        saturates: Whether both ends are flat, and no further from 0 than z = 5 or so.
        across: Whether g(z)_j depends on other numbers than z_j.
    """

    range: tuple[float, float] | None = None
    slope: float | None = None
    saturates: bool = False
    across: bool = False


def states(**facts: Any) -> Callable[[F], F]:
    """Says of an activation of your own what is known of it: see `Facts`.

    The guide then judges it by that. One that was added to the registry
    (`activations.activations.add(g)`) is also found by its name, in files too.

    >>> @states(range=(0, 5), slope=1.0)
    ... def up_to_five(z):
    ...     return jnp.clip(z, 0, 5)
    >>> facts_of(up_to_five).range
    (0, 5)
    """

    def stated(g: F) -> F:
        vars(g)["facts"] = Facts(**facts)
        return g

    return stated


def facts_of(g: Any) -> Facts | None:
    """What is known of an activation, also behind a `functools.partial`; or None.

    >>> facts_of(tanh).range, facts_of(np.sin)
    ((-1, 1), None)
    """
    return getattr(getattr(g, "func", g), "facts", None)


def _activation(
    **facts: Any,
) -> Callable[
    [Callable[Concatenate[Array, P], Array]], Callable[Concatenate[ArrayLike, P], Array]
]:
    """Registers a formula with its `Facts`, and gives it its face.

    Within a trace the formula is inlined, with its settings as they are, so that a
    setting of zero is left out of the program. By itself it is compiled as a whole.
    """

    def registered(
        formula: Callable[Concatenate[Array, P], Array],
    ) -> Callable[Concatenate[ArrayLike, P], Array]:
        @functools.wraps(formula)
        def on_floats(x: ArrayLike, *args: P.args, **settings: P.kwargs) -> Array:
            return formula(_floats(x), *args, **settings)

        names = list(inspect.signature(formula).parameters)
        compiled = Program(on_floats)

        @states(**facts)
        @functools.wraps(formula)
        def activation(x: ArrayLike, *args: P.args, **settings: P.kwargs) -> Array:
            of_graph = getattr(x, "activated", None)
            if of_graph is not None:  # a value of a graph, which has no numbers yet
                given_by_name = dict(zip(names[1:], args, strict=False)) | settings
                if not given_by_name:
                    return of_graph(activation)
                return of_graph(functools.partial(activation, **given_by_name))
            given = (*args, *settings.values())
            if isinstance(x, Tracer) or any(
                isinstance(v, jax.Array | np.ndarray | np.generic) for v in given
            ):
                return on_floats(x, *args, **settings)
            x = x if isinstance(x, jax.Array) else np.asarray(x)
            return compiled(x, **dict(zip(names[1:], args, strict=False)), **settings)

        activations.add(activation)
        return activation

    return registered


@states(range=ANY, slope=1.0)
def linear(x: ArrayLike) -> Any:
    """g(z) = z, unchanged.

    >>> linear(3.0)
    3.0
    """
    return x


activations.add(linear)


@_activation(range=(0, INF), slope=1.0)
def relu(
    x: Array,
    negative_slope: Scalar = 0.0,
    max_value: Scalar | None = None,
    threshold: Scalar = 0.0,
) -> Array:
    """g(z) = max(0, z); its slope at 0 is 0.

    In full: min(z, max_value) where z > threshold, elsewhere
    negative_slope · (z - threshold).

    Differs from Keras: with a negative threshold and a max_value, the values between
    threshold and 0 are kept, as the formula says; Keras clips them to 0.

    >>> relu([-2.0, 0.0, 3.0])
    Array([0., 0., 3.], dtype=float32)
    >>> relu([-2.0, 0.0, 9.0], negative_slope=0.5, max_value=6.0)
    Array([-1.,  0.,  6.], dtype=float32)

    Source: lecture 000, "Activation Functions".
    """
    if off(threshold) and max_value is None:
        plain = off(negative_slope)
        return jax.nn.relu(x) if plain else jax.nn.leaky_relu(x, negative_slope)
    above = x if max_value is None else jnp.where(x < max_value, x, max_value)
    below = 0.0 if off(negative_slope) else negative_slope * (x - threshold)
    return jnp.where(x > threshold, above, below)


@_activation(range=ANY, slope=1.0)
def leaky_relu(x: Array, negative_slope: Scalar = 0.2) -> Array:
    """g(z) = z where z >= 0, elsewhere negative_slope · z.

    The slope is Keras' 0.2 unless given; the lectures draw it with 0.01.

    >>> leaky_relu([-2.0, 3.0], negative_slope=0.01)
    Array([-0.02,  3.  ], dtype=float32)

    Source: lecture 000, "Activation Functions".
    """
    return jax.nn.leaky_relu(x, negative_slope)


@_activation(range=(0, 6), slope=1.0)
def relu6(x: Array) -> Array:
    """g(z) = min(max(0, z), 6); its slope at 0 and at 6 is 0.

    >>> relu6([-2.0, 3.0, 9.0])
    Array([0., 3., 6.], dtype=float32)
    """
    return relu(x, max_value=6.0)


@_activation(range=(-1, INF), slope=1.0)
def elu(x: Array, alpha: Scalar = 1.0) -> Array:
    """g(z) = z where z > 0, elsewhere alpha · (e^z - 1).

    Its derivative is continuous for alpha = 1 alone: at 0 it jumps from alpha to 1.
    (Lecture 003 calls every other alpha SELU; `selu` is the one with the two constants
    of its paper, which also scales the positive side.)

    >>> elu([-1.0, 2.0])
    Array([-0.6321,  2.    ], dtype=float32)

    Source: lecture 003, "Activation Functions (2/3)".
    """
    return jax.nn.elu(x, alpha)


@_activation(range=(-1.7582, INF), slope=1.7582)
def selu(x: Array) -> Array:
    """g(z) = 1.0507 · elu(z, alpha=1.6733): keeps mean 0 and variance 1.

    For that the kernel starts as "lecun_normal".

    >>> selu([-1.0, 1.0])
    Array([-1.1113,  1.0507], dtype=float32)

    Source: Klambauer et al., 2017, arXiv:1706.02515.
    """
    return jax.nn.selu(x)


@_activation(range=(-1, INF), slope=1.0)
def celu(x: Array, alpha: Scalar = 1.0) -> Array:
    """g(z) = max(0, z) + min(0, alpha · (e^(z/alpha) - 1)): smooth for every alpha.

    >>> celu([-2.0, 2.0], alpha=2.0)
    Array([-1.2642,  2.    ], dtype=float32)

    Source: Barron, 2017, arXiv:1704.07483.
    """
    return jax.nn.celu(x, alpha)


@_activation(range=(0, 1), slope=0.25, saturates=True)
def sigmoid(x: Array) -> Array:
    """g(z) = 1 / (1 + e^-z), between 0 and 1.

    >>> sigmoid([-1.0, 0.0, 1.0])
    Array([0.2689, 0.5   , 0.7311], dtype=float32)

    Source: lecture 004, "Activation Function".
    """
    return jax.nn.sigmoid(x)


@_activation(range=(-INF, 0), slope=1.0)
def log_sigmoid(x: Array) -> Array:
    """g(z) = log(1 / (1 + e^-z)) = -softplus(-z).

    >>> log_sigmoid([-100.0, 0.0])
    Array([-100.    ,   -0.6931], dtype=float32)
    """
    return jax.nn.log_sigmoid(x)


@_activation(range=(0, 1), slope=1 / 6, saturates=True)
def hard_sigmoid(x: Array) -> Array:
    """g(z) = z/6 + 1/2, held between 0 and 1.

    >>> hard_sigmoid([-4.0, 0.0, 1.5])
    Array([0.  , 0.5 , 0.75], dtype=float32)
    """
    return relu6(x + 3.0) / 6.0


@_activation(range=(0, 1), slope=0.5, saturates=True)
def sparse_sigmoid(x: Array) -> Array:
    """g(z) = (z + 1)/2, held between 0 and 1.

    >>> sparse_sigmoid([-2.0, 0.0, 0.5])
    Array([0.  , 0.5 , 0.75], dtype=float32)

    Source: Blondel et al., 2019, arXiv:1901.02324.
    """
    return relu(x + 1.0, max_value=2.0) / 2.0


@_activation(range=(-1, 1), slope=1.0, saturates=True)
def tanh(x: Array) -> Array:
    """g(z) = (e^z - e^-z) / (e^z + e^-z) = 2σ(2z) - 1, between -1 and 1.

    >>> tanh([-1.0, 0.0, 1.0])
    Array([-0.7616,  0.    ,  0.7616], dtype=float32)

    Source: lecture 004, "Activation Function".
    """
    return jnp.tanh(x)


@_activation(range=(-1, 1), slope=1.0, saturates=True)
def hard_tanh(x: Array) -> Array:
    """g(z) = z, held between -1 and 1.

    >>> hard_tanh([-2.0, 0.5, 2.0])
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    return jax.nn.hard_tanh(x)


@_activation(range=ANY, slope=1.0)
def tanh_shrink(x: Array) -> Array:
    """g(z) = z - tanh(z).

    >>> tanh_shrink([-1.0, 1.0])
    Array([-0.2384,  0.2384], dtype=float32)
    """
    return x - jnp.tanh(x)


@_activation(range=ANY, slope=1.0)
def soft_shrink(x: Array, threshold: Scalar = 0.5) -> Array:
    """g(z) = sign(z) · max(0, |z| - threshold).

    >>> soft_shrink([-2.0, 0.2, 2.0])
    Array([-1.5,  0. ,  1.5], dtype=float32)
    """
    return jnp.sign(x) * jax.nn.relu(jnp.abs(x) - threshold)


@_activation(range=ANY)
def hard_shrink(x: Array, threshold: Scalar = 0.5) -> Array:
    """g(z) = z where |z| > threshold, elsewhere 0.

    >>> hard_shrink([-2.0, 0.2, 2.0])
    Array([-2.,  0.,  2.], dtype=float32)
    """
    return jnp.where(jnp.abs(x) > threshold, x, 0.0)


@_activation(range=ANY)
def threshold(x: Array, threshold: Scalar, default_value: Scalar) -> Array:
    """g(z) = z where z > threshold, elsewhere default_value.

    >>> threshold([-2.0, 0.2, 2.0], threshold=0.0, default_value=-1.0)
    Array([-1. ,  0.2,  2. ], dtype=float32)
    """
    return jnp.where(x > threshold, x, default_value)


@_activation(range=(0, INF))
def exponential(x: Array) -> Array:
    """g(z) = e^z.

    >>> exponential([0.0, 1.0])
    Array([1.    , 2.7183], dtype=float32)
    """
    return jnp.exp(x)


@_activation(range=(0, INF), slope=1.0)
def softplus(x: Array) -> Array:
    """g(z) = log(1 + e^z): a smooth relu, whose derivative is the sigmoid.

    (Lecture 003 describes it under the name of softmax.)

    >>> softplus([-100.0, 0.0, 100.0])
    Array([  0.    ,   0.6931, 100.    ], dtype=float32)
    """
    return jax.nn.softplus(x)


@_activation(range=(0, INF), slope=1.0)
def squareplus(x: Array, b: Scalar = 4.0) -> Array:
    """g(z) = (z + √(z² + b)) / 2, for b > 0.

    Differs from Keras: computed for z < 0 as b / (2 (√(z² + b) - z)), which is the same
    number without the loss of all its digits.

    >>> squareplus([-1e4, 0.0])
    Array([0.0001, 1.    ], dtype=float32)

    Source: Barron, 2021, arXiv:2112.11687.
    """
    larger = jnp.where(x < 0, -x, x) + jnp.sqrt(x * x + b)
    return jnp.where(x < 0, b / larger, larger) / 2.0


@_activation(range=(0, INF), slope=1.0)
def sparse_plus(x: Array) -> Array:
    """g(z) = 0 up to -1, (z + 1)²/4 up to 1, then z.

    >>> sparse_plus([-2.0, 0.0, 2.0])
    Array([0.  , 0.25, 2.  ], dtype=float32)
    """
    return jax.nn.sparse_plus(x)


@_activation(range=(-1, 1), slope=1.0, saturates=True)
def softsign(x: Array) -> Array:
    """g(z) = z / (1 + |z|), between -1 and 1.

    >>> softsign([-1.0, 3.0])
    Array([-0.5 ,  0.75], dtype=float32)
    """
    return jax.nn.soft_sign(x)


@_activation(range=(-0.279, INF), slope=1.1)
def silu(x: Array) -> Array:
    """g(z) = z · σ(z), also named swish.

    >>> silu([-1.0, 0.0, 1.0])
    Array([-0.2689,  0.    ,  0.7311], dtype=float32)

    Source: Ramachandran et al., 2017, arXiv:1710.05941.
    """
    return jax.nn.silu(x)


@_activation(range=(-0.376, INF), slope=1.5)
def hard_silu(x: Array) -> Array:
    """g(z) = z · hard_sigmoid(z), also named hard_swish.

    >>> hard_silu([-4.0, 1.5, 4.0])
    Array([-0.   ,  1.125,  4.   ], dtype=float32)

    Source: Howard et al., 2019, arXiv:1905.02244.
    """
    return x * hard_sigmoid(x)


@_activation(range=(-0.171, INF), slope=1.13)
def gelu(x: Array, approximate: bool = False) -> Array:
    """g(z) = z · P(Z <= z) for a standard normal Z: z/2 · (1 + erf(z/√2)).

    `approximate` takes z/2 · (1 + tanh(√(2/π) · (z + 0.044715 z³))) instead.

    >>> gelu([-1.0, 1.0])
    Array([-0.1587,  0.8413], dtype=float32)

    Source: Hendrycks and Gimpel, 2016, arXiv:1606.08415.
    """
    return jax.nn.gelu(x, approximate=approximate)


@_activation(range=(-0.309, INF), slope=1.09)
def mish(x: Array) -> Array:
    """g(z) = z · tanh(softplus(z)).

    >>> mish([-1.0, 1.0])
    Array([-0.3034,  0.8651], dtype=float32)

    Source: Misra, 2019, arXiv:1908.08681.
    """
    return jax.nn.mish(x)


def _axis(name: str, x: Array, axis: Axes) -> None:
    axes = axis if isinstance(axis, tuple) else (axis,)
    if x.ndim == 0 or not all(-x.ndim <= a < x.ndim for a in axes):
        raise invalid(
            name,
            f"axis={axis} for an input of shape {x.shape}",
            "an axis of the input",
            "give it an array with the classes on its last axis" * (x.ndim == 0),
        )


@_activation(range=(0, 1), slope=0.25, across=True)
def softmax(x: Array, axis: Axes = -1) -> Array:
    """g(z)_j = e^(z_j) / Σ_k e^(z_k), along an axis: shares that sum to 1.

    >>> softmax([[1, 2, 3], [1000, 1000, 1000]])
    Array([[0.09  , 0.2447, 0.6652],
           [0.3333, 0.3333, 0.3333]], dtype=float32)

    Source: lecture 004, "Activation Function".
    """
    _axis("softmax", x, axis)
    return jax.nn.softmax(x, axis)


@_activation(range=(-INF, 0), across=True)
def log_softmax(x: Array, axis: Axes = -1) -> Array:
    """g(z)_j = z_j - log Σ_k e^(z_k), along an axis.

    >>> log_softmax([0.0, 1000.0])
    Array([-1000.,     0.], dtype=float32)
    """
    _axis("log_softmax", x, axis)
    return jax.nn.log_softmax(x, axis)


@_activation(range=(0, 1), across=True)
def sparsemax(x: Array, axis: int = -1) -> Array:
    """g(z)_j = max(0, z_j - τ), along an axis, with the τ that makes the sum 1.

    The share of small values is exactly 0. The values that stay are those with
    1 + k_j z_j > S_j, where k_j counts the values of at least z_j and S_j is their sum,
    and τ is (the sum of those that stay - 1) / how many stay.

    Differs from Keras: its τ is wrong whenever two values or more stay, and its shares
    then do not sum to 1.

    >>> sparsemax([[1.0, 2.0, 2.5], [0.0, 0.0, 9.0]])
    Array([[0.  , 0.25, 0.75],
           [0.  , 0.  , 1.  ]], dtype=float32)

    Source: Martins and Astudillo, 2016, arXiv:1602.02068.
    """
    _axis("sparsemax", x, axis)
    z = jnp.moveaxis(x, axis, -1)
    z = z - jnp.max(z, axis=-1, keepdims=True)
    # Each value against each: a sort would keep the step from becoming one kernel.
    larger = z[..., None, :] >= z[..., :, None]
    count = jnp.sum(larger, axis=-1)
    total = jnp.sum(jnp.where(larger, z[..., None, :], 0.0), axis=-1)
    stays = 1.0 + count * z > total
    kept = jnp.sum(jnp.where(stays, z, 0.0), axis=-1, keepdims=True)
    tau = (kept - 1.0) / jnp.sum(stays, axis=-1, keepdims=True)
    return jnp.moveaxis(jnp.where(stays, z - tau, 0.0), -1, axis)


@_activation(range=ANY, across=True)
def glu(x: Array, axis: int = -1) -> Array:
    """g(z) = a · σ(b), where a and b are the halves of z along an axis.

    >>> glu([1.0, 2.0, 0.0, 0.0])
    Array([0.5, 1. ], dtype=float32)

    Source: Dauphin et al., 2017, arXiv:1612.08083.
    """
    _axis("glu", x, axis)
    if x.shape[axis] % 2:
        raise invalid(
            "glu",
            f"{x.shape[axis]} values along axis {axis} of shape {x.shape}",
            "an even number, to halve",
            "give the layer before it twice the units",
        )
    return jax.nn.glu(x, axis)


swish = silu
hard_swish = hard_silu
activations.add(swish=silu, hard_swish=hard_silu)


def get(identifier: object) -> Function:
    """The activation that a name, a config or a callable means; None is `linear`.

    >>> get("swish") is silu, get(None) is linear, get(np.sin) is np.sin
    (True, True, True)

    Raises:
        ValueError: An unknown name.
        TypeError: Neither name, config nor callable.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, dict) and identifier.get("class_name") == "function":
        identifier = identifier.get("config")  # as Keras writes plain functions
    return activations.get(identifier)


deserialize = get


def serialize(activation: Any) -> Any:
    """What a file says of an activation; the reverse of `get`.

    >>> serialize(swish)
    'silu'
    """
    if isinstance(activation, Description):
        name = type(activation).__name__
        return {"class_name": name, "config": activation.get_config()}
    name = getattr(activation, "__name__", "<lambda>")
    if name == "<lambda>":
        raise mistyped(
            "serialize",
            repr(activation),
            "an activation with a name",
            "write it as a function: def my_activation(x): ...",
        )
    return name
