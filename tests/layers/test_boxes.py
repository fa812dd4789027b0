"""Boxes, masks and labels that go along with images: Keras' numbers for given draws,
and what is true of any layer: the box is around what was in it.
"""

import re

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.layers.boxes import FORMATS
from onefit.utils import bounding_boxes

N, HEIGHT, WIDTH = 4, 8, 10
SHAPE = (N, HEIGHT, WIDTH, 3)
CORNERS = np.array([[[1.0, 2, 5, 6], [3, 0, 9, 4]]] * N, "float32")
LABELS = np.array([[1, 2]] * N)
HALF = np.array([True, False, True, False])
F = np.array([-0.6, -0.1, 0.3, 0.7], "float32")
KNOWN = {"height": HEIGHT, "width": WIDTH}


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# Class, settings, what is drawn here, what that is in Keras, formats where Keras is
# right: its RandomRotation takes any box for "xyxy".
SIZE = {"input_shape": SHAPE}
FLIPS = {"flips": HALF.reshape(-1, 1, 1, 1), **SIZE}
ALL = ("xyxy", "rel_xywh", "center_yxhw")
CASES = [
    ("RandomFlip", {"mode": "horizontal"}, (HALF, None), FLIPS, ALL),
    ("RandomFlip", {"mode": "vertical"}, (None, HALF), FLIPS, ALL),
    (
        "RandomRotation",
        {"factor": 0.5},
        (F * np.pi,),
        {
            "angle": F * 180,
            "image_height": HEIGHT,
            "image_width": WIDTH,
            "batch_size": N,
        },
        ("xyxy",),
    ),
    (
        "RandomZoom",
        {"height_factor": 0.5},
        (1 + F, 1 - F),
        {"height_zoom": (1 + F)[:, None], "width_zoom": (1 - F)[:, None], **SIZE},
        ALL,
    ),
    (
        "RandomTranslation",
        {"height_factor": 0.5, "width_factor": 0.5},
        (F * 4, F * 3),
        {"translations": np.stack([F * 3, F * 4], 1), **SIZE},
        ALL,
    ),
    ("CenterCrop", {"height": 4, "width": 6}, (), SIZE, ALL),
    ("CenterCrop", {"height": 12, "width": 6}, (), SIZE, ALL),
    ("Resizing", {"height": 4, "width": 6}, (), SHAPE[1:3], ALL),
    (
        "Resizing",
        {"height": 20, "width": 20, "pad_to_aspect_ratio": True},
        (),
        SHAPE[1:3],
        ALL,
    ),
]


@pytest.mark.parametrize(("name", "settings", "drawn", "theirs", "formats"), CASES)
def test_boxes_for_given_draws_are_keras(name, settings, drawn, theirs, formats):
    for own in formats:
        how = settings | {"bounding_box_format": own}
        boxes = bounding_boxes.convert_format(CORNERS, "xyxy", own, **KNOWN)
        given = {"boxes": boxes, "labels": jnp.asarray(LABELS)}
        keras_layer = getattr(keras.layers, name)(**how)
        expected = keras_layer.transform_bounding_boxes(dict(given), theirs)
        made = getattr(layers, name)(**how).change_boxes(given, SHAPE[1:3], *drawn)
        np.testing.assert_allclose(made["boxes"], expected["boxes"], atol=2e-4)
        np.testing.assert_array_equal(made["labels"], expected["labels"])


XYXY = {"bounding_box_format": "xyxy"}
MOVING = [
    layers.RandomFlip(**XYXY),
    layers.RandomRotation(0.25, fill_mode="constant", **XYXY),
    layers.RandomZoom(0.4, 0.3, fill_mode="constant", **XYXY),
    layers.RandomTranslation(0.4, 0.3, fill_mode="constant", **XYXY),
    layers.RandomShear(0.4, 0.3, fill_mode="constant", **XYXY),
    layers.RandomPerspective(scale=0.3, **XYXY),
    layers.RandomCrop(23, 17, **XYXY),
    layers.RandomCrop(40, 50, **XYXY),
    layers.CenterCrop(20, 30, **XYXY),
    layers.CenterCrop(40, 30, **XYXY),
    layers.Resizing(20, 50, **XYXY),
    layers.Resizing(20, 50, crop_to_aspect_ratio=True, **XYXY),
    layers.Resizing(20, 50, pad_to_aspect_ratio=True, **XYXY),
    layers.Pipeline([layers.Resizing(40, 40, **XYXY), layers.RandomFlip(**XYXY)]),
]


