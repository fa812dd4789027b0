# ruff: noqa: D102
"""Normalizations: layers that give what passes a mean and a scale."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from onefit import initializers
from onefit.description import number, setting
from onefit.errors import invalid, is_whole, unknown
from onefit.layers.base import Layer
from onefit.layers.settings import Gain, initial, only
from onefit.layers.shapes import (
    Same,
    SameShape,
    along,
    from_front,
    having,
    known_axes,
    whole_axes,
)
from onefit.types import Array, Config, Generator, Params, Shape, State

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


# Shared parts -------------------------------------------------------------------------


def _wide(x: Array) -> Array:
    """The same in float32 at least: in half precision the sums of squares overflow."""
    return jnp.asarray(x, jnp.promote_types(x.dtype, jnp.float32))


def _standardize(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """(x − μ) / √(σ² + ε), with μ and σ² over these axes."""
    centred = x - jnp.mean(x, axes, keepdims=True)
    variance = jnp.mean(jnp.square(centred), axes, keepdims=True)
    return centred * jax.lax.rsqrt(variance + epsilon)


class _Along(SameShape, Layer, abstract=True):
    """Base of the layers that have weights along some axes."""

    keeps_digits = True  # float16 ends at 65,504, and what comes in may be larger

    axis: Any = setting(default=-1, check=whole_axes)
    epsilon: float = number(default=1e-3, minimum=0)

    def sizes(self, input_shape: Shape) -> Shape:
        """The weights' shape."""
        return tuple(input_shape[a] for a in from_front(self.axis, len(input_shape)))

    def output_shape(self, input_shape: Shape) -> Shape:
        known_axes(self, self.axis, input_shape)
        return input_shape


class _Standardizing(Gain, _Along, abstract=True):
    """Base of the layers that scale by γ and shift by β what they have standardized."""

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        shape, params = self.sizes(input_shape), {}
        if self.scale:
            params["gamma"] = self.gamma_initializer.draw(rng, shape)
        if self.center:
            params["beta"] = self.beta_initializer.draw(rng, shape)
        return params, {}


def _amplify(params: Params, x: Array, axes: tuple[int, ...]) -> Array:
    """γ · x + β, with γ and β laid along these axes."""
    if "gamma" in params:
        x = x * along(params["gamma"], x.ndim, axes)
    if "beta" in params:
        x = x + along(params["beta"], x.ndim, axes)
    return x


# Over the batch -----------------------------------------------------------------------


class _Clipping(dict):
    """Bounds by name, fixed, so that they can be part of a structure."""

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] - a dict has none
        return hash(tuple(sorted(self.items())))


def _clipping(bounds: Config | None) -> _Clipping | None:
    """The bounds of batch renormalization, with None for 'no bound' left out."""
    if bounds is None:
        return None
    for name in bounds:
        if name not in ("rmin", "rmax", "dmax"):
            raise unknown("bound in renorm_clipping", name, ("rmin", "rmax", "dmax"))
    low, high = bounds.get("rmin") or 0.0, bounds.get("rmax")
    crossed = high is not None and not low < high
    if low < 0 or crossed or (bounds.get("dmax") or 0.0) < 0:
        raise invalid(
            "BatchNormalization",
            f"renorm_clipping={dict(bounds)}",
            "bounds with 0 ≤ rmin < rmax and dmax ≥ 0",
        )
    return _Clipping(bounds)


def _mean(x: Array, axes: tuple[int, ...], mask: Array | None) -> Array:
    """The mean over these axes, of the steps that there are."""
    if mask is None:
        return jnp.mean(x, axes)
    there = mask.reshape(*mask.shape, *(1,) * (x.ndim - mask.ndim))
    there = jnp.broadcast_to(there, x.shape).astype(x.dtype)
    return jnp.sum(x * there, axes) / jnp.maximum(jnp.sum(there, axes), 1.0)


