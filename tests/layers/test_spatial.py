"""Borders, sizes and dropout along axes: numbers by hand, statistics, error texts."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import layers

STEPS = np.array([1.0, 4.0, 2.0])[None, :, None]
IMAGE = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])[None, :, :, None]


def close(a, b, tolerance=1e-6):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def refuses(text):
    return pytest.raises(ValueError, match=re.escape(text))


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.ZeroPadding1D(), [0, 1, 4, 2, 0]),
        (layers.ZeroPadding1D((0, 2)), [1, 4, 2, 0, 0]),
        (layers.Cropping1D(), [4]),
        (layers.Cropping1D((0, 2)), [1]),
        (layers.UpSampling1D(), [1, 1, 4, 4, 2, 2]),
        (layers.UpSampling1D(1), [1, 4, 2]),
    ],
    ids=repr,
)
def test_sequences_by_hand(layer, expected):
    close(layer(STEPS)[0, :, 0], expected)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.ZeroPadding2D((0, 1)), [[0, 1, 5, 2, 0], [0, 4, 3, 6, 0]]),
        (layers.ZeroPadding2D(((1, 0), (0, 0))), [[0, 0, 0], [1, 5, 2], [4, 3, 6]]),
        (layers.Cropping2D((0, 1)), [[5], [3]]),
        (layers.Cropping2D(((1, 0), (0, 2))), [[4]]),
        (layers.Cropping2D(), IMAGE[0, :, :, 0]),
        (layers.UpSampling2D((2, 1)), [[1, 5, 2], [1, 5, 2], [4, 3, 6], [4, 3, 6]]),
        # At (p + 1/2) / 2 - 1/2: -1/4 (as 0), 1/4, 3/4, 5/4, 7/4, 9/4 (as 2).
        (
            layers.UpSampling2D((1, 2), interpolation="bilinear"),
            [[1, 2, 4, 4.25, 2.75, 2], [4, 3.75, 3.25, 3.75, 5.25, 6]],
        ),
    ],
    ids=repr,
)
def test_images_by_hand(layer, expected):
    close(layer(IMAGE)[0, :, :, 0], expected)


@pytest.mark.parametrize("way", ["nearest", "bilinear", "bicubic", "lanczos3"])
def test_a_plain_image_stays_plain(way):
    layer = layers.UpSampling2D((2, 3), interpolation=way.upper())
    close(layer(np.full((1, 3, 4, 2), 7.0)), np.full((1, 6, 12, 2), 7.0), 1e-5)


def test_cropping_undoes_padding():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2, 2)).astype("float32")
    border = ((1, 2), (0, 3), (2, 0))
    padded = layers.ZeroPadding3D(border)(x)
    assert padded.shape == (2, 6, 7, 4, 2)
    close(layers.Cropping3D(border)(padded), x, 0)


def test_settings_are_as_keras_writes_them():
    assert layers.ZeroPadding1D(2).padding == (2, 2)
    assert layers.ZeroPadding2D([1, (0, 2)]).padding == ((1, 1), (0, 2))
    assert layers.Cropping3D(2).cropping == ((2, 2),) * 3
    assert (layers.UpSampling1D(3).size, layers.UpSampling2D(3).size) == (3, (3, 3))


def test_open_sizes_stay_open():
    assert layers.ZeroPadding1D().output_shape((None, None, 3)) == (None, None, 3)
    assert layers.Cropping2D(1).output_shape((None, None, 7, 3)) == (None, None, 5, 3)
    assert layers.UpSampling2D().output_shape((None, None, 7, 3)) == (None, None, 14, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "axes"),
    [
        (layers.SpatialDropout1D(0.25), (500, 3, 4), (1,)),
        (layers.SpatialDropout2D(0.25), (500, 2, 2, 4), (1, 2)),
        (layers.SpatialDropout2D(0.25, "channels_first", 3), (500, 4, 2, 2), (2, 3)),
        (layers.SpatialDropout3D(0.25), (500, 2, 1, 2, 4), (1, 2, 3)),
    ],
    ids=repr,
)
def test_whole_channels_are_dropped(layer, shape, axes):
    y = np.asarray(layer(np.ones(shape), training=True))
    np.testing.assert_array_equal(y, np.broadcast_to(y.max(axes, keepdims=True), shape))
    # What is kept is 1 / (1 - 1/4); 2,000 draws, 4 standard deviations.
    np.testing.assert_allclose(np.unique(y), [0.0, 4 / 3], rtol=1e-6)
    assert abs((y == 0).mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2000)
    close(layer(np.ones(shape)), np.ones(shape), 0)


def test_a_rate_may_vary_within_a_program():
    key, x = jax.random.key(0), jnp.ones((200, 2, 3))

    @jax.jit
    @jax.vmap
    def dropped(layer):
        y, _ = layer.apply({}, {}, x, training=True, key=key)
        return jnp.mean(y == 0)

    shares = dropped(layers.SpatialDropout1D(jnp.array([0.1, 0.9])))
    close(shares, [0.1, 0.9], 0.05)


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            layers.Cropping2D(((1, 2), (0, 0))),
            (None, 3, 9, 1),
            "Cropping2D 'cropping2d': received input of shape (None, 3, 9, 1), of "
            "which it takes 3 cells off axis 1; expected more than 3 cells along axis "
            "1. Crop less, or give it larger inputs.",
        ),
        (layers.Cropping1D(), (None, 2, 3), "more than 2 cells along axis 1"),
        (
            layers.ZeroPadding2D(),
            (None, 28, 28),
            "Write x[..., None] for inputs of one",
        ),
        (layers.UpSampling2D(), (None, 28, 3), "expected a batch of images"),
        (layers.UpSampling1D(), (None, 4, 4, 3), "Use UpSampling2D for a batch of im"),
        (
            layers.SpatialDropout2D(0.5),
            (None, 4, 3),
            "expected a batch of images, (bat",
        ),
        (layers.ZeroPadding1D(), (None, 0, 3), "with nothing along axis 1"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_input_that_does_not_fit(layer, shape, text):
    with refuses(text):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: layers.ZeroPadding2D((1, 2, 3)),
            "ZeroPadding2D: received padding=(1, 2, 3); expected a whole number, 0 or "
            "more, or 2, or 2 pairs. Write padding=1 or padding=((1, 2), (1, 2)).",
        ),
        (
            lambda: layers.Cropping1D(-1),
            "Cropping1D: received cropping=-1; expected a whole number, 0 or more, or "
            "two for the two ends. Write cropping=1 or cropping=(1, 2).",
        ),
        (lambda: layers.Cropping1D(((1, 2),)), "received cropping=((1, 2),)"),
        (lambda: layers.ZeroPadding3D(0.5), "received padding=0.5"),
        (lambda: layers.UpSampling1D(0), "received size=0; expected a positive whole"),
        (lambda: layers.UpSampling2D((2, 2, 2)), "received size=(2, 2, 2)"),
        (
            lambda: layers.UpSampling2D(interpolation="bilinaer"),
            "Unknown interpolation of UpSampling2D 'bilinaer'. Did you mean 'bilinear'",
        ),
        (
            lambda: layers.UpSampling3D(data_format="channels"),
            "Unknown data_format 'channels'",
        ),
        (lambda: layers.SpatialDropout1D(1.5), "received rate=1.5"),
    ],
)
def test_settings_that_cannot_be_meant(make, text):
    with refuses(text):
        make()
