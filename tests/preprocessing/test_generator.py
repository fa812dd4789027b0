"""ImageDataGenerator: the rows and the changes that Keras draws for a seed."""

import types

import numpy as np
import pandas as pd
import pytest
import scipy.ndimage
from keras.src.legacy.preprocessing import image as keras_image
from PIL import Image

from onefit.preprocessing import image
from onefit.preprocessing.image import ImageDataGenerator

# Keras asks for a name that SciPy no longer has.
keras_image.scipy = types.SimpleNamespace(
    ndimage=types.SimpleNamespace(interpolation=scipy.ndimage)
)
RNG = np.random.default_rng(0)
X = RNG.uniform(0, 255, (10, 6, 6, 3)).astype("float32")
Y = np.arange(10)

CHANGES = [
    {},
    {"rotation_range": 40},
    {"shear_range": 30, "fill_mode": "constant", "cval": 2.0},
    {"zoom_range": 0.3, "fill_mode": "wrap"},
    {"zoom_range": (0.5, 1.5), "rotation_range": 10, "fill_mode": "reflect"},
    {"channel_shift_range": 50.0},
    {"horizontal_flip": True, "vertical_flip": True},
    {"brightness_range": (0.5, 1.5)},
    {"rescale": 1 / 255, "samplewise_std_normalization": True},
    {"preprocessing_function": lambda x: x - 1, "rescale": 2.0},
    {"rotation_range": 90, "interpolation_order": 0, "samplewise_center": True},
]


def both(**given):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ImageDataGenerator(**given), keras_image.ImageDataGenerator(**given)


def same(one, other):
    one = one if isinstance(one, tuple | list) else (one,)
    other = other if isinstance(other, tuple | list) else (other,)
    for a, b in zip(one, other, strict=True):
        if isinstance(a, list):
            same(a, b)
            continue
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("given", CHANGES, ids=lambda given: " ".join(given) or "none")
def test_a_seed_draws_keras_rows_and_changes(given):
    ours, theirs = both(**given)
    one = ours.flow(X, Y, batch_size=4, seed=5)
    other = theirs.flow(X, Y, batch_size=4, seed=5)
    assert len(one) == len(other) == 3
    for _ in range(7):  # over two rounds
        same(next(one), next(other))
    one.reset()
    other.reset()
    same(next(one), next(other))


@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_by_number_as_fit_asks_for_them(shuffle):
    ours, theirs = both(horizontal_flip=True)
    one = ours.flow(X, Y, batch_size=4, seed=2, shuffle=shuffle)
    other = theirs.flow(X, Y, batch_size=4, seed=2, shuffle=shuffle)
    for _ in range(2):
        for i in range(3):
            same(one[i], other[i])
        one.on_epoch_end()
        other.on_epoch_end()
    with pytest.raises(IndexError):
        one[3]


def test_what_is_drawn_has_keras_names_and_numbers():
    given = {
        "rotation_range": 20,
        "height_shift_range": 0.3,
        "width_shift_range": [1, 2],
        "zoom_range": 0.2,
        "brightness_range": (0.9, 1.1),
    }
    ours, theirs = both(**given)
    one = ours.get_random_transform((6, 8, 3), seed=4)
    other = theirs.get_random_transform((6, 8, 3), seed=4)
    assert list(one) == list(other)
    assert one == pytest.approx(other)
    assert ours.get_random_transform((6, 8, 3)) != ours.get_random_transform((6, 8, 3))
    same(ours.random_transform(X[0], seed=4).shape and X[0], X[0])


def test_shifts_go_along_the_axis_that_they_name():
    x = np.zeros((3, 5, 1), "float32")
    x[1, 2] = 1
    make = ImageDataGenerator(fill_mode="constant")
    down = make.apply_transform(x, {"tx": -1})
    right = make.apply_transform(x, {"ty": -1})
    assert np.argwhere(down[..., 0]).tolist() == [[2, 2]]
    assert np.argwhere(right[..., 0]).tolist() == [[1, 3]]


