# ruff: noqa: D102
"""Recurrent layers: a cell carried along sequences."""

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from onefit import config
from onefit.description import Description, setting
from onefit.layers.base import Layer
from onefit.layers.cells import (
    GRUFormula,
    LSTMFormula,
    Recurrent,
    SimpleFormula,
    StackedRNNCells,
    a_cell,
    output_size,
    state_shapes,
    through_time,
    zero_states,
)
from onefit.layers.composite import Composite
from onefit.layers.settings import only, regularizer
from onefit.types import Generator, Mask, Params, Shape, Shapes, State, Tree, is_shape
from onefit.variables import Variable

__all__ = ["GRU", "LSTM", "RNN", "SimpleRNN"]


# What they share ----------------------------------------------------------------------


class WithStates(Layer, abstract=True):
    """What is called on initial states, too, and may carry them from call to call."""

    def gather(
        self, *inputs: Any, initial_state: Tree = None, **options: Any
    ) -> tuple[Tree, dict]:
        """`layer(x, initial_state=[h, ...])`: x and the states are one tuple."""
        if "sequences" in options:  # as Keras calls x
            inputs = (options.pop("sequences"), *inputs)
        if len(inputs) == 2 and initial_state is None:
            inputs, initial_state = inputs[:1], inputs[1]
        if initial_state is not None:
            inputs = ((*inputs, *jax.tree.leaves(initial_state)),)
        return super().gather(*inputs, **options)

    @property
    def states(self) -> list[Variable] | None:
        """The states that a stateful layer carries, once it is built; else None."""
        if not (self.stateful and self.built):
            return None
        return [v for v in self.variables if v.name.startswith("rnn_state")]

    def reset_states(self) -> None:
        """Sets the states that a stateful layer carries from call to call to zero.

        Raises:
            ValueError: A layer that is not stateful.
        """
        if not self.stateful:
            raise self.misfit(
                "reset_states() of a layer that carries no states",
                "stateful=True",
                f"write {type(self).__name__}(..., stateful=True)",
            )
        slot = self.slot
        for name, s in slot.state.items():
            if name.rpartition("/")[2].startswith("rnn_state"):
                slot.state = slot.state | {name: np.zeros_like(s)}

    def reset_state(self) -> None:
        """The same as `reset_states`."""
        self.reset_states()