class BatchNormalization(_Standardizing):
    """Normalizes each feature over the batch: y = γ · (x − μ) / √(σ² + ε) + β.

    While training μ and σ² are the batch's own mean and (biased) variance, and moving
    averages follow them: moving ← momentum · moving + (1 − momentum) · batch. Steps
    that a mask leaves out do not count.
    Otherwise, and always when `trainable` is False, μ and σ² are those averages.

    Args:
        axis: The features' axis; each index along it has its own μ, σ², γ and β.
        momentum: How slowly the averages follow, from 0 to 1.
        epsilon: ε, keeps the division finite.
        center, scale: Whether there is a β, a γ.
        beta_initializer, gamma_initializer: How β and γ start.
        moving_mean_initializer, moving_variance_initializer: How the averages start.
        beta_regularizer, gamma_regularizer: Penalties, added to the loss.
        beta_constraint, gamma_constraint: What β and γ are put through after a step.
        renorm: Batch renormalization: while training, (x − μ) / σ · r + d takes the
            place of (x − μ) / σ, where r = σ / σ_avg and d = (μ − μ_avg) / σ_avg bring
            the averages in, as constants to the gradient.
        renorm_clipping: Bounds of r and d: {"rmin": ..., "rmax": ..., "dmax": ...}.
        renorm_momentum: How slowly μ_avg and σ_avg follow.
        synchronized: Only False; batches are never split.

    Input and output: (batch, ..., features), the same.

    Weights: gamma, beta (trainable), moving_mean, moving_variance, each (features,);
    with renorm also moving_stddev, renorm_mean, renorm_stddev.

    Raises:
        ValueError: A number out of range, an axis that the input does not have or of
            another size than before.

    Differs from Keras: x − μ is taken first, which keeps digits where |μ| is far
    above σ.

    Example:
        >>> layer = BatchNormalization(epsilon=0.0)
        >>> layer(np.array([[1.0], [3.0]]), training=True)
        Array([[-1.],
               [ 1.]], dtype=float32)
        >>> layer.get_weights()[2]
        array([0.02], dtype=float32)

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167; renorm: Ioffe 2017,
    arXiv:1702.03275.
    """

    role = "batch normalization"
    learns_by_row = False
    equation = "a = γ·(x - μ)/√(σ² + ε) + β, by feature"

    _order = (
        "axis momentum epsilon center scale beta_initializer gamma_initializer "
        "moving_mean_initializer moving_variance_initializer"
    )

    momentum: float = number(default=0.99, minimum=0, maximum=1)
    moving_mean_initializer: Any = initial("zeros")
    moving_variance_initializer: Any = initial("ones")
    renorm: bool = False
    renorm_clipping: Any = setting(default=None, convert=_clipping)
    renorm_momentum: float = number(default=0.99, minimum=0, maximum=1)
    synchronized: bool = setting(
        default=False,
        check=only(
            False,
            fix="leave it out: a program on several devices has one batch, and its "
            "statistics are those of the whole batch",
        ),
    )

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        params, _ = super().init(rng, input_shape)
        shape = self.sizes(input_shape)
        mean = self.moving_mean_initializer.draw(rng, shape)
        variance = self.moving_variance_initializer.draw(rng, shape)
        state = {"moving_mean": mean, "moving_variance": variance}
        if self.renorm:
            state["moving_stddev"] = np.sqrt(variance)
            state["renorm_mean"] = np.array(mean)
            state["renorm_stddev"] = np.sqrt(variance)
        return params, state

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        wide, axes = _wide(x), from_front(self.axis, x.ndim)
        mean, variance = state["moving_mean"], state["moving_variance"]
        r, d, new = 1.0, 0.0, state
        if training and self.trainable:
            others = tuple(i for i in range(x.ndim) if i not in axes)
            mean = _mean(wide, others, mask)
            centred = wide - along(mean, x.ndim, axes)
            variance = _mean(jnp.square(centred), others, mask)
            if self.renorm:
                r, d = self._correction(state, mean, variance)
            new = self._follow(state, mean, variance)
        inverse = r * jax.lax.rsqrt(jnp.asarray(variance + self.epsilon))
        y = (wide - along(mean, x.ndim, axes)) * along(inverse, x.ndim, axes)
        y = _amplify(params, y + along(d, x.ndim, axes), axes)
        return y.astype(x.dtype), new

    def _follow(self, state: State, mean: Array, variance: Array) -> State:
        """The averages after a batch with this mean and variance."""

        def blend(name: str, value: Array, momentum: float) -> None:
            old = state[name]
            new[name] = (old * momentum + value * (1.0 - momentum)).astype(old.dtype)

        new: State = {}
        blend("moving_mean", mean, self.momentum)
        if not self.renorm:
            blend("moving_variance", variance, self.momentum)
            return new
        stddev = jnp.sqrt(variance + self.epsilon)
        blend("moving_stddev", stddev, self.momentum)
        blend("renorm_mean", mean, self.renorm_momentum)
        blend("renorm_stddev", stddev, self.renorm_momentum)
        squared = jnp.square(new["moving_stddev"]) - self.epsilon
        return new | {"moving_variance": jnp.maximum(squared, 0.0)}

    def _correction(
        self, state: State, mean: Array, variance: Array
    ) -> tuple[Array, Array]:
        """The r and d of batch renormalization."""
        bounds = self.renorm_clipping or {}
        average = jnp.maximum(state["renorm_stddev"], jnp.sqrt(self.epsilon))
        r = jnp.sqrt(variance + self.epsilon) / average
        d = (mean - state["renorm_mean"]) / average
        r = jnp.clip(r, bounds.get("rmin"), bounds.get("rmax"))
        if (limit := bounds.get("dmax")) is not None:
            d = jnp.clip(d, -limit, limit)
        return jax.lax.stop_gradient(r), jax.lax.stop_gradient(d)