def test_an_image_turns_about_its_own_middle():
    x = np.zeros((3, 5, 1))
    x[1, 1:4] = 1
    y = image.apply_affine_transform(
        x, 90, row_axis=0, col_axis=1, channel_axis=2, fill_mode="constant"
    )
    expected = np.zeros((3, 5))
    expected[:, 2] = 1
    np.testing.assert_allclose(y[..., 0], expected, atol=1e-12)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_affine_is_keras_for_squares(data_format):
    x = X[0] if data_format == "channels_last" else X[0].transpose(2, 0, 1)
    axes = (0, 1, 2) if data_format == "channels_last" else (1, 2, 0)
    names = dict(zip(("row_axis", "col_axis", "channel_axis"), axes, strict=True))
    moves = {"theta": 30, "tx": 1.5, "ty": -0.5, "shear": 10, "zx": 0.8, "zy": 1.2}
    same(
        image.apply_affine_transform(x, **moves, **names),
        keras_image.apply_affine_transform(x, **moves, **names),
    )
    swapped = names | {"row_axis": names["col_axis"], "col_axis": names["row_axis"]}
    same(
        image.apply_affine_transform(x, **moves, **swapped),
        keras_image.apply_affine_transform(x, **moves, **swapped),
    )


@pytest.mark.parametrize(
    "given",
    [
        {"featurewise_center": True},
        {"featurewise_std_normalization": True},
        {"zca_whitening": True, "rescale": 1 / 255},
        {"featurewise_std_normalization": True, "data_format": "channels_first"},
    ],
)
@pytest.mark.parametrize("augment", [False, True])
def test_fit_and_standardize_are_keras(given, augment):
    ours, theirs = both(horizontal_flip=True, **given)
    x = X.transpose(0, 3, 1, 2) if "data_format" in given else X
    x = x[:, :, :3, :3] if given.get("data_format") else x[:, :3, :3]
    for make in (ours, theirs):
        make.fit(x, augment, rounds=2, seed=3)
    one, other = ours.standardize(x[0].copy()), theirs.standardize(x[0].copy())
    # Whitening divides by singular values, some of them small.
    np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-2)


def test_it_says_what_has_no_effect_before_fit():
    make = ImageDataGenerator(featurewise_std_normalization=True)
    with pytest.warns(match=r"featurewise_\w+ has no effect before fit"):
        np.testing.assert_array_equal(make.standardize(X[0]), X[0])


def test_weights_several_inputs_and_no_labels():
    make = ImageDataGenerator()
    weights = np.linspace(0, 1, 10)
    x, y, w = next(make.flow(X, Y, 4, sample_weight=weights, shuffle=False))
    assert (y.tolist(), w.tolist()) == (Y[:4].tolist(), weights[:4].tolist())
    np.testing.assert_array_equal(x, X[:4])
    (a, b), y = next(make.flow((X, Y * 2), Y, 4, shuffle=False))
    assert (a.shape, b.tolist()) == ((4, 6, 6, 3), (Y[:4] * 2).tolist())
    assert next(make.flow(X, batch_size=3)).shape == (3, 6, 6, 3)


def test_parts_of_arrays():
    make = ImageDataGenerator(validation_split=0.3)
    y = Y % 2
    held = make.flow(X, y, subset="validation", shuffle=False)
    rest = make.flow(X, y, subset="training", shuffle=False)
    np.testing.assert_array_equal(next(held)[0], X[:3])
    np.testing.assert_array_equal(next(rest)[0], X[3:])
    with pytest.raises(ValueError, match="labels in one part that the other does not"):
        make.flow(X, Y, subset="training")
    make.flow(X, Y, subset="training", ignore_class_split=True)


def test_images_are_kept_on_disk_when_asked(tmp_path):
    folder = tmp_path / "seen"
    make = ImageDataGenerator().flow(
        X, batch_size=2, save_to_dir=str(folder), save_prefix="a", save_format="jpeg"
    )
    next(make)
    files = sorted(folder.iterdir())
    assert len(files) == 2
    assert all(f.name.startswith("a_") and f.suffix == ".jpeg" for f in files)


# Files --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    base = tmp_path_factory.mktemp("images")
    for name in ("cat", "dog"):
        (base / name).mkdir()
        for i in range(5):
            pixels = RNG.integers(0, 256, (5, 6 + i, 3), np.uint8)
            Image.fromarray(pixels).save(base / name / f"{i}.png")
    return base