class OverTime(WithStates, abstract=True):
    """What carries a cell along sequences; the settings are the class's own."""

    supports_masking = True
    step_axes = 1  # not annotated, as the next: properties of some
    """How many axes one step has behind the batch; None for any number."""
    sequences = "(batch, time, features)"

    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = setting(default=False, kw_only=True)
    activity_regularizer: Any = regularizer()

    @property
    def carried(self) -> Layer:
        """The cell."""
        return self

    def cell_weights(self, weights: Tree) -> Tree:
        """The cell's own weights."""
        return {n: w for n, w in weights.items() if not n.startswith("rnn_state")}

    def layer_weights(self, weights: Tree) -> Tree:
        """The layer's, from the cell's."""
        return weights

    def states_of(self, shape: Shape) -> tuple[Shapes, ...]:
        """The shapes of the states, for an input of this shape."""
        return state_shapes(self.carried.state_size, shape[0])

    def zeros(self, x: Tree) -> tuple[Tree, ...]:
        """The states before the first step."""
        return zero_states(self.carried, x.shape[0])

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        shape = _first(input_shape)
        params, state = self.first_weights(rng, (shape[0], *shape[2:]))
        state = self.layer_weights(state)
        if self.stateful:
            shapes = jax.tree.leaves(self.states_of(shape), is_leaf=is_shape)
            for name, s in zip(_names(len(shapes)), shapes, strict=True):
                state[name] = np.zeros(s, config.floatx())
        return self.layer_weights(params), state

    def first_weights(self, rng: Generator, step_shape: Shape) -> tuple[Params, State]:
        """Fresh weights of the cell, for steps of this shape."""
        return super().init(rng, step_shape)

    def apply(
        self,
        params: Params,
        state: State,
        x: Tree,
        *,
        training=False,
        key=None,
        mask=None,
    ) -> tuple[Tree, State]:
        x, *given = x if isinstance(x, tuple) else (x,)
        mask = mask[0] if isinstance(mask, tuple) else mask
        names = _names(len(jax.tree.leaves(self.zeros(x)))) if self.stateful else []
        self._check(x, mask, state, names)
        states = self.zeros(x)
        given = given or [state[name] for name in names]
        if given:
            states = jax.tree.unflatten(jax.tree.structure(states), given)
        states = jax.tree.map(lambda s: jnp.asarray(s, x.dtype), states)

        def in_time(a: Tree) -> Tree:
            a = jnp.swapaxes(a, 0, 1)
            return a[::-1] if self.go_backwards else a

        present = None if mask is None else in_time(mask)
        (y, states), after = through_time(
            self.carried,
            self.cell_weights(params),
            self.cell_weights(state),
            in_time(x),
            states,
            present,
            self.return_sequences,
            training=training,
            key=key,
        )
        if self.return_sequences:
            if present is not None and self.zero_output_for_mask:
                y = jnp.where(
                    present.reshape(*present.shape, *(1,) * (y.ndim - 2)), y, 0.0
                )
            y = jnp.swapaxes(y, 0, 1)
        new = self.layer_weights(after) | dict(
            zip(names, jax.tree.leaves(states), strict=False)
        )
        return ((y, *self._shown(states)) if self.return_state else y), new

    def _shown(self, states: tuple[Tree, ...]) -> tuple[Tree, ...]:
        """The last states of a call: that of a stacked cell with one is no tuple."""
        if not isinstance(self.carried, StackedRNNCells):
            return states
        return tuple(own[0] if len(own) == 1 else own for own in states)

    def _check(self, x: Tree, mask: Mask, state: State, names: list[str]) -> None:
        """Refuses a mask of another shape, and another batch than that of the state."""
        if mask is not None and jnp.shape(mask) != x.shape[:2]:
            raise self.misfit(
                f"a mask of shape {jnp.shape(mask)} for x of shape {x.shape}",
                f"(batch, time), {x.shape[:2]}",
                "give a mask with one value for each step of each sequence",
            )
        if names and x.shape[0] != state[names[0]].shape[0]:
            raise self._other_batch(x.shape[0], state[names[0]].shape[0])

    def compute_mask(self, inputs: Tree, mask: Mask = None) -> Mask:
        """The input's mask for the sequences, if they are the output."""
        mask = mask[0] if isinstance(mask, tuple) else mask
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        shape = _first(jax.tree.map(jnp.shape, inputs))
        return (
            mask,
            *jax.tree.map(
                lambda _: None, self._shown(self.states_of(shape)), is_leaf=is_shape
            ),
        )

    def output_shape(self, input_shape: Shapes) -> Shapes:
        shape = _first(input_shape)
        self._fits(shape)
        states = self.states_of(shape)
        given = jax.tree.leaves(input_shape, is_leaf=is_shape)[1:]
        wanted = jax.tree.leaves(states, is_leaf=is_shape)
        if given and [s[1:] for s in given] != [s[1:] for s in wanted]:
            raise self.misfit(
                f"initial_state of shapes {given}",
                f"{len(wanted)} of shapes {wanted}",
                "give one array for each state, or leave initial_state out for zeros",
            )
        y = (shape[0], *self.step_output(shape))
        if self.return_sequences:
            y = (shape[0], shape[1], *y[1:])
        return (y, *self._shown(states)) if self.return_state else y

    def step_output(self, shape: Shape) -> Shape:
        """The shape of one step's output, without the batch."""
        return (output_size(self.carried),)

    def _fits(self, shape: Shape) -> None:
        """Refuses inputs that are no sequences, or others than it was built for."""
        axes = self.step_axes
        if len(shape) < 3 or (axes is not None and len(shape) != axes + 2):
            raise self.misfit(
                f"input of shape {shape}",
                f"sequences, {self.sequences}",
                "write x[..., None] for sequences of single numbers, x[None] for "
                "one sequence, or return_sequences=True in a recurrent layer before"
                if len(shape) < (axes or 1) + 2
                else f"reshape x to {self.sequences}",
            )
        if shape[1] == 0:
            raise self.misfit(
                f"sequences of length 0, input of shape {shape}",
                "at least one step of time",
                "leave empty sequences out, or pad them to one length",
            )
        if self.stateful and shape[0] is None and not self.built:
            raise self.misfit(
                f"stateful=True and input of shape {shape}",
                "a fixed number of rows in a batch, one state for each",
                f"write Input(batch_shape={(32, *shape[1:])})",
            )
        self.known(shape)
        if self.stateful and self.built:
            rows = self.slot.state[_names(1)[0]].shape[0]
            if shape[0] not in (None, rows):
                raise self._other_batch(shape[0], rows)

    def _other_batch(self, rows: int, known: int) -> ValueError:
        return self.misfit(
            f"a batch of {rows} rows with stateful=True",
            f"{known}, as the states were made for",
            f"give batches of {known} rows, or make a new layer",
        )

    def known(self, shape: Shape) -> None:
        """Refuses other features than the layer was built for, and unknown ones."""
        features = shape[2:]
        if features[-1] is None:
            raise self.misfit(
                f"input of shape {shape}",
                "a known number of features",
                "write Input((None, 8)) for sequences of 8 features and any length",
            )
        built = _first(self.slot.input_shape)[2:] if self.built else features
        fix = "give x that shape, or make a new layer"
        self.as_built(_sizes(features), _sizes(built), "features", shape, fix)


