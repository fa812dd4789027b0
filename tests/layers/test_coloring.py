"""Colours, blur and mixtures at random: for given draws Keras' numbers; the draws, the
labels and masks that go along, and the words.
"""

import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

from onefit import layers

RNG = np.random.default_rng(3)
N = 4
RGB = RNG.uniform(0, 255, (N, 5, 7, 3)).astype("float32")
FACTOR = np.array([0.0, 0.3, 0.7, 0.95], "float32")
CHOSEN = np.array([True, False, True, False])
BOXES = {"boxes": np.ones((N, 2, 4)), "labels": np.ones((N, 2), int)}
ORDER = np.array([2, 0, 3, 1])
BOX = RNG.random((N, 5, 7, 1)) < 0.4


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# Class, settings, what is drawn here, what that is in Keras.
CASES = [
    ("RandomHue", {"factor": 0.5}, (FACTOR - 0.5,), {"factor": FACTOR - 0.5}),
    (
        "RandomHue",
        {"factor": 0.5, "value_range": (-10, 300)},
        (FACTOR / 2,),
        {"factor": FACTOR / 2},
    ),
    ("RandomSaturation", {"factor": 0.5}, (FACTOR * 2,), {"factor": FACTOR * 2}),
    (
        "RandomColorDegeneration",
        {"factor": 0.5, "value_range": (20, 200)},
        (FACTOR,),
        {"factor": FACTOR.reshape(-1, 1, 1, 1)},
    ),
    ("RandomGrayscale", {}, (CHOSEN,), CHOSEN.reshape(-1, 1, 1, 1)),
    ("RandomInvert", {}, (CHOSEN,), {"apply_inversion": CHOSEN}),
    (
        "RandomPosterization",
        {"factor": 4},
        (np.array([7, 4, 2, 0]),),
        {"shift_factor": np.array([7, 4, 2, 0], "uint8")},
    ),
    (
        "Solarization",
        {},
        (FACTOR * 90, FACTOR * 200),
        {
            "additions": (FACTOR * 90).reshape(-1, 1, 1, 1),
            "thresholds": (FACTOR * 200).reshape(-1, 1, 1, 1),
        },
    ),
    ("RandomSharpness", {"factor": 0.5}, (FACTOR,), {"factor": FACTOR}),
    (
        "RandomGaussianBlur",
        {"kernel_size": (3, 5)},
        (CHOSEN, np.array([0.5, 0.9], "float32")),
        {"should_apply_blur": CHOSEN, "blur_factor": np.array([0.5, 0.9], "float32")},
    ),
    (
        "RandomErasing",
        {},
        (BOX & CHOSEN.reshape(-1, 1, 1, 1), RGB * 2),
        {
            "apply_erasing": CHOSEN,
            "batch_masks": np.repeat(BOX, 3, -1),
            "fill_value": RGB * 2,
        },
    ),
    ("MixUp", {}, (FACTOR, ORDER), {"mix_weight": FACTOR, "permutation_order": ORDER}),
    (
        "CutMix",
        {},
        (BOX, FACTOR, ORDER),
        {
            "batch_masks": np.repeat(BOX, 3, -1),
            "mix_weight": FACTOR,
            "permutation_order": ORDER,
        },
    ),
    (
        "RandomShear",
        {"x_factor": 0.5, "y_factor": 0.5},
        (FACTOR, -FACTOR),
        {"shear_factor": np.stack([FACTOR, -FACTOR], 1), "input_shape": RGB.shape},
    ),
]


