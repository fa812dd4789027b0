"""Attention: numbers by hand, masks one by one and together, shapes refused."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit.layers import (
    AdditiveAttention,
    Attention,
    Embedding,
    GroupQueryAttention,
    MultiHeadAttention,
)
from onefit.layers.attention import softmax

RNG = np.random.default_rng(4)
QUERY = RNG.normal(size=(2, 3, 4)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 4)).astype("float32")
SEEN = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1]], bool)
THERE = np.array([[1, 1, 0], [0, 1, 1]], bool)


def refuses(text, error=ValueError):
    return pytest.raises(error, match=re.escape(text))


def heads(**settings):
    layer = MultiHeadAttention(2, 3, **settings)
    return layer.build(((None, 3, 4), (None, 5, 4)), np.random.default_rng(0))


def weights_of(layer, *inputs, **told):
    return np.asarray(layer(*inputs, return_attention_scores=True, **told)[1])


# One head -----------------------------------------------------------------------------


def test_weights_by_hand():
    query = np.array([[[1.0, 0.0]]])
    key = np.log([[[2.0, 9.0], [6.0, 9.0]]])
    value = np.array([[[10.0], [20.0]]])
    y, weights = Attention()([query, value, key], return_attention_scores=True)
    np.testing.assert_allclose(weights, [[[0.25, 0.75]]], rtol=1e-6)
    np.testing.assert_allclose(y, [[[17.5]]], rtol=1e-6)


def test_additive_weights_by_hand():
    layer = AdditiveAttention().build(((None, 1, 2), (None, 2, 2)))
    layer.set_weights([np.array([2.0, 1.0])])
    query = np.array([[[1.0, 0.5]]])
    key = np.array([[[0.0, 0.5], [-1.0, -0.5]]])
    _, weights = layer([query, key], return_attention_scores=True)
    first = np.exp(2 * np.tanh(1.0) + np.tanh(1.0))
    np.testing.assert_allclose(weights[0, 0, 0], first / (first + 1), rtol=1e-6)


@pytest.mark.parametrize("cls", [Attention, AdditiveAttention])
def test_adding_to_all_scores_changes_nothing(cls):
    """Equal keys have equal weights, whatever the query."""
    key = np.repeat(VALUE[:, :1], 5, axis=1)
    y = cls()([QUERY, VALUE, key])
    mean = np.broadcast_to(VALUE.mean(1, keepdims=True), (2, 3, 4))
    np.testing.assert_allclose(y, mean, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cls", [Attention, AdditiveAttention])
def test_masks_of_one_head(cls):
    layer = cls()
    y, weights = layer([QUERY, VALUE], mask=[THERE, SEEN], return_attention_scores=True)
    assert not np.any(np.asarray(weights)[np.broadcast_to(~SEEN[:, None], (2, 3, 5))])
    np.testing.assert_allclose(np.sum(weights, -1), np.ones((2, 3)), rtol=1e-6)
    assert not np.any(np.asarray(y)[~THERE])
    # As if the steps that are not there had never been.
    alone = layer([QUERY[:1], VALUE[:1, SEEN[0]]])
    np.testing.assert_allclose(y[0, :2], alone[0, :2], rtol=1e-5, atol=1e-6)
    mask = layer.compute_mask((QUERY, VALUE), (THERE, SEEN))
    np.testing.assert_array_equal(mask, THERE)


def test_a_key_of_one_head_may_have_its_own_mask():
    _, weights = Attention()(
        [QUERY, VALUE, VALUE], mask=[None, None, SEEN], return_attention_scores=True
    )
    np.testing.assert_array_equal(
        weights != 0, np.broadcast_to(SEEN[:, None], (2, 3, 5))
    )


def test_no_step_looks_ahead():
    _, weights = Attention()(
        [QUERY, QUERY], use_causal_mask=True, return_attention_scores=True
    )
    np.testing.assert_array_equal(weights[0] != 0, np.tri(3, dtype=bool))


@pytest.mark.parametrize("cls", [Attention, AdditiveAttention])
def test_a_query_that_sees_nothing_gets_zeros(cls):
    layer = cls()
    layer([QUERY, VALUE])
    mask = (None, jnp.asarray(SEEN & [[True], [False]]))

    def total(x):
        y, _ = layer.apply(layer.slot.params, {}, x, mask=mask)
        return jnp.sum(y**2), y

    run = jax.jit(jax.value_and_grad(total, has_aux=True))
    (_, y), gradient = run((QUERY, VALUE))
    assert not np.any(y[1])
    assert np.any(y[0])
    assert all(np.all(np.isfinite(g)) for g in gradient)


def test_softmax_and_its_derivatives_are_those_of_jax():
    scores = RNG.normal(size=(2, 3, 5))
    with jax.enable_x64(True):

        @jax.jit
        def both(s, t):
            each = (softmax, jax.nn.softmax)
            forwards = [jax.jvp(f, (s,), (t,)) for f in each]
            back = [jax.vjp(f, s)[1](t) for f in each]
            second = [jax.hessian(lambda s, f=f: jnp.sum(f(s) ** 3))(s) for f in each]
            return list(zip(forwards, back, second, strict=True))

        ours, theirs = both(scores, RNG.normal(size=scores.shape))
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-14)
        np.testing.assert_allclose(softmax(scores + 1e6), softmax(scores), atol=1e-9)


# Many heads ---------------------------------------------------------------------------


def test_heads_by_hand():
    """Σ_h softmax(Q_h K_hᵀ / √d) V_h W_h, written out with numpy."""
    layer = heads()
    wq, bq, wk, bk, wv, bv, wo, bo = layer.get_weights()
    expected = np.zeros((2, 3, 4)) + bo
    for h in range(2):
        q, k, v = (
            a @ w[:, h] + b[h]
            for a, w, b in ((QUERY, wq, bq), (VALUE, wk, bk), (VALUE, wv, bv))
        )
        e = np.exp(q @ k.swapaxes(1, 2) / np.sqrt(3))
        expected += e / e.sum(-1, keepdims=True) @ v @ wo[h]
    np.testing.assert_allclose(layer(QUERY, VALUE), expected, rtol=1e-5, atol=1e-6)


def test_one_group_of_heads_is_keys_and_values_repeated():
    settings = {"num_query_heads": 4, "num_key_value_heads": 2}
    grouped = GroupQueryAttention(3, **settings)
    y = grouped(QUERY, VALUE, use_causal_mask=True)
    wq, bq, wk, bk, wv, bv, wo, bo = grouped.get_weights()
    whole = MultiHeadAttention(4, 3).build(((None, 3, 4), (None, 5, 4)))
    repeated = [np.repeat(w, 2, axis=-2) for w in (wk, bk, wv, bv)]
    whole.set_weights([wq, bq, *repeated, wo, bo])
    expected = whole(QUERY, VALUE, use_causal_mask=True)
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


def test_attention_along_one_axis_is_rows_of_a_batch():
    x = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
    layer = heads(attention_axes=-2).build(((None, 3, 5, 4),) * 2)
    rows = heads()
    rows.set_weights(layer.get_weights())
    expected = rows(x.reshape(6, 5, 4), x.reshape(6, 5, 4), use_causal_mask=True)
    y = layer(x, x, use_causal_mask=True)
    np.testing.assert_allclose(y, expected.reshape(x.shape), rtol=1e-5, atol=1e-6)


GIVEN = RNG.random((2, 3, 5)) < 0.6


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({"value_mask": SEEN}, SEEN[:, None, None]),
        ({"key_mask": SEEN}, SEEN[:, None, None]),
        ({"mask": [None, SEEN]}, SEEN[:, None, None]),
        ({"query_mask": THERE}, THERE[:, None, :, None]),
        ({"attention_mask": GIVEN}, GIVEN[:, None]),
        ({"attention_mask": GIVEN[0]}, GIVEN[:1, None]),
        ({"attention_mask": GIVEN[:, :1]}, GIVEN[:, None, :1]),
        ({"attention_mask": GIVEN[:, None].repeat(2, 1)}, GIVEN[:, None]),
        ({"use_causal_mask": True}, np.tri(3, 5, dtype=bool)),
        (
            {
                "use_causal_mask": True,
                "query_mask": THERE,
                "value_mask": SEEN,
                "attention_mask": GIVEN,
            },
            np.tri(3, 5, dtype=bool)
            & THERE[:, None, :, None]
            & SEEN[:, None, None]
            & GIVEN[:, None],
        ),
    ],
    ids=lambda v: "+".join(v) if isinstance(v, dict) else "",
)
def test_masks_of_many_heads(told, seen):
    weights = weights_of(heads(), QUERY, VALUE, **told)
    seen = np.broadcast_to(seen, weights.shape)
    np.testing.assert_array_equal(weights != 0, seen)
    np.testing.assert_allclose(weights.sum(-1), seen.any(-1), rtol=1e-5)


def test_a_mask_a_head():
    given = np.stack([GIVEN, ~GIVEN], 1)
    weights = weights_of(heads(), QUERY, VALUE, attention_mask=given)
    np.testing.assert_array_equal(weights != 0, given)
    layer = GroupQueryAttention(3, 4, 2)
    layer(QUERY, VALUE)
    given = RNG.random((2, 4, 3, 5)) < 0.6
    weights = weights_of(layer, QUERY, VALUE, attention_mask=given)
    np.testing.assert_array_equal(weights != 0, given)


@pytest.mark.parametrize("window", [1, 2, 9])
def test_a_window_that_slides(window):
    weights = weights_of(heads(sliding_window=window), QUERY, VALUE)
    apart = np.abs(np.arange(3)[:, None] - np.arange(5))
    np.testing.assert_array_equal(weights[0, 0] != 0, apart < window)


def test_masks_along_the_axis_of_time():
    x = RNG.normal(size=(2, 3, 5, 4)).astype("float32")
    there = RNG.random((2, 3, 5)) < 0.7
    layer = MultiHeadAttention(2, 3, attention_axes=2)
    weights = weights_of(layer, x, x, value_mask=there)
    assert weights.shape == (2, 3, 2, 5, 5)
    seen = np.broadcast_to(there[:, :, None, None], weights.shape)
    np.testing.assert_array_equal(weights != 0, seen)


def test_a_graph_carries_masks_into_attention():
    ids = onefit.Input((5,), dtype="int32")
    words = Embedding(7, 4, mask_zero=True)(ids)
    layer = heads()
    y, scores = layer(words, words, return_attention_scores=True)
    model = onefit.Model(ids, [y, scores])
    assert list(model.output_shape) == [(None, 5, 4), (None, 2, 5, 5)]
    tokens = np.array([[3, 1, 2, 0, 0], [4, 5, 0, 0, 0]], "int32")
    weights = np.asarray(model.predict(tokens, verbose=0)[1])
    there = tokens != 0
    seen = there[:, None, :, None] & there[:, None, None]
    np.testing.assert_array_equal(weights != 0, np.broadcast_to(seen, weights.shape))


def test_keras_agrees_on_masks():
    import keras

    layer, theirs = heads(), keras.layers.MultiHeadAttention(2, 3)
    told = {"value_mask": SEEN, "attention_mask": GIVEN, "use_causal_mask": True}
    told["return_attention_scores"] = True
    theirs.build((2, 3, 4), (2, 5, 4))
    theirs.set_weights(layer.get_weights())
    expected = theirs(QUERY, VALUE, **told)
    for a, b in zip(layer(QUERY, VALUE, **told), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_weights_are_dropped_while_training():
    layer = MultiHeadAttention(2, 3, dropout=0.5)
    x = np.ones((4, 8, 4), "float32")
    assert layer.random
    assert not heads().random
    still = layer(x, x)
    np.testing.assert_array_equal(still, layer(x, x))
    assert np.std(layer(x, x, training=True), axis=1).max() > 1e-3


def test_penalties_and_constraints_hold_every_projection():
    layer = heads(kernel_regularizer="l2", bias_constraint="non_neg")
    params = layer.slot.params
    kernels = [w for name, w in params.items() if name.endswith("kernel")]
    assert len(kernels) == 4
    expected = 0.01 * sum(np.sum(np.square(w)) for w in kernels)
    np.testing.assert_allclose(layer.penalty(params), expected, rtol=1e-6)
    held = layer.constrain({name: w - 1 for name, w in params.items()})
    assert all(np.all(held[n] == 0) for n in params if n.endswith("bias"))
    np.testing.assert_array_equal(
        held["key_dense/kernel"], params["key_dense/kernel"] - 1
    )


def test_weights_are_named_in_order():
    layer = MultiHeadAttention(2, 3, use_gate=True, value_dim=5)
    layer.build(((None, 3, 4), (None, 5, 6)))
    shapes = {name: w.shape for name, w in layer.slot.params.items()}
    assert shapes == {
        "query_dense/kernel": (4, 2, 3),
        "query_dense/bias": (2, 3),
        "key_dense/kernel": (6, 2, 3),
        "key_dense/bias": (2, 3),
        "gate_dense/kernel": (4, 2, 5),
        "gate_dense/bias": (2, 5),
        "value_dense/kernel": (6, 2, 5),
        "value_dense/bias": (2, 5),
        "output_dense/kernel": (2, 5, 4),
        "output_dense/bias": (4,),
    }


# Refused ------------------------------------------------------------------------------

HEADS = "MultiHeadAttention 'multi_head_attention': received "


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: GroupQueryAttention(3, 6, 4),
            "GroupQueryAttention: received num_query_heads=6 and "
            "num_key_value_heads=4; expected as many query heads for each head of key "
            "and value. Write num_key_value_heads=3.",
        ),
        (lambda: MultiHeadAttention(0, 3), "received num_heads=0; expected a whole"),
        (lambda: MultiHeadAttention(2, 3, value_dim=0), "received value_dim=0"),
        (lambda: MultiHeadAttention(2, 3, dropout=2), "received dropout=2"),
        (lambda: MultiHeadAttention(2, 3, sliding_window=0), "sliding_window=0"),
        (lambda: Attention(score_mode="dto"), "Unknown score_mode of Attention 'dto'"),
    ],
)
def test_settings_that_are_refused(make, text):
    with refuses(text):
        make()


A, B = (None, 3, 4), (None, 5, 4)


@pytest.mark.parametrize(
    ("layer", "shapes", "text"),
    [
        (
            Attention(),
            A,
            "Attention 'attention': received one input; expected a query and a value, "
            "and a key if it is not the value. Write Attention()([query, value]).",
        ),
        (Attention(), (A, B, B, B), "received 4 inputs"),
        (
            Attention(),
            (A, (None, 5, 6)),
            "received query of shape (None, 3, 4), value of shape (None, 5, 6); "
            "expected query and key of one batch and of one size of features. Bring "
            "both to one size with Dense.",
        ),
        (
            Attention(),
            (A, B, (None, 6, 4)),
            "key of shape (None, 6, 4); expected as many keys as values",
        ),
        (AdditiveAttention(), ((None, 3, None),) * 2, "expected so many features"),
        (
            MultiHeadAttention(2, 3),
            A,
            HEADS + "one input; expected a query and a "
            "value, and a key if it is not the value. Write layer(x, x)",
        ),
        (MultiHeadAttention(2, 3), (A, (None, 5)), "expected inputs of as many axes"),
        (
            MultiHeadAttention(2, 3),
            ((2, 3, 4), (3, 5, 4)),
            "the same sizes along axes [0]",
        ),
        (MultiHeadAttention(2, 3), (A, (None, 5, None)), "a value of a known size"),
        (
            MultiHeadAttention(2, 3, attention_axes=2),
            (A, B),
            "time along axes from 1 to 1, not (2,)",
        ),
        (
            MultiHeadAttention(2, 3),
            (A, B, None, None, None, None, (None, 5, 3)),
            HEADS + "an attention_mask of shape (None, 5, 3); expected (None, 3, 5), "
            "or (None, 2, 3, 5) for a mask a head. Mask[i, t, s] says whether query t "
            "of row i sees key s.",
        ),
        (heads(), (A, (None, 5, 6)), "a value of 4 features"),
    ],
)
def test_inputs_that_do_not_fit(layer, shapes, text):
    with refuses(text):
        layer.output_shape(shapes)


def test_calls_that_are_refused():
    layer = heads()
    with refuses(
        "Unknown argument of a call of MultiHeadAttention "
        "'multi_head_attention' 'use_casual_mask'. Did you mean "
        "'use_causal_mask'"
    ):
        layer(QUERY, VALUE, use_casual_mask=True)
    with refuses(
        "received a mask of shape (2, 4) for input of shape (2, 5, 4); "
        "expected a mask of shape (2, 5)"
    ):
        layer(QUERY, VALUE, value_mask=SEEN[:, :4])
    with refuses("received one mask for 3 inputs; expected a mask for each input"):
        layer(QUERY, VALUE, mask=THERE)
    with refuses("received one mask for 2 inputs"):
        Attention()([QUERY, VALUE], mask=SEEN)
    x = np.ones((2, 3, 5, 4))
    with refuses("expected one axis of time, for a mask that follows time"):
        MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
