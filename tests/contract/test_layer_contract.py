"""The contract of layers: what every registered one keeps to, and Keras' numbers.

A new layer joins by a row in ROWS.
"""

import functools
import inspect
import json
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.layers.base import Layer, layers

SEED = 7


class Row(NamedTuple):
    """A layer to hold to the contract.

    `shape` has the batch first; `oracle` is whether Keras has the same layer, `config`
    whether its settings can be written down.
    """

    layer: str
    settings: dict[str, Any]
    shape: tuple[int, ...] = (4, 3)
    oracle: bool = True
    config: bool = True

    def __str__(self) -> str:
        named = {k: getattr(v, "__name__", v) for k, v in self.settings.items()}
        settings = ", ".join(f"{k}={v}" for k, v in named.items())
        return f"{self.layer}({settings}){self.shape}".replace(" ", "")

    def __hash__(self) -> int:
        return hash(str(self))

    def make(self) -> Layer:
        return getattr(onefit.layers, self.layer)(**self.settings)


def double(x):
    return x * 2.0


IMAGE = (4, 2, 3, 4)

ROWS = [
    Row("Dense", {"units": 2}),
    Row("Dense", {"units": 2, "activation": "tanh", "use_bias": False}, (4, 2, 3)),
    Row("Activation", {"activation": "sigmoid"}),
    Row("ReLU", {}),
    Row("ReLU", {"max_value": 0.9, "negative_slope": 0.1, "threshold": 0.2}),
    Row("ReLU", {"max_value": 0.0, "negative_slope": 0.5}),
    Row("LeakyReLU", {}),
    Row("LeakyReLU", {"negative_slope": 0.01}),
    Row("PReLU", {"alpha_initializer": "ones"}),
    Row("PReLU", {"shared_axes": [1, 2]}, IMAGE),
    Row("ELU", {}),
    Row("ELU", {"alpha": 0.5}),
    Row("Softmax", {}),
    Row("Softmax", {"axis": [1, 2]}, (4, 2, 3)),
    Row("Dropout", {"rate": 0.4}),
    Row("Dropout", {"rate": 0.4, "noise_shape": [None, 1], "seed": 3}),
    Row("Dropout", {"rate": 0.0}),
    Row("Dropout", {"rate": 1.0}),
    Row("AlphaDropout", {"rate": 0.4, "noise_shape": [None, 1]}),
    Row("GaussianDropout", {"rate": 0.4, "seed": 3}),
    Row("GaussianNoise", {"stddev": 0.4}),
    Row("ActivityRegularization", {"l1": 0.1, "l2": 0.2}),
    Row("Flatten", {}, IMAGE),
    Row("Flatten", {"data_format": "channels_first"}, IMAGE),
    Row("Flatten", {}, (4,)),
    Row("Reshape", {"target_shape": [3, -1]}, (4, 2, 3)),
    Row("Permute", {"dims": [2, 3, 1]}, IMAGE),
    Row("RepeatVector", {"n": 2}),
    Row("BatchNormalization", {}),
    Row("BatchNormalization", {"axis": 1, "momentum": 0.5, "epsilon": 0.1}, IMAGE),
    Row("BatchNormalization", {"center": False, "scale": False}),
    Row("BatchNormalization", {"trainable": False}),
    Row(
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmin": 0.9, "rmax": 1.1, "dmax": 0.1}},
    ),
    Row("LayerNormalization", {}),
    Row("LayerNormalization", {"axis": [1, 3], "epsilon": 0.1}, IMAGE),
    Row("LayerNormalization", {"center": False, "scale": False}),
    Row("GroupNormalization", {"groups": 2}, IMAGE),
    Row("GroupNormalization", {"groups": -1, "axis": 1, "scale": False}, IMAGE),
    Row("RMSNormalization", {}),
    Row("RMSNormalization", {"axis": [-2, -1], "epsilon": 0.1}, (4, 2, 3)),
    Row("UnitNormalization", {}),
    Row("UnitNormalization", {"axis": [1, 2]}, (4, 2, 3)),
    Row("Normalization", {}),
    Row("Normalization", {"axis": [1, -1], "invert": True}, (4, 2, 3)),
    Row("Normalization", {"axis": None}),
    Row("Normalization", {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 5.0, 6.0]}),
    Row("Normalization", {"mean": 1.0, "variance": 4.0, "invert": True}),
    Row("Rescaling", {"scale": 0.5}),
    Row("Rescaling", {"scale": [0.5, 2.0, 3.0], "offset": [1.0, 0.0, -1.0]}),
    Row("Identity", {}),
    Row("Lambda", {"function": double}, config=False),
    Row("InputLayer", {"shape": [3]}, oracle=False),
]

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


