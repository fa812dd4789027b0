"""GradientTape, by hand, against jax.grad, and as TensorFlow documents its own."""

import gc
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import GradientTape, OnefitWarning
from onefit.layers import LSTM, BatchNormalization, Dense, Dropout, Embedding, Layer
from onefit.variables import Variable, view

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
Y = np.array([[0], [1], [1], [0]], "float32")


def network(*layers):
    return onefit.Sequential([onefit.Input((2,)), *layers])


def slope(f, *xs, **named):
    """The gradients of f by its arguments, by a tape."""
    xs = [jnp.asarray(x) for x in xs]
    with GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return tape.gradient(y, xs, **named)


# By hand ------------------------------------------------------------------------------


def test_a_square_and_what_it_leaves_behind():
    x = jnp.array(3.0)
    with GradientTape() as tape:
        tape.watch(x)
        y = x * x
        assert float(y) == 9.0  # known inside the block, so Python may decide by it
        z = y + 1.0 if y > 4.0 else y
    assert float(tape.gradient(z, x)) == 6.0
    assert type(y) is type(x)
    assert f"{y:.1f} {np.asarray(y)} {y < 10}" == "9.0 9.0 True"


def test_a_variable_is_watched_when_it_is_read():
    w, b = Variable([2.0, 3.0]), Variable(1.0, name="b")
    frozen, count = Variable(5.0, trainable=False), Variable(np.array(2, "int32"))
    with GradientTape() as tape:
        y = (w * w).sum() * frozen + b * count
    # dy/dw = 2 w · 5, dy/db = 2
    dw, db, *rest = tape.gradient(y, [w, b, frozen, count])
    np.testing.assert_array_equal(dw, [20.0, 30.0])
    assert float(db) == 2.0
    assert rest == [None, None]
    assert tape.watched_variables() == (w, b)


def test_targets_add_up_and_sources_keep_their_nest():
    x, w = jnp.array([1.0, 2.0]), Variable(3.0)
    with GradientTape() as tape:
        tape.watch({"x": [x]})
        a, b = x * w, {"far": x**2}
    found = tape.gradient((a, b), {"x": [x], "w": w})
    np.testing.assert_array_equal(found["x"][0], [5.0, 7.0])  # w + 2 x
    assert float(found["w"]) == 3.0  # Σ x
    factors = [jnp.array([1.0, 10.0]), 2.0]
    with GradientTape() as tape:
        tape.watch(x)
        targets = [x * 3.0, x.sum()]
    got = tape.gradient(targets, x, output_gradients=factors)
    np.testing.assert_array_equal(got, [5.0, 32.0])


# As TensorFlow documents its tape -----------------------------------------------------

x0 = 3.0


def of(block):
    """What a function of a tape and an array gives, as numbers."""

    def run():
        x = jnp.array(x0)
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            result = block(tape, x)
        answer = tape.gradient(*result)
        return None if answer is None else float(answer)

    return run


def between(tape, x):
    y = x * x
    return y * y, y  # by what lies between: dz/dy = 2 y


def read_twice(tape, x):
    w = Variable(2.0)
    y = w * x
    w.assign(5.0)
    return y + w * x, w  # each read counts: x + x


def assigned(tape, x):
    w = Variable(2.0)
    w.assign(x * x)
    return w * 1.0, x  # assigning takes no gradient along


def read_before(tape, x):
    w = Variable(2.0)
    with tape.stop_recording():
        old = w.value
    return (w - old + 1.0) ** 2, w  # `old` is a constant, though the same array


def shared_array(tape, x):
    online = Variable(2.0)
    target = Variable(online)
    return online * target, online


def stopped(tape, x):
    return x * jax.lax.stop_gradient(x), x


def itself(tape, x):
    return x, x


def inside_its_block(tape, x):
    y = x**3
    return tape.gradient(y, x), x  # a persistent tape writes down its own questions


