"""Policies of half the digits: whole fits, files, loss scaling, populations."""

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import onefit
from onefit import config, dtype_policies, layers, mixed_precision, population
from onefit.config import DTypePolicy
from onefit.layers.products import matmul
from onefit.optimizers import Adam, LossScaleOptimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(256, 8, 6)).astype("float32")
Y = (X[:, :3, 0].sum(1) > 0).astype("int32")

BODIES = {
    "dense": lambda: [layers.Flatten(), layers.Dense(16, "relu")],
    "convolution": lambda: [layers.Conv1D(8, 3, activation="relu"), layers.Flatten()],
    "recurrent": lambda: [layers.LSTM(8, return_sequences=True), layers.GRU(8)],
    "normalized": lambda: [
        layers.Flatten(),
        layers.Dense(16),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.LayerNormalization(),
    ],
}


@pytest.fixture(autouse=True)
def policy():
    """Every test begins and ends in float32."""
    yield
    config.set_dtype_policy("float32")


def attention():
    inputs = onefit.Input((8, 6))
    x = layers.Dense(8)(inputs)
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)])
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    outputs = layers.Dense(2, "softmax", dtype="float32")(x)
    return onefit.Model(inputs, outputs)


def made(body, policy, optimizer="adam"):
    config.set_dtype_policy(policy)
    config.set_random_seed(1)
    if body == "attention":
        model = attention()
    else:
        head = layers.Dense(2, "softmax", dtype="float32")
        model = onefit.Sequential([onefit.Input((8, 6)), *BODIES[body](), head])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("body", [*BODIES, "attention"])
def test_the_losses_fall_as_in_float32(body):
    curves = {}
    for policy in ("float32", "mixed_bfloat16", "mixed_float16"):
        model = made(body, policy)
        history = model.fit(X, Y, epochs=20, verbose=0, shuffle=False)
        curves[policy] = np.array(history.history["loss"])
        assert {w.dtype for w in model.weights} == {"float32"}
        assert model.predict(X[:3], verbose=0).dtype == np.float32
    for policy in ("mixed_bfloat16", "mixed_float16"):
        off = np.abs(curves[policy] - curves["float32"]) / curves["float32"]
        assert off.max() < 0.15, (policy, off)


def test_activations_are_half_and_the_steps_are_not():
    model = made("dense", "mixed_bfloat16")
    inner = onefit.Model(model.inputs, model.layers[-2].output)
    assert inner(X[:2]).dtype == jnp.bfloat16
    before = model.get_weights()[0]
    model.optimizer.learning_rate = 1e-5  # below the last digit of a bfloat16
    model.fit(X, Y, epochs=1, verbose=0)
    moved = np.abs(model.get_weights()[0] - before)
    assert 0 < moved.max() < 1e-3


def test_policies_are_those_of_keras():
    for name in ("float32", "mixed_bfloat16", "mixed_float16", "bfloat16", "float16"):
        mine, theirs = DTypePolicy(name), keras.DTypePolicy(name)
        for fact in ("name", "compute_dtype", "variable_dtype", "quantization_mode"):
            assert getattr(mine, fact) == getattr(theirs, fact)
        assert repr(mine) == repr(theirs)
        assert dtype_policies.serialize(mine) == keras.dtype_policies.serialize(theirs)
        assert dtype_policies.get(dtype_policies.serialize(mine)) == mine
        assert dtype_policies.get(mine) is mine
    assert dtype_policies.get(None) == config.dtype_policy()
    assert mixed_precision.global_policy() == DTypePolicy("float32")


@pytest.mark.parametrize("given", ["mixed_bfloat16", DTypePolicy("mixed_bfloat16")])
def test_one_layer_has_a_policy_of_its_own(given):
    layer = layers.Dense(3, dtype=given)
    y = layer(X[:, 0])
    assert (y.dtype, layer.kernel.dtype) == (jnp.bfloat16, "float32")
    assert (layer.dtype, layer.compute_dtype) == ("float32", "bfloat16")
    theirs = keras.layers.Dense(3, dtype="mixed_bfloat16")
    theirs.build((None, 6))
    theirs.set_weights(layer.get_weights())
    want = np.asarray(theirs(X[:, 0]), "float32")
    np.testing.assert_allclose(np.asarray(y, "float32"), want, atol=0.05)


@pytest.mark.parametrize("name", ["int7", "mixed_float64", "mixed_", "half"])
def test_unknown_policies_are_refused(name):
    for make in (DTypePolicy, config.set_dtype_policy, dtype_policies.get):
        with pytest.raises(ValueError, match="mixed_bfloat16"):
            make(name)
    with pytest.raises(ValueError, match=r"Dense: received dtype=.*mixed_bfloat16"):
        layers.Dense(2, dtype=name)


def test_a_policy_is_no_number():
    with pytest.raises(TypeError, match="'mixed_bfloat16'"):
        DTypePolicy(3)
    with pytest.raises(TypeError, match=r"dtype_policies\.get"):
        dtype_policies.get(3)