@pytest.mark.parametrize(
    "class_mode", ["categorical", "binary", "sparse", "input", None]
)
def test_flow_from_directory_is_keras(folder, class_mode, capsys):
    ours, theirs = both(rotation_range=20, validation_split=0.4, rescale=1 / 255)
    given = {
        "target_size": (6, 6),
        "class_mode": class_mode,
        "batch_size": 4,
        "seed": 1,
    }
    for subset in (None, "training", "validation"):
        one = ours.flow_from_directory(folder, subset=subset, **given)
        said = capsys.readouterr().out
        other = theirs.flow_from_directory(folder, subset=subset, **given)
        assert said.strip() in capsys.readouterr().out
        assert one.filenames == other.filenames
        assert one.class_indices == other.class_indices
        assert (one.samples, one.num_classes) == (other.samples, other.num_classes)
        assert one.image_shape == other.image_shape
        assert one.labels.tolist() == other.labels.tolist()
        for _ in range(4):
            same(next(one), next(other))


@pytest.mark.parametrize(
    "given",
    [
        {"color_mode": "grayscale", "interpolation": "bilinear"},
        {"color_mode": "rgba", "classes": ["dog", "cat"]},
        {"keep_aspect_ratio": True, "shuffle": False},
    ],
)
def test_flow_from_directory_reads_as_keras(folder, given):
    ours, theirs = both(data_format="channels_first")
    given = {"target_size": (4, 3), "seed": 1} | given
    one = ours.flow_from_directory(folder, **given)
    other = theirs.flow_from_directory(folder, **given)
    same(next(one), next(other))


