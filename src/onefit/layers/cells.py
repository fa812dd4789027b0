# ruff: noqa: D102
"""Recurrent cells: one step of a recurrent layer, and what cell and layer share."""

from typing import Any, ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from onefit import activations, config
from onefit.description import number, off, setting
from onefit.errors import invalid, is_whole, mistyped
from onefit.layers.base import Layer
from onefit.layers.composite import Composite, a_layer
from onefit.layers.products import matmul
from onefit.layers.scanning import Matrix, Recurrence, once, project, recur, scan_steps
from onefit.layers.settings import (
    Units,
    activation,
    constraint,
    initial,
    regularizer,
    seed,
)
from onefit.types import (
    Array,
    Config,
    Float,
    Function,
    Generator,
    Key,
    Mask,
    Params,
    Shapes,
    State,
    Tree,
    is_shape,
)

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]


# Recurrences --------------------------------------------------------------------------


def elementwise(g: object) -> bool:
    """Whether it is known that each number of g(z) depends on that of z alone."""
    facts: activations.Facts | None = getattr(g, "facts", None)
    return facts is not None and not facts.across


def activate(functions: tuple[Function, ...], z: Array) -> tuple[Array, Array]:
    """g_k(z_k) and g_k'(z_k) of neighbouring blocks z_k of the columns.

    Sigmoids and tanhs are one function of all columns at once, as
    sigmoid(z) = ½ tanh(½ z) + ½.
    """
    width = z.shape[-1] // len(functions)
    if all(g in (activations.sigmoid, activations.tanh) for g in functions):
        halves = [0.5 if g is activations.sigmoid else 1.0 for g in functions]
        wide = np.repeat(halves, width)  # float64: numpy widens halves by itself
        s, rest, square = (a.astype(z.dtype) for a in (wide, 1.0 - wide, wide * wide))
        t = jnp.tanh(z * s)
        return t * s + rest, (1.0 - t * t) * square
    pairs = [
        jax.jvp(g, (part,), (jnp.ones_like(part),))
        for g, part in zip(functions, jnp.split(z, len(functions), -1), strict=True)
    ]
    values, slopes = zip(*pairs, strict=True)
    return jnp.concatenate(values, -1), jnp.concatenate(slopes, -1)


Wide: TypeAlias = Float[Array, "*rows wide"]
"""The columns of all gates: of one step (batch, gates · units), or of all."""


class SimpleRecurrence(NamedTuple):
    """h_t = g(z_t + q_t)."""

    activation: Any
    product: Any = Matrix()
    gates: int = 1

    def step(self, z: Wide, q: Wide, states: Tree) -> tuple[Tree, tuple[Array, ...]]:
        h, slope = activate((self.activation,), z + q)
        return (h,), (slope,)

    def back(self, kept: Tree, states: Tree) -> tuple[Array, tuple[Array | None, ...]]:
        return states[0] * kept[0], (None,)

    def inner(self, dz: Wide, kept: Tree) -> Wide:
        return dz


class LSTMRecurrence(NamedTuple):
    """c_t = f ⊙ c_{t−1} + i ⊙ g and h_t = o ⊙ tanh(c_t)."""

    activation: Any
    recurrent_activation: Any
    product: Any = Matrix()
    gates: int = 4

    def step(self, z: Wide, q: Wide, states: Tree) -> tuple[Tree, tuple[Array, ...]]:
        _, before = states
        g, gate = self.activation, self.recurrent_activation
        values, slopes = activate((gate, gate, g, gate), z + q)
        i, f, new, o = jnp.split(values, 4, -1)
        c = f * before + i * new
        a, slope = activate((g,), c)
        partners = jnp.concatenate([new, before, i, a], -1)
        return (o * a, c), (partners * slopes, o * slope, f)

    def back(self, kept: Tree, states: Tree) -> tuple[Array, tuple[Array | None, ...]]:
        (slopes, to_c, f), (dh, dc) = kept, states
        dc = dc + dh * to_c
        return jnp.concatenate([dc, dc, dc, dh], -1) * slopes, (None, dc * f)

    def inner(self, dz: Wide, kept: Tree) -> Wide:
        return dz


