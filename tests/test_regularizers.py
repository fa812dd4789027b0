"""Regularizers: numbers by hand, Keras as the oracle, the contract of all."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import regularizers
from onefit.programs import compilations
from onefit.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer
from onefit.regularizers import regularizers as registry

W = np.random.default_rng(0).normal(size=(4, 3))

CASES = [
    L1(),
    L1(0.3),
    L2(),
    L2(0.3),
    L1L2(),
    L1L2(0.2, 0.3),
    L1L2(l2=0.3),
    OrthogonalRegularizer(),
    OrthogonalRegularizer(0.5, mode="columns"),
]
EACH = pytest.mark.parametrize("regularizer", CASES, ids=repr)
INDEX = pytest.mark.parametrize("index", range(len(CASES)), ids=map(repr, CASES))


def test_by_hand():
    """For w = (1, -2): sum |w| is 3 and sum w² is 5."""
    w = [1.0, -2.0]
    assert float(L1(0.1)(w)) == pytest.approx(0.3)
    assert float(L2(0.1)(w)) == pytest.approx(0.5)
    assert float(L1L2(0.1, 0.2)(w)) == pytest.approx(0.3 + 1.0)


def test_orthogonal_by_hand():
    """Rows (1, 0), (1, 1), (0, 2) have cosines √½, 0 and √½: their mean is √2/3."""
    w = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    expected = 0.1 * np.sqrt(2) / 3
    assert float(OrthogonalRegularizer(0.1)(w)) == pytest.approx(expected)
    columns = OrthogonalRegularizer(0.1, mode="columns")
    assert float(columns(w.T)) == pytest.approx(expected)
    assert float(columns(w.T * 7)) == pytest.approx(expected)  # lengths do not matter


@functools.cache
def compared(dtype):
    """All cases in one program: what they and Keras' give, with gradients."""
    import keras

    pairs = [(c, keras.regularizers.get(regularizers.serialize(c))) for c in CASES]
    with jax.enable_x64(dtype == "float64"):
        w = jnp.asarray(W, dtype)
        program = jax.jit(
            lambda w: [
                (jax.value_and_grad(ours)(w), jax.value_and_grad(theirs)(w))
                for ours, theirs in pairs
            ]
        )
        return jax.tree.map(np.asarray, program(w))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@INDEX
def test_equals_keras(index, dtype):
    (y, gradient), (y_keras, gradient_keras) = compared(dtype)[index]
    # Keras' factors and losses are float32.
    np.testing.assert_allclose(y, y_keras, 1e-6)
    np.testing.assert_allclose(gradient, gradient_keras, 1e-5, 1e-7)
    assert gradient.dtype == dtype


def test_gradients_in_float64():
    """Against central differences; of lambda w² it is 2 lambda w."""
    with jax.enable_x64(True):
        rule, w, step = OrthogonalRegularizer(0.5), jnp.asarray(W), 1e-6
        moves = step * jnp.eye(W.size).reshape(-1, *W.shape)
        both = jax.vmap(lambda move: rule(w + move) - rule(w - move))(moves)
        np.testing.assert_allclose(
            jax.grad(rule)(w).ravel(), both / (2 * step), 1e-6, 1e-8
        )
        np.testing.assert_allclose(jax.grad(L2(0.3))(w), 0.6 * W, 1e-12)


def test_gradients_at_zero_are_zero():
    """So that a weight of 0 stays there; the slope of Keras' |w| is 1 at 0."""
    gradients = jax.jit(lambda w: [jax.grad(rule)(w) for rule in CASES])
    for gradient in gradients(jnp.zeros((4, 3))):
        np.testing.assert_array_equal(gradient, np.zeros((4, 3)))


def test_one_row_has_no_pairs():
    assert float(OrthogonalRegularizer(0.5)([[1.0, 2.0]])) == 0.0


# The contract of every regularizer


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
def test_config_and_back(regularizer):
    config = regularizer.get_config()
    again = type(regularizer).from_config(config)
    assert again.get_config() == config
    named = regularizers.get(regularizers.serialize(regularizer))
    assert type(named) is type(regularizer)
    assert named.get_config() == config


def test_every_name():
    import keras
    from keras.src.regularizers import ALL_OBJECTS_DICT

    for name, theirs in ALL_OBJECTS_DICT.items():
        if theirs is not keras.regularizers.Regularizer:
            ours = regularizers.get(name)
            assert type(ours).__name__ == theirs.__name__
            assert ours.get_config() == pytest.approx(theirs().get_config())
    public = {name for name in dir(keras.regularizers) if name[0] != "_"}
    assert public == set(regularizers.__all__)
    for name in ["l1", "l2", "l1_l2", "L1L2", "orthogonal"]:
        assert isinstance(regularizers.get(name), Regularizer)
    assert regularizers.l2(0.1).l2 == 0.1
    assert {type(rule) for rule in CASES} <= set(registry.objects())


def test_a_factor_is_a_number_of_the_program():
    w = jnp.asarray(W, "float32")
    L2(0.1)(w)
    known = compilations()
    assert float(L2(0.2)(w)) == pytest.approx(2 * float(L2(0.1)(w)))
    assert compilations() == known
    factors = jnp.array([0.1, 0.2])
    many = jax.vmap(lambda rule: rule(w))(L2(factors))
    np.testing.assert_allclose(many, factors * np.sum(W**2), 1e-6)


def test_functions_are_regularizers():
    def mine(w):
        return jnp.sum(w**4)

    assert regularizers.get(mine) is mine
    assert regularizers.get(None) is None


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: regularizers.get("l3"),
            ValueError,
            "Unknown regularizer 'l3'. Known: L1, L1L2, L2,",
        ),
        (
            lambda: L2(-0.1),
            ValueError,
            "L2: received l2=-0.1; expected a number at least 0 and below inf.",
        ),
        (
            lambda: L1(float("nan")),
            ValueError,
            "L1: received l1=nan; expected a number at least 0 and below inf.",
        ),
        (lambda: L1("0.1"), TypeError, "L1: received l1='0.1'; expected a number."),
        (
            lambda: OrthogonalRegularizer(mode="row"),
            ValueError,
            "Unknown mode of OrthogonalRegularizer 'row'. Did you mean 'rows'?",
        ),
        (
            lambda: OrthogonalRegularizer()([1.0, 2.0]),
            ValueError,
            "OrthogonalRegularizer: received an array of shape (2,); expected a "
            "matrix. Use it on the kernel of a Dense layer, not on a bias.",
        ),
        (
            lambda: Regularizer()([1.0]),
            NotImplementedError,
            "Regularizer has no penalty method",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
