"""Embedding and Masking: numbers by hand, ids that are refused, masks, gradients."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.layers import Embedding, Masking, ReversibleEmbedding

TABLE = np.array([[0, 0], [1, 2], [3, 4], [5, 6]], "float32")


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


def test_a_row_for_each_id():
    layer = Embedding(4, 2, weights=[TABLE])
    np.testing.assert_array_equal(
        layer(np.array([[2, 0], [1, 1]])), TABLE[[[2, 0], [1, 1]]]
    )
    np.testing.assert_array_equal(layer.get_weights()[0], TABLE)
    assert "weights" not in layer.get_config()
    assert layer.get_config()["input_dim"] == 4


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "bool"])
def test_ids_of_any_type_that_is_whole(dtype):
    layer = Embedding(4, 2, weights=TABLE)
    ids = np.array([[1, 0]]).astype(dtype)
    np.testing.assert_array_equal(layer(ids), TABLE[[[1, 0]]])
    np.testing.assert_array_equal(layer(jnp.asarray(ids)), TABLE[[[1, 0]]])


def test_the_gradient_counts_every_use_of_a_row():
    layer = Embedding(4, 2)
    ids = np.array([[1, 1, 3]])

    def total(table):
        y, _ = layer.apply({"embeddings": table}, {}, ids)
        return jnp.sum(y * np.array([[[1.0, 2.0], [10.0, 20.0], [5.0, 5.0]]]))

    gradient = jax.grad(total)(TABLE)
    np.testing.assert_array_equal(gradient, [[0, 0], [11, 22], [0, 0], [5, 5]])


def test_it_is_a_dense_layer_on_one_hot_vectors():
    ids = np.random.default_rng(0).integers(0, 4, (5, 3))
    np.testing.assert_array_equal(
        Embedding(4, 2, weights=TABLE)(ids), np.eye(4, dtype="float32")[ids] @ TABLE
    )


def test_padding_is_masked_and_looked_up_all_the_same():
    layer = Embedding(4, 2, mask_zero=True)
    ids = np.array([[1, 0], [0, 3]])
    np.testing.assert_array_equal(layer.compute_mask(ids, None), [[1, 0], [0, 1]])
    assert Embedding(4, 2).compute_mask(ids, None) is None


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        (
            [[1, 4], [9, 0]],
            "Embedding 'words': received the id 4 at [0, 1]; expected whole numbers "
            "from 0 to 3 (input_dim=4). Write Embedding(10, ...), or one id for all "
            "rare words.",
        ),
        ([[0, -1]], "received the id -1 at [0, 1]"),
        ([[0, -1]], "Pad with 0 and write mask_zero=True."),
        ([[0.0, 1.5]], "received the id 1.5 at [0, 1]; expected whole numbers"),
        ([[np.nan, 1.0]], "received the id nan at [0, 0]"),
        ([[1.0, np.inf]], "received the id inf at [0, 1]"),
    ],
)
def test_ids_outside_the_vocabulary_are_refused(ids, text):
    layer = Embedding(4, 2, name="words")
    for x in (np.array(ids), jnp.asarray(ids)):
        with refuses(text):
            layer(x)
        with refuses(text):
            layer.check_input(x)


def test_no_ids_are_no_fault():
    assert Embedding(4, 2)(np.zeros((0, 3), "int32")).shape == (0, 3, 2)


def test_inside_a_program_ids_are_clamped():
    layer = Embedding(4, 2, weights=TABLE)
    y = jax.jit(layer)(np.array([[-1, 7]]))
    np.testing.assert_array_equal(y, TABLE[[[0, 3]]])


def test_its_input_dim_is_no_shape_of_a_model():
    model = onefit.Sequential([Embedding(4, 2)])
    assert model(np.array([[1, 2, 3]])).shape == (1, 3, 2)
    told = onefit.Sequential([Embedding(4, 2, input_length=5)])
    assert told.output_shape == (None, 5, 2)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"input_dim": 0, "output_dim": 2}, "Embedding: received input_dim=0;"),
        ({"input_dim": 3, "output_dim": 2.0}, "Embedding: received output_dim=2.0;"),
        (
            {"input_dim": 3, "output_dim": 2, "weights": TABLE},
            "received embeddings of shape (4, 2); expected shape (3, 2)",
        ),
    ],
)
def test_settings_that_are_refused(settings, text):
    with refuses(text):
        Embedding(**settings)


# Reversible ---------------------------------------------------------------------------


def test_the_way_back_is_the_product_with_the_same_table():
    layer = ReversibleEmbedding(4, 2, mask_zero=True).build((None, None))
    layer.set_weights([TABLE])
    h = np.array([[[1.0, -1.0]]])
    np.testing.assert_array_equal(layer(h, reverse=True), h @ TABLE.T)
    assert layer.compute_mask(h, None) is None
    with refuses("received the id 7 at [0]"):
        layer(np.array([7]))
    with refuses(
        "received input of shape (None, 1, 3) and reverse=True; expected "
        "vectors of size 2"
    ):
        layer(np.ones((1, 1, 3)), reverse=True)


def test_a_model_that_goes_there_and_back():
    layer = ReversibleEmbedding(4, 2)
    ids = onefit.Input((3,), dtype="int32")
    model = onefit.Model(ids, layer(layer(ids), reverse=True))
    assert model.output_shape == (None, 3, 4)
    table = layer.get_weights()[0]
    x = np.array([[1, 2, 3]], "int32")
    np.testing.assert_allclose(model(x), table[x] @ table.T, rtol=1e-5, atol=1e-7)


# Masking ------------------------------------------------------------------------------


def test_steps_of_nothing_but_the_value_are_masked():
    x = np.array([[[1.0, 0.0], [0.0, 0.0], [-1.0, 5.0]]], "float32")
    np.testing.assert_array_equal(Masking().compute_mask(x, None), [[1, 0, 1]])
    several = Masking(mask_value=[-1.0, 5.0])
    np.testing.assert_array_equal(several.compute_mask(x, None), [[1, 1, 0]])
    np.testing.assert_array_equal(several(x)[0, 2], [0, 0])
    assert several.get_config()["mask_value"] == [-1.0, 5.0]


def test_a_population_may_mask_different_values():
    x = np.array([[[1.0], [2.0]]], "float32")

    @jax.vmap
    def masks(value):
        return Masking(value).compute_mask(x, None)

    np.testing.assert_array_equal(masks(jnp.array([1.0, 2.0])), [[[0, 1]], [[1, 0]]])
