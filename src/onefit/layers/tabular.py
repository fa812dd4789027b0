# ruff: noqa: D102
"""Layers for rows of a table: what RealMLP and TabM are made of.

Columns of numbers are scaled by their quantiles and embedded by waves, columns of
categories become one-hot columns or vectors; dense layers have the parametrization of
neural tangents, so that one rate suits all widths. A rate factor f stands before a
weight in the formula: under Adam, whose steps have the size of the rate, what the
weight does then moves f times as fast.
"""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.checks import whole
from onefit.description import number, setting
from onefit.errors import invalid, is_whole
from onefit.initializers import RandomNormal
from onefit.layers.base import Layer, where
from onefit.layers.dense import project
from onefit.layers.dropout import Noise, chosen
from onefit.layers.settings import Activated, Affine, Units, activation, initial
from onefit.layers.shapes import Same, SameShape
from onefit.types import (
    Array,
    Data,
    Float,
    Generator,
    Key,
    Params,
    Shape,
    Shaped,
    State,
    Tree,
    batch_shape,
)

__all__ = [
    "CategoryOneHot",
    "CategoryVectors",
    "EnsembleDense",
    "FadingDropout",
    "FeatureScale",
    "NTPDense",
    "ParametricActivation",
    "PeriodicEmbedding",
    "RobustScaling",
]


# From the data ------------------------------------------------------------------------


class Measuring(Layer, abstract=True):
    """A layer whose weights can start from data: a subclass writes `start`."""

    def start(
        self, params: Params, state: State, x: Array, key: Key
    ) -> tuple[Params, State]:
        """The weights for a training that begins with these inputs. Pure."""
        raise NotImplementedError(f"{type(self).__name__} has no start method")

    def start_from(self, data: Data) -> None:
        """Lets the weights start from the layer's inputs for the training rows.

        Args:
            data: Inputs, (rows, ..., features).

        Raises:
            ValueError: No rows, or numbers that are not finite.
        """
        x = np.asarray(data, config.floatx())
        if not len(x) or not np.isfinite(x).all():
            raise invalid(
                where(self),
                "data with NaN or infinity" if len(x) else "data without rows",
                "finite numbers, one row or more",
                "fill or drop the missing values first" if len(x) else "",
            )
        if not self.built:
            self.build(batch_shape(x))
        slot, key = self.slot, jax.random.key(config.new_seed())
        params, state = self.start(slot.params, slot.state, jnp.asarray(x), key)
        self.set_weights([*params.values(), *state.values()])


