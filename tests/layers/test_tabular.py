"""Layers of RealMLP and TabM: numbers worked by hand, starts from data, bad input."""

import jax
import numpy as np
import pytest

import onefit
from onefit.layers import (
    CategoryOneHot,
    CategoryVectors,
    EnsembleDense,
    FadingDropout,
    FeatureScale,
    NTPDense,
    ParametricActivation,
    PeriodicEmbedding,
    RobustScaling,
)
from onefit.networks.starting import started
from onefit.optimizers import Adam

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 3)) * [1, 50, 1e-3] + [0, 1e3, 5]


def test_robust_scaling_is_by_quartiles_and_below_its_limit():
    layer = RobustScaling()
    layer.adapt(ROWS)
    low, middle, high = np.quantile(ROWS.astype("f4"), [0.25, 0.5, 0.75], axis=0)
    z = (ROWS - middle) / (high - low)
    np.testing.assert_allclose(layer(ROWS), z / np.sqrt(1 + (z / 3) ** 2), atol=2e-3)
    assert np.abs(layer(ROWS * 1e4)).max() <= 3.00001
    straight = RobustScaling(limit=None)
    straight.adapt(ROWS)
    np.testing.assert_allclose(straight(ROWS), z, atol=2e-3)


@pytest.mark.parametrize(
    ("column", "scale"),
    [
        ([0, 0, 0, 0, 0, 0, 0, 8], 2 / 8),  # the quartiles are equal
        ([0] * 20 + [4, 5, 9999], 2 / 5),
        ([7, 7, 7, 7], 0.0),  # constant
        ([1, 2], 1 / 0.5),
        ([4], 0.0),
    ],
)
def test_columns_without_a_spread(column, scale):
    layer = RobustScaling()
    layer.adapt(np.array(column, float)[:, None])
    assert float(layer.scale[0]) == pytest.approx(scale)


def test_periodic_embedding_by_hand():
    layer = PeriodicEmbedding(units=3, frequencies=2, rate_factor=0.5).build((None, 2))
    w, b, v, c = (0.5 * np.asarray(a) for a in layer.get_weights())
    x = ROWS[:4, :2]
    waves = np.cos(2 * np.pi * x[:, :, None] * w + b)
    sums = np.einsum("ndk,dku->ndu", waves, v) + c
    expected = np.concatenate([sums, x[:, :, None]], -1).reshape(4, 6)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=2e-3)


def test_vectors_are_of_their_own_column():
    layer = CategoryVectors([2, 3], units=2).build((None, 2))
    table = np.arange(14.0).reshape(7, 2)
    layer.set_weights([table])
    np.testing.assert_array_equal(
        layer(np.array([[0, 0], [2, 3]])), [[0, 1, 6, 7], [4, 5, 12, 13]]
    )


def test_ntp_dense_by_hand():
    layer = NTPDense(2, "tanh", bias_factor=0.1).build((None, 3))
    w, b = np.ones((3, 2)), np.array([1.0, -1.0])
    layer.set_weights([w, b])
    x = ROWS[:5] / [1, 50, 1]
    expected = np.tanh(x @ w / np.sqrt(3) + 0.1 * b)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-5)


def test_a_start_from_data_has_deviation_one_and_kinks_among_the_rows():
    layer = NTPDense(64)
    layer.start_from(ROWS)
    z = np.asarray(layer(ROWS))
    np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-3)
    assert (z.min(axis=0) < 0).all()
    assert (z.max(axis=0) > 0).all()


def test_networks_start_layer_after_layer():
    model = onefit.Sequential(
        [onefit.Input((3,)), RobustScaling(), NTPDense(16, "relu"), NTPDense(4)]
    )
    slot = model.graph.slot
    weights = jax.tree.map(lambda a: np.stack([a, a]), (slot.params, slot.state))
    x = np.stack([ROWS, 3 * ROWS]).astype("f4")
    params, state = started(model.graph, *weights, x, np.array([1, 2], "uint32"))
    for i in range(2):
        own = jax.tree.map(lambda a, i=i: a[i], (params, state))
        z = model.graph.apply(*own, x[i])[0]
        np.testing.assert_allclose(z.std(axis=0), 1, rtol=1e-3)
    assert np.abs(params[1]["kernel"][0] - params[1]["kernel"][1]).max() > 0
    assert jax.tree.map(np.shape, (params, state)) == jax.tree.map(np.shape, weights)