def through_numpy(tape, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return jnp.asarray(np.square(x)) + 0.0 * x, x


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (between, 2 * x0**2),
        (read_twice, 2 * x0),
        (read_before, 2.0),
        (shared_array, 2.0),
        (stopped, x0),
        (itself, 1.0),
        (inside_its_block, 6 * x0),
        (through_numpy, 0.0),
    ],
)
def test_as_documented(block, expected):
    assert of(block)() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore::onefit.OnefitWarning")
def test_assigning_takes_no_gradient_along():
    assert of(assigned)() is None


def test_unconnected_sources():
    x, w, other = jnp.ones(2), Variable([1.0]), Variable([[1.0, 2.0]])
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x.sum() * w
    assert tape.gradient(y, [other, w])[0] is None
    zeros = tape.gradient(y, [other], unconnected_gradients="zero")[0]
    np.testing.assert_array_equal(zeros, [[0.0, 0.0]])
    with pytest.warns(OnefitWarning, match="does not depend on any of the sources"):
        assert tape.gradient(y, [other, jnp.ones(3)]) == [None, None]
    np.testing.assert_array_equal(
        tape.jacobian(y, other, unconnected_gradients="zero"), np.zeros((1, 1, 2))
    )


def test_only_what_is_watched():
    a, b = Variable(2.0), Variable(3.0)
    with GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a)
        y = a * b
    assert tape.watched_variables() == (a,)
    da, db = tape.gradient(y, [a, b])
    assert (float(da), db) == (3.0, None)
    frozen = Variable(2.0, trainable=False)
    with GradientTape() as tape:
        tape.watch(frozen)
        y = frozen**2
    assert float(tape.gradient(y, frozen)) == 4.0
    with GradientTape() as tape, pytest.warns(OnefitWarning, match="have no gradient"):
        tape.watch(jnp.arange(3))


def test_one_question_unless_persistent():
    w = Variable(2.0)
    with GradientTape() as tape:
        y = w * w
    tape.gradient(y, w)
    with pytest.raises(ValueError, match=r"second question .*persistent=True"):
        tape.gradient(y, w)
    with tape:  # entered again, it begins anew
        y = w**3
    assert float(tape.gradient(y, w)) == 12.0
    with GradientTape(persistent=True) as tape:
        y = w * w
        z = y * y
    assert float(tape.gradient(y, w)) == 4.0
    assert float(tape.gradient(z, w)) == 32.0


def test_stop_recording_and_reset():
    w = Variable(2.0)
    with GradientTape() as tape:
        a = w * w
        with tape.stop_recording():
            b = w * w
        y = a + b
    assert float(tape.gradient(y, w)) == 4.0
    with GradientTape() as tape:
        a = w * w
        tape.reset()
        y = a + w
    assert float(tape.gradient(y, w)) == 1.0
    with pytest.raises(ValueError, match="does not record"), tape.stop_recording():
        pass


def test_a_block_that_fails_leaves_nothing_behind():
    w = Variable(2.0)
    tape = GradientTape()
    with pytest.raises(RuntimeError), tape:
        raise RuntimeError
    assert w.value is w._read()
    with GradientTape() as tape:
        y = w * w
    assert float(tape.gradient(y, w)) == 4.0


# Errors -------------------------------------------------------------------------------


def test_errors_in_words():
    w = Variable(2.0)
    with GradientTape(persistent=True) as tape:
        y, whole = w * w, jnp.arange(2)
        with pytest.raises(ValueError, match="entered while it records"):
            tape.__enter__()
    with pytest.raises(TypeError, match=r"received 3\.0 \(float\).*jnp\.asarray"):
        tape.gradient(y, [w, 3.0])
    with pytest.raises(TypeError, match=r"received None"):
        tape.gradient(y, [None])
    with pytest.raises(TypeError, match="a target of int32"):
        tape.gradient(whole, w)
    with pytest.raises(TypeError, match="a target of float32"):
        tape.gradient(np.float32(1), w)
    with pytest.raises(ValueError, match="unconnected_gradients='no'"):
        tape.gradient(y, w, unconnected_gradients="no")
    with pytest.raises(ValueError, match=r"output gradients of shapes \[\(2,\)\]"):
        tape.gradient(y, w, output_gradients=jnp.ones(2))
    with pytest.raises(ValueError, match="the same number of rows"):
        tape.batch_jacobian(y, w)
    with pytest.raises(TypeError, match="variables and arrays of JAX"):
        tape.watch(np.ones(2))