TABLE = {
    "filename": ["cat/0.png", "dog/1.png", "cat/2.png", "dog/3.png", "cat/gone.png"],
    "class": ["c", "d", "c", "d", "c"],
    "many": [["c"], ["c", "d"], ["d"], ["d"], ["c"]],
    "number": [0.5, 1.5, 2.5, 3.5, 4.5],
    "other": [1, 2, 3, 4, 5],
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"class_mode": "binary"},
        {"class_mode": "sparse", "weight_col": "other"},
        {"y_col": "many"},
        {"classes": ["d"]},
        {"class_mode": "raw", "y_col": "number"},
        {"class_mode": "raw", "y_col": ["number", "other"]},
        {"class_mode": "multi_output", "y_col": ["number", "other"]},
        {"class_mode": "input"},
        {"class_mode": None},
        {"subset": "validation"},
        {"subset": "training", "class_mode": "raw", "y_col": "number"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Found 1 invalid")
@pytest.mark.filterwarnings("ignore:flow_from_dataframe. left out 1 files")
def test_flow_from_dataframe_is_keras(folder, given, capsys):
    ours, theirs = both(validation_split=0.25, horizontal_flip=True)
    table = pd.DataFrame(TABLE)
    call = {"directory": str(folder), "target_size": (4, 4), "batch_size": 3, "seed": 2}
    one = ours.flow_from_dataframe(table, **call, **given)
    said = capsys.readouterr().out
    other = theirs.flow_from_dataframe(table, **call, **given)
    assert said.strip() in capsys.readouterr().out
    assert one.filenames == other.filenames
    for _ in range(3):
        same(next(one), next(other))


def test_missing_files_are_named(folder):
    with pytest.warns(
        match=r"left out 1 files of 'filename' .* such as 'cat/gone.png'"
    ):
        ImageDataGenerator().flow_from_dataframe(pd.DataFrame(TABLE), folder)


# Bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fill_mode": "edge"}, "Unknown fill_mode of ImageDataGenerator 'edge'"),
        ({"validation_split": 1.5}, "validation_split=1.5; expected a share"),
        ({"zoom_range": (1, 2, 3)}, r"zoom_range=\(1, 2, 3\); expected two numbers"),
        ({"brightness_range": 0.5}, "brightness_range=0.5; expected two numbers"),
        ({"data_format": "first"}, "Unknown data_format 'first'"),
    ],
)
def test_settings_that_cannot_be_meant(given, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ImageDataGenerator(**given)


def test_arrays_that_do_not_fit():
    make = ImageDataGenerator()
    with pytest.raises(ValueError, match=r"x of shape \(10, 6, 6\); .*x\[..., None\]"):
        make.flow(X[..., 0])
    with pytest.raises(ValueError, match="9 rows in y; expected 10, as in x"):
        make.flow(X, Y[:9])
    with pytest.raises(ValueError, match="8 rows in sample_weight"):
        make.flow(X, Y, sample_weight=Y[:8])
    with pytest.raises(ValueError, match="subset='training' without a share"):
        make.flow(X, Y, subset="training")
    with pytest.raises(ValueError, match="batch_size=0; expected a positive"):
        make.flow(X, Y, batch_size=0)
    with pytest.raises(ValueError, match=r"fit: received x of shape \(6, 6, 3\)"):
        make.fit(X[0])
    with pytest.raises(ValueError, match=r"Unknown subset .* Did you mean 'training'"):
        ImageDataGenerator(validation_split=0.5).flow(X, subset="train")


def test_folders_and_tables_that_do_not_fit(folder, tmp_path):
    make = ImageDataGenerator()
    with pytest.raises(ValueError, match="a folder that is there"):
        make.flow_from_directory(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"without a file of \.png"):
        make.flow_from_directory(tmp_path)
    with pytest.raises(
        ValueError, match=r"Unknown classes .* 'cta'. Did you mean 'cat'"
    ):
        make.flow_from_directory(folder, classes=["cta"])
    with pytest.raises(ValueError, match="class_mode='binary' for 1 classes"):
        make.flow_from_directory(folder, classes=["cat"], class_mode="binary")
    with pytest.raises(ValueError, match="Unknown class_mode"):
        make.flow_from_directory(folder, class_mode="one")
    table = pd.DataFrame(TABLE)[:4]
    flow = make.flow_from_dataframe
    with pytest.raises(ValueError, match=r"Unknown column .* Did you mean 'class'"):
        flow(table, folder, y_col="clas")
    with pytest.raises(TypeError, match="y_col='class' with class_mode='multi_output'"):
        flow(table, folder, class_mode="multi_output")
    with pytest.raises(TypeError, match=r"received 1 in 'other'.*class_mode='raw'"):
        flow(table, folder, y_col="other")
    with pytest.raises(TypeError, match="expected names of files"):
        flow(table, folder, x_col="other")
    with pytest.raises(TypeError, match="weight_col='class'; expected a column of num"):
        flow(table, folder, weight_col="class")
    with pytest.raises(ValueError, match="classes with class_mode='raw'"):
        flow(table, folder, y_col="number", class_mode="raw", classes=["a"])


def test_single_random_changes_keep_the_shape():
    for make in (
        lambda x: image.random_rotation(x, 20, 0, 1, 2),
        lambda x: image.random_shift(x, 0.2, 0.2, 0, 1, 2, fill_mode="wrap"),
        lambda x: image.random_shear(x, 10, row_axis=0, col_axis=1, channel_axis=2),
        lambda x: image.random_zoom(x, (0.8, 1.2), 0, 1, 2, interpolation_order=2),
        lambda x: image.random_channel_shift(x, 9.0, 2),
        lambda x: image.random_brightness(x, (0.5, 0.9)),
    ):
        y = make(X[0])
        assert y.shape == X[0].shape
        assert not np.array_equal(y, X[0])
    with pytest.raises(ValueError, match="Unknown argument 'order'"):
        image.random_rotation(X[0], 3, order=1)
    with pytest.raises(TypeError, match=r"zoom_range=0.5; expected two numbers"):
        image.random_zoom(X[0], 0.5)


def test_fit_takes_its_batches_by_their_number():
    import onefit

    model = onefit.Sequential([onefit.layers.Flatten(), onefit.layers.Dense(1)])
    model.compile("sgd", "mse")
    batches = ImageDataGenerator(rescale=1e-3).flow(X, Y, batch_size=4)
    history = model.fit(batches, epochs=2, verbose=0).history["loss"]
    assert len(history) == 2
