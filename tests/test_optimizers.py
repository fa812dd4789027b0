"""Optimizers: hand-worked steps, ten-step traces against Keras, what all share."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import OnefitWarning, optimizers
from onefit.optimizers import (
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Ftrl,
    Lamb,
    Lion,
    Muon,
    Nadam,
    RMSprop,
    schedules,
)
from onefit.optimizers.base import Optimizer
from onefit.optimizers.rules import Rule, correction
from onefit.variables import Variable

ALL = [
    SGD,
    RMSprop,
    Adagrad,
    Adadelta,
    Adam,
    AdamW,
    Adamax,
    Nadam,
    Ftrl,
    Lion,
    Lamb,
    Adafactor,
    Muon,
]
RATES = np.array([0.001, 0.1])
STEPS = 10


def start(dtype="float64"):
    """A matrix and a vector."""
    rng = np.random.default_rng(1)
    shapes = [(2, 3), (4,)]
    return [(rng.normal(size=shape) + 0.3).astype(dtype) for shape in shapes]


def gradients(dtype="float64"):
    """Ten gradients for each, of sizes from 0.1 to 3."""
    rng = np.random.default_rng(2)
    sizes = np.geomspace(0.1, 3, STEPS)
    return [
        (rng.normal(size=(STEPS, *w.shape)) * sizes.reshape(-1, *[1] * w.ndim)).astype(
            dtype
        )
        for w in start()
    ]


quickly = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)
"""Each program runs once or twice: it is not worth optimizing."""


def trace(optimizer, grads, params):
    """The weights after each step, and those to keep at the end."""

    def body(carry, g):
        params, state = optimizer.update(g, carry[1], carry[0])
        return (params, state), params

    carry, weights = jax.lax.scan(body, (params, optimizer.init(params)), grads)
    return weights, optimizer.finish(carry[1], carry[0])


def our_traces(optimizer, dtype, as_vector=False):
    """One program for all rates, all numbers of the optimizer being its inputs.

    As a vector, the weights are one long array and cut again afterwards.
    """
    grads, params = gradients(dtype), start(dtype)
    ends = np.cumsum([w.size for w in params])[:-1]
    if as_vector:
        grads = np.concatenate([g.reshape(STEPS, -1) for g in grads], axis=1)
        params = np.concatenate([w.ravel() for w in params])

    def run(optimizer, rate):
        if rate is not None:
            optimizer = optimizer.replace(learning_rate=rate)
        return trace(optimizer, grads, params)

    rates = RATES.astype(dtype) if optimizer.constant_rate else None
    traces = quickly(run if rates is None else jax.vmap(run, (None, 0)))(
        optimizer, rates
    )
    if not as_vector:
        return traces
    parts = [np.split(np.asarray(line), ends, axis=-1) for line in traces]
    shapes = [w.shape for w in start()]
    return tuple(
        [
            p.reshape(*p.shape[:-1], *shape)
            for p, shape in zip(part, shapes, strict=True)
        ]
        for part in parts
    )


def keras_traces(name, settings):
    """The same of Keras, in float64."""
    import keras

    keras.config.set_floatx("float64")
    try:
        variables = [keras.Variable(w, dtype="float64") for w in start()]
        theirs = getattr(keras.optimizers, name)(**settings)
        theirs.build(variables)
        state = [v.value for v in theirs.variables]

        def run(rate):
            def body(carry, g):
                weights, state = theirs.stateless_apply(carry[1], g, carry[0])
                return (weights, state), weights

            began = state if rate is None else [state[0], rate, *state[2:]]
            carry, weights = jax.lax.scan(body, (start(), began), gradients())
            averages = carry[1][2:4] if settings.get("use_ema") else carry[0]
            return weights, averages

        if "learning_rate" in settings:
            return quickly(lambda: run(None))()
        return quickly(jax.vmap(run))(RATES)
    finally:
        keras.config.set_floatx("float32")


CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("RMSprop", {"rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 1e-3}),
    ("Adagrad", {"initial_accumulator_value": 0.0, "clipvalue": 0.5}),
    ("Adadelta", {"rho": 0.9, "epsilon": 1e-4}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_2": 0.9, "epsilon": 0.01, "clipnorm": 1.0}),
    ("AdamW", {"weight_decay": 0.1, "global_clipnorm": 1.5}),
    ("Adamax", {"beta_2": 0.9}),
    ("Nadam", {}),
    (
        "Ftrl",
        {
            "learning_rate_power": -0.7,
            "l1_regularization_strength": 0.3,
            "l2_regularization_strength": 0.2,
            "l2_shrinkage_regularization_strength": 0.1,
            "beta": 0.5,
        },
    ),
    ("Lion", {}),
    ("Lamb", {"weight_decay": 0.1}),
    ("Adafactor", {}),
    ("Muon", {}),
    ("Muon", {"nesterov": False, "rms_rate": None, "adam_lr_ratio": 0.5}),
    ("SGD", {"use_ema": True, "ema_momentum": 0.7}),
    ("Adam", {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3}),
    ("Nadam", {"gradient_accumulation_steps": 3, "weight_decay": 0.1}),
    ("SGD", {"loss_scale_factor": 8.0, "global_clipnorm": 100.0}),
]


IN_SINGLE = ("Adafactor", "Muon")
"""Where Keras computes a factor in float32 whatever the type of the weights."""


def assert_close(ours, theirs, **tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_ten_steps_are_those_of_keras(name, settings):
    optimizer = getattr(optimizers, name)(**settings)
    with jax.enable_x64(True):
        theirs = keras_traces(name, settings)
        rtol = 1e-6 if name in IN_SINGLE else 1e-9
        assert_close(our_traces(optimizer, "float64"), theirs, rtol=rtol, atol=1e-12)
    # In float32 all weights are one vector, where that is the same.
    ours = our_traces(optimizer, "float32", as_vector=optimizer.elementwise)
    assert all(a.dtype == np.float32 for a in jax.tree.leaves(ours))
    assert_close(ours, theirs, rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("more", [{}, {"gradient_accumulation_steps": 2}])
def test_ten_steps_of_a_schedule_are_those_of_keras(more):
    import keras

    settings = {"initial_learning_rate": 0.1, "decay_steps": 3, "decay_rate": 0.5}
    decay = keras.optimizers.schedules.ExponentialDecay(**settings)
    ours = SGD(schedules.ExponentialDecay(**settings), **more)
    with jax.enable_x64(True):
        theirs = keras_traces("SGD", {"learning_rate": decay, **more})
        assert_close(our_traces(ours, "float64"), theirs, rtol=1e-9)


# Worked by hand -----------------------------------------------------------------------


def test_gradient_descent_by_hand():
    # w := w - alpha * dJ/dw = 1 - 0.1 * 2 = 0.8, then 0.8 - 0.1 * 1 = 0.7
    sgd = SGD(0.1)
    (w,) = sgd.apply([2.0], [1.0])
    np.testing.assert_allclose(w, 0.8, rtol=1e-6)
    np.testing.assert_allclose(sgd.apply([1.0], [w]), [0.7], rtol=1e-6)


@pytest.mark.parametrize(
    # v = 0.9 * 0 - 0.1 * 2 = -0.2, then v = 0.9 * -0.2 - 0.1 * 1 = -0.28
    ("nesterov", "first", "second"),
    [
        (False, 1 - 0.2, 1 - 0.2 - 0.28),
        # 0.9 * -0.2 - 0.1 * 2 = -0.38, then 0.9 * -0.28 - 0.1 * 1 = -0.352
        (True, 1 - 0.38, 1 - 0.38 - 0.352),
    ],
)
def test_momentum_by_hand(nesterov, first, second):
    sgd = SGD(0.1, momentum=0.9, nesterov=nesterov)
    (w,) = sgd.apply([2.0], [1.0])
    np.testing.assert_allclose(w, first, rtol=1e-6)
    np.testing.assert_allclose(sgd.apply([1.0], [w]), [second], rtol=1e-6)


def test_adam_by_hand():
    # m = 0.1 * 2 = 0.2, v = 0.001 * 4 = 0.004, alpha_1 = 0.1 * sqrt(0.001) / 0.1:
    # the step is sqrt(0.001) * 0.2 / (sqrt(0.004) + 1e-2) = 0.0863473
    (w,) = Adam(0.1, epsilon=1e-2).apply([2.0], [1.0])
    np.testing.assert_allclose(w, 1 - 0.0863473, rtol=1e-6)


def test_first_steps_of_adam_keep_their_digits_in_float32():
    # In the first step m and sqrt(v) cancel: w moves by alpha, whatever the gradient.
    (w,) = Adam(0.125, epsilon=0.0).apply([3.7], [0.0])
    np.testing.assert_allclose(w, -0.125, rtol=3e-7)
    with jax.enable_x64(True):
        exact = [1 - 0.999**t for t in (1, 2, 3, 1000)]
    steps = jnp.array([1, 2, 3, 1000], jnp.float32)
    # 0.999 itself is rounded to float32, by up to 3e-8, which 1 - 0.999 feels.
    np.testing.assert_allclose(correction(0.999, steps), exact, rtol=5e-5)
    beta = np.float32(0.999)
    exact = [1 - float(beta) ** t for t in (1, 2, 3, 1000)]
    np.testing.assert_allclose(correction(beta, steps), exact, rtol=3e-7)


def test_adafactors_rate_stays_below_one_by_the_root_of_the_step():
    for settings in ({}, {"relative_step": False}):
        w = Adafactor(2.0, **settings).apply(jnp.ones(2), jnp.ones(2))
        np.testing.assert_allclose(w, 0, atol=1e-6)  # 1 - rms(w) * min(2, 1 / sqrt(1))


def test_muon_of_a_tall_matrix_is_that_of_the_wide_one_turned():
    (w, *_), (g, *_) = start("float32"), gradients("float32")
    wide, tall = (Muon(0.1).apply(a, b) for a, b in ((g[0], w), (g[0].T, w.T)))
    np.testing.assert_allclose(tall, wide.T, rtol=1e-5)


def test_ftrl_makes_small_weights_zero():
    ftrl = Ftrl(0.5, l1_regularization_strength=1.0)
    w = ftrl.apply(jnp.array([0.5, -3.0]), jnp.zeros(2))
    assert w[0] == 0
    assert w[1] > 0


# What every optimizer does ------------------------------------------------------------

BOTTOM = [
    SGD(0.1),
    SGD(0.05, 0.8, True),
    RMSprop(0.02),
    Adagrad(1.0),
    Adadelta(20.0, epsilon=1e-4),
    Adam(0.1),
    AdamW(0.1, weight_decay=0.0),
    Adamax(0.1),
    Nadam(0.1),
    Ftrl(1.0),
    Lion(0.02),
    Lamb(0.05),
    Adafactor(0.1),
    Muon(0.1, weight_decay=None, adam_weight_decay=None),
]


@pytest.mark.parametrize("optimizer", BOTTOM, ids=lambda o: o.name)
def test_reaches_the_bottom_of_a_parabola(optimizer):
    bottom = {"W": np.float32([[1.0, -2.0], [0.5, 1.0]]), "b": np.float32([3.0, -1.0])}
    params = {"W": np.zeros((2, 2), "float32") + 0.1, "b": np.ones(2, "float32")}
    rate, steps = optimizer.learning_rate, 600
    if not isinstance(optimizer, Ftrl):  # whose weights are in proportion to the rate
        decay = schedules.PolynomialDecay(rate, steps, rate * 1e-3)
        optimizer = optimizer.replace(learning_rate=decay)

    @quickly
    def run(optimizer, params, state):
        def body(_, carry):
            params, state = carry
            grads = jax.tree.map(lambda w, b: 2 * (w - b), params, bottom)
            return optimizer.update(grads, state, params)

        return jax.lax.fori_loop(0, steps, body, (params, state))

    params, _ = run(optimizer, params, optimizer.init(params))
    for name, w in params.items():
        np.testing.assert_allclose(w, bottom[name], atol=0.02)


@pytest.mark.parametrize("cls", ALL)
def test_state_is_made_on_the_host_and_holds_what_is_used(cls):
    params = start("float32")
    state = cls().init(params)
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(state))
    assert list(state) == ["iterations", "learning_rate", "slots"]
    assert state["iterations"].dtype == np.int32
    assert state["learning_rate"] == np.float32(cls().learning_rate)
    _, new = jax.eval_shape(cls().update, params, state, params)
    same = jax.tree.map(
        lambda a, b: (a.shape, a.dtype) == (b.shape, b.dtype), state, new
    )
    assert all(jax.tree.leaves(same))
    more = cls(use_ema=True, gradient_accumulation_steps=2).init(params)
    assert list(more)[3:] == ["accumulated", "average"]


def test_absent_slots_leave_no_entry():
    params = start("float32")
    assert not jax.tree.leaves(SGD().init(params)["slots"])
    assert not jax.tree.leaves(SGD(momentum=0.0).init(params)["slots"])
    assert list(SGD(momentum=0.9).init(params)["slots"]) == ["momentum"]
    assert list(RMSprop().init(params)["slots"]) == ["velocity"]
    assert list(Adam().init(params)["slots"]) == ["momentum", "velocity"]
    adafactor = {"W": np.ones((3, 2)), "b": np.ones(2)}
    adafactor = Adafactor().init(jax.tree.map(np.float32, adafactor))["slots"]
    shapes = jax.tree.map(np.shape, adafactor)
    assert shapes == {"W": {"r": (3,), "c": (2,)}, "b": {"v": (2,)}}
    square = np.ones((2, 2), "float32")
    slots = Muon(exclude_layers=["out"]).init(
        {"embedding": square, "dense": {"kernel": square}, "output": {"kernel": square}}
    )["slots"]
    assert {kind: len(jax.tree.leaves(slot)) for kind, slot in slots.items()} == {
        "muon": 1,
        "adam": 4,
    }


def test_elementwise():
    assert all(cls().elementwise for cls in ALL if cls not in (Lamb, Adafactor, Muon))
    assert not any(cls().elementwise for cls in (Lamb, Adafactor, Muon))
    assert not Adam(clipnorm=1.0).elementwise
    assert Adam(clipnorm=0.0).elementwise
    assert Adam(global_clipnorm=1.0, clipvalue=None, weight_decay=0.1).elementwise


def test_a_batch_of_rates_is_separate_runs():
    params, grads = start("float32"), gradients("float32")
    together, _ = our_traces(AdamW(), "float32")
    for i, rate in enumerate(RATES):
        alone, _ = quickly(trace)(AdamW(float(rate)), grads, params)
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_allclose(a[i], b, rtol=1e-6)


def test_other_numbers_need_no_other_program():
    params, grads = start("float32"), [g[0] for g in gradients("float32")]
    traces = []

    @jax.jit
    def update(optimizer, state):
        traces.append(optimizer)
        return optimizer.update(grads, state, params)[0]

    for optimizer in (
        Adam(0.1),
        Adam(0.2, beta_1=0.5),
        Adam(0.3, epsilon=1e-3, name="a"),
    ):
        update(optimizer, optimizer.init(params))
    state = Adam(0.1).init(params)
    slow = update(Adam(0.1), state | {"learning_rate": np.float32(0.0)})
    np.testing.assert_array_equal(slow[0], params[0])
    assert len(traces) == 1
    update(Adam(0.1, clipvalue=1.0), state)
    assert len(traces) == 2


def test_accumulation_is_a_step_of_the_mean():
    params, grads = start("float32"), gradients("float32")
    weights, _ = quickly(trace)(Adam(0.1, gradient_accumulation_steps=5), grads, params)
    means = [g.reshape(2, 5, *g.shape[1:]).mean(1) for g in grads]
    expected, _ = quickly(trace)(Adam(0.1), means, params)
    for w, e, first in zip(weights, expected, params, strict=True):
        np.testing.assert_array_equal(w[3], first)
        np.testing.assert_allclose(w[4], e[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(w[8], w[4])
        np.testing.assert_allclose(w[9], e[1], rtol=1e-5, atol=1e-6)


def test_average_follows_steps_and_is_kept_at_the_end():
    # Weights 1, 0.8, 0.6 averaged with beta = 0.5: 0.8, then (0.8 + 0.6) / 2 = 0.7.
    sgd = SGD(0.1, use_ema=True, ema_momentum=0.5)
    assert sgd.finalize_variable_values([1.0]) == [1.0]
    w = sgd.apply([2.0], [1.0])
    np.testing.assert_allclose(sgd.finalize_variable_values(w), [0.8], rtol=1e-6)
    w = sgd.apply([2.0], w)
    np.testing.assert_allclose(w, [0.6], rtol=1e-6)
    np.testing.assert_allclose(sgd.finalize_variable_values(w), [0.7], rtol=1e-6)


def test_average_is_not_taken_before_the_first_accumulated_step():
    sgd = SGD(0.1, use_ema=True, gradient_accumulation_steps=2)
    w = sgd.apply([2.0], [1.0])
    np.testing.assert_allclose(sgd.finalize_variable_values(w), [1.0], rtol=1e-6)
    w = sgd.apply([2.0], w)
    np.testing.assert_allclose(sgd.finalize_variable_values(w), [0.8], rtol=1e-6)


def test_scaled_loss_gives_the_same_step():
    scaled = SGD(0.1, loss_scale_factor=1024.0)
    gradient = jax.grad(lambda w: scaled.scale_loss(w**2))(3.0)
    np.testing.assert_allclose(scaled.apply([gradient], [3.0]), [2.4], rtol=1e-6)
    assert SGD().scale_loss(2.0) == 2.0


def test_nothing_to_train():
    params, state = Adam().update({}, Adam().init({}), {})
    assert params == {}
    assert state["iterations"] == 1


# The face -----------------------------------------------------------------------------


def test_apply_keeps_its_slots_between_calls():
    params, grads = start("float32"), gradients("float32")
    expected, _ = quickly(trace)(Adam(0.1), grads, params)
    adam, variables = Adam(0.1), params
    assert adam.iterations == 0
    for i in range(3):
        variables = adam.apply([g[i] for g in grads], variables)
    assert adam.iterations == 3
    for w, e in zip(variables, expected, strict=True):
        np.testing.assert_allclose(w, e[2], rtol=1e-6, atol=1e-7)


def test_apply_gradients_takes_pairs():
    w, b = SGD(0.5).apply_gradients(
        zip([2.0, [4.0, 2.0]], [1.0, [1.0, 1.0]], strict=True)
    )
    assert (float(w), [float(x) for x in b]) == (0.0, [-1.0, 0.0])


def test_apply_takes_what_jax_grad_returns():
    w, b = np.float32(1.0), np.float32(2.0)
    grads = jax.grad(lambda w, b: w * b, argnums=(0, 1))(w, b)
    w, b = SGD(0.1).apply(grads, [w, b])
    np.testing.assert_allclose([w, b], [0.8, 1.9], rtol=1e-6)


def test_learning_rate_can_be_set():
    sgd = SGD(0.1)
    sgd.apply([1.0], [1.0])
    sgd.learning_rate = 0.5
    np.testing.assert_allclose(sgd.apply([1.0], [1.0]), [0.5])
    assert sgd.learning_rate == 0.5
    with pytest.raises(
        ValueError, match="received learning_rate=-1; expected a number"
    ):
        sgd.learning_rate = -1
    with pytest.raises(AttributeError, match=r"SGD: received momentum=0\.5 after its"):
        sgd.momentum = 0.5  # its state remembers none


def test_a_schedule_is_followed():
    halving = SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    plain = SGD(lambda step: 0.5**step)
    for optimizer in (halving, plain):
        w = [0.0]
        for expected in (-1.0, -1.5, -1.75):
            w = optimizer.apply([1.0], w)
            np.testing.assert_allclose(w, [expected], rtol=1e-6)
        np.testing.assert_allclose(optimizer._state["learning_rate"], 0.25)
        np.testing.assert_allclose(optimizer.learning_rate, 0.125)
    assert not plain.constant_rate


def test_an_own_optimizer_in_a_few_lines():
    class SignDescent(Optimizer):
        def rule(self):
            def update(grads, slots, params, alpha, step):
                change = jax.tree.map(lambda g: -alpha * jnp.sign(g), grads)
                return change, {"seen": step}

            return Rule(lambda params: {"seen": np.zeros((), "float32")}, update)

    optimizer = optimizers.get("signdescent").replace(learning_rate=0.5)
    np.testing.assert_allclose(optimizer.apply([3.0], [1.0]), [0.5])


# Names and configs --------------------------------------------------------------------


def test_get():
    for cls in ALL:
        assert type(optimizers.get(cls.__name__)) is cls
        assert type(optimizers.get(cls.__name__.lower())) is cls
        assert type(optimizers.get(cls)) is cls
    adam = Adam(0.1)
    assert optimizers.get(adam) is adam
    assert optimizers.get(None) is None
    with pytest.raises(
        ValueError, match=r"Unknown optimizer 'adan'\. Did you mean '[Aa]dam'"
    ):
        optimizers.get("adan")
    with pytest.raises(TypeError, match=r"optimizer: received 3; expected a name"):
        optimizers.get(3)
    with pytest.raises(TypeError, match="an optimizer of onefit"):
        optimizers.get(lambda step: step)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own
@pytest.mark.parametrize("cls", ALL)
def test_configs_are_those_of_keras(cls):
    import keras

    theirs = getattr(keras.optimizers, cls.__name__)
    config, expected = cls().get_config(), theirs().get_config()
    assert set(config) == set(expected)
    for name in set(config) - {"name"}:
        want = expected[name]
        near = pytest.approx(want, rel=1e-6) if isinstance(want, float) else want
        assert config[name] == near, name
    assert theirs.from_config(cls(0.5, use_ema=True).get_config()).use_ema
    ours = cls.from_config(expected).replace(name="x", learning_rate=0.1)
    assert ours.get_config() == cls(0.1, name="x").get_config()


@pytest.mark.parametrize("cls", ALL)
def test_config_and_back(cls):
    optimizer = cls(0.5, clipnorm=1.0, use_ema=True, name="other")
    again = cls.from_config(optimizer.get_config())
    assert repr(again) == repr(optimizer)
    assert jax.tree.structure(again) == jax.tree.structure(optimizer)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # Keras' own
def test_config_with_a_schedule():
    import keras

    settings = {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}
    ours = SGD(schedules.ExponentialDecay(**settings), momentum=0.9)
    again = optimizers.get({"class_name": "SGD", "config": ours.get_config()})
    assert repr(again) == repr(ours)
    decay = keras.optimizers.schedules.ExponentialDecay(**settings)
    theirs = keras.optimizers.serialize(keras.optimizers.SGD(decay, momentum=0.9))
    assert repr(optimizers.get(theirs).replace(name=ours.name)) == repr(ours)


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: SGD(-0.1),
            "SGD: received learning_rate=-0.1; expected a number at least 0",
        ),
        (
            lambda: Adam(beta_1=1.0),
            "received beta_1=1.0; expected .* at least 0 and below 1",
        ),
        (lambda: Adam(beta_2=-0.1), "received beta_2=-0.1"),
        (lambda: SGD(momentum=1.5), "received momentum=1.5; .* at most 1"),
        (lambda: RMSprop(rho=1), "received rho=1"),
        (lambda: Lion(beta_1=0.0), "received beta_1=0.0; expected a .* above 0"),
        (lambda: Ftrl(learning_rate_power=0.5), "received learning_rate_power=0.5"),
        (
            lambda: SGD(clipnorm=1.0, clipvalue=0.5),
            r"clipnorm=1.0 and clipvalue=0.5; expected one kind of clipping\. "
            "Keep only clipnorm",
        ),
        (lambda: SGD(gradient_accumulation_steps=1), "a whole number, 2 or more"),
        (lambda: SGD(use_ema=True, ema_overwrite_frequency=0), "a whole number, 1 or"),
        (lambda: SGD(ema_momentum=2.0), "received ema_momentum=2.0"),
    ],
)
def test_values_that_cannot_be_meant(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Adam(beta1=0.5), "Write beta_1=0.5"),
        (lambda: Adam(eps=0.1), "Write epsilon=0.1"),
        (lambda: Optimizer.from_config({"rate": 1}), "a setting 'rate'"),
        (
            lambda: SGD(wat=1),
            "SGD: received a setting 'wat'; expected one of .*all in help",
        ),
        (
            lambda: AdamW(weight_decay=None),
            "received weight_decay=None; expected a number",
        ),
        (lambda: SGD("fast"), "received learning_rate='fast'; expected a number"),
        (
            lambda: SGD(lambda: 0.1),
            "expected a number, a schedule or a function of the",
        ),
        (lambda: SGD(schedules.ExponentialDecay), "Write ExponentialDecay"),
    ],
)
def test_settings_of_the_wrong_kind(make, text):
    with pytest.raises(TypeError, match=text):
        make()


def test_apply_refuses_what_does_not_fit():
    with pytest.raises(
        ValueError, match=r"gradients of shapes \[\(2,\)\]; expected those"
    ):
        SGD().apply([np.ones(2)], [np.ones(3)])
    with pytest.raises(ValueError, match="expected those of the variables"):
        SGD().apply([np.ones(2), np.ones(2)], [np.ones(2)])
    adam = Adam()
    adam.apply([np.ones(2)], [np.ones(2)])
    with pytest.raises(ValueError, match="Make another optimizer for other variables"):
        adam.apply([np.ones(3)], [np.ones(3)])


def test_clipping_leaves_small_and_zero_gradients_alone():
    for settings in ({"clipnorm": 9.0}, {"global_clipnorm": 9.0}, {"clipvalue": 9.0}):
        sgd = SGD(1.0, **settings)
        w, b = sgd.apply(
            [np.zeros(2), np.float32([1.0, 2.0])], [np.zeros(2), np.zeros(2)]
        )
        np.testing.assert_array_equal(w, 0)
        np.testing.assert_array_equal(b, [-1.0, -2.0])


# The face, with variables -------------------------------------------------------------


def test_apply_changes_variables_as_keras_does():
    w, b = Variable([1.0, 2.0], name="w"), Variable(3.0, name="b")
    sgd = SGD(0.5)
    sgd.build([w, b])
    sgd.apply_gradients(zip([[1.0, 1.0], 2.0], [w, b], strict=True))
    np.testing.assert_array_equal(w, [0.5, 1.5])
    assert b == 2.0
    sgd.apply([np.ones(2), 0.0])  # those of build
    np.testing.assert_array_equal(w, [0.0, 1.0])
    assert sgd.iterations == 2
    with pytest.warns(OnefitWarning, match="no gradient for b: these variables stay"):
        sgd.apply([np.ones(2), None], [w, b])
    assert b == 2.0
    with pytest.raises(ValueError, match="received no gradient, each being None"):
        sgd.apply([None, None], [w, b])


@pytest.mark.parametrize("settings", [{}, {"use_ema": True}, {"global_clipnorm": 0.5}])
@pytest.mark.parametrize("cls", ALL)
def test_a_variable_without_a_gradient_is_left_out(cls, settings):
    """As in Keras: its slots stay as they are, too, and the step is counted."""
    import keras

    ours = cls(0.1, **settings)
    own = [Variable(w) for w in start("float32")]
    theirs = getattr(keras.optimizers, cls.__name__)(0.1, **settings)
    other = [keras.Variable(w) for w in start("float32")]
    theirs.build(other)
    for i, missing in enumerate([None, 0, None, 1, None]):
        grads = [None if n == missing else g[i] for n, g in enumerate(gradients("f4"))]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ours.apply(grads, own)
            theirs.apply(grads)
    for a, b in zip(own, other, strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=2e-4, atol=1e-5)


def test_the_state_as_variables():
    adam = Adam(0.5)
    assert [v.name for v in adam.variables] == ["iteration", "learning_rate"]
    assert not adam.trainable_variables
    adam.build([np.ones(2)])
    names = [v.name for v in adam.variables]
    assert names[:2] == ["iteration", "learning_rate"]
    assert names[2:] == ["momentum_0", "velocity_0"]
    adam.apply([np.ones(2)], [np.ones(2)])
    np.testing.assert_allclose(adam.variables[2], 0.1, rtol=1e-6)
    adam.variables[2].assign([1.0, 2.0])
    np.testing.assert_array_equal(adam.variables[2], [1.0, 2.0])
    adam.variables[0].assign(7)
    assert adam.iterations == 7


@pytest.mark.parametrize("cls", ALL)
def test_stateless_apply_is_apply(cls):
    plain, pure = cls(0.1), cls(0.1)
    w = start("float32")
    pure.build(w)
    state, own = [v.value for v in pure.variables], list(w)
    for i in range(2):
        grads = [g[i] for g in gradients("float32")]
        w = plain.apply(grads, w)
        own, state = pure.stateless_apply(state, grads, own)
    for a, b in zip(w, own, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert state[0] == 2


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "LossScaleOptimizer"])
def test_a_sparse_gradient_is_the_dense_one(name):
    from jax.experimental.sparse import BCOO

    gradient = np.zeros((4, 3), "float32")
    gradient[[0, 2]] = [[1, 0, 2], [0, 3, 0]]
    found = []
    for given in (gradient, BCOO.fromdense(gradient, n_dense=1)):
        inner = (SGD(0.5),) if name == "LossScaleOptimizer" else (0.5,)
        optimizer = getattr(optimizers, name)(*inner)
        weight = Variable(np.ones((4, 3), "float32"))
        for _ in range(2):
            optimizer.apply([given], [weight])
        found.append(weight.numpy())
    np.testing.assert_array_equal(*found)
