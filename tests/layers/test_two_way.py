"""Derivatives forward and backward, through layers with a derivative of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import Input, Sequential, layers
from onefit.layers.two_way import TwoWay

RNG = np.random.default_rng(0)

STACKS = {
    "convolution": ([layers.Conv1D(2, 3, 2, "same", activation="tanh")], (5, 2)),
    "channelwise": ([layers.DepthwiseConv2D(2, activation="tanh")], (3, 3, 2)),
    "transposed": ([layers.Conv1DTranspose(2, 3, 2)], (3, 2)),
    "maxima apart": ([layers.MaxPooling1D(2)], (6, 2)),
    "maxima over one another": ([layers.MaxPooling1D(3, 2, "same")], (7, 2)),
    "wide maxima": ([layers.MaxPooling1D(12)], (24, 1)),
    "means": ([layers.AveragePooling1D(3, 2, "same")], (7, 2)),
    "wide means": ([layers.AveragePooling1D(12, 5)], (24, 1)),
    "the largest": ([layers.GlobalMaxPooling2D(keepdims=True)], (3, 3, 2)),
    "LSTM": ([layers.Masking(), layers.LSTM(2)], (3, 2)),
    "GRU": ([layers.GRU(2, return_sequences=True)], (3, 2)),
    "SimpleRNN": ([layers.SimpleRNN(2)], (3, 2)),
}


@pytest.fixture(params=list(STACKS))
def cost(request):
    """A cost of weights and inputs, the weights, and inputs without ties."""
    stack, shape = STACKS[request.param]
    model = Sequential([Input(shape), *(one.replace() for one in stack)])
    graph = model.graph
    params, state = graph.slot.params, graph.slot.state
    x = RNG.normal(size=(2, *shape)).astype("float32")

    @jax.jit
    def function(params, x):
        return jnp.sum(jnp.sin(graph.apply(params, state, x, training=False)[0]))

    return function, params, jnp.asarray(x)


def like(tree):
    return jax.tree.map(lambda a: jnp.asarray(RNG.normal(size=a.shape), a.dtype), tree)


def dot(one, other):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return sum(float(jnp.vdot(a, b)) for a, b in pairs)


def test_forward_is_backward_turned(cost):
    function, params, x = cost
    along = like(params), like(x)
    forward = jax.jit(lambda: jax.jvp(function, (params, x), along)[1])()
    backward = jax.jit(jax.grad(function, (0, 1)))(params, x)
    assert float(forward) == pytest.approx(dot(backward, along), rel=2e-4, abs=1e-5)


@pytest.mark.parametrize(
    "cost",
    ["convolution", "maxima over one another", "the largest", "SimpleRNN"],
    indirect=True,
)
def test_second_derivatives_agree_in_every_order(cost):
    function, params, x = cost
    v = like(x)
    of_x = lambda x: function(params, x)  # noqa: E731
    slope = jax.grad(of_x)

    @jax.jit
    def three():
        return (
            jax.jvp(slope, (x,), (v,))[1],
            jax.grad(lambda x: jnp.vdot(slope(x), v))(x),
            jax.grad(lambda x: jax.jvp(of_x, (x,), (v,))[1])(x),
        )

    first, *others = three()
    for other in others:
        np.testing.assert_allclose(first, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("cost", ["convolution", "maxima apart", "GRU"], indirect=True)
def test_many_networks_at_once_have_each_its_own(cost):
    function, params, x = cost
    several = jax.tree.map(lambda a: jnp.stack([a, 0.9 * a]), params)
    xs = jnp.stack([x, 1.1 * x])
    slope = jax.grad(function, (0, 1))

    @jax.jit
    def ways():
        total = lambda p, x: jnp.sum(jax.vmap(function)(p, x))  # noqa: E731
        one = lambda p: jnp.sum(jax.vmap(function, (None, 0))(p, xs))  # noqa: E731
        return (
            jax.vmap(slope)(several, xs),
            jax.grad(total, (0, 1))(several, xs),
            [slope(jax.tree.map(lambda a, i=i: a[i], several), xs[i]) for i in (0, 1)],
            jax.grad(one)(params),
            [slope(params, xs[i])[0] for i in (0, 1)],
        )

    inside, outside, each, shared, parts = ways()
    each = jax.tree.map(lambda *a: jnp.stack(a), *each)
    for other in (outside, each):
        _close(inside, other)
    _close(shared, jax.tree.map(lambda a, b: a + b, *parts))


def _close(one, other):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_hessian_of_a_whole_model():
    model = Sequential(
        [
            Input((6, 1)),
            layers.Conv1D(2, 3, activation="tanh"),
            layers.MaxPooling1D(2),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    graph = model.graph
    params, state = graph.slot.params, graph.slot.state

    @jax.jit
    def hessian(x):
        cost = lambda x: graph.apply(params, state, x)[0][0, 0]  # noqa: E731
        return jax.hessian(cost)(x).reshape(6, 6)

    found = hessian(jnp.asarray(RNG.normal(size=(1, 6, 1)), onefit.config.floatx()))
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.abs(found).max() > 0


def test_ties_go_to_the_first_in_both_directions():
    x = jnp.ones((1, 4, 1))
    for layer in (layers.MaxPooling1D(2), layers.GlobalMaxPooling1D()):
        cost = lambda x, layer=layer: jnp.sum(layer(x))  # noqa: E731
        slope = jax.grad(cost)(x)
        assert float(jax.jvp(cost, (x,), (x,))[1]) == float(slope.sum())
        np.testing.assert_array_equal(jax.jacfwd(cost)(x), slope)


def test_arguments_that_are_no_arrays_and_those_without_a_derivative():
    @TwoWay
    def chosen(x, which, scale):
        return scale * jnp.take(x, which)

    def forward(x, which, scale):
        return chosen(x, which, scale), (which, scale, x.shape)

    def back(memory, g):
        which, scale, shape = memory
        return jnp.zeros(shape).at[which].add(scale * g), None, None

    chosen.defvjp(forward, back)
    x, which = jnp.arange(3.0), jnp.array([2, 0])
    f = lambda x: chosen(x, which, 3.0).sum()  # noqa: E731
    np.testing.assert_array_equal(jax.grad(f)(x), [3.0, 0.0, 3.0])
    np.testing.assert_array_equal(jax.jacfwd(f)(x), [3.0, 0.0, 3.0])
    assert float(jax.jvp(f, (x,), (x,))[1]) == 6.0
