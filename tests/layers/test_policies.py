"""Images bent, equalized in tiles and changed by lot: Keras' numbers for given draws,
what is drawn, and programs with these layers.
"""

import functools
import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import onefit
from onefit import layers

RNG = np.random.default_rng(5)
N = 3
RGB = RNG.uniform(0, 255, (N, 6, 9, 3)).astype("float32")
CHOSEN = jnp.array([True, False, True])
FIRST = {"data_format": "channels_first"}
KEY = jax.random.key(2)


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# These programs run once: what counts is how fast they compile.
once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


# Bent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{}, {"interpolation": "nearest", "fill_value": 9.0}, FIRST], ids=str
)
def test_perspective_for_given_draws_is_keras(settings):
    first = settings.get("data_format") == "channels_first"
    x = RGB.transpose(0, 3, 1, 2) if first else RGB
    peer = keras.layers.RandomPerspective(bounding_box_format="xyxy", **settings)
    drawn = once(lambda x: peer.get_random_transformation(x, seed=3))(x)
    ends = drawn["end_points"]
    theirs = drawn | {"apply_perspective": CHOSEN, "input_shape": x.shape}
    layer = layers.RandomPerspective(bounding_box_format="xyxy", **settings)
    y = once(layer.change)(RGB, CHOSEN, ends)
    expected = peer.transform_images(x, theirs)
    expected = np.moveaxis(expected, 1, -1) if first else expected
    np.testing.assert_allclose(y, expected, atol=0.05)
    assert np.abs(y - RGB)[0].max() > 9
    boxes = {
        "boxes": jnp.array([[[1.0, 2, 5, 4]]] * N),
        "labels": jnp.ones((N, 1), int),
    }
    moved = peer.transform_bounding_boxes(dict(boxes), theirs)
    made = layer.change_boxes(boxes, (6, 9), CHOSEN, ends)
    np.testing.assert_allclose(made["boxes"], moved["boxes"], atol=1e-3)
    np.testing.assert_array_equal(made["labels"], moved["labels"])


@pytest.mark.parametrize("far", [0.3, 1.0])
def test_elastic_transform_for_given_draws_is_keras(far, monkeypatch):
    x = RNG.uniform(0, 255, (N, 40, 48, 1)).astype("float32")
    noise = RNG.normal(size=(2, *x.shape[:3])).astype("float32")
    given = iter(noise)
    monkeypatch.setattr(jax.random, "normal", lambda *_, **__: next(given))
    peer = keras.layers.RandomElasticTransform()
    theirs = {"apply_transform": CHOSEN, "distortion_factor": far, "seed": 1}
    expected = peer.transform_images(x, theirs)
    layer = layers.RandomElasticTransform()
    y = once(layer.change)(x, CHOSEN, far, noise)
    np.testing.assert_allclose(y, expected, atol=0.1)
    assert np.abs(y - x)[0].max() > 9
    masks = once(layer.change_masks)((x > 99) * 1.0, CHOSEN, far, noise)
    assert set(np.unique(masks)) <= {0.0, 1.0}


# Equalized in tiles -------------------------------------------------------------------

NAME = "ContrastLimitedAdaptiveHistogramEqualization"


@pytest.mark.parametrize(
    "settings",
    [
        {},  # more tiles than pixels along an axis
        {"tile_grid_size": (2, 3), "clip_limit": 1.5},
        {"tile_grid_size": (4, 4), "clip_limit": 0.0, "value_range": (-10, 300)},
        {"tile_grid_size": (2, 2), **FIRST},
    ],
    ids=str,
)
def test_equalization_in_tiles_is_keras(settings):
    first = settings.get("data_format") == "channels_first"
    x = RGB.transpose(0, 3, 1, 2) if first else RGB
    expected = getattr(keras.layers, NAME)(**settings)(x)
    layer = getattr(layers, NAME)(**settings)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-2)
    np.testing.assert_array_equal(layer(x), layer(x, training=False))


