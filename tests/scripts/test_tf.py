"""The small tf against TensorFlow's own numbers, and what tensors are."""

import json
from pathlib import Path

import numpy as np
import pytest
from make_numbers import expressions, plain

from onefit.scripts import standin
from onefit.scripts.tf.dressing import dressed

HERE = Path(__file__).parent
NUMBERS = json.loads((HERE / "numbers.json").read_text("utf-8"))
# 64 bits become 32, and Python's own whole numbers divide to float32.
NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32"}

tf = standin("tensorflow")


@pytest.mark.parametrize("line", expressions())
def test_a_function_gives_tensorflows_numbers(line):
    with dressed():
        found = plain(eval(line, {"tf": tf, "np": np}))
    _same(found, NUMBERS[line])


def _same(found, wanted):
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            _same(one, other)
        return
    kind = NARROW.get(wanted["dtype"], wanted["dtype"])
    assert NARROW.get(found["dtype"], found["dtype"]) == kind
    if kind == "string":
        assert found["value"] == wanted["value"]
    else:
        np.testing.assert_allclose(
            np.array(found["value"]), np.array(wanted["value"]), rtol=2e-5, atol=2e-6
        )
