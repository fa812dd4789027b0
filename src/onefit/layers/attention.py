# ruff: noqa: D102
"""Attention: each query takes a mean of values, weighted by how their keys answer."""

import functools
import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from onefit import initializers
from onefit.checks import one_of
from onefit.description import number, off, setting
from onefit.layers.base import Layer
from onefit.layers.dropout import Dropout
from onefit.layers.products import matmul
from onefit.layers.settings import seed
from onefit.types import (
    Array,
    Float,
    Generator,
    Key,
    Mask,
    Params,
    Shape,
    Shapes,
    State,
    Tree,
    is_shape,
)

__all__ = ["AdditiveAttention", "Attention"]


# What all share -----------------------------------------------------------------------


def swap(a: Array) -> Array:
    """The last two axes in each other's place."""
    return jnp.swapaxes(a, -1, -2)


def where_all(masks: list[Mask]) -> Array | None:
    """Where all masks are True that there are; None if there is none."""
    known = [mask for mask in masks if mask is not None]
    return functools.reduce(jnp.logical_and, known) if known else None


@jax.custom_jvp
def softmax(scores: Array) -> Array:
    """e^s_j / Σ_l e^s_l over the last axis.

    As jax.nn.softmax, with a derivative that keeps the weights as they are: XLA would
    make them again from e^s for each use, 6 % of a transformer's step on a CPU.
    """
    e = jnp.exp(scores - jnp.max(scores, axis=-1, keepdims=True))
    return e / jnp.sum(e, axis=-1, keepdims=True)


@softmax.defjvp
def _softmax_jvp(primals: Tree, tangents: Tree) -> tuple[Array, Array]:
    weights, (slope,) = softmax(*primals), tangents
    mean = jnp.sum(weights * slope, axis=-1, keepdims=True)
    return weights, weights * (slope - mean)


def softmax_where(scores: Array, there: Array | None) -> Array:
    """Softmax over the keys that are there; zeros for a query with none."""
    if there is None:
        return softmax(scores)
    low = jnp.finfo(scores.dtype).min
    return jnp.where(there, softmax(jnp.where(there, scores, low)), 0.0)


def past(queries: int, keys: int) -> Array:
    """(queries, keys): which keys come no later than the query."""
    return jnp.arange(queries)[:, None] >= jnp.arange(keys)


class Attends(Layer, abstract=True):
    """What layers share that weigh values: dropout, and masks of each input."""

    supports_masking: ClassVar[bool] = True
    dropout = 0.0  # not annotated, as the seed: settings of subclasses
    seed = None

    @property
    def random(self) -> bool:
        """Whether weights are dropped at random while training."""
        return not off(self.dropout)

    def _dropped(self, weights: Array, training: bool, key: Key | None) -> Array:
        """The weights, some of them dropped while training."""
        rest = Dropout(self.dropout, seed=self.seed)
        return rest.apply({}, {}, weights, training=training, key=key)[0]

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return mask[0] if isinstance(mask, tuple | list) else None

    def _masks(self, x: Tree, mask: Mask) -> list[Mask]:
        """A mask, or None, for each of the inputs, of its shape without features."""
        if mask is None:
            return [None] * len(x)
        if not isinstance(mask, tuple) or len(mask) > len(x):
            count = f"{len(mask)} masks" if isinstance(mask, tuple) else "one mask"
            raise self.misfit(
                f"{count} for {len(x)} inputs",
                "a mask for each input, or None",
                "write mask=[query_mask, value_mask]",
            )
        pairs = zip(x, (*mask, *[None] * (len(x) - len(mask))), strict=True)
        return [m if m is None else self._spread(a, m) for a, m in pairs]

    def _spread(self, a: Array, mask: Mask) -> Array:
        """The mask of an input over all its axes but the features'."""
        if not 2 <= mask.ndim < a.ndim or mask.shape != a.shape[: mask.ndim]:
            raise self.misfit(
                f"a mask of shape {mask.shape} for input of shape {a.shape}",
                f"a mask of shape {a.shape[:2]}, True for steps that are there",
                "give a mask for each step of each row",
            )
        mask = mask.reshape(mask.shape + (1,) * (a.ndim - 1 - mask.ndim)) != 0
        return jnp.broadcast_to(mask, a.shape[:-1])

    def _several(self, input_shape: Shapes, most: int, write: str) -> list[Shapes]:
        """The shapes of query, value, key and what else there is, None for nothing."""
        given = [input_shape] if is_shape(input_shape) else list(input_shape)
        if not 2 <= len(given) <= most or None in given[:2]:
            raise self.misfit(
                "one input" if len(given) == 1 else f"{len(given)} inputs",
                "a query and a value, and a key if it is not the value",
                f"write {write}",
            )
        query, value, key, *rest = given + [None] * (most - len(given))
        shapes = [query, value, value if key is None else key, *rest]
        ranks = {len(shape) for shape in shapes[:3]}
        if len(ranks) > 1 or min(ranks) < 3:
            expected = "inputs of as many axes, (batch, time, features)"
            raise self._misfit(shapes, expected, "reshape them to have three axes")
        if differ(value[:-1], shapes[2][:-1]):
            expected = "as many keys as values"
            raise self._misfit(shapes, expected, "give one key for each value")
        return shapes

    def _misfit(self, shapes: list[Shape], expected: str, fix: str) -> ValueError:
        """The error for inputs of these shapes."""
        query, value, key, *_ = shapes
        same = "" if key == value else f", key of shape {key}"
        return self.misfit(
            f"query of shape {query}, value of shape {value}{same}", expected, fix
        )