@pytest.mark.parametrize("layer", MOVING, ids=lambda layer: type(layer).__name__)
def test_a_box_is_around_what_was_in_it(layer):
    # A white rectangle on black, and the box around it.
    left, top, right, bottom = 8, 5, 28, 22
    x = np.zeros((5, 30, 36, 1), "float32")
    x[:, top:bottom, left:right] = 1.0
    data = {
        "images": x,
        "segmentation_masks": x.copy(),
        "bounding_boxes": {
            "boxes": np.array([[[left, top, right, bottom]]] * 5),
            "labels": np.full((5, 1), 7),
        },
    }
    made = layer(data, training=True)
    boxes = np.asarray(made["bounding_boxes"]["boxes"])[:, 0]
    assert made["bounding_boxes"]["labels"].ravel().tolist() == [7] * 5
    for name in ("images", "segmentation_masks"):
        for image, box in zip(np.asarray(made[name]), boxes, strict=True):
            rows, columns = np.nonzero(image[..., 0] > 0.5)
            seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            # A box ends between pixels; some layers move the middles of pixels.
            np.testing.assert_allclose(box, seen, atol=1.6)


def test_what_is_left_of_nothing_has_no_label():
    layer = layers.RandomTranslation(0.0, (0.5, 0.5), bounding_box_format="rel_xywh")
    data = {
        "images": np.zeros(SHAPE),
        "bounding_boxes": {
            "boxes": [[[0.0, 0.0, 1.0, 1.0], [0.75, 0.0, 0.25, 1.0]]] * N,
            "labels": [[3, 4]] * N,
        },
    }
    made = layer(data)["bounding_boxes"]
    assert made["labels"].tolist() == [[3, -1]] * N
    np.testing.assert_allclose(made["boxes"][0, 0], [0.5, 0.0, 0.5, 1.0], atol=1e-6)


def test_mix_up_has_the_boxes_of_both():
    order = jnp.array([1, 0, 3, 2])
    boxes = jnp.arange(N * 8.0).reshape(N, 2, 4)
    given = {"boxes": boxes, "labels": jnp.arange(N * 2).reshape(N, 2)}
    made = layers.MixUp().change_boxes(given, (8, 8), F, order)
    np.testing.assert_array_equal(made["boxes"][1], jnp.concatenate(boxes[:2][::-1]))
    assert made["labels"][1].tolist() == [2, 3, 0, 1]
    shapes = {"boxes": (None, 2, 4), "labels": (None, 2)}
    shape = {"images": (None, 8, 8, 3), "bounding_boxes": shapes}
    made = layers.MixUp().output_shape(shape)["bounding_boxes"]
    assert made == {"boxes": (None, None, 4), "labels": (None, None)}


def test_whole_one_hot_labels_and_masks_are_mixed():
    data = {
        "images": np.zeros((2, 2, 2, 1)),
        "labels": np.eye(2, dtype=int),
        "segmentation_masks": np.arange(2).reshape(2, 1, 1, 1) * np.ones((2, 2, 2, 1)),
    }
    drawn = jnp.array([0.25, 1.0]), jnp.array([1, 0])
    layer = layers.MixUp()
    np.testing.assert_allclose(
        layer.change_labels(data["labels"], *drawn), [[0.25, 0.75], [0, 1]]
    )
    masks = layer.change_masks(data["segmentation_masks"], *drawn)
    np.testing.assert_allclose(masks[:, 0, 0, 0], [0.75, 1.0])