# Over each example --------------------------------------------------------------------


class LayerNormalization(_Standardizing):
    """Normalizes each example over its features: y = γ · (x − μ) / √(σ² + ε) + β.

    Args:
        axis: The axis, or axes, over which μ and σ² are taken, and along which γ and
            β lie.
        epsilon: ε, keeps the division finite.
        center, scale: Whether there is a β, a γ.
        beta_initializer, gamma_initializer: How β and γ start.
        beta_regularizer, gamma_regularizer: Penalties, added to the loss.
        beta_constraint, gamma_constraint: What β and γ are put through after a step.
        rms_scaling: Whether x is not centred and no β is added: y = γ · x / √(σ² + ε).
            Keras has deprecated it; RMSNormalization divides by the root mean square.

    Input and output: any shape, the same.

    Weights: gamma, beta, of the sizes along `axis`.

    Raises:
        ValueError: An axis that the input does not have, of unknown size, or of
            another size than before.

    Differs from Keras: x − μ is taken first, which keeps digits where |μ| is far
    above σ; axes that mix counting from the front and the back are put in order.

    Example:
        >>> LayerNormalization(epsilon=0.0)(np.array([[1.0, 3.0], [5.0, 9.0]]))
        Array([[-1.,  1.],
               [-1.,  1.]], dtype=float32)

    Source: Ba et al. 2016, arXiv:1607.06450.
    """

    role = "other"

    rms_scaling: bool = setting(default=False, kw_only=True)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        if not self.rms_scaling:
            return super().init(rng, input_shape)
        return {"gamma": self.gamma_initializer.draw(rng, self.sizes(input_shape))}, {}

    def compute(self, params: Params, x: Same) -> Same:
        axes, wide = from_front(self.axis, x.ndim), _wide(x)
        if self.rms_scaling:
            variance = jnp.var(wide, axes, keepdims=True)
            y = wide * jax.lax.rsqrt(variance + self.epsilon)
        else:
            y = _standardize(wide, axes, self.epsilon)
        return _amplify(params, y, axes).astype(x.dtype)


def _groups(where: str, name: str, value: object) -> None:
    if value != -1 and not is_whole(value, least=1):
        raise invalid(
            where,
            f"{name}={value!r}",
            "a whole number, 1 or more, or -1 for one a channel",
        )