class OwnCell(OverTime, abstract=True):
    """What is its own cell: `layer.cell.kernel` is `layer.kernel`."""

    @property
    def cell(self) -> Self:
        """The layer itself, as its weights and settings are its cell's."""
        return self


def _first(shapes: Shapes) -> Shape:
    """The shape of x, of the shapes of x and its initial states."""
    return shapes if is_shape(shapes) else shapes[0]


def _names(count: int) -> list[str]:
    """What the states are called among a stateful layer's weights."""
    return ["rnn_state", *(f"rnn_state_{i}" for i in range(1, count))]


def _sizes(shape: Shape) -> object:
    return shape[0] if len(shape) == 1 else shape


# Layers -------------------------------------------------------------------------------


class SimpleRNN(OwnCell, SimpleFormula):
    """Fully connected recurrent layer: h_t = g(x_t · W + h_{t−1} · R + b).

    Args:
        units: How many units, the size of h.
        activation: g, a name or a function; None is linear.
        use_bias: Whether to add b.
        kernel_initializer, recurrent_initializer, bias_initializer: How W, R, b start.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on W, R,
            b, added to the loss.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: What W, R, b are put
            through after a step.
        dropout: The share of each x_t that is dropped while training, the same at all
            times of a sequence.
        recurrent_dropout: The share of h that is dropped in h · R, likewise.
        return_sequences: Whether to return h_t of all times, or only the last.
        return_state: Whether to return the last state, too: (y, h).
        go_backwards: Whether to go from the last step to the first; outputs are in the
            order in which they were made.
        stateful: Whether a batch starts from the last states of the batch before, row
            by row, rather than from zeros; `reset_states()` makes them zero again. The
            inputs need a fixed number of rows: Input(batch_shape=(32, 10, 8)).
        unroll: Taken, and the same numbers: the loop is compiled either way.
        seed: A stream of its own for what is dropped, as in `Dropout`.
        zero_output_for_mask: Whether the outputs of steps that are masked are zero.

    Call: `layer(x, initial_state=[h], mask=mask)`. A step that the mask, (batch, time),
    leaves out keeps the state and repeats the output before it.

    Input and output: (batch, time, features) to (batch, units), or (batch, time, units)
    with return_sequences.

    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).

    Raises:
        ValueError: An input that is no batch of sequences, of length 0, or with other
            features than before; a mask or an initial state that does not fit; a
            stateful layer whose batch is open, or changes.

    Differs from Keras: a dropout of 1 drops everything, rather than nothing.

    Example:
        >>> layer = SimpleRNN(1, "relu", kernel_initializer="ones",
        ...                   recurrent_initializer="ones", return_sequences=True)
        >>> layer(np.array([[[1.0], [2.0], [3.0]]]))  # sums
        Array([[[1.],
                [3.],
                [6.]]], dtype=float32)

    Source: Elman 1990, "Finding structure in time"; lecture 004, "Recurrent layer".
    """

    role = "recurrent"

    _order = (
        f"{Recurrent._order} return_sequences return_state go_backwards stateful unroll"
    )


