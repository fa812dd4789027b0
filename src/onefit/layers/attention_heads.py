"""Attention by many heads, each with its own view of query, key and value."""

import math
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from onefit.checks import whole
from onefit.description import Description, number, setting
from onefit.errors import invalid, is_whole, unknown
from onefit.layers.attention import (
    Attends,
    differ,
    past,
    softmax_where,
    swap,
    where_all,
)
from onefit.layers.base import Layer, where
from onefit.layers.composite import Composite
from onefit.layers.einsum_dense import EinsumDense, output_sizes
from onefit.layers.products import matmul
from onefit.layers.settings import KernelAndBias, seed
from onefit.types import Array, Generator, Mask, Params, Shape, Shapes, State, Tree

__all__ = ["GroupQueryAttention", "MultiHeadAttention"]

INPUTS = (
    "query",
    "value",
    "key",
    "query_mask",
    "value_mask",
    "key_mask",
    "attention_mask",
)
"""What a call may give beside its options, in Keras' order."""


def _split(a: Array, axes: tuple[int, ...]) -> Array:
    """(batch, ..., heads, size) as (rows, heads, time, size), time along the axes."""
    order = _order(a.ndim, axes)
    a = jnp.transpose(a, order)
    heads = a.ndim - len(axes) - 2
    return a.reshape(
        math.prod(a.shape[:heads]),
        a.shape[heads],
        math.prod(a.shape[heads + 1 : -1]),
        a.shape[-1],
    )


