"""Variables: one array that may be read, computed with and replaced."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.variables import Variable, view


def test_a_variable_behaves_as_its_array():
    v = Variable([1.0, 2.0])
    assert (v.shape, v.dtype, v.ndim, v.size, len(v)) == ((2,), "float32", 1, 2, 2)
    np.testing.assert_array_equal(v + 1, [2.0, 3.0])
    np.testing.assert_array_equal(np.ones(2, "float32") - v, [0.0, -1.0])
    np.testing.assert_array_equal(np.asarray(v), [1.0, 2.0])
    assert float(jnp.sum(v)) == float(jax.jit(jnp.sum)(v)) == 3.0
    assert float(v[1]) == 2.0
    v.assign_add([1.0, 1.0]).assign_sub(0.5 * np.ones(2))
    np.testing.assert_array_equal(v.numpy(), [1.5, 2.5])


def test_types_are_those_of_keras():
    import keras

    for value in (1.0, 3, [1.0], np.ones(2), np.arange(3), True):
        assert Variable(value).dtype == keras.Variable(value).dtype, value


@pytest.mark.parametrize(
    ("start", "value", "error", "text"),
    [
        (
            [1.0],
            [1.0, 2.0],
            ValueError,
            r"array of shape \(2,\); expected shape \(1,\)",
        ),
        ([1.0], "a", TypeError, "received 'a'; expected numbers"),
        ([1.0], [1j], TypeError, "complex numbers; expected real ones, float32"),
        ([1], [0.5], TypeError, "fractions; expected whole numbers, int32"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(start, value, error, text):
    v = Variable(start, name="w")
    with pytest.raises(error, match=text):
        v.assign(value)
    np.testing.assert_array_equal(v, start)


def test_an_assignment_inside_a_program_is_refused():
    v = Variable([1.0])

    def step(x):
        v.assign(x)
        return x

    with pytest.raises(TypeError, match="inside a compiled function"):
        jax.jit(step)(jnp.ones(1))


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))]
)
def test_copies_are_their_own(copied):
    v = Variable([1.0])
    copied(v).assign([2.0])
    assert float(v[0]) == 1.0
    layer = onefit.layers.Dense(1).build((None, 2))
    kernel = layer.kernel
    other = copied(layer)
    other.kernel.assign(kernel + 1)
    np.testing.assert_array_equal(layer.kernel, kernel)
    np.testing.assert_array_equal(other.get_weights()[0], kernel + 1)


def test_a_view_reads_and_writes_its_owner():
    owner = {"w": np.zeros(2, "float32")}
    v = view(
        lambda: owner["w"],
        lambda value: owner.update(w=value),
        name="w",
        path="owner/w",
    )
    v.assign([1, 2])
    np.testing.assert_array_equal(owner["w"], [1.0, 2.0])
    owner["w"] = np.ones(2, "float32")
    assert float(jnp.sum(v)) == 2.0
