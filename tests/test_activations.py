"""Activations: numbers by hand, Keras as the oracle, extremes, the contract of all."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import activations
from onefit.activations import activations as registry
from onefit.description import Description

NAMES = [f.__name__ for f in registry.objects()]

# Every activation with its defaults, and those with settings once more with others.
CASES = [
    *[(name, {}) for name in NAMES if name != "threshold"],
    ("threshold", {"threshold": 0.5, "default_value": -1.0}),
    ("relu", {"negative_slope": 0.1}),
    ("relu", {"max_value": 4.0}),
    ("relu", {"threshold": 1.5}),
    ("relu", {"negative_slope": 0.1, "max_value": 4.0, "threshold": 1.5}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("elu", {"alpha": 0.5}),
    ("celu", {"alpha": 2.0}),
    ("gelu", {"approximate": True}),
    ("soft_shrink", {"threshold": 1.25}),
    ("hard_shrink", {"threshold": 1.25}),
    ("squareplus", {"b": 1.0}),
    ("softmax", {"axis": 0}),
    ("log_softmax", {"axis": 0}),
    ("sparsemax", {"axis": 0}),
    ("glu", {"axis": 0}),
]
IDS = [f"{name}-{'-'.join(map(str, kwargs))}".rstrip("-") for name, kwargs in CASES]

GRID = np.random.default_rng(0).permutation(np.linspace(-7.03, 7.11, 48)).reshape(6, 8)


# Compiled once and run a few times: optimizing its machine code would not pay.
jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": "0"}
)


@functools.cache
def values_and_gradients(module):
    """All cases in one program: each value, and the gradient of a weighted sum."""

    def of(x, name, kwargs):
        def weighted(x):
            y = getattr(module, name)(x, **kwargs)
            return jnp.sum(y * jnp.cos(jnp.arange(y.size)).reshape(y.shape)), y

        gradient, y = jax.grad(weighted, has_aux=True)(x)
        return y, gradient

    return jit(lambda x: [of(x, *case) for case in CASES])


@functools.cache
def compared(dtype):
    import keras

    with jax.enable_x64(dtype == "float64"):
        x = jnp.asarray(GRID, dtype)
        ours = values_and_gradients(activations)(x)
        theirs = values_and_gradients(keras.activations)(x)
        return jax.tree.map(np.asarray, (ours, theirs))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_equals_keras(case, dtype):
    if CASES[case][0] == "sparsemax":
        pytest.skip("Keras' values do not sum to 1; see test_sparsemax")
    (y, dy), (y_keras, dy_keras) = (results[case] for results in compared(dtype))
    assert y.dtype == dy.dtype == dtype
    # Keras computes tanh of float64 in float32.
    exact = dtype == "float64" and CASES[case][0] != "tanh"
    tolerance = 1e-11 if exact else 1e-5
    np.testing.assert_allclose(y, y_keras, tolerance, tolerance)
    np.testing.assert_allclose(dy, dy_keras, tolerance, tolerance)


def test_every_name_of_keras_is_here():
    import keras
    from keras.src.activations import ALL_OBJECTS_DICT

    public = {name for name in dir(keras.activations) if not name.startswith("_")}
    ours = {"Facts", "facts_of", "states"}
    assert public == set(activations.__all__) - ours
    assert len(public) == 35
    assert set(ALL_OBJECTS_DICT) == set(registry.names())
    for name, theirs in ALL_OBJECTS_DICT.items():
        ours = activations.get(name)
        assert ours.__name__ == theirs.__name__
        assert str(inspect.signature(ours).parameters.keys()) == str(
            inspect.signature(theirs).parameters.keys()
        )
        for a, b in zip(
            inspect.signature(ours).parameters.values(),
            inspect.signature(theirs).parameters.values(),
            strict=True,
        ):
            assert a.default == b.default, (name, a)


# The contract of every activation -----------------------------------------------------


BY_ROW = CASES[: len(NAMES)]


@functools.cache
def contract():
    """Eager, in a program, mapped over rows, and row by row."""
    x = jnp.asarray(GRID[:2], "float32")

    @jit
    def program(x):
        def ways(name, kwargs):
            def function(row):
                return activations.get(name)(row, **kwargs)

            rows = jnp.stack([function(row) for row in x])
            return function(x), jax.vmap(function)(x), rows

        return [ways(*case) for case in BY_ROW]

    eager = [activations.get(name)(x, **kwargs) for name, kwargs in BY_ROW]
    return eager, program(x)


@pytest.mark.parametrize("case", range(len(BY_ROW)))
def test_jit_is_eager_and_vmap_is_a_loop(case):
    eager, programs = contract()
    for way in programs[case]:
        np.testing.assert_allclose(eager[case], way, 2e-6, 2e-6)


@pytest.mark.parametrize("name", registry.names())
def test_by_name_and_back(name):
    function = activations.get(name)
    assert activations.get(function) is function
    assert activations.get({"class_name": name, "config": {}}) is function
    assert activations.get(activations.serialize(function)) is function
    assert activations.deserialize({"class_name": "function", "config": name}) is (
        function
    )
    assert function.__doc__
    assert ">>>" in function.__doc__


# Extremes -----------------------------------------------------------------------------


EXTREMES = [-1e4, -300.0, -20.0, -1.0, -1e-3, 0.0, 1e-3, 1.0, 20.0, 300.0, 1e4, 1e4]
EXTREMES = np.reshape(EXTREMES * 4, GRID.shape)


@functools.cache
def at_extremes(dtype):
    with jax.enable_x64(dtype == "float64"):
        results = values_and_gradients(activations)(jnp.asarray(EXTREMES, dtype))
        return jax.tree.map(np.asarray, results)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", range(len(CASES)), ids=IDS)
def test_values_and_gradients_are_finite(case, dtype):
    if CASES[case][0] == "exponential":
        pytest.skip("e^10000 is infinite")
    y, gradient = at_extremes(dtype)[case]
    assert np.isfinite(y).all()
    assert np.isfinite(gradient).all()


def test_extreme_values():
    np.testing.assert_array_equal(activations.sigmoid([-1e4, 1e4]), [0, 1])
    np.testing.assert_array_equal(activations.log_sigmoid([-1e4, 1e4]), [-1e4, 0])
    np.testing.assert_array_equal(activations.softplus([-1e4, 1e4]), [0, 1e4])
    np.testing.assert_array_equal(activations.softmax([-1e4, 1e4]), [0, 1])
    np.testing.assert_array_equal(activations.log_softmax([-1e4, 1e4]), [-2e4, 0])
    np.testing.assert_array_equal(activations.sparsemax([-1e4, 1e4]), [0, 1])


def test_squareplus_keeps_its_digits():
    """For z << 0 it is about b / (4|z|): 1e-4 at -1e4, where Keras gives 0."""
    x = np.array([-1e4, -300.0, -1.0, 0.0, 2.0])
    exact = 2.0 / (np.sqrt(x * x + 4) - x)
    np.testing.assert_allclose(activations.squareplus(x), exact, 1e-6)


MEETINGS = [
    ("relu", 0.0, 0.0),
    ("relu6", 0.0, 0.0),
    ("relu6", 6.0, 0.0),
    ("leaky_relu", 0.0, 1.0),
    ("elu", 0.0, 1.0),
    ("celu", 0.0, 1.0),
    ("hard_sigmoid", -3.0, 0.0),
    ("sparse_sigmoid", 1.0, 0.0),
    ("soft_shrink", 0.5, 0.0),
    ("softsign", 0.0, 1.0),
    ("softplus", 0.0, 0.5),
    ("squareplus", 0.0, 0.5),
]


def test_slope_where_the_pieces_meet():
    at = {f"{name} at {x}": slope for name, x, slope in MEETINGS}
    slopes = jit(lambda: [jax.grad(activations.get(n))(x) for n, x, _ in MEETINGS])()
    assert dict(zip(at, map(float, slopes), strict=True)) == pytest.approx(at)


# What the lectures say ----------------------------------------------------------------


def test_tanh_is_a_moved_sigmoid():
    z = np.linspace(-3, 3, 7)
    moved = 2 * activations.sigmoid(2 * z) - 1
    np.testing.assert_allclose(activations.tanh(z), moved, 1e-6, 1e-6)


def test_the_lectures_piecewise_network():
    """relu(x) + relu(x-1) - relu(x-2) - relu(x-3) is 0, 1, 3, 4, 4 at 0, 1, 2, 3, 9."""
    x = np.array([0.0, 1.0, 2.0, 3.0, 9.0])
    relu = activations.relu
    y = relu(x) + relu(x - 1) - relu(x - 2) - relu(x - 3)
    np.testing.assert_array_equal(y, [0, 1, 3, 4, 4])


def test_softmax_ignores_a_shift_and_shares_equally():
    z = np.array([[1.0, 2.0, 4.0]], "float32")
    shifted = activations.softmax(z + 1024)
    np.testing.assert_allclose(activations.softmax(z), shifted, 1e-6)
    np.testing.assert_allclose(activations.softmax(np.zeros(5)), np.full(5, 0.2), 1e-6)


@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_elu_is_smooth_for_alpha_one_alone(alpha):
    slope = jit(jax.vmap(jax.grad(lambda z: activations.elu(z, alpha))))
    left, right = slope(jnp.array([-1e-6, 1e-6]))
    assert float(right) - float(left) == pytest.approx(1 - alpha, abs=1e-4)


def test_sparsemax():
    """Of (1, 2, 2.5) the last two stay, tau = (4.5 - 1)/2 = 1.75; ties share.

    Keras takes the sum of the running sums for the sum of those that stay, and gives
    (0, 0, 0) here.
    """

    @jit
    def jacobian(z):
        return jax.jacobian(activations.sparsemax)(z)

    np.testing.assert_allclose(activations.sparsemax([1.0, 2, 2.5]), [0, 0.25, 0.75])
    np.testing.assert_allclose(activations.sparsemax([3.0, 3, 0]), [0.5, 0.5, 0])
    half = [[0, 0, 0], [0, 0.5, -0.5], [0, -0.5, 0.5]]  # 1 - 1/2 among those that stay
    np.testing.assert_allclose(jacobian(jnp.array([1.0, 2, 2.5])), half, atol=1e-6)


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    """So z - p is one number wherever p > 0, and no more than that elsewhere."""
    p, z = np.asarray(activations.sparsemax(GRID / 4)), GRID / 4
    np.testing.assert_allclose(p.sum(-1), 1, 1e-6)
    tau = np.max(z - p, axis=-1, keepdims=True)
    np.testing.assert_allclose(np.where(p > 0, z - p, tau), tau + 0 * z, 1e-5, 1e-6)
    assert (p >= 0).all()
    assert (p > 0).sum(-1).max() > 2


def test_relu_differs_from_keras_below_a_negative_threshold():
    """As its formula says: z above the threshold is kept, 0 or not."""
    y = activations.relu([-2.0, -0.5, 9.0], max_value=4.0, threshold=-1.0)
    np.testing.assert_array_equal(y, [0, -0.5, 4])


# What they take -----------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("linear", "threshold")])
def test_whole_numbers_become_floats(name):
    assert activations.get(name)(np.array([1, 2])).dtype == "float32"


def test_settings_may_be_arrays():
    x = jnp.array([-2.0, 3.0])
    slopes = jnp.array([0.0, 0.5])
    y = jax.vmap(lambda slope: activations.relu(x, slope))(slopes)
    np.testing.assert_array_equal(y, [[0, 3], [-1, 3]])
    np.testing.assert_array_equal(activations.leaky_relu(x, slopes), [0, 3])
    np.testing.assert_array_equal(activations.relu(x, np.float32(0.5)), [-1, 3])


def test_a_slope_of_zero_is_left_out():
    """So that what is infinite does not become 0 · inf."""
    y = activations.relu([-np.inf, 1.0], negative_slope=0.0, max_value=4.0)
    np.testing.assert_array_equal(y, [0, 1])


def test_nothing_and_functions_and_descriptions():
    def mine(x):
        return x * 2

    class Twice(Description):
        factor: float = 2.0

        def __call__(self, x):
            return self.factor * x

    assert activations.get(None) is activations.linear
    assert activations.get(mine) is mine
    assert activations.get(Twice)(3.0) == 6.0
    assert activations.serialize(mine) == "mine"
    assert activations.serialize(Twice()) == {
        "class_name": "Twice",
        "config": {"factor": 2.0},
    }


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (
            lambda: activations.get("rleu"),
            ValueError,
            "Unknown activation 'rleu'. Did you mean 'relu' or",
        ),
        (
            lambda: activations.get("ReLU"),
            ValueError,
            "Unknown activation 'ReLU'. Did you mean 'relu' or",
        ),
        (
            lambda: activations.get(3),
            TypeError,
            "activation: received 3; expected a name, a config or an object.",
        ),
        (
            lambda: activations.serialize(lambda x: x),
            TypeError,
            "expected an activation with a name. Write it as a function: def my_",
        ),
        (
            lambda: activations.softmax(1.0),
            ValueError,
            "softmax: received axis=-1 for an input of shape (); expected an axis of "
            "the input. Give it an array with the classes on its last axis.",
        ),
        (
            lambda: activations.sparsemax([1.0], axis=1),
            ValueError,
            "sparsemax: received axis=1 for an input of shape (1,); expected an axis",
        ),
        (
            lambda: activations.glu([1.0, 2.0, 3.0]),
            ValueError,
            "glu: received 3 values along axis -1 of shape (3,); expected an even "
            "number, to halve. Give the layer before it twice the units.",
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)
