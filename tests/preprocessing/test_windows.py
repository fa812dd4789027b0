"""Windows of a series and pairs of words for older programs: Keras 2's numbers."""

import json
import random
import re

import numpy as np
import pytest

import onefit
from onefit.preprocessing.sequence import (
    TimeseriesGenerator,
    make_sampling_table,
    pad_sequences,
    skipgrams,
)
from onefit.preprocessing.text import hashing_trick

sequence = pytest.importorskip("keras.src.legacy.preprocessing.sequence")
DATA, TARGETS = np.arange(24).reshape(12, 2), np.arange(12) * 10


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": 4},
        {"stride": 2, "batch_size": 2},
        {"sampling_rate": 2, "reverse": True},
        {"start_index": 2, "end_index": 8, "batch_size": 3},
        {"start_index": 8},
    ],
    ids=str,
)
def test_windows_are_keras(settings):
    ours = TimeseriesGenerator(DATA, TARGETS, 3, **settings)
    theirs = sequence.TimeseriesGenerator(DATA, TARGETS, 3, **settings)
    assert len(ours) == len(theirs)
    for i in range(len(ours)):
        for a, b in zip(ours[i], theirs[i], strict=True):
            np.testing.assert_array_equal(a, b)
    x, y = TimeseriesGenerator(DATA, TARGETS, 3, shuffle=True, batch_size=50)[0]
    np.testing.assert_array_equal(x[:, -1, 0] * 5 + 10, y)  # the step before
    assert set(y) == set(range(30, 120, 10))
    assert json.loads(ours.to_json())["config"]["data"] == json.dumps(DATA.tolist())


def test_a_network_trains_on_windows():
    model = onefit.Sequential([onefit.Input((3, 2)), onefit.layers.Flatten()])
    model.add(onefit.layers.Dense(1))
    model.compile("sgd", "mse")
    windows = TimeseriesGenerator(DATA / 24, TARGETS / 110, 3, batch_size=4)
    history = model.fit(windows, epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
    assert model.predict(windows, verbose=0).shape == (9, 1)


@pytest.mark.parametrize(
    "settings",
    [
        {"seed": 0},
        {"window_size": 1, "negative_samples": 0.5, "seed": 1},
        {"categorical": True, "seed": 3},
        {"shuffle": False, "negative_samples": 2.0},
        {"sampling_table": make_sampling_table(9, 0.1), "seed": 2},
    ],
    ids=str,
)
def test_pairs_of_words_are_keras(settings):
    words = [1, 5, 0, 2, 8, 2, 1]
    found = []
    for function in (skipgrams, sequence.skipgrams):
        random.seed(4)
        found.append(function(words, 9, **settings))
    assert found[0] == found[1]
    np.testing.assert_allclose(
        make_sampling_table(50), sequence.make_sampling_table(50), rtol=1e-12
    )


def test_what_cannot_be_meant_of_sequences():
    with refuses("12 steps and 11 targets; expected a target for each step"):
        TimeseriesGenerator(DATA, TARGETS[1:], 3)
    with refuses("length=12 for steps 0 to 11; expected a step after the first window"):
        TimeseriesGenerator(DATA, TARGETS, 12)
    with refuses("stride=0; expected a positive whole number"):
        TimeseriesGenerator(DATA, TARGETS, 3, stride=0)
    with refuses("received a str; expected a list of sequences", TypeError):
        pad_sequences("abc")
    with refuses("received a list_iterator; expected a list", TypeError):
        pad_sequences(iter([[1]]))
    assert hashing_trick("a b", 9, "md5", analyzer=list) == [
        *hashing_trick("a", 9, "md5"),
        *hashing_trick(" ", 9, "md5", split="|"),
        *hashing_trick("b", 9, "md5"),
    ]
