"""The contract of layers: what every registered one keeps to, and Keras' numbers.

A new layer joins by a row in `layer_rows`.
"""

import functools
import inspect
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from layer_rows import ROWS, Row

import onefit
from onefit.layers.base import Layer, layers
from onefit.layers.host.base import HostLayer
from onefit.networks.graph import with_parts
from onefit.types import is_shape

SEED = 7

every_row = pytest.mark.parametrize("row", ROWS, ids=str)
every_layer = pytest.mark.parametrize(
    "row", {row.layer: row for row in reversed(ROWS)}.values(), ids=str
)
every_config = pytest.mark.parametrize("row", [r for r in ROWS if r.config], ids=str)
every_oracle = pytest.mark.parametrize("row", [r for r in ROWS if r.oracle], ids=str)
every_random = pytest.mark.parametrize(
    "row", [r for r in ROWS if r.make().random and r.settings.get("rate") != 0], ids=str
)


# These programs run once: what counts is how fast they compile.
jit_once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


@functools.partial(
    jax.jit,
    static_argnames="options",
    compiler_options={"xla_backend_optimization_level": 0},
)
def both_ways(layer, params, state, x, mask, options, seed):
    """What inference gives, and what training gives."""
    key = jax.random.key(seed) if layer.random else None
    told = {"key": key, "mask": mask} | dict(options)
    return tuple(
        layer.forward(params, state, x, training=training, **told)
        for training in (False, True)
    )


class Case(NamedTuple):
    """A layer with weights that are all different from one another, and an input."""

    layer: Layer
    params: dict
    state: dict
    x: Any
    mask: Any = None
    options: tuple = ()

    def run(self, *, training: bool, seed: int = SEED) -> Any:
        return both_ways(*self, np.uint32(seed))[training][:2]


@functools.cache
def case(row: Row) -> Case:
    rng = np.random.default_rng(3)
    layer = row.make().build(row.open_shape(), rng)

    def some(weight):
        # Positive, as a variance has to be; a count stays one.
        floats = weight.dtype.kind == "f"
        return rng.uniform(0.5, 1.5, weight.shape).astype("f4") if floats else weight

    layer.set_weights([some(w) for w in layer.get_weights()])
    slot = layer.slot
    options = tuple(row.options.items())
    return Case(layer, slot.params, slot.state, row.inputs(), row.masks(), options)


@functools.cache
def output(row: Row, training: bool) -> Any:
    return case(row).run(training=training)


def shapes(y: Any) -> Any:
    return jax.tree.map(lambda a: tuple(a.shape), y)


def close(ours, theirs, tolerance=2e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance),
        ours,
        theirs,
    )


def test_every_layer_has_a_row():
    inside = {
        cls.__name__
        for cls in layers.objects()
        if cls.__module__.startswith("onefit.layers.")
        and not issubclass(cls, HostLayer)  # they are in layers/test_host.py
    }
    inside -= {"Wrapper"}  # which only others stand on
    assert inside == {row.layer for row in ROWS}
    assert inside <= set(onefit.layers.__all__)


@every_row
def test_output_shape_is_the_real_shape(row):
    layer = case(row).layer
    real = shapes(output(row, False)[0])
    batch = (row.shape if is_shape(row.shape) else row.shape[0])[0]
    as_open = jax.tree.map(
        lambda s: (None if s[0] == batch else s[0], *s[1:]), real, is_leaf=is_shape
    )
    assert layer.call_shape(row.shape, **row.options) == real
    assert layer.call_shape(row.open_shape(), **row.options) == as_open
    assert row.make().call_shape(row.open_shape(), **row.options) == as_open
    if not row.options:
        assert Layer.output_shape(layer, row.shape) == real


@every_row
def test_types_stay(row):
    c = case(row)
    for training in (False, True):
        y, state = output(row, training)
        own = getattr(c.layer, "output_dtype", None) or "float32"
        assert {a.dtype for a in jax.tree.leaves(y)} == {np.dtype(own)}
        assert {n: s.dtype for n, s in state.items()} == {
            n: s.dtype for n, s in c.state.items()
        }


@every_layer
def test_compiled_is_eager(row):
    c = case(row)
    key = jax.random.key(SEED) if c.layer.random else None
    eager = c.layer.forward(
        c.params, c.state, c.x, training=True, key=key, mask=c.mask, **row.options
    )
    close(eager[:2], output(row, True))


def filled(tree):
    """Rows with copies of the first one after them, as a batch is filled up."""
    return jax.tree.map(lambda a: np.concatenate([a, a[:1], a[:1], a[:1]]), tree)


FILLED = {row.layer: row for row in reversed(ROWS)} | {
    str(row): row for row in ROWS if row.make().random
}