def test_closing_over_what_is_watched():
    w, x = Variable(2.0), jnp.array(3.0)
    closed = jax.jit(lambda x: x * w.value)
    with GradientTape(), pytest.raises(ValueError, match="closes over a watched array"):
        closed(x)
    nested = jax.jit(lambda x: 1.0 + jax.jit(lambda x: x * w)(x))
    with GradientTape(), pytest.raises(ValueError, match="closes over a watched array"):
        nested(x)

    @jax.custom_jvp
    def own(x):
        return x * held

    own.defjvp(lambda primals, tangents: (own(*primals), tangents[0] * held))  # pyright: ignore[reportFunctionMemberAccess]
    for watched in (True, False):
        with GradientTape() as tape:
            held = w.value
            if watched:
                tape.watch(x)
            with pytest.raises(ValueError, match="a derivative of its own"):
                own(x)
    with GradientTape() as tape:  # loops and branches may
        y = jax.lax.fori_loop(0, 3, lambda i, c: c * w, jnp.array(1.0))
        y += jax.lax.cond(y > 1.0, lambda: w * w, lambda: w.value)
        y += jax.vmap(lambda a: a * w)(jnp.ones(2)).sum()
    assert float(tape.gradient(y, w)) == 12.0 + 4.0 + 2.0  # 3 w², 2 w, 2


# Against jax.grad ---------------------------------------------------------------------


@jax.custom_vjp
def halved(x):
    return x**2


halved.defvjp(lambda x: (x**2, x), lambda x, g: (g * x,))


def looped(x, y):
    return jax.lax.scan(lambda c, a: (c * a + x.sum(), c), y.sum(), x)[0]


KINDS = {
    "arithmetic": lambda x, y: (x * y - x / y + x**3) @ y,
    "indexing": lambda x, y: x[1] * y[:2] + jnp.concatenate([x, y])[::4],
    "scatter": lambda x, y: x.at[0].set(y[1]).at[1].add(2.0),
    "custom_jvp": lambda x, y: jax.nn.relu(x) + jax.nn.silu(y) * jax.nn.softplus(x),
    "custom_vjp": lambda x, y: halved(x) * y,
    "several outputs": lambda x, y: jnp.linalg.qr(jnp.outer(x, y) + jnp.eye(3))[1],
    "sorting": lambda x, y: jnp.sort(x) * jax.lax.top_k(y, 3)[0],
    "scan": looped,
    "jit": lambda x, y: jax.jit(lambda a, b: (a, a * b, jnp.arange(3)))(x, y)[1],
    "twice the same": lambda x, y: jax.jit(lambda a: (a * 2, a * 2))(x)[0] * x,
    "passed through": lambda x, y: jax.jit(lambda a, b: (a, b * a))(x, y)[0] * x,
    "whole numbers": lambda x, y: x * jnp.argmax(y) + (y > 0).sum() * y,
    "checkpoint": lambda x, y: jax.checkpoint(lambda a: jnp.sin(a) * y)(x),
    "random": lambda x, y: x * jax.random.normal(jax.random.key(0), (3,)),
    "grad inside": lambda x, y: jax.grad(lambda a: (a**3 * y).sum())(x),
    "vmap inside": lambda x, y: jax.vmap(lambda a: a * y.sum())(x),
    "types": lambda x, y: x.astype("bfloat16").astype("float32") * y,
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_jax_grad(kind):
    f = KINDS[kind]
    x, y = jnp.array([0.5, -1.5, 2.0]), jnp.array([1.5, 0.5, -0.7])
    expected = jax.grad(lambda *xs: f(*xs).sum(), (0, 1))(x, y)
    zero = {"unconnected_gradients": "zero"}
    for run in (slope, jax.jit(lambda *xs: slope(f, *xs, **zero))):
        got = run(f, x, y, **zero) if run is slope else run(x, y)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, 1e-5, 1e-6),
            tuple(got),
            expected,
        )


