"""Constraints: numbers by hand, Keras as the oracle, the contract of all."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import constraints
from onefit.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from onefit.constraints import constraints as registry

W = np.random.default_rng(0).normal(size=(4, 3)) * [0.2, 1.0, 3.0]

CASES = [
    MaxNorm(),
    MaxNorm(1.0, axis=1),
    MaxNorm(1.0, axis=[0, 1]),
    MinMaxNorm(),
    MinMaxNorm(0.7, 1.5, rate=0.25),
    MinMaxNorm(0.7, 1.5, axis=1),
    NonNeg(),
    UnitNorm(),
    UnitNorm(axis=1),
]
EACH = pytest.mark.parametrize("constraint", CASES, ids=repr)
INDEX = pytest.mark.parametrize("index", range(len(CASES)), ids=map(repr, CASES))


def test_by_hand():
    """The columns (3, 4) and (0.3, 0.4) have the norms 5 and 0.5."""
    w = np.array([[3.0, 0.3], [4.0, 0.4]])
    np.testing.assert_allclose(MaxNorm(2)(w), [[1.2, 0.3], [1.6, 0.4]], 1e-6)
    np.testing.assert_allclose(UnitNorm()(w), [[0.6, 0.6], [0.8, 0.8]], 1e-6)
    # Half way from 5 to 2, and from 0.5 to 1: 3.5 and 0.75.
    half = MinMaxNorm(1.0, 2.0, rate=0.5)(w)
    np.testing.assert_allclose(half, [[2.1, 0.45], [2.8, 0.6]], 1e-6)
    np.testing.assert_array_equal(NonNeg()([-1.0, 0.0, 2.0]), [0, 0, 2])


@functools.cache
def compared(dtype):
    """All cases in one program: what they and Keras' give."""
    import keras

    pairs = [(c, keras.constraints.get(constraints.serialize(c))) for c in CASES]
    with jax.enable_x64(dtype == "float64"):
        w = jnp.asarray(W, dtype)
        program = jax.jit(lambda w: [(ours(w), theirs(w)) for ours, theirs in pairs])
        return jax.tree.map(np.asarray, program(w))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@INDEX
def test_equals_keras(index, dtype):
    """Up to the 1e-7 that Keras adds to norms."""
    ours, theirs = compared(dtype)[index]
    assert ours.dtype == dtype
    np.testing.assert_allclose(ours, theirs, 1e-6)


def test_what_is_allowed_stays_as_it_is():
    """Bit for bit; Keras shrinks it a little at every step."""
    w = jnp.asarray(W / 100, "float32")
    np.testing.assert_array_equal(MaxNorm(1.0)(w), w)
    np.testing.assert_array_equal(NonNeg()(abs(w)), abs(w))


@EACH
def test_zeros_stay_zeros(constraint):
    np.testing.assert_array_equal(constraint(np.zeros((4, 3))), np.zeros((4, 3)))


def test_a_bound_of_zero():
    np.testing.assert_array_equal(MaxNorm(0)(W), 0 * W)


def test_convolution_kernels():
    """Each filter of a kernel (height, width, channels, filters) by itself."""
    w = np.random.default_rng(1).normal(size=(3, 3, 2, 4))
    norms = np.sqrt(np.sum(np.square(MaxNorm(1.0, axis=(0, 1, 2))(w)), (0, 1, 2)))
    np.testing.assert_allclose(norms, np.ones(4), 1e-6)


# The contract of every constraint


@functools.cache
def contract():
    """All cases in one program: mapped over arrays, and array by array."""

    @jax.jit
    def ways(cases, ws):
        return [
            (jax.vmap(rule)(ws), jnp.stack([rule(w) for w in ws])) for rule in cases
        ]

    return ways(CASES, jnp.asarray([W, 2 * W - 1], "float32"))


@INDEX
def test_jit_is_eager_and_vmap_is_a_loop(index):
    mapped, looped = contract()[index]
    np.testing.assert_allclose(mapped, looped, 1e-6)
    np.testing.assert_allclose(mapped[0], CASES[index](W.astype("float32")), 1e-6)


@EACH
def test_config_and_back(constraint):
    config = constraint.get_config()
    assert type(constraint).from_config(config).get_config() == config
    named = constraints.get(constraints.serialize(constraint))
    assert type(named) is type(constraint)
    assert named.get_config() == config


def test_every_name():
    import keras
    from keras.src.constraints import ALL_OBJECTS_DICT

    for name, theirs in ALL_OBJECTS_DICT.items():
        if theirs is not keras.constraints.Constraint:
            ours = constraints.get(name)
            assert type(ours).__name__ == theirs.__name__
            assert ours.get_config() == theirs().get_config()
    public = {name for name in dir(keras.constraints) if name[0] != "_"}
    assert public == set(constraints.__all__)
    assert {type(rule) for rule in CASES} <= set(registry.objects())


def test_bounds_are_numbers_of_the_program():
    w = jnp.asarray(W, "float32")
    bounds = jnp.array([0.5, 1.0])
    many = jax.vmap(lambda rule: rule(w))(MaxNorm(bounds))
    np.testing.assert_allclose(many[0], MaxNorm(0.5)(w), 1e-6)
    np.testing.assert_allclose(many[1], MaxNorm(1.0)(w), 1e-6)


def test_functions_are_constraints():
    def mine(w):
        return w - jnp.mean(w)

    assert constraints.get(mine) is mine
    assert constraints.get(None) is None


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: constraints.get("maxnorm"),
            ValueError,
            "Unknown constraint 'maxnorm'. Did you mean 'MaxNorm' or",
        ),
        (
            lambda: MaxNorm(-1.0),
            ValueError,
            "MaxNorm: received max_value=-1.0; expected a number at least 0.",
        ),
        (
            lambda: MinMaxNorm(2.0, 1.0),
            ValueError,
            "MinMaxNorm: received min_value=2.0 and max_value=1.0; expected min_value "
            "of at most max_value.",
        ),
        (
            lambda: MinMaxNorm(rate=2.0),
            ValueError,
            "MinMaxNorm: received rate=2.0; expected a number at least 0 and at most 1",
        ),
        (
            lambda: Constraint()([1.0]),
            NotImplementedError,
            "Constraint has no project method",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