def test_files_keep_policies(tmp_path):
    model = made("normalized", "mixed_bfloat16")
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "m.keras")
    want = model.predict(X[:5], verbose=0)
    for policy in ("float32", "mixed_float16"):
        config.set_dtype_policy(policy)
        again = onefit.load_model(tmp_path / "m.keras")
        kinds = [layer.dtype_policy.name for layer in again.layers]
        assert kinds == [layer.dtype_policy.name for layer in model.layers]
        assert (kinds[0], kinds[-1]) == ("mixed_bfloat16", "float32")
        np.testing.assert_array_equal(again.predict(X[:5], verbose=0), want)
    theirs = keras.models.load_model(tmp_path / "m.keras")
    assert theirs.layers[1].dtype_policy.name == "mixed_bfloat16"  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]
    np.testing.assert_allclose(theirs.predict(X[:5], verbose=0), want, atol=0.05)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess]


def test_a_float32_file_stays_float32_under_another_policy(tmp_path):
    made("dense", "float32").save(tmp_path / "m.keras")
    config.set_dtype_policy("mixed_bfloat16")
    again = onefit.load_model(tmp_path / "m.keras")
    assert {layer.compute_dtype for layer in again.layers} == {"float32"}


def test_float16_scales_the_loss():
    model = made("dense", "mixed_float16")
    assert isinstance(model.optimizer, LossScaleOptimizer)
    assert not isinstance(made("dense", "mixed_bfloat16").optimizer, LossScaleOptimizer)
    given = LossScaleOptimizer(Adam())
    assert (
        made("dense", "mixed_float16", given).optimizer.inner_optimizer.name == "adam"
    )
    model.compile("adam", "sparse_categorical_crossentropy", auto_scale_loss=False)
    assert not isinstance(model.optimizer, LossScaleOptimizer)


class Scaled(onefit.Layer):
    """A layer in Keras' style, with a weight and a layer of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.whole = layers.Dense(4), layers.Dense(4, dtype="float32")

    def build(self, input_shape):
        self.gain = self.add_weight(shape=(4,), initializer="ones")
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        self.types = (inputs.dtype, self.inner(inputs).dtype, self.whole(inputs).dtype)
        self.seen.assign_add(1.0)
        return self.inner(inputs) * self.gain


def test_classes_of_users_compute_in_halves():
    config.set_dtype_policy("mixed_bfloat16")
    layer = Scaled()
    model = onefit.Sequential([onefit.Input((6,)), layer, layers.Dense(2)])
    model.compile("adam", onefit.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(X[:, 0], Y, epochs=2, verbose=0)
    assert [str(t) for t in layer.types] == ["bfloat16", "bfloat16", "float32"]
    assert (layer.gain.dtype, layer.seen.dtype) == ("float32", "float32")
    assert float(layer.seen) == 16  # two epochs of eight batches
    assert model(X[:2, 0]).dtype == jnp.bfloat16


def test_populations_take_policies():
    model = made("dense", "mixed_bfloat16")
    result = population.fit(model, X, Y, seeds=3, epochs=3, verbose=0)
    model = made("dense", "float32")
    plain = population.fit(model, X, Y, seeds=3, epochs=3, verbose=0)
    mine, theirs = (np.array(one.history["loss"]) for one in (result, plain))
    np.testing.assert_allclose(mine, theirs, rtol=0.05)


def test_products_of_halves_and_their_gradients():
    a, b = (RNG.normal(size=s).astype("float32") for s in ((2, 5, 7), (2, 7, 3)))
    halves = jnp.asarray(a, "bfloat16"), jnp.asarray(b, "bfloat16")

    def squares(a, b):
        return jnp.sum(jnp.square(matmul(a, b).astype("float32")))

    mine = jax.grad(squares, (0, 1))(*halves)
    want = jax.grad(squares, (0, 1))(*(h.astype("float32") for h in halves))
    for one, other in zip(mine, want, strict=True):
        assert one.dtype == jnp.bfloat16
        other = np.asarray(other)
        off = np.abs(np.asarray(one, "float32") - other).max() / np.abs(other).max()
        assert off < 0.02
    tangents = jax.jvp(matmul, halves, halves)[1]  # forward, too
    np.testing.assert_allclose(
        np.asarray(tangents, "float32"), 2 * a @ b, atol=0.1, rtol=0.05
    )


@pytest.mark.parametrize(
    "layer", [layers.Dense(5), layers.Conv1D(5, 3)], ids=["dense", "convolution"]
)
def test_products_at_each_step_take_halves_and_give_float32(layer):
    # Else XLA has no fast kernel for them. Forward, and back to the input and weights.
    layer.dtype_policy = "mixed_bfloat16"
    layer.build((None, 8, 6))

    def cost(params, x):
        y = layer.forward(params, {}, x, training=True, key=None)[0]
        return (y.astype("float32") ** 2).sum()

    program = jax.jit(jax.grad(cost, (0, 1)))
    lines = program.lower(layer.slot.params, X[:4]).as_text().splitlines()
    products = [line for line in lines if "stablehlo.dot_general" in line]
    assert products
    for line in products:
        factors, result = line.split("->")
        assert factors.count("xbf16>") == 2
        assert "xf32>" in result


def test_formulas_are_verified_in_all_digits():
    model = made("dense", "mixed_bfloat16")
    trace = model.trace(X[:4], Y[:4])
    assert trace.verify().ok