def test_second_and_third_derivatives():
    def f(x):
        return jnp.sin(x) * x**2 + jax.nn.softplus(x)

    def third(x):
        with GradientTape() as outer:
            outer.watch(x)
            with GradientTape() as middle:
                middle.watch(x)
                with GradientTape() as inner:
                    inner.watch(x)
                    y = f(x)
                first = inner.gradient(y, x)
            second = middle.gradient(first, x)
        return first, second, outer.gradient(second, x)

    x = jnp.array(0.7)
    expected = [jax.grad(f)(x), jax.grad(jax.grad(f))(x)]
    expected.append(jax.grad(jax.grad(jax.grad(f)))(x))
    for run in (third, jax.jit(third)):
        np.testing.assert_allclose(run(x), expected, rtol=1e-5)
    # jax's own derivative of a function that has a tape inside
    np.testing.assert_allclose(jax.grad(lambda x: third(x)[1])(x), expected[2], 1e-5)


def test_jacobians():
    x, w = jnp.array([[1.0, 2.0, 3.0], [0.5, 0.0, -1.0]]), jnp.ones((3, 2)) * 2.0

    def f(x, w):
        return jnp.tanh(x @ w) + x[:, :2] ** 2

    def both(x, w):
        with GradientTape(persistent=True) as tape:
            tape.watch([x, w])
            y = f(x, w)
        return tape.jacobian(y, [x, w]), tape.batch_jacobian(y, x)

    full = jax.jacobian(f, (0, 1))(x, w)
    for run in (both, jax.jit(both)):
        got, by_row = run(x, w)
        for a, b in zip(got, full, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        rows = jnp.stack([full[0][i, :, i] for i in range(2)])
        np.testing.assert_allclose(by_row, rows, atol=1e-6)


def test_float64():
    with onefit.config.precision("float64"):
        x = jnp.array([0.3, 0.4])
        dx = slope(lambda x: jnp.exp(x).sum(), x)[0]
        assert dx.dtype == "float64"
        np.testing.assert_allclose(dx, np.exp([0.3, 0.4]), rtol=1e-15)


def test_complex_numbers_as_in_tensorflow():
    z = jnp.array(1.0 + 2.0j)
    assert complex(slope(lambda z: jnp.abs(z) ** 2, z)[0]) == pytest.approx(2 + 4j)
    assert complex(slope(lambda z: z * z, z)[0]) == pytest.approx(2 - 4j)


# Inside programs ----------------------------------------------------------------------


def test_inside_jit_scan_and_vmap():
    def step(w, x):
        with GradientTape() as tape:
            tape.watch(w)
            loss = (w * x - 1.0) ** 2
        return w - 0.1 * tape.gradient(loss, w), loss

    def by_grad(w, x):
        loss, g = jax.value_and_grad(lambda w: (w * x - 1.0) ** 2)(w)
        return w - 0.1 * g, loss

    x = jnp.linspace(0.5, 1.5, 5)
    run, known = (
        jax.jit(lambda w, f=f: jax.lax.scan(f, w, x)) for f in (step, by_grad)
    )
    for got, expected in zip(run(jnp.array(2.0)), known(jnp.array(2.0)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)
    many = jnp.array([1.0, 2.0, 3.0])
    got, expected = (jax.vmap(f)(many) for f in (run, known))
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-6)


def test_variables_that_a_program_has_bound():
    """As a train_step is traced: the variable has what the program computes."""
    place = {"w": jnp.array([1.0, 2.0])}
    w = view(lambda: place["w"], lambda v: place.update(w=v), name="w", path="w")

    @jax.jit
    @jax.vmap
    def program(start, x):
        place["w"] = start
        with GradientTape() as outer, GradientTape() as tape:
            body = lambda c, a: (c + (w * a).sum(), None)  # noqa: E731
            y = jax.lax.scan(body, 0.0, x)[0] ** 2
            g = tape.gradient(y, w)
            total = g.sum() + jax.jit(lambda v: (v * 2.0).sum())(w)
        w.assign(w - 0.1 * g)
        return w.value, y, outer.gradient(total, w)

    start, x = jnp.ones((3, 2)), jnp.arange(6.0).reshape(3, 2)
    new, y, second = program(start, x)
    # y = (Σ_ij w_j x_i)² = (2 S)², dy/dw_j = 4 S², d(Σ g)/dw_j = 4 S², and 2 of the jit
    s = np.asarray(x).sum(1)
    np.testing.assert_allclose(y, (2 * s) ** 2)
    np.testing.assert_allclose(new[:, 0], 1.0 - 0.1 * 4 * s**2, rtol=1e-5)
    np.testing.assert_allclose(second[:, 0], 4 * s**2 + 2, rtol=1e-6)


def test_a_gradient_that_jax_does_not_have_says_so():
    def f(x):
        return jax.lax.while_loop(lambda c: c < 10.0, lambda c: c * 2.0, x)

    x = jnp.array(1.5)
    with GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    assert float(y) == 12.0
    with pytest.raises(ValueError, match="Reverse-mode differentiation"):
        tape.gradient(y, x)


# Layers, models, losses, optimizers ---------------------------------------------------


@pytest.mark.parametrize("training", [False, True])
def test_a_model_as_jax_grad_of_its_pure_function(training):
    model = network(
        Dense(4, "tanh", kernel_regularizer="l2"),
        BatchNormalization(),
        Dense(3, "elu", activity_regularizer="l2"),
        Dense(1, "sigmoid"),
    )
    loss = onefit.losses.BinaryCrossentropy()
    variables = model.trainable_variables
    with GradientTape() as tape:
        j = loss(Y, model(X, training=training)) + sum(model.losses)
    got = tape.gradient(j, variables)

    def cost(values):
        rest = [v.value for v in model.non_trainable_variables]
        options = {"training": training, "return_losses": True}
        y, _, losses = model.stateless_call(values, rest, X, **options)
        return loss.cost(Y, y, None) + sum(losses)

    values = [v.value for v in variables]
    model.set_weights(model.get_weights())
    for g, expected in zip(got, jax.grad(cost)(values), strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-4, atol=1e-6)
    assert [v.path for v in tape.watched_variables()] == [v.path for v in variables]


def test_layers_of_all_sorts_give_gradients():
    inputs = onefit.Input((3,), dtype="int32")
    x = Embedding(5, 4)(inputs)
    model = onefit.Model(inputs, Dense(1)(LSTM(3)(x)))
    model.layers[-1].trainable = False
    data = jnp.array([[1, 2, 3], [4, 0, 1]])
    with GradientTape() as tape:
        j = (model(data) ** 2).sum()
    found = tape.gradient(j, model.weights)
    frozen = [not v.trainable for v in model.weights]
    assert [g is None for g in found] == frozen
    assert sum(frozen) == 2
    for g, v in zip(found, model.weights, strict=True):
        assert g is None or (g.shape == v.shape and bool(jnp.any(g)))


def test_by_the_input():
    model = network(Dense(3, "tanh"), Dense(1))
    x = jnp.asarray(X)
    with GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = model(x)
    by_row = tape.batch_jacobian(y, x)
    expected = jax.vmap(jax.jacobian(lambda r: model.apply(model.params, r[None])[0]))
    np.testing.assert_allclose(by_row, expected(x), atol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), by_row[:, 0], atol=1e-6)