class GRURecurrence(NamedTuple):
    """h_t = u ⊙ h_{t−1} + (1 − u) ⊙ n, the reset gate after the product."""

    activation: Any
    recurrent_activation: Any
    product: Any = Matrix()
    gates: int = 3

    def step(self, z: Wide, q: Wide, states: Tree) -> tuple[Tree, tuple[Array, ...]]:
        (h,), width = states, z.shape[-1] // 3
        gate, both = self.recurrent_activation, 2 * width
        values, slopes = activate((gate, gate), z[..., :both] + q[..., :both])
        u, r = jnp.split(values, 2, -1)
        inner = q[..., both:]
        n, slope = activate((self.activation,), z[..., both:] + r * inner)
        to_n = (1.0 - u) * slope
        first = jnp.concatenate([h - n, to_n * inner], -1) * slopes
        return (u * h + (1.0 - u) * n,), (jnp.concatenate([first, to_n], -1), u, r)

    def back(self, kept: Tree, states: Tree) -> tuple[Array, tuple[Array | None, ...]]:
        (slopes, u, _), (dh,) = kept, states
        return jnp.concatenate([dh, dh, dh], -1) * slopes, (dh * u,)

    def inner(self, dz: Wide, kept: Tree) -> Wide:
        both = 2 * kept[2].shape[-1]
        return jnp.concatenate([dz[..., :both], dz[..., both:] * kept[2]], -1)


# What cells and layers share ----------------------------------------------------------


