"""Recurrent layers: their numbers, their derivative, states, and what they refuse."""

import functools
import inspect
import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import onefit
from onefit.layers import (
    GRU,
    LSTM,
    RNN,
    ConvLSTM2D,
    Dense,
    GRUCell,
    Input,
    Layer,
    LSTMCell,
    SimpleRNN,
    SimpleRNNCell,
    StackedRNNCells,
)

jit_once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)

LAYERS = {"SimpleRNN": SimpleRNN, "LSTM": LSTM, "GRU": GRU}
MASK = np.array([[1, 1, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0]], bool)


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def text(function, *args, error=ValueError, **named):
    with pytest.raises(error) as caught:
        function(*args, **named)
    return str(caught.value)


# By hand ------------------------------------------------------------------------------


def test_lstm_by_hand():
    layer = LSTM(1, unit_forget_bias=False, return_sequences=True, return_state=True)
    layer.build((None, 2, 1))
    # The gates do not look at x: each is sigmoid(0) = 1/2. The new value is tanh(x).
    layer.set_weights([[[0, 0, 1, 0]], np.zeros((1, 4)), np.zeros(4)])
    y, h, c = layer(np.array([[[1.0], [2.0]]]))
    c1 = 0.5 * np.tanh(1.0)
    c2 = 0.5 * c1 + 0.5 * np.tanh(2.0)
    np.testing.assert_allclose(c, [[c2]], rtol=1e-6)
    np.testing.assert_allclose(
        y[0, :, 0], [0.5 * np.tanh(c1), 0.5 * np.tanh(c2)], rtol=1e-6
    )
    assert h == y[:, -1]


def test_gru_by_hand():
    layer = GRU(1, return_sequences=True).build((None, 2, 1))
    # u = r = 1/2; n = tanh(x + r * (2 h + 4)).
    bias = [[0, 0, 0], [0, 0, 4]]
    layer.set_weights([[[0, 0, 1]], [[0, 0, 2]], bias])
    h1 = 0.5 * np.tanh(1.0 + 2.0)
    h2 = 0.5 * h1 + 0.5 * np.tanh(-1.0 + h1 + 2.0)
    y = layer(np.array([[[1.0], [-1.0]]]))
    np.testing.assert_allclose(y[0, :, 0], [h1, h2], rtol=1e-6)


def test_forget_bias_starts_at_one():
    bias = LSTM(2).build((None, 3, 4)).get_weights()[2]
    np.testing.assert_array_equal(bias, [0, 0, 1, 1, 0, 0, 0, 0])


# The derivative -----------------------------------------------------------------------


def through(layer, params, x, mask, key):
    """A mixture of all the outputs of a training step."""
    ys = layer.forward(params, {}, x, training=True, key=key, mask=mask).output
    leaves = jax.tree.leaves(ys)
    return sum(jnp.sum(y * rows(*y.shape, seed=i)) for i, y in enumerate(leaves))


def both(layer, other, mask=None, states=False):
    """The value and the gradient of each, from the same weights."""
    x = rows(3, 4, 2)
    count = 2 if isinstance(layer, LSTM) else 1
    x = (x, *(rows(3, 2, seed=i) for i in range(count))) if states else x
    with jax.enable_x64(True):
        shapes = jax.tree.map(lambda a: (None, *a.shape[1:]), x)
        params, _ = layer.init(np.random.default_rng(0), shapes)
        params = {n: rows(*w.shape, seed=i) for i, (n, w) in enumerate(params.items())}
        key = jax.random.key(3)
        return [
            jit_once(jax.value_and_grad(functools.partial(through, one), (0, 1)))(
                params, x, mask, key
            )
            for one in (layer, other)
        ]


def plain(g):
    """The same function, which the library does not know, and so does not trust."""

    def unknown(z):
        return g(z)

    return unknown


SETTINGS = {
    "last": {},
    "all": {"return_sequences": True, "return_state": True},
    "no_bias": {"use_bias": False, "go_backwards": True, "activation": "softsign"},
    "dropped": {"dropout": 0.4, "recurrent_dropout": 0.3, "return_sequences": True},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("name", LAYERS)
def test_own_derivative_is_the_ordinary_one(name, settings, masked):
    layer = LAYERS[name](2, **settings)
    ordinary = layer.replace(activation=plain(layer.activation))
    assert layer.derived
    assert not ordinary.derived
    ours, theirs = both(
        layer, ordinary, mask=MASK if masked else None, states="all" in settings
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12),
        ours,
        theirs,
    )