_NO_CUDNN = only(
    "auto",
    False,
    fix="leave it out: there is one way, and it is the same on each platform",
)


class LSTM(OwnCell, LSTMFormula):
    """Long short-term memory: gates i, f, o around a memory c.

    With z = x_t · W + h_{t−1} · R + b, in four blocks of columns:
    i = σ(z_i), f = σ(z_f), g = tanh(z_g), o = σ(z_o),
    c_t = f ⊙ c_{t−1} + i ⊙ g, h_t = o ⊙ tanh(c_t).

    Args:
        units: How many units, the size of h and of c.
        activation: tanh above, a name or a function; None is linear.
        recurrent_activation: σ above.
        use_bias: Whether to add b.
        kernel_initializer, recurrent_initializer, bias_initializer: How W, R, b start.
        unit_forget_bias: Whether b_f starts at one, so that c lasts at first.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on W, R,
            b, added to the loss.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: What W, R, b are put
            through after a step.
        dropout, recurrent_dropout: As in `SimpleRNN`; with a recurrent_dropout each
            gate has draws of its own.
        seed: A stream of its own for what is dropped, as in `Dropout`.
        return_sequences, return_state, go_backwards, stateful, unroll: As in
            `SimpleRNN`; the last states are (y, h, c).
        use_cudnn: "auto" or False.
        zero_output_for_mask: As in `SimpleRNN`.

    Call: `layer(x, initial_state=[h, c], mask=mask)`, as `SimpleRNN`.

    Input and output: (batch, time, features) to (batch, units), or (batch, time, units)
    with return_sequences.

    Weights: kernel (features, 4 · units), recurrent_kernel (units, 4 · units), bias
    (4 · units,), their columns those of i, f, g, o.

    Raises:
        ValueError: As in `SimpleRNN`.

    Differs from Keras: as in `SimpleRNN`.

    Example:
        >>> layer = LSTM(4, return_sequences=True, return_state=True)
        >>> y, h, c = layer(np.ones((2, 5, 3)))
        >>> y.shape, h.shape, bool((y[:, -1] == h).all())
        ((2, 5, 4), (2, 4), True)

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; Gers et al. 2000
    for the forget gate.
    """

    role = "recurrent"
    equation = (
        "c_t = f·c_{t-1} + i·tanh(...), h_t = o·tanh(c_t); gates f, i, o = "
        "σ(x_t·W + h_{t-1}·R + b)"
    )

    use_cudnn: Any = setting(default="auto", check=_NO_CUDNN)