class Recurrent(Units, Layer, abstract=True):
    """Weights, dropout and the two ways through time; settings are the class's own."""

    _indifferent = frozenset({"implementation"})

    gates: ClassVar[int]
    memories: ClassVar[int] = 1
    """How many states there are."""

    _order = (
        "filters kernel_size strides padding data_format dilation_rate units "
        "activation recurrent_activation use_bias "
        "kernel_initializer recurrent_initializer bias_initializer unit_forget_bias "
        "kernel_regularizer recurrent_regularizer bias_regularizer "
        "activity_regularizer kernel_constraint recurrent_constraint bias_constraint "
        "dropout recurrent_dropout"
    )

    activation: Any = activation("tanh")
    use_bias: bool = True
    kernel_initializer: Any = initial("glorot_uniform")
    recurrent_initializer: Any = initial("orthogonal")
    bias_initializer: Any = initial("zeros")
    kernel_regularizer: Any = regularizer()
    recurrent_regularizer: Any = regularizer()
    bias_regularizer: Any = regularizer()
    kernel_constraint: Any = constraint()
    recurrent_constraint: Any = constraint()
    bias_constraint: Any = constraint()
    dropout: float = number(default=0.0, minimum=0, maximum=1)
    recurrent_dropout: float = number(default=0.0, minimum=0, maximum=1)
    seed: int | None = seed()

    @property
    def random(self) -> bool:
        """Whether anything is dropped while training."""
        return not (off(self.dropout) and off(self.recurrent_dropout))

    @property
    def learns_by_row(self) -> bool:
        """Not where numbers are dropped: the gates draw theirs for the whole batch."""
        return not self.random

    @property
    def state_size(self) -> int | tuple[int, ...]:
        """The size of the state, or of each of several."""
        return self.units if self.memories == 1 else (self.units,) * self.memories

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    def get_initial_state(self, batch_size: int) -> tuple[Array, ...]:
        """The states before the first step: zeros."""
        shape = (batch_size, self.units)
        return tuple(np.zeros(shape, config.floatx()) for _ in range(self.memories))

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        shape = input_shape if is_shape(input_shape) else input_shape[0]
        wide = self.gates * self.units
        params = {
            "kernel": self.kernel_initializer.draw(rng, (shape[-1], wide)),
            "recurrent_kernel": self.recurrent_initializer.draw(
                rng, (self.units, wide)
            ),
        }
        if self.use_bias:
            params["bias"] = self.first_bias(rng)
        return params, {}

    def first_bias(self, rng: Generator) -> Array:
        """How the bias starts."""
        return self.bias_initializer.draw(rng, (self.gates * self.units,))

    def biases(self, params: Params) -> tuple[Array | None, Array | None]:
        """What is added to x · W, and to h · R."""
        return params.get("bias"), None

    @property
    def formula(self) -> Recurrence:
        """The recurrence."""
        raise NotImplementedError(f"{type(self).__name__} has no formula")

    @property
    def derived(self) -> bool:
        """Whether the formula's own derivative holds: if activations are by number."""
        gate = getattr(self, "recurrent_activation", None) or self.activation
        return elementwise(self.activation) and elementwise(gate)

    @property
    def drops_by_gate(self) -> bool:
        """Whether each gate has draws of its own."""
        return not off(self.recurrent_dropout)

    def noises(
        self, key: Key | None, training: bool, x: Array, h: Array
    ) -> tuple[Array | None, Array | None]:
        """What x and h are multiplied by, the same at all times; None for nothing."""
        if not training or key is None:
            return None, None
        if self.seed is not None:
            key = jax.random.fold_in(key, self.seed)
        gates = self.gates if self.drops_by_gate else 1

        def draw(number: int, rate: float, like: Array) -> Array | None:
            if off(rate):
                return None
            keep = jnp.asarray(1.0 - rate, like.dtype)
            own = jax.random.fold_in(key, number)
            kept = jax.random.bernoulli(own, keep, (gates, *like.shape))
            return jnp.where(
                kept, 1.0 / jnp.maximum(keep, jnp.finfo(x.dtype).tiny), 0.0
            )

        return draw(0, self.dropout, x), draw(1, self.recurrent_dropout, h)

    def projected(self, params: Params, x: Array, noise: Array | None) -> Array:
        """The products x · W of all times, with the noise of each gate on x."""
        if noise is None:
            return project(x, params["kernel"])
        parts = jnp.split(params["kernel"], noise.shape[0], axis=-1)
        pairs = zip(noise, parts, strict=True)
        return jnp.concatenate([project(x * m, W) for m, W in pairs], -1)

    def one(self, params: Params, x: Array, states: Tree, noises: Tree) -> Tree:
        """The states after one step."""
        z = self.projected(params, x[None], noises[0])[0]
        b, r = self.biases(params)
        R = params["recurrent_kernel"]
        return once(self.formula, z, R, b, r, states, noises[1])

    def over(
        self,
        params: Params,
        x: Array,
        states: Tree,
        mask: Mask,
        sequences: bool,
        *,
        training: bool,
        key: Key | None,
    ) -> tuple[Array, Tree]:
        """The outputs of all steps, or the last one; and the last states."""
        noises = self.noises(key, training, x[0], states[0])
        if not self.derived:

            def step(x: Array, states: Tree, _: Tree) -> tuple[Array, Tree, Tree]:
                new = self.one(params, x, states, noises)
                return new[0], new, ()

            return scan_steps(step, x, states, (), mask, sequences)[:2]
        z = self.projected(params, x, noises[0])
        R, (b, r) = params["recurrent_kernel"], self.biases(params)
        ys, states = recur(
            self.formula,
            z,
            R,
            b,
            r,
            states,
            mask=mask,
            noise=noises[1],
            sequences=sequences,
        )
        return (ys if sequences else states[0]), states


class SimpleFormula(Recurrent, abstract=True):
    """h_t = g(x_t · W + h_{t−1} · R + b)."""

    gates = 1

    @property
    def formula(self) -> SimpleRecurrence:
        return SimpleRecurrence(self.activation)


