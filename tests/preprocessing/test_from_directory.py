"""Folders as data sets: Keras' files in each part, labels, images, texts, sounds."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest
from keras.src.utils import dataset_utils
from keras.src.utils.image_dataset_utils import _load_image_grain
from PIL import Image

import onefit
from onefit.utils import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
)

RNG = np.random.default_rng(0)


def write_image(path, size=(5, 7), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    Image.fromarray(RNG.integers(0, 256, (*size, *channels), np.uint8)).save(path)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    base = tmp_path_factory.mktemp("images")
    for i in range(5):
        write_image(base / "cat" / f"{i}.png", (4 + i, 6))
        write_image(base / "Dog" / f"{i}.jpg")
    write_image(base / "Dog" / "inner" / "6.bmp")
    write_image(base / "mouse" / "a.PNG", (9, 3), "RGBA")
    write_image(base / "mouse" / "b.gif", (3, 3), "L")
    (base / "mouse" / "notes.txt").write_text("no image")
    write_image(base / ".hidden" / "a.png")
    return base


def read(base, **given):
    defaults = {"image_size": (4, 4), "shuffle": False, "verbose": False}
    return image_dataset_from_directory(base, **defaults | given)


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("class_names", [None, ["mouse", "cat"]])
@pytest.mark.parametrize("subset", [None, "training", "validation", "both"])
def test_the_files_and_labels_of_each_part_are_keras(
    images, shuffle, class_names, subset
):
    given = {"seed": 3, "shuffle": shuffle, "class_names": class_names}
    split = {"validation_split": 0.3, "subset": subset} if subset else {}
    ours = read(images, **given, **split)
    paths, labels, names = dataset_utils.index_directory(
        str(images), "inferred", (".bmp", ".gif", ".jpeg", ".jpg", ".png"), **given
    )
    parts = ["training", "validation"] if subset == "both" else [subset]
    for data, part in zip(ours if subset == "both" else [ours], parts, strict=True):
        keras = dataset_utils.get_training_or_validation_split(
            paths, labels, 0.3 if subset else None, part
        )
        assert data.file_paths == list(keras[0])
        assert data.class_names == names
        numbers = [names.index(Path(p).relative_to(images).parts[0]) for p in keras[0]]
        assert numbers == list(keras[1])
        if not shuffle:
            assert [int(y) for _, y in data.unbatch()] == numbers


def test_batches_types_and_words(images, capsys):
    data = image_dataset_from_directory(images, image_size=8, batch_size=4, seed=1)
    assert capsys.readouterr().out == "Found 13 files belonging to 3 classes.\n"
    assert isinstance(data, onefit.data.Dataset)
    assert (len(data), data.class_names) == (4, ["Dog", "cat", "mouse"])
    sizes = [(x.shape, x.dtype.name, y.shape, y.dtype.name) for x, y in data]
    assert sizes[0] == ((4, 8, 8, 3), "float32", (4,), "int32")
    assert sizes[-1][0] == (1, 8, 8, 3)
    # Each pass has an order of its own, of all the files.
    first, second = ([y.tolist() for _, y in data] for _ in range(2))
    assert first != second
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second))
    read(images, validation_split=0.25, subset="both", seed=1, verbose=True)
    assert "Using 10 files for training.\nUsing 3 files" in capsys.readouterr().out


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"interpolation": "Nearest", "image_size": (9, 3)},
        {"interpolation": "bicubic", "crop_to_aspect_ratio": True},
        {"data_format": "channels_first"},
    ],
)
def test_images_are_keras(images, color_mode, given):
    data = read(images, color_mode=color_mode, batch_size=None, **given)
    channels = {"rgb": 3, "rgba": 4, "grayscale": 1}[color_mode]
    for (x, _), path in zip(data, data.file_paths, strict=True):
        theirs = _load_image_grain(
            io.BytesIO(Path(path).read_bytes()),
            given.get("image_size", (4, 4)),
            channels,
            given.get("interpolation", "bilinear").lower(),
            given.get("data_format", "channels_last"),
            given.get("crop_to_aspect_ratio", False),
        )
        assert (x.shape, x.dtype) == (theirs.shape, np.float32)
        np.testing.assert_allclose(x, theirs, rtol=1e-5, atol=1e-2)


def test_padded_images(images):
    data = read(
        images,
        class_names=["Dog"],
        pad_to_aspect_ratio=True,
        image_size=(7, 7),
        labels="inferred",
        batch_size=None,
    )
    x = np.array([x for x, _ in data])
    assert (x[:, 0] == 0).all()
    assert (x[:, 6] == 0).all()
    assert (x[:, 1:6].max((1, 2, 3)) > 0).all()


def test_label_modes(images):
    two = {"class_names": ["cat", "mouse"]}
    [(_, y)] = read(images, label_mode="binary", **two)
    assert (y.dtype, y.tolist()) == (np.float32, [[0.0]] * 5 + [[1.0]] * 2)
    [(_, y)] = read(images, label_mode="categorical")
    np.testing.assert_array_equal(y, np.eye(3)[[0] * 6 + [1] * 5 + [2] * 2])
    assert y.dtype == np.float32
    for given in ({"label_mode": None}, {"labels": None}):
        [x] = read(images, **given)
        assert x.shape[1:] == (4, 4, 3)
    data = read(images, labels=None)
    assert data.class_names is None
    assert len(data.file_paths) == 14  # whatever the folder, as Keras


def test_labels_of_ones_own(images):
    labels = list(range(14))[::-1]
    data = read(images, labels=labels)
    assert np.concatenate([y for _, y in data]).tolist() == labels
    assert data.class_names == [str(i) for i in range(14)]


def test_links_are_followed_when_asked(images, tmp_path):
    write_image(tmp_path / "a" / "1.png")
    write_image(tmp_path / "b" / "1.png")
    (tmp_path / "b" / "link").symlink_to(images / "cat")
    assert len(read(tmp_path).file_paths) == 2
    assert len(read(tmp_path, follow_links=True).file_paths) == 7


def test_a_broken_image_has_a_name_and_can_be_left_out(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / name / "1.png")
    broken = tmp_path / "a" / "2.png"
    broken.write_bytes((tmp_path / "a" / "1.png").read_bytes()[:50])
    with pytest.raises(ValueError, match=r"a/2.png, which is no whole.*skip_broken=T"):
        list(read(tmp_path))
    with pytest.warns(match=r"left out 1 broken files: .*a/2.png"):
        data = read(tmp_path, skip_broken=True)
    [(x, y)] = data
    assert (x.shape, y.tolist()) == ((2, 4, 4, 3), [0, 1])
    assert str(broken) not in data.file_paths


BAD = [
    ({"labels": "infered"}, "Unknown labels .* Did you mean 'inferred'"),
    ({"labels": [0, 1]}, "2 labels for 14 files"),
    ({"labels": [0.5] * 14}, "the label 0.5"),
    ({"labels": [0] * 14, "class_names": ["cat"]}, "class_names with labels of your"),
    ({"labels": np.zeros(13)}, r"labels of type ndarray.*Write labels=list"),
    ({"labels": [5] * 14, "label_mode": "categorical"}, "labels from 5 to 5 for 1"),
    ({"class_names": ["cta"]}, "Unknown class_names .* 'cta'. Did you mean 'cat'"),
    ({"label_mode": "binary"}, r"label_mode='binary' for 3 classes \(Dog, cat, mouse"),
    ({"label_mode": "one"}, "Unknown label_mode"),
    ({"color_mode": "grey"}, "Unknown color_mode"),
    ({"image_size": (3,)}, r"image_size=\(3,\); expected \(height, width\)"),
    ({"interpolation": "cubic"}, "Unknown interpolation .* Did you mean 'bicubic'"),
    ({"format": "torch"}, "Unknown format"),
    ({"batch_size": 0}, "batch_size=0; expected None or a positive"),
    ({"data_format": "last"}, "Unknown data_format 'last'"),
    ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "one of them at m"),
    ({"validation_split": 0.2}, "validation_split without subset"),
    ({"subset": "training"}, "subset without validation_split"),
    ({"validation_split": 2, "subset": "both"}, "a share between 0 and 1"),
    ({"validation_split": 0.2, "subset": "valid"}, "Unknown subset .* Did you mean"),
    ({"validation_split": 0.2, "subset": "both", "shuffle": True}, "without seed"),
    ({"validation_split": 0.01, "subset": "both"}, "0.01 of 13 files"),
]


@pytest.mark.parametrize(("given", "words"), BAD, ids=[str(b[0])[:40] for b in BAD])
def test_what_cannot_be_meant(images, given, words):
    with pytest.raises((ValueError, TypeError), match=words):
        read(images, **given)


def test_folders_that_are_not_what_was_meant(tmp_path):
    with pytest.raises(ValueError, match="expected a folder that is there"):
        read(tmp_path / "gone")
    with pytest.raises(ValueError, match=r"without a file of \.bmp, .*a folder for ea"):
        read(tmp_path)
    write_image(tmp_path / "1.png")
    with pytest.raises(ValueError, match=r"in a folder of its class; .* labels=None"):
        read(tmp_path)
    write_image(tmp_path / "train" / "cat" / "1.png")
    with pytest.warns(match=r"all files have the label 'train'.*the folder inside\?"):
        read(tmp_path)


def test_a_network_trains_on_it(images):
    data = read(images, batch_size=4)
    layers = onefit.layers
    model = onefit.Sequential(
        [layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = (np.concatenate(part) for part in zip(*data, strict=True))
    loss = model.fit(x, y, batch_size=4, verbose=0).history["loss"]
    assert np.isfinite(loss).all()


# Texts and sounds ---------------------------------------------------------------------


def test_texts(tmp_path):
    for name, text in (
        ("no/a.txt", "très bad\r\n"),
        ("yes/b.TXT", "good"),
        ("yes/c.txt", ""),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text.encode())
    given = {"shuffle": False, "verbose": False}
    [(x, y)] = text_dataset_from_directory(tmp_path, **given)
    assert x.tolist() == ["très bad\r\n", "good", ""]
    assert y.tolist() == [0, 1, 1]
    [(x, y)] = text_dataset_from_directory(
        tmp_path, max_length=4, label_mode="binary", **given
    )
    assert (x.tolist(), y.tolist()) == (["très", "good", ""], [[0], [1], [1]])
    (tmp_path / "no" / "z.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"z.txt \(.*; expected a text in UTF-8"):
        list(text_dataset_from_directory(tmp_path, **given))
    with pytest.raises(ValueError, match="max_length=0; expected None or"):
        text_dataset_from_directory(tmp_path, max_length=0)


def write_sound(path, samples, rate=8, width=2):
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def test_sounds(tmp_path):
    a = np.array([[0, -32768], [16384, 32767]], "<i2")
    b = np.array([[1, 2], [3, 4], [5, 6]], "<i2")
    write_sound(tmp_path / "a" / "1.wav", a)
    write_sound(tmp_path / "b" / "1.wav", b)
    given = {"shuffle": False, "verbose": False}
    [(x, y)] = audio_dataset_from_directory(tmp_path, **given)
    expected = np.zeros((2, 3, 2), "float32")
    expected[0, :2], expected[1] = a / 32768, b / 32768
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, expected)
    assert y.tolist() == [0, 1]
    for length in (1, 4):
        [(x, _)] = audio_dataset_from_directory(
            tmp_path, output_sequence_length=length, **given
        )
        assert x.shape == (2, length, 2)
        np.testing.assert_array_equal(x[0, 0], a[0] / 32768)
    [(x, _)] = audio_dataset_from_directory(tmp_path, sampling_rate=16, **given)
    assert x.shape == (2, 6, 2)


@pytest.mark.parametrize("width", [1, 3, 4])
def test_sounds_of_other_depths(tmp_path, width):
    whole = np.array([-1, 0, 0.5]) * (1 << (8 * width - 1))
    if width == 1:
        samples = (whole + 128).astype("uint8")
    else:
        samples = whole.astype("<i4")
        bytes_ = samples.view("uint8").reshape(-1, 4)[:, :width]
        samples = np.ascontiguousarray(bytes_)
    write_sound(tmp_path / "a" / "1.wav", samples.reshape(3, 1, -1), width=width)
    [x] = audio_dataset_from_directory(tmp_path, labels=None, verbose=False)
    assert x.ravel().tolist() == [-1, 0, 0.5]


def test_sounds_refuse_what_cannot_be_meant(tmp_path):
    (tmp_path / "1.wav").write_bytes(b"RIFF")
    given = {"labels": None, "verbose": False}
    with pytest.raises(
        ValueError, match=r"1.wav .*expected a WAV file of whole numbers"
    ):
        list(audio_dataset_from_directory(tmp_path, **given))
    with pytest.raises(ValueError, match="expected ragged=False, since arrays"):
        audio_dataset_from_directory(tmp_path, ragged=True, **given)
    with pytest.raises(ValueError, match=r"sampling_rate=1\.5; expected None or"):
        audio_dataset_from_directory(tmp_path, sampling_rate=1.5, **given)


# Series -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"sequence_stride": 3},
        {"sampling_rate": 4},
        {"start_index": 5, "end_index": 40, "sequence_stride": 2, "sampling_rate": 2},
        {"end_index": 30},
    ],
)
@pytest.mark.parametrize("targets", [True, False])
def test_windows_are_those_of_their_definition(given, targets):
    data = RNG.random((50, 2)).astype("float32")
    y = np.arange(50)
    made = timeseries_dataset_from_array(
        data, y if targets else None, 5, batch_size=4, **given
    )
    rate, stride = given.get("sampling_rate", 1), given.get("sequence_stride", 1)
    start, end = given.get("start_index", 0), given.get("end_index", 50)
    starts = [i for i in range(start, end, stride) if i + 4 * rate < end]
    windows = np.array([data[i : i + 4 * rate + 1 : rate] for i in starts])
    batches = list(made)
    x = np.concatenate([b[0] if targets else b for b in batches])
    np.testing.assert_array_equal(x, windows)
    assert len(batches) == -(-len(starts) // 4)
    if targets:
        assert np.concatenate([b[1] for b in batches]).tolist() == starts


def test_windows_are_shuffled_together_with_their_targets():
    data = np.arange(40.0)
    made = timeseries_dataset_from_array(
        data, data, 3, batch_size=None, shuffle=True, seed=1
    )
    first = [float(y) for x, y in made if x.tolist() == [y, y + 1, y + 2]]
    again = [float(y) for _, y in made]
    assert sorted(first) == sorted(again) == list(range(38))
    assert first != again != sorted(again)
    # Few targets end it.
    assert len(timeseries_dataset_from_array(data, data[:7], 3, batch_size=None)) == 7


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sequence_length": 0}, "sequence_length=0; expected a positive whole"),
        ({"sequence_stride": -1}, "sequence_stride=-1"),
        ({"sampling_rate": 0}, "sampling_rate=0"),
        ({"start_index": -1}, "start_index=-1, end_index=None for 10"),
        ({"start_index": 8, "end_index": 4}, "start_index=8, end_index=4"),
        ({"end_index": 11}, "end_index=11 for 10 steps"),
        ({"sequence_length": 11}, "10 steps for windows that reach over 11"),
        ({"targets": []}, "and 0 targets"),
        ({"format": "torch"}, "Unknown format"),
    ],
)
def test_windows_refuse_what_cannot_be_meant(given, words):
    call = {"data": np.arange(10.0), "targets": None, "sequence_length": 2} | given
    with pytest.raises(ValueError, match=words):
        timeseries_dataset_from_array(**call)