class GroupNormalization(_Standardizing):
    """Normalizes each example over groups of channels: y = γ · (x − μ) / √(σ² + ε) + β.

    μ and σ² are taken over all numbers of an example that belong to one group.

    Args:
        groups: How many groups of neighbouring channels; -1 is one a channel, which is
            instance normalization. The channels must divide evenly.
        axis: The channels' axis.
        epsilon: ε, keeps the division finite.
        center, scale: Whether there is a β, a γ.
        beta_initializer, gamma_initializer: How β and γ start.
        beta_regularizer, gamma_regularizer: Penalties, added to the loss.
        beta_constraint, gamma_constraint: What β and γ are put through after a step.

    Input and output: (batch, ..., channels), the same.

    Weights: gamma, beta, each (channels,).

    Raises:
        ValueError: groups of 0 or below -1, or channels that do not divide evenly.

    Differs from Keras: x − μ is taken first, which keeps digits where |μ| is far
    above σ.

    Example:
        >>> layer = GroupNormalization(groups=2, epsilon=0.0)
        >>> layer(np.array([[1.0, 3.0, 10.0, 30.0]]))
        Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Source: Wu and He 2018, arXiv:1803.08494.
    """

    role = "other"

    _order = "groups"

    groups: int = setting(default=32, check=_groups)

    def compute(self, params: Params, x: Same) -> Same:
        (axis,) = from_front(self.axis, x.ndim)
        channels = x.shape[axis]
        groups = channels if self.groups == -1 else self.groups
        split = (*x.shape[:axis], groups, channels // groups, *x.shape[axis + 1 :])
        within = tuple(i for i in range(1, x.ndim + 1) if i != axis)
        y = _standardize(jnp.reshape(_wide(x), split), within, self.epsilon)
        return _amplify(params, y.reshape(x.shape), (axis,)).astype(x.dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        (axis,) = known_axes(self, self.axis, input_shape)
        channels = input_shape[axis] or 0
        if channels % self.groups:
            divisors = [n for n in range(1, channels + 1) if channels % n == 0]
            raise self.misfit(
                f"groups={self.groups!r} for {channels} channels",
                "a number of groups that divides the channels, or -1",
                f"choose one of {divisors}",
            )
        return input_shape


class RMSNormalization(_Along):
    """Divides each example by its root mean square: y = γ · x / √(mean(x²) + ε).

    Args:
        axis: The axis, or axes, over which the mean is taken, and along which γ lies.
        epsilon: ε, keeps the division finite.

    Input and output: any shape, the same.

    Weights: scale (γ), of the sizes along `axis`.

    Raises:
        ValueError: An axis that the input does not have, of unknown size, or of
            another size than before.

    Differs from Keras: axes other than the last ones work too.

    Example:
        >>> RMSNormalization(epsilon=0.0)(np.array([[1.0, 7.0]]))
        Array([[0.2, 1.4]], dtype=float32)

    Source: Zhang and Sennrich 2019, arXiv:1910.07467.
    """

    role = "other"

    epsilon: float = number(default=1e-6, minimum=0)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        return {"scale": initializers.Ones().draw(rng, self.sizes(input_shape))}, {}

    def compute(self, params: Params, x: Same) -> Same:
        wide, axes = _wide(x), from_front(self.axis, x.ndim)
        square = jnp.mean(jnp.square(wide), axes, keepdims=True)
        y = wide * jax.lax.rsqrt(square + self.epsilon)
        return (y * along(params["scale"], x.ndim, axes)).astype(x.dtype)


class UnitNormalization(SameShape, Layer):
    """Divides each example by its length: y = x / max(‖x‖, 10⁻¹²).

    Args:
        axis: The axis, or axes, along which the length is one afterwards.

    Input and output: any shape, the same.

    Raises:
        ValueError: An axis that the input does not have.

    Differs from Keras: the gradient at x = 0 is finite, not NaN.

    Example:
        >>> UnitNormalization()(np.array([[3.0, 4.0]]))
        Array([[0.6, 0.8]], dtype=float32)

    Source: Keras, `keras.layers.UnitNormalization`.
    """

    role = "other"
    keeps_digits = True

    axis: Any = setting(default=-1, check=whole_axes)

    def compute(self, params: Params, x: Same) -> Same:
        wide = _wide(x)
        axes = from_front(self.axis, x.ndim)
        square = jnp.sum(jnp.square(wide), axes, keepdims=True)
        # The bound is inside the root, where the gradient is taken.
        y = wide * jax.lax.rsqrt(jnp.maximum(square, 1e-24))
        return y.astype(x.dtype)

    def output_shape(self, input_shape: Shape) -> Shape:
        return having(self, self.axis, input_shape)