def test_max_num_bounding_boxes_is_keras():
    data = {"images": np.zeros(SHAPE), "bounding_boxes": {"boxes": CORNERS}}
    data["bounding_boxes"]["labels"] = LABELS
    for n in (1, 2, 3):
        made = layers.MaxNumBoundingBoxes(n)(data)["bounding_boxes"]
        theirs = keras.layers.MaxNumBoundingBoxes(n, **XYXY)(
            {"images": np.zeros(SHAPE), "bounding_boxes": dict(data["bounding_boxes"])}
        )["bounding_boxes"]
        np.testing.assert_array_equal(made["boxes"], theirs["boxes"])
        np.testing.assert_array_equal(made["labels"], theirs["labels"])


def test_one_image_is_a_batch_of_one():
    box = {"boxes": CORNERS[0], "labels": LABELS[0]}
    x = np.arange(HEIGHT * WIDTH * 3).reshape(SHAPE[1:])
    data = {"images": x, "labels": np.eye(3)[0], "bounding_boxes": box}
    layer = layers.RandomFlip("vertical", **XYXY)
    made = {k: v for k, v in layer(data).items() if k != "bounding_boxes"}
    assert {k: v.shape for k, v in made.items()} == {"images": x.shape, "labels": (3,)}
    first = layers.Resizing(4, 5, data_format="channels_first")
    assert first(x.transpose(2, 0, 1)).shape == (3, 4, 5)
    assert layers.CutMix()(x).shape == x.shape
    alone = onefit.Sequential([layers.Resizing(4, 5), layers.Rescaling(0.5)])
    many = alone(x[None])
    np.testing.assert_allclose(alone(x), many[0], rtol=1e-6)


def test_a_call_that_does_not_say_is_one_of_training():
    x = np.arange(6.0).reshape(1, 1, 6, 1) * np.ones((8, 1, 1, 1))
    flips = [layers.RandomFlip("horizontal"), layers.Rescaling(2.0)]
    network = onefit.Sequential([*flips, layers.Flatten(), layers.Dense(1)])
    for alone in (layers.Pipeline(flips), onefit.Sequential(flips)):
        assert len(np.unique(np.asarray(alone(x)), axis=0)) == 2
        assert len(np.unique(np.asarray(alone(x, training=False)), axis=0)) == 1
    # What learns does not learn unless it is told, and neither draws.
    np.testing.assert_allclose(network(x), network.predict(x, verbose=0), rtol=1e-5)


def test_a_data_set_maps_images_with_all_that_goes_along():
    data = {
        "images": np.zeros(SHAPE, "uint8"),
        "labels": np.arange(N),
        "bounding_boxes": {"boxes": CORNERS, "labels": LABELS},
    }
    steps = [
        layers.RandomFlip("horizontal", bounding_box_format="xyxy"),
        layers.MaxNumBoundingBoxes(3),
    ]
    rows = onefit.data.Dataset.from_tensor_slices(data).map(layers.Pipeline(steps))
    batches = list(rows.batch(3))
    assert [len(batch["images"]) for batch in batches] == [3, 1]
    assert batches[0]["labels"].tolist() == [0, 1, 2]
    found = np.asarray(batches[0]["bounding_boxes"]["boxes"][:, 0])
    assert set(map(tuple, found)) <= {(1, 2, 5, 6), (5, 2, 9, 6)}


def test_a_graph_takes_a_dict():
    images, masks = onefit.Input((4, 4, 1)), onefit.Input((4, 4, 1))
    made = layers.RandomCrop(2, 2)({"images": images, "segmentation_masks": masks})
    model = onefit.Model([images, masks], [made["images"], made["segmentation_masks"]])
    x = np.arange(16.0).reshape(1, 4, 4, 1)
    y, mask = model.predict([x, x], verbose=0)
    assert y.shape == mask.shape == (1, 2, 2, 1)


# The functions ------------------------------------------------------------------------