class LSTMFormula(Recurrent, abstract=True):
    """Input, forget and output gates around a memory c."""

    gates, memories = 4, 2

    recurrent_activation: Any = activation("sigmoid")
    unit_forget_bias: bool = True

    def first_bias(self, rng: Generator) -> Array:
        if not self.unit_forget_bias:
            return super().first_bias(rng)
        draw, n = self.bias_initializer.draw, self.units
        one = np.ones(n, config.floatx())
        return np.concatenate([draw(rng, (n,)), one, draw(rng, (2 * n,))])

    @property
    def formula(self) -> LSTMRecurrence:
        return LSTMRecurrence(self.activation, self.recurrent_activation)


class GRUFormula(Recurrent, abstract=True):
    """Update and reset gates, and a candidate."""

    gates = 3

    recurrent_activation: Any = activation("sigmoid")
    reset_after: bool = True

    def first_bias(self, rng: Generator) -> Array:
        shape = (3 * self.units,)
        return self.bias_initializer.draw(
            rng, (2, *shape) if self.reset_after else shape
        )

    def biases(self, params: Params) -> tuple[Array | None, Array | None]:
        bias = params.get("bias")
        return (bias, None) if bias is None or bias.ndim == 1 else (bias[0], bias[1])

    @property
    def formula(self) -> GRURecurrence:
        return GRURecurrence(self.activation, self.recurrent_activation)

    @property
    def derived(self) -> bool:
        return self.reset_after and super().derived

    def one(self, params: Params, x: Array, states: Tree, noises: Tree) -> Tree:
        if self.reset_after:
            return super().one(params, x, states, noises)
        (h,), of_h = states, noises[1]
        z = self.projected(params, x[None], noises[0])[0] + params.get("bias", 0.0)
        to_u, to_r, to_n = (h * m for m in of_h) if of_h is not None else (h, h, h)
        x_u, x_r, x_n = jnp.split(z, 3, -1)
        R_u, R_r, R_n = jnp.split(params["recurrent_kernel"], 3, -1)
        u = self.recurrent_activation(x_u + matmul(to_u, R_u))
        r = self.recurrent_activation(x_r + matmul(to_r, R_r))
        n = self.activation(x_n + matmul(r * to_n, R_n))
        return (u * h + (1.0 - u) * n,)


# Cells --------------------------------------------------------------------------------


class _CalledOnce(Layer, abstract=True):
    """What is called on one step: `cell(x, states)` gives (output, new states).

    Of one array as the states, the new state is one array.
    """

    def __call__(self, *inputs: Any, **named: Any) -> Tree:
        y = super().__call__(*inputs, **named)
        states = inputs[1] if len(inputs) == 2 else named.get("states", ())
        if isinstance(states, list | tuple):
            return y
        output, (state,) = y
        return output, state

    def gather(self, *inputs: Any, **options: Any) -> tuple[Tree, Config]:
        """x, and the states as a tuple."""
        if len(inputs) == 2:
            inputs = ((inputs[0], _tuple(inputs[1])),)
        return super().gather(*inputs, **options)


class _Cell(_CalledOnce, Recurrent, abstract=True):
    """One step of a recurrence."""

    role = "other"

    def apply(self, params, state, x, *, training=False, key=None):
        x, states = x
        new = self.one(params, x, states, self.noises(key, training, x, states[0]))
        return (new[0], new), state

    def output_shape(self, input_shape: Shapes) -> Shapes:
        """The output's shape, and the states'."""
        if is_shape(input_shape) or len(input_shape) != 2:
            raise self.misfit(
                f"input of shape {input_shape}",
                "x and the states, (batch, features) and each (batch, units)",
                "write cell(x, cell.get_initial_state(batch_size=len(x))), or "
                "RNN(cell) for sequences",
            )
        x, states = input_shape
        if len(x) != 2 or x[-1] is None:
            raise self.misfit(
                f"x of shape {x}",
                "(batch, features), one step of time",
                "wrap the cell in RNN(...) for sequences",
            )
        known = self.slot.params["kernel"].shape[0] if self.built else x[-1]
        fix = f"give x {known} columns, or make a new cell"
        self.as_built(x[-1], known, "features", x, fix)
        wanted = state_shapes(self.state_size, x[0])
        if [s[1:] for s in states] != [s[1:] for s in wanted]:
            raise self.misfit(
                f"states of shapes {list(states)}",
                f"{list(wanted)}",
                "write cell.get_initial_state(batch_size=len(x)) for zeros",
            )
        return wanted[0], wanted


