"""The data sets that Keras publishes: the same numbers as Keras from the same files."""

import gzip
import hashlib
import importlib
import inspect
import json
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from onefit import datasets
from onefit.datasets import published

RNG = np.random.default_rng(0)


def texts(n):
    rows = np.empty(n, object)
    # Of different lengths: Keras makes a table of texts that are all of one.
    rows[:] = [RNG.integers(1, 30, 1 + i).tolist() for i in range(n)]
    return rows


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "datasets"


@pytest.fixture
def publish(tmp_path, monkeypatch, home):
    """Puts a file as if on Keras' server, also for Keras' own loader."""

    def put(name, module, make):
        file = tmp_path / name
        make(file)
        _, checksum = published.FILES[name]
        if checksum is not None:
            algorithm = "md5" if len(checksum) == 32 else "sha256"
            checksum = hashlib.new(algorithm, file.read_bytes()).hexdigest()
        monkeypatch.setitem(published.FILES, name, (file.as_uri(), checksum))
        keras = importlib.import_module(f"keras.src.datasets.{module}")
        where = str(tmp_path / "unpacked") if name.endswith("target") else str(file)
        if name.endswith("target"):
            with tarfile.open(file) as tar:
                tar.extractall(where, filter="data")

        def place(fname, **_):
            return str(tmp_path / fname) if name.endswith("gz") else where

        monkeypatch.setattr(keras, "get_file", place)
        return keras

    return put


def same(ours, theirs):
    for (x, y), (keras_x, keras_y) in zip(ours, theirs, strict=True):
        for one, other in ((x, keras_x), (y, keras_y)):
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            assert one.tolist() == other.tolist()


def saved(**arrays):
    return lambda file: np.savez(file, **arrays)


def test_mnist(publish, home):
    arrays = {
        "x_train": RNG.integers(0, 255, (6, 28, 28), np.uint8),
        "y_train": np.arange(6, dtype=np.uint8),
        "x_test": RNG.integers(0, 255, (2, 28, 28), np.uint8),
        "y_test": np.arange(2, dtype=np.uint8),
    }
    keras = publish("mnist.npz", "mnist", saved(**arrays))
    same(datasets.mnist.load_data(), keras.load_data())
    assert (home / "mnist.npz").is_file()
    # Another place: in the cache, or from the root.
    elsewhere = home.parent / "put" / "by_hand.npz"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes((home / "mnist.npz").read_bytes())
    (home / "mnist.npz").unlink()
    same(datasets.mnist.load_data(elsewhere), keras.load_data())
    assert not (home / "mnist.npz").exists()


def test_fashion_mnist(publish, home):
    for part, rows in (("train", 5), ("t10k", 3)):
        for what, header, shape in (
            ("labels-idx1", 8, (rows,)),
            ("images-idx3", 16, (rows, 28, 28)),
        ):
            data = bytes(header) + RNG.integers(0, 9, shape, np.uint8).tobytes()
            keras = publish(
                f"{part}-{what}-ubyte.gz",
                "fashion_mnist",
                lambda file, data=data: file.write_bytes(gzip.compress(data)),
            )
    ours = datasets.fashion_mnist.load_data()
    same(ours, keras.load_data())
    ours[0][0][:] = 0  # writable
    file = home / "fashion-mnist" / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"t10k-images.*expected a whole file"):
        datasets.fashion_mnist.load_data()


def cifar(folder, files, labels):
    def make(file):
        source = file.parent / folder
        source.mkdir()
        for name, rows in files.items():
            table = {b"data": RNG.integers(0, 255, (rows, 3072), np.uint8)}
            table |= {k.encode(): [i % 10 for i in range(rows)] for k in labels}
            (source / name).write_bytes(pickle.dumps(table, protocol=3))
        with tarfile.open(file, "w:gz") as tar:
            tar.add(source, folder)

    return make


def test_cifar10(publish, home):
    files = {f"data_batch_{i}": 2 for i in range(1, 6)} | {"test_batch": 3}
    keras = publish(
        "cifar-10-batches-py-target",
        "cifar10",
        cifar("cifar-10-batches-py", files, ["labels"]),
    )
    train, test = datasets.cifar10.load_data()
    assert (train[0].shape, train[1].shape) == ((10, 32, 32, 3), (10, 1))
    assert train[0].dtype == train[1].dtype == test[1].dtype == np.uint8
    load, unpacked = keras.load_batch, keras.get_file("x")
    data, labels = load(f"{unpacked}/cifar-10-batches-py/data_batch_2")
    np.testing.assert_array_equal(train[0][2:4], data.transpose(0, 2, 3, 1))
    np.testing.assert_array_equal(train[1][2:4, 0], labels)
    data, labels = load(f"{unpacked}/cifar-10-batches-py/test_batch")
    np.testing.assert_array_equal(test[0], data.transpose(0, 2, 3, 1))
    (home / "cifar-10-batches-py-target/cifar-10-batches-py/data_batch_3").unlink()
    with pytest.raises(ValueError, match="without data_batch_3"):
        datasets.cifar10.load_data()


@pytest.mark.parametrize("mode", ["fine", "coarse"])
def test_cifar100(publish, mode):
    labels = ["fine_labels", "coarse_labels"]
    keras = publish(
        "cifar-100-python-target",
        "cifar100",
        cifar("cifar-100-python", {"train": 4, "test": 3}, labels),
    )
    ours = datasets.cifar100.load_data(mode)
    theirs = [(x, y.astype(np.uint8)) for x, y in keras.load_data(mode)]
    same(ours, theirs)
    with pytest.raises(ValueError, match=r"Unknown label_mode .* 'fin'. Did you mean"):
        datasets.cifar100.load_data("fin")


