"""Convolution: numbers by hand, the CPU's way against the library's, errors."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from onefit import activations, layers
from onefit.layers import convolving
from onefit.layers.convolving import convolve, convolve_back, correlate
from onefit.layers.taps import Geometry, Taps

# These programs run once: what counts is how fast they compile.
jit_once = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


def close(ours, theirs, tolerance=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance),
        ours,
        theirs,
    )


def refuses(text):
    return pytest.raises(ValueError, match=re.escape(text))


# Numbers by hand ----------------------------------------------------------------------

STEPS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])[None, :, None]
KERNEL = np.array([1.0, 10.0, 100.0])[:, None, None]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [321, 432, 543]),
        ({"strides": 2}, [321, 543]),
        ({"dilation_rate": 2}, [531]),
        ({"padding": "same"}, [210, 321, 432, 543, 54]),
        ({"padding": "same", "strides": 2}, [210, 432, 54]),
        ({"padding": "causal"}, [100, 210, 321, 432, 543]),
        ({"padding": "causal", "strides": 3}, [100, 432]),
        ({"padding": "causal", "dilation_rate": 2}, [100, 200, 310, 420, 531]),
        ({"padding": "VALID", "activation": "relu"}, [321, 432, 543]),
    ],
    ids=str,
)
def test_sequences_by_hand(settings, expected):
    layer = layers.Conv1D(1, 3, **settings).build((None, 5, 1))
    layer.set_weights([KERNEL, [0.0]])
    close(layer(STEPS)[0, :, 0], expected)


def test_an_image_by_hand():
    image = np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])[None, :, :, None]
    layer = layers.Conv2D(2, 2).build((None, 2, 3, 1))
    # An edge, up to down, and the mean of the four.
    edge, mean = [[1.0, 1.0], [-1.0, -1.0]], [[0.25, 0.25], [0.25, 0.25]]
    layer.set_weights([np.stack([edge, mean], -1)[:, :, None], [0.5, 0.0]])
    close(layer(image)[0, 0], [[2.5, 1.0], [-1.5, 1.5]])


def test_channels_are_summed_and_groups_are_not():
    x = np.array([[[1.0, 10.0], [2.0, 20.0]]])
    whole = layers.Conv1D(2, 2, kernel_initializer="ones")
    close(whole(x)[0], [[33.0, 33.0]])
    apart = layers.Conv1D(2, 2, groups=2, kernel_initializer="ones")
    close(apart(x)[0], [[3.0, 30.0]])


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [1, 12, 123, 230, 300]),
        ({"strides": 2}, [1, 10, 102, 20, 203, 30, 300]),
        ({"strides": 2, "padding": "same"}, [1, 10, 102, 20, 203, 30]),
        ({"strides": 2, "output_padding": 1}, [1, 10, 102, 20, 203, 30, 300, 0]),
        ({"strides": 4}, [1, 10, 100, 0, 2, 20, 200, 0, 3, 30, 300, 0]),
        ({"padding": "same"}, [12, 123, 230]),
        ({"dilation_rate": 2}, [1, 2, 13, 20, 130, 200, 300]),
    ],
    ids=str,
)
def test_transposed_sequences_by_hand(settings, expected):
    layer = layers.Conv1DTranspose(1, 3, **settings).build((None, 3, 1))
    layer.set_weights([KERNEL, [0.0]])
    close(layer(STEPS[:, :3])[0, :, 0], expected)


def test_separable_is_depthwise_and_dense():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("f4")
    both = layers.SeparableConv2D(4, 2, depth_multiplier=2, strides=2).build(x.shape)
    depthwise, pointwise, bias = both.get_weights()
    first = layers.DepthwiseConv2D(2, 2, depth_multiplier=2, use_bias=False)
    first.build(x.shape).set_weights([depthwise])
    second = layers.Dense(4).build((None, 6))
    second.set_weights([pointwise[0, 0], bias])
    close(both(x), second(first(x)))


def test_a_moved_image_moves_the_output():
    x = np.random.default_rng(0).normal(size=(1, 8, 9, 2)).astype("f4")
    layer = layers.Conv2D(3, 3, padding="same", activation="relu")
    inside = layer(np.roll(x, (1, 2), (1, 2)))[:, 3:-2, 4:-2]
    close(inside, np.roll(layer(x), (1, 2), (1, 2))[:, 3:-2, 4:-2])


def test_penalties_and_constraints_hold_the_kernel_by_its_other_name():
    layer = layers.DepthwiseConv1D(
        2, depthwise_regularizer="l2", depthwise_constraint="non_neg"
    ).build((None, 5, 1))
    assert layer.penalty({"kernel": np.full((2, 1, 1), 3.0)}) == pytest.approx(0.18)
    assert layer.constrain({"kernel": np.array(-1.0)})["kernel"] == 0
    layer = layers.SeparableConv1D(
        1, 2, depthwise_regularizer="l2", pointwise_constraint="non_neg"
    ).build((None, 5, 1))
    weights = {"depthwise_kernel": np.array(2.0), "pointwise_kernel": np.array(-1.0)}
    assert layer.penalty(weights) == pytest.approx(0.04)
    assert layer.constrain(weights)["pointwise_kernel"] == 0


# The two ways -------------------------------------------------------------------------


def geometry(sizes, kernel, stride=1, dilation=1, same=False, groups=1):
    taps = []
    for n, k in zip(sizes, kernel, strict=True):
        reach = dilation * (k - 1) + 1
        count = -(-n // stride) if same else (n - reach) // stride + 1
        outside = max(stride * (count - 1) + reach - n, 0)
        taps.append(Taps(k, stride, dilation, outside // 2, n, count))
    return Geometry(tuple(taps), groups)


CASES = {
    "steps": (geometry((7,), (3,), same=True), 2, 3),
    "far steps": (geometry((9,), (2,), stride=4), 2, 3),
    "image": (geometry((5, 4), (3, 2)), 2, 3),
    "strided": (geometry((7, 6), (3, 2), stride=2, same=True), 2, 3),
    "dilated": (geometry((7, 6), (3, 2), dilation=2, same=True), 2, 3),
    "points": (geometry((4, 4), (1, 1), stride=2), 2, 3),
    "volume": (geometry((4, 3, 3), (2, 2, 3)), 2, 2),
    "grouped": (geometry((4, 4), (2, 2), groups=2), 4, 6),
    "channelwise": (geometry((5, 4), (3, 2), 2, 2, True, groups=3), 3, 6),
}
every_case = pytest.mark.parametrize("case", CASES)


def arrays(case, dtype="float64"):
    """(x, w, z) of these sizes."""
    shape, channels, filters = CASES[case]
    rng = np.random.default_rng(1)
    lengths, counts = zip(*((t.length, t.windows) for t in shape.taps), strict=True)
    sizes = (
        (4, *lengths, channels),
        shape.kernel_shape(channels, filters),
        (4, *counts, filters),
    )
    return [rng.normal(size=size).astype(dtype) for size in sizes]


def all_three(forward, back, both, x, w, z, shape):
    return forward(x, w, shape), back(z, w, shape), both(x, z, shape)


def ours(*args):
    return all_three(
        convolving._multiplied,
        convolving._multiplied_back,
        convolving._multiplied_both,
        *args,
    )


@functools.cache
def expected(case):
    """What the library gives, in float64."""
    library = convolving._library, convolving._library_back, convolving._library_both
    with jax.enable_x64(True):
        run = jit_once(functools.partial(all_three, *library), static_argnums=3)
        return jax.tree.map(np.asarray, run(*arrays(case), CASES[case][0]))


@every_case
def test_both_ways_agree(case):
    with jax.enable_x64(True):
        got = jit_once(ours, static_argnums=3)(*arrays(case), CASES[case][0])
        assert {a.dtype for a in got} == {np.dtype("float64")}
        close(got, expected(case), 1e-12)


@pytest.mark.parametrize("before", [(), (0,), (1,), (0, 1)])
def test_every_order_of_product_and_sum_agrees(before, monkeypatch):
    monkeypatch.setattr(
        convolving.Product,
        "of",
        lambda taps, kernel: convolving.Product(taps, kernel, before),
    )
    with jax.enable_x64(True):
        got = jit_once(ours, static_argnums=3)(*arrays("dilated"), CASES["dilated"][0])
        close(got, expected("dilated"), 1e-12)


@pytest.mark.parametrize("case", ["steps", "strided", "grouped"])
def test_parts_agree_with_the_whole(case, monkeypatch):
    monkeypatch.setattr(convolving, "LARGE", 0)
    monkeypatch.setattr(convolving, "PART", 100)
    with jax.enable_x64(True):
        run = jit_once(lambda *args: ours(*args, CASES[case][0]))
        assert "while" in run.lower(*arrays(case)).as_text()
        close(run(*arrays(case)), expected(case), 1e-12)


@every_case
def test_derivatives_are_the_other_two(case):
    """As the library's: of all three functions, and of their derivatives."""
    shape = CASES[case][0]
    x, w, z = arrays(case)

    def lean(forward, back, both):
        def cost(x, w, z):
            one, two, three = all_three(forward, back, both, x, w, z, shape)
            return jnp.sum(one**2 * z) + jnp.sum(two**2 * x) + jnp.sum(three**2 * w)

        return jax.grad(cost, (0, 1, 2))

    library = convolving._library, convolving._library_back, convolving._library_both
    with jax.enable_x64(True):
        got, right = jit_once(
            lambda *args: (
                lean(convolve, convolve_back, correlate)(*args),
                lean(*library)(*args),
            )
        )(x, w, z)
        close(got, right, 1e-10)


