"""Pooling: numbers by hand, the fast way against the plain one, ties, masks, errors."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import onefit
from onefit import layers
from onefit.layers.windows import Slide, adapted, maxima, means
from onefit.training.compiling import QUICK

IMAGE = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 0.0], [7.0, 6.0, 8.0]])[None, :, :, None]
STEPS = np.array([1.0, 4.0, 2.0, 0.0, 3.0])[None, :, None]


def close(a, b, tolerance=1e-6):
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def refuses(text):
    return pytest.raises(ValueError, match=re.escape(text))


# Numbers by hand ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.MaxPooling1D(), [4, 2]),
        (layers.MaxPooling1D(padding="same"), [4, 2, 3]),
        (layers.MaxPooling1D(3, 1), [4, 4, 3]),
        # "same" puts the odd cell at the end: windows (1, 4), (4, 2), ..., (3).
        (layers.MaxPooling1D(2, 1, "same"), [4, 4, 2, 3, 3]),
        (layers.MaxPooling1D(1, 2), [1, 2, 3]),
        (layers.AveragePooling1D(2), [2.5, 1]),
        (layers.AveragePooling1D(2, padding="same"), [2.5, 1, 3]),
        (layers.AveragePooling1D(3, 2, "same"), [2.5, 2, 1.5]),
        # Of 5 cells, 2 windows have those from 0 to 2 and from 2 to 4.
        (layers.AdaptiveMaxPooling1D(2), [4, 3]),
        (layers.AdaptiveAveragePooling1D(2), [7 / 3, 5 / 3]),
        (layers.AdaptiveAveragePooling1D(1), [2]),
        (layers.AdaptiveMaxPooling1D(10), [1, 1, 4, 4, 2, 2, 0, 0, 3, 3]),
        (layers.GlobalMaxPooling1D(), 4),
        (layers.GlobalAveragePooling1D(), 2),
    ],
    ids=repr,
)
def test_sequences_by_hand(layer, expected):
    close(np.squeeze(layer(STEPS)), expected)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.MaxPooling2D(), [[5]]),
        (layers.MaxPooling2D(2, 1), [[5, 5], [7, 8]]),
        (layers.MaxPooling2D(padding="same"), [[5, 2], [7, 8]]),
        (layers.MaxPooling2D((1, 3)), [[5], [4], [8]]),
        (layers.AveragePooling2D(2), [[3.25]]),
        # The corner window has one cell, those at its sides two: no zeros are counted.
        (layers.AveragePooling2D(2, padding="same"), [[3.25, 1], [6.5, 8]]),
        (layers.AdaptiveAveragePooling2D((1, 2)), [[26 / 6, 4]]),
        (layers.GlobalMaxPooling2D(), 8),
        (layers.GlobalAveragePooling2D(), 4),
    ],
    ids=repr,
)
def test_images_by_hand(layer, expected):
    close(np.squeeze(layer(IMAGE), (0, 3) if np.ndim(expected) else None), expected)


def test_channels_and_examples_are_apart():
    x = np.random.default_rng(0).normal(size=(3, 5, 4, 2)).astype("float32")
    whole = layers.MaxPooling2D(2)(x)
    close(whole[1:2, :, :, 1:], layers.MaxPooling2D(2)(x[1:2, :, :, 1:]), 0)
    first = layers.MaxPooling2D(2, data_format="channels_first")(
        x.transpose(0, 3, 1, 2)
    )
    close(first, whole.transpose(0, 3, 1, 2), 0)


def test_shifting_by_a_stride_shifts_the_output():
    x = np.random.default_rng(0).normal(size=(1, 12, 1)).astype("float32")
    layer = layers.AveragePooling1D(3, 2)
    close(layer(x[:, 2:]), layer(x)[:, 1:])


def test_short_names():
    for rank in "123":
        for short, name in [("MaxPool", "MaxPooling"), ("AvgPool", "AveragePooling")]:
            for kind in ("", "Global"):
                one = getattr(layers, f"{kind}{short}{rank}D")
                assert one is getattr(layers, f"{kind}{name}{rank}D")


def test_settings_are_by_axis():
    layer = layers.MaxPooling2D(3, (1, 2), "SAME")
    assert (layer.pool_size, layer.strides, layer.padding) == ((3, 3), (1, 2), "same")
    assert layers.MaxPooling3D().strides == (2, 2, 2)
    assert layers.AdaptiveMaxPooling3D(2).output_size == (2, 2, 2)


def test_open_sizes_stay_open():
    layer = layers.MaxPooling2D(2)
    assert layer.output_shape((None, None, 7, 3)) == (None, None, 3, 3)
    assert layers.GlobalMaxPooling1D().output_shape((None, None, 3)) == (None, 3)
    adaptive = layers.AdaptiveMaxPooling2D(2)
    assert adaptive.output_shape((None, None, None, 3)) == (None, 2, 2, 3)


# The fast way is the plain way --------------------------------------------------------

WINDOWS = [
    (10, 2, 2, "valid"),
    (11, 2, 2, "same"),
    (11, 3, 2, "same"),
    (9, 3, 1, "same"),
    (9, 5, 2, "valid"),
    (10, 2, 3, "valid"),
    (11, 2, 3, "same"),
    (20, 7, 7, "valid"),
    (20, 7, 8, "same"),
    (20, 7, 3, "same"),
    (3, 5, 1, "same"),
    (300, 140, 140, "valid"),
    (40, 20, 13, "same"),
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_windows_are_those_of_the_library(window):
    """Numbers, and the derivative where many cells are equal: the first one's."""
    length, size, stride, padding = window
    rng = np.random.default_rng(1)
    tied = rng.integers(0, 3, (2, length)).astype("float32")
    x = np.stack([tied, rng.normal(size=tied.shape).astype("float32")])
    slide = Slide.along(1, length, size, stride, padding)
    count = lax.padtype_to_pads((length,), (size,), (stride,), padding.upper())
    assert slide.before == count[0][0]

    def plain(x, start, reduce):
        return lax.reduce_window(
            x, start, reduce, (1, size), (1, stride), padding.upper()
        )

    def plain_max(x):
        return plain(x, -np.inf, lax.max)

    def plain_mean(x):
        return plain(x, 0.0, lax.add) / plain(jnp.ones_like(x), 0.0, lax.add)

    @jax.jit
    @jax.vmap
    def both(x):
        y = plain_max(x)
        weights = jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)
        runs = [
            (lambda x: maxima(x, slide), plain_max),
            (lambda x: means(x, slide), plain_mean),
        ]
        return [
            [(f(x), jax.grad(lambda x, f=f: jnp.sum(f(x) * weights))(x)) for f in pair]
            for pair in runs
        ]

    for ours, theirs in both(x):
        jax.tree.map(lambda a, b: close(a, b, 2e-6), ours, theirs)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 8])