@pytest.mark.parametrize("source", FORMATS)
def test_formats_are_keras(source):
    theirs = keras.utils.bounding_boxes
    boxes = np.random.default_rng(0).uniform(0.1, 0.9, (2, 3, 4)).astype("float32")
    for target in FORMATS:
        expected = theirs.convert_format(boxes, source, target, **KNOWN)
        made = bounding_boxes.convert_format(boxes, source, target, **KNOWN)
        np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def test_the_other_functions_are_keras():
    theirs, ours = keras.utils.bounding_boxes, bounding_boxes
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 5, (2, 3, 2))
    a = np.concatenate([low, low + rng.uniform(1, 5, (2, 3, 2))], -1).astype("float32")
    b = (a[0] + 0.5)[:2]
    angle = np.array([20.0, -50.0], "float32")
    none, one = np.zeros(2, "float32"), np.ones(2, "float32")
    shift = np.array([0.1, 0.2], "float32")
    turned = (angle, shift, none, one * 2, none + 5, none, 9, 11)
    calls = [
        ("compute_iou", (a, a, "xyxy"), {}),
        ("compute_iou", (a, b, "yxyx"), {}),
        ("compute_iou", (b, a, "rel_xywh"), {"image_shape": (7, 9, 3)}),
        ("compute_iou", (a - 6, a, "xyxy"), {"use_masking": True, "mask_val": -2}),
        ("compute_ciou", (a, a[:, ::-1], "xywh"), {}),
        ("crop", (a, 2, 1, 4, 5), {}),
        ("pad", (a, 2, 1), {}),
        ("affine_transform", (a, *turned), {}),
        ("affine_transform", (a, *turned), {"center_x": 0.2, "center_y": 0.0}),
        ("encode_box_to_deltas", (b, a[:, :2], "xyxy", "xyxy"), {}),
        (
            "encode_box_to_deltas",
            (b, b + 1, "xyxy", "rel_xywh"),
            {"image_shape": (7, 9, 3), "variance": [0.1, 0.1, 0.2, 0.2]},
        ),
        ("decode_deltas_to_boxes", (b, a[:, :2] / 9, "xyxy", "xywh"), {}),
        (
            "decode_deltas_to_boxes",
            ({"p": b}, {"p": a[:, :2] / 9}, "xyxy", "xyxy"),
            {"variance": [0.1, 0.1, 0.2, 0.2], "encoded_format": "center_xywh"},
        ),
    ]
    for name, args, options in calls:
        expected = getattr(theirs, name)(*args, **options)
        made = getattr(ours, name)(*args, **options)
        jax.tree.map(
            lambda m, e: np.testing.assert_allclose(m, e, rtol=2e-4, atol=2e-4),
            made,
            expected,
        )


def test_functions_refuse_what_cannot_be_meant():
    with refuses("Unknown bounding_box_format 'xyxx'. Did you mean 'yxyx' or 'xyxy'?"):
        layers.RandomFlip(bounding_box_format="xyxx")
    with refuses("'xyxy' to 'rel_xyxy' without the image's size"):
        bounding_boxes.convert_format(CORNERS, "xyxy", "rel_xyxy")
    with refuses("shape (4, 2, 3); expected a last axis of 4"):
        bounding_boxes.convert_format(CORNERS[..., :3], "xyxy", "xywh")
    with refuses("'xyxy' with height and width"):
        bounding_boxes.clip_to_image_size({"boxes": CORNERS})
    with refuses("'xywh'; expected 'xyxy'"):
        bounding_boxes.pad(CORNERS, 1, 1, bounding_box_format="xywh")
    with refuses("expected (n, 4) or (batch, n, 4)"):
        bounding_boxes.compute_iou(CORNERS[0, 0], CORNERS, "xyxy")
    with refuses("variance of 3 numbers; expected 4"):
        bounding_boxes.encode_box_to_deltas(
            CORNERS[0], CORNERS[0], "xyxy", "xyxy", variance=[1, 1, 1]
        )
    with refuses("encoding_format='xyxy'; expected 'center_xywh' or 'center_yxhw'"):
        bounding_boxes.encode_box_to_deltas(
            CORNERS[0], CORNERS[0], "xyxy", "xyxy", encoding_format="xyxy"
        )