@pytest.mark.parametrize(("name", "settings", "drawn", "theirs"), CASES)
def test_what_is_done_for_given_draws_is_keras(name, settings, drawn, theirs):
    ours = getattr(layers, name)(**settings)
    keras_layer = getattr(keras.layers, name)(**settings)
    y = ours.change(jnp.asarray(RGB), *map(jnp.asarray, drawn))
    extra = ("bilinear",) if name == "RandomShear" else ()
    transform = keras_layer._transform_images if extra else keras_layer.transform_images
    expected = transform(jnp.asarray(RGB), theirs, *extra)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=2e-2)
    if name in ("MixUp", "CutMix"):
        labels = np.eye(N, dtype="float32")
        np.testing.assert_allclose(
            ours.change_labels(labels, *map(jnp.asarray, drawn)),
            keras_layer.transform_labels(labels, theirs),
            rtol=1e-5,
        )


def test_auto_contrast_is_keras():
    x = RGB.copy()
    x[0, ..., 1] = 3.0  # nothing to stretch
    for vr in ((0, 255), (-10, 300)):
        np.testing.assert_allclose(
            layers.AutoContrast(vr)(x),
            keras.layers.AutoContrast(vr)(x),
            rtol=1e-4,
            atol=1e-2,
        )


@pytest.mark.parametrize("settings", [{}, {"bins": 16}, {"value_range": (0, 300)}])
def test_equalization_of_one_image_is_keras(settings):
    layer = layers.Equalization(**settings)
    x = np.round(RGB)
    x[0, ..., 2] = 9.0
    many = layer(x, training=True)
    for i in range(2):
        expected = keras.layers.Equalization(**settings)(x[i : i + 1], training=True)
        np.testing.assert_allclose(many[i], expected[0], rtol=1e-4, atol=1e-2)


MADE = [
    layers.RandomHue(0.5),
    layers.RandomSaturation(0.9),
    layers.RandomColorDegeneration(0.5),
    layers.RandomGrayscale(0.5),
    layers.RandomInvert((1.0, 1.0)),
    layers.RandomPosterization(4),
    layers.Solarization(0.5, 0.5),
    layers.RandomSharpness(0.9),
    layers.RandomGaussianBlur(0.5),
    layers.RandomErasing(0.5),
    layers.MixUp(0.5),
    layers.CutMix(1.0),
    layers.RandomShear(0.5, 0.5),
    layers.Equalization(),
    layers.RandomColorJitter((0, 255), 0.2, 0.2, 0.2, 0.2),
]


@pytest.mark.parametrize("layer", MADE, ids=lambda layer: type(layer).__name__)
def test_on_while_training_in_both_layouts_with_all_that_goes_along(layer):
    np.testing.assert_array_equal(layer(RGB, training=False), RGB)
    key = jax.random.key(3)

    def train(layer, x):
        return layer.apply({}, {}, x, training=True, key=key)[0]

    y = train(layer, jnp.asarray(RGB))
    assert y.shape == RGB.shape
    assert np.isfinite(y).all()
    assert not np.array_equal(y, RGB)
    first = layer.replace(data_format="channels_first")
    if type(layer).__name__ != "RandomErasing":  # whose noise has the image's shape
        z = train(first, jnp.asarray(RGB.transpose(0, 3, 1, 2)))
        np.testing.assert_allclose(z.transpose(0, 2, 3, 1), y, rtol=1e-4, atol=1e-2)
    data = {
        "images": jnp.asarray(RGB),
        "labels": jnp.eye(N),
        "segmentation_masks": jnp.asarray((RGB[..., :1] > 99) * 1.0),
    }
    made = train(layer, data)
    np.testing.assert_allclose(made["images"], y, rtol=1e-5, atol=1e-3)
    assert made["segmentation_masks"].shape == (N, 5, 7, 1)
    np.testing.assert_allclose(made["labels"].sum(1), 1, rtol=1e-5)
    if type(layer).__name__ not in ("MixUp", "CutMix"):
        np.testing.assert_array_equal(made["labels"], np.eye(N))
    if layer.moves:  # masks stay masks
        assert set(np.unique(made["segmentation_masks"])) <= {0.0, 1.0}
    elif type(layer).__name__ not in ("MixUp", "CutMix"):
        np.testing.assert_array_equal(
            made["segmentation_masks"], data["segmentation_masks"]
        )