def test_adapted_windows_cover_the_axis(count):
    x = np.random.default_rng(1).normal(size=(7, 2)).astype("float32")
    starts = [int(np.floor(i * 7 / count)) for i in range(count)]
    ends = [int(np.ceil((i + 1) * 7 / count)) for i in range(count)]
    cells = [x[a:b] for a, b in zip(starts, ends, strict=True)]
    close(adapted(x, 0, count, maxima), [c.max(0) for c in cells])
    close(adapted(x, 0, count, means), [c.mean(0) for c in cells])


def test_the_first_of_equal_cells_has_the_derivative():
    # After a ReLU whole windows are 0.
    layer = layers.MaxPooling2D(2)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(layer.apply({}, {}, x)[0])))
    close(gradient(jnp.zeros((1, 2, 4, 1)))[0, :, :, 0], [[1, 0, 1, 0], [0] * 4])
    # Also of a whole grid, where Keras shares it.
    layer = layers.GlobalMaxPooling1D()
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(layer.apply({}, {}, x)[0])))
    close(gradient(jnp.zeros((1, 4, 1)))[0, :, 0], [1, 0, 0, 0])


def test_a_second_derivative():
    layer = layers.MaxPooling1D(2, 1)

    def slope(x):
        return jnp.sum(jax.grad(lambda x: jnp.sum(layer.apply({}, {}, x)[0] ** 3))(x))

    # 4 is the largest of two windows: 2 · 3 · 2 · 4; 2 of one; 3 of one.
    close(jax.jit(jax.grad(slope))(jnp.asarray(STEPS))[0, :, 0], [0, 48, 12, 0, 18])


@pytest.mark.parametrize("layer", [layers.MaxPooling1D(2), layers.MaxPooling1D(7)])
def test_a_nan_is_seen(layer):
    for place in range(7):
        x = np.arange(7.0)
        x[place] = np.nan
        assert np.isnan(layer(np.tile(x, 2)[None, :, None])).sum() == 2


def test_half_precision_stays():
    x = jnp.asarray(STEPS, jnp.bfloat16)
    for layer in (layers.MaxPooling1D(3, 2), layers.AveragePooling1D(3, 2, "same")):
        assert layer.apply({}, {}, x)[0].dtype == jnp.bfloat16


# Masks --------------------------------------------------------------------------------