def test_layers_that_carry_a_state():
    """The state moves once a call, and is made of plain arrays."""
    onefit.config.set_random_seed(0)
    model = network(BatchNormalization(), Dropout(0.5), Dense(1))
    moving = model.layers[0].moving_mean
    before = moving.numpy()
    with GradientTape() as tape:
        y = model(X, training=True)
        mean = moving.numpy()
        dropped = tape.gradient(y, model.layers[0].gamma)
    np.testing.assert_allclose(mean, 0.99 * before + 0.01 * X.mean(0), rtol=1e-5)
    np.testing.assert_array_equal(moving.numpy(), mean)
    assert dropped.shape == (2,)
    assert not any(isinstance(v.value, jax.core.Tracer) for v in model.variables)  # pyright: ignore[reportAttributeAccessIssue]


def test_inside_a_layer_of_layers():
    wrapped = onefit.layers.Bidirectional(LSTM(2))
    with GradientTape() as tape:
        j = wrapped(jnp.ones((2, 3, 2)), training=True).sum()
    found = tape.gradient(j, wrapped.trainable_variables)
    assert all(bool(jnp.any(g)) for g in found)
    cell = wrapped.forward_layer
    with GradientTape() as tape:  # its weights are the wrapper's
        j = cell(jnp.ones((2, 3, 2))).sum()
    assert tape.gradient(j, wrapped.trainable_variables)[0] is not None