class RobustScaling(SameShape, Measuring):
    """Scales by quartiles, then bends what is far out: z = s·(x - m), a smooth clip.

    m is the median of a feature, s = 1 / (q₇₅ - q₂₅) of its quartiles. Where these are
    equal, s = 2 / (the median of |x - m| over what is not m), and 0 for a feature that
    is constant. Then a = z / √(1 + (z / limit)²), which is between ± limit. `adapt`
    measures them.

    Args:
        limit: What |a| stays below; None bends nothing.

    Input and output: (batch, ..., features), the same.

    Weights: center, scale (features,), which training does not change.

    Example:
        >>> layer = RobustScaling()
        >>> layer.adapt(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]]))
        >>> layer(np.array([[2.0], [4.0], [1000.0]])).ravel().round(2)
        Array([0.  , 0.95, 3.  ], dtype=float32)

    Source: Holzmüller, Grinsztajn and Steinwart 2024, "Better by default",
    arXiv:2407.04491. There s = 2 / (max - min) where quartiles are equal, so that one
    great value (99,999 of a gain that most people do not have) hides all others.
    """

    role = "other"

    limit: float | None = number(default=3.0, above=0, optional=True)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        del rng
        size = features_of(self, input_shape)
        return {}, {
            "center": np.zeros(size, config.floatx()),
            "scale": np.ones(size, config.floatx()),
        }

    def start(
        self, params: Params, state: State, x: Array, key: Key
    ) -> tuple[Params, State]:
        del key
        flat = x.reshape(-1, x.shape[-1])
        ranked = jnp.sort(flat, axis=0)
        low, middle, high = (_between(ranked, part) for part in (0.25, 0.5, 0.75))
        away = jnp.sort(jnp.abs(flat - middle), axis=0)
        zeros = (away == 0).sum(axis=0)
        half = jnp.minimum(zeros + (len(flat) - zeros) // 2, len(flat) - 1)
        usual = jnp.take_along_axis(away, half[None], axis=0)[0]
        span = jnp.where(high > low, high - low, usual / 2)
        scale = jnp.where(span > 0, 1 / jnp.where(span > 0, span, 1), 0.0)
        return params, {"center": middle, "scale": scale}

    def adapt(self, data: Data) -> None:
        """`start_from`, by the name that it has in Keras' Normalization."""
        self.start_from(data)

    def apply(self, params, state, x, *, training=False, key=None):
        z = (x - state["center"]) * state["scale"]
        if self.limit is not None:
            z = z * jax.lax.rsqrt(1 + jnp.square(z / self.limit))
        return z, state


def _between(ranked: Array, part: float) -> Array:
    """A quantile of each column of sorted rows, on a line between two of them."""
    place = part * (len(ranked) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def features_of(layer: Layer, input_shape: Shape) -> int:
    """The size of the last axis, refused where it is not known."""
    if len(input_shape) < 2 or input_shape[-1] is None:
        raise layer.misfit(
            f"input of shape {input_shape}",
            "rows of features, (batch, ..., features)",
            "write x[None] for one row",
        )
    return int(input_shape[-1])


# Columns ------------------------------------------------------------------------------


class PeriodicEmbedding(Layer):
    """Each number as a few: a line through waves of it, and the number itself.

    Of feature x the layer makes cos(2π·w·x + b) for `frequencies` pairs (w, b), then
    `units` - 1 sums of these, V·cos(...) + c, and x itself as the last ("PBLD"). Each
    feature has its own w, b, V and c.

    Args:
        units: Numbers made of each feature, x itself among them.
        frequencies: How many waves.
        sigma: Frequencies start as N(0, sigma²): how fast the waves are.
        rate_factor: How much faster than the rate the weights move under Adam.

    Input and output: (batch, features) to (batch, features · units).

    Weights: frequency, phase (features, frequencies), kernel (features, frequencies,
    units - 1), bias (features, units - 1); each stands as rate_factor times itself.

    Example:
        >>> layer = PeriodicEmbedding(units=3, frequencies=8)
        >>> layer(np.ones((5, 2))).shape
        (5, 6)

    Source: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical
    features", arXiv:2203.05556; Holzmüller et al. 2024, arXiv:2407.04491.
    """

    role = "other"

    units: int = setting(default=4, check=whole(2))
    frequencies: int = setting(default=16, check=whole(1))
    sigma: float = number(default=0.1, above=0)
    rate_factor: float = number(default=0.1, above=0)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        d, k, u = features_of(self, input_shape), self.frequencies, self.units - 1
        side = 1 / math.sqrt(k)
        drawn = {
            "frequency": rng.normal(0, float(self.sigma), (d, k)),
            "phase": rng.uniform(-math.pi, math.pi, (d, k)),
            "kernel": rng.uniform(-side, side, (d, k, u)),
            "bias": rng.uniform(-side, side, (d, u)),
        }
        factor = float(self.rate_factor)
        return {
            k: np.asarray(v / factor, config.floatx()) for k, v in drawn.items()
        }, {}

    def compute(
        self, params: Params, x: Float[Array, "batch features"]
    ) -> Float[Array, "batch columns"]:
        w, b, v, c = (
            params[name] * self.rate_factor
            for name in ("frequency", "phase", "kernel", "bias")
        )
        waves = jnp.cos(2 * math.pi * x[:, :, None] * w + b)
        sums = jnp.einsum("ndk,dku->ndu", waves, v) + c
        made = jnp.concatenate([sums, x[:, :, None]], axis=-1)
        return made.reshape(len(x), -1)

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 2:
            raise self.misfit(
                f"input of shape {input_shape}",
                "a table, (batch, features)",
                "write x.reshape(len(x), -1)",
            )
        known = len(self.slot.params["bias"]) if self.built else None
        size = features_of(self, input_shape)
        fix = f"give x {known} columns, or make a new layer"
        self.as_built(size, known or size, "features", input_shape, fix)
        return (input_shape[0], size * self.units)


def _each(value: Any) -> Any:
    """Sizes as a tuple; one number is that of one column."""
    return (value,) if is_whole(value) else tuple(value)


def _sizes(place: str, name: str, value: object) -> None:
    """Refuses all but a tuple of whole numbers, 0 or more."""
    if not isinstance(value, tuple) or not all(is_whole(size) for size in value):
        raise invalid(
            place,
            f"{name}={value!r}",
            "how many values each column knows, a whole number each",
            f"write {name}=[3, 12] for two columns",
        )


class _Codes(Layer, abstract=True):
    """What takes codes of categories: 0 is missing or unknown, 1 to k are known."""

    integers: ClassVar[bool] = True

    sizes: Any = setting(convert=_each, check=_sizes)

    def check_columns(self, input_shape: Shape) -> None:
        """Refuses another number of columns than sizes."""
        if len(input_shape) != 2 or input_shape[-1] != len(self.sizes):
            raise self.misfit(
                f"input of shape {input_shape}",
                f"codes of {len(self.sizes)} columns, (batch, {len(self.sizes)})",
                "give sizes one number for each column",
            )

    def check_input(self, x: Tree) -> None:
        """Refuses a code that is no whole number from 0 to the column's size.

        Raises:
            ValueError: Which code, and where.
        """
        x = np.asarray(x)
        most = np.asarray(self.sizes)
        bad = (x < 0) | (x > most) | (x != np.floor(x))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise self.misfit(
                f"the code {x[row, column]} at [{row}, {column}]",
                f"whole numbers from 0 to {most[column]} in this column",
                "write 0 for a value that is missing or not known",
            )


class CategoryOneHot(_Codes):
    """Codes of categories as columns: one for each known value, 1 where it is.

    A column of two known values becomes one column, -1 for the first and 1 for the
    second. Code 0, a value that is missing or unknown, is 0 in all of them.

    Args:
        sizes: How many values each column knows.

    Input and output: whole numbers (batch, columns) to (batch, features).

    Raises:
        ValueError: Another number of columns, a code outside 0 to the column's size.

    Example:
        >>> CategoryOneHot([3, 2])(np.array([[1, 2], [3, 1], [0, 0]]))
        Array([[ 1.,  0.,  0.,  1.],
               [ 0.,  0.,  1., -1.],
               [ 0.,  0.,  0.,  0.]], dtype=float32)

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """

    role = "other"

    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of each output: its column, the code that makes it 1, the one for -1."""
        made = [
            (column, code, 1 if size == 2 else -1)
            for column, size in enumerate(self.sizes)
            for code in ([2] if size == 2 else range(1, size + 1))
        ]
        column, high, low = np.array(made, np.int32).reshape(-1, 3).T
        return column, high, low

    def compute(self, params: Params, x: Shaped[Array, "batch columns"]) -> Array:
        column, high, low = self._places()
        own = jnp.take(x, column, axis=1)
        return (own == high).astype(config.floatx()) - (own == low)

    def output_shape(self, input_shape: Shape) -> Shape:
        self.check_columns(input_shape)
        return (input_shape[0], len(self._places()[0]))


class CategoryVectors(Units, _Codes):
    """Codes of categories as learned vectors, those of all columns side by side.

    Args:
        sizes: How many values each column knows.
        units: The size of a value's vector.

    Input and output: whole numbers (batch, columns) to (batch, columns · units).

    Weights: embeddings (values, units), N(0, 1): of column after column, the missing
    value first.

    Raises:
        ValueError: Another number of columns, a code outside 0 to the column's size.

    Example:
        >>> CategoryVectors([40, 12], units=8)(np.array([[1, 2], [40, 0]])).shape
        (2, 16)

    Source: Guo and Berkhahn 2016, "Entity embeddings of categorical variables",
    arXiv:1604.06737.
    """

    role = "other"
    _order = "sizes units"

    units: int = setting(default=8, check=whole(1))

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        self.check_columns(input_shape)
        shape = (sum(self.sizes) + len(self.sizes), self.units)
        return {"embeddings": np.asarray(rng.normal(size=shape), config.floatx())}, {}

    def compute(self, params: Params, x: Shaped[Array, "batch columns"]) -> Array:
        before = np.cumsum([0, *(size + 1 for size in self.sizes[:-1])])
        codes = jnp.clip(x.astype("int32"), 0, np.asarray(self.sizes, np.int32))
        vectors = jnp.take(params["embeddings"], codes + before, axis=0, mode="clip")
        return vectors.reshape(len(x), -1)

    def output_shape(self, input_shape: Shape) -> Shape:
        self.check_columns(input_shape)
        return (input_shape[0], len(self.sizes) * self.units)

    def multiplications(self, input_shape: Shape) -> int:
        return len(self.sizes) * self.units


# Dense layers -------------------------------------------------------------------------


class FeatureScale(SameShape, Layer):
    """Multiplies each feature by a learned gain: a = f·w ⊙ x, with f·w = 1 at first.

    Args:
        rate_factor: f: how much faster than the rate the gain moves under Adam.

    Input and output: (batch, ..., features), the same.

    Weights: gain (features,), which starts at 1 / f.

    Example:
        >>> FeatureScale()(np.ones((1, 2)))
        Array([[1., 1.]], dtype=float32)

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """

    role = "other"

    rate_factor: float = number(default=6.0, above=0)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        del rng
        start = 1 / float(self.rate_factor)
        size = features_of(self, input_shape)
        return {"gain": np.full(size, start, config.floatx())}, {}

    def compute(self, params: Params, x: Same) -> Same:
        return x * (params["gain"] * self.rate_factor)


class NTPDense(Affine, Units, Measuring):
    """A dense layer whose rate suits every width: a = g(x·W / √n + f·b).

    n is the number of features. W is of size 1 whatever n is (the neural tangent
    parametrization), so that a step of one size is right for all layers. `start_from`
    lets it start from data: each unit's W is divided by the deviation of its x·W / √n
    over the rows, and f·b is minus a random mean of five of these numbers, so that the
    units' kinks lie among the rows.

    Args:
        units: How many units, the size of the output's last axis.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        bias_factor: f, how much faster than the rate the bias moves under Adam.
        kernel_initializer: How W starts; N(0, 1) unless given.
        bias_initializer: How b starts.
        kernel_regularizer, bias_regularizer: Penalties on W and b, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What W and b are put through after a step.

    Input and output: (batch, ..., features) to (batch, ..., units).

    Weights: kernel (features, units), bias (units,).

    Example:
        >>> layer = NTPDense(2, kernel_initializer="ones")
        >>> layer(np.ones((1, 4)))
        Array([[2., 2.]], dtype=float32)

    Source: Jacot, Gabriel and Hongler 2018, "Neural tangent kernel",
    arXiv:1806.07572; Holzmüller et al. 2024, arXiv:2407.04491, for the start.
    """

    role = "dense"
    scales_by_fan_in = True
    _order = "units activation use_bias bias_factor"

    kernel_initializer: Any = setting(
        default=RandomNormal(stddev=1.0), convert=initial("zeros").convert
    )
    bias_factor: float = number(default=0.1, above=0)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        shape = features_of(self, input_shape), self.units
        params = {"kernel": self.kernel_initializer.draw(rng, shape)}
        if self.use_bias:
            params["bias"] = self.bias_initializer.draw(rng, (self.units,))
        return params, {}

    def start(
        self, params: Params, state: State, x: Array, key: Key
    ) -> tuple[Params, State]:
        rows = x.reshape(-1, x.shape[-1])
        z = project(rows, params["kernel"]) / math.sqrt(x.shape[-1])
        size = jnp.std(z, axis=0)
        size = jnp.where(size > 0, size, 1)
        made = params | {"kernel": params["kernel"] / size}
        if self.use_bias:
            which, share = jax.random.split(key)
            at = jax.random.randint(which, (5, self.units), 0, len(rows))
            shares = jax.random.exponential(share, at.shape, z.dtype)
            own = jnp.take_along_axis(z / size, at, axis=0)
            mean = (own * shares).sum(axis=0) / shares.sum(axis=0)
            made["bias"] = -mean / self.bias_factor
        return made, state

    def compute(
        self, params: Params, x: Float[Array, "batch *places features"]
    ) -> Float[Array, "batch *places units"]:
        z = project(x, params["kernel"]) / math.sqrt(x.shape[-1])
        if self.use_bias:
            z = z + params["bias"] * self.bias_factor
        return self.activation(z)

    def output_shape(self, input_shape: Shape) -> Shape:
        size = features_of(self, input_shape)
        known = self.slot.params["kernel"].shape[0] if self.built else size
        fix = f"give x {known} columns, or make a new layer"
        self.as_built(size, known, "features", input_shape, fix)
        return (*input_shape[:-1], self.units)


class ParametricActivation(SameShape, Layer):
    """An activation with a learned strength: a = x + α·(g(x) - x), at first α = 1.

    Each unit has its own α = f·w: 0 is the identity, 1 is g.

    Args:
        activation: g, a name or a function.
        rate_factor: f, how much faster than the rate α moves under Adam.

    Input and output: (batch, ..., features), the same.

    Weights: strength (features,), which starts at 1 / f.

    Example:
        >>> ParametricActivation("relu")(np.array([[-2.0, 3.0]]))
        Array([[0., 3.]], dtype=float32)

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """

    role = "activation"
    _order = "activation rate_factor"

    activation: Any = activation("selu")
    rate_factor: float = number(default=0.1, above=0)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        del rng
        start = 1 / float(self.rate_factor)
        size = features_of(self, input_shape)
        return {"strength": np.full(size, start, config.floatx())}, {}

    def compute(self, params: Params, x: Same) -> Same:
        strength = params["strength"] * self.rate_factor
        return x + strength * (self.activation(x) - x)


class FadingDropout(Noise):
    """Dropout whose rate is constant for half of the training, then falls to 0.

    At step t the rate is r·flat(t / steps): flat is 1 up to ½, then half a cosine.

    Args:
        rate: r, the share that is dropped at first, from 0 to below 1.
        steps: The steps after which nothing is dropped.
        seed: A stream of its own, as in `Dropout`.

    Input and output: any shape, the same.

    Weights: step, how many steps it has seen; training does not change it by gradients.

    Example:
        >>> layer = FadingDropout(0.5, steps=100)
        >>> layer(np.ones((2, 2)))
        Array([[1., 1.],
               [1., 1.]], dtype=float32)

    Source: Holzmüller et al. 2024, arXiv:2407.04491.
    """

    rate: float = number(minimum=0, below=1)
    steps: float = number(above=0)
    seed: int | None = None

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        del rng, input_shape
        return {}, {"step": np.zeros((), "int32")}

    def apply(self, params, state, x, *, training=False, key=None):
        key = self.stream(training, key)
        if not training:
            return x, state
        after = {"step": state["step"] + 1}
        if key is None:
            return x, after
        part = jnp.clip(2 * state["step"] / self.steps - 1, 0, 1)
        rate = jnp.asarray(self.rate * 0.5 * (1 + jnp.cos(math.pi * part)), x.dtype)
        kept = chosen(key, 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), 0.0), after


class EnsembleDense(Activated, Units, Layer):
    """Many dense layers that share W: of member i, a = g(s_i ⊙ ((r_i ⊙ x)·W) + b_i).

    The whole network of such layers is an ensemble of networks at little more weights
    than one. Rows come in once, and are met by every member.

    Args:
        units: How many units each member has.
        members: How many members.
        activation: g, a name or a function; None is linear, g(z) = z.
        use_bias: Whether to add b.
        kernel_initializer: How W starts.
        input_initializer, output_initializer: How r and s start. In the first layer of
            a network a random r makes the members differ.
        bias_initializer: How b starts.

    Input and output: (batch, features), or (batch, members, features), to
    (batch, members, units).

    Weights: kernel (features, units), input_scale (members, features), output_scale
    (members, units), bias (members, units).

    Raises:
        ValueError: An input of another number of members.

    Example:
        >>> layer = EnsembleDense(2, members=3)
        >>> layer(np.ones((5, 4))).shape
        (5, 3, 2)

    Source: Wen, Tran and Ba 2020, "BatchEnsemble", arXiv:2002.06715; Gorishniy,
    Kotelnikov and Babenko 2024, "TabM", arXiv:2410.24210.
    """

    role = "other"
    _order = "units members activation use_bias"

    members: int = setting(default=32, check=whole(1))
    kernel_initializer: Any = initial("lecun_uniform")
    input_initializer: Any = initial("ones")
    output_initializer: Any = initial("ones")
    bias_initializer: Any = initial("zeros")

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        n, k, u = features_of(self, input_shape), self.members, self.units
        params = {
            "kernel": self.kernel_initializer.draw(rng, (n, u)),
            "input_scale": self.input_initializer.draw(rng, (k, n)),
            "output_scale": self.output_initializer.draw(rng, (k, u)),
        }
        if self.use_bias:
            params["bias"] = self.bias_initializer.draw(rng, (k, u))
        return params, {}

    def compute(
        self, params: Params, x: Float[Array, "batch *members features"]
    ) -> Float[Array, "batch members units"]:
        x = x if x.ndim == 3 else x[:, None]
        z = project(x * params["input_scale"], params["kernel"])
        z = z * params["output_scale"]
        if self.use_bias:
            z = z + params["bias"]
        return self.activation(z)

    def output_shape(self, input_shape: Shape) -> Shape:
        batch, size, k = input_shape[0], features_of(self, input_shape), self.members
        if len(input_shape) > 3 or (len(input_shape) == 3 and input_shape[1] != k):
            raise self.misfit(
                f"input of shape {input_shape}",
                f"(batch, features), or (batch, {k}, features) of as many members",
                "let the second size be known: it is the number of members"
                if None in input_shape[1:]
                else f"write members={input_shape[1]}"
                if len(input_shape) == 3
                else "",
            )
        known = self.slot.params["kernel"].shape[0] if self.built else size
        fix = f"give x {known} columns, or make a new layer"
        self.as_built(size, known, "features", input_shape, fix)
        return (batch, k, self.units)

    def multiplications(self, input_shape: Shape) -> int:
        return self.members * features_of(self, input_shape) * self.units