def test_second_derivatives():
    """The derivative of a gradient's length, as a gradient penalty has it."""
    shape = CASES["image"][0]
    x, w, _ = arrays("image")

    def penalty(function, w):
        slope = jax.grad(lambda x: jnp.sum(jnp.tanh(function(x, w, shape))))(x)
        return jnp.sum(slope**2)

    with jax.enable_x64(True):
        got, right = jit_once(
            lambda w: tuple(
                jax.grad(functools.partial(penalty, f))(w)
                for f in (convolve, convolving._library)
            )
        )(w)
        close(got, right, 1e-10)


@pytest.mark.parametrize("case", ["image", "grouped", "channelwise"])
def test_a_population_is_a_loop(case):
    shape = CASES[case][0]
    x, w, _ = arrays(case, "float32")
    xs, ws = np.stack([x, x + 1]), np.stack([w, 2 * w])
    slope = jax.value_and_grad(lambda x, w: jnp.sum(convolve(x, w, shape) ** 2), (0, 1))
    together, apart = jit_once(
        lambda xs, ws: (jax.vmap(slope)(xs, ws), slope(xs[1], ws[1]))
    )(xs, ws)
    close(jax.tree.map(lambda a: a[1], together), apart, 1e-4)


def test_the_platform_chooses():
    shape = CASES["image"][0]
    x, w, _ = arrays("image", "float32")
    slope = jax.grad(lambda x, w: jnp.sum(convolve(x, w, shape) ** 2), (0, 1))
    for function in (slope, jax.vmap(slope)):
        both = (x, w) if function is slope else (x[None], w[None])
        traced = jax.jit(function).trace(*both)
        cpu = traced.lower(lowering_platforms=("cpu",)).as_text()
        gpu = traced.lower(lowering_platforms=("cuda",)).as_text()
        assert "stablehlo.convolution" not in cpu
        assert gpu.count("stablehlo.convolution") == 3
        assert "dot_general" not in gpu