@jit_once
def both_ways(layer, params, state, x, seed):
    """(Output, state) of inference, and of training."""
    key = jax.random.key(seed) if layer.random else None
    return tuple(
        layer.apply(params, state, x, training=training, key=key)
        for training in (False, True)
    )


class Case(NamedTuple):
    """A layer with weights that are all different from one another, and an input."""

    layer: Layer
    params: dict
    state: dict
    x: np.ndarray

    def run(self, *, training: bool, seed: int = SEED) -> Any:
        return both_ways(*self, np.uint32(seed))[training]


@functools.cache
def case(row: Row) -> Case:
    rng = np.random.default_rng(3)
    layer = row.make().build((None, *row.shape[1:]), rng)

    def some(weight):
        # Positive, as a variance has to be; a count stays one.
        floats = weight.dtype.kind == "f"
        return rng.uniform(0.5, 1.5, weight.shape).astype("f4") if floats else weight

    layer.set_weights([some(w) for w in layer.get_weights()])
    x = rng.normal(size=row.shape).astype("float32")
    return Case(layer, layer.slot.params, layer.slot.state, x)


@functools.cache
def output(row: Row, training: bool) -> Any:
    return case(row).run(training=training)


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
    }
    assert inside == {row.layer for row in ROWS}
    assert inside <= set(onefit.layers.__all__)


@every_row
def test_output_shape_is_the_real_shape(row):
    layer = case(row).layer
    y, _ = output(row, False)
    assert layer.output_shape(row.shape) == y.shape
    assert layer.output_shape((None, *row.shape[1:])) == (None, *y.shape[1:])
    assert row.make().output_shape((None, *row.shape[1:])) == (None, *y.shape[1:])
    assert Layer.output_shape(layer, (None, *row.shape[1:])) == (None, *y.shape[1:])


@every_row
def test_types_stay(row):
    c = case(row)
    for training in (False, True):
        y, state = output(row, training)
        assert y.dtype == np.float32
        assert {n: s.dtype for n, s in state.items()} == {
            n: s.dtype for n, s in c.state.items()
        }


@every_layer
def test_compiled_is_eager(row):
    c = case(row)
    key = jax.random.key(SEED) if c.layer.random else None
    eager = c.layer.apply(c.params, c.state, c.x, training=True, key=key)
    close(eager, output(row, True))


@every_layer
def test_population_is_a_loop(row):
    """Weights, inputs and the numbers of the layer itself vary along one axis."""
    c = case(row)
    key = jax.random.key(SEED)

    def other(a):
        return a if np.asarray(a).dtype.kind != "f" else a * 0.9

    second = Case(*jax.tree.map(other, tuple(c)))
    both = jax.tree.map(lambda a, b: np.stack([a, b]), tuple(c), tuple(second))

    @jit_once
    @jax.vmap
    def run(layer, params, state, x):
        return layer.apply(params, state, x, training=True, key=key)

    loop = output(row, True), second.run(training=True)
    close(run(*both), jax.tree.map(lambda a, b: np.stack([a, b]), *loop))