@pytest.mark.parametrize(
    ("layer", "factor", "seen"),
    [
        (FeatureScale(), 6.0, "gain"),
        (ParametricActivation("tanh"), 0.1, "strength"),
        (NTPDense(3), 0.1, "bias"),
        (PeriodicEmbedding(), 0.1, "bias"),
    ],
)
def test_a_rate_factor_is_how_much_faster_a_weight_moves(layer, factor, seen):
    """Adam's first step is the rate, whatever the gradient."""
    model = onefit.Sequential([onefit.Input((3,)), layer])
    before = np.asarray(getattr(layer, seen))
    model.compile(Adam(0.01, epsilon=1e-12), "mse")
    model.fit(ROWS[:8] / [1, 1e3, 5], np.ones((8, *model.output_shape[1:])), verbose=0)
    moved = np.abs(np.asarray(getattr(layer, seen)) - before) * factor
    np.testing.assert_allclose(moved, 0.01 * factor, rtol=2e-2)


def test_an_ensemble_layer_is_its_members_layers():
    layer = EnsembleDense(
        2, members=3, activation="relu", input_initializer="random_normal"
    ).build((None, 4))
    w, r, s, b = layer.get_weights()
    x = RNG.normal(size=(5, 4)).astype("f4")
    each = [np.maximum((x * r[i]) @ w * s[i] + b[i], 0) for i in range(3)]
    np.testing.assert_allclose(layer(x), np.stack(each, axis=1), rtol=1e-4, atol=1e-6)


def test_dropout_fades():
    layer = FadingDropout(0.5, steps=40).build((None, 50))
    x, shares = np.ones((40, 50), "f4"), []
    state = layer.slot.state
    for step in range(41):
        y, state = layer.apply({}, state, x, training=True, key=jax.random.key(step))
        shares.append(float((np.asarray(y) == 0).mean()))
        assert abs(float(y.mean()) - 1) < 0.15
    np.testing.assert_allclose(np.mean(shares[:20]), 0.5, atol=0.02)
    assert 0.2 < shares[30] < 0.3
    assert shares[40] == 0
    assert int(state["step"]) == 41
    assert layer.apply({}, state, x, training=False)[0] is x


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: CategoryOneHot([3])(np.array([[4]])), r"the code 4 at \[0, 0\]"),
        (lambda: CategoryVectors([3])(np.array([[-1]])), r"the code -1 at \[0, 0\]"),
        (lambda: CategoryOneHot([3, 2])(np.array([[1]])), "codes of 2 columns"),
        (lambda: CategoryOneHot(["a"]), r"sizes=\('a',\)"),
        (lambda: NTPDense(2).start_from(np.full((3, 2), np.nan)), "NaN or infinity"),
        (lambda: NTPDense(2).start_from(np.zeros((0, 2))), "data without rows"),
        (lambda: EnsembleDense(2, 3)(np.ones((5, 4, 2))), "Write members=4"),
        (lambda: FadingDropout(1.0, 10), "rate=1.0"),
        (lambda: PeriodicEmbedding()(np.ones((2, 3, 4))), "a table"),
    ],
)
def test_what_does_not_fit_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_a_file_has_them_all(tmp_path):
    numbers = onefit.Input((3,), name="numbers")
    codes = onefit.Input((2,), dtype="int32", name="codes")
    columns = [
        PeriodicEmbedding()(RobustScaling()(numbers)),
        CategoryOneHot([3, 2])(codes),
        CategoryVectors([3, 2])(codes),
    ]
    z = FeatureScale()(onefit.layers.Concatenate()(columns))
    z = FadingDropout(0.1, 9)(ParametricActivation("mish")(NTPDense(4)(z)))
    model = onefit.Model([numbers, codes], EnsembleDense(2, 3)(z))
    model.save(tmp_path / "m.keras")
    again = onefit.load_model(tmp_path / "m.keras")
    x = [ROWS[:4].astype("f4"), np.array([[1, 2], [0, 1], [3, 0], [2, 2]])]
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