# By lot -------------------------------------------------------------------------------


def one_after_another(policy, numbers, keys, x):
    """What the layers of these numbers do, each by its key, in Python."""
    for number, key in zip(np.asarray(numbers), keys, strict=True):
        if number < len(policy.choices()):
            x = policy.choices()[number].together(x, key)
    return x


def test_the_layers_to_choose_from_are_keras_with_its_factors():
    ours = layers.RandAugment(factor=0.4, interpolation="nearest").choices()
    peer = keras.layers.RandAugment(factor=0.4, interpolation="nearest")
    for layer, name in zip(ours, peer._AUGMENT_LAYERS, strict=True):
        theirs = getattr(peer, name)
        assert type(layer).__name__ == type(theirs).__name__
        known, expected = layer.get_config(), theirs.get_config()
        assert known.get("interpolation") == expected.get("interpolation")
        for setting in {"factor", "x_factor", "height_factor"} & {*known}:
            assert np.max(known[setting]) == np.max(expected[setting])
    few = [type(c).__name__ for c in layers.AugMix(all_ops=False).choices()]
    names = keras.src.layers.preprocessing.image_preprocessing.aug_mix.AUGMENT_LAYERS  # pyright: ignore[reportAttributeAccessIssue]
    theirs = [type(getattr(peer, name)).__name__ for name in names]
    assert sorted(few) == sorted(theirs)


def test_rand_augment_runs_what_it_drew():
    policy = layers.RandAugment(num_ops=3)
    numbers, keys = jnp.array([1, 7, 2]), jax.random.split(KEY, 3)
    y = once(policy.by_lot)(RGB, numbers, keys)
    expected = one_after_another(policy, numbers, keys, RGB)
    np.testing.assert_allclose(y, expected, atol=0.05)
    seen = {
        int(n)
        for seed in range(40)
        for n in jax.random.randint(jax.random.key(seed), (3,), 0, 11)
    }
    assert seen == set(range(11))


def test_aug_mix_is_keras_for_given_chains():
    policy = layers.AugMix(num_chains=2, chain_depth=2)
    peer = keras.layers.AugMix(num_chains=2, chain_depth=2)
    # Only layers that draw nothing: 9 AutoContrast, 10 Equalization, 11 none.
    numbers = jnp.array([[9, 11], [10, 9]])
    shares = jnp.array([0.7, 0.3])
    still = [{"layer_name": n, "transformation": None} for n in ("auto_contrast",)]
    both = [{"layer_name": "equalization", "transformation": None}, *still]
    theirs = {
        "chain_mixing_weights": shares,
        "weight_sample": jnp.array(0.4),
        "chain_transforms": [still, both],
    }
    x = np.round(RGB[:1])  # Keras' Equalization counts over the whole batch
    expected = peer.transform_images(x, theirs)
    keys = jax.random.split(KEY, (2, 2))
    made = once(policy._mixed)({"images": x}, 0.4, shares, numbers, keys)
    np.testing.assert_allclose(made["images"], expected, atol=0.05)


