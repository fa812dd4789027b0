"""Images at random and at one size: what is done for given draws is Keras', the draws
have the right distribution, and only training draws.
"""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import layers
from onefit.layers import (
    CenterCrop,
    Dense,
    Flatten,
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
    Resizing,
)

RNG = np.random.default_rng(2)
IMAGES = RNG.normal(size=(6, 5, 8, 2)).astype("float32")
FIRST = {"data_format": "channels_first"}


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# These programs run once: what counts is how fast they compile.
once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


@once
def train(layer, x, seed):
    """The layer's output while training, as one program."""
    key = jax.random.key(seed)
    return layer.forward({}, {}, x, training=True, key=key).output


@functools.cache
def drawn(layer, many=4000, height=2, width=4):
    """What a layer draws for many images."""
    x = jnp.zeros((many, height, width, 1))
    return [np.asarray(d) for d in once(layer.draw)(jax.random.key(1), x)]


def spread(draws, low, high):
    """Whether draws are uniform from low to high: their ends, mean and deviation."""
    assert low <= draws.min() + 1e-6
    assert draws.max() - 1e-6 <= high
    wide = high - low
    np.testing.assert_allclose(draws.min(), low, atol=wide / 100)
    np.testing.assert_allclose(draws.max(), high, atol=wide / 100)
    np.testing.assert_allclose(draws.mean(), (low + high) / 2, atol=wide / 40)
    np.testing.assert_allclose(draws.std(), wide / 12**0.5, rtol=0.05, atol=1e-7)


# For given draws, what Keras does -----------------------------------------------------

CONSTANT = {"fill_mode": "constant", "fill_value": 0.7}
CASES = [
    *(
        ("RandomRotation", {"factor": 0.5, "fill_mode": mode, "interpolation": how})
        for mode in ("reflect", "wrap", "nearest")
        for how in ("bilinear", "nearest")
    ),
    ("RandomRotation", {"factor": 0.5, "interpolation": "nearest", **CONSTANT}),
    ("RandomRotation", {"factor": 0.5, **CONSTANT, **FIRST}),
    ("RandomZoom", {"height_factor": 0.9}),
    ("RandomZoom", {"height_factor": 0.9, "width_factor": 0.5, **CONSTANT}),
    ("RandomZoom", {"height_factor": (0.5, 1), "fill_mode": "wrap", **FIRST}),
    ("RandomTranslation", {"height_factor": 0.9, "width_factor": 1.0}),
    ("RandomTranslation", {"height_factor": 0.9, "width_factor": 0.2, **CONSTANT}),
    (
        "RandomTranslation",
        {
            "height_factor": 0.9,
            "width_factor": 1.0,
            "fill_mode": "nearest",
            "interpolation": "nearest",
        },
    ),
    ("RandomFlip", {"mode": "horizontal"}),
    ("RandomFlip", {"mode": "vertical", **FIRST}),
    ("RandomContrast", {"factor": (0.3, 0.4), "value_range": (-1, 1)}),
    ("RandomContrast", {"factor": (0.3, 0.4), "value_range": (-1, 1), **FIRST}),
    ("RandomBrightness", {"factor": 0.3, "value_range": (1, -1)}),
]


def our_draws(name, settings, theirs):
    """Keras' draws as ours."""
    if name == "RandomRotation":
        return (np.asarray(theirs["angle"]) * np.pi / 180,)
    if name == "RandomZoom":
        return tuple(np.asarray(theirs[f"{n}_zoom"])[:, 0] for n in ("height", "width"))
    if name == "RandomTranslation":
        return tuple(np.asarray(theirs["translations"]).T[::-1])
    if name == "RandomFlip":
        flips = np.asarray(theirs["flips"]).ravel()
        return (flips, None) if settings["mode"] == "horizontal" else (None, flips)
    kind = "contrast_factor" if name == "RandomContrast" else "rgb_delta"
    return (np.asarray(theirs[kind]).ravel(),)


@pytest.mark.parametrize(("name", "settings"), CASES, ids=str)
def test_given_draws_do_what_they_do_in_keras(name, settings):
    keras = pytest.importorskip("keras")
    peer = getattr(keras.layers, name)(**settings)
    layer = getattr(layers, name)(**settings)
    first = settings.get("data_format") == "channels_first"
    x = IMAGES.transpose(0, 3, 1, 2) if first else IMAGES
    # Jitted, since Keras' own way, an operation at a time, compiles for seconds.
    draw = once(
        lambda x: {
            k: v
            for k, v in peer.get_random_transformation(x, seed=4).items()
            if k not in ("input_shape", "image_height", "image_width", "batch_size")
        }
    )
    draws = draw(x)
    expected = once(functools.partial(peer.transform_images, training=True))(x, draws)
    ours = our_draws(name, settings, draws)
    y = once(layer.change)(IMAGES, *ours)
    expected = np.moveaxis(expected, 1, -1) if first else expected
    np.testing.assert_allclose(y, expected, atol=2e-5)
    assert not np.allclose(y, IMAGES, atol=1e-2)


