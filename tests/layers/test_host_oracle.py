"""Host layers have Keras' numbers: those in oracle/host_layers.json, of TensorFlow."""

import json
from pathlib import Path

import numpy as np
import pytest

from onefit import layers
from onefit.layers.host.hashes import crossed, fingerprints, sip_hashes

FILE = Path(__file__).parents[1] / "oracle" / "host_layers.json"
ORACLE = json.loads(FILE.read_text("utf-8"))


def named(case):
    told = case["settings"]
    return f"{case['layer']}({', '.join(f'{k}={v}' for k, v in told.items())})"


@pytest.mark.parametrize("case", ORACLE["cases"], ids=named)
def test_the_numbers_are_those_of_keras(case):
    layer = getattr(layers, case["layer"])(**case["settings"])
    if case["data"] is not None:
        layer.adapt(case["data"])
    if case["vocabulary"] is not None:
        assert layer.get_vocabulary() == case["vocabulary"]
        assert layer.vocabulary_size() == len(case["vocabulary"])
    if case["edges"] is not None:
        np.testing.assert_allclose(layer.bin_boundaries, case["edges"], rtol=1e-6)
    y = layer(case["x"])
    if np.asarray(y).dtype.kind in "OU":
        np.testing.assert_array_equal(y, case["y"])
    else:
        np.testing.assert_allclose(y, case["y"], rtol=1e-6)
    assert y.shape == np.shape(case["y"])
    again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    np.testing.assert_array_equal(again(case["x"]), y)
    np.testing.assert_array_equal(layer.replace()(case["x"]), y)


def test_hashes_are_those_of_tensorflow():
    told, bins = ORACLE["hashes"], 2**62
    strings = [text.encode() for text in told["strings"]]
    fast = fingerprints(strings)
    assert (fast % np.uint64(bins)).tolist() == told["fast"]
    strong = sip_hashes(strings, [133, 137])
    assert (strong % np.uint64(bins)).tolist() == told["strong"]
    numbers = np.array(told["numbers"]).view(np.uint64)
    assert crossed([fast, numbers, fast], bins).tolist() == told["crossed"]
