"""Every layer in a Keras file and back: settings, weights and numbers."""

import functools
import importlib
import json

import jax
import layer_rows
import numpy as np
import pytest
from layer_rows import Row

import onefit
from onefit import Model
from onefit.layers.host.base import HostLayer
from onefit.types import is_shape

FAMILIES = {
    name: importlib.import_module(f"layer_rows.{name}").ROWS
    for name in sorted(layer_rows.FILES)
}

# What Keras has as operations; and layers that have other numbers on purpose.
OPERATIONS = {"Arithmetic", "Absolute", "GetItem"}
UNLIKE = {"RandomCrop", "SpectralNormalization"}


# What Keras cannot call on an Input (a cycle, it says), or warns of on JAX.
BROKEN = {"Equalization", "MixUp"}


def in_files(row: Row) -> bool:
    known = row.oracle or row.layer in OPERATIONS | UNLIKE
    return row.config and known and row.layer not in BROKEN


def plain(config):
    return json.loads(json.dumps(config, default=lambda a: np.asarray(a).tolist()))


def called(layer, row: Row, x):
    if row.call is not None:
        return row.call(layer, x, **row.options)
    return layer(list(x) if isinstance(x, tuple) else x, **row.options)


def entrances(row: Row, library=onefit):
    dtype = "float32" if row.ids is None else "int32"
    return jax.tree.map(
        lambda shape: library.Input(shape[1:], dtype=dtype), row.shape, is_leaf=is_shape
    )


@pytest.fixture(scope="module", params=FAMILIES)
def family(request, tmp_path_factory):
    """A model with each row of a family as a branch; Keras' copy, and ours of that."""
    import keras

    path = tmp_path_factory.mktemp("layers")
    rows = [row for row in FAMILIES[request.param] if in_files(row)]
    rng = np.random.default_rng(11)
    inputs, outputs, data, made = [], [], [], []
    for row in rows:
        x, layer = entrances(row), row.make()
        y = called(layer, row, x)
        inputs += jax.tree.leaves(x)
        data += jax.tree.leaves(row.inputs())
        outputs += [jax.tree.leaves(y)[0]]
        made.append(layer)
    if not rows:
        pytest.skip("none is in Keras' files")
    ours = Model(inputs, outputs)
    weights = [
        rng.uniform(0.5, 1.5, w.shape).astype("f4") if w.dtype.kind == "f" else w
        for w in ours.get_weights()
    ]
    ours.set_weights(weights)
    ours.save(path / "a.keras")
    theirs = keras.models.load_model(path / "a.keras")
    theirs.save(path / "b.keras")  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    back = onefit.load_model(path / "b.keras")
    again = onefit.load_model(path / "a.keras")
    return rows, [layer.name for layer in made], data, ours, theirs, back, again


def test_weights_and_settings(family):
    import keras

    rows, names, _, ours, theirs, back, again = family
    assert again.get_config() == ours.get_config()
    for row, name in zip(rows, names, strict=True):
        mine, copy = ours.get_layer(name), back.get_layer(name)
        for model in (back, again):
            for a, b in zip(
                model.get_layer(name).get_weights(), mine.get_weights(), strict=True
            ):
                np.testing.assert_array_equal(a, b)
        assert copy.get_config().keys() == mine.get_config().keys()
        if not row.oracle:
            continue
        found = theirs.get_layer(name)
        for a, b in zip(found.get_weights(), mine.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        expected = row.make(keras)
        called(expected, row, entrances(row, keras))
        expected = expected.get_config() | {"name": name}
        assert unnamed(plain(found.get_config())) == unnamed(plain(expected))


def unnamed(config, top=True):
    """Settings without the names, which Keras counts, of layers inside."""
    if isinstance(config, dict):
        return {
            k: unnamed(v, False)
            for k, v in config.items()
            if k not in ("build_config", "shared_object_id") and (top or k != "name")
        }
    return [unnamed(v, False) for v in config] if isinstance(config, list) else config


def test_numbers(family):
    """Of one row a layer: compiling all of them would take long."""
    rows, _, data, ours, theirs, back, _ = family
    chosen = list({row.layer: i for i, row in enumerate(rows)}.values())
    run = functools.partial(
        jax.jit, compiler_options={"xla_backend_optimization_level": 0}
    )
    state = ours.graph.slot.state, back.graph.slot.state

    @run
    def all_of(x, params):
        values = [
            jax.tree.leaves(model.graph.apply(p, s, x)[0])
            for model, p, s in zip((ours, back), params, state, strict=True)
        ]
        values.append(theirs(list(x), training=False))
        return [[value[i] for i in chosen] for value in values]

    found, copies, expected = all_of(tuple(data), (ours.params, back.params))
    for i, a, b, c in zip(chosen, found, copies, expected, strict=True):
        tell = str(rows[i])
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6, err_msg=tell)
        if rows[i].layer not in UNLIKE:
            np.testing.assert_allclose(a, c, rtol=1e-5, atol=1e-5, err_msg=tell)


def test_every_layer_has_been_there():
    public = (getattr(onefit.layers, name) for name in onefit.layers.__all__)
    kinds = {cls for cls in public if isinstance(cls, type)}
    # Layers of texts and categories are in layers/test_host.py; the others no rows.
    names = {cls.__name__ for cls in kinds if not issubclass(cls, HostLayer)}
    names -= {"Layer", "InputSpec", "Wrapper"}
    assert names == {row.layer for rows in FAMILIES.values() for row in rows}