def test_a_positive_angle_turns_against_the_clock():
    x = np.array([[[[1.0], [2.0]], [[3.0], [4.0]]]], "float32")
    y = once(RandomRotation(0.1).change)(x, np.array([np.pi / 2]))
    np.testing.assert_allclose(y[0, :, :, 0], [[2.0, 4.0], [1.0, 3.0]], atol=1e-6)


def test_a_positive_zoom_is_out_and_a_positive_shift_down_and_right():
    x = np.arange(4, dtype="float32").reshape(1, 1, 4, 1)
    zoom = RandomZoom(0.1, fill_mode="constant", fill_value=9.0)
    y = once(zoom.change)(x, np.array([1.0]), np.array([2.0]))
    np.testing.assert_allclose(y.ravel(), [9.0, 0.5, 2.5, 9.0])
    shift = RandomTranslation(0.1, 0.1, fill_mode="nearest")
    y = once(shift.change)(x, np.array([0.0]), np.array([1.5]))
    np.testing.assert_allclose(y.ravel(), [0.0, 0.0, 0.5, 1.5])
    y = once(shift.change)(x.reshape(1, 4, 1, 1), np.array([-1.0]), np.array([0.0]))
    np.testing.assert_allclose(y.ravel(), [1.0, 2.0, 3.0, 3.0])


# What is drawn ------------------------------------------------------------------------


def test_angles_zooms_and_shifts_are_uniform():
    turn = 2 * np.pi
    spread(drawn(RandomRotation(0.2))[0], -0.2 * turn, 0.2 * turn)
    spread(drawn(RandomRotation((0.3, -0.1)))[0], -0.1 * turn, 0.3 * turn)
    high, wide = drawn(RandomZoom((-0.3, -0.2), 0.5))
    spread(high, 0.7, 0.8)
    spread(wide, 0.5, 1.5)
    assert abs(np.corrcoef(high, wide)[0, 1]) < 0.05
    np.testing.assert_array_equal(*drawn(RandomZoom(0.5)))  # keeps the ratio
    down, right = drawn(RandomTranslation((-0.2, 0.3), 0.25))
    spread(down, -0.4, 0.6)  # of a height of 2
    spread(right, -1.0, 1.0)  # of a width of 4
    assert abs(np.corrcoef(down, right)[0, 1]) < 0.05


def test_contrast_and_brightness_are_uniform():
    # Keras' code would take (0, 0.2) for the first, and (0.1, 0.5) for the second.
    spread(drawn(RandomContrast(0.2))[0], 0.8, 1.2)
    spread(drawn(RandomContrast((0.5, 0.1)))[0], 0.5, 1.1)
    spread(drawn(RandomBrightness(0.2))[0], -51.0, 51.0)
    spread(drawn(RandomBrightness((-0.1, 0.3), value_range=(-1, 1)))[0], -0.2, 0.6)


def test_flips_are_drawn_one_by_one():
    across, down = drawn(RandomFlip())
    for both in [(False, False), (False, True), (True, False), (True, True)]:
        share = np.mean((across == both[0]) & (down == both[1]))
        assert 0.2 < share < 0.3
    assert drawn_none(RandomFlip("horizontal")) == [False, True]
    assert drawn_none(RandomFlip("vertical")) == [True, False]


def drawn_none(layer):
    return [d is None for d in layer.draw(jax.random.key(0), jnp.zeros((2, 1, 1, 1)))]


def test_images_are_changed_one_by_one_and_again_by_the_same_key():
    x = np.broadcast_to(IMAGES[:1], IMAGES.shape)
    for layer in (RandomRotation(0.2), RandomTranslation(0.3, 0.3)):
        y = np.asarray(train(layer, x, 0))
        assert len(np.unique(y.round(5), axis=0)) == len(x)
        np.testing.assert_array_equal(y, train(layer, x, 0))
        assert not np.allclose(y, train(layer, x, 1))
    assert not np.allclose(y, train(layer.replace(seed=1), x, 0))


