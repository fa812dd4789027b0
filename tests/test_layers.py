"""Layers: numbers by hand, the lectures' usage, statistics of noise, error texts."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import Model, config, layers
from onefit.layers import (
    ELU,
    Activation,
    AlphaDropout,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    GaussianDropout,
    GaussianNoise,
    GroupNormalization,
    Input,
    InputLayer,
    Lambda,
    LayerNormalization,
    LeakyReLU,
    Normalization,
    Permute,
    PReLU,
    ReLU,
    RepeatVector,
    Rescaling,
    Reshape,
    RMSNormalization,
    Softmax,
    UnitNormalization,
)


def close(a, b, tolerance=1e-6):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


# The lectures' usage ------------------------------------------------------------------


def test_a_layer_works_as_in_the_labs():
    layer = Dense(3, activation="sigmoid")
    x = np.array([[200.0, 17.0]])
    a = layer(x)
    assert a.shape == (1, 3)
    W, b = layer.get_weights()
    assert (W.shape, b.shape) == ((2, 3), (3,))
    close(a, 1 / (1 + np.exp(-(x @ W + b))), 1e-5)
    W, b = np.array([[-1.0, 0.0, 1.0], [0.0, 2.0, 0.0]]), np.array([1.0, -34.0, -200.0])
    layer.set_weights([W, b])
    close(layer(x), [[0.0, 0.5, 0.5]])
    np.testing.assert_array_equal(layer.get_weights()[0], W)


def test_normalizing_the_coffee_as_in_the_labs():
    X = np.array([[185.0, 12.0], [260.0, 14.0], [215.0, 13.0]])
    layer = Normalization(axis=-1)
    layer.adapt(X)
    close(layer(X), (X - X.mean(0)) / X.std(0), 1e-5)
    close(layer(np.array([[220, 13]])), [[0.0, 0.0]])  # whole numbers become floats


def test_get_weights_are_copies():
    layer = BatchNormalization()
    layer.build((None, 2))
    for w in layer.get_weights():
        w += 5
    close(layer.get_weights()[0], [1.0, 1.0])


# Numbers by hand ----------------------------------------------------------------------

Z = np.array([[-2.0, -0.5, 0.0, 0.5, 3.0]])


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Activation("relu"), [[0, 0, 0, 0.5, 3]]),
        (Activation(None), Z),
        (ReLU(), [[0, 0, 0, 0.5, 3]]),
        (ReLU(max_value=2.0), [[0, 0, 0, 0.5, 2]]),
        (ReLU(max_value=0.0), [[0, 0, 0, 0, 0]]),
        # Below the threshold 1 the slope is 0.1 of the distance to it.
        (ReLU(2.0, 0.1, 1.0), [[-0.3, -0.15, -0.1, -0.05, 2]]),
        (LeakyReLU(), [[-0.6, -0.15, 0, 0.5, 3]]),
        (LeakyReLU(0.01), [[-0.02, -0.005, 0, 0.5, 3]]),
        (PReLU(alpha_initializer="ones"), Z),
        (ELU(2.0), [[2 * np.expm1(-2), 2 * np.expm1(-0.5), 0, 0.5, 3]]),
        (Softmax(), np.exp(Z) / np.exp(Z).sum()),
        # mean 0.2, mean square 2.7
        (LayerNormalization(epsilon=0.0), (Z - 0.2) / np.sqrt(2.7 - 0.04)),
        (LayerNormalization(epsilon=0.0, rms_scaling=True), Z / np.sqrt(2.7 - 0.04)),
        (RMSNormalization(epsilon=0.0), Z / np.sqrt(2.7)),
        (UnitNormalization(), Z / np.sqrt(13.5)),
        (GroupNormalization(-1), np.zeros((1, 5))),
        (Rescaling(2.0, -1.0), 2 * Z - 1),
        (Normalization(mean=1.0, variance=4.0), (Z - 1) / 2),
        (Normalization(mean=1.0, variance=4.0, invert=True), Z * 2 + 1),
        (RepeatVector(1), Z[:, None]),
        (Lambda(lambda x, p: x**p, arguments={"p": 2}), Z**2),
    ],
    ids=repr,
)
def test_numbers_by_hand(layer, expected):
    close(layer(Z), expected)


def test_flatten_gives_one_vector_for_both_formats():
    last = np.arange(24.0).reshape(1, 2, 3, 4)
    first = np.moveaxis(last, -1, 1)
    close(Flatten()(last), np.arange(24.0)[None])
    close(Flatten("channels_first")(first), np.arange(24.0)[None])
    assert Flatten().output_shape((None, None, 3)) == (None, None)


def test_reshape_finds_the_missing_size():
    assert Reshape((3, -1)).output_shape((None, 4, 6)) == (None, 3, 8)
    assert Reshape((3, -1)).output_shape((None, None, 6)) == (None, 3, None)
    assert Reshape([6]).output_shape((8, 2, 3)) == (8, 6)


def test_batch_normalization_by_hand():
    x = np.array([[1.0, 10.0], [3.0, 30.0]])  # means 2 and 20, variances 1 and 100
    layer = BatchNormalization(momentum=0.9, epsilon=0.0)
    close(layer(x, training=True), [[-1.0, -1.0], [1.0, 1.0]])
    gamma, beta, mean, variance = layer.get_weights()
    close(mean, [0.2, 2.0])
    close(variance, [0.9 + 0.1, 0.9 + 10.0])
    layer.set_weights([gamma * 2, beta + 1, mean, variance])
    close(layer(x), 2 * (x - [0.2, 2.0]) / np.sqrt([1.0, 10.9]) + 1)
    close(layer.get_weights()[2], mean)  # inference moves nothing


def test_a_frozen_batch_normalization_infers():
    x = np.array([[1.0], [3.0]])
    layer = BatchNormalization(epsilon=0.0)
    layer.trainable = False
    close(layer(x, training=True), x)
    close(layer.get_weights()[2], [0.0])


def test_normalizations_forget_shift_and_scale():
    x = np.random.default_rng(0).normal(size=(6, 4, 4)).astype("float32")
    for layer in (
        BatchNormalization(epsilon=0.0),
        LayerNormalization(epsilon=0.0),
        GroupNormalization(2, epsilon=0.0),
    ):
        close(layer(3 * x + 7, training=True), layer(x, training=True), 1e-4)


def test_normalizations_keep_digits_far_from_zero():
    """μ is 2¹⁶ times σ; Keras' x·inv − μ·inv is off in the second digit there."""
    x = np.array([[65536.0], [65537.0]], "float32")
    y = BatchNormalization(epsilon=0.0)(x, training=True)
    np.testing.assert_array_equal(y, [[-1.0], [1.0]])


