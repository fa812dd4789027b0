"""SpectralNormalization: singular values by numpy, training as in Keras, errors."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import Sequential, initializers
from onefit.layers import Dense, Flatten, SpectralNormalization

RNG = np.random.default_rng(4)
X = RNG.normal(size=(5, 3)).astype("float32")


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


def forward(layer, x, *, training):
    params, state = layer.slot.params, layer.slot.state
    return layer.forward(params, state, x, training=training, key=None)


def test_a_hand_worked_kernel():
    # W = diag(3, 1) turned by nothing: its largest singular value is 3.
    layer = SpectralNormalization(Dense(2, use_bias=False), power_iterations=8)
    layer.build((None, 2)).set_weights([np.diag([3.0, 1.0]), [[1.0, 1.0]]])
    y = layer(np.eye(2))
    np.testing.assert_allclose(y, np.diag([1.0, 1 / 3]), atol=1e-6)


def test_the_largest_singular_value_becomes_one():
    kernel = (RNG.normal(size=(2, 3, 2, 4)) + 2.0).astype("float32")
    layer = SpectralNormalization(Dense(1), power_iterations=8)
    new, u = jax.jit(layer._normalized)(kernel, np.ones((1, 4), "float32"))
    values = np.linalg.svd(np.reshape(new, (-1, 4)), compute_uv=False)
    np.testing.assert_allclose(values[0], 1.0, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(u), 1.0, rtol=1e-5)
    np.testing.assert_allclose(new / new.max(), kernel / kernel.max(), rtol=1e-5)


@pytest.mark.parametrize("steps", [1, 3])
def test_training_is_that_of_keras(steps):
    keras = pytest.importorskip("keras")
    layer = SpectralNormalization(Dense(2, activation="tanh"), power_iterations=steps)
    layer.build((None, 3))
    kernel, bias, u = (RNG.normal(size=w.shape) for w in layer.get_weights())
    layer.set_weights([kernel, bias, u])
    inner = keras.layers.Dense(2, activation="tanh")
    peer = keras.layers.SpectralNormalization(inner, power_iterations=steps)
    peer.build((None, 3))
    values = [jnp.asarray(w, "float32") for w in (kernel, bias)]
    fixed = [jnp.asarray(u, "float32")]

    @jax.jit
    @jax.value_and_grad
    def theirs(values):
        y, (new,) = peer.stateless_call(values, fixed, X, training=True)
        return jnp.sum(y**2) + jnp.sum(jax.lax.stop_gradient(new))

    @jax.jit
    @jax.value_and_grad
    def ours(params):
        outcome = layer.forward(params, layer.slot.state, X, training=True, key=None)
        return jnp.sum(outcome.output**2) + jnp.sum(outcome.state["vector_u"])

    (value, slope), (expected, expected_slope) = ours(layer.slot.params), theirs(values)
    np.testing.assert_allclose(value, expected, rtol=1e-5)
    for name, g in zip(("layer/kernel", "layer/bias"), expected_slope, strict=True):
        np.testing.assert_allclose(slope[name], g, rtol=1e-4, atol=1e-5)


def test_only_training_moves_u_and_both_divide():
    layer = SpectralNormalization(Dense(2)).build((None, 3))
    rest, at_work = (forward(layer, X, training=t) for t in (False, True))
    old = layer.slot.state["vector_u"]
    np.testing.assert_array_equal(rest.state["vector_u"], old)
    assert not np.allclose(at_work.state["vector_u"], old)
    np.testing.assert_allclose(rest.output, at_work.output, rtol=1e-6)


def test_a_kernel_of_zeros_stays():
    dense = Dense(2, kernel_initializer="zeros", bias_initializer="ones")
    layer = SpectralNormalization(dense).build((None, 3))
    outcome = forward(layer, X, training=True)
    np.testing.assert_array_equal(outcome.output, np.ones((5, 2)))
    np.testing.assert_array_equal(
        outcome.state["vector_u"], layer.slot.state["vector_u"]
    )
    slope = jax.jit(
        jax.grad(
            lambda p: jnp.sum(
                layer.forward(p, layer.slot.state, X, training=True, key=None).output
            )
        )
    )(layer.slot.params)
    assert all(np.all(np.isfinite(g)) for g in slope.values())


def test_the_layer_inside_keeps_its_rules():
    dense = Dense(
        2,
        activation="sigmoid",
        kernel_regularizer="l2",
        bias_constraint="non_neg",
        kernel_initializer=initializers.Ones(),
    )
    layer = SpectralNormalization(dense).build((None, 3))
    assert list(layer.slot.params) == ["layer/kernel", "layer/bias"]
    assert list(layer.slot.state) == ["vector_u"]
    assert layer.slot.state["vector_u"].shape == (1, 2)
    np.testing.assert_allclose(layer.penalty(layer.slot.params), 0.06, rtol=1e-6)
    held = layer.constrain({**layer.slot.params, "layer/bias": np.array([-1.0, 1.0])})
    np.testing.assert_array_equal(held["layer/bias"], [0.0, 1.0])
    # A loss works from the values before the sigmoid, through the wrapper.
    assert layer.before("sigmoid").layer.activation.__name__ == "linear"
    assert layer.before("softmax") is None


def test_a_model_trains_with_it():
    model = Sequential([SpectralNormalization(Dense(4)), Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    history = model.fit(X, np.ones((5, 1)), epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_what_cannot_be_wrapped():
    with refuses(
        "SpectralNormalization 'spectral_normalization': received Flatten 'flatten' "
        "with weights []; expected a layer with a kernel or embeddings. Wrap a Dense, "
        "convolution or Embedding layer."
    ):
        SpectralNormalization(Flatten()).build((None, 3))
    with refuses("layer: received 'dense'; expected a layer.", TypeError):
        SpectralNormalization("dense")
    with refuses("SpectralNormalization: received power_iterations=0"):
        SpectralNormalization(Dense(1), power_iterations=0)
    layer = SpectralNormalization(Dense(1)).build((None, 3))
    with refuses("received 2 features (input shape (None, 2)); expected 3, as it was"):
        layer(X[:, :2])
