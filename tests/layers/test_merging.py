"""Merging layers: numbers by hand, masks as Keras computes them, error texts."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit.layers import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)

A = np.array([[1.0, 2.0], [3.0, 4.0]], "float32")
B = np.array([[10.0, -20.0], [30.0, 4.0]], "float32")


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# Numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Add(), [[11, -18], [33, 8]]),
        (Subtract(), [[-9, 22], [-27, 0]]),
        (Multiply(), [[10, -40], [90, 16]]),
        (Average(), [[5.5, -9], [16.5, 4]]),
        (Maximum(), [[10, 2], [30, 4]]),
        (Minimum(), [[1, -20], [3, 4]]),
        (Concatenate(), [[1, 2, 10, -20], [3, 4, 30, 4]]),
        (Concatenate(axis=0), [[1, 2], [3, 4], [10, -20], [30, 4]]),
        (Dot(axes=1), [[-30], [106]]),
    ],
    ids=lambda v: type(v).__name__,
)
def test_numbers_by_hand(layer, expected):
    np.testing.assert_array_equal(layer([A, B]), np.array(expected, "float32"))


def test_dot_leaves_the_other_axes_of_both():
    x = np.arange(12.0).reshape(2, 2, 3)
    y = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_allclose(Dot(axes=(2, 1))([x, y]), x @ y)


def test_normalized_dot_is_the_cosine_and_knows_zero():
    layer = Dot(axes=1, normalize=True)
    x = np.array([[3.0, 4.0], [0.0, 0.0]], "float32")
    y = np.array([[4.0, 3.0], [1.0, 1.0]], "float32")
    np.testing.assert_allclose(layer([x, y]), [[0.96], [0.0]], rtol=1e-6)
    slope = jax.jit(jax.grad(lambda x: layer.apply({}, {}, (x, y))[0].sum()))(x)
    assert np.all(np.isfinite(slope))  # Keras: NaN


# Shapes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        (Add(), [(None, 3), (None, 3)], (None, 3)),
        (Add(), [(None, None, 3), (None, 5, 1)], (None, None, 3)),
        (Add(), [(None, None, 3), (None, None, 3)], (None, None, 3)),
        (Add(), [(None, 3), (8, 5, 1)], (8, 5, 3)),
        (Add(), [(None, 4, 1), (None,)], (None, 4, 1)),
        (Concatenate(axis=1), [(None, 2, 3), (None, None, 3)], (None, None, 3)),
        (Concatenate(), [(None, None, 3), (None, 7, 2)], (None, 7, 5)),
        (Dot(axes=2), [(None, None, 3), (None, 4, 3)], (None, None, 4)),
        (Dot(axes=-1), [(None, 3), (None, None)], (None, 1)),
    ],
    ids=str,
)
def test_open_sizes(layer, shapes, expected):
    assert layer.output_shape(tuple(shapes)) == expected


# Masks --------------------------------------------------------------------------------

TIMES = np.random.default_rng(1).normal(size=(3, 2, 3, 2)).astype("float32")
MASKS = np.array(
    [
        [[True, True, False], [True, False, False]],
        [[True, False, False], [True, True, False]],
        [[False, True, False], [False, False, False]],
    ]
)


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.mark.parametrize("known", [(0, 1, 2), (0, 2), (1,), ()], ids=str)
@pytest.mark.parametrize(
    "merge", [Add, Average, Multiply, Maximum, Minimum, Concatenate]
)
def test_masks_are_those_of_keras(keras, merge, known):
    masks = tuple(m if i in known else None for i, m in enumerate(MASKS))
    y, _, _, mask = merge().forward(
        {}, {}, tuple(TIMES), training=False, key=None, mask=masks
    )
    xs = [jnp.asarray(x) for x in TIMES]
    for x, m in zip(xs, masks, strict=True):
        if m is not None:
            x._keras_mask = jnp.asarray(m)  # pyright: ignore[reportAttributeAccessIssue]
    theirs = getattr(keras.layers, merge.__name__)()
    expected = theirs(xs)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    expected_mask = getattr(expected, "_keras_mask", None)
    assert (mask is None) == (expected_mask is None)
    if mask is not None:
        np.testing.assert_array_equal(mask, expected_mask)


def test_what_one_input_lacks_the_other_stands_for():
    x, y = np.array([[[5.0], [7.0]]]), np.array([[[2.0], [3.0]]])
    masks = (np.array([[False, True]]), np.array([[True, True]]))
    told = {"training": False, "key": None, "mask": masks}
    for layer, expected in [
        (Maximum(), [2.0, 7.0]),
        (Minimum(), [2.0, 3.0]),
        (Multiply(), [2.0, 21.0]),
    ]:
        outcome = layer.forward({}, {}, (x, y), **told)
        np.testing.assert_array_equal(outcome.output.ravel(), expected)
        np.testing.assert_array_equal(outcome.mask, [[True, True]])


def test_a_mask_follows_its_input_through_missing_axes():
    # (batch, 2) beside (batch, time, 2): the first is there at all times, or at none.
    x, y = np.ones((2, 2)), np.full((2, 3, 2), 5.0)
    masks = (np.array([True, False]), np.ones((2, 3), bool))
    outcome = Maximum().forward({}, {}, (x, y), training=False, key=None, mask=masks)
    assert outcome.output.shape == (2, 3, 2)
    assert outcome.mask.shape == (2, 3)
    outcome = Multiply().forward(
        {}, {}, (y, x), training=False, key=None, mask=masks[::-1]
    )
    np.testing.assert_array_equal(outcome.output, y)


def test_concatenating_times_concatenates_masks():
    x, y = np.ones((2, 3, 2, 2)), np.ones((2, 1, 2, 2))
    mask = np.array([[True, False, False], [True, True, False]])
    joined = Concatenate(axis=1).compute_mask((x, y), (mask, None))
    np.testing.assert_array_equal(joined, np.c_[mask, [True, True]])
    # Four axes: still a mask of times, (batch, time), which Keras' is not.
    beside = Concatenate(axis=-1).compute_mask((x, x), (mask, ~mask))
    np.testing.assert_array_equal(beside, np.ones((2, 3), bool))
    assert Concatenate().compute_mask((x, y), None) is None
    assert Concatenate().compute_mask((x, y), (None, None)) is None


def test_dot_has_no_steps_left():
    assert Dot(axes=2).compute_mask(tuple(TIMES[:2]), tuple(MASKS[:2])) is None


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "x", "text"),
    [
        (
            Add(),
            A,
            "Add 'add': received one input; expected two or more, in a list. Write "
            "Add(...)([a, b]) for arrays a and b.",
        ),
        (Concatenate(), [A], "received one input; expected two or more, in a list."),
        (Subtract(), [A, A, A], "received 3 inputs; expected two. Write Subtract(...)"),
        (Dot(1), [A, A, A], "Dot 'dot': received 3 inputs; expected two."),
        (
            Add(name="sum"),
            [A, A, np.ones((2, 3))],
            "Add 'sum': received input 2 of shape (None, 3) beside input 0 of shape "
            "(None, 2); expected 2 or 1 along axis 1, not 3. Bring both to one size "
            "with Dense, Reshape or Flatten, or with padding='same'",
        ),
        (
            Multiply(),
            [np.ones((2, 3, 1)), np.ones((2, 4, 4))],
            "input 1 of shape (None, 4, 4) beside input 0 of shape (None, 3, 1); "
            "expected 3 or 1 along axis 1, not 4.",
        ),
        (
            Concatenate(axis=1),
            [np.ones((2, 3, 1)), np.ones((2, 4, 4))],
            "Concatenate 'concatenate': received input 1 of shape (None, 4, 4) beside "
            "input 0 of shape (None, 3, 1); expected 1 along axis 2: only axis 1 may "
            "differ.",
        ),
        (Concatenate(), [A, np.ones((2, 4, 4))], "expected 2 axes in each."),
        (
            Concatenate(axis=2),
            [A, A],
            "received axis 2 and input of shape (None, 2); expected an axis from -2",
        ),
        (
            Dot(axes=(1, 2)),
            [np.ones((2, 3, 1)), np.ones((2, 3, 4))],
            "Dot 'dot': received 3 along axis 1 of (None, 3, 1) and 4 along axis 2 of "
            "(None, 3, 4); expected the same size along both. Choose other axes",
        ),
        (
            Dot(axes=2),
            [A, A],
            "received axes=2 and inputs of shapes (None, 2) and (None, 2); expected an "
            "axis of each, other than the batch. Write axes=-1 for the last of each.",
        ),
        (Dot(axes=-2), [A, A], "expected an axis of each, other than the batch."),
    ],
    ids=lambda v: type(v).__name__ if not isinstance(v, str) else "",
)
def test_inputs_that_do_not_fit(layer, x, text):
    with refuses(text):
        layer(x)


def test_batches_that_differ():
    with refuses(
        "Add 'add': received inputs of shapes (2, 3) and (4, 3); expected the same "
        "examples in each, along axis 0. Give all inputs the same number of rows."
    ):
        Add().output_shape(((2, 3), (4, 3)))


@pytest.mark.parametrize(
    ("make", "text", "error"),
    [
        (lambda: Concatenate(axis="last"), "Concatenate: received axis=", ValueError),
        (lambda: Dot(axes=0), "axis 0 is the batch, which stays", ValueError),
        (lambda: Dot(axes=(1, 0)), "Dot: received axes=(1, 0)", ValueError),
        (lambda: Dot(axes=(1, 2, 3)), "one for each of the two inputs", TypeError),
        (lambda: Dot(axes=1.5), "Dot: received axes=1.5; expected a whole", TypeError),
        (lambda: Dot(axes=[]), "Dot: received axes=()", TypeError),
    ],
)
def test_settings_that_cannot_be_meant(make, text, error):
    with refuses(text, error):
        make()