def differ(one: Shape, other: Shape) -> bool:
    """Whether two shapes differ in a size that both know."""
    return len(one) != len(other) or any(
        None not in pair and pair[0] != pair[1] for pair in zip(one, other, strict=True)
    )


# One head -----------------------------------------------------------------------------


class _Single(Attends, abstract=True):
    """What `Attention` and `AdditiveAttention` share: all but the scores."""

    role = "product"

    def scores(
        self,
        params: Params,
        query: Float[Array, "*rows queries features"],
        key: Float[Array, "*rows keys features"],
    ) -> Float[Array, "*rows queries keys"]:
        """How each key answers each query: (..., queries, keys)."""
        raise NotImplementedError(f"{type(self).__name__} has no scores method")

    def apply(
        self,
        params: Params,
        state: State,
        x: Tree,
        *,
        training=False,
        key=None,
        mask=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ) -> tuple[Tree, State]:
        inputs: Any = (*x, None)
        query, value, source = inputs[:3]
        masks = [*self._masks(x, mask), None]
        scores = self.scores(params, query, value if source is None else source)
        there = [None if m is None else m[..., None, :] for m in masks[1:3]]
        there.append(past(*scores.shape[-2:]) if use_causal_mask else None)
        weights = softmax_where(scores, where_all(there))
        weights = self._dropped(weights, training, key)
        y = matmul(weights, value)
        if masks[0] is not None:
            y = jnp.where(masks[0][..., None], y, 0.0)
        return ((y, weights) if return_attention_scores else y), state

    def output_shape(self, input_shape: Shapes) -> Shape:
        query, value, _ = self._shapes(input_shape)
        return (*query[:-1], value[-1])

    def call_shape(
        self, input_shape: Shapes, return_attention_scores: bool = False, **options: Any
    ) -> Shapes:
        query, _, key = self._shapes(input_shape)
        y = self.output_shape(input_shape)
        return (y, (*query[:-1], key[-2])) if return_attention_scores else y

    def _shapes(self, input_shape: Shapes) -> list[Shapes]:
        write = f"{type(self).__name__}()([query, value])"
        shapes = self._several(input_shape, 3, write)
        query, _, key = shapes
        if differ(query[:-2], key[:-2]) or differ(query[-1:], key[-1:]):
            expected = "query and key of one batch and of one size of features"
            raise self._misfit(shapes, expected, "bring both to one size with Dense")
        return shapes

    def multiplications(self, input_shape: Shapes) -> int:
        """A product of features for each query and key, and one for the mean."""
        query, value, key = self._shapes(input_shape)
        sizes = [*query[1:-1], key[-2], (query[-1] or 1) + (value[-1] or 1)]
        return math.prod(size or 1 for size in sizes)


