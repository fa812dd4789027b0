# ruff: noqa: D102
"""Layers for sequences of tokens: vectors looked up by id, steps masked out."""

from typing import Any, ClassVar, Self

import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.checks import whole
from onefit.description import number, setting
from onefit.layers.base import Layer
from onefit.layers.low_rank import LowRank
from onefit.layers.settings import constraint, initial, regularizer
from onefit.layers.shapes import SameShape
from onefit.types import (
    Array,
    Config,
    Float,
    Generator,
    Mask,
    Params,
    Shape,
    Shaped,
    Shapes,
    State,
    Tree,
)

__all__ = ["Embedding", "Masking", "ReversibleEmbedding"]


class _Table(LowRank, abstract=True):
    """What layers share that look rows of a table up."""

    integers: ClassVar[bool] = True
    lora_weight = "embeddings"
    input_dim: Any = setting(check=whole(1), kw_only=False)
    output_dim: int = setting(check=whole(1))
    embeddings_initializer: Any = initial("uniform")
    embeddings_regularizer: Any = regularizer()
    embeddings_constraint: Any = constraint()
    mask_zero: bool = False
    activity_regularizer: Any = regularizer(kw_only=True)

    @property
    def supports_masking(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride] - as the setting says
        """Whether there is a mask at all."""
        return self.mask_zero

    def build(
        self, input_shape: Shapes = (None,), rng: Generator | None = None
    ) -> Self:
        """Makes the table, whose size no input decides."""
        return super().build(input_shape or (None,), rng)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        shape = (self.input_dim, self.output_dim)
        return {"embeddings": self.embeddings_initializer.draw(rng, shape)}, {}

    def look_up(
        self, params: Params, x: Shaped[Array, "*ids"]
    ) -> Float[Array, "*ids size"]:
        """The row of each id. Ids are checked on the host; here they are clamped."""
        x = x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype("int32")
        return jnp.take(params["embeddings"], x, axis=0, mode="clip")

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return inputs != 0 if self.mask_zero else None

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape, self.output_dim)

    def multiplications(self, input_shape: Shape) -> int:
        """A lookup multiplies nothing; it moves a row for each id."""
        return int(np.prod([size or 1 for size in input_shape[1:]])) * self.output_dim

    @property
    def told_shape(self) -> Shapes:
        """The input's shape, if a setting gives it; `input_dim` is the vocabulary."""
        told = self.batch_input_shape
        return self.input_shape if told is None else tuple(told)[1:]

    def get_config(self) -> Config:
        """The settings by Keras' names; the weights are not among them."""
        given: dict[str, Any] = super().get_config()
        for name in ("weights", "input_length"):
            given.pop(name, None)
        return given | {"input_dim": self.input_dim}

    def check_input(self, x: Tree) -> None:
        """Refuses ids outside the vocabulary, and what is no whole number.

        Raises:
            ValueError: Which id, where in x, and what the vocabulary's ids are.
        """
        x, size = np.asarray(x), self.input_dim
        if not x.size:
            return
        if x.dtype.kind == "f":
            bad = ~np.isfinite(x) | (x != np.floor(x))
            self._refuse(x, bad, "look where they come from: ids are whole")
        least, most = x.min(), x.max()
        if least < 0:
            self._refuse(x, x < 0, "pad with 0 and write mask_zero=True")
        if most >= size:
            name = type(self).__name__
            fix = f"write {name}({int(most) + 1}, ...), or one id for all rare words"
            self._refuse(x, x >= size, fix)

    def _refuse(self, x: np.ndarray, bad: np.ndarray, fix: str) -> None:
        """Refuses the first id of those marked, if any is."""
        if bad.any():
            place = np.unravel_index(np.argmax(bad), x.shape)
            at = ", ".join(str(int(i)) for i in place)
            raise self.misfit(
                f"the id {x[place]} at [{at}]",
                f"whole numbers from 0 to {self.input_dim - 1} "
                f"(input_dim={self.input_dim})",
                fix,
            )