def _tuple(states: Tree) -> tuple[Tree, ...]:
    """States as users give them, an array or lists of arrays, as tuples."""
    if isinstance(states, list | tuple):
        return tuple(_tuple(s) if isinstance(s, list | tuple) else s for s in states)
    return (states,)


class SimpleRNNCell(_Cell, SimpleFormula):
    """One step of `SimpleRNN`: h_t = g(x_t · W + h_{t−1} · R + b).

    Args:
        units: How many units, the size of the state and of the output.
        activation: g, a name or a function.
        use_bias: Whether to add b.
        kernel_initializer, recurrent_initializer, bias_initializer: How W, R, b start.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: What the weights are
            put through after a step.
        dropout: The share of x that is dropped while training.
        recurrent_dropout: The share of h that is dropped in h · R while training.
        seed: A stream of its own for what is dropped, as in `Dropout`.

    Input and output: `cell(x, states)`, (batch, features) and a tuple of one (batch,
    units), to (h, (h,)).

    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).

    Raises:
        ValueError: units below 1, a rate out of range, x or states that do not fit.

    Example:
        >>> cell = SimpleRNNCell(1, kernel_initializer="ones")
        >>> y, states = cell(np.array([[1.0, 2.0]]), cell.get_initial_state(1))
        >>> y  # tanh(3)
        Array([[0.9951]], dtype=float32)

    Source: Elman 1990, "Finding structure in time".
    """


class LSTMCell(_Cell, LSTMFormula):
    """One step of `LSTM`: gates i, f, o around a memory c.

    i, f, o = σ(x_t · W_k + h_{t−1} · R_k + b_k), g alike with the activation;
    c_t = f ⊙ c_{t−1} + i ⊙ g and h_t = o ⊙ tanh(c_t).

    Args:
        units: How many units, the size of each state and of the output.
        activation: That of g and of c, tanh above.
        recurrent_activation: That of the gates, σ above.
        use_bias: Whether to add b.
        kernel_initializer, recurrent_initializer, bias_initializer: How W, R, b start.
        unit_forget_bias: Whether b_f starts at one.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: What the weights are
            put through after a step.
        dropout, recurrent_dropout, seed: As in `SimpleRNNCell`; with a
            recurrent_dropout each gate has draws of its own.

    Input and output: `cell(x, states)`, (batch, features) and (h, c), each (batch,
    units), to (h, (h, c)).

    Weights: kernel (features, 4 · units), recurrent_kernel (units, 4 · units), bias
    (4 · units,), their columns those of i, f, g, o.

    Raises:
        ValueError: units below 1, a rate out of range, x or states that do not fit.

    Example:
        >>> cell = LSTMCell(2)
        >>> y, (h, c) = cell(np.ones((3, 4)), cell.get_initial_state(3))
        >>> y.shape, c.shape
        ((3, 2), (3, 2))

    Source: Hochreiter and Schmidhuber 1997, "Long short-term memory"; Gers et al. 2000
    for the forget gate.
    """


