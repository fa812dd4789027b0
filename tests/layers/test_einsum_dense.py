"""EinsumDense: numbers by hand, the flat product, equations that are refused."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit.layers import Dense, EinsumDense
from onefit.layers.dense import project


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


def test_a_sum_over_the_shared_axes():
    layer = EinsumDense("abc,bcd->ad", output_shape=1, kernel_initializer="ones")
    x = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(layer(x), [[6.0], [22.0]])


def test_it_is_dense_where_the_equation_is():
    x = np.random.default_rng(0).normal(size=(4, 2, 3)).astype("float32")
    dense = Dense(5, activation="tanh")
    expected = dense(x)
    layer = EinsumDense("...x,xy->...y", 5, activation="tanh", bias_axes="y")
    layer.build((None, 2, 3))
    layer.set_weights(dense.get_weights())
    np.testing.assert_allclose(layer(x), expected, rtol=1e-6)


@pytest.mark.parametrize(("axes", "equation"), [(1, "abc,cd->abd"), (2, "abc,bcd->ad")])
def test_the_flat_product_is_the_equation(axes, equation):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(4, 2, 3))
    w = rng.normal(size=(2, 3, 5)[2 - axes :])
    with jax.enable_x64(True):
        one, back = jax.vjp(lambda x, w: project(x, w, axes), x, w)
        other, back_ = jax.vjp(lambda x, w: jnp.einsum(equation, x, w), x, w)
        np.testing.assert_allclose(one, other)
        for a, b in zip(back(one), back_(one), strict=True):
            np.testing.assert_allclose(a, b)


def test_kernels_start_by_their_own_fans():
    """Inputs 400, units 10 · 10: not the fans of the last two axes."""
    layer = EinsumDense("ab,bcd->acd", (10, 10), kernel_initializer="he_normal")
    kernel = layer.build((None, 400)).get_weights()[0]
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 400), rtol=0.03)


def test_the_setting_and_the_method_share_a_name():
    layer = EinsumDense(equation="ab,bc->ac", output_shape=[4])
    assert layer.output_shape((None, 3)) == (None, 4)
    assert layer.get_config()["output_shape"] == (4,)
    assert "output_shape=(4,)" in repr(layer)
    assert layer.replace(output_shape=5).output_shape((None, 3)) == (None, 5)
    assert EinsumDense.from_config(layer.get_config()).partial_output_shape == (4,)


@pytest.mark.parametrize(
    ("equation", "fault"),
    [
        ("ab bc->ac", "which has another form"),
        (3, "which has another form"),
        ("aab,bc->ac", "with a letter twice in 'aab'"),
        ("ab,bc->acd", "where 'd' is in one term only"),
        ("ab,bcd->ac", "where 'd' is in one term only"),
        ("...ab,bc->ac...", "with '...' at different places"),
        ("ab,bc->ca", "which moves the batch, 'a'"),
    ],
)
def test_equations_that_are_refused(equation, fault):
    with refuses(
        f"EinsumDense: received equation={equation!r}, {fault}; expected "
        "input,kernel->output, such as 'ab,bc->ac'"
    ):
        EinsumDense(equation, 4)


@pytest.mark.parametrize(
    ("settings", "shape", "expected"),
    [
        (("abc,cd->abd", (None, 4)), (None, 3), "expected 3 axes, for 'abc'"),
        (("abc...,cd->abd...", (2, 4)), (None, 3), "3 axes or more, for 'abc'"),
        (("abc,cd->abd", 4), (None, 3, 5), "expected a size for each of 'bd'"),
        (("abc,cd->abd", (2, 4)), (None, 3, 5), "expected one size for 'b'"),
        (("abc,cd->abd", (None, None)), (None, 3, 5), "a known size for 'd'"),
        (("abc,bcd->abd", (None, 4)), (None, None, 5), "a known size for 'b'"),
    ],
)
def test_inputs_that_do_not_fit_the_equation(settings, shape, expected):
    layer = EinsumDense(*settings)
    with refuses(
        f"EinsumDense 'einsum_dense': received input of shape {shape} and "
        f"output_shape={layer.partial_output_shape} for "
    ):
        layer.output_shape(shape)
    with refuses(expected):
        layer.build(shape)


def test_other_faults():
    with refuses(
        "EinsumDense: received bias_axes='b'; expected letters of the "
        "output, 'ac'. Write bias_axes='c'"
    ):
        EinsumDense("ab,bc->ac", 4, bias_axes="b")
    with refuses("output_shape: received (4, 0); expected positive whole", TypeError):
        EinsumDense("ab,bcd->acd", (4, 0))
    layer = EinsumDense("ab,bc->ac", 4).build((None, 3))
    with refuses(
        "for a kernel of shape (5, 4); expected one for its kernel of shape (3, 4)"
    ):
        layer(np.ones((2, 5)))