def test_half_precision_does_not_overflow():
    x = jnp.array([[300.0, -300.0]], "float16")  # 300² is beyond float16
    for layer in (LayerNormalization(), RMSNormalization(), UnitNormalization()):
        y = layer(x)
        assert y.dtype == jnp.float16
        assert np.all(np.isfinite(y))


def test_unit_normalization_has_a_gradient_at_zero():
    layer = UnitNormalization()
    gradient = jax.grad(lambda x: layer.apply({}, {}, x)[0].sum())(jnp.zeros((1, 3)))
    assert np.all(np.isfinite(gradient))


def test_layer_normalization_axes_may_be_counted_from_both_ends():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    one, other = LayerNormalization(axis=[-1, 1]), LayerNormalization(axis=[1, 3])
    close(one(x), other(x))
    assert one.weights[0].shape == other.weights[0].shape == (3, 5)


def test_everything_is_right_in_float64():
    with jax.enable_x64(True):
        config.set_floatx("float64")
        try:
            x = np.random.default_rng(0).normal(size=(5, 3))
            layer = BatchNormalization(epsilon=0.0)
            y = layer(x, training=True)
            assert {w.dtype for w in layer.get_weights()} == {np.dtype("float64")}
            close(y, (x - x.mean(0)) / x.std(0), 1e-14)
        finally:
            config.set_floatx("float32")


