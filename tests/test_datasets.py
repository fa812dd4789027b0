# pyright: reportAttributeAccessIssue=false
# (what scikit-learn gives has no types.)
"""The lectures' data: their numbers, their shapes, and what a download refuses."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from onefit import datasets


def test_xor_is_the_truth_table():
    x, y = datasets.xor()
    assert x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y[:, 0], x[:, 0] != x[:, 1])


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    oracle = load_digits()
    x, y = datasets.load_digits()
    assert (x.shape, x.dtype, y.shape, y.dtype) == (
        (1797, 64),
        np.float32,
        (1797,),
        np.int32,
    )
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x, oracle.data)
    np.testing.assert_array_equal(y, oracle.target)
    images, _ = datasets.load_digits(images=True)
    assert images.shape == (1797, 8, 8, 1)
    np.testing.assert_array_equal(images[..., 0], oracle.images)


def test_the_digits_file_names_its_columns():
    with datasets.path("digits.csv").open() as stream:
        header = stream.readline().strip().split(",")
    assert header[0] == "pixel_0_0"
    assert header[9] == "pixel_1_1"
    assert header[63:] == ["pixel_7_7", "digit"]


def test_the_penguins_have_words_dates_and_empty_cells():
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(datasets.path("penguins.csv"))
    assert frame.shape == (344, 17)
    assert frame["Species"].nunique() == 3
    assert frame["Sex"].isna().sum() == 11
    assert frame["Comments"].notna().sum() == 54


def test_an_unknown_file_is_refused():
    with pytest.raises(
        ValueError, match=r"Unknown data file 'digit.csv'\. Did you mean"
    ):
        datasets.path("digit.csv")
    with pytest.raises(ValueError, match="Unknown data file"):
        datasets.path("../errors.py")


def test_coffee_is_a_triangle_worked_by_hand():
    x, y = datasets.coffee(20_000, seed=3)
    assert (x.shape, y.shape, x.dtype, y.dtype) == (
        (20_000, 2),
        (20_000, 1),
        np.float32,
        np.float32,
    )
    low, high = x.min(axis=0), x.max(axis=0)
    assert (low >= [150, 11.5]).all()
    assert (high <= [285, 15.5]).all()
    t, d = x.T
    # The line meets D = 12 at T = 255, inside the ranges: the triangle has the corners
    # (175, 12), (255, 12) and (175, 21 - 3·175/85 = 14.82).
    inside = (t > 175) & (d > 12) & (d <= 21 - 3 * t / 85)
    np.testing.assert_array_equal(y[:, 0], inside)
    # Its share of the rectangle: half of 80 by 2.8235, over 135 by 4.
    assert abs(y.mean() - 112.94 / 540) < 0.01


def test_houses_lie_around_the_line_and_cost_something():
    size, price = datasets.houses(2_000, noise=0.5, seed=1)
    assert size.shape == price.shape == (2_000, 1)
    assert size.dtype == price.dtype == np.float32
    assert price.min() > 0
    scatter = np.log(price / (0.5 + 2 * size))
    assert abs(scatter.mean()) < 0.05
    assert abs(scatter.std() - 0.5) < 0.05


def test_the_sense_of_a_review_is_in_the_order_of_its_words():
    texts, y = datasets.reviews(1000, seed=2)
    assert (len(texts), y.shape, y.dtype) == (1000, (1000, 1), np.float32)
    assert len({word for text in texts for word in text.split()}) == 24
    assert {len(text.split()) for text in texts} <= set(range(9, 21))
    assert abs(y.mean() - 0.5) < 0.05
    good = {"good", "great", "funny", "moving", "clever", "fresh"}
    for text, sense in zip(texts, y[:, 0], strict=True):
        senses = []
        for clause in text.replace(" but ", " and ").split(" and "):
            *before, adjective = clause.split()
            senses.append((adjective in good) != ("not" in before))
        joints = [word == "and" for word in text.split() if word in ("and", "but")]
        assert sense == senses[-1], text
        assert joints == [a == b for a, b in pairwise(senses)]


def test_rides_grow_and_follow_the_week_and_the_year():
    y = datasets.rides(1461, noise=0)
    assert (y.shape, y.dtype) == ((1461,), np.float32)
    assert y[0] == 100 - 30 + 6  # a Monday, the 1st of January
    np.testing.assert_allclose(y[1] - y[0], 20 / 365 + 2, atol=0.02)
    # From a Sunday to a Monday: 365 days are a day more than 52 weeks.
    year = (y[365:] - y[:-365])[6::7]
    np.testing.assert_allclose(year.mean(), 20 + 26, atol=0.1)


def test_what_is_new_in_the_weather_is_the_noise():
    weather = datasets.rides(20_000, seed=1) - datasets.rides(20_000, noise=0)
    new = weather[1:] - 0.7 * weather[:-1]
    assert abs(new.std() - 8) < 0.1
    assert abs(np.corrcoef(new[1:], new[:-1])[0, 1]) < 0.03
    assert abs(weather[:1000].std() - 8 / (1 - 0.7**2) ** 0.5) < 1.5


@pytest.mark.parametrize(
    "make", [datasets.coffee, datasets.houses, datasets.reviews, datasets.rides]
)
def test_a_seed_decides_the_draw(make):
    first, again, other = (np.array(make(50, seed=seed)[0]) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_generated_data_refuse_what_cannot_be_meant():
    with pytest.raises(ValueError, match=r"coffee: received n=0; expected a positive"):
        datasets.coffee(0)
    with pytest.raises(
        ValueError, match=r"houses: received n=1\.5; expected a positive"
    ):
        datasets.houses(1.5)
    with pytest.raises(ValueError, match=r"houses: received noise=-1; expected 0 or"):
        datasets.houses(noise=-1)
    with pytest.raises(ValueError, match=r"reviews: received n=-2; expected a positi"):
        datasets.reviews(-2)
    with pytest.raises(ValueError, match=r"rides: received days=0; expected a positi"):
        datasets.rides(0)
    with pytest.raises(ValueError, match=r"rides: received noise=nan; expected 0 or"):
        datasets.rides(noise=float("nan"))


ARRAYS = {
    "x_train": np.arange(24, dtype=np.uint8).reshape(6, 2, 2),
    "y_train": np.arange(6, dtype=np.uint8),
    "x_test": np.ones((2, 2, 2), np.uint8),
    "y_test": np.array([3, 4], np.uint8),
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ONEFIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def publish(tmp_path):
    """Makes a file as if on a server: its url and its checksum."""

    def save(arrays):
        file = tmp_path / "remote.npz"
        np.savez(file, **arrays)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        return {"url": file.as_uri(), "sha256": digest}

    return save


def test_mnist_is_downloaded_once_and_kept(home, publish, tmp_path):
    source = publish(ARRAYS)
    (x, y), (x_test, y_test) = datasets.load_mnist(**source)
    (tmp_path / "remote.npz").unlink()
    again, _ = datasets.load_mnist(**source)
    for name, array in zip(ARRAYS, (x, y, x_test, y_test), strict=True):
        np.testing.assert_array_equal(array, ARRAYS[name])
    np.testing.assert_array_equal(again[0], x)
    assert os.listdir(home) == ["mnist.npz"]


def test_a_wrong_checksum_is_refused_and_nothing_kept(home, publish):
    source = publish(ARRAYS)
    with pytest.raises(ValueError, match="load_mnist: received a file from") as info:
        datasets.load_mnist(url=source["url"])
    text = str(info.value)
    assert source["sha256"] in text
    assert "expected sha256 731c5ac6" in text
    assert "Try again" in text
    assert os.listdir(home) == []


def test_a_changed_file_in_the_cache_is_refused(home, publish):
    source = publish(ARRAYS)
    datasets.load_mnist("kept/mnist.npz", **source)
    (home / "kept" / "mnist.npz").write_bytes(b"changed")
    with pytest.raises(ValueError, match=r"received the file .*Delete it to download"):
        datasets.load_mnist("kept/mnist.npz", **source)


def test_a_failed_download_says_what_to_do(home, tmp_path):
    url = (tmp_path / "nowhere.npz").as_uri()
    with pytest.raises(OSError, match=r"from file:.*expected the file\. Try again, or"):
        datasets.load_mnist(url=url)
    assert os.listdir(home) == []


def test_an_interrupted_download_leaves_nothing(home, monkeypatch):
    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _):
            raise KeyboardInterrupt

    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: Broken())
    with pytest.raises(KeyboardInterrupt):
        datasets.load_mnist()
    assert os.listdir(home) == []


def test_a_file_that_is_not_mnist_is_refused(home, publish):
    with pytest.raises(
        ValueError, match=r"without x_test, y_test; expected the arrays"
    ):
        datasets.load_mnist(**publish({"x_train": [1], "y_train": [1]}))


def test_a_file_that_would_run_code_is_refused(home, publish):
    harmful = ARRAYS | {"y_test": np.array([{"a": 1}], object)}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        datasets.load_mnist(**publish(harmful))


def test_importing_reads_no_data():
    code = (
        "import sys; opened = []\n"
        "sys.addaudithook(lambda event, args: opened.append((event, *args)))\n"
        "import onefit.datasets\n"
        "names = [str(a[1]) for a in opened if a[0] == 'open' and len(a) > 1]\n"
        "assert names\n"
        "assert not [name for name in names if name.endswith(('.csv', '.npz'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
