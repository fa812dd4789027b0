"""Images in and out of files and arrays, against Keras and by hand."""

import io

import numpy as np
import pytest
from keras import utils as keras_utils
from keras.preprocessing import image as keras_image
from PIL import Image

from onefit.preprocessing import image
from onefit.preprocessing.resizing import fitted, resized

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (7, 11, 3), np.uint8)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"target_size": (7, 11)},
        {"target_size": (5, 4)},
        {"target_size": (4, 9), "interpolation": "lanczos", "keep_aspect_ratio": True},
        {"target_size": (9, 4), "interpolation": "bilinear", "keep_aspect_ratio": True},
    ],
)
def test_load_img_is_keras(file, color_mode, given):
    ours = image.load_img(file, color_mode, **given)
    theirs = keras_utils.load_img(file, color_mode, **given)
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
    assert ours.tobytes() == theirs.tobytes()
    for data_format in (None, "channels_first"):
        one = image.img_to_array(ours, data_format)
        other = keras_utils.img_to_array(theirs, data_format)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_load_img_takes_bytes_and_deep_greys(file, tmp_path):
    assert image.load_img(io.BytesIO(file.read_bytes())).size == (11, 7)
    assert image.load_img(str(file).encode()).size == (11, 7)
    Image.fromarray(np.array([[0, 40_000]], np.uint16)).save(tmp_path / "d.png")
    deep = image.load_img(tmp_path / "d.png", "grayscale")
    assert image.img_to_array(deep).ravel().tolist() == [0, 40_000]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_array_to_img_is_keras(channels, scale, data_format):
    x = RNG.uniform(0, 200, (3, 4, channels)).astype("float32")
    x = x.transpose(2, 0, 1) if data_format == "channels_first" else x
    ours = image.array_to_img(x, data_format, scale)
    theirs = keras_utils.array_to_img(x, data_format, scale)
    assert (ours.mode, ours.tobytes()) == (theirs.mode, theirs.tobytes())
    np.testing.assert_array_equal(x, np.array(x))


def test_constant_and_deep_arrays():
    assert image.array_to_img(np.full((1, 1, 1), 7)).tobytes() == b"\x00"
    assert image.array_to_img(np.full((1, 1, 1), 300), scale=False).mode == "I"


def reopened(path):
    return Image.open(io.BytesIO(path.read_bytes()))


def test_save_img(tmp_path):
    image.save_img(tmp_path / "b.png", PIXELS, scale=False)
    np.testing.assert_array_equal(reopened(tmp_path / "b.png"), PIXELS)
    image.save_img(tmp_path / "b.jpg", PIXELS, quality=50)
    assert reopened(tmp_path / "b.jpg").format == "JPEG"
    image.save_img(tmp_path / "b", PIXELS, file_format="bmp")
    assert reopened(tmp_path / "b").format == "BMP"
    with pytest.warns(match="a JPEG file cannot be transparent"):
        image.save_img(tmp_path / "c.JPG", RNG.random((2, 2, 4)))


def test_images_refuse_what_cannot_be_meant(file, tmp_path):
    (tmp_path / "broken.png").write_bytes(file.read_bytes()[:60])
    (tmp_path / "text.png").write_text("no image")
    for name in ("broken.png", "text.png"):
        with pytest.raises(ValueError, match=rf"{name}, which is no whole image"):
            image.load_img(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        image.load_img(tmp_path / "gone.png")
    with pytest.raises(TypeError, match="received a int; expected the path"):
        image.load_img(3)
    with pytest.raises(ValueError, match=r"Unknown color_mode .* Did you mean 'rgb'"):
        image.load_img(file, "rbg")
    with pytest.raises(ValueError, match=r"target_size=\(0, 3\); expected \(height"):
        image.load_img(file, target_size=(0, 3))
    with pytest.raises(ValueError, match="Unknown interpolation of load_img 'linear'"):
        image.load_img(file, target_size=3, interpolation="linear")
    with pytest.raises(ValueError, match=r"shape \(2, 3, 2\); expected one image"):
        image.array_to_img(np.ones((2, 3, 2)))
    with pytest.raises(ValueError, match=r"shape \(1, 2, 3, 3\); expected an image"):
        image.img_to_array(np.ones((1, 2, 3, 3)))


@pytest.mark.parametrize(
    "how", ["bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"]
)
@pytest.mark.parametrize("size", [(5, 4), (13, 17), (3, 11), (7, 30), (1, 1)])
def test_resizing_is_keras(how, size):
    x = PIXELS.astype("float32")
    theirs = keras_image.smart_resize(x, size, how)
    np.testing.assert_allclose(
        image.smart_resize(x, size, how), theirs, rtol=1e-5, atol=2e-3
    )
    from keras import ops

    np.testing.assert_allclose(
        resized(x, size, how),
        ops.image.resize(x, size, how, antialias=False),
        rtol=1e-5,
        atol=2e-3,
    )


def test_smart_resize_of_batches_and_channels_first():
    x = RNG.random((2, 6, 4, 3)).astype("float32")
    y = image.smart_resize(x, (3, 3))
    np.testing.assert_array_equal(y[1], image.smart_resize(x[1], (3, 3)))
    z = image.smart_resize(
        x.transpose(0, 3, 1, 2), (3, 3), data_format="channels_first"
    )
    np.testing.assert_array_equal(z, y.transpose(0, 3, 1, 2))
    with pytest.raises(ValueError, match=r"shape \(6, 4\); expected an image"):
        image.smart_resize(x[0, ..., 0], (3, 3))


def test_the_other_kernels_by_hand():
    x = np.array([[0.0, 1.0, 2.0, 3.0, 4.0]])[..., None]
    # Each of two numbers covers two pixels and a half: (0 + 1 + 2/2) / 2.5, ...
    np.testing.assert_allclose(resized(x, (1, 2), "area").ravel(), [0.8, 3.2])
    # At the middle, distance 0 and 1: 8/9 and 1/18 of Mitchell and Netravali's cubic.
    x = np.array([[0.0, 9.0, 0.0]])[..., None]
    np.testing.assert_allclose(
        resized(x, (1, 1), "mitchellcubic").ravel(), 9 * (8 / 9) / (8 / 9 + 2 / 18)
    )
    # exp(-2 d²) at the distances 0 and 1.
    near = np.exp(-2)
    np.testing.assert_allclose(
        resized(x, (1, 1), "gaussian").ravel(), 9 / (1 + 2 * near), rtol=1e-6
    )


def test_padding_keeps_the_whole_image():
    x = np.ones((2, 4, 1), "float32")
    y = fitted(x, (6, 6), "bilinear")[..., 0]
    # Three times as large: three rows of six, with one of black above and two below.
    np.testing.assert_array_equal(y.sum(1), [0, 6, 6, 6, 0, 0])
    tall = fitted(np.ones((7, 1, 1)), (7, 7), "bilinear")[..., 0]
    np.testing.assert_array_equal(tall.sum(0), [0, 0, 0, 7, 0, 0, 0])


def test_a_size_of_a_constant_image_is_constant():
    for how in ("area", "gaussian", "mitchellcubic", "bicubic", "lanczos5"):
        for size in ((1, 2), (4, 9), (40, 3)):
            np.testing.assert_allclose(
                resized(np.full((5, 7, 2), 3.0), size, how), 3.0, rtol=1e-5
            )