# adapt --------------------------------------------------------------------------------


def test_adapt_takes_batches():
    x = np.random.default_rng(0).normal(5, 3, size=(10, 2, 3))
    whole, listed, streamed = (Normalization(axis=(1, -1)) for _ in range(3))
    whole.adapt(x)
    listed.adapt([x[:4], x[4:5], x[5:]])
    streamed.adapt((batch, None) for batch in (x[:7], x[7:]))
    mean, variance, count = whole.get_weights()
    close(mean, x.mean(0))
    close(variance, x.var(0))
    assert count == 0
    for other in (listed, streamed):
        for a, b in zip(whole.get_weights(), other.get_weights(), strict=True):
            close(a, b)


def test_adapt_keeps_digits_far_from_zero():
    x = 1e6 + np.array([[1.0], [2.0], [3.0]])
    layer = Normalization()
    layer.adapt(x)
    close(layer.get_weights()[1], [2 / 3])


def test_invert_is_the_way_back():
    x = np.random.default_rng(0).normal(5, 3, size=(10, 3)).astype("float32")
    there, back = Normalization(), Normalization(invert=True)
    there.adapt(x)
    back.adapt(x)
    close(back(there(x)), x, 1e-5)


def test_adapt_refuses_what_it_cannot_measure():
    x = np.ones((4, 3))
    x[2, 1] = np.nan
    with refuses("received NaN or infinity at index [1] along axis (-1,)"):
        Normalization().adapt(x)
    with refuses("received no data; expected finite numbers, one row or more."):
        Normalization().adapt(np.ones((0, 3)))
    with refuses("Write Normalization() to measure them."):
        Normalization(mean=0.0, variance=1.0).adapt(x)
    layer = Normalization().build((None, 2))
    with refuses("(3,) along axis (1,) (input shape (None, 3)); expected (2,), as"):
        layer.adapt(x)
    with refuses("expected a known size along axis 0"):
        Normalization().adapt(np.ones(4))
    Normalization(axis=None).adapt(np.ones(4))


# Statistics ---------------------------------------------------------------------------