@pytest.mark.parametrize(
    "row",
    [row for row in FILLED.values() if all(p.by_row for p in with_parts(row.make()))],
    ids=str,
)
def test_rows_that_fill_a_batch_change_nothing(row):
    c = case(row)
    if c.layer.stateful:
        return
    kept = both_ways(*c._replace(x=filled(c.x), mask=filled(c.mask)), np.uint32(SEED))
    for training in (False, True):
        if training and not all(p.learns_by_row for p in with_parts(c.layer)):
            return
        y, state = output(row, training)
        n = len(jax.tree.leaves(c.x)[0])
        close(jax.tree.map(lambda a, n=n: a[:n], kept[training][0]), y)
        close(kept[training][1], state)


@every_layer
def test_population_is_a_loop(row):
    """Weights, inputs and the numbers of the layer itself vary along one axis."""
    c = case(row)
    key = jax.random.key(SEED)

    def other(a):
        return a if np.asarray(a).dtype.kind != "f" else a * 0.9

    second = Case(*jax.tree.map(other, tuple(c)[:4]), c.mask, c.options)
    both = jax.tree.map(lambda a, b: np.stack([a, b]), tuple(c)[:4], tuple(second)[:4])

    @jit_once
    @jax.vmap
    def run(layer, params, state, x):
        return layer.forward(
            params, state, x, training=True, key=key, mask=c.mask, **row.options
        )[:2]

    loop = output(row, True), second.run(training=True)
    close(run(*both), jax.tree.map(lambda a, b: np.stack([a, b]), *loop))


@every_random
def test_random_layers_follow_their_key(row):
    c = case(row)
    first = jax.tree.leaves(output(row, True)[0])[0]
    np.testing.assert_array_equal(first, jax.tree.leaves(c.run(training=True)[0])[0])
    if row.settings.get("rate") != 1.0:
        others = [c.run(training=True, seed=seed)[0] for seed in range(4)]
        leaves = [jax.tree.leaves(other)[0] for other in others]
        assert any(not np.array_equal(first, other) for other in leaves)


@every_row
def test_inference_is_deterministic(row):
    c = case(row)
    y, state = output(row, False)
    close(y, c.run(training=False, seed=SEED + 1)[0], 0)
    if not c.layer.stateful:
        close(state, c.state, 0)
    if c.layer.random and not c.params and shapes(y) == shapes(c.x):
        np.testing.assert_array_equal(y, c.x)


@every_layer
def test_gradient_by_finite_differences(row):
    if not row.smooth:
        pytest.skip("the output jumps")
    c = case(row)
    rng = np.random.default_rng(5)

    def double(a):
        return np.asarray(a, "float64") if np.asarray(a).dtype.kind == "f" else a

    with jax.enable_x64(True):
        at = jax.tree.map(double, (c.params, c.x))
        state = jax.tree.map(double, c.state)
        key = jax.random.key(SEED)
        weights = jax.tree.map(lambda a: rng.normal(size=a.shape), output(row, True)[0])

        @jit_once
        @functools.partial(jax.value_and_grad, allow_int=True)
        def cost(at):
            params, x = at
            y = c.layer.forward(
                params, state, x, training=True, key=key, mask=c.mask, **row.options
            ).output
            assert {a.dtype for a in jax.tree.leaves(y)} == {np.dtype("float64")}
            return sum(
                jax.tree.leaves(jax.tree.map(lambda a, w: jnp.sum(a * w), y, weights))
            )

        def small(a):
            return 1e-6 * rng.normal(size=a.shape) if a.dtype.kind == "f" else 0 * a

        step = jax.tree.map(small, at)
        ahead = float(cost(jax.tree.map(np.add, at, step))[0])
        behind = float(cost(jax.tree.map(np.subtract, at, step))[0])
        pairs = zip(jax.tree.leaves(cost(at)[1]), jax.tree.leaves(step), strict=True)
        slope = sum(float(np.sum(g * s)) for g, s in pairs if s.dtype.kind == "f")
    np.testing.assert_allclose(slope, (ahead - behind) / 2, rtol=1e-6, atol=1e-13)


@every_config
def test_config_makes_the_same_layer(row):
    c = case(row)
    config = json.loads(json.dumps(c.layer.get_config()))
    again = type(c.layer).from_config(config)
    assert json.loads(json.dumps(again.get_config())) == config
    close(c._replace(layer=again).run(training=True), output(row, True), 0)