@every_random
def test_random_layers_follow_their_key(row):
    c = case(row)
    first, _ = output(row, True)
    np.testing.assert_array_equal(first, c.run(training=True)[0])
    if row.settings.get("rate") != 1.0:
        others = [c.run(training=True, seed=seed)[0] for seed in range(4)]
        assert any(not np.array_equal(first, other) for other in others)


@every_row
def test_inference_is_deterministic(row):
    c = case(row)
    y, state = output(row, False)
    np.testing.assert_array_equal(y, c.run(training=False, seed=SEED + 1)[0])
    close(state, c.state, 0)
    if c.layer.random:
        np.testing.assert_array_equal(y, c.x)


@every_layer
def test_gradient_by_finite_differences(row):
    c = case(row)
    rng = np.random.default_rng(5)
    with jax.enable_x64(True):
        at = jax.tree.map(lambda a: np.asarray(a, "float64"), (c.params, c.x))
        state = {n: np.asarray(s, "float64") for n, s in c.state.items()}
        key = jax.random.key(SEED)
        weights = rng.normal(size=output(row, True)[0].shape)

        @jit_once
        @jax.value_and_grad
        def cost(at):
            params, x = at
            y, _ = c.layer.apply(params, state, x, training=True, key=key)
            assert y.dtype == np.float64
            return jnp.sum(y * weights)

        step = jax.tree.map(lambda a: 1e-6 * rng.normal(size=a.shape), at)
        ahead = float(cost(jax.tree.map(np.add, at, step))[0])
        behind = float(cost(jax.tree.map(np.subtract, at, step))[0])
        terms = jax.tree.map(lambda g, s: float(np.sum(g * s)), cost(at)[1], step)
        slope = sum(jax.tree.leaves(terms))
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

    return getattr(keras.layers, row.layer)(**row.settings)


@functools.cache
def built_keras_layer(row: Row) -> Any:
    layer = type(keras_layer(row))(**row.settings)
    layer.build((None, *row.shape[1:]))
    layer.set_weights(case(row).layer.get_weights())
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
    return layer


@every_oracle
def test_keras_gives_the_same_numbers(row):
    c, theirs = case(row), built_keras_layer(row)
    training = not c.layer.random
    (y, state), (predicted, _) = output(row, training), output(row, False)
    mixture = np.random.default_rng(9).normal(size=y.shape).astype("f4")
    told = "training" in inspect.signature(theirs.call).parameters
    fixed = {v.name: v.value for v in theirs.non_trainable_variables}
    free = [v.value for v in theirs.trainable_variables]

    def run_theirs(x, training):
        arguments = {"training": training} if told else {}
        y, new = theirs.stateless_call(free, list(fixed.values()), x, **arguments)
        return jnp.sum(y * mixture), (y, dict(zip(fixed, new, strict=True)))

    def run_ours(x):
        return jnp.sum(
            c.layer.apply(c.params, c.state, x, training=training)[0] * mixture
        )

    @jit_once
    def all_of(x):
        gradient, (y, new) = jax.grad(run_theirs, has_aux=True)(x, training)
        expected = gradient, y, {name: new[name] for name in state}
        return jax.grad(run_ours)(x), expected, run_theirs(x, False)[1][0]

    gradient, expected, expected_prediction = all_of(c.x)
    close((gradient, y, dict(state)), expected)
    close(predicted, expected_prediction)


@every_oracle
def test_keras_has_the_same_weights_and_shapes(row):
    c, theirs = case(row), built_keras_layer(row)
    assert [*c.params, *c.state] == [w.name for w in theirs.weights]
    assert [w.shape for w in c.layer.weights] == [w.shape for w in theirs.weights]
    assert c.layer.name == onefit.registry.snake_case(row.layer)
    assert theirs.name.startswith(c.layer.name)
    shape = (None, *row.shape[1:])
    assert c.layer.output_shape(shape) == theirs.compute_output_shape(shape)


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