def test_a_mean_is_of_the_steps_that_are_there():
    x = np.array([[[1.0], [3.0], [np.nan]], [[1.0], [2.0], [6.0]]])
    mask = np.array([[True, True, False], [False, False, False]])
    layer = layers.GlobalAveragePooling1D()
    # Keras has NaN for the sequence without steps.
    close(layer(x, mask=mask), [[2.0], [0.0]])
    first = layers.GlobalAveragePooling1D("channels_first", keepdims=True)
    close(first(x.transpose(0, 2, 1), mask=mask), [[[2.0]], [[0.0]]])
    assert layer.compute_mask(x, mask) is None


# Errors -------------------------------------------------------------------------------


def test_a_window_larger_than_the_input():
    text = (
        "MaxPooling2D 'max_pooling2d': received input of shape (None, 7, 3, 8): axis 2 "
        "has size 3, and pool_size=(4, 4) takes 4, which makes it (None, 1, 0, 8); "
        'expected a size of at least 4 along axis 2. Write padding="same", which '
        "makes it (None, 2, 1, 8), or a pool_size of at most 3 there, or shrink less "
        "in the layers before."
    )
    layer = layers.MaxPooling2D(4)
    with refuses(text):
        layer.output_shape((None, 7, 3, 8))
    with refuses("axis 2 has size 3"):
        layer(np.zeros((1, 7, 3, 8)))


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            layers.MaxPooling2D(),
            (None, 28, 28),
            "MaxPooling2D 'max_pooling2d': received input of shape (None, 28, 28); "
            "expected a batch of images, (batch, height, width, channels). Write "
            "x[..., None] for inputs of one channel, x[None] for one example.",
        ),
        (
            layers.GlobalMaxPooling2D("channels_first"),
            (None, 28, 28),
            "(batch, channels, height, width). Write x[:, None] for",
        ),
        (layers.AveragePooling1D(2), (None, 8, 8, 3), "Use AveragePooling2D for a bat"),
        (layers.AdaptiveMaxPooling3D(2), (None, 8, 3), "Use AdaptiveMaxPooling1D for"),
        (layers.GlobalMaxPooling1D(), (None, 8), "Write x[..., None]"),
        (layers.GlobalMaxPooling1D(), (None,), "Write x.reshape(-1, steps, channels)"),
        (layers.MaxPooling1D(), ((None, 2, 1), (None, 2, 1)), "Concatenate()([a, b])"),
        (
            layers.GlobalAveragePooling1D(),
            (None, 0, 3),
            "received input of shape (None, 0, 3), with nothing along axis 1; expected "
            "at least one cell along each axis. Leave the empty examples out",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_input_that_does_not_fit(layer, shape, text):
    with refuses(text):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: layers.MaxPooling2D(0),
            "MaxPooling2D: received pool_size=0; expected a positive whole number, or "
            "2 of them. Write pool_size=2 or pool_size=(2, 2).",
        ),
        (lambda: layers.MaxPooling1D(2.0), "expected a positive whole number. Write"),
        (lambda: layers.MaxPooling1D(2, 0), "received strides=0"),
        (lambda: layers.AveragePooling3D((2, 2)), "pool_size=(2, 2); expected a posi"),
        (lambda: layers.AdaptiveMaxPooling2D(True), "received output_size=True"),
        (
            lambda: layers.MaxPooling2D(padding="causal"),
            "Unknown padding of MaxPooling2D 'causal'. Known: same, valid.",
        ),
        (lambda: layers.MaxPooling2D(padding="smae"), "Did you mean 'same'?"),
        (
            lambda: layers.GlobalMaxPooling2D("channel_last"),
            "Unknown data_format 'channel_last'. Did you mean 'channels_last'",
        ),
    ],
)
def test_settings_that_cannot_be_meant(make, text):
    with refuses(text):
        make()


def test_the_gradient_of_a_global_maximum_does_not_depend_on_how_xla_rounds():
    # By XLA's older emitter the input is computed anew in the backward pass, rounded
    # otherwise: a derivative that asks which x equal the maximum finds none.
    model = onefit.Sequential(
        [
            onefit.Input((5, 4, 2)),
            layers.Conv2D(4, 3, padding="same", activation="tanh"),
            layers.GroupNormalization(2),
            layers.GlobalMaxPooling2D(),
        ]
    )
    x = jnp.asarray(np.random.default_rng(0).normal(size=(6, 5, 4, 2)), "float32")

    def gradient(params):
        return jax.grad(lambda p: jnp.sum(model.apply(p, x) ** 2))(params)

    usual = jax.jit(gradient)(model.params)
    older = jax.jit(gradient, compiler_options=QUICK)(model.params)
    for one, other in zip(*map(jax.tree.leaves, (usual, older)), strict=True):
        close(one, other, 1e-4)