class Attention(_Single):
    """Dot-product attention: a = softmax(Q·Kᵀ)·V, a mean of the values for each query.

    The weight of value j for query i is e^(q_i · k_j) / Σ_l e^(q_i · k_l).

    Args:
        use_scale: Whether scores are multiplied by a learned number s.
        score_mode: 'dot', q · k; or 'concat', c · Σ tanh(s · (q + k)), with c learned.
        dropout: The share of the weights that is dropped while training.
        seed: A stream of dropout's own.

    Call: `layer([query, value])` or `layer([query, value, key])`; without a key the
    value is the key. Also `mask=[query_mask, value_mask]`, `use_causal_mask=True` for
    no look at later steps, `return_attention_scores=True` for (a, weights).

    Inputs: query (batch, Tq, d), value (batch, Tv, dv), key (batch, Tv, d). Output:
    (batch, Tq, dv); the weights are (batch, Tq, Tv).

    Weights: scale () with use_scale, concat_score_weight () with 'concat'.

    Masks: masked values get no weight; at masked queries a is 0, and they stay masked.

    Raises:
        ValueError: An unknown mode, a rate out of range, inputs or masks that do not
            fit each other.

    Differs from Keras: a query with no value to see gives 0, not a mean of what is
    masked; a key's own mask counts too.

    Example:
        >>> value = np.array([[[1.0, 0.0], [0.0, 1.0]]])
        >>> query = np.log([[[3.0, 1.0]]])
        >>> Attention()([query, value])
        Array([[[0.75, 0.25]]], dtype=float32)

    Source: Luong et al. 2015, "Effective approaches to attention-based neural machine
    translation", arXiv:1508.04025.
    """

    use_scale: bool = False
    score_mode: str = setting(default="dot", check=one_of("dot", "concat"))
    dropout: float = number(default=0.0, minimum=0, maximum=1)
    seed: int | None = seed()

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        one = initializers.Ones()
        names = ["scale"] if self.use_scale else []
        names += ["concat_score_weight"] if self.score_mode == "concat" else []
        return {name: one.draw(rng, ()) for name in names}, {}

    def scores(
        self,
        params: Params,
        query: Float[Array, "*rows queries features"],
        key: Float[Array, "*rows keys features"],
    ) -> Float[Array, "*rows queries keys"]:
        scale = params.get("scale", 1.0)
        if self.score_mode == "dot":
            return matmul(query * scale, swap(key))
        sums = jnp.tanh(scale * (query[..., :, None, :] + key[..., None, :, :]))
        return params["concat_score_weight"] * jnp.sum(sums, -1)


class AdditiveAttention(_Single):
    """Additive attention: a = softmax(E)·V, with E_ij = Σ s · tanh(q_i + k_j).

    Args:
        use_scale: Whether each feature has a learned factor s in the sum.
        dropout: The share of the weights that is dropped while training.
        seed: A stream of dropout's own.

    Called as `Attention`, with the same shapes, masks and options.

    Weights: scale (d,) with use_scale.

    Raises:
        ValueError: A rate out of range, inputs or masks that do not fit each other.

    Differs from Keras: as `Attention`.

    Example:
        >>> layer = AdditiveAttention(use_scale=False)
        >>> layer([np.zeros((1, 1, 2)), np.array([[[1.0, 1.0], [1.0, 1.0]]])])
        Array([[[1., 1.]]], dtype=float32)

    Source: Bahdanau et al. 2014, "Neural machine translation by jointly learning to
    align and translate", arXiv:1409.0473.
    """

    use_scale: bool = True
    dropout: float = number(default=0.0, minimum=0, maximum=1)
    seed: int | None = seed(kw_only=True)

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        if not self.use_scale:
            return {}, {}
        features = input_shape[0][-1]
        return {"scale": initializers.GlorotUniform().draw(rng, (features,))}, {}

    def scores(
        self,
        params: Params,
        query: Float[Array, "*rows queries features"],
        key: Float[Array, "*rows keys features"],
    ) -> Float[Array, "*rows queries keys"]:
        sums = jnp.tanh(query[..., :, None, :] + key[..., None, :, :])
        return jnp.sum(params.get("scale", 1.0) * sums, -1)

    def _shapes(self, input_shape: Shapes) -> list[Shapes]:
        shapes = super()._shapes(input_shape)
        features = known = shapes[0][-1]
        if self.use_scale and self.built:
            known = self.slot.params["scale"].shape[0]
        if self.use_scale and (features is None or features != known):
            expected = f"{known or 'so many'} features, which its scale has to fit"
            raise self._misfit(shapes, expected, "make a new layer for these")
        return shapes