def test_a_dict_goes_through_a_call():
    data = {"images": RGB, "labels": np.eye(N), "bounding_boxes": BOXES}
    made = layers.RandomInvert()(data, training=True)
    assert sorted(made) == ["bounding_boxes", "images", "labels"]
    still = layers.MixUp()({"images": RGB, "labels": np.eye(N)}, training=False)
    np.testing.assert_array_equal(still["images"], RGB)


def test_cut_mix_mixes_labels_by_the_area():
    layer = layers.CutMix()
    x = jnp.zeros((500, 20, 20, 1))
    inside, weight, _ = layer.draw(jax.random.key(0), x)
    share = np.asarray(inside).mean((1, 2, 3))
    np.testing.assert_allclose(share, 1 - weight, atol=0.12)
    np.testing.assert_allclose(share.mean(), 0.5, atol=0.05)


def test_the_draws_of_mix_up_and_erasing():
    weight, order = layers.MixUp(0.5).draw(
        jax.random.key(0), jnp.zeros((2000, 1, 1, 1))
    )
    assert sorted(np.asarray(order)) == list(range(2000))
    # Beta(1/2, 1/2): mean 1/2, variance 1/8.
    np.testing.assert_allclose(np.mean(weight), 0.5, atol=0.03)
    np.testing.assert_allclose(np.var(weight), 0.125, atol=0.02)
    erased, cover = layers.RandomErasing(
        (0.3, 0.3), scale=(0.25, 0.25), fill_value=[1, 2, 3]
    ).draw(jax.random.key(0), jnp.zeros((2000, 8, 8, 3)))
    erased = np.asarray(erased)[..., 0]
    assert set(erased.sum((1, 2))) == {0, 16}
    np.testing.assert_allclose((erased.sum((1, 2)) > 0).mean(), 0.3, atol=0.04)
    assert np.asarray(cover)[5, 3, 3].tolist() == [1, 2, 3]


def test_what_cannot_be_meant():
    with refuses("RandomHue: received factor=1.5; expected a number from 0 to 1"):
        layers.RandomHue(1.5)
    with refuses("RandomSaturation: received factor="):
        layers.RandomSaturation(-0.5)
    with refuses("factor=9"):
        layers.RandomPosterization(9)
    with refuses("factor=0; expected a whole number, 1 or more"):
        layers.RandomPosterization(0)
    with refuses("Solarization: received threshold_factor="):
        layers.Solarization(threshold_factor=2.0)
    with refuses("kernel_size=2; expected an odd whole number"):
        layers.RandomGaussianBlur(kernel_size=2)
    with refuses("value_range", TypeError):
        layers.AutoContrast(255)
    with refuses("images of 2 channels; expected red, green and blue"):
        layers.RandomHue(0.5)(np.ones((1, 2, 2, 2)))
    with refuses("or one channel"):
        layers.RandomGrayscale()(np.ones((1, 2, 2, 2)))
    mix = layers.MixUp()
    with refuses("labels of shape (None,); expected one-hot labels"):
        mix({"images": RGB, "labels": np.arange(N)})
    with refuses("expected a dict of boxes, (batch, n, 4), and labels, (batch, n)"):
        mix({"images": RGB, "bounding_boxes": np.ones((N, 1, 4))})
    with refuses('Write RandomFlip(..., bounding_box_format="xyxy").'):
        layers.RandomFlip()({"images": RGB, "bounding_boxes": BOXES})
    with refuses("a box of another image may hide any part of theirs"):
        layers.CutMix()({"images": RGB, "bounding_boxes": BOXES})
    with refuses("boxes cannot follow"):
        layers.RandomElasticTransform()({"images": RGB, "bounding_boxes": BOXES})
    with refuses("Unknown part of the input of MixUp 'mix_up' 'image'. Did you mean"):
        mix({"image": RGB})
    with refuses("a dict of labels; expected a dict with 'images'"):
        mix({"labels": np.eye(N)})