class GRUCell(_Cell, GRUFormula):
    """One step of `GRU`: u and r decide what of h is kept, and what n sees of it.

    u, r = σ(x_t · W_k + b_k + h_{t−1} · R_k + r_k), n = tanh(x_t · W_n + b_n + r ⊙
    (h_{t−1} · R_n + r_n)); h_t = u ⊙ h_{t−1} + (1 − u) ⊙ n.

    Args:
        units: How many units, the size of the state and of the output.
        activation: That of n, tanh above.
        recurrent_activation: That of the gates, σ above.
        use_bias: Whether to add the biases.
        kernel_initializer, recurrent_initializer, bias_initializer: How the weights
            start.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: Penalties.
        kernel_constraint, recurrent_constraint, bias_constraint: What the weights are
            put through after a step.
        dropout, recurrent_dropout: As in `LSTMCell`.
        reset_after: Whether r comes after the product, as above; otherwise n sees
            (r ⊙ h_{t−1}) · R_n, and there is one bias only.
        seed: As in `SimpleRNNCell`.

    Input and output: `cell(x, states)`, (batch, features) and a tuple of one (batch,
    units), to (h, (h,)).

    Weights: kernel (features, 3 · units), recurrent_kernel (units, 3 · units), bias
    (2, 3 · units), b then r, or (3 · units,), their columns those of u, r, n.

    Raises:
        ValueError: units below 1, a rate out of range, x or states that do not fit.

    Example:
        >>> cell = GRUCell(2)
        >>> y, (h,) = cell(np.ones((3, 4)), cell.get_initial_state(3))
        >>> y.shape
        (3, 2)

    Source: Cho et al. 2014, arXiv:1406.1078.
    """

    _order = f"{Recurrent._order} reset_after"


def _cells(value: object) -> tuple[Layer, ...]:
    """The cells of a stack."""
    if not isinstance(value, list | tuple) or not value:
        raise mistyped(
            "StackedRNNCells",
            f"cells={value!r}",
            "a list of cells",
            "write StackedRNNCells([LSTMCell(8), LSTMCell(4)])",
        )
    return tuple(map(a_cell, value))


class StackedRNNCells(_CalledOnce, Composite):
    """Cells on top of one another, as one cell: each takes the output of the last.

    Args:
        cells: The cells, the first of them that of the inputs.

    Input and output: `cell(x, states)`, (batch, features) and a tuple of the states of
    each cell, to (the last cell's output, new states).

    Weights: the cells', in order.

    Raises:
        TypeError: What is no list of cells.

    Example:
        >>> cell = StackedRNNCells([LSTMCell(8), GRUCell(4)])
        >>> y, ((h, c), (h_gru,)) = cell(np.ones((3, 2)), cell.get_initial_state(3))
        >>> y.shape, c.shape, h_gru.shape
        ((3, 4), (3, 8), (3, 4))

    Source: Graves et al. 2013, arXiv:1303.5778.
    """

    role = "other"

    cells: Any = setting(convert=_cells)

    def parts(self) -> dict[str, Layer]:
        return {f"cell_{i}": cell for i, cell in enumerate(self.cells)}

    @property
    def state_size(self) -> tuple[tuple[int, ...], ...]:
        """The sizes of the states of each cell."""
        sizes = [cell.state_size for cell in self.cells]
        return tuple(tuple(n) if isinstance(n, tuple | list) else (n,) for n in sizes)

    @property
    def output_size(self) -> int:
        """The size of the last cell's output."""
        return output_size(self.cells[-1])

    def get_initial_state(self, batch_size: int) -> tuple[Tree, ...]:
        """The states before the first step, by cell."""
        return tuple(zero_states(cell, batch_size) for cell in self.cells)

    def init(self, rng: Generator, input_shape: Shapes) -> tuple[Params, State]:
        x = input_shape if is_shape(input_shape) else input_shape[0]
        params, state = {}, {}
        for (name, cell), stream in zip(
            self.parts().items(), rng.spawn(len(self.cells)), strict=True
        ):
            params[name], state[name] = cell.fresh(stream, x)
            x = (*x[:-1], output_size(cell))
        return self.whole(params), self.whole(state)

    def apply(self, params, state, x, *, training=False, key=None):
        x, states = x
        new, after = [], {}
        for i, (name, cell) in enumerate(self.parts().items()):
            own = None if key is None else jax.random.fold_in(key, i)
            given, kept = self.of(name, params), self.of(name, state)
            (x, s), after[name] = cell.apply(
                given, kept, (x, states[i]), training=training, key=own
            )
            new.append(s)
        return (x, tuple(new)), self.whole(after)

    def output_shape(self, input_shape: Shapes) -> Shapes:
        if is_shape(input_shape) or len(input_shape) != 2:
            raise self.misfit(
                f"input of shape {input_shape}",
                "x and the states of each cell",
                "write cell(x, cell.get_initial_state(batch_size=len(x))), or "
                "RNN(cell) for sequences",
            )
        x, states = input_shape
        return (*x[:-1], self.output_size), states


