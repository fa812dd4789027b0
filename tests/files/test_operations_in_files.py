"""Operations of graphs in files: Keras' classes, so that Keras opens them."""

import importlib
import inspect
import json
import os

import jax
import numpy as np
import pytest

import onefit
from onefit import ops
from onefit.files.operations import KERAS, call_of, in_keras
from onefit.files.writer import write_model
from onefit.ops.table import OPS, called

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.skipif(
    os.environ.get("KERAS_BACKEND") != "jax", reason="the oracle is Keras on JAX"
)

X = np.random.default_rng(0).uniform(0.1, 0.9, (4, 3)).astype("float32")
IMAGES = np.random.default_rng(0).uniform(size=(2, 6, 8, 3)).astype("float32")


def test_the_classes_are_those_of_keras():
    for known in KERAS.values():
        cls = getattr(importlib.import_module(known.module), known.name)
        made = set(inspect.signature(cls.__init__).parameters)
        given = list(inspect.signature(cls.call).parameters.values())[1:]
        takes = [p.name for p in given if p.kind is not p.VAR_KEYWORD]
        assert set(known.made_with) <= made, known
        assert [p.name for p in known.called_with] == takes, known
    assert len(KERAS) > 300
    assert {known.operation for known in KERAS.values()} <= set(OPS)


ROWS = {
    "mean": lambda x: ops.mean(x, axis=-1, keepdims=True),
    "clip": lambda x: ops.clip(x, 0.2, 0.6),
    "einsum": lambda x: ops.einsum("ij,kj->ik", x, x),
    "concatenate": lambda x: ops.concatenate([x, x * 2.0], axis=-1),
    "stack": lambda x: ops.stack([x, x], axis=1),
    "reshape": lambda x: ops.reshape(x, (-1, 3, 1)),
    "transpose": lambda x: ops.expand_dims(ops.exp(x), 1),
    "where": lambda x: ops.where(x > 0.5, x, 0.0),
    "one_hot": lambda x: ops.one_hot(ops.cast(x * 3.0, "int32"), 3),
    "top_k": lambda x: ops.top_k(x, 2)[0],
    "split": lambda x: ops.split(x, 3, axis=1)[1],
    "var": lambda x: ops.var(x, axis=-1),
    "take": lambda x: ops.take(x, [0, 2], axis=1),
    "matmul with an array": lambda x: ops.matmul(x, np.ones((3, 2), "float32")),
    "softmax": lambda x: ops.softmax(x, axis=-1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=1),
    "slice": lambda x: ops.slice(x, (0, 1), (4, 2)),
}


@pytest.mark.parametrize("name", ROWS)
def test_keras_opens_a_graph_with_operations(name, tmp_path):
    inputs = onefit.Input(batch_shape=(4, 3))
    model = onefit.Model(inputs, ROWS[name](inputs))
    model.save(tmp_path / "m.keras")
    expected = np.asarray(model(X))
    for library in (keras, onefit):
        again = library.saving.load_model(tmp_path / "m.keras")
        np.testing.assert_allclose(np.asarray(again(X)), expected, rtol=1e-5)


def test_an_operation_is_read_as_it_was_written():
    x = onefit.Input((3,))
    layer = ops.std(x, axis=(1,), keepdims=True).call.layer
    known, settings = in_keras(layer)  # pyright: ignore[reportGeneralTypeIssues]
    settings = json.loads(json.dumps(settings))
    args, named = known.arguments(settings, call_of(layer, known, [X]))
    found = called(known.operation, *args, **named)
    np.testing.assert_allclose(found, X.std(1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: ops.map(lambda row: row * 2, x),
        lambda x: ops.vectorized_map(lambda row: row * 2, x),
        lambda x: ops.scan(lambda total, row: (total + row, row), x[0], x)[1],
    ],
)
def test_a_function_in_a_graph_computes_and_no_file_has_it(make):
    x = onefit.Input(batch_shape=(4, 3))
    model = onefit.Model(x, make(x))
    assert np.shape(jax.tree.leaves(model(X))[0]) == (4, 3)
    with pytest.raises(ValueError, match=r"class Mine\(onefit\.Layer\), whose call"):
        write_model(model)


def test_a_function_of_a_value_outside_it_is_refused():
    x = onefit.Input((3,))
    with pytest.raises(ValueError, match="uses a value of the graph which it is not"):
        ops.cond(ops.sum(x) > 0, lambda: x, lambda: -x)


def test_a_layer_of_several_arguments_comes_back(tmp_path):
    class Mixed(onefit.Layer):
        def call(self, one, other, scale=1.0):
            return (one - other) * scale

    x, y = onefit.Input((3,)), onefit.Input((3,))
    model = onefit.Model([x, y], Mixed()(x, other=y, scale=3.0))
    model.save(tmp_path / "m.keras")
    again = onefit.load_model(tmp_path / "m.keras", {"Mixed": Mixed})
    np.testing.assert_allclose(again([X, X / 2]), (X - X / 2) * 3, rtol=1e-6)