def test_large_inputs_take_little_beside_themselves():
    shape = geometry((64, 64), (3, 3), same=True)
    x = jax.ShapeDtypeStruct((64, 64, 64, 64), "float32")
    w = jax.ShapeDtypeStruct((3, 3, 64, 64), "float32")
    slope = jax.grad(lambda x, w: jnp.sum(convolve(x, w, shape)), (0, 1))
    # Nine windows side by side would be nine times the input, 604 MB.
    used = jit_once(slope).lower(x, w).compile().memory_analysis()
    assert used.temp_size_in_bytes < 2.5 * 4 * np.prod(x.shape)


def test_whatever_moves_fewer_numbers():
    def way(shape, channels, filters):
        kernel = shape.kernel_shape(channels, filters)
        return convolving.Product.of(shape.taps, kernel).before

    image = geometry((28, 28), (3, 3))
    assert way(image, 1, 32) == (0, 1)
    assert way(geometry((32, 32), (3, 3), same=True), 64, 64) == (1,)
    assert way(geometry((32, 32), (3, 3), 2, same=True), 64, 64) == (0, 1)
    assert way(geometry((28, 28), (3, 3)), 64, 1) == ()


# What is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2),
            "Conv2D: received strides=(2, 2) and dilation_rate=(2, 2); expected 1 for "
            "one of the two. Write strides=1",
        ),
        (
            lambda: layers.Conv2D(4, 3, groups=3),
            "Conv2D: received filters=4 and groups=3; expected as many filters in each "
            "group. Write filters=6.",
        ),
        (
            lambda: layers.Conv2D(4, (3, 3, 3)),
            "Conv2D: received kernel_size=(3, 3, 3); expected a positive whole number, "
            "or 2 of them.",
        ),
        (lambda: layers.Conv1D(4, 0), "Conv1D: received kernel_size=0"),
        (
            lambda: layers.Conv2D(0, 3),
            "Conv2D: received filters=0; expected a whole number, 1 or more. Write "
            "filters=1 for one.",
        ),
        (
            lambda: layers.Conv2D(4, 3, padding="smae"),
            "Unknown padding of Conv2D 'smae'. Did you mean 'same'? Known: same, valid",
        ),
        (lambda: layers.Conv1D(4, 3, padding="casual"), "Did you mean 'causal'?"),
        (
            lambda: layers.Conv2D(4, 3, padding="causal"),
            "Conv2D: received padding='causal'; expected 'valid' or 'same': only "
            "Conv1D looks at the past alone. Write padding='same'.",
        ),
        (
            lambda: layers.SeparableConv1D(4, 3, padding="causal"),
            "Pad the past: ZeroPadding1D((dilation_rate * (kernel_size - 1), 0))",
        ),
        (
            lambda: layers.Conv2D(4, 3, data_format="channel_last"),
            "Unknown data_format 'channel_last'. Did you mean 'channels_last'",
        ),
        (
            lambda: layers.Conv2DTranspose(4, 3, strides=2, output_padding=2),
            "Conv2DTranspose: received output_padding=2 and strides=(2, 2); expected "
            "whole numbers from 0 to below the strides. Leave it out",
        ),
        (
            lambda: layers.DepthwiseConv2D(3, depth_multiplier=0),
            "received depth_multiplier=0; expected a whole number, 1 or more",
        ),
    ],
)
def test_settings_that_are_refused(make, text):
    with refuses(text):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "text"),
    [
        (
            layers.Conv2D(4, 3, name="c"),
            (None, 2, 5, 1),
            "Conv2D 'c': received input of shape (None, 2, 5, 1): axis 1 has size 2, "
            "and kernel_size=(3, 3) reaches over 3 there; expected a size of at least "
            "3 along axis 1. Write padding='same', which makes the sizes (2, 5), or a "
            "kernel_size of at most 2 there",
        ),
        (
            layers.Conv1D(4, 3, dilation_rate=3, data_format="channels_first"),
            (None, 2, 6),
            "axis 2 has size 6, and kernel_size=(3,) with dilation_rate=(3,) reaches "
            "over 7 there; expected a size of at least 7 along axis 2. Write "
            "padding='same', which makes the sizes (6,), or a kernel_size of at most 2",
        ),
        (
            layers.Conv2D(4, 3, name="c"),
            (None, 28, 28),
            "Conv2D 'c': received input of shape (None, 28, 28); expected a batch of "
            "images, (batch, height, width, channels). Write x[..., None]",
        ),
        (layers.Conv1D(4, 3), (None, 28, 28, 1), "Use Conv2D for a batch of images"),
        (
            layers.Conv2D(4, 3),
            (None, 28, 28, None),
            "expected a known number of channels along axis 3",
        ),
        (
            layers.Conv2D(4, 3, groups=4),
            (None, 28, 28, 6),
            "received 6 channels and groups=4; expected as many channels in each "
            "group. Write groups=2.",
        ),
        (
            layers.Conv2DTranspose(4, 2, padding="same", output_padding=0, strides=2),
            (None, 1, 3, 1),
            "axis 1 would become 0 with output_padding=(0, 0); expected a size of at "
            "least 1. Leave output_padding out.",
        ),
    ],
)
def test_inputs_that_are_refused(layer, shape, text):
    with refuses(text):
        layer.build(shape)


def test_other_channels_than_before():
    layer = layers.Conv2D(4, 3, name="c").build((None, 5, 5, 3))
    with refuses(
        "Conv2D 'c': received 1 channels (input shape (None, 5, 5, 1)); expected 3, as "
        "it was built for. Give x 3 channels along axis 3, or make a new layer."
    ):
        layer(np.zeros((1, 5, 5, 1)))
    assert layer(np.zeros((1, 7, 4, 3))).shape == (1, 5, 2, 4)


def test_open_sizes_stay_open():
    layer = layers.Conv2D(4, 3, strides=2)
    assert layer.output_shape((None, None, 9, 3)) == (None, None, 4, 4)
    layer = layers.Conv1DTranspose(4, 3, strides=2, data_format="channels_first")
    assert layer.output_shape((None, 2, None)) == (None, 4, None)


def test_the_link_is_left_to_the_loss():
    layer = layers.Conv2D(4, 3, activation="sigmoid")
    assert layer.before("sigmoid").activation is activations.linear
    assert layer.before("softmax") is None