# Any cell -----------------------------------------------------------------------------


def a_cell(value: object) -> Layer:
    """A cell from what users write: a cell, its config, or a list, which is a stack.

    Raises:
        TypeError: What is no layer, or lacks what a cell needs.
    """
    if isinstance(value, list | tuple):
        return StackedRNNCells(value)
    cell = a_layer(value)
    size = getattr(cell, "state_size", None)
    sizes = jax.tree.leaves(size)
    if not sizes or not all(is_whole(n, 1) for n in sizes):
        raise mistyped(
            "RNN",
            f"{type(cell).__name__} as a cell, with state_size={size!r}",
            "a layer with a state_size, whose apply takes (x, states) and "
            "gives (output, new states)",
            "write RNN(LSTMCell(8)), or see RNN for a cell of your own",
        )
    return cell


def output_size(cell: Layer) -> int:
    """The size of a cell's output: its own word, or the size of its first state."""
    size = getattr(cell, "output_size", None)
    return jax.tree.leaves(cell.state_size)[0] if size is None else size


def state_shapes(size: Shapes, batch: int | None) -> tuple[Shapes, ...]:
    """The shapes of the states, from a cell's `state_size`.

    >>> state_shapes((8, 4), None)
    ((None, 8), (None, 4))
    """
    sizes = size if isinstance(size, list | tuple) else (size,)
    return tuple(
        state_shapes(n, batch) if isinstance(n, list | tuple) else (batch, n)
        for n in sizes
    )


def zero_states(cell: Layer, batch: int) -> tuple[Tree, ...]:
    """The states before the first step: the cell's own, or zeros."""
    own = getattr(cell, "get_initial_state", None)
    if own is not None:
        return _tuple(own(batch))
    shapes = state_shapes(cell.state_size, batch)
    return jax.tree.map(
        lambda shape: np.zeros(shape, config.floatx()), shapes, is_leaf=is_shape
    )


def through_time(
    cell: Layer,
    params: Params,
    state: State,
    x: Array,
    states: Tree,
    mask: Mask,
    sequences: bool,
    *,
    training: bool,
    key: Key | None,
) -> tuple[tuple[Array, Tree], State]:
    """((all outputs or the last, the last states), the cell's state).

    Args:
        cell: Any cell.
        params, state: Its weights.
        x: (time, batch, ...).
        states: Those before the first step.
        mask: Which steps there are, (time, batch), or None.
        sequences: Whether all outputs are asked for.
        training, key: As in `apply`; the key is the same at all times.
    """
    if isinstance(cell, StackedRNNCells):
        new, after = [], {}
        for i, (name, own) in enumerate(cell.parts().items()):
            (x, s), after[name] = through_time(
                own,
                cell.of(name, params),
                cell.of(name, state),
                x,
                states[i],
                mask,
                sequences or i < len(states) - 1,
                training=training,
                key=None if key is None else jax.random.fold_in(key, i),
            )
            new.append(s)
        return (x, tuple(new)), cell.whole(after)
    if isinstance(cell, Recurrent):
        how = {"training": training, "key": key}
        return cell.over(params, x, states, mask, sequences, **how), state

    def step(x: Array, states: Tree, state: State) -> tuple[Array, Tree, State]:
        (y, new), state = cell.apply(
            params, state, (x, states), training=training, key=key
        )
        new = _tuple(new)
        if jax.tree.map(jnp.shape, new) != jax.tree.map(jnp.shape, states):
            raise invalid(
                type(cell).__name__,
                f"new states of shapes {jax.tree.map(jnp.shape, new)}",
                f"those of the states, {jax.tree.map(jnp.shape, states)}",
                "let apply return (output, (h,)), state",
            )
        return y, new, state

    y, states, state = scan_steps(step, x, states, state, mask, sequences)
    return (y, states), state