def test_a_layer_made_in_the_block():
    layer = Dense(2)
    with GradientTape() as tape:
        j = layer(X).sum()
    found = tape.gradient(j, layer.trainable_variables)
    np.testing.assert_allclose(found[0], [[2, 2], [2, 2]])  # Σ rows of X
    np.testing.assert_allclose(found[1], [4, 4])


class Scaled(Layer):
    def init(self, rng, input_shape):
        return {"gain": np.full(input_shape[-1], 2.0, "float32")}, {}

    def compute(self, params, x):
        return x * params["gain"]


class Shifted(Layer):
    """Written as a call, with a weight of its own, a state and a layer inside."""

    def __init__(self):
        super().__init__()
        self.inner = Dense(3, "tanh", kernel_regularizer="l2")
        self.count = Variable(0.0, trainable=False)

    def build(self, input_shape):
        self.shift = self.add_weight(shape=(3,), initializer="ones")

    def call(self, x):
        self.count.assign_add(1.0)
        return self.inner(x) * self.shift


class Whole(onefit.Model):
    def __init__(self):
        super().__init__()
        self.body, self.head = Shifted(), Dense(1)

    def call(self, x, training=False):
        return self.head(self.body(x)) * (2.0 if training else 1.0)


@pytest.mark.parametrize("make", [Shifted, Whole])
def test_layers_and_models_written_as_a_call(make):
    layer = make()
    layer(X)
    body = getattr(layer, "body", layer)
    before = float(body.count)
    with GradientTape() as tape:
        j = (layer(X, training=True) ** 2).sum()
    variables = layer.trainable_variables
    got = tape.gradient(j, variables)
    assert float(body.count) == before + 1.0

    def cost(values, rest):
        return (layer.stateless_call(values, rest, X, training=True)[0] ** 2).sum()

    values = [jnp.asarray(v.value) for v in variables]
    rest = [v.value for v in layer.non_trainable_variables]
    for g, expected in zip(got, jax.grad(cost)(values, rest), strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-5)
    with GradientTape() as tape:  # a pure call reads what it is given, and no variable
        tape.watch(values)
        j = cost(values, rest)
    for g, expected in zip(tape.gradient(j, values), got, strict=True):
        np.testing.assert_allclose(g, expected, rtol=1e-5)
    assert tape.watched_variables() == ()


class Slope(Layer):
    """A tape inside a call: the output is the derivative of another layer's."""

    def __init__(self):
        super().__init__()
        self.inner = Dense(1, use_bias=False, activation=lambda z: z**3)

    def call(self, x):
        with GradientTape() as tape:
            tape.watch(x)
            y = self.inner(x)
        return tape.gradient(y, x)


def test_a_tape_inside_a_call():
    layer = Slope()
    x = np.array([[1.0, 2.0]], "float32")
    layer(x)
    layer.inner.kernel.assign([[1.0], [0.5]])
    # z = 2, y = z³, dy/dx = 3 z² w = 12 w
    np.testing.assert_allclose(layer(x), [[12.0, 6.0]])
    with GradientTape() as tape:
        j = layer(x)[0, 0]
    # d(3 z² w₀)/dw = 6 z w₀ x + 3 z² e₀ = 12 x + 12 e₀
    np.testing.assert_allclose(tape.gradient(j, layer.inner.kernel), [[24.0], [24.0]])