def _join(a: Array, shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    """The reverse of `_split`; the shape is that of (batch, ...)."""
    order = _order(len(shape) + 2, axes)
    whole = (*shape, a.shape[1], a.shape[-1])
    a = a.reshape(tuple(whole[i] for i in order))
    return jnp.transpose(a, [int(i) for i in np.argsort(order)])


def _order(ndim: int, axes: tuple[int, ...]) -> tuple[int, ...]:
    rest = (i for i in range(ndim - 2) if i not in axes)
    return (*rest, ndim - 2, *axes, ndim - 1)


class _Window(Description):
    sliding_window: int | None = setting(
        default=None,
        check=whole(
            1,
            optional=True,
            fix="write sliding_window=3 to see one step before and two back",
        ),
    )
    flash_attention: Any = setting(default=None, identity=False)


class _Gate(Description):
    use_gate: bool = False
    seed: int | None = seed()


class _Heads(_Gate, KernelAndBias, _Window, Attends, Composite, abstract=True):
    """What layers share that attend with many heads: all but their settings' names."""

    role = "other"

    use_bias = True  # not annotated: settings of subclasses, which come first

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        """Heads of the query, heads of key and value, size of a key, of a value."""
        raise NotImplementedError(f"{type(self).__name__} has no sizes")

    def _axes(self, ndim: int) -> tuple[int, ...]:
        """The axes of an input along which time runs."""
        return tuple(range(1, ndim - 1))

    def _widths(self, query: Shape) -> tuple[int | None, ...]:
        """The sizes of the output's features."""
        return query[-1:]

    def parts(self, widths: tuple[int | None, ...] = (None,)) -> dict[str, Layer]:
        heads, groups, key_size, value_size = self._sizes
        common = {
            f"{weight}_{kind}": getattr(self, f"{weight}_{kind}")
            for weight in ("kernel", "bias")
            for kind in ("initializer", "regularizer", "constraint")
        }

        def into(heads: int, size: int, activation: str | None = None) -> Layer:
            bias = "nh" if self.use_bias else None
            equation = "...x,xnh->...nh"
            return EinsumDense(equation, (heads, size), activation, bias, **common)

        out = "abcdefg"[: len(widths)]
        bias = out if self.use_bias else None
        back = EinsumDense(f"...nh,nh{out}->...{out}", widths, None, bias, **common)
        parts = {"query_dense": into(heads, key_size)}
        parts["key_dense"] = into(groups, key_size)
        if self.use_gate:
            parts["gate_dense"] = into(heads, value_size, "sigmoid")
        parts["value_dense"] = into(groups, value_size)
        return parts | {"output_dense": back}

    def gather(self, *inputs: Any, **options: Any) -> tuple[Tree, dict]:
        if len(inputs) == 1 and isinstance(inputs[0], tuple | list):
            inputs = tuple(inputs[0])
        given = dict(zip(INPUTS, inputs, strict=False))
        known = [*INPUTS, *self.call_options, "training"]
        for name in options:
            if name not in known:
                raise unknown(f"argument of a call of {where(self)}", name, known)
        x = [given.get(name, options.pop(name, None)) for name in INPUTS]
        while x and x[-1] is None:
            x.pop()
        return tuple(x), {name: True for name, value in options.items() if value}

    def build(self, *shapes: Any, **named: Any) -> Self:
        """Makes the weights: `build(query_shape, value_shape, key_shape)`.

        All in one tuple also do.
        """
        rng = named.pop("rng", None)
        if shapes and isinstance(shapes[-1], Generator):
            shapes, rng = shapes[:-1], shapes[-1]
        names = [f"{name}_shape" for name in INPUTS[:3]]
        for name in named:
            if name not in names:
                raise unknown(f"argument of {where(self)}.build", name, names)
        given = [*shapes, *(named[name] for name in names if name in named)]
        several = len(given) == 1 and isinstance(given[0][0], tuple | list)
        return super().build(given[0] if several else tuple(given), rng)

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        query, value, key, *_ = self._shapes(input_shape)
        shapes = {"key_dense": key, "value_dense": value}
        shapes["output_dense"] = (None, self._sizes[0], self._sizes[3])
        weights = {
            name: part.init(rng, shapes.get(name, query))[0]
            for name, part in self.parts(self._widths(query)).items()
        }
        return self.whole(weights), {}

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
        query, value, source, *masks = [*x, *[None] * (len(INPUTS) - len(x))]
        source = value if source is None else source
        axes, parts = self._axes(query.ndim), self.parts(self._widths(query.shape))

        def dense(part: str, a: Array) -> Array:
            return parts[part].apply(self.of(part, params), {}, a)[0]

        heads, groups, size, _ = self._sizes
        q = _split(dense("query_dense", query) * (1.0 / math.sqrt(size)), axes)
        k = _split(dense("key_dense", source), axes)
        v = _split(dense("value_dense", value), axes)
        rows, _, queries, _ = q.shape
        # The heads of one group stand side by side, as more queries of one head.
        scores = matmul(q.reshape(rows, groups, -1, size), swap(k))
        there = self._there(query, value, source, masks, mask, use_causal_mask)
        weights = softmax_where(scores, there)
        mixed = matmul(self._dropped(weights, training, key), v)
        mixed = mixed.reshape(rows, heads, queries, -1)
        mixed = _join(mixed, query.shape[:-1], axes)
        if self.use_gate:
            mixed = mixed * dense("gate_dense", query)
        y = dense("output_dense", mixed)
        if not return_attention_scores:
            return y, state
        shape = self._scores_shape(query.shape, value.shape)
        return (y, weights.reshape(shape)), state

    def _there(
        self,
        query: Tree,
        value: Tree,
        key: Tree,
        masks: list[Mask],
        mask: Mask,
        causal: bool,
    ) -> Array | None:
        """Which keys each query may see, None for all.

        It broadcasts to (rows, groups, heads of a group · queries, keys).
        """
        axes, inputs = self._axes(query.ndim), (query, value, key)
        *explicit, attention = masks
        carried = self._masks(inputs, mask[:3] if isinstance(mask, tuple) else mask)
        given = self._masks(inputs, tuple(explicit))
        masks = [b if a is None else a for a, b in zip(given, carried, strict=True)]

        def along(mask: Mask) -> Array:  # (rows, 1, 1, time)
            return _split(mask[..., None, None], axes)[:, None, ..., 0]

        queries, keys = (math.prod(a.shape[i] for i in axes) for a in (query, value))
        there = [None if m is None else along(m)[..., None, :] for m in masks[1:]]
        if masks[0] is not None:
            there.append(along(masks[0])[..., None])
        if causal:
            there.append(past(queries, keys))
        if self.sliding_window is not None:
            apart = jnp.arange(queries)[:, None] - jnp.arange(keys)
            there.append(jnp.abs(apart) < self.sliding_window)
        if attention is not None:
            there.append(self._given(attention != 0, query.shape, value.shape))
        seen, each = where_all(there), self._sizes[0] // self._sizes[1]
        if seen is None:
            return None
        seen = jnp.broadcast_to(seen, (*seen.shape[:-3], each, queries, keys))
        return seen.reshape(*seen.shape[:-3], each * queries, keys)

    def _given(self, mask: Mask, query: Shapes, value: Shapes) -> Array:
        """The attention mask as (rows, groups, heads of a group, queries, keys)."""
        shape, axes = self._scores_shape(query, value), self._axes(len(query))
        before = len(shape) - 2 * len(axes)  # the axes up to the heads'
        mask = mask.reshape(_widened(mask.shape, len(shape), before))
        heads, groups, *_ = self._sizes
        each = mask.shape[before - 1]
        mask = jnp.broadcast_to(mask, (*shape[: before - 1], each, *shape[before:]))
        split = (groups, heads // groups) if each > 1 else (1, 1)
        rows = math.prod(shape[: before - 1])
        queries = math.prod(shape[before : before + len(axes)])
        return mask.reshape(rows, *split, queries, -1)

    def output_shape(self, input_shape: Shapes) -> Shape:
        query, *_ = self._shapes(input_shape)
        return (*query[:-1], *self._widths(query))

    def call_shape(
        self,
        input_shape: Shapes,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
        **options: Any,
    ) -> Shapes:
        shapes = self._shapes(input_shape)
        query, value, *_ = shapes
        ordered = use_causal_mask or self.sliding_window is not None
        if ordered and len(self._axes(len(query))) > 1:
            expected = "one axis of time, for a mask that follows time"
            raise self._misfit(shapes, expected, "name it: attention_axes=1")
        y = self.output_shape(input_shape)
        return (y, self._scores_shape(query, value)) if return_attention_scores else y

    def _scores_shape(self, query: Shapes, value: Shapes) -> Shapes:
        axes = self._axes(len(query))
        rest = [query[i] for i in range(len(query) - 1) if i not in axes]
        times = [a[i] for a in (query, value) for i in axes]
        return (*rest, self._sizes[0], *times)

    def _shapes(self, input_shape: Shapes) -> list[Shapes]:
        write = "layer(x, x) for x to attend to itself"
        shapes = self._several(input_shape, len(INPUTS), write)
        query, value, *_ = shapes
        axes, last = self._axes(len(query)), len(query) - 1
        if not all(1 <= a < last for a in axes):
            expected = f"time along axes from 1 to {last - 1}, not {axes}"
            raise self._misfit(shapes, expected, "count from the batch, axis 0")
        rest = [i for i in range(last) if i not in axes]
        if differ(*(tuple(a[i] for i in rest) for a in (query, value))):
            expected = f"the same sizes along axes {rest}"
            fix = "let attention_axes name the axes along which time runs"
            raise self._misfit(shapes, expected, fix)
        for name, shape in zip(("query", "value", "key"), shapes, strict=False):
            known = shape[-1]
            if self.built:
                known = self.slot.params[f"{name}_dense/kernel"].shape[0]
            if shape[-1] is None or shape[-1] != known:
                size = f"{known} features" if self.built else "a known size"
                fix = "give it that size with Dense, or make a new layer"
                raise self._misfit(shapes, f"a {name} of {size}", fix)
        self._check_mask(shapes)
        return shapes

    def _check_mask(self, shapes: list[Shape]) -> None:
        """Refuses an attention mask that does not broadcast to the scores."""
        query, value, *_, mask = shapes
        if mask is None:
            return
        whole = self._scores_shape(query, value)
        before = len(whole) - 2 * len(self._axes(len(query)))
        short = (*whole[: before - 1], *whole[before:])
        fits = len(mask) <= len(whole) and all(
            size in (None, 1, full) or full is None
            for size, full in zip(
                _widened(mask, len(whole), before), whole, strict=True
            )
        )
        if not fits:
            raise self.misfit(
                f"an attention_mask of shape {mask}",
                f"{short}, or {whole} for a mask a head",
                "mask[i, t, s] says whether query t of row i sees key s",
            )

    def get_config(self) -> dict:
        """The settings by Keras' names."""
        given = super().get_config()
        del given["flash_attention"]
        return given

    def multiplications(self, input_shape: Shapes) -> int:
        """Those of the projections, and of a product for each query and key."""
        query, value, *_ = self._shapes(input_shape)
        times = math.prod(size or 1 for size in self._scores_shape(query, value)[1:])
        products = times * (self._sizes[2] + self._sizes[3])
        return super().multiplications(input_shape) + products


def _widened(shape: Shape, ndim: int, before: int) -> Shape:
    """A mask's shape with as many axes as the scores, those missing at the heads."""
    late = ndim - before
    missing = (1,) * (ndim - len(shape))
    return (*shape[: len(shape) - late], *missing, *shape[len(shape) - late :])


def _as_axes(value: object) -> object:
    if is_whole(value, -(2**31)):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


class _Sizes(Description):
    num_heads: int = setting(check=whole(1))
    key_dim: int = setting(check=whole(1))
    value_dim: int | None = setting(default=None, check=whole(1, optional=True))
    dropout: float = number(default=0.0, minimum=0, maximum=1)
    use_bias: bool = True
    output_features: Any = setting(
        default=None, convert=output_sizes, alias="output_shape"
    )
    attention_axes: Any = setting(default=None, convert=_as_axes)


class MultiHeadAttention(_Heads, _Sizes):
    """Attention by many heads at once: a = Σ_h softmax(Q_h·K_hᵀ / √d)·V_h·W_h + b.

    Each head h has its own view of the inputs, Q_h = query·Wq_h + bq_h, K_h = key·Wk_h
    + bk_h and V_h = value·Wv_h + bv_h, where d is the size of its keys.

    Args:
        num_heads: How many heads.
        key_dim: d, the size of a head's queries and keys.
        value_dim: The size of a head's values; None is key_dim.
        dropout: The share of the softmax' weights that is dropped while training.
        use_bias: Whether there are bq, bk, bv and b.
        output_shape: The output's features, a size or several; None is the query's.
        attention_axes: The axes along which time runs; None is all but the batch and
            the features. The others are as rows of the batch.
        sliding_window: w; a query sees only keys less than w steps away.
        flash_attention: Taken and not heeded: it asks a GPU for another way to the
            same numbers.
        kernel_initializer, bias_initializer: How the kernels and biases start.
        kernel_regularizer, bias_regularizer: Penalties on them, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What they are put through after a step.
        use_gate: Whether each head's result is multiplied by σ(query·Wg_h + bg_h).
        seed: A stream of dropout's own.

    Call: `layer(query, value, key=value)`; `layer(x, x)` is self-attention. Also
    attention_mask (batch, Tq, Tv), True where a query may see a key; query_mask,
    value_mask, key_mask (batch, T); `use_causal_mask=True` for no look at later steps;
    `return_attention_scores=True` for (a, weights). Masks that a graph carries are
    heeded by themselves. All masks have to agree for a key to be seen.

    Inputs: query (batch, Tq, features), value and key (batch, Tv, features), of any
    sizes of features. Output: (batch, Tq, query's features); the weights are (batch,
    heads, Tq, Tv).

    Weights: query_dense, key_dense, gate_dense if any, value_dense: kernel (features,
    heads, size), bias (heads, size); output_dense: kernel (heads, value_dim, features),
    bias (features,).

    Raises:
        ValueError: A size below 1, a rate out of range, inputs or masks that do not fit
            each other.

    Differs from Keras: a query that sees no key gets zeros for its weights always
    (Keras: a mean of all values, unless there is dropout or scores are asked for);
    query_mask is heeded when given in the call; activity_regularizer is of the output
    alone; masks follow the axis that attention_axes names.

    Example:
        >>> layer = MultiHeadAttention(num_heads=2, key_dim=3)
        >>> x = np.ones((1, 4, 5))
        >>> layer(x, x).shape
        (1, 4, 5)
        >>> y, weights = layer(x, x, use_causal_mask=True, return_attention_scores=True)
        >>> weights[0, 0, 1]
        Array([0.5, 0.5, 0. , 0. ], dtype=float32)

    Source: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762.
    """

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        heads, size = self.num_heads, self.key_dim
        return heads, heads, size, self.value_dim or size

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "value_dim", self.value_dim or self.key_dim)

    def _axes(self, ndim: int) -> tuple[int, ...]:
        if self.attention_axes is None:
            return super()._axes(ndim)
        return tuple(a % ndim for a in self.attention_axes)

    def _widths(self, query: Shape) -> tuple[int | None, ...]:
        return self.output_features or super()._widths(query)


class _GroupSizes(Description):
    head_dim: int = setting(check=whole(1))
    num_query_heads: int = setting(check=whole(1))
    num_key_value_heads: int = setting(check=whole(1))
    dropout: float = number(default=0.0, minimum=0, maximum=1)
    use_bias: bool = True


class GroupQueryAttention(_Heads, _GroupSizes):
    """Attention by many heads of the query that share fewer heads of key and value.

    Head h of the query meets head ⌊h·g / n⌋ of g heads of key and value, n being the
    query's: softmax(Q_h·K_gᵀ / √d)·V_g, as in `MultiHeadAttention`. With g = n it is
    that layer, with g = 1 multi-query attention.

    Args:
        head_dim: d, the size of a head.
        num_query_heads: n.
        num_key_value_heads: g, which divides n.
        dropout: The share of the softmax' weights that is dropped while training.
        use_bias: Whether the projections have biases.
        sliding_window: w; a query sees only keys less than w steps away.
        flash_attention: As in `MultiHeadAttention`.
        kernel_initializer, bias_initializer: How the kernels and biases start.
        kernel_regularizer, bias_regularizer: Penalties on them, added to the loss.
        activity_regularizer: Penalty on a.
        kernel_constraint, bias_constraint: What they are put through after a step.
        use_gate: Whether each head's result is multiplied by σ(query·Wg_h + bg_h).
        seed: A stream of dropout's own.

    Called as `MultiHeadAttention`, with the same shapes, masks and options.

    Weights: as there, with g heads in key_dense and value_dense.

    Raises:
        ValueError: A size below 1, heads that g does not divide, a rate out of range,
            inputs or masks that do not fit each other.

    Differs from Keras: as `MultiHeadAttention`; keys and values are not repeated.

    Example:
        >>> layer = GroupQueryAttention(3, num_query_heads=4, num_key_value_heads=2)
        >>> x = np.ones((1, 4, 5))
        >>> layer(x, x).shape, layer.get_weights()[2].shape
        ((1, 4, 5), (5, 2, 3))

    Source: Ainslie et al. 2023, "GQA: training generalized multi-query transformer
    models from multi-head checkpoints", arXiv:2305.13245.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        heads, groups = self.num_query_heads, self.num_key_value_heads
        if heads % groups:
            fits = [g for g in range(1, heads + 1) if heads % g == 0]
            raise invalid(
                type(self).__name__,
                f"num_query_heads={heads} and num_key_value_heads={groups}",
                "as many query heads for each head of key and value",
                f"write num_key_value_heads={min(fits, key=lambda g: abs(g - groups))}",
            )

    @property
    def _sizes(self) -> tuple[int, int, int, int]:
        size = self.head_dim
        return self.num_query_heads, self.num_key_value_heads, size, size
