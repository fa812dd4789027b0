"""Learning rate schedules: numbers worked by hand, Keras' values, restarts, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit.description import number
from onefit.optimizers import schedules
from onefit.optimizers.schedules import (
    CosineDecay,
    CosineDecayRestarts,
    CosineLogCycles,
    ExponentialDecay,
    FlatCosineDecay,
    FunctionSchedule,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

STEPS = np.arange(0, 40, dtype="int32")

CASES = [
    ("ExponentialDecay", (0.1, 7, 0.5)),
    ("ExponentialDecay", (0.1, 7, 0.5, True)),
    ("InverseTimeDecay", (0.1, 7, 0.5)),
    ("InverseTimeDecay", (0.1, 7, 0.5, True)),
    ("PolynomialDecay", (0.1, 10)),
    ("PolynomialDecay", (0.1, 10, 0.01, 2.0, True)),
    ("PiecewiseConstantDecay", ([10, 25], [0.1, 0.01, 0.001])),
    ("CosineDecay", (0.1, 20)),
    ("CosineDecay", (0.0, 20, 0.1, "warm", 0.2, 5)),
    ("CosineDecay", (0.1, 20, 0.1, "none", 0.2, 0)),
    ("CosineDecayRestarts", (0.1, 10)),
    ("CosineDecayRestarts", (0.1, 10, 1.0, 0.5, 0.1)),
    ("CosineDecayRestarts", (0.1, 8, 1.5, 0.9)),
]


@pytest.mark.parametrize(("name", "args"), CASES)
def test_values_are_those_of_keras(name, args):
    import keras

    theirs = getattr(keras.optimizers.schedules, name)(*args)
    expected = jax.jit(jax.vmap(theirs))(STEPS)
    ours = getattr(schedules, name)(*args)
    rates = ours(STEPS)
    assert rates.dtype == jnp.float32
    np.testing.assert_allclose(rates, expected, rtol=2e-6, atol=1e-8)
    assert ours.get_config() == theirs.get_config() | {
        k: list(v) for k, v in theirs.get_config().items() if isinstance(v, tuple)
    }
    assert repr(type(ours).from_config(ours.get_config())) == repr(ours)
    config = {"class_name": name, "config": theirs.get_config()}
    assert repr(schedules.get(config)) == repr(ours)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        (ExponentialDecay(0.1, 100, 0.5), 200, 0.1 * 0.5**2),
        (ExponentialDecay(0.1, 100, 0.5, staircase=True), 199, 0.1 * 0.5),
        (InverseTimeDecay(0.1, 100, 0.5), 200, 0.1 / (1 + 0.5 * 2)),
        (PolynomialDecay(0.1, 100, 0.02, power=2.0), 50, 0.08 * 0.25 + 0.02),
        (PolynomialDecay(0.1, 100, 0.02), 10_000, 0.02),
        (PolynomialDecay(0.1, 100, 0.0, cycle=True), 150, 0.1 * (1 - 150 / 200)),
        (PiecewiseConstantDecay([10, 20], [3.0, 2.0, 1.0]), 10, 3.0),
        (PiecewiseConstantDecay([10, 20], [3.0, 2.0, 1.0]), 11, 2.0),
        (PiecewiseConstantDecay([], [3.0]), 11, 3.0),
        (CosineDecay(0.1, 100, alpha=0.5), 50, 0.1 * (0.5 * 0.5 + 0.5)),
        (CosineDecay(0.0, 100, warmup_target=0.1, warmup_steps=10), 60, 0.05),
        (CosineDecay(0.1, 100, warmup_target=0.0, warmup_steps=10), 5, 0.05),
        (CosineDecayRestarts(0.1, 10, m_mul=0.5), 10, 0.1 * 0.5),
        (CosineDecayRestarts(0.1, 10), 20, 0.1 * 0.5),
        # log2(1 + 15t) is 1/2, 3/2, ... at the tops of the waves, whole between them.
        (CosineLogCycles(0.3, 15), 2**0.5 - 1, 0.3),
        (CosineLogCycles(0.3, 15), 2**3.5 - 1, 0.3),
        (CosineLogCycles(0.3, 3, cycles=2), 2**0.25 - 1, 0.15),
        (FlatCosineDecay(0.2, 100), 50, 0.2),
        (FlatCosineDecay(0.2, 100, flat=0.2), 60, 0.1),
    ],
)
def test_by_hand(schedule, step, expected):
    np.testing.assert_allclose(schedule(step), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "steps"),
    [
        (CosineLogCycles(0.1, 15), [0, 1, 3, 7, 15, 99]),
        (FlatCosineDecay(0.1, 100), [100, 1000]),
    ],
)
def test_where_the_rate_is_nothing(schedule, steps):
    np.testing.assert_allclose(schedule(np.array(steps)), 0, atol=1e-7)


@pytest.mark.parametrize("t_mul", [1.0, 2.0, 3.0])
def test_each_restart_is_on_its_step(t_mul):
    first, decays = 7, 8
    begins = np.cumsum([0, *(first * t_mul ** np.arange(decays))]).astype(int)
    schedule = CosineDecayRestarts(1.0, first, t_mul=t_mul, m_mul=0.5)
    top = 0.5 ** np.arange(decays + 1)
    np.testing.assert_allclose(schedule(begins), top, rtol=1e-5)
    # The step before is near the end of a decay, where the rate is near 0.
    last = np.asarray(schedule(begins[1:] - 1)) / top[:-1]
    assert np.all(last < 0.06)


def test_a_batch_of_schedules_is_separate_ones():
    steps = jnp.arange(5)
    many = jax.vmap(lambda rate: ExponentialDecay(rate, 3, 0.5)(steps))
    rates = many(jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(
        rates[1], ExponentialDecay(0.2, 3, 0.5)(steps), rtol=1e-6
    )


def test_numbers_are_inputs_of_the_program():
    schedule = PiecewiseConstantDecay([10], [0.1, 0.2])
    assert jax.tree.leaves(schedule) == [10, 0.1, 0.2]
    traces = []

    @jax.jit
    def rate(schedule):
        traces.append(1)
        return schedule(3)

    for other in ([10], [20]):
        rate(PiecewiseConstantDecay(other, [0.1, 0.2]))
    assert len(traces) == 1


def test_double_precision():
    with jax.enable_x64(True):
        rate = ExponentialDecay(0.1, 7, 0.5)(np.int32(3))
        assert rate.dtype == np.float64
        np.testing.assert_allclose(rate, 0.1 * 0.5 ** (3 / 7), rtol=1e-14)


def test_functions_and_own_schedules():
    assert float(FunctionSchedule(lambda step: step * 0.5)(3)) == 1.5

    class Halving(LearningRateSchedule):
        start: float = number(default=0.5)

        def rate(self, step):
            return self.start / 2**step

    assert float(schedules.get("halving")(1)) == 0.25


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ExponentialDecay(0.1, 0, 0.5), "received decay_steps=0; .* above 0"),
        (lambda: CosineDecay(-0.1, 10), "received initial_learning_rate=-0.1"),
        (
            lambda: PiecewiseConstantDecay([1, 2], [0.1, 0.2]),
            "received 2 values for 2 steps; expected one value more than boundaries",
        ),
        (
            lambda: PiecewiseConstantDecay([2, 1], [0.1, 0.2, 0.3]),
            r"received boundaries=\[2, 1\]; expected steps that rise",
        ),
        (lambda: schedules.get("cosine_decey"), "Did you mean 'cosine_decay'"),
    ],
)
def test_values_that_cannot_be_meant(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: PiecewiseConstantDecay([1], ["a", 0.2]), "received values=.*'a'"),
        (lambda: FunctionSchedule(lambda: 0.1), "learning_rate: .* of the step"),
        (lambda: FunctionSchedule("f"), "learning_rate: received 'f'"),
    ],
)
def test_settings_of_the_wrong_kind(make, text):
    with pytest.raises(TypeError, match=text):
        make()