def test_the_draws_of_aug_mix():
    policy = layers.AugMix(num_chains=4, alpha=0.5)
    draw = once(jax.vmap(lambda key: policy.draw(key, jnp.asarray(RGB))[:3]))
    own, shares, numbers = draw(jax.random.split(KEY, 2000))
    # Beta(1/2, 1/2): mean 1/2, variance 1/8. Dirichlet of 4: mean 1/4.
    np.testing.assert_allclose([np.mean(own), np.var(own)], [0.5, 0.125], atol=0.03)
    np.testing.assert_allclose(np.sum(shares, -1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(np.mean(shares, 0), 0.25, atol=0.03)
    assert set(np.unique(numbers)) == set(range(12))


def test_boxes_and_masks_go_along_by_lot():
    policy = layers.RandAugment(num_ops=1, bounding_box_format="xyxy")
    data = {
        "images": RGB,
        "labels": jnp.arange(N),
        "segmentation_masks": jnp.asarray((RGB[..., :1] > 99) * 1.0),
        "bounding_boxes": {
            "boxes": jnp.array([[[1.0, 2, 5, 4]]] * N),
            "labels": jnp.ones((N, 1), int),
        },
    }
    keys = jax.random.split(KEY, 1)
    for number in (1, 4):  # one that moves pixels, one that does not
        made = policy.by_lot(data, jnp.array([number]), keys)
        alone = policy.choices()[number].together(data, keys[0])
        jax.tree.map(
            lambda m, a: np.testing.assert_allclose(m, a, atol=1e-2), made, alone
        )
    mixed = layers.AugMix(num_chains=1)(data)
    assert mixed["bounding_boxes"]["boxes"].tolist() == [[[1, 2, 5, 4]]] * N
    assert mixed["labels"].tolist() == [0, 1, 2]
    assert mixed["segmentation_masks"].shape == (N, 6, 9, 1)


# In programs --------------------------------------------------------------------------


def test_a_network_trains_behind_a_pipeline_and_comes_back(tmp_path):
    images = [
        layers.RandAugment(num_ops=1),
        layers.RandomPerspective(0.5, 0.2),
        layers.RandomElasticTransform(0.5),
        layers.Resizing(4, 4),
    ]
    parts = [layers.Pipeline(images), layers.Rescaling(1 / 255), layers.Flatten()]
    model = onefit.Sequential([onefit.Input((6, 9, 3)), *parts, layers.Dense(2)])
    model.compile("adam", onefit.losses.SparseCategoricalCrossentropy(from_logits=True))
    y = np.array([0, 1, 0])
    first = model.predict(RGB, verbose=0)
    again = model.predict(RGB, verbose=0)
    np.testing.assert_array_equal(first, again)
    history = model.fit(RGB, y, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    model.save(tmp_path / "m.keras")
    loaded = onefit.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(
        loaded.predict(RGB, verbose=0), model.predict(RGB, verbose=0), rtol=1e-5
    )
    assert [type(s).__name__ for s in loaded.layers[0].members] == [
        type(s).__name__ for s in images
    ]


def test_what_cannot_be_meant_by_lot():
    with refuses("Pipeline: received []; expected a list of layers", TypeError):
        layers.Pipeline([])
    with refuses("received 3; expected a layer", TypeError):
        layers.Pipeline([3])
    with refuses("RandAugment: received factor=(0, 2); expected a number"):
        layers.RandAugment(factor=2)
    with refuses("RandAugment: received num_ops=0; expected a whole number"):
        layers.RandAugment(num_ops=0)
    with refuses("AugMix: received alpha=0; expected a number above 0"):
        layers.AugMix(alpha=0)
    with refuses("images of 2 channels; expected red, green and blue, or one channel"):
        layers.RandAugment()(np.ones((1, 4, 4, 2)))
    with refuses("tile_grid_size=(8, 0); expected how many tiles"):
        getattr(layers, NAME)(tile_grid_size=(8, 0))
    with refuses("RandomPerspective: received scale=2; expected a number from 0 to 1"):
        layers.RandomPerspective(scale=2)
    with refuses("MaxNumBoundingBoxes: received max_number=0"):
        layers.MaxNumBoundingBoxes(0)


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called")  # of Keras
def test_keras_reads_a_pipeline_and_it_reads_keras(tmp_path):
    def network(lib):
        flips = lib.layers.Pipeline([lib.layers.RandomFlip(), lib.layers.Rescaling(2)])
        return lib.Sequential([lib.Input((2, 3, 1)), flips, lib.layers.Flatten()])

    x = np.arange(6.0).reshape(1, 2, 3, 1)
    for writer, load in ((onefit, keras.models.load_model), (keras, onefit.load_model)):
        path = str(tmp_path / f"{writer.__name__}.keras")
        network(writer).save(path)
        np.testing.assert_allclose(
            load(path).predict(x, verbose=0),  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
            2 * x.reshape(1, 6),
        )