@every_row
def test_weights_go_out_and_in(row):
    c = case(row)
    before = c.layer.get_weights()
    c.layer.set_weights(before)
    for old, new in zip(before, c.layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert c.layer.count_params() == sum(w.size for w in before)
    assert len(jax.tree.leaves(c.params)) + len(jax.tree.leaves(c.state)) == len(before)


# Keras --------------------------------------------------------------------------------

LEFT_OUT = {
    "name",  # numbered by process in Keras, by model here
    "dtype",  # a policy in Keras
    "quantization_config",
    "activity_regularizer",
}


@functools.cache
def keras_layer(row: Row) -> Any:
    import keras

    return row.make(keras)


@functools.cache
def built_keras_layer(row: Row) -> Any:
    import keras

    layer, c = row.make(keras), case(row)
    takes = row.mask and "mask" in inspect.signature(layer.call).parameters
    told = {"mask": row.masks()} if takes else {}
    (row.call or plain_call)(layer, c.x, **told, **row.options)
    layer.set_weights(c.layer.get_weights())
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
    return layer


def plain_call(layer: Any, x: Any, **told: Any) -> Any:
    """How Keras is called, unless the row says otherwise."""
    if not isinstance(x, tuple):
        return layer(x, **told)
    if isinstance(told.get("mask"), tuple):
        told["mask"] = list(told["mask"])
    return layer(list(x), **told)


@every_oracle
def test_keras_gives_the_same_numbers(row):
    c, theirs = case(row), built_keras_layer(row)
    training = not c.layer.random
    (y, state), (predicted, _) = output(row, training), output(row, False)
    rng = np.random.default_rng(9)
    mixture = jax.tree.map(lambda a: rng.normal(size=a.shape).astype("f4"), y)
    takes = inspect.signature(theirs.call).parameters
    masks = {"mask": c.mask} if row.mask and "mask" in takes else {}
    fixed = theirs.non_trainable_variables
    own = {id(w) for w in theirs.weights}
    free = [v.value for v in theirs.trainable_variables]

    def mixed(y):
        y = jax.tree.leaves(y)
        return sum(
            jnp.sum(a * w) for a, w in zip(y, jax.tree.leaves(mixture), strict=True)
        )

    def run_theirs(at, training):
        weights, x = at
        told = masks | row.options
        told |= {"training": training} if "training" in takes else {}
        new = []

        def call(*inputs, **named):
            values = [v.value for v in fixed]
            y, changed = theirs.stateless_call(weights, values, *inputs, **named)
            new.extend(changed)
            return y

        y = (row.call or plain_call)(call, x, **told)
        kept = [n for n, v in zip(new, fixed, strict=True) if id(v) in own]
        kept = kept[len(kept) - len(c.state) :]  # a frozen layer has its weights here
        return mixed(y), (tuple(jax.tree.leaves(y)), kept)

    def run_ours(at):
        params, x = at
        return mixed(
            c.layer.forward(
                params,
                c.state,
                x,
                training=training,
                key=None,
                mask=c.mask,
                **row.options,
            ).output
        )

    grad = functools.partial(jax.grad, allow_int=True)

    @jit_once
    def all_of(params, free, x):
        gradient, (y, new) = grad(run_theirs, has_aux=True)((free, x), training)
        ours, dx = grad(run_ours)((params, x))
        ours = [ours[name] for name in c.params if name in c.layer.free(c.params)]
        expected = gradient, y, new
        return (ours, dx), expected, run_theirs((free, x), False)[1][0]

    gradient, expected, expected_prediction = all_of(c.params, free, c.x)
    floats = [a for a in jax.tree.leaves(gradient) if a.dtype.kind == "f"]
    theirs_ = [a for a in jax.tree.leaves(expected[0]) if a.dtype.kind == "f"]
    close(floats, theirs_, row.tolerance)
    ours = tuple(jax.tree.leaves(y)), [state[name] for name in c.state]
    close(ours, expected[1:], row.tolerance)
    close(tuple(jax.tree.leaves(predicted)), expected_prediction, row.tolerance)


@every_oracle
def test_keras_has_the_same_weights_and_shapes(row):
    c, theirs = case(row), built_keras_layer(row)
    names = [name.rpartition("/")[2] for name in (*c.params, *c.state)]
    assert names == [w.name for w in theirs.weights]
    assert [w.shape for w in c.layer.weights] == [w.shape for w in theirs.weights]
    assert c.layer.name == onefit.registry.snake_case(row.layer)
    if row.call is None and not row.options:
        shape = row.open_shape()
        shape = shape if is_shape(shape) else list(shape)
        theirs_ = theirs.compute_output_shape(shape)
        ours = c.layer.output_shape(row.open_shape())
        assert jax.tree.leaves(ours) == jax.tree.leaves(theirs_)


@every_oracle
def test_keras_has_the_same_mask(row):
    c, theirs = case(row), built_keras_layer(row)
    makes = type(theirs).__name__ in ("Embedding", "Masking")
    if not row.mask and not makes:
        return
    ours = both_ways(*c, np.uint32(0))[0].mask
    x, mask = (list(v) if isinstance(v, tuple) else v for v in (c.x, c.mask))
    expected = theirs.compute_mask(x, mask) if theirs.supports_masking else None
    expected = [m for m in jax.tree.leaves(expected) if m is not None]
    assert len(jax.tree.leaves(ours)) == len(expected)
    close(jax.tree.leaves(ours), expected, 0)


@every_oracle
def test_keras_has_the_same_config(row):
    if not row.config:
        pytest.skip("a function has no config")

    def plain(value):
        if isinstance(value, dict) and "class_name" in value:
            return value["class_name"]
        return [plain(v) for v in value] if isinstance(value, tuple | list) else value

    config = case(row).layer.get_config()
    for name, value in keras_layer(row).get_config().items():
        if name not in LEFT_OUT:
            assert plain(config[name]) == plain(value), name
