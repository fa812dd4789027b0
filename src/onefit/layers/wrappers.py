# ruff: noqa: D102
"""Wrappers of a layer: both directions of time, each step of time."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from onefit.checks import one_of
from onefit.custom import CustomObjectScope
from onefit.description import setting
from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer, Outcome
from onefit.layers.called import Called
from onefit.layers.composite import Composite, a_layer
from onefit.layers.core import deserialize, serialize
from onefit.layers.recurrent import OverTime, WithStates
from onefit.types import (
    Array,
    Config,
    Generator,
    Mask,
    Params,
    Shape,
    Shapes,
    State,
    Tree,
    is_shape,
)

__all__ = ["Bidirectional", "TimeDistributed", "Wrapper"]


# Both directions ----------------------------------------------------------------------

MERGES: dict[Any, Any] = {
    "concat": lambda a, b: jnp.concatenate([a, b], axis=-1),
    "sum": jnp.add,
    "mul": jnp.multiply,
    "ave": lambda a, b: (a + b) / 2.0,
    None: lambda a, b: (a, b),
}


def _directed(layer: Layer, way: str, **settings: Any) -> Layer:
    """The layer as one of the two, with outputs of zero where the mask leaves out."""
    name = f"{way}_{str(layer.name).removeprefix(f'{way}_')}"
    sequences = layer.return_sequences
    return layer.replace(name=name, zero_output_for_mask=sequences, **settings)


class Bidirectional(WithStates, Composite):
    """A recurrent layer run from both ends: y = [forward(x), backward(x)].

    Args:
        layer: The recurrent layer, which is copied: SimpleRNN, LSTM, GRU, RNN(cell).
        merge_mode: How the two outputs become one: "concat", "sum", "mul", "ave", or
            None for both.
        backward_layer: The one that goes backwards; by default a copy of `layer` that
            does.

    Call: `layer(x, initial_state=[...], mask=mask)`, the states of the forward layer
    before those of the backward layer. Both layers' outputs are zero where the mask
    leaves a step out.

    Input and output: (batch, time, features) to the merged outputs, in the order of
    time; with return_state of the layers, followed by the states of both.

    Weights: the forward layer's, then the backward layer's.

    Raises:
        TypeError: What is no recurrent layer.
        ValueError: An unknown merge_mode; two layers that do not go opposite ways, or
            differ in what they return; an input that the layers refuse.

    Differs from Keras: weights are set by `set_weights`, not by an argument.

    Example:
        >>> layer = Bidirectional(onefit.layers.LSTM(4, return_sequences=True))
        >>> layer(np.ones((2, 5, 3))).shape
        (2, 5, 8)

    Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks".
    """

    role = "wrapper"
    equation = "the layer run from both ends"

    supports_masking = True

    layer: Any = setting(convert=a_layer)
    merge_mode: Any = setting(default="concat", check=one_of(*MERGES))
    backward_layer: Any = setting(
        default=None, convert=lambda v: None if v is None else a_layer(v), kw_only=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for layer in (self.layer, self.backward_layer):
            if layer is not None and not isinstance(layer, OverTime):
                raise mistyped(
                    "Bidirectional",
                    f"{type(layer).__name__}, a layer without a direction",
                    "a recurrent layer",
                    "write Bidirectional(LSTM(8))",
                )
        first, second = self.layer, self.backward_layer
        forward = _directed(first, "forward")
        backward = second and second.replace(
            zero_output_for_mask=second.return_sequences, name=second.name
        )
        backward = backward or _directed(first, "backward", go_backwards=True)
        object.__setattr__(self, "layer", forward)
        object.__setattr__(self, "backward_layer", backward)
        self.adopt()
        self._agree()

    def _agree(self) -> None:
        one, other = self.layer, self.backward_layer
        if one.go_backwards or not other.go_backwards:
            ways = one.go_backwards, other.go_backwards
            raise invalid(
                "Bidirectional",
                f"go_backwards={ways[0]} forward and {ways[1]} backward",
                "False for the layer and True for the backward_layer",
                "leave backward_layer out for a copy that goes the other way",
            )
        for name in ("return_sequences", "return_state", "stateful"):
            values = getattr(one, name), getattr(other, name)
            if values[0] != values[1]:
                raise invalid(
                    "Bidirectional",
                    f"{name}={values[0]} forward and {values[1]} backward",
                    "the same for both",
                    f"write {name}={values[0]} in both layers",
                )

    def parts(self) -> dict[str, Layer]:
        return {"forward": self.layer, "backward": self.backward_layer}

    @property
    def forward_layer(self) -> Layer:
        """The layer that goes forwards."""
        return self.layer

    @property
    def stateful(self) -> bool:
        """Whether the layers are."""
        return self.layer.stateful

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        shape = input_shape if is_shape(input_shape) else input_shape[0]
        pairs = {
            name: part.fresh(stream, shape)
            for (name, part), stream in zip(
                self.parts().items(), rng.spawn(2), strict=True
            )
        }
        params = self.whole({name: own for name, (own, _) in pairs.items()})
        return params, self.whole({name: own for name, (_, own) in pairs.items()})

    def forward(self, params, state, x, *, training, key, mask=None, **options):
        outcomes = {}
        halves = _halves(x)
        for i, (name, part) in enumerate(self.parts().items()):
            own = None if key is None else jax.random.fold_in(key, i)
            outcomes[name] = part.forward(
                self.of(name, params),
                self.of(name, state),
                halves[i],
                training=training,
                key=own,
                mask=mask,
                **options,
            )
        one, other = outcomes.values()
        (y, *states), (z, *after) = (
            o.output if self.layer.return_state else (o.output,) for o in (one, other)
        )
        if self.layer.return_sequences:
            z = z[:, ::-1]
        y = MERGES[self.merge_mode](y, z)
        if self.layer.return_state:
            y = (*(y if self.merge_mode is None else (y,)), *states, *after)
        new = self.whole({name: o.state for name, o in outcomes.items()})
        return Outcome(y, new, one.penalty + other.penalty, self.compute_mask(x, mask))

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        return self.forward(params, state, x, training=training, key=key, mask=mask)[:2]

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        there, back = (
            part.compute_mask(half, mask)
            for part, half in zip(self.parts().values(), _halves(inputs), strict=True)
        )
        if not self.layer.return_state:
            return (there, back) if self.merge_mode is None else there
        (m, *states), (other, *behind) = there, back
        return (m, *([other] if self.merge_mode is None else []), *states, *behind)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        shapes = [
            part.output_shape(half)
            for part, half in zip(
                self.parts().values(), _halves(input_shape), strict=True
            )
        ]
        state = self.layer.return_state
        (y, *states), (z, *after) = (s if state else (s,) for s in shapes)
        if self.merge_mode not in ("concat", None) and y != z:
            raise self.misfit(
                f"merge_mode={self.merge_mode!r} and outputs of shapes {y} "
                f"forward and {z} backward",
                "the same shape",
                'write merge_mode="concat", or the same units in both layers',
            )
        merged: Any = (*y[:-1], y[-1] + z[-1]) if self.merge_mode == "concat" else y
        if self.merge_mode is None:
            return (y, z, *states, *after)
        return (merged, *states, *after) if state else merged


def _halves(x: Tree) -> tuple[Tree, Tree]:
    """What either direction is given: x, and its half of the initial states."""
    if not isinstance(x, tuple) or is_shape(x):
        return x, x
    x, *states = x
    half = len(states) // 2
    if not states:
        return x, x
    return (x, *states[:half]), (x, *states[half:])


# Each step ----------------------------------------------------------------------------


class TimeDistributed(Composite):
    """A layer applied to each step of time by itself: y_t = layer(x_t).

    The steps are rows of one larger batch. A layer whose state follows the batches it
    trains on (BatchNormalization) sees one step after the other instead.

    Args:
        layer: The layer.

    Call: `layer(x, mask=mask)`; a mask of (batch, time, ...) goes to the inner layer
    step by step, where it has more axes than these two, or the layer is written in
    Keras' style, with a `call` that takes a mask.

    Input and output: (batch, time, ...) to (batch, time, ...), what follows the time
    being the layer's own input and output; several of them as a tuple.

    Weights: the layer's.

    Raises:
        TypeError: What is no layer.
        ValueError: An input of less than three axes, a mask of another shape, what the
            layer refuses.

    Differs from Keras: the inner layer's activity_regularizer counts; several inputs
    work.

    Example:
        >>> layer = TimeDistributed(onefit.layers.Dense(1, kernel_initializer="ones"))
        >>> layer(np.array([[[1.0, 2.0], [3.0, 4.0]]]))
        Array([[[3.],
                [7.]]], dtype=float32)

    Source: Keras, `keras.layers.TimeDistributed`.
    """

    role = "wrapper"

    supports_masking = True

    layer: Any = setting(convert=a_layer)

    def parts(self) -> dict[str, Layer]:
        return {"layer": self.layer}

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        params, state = self.layer.fresh(rng, self._step_shape(input_shape))
        return self.whole({"layer": params}), self.whole({"layer": state})

    def forward(self, params, state, x, *, training, key, mask=None, **options):
        params, own = self.of("layer", params), self.of("layer", state)
        batch, time = jax.tree.leaves(x)[0].shape[:2]
        self._check(x, mask)
        how = {"training": training} | options
        # One in Keras' style takes the mask of a step, (batch,), as it says.
        own_style = self.layer.in_keras_style
        inner = jax.tree.map(lambda m: m if m.ndim > 2 or own_style else None, mask)

        if not own or not (training or self.layer.stateful):

            def merged(a: Array) -> Array:
                return a.reshape(batch * time, *a.shape[2:])

            inner = jax.tree.map(merged, inner)
            rows = jax.tree.map(merged, x)
            outcome = self.layer.forward(params, own, rows, key=key, mask=inner, **how)
            y = jax.tree.map(
                lambda a: a.reshape(batch, time, *a.shape[1:]), outcome.output
            )
            penalty, own = outcome.penalty * time, outcome.state
        else:

            def step(own: State, at: Tree) -> tuple[State, Tree]:
                t, x, m = at
                k = None if key is None else jax.random.fold_in(key, t)
                outcome = self.layer.forward(params, own, x, key=k, mask=m, **how)
                return outcome.state, (outcome.output, jnp.asarray(outcome.penalty))

            def swapped(nest: Tree) -> Tree:
                return jax.tree.map(lambda a: jnp.swapaxes(a, 0, 1), nest)

            steps = jnp.arange(time), swapped(x), swapped(inner)
            own, (y, penalties) = lax.scan(step, own, steps)
            y, penalty = swapped(y), jnp.sum(penalties)
        new = self.whole({"layer": own})
        return Outcome(y, new, penalty, self.compute_mask(x, mask))

    def apply(self, params, state, x, *, training=False, key=None, mask=None):
        return self.forward(params, state, x, training=training, key=key, mask=mask)[:2]

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        return jax.tree.leaves(mask)[0] if jax.tree.leaves(mask) else None

    def _check(self, x: Tree, mask: Mask) -> None:
        """Refuses a mask that does not fit."""
        steps = jax.tree.leaves(x)[0].shape[:2]
        for m in jax.tree.leaves(mask):
            if m.shape[:2] != steps:
                raise self.misfit(
                    f"a mask of shape {m.shape} for {steps[1]} steps of "
                    f"{steps[0]} sequences",
                    f"(batch, time), {steps}",
                    "give a mask with one value for each step of each sequence",
                )

    def _step_shape(self, input_shape: Shapes) -> Shapes:
        """The shape of one step, refused where there is no time."""
        shapes = jax.tree.leaves(input_shape, is_leaf=is_shape)
        for shape in shapes:
            if len(shape) < 3 or shape[1] == 0 or shape[1] != shapes[0][1]:
                raise self.misfit(
                    f"input of shape {input_shape}",
                    "(batch, time, ...), with at least one step, and one "
                    "number of steps for all inputs",
                    "write x[..., None] for sequences of single numbers",
                )
        return jax.tree.map(lambda s: (s[0], *s[2:]), input_shape, is_leaf=is_shape)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        step: Shape = self._step_shape(input_shape)
        time = jax.tree.leaves(input_shape, is_leaf=is_shape)[0][1]
        return jax.tree.map(
            lambda s: (s[0], time, *s[1:]),
            self.layer.output_shape(step),
            is_leaf=is_shape,
        )


# In Keras' style ----------------------------------------------------------------------


class Wrapper(Called):
    """A layer around another: a subclass writes `call`, which calls `self.layer`.

    Args:
        layer: The layer inside.
        **kwargs: name, trainable, dtype.

    Raises:
        TypeError: What is no layer.

    Example:
        >>> class Twice(onefit.layers.Wrapper):
        ...     def call(self, inputs):
        ...         return self.layer(self.layer(inputs))
        >>> Twice(onefit.layers.Rescaling(3.0))(np.ones(2))
        Array([9., 9.], dtype=float32)

    Source: Keras, `keras.layers.Wrapper`.
    """

    role = "other"

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise mistyped(
                type(self).__name__, repr(layer), "a layer", "write Dense(4) for one"
            )
        self.layer = layer

    def build(self, input_shape: Shapes = None) -> None:
        """Makes the weights of the layer inside."""
        if not self.layer.ready:
            self.layer.build(input_shape)

    def call(self, inputs: Tree) -> Tree:
        """What the layer inside gives."""
        return self.layer(inputs)

    def get_config(self) -> Config:
        """The settings, with those of the layer inside."""
        return super().get_config() | {"layer": serialize(self.layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: Any = None) -> "Wrapper":
        """The reverse of `get_config`."""
        layer = config["layer"]
        if isinstance(layer, dict):
            with CustomObjectScope(custom_objects):
                layer = deserialize(layer)
        return cls(**config | {"layer": layer})