def test_only_training_draws():
    for layer in (RandomFlip(), RandomRotation(0.2), RandomContrast(0.2)):
        np.testing.assert_array_equal(layer(IMAGES, training=False), IMAGES)
        y, _ = layer.apply({}, {}, IMAGES, training=True, key=None)
        assert y is IMAGES
    off = RandomTranslation(0.0, 0)  # no part of the program
    assert off.apply({}, {}, IMAGES, training=True, key=jax.random.key(0))[0] is IMAGES


def test_factors_are_numbers_of_the_program():
    count = 0

    @once
    def run(layer, x):
        nonlocal count
        count += 1
        return layer.apply({}, {}, x, training=True, key=jax.random.key(0))[0]

    runs = [run(RandomZoom((-0.5, high)), IMAGES) for high in (0.5, 0.25)]
    assert count == 1
    assert not np.allclose(*runs)
    # A population has one factor a member.
    each = jax.tree.map(lambda *v: np.stack(v), RandomZoom(0.1), RandomZoom(0.4))
    both = jax.vmap(run, (0, None))(each, IMAGES)
    alone = run(RandomZoom(0.4), IMAGES)
    np.testing.assert_allclose(both[1], alone, rtol=1e-5, atol=1e-5)


def test_bytes_become_floats():
    x = np.arange(16, dtype="uint8").reshape(1, 4, 4, 1)
    for layer in (RandomFlip(), Resizing(2, 2), CenterCrop(2, 2), RandomCrop(2, 2)):
        assert layer(x, training=True).dtype == np.float32
    np.testing.assert_array_equal(CenterCrop(2, 2)(x).ravel(), [5, 6, 9, 10])


def test_value_range_clips():
    x = np.array([[[[0.0], [10.0]]]])
    contrast = RandomContrast(0.5, value_range=(2, 7))
    y = contrast.change(x, np.array([1.0]))
    np.testing.assert_array_equal(y.ravel(), [2.0, 7.0])
    y = contrast.change(x, np.array([0.2]))
    np.testing.assert_allclose(y.ravel(), [4.0, 6.0])


def test_float64_throughout():
    with jax.enable_x64(True):
        x = IMAGES.astype("float64")
        for layer in (RandomRotation(0.2), RandomZoom(0.3)):
            assert train(layer, x, 0).dtype == np.float64


# Crops and sizes ----------------------------------------------------------------------


def test_a_crop_is_a_part_of_every_image_at_one_place():
    x = np.arange(2 * 4 * 5, dtype="float32").reshape(2, 4, 5, 1)
    layer, places = RandomCrop(3, 5), set()
    run = once(lambda key: layer.apply({}, {}, x, training=True, key=key)[0])
    for seed in range(12):
        y = np.asarray(run(jax.random.key(seed)))
        top = int(y[0, 0, 0, 0]) // 5
        np.testing.assert_array_equal(y, x[:, top : top + 3])
        places.add(top)
    assert places == {0, 1}


def test_a_crop_at_inference_is_the_middle_at_the_ratio():
    middle = Resizing(2, 2, crop_to_aspect_ratio=True)(IMAGES)
    crop = RandomCrop(2, 2)(IMAGES, training=False)
    np.testing.assert_array_equal(crop, middle)
    large = RandomCrop(6, 8)  # larger than the images: no place to draw
    expected = CenterCrop(6, 8)(IMAGES)
    np.testing.assert_array_equal(large(IMAGES, training=True), expected)


def test_resizing_by_hand():
    x = np.array([0.0, 10.0]).reshape(1, 1, 2, 1)
    np.testing.assert_allclose(Resizing(1, 4)(x).ravel(), [0.0, 2.5, 7.5, 10.0])
    y = Resizing(2, 4, interpolation="nearest")(x)[0, :, :, 0]
    np.testing.assert_array_equal(y, [[0, 0, 10, 10]] * 2)
    padded = Resizing(3, 2, pad_to_aspect_ratio=True, fill_value=7.0)(x)[0, :, :, 0]
    np.testing.assert_array_equal(padded, [[7, 7], [0, 10], [7, 7]])
    np.testing.assert_array_equal(Resizing(5, 8)(IMAGES), IMAGES)


def test_shapes_with_open_sizes():
    shape = (None, None, None, 3)
    assert Resizing(2, 4).output_shape(shape) == (None, 2, 4, 3)
    assert RandomCrop(2, 4).output_shape(shape) == (None, 2, 4, 3)
    assert RandomZoom(0.5).output_shape(shape) == shape
    first = CenterCrop(2, 4, data_format="channels_first")
    assert first.output_shape((None, 3, None, None)) == (None, 3, 2, 4)