class Embedding(_Table):
    """A vector for each word, learned: a = E[x], the row of E whose number is x.

    It is a Dense layer without bias on one-hot vectors, x·E, without the zeros.

    Args:
        input_dim: How many words there are: ids run from 0 to one less.
        output_dim: The size of a word's vector.
        embeddings_initializer: How E starts.
        embeddings_regularizer: Penalty on E, added to the loss.
        embeddings_constraint: What E is put through after a step.
        mask_zero: Whether id 0 is padding: steps with it are masked from the layers
            that follow.
        weights: E itself, (input_dim, output_dim), to start from.
        activity_regularizer: Penalty on a.
        input_length: The length of sequences, if a model is to know it: Keras 2's way.

    Input and output: whole numbers (batch, ...) to (batch, ..., output_dim). Floats
    that are whole (1.0) pass.

    Weights: embeddings (input_dim, output_dim).

    Mask: True where the id is not 0, with mask_zero.

    Raises:
        ValueError: A size below 1, or an id that is not one of the vocabulary (which,
            and where), found on the host before anything runs.

    Differs from Keras: an id outside the vocabulary is refused, where Keras gives NaN
    for one too large and counts one below 0 from the end.

    Example:
        >>> layer = Embedding(3, 2, weights=np.array([[0, 0], [1, 2], [3, 4]]))
        >>> layer(np.array([[2, 1]]))
        Array([[[3., 4.],
                [1., 2.]]], dtype=float32)

    Source: Bengio et al. 2003, "A neural probabilistic language model"; lecture 004.
    """

    role = "embedding"
    equation = "a = the row of E whose number is x"

    initial: Any = setting(default=None, alias="weights", identity=False)
    input_length: int | None = setting(default=None, identity=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input_length is not None and self.input_shape is None:
            object.__setattr__(self, "input_shape", (self.input_length,))
        if self.initial is not None:
            table = np.asarray(self.initial)
            self.build((None,))
            self.set_weights([table[0] if table.ndim > 2 else table])
            object.__setattr__(self, "initial", None)  # the slot has it from here on

    def compute(self, params: Params, x: Array) -> Array:
        return self.look_up(params, x)


class ReversibleEmbedding(_Table):
    """An embedding that also goes back: a = E[x], and in reverse z = h·Eᵀ, logits.

    A language model reads words by E and scores the next word with the same E.

    Args:
        input_dim: How many words there are: ids run from 0 to one less.
        output_dim: The size of a word's vector.
        tie_weights: Whether the way back is by Eᵀ; otherwise by a matrix of its own.
        embeddings_initializer: How E starts (and the matrix of the way back).
        embeddings_regularizer: Penalty on E, added to the loss.
        embeddings_constraint: What E is put through after a step.
        mask_zero: As in `Embedding`.
        reverse_dtype: The float type of the way back; None is the input's.
        logit_soft_cap: c; logits then are c · tanh(z / c), within ±c.

    Call: `layer(ids)` looks up, `layer(h, reverse=True)` gives logits.

    Input and output: (batch, ...) to (batch, ..., output_dim); in reverse (batch, ...,
    output_dim) to (batch, ..., input_dim).

    Weights: embeddings (input_dim, output_dim), and reverse_embeddings (output_dim,
    input_dim) unless tied.

    Raises:
        ValueError: As in `Embedding`; in reverse, vectors of another size.

    Example:
        >>> table = np.array([[1.0, 0.0], [0.0, 2.0]])
        >>> layer = ReversibleEmbedding(2, 2).build((None, None))
        >>> layer.set_weights([table])
        >>> layer(layer(np.array([[1, 0]])), reverse=True)
        Array([[[0., 4.],
                [1., 0.]]], dtype=float32)

    Source: Press and Wolf 2016, "Using the output embedding to improve language
    models", arXiv:1608.05859.
    """

    role = "other"

    _order = "input_dim output_dim tie_weights"

    tie_weights: bool = True
    reverse_dtype: Any = None
    logit_soft_cap: float | None = number(default=None, above=0, optional=True)

    def init(self, rng: Generator, input_shape: Shape) -> tuple[Params, State]:
        params, state = super().init(rng, input_shape)
        if not self.tie_weights:
            shape = (self.output_dim, self.input_dim)
            params["reverse_embeddings"] = self.embeddings_initializer.draw(rng, shape)
        return params, state

    def compute(self, params: Params, x: Array, *, reverse=False) -> Array:
        if not reverse:
            return self.look_up(params, x)
        tied = self.tie_weights
        back = params["embeddings"].T if tied else params["reverse_embeddings"]
        dtype = self.reverse_dtype or x.dtype
        z = x.astype(dtype) @ back.astype(dtype)
        if self.logit_soft_cap is not None:
            cap = jnp.asarray(self.logit_soft_cap, dtype)
            z = cap * jnp.tanh(z / cap)
        return z

    # In reverse x is no ids, which only its numbers tell.

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        whole = jnp.issubdtype(inputs.dtype, jnp.integer)
        return super().compute_mask(inputs, mask) if whole else None

    def check_input(self, x: Tree) -> None:
        if jnp.issubdtype(x.dtype, jnp.integer):
            super().check_input(x)

    def call_shape(
        self, input_shape: Shapes, reverse: bool = False, **options: Any
    ) -> Shapes:
        if not reverse:
            return self.output_shape(input_shape)
        if input_shape[-1] != self.output_dim:
            raise self.misfit(
                f"input of shape {input_shape} and reverse=True",
                f"vectors of size {self.output_dim}, (batch, ..., {self.output_dim})",
                f"bring them to that size with Dense({self.output_dim})",
            )
        return (*input_shape[:-1], self.input_dim)


def _value(value: object) -> object:
    """The mask value, as an array if it is one for each feature."""
    many = isinstance(value, list | tuple)
    return np.asarray(value, config.floatx()) if many else value


class Masking(SameShape, Layer):
    """Masks the steps of a sequence whose numbers are all one value.

    A step is there where any of its features differs from the value. One that is not
    becomes zeros, and the layers that follow pass over it.

    Args:
        mask_value: The value that stands for "nothing here"; a list for one value a
            feature.

    Input and output: (batch, ..., features), the same.

    Mask: (batch, ...), True for the steps that are there.

    Example:
        >>> Masking(-1.0)(np.array([[[5.0, -1.0], [-1.0, -1.0]]]))
        Array([[[ 5., -1.],
                [ 0.,  0.]]], dtype=float32)

    Source: Keras, `keras.layers.Masking`.
    """

    role = "shape"

    mask_value: Any = number(default=0.0, convert=_value)

    def compute(self, params: Params, x: Array) -> Array:
        return jnp.where(self.compute_mask(x, None)[..., None], x, 0.0)

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return jnp.any(inputs != jnp.asarray(self.mask_value, inputs.dtype), axis=-1)
