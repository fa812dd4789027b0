"""Mutated files, a few hundred: see files_fuzz.py, which does many thousand of them."""

import json
import os
import re
import sys

import files_fuzz
import jax
import numpy as np
import pytest
from layer_rows import ROWS
from test_keras_layers import OPERATIONS, called, entrances, in_files

from onefit import Model
from onefit.files.refusal import BadFile

LAYERS = [row for row in ROWS if in_files(row) and row.layer != "InputLayer"]

COUNT = 300


@pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="of Linux")
def test_each_loads_or_is_refused_quickly_in_little_memory():
    outcomes = files_fuzz.run(seed=11, first=0, last=COUNT)
    assert [one["case"] for one in outcomes] == list(range(COUNT))
    assert [one for one in outcomes if one["complaint"]] == []
    loaded = sum(one["outcome"] == "loaded" for one in outcomes)
    assert COUNT / 20 < loaded < COUNT / 2


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_the_measure_measures(tmp_path):
    """What takes memory or fails in another way is complained of."""

    class Greedy:
        def __init__(self, megabytes):
            self.megabytes = megabytes

        def load_weights(self, _):
            np.ones(self.megabytes << 17)
            raise BadFile("no")

    class Broken:
        def load_weights(self, _):
            raise KeyError("x")

    def tried(target):
        return files_fuzz.tried("a.safetensors", b"", tmp_path, {"a": target})[:2]

    assert tried(Greedy(10)) == ("refused", None)
    # More than the bound, as a large process may give memory back meanwhile.
    assert re.fullmatch(r"refused in .* s and \d{3} MB", tried(Greedy(600))[1])
    assert tried(Broken())[1] == "KeyError: 'x'"


def test_a_case_is_the_same_each_time(tmp_path):
    found = files_fuzz.sources(tmp_path)
    one, other = (
        files_fuzz.mutation(np.random.default_rng([0, 5]), found) for _ in range(2)
    )
    assert one == other


def numbers_in(node):
    """The places of whole numbers, and of lists of them, in a config."""
    for home, key in files_fuzz.places(node):
        value = home[key]
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole or (isinstance(value, list) and value and isinstance(value[-1], int)):
            yield home, key


@pytest.mark.skipif(sys.platform != "linux", reason="of Linux")
def test_no_setting_of_a_layer_makes_room_for_more_than_the_file_has(tmp_path):
    """Each number of each layer in turn is huge: it is refused before it is met."""
    rows = {row.layer: row for row in LAYERS if row.layer not in OPERATIONS}
    for name, row in rows.items():
        x = entrances(row)
        y = jax.tree.leaves(called(row.make(), row, x))
        Model(jax.tree.leaves(x), y).save(tmp_path / "a.keras")
        pairs = files_fuzz.members((tmp_path / "a.keras").read_bytes())
        config = json.loads(pairs["config.json"])
        for number, (home, key) in enumerate(list(numbers_in(config))):
            old = home[key]
            huge = 3 * 10**10
            home[key] = [*old[:-1], huge] if isinstance(old, list) else huge
            text = json.dumps(config)
            home[key] = old
            if number % 2:
                told = "a.json", text.encode()
            else:
                told = "a.keras", files_fuzz.zipped(pairs | {"config.json": text})
            outcome = files_fuzz.tried(*told, tmp_path, {})
            assert outcome[1] is None, (name, key, outcome)