N = 100_000
WIDE = 4 / np.sqrt(N)  # four standard errors of a mean with deviation 1


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_dropout_statistics(rate):
    y = np.asarray(Dropout(rate)(np.ones((N // 100, 100)), training=True))
    assert abs(np.mean(y == 0) - rate) < WIDE
    close(np.unique(y), [0.0, 1 / (1 - rate)])
    assert abs(y.mean() - 1) < WIDE * np.sqrt(rate / (1 - rate))


def test_dropout_at_both_ends():
    x = np.ones((2, 3))
    close(Dropout(0.0)(x, training=True), x)
    close(Dropout(1.0)(x, training=True), 0 * x)
    close(AlphaDropout(1.0)(x, training=True), 0 * x)
    close(Dropout(0.5)(x), x)


def test_noise_shape_shares_a_draw():
    y = np.asarray(Dropout(0.5, (None, 1, None))(np.ones((8, 5, 9)), training=True))
    assert np.all(y == y[:, :1])
    assert 0 < np.mean(y[:, 0] == 0) < 1


def test_alpha_dropout_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=(N // 100, 100))
    y = np.asarray(AlphaDropout(0.3)(x, training=True))
    assert abs(y.mean()) < WIDE
    assert abs(y.var() - 1) < 3 * WIDE
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / N - 0.3) < WIDE
    a = (0.7 * (1 + 0.3 * 1.7580993**2)) ** -0.5
    close(values[counts.argmax()], a * -1.7580993 * 0.7)


@pytest.mark.parametrize(
    ("layer", "deviation"),
    [
        (GaussianNoise(0.3), 0.3),
        (GaussianNoise(2.0), 2.0),
        (GaussianDropout(0.3), np.sqrt(0.3 / 0.7)),
    ],
    ids=repr,
)
def test_noise_statistics(layer, deviation):
    y = np.asarray(layer(np.ones((N // 100, 100)), training=True))
    assert abs(y.mean() - 1) < WIDE * deviation
    assert abs(y.std() - deviation) < WIDE * deviation
    assert np.array_equal(layer(np.ones(5)), np.ones(5))


def test_a_seed_is_a_stream_of_its_own():
    x, key = jnp.ones((4, 50)), jax.random.key(0)

    @jax.jit
    def draw(layer, key):
        return layer.apply({}, {}, x, training=True, key=key)[0]

    draws = [draw(Dropout(0.5, seed=s), key) for s in (None, 0, 1)]
    assert not any(np.array_equal(a, b) for i, a in enumerate(draws) for b in draws[:i])
    np.testing.assert_array_equal(draws[1], draw(Dropout(0.5, seed=0), key))


def test_set_random_seed_repeats_the_draws():
    layer, x, draws = Dropout(0.5).build((None, 50)), np.ones((4, 50)), []
    for _ in range(2):
        config.set_random_seed(3)
        draws.append([np.asarray(layer(x, training=True)) for _ in range(2)])
    np.testing.assert_array_equal(*draws)
    assert not np.array_equal(*draws[0])


def test_a_rate_is_no_constant_of_the_program():
    traces = []

    @jax.jit
    def run(layer, x, key):
        traces.append(layer)
        return layer.apply({}, {}, x, training=True, key=key)[0]

    for rate in (0.1, 0.2, 0.3):
        run(Dropout(rate), jnp.ones(3), jax.random.key(0))
    assert len(traces) == 1


def test_activity_regularization_is_what_keras_adds():
    import keras

    x = np.array([[1.0, -2.0], [3.0, 0.5]], "float32")
    theirs = keras.layers.ActivityRegularization(l1=0.1, l2=0.2)
    theirs(x)
    ours = layers.ActivityRegularization(l1=0.1, l2=0.2)
    penalty = ours.forward({}, {}, x, training=True, key=None).penalty
    close(penalty, theirs.losses[0])
    assert layers.ActivityRegularization().activity_regularizer is None


# Input and Lambda ---------------------------------------------------------------------


def test_input_says_a_shape():
    assert Input((2,)).shape == (None, 2)
    assert Input(shape=[2, 3], batch_size=4).shape == (4, 2, 3)
    given = Input(batch_shape=(4, 2), name="x").call.layer
    assert (given.shape, given.batch_size, given.name) == ((2,), 4, "x")
    assert isinstance(given, InputLayer)
    assert InputLayer.from_config(given.get_config()).batch_shape == (4, 2)
    assert InputLayer((None, 3)).output_shape((8, 5, 3)) == (8, 5, 3)


def test_lambda_is_told_whether_it_trains():
    layer = Lambda(lambda x, training: x + 1 if training else x)
    close(layer(np.zeros(2), training=True), [1.0, 1.0])
    close(layer(np.zeros(2)), [0.0, 0.0])
    assert Lambda(jnp.sum).output_shape((None, 3)) == ()
    assert Lambda(lambda x: x[:, :2]).output_shape((None, 3)) == (None, 2)


def test_lambda_tells_a_mask():
    later = Lambda(lambda x: x[:, 1:], mask=lambda x, mask: mask[:, 1:])
    ids = Input((3,), dtype="int32")
    h = layers.Embedding(5, 2, mask_zero=True)(ids)
    both = Model(ids, layers.GlobalAveragePooling1D()(later(h)))
    rows = np.array([[1, 2, 0]])
    second = np.asarray(both.layers[1].embeddings)[2]
    np.testing.assert_allclose(both.predict(rows, verbose=0), second[None], rtol=1e-6)
    assert later.supports_masking
    assert not Lambda(np.square).supports_masking
    with pytest.raises(TypeError, match="mask=ndarray; expected a function"):
        Lambda(np.square, mask=np.ones(3))


def test_lambda_refuses():
    with refuses("Write def double(x): return 2 * x, and Lambda(double)"):
        Lambda(lambda x: x).get_config()
    assert Lambda(jnp.square).get_config()["function"] == "square"
    with refuses("received function=2; expected a function of an array", TypeError):
        Lambda(2)
    with refuses("Use jax.numpy in it, and jnp.where in place of if."):
        Lambda(lambda x: x if x.sum() > 0 else -x)(np.ones(3))


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Activation("rleu"), "Unknown activation 'rleu'. Did you mean 'relu'"),
        (
            lambda: ReLU(max_value=-1.0),
            "ReLU: received max_value=-1.0; expected a number at least 0.",
        ),
        (
            lambda: LeakyReLU(-0.1),
            "LeakyReLU: received negative_slope=-0.1; expected a number at least 0.",
        ),
        (
            lambda: Dropout(50),
            "Dropout: received rate=50; expected a number at least 0 and at most 1.",
        ),
        (
            lambda: GaussianDropout(1.0),
            "received rate=1.0; expected a number at least 0 and below 1.",
        ),
        (
            lambda: GaussianNoise(-1.0),
            "received stddev=-1.0; expected a number at least 0.",
        ),
        (
            lambda: Dropout(0.5, seed=-1),
            "seed: received -1; expected None or a whole number",
        ),
        (
            lambda: Dropout(0.5, noise_shape=(0, 1)),
            "received noise_shape=(0, 1); expected a tuple of positive whole numbers",
        ),
        (
            lambda: Reshape((-1, -1)),
            "received target_shape=(-1, -1); expected positive sizes, and -1 at most",
        ),
        (lambda: Permute((0, 1)), "dims=(0, 1); expected each of (1, 2) once."),
        (
            lambda: RepeatVector(0),
            "RepeatVector: received n=0; expected a whole number, 1 or more.",
        ),
        (
            lambda: Flatten("last"),
            "Unknown data_format 'last'. Known: channels_first, channels_last.",
        ),
        (
            lambda: BatchNormalization(momentum=1.5),
            "received momentum=1.5; expected a number at least 0 and at most 1.",
        ),
        (
            lambda: BatchNormalization(synchronized=True),
            "received synchronized=True; expected False. Leave it out",
        ),
        (
            lambda: BatchNormalization(renorm_clipping={"max": 1}),
            "Unknown bound in renorm_clipping 'max'.",
        ),
        (
            lambda: BatchNormalization(renorm_clipping={"rmax": 0.0, "rmin": 1.0}),
            "'rmin': 1.0}; expected bounds with 0 ≤ rmin < rmax and dmax ≥ 0.",
        ),
        (
            lambda: BatchNormalization(renorm_clipping={"dmax": -1.0}),
            "renorm_clipping={'dmax': -1.0}; expected bounds",
        ),
        (lambda: GroupNormalization(0), "groups=0; expected a whole number, 1 or more"),
        (lambda: GroupNormalization("32"), "groups='32'; expected a whole number"),
        (Input, "Input: received no shape; expected the shape of one example."),
        (lambda: Input((0,)), "Input: received shape=(0,); expected a tuple of"),
        (
            lambda: Input((2,), batch_shape=(None, 3)),
            "received batch_shape=(None, 3) beside shape=(2,) and batch_size=None",
        ),
    ],
)
def test_settings_that_cannot_be_meant(make, text):
    with refuses(text):
        make()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Reshape(6), "expected a tuple of whole numbers. Write Reshape((6,))."),
        (lambda: Input(2), "received shape=2; expected a tuple"),
        (lambda: LayerNormalization(axis=0.5), "received axis=0.5; expected a whole"),
        (lambda: Dropout("half"), "received rate='half'; expected a number."),
    ],
)
def test_settings_of_the_wrong_type(make, text):
    with refuses(text, TypeError):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            Dense(3, name="out"),
            (None,),
            "Dense 'out': received input with one axis; expected rows of features",
        ),
        (
            Reshape((2, 2), name="r"),
            (None, 6),
            "Reshape 'r': received input of shape (None, 6): 6 numbers an example; "
            "expected 4, for target_shape (2, 2). Choose sizes whose product is 6, or "
            "write -1 for one.",
        ),
        (
            Reshape((4, -1)),
            (None, 6),
            "expected 4 or a multiple, for target_shape (4, -1).",
        ),
        (
            Permute((2, 1)),
            (None, 6),
            "received input of shape (None, 6); expected a batch and 2 axes",
        ),
        (
            RepeatVector(2),
            (None, 2, 3),
            "received input of shape (None, 2, 3); expected (batch, features). Put "
            "Flatten() before it.",
        ),
        (
            BatchNormalization(axis=3),
            (None, 6),
            "received axis 3 and input of shape (None, 6); expected an axis from -2 "
            "to 1. Write axis=-1 for the last axis.",
        ),
        (LayerNormalization(), (None, 5, None), "expected a known size along axis 2."),
        (UnitNormalization(axis=2), (None, 6), "expected an axis from -2 to 1"),
        (Softmax(axis=2), (None, 6), "expected an axis from -2 to 1"),
        (
            GroupNormalization(4),
            (None, 6),
            "received groups=4 for 6 channels; expected a number of groups that "
            "divides the channels, or -1. Choose one of [1, 2, 3, 6].",
        ),
        (
            PReLU(),
            (None, None, 3),
            "expected known sizes along the axes that are not shared. Share an axis",
        ),
        (PReLU(shared_axes=3), (None, 2), "received shared_axes=(3,) and input of"),
        (
            Dropout(0.5, (None, 2)),
            (None, 3),
            "received noise_shape=(None, 2) and input of shape (None, 3); expected "
            "for each axis of the input its size, 1 or None.",
        ),
        (
            Normalization(mean=1.0),
            (None, 2),
            "received mean of shape () and variance of shape None; expected both",
        ),
        (
            Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0]),
            (None, 3),
            "received mean of shape (2,) for input of shape (None, 3); expected a "
            "number, or shape (3,), for axis (-1,).",
        ),
        (
            InputLayer((2,), name="x"),
            (None, 3),
            "InputLayer 'x': received input of shape (None, 3); expected (None, 2).",
        ),
    ],
    ids=repr,
)
def test_inputs_that_do_not_fit(layer, shape, text):
    with refuses(text):
        layer.build(shape)
    assert not layer.ready


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Dense(2), "4 features (input shape (None, 4)); expected 3, as it was"),
        (BatchNormalization(), "received (4,) along axis (1,) (input shape (None, 4))"),
        (PReLU(), "expected slopes of shape (3,) along the axes that are not shared."),
    ],
    ids=repr,
)
def test_another_input_than_it_was_built_for(layer, text):
    layer.build((None, 3))
    with refuses(text):
        layer(np.ones((2, 4)))


def test_weights_that_do_not_fit():
    layer = BatchNormalization(name="bn").build((None, 3))
    with refuses(
        "BatchNormalization 'bn'.set_weights: received 2 arrays; expected 4 (gamma, "
        "beta, moving_mean, moving_variance)."
    ):
        layer.set_weights([np.ones(3)] * 2)
    with refuses("received beta of shape (2,); expected shape (3,)."):
        layer.set_weights([np.ones(3), np.ones(2), np.ones(3), np.ones(3)])


@pytest.mark.parametrize("kind", [LayerNormalization, GroupNormalization])
def test_what_is_beyond_float16_is_normalized_in_float32(kind):
    """As in Keras: the output alone has half the digits."""
    rng = np.random.default_rng(0)
    x = 7e4 * (1 + rng.normal(size=(4, 6, 8))).astype("f4")
    settings = {"groups": 2} if kind is GroupNormalization else {}
    half, full = kind(dtype="mixed_float16", **settings), kind(**settings)
    y = half(x)
    assert y.dtype == "float16"
    np.testing.assert_allclose(np.asarray(y, "f4"), full(x), rtol=1e-3, atol=1e-3)