def test_own_derivative_with_other_gates():
    layer = LSTM(2, "relu", "hard_sigmoid", return_sequences=True)
    ours, theirs = both(layer, layer.replace(activation=plain(layer.activation)))
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-10), ours, theirs
    )


def loops(jaxpr):
    """The bodies of all loops."""
    for equation in jaxpr.eqns:
        inner = [
            getattr(value, "jaxpr", value)
            for value in jax.tree.leaves(
                list(equation.params.values()), is_leaf=lambda v: hasattr(v, "jaxpr")
            )
        ]
        for body in (b for b in inner if hasattr(b, "eqns")):
            if equation.primitive.name in ("scan", "while"):
                yield body
            yield from loops(body)


def products(jaxpr):
    """The shapes of all products of matrices."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            yield equation.outvars[0].aval.shape
        for value in equation.params.values():
            if hasattr(inner := getattr(value, "jaxpr", value), "eqns"):
                yield from products(inner)


@pytest.mark.parametrize("name", LAYERS)
def test_no_weight_has_its_gradient_in_the_loop(name):
    layer = LAYERS[name](5).build((None, 4, 3))
    params = layer.slot.params
    shapes = {w.shape for w in params.values()}

    def in_loops(layer):
        cost = functools.partial(through, layer, mask=None, key=None)
        made = jax.make_jaxpr(jax.grad(cost))(params, np.ones((7, 4, 3), "f4"))
        return shapes & {s for body in loops(made.jaxpr) for s in products(body)}

    assert not in_loops(layer)
    assert in_loops(layer.replace(activation=plain(layer.activation)))


@pytest.mark.parametrize("name", LAYERS)
def test_population_of_gradients_is_a_loop(name):
    layer = LAYERS[name](2, return_sequences=True)
    params = [
        {
            k: rows(*w.shape, seed=i)
            for k, w in layer.build((None, 4, 2)).slot.params.items()
        }
        for i in range(2)
    ]
    xs = rows(2, 3, 4, 2)
    grad = jax.grad(functools.partial(through, layer, mask=MASK, key=None))
    with jax.enable_x64(True):
        stacked = jax.tree.map(lambda *a: np.stack(a), *params)
        at_once = jit_once(jax.vmap(grad))(stacked, xs)
        for i in range(2):
            for k, one in jit_once(grad)(params[i], xs[i]).items():
                np.testing.assert_allclose(at_once[k][i], one, rtol=1e-9)


def test_second_derivatives_are_right():
    layer = GRU(2)
    other = layer.replace(activation=plain(layer.activation))

    def steepness(layer, R):
        params = {"kernel": rows(2, 6), "recurrent_kernel": R, "bias": rows(2, 6)}
        cost = functools.partial(through, layer, mask=None, key=None)
        return sum(
            jnp.sum(g**2) for g in jax.grad(cost)(params, rows(3, 4, 2)).values()
        )

    with jax.enable_x64(True):
        ours, theirs = (
            jit_once(jax.grad(functools.partial(steepness, one)))(rows(2, 6))
            for one in (layer, other)
        )
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


# Masks, dropout -----------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_masked_steps_keep_the_state(name):
    layer = LAYERS[name](2, return_sequences=True)
    x = rows(3, 4, 2).astype("f4")
    y = layer(x, mask=MASK)
    short = layer(x[1:2, [1, 3]])[0]
    expected = [np.zeros(2), short[0], short[0], short[1]]
    np.testing.assert_allclose(y[1], np.stack(expected), rtol=1e-5, atol=1e-7)
    zeroed = layer.replace(zero_output_for_mask=True).build((None, 4, 2))
    zeroed.set_weights(layer.get_weights())
    np.testing.assert_allclose(
        zeroed(x, mask=MASK), np.where(MASK[..., None], y, 0), rtol=1e-5
    )


def test_dropout_is_the_same_at_all_times():
    eye = {"kernel_initializer": "identity", "recurrent_initializer": "zeros"}
    layer = SimpleRNN(50, "linear", dropout=0.25, return_sequences=True, **eye)
    y = np.asarray(layer(np.ones((40, 3, 50)), training=True))
    assert np.unique(y).tolist() == [0, np.float32(1 / 0.75)]
    np.testing.assert_array_equal(y[:, 0], y[:, 2])
    assert abs(y.mean() - 1) < 0.05
    assert not np.array_equal(y[0], y[1])
    np.testing.assert_array_equal(layer(np.ones((40, 3, 50))), 1)
    none = layer.replace(dropout=1.0)
    assert not np.any(none(np.ones((2, 3, 50)), training=True))


@pytest.mark.parametrize(
    ("layer", "of_x", "of_h"),
    [
        (LSTM(2, dropout=0.5), (1, 3, 4), None),
        (LSTM(2, recurrent_dropout=0.5), None, (4, 3, 2)),
        (GRU(2, dropout=0.5, recurrent_dropout=0.5), (3, 3, 4), (3, 3, 2)),
        (SimpleRNN(2, recurrent_dropout=0.5), None, (1, 3, 2)),
    ],
)
def test_gates_have_draws_of_their_own_if_h_is_dropped(layer, of_x, of_h):
    x, h = rows(3, 4).astype("f4"), rows(3, 2).astype("f4")
    noises = layer.noises(jax.random.key(0), True, x, h)
    assert [None if n is None else n.shape for n in noises] == [of_x, of_h]


# States -------------------------------------------------------------------------------


def test_stateful_goes_on_where_it_was():
    layer = LSTM(3, stateful=True, return_sequences=True)
    x = rows(2, 6, 4).astype("f4")
    parts = [layer(x[:, :2]), layer(x[:, 2:])]
    whole = LSTM(3, return_sequences=True).build((None, 6, 4))
    whole.set_weights(layer.get_weights()[:3])
    np.testing.assert_allclose(np.concatenate(parts, 1), whole(x), rtol=1e-4, atol=1e-6)
    assert [w.shape for w in layer.get_weights()[3:]] == [(2, 3), (2, 3)]
    layer.reset_states()
    assert not any(w.any() for w in layer.get_weights()[3:])
    np.testing.assert_allclose(layer(x[:, :2]), parts[0], rtol=1e-6)


def test_stateful_in_a_model():
    model = onefit.Sequential(
        [Input(batch_shape=(2, 3, 1)), GRU(4, stateful=True), Dense(1)]
    )
    x = rows(4, 3, 1).astype("f4")
    first = model.predict(x, batch_size=2, verbose=0)
    second = model.predict(x, batch_size=2, verbose=0)
    assert not np.allclose(first, second)
    model.reset_states()
    np.testing.assert_allclose(model.predict(x, batch_size=2, verbose=0), first)


def test_stateful_wants_one_batch_size():
    layer = SimpleRNN(2, stateful=True, name="s")
    assert text(layer.build, (None, 3, 4)) == (
        "SimpleRNN 's': received stateful=True and input of shape (None, 3, 4); "
        "expected "
        "a fixed number of rows in a batch, one state for each. Write "
        "Input(batch_shape=(32, 3, 4))."
    )
    layer(np.ones((2, 3, 4)))
    assert text(layer, np.ones((5, 3, 4))) == (
        "SimpleRNN 's': received a batch of 5 rows with stateful=True; expected 2, as "
        "the states were made for. Give batches of 2 rows, or make a new layer."
    )
    assert "expected 2, as the states" in text(
        layer.apply, layer.slot.params, layer.slot.state, np.ones((5, 3, 4), "f4")
    )
    assert "expected stateful=True" in text(SimpleRNN(2).reset_states)


# Cells --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "layer"), [(SimpleRNNCell, SimpleRNN), (LSTMCell, LSTM), (GRUCell, GRU)]
)
def test_a_cell_step_by_step_is_the_layer(cell, layer):
    cell, layer = cell(2), layer(2)
    x = rows(3, 4, 5).astype("f4")
    expected = layer(x)
    states = cell.get_initial_state(3)
    cell(x[:, 0], states)
    cell.set_weights(layer.get_weights())
    for t in range(4):
        y, states = cell(x[:, t], states)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-7)
    over = RNN(cell).build((None, 4, 5))
    over.set_weights(layer.get_weights())
    np.testing.assert_allclose(over(x), expected, rtol=1e-5, atol=1e-7)


def test_a_stack_is_its_layers_one_after_the_other():
    stack = RNN([LSTMCell(3), GRUCell(2)], return_sequences=True)
    x = rows(3, 4, 5).astype("f4")
    y = stack(x, mask=MASK)
    first = LSTM(3, return_sequences=True).build((None, 4, 5))
    second = GRU(2, return_sequences=True).build((None, 4, 3))
    first.set_weights(stack.get_weights()[:3])
    second.set_weights(stack.get_weights()[3:])
    np.testing.assert_allclose(y, second(first(x, mask=MASK), mask=MASK), rtol=1e-5)


class Counter(Layer):
    """Counts steps in its own state, gives a wider output than its state."""

    state_size: int = 1
    output_size: int = 2

    def init(self, rng, input_shape):
        return {}, {"steps": np.zeros((), "float32")}

    def get_initial_state(self, batch_size):
        return np.full((batch_size, 1), 10.0)

    def apply(self, params, state, x, *, training=False, key=None):
        x, (h,) = x
        h = h + jnp.sum(x, -1, keepdims=True)
        return (jnp.concatenate([h, 2 * h], -1), h), {"steps": state["steps"] + 1.0}


def test_a_cell_of_ones_own():
    layer = RNN(Counter(), return_sequences=True, return_state=True)
    assert layer.output_shape((None, 4, 2)) == ((None, 4, 2), (None, 1))
    y, h = layer(np.ones((3, 4, 2)), mask=MASK, training=True)
    assert y[0, :, 0].tolist() == [12, 14, 16, 18]
    # No output yet, then the output before again.
    assert y[1].tolist() == [[0, 0], [12, 24], [12, 24], [14, 28]]
    assert h.tolist() == [[18], [14], [12]]
    assert layer.get_weights()[0] == 4
    assert RNN(Counter())(np.ones((3, 4, 2))).tolist() == [[18, 36]] * 3


def test_names_of_what_holds_the_recurrent_kernel():
    layer = LSTM(2, recurrent_regularizer="l2", recurrent_constraint="non_neg")
    layer.build((None, 3, 2))
    params = layer.slot.params
    expected = 0.01 * np.sum(params["recurrent_kernel"] ** 2)
    np.testing.assert_allclose(layer.penalty(params), expected, rtol=1e-5)
    assert np.min(layer.constrain(params)["recurrent_kernel"]) >= 0
    over = RNN(LSTMCell(2, recurrent_regularizer="l2")).build((None, 3, 2))
    assert over.penalty(over.slot.params) > 0


FAMILY = [
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "GRU", "GRUCell", "LSTM", "LSTMCell"),
    *("RNN", "SimpleRNN", "SimpleRNNCell", "StackedRNNCells"),
]


@pytest.mark.parametrize("name", FAMILY)
def test_keras_has_the_same_arguments(name):
    import keras

    def arguments(library):
        made = inspect.signature(getattr(library.layers, name)).parameters.values()
        return [(p.name, p.default) for p in made if p.kind is p.POSITIONAL_OR_KEYWORD]

    def plain(pairs):
        return [(n, d) for n, d in pairs if n != "self"]

    ours, theirs = plain(arguments(onefit)), plain(arguments(keras))
    assert [n for n, _ in ours] == [n for n, _ in theirs]
    assert [d for _, d in ours] == [d for _, d in theirs]


def test_fit():
    model = onefit.Sequential([Input((8, 1)), LSTM(8), Dense(1)])
    model.compile(onefit.optimizers.Adam(0.02), "mse")
    x = rows(64, 8, 1)
    history = model.fit(x, x.sum(1), epochs=40, verbose=0).history["loss"]
    assert history[-1] < 0.1 * history[0]


# Refusals -----------------------------------------------------------------------------


def test_inputs_that_are_no_sequences():
    layer = LSTM(2, name="l")
    assert text(layer, np.ones((3, 4))) == (
        "LSTM 'l': received input of shape (None, 4); expected sequences, "
        "(batch, time, features). Write x[..., None] for sequences of single numbers, "
        "x[None] for one sequence, or return_sequences=True in a recurrent layer "
        "before."
    )
    assert "reshape x to (batch, time, features)" in text(
        layer.output_shape, (None, 2, 3, 4)
    ).replace("Reshape", "reshape")
    assert text(layer, np.ones((3, 0, 4))) == (
        "LSTM 'l': received sequences of length 0, input of shape (None, 0, 4); "
        "expected "
        "at least one step of time. Leave empty sequences out, or pad them to "
        "one length."
    )
    assert "expected a known number of features" in text(
        layer.output_shape, (None, 3, None)
    )
    layer(np.ones((3, 4, 5)))
    assert text(layer, np.ones((3, 4, 6))) == (
        "LSTM 'l': received 6 features (input shape (None, 4, 6)); expected 5, "
        "as it was "
        "built for. Give x that shape, or make a new layer."
    )


def test_masks_and_states_that_do_not_fit():
    layer = LSTM(2, name="l")
    x = np.ones((3, 4, 5))
    assert re.match(
        r"LSTM.*: received a mask of shape \(3, 2\) for x of shape \(3, 4, 5\); "
        r"expected "
        r"\(batch, time\), \(3, 4\)\. Give a mask with one value for each step",
        text(layer, x, mask=np.ones((3, 2), bool)),
    )
    assert text(layer, x, initial_state=[np.ones((3, 2))]) == (
        "LSTM 'l': received initial_state of shapes [(None, 2)]; expected 2 of shapes "
        "[(None, 2), (None, 2)]. Give one array for each state, or leave initial_state "
        "out for zeros."
    )
    assert "expected 2 of shapes" in text(layer, x, [np.ones((3, 2)), np.ones((3, 4))])


def test_what_is_no_cell():
    assert re.match(
        r"RNN: received Dense as a cell, with state_size=None; expected a layer with a "
        r"state_size, whose apply takes \(x, states\) .*\. Write RNN\(LSTMCell\(8\)\)",
        text(RNN, Dense(2), error=TypeError),
    )
    assert "expected a layer" in text(RNN, 3, error=TypeError)
    assert "expected a list of cells" in text(StackedRNNCells, [], error=TypeError)

    class Forgetful(Layer):
        state_size: int = 2

        def apply(self, params, state, x, *, training=False, key=None):
            return (x[0], (x[0],)), state

    assert re.match(
        r"Forgetful: received new states of shapes \(\(3, 5\),\); expected those "
        r"of the "
        r"states, \(\(3, 2\),\)\. Let apply return \(output, \(h,\)\), state",
        text(RNN(Forgetful()), np.ones((3, 4, 5))),
    )


def test_cells_called_on_what_does_not_fit():
    cell = LSTMCell(2, name="c")
    assert "expected x and the states" in text(cell, np.ones((3, 4)))
    assert "wrap the cell in RNN" in text(
        cell, np.ones((3, 4, 5)), cell.get_initial_state(3)
    ).replace("Wrap", "wrap")
    assert "expected [(None, 2), (None, 2)]" in text(
        cell, np.ones((3, 4)), [np.ones((3, 2))]
    )
    cell(np.ones((3, 4)), cell.get_initial_state(3))
    assert "expected 4, as it was built for" in text(
        cell, np.ones((3, 5)), cell.get_initial_state(3)
    )
    assert "expected x and the states of each cell" in text(
        StackedRNNCells([cell]), np.ones((3, 4))
    )


def test_other_settings_that_are_refused():
    assert "expected 'auto' or False" in text(LSTM, 2, use_cudnn=True)
    assert "expected a number at least 0" in text(GRU, 2, dropout=-0.1)
    assert "units=0" in text(SimpleRNN, 0)
    assert text(ConvLSTM2D, 2, 3, strides=2, dilation_rate=2) == (
        "ConvLSTM2D: received strides=(2, 2) and dilation_rate=(2, 2); expected one of "
        "them to be 1. Leave strides or dilation_rate out."
    )


def test_images_that_do_not_fit():
    layer = ConvLSTM2D(2, 3, name="c")
    assert "(batch, time, height, width, channels)" in text(
        layer.output_shape, (None, 4, 8, 8)
    )
    assert "leave (0, 6) windows; expected at least one" in text(
        layer.output_shape, (None, 4, 2, 8, 1)
    )
    assert "expected known sizes behind the time" in text(
        layer.output_shape, (None, 4, None, 8, 1)
    )
    layer.build((None, 4, 5, 5, 1))
    assert layer.output_shape((None, None, 8, 9, 1)) == (None, 6, 7, 2)
    assert "received 3 channels" in text(layer.output_shape, (None, 4, 5, 5, 3))


def test_masked_images_keep_the_state():
    # Keras has no masks here: its where does not broadcast.
    layer = ConvLSTM2D(2, 2, return_sequences=True)
    x = rows(1, 3, 3, 3, 1).astype("f4")
    y = layer(x, mask=np.array([[True, False, True]]))
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    np.testing.assert_allclose(y[:, [0, 2]], layer(x[:, [0, 2]]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["SimpleRNN", "GRU", "LSTM", "ConvLSTM1D"])
def test_a_stateful_layer_shows_the_states_that_it_carries(name):
    size = (2, 2) if name == "ConvLSTM1D" else (2,)
    shape = (3, 4, 5, 1) if name == "ConvLSTM1D" else (3, 4, 1)
    x, found = np.ones(shape, "float32"), []
    for library in (keras, onefit):
        kind = getattr(library.layers, name)
        assert kind(*size).states is None
        layer = kind(*size, stateful=True)
        layer.build(shape)
        for weight in layer.trainable_weights:
            weight.assign(np.full(weight.shape, 0.1))
        layer(x)
        found.append([np.asarray(s) for s in layer.states])
        layer.reset_states()
        assert not any(np.any(np.asarray(s)) for s in layer.states)
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