class GRU(OwnCell, GRUFormula):
    """Gated recurrent unit: u decides what of h is kept, r what the new value sees.

    u, r = σ(x_t · W_k + b_k + h_{t−1} · R_k + r_k),
    n = tanh(x_t · W_n + b_n + r ⊙ (h_{t−1} · R_n + r_n)),
    h_t = u ⊙ h_{t−1} + (1 − u) ⊙ n.

    Args:
        units: How many units, the size of h.
        activation: tanh above, a name or a function; None is linear.
        recurrent_activation: σ above.
        use_bias: Whether to add the biases.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights
            start.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties on the
            weights, added to the loss.
        activity_regularizer: Penalty on the output.
        kernel_constraint, recurrent_constraint, bias_constraint: What the weights are
            put through after a step.
        dropout, recurrent_dropout, seed: As in `LSTM`.
        return_sequences, return_state, go_backwards, stateful, unroll: As in
            `SimpleRNN`.
        reset_after: Whether r comes after the product, as above; otherwise n sees
            (r ⊙ h_{t−1}) · R_n, there is one bias only, and training is slower.
        use_cudnn, zero_output_for_mask: As in `LSTM`.

    Call: `layer(x, initial_state=[h], mask=mask)`, as `SimpleRNN`.

    Input and output: (batch, time, features) to (batch, units), or (batch, time, units)
    with return_sequences.

    Weights: kernel (features, 3 · units), recurrent_kernel (units, 3 · units), bias
    (2, 3 · units), b then r, or (3 · units,), their columns those of u, r, n.

    Raises:
        ValueError: As in `SimpleRNN`.

    Differs from Keras: as in `SimpleRNN`.

    Example:
        >>> GRU(4)(np.ones((2, 5, 3))).shape
        (2, 4)

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    role = "recurrent"
    equation = "h_t = u·h_{t-1} + (1 - u)·n; gates u, r = σ(x_t·W + h_{t-1}·R + b)"

    _order = (
        f"{Recurrent._order} seed return_sequences return_state go_backwards stateful "
        "unroll"
    )

    use_cudnn: Any = setting(default="auto", check=_NO_CUDNN)


class _OfCell(Description):
    cell: Layer = setting(convert=a_cell)


class RNN(OverTime, _OfCell, Composite):
    """Any cell, carried along sequences: (y_t, s_t) = cell(x_t, s_{t−1}).

    A cell is a layer with a `state_size`, a whole number or a tuple of them, whose
    `apply` takes (x, states), of shapes (batch, features) and a tuple of (batch, size),
    and gives (output, new states). Its `init` sees the shape of x alone, and its key is
    the same at all times, so that what it drops is, too. If the output has another size
    than the first state, the cell says so by `output_size`; if states do not start at
    zero, by `get_initial_state(batch_size)`.

    Args:
        cell: The cell, or a list of cells to stack.
        return_sequences, return_state, go_backwards, stateful, unroll: As in
            `SimpleRNN`.
        zero_output_for_mask: As in `SimpleRNN`.

    Call: `layer(x, initial_state=[...], mask=mask)`, as `SimpleRNN`.

    Input and output: (batch, time, features) to (batch, size), or (batch, time, size)
    with return_sequences; with return_state a tuple, the last states following.

    Weights: the cell's.

    Raises:
        TypeError: What is no cell.
        ValueError: As in `SimpleRNN`.

    Example:
        >>> class Sum(onefit.layers.Layer):
        ...     state_size: int = 1
        ...     def init(self, rng, input_shape):
        ...         return {"w": np.ones((input_shape[-1], 1), "float32")}, {}
        ...     def apply(self, params, state, x, *, training=False, key=None):
        ...         x, (h,) = x
        ...         h = h + x @ params["w"]
        ...         return (h, (h,)), state
        >>> RNN(Sum(), return_sequences=True)(np.array([[[1.0], [2.0], [3.0]]]))
        Array([[[1.],
                [3.],
                [6.]]], dtype=float32)
        >>> RNN([onefit.layers.LSTMCell(8), onefit.layers.LSTMCell(4)])(
        ...     np.ones((2, 5, 3))).shape
        (2, 4)

    Source: Keras, `keras.layers.RNN`.
    """

    role = "other"

    step_axes = None

    zero_output_for_mask: bool = False
    activity_regularizer: Any = regularizer(kw_only=True)

    def parts(self) -> dict[str, Layer]:
        return {"cell": self.cell}

    @property
    def carried(self) -> Layer:
        return self.cell

    def cell_weights(self, weights: Tree) -> Tree:
        return self.of("cell", weights)

    def layer_weights(self, weights: Tree) -> Tree:
        return self.whole({"cell": weights})

    def first_weights(self, rng: Generator, step_shape: Shape) -> tuple[Params, State]:
        return self.cell.fresh(rng, step_shape)