class Smooth(Whole):
    """A step with a tape inside a tape: the slope of the output is kept small."""

    def train_step(self, data):
        x, y = data
        x = jnp.asarray(x)
        with GradientTape() as tape:
            with GradientTape() as inner:
                inner.watch(x)
                out = self(x, training=True)
            slope = inner.gradient(out, x)
            loss = ((out - y) ** 2).mean() + (slope**2).mean()
        variables = self.trainable_variables
        grads = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(grads, variables, strict=True))
        return {"loss": loss}


def test_inside_the_step_of_a_fit():
    model = Smooth()
    model(X)
    model.compile(onefit.optimizers.SGD(0.1), "mse")
    start = [jnp.asarray(v.value) for v in model.trainable_variables]

    def cost(values):
        rest = [v.value for v in model.non_trainable_variables]
        run = lambda x: model.stateless_call(values, rest, x, training=True)[0]  # noqa: E731
        slope = jax.grad(lambda x: run(x).sum())(X)
        return ((run(X) - Y) ** 2).mean() + (slope**2).mean()

    loss, grads = jax.value_and_grad(cost)(start)
    history = model.fit(X, Y, batch_size=4, verbose=0)
    np.testing.assert_allclose(history.history["loss"], [loss], rtol=1e-5)
    for v, w, g in zip(model.trainable_variables, start, grads, strict=True):
        np.testing.assert_allclose(v.numpy(), w - 0.1 * g, rtol=1e-4, atol=1e-6)


def test_xor_is_learned():
    onefit.config.set_random_seed(1)
    model = network(Dense(8, "tanh"), Scaled(), Dense(1, "sigmoid"))
    optimizer = onefit.optimizers.Adam(0.1)
    loss = onefit.losses.BinaryCrossentropy()
    metric = onefit.metrics.BinaryAccuracy()
    best = np.inf
    for _ in range(60):
        with GradientTape() as tape:
            y = model(X, training=True)
            j = loss(Y, y)
            metric.update_state(Y, y)
        grads = tape.gradient(j, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        best = min(best, j)
    assert best < 0.05
    np.testing.assert_array_equal(model.predict(X) > 0.5, Y)
    assert int(optimizer.iterations) == 60
    assert 0.5 < float(metric.result()) <= 1.0


def test_programs_inside_the_block():
    model = network(Dense(1))
    model.compile("sgd", "mse")
    w = Variable(2.0)
    with GradientTape() as tape:
        history = model.fit(X, Y, epochs=1, verbose=0)
        model.evaluate(X, Y, verbose=0)
        y = w * float(history.history["loss"][0]) + model.predict(X).sum()
    assert float(tape.gradient(y, w)) == pytest.approx(history.history["loss"][0])


def test_a_tape_keeps_nothing_when_it_has_been_asked():
    w = Variable(np.ones(7, "float32"))
    with GradientTape() as tape:
        y = jnp.sin(w) * 2.0
        z = (y * y).sum()
    tape.gradient(z, w)
    import weakref

    kept = weakref.ref(y)
    del y
    gc.collect()
    assert kept() is None


def test_one_output_of_a_model_by_another():
    """As in maps of what a convolution looks at: J by the hidden layer's output."""
    x = onefit.Input((3,))
    hidden = onefit.layers.Dense(4, "tanh")(x)
    both = onefit.Model(x, [hidden, onefit.layers.Dense(2, "softmax")(hidden)])
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    with onefit.GradientTape() as tape:
        inside, out = both(rows)
        top = out[:, 1]
    kernel, bias = (np.asarray(w) for w in both.get_weights()[2:])

    def by_hand(h):
        return jax.nn.softmax(h @ kernel + bias)[:, 1].sum()

    want = jax.grad(by_hand)(np.asarray(inside))
    np.testing.assert_allclose(tape.gradient(top, inside), want, atol=1e-6)