def test_a_model_trains_on_changed_images():
    from onefit import Sequential

    parts = [RandomFlip(), RandomRotation(0.1), RandomZoom(0.1), Resizing(4, 4)]
    model = Sequential([*parts, RandomCrop(3, 3), Flatten(), Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    history = model.fit(IMAGES, np.ones((6, 1)), epochs=2, verbose=0)
    assert np.all(np.isfinite(history.history["loss"]))
    assert model.predict(IMAGES, verbose=0).shape == (6, 1)


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text", "error"),
    [
        (
            lambda: RandomRotation(1.5),
            "RandomRotation: received factor=1.5; expected a number from -1 to 1, or "
            "two. Write factor=0.2 for a fifth.",
            ValueError,
        ),
        (
            lambda: RandomZoom(0.5, (-1.0, 0.5)),
            "RandomZoom: received width_factor=[-1.0, 0.5]; expected a number from -1",
            ValueError,
        ),
        (
            lambda: RandomContrast((-0.1, 0.5)),
            "RandomContrast: received factor=[-0.1, 0.5]; expected a number from 0",
            ValueError,
        ),
        (
            lambda: RandomContrast(1.5),
            "received factor=[1.5, 1.5]; expected",
            ValueError,
        ),
        (
            lambda: RandomTranslation((0.1, 0.2, 0.3), 0.1),
            "factor: received (0.1, 0.2, 0.3); expected a number, or two: the lowest "
            "and the highest. Write factor=(-0.2, 0.3).",
            TypeError,
        ),
        (
            lambda: RandomRotation("0.2"),
            "RandomRotation: received factor='0.2'; expected a number.",
            TypeError,
        ),
        (
            lambda: RandomZoom(0.1, fill_mode="reflct"),
            "Unknown fill_mode of RandomZoom 'reflct'. Did you mean 'reflect'? Known: "
            "constant, nearest, reflect, wrap.",
            ValueError,
        ),
        (
            lambda: RandomRotation(0.1, interpolation="bilinaer"),
            "Unknown interpolation of RandomRotation 'bilinaer'. Did you mean 'bil",
            ValueError,
        ),
        (
            lambda: Resizing(2, 2, "cubic"),
            "Unknown interpolation of Resizing 'cubic'. Did you mean 'bicubic'?",
            ValueError,
        ),
        (
            lambda: Resizing(2, 2, fill_mode="reflect"),
            "Unknown fill_mode of Resizing 'reflect'. Known: constant.",
            ValueError,
        ),
        (
            lambda: RandomFlip("horizontaly"),
            "Unknown mode of RandomFlip 'horizontaly'. Did you mean 'horizontal'",
            ValueError,
        ),
        (
            lambda: RandomBrightness(0.1, value_range=255),
            "value_range: received 255; expected two numbers that differ. Write (0, "
            "1), or (0, 255) for bytes.",
            TypeError,
        ),
        (
            lambda: RandomBrightness(0.1, value_range=(1, 1)),
            "value_range: received (1, 1); expected two numbers that differ",
            TypeError,
        ),
        (
            lambda: Resizing(2, 2, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True),
            "Resizing: received crop_to_aspect_ratio=True and pad_to_aspect_ratio="
            "True; expected one of them at most. Write pad_to_aspect_ratio=True to "
            "keep the whole image.",
            ValueError,
        ),
        (
            lambda: CenterCrop(0, 2),
            "CenterCrop: received height=0; expected a whole number, 1 or more.",
            ValueError,
        ),
        (lambda: RandomCrop(2, 2.5), "RandomCrop: received width=2.5", ValueError),
        (
            lambda: RandomFlip(data_format="channels_lst"),
            "Unknown data_format 'channels_lst'. Did you mean 'channels_last'",
            ValueError,
        ),
    ],
)
def test_settings_that_cannot_be_meant(make, text, error):
    with refuses(text, error):
        make()


@pytest.mark.parametrize(
    "layer", [RandomFlip(), RandomZoom(0.1), RandomCrop(2, 2), Resizing(2, 2)], ids=str
)
def test_what_is_no_batch_of_images(layer):
    grey = np.zeros((5, 28, 28))
    with refuses(
        "received input of shape (None, 28, 28); expected images, (batch, height, "
        "width, channels). Write x[None] for one image, x[..., None] for grey ones."
    ):
        layer(grey)