WORDS = [
    {},
    {"num_words": 20},
    {"num_words": 20, "skip_top": 5, "maxlen": 8, "seed": 7},
    {"start_char": None, "oov_char": None, "num_words": 15, "index_from": 2},
    {"start_char": None, "index_from": 0},
]


@pytest.mark.parametrize("given", WORDS)
def test_imdb(publish, given):
    arrays = {
        "x_train": texts(12),
        "y_train": RNG.integers(0, 2, 12),
        "x_test": texts(9),
        "y_test": RNG.integers(0, 2, 9),
    }
    keras = publish("imdb.npz", "imdb", saved(**arrays))
    same(datasets.imdb.load_data(**given), keras.load_data(**given))


@pytest.mark.parametrize("given", [*WORDS, {"test_split": 0.5}, {"test_split": 0}])
def test_reuters(publish, given):
    arrays = {"x": texts(11), "y": RNG.integers(0, 46, 11)}
    keras = publish("reuters.npz", "reuters", saved(**arrays))
    same(datasets.reuters.load_data(**given), keras.load_data(**given))


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_words_and_labels(publish, name):
    index = {"the": 1, "été": 2}
    keras = publish(
        f"{name}_word_index.json", name, lambda f: f.write_text(json.dumps(index))
    )
    ours = getattr(datasets, name)
    assert ours.get_word_index() == keras.get_word_index() == index
    if name == "reuters":
        assert ours.get_label_names() == keras.get_label_names()


def test_words_refuse_what_cannot_be_meant(publish):
    keras = {"x": texts(5), "y": np.zeros(5, int)}
    publish("reuters.npz", "reuters", saved(**keras))
    load = datasets.reuters.load_data
    with pytest.raises(ValueError, match=r"maxlen=1, which no text is shorter than"):
        load(maxlen=1)
    with pytest.raises(ValueError, match=r"num_words=-3; expected None or a whole"):
        load(num_words=-3)
    with pytest.raises(ValueError, match=r"test_split=1; expected a share"):
        load(test_split=1)
    with pytest.raises(TypeError, match=r"test_split='a'; expected a number"):
        load(test_split="a")


@pytest.mark.parametrize("given", [{}, {"test_split": 0.3, "seed": 5}])
def test_boston_housing(publish, given):
    arrays = {"x": RNG.random((20, 13)), "y": RNG.random(20)}
    keras = publish("boston_housing.npz", "boston_housing", saved(**arrays))
    ours = datasets.boston_housing.load_data(**given)
    same(ours, keras.load_data(**given))


@pytest.mark.parametrize("given", [{}, {"version": "small", "test_split": 0.3}])
def test_california_housing(publish, given):
    arrays = {"x": RNG.random((610, 8), "f4"), "y": RNG.random(610, "f4")}
    keras = publish("california_housing.npz", "california_housing", saved(**arrays))
    ours = datasets.california_housing.load_data(**given)
    same(ours, keras.load_data(**given))
    with pytest.raises(ValueError, match=r"Unknown version .* 'smal'\. Did you mean"):
        datasets.california_housing.load_data("smal")


@pytest.mark.parametrize(
    "name",
    [
        *("mnist", "fashion_mnist", "cifar10", "cifar100"),
        *("imdb", "reuters", "boston_housing", "california_housing"),
    ],
)
def test_each_has_keras_urls_checksums_and_defaults(name):
    keras = importlib.import_module(f"keras.src.datasets.{name}")
    source = Path(keras.__file__).read_text()
    ours = getattr(datasets, name)
    files = [f for f in published.FILES if f in source]
    assert files
    for file in files:
        url, checksum = published.FILES[file]
        folder, last = url.rsplit("/", 1)
        assert last in source
        assert folder in source
        assert checksum is None or checksum in source
    theirs = inspect.signature(keras.load_data).parameters
    mine = inspect.signature(ours.load_data).parameters
    assert [(p.name, p.default) for p in mine.values()] == [
        (p.name, p.default) for p in theirs.values() if p.name != "kwargs"
    ]


def test_a_file_that_would_run_code_is_refused(publish, home):
    class Harmful:
        def __reduce__(self):
            return (print, ("harm",))

    rows = np.empty(1, object)
    rows[0] = Harmful()
    publish("reuters.npz", "reuters", saved(x=rows, y=np.zeros(1)))
    with pytest.raises(ValueError, match=r"builtins.print, which is no part of an arr"):
        datasets.reuters.load_data()


def test_a_file_without_an_array_is_refused(publish):
    publish("reuters.npz", "reuters", saved(x=texts(2)))
    with pytest.raises(ValueError, match=r"without y; expected the arrays x, y"):
        datasets.reuters.load_data()


def test_without_a_network_one_sentence_says_what_to_put_where(home, monkeypatch):
    gone = home.parent / "nowhere.npz"
    monkeypatch.setitem(published.FILES, "imdb.npz", (gone.as_uri(), "0" * 64))
    with pytest.raises(OSError, match=r"^imdb.load_data: received .* from file:") as e:
        datasets.imdb.load_data()
    assert str(home / "imdb.npz") in str(e.value)
